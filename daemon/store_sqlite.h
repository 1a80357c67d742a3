/* store_sqlite.h - the SQLite back end's inside, shared by its files alone.
 *
 * store_sqlite.c opens, lays out the tables, begins and ends transactions and keeps
 * meta; store_records.c, store_history.c, store_scope.c and store_people.c have the
 * rest of struct store_ops. The SQL that names a kind's table is built once, at open.
 *
 * Walks hold no statement open while their callback runs: they look the next row up by
 * its key each time. So a callback may use every function of the store, may write, and
 * may walk again. Only record_names holds one: its callback may not write, nor call it.
 */
#ifndef DAEMON_STORE_SQLITE_H
#define DAEMON_STORE_SQLITE_H

#include "common/db.h"
#include "daemon/store.h"

/* The statements over one kind's table. */
struct kind_sql {
	const char *get;    /* [patient,] fields WHERE id */
	const char *insert; /* id, [patient,] fields */
	const char *update; /* id, then fields */
	const char *names;  /* all ids */
};

struct sqlite_store {
	struct store base; /* first: a struct store * is one of these */
	struct db db;
	struct arena texts; /* of kinds */
	struct kind_sql kinds[SCHEMA_KINDS_MAX];
	bool began; /* a transaction was begun and not ended by us */
};

/* What a row that is walked over may take in memory. */
#define WALK_BYTES_MAX (64U << 20)

struct sqlite_store *sqlite_of(struct store *s);

/* db_prepare, refused with ST_IO where an fsync had failed, or where SQLite itself has
 * ended our transaction: outside of one each statement would commit alone. */
sqlite3_stmt *store_prepare(struct store *s, const char *sql, enum status *status_out);
/* db_run; ST_EXISTS where a key was there already. */
enum status store_run(struct store *s, sqlite3_stmt *stmt) MUST_CHECK;
/* Step to the one row of a query; ST_NOT_FOUND: it has none. */
enum status store_row(struct store *s, sqlite3_stmt *stmt) MUST_CHECK;

/* Numbers over INT64_MAX stand for "no bound". */
void bind_number(sqlite3_stmt *stmt, int at, uint64_t number);
void bind_int(sqlite3_stmt *stmt, int at, int64_t number);
void bind_bytes(sqlite3_stmt *stmt, int at, const void *data, size_t len); /* static; never null */
void bind_text(sqlite3_stmt *stmt, int at, const char *text);              /* static */

/* Reads a row's columns one after the other; what is not as we write it is remembered
 * and asked for once, at the end, by columns_end, which also ends the statement. */
struct columns {
	sqlite3_stmt *stmt;
	int at;
	struct arena *arena; /* for column_bytes */
	enum status status;
};
struct columns columns_of(sqlite3_stmt *stmt, struct arena *arena);
int64_t column_int(struct columns *columns);
uint64_t column_number(struct columns *columns);                /* not negative; null is 0 */
unsigned column_small(struct columns *columns, unsigned max);   /* 0 … max */
void column_id(struct columns *columns, struct id *id_out);
void column_exact(struct columns *columns, void *out, size_t size); /* a blob of just this size */
void column_text(struct columns *columns, char *out, size_t room);
struct bytes column_bytes(struct columns *columns);
enum status columns_end(struct columns *columns) MUST_CHECK;

/* --- the functions of struct store_ops, by file --- */

/* store_records.c */
enum status records_open(struct sqlite_store *store) MUST_CHECK; /* builds store->kinds */
enum status records_layout(struct sqlite_store *store) MUST_CHECK; /* tables of the kinds, new columns */
enum status sqlite_record_get(struct store *s, const struct kind *kind, const struct id *id, struct arena *arena,
			      struct record *out);
enum status sqlite_record_put(struct store *s, const struct record *record, bool create);
enum status sqlite_record_head(struct store *s, const struct kind *kind, const struct id *id, struct id *patient_out,
			       bool *deleted_out);
enum status sqlite_record_marks(struct store *s, const struct kind *kind, const struct id *id, struct record *out);
enum status sqlite_record_names(struct store *s, store_name_fn *fn, void *ctx);
enum status sqlite_record_each(struct store *s, const struct kind *kind, const struct id *patient, store_record_fn *fn,
			       void *ctx);
enum status sqlite_record_after(struct store *s, const struct id *unit, uint64_t after, int part,
				struct record_ref *refs, size_t room, size_t *count_out);

/* store_history.c */
enum status sqlite_history_add(struct store *s, const struct history *history);
enum status sqlite_history_get(struct store *s, uint64_t seq, struct arena *arena, struct history *out);
enum status sqlite_history_find(struct store *s, uint32_t device, uint64_t n, const struct digest *digest,
				struct arena *arena, struct history *out);
enum status sqlite_history_of(struct store *s, const struct kind *kind, const struct id *id, uint64_t before,
			      store_history_fn *fn, void *ctx);
enum status sqlite_history_next(struct store *s, uint64_t after, uint64_t *seq_out);
enum status sqlite_history_each(struct store *s, uint64_t after, store_history_fn *fn, void *ctx);
enum status sqlite_anchor_add(struct store *s, const struct anchor *anchor);
enum status sqlite_anchor_each(struct store *s, store_anchor_fn *fn, void *ctx);
enum status sqlite_held_add(struct store *s, const struct held *held);
enum status sqlite_held_get(struct store *s, uint64_t seq, struct held *out);
enum status sqlite_held_find(struct store *s, uint32_t device, uint64_t n, struct held *out);
enum status sqlite_held_set(struct store *s, uint64_t seq, enum held_state state, uint64_t answer_seq);
enum status sqlite_held_wait(struct store *s, uint64_t seq, uint8_t wait_kind, const struct id *wait_id,
			     const char *detail);
enum status sqlite_held_each(struct store *s, const struct kind *wait_kind, const struct id *wait_id, bool open_only,
			     store_held_fn *fn, void *ctx);

/* store_scope.c */
enum status sqlite_member_open(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq);
enum status sqlite_member_close(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq);
enum status sqlite_member_is(struct store *s, const struct id *worker, const struct id *patient, bool *out);
enum status sqlite_member_left(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq,
			       uint64_t *left_seq_out);
enum status sqlite_member_list(struct store *s, const struct id *worker, uint64_t seq, struct arena *arena,
			       struct id **out, size_t *count_out);
enum status sqlite_member_each(struct store *s, store_member_fn *fn, void *ctx);
/* What a statement's first column lists, in the arena; ends the statement. */
enum status store_ids(struct store *s, sqlite3_stmt *stmt, struct arena *arena, struct id **out, size_t *count_out);

/* store_term.c */
enum status sqlite_term_put(struct store *s, const struct term *term);
enum status sqlite_term_in_force(struct store *s, const struct id *worker, const struct id *patient, bool *out);
enum status sqlite_term_pair(struct store *s, const struct id *worker, const struct id *patient, const struct id *after,
			     struct term *terms, size_t room, size_t *count_out);
enum status sqlite_term_due(struct store *s, int64_t now_ms, struct term *terms, size_t room, size_t *count_out);
enum status sqlite_term_next(struct store *s, int64_t *due_ms_out);
enum status sqlite_term_patients(struct store *s, const struct id *worker, struct arena *arena, struct id **out,
				 size_t *count_out);
enum status sqlite_term_each(struct store *s, store_term_fn *fn, void *ctx);
/* For each assignment without a term the one it has by its last change: of agencies made before terms were kept. */
enum status terms_complete(struct store *s) MUST_CHECK;

/* store_people.c */
enum status sqlite_account_put(struct store *s, const struct account *account);
enum status sqlite_account_by_login(struct store *s, const char *login, struct account *out);
enum status sqlite_account_by_worker(struct store *s, const struct id *worker, struct account *out);
enum status sqlite_account_list(struct store *s, struct arena *arena, struct account **out, size_t *count_out);
enum status sqlite_device_put(struct store *s, struct device *device);
enum status sqlite_device_get(struct store *s, uint32_t device, struct device *out);
enum status sqlite_device_list(struct store *s, struct arena *arena, struct device **out, size_t *count_out);
enum status sqlite_code_put(struct store *s, const struct code *code);
enum status sqlite_code_get(struct store *s, const struct digest *secret, struct code *out);

#endif
