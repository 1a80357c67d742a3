#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"

#define NOON INT64_C(1790000000000)
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static uint64_t next(uint64_t *seed, int64_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*seed >> 33) % (uint64_t)below;
}

/* --- a clock that was set ------------------------------------------------------------ */

static void within_a_boot_a_wall_clock_that_moves_otherwise_than_the_clock_since_boot_was_set(void **state)
{
	const struct clock_pair kept = { NOON, 5000, 7 };
	struct clock_pair now = { NOON + HOUR, 5000 + HOUR, 7 };
	int64_t by = 0;

	(void)state;
	assert_false(clock_was_set(&kept, &now, &by));
	now.wall_ms = NOON + HOUR - 2 * HOUR;
	assert_true(clock_was_set(&kept, &now, &by));
	assert_int_equal(by, -2 * HOUR);
	now.wall_ms = NOON + HOUR + 3 * MINUTE;
	assert_true(clock_was_set(&kept, &now, &by));
	assert_int_equal(by, 3 * MINUTE);
	/* 200 ppm of an hour and 50 ms are drift. */
	now.wall_ms = NOON + HOUR - 770;
	assert_false(clock_was_set(&kept, &now, &by));
	now.wall_ms = NOON + HOUR - 771;
	assert_true(clock_was_set(&kept, &now, &by));
}

static void after_another_boot_only_a_wall_clock_that_says_less_than_before_was_set(void **state)
{
	const struct clock_pair kept = { NOON, 9 * HOUR, 7 };
	struct clock_pair now = { NOON - MINUTE, 5000, 8 };
	int64_t by = 0;

	(void)state;
	assert_true(clock_was_set(&kept, &now, &by));
	assert_int_equal(by, -MINUTE);
	now.wall_ms = NOON + 3 * DAY;
	assert_false(clock_was_set(&kept, &now, &by));
	/* Not known is never the same boot. */
	now = (struct clock_pair){ NOON + 3 * DAY, 9 * HOUR, 0 };
	assert_false(clock_was_set(&(const struct clock_pair){ NOON, 9 * HOUR, 0 }, &now, &by));
}

static void a_clock_may_say_anything_without_an_overflow(void **state)
{
	static const int64_t says[] = { INT64_MIN, -1, 0, NOON, INT64_MAX };
	const size_t count = sizeof says / sizeof says[0];
	struct evidence evidence;
	char words[CLOCK_NOTICE_SIZE];
	struct clock_off off;
	int64_t by = 0;

	(void)state;
	for (size_t i = 0; i < count * count * count * count; i++) {
		const struct clock_pair a = { says[i % count], says[i / count % count], 7 };
		const struct clock_pair b = { says[i / count / count % count], says[i / count / count / count], 7 };
		const struct reading heard = { .heard_ms = NOON, .wall_received_ms = a.wall_ms, .slack_ms = UINT32_MAX,
					       .boot_ms = a.boot_ms, .boot = 7 };
		const struct interval at = { 0, NOON };

		if (clock_was_set(&a, &b, &by))
			clock_set_words(by, true, words);
		evidence = clock_evidence(&b, 1, &heard, NULL);
		(void)clock_wall_ms(&evidence, &by);
		if (clock_off(&evidence, &at, &off))
			clock_off_words(&off, words);
	}
}

/* --- evidence -------------------------------------------------------------------------- */

static void evidence_keeps_what_the_wall_clock_said_and_under_which_reading(void **state)
{
	/* Seven minutes fast; the answer took 301 ms. */
	const struct reading heard = { .heard_ms = NOON, .wall_received_ms = NOON + 7 * MINUTE + 150, .slack_ms = 301 };
	const struct clock_pair edit = { .wall_ms = NOON + 42 * MINUTE };
	const struct evidence evidence = clock_evidence(&edit, 9, &heard, NULL);
	int64_t wall = 0;

	(void)state;
	assert_int_equal(evidence.heard_ms, NOON);
	assert_int_equal(evidence.offset_ms, 7 * MINUTE);
	assert_int_equal(evidence.reading, 9);
	assert_int_equal(evidence.boot, 0);
	assert_int_equal(evidence.boot_ms, 0);
	assert_true(clock_wall_ms(&evidence, &wall));
	assert_int_equal(wall, NOON + 42 * MINUTE);
}

static void before_anything_was_heard_the_wall_clock_is_kept_and_counts_for_nothing(void **state)
{
	const struct clock_pair edit = { NOON + DAY, 8000, 7 };
	const struct evidence evidence = clock_evidence(&edit, 0, NULL, NULL);
	const struct clock_now nothing = { .measured = false };
	const struct interval at = interval_of(&evidence, &nothing, NOON);
	struct clock_off off;
	int64_t wall = 0;

	(void)state;
	assert_true(clock_wall_ms(&evidence, &wall));
	assert_int_equal(wall, NOON + DAY);
	assert_int_equal(evidence.boot_ms, 8000);
	assert_int_equal(at.lo_ms, 0);
	assert_int_equal(at.hi_ms, NOON);
	assert_false(clock_off(&evidence, &at, &off));
}

static void an_older_tablet_tells_no_wall_clock(void **state)
{
	const struct evidence evidence = { .heard_ms = NOON, .elapsed_ms = MINUTE, .slack_ms = 100,
					   .steadiness = STEADY_MEASURED };
	const struct interval at = { NOON + MINUTE, NOON + MINUTE + 100 };
	struct clock_off off;
	int64_t wall = 0;

	(void)state;
	assert_false(clock_wall_ms(&evidence, &wall));
	assert_false(clock_off(&evidence, &at, &off));
}

static void steadiness_is_what_the_next_reading_says(void **state)
{
	const struct reading first = { .heard_ms = NOON, .wall_received_ms = NOON, .slack_ms = 20 };
	const struct reading agrees = { .heard_ms = NOON + HOUR, .wall_received_ms = NOON + HOUR, .slack_ms = 20 };
	const struct reading jumped = { .heard_ms = NOON + HOUR, .wall_received_ms = NOON + 2 * HOUR, .slack_ms = 20 };
	const struct reading was_set = { .heard_ms = NOON, .wall_received_ms = NOON, .slack_ms = 20, .set = true };
	const struct clock_pair edit = { .wall_ms = NOON + MINUTE };

	(void)state;
	assert_int_equal(clock_evidence(&edit, 1, &first, NULL).steadiness, STEADY_OPEN);
	assert_int_equal(clock_evidence(&edit, 1, &first, &agrees).steadiness, STEADY_MEASURED);
	assert_int_equal(clock_evidence(&edit, 1, &first, &jumped).steadiness, STEADY_UNKNOWN);
	/* On neither side of a clock that was set. */
	assert_int_equal(clock_evidence(&edit, 1, &first, &was_set).steadiness, STEADY_UNKNOWN);
	assert_int_equal(clock_evidence(&edit, 2, &was_set, NULL).steadiness, STEADY_UNKNOWN);
	assert_int_equal(clock_evidence(&edit, 2, &was_set, &agrees).steadiness, STEADY_UNKNOWN);
}

static void the_clock_since_boot_bears_witness_across_a_clock_that_was_set(void **state)
{
	const struct reading heard = { .heard_ms = NOON, .wall_received_ms = NOON, .slack_ms = 20, .boot_ms = 5000, .boot = 7 };
	struct reading was_set = heard;
	struct clock_pair edit = { NOON + MINUTE, 5000 + MINUTE, 7 };

	(void)state;
	was_set.set = true;
	assert_int_equal(clock_evidence(&edit, 1, &heard, &was_set).steadiness, STEADY_MEASURED);
	/* After it was set back two hours, by whatever was heard before or comes next. */
	edit.wall_ms -= 2 * HOUR;
	assert_int_equal(clock_evidence(&edit, 2, &was_set, NULL).steadiness, STEADY_UNKNOWN);
	assert_int_equal(clock_evidence(&edit, 1, &heard, NULL).steadiness, STEADY_UNKNOWN);
	/* Read late on a busy machine: the readings decide. */
	edit = (struct clock_pair){ NOON + MINUTE, 5000 + MINUTE + 900, 7 };
	assert_int_equal(clock_evidence(&edit, 1, &heard, NULL).steadiness, STEADY_OPEN);
	/* Another boot tells nothing, and one that is not known neither. */
	edit = (struct clock_pair){ NOON + MINUTE, 90, 8 };
	assert_int_equal(clock_evidence(&edit, 1, &heard, NULL).steadiness, STEADY_OPEN);
	/* The clock since boot never goes back. */
	edit = (struct clock_pair){ NOON - 40, 4960, 7 };
	assert_int_equal(clock_evidence(&edit, 1, &heard, NULL).steadiness, STEADY_UNKNOWN);
}

static void with_the_clock_since_boot_an_edit_is_never_put_where_it_was_not(void **state)
{
	uint64_t seed = 3;
	size_t narrow = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		const int64_t received = NOON + (int64_t)next(&seed, 5000), edited = received + (int64_t)next(&seed, 9 * DAY);
		const int64_t arrived = edited + (int64_t)next(&seed, 9 * DAY), offset = (int64_t)next(&seed, 40 * DAY) - 20 * DAY;
		const int64_t jump = next(&seed, 2) != 0 ? 0 : (int64_t)next(&seed, 4000) - 2000;
		const struct reading heard = { .heard_ms = NOON, .wall_received_ms = received + offset,
					       .slack_ms = (uint32_t)(received - NOON), .boot_ms = received - NOON, .boot = 7 };
		const struct clock_pair edit = { edited + offset + jump, edited - NOON, 7 };
		const struct evidence evidence = clock_evidence(&edit, 1, &heard, NULL);
		const struct clock_now nothing = { .measured = false };
		const struct interval at = interval_of(&evidence, &nothing, arrived);

		assert_true(at.lo_ms <= edited && edited <= at.hi_ms);
		narrow += evidence.steadiness == STEADY_MEASURED;
	}
	assert_true(narrow > 90000);
}

/* --- how far it is off ------------------------------------------------------------------ */

static void a_tablets_clock_is_off_by_what_it_said_less_the_centres_time(void **state)
{
	struct evidence evidence = { .heard_ms = NOON, .elapsed_ms = 35 * MINUTE, .slack_ms = 200, .offset_ms = 7 * MINUTE,
				     .reading = 4 };
	const struct interval sharp = { NOON + 35 * MINUTE, NOON + 35 * MINUTE + 200 };
	const struct interval wide = { NOON, NOON + 92 * MINUTE };
	char words[CLOCK_WORDS_SIZE];
	struct clock_off off;

	(void)state;
	assert_true(clock_off(&evidence, &sharp, &off));
	clock_off_words(&off, words);
	assert_string_equal(words, "7 min fast");
	/* Nobody knows when it was made: then nobody knows how far the clock was off. */
	assert_false(clock_off(&evidence, &wide, &off));
	evidence.offset_ms = -59000;
	assert_false(clock_off(&evidence, &sharp, &off));
	evidence.offset_ms = -61000;
	assert_true(clock_off(&evidence, &sharp, &off));
	clock_off_words(&off, words);
	assert_string_equal(words, "1 min slow");
	/* That it says 1970 is beyond doubt whenever it was. */
	evidence.offset_ms = -NOON;
	assert_true(clock_off(&evidence, &wide, &off));
	clock_off_words(&off, words);
	assert_string_equal(words, "20718 days slow"); /* 20717.6 */
}

static void an_offset_is_said_no_finer_than_it_is_known(void **state)
{
	static const struct {
		int64_t ms, within_ms;
		const char *words;
	} rows[] = {
		{ 7 * MINUTE + 20000, 100, "7 min fast" },
		{ -(2 * HOUR + 5 * MINUTE), 20000, "2 h 5 min slow" },
		{ 2 * HOUR, 0, "2 h fast" },
		{ 2 * HOUR + 5 * MINUTE, 5 * MINUTE, "2 h fast" },
		{ DAY + 3 * HOUR, 100, "1 day 3 h fast" },
		{ 3 * DAY + 11 * MINUTE, 100, "3 days fast" },
		{ 4 * DAY + 3 * HOUR, 2 * HOUR, "4 days fast" },
		{ -11 * HOUR, 2 * HOUR, "less than a day slow" },
		{ 3650 * DAY + 5 * HOUR, 0, "3650 days fast" },
	};
	char words[CLOCK_WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		clock_off_words(&(const struct clock_off){ rows[i].ms, rows[i].within_ms }, words);
		assert_string_equal(words, rows[i].words);
	}
}

static void a_clock_that_was_set_is_told_with_how_far(void **state)
{
	char words[CLOCK_NOTICE_SIZE];

	(void)state;
	clock_set_words(-2 * HOUR, false, words);
	assert_memory_equal(words, "The clock was set back by 2 h. Nothing is lost", 46);
	clock_set_words(-5 * MINUTE, true, words);
	assert_memory_equal(words, "The clock was set back by 5 min or more. ", 41);
	clock_set_words(90 * MINUTE, false, words);
	assert_memory_equal(words, "The clock was set forward by 1 h 30 min. ", 41);
}

static void an_arriving_request_tells_the_offset_of_now_also_after_the_clock_was_set(void **state)
{
	struct clock_now now = { .heard_ms = NOON, .elapsed_ms = HOUR, .slack_ms = 400, .measured = true,
				 .offset_ms = 7 * MINUTE };

	(void)state;
	/* Received and sent with 200 ms of way each. */
	assert_int_equal(clock_offset_at(&now, NOON + 200 + HOUR + 200), 7 * MINUTE);
	now.elapsed_ms -= 10 * MINUTE;
	assert_int_equal(clock_offset_at(&now, NOON + 200 + HOUR + 200), -3 * MINUTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_a_boot_a_wall_clock_that_moves_otherwise_than_the_clock_since_boot_was_set),
		cmocka_unit_test(after_another_boot_only_a_wall_clock_that_says_less_than_before_was_set),
		cmocka_unit_test(a_clock_may_say_anything_without_an_overflow),
		cmocka_unit_test(evidence_keeps_what_the_wall_clock_said_and_under_which_reading),
		cmocka_unit_test(before_anything_was_heard_the_wall_clock_is_kept_and_counts_for_nothing),
		cmocka_unit_test(an_older_tablet_tells_no_wall_clock),
		cmocka_unit_test(steadiness_is_what_the_next_reading_says),
		cmocka_unit_test(the_clock_since_boot_bears_witness_across_a_clock_that_was_set),
		cmocka_unit_test(with_the_clock_since_boot_an_edit_is_never_put_where_it_was_not),
		cmocka_unit_test(a_tablets_clock_is_off_by_what_it_said_less_the_centres_time),
		cmocka_unit_test(an_offset_is_said_no_finer_than_it_is_known),
		cmocka_unit_test(a_clock_that_was_set_is_told_with_how_far),
		cmocka_unit_test(an_arriving_request_tells_the_offset_of_now_also_after_the_clock_was_set),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
