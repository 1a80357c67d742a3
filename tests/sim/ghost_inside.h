/* ghost_inside.h - what the files of ghost.h share; private to ghost*.c.
 *
 * A word is *open* from its typing until its change is settled, or until its author took it away. Only open words are
 * looked up in the tablet's rows, so that a check costs what is unsent, not what was ever typed.
 */
#ifndef TESTS_SIM_GHOST_INSIDE_H
#define TESTS_SIM_GHOST_INSIDE_H

#include "tests/sim/ghost.h"

#define GHOST_CHUNK 1024    /* words that are allocated together: they never move */
#define GHOST_WATCHES 32    /* groups whose version is watched, of each tablet */
#define GHOST_SQL_SIZE 256

enum ghost_state {
	GHOST_MADE,      /* its act is under way, or nobody said how it ended */
	GHOST_STORED,    /* confirmed */
	GHOST_REJECTED,  /* told that it is not stored */
	GHOST_DOUBTFUL,  /* nobody knows until the next start */
	GHOST_NEVER,     /* … and then it was not there */
	GHOST_FORGIVEN   /* its disk had lied: nothing is asked */
};

struct ghost {
	struct word word; /* first */
	uint32_t number;
	enum ghost_state state;
	bool open;
	bool maybe_gone;  /* its author may have taken it away: that the row lacks it is no loss */
	uint64_t last_n;  /* the newest change that holds it; 0 = none */
	uint32_t *screen; /* words in all fields of its group as the row stood; owned */
	size_t screen_count;
};

/* A group whose version may only grow. */
struct ghost_watch {
	uint8_t kind;
	uint8_t group; /* wire number */
	struct id id;
	int64_t seq;
};

/* A signed note as it was first seen with nothing under way. */
struct ghost_note {
	struct id id;
	uint64_t hash;
};

/* Somebody deleted a record, or used a returned value again, knowing what the row held: a word of it, from then on seen. */
struct ghost_past {
	uint8_t kind;
	struct id id;
	uint32_t number; /* 0: nobody could look, and all that was typed before counts as seen */
	uint32_t until;  /* the newest word there was at that time */
};

struct ghost_tablet {
	uint32_t *open; /* numbers of open words, ascending but for those that were opened again */
	size_t open_count, open_room;
	uint64_t looked_n; /* rows of the journal up to here have been looked at */
	uint64_t proven_n; /* the centre was asked, and has all up to here */
	struct ghost_watch watches[GHOST_WATCHES];
	size_t watch_count, watch_put, watch_look;
	struct ghost_note *notes;
	size_t note_count, note_room;
	struct id note_look; /* the note looked at last */
	struct ghost_past *pasts;
	size_t past_count, past_room;
	uint64_t writes;   /* of its connections and lives, when the last step was checked: nothing else changes what is read */
	uint64_t cursor;   /* hash of the newest one */
	bool cursor_moved; /* with the answer applied last */
	unsigned asked;    /* chances to compare what its status says */
	uint32_t sample;   /* the word whose record was compared with the centre's last */
};

struct ghosts {
	struct ghost **chunks;
	size_t chunk_count;
	uint32_t count;
	struct ghost_tablet *tablets; /* by index of the node; [0] is not used */
	unsigned tablet_count;        /* with [0] */
};

/* NULL: there is no such word. */
struct ghost *ghost_find(const struct ghosts *ghosts, uint32_t number);
/* The number is one that was given. */
struct ghost *ghost_at(const struct ghosts *ghosts, uint32_t number);
void ghost_text(const struct ghost *g, char text_out[GHOST_WORD_SIZE]);
const struct kind *ghost_kind(const struct sim *sim, const struct ghost *g);
const struct field *ghost_field(const struct sim *sim, const struct ghost *g);
/* For people: "p3w17. (item 3f… title, of tablet 2)". */
struct ghost_name {
	char text[160];
};
struct ghost_name ghost_name(const struct sim *sim, const struct ghost *g);
bool ghost_same_record(const struct ghost *a, const struct ghost *b);
const struct group *ghost_group(const struct sim *sim, const struct ghost *g);
/* Room for one more of an array. */
void *ghost_room(void *array, size_t count, size_t *room, size_t size);

struct ghost_tablet *ghost_tablet(struct sim *sim, unsigned tablet);
void ghost_open(struct ghost_tablet *gt, struct ghost *g);
/* Those that are no longer open leave the list. */
void ghost_sweep(struct ghosts *ghosts, struct ghost_tablet *gt);
/* Its author took it away. */
void ghost_took_away(struct ghost *g);

/* --- reading a tablet: ghost_read.c ------------------------------------------------------------------- */

/* Between these two no fault strikes the tablet, also within an act. False: it can't be looked at. */
struct ghost_look {
	struct sim_tablet *t;
	bool acting;
};
bool ghost_look_begin(struct ghost_look *look, struct sim_tablet *t);
void ghost_look_end(struct ghost_look *look);

/* A prepared statement of the tablet's own connection; NULL: it can't be had. db_done it. */
sqlite3_stmt *ghost_prepare(struct sim_tablet *t, const char *sql);
/* The first column of the first row. *out is left alone where there is none. False: that can't be read. */
bool ghost_int(struct sim_tablet *t, sqlite3_stmt *stmt, int64_t *out);
/* The same with ?1 a kind, ?2 an id and ?3 a number. */
int64_t ghost_ask(struct sim_tablet *t, const char *sql, unsigned kind, const struct id *id, int64_t number, int64_t otherwise);
int64_t ghost_count(struct sim_tablet *t, const char *sql);

enum ghost_sight {
	SIGHT_SHOWN,     /* the row holds it */
	SIGHT_LACKING,   /* the row is there and does not */
	SIGHT_GONE_WITH, /* deleted here, and the last row holds it */
	SIGHT_GONE,      /* deleted, and it does not */
	SIGHT_NOWHERE,   /* neither row nor deletion */
	SIGHT_NONE       /* can't be read */
};
enum ghost_sight ghost_sight(struct sim_tablet *t, const struct ghost *g);
/* What the row shows now of the word's group, into g->screen and g->word.shown. */
void ghost_see(struct sim_tablet *t, struct ghost *g);
/* Each word in the last row of a record that was deleted here. False: there is no such row, or it can't be read. */
bool ghost_each_gone(struct sim_tablet *t, uint8_t kind, const struct id *id, void (*fn)(void *ctx, uint32_t number), void *ctx);
/* Words in rows of the journal that are new since the last look are taken up. */
void ghost_take_up(struct sim_tablet *t);
/* Is there an own edit of the word's group after the newest change that holds it? */
bool ghost_edited_since(struct sim_tablet *t, const struct ghost *g);
/* 0 waits, 1 held, 2 settled, 3 returned; -1: no such row. */
int64_t ghost_journal_state(struct sim_tablet *t, uint64_t n);

/* --- checks that are also made at the end: ghost_check.c ------------------------------------------------ */

/* I7 of one open word; closes it where its author took it away. */
void ghost_check_word(struct sim_tablet *t, struct ghost *g);
void ghost_check_all_words(struct sim_tablet *t);
void ghost_check_books(struct sim_tablet *t);   /* I3, I9 */
void ghost_check_notes(struct sim_tablet *t, size_t count); /* I27: so many of the signed notes; SIZE_MAX: all */
void ghost_check_watches(struct sim_tablet *t, size_t count); /* I7: versions never go back */

#endif
