/* shrink_inside.h - for shrink.c, which says what is tried, and shrink_try.c, which tries it and keeps what still fails.
 * One thread; each try is a process.
 */
#ifndef TESTS_SIM_SHRINK_INSIDE_H
#define TESTS_SIM_SHRINK_INSIDE_H

#include "tests/sim/shrink.h"

/* One thing that may still happen. */
struct item {
	struct pin pin;
	bool pinned;
};

/* As a plan has them, with room for all. */
struct lists {
	struct instance *only;
	struct pin *pins;
};

struct shrinking {
	struct shrunk *out;
	struct sim_stock *stock;
	struct attempt *attempt;
	const char *invariant;
	double began, told, until;
	unsigned try_seconds;
	uint64_t lines_max;         /* a try whose trace is so long is none */
	uint64_t named[PLAN_TABLETS_WORDS]; /* tablets of which the finding speaks */
	struct item *kept;          /* what may still happen, in the order of the run */
	size_t kept_count;
	struct item *left;          /* the same of a candidate */
	struct lists is, candidate; /* and as their plans have it; those of out->plan are its own */
	uint64_t *passed;           /* hashes of the plans that did not fail */
	size_t passed_count, passed_room;
};

/* By the monotonic clock. */
double shrink_seconds(void);

/* Is the time over, or was it stopped? Then all further tries come to nothing. */
bool shrink_is_over(const struct shrinking *s);

/* One try: does the plan fail in the way that is wanted? Not again where it did not. What came of it is in s->attempt. */
bool shrink_fails(struct shrinking *s, const struct plan *plan);

/* With so many of s->left, and what else the plan says: keep that where it still fails, and leave out what then does
 * not strike any more, if it may. s->left holds nothing of use afterwards. */
bool shrink_keep(struct shrinking *s, const struct plan *smaller, size_t count);

/* Another plan, with all that was kept. */
bool shrink_keep_plan(struct shrinking *s, const struct plan *smaller);

/* All that struck in the run just played, each once, as s->left; returns how many. */
size_t shrink_gather_all(struct shrinking *s);

/* Aborts where there is none. What the plan has as its lists stays when the rest is given up. */
void shrink_make_room(struct shrinking *s);
void shrink_give_up_room(struct shrinking *s);

#endif
