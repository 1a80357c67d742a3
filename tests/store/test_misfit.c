/* What an answer brings that does not fit this tablet: it is told, and keeps nothing else from being applied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/support/fake.h"

#define NOTES "SELECT notes FROM task WHERE id='" TASK "'"
#define SET_NOTES(text) "UPDATE task SET notes='" text "' WHERE id='" TASK "'"

static void takes(struct fake *f)
{
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_applying"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_sent WHERE settled=2"), 0);
}

/* A request without changes, and the answer to it begun. */
static void asks(struct fake *f)
{
	fake_build(f);
	fake_begin(f);
}

static int set_up(void **state)
{
	static struct fake fake;

	fake_open(&fake);
	asks(&fake);
	fake_record(&fake, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", "phone", "1", NULL);
	fake_record(&fake, "task", TASK, PAT, 10, RECORD_WHOLE, "title", "Call", "status", "open", "notes", "Old", NULL);
	takes(&fake);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_close(*state);
	return 0;
}

static void another_outcome_for_a_settled_number_is_told_and_stops_nothing(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	fake_accept_all(f, 25);
	for (int i = 0; i < 2; i++) {
		fake_do(f, i == 0 ? SET_NOTES("More") : SET_NOTES("Still more"));
		asks(f);
		if (i == 0)
			fake_accept(f, 1, 26);
		else
			fake_hold(f, 1, 25, HELD_RIGHTS);
		fake_accept(f, 2 + (uint64_t)i, 30 + (uint64_t)i);
		fake_record(f, "task", TASK, PAT, 40 + (uint64_t)i, RECORD_PART, "priority", i == 0 ? "high" : "low", NULL);
		takes(f);
		assert_string_equal(fake_text(f, "SELECT state||' '||seq||' '||outcome FROM ds_journal WHERE n=1"),
				    "2 25 {\"result\":\"accepted\"}");
		assert_string_equal(fake_text(f, "SELECT priority FROM task"), i == 0 ? "high" : "low");
	}
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_journal WHERE state=2"), 3);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
}

static void an_outcome_for_a_number_never_given_is_told_and_stops_nothing(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_accept(f, 1, 25);
	fake_accept(f, 2, 26);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "priority", "high", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT notes||' '||priority FROM task"), "Mine high");
	assert_string_equal(fake_text(f, "SELECT group_concat(n||' '||state) FROM ds_journal"), "1 2");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	fake_do(f, SET_NOTES("More"));
	fake_accept_all(f, 31);
	assert_string_equal(fake_text(f, "SELECT group_concat(n||' '||state) FROM ds_journal"), "1 2,2 2");
}

static void a_part_of_a_record_that_is_not_here_has_everything_fetched_anew(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_accept(f, 1, 19);
	fake_record(f, "task", TASK2, PAT, 20, RECORD_PART, "notes", "Stray", NULL);
	fake_record(f, "task", TASK, PAT, 21, RECORD_PART, "priority", "high", NULL);
	f->answer.cursor = (struct bytes){ .data = "here", .len = 4 };
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_true(report.applied.anew);
	assert_string_equal(fake_text(f, "SELECT group_concat(id||' '||notes||' '||priority) FROM task"), TASK " Mine high");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	fake_record(f, "task", TASK2, PAT, 20, RECORD_WHOLE, "title", "Walk", "notes", "Whole", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT notes FROM task WHERE id='" TASK2 "'"), "Whole");
}

#define LONG "She slept well. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day."
#define OTHER "She slept well. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day!"
#define LONGER "She slept well. The wound is dry and clean. Her older daughter visits on Sundays, her son calls every day."
#define LONGEST "She slept very well. The wound is dry and clean. Her older daughter visits on Sundays, her son calls every day."

/* A part of the task with these notes, made from those. */
static void splice_record(struct fake *f, uint64_t seq, const char *from, const char *notes)
{
	static struct bytes base[SCHEMA_FIELDS_MAX];
	const struct kind *task = schema_kind(f->schema, "task", 4);

	memset(base, 0, sizeof base);
	base[kind_field(task, "notes", 5)] = (struct bytes){ from, strlen(from) };
	f->splice_base = base;
	fake_record(f, "task", TASK, PAT, seq, RECORD_PART, "notes", notes, NULL);
	f->splice_base = NULL;
}

static void a_text_that_came_as_what_is_new_in_it_is_whole_in_its_row(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", LONG, NULL);
	takes(f);
	asks(f);
	splice_record(f, 21, LONG, LONGER);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), LONGER);
	/* While something is in flight here, it is made from the kept copy, and stays one. */
	fake_do(f, SET_NOTES("Mine"));
	fake_build(f);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 22, RECORD_PART, "notes", LONG, NULL);
	takes(f);
	asks(f);
	splice_record(f, 23, LONG, LONGEST);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_non_null(strstr(fake_text(f, "SELECT vals FROM ds_copy WHERE grp=12"), "very well"));
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 0);
}

static void a_text_made_from_another_one_has_everything_fetched_anew(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", OTHER, NULL);
	takes(f);
	asks(f);
	splice_record(f, 21, LONG, LONGEST);
	f->answer.cursor = (struct bytes){ .data = "here", .len = 4 };
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_true(report.applied.anew);
	assert_string_equal(fake_text(f, NOTES), OTHER);
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	fake_record(f, "task", TASK, PAT, 21, RECORD_WHOLE, "title", "Call", "notes", LONGEST, NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), LONGEST);
}

static void a_row_that_was_removed_behind_the_triggers_comes_back(void **state)
{
	struct fake *f = *state;

	fake_do(f, "PRAGMA foreign_keys=OFF; BEGIN; INSERT INTO ds_applying VALUES(1); DELETE FROM task;"
		   "DELETE FROM ds_applying; COMMIT; PRAGMA foreign_keys=ON");
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "New", NULL);
	takes(f);
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	fake_record(f, "task", TASK, PAT, 20, RECORD_WHOLE, "title", "Call", "notes", "New", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "New");
}

static void another_patients_record_of_the_same_id_is_not_taken_and_stops_nothing(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	asks(f);
	fake_hold(f, 1, 25, HELD_EXISTS);
	fake_record(f, "task", TASK2, PAT2, 20, RECORD_WHOLE, "title", "Theirs", NULL);
	fake_record(f, "task", TASK, PAT, 21, RECORD_PART, "notes", "New", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT patient||' '||title FROM task WHERE id='" TASK2 "'"), PAT " Walk");
	assert_string_equal(fake_text(f, NOTES), "New");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	/* A part does not say whose it is. */
	asks(f);
	fake_record(f, "task", TASK2, PAT2, 27, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT patient||' '||coalesce(notes,'-') FROM task WHERE id='" TASK2 "'"), PAT " -");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	/* Given back it makes room for the record at the centre. */
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	fake_return(f, 1, 26);
	takes(f);
	asks(f);
	fake_record(f, "task", TASK2, PAT2, 30, RECORD_WHOLE, "title", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT patient||' '||title FROM task WHERE id='" TASK2 "'"), PAT2 " Theirs");
}

static void after_a_loss_at_the_centre_no_number_is_left_out_and_all_is_fetched_anew(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("One"));
	fake_accept_all(f, 20);
	fake_do(f, SET_NOTES("Two"));
	asks(f);
	fake_return(f, 2, 21);
	fake_record(f, "task", TASK, PAT, 22, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal WHERE n=2"), 3);
	fake_do(f, SET_NOTES("Three"));
	asks(f);
	f->answer.cursor = (struct bytes){ .data = "here", .len = 4 };
	f->answer.notices[0] = NOTICE_SEND_FROM;
	f->answer.notice_count = 1;
	f->answer.send_from = 2;
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_true(report.applied.anew);
	asks(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(f->request.changes[0].n, 2);
	assert_int_equal(f->request.changes[1].n, 3);
	assert_int_equal(f->request.cursor.len, 0);
	fake_return(f, 2, 31);
	fake_accept(f, 3, 32);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT group_concat(state,'') FROM (SELECT state FROM ds_journal ORDER BY n)"), "232");
	assert_string_equal(fake_text(f, NOTES), "Three");
}

static void a_tablet_that_is_taken_for_a_copy_says_so(void **state)
{
	struct fake *f = *state;

	for (int i = 0; i < 2; i++) {
		asks(f);
		f->answer.notices[0] = NOTICE_COUNTER;
		f->answer.notice_count = 1;
		takes(f);
		assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
	}
}

static void what_is_held_counts_once_however_often_it_is_said(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	for (int i = 0; i < 3; i++) {
		struct sync_report report = { 0 };

		asks(f);
		fake_hold(f, 1, 25, HELD_NOT_YOURS);
		assert_int_equal(fake_take(f, &report), ST_OK);
		assert_int_equal(report.applied.held, i == 0);
	}
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_journal WHERE state=1"), 1);
}

/* --- what this version can't read --------------------------------------------------- */

static int64_t notices(struct fake *f)
{
	return fake_int(f, "SELECT count(*) FROM ds_notice");
}

/* A record that can be read, one that can't, and all else that an answer says. */
static void says_what_can_not_be_read(struct fake *f)
{
	static const struct id patients[] = { { { 1 } } };

	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "title", "New", NULL);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "priority", "enormous", NULL);
	f->answer.cursor = (struct bytes){ .data = "there", .len = 5 };
	f->answer.filling = patients;
	f->answer.filling_count = 1;
	f->answer.more = true;
}

static void what_can_not_be_read_stops_no_outcome_and_moves_nothing_else(void **state)
{
	struct fake *f = *state;

	asks(f);
	f->answer.cursor = (struct bytes){ .data = "here", .len = 4 };
	takes(f);
	for (int i = 0; i < 2; i++) {
		struct sync_report report = { 0 };

		fake_do(f, i == 0 ? SET_NOTES("Mine") : SET_NOTES("More"));
		asks(f);
		fake_accept(f, 1 + (uint64_t)i, 25 + (uint64_t)i);
		says_what_can_not_be_read(f);
		assert_int_equal(fake_take(f, &report), ST_OK);
		assert_true(report.applied.unreadable);
		assert_false(report.applied.more);
		assert_false(report.applied.anew);
		assert_int_equal(report.applied.accepted, 1);
		assert_string_equal(fake_text(f, "SELECT CAST(value AS TEXT) FROM ds_meta WHERE key='cursor'"), "here");
	}
	assert_string_equal(fake_text(f, "SELECT group_concat(n||' '||state) FROM ds_journal"), "1 2,2 2");
	assert_string_equal(fake_text(f, "SELECT title||' '||notes FROM task"), "Call More");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_caseload"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	assert_int_equal(notices(f), 1);
}

static void a_value_that_stands_instead_of_a_change_is_fetched_where_it_could_not_be_read(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_judge(f, 1, 25, fake_group(fake_change(f, 0), "notes")->num, GROUP_SUPERSEDED);
	says_what_can_not_be_read(f);
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_true(report.applied.anew);
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	fake_record(f, "task", TASK, PAT, 30, RECORD_WHOLE, "title", "New", "notes", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Theirs");
}

/* --- who and what is still here -------------------------------------------------------- */

static void who_left_before_the_cursor_was_refused_is_known_from_the_first_page_after_it(void **state)
{
	struct fake *f = *state;
	const struct id kept[] = { fake_id(PAT), fake_id(TASK) };
	struct sync_report report = { 0 };

	fake_do(f, "INSERT INTO ds_caseload VALUES('" PAT "','complete'),('" PAT2 "','complete'),('" TASK2 "','left');"
		   "INSERT INTO ds_meta VALUES('cursor',CAST('old' AS BLOB))");
	asks(f);
	assert_int_equal(f->request.cursor.len, 3);
	f->answer.notices[0] = NOTICE_CURSOR;
	f->answer.notice_count = 1;
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_caseload WHERE state='left'"), 1);
	/* No page of the feed. */
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_caseload WHERE state='left'"), 1);
	asks(f);
	f->answer.cursor = (struct bytes){ .data = "new", .len = 3 };
	f->answer.filling = kept;
	f->answer.filling_count = 2;
	f->answer.complete = kept;
	f->answer.complete_count = 1;
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_int_equal(report.applied.let_go, 1);
	assert_string_equal(fake_text(f, "SELECT group_concat(patient||' '||state) FROM ds_caseload"),
			    TASK " filling," TASK2 " left," PAT " complete," PAT2 " left");
	/* The next page names only what it fills. */
	asks(f);
	f->answer.cursor = (struct bytes){ .data = "next", .len = 4 };
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_caseload WHERE state='left'"), 2);
}

static void a_flag_that_another_program_left_is_cleared_and_told(void **state)
{
	struct fake *f = *state;

	assert_false(f->replica.restored);
	fake_do(f, "PRAGMA foreign_keys=OFF; INSERT INTO ds_applying VALUES(1); PRAGMA foreign_keys=ON;" SET_NOTES("Unseen"));
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
	asks(f);
	assert_true(f->replica.restored);
	assert_int_equal(notices(f), 1);
	takes(f);
	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(notices(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_outcome_for_a_settled_number_is_told_and_stops_nothing),
		TEST(an_outcome_for_a_number_never_given_is_told_and_stops_nothing),
		TEST(a_part_of_a_record_that_is_not_here_has_everything_fetched_anew),
		TEST(a_text_made_from_another_one_has_everything_fetched_anew),
		TEST(a_text_that_came_as_what_is_new_in_it_is_whole_in_its_row),
		TEST(a_row_that_was_removed_behind_the_triggers_comes_back),
		TEST(another_patients_record_of_the_same_id_is_not_taken_and_stops_nothing),
		TEST(after_a_loss_at_the_centre_no_number_is_left_out_and_all_is_fetched_anew),
		TEST(a_tablet_that_is_taken_for_a_copy_says_so),
		TEST(what_is_held_counts_once_however_often_it_is_said),
		TEST(what_can_not_be_read_stops_no_outcome_and_moves_nothing_else),
		TEST(a_value_that_stands_instead_of_a_change_is_fetched_where_it_could_not_be_read),
		TEST(who_left_before_the_cursor_was_refused_is_known_from_the_first_page_after_it),
		TEST(a_flag_that_another_program_left_is_cleared_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
