/* plan.h - what a run does, expanded from its seed: sizes, works, and which faults are on, how
 * often. Every seed turns on some of the faults alone (swarm testing: Groce, Zhang, Eide, Chen, Regehr,
 * ISSTA 2012), so that one does not hide what another would show.
 *
 * A plan can also be made smaller than its seed says: until when anything happens, which tablets
 * act or are there at all, which faults are on, and which single acts and faults happen at all. Shrinking does that, and a
 * kept trace (corpus) is a plan in writing.
 */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"

#define PLAN_LINE_SIZE 128
#define PLAN_TABLETS_MAX 200
#define PLAN_TABLETS_WORDS ((PLAN_TABLETS_MAX + 63) / 64) /* of 64 bits; tablet 1 is the first one's lowest */

enum fault {
	/* the way between; k: the tablet's exchange */
	FAULT_LOST_UP, FAULT_LOST_DOWN, FAULT_TWICE_NOW, FAULT_TWICE_LATE, FAULT_REORDERED, FAULT_CUT, FAULT_STALLED,
	FAULT_PORTAL, FAULT_OLD_ANSWER, FAULT_STATUS, FAULT_TOO_LARGE, FAULT_BITS, FAULT_BITS_UP,
	/* the tablet's day */
	FAULT_NO_LINK, FAULT_CLOCK_SET, FAULT_SLEEP,
	/* the centre's day */
	FAULT_CENTRE_CLOCK,
	/* within an act of a node */
	FAULT_IO, FAULT_SYNC, FAULT_LIE, FAULT_FULL, FAULT_READ_ONLY, FAULT_BUSY, FAULT_KILL_POINT, FAULT_KILL_CALL,
	FAULT_COUNT
};

enum work {
	WORK_ROWS,      /* unique rows: made once, found in the end */
	WORK_NOTES,     /* unique words appended to narrative */
	WORK_REGISTERS, /* single fields that many write */
	WORK_GUARDED,   /* guarded groups, with what each screen showed */
	WORK_SESSIONS,  /* what one person reads after writing */
	WORK_SQL,       /* forms of statement */
	WORK_DAY,       /* a day of visits, notes, tasks, observations on the whole schema */
	WORK_COUNT
};

/* One act, one wish for a sync, or one fault of a run: (sort, node, k). Ascending order of the packed number. */
struct instance {
	uint64_t packed;
};
struct instance instance_act(unsigned node, uint64_t k);
struct instance instance_wish(unsigned node, uint64_t k); /* acts of their own, with numbers of their own */
struct instance instance_fault(enum fault fault, unsigned node, uint64_t k);
unsigned instance_sort(struct instance instance); /* a fault, or an act or a wish: below INSTANCE_SORTS */
unsigned instance_node(struct instance instance);
uint64_t instance_number(struct instance instance);
bool instance_is_fault(struct instance instance);
#define INSTANCE_SORTS (FAULT_COUNT + 2)

/* A fault that strikes not by the number of its exchange, or of what its machine does, which is another one once something
 * before is left out, but the first of the same kind that it can strike at a time or later; and then as its number says. */
struct pin {
	struct instance instance;
	int64_t at_ms; /* counted from the beginning */
};
/* Does its number count what was before? Else a pin never strikes. */
bool instance_counts(struct instance instance);

struct plan {
	uint64_t seed;
	bool whole;             /* Doorstep's own schema; else the small one (support/world.h) */
	unsigned tablets, days, syncs_a_day, acts_a_day, patients;
	uint32_t budget;        /* bytes of answer the tablets ask for; 0 = the default */
	size_t records_max;     /* of an answer; 0 = the budget alone */
	bool program;           /* half of the edits go through another program's connection */
	bool power;             /* a death may be a power cut: DISK_SYNCED, SOME, TORN; else a kill */
	bool honest_clocks;
	bool together;          /* all act and sync at the same times of the day: requests meet in one batch */
	bool withdrawals;       /* tablets are withdrawn from use, accounts disabled, and let in again */
	bool slow;              /* bytes are on their way for many seconds, so that much happens meanwhile */
	bool covers;            /* some patients are given for a time */
	uint32_t odds[FAULT_COUNT];   /* once in so many; 0 = off */
	uint32_t weight[WORK_COUNT];  /* of a tablet's acts */
	/* smaller than the seed says */
	int64_t until_ms;       /* acts and faults up to there, counted from the beginning; INT64_MAX */
	uint64_t silent[PLAN_TABLETS_WORDS]; /* tablets whose people do nothing; they sync */
	uint64_t away[PLAN_TABLETS_WORDS];   /* tablets that are enrolled and never run, and begin without patients */
	const struct instance *only; /* ascending; NULL = all. The caller's */
	size_t only_count;
	const struct pin *pins; /* beside `only`. The caller's */
	size_t pin_count;
};

/* As the seed says. */
void plan_of_seed(struct plan *plan, uint64_t seed);

/* May it happen at all (sizes and lists; odds apart)? */
bool plan_has(const struct plan *plan, struct instance instance, int64_t elapsed_ms);

/* Would this pin strike there, at that time? */
bool pin_fits(const struct pin *pin, struct instance instance, int64_t elapsed_ms);

bool plan_is_away(const struct plan *plan, unsigned tablet);

/* One line a fact, "seed 12", "tablets 5", "fault lost-up 6", "work notes 3", "until_ms 3600000", "silent 2",
 * "away 1-4 6", "only act 3 17-25 31", "only wish 3 2", "only cut 2 9", "only nothing", "at 3600000 cut 2 9" (a pin): what
 * differs from the seed's own plan, or all of it. "faults none" and "works none" turn off what no later line turns on. */
void plan_write(const struct plan *plan, bool all, struct buf *out);
/* Reads such lines up to an empty one, the end, or "--"; unknown words are an error in *line_out. Its lists are
 * allocated: plan_free(). */
bool plan_read(struct plan *plan, FILE *in, char line_out[PLAN_LINE_SIZE]);

void plan_free(struct plan *plan);

const char *fault_name(enum fault fault);
const char *work_name(enum work work);

#endif
