/* Work that arrives after its patient has left its author's caseload: taken where its tablet had not heard of that, held
 * where it had, told to whoever has the patient now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/late.h"
#include "tests/support/scene.h"

#define HOUR INT64_C(3600000)
#define TASKS_MAX 8

/* The patient leaves Ann ten hours in; what is written next arrives two hours later. */
static int64_t leave(struct scene *s)
{
	int64_t left_ms;

	s->a.now_ms = left_ms = AGENCY_START_MS + 10 * HOUR;
	agency_unassign(&s->a, &s->ann, &s->patient);
	s->a.now_ms += 2 * HOUR;
	return left_ms;
}

static struct change *rename_task(struct scene *s, const struct id *id, struct version base, int64_t heard_ms)
{
	struct change *change = scene_edit(s, "task", id, "title", base, "title", "Call the doctor");

	scene_heard(change, heard_ms);
	return change;
}

static struct change *new_task(struct scene *s, const struct id *id, const struct id *patient, int64_t heard_ms)
{
	struct change *change = agency_change(&s->a, "task", id, patient);

	agency_set(change, "title", "Call the pharmacy");
	scene_heard(change, heard_ms);
	return change;
}

/* Tasks that tell of late work. */
struct told {
	struct id ids[TASKS_MAX];
	size_t count;
};

static enum status told_visit(void *ctx, const struct record *record)
{
	struct told *told = ctx;
	const struct value *title = &record->row.values[kind_field(record->kind, "title", 5)];

	if (title->len >= 22 && memcmp(title->text, "Received after handover", 22) == 0 && told->count < TASKS_MAX)
		told->ids[told->count++] = record->id;
	return ST_OK;
}

static struct told told_of(struct scene *s, const struct id *patient)
{
	struct told told = { .count = 0 };

	assert_int_equal(s->a.store->ops->record_each(s->a.store, agency_kind(&s->a, "task"), patient, told_visit, &told),
			 ST_OK);
	return told;
}

static bool was_late(struct scene *s, uint64_t seq)
{
	struct history row;
	bool late = false;

	assert_int_equal(s->a.store->ops->history_get(s->a.store, seq, &s->a.arena, &row), ST_OK);
	assert_int_equal(late_is(s->a.store, &row, &s->ann, &late), ST_OK);
	return late;
}

/* --- what is taken --- */

static void what_was_written_before_its_tablet_had_heard_is_taken(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x"), made = agency_id(&s->a);
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);

	assert_accepted(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms - HOUR)));
	assert_string_equal(agency_text(&s->a, "task", &id, "title"), "Call the doctor");
	assert_true(was_late(s, s->a.outcome.seq));
	assert_accepted(scene_ann(s, new_task(s, &made, &s->patient, left_ms - HOUR)));
	assert_true(was_late(s, s->a.outcome.seq));
	/* Whoever had heard of nothing at all, too; and upon what was taken late. */
	assert_accepted(scene_ann(s, rename_task(s, &made, agency_own(2), 0)));
}

static void an_answer_of_the_very_moment_may_have_told_and_an_earlier_one_did_not(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);

	assert_held(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms)), HELD_NOT_YOURS);
	assert_false(was_late(s, s->a.outcome.seq));
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms - 1)));
}

static void one_edit_that_had_heard_holds_all_of_its_change(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);
	struct change *change = rename_task(s, &id, agency_seq(base), left_ms - HOUR);

	agency_group(&s->a, change, "priority", agency_seq(base));
	agency_set(change, "priority", "high");
	change->groups[1].evidence = change->groups[0].evidence;
	change->groups[1].evidence.heard_ms = left_ms + HOUR;
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	assert_string_equal(agency_text(&s->a, "task", &id, "title"), "x");
}

static void who_never_had_the_patient_is_not_late(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a);

	(void)leave(s);
	assert_held(scene_ann(s, new_task(s, &id, &s->stranger, 0)), HELD_NOT_YOURS);
	assert_int_equal(told_of(s, &s->stranger).count, 0);
}

static void the_newest_ending_counts_and_a_patient_who_is_back_is_no_handover(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);

	agency_assign(&s->a, &s->ann, &s->patient);
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms - HOUR)));
	assert_false(was_late(s, s->a.outcome.seq));
	s->a.now_ms += HOUR;
	agency_unassign(&s->a, &s->ann, &s->patient);
	/* Heard of the first ending, and was given the patient again since: the second one is what counts. */
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_own(1), left_ms + HOUR)));
	assert_true(was_late(s, s->a.outcome.seq));
}

static void what_waited_is_taken_late_when_what_it_waited_for_arrives(void **state)
{
	struct scene *s = *state;
	struct id goal = agency_id(&s->a), id = agency_id(&s->a);
	const int64_t left_ms = leave(s);
	struct change *change = new_task(s, &id, &s->patient, left_ms - HOUR);

	agency_set_id(&s->a, change, "goal", &goal);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	change = agency_change(&s->a, "goal", &goal, &s->patient);
	agency_set(change, "status", "active");
	assert_accepted(scene_ben(s, change));
	assert_true(agency_has(&s->a, "task", &id));
	assert_int_equal(told_of(s, &s->patient).count, 1);
}

static void what_a_supervisor_accepts_is_in_the_supervisors_name(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x"), sue = agency_worker(&s->a, "Sue");
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);
	struct failure why;

	assert_held(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms + HOUR)), HELD_NOT_YOURS);
	assert_int_equal(intake_answer_held(&s->a.in, &sue, s->a.outcome.seq, true, &why), ST_OK);
	assert_string_equal(agency_text(&s->a, "task", &id, "title"), "Call the doctor");
	assert_int_equal(told_of(s, &s->patient).count, 0);
	assert_false(was_late(s, s->a.chain.seq));
}

/* --- who hears of it --- */

static void one_task_tells_of_all_that_comes_until_it_is_done(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	const uint64_t base = s->a.chain.seq;
	const int64_t left_ms = leave(s);
	struct told told;

	assert_accepted(scene_ann(s, rename_task(s, &id, agency_seq(base), left_ms - 1)));
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_own(1), left_ms - 1)));
	told = told_of(s, &s->patient);
	assert_int_equal(told.count, 1);
	assert_string_equal(agency_text(&s->a, "task", &told.ids[0], "status"), "open");
	assert_non_null(strstr(agency_text(&s->a, "task", &told.ids[0], "notes"), "Ann"));
	assert_accepted(scene_ben(s, scene_edit(s, "task", &told.ids[0], "status", agency_seq(s->a.chain.seq), "status", "done")));
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_own(2), left_ms - 1)));
	assert_int_equal(told_of(s, &s->patient).count, 2);
	assert_accepted(scene_ann(s, rename_task(s, &id, agency_own(3), left_ms - 1)));
	assert_int_equal(told_of(s, &s->patient).count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_before_its_tablet_had_heard_is_taken),
		TEST(an_answer_of_the_very_moment_may_have_told_and_an_earlier_one_did_not),
		TEST(one_edit_that_had_heard_holds_all_of_its_change),
		TEST(who_never_had_the_patient_is_not_late),
		TEST(the_newest_ending_counts_and_a_patient_who_is_back_is_no_handover),
		TEST(what_waited_is_taken_late_when_what_it_waited_for_arrives),
		TEST(what_a_supervisor_accepts_is_in_the_supervisors_name),
		TEST(one_task_tells_of_all_that_comes_until_it_is_done),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
