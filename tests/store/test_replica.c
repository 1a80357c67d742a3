/* Opening a replica: made, found as it was, brought to a newer schema, or repaired loudly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/replica.h"
#include "common/arena.h"

#define P "'00000000-0000-4000-8000-0000000000aa'"
#define T1 "'00000000-0000-4000-8000-000000000001'"

static const struct field_row ROWS[] = {
	{ .num = 1, .kind = "patient", .since = 1, .fhir = "", .label = "Patient" },
	{ .num = 1, .field = "name", .since = 1, .fhir = "", .label = "Name", .required = true },
	{ .num = 2, .kind = "task", .since = 1, .fhir = "", .label = "Task" },
	{ .num = 1, .field = "title", .since = 1, .fhir = "", .label = "Title", .required = true },
	{ .num = 2, .field = "due", .type = TYPE_TIME, .since = 1, .fhir = "", .label = "Due" },
	{ .num = 3, .field = "urgent", .type = TYPE_BOOL, .since = 2, .fhir = "", .label = "Urgent" },
	{ .num = 3, .kind = "risk", .since = 2, .fhir = "", .label = "Risk" },
	{ .num = 1, .field = "text", .since = 2, .fhir = "", .label = "Text" },
	{ .num = 4, .kind = "worker", .since = 1, .fhir = "", .label = "Worker", .writer = WRITER_CENTRE },
	{ .num = 1, .field = "name", .since = 1, .fhir = "", .label = "Name", .writer = WRITER_CENTRE },
};

static struct schema schemas[2]; /* version 1 and 2, both in one process */

/* A file in memory that lives as long as somebody holds it open; what was logged. */
struct place {
	sqlite3 *other;
	struct env env;
	int errors_logged;
};

static int64_t clock_ms(void *ctx)
{
	(void)ctx;
	return 1764000000000;
}

static void random_fill(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static void log_count(void *ctx, enum log_level level, const char *module, const char *event, const char *fields)
{
	(void)module;
	(void)event;
	(void)fields;
	if (level == LOG_ERROR)
		((struct place *)ctx)->errors_logged++;
}

static int place_open(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	assert_non_null(place);
	place->env = (struct env){ .ctx = place, .wall_ms = clock_ms, .boot_ms = clock_ms, .random = random_fill,
				   .log = log_count, .vfs = "memdb" };
	assert_int_equal(sqlite3_open_v2("/replica", &place->other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "memdb"),
			 SQLITE_OK);
	*state = place;
	return 0;
}

static int place_close(void **state)
{
	struct place *place = *state;

	(void)sqlite3_close(place->other);
	free(place);
	return 0;
}

static void other(struct place *place, const char *sql)
{
	if (sqlite3_exec(place->other, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(place->other));
}

static const char *ask(struct place *place, const char *sql)
{
	static char answer[4096];
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(place->other, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(place->other));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	(void)sqlite3_snprintf(sizeof answer, answer, "%s",
			       sqlite3_column_type(stmt, 0) == SQLITE_NULL ? "" : (const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return answer;
}

static enum status try_open(struct place *place, struct replica *r, int version, bool create, struct failure *why)
{
	return replica_open(r, "/replica", &schemas[version - 1], &place->env, create, why);
}

/* Open, tell whether something was restored, close. */
static bool open_restores(struct place *place, int version)
{
	struct replica r;
	struct failure why;
	bool restored;

	if (try_open(place, &r, version, true, &why) != ST_OK)
		fail_msg("%s", why.what);
	restored = r.restored;
	replica_close(&r);
	return restored;
}

static void a_new_replica_opens_again_as_it_was(void **state)
{
	struct place *place = *state;

	assert_false(open_restores(place, 1));
	other(place, "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'Call')");
	assert_false(open_restores(place, 1));
	assert_string_equal(ask(place, "SELECT title||version FROM task"), "Call1");
	assert_string_equal(ask(place, "SELECT count(*) FROM ds_notice"), "0");
	assert_int_equal(place->errors_logged, 0);
}

static void what_is_no_replica_is_not_made_one_unasked(void **state)
{
	struct place *place = *state;
	struct replica r;
	struct failure why;

	assert_int_equal(try_open(place, &r, 1, false, &why), ST_NOT_FOUND);
	assert_int_equal(why.status, ST_NOT_FOUND);
	assert_string_equal(ask(place, "SELECT count(*) FROM sqlite_schema"), "0");
}

static void every_commit_is_durable(void **state)
{
	struct replica r;
	struct failure why;
	enum status status;
	sqlite3_stmt *stmt;

	assert_int_equal(try_open(*state, &r, 1, true, &why), ST_OK);
	stmt = db_prepare(&r.db, "PRAGMA synchronous", &status);
	assert_non_null(stmt);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(db_column_int(stmt, 0), 2);
	db_done(stmt);
	replica_close(&r);
}

static void what_another_program_removed_or_altered_is_restored_and_told(void **state)
{
	static const char *const harm[] = {
		"DROP TRIGGER ds_task_edit_title",
		"DROP TRIGGER ds_worker_refuse_insert",
		"DROP TRIGGER ds_task_inserted; CREATE TRIGGER ds_task_inserted AFTER INSERT ON task BEGIN SELECT 1; END",
		"CREATE TRIGGER ds_task_more AFTER DELETE ON task BEGIN DELETE FROM ds_dirty; END",
		"DROP VIEW task_text",
		"DROP VIEW outbox",
		"DROP VIEW ds_edit",
		"DROP TRIGGER ds_edit_first",
		/* Only a view's text is altered, and a view of ours has a trigger more: both go when it is made anew. */
		("CREATE TRIGGER ds_edit_more INSTEAD OF INSERT ON ds_edit BEGIN SELECT 1; END;"
		 "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql,'0','1') WHERE name='ds_edit'"),
		"DROP INDEX ds_sent_group",
		"DROP TABLE task",
		"PRAGMA foreign_keys=OFF; INSERT INTO ds_applying(x) VALUES(1)",
	};
	struct place *place = *state;
	char whole[32];
	int times = 0;

	assert_false(open_restores(place, 1));
	(void)sqlite3_snprintf(sizeof whole, whole, "%s", ask(place, "SELECT sum(length(sql))||'/'||count(*) FROM sqlite_schema"));
	for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
		char count[8];

		other(place, harm[i]);
		assert_true(open_restores(place, 1));
		(void)sqlite3_snprintf(sizeof count, count, "%d", ++times);
		assert_string_equal(ask(place, "SELECT count(*) FROM ds_notice"), count);
		assert_int_equal(place->errors_logged, times);
		assert_string_equal(ask(place, "SELECT sum(length(sql))||'/'||count(*) FROM sqlite_schema"), whole);
		assert_false(open_restores(place, 1));
	}
	other(place, "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'Call'); UPDATE task SET title='A'");
	assert_string_equal(ask(place, "SELECT group_concat(grp) FROM ds_dirty"), "-1,1");
}

static void triggers_lost_while_it_is_open_are_restored_too(void **state)
{
	struct place *place = *state;
	struct replica r;
	struct failure why;

	assert_int_equal(try_open(place, &r, 1, true, &why), ST_OK);
	assert_int_equal(replica_check_schema(&r), ST_OK);
	assert_false(r.restored);
	other(place, "DROP TRIGGER ds_task_delete");
	assert_int_equal(replica_check_schema(&r), ST_OK);
	assert_true(r.restored);
	assert_string_equal(ask(place, "SELECT count(*) FROM sqlite_schema WHERE name='ds_task_delete'"), "1");
	replica_close(&r);
}

static void what_other_programs_add_is_theirs(void **state)
{
	struct place *place = *state;

	assert_false(open_restores(place, 1));
	other(place, "CREATE TABLE theirs(x); CREATE TRIGGER theirs_too AFTER UPDATE ON task BEGIN INSERT INTO theirs VALUES(1); END;"
		     "ALTER TABLE task ADD COLUMN colour TEXT; CREATE VIEW v AS SELECT colour FROM task;"
		     "INSERT INTO task(id,patient,title,colour) VALUES(" T1 "," P ",'Call','red')");
	assert_false(open_restores(place, 1));
	assert_string_equal(ask(place, "SELECT colour FROM v"), "red");
	other(place, "UPDATE task SET title='A'");
	assert_string_equal(ask(place, "SELECT count(*)>0 FROM theirs"), "1");
	assert_string_equal(ask(place, "SELECT count(*) FROM ds_notice"), "0");
}

static void a_missing_column_or_bookkeeping_table_is_an_error_and_nothing_is_touched(void **state)
{
	struct place *place = *state;
	struct replica r;
	struct failure why;
	char whole[32];

	assert_false(open_restores(place, 1));
	other(place, "DROP VIEW task_text; DROP VIEW outbox; DROP TRIGGER ds_task_edit_due; DROP TRIGGER ds_task_edited;"
		     "DROP TRIGGER ds_task_overwrite; DROP TRIGGER ds_task_inserted; DROP TRIGGER ds_task_delete;"
		     "ALTER TABLE task DROP COLUMN due");
	(void)sqlite3_snprintf(sizeof whole, whole, "%s", ask(place, "SELECT sum(length(sql))||'/'||count(*) FROM sqlite_schema"));
	assert_int_equal(try_open(place, &r, 1, true, &why), ST_CORRUPT);
	assert_non_null(strstr(why.what, "column is missing"));
	assert_string_equal(ask(place, "SELECT sum(length(sql))||'/'||count(*) FROM sqlite_schema"), whole);
	other(place, "ALTER TABLE task ADD COLUMN due INTEGER");
	assert_true(open_restores(place, 1));
	other(place, "DROP TABLE ds_sent");
	assert_int_equal(try_open(place, &r, 1, true, &why), ST_CORRUPT);
	assert_non_null(strstr(why.what, "bookkeeping"));
	other(place, "DROP TABLE ds_meta");
	assert_int_equal(try_open(place, &r, 1, true, &why), ST_CORRUPT);
}

static void a_newer_schema_adds_its_fields_and_kinds_and_is_no_loss(void **state)
{
	struct place *place = *state;
	struct replica r;
	struct failure why;

	assert_false(open_restores(place, 1));
	other(place, "INSERT INTO task(id,patient,title,due) VALUES(" T1 "," P ",'Call',5000); DELETE FROM ds_dirty;"
		     "INSERT INTO ds_version VALUES(2," T1 ",-1,10)");
	assert_false(open_restores(place, 2));
	assert_string_equal(ask(place, "SELECT title||due||coalesce(urgent,'none') FROM task"), "Call5000none");
	other(place, "UPDATE task SET urgent=1; INSERT INTO risk(patient,text) VALUES(" P ",'Falls')");
	assert_string_equal(ask(place, "SELECT group_concat(kind||':'||grp||coalesce(base_values,'')) FROM ds_dirty"),
			    "2:3[null],3:-1");
	assert_string_equal(ask(place, "SELECT count(*) FROM ds_notice"), "0");
	assert_int_equal(try_open(place, &r, 1, true, &why), ST_UNKNOWN);
	assert_non_null(strstr(why.what, "newer"));
	assert_false(open_restores(place, 2));
}

static void a_row_is_read_whole_and_outlives_its_statement(void **state)
{
	struct place *place = *state;
	const struct kind *kind = schema_kind(&schemas[0], "task", 4);
	struct replica r;
	struct failure why;
	struct arena arena;
	struct row row;
	struct id id, patient, missing = { { 9 } };
	char text[ID_TEXT_SIZE];
	int64_t version = 0;

	assert_int_equal(try_open(place, &r, 1, true, &why), ST_OK);
	other(place, "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'Réveil')");
	assert_true(id_parse("00000000-0000-4000-8000-000000000001", ID_TEXT_LEN, &id));
	arena_init(&arena, 65536);
	assert_int_equal(replica_read(&r, kind, &id, &arena, &row, &patient, &version), ST_OK);
	id_format(&patient, text);
	other(place, "UPDATE task SET title='Other'");
	assert_string_equal(text, "00000000-0000-4000-8000-0000000000aa");
	assert_int_equal(row.values[0].len, strlen("Réveil"));
	assert_memory_equal(row.values[0].text, "Réveil", strlen("Réveil"));
	assert_int_equal(row.values[1].tag, VALUE_NULL);
	assert_int_equal(version, 1);
	assert_int_equal(replica_read(&r, kind, &missing, &arena, &row, &patient, &version), ST_NOT_FOUND);
	arena_close(&arena);
	replica_close(&r);
}

static void who_this_tablet_is_is_read_again_at_open(void **state)
{
	struct place *place = *state;
	struct replica_identity identity = { .device = 7, .owner_name = "Zoë", .zone = "Europe/Paris", .zone_min = -60,
					     .url = "https://centre:8443", .worker = { { 1, 2 } }, .centre_key = { 3, 0, 4 } };
	struct replica r;
	int64_t absent = 1;
	struct failure why;

	assert_int_equal(try_open(place, &r, 1, true, &why), ST_OK);
	assert_int_equal(r.identity.device, 0);
	assert_int_equal(replica_identity_set(&r, &identity), ST_OK);
	replica_close(&r);
	assert_int_equal(try_open(place, &r, 1, false, &why), ST_OK);
	assert_memory_equal(&r.identity, &identity, sizeof identity);
	assert_int_equal(replica_meta_int(&r, "absent", &absent), ST_OK);
	assert_int_equal(absent, 0);
	replica_close(&r);
	replica_close(NULL);
}

static void the_outbox_is_a_table_that_people_can_read(void **state)
{
	struct place *place = *state;

	assert_false(open_restores(place, 1));
	other(place, "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'Call');"
		     "UPDATE ds_dirty SET wall_ms=1764000000000;"
		     "INSERT INTO ds_journal VALUES(1,7,2," T1 "," P ",x'00',x'00',0,1764000060000,NULL,NULL,NULL,NULL),"
		     "(2,7,2," T1 "," P ",x'00',x'00',1,1764000120000,NULL,NULL,NULL,NULL),"
		     "(3,7,2," T1 "," P ",x'00',x'00',2,1764000060000,NULL,NULL,NULL,NULL)");
	/* 1764000000 is 2025-11-24T16:00:00Z. */
	assert_string_equal(ask(place, "SELECT group_concat(kind||'|'||patient||'|'||what||'|'||since,char(10)) FROM outbox"),
			    "task|00000000-0000-4000-8000-0000000000aa|Saved on this tablet|2025-11-24T16:00:00Z\n"
			    "task|00000000-0000-4000-8000-0000000000aa|Sending|2025-11-24T16:01:00Z\n"
			    "task|00000000-0000-4000-8000-0000000000aa|Needs attention|2025-11-24T16:02:00Z");
	other(place, "DELETE FROM task");
	assert_string_equal(ask(place, "SELECT patient FROM outbox"), "00000000-0000-4000-8000-0000000000aa");
}

static int setup(void **state)
{
	(void)state;
	schema_init(&schemas[0], ROWS, sizeof ROWS / sizeof ROWS[0], 1);
	schema_init(&schemas[1], ROWS, sizeof ROWS / sizeof ROWS[0], 2);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_open, place_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_replica_opens_again_as_it_was),
		TEST(what_is_no_replica_is_not_made_one_unasked),
		TEST(every_commit_is_durable),
		TEST(what_another_program_removed_or_altered_is_restored_and_told),
		TEST(triggers_lost_while_it_is_open_are_restored_too),
		TEST(what_other_programs_add_is_theirs),
		TEST(a_missing_column_or_bookkeeping_table_is_an_error_and_nothing_is_touched),
		TEST(a_newer_schema_adds_its_fields_and_kinds_and_is_no_loss),
		TEST(a_row_is_read_whole_and_outlives_its_statement),
		TEST(who_this_tablet_is_is_read_again_at_open),
		TEST(the_outbox_is_a_table_that_people_can_read),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
