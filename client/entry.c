#include "client/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/kindsql.h"
#include "common/moment.h"

/* The widest row of the schema, with room to spare. */
#define ENTRY_SIZE_MAX ((size_t)16 * 1024 * 1024)

/* --- values as text --------------------------------------------------------------- */

const char *entry_value_text(const struct field *field, const struct value *value, struct arena *arena)
{
	char text[MOMENT_TEXT_SIZE];

	switch (value->tag) {
	case VALUE_NULL:
		return NULL;
	case VALUE_TEXT:
		return arena == NULL ? value->text : arena_copy(arena, value->text, value->len);
	case VALUE_INT:
		break;
	}
	if (field->type == TYPE_TIME)
		moment_format(value->integer, text);
	else if (field->type == TYPE_BOOL)
		(void)snprintf(text, sizeof text, "%s", value->integer != 0 ? "true" : "false");
	else
		(void)snprintf(text, sizeof text, "%" PRId64, value->integer);
	return arena_copy(arena, text, strlen(text));
}

static enum status make_texts(struct entry *entry)
{
	for (size_t i = 0; i < entry->kind->field_count; i++) {
		const struct value *value = &entry->row.values[i];
		struct arena *arena = value->tag == VALUE_TEXT ? NULL : &entry->arena;

		entry->texts[i] = entry_value_text(&entry->kind->fields[i], value, arena);
		if (entry->texts[i] == NULL && value->tag != VALUE_NULL)
			return ST_NOMEM;
	}
	return ST_OK;
}

const char *entry_text(const struct entry *entry, const char *field)
{
	const int index = kind_field(entry->kind, field, strlen(field));

	return index < 0 ? NULL : entry->texts[index];
}

/* --- travel ----------------------------------------------------------------------- */

/* The first that applies: what a person must look at comes before what goes on by itself. */
static const char TRAVEL[] =
	"SELECT CASE WHEN EXISTS(SELECT 1 FROM ds_attention WHERE kind=?1 AND id=?2) THEN 0"
	" WHEN EXISTS(SELECT 1 FROM ds_journal WHERE kind=?1 AND id=?2 AND state=1) THEN 0"
	" WHEN EXISTS(SELECT 1 FROM ds_journal WHERE kind=?1 AND id=?2 AND state=3) THEN 1"
	" WHEN EXISTS(SELECT 1 FROM ds_dirty WHERE kind=?1 AND id=?2) THEN 2"
	" WHEN EXISTS(SELECT 1 FROM ds_journal WHERE kind=?1 AND id=?2 AND state=0) THEN 3 ELSE 4 END";

enum status entry_travel(struct replica *r, const struct kind *kind, const struct id *id, const char **words_out)
{
	static const char *const words[] = { "Needs attention", "Returned to you", "Saved on this tablet", "Sending",
					     "Received" };
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, TRAVEL, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 1, kind->num);
	db_bind_id(&r->db, stmt, 2, id);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK)
		*words_out = words[db_column_int(stmt, 0)];
	db_done(stmt);
	return st;
}

/* --- reading ---------------------------------------------------------------------- */

static enum status read_parts(struct replica *r, struct entry *entry)
{
	enum status st = replica_read(r, entry->kind, &entry->id, &entry->arena, &entry->row, &entry->patient,
				      &entry->version);

	if (st == ST_OK)
		st = entry_travel(r, entry->kind, &entry->id, &entry->travel);
	return st == ST_OK ? make_texts(entry) : st;
}

enum status entry_read(struct replica *r, const struct kind *kind, const struct id *id, struct entry *out)
{
	const bool own = sqlite3_get_autocommit(r->db.handle) != 0;
	enum status st = own ? db_begin_read(&r->db) : ST_OK;

	if (st != ST_OK)
		return st;
	memset(out, 0, sizeof *out);
	out->kind = kind;
	out->id = *id;
	arena_init(&out->arena, ENTRY_SIZE_MAX);
	st = read_parts(r, out);
	if (own)
		db_rollback(&r->db);
	if (st != ST_OK) {
		entry_close(out);
		return st;
	}
	id_format(&out->id, out->id_text);
	id_format(&out->patient, out->patient_text);
	return ST_OK;
}

void entry_close(struct entry *entry)
{
	arena_close(&entry->arena);
	memset(entry, 0, sizeof *entry);
}

enum status entry_next(struct replica *r, const struct kind *kind, const struct id *patient, struct id *id,
		       bool *found_out)
{
	char sql[160];
	enum status st = ST_OK;
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT id FROM \"%s\" WHERE id>?1 AND (?2 IS NULL OR %s=?2) ORDER BY id LIMIT 1",
		       kind->name, kind_has_patient(kind) ? "patient" : "id");
	if (patient != NULL && kind_has_patient(kind))
		(void)snprintf(sql, sizeof sql, "SELECT id FROM \"%s\" WHERE id>?1 AND patient=?2 ORDER BY id LIMIT 1",
			       kind->name);
	stmt = db_prepare(&r->db, sql, &st);
	if (stmt == NULL)
		return st;
	db_bind_id(&r->db, stmt, 1, id);
	if (patient != NULL)
		db_bind_id(&r->db, stmt, 2, patient);
	st = db_step(&r->db, stmt, found_out);
	if (st == ST_OK && *found_out && !db_column_id(stmt, 0, id))
		st = ST_CORRUPT;
	db_done(stmt);
	return st;
}
