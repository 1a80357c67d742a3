/* visible HOME1 HOME2 ID...: how long an edit at one tablet takes until it is visible at another.
 *
 * Each tablet has a standing connection. For each task named: its title is set at the first tablet with plain SQL, both
 * exchange with the centre, one after the other, and the title is read at the second. Prints the milliseconds of each
 * as a JSON array. Nobody waits for news here: the second tablet asks as soon as the first has its answer.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/agent.h"
#include "common/env_posix.h"

struct tablet {
	struct agent *agent;
	struct replica *replica;
};

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static enum status exchange(struct tablet *t, struct failure *why)
{
	const struct sync_options everything = { .rest_ms = 0 };
	struct agent_report report = { 0 };

	return agent_exchange(t->agent, &everything, AGENT_LOCK_WAIT_MS, &report, why);
}

static enum status edit(struct tablet *t, const char *id, const char *title)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&t->replica->db, "UPDATE task SET title=?1 WHERE id=?2", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, title, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
	return db_run(&t->replica->db, stmt);
}

static bool shows(struct tablet *t, const char *id, const char *title)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&t->replica->db, "SELECT 1 FROM task WHERE id=?1 AND title=?2", &st);

	if (stmt == NULL)
		return false;
	(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, title, -1, SQLITE_STATIC);
	st = db_step(&t->replica->db, stmt, &row);
	db_done(stmt);
	return st == ST_OK && row;
}

static enum status measure(struct tablet *first, struct tablet *second, const char *id, int at, double *ms_out,
			   struct failure *why)
{
	const double start = now_ms();
	char title[64];
	enum status st;

	(void)snprintf(title, sizeof title, "Edited for measure %d", at);
	st = edit(first, id, title);
	if (st == ST_OK)
		st = exchange(first, why);
	if (st == ST_OK)
		st = exchange(second, why);
	if (st == ST_OK && !shows(second, id, title))
		st = failure_set(why, ST_CORRUPT, "The edit is not visible at the second tablet.", NULL, NULL);
	*ms_out = now_ms() - start;
	return st;
}

static enum status measure_all(struct tablet *first, struct tablet *second, char **ids, int count, struct failure *why)
{
	enum status st = exchange(first, why);
	double ms = 0;

	if (st == ST_OK)
		st = exchange(second, why);
	for (int i = 0; i < count && st == ST_OK; i++) {
		st = measure(first, second, ids[i], i, &ms, why);
		(void)printf("%s%.3f", i == 0 ? "[" : ",", ms);
	}
	(void)puts("]");
	return st;
}

static enum status open_tablet(struct tablet *t, const char *home, const struct schema *schema, const struct env *env,
			       struct failure *why)
{
	const struct agent_options options = { .home = home, .env = env, .schema = schema };
	const enum status st = agent_open(&t->agent, &options, why);

	if (st == ST_OK)
		t->replica = agent_replica(t->agent);
	return st;
}

int main(int argc, char **argv)
{
	static struct schema schema;
	struct tablet first = { 0 }, second = { 0 };
	struct env_posix posix;
	struct env env;
	struct failure why = { 0 };
	enum status st;

	if (argc < 4) {
		(void)fputs("usage: visible HOME1 HOME2 ID...\n", stderr);
		return 2;
	}
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	st = env_posix_init(&posix, &env);
	if (st == ST_OK)
		st = open_tablet(&first, argv[1], &schema, &env, &why);
	if (st == ST_OK)
		st = open_tablet(&second, argv[2], &schema, &env, &why);
	if (st == ST_OK)
		st = measure_all(&first, &second, argv + 3, argc - 3, &why);
	agent_close(second.agent);
	agent_close(first.agent);
	if (st != ST_OK)
		(void)fprintf(stderr, "visible: %s\n", why.what);
	return st == ST_OK ? 0 : 1;
}
