#include "client/live.h"

#include <assert.h>
#include <string.h>

#include "common/kindsql.h"
#include "proto/limits.h"

#define SQL_SIZE 8192

/* The number of the next edit, which is the next row version. */
static enum status next_version(struct replica *r, int64_t *version_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT edit+1 FROM ds_state", &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && !row)
		st = ST_CORRUPT;
	if (st == ST_OK)
		*version_out = db_column_int(stmt, 0);
	db_done(stmt);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, "UPDATE ds_state SET edit=edit+1", &st);
	return st == ST_OK ? db_run(&r->db, stmt) : st;
}

enum status live_presence(struct replica *r, const struct key *key, struct presence *out)
{
	struct presence presence = { 0 };
	enum status st = ST_OK;
	bool row = false;
	char sql[128];
	sqlite3_stmt *stmt = NULL;

	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT ?1 FROM \"%w\" WHERE id=?2", key->kind->name);
	st = key_exists(r, sql, key, &presence.live);
	if (st != ST_OK)
		return st;
	stmt = key_prepare(r, "SELECT last IS NOT NULL FROM ds_gone WHERE kind=?1 AND id=?2", key, &st);
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK) {
		presence.gone = row;
		presence.gone_here = row && db_column_int(stmt, 0) != 0;
		*out = presence;
	}
	db_done(stmt);
	return st;
}

/* --- a row ------------------------------------------------------------------------ */

static void insert_sql(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "INSERT INTO \"%s\"(id,version,%s", kind->name, kind_has_patient(kind) ? "patient," : "");
	kindsql_columns(sql, kind, kind->mask_all, "");
	buf_printf(sql, ") VALUES(?1,?2%s", kind_has_patient(kind) ? ",?3" : "");
	for (size_t i = 0; i < kind->field_count; i++)
		buf_printf(sql, ",?%zu", i + 4);
	buf_add_str(sql, ")");
}

static void update_sql(struct buf *sql, const struct kind *kind)
{
	buf_printf(sql, "UPDATE \"%s\" SET version=?2", kind->name);
	for (size_t i = 0; i < kind->field_count; i++)
		buf_printf(sql, ",\"%s\"=?%zu", kind->fields[i].name, i + 4);
	buf_add_str(sql, " WHERE id=?1");
}

/* Insert or update the whole row. */
static enum status write_row(struct replica *r, const struct news *next, int64_t version, bool insert)
{
	const struct kind *kind = next->key.kind;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf sql;

	buf_init(&sql, SQL_SIZE);
	if (insert)
		insert_sql(&sql, kind);
	else
		update_sql(&sql, kind);
	st = buf_status(&sql);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&sql), &st);
	buf_close(&sql);
	if (stmt == NULL)
		return st;
	db_bind_id(&r->db, stmt, 1, &next->key.id);
	(void)sqlite3_bind_int64(stmt, 2, version);
	if (insert && kind_has_patient(kind))
		db_bind_id(&r->db, stmt, 3, &next->patient);
	(void)kindsql_bind(stmt, 4, kind, &next->row, kind->mask_all);
	return db_run(&r->db, stmt);
}

static enum status drop_row(struct replica *r, const struct key *key)
{
	char sql[128];

	(void)sqlite3_snprintf(sizeof sql, sql, "DELETE FROM \"%w\" WHERE ?1 AND id=?2", key->kind->name);
	return key_run(r, sql, key);
}

/* Until this version the group showed: an own number that was not accepted, else what
 * had been seen of the centre. */
static enum status keep_past(struct replica *r, const struct key *key, const struct tracks *tracks,
			     int slot, int64_t until)
{
	const int group = slot_group(key->kind, slot);
	uint64_t seen = 0;
	enum status st = tracks_seen(r, key, group, &seen);
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK)
		stmt = key_prepare(r, "INSERT INTO ds_past(kind,id,grp,until,seq,n) VALUES(?1,?2,?3,?4,?5,?6)",
				   key, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	(void)sqlite3_bind_int64(stmt, 4, until);
	if (tracks->lost[slot] != 0)
		(void)sqlite3_bind_int64(stmt, 6, (int64_t)tracks->lost[slot]);
	else if (seen != 0)
		(void)sqlite3_bind_int64(stmt, 5, (int64_t)seen);
	return db_run(&r->db, stmt);
}

/* What a row holds turns into what next holds: past kept, version counted, written.
 * now NULL: there is no row. One that was here before may still be on somebody's screen. */
static enum status show(struct replica *r, const struct news *next, const struct row *now, bool insert,
			const struct tracks *tracks)
{
	const struct kind *kind = next->key.kind;
	int64_t version = 0;
	uint64_t seen = 0;
	enum status st = now == NULL ? tracks_seen(r, &next->key, GROUP_RECORD, &seen) : ST_OK;

	if (!insert && now != NULL && row_equal(now, &next->row, kind->mask_all))
		return ST_OK;
	if (st == ST_OK)
		st = next_version(r, &version);
	for (int slot = 1; slot < slot_count(kind) && st == ST_OK; slot++)
		if (now != NULL ? !row_equal(now, &next->row, slot_mask(kind, slot)) : seen != 0)
			st = keep_past(r, &next->key, tracks, slot, version);
	return st == ST_OK ? write_row(r, next, version, insert) : st;
}

enum status live_take_whole(struct replica *r, const struct news *news, const struct tracks *tracks,
			    struct arena *arena)
{
	const struct key *key = &news->key;
	struct row now;
	struct id patient;
	int64_t version = 0;
	enum status st = replica_read(r, key->kind, &key->id, arena, &now, &patient, &version);

	assert(!tracks_any(tracks));
	if (st == ST_OK)
		st = show(r, news, &now, false, tracks);
	else if (st == ST_NOT_FOUND)
		st = show(r, news, NULL, true, tracks);
	if (st == ST_OK)
		st = key_run(r, "DELETE FROM ds_gone WHERE kind=?1 AND id=?2", key);
	if (st == ST_OK)
		st = key_run(r, "DELETE FROM ds_copy WHERE kind=?1 AND id=?2", key);
	return st == ST_OK ? tracks_see(r, key, GROUP_RECORD, news->seq) : st;
}

enum status live_remove(struct replica *r, const struct key *key, const struct id *patient, uint64_t seq)
{
	enum status st = drop_row(r, key);
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK)
		st = key_run(r, "DELETE FROM ds_copy WHERE kind=?1 AND id=?2", key);
	if (st == ST_OK)
		st = tracks_see(r, key, SCHEMA_GROUP_DELETED, seq);
	if (st == ST_OK)
		stmt = key_prepare(r, "INSERT INTO ds_gone(kind,id,patient,last) VALUES(?1,?2,?3,NULL)"
				      " ON CONFLICT(kind,id) DO UPDATE SET last=NULL", key, &st);
	if (stmt == NULL)
		return st;
	if (!id_is_zero(patient))
		db_bind_id(&r->db, stmt, 3, patient);
	return db_run(&r->db, stmt);
}

/* --- kept copies ------------------------------------------------------------------ */

static enum status keep(struct replica *r, const struct key *key, int group, uint64_t seq, struct buf *values)
{
	enum status st = buf_status(values);
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK)
		stmt = key_prepare(r, "INSERT INTO ds_copy(kind,id,grp,seq,vals) VALUES(?1,?2,?3,?4,?5)"
				      " ON CONFLICT(kind,id,grp) DO UPDATE SET seq=excluded.seq, vals=excluded.vals"
				      " WHERE excluded.seq>=seq", key, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)seq);
	(void)sqlite3_bind_text(stmt, 5, buf_str(values), (int)values->len, SQLITE_STATIC);
	return db_run(&r->db, stmt);
}

enum status live_keep(struct replica *r, const struct news *news, int slot)
{
	const struct kind *kind = news->key.kind;
	enum status st = ST_OK;
	struct buf values;

	assert(slot > SLOT_MARK);
	assert((slot_mask(kind, slot) & ~news->mask) == 0);
	/* JSON writes a byte of text as six at most. */
	buf_init(&values, (size_t)6 * LIMIT_INFLATED_MAX);
	kindsql_json(&values, kind, &news->row, slot_mask(kind, slot));
	st = keep(r, &news->key, slot_group(kind, slot), news->seq, &values);
	buf_close(&values);
	return st;
}

enum status live_keep_mark(struct replica *r, const struct key *key, uint64_t seq, bool deleted)
{
	enum status st = ST_OK;
	struct buf values;

	buf_init(&values, 8);
	buf_add_str(&values, deleted ? "[1]" : "[0]");
	st = keep(r, key, SCHEMA_GROUP_DELETED, seq, &values);
	buf_close(&values);
	return st;
}

/* All copies of one record, with their values laid into one row. */
struct copies {
	bool kept[SLOTS];
	uint64_t seq[SLOTS];
	bool deleted; /* where kept[SLOT_MARK] */
	struct row row;
};

static enum status read_copy(sqlite3_stmt *stmt, const struct kind *kind, struct arena *arena,
			     struct copies *copies)
{
	const int slot = slot_of(kind, db_column_int(stmt, 0));
	const char *values = (const char *)sqlite3_column_text(stmt, 2);
	const size_t len = (size_t)sqlite3_column_bytes(stmt, 2);

	if (slot < 0)
		return ST_OK;
	if (values == NULL)
		return ST_CORRUPT;
	copies->kept[slot] = true;
	copies->seq[slot] = (uint64_t)db_column_int(stmt, 1);
	if (slot != SLOT_MARK)
		return kindsql_from_json(kind, slot_mask(kind, slot), values, len, arena, &copies->row);
	copies->deleted = strcmp(values, "[1]") == 0;
	return ST_OK;
}

static enum status load_copies(struct replica *r, const struct key *key, struct arena *arena,
			       struct copies *copies)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT grp,seq,vals FROM ds_copy WHERE kind=?1 AND id=?2", key, &st);

	if (stmt == NULL)
		return st;
	while ((st = db_step(&r->db, stmt, &row)) == ST_OK && row)
		if ((st = read_copy(stmt, key->kind, arena, copies)) != ST_OK)
			break;
	db_done(stmt);
	return st;
}

/* The copy has done its work: it is what the row shows now. */
static enum status copy_taken(struct replica *r, const struct key *key, const struct copies *copies, int slot)
{
	const int group = slot_group(key->kind, slot);
	enum status st = tracks_see(r, key, group, copies->seq[slot]);

	return st == ST_OK ? key_run_group(r, "DELETE FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=?3", key, group)
			   : st;
}

/* --- settling --------------------------------------------------------------------- */

struct settling {
	struct key key;
	struct tracks tracks;
	struct copies copies;
	struct arena *arena;
};

static bool takes(const struct settling *s, int slot)
{
	return s->copies.kept[slot] && !tracks_busy(&s->tracks, slot);
}

static enum status all_taken(struct replica *r, const struct settling *s)
{
	enum status st = ST_OK;

	for (int slot = 0; slot < slot_count(s->key.kind) && st == ST_OK; slot++)
		if (takes(s, slot))
			st = copy_taken(r, &s->key, &s->copies, slot);
	return st;
}

static void lay_copies(const struct settling *s, struct row *row)
{
	for (int slot = 1; slot < slot_count(s->key.kind); slot++)
		if (takes(s, slot))
			row_copy(row, &s->copies.row, slot_mask(s->key.kind, slot));
}

/* Was anything of the record ever seen at the centre? */
static enum status ever_seen(struct replica *r, const struct key *key, bool *seen_out)
{
	return key_exists(r, "SELECT 1 FROM ds_version WHERE kind=?1 AND id=?2", key, seen_out);
}

static enum status settle_live(struct replica *r, struct settling *s)
{
	struct news next = { .key = s->key };
	struct row now;
	int64_t version = 0;
	bool seen = false, kept = false, lost = false;
	enum status st = replica_read(r, s->key.kind, &s->key.id, s->arena, &now, &next.patient, &version);

	if (st == ST_OK)
		st = ever_seen(r, &s->key, &seen);
	if (st != ST_OK)
		return st;
	for (int slot = 0; slot < SLOTS; slot++) {
		kept = kept || s->copies.kept[slot];
		lost = lost || s->tracks.lost[slot] != 0;
	}
	if (!tracks_any(&s->tracks)) {
		if (s->copies.kept[SLOT_MARK] && s->copies.deleted)
			return live_remove(r, &s->key, &next.patient, s->copies.seq[SLOT_MARK]);
		if (lost && !seen && !kept)
			return drop_row(r, &s->key);
	} else if (s->copies.deleted) {
		/* The deletion waits for the rest of the record. */
		s->copies.kept[SLOT_MARK] = false;
	}
	row_copy(&next.row, &now, s->key.kind->mask_all);
	lay_copies(s, &next.row);
	st = show(r, &next, &now, false, &s->tracks);
	return st == ST_OK ? all_taken(r, s) : st;
}

/* The row as it was when a program deleted it; ST_NOT_FOUND where the centre did. */
static enum status read_last(struct replica *r, const struct key *key, struct arena *arena, struct news *last)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT patient,last FROM ds_gone WHERE kind=?1 AND id=?2", key, &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row) {
		const char *values = (const char *)sqlite3_column_text(stmt, 1);

		(void)db_column_id(stmt, 0, &last->patient);
		st = values == NULL ? ST_NOT_FOUND
				    : kindsql_from_json(key->kind, key->kind->mask_all, values,
							(size_t)sqlite3_column_bytes(stmt, 1), arena, &last->row);
	}
	db_done(stmt);
	return st;
}

/* The record stands at the centre after all: its row is made again. */
static enum status revive(struct replica *r, struct settling *s)
{
	struct news next = { .key = s->key };
	const struct row *now = NULL;
	struct row last;
	enum status st = read_last(r, &s->key, s->arena, &next);
	bool seen = false;

	if (st == ST_OK) {
		row_copy(&last, &next.row, s->key.kind->mask_all);
		now = &last;
		st = ever_seen(r, &s->key, &seen);
	} else if (st == ST_NOT_FOUND) {
		seen = true;
		st = ST_OK;
		for (int slot = 1; slot < slot_count(s->key.kind); slot++)
			if (!takes(s, slot))
				st = ST_PROTOCOL;
	}
	if (st == ST_OK)
		st = key_run(r, "DELETE FROM ds_gone WHERE kind=?1 AND id=?2", &s->key);
	if (st != ST_OK)
		return st;
	/* A create, deleted before it was sent, that was given back: nowhere is a row of it. */
	if (!seen && !tracks_any(&s->tracks))
		return key_run(r, "DELETE FROM ds_copy WHERE kind=?1 AND id=?2", &s->key);
	lay_copies(s, &next.row);
	st = show(r, &next, now, true, &s->tracks);
	return st == ST_OK ? all_taken(r, s) : st;
}

static enum status settle_gone(struct replica *r, struct settling *s)
{
	enum status st = ST_OK;

	/* While the deletion itself is under way, all news is kept. */
	if (tracks_busy(&s->tracks, SLOT_MARK))
		return ST_OK;
	if (s->copies.kept[SLOT_MARK] && !s->copies.deleted)
		return revive(r, s);
	for (int slot = 0; slot < slot_count(s->key.kind) && st == ST_OK; slot++)
		if (takes(s, slot))
			st = copy_taken(r, &s->key, &s->copies, slot);
	/* The deletion stands at the centre too. What the row held last is in the history
	 * there; from here on only a whole record brings it back. */
	if (st == ST_OK && !tracks_any(&s->tracks))
		st = key_run(r, "UPDATE ds_gone SET last=NULL WHERE kind=?1 AND id=?2", &s->key);
	return st;
}

enum status live_settle(struct replica *r, const struct key *key, struct arena *arena)
{
	struct settling *s = arena_zalloc(arena, sizeof *s);
	struct presence presence = { 0 };
	enum status st = ST_OK;

	if (s == NULL)
		return ST_NOMEM;
	s->key = *key;
	s->arena = arena;
	st = tracks_load(r, key, &s->tracks);
	if (st == ST_OK)
		st = load_copies(r, key, arena, &s->copies);
	if (st == ST_OK)
		st = live_presence(r, key, &presence);
	if (st != ST_OK)
		return st;
	if (presence.live)
		return settle_live(r, s);
	return presence.gone ? settle_gone(r, s) : ST_OK;
}
