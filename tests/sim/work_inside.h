/* work_inside.h - what the files of work.h share: places, and an act of a tablet's person from its
 * beginning to its end. Private to work*.c.
 *
 * An act looks first (outside the node's act, where nothing strikes), then says deed_begin, types, and says
 * deed_end, which tells the ghosts how its words ended. What it does not begin leaves no trace.
 */
#ifndef TESTS_SIM_WORK_INSIDE_H
#define TESTS_SIM_WORK_INSIDE_H

#include "client/save.h"
#include "tests/sim/ghost.h"
#include "tests/sim/node.h"
#include "tests/sim/sim_centre.h"
#include "tests/sim/sim_tablet.h"
#include "tests/sim/work.h"

#define WORK_TEXT_SIZE 8192   /* of a text that is looked at */
#define WORK_TEXT_FULL 3000   /* no more is written to narrative of so many bytes */
#define WORK_THINGS 5         /* slots of shared things of a patient */
#define WORK_TAKEN 2          /* patients that a tablet may take up by itself */
#define WORK_REGISTERED 2     /* patients that the centre may register later; their slots come last */
#define WORK_NAME_SIZE 48
#define DEED_WORDS_MAX 12

/* Where the ids of records come from: slots of one kind of use. Numbers above every node's. */
enum use {
	USE_PATIENT = 1000, USE_THING, USE_CURE, USE_ROW, USE_VISIT, USE_NOTE, USE_RISK, USE_GOAL, USE_ADDENDUM, USE_VITAL,
	USE_CALL
};

struct place {
	const struct kind *kind;
	unsigned patient; /* slot */
	struct id id;
	char text[ID_TEXT_SIZE], patient_text[ID_TEXT_SIZE];
	char name[WORK_NAME_SIZE]; /* for the trace: "item p3.1" */
};

/* The names of what the works that both schemas know act on; NULL: there is no such thing. */
struct ground {
	const char *thing, *title, *notes, *tags, *refers;
	const char *cure, *cure_name; /* the guarded kind; a field that it must have */
	const char *phone;
};
const struct ground *work_ground(const struct sim *sim);

/* What narrative that nobody has touched yet holds: a plain sentence, and one that others may be put in front of. */
#define WORK_FIRST_WORDS "Mother ate supper gladly. Saw everybody at home."

struct id work_id(const struct sim *sim, enum use use, uint64_t a, uint64_t b);
/* The j-th patient that is mostly this tablet's. */
#define WORK_HOME 4
unsigned work_home(const struct sim *sim, unsigned tablet, unsigned j);

/* The slot of a record that the tablet's k-th act makes, and nobody else ever does. */
uint64_t work_own_slot(unsigned tablet, uint64_t k);

void place_init(const struct sim *sim, struct place *place, const char *kind, unsigned patient, enum use use, uint64_t slot);
void place_of_id(const struct sim *sim, struct place *place, const struct kind *kind, unsigned patient, const struct id *id);
/* The field as the tablet shows it, "" for null. False: no such record there, or more than can be looked at. */
bool place_read(struct sim_tablet *t, const struct place *place, const char *field, char text_out[WORK_TEXT_SIZE]);
bool place_there(struct sim_tablet *t, const struct place *place);
int64_t place_version(struct sim_tablet *t, const struct place *place); /* 0: not there */

/* --- narrative: work_text.c ------------------------------------------------------------------------ */

/* text with the word in it as people write: behind all, on a line of its own, between what others wrote, or carelessly as
 * part of the last sentence; or behind all, with another verb or one word more in what somebody wrote. Often the plain sentence
 * (work.h) that it begins with is put otherwise, too; an empty text may be given one. No word of a ghost's goes. False: it is
 * full. */
bool work_append(struct dice *dice, const char *text, const char *word, char text_out[WORK_TEXT_SIZE]);

/* --- an act of a tablet's person ---------------------------------------------------------------------- */

struct deed {
	struct sim *sim;
	struct sim_tablet *t;
	uint64_t k;
	struct dice dice;
	enum work work;       /* WORK_COUNT: none of them */
	bool series;          /* it is one of several at one record: `shared` says which */
	struct dice shared;
	bool program;         /* statements go through another program's connection */
	bool may_refuse;      /* that a rule refuses it is no surprise */
	enum ghost_end end;   /* so far; GHOST_KEPT until something fails */
	bool done;            /* it was begun and has ended */
	const struct place *gone;      /* the record that the act deletes or replaces; NULL: none */
	const struct place *rewritten; /* the record into which it puts values that hold no new word, and the fields; NULL: none */
	uint64_t rewritten_mask;
	uint32_t words[DEED_WORDS_MAX], undone[DEED_WORDS_MAX];
	size_t word_count, undone_count;
};

/* A place of the act's choice. False: that patient, or that record, is not on the tablet. */
unsigned deed_patient(struct deed *d);
bool deed_has_patient(const struct deed *d, unsigned patient);
void deed_thing(struct deed *d, struct place *place);
void deed_cure(struct deed *d, struct place *place);

/* A new word, before it is typed: its author's screen shows the record as it stands on the tablet. Whoever has another
 * page open says so in word->shown. */
uint32_t deed_word(struct deed *d, const struct place *place, const char *field, char word_out[GHOST_WORD_SIZE]);
/* A sentence with a new word in narrative that keeps what was there; text_out the whole text. False: it is full. */
bool deed_append(struct deed *d, const struct place *place, const char *field, const char *text,
		 char text_out[WORK_TEXT_SIZE]);

void deed_begin(struct deed *d);
/* One statement; formats are sqlite3_mprintf's. False: it failed, and d->end says how far that can be believed. */
bool deed_sql(struct deed *d, const char *format, ...);
/* ROLLBACK, whatever it says. */
void deed_rollback(struct deed *d);
/* Of a call of the library. */
bool deed_status(struct deed *d, enum status status);
/* What was typed so far is taken back: it must not stand, however the act ends. */
void deed_take_back(struct deed *d);
/* Tells one line, ends the node's act and the words; counts the work, and met (MET_COUNT: nothing) where all was kept.
 * True: it was kept, and the process lives. */
bool deed_end(struct deed *d, enum met met, const char *format, ...) PRINTF_LIKE(3, 4);

/* --- the works: each one act; it does nothing where its place is not there ---------------------------------- */

void work_rows(struct deed *d);
void work_notes(struct deed *d);
void work_registers(struct deed *d);
void work_guarded(struct deed *d);
void work_sessions(struct deed *d); /* work_pages.c */
void work_sql(struct deed *d);
void work_day(struct deed *d);

/* A draft for each day at which all who care for one patient write, and which each may sign: on the whole schema made by the
 * centre, before the run. */
void work_joint_place(const struct sim *sim, unsigned day, struct place *place);

/* Now and then, whatever the plan's works: work_mend.c. */
void work_decide(struct deed *d);     /* an open conflict */
void work_reuse(struct deed *d);      /* a returned value is used again */
void work_type_back(struct deed *d);  /* to the base */
void work_poison(struct deed *d);     /* a value that can't go is typed, or corrected */
void work_take_up(struct deed *d);    /* a new patient */

/* --- pages: what a person has had open since ------------------------------------------------------------------- */

#define WORK_PAGES 3
#define PAGE_FIELDS 3
#define PAGE_TEXT_SIZE 2048

struct page {
	bool is_open;
	struct place place;
	int64_t version;
	char texts[PAGE_FIELDS][PAGE_TEXT_SIZE]; /* as shown */
	uint32_t shown[PAGE_FIELDS];             /* newest word in it */
};

struct works {
	size_t page_count;
	struct page pages[]; /* WORK_PAGES a tablet */
};

#endif
