#include "client/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/closing.h"

/* A chain of creates that refer to each other is followed this far. What lies deeper
 * comes in order of its edit, and the centre lets it wait for what it refers to. */
#define DEPTH_MAX 16
/* One row is read at a time, to look at its references. */
#define ROW_SIZE_MAX ((size_t)16 * 1024 * 1024)

enum mark { UNSEEN = 0, OPEN, DONE };

struct item {
	struct pending pending;
	struct id patient;
	int64_t patient_first; /* the first edit of any record of its patient */
	enum mark mark;
};

struct ordering {
	struct replica *replica;
	struct item *items;
	struct item **by_id;   /* creates only, by id */
	size_t count, create_count;
	struct pending *out;
	size_t out_count;
	struct arena row;
};

static int compare_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_patient(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	const int order = id_compare(&a->patient, &b->patient);

	return order != 0 ? order : compare_int(a->pending.edit_first, b->pending.edit_first);
}

static int by_edit(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	int order = compare_int(a->patient_first, b->patient_first);

	if (order == 0)
		order = id_compare(&a->patient, &b->patient);
	if (order == 0)
		order = compare_int(a->pending.edit_first, b->pending.edit_first);
	if (order == 0)
		order = compare_int(a->pending.key.kind->num, b->pending.key.kind->num);
	return order != 0 ? order : id_compare(&a->pending.key.id, &b->pending.key.id);
}

static int by_id(const void *left, const void *right)
{
	const struct item *const *a = left, *const *b = right;

	return id_compare(&(*a)->pending.key.id, &(*b)->pending.key.id);
}

/* --- reading ---------------------------------------------------------------------- */

static enum status read_items(struct replica *r, int64_t rest_ms, struct ordering *o)
{
	const int64_t now_ms = r->env->wall_ms(r->env->ctx);
	enum status st = ST_OK;
	bool row = false;
	size_t room = o->count;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT kind,id,min(edit_first),max(wall_ms),min(grp) FROM ds_dirty"
						" GROUP BY kind,id", &st);

	o->count = 0;
	if (stmt == NULL)
		return st;
	while (o->count < room && (st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		struct item *item = &o->items[o->count];
		const int64_t wall_ms = db_column_int(stmt, 3);

		item->pending.key.kind = schema_kind_num(r->schema, (unsigned)db_column_int(stmt, 0));
		if (item->pending.key.kind == NULL || !db_column_id(stmt, 1, &item->pending.key.id))
			continue;
		item->pending.edit_first = db_column_int(stmt, 2);
		item->pending.create = db_column_int(stmt, 4) == GROUP_RECORD;
		/* An edit "later than now" says only that the clock was set: it has rested. */
		item->pending.resting = wall_ms <= now_ms && now_ms - wall_ms < rest_ms;
		o->count++;
	}
	db_done(stmt);
	return st;
}

/* The status of reading a row to look at it: one that is gone, or too large to go, is nothing to look at. */
static enum status seen_nothing(enum status st, const struct arena *arena)
{
	return st == ST_NOT_FOUND || st == ST_LIMIT || (st == ST_NOMEM && arena->full) ? ST_OK : st;
}

static enum status is_closed(struct replica *r, const struct key *key, struct arena *arena, bool *closed_out)
{
	struct row row;
	struct id patient;
	int64_t version = 0;
	enum status st = key->kind->closing < 0 ? ST_NOT_FOUND
						: replica_read(r, key->kind, &key->id, arena, &row, &patient, &version);

	*closed_out = st == ST_OK && closing_is_closed(key->kind, &row);
	st = seen_nothing(st, arena);
	arena_reset(arena);
	return st;
}

/* What is closed is the last word on a record: there is nothing more to wait for. */
static enum status wake_closed(struct ordering *o)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < o->count && st == ST_OK; i++) {
		bool closed = false;

		if (o->items[i].pending.resting)
			st = is_closed(o->replica, &o->items[i].pending.key, &o->row, &closed);
		if (closed)
			o->items[i].pending.resting = false;
	}
	return st;
}

enum status order_closed_since(struct replica *r, int64_t edit, bool *closed_out)
{
	enum status st = ST_OK;
	bool row = false, closed = false;
	struct arena arena;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT DISTINCT kind,id FROM ds_dirty WHERE edit_last>?1", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, edit);
	arena_init(&arena, ROW_SIZE_MAX);
	while (!closed && (st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		struct key key = { .kind = schema_kind_num(r->schema, (unsigned)db_column_int(stmt, 0)) };

		if (key.kind != NULL && db_column_id(stmt, 1, &key.id))
			st = is_closed(r, &key, &arena, &closed);
		if (st != ST_OK)
			break;
	}
	db_done(stmt);
	arena_close(&arena);
	if (st == ST_OK)
		*closed_out = closed;
	return st;
}

/* Whose record it is; where nobody knows any more, it is a unit of its own. */
static enum status read_patient(struct replica *r, struct item *item)
{
	const struct key *key = &item->pending.key;
	enum status st = ST_OK;
	bool row = false;
	char sql[192];
	sqlite3_stmt *stmt = NULL;

	item->patient = key->kind->is_staff ? ID_STAFF : key->id;
	if (key->kind->is_patient || key->kind->is_staff)
		return ST_OK;
	(void)sqlite3_snprintf(sizeof sql, sql,
			       "SELECT coalesce((SELECT patient FROM \"%w\" WHERE id=?2),"
			       "(SELECT patient FROM ds_gone WHERE kind=?1 AND id=?2))", key->kind->name);
	stmt = key_prepare(r, sql, key, &st);
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row)
		(void)db_column_id(stmt, 0, &item->patient);
	db_done(stmt);
	return st;
}

/* --- ordering --------------------------------------------------------------------- */

static struct item *find_create(struct ordering *o, const struct id *id)
{
	struct item wanted, *key = &wanted, **found = NULL;

	memset(&wanted, 0, sizeof wanted);
	wanted.pending.key.id = *id;
	if (o->create_count != 0)
		found = bsearch(&key, o->by_id, o->create_count, sizeof(struct item *), by_id);
	return found != NULL ? *found : NULL;
}

/* The creates that a record refers to: its patient's, and those its fields name. */
static enum status find_references(struct ordering *o, const struct item *item, struct item **found,
				   size_t *count_out)
{
	const struct key *key = &item->pending.key;
	struct row row;
	struct id id = item->patient, patient;
	int64_t version = 0;
	size_t count = 0;
	enum status st = ST_OK;

	*count_out = 0;
	if (o->create_count == 0)
		return ST_OK;
	if ((found[count] = find_create(o, &id)) != NULL)
		count++;
	st = replica_read(o->replica, key->kind, &key->id, &o->row, &row, &patient, &version);
	for (size_t i = 0; i < key->kind->field_count && st == ST_OK; i++) {
		if (key->kind->fields[i].type != TYPE_ID || row.values[i].tag != VALUE_TEXT)
			continue;
		if (id_parse(row.values[i].text, row.values[i].len, &id) && (found[count] = find_create(o, &id)) != NULL)
			count++;
	}
	st = seen_nothing(st, &o->row);
	arena_reset(&o->row);
	*count_out = count;
	return st;
}

static enum status visit(struct ordering *o, struct item *item, int depth)
{
	struct item *found[1 + SCHEMA_FIELDS_MAX];
	size_t count = 0;
	enum status st = ST_OK;

	assert(depth <= DEPTH_MAX);
	if (item->mark != UNSEEN || depth == DEPTH_MAX)
		return ST_OK;
	item->mark = OPEN;
	st = find_references(o, item, found, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = visit(o, found[i], depth + 1);
	item->mark = DONE;
	assert(o->out_count < o->count);
	o->out[o->out_count++] = item->pending;
	return st;
}

static void sort_items(struct ordering *o)
{
	qsort(o->items, o->count, sizeof *o->items, by_patient);
	for (size_t i = 0; i < o->count; i++)
		o->items[i].patient_first = i > 0 && id_equal(&o->items[i].patient, &o->items[i - 1].patient)
						    ? o->items[i - 1].patient_first
						    : o->items[i].pending.edit_first;
	qsort(o->items, o->count, sizeof *o->items, by_edit);
	for (size_t i = 0; i < o->count; i++)
		if (o->items[i].pending.create)
			o->by_id[o->create_count++] = &o->items[i];
	qsort(o->by_id, o->create_count, sizeof(struct item *), by_id);
}

enum status order_pending(struct replica *r, int64_t rest_ms, struct arena *arena,
			  struct pending **out, size_t *count_out)
{
	struct ordering o = { .replica = r };
	int64_t records = 0;
	enum status st = db_number(&r->db, "SELECT count(*) FROM (SELECT DISTINCT kind,id FROM ds_dirty)", &records);

	if (st != ST_OK)
		return st;
	o.count = (size_t)records;
	arena_init(&o.row, ROW_SIZE_MAX);
	o.items = arena_zalloc(arena, (o.count + 1) * sizeof *o.items);
	o.by_id = arena_zalloc(arena, (o.count + 1) * sizeof(struct item *));
	o.out = arena_zalloc(arena, (o.count + 1) * sizeof *o.out);
	if (o.items == NULL || o.by_id == NULL || o.out == NULL)
		st = ST_NOMEM;
	if (st == ST_OK)
		st = read_items(r, rest_ms, &o);
	if (st == ST_OK)
		st = wake_closed(&o);
	for (size_t i = 0; i < o.count && st == ST_OK; i++)
		st = read_patient(r, &o.items[i]);
	if (st == ST_OK)
		sort_items(&o);
	for (size_t i = 0; i < o.count && st == ST_OK; i++)
		if (!o.items[i].pending.resting)
			st = visit(&o, &o.items[i], 0);
	arena_close(&o.row);
	if (st == ST_OK) {
		*out = o.out;
		*count_out = o.out_count;
	}
	return st;
}
