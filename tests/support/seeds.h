/* seeds.h - many random runs, as many at a time as there are processors: a process for
 * each share of the seeds, so that one that dies is a failure with a seed and not the
 * end of all.
 */
#ifndef TESTS_SUPPORT_SEEDS_H
#define TESTS_SUPPORT_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEDS_MET_MAX 32

struct seeds_result {
	uint64_t ran, failed;
	uint64_t met[SEEDS_MET_MAX]; /* counts of the runner's own */
};

/* Run the seeds first, first + step, …: count of them. ran is kept up to date while it goes on. told: step by step. */
typedef void seeds_fn(uint64_t first, uint64_t count, uint64_t step, bool told, struct seeds_result *result);

void seeds_run(uint64_t first, uint64_t count, seeds_fn *fn, struct seeds_result *sum);

uint64_t seeds_from_environment(const char *name, uint64_t otherwise);

/* A process for each part of a test program's work, as many as there are processors; each prints its own TAP with its own
 * plan. Returns 0 where all returned 0. */
typedef int parts_fn(void *ctx, size_t part, size_t parts);
int parts_run(parts_fn *fn, void *ctx);

#endif
