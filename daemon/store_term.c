/* Terms: what each assignment means by its last change (store.h). */
#include <string.h>

#include "daemon/store_sqlite.h"
#include "daemon/term.h"

#define TERM "SELECT assignment, worker, patient, in_force, due_ms FROM term "

static enum status read_term(sqlite3_stmt *stmt, struct term *out)
{
	struct columns columns = columns_of(stmt, NULL);
	struct term term = { .due_ms = TERM_NEVER };

	column_id(&columns, &term.assignment);
	column_id(&columns, &term.worker);
	column_id(&columns, &term.patient);
	term.in_force = column_small(&columns, 1) == 1;
	if (sqlite3_column_type(stmt, columns.at) != SQLITE_NULL)
		term.due_ms = column_int(&columns);
	if (columns.status == ST_OK)
		*out = term;
	return columns.status;
}

/* Ends the statement. */
static enum status read_terms(struct store *s, sqlite3_stmt *stmt, struct term *terms, size_t room, size_t *count_out)
{
	enum status st = ST_OK;
	size_t count = 0;
	bool row = true;

	while (count < room) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st == ST_OK && row)
			st = read_term(stmt, &terms[count]);
		if (st != ST_OK || !row)
			break;
		count++;
	}
	db_done(stmt);
	if (st == ST_OK)
		*count_out = count;
	return st;
}

static enum status write_term(struct store *s, const char *sql, const struct term *term)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, sql, &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, &term->assignment);
	db_bind_id_blob(stmt, 2, &term->worker);
	db_bind_id_blob(stmt, 3, &term->patient);
	bind_int(stmt, 4, term->in_force);
	if (term->due_ms != TERM_NEVER)
		bind_int(stmt, 5, term->due_ms);
	return store_run(s, stmt);
}

enum status sqlite_term_put(struct store *s, const struct term *term)
{
	return write_term(s,
			  "INSERT OR REPLACE INTO term(assignment, worker, patient, in_force, due_ms)"
			  " VALUES(?1, ?2, ?3, ?4, ?5)",
			  term);
}

enum status sqlite_term_in_force(struct store *s, const struct id *worker, const struct id *patient, bool *out)
{
	enum status st;
	sqlite3_stmt *stmt =
		store_prepare(s, "SELECT 1 FROM term WHERE worker=?1 AND patient=?2 AND in_force=1 LIMIT 1", &st);
	bool row = false;

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, worker);
	db_bind_id_blob(stmt, 2, patient);
	st = db_step(&sqlite_of(s)->db, stmt, &row);
	db_done(stmt);
	if (st == ST_OK)
		*out = row;
	return st;
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_term_pair(struct store *s, const struct id *worker, const struct id *patient, const struct id *after,
			     struct term *terms, size_t room, size_t *count_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   TERM "WHERE worker=?1 AND patient=?2 AND assignment>?3"
						" AND (in_force=1 OR due_ms IS NOT NULL) ORDER BY assignment LIMIT ?4",
					   &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, worker);
	db_bind_id_blob(stmt, 2, patient);
	db_bind_id_blob(stmt, 3, after);
	bind_number(stmt, 4, room);
	return read_terms(s, stmt, terms, room, count_out);
}

enum status sqlite_term_due(struct store *s, int64_t now_ms, struct term *terms, size_t room, size_t *count_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, TERM "WHERE due_ms<=?1 ORDER BY due_ms LIMIT ?2", &st);

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, now_ms);
	bind_number(stmt, 2, room);
	return read_terms(s, stmt, terms, room, count_out);
}

enum status sqlite_term_next(struct store *s, int64_t *due_ms_out)
{
	struct term term = { .due_ms = TERM_NEVER };
	size_t count = 0;
	const enum status st = sqlite_term_due(s, TERM_NEVER, &term, 1, &count);

	if (st == ST_OK)
		*due_ms_out = term.due_ms;
	return st;
}

enum status sqlite_term_patients(struct store *s, const struct id *worker, struct arena *arena, struct id **out,
				 size_t *count_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   "SELECT DISTINCT patient FROM term WHERE worker=?1"
					   " AND (in_force=1 OR due_ms IS NOT NULL) ORDER BY patient",
					   &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, worker);
	return store_ids(s, stmt, arena, out, count_out);
}

enum status sqlite_term_each(struct store *s, store_term_fn *fn, void *ctx)
{
	struct id after = { { 0 } };
	struct term term;
	bool first = true;

	for (;;) {
		enum status st;
		sqlite3_stmt *stmt = store_prepare(s, TERM "WHERE assignment>?1 ORDER BY assignment LIMIT 1", &st);
		size_t count = 0;

		if (stmt == NULL)
			return st;
		bind_bytes(stmt, 1, after.bytes, first ? 0 : ID_SIZE);
		st = read_terms(s, stmt, &term, 1, &count);
		if (st == ST_OK && count > 0)
			st = fn(ctx, &term);
		if (st != ST_OK || count == 0)
			return st;
		after = term.assignment;
		first = false;
	}
}

/* --- agencies made before terms were kept --- */

static enum status complete_one(void *ctx, const struct record *record)
{
	struct store *s = ctx;
	struct history *row;
	struct arena arena;
	struct term term;
	enum status st;

	arena_init(&arena, WALK_BYTES_MAX);
	row = arena_zalloc(&arena, sizeof *row);
	st = row != NULL ? sqlite_history_get(s, record->seq, &arena, row) : ST_NOMEM;
	if (st == ST_OK || st == ST_NOT_FOUND) {
		term_of(record, st == ST_OK ? row->received_ms : 0, &term);
		st = write_term(s,
				"INSERT INTO term(assignment, worker, patient, in_force, due_ms)"
				" VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
				&term);
	}
	arena_close(&arena);
	return st;
}

enum status terms_complete(struct store *s)
{
	const struct kind *kind = schema_kind(s->schema, "assignment", strlen("assignment"));

	return kind != NULL ? sqlite_record_each(s, kind, NULL, complete_one, s) : ST_OK;
}
