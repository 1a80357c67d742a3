/* What an answer does to the replica: each sentence of the design's section on outcomes
 * and rows as a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/save.h"
#include "tests/support/fake.h"

#define NOTES "SELECT notes FROM task WHERE id='" TASK "'"
#define SET_NOTES(text) "UPDATE task SET notes='" text "' WHERE id='" TASK "'"
#define NOTES_GROUP 12
#define COPY "SELECT vals FROM ds_copy WHERE grp=12"
#define VERSION "SELECT version FROM task WHERE id='" TASK "'"

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

static uint64_t base_of_notes(struct fake *f)
{
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.tag, VERSION_SEQ);
	return fake_group(fake_change(f, 0), "notes")->base.seq;
}

/* --- rows ------------------------------------------------------------------------- */

static void a_whole_record_becomes_a_row_that_is_not_dirty(void **state)
{
	struct fake *f = *state;

	assert_string_equal(fake_text(f, "SELECT title||' '||status||' '||notes||' '||patient FROM task"),
			    "Call open Old " PAT);
	assert_int_equal(fake_int(f, "SELECT owner IS NULL FROM task"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
	assert_int_equal(fake_int(f, "SELECT seq FROM ds_version WHERE kind=8 AND grp=-1"), 10);
}

static void news_of_some_groups_leaves_the_others_as_they_are(void **state)
{
	struct fake *f = *state;
	const int64_t version = fake_int(f, VERSION);

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "New", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT title||' '||notes FROM task"), "Call New");
	assert_true(fake_int(f, VERSION) > version);
	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(base_of_notes(f), 20);
}

static void what_was_seen_of_the_centre_never_goes_back(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "New", NULL);
	takes(f);
	asks(f);
	fake_record(f, "task", TASK, PAT, 15, RECORD_PART, "notes", "New", NULL);
	takes(f);
	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(base_of_notes(f), 20);
}

static void a_whole_record_empties_what_it_does_not_bring(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_WHOLE, "title", "Call", NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT notes IS NULL AND status IS NULL FROM task"), 1);
}

static void a_row_that_does_not_change_keeps_its_version(void **state)
{
	struct fake *f = *state;
	const int64_t version = fake_int(f, VERSION);

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "Old", NULL);
	takes(f);
	assert_int_equal(fake_int(f, VERSION), version);
	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(base_of_notes(f), 20);
}

static void staff_records_have_no_patient(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "worker", TASK2, NULL, 20, RECORD_WHOLE, "name", "Kim Example", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT name FROM worker"), "Kim Example");
}

/* Notes typed on a page that shows the task as it was at that version. */
static void save_notes(struct fake *f, int64_t shown, const char *notes)
{
	const struct kind *kind = schema_kind(f->schema, "task", 4);
	const struct id id = fake_id(TASK);
	const int at = kind_field(kind, "notes", 5);
	struct row row = { 0 };
	int64_t version = 0;

	row.values[at] = value_string(notes);
	assert_int_equal(save_fields(&f->replica, kind, &id, shown, &row, (uint64_t)1 << at, &version, NULL), ST_OK);
}

static void a_page_that_was_open_before_news_came_is_judged_against_what_it_showed(void **state)
{
	struct fake *f = *state;
	const int64_t shown = fake_int(f, VERSION);

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "New", NULL);
	takes(f);
	save_notes(f, shown, "Mine");
	assert_int_equal(base_of_notes(f), 10);
}

/* The whole record came while the group was dirty, so that the row went on showing what it did. */
static void a_page_from_before_a_whole_record_is_judged_so_too_where_an_edit_was_taken_back(void **state)
{
	const struct sync_options fetch = { .send_nothing = true };
	struct fake *f = *state;
	const int64_t shown = fake_int(f, VERSION);
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(sync_build(&f->sync, &fetch, &f->request_bytes, &report, NULL), ST_OK);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_WHOLE, "title", "Call", "notes", "Theirs", NULL);
	takes(f);
	fake_do(f, SET_NOTES("Old"));
	asks(f);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Theirs");
	save_notes(f, shown, "Mine again");
	assert_int_equal(base_of_notes(f), 10);
}

/* --- dirty and in flight ---------------------------------------------------------- */

static void news_for_a_dirty_group_goes_only_into_its_copy(void **state)
{
	struct fake *f = *state;
	const struct sync_options fetch = { .send_nothing = true };
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(sync_build(&f->sync, &fetch, &f->request_bytes, &report, NULL), ST_OK);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "Theirs", "priority", "high", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_string_equal(fake_text(f, COPY), "[\"Theirs\"]");
	assert_string_equal(fake_text(f, "SELECT priority FROM task"), "high");
	/* What it was shown is still its base. */
	assert_int_equal(base_of_notes(f), 10);
}

static void typed_back_to_its_base_the_row_takes_the_copy_that_came(void **state)
{
	struct fake *f = *state;
	const struct sync_options fetch = { .send_nothing = true };
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	assert_int_equal(sync_build(&f->sync, &fetch, &f->request_bytes, &report, NULL), ST_OK);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	fake_do(f, SET_NOTES("Old"));
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_string_equal(fake_text(f, NOTES), "Theirs");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	fake_do(f, SET_NOTES("Mine again"));
	assert_int_equal(base_of_notes(f), 20);
}

static void news_for_a_group_in_flight_goes_only_into_its_copy(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_WHOLE, "title", "Call her", "notes", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_string_equal(fake_text(f, COPY), "[\"Theirs\"]");
	assert_string_equal(fake_text(f, "SELECT title FROM task"), "Call her");
}

static void of_two_news_the_copy_is_the_newer(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "First", NULL);
	takes(f);
	asks(f);
	fake_record(f, "task", TASK, PAT, 22, RECORD_PART, "notes", "Second", NULL);
	takes(f);
	assert_string_equal(fake_text(f, COPY), "[\"Second\"]");
	asks(f);
	fake_record(f, "task", TASK, PAT, 21, RECORD_PART, "notes", "Late", NULL);
	takes(f);
	assert_string_equal(fake_text(f, COPY), "[\"Second\"]");
}

static void a_copy_from_after_an_accepted_change_replaces_it(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "notes", "Later", NULL);
	takes(f);
	asks(f);
	fake_accept(f, 1, 25);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Later");
	fake_do(f, SET_NOTES("More"));
	assert_int_equal(base_of_notes(f), 30);
}

static void no_longer_in_flight_the_row_takes_a_newer_copy(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "notes", "Later", NULL);
	fake_accept(f, 1, 25);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Later");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
}

static void a_copy_from_before_an_accepted_change_is_of_the_past(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	asks(f);
	fake_accept(f, 1, 25);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	fake_do(f, SET_NOTES("More"));
	assert_int_equal(base_of_notes(f), 25);
}

/* --- outcomes --------------------------------------------------------------------- */

static void an_outcome_never_touches_a_dirty_group(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_do(f, SET_NOTES("Mine, continued"));
	fake_judge(f, 1, 25, NOTES_GROUP, GROUP_SUPERSEDED);
	fake_record(f, "task", TASK, PAT, 25, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine, continued");
	assert_string_equal(fake_text(f, COPY), "[\"Theirs\"]");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.n, 1);
	assert_string_equal(fake_value(fake_change(f, 0), "notes"), "Mine, continued");
}

static void what_was_superseded_or_merged_gives_way_to_what_stands(void **state)
{
	static const enum outcome_verdict verdicts[] = { GROUP_SUPERSEDED, GROUP_MERGED };
	struct fake *f = *state;

	for (size_t i = 0; i < 2; i++) {
		const uint64_t seq = 30 + 10 * (uint64_t)i;
		struct sync_report report = { 0 };

		fake_do(f, SET_NOTES("Mine"));
		asks(f);
		fake_judge(f, i + 1, seq, NOTES_GROUP, verdicts[i]);
		fake_record(f, "task", TASK, PAT, seq, RECORD_PART, "notes", "What stands", NULL);
		assert_int_equal(fake_take(f, &report), ST_OK);
		assert_int_equal(report.applied.superseded, i == 0);
		assert_int_equal(report.applied.merged, i == 1);
		assert_string_equal(fake_text(f, NOTES), "What stands");
		assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_journal WHERE state<>2"), 0);
	}
	assert_string_equal(fake_text(f, "SELECT outcome FROM ds_journal WHERE n=1"),
			    "{\"result\":\"superseded\",\"groups\":{\"notes\":\"superseded\"}}");
}

static void a_page_that_showed_what_was_superseded_starts_from_that_number(void **state)
{
	struct fake *f = *state;
	const struct kind *kind = schema_kind(f->schema, "task", 4);
	const struct id id = fake_id(TASK);
	const int at = kind_field(kind, "notes", 5);
	struct row row = { 0 };
	int64_t version = 0, shown = 0;

	fake_do(f, SET_NOTES("Mine"));
	shown = fake_int(f, VERSION);
	asks(f);
	fake_judge(f, 1, 25, NOTES_GROUP, GROUP_SUPERSEDED);
	fake_record(f, "task", TASK, PAT, 25, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	row.values[at] = value_string("Mine, continued");
	assert_int_equal(save_fields(&f->replica, kind, &id, shown, &row, (uint64_t)1 << at, &version, NULL), ST_OK);
	fake_build(f);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.tag, VERSION_OWN);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.n, 1);
}

static void an_outcome_said_again_changes_nothing(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	fake_accept_all(f, 25);
	asks(f);
	fake_accept(f, 1, 25);
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_int_equal(report.applied.accepted, 0);
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal"), 2);
}

/* --- held ------------------------------------------------------------------------- */

static void a_held_change_stays_in_the_row_and_is_named_until_it_is_decided(void **state)
{
	struct fake *f = *state;
	struct digest digest;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	change_digest(&digest, f->request.changes[0].body.data, f->request.changes[0].body.len);
	fake_hold(f, 1, 25, HELD_NOT_YOURS);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_string_equal(fake_text(f, "SELECT outcome FROM ds_journal"), "{\"result\":\"held\",\"reason\":\"not-yours\"}");
	assert_int_equal(fake_int(f, "SELECT reason FROM ds_journal"), HELD_NOT_YOURS);
	for (int i = 0; i < 2; i++) {
		asks(f);
		assert_int_equal(f->request.change_count, 0);
		assert_int_equal(f->request.held_count, 1);
		assert_int_equal(f->request.held[0].n, 1);
		assert_memory_equal(f->request.held[0].digest, digest.bytes, 8);
		fake_record(f, "task", TASK, PAT, 30 + (uint64_t)i, RECORD_PART, "notes", "Theirs", NULL);
		takes(f);
		assert_string_equal(fake_text(f, NOTES), "Mine");
	}
	asks(f);
	fake_accept(f, 1, 40);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	asks(f);
	assert_int_equal(f->request.held_count, 0);
}

static void given_back_the_row_takes_the_copy_and_the_value_waits_in_the_journal(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_hold(f, 1, 25, HELD_NOT_YOURS);
	takes(f);
	asks(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	asks(f);
	fake_return(f, 1, 31);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Theirs");
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal"), 3);
	assert_int_equal(fake_int(f, "SELECT body IS NOT NULL FROM ds_journal"), 1);
}

static void a_create_given_back_leaves_its_table_unless_it_was_edited_since(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	asks(f);
	fake_hold(f, 1, 25, HELD_NOT_YOURS);
	takes(f);
	fake_do(f, "UPDATE task SET notes='More' WHERE id='" TASK2 "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='And more' WHERE id='" TASK2 "'");
	fake_begin(f);
	fake_return(f, 1, 26);
	fake_hold(f, 2, 27, HELD_WAITS);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT notes FROM task WHERE id='" TASK2 "'"), "And more");
	asks(f);
	fake_return(f, 2, 28);
	fake_return(f, 3, 29);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task WHERE id='" TASK2 "'"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 1);
}

/* --- deletions -------------------------------------------------------------------- */

static void a_deletion_at_the_centre_removes_a_row_of_which_nothing_is_dirty(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_WHOLE | RECORD_DELETED, "title", "Call", NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	assert_int_equal(fake_int(f, "SELECT last IS NULL FROM ds_gone"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
}

static void a_deletion_at_the_centre_waits_until_nothing_is_dirty_or_in_flight(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART | RECORD_DELETED, "title", "Call", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	asks(f);
	fake_accept(f, 1, 25);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone"), 1);
}

static void an_edit_that_brought_the_record_back_at_the_centre_keeps_its_row(void **state)
{
	struct fake *f = *state;

	fake_do(f, SET_NOTES("Mine"));
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART | RECORD_DELETED, "title", "Call", NULL);
	takes(f);
	asks(f);
	fake_accept(f, 1, 25);
	fake_record(f, "task", TASK, PAT, 25, RECORD_WHOLE, "title", "Call", "notes", "Mine", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Mine");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
}

static void a_deletion_that_was_accepted_stays_deleted(void **state)
{
	struct fake *f = *state;

	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	asks(f);
	fake_accept(f, 1, 25);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	/* Only a whole record brings it back. */
	asks(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_PART, "notes", "Stray", NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	asks(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_WHOLE, "title", "Call", "notes", "Back", NULL);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Back");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone"), 0);
}

static void a_deletion_that_lost_brings_the_row_back_as_it_stands(void **state)
{
	struct fake *f = *state;

	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	asks(f);
	fake_record(f, "task", TASK, PAT, 20, RECORD_PART, "priority", "high", NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	asks(f);
	fake_judge(f, 1, 25, SCHEMA_GROUP_DELETED, GROUP_SUPERSEDED);
	fake_record(f, "task", TASK, PAT, 25, RECORD_PART, "notes", "Theirs", NULL);
	takes(f);
	assert_string_equal(fake_text(f, "SELECT title||' '||priority||' '||notes FROM task"), "Call high Theirs");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone")+fake_int(f, "SELECT count(*) FROM ds_copy"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
}

static void a_deletion_given_back_brings_the_row_back(void **state)
{
	struct fake *f = *state;

	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	asks(f);
	fake_hold(f, 1, 25, HELD_NOT_YOURS);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	asks(f);
	fake_return(f, 1, 26);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Old");
}

static void a_record_made_and_deleted_before_it_was_sent_leaves_nothing_behind(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	fake_do(f, "DELETE FROM task WHERE id='" TASK2 "'");
	asks(f);
	fake_hold(f, 1, 25, HELD_NOT_YOURS);
	takes(f);
	asks(f);
	fake_return(f, 1, 26);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task WHERE id='" TASK2 "'"), 0);
}

/* --- what can not be read, or was never here ---------------------------------------- */

static void a_deletion_of_a_record_that_was_never_here_is_noted(void **state)
{
	struct fake *f = *state;

	asks(f);
	fake_record(f, "task", TASK2, PAT, 20, RECORD_PART | RECORD_DELETED, NULL);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone WHERE id='" TASK2 "'"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 1);
}

/* --- caseload, cursor, notices, readings ------------------------------------------ */

static void patients_let_go_keep_their_rows_and_say_so(void **state)
{
	const struct id ids[] = { fake_id(PAT), fake_id(PAT2) };
	struct fake *f = *state;
	struct sync_report report = { 0 };

	asks(f);
	f->answer.filling = ids;
	f->answer.filling_count = 2;
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_caseload WHERE state='filling'"), 2);
	asks(f);
	f->answer.complete = ids;
	f->answer.complete_count = 1;
	f->answer.let_go = ids + 1;
	f->answer.let_go_count = 1;
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_string_equal(fake_text(f, "SELECT state FROM ds_caseload WHERE patient='" PAT "'"), "complete");
	assert_string_equal(fake_text(f, "SELECT state FROM ds_caseload WHERE patient='" PAT2 "'"), "left");
	assert_int_equal(report.applied.complete, 1);
	assert_int_equal(report.applied.let_go, 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 1);
}

/* What was typed before the tablet heard of the handover and what was typed after it are changes of their own. */
static void what_is_unsent_gets_its_numbers_when_a_patient_is_let_go(void **state)
{
	const struct id gone = fake_id(PAT);
	struct fake *f = *state;

	asks(f);
	fake_do(f, SET_NOTES("Before"));
	f->answer.let_go = &gone;
	f->answer.let_go_count = 1;
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_journal WHERE n=1"), 1);
	assert_string_equal(fake_text(f, NOTES), "Before");
	fake_do(f, SET_NOTES("After"));
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 1);
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(f->request.changes[1].n, 2);
}

static void the_cursor_moves_with_the_answer_and_goes_when_the_centre_refuses_it(void **state)
{
	struct fake *f = *state;

	asks(f);
	f->answer.cursor = (struct bytes){ .data = "here", .len = 4 };
	takes(f);
	asks(f);
	assert_int_equal(f->request.cursor.len, 4);
	assert_memory_equal(f->request.cursor.data, "here", 4);
	takes(f);
	asks(f);
	assert_int_equal(f->request.cursor.len, 4);
	f->answer.notices[0] = NOTICE_CURSOR;
	f->answer.notice_count = 1;
	takes(f);
	asks(f);
	assert_int_equal(f->request.cursor.len, 0);
}

static void numbers_that_the_centre_lacks_wait_again_and_only_those(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	for (int i = 0; i < 3; i++) {
		fake_do(f, "UPDATE task SET notes=notes||'x' WHERE id='" TASK "'");
		fake_accept_all(f, 20 + (uint64_t)i);
	}
	asks(f);
	f->answer.notices[0] = NOTICE_SEND_FROM;
	f->answer.notice_count = 1;
	f->answer.send_from = 2;
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_true(report.applied.notices[NOTICE_SEND_FROM]);
	asks(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(f->request.changes[0].n, 2);
	assert_int_equal(f->request.changes[1].n, 3);
	assert_string_equal(fake_text(f, NOTES), "Oldxxx");
	fake_accept(f, 2, 21);
	fake_accept(f, 3, 22);
	takes(f);
	assert_string_equal(fake_text(f, NOTES), "Oldxxx");
}

static void an_answer_is_a_reading_of_the_centres_clock(void **state)
{
	struct fake *f = *state;

	asks(f);
	f->boot_ms += 700;
	f->wall_ms += 700;
	f->centre_ms = 1790000000000;
	f->answer.received_ms = f->centre_ms;
	f->answer.sent_ms = f->centre_ms + 40;
	takes(f);
	assert_string_equal(fake_text(f, "SELECT id||' '||heard_ms||' '||wall_received_ms||' '||slack_ms FROM ds_reading"
					 " ORDER BY id DESC"), "2 1790000000040 1800000000700 700");
	assert_int_equal(fake_int(f, "SELECT reading FROM ds_state"), 2);
	f->wall_ms += 60000;
	asks(f);
	assert_true(f->request.clock.measured);
	assert_int_equal(f->request.clock.heard_ms, 1790000000040);
	assert_int_equal(f->request.clock.elapsed_ms, 60000);
	assert_int_equal(f->request.clock.slack_ms, 700);
}

static void a_reading_that_an_unsent_edit_names_is_kept_and_the_one_after_it(void **state)
{
	struct fake *f = *state;
	const struct sync_options fetch = { .send_nothing = true };
	struct sync_report report = { 0 };

	fake_do(f, SET_NOTES("Mine"));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sync_build(&f->sync, &fetch, &f->request_bytes, &report, NULL), ST_OK);
		fake_begin(f);
		takes(f);
	}
	assert_int_equal(fake_int(f, "SELECT min(id) FROM ds_reading"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_reading"), 6);
	asks(f);
	takes(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_reading"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_record_becomes_a_row_that_is_not_dirty),
		TEST(news_of_some_groups_leaves_the_others_as_they_are),
		TEST(what_was_seen_of_the_centre_never_goes_back),
		TEST(a_whole_record_empties_what_it_does_not_bring),
		TEST(a_row_that_does_not_change_keeps_its_version),
		TEST(staff_records_have_no_patient),
		TEST(a_page_that_was_open_before_news_came_is_judged_against_what_it_showed),
		TEST(a_page_from_before_a_whole_record_is_judged_so_too_where_an_edit_was_taken_back),
		TEST(news_for_a_dirty_group_goes_only_into_its_copy),
		TEST(typed_back_to_its_base_the_row_takes_the_copy_that_came),
		TEST(news_for_a_group_in_flight_goes_only_into_its_copy),
		TEST(of_two_news_the_copy_is_the_newer),
		TEST(a_copy_from_after_an_accepted_change_replaces_it),
		TEST(no_longer_in_flight_the_row_takes_a_newer_copy),
		TEST(a_copy_from_before_an_accepted_change_is_of_the_past),
		TEST(an_outcome_never_touches_a_dirty_group),
		TEST(what_was_superseded_or_merged_gives_way_to_what_stands),
		TEST(a_page_that_showed_what_was_superseded_starts_from_that_number),
		TEST(an_outcome_said_again_changes_nothing),
		TEST(a_held_change_stays_in_the_row_and_is_named_until_it_is_decided),
		TEST(given_back_the_row_takes_the_copy_and_the_value_waits_in_the_journal),
		TEST(a_create_given_back_leaves_its_table_unless_it_was_edited_since),
		TEST(a_deletion_at_the_centre_removes_a_row_of_which_nothing_is_dirty),
		TEST(a_deletion_at_the_centre_waits_until_nothing_is_dirty_or_in_flight),
		TEST(an_edit_that_brought_the_record_back_at_the_centre_keeps_its_row),
		TEST(a_deletion_that_was_accepted_stays_deleted),
		TEST(a_deletion_that_lost_brings_the_row_back_as_it_stands),
		TEST(a_deletion_given_back_brings_the_row_back),
		TEST(a_record_made_and_deleted_before_it_was_sent_leaves_nothing_behind),
		TEST(a_deletion_of_a_record_that_was_never_here_is_noted),
		TEST(patients_let_go_keep_their_rows_and_say_so),
		TEST(what_is_unsent_gets_its_numbers_when_a_patient_is_let_go),
		TEST(the_cursor_moves_with_the_answer_and_goes_when_the_centre_refuses_it),
		TEST(numbers_that_the_centre_lacks_wait_again_and_only_those),
		TEST(an_answer_is_a_reading_of_the_centres_clock),
		TEST(a_reading_that_an_unsent_edit_names_is_kept_and_the_one_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
