/* Narrative that two people changed: what merges by itself, what a person is asked, and what choosing does to the words
 * that others wrote meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conflict.h"
#include "tests/support/scene.h"

#define BASE "Slept well. Metformin 500 mg twice daily. Ate little."
#define BEN "Slept well. Metformin 850 mg twice daily. Ate little."
#define ANN "Slept well, she says. Metformin 500 mg once daily. Ate little. Daughter present."
#define STANDS "Slept well, she says. Metformin 850 mg twice daily. Ate little. Daughter present."
#define OTHER "Slept well, she says. Metformin 500 mg once daily. Ate little. Daughter present."

struct fight {
	struct id note, conflict;
	uint64_t base, ben_seq, ann_seq;
};

static const char *stands(struct scene *s, const struct fight *f)
{
	return agency_text(&s->a, "note", &f->note, "plan");
}

static struct change *edit(struct scene *s, const struct fight *f, struct version base, const char *text)
{
	return scene_edit(s, "note", &f->note, "plan", base, "plan", text);
}

/* The note that both had seen; Ben's text has arrived. */
static struct fight begin(struct scene *s, const char *base, const char *ben)
{
	struct fight f = { .note = scene_record(s, "note", "plan", base) };

	f.base = agency_group_seq(&s->a, "note", &f.note, "plan");
	assert_accepted(scene_ben(s, edit(s, &f, agency_seq(f.base), ben)));
	f.ben_seq = s->a.outcome.seq;
	return f;
}

/* One dose changed by Ben, how often by Ann, who also wrote elsewhere. */
static struct fight fight(struct scene *s)
{
	struct fight f = begin(s, BASE, BEN);

	assert_verdict(scene_ann(s, edit(s, &f, agency_seq(f.base), ANN)), GROUP_MERGED);
	f.ann_seq = s->a.outcome.seq;
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &f.conflict, 1), 1);
	return f;
}

static json_t *candidates(struct scene *s, const struct fight *f)
{
	json_t *array = json_loads(agency_text(&s->a, "conflict", &f->conflict, "candidates"), 0, NULL);

	assert_true(json_is_array(array));
	return array;
}

static json_t *candidate(json_t *array, size_t i, const char *key)
{
	return json_object_get(json_array_get(array, i), key);
}

static const char *value_of(json_t *array, size_t i)
{
	return json_string_value(json_object_get(candidate(array, i, "values"), "plan"));
}

static bool is_open(struct scene *s, const struct fight *f)
{
	return strcmp(agency_text(&s->a, "conflict", &f->conflict, "status"), "open") == 0;
}

static void decide(struct scene *s, const struct fight *f, unsigned choice)
{
	uint64_t seq = agency_group_seq(&s->a, "conflict", &f->conflict, "decision");
	const char *json = NULL;

	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &f->conflict), choice, NULL, &json),
			 ST_OK);
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f->conflict, "decision", agency_seq(seq), "decision", json)));
}

static void words_far_apart_merge_and_nobody_is_asked(void **state)
{
	struct scene *s = *state;
	struct fight f = begin(s, BASE, BEN);
	struct id none;

	assert_verdict(scene_ann(s, edit(s, &f, agency_seq(f.base), BASE " Daughter present.")), GROUP_MERGED);
	assert_string_equal(stands(s, &f), BEN " Daughter present.");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &none, 1), 0);
}

static void what_both_wrote_alike_is_accepted(void **state)
{
	struct scene *s = *state;
	struct fight f = begin(s, BASE, BEN);

	assert_accepted(scene_ann(s, edit(s, &f, agency_seq(f.base), BEN " Daughter present.")));
	assert_string_equal(stands(s, &f), BEN " Daughter present.");
}

static void of_one_sentence_the_centres_stands_and_a_person_is_asked(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	assert_string_equal(stands(s, &f), STANDS);
	assert_true(is_open(s, &f));
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "group_name"), "plan");
}

static void the_conflict_holds_both_sentences_with_their_places(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	json_t *array = candidates(s, &f), *spot;
	const char *theirs = "Metformin 500 mg once daily.", *ours = "Metformin 850 mg twice daily.";
	size_t at, other_at;

	assert_int_equal(json_array_size(array), 2);
	assert_string_equal(value_of(array, 0), STANDS);
	assert_string_equal(value_of(array, 1), OTHER);
	/* What stands is Ben's sentence, though Ann's words came into the text too. */
	assert_string_equal(json_string_value(candidate(array, 0, "name")), "Ben");
	assert_int_equal(strtoull(json_string_value(candidate(array, 0, "seq")), NULL, 10), f.ben_seq);
	assert_string_equal(json_string_value(candidate(array, 1, "name")), "Ann");
	assert_int_equal(strtoull(json_string_value(candidate(array, 1, "seq")), NULL, 10), f.ann_seq);
	assert_null(candidate(array, 0, "spots"));
	assert_int_equal(json_array_size(candidate(array, 1, "spots")), 1);
	spot = json_array_get(candidate(array, 1, "spots"), 0);
	at = (size_t)json_integer_value(json_object_get(spot, "at"));
	other_at = (size_t)json_integer_value(json_object_get(spot, "other_at"));
	assert_memory_equal(&STANDS[at], ours, strlen(ours));
	assert_memory_equal(&OTHER[other_at], theirs, strlen(theirs));
	assert_memory_equal(json_string_value(json_object_get(spot, "stands")), ours, strlen(ours));
	json_decref(array);
}

static void where_none_of_it_found_its_place_it_is_superseded(void **state)
{
	struct scene *s = *state;
	struct fight f = begin(s, BASE, BEN);

	assert_verdict(scene_ann(s, edit(s, &f, agency_seq(f.base),
				         "Slept well. Metformin 500 mg once daily. Ate little.")), GROUP_SUPERSEDED);
	assert_string_equal(stands(s, &f), BEN);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &f.conflict, 1), 1);
}

static void choosing_the_other_takes_its_sentence(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	decide(s, &f, 2);
	assert_false(is_open(s, &f));
	assert_string_equal(stands(s, &f), OTHER);
}

static void choosing_the_other_keeps_what_was_written_elsewhere_meanwhile(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	assert_accepted(scene_ben(s, edit(s, &f, agency_seq(s->a.chain.seq), STANDS " Call the pharmacy.")));
	decide(s, &f, 2);
	assert_false(is_open(s, &f));
	assert_string_equal(stands(s, &f), OTHER " Call the pharmacy.");
}

static void choosing_what_stands_changes_no_word(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	decide(s, &f, 1);
	assert_false(is_open(s, &f));
	assert_string_equal(stands(s, &f), STANDS);
}

static void choosing_what_stood_keeps_what_was_written_elsewhere_meanwhile(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	assert_accepted(scene_ben(s, edit(s, &f, agency_seq(s->a.chain.seq),
					  "Slept well, she says. Metformin 1000 mg twice daily. Ate little. Daughter present. Keys.")));
	decide(s, &f, 1);
	assert_false(is_open(s, &f));
	assert_string_equal(stands(s, &f), STANDS " Keys.");
}

/* A decision on a text that has gone on is no decision of that text: it waits beside the others, with their words in
 * the text as it is now. */
static void a_choice_that_had_not_seen_what_stands_waits_among_the_candidates(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const struct record *record = agency_record(&s->a, "conflict", &f.conflict);
	uint64_t seq = agency_group_seq(&s->a, "conflict", &f.conflict, "decision");
	const char *json = NULL;
	json_t *array;

	assert_int_equal(conflict_decision(&s->a.in, record, 2, NULL, &json), ST_OK);
	assert_accepted(scene_ben(s, edit(s, &f, agency_seq(s->a.chain.seq), STANDS " Call the pharmacy.")));
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(seq), "decision", json)));
	assert_true(is_open(s, &f));
	assert_string_equal(stands(s, &f), STANDS " Call the pharmacy.");
	array = candidates(s, &f);
	assert_int_equal(json_array_size(array), 3);
	assert_string_equal(value_of(array, 2), OTHER " Call the pharmacy.");
	json_decref(array);
}

static void the_next_edit_on_top_of_ones_own_keeps_the_sentence_that_stands(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	/* Ann has not heard of the outcome: her base is her own change. */
	assert_verdict(scene_ann(s, edit(s, &f, agency_own(s->ann_n), ANN " Call the pharmacy.")), GROUP_MERGED);
	assert_string_equal(stands(s, &f), STANDS " Call the pharmacy.");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &f.conflict, 1), 1);
}

static void a_decided_text_takes_no_words_that_had_not_seen_the_decision(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct id ids[2];

	decide(s, &f, 2);
	assert_verdict(scene_ben(s, edit(s, &f, agency_seq(f.ben_seq), BEN " Late.")), GROUP_SUPERSEDED);
	assert_string_equal(stands(s, &f), OTHER);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 2), 2);
}

/* The fifth of that length has no room in the conflict: it is read from history, where it is as its author sent it. */
static void choosing_from_history_keeps_what_was_written_elsewhere_too(void **state)
{
	struct scene *s = *state;
	char *text = arena_zalloc(&s->a.arena, 60001), *ann = arena_zalloc(&s->a.arena, 61000);
	size_t used = 0;
	struct fight f;
	json_t *array;

	assert_true(text != NULL && ann != NULL);
	while (used < 59000)
		used += (size_t)snprintf(text + used, 60000 - used, "Line %zu is here. ", used);
	(void)snprintf(ann, 61000, "Ben was here. %sDose 6 mg.", text);
	(void)snprintf(text + used, 60000 - used, "Dose 5 mg.");
	f = begin(s, text, ann);
	for (int dose = 7; dose < 12; dose++) {
		(void)snprintf(ann, 61000, "%.*sDose %d mg.", (int)used, text, dose);
		(void)scene_ann(s, edit(s, &f, agency_seq(f.base), ann));
	}
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &f.conflict, 1), 1);
	array = candidates(s, &f);
	assert_int_equal(json_array_size(array), 6);
	assert_true(json_is_null(candidate(array, 5, "values")));
	json_decref(array);
	decide(s, &f, 6);
	(void)snprintf(ann, 61000, "Ben was here. %.*sDose 11 mg.", (int)used, text);
	assert_string_equal(stands(s, &f), ann);
}

/* Both doses were wrong, a person says: it is the first one. Then somebody who knows that writes elsewhere. */
static void a_decision_holds_under_what_is_written_upon_it(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const uint64_t seq = agency_group_seq(&s->a, "conflict", &f.conflict, "decision");
	struct row values = { 0 };
	const char *json = NULL;
	struct id ids[3];

	values.values[kind_field(agency_kind(&s->a, "note"), "plan", 4)] = value_string(BASE);
	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &f.conflict), 0, &values, &json), ST_OK);
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(seq), "decision", json)));
	assert_accepted(scene_ann(s, edit(s, &f, agency_seq(s->a.chain.seq), BASE " Keys.")));
	assert_verdict(scene_ben(s, edit(s, &f, agency_seq(f.base), BEN)), GROUP_SUPERSEDED);
	assert_string_equal(stands(s, &f), BASE " Keys.");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 3), 2);
	/* Who knows of the decision, and not of the keys, is merged. */
	assert_accepted(scene_ann(s, edit(s, &f, agency_seq(s->a.chain.seq), BASE " Keys. Son called.")));
	assert_verdict(scene_ben(s, edit(s, &f, agency_seq(s->a.chain.seq - 1), "Fell asleep. " BASE " Keys.")), GROUP_MERGED);
	assert_string_equal(stands(s, &f), "Fell asleep. " BASE " Keys. Son called.");
}

/* What several merges make is written down as one change. */
static void merges_of_many_long_sections_never_fail(void **state)
{
	static const char *const sections[] = { "reason", "observed", "done", "response", "education", "coordination", "plan" };
	const size_t count = sizeof sections / sizeof sections[0];
	struct scene *s = *state;
	struct id note = scene_record(s, "note", "plan", "Began. End.");
	struct change *change = agency_change(&s->a, "note", &note, NULL);
	char *longer = arena_zalloc(&s->a.arena, 200001);
	uint64_t base;
	size_t kept = 0;

	assert_non_null(longer);
	(void)memcpy(longer, "Began. End. ", 12);
	memset(longer + 12, 'x', 200000 - 12);
	for (size_t i = 0; i < count; i++)
		assert_accepted(scene_ben(s, scene_edit(s, "note", &note, sections[i], agency_seq(s->a.chain.seq), sections[i],
							"Began. End.")));
	base = s->a.chain.seq;
	for (size_t i = 0; i < count; i++)
		assert_accepted(scene_ben(s, scene_edit(s, "note", &note, sections[i], agency_seq(base), sections[i], longer)));
	for (size_t i = 0; i < count; i++)
		agency_group(&s->a, change, sections[i], agency_seq(base));
	for (size_t i = 0; i < count; i++)
		agency_set(change, sections[i], "Ann was here. Began. End.");
	assert_int_equal(scene_ann(s, change)->result, OUTCOME_JUDGED);
	/* Five find room; of the others a person is asked. */
	for (size_t i = 0; i < count; i++)
		kept += strncmp(agency_text(&s->a, "note", &note, sections[i]), "Ann was here.", 13) == 0;
	assert_int_equal(kept, 5);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &note, 1), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_far_apart_merge_and_nobody_is_asked),
		TEST(what_both_wrote_alike_is_accepted),
		TEST(of_one_sentence_the_centres_stands_and_a_person_is_asked),
		TEST(the_conflict_holds_both_sentences_with_their_places),
		TEST(where_none_of_it_found_its_place_it_is_superseded),
		TEST(choosing_the_other_takes_its_sentence),
		TEST(choosing_the_other_keeps_what_was_written_elsewhere_meanwhile),
		TEST(choosing_what_stands_changes_no_word),
		TEST(choosing_what_stood_keeps_what_was_written_elsewhere_meanwhile),
		TEST(a_choice_that_had_not_seen_what_stands_waits_among_the_candidates),
		TEST(the_next_edit_on_top_of_ones_own_keeps_the_sentence_that_stands),
		TEST(a_decided_text_takes_no_words_that_had_not_seen_the_decision),
		TEST(choosing_from_history_keeps_what_was_written_elsewhere_too),
		TEST(a_decision_holds_under_what_is_written_upon_it),
		TEST(merges_of_many_long_sections_never_fail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
