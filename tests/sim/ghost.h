/* ghost.h - what people have typed and seen, kept outside all nodes: the ghosts that ask for
 * their words in the end.
 *
 * A word is unique: "p3w17." belongs to the patient of slot 3 and is the 17th of the run, so that a word that turns up
 * where its patient has no business is told (I13), and a value names who typed it, when by the true time, and
 * what they saw. Checks (RELIABILITY.md section 1): I1, I7, I21 and the tablet's side of I3, I8, I9, I12, I22, I27. Of I26
 * it knows what each screen showed; the judge asks.
 */
#ifndef TESTS_SIM_GHOST_H
#define TESTS_SIM_GHOST_H

#include "tests/sim/sim.h"

#define GHOST_WORD_SIZE 24

struct word {
	unsigned tablet;     /* node; 0 = the centre */
	unsigned patient;    /* slot */
	uint8_t kind;        /* wire number */
	struct id id;
	uint8_t field;       /* index in the kind */
	int64_t made_ms;     /* true time */
	int64_t heard_ms;    /* true time: the request left whose answer its tablet had applied last; 0 = none */
	bool confirmed;      /* the statement or call said that it is stored */
	bool overwritten;    /* by its own author, before it was in a change: it need not be found */
	uint64_t n;          /* the change that took it up first; 0 = none yet */
	int64_t acted_ms;    /* true time of its author's newest act when that took it up: whatever it was, it may be what is dated */
	bool appended;       /* to narrative that keeps what was there; set by whoever writes it */
	bool on_page;        /* saved from a page that may have been open for long; set by whoever saves it */
	uint32_t shown;      /* newest word that the author's screen showed in this field; 0 = none */
	uint32_t shown_first; /* the same at the oldest edit that was not sent then: the change's base */
};

struct ghosts *ghosts_new(struct sim *sim);
void ghosts_free(struct ghosts *ghosts);

/* A new word for this place; its text into text_out. Not confirmed. Returns its number, from 1. kind: wire number.
 * Call it before the writing: shown is what the tablet's row holds now; whoever saves a page of earlier sets shown by
 * ghost_get. The centre's people see what stands. */
uint32_t ghost_word(struct sim *sim, unsigned tablet, unsigned patient, uint8_t kind, const struct id *id, uint8_t field,
		    char text_out[GHOST_WORD_SIZE]);
struct word *ghost_get(struct sim *sim, uint32_t number); /* NULL: there is none; valid until ghosts_free */
/* Had the author of this word the other one on the screen when writing (in the same field, or another of the group), or was
 * it their own, or an older one in the chain of what they had seen? True where either number is 0, as values without a
 * word are everybody's, and where the two belong to different records. */
bool ghost_was_shown(struct sim *sim, uint32_t number, uint32_t replaced);
/* The number of the newest word in a text; 0 = none. Every word in it: next from *at on. */
uint32_t ghost_last_in(const char *text, size_t len);
uint32_t ghost_next_in(const char *text, size_t len, size_t *at);
/* The patient's slot of a word in raw bytes ("p3w17." anywhere): every one, next from *at on. False: no more. */
bool ghost_scan(const uint8_t *bytes, size_t len, size_t *at, unsigned *patient_out, uint32_t *number_out);

/* How an act ended that wrote words. KEPT: the caller was told that it is stored. REFUSED: told that not, and alive: it
 * isn't. UNKNOWN: the process died, or failed in COMMIT: what stands after the next start decides. */
enum ghost_end { GHOST_KEPT, GHOST_REFUSED, GHOST_UNKNOWN };
void ghost_ended(struct sim *sim, const uint32_t *words, size_t count, enum ghost_end end);
/* The record was (or, where that is UNKNOWN, may have been) deleted on that tablet; by REPLACE too, and then before ghost_ended of
 * the words that it wrote. What no change took up still has to go out with the deletion, unless the author makes the record
 * again without it: then it was overwritten. */
void ghost_deleted(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id);
/* The author looks at the record, and then puts something without a new word over it: what its row holds was seen, by all that
 * they type there later too. On a tablet, before the act. */
void ghost_looked_at(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id);
/* The author may have put something without a new word into the field (typed back, emptied, a returned value): words that the
 * row then no longer holds were overwritten. */
void ghost_rewritten(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id, uint8_t field);
/* A disk that lied about a sync lost what it had kept, as nobody can help: nothing is asked any more of the words that were
 * typed there so far. Before ghost_check_started. */
void ghost_forgotten(struct sim *sim, unsigned tablet);

/* --- checks of a tablet: called by sim.c after the event; each tells the first thing that is wrong ------------ */

void ghost_check_started(struct sim_tablet *t); /* the process has just started: what was unknown is known now */
void ghost_check_built(struct sim_tablet *t);   /* a request was built and committed: words in new journal rows are taken up */
void ghost_check_taken(struct sim_tablet *t);   /* an answer was applied */
/* After ghost_check_taken of the last answer of an exchange whose request was built at that time and left alone what was
 * edited within rest_ms: nothing else stays behind (I20, I21). */
void ghost_check_prompt(struct sim_tablet *t, int64_t built_ms, int64_t rest_ms);
void ghost_check_heard(struct sim_tablet *t);   /* after ghost_check_taken of one that said no more (I8) */
void ghost_check_step(struct sim_tablet *t);    /* after every event of this tablet: cheap */
/* Three times the longest back-off after all healed: the outbox is empty but for what is held or exceeds a limit (I21). */
void ghost_check_live(struct sim_tablet *t);
void ghost_check_end(struct sim *sim);          /* everything rests */

#endif
