/* What follows from how an exchange went, each step handed in by itself as an event would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "client/exchange.h"
#include "tests/support/fake.h"

#define NOW_MS 1000000
#define REST_MS 30000

struct scene {
	struct fake f;
	struct exchange x;
	struct exchange_report sums;
	uint64_t seq; /* newest given to a change */
};

/* A patient and a task came; nothing waits. */
static int set_up(void **state)
{
	static struct scene scene;
	struct fake *f = &scene.f;

	scene = (struct scene){ .seq = 20 };
	fake_open(f);
	fake_build(f);
	fake_begin(f);
	fake_record(f, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", NULL);
	fake_record(f, "task", TASK, PAT, 10, RECORD_WHOLE, "title", "Call", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	exchange_init(&scene.x, &f->sync, &f->env);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	exchange_close(&s->x);
	fake_close(&s->f);
	return 0;
}

static void begin(struct scene *s, int64_t rest_ms)
{
	const struct sync_options options = { .rest_ms = rest_ms, .battery_percent = -1 };

	exchange_begin(&s->x, &options);
}

/* Builds the request; how many changes are in it? */
static size_t build(struct scene *s)
{
	const void *bytes = NULL;
	size_t len = 0;

	assert_int_equal(exchange_build(&s->x, &bytes, &len, NULL), ST_OK);
	fake_hear(&s->f, bytes, len);
	fake_begin(&s->f);
	return s->f.request.change_count;
}

static enum status take(struct scene *s)
{
	fake_seal(&s->f);
	return exchange_take(&s->x, s->f.answer_bytes.data, s->f.answer_bytes.len, &s->sums, NULL);
}

/* Everything that came is accepted. Is another exchange to follow at once? */
static bool accepted(struct scene *s)
{
	for (size_t i = 0; i < s->f.request.change_count; i++)
		fake_accept(&s->f, s->f.request.changes[i].n, ++s->seq);
	assert_int_equal(take(s), ST_OK);
	return s->sums.again;
}

static bool too_large(struct scene *s)
{
	return exchange_failed(&s->x, ST_LIMIT, true, &s->sums);
}

static void make_tasks(struct scene *s, int count)
{
	char sql[256];

	for (int i = 0; i < count; i++) {
		(void)snprintf(sql, sizeof sql, "INSERT INTO task(id,patient,title)"
						" VALUES('00000000-0000-4000-8000-0000000001%02d','" PAT "','T')", i);
		fake_do(&s->f, sql);
	}
}

/* --- too large ---------------------------------------------------------------------------- */

static void what_is_too_large_for_something_on_the_way_goes_in_halves_and_in_the_end_it_is_said(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 5);
	begin(s, 0);
	assert_int_equal(build(s), 5);
	assert_true(too_large(s));
	assert_int_equal(build(s), 2);
	assert_true(too_large(s));
	assert_int_equal(build(s), 1);
	assert_false(too_large(s));
	assert_false(s->sums.again);
	assert_int_equal(s->sums.sent, 1);
	assert_int_equal(s->sums.exchanges, 0);
}

static void a_bound_found_on_the_way_holds_until_everything_is_sent(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 5);
	begin(s, 0);
	assert_int_equal(build(s), 5);
	assert_true(too_large(s));
	for (size_t left = 5; left > 2; left -= 2) {
		assert_int_equal(build(s), 2);
		assert_true(accepted(s));
		begin(s, 0);
	}
	assert_int_equal(build(s), 1);
	assert_false(accepted(s));
	assert_int_equal(s->sums.sent, 5);
	assert_int_equal(s->sums.exchanges, 3);
	assert_int_equal(s->sums.applied.accepted, 5);
	assert_int_equal(s->sums.pending, 0);
	fake_do(&s->f, "UPDATE task SET title='Again' WHERE id<>'" TASK "'");
	begin(s, 0);
	assert_int_equal(build(s), 5);
}

/* What is given back is over, and as good as accepted for whether the rest is asked for. */
static void what_waits_behind_changes_given_back_follows_at_once(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 5);
	begin(s, 0);
	assert_true(build(s) == 5 && too_large(s));
	assert_int_equal(build(s), 2);
	for (size_t i = 0; i < s->f.request.change_count; i++)
		fake_return(&s->f, s->f.request.changes[i].n, ++s->seq);
	assert_int_equal(take(s), ST_OK);
	assert_true(s->sums.again);
	begin(s, 0);
	assert_int_equal(build(s), 2);
	assert_true(accepted(s));
	begin(s, 0);
	assert_int_equal(build(s), 1);
	assert_false(accepted(s));
	assert_int_equal(s->sums.pending, 0);
}

static void another_failure_is_not_tried_again_with_less(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 4);
	begin(s, 0);
	(void)build(s);
	assert_false(exchange_failed(&s->x, ST_UNREACHABLE, false, &s->sums));
	begin(s, 0);
	/* An answer over its limit says nothing of the request. */
	assert_int_equal(build(s), 4);
	assert_false(exchange_failed(&s->x, ST_LIMIT, false, &s->sums));
	begin(s, 0);
	assert_int_equal(build(s), 4);
}

/* --- what is counted ---------------------------------------------------------------------- */

static void a_request_made_anew_on_another_connection_counts_once_and_has_a_number_of_its_own(void **state)
{
	struct scene *s = *state;
	uint64_t counter;

	make_tasks(s, 2);
	begin(s, 0);
	(void)build(s);
	counter = s->f.sync.head.counter;
	assert_int_equal(build(s), 2);
	assert_int_equal(s->f.sync.head.counter, counter + 1);
	assert_false(accepted(s));
	assert_int_equal(s->sums.sent, 2);
	assert_int_equal(s->sums.bytes_up, s->f.request_bytes.len);
	assert_int_equal(s->sums.bytes_down, s->f.answer_bytes.len);
}

static void without_a_connection_nothing_is_counted_not_even_what_an_earlier_one_sent(void **state)
{
	struct scene *s = *state;
	uint64_t bytes_up;

	make_tasks(s, 2);
	begin(s, 0);
	(void)build(s);
	assert_true(too_large(s));
	bytes_up = s->f.request_bytes.len;
	for (int i = 0; i < 2; i++) {
		assert_false(exchange_failed(&s->x, ST_UNREACHABLE, false, &s->sums));
		assert_int_equal(s->sums.sent, 0);
		assert_int_equal(s->sums.bytes_up, bytes_up);
		/* One that nobody said the end of. */
		begin(s, 0);
		assert_int_equal(build(s), 1);
		begin(s, 0);
	}
}

static void what_an_answer_that_is_not_taken_was_to_is_counted_as_sent(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 2);
	begin(s, 0);
	(void)build(s);
	s->sums.again = true;
	assert_int_not_equal(exchange_take(&s->x, "?", 1, &s->sums, NULL), ST_OK);
	assert_false(s->sums.again);
	assert_int_equal(s->sums.sent, 2);
	assert_int_equal(s->sums.bytes_up, s->f.request_bytes.len);
	assert_int_equal(s->sums.exchanges, 0);
}

/* --- does another follow? ------------------------------------------------------------------ */

static void a_page_that_says_more_is_followed(void **state)
{
	struct scene *s = *state;

	begin(s, 0);
	(void)build(s);
	s->f.answer.more = true;
	assert_true(accepted(s));
	begin(s, 0);
	(void)build(s);
	assert_false(accepted(s));
}

static void where_nothing_gets_on_no_exchange_follows(void **state)
{
	struct scene *s = *state;

	make_tasks(s, 3);
	begin(s, 0);
	assert_int_equal(build(s), 3);
	assert_int_equal(take(s), ST_OK);
	assert_false(s->sums.again);
	assert_int_equal(s->sums.pending, 3);
}

static void what_was_written_meanwhile_follows_at_once_where_everything_is_asked_for_and_rests_otherwise(void **state)
{
	struct scene *s = *state;

	for (int64_t rest_ms = REST_MS; rest_ms >= 0; rest_ms -= REST_MS) {
		fake_do(&s->f, "UPDATE task SET title=title||'!' WHERE id='" TASK "'");
		s->f.wall_ms += REST_MS + 1;
		begin(s, rest_ms);
		assert_int_equal(build(s), 1);
		fake_do(&s->f, "UPDATE task SET title=title||'?' WHERE id='" TASK "'");
		assert_true(accepted(s) == (rest_ms == 0));
		assert_int_equal(s->sums.pending, 1);
	}
}

/* A page that does not fit: a part of what is not here. */
static bool stray(struct scene *s, bool more)
{
	begin(s, 0);
	(void)build(s);
	fake_record(&s->f, "task", TASK2, PAT, ++s->seq, RECORD_PART, "title", "Stray", NULL);
	s->f.answer.more = more;
	assert_int_equal(take(s), ST_OK);
	assert_true(s->sums.applied.anew);
	return s->sums.again;
}

static bool fitting(struct scene *s, bool more)
{
	begin(s, 0);
	(void)build(s);
	s->f.answer.more = more;
	assert_int_equal(take(s), ST_OK);
	return s->sums.again;
}

static void what_does_not_fit_is_fetched_anew_once_however_many_pages_that_takes(void **state)
{
	struct scene *s = *state;

	assert_true(stray(s, false));
	assert_true(fitting(s, true));
	assert_false(stray(s, false));
	/* Whoever asks later asks once. */
	assert_false(stray(s, false));
	assert_false(fitting(s, false));
	/* All fitted: what does not fit from now on is another matter. */
	assert_true(stray(s, false));
}

/* --- failures for people -------------------------------------------------------------------- */

static const struct failure FAILED = { .status = ST_UNREACHABLE, .what = "No way.", .next = "Wait." };

#define FAILED_WHAT "SELECT CAST(value AS TEXT) FROM ds_meta WHERE key='last_failure'"

static void a_failure_is_noted_until_an_answer_is_taken(void **state)
{
	struct scene *s = *state;

	exchange_note_failure(&s->x, ST_UNREACHABLE, &FAILED);
	assert_string_equal(fake_text(&s->f, FAILED_WHAT), "No way.");
	assert_false(fitting(s, false));
	assert_string_equal(fake_text(&s->f, FAILED_WHAT), "");
}

static void after_a_failed_disk_nothing_is_written_any_more(void **state)
{
	struct scene *s = *state;

	s->f.replica.db.failed = true;
	exchange_note_failure(&s->x, ST_IO, &FAILED);
	assert_false(replica_checkpoint_due(&s->f.replica, INT64_MAX));
	s->f.replica.db.failed = false;
	assert_string_equal(fake_text(&s->f, FAILED_WHAT), "");
}

static void a_wal_is_moved_from_two_hundred_frames_on_and_never_of_a_closed_replica(void **state)
{
	const struct replica closed = { .schema = NULL };
	struct scene *s = *state;

	assert_false(replica_checkpoint_due(&s->f.replica, 200 * 4120 - 1));
	assert_true(replica_checkpoint_due(&s->f.replica, 200 * 4120));
	assert_false(replica_checkpoint_due(&closed, INT64_MAX));
}

/* --- the engine ------------------------------------------------------------------------------- */

static void engine_rests(const struct engine *e, int64_t until_ms)
{
	const struct engine_step step = engine_next(e, NOW_MS);

	assert_int_equal(step.action, ENGINE_SLEEP);
	assert_int_equal(step.until_ms, until_ms);
}

static void done(struct scene *s, struct engine *e, enum status st, int64_t retry_after_ms)
{
	engine_init(e, &ENGINE_LIMITS);
	engine_started(e, NOW_MS);
	exchange_done(&s->x, e, NOW_MS, st, &s->sums, retry_after_ms);
}

static void the_engine_hears_how_an_exchange_ended(void **state)
{
	/* The made-up randomness is 0x5A in every byte. */
	const int64_t jitter_ms = (INT64_C(0x5A5A5A5A) * 1000) >> 32;
	struct scene *s = *state;
	struct engine e;

	done(s, &e, ST_OK, 0);
	engine_rests(&e, ENGINE_NEVER);
	done(s, &e, ST_UNREACHABLE, 0);
	engine_rests(&e, NOW_MS + jitter_ms);
	done(s, &e, ST_LATER, 7000);
	engine_rests(&e, NOW_MS + 7000 + jitter_ms);
	s->sums.again = true;
	done(s, &e, ST_OK, 0);
	assert_int_equal(engine_next(&e, NOW_MS).action, ENGINE_SYNC);
}

static void tablets_that_look_for_news_don_t_all_look_at_once(void **state)
{
	static const int64_t polls_ms[] = { 1, 9, 1000, 300000 };
	struct scene *s = *state;
	bool spread = false;

	for (size_t i = 0; i < sizeof polls_ms / sizeof polls_ms[0]; i++) {
		const int64_t poll_ms = exchange_poll_ms(&s->x, polls_ms[i]);

		assert_true(poll_ms >= polls_ms[i] && poll_ms <= polls_ms[i] + polls_ms[i] / 10);
		spread = spread || poll_ms > polls_ms[i];
	}
	assert_true(spread);
}

static void an_edit_is_told_once_and_rests_but_what_is_closed_goes_at_once(void **state)
{
	struct scene *s = *state;
	struct look seen = { 0 };
	struct engine e;

	engine_init(&e, &ENGINE_LIMITS);
	exchange_look(&seen, &s->f.replica, &e, NOW_MS);
	engine_rests(&e, ENGINE_NEVER);
	fake_do(&s->f, "UPDATE task SET title='Walk' WHERE id='" TASK "'");
	exchange_look(&seen, &s->f.replica, &e, NOW_MS);
	engine_rests(&e, NOW_MS + REST_MS);
	exchange_look(&seen, &s->f.replica, &e, NOW_MS - 1);
	engine_rests(&e, NOW_MS + REST_MS);
	fake_do(&s->f, "INSERT INTO observation(id,patient,code,value,closed_at) VALUES('" NOTE "','" PAT "','heart-rate','70',5)");
	exchange_look(&seen, &s->f.replica, &e, NOW_MS);
	assert_int_equal(engine_next(&e, NOW_MS).action, ENGINE_SYNC);
	/* It had been closed before: a later edit of something else rests. */
	engine_init(&e, &ENGINE_LIMITS);
	fake_do(&s->f, "UPDATE task SET title='Talk' WHERE id='" TASK "'");
	exchange_look(&seen, &s->f.replica, &e, NOW_MS);
	engine_rests(&e, NOW_MS + REST_MS);
}

static void a_look_restores_what_notices_edits(void **state)
{
	struct scene *s = *state;
	struct look seen = { 0 };
	struct engine e;
	char sql[128];

	engine_init(&e, &ENGINE_LIMITS);
	(void)snprintf(sql, sizeof sql, "DROP TRIGGER \"%s\"",
		       fake_text(&s->f, "SELECT name FROM sqlite_schema WHERE type='trigger' AND tbl_name='task'"));
	fake_do(&s->f, sql);
	assert_false(s->f.replica.restored);
	exchange_look(&seen, &s->f.replica, &e, NOW_MS);
	assert_true(s->f.replica.restored);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_too_large_for_something_on_the_way_goes_in_halves_and_in_the_end_it_is_said),
		TEST(a_bound_found_on_the_way_holds_until_everything_is_sent),
		TEST(what_waits_behind_changes_given_back_follows_at_once),
		TEST(another_failure_is_not_tried_again_with_less),
		TEST(a_request_made_anew_on_another_connection_counts_once_and_has_a_number_of_its_own),
		TEST(without_a_connection_nothing_is_counted_not_even_what_an_earlier_one_sent),
		TEST(what_an_answer_that_is_not_taken_was_to_is_counted_as_sent),
		TEST(a_page_that_says_more_is_followed),
		TEST(where_nothing_gets_on_no_exchange_follows),
		TEST(what_was_written_meanwhile_follows_at_once_where_everything_is_asked_for_and_rests_otherwise),
		TEST(what_does_not_fit_is_fetched_anew_once_however_many_pages_that_takes),
		TEST(a_failure_is_noted_until_an_answer_is_taken),
		TEST(after_a_failed_disk_nothing_is_written_any_more),
		TEST(a_wal_is_moved_from_two_hundred_frames_on_and_never_of_a_closed_replica),
		TEST(the_engine_hears_how_an_exchange_ended),
		TEST(tablets_that_look_for_news_don_t_all_look_at_once),
		TEST(an_edit_is_told_once_and_rests_but_what_is_closed_goes_at_once),
		TEST(a_look_restores_what_notices_edits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
