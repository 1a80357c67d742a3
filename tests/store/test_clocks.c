#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/clocks.h"
#include "client/journal.h"
#include "client/save.h"
#include "client/watch.h"
#include "tests/support/fake.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
/* SQL's own clock is the machine's: what a trigger wrote is set to the made-up clock. */
#define EDITED_NOW(f) edited_at(f, (f)->wall_ms)

static uint32_t boot_now = 7;

static uint32_t boot(void *ctx)
{
	(void)ctx;
	return boot_now;
}

static void exchange(struct fake *f)
{
	struct sync_report report = { 0 };

	fake_build(f);
	fake_begin(f);
	assert_int_equal(fake_take(f, &report), ST_OK);
}

static int set_up(void **state)
{
	struct fake *f = malloc(sizeof *f);

	assert_non_null(f);
	fake_open(f);
	boot_now = 7;
	f->env.boot = boot;
	fake_build(f);
	fake_begin(f);
	fake_record(f, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana", NULL);
	fake_record(f, "task", TASK, PAT, 10, RECORD_WHOLE, "title", "Call", "notes", "Old", NULL);
	{
		struct sync_report report = { 0 };

		assert_int_equal(fake_take(f, &report), ST_OK);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fake *f = *state;

	fake_close(f);
	free(f);
	return 0;
}

static void pass(struct fake *f, int64_t ms)
{
	f->wall_ms += ms;
	f->boot_ms += ms;
	f->centre_ms += ms;
}

static void edited_at(struct fake *f, int64_t wall_ms)
{
	char sql[96];

	(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE ds_dirty SET wall_ms=%lld", (long long)wall_ms);
	fake_do(f, sql);
}

static void save_notes(struct fake *f, const char *text)
{
	const struct kind *kind = schema_kind(f->schema, "task", 4);
	const int field = kind_field(kind, "notes", 5);
	const struct id id = fake_id(TASK);
	struct row row;
	int64_t version = 0;

	memset(&row, 0, sizeof row);
	row.values[field] = value_string(text);
	assert_int_equal(save_fields(&f->replica, kind, &id, SAVE_SHOWN_NOW, &row, UINT64_C(1) << field, &version, NULL), ST_OK);
	EDITED_NOW(f);
}

static void sql_notes(struct fake *f, const char *text)
{
	char sql[160];

	(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE task SET notes=%Q WHERE id='" TASK "'", text);
	fake_do(f, sql);
	EDITED_NOW(f);
}

static int64_t wall_of(const struct evidence *evidence)
{
	int64_t wall = 0;

	assert_true(clock_wall_ms(evidence, &wall));
	return wall;
}

/* --- what an edit keeps ------------------------------------------------------------------ */

static void an_edit_by_plain_sql_sends_its_wall_clock_and_reading_and_no_boot(void **state)
{
	struct fake *f = *state;
	const struct evidence *evidence;

	pass(f, 5 * MINUTE);
	sql_notes(f, "New");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	evidence = &fake_change(f, 0)->evidence;
	assert_int_equal(wall_of(evidence), f->wall_ms);
	assert_int_equal(evidence->offset_ms, FAKE_WALL_MS - FAKE_CENTRE_MS);
	assert_int_equal(evidence->reading, 1);
	assert_int_equal(evidence->boot, 0);
	assert_int_equal(evidence->steadiness, STEADY_OPEN);
	/* And the request how far the clock is off. */
	assert_int_equal(f->request.clock.offset_ms, FAKE_WALL_MS - FAKE_CENTRE_MS);
}

static void a_save_of_ours_sends_the_clock_since_boot_as_well(void **state)
{
	struct fake *f = *state;
	const struct evidence *evidence;

	pass(f, 5 * MINUTE);
	save_notes(f, "New");
	fake_build(f);
	evidence = &fake_change(f, 0)->evidence;
	assert_int_equal(evidence->boot, 7);
	assert_int_equal(evidence->boot_ms, f->boot_ms);
	assert_int_equal(wall_of(evidence), f->wall_ms);
	assert_int_equal(evidence->steadiness, STEADY_MEASURED);
}

static void records_that_are_made_or_deleted_by_us_send_it_too(void **state)
{
	struct fake *f = *state;
	const struct kind *kind = schema_kind(f->schema, "task", 4);
	const struct id patient = fake_id(PAT), old = fake_id(TASK);
	struct id id = fake_id(TASK2);
	struct row row;
	int64_t version = 0;

	memset(&row, 0, sizeof row);
	row.values[kind_field(kind, "title", 5)] = value_string("Visit");
	row.values[kind_field(kind, "status", 6)] = value_string("open");
	assert_int_equal(save_create(&f->replica, kind, &id, &patient, &row, &version, NULL), ST_OK);
	assert_int_equal(save_delete(&f->replica, kind, &old, NULL), ST_OK);
	EDITED_NOW(f);
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_change(f, 0)->evidence.boot, 7);
	assert_int_equal(fake_change(f, 1)->evidence.boot, 7);
}

static void a_later_edit_by_plain_sql_takes_the_clock_since_boot_away(void **state)
{
	struct fake *f = *state;

	save_notes(f, "Ours");
	assert_int_equal(fake_int(f, "SELECT boot FROM ds_dirty"), 7);
	sql_notes(f, "Theirs");
	assert_string_equal(fake_text(f, "SELECT coalesce(boot,'none')||coalesce(boot_ms,'none') FROM ds_dirty"), "nonenone");
	/* A save that changes nothing gives theirs no clock of ours. */
	save_notes(f, "Theirs");
	assert_string_equal(fake_text(f, "SELECT coalesce(boot,'none') FROM ds_dirty"), "none");
}

static void a_save_of_one_group_claims_nothing_of_another_programs_group(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET title='Theirs' WHERE id='" TASK "'");
	save_notes(f, "Ours");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 2);
	assert_int_equal(fake_int(f, "SELECT count(boot) FROM ds_dirty"), 1);
}

static void where_the_boot_is_not_known_nothing_is_claimed(void **state)
{
	struct fake *f = *state;

	boot_now = 0;
	save_notes(f, "New");
	fake_build(f);
	assert_int_equal(fake_change(f, 0)->evidence.boot, 0);
	f->env.boot = NULL;
	assert_int_equal(clocks_pair(&f->replica).boot, 0);
}

static void a_returned_change_that_is_used_again_is_a_new_edit_with_new_clocks(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	sql_notes(f, "Mine");
	fake_build(f);
	fake_begin(f);
	fake_return(f, 1, 20);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "Old", NULL);
	assert_int_equal(fake_take(f, &report), ST_OK);
	pass(f, HOUR);
	assert_int_equal(journal_reuse(&f->replica, 1, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT boot FROM ds_dirty"), 7);
	assert_int_equal(fake_int(f, "SELECT boot_ms FROM ds_dirty"), f->boot_ms);
}

static void readings_measure_the_edits_between_them(void **state)
{
	struct fake *f = *state;
	struct evidence evidence;
	const struct clock_pair first = { .wall_ms = 5010000 }, second = { .wall_ms = 5061000 }, third = { .wall_ms = 9060500 };
	const struct clock_pair never = { .wall_ms = INT64_MAX };

	fake_do(f, "DELETE FROM ds_reading; INSERT INTO ds_reading(id,heard_ms,wall_received_ms,slack_ms)"
		   " VALUES(1,1000000,5000000,300),(2,1060000,5060000,20),(3,1120000,9060000,20);"
		   " UPDATE ds_state SET reading=3");
	/* The clock agreed with the centre's from the first reading to the second. */
	assert_int_equal(clocks_evidence(&f->replica, &first, 1, &evidence), ST_OK);
	assert_int_equal(evidence.heard_ms, 1000000);
	assert_int_equal(evidence.elapsed_ms, 10000);
	assert_int_equal(evidence.slack_ms, 300);
	assert_int_equal(evidence.steadiness, STEADY_MEASURED);
	/* It jumped before the third. */
	assert_int_equal(clocks_evidence(&f->replica, &second, 2, &evidence), ST_OK);
	assert_int_equal(evidence.steadiness, STEADY_UNKNOWN);
	/* Nothing was heard since the third. */
	assert_int_equal(clocks_evidence(&f->replica, &third, 3, &evidence), ST_OK);
	assert_int_equal(evidence.steadiness, STEADY_OPEN);
	assert_int_equal(evidence.elapsed_ms, 500);
	/* Nothing was heard at all, whatever the wall clock says. */
	assert_int_equal(clocks_evidence(&f->replica, &never, 0, &evidence), ST_OK);
	assert_int_equal(evidence.heard_ms, 0);
	assert_int_equal(evidence.elapsed_ms, 0);
	assert_int_equal(evidence.steadiness, STEADY_UNKNOWN);
}

/* --- a clock that is set -------------------------------------------------------------------- */

static void a_clock_set_back_is_noticed_told_and_measures_nothing_across(void **state)
{
	struct fake *f = *state;

	exchange(f);
	pass(f, 10 * MINUTE);
	sql_notes(f, "Before");
	f->wall_ms -= 2 * HOUR;
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_memory_equal(fake_text(f, "SELECT what FROM ds_notice"), "The clock was set back by 2 h. ", 31);
	assert_int_equal(fake_int(f, "SELECT set_here FROM ds_reading ORDER BY id DESC"), 1);
	/* Once is enough. */
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_int_equal(fake_int(f, "SELECT sum(set_here) FROM ds_reading"), 1);
	fake_do(f, "UPDATE patient SET phone='2' WHERE id='" PAT "'; UPDATE ds_dirty SET wall_ms=1800000001000-6600000"
		   " WHERE kind=(SELECT min(kind) FROM ds_dirty)");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_change(f, 0)->evidence.steadiness, STEADY_UNKNOWN);
	assert_int_equal(fake_change(f, 1)->evidence.steadiness, STEADY_UNKNOWN);
	assert_int_not_equal(fake_change(f, 0)->evidence.reading, fake_change(f, 1)->evidence.reading);
	assert_false(f->request.clock.measured);
	/* The next answer measures the clock as it goes now. */
	exchange(f);
	fake_build(f);
	assert_true(f->request.clock.measured);
}

static void a_save_of_ours_before_the_clock_was_set_stays_measured(void **state)
{
	struct fake *f = *state;
	const struct evidence *evidence;

	exchange(f);
	pass(f, 10 * MINUTE);
	save_notes(f, "Before");
	f->wall_ms += 26 * HOUR;
	fake_build(f);
	evidence = &fake_change(f, 0)->evidence;
	assert_int_equal(evidence->steadiness, STEADY_MEASURED);
	assert_int_equal(evidence->elapsed_ms, 10 * MINUTE);
	assert_memory_equal(fake_text(f, "SELECT what FROM ds_notice"), "The clock was set forward by 1 day 2 h. ", 40);
}

static void a_sync_notices_it_where_nobody_watched(void **state)
{
	struct fake *f = *state;

	exchange(f);
	pass(f, HOUR);
	f->wall_ms -= 61000;
	exchange(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	pass(f, HOUR);
	exchange(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice WHERE at_ms<1800000000000"), 0);
}

static void told_twice_of_the_same_people_read_it_once_with_the_newest_time(void **state)
{
	struct fake *f = *state;

	exchange(f);
	f->wall_ms += HOUR;
	exchange(f);
	pass(f, HOUR);
	f->wall_ms += HOUR;
	exchange(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	assert_int_equal(fake_int(f, "SELECT at_ms FROM ds_notice"), f->wall_ms);
}

static void less_than_a_minute_is_noted_and_not_told(void **state)
{
	struct fake *f = *state;

	exchange(f);
	f->wall_ms += 5000;
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_int_equal(fake_int(f, "SELECT sum(set_here) FROM ds_reading"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 0);
}

static void across_a_reboot_a_clock_behind_the_last_one_kept_was_set(void **state)
{
	struct fake *f = *state;

	exchange(f);
	boot_now = 8;
	f->boot_ms = 100;
	f->wall_ms += HOUR;
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 0);
	f->wall_ms -= 3 * HOUR;
	boot_now = 9;
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_memory_equal(fake_text(f, "SELECT what FROM ds_notice"), "The clock was set back by 2 h or more. ", 39);
}

static void a_tablet_that_never_heard_anything_notices_it_too(void **state)
{
	struct fake *f = *state;

	fake_do(f, "DELETE FROM ds_reading; UPDATE ds_state SET reading=0; DELETE FROM ds_meta WHERE key LIKE 'clock%'");
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_reading"), 0);
	fake_build(f);
	f->wall_ms -= HOUR;
	assert_int_equal(clocks_look_alone(&f->replica), ST_OK);
	assert_int_equal(fake_int(f, "SELECT heard_ms FROM ds_reading"), 0);
	sql_notes(f, "New");
	fake_build(f);
	assert_int_equal(fake_change(f, 0)->evidence.heard_ms, 0);
	assert_int_equal(wall_of(&fake_change(f, 0)->evidence), f->wall_ms);
	assert_false(f->request.clock.measured);
}

/* --- how far it is off ------------------------------------------------------------------------ */

static void the_offset_is_that_of_the_newest_reading_and_of_a_clock_set_since(void **state)
{
	struct fake *f = *state;
	struct clock_off off = { 0 };
	bool known = false;

	f->centre_ms = f->wall_ms - 7 * MINUTE;
	exchange(f);
	assert_int_equal(clocks_off(&f->replica, &known, &off), ST_OK);
	assert_true(known);
	assert_int_equal(off.ms, 7 * MINUTE);
	pass(f, HOUR);
	f->wall_ms -= 10 * MINUTE;
	assert_int_equal(clocks_off(&f->replica, &known, &off), ST_OK);
	assert_int_equal(off.ms, -3 * MINUTE);
	fake_do(f, "DELETE FROM ds_reading");
	assert_int_equal(clocks_off(&f->replica, &known, &off), ST_OK);
	assert_false(known);
}

/* --- the kernel's word --------------------------------------------------------------------------- */

static void the_kernel_says_that_a_clock_was_set_by_cancelling_a_timer(void **state)
{
	struct watch watch;
	struct pollfd fd;

	(void)state;
	assert_true(watch_clock_cancelled(-1, ECANCELED));
	assert_false(watch_clock_cancelled(-1, EAGAIN));
	assert_false(watch_clock_cancelled(8, ECANCELED));
	watch_open(&watch, "/");
	assert_true(watch.clock >= 0);
	/* Nobody has set it: there is nothing to read, and it stays watched. */
	fd = (struct pollfd){ .fd = watch.clock, .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_false(watch_clock(&watch));
	assert_true(watch.clock >= 0);
	watch_close(&watch);
	assert_int_equal(watch.clock, -1);
	assert_false(watch_clock(&watch));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edit_by_plain_sql_sends_its_wall_clock_and_reading_and_no_boot),
		TEST(a_save_of_ours_sends_the_clock_since_boot_as_well),
		TEST(records_that_are_made_or_deleted_by_us_send_it_too),
		TEST(a_later_edit_by_plain_sql_takes_the_clock_since_boot_away),
		TEST(a_save_of_one_group_claims_nothing_of_another_programs_group),
		TEST(where_the_boot_is_not_known_nothing_is_claimed),
		TEST(a_returned_change_that_is_used_again_is_a_new_edit_with_new_clocks),
		TEST(readings_measure_the_edits_between_them),
		TEST(a_clock_set_back_is_noticed_told_and_measures_nothing_across),
		TEST(a_save_of_ours_before_the_clock_was_set_stays_measured),
		TEST(a_sync_notices_it_where_nobody_watched),
		TEST(told_twice_of_the_same_people_read_it_once_with_the_newest_time),
		TEST(less_than_a_minute_is_noted_and_not_told),
		TEST(across_a_reboot_a_clock_behind_the_last_one_kept_was_set),
		TEST(a_tablet_that_never_heard_anything_notices_it_too),
		TEST(the_offset_is_that_of_the_newest_reading_and_of_a_clock_set_since),
		cmocka_unit_test(the_kernel_says_that_a_clock_was_set_by_cancelling_a_timer),
	};

	return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
