#include "tests/support/tamper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define TEXT_SIZE 512

uint64_t tamper_pick(struct tamper *t, uint64_t below)
{
	t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (t->random >> 33) % below;
}

void tamper_row_free(struct tamper_row *row)
{
	for (int i = 0; i < row->count; i++)
		sqlite3_value_free(row->values[i]);
	row->count = 0;
}

sqlite3_stmt *tamper_prepare(struct tamper *t, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(t->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
	return stmt;
}

uint64_t tamper_count(struct tamper *t, const char *table)
{
	char sql[TEXT_SIZE];
	sqlite3_stmt *stmt;
	uint64_t count;

	(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	stmt = tamper_prepare(t, sql);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	count = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return count;
}

void tamper_read(struct tamper *t, const char *table, uint64_t at, struct tamper_row *out)
{
	char sql[TEXT_SIZE];
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2, 3 LIMIT 1 OFFSET %" PRIu64, table, at);
	stmt = tamper_prepare(t, sql);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	out->count = sqlite3_column_count(stmt);
	assert_true(out->count <= 64);
	for (int i = 0; i < out->count; i++)
		out->values[i] = sqlite3_value_dup(sqlite3_column_value(stmt, i));
	sqlite3_finalize(stmt);
}

const char *tamper_column(struct tamper *t, const char *table, int at, char out[64])
{
	char sql[TEXT_SIZE];
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
	stmt = tamper_prepare(t, sql);
	(void)snprintf(out, 64, "%s", sqlite3_column_name(stmt, at));
	sqlite3_finalize(stmt);
	return out;
}

/* " WHERE key=… AND …", its values bound from parameter 1 on. */
static void add_where(struct tamper *t, struct buf *sql, const struct tamper_table *table)
{
	char name[64];

	for (int i = 0; i < table->keys; i++)
		buf_printf(sql, "%s \"%s\"=?%d", i ? " AND" : " WHERE", tamper_column(t, table->name, i, name), i + 1);
}

static bool run_bound(struct tamper *t, struct buf *sql, const struct tamper_table *table, const struct tamper_row *key)
{
	sqlite3_stmt *stmt = tamper_prepare(t, buf_str(sql));
	int code;

	for (int i = 0; i < table->keys; i++)
		(void)sqlite3_bind_value(stmt, i + 1, key->values[i]);
	code = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	buf_reset(sql);
	return code == SQLITE_DONE;
}

bool tamper_set(struct tamper *t, const struct tamper_table *table, const struct tamper_row *key, int column,
		const sqlite3_value *value)
{
	sqlite3_value *old = key->values[column];
	char name[64];
	uint8_t *bytes = NULL;
	size_t len = (size_t)sqlite3_value_bytes(old);
	struct buf sql;
	sqlite3_stmt *stmt;
	int code;

	buf_init(&sql, 4096);
	buf_printf(&sql, "UPDATE \"%s\" SET \"%s\"=?9", table->name, tamper_column(t, table->name, column, name));
	add_where(t, &sql, table);
	stmt = tamper_prepare(t, buf_str(&sql));
	for (int i = 0; i < table->keys; i++)
		(void)sqlite3_bind_value(stmt, i + 1, key->values[i]);
	if (value != NULL) {
		(void)sqlite3_bind_value(stmt, 9, value);
	} else if (sqlite3_value_type(old) == SQLITE_INTEGER) {
		(void)sqlite3_bind_int64(stmt, 9, sqlite3_value_int64(old) + 1);
	} else if (sqlite3_value_type(old) == SQLITE_NULL) {
		(void)sqlite3_bind_int64(stmt, 9, 1);
	} else {
		bytes = calloc(1, len + 1);
		assert_non_null(bytes);
		if (len > 0)
			memcpy(bytes, sqlite3_value_blob(old), len);
		if (len > 0)
			bytes[tamper_pick(t, len)] ^= 1;
		if (sqlite3_value_type(old) == SQLITE_TEXT)
			(void)sqlite3_bind_text(stmt, 9, (char *)bytes, (int)(len ? len : 1), SQLITE_TRANSIENT);
		else
			(void)sqlite3_bind_blob(stmt, 9, bytes, (int)(len ? len : 1), SQLITE_TRANSIENT);
	}
	code = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	buf_close(&sql);
	free(bytes);
	return code == SQLITE_DONE && sqlite3_changes(t->db) == 1;
}

bool tamper_delete(struct tamper *t, const struct tamper_table *table, const struct tamper_row *row)
{
	struct buf sql;
	bool done;

	buf_init(&sql, 4096);
	buf_printf(&sql, "DELETE FROM \"%s\"", table->name);
	add_where(t, &sql, table);
	done = run_bound(t, &sql, table, row);
	buf_close(&sql);
	return done;
}

/* A number nearby, or an id that ends otherwise. */
static sqlite3_value *other_key(struct tamper *t, const sqlite3_value *old_key)
{
	sqlite3_value *old = sqlite3_value_dup(old_key), *new;
	uint8_t bytes[64] = { 0 };
	size_t len = (size_t)sqlite3_value_bytes(old);
	sqlite3_stmt *stmt = tamper_prepare(t, "SELECT ?1");

	assert_true(len <= sizeof bytes);
	if (sqlite3_value_type(old) == SQLITE_INTEGER) {
		(void)sqlite3_bind_int64(stmt, 1, sqlite3_value_int64(old) + 1 + (int64_t)tamper_pick(t, 3));
	} else {
		memcpy(bytes, sqlite3_value_blob(old), len);
		bytes[len - 1] = bytes[len - 1] == '0' ? '1' : '0';
		if (sqlite3_value_type(old) == SQLITE_TEXT)
			(void)sqlite3_bind_text(stmt, 1, (char *)bytes, (int)len, SQLITE_TRANSIENT);
		else
			(void)sqlite3_bind_blob(stmt, 1, bytes, (int)len, SQLITE_TRANSIENT);
	}
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	new = sqlite3_value_dup(sqlite3_column_value(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_value_free(old);
	return new;
}

bool tamper_insert(struct tamper *t, const struct tamper_table *table, struct tamper_row *row)
{
	int column = table->keys - 1;
	sqlite3_value *key = other_key(t, row->values[column]);
	struct buf sql;
	sqlite3_stmt *stmt;
	int code;

	sqlite3_value_free(row->values[column]);
	row->values[column] = key;
	buf_init(&sql, 4096);
	buf_printf(&sql, "INSERT INTO \"%s\" VALUES(", table->name);
	for (int i = 0; i < row->count; i++)
		buf_printf(&sql, "%s?%d", i ? "," : "", i + 1);
	buf_add_str(&sql, ")");
	stmt = tamper_prepare(t, buf_str(&sql));
	for (int i = 0; i < row->count; i++)
		(void)sqlite3_bind_value(stmt, i + 1, row->values[i]);
	code = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	buf_close(&sql);
	return code == SQLITE_DONE;
}

static bool value_same(sqlite3_value *a, sqlite3_value *b)
{
	int len = sqlite3_value_bytes(a);

	return sqlite3_value_type(a) == sqlite3_value_type(b) && len == sqlite3_value_bytes(b) &&
	       (len == 0 || memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b), (size_t)len) == 0);
}

bool tamper_swap(struct tamper *t, const struct tamper_table *table, const struct tamper_row *one,
		      const struct tamper_row *two)
{
	bool differs = false;

	for (int i = table->keys; i < one->count; i++) {
		if (value_same(one->values[i], two->values[i]))
			continue;
		differs = true;
		if (!tamper_set(t, table, one, i, two->values[i]) || !tamper_set(t, table, two, i, one->values[i]))
			return false;
	}
	return differs;
}
