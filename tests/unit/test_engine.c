/* The syncer's promises, each as one test. Time is made up; nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/engine.h"

#define MINUTE 60000

static void init(struct engine *e)
{
	engine_init(e, &ENGINE_LIMITS);
}

static int64_t sleeps_until(const struct engine *e, int64_t now_ms)
{
	const struct engine_step step = engine_next(e, now_ms);

	assert_int_equal(step.action, ENGINE_SLEEP);
	return step.until_ms;
}

static void syncs(const struct engine *e, int64_t now_ms, int64_t rest_ms)
{
	const struct engine_step step = engine_next(e, now_ms);

	assert_int_equal(step.action, ENGINE_SYNC);
	assert_int_equal(step.rest_ms, rest_ms);
}

static void succeeds(struct engine *e, int64_t now_ms, bool more)
{
	const struct engine_result result = { .ok = true, .more = more };

	engine_started(e, now_ms);
	engine_done(e, now_ms, &result);
}

static void fails(struct engine *e, int64_t now_ms, int64_t retry_after_ms, uint32_t random)
{
	const struct engine_result result = { .retry_after_ms = retry_after_ms, .random = random };

	engine_started(e, now_ms);
	engine_done(e, now_ms, &result);
}

static void without_an_event_it_sleeps_for_good(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	assert_int_equal(sleeps_until(&e, 0), ENGINE_NEVER);
	assert_int_equal(sleeps_until(&e, 90 * MINUTE), ENGINE_NEVER);
}

static void an_edit_goes_up_thirty_seconds_after_it(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_dirty(&e, 1000);
	assert_int_equal(sleeps_until(&e, 1000), 31000);
	assert_int_equal(sleeps_until(&e, 30999), 31000);
	syncs(&e, 31000, 30000);
	succeeds(&e, 31000, false);
	assert_int_equal(sleeps_until(&e, 31000), ENGINE_NEVER);
}

static void steady_typing_does_not_postpone_what_was_written_first(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	for (int64_t at = 1000; at < 31000; at += 1000)
		engine_dirty(&e, at);
	syncs(&e, 31000, 30000);
}

static void what_was_still_being_edited_follows_when_it_has_rested(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_dirty(&e, 1000);
	engine_dirty(&e, 20000);
	syncs(&e, 31000, 30000);
	succeeds(&e, 31000, false);
	assert_int_equal(sleeps_until(&e, 31000), 50000);
	syncs(&e, 50000, 30000);
	succeeds(&e, 50000, false);
	assert_int_equal(sleeps_until(&e, 50000), ENGINE_NEVER);
}

static void what_a_person_asks_for_takes_everything_at_once(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_dirty(&e, 1000);
	engine_asked(&e, 2000);
	syncs(&e, 2000, 0);
	succeeds(&e, 2000, false);
	assert_int_equal(sleeps_until(&e, 2000), ENGINE_NEVER);
}

static void news_and_a_link_that_came_up_sync_at_once(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 5);
	syncs(&e, 5, 30000);
	succeeds(&e, 5, false);
	engine_link_up(&e, 9);
	syncs(&e, 9, 30000);
}

static void only_one_sync_runs_at_a_time(void **state)
{
	const struct engine_result ok = { .ok = true };
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	engine_started(&e, 0);
	engine_asked(&e, 1);
	assert_int_equal(sleeps_until(&e, 2), ENGINE_NEVER);
	engine_done(&e, 3, &ok);
	syncs(&e, 3, 0);
}

static void what_is_wanted_while_a_sync_runs_is_wanted_after_it(void **state)
{
	const struct engine_result ok = { .ok = true };
	struct engine e;

	(void)state;
	init(&e);
	engine_asked(&e, 0);
	engine_started(&e, 0);
	engine_dirty(&e, 10);
	engine_done(&e, 20, &ok);
	assert_int_equal(sleeps_until(&e, 20), 30010);
}

static void more_is_followed_at_once_and_still_takes_everything(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_asked(&e, 0);
	succeeds(&e, 0, true);
	syncs(&e, 0, 0);
	succeeds(&e, 0, true);
	syncs(&e, 0, 0);
	succeeds(&e, 0, false);
	assert_int_equal(sleeps_until(&e, 0), ENGINE_NEVER);
}

static void the_ceiling_doubles_up_to_ten_minutes_and_the_wait_is_a_random_part_of_it(void **state)
{
	static const int64_t ceilings_ms[] = { 1000,  2000,   4000,   8000,   16000,  32000,
					       64000, 128000, 256000, 512000, 600000, 600000 };
	struct engine e;
	int64_t now_ms = 7;

	(void)state;
	init(&e);
	engine_news(&e, now_ms);
	for (size_t i = 0; i < sizeof ceilings_ms / sizeof ceilings_ms[0]; i++) {
		fails(&e, now_ms, 0, UINT32_C(1) << 31);
		assert_int_equal(sleeps_until(&e, now_ms), now_ms + ceilings_ms[i] / 2);
		now_ms += ceilings_ms[i] / 2;
		syncs(&e, now_ms, 30000);
	}
	/* At the ceiling too, any part of it may come. */
	fails(&e, now_ms, 0, UINT32_MAX);
	assert_int_equal(sleeps_until(&e, now_ms), now_ms + 599999);
	now_ms += 599999;
	fails(&e, now_ms, 0, 0);
	syncs(&e, now_ms, 30000);
}

static void a_success_starts_the_back_off_anew(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	for (int i = 0; i < 8; i++)
		fails(&e, 0, 0, 0);
	succeeds(&e, 0, false);
	engine_news(&e, 0);
	fails(&e, 0, 0, UINT32_MAX);
	assert_int_equal(sleeps_until(&e, 0), 999);
}

static void edits_and_news_wait_while_it_backs_off(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	for (int i = 0; i < 6; i++)
		fails(&e, 0, 0, 0);
	fails(&e, 0, 0, UINT32_MAX);
	assert_int_equal(sleeps_until(&e, 0), 63999);
	engine_news(&e, 10);
	engine_dirty(&e, 20);
	assert_int_equal(sleeps_until(&e, 20), 63999);
}

static void a_person_who_asks_and_a_new_link_do_not_wait_for_the_back_off(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	for (int i = 0; i < 6; i++)
		fails(&e, 0, 0, 0);
	fails(&e, 0, 0, UINT32_MAX);
	engine_asked(&e, 1);
	syncs(&e, 1, 0);
	fails(&e, 1, 0, UINT32_MAX);
	/* The ceiling went on growing, and what was asked for is still all wanted. */
	assert_int_equal(sleeps_until(&e, 1), 1 + 127999);
	engine_link_up(&e, 2);
	syncs(&e, 2, 0);
}

static void nobody_comes_before_the_time_the_centre_named(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	fails(&e, 0, 120000, UINT32_C(1) << 31);
	assert_int_equal(sleeps_until(&e, 0), 120500);
	engine_asked(&e, 1);
	engine_link_up(&e, 1);
	assert_int_equal(sleeps_until(&e, 1), 120000);
	syncs(&e, 120000, 0);
}

static void a_success_that_names_a_time_is_heeded_as_well(void **state)
{
	const struct engine_result result = { .ok = true, .more = true, .retry_after_ms = 5000 };
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	engine_started(&e, 0);
	engine_done(&e, 0, &result);
	assert_int_equal(sleeps_until(&e, 0), 5000);
}

static void an_absurd_retry_after_counts_for_an_hour(void **state)
{
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	fails(&e, 0, INT64_MAX, 0);
	assert_int_equal(sleeps_until(&e, 0), 60 * MINUTE);
}

static void asking_while_a_sync_fails_starts_the_next_at_once(void **state)
{
	const struct engine_result failed = { .random = UINT32_MAX };
	struct engine e;

	(void)state;
	init(&e);
	engine_news(&e, 0);
	engine_started(&e, 0);
	engine_asked(&e, 1);
	engine_done(&e, 2, &failed);
	syncs(&e, 2, 0);
}

/* Whatever happens in whatever order: what was wanted is tried again within the
 * longest wait, and a sleep always ends later than now. */
static void no_order_of_events_leaves_what_is_wanted_behind(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int history = 0; history < 2000; history++) {
		struct engine e;
		int64_t now_ms = 0;
		bool unsent = false;

		init(&e);
		for (int i = 0; i < 60; i++) {
			struct engine_step step;

			seed = seed * 1664525U + 1013904223U;
			now_ms += (seed >> 8) % 40000;
			if ((seed >> 28) % 4 == 0) {
				engine_dirty(&e, now_ms);
				unsent = true;
			}
			if ((seed >> 26) % 16 == 1)
				engine_link_up(&e, now_ms);
			if ((seed >> 20) % 16 == 2)
				engine_asked(&e, now_ms);
			step = engine_next(&e, now_ms);
			if (step.action == ENGINE_SLEEP) {
				assert_true(step.until_ms > now_ms);
				assert_true(!unsent || step.until_ms <= now_ms + 4600000);
				continue;
			}
			if ((seed >> 24) % 2 == 0) {
				fails(&e, now_ms, (seed >> 16) % 5000, seed);
				continue;
			}
			unsent = step.rest_ms > 0 && e.edited_ms != ENGINE_NEVER &&
				 e.edited_ms + step.rest_ms > now_ms;
			succeeds(&e, now_ms, (seed >> 12) % 8 == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_event_it_sleeps_for_good),
		cmocka_unit_test(an_edit_goes_up_thirty_seconds_after_it),
		cmocka_unit_test(steady_typing_does_not_postpone_what_was_written_first),
		cmocka_unit_test(what_was_still_being_edited_follows_when_it_has_rested),
		cmocka_unit_test(what_a_person_asks_for_takes_everything_at_once),
		cmocka_unit_test(news_and_a_link_that_came_up_sync_at_once),
		cmocka_unit_test(only_one_sync_runs_at_a_time),
		cmocka_unit_test(what_is_wanted_while_a_sync_runs_is_wanted_after_it),
		cmocka_unit_test(more_is_followed_at_once_and_still_takes_everything),
		cmocka_unit_test(the_ceiling_doubles_up_to_ten_minutes_and_the_wait_is_a_random_part_of_it),
		cmocka_unit_test(a_success_starts_the_back_off_anew),
		cmocka_unit_test(edits_and_news_wait_while_it_backs_off),
		cmocka_unit_test(a_person_who_asks_and_a_new_link_do_not_wait_for_the_back_off),
		cmocka_unit_test(nobody_comes_before_the_time_the_centre_named),
		cmocka_unit_test(a_success_that_names_a_time_is_heeded_as_well),
		cmocka_unit_test(an_absurd_retry_after_counts_for_an_hour),
		cmocka_unit_test(asking_while_a_sync_fails_starts_the_next_at_once),
		cmocka_unit_test(no_order_of_events_leaves_what_is_wanted_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
