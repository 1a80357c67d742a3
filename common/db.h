/* db.h - small helpers over SQLite, the same on both sides. Store ring.
 *
 * A struct db is one connection with its prepared statements: a statement is
 * prepared once per SQL text (the pointer to a string with a stable address, or
 * equal text) and kept until the connection closes. One thread at a time.
 * Result codes of SQLite become ST_BUSY, ST_FULL, ST_READONLY, ST_NOMEM, ST_CORRUPT, or ST_IO.
 */
#ifndef COMMON_DB_H
#define COMMON_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "common/status.h"
#include "common/value.h"

#define DB_BUSY_MS 5000 /* so long a statement waits for another program's lock, then ST_BUSY */

struct db {
	sqlite3 *handle;
	sqlite3_stmt **cache; /* hash by SQL text */
	size_t cache_size;
	sqlite3_stmt *rollback; /* made at open, so that rolling back needs no memory */
	bool began;  /* a write transaction, which nobody has ended yet */
	bool failed; /* an fsync or a rollback failed, or it can only be read: close and open again, never go on (STYLE.md) */
	bool secured; /* db_secure succeeded */
	enum status unsecured; /* why db_secure did not, else ST_OK */
	const sqlite3_stmt *unbound; /* there was no memory for a parameter of it: its next step says so */
};

/* Opens or creates path (":memory:" too) through the VFS named (NULL = default):
 * WAL, synchronous=FULL, foreign_keys=ON, 5 s busy timeout, wal_autocheckpoint=0,
 * no checkpoint on close, trusted_schema off, defensive off (triggers are ours),
 * secure_delete on, temp_store memory. create: may it be made? ST_NOT_FOUND. */
enum status db_open(struct db *db, const char *path, const char *vfs, bool create) MUST_CHECK;
void db_close(struct db *db);

enum status db_status(struct db *db, int sqlite_code);

/* One or more statements without parameters, prepared for this once. */
enum status db_exec(struct db *db, const char *sql) MUST_CHECK;

/* A pragma that changes what statements mean. SQLite makes those of before anew when they run next, which needs memory:
 * the one that rolls back is made anew here. Outside of a transaction. */
enum status db_setting(struct db *db, const char *pragma) MUST_CHECK;

/* A prepared statement, reset and unbound, owned by the cache: bind, step to the
 * end or call db_done. The text is one statement without a semicolon. NULL on failure,
 * with *status_out set. */
sqlite3_stmt *db_prepare(struct db *db, const char *sql, enum status *status_out);
void db_done(sqlite3_stmt *stmt); /* reset and clear bindings; NULL is fine */

/* As 36-character text. Where there is no memory for it, the statement's next step is ST_NOMEM. */
void db_bind_id(struct db *db, sqlite3_stmt *stmt, int at, const struct id *id);
void db_bind_id_blob(sqlite3_stmt *stmt, int at, const struct id *id);  /* as 16 bytes, static */
void db_bind_value(sqlite3_stmt *stmt, int at, const struct value *value); /* text static: must live until step */
bool db_column_id(sqlite3_stmt *stmt, int at, struct id *id_out);       /* from text or blob; false = no id */
struct value db_column_value(sqlite3_stmt *stmt, int at); /* text lives until the next step */
int64_t db_column_int(sqlite3_stmt *stmt, int at);

/* Step once. *row_out: is there a row? Its texts can be read then without fail (numbers as text can't).
 * After the last one, or a failure, the statement is reset. */
enum status db_step(struct db *db, sqlite3_stmt *stmt, bool *row_out) MUST_CHECK;
/* Run a statement that returns no row, then db_done it. */
enum status db_run(struct db *db, sqlite3_stmt *stmt) MUST_CHECK;
/* db_prepare and db_run of what has no parameters. */
enum status db_run_text(struct db *db, const char *sql) MUST_CHECK;
/* The one number that the query gives; 0 where it gives no row. */
enum status db_number(struct db *db, const char *sql, int64_t *out) MUST_CHECK;

/* BEGIN IMMEDIATE. Where failed is set: why db_secure failed, if it did, else ST_IO. ST_READONLY, which sets it, comes
 * before either. Until db_commit or db_rollback every statement fails with ST_IO where SQLite has ended the transaction
 * by itself (as after an I/O error): alone it would be kept. */
enum status db_begin(struct db *db) MUST_CHECK;
enum status db_begin_read(struct db *db) MUST_CHECK;
/* On failure rolled back. */
enum status db_commit(struct db *db) MUST_CHECK;
void db_rollback(struct db *db);

/* Write the WAL's bytes over themselves and sync it, under its writer's lock. Whoever opens a database that another program
 * may have open after a failed fsync calls it before it writes: the system then shows all of them what is not on
 * the disk, whatever is committed behind that hangs on it, and no later fsync makes it last (Rebello et al., "Can
 * Applications Recover from fsync Failures?", USENIX ATC 2020). ST_OK without a WAL, and at once where it was done since
 * db_open; after anything else nothing may be written until it was called again. The statuses of db_begin. */
enum status db_secure(struct db *db) MUST_CHECK;

#endif
