/* Out of memory, and trouble with the disk, at every call of every operation of the stores and codecs: a clean
 * error or the full effect, nothing lost (sweep.h).
 *
 *   SWEEP_POINTS=N   calls to fail in each operation and mode, spread evenly (0 = every one)
 *   SWEEP_START=N    where the first of them lies; else by chance, and printed
 *   SWEEP_ONLY=TEXT  operations whose name holds the text
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/alloc.h"
#include "tests/sim/sweep.h"
#include "tests/support/seeds.h"

/* --- every allocation of the program comes through here (alloc.h) --- */

#if ALLOC_IS_WRAPPED
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
	return alloc_refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return alloc_refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return alloc_refuse() ? NULL : __real_realloc(block, size);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static void *counted(void *block)
{
	alloc_count(block != NULL);
	return block;
}

void *malloc(size_t size)
{
	return alloc_refuse() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return alloc_refuse() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
	if (alloc_refuse())
		return NULL;
	if (block == NULL)
		return counted(__libc_realloc(NULL, size));
	alloc_count(-(size == 0)); /* it is freed then */
	return __libc_realloc(block, size);
}

/* The simulated disk's memory, which is the machine's, and no part of what is tried. */
void *reallocarray(void *block, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return __libc_realloc(block, count * size);
}

void free(void *block)
{
	alloc_count(-(block != NULL));
	__libc_free(block);
}
#endif

/* --- the tests --- */

#define TESTS_MAX 128
#define POINTS_DEFAULT 6

static struct sweep sweep;

static const enum sweep_mode memory_modes[] = { SWEEP_MEMORY_ONCE, SWEEP_MEMORY_ON };
static const enum sweep_mode disk_modes[] = { SWEEP_DISK_ONCE, SWEEP_DISK_ON,   SWEEP_DISK_HALF,
					      SWEEP_DISK_FULL, SWEEP_DISK_SYNC, SWEEP_DISK_BUSY };

static void fails_cleanly_or_is_done(void **state)
{
	const struct sweep_op *op = *state;

	for (size_t i = 0; i < sizeof memory_modes / sizeof memory_modes[0]; i++)
		sweep_run(&sweep, op, memory_modes[i]);
	for (size_t i = 0; op->image != NULL && i < sizeof disk_modes / sizeof disk_modes[0]; i++)
		sweep_run(&sweep, op, disk_modes[i]);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static size_t add_tests(struct CMUnitTest *tests, size_t count, struct sweep_set set)
{
	static char names[TESTS_MAX][160];
	const char *only = getenv("SWEEP_ONLY");

	for (size_t i = 0; i < set.count; i++) {
		if (only != NULL && strstr(set.ops[i].name, only) == NULL)
			continue;
		assert_true(count < TESTS_MAX);
		(void)snprintf(names[count], sizeof names[0], "%s fails cleanly at every call, or is done", set.ops[i].name);
		/* cmocka hands the state on as it is; the row is only read. */
		tests[count] = (struct CMUnitTest){ .name = names[count], .test_func = fails_cleanly_or_is_done,
						    .initial_state = (void *)(uintptr_t)&set.ops[i] };
		count++;
	}
	return count;
}

static void print_totals(const struct sweep_totals *totals)
{
	uint64_t all = 0;

	for (enum sweep_mode mode = 0; mode < SWEEP_MODE_COUNT; mode++) {
		printf("# %s: %" PRIu64 " failures injected, of %" PRIu64 " calls\n", sweep_mode_name(mode),
		       totals->injected[mode], totals->calls[mode]);
		all += totals->injected[mode];
	}
	printf("# %" PRIu64 " sweeps, %" PRIu64 " failures injected: %" PRIu64 " clean errors, %" PRIu64 " done all the same, "
	       "%" PRIu64 " done by a COMMIT that could not be confirmed\n", totals->acts, all, totals->refused, totals->done,
	       totals->unsaid);
}

static int play_part(void *ctx, size_t part, size_t parts)
{
	const uint64_t start = *(const uint64_t *)ctx;
	struct CMUnitTest tests[TESTS_MAX];
	size_t count = 0, mine = 0;
	int failed;

	alloc_sqlite();
	sweep_open(&sweep, number_of("SWEEP_POINTS", POINTS_DEFAULT), start);
	count = add_tests(tests, count, sweep_tablet(&sweep));
	count = add_tests(tests, count, sweep_centre(&sweep));
	count = add_tests(tests, count, sweep_codec(&sweep));
	for (size_t i = 0; i < count; i++)
		if (i % parts == part)
			tests[mine++] = tests[i];
	failed = _cmocka_run_group_tests("sweeps", tests, mine, NULL, NULL);
	print_totals(&sweep.totals);
	sweep_tablet_close();
	sweep_centre_close();
	sweep_codec_close();
	sweep_close(&sweep);
	return failed;
}

int main(void)
{
	uint64_t start = number_of("SWEEP_START", (uint64_t)time(NULL));

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# SWEEP_START=%" PRIu64 "\n", start);
	return parts_run(play_part, &start);
}
