#include "tests/sim/disk_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static enum disk_verdict hook(void *ctx, enum disk_call call, enum disk_file_role role)
{
	struct probe *m = ctx;

	(void)role;
	m->seen[call]++;
	if (m->call != PROBE_ANY && m->call != call)
		return DISK_GO_ON;
	if (m->after > 0) {
		m->after--;
		return DISK_GO_ON;
	}
	if (m->times == 0)
		return DISK_GO_ON;
	m->times--;
	return m->verdict;
}

static int64_t wall_ms(void *ctx)
{
	return ((const struct probe *)ctx)->now_ms;
}

static void slept(void *ctx, int64_t ms)
{
	((struct probe *)ctx)->slept_ms += ms;
}

/* SplitMix64. */
uint64_t probe_chance(void *ctx, uint64_t below)
{
	struct probe *m = ctx;
	uint64_t z = m->random += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (z ^ (z >> 31)) % below;
}

int probe_set_up(void **state)
{
	struct probe *m = calloc(1, sizeof *m);
	struct disk_owner owner = { .hook = hook, .wall_ms = wall_ms, .slept = slept, .ctx = m };

	char name[32];

	if (m == NULL)
		return -1;
	/* One of its own, so that what a failed test left open is in nobody's way. */
	sqlite3_snprintf((int)sizeof name, name, "probe-%p", (void *)m);
	m->disk = disk_open(name, &owner);
	*state = m;
	return 0;
}

int probe_tear_down(void **state)
{
	struct probe *m = *state;
	struct disk_usage usage;

	disk_usage(m->disk, &usage);
	if (usage.open_files > 0 || usage.shm_regions > 0)
		return -1; /* a test that failed on its way */
	disk_close(m->disk);
	free(m);
	return 0;
}

void probe_from_now(struct probe *m, enum disk_verdict verdict, enum disk_call call, size_t after, size_t times)
{
	m->verdict = verdict;
	m->call = call;
	m->after = after;
	m->times = times;
}

/* --- SQLite ---------------------------------------------------------------------------- */

sqlite3 *probe_open(struct probe *m, const char *path)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE,
			    disk_vfs(m->disk)) == SQLITE_OK)
		return db;
	(void)sqlite3_close(db);
	return NULL;
}

int probe_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int64_t probe_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t result = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		result = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return result;
}

static bool is_whole(sqlite3 *db)
{
	return probe_number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1;
}

sqlite3 *probe_ready(struct probe *m, const char *pragmas)
{
	sqlite3 *db = probe_open(m, "a.db");

	assert_non_null(db);
	assert_int_equal(probe_run(db, pragmas), SQLITE_OK);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return db;
}

int probe_error(const struct probe *m)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(disk_vfs(m->disk));

	return vfs->xGetLastError(vfs, 0, NULL);
}

void probe_tables(sqlite3 *db)
{
	assert_int_equal(probe_run(db, "CREATE TABLE head(tx INTEGER); INSERT INTO head VALUES(0);"
				       "CREATE TABLE t(n INTEGER PRIMARY KEY, tx INTEGER, body BLOB)"), SQLITE_OK);
}

int probe_step(sqlite3 *db)
{
	int code = probe_run(db, "BEGIN IMMEDIATE; UPDATE head SET tx = tx + 1;"
				 "INSERT INTO t(tx, body) VALUES(0, zeroblob(1500)), (0, zeroblob(2500)),"
				 "(0, zeroblob(900));"
				 "UPDATE t SET tx = (SELECT tx FROM head); COMMIT");

	if (code != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
		(void)probe_run(db, "ROLLBACK");
	return code;
}

int64_t probe_steps(sqlite3 *db)
{
	int64_t tx = probe_number(db, "SELECT tx FROM head");
	int64_t rows = probe_number(db, "SELECT count(*) FROM t");
	int64_t marked = probe_number(db, "SELECT count(*) FROM t WHERE tx = (SELECT tx FROM head)");

	return tx >= 0 && rows == 3 * tx && marked == rows && is_whole(db) ? tx : -1;
}

int64_t probe_left(struct probe *m)
{
	sqlite3 *db = probe_open(m, "a.db");
	int64_t left = db != NULL ? probe_steps(db) : -1;

	(void)sqlite3_close(db);
	return left;
}

bool probe_has(const struct probe *m, const char *path)
{
	size_t len;

	return disk_read(m->disk, path, &len) != NULL;
}
