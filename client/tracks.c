#include "client/tracks.h"

#include <assert.h>

int slot_of(const struct kind *kind, int64_t group_num)
{
	int index = -1;

	if (group_num == SCHEMA_GROUP_DELETED)
		return SLOT_MARK;
	if (group_num < 0 || group_num > UINT8_MAX)
		return -1;
	index = kind_group_num(kind, (unsigned)group_num);
	return index < 0 ? -1 : index + 1;
}

int slot_group(const struct kind *kind, int slot)
{
	assert(slot >= 0 && slot < slot_count(kind));
	return slot == SLOT_MARK ? SCHEMA_GROUP_DELETED : kind->groups[slot - 1].num;
}

int slot_count(const struct kind *kind)
{
	assert(kind->group_count < SLOTS);
	return 1 + kind->group_count;
}

uint64_t slot_mask(const struct kind *kind, int slot)
{
	assert(slot >= 0 && slot < slot_count(kind));
	return slot == SLOT_MARK ? 0 : kind->groups[slot - 1].mask;
}

sqlite3_stmt *key_prepare(struct replica *r, const char *sql, const struct key *key,
			  enum status *status_out)
{
	sqlite3_stmt *stmt = db_prepare(&r->db, sql, status_out);

	if (stmt == NULL)
		return NULL;
	(void)sqlite3_bind_int(stmt, 1, key->kind->num);
	db_bind_id(&r->db, stmt, 2, &key->id);
	return stmt;
}

enum status key_run(struct replica *r, const char *sql, const struct key *key)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, sql, key, &st);

	return stmt != NULL ? db_run(&r->db, stmt) : st;
}

enum status key_run_group(struct replica *r, const char *sql, const struct key *key, int group)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, sql, key, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	return db_run(&r->db, stmt);
}

enum status key_exists(struct replica *r, const char *sql, const struct key *key, bool *exists_out)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, sql, key, &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, exists_out);
	db_done(stmt);
	return st;
}

static enum status load_dirty(struct replica *r, const struct key *key, struct tracks *tracks)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT grp FROM ds_dirty WHERE kind=?1 AND id=?2", key, &st);

	if (stmt == NULL)
		return st;
	while ((st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		const int64_t group = db_column_int(stmt, 0);
		const int slot = slot_of(key->kind, group);

		if (group == GROUP_RECORD)
			tracks->created = true;
		else if (slot >= 0)
			tracks->dirty[slot] = true;
	}
	db_done(stmt);
	return st;
}

static enum status load_sent(struct replica *r, const struct key *key, struct tracks *tracks)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT grp,max(n),settled FROM ds_sent"
					    " WHERE kind=?1 AND id=?2 AND settled<>1 GROUP BY grp,settled",
					 key, &st);

	if (stmt == NULL)
		return st;
	while ((st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		const int slot = slot_of(key->kind, db_column_int(stmt, 0));
		const uint64_t n = (uint64_t)db_column_int(stmt, 1);

		if (slot < 0)
			continue;
		if (db_column_int(stmt, 2) == SENT_FLYING)
			tracks->flying[slot] = n;
		else
			tracks->lost[slot] = n;
	}
	db_done(stmt);
	return st;
}

enum status tracks_load(struct replica *r, const struct key *key, struct tracks *out)
{
	struct tracks tracks = { 0 };
	enum status st = load_dirty(r, key, &tracks);

	if (st == ST_OK)
		st = load_sent(r, key, &tracks);
	if (st == ST_OK)
		*out = tracks;
	return st;
}

bool tracks_busy(const struct tracks *tracks, int slot)
{
	return tracks->created || tracks->dirty[slot] || tracks->flying[slot] != 0;
}

bool tracks_any(const struct tracks *tracks)
{
	for (int slot = 0; slot < SLOTS; slot++)
		if (tracks_busy(tracks, slot))
			return true;
	return false;
}

enum status tracks_seen(struct replica *r, const struct key *key, int group, uint64_t *seq_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, "SELECT max(seq) FROM ds_version"
					    " WHERE kind=?1 AND id=?2 AND grp IN (?3,-1)", key, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK)
		*seq_out = row ? (uint64_t)db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return st;
}

enum status tracks_see(struct replica *r, const struct key *key, int group, uint64_t seq)
{
	uint64_t seen = 0;
	enum status st = tracks_seen(r, key, group, &seen);
	sqlite3_stmt *stmt = NULL;

	assert(seq <= INT64_MAX);
	if (st != ST_OK || seq <= seen)
		return st;
	/* What was seen of single groups up to there says no more than this does. */
	if (group == GROUP_RECORD) {
		stmt = key_prepare(r, "DELETE FROM ds_version WHERE kind=?1 AND id=?2 AND seq<=?3", key, &st);
		if (stmt == NULL)
			return st;
		(void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
		st = db_run(&r->db, stmt);
		if (st != ST_OK)
			return st;
	}
	stmt = key_prepare(r, "INSERT INTO ds_version(kind,id,grp,seq) VALUES(?1,?2,?3,?4)"
			      " ON CONFLICT(kind,id,grp) DO UPDATE SET seq=excluded.seq", key, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)seq);
	return db_run(&r->db, stmt);
}
