#include <assert.h>
#include <string.h>

#include "common/kindsql.h"
#include "daemon/group_meta.h"
#include "daemon/store_sqlite.h"

#define SQL_BYTES_MAX (1U << 20)
#define MARKS "patient, seq, created_seq, deleted, first, groups"

/* --- the kinds' tables --- */

static const struct kind_sql *sql_of(struct store *s, const struct kind *kind)
{
	size_t at = (size_t)(kind - s->schema->kinds);

	assert(at < s->schema->kind_count);
	return &sqlite_of(s)->kinds[at];
}

/* "?3,?4,…": a parameter for each field. */
static void add_parameters(struct buf *sql, const struct kind *kind, int first)
{
	for (int i = 0; i < kind->field_count; i++)
		buf_printf(sql, "%s?%d", i > 0 ? "," : "", first + i);
}

static void write_get(struct buf *sql, const struct kind *kind)
{
	buf_add_str(sql, kind_has_patient(kind) ? "SELECT \"patient\"," : "SELECT ");
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_printf(sql, " FROM \"%s\" WHERE \"id\"=?1", kind->name);
}

static void write_insert(struct buf *sql, const struct kind *kind)
{
	bool patient = kind_has_patient(kind);

	buf_printf(sql, "INSERT INTO \"%s\"(\"id\",%s", kind->name, patient ? "\"patient\"," : "");
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_printf(sql, ") VALUES(?1,%s", patient ? "?2," : "");
	add_parameters(sql, kind, 3);
	buf_add_str(sql, ")");
}

static void write_update(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "UPDATE \"%s\" SET (", kind->name);
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_add_str(sql, ")=(");
	add_parameters(sql, kind, 3);
	buf_add_str(sql, ") WHERE \"id\"=?1");
}

static void write_names(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "SELECT \"id\" FROM \"%s\"", kind->name);
}

/* The text that `write` makes, kept as long as the store. */
static const char *sql_keep(struct sqlite_store *store, struct buf *sql, const struct kind *kind,
			    void (*write)(struct buf *sql, const struct kind *kind))
{
	buf_reset(sql);
	write(sql, kind);
	if (buf_status(sql) != ST_OK)
		return NULL;
	return arena_copy(&store->texts, sql->data, sql->len);
}

enum status records_open(struct sqlite_store *store)
{
	enum status st = ST_OK;
	struct buf sql;

	buf_init(&sql, SQL_BYTES_MAX);
	for (size_t i = 0; i < store->base.schema->kind_count && st == ST_OK; i++) {
		const struct kind *kind = &store->base.schema->kinds[i];
		struct kind_sql *texts = &store->kinds[i];

		assert(kind->field_count > 0);
		texts->get = sql_keep(store, &sql, kind, write_get);
		texts->insert = sql_keep(store, &sql, kind, write_insert);
		texts->update = sql_keep(store, &sql, kind, write_update);
		texts->names = sql_keep(store, &sql, kind, write_names);
		if (texts->get == NULL || texts->insert == NULL || texts->update == NULL || texts->names == NULL)
			st = ST_NOMEM;
	}
	buf_close(&sql);
	return st;
}

static void write_table(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "CREATE TABLE IF NOT EXISTS \"%s\"(\"id\" TEXT NOT NULL PRIMARY KEY,%s", kind->name,
		   kind_has_patient(kind) ? " \"patient\" TEXT NOT NULL," : "");
	kindsql_column_types(sql, kind);
	buf_add_str(sql, ") STRICT;");
}

static enum status has_column(struct sqlite_store *store, const struct kind *kind, const struct field *field,
			      bool *out)
{
	struct store *s = &store->base;
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT 1 FROM pragma_table_info(?1) WHERE name=?2", &st);

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, kind->name);
	bind_text(stmt, 2, field->name);
	st = store_row(s, stmt);
	db_done(stmt);
	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* ALTER TABLE for each field that the table lacks. */
static enum status write_columns(struct sqlite_store *store, struct buf *sql, const struct kind *kind)
{
	struct kind one = { .field_count = 1 };
	enum status st = ST_OK;
	bool there = false;

	for (size_t i = 0; i < kind->field_count && st == ST_OK; i++) {
		st = has_column(store, kind, &kind->fields[i], &there);
		if (st != ST_OK || there)
			continue;
		one.fields[0] = kind->fields[i];
		buf_printf(sql, "ALTER TABLE \"%s\" ADD COLUMN ", kind->name);
		kindsql_column_types(sql, &one);
		buf_add_byte(sql, ';');
	}
	return st;
}

static enum status exec_buf(struct sqlite_store *store, struct buf *sql)
{
	enum status st = buf_status(sql);

	if (st == ST_OK && sql->len > 0)
		st = db_exec(&store->db, buf_str(sql));
	buf_reset(sql);
	return st;
}

enum status records_layout(struct sqlite_store *store)
{
	const struct schema *schema = store->base.schema;
	enum status st = ST_OK;
	struct buf sql;

	buf_init(&sql, SQL_BYTES_MAX);
	for (size_t i = 0; i < schema->kind_count && st == ST_OK; i++) {
		write_table(&sql, &schema->kinds[i]);
		st = exec_buf(store, &sql);
		if (st == ST_OK)
			st = write_columns(store, &sql, &schema->kinds[i]);
		if (st == ST_OK)
			st = exec_buf(store, &sql);
	}
	buf_close(&sql);
	return st;
}

/* --- reading --- */

/* Fills the bookkeeping from the columns MARKS. record->kind is given. */
static enum status read_marks(sqlite3_stmt *stmt, struct record *record)
{
	struct columns columns = columns_of(stmt, NULL);
	const void *groups;
	size_t groups_len;

	column_id(&columns, &record->patient);
	record->seq = column_number(&columns);
	record->created_seq = column_number(&columns);
	record->deleted = column_small(&columns, 1) != 0;
	if (column_small(&columns, 1) != (unsigned)record->kind->first)
		columns.status = ST_CORRUPT;
	groups = sqlite3_column_blob(stmt, columns.at);
	groups_len = (size_t)sqlite3_column_bytes(stmt, columns.at);
	if (columns.status == ST_OK)
		columns.status = group_meta_decode(groups, groups_len, record);
	return columns_end(&columns);
}

enum status sqlite_record_marks(struct store *s, const struct kind *kind, const struct id *id, struct record *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT " MARKS " FROM record WHERE kind=?1 AND id=?2", &st);

	assert(stmt != NULL || st != ST_OK);
	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, kind->num);
	db_bind_id_blob(stmt, 2, id);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	out->kind = kind;
	out->id = *id;
	return read_marks(stmt, out);
}

static enum status keep_texts(struct arena *arena, const struct kind *kind, struct row *row)
{
	for (size_t i = 0; i < kind->field_count; i++) {
		struct value *value = &row->values[i];

		if (value->tag != VALUE_TEXT)
			continue;
		value->text = arena_copy(arena, value->text, value->len);
		if (value->text == NULL)
			return ST_NOMEM;
	}
	return ST_OK;
}

/* The row of a record whose bookkeeping is known. A row that is missing, or filed under another patient, is not
 * what we wrote. */
static enum status read_row(struct store *s, struct arena *arena, struct record *record)
{
	const struct kind *kind = record->kind;
	struct id patient = { { 0 } };
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, sql_of(s, kind)->get, &st);
	int at = kind_has_patient(kind) ? 1 : 0;

	if (stmt == NULL)
		return st;
	db_bind_id(&sqlite_of(s)->db, stmt, 1, &record->id);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_CORRUPT : st;
	if (at == 1 && (!db_column_id(stmt, 0, &patient) || !id_equal(&patient, &record->patient)))
		st = ST_CORRUPT;
	if (st == ST_OK) {
		kindsql_read(stmt, at, kind, &record->row);
		st = keep_texts(arena, kind, &record->row);
	}
	db_done(stmt);
	return st;
}

enum status sqlite_record_get(struct store *s, const struct kind *kind, const struct id *id, struct arena *arena,
			      struct record *out)
{
	enum status st = sqlite_record_marks(s, kind, id, out);

	return st == ST_OK ? read_row(s, arena, out) : st;
}

enum status sqlite_record_head(struct store *s, const struct kind *kind, const struct id *id, struct id *patient_out,
			       bool *deleted_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT patient, deleted FROM record WHERE kind=?1 AND id=?2", &st);
	struct columns columns = columns_of(stmt, NULL);
	struct id patient = { 0 };
	bool deleted;

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, kind->num);
	db_bind_id_blob(stmt, 2, id);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	column_id(&columns, &patient);
	deleted = column_small(&columns, 1) != 0;
	st = columns_end(&columns);
	if (st != ST_OK)
		return st;
	if (patient_out != NULL)
		*patient_out = patient;
	if (deleted_out != NULL)
		*deleted_out = deleted;
	return ST_OK;
}

/* --- writing --- */

static enum status put_marks(struct store *s, const struct record *record, const struct buf *groups, bool create)
{
	static const char insert[] = "INSERT INTO record(seq, deleted, groups, kind, id, patient, created_seq, first)"
				     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
	static const char update[] = "UPDATE record SET seq=?1, deleted=?2, groups=?3 WHERE kind=?4 AND id=?5";
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, create ? insert : update, &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, record->seq);
	bind_int(stmt, 2, record->deleted);
	bind_bytes(stmt, 3, groups->data, groups->len);
	bind_int(stmt, 4, record->kind->num);
	db_bind_id_blob(stmt, 5, &record->id);
	if (create) {
		db_bind_id_blob(stmt, 6, &record->patient);
		bind_number(stmt, 7, record->created_seq);
		bind_int(stmt, 8, record->kind->first);
	}
	return store_run(s, stmt);
}

static enum status put_row(struct store *s, const struct record *record, bool create)
{
	const struct kind *kind = record->kind;
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, create ? sql_of(s, kind)->insert : sql_of(s, kind)->update, &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&sqlite_of(s)->db, stmt, 1, &record->id);
	if (create && kind_has_patient(kind))
		db_bind_id(&sqlite_of(s)->db, stmt, 2, &record->patient);
	(void)kindsql_bind(stmt, 3, kind, &record->row, kind->mask_all);
	return store_run(s, stmt);
}

enum status sqlite_record_put(struct store *s, const struct record *record, bool create)
{
	struct buf groups;
	enum status st;

	assert(record->seq > 0 && record->created_seq > 0 && record->created_seq <= record->seq);
	buf_init(&groups, GROUP_META_SIZE_MAX);
	group_meta_encode(&groups, record);
	st = buf_status(&groups);
	if (st == ST_OK)
		st = put_marks(s, record, &groups, create);
	if (st == ST_OK && !create && sqlite3_changes(sqlite_of(s)->db.handle) != 1)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = put_row(s, record, create);
	if (st == ST_OK && sqlite3_changes(sqlite_of(s)->db.handle) != 1)
		st = ST_CORRUPT;
	buf_close(&groups);
	return st;
}

/* --- walks --- */

static enum status next_of_kind(struct store *s, const struct kind *kind, const struct id *patient, struct id *last,
				bool first)
{
	static const char any[] = "SELECT id FROM record WHERE kind=?1 AND (id>?2) ORDER BY id LIMIT 1";
	static const char one[] = "SELECT id FROM record WHERE kind=?1 AND id>?2 AND patient=?3 ORDER BY id LIMIT 1";
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, patient != NULL ? one : any, &st);
	struct columns columns = columns_of(stmt, NULL);
	struct id next = { 0 };

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, kind->num);
	/* The empty blob is before every id. */
	bind_bytes(stmt, 2, last->bytes, first ? 0 : ID_SIZE);
	if (patient != NULL)
		db_bind_id_blob(stmt, 3, patient);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	column_id(&columns, &next);
	st = columns_end(&columns);
	if (st == ST_OK)
		*last = next;
	return st;
}

enum status sqlite_record_each(struct store *s, const struct kind *kind, const struct id *patient, store_record_fn *fn,
			       void *ctx)
{
	struct record record;
	struct arena arena;
	struct id id = { 0 };
	enum status st;

	arena_init(&arena, WALK_BYTES_MAX);
	st = next_of_kind(s, kind, patient, &id, true);
	while (st == ST_OK) {
		arena_reset(&arena);
		st = sqlite_record_get(s, kind, &id, &arena, &record);
		if (st == ST_OK)
			st = fn(ctx, &record);
		if (st == ST_OK)
			st = next_of_kind(s, kind, patient, &id, false);
		else
			break;
	}
	arena_close(&arena);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status read_ref(struct store *s, sqlite3_stmt *stmt, struct record_ref *ref)
{
	struct columns columns = columns_of(stmt, NULL);

	ref->seq = column_number(&columns);
	ref->kind = schema_kind_num(s->schema, column_small(&columns, UINT8_MAX));
	column_id(&columns, &ref->id);
	return ref->kind != NULL ? columns.status : ST_CORRUPT;
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_record_after(struct store *s, const struct id *unit, uint64_t after, int part,
				struct record_ref *refs, size_t room, size_t *count_out)
{
	static const char all[] = "SELECT seq, kind, id FROM record WHERE patient=?1 AND seq>?2 ORDER BY seq LIMIT ?3";
	static const char some[] = "SELECT seq, kind, id FROM record WHERE patient=?1 AND seq>?2 AND first=?4"
				   " ORDER BY seq LIMIT ?3";
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, part == 0 ? all : some, &st);
	size_t count = 0;
	bool row = true;

	assert(part >= 0 && part <= 2);
	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, unit);
	bind_number(stmt, 2, after);
	bind_number(stmt, 3, room);
	if (part != 0)
		bind_int(stmt, 4, part == 1);
	while (st == ST_OK && row && count < room) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st == ST_OK && row)
			st = read_ref(s, stmt, &refs[count++]);
	}
	db_done(stmt);
	if (st == ST_OK)
		*count_out = count;
	return st;
}

static enum status names_of_records(struct store *s, store_name_fn *fn, void *ctx)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT kind, id FROM record ORDER BY kind, id", &st);
	struct record_name name = { 0 };
	bool row = true;

	while (stmt != NULL && st == ST_OK && row) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st != ST_OK || !row)
			break;
		name.kind_num = db_column_int(stmt, 0);
		name.has_id = db_column_id(stmt, 1, &name.id);
		st = fn(ctx, &name);
	}
	db_done(stmt);
	return st;
}

/* A kind's table holds the canonical text of ids; any other is the id of no record. */
static bool column_id_text(sqlite3_stmt *stmt, struct id *id_out)
{
	char canonical[ID_TEXT_SIZE];
	struct value text = db_column_value(stmt, 0);

	if (text.tag != VALUE_TEXT || !id_parse(text.text, text.len, id_out))
		return false;
	id_format(id_out, canonical);
	return memcmp(canonical, text.text, text.len) == 0;
}

static enum status names_of_rows(struct store *s, const struct kind *kind, store_name_fn *fn, void *ctx)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, sql_of(s, kind)->names, &st);
	struct record_name name = { .kind_num = kind->num, .row_only = true };
	bool row = true;

	while (stmt != NULL && st == ST_OK && row) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st != ST_OK || !row)
			break;
		name.has_id = column_id_text(stmt, &name.id);
		st = name.has_id ? sqlite_record_head(s, kind, &name.id, NULL, NULL) : ST_NOT_FOUND;
		/* What is wrong with a record that is there comes up when it is read. */
		if (st == ST_CORRUPT)
			st = ST_OK;
		if (st == ST_NOT_FOUND)
			st = fn(ctx, &name);
	}
	db_done(stmt);
	return st;
}

enum status sqlite_record_names(struct store *s, store_name_fn *fn, void *ctx)
{
	enum status st = names_of_records(s, fn, ctx);

	for (size_t i = 0; i < s->schema->kind_count && st == ST_OK; i++)
		st = names_of_rows(s, &s->schema->kinds[i], fn, ctx);
	return st;
}
