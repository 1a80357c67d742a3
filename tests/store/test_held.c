/* What is held: each reason, what a tablet is told of it, how it is judged again, and how people answer for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/support/scene.h"

static struct held held_row(struct scene *s, uint64_t seq)
{
	struct held held;

	assert_int_equal(s->a.store->ops->held_get(s->a.store, seq, &held), ST_OK);
	return held;
}

static void assert_waits_for(struct scene *s, uint64_t seq, const struct id *id)
{
	struct held held = held_row(s, seq);

	assert_true(id_equal(&held.wait_id, id));
}

static struct change *task(struct scene *s, const struct id *id, const struct id *patient)
{
	struct change *change = agency_change(&s->a, "task", id, patient);

	agency_set(change, "title", "Call the pharmacy");
	return change;
}

static struct change *task_due(struct scene *s, const struct id *id, struct version base)
{
	struct change *change = agency_change(&s->a, "task", id, NULL);

	agency_group(&s->a, change, "priority", base);
	agency_set(change, "priority", "high");
	return change;
}

/* What intake tells of a held number. */
static const struct outcome *ask(struct scene *s, uint64_t n, const struct digest *digest)
{
	struct intake_source source = { .device = s->ann_tablet, .author = s->ann, .received_ms = s->a.now_ms };

	assert_int_equal(intake_held(&s->a.in, &source, n, digest->bytes, &s->a.outcome, &s->a.taken), ST_OK);
	return &s->a.outcome;
}

static struct digest digest_at(struct scene *s, uint64_t seq)
{
	struct history row;

	assert_int_equal(s->a.store->ops->history_get(s->a.store, seq, &s->a.arena, &row), ST_OK);
	return row.digest;
}

/* --- reasons --- */

static void a_create_for_an_id_that_exists_is_held_whoever_sees_it(void **state)
{
	struct scene *s = *state;
	struct id own = scene_record(s, "task", "title", "x"), hidden = agency_id(&s->a);

	assert_accepted(agency_own_change(&s->a, task(s, &hidden, &s->stranger)));
	assert_held(scene_ann(s, task(s, &own, &s->patient)), HELD_EXISTS);
	assert_held(scene_ann(s, task(s, &hidden, &s->patient)), HELD_EXISTS);
	assert_held(scene_ann(s, task(s, &hidden, &s->stranger)), HELD_EXISTS);
	assert_string_equal(agency_text(&s->a, "task", &own, "title"), "x");
}

static void what_is_unknown_and_what_is_out_of_scope_get_one_answer(void **state)
{
	struct scene *s = *state;
	struct id unknown = agency_id(&s->a), theirs = agency_id(&s->a), nobody = agency_id(&s->a);
	struct id ids[2] = { agency_id(&s->a), agency_id(&s->a) };
	struct outcome a, b;

	assert_accepted(agency_own_change(&s->a, task(s, &theirs, &s->stranger)));
	/* Edits. */
	a = *scene_ann(s, task_due(s, &unknown, agency_seq(1)));
	b = *scene_ann(s, task_due(s, &theirs, agency_seq(1)));
	assert_held(&a, HELD_NOT_YOURS);
	assert_held(&b, HELD_NOT_YOURS);
	assert_null(s->a.taken.kind);
	/* Creates. */
	a = *scene_ann(s, task(s, &ids[0], &nobody));
	b = *scene_ann(s, task(s, &ids[1], &s->stranger));
	assert_held(&a, HELD_NOT_YOURS);
	assert_held(&b, HELD_NOT_YOURS);
	/* The truth is the centre's. */
	assert_string_not_equal(held_row(s, a.seq).detail, held_row(s, b.seq).detail);
}

static void references_to_unknown_and_foreign_records_get_one_answer(void **state)
{
	struct scene *s = *state;
	struct id goals[2] = { agency_id(&s->a), agency_id(&s->a) };
	struct change *change = agency_change(&s->a, "goal", &goals[1], &s->stranger);

	agency_set(change, "status", "active");
	assert_accepted(agency_own_change(&s->a, change));
	for (size_t i = 0; i < 2; i++) {
		struct id id = agency_id(&s->a);

		change = task(s, &id, &s->patient);
		agency_set_id(&s->a, change, "goal", &goals[i]);
		assert_held(scene_ann(s, change), HELD_NOT_YOURS);
		assert_false(agency_has(&s->a, "task", &id));
	}
}

static void only_the_centre_writes_its_kinds_and_fields(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a), conflict = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "assignment", &id, &s->patient);

	agency_set_id(&s->a, change, "worker", &s->ann);
	assert_held(scene_ann(s, change), HELD_RIGHTS);
	assert_accepted(agency_own_change(&s->a, change));
	/* Not even with the value that stands. */
	change = scene_edit(s, "assignment", &id, "reason", agency_seq(s->a.chain.seq), "reason", NULL);
	assert_held(scene_ann(s, change), HELD_RIGHTS);
	change = agency_change(&s->a, "conflict", &conflict, &s->patient);
	agency_set(change, "record_kind", "task");
	agency_set_id(&s->a, change, "record", &id);
	agency_set(change, "group_name", "status");
	assert_held(scene_ann(s, change), HELD_RIGHTS);
	/* The same by the centre. */
	assert_accepted(agency_own_change(&s->a, change));
	change = scene_edit(s, "conflict", &conflict, "status", agency_seq(s->a.chain.seq), "status", "closed");
	assert_held(scene_ann(s, change), HELD_RIGHTS);
	change = agency_change(&s->a, "conflict", &conflict, NULL);
	agency_group(&s->a, change, "", agency_seq(s->a.chain.seq));
	change->deletes = true;
	assert_held(scene_ann(s, change), HELD_RIGHTS);
}

static void what_is_not_of_its_form_is_held(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "task", &id, &s->patient);

	/* A title is required. */
	assert_held(scene_ann(s, change), HELD_INVALID);
	agency_set(change, "title", "x");
	agency_set(change, "priority", "shouting");
	assert_held(scene_ann(s, change), HELD_INVALID);
	assert_string_equal(held_row(s, s->a.outcome.seq).detail, "not of its form: priority");
	assert_false(agency_has(&s->a, "task", &id));
}

/* A newer tablet's field: this schema's tasks end at field 12. */
static void what_this_centre_does_not_know_is_held(void **state)
{
	static const uint8_t head[] = { 0x85, 0x00, 0x08, 0x01, 0xc4, 0x10 };
	static const uint8_t tail[] = { 0x03, 0x01, 0x05, 0x82, 0x01, 0xa1, 'x', 0x64, 0xa1, 'y' };
	struct scene *s = *state;
	struct intake_source source = { .device = s->ann_tablet, .author = s->ann, .received_ms = s->a.now_ms };
	struct id id = agency_id(&s->a);
	struct held held;
	struct buf body;

	buf_init(&body, 256);
	buf_add(&body, head, sizeof head);
	buf_add(&body, id.bytes, ID_SIZE);
	buf_add(&body, "\x02\xc4\x10", 3);
	buf_add(&body, s->patient.bytes, ID_SIZE);
	buf_add(&body, tail, sizeof tail);
	assert_held(agency_take_bytes(&s->a, &source, ++s->ann_n, body.data, body.len), HELD_UNKNOWN);
	buf_close(&body);
	held = held_row(s, s->a.outcome.seq);
	assert_true(id_equal(&held.id, &id));
}

static void bytes_that_are_no_change_are_kept_as_they_came(void **state)
{
	struct scene *s = *state;
	struct intake_source source = { .device = s->ann_tablet, .author = s->ann, .received_ms = s->a.now_ms };
	struct history row;

	assert_held(agency_take_bytes(&s->a, &source, ++s->ann_n, "rubbish", 7), HELD_UNREADABLE);
	assert_int_equal(s->a.store->ops->history_get(s->a.store, s->a.outcome.seq, &s->a.arena, &row), ST_OK);
	assert_int_equal(row.body.len, 7);
	assert_memory_equal(row.body.data, "rubbish", 7);
	/* It blocks nothing. */
	assert_accepted(scene_ann(s, task(s, &(struct id){ { 9 } }, &s->patient)));
}

static void a_number_with_other_content_is_held_as_it_came_and_logged(void **state)
{
	struct scene *s = *state;
	struct id one = agency_id(&s->a), two = agency_id(&s->a);
	struct change *other = task(s, &two, &s->patient);
	struct digest digest;
	uint64_t seq;

	assert_accepted(scene_ann(s, task(s, &one, &s->patient)));
	seq = s->a.outcome.seq;
	assert_int_equal(s->a.warnings, 0);
	assert_held(agency_take(&s->a, s->ann_tablet, &s->ann, 1, other), HELD_NUMBER);
	assert_int_equal(s->a.warnings, 1);
	digest = digest_at(s, s->a.outcome.seq);
	assert_false(agency_has(&s->a, "task", &two));
	/* Each content has its own answer, again and again. */
	assert_held(agency_take(&s->a, s->ann_tablet, &s->ann, 1, other), HELD_NUMBER);
	assert_held(ask(s, 1, &digest), HELD_NUMBER);
	assert_int_equal(agency_take(&s->a, s->ann_tablet, &s->ann, 1, task(s, &one, &s->patient))->seq, seq);
	assert_accepted(&s->a.outcome);
}

static void the_centre_waits_too(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a), patient = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "patient", &patient, &patient);

	assert_held(agency_own_change(&s->a, task(s, &id, &patient)), HELD_WAITS);
	agency_set(change, "name", "Late");
	assert_accepted(agency_own_change(&s->a, change));
	assert_true(agency_has(&s->a, "task", &id));
}

/* --- judged again by itself --- */

static void what_waits_is_applied_when_what_it_waits_for_arrives(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a);
	struct digest digest;
	uint64_t seq;

	/* Ann edits what Ben's tablet has not brought yet. */
	assert_held(scene_ann(s, task_due(s, &id, agency_seq(0))), HELD_NOT_YOURS);
	seq = s->a.outcome.seq;
	digest = digest_at(s, seq);
	assert_held(ask(s, 1, &digest), HELD_NOT_YOURS);
	assert_accepted(scene_ben(s, task(s, &id, &s->patient)));
	assert_string_equal(agency_text(&s->a, "task", &id, "priority"), "");
	assert_int_equal(held_row(s, seq).state, HELD_WAS_ACCEPTED);
	/* It was judged, by its rule: Ben's came first and she had not seen it. */
	assert_verdict(ask(s, 1, &digest), GROUP_SUPERSEDED);
	assert_int_equal(s->a.outcome.seq, held_row(s, seq).answer_seq);
	assert_int_equal(s->a.taken.accepted_mask, 0);
	assert_true(s->a.taken.standing_mask != 0);
}

/* A note whose visit is told by two edits: the first names one that is missing, the second one that is there. */
struct two_visits {
	struct id note, missing, there;
	uint64_t base;
};

static struct two_visits two_visits(struct scene *s)
{
	struct two_visits two = { .missing = agency_id(&s->a) };

	two.note = scene_record(s, "note", "type", "progress");
	two.there = scene_record(s, "visit", "purpose", "x");
	two.base = s->a.chain.seq;
	return two;
}

static struct change *note_visit(struct scene *s, const struct two_visits *two, struct version base,
				 const struct id *visit)
{
	struct change *change = agency_change(&s->a, "note", &two->note, NULL);

	agency_group(&s->a, change, "visit", base);
	agency_set_id(&s->a, change, "visit", visit);
	return change;
}

static void assert_visit_there(struct scene *s, const struct two_visits *two)
{
	char text[ID_TEXT_SIZE];

	id_format(&two->there, text);
	assert_string_equal(agency_text(&s->a, "note", &two->note, "visit"), text);
}

static void what_waited_does_not_replace_what_its_author_wrote_after_it(void **state)
{
	struct scene *s = *state;
	struct two_visits two = two_visits(s);

	assert_held(scene_ann(s, note_visit(s, &two, agency_seq(two.base), &two.missing)), HELD_NOT_YOURS);
	assert_accepted(scene_ann(s, note_visit(s, &two, agency_own(s->ann_n), &two.there)));
	assert_accepted(scene_ben(s, agency_change(&s->a, "visit", &two.missing, &s->patient)));
	assert_visit_there(s, &two);
}

static void what_the_centre_wrote_is_dated_when_it_was_written_however_long_it_waits(void **state)
{
	struct scene *s = *state;
	struct two_visits two = two_visits(s);
	const int64_t hour = 3600000, start = s->a.now_ms;
	struct change *change;

	assert_held(agency_own_change(&s->a, note_visit(s, &two, agency_seq(two.base), &two.missing)), HELD_WAITS);
	s->a.now_ms = start + 2 * hour;
	change = note_visit(s, &two, agency_seq(two.base), &two.there);
	scene_measured(change, start, start + hour);
	assert_accepted(scene_ann(s, change));
	s->a.now_ms = start + 3 * hour;
	assert_accepted(scene_ben(s, agency_change(&s->a, "visit", &two.missing, &s->patient)));
	assert_visit_there(s, &two);
}

static void a_chain_of_waiting_changes_comes_in_together(void **state)
{
	struct scene *s = *state;
	struct id patient = agency_id(&s->a), goal = agency_id(&s->a), one = agency_id(&s->a);
	struct change *change = task(s, &one, &patient);

	agency_set_id(&s->a, change, "goal", &goal);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	assert_held(scene_ann(s, task_due(s, &one, agency_own(1))), HELD_WAITS);
	change = agency_change(&s->a, "goal", &goal, &patient);
	agency_set(change, "status", "active");
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	change = agency_change(&s->a, "patient", &patient, &patient);
	agency_set(change, "name", "New");
	assert_accepted(scene_ann(s, change));
	assert_true(agency_has(&s->a, "goal", &goal));
	/* The task named a goal, the edit the task's own number: both were followed. */
	assert_string_equal(agency_text(&s->a, "task", &one, "priority"), "high");
	agency_commit(&s->a);
}

static void what_waits_for_two_things_waits_for_both(void **state)
{
	struct scene *s = *state;
	struct id visit = agency_id(&s->a), other = agency_id(&s->a), id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "observation", &id, &s->patient);
	uint64_t seq;

	agency_set(change, "code", "8867-4");
	agency_set_id(&s->a, change, "derived_from", &other);
	agency_set_id(&s->a, change, "visit", &visit);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	seq = s->a.outcome.seq;
	assert_waits_for(s, seq, &other);
	change = agency_change(&s->a, "observation", &other, &s->patient);
	agency_set(change, "code", "8867-4");
	assert_accepted(scene_ben(s, change));
	assert_int_equal(held_row(s, seq).state, HELD_OPEN);
	assert_waits_for(s, seq, &visit);
	assert_accepted(scene_ben(s, agency_change(&s->a, "visit", &visit, &s->patient)));
	assert_true(agency_has(&s->a, "observation", &id));
	agency_commit(&s->a);
}

static void an_assignment_lets_in_what_was_held_for_it(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a);

	assert_held(scene_ann(s, task(s, &id, &s->stranger)), HELD_NOT_YOURS);
	agency_assign(&s->a, &s->ben, &s->stranger);
	assert_false(agency_has(&s->a, "task", &id));
	agency_assign(&s->a, &s->ann, &s->stranger);
	assert_true(agency_has(&s->a, "task", &id));
}

static void after_the_assignment_ended_changes_are_held(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	struct change *change = task_due(s, &id, agency_seq(s->a.chain.seq));

	scene_leave(s, &s->ann, change);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	assert_accepted(scene_ben(s, task_due(s, &id, agency_seq(s->a.chain.seq))));
}

/* --- answered by people --- */

static void a_supervisor_accepts_what_was_out_of_scope(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a), supervisor = agency_worker(&s->a, "Sue");
	struct failure why;
	struct history row;
	struct digest digest;
	uint64_t seq, waits;

	assert_held(scene_ann(s, task(s, &id, &s->stranger)), HELD_NOT_YOURS);
	seq = s->a.outcome.seq;
	digest = digest_at(s, seq);
	assert_held(scene_ann(s, task_due(s, &id, agency_own(1))), HELD_WAITS);
	waits = s->a.outcome.seq;
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, true, &why), ST_OK);
	assert_true(agency_has(&s->a, "task", &id));
	assert_accepted(ask(s, 1, &digest));
	assert_int_equal(s->a.store->ops->history_get(s->a.store, s->a.outcome.seq, &s->a.arena, &row), ST_OK);
	assert_int_equal(row.of_seq, seq);
	assert_int_equal(row.device, s->ann_tablet);
	assert_true(id_equal(&row.author, &supervisor));
	assert_int_equal(agency_record(&s->a, "task", &id)->groups[0].device, s->ann_tablet);
	/* What waited for it is out of scope still: now it says so. */
	assert_int_equal(held_row(s, waits).state, HELD_OPEN);
	assert_waits_for(s, waits, &s->stranger);
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, true, &why), ST_REFUSED);
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq + 100, true, &why), ST_NOT_FOUND);
	agency_commit(&s->a);
}

static void a_change_given_back_says_so_and_changes_nothing(void **state)
{
	struct scene *s = *state;
	struct id id = agency_id(&s->a), supervisor = agency_worker(&s->a, "Sue");
	struct digest digest;
	struct failure why;
	uint64_t seq;

	assert_held(scene_ann(s, task(s, &id, &s->stranger)), HELD_NOT_YOURS);
	seq = s->a.outcome.seq;
	digest = digest_at(s, seq);
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, false, &why), ST_OK);
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, false, &why), ST_REFUSED);
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, true, &why), ST_REFUSED);
	assert_int_equal(ask(s, 1, &digest)->result, OUTCOME_RETURNED);
	assert_true(s->a.taken.standing_mask != 0);
	assert_false(agency_has(&s->a, "task", &id));
	/* Sent once more it is what it was: given back. */
	assert_int_equal(agency_take(&s->a, s->ann_tablet, &s->ann, 1, task(s, &id, &s->stranger))->result,
			 OUTCOME_RETURNED);
	agency_assign(&s->a, &s->ann, &s->stranger);
	assert_false(agency_has(&s->a, "task", &id));
}

static void what_cannot_be_applied_stays_held(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x"), supervisor = agency_worker(&s->a, "Sue");
	struct failure why = { .status = ST_OK };
	uint64_t seq;

	assert_held(scene_ann(s, task(s, &id, &s->patient)), HELD_EXISTS);
	seq = s->a.outcome.seq;
	assert_int_equal(intake_answer_held(&s->a.in, &supervisor, seq, true, &why), ST_REFUSED);
	assert_string_equal(why.what, held_reason_what(HELD_EXISTS));
	assert_int_equal(held_row(s, seq).state, HELD_OPEN);
	assert_string_equal(agency_text(&s->a, "task", &id, "title"), "x");
}

static void a_held_number_can_be_accepted_as_a_change_of_its_own(void **state)
{
	struct scene *s = *state;
	struct id one = agency_id(&s->a), two = agency_id(&s->a);
	struct failure why;

	assert_accepted(scene_ann(s, task(s, &one, &s->patient)));
	assert_held(agency_take(&s->a, s->ann_tablet, &s->ann, 1, task(s, &two, &s->patient)), HELD_NUMBER);
	assert_int_equal(intake_answer_held(&s->a.in, &s->ben, s->a.outcome.seq, true, &why), ST_OK);
	assert_true(agency_has(&s->a, "task", &two));
	/* The number stands for what came first. */
	assert_accepted(scene_ann(s, task_due(s, &one, agency_seq(s->a.chain.seq))));
}

static void an_edit_upon_a_held_one_is_judged_from_before_it(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x");
	uint64_t base = agency_group_seq(&s->a, "task", &id, "priority");
	struct change *change;

	change = task_due(s, &id, agency_seq(base));
	change->row.values[kind_field(change->kind, "priority", 8)] = value_null();
	scene_leave(s, &s->ann, change);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	agency_assign(&s->a, &s->ben, &s->stranger);
	/* Accepted for Ann again: the held one comes in first, and is a base from then on. */
	agency_assign(&s->a, &s->ann, &s->patient);
	assert_accepted(scene_ann(s, task_due(s, &id, agency_own(1))));
	assert_string_equal(agency_text(&s->a, "task", &id, "priority"), "high");
}

/* Ann's first change is held for a goal of another patient; upon it she chooses one that she may. Ben's came between. */
static void what_is_held_was_seen_by_nobody_as_standing(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "task", "title", "x"), theirs = agency_id(&s->a);
	struct id goals[2] = { scene_record(s, "goal", "status", "active"), scene_record(s, "goal", "status", "active") };
	uint64_t base = agency_group_seq(&s->a, "task", &id, "goal");
	struct change *change = agency_change(&s->a, "goal", &theirs, &s->stranger);

	assert_accepted(agency_own_change(&s->a, change));
	change = scene_edit(s, "task", &id, "goal", agency_seq(base), "goal", NULL);
	agency_set_id(&s->a, change, "goal", &goals[0]);
	assert_accepted(scene_ben(s, change));
	agency_set_id(&s->a, change, "goal", &theirs);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS);
	change->groups[0].base = agency_own(1);
	agency_set_id(&s->a, change, "goal", &goals[1]);
	assert_verdict(scene_ann(s, change), GROUP_SUPERSEDED);
}

static void a_number_never_seen_is_not_found(void **state)
{
	struct scene *s = *state;
	struct intake_source source = { .device = s->ann_tablet, .author = s->ann, .received_ms = s->a.now_ms };
	struct id id = agency_id(&s->a);
	struct digest digest = { { 1 } };

	assert_held(scene_ann(s, task(s, &id, &s->stranger)), HELD_NOT_YOURS);
	assert_int_equal(intake_held(&s->a.in, &source, 1, digest.bytes, &s->a.outcome, &s->a.taken), ST_NOT_FOUND);
	assert_int_equal(intake_held(&s->a.in, &source, 2, digest.bytes, &s->a.outcome, &s->a.taken), ST_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_create_for_an_id_that_exists_is_held_whoever_sees_it),
		TEST(what_is_unknown_and_what_is_out_of_scope_get_one_answer),
		TEST(references_to_unknown_and_foreign_records_get_one_answer),
		TEST(only_the_centre_writes_its_kinds_and_fields),
		TEST(what_is_not_of_its_form_is_held),
		TEST(what_this_centre_does_not_know_is_held),
		TEST(bytes_that_are_no_change_are_kept_as_they_came),
		TEST(a_number_with_other_content_is_held_as_it_came_and_logged),
		TEST(the_centre_waits_too),
		TEST(what_waits_is_applied_when_what_it_waits_for_arrives),
		TEST(what_waited_does_not_replace_what_its_author_wrote_after_it),
		TEST(what_the_centre_wrote_is_dated_when_it_was_written_however_long_it_waits),
		TEST(a_chain_of_waiting_changes_comes_in_together),
		TEST(what_waits_for_two_things_waits_for_both),
		TEST(an_assignment_lets_in_what_was_held_for_it),
		TEST(after_the_assignment_ended_changes_are_held),
		TEST(a_supervisor_accepts_what_was_out_of_scope),
		TEST(a_change_given_back_says_so_and_changes_nothing),
		TEST(what_cannot_be_applied_stays_held),
		TEST(a_held_number_can_be_accepted_as_a_change_of_its_own),
		TEST(an_edit_upon_a_held_one_is_judged_from_before_it),
		TEST(what_is_held_was_seen_by_nobody_as_standing),
		TEST(a_number_never_seen_is_not_found),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
