#include <stdlib.h>
#include <string.h>

#include "client/cmd.h"

#define STATEMENT_LEN_MAX ((size_t)16 * 1024 * 1024)
#define ROW_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define WAIT_MS 5000

/* Where the statement is not to blame: the disk, the file, other programs. */
static enum status world_status(sqlite3 *db)
{
	struct db plain = { .handle = db };
	const int code = sqlite3_extended_errcode(db);

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_READONLY:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_NOMEM:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return db_status(&plain, code);
	default:
		return ST_OK;
	}
}

static enum status say_sqlite(struct cmd *c, sqlite3 *db)
{
	const enum status world = world_status(db);
	char what[256];

	/* A trigger says everything itself. */
	if (sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_TRIGGER)
		return failure_set_whole(&c->why, ST_REFUSED, sqlite3_errmsg(db));
	if (world != ST_OK)
		return failure_set(&c->why, world, NULL, NULL, NULL);
	(void)snprintf(what, sizeof what, "%.250s.", sqlite3_errmsg(db));
	return failure_set(&c->why, (sqlite3_errcode(db) & 0xff) == SQLITE_CONSTRAINT ? ST_REFUSED : ST_INVALID, what,
			   "Nothing was changed.", "Correct the statement, then run it again.");
}

/* A connection as any program has it, but that it leaves checkpoints to whoever syncs (agent.h). */
static enum status connect_plain(struct cmd *c, sqlite3 **out)
{
	if (sqlite3_open_v2(c->tablet->path, out, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return say_sqlite(c, *out);
	(void)sqlite3_busy_timeout(*out, WAIT_MS);
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* Without them a statement could switch off that edits are noticed (replica.h, ds_applying). */
	(void)sqlite3_db_config(*out, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	return sqlite3_wal_autocheckpoint(*out, 0) == SQLITE_OK ? ST_OK : ST_IO;
}

/* Our own bookkeeping is written by triggers alone. (SQLite guards its own tables, and asks to update them where a
 * statement merely reads json_each.) */
static bool is_bookkeeping(const char *table)
{
	return table != NULL && strncmp(table, "ds_", 3) == 0;
}

/* What a stock program could do and this one does not: change the shape of the database, or what notices edits and
 * keeps unsent work. trigger: the one that asks, NULL = the statement itself. */
/* NOLINTNEXTLINE(readability-function-size): as sqlite3_set_authorizer asks. */
static int allow(void *ctx, int action, const char *name, const char *value, const char *database, const char *trigger)
{
	bool *refused = ctx;
	bool bad = false;

	(void)database;
	switch (action) {
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		bad = trigger == NULL && is_bookkeeping(name);
		break;
	case SQLITE_PRAGMA:
		bad = value != NULL && strncmp(name, "table_", 6) != 0 && strncmp(name, "index_", 6) != 0;
		break;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		break;
	default:
		bad = true;
	}
	*refused = *refused || bad;
	return bad ? SQLITE_DENY : SQLITE_OK;
}

static enum status refuse_shape(struct cmd *c)
{
	return failure_set(&c->why, ST_REFUSED, "This statement does more than read or write records.",
			   "Nothing was changed.", "Read and write the rows of the records' tables.");
}

static enum status refuse_several(struct cmd *c)
{
	return failure_set(&c->why, ST_USAGE, "This is not one statement.", "Nothing was changed.",
			   "Give one statement at a time.");
}

static enum status prepare_one(struct cmd *c, sqlite3 *db, const char *text, size_t len, sqlite3_stmt **out)
{
	const char *tail = NULL;
	sqlite3_stmt *more = NULL;
	bool refused = false;
	int code;

	(void)sqlite3_set_authorizer(db, allow, &refused);
	code = sqlite3_prepare_v2(db, text, (int)len + 1, out, &tail);
	(void)sqlite3_set_authorizer(db, NULL, NULL);
	if (code != SQLITE_OK)
		return refused ? refuse_shape(c) : say_sqlite(c, db);
	if (*out == NULL)
		return refuse_several(c);
	/* A comment or blanks may follow, and nothing else. */
	while (*tail != '\0') {
		const char *at = tail;

		code = sqlite3_prepare_v2(db, at, -1, &more, &tail);
		(void)sqlite3_finalize(more);
		if (code != SQLITE_OK || more != NULL)
			return refuse_several(c);
		if (tail == at)
			break;
	}
	return ST_OK;
}

/* --- printing --------------------------------------------------------------------- */

static void add_hex(struct buf *out, const uint8_t *bytes, int len)
{
	for (int i = 0; i < len; i++)
		buf_printf(out, "%02x", bytes[i]);
}

static void add_value(struct buf *out, sqlite3_stmt *stmt, int at, bool json)
{
	const int type = sqlite3_column_type(stmt, at);

	if (type == SQLITE_NULL) {
		buf_add_str(out, json ? "null" : "");
	} else if (type == SQLITE_BLOB) {
		buf_add_str(out, json ? "\"" : "x'");
		add_hex(out, sqlite3_column_blob(stmt, at), sqlite3_column_bytes(stmt, at));
		buf_add_str(out, json ? "\"" : "'");
	} else {
		const char *text = (const char *)sqlite3_column_text(stmt, at);
		const size_t len = (size_t)sqlite3_column_bytes(stmt, at);

		if (json)
			buf_add_json(out, text, len);
		else
			buf_add(out, text, len);
	}
}

static enum status print_row(sqlite3_stmt *stmt, bool json, bool first)
{
	struct buf out;
	enum status st;

	buf_init(&out, ROW_SIZE_MAX);
	if (json)
		buf_add_str(&out, first ? "\n{" : ",\n{");
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const char *name = sqlite3_column_name(stmt, i);

		if (i > 0)
			buf_add_str(&out, json ? "," : "|");
		if (json) {
			buf_add_json(&out, name, strlen(name));
			buf_add_byte(&out, ':');
		}
		add_value(&out, stmt, i, json);
	}
	buf_add_str(&out, json ? "}" : "\n");
	st = buf_status(&out);
	if (st == ST_OK)
		(void)fwrite(out.data, 1, out.len, stdout);
	buf_close(&out);
	return st;
}

static enum status run_one(struct cmd *c, sqlite3 *db, sqlite3_stmt *stmt)
{
	const bool json = c->line->json;
	enum status st = ST_OK;
	size_t rows = 0;
	int code = SQLITE_ROW;

	while (st == ST_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (json && rows == 0)
			(void)fputs("[", stdout);
		st = print_row(stmt, json, rows++ == 0);
	}
	if (st == ST_OK && code != SQLITE_DONE)
		return say_sqlite(c, db);
	if (json)
		(void)fputs(rows == 0 ? "[]\n" : "\n]\n", stdout);
	else if (rows == 0 && sqlite3_stmt_readonly(stmt) == 0)
		printf("Saved on this tablet: %d row%s.\n", sqlite3_changes(db), sqlite3_changes(db) == 1 ? "" : "s");
	return st;
}

static enum status sql_body(struct cmd *c)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	char *text = NULL;
	size_t len = 0;
	enum status st = command_argument(c->line->words[0], STATEMENT_LEN_MAX, &text, &len, &c->why);

	if (st == ST_OK)
		st = strlen(text) == len ? connect_plain(c, &db) : refuse_several(c);
	if (st == ST_OK)
		st = prepare_one(c, db, text, len, &stmt);
	if (st == ST_OK)
		st = run_one(c, db, stmt);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	free(text);
	return st;
}

int cmd_sql(const struct command_line *line)
{
	return cmd_run(line, sql_body);
}
