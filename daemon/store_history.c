/* Blob of history.groups: two bytes a group, its number and its verdict. */
#include <assert.h>
#include <string.h>

#include "daemon/store_sqlite.h"

#define GROUPS_MAX (SCHEMA_FIELDS_MAX + 1)

#define HISTORY_COLUMNS                                                                                               \
	"seq, device, n, digest, author, kind, id, patient, body, lo_ms, hi_ms, received_ms, result, reason, groups," \
	" merged, of_seq, salt, content, link"
#define HISTORY "SELECT " HISTORY_COLUMNS " FROM history "
#define HELD                                                                                                          \
	"SELECT seq, device, n, author, kind, id, patient, reason, detail, wait_kind, wait_id, state, answer_seq,"    \
	" received_ms FROM held "

/* --- history --- */

static enum status bind_history(struct store *s, sqlite3_stmt *stmt, const struct history *h, const uint8_t *groups)
{
	bind_number(stmt, 1, h->seq);
	bind_int(stmt, 2, h->device);
	bind_number(stmt, 3, h->n);
	bind_bytes(stmt, 4, h->digest.bytes, DIGEST_SIZE);
	db_bind_id_blob(stmt, 5, &h->author);
	bind_int(stmt, 6, h->kind_num);
	db_bind_id_blob(stmt, 7, &h->id);
	db_bind_id_blob(stmt, 8, &h->patient);
	bind_bytes(stmt, 9, h->body.data, h->body.len);
	bind_int(stmt, 10, h->at.lo_ms);
	bind_int(stmt, 11, h->at.hi_ms);
	bind_int(stmt, 12, h->received_ms);
	bind_int(stmt, 13, h->result);
	bind_int(stmt, 14, h->reason);
	bind_bytes(stmt, 15, groups, 2 * h->group_count);
	bind_bytes(stmt, 16, h->merged.data, h->merged.len);
	bind_number(stmt, 17, h->of_seq);
	bind_bytes(stmt, 18, h->salt, sizeof h->salt);
	bind_bytes(stmt, 19, h->content.bytes, DIGEST_SIZE);
	bind_bytes(stmt, 20, h->link.bytes, DIGEST_SIZE);
	return store_run(s, stmt);
}

enum status sqlite_history_add(struct store *s, const struct history *history)
{
	uint8_t groups[2 * GROUPS_MAX];
	enum status st;
	sqlite3_stmt *stmt;

	assert(history->seq > 0 && history->group_count <= GROUPS_MAX);
	for (size_t i = 0; i < history->group_count; i++) {
		groups[2 * i] = history->groups[i].num;
		groups[2 * i + 1] = (uint8_t)history->groups[i].verdict;
	}
	stmt = store_prepare(s,
			     "INSERT INTO history(" HISTORY_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
			     " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
			     &st);
	return stmt != NULL ? bind_history(s, stmt, history, groups) : st;
}

static void read_groups(struct columns *columns, struct history *h)
{
	struct bytes bytes = column_bytes(columns);
	const uint8_t *at = bytes.data;
	struct outcome_group *groups;

	h->groups = NULL;
	h->group_count = bytes.len / 2;
	if (bytes.len % 2 != 0 || h->group_count > GROUPS_MAX) {
		columns->status = ST_CORRUPT;
		return;
	}
	groups = arena_zalloc(columns->arena, h->group_count * sizeof *groups);
	if (groups == NULL) {
		columns->status = ST_NOMEM;
		return;
	}
	for (size_t i = 0; i < h->group_count; i++) {
		groups[i].num = at[2 * i];
		groups[i].verdict = (enum outcome_verdict)at[2 * i + 1];
		if (at[2 * i + 1] > GROUP_SUPERSEDED)
			columns->status = ST_CORRUPT;
	}
	h->groups = groups;
}

/* The row that the statement stands on; ends the statement. */
static enum status read_history(sqlite3_stmt *stmt, struct arena *arena, struct history *out)
{
	struct columns columns = columns_of(stmt, arena);
	struct history h = { 0 };
	enum status st;

	h.seq = column_number(&columns);
	h.device = column_small(&columns, UINT32_MAX);
	h.n = column_number(&columns);
	column_exact(&columns, h.digest.bytes, DIGEST_SIZE);
	column_id(&columns, &h.author);
	h.kind_num = (uint8_t)column_small(&columns, UINT8_MAX);
	column_id(&columns, &h.id);
	column_id(&columns, &h.patient);
	h.body = column_bytes(&columns);
	h.at.lo_ms = column_int(&columns);
	h.at.hi_ms = column_int(&columns);
	h.received_ms = column_int(&columns);
	h.result = (enum outcome_result)column_small(&columns, OUTCOME_RETURNED);
	h.reason = (enum held_reason)column_small(&columns, HELD_REASON_COUNT - 1);
	read_groups(&columns, &h);
	h.merged = column_bytes(&columns);
	h.of_seq = column_number(&columns);
	column_exact(&columns, h.salt, sizeof h.salt);
	column_exact(&columns, h.content.bytes, DIGEST_SIZE);
	column_exact(&columns, h.link.bytes, DIGEST_SIZE);
	st = columns_end(&columns);
	if (st == ST_OK)
		*out = h;
	return st;
}

enum status sqlite_history_get(struct store *s, uint64_t seq, struct arena *arena, struct history *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, HISTORY "WHERE seq=?1", &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, seq);
	st = store_row(s, stmt);
	return st == ST_OK ? read_history(stmt, arena, out) : st;
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_history_find(struct store *s, uint32_t device, uint64_t n, const struct digest *digest,
				struct arena *arena, struct history *out)
{
	static const char any[] = HISTORY "WHERE device=?1 AND n=?2 AND of_seq=0 ORDER BY seq DESC LIMIT 1";
	static const char one[] = HISTORY "WHERE device=?1 AND n=?2 AND of_seq=0 AND digest=?3"
					  " ORDER BY seq DESC LIMIT 1";
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, digest != NULL ? one : any, &st);

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, device);
	bind_number(stmt, 2, n);
	if (digest != NULL)
		bind_bytes(stmt, 3, digest->bytes, DIGEST_SIZE);
	st = store_row(s, stmt);
	return st == ST_OK ? read_history(stmt, arena, out) : st;
}

static enum status history_before(struct store *s, const struct record_ref *of, struct arena *arena,
				  struct history *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(
		s, HISTORY "WHERE kind=?1 AND id=?2 AND seq<=?3 ORDER BY seq DESC LIMIT 1", &st);

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, of->kind->num);
	db_bind_id_blob(stmt, 2, &of->id);
	bind_number(stmt, 3, of->seq);
	st = store_row(s, stmt);
	return st == ST_OK ? read_history(stmt, arena, out) : st;
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_history_of(struct store *s, const struct kind *kind, const struct id *id, uint64_t before,
			      store_history_fn *fn, void *ctx)
{
	struct record_ref at = { before, kind, *id };
	struct history history;
	struct arena arena;
	enum status st;

	arena_init(&arena, WALK_BYTES_MAX);
	for (;;) {
		arena_reset(&arena);
		st = history_before(s, &at, &arena, &history);
		if (st != ST_OK) {
			st = st == ST_NOT_FOUND ? ST_OK : st;
			break;
		}
		st = fn(ctx, &history);
		if (st != ST_OK || history.seq == 0)
			break;
		at.seq = history.seq - 1;
	}
	arena_close(&arena);
	return st;
}

enum status sqlite_history_next(struct store *s, uint64_t after, uint64_t *seq_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT seq FROM history WHERE seq>?1 ORDER BY seq LIMIT 1", &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, after);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	*seq_out = (uint64_t)db_column_int(stmt, 0);
	db_done(stmt);
	return ST_OK;
}

enum status sqlite_history_each(struct store *s, uint64_t after, store_history_fn *fn, void *ctx)
{
	struct history history;
	struct arena arena;
	uint64_t seq = after;
	enum status st;

	arena_init(&arena, WALK_BYTES_MAX);
	for (;;) {
		arena_reset(&arena);
		st = sqlite_history_next(s, seq, &seq);
		if (st != ST_OK) {
			st = st == ST_NOT_FOUND ? ST_OK : st;
			break;
		}
		st = sqlite_history_get(s, seq, &arena, &history);
		if (st == ST_OK)
			st = fn(ctx, &history);
		if (st != ST_OK)
			break;
	}
	arena_close(&arena);
	return st;
}

/* --- anchors --- */

enum status sqlite_anchor_add(struct store *s, const struct anchor *anchor)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(
		s,
		"INSERT INTO anchor(seq, first_seq, head, contents, signature, contents_signature)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
		&st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, anchor->seq);
	bind_number(stmt, 2, anchor->first_seq);
	bind_bytes(stmt, 3, anchor->head.bytes, DIGEST_SIZE);
	bind_bytes(stmt, 4, anchor->contents.data, anchor->contents.len);
	bind_bytes(stmt, 5, anchor->signature, SIGNATURE_SIZE);
	bind_bytes(stmt, 6, anchor->contents_signature, SIGNATURE_SIZE);
	return store_run(s, stmt);
}

/* An anchor is read as it stands: parts of another size become zero, and its signature
 * says what to think of it. */
static enum status anchor_next(struct store *s, uint64_t after, struct arena *arena, struct anchor *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(
		s,
		"SELECT seq, first_seq, head, signature, contents_signature, contents FROM anchor WHERE seq>?1"
		" ORDER BY seq LIMIT 1",
		&st);
	struct columns columns = columns_of(stmt, arena);
	struct anchor anchor = { 0 };

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, after);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	anchor.seq = (uint64_t)column_int(&columns);
	anchor.first_seq = (uint64_t)column_int(&columns);
	column_exact(&columns, anchor.head.bytes, DIGEST_SIZE);
	column_exact(&columns, anchor.signature, SIGNATURE_SIZE);
	column_exact(&columns, anchor.contents_signature, SIGNATURE_SIZE);
	columns.status = ST_OK;
	anchor.contents = column_bytes(&columns);
	st = columns_end(&columns);
	if (st == ST_OK)
		*out = anchor;
	return st;
}

enum status sqlite_anchor_each(struct store *s, store_anchor_fn *fn, void *ctx)
{
	struct anchor anchor = { 0 };
	struct arena arena;
	enum status st;

	arena_init(&arena, WALK_BYTES_MAX);
	for (;;) {
		arena_reset(&arena);
		st = anchor_next(s, anchor.seq, &arena, &anchor);
		if (st != ST_OK) {
			st = st == ST_NOT_FOUND ? ST_OK : st;
			break;
		}
		st = fn(ctx, &anchor);
		if (st != ST_OK)
			break;
	}
	arena_close(&arena);
	return st;
}

/* --- held --- */

enum status sqlite_held_add(struct store *s, const struct held *held)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   "INSERT INTO held(seq, device, n, author, kind, id, patient, reason, detail,"
					   " wait_kind, wait_id, state, answer_seq, received_ms)"
					   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
					   &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, held->seq);
	bind_int(stmt, 2, held->device);
	bind_number(stmt, 3, held->n);
	db_bind_id_blob(stmt, 4, &held->author);
	bind_int(stmt, 5, held->kind_num);
	db_bind_id_blob(stmt, 6, &held->id);
	db_bind_id_blob(stmt, 7, &held->patient);
	bind_int(stmt, 8, held->reason);
	bind_text(stmt, 9, held->detail);
	bind_int(stmt, 10, held->wait_kind);
	db_bind_id_blob(stmt, 11, &held->wait_id);
	bind_int(stmt, 12, held->state);
	bind_number(stmt, 13, held->answer_seq);
	bind_int(stmt, 14, held->received_ms);
	return store_run(s, stmt);
}

/* Steps to the one row and reads it; ends the statement. */
static enum status read_held(struct store *s, sqlite3_stmt *stmt, struct held *out)
{
	struct columns columns = columns_of(stmt, NULL);
	struct held held = { 0 };
	enum status st = store_row(s, stmt);

	if (st != ST_OK)
		return st;
	held.seq = column_number(&columns);
	held.device = column_small(&columns, UINT32_MAX);
	held.n = column_number(&columns);
	column_id(&columns, &held.author);
	held.kind_num = (uint8_t)column_small(&columns, UINT8_MAX);
	column_id(&columns, &held.id);
	column_id(&columns, &held.patient);
	held.reason = (enum held_reason)column_small(&columns, HELD_REASON_COUNT - 1);
	column_text(&columns, held.detail, sizeof held.detail);
	held.wait_kind = (uint8_t)column_small(&columns, UINT8_MAX);
	column_id(&columns, &held.wait_id);
	held.state = (enum held_state)column_small(&columns, HELD_WAS_RETURNED);
	held.answer_seq = column_number(&columns);
	held.received_ms = column_int(&columns);
	st = columns_end(&columns);
	if (st == ST_OK)
		*out = held;
	return st;
}

enum status sqlite_held_get(struct store *s, uint64_t seq, struct held *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, HELD "WHERE seq=?1", &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, seq);
	return read_held(s, stmt, out);
}

enum status sqlite_held_find(struct store *s, uint32_t device, uint64_t n, struct held *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, HELD "WHERE device=?1 AND n=?2 ORDER BY seq DESC LIMIT 1", &st);

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, device);
	bind_number(stmt, 2, n);
	return read_held(s, stmt, out);
}

enum status sqlite_held_set(struct store *s, uint64_t seq, enum held_state state, uint64_t answer_seq)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "UPDATE held SET state=?2, answer_seq=?3 WHERE seq=?1", &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, seq);
	bind_int(stmt, 2, state);
	bind_number(stmt, 3, answer_seq);
	st = store_run(s, stmt);
	if (st == ST_OK && sqlite3_changes(sqlite_of(s)->db.handle) == 0)
		st = ST_NOT_FOUND;
	return st;
}

enum status sqlite_held_wait(struct store *s, uint64_t seq, uint8_t wait_kind, const struct id *wait_id,
			     const char *detail)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "UPDATE held SET wait_kind=?2, wait_id=?3, detail=?4 WHERE seq=?1", &st);

	if (stmt == NULL)
		return st;
	bind_number(stmt, 1, seq);
	bind_int(stmt, 2, wait_kind);
	db_bind_id_blob(stmt, 3, wait_id);
	bind_text(stmt, 4, detail);
	st = store_run(s, stmt);
	if (st == ST_OK && sqlite3_changes(sqlite_of(s)->db.handle) == 0)
		st = ST_NOT_FOUND;
	return st;
}

/* Each condition is one that an index answers in order of seq. */
static const char *held_sql(bool waiting, bool open_only)
{
	if (waiting)
		return open_only ? HELD "WHERE wait_kind=?2 AND wait_id=?3 AND +state=0 AND seq>?1 ORDER BY seq LIMIT 1" :
				   HELD "WHERE wait_kind=?2 AND wait_id=?3 AND seq>?1 ORDER BY seq LIMIT 1";
	return open_only ? HELD "WHERE state=0 AND seq>?1 ORDER BY seq LIMIT 1" :
			   HELD "WHERE seq>?1 ORDER BY seq LIMIT 1";
}

/* NOLINTNEXTLINE(readability-function-size): the table of functions gives it its parameters. */
enum status sqlite_held_each(struct store *s, const struct kind *wait_kind, const struct id *wait_id, bool open_only,
			     store_held_fn *fn, void *ctx)
{
	struct held held = { 0 };
	enum status st = ST_OK;

	assert((wait_kind == NULL) == (wait_id == NULL));
	for (;;) {
		sqlite3_stmt *stmt = store_prepare(s, held_sql(wait_kind != NULL, open_only), &st);

		if (stmt == NULL)
			return st;
		bind_number(stmt, 1, held.seq);
		if (wait_kind != NULL) {
			bind_int(stmt, 2, wait_kind->num);
			db_bind_id_blob(stmt, 3, wait_id);
		}
		st = read_held(s, stmt, &held);
		if (st != ST_OK)
			return st == ST_NOT_FOUND ? ST_OK : st;
		st = fn(ctx, &held);
		if (st != ST_OK)
			return st;
	}
}
