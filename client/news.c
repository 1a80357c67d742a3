#include "client/news.h"

#include <assert.h>

#include "client/live.h"
#include "common/kindsql.h"

static void news_from(const struct answer_record *record, struct news *out)
{
	out->key = (struct key){ .kind = record->kind, .id = record->id };
	out->patient = record->patient;
	out->seq = record->seq;
	out->mask = record->mask;
	for (size_t i = 0; i < record->kind->field_count; i++)
		out->row.values[i] = (record->mask >> i & 1) != 0 ? record->row.values[i] : value_null();
}

/* A record's patient is fixed when it is made, and travels with the whole record alone: where it did not come it is
 * that of the row. */
static enum status check_patient(struct replica *r, struct news *news, bool live, bool *same_out)
{
	struct id patient = news->patient;
	enum status st = ST_OK;
	bool row = false;
	char sql[128];
	sqlite3_stmt *stmt = NULL;

	*same_out = true;
	if (!live || !kind_has_patient(news->key.kind))
		return ST_OK;
	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT patient FROM \"%w\" WHERE ?1 AND id=?2", news->key.kind->name);
	stmt = key_prepare(r, sql, &news->key, &st);
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row)
		(void)db_column_id(stmt, 0, &patient);
	db_done(stmt);
	if (id_is_zero(&news->patient))
		news->patient = patient;
	*same_out = id_equal(&patient, &news->patient);
	return st;
}

/* Something of the record is dirty or in flight, or only a part of it came: all goes
 * into the copies, and rows take from there what they may. So each group counts as seen when its row takes it; the record
 * as a whole would count for those too that go on showing what they did. It does only where nothing was ever seen of it. */
static enum status keep_all(struct replica *r, const struct answer_record *record, const struct news *news,
			    struct arena *arena)
{
	const struct kind *kind = record->kind;
	uint64_t seen = 0;
	enum status st = live_keep_mark(r, &news->key, record->seq, record->deleted);

	for (int slot = 1; slot < slot_count(kind) && st == ST_OK; slot++)
		if ((slot_mask(kind, slot) & record->mask) != 0)
			st = live_keep(r, news, slot);
	if (st == ST_OK)
		st = live_settle(r, &news->key, arena);
	if (st == ST_OK && record->whole)
		st = tracks_seen(r, &news->key, GROUP_RECORD, &seen);
	return st == ST_OK && record->whole && seen == 0 ? tracks_see(r, &news->key, GROUP_RECORD, record->seq) : st;
}

/* Can it become a row? A part can't where there is no row and nothing of which to make one; nor where the row was only
 * made here, for it may be another patient's record that has the same id. */
static enum status is_missing(struct replica *r, const struct answer_record *record, const struct key *key,
			      const struct presence *presence, bool *missing_out)
{
	uint64_t seen = 1;
	enum status st = ST_OK;

	*missing_out = false;
	if (record->whole || record->deleted || presence->gone_here)
		return ST_OK;
	if (presence->live)
		st = tracks_seen(r, key, GROUP_RECORD, &seen);
	*missing_out = presence->live ? seen == 0
				      : !presence->gone || (record->kind->mask_all & ~record->mask) != 0;
	return st;
}

/* The text in the one JSON row that this statement finds, its ?3 the group. */
static enum status text_from(struct replica *r, const char *sql, const struct news *news, int f, struct arena *arena,
			     struct bytes *out)
{
	const struct kind *kind = news->key.kind;
	const struct group *group = &kind->groups[kind->fields[f].group];
	struct row values = { 0 };
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = key_prepare(r, sql, &news->key, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group->num);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row && sqlite3_column_text(stmt, 0) != NULL)
		st = kindsql_from_json(kind, group->mask, (const char *)sqlite3_column_text(stmt, 0),
				       (size_t)sqlite3_column_bytes(stmt, 0), arena, &values);
	else if (st == ST_OK)
		st = ST_NOT_FOUND;
	db_done(stmt);
	if (st == ST_OK && values.values[f].tag == VALUE_TEXT)
		*out = (struct bytes){ values.values[f].text, values.values[f].len };
	return st == ST_OK && out->data == NULL ? ST_NOT_FOUND : st;
}

/* The text as the centre last told it: its kept copy, else the row, unless that was edited here; then what the edit
 * began from. */
static enum status seen_text(struct replica *r, const struct news *news, const struct tracks *tracks, int f,
			     struct arena *arena, struct bytes *out)
{
	const int slot = 1 + news->key.kind->fields[f].group;
	struct row row;
	struct id patient;
	int64_t version = 0;
	enum status st = text_from(r, "SELECT vals FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=?3", news, f, arena, out);

	if (st != ST_NOT_FOUND)
		return st;
	if (tracks_busy(tracks, slot))
		return text_from(r, "SELECT base_values FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp=?3", news, f, arena, out);
	st = replica_read(r, news->key.kind, &news->key.id, arena, &row, &patient, &version);
	if (st == ST_OK && row.values[f].tag == VALUE_TEXT)
		*out = (struct bytes){ row.values[f].text, row.values[f].len };
	return st == ST_OK && out->data == NULL ? ST_NOT_FOUND : st;
}

static enum status join_texts(struct replica *r, struct answer_record *record, const struct news *news,
			      const struct tracks *tracks, struct arena *arena, bool *joined_out)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < record->splice_count && st == ST_OK; i++) {
		struct bytes base = { 0 };

		st = seen_text(r, news, tracks, record->splices[i].field, arena, &base);
		if (st == ST_OK)
			st = answer_splice_join(record, i, &base, arena);
	}
	*joined_out = st == ST_OK;
	return st == ST_NOT_FOUND || st == ST_INVALID || st == ST_LIMIT ? ST_OK : st;
}

enum status news_apply(struct replica *r, struct answer_record *record, struct arena *arena,
		       enum news_fate *fate_out)
{
	struct news *news = arena_zalloc(arena, sizeof *news);
	struct presence presence = { 0 };
	struct tracks tracks;
	bool same = false, missing = false, joined = false;
	enum status st = ST_OK;

	if (news == NULL)
		return ST_NOMEM;
	if (record->seq > INT64_MAX)
		return ST_PROTOCOL;
	news_from(record, news);
	st = tracks_load(r, &news->key, &tracks);
	if (st == ST_OK)
		st = live_presence(r, &news->key, &presence);
	if (st == ST_OK)
		st = check_patient(r, news, presence.live, &same);
	if (st == ST_OK)
		st = is_missing(r, record, &news->key, &presence, &missing);
	if (st == ST_OK && same && !missing)
		st = join_texts(r, record, news, &tracks, arena, &joined);
	if (st == ST_OK && joined)
		row_copy(&news->row, &record->row, record->mask);
	if (st != ST_OK)
		return st;
	*fate_out = !same ? NEWS_FOREIGN : missing || !joined ? NEWS_MISSING : NEWS_TAKEN;
	if (*fate_out != NEWS_TAKEN)
		return ST_OK;
	if (tracks_any(&tracks))
		return keep_all(r, record, news, arena);
	if (record->deleted)
		return live_remove(r, &news->key, &news->patient, record->seq);
	if (record->whole)
		return live_take_whole(r, news, &tracks, arena);
	return keep_all(r, record, news, arena);
}
