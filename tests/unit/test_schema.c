/* What a schema promises, by small schemas of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/id.h"
#include "common/schema.h"

static const struct field_row rows[] = {
	{ .num = 1, .kind = "patient", .required = true, .since = 1, .label = "Patient" },
	{ .num = 1, .field = "name", .type = TYPE_TEXT, .required = true, .max = 256, .since = 1 },
	{ .num = 2, .field = "street", .type = TYPE_TEXT, .group = "address", .since = 1 },
	{ .num = 3, .field = "born", .type = TYPE_DATE, .rule = RULE_GUARDED, .since = 1 },
	{ .num = 4, .field = "city", .type = TYPE_TEXT, .group = "address", .since = 1 },
	{ .num = 5, .field = "checked", .type = TYPE_TIME, .group = "address", .writer = WRITER_CENTRE, .since = 2 },
	{ .num = 6, .field = "seal", .type = TYPE_TEXT, .writer = WRITER_CENTRE, .since = 1 },
	{ .num = 3, .kind = "worker", .writer = WRITER_CENTRE, .since = 1 },
	{ .num = 1, .field = "login", .type = TYPE_TEXT, .since = 1 },
	{ .num = 8, .kind = "task", .since = 2 },
	{ .num = 1, .field = "title", .type = TYPE_TEXT, .since = 2 },
	{ .num = 2, .field = "status", .type = TYPE_ENUM, .group = "status", .rule = RULE_PROGRESS,
	  .since = 2, .values = "open|done" },
	{ .num = 3, .field = "tags", .type = TYPE_SET, .rule = RULE_SET, .since = 2 },
};

static struct schema one, two;

static int set_up(void **state)
{
	(void)state;
	schema_init(&one, rows, sizeof rows / sizeof rows[0], 1);
	schema_init(&two, rows, sizeof rows / sizeof rows[0], 2);
	return 0;
}

static const struct kind *kind_of(const struct schema *schema, const char *name)
{
	return schema_kind(schema, name, strlen(name));
}

static void two_versions_live_in_one_process(void **state)
{
	(void)state;
	assert_int_equal(one.version, 1);
	assert_int_equal(two.version, 2);
	assert_null(kind_of(&one, "task"));
	assert_null(schema_kind_num(&one, 8));
	assert_non_null(kind_of(&two, "task"));
	assert_int_equal(kind_field_num(kind_of(&one, "patient"), 5), -1);
	assert_int_equal(kind_field_num(kind_of(&two, "patient"), 5), 4);
	assert_int_equal(kind_of(&one, "patient")->field_count, 5);
	assert_int_equal(kind_of(&two, "patient")->field_count, 6);
}

static void a_groups_number_and_rule_are_the_same_in_every_version(void **state)
{
	const struct schema *versions[] = { &one, &two };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct kind *patient = kind_of(versions[i], "patient");
		int group = kind_group(patient, "address", 7);

		assert_true(group >= 0);
		assert_int_equal(patient->groups[group].num, 2);
		assert_int_equal(kind_group_num(patient, 2), group);
		assert_int_equal(patient->groups[group].rule, RULE_NEWEST);
	}
}

static void a_groups_mask_holds_its_fields_also_where_they_stand_apart(void **state)
{
	const struct kind *patient = kind_of(&two, "patient");
	const struct group *address = &patient->groups[kind_group(patient, "address", 7)];

	(void)state;
	assert_int_equal(address->mask, 1 << 1 | 1 << 3 | 1 << 4);
	assert_int_equal(patient->mask_all, 0x3F);
	assert_int_equal(patient->fields[3].group, patient->fields[1].group);
	assert_int_not_equal(patient->fields[2].group, patient->fields[1].group);
}

static void a_group_is_the_centres_only_if_all_its_fields_are(void **state)
{
	const struct kind *patient = kind_of(&two, "patient");
	const struct kind *worker = kind_of(&two, "worker");

	(void)state;
	assert_int_equal(patient->groups[kind_group(patient, "address", 7)].writer, WRITER_BOTH);
	assert_int_equal(patient->groups[kind_group(patient, "seal", 4)].writer, WRITER_CENTRE);
	assert_int_equal(worker->fields[0].writer, WRITER_CENTRE);
	assert_int_equal(worker->groups[0].writer, WRITER_CENTRE);
}

static void each_field_of_no_group_is_a_group_of_its_name(void **state)
{
	const struct kind *patient = kind_of(&two, "patient");
	int group = kind_group(patient, "born", 4);

	(void)state;
	assert_true(group >= 0);
	assert_int_equal(patient->groups[group].num, 3);
	assert_int_equal(patient->groups[group].mask, 1 << 2);
	assert_int_equal(patient->groups[group].rule, RULE_GUARDED);
	assert_int_equal(kind_group(patient, "bor", 3), -1);
	assert_int_equal(kind_field(patient, "borne", 5), -1);
}

static void what_a_row_leaves_open_has_its_types_default(void **state)
{
	const struct kind *patient = kind_of(&two, "patient"), *task = kind_of(&two, "task");

	(void)state;
	assert_int_equal(patient->fields[0].max, 256);
	assert_int_equal(patient->fields[1].max, 65536);
	assert_int_equal(patient->fields[2].max, 64);
	assert_int_equal(task->fields[1].max, 64);
	assert_int_equal(task->fields[2].max, 4096);
	assert_string_equal(patient->fields[1].fhir, "");
	assert_string_equal(patient->fields[1].values, "");
	assert_string_equal(patient->fields[1].label, "street");
}

static void patient_and_worker_are_told_apart_from_other_kinds(void **state)
{
	(void)state;
	assert_true(kind_of(&two, "patient")->is_patient);
	assert_true(kind_of(&two, "patient")->first);
	assert_true(kind_of(&two, "worker")->is_staff);
	assert_false(kind_of(&two, "worker")->first);
	assert_false(kind_of(&two, "task")->is_patient);
	assert_false(kind_of(&two, "task")->is_staff);
}

static void only_whole_words_of_a_list_are_in_it(void **state)
{
	(void)state;
	assert_true(values_contain("open|done", "open", 4));
	assert_true(values_contain("open|done", "done", 4));
	assert_true(values_contain("open", "open", 4));
	assert_false(values_contain("open|done", "ope", 3));
	assert_false(values_contain("open|done", "one", 3));
	assert_false(values_contain("open|done", "open|done", 9));
	assert_false(values_contain("open||done", "", 0));
	assert_false(values_contain("", "open", 4));
}

static void a_reference_is_a_kind_a_slash_and_a_uuid(void **state)
{
	static const char *const bad[] = {
		"", "task", "task/", "task/1", "tasks/017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"/017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "task/017f22e2-79b0-7cc3-98c4-dc0c0c07398f/",
	};
	const struct kind *kind = NULL;
	struct id id;

	(void)state;
	assert_true(schema_parse_ref(&two, "task/017f22e2-79b0-7cc3-98c4-dc0c0c07398f", &kind, &id));
	assert_ptr_equal(kind, kind_of(&two, "task"));
	assert_int_equal(id.bytes[0], 0x01);
	assert_int_equal(id.bytes[15], 0x8F);
	kind = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(schema_parse_ref(&two, bad[i], &kind, &id));
		assert_null(kind);
	}
}

static void a_number_that_nothing_has_finds_nothing(void **state)
{
	const struct kind *patient = kind_of(&two, "patient");

	(void)state;
	assert_int_equal(kind_group_num(patient, 4), -1);
	assert_int_equal(kind_field_num(patient, 7), -1);
	assert_null(schema_kind_num(&two, 2));
}

static void every_rule_and_type_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = RULE_NEWEST; a <= RULE_GUARDED; a++)
		for (int b = RULE_NEWEST; b <= RULE_GUARDED; b++)
			assert_int_equal(strcmp(rule_name((enum rule)a), rule_name((enum rule)b)) == 0, a == b);
	for (int a = TYPE_TEXT; a <= TYPE_ID; a++)
		for (int b = TYPE_TEXT; b <= TYPE_ID; b++)
			assert_int_equal(strcmp(type_name((enum type)a), type_name((enum type)b)) == 0, a == b);
}

/* There where coverage is counted: writes down what a process did that does not end by itself. */
void __gcov_dump(void) __attribute__((weak));

static void count_before_the_end(int signal_number)
{
	(void)signal_number;
	if (__gcov_dump != NULL)
		__gcov_dump();
}

/* Does schema_init stop the process that is given these rows? */
static bool stops(const struct field_row *broken, size_t count)
{
	pid_t child = fork();
	int result = 0;

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, count_before_the_end);
		close(STDERR_FILENO);
		schema_init(&one, broken, count, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	return WIFSIGNALED(result) && WTERMSIG(result) == SIGABRT;
}

static void rows_that_break_a_rule_stop_the_program(void **state)
{
	static const struct field_row head = { .num = 1, .kind = "task", .since = 1 };
	static const struct field_row first = { .num = 5, .field = "title", .group = "main", .since = 1 };
	static const struct field_row fine = { .num = 6, .field = "owner", .group = "main", .since = 1 };
	static const struct field_row broken[] = {
		{ .num = 5, .field = "owner", .since = 1 },
		{ .num = 4, .field = "owner", .since = 1 },
		{ .num = 128, .field = "owner", .since = 1 },
		{ .num = 6, .field = "title", .since = 1 },
		{ .num = 6, .field = "id", .since = 1 },
		{ .num = 6, .field = "patient", .since = 1 },
		{ .num = 6, .field = "Owner", .since = 1 },
		{ .num = 6, .field = "owner2", .since = 1 },
		{ .num = 6, .field = "", .since = 1 },
		{ .num = 6, .field = "a_name_that_is_longer_than_a_name", .since = 1 },
		{ .num = 6, .field = "owner", .group = "main", .rule = RULE_GUARDED, .since = 1 },
		{ .num = 6, .field = "owner", .group = "main", .since = 0 },
		{ .num = 6, .field = "word", .type = TYPE_ENUM, .since = 1 },
		{ .num = 6, .field = "tags", .type = TYPE_TEXT, .rule = RULE_SET, .since = 1 },
		{ .num = 6, .field = "due", .type = TYPE_DATE, .rule = RULE_TEXT, .since = 1 },
		{ .num = 6, .field = "state", .type = TYPE_TEXT, .rule = RULE_PROGRESS, .since = 1 },
		{ .num = 1, .kind = "other", .since = 1 },
		{ .num = 2, .kind = "task", .since = 1 },
	};
	struct field_row three[3] = { head, first, fine };

	(void)state;
	assert_false(stops(three, 3));
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		three[2] = broken[i];
		assert_true(stops(three, 3));
	}
	assert_true(stops(&fine, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_versions_live_in_one_process),
		cmocka_unit_test(a_groups_number_and_rule_are_the_same_in_every_version),
		cmocka_unit_test(a_groups_mask_holds_its_fields_also_where_they_stand_apart),
		cmocka_unit_test(a_group_is_the_centres_only_if_all_its_fields_are),
		cmocka_unit_test(each_field_of_no_group_is_a_group_of_its_name),
		cmocka_unit_test(what_a_row_leaves_open_has_its_types_default),
		cmocka_unit_test(patient_and_worker_are_told_apart_from_other_kinds),
		cmocka_unit_test(only_whole_words_of_a_list_are_in_it),
		cmocka_unit_test(a_reference_is_a_kind_a_slash_and_a_uuid),
		cmocka_unit_test(a_number_that_nothing_has_finds_nothing),
		cmocka_unit_test(every_rule_and_type_has_a_name_of_its_own),
		cmocka_unit_test(rows_that_break_a_rule_stop_the_program),
	};

	return cmocka_run_group_tests_name("schema", tests, set_up, NULL);
}
