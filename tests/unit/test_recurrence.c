/* What a rule by which a visit repeats means. Days of the week are those of cal(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/moment.h"
#include "common/recurrence.h"

#define DAYS_MAX 16

static struct recurrence rule_of(const char *text)
{
	struct recurrence rule;

	assert_true(recurrence_parse(text, strlen(text), &rule));
	return rule;
}

static int64_t day_of(const char *date)
{
	int64_t day = 0;

	assert_true(date_days(date, strlen(date), &day));
	return day;
}

/* The days of the rule after the first, up to the last: ended by NULL. */
static void assert_days(const char *text, const char *first, const char *last, const char *const *days)
{
	const struct recurrence rule = rule_of(text);
	struct recurrence_walk walk;
	char date[RECURRENCE_DATE_SIZE];
	int64_t day = 0;

	recurrence_begin(&walk, &rule, day_of(first));
	for (; *days != NULL; days++) {
		assert_true(recurrence_next(&walk, day_of(last), &day));
		recurrence_date(day, date);
		assert_string_equal(date, *days);
	}
	assert_false(recurrence_next(&walk, day_of(last), &day));
	assert_false(recurrence_next(&walk, day_of(last), &day));
}

#define DAYS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_DAYS ((const char *const[]){ NULL })

static void what_people_type_becomes_a_rule(void **state)
{
	static const struct {
		const char *words, *rule;
	} rows[] = {
		{ "day", "FREQ=DAILY" },
		{ "3 days", "FREQ=DAILY;INTERVAL=3" },
		{ "week", "FREQ=WEEKLY" },
		{ "2 weeks", "FREQ=WEEKLY;INTERVAL=2" },
		{ "mon,wed,fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR" },
		{ "Friday,MONDAY", "FREQ=WEEKLY;BYDAY=MO,FR" },
		{ "2 weeks tue", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU" },
		{ " month ", "FREQ=MONTHLY" },
		{ "1 month", "FREQ=MONTHLY" },
		{ "12 months", "FREQ=MONTHLY;INTERVAL=12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct recurrence rule;
		char text[RECURRENCE_TEXT_SIZE];

		assert_true(recurrence_from_person(rows[i].words, &rule));
		recurrence_format(&rule, text);
		assert_string_equal(text, rows[i].rule);
	}
}

static void words_that_are_no_rule_are_refused(void **state)
{
	static const char *const words[] = { "", " ", "2", "never", "0 weeks", "100 days", "mo", "mon,", "mon,xyz", "2 mon",
					     "day mon", "month fri", "week week", "2 2 weeks", "days of our lives x", "mondayy",
					     "-1 week", "weekss" };

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct recurrence rule;

		if (recurrence_from_person(words[i], &rule))
			fail_msg("'%s' was taken for a rule", words[i]);
	}
}

static void a_rule_is_read_in_any_order_and_written_in_one(void **state)
{
	static const char whole[] = "COUNT=10;BYMINUTE=5;BYDAY=FR,MO;FREQ=WEEKLY;BYHOUR=14;INTERVAL=2";
	const struct recurrence rule = rule_of(whole), until = rule_of("UNTIL=20261231;FREQ=DAILY");
	char text[RECURRENCE_TEXT_SIZE];

	(void)state;
	recurrence_format(&rule, text);
	assert_string_equal(text, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;BYHOUR=14;BYMINUTE=5;COUNT=10");
	assert_int_equal(rule.minute_of_day, 14 * 60 + 5);
	recurrence_format(&until, text);
	assert_string_equal(text, "FREQ=DAILY;UNTIL=20261231");
	assert_int_equal(until.until_day, day_of("2026-12-31"));
}

static void what_is_not_of_the_subset_is_no_rule(void **state)
{
	static const char *const texts[] = {
		"", ";", "FREQ", "FREQ=", "FREQ=YEARLY", "freq=DAILY", "FREQ=DAILY;", "FREQ=DAILY;FREQ=DAILY",
		"INTERVAL=2", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=100", "FREQ=DAILY;INTERVAL=2x",
		"FREQ=DAILY;BYDAY=MO", "FREQ=MONTHLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=", "FREQ=WEEKLY;BYDAY=MO,MO",
		"FREQ=WEEKLY;BYDAY=XX", "FREQ=DAILY;BYHOUR=8", "FREQ=DAILY;BYMINUTE=8", "FREQ=DAILY;BYHOUR=24;BYMINUTE=0",
		"FREQ=DAILY;UNTIL=2026-12-31", "FREQ=DAILY;UNTIL=20260231", "FREQ=DAILY;UNTIL=20261231T000000Z",
		"FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=1000", "FREQ=DAILY;COUNT=2;UNTIL=20261231", "FREQ=DAILY;WKST=SU",
		"every week",
	};
	struct recurrence rule = { .interval = 7 };

	char words[RECURRENCE_WORDS_SIZE];

	(void)state;
	recurrence_say("FREQ=YEARLY", 11, words);
	assert_string_equal(words, "by a rule that is not followed: no more visits are planned by it");
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (recurrence_parse(texts[i], strlen(texts[i]), &rule))
			fail_msg("'%s' was taken for a rule", texts[i]);
	assert_int_equal(rule.interval, 7);
	assert_false(recurrence_parse("FREQ=DAILY\0", 11, &rule));
}

static void people_read_the_rule_in_words(void **state)
{
	static const struct {
		const char *rule, *words;
	} rows[] = {
		{ "FREQ=WEEKLY", "every week" },
		{ "FREQ=DAILY;INTERVAL=3;COUNT=1", "every 3 days, 1 time" },
		{ "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYHOUR=8;BYMINUTE=5;UNTIL=20261231",
		  "every week on Monday, Wednesday and Friday at 08:05, until 2026-12-31" },
		{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;COUNT=10", "every 2 weeks on Sunday, 10 times" },
		{ "FREQ=WEEKLY;INTERVAL=99;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=23;BYMINUTE=59;UNTIL=99991231",
		  "every 99 weeks on Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday at 23:59, until 9999-12-31" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct recurrence rule = rule_of(rows[i].rule);
		char words[RECURRENCE_WORDS_SIZE];

		recurrence_words(&rule, words);
		assert_string_equal(words, rows[i].words);
		recurrence_say(rows[i].rule, strlen(rows[i].rule), words);
		assert_string_equal(words, rows[i].words);
	}
}

static void weeks_go_by_the_first_visits_weekday_or_by_those_named(void **state)
{
	(void)state;
	assert_days("FREQ=WEEKLY", "2026-11-23", "2026-12-14", DAYS("2026-11-30", "2026-12-07", "2026-12-14"));
	/* 23 November 2026 is a Monday. */
	assert_days("FREQ=WEEKLY;BYDAY=MO,WE,FR", "2026-11-23", "2026-12-02",
		    DAYS("2026-11-25", "2026-11-27", "2026-11-30", "2026-12-02"));
	/* Every other week is counted from the first one's Monday, whatever its weekday. */
	assert_days("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2026-11-25", "2026-12-12",
		    DAYS("2026-11-27", "2026-12-07", "2026-12-11"));
	assert_days("FREQ=WEEKLY;INTERVAL=2", "2026-12-24", "2027-01-30", DAYS("2027-01-07", "2027-01-21"));
}

static void days_go_over_the_ends_of_months_and_leap_days(void **state)
{
	(void)state;
	assert_days("FREQ=DAILY", "2028-02-27", "2028-03-01", DAYS("2028-02-28", "2028-02-29", "2028-03-01"));
	assert_days("FREQ=DAILY;INTERVAL=2", "2026-12-30", "2027-01-03", DAYS("2027-01-01", "2027-01-03"));
}

static void a_month_without_the_day_is_left_out(void **state)
{
	(void)state;
	assert_days("FREQ=MONTHLY", "2026-12-31", "2027-05-31", DAYS("2027-01-31", "2027-03-31", "2027-05-31"));
	assert_days("FREQ=MONTHLY;INTERVAL=12", "2024-02-29", "2033-01-01", DAYS("2028-02-29", "2032-02-29"));
	assert_days("FREQ=MONTHLY;INTERVAL=5", "2026-10-15", "2027-09-01", DAYS("2027-03-15", "2027-08-15"));
}

static void a_series_ends_with_its_last_day_or_its_number_and_the_first_visit_counts(void **state)
{
	(void)state;
	assert_days("FREQ=DAILY;COUNT=3", "2026-11-23", "2026-12-31", DAYS("2026-11-24", "2026-11-25"));
	assert_days("FREQ=DAILY;COUNT=1", "2026-11-23", "2026-12-31", NO_DAYS);
	assert_days("FREQ=DAILY;UNTIL=20261125", "2026-11-23", "2026-12-31", DAYS("2026-11-24", "2026-11-25"));
	assert_days("FREQ=WEEKLY;UNTIL=20261129", "2026-11-23", "2026-12-31", NO_DAYS);
	assert_days("FREQ=DAILY;UNTIL=20261101", "2026-11-23", "2026-12-31", NO_DAYS);
}

static void a_series_ends_with_the_calendar(void **state)
{
	const struct recurrence daily = rule_of("FREQ=DAILY");
	struct recurrence_walk walk;
	int64_t day = 0;

	(void)state;
	assert_days("FREQ=MONTHLY", "9999-11-30", "9999-12-31", DAYS("9999-12-30"));
	assert_days("FREQ=DAILY", "9999-12-31", "9999-12-31", NO_DAYS);
	recurrence_begin(&walk, &daily, day_of("9999-12-30"));
	assert_true(recurrence_next(&walk, INT64_MAX, &day));
	assert_int_equal(day, day_of("9999-12-31"));
	assert_false(recurrence_next(&walk, INT64_MAX, &day));
}

/* --- going on from far away --- */

/* From this day on the walk gives what it gives without a skip. */
static void assert_skips(const char *text, const char *first, const char *to)
{
	const struct recurrence rule = rule_of(text);
	const int64_t from = day_of(to), last = from + 400;
	struct recurrence_walk plain, skipping;
	int64_t a = 0, b = 0;
	unsigned before = 0;
	bool more;

	recurrence_begin(&plain, &rule, day_of(first));
	recurrence_begin(&skipping, &rule, day_of(first));
	recurrence_skip(&skipping, from);
	while ((more = recurrence_next(&plain, last, &a)) && a < from)
		;
	while (recurrence_next(&skipping, last, &b) && b < from)
		before++;
	assert_true(before <= 8);
	while (more) {
		assert_int_equal(a, b);
		more = recurrence_next(&plain, last, &a);
		assert_int_equal(recurrence_next(&skipping, last, &b), more);
	}
}

static void a_walk_that_skips_gives_the_same_days(void **state)
{
	static const char *const rules[] = {
		"FREQ=DAILY", "FREQ=DAILY;INTERVAL=99", "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=7",
		"FREQ=WEEKLY;BYDAY=MO,WE,SU", "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,MO", "FREQ=WEEKLY;INTERVAL=99;BYDAY=TU",
		"FREQ=MONTHLY", "FREQ=MONTHLY;INTERVAL=5", "FREQ=DAILY;UNTIL=20260110"
	};
	static const char *const firsts[] = { "1900-01-31", "1999-12-26", "2024-02-29", "2025-12-29", "2026-03-01" };
	char to[] = "2026-01-01";

	(void)state;
	for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++)
		for (size_t f = 0; f < sizeof firsts / sizeof firsts[0]; f++)
			for (char d = '1'; d <= '9'; d++) {
				to[9] = d;
				assert_skips(rules[r], firsts[f], to);
			}
}

static void however_long_ago_it_began_a_walk_that_skips_is_short(void **state)
{
	static const char *const rules[] = { "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
					     "FREQ=MONTHLY" };
	struct recurrence_walk walk;
	int64_t day = 0;

	(void)state;
	for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
		const struct recurrence rule = rule_of(rules[r]);
		unsigned steps = 0;

		recurrence_begin(&walk, &rule, day_of("0001-02-03"));
		recurrence_skip(&walk, day_of("2026-01-01"));
		while (recurrence_next(&walk, day_of("2026-01-31"), &day) && day < day_of("2026-01-01"))
			steps++;
		assert_true(steps <= 8);
	}
}

static void a_rule_that_ends_by_number_is_one_that_ends_on_its_last_day(void **state)
{
	struct recurrence rule = rule_of("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=5");

	(void)state;
	recurrence_by_day(&rule, day_of("2026-01-05"));
	assert_int_equal(rule.count, 0);
	assert_int_equal(rule.until_day, day_of("2026-01-19"));
	rule = rule_of("FREQ=DAILY;COUNT=1");
	recurrence_by_day(&rule, day_of("2026-01-05"));
	assert_int_equal(rule.until_day, day_of("2026-01-05"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_type_becomes_a_rule),
		cmocka_unit_test(words_that_are_no_rule_are_refused),
		cmocka_unit_test(a_rule_is_read_in_any_order_and_written_in_one),
		cmocka_unit_test(what_is_not_of_the_subset_is_no_rule),
		cmocka_unit_test(people_read_the_rule_in_words),
		cmocka_unit_test(weeks_go_by_the_first_visits_weekday_or_by_those_named),
		cmocka_unit_test(days_go_over_the_ends_of_months_and_leap_days),
		cmocka_unit_test(a_month_without_the_day_is_left_out),
		cmocka_unit_test(a_series_ends_with_its_last_day_or_its_number_and_the_first_visit_counts),
		cmocka_unit_test(a_series_ends_with_the_calendar),
		cmocka_unit_test(a_walk_that_skips_gives_the_same_days),
		cmocka_unit_test(however_long_ago_it_began_a_walk_that_skips_is_short),
		cmocka_unit_test(a_rule_that_ends_by_number_is_one_that_ends_on_its_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
