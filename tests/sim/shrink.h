/* shrink.h - a plan that fails is made smaller while it breaks the same invariant, until a person can read its trace.
 *
 * What struck in the run is listed, in the order of the run, and from there on only what is listed may happen. Then, the
 * boldest guess first, since a try costs less the less is left:
 *
 *   1. tablets that the finding does not name are away; no faults; simpler numbers (plan.h): no small pages, one patient…
 *   2. groups: all of one sort, all of one sort on one machine
 *   3. single acts, wishes and faults, half of them at once, then quarters… down to one by one, from the end to the
 *      beginning (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE
 *      2002, whose parts only ever get finer here: what could not go in large parts seldom goes later)
 *   4. all of it again, until nothing goes any more or the time is over
 *
 * Faults of the way, and of the disk while an exchange goes on, are known by numbers that count what was before: if an earlier
 * exchange went, all later ones would strike elsewhere or nowhere. So where there are such faults they are pinned to their
 * times first (plan.h).
 *
 * Each try is a process of its own (attempt.h), also for findings that died or hung. What did not fail is not tried twice.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/attempt.h"

struct shrunk {
	struct plan plan;        /* its lists are allocated: plan_free() */
	bool failed;             /* the plan did fail so; else nothing was tried */
	uint64_t tries;
	double seconds;
	uint64_t lines_before, lines_after;   /* of the trace */
	size_t struck_before, struck_after;   /* acts, wishes and faults */
};

/* The plan fails with that invariant. Ends after so many seconds, or where SIGINT or SIGTERM is pending, with what is left by
 * then. Tells how it goes on stderr. */
void shrink(struct shrunk *out, struct sim_stock *stock, const struct plan *plan, const char *invariant, unsigned seconds_max);

/* Write what is left as a regression: the plan, "--", the trace. False: the file could not be written. */
bool shrink_write(const struct shrunk *shrunk, struct sim_stock *stock, const char *path);

#endif
