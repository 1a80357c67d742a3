/* What closes a record, what may change in it from then on, and what a signature covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/closing.h"

static struct schema schema;

static int set_up(void **state)
{
	(void)state;
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return 0;
}

static const struct kind *kind_of(const char *name)
{
	const struct kind *kind = schema_kind(&schema, name, strlen(name));

	assert_non_null(kind);
	return kind;
}

static int index_of(const struct kind *kind, const char *field)
{
	const int index = kind_field(kind, field, strlen(field));

	assert_true(index >= 0);
	return index;
}

static uint64_t bit_of(const struct kind *kind, const char *field)
{
	return UINT64_C(1) << index_of(kind, field);
}

static void set(const struct kind *kind, struct row *row, const char *field, const char *text)
{
	row->values[index_of(kind, field)] = value_string(text);
}

static bool allows(const struct kind *kind, const struct row *before, const char *field, const char *text)
{
	struct row after = *before;

	set(kind, &after, field, text);
	return closing_allows(kind, before, &after, kind->mask_all);
}

static struct row signed_note(void)
{
	const struct kind *note = kind_of("note");
	struct row row = { 0 };

	set(note, &row, "plan", "Walk.");
	set(note, &row, "status", "signed");
	set(note, &row, "digest", "d");
	return row;
}

/* --- what closes --- */

static void a_note_is_closed_by_its_status(void **state)
{
	static const struct {
		const char *status;
		bool closed;
	} rows[] = { { NULL, false },	 { "draft", false }, { "signed", true }, { "amended", true },
		     { "entered-in-error", true }, { "sign", false } };
	const struct kind *note = kind_of("note");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct row row = { 0 };

		set(note, &row, "status", rows[i].status);
		assert_int_equal(closing_is_closed(note, &row), rows[i].closed);
	}
}

static void a_status_that_is_no_text_closes_nothing(void **state)
{
	const struct kind *note = kind_of("note");
	struct row row = { 0 };

	(void)state;
	row.values[index_of(note, "status")] = value_int(1);
	assert_false(closing_is_closed(note, &row));
}

static void other_kinds_are_closed_by_the_time_at_which_they_were(void **state)
{
	static const char *const kinds[] = { "observation", "addendum", "interaction", "consent", "visit" };

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const struct kind *kind = kind_of(kinds[i]);
		struct row row = { 0 };

		assert_false(closing_is_closed(kind, &row));
		row.values[index_of(kind, "closed_at")] = value_int(0);
		assert_true(closing_is_closed(kind, &row));
	}
}

static void an_assessment_is_closed_when_it_is_complete(void **state)
{
	const struct kind *kind = kind_of("assessment");
	struct row row = { 0 };

	(void)state;
	set(kind, &row, "status", "in-progress");
	assert_false(closing_is_closed(kind, &row));
	set(kind, &row, "status", "completed");
	assert_true(closing_is_closed(kind, &row));
}

static void some_kinds_are_never_closed(void **state)
{
	const struct row row = { 0 };

	(void)state;
	assert_false(closing_is_closed(kind_of("task"), &row));
	assert_false(closing_is_closed(kind_of("patient"), &row));
}

/* --- what may change --- */

static void the_status_of_a_note_moves_one_way_only(void **state)
{
	static const char *const words[] = { NULL, "draft", "signed", "amended", "entered-in-error" };
	const struct kind *note = kind_of("note");

	(void)state;
	for (size_t from = 2; from < 5; from++) {
		struct row row = signed_note();

		set(note, &row, "status", words[from]);
		for (size_t to = 0; to < 5; to++)
			assert_int_equal(allows(note, &row, "status", words[to]),
					 to == from || (to == 4 && from < 4) || (from == 2 && to == 3));
	}
}

static void a_reason_is_given_with_the_mark_of_an_error_and_not_otherwise(void **state)
{
	const struct kind *note = kind_of("note");
	struct row before = signed_note(), after = before;

	(void)state;
	assert_false(allows(note, &before, "status_reason", "Why."));
	set(note, &after, "status_reason", "Why.");
	set(note, &after, "status", "amended");
	assert_false(closing_allows(note, &before, &after, note->mask_all));
	set(note, &after, "status", "entered-in-error");
	assert_true(closing_allows(note, &before, &after, note->mask_all));
	assert_false(allows(note, &after, "status_reason", "Another."));
}

static void no_other_field_of_a_signed_note_ever_changes(void **state)
{
	const struct kind *note = kind_of("note");
	const struct row before = signed_note();

	(void)state;
	for (size_t f = 0; f < note->field_count; f++) {
		struct row after = before;

		if (note->fields[f].name == note->fields[index_of(note, "status")].name)
			continue;
		after.values[f] = value_string("other");
		assert_false(closing_allows(note, &before, &after, note->mask_all));
		/* Not with the move either, but for the reason. */
		set(note, &after, "status", "entered-in-error");
		assert_int_equal(closing_allows(note, &before, &after, note->mask_all),
				 f == (size_t)index_of(note, "status_reason"));
	}
}

static void only_the_fields_asked_for_count(void **state)
{
	const struct kind *note = kind_of("note");
	const struct row before = signed_note();
	struct row after = before;

	(void)state;
	set(note, &after, "plan", "Rest.");
	assert_true(closing_allows(note, &before, &after, bit_of(note, "observed")));
	assert_false(closing_allows(note, &before, &after, bit_of(note, "plan")));
	assert_true(closing_allows(note, &before, &before, note->mask_all));
}

static void a_closed_visit_keeps_its_times_and_nothing_else(void **state)
{
	const struct kind *visit = kind_of("visit");
	struct row row = { 0 };

	(void)state;
	row.values[index_of(visit, "closed_at")] = value_int(1);
	set(visit, &row, "status", "done");
	assert_true(allows(visit, &row, "status", "missed"));
	assert_true(allows(visit, &row, "purpose", "x"));
	assert_true(allows(visit, &row, "edits", "[\"x\"]"));
	assert_false(allows(visit, &row, "check_in_method", "x"));
	assert_false(allows(visit, &row, "check_out_position", "x"));
	assert_false(allows(visit, &row, "closed_at", NULL));
}

static void a_closed_observation_can_only_be_called_an_error(void **state)
{
	const struct kind *observation = kind_of("observation");
	struct row row = { 0 }, after;

	(void)state;
	row.values[index_of(observation, "closed_at")] = value_int(1);
	assert_true(allows(observation, &row, "status", "entered-in-error"));
	assert_false(allows(observation, &row, "status", "final"));
	/* Amended is for what was signed. */
	set(observation, &row, "status", "final");
	assert_false(allows(observation, &row, "status", "amended"));
	set(observation, &row, "status", NULL);
	assert_false(allows(observation, &row, "value", "5"));
	after = row;
	set(observation, &after, "status", "entered-in-error");
	assert_false(allows(observation, &after, "status", NULL));
	after.values[index_of(observation, "status")] = value_int(7);
	assert_false(closing_allows(observation, &row, &after, observation->mask_all));
}

/* A kind may have no status, and none of its fields but some may stay. */
static void a_closed_kind_without_a_status_has_no_way_out(void **state)
{
	static const struct field_row rows[] = {
		{ .num = 1, .kind = "seal", .since = 1 },
		{ .num = 1, .field = "text", .type = TYPE_TEXT, .since = 1, .stays = true },
		{ .num = 2, .field = "closed_at", .type = TYPE_TIME, .since = 1, .closes = "*" },
	};
	static struct schema small;
	struct row before = { 0 }, after;

	(void)state;
	schema_init(&small, rows, sizeof rows / sizeof rows[0], 1);
	before.values[1] = value_int(1);
	assert_true(closing_is_closed(&small.kinds[0], &before));
	after = before;
	assert_true(closing_allows(&small.kinds[0], &before, &after, 3));
	after.values[0] = value_string("x");
	assert_false(closing_allows(&small.kinds[0], &before, &after, 3));
}

/* --- what is signed --- */

static void a_signature_covers_all_but_what_may_change_after_it(void **state)
{
	const struct kind *note = kind_of("note");
	const uint64_t mask = closing_signed_mask(note);

	(void)state;
	for (size_t f = 0; f < note->field_count; f++) {
		const char *name = note->fields[f].name;
		const bool beside = strcmp(name, "status") == 0 || strcmp(name, "status_reason") == 0 ||
				    strcmp(name, "digest") == 0;

		assert_int_equal(mask >> f & 1, !beside);
	}
	assert_int_equal(mask >> note->field_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_is_closed_by_its_status),
		cmocka_unit_test(a_status_that_is_no_text_closes_nothing),
		cmocka_unit_test(other_kinds_are_closed_by_the_time_at_which_they_were),
		cmocka_unit_test(an_assessment_is_closed_when_it_is_complete),
		cmocka_unit_test(some_kinds_are_never_closed),
		cmocka_unit_test(the_status_of_a_note_moves_one_way_only),
		cmocka_unit_test(a_reason_is_given_with_the_mark_of_an_error_and_not_otherwise),
		cmocka_unit_test(no_other_field_of_a_signed_note_ever_changes),
		cmocka_unit_test(only_the_fields_asked_for_count),
		cmocka_unit_test(a_closed_visit_keeps_its_times_and_nothing_else),
		cmocka_unit_test(a_closed_observation_can_only_be_called_an_error),
		cmocka_unit_test(a_closed_kind_without_a_status_has_no_way_out),
		cmocka_unit_test(a_signature_covers_all_but_what_may_change_after_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
