#include "client/draft.h"

#include <string.h>

#include "client/clocks.h"
#include "common/closing.h"
#include "common/kindsql.h"
#include "common/lines.h"

static void read_base(sqlite3_stmt *stmt, uint32_t device, struct version *base)
{
	const void *digest = sqlite3_column_blob(stmt, 4);

	if (sqlite3_column_type(stmt, 1) != SQLITE_NULL) {
		base->tag = VERSION_SEQ;
		base->seq = (uint64_t)db_column_int(stmt, 1);
	} else if (sqlite3_column_type(stmt, 2) != SQLITE_NULL) {
		base->tag = VERSION_OWN;
		base->n = (uint64_t)db_column_int(stmt, 2);
		base->origin = (uint32_t)db_column_int(stmt, 3);
		if (base->origin == device)
			base->origin = 0;
		if (base->origin != 0 && digest != NULL && sqlite3_column_bytes(stmt, 4) >= (int)sizeof base->digest)
			memcpy(base->digest, digest, sizeof base->digest);
	}
}

static enum status read_dirty(struct replica *r, sqlite3_stmt *stmt, struct draft *d)
{
	const int64_t group = db_column_int(stmt, 0);
	const int slot = slot_of(d->key.kind, group);
	struct dirty *dirty = &d->record;

	if (group != GROUP_RECORD) {
		if (slot < 0)
			return ST_OK;
		dirty = &d->dirty[slot];
	}
	dirty->present = true;
	read_base(stmt, r->identity.device, &dirty->base);
	if (sqlite3_column_type(stmt, 5) == SQLITE_TEXT) {
		dirty->base_len = (size_t)sqlite3_column_bytes(stmt, 5);
		dirty->base_values = arena_copy(d->arena, sqlite3_column_text(stmt, 5), dirty->base_len);
		if (dirty->base_values == NULL)
			return ST_NOMEM;
	}
	dirty->edit_first = db_column_int(stmt, 6);
	dirty->edit_last = db_column_int(stmt, 7);
	dirty->reading = db_column_int(stmt, 8);
	dirty->clocks = (struct clock_pair){ .wall_ms = db_column_int(stmt, 9), .boot_ms = db_column_int(stmt, 10),
					     .boot = (uint32_t)db_column_int(stmt, 11) };
	return ST_OK;
}

static enum status load_dirty(struct replica *r, struct draft *d)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT grp,base_seq,base_n,base_origin,base_digest,base_values,"
					    "edit_first,edit_last,reading,wall_ms,boot_ms,boot FROM ds_dirty"
					    " WHERE kind=?1 AND id=?2", &d->key, &st);

	if (stmt == NULL)
		return st;
	while ((st = db_step(&r->db, stmt, &row)) == ST_OK && row)
		if ((st = read_dirty(r, stmt, d)) != ST_OK)
			break;
	db_done(stmt);
	for (int slot = 0; slot < slot_count(d->key.kind) && st == ST_OK; slot++)
		if (d->dirty[slot].present)
			st = clocks_evidence(r, &d->dirty[slot].clocks, d->dirty[slot].reading,
					     &d->dirty[slot].evidence);
	if (st == ST_OK && d->record.present)
		st = clocks_evidence(r, &d->record.clocks, d->record.reading, &d->record.evidence);
	return st;
}

/* The values: the live row's, else those of the row that was deleted. */
static enum status load_row(struct replica *r, struct draft *d)
{
	const struct kind *kind = d->key.kind;
	int64_t version = 0;
	enum status st = replica_read(r, kind, &d->key.id, d->arena, &d->row, &d->patient, &version);
	bool row = false;
	sqlite3_stmt *stmt = NULL;

	d->live = st == ST_OK;
	if (st != ST_NOT_FOUND)
		return st;
	d->patient = kind->is_staff ? ID_STAFF : d->key.id;
	stmt = key_prepare(r, "SELECT patient,last FROM ds_gone WHERE kind=?1 AND id=?2", &d->key, &st);
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK) {
		const char *last = row ? (const char *)sqlite3_column_text(stmt, 1) : NULL;

		if (row)
			(void)db_column_id(stmt, 0, &d->patient);
		st = last == NULL ? ST_NOT_FOUND
				  : kindsql_from_json(kind, kind->mask_all, last,
						      (size_t)sqlite3_column_bytes(stmt, 1), d->arena, &d->row);
	}
	db_done(stmt);
	return st;
}

enum status draft_sent(struct replica *r, struct draft *d, uint64_t n, const struct change **out)
{
	enum status st = ST_OK;
	bool row = false;
	const struct field *field = NULL;
	sqlite3_stmt *stmt = NULL;

	if (d->sent_n == n) {
		*out = d->sent;
		return ST_OK;
	}
	*out = NULL;
	if (d->sent == NULL && (d->sent = arena_alloc(d->arena, sizeof *d->sent)) == NULL)
		return ST_NOMEM;
	stmt = db_prepare(&r->db, "SELECT body FROM ds_journal WHERE n=?1", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	st = db_step(&r->db, stmt, &row);
	d->sent_n = 0;
	if (st == ST_OK && row) {
		st = change_decode(r->schema, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
				   d->arena, d->sent, &field);
		if (st == ST_OK) {
			d->sent_n = n;
			*out = d->sent;
		} else if (st != ST_NOMEM) {
			st = ST_OK; /* nothing to compare with: it counts as changed */
		}
	}
	db_done(stmt);
	return st;
}

/* --- sets and line ends as programs write them -------------------------------------- */

static enum status write_tidied(struct replica *r, const struct key *key, const char *column, const struct value *value)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf sql;

	buf_init(&sql, 512);
	buf_printf(&sql, "UPDATE \"%s\" SET \"%s\"=?1 WHERE id=?2", key->kind->name, column);
	st = buf_status(&sql);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&sql), &st);
	if (stmt != NULL) {
		db_bind_value(stmt, 1, value);
		db_bind_id(&r->db, stmt, 2, &key->id);
		st = db_run(&r->db, stmt);
	}
	buf_close(&sql);
	return st;
}

/* Any program may write a set as a JSON array in whatever order and form: it is the same set, and travels (and stands
 * here from now on) in the one form of value.h. What is no array of texts stays and needs attention. */
static enum status tidy_sets(struct replica *r, struct draft *d)
{
	const struct kind *kind = d->key.kind;
	enum status st = ST_OK;

	for (size_t i = 0; i < kind->field_count && st == ST_OK; i++) {
		const struct field *field = &kind->fields[i];
		struct value *value = &d->row.values[i], tidy;

		if (field->type != TYPE_SET || value->tag != VALUE_TEXT || set_valid(value->text, value->len) ||
		    value->len == 0 || value->text[0] != '[')
			continue;
		st = value_from_person(field, value->text, value->len, 0, d->arena, &tidy);
		if (st == ST_NOMEM)
			return st;
		if (st != ST_OK) {
			st = ST_OK;
			continue;
		}
		*value = tidy;
		if (d->live)
			st = write_tidied(r, &d->key, field->name, value);
	}
	return st;
}

/* A note's digest seals the bytes that were signed. */
static bool is_sealed(const struct draft *d)
{
	const int digest = kind_field(d->key.kind, "digest", 6);

	return d->key.kind->closing >= 0 && digest >= 0 && d->row.values[digest].tag != VALUE_NULL &&
	       closing_is_closed(d->key.kind, &d->row);
}

/* Line ends are LF from here on, in what was edited. */
static enum status tidy_lines(struct replica *r, struct draft *d)
{
	const struct kind *kind = d->key.kind;
	enum status st = ST_OK;

	for (size_t i = 0; i < kind->field_count && st == ST_OK && !is_sealed(d); i++) {
		struct value *value = &d->row.values[i];
		char *folded;

		if ((!d->record.present && !d->dirty[1 + kind->fields[i].group].present) ||
		    kind->fields[i].type != TYPE_TEXT || value->tag != VALUE_TEXT ||
		    !lines_to_fold(value->text, value->len))
			continue;
		folded = arena_alloc(d->arena, value->len);
		if (folded == NULL)
			return ST_NOMEM;
		*value = value_text(folded, lines_fold(value->text, value->len, folded));
		if (d->live)
			st = write_tidied(r, &d->key, kind->fields[i].name, value);
	}
	return st;
}

enum status draft_load(struct replica *r, const struct pending *pending, struct draft *d)
{
	enum status st = ST_OK;

	d->key = pending->key;
	st = tracks_load(r, &d->key, &d->tracks);
	if (st == ST_OK)
		st = load_dirty(r, d);
	if (st == ST_OK)
		st = load_row(r, d);
	if (st == ST_OK)
		st = tidy_sets(r, d);
	return st == ST_OK ? tidy_lines(r, d) : st;
}
