/* What the journal promises: dirty groups become numbered changes, in full, in order,
 * and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/journal.h"
#include "tests/support/fake.h"

/* A patient and a task as the centre sent them, at sequence 10. */
static void given(struct fake *f)
{
	fake_build(f);
	fake_begin(f);
	fake_record(f, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", "phone", "1", NULL);
	fake_record(f, "task", TASK, PAT, 10, RECORD_WHOLE, "title", "Call", "status", "open", "notes", "Old", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
}

static int set_up(void **state)
{
	static struct fake fake;

	fake_open(&fake);
	given(&fake);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_close(*state);
	return 0;
}

static int64_t dirty(struct fake *f)
{
	return fake_int(f, "SELECT count(*) FROM ds_dirty");
}

/* --- creates and edits ------------------------------------------------------------ */

static void a_new_record_goes_whole_under_one_number(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_do(f, "INSERT INTO task(id,patient,title,status) VALUES('" TASK2 "','" PAT "','Walk','open')");
	fake_do(f, "UPDATE task SET notes='Slowly' WHERE id='" TASK2 "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(f->request.changes[0].n, 1);
	change = fake_change(f, 0);
	assert_true(change->create);
	assert_false(change->deletes);
	assert_string_equal(change->kind->name, "task");
	assert_memory_equal(change->patient.bytes, fake_id(PAT).bytes, ID_SIZE);
	assert_string_equal(fake_value(change, "title"), "Walk");
	assert_string_equal(fake_value(change, "notes"), "Slowly");
	assert_null(fake_value(change, "owner"));
	assert_int_equal(dirty(f), 0);
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal WHERE n=1"), 0);
}

static void an_edit_brings_the_whole_of_its_group_and_the_base_it_was_shown(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_do(f, "UPDATE task SET outcome='Reached her' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_false(change->create);
	assert_int_equal(change->group_count, 1);
	assert_int_equal(fake_group(change, "status")->base.tag, VERSION_SEQ);
	assert_int_equal(fake_group(change, "status")->base.seq, 10);
	assert_string_equal(fake_value(change, "status"), "open");
	assert_string_equal(fake_value(change, "outcome"), "Reached her");
	assert_null(fake_value(change, "reason"));
}

static void a_set_travels_in_whatever_order_a_program_wrote_it(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE patient SET identifiers='[ \"b\", \"a\",\"b\"]' WHERE id='" PAT "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_string_equal(fake_value(fake_change(f, 0), "identifiers"), "[\"a\",\"b\"]");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM patient WHERE identifiers='[\"a\",\"b\"]'"), 1);
	assert_int_equal(dirty(f), 0);
}

static void what_is_no_set_needs_attention(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE patient SET identifiers='[1,2]' WHERE id='" PAT "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM patient WHERE identifiers='[1,2]'"), 1);
}

static void a_value_typed_back_to_its_base_is_no_change(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='New' WHERE id='" TASK "'");
	fake_do(f, "UPDATE task SET notes='Old' WHERE id='" TASK "'");
	assert_int_equal(dirty(f), 1);
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_int_equal(dirty(f), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_journal"), 0);
}

static void saving_at_every_key_costs_one_change(void **state)
{
	struct fake *f = *state;

	for (int i = 0; i < 100; i++)
		fake_do(f, "UPDATE task SET notes=notes||'x' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(strlen(fake_value(fake_change(f, 0), "notes")), 103);
}

static void what_is_edited_in_flight_starts_from_the_number_in_flight(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='B' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_group(fake_change(f, 1), "notes")->base.tag, VERSION_OWN);
	assert_int_equal(fake_group(fake_change(f, 1), "notes")->base.n, 1);
	assert_int_equal(fake_group(fake_change(f, 1), "notes")->base.origin, 0);
	assert_string_equal(fake_value(fake_change(f, 0), "notes"), "A");
	assert_string_equal(fake_value(fake_change(f, 1), "notes"), "B");
}

static void what_is_typed_back_to_the_value_in_flight_is_no_further_change(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='B' WHERE id='" TASK "'; UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(dirty(f), 0);
}

static void what_an_old_page_saves_as_it_is_in_flight_is_no_further_change(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='B' WHERE id='" TASK "'; UPDATE task SET notes='A' WHERE id='" TASK "'");
	/* A page that showed an older version leaves a base without values. */
	fake_do(f, "UPDATE ds_dirty SET base_values=NULL,base_n=NULL,base_seq=10");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(dirty(f), 0);
}

static void what_is_typed_back_to_its_first_base_while_in_flight_goes_up(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='Old' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_string_equal(fake_value(fake_change(f, 1), "notes"), "Old");
}

static void a_base_in_flight_is_named_though_it_is_settled_by_now(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='A' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='B' WHERE id='" TASK "'");
	fake_begin(f);
	fake_accept(f, 1, 20);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.n, 1);
}

/* --- deletions -------------------------------------------------------------------- */

static void a_deletion_carries_its_base_and_what_was_unsent(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_do(f, "UPDATE task SET notes='Unsent' WHERE id='" TASK "'; DELETE FROM task WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_true(change->deletes);
	assert_false(change->create);
	assert_int_equal(change->group_count, 2);
	assert_int_equal(fake_group(change, "deleted")->base.seq, 10);
	assert_string_equal(fake_value(change, "notes"), "Unsent");
	assert_int_equal(dirty(f), 0);
}

static void a_record_deleted_before_it_was_sent_goes_as_made_and_deleted(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	fake_do(f, "DELETE FROM task WHERE id='" TASK2 "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_true(change->create);
	assert_true(change->deletes);
	assert_string_equal(fake_value(change, "title"), "Walk");
	assert_memory_equal(change->patient.bytes, fake_id(PAT).bytes, ID_SIZE);
	assert_int_equal(dirty(f), 0);
}

static void deleted_and_made_again_before_a_push_is_an_edit(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	fake_do(f, "INSERT INTO task(id,patient,title,status,notes) VALUES('" TASK "','" PAT "','Call','open','New')");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_false(change->deletes);
	assert_false(change->restores);
	assert_int_equal(change->group_count, 1);
	assert_string_equal(fake_value(change, "notes"), "New");
}

static void what_the_centre_deleted_and_a_program_makes_again_is_brought_back(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_build(f);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_WHOLE | RECORD_DELETED, "title", "Call", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK "','" PAT "','Again')");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_true(change->restores);
	assert_false(change->create);
	assert_int_equal(fake_group(change, "deleted")->base.seq, 30);
	assert_string_equal(fake_value(change, "title"), "Again");
}

/* Values that were typed go up and into its history; the record stays as everybody left it. */
static void what_the_centre_deleted_made_again_and_deleted_again_goes_as_deleted(void **state)
{
	struct fake *f = *state;
	const struct change *change = NULL;

	fake_build(f);
	fake_begin(f);
	fake_record(f, "task", TASK, PAT, 30, RECORD_DELETED, NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK "','" PAT "','Again'); DELETE FROM task");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_true(change->deletes);
	assert_false(change->create || change->restores);
	assert_string_equal(fake_value(change, "title"), "Again");
	assert_int_equal(fake_group(change, "deleted")->base.seq, 30);
	fake_begin(f);
	fake_accept(f, 1, 40);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(dirty(f), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone WHERE last IS NULL"), 1);
}

static void each_part_of_a_large_deleted_record_says_that_it_is_deleted(void **state)
{
	struct fake *f = *state;
	size_t sections = 0;

	fake_build(f);
	fake_begin(f);
	fake_record(f, "note", NOTE, PAT, 20, RECORD_WHOLE, "status", "draft", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "UPDATE note SET (reason,observed,done,response,education,coordination,plan)="
		   "(SELECT t,t,t,t,t,t,t FROM (SELECT printf('%.*c',262144,'a') AS t)); DELETE FROM note");
	fake_build(f);
	assert_int_equal(f->request.change_count, 3);
	assert_int_equal(fake_change(f, 1)->group_count, 3);
	for (size_t i = 0; i < f->request.change_count; i++) {
		const struct change *change = fake_change(f, i);

		assert_true(change->deletes);
		assert_non_null(fake_group(change, "deleted"));
		sections += change->group_count - 1;
	}
	assert_int_equal(sections, 7);
	assert_int_equal(dirty(f), 0);
}

static void made_again_while_its_deletion_is_in_flight_is_brought_back(void **state)
{
	struct fake *f = *state;

	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "INSERT INTO task(id,patient,title,status,notes) VALUES('" TASK "','" PAT "','Call','open','Old')");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_true(fake_change(f, 1)->restores);
	assert_int_equal(fake_group(fake_change(f, 1), "deleted")->base.n, 1);
}

/* --- what needs attention --------------------------------------------------------- */

static void what_exceeds_a_limit_stays_while_the_other_groups_travel(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes=hex(zeroblob(32769)), priority='high' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_change(f, 0)->group_count, 1);
	assert_string_equal(fake_value(fake_change(f, 0), "priority"), "high");
	assert_int_equal(dirty(f), 1);
	assert_string_equal(fake_text(f, "SELECT reason||' '||field FROM ds_attention"), "too-long notes");
	fake_do(f, "UPDATE task SET notes=hex(zeroblob(32768)) WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention"), 0);
}

static void text_that_is_not_text_is_no_change_yet(void **state)
{
	static const char *const bad[] = { "CAST(x'C3' AS TEXT)", "'a'||char(0)||'b'", "CAST(x'EDA080' AS TEXT)" };
	struct fake *f = *state;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char sql[128];

		(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE task SET notes=%s WHERE id='" TASK "'", bad[i]);
		fake_do(f, sql);
		fake_build(f);
		assert_int_equal(f->request.change_count, 0);
		assert_string_equal(fake_text(f, "SELECT reason||' '||field FROM ds_attention"), "invalid notes");
	}
}

static void a_new_record_with_a_bad_group_waits_as_a_whole_and_holds_nothing_up(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO visit(id,patient,status) VALUES('" VISIT "','" PAT "','nonsense')");
	fake_do(f, "INSERT INTO note(id,patient,visit,observed) VALUES('" NOTE "','" PAT "','" VISIT "','Well')");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_string_equal(fake_change(f, 0)->kind->name, "note");
	assert_string_equal(fake_text(f, "SELECT grp||' '||reason||' '||field FROM ds_attention"), "-1 invalid status");
	fake_do(f, "UPDATE visit SET status='planned' WHERE id='" VISIT "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_true(fake_change(f, 1)->create);
}

static void a_required_field_left_empty_needs_attention(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO task(id,patient,notes) VALUES('" TASK2 "','" PAT "','No title')");
	fake_do(f, "UPDATE task SET title=NULL WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention WHERE reason='required' AND field='title'"), 2);
}

static void a_note_too_large_for_one_change_goes_in_several(void **state)
{
	struct fake *f = *state;

	fake_build(f);
	fake_begin(f);
	fake_record(f, "note", NOTE, PAT, 40, RECORD_WHOLE, "status", "draft", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "UPDATE note SET reason=hex(zeroblob(131072)),observed=reason,done=reason WHERE id='" NOTE "'");
	fake_do(f, "UPDATE note SET observed=reason,done=reason,response=reason,education=reason,plan=reason"
		   " WHERE id='" NOTE "'");
	fake_build(f);
	assert_true(f->request.change_count > 1);
	assert_int_equal(dirty(f), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_sent"), 6);
	assert_int_equal(fake_int(f, "SELECT max(length(body))<=1048576 FROM ds_journal"), 1);
}

/* --- order and time --------------------------------------------------------------- */

static void changes_go_patient_by_patient_in_order_of_their_first_edit(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO patient(id,name) VALUES('" PAT2 "','Ben Example')");
	fake_do(f, "UPDATE task SET notes='1' WHERE id='" TASK "'");
	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT2 "','Walk')");
	fake_do(f, "UPDATE patient SET phone='2' WHERE id='" PAT "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 4);
	assert_memory_equal(fake_change(f, 0)->id.bytes, fake_id(PAT2).bytes, ID_SIZE);
	assert_memory_equal(fake_change(f, 1)->id.bytes, fake_id(TASK2).bytes, ID_SIZE);
	assert_memory_equal(fake_change(f, 2)->id.bytes, fake_id(TASK).bytes, ID_SIZE);
	assert_memory_equal(fake_change(f, 3)->id.bytes, fake_id(PAT).bytes, ID_SIZE);
}

static void a_create_goes_before_what_refers_to_it(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO note(id,patient,visit) VALUES('" NOTE "','" PAT2 "','" VISIT "')");
	fake_do(f, "INSERT INTO visit(id,patient) VALUES('" VISIT "','" PAT2 "')");
	fake_do(f, "INSERT INTO patient(id,name) VALUES('" PAT2 "','Ben Example')");
	fake_build(f);
	assert_int_equal(f->request.change_count, 3);
	assert_string_equal(fake_change(f, 0)->kind->name, "patient");
	assert_string_equal(fake_change(f, 1)->kind->name, "visit");
	assert_string_equal(fake_change(f, 2)->kind->name, "note");
}

static size_t number(struct fake *f, int64_t rest_ms, size_t changes_max)
{
	const struct journal_options options = { .rest_ms = rest_ms, .changes_max = changes_max };
	size_t count = 0;

	assert_int_equal(db_begin(&f->replica.db), ST_OK);
	assert_int_equal(journal_number(&f->replica, &options, &count), ST_OK);
	assert_int_equal(db_commit(&f->replica.db), ST_OK);
	return count;
}

static void a_record_is_left_alone_until_its_last_edit_has_rested(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='New' WHERE id='" TASK "'");
	fake_do(f, "UPDATE ds_dirty SET wall_ms=1800000000000-29999");
	assert_int_equal(number(f, 30000, 10), 0);
	assert_int_equal(dirty(f), 1);
	fake_do(f, "UPDATE ds_dirty SET wall_ms=1800000000000-30000");
	assert_int_equal(number(f, 30000, 10), 1);
	fake_do(f, "UPDATE task SET notes='Newer' WHERE id='" TASK "'");
	fake_do(f, "UPDATE ds_dirty SET wall_ms=1800000000000+99");
	assert_int_equal(number(f, 30000, 10), 1);
}

static void no_more_numbers_are_given_than_asked_for(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='New' WHERE id='" TASK "'; UPDATE patient SET phone='2' WHERE id='" PAT "'");
	assert_int_equal(number(f, 0, 1), 1);
	assert_int_equal(dirty(f), 1);
	assert_int_equal(number(f, 0, 1), 1);
	assert_int_equal(number(f, 0, 1), 0);
}

/* --- counts, use again, proof ----------------------------------------------------- */

static void the_counts_tell_where_everything_is(void **state)
{
	struct fake *f = *state;
	struct outbox_counts counts;

	fake_do(f, "UPDATE task SET notes='New' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='Newer' WHERE id='" TASK "'; UPDATE ds_dirty SET wall_ms=77");
	assert_int_equal(journal_counts(&f->replica, &counts), ST_OK);
	assert_int_equal(counts.dirty, 1);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.held, 0);
	assert_int_equal(counts.settled, 0);
	assert_int_equal(counts.oldest_unsent_ms, 77);
	fake_begin(f);
	fake_hold(f, 1, 50, HELD_NOT_YOURS);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(journal_counts(&f->replica, &counts), ST_OK);
	assert_int_equal(counts.waiting, 0);
	assert_int_equal(counts.held, 1);
}

static void a_returned_value_is_used_again_as_a_new_edit(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	fake_begin(f);
	fake_hold(f, 1, 50, HELD_NOT_YOURS);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_build(f);
	fake_begin(f);
	fake_return(f, 1, 51);
	fake_record(f, "task", TASK, PAT, 45, RECORD_PART, "notes", "Theirs", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_string_equal(fake_text(f, "SELECT notes FROM task"), "Theirs");
	assert_int_equal(journal_reuse(&f->replica, 1, NULL), ST_OK);
	assert_string_equal(fake_text(f, "SELECT notes FROM task"), "Mine");
	assert_int_equal(journal_reuse(&f->replica, 1, NULL), ST_NOT_FOUND);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_group(fake_change(f, 0), "notes")->base.seq, 45);
}

static void a_returned_create_makes_its_record_again(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	fake_build(f);
	fake_begin(f);
	fake_return(f, 1, 51);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM task WHERE id='" TASK2 "'"), 0);
	assert_int_equal(journal_reuse(&f->replica, 1, NULL), ST_OK);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_true(fake_change(f, 0)->create);
	assert_string_equal(fake_value(fake_change(f, 0), "title"), "Walk");
}

static void a_returned_create_overwrites_no_record_that_has_its_id(void **state)
{
	struct fake *f = *state;
	struct failure why = { 0 };

	fake_do(f, "INSERT INTO task(id,patient,title) VALUES('" TASK2 "','" PAT "','Walk')");
	fake_build(f);
	fake_begin(f);
	fake_return(f, 1, 51);
	fake_record(f, "task", TASK2, PAT, 40, RECORD_WHOLE, "title", "Theirs", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_string_equal(fake_text(f, "SELECT title FROM task WHERE id='" TASK2 "'"), "Theirs");
	assert_int_equal(journal_reuse(&f->replica, 1, &why), ST_EXISTS);
	assert_non_null(strstr(why.next, "as a new record"));
	assert_string_equal(fake_text(f, "SELECT title FROM task WHERE id='" TASK2 "'"), "Theirs");
	assert_int_equal(dirty(f), 0);
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal"), 3);
}

static void what_was_deleted_before_it_could_be_sent_comes_back_to_be_corrected(void **state)
{
	struct fake *f = *state;
	const struct kind *task = schema_kind(f->schema, "task", 4);
	const struct id id = fake_id(TASK2), sent = fake_id(TASK), unknown = fake_id(NOTE);

	fake_do(f, "INSERT INTO task(id,patient,title,priority,notes,due_to) VALUES('" TASK2 "','" PAT "','Walk','enormous','\"Ü\"',"
		   "1800000000000); DELETE FROM task WHERE id='" TASK2 "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention"), 1);
	assert_int_equal(journal_bring_back(&f->replica, task, &unknown, NULL), ST_NOT_FOUND);
	assert_int_equal(journal_bring_back(&f->replica, task, &sent, NULL), ST_NOT_FOUND);
	assert_int_equal(journal_bring_back(&f->replica, task, &id, NULL), ST_OK);
	assert_int_equal(journal_bring_back(&f->replica, task, &id, NULL), ST_NOT_FOUND);
	assert_string_equal(fake_text(f, "SELECT title||' '||priority||' '||notes||' '||due_to||' '||(status IS NULL) FROM task"
					 " WHERE id='" TASK2 "'"), "Walk enormous \"Ü\" 1800000000000 1");
	fake_do(f, "UPDATE task SET priority='high' WHERE id='" TASK2 "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_true(fake_change(f, 0)->create);
	assert_false(fake_change(f, 0)->deletes);
	assert_string_equal(fake_value(fake_change(f, 0), "notes"), "\"Ü\"");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention"), 0);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_gone"), 0);
	/* What went as deleted is not called back by this. */
	fake_do(f, "DELETE FROM task WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(journal_bring_back(&f->replica, task, &sent, NULL), ST_NOT_FOUND);
}

static void work(struct fake *f, int count)
{
	for (int i = 0; i < count; i++) {
		fake_do(f, "UPDATE task SET notes=notes||'x' WHERE id='" TASK "'");
		fake_accept_all(f, 100 + (uint64_t)i);
	}
}

static void the_journal_is_proven_against_the_newest_receipt(void **state)
{
	struct fake *f = *state;
	struct journal_proof proof = { 0 };

	work(f, 30);
	assert_int_equal(journal_verify(&f->replica, &proof, NULL), ST_OK);
	assert_int_equal(proof.changes, 30);
	assert_int_equal(proof.proven_n, 30);
	assert_int_equal(proof.receipt_seq, 1000);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_receipt"), 20);
}

static void without_a_receipt_nothing_is_proven(void **state)
{
	struct fake *f = *state;
	struct journal_proof proof = { 0 };

	fake_do(f, "DELETE FROM ds_receipt");
	assert_int_equal(journal_verify(&f->replica, &proof, NULL), ST_NOT_FOUND);
}

static void every_alteration_of_journal_or_receipts_is_found(void **state)
{
	static const struct {
		const char *sql;
		enum status expected;
	} alterations[] = {
		{ "UPDATE ds_journal SET body=CAST(body||x'00' AS BLOB) WHERE n=2", ST_CORRUPT },
		{ "UPDATE ds_journal SET digest=zeroblob(32) WHERE n=3", ST_CORRUPT },
		{ "UPDATE ds_journal SET body=(SELECT body FROM ds_journal WHERE n=1),"
		  "digest=(SELECT digest FROM ds_journal WHERE n=1) WHERE n=2", ST_CORRUPT },
		{ "DELETE FROM ds_journal WHERE n=1", ST_CORRUPT },
		{ "DELETE FROM ds_journal WHERE n=4", ST_CORRUPT },
		{ "UPDATE ds_meta SET value=zeroblob(32) WHERE key='run'", ST_CORRUPT },
		{ "UPDATE ds_receipt SET last_n=last_n-1", ST_FORGED },
		{ "UPDATE ds_receipt SET seq=seq+1 WHERE counter=3", ST_FORGED },
		{ "UPDATE ds_receipt SET run=zeroblob(32)", ST_FORGED },
		{ "UPDATE ds_receipt SET signature=zeroblob(64)", ST_FORGED },
		{ "UPDATE ds_receipt SET chain=x'00'", ST_CORRUPT },
	};
	struct fake *f = *state;
	struct journal_proof proof = { 0 };

	work(f, 4);
	for (size_t i = 0; i < sizeof alterations / sizeof alterations[0]; i++) {
		fake_do(f, "CREATE TEMP TABLE j AS SELECT * FROM ds_journal; CREATE TEMP TABLE q AS SELECT * FROM ds_receipt;"
			   "CREATE TEMP TABLE m AS SELECT * FROM ds_meta WHERE key='run'");
		fake_do(f, alterations[i].sql);
		assert_int_equal(journal_verify(&f->replica, &proof, NULL), alterations[i].expected);
		fake_do(f, "DELETE FROM ds_journal; INSERT INTO ds_journal SELECT * FROM j; DELETE FROM ds_receipt;"
			   "INSERT INTO ds_receipt SELECT * FROM q; REPLACE INTO ds_meta SELECT * FROM m;"
			   "DROP TABLE j; DROP TABLE q; DROP TABLE m");
		assert_int_equal(journal_verify(&f->replica, &proof, NULL), ST_OK);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_record_goes_whole_under_one_number),
		TEST(an_edit_brings_the_whole_of_its_group_and_the_base_it_was_shown),
		TEST(a_set_travels_in_whatever_order_a_program_wrote_it),
		TEST(what_is_no_set_needs_attention),
		TEST(a_value_typed_back_to_its_base_is_no_change),
		TEST(saving_at_every_key_costs_one_change),
		TEST(what_is_edited_in_flight_starts_from_the_number_in_flight),
		TEST(what_is_typed_back_to_the_value_in_flight_is_no_further_change),
		TEST(what_an_old_page_saves_as_it_is_in_flight_is_no_further_change),
		TEST(what_is_typed_back_to_its_first_base_while_in_flight_goes_up),
		TEST(a_base_in_flight_is_named_though_it_is_settled_by_now),
		TEST(a_deletion_carries_its_base_and_what_was_unsent),
		TEST(a_record_deleted_before_it_was_sent_goes_as_made_and_deleted),
		TEST(deleted_and_made_again_before_a_push_is_an_edit),
		TEST(what_the_centre_deleted_and_a_program_makes_again_is_brought_back),
		TEST(what_the_centre_deleted_made_again_and_deleted_again_goes_as_deleted),
		TEST(each_part_of_a_large_deleted_record_says_that_it_is_deleted),
		TEST(made_again_while_its_deletion_is_in_flight_is_brought_back),
		TEST(what_exceeds_a_limit_stays_while_the_other_groups_travel),
		TEST(text_that_is_not_text_is_no_change_yet),
		TEST(a_new_record_with_a_bad_group_waits_as_a_whole_and_holds_nothing_up),
		TEST(a_required_field_left_empty_needs_attention),
		TEST(a_note_too_large_for_one_change_goes_in_several),
		TEST(changes_go_patient_by_patient_in_order_of_their_first_edit),
		TEST(a_create_goes_before_what_refers_to_it),
		TEST(a_record_is_left_alone_until_its_last_edit_has_rested),
		TEST(no_more_numbers_are_given_than_asked_for),
		TEST(the_counts_tell_where_everything_is),
		TEST(a_returned_value_is_used_again_as_a_new_edit),
		TEST(a_returned_create_makes_its_record_again),
		TEST(a_returned_create_overwrites_no_record_that_has_its_id),
		TEST(what_was_deleted_before_it_could_be_sent_comes_back_to_be_corrected),
		TEST(the_journal_is_proven_against_the_newest_receipt),
		TEST(without_a_receipt_nothing_is_proven),
		TEST(every_alteration_of_journal_or_receipts_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
