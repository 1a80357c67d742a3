/* Words that a signed note does not take in, since they came too late or its signer had not seen them: each becomes an
 * addendum in the name of who wrote it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/closing.h"
#include "daemon/conflict.h"
#include "proto/limits.h"
#include "tests/support/notes.h"

static const struct version NONE = { .tag = VERSION_NONE };

static enum outcome_verdict verdict_of(const struct scene *s, const struct kind *kind, const char *group)
{
	const struct outcome *o = &s->a.outcome;
	const int g = kind_group(kind, group, strlen(group));

	assert_true(o->result == OUTCOME_ACCEPTED || o->result == OUTCOME_JUDGED);
	for (size_t i = 0; i < o->group_count; i++)
		if (o->groups[i].num == kind->groups[g].num)
			return o->groups[i].verdict;
	return GROUP_ACCEPTED;
}

/* --- what the signer had not seen --- */

static void words_that_the_signer_had_not_seen_become_an_addendum(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Walk daily, with a stick.")));
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk twice a day.")));
	assert_field(s, &note, "plan", "Walk twice a day.");
	assert_sealed(s, &note);
	assert_field(s, &note, "status", "amended");
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, "Walk daily, with a stick.");
	assert_string_equal(notes_addendum(s, &note, 0, "section"), "plan");
	assert_string_equal(notes_addendum(s, &note, 0, "reason"),
			    "Written on another tablet before the note was signed, and not seen by its signer.");
	assert_true(atoll(notes_addendum(s, &note, 0, "closed_at")) == s->a.now_ms);
}

static void words_that_the_signer_had_seen_do_not(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);

	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(notes_now(s)), "Walk daily, with a stick.")));
	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk twice a day.")));
	assert_field(s, &note, "status", "signed");
	assert_int_equal(notes_addenda(s, &note).count, 0);
}

/* Of one change of Ben's the signer had seen one section, and not the other. */
static void each_section_is_seen_for_itself(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	struct change *change = agency_change(&s->a, "note", &note, NULL);

	agency_group(&s->a, change, "coordination", agency_seq(seen));
	agency_group(&s->a, change, "plan", agency_seq(seen));
	agency_set(change, "coordination", "Called Dr Lind.");
	agency_set(change, "plan", "Rest.");
	assert_accepted(scene_ben(s, change));
	assert_accepted(scene_ben(s, notes_edit(s, &note, "coordination", agency_seq(notes_now(s)), "Called nobody.")));
	change = notes_signature(s, &note, seen, "Walk.");
	for (size_t i = 0; i < change->group_count; i++)
		if (kind_group(change->kind, "coordination", 12) == kind_group_num(change->kind, change->groups[i].num))
			change->groups[i].base = agency_seq(notes_now(s));
	assert_accepted(scene_ann(s, change));
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
}

/* The patient leaves Ben, who hears of it and writes all the same. */
static void hold_bens(struct scene *s, struct change *change)
{
	scene_leave(s, &s->ben, change);
	assert_held(scene_ben(s, change), HELD_NOT_YOURS);
}

static void what_was_held_at_first_is_its_authors_too(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), sue = agency_worker(&s->a, "Sue");
	const uint64_t seen = notes_now(s);
	struct failure why;

	hold_bens(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest."));
	assert_int_equal(intake_answer_held(&s->a.in, &sue, s->a.outcome.seq, true, &why), ST_OK);
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
}

static void the_same_words_need_no_addendum(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Walk twice a day.")));
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk twice a day.")));
	assert_int_equal(notes_addenda(s, &note).count, 0);
}

static void one_change_is_one_addendum_whatever_it_holds(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	struct change *change = agency_change(&s->a, "note", &note, NULL);

	agency_group(&s->a, change, "observed", agency_seq(seen));
	agency_group(&s->a, change, "coordination", agency_seq(seen));
	agency_set(change, "observed", NULL);
	agency_set(change, "coordination", "Called Dr Lind.");
	assert_accepted(scene_ben(s, change));
	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest.")));
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_int_equal(notes_addenda(s, &note).count, 2);
	assert_addendum(s, &note, 0, &s->ben, "Observed: (empty)\n\nCoordination: Called Dr Lind.");
	assert_string_equal(notes_addendum(s, &note, 0, "section"), "");
	assert_addendum(s, &note, 1, &s->ben, "Rest.");
}

static void what_the_centre_wrote_says_so(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_int_equal(intake_own(&s->a.in, &s->ben, notes_edit(s, &note, "plan", NONE, "Rest."), &s->a.outcome), ST_OK);
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
	assert_string_equal(notes_addendum(s, &note, 0, "reason"),
			    "Written at the centre before the note was signed, and not seen by its signer.");
}

/* Ann's own edit was merged with words of Ben's; she signs on top of what she sent. */
static void a_merge_that_the_signer_had_not_seen_is_not_seen(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	struct change *change;

	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Walk daily. Call the son.")));
	(void)scene_ann(s, notes_edit(s, &note, "plan", agency_seq(seen), "Buy a stick. Walk daily."));
	assert_int_equal(verdict_of(s, agency_kind(&s->a, "note"), "plan"), GROUP_MERGED);
	change = notes_signature(s, &note, seen, "Buy a stick. Walk daily.");
	for (size_t i = 0; i < change->group_count; i++)
		change->groups[i].base = agency_own(s->ann_n);
	assert_accepted(scene_ann(s, change));
	assert_field(s, &note, "plan", "Buy a stick. Walk daily.");
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, "Call the son.");
}

static void a_signature_ends_the_notes_conflicts_and_loses_no_word(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), cleo = agency_worker(&s->a, "Cleo"), conflict;
	uint32_t tablet = agency_tablet(&s->a, &cleo);
	const uint64_t seen = notes_now(s);

	agency_assign(&s->a, &cleo, &s->patient);
	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest.")));
	assert_verdict(agency_take(&s->a, tablet, &cleo, 1, notes_edit(s, &note, "plan", NONE, "Swim.")), GROUP_SUPERSEDED);
	assert_verdict(scene_ann(s, notes_edit(s, &note, "plan", NONE, "Walk twice a day.")), GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_string_equal(agency_text(&s->a, "conflict", &conflict, "status"), "closed");
	assert_string_equal(agency_text(&s->a, "conflict", &conflict, "decided_by"), notes_id(s, &s->ann));
	/* What stood, and what had lost; not what the signer wrote before. */
	assert_int_equal(notes_addenda(s, &note).count, 2);
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
	assert_addendum(s, &note, 1, &cleo, "Swim.");
	assert_sealed(s, &note);
}

static void what_stood_in_a_conflict_and_was_seen_is_not_said_again(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), cleo = agency_worker(&s->a, "Cleo");
	uint32_t tablet = agency_tablet(&s->a, &cleo);

	agency_assign(&s->a, &cleo, &s->patient);
	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(notes_now(s)), "Rest.")));
	assert_verdict(agency_take(&s->a, tablet, &cleo, 1, notes_edit(s, &note, "plan", NONE, "Swim.")), GROUP_SUPERSEDED);
	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk.")));
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &cleo, "Swim.");
}

/* A conflict about the plan: Ben's stands, Cleo's lost. */
static struct id fight(struct scene *s, const struct id *note, uint64_t seen)
{
	struct id cleo = agency_worker(&s->a, "Cleo"), conflict;
	uint32_t tablet = agency_tablet(&s->a, &cleo);

	agency_assign(&s->a, &cleo, &s->patient);
	assert_accepted(scene_ben(s, notes_edit(s, note, "plan", agency_seq(seen), "Rest.")));
	assert_verdict(agency_take(&s->a, tablet, &cleo, 1, notes_edit(s, note, "plan", NONE, "Swim.")), GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	return conflict;
}

static struct change *decision(struct scene *s, const struct id *conflict, const char *plan)
{
	const uint64_t seq = agency_group_seq(&s->a, "conflict", conflict, "decision");
	struct row row = { 0 };
	const char *json = NULL;

	row.values[kind_field(agency_kind(&s->a, "note"), "plan", 4)] = value_string(plan);
	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", conflict), 0, &row, &json), ST_OK);
	return scene_edit(s, "conflict", conflict, "decision", agency_seq(seq), "decision", json);
}

static bool has_addendum(struct scene *s, const struct id *note, const struct id *author, const char *text)
{
	const size_t count = notes_addenda(s, note).count;

	for (size_t i = 0; i < count; i++)
		if (strcmp(notes_addendum(s, note, i, "text"), text) == 0 &&
		    (!author || strcmp(notes_addendum(s, note, i, "author"), notes_id(s, author)) == 0))
			return true;
	return false;
}

static void a_decision_with_words_of_its_own_is_kept_in_either_order(void **state)
{
	struct scene *s = *state;

	for (int late = 0; late < 2; late++) {
		struct id note = notes_draft(s), conflict;
		const uint64_t seen = notes_now(s);
		struct change *decide;

		conflict = fight(s, &note, seen);
		decide = decision(s, &conflict, "Rest and swim.");
		if (!late)
			assert_accepted(scene_ben(s, decide));
		assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
		if (late)
			assert_verdict(scene_ben(s, decide), GROUP_SUPERSEDED);
		assert_field(s, &note, "plan", "Walk.");
		assert_sealed(s, &note);
		assert_string_equal(agency_text(&s->a, "conflict", &conflict, "status"), "closed");
		assert_true(has_addendum(s, &note, &s->ben, "Rest and swim."));
		assert_true(has_addendum(s, &note, &s->ben, "Rest."));
		/* What had lost was decided by a person, or is not decided yet. */
		assert_int_equal(has_addendum(s, &note, NULL, "Swim."), late);
		/* One patient has one conflict at a time in this test. */
		agency_unassign(&s->a, &s->ben, &s->patient);
		s->patient = agency_patient(&s->a, "Another");
		agency_assign(&s->a, &s->ann, &s->patient);
		agency_assign(&s->a, &s->ben, &s->patient);
	}
}

static void of_two_decisions_about_a_draft_none_is_an_addendum(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), conflict = fight(s, &note, notes_now(s));
	struct change *first = decision(s, &conflict, "Rest and swim."), *second = decision(s, &conflict, "Neither.");

	assert_accepted(scene_ben(s, first));
	assert_verdict(scene_ann(s, second), GROUP_SUPERSEDED);
	assert_int_equal(notes_addenda(s, &note).count, 0);
}

/* --- what comes late --- */

static void late_words_do_not_stand_and_are_not_lost(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	struct id none;

	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_verdict(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest.")), GROUP_SUPERSEDED);
	assert_field(s, &note, "plan", "Walk.");
	assert_sealed(s, &note);
	assert_field(s, &note, "status", "amended");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &none, 1), 0);
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
	assert_string_equal(notes_addendum(s, &note, 0, "section"), "plan");
	assert_string_equal(notes_addendum(s, &note, 0, "reason"), "Written before the note was known to be signed.");
}

static void late_words_that_are_signed_anyway_change_nothing(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_accepted(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Walk.")));
	assert_field(s, &note, "status", "signed");
	assert_int_equal(notes_addenda(s, &note).count, 0);
}

static void late_words_that_were_held_are_an_addendum_of_their_author(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), sue = agency_worker(&s->a, "Sue");
	const uint64_t seen = notes_now(s);
	uint64_t held;
	struct failure why;

	hold_bens(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest."));
	held = s->a.outcome.seq;
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_int_equal(intake_answer_held(&s->a.in, &sue, held, true, &why), ST_OK);
	assert_field(s, &note, "plan", "Walk.");
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
}

/* The same two changes: the note ends the same, and so does what is said beside it. */
static void the_order_of_arrival_makes_no_difference_to_a_signed_note(void **state)
{
	struct scene *s = *state;
	struct id notes[2];

	for (int late = 0; late < 2; late++) {
		uint64_t seen;
		struct change *change = agency_change(&s->a, "note", &s->ann, NULL);

		notes[late] = notes_draft(s);
		seen = notes_now(s);
		change->id = notes[late];
		agency_group(&s->a, change, "coordination", agency_seq(seen));
		agency_group(&s->a, change, "plan", agency_seq(seen));
		agency_set(change, "coordination", "Called Dr Lind.");
		agency_set(change, "plan", "Rest.");
		if (!late)
			(void)scene_ben(s, change);
		assert_accepted(scene_ann(s, notes_signature(s, &notes[late], seen, "Walk.")));
		if (late)
			(void)scene_ben(s, change);
		assert_int_equal(notes_addenda(s, &notes[late]).count, 1);
		assert_addendum(s, &notes[late], 0, &s->ben, "Coordination: Called Dr Lind.\n\nPlan: Rest.");
		assert_field(s, &notes[late], "status", "amended");
		assert_sealed(s, &notes[late]);
	}
	assert_true(row_equal(&agency_record(&s->a, "note", &notes[0])->row, &agency_record(&s->a, "note", &notes[1])->row,
			      closing_signed_mask(agency_kind(&s->a, "note"))));
}

static void the_first_signature_stands_and_the_second_is_said_beside_it(void **state)
{
	struct scene *s = *state;

	for (int ben_first = 0; ben_first < 2; ben_first++) {
		struct id note = notes_draft(s);
		struct change *ann = notes_signature(s, &note, notes_now(s), "Walk."), *ben;
		const struct id *second = ben_first ? &s->ann : &s->ben;

		ben = notes_whole(s, &note, agency_seq(notes_now(s)), &s->ben);
		agency_set(ben, "plan", "Rest.");
		(void)notes_seal(s, ben);
		if (ben_first)
			assert_accepted(scene_ben(s, ben));
		(void)scene_ann(s, ann);
		if (!ben_first)
			(void)scene_ben(s, ben);
		assert_int_equal(s->a.outcome.result, OUTCOME_JUDGED);
		assert_string_equal(agency_text(&s->a, "note", &note, "signed_by"),
				    notes_id(s, ben_first ? &s->ben : &s->ann));
		assert_sealed(s, &note);
		assert_int_equal(notes_addenda(s, &note).count, 1);
		assert_addendum(s, &note, 0, second,
				ben_first ? "Also signed by Ann.\n\nWalk." : "Also signed by Ben.\n\nRest.");
		assert_field(s, &note, "status", "amended");
	}
}

static void a_signature_that_comes_again_is_no_second_one(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_field(s, &note, "status", "signed");
	assert_verdict(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), "Rest.")), GROUP_SUPERSEDED);
	(void)scene_ann(s, notes_signature(s, &note, seen, "Walk."));
	assert_field(s, &note, "status", "amended");
	assert_int_equal(notes_addenda(s, &note).count, 1);
}

static void more_than_an_addendum_may_hold_becomes_several(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	struct change *change = agency_change(&s->a, "note", &note, NULL);
	char *longest = arena_alloc(&s->a.arena, LIMIT_NOTE_MAX + 1);

	assert_non_null(longest);
	memset(longest, 'x', LIMIT_NOTE_MAX);
	longest[LIMIT_NOTE_MAX] = '\0';
	agency_group(&s->a, change, "coordination", agency_seq(seen));
	agency_group(&s->a, change, "plan", agency_seq(seen));
	agency_set(change, "coordination", "Called Dr Lind.");
	agency_set(change, "plan", longest);
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_int_equal(scene_ben(s, change)->result, OUTCOME_JUDGED);
	assert_int_equal(notes_addenda(s, &note).count, 2);
	assert_addendum(s, &note, 0, &s->ben, "Called Dr Lind.");
	assert_string_equal(notes_addendum(s, &note, 0, "section"), "coordination");
	assert_addendum(s, &note, 1, &s->ben, longest);
	assert_string_equal(notes_addendum(s, &note, 1, "section"), "plan");
}

/* Sentences of which none ends with a blank, up to the limit: what is added is what its author wrote. */
static void the_longest_text_without_blanks_is_added_as_it_was_written(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);
	char *text = arena_zalloc(&s->a.arena, LIMIT_NOTE_MAX + 1);

	assert_non_null(text);
	for (size_t at = 0; at + 6 <= LIMIT_NOTE_MAX; at += 6)
		(void)memcpy(text + at, "\xE6\xAD\xA9\xE3\x80\x82", 6); /* a word and a full stop */
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	assert_verdict(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen), text)), GROUP_SUPERSEDED);
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_addendum(s, &note, 0, &s->ben, text);
}

static void between_ones_own_sentences_all_stays_as_it_was_written(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	const uint64_t seen = notes_now(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk. Rest.")));
	assert_verdict(scene_ben(s, notes_edit(s, &note, "plan", agency_seq(seen),
					       "Walk. Call her son.  He has keys.\n\n- Key box\nRest. Eat.")), GROUP_SUPERSEDED);
	assert_addendum(s, &note, 0, &s->ben, "Call her son.  He has keys.\n\n- Key box\nEat.");
}

static void what_is_no_text_is_said_as_people_read_it(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s), visit = scene_record(s, "visit", "purpose", "x");
	const uint64_t seen = notes_now(s);
	struct change *change = agency_change(&s->a, "note", &note, NULL);
	char expected[128];

	agency_group(&s->a, change, "visit", agency_seq(seen));
	agency_group(&s->a, change, "author", agency_seq(seen));
	agency_group(&s->a, change, "written_at", agency_seq(seen));
	agency_set_id(&s->a, change, "visit", &visit);
	agency_set_id(&s->a, change, "author", &s->ben);
	agency_set_int(change, "written_at", AGENCY_START_MS);
	assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
	(void)scene_ben(s, change);
	(void)snprintf(expected, sizeof expected,
		       "Visit: visit/%s\n\nAuthor: Ben\n\nWritten at: 2026-01-01T00:00:00Z", notes_id(s, &visit));
	assert_addendum(s, &note, 0, &s->ben, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_that_the_signer_had_not_seen_become_an_addendum),
		TEST(words_that_the_signer_had_seen_do_not),
		TEST(each_section_is_seen_for_itself),
		TEST(what_was_held_at_first_is_its_authors_too),
		TEST(the_same_words_need_no_addendum),
		TEST(one_change_is_one_addendum_whatever_it_holds),
		TEST(what_the_centre_wrote_says_so),
		TEST(a_merge_that_the_signer_had_not_seen_is_not_seen),
		TEST(a_signature_ends_the_notes_conflicts_and_loses_no_word),
		TEST(what_stood_in_a_conflict_and_was_seen_is_not_said_again),
		TEST(a_decision_with_words_of_its_own_is_kept_in_either_order),
		TEST(of_two_decisions_about_a_draft_none_is_an_addendum),
		TEST(late_words_do_not_stand_and_are_not_lost),
		TEST(late_words_that_are_signed_anyway_change_nothing),
		TEST(late_words_that_were_held_are_an_addendum_of_their_author),
		TEST(the_order_of_arrival_makes_no_difference_to_a_signed_note),
		TEST(the_first_signature_stands_and_the_second_is_said_beside_it),
		TEST(a_signature_that_comes_again_is_no_second_one),
		TEST(more_than_an_addendum_may_hold_becomes_several),
		TEST(the_longest_text_without_blanks_is_added_as_it_was_written),
		TEST(between_ones_own_sentences_all_stays_as_it_was_written),
		TEST(what_is_no_text_is_said_as_people_read_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
