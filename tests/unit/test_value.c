/* What a value must be to be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/moment.h"
#include "common/value.h"

#define UUID "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

static const struct field text = { .type = TYPE_TEXT, .max = 8, .values = "" };
static const struct field word = { .type = TYPE_ENUM, .max = 64, .values = "open|not-done" };
static const struct field tags = { .type = TYPE_SET, .max = 64, .values = "" };
static const struct field listed = { .type = TYPE_SET, .max = 64, .values = "red|green" };
static const struct field date = { .type = TYPE_DATE, .max = 64, .values = "" };
static const struct field moment = { .type = TYPE_TIME, .values = "" };
static const struct field count = { .type = TYPE_INT, .values = "" };
static const struct field yes = { .type = TYPE_BOOL, .values = "" };
static const struct field id = { .type = TYPE_ID, .max = 36, .values = "" };

static void each_type_takes_its_form_and_no_other(void **state)
{
	const struct {
		const struct field *field;
		struct value value;
		enum status expected;
	} cases[] = {
		{ &text, value_string("Zoë 🙂"), ST_LIMIT },
		{ &text, value_string("Zo\xC3\xAB"), ST_OK },
		{ &text, value_string(""), ST_OK },
		{ &text, value_string("12345678"), ST_OK },
		{ &text, value_string("123456789"), ST_LIMIT },
		{ &text, value_int(1), ST_INVALID },
		{ &text, value_text("a\0b", 3), ST_INVALID },
		{ &text, value_string("\xC3("), ST_INVALID },
		{ &word, value_string("open"), ST_OK },
		{ &word, value_string("Open"), ST_INVALID },
		{ &word, value_string(""), ST_INVALID },
		{ &word, value_string("open|not-done"), ST_INVALID },
		{ &tags, value_string("[\"a\",\"b\"]"), ST_OK },
		{ &tags, value_string("[\"b\",\"a\"]"), ST_INVALID },
		{ &tags, value_string("a"), ST_INVALID },
		{ &listed, value_string("[\"green\",\"red\"]"), ST_OK },
		{ &listed, value_string("[\"blue\",\"red\"]"), ST_INVALID },
		{ &date, value_string("1931-04"), ST_OK },
		{ &date, value_string("1931-04-31"), ST_INVALID },
		{ &moment, value_int(MOMENT_MS_MIN), ST_OK },
		{ &moment, value_int(MOMENT_MS_MIN - 1), ST_INVALID },
		{ &moment, value_int(MOMENT_MS_MAX), ST_OK },
		{ &moment, value_int(MOMENT_MS_MAX + 1), ST_INVALID },
		{ &moment, value_string("2001-09-09T01:46:40Z"), ST_INVALID },
		{ &count, value_int(INT64_MIN), ST_OK },
		{ &count, value_string("1"), ST_INVALID },
		{ &yes, value_int(0), ST_OK },
		{ &yes, value_int(1), ST_OK },
		{ &yes, value_int(2), ST_INVALID },
		{ &yes, value_int(-1), ST_INVALID },
		{ &id, value_string(UUID), ST_OK },
		{ &id, value_string("017F22E2-79b0-7cc3-98c4-dc0c0c07398f"), ST_INVALID },
		{ &id, value_string("017f22e2"), ST_INVALID },
		{ &id, value_string(UUID "f"), ST_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(value_check(cases[i].field, &cases[i].value), cases[i].expected);
}

static void null_is_of_every_type(void **state)
{
	const struct field *const fields[] = { &text, &word, &tags, &date, &moment, &count, &yes, &id };
	const struct value null = value_null();

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		assert_int_equal(value_check(fields[i], &null), ST_OK);
}

static void broken_utf8_is_told_from_well_formed(void **state)
{
	static const char *const good[] = { "", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
					    "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
					    "\xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7" };
	static const char *const bad[] = { "\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
					   "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80",
					   "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x82\x41" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_false(utf8_valid("a\0b", 3));
}

static const struct field_row rows[] = {
	{ .num = 1, .kind = "task", .since = 1 },
	{ .num = 1, .field = "title", .type = TYPE_TEXT, .required = true, .max = 8, .since = 1 },
	{ .num = 2, .field = "count", .type = TYPE_INT, .since = 1 },
	{ .num = 3, .field = "due", .type = TYPE_DATE, .since = 1 },
};
static struct schema schema;

static int set_up(void **state)
{
	(void)state;
	schema_init(&schema, rows, sizeof rows / sizeof rows[0], 1);
	return 0;
}

static void a_row_names_its_first_field_that_is_wrong(void **state)
{
	const struct kind *task = &schema.kinds[0];
	const struct field *field = NULL;
	struct row row = { 0 };

	(void)state;
	row.values[0] = value_string("title");
	row.values[2] = value_string("1931-02-30");
	assert_int_equal(row_check(task, &row, task->mask_all, true, &field), ST_INVALID);
	assert_ptr_equal(field, &task->fields[2]);
	row.values[0] = value_string("123456789");
	assert_int_equal(row_check(task, &row, task->mask_all, true, &field), ST_LIMIT);
	assert_ptr_equal(field, &task->fields[0]);
}

static void only_fields_of_the_mask_are_looked_at(void **state)
{
	const struct kind *task = &schema.kinds[0];
	struct row row = { 0 };

	(void)state;
	row.values[2] = value_string("1931-02-30");
	assert_int_equal(row_check(task, &row, 1 << 1, true, NULL), ST_OK);
	assert_int_equal(row_check(task, &row, 1 << 2, false, NULL), ST_INVALID);
}

static void what_is_required_may_be_missing_only_where_nobody_asks(void **state)
{
	const struct kind *task = &schema.kinds[0];
	const struct field *field = NULL;
	struct row row = { 0 };

	(void)state;
	assert_int_equal(row_check(task, &row, task->mask_all, false, &field), ST_OK);
	assert_null(field);
	assert_int_equal(row_check(task, &row, task->mask_all, true, &field), ST_INVALID);
	assert_ptr_equal(field, &task->fields[0]);
}

static void values_are_equal_by_tag_and_content(void **state)
{
	const struct value a = value_text("abc", 2), b = value_text("abd", 2), null = value_null(),
			   zero = value_int(0), one = value_int(1), empty = value_string("");

	(void)state;
	assert_true(value_equal(&a, &b));
	assert_true(value_equal(&null, &null));
	assert_false(value_equal(&null, &zero));
	assert_false(value_equal(&null, &empty));
	assert_false(value_equal(&zero, &one));
	assert_false(value_equal(&a, &empty));
	assert_int_equal(value_string(NULL).tag, VALUE_NULL);
}

static void rows_are_compared_and_copied_by_the_mask_only(void **state)
{
	struct row a = { 0 }, b = { 0 };

	(void)state;
	a.values[0] = value_int(1);
	a.values[47] = value_int(2);
	assert_true(row_equal(&a, &b, 1 << 1));
	assert_false(row_equal(&a, &b, 1));
	row_copy(&b, &a, UINT64_C(1) << 47);
	assert_true(row_equal(&a, &b, UINT64_C(1) << 47));
	assert_int_equal(b.values[0].tag, VALUE_NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_takes_its_form_and_no_other),
		cmocka_unit_test(null_is_of_every_type),
		cmocka_unit_test(broken_utf8_is_told_from_well_formed),
		cmocka_unit_test(a_row_names_its_first_field_that_is_wrong),
		cmocka_unit_test(only_fields_of_the_mask_are_looked_at),
		cmocka_unit_test(what_is_required_may_be_missing_only_where_nobody_asks),
		cmocka_unit_test(values_are_equal_by_tag_and_content),
		cmocka_unit_test(rows_are_compared_and_copied_by_the_mask_only),
	};

	return cmocka_run_group_tests_name("value", tests, set_up, NULL);
}
