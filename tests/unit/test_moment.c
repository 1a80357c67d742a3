/* What times and dates promise. Seconds are those of date(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/moment.h"

static const struct {
	const char *text;
	int64_t ms;
} moments[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1969-12-31T23:59:59.999Z", -1 },
	{ "2000-02-29T12:00:00Z", 951825600000 },
	{ "2001-09-09T01:46:40Z", 1000000000000 },
	{ "2026-11-23T07:42:05.123Z", 1795419725123 },
	{ "1900-02-28T23:59:59Z", -2203891201000 },
	{ "1900-03-01T00:00:00Z", -2203891200000 },
	{ "0001-01-01T00:00:00Z", MOMENT_MS_MIN },
	{ "9999-12-31T23:59:59.999Z", MOMENT_MS_MAX },
};

static void known_times_are_written_and_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		char text[MOMENT_TEXT_SIZE];
		int64_t ms = 42;

		moment_format(moments[i].ms, text);
		assert_string_equal(text, moments[i].text);
		assert_true(moment_parse(text, strlen(text), MOMENT_NO_OFFSET, &ms));
		assert_true(ms == moments[i].ms);
	}
}

static void every_day_of_ten_thousand_years_follows_the_one_before(void **state)
{
	int64_t expected = MOMENT_MS_MIN / 86400000;

	(void)state;
	for (int year = 1; year <= 9999; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		const int days[] = { 31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

		for (int month = 1; month <= 12; month++) {
			char text[MOMENT_TEXT_SIZE];
			int64_t found;

			moment_format(expected * 86400000, text);
			assert_int_equal((text[0] - '0') * 1000 + (text[1] - '0') * 100 +
						 (text[2] - '0') * 10 + (text[3] - '0'), year);
			assert_int_equal((text[5] - '0') * 10 + (text[6] - '0'), month);
			assert_true(date_days(text, 10, &found));
			assert_true(found == expected);
			expected += days[month - 1];
		}
	}
}

static void forms_that_people_and_programs_write_are_read(void **state)
{
	static const struct {
		const char *text;
		int offset_min;
		int64_t ms;
	} forms[] = {
		{ "2001-09-09T01:46:40.5Z", MOMENT_NO_OFFSET, 1000000000500 },
		{ "2001-09-09 01:46Z", MOMENT_NO_OFFSET, 999999960000 },
		{ "2001-09-09t01:46:40z", MOMENT_NO_OFFSET, 1000000000000 },
		{ "2001-09-09T03:46:40+02:00", MOMENT_NO_OFFSET, 1000000000000 },
		{ "2001-09-08T20:16:40-05:30", MOMENT_NO_OFFSET, 1000000000000 },
		{ "2001-09-09T03:46:40", 120, 1000000000000 },
		{ "2001-09-08 17:46:40", -480, 1000000000000 },
		{ "2001-09-09T01:46:40Z", 120, 1000000000000 },
		{ "2001-09-09T03:46:40.5", 120, 1000000000500 },
		{ "2001-09-09T01:46:40.123999999Z", MOMENT_NO_OFFSET, 1000000000123 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		int64_t ms = 42;

		assert_true(moment_parse(forms[i].text, strlen(forms[i].text), forms[i].offset_min, &ms));
		assert_true(ms == forms[i].ms);
	}
}

static void what_is_no_time_is_refused_and_leaves_the_output_alone(void **state)
{
	static const char *const bad[] = {
		"", "2001-09-09", "2001-09-09T01:46:40", "2001-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2001-13-01T00:00:00Z", "2001-09-09T24:00:00Z", "2001-09-09T01:60:00Z",
		"2001-09-09T01:46:60Z", "2001-09-09T01:46:40.Z", "2001-09-09T01:46:40Zx",
		"2001-09-09T01:46:40+2:00", "2001-9-9T01:46:40Z", "0000-01-01T00:00:00Z",
		"2001-09-09T01Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "+001-09-09T01:46:40Z",
		"2001-09-09T01:46:40.", "2001-09-09T01:46:40*02:00", "2001-09-09T01:46:40+24:00",
		"2001-09-09T01:46:40+02.00", "2001-09-09T01:46:40+02:60", "2001-09-09T01:46:40+02:0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int64_t ms = 42;

		assert_false(moment_parse(bad[i], strlen(bad[i]), MOMENT_NO_OFFSET, &ms));
		assert_true(ms == 42);
	}
	assert_false(moment_parse("2001-09-09\0" "01:46:40Z", 20, MOMENT_NO_OFFSET, &(int64_t){ 0 }));
	assert_false(moment_parse("2001-09-09T01:46:40.", 20, 0, &(int64_t){ 0 }));
}

static void a_time_beyond_the_calendar_says_so(void **state)
{
	static const int64_t beyond[] = { MOMENT_MS_MIN - 1, MOMENT_MS_MAX + 1, INT64_MIN, INT64_MAX };
	char text[MOMENT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
		moment_format(beyond[i], text);
		assert_string_equal(text, "out of range");
	}
}

static void a_date_may_be_partial_but_must_be_of_the_calendar(void **state)
{
	static const char *const good[] = { "1931", "1931-04", "1931-04-30", "2000-02-29" };
	static const char *const bad[] = { "", "31", "1931-", "1931-4", "1931-04-", "1931-04-31",
					   "2001-02-29", "1931-04-30 ", "0000", "1931/04/30", "1931-00", "1931-04-00" };
	int64_t days;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(date_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(date_valid(bad[i], strlen(bad[i])));
	assert_true(date_days("1970-02", 7, &days));
	assert_int_equal(days, 31);
	assert_true(date_days("1969", 4, &days));
	assert_int_equal(days, -365);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_times_are_written_and_read_back),
		cmocka_unit_test(every_day_of_ten_thousand_years_follows_the_one_before),
		cmocka_unit_test(forms_that_people_and_programs_write_are_read),
		cmocka_unit_test(what_is_no_time_is_refused_and_leaves_the_output_alone),
		cmocka_unit_test(a_time_beyond_the_calendar_says_so),
		cmocka_unit_test(a_date_may_be_partial_but_must_be_of_the_calendar),
	};

	return cmocka_run_group_tests_name("moment", tests, NULL, NULL);
}
