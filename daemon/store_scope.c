#include <string.h>

#include "daemon/store_sqlite.h"

/* ?1 worker, ?2 patient, ?3 sequence where the statement has one. */
static sqlite3_stmt *prepare_pair(struct store *s, const char *sql, const struct id *worker, const struct id *patient,
				  enum status *status_out)
{
	sqlite3_stmt *stmt = store_prepare(s, sql, status_out);

	if (stmt == NULL)
		return NULL;
	db_bind_id_blob(stmt, 1, worker);
	db_bind_id_blob(stmt, 2, patient);
	return stmt;
}

enum status sqlite_member_open(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq)
{
	enum status st;
	sqlite3_stmt *stmt = prepare_pair(s,
					  "INSERT INTO member(worker, patient, from_seq) SELECT ?1, ?2, ?3 WHERE NOT EXISTS"
					  " (SELECT 1 FROM member WHERE worker=?1 AND patient=?2 AND to_seq IS NULL)",
					  worker, patient, &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 3, seq);
	return store_run(s, stmt);
}

enum status sqlite_member_close(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq)
{
	enum status st;
	sqlite3_stmt *stmt = prepare_pair(s,
					  "UPDATE member SET to_seq=?3 WHERE worker=?1 AND patient=?2 AND to_seq IS NULL",
					  worker, patient, &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 3, seq);
	return store_run(s, stmt);
}

enum status sqlite_member_is(struct store *s, const struct id *worker, const struct id *patient, bool *out)
{
	enum status st;
	sqlite3_stmt *stmt = prepare_pair(s, "SELECT 1 FROM member WHERE worker=?1 AND patient=?2 AND to_seq IS NULL",
					  worker, patient, &st);
	bool row = false;

	if (stmt == NULL)
		return st;
	st = db_step(&sqlite_of(s)->db, stmt, &row);
	db_done(stmt);
	if (st == ST_OK)
		*out = row;
	return st;
}

enum status sqlite_member_left(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq,
			       uint64_t *left_seq_out)
{
	enum status st;
	sqlite3_stmt *stmt = prepare_pair(s,
					  "SELECT to_seq FROM member WHERE worker=?1 AND patient=?2 AND from_seq<=?3"
					  " ORDER BY from_seq DESC LIMIT 1",
					  worker, patient, &st);
	struct columns columns = columns_of(stmt, NULL);
	uint64_t left_seq;

	if (stmt == NULL)
		return st;
	bind_number(stmt, 3, seq);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	left_seq = column_number(&columns);
	st = columns_end(&columns);
	if (st == ST_OK && (left_seq == 0 || left_seq > seq))
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		*left_seq_out = left_seq;
	return st;
}

/* Patients one after the other, in growing memory: each step doubles the room. */
static enum status list_add(struct arena *arena, struct id **list, size_t *room, size_t count)
{
	struct id *grown;

	if (count < *room)
		return ST_OK;
	*room = *room > 0 ? 2 * *room : 64;
	grown = arena_alloc(arena, *room * sizeof *grown);
	if (grown == NULL)
		return ST_NOMEM;
	if (count > 0)
		memcpy(grown, *list, count * sizeof *grown);
	*list = grown;
	return ST_OK;
}

static enum status list_read(struct store *s, sqlite3_stmt *stmt, struct arena *arena, struct id **list,
			     size_t *count)
{
	enum status st = ST_OK;
	size_t room = 0;
	bool row = true;

	for (;;) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st != ST_OK || !row)
			return st;
		st = list_add(arena, list, &room, *count);
		if (st != ST_OK)
			return st;
		if (!db_column_id(stmt, 0, &(*list)[(*count)++]))
			return ST_CORRUPT;
	}
}

enum status store_ids(struct store *s, sqlite3_stmt *stmt, struct arena *arena, struct id **out, size_t *count_out)
{
	struct id *list = NULL;
	size_t count = 0;
	const enum status st = list_read(s, stmt, arena, &list, &count);

	db_done(stmt);
	if (st != ST_OK)
		return st;
	*out = list;
	*count_out = count;
	return ST_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_member_list(struct store *s, const struct id *worker, uint64_t seq, struct arena *arena,
			       struct id **out, size_t *count_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   "SELECT patient FROM member WHERE worker=?1 AND from_seq<=?2"
					   " AND (to_seq IS NULL OR to_seq>?2) ORDER BY patient",
					   &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, worker);
	bind_number(stmt, 2, seq);
	return store_ids(s, stmt, arena, out, count_out);
}

/* The membership after *member in order; the first one where `first`. */
static enum status member_next(struct store *s, struct member *member, bool first)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   "SELECT worker, patient, from_seq, to_seq FROM member"
					   " WHERE (worker, patient, from_seq)>(?1, ?2, ?3)"
					   " ORDER BY worker, patient, from_seq LIMIT 1",
					   &st);
	struct columns columns = columns_of(stmt, NULL);
	struct member next = { 0 };

	if (stmt == NULL)
		return st;
	bind_bytes(stmt, 1, member->worker.bytes, first ? 0 : ID_SIZE);
	bind_bytes(stmt, 2, member->patient.bytes, first ? 0 : ID_SIZE);
	bind_number(stmt, 3, member->from_seq);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	column_id(&columns, &next.worker);
	column_id(&columns, &next.patient);
	next.from_seq = column_number(&columns);
	next.to_seq = column_number(&columns);
	st = columns_end(&columns);
	if (st == ST_OK)
		*member = next;
	return st;
}

enum status sqlite_member_each(struct store *s, store_member_fn *fn, void *ctx)
{
	struct member member = { 0 };
	enum status st = member_next(s, &member, true);

	while (st == ST_OK) {
		st = fn(ctx, &member);
		if (st != ST_OK)
			return st;
		st = member_next(s, &member, false);
	}
	return st == ST_NOT_FOUND ? ST_OK : st;
}
