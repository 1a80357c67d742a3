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

void attempt_play(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, FILE *told)
{
	struct sim *sim = sim_play(stock, plan, told);

	memset(attempt, 0, offsetof(struct attempt, struck));
	memcpy(attempt->invariant, sim->invariant, sizeof attempt->invariant);
	memcpy(attempt->wrong, sim->wrong, sizeof attempt->wrong);
	attempt->hash = sim->hash;
	attempt->steps = sim->steps;
	attempt->lines = sim->lines;
	attempt->tablet_days = sim->tablet_days;
	attempt->elapsed_ms = sim_elapsed_ms(sim);
	memcpy(attempt->met, sim->met, sizeof attempt->met);
	attempt->struck_count = sim->struck_count < ATTEMPT_STRUCK_MAX ? sim->struck_count : ATTEMPT_STRUCK_MAX;
	memcpy(attempt->struck, sim->struck, attempt->struck_count * sizeof attempt->struck[0]);
	sim_free(sim);
}

static void play_child(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path)
{
	FILE *told = trace_path != NULL ? fopen(trace_path, "w") : NULL;

	(void)alarm(ATTEMPT_SECONDS_MAX);
	if (told != NULL)
		(void)setvbuf(told, NULL, _IOLBF, 0);
	attempt_play(attempt, stock, plan, told);
	if (told != NULL)
		(void)fclose(told);
	_exit(0);
}

void attempt_run(struct attempt *attempt, struct sim_stock *stock, const struct plan *plan, const char *trace_path)
{
	int status = 0;
	pid_t child;

	memset(attempt, 0, offsetof(struct attempt, struck));
	(void)fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0)
		play_child(attempt, stock, plan, trace_path);
	if (waitpid(child, &status, 0) != child)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	memset(attempt, 0, offsetof(struct attempt, struck));
	(void)snprintf(attempt->invariant, sizeof attempt->invariant, "%s",
		       WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hung" : "died");
	(void)snprintf(attempt->wrong, sizeof attempt->wrong, "the process ended with %s %d",
		       WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
