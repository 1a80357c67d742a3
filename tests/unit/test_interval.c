/* When was an edit made? What the centre may believe of a tablet's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/interval.h"

#define YEAR_MS (365LL * 86400000)
#define NOON 1795435200000LL /* some moment of the centre's */

/* A small generator of numbers, the same in every run (Numerical Recipes' LCG). */
static uint64_t next(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % below;
}

/* One tablet's story in the centre's true time. */
struct story {
	int64_t answered, received, edited, sent, arrived; /* in this order */
	int64_t offset;       /* tablet's wall - true time */
	int64_t jump;         /* of the wall, between the edit and the sending */
	enum steadiness steadiness;
};

static int64_t distance(int64_t from, int64_t to)
{
	return to - from;
}

static struct evidence evidence_of(const struct story *s)
{
	return (struct evidence){
		.heard_ms = s->answered,
		.elapsed_ms = distance(s->received + s->offset, s->edited + s->offset),
		.slack_ms = (uint32_t)(s->received - s->answered),
		.steadiness = s->steadiness,
	};
}

static struct clock_now clock_of(const struct story *s)
{
	return (struct clock_now){
		.heard_ms = s->answered,
		.elapsed_ms = distance(s->received + s->offset, s->sent + s->offset + s->jump),
		.slack_ms = (uint32_t)(s->received - s->answered),
		.measured = true,
	};
}

static struct interval interval_of_story(const struct story *s)
{
	const struct evidence evidence = evidence_of(s);
	const struct clock_now now = clock_of(s);

	return interval_of(&evidence, &now, s->arrived);
}

static struct story story_random(uint64_t *seed)
{
	struct story s = { .answered = NOON + (int64_t)next(seed, YEAR_MS) };

	s.received = s.answered + (int64_t)next(seed, 20000);
	s.edited = s.received + (int64_t)next(seed, 30LL * 86400000);
	s.sent = s.edited + (int64_t)next(seed, 30LL * 86400000);
	s.arrived = s.sent + (int64_t)next(seed, 30000);
	s.offset = (int64_t)next(seed, 40 * YEAR_MS) - 20 * YEAR_MS;
	s.steadiness = (enum steadiness)next(seed, 3);
	return s;
}

static void an_even_clock_of_any_offset_never_puts_an_edit_where_it_was_not(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		const struct story s = story_random(&seed);
		struct interval at = interval_of_story(&s);

		assert_true(at.lo_ms <= s.edited && s.edited <= at.hi_ms);
		assert_true(at.lo_ms >= s.answered && at.hi_ms <= s.arrived);
	}
}

static void a_measured_clock_narrows_the_interval_to_the_readings_slack(void **state)
{
	/* One hour after an answer that took two seconds; sent nine hours later. */
	struct story s = { NOON, NOON + 2000, NOON + 3602000, NOON + 36000000, NOON + 36000400,
			   .offset = YEAR_MS, .steadiness = STEADY_MEASURED };
	struct interval at;

	(void)state;
	at = interval_of_story(&s);
	/* 200 ppm of an hour and 50 ms to either side. */
	assert_true(at.lo_ms == NOON + 3600000 - 770);
	assert_true(at.hi_ms == NOON + 3602000 + 770);
	/* Where the request is the measurement, its 400 ms under way can't be told from a clock set back. */
	s.steadiness = STEADY_OPEN;
	at = interval_of_story(&s);
	assert_true(at.lo_ms == NOON + 3600000 - 770);
	assert_true(at.hi_ms == NOON + 3602400 + 770);
}

static void a_clock_set_back_too_little_to_be_noticed_widens_the_interval(void **state)
{
	/* Heard at noon, received 300 ms later; a second after noon the clock goes back ten; the edit is made a minute
	 * after noon, sent ten seconds later, and is 400 ms under way. */
	const struct evidence evidence = { .heard_ms = NOON, 60000 - 300 - 10000, 300, STEADY_OPEN };
	const struct clock_now now = { .heard_ms = NOON, 70000 - 300 - 10000, 300, true };
	const struct interval at = interval_of(&evidence, &now, NOON + 70400);

	(void)state;
	assert_true(at.lo_ms <= NOON + 60000 && NOON + 60000 <= at.hi_ms);
}

static void a_clock_a_year_ahead_that_nobody_measured_decides_nothing(void **state)
{
	const struct evidence evidence = { .heard_ms = NOON, YEAR_MS, 100, STEADY_UNKNOWN };
	const struct evidence never_heard = { .heard_ms = 0, NOON + YEAR_MS, 0, STEADY_OPEN };
	const struct clock_now nothing = { 0 };
	struct interval at = interval_of(&evidence, &nothing, NOON + 5000);

	(void)state;
	assert_true(at.lo_ms == NOON && at.hi_ms == NOON + 5000);
	at = interval_of(&never_heard, &nothing, NOON + 5000);
	assert_true(at.lo_ms == 0 && at.hi_ms == NOON + 5000);
}

static void the_later_edit_is_the_later_one_whatever_the_walls_say(void **state)
{
	/* Ana edits at 1 h, her clock a year ahead; Ben at 2 h, his a year behind. */
	const struct story ana = { NOON, NOON + 300, NOON + 3600000, NOON + 9000000, NOON + 9000400,
				   .offset = YEAR_MS, .steadiness = STEADY_OPEN };
	const struct story ben = { NOON, NOON + 300, NOON + 7200000, NOON + 9000000, NOON + 9000200,
				   .offset = -YEAR_MS, .steadiness = STEADY_OPEN };
	struct interval a = interval_of_story(&ana), b = interval_of_story(&ben);

	(void)state;
	assert_true(ana.edited + ana.offset > ben.edited + ben.offset);
	assert_int_equal(interval_compare(&a, &b), ORDER_EARLIER);
	assert_int_equal(interval_compare(&b, &a), ORDER_LATER);
}

static void a_jump_between_reading_and_sending_takes_the_measurement_away(void **state)
{
	static const int64_t jumps[] = { YEAR_MS, 3600000, 60000, -60000, -3600000, -YEAR_MS };

	(void)state;
	for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
		struct story s = { NOON, NOON + 300, NOON + 3600000, NOON + 7200000, NOON + 7200400,
				   .jump = jumps[i], .steadiness = STEADY_OPEN };
		struct interval at = interval_of_story(&s);
		const struct clock_now now = clock_of(&s);

		assert_true(at.lo_ms == NOON && at.hi_ms == s.arrived);
		assert_false(interval_clock_steady(&now, s.arrived));
	}
}

static void an_edit_dated_after_its_own_sending_falls_back(void **state)
{
	/* The wall jumped ahead before the edit and back before the sending. */
	const struct evidence evidence = { .heard_ms = NOON, 7200000, 300, STEADY_OPEN };
	const struct clock_now now = { .heard_ms = NOON, 3600000, 300, true };
	struct interval at = interval_of(&evidence, &now, NOON + 3600500);

	(void)state;
	assert_true(interval_clock_steady(&now, NOON + 3600500));
	assert_true(at.lo_ms == NOON && at.hi_ms == NOON + 3600500);
}

static void open_evidence_of_an_older_reading_falls_back(void **state)
{
	const struct evidence evidence = { .heard_ms = NOON, 1000, 300, STEADY_OPEN };
	const struct clock_now now = { .heard_ms = NOON + 5000, 1000, 300, true };
	struct interval at = interval_of(&evidence, &now, NOON + 6000);

	(void)state;
	assert_true(at.lo_ms == NOON && at.hi_ms == NOON + 6000);
}

static void what_comes_without_a_reading_of_its_own_measures_nothing(void **state)
{
	/* A courier bundle: the same evidence, and nobody knows when it was sent. */
	const struct evidence evidence = { .heard_ms = NOON, 1000, 300, STEADY_OPEN };
	const struct clock_now bundle = { .heard_ms = NOON, 2000, 300, false }, never_heard = { .heard_ms = 0, 2000, 300, true };
	const struct clock_now set_back = { .heard_ms = NOON, -1000, 300, true }, good = { .heard_ms = NOON, 2000, 300, true };
	struct interval at = interval_of(&evidence, &bundle, NOON + 2500);

	(void)state;
	assert_true(at.lo_ms == NOON && at.hi_ms == NOON + 2500);
	assert_true(interval_clock_steady(&good, NOON + 2500));
	assert_false(interval_clock_steady(&bundle, NOON + 2500));
	assert_false(interval_clock_steady(&never_heard, 2500));
	assert_false(interval_clock_steady(&set_back, NOON + 2500));
}

static void claims_of_any_size_stay_within_what_is_certain(void **state)
{
	static const int64_t claims[] = { INT64_MIN, INT64_MIN + 1, -YEAR_MS, -1, 0, 1, YEAR_MS, INT64_MAX - 1, INT64_MAX };
	const size_t count = sizeof claims / sizeof claims[0];

	(void)state;
	for (size_t i = 0; i < count * count * count * 3; i++) {
		const struct evidence evidence = { .heard_ms = claims[i % count], claims[i / count % count], UINT32_MAX,
						   (enum steadiness)(i / (count * count * count)) };
		const struct clock_now now = { .heard_ms = claims[i % count], claims[i / count / count % count], UINT32_MAX, true };
		struct interval at = interval_of(&evidence, &now, NOON);

		assert_true(at.lo_ms <= at.hi_ms && at.lo_ms >= 0 && at.hi_ms <= NOON);
	}
}

static void an_answer_from_the_future_means_that_the_centre_was_set_back(void **state)
{
	const struct evidence evidence = { .heard_ms = NOON + 60000, 1000, 300, STEADY_MEASURED };
	const struct clock_now now = { 0 };
	struct interval at = interval_of(&evidence, &now, NOON);

	(void)state;
	assert_true(at.lo_ms == NOON && at.hi_ms == NOON);
}

static void two_readings_tell_whether_the_clock_ran_evenly(void **state)
{
	const struct reading first = { .heard_ms = NOON, NOON + YEAR_MS, 300 };
	const struct {
		struct reading later;
		bool agrees;
	} cases[] = {
		{ { .heard_ms = NOON + 3600000, NOON + YEAR_MS + 3600000, 300 }, true },
		/* The first came at once and the second late, and the other way round. */
		{ { .heard_ms = NOON + 3600000, NOON + YEAR_MS + 3600300, 300 }, true },
		{ { .heard_ms = NOON + 3600000, NOON + YEAR_MS + 3599700, 300 }, true },
		{ { .heard_ms = NOON + 3600000, NOON + YEAR_MS + 3605000, 300 }, false },
		{ { .heard_ms = NOON + 3600000, NOON + YEAR_MS + 3595000, 300 }, false },
		{ { .heard_ms = NOON + 3600000, NOON + 3600000, 300 }, false },
		{ { .heard_ms = NOON + 3600000, INT64_MAX, 300 }, false },
		{ { .heard_ms = NOON + 3600000, INT64_MIN, 300 }, false },
		/* The centre's own clock went back: nothing can be said. */
		{ { .heard_ms = NOON - 1, NOON + YEAR_MS + 1000, 300 }, false },
	};
	const struct reading none = { .heard_ms = 0, NOON, 300 };
	/* A wall before 1970, and one so far before it that the way from there is no number. */
	const struct reading early = { .heard_ms = NOON, -5000, 300 }, hour_later = { .heard_ms = NOON + 3600000, 3595000, 300 };
	const struct reading first_of_all = { .heard_ms = NOON, INT64_MIN, 300 }, last_of_all = { .heard_ms = NOON + 3600000, INT64_MAX, 300 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(reading_agrees(&first, &cases[i].later), cases[i].agrees);
	assert_false(reading_agrees(&none, &first));
	assert_true(reading_agrees(&early, &hour_later));
	assert_false(reading_agrees(&first_of_all, &last_of_all));
}

static void intervals_that_touch_are_in_doubt(void **state)
{
	const struct interval a = { 10, 20 }, touching = { 20, 30 }, after = { 21, 30 }, within = { 12, 13 };

	(void)state;
	assert_int_equal(interval_compare(&a, &touching), ORDER_DOUBT);
	assert_int_equal(interval_compare(&touching, &a), ORDER_DOUBT);
	assert_int_equal(interval_compare(&a, &within), ORDER_DOUBT);
	assert_int_equal(interval_compare(&a, &a), ORDER_DOUBT);
	assert_int_equal(interval_compare(&a, &after), ORDER_EARLIER);
	assert_int_equal(interval_compare(&after, &a), ORDER_LATER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_even_clock_of_any_offset_never_puts_an_edit_where_it_was_not),
		cmocka_unit_test(a_measured_clock_narrows_the_interval_to_the_readings_slack),
		cmocka_unit_test(a_clock_set_back_too_little_to_be_noticed_widens_the_interval),
		cmocka_unit_test(a_clock_a_year_ahead_that_nobody_measured_decides_nothing),
		cmocka_unit_test(the_later_edit_is_the_later_one_whatever_the_walls_say),
		cmocka_unit_test(a_jump_between_reading_and_sending_takes_the_measurement_away),
		cmocka_unit_test(an_edit_dated_after_its_own_sending_falls_back),
		cmocka_unit_test(open_evidence_of_an_older_reading_falls_back),
		cmocka_unit_test(what_comes_without_a_reading_of_its_own_measures_nothing),
		cmocka_unit_test(claims_of_any_size_stay_within_what_is_certain),
		cmocka_unit_test(an_answer_from_the_future_means_that_the_centre_was_set_back),
		cmocka_unit_test(two_readings_tell_whether_the_clock_ran_evenly),
		cmocka_unit_test(intervals_that_touch_are_in_doubt),
	};

	return cmocka_run_group_tests_name("interval", tests, NULL, NULL);
}
