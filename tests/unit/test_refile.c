/* What becomes of a record that was filed under the wrong patient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/closing.h"
#include "common/refile.h"

#define ID "01900000-0000-7000-8000-000000000001"

static struct schema *schema;

static int open_schema(void **state)
{
	(void)state;
	schema = malloc(sizeof *schema);
	assert_non_null(schema);
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return 0;
}

static int close_schema(void **state)
{
	(void)state;
	free(schema);
	return 0;
}

static const struct kind *kind_of(const char *name)
{
	const struct kind *kind = schema_kind(schema, name, strlen(name));

	assert_non_null(kind);
	return kind;
}

static int field(const struct kind *kind, const char *name)
{
	const int at = kind_field(kind, name, strlen(name));

	assert_true(at >= 0);
	return at;
}

static void set(const struct kind *kind, struct row *row, const char *name, const char *text)
{
	row->values[field(kind, name)] = value_string(text);
}

static void assert_value(const struct kind *kind, const struct row *row, const char *name, const char *text)
{
	const struct value *value = &row->values[field(kind, name)];
	const struct value expected = value_string(text);

	assert_true(value_equal(value, &expected));
}

static void what_can_stand_alone_may_be_refiled_and_nothing_else(void **state)
{
	static const char *const may[] = { "contact", "visit", "note", "task", "plan", "goal", "need", "medication", "allergy",
					   "observation", "assessment", "risk", "consent", "interaction", "attachment" };
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof may / sizeof may[0]; i++)
		assert_true(refile_possible(kind_of(may[i])));
	for (size_t i = 0; i < schema->kind_count; i++)
		count += refile_possible(&schema->kinds[i]);
	/* Not: patient, worker, assignment, addendum, review, conflict. */
	assert_int_equal(count, sizeof may / sizeof may[0]);
}

static void a_signed_note_is_copied_as_a_draft_without_its_visit(void **state)
{
	const struct kind *kind = kind_of("note");
	struct row row = { 0 }, copy;
	uint64_t left_out = 0;

	(void)state;
	set(kind, &row, "visit", ID);
	set(kind, &row, "author", ID);
	set(kind, &row, "observed", "Walks.");
	set(kind, &row, "status", "signed");
	set(kind, &row, "signed_by", ID);
	set(kind, &row, "digest", "abc");
	set(kind, &row, "late_reason", "No signal.");
	row.values[field(kind, "signed_at")] = value_int(1);
	row.values[field(kind, "written_at")] = value_int(2);
	refile_copy(kind, &row, &copy, &left_out);
	assert_true(left_out == UINT64_C(1) << field(kind, "visit"));
	assert_value(kind, &copy, "visit", NULL);
	assert_value(kind, &copy, "author", ID);
	assert_value(kind, &copy, "observed", "Walks.");
	assert_value(kind, &copy, "status", "draft");
	assert_value(kind, &copy, "signed_by", NULL);
	assert_value(kind, &copy, "signed_at", NULL);
	assert_value(kind, &copy, "digest", NULL);
	assert_value(kind, &copy, "late_reason", NULL);
	assert_int_equal(copy.values[field(kind, "written_at")].integer, 2);
	assert_value(kind, &row, "status", "signed");
}

static void a_visit_leaves_its_series_and_keeps_its_rule(void **state)
{
	const struct kind *kind = kind_of("visit");
	struct row row = { 0 }, copy;
	uint64_t left_out = 0;

	(void)state;
	set(kind, &row, "series", ID);
	set(kind, &row, "series_date", "2026-11-23");
	set(kind, &row, "recurrence", "FREQ=WEEKLY");
	refile_copy(kind, &row, &copy, &left_out);
	assert_true(left_out == UINT64_C(1) << field(kind, "series"));
	assert_value(kind, &copy, "series", NULL);
	assert_value(kind, &copy, "series_date", NULL);
	assert_value(kind, &copy, "recurrence", "FREQ=WEEKLY");
	refile_copy(kind, &copy, &row, &left_out);
	assert_true(left_out == 0);
}

static void the_first_is_marked_in_error_with_the_reason_where_its_kind_can_say_so(void **state)
{
	const struct kind *note = kind_of("note"), *need = kind_of("need");
	struct row row = { 0 };
	uint64_t mask = 0;

	(void)state;
	set(note, &row, "status", "signed");
	assert_false(refile_is_marked(note, &row));
	assert_int_equal(refile_mark(note, &row, "why", &mask), REFILE_IN_ERROR);
	assert_true(mask == (UINT64_C(1) << field(note, "status") | UINT64_C(1) << field(note, "status_reason")));
	assert_value(note, &row, "status", "entered-in-error");
	assert_value(note, &row, "status_reason", "why");
	assert_true(refile_is_marked(note, &row));
	memset(&row, 0, sizeof row);
	assert_int_equal(refile_mark(need, &row, "why", &mask), REFILE_IN_ERROR);
	assert_true(mask == UINT64_C(1) << field(need, "status"));
}

static void a_kind_without_such_a_word_is_deleted_and_a_closed_visit_cancelled(void **state)
{
	const struct kind *task = kind_of("task"), *visit = kind_of("visit");
	struct row row = { 0 };
	uint64_t mask = 1;

	(void)state;
	assert_int_equal(refile_mark(task, &row, "why", &mask), REFILE_DELETED);
	assert_true(mask == 0);
	assert_int_equal(refile_mark(visit, &row, "why", &mask), REFILE_DELETED);
	row.values[field(visit, "closed_at")] = value_int(1);
	assert_int_equal(refile_mark(visit, &row, "why", &mask), REFILE_CANCELLED);
	assert_value(visit, &row, "status", "cancelled");
	assert_value(visit, &row, "status_reason", "why");
	assert_false(refile_is_marked(visit, &row));
}

static void a_closed_visit_that_began_a_series_ends_it(void **state)
{
	const struct kind *visit = kind_of("visit");
	struct row row = { 0 };
	uint64_t mask = 0;

	(void)state;
	set(visit, &row, "recurrence", "FREQ=WEEKLY");
	row.values[field(visit, "closed_at")] = value_int(1);
	assert_int_equal(refile_mark(visit, &row, "why", &mask), REFILE_CANCELLED);
	assert_value(visit, &row, "recurrence", NULL);
	assert_true(mask == (UINT64_C(1) << field(visit, "status") | UINT64_C(1) << field(visit, "status_reason") |
			     UINT64_C(1) << field(visit, "recurrence")));
}

static void each_mark_has_the_word_that_programs_read(void **state)
{
	(void)state;
	assert_string_equal(refile_mark_name(REFILE_IN_ERROR), "entered-in-error");
	assert_string_equal(refile_mark_name(REFILE_CANCELLED), "cancelled");
	assert_string_equal(refile_mark_name(REFILE_DELETED), "deleted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_stand_alone_may_be_refiled_and_nothing_else),
		cmocka_unit_test(a_signed_note_is_copied_as_a_draft_without_its_visit),
		cmocka_unit_test(a_visit_leaves_its_series_and_keeps_its_rule),
		cmocka_unit_test(the_first_is_marked_in_error_with_the_reason_where_its_kind_can_say_so),
		cmocka_unit_test(a_kind_without_such_a_word_is_deleted_and_a_closed_visit_cancelled),
		cmocka_unit_test(a_closed_visit_that_began_a_series_ends_it),
		cmocka_unit_test(each_mark_has_the_word_that_programs_read),
	};

	return cmocka_run_group_tests(tests, open_schema, close_schema);
}
