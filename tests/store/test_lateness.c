/* How late a note was signed: from the visit's end, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/lateness.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static struct schema schema;
static struct row note, visit;

static void put(const struct kind *kind, struct row *row, const char *field, int64_t ms)
{
	row->values[kind_field(kind, field, strlen(field))] = value_int(ms);
}

static const struct kind *kind_of(const char *name)
{
	return schema_kind(&schema, name, strlen(name));
}

static bool lateness(int64_t signed_ms, bool with_visit, struct lateness *out)
{
	return lateness_of(kind_of("note"), &note, kind_of("visit"), with_visit ? &visit : NULL, signed_ms, out);
}

static int setup(void **state)
{
	(void)state;
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	memset(&note, 0, sizeof note);
	memset(&visit, 0, sizeof visit);
	return 0;
}

static void the_end_of_a_visit_is_its_check_out_else_its_check_in_else_as_planned_else_when_it_was_written(void **state)
{
	struct lateness found = { 0 };

	(void)state;
	assert_false(lateness(100, true, &found));
	put(kind_of("note"), &note, "written_at", 10);
	assert_true(lateness(100, true, &found));
	assert_int_equal(found.ms, 90);
	assert_false(found.from_visit);
	put(kind_of("visit"), &visit, "planned_to", 20);
	assert_true(lateness(100, true, &found));
	assert_int_equal(found.ms, 80);
	assert_true(found.from_visit);
	put(kind_of("visit"), &visit, "check_in_time", 30);
	assert_true(lateness(100, true, &found));
	assert_int_equal(found.ms, 70);
	put(kind_of("visit"), &visit, "check_out_time", 40);
	assert_true(lateness(100, true, &found));
	assert_int_equal(found.ms, 60);
	assert_true(lateness(100, false, &found));
	assert_int_equal(found.ms, 90);
}

static void times_at_the_ends_of_the_scale_do_not_run_over(void **state)
{
	struct lateness found = { 0 };

	(void)state;
	put(kind_of("note"), &note, "written_at", INT64_MIN);
	assert_true(lateness(1, false, &found));
	assert_int_equal(found.ms, INT64_MAX);
	put(kind_of("note"), &note, "written_at", INT64_MAX);
	assert_true(lateness(INT64_MIN, false, &found));
	assert_int_equal(found.ms, INT64_MIN);
}

static void late_is_more_than_two_days(void **state)
{
	(void)state;
	assert_false(lateness_is_late(&(struct lateness){ 48 * HOUR, true }));
	assert_true(lateness_is_late(&(struct lateness){ 48 * HOUR + 1, true }));
	assert_false(lateness_is_late(&(struct lateness){ -5 * DAY, true }));
}

static void words_say_how_long_after_what(void **state)
{
	static const struct {
		int64_t ms;
		bool from_visit;
		const char *words;
	} rows[] = {
		{ 0, true, "0 min after the visit" },
		{ 59 * MINUTE + 59999, true, "59 min after the visit" },
		{ HOUR, true, "1 h 0 min after the visit" },
		{ 3 * HOUR + 10 * MINUTE, true, "3 h 10 min after the visit" },
		{ 3 * HOUR + 10 * MINUTE, false, "3 h 10 min after it was written" },
		{ 47 * HOUR + 59 * MINUTE, true, "47 h 59 min after the visit" },
		{ 48 * HOUR, true, "2 days 0 h after the visit" },
		{ 50 * HOUR, true, "2 days 2 h after the visit, late" },
		{ -1, true, "before the visit was over" },
		{ -DAY, false, "before it was written" },
		{ INT64_MAX, false, "106751991167 days 7 h after it was written, late" },
	};
	char words[LATENESS_WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		lateness_words(&(struct lateness){ rows[i].ms, rows[i].from_visit }, words);
		assert_string_equal(words, rows[i].words);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_end_of_a_visit_is_its_check_out_else_its_check_in_else_as_planned_else_when_it_was_written),
		TEST(times_at_the_ends_of_the_scale_do_not_run_over),
		TEST(late_is_more_than_two_days),
		TEST(words_say_how_long_after_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
