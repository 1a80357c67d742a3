#include "tests/support/seeds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 16

static size_t worker_count(void)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors < 1)
		return 1;
	return processors > WORKERS_MAX ? WORKERS_MAX : (size_t)processors;
}

static void add_up(const struct seeds_result *result, struct seeds_result *sum)
{
	sum->failed += result->failed;
	sum->ran += result->ran;
	for (size_t i = 0; i < SEEDS_MET_MAX; i++)
		sum->met[i] += result->met[i];
}

void seeds_run(uint64_t first, uint64_t count, seeds_fn *fn, struct seeds_result *sum)
{
	const size_t workers = worker_count();
	struct seeds_result *results = mmap(NULL, WORKERS_MAX * sizeof *results, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[WORKERS_MAX];

	if (results == MAP_FAILED)
		abort();
	(void)fflush(stdout);
	for (size_t i = 0; i < workers; i++) {
		children[i] = fork();
		if (children[i] < 0)
			abort();
		if (children[i] == 0) {
			fn(first + i, (count + workers - 1 - i) / workers, workers, false, &results[i]);
			(void)fflush(stdout);
			_exit(0);
		}
	}
	for (size_t i = 0; i < workers; i++) {
		int status = 0;

		(void)waitpid(children[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			printf("# SEED=%" PRIu64 ": the process died\n", first + i + results[i].ran * workers);
			results[i].failed++;
		}
		add_up(&results[i], sum);
	}
	(void)munmap(results, WORKERS_MAX * sizeof *results);
}

uint64_t seeds_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

int parts_run(parts_fn *fn, void *ctx)
{
	const size_t parts = worker_count();
	pid_t children[WORKERS_MAX];
	int failed = 0;

	(void)fflush(stdout);
	for (size_t i = 0; i < parts; i++) {
		children[i] = fork();
		if (children[i] < 0)
			abort();
		if (children[i] == 0) {
			failed = fn(ctx, i, parts);
			(void)fflush(stdout);
			_exit(failed != 0);
		}
	}
	for (size_t i = 0; i < parts; i++) {
		int status = 0;

		(void)waitpid(children[i], &status, 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	return failed;
}
