#include "client/journal.h"

#include <assert.h>
#include <string.h>

#include "client/clocks.h"
#include "client/tracks.h"
#include "common/kindsql.h"

/* --- counts ----------------------------------------------------------------------- */

enum status journal_counts(struct replica *r, struct outbox_counts *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt =
		db_prepare(&r->db,
			   "SELECT (SELECT count(*) FROM (SELECT DISTINCT kind,id FROM ds_dirty)),"
			   "(SELECT count(*) FROM ds_journal WHERE state=0),"
			   "(SELECT count(*) FROM ds_journal WHERE state=1),"
			   "(SELECT count(*) FROM (SELECT DISTINCT kind,id FROM ds_attention)),"
			   "(SELECT count(*) FROM ds_journal WHERE state=3),"
			   "(SELECT count(*) FROM ds_journal WHERE state=2),"
			   "(SELECT min(at) FROM (SELECT min(wall_ms) AS at FROM ds_dirty"
			   " UNION ALL SELECT min(made_wall_ms) FROM ds_journal WHERE state=0))", &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row)
		*out = (struct outbox_counts){
			.dirty = (uint64_t)db_column_int(stmt, 0),
			.waiting = (uint64_t)db_column_int(stmt, 1),
			.held = (uint64_t)db_column_int(stmt, 2),
			.attention = (uint64_t)db_column_int(stmt, 3),
			.returned = (uint64_t)db_column_int(stmt, 4),
			.settled = (uint64_t)db_column_int(stmt, 5),
			.oldest_unsent_ms = db_column_int(stmt, 6),
		};
	db_done(stmt);
	return st;
}

/* --- a returned change is used again ---------------------------------------------- */

static void add_set(struct buf *sql, const struct kind *kind, uint64_t mask)
{
	const char *separator = "";
	int at = 3;

	buf_printf(sql, "UPDATE \"%s\" SET ", kind->name);
	for (size_t i = 0; i < kind->field_count; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		buf_printf(sql, "%s\"%s\"=?%d", separator, kind->fields[i].name, at++);
		separator = ",";
	}
	buf_add_str(sql, " WHERE id=?1");
}

static void add_insert(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "INSERT INTO \"%s\"(id%s,", kind->name, kind_has_patient(kind) ? ",patient" : "");
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_printf(sql, ") VALUES(?1%s", kind_has_patient(kind) ? ",?2" : "");
	for (int i = 0; i < kind->field_count; i++)
		buf_printf(sql, ",?%d", i + 3);
	buf_add_str(sql, ")");
}

/* Run the statement as a program would: the triggers note it as a new edit. */
static enum status write_change(struct replica *r, const struct change *change, bool insert)
{
	const struct kind *kind = change->kind;
	const uint64_t mask = insert ? kind->mask_all : change->mask;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf sql;

	buf_init(&sql, 16384);
	if (insert)
		add_insert(&sql, kind);
	else
		add_set(&sql, kind, mask);
	st = buf_status(&sql);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&sql), &st);
	buf_close(&sql);
	if (stmt == NULL)
		return st;
	db_bind_id(&r->db, stmt, 1, &change->id);
	if (insert && kind_has_patient(kind))
		db_bind_id(&r->db, stmt, 2, &change->patient);
	(void)kindsql_bind(stmt, 3, kind, &change->row, mask);
	return db_run(&r->db, stmt);
}

static enum status delete_row(struct replica *r, const struct key *key)
{
	char sql[128];

	(void)sqlite3_snprintf(sizeof sql, sql, "DELETE FROM \"%w\" WHERE ?1 AND id=?2", key->kind->name);
	return key_run(r, sql, key);
}

static enum status use_values(struct replica *r, const struct change *change, struct failure *why)
{
	const struct key key = { .kind = change->kind, .id = change->id };
	bool live = false;
	char sql[128];
	enum status st = ST_OK;

	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT ?1 FROM \"%w\" WHERE id=?2", key.kind->name);
	st = key_exists(r, sql, &key, &live);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	if (change->deletes && live)
		st = delete_row(r, &key);
	else if (live && change->create)
		return failure_set(why, ST_EXISTS, "A record with the same id is on this tablet now; it is not the one you wrote.",
				   "Nothing was changed; what you wrote is kept in the journal.",
				   "Enter what you wrote again as a new record, or change the one that is here.");
	else if (live && change->mask != 0)
		st = write_change(r, change, false);
	else if (!live && change->create && !change->deletes)
		st = write_change(r, change, true);
	else if (!live)
		return failure_set(why, ST_NOT_FOUND, "The record of this change is not on this tablet any more.",
				   "What was written is kept in the journal.", "Write it anew where it belongs.");
	return st == ST_OK ? ST_OK : failure_set(why, st, NULL, NULL, NULL);
}

/* What was given back under n; its texts live in the arena. */
static enum status read_returned(struct replica *r, uint64_t n, struct arena *arena, struct change *change)
{
	const struct field *field = NULL;
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT body FROM ds_journal WHERE n=?1 AND state=3", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && !row)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = change_decode(r->schema, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0), arena,
				   change, &field);
	db_done(stmt);
	return st;
}

static enum status mark_used(struct replica *r, uint64_t n)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "UPDATE ds_journal SET state=2,"
						"outcome='{\"result\":\"returned\",\"used\":true}' WHERE n=?1", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	return db_run(&r->db, stmt);
}

static enum status reuse(struct replica *r, uint64_t n, struct arena *arena, struct failure *why)
{
	struct change *change = arena_zalloc(arena, sizeof *change);
	int64_t edit = 0;
	enum status st = change == NULL ? ST_NOMEM : db_begin(&r->db);

	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	st = clocks_edit(r, &edit);
	if (st == ST_OK)
		st = read_returned(r, n, arena, change);
	if (st == ST_NOT_FOUND)
		(void)failure_set(why, st, "No change of this number was given back.", "Nothing was changed.",
				  "See which changes were returned, and name one of them.");
	else if (st != ST_OK)
		(void)failure_set(why, st, NULL, NULL, NULL);
	else
		st = use_values(r, change, why);
	if (st == ST_OK) {
		st = clocks_stamp(r, change->kind, &change->id, edit + 1);
		if (st == ST_OK)
			st = mark_used(r, n);
		if (st == ST_OK)
			st = db_commit(&r->db);
		if (st != ST_OK)
			(void)failure_set(why, st, NULL, NULL, NULL);
	}
	if (st != ST_OK)
		db_rollback(&r->db);
	return st;
}

/* --- a deleted record comes back ---------------------------------------------------- */

/* INSERT INTO "task"(id,patient,"title",…) SELECT id,patient,json_extract(last,'$[0]'),… */
static void add_bring_back(struct buf *sql, const struct kind *kind)
{
	const char *patient = kind_has_patient(kind) ? ",patient" : "";

	buf_printf(sql, "INSERT INTO \"%s\"(id%s,", kind->name, patient);
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_printf(sql, ") SELECT id%s", patient);
	for (int i = 0; i < kind->field_count; i++)
		buf_printf(sql, ",json_extract(last,'$[%d]')", i);
	buf_add_str(sql, " FROM ds_gone AS x WHERE kind=?1 AND id=?2 AND last IS NOT NULL"
			 " AND EXISTS(SELECT 1 FROM ds_dirty AS d WHERE d.kind=x.kind AND d.id=x.id)");
}

/* The values are taken as they are, whatever their form: they are to be mended, not judged. */
static enum status bring_back(struct replica *r, const struct key *key)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf sql;

	buf_init(&sql, 16384);
	add_bring_back(&sql, key->kind);
	st = buf_status(&sql);
	if (st == ST_OK)
		stmt = key_prepare(r, buf_str(&sql), key, &st);
	buf_close(&sql);
	if (stmt != NULL)
		st = db_run(&r->db, stmt);
	if (st == ST_OK && sqlite3_changes64(r->db.handle) == 0)
		st = ST_NOT_FOUND;
	return st;
}

enum status journal_bring_back(struct replica *r, const struct kind *kind, const struct id *id, struct failure *why)
{
	const struct key key = { .kind = kind, .id = *id };
	int64_t edit = 0;
	enum status st = db_begin(&r->db);

	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	st = clocks_edit(r, &edit);
	if (st == ST_OK)
		st = kind->writer == WRITER_CENTRE ? ST_NOT_FOUND : bring_back(r, &key);
	if (st == ST_OK)
		st = clocks_stamp(r, kind, id, edit + 1);
	if (st == ST_OK)
		st = db_commit(&r->db);
	if (st == ST_OK)
		return ST_OK;
	db_rollback(&r->db);
	if (st == ST_NOT_FOUND)
		return failure_set(why, st, "No such record was deleted on this tablet and not sent.", "Nothing was changed.",
				   "`doorstep held` lists what can be brought back.");
	return failure_set(why, st, NULL, NULL, NULL);
}

enum status journal_reuse(struct replica *r, uint64_t n, struct failure *why)
{
	struct arena arena;
	enum status st = ST_OK;

	arena_init(&arena, (size_t)16 * 1024 * 1024);
	st = reuse(r, n, &arena, why);
	arena_close(&arena);
	return st;
}
