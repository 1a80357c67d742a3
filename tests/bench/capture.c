/* What noticing edits costs: statements on a kind's table with its triggers against the same table without, in memory
 * and on disk, 100 statements a transaction.
 *
 *   capture [FOLDER]      a folder for the files; without one the databases live in memory
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/replica.h"
#include "common/env_posix.h"

#define ROUNDS 200
#define BATCH 100

static double seconds_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(struct replica *r, const char *sql)
{
	if (db_exec(&r->db, sql) != ST_OK) {
		(void)fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(r->db.handle));
		abort();
	}
}

/* Microseconds a statement. */
static double measure(struct replica *r, const char *sql)
{
	enum status status;
	sqlite3_stmt *stmt = db_prepare(&r->db, sql, &status);
	double start = seconds_now();

	for (int round = 0; round < ROUNDS; round++) {
		must(r, "BEGIN IMMEDIATE");
		for (int i = 0; i < BATCH; i++) {
			char value[32];

			(void)snprintf(value, sizeof value, "value %d", round * BATCH + i);
			(void)sqlite3_bind_text(stmt, 1, value, -1, SQLITE_TRANSIENT);
			(void)sqlite3_bind_int(stmt, 2, i);
			if (stmt == NULL || db_run(&r->db, stmt) != ST_OK)
				abort();
		}
		must(r, "COMMIT");
	}
	return (seconds_now() - start) * 1e6 / (ROUNDS * BATCH);
}

#define ID "'00000000-0000-4000-8000-'||printf('%012d',?2)"
#define PATIENT "'00000000-0000-4000-8000-0000000000aa'"

static void run(const char *label, const char *path, const struct schema *schema, const struct env *env)
{
	struct replica r;
	struct failure why;
	double insert_plain, insert, update_plain, update;

	if (replica_open(&r, path, schema, env, true, &why) != ST_OK) {
		(void)fprintf(stderr, "%s\n", why.what);
		abort();
	}
	must(&r, "CREATE TABLE plain(id TEXT NOT NULL PRIMARY KEY,patient TEXT NOT NULL,title TEXT,goal TEXT,owner TEXT,"
		 "due_from INTEGER,due_to INTEGER,recurrence TEXT,priority TEXT,status TEXT,outcome TEXT,reason TEXT,"
		 "completed_at INTEGER,notes TEXT,version INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
		 "CREATE INDEX plain_patient ON plain(patient)");
	insert_plain = measure(&r, "INSERT INTO plain(id,patient,title) SELECT lower(hex(randomblob(16)))," PATIENT ",?1 WHERE ?2>=0");
	insert = measure(&r, "INSERT INTO task(patient,title) SELECT " PATIENT ",?1 WHERE ?2>=0");
	must(&r, "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i<99) INSERT INTO plain(id,patient,title)"
		 " SELECT '00000000-0000-4000-8000-'||printf('%012d',i)," PATIENT ",'x' FROM c WHERE i>0;"
		 "INSERT INTO task(id,patient,title) SELECT id,patient,title FROM plain WHERE id LIKE '00000000-0000-4000-8000-%'");
	update_plain = measure(&r, "UPDATE plain SET title=?1 WHERE id=" ID);
	update = measure(&r, "UPDATE task SET title=?1 WHERE id=" ID);
	(void)printf("%-8s INSERT %6.1f us, plain %6.1f us, ratio %.1f;  UPDATE %6.1f us, plain %6.1f us, ratio %.1f\n", label,
		     insert, insert_plain, insert / insert_plain, update, update_plain, update / update_plain);
	replica_close(&r);
}

int main(int argc, char **argv)
{
	static struct schema schema;
	struct env_posix posix;
	struct env env;
	char path[4096];

	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	if (env_posix_init(&posix, &env) != ST_OK)
		return 1;
	if (argc < 2) {
		run("memory", ":memory:", &schema, &env);
		return 0;
	}
	(void)snprintf(path, sizeof path, "%s/bench-capture.db", argv[1]);
	run("disk", path, &schema, &env);
	return 0;
}
