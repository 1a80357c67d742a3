/* attempt.h - one run in a process of its own, so that one that dies is a finding with a plan and not
 * the end of all.
 */
#ifndef TESTS_SIM_ATTEMPT_H
#define TESTS_SIM_ATTEMPT_H

#include "tests/sim/sim.h"

#define ATTEMPT_STRUCK_MAX 8192
#define ATTEMPT_SECONDS_MAX 120

struct attempt {
	char invariant[8];  /* "" = nothing was wrong; "died": the process ended by a signal, "hung": it took too long */
	char wrong[SIM_WRONG_SIZE];
	uint64_t hash, steps, lines, tablet_days;
	int64_t elapsed_ms; /* true time of the run when it ended */
	uint64_t met[MET_COUNT];
	size_t struck_count; /* of struck: acts and faults that took effect, as many as there is room for */
	struct instance struck[ATTEMPT_STRUCK_MAX];
};

/* A large struct, in memory that child processes share. NULL: no memory. */
struct attempt *attempt_new(void);
void attempt_free(struct attempt *attempt);

/* Plays the plan in a child; the trace, if wanted, goes to the file of that name. */
void attempt_run(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path);

/* The same within this process. */
void attempt_play(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, FILE *told);

#endif
