/* A value out of a record's history stands again: which one, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/restoring.h"
#include "tests/support/scene.h"

static const struct version NONE = { .tag = VERSION_NONE };

static enum status look(struct scene *s, const char *kind, const struct id *id, uint64_t seq, const char *group,
			struct change **change, struct failure *why)
{
	return restoring_change(&s->a.in, agency_record(&s->a, kind, id), seq, group, change, why);
}

/* It must be possible; it is taken in as Ben's, who acts at the centre. */
static void restore(struct scene *s, const char *kind, const struct id *id, uint64_t seq, const char *group)
{
	struct change *change = NULL;
	struct failure why = { 0 };

	assert_int_equal(look(s, kind, id, seq, group, &change, &why), ST_OK);
	assert_int_equal(change->group_count, 1);
	s->a.in.now_ms = s->a.now_ms;
	assert_int_equal(intake_own(&s->a.in, &s->ben, change, &s->a.outcome), ST_OK);
	assert_accepted(&s->a.outcome);
}

static void assert_refused(struct scene *s, const char *kind, const struct id *id, uint64_t seq, const char *group,
			   const char *words)
{
	struct change *change = NULL;
	struct failure why = { 0 };

	assert_int_not_equal(look(s, kind, id, seq, group, &change, &why), ST_OK);
	assert_null(change);
	assert_non_null(strstr(why.what, words));
	assert_true(why.next[0] != '\0');
}

static void assert_field(struct scene *s, const char *kind, const struct id *id, const char *field, const char *text)
{
	assert_string_equal(agency_text(&s->a, kind, id, field), text);
}

static uint64_t set(struct scene *s, const char *kind, const struct id *id, const char *group, const char *field,
		    const char *text)
{
	const uint64_t seq = agency_group_seq(&s->a, kind, id, group);

	assert_accepted(scene_ann(s, scene_edit(s, kind, id, group, agency_seq(seq), field, text)));
	return s->a.outcome.seq;
}

/* Ann's goal was active, Ben had made it on hold: hers lost. */
static uint64_t lose(struct scene *s, const struct id *goal)
{
	const uint64_t base = agency_group_seq(&s->a, "goal", goal, "status");

	assert_accepted(scene_ben(s, scene_edit(s, "goal", goal, "status", agency_seq(base), "status", "on-hold")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", goal, "status", agency_seq(base), "status", "active")),
		       GROUP_SUPERSEDED);
	return s->a.outcome.seq;
}

static void a_superseded_value_becomes_a_new_change_by_who_restores_it(void **state)
{
	struct scene *s = *state;
	const struct id goal = scene_record(s, "goal", "status", "proposed");
	const uint64_t lost = lose(s, &goal);
	struct history row;

	assert_field(s, "goal", &goal, "status", "on-hold");
	restore(s, "goal", &goal, lost, NULL);
	assert_field(s, "goal", &goal, "status", "active");
	assert_true(s->a.outcome.seq > lost);
	assert_int_equal(agency_group_seq(&s->a, "goal", &goal, "status"), s->a.outcome.seq);
	assert_int_equal(s->a.store->ops->history_get(s->a.store, s->a.outcome.seq, &s->a.arena, &row), ST_OK);
	assert_true(id_equal(&row.author, &s->ben) && row.device == 0 && row.of_seq == 0);
}

static void a_value_that_stood_once_stands_again(void **state)
{
	struct scene *s = *state;
	const struct id task = scene_record(s, "task", "title", "first");
	const uint64_t first = agency_group_seq(&s->a, "task", &task, "title");

	(void)set(s, "task", &task, "title", "title", "second");
	(void)set(s, "task", &task, "title", "title", "third");
	restore(s, "task", &task, first, "title");
	assert_field(s, "task", &task, "title", "first");
}

static void of_a_merged_value_what_stood_is_restored_not_what_was_sent(void **state)
{
	struct scene *s = *state;
	const struct id contact = scene_record(s, "contact", "roles", "[\"a\"]");
	const uint64_t base = agency_group_seq(&s->a, "contact", &contact, "roles");
	uint64_t merged;

	assert_accepted(scene_ben(s, scene_edit(s, "contact", &contact, "roles", agency_seq(base), "roles", "[\"a\",\"b\"]")));
	assert_verdict(scene_ann(s, scene_edit(s, "contact", &contact, "roles", agency_seq(base), "roles",
					       "[\"a\",\"c\"]")), GROUP_MERGED);
	merged = s->a.outcome.seq;
	assert_field(s, "contact", &contact, "roles", "[\"a\",\"b\",\"c\"]");
	(void)set(s, "contact", &contact, "roles", "roles", "[\"z\"]");
	restore(s, "contact", &contact, merged, NULL);
	assert_field(s, "contact", &contact, "roles", "[\"a\",\"b\",\"c\"]");
}

static void a_change_of_several_groups_is_asked_which(void **state)
{
	struct scene *s = *state;
	const struct id task = scene_record(s, "task", "title", "first");
	struct change *change = scene_edit(s, "task", &task, "title", NONE, "title", "second"), *made = NULL;
	struct failure why = { 0 };
	uint64_t both;

	change->groups[0].base = agency_seq(s->a.chain.seq);
	agency_group(&s->a, change, "priority", agency_seq(s->a.chain.seq));
	agency_set(change, "priority", "high");
	assert_accepted(scene_ann(s, change));
	both = s->a.outcome.seq;
	(void)set(s, "task", &task, "title", "title", "third");
	(void)set(s, "task", &task, "priority", "priority", "low");
	assert_int_equal(look(s, "task", &task, both, NULL, &made, &why), ST_USAGE);
	assert_non_null(strstr(why.next, "title, priority"));
	restore(s, "task", &task, both, "priority");
	assert_field(s, "task", &task, "priority", "high");
	assert_field(s, "task", &task, "title", "third");
	/* One is left: it need not be named. */
	restore(s, "task", &task, both, NULL);
	assert_field(s, "task", &task, "title", "second");
	assert_refused(s, "task", &task, both, NULL, "stands as it was");
	assert_refused(s, "task", &task, both, "title", "holds this value already");
	assert_refused(s, "task", &task, both, "notes", "nothing of that name");
	assert_refused(s, "task", &task, both, "nonsense", "nothing of that name");
}

static void what_was_never_taken_is_no_value_to_restore(void **state)
{
	struct scene *s = *state;
	const struct id goal = scene_record(s, "goal", "status", "proposed"), other = scene_record(s, "goal", "text", "walk");
	const uint64_t base = agency_group_seq(&s->a, "goal", &goal, "status");
	struct failure why = { 0 };
	struct change *change = scene_edit(s, "goal", &goal, "status", agency_seq(base), "status", "active");
	uint64_t held;

	scene_leave(s, &s->ann, change);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	held = s->a.outcome.seq;
	assert_refused(s, "goal", &goal, held, NULL, "is held");
	assert_refused(s, "goal", &other, held, NULL, "no such change");
	assert_refused(s, "goal", &other, held + 1000, NULL, "no such change");
	assert_int_equal(intake_answer_held(&s->a.in, &s->ben, held, false, &why), ST_OK);
	assert_refused(s, "goal", &goal, s->a.chain.seq, NULL, "given back");
}

static void nothing_is_restored_into_what_is_closed_or_deleted(void **state)
{
	struct scene *s = *state;
	const struct id observation = scene_record(s, "observation", "value", "120"), task = scene_record(s, "task", "title", "a");
	const uint64_t first = agency_group_seq(&s->a, "observation", &observation, "value");
	const uint64_t title = agency_group_seq(&s->a, "task", &task, "title");
	struct change *change;

	(void)set(s, "observation", &observation, "value", "value", "140");
	change = agency_change(&s->a, "observation", &observation, NULL);
	agency_group(&s->a, change, "closed_at", agency_seq(s->a.chain.seq));
	agency_set_int(change, "closed_at", s->a.now_ms);
	assert_accepted(scene_ann(s, change));
	assert_refused(s, "observation", &observation, first, "value", "closed");
	(void)set(s, "task", &task, "title", "title", "b");
	change = agency_change(&s->a, "task", &task, NULL);
	change->deletes = true;
	agency_group(&s->a, change, "", agency_seq(s->a.chain.seq));
	assert_accepted(scene_ann(s, change));
	assert_refused(s, "task", &task, title, "title", "deleted");
}

int main(void)
{
#define SCENE_TEST(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		SCENE_TEST(a_superseded_value_becomes_a_new_change_by_who_restores_it),
		SCENE_TEST(a_value_that_stood_once_stands_again),
		SCENE_TEST(of_a_merged_value_what_stood_is_restored_not_what_was_sent),
		SCENE_TEST(a_change_of_several_groups_is_asked_which),
		SCENE_TEST(what_was_never_taken_is_no_value_to_restore),
		SCENE_TEST(nothing_is_restored_into_what_is_closed_or_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
