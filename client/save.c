#include "client/save.h"

#include <assert.h>
#include <stdio.h>

#include "client/clocks.h"
#include "common/buf.h"
#include "common/kindsql.h"
#include "common/lines.h"

#define SQL_MAX 65536
/* All texts of one row whose line ends are folded: over the wire's limits there is nothing to fold. */
#define FOLD_SIZE_MAX ((size_t)16 * 1024 * 1024)

/* A version that a group showed: at most one is set, neither = nothing. */
struct base {
	bool has_seq, has_n;
	int64_t seq, n;
};

/* One group's place in the bookkeeping, and the version its author was shown. */
struct place {
	struct replica *r;
	const struct kind *kind;
	const struct id *id;
	int group; /* wire number */
	int64_t shown;
};

/* --- small pieces ------------------------------------------------------------------------------------------------ */

/* A write of ours stands alone, or inside the caller's transaction, which the caller then ends. */
static enum status write_begin(struct replica *r, bool *own_out)
{
	*own_out = sqlite3_get_autocommit(r->db.handle) != 0;
	return *own_out ? db_begin(&r->db) : ST_OK;
}

static enum status write_end(struct replica *r, bool own, enum status status, struct failure *why)
{
	if (own && status == ST_OK) {
		status = db_commit(&r->db);
		if (status != ST_OK)
			(void)failure_set(why, status, NULL, NULL, NULL);
	} else if (own) {
		db_rollback(&r->db);
	}
	return status;
}

static enum status refuse_kind(const struct kind *kind, struct failure *why)
{
	char what[160];

	(void)snprintf(what, sizeof what, "%s: only the centre writes these records.", kind->label);
	return failure_set(why, ST_REFUSED, what, "Nothing was changed.", "Ask a supervisor to change it.");
}

static enum status refuse_field(enum status status, const struct field *field, struct failure *why)
{
	char what[160];
	const char *problem = "holds something that it can't hold";

	if (status == ST_REFUSED)
		problem = "is written at the centre only";
	else if (status == ST_LIMIT)
		problem = "is too long";
	else if (field->required)
		problem = "is needed, or holds something that it can't hold";
	(void)snprintf(what, sizeof what, "\"%s\" %s.", field->label, problem);
	return failure_set(why, status, what, "Nothing was changed.", NULL);
}

/* Step a write. What a trigger refuses comes back in the trigger's own words. */
static enum status write_run(struct replica *r, sqlite3_stmt *stmt, struct failure *why)
{
	bool row = false;
	enum status status = db_step(&r->db, stmt, &row);

	if (status != ST_OK && sqlite3_extended_errcode(r->db.handle) == SQLITE_CONSTRAINT_TRIGGER)
		status = failure_set_whole(why, ST_REFUSED, sqlite3_errmsg(r->db.handle));
	else if (status != ST_OK)
		(void)failure_set(why, status, NULL, NULL, NULL);
	db_done(stmt);
	return status;
}

/* May a tablet write these fields, and these values in them? */
static enum status fields_check(const struct kind *kind, const struct row *row, uint64_t mask, struct failure *why)
{
	const struct field *field = NULL;
	enum status status;

	if (kind->writer == WRITER_CENTRE)
		return refuse_kind(kind, why);
	for (size_t i = 0; i < kind->field_count; i++)
		if ((mask >> i & 1) != 0 && kind->fields[i].writer == WRITER_CENTRE)
			return refuse_field(ST_REFUSED, &kind->fields[i], why);
	status = row_check(kind, row, mask, true, &field);
	return status == ST_OK ? ST_OK : refuse_field(status, field, why);
}

/* The row with its line ends as LF; texts that change live in the arena. */
static enum status fold_lines(const struct kind *kind, uint64_t mask, struct arena *arena, struct row *row)
{
	for (size_t i = 0; i < kind->field_count; i++) {
		struct value *value = &row->values[i];
		char *folded;

		if ((mask >> i & 1) == 0 || kind->fields[i].type != TYPE_TEXT || value->tag != VALUE_TEXT ||
		    !lines_to_fold(value->text, value->len))
			continue;
		folded = arena_alloc(arena, value->len);
		if (folded == NULL)
			return ST_NOMEM;
		*value = value_text(folded, lines_fold(value->text, value->len, folded));
	}
	return ST_OK;
}

static enum status row_version(struct replica *r, const struct kind *kind, const struct id *id, int64_t *version_out)
{
	char sql[128];
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT version FROM \"%s\" WHERE id=?1", kind->name);
	stmt = db_prepare(&r->db, sql, &status);
	if (stmt == NULL)
		return status;
	db_bind_id(&r->db, stmt, 1, id);
	status = db_step(&r->db, stmt, &row);
	if (status == ST_OK && !row)
		status = ST_NOT_FOUND;
	if (status == ST_OK)
		*version_out = db_column_int(stmt, 0);
	db_done(stmt);
	return status;
}

/* --- which base was shown? --------------------------------------------------------------------------------------- */

static struct base column_base(sqlite3_stmt *stmt, int at)
{
	struct base base = { 0 };

	base.has_seq = sqlite3_column_type(stmt, at) != SQLITE_NULL;
	base.has_n = sqlite3_column_type(stmt, at + 1) != SQLITE_NULL;
	base.seq = db_column_int(stmt, at);
	base.n = db_column_int(stmt, at + 1);
	return base;
}

static bool base_equal(const struct base *a, const struct base *b)
{
	return a->has_seq == b->has_seq && a->has_n == b->has_n && (!a->has_seq || a->seq == b->seq) &&
	       (!a->has_n || a->n == b->n);
}

static sqlite3_stmt *place_prepare(const struct place *place, const char *sql, enum status *status_out)
{
	sqlite3_stmt *stmt = db_prepare(&place->r->db, sql, status_out);

	if (stmt != NULL) {
		(void)sqlite3_bind_int(stmt, 1, place->kind->num);
		db_bind_id(&place->r->db, stmt, 2, place->id);
		(void)sqlite3_bind_int(stmt, 3, place->group);
		(void)sqlite3_bind_int64(stmt, 4, place->shown);
	}
	return stmt;
}

/* Each event of the group after which it showed something else, with what it showed until then: at is the first row
 * version that no longer showed it. The range that holds the version shown began before all of these, and so comes first. */
static const char SHOWN_SQL[] =
	"WITH ranges AS (SELECT edit_first,edit_last,base_seq,base_n FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp=?3"
	" UNION ALL SELECT edit_first,edit_last,base_seq,base_n FROM ds_sent WHERE kind=?1 AND id=?2 AND grp=?3),"
	" events(rank,at,seq,n) AS (SELECT 0,edit_first,base_seq,base_n FROM ranges WHERE edit_first<=?4 AND ?4<edit_last"
	" UNION ALL SELECT 1,until,seq,n FROM ds_past WHERE kind=?1 AND id=?2 AND grp=?3 AND until>?4"
	" UNION ALL SELECT 2,edit_first,base_seq,base_n FROM ranges WHERE edit_first>?4)"
	" SELECT seq,n FROM events ORDER BY at,rank LIMIT 1";

/* *found_out false: nothing happened to the group since, so that the triggers' base is right. */
static enum status base_shown(const struct place *place, bool *found_out, struct base *base_out)
{
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt = place_prepare(place, SHOWN_SQL, &status);

	if (stmt == NULL)
		return status;
	status = db_step(&place->r->db, stmt, &row);
	if (status == ST_OK && row)
		*base_out = column_base(stmt, 0);
	db_done(stmt);
	if (status == ST_OK)
		*found_out = row;
	return status;
}

static void base_bind(sqlite3_stmt *stmt, int at, const struct base *base)
{
	if (base->has_seq)
		(void)sqlite3_bind_int64(stmt, at, base->seq);
	if (base->has_n)
		(void)sqlite3_bind_int64(stmt, at + 1, base->n);
}

/* The row version at which the group no longer showed this. */
static enum status base_gone_at(const struct place *place, const struct base *base, int64_t *at_out)
{
	static const char SQL[] =
		"SELECT min(at) FROM (SELECT until AS at FROM ds_past"
		" WHERE kind=?1 AND id=?2 AND grp=?3 AND seq IS ?5 AND n IS ?6"
		" UNION ALL SELECT edit_first FROM ds_dirty"
		" WHERE kind=?1 AND id=?2 AND grp=?3 AND base_seq IS ?5 AND base_n IS ?6"
		" UNION ALL SELECT edit_first FROM ds_sent"
		" WHERE kind=?1 AND id=?2 AND grp=?3 AND base_seq IS ?5 AND base_n IS ?6)";
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt = place_prepare(place, SQL, &status);

	if (stmt == NULL)
		return status;
	base_bind(stmt, 5, base);
	status = db_step(&place->r->db, stmt, &row);
	if (status == ST_OK)
		*at_out = db_column_int(stmt, 0);
	db_done(stmt);
	return status;
}

/* Is a older than b? A sequence and an own number have no order of their own: when each was last shown has. */
static enum status base_older(const struct place *place, const struct base *a, const struct base *b, bool *older_out)
{
	int64_t a_gone = 0, b_gone = 0;
	enum status status = ST_OK;

	if (a->has_seq && b->has_seq) {
		*older_out = a->seq < b->seq;
	} else if (a->has_n && b->has_n) {
		*older_out = a->n < b->n;
	} else if ((a->has_seq || a->has_n) && (b->has_seq || b->has_n)) {
		status = base_gone_at(place, a, &a_gone);
		if (status == ST_OK)
			status = base_gone_at(place, b, &b_gone);
		*older_out = a_gone < b_gone;
	} else {
		*older_out = b->has_seq || b->has_n;
	}
	return status;
}

/* Give the dirty group the base that was shown. What it really showed before its first edit goes to ds_past, for other
 * pages that were opened then. base_values: null, since what is on the screen was typed over something else. */
static enum status base_override(const struct place *place, const struct base *base)
{
	static const char PAST[] =
		"INSERT INTO ds_past(kind,id,grp,until,seq,n) SELECT kind,id,grp,edit_first,base_seq,base_n"
		" FROM ds_dirty AS d"
		" WHERE kind=?1 AND id=?2 AND grp=?3 AND NOT EXISTS(SELECT 1 FROM ds_past AS p"
		" WHERE p.kind=d.kind AND p.id=d.id AND p.grp=d.grp AND p.until=d.edit_first)";
	static const char SET[] =
		"UPDATE ds_dirty SET base_seq=?5,base_n=?6,base_origin=NULL,base_digest=NULL,base_values=NULL"
		" WHERE kind=?1 AND id=?2 AND grp=?3";
	enum status status;
	sqlite3_stmt *stmt = place_prepare(place, PAST, &status);

	if (stmt == NULL)
		return status;
	status = db_run(&place->r->db, stmt);
	if (status != ST_OK)
		return status;
	stmt = place_prepare(place, SET, &status);
	if (stmt == NULL)
		return status;
	base_bind(stmt, 5, base);
	return db_run(&place->r->db, stmt);
}

/* Is there more in the group than one field? */
static bool has_fields(const struct place *place)
{
	const uint64_t mask = place->kind->groups[kind_group_num(place->kind, (uint8_t)place->group)].mask;

	return (mask & (mask - 1)) != 0;
}

/* What was saved since from other pages and is under way stands in the row beside what this page brings, in the group's other
 * fields: what its author had not seen, the author of both has not. */
static enum status base_oldest(const struct place *place, struct base *base)
{
	enum status status = ST_OK;
	bool row = false, older = false;
	sqlite3_stmt *stmt = place_prepare(
		place, "SELECT base_seq,base_n FROM ds_sent WHERE kind=?1 AND id=?2 AND grp=?3 AND settled=0 AND edit_first>?4",
		&status);

	if (stmt == NULL)
		return status;
	while (status == ST_OK && (status = db_step(&place->r->db, stmt, &row)) == ST_OK && row) {
		const struct base one = column_base(stmt, 0);

		status = base_older(place, &one, base, &older);
		if (status == ST_OK && older)
			*base = one;
	}
	db_done(stmt);
	return status;
}

/* After the update: where it made this group dirty, or more so, the older of both bases stays. */
static enum status base_settle(const struct place *place, const struct base *shown, int64_t version)
{
	enum status status;
	struct base base = { 0 };
	bool row = false, edited = false, older = false;
	sqlite3_stmt *stmt = place_prepare(
		place, "SELECT base_seq,base_n,edit_last FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp=?3",
		&status);

	if (stmt == NULL)
		return status;
	status = db_step(&place->r->db, stmt, &row);
	if (status == ST_OK && row) {
		base = column_base(stmt, 0);
		edited = db_column_int(stmt, 2) == version;
	}
	db_done(stmt);
	if (status != ST_OK || !edited || base_equal(&base, shown))
		return status;
	status = base_older(place, shown, &base, &older);
	if (status != ST_OK || !older)
		return status;
	base = *shown;
	if (has_fields(place))
		status = base_oldest(place, &base);
	return status == ST_OK ? base_override(place, &base) : status;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static enum status update_run(struct replica *r, const struct kind *kind, const struct id *id, const struct row *row,
			      uint64_t mask, struct failure *why)
{
	struct buf buf;
	const char *separator = "SET ";
	enum status status;
	sqlite3_stmt *stmt = NULL;
	int at = 1;

	buf_init(&buf, SQL_MAX);
	buf_printf(&buf, "UPDATE \"%s\" ", kind->name);
	for (size_t i = 0; i < kind->field_count; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		buf_printf(&buf, "%s\"%s\"=?%d", separator, kind->fields[i].name, at++);
		separator = ",";
	}
	buf_printf(&buf, " WHERE id=?%d", at);
	status = buf_status(&buf);
	if (status == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&buf), &status);
	buf_close(&buf);
	if (stmt == NULL)
		return failure_set(why, status, NULL, NULL, NULL);
	at = kindsql_bind(stmt, 1, kind, row, mask);
	db_bind_id(&r->db, stmt, at, id);
	return write_run(r, stmt, why);
}

/* Groups that the mask touches and that had moved on since they were shown. */
struct moved {
	struct base base[SCHEMA_FIELDS_MAX];
	bool found[SCHEMA_FIELDS_MAX];
};

static enum status moved_find(struct place *place, uint64_t mask, struct moved *moved)
{
	enum status status = ST_OK;

	for (size_t i = 0; status == ST_OK && i < place->kind->group_count; i++) {
		place->group = place->kind->groups[i].num;
		if ((place->kind->groups[i].mask & mask) != 0)
			status = base_shown(place, &moved->found[i], &moved->base[i]);
	}
	return status;
}

static enum status moved_settle(struct place *place, const struct moved *moved, int64_t version)
{
	enum status status = ST_OK;

	for (size_t i = 0; status == ST_OK && i < place->kind->group_count; i++) {
		place->group = place->kind->groups[i].num;
		if (moved->found[i])
			status = base_settle(place, &moved->base[i], version);
	}
	return status;
}

/* Inside a write transaction. */
static enum status fields_write(struct place *place, const struct row *row, uint64_t mask, int64_t *version_out,
				struct failure *why)
{
	struct moved moved = { 0 };
	int64_t before = 0, after = 0;
	enum status status = row_version(place->r, place->kind, place->id, &before);
	bool page = place->shown != SAVE_SHOWN_NOW && place->shown < before;

	if (status == ST_OK && page)
		status = moved_find(place, mask, &moved);
	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	status = update_run(place->r, place->kind, place->id, row, mask, why);
	if (status != ST_OK)
		return status;
	status = row_version(place->r, place->kind, place->id, &after);
	if (status == ST_OK && after != before)
		status = clocks_stamp(place->r, place->kind, place->id, after);
	if (status == ST_OK && page && after != before)
		status = moved_settle(place, &moved, after);
	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	*version_out = after;
	return ST_OK;
}

static enum status fields_save(struct place *place, const struct row *row, uint64_t mask, int64_t *version_out,
			       struct failure *why)
{
	bool own = false;
	enum status status = write_begin(place->r, &own);

	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	return write_end(place->r, own, fields_write(place, row, mask, version_out, why), why);
}

/* NOLINTNEXTLINE(readability-function-size): as save.h declares it. */
enum status save_fields(struct replica *r, const struct kind *kind, const struct id *id, int64_t shown,
			const struct row *row, uint64_t mask, int64_t *version_out, struct failure *why)
{
	struct place place = { r, kind, id, 0, shown };
	struct row folded = *row;
	struct arena arena;
	int64_t version = 0;
	enum status status;

	assert(mask != 0 && (mask & ~kind->mask_all) == 0);
	if (shown < SAVE_SHOWN_NOW)
		return failure_set(why, ST_INVALID, NULL, "Nothing was changed.", NULL);
	status = fields_check(kind, row, mask, why);
	if (status != ST_OK)
		return status;
	arena_init(&arena, FOLD_SIZE_MAX);
	status = fold_lines(kind, mask, &arena, &folded);
	status = status == ST_OK ? fields_save(&place, &folded, mask, &version, why)
				 : failure_set(why, status, NULL, NULL, NULL);
	arena_close(&arena);
	if (status == ST_OK)
		*version_out = version;
	return status;
}

static enum status insert_run(struct replica *r, const struct kind *kind, const struct id *id, const struct id *patient,
			      const struct row *row, struct failure *why)
{
	bool with_patient = kind_has_patient(kind);
	struct buf buf;
	enum status status;
	sqlite3_stmt *stmt = NULL;

	buf_init(&buf, SQL_MAX);
	buf_printf(&buf, "INSERT INTO \"%s\"(id,%s", kind->name, with_patient ? "patient," : "");
	kindsql_columns(&buf, kind, kind->mask_all, "");
	buf_printf(&buf, ") VALUES(?1%s", with_patient ? ",?2" : "");
	for (int i = 0; i < kind->field_count; i++)
		buf_printf(&buf, ",?%d", i + (with_patient ? 3 : 2));
	buf_add_str(&buf, ")");
	status = buf_status(&buf);
	if (status == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&buf), &status);
	buf_close(&buf);
	if (stmt == NULL)
		return failure_set(why, status, NULL, NULL, NULL);
	db_bind_id(&r->db, stmt, 1, id);
	if (with_patient)
		db_bind_id(&r->db, stmt, 2, patient);
	(void)kindsql_bind(stmt, with_patient ? 3 : 2, kind, row, kind->mask_all);
	return write_run(r, stmt, why);
}

/* Inside a write transaction. */
static enum status create_write(struct place *place, const struct id *patient, const struct row *row,
				int64_t *version_out, struct failure *why)
{
	enum status status = row_version(place->r, place->kind, place->id, version_out);

	if (status == ST_OK)
		return failure_set(why, ST_EXISTS, NULL, NULL, NULL);
	if (status != ST_NOT_FOUND)
		return failure_set(why, status, NULL, NULL, NULL);
	status = insert_run(place->r, place->kind, place->id, patient, row, why);
	if (status != ST_OK)
		return status;
	status = row_version(place->r, place->kind, place->id, version_out);
	if (status == ST_OK)
		status = clocks_stamp(place->r, place->kind, place->id, *version_out);
	return status == ST_OK ? ST_OK : failure_set(why, status, NULL, NULL, NULL);
}

/* The fields that a new record brings: where a tablet may not write one, it must be null. */
static uint64_t create_mask(const struct kind *kind, const struct row *row)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < kind->field_count; i++)
		if (kind->fields[i].writer == WRITER_BOTH || kind->fields[i].required ||
		    row->values[i].tag != VALUE_NULL)
			mask |= (uint64_t)1 << i;
	return mask;
}

static enum status create_save(struct place *place, const struct id *patient, const struct row *row,
			       int64_t *version_out, struct failure *why)
{
	bool own = false;
	enum status status = write_begin(place->r, &own);

	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	return write_end(place->r, own, create_write(place, patient, row, version_out, why), why);
}

/* NOLINTNEXTLINE(readability-function-size): as save.h declares it. */
enum status save_create(struct replica *r, const struct kind *kind, struct id *id, const struct id *patient,
			const struct row *row, int64_t *version_out, struct failure *why)
{
	struct id made = *id;
	struct place place = { r, kind, &made, 0, SAVE_SHOWN_NOW };
	struct row folded = *row;
	struct arena arena;
	uint8_t random[10];
	int64_t version = 0;
	enum status status = fields_check(kind, row, create_mask(kind, row), why);

	if (status != ST_OK)
		return status;
	if (kind_has_patient(kind) && (patient == NULL || id_is_zero(patient)))
		return failure_set(why, ST_INVALID, "The record belongs to no patient.", "Nothing was changed.",
				   "Say whose record it is.");
	if (id_is_zero(&made)) {
		r->env->random(r->env->ctx, random, sizeof random);
		id_make_v7(&made, r->env->wall_ms(r->env->ctx), random);
	}
	arena_init(&arena, FOLD_SIZE_MAX);
	status = fold_lines(kind, kind->mask_all, &arena, &folded);
	status = status == ST_OK ? create_save(&place, patient, &folded, &version, why)
				 : failure_set(why, status, NULL, NULL, NULL);
	arena_close(&arena);
	if (status == ST_OK) {
		*id = made;
		*version_out = version;
	}
	return status;
}

/* Inside a write transaction. */
static enum status delete_write(struct replica *r, const struct kind *kind, const struct id *id, struct failure *why)
{
	char sql[128];
	int64_t version = 0, edit = 0;
	enum status status = row_version(r, kind, id, &version);
	sqlite3_stmt *stmt = NULL;

	(void)snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE id=?1", kind->name);
	status = status == ST_OK ? clocks_edit(r, &edit) : status;
	if (status == ST_OK)
		stmt = db_prepare(&r->db, sql, &status);
	if (stmt == NULL)
		return failure_set(why, status, NULL, NULL, NULL);
	db_bind_id(&r->db, stmt, 1, id);
	status = write_run(r, stmt, why);
	if (status != ST_OK)
		return status;
	status = clocks_stamp(r, kind, id, edit + 1);
	return status == ST_OK ? ST_OK : failure_set(why, status, NULL, NULL, NULL);
}

enum status save_delete(struct replica *r, const struct kind *kind, const struct id *id, struct failure *why)
{
	bool own = false;
	enum status status;

	if (kind->writer == WRITER_CENTRE)
		return refuse_kind(kind, why);
	status = write_begin(r, &own);
	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	return write_end(r, own, delete_write(r, kind, id, why), why);
}
