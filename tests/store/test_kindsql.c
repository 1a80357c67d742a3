/* The SQL and JSON that follow from a schema, held against the real SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/arena.h"
#include "common/kindsql.h"
#include "common/moment.h"

static const struct field_row rows[] = {
	{ .num = 1, .kind = "patient", .since = 1 },
	{ .num = 1, .field = "name", .type = TYPE_TEXT, .since = 1 },
	{ .num = 2, .kind = "visit", .since = 1 },
	{ .num = 1, .field = "purpose", .type = TYPE_TEXT, .max = 100, .since = 1 },
	{ .num = 2, .field = "starts", .type = TYPE_TIME, .since = 1 },
	{ .num = 3, .field = "miles", .type = TYPE_INT, .since = 1 },
	{ .num = 4, .field = "urgent", .type = TYPE_BOOL, .since = 1 },
	{ .num = 5, .field = "tags", .type = TYPE_SET, .rule = RULE_SET, .max = 60, .since = 1 },
	{ .num = 6, .field = "born", .type = TYPE_DATE, .since = 1 },
	{ .num = 7, .field = "worker", .type = TYPE_ID, .since = 1 },
	{ .num = 8, .field = "status", .type = TYPE_ENUM, .since = 1, .values = "open|done" },
};
static struct schema schema;
static const struct kind *visit, *patient;
static struct db db;
static struct buf buf;
static struct arena arena;

static const struct id ID = { { 1, 0x7f, 2, 3, 4, 5, 0x70, 7, 0x88, 9, 10, 11, 12, 13, 14, 15 } };
#define ID_TEXT "017f0203-0405-7007-8809-0a0b0c0d0e0f"
static const struct id PATIENT = { { 2, 0x7f, 2, 3, 4, 5, 0x70, 7, 0x88, 9, 10, 11, 12, 13, 14, 15 } };
#define PATIENT_TEXT "027f0203-0405-7007-8809-0a0b0c0d0e0f"

static int set_up(void **state)
{
	(void)state;
	schema_init(&schema, rows, sizeof rows / sizeof rows[0], 1);
	patient = &schema.kinds[0];
	visit = &schema.kinds[1];
	buf_init(&buf, 1 << 20);
	arena_init(&arena, 1 << 20);
	return db_open(&db, ":memory:", NULL, true) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	db_close(&db);
	buf_close(&buf);
	arena_close(&arena);
	return 0;
}

static void make_table(void)
{
	buf_add_str(&buf, "CREATE TABLE visit(id TEXT PRIMARY KEY, patient TEXT, ");
	kindsql_column_types(&buf, visit);
	buf_add_str(&buf, ") STRICT;\n");
	kindsql_view(&buf, visit);
	assert_int_equal(db_exec(&db, buf_str(&buf)), ST_OK);
	buf_reset(&buf);
}

static struct row row_full(void)
{
	struct row row = { 0 };

	row.values[0] = value_string("say \"hello\"");
	row.values[1] = value_int(1000000000123);
	row.values[2] = value_int(-12);
	row.values[3] = value_int(1);
	row.values[4] = value_string("[\"a\",\"b\"]");
	row.values[5] = value_string("1931-04");
	row.values[6] = value_string(ID_TEXT);
	return row;
}

static void columns_are_quoted_prefixed_and_in_the_fields_order(void **state)
{
	(void)state;
	kindsql_columns(&buf, visit, 1 << 3 | 1 << 0, "NEW.");
	assert_string_equal(buf_str(&buf), "NEW.\"purpose\",NEW.\"urgent\"");
	buf_reset(&buf);
	kindsql_columns(&buf, visit, 0, "");
	kindsql_column_types(&buf, patient);
	assert_string_equal(buf_str(&buf), "\"name\" TEXT");
	assert_true(kind_has_patient(visit));
	assert_false(kind_has_patient(patient));
}

static void a_row_that_was_bound_is_read_back(void **state)
{
	const struct row row = row_full();
	struct row back;
	enum status status;
	sqlite3_stmt *stmt;
	bool more = false;

	(void)state;
	make_table();
	stmt = db_prepare(&db, "INSERT INTO visit VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", &status);
	assert_non_null(stmt);
	db_bind_id(&db, stmt, 1, &ID);
	db_bind_id(&db, stmt, 2, &PATIENT);
	assert_int_equal(kindsql_bind(stmt, 3, visit, &row, visit->mask_all), 11);
	assert_int_equal(db_run(&db, stmt), ST_OK);
	stmt = db_prepare(&db, "SELECT * FROM visit", &status);
	assert_int_equal(db_step(&db, stmt, &more), ST_OK);
	kindsql_read(stmt, 2, visit, &back);
	assert_true(row_equal(&row, &back, visit->mask_all));
}

static void a_view_shows_times_as_moments_are_written(void **state)
{
	static const int64_t times[] = { 0, 1, -1, -1000, -1001, 999, 1000, 1000000000123, 951825600000,
					 -2203891200000, MOMENT_MS_MIN, MOMENT_MS_MAX };
	enum status status;
	sqlite3_stmt *stmt;
	bool more = false;

	(void)state;
	make_table();
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		char text[MOMENT_TEXT_SIZE];
		const struct value value = value_int(times[i]);

		moment_format(times[i], text);
		stmt = db_prepare(&db, "INSERT OR REPLACE INTO visit(id,starts) VALUES('x',?1)", &status);
		db_bind_value(stmt, 1, &value);
		assert_int_equal(db_run(&db, stmt), ST_OK);
		stmt = db_prepare(&db, "SELECT starts, purpose, patient FROM visit_text", &status);
		assert_int_equal(db_step(&db, stmt, &more), ST_OK);
		assert_string_equal((const char *)sqlite3_column_text(stmt, 0), text);
		assert_int_equal(db_column_value(stmt, 1).tag, VALUE_NULL);
		db_done(stmt);
	}
	assert_int_equal(db_exec(&db, "UPDATE visit SET starts = NULL"), ST_OK);
	stmt = db_prepare(&db, "SELECT starts FROM visit_text", &status);
	assert_int_equal(db_step(&db, stmt, &more), ST_OK);
	assert_int_equal(db_column_value(stmt, 0).tag, VALUE_NULL);
}

static void json_is_byte_for_byte_what_sqlite_writes(void **state)
{
	static const char *const texts[] = {
		"", "plain", "\"", "\\", "\\\"\\", "a/b", "'", "\x01\x02\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x1f", "\x7f",
		"\xF0\x9F\x99\x82\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x94\xAC", "\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7",
		"\xE2\x80\xAExyz\xE2\x80\xA8\xE2\x80\xA9", "Zoe\xCC\x88", "[\"a\",\"b\"]", "{}", "null", "12", "\\u0041",
		"</script>", "\xEF\xBF\xBE\xEF\xBB\xBF",
	};
	static const int64_t numbers[] = { 0, 1, -1, 1000000000123, INT64_MAX, INT64_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct row row = { 0 }, back = { 0 };
		enum status status;
		sqlite3_stmt *stmt = db_prepare(&db, "SELECT json_array(?1,?2,?3)", &status);
		uint64_t mask = 1 << 0 | 1 << 2 | 1 << 5;
		bool more = false;

		row.values[0] = value_string(texts[i]);
		row.values[2] = value_int(numbers[i % 6]);
		assert_int_equal(kindsql_bind(stmt, 1, visit, &row, mask), 4);
		assert_int_equal(db_step(&db, stmt, &more), ST_OK);
		buf_reset(&buf);
		kindsql_json(&buf, visit, &row, mask);
		assert_string_equal(buf_str(&buf), (const char *)sqlite3_column_text(stmt, 0));
		assert_int_equal(kindsql_from_json(visit, mask, buf_str(&buf), buf.len, &arena, &back), ST_OK);
		assert_true(row_equal(&row, &back, mask));
		db_done(stmt);
	}
}

static void json_escapes_of_other_writers_are_read(void **state)
{
	static const char json[] = "[\"\\u00eb\\ud83d\\ude42\\/\\u000A\"]";
	struct row row = { 0 };

	(void)state;
	assert_int_equal(kindsql_from_json(visit, 1, json, strlen(json), &arena, &row), ST_OK);
	assert_string_equal(row.values[0].text, "\xC3\xAB\xF0\x9F\x99\x82/\n");
}

static void json_that_is_not_ours_is_corrupt_and_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"", "[", "[]", "[1]", "[1,2,3]", "[1,2", "[1,2]x", "{1,2}", "[1 ,2]", "[1,]", "[1,-]", "[1,2.5]", "[1,true]",
		"[1,9223372036854775808]", "[1,-9223372036854775809]", "[1,99999999999999999999]", "[1,\"]", "[1,\"a]",
		"[1,\"\\\"]", "[1,\"\\x\"]", "[1,\"\\u12\"]", "[1,\"\\u0000\"]", "[1,\"\\ud83d\"]", "[1,\"\\ude42\"]",
		"[1,\"\\ud83d\\u0041\"]", "[1,\"\n\"]", "[1,\"\xC3\"]", "[1,\"\\u123",
	};
	struct row row = { 0 };

	(void)state;
	row.values[0] = value_int(42);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(kindsql_from_json(visit, 3, bad[i], strlen(bad[i]), &arena, &row), ST_CORRUPT);
		assert_int_equal(row.values[0].integer, 42);
	}
	assert_int_equal(kindsql_from_json(visit, 3, "[-9223372036854775808,9223372036854775807]", 42, &arena, &row), ST_OK);
	assert_true(row.values[0].integer == INT64_MIN && row.values[1].integer == INT64_MAX);
}

static void a_record_is_shown_as_an_object_by_its_types(void **state)
{
	const struct row row = row_full();

	(void)state;
	kindsql_json_object(&buf, visit, &ID, &PATIENT, &row, false);
	assert_string_equal(buf_str(&buf),
			    "{\"kind\":\"visit\",\"id\":\"" ID_TEXT "\",\"patient\":\"" PATIENT_TEXT
			    "\",\"purpose\":\"say \\\"hello\\\"\",\"starts\":\"2001-09-09T01:46:40.123Z\",\"miles\":\"-12\","
			    "\"urgent\":true,\"tags\":[\"a\",\"b\"],\"born\":\"1931-04\",\"worker\":\"" ID_TEXT "\"}");
}

static void an_object_names_its_null_fields_when_asked(void **state)
{
	const struct row row = { 0 };

	(void)state;
	kindsql_json_object(&buf, patient, &ID, &ID, &row, true);
	assert_string_equal(buf_str(&buf), "{\"kind\":\"patient\",\"id\":\"" ID_TEXT "\",\"name\":null}");
	buf_reset(&buf);
	kindsql_json_object(&buf, patient, &ID, &ID, &row, false);
	assert_string_equal(buf_str(&buf), "{\"kind\":\"patient\",\"id\":\"" ID_TEXT "\"}");
}

static const struct {
	const char *field, *text;
	enum status status;
	const char *expected; /* text; NULL: the integer, or null where text is "" */
	int64_t integer;
} typed[] = {
	{ "purpose", "see her", ST_OK, "see her", 0 },
	{ "purpose", " as typed ", ST_OK, " as typed ", 0 },
	{ "purpose", "\xC3(", ST_INVALID, NULL, 0 },
	{ "starts", "2001-09-09T01:46:40Z", ST_OK, NULL, 1000000000000 },
	{ "starts", "2001-09-09 03:46", ST_OK, NULL, 999999960000 },
	{ "starts", "soon", ST_INVALID, NULL, 0 },
	{ "miles", "12", ST_OK, NULL, 12 },
	{ "miles", "-12", ST_OK, NULL, -12 },
	{ "miles", "12 miles", ST_INVALID, NULL, 0 },
	{ "miles", " 12", ST_INVALID, NULL, 0 },
	{ "miles", "9223372036854775808", ST_INVALID, NULL, 0 },
	{ "urgent", "yes", ST_OK, NULL, 1 },
	{ "urgent", "true", ST_OK, NULL, 1 },
	{ "urgent", "1", ST_OK, NULL, 1 },
	{ "urgent", "no", ST_OK, NULL, 0 },
	{ "urgent", "0", ST_OK, NULL, 0 },
	{ "urgent", "maybe", ST_INVALID, NULL, 0 },
	{ "tags", "b, a ,b", ST_OK, "[\"a\",\"b\"]", 0 },
	{ "tags", "say \"x\"", ST_OK, "[\"say \\\"x\\\"\"]", 0 },
	{ "tags", " [ \"b\" , \"a,c\" ] ", ST_OK, "[\"a,c\",\"b\"]", 0 },
	{ "tags", "[\"b\"", ST_INVALID, NULL, 0 },
	{ "tags", "[\"b\"] x", ST_INVALID, NULL, 0 },
	{ "tags", "[b]", ST_INVALID, NULL, 0 },
	{ "tags", "[\"b\",]", ST_INVALID, NULL, 0 },
	{ "tags", "0123456789012345678901234567890123456789012345678901234567890", ST_LIMIT, NULL, 0 },
	{ "born", "1931-04", ST_OK, "1931-04", 0 },
	{ "born", "April", ST_INVALID, NULL, 0 },
	{ "worker", "017F0203-0405-7007-8809-0A0B0C0D0E0F", ST_OK, ID_TEXT, 0 },
	{ "worker", "Ana", ST_INVALID, NULL, 0 },
	{ "status", "open", ST_OK, "open", 0 },
	{ "status", "Open", ST_INVALID, NULL, 0 },
};

static void what_people_type_becomes_a_value_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
		const struct field *field = &visit->fields[kind_field(visit, typed[i].field, strlen(typed[i].field))];
		const struct value untouched = value_int(99);
		struct value value = untouched;
		struct value expected = typed[i].expected != NULL ? value_string(typed[i].expected) :
								    value_int(typed[i].integer);

		assert_int_equal(value_from_person(field, typed[i].text, strlen(typed[i].text), 120, &arena, &value),
				 typed[i].status);
		assert_true(value_equal(&value, typed[i].status == ST_OK ? &expected : &untouched));
	}
}

static void nothing_typed_is_null_in_every_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < visit->field_count; i++) {
		struct value value = value_int(99);

		assert_int_equal(value_from_person(&visit->fields[i], "", 0, 0, &arena, &value), ST_OK);
		assert_int_equal(value.tag, VALUE_NULL);
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const empty[] = { " , ", "[]", " [ ] " };
		struct value value = value_int(99);

		assert_int_equal(value_from_person(&visit->fields[4], empty[i], strlen(empty[i]), 0, &arena, &value), ST_OK);
		assert_int_equal(value.tag, VALUE_NULL);
	}
}

static void a_full_arena_is_no_memory_and_no_half_value(void **state)
{
	struct arena small;
	struct value value = value_int(99);
	struct row row = { 0 };

	(void)state;
	arena_init(&small, 2);
	assert_int_equal(value_from_person(&visit->fields[0], "abc", 3, 0, &small, &value), ST_NOMEM);
	assert_int_equal(value_from_person(&visit->fields[4], "a,b", 3, 0, &small, &value), ST_NOMEM);
	assert_int_equal(kindsql_from_json(visit, 1, "[\"abc\"]", 7, &small, &row), ST_NOMEM);
	assert_int_equal(value.integer, 99);
	arena_close(&small);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(columns_are_quoted_prefixed_and_in_the_fields_order),
		FRESH(a_row_that_was_bound_is_read_back),
		FRESH(a_view_shows_times_as_moments_are_written),
		FRESH(json_is_byte_for_byte_what_sqlite_writes),
		FRESH(json_escapes_of_other_writers_are_read),
		FRESH(json_that_is_not_ours_is_corrupt_and_changes_nothing),
		FRESH(a_record_is_shown_as_an_object_by_its_types),
		FRESH(an_object_names_its_null_fields_when_asked),
		FRESH(what_people_type_becomes_a_value_or_is_refused),
		FRESH(nothing_typed_is_null_in_every_field),
		FRESH(a_full_arena_is_no_memory_and_no_half_value),
	};

	return cmocka_run_group_tests_name("kindsql", tests, NULL, NULL);
}
