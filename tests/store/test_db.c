/* What the helpers over SQLite promise. Each test has a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db.h"

static char folder[64], path[128];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/doorstep-db-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/a.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char name[160];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
	return rmdir(folder);
}

/* A VFS that is the default one but for its fsync, which can be told to fail. */
static sqlite3_vfs broken_vfs;
static sqlite3_io_methods broken_methods[2]; /* of databases, and of other files, which have no locks */
static int (*true_sync)(sqlite3_file *file, int flags);
static bool fsync_fails;
static int fsyncs;

static int broken_sync(sqlite3_file *file, int flags)
{
	fsyncs++;
	return fsync_fails ? SQLITE_IOERR_FSYNC : true_sync(file, flags);
}

static int broken_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	int code = real->xOpen(real, name, file, flags, out);
	sqlite3_io_methods *methods = &broken_methods[(flags & SQLITE_OPEN_MAIN_DB) != 0 ? 0 : 1];

	(void)vfs;
	if (code == SQLITE_OK && file->pMethods != NULL) {
		*methods = *file->pMethods;
		true_sync = methods->xSync;
		methods->xSync = broken_sync;
		file->pMethods = methods;
	}
	return code;
}

static void broken_register(void)
{
	broken_vfs = *sqlite3_vfs_find(NULL);
	broken_vfs.zName = "broken";
	broken_vfs.pNext = NULL;
	broken_vfs.xOpen = broken_open;
	assert_int_equal(sqlite3_vfs_register(&broken_vfs, 0), SQLITE_OK);
}

static int64_t one_int(struct db *db, const char *sql)
{
	enum status status;
	sqlite3_stmt *stmt = db_prepare(db, sql, &status);
	bool row = false;
	int64_t number;

	assert_non_null(stmt);
	assert_int_equal(db_step(db, stmt, &row), ST_OK);
	assert_true(row);
	number = db_column_int(stmt, 0);
	db_done(stmt);
	return number;
}

static void a_connection_is_as_durable_as_the_header_says(void **state)
{
	struct db db;
	enum status status;
	sqlite3_stmt *stmt;
	bool row = false;

	(void)state;
	assert_int_equal(db_open(&db, path, NULL, true), ST_OK);
	assert_int_equal(one_int(&db, "PRAGMA synchronous"), 2);
	assert_int_equal(one_int(&db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(one_int(&db, "PRAGMA busy_timeout"), 5000);
	assert_int_equal(one_int(&db, "PRAGMA wal_autocheckpoint"), 0);
	assert_int_equal(one_int(&db, "PRAGMA secure_delete"), 1);
	assert_int_equal(one_int(&db, "PRAGMA temp_store"), 2);
	assert_int_equal(one_int(&db, "PRAGMA trusted_schema"), 0);
	stmt = db_prepare(&db, "PRAGMA journal_mode", &status);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "wal");
	db_close(&db);
	db_close(&db);
	db_close(NULL);
}

static void closing_does_not_checkpoint(void **state)
{
	char wal[160];
	struct stat info;
	struct db db;

	(void)state;
	assert_int_equal(db_open(&db, path, NULL, true), ST_OK);
	assert_int_equal(db_exec(&db, "CREATE TABLE t(a); INSERT INTO t VALUES(7);"), ST_OK);
	db_close(&db);
	snprintf(wal, sizeof wal, "%s-wal", path);
	assert_int_equal(stat(wal, &info), 0);
	assert_true(info.st_size > 0);
	assert_int_equal(db_open(&db, path, NULL, false), ST_OK);
	assert_int_equal(one_int(&db, "SELECT a FROM t"), 7);
	db_close(&db);
}

static void a_file_that_is_not_there_is_made_only_when_asked(void **state)
{
	struct db db;

	(void)state;
	assert_int_equal(db_open(&db, path, NULL, false), ST_NOT_FOUND);
	assert_null(db.handle);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(db_open(&db, "/nowhere/at/all.db", NULL, true), ST_IO);
	assert_int_equal(db_open(&db, ":memory:", NULL, true), ST_OK);
	db_close(&db);
}

static void a_file_that_is_no_database_is_corrupt(void **state)
{
	struct db db;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 200; i++)
		fputs("This is a letter and no database.\n", file);
	fclose(file);
	assert_int_equal(db_open(&db, path, NULL, true), ST_CORRUPT);
}

static void a_statement_is_prepared_once_per_text(void **state)
{
	sqlite3_stmt *stmts[300];
	enum status status;
	struct db db;
	char sql[40];

	(void)state;
	assert_int_equal(db_open(&db, ":memory:", NULL, true), ST_OK);
	for (int i = 0; i < 300; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		stmts[i] = db_prepare(&db, sql, &status);
		assert_non_null(stmts[i]);
		/* What fails to prepare leaves no trace. */
		assert_null(db_prepare(&db, "SELECT nonsense", &status));
		assert_int_equal(status, ST_IO);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		assert_ptr_equal(db_prepare(&db, sql, &status), stmts[i]);
		assert_int_equal(one_int(&db, sql), i);
	}
	db_close(&db);
}

static void a_statement_comes_back_reset_and_unbound(void **state)
{
	static const char sql[] = "SELECT ?1 UNION ALL SELECT 2";
	const struct value value = value_string("left over");
	enum status status;
	sqlite3_stmt *stmt;
	struct db db;
	bool row = false;

	(void)state;
	assert_int_equal(db_open(&db, ":memory:", NULL, true), ST_OK);
	stmt = db_prepare(&db, sql, &status);
	db_bind_value(stmt, 1, &value);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	stmt = db_prepare(&db, sql, &status);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	assert_int_equal(db_column_value(stmt, 0).tag, VALUE_NULL);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	assert_true(row);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	assert_false(row);
	db_done(NULL);
	db_close(&db);
}

static void values_and_ids_come_back_as_they_went_in(void **state)
{
	const struct value values[] = { value_null(), value_int(INT64_MIN), value_int(INT64_MAX), value_string(""),
					value_string("Zo\xC3\xAB \xF0\x9F\x99\x82"), value_text("cut here", 3) };
	const struct id id = { { 1, 0x7f, 2, 3, 4, 5, 0x70, 7, 0x88, 9, 10, 11, 12, 13, 14, 15 } };
	enum status status;
	sqlite3_stmt *stmt;
	struct db db;
	struct id found;
	bool row = false;

	(void)state;
	assert_int_equal(db_open(&db, ":memory:", NULL, true), ST_OK);
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct value back;

		stmt = db_prepare(&db, "SELECT ?1", &status);
		db_bind_value(stmt, 1, &values[i]);
		assert_int_equal(db_step(&db, stmt, &row), ST_OK);
		back = db_column_value(stmt, 0);
		assert_true(value_equal(&back, &values[i]));
		db_done(stmt);
	}
	stmt = db_prepare(&db, "SELECT ?1, ?2, lower(hex(?2)), 'no id', null, x'01'", &status);
	db_bind_id(&db, stmt, 1, &id);
	db_bind_id_blob(stmt, 2, &id);
	assert_int_equal(db_step(&db, stmt, &row), ST_OK);
	assert_true(db_column_id(stmt, 0, &found) && id_equal(&found, &id));
	assert_true(db_column_id(stmt, 1, &found) && id_equal(&found, &id));
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "017f0203-0405-7007-8809-0a0b0c0d0e0f");
	assert_string_equal((const char *)sqlite3_column_text(stmt, 2), "017f0203040570078809" "0a0b0c0d0e0f");
	for (int i = 3; i < 6; i++)
		assert_false(db_column_id(stmt, i, &found));
	db_close(&db);
}

static void a_second_writer_is_told_that_it_is_busy(void **state)
{
	struct db one, two;

	(void)state;
	assert_int_equal(db_open(&one, path, NULL, true), ST_OK);
	assert_int_equal(db_open(&two, path, NULL, false), ST_OK);
	assert_int_equal(sqlite3_busy_timeout(two.handle, 0), SQLITE_OK);
	assert_int_equal(db_begin(&one), ST_OK);
	assert_int_equal(db_begin(&two), ST_BUSY);
	assert_int_equal(db_begin_read(&two), ST_OK);
	assert_int_equal(db_commit(&two), ST_OK);
	assert_int_equal(db_commit(&one), ST_OK);
	assert_int_equal(db_begin(&two), ST_OK);
	db_rollback(&two);
	db_rollback(&two);
	db_close(&one);
	db_close(&two);
}

static void a_commit_that_is_refused_is_rolled_back(void **state)
{
	struct db db;

	(void)state;
	assert_int_equal(db_open(&db, path, NULL, true), ST_OK);
	assert_int_equal(db_exec(&db, "CREATE TABLE p(id PRIMARY KEY);"
				      "CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)"), ST_OK);
	assert_int_equal(db_begin(&db), ST_OK);
	assert_int_equal(db_exec(&db, "INSERT INTO c VALUES(1)"), ST_OK);
	assert_int_equal(db_commit(&db), ST_IO);
	assert_int_equal(sqlite3_get_autocommit(db.handle), 1);
	assert_int_equal(one_int(&db, "SELECT count(*) FROM c"), 0);
	assert_false(db.failed);
	db_close(&db);
}

static void a_failed_fsync_marks_the_connection(void **state)
{
	struct db db;

	(void)state;
	broken_register();
	fsync_fails = false;
	assert_int_equal(db_open(&db, path, "broken", true), ST_OK);
	assert_int_equal(db_exec(&db, "CREATE TABLE t(a)"), ST_OK);
	assert_false(db.failed);
	assert_int_equal(db_begin(&db), ST_OK);
	assert_int_equal(db_exec(&db, "INSERT INTO t VALUES(1)"), ST_OK);
	fsync_fails = true;
	assert_int_equal(db_commit(&db), ST_IO);
	assert_true(db.failed);
	fsync_fails = false;
	assert_int_equal(db_begin(&db), ST_IO);
	db_close(&db);
	assert_int_equal(sqlite3_vfs_unregister(&broken_vfs), SQLITE_OK);
}

static void a_connection_syncs_what_the_wal_holds_once_after_each_opening(void **state)
{
	struct db db;

	(void)state;
	broken_register();
	fsync_fails = false;
	assert_int_equal(db_open(&db, path, "broken", true), ST_OK);
	assert_int_equal(db_exec(&db, "CREATE TABLE t(a); INSERT INTO t VALUES(7)"), ST_OK);
	for (int opening = 0; opening < 2; opening++) {
		db_close(&db);
		assert_int_equal(db_open(&db, path, "broken", false), ST_OK);
		fsyncs = 0;
		assert_int_equal(db_secure(&db), ST_OK);
		assert_int_equal(fsyncs, 1);
		assert_int_equal(db_secure(&db), ST_OK);
		assert_int_equal(fsyncs, 1);
		assert_int_equal(one_int(&db, "SELECT a FROM t"), 7);
	}
	db_close(&db);
	assert_int_equal(db_open(&db, path, "broken", false), ST_OK);
	fsync_fails = true;
	assert_int_equal(db_secure(&db), ST_IO);
	assert_true(db.failed);
	fsync_fails = false;
	assert_int_equal(db_begin(&db), ST_IO);
	db_close(&db);
	assert_int_equal(sqlite3_vfs_unregister(&broken_vfs), SQLITE_OK);
}

static void where_it_could_not_be_secured_writing_is_refused_with_the_reason(void **state)
{
	struct db one, two;

	(void)state;
	assert_int_equal(db_open(&one, path, NULL, true), ST_OK);
	assert_int_equal(db_open(&two, path, NULL, false), ST_OK);
	assert_int_equal(sqlite3_busy_timeout(two.handle, 0), SQLITE_OK);
	assert_int_equal(db_begin(&one), ST_OK);
	assert_int_equal(db_secure(&two), ST_BUSY);
	assert_false(two.failed);
	two.failed = true; /* as its owner says who doesn't try again */
	assert_int_equal(db_begin(&two), ST_BUSY);
	db_rollback(&one);
	assert_int_equal(db_begin(&two), ST_BUSY);
	two.failed = false;
	assert_int_equal(db_secure(&two), ST_OK);
	two.failed = true;
	assert_int_equal(db_begin(&two), ST_IO);
	db_close(&one);
	db_close(&two);
}

static void codes_of_sqlite_become_the_ones_people_are_told(void **state)
{
	static const struct {
		int code;
		enum status status;
		bool failed;
	} cases[] = {
		{ SQLITE_OK, ST_OK, false },	   { SQLITE_ROW, ST_OK, false },
		{ SQLITE_DONE, ST_OK, false },	   { SQLITE_BUSY_SNAPSHOT, ST_BUSY, false },
		{ SQLITE_LOCKED, ST_BUSY, false }, { SQLITE_FULL, ST_FULL, false },
		{ SQLITE_NOMEM, ST_NOMEM, false }, { SQLITE_IOERR_NOMEM, ST_NOMEM, false },
		{ SQLITE_CORRUPT_INDEX, ST_CORRUPT, false }, { SQLITE_NOTADB, ST_CORRUPT, false },
		{ SQLITE_IOERR_WRITE, ST_IO, false }, { SQLITE_CONSTRAINT_CHECK, ST_IO, false },
		{ SQLITE_IOERR_FSYNC, ST_IO, true },  { SQLITE_IOERR_DIR_FSYNC, ST_IO, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct db db = { 0 };

		assert_int_equal(db_status(&db, cases[i].code), cases[i].status);
		assert_int_equal(db.failed, cases[i].failed);
	}
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_connection_is_as_durable_as_the_header_says),
		IN_FOLDER(closing_does_not_checkpoint),
		IN_FOLDER(a_file_that_is_not_there_is_made_only_when_asked),
		IN_FOLDER(a_file_that_is_no_database_is_corrupt),
		cmocka_unit_test(a_statement_is_prepared_once_per_text),
		cmocka_unit_test(a_statement_comes_back_reset_and_unbound),
		cmocka_unit_test(values_and_ids_come_back_as_they_went_in),
		IN_FOLDER(a_second_writer_is_told_that_it_is_busy),
		IN_FOLDER(a_commit_that_is_refused_is_rolled_back),
		IN_FOLDER(a_failed_fsync_marks_the_connection),
		IN_FOLDER(a_connection_syncs_what_the_wal_holds_once_after_each_opening),
		IN_FOLDER(where_it_could_not_be_secured_writing_is_refused_with_the_reason),
		cmocka_unit_test(codes_of_sqlite_become_the_ones_people_are_told),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
