#include "tests/sim/attempt.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt *attempt_new(void)
{
	void *shared = mmap(NULL, sizeof(struct attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return shared == MAP_FAILED ? NULL : shared;
}

void attempt_free(struct attempt *attempt)
{
	if (attempt != NULL)
		(void)munmap(attempt, sizeof *attempt);
}

/* What a run before left behind. Of what struck the count is enough. */
static void clear(struct attempt *attempt)
{
	memset(attempt, 0, offsetof(struct attempt, seen) + offsetof(struct witness, struck));
}

void attempt_play(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, FILE *told)
{
	struct sim *sim;

	clear(attempt);
	sim_stock_witness(stock, &attempt->seen);
	sim = sim_play(stock, plan, told);
	sim_stock_witness(stock, NULL);
	memcpy(attempt->invariant, sim->invariant, sizeof attempt->invariant);
	memcpy(attempt->wrong, sim->wrong, sizeof attempt->wrong);
	attempt->hash = sim->hash;
	attempt->steps = sim->steps;
	attempt->tablet_days = sim->tablet_days;
	memcpy(attempt->met, sim->met, sizeof attempt->met);
	sim_free(sim);
}

static void play_child(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path,
		       unsigned seconds_max)
{
	FILE *told = trace_path != NULL ? fopen(trace_path, "w") : NULL;

	(void)alarm(seconds_max);
	if (told != NULL)
		(void)setvbuf(told, NULL, _IOLBF, 0);
	attempt_play(attempt, stock, plan, told);
	if (told != NULL)
		(void)fclose(told);
	_exit(0);
}

void attempt_run(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path,
		 unsigned seconds_max)
{
	int status = 0;
	pid_t child;

	clear(attempt);
	(void)fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0)
		play_child(attempt, stock, plan, trace_path, seconds_max);
	if (waitpid(child, &status, 0) != child)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	(void)snprintf(attempt->invariant, sizeof attempt->invariant, "%s",
		       WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hung" : "died");
	(void)snprintf(attempt->wrong, sizeof attempt->wrong, "the process ended with %s %d",
		       WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
