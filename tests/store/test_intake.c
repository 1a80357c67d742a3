/* What becomes of a change that is applied: rules, bases, times, deletions, repetition. Expectations are written from
 * the design's sections 6 and 7. What is held: test_held.c; conflicts: test_conflict.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/effects.h"
#include "tests/support/scene.h"

#define HOUR INT64_C(3600000)

/* --- every rule, in every relation of what is proposed to what stands --- */

enum relation { CURRENT, SAME, LATER, EARLIER, DOUBT, DECIDED, RELATIONS };

static const char *const RELATION_NAMES[] = { "current", "same", "later", "earlier", "doubt", "decided" };

/* One rule: a record, the group, what stood when Ann saw it, what Ben made of it, what Ann made of it. */
struct rule_case {
	const char *name, *kind, *group, *field;
	const char *base, *theirs, *ours;
	const char *merged; /* what a merge makes of the two */
	const char expected[RELATIONS + 1]; /* A accepted, M merged, S superseded, C superseded with a conflict */
};

static const struct rule_case RULES[] = {
	{ "newest", "contact", "phone", "phone", "1", "2", "3", NULL, "AAASSC" },
	{ "text", "note", "plan", "plan", "rest", "walk", "swim", NULL, "AACCCC" },
	{ "set", "contact", "roles", "roles", "[\"a\",\"b\"]", "[\"a\",\"b\",\"c\"]", "[\"b\",\"d\"]",
	  "[\"b\",\"c\",\"d\"]", "AAMMMC" },
	{ "done beats open", "task", "status", "status", "open", "in-progress", "done", NULL, "AAAAAC" },
	{ "open against done", "task", "status", "status", "open", "done", "in-progress", NULL, "AASSSC" },
	{ "two endings", "task", "status", "status", "open", "done", "cancelled", NULL, "AACCCC" },
	{ "two that go on", "task", "status", "status", "done", "open", "in-progress", NULL, "AAASSC" },
	{ "guarded", "goal", "status", "status", "proposed", "active", "on-hold", NULL, "AACCCC" },
	{ "guarded record", "allergy", "record", "severity", "low", "high", "middle", NULL, "AACCCC" },
};

/* Ben's edit replaces the base, unless the relation says otherwise. His is made at +10 h, when the centre hears it. */
static void replace(struct scene *s, const struct rule_case *c, const struct id *id, enum relation relation,
		    uint64_t base)
{
	const char *value = relation == SAME ? c->ours : c->theirs;
	struct change *change;
	struct outcome outcome;

	if (relation == CURRENT)
		return;
	s->a.now_ms = AGENCY_START_MS + 10 * HOUR;
	change = scene_edit(s, c->kind, id, c->group, agency_seq(base), c->field, value);
	if (relation == DECIDED) {
		change->groups[0].base.tag = VERSION_NONE;
		s->a.in.now_ms = s->a.now_ms;
		assert_int_equal(effects_decide(&s->a.in, &s->ben, change, &outcome), ST_OK);
		assert_accepted(&outcome);
		return;
	}
	scene_measured(change, AGENCY_START_MS + 9 * HOUR, AGENCY_START_MS + 10 * HOUR);
	assert_accepted(scene_ben(s, change));
}

static struct change *propose(struct scene *s, const struct rule_case *c, const struct id *id, enum relation relation,
			      uint64_t base)
{
	struct change *change = scene_edit(s, c->kind, id, c->group, agency_seq(base), c->field, c->ours);

	s->a.now_ms = AGENCY_START_MS + 20 * HOUR;
	if (relation == EARLIER)
		scene_measured(change, AGENCY_START_MS + 8 * HOUR, AGENCY_START_MS + 9 * HOUR);
	else if (relation == DOUBT)
		scene_heard(change, AGENCY_START_MS + 8 * HOUR);
	else
		scene_measured(change, AGENCY_START_MS + 8 * HOUR, AGENCY_START_MS + 15 * HOUR);
	return change;
}

static void check_rule(const struct rule_case *c, enum relation relation)
{
	const char expected = c->expected[relation];
	const char *before, *stands;
	uint64_t base, seq;
	size_t conflicts;
	struct scene *s;
	struct id id, found[4];
	void *state;

	assert_int_equal(scene_setup(&state), 0);
	s = state;
	id = scene_record(s, c->kind, c->field, c->base);
	base = agency_group_seq(&s->a, c->kind, &id, c->group);
	replace(s, c, &id, relation, base);
	before = agency_text(&s->a, c->kind, &id, c->field);
	seq = agency_group_seq(&s->a, c->kind, &id, c->group);
	printf("# %s, %s\n", c->name, RELATION_NAMES[relation]);
	(void)scene_ann(s, propose(s, c, &id, relation, base));
	assert_verdict(&s->a.outcome, expected == 'A' ? GROUP_ACCEPTED : expected == 'M' ? GROUP_MERGED : GROUP_SUPERSEDED);
	stands = agency_text(&s->a, c->kind, &id, c->field);
	assert_string_equal(stands, expected == 'A' ? c->ours : expected == 'M' ? c->merged : before);
	conflicts = agency_conflicts(&s->a, &s->patient, found, 4);
	assert_int_equal(conflicts, expected == 'C' ? 1 : 0);
	/* The sequence moves with the value, and only then. */
	if (strcmp(stands, before) == 0)
		assert_int_equal(agency_group_seq(&s->a, c->kind, &id, c->group), seq);
	else
		assert_int_equal(agency_group_seq(&s->a, c->kind, &id, c->group), s->a.outcome.seq);
	assert_int_equal(scene_teardown(&state), 0);
}

static void every_rule_decides_every_relation_as_the_design_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++)
		for (int relation = 0; relation < RELATIONS; relation++)
			check_rule(&RULES[i], (enum relation)relation);
}

/* --- times --- */

/* Ann's clock is a year ahead, and nothing was ever measured. Ben's edit, well dated, stands. */
static void a_clock_one_year_ahead_with_no_measured_offset_wins_nothing(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = agency_group_seq(&s->a, "contact", &id, "phone");
	struct change *change;

	s->a.now_ms = AGENCY_START_MS + 10 * HOUR;
	change = scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "ben");
	scene_measured(change, AGENCY_START_MS + 8 * HOUR, AGENCY_START_MS + 9 * HOUR);
	assert_accepted(scene_ben(s, change));
	s->a.now_ms = AGENCY_START_MS + 12 * HOUR;
	change = scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "ann");
	scene_heard(change, AGENCY_START_MS + HOUR);
	change->evidence.elapsed_ms = change->groups[0].evidence.elapsed_ms = 365 * 24 * HOUR;
	assert_verdict(scene_ann(s, change), GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "ben");
}

static void who_had_seen_a_value_is_not_dated_before_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	const struct group_meta *meta;
	struct change *change;
	int g;

	s->a.now_ms = AGENCY_START_MS + 10 * HOUR;
	change = scene_edit(s, "contact", &id, "phone", agency_seq(s->a.chain.seq), "phone", "ann");
	/* The evidence alone would allow an hour before the value that she replaced. */
	scene_heard(change, AGENCY_START_MS - HOUR);
	assert_accepted(scene_ann(s, change));
	g = kind_group(agency_kind(&s->a, "contact"), "phone", 5);
	meta = &agency_record(&s->a, "contact", &id)->groups[g];
	assert_int_equal(meta->at.lo_ms, AGENCY_START_MS);
	assert_int_equal(meta->at.hi_ms, AGENCY_START_MS + 10 * HOUR);
	assert_int_equal(meta->device, s->ann_tablet);
}

/* --- bases --- */

static void a_value_that_came_back_is_as_good_as_the_version(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	uint64_t base = agency_group_seq(&s->a, "goal", &id, "status");
	const struct version none = { .tag = VERSION_NONE };

	assert_accepted(agency_own_change(&s->a, scene_edit(s, "goal", &id, "status", none, "status", "active")));
	assert_accepted(agency_own_change(&s->a, scene_edit(s, "goal", &id, "status", none, "status", "proposed")));
	assert_accepted(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "on-hold")));
}

static void a_base_that_is_not_known_any_more_decides_nothing(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	const struct version none = { .tag = VERSION_NONE };

	assert_verdict(scene_ann(s, scene_edit(s, "goal", &id, "status", none, "status", "active")), GROUP_SUPERSEDED);
}

static void ones_own_accepted_change_is_a_base(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");

	assert_accepted(
		scene_ann(s, scene_edit(s, "goal", &id, "status", agency_seq(s->a.chain.seq), "status", "active")));
	assert_accepted(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_own(1), "status", "on-hold")));
}

static void ones_own_superseded_change_stands_on_its_own_base(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	uint64_t base = agency_group_seq(&s->a, "goal", &id, "status");

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "active")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "on-hold")),
		       GROUP_SUPERSEDED);
	/* She has not seen Ben's, however many edits she makes upon her own. */
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_own(1), "status", "completed")),
		       GROUP_SUPERSEDED);
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_own(2), "status", "planned")),
		       GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "goal", &id, "status"), "active");
}

static void the_base_of_a_superseded_change_counts_where_its_value_is_back(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	uint64_t base = agency_group_seq(&s->a, "goal", &id, "status");

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "active")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "on-hold")),
		       GROUP_SUPERSEDED);
	assert_accepted(scene_ben(s, scene_edit(s, "goal", &id, "status", agency_own(1), "status", "proposed")));
	assert_accepted(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_own(1), "status", "completed")));
}

/* Base a, b; Ben adds c; Ann sends b, d (merged: b, c, d), and then, still not knowing of c, b, e: d goes, e comes. */
static void upon_a_merge_the_base_is_what_was_sent(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "roles", "[\"a\",\"b\"]");
	uint64_t base = agency_group_seq(&s->a, "contact", &id, "roles");

	assert_accepted(scene_ben(
		s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"a\",\"b\",\"c\"]")));
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"b\",\"d\"]")),
		       GROUP_MERGED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "roles"), "[\"b\",\"c\",\"d\"]");
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &id, "roles", agency_own(1), "roles", "[\"b\",\"e\"]")),
		       GROUP_MERGED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "roles"), "[\"b\",\"c\",\"e\"]");
}

static void another_records_number_is_no_base(void **state)
{
	struct scene *s = *state;
	struct id one = scene_record(s, "goal", "status", "proposed"), two = scene_record(s, "goal", "status", "proposed");

	assert_accepted(
		scene_ann(s, scene_edit(s, "goal", &one, "status", agency_seq(s->a.chain.seq), "status", "active")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &two, "status", agency_own(1), "status", "active")),
		       GROUP_SUPERSEDED);
}

static void a_number_of_the_tablet_this_was_before_is_a_base(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	struct change *change =
		scene_edit(s, "goal", &id, "status", agency_seq(s->a.chain.seq), "status", "active");
	struct version base = { .tag = VERSION_OWN, .n = 1, .origin = s->ann_tablet };
	struct digest digest;
	struct buf body;

	buf_init(&body, 4096);
	assert_int_equal(change_encode(&body, change), ST_OK);
	change_digest(&digest, body.data, body.len);
	buf_close(&body);
	memcpy(base.digest, digest.bytes, sizeof base.digest);
	assert_accepted(scene_ann(s, change));
	/* With other content it is another change. */
	base.digest[0] ^= 1;
	assert_verdict(scene_ben(s, scene_edit(s, "goal", &id, "status", base, "status", "planned")), GROUP_SUPERSEDED);
	base.digest[0] ^= 1;
	assert_accepted(scene_ben(s, scene_edit(s, "goal", &id, "status", base, "status", "on-hold")));
}

static void groups_are_judged_each_by_itself(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq;
	struct change *change;

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2")));
	change = scene_edit(s, "contact", &id, "relation", agency_seq(base), "relation", "son");
	agency_group(&s->a, change, "phone", agency_seq(base));
	agency_set(change, "phone", "3");
	(void)scene_ann(s, change);
	assert_int_equal(s->a.outcome.result, OUTCOME_JUDGED);
	assert_int_equal(s->a.outcome.group_count, 2);
	assert_int_equal(s->a.outcome.groups[0].verdict, GROUP_ACCEPTED);
	assert_int_equal(s->a.outcome.groups[1].verdict, GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "relation"), "son");
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "2");
	assert_true(s->a.taken.accepted_mask & UINT64_C(1) << kind_field(change->kind, "relation", 8));
	assert_int_equal(s->a.taken.standing_mask, UINT64_C(1) << kind_field(change->kind, "phone", 5));
}

static void history_gives_back_each_value_that_ever_stood(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t first = s->a.chain.seq, second;
	const struct kind *kind = agency_kind(&s->a, "contact");
	const struct group *group = &kind->groups[kind_group(kind, "phone", 5)];
	int f = kind_field(kind, "phone", 5);
	struct row row = { 0 };

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(first), "phone", "2")));
	second = s->a.outcome.seq;
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &id, "phone", agency_seq(first), "phone", "3")),
		       GROUP_SUPERSEDED);
	assert_int_equal(intake_value_at(&s->a.in, kind, &id, group, second - 1, &row), ST_OK);
	assert_memory_equal(row.values[f].text, "1", 1);
	assert_int_equal(intake_value_at(&s->a.in, kind, &id, group, UINT64_MAX, &row), ST_OK);
	assert_memory_equal(row.values[f].text, "2", 1);
	assert_int_equal(intake_value_at(&s->a.in, kind, &id, group, first - 1, &row), ST_NOT_FOUND);
}

static void history_gives_back_what_a_merge_made(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "roles", "[\"a\"]");
	uint64_t base = s->a.chain.seq;
	const struct kind *kind = agency_kind(&s->a, "contact");
	const struct group *group = &kind->groups[kind_group(kind, "roles", 5)];
	const struct value *value;
	struct row row = { 0 };

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"a\",\"b\"]")));
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"a\",\"c\"]")),
		       GROUP_MERGED);
	assert_int_equal(intake_value_at(&s->a.in, kind, &id, group, s->a.outcome.seq, &row), ST_OK);
	value = &row.values[kind_field(kind, "roles", 5)];
	assert_int_equal(value->len, strlen("[\"a\",\"b\",\"c\"]"));
	assert_memory_equal(value->text, "[\"a\",\"b\",\"c\"]", value->len);
}

/* --- deletion --- */

static struct change *deletion(struct scene *s, const struct id *id, struct version base, bool deletes)
{
	struct change *change = agency_change(&s->a, "contact", id, NULL);

	agency_group(&s->a, change, "", base);
	change->deletes = deletes;
	change->restores = !deletes;
	return change;
}

static void a_deletion_of_what_was_seen_stands(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");

	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(s->a.chain.seq), true)));
	assert_true(agency_record(&s->a, "contact", &id)->deleted);
	assert_int_equal(agency_record(&s->a, "contact", &id)->deletion.seq, s->a.outcome.seq);
	assert_accepted(scene_ann(s, deletion(s, &id, agency_own(1), false)));
	assert_false(agency_record(&s->a, "contact", &id)->deleted);
	assert_true(s->a.taken.whole);
}

static void a_deletion_never_beats_an_edit_that_came_before_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq;

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2")));
	assert_verdict(scene_ann(s, deletion(s, &id, agency_seq(base), true)), GROUP_SUPERSEDED);
	assert_false(agency_record(&s->a, "contact", &id)->deleted);
	assert_true(s->a.taken.whole);
}

static void a_deletion_never_beats_an_edit_that_comes_after_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1"), none[1];
	uint64_t base = s->a.chain.seq;

	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(base), true)));
	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2")));
	assert_false(agency_record(&s->a, "contact", &id)->deleted);
	assert_int_equal(agency_record(&s->a, "contact", &id)->deletion.seq, s->a.outcome.seq);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, none, 1), 0);
}

static void an_edit_by_who_had_seen_the_deletion_leaves_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");

	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(s->a.chain.seq), true)));
	assert_accepted(
		scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(s->a.chain.seq), "phone", "2")));
	assert_true(agency_record(&s->a, "contact", &id)->deleted);
}

static void a_deletion_upon_ones_own_edits_stands(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq;

	assert_accepted(scene_ann(s, scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2")));
	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(base), true)));
	assert_true(agency_record(&s->a, "contact", &id)->deleted);
}

/* It lost against Ann's value, and a person is asked: of a record that is there. */
static void an_edit_in_conflict_brings_back_what_was_deleted_meanwhile(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "medication", "dose", "5"), conflict;
	uint64_t base = s->a.chain.seq;
	struct change *change = agency_change(&s->a, "medication", &id, NULL);

	assert_accepted(scene_ann(s, scene_edit(s, "medication", &id, "record", agency_seq(base), "status", "stopped")));
	agency_group(&s->a, change, "", agency_seq(s->a.chain.seq));
	change->deletes = true;
	assert_accepted(scene_ann(s, change));
	assert_verdict(scene_ben(s, scene_edit(s, "medication", &id, "record", agency_seq(base), "dose", "10")),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	assert_false(agency_record(&s->a, "medication", &id)->deleted);
	assert_int_equal(agency_record(&s->a, "medication", &id)->seq, s->a.outcome.seq);
	assert_string_equal(agency_text(&s->a, "medication", &id, "status"), "stopped");
}

/* Ann's own change was merged with what Ben added: it stands in her name, and she has not seen it. */
static void a_deletion_upon_ones_own_edit_never_beats_what_was_merged_into_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "roles", "[\"a\"]");
	uint64_t base = s->a.chain.seq;

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"a\",\"b\"]")));
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &id, "roles", agency_seq(base), "roles", "[\"a\",\"c\"]")),
		       GROUP_MERGED);
	assert_verdict(scene_ann(s, deletion(s, &id, agency_seq(base), true)), GROUP_SUPERSEDED);
	assert_false(agency_record(&s->a, "contact", &id)->deleted);
	/* Who has seen the merge may. */
	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(s->a.chain.seq), true)));
	assert_true(agency_record(&s->a, "contact", &id)->deleted);
}

/* Ben brought it back as it was: nothing but that shows that somebody wants it. */
static void a_deletion_never_beats_that_the_record_was_brought_back(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq;

	assert_accepted(scene_ann(s, deletion(s, &id, agency_seq(base), true)));
	assert_accepted(scene_ben(s, deletion(s, &id, agency_seq(s->a.chain.seq), false)));
	assert_verdict(scene_ann(s, deletion(s, &id, agency_seq(base), true)), GROUP_SUPERSEDED);
	assert_false(agency_record(&s->a, "contact", &id)->deleted);
}

/* --- once, and in order --- */

static void the_same_change_again_has_the_same_outcome_and_no_effect(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq, seq;
	struct change *change = scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2");

	assert_accepted(scene_ann(s, change));
	seq = s->a.outcome.seq;
	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(seq), "phone", "3")));
	base = s->a.chain.seq;
	assert_accepted(agency_take(&s->a, s->ann_tablet, &s->ann, 1, change));
	assert_int_equal(s->a.outcome.seq, seq);
	assert_int_equal(s->a.chain.seq, base);
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "3");
	/* Nothing is taken as known on the tablet: what stands goes down. */
	assert_int_equal(s->a.taken.accepted_mask, 0);
	assert_int_equal(s->a.taken.standing_mask, UINT64_C(1) << kind_field(change->kind, "phone", 5));
}

static void a_judged_change_again_has_the_same_groups(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	uint64_t base = s->a.chain.seq, seq;
	struct change *change = scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "2");

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &id, "phone", agency_seq(base), "phone", "3")));
	assert_verdict(scene_ann(s, change), GROUP_SUPERSEDED);
	seq = s->a.outcome.seq;
	assert_verdict(agency_take(&s->a, s->ann_tablet, &s->ann, 1, change), GROUP_SUPERSEDED);
	assert_int_equal(s->a.outcome.seq, seq);
}

static void every_change_taken_has_a_sequence_of_its_own(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1"), unknown = agency_id(&s->a);
	uint64_t seq = s->a.chain.seq;

	assert_accepted(scene_ann(s, scene_edit(s, "contact", &id, "phone", agency_seq(seq), "phone", "1")));
	assert_int_equal(s->a.outcome.seq, seq + 1);
	assert_held(scene_ann(s, scene_edit(s, "contact", &unknown, "phone", agency_seq(seq), "phone", "1")),
		    HELD_NOT_YOURS);
	assert_int_equal(s->a.outcome.seq, seq + 2);
	/* The same value again moved nothing. */
	assert_int_equal(agency_record(&s->a, "contact", &id)->seq, seq);
}

/* --- what a change brings about --- */

static void a_patient_created_on_a_tablet_is_its_authors_at_once(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a), task = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "patient", &id, &id);
	bool member = false;

	agency_set(change, "name", "New");
	assert_accepted(scene_ann(s, change));
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ann, &id, &member), ST_OK);
	assert_true(member);
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ben, &id, &member), ST_OK);
	assert_false(member);
	change = agency_change(&s->a, "task", &task, &id);
	agency_set(change, "title", "First visit");
	assert_accepted(scene_ann(s, change));
}

static void assignments_open_and_close_membership(void **state)
{
	struct scene *s = *state;
	bool member = true;

	agency_unassign(&s->a, &s->ann, &s->patient);
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ann, &s->patient, &member), ST_OK);
	assert_false(member);
	agency_assign(&s->a, &s->ann, &s->patient);
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ann, &s->patient, &member), ST_OK);
	assert_true(member);
}

static void an_assignment_given_to_another_moves_the_membership(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "assignment", &id, &s->stranger);
	bool ann = true, ben = false;

	agency_set_id(&s->a, change, "worker", &s->ann);
	assert_accepted(agency_own_change(&s->a, change));
	change = agency_change(&s->a, "assignment", &id, NULL);
	agency_group(&s->a, change, "worker", (struct version){ .tag = VERSION_NONE });
	agency_set_id(&s->a, change, "worker", &s->ben);
	assert_accepted(agency_own_change(&s->a, change));
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ann, &s->stranger, &ann), ST_OK);
	assert_int_equal(s->a.store->ops->member_is(s->a.store, &s->ben, &s->stranger, &ben), ST_OK);
	assert_false(ann);
	assert_true(ben);
}

static void the_centres_own_changes_have_numbers_of_their_own(void **state)
{
	struct scene *s = *state;
	struct history row;
	uint64_t n = s->a.chain.own_n;

	(void)scene_record(s, "contact", "phone", "1");
	agency_commit(&s->a);
	assert_int_equal(s->a.chain.own_n, n + 1);
	assert_int_equal(s->a.store->ops->history_find(s->a.store, 0, n + 1, NULL, &s->a.arena, &row), ST_OK);
	assert_int_equal(row.at.lo_ms, s->a.now_ms);
	assert_int_equal(row.at.hi_ms, s->a.now_ms);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_decides_every_relation_as_the_design_says),
		TEST(a_clock_one_year_ahead_with_no_measured_offset_wins_nothing),
		TEST(who_had_seen_a_value_is_not_dated_before_it),
		TEST(a_value_that_came_back_is_as_good_as_the_version),
		TEST(a_base_that_is_not_known_any_more_decides_nothing),
		TEST(ones_own_accepted_change_is_a_base),
		TEST(ones_own_superseded_change_stands_on_its_own_base),
		TEST(the_base_of_a_superseded_change_counts_where_its_value_is_back),
		TEST(upon_a_merge_the_base_is_what_was_sent),
		TEST(another_records_number_is_no_base),
		TEST(a_number_of_the_tablet_this_was_before_is_a_base),
		TEST(groups_are_judged_each_by_itself),
		TEST(history_gives_back_each_value_that_ever_stood),
		TEST(history_gives_back_what_a_merge_made),
		TEST(a_deletion_of_what_was_seen_stands),
		TEST(a_deletion_never_beats_an_edit_that_came_before_it),
		TEST(a_deletion_never_beats_an_edit_that_comes_after_it),
		TEST(an_edit_by_who_had_seen_the_deletion_leaves_it),
		TEST(a_deletion_upon_ones_own_edits_stands),
		TEST(an_edit_in_conflict_brings_back_what_was_deleted_meanwhile),
		TEST(a_deletion_upon_ones_own_edit_never_beats_what_was_merged_into_it),
		TEST(a_deletion_never_beats_that_the_record_was_brought_back),
		TEST(the_same_change_again_has_the_same_outcome_and_no_effect),
		TEST(a_judged_change_again_has_the_same_groups),
		TEST(every_change_taken_has_a_sequence_of_its_own),
		TEST(a_patient_created_on_a_tablet_is_its_authors_at_once),
		TEST(assignments_open_and_close_membership),
		TEST(an_assignment_given_to_another_moves_the_membership),
		TEST(the_centres_own_changes_have_numbers_of_their_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
