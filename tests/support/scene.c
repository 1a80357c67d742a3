#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

int scene_setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);

	assert_non_null(s);
	agency_open(&s->a);
	s->ann = agency_worker(&s->a, "Ann");
	s->ben = agency_worker(&s->a, "Ben");
	s->ann_tablet = agency_tablet(&s->a, &s->ann);
	s->ben_tablet = agency_tablet(&s->a, &s->ben);
	s->patient = agency_patient(&s->a, "Pat");
	s->stranger = agency_patient(&s->a, "Stranger");
	agency_assign(&s->a, &s->ann, &s->patient);
	agency_assign(&s->a, &s->ben, &s->patient);
	*state = s;
	return 0;
}

int scene_teardown(void **state)
{
	struct scene *s = *state;

	agency_verify(&s->a);
	agency_close(&s->a);
	free(s);
	return 0;
}

const struct outcome *scene_ann(struct scene *s, const struct change *change)
{
	return agency_take(&s->a, s->ann_tablet, &s->ann, ++s->ann_n, change);
}

const struct outcome *scene_ben(struct scene *s, const struct change *change)
{
	return agency_take(&s->a, s->ben_tablet, &s->ben, ++s->ben_n, change);
}

struct change *scene_edit(struct scene *s, const char *kind, const struct id *id, const char *group,
			  struct version base, const char *field, const char *text)
{
	struct change *change = agency_change(&s->a, kind, id, NULL);

	agency_group(&s->a, change, group, base);
	agency_set(change, field, text);
	return change;
}

static void evidence_set(struct change *change, struct evidence evidence)
{
	change->evidence = evidence;
	for (size_t i = 0; i < change->group_count; i++)
		change->groups[i].evidence = evidence;
}

void scene_heard(struct change *change, int64_t heard_ms)
{
	evidence_set(change, (struct evidence){ .heard_ms = heard_ms });
}

void scene_measured(struct change *change, int64_t heard_ms, int64_t at_ms)
{
	evidence_set(change, (struct evidence){
				     .heard_ms = heard_ms, .elapsed_ms = at_ms - heard_ms, .steadiness = STEADY_MEASURED,
			     });
}

void scene_leave(struct scene *s, const struct id *worker, struct change *change)
{
	agency_unassign(&s->a, worker, &s->patient);
	scene_heard(change, ++s->a.now_ms);
}

struct id scene_record(struct scene *s, const char *kind, const char *field, const char *text)
{
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, kind, &id, &s->patient);

	for (size_t f = 0; f < change->kind->field_count; f++)
		if (change->kind->fields[f].required)
			change->row.values[f] = value_string("x");
	agency_set(change, field, text);
	assert_accepted(agency_own_change(&s->a, change));
	return id;
}

void assert_accepted(const struct outcome *outcome)
{
	assert_int_equal(outcome->result, OUTCOME_ACCEPTED);
	assert_int_equal(outcome->group_count, 0);
	assert_true(outcome->seq > 0);
}

void assert_verdict(const struct outcome *outcome, enum outcome_verdict verdict)
{
	if (verdict == GROUP_ACCEPTED) {
		assert_accepted(outcome);
		return;
	}
	assert_int_equal(outcome->result, OUTCOME_JUDGED);
	assert_int_equal(outcome->group_count, 1);
	assert_int_equal(outcome->groups[0].verdict, verdict);
}

void assert_held(const struct outcome *outcome, enum held_reason reason)
{
	assert_int_equal(outcome->result, OUTCOME_HELD);
	assert_int_equal(outcome->reason, reason);
}
