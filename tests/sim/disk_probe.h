/* disk_probe.h - a machine for the tests of the simulated disk: its hook gives one verdict, for some calls of one
 * sort, and its database holds transactions of which one can tell whether they are there whole.
 *
 * The functions that return nothing assert what they do, by cmocka.
 */
#ifndef TESTS_SIM_DISK_PROBE_H
#define TESTS_SIM_DISK_PROBE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/disk.h"

#define PROBE_ANY DISK_CALL_COUNT
#define PROBE_WAL "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0"

struct probe {
	struct disk *disk;
	enum disk_verdict verdict;
	enum disk_call call; /* or PROBE_ANY */
	size_t after, times; /* calls of it to let pass first, then so many get the verdict */
	uint64_t seen[DISK_CALL_COUNT];
	uint64_t random; /* what probe_chance goes on from */
	int64_t now_ms, slept_ms;
};

/* For cmocka: *state is a struct probe. Something left open is a failure. */
int probe_set_up(void **state);
int probe_tear_down(void **state);

void probe_from_now(struct probe *m, enum disk_verdict verdict, enum disk_call call, size_t after, size_t times);
uint64_t probe_chance(void *ctx, uint64_t below); /* a disk_random; ctx is the probe */
int probe_error(const struct probe *m); /* errno of the last failure, as SQLite would ask for it */
bool probe_has(const struct probe *m, const char *path);

sqlite3 *probe_open(struct probe *m, const char *path); /* NULL on failure */
int probe_run(sqlite3 *db, const char *sql);
/* The first column of the first row, -1 where it can't be read. */
int64_t probe_number(sqlite3 *db, const char *sql);

/* a.db, made where it isn't, which does not checkpoint when it is closed. */
sqlite3 *probe_ready(struct probe *m, const char *pragmas);
void probe_tables(sqlite3 *db);
/* One transaction over many pages: three new rows, and all rows marked with its number. Rolled back on failure. */
int probe_step(sqlite3 *db);
/* How many steps are there; -1 where it isn't exactly so many, or the database isn't whole. */
int64_t probe_steps(sqlite3 *db);
/* The same of a.db, opened and closed. */
int64_t probe_left(struct probe *m);

#endif
