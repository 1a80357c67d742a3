#include "client/standing.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE_MAX 4096

static enum status count(struct replica *r, const char *sql, uint64_t *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, sql, &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row)
		*out = (uint64_t)db_column_int(stmt, 0);
	db_done(stmt);
	return st;
}

static enum status read_words(struct replica *r, const char *key, char *out, size_t room)
{
	const void *data = NULL;
	size_t len = 0;
	struct arena arena;
	enum status st;

	arena_init(&arena, TEXT_SIZE_MAX);
	st = replica_meta_blob(r, key, &arena, &data, &len);
	if (st == ST_OK)
		(void)snprintf(out, room, "%.*s", (int)len, (const char *)data);
	arena_close(&arena);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status read_all(struct replica *r, struct standing *out)
{
	enum status st = journal_counts(r, &out->counts);

	if (st == ST_OK)
		st = count(r, "SELECT count(*) FROM conflict WHERE status='open'", &out->conflicts);
	if (st == ST_OK)
		st = count(r, "SELECT count(*) FROM ds_caseload WHERE state='complete'", &out->complete);
	if (st == ST_OK)
		st = count(r, "SELECT count(*) FROM ds_caseload WHERE state='filling'", &out->filling);
	if (st == ST_OK)
		st = count(r, "SELECT count(*) FROM ds_caseload WHERE state='left'", &out->left);
	if (st == ST_OK)
		st = replica_meta_int(r, "last_up_ms", &out->last_up_ms);
	if (st == ST_OK)
		st = replica_meta_int(r, "last_down_ms", &out->last_down_ms);
	if (st == ST_OK)
		st = replica_meta_int(r, "last_failure_ms", &out->failure_ms);
	if (st == ST_OK)
		st = replica_meta_int(r, "withdrawn_ms", &out->withdrawn_ms);
	if (st == ST_OK && out->failure_ms != 0)
		st = read_words(r, "last_failure", out->failure, sizeof out->failure);
	if (st == ST_OK && out->failure_ms != 0)
		st = read_words(r, "last_failure_next", out->next, sizeof out->next);
	return st;
}

enum status standing_read(struct replica *r, struct standing *out)
{
	struct standing now = { 0 };
	enum status st = db_begin_read(&r->db);

	if (st != ST_OK)
		return st;
	st = read_all(r, &now);
	db_rollback(&r->db);
	if (st == ST_OK)
		*out = now;
	return st;
}

uint64_t standing_pending(const struct standing *standing)
{
	return standing->counts.dirty + standing->counts.waiting;
}

static enum status note_words(struct replica *r, const struct failure *why, int64_t failed_ms)
{
	enum status st = replica_meta_set_int(r, "last_failure_ms", failed_ms);

	if (st == ST_OK)
		st = replica_meta_set_blob(r, "last_failure", why->what, strlen(why->what));
	if (st == ST_OK)
		st = replica_meta_set_blob(r, "last_failure_next", why->next, strlen(why->next));
	return st;
}

enum status standing_note(struct replica *r, bool confirmed, const struct failure *failed)
{
	static const struct failure NONE = { .status = ST_OK };
	const int64_t now_ms = r->env->wall_ms(r->env->ctx);
	enum status st = failed == NULL ? replica_meta_set_int(r, "last_down_ms", now_ms) : ST_OK;

	if (st == ST_OK && confirmed)
		st = replica_meta_set_int(r, "last_up_ms", now_ms);
	return st == ST_OK ? note_words(r, failed != NULL ? failed : &NONE, failed != NULL ? now_ms : 0) : st;
}

enum status standing_notices(struct replica *r, standing_fn *fn, void *ctx)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT at_ms,what FROM ds_notice ORDER BY at_ms DESC LIMIT 20", &st);

	if (stmt == NULL)
		return st;
	while ((st = db_step(&r->db, stmt, &row)) == ST_OK && row)
		fn(ctx, db_column_int(stmt, 0), (const char *)sqlite3_column_text(stmt, 1));
	db_done(stmt);
	return st;
}

enum status standing_patient(struct replica *r, const struct id *patient, const char **state_out)
{
	static const char *const states[] = { "complete", "filling", "left" };
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT CASE state WHEN 'complete' THEN 0 WHEN 'filling' THEN 1 ELSE 2 END"
						" FROM ds_caseload WHERE patient=?1", &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&r->db, stmt, 1, patient);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK)
		*state_out = row ? states[db_column_int(stmt, 0)] : "new";
	db_done(stmt);
	return st;
}
