/* Signing a note on the tablet: what is refused, what is sealed, and the one change that carries it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/journal.h"
#include "client/order.h"
#include "client/save.h"
#include "client/sign.h"
#include "common/closing.h"
#include "tests/support/fake.h"

#define ME "00000000-0000-4000-8000-0000000000e1"
#define OTHER "00000000-0000-4000-8000-0000000000e2"
#define HOUR_MS (INT64_C(3600) * 1000)

static struct id note_id;

/* A patient and a draft as the centre sent them, at sequence 10; the note's plan came later, at 12. */
static int set_up(void **state)
{
	static struct fake fake;
	struct replica_identity me;

	fake_open(&fake);
	me = fake.replica.identity;
	me.worker = fake_id(ME);
	assert_int_equal(replica_identity_set(&fake.replica, &me), ST_OK);
	fake_build(&fake);
	fake_begin(&fake);
	fake_record(&fake, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", NULL);
	fake_record(&fake, "note", NOTE, PAT, 10, RECORD_WHOLE, "observed", "Well", "plan", "Rest", "status", "draft", "author", ME,
		    NULL);
	assert_int_equal(fake_take(&fake, NULL), ST_OK);
	fake_build(&fake);
	fake_begin(&fake);
	fake_record(&fake, "note", NOTE, PAT, 12, RECORD_PART, "plan", "Walk", NULL);
	assert_int_equal(fake_take(&fake, NULL), ST_OK);
	note_id = fake_id(NOTE);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_close(*state);
	return 0;
}

static enum status sign(struct fake *f, const char *late_reason, struct signing *out, struct failure *why)
{
	const struct value reason = value_string(late_reason);

	return sign_note(&f->replica, &note_id, &reason, out, why);
}

static void signs(struct fake *f)
{
	struct signing done;
	struct failure why;

	if (sign(f, NULL, &done, &why) != ST_OK)
		fail_msg("%s %s", why.what, why.next);
}

static void refuses(struct fake *f, const char *what, const char *next)
{
	struct signing done;
	struct failure why;
	char *before = fake_dump(f), *after;

	assert_int_not_equal(sign(f, NULL, &done, &why), ST_OK);
	if (strstr(why.what, what) == NULL || strstr(why.next, next) == NULL)
		fail_msg("%s | %s", why.what, why.next);
	after = fake_dump(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* Does what travels carry a seal of what it holds? */
static enum status sealed(const struct change *change)
{
	const struct id patient = fake_id(PAT);

	return signature_check(change->kind, &change->id, &patient, &change->row);
}

/* --- the change ---------------------------------------------------------------------------------------------------- */

static void a_signature_is_one_change_with_every_group_from_what_was_seen(void **state)
{
	struct fake *f = *state;
	const struct change *change;

	fake_do(f, "UPDATE note SET observed='Well, and hungry' WHERE id='" NOTE "'");
	signs(f);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_false(change->create);
	assert_int_equal(change->group_count, change->kind->group_count);
	assert_true(change->mask == change->kind->mask_all);
	assert_string_equal(fake_value(change, "status"), "signed");
	assert_string_equal(fake_value(change, "observed"), "Well, and hungry");
	assert_string_equal(fake_value(change, "plan"), "Walk");
	assert_null(fake_value(change, "done"));
	for (size_t i = 0; i < change->group_count; i++)
		assert_int_equal(change->groups[i].base.tag, VERSION_SEQ);
	assert_int_equal(fake_group(change, "observed")->base.seq, 10);
	assert_int_equal(fake_group(change, "plan")->base.seq, 12);
	assert_int_equal(fake_group(change, "done")->base.seq, 10);
	assert_int_equal(sealed(change), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
	assert_int_equal(change->row.values[kind_field(change->kind, "signed_at", 9)].integer, f->wall_ms);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_sent WHERE n=1"), change->kind->group_count);
	/* Each group is dated by its own edits. */
	assert_int_equal(fake_int(f, "SELECT max(edit_first)-min(edit_first) FROM ds_sent WHERE n=1"), 1);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_sent WHERE edit_first=(SELECT min(edit_first) FROM ds_sent)"), 1);
}

static void a_note_signed_before_it_was_ever_sent_is_one_create(void **state)
{
	struct fake *f = *state;
	const struct change *change;

	fake_do(f, "INSERT INTO note(id,patient,observed,status) VALUES('" TASK "','" PAT "','New','draft')");
	note_id = fake_id(TASK);
	signs(f);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	change = fake_change(f, 0);
	assert_true(change->create);
	assert_string_equal(fake_value(change, "author"), ME);
	assert_string_equal(fake_value(change, "signed_by"), ME);
	assert_int_equal(sealed(change), ST_OK);
}

static void what_is_in_flight_is_the_base_of_the_signature(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE note SET observed='First' WHERE id='" NOTE "'");
	fake_build(f);
	signs(f);
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_group(fake_change(f, 1), "observed")->base.tag, VERSION_OWN);
	assert_int_equal(fake_group(fake_change(f, 1), "observed")->base.n, 1);
	assert_int_equal(fake_group(fake_change(f, 1), "plan")->base.seq, 12);
}

/* The centre's newer words came while the section was being typed: they were not seen. */
static void a_section_that_was_being_typed_is_signed_from_the_version_it_was_typed_over(void **state)
{
	struct fake *f = *state;

	fake_build(f);
	fake_do(f, "UPDATE note SET observed='Mine' WHERE id='" NOTE "'");
	fake_begin(f);
	fake_record(f, "note", NOTE, PAT, 20, RECORD_PART, "observed", "Theirs", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	signs(f);
	fake_build(f);
	assert_string_equal(fake_value(fake_change(f, 0), "observed"), "Mine");
	assert_int_equal(fake_group(fake_change(f, 0), "observed")->base.seq, 10);
}

/* The centre's newer words wait as a copy beside an edit that is then typed back: unsigned, the row would take them. */
static void words_typed_back_are_signed_as_they_were_read_and_not_replaced_by_what_came(void **state)
{
	struct fake *f = *state;
	const struct change *change;

	fake_do(f, "UPDATE note SET observed='x' WHERE id='" NOTE "'");
	fake_build(f);
	fake_begin(f);
	fake_accept(f, 1, 20);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "UPDATE note SET observed='y' WHERE id='" NOTE "'");
	fake_build(f);
	fake_do(f, "UPDATE note SET observed='z' WHERE id='" NOTE "'");
	fake_begin(f);
	fake_accept(f, 2, 30);
	fake_record(f, "note", NOTE, PAT, 31, RECORD_PART, "observed", "Somebody else's", NULL);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	fake_do(f, "UPDATE note SET observed='y' WHERE id='" NOTE "'");
	signs(f);
	fake_build(f);
	change = fake_change(f, 0);
	assert_string_equal(fake_value(change, "observed"), "y");
	assert_int_equal(sealed(change), ST_OK);
	assert_string_equal(fake_text(f, "SELECT observed FROM note WHERE id='" NOTE "'"), "y");
}

static void a_mistake_marked_after_the_signature_is_a_change_of_its_own(void **state)
{
	struct fake *f = *state;

	signs(f);
	fake_build(f);
	fake_do(f, "UPDATE note SET status='entered-in-error',status_reason='Wrong patient' WHERE id='" NOTE "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 2);
	assert_int_equal(fake_change(f, 1)->group_count, 1);
	assert_string_equal(fake_value(fake_change(f, 1), "status"), "entered-in-error");
}

static void a_signature_goes_whole_or_not_at_all(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE note SET plan=printf('%.*c',300000,'a') WHERE id='" NOTE "'");
	fake_do(f, "UPDATE note SET status='signed',digest='d',signed_at=5 WHERE id='" NOTE "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_string_equal(fake_text(f, "SELECT field||' '||reason FROM ds_attention"), "plan too-long");
	fake_do(f, "UPDATE note SET plan='short' WHERE id='" NOTE "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_change(f, 0)->group_count, fake_change(f, 0)->kind->group_count);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_attention"), 0);
}

/* Four sections of the largest size are more than one change holds. */
static void a_signature_is_never_cut_in_two(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE note SET reason=printf('%.*c',262144,'a'),observed=printf('%.*c',262144,'a'),"
		   "done=printf('%.*c',262144,'a'),plan=printf('%.*c',262144,'a') WHERE id='" NOTE "'");
	refuses(f, "too long to be signed", "another note");
	fake_do(f, "UPDATE note SET status='signed',digest='d',signed_at=5 WHERE id='" NOTE "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_true(fake_int(f, "SELECT count(*) FROM ds_attention WHERE reason='too-long'") > 0);
}

static void what_closes_another_record_does_not_go_while_a_part_of_it_can_not(void **state)
{
	struct fake *f = *state;

	fake_do(f, "INSERT INTO observation(id,patient,code) VALUES('" TASK "','" PAT "','c')");
	fake_build(f);
	fake_accept_all(f, 20);
	fake_do(f, "UPDATE observation SET closed_at=5,value='1',note=printf('%.*c',5000,'a') WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	fake_do(f, "UPDATE observation SET note='short' WHERE id='" TASK "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(fake_change(f, 0)->group_count, 3);
}

/* --- what is signed ------------------------------------------------------------------------------------------------ */

static void line_ends_are_folded_before_they_are_sealed(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE note SET observed='a'||char(13,10)||'b'||char(13)||'c'||char(10)||'d' WHERE id='" NOTE "'");
	signs(f);
	assert_string_equal(fake_text(f, "SELECT observed FROM note WHERE id='" NOTE "'"), "a\nb\nc\nd");
	fake_build(f);
	assert_string_equal(fake_value(fake_change(f, 0), "observed"), "a\nb\nc\nd");
	assert_int_equal(sealed(fake_change(f, 0)), ST_OK);
}

static void line_ends_become_lf_when_a_change_is_numbered_and_in_the_row_too(void **state)
{
	struct fake *f = *state;
	int64_t version;

	fake_do(f, "UPDATE note SET observed='a'||char(13,10)||'b'||char(13)||'c' WHERE id='" NOTE "'");
	version = fake_int(f, "SELECT version FROM note WHERE id='" NOTE "'");
	fake_build(f);
	assert_string_equal(fake_value(fake_change(f, 0), "observed"), "a\nb\nc");
	assert_string_equal(fake_text(f, "SELECT observed FROM note WHERE id='" NOTE "'"), "a\nb\nc");
	assert_int_equal(fake_int(f, "SELECT version FROM note WHERE id='" NOTE "'"), version);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
}

static void what_is_sealed_or_not_edited_keeps_its_line_ends(void **state)
{
	struct fake *f = *state;

	fake_do(f, "BEGIN; INSERT INTO ds_applying VALUES(1); UPDATE note SET plan='a'||char(13)||'b';"
		   "DELETE FROM ds_applying; COMMIT; UPDATE note SET done='x'");
	fake_build(f);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM note WHERE plan='a'||char(13)||'b'"), 1);
	fake_do(f, "UPDATE note SET observed='a'||char(13),status='signed',digest='d',signed_at=5");
	fake_build(f);
	assert_string_equal(fake_value(fake_change(f, 1), "observed"), "a\r");
	assert_int_equal(fake_int(f, "SELECT count(*) FROM note WHERE observed='a'||char(13)"), 1);
}

static void line_ends_alone_are_no_change(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE note SET observed='a'||char(10)||'b' WHERE id='" NOTE "'");
	fake_build(f);
	fake_accept_all(f, 20);
	fake_do(f, "UPDATE note SET observed='a'||char(13,10)||'b' WHERE id='" NOTE "'");
	fake_build(f);
	assert_int_equal(f->request.change_count, 0);
	assert_string_equal(fake_text(f, "SELECT observed FROM note WHERE id='" NOTE "'"), "a\nb");
}

static void what_is_saved_has_its_line_ends_folded_at_once(void **state)
{
	struct fake *f = *state;
	const struct kind *kind = schema_kind(f->schema, "note", 4);
	const int plan = kind_field(kind, "plan", 4);
	struct row row = { 0 };
	struct id id = { { 0 } }, patient = fake_id(PAT);
	int64_t version = 0;
	struct failure why;

	row.values[plan] = value_string("a\r\nb\r");
	assert_int_equal(save_fields(&f->replica, kind, &note_id, SAVE_SHOWN_NOW, &row, UINT64_C(1) << plan, &version, &why),
			 ST_OK);
	assert_string_equal(fake_text(f, "SELECT plan FROM note WHERE id='" NOTE "'"), "a\nb\n");
	assert_int_equal(save_create(&f->replica, kind, &id, &patient, &row, &version, &why), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM note WHERE plan='a'||char(10)||'b'||char(10)"), 2);
}

/* --- who may sign, and when ---------------------------------------------------------------------------------------- */

static void a_signed_note_is_refused_with_the_way_to_add_to_it(void **state)
{
	signs(*state);
	refuses(*state, "has been signed", "note addend");
}

static void somebody_elses_note_is_refused(void **state)
{
	fake_do(*state, "UPDATE note SET author='" OTHER "'");
	refuses(*state, "somebody else's", "author");
}

static void a_note_without_words_is_refused(void **state)
{
	fake_do(*state, "UPDATE note SET observed=' '||char(10),plan=NULL");
	refuses(*state, "no words", "note edit");
}

static void a_note_with_a_field_that_can_not_travel_is_refused_by_its_name(void **state)
{
	fake_do(*state, "UPDATE note SET plan=printf('%.*c',300000,'a')");
	refuses(*state, "\"Plan\" is too long", "Correct it");
	fake_do(*state, "UPDATE note SET plan='short',visit='x'");
	refuses(*state, "\"Visit\" holds something", "Correct it");
}

static void a_note_entered_in_error_is_refused(void **state)
{
	fake_do(*state, "UPDATE note SET status='entered-in-error'");
	refuses(*state, "in error", "note add");
}

static void a_note_with_an_open_conflict_names_the_decision_it_needs(void **state)
{
	struct fake *f = *state;

	fake_do(f, "BEGIN; INSERT INTO ds_applying VALUES(1);"
		   "INSERT INTO conflict(id,patient,record_kind,record,group_name,status) VALUES('" TASK "','" PAT "','note','" NOTE "','plan','open'); DELETE FROM ds_applying; COMMIT");
	refuses(f, "conflict is open", "doorstep decide conflict/" TASK);
	fake_do(f, "UPDATE conflict SET decision='{\"choice\":1}'");
	refuses(f, "decided here", "doorstep sync");
	fake_do(f, "BEGIN; INSERT INTO ds_applying VALUES(1); UPDATE conflict SET status='closed'; DELETE FROM ds_applying; COMMIT");
	signs(f);
}

static void lateness_counts_from_the_visits_end_to_the_signature(void **state)
{
	struct fake *f = *state;
	struct signing done;
	struct failure why;
	char sql[512];

	(void)sqlite3_snprintf(sizeof sql, sql,
			       "INSERT INTO visit(id,patient,planned_to,check_in_time,check_out_time) VALUES('" VISIT "','" PAT
			       "',1,%lld,%lld); UPDATE note SET visit='" VISIT "',written_at=1",
			       f->wall_ms - 60 * HOUR_MS, f->wall_ms - 48 * HOUR_MS);
	fake_do(f, sql);
	assert_int_equal(sign(f, NULL, &done, &why), ST_OK);
	assert_true(done.dated && done.lateness.from_visit);
	assert_int_equal(done.lateness.ms, 48 * HOUR_MS);
}

static void a_late_note_asks_for_the_reason_and_takes_it_along(void **state)
{
	struct fake *f = *state;
	struct signing done;
	struct failure why;
	char sql[256];

	(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE note SET written_at=%lld", f->wall_ms - 50 * HOUR_MS);
	fake_do(f, sql);
	refuses(f, "2 days 2 h after it was written, late", "--late-reason");
	assert_int_equal(sign(f, "No signal", &done, &why), ST_OK);
	fake_build(f);
	assert_string_equal(fake_value(fake_change(f, 0), "late_reason"), "No signal");
	assert_int_equal(sealed(fake_change(f, 0)), ST_OK);
}

/* --- at once ------------------------------------------------------------------------------------------------------- */

static size_t number(struct fake *f)
{
	const struct journal_options options = { .rest_ms = 30000, .changes_max = 100 };
	size_t count = 0;

	assert_int_equal(db_begin(&f->replica.db), ST_OK);
	assert_int_equal(journal_number(&f->replica, &options, &count), ST_OK);
	assert_int_equal(db_commit(&f->replica.db), ST_OK);
	return count;
}

/* The triggers take the time of an edit from SQLite's clock, and the rest is counted by the tablet's: here they are one. */
static void set_clock_to_the_edit(struct fake *f)
{
	f->wall_ms = fake_int(f, "SELECT max(wall_ms) FROM ds_dirty");
}

static void what_is_signed_or_closed_does_not_rest(void **state)
{
	struct fake *f = *state;
	int64_t edit;
	bool closed = false;

	fake_do(f, "UPDATE note SET observed='Typing' WHERE id='" NOTE "'");
	fake_do(f, "INSERT INTO observation(id,patient,code,closed_at) VALUES('" TASK "','" PAT "','c',5)");
	fake_do(f, "INSERT INTO observation(id,patient,code) VALUES('" TASK2 "','" PAT "','c')");
	set_clock_to_the_edit(f);
	assert_int_equal(number(f), 1);
	assert_string_equal(fake_text(f, "SELECT id FROM ds_journal"), TASK);
	edit = fake_int(f, "SELECT edit FROM ds_state");
	assert_int_equal(order_closed_since(&f->replica, edit, &closed), ST_OK);
	assert_false(closed);
	assert_int_equal(order_closed_since(&f->replica, 0, &closed), ST_OK);
	assert_false(closed);
	signs(f);
	set_clock_to_the_edit(f);
	assert_int_equal(order_closed_since(&f->replica, edit, &closed), ST_OK);
	assert_true(closed);
	assert_int_equal(order_closed_since(&f->replica, edit + 1, &closed), ST_OK);
	assert_false(closed);
	assert_int_equal(number(f), 1);
	assert_string_equal(fake_text(f, "SELECT id FROM ds_journal WHERE n=2"), NOTE);
	assert_int_equal(fake_int(f, "SELECT count(DISTINCT id) FROM ds_dirty"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_signature_is_one_change_with_every_group_from_what_was_seen),
		TEST(a_note_signed_before_it_was_ever_sent_is_one_create),
		TEST(what_is_in_flight_is_the_base_of_the_signature),
		TEST(a_section_that_was_being_typed_is_signed_from_the_version_it_was_typed_over),
		TEST(words_typed_back_are_signed_as_they_were_read_and_not_replaced_by_what_came),
		TEST(a_mistake_marked_after_the_signature_is_a_change_of_its_own),
		TEST(a_signature_goes_whole_or_not_at_all),
		TEST(a_signature_is_never_cut_in_two),
		TEST(what_closes_another_record_does_not_go_while_a_part_of_it_can_not),
		TEST(line_ends_are_folded_before_they_are_sealed),
		TEST(line_ends_become_lf_when_a_change_is_numbered_and_in_the_row_too),
		TEST(what_is_sealed_or_not_edited_keeps_its_line_ends),
		TEST(line_ends_alone_are_no_change),
		TEST(what_is_saved_has_its_line_ends_folded_at_once),
		TEST(a_signed_note_is_refused_with_the_way_to_add_to_it),
		TEST(somebody_elses_note_is_refused),
		TEST(a_note_without_words_is_refused),
		TEST(a_note_with_a_field_that_can_not_travel_is_refused_by_its_name),
		TEST(a_note_entered_in_error_is_refused),
		TEST(a_note_with_an_open_conflict_names_the_decision_it_needs),
		TEST(lateness_counts_from_the_visits_end_to_the_signature),
		TEST(a_late_note_asks_for_the_reason_and_takes_it_along),
		TEST(what_is_signed_or_closed_does_not_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
