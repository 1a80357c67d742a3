#include "tests/sim/alloc.h"

#include <errno.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdlib.h>

static struct {
	bool armed, on, met;
	uint64_t n, calls;
	int64_t live;
} counters;

void alloc_arm(uint64_t n, bool on)
{
	counters.n = n;
	counters.on = on;
	counters.calls = 0;
	counters.met = false;
	counters.armed = true;
}

uint64_t alloc_disarm(void)
{
	counters.armed = false;
	return counters.calls;
}

bool alloc_met(void)
{
	return counters.met;
}

int64_t alloc_live(void)
{
	return counters.live;
}

bool alloc_refuse(void)
{
	if (!counters.armed)
		return false;
	counters.calls++;
	if (counters.n == 0 || counters.calls < counters.n || (counters.calls > counters.n && !counters.on))
		return false;
	counters.met = true;
	errno = ENOMEM;
	return true;
}

void alloc_count(int blocks)
{
	counters.live += blocks;
}

/* --- SQLite's table of functions: malloc here is the wrapped one, which refuses --- */

static void *sqlite_new(int size)
{
	void *block = malloc((size_t)size);

	alloc_count(block != NULL);
	return block;
}

static void sqlite_free(void *block)
{
	alloc_count(-(block != NULL));
	free(block);
}

static void *sqlite_resize(void *block, int size)
{
	return realloc(block, (size_t)size);
}

static int sqlite_size(void *block)
{
	return block != NULL ? (int)malloc_usable_size(block) : 0;
}

static int sqlite_round(int size)
{
	return (size + 7) & ~7;
}

static int sqlite_start(void *ctx)
{
	(void)ctx;
	return SQLITE_OK;
}

static void sqlite_stop(void *ctx)
{
	(void)ctx;
}

void alloc_sqlite(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = sqlite_new, .xFree = sqlite_free, .xRealloc = sqlite_resize, .xSize = sqlite_size,
		.xRoundup = sqlite_round, .xInit = sqlite_start, .xShutdown = sqlite_stop,
	};

	if (ALLOC_IS_WRAPPED && sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
		abort();
	if (sqlite3_initialize() != SQLITE_OK)
		abort();
}
