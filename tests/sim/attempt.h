/* attempt.h - one run in a process of its own, so that one that dies is a finding with a plan and not
 * the end of all.
 */
#ifndef TESTS_SIM_ATTEMPT_H
#define TESTS_SIM_ATTEMPT_H

#include "tests/sim/sim.h"

#define ATTEMPT_SECONDS_MAX 120

struct attempt {
	char invariant[8];  /* "" = nothing was wrong; "died": the process ended by a signal, "hung": it took too long */
	char wrong[SIM_WRONG_SIZE];
	uint64_t hash, steps, tablet_days;
	uint64_t met[MET_COUNT];
	struct witness seen; /* also of a run that died or hung */
};

/* A large struct, in memory that child processes share. NULL: no memory. */
struct attempt *attempt_new(void);
void attempt_free(struct attempt *attempt);

/* Plays the plan in a child, which hangs where it takes longer than so many seconds; the trace, if wanted, goes to the file
 * of that name. */
void attempt_run(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path,
		 unsigned seconds_max);

/* The same within this process. */
void attempt_play(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, FILE *told);

#endif
