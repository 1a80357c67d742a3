/* The reference model against sentences of DESIGN.md, one hand-made case each: rules, bases, deletion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/sim/model_play.h"

static void an_edit_of_what_its_author_saw_is_taken(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_edit(play, BORIS, "task", "title", "Call again", MODEL_BASE_SEQ, seq);

	play_expect(play, &change, STANDS, false);
	play_expect_text(play, "task", "title", "Call again");
	assert_int_equal(play_record(play, "task", RECORD).seqs[0], play->seq);
}

static void an_edit_that_started_from_the_value_that_stands_again_is_taken(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "risk", "severity", "high");
	struct model_change change = play_edit(play, BORIS, "risk", "severity", "none", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "risk", "severity", "high", play_edited(play, "risk", "severity", "low", seq));
	play_expect(play, &change, STANDS, false);
}

static void what_stands_already_is_the_same(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "risk", "severity", "high"), second = play_edited(play, "risk", "severity", "low", seq);
	struct model_change change = play_edit(play, BORIS, "risk", "severity", "low", MODEL_BASE_SEQ, seq);

	play_expect(play, &change, SAME, false);
	assert_int_equal(play_record(play, "risk", RECORD).seqs[0], second);
}

static void different_groups_are_no_conflict(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_edit(play, BORIS, "task", "priority", "high", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "task", "title", "Call again", seq);
	play_expect(play, &change, STANDS, false);
	play_expect_text(play, "task", "title", "Call again");
	play_expect_text(play, "task", "priority", "high");
}

static void newest_stands_where_times_leave_no_doubt(void **state)
{
	static const struct {
		int64_t earliest, latest;
		unsigned allowed;
	} cases[] = { { 101, 300, STANDS }, { 100, 300, STANDS | SUPERSEDED }, { 50, 100, STANDS | SUPERSEDED },
		      { 0, 99, SUPERSEDED }, { 50, 300, STANDS | SUPERSEDED } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct play *play = *state;
		uint64_t seq;
		struct model_change change;

		play->n[ANNA] = play->n[BORIS] = 0;
		seq = play_made(play, "task", "title", "Call");
		(void)play_edited(play, "task", "title", "Call again", seq); /* at 100 */
		change = play_edit(play, BORIS, "task", "title", "Write", MODEL_BASE_SEQ, seq);
		change.groups[0].earliest_ms = cases[i].earliest;
		change.groups[0].latest_ms = cases[i].latest;
		play_expect(play, &change, cases[i].allowed, false);
		(void)play_tear_down(state);
		(void)play_set_up(state);
	}
}

static void never_stands_what_is_older_than_a_value_kept(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change kept = play_edit(play, BORIS, "task", "title", "Write", MODEL_BASE_SEQ, seq);
	struct model_change change = play_edit(play, ANNA, "task", "title", "Sing", MODEL_BASE_SEQ, seq);
	enum model_verdict superseded = MODEL_SUPERSEDED;

	(void)play_edited(play, "task", "title", "Call again", seq); /* at 100 */
	kept.groups[0].earliest_ms = 100;
	kept.groups[0].latest_ms = 150;
	kept.seq = play->seq += 10;
	model_take(play->model, &kept, false, &superseded, NULL);
	kept = play_edit(play, BORIS, "task", "title", "Dance", MODEL_BASE_SEQ, play->seq - 10);
	kept.groups[0].earliest_ms = kept.groups[0].latest_ms = 200;
	kept.seq = play->seq += 10;
	model_take(play->model, &kept, false, &superseded, NULL);
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 180;
	play_expect(play, &change, SUPERSEDED, false);
}

static void a_guarded_group_is_never_decided_by_the_machine(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "medication", "dose", "5");
	struct model_change change = play_edit(play, BORIS, "medication", "dose", "20", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "medication", "dose", "10", seq);
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 900;
	play_expect(play, &change, SUPERSEDED, true);
	play_expect_text(play, "medication", "dose", "10");
	change = play_edit(play, BORIS, "medication", "dose", "20", MODEL_BASE_NOTHING, 0);
	play_expect(play, &change, SUPERSEDED, true);
}

static void in_a_guarded_kind_the_whole_record_is_one_group(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "allergy", "substance", "Nuts");
	struct model_change change = play_edit(play, BORIS, "allergy", "reaction", "rash", MODEL_BASE_SEQ, seq);

	play_put(play, &change, "substance", "Nuts");
	(void)play_edited(play, "allergy", "substance", "Peanuts", seq);
	play_expect(play, &change, SUPERSEDED, true);
}

static void additions_to_a_set_win_and_removals_of_what_was_seen_apply(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "contact", "roles", "[\"a\",\"b\",\"c\"]");
	struct model_change change = play_edit(play, BORIS, "contact", "roles", "[\"a \",\"b\",\"c\"]", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "contact", "roles", "[\"a\",\"c\",\"x\\\"y\"]", seq);
	play_expect(play, &change, MERGED, false);
	play_expect_text(play, "contact", "roles", "[\"a \",\"c\",\"x\\\"y\"]");
	change = play_edit(play, BORIS, "contact", "roles", NULL, MODEL_BASE_SEQ, play->seq - 10);
	play_expect(play, &change, MERGED, false);
	play_expect_text(play, "contact", "roles", "[\"a \"]");
	change = play_edit(play, BORIS, "contact", "roles", "[\"a\",\"a \",\"z\"]", MODEL_BASE_NOTHING, 0);
	play_expect(play, &change, MERGED | STANDS, false);
	change = play_edit(play, BORIS, "contact", "roles", "[\"a!\"]", MODEL_BASE_NOTHING, 0);
	play_expect(play, &change, MERGED, false);
	play_expect_text(play, "contact", "roles", "[\"a\",\"a \",\"a!\",\"z\"]");
}

static void a_merge_of_sets_that_would_exceed_a_limit_is_not_made(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "contact", "roles", NULL);
	char word[3001];
	struct model_change change;

	memset(word, 'q', sizeof word - 1);
	memcpy(word, "[\"", 2);
	memcpy(word + sizeof word - 3, "\"]", 3);
	(void)play_edited(play, "contact", "roles", word, seq);
	word[2] = 'r';
	change = play_edit(play, BORIS, "contact", "roles", word, MODEL_BASE_NOTHING, 0);
	play_expect(play, &change, SUPERSEDED, true);
}

static void done_beats_open_and_two_endings_open_a_conflict(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "status", "open");
	struct model_change change = play_edit(play, BORIS, "task", "status", "done", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "task", "status", "in-progress", seq);
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 50;
	play_expect(play, &change, STANDS | MERGED, false);
	change = play_edit(play, ANNA, "task", "status", "open", MODEL_BASE_SEQ, seq + 10);
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 900;
	play_expect(play, &change, SUPERSEDED, false);
	change = play_edit(play, ANNA, "task", "status", "cancelled", MODEL_BASE_SEQ, seq + 10);
	play_expect(play, &change, SUPERSEDED, true);
	play_expect_text(play, "task", "status", "done");
}

static void two_that_are_open_and_two_of_the_same_ending_go_by_time(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "status", NULL);
	struct model_change change = play_edit(play, BORIS, "task", "status", "open", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "task", "status", "in-progress", seq);
	change.groups[0].latest_ms = 200;
	play_expect(play, &change, STANDS | SUPERSEDED, false);
	change = play_edit(play, ANNA, "task", "status", "done", MODEL_BASE_SEQ, play->seq);
	(void)play_take(play, &change);
	change = play_edit(play, BORIS, "task", "status", "done", MODEL_BASE_SEQ, seq);
	play_put(play, &change, "outcome", "She laughed");
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 300;
	play_expect(play, &change, STANDS, false);
}

static void narrative_is_merged_as_it_came(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "note", "observed", "One.");
	struct model_change change = play_edit(play, BORIS, "note", "observed", "One. Two.", MODEL_BASE_SEQ, seq);
	const char *merged[SCHEMA_FIELDS_MAX] = { NULL };
	enum model_verdict verdict = MODEL_MERGED;

	(void)play_edited(play, "note", "observed", "Zero. One.", seq);
	model_judge(play->model, &change, &play->end);
	assert_int_equal(play->end.groups[0].allowed, STANDS | MERGED | SUPERSEDED);
	assert_true(play->end.groups[0].conflict);
	merged[kind_field(play_kind(play, "note"), "observed", 8)] = "Zero. One. Two.";
	change.seq = play->seq += 10;
	model_take(play->model, &change, false, &verdict, merged);
	play_expect_text(play, "note", "observed", "Zero. One. Two.");
	change = play_edit(play, BORIS, "note", "observed", "One. Two!", MODEL_BASE_OWN, change.n); /* its base is what was sent */
	model_judge(play->model, &change, &play->end);
	assert_int_equal(play->end.groups[0].allowed, STANDS | MERGED | SUPERSEDED);
}

static void an_own_number_that_was_accepted_stands_for_its_sequence(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "risk", "severity", "high");
	struct model_change change = play_edit(play, BORIS, "risk", "severity", "low", MODEL_BASE_SEQ, seq);

	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "risk", "severity", "none", MODEL_BASE_OWN, change.n);
	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "risk", "severity", "odd", MODEL_BASE_OWN, 1);
	play_expect(play, &change, SUPERSEDED, true);
}

static void an_own_number_that_was_superseded_or_held_stands_for_its_own_base(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "risk", "severity", "high");
	struct model_change lost = play_edit(play, BORIS, "risk", "severity", "none", MODEL_BASE_SEQ, seq), change;

	(void)play_edited(play, "risk", "severity", "low", seq);
	play_expect(play, &lost, SUPERSEDED, true);
	change = play_edit(play, BORIS, "risk", "severity", "odd", MODEL_BASE_OWN, lost.n);
	play_expect(play, &change, SUPERSEDED, true);
	(void)play_edited(play, "risk", "severity", "high", play->seq - 10); /* back to what Boris had started from */
	change = play_edit(play, BORIS, "risk", "severity", "odd", MODEL_BASE_OWN, change.n);
	play_expect(play, &change, STANDS, false);

	lost = play_edit(play, BORIS, "risk", "severity", "none", MODEL_BASE_SEQ, play->seq);
	(void)play_edited(play, "risk", "severity", "low", play->seq);
	lost.seq = play->seq += 10;
	model_take(play->model, &lost, true, NULL, NULL);
	change = play_edit(play, BORIS, "risk", "severity", "very odd", MODEL_BASE_OWN, lost.n);
	play_expect(play, &change, SUPERSEDED, true);
}

static void an_own_set_that_was_merged_stands_for_what_was_sent(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "contact", "roles", NULL);
	struct model_change change = play_edit(play, BORIS, "contact", "roles", "[\"b\"]", MODEL_BASE_SEQ, seq);

	(void)play_edited(play, "contact", "roles", "[\"a\"]", seq);
	play_expect(play, &change, MERGED, false);
	change = play_edit(play, BORIS, "contact", "roles", "[\"c\"]", MODEL_BASE_OWN, change.n);
	play_expect(play, &change, MERGED, false);
	play_expect_text(play, "contact", "roles", "[\"a\",\"c\"]");
}

static void a_deletion_never_beats_an_edit_that_came_first(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call"), second = play_edited(play, "task", "title", "Call again", seq);
	struct model_change change = play_mark(play, BORIS, "task", true, MODEL_BASE_SEQ, seq);

	play_expect(play, &change, SUPERSEDED, false);
	assert_false(play_record(play, "task", RECORD).deleted);
	change = play_mark(play, BORIS, "task", true, MODEL_BASE_SEQ, second);
	play_expect(play, &change, STANDS, false);
	assert_true(play_record(play, "task", RECORD).deleted);
	change = play_mark(play, ANNA, "task", true, MODEL_BASE_SEQ, seq);
	play_expect(play, &change, STANDS | SAME, false);
}

static void a_deletion_of_what_one_edited_oneself_is_taken(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_mark(play, ANNA, "task", true, MODEL_BASE_OWN, 1);

	(void)seq;
	(void)play_edited(play, "task", "title", "Call again", seq);
	change.n = ++play->n[ANNA];
	play_expect(play, &change, STANDS, false);
}

static void a_deletion_that_starts_from_an_own_edit_had_seen_what_that_saw(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call"), second = play_edited(play, "task", "title", "Call again", seq);
	struct model_change change = play_edit(play, BORIS, "task", "priority", "high", MODEL_BASE_SEQ, second);

	(void)play_take(play, &change);
	change = play_mark(play, BORIS, "task", true, MODEL_BASE_OWN, change.n);
	play_expect(play, &change, STANDS, false);
}

static void an_edit_that_comes_after_an_unseen_deletion_brings_the_record_back(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_mark(play, BORIS, "task", true, MODEL_BASE_SEQ, seq);

	play_expect(play, &change, STANDS, false);
	change = play_edit(play, BORIS, "task", "title", "Called", MODEL_BASE_OWN, change.n); /* who deleted it knows */
	(void)play_take(play, &change);
	assert_true(play_record(play, "task", RECORD).deleted);
	(void)play_edited(play, "task", "priority", "high", seq);
	assert_false(play_record(play, "task", RECORD).deleted);
	play_expect_text(play, "task", "priority", "high");
}

static void a_record_may_be_brought_back_and_a_stale_deletion_does_not_undo_that(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call");
	struct model_change change = play_mark(play, ANNA, "task", true, MODEL_BASE_SEQ, seq);

	play_expect(play, &change, STANDS, false);
	change = play_mark(play, BORIS, "task", false, MODEL_BASE_SEQ, play->seq);
	play_expect(play, &change, STANDS, false);
	assert_false(play_record(play, "task", RECORD).deleted);
	change = play_mark(play, ANNA, "task", true, MODEL_BASE_SEQ, seq);
	play_expect(play, &change, SUPERSEDED, false);
}

static void what_lost_by_its_time_does_not_hinder_a_deletion_but_what_a_person_is_asked_about_does(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "goal", "measure", "Steps"), second = play_edited(play, "goal", "measure", "Miles", seq);
	struct model_change change = play_edit(play, ANNA, "goal", "measure", "Feet", MODEL_BASE_SEQ, seq);

	change.groups[0].earliest_ms = change.groups[0].latest_ms = 99;
	play_expect(play, &change, SUPERSEDED, false);
	change = play_mark(play, BORIS, "goal", true, MODEL_BASE_SEQ, second);
	play_expect(play, &change, STANDS, false);
	change = play_mark(play, BORIS, "goal", false, MODEL_BASE_SEQ, play->seq);
	play_expect(play, &change, STANDS, false);
	second = play_edited(play, "goal", "status", "active", play->seq);
	change = play_edit(play, ANNA, "goal", "status", "cancelled", MODEL_BASE_SEQ, seq);
	play_expect(play, &change, SUPERSEDED, true);
	change = play_mark(play, BORIS, "goal", true, MODEL_BASE_SEQ, second);
	play_expect(play, &change, SUPERSEDED, false);
}

static void an_edit_whose_deletion_lost_is_an_edit(void **state)
{
	struct play *play = *state;
	uint64_t seq = play_made(play, "task", "title", "Call"), second = play_edited(play, "task", "title", "Call again", seq);
	struct model_change change = play_mark(play, ANNA, "task", true, MODEL_BASE_SEQ, 0);

	change.device = BORIS;
	change.n = ++play->n[BORIS];
	play_put(play, &change, "priority", "high");
	(void)play_touch(play, &change, "priority", MODEL_BASE_SEQ, seq);
	play_expect(play, &change, SUPERSEDED, false);
	assert_int_equal(play->end.groups[1].allowed, STANDS);
	change = play_mark(play, ANNA, "task", true, MODEL_BASE_SEQ, second);
	play_expect(play, &change, SUPERSEDED, false);
}

static void a_create_may_come_deleted(void **state)
{
	struct play *play = *state;
	struct model_change change = play_create(play, ANNA, "task", RECORD, ROSA);

	change.groups[0].deleted = true;
	play_expect(play, &change, STANDS, false);
	assert_true(play_record(play, "task", RECORD).deleted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, play_set_up, play_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edit_of_what_its_author_saw_is_taken),
		TEST(an_edit_that_started_from_the_value_that_stands_again_is_taken),
		TEST(what_stands_already_is_the_same),
		TEST(different_groups_are_no_conflict),
		TEST(newest_stands_where_times_leave_no_doubt),
		TEST(never_stands_what_is_older_than_a_value_kept),
		TEST(a_guarded_group_is_never_decided_by_the_machine),
		TEST(in_a_guarded_kind_the_whole_record_is_one_group),
		TEST(additions_to_a_set_win_and_removals_of_what_was_seen_apply),
		TEST(a_merge_of_sets_that_would_exceed_a_limit_is_not_made),
		TEST(done_beats_open_and_two_endings_open_a_conflict),
		TEST(two_that_are_open_and_two_of_the_same_ending_go_by_time),
		TEST(narrative_is_merged_as_it_came),
		TEST(an_own_number_that_was_accepted_stands_for_its_sequence),
		TEST(an_own_number_that_was_superseded_or_held_stands_for_its_own_base),
		TEST(an_own_set_that_was_merged_stands_for_what_was_sent),
		TEST(a_deletion_never_beats_an_edit_that_came_first),
		TEST(a_deletion_of_what_one_edited_oneself_is_taken),
		TEST(a_deletion_that_starts_from_an_own_edit_had_seen_what_that_saw),
		TEST(an_edit_that_comes_after_an_unseen_deletion_brings_the_record_back),
		TEST(a_record_may_be_brought_back_and_a_stale_deletion_does_not_undo_that),
		TEST(what_lost_by_its_time_does_not_hinder_a_deletion_but_what_a_person_is_asked_about_does),
		TEST(an_edit_whose_deletion_lost_is_an_edit),
		TEST(a_create_may_come_deleted),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
