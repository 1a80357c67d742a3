/* tamper.h - altering one row of any table behind the store's back, with plain SQL, for tests of the proof.
 *
 * What can't fail in a test that works is asserted here. Functions that alter answer false where nothing was altered:
 * SQLite refused, or there was no difference to make.
 */
#ifndef TESTS_SUPPORT_TAMPER_H
#define TESTS_SUPPORT_TAMPER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tamper {
	sqlite3 *db;
	uint64_t random; /* the same seed, the same alterations */
};

struct tamper_table {
	const char *name;
	int keys;            /* the first so many columns are its key */
	const char *only[2]; /* columns that may be altered; NULL: all */
	bool update_only;
};

/* A row as it was read: copies of its values. */
struct tamper_row {
	sqlite3_value *values[64];
	int count;
};
void tamper_row_free(struct tamper_row *row);

uint64_t tamper_pick(struct tamper *t, uint64_t below); /* 0 … below - 1 */
sqlite3_stmt *tamper_prepare(struct tamper *t, const char *sql);

uint64_t tamper_count(struct tamper *t, const char *table);
/* Row number `at` in the order of its key. */
void tamper_read(struct tamper *t, const char *table, uint64_t at, struct tamper_row *out);
const char *tamper_column(struct tamper *t, const char *table, int at, char out[64]);

/* Sets a column of the row with this key: to a value, or, where that is NULL, to one that differs. */
bool tamper_set(struct tamper *t, const struct tamper_table *table, const struct tamper_row *key, int column,
		const sqlite3_value *value);
bool tamper_delete(struct tamper *t, const struct tamper_table *table, const struct tamper_row *row);
/* A copy of the row under another key, which *row then has. */
bool tamper_insert(struct tamper *t, const struct tamper_table *table, struct tamper_row *row);
/* Exchanges all but the keys. */
bool tamper_swap(struct tamper *t, const struct tamper_table *table, const struct tamper_row *one,
		 const struct tamper_row *two);

#endif
