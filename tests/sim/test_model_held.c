/* The reference model against sentences of DESIGN.md, one hand-made case each: what is held, what is closed, who has whom, what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/model_play.h"

static void a_create_for_an_id_that_exists_is_held_whatever_its_sender_may_see(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, BORIS, "task", RECORD, ROSA);

	(void)play_made(play, "task", "title", "Call");
	play_expect_held(play, &change, "exists");
	change = play_create(play, BORIS, "task", RECORD, TOM);
	play_expect_held(play, &change, "exists");
	play_expect_text(play, "task", "title", "Call");
}

static void what_is_out_of_scope_is_held(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, ANNA, "task", RECORD, TOM);

	play_expect_held(play, &change, "scope");
	change = play_create(play, 0, "task", RECORD, TOM);
	play_expect(play, &change, STANDS, false); /* the centre is never out of scope */
	change = play_edit(play, ANNA, "task", "title", "Call", MODEL_BASE_SEQ, play->seq);
	play_expect_held(play, &change, "scope");
	play_expect_text(play, "task", "title", NULL);
}

static void an_assignment_counts_from_its_start_until_before_its_end(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_assign(play, 32, ANNA, TOM, "500", "700");
	struct model_change change;

	for (int64_t now = 499; now <= 700; now = now == 499 ? 500 : now == 500 ? 699 : now + 1) {
		model_time(play->model, now);
		assert_int_equal(model_in_scope(play->model, play_id(ANNA), play_id(TOM), UINT64_MAX), now >= 500 && now < 700);
	}
	model_time(play->model, 600);
	assert_false(model_in_scope(play->model, play_id(ANNA), play_id(TOM), seq - 1));
	assert_false(model_in_scope(play->model, play_id(BORIS), play_id(TOM), UINT64_MAX));
	change = play_begin(play, 0, "assignment", 32);
	play_put(play, &change, "ends", "550");
	(void)play_touch(play, &change, "ends", MODEL_BASE_SEQ, seq);
	play_expect(play, &change, STANDS, false);
	assert_false(model_in_scope(play->model, play_id(ANNA), play_id(TOM), UINT64_MAX));
	assert_true(model_in_scope(play->model, play_id(ANNA), play_id(TOM), seq));
	assert_true(model_in_scope(play->model, play_id(BORIS), (const uint8_t[MODEL_ID_SIZE]){ 0 }, UINT64_MAX));
	change = play_begin(play, 0, "assignment", 31);
	play_touch(play, &change, NULL, MODEL_BASE_SEQ, play->seq)->deleted = true;
	play_expect(play, &change, STANDS, false);
	assert_false(model_in_scope(play->model, play_id(BORIS), play_id(ROSA), UINT64_MAX));
}

static void a_patient_created_on_a_tablet_is_in_its_authors_caseload_once_assigned(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, ANNA, "patient", 40, 0);

	play_put(play, &change, "name", "Uma");
	play_expect(play, &change, STANDS, false);
	(void)play_assign(play, 41, ANNA, 40, NULL, NULL);
	change = play_create(play, ANNA, "task", RECORD, 40);
	play_expect(play, &change, STANDS, false);
	assert_memory_equal(play_record(play, "task", RECORD).patient, play_id(40), MODEL_ID_SIZE);
	assert_memory_equal(play_record(play, "patient", 40).patient, play_id(40), MODEL_ID_SIZE);
}

static void what_refers_to_something_missing_or_held_waits(void **state)
{
	struct play *play = *state;
	struct model_change note = play_create(play, ANNA, "note", RECORD, ROSA), visit = play_create(play, ANNA, "visit", 21, ROSA), change;
	enum model_verdict stands = MODEL_STANDS;

	play_put(play, &note, "visit", play_id_text(21));
	play_expect_held(play, &note, "waits");
	change = play_edit(play, ANNA, "note", "observed", "One.", MODEL_BASE_OWN, note.n); /* its own record's create is held */
	play_expect_held(play, &change, "waits");
	play_expect(play, &visit, STANDS, false);
	model_judge(play->model, &note, &play->end);
	assert_false(play->end.held);
	model_take_held(play->model, ANNA, note.n, play->seq += 10, &stands, NULL);
	model_judge(play->model, &change, &play->end);
	assert_false(play->end.held);
	model_take_held(play->model, ANNA, change.n, play->seq += 10, &stands, NULL);
	play_expect_text(play, "note", "observed", "One.");
	assert_int_equal(play_record(play, "note", RECORD).seqs[5], play->seq);
}

static void what_refers_to_another_patients_record_is_out_of_scope(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, 0, "visit", 21, TOM);

	play_expect(play, &change, STANDS, false);
	change = play_create(play, ANNA, "note", RECORD, ROSA);
	play_put(play, &change, "visit", play_id_text(21));
	play_expect_held(play, &change, "scope");
	change = play_create(play, ANNA, "note", RECORD, ROSA);
	play_put(play, &change, "author", play_id_text(ANNA)); /* the staff is everybody's */
	play_expect(play, &change, STANDS, false);
}

static void a_record_may_refer_to_itself_and_to_nothing_of_another_kind(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, ANNA, "visit", RECORD, ROSA);

	play_put(play, &change, "series", play_id_text(RECORD));
	play_expect(play, &change, STANDS, false);
	change = play_create(play, ANNA, "note", 21, ROSA);
	play_put(play, &change, "author", play_id_text(RECORD));
	play_expect_held(play, &change, "waits");
	change = play_begin(play, 0, "patient", ROSA); /* the centre links patients */
	play_put(play, &change, "linked_to", play_id_text(TOM));
	(void)play_touch(play, &change, "linked_to", MODEL_BASE_SEQ, play->seq);
	play_expect(play, &change, STANDS, false);
}

static void an_edit_of_what_nobody_created_is_missing(void **state)
{
	struct play *play = *state;
	struct model_change change = play_edit(play, ANNA, "task", "title", "Call", MODEL_BASE_SEQ, 5);

	play_expect_held(play, &change, "missing");
}

static void a_held_change_that_is_given_back_is_no_more(void **state)
{
	struct play *play = *state;
	struct model_change note = play_create(play, ANNA, "note", RECORD, ROSA), change;

	play_put(play, &note, "visit", play_id_text(21));
	play_expect_held(play, &note, "waits");
	model_return_held(play->model, ANNA, note.n);
	change = play_edit(play, ANNA, "note", "observed", "One.", MODEL_BASE_OWN, note.n);
	play_expect_held(play, &change, "missing");
	assert_int_equal(model_last_n(play->model, ANNA), 2);
}

static void what_is_closed_never_changes(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "observation", "value", "120");
	struct model_change change = play_edit(play, BORIS, "observation", "value", "130", MODEL_BASE_SEQ, seq);
	uint64_t closed = play_edited(play, "observation", "closed_at", "1000", seq);

	play_expect_held(play, &change, "closed");
	change = play_edit(play, BORIS, "observation", "value", "120", MODEL_BASE_SEQ, seq); /* what it says stands */
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "observation", "closed_at", NULL, MODEL_BASE_SEQ, closed);
	play_expect_held(play, &change, "closed");
	change = play_mark(play, BORIS, "observation", true, MODEL_BASE_SEQ, closed);
	play_expect_held(play, &change, "closed");
	change = play_edit(play, BORIS, "observation", "status", "entered-in-error", MODEL_BASE_SEQ, closed);
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "observation", "status", "final", MODEL_BASE_SEQ, play->seq);
	play_expect_held(play, &change, "closed");
}

static void only_what_stays_is_closed(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "visit", "check_in_time", "900");
	struct model_change change = play_edit(play, BORIS, "visit", "purpose", "Wound", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "visit", "closed_at", "1000", seq);
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "visit", "check_in_time", "800", MODEL_BASE_SEQ, seq);
	play_expect_held(play, &change, "closed");
}

static struct model_change signing(struct play *play, uint32_t device, const char *words, uint64_t seen)
{
	struct model_change change = play_edit(play, device, "note", "observed", words, MODEL_BASE_SEQ, seen);

	(void)play_touch(play, &change, "signature", MODEL_BASE_SEQ, seen);
	play_put(play, &change, "status", "signed");
	play_put(play, &change, "digest", words);
	return change;
}

static void what_is_signed_stands_exactly(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "note", "observed", "One.");
	struct model_change change = signing(play, BORIS, "One. Signed.", seq), late;

	(void)play_edited(play, "note", "observed", "Zero. One.", seq);
	play_expect(play, &change, STANDS, false);
	assert_int_equal(play->end.groups[1].allowed, STANDS);
	play_expect_text(play, "note", "observed", "One. Signed.");

	late = play_edit(play, ANNA, "note", "observed", "One. Late.", MODEL_BASE_SEQ, play->seq); /* becomes an addendum */
	play_expect(play, &late, SUPERSEDED, false);
	change = signing(play, ANNA, "Zero. One.", play->seq - 20); /* and so does a second signature */
	play_expect(play, &change, SUPERSEDED, false);
	assert_int_equal(play->end.groups[1].allowed, SUPERSEDED);
	assert_false(play->end.groups[1].conflict);
	play_expect_text(play, "note", "observed", "One. Signed.");
}

static void a_signed_note_may_be_marked_entered_in_error_and_nothing_else(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "note", "observed", "One.");
	struct model_change change = signing(play, BORIS, "One.", seq);

	(void)play_take(play, &change);
	seq = play->seq;
	change = play_edit(play, BORIS, "note", "status", "amended", MODEL_BASE_SEQ, seq); /* which is the centre's word */
	play_put(play, &change, "digest", "One.");
	play_expect(play, &change, SUPERSEDED, false);
	change = play_edit(play, BORIS, "note", "status", "draft", MODEL_BASE_SEQ, seq); /* all else loses, and is held by nothing */
	play_expect(play, &change, SUPERSEDED, false);
	change = play_edit(play, BORIS, "note", "status", "entered-in-error", MODEL_BASE_SEQ, seq); /* without its digest */
	play_expect(play, &change, SUPERSEDED, false);
	change = play_edit(play, BORIS, "note", "status", "entered-in-error", MODEL_BASE_SEQ, seq);
	play_put(play, &change, "digest", "One.");
	play_put(play, &change, "status_reason", "Of another patient");
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, 0, "note", "status", "amended", MODEL_BASE_SEQ, play->seq); /* there is no way back */
	play_put(play, &change, "digest", "One.");
	play_expect(play, &change, SUPERSEDED, false);
}

static void no_rule_replaces_a_persons_decision_unseen(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_edit(play, 0, "task", "title", "Call", MODEL_BASE_SEQ, seq);
	uint64_t decided;

	change.decision = true;
	play_expect(play, &change, STANDS, false);
	decided = play->seq;
	change = play_edit(play, BORIS, "task", "title", "Later", MODEL_BASE_SEQ, seq); /* the same value, but not as decided */
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 900;
	play_expect(play, &change, SUPERSEDED, false);
	change = play_edit(play, BORIS, "task", "title", "Seen", MODEL_BASE_SEQ, decided);
	play_expect(play, &change, STANDS, false);
}

static void what_the_centre_makes_of_itself_is_taken_as_it_comes(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, 0, "conflict", RECORD, ROSA);

	play_put(play, &change, "record", play_id_text(99));
	play_put(play, &change, "status", "open");
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, ANNA, "conflict", "decision", "{}", MODEL_BASE_SEQ, play->seq);
	play_expect(play, &change, STANDS, false);
	play_expect_text(play, "conflict", "decision", "{}");
	change = play_edit(play, BORIS, "conflict", "decision", "[]", MODEL_BASE_SEQ, play->seq - 10);
	play_expect(play, &change, SUPERSEDED, false); /* and opens no conflict about a conflict */
}

static void last_n_is_without_a_gap_in_whatever_order(void **state)
{
	struct play *play = *state;
	struct model_change third = play_create(play, ANNA, "task", RECORD, ROSA), first = play_create(play, ANNA, "task", 21, ROSA);

	third.n = 3;
	first.n = 1;
	play_expect(play, &third, STANDS, false);
	assert_int_equal(model_last_n(play->model, ANNA), 0);
	play_expect(play, &first, STANDS, false);
	assert_int_equal(model_last_n(play->model, ANNA), 1);
	first = play_create(play, ANNA, "task", 22, TOM);
	first.n = 2;
	play_expect_held(play, &first, "scope");
	assert_int_equal(model_last_n(play->model, ANNA), 3);
	assert_int_equal(model_last_n(play->model, BORIS), 0);
}

static void count(void *ctx, const struct model_record *record)
{
	size_t *counts = ctx;

	counts[record->kind]++;
}

static void each_record_is_told_once(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change held = play_create(play, ANNA, "task", 21, TOM), again = play_create(play, ANNA, "task", 22, TOM);
	const enum model_verdict stands = MODEL_STANDS;
	size_t counts[128] = { 0 };

	(void)play_edited(play, "task", "title", "Call again", seq);
	play_expect_held(play, &held, "scope");
	play_expect_held(play, &again, "scope");
	model_take_held(play->model, ANNA, again.n, play->seq += 10, &stands, NULL); /* a supervisor accepts it */
	model_each(play->model, count, counts);
	assert_int_equal(counts[play_kind(play, "worker")->num], 2);
	assert_int_equal(counts[play_kind(play, "patient")->num], 2);
	assert_int_equal(counts[play_kind(play, "assignment")->num], 2);
	assert_int_equal(counts[play_kind(play, "task")->num], 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_set_up, play_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_create_for_an_id_that_exists_is_held_whatever_its_sender_may_see),
		TEST(what_is_out_of_scope_is_held),
		TEST(an_assignment_counts_from_its_start_until_before_its_end),
		TEST(a_patient_created_on_a_tablet_is_in_its_authors_caseload_once_assigned),
		TEST(what_refers_to_something_missing_or_held_waits),
		TEST(what_refers_to_another_patients_record_is_out_of_scope),
		TEST(a_record_may_refer_to_itself_and_to_nothing_of_another_kind),
		TEST(an_edit_of_what_nobody_created_is_missing),
		TEST(a_held_change_that_is_given_back_is_no_more),
		TEST(what_is_closed_never_changes),
		TEST(only_what_stays_is_closed),
		TEST(what_is_signed_stands_exactly),
		TEST(a_signed_note_may_be_marked_entered_in_error_and_nothing_else),
		TEST(no_rule_replaces_a_persons_decision_unseen),
		TEST(what_the_centre_makes_of_itself_is_taken_as_it_comes),
		TEST(last_n_is_without_a_gap_in_whatever_order),
		TEST(each_record_is_told_once),
	};

	return cmocka_run_group_tests_name("model_held", tests, NULL, NULL);
}
