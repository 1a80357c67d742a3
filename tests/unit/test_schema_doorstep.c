/* Doorstep's own schema against the documents it comes from. The lists here are written from the design's section 3 and
 * 7 and from the table of kinds and fields, not from the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/schema.h"

static struct schema schema;

static const char *const KINDS[] = {
	"",	"patient", "contact",	  "worker",	"assignment", "visit",	     "note",	    "addendum",
	"task", "plan",	   "goal",	  "need",	"medication", "allergy",     "observation", "assessment",
	"risk", "consent", "interaction", "attachment", "review",     "conflict",
};

/* "kind.group", where "*" stands for every group of the kind. */
static const char *const GUARDED[] = {
	"patient.identity", "patient.deceased",	 "visit.check_in",    "visit.check_out", "note.signature",
	"plan.status",	    "plan.signatures",	 "goal.status",	      "medication.*",	 "allergy.*",
	"risk.*",	    "consent.signature", "conflict.decision",
};
static const char *const SETS[] = {
	"contact.roles", "visit.edits", "visit.participants", "plan.category", "plan.needs", "assessment.refused_items",
};
static const char *const TEXTS[] = {
	"note.reason",	     "note.observed",	 "note.done",  "note.response",	      "note.education",
	"note.coordination", "note.plan",	 "task.notes", "plan.activities",     "plan.preferences",
	"plan.strengths",    "plan.backup_plan", "goal.text",  "interaction.summary",
};
static const char *const PROGRESS[] = { "task.status" };

static int setup(void **state)
{
	(void)state;
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return 0;
}

static const struct kind *kind_named(const char *name)
{
	const struct kind *kind = schema_kind(&schema, name, strlen(name));

	if (kind == NULL)
		fail_msg("no kind %s", name);
	return kind;
}

static bool listed(const char *const *list, size_t count, const char *kind, const char *group)
{
	char exact[80], whole[80];

	(void)snprintf(exact, sizeof exact, "%s.%s", kind, group);
	(void)snprintf(whole, sizeof whole, "%s.*", kind);
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], exact) == 0 || strcmp(list[i], whole) == 0)
			return true;
	return false;
}

#define LISTED(list, kind, group) listed((list), sizeof(list) / sizeof((list)[0]), (kind), (group))

static enum rule rule_expected(const char *kind, const char *group)
{
	if (LISTED(GUARDED, kind, group))
		return RULE_GUARDED;
	if (LISTED(SETS, kind, group))
		return RULE_SET;
	if (LISTED(TEXTS, kind, group))
		return RULE_TEXT;
	if (LISTED(PROGRESS, kind, group))
		return RULE_PROGRESS;
	return RULE_NEWEST;
}

static void all_kinds_of_the_design_are_there_under_their_numbers(void **state)
{
	(void)state;
	assert_int_equal(schema.kind_count, 21);
	for (unsigned num = 1; num <= 21; num++) {
		assert_non_null(schema_kind_num(&schema, num));
		assert_string_equal(schema_kind_num(&schema, num)->name, KINDS[num]);
	}
}

static void no_number_and_no_name_is_given_twice_in_a_kind(void **state)
{
	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++) {
		const struct kind *kind = &schema.kinds[k];

		for (size_t i = 0; i < kind->field_count; i++)
			for (size_t j = 0; j < i; j++) {
				assert_int_not_equal(kind->fields[i].num, kind->fields[j].num);
				assert_string_not_equal(kind->fields[i].name, kind->fields[j].name);
			}
	}
}

static void each_group_has_the_rule_that_the_design_gives_it(void **state)
{
	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++) {
		const struct kind *kind = &schema.kinds[k];

		for (size_t g = 0; g < kind->group_count; g++)
			if (kind->groups[g].rule != rule_expected(kind->name, kind->groups[g].name))
				fail_msg("%s.%s merges by %s", kind->name, kind->groups[g].name,
					 rule_name(kind->groups[g].rule));
	}
}

static void every_group_of_the_lists_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof GUARDED / sizeof GUARDED[0]; i++) {
		const char *dot = strchr(GUARDED[i], '.');
		const struct kind *kind = schema_kind(&schema, GUARDED[i], (size_t)(dot - GUARDED[i]));

		assert_non_null(kind);
		if (strcmp(dot, ".*") != 0 && kind_group(kind, dot + 1, strlen(dot + 1)) < 0)
			fail_msg("no group %s", GUARDED[i]);
	}
}

/* What DESIGN calls one value must be one group: field names that belong together, ending with NULL. */
static const char *const TOGETHER[][13] = {
	{ "patient", "name", "preferred_name", "birth_date", "identifiers", NULL },
	{ "patient", "street", "city", "region", "postal_code", "country", "position", "entry_notes", NULL },
	{ "patient", "deceased", "deceased_date", NULL },
	{ "patient", "status", "closed_reason", NULL },
	{ "visit", "planned_from", "planned_to", "recurrence", NULL },
	{ "visit", "status", "status_reason", NULL },
	{ "visit", "check_in_time", "check_in_position", "check_in_accuracy", "check_in_place", "check_in_method",
	  NULL },
	{ "visit", "check_out_time", "check_out_position", "check_out_accuracy", "check_out_place", "check_out_method",
	  NULL },
	{ "visit", "series", "series_date", NULL },
	{ "visit", "outcome", "outcome_reason", NULL },
	{ "note", "status", "signed_by", "signed_at", "digest", "status_reason", NULL },
	{ "task", "due_from", "due_to", "recurrence", NULL },
	{ "task", "status", "outcome", "reason", "completed_at", NULL },
	{ "goal", "status", "status_reason", NULL },
	{ "need", "status", "onset", NULL },
	{ "medication", "name", "dose", "unit", "route", "frequency", "reason", "prescriber", "taken_as_prescribed",
	  "discrepancy", "source", "status", NULL },
	{ "allergy", "substance", "reaction", "severity", "status", NULL },
	{ "observation", "value", "unit", NULL },
	{ "interaction", "status", "response", NULL },
};

static unsigned field_of(const struct kind *kind, const char *name)
{
	int field = kind_field(kind, name, strlen(name));

	if (field < 0)
		fail_msg("%s has no field %s", kind->name, name);
	return (unsigned)field;
}

static void what_means_something_only_together_is_one_group(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof TOGETHER / sizeof TOGETHER[0]; i++) {
		const struct kind *kind = kind_named(TOGETHER[i][0]);
		const struct group *group = &kind->groups[kind->fields[field_of(kind, TOGETHER[i][1])].group];
		uint64_t mask = 0;

		for (size_t f = 1; TOGETHER[i][f] != NULL; f++)
			mask |= UINT64_C(1) << field_of(kind, TOGETHER[i][f]);
		if (group->mask != mask)
			fail_msg("%s.%s is not these fields", kind->name, group->name);
	}
}

static void only_the_centre_writes_workers_assignments_reviews_and_conflicts(void **state)
{
	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++) {
		const struct kind *kind = &schema.kinds[k];
		bool centre = strcmp(kind->name, "worker") == 0 || strcmp(kind->name, "assignment") == 0 ||
			      strcmp(kind->name, "review") == 0;

		assert_int_equal(kind->writer, centre ? WRITER_CENTRE : WRITER_BOTH);
		for (size_t g = 0; g < kind->group_count; g++) {
			bool conflict = strcmp(kind->name, "conflict") == 0 &&
					strcmp(kind->groups[g].name, "decision") != 0;

			bool link = strcmp(kind->name, "patient") == 0 && strcmp(kind->groups[g].name, "linked_to") == 0;

			assert_int_equal(kind->groups[g].writer,
					 centre || conflict || link ? WRITER_CENTRE : WRITER_BOTH);
		}
	}
}

/* DESIGN, Closing: what is closed by which field, and what stays then. */
static void what_is_closed_stays_as_it_is(void **state)
{
	static const struct {
		const char *kind, *closes, *free; /* free: a field that may still change, NULL = none */
	} rules[] = {
		{ "note", "status", NULL },          { "addendum", "closed_at", NULL },
		{ "observation", "closed_at", NULL }, { "interaction", "closed_at", NULL },
		{ "assessment", "status", NULL },    { "consent", "closed_at", "status" },
		{ "visit", "closed_at", "participants" },
	};

	(void)state;
	for (size_t k = 0, found = 0; k < schema.kind_count; k++) {
		const struct kind *kind = &schema.kinds[k];

		if (found < sizeof rules / sizeof rules[0] && kind->closing >= 0)
			found++;
		for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
			if (strcmp(rules[i].kind, kind->name) != 0)
				continue;
			assert_int_equal(kind->closing, field_of(kind, rules[i].closes));
			if (rules[i].free == NULL)
				assert_true(kind->mask_stays == kind->mask_all);
			else
				assert_false(kind->mask_stays >> field_of(kind, rules[i].free) & 1);
		}
		if (k + 1 == schema.kind_count)
			assert_int_equal(found, sizeof rules / sizeof rules[0]);
	}
	assert_true(kind_named("visit")->mask_stays >> field_of(kind_named("visit"), "check_in_time") & 1);
	assert_true(kind_named("visit")->mask_stays >> field_of(kind_named("visit"), "check_out_time") & 1);
}

static void patient_risks_and_allergies_go_first_in_a_fill(void **state)
{
	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++) {
		const char *name = schema.kinds[k].name;

		assert_int_equal(schema.kinds[k].first, strcmp(name, "patient") == 0 || strcmp(name, "risk") == 0 ||
								strcmp(name, "allergy") == 0);
	}
}

static void a_field_that_refers_names_a_kind_that_exists(void **state)
{
	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++)
		for (size_t f = 0; f < schema.kinds[k].field_count; f++) {
			const struct field *field = &schema.kinds[k].fields[f];

			if (field->type == TYPE_ID && field->values[0] != '\0')
				(void)kind_named(field->values);
			if (field->type == TYPE_ENUM)
				assert_true(field->values != NULL && field->values[0] != '\0');
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_the_design_are_there_under_their_numbers),
		cmocka_unit_test(no_number_and_no_name_is_given_twice_in_a_kind),
		cmocka_unit_test(each_group_has_the_rule_that_the_design_gives_it),
		cmocka_unit_test(every_group_of_the_lists_exists),
		cmocka_unit_test(what_means_something_only_together_is_one_group),
		cmocka_unit_test(only_the_centre_writes_workers_assignments_reviews_and_conflicts),
		cmocka_unit_test(what_is_closed_stays_as_it_is),
		cmocka_unit_test(patient_risks_and_allergies_go_first_in_a_fill),
		cmocka_unit_test(a_field_that_refers_names_a_kind_that_exists),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
