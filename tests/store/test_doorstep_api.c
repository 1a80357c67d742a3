/* An app written on the public header alone: of Doorstep, only client/doorstep.h is included (and a folder to work in). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client/doorstep.h"
#include "tests/support/home.h"

#define NOWHERE "00000000-0000-4000-8000-0000000000ff"

struct app {
	char home[HOME_SIZE];
	struct doorstep *d;
	struct doorstep_error error;
};

static struct app app;

static int setup(void **state)
{
	memset(&app, 0, sizeof app);
	home_make(app.home);
	*state = &app;
	return doorstep_open(&app.d, app.home, &app.error);
}

static int teardown(void **state)
{
	struct app *a = *state;

	doorstep_close(a->d);
	home_remove(a->home);
	return 0;
}

static void reopen(struct app *a)
{
	doorstep_close(a->d);
	a->d = NULL;
	assert_int_equal(doorstep_open(&a->d, a->home, &a->error), DOORSTEP_OK);
}

static void add_patient(struct app *a, const char *name, char id_out[37])
{
	const struct doorstep_field fields[] = { { "name", name }, { "birth_date", "1931-04-02" } };

	assert_int_equal(doorstep_create(a->d, "patient", NULL, fields, 2, id_out, &a->error), DOORSTEP_OK);
}

static void expect_text(struct app *a, const char *kind, const char *id, const char *field, const char *expected)
{
	struct doorstep_record *record = NULL;
	const char *text;

	assert_int_equal(doorstep_get(a->d, kind, id, &record, &a->error), DOORSTEP_OK);
	text = doorstep_text(record, field);
	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text, expected);
	doorstep_record_free(record);
}

/* --- the promises ----------------------------------------------------------------- */

static void what_is_written_is_read_back_after_opening_anew(void **state)
{
	const struct doorstep_field fields[] = {
		{ "observed", "Geht ohne Hilfe.\nZwei Stufen." },
		{ "written_at", "2026-11-23T08:42:00+01:00" },
		{ "status", "draft" },
	};
	struct app *a = *state;
	struct doorstep_record *note = NULL;
	char patient[37], id[37];

	add_patient(a, "Zoë Müller", patient);
	assert_int_equal(doorstep_create(a->d, "note", patient, fields, 3, id, &a->error), DOORSTEP_OK);
	reopen(a);
	assert_int_equal(doorstep_get(a->d, "note", id, &note, &a->error), DOORSTEP_OK);
	assert_string_equal(doorstep_id(note), id);
	assert_string_equal(doorstep_patient(note), patient);
	assert_string_equal(doorstep_text(note, "observed"), "Geht ohne Hilfe.\nZwei Stufen.");
	assert_string_equal(doorstep_text(note, "written_at"), "2026-11-23T07:42:00Z");
	assert_null(doorstep_text(note, "plan"));
	assert_null(doorstep_text(note, "no such field"));
	assert_string_equal(doorstep_travel(note), "Saved on this tablet");
	doorstep_record_free(note);
	expect_text(a, "patient", patient, "name", "Zoë Müller");
}

static void every_type_has_its_own_form_of_text(void **state)
{
	const struct doorstep_field patient_fields[] = {
		{ "interpreter", "yes" }, { "identifiers", "b, a" }, { "deceased", "false" },
	};
	const struct doorstep_field visit_fields[] = {
		{ "planned_from", "2026-11-23T09:00" }, { "check_in_accuracy", "12" }, { "series_date", "2026-11" },
	};
	struct app *a = *state;
	char patient[37], visit[37];

	add_patient(a, "Ana", patient);
	assert_int_equal(doorstep_save(a->d, "patient", patient, -1, patient_fields, 3, NULL, &a->error), DOORSTEP_OK);
	assert_int_equal(doorstep_create(a->d, "visit", patient, visit_fields, 3, visit, &a->error), DOORSTEP_OK);
	expect_text(a, "patient", patient, "interpreter", "true");
	expect_text(a, "patient", patient, "identifiers", "[\"a\",\"b\"]");
	expect_text(a, "patient", patient, "deceased", "false");
	/* Without a zone it is the agency's, which is an hour east here. */
	expect_text(a, "visit", visit, "planned_from", "2026-11-23T08:00:00Z");
	expect_text(a, "visit", visit, "check_in_accuracy", "12");
	expect_text(a, "visit", visit, "series_date", "2026-11");
}

static void a_save_gives_the_version_to_hand_in_next(void **state)
{
	const struct doorstep_field first = { "phone", "555 0101" }, second = { "phone", NULL };
	struct app *a = *state;
	struct doorstep_record *record = NULL;
	int64_t shown = 0, next = 0;
	char patient[37];

	add_patient(a, "Ana", patient);
	assert_int_equal(doorstep_get(a->d, "patient", patient, &record, &a->error), DOORSTEP_OK);
	shown = doorstep_shown(record);
	doorstep_record_free(record);
	assert_int_equal(doorstep_save(a->d, "patient", patient, shown, &first, 1, &next, &a->error), DOORSTEP_OK);
	assert_true(next > shown);
	expect_text(a, "patient", patient, "phone", "555 0101");
	assert_int_equal(doorstep_save(a->d, "patient", patient, next, &second, 1, &shown, &a->error), DOORSTEP_OK);
	assert_true(shown > next);
	expect_text(a, "patient", patient, "phone", NULL);
}

static void what_is_wrong_is_refused_whole_with_what_is_safe_and_what_to_do(void **state)
{
	static const struct {
		const char *kind, *field, *value;
		int code;
	} cases[] = {
		{ "patient", "birth_date", "2026-02-30", DOORSTEP_INVALID },
		{ "patient", "gender", "blue", DOORSTEP_INVALID },
		{ "patient", "photo", "no id", DOORSTEP_INVALID },
		{ "patient", "shoe_size", "43", DOORSTEP_NOT_FOUND },
		{ "shoe", "size", "43", DOORSTEP_NOT_FOUND },
		{ "patient", "name", NULL, DOORSTEP_INVALID },
		{ "worker", "name", "Kim", DOORSTEP_REFUSED },
	};
	struct app *a = *state;
	char patient[37];

	add_patient(a, "Ana", patient);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct doorstep_field fields[] = { { "phone", "1" }, { cases[i].field, cases[i].value } };
		const size_t skip = strcmp(cases[i].kind, "patient") == 0 ? 0 : 1;

		memset(&a->error, 0, sizeof a->error);
		assert_int_equal(doorstep_save(a->d, cases[i].kind, patient, -1, fields + skip, 2 - skip, NULL, &a->error),
				 cases[i].code);
		assert_int_equal(a->error.code, cases[i].code);
		assert_true(a->error.what[0] != '\0' && a->error.safe[0] != '\0' && a->error.next[0] != '\0');
		expect_text(a, "patient", patient, "phone", NULL);
	}
	assert_int_equal(doorstep_save(a->d, "patient", NOWHERE, -1, &(struct doorstep_field){ "phone", "1" }, 1, NULL,
				       &a->error), DOORSTEP_NOT_FOUND);
	assert_int_equal(doorstep_save(a->d, "patient", "12", -1, &(struct doorstep_field){ "phone", "1" }, 1, NULL, NULL),
			 DOORSTEP_INVALID);
}

static int edit_and_count(void *ctx, const struct doorstep_record *record)
{
	struct app *a = ctx;
	const struct doorstep_field field = { "language", "de" };

	return doorstep_save(a->d, "patient", doorstep_id(record), doorstep_shown(record), &field, 1, NULL, &a->error);
}

static int collect(void *ctx, const struct doorstep_record *record)
{
	char *ids = ctx;

	(void)strncat(ids, doorstep_id(record), 36);
	return 0;
}

static int stop_at_once(void *ctx, const struct doorstep_record *record)
{
	(void)record;
	(*(int *)ctx)++;
	return 42;
}

static void a_walk_goes_in_order_of_ids_and_may_write_meanwhile(void **state)
{
	struct app *a = *state;
	char ids[3][37], expected[3 * 36 + 1] = "", seen[3 * 36 + 1] = "";
	int calls = 0;

	for (int i = 0; i < 3; i++)
		add_patient(a, "Ana", ids[i]);
	for (int i = 0; i < 3; i++)
		for (int j = i + 1; j < 3; j++)
			if (strcmp(ids[j], ids[i]) < 0) {
				char swap[37];

				memcpy(swap, ids[i], sizeof swap);
				memcpy(ids[i], ids[j], sizeof swap);
				memcpy(ids[j], swap, sizeof swap);
			}
	for (int i = 0; i < 3; i++)
		memcpy(expected + 36 * i, ids[i], 37);
	assert_int_equal(doorstep_each(a->d, "patient", NULL, edit_and_count, a, &a->error), 0);
	assert_int_equal(doorstep_each(a->d, "patient", NULL, collect, seen, &a->error), 0);
	assert_string_equal(seen, expected);
	for (int i = 0; i < 3; i++)
		expect_text(a, "patient", ids[i], "language", "de");
	assert_int_equal(doorstep_each(a->d, "patient", NULL, stop_at_once, &calls, &a->error), 42);
	assert_int_equal(calls, 1);
}

static void a_walk_of_one_patient_meets_no_other(void **state)
{
	struct app *a = *state;
	const struct doorstep_field title = { "title", "Call" };
	char ana[37], ben[37], task[37], other[37], seen[3 * 36 + 1] = "";

	add_patient(a, "Ana", ana);
	add_patient(a, "Ben", ben);
	assert_int_equal(doorstep_create(a->d, "task", ana, &title, 1, task, &a->error), DOORSTEP_OK);
	assert_int_equal(doorstep_create(a->d, "task", ben, &title, 1, other, &a->error), DOORSTEP_OK);
	assert_int_equal(doorstep_each(a->d, "task", ana, collect, seen, &a->error), 0);
	assert_string_equal(seen, task);
	seen[0] = '\0';
	assert_int_equal(doorstep_each(a->d, "patient", ben, collect, seen, &a->error), 0);
	assert_string_equal(seen, ben);
}

static void a_removed_record_is_gone_and_its_deletion_waits_to_be_sent(void **state)
{
	struct app *a = *state;
	struct doorstep_record *record = NULL;
	struct doorstep_status status;
	char patient[37];

	add_patient(a, "Ana", patient);
	assert_int_equal(doorstep_remove(a->d, "patient", patient, &a->error), DOORSTEP_OK);
	assert_int_equal(doorstep_get(a->d, "patient", patient, &record, &a->error), DOORSTEP_NOT_FOUND);
	assert_null(record);
	assert_int_equal(doorstep_status(a->d, &status, &a->error), DOORSTEP_OK);
	assert_int_equal(status.saved, 1);
	assert_int_equal(doorstep_remove(a->d, "patient", patient, &a->error), DOORSTEP_NOT_FOUND);
}

static void status_counts_what_is_saved_and_says_never_before_a_first_sync(void **state)
{
	struct app *a = *state;
	struct doorstep_status status;
	char patient[37], path[HOME_SIZE + 16];

	add_patient(a, "Ana", patient);
	add_patient(a, "Ben", patient);
	assert_int_equal(doorstep_status(a->d, &status, &a->error), DOORSTEP_OK);
	assert_int_equal(status.saved, 2);
	assert_int_equal(status.sending + status.held + status.attention + status.returned + status.received, 0);
	assert_true(status.oldest_unsent_ms > 0);
	assert_int_equal(status.last_up_ms, 0);
	assert_int_equal(status.last_down_ms, 0);
	assert_string_equal(status.last_failure, "");
	(void)snprintf(path, sizeof path, "%s/replica.db", a->home);
	assert_string_equal(status.replica_path, path);
}

/* It works on the connection that is open already. This tablet has no keys, so that it comes no further than that. */
static void a_sync_restores_lost_triggers_first_and_leaves_the_tablet_open(void **state)
{
	struct app *a = *state;
	struct doorstep_status status;
	char patient[37];

	home_apply(a->home, "DROP TRIGGER ds_patient_inserted");
	assert_int_not_equal(doorstep_sync(a->d, NULL, &a->error), DOORSTEP_OK);
	add_patient(a, "Ana", patient);
	assert_int_equal(doorstep_status(a->d, &status, &a->error), DOORSTEP_OK);
	assert_int_equal(status.saved, 1);
	expect_text(a, "patient", patient, "name", "Ana");
}

/* A record in each place on its way, as the bookkeeping of a sync would have it. */
static void each_record_says_where_it_is_on_its_way(void **state)
{
	static const struct {
		int journal;
		const char *words;
	} cases[] = { { 0, "Sending" }, { 1, "Needs attention" }, { 2, "Received" }, { 3, "Returned to you" } };
	struct app *a = *state;
	char patient[37], sql[512];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct doorstep_record *record = NULL;

		add_patient(a, "Ana", patient);
		(void)snprintf(sql, sizeof sql,
			       "DELETE FROM ds_dirty WHERE id='%s';INSERT INTO ds_journal(n,origin,kind,id,body,digest,state,"
			       "made_wall_ms) VALUES(%d,0,1,'%s',x'00',zeroblob(32),%d,1)",
			       patient, (int)i + 1, patient, cases[i].journal);
		home_apply(a->home, sql);
		assert_int_equal(doorstep_get(a->d, "patient", patient, &record, &a->error), DOORSTEP_OK);
		assert_string_equal(doorstep_travel(record), cases[i].words);
		doorstep_record_free(record);
	}
	(void)snprintf(sql, sizeof sql, "INSERT INTO ds_attention(kind,id,grp,reason) VALUES(1,'%s',1,'too-long')", patient);
	home_apply(a->home, sql);
	{
		struct doorstep_record *record = NULL;

		assert_int_equal(doorstep_get(a->d, "patient", patient, &record, &a->error), DOORSTEP_OK);
		assert_string_equal(doorstep_travel(record), "Needs attention");
		doorstep_record_free(record);
	}
}

static void a_folder_without_a_replica_is_no_tablet_and_says_how_to_become_one(void **state)
{
	struct doorstep *d = NULL;
	struct doorstep_error error;

	(void)state;
	assert_int_equal(doorstep_open(&d, "/nonexistent/tablet", &error), DOORSTEP_NOT_FOUND);
	assert_null(d);
	assert_non_null(strstr(error.next, "doorstep enrol"));
}

static void a_tablet_that_no_centre_knows_is_no_tablet_yet(void **state)
{
	struct app *a = *state;
	struct doorstep *d = NULL;
	struct doorstep_error error;

	home_apply(a->home, "UPDATE ds_meta SET value=0 WHERE key='device'");
	assert_int_equal(doorstep_open(&d, a->home, &error), DOORSTEP_NOT_FOUND);
	assert_null(d);
}

static void the_schema_can_be_listed(void **state)
{
	struct app *a = *state;
	size_t kinds = 0, fields = 0;

	while (doorstep_kind(a->d, kinds) != NULL)
		kinds++;
	while (doorstep_field(a->d, "allergy", fields) != NULL)
		fields++;
	assert_int_equal(kinds, 21);
	assert_int_equal(fields, 4);
	assert_string_equal(doorstep_kind(a->d, 0), "patient");
	assert_string_equal(doorstep_field(a->d, "allergy", 0), "substance");
	assert_null(doorstep_field(a->d, "shoe", 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_back_after_opening_anew),
		TEST(every_type_has_its_own_form_of_text),
		TEST(a_save_gives_the_version_to_hand_in_next),
		TEST(what_is_wrong_is_refused_whole_with_what_is_safe_and_what_to_do),
		TEST(a_walk_goes_in_order_of_ids_and_may_write_meanwhile),
		TEST(a_walk_of_one_patient_meets_no_other),
		TEST(a_removed_record_is_gone_and_its_deletion_waits_to_be_sent),
		TEST(status_counts_what_is_saved_and_says_never_before_a_first_sync),
		TEST(a_sync_restores_lost_triggers_first_and_leaves_the_tablet_open),
		TEST(each_record_says_where_it_is_on_its_way),
		TEST(a_folder_without_a_replica_is_no_tablet_and_says_how_to_become_one),
		TEST(a_tablet_that_no_centre_knows_is_no_tablet_yet),
		TEST(the_schema_can_be_listed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
