/* shrink.h - a plan that fails is made smaller while it fails in the same way: less time, fewer
 * tablets, fewer kinds of fault, and in the end fewer single acts and faults (delta debugging: Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002).
 *
 * Each try is a process of its own (attempt.h). A finding that died or hung shrinks by time, tablets and kinds of fault
 * alone, since nobody could say what had struck.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/attempt.h"

struct shrunk {
	struct plan plan;        /* its `only` is allocated: free() it */
	uint64_t tries;
	uint64_t lines_before, lines_after;   /* of the trace */
	size_t struck_before, struck_after;   /* acts and faults */
};

/* The plan fails with that invariant. At most so many tries. */
void shrink(struct shrunk *out, struct sim_stock *stock, const struct plan *plan, const char *invariant, uint64_t tries_max);

/* Write what is left as a regression: the plan, "--", the trace. False: the file could not be written. */
bool shrink_write(const struct shrunk *shrunk, struct sim_stock *stock, const char *path);

#endif
