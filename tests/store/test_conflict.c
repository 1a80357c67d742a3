/* The life of a conflict: opened, joined, decided, decided twice, overtaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conflict.h"
#include "tests/support/scene.h"

static const struct version NONE = { .tag = VERSION_NONE };

/* A goal that was proposed when both saw it; Ben made it active, Ann puts it on hold. */
struct fight {
	struct id goal, conflict;
	uint64_t base, ben_seq, ann_seq;
};

static struct fight fight(struct scene *s)
{
	struct fight f = { .goal = scene_record(s, "goal", "status", "proposed") };

	f.base = agency_group_seq(&s->a, "goal", &f.goal, "status");
	assert_accepted(scene_ben(s, scene_edit(s, "goal", &f.goal, "status", agency_seq(f.base), "status", "active")));
	f.ben_seq = s->a.outcome.seq;
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &f.goal, "status", agency_seq(f.base), "status", "on-hold")),
		       GROUP_SUPERSEDED);
	f.ann_seq = s->a.outcome.seq;
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &f.conflict, 1), 1);
	return f;
}

static json_t *candidates(struct scene *s, const struct id *conflict)
{
	json_t *array = json_loads(agency_text(&s->a, "conflict", conflict, "candidates"), 0, NULL);

	assert_true(json_is_array(array));
	return array;
}

static const char *of_candidate(json_t *array, size_t i, const char *key)
{
	const char *text = json_string_value(json_object_get(json_array_get(array, i), key));

	return text ? text : "";
}

static const char *value_of_candidate(json_t *array, size_t i, const char *field)
{
	json_t *values = json_object_get(json_array_get(array, i), "values");
	const char *text = json_string_value(json_object_get(values, field));

	return text ? text : "";
}

static uint64_t seq_of_candidate(json_t *array, size_t i)
{
	return strtoull(of_candidate(array, i, "seq"), NULL, 10);
}

static size_t candidate_count(struct scene *s, const struct id *conflict)
{
	json_t *array = candidates(s, conflict);
	size_t count = json_array_size(array);

	json_decref(array);
	return count;
}

/* The decision's text for the conflict as it stands. */
static const char *decision(struct scene *s, const struct id *conflict, unsigned choice, const char *status)
{
	const struct kind *goal = agency_kind(&s->a, "goal");
	struct row row = { 0 };
	const char *json = NULL;

	row.values[kind_field(goal, "status", 6)] = value_string(status);
	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", conflict), choice, &row, &json),
			 ST_OK);
	return json;
}

static struct change *decide(struct scene *s, const struct id *conflict, const char *json)
{
	uint64_t seq = agency_group_seq(&s->a, "conflict", conflict, "decision");

	return scene_edit(s, "conflict", conflict, "decision", agency_seq(seq), "decision", json);
}

static const struct group_meta *status_meta(struct scene *s, const struct id *goal)
{
	const struct record *record = agency_record(&s->a, "goal", goal);

	return &record->groups[kind_group(record->kind, "status", 6)];
}

static void assert_open(struct scene *s, const struct id *conflict, bool open)
{
	assert_string_equal(agency_text(&s->a, "conflict", conflict, "status"), open ? "open" : "closed");
}

/* --- opening and joining --- */

static void a_conflict_tells_who_wrote_what(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	json_t *array = candidates(s, &f.conflict);
	char text[ID_TEXT_SIZE];

	assert_open(s, &f.conflict, true);
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "record_kind"), "goal");
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "group_name"), "status");
	id_format(&f.goal, text);
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "record"), text);
	assert_true(id_equal(&agency_record(&s->a, "conflict", &f.conflict)->patient, &s->patient));
	assert_int_equal(json_array_size(array), 2);
	/* First what stood, with its author, then what lost. */
	assert_int_equal(json_integer_value(json_object_get(json_array_get(array, 0), "n")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(array, 1), "n")), 2);
	assert_string_equal(value_of_candidate(array, 0, "status"), "active");
	assert_string_equal(value_of_candidate(array, 1, "status"), "on-hold");
	assert_string_equal(of_candidate(array, 0, "name"), "Ben");
	assert_string_equal(of_candidate(array, 1, "name"), "Ann");
	assert_int_equal(seq_of_candidate(array, 0), f.ben_seq);
	assert_int_equal(seq_of_candidate(array, 1), f.ann_seq);
	id_format(&s->ann, text);
	assert_string_equal(of_candidate(array, 1, "author"), text);
	json_decref(array);
}

static void later_values_join_the_open_conflict(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct id ids[4];
	json_t *array;

	assert_verdict(scene_ann(s, scene_edit(s, "goal", &f.goal, "status", agency_own(1), "status", "cancelled")),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 4), 1);
	array = candidates(s, &f.conflict);
	assert_int_equal(json_array_size(array), 3);
	assert_string_equal(value_of_candidate(array, 2, "status"), "cancelled");
	json_decref(array);
}

static void another_group_has_a_conflict_of_its_own(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct id ids[4];
	uint64_t base;

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &f.goal, "text", agency_seq(f.base), "text", "Walk alone.")));
	base = s->a.outcome.seq;
	assert_accepted(scene_ben(s, scene_edit(s, "goal", &f.goal, "text", agency_seq(base), "text", "Walk daily.")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &f.goal, "text", agency_seq(base), "text", "Walk weekly.")),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 4), 2);
	assert_string_equal(agency_text(&s->a, "conflict", &ids[1], "group_name"), "text");
}

static void sent_twice_it_is_one_candidate(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct change *change = scene_edit(s, "goal", &f.goal, "status", agency_seq(f.base), "status", "on-hold");

	assert_verdict(agency_take(&s->a, s->ann_tablet, &s->ann, 1, change), GROUP_SUPERSEDED);
	assert_int_equal(candidate_count(s, &f.conflict), 2);
}

static void a_held_change_accepted_late_is_its_authors_candidate(void **state)
{
	struct scene *s = *state;
	struct id goal = scene_record(s, "goal", "status", "proposed"), sue = agency_worker(&s->a, "Sue"), conflict;
	uint64_t base = agency_group_seq(&s->a, "goal", &goal, "status");
	struct change *change;
	struct failure why;
	json_t *array;

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &goal, "status", agency_seq(base), "status", "active")));
	change = scene_edit(s, "goal", &goal, "status", agency_seq(base), "status", "on-hold");
	scene_leave(s, &s->ann, change);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 0);
	assert_int_equal(intake_answer_held(&s->a.in, &sue, s->a.outcome.seq, true, &why), ST_OK);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	array = candidates(s, &conflict);
	assert_string_equal(of_candidate(array, 1, "name"), "Ann");
	json_decref(array);
}

/* Ann puts the goal on hold, for a plan that the centre does not know yet: all of it is held until that comes. */
static void hold_goal(struct scene *s, const struct id *goal, uint64_t base, const struct id *plan)
{
	struct change *change = agency_change(&s->a, "goal", goal, NULL);

	agency_group(&s->a, change, "plan", agency_seq(base));
	agency_set_id(&s->a, change, "plan", plan);
	agency_group(&s->a, change, "status", agency_seq(base));
	agency_set(change, "status", "on-hold");
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
}

/* What keeps it comes, and it is judged again by itself. */
static void let_in(struct scene *s, const struct id *plan)
{
	struct change *change = agency_change(&s->a, "plan", plan, &s->patient);

	for (size_t f = 0; f < change->kind->field_count; f++)
		if (change->kind->fields[f].required)
			change->row.values[f] = value_string("x");
	assert_accepted(agency_own_change(&s->a, change));
}

/* … and what she made of it meanwhile is taken. */
static struct id hold_and_go_on(struct scene *s, struct id *plan_out, const char *later)
{
	const struct id goal = scene_record(s, "goal", "status", "proposed");

	*plan_out = agency_id(&s->a);
	hold_goal(s, &goal, s->a.chain.seq, plan_out);
	s->a.now_ms += 60000;
	assert_accepted(scene_ann(s, scene_edit(s, "goal", &goal, "status", agency_own(s->ann_n), "status", later)));
	return goal;
}

/* She had seen her own on-hold, and replaced it: there is nothing that a person must decide. */
static void what_its_author_went_on_from_is_no_conflict_with_what_they_made_of_it(void **state)
{
	struct scene *s = *state;
	struct id plan, ids[1];
	const struct id goal = hold_and_go_on(s, &plan, "cancelled");

	let_in(s, &plan);
	assert_string_equal(agency_text(&s->a, "goal", &goal, "status"), "cancelled");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 1), 0);
}

/* Nor does it come after what she set right, where that is the value from before. */
static void what_its_author_took_back_does_not_come_back(void **state)
{
	struct scene *s = *state;
	struct id plan, ids[1];
	const struct id goal = hold_and_go_on(s, &plan, "proposed");

	let_in(s, &plan);
	assert_string_equal(agency_text(&s->a, "goal", &goal, "status"), "proposed");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 1), 0);
}

/* Ben has gone on from hers since. */
static void what_others_made_of_her_later_value_is_no_conflict_with_the_older_one_either(void **state)
{
	struct scene *s = *state;
	struct id plan, ids[1];
	const struct id goal = hold_and_go_on(s, &plan, "active");

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &goal, "status", agency_seq(s->a.chain.seq), "status", "completed")));
	let_in(s, &plan);
	assert_string_equal(agency_text(&s->a, "goal", &goal, "status"), "completed");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 1), 0);
}

/* From a page that was open since before, she wrote without having her on-hold before her: that is for a person. */
static void an_own_later_value_that_did_not_start_from_the_held_one_is_a_conflict(void **state)
{
	struct scene *s = *state;
	const struct id goal = scene_record(s, "goal", "status", "proposed"), plan = agency_id(&s->a);
	const uint64_t base = s->a.chain.seq;
	struct id ids[1];

	hold_goal(s, &goal, base, &plan);
	assert_accepted(scene_ann(s, scene_edit(s, "goal", &goal, "status", agency_seq(base), "status", "cancelled")));
	let_in(s, &plan);
	assert_string_equal(agency_text(&s->a, "goal", &goal, "status"), "cancelled");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 1), 1);
}

/* --- deciding --- */

static void a_decision_sets_the_value_and_closes_the_conflict(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct history row;
	char text[ID_TEXT_SIZE];

	assert_accepted(scene_ann(s, decide(s, &f.conflict, decision(s, &f.conflict, 2, NULL))));
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "on-hold");
	assert_true(status_meta(s, &f.goal)->decided);
	/* By the centre, under the name of who decided. */
	assert_int_equal(status_meta(s, &f.goal)->device, 0);
	assert_int_equal(s->a.store->ops->history_get(s->a.store, status_meta(s, &f.goal)->seq, &s->a.arena, &row), ST_OK);
	assert_true(id_equal(&row.author, &s->ann));
	id_format(&s->ann, text);
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "decided_by"), text);
	agency_commit(&s->a);
}

static void keeping_what_stands_is_a_decision_too(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	uint64_t before = status_meta(s, &f.goal)->seq;

	assert_accepted(scene_ann(s, decide(s, &f.conflict, decision(s, &f.conflict, 1, NULL))));
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "active");
	assert_true(status_meta(s, &f.goal)->decided);
	assert_true(status_meta(s, &f.goal)->seq > before);
}

static void a_decision_may_bring_a_value_of_its_own(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	assert_accepted(scene_ben(s, decide(s, &f.conflict, decision(s, &f.conflict, 0, "completed"))));
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "completed");
}

static void the_centres_people_decide_on_the_same_road(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct id sue = agency_worker(&s->a, "Sue");
	struct change *change = decide(s, &f.conflict, decision(s, &f.conflict, 2, NULL));

	assert_int_equal(intake_own(&s->a.in, &sue, change, &s->a.outcome), ST_OK);
	assert_accepted(&s->a.outcome);
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "on-hold");
}

static void a_decision_that_had_not_seen_a_candidate_joins_them(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const char *json = decision(s, &f.conflict, 2, NULL);
	uint64_t base = agency_group_seq(&s->a, "conflict", &f.conflict, "decision");
	json_t *array;

	assert_verdict(scene_ben(s, scene_edit(s, "goal", &f.goal, "status", agency_seq(f.base), "status", "planned")),
		       GROUP_SUPERSEDED);
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(base), "decision", json)));
	assert_open(s, &f.conflict, true);
	assert_string_equal(agency_text(&s->a, "conflict", &f.conflict, "decision"), "");
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "active");
	array = candidates(s, &f.conflict);
	assert_int_equal(json_array_size(array), 4);
	assert_string_equal(value_of_candidate(array, 3, "status"), "on-hold");
	assert_string_equal(of_candidate(array, 3, "name"), "Ann");
	json_decref(array);
	/* Having seen them all, it can be decided again. */
	assert_accepted(scene_ann(s, decide(s, &f.conflict, decision(s, &f.conflict, 3, NULL))));
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "planned");
}

static void a_decision_that_had_not_seen_what_stands_is_not_carried_out(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const char *json = decision(s, &f.conflict, 2, NULL);

	assert_accepted(scene_ben(
		s, scene_edit(s, "goal", &f.goal, "status", agency_seq(s->a.chain.seq), "status", "completed")));
	/* Somebody who saw what stands may go on: the conflict stays for a person to decide. */
	assert_open(s, &f.conflict, true);
	assert_accepted(scene_ann(s, decide(s, &f.conflict, json)));
	assert_open(s, &f.conflict, true);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "completed");
	assert_int_equal(candidate_count(s, &f.conflict), 3);
}

/* A tablet knows how far it was shown the group, not always which change set it. */
static void what_stands_was_seen_by_who_was_shown_the_group_up_to_it(void **state)
{
	static const char form[] = "{\"choice\":2,\"seen\":[\"%" PRIu64 "\",\"%" PRIu64 "\"%s],\"stood\":\"%" PRIu64 "\"}";
	struct scene *s = *state;
	struct fight f = fight(s);
	char json[200], joined[32];
	uint64_t standing;

	assert_accepted(scene_ben(
		s, scene_edit(s, "goal", &f.goal, "status", agency_seq(s->a.chain.seq), "status", "completed")));
	standing = s->a.outcome.seq;
	(void)snprintf(json, sizeof json, form, f.ben_seq, f.ann_seq, "", standing - 1);
	assert_accepted(scene_ann(s, decide(s, &f.conflict, json)));
	assert_open(s, &f.conflict, true);
	/* The decision is a candidate now, and seen too. */
	(void)snprintf(joined, sizeof joined, ",\"%" PRIu64 "\"", s->a.outcome.seq);
	(void)snprintf(json, sizeof json, form, f.ben_seq, f.ann_seq, joined, standing);
	assert_accepted(scene_ann(s, decide(s, &f.conflict, json)));
	assert_open(s, &f.conflict, false);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "on-hold");
}

static void of_two_who_decide_the_first_stands_and_nothing_new_opens(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	uint64_t base = agency_group_seq(&s->a, "conflict", &f.conflict, "decision");
	const char *ann = decision(s, &f.conflict, 2, NULL), *ben = decision(s, &f.conflict, 1, NULL);
	struct id ids[4];

	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(base), "decision", ann)));
	assert_verdict(scene_ben(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(base), "decision", ben)),
		       GROUP_SUPERSEDED);
	/* Nor does the same decision again, nor one made with all of it on the screen. */
	assert_verdict(scene_ben(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(base), "decision", ann)),
		       GROUP_SUPERSEDED);
	assert_verdict(scene_ben(s, decide(s, &f.conflict, decision(s, &f.conflict, 1, NULL))), GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 4), 1);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "on-hold");
}

/* Ann decides again before she hears that her first decision came too late: that one too is put before people. */
static void a_decision_upon_one_that_came_too_late_is_a_candidate_too(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	uint64_t base = agency_group_seq(&s->a, "conflict", &f.conflict, "decision");
	const char *first = decision(s, &f.conflict, 1, NULL), *second = decision(s, &f.conflict, 2, NULL);
	json_t *array;

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &f.goal, "status", agency_seq(s->a.chain.seq), "status", "rejected")));
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_seq(base), "decision", first)));
	assert_accepted(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", agency_own(s->ann_n), "decision",
						second)));
	assert_open(s, &f.conflict, true);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "rejected");
	array = candidates(s, &f.conflict);
	assert_int_equal(json_array_size(array), 4);
	json_decref(array);
}

static void there_are_no_conflicts_about_conflicts(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const char *json = decision(s, &f.conflict, 2, NULL);
	struct id ids[4];

	/* Nothing tells what was on the screen: not taken, not fought over. */
	assert_verdict(scene_ann(s, scene_edit(s, "conflict", &f.conflict, "decision", NONE, "decision", json)),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 4), 1);
	assert_open(s, &f.conflict, true);
}

static void no_value_that_had_not_seen_a_decision_replaces_it(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	struct id ids[4];
	struct change *change;

	/* She keeps what stands: Ben's value, with another version. */
	assert_accepted(scene_ann(s, decide(s, &f.conflict, decision(s, &f.conflict, 1, NULL))));
	/* The value that Ben started from is the one that stands, yet he had not seen that it was decided. */
	change = scene_edit(s, "goal", &f.goal, "status", agency_seq(f.ben_seq), "status", "completed");
	assert_verdict(scene_ben(s, change), GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "active");
	assert_int_equal(agency_conflicts(&s->a, &s->patient, ids, 4), 2);
	assert_open(s, &ids[0], false);
	assert_open(s, &ids[1], true);
	/* Who has seen it may go on. */
	assert_accepted(scene_ben(
		s, scene_edit(s, "goal", &f.goal, "status", agency_seq(s->a.chain.seq), "status", "completed")));
	assert_false(status_meta(s, &f.goal)->decided);
}

static void a_decision_that_cannot_be_carried_out_is_held(void **state)
{
	static const char *const BAD[] = {
		"yes",
		"{\"choice\":2}",
		"{\"choice\":3,\"seen\":[]}",
		"{\"choice\":0,\"seen\":[]}",
		"{\"seen\":[]}",
		"{\"choice\":1,\"values\":{},\"seen\":[]}",
		"{\"values\":{\"status\":\"active\"},\"seen\":[]}",
		"{\"values\":{\"status\":\"asleep\",\"status_reason\":null},\"seen\":[]}",
		"{\"values\":{\"status\":7,\"status_reason\":null},\"seen\":[]}",
		"{\"values\":{\"status\":\"active\",\"status_reason\":null,\"text\":\"x\"},\"seen\":[]}",
	};
	struct scene *s = *state;
	struct fight f = fight(s);

	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		assert_held(scene_ann(s, decide(s, &f.conflict, BAD[i])), HELD_INVALID);
	assert_open(s, &f.conflict, true);
	assert_accepted(scene_ann(
		s, decide(s, &f.conflict, "{\"values\":{\"status\":\"active\",\"status_reason\":null},\"seen\":[]}")));
	/* Readable, but it had seen nothing. */
	assert_open(s, &f.conflict, true);
}

static char *long_text(struct scene *s, char c)
{
	const size_t len = 150000;
	char *text = arena_alloc(&s->a.arena, len + 1);

	assert_non_null(text);
	memset(text, c, len);
	text[len] = '\0';
	return text;
}

static void a_value_too_large_for_the_record_is_chosen_from_history(void **state)
{
	struct scene *s = *state;
	struct id note = scene_record(s, "note", "plan", "rest"), conflict;
	uint64_t base = s->a.chain.seq;
	json_t *array;

	assert_accepted(scene_ben(s, scene_edit(s, "note", &note, "plan", agency_seq(base), "plan", long_text(s, 'b'))));
	assert_verdict(scene_ann(s, scene_edit(s, "note", &note, "plan", agency_seq(base), "plan", long_text(s, 'a'))),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	array = candidates(s, &conflict);
	assert_true(json_is_object(json_object_get(json_array_get(array, 0), "values")));
	assert_true(json_is_null(json_object_get(json_array_get(array, 1), "values")));
	json_decref(array);
	assert_accepted(scene_ann(s, decide(s, &conflict, decision(s, &conflict, 2, NULL))));
	assert_open(s, &conflict, false);
	assert_string_equal(agency_text(&s->a, "note", &note, "plan"), long_text(s, 'a'));
}

/* Each decision chooses the one before it, none with room for its value: no value is not an empty one. */
static void a_long_chain_of_choices_never_empties_a_field(void **state)
{
	struct scene *s = *state;
	struct id note = scene_record(s, "note", "plan", "rest"), conflict;
	uint64_t base = s->a.chain.seq;
	unsigned choice = 2;
	char blind[64];

	assert_accepted(scene_ben(s, scene_edit(s, "note", &note, "plan", agency_seq(base), "plan", long_text(s, 'b'))));
	assert_verdict(scene_ann(s, scene_edit(s, "note", &note, "plan", agency_seq(base), "plan", long_text(s, 'a'))),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	do
		(void)snprintf(blind, sizeof blind, "{\"choice\":%u,\"seen\":[]}", choice++);
	while (scene_ann(s, decide(s, &conflict, blind))->result == OUTCOME_ACCEPTED && choice < 30);
	assert_int_equal(s->a.outcome.result, OUTCOME_HELD);
	assert_int_equal(scene_ann(s, decide(s, &conflict, decision(s, &conflict, choice - 1, NULL)))->result, OUTCOME_HELD);
	assert_string_equal(agency_text(&s->a, "note", &note, "plan"), long_text(s, 'b'));
}

static void a_candidate_there_is_no_room_for_writes_nothing(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	uint64_t seq = 0;
	char reason[1024];

	memset(reason, 'x', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	while (agency_group_seq(&s->a, "conflict", &f.conflict, "candidates") != seq) {
		struct change *change = scene_edit(s, "goal", &f.goal, "status", agency_seq(f.base), "status", "cancelled");

		seq = agency_group_seq(&s->a, "conflict", &f.conflict, "candidates");
		agency_set(change, "status_reason", reason);
		assert_verdict(scene_ann(s, change), GROUP_SUPERSEDED);
	}
	/* The last one has its own row of history, and that is all. */
	assert_int_equal(s->a.chain.seq, s->a.outcome.seq);
	assert_open(s, &f.conflict, true);
}

static void there_is_no_choosing_what_is_not_there(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);
	const char *json = NULL;

	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &f.conflict), 3, NULL, &json),
			 ST_NOT_FOUND);
}

static void the_centre_overrules_with_all_on_the_screen(void **state)
{
	struct scene *s = *state;
	struct fight f = fight(s);

	/* A base not given is what stands now. */
	assert_accepted(agency_own_change(&s->a, scene_edit(s, "goal", &f.goal, "status", NONE, "status", "rejected")));
	assert_open(s, &f.conflict, true);
	assert_string_equal(agency_text(&s->a, "goal", &f.goal, "status"), "rejected");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_conflict_tells_who_wrote_what),
		TEST(later_values_join_the_open_conflict),
		TEST(another_group_has_a_conflict_of_its_own),
		TEST(a_held_change_accepted_late_is_its_authors_candidate),
		TEST(what_its_author_went_on_from_is_no_conflict_with_what_they_made_of_it),
		TEST(what_its_author_took_back_does_not_come_back),
		TEST(what_others_made_of_her_later_value_is_no_conflict_with_the_older_one_either),
		TEST(an_own_later_value_that_did_not_start_from_the_held_one_is_a_conflict),
		TEST(sent_twice_it_is_one_candidate),
		TEST(a_decision_sets_the_value_and_closes_the_conflict),
		TEST(keeping_what_stands_is_a_decision_too),
		TEST(a_decision_may_bring_a_value_of_its_own),
		TEST(the_centres_people_decide_on_the_same_road),
		TEST(a_decision_that_had_not_seen_a_candidate_joins_them),
		TEST(a_decision_that_had_not_seen_what_stands_is_not_carried_out),
		TEST(what_stands_was_seen_by_who_was_shown_the_group_up_to_it),
		TEST(of_two_who_decide_the_first_stands_and_nothing_new_opens),
		TEST(there_are_no_conflicts_about_conflicts),
		TEST(no_value_that_had_not_seen_a_decision_replaces_it),
		TEST(a_decision_that_cannot_be_carried_out_is_held),
		TEST(a_value_too_large_for_the_record_is_chosen_from_history),
		TEST(there_is_no_choosing_what_is_not_there),
		TEST(a_decision_upon_one_that_came_too_late_is_a_candidate_too),
		TEST(a_long_chain_of_choices_never_empties_a_field),
		TEST(a_candidate_there_is_no_room_for_writes_nothing),
		TEST(the_centre_overrules_with_all_on_the_screen),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
