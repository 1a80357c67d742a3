#include "common/db.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECURE_BYTES 16384
#define CACHE_SLOTS_MIN 64

/* The cache is an open hash of statements by the text that SQLite keeps of each; NULL =
 * a free slot. cache_size counts the statements, the number of slots follows from it, so
 * that at most half are taken. */
static size_t cache_slots(size_t count)
{
	size_t slots = CACHE_SLOTS_MIN;

	while (slots < 2 * count)
		slots *= 2;
	return slots;
}

/* FNV-1a, 64 bits. */
static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xCBF29CE484222325u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
	return hash;
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t cache_slot(sqlite3_stmt *const *slots, size_t slot_count, const char *sql)
{
	size_t at = (size_t)(text_hash(sql) & (slot_count - 1));

	while (slots[at] != NULL && strcmp(sqlite3_sql(slots[at]), sql) != 0)
		at = (at + 1) & (slot_count - 1);
	return at;
}

/* Room for one more statement. The caller counts it before it looks for a slot. */
static enum status cache_grow(struct db *db)
{
	size_t old = cache_slots(db->cache_size), new = cache_slots(db->cache_size + 1);
	sqlite3_stmt **slots;

	if (db->cache != NULL && old == new)
		return ST_OK;
	slots = calloc(new, sizeof(sqlite3_stmt *));
	if (slots == NULL)
		return ST_NOMEM;
	for (size_t i = 0; db->cache != NULL && i < old; i++)
		if (db->cache[i] != NULL)
			slots[cache_slot(slots, new, sqlite3_sql(db->cache[i]))] = db->cache[i];
	free(db->cache);
	db->cache = slots;
	return ST_OK;
}

static void cache_close(struct db *db)
{
	if (db->cache == NULL)
		return;
	for (size_t i = 0; i < cache_slots(db->cache_size); i++)
		sqlite3_finalize(db->cache[i]);
	free(db->cache);
	db->cache = NULL;
	db->cache_size = 0;
}

/* What the system said of the file. A VFS of tests may not know errno. */
static enum status system_status(struct db *db)
{
	const int error = db->handle != NULL ? sqlite3_system_errno(db->handle) : 0;

	/* SQLite takes what it may read where it may not write, and stumbles over the files beside it. */
	if (db->handle != NULL && sqlite3_db_readonly(db->handle, "main") == 1)
		return ST_READONLY;
	if (error == ENOSPC || error == EDQUOT)
		return ST_FULL;
	return error == EROFS || error == EACCES || error == EPERM ? ST_READONLY : ST_IO;
}

/* WAL, unless the database lives in memory only. */
static enum status journal_set(struct db *db)
{
	enum status status;
	bool row = false;
	const char *mode;
	sqlite3_stmt *stmt = db_prepare(db, "PRAGMA journal_mode=WAL", &status);

	if (stmt == NULL)
		return status;
	status = db_step(db, stmt, &row);
	if (status == ST_OK) {
		mode = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
		if (mode == NULL || (strcmp(mode, "wal") != 0 && strcmp(mode, "memory") != 0))
			status = system_status(db);
	}
	db_done(stmt);
	return status;
}

static enum status options_set(struct db *db)
{
	enum status status;

	(void)sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	(void)sqlite3_wal_autocheckpoint(db->handle, 0);
	status = journal_set(db);
	if (status != ST_OK)
		return status;
	return db_exec(db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
			   "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;");
}

/* Why the file could not be opened. A VFS of tests may not know errno. */
static enum status open_status(struct db *db, int code, bool create)
{
	int error = db->handle != NULL ? sqlite3_system_errno(db->handle) : 0;

	if (!create && (code & 0xFF) == SQLITE_CANTOPEN && (error == 0 || error == ENOENT))
		return ST_NOT_FOUND;
	return db_status(db, code);
}

static enum status rollback_prepare(struct db *db)
{
	(void)sqlite3_finalize(db->rollback);
	db->rollback = NULL;
	return db_status(db, sqlite3_prepare_v3(db->handle, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT, &db->rollback, NULL));
}

enum status db_open(struct db *db, const char *path, const char *vfs, bool create)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	enum status status;
	int code;

	assert(path != NULL && path[0] != '\0');
	*db = (struct db){ 0 };
	if (create)
		flags |= SQLITE_OPEN_CREATE;
	code = sqlite3_open_v2(path, &db->handle, flags, vfs);
	status = code == SQLITE_OK ? options_set(db) : open_status(db, code, create);
	if (status == ST_OK)
		status = rollback_prepare(db);
	if (status != ST_OK)
		db_close(db);
	return status;
}

void db_close(struct db *db)
{
	int code;

	if (db == NULL)
		return;
	cache_close(db);
	(void)sqlite3_finalize(db->rollback);
	code = sqlite3_close(db->handle);
	/* A statement that is not of the cache was left open: our bug. */
	assert(code == SQLITE_OK);
	*db = (struct db){ 0 };
}

/* After one of these nobody knows what is on the disk. */
static bool code_is_fsync(int code)
{
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC ||
	       code == SQLITE_IOERR_CLOSE || code == SQLITE_IOERR_DIR_CLOSE;
}

enum status db_status(struct db *db, int sqlite_code)
{
	if (code_is_fsync(sqlite_code))
		db->failed = true;
	if (sqlite_code == SQLITE_IOERR_NOMEM)
		return ST_NOMEM;
	if (sqlite_code == SQLITE_IOERR_CORRUPTFS || sqlite_code == SQLITE_IOERR_DATA)
		return ST_CORRUPT;
	switch (sqlite_code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return ST_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ST_BUSY;
	case SQLITE_FULL:
		return ST_FULL;
	case SQLITE_READONLY:
		return ST_READONLY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return system_status(db);
	case SQLITE_NOMEM:
		return ST_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ST_CORRUPT;
	default:
		return ST_IO;
	}
}

/* After some errors SQLite rolls back by itself: whatever came then would be kept alone. */
static bool transaction_is_gone(const struct db *db)
{
	return db->began && sqlite3_get_autocommit(db->handle) != 0;
}

enum status db_exec(struct db *db, const char *sql)
{
	if (transaction_is_gone(db))
		return ST_IO;
	return db_status(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

enum status db_setting(struct db *db, const char *pragma)
{
	enum status status = db_exec(db, pragma);

	return status == ST_OK ? rollback_prepare(db) : status;
}

/* Take the statement into the cache, which owns it from now on. */
static enum status cache_add(struct db *db, const char *sql, sqlite3_stmt *stmt)
{
	enum status status;
	size_t at;

	/* SQLite keeps the text up to its first semicolon: more would never be found again. */
	assert(strcmp(sqlite3_sql(stmt), sql) == 0);
	status = cache_grow(db);
	if (status != ST_OK)
		return status;
	db->cache_size++;
	at = cache_slot(db->cache, cache_slots(db->cache_size), sql);
	assert(db->cache[at] == NULL);
	db->cache[at] = stmt;
	return ST_OK;
}

sqlite3_stmt *db_prepare(struct db *db, const char *sql, enum status *status_out)
{
	sqlite3_stmt *stmt = NULL;
	int code;

	assert(db->handle != NULL && sql != NULL);
	*status_out = transaction_is_gone(db) ? ST_IO : ST_OK;
	if (*status_out != ST_OK)
		return NULL;
	if (db->cache != NULL) {
		size_t at = cache_slot(db->cache, cache_slots(db->cache_size), sql);

		if (db->cache[at] != NULL) {
			db_done(db->cache[at]);
			if (db->unbound == db->cache[at])
				db->unbound = NULL;
			return db->cache[at];
		}
	}
	code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
	if (code != SQLITE_OK) {
		*status_out = db_status(db, code);
		return NULL;
	}
	assert(stmt != NULL);
	*status_out = cache_add(db, sql, stmt);
	if (*status_out != ST_OK) {
		sqlite3_finalize(stmt);
		return NULL;
	}
	return stmt;
}

void db_done(sqlite3_stmt *stmt)
{
	if (stmt == NULL)
		return;
	/* What went wrong was reported when it did. */
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
}

void db_bind_id(struct db *db, sqlite3_stmt *stmt, int at, const struct id *id)
{
	char text[ID_TEXT_SIZE];
	int code;

	id_format(id, text);
	code = sqlite3_bind_text(stmt, at, text, ID_TEXT_LEN, SQLITE_TRANSIENT);
	assert(code == SQLITE_OK || code == SQLITE_NOMEM);
	/* Stepping would store or compare with a null. */
	if (code == SQLITE_NOMEM)
		db->unbound = stmt;
}

void db_bind_id_blob(sqlite3_stmt *stmt, int at, const struct id *id)
{
	int code = sqlite3_bind_blob(stmt, at, id->bytes, ID_SIZE, SQLITE_STATIC);

	assert(code == SQLITE_OK);
}

void db_bind_value(sqlite3_stmt *stmt, int at, const struct value *value)
{
	int code = SQLITE_MISUSE;

	switch (value->tag) {
	case VALUE_NULL:
		code = sqlite3_bind_null(stmt, at);
		break;
	case VALUE_INT:
		code = sqlite3_bind_int64(stmt, at, value->integer);
		break;
	case VALUE_TEXT:
		code = sqlite3_bind_text64(stmt, at, value->text, value->len, SQLITE_STATIC,
					   SQLITE_UTF8);
		break;
	}
	assert(code == SQLITE_OK);
}

bool db_column_id(sqlite3_stmt *stmt, int at, struct id *id_out)
{
	int type = sqlite3_column_type(stmt, at);
	const void *data;
	int len;

	if (type == SQLITE_BLOB) {
		data = sqlite3_column_blob(stmt, at);
		len = sqlite3_column_bytes(stmt, at);
		if (data == NULL || len != ID_SIZE)
			return false;
		memcpy(id_out->bytes, data, ID_SIZE);
		return true;
	}
	if (type != SQLITE_TEXT)
		return false;
	data = sqlite3_column_text(stmt, at);
	len = sqlite3_column_bytes(stmt, at);
	return data != NULL && id_parse(data, (size_t)len, id_out);
}

struct value db_column_value(sqlite3_stmt *stmt, int at)
{
	int type = sqlite3_column_type(stmt, at);
	const char *text;

	if (type == SQLITE_NULL)
		return value_null();
	if (type == SQLITE_INTEGER)
		return value_int(sqlite3_column_int64(stmt, at));
	text = (const char *)sqlite3_column_text(stmt, at);
	/* Only an empty blob has no text: db_step found memory for the others. */
	assert(text != NULL || type == SQLITE_BLOB);
	return text != NULL ? value_text(text, (size_t)sqlite3_column_bytes(stmt, at)) :
			      value_text("", 0);
}

int64_t db_column_int(sqlite3_stmt *stmt, int at)
{
	return sqlite3_column_int64(stmt, at);
}

/* SQLite ends a text that is longer than a page with its NUL only when it is asked for, and needs memory then. */
static bool row_is_ready(sqlite3_stmt *stmt)
{
	const int count = sqlite3_column_count(stmt);

	for (int i = 0; i < count; i++)
		if (sqlite3_column_type(stmt, i) == SQLITE_TEXT && sqlite3_column_text(stmt, i) == NULL)
			return false;
	return true;
}

enum status db_step(struct db *db, sqlite3_stmt *stmt, bool *row_out)
{
	const bool unbound = db->unbound == stmt;
	int code = unbound ? SQLITE_NOMEM : sqlite3_step(stmt);

	if (unbound)
		db->unbound = NULL;
	if (code == SQLITE_ROW && !row_is_ready(stmt))
		code = SQLITE_NOMEM;
	if (code == SQLITE_ROW) {
		*row_out = true;
		return ST_OK;
	}
	(void)sqlite3_reset(stmt);
	if (code == SQLITE_DONE)
		*row_out = false;
	return db_status(db, code);
}

enum status db_run(struct db *db, sqlite3_stmt *stmt)
{
	bool row = false;
	enum status status = db_step(db, stmt, &row);

	assert(!row);
	db_done(stmt);
	return status;
}

enum status db_number(struct db *db, const char *sql, int64_t *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(db, sql, &st);

	if (stmt == NULL)
		return st;
	st = db_step(db, stmt, &row);
	if (st == ST_OK)
		*out = row ? db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return st;
}

enum status db_run_text(struct db *db, const char *sql)
{
	enum status status;
	sqlite3_stmt *stmt = db_prepare(db, sql, &status);

	return stmt != NULL ? db_run(db, stmt) : status;
}

enum status db_begin(struct db *db)
{
	enum status status;

	db->began = false;
	/* SQLite opens for reading alone what can't be written, and it stays so when it can be. */
	if (sqlite3_db_readonly(db->handle, "main") == 1) {
		db->failed = true;
		return ST_READONLY;
	}
	if (db->failed)
		return db->unsecured != ST_OK ? db->unsecured : ST_IO;
	status = db_run_text(db, "BEGIN IMMEDIATE");
	db->began = status == ST_OK;
	return status;
}

enum status db_begin_read(struct db *db)
{
	return db_run_text(db, "BEGIN");
}

enum status db_commit(struct db *db)
{
	enum status status = db_run_text(db, "COMMIT");

	if (status != ST_OK)
		db_rollback(db);
	db->began = false;
	return status;
}

void db_rollback(struct db *db)
{
	db->began = false;
	/* SQLite rolls back by itself after some errors. */
	if (db->handle == NULL || sqlite3_get_autocommit(db->handle) != 0)
		return;
	(void)sqlite3_step(db->rollback);
	(void)sqlite3_reset(db->rollback);
	/* What is still open would become part of whatever comes next. */
	if (sqlite3_get_autocommit(db->handle) == 0)
		db->failed = true;
}

static enum status write_again(struct db *db, sqlite3_file *wal)
{
	uint8_t bytes[SECURE_BYTES];
	sqlite3_int64 size = 0;
	int code = wal->pMethods->xFileSize(wal, &size);

	for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += SECURE_BYTES) {
		const int len = size - at < SECURE_BYTES ? (int)(size - at) : SECURE_BYTES;

		code = wal->pMethods->xRead(wal, bytes, len, at);
		if (code == SQLITE_OK)
			code = wal->pMethods->xWrite(wal, bytes, len, at);
	}
	if (code == SQLITE_OK && size > 0)
		code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	return db_status(db, code);
}

enum status db_secure(struct db *db)
{
	sqlite3_file *wal = NULL;
	enum status status;

	if (db->secured && !db->failed)
		return ST_OK;
	status = db_begin(db);
	if (status == ST_OK)
		(void)sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (wal != NULL && wal->pMethods != NULL)
		status = write_again(db, wal);
	db_rollback(db);
	if (status == ST_OK && db->failed)
		status = ST_IO;
	db->secured = status == ST_OK;
	db->unsecured = status;
	return status;
}
