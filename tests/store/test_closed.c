/* Closed records of kinds other than a note: nobody alters what stays of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/closing.h"
#include "daemon/conflict.h"
#include "tests/support/notes.h"

static const struct version NONE = { .tag = VERSION_NONE };

static struct change *deletion(struct scene *s, const char *kind, const struct id *id, struct version base)
{
	struct change *change = agency_change(&s->a, kind, id, NULL);

	agency_group(&s->a, change, "", base);
	change->deletes = true;
	return change;
}

/* --- other closed kinds --- */

struct closed_kind {
	const char *kind, *field, *closes, *word; /* word NULL: a time */
};

static const struct closed_kind CLOSED_KINDS[] = {
	{ "observation", "value", "closed_at", NULL }, { "addendum", "text", "closed_at", NULL },
	{ "interaction", "summary", "closed_at", NULL }, { "assessment", "answers", "status", "completed" },
	{ "consent", "scope", "closed_at", NULL },     { "visit", "check_in_method", "closed_at", NULL },
};

static struct id closed_record(struct scene *s, const struct closed_kind *row)
{
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, row->kind, &id, &s->patient);
	struct id note = agency_id(&s->a);

	for (size_t f = 0; f < change->kind->field_count; f++)
		if (change->kind->fields[f].required && change->kind->fields[f].type == TYPE_TEXT)
			change->row.values[f] = value_string("x");
	if (strcmp(row->kind, "addendum") == 0) {
		struct change *of = agency_change(&s->a, "note", &note, &s->patient);

		assert_accepted(agency_own_change(&s->a, of));
		agency_set_id(&s->a, change, "note", &note);
	}
	agency_set(change, row->field, "first");
	if (row->word)
		agency_set(change, row->closes, row->word);
	else
		agency_set_int(change, row->closes, NOTES_SIGNED_MS);
	assert_accepted(agency_own_change(&s->a, change));
	return id;
}

/* An edit of the field's group, whatever its name. */
static struct change *field_edit(struct scene *s, const char *kind, const struct id *id, const char *field,
				 const char *text)
{
	const struct kind *k = agency_kind(&s->a, kind);
	const char *group = k->groups[k->fields[kind_field(k, field, strlen(field))].group].name;

	return scene_edit(s, kind, id, group, agency_seq(notes_now(s)), field, text);
}

static void what_is_closed_is_altered_by_nobody(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof CLOSED_KINDS / sizeof CLOSED_KINDS[0]; i++) {
		const struct closed_kind *row = &CLOSED_KINDS[i];
		struct id id = closed_record(s, row), sue = agency_worker(&s->a, "Sue");
		uint64_t first, second;
		struct failure why;

		assert_held(scene_ann(s, field_edit(s, row->kind, &id, row->field, "second")), HELD_CLOSED);
		first = s->a.outcome.seq;
		assert_held(scene_ann(s, deletion(s, row->kind, &id, agency_seq(notes_now(s)))), HELD_CLOSED);
		second = s->a.outcome.seq;
		assert_held(agency_own_change(&s->a, field_edit(s, row->kind, &id, row->field, "third")), HELD_CLOSED);
		assert_string_equal(agency_text(&s->a, row->kind, &id, row->field), "first");
		/* Nor by a supervisor, who can only give it back. */
		assert_int_equal(intake_answer_held(&s->a.in, &sue, first, true, &why), ST_REFUSED);
		assert_string_equal(why.what, "The record had been closed.");
		assert_string_equal(why.next, "Mark it as entered in error and write it anew.");
		assert_int_equal(intake_answer_held(&s->a.in, &sue, first, false, &why), ST_OK);
		assert_int_equal(intake_answer_held(&s->a.in, &sue, second, true, &why), ST_REFUSED);
		assert_string_equal(agency_text(&s->a, row->kind, &id, row->field), "first");
		/* The same value is no change. */
		assert_accepted(scene_ann(s, field_edit(s, row->kind, &id, row->field, "first")));
	}
}

static void what_is_closed_can_still_be_called_an_error_from_any_base(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof CLOSED_KINDS / sizeof CLOSED_KINDS[0]; i++) {
		const struct closed_kind *row = &CLOSED_KINDS[i];
		struct id id;

		if (strcmp(row->kind, "visit") == 0 || strcmp(row->kind, "consent") == 0)
			continue; /* their status does not stay */
		id = closed_record(s, row);
		assert_accepted(scene_ann(s, scene_edit(s, row->kind, &id, "status", NONE, "status", "entered-in-error")));
		assert_string_equal(agency_text(&s->a, row->kind, &id, "status"), "entered-in-error");
		assert_string_equal(agency_text(&s->a, row->kind, &id, row->field), "first");
		assert_held(scene_ann(s, scene_edit(s, row->kind, &id, "status", NONE, "status", NULL)), HELD_CLOSED);
	}
}

static void what_does_not_stay_of_a_closed_record_goes_on(void **state)
{
	struct scene *s = *state;
	struct id visit = closed_record(s, &CLOSED_KINDS[5]), consent = closed_record(s, &CLOSED_KINDS[4]);

	assert_accepted(scene_ann(s, field_edit(s, "visit", &visit, "purpose", "Bring the forms.")));
	assert_accepted(scene_ann(s, field_edit(s, "visit", &visit, "edits", "[\"check_in_time\"]")));
	assert_accepted(scene_ann(s, field_edit(s, "consent", &consent, "status", "withdrawn")));
	assert_string_equal(agency_text(&s->a, "consent", &consent, "status"), "withdrawn");
}

static void words_that_come_before_the_closing_stand_and_those_after_are_held(void **state)
{
	struct scene *s = *state;

	for (int late = 0; late < 2; late++) {
		struct id call = scene_record(s, "interaction", "topic", "Stairs");
		const uint64_t seen = notes_now(s);
		struct change *close = agency_change(&s->a, "interaction", &call, NULL), *words;

		agency_group(&s->a, close, "closed_at", agency_seq(seen));
		agency_set_int(close, "closed_at", NOTES_SIGNED_MS);
		words = scene_edit(s, "interaction", &call, "topic", agency_seq(seen), "topic", "Stairs and bath");
		if (!late)
			assert_accepted(scene_ben(s, words));
		assert_accepted(scene_ann(s, close));
		if (late)
			assert_held(scene_ben(s, words), HELD_CLOSED);
		assert_string_equal(agency_text(&s->a, "interaction", &call, "topic"),
				    late ? "Stairs" : "Stairs and bath");
	}
}

static enum status held_visit(void *ctx, const struct held *held)
{
	(void)held;
	(*(size_t *)ctx)++;
	return ST_OK;
}

static size_t held_count(struct scene *s)
{
	size_t count = 0;

	assert_int_equal(s->a.store->ops->held_each(s->a.store, NULL, NULL, true, held_visit, &count), ST_OK);
	return count;
}

static void a_decision_about_what_is_closed_loses(void **state)
{
	struct scene *s = *state;
	struct id call = scene_record(s, "interaction", "summary", "Talked."), conflict;
	const struct kind *kind = agency_kind(&s->a, "interaction");
	struct row row = { 0 };
	const char *json = NULL;
	struct change *close;

	assert_accepted(scene_ben(s, field_edit(s, "interaction", &call, "summary", "Talked about stairs.")));
	assert_verdict(scene_ann(s, scene_edit(s, "interaction", &call, "summary", NONE, "summary", "No answer.")),
		       GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &conflict, 1), 1);
	close = agency_change(&s->a, "interaction", &call, NULL);
	agency_group(&s->a, close, "closed_at", agency_seq(notes_now(s)));
	agency_set_int(close, "closed_at", NOTES_SIGNED_MS);
	assert_accepted(scene_ben(s, close));
	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &conflict), 2, &row, &json), ST_OK);
	assert_accepted(scene_ann(
		s, scene_edit(s, "conflict", &conflict, "decision", agency_seq(notes_now(s)), "decision", json)));
	assert_string_equal(agency_text(&s->a, "interaction", &call, "summary"), "Talked about stairs.");
	assert_string_equal(agency_text(&s->a, "conflict", &conflict, "status"), "open");
	assert_int_equal(held_count(s), 0);
	/* To keep what stands can be decided. */
	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &conflict), 1, &row, &json), ST_OK);
	assert_accepted(scene_ann(
		s, scene_edit(s, "conflict", &conflict, "decision", agency_seq(notes_now(s)), "decision", json)));
	assert_string_equal(agency_text(&s->a, "conflict", &conflict, "status"), "closed");
	assert_true(closing_is_closed(kind, &agency_record(&s->a, "interaction", &call)->row));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_closed_is_altered_by_nobody),
		TEST(what_is_closed_can_still_be_called_an_error_from_any_base),
		TEST(what_does_not_stay_of_a_closed_record_goes_on),
		TEST(words_that_come_before_the_closing_stand_and_those_after_are_held),
		TEST(a_decision_about_what_is_closed_loses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
