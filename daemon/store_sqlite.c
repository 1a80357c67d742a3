/* After a failed fsync nobody knows what is on the disk (STYLE.md, Durability): the
 * connection says ST_IO to everything until it is closed and the store opened anew.
 */
#include "daemon/store_sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/kindsql.h"

#define TEXTS_BYTES_MAX (4U << 20)

/* Ids are blobs of 16 bytes but for kinds' tables, where people read them. `groups` of
 * record is group_meta.h's, that of history store_history.c's. */
static const char TABLES[] =
	"CREATE TABLE IF NOT EXISTS meta(key TEXT NOT NULL PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS record(kind INTEGER NOT NULL, id BLOB NOT NULL, patient BLOB NOT NULL,"
	" seq INTEGER NOT NULL, created_seq INTEGER NOT NULL, deleted INTEGER NOT NULL, first INTEGER NOT NULL,"
	" groups BLOB NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS record_first ON record(patient, first, seq);"
	"CREATE INDEX IF NOT EXISTS record_seq ON record(patient, seq);"
	"CREATE INDEX IF NOT EXISTS record_kind ON record(patient, kind, id);"
	"CREATE TABLE IF NOT EXISTS history(seq INTEGER NOT NULL PRIMARY KEY CHECK(seq > 0), device INTEGER NOT NULL,"
	" n INTEGER NOT NULL, digest BLOB NOT NULL, author BLOB NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL,"
	" patient BLOB NOT NULL, body BLOB NOT NULL, lo_ms INTEGER NOT NULL, hi_ms INTEGER NOT NULL,"
	" received_ms INTEGER NOT NULL, result INTEGER NOT NULL, reason INTEGER NOT NULL, groups BLOB NOT NULL,"
	" merged BLOB NOT NULL, of_seq INTEGER NOT NULL, salt BLOB NOT NULL, content BLOB NOT NULL,"
	" link BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS history_device ON history(device, n);"
	"CREATE INDEX IF NOT EXISTS history_record ON history(kind, id, seq);"
	"CREATE TABLE IF NOT EXISTS anchor(seq INTEGER NOT NULL PRIMARY KEY CHECK(seq > 0), first_seq INTEGER NOT NULL,"
	" head BLOB NOT NULL, contents BLOB NOT NULL, signature BLOB NOT NULL,"
	" contents_signature BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS held(seq INTEGER NOT NULL PRIMARY KEY CHECK(seq > 0), device INTEGER NOT NULL,"
	" n INTEGER NOT NULL, author BLOB NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL, patient BLOB NOT NULL,"
	" reason INTEGER NOT NULL, detail TEXT NOT NULL, wait_kind INTEGER NOT NULL, wait_id BLOB NOT NULL,"
	" state INTEGER NOT NULL, answer_seq INTEGER NOT NULL, received_ms INTEGER NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS held_device ON held(device, n);"
	"CREATE INDEX IF NOT EXISTS held_wait ON held(wait_kind, wait_id);"
	"CREATE INDEX IF NOT EXISTS held_state ON held(state);"
	"CREATE TABLE IF NOT EXISTS member(worker BLOB NOT NULL, patient BLOB NOT NULL, from_seq INTEGER NOT NULL,"
	" to_seq INTEGER, PRIMARY KEY(worker, patient, from_seq)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS term(assignment BLOB NOT NULL PRIMARY KEY, worker BLOB NOT NULL,"
	" patient BLOB NOT NULL, in_force INTEGER NOT NULL, due_ms INTEGER) STRICT, WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS term_pair ON term(worker, patient, assignment);"
	"CREATE INDEX IF NOT EXISTS term_due ON term(due_ms) WHERE due_ms IS NOT NULL;"
	"DROP INDEX IF EXISTS assignment_pair;" /* pairs were looked up in the kind's table once */
	"CREATE TABLE IF NOT EXISTS account(worker BLOB NOT NULL PRIMARY KEY, login TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL, role TEXT NOT NULL, active INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS device(device INTEGER NOT NULL PRIMARY KEY, worker BLOB NOT NULL,"
	" name TEXT NOT NULL, version TEXT NOT NULL, public_key BLOB NOT NULL, revoked INTEGER NOT NULL,"
	" enrolled_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, schema_version INTEGER NOT NULL,"
	" counter INTEGER NOT NULL, request BLOB NOT NULL, last_n INTEGER NOT NULL, run BLOB NOT NULL,"
	" pending INTEGER NOT NULL, oldest_unsent_ms INTEGER NOT NULL, free_mb INTEGER NOT NULL,"
	" battery INTEGER NOT NULL, clock_off_ms INTEGER) STRICT;"
	"CREATE TABLE IF NOT EXISTS code(secret BLOB NOT NULL PRIMARY KEY, worker BLOB NOT NULL,"
	" expires_ms INTEGER NOT NULL, device INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

struct sqlite_store *sqlite_of(struct store *s)
{
	return (struct sqlite_store *)s;
}

/* --- statements, parameters, columns --- */

sqlite3_stmt *store_prepare(struct store *s, const char *sql, enum status *status_out)
{
	struct sqlite_store *store = sqlite_of(s);

	if (store->db.failed || (store->began && sqlite3_get_autocommit(store->db.handle) != 0)) {
		*status_out = ST_IO;
		return NULL;
	}
	return db_prepare(&store->db, sql, status_out);
}

enum status store_run(struct store *s, sqlite3_stmt *stmt)
{
	struct db *db = &sqlite_of(s)->db;
	enum status st = db_run(db, stmt);

	if (st == ST_IO && (sqlite3_extended_errcode(db->handle) & 0xFF) == SQLITE_CONSTRAINT)
		return ST_EXISTS;
	return st;
}

enum status store_row(struct store *s, sqlite3_stmt *stmt)
{
	bool row = false;
	enum status st = db_step(&sqlite_of(s)->db, stmt, &row);

	if (st == ST_OK && !row)
		st = ST_NOT_FOUND;
	if (st != ST_OK)
		db_done(stmt);
	return st;
}

void bind_number(sqlite3_stmt *stmt, int at, uint64_t number)
{
	bind_int(stmt, at, number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

void bind_int(sqlite3_stmt *stmt, int at, int64_t number)
{
	int code = sqlite3_bind_int64(stmt, at, number);

	assert(code == SQLITE_OK);
}

void bind_bytes(sqlite3_stmt *stmt, int at, const void *data, size_t len)
{
	int code = sqlite3_bind_blob64(stmt, at, len > 0 ? data : "", len, SQLITE_STATIC);

	assert(code == SQLITE_OK);
}

void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	int code = sqlite3_bind_text64(stmt, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);

	assert(code == SQLITE_OK);
}

struct columns columns_of(sqlite3_stmt *stmt, struct arena *arena)
{
	return (struct columns){ .stmt = stmt, .arena = arena };
}

int64_t column_int(struct columns *columns)
{
	return db_column_int(columns->stmt, columns->at++);
}

uint64_t column_number(struct columns *columns)
{
	int64_t number = column_int(columns);

	if (number < 0)
		columns->status = ST_CORRUPT;
	return number < 0 ? 0 : (uint64_t)number;
}

unsigned column_small(struct columns *columns, unsigned max)
{
	uint64_t number = column_number(columns);

	if (number <= max)
		return (unsigned)number;
	columns->status = ST_CORRUPT;
	return 0;
}

void column_id(struct columns *columns, struct id *id_out)
{
	column_exact(columns, id_out->bytes, ID_SIZE);
}

void column_exact(struct columns *columns, void *out, size_t size)
{
	int at = columns->at++;
	const void *data = sqlite3_column_blob(columns->stmt, at);

	if (data != NULL && (size_t)sqlite3_column_bytes(columns->stmt, at) == size)
		memcpy(out, data, size);
	else
		columns->status = ST_CORRUPT;
}

void column_text(struct columns *columns, char *out, size_t room)
{
	int at = columns->at++;
	const unsigned char *text = sqlite3_column_text(columns->stmt, at);
	size_t len = (size_t)sqlite3_column_bytes(columns->stmt, at);

	if (text == NULL || len >= room || memchr(text, 0, len) != NULL) {
		columns->status = ST_CORRUPT;
		return;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

struct bytes column_bytes(struct columns *columns)
{
	int at = columns->at++;
	const void *data = sqlite3_column_blob(columns->stmt, at);
	size_t len = (size_t)sqlite3_column_bytes(columns->stmt, at);
	const char *copy = arena_copy(columns->arena, len > 0 ? data : "", len);

	if (copy == NULL) {
		columns->status = ST_NOMEM;
		return (struct bytes){ 0 };
	}
	return (struct bytes){ copy, len };
}

enum status columns_end(struct columns *columns)
{
	db_done(columns->stmt);
	return columns->status;
}

/* --- transactions --- */

static enum status begin(struct store *s, enum status (*how)(struct db *db))
{
	struct sqlite_store *store = sqlite_of(s);
	enum status st;

	assert(!store->began);
	if (store->db.failed)
		return ST_IO;
	st = how(&store->db);
	store->began = st == ST_OK;
	return st;
}

static enum status sqlite_begin_write(struct store *s)
{
	return begin(s, db_begin);
}

static enum status sqlite_begin_read(struct store *s)
{
	return begin(s, db_begin_read);
}

static enum status sqlite_commit(struct store *s)
{
	struct sqlite_store *store = sqlite_of(s);

	assert(store->began);
	store->began = false;
	if (store->db.failed) {
		db_rollback(&store->db);
		return ST_IO;
	}
	return db_commit(&store->db);
}

static void sqlite_rollback(struct store *s)
{
	struct sqlite_store *store = sqlite_of(s);

	store->began = false;
	db_rollback(&store->db);
}

static enum status run_plain(struct store *s, const char *sql)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, sql, &st);

	return stmt != NULL ? store_run(s, stmt) : st;
}

static enum status sqlite_savepoint(struct store *s)
{
	assert(sqlite_of(s)->began);
	return run_plain(s, "SAVEPOINT one");
}

static enum status sqlite_release(struct store *s)
{
	return run_plain(s, "RELEASE one");
}

static void sqlite_rollback_to(struct store *s)
{
	struct db *db = &sqlite_of(s)->db;

	/* Where this fails, as for lack of memory, all of it goes back, and every statement until the end of the
	 * transaction is refused (store_prepare). */
	if (sqlite3_exec(db->handle, "ROLLBACK TO one; RELEASE one", NULL, NULL, NULL) != SQLITE_OK)
		db_rollback(db);
}

static bool sqlite_failed(struct store *s)
{
	return sqlite_of(s)->db.failed;
}

static enum status sqlite_checkpoint(struct store *s)
{
	struct db *db = &sqlite_of(s)->db;
	int code;

	if (db->failed)
		return ST_IO;
	env_crash_point(s->env, "B20 before checkpoint");
	code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	env_crash_point(s->env, "B20 after checkpoint");
	return db_status(db, code);
}

static enum status sqlite_secure(struct store *s)
{
	return db_secure(&sqlite_of(s)->db);
}

/* --- meta --- */

static enum status sqlite_meta_get(struct store *s, const char *key, struct arena *arena, struct bytes *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT value FROM meta WHERE key=?1", &st);
	struct columns columns = columns_of(stmt, arena);
	struct bytes value;

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, key);
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	value = column_bytes(&columns);
	st = columns_end(&columns);
	if (st == ST_OK)
		*out = value;
	return st;
}

static enum status sqlite_meta_set(struct store *s, const char *key, const void *data, size_t len)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", &st);

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, key);
	bind_bytes(stmt, 2, data, len);
	return store_run(s, stmt);
}

static enum status sqlite_meta_get_int(struct store *s, const char *key, int64_t *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT value FROM meta WHERE key=?1", &st);
	bool row = false;

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, key);
	st = db_step(&sqlite_of(s)->db, stmt, &row);
	if (st == ST_OK && row && sqlite3_column_type(stmt, 0) != SQLITE_INTEGER)
		st = ST_CORRUPT;
	if (st == ST_OK)
		*out = row ? db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return st;
}

static enum status sqlite_meta_set_int(struct store *s, const char *key, int64_t value)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", &st);

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, key);
	bind_int(stmt, 2, value);
	return store_run(s, stmt);
}

/* --- opening --- */

static void sqlite_close(struct store *s)
{
	struct sqlite_store *store = sqlite_of(s);

	if (s == NULL)
		return;
	if (store->db.handle != NULL) {
		db_rollback(&store->db);
		db_close(&store->db);
	}
	arena_close(&store->texts);
	free(store);
}

static const struct store_ops OPS = {
	.close = sqlite_close,
	.begin_write = sqlite_begin_write,
	.begin_read = sqlite_begin_read,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.savepoint = sqlite_savepoint,
	.release = sqlite_release,
	.rollback_to = sqlite_rollback_to,
	.checkpoint = sqlite_checkpoint,
	.secure = sqlite_secure,
	.failed = sqlite_failed,
	.meta_get = sqlite_meta_get,
	.meta_set = sqlite_meta_set,
	.meta_get_int = sqlite_meta_get_int,
	.meta_set_int = sqlite_meta_set_int,
	.record_get = sqlite_record_get,
	.record_put = sqlite_record_put,
	.record_head = sqlite_record_head,
	.record_marks = sqlite_record_marks,
	.record_names = sqlite_record_names,
	.record_each = sqlite_record_each,
	.record_after = sqlite_record_after,
	.history_add = sqlite_history_add,
	.history_get = sqlite_history_get,
	.history_find = sqlite_history_find,
	.history_of = sqlite_history_of,
	.history_next = sqlite_history_next,
	.history_each = sqlite_history_each,
	.anchor_add = sqlite_anchor_add,
	.anchor_each = sqlite_anchor_each,
	.held_add = sqlite_held_add,
	.held_get = sqlite_held_get,
	.held_find = sqlite_held_find,
	.held_set = sqlite_held_set,
	.held_wait = sqlite_held_wait,
	.held_each = sqlite_held_each,
	.member_open = sqlite_member_open,
	.member_close = sqlite_member_close,
	.member_is = sqlite_member_is,
	.member_left = sqlite_member_left,
	.member_list = sqlite_member_list,
	.member_each = sqlite_member_each,
	.term_put = sqlite_term_put,
	.term_in_force = sqlite_term_in_force,
	.term_pair = sqlite_term_pair,
	.term_due = sqlite_term_due,
	.term_next = sqlite_term_next,
	.term_patients = sqlite_term_patients,
	.term_each = sqlite_term_each,
	.account_put = sqlite_account_put,
	.account_by_login = sqlite_account_by_login,
	.account_by_worker = sqlite_account_by_worker,
	.account_list = sqlite_account_list,
	.device_put = sqlite_device_put,
	.device_get = sqlite_device_get,
	.device_list = sqlite_device_list,
	.code_put = sqlite_code_put,
	.code_get = sqlite_code_get,
};

/* What the tables are made from: equal digests, equal tables. */
static enum status layout_digest(const struct schema *schema, struct digest *out)
{
	struct part parts[2] = { { TABLES, sizeof TABLES } };
	struct buf text;
	enum status st;

	buf_init(&text, TEXTS_BYTES_MAX);
	for (size_t i = 0; i < schema->kind_count; i++) {
		buf_printf(&text, "%s %u ", schema->kinds[i].name, schema->kinds[i].num);
		kindsql_column_types(&text, &schema->kinds[i]);
	}
	st = buf_status(&text);
	parts[1] = (struct part){ text.data, text.len };
	if (st == ST_OK)
		digest_of(out, "layout", parts, 2);
	buf_close(&text);
	return st;
}

/* *same_out: the tables are those of this program and schema. ST_REFUSED: they are
 * those of a newer schema, whose fields this one would not keep. */
static enum status layout_look(struct store *s, const struct digest *layout, bool *same_out)
{
	struct arena arena;
	struct bytes stored = { 0 };
	int64_t version = 0;
	sqlite3_stmt *stmt;
	enum status st;

	*same_out = false;
	stmt = store_prepare(s, "SELECT 1 FROM sqlite_master WHERE type='table' AND name='meta'", &st);
	if (stmt != NULL)
		st = store_row(s, stmt);
	db_done(stmt);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	arena_init(&arena, 1024);
	st = sqlite_meta_get_int(s, "schema_version", &version);
	if (st == ST_OK && version > s->schema->version)
		st = ST_REFUSED;
	if (st == ST_OK)
		st = sqlite_meta_get(s, "layout", &arena, &stored);
	*same_out = st == ST_OK && stored.len == DIGEST_SIZE && memcmp(stored.data, layout->bytes, DIGEST_SIZE) == 0;
	arena_close(&arena);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Agencies made before tablets' clocks were kept. */
static enum status device_complete(struct sqlite_store *store)
{
	enum status st = ST_OK;
	bool there = false;
	sqlite3_stmt *stmt =
		db_prepare(&store->db, "SELECT 1 FROM pragma_table_info('device') WHERE name='clock_off_ms'", &st);

	if (stmt == NULL)
		return st;
	st = db_step(&store->db, stmt, &there);
	db_done(stmt);
	return st != ST_OK || there ? st : db_exec(&store->db, "ALTER TABLE device ADD COLUMN clock_off_ms INTEGER");
}

static enum status layout_make(struct store *s, const struct digest *layout)
{
	struct sqlite_store *store = sqlite_of(s);
	enum status st = db_exec(&store->db, TABLES);

	if (st == ST_OK)
		st = device_complete(store);
	if (st == ST_OK)
		st = records_layout(store);
	if (st == ST_OK)
		st = terms_complete(s);
	if (st == ST_OK)
		st = sqlite_meta_set_int(s, "schema_version", s->schema->version);
	if (st == ST_OK)
		st = sqlite_meta_set(s, "layout", layout->bytes, DIGEST_SIZE);
	return st;
}

/* Looks first, so that opening what is as it should be takes no write lock. */
static enum status layout_ensure(struct store *s)
{
	struct digest layout;
	bool same = false;
	enum status st = layout_digest(s->schema, &layout);

	if (st == ST_OK)
		st = sqlite_begin_read(s);
	if (st != ST_OK)
		return st;
	st = layout_look(s, &layout, &same);
	sqlite_rollback(s);
	if (st != ST_OK || same)
		return st;
	st = sqlite_begin_write(s);
	if (st != ST_OK)
		return st;
	/* Another program may have been first. */
	st = layout_look(s, &layout, &same);
	if (st == ST_OK && !same)
		st = layout_make(s, &layout);
	if (st == ST_OK)
		return sqlite_commit(s);
	sqlite_rollback(s);
	return st;
}

static enum status open_failure(struct failure *why, enum status st)
{
	if (st == ST_NOT_FOUND)
		return failure_set(why, st, "There is no agency in this folder.", NULL,
				   "Give the agency's folder with --data, or make one with doorstepd init.");
	if (st == ST_REFUSED)
		return failure_set(why, st, "The agency's database was made by a newer version of this program.", NULL,
				   "Install that version or a newer one.");
	return failure_set(why, st, NULL, NULL, NULL);
}

/* NOLINTNEXTLINE(readability-function-size): as store.h declares it. */
enum status store_sqlite_open(struct store **out, const char *path, const struct schema *schema,
			      const struct env *env, bool create, struct failure *why)
{
	struct sqlite_store *store = calloc(1, sizeof *store);
	enum status st;

	if (store == NULL)
		return open_failure(why, ST_NOMEM);
	store->base = (struct store){ &OPS, schema, env };
	arena_init(&store->texts, TEXTS_BYTES_MAX);
	st = db_open(&store->db, path, env->vfs, create);
	if (st == ST_OK)
		st = records_open(store);
	if (st == ST_OK)
		st = layout_ensure(&store->base);
	if (st != ST_OK) {
		sqlite_close(&store->base);
		return open_failure(why, st);
	}
	*out = &store->base;
	return ST_OK;
}
