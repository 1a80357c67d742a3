/* steps.h - scenarios that are stopped dead at every step they take, and go on from there to the same end.
 *
 * A scenario sets up a centre and a few tablets, and then acts: people write, tablets sync. It is played
 *
 *   1. as told, then healed (syncs until nothing moves): its end, and what it was for, are noted;
 *   2. once more upon that: every process starts anew, every request of the act comes a second time, everybody
 *      syncs: the end is the same;
 *   3. for each message of it, with that message lost;
 *   4. for each call of each machine's disk within its acts, and each model of what a disk keeps (disk.h; twice where
 *      chance decides), with the machine stopped at that call and started again, and what people were not told that it is
 *      stored done again unless it is there: the end is the same, the databases are whole, the chain holds.
 *
 * A person who was told that something is stored never does it again, so that work that is lost after it was confirmed
 * makes another end. No scenario's end depends on how long a machine was down: none lets a clock decide.
 *
 * Stops that leave the same bytes on the same disk at the same moment (between the same two acts) have the same
 * future. So while the act is played as told each call is looked at: what would each model leave of the disk, and
 * which pages does SQLite find in that? Every stop is counted, opened by SQLite and read; of those with the same
 * moment, machine and pages one by a kill and one by a power cut (after which the machine's clocks are new) is played
 * to the end. A call that changes nothing leaves the disk as the next one that does finds it: of these one in each
 * sort of act is played. STEPS_WHOLE=1 plays every stop to the end.
 *
 * One thread; sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) is the caller's.
 */
#ifndef TESTS_SIM_STEPS_H
#define TESTS_SIM_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "tests/sim/sim.h"

struct steps;

struct scenario {
	const char *name;    /* a sentence: what it promises */
	const char *from;    /* whose incident or scenario it was: "pouchdb#1240", "LiteCore: delete then create" */
	unsigned tablets;
	size_t records_max;  /* of an answer; 0 = the budget alone */
	void (*set_up)(struct steps *s); /* after it, all tablets sync and all processes end */
	void (*act)(struct steps *s);
	void (*check)(struct steps *s);  /* what the end must be, once; NULL: being the same is enough */
};

struct scenario_list {
	const struct scenario *rows;
	size_t count;
};
extern const struct scenario_list STEPS_TABLET, STEPS_MERGE, STEPS_CENTRE, STEPS_FEED;

/* --- what a scenario may do (steps_people.c) ---------------------------------------------- */

/* Patients and items that scenarios speak of. */
#define PAT_A "0a000000-0000-4000-8000-00000000000a"
#define PAT_B "0b000000-0000-4000-8000-00000000000b"
#define PAT_C "0c000000-0000-4000-8000-00000000000c"
#define ITEM_A "1a000000-0000-4000-8000-0000000000a1"
#define ITEM_A2 "1a000000-0000-4000-8000-0000000000a2"
#define ITEM_A3 "1a000000-0000-4000-8000-0000000000a3"
#define ITEM_B "1b000000-0000-4000-8000-0000000000b1"
#define ITEM_B2 "1b000000-0000-4000-8000-0000000000b2"
#define ITEM_C "1c000000-0000-4000-8000-0000000000c1"

/* Does the tablet's (0: the centre's) database answer this query with a number other than 0? */
bool steps_there(struct steps *s, unsigned node, const char *query);

/* A person writes on the tablet, by one statement or several in a transaction, unless `there` finds it. */
void person_writes(struct steps *s, unsigned tablet, const char *there, const char *sql);
/* The same by a program of its own. */
void program_writes(struct steps *s, unsigned tablet, const char *there, const char *sql);
/* One field of an item, by save_fields of the page that was opened when the row had that version. */
int64_t person_opens(struct steps *s, unsigned tablet, const char *item);
void person_saves(struct steps *s, unsigned tablet, const char *item, int64_t shown, const char *field, const char *text);

/* Supervisors. */
void staff_makes_patient(struct steps *s, const char *id, const char *name);
/* fields: name, text, …, NULL */
void staff_makes_item(struct steps *s, const char *id, const char *patient, const char *const *fields);
void staff_edits(struct steps *s, const char *kind, const char *id, const char *field, const char *text);
void staff_deletes(struct steps *s, const char *kind, const char *id);
void staff_gives(struct steps *s, unsigned tablet, const char *patient);
void staff_takes_away(struct steps *s, unsigned tablet, const char *patient);
void staff_answers_held(struct steps *s, bool accept); /* the oldest open one */
void staff_decides(struct steps *s, unsigned candidate); /* the open conflict; candidates count from 0 */

/* Tablets have a link only while they sync. Until one exchange has gone well and there is no more to come. */
void tablet_syncs(struct steps *s, unsigned tablet);
void tablets_sync(struct steps *s, unsigned first, unsigned second); /* at the same time */
/* Its request has left; the answer comes with the next tablet_syncs. */
void tablet_sends(struct steps *s, unsigned tablet);
void tablet_restarts(struct steps *s, unsigned tablet);
void tablet_checkpoints(struct steps *s, unsigned tablet);
void centre_restarts(struct steps *s);
void centre_checkpoints(struct steps *s);
void time_passes(struct steps *s, int64_t ms);

/* What the query answers on that machine (0: the centre), as text, is this. */
void steps_want(struct steps *s, unsigned node, const char *want, const char *query);

/* --- the machinery ------------------------------------------------------------------------------ */

struct steps_options {
	uint64_t every;      /* looks at each n-th call, plays each n-th stop found, loses each n-th message; 1 = all */
	bool whole;          /* plays stops with a known future too */
	const char *one;     /* "2 117 torn 1": this stop alone, told; "lost 3": this message; NULL */
	bool told;
};

struct steps_result {
	uint64_t stops, played, lost; /* stops looked at, played to the end; messages lost */
	char wrong[SIM_WRONG_SIZE + 256]; /* "" = nothing */
};

void steps_run(struct sim_stock *stock, const struct scenario *scenario, const struct steps_options *options,
	       struct steps_result *result);

#endif
