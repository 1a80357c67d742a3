#include "daemon/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/support/world.h"

/* One worker of a centre, and a tablet of his that is only a cursor. */
struct fixture {
	struct schema schema, older;
	struct world w;
	struct arena arena;
	struct cursor cursor;
	struct feed_case feed;
	/* the newest page */
	struct answer answer;
	struct buf records;
	size_t count;
	char said[4096]; /* "kind:first text[ whole|deleted][ mask]; …" */
};

static struct fixture *begin_with(const struct field_row *rows, size_t count, uint16_t version)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	schema_init(&f->schema, rows, count, version);
	schema_init(&f->older, rows, count, 1);
	world_open(&f->w, &f->schema, NULL, NULL, 1, 3);
	arena_init(&f->arena, 64 * 1024 * 1024);
	buf_init(&f->records, FEED_RECORDS_SIZE_MAX);
	f->feed = (struct feed_case){ .store = f->w.centre.store, .schema = &f->schema, .theirs = &f->schema,
				      .arena = &f->arena, .worker = f->w.tablets[0].worker };
	return f;
}

static struct fixture *begin(void)
{
	return begin_with(WORLD_ROWS, WORLD_ROWS_COUNT, 2);
}

static void end(struct fixture *f)
{
	world_close(&f->w);
	buf_close(&f->records);
	arena_close(&f->arena);
	free(f);
}

static void say_record(struct fixture *f, const struct answer_record *record)
{
	const size_t len = strlen(f->said);
	const struct value *first = &record->row.values[0];

	(void)snprintf(f->said + len, sizeof f->said - len, "%s:%.*s%s%s", record->kind->name,
		       first->tag == VALUE_TEXT ? (int)first->len : 0, first->tag == VALUE_TEXT ? first->text : "",
		       record->whole ? " whole" : "", record->deleted ? " deleted" : "");
	for (size_t g = 0; !record->whole && g < record->kind->group_count; g++)
		if (record->mask & record->kind->groups[g].mask)
			(void)snprintf(f->said + strlen(f->said), sizeof f->said - strlen(f->said), " +%s",
				       record->kind->groups[g].name);
	if (record->splice_count > 0)
		(void)snprintf(f->said + strlen(f->said), sizeof f->said - strlen(f->said), " spliced");
	(void)snprintf(f->said + strlen(f->said), sizeof f->said - strlen(f->said), "; ");
}

/* Read the page back as its tablet would. Workers are left out of what is said. */
static void read_page(struct fixture *f)
{
	struct answer decoded;
	struct buf message;

	buf_init(&message, LIMIT_INFLATED_MAX);
	f->said[0] = '\0';
	assert_int_equal(answer_encode(&message, &f->answer, &f->records, f->count), ST_OK);
	assert_int_equal(answer_decode(message.data, message.len, f->feed.now_seq, &f->arena, &decoded), ST_OK);
	for (size_t i = 0; i < decoded.record_count; i++) {
		struct answer_record record;

		assert_int_equal(answer_record_decode(f->feed.theirs, &decoded, i, &f->arena, &record), ST_OK);
		if (!record.kind->is_staff)
			say_record(f, &record);
	}
	buf_close(&message);
}

/* Ask for a page; the cursor goes through its bytes, as between requests. */
static const char *page(struct fixture *f)
{
	struct store *store = f->w.centre.store;
	struct buf bytes;

	f->feed.now_seq = world_seq(&f->w);
	f->feed.now_ms = f->w.now_ms;
	f->answer = (struct answer){ .received_ms = f->w.now_ms, .sent_ms = f->w.now_ms, .base_seq = f->feed.now_seq };
	buf_reset(&f->records);
	f->count = 0;
	assert_int_equal(store->ops->begin_read(store), ST_OK);
	assert_int_equal(feed_page(&f->feed, &f->cursor, &f->answer, &f->records, &f->count), ST_OK);
	store->ops->rollback(store);
	buf_init(&bytes, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_encode(&bytes, &f->cursor, 1, f->w.centre.seal.bytes), ST_OK);
	assert_int_equal(cursor_decode(bytes.data, bytes.len, 1, f->w.centre.seal.bytes, &f->arena, &f->cursor), ST_OK);
	buf_close(&bytes);
	read_page(f);
	f->feed.taken = NULL;
	f->feed.taken_count = 0;
	return f->said;
}

static struct id patient_of(struct fixture *f, const char *name)
{
	struct id id = world_create(&f->w, "patient", NULL, "name", name, NULL);

	world_assign(&f->w, 0, &id);
	return id;
}

/* All that a tablet is sent, a record a page: on one page they stand by kind. */
static const char *one_by_one(struct fixture *f)
{
	static char all[8192];

	all[0] = '\0';
	f->feed.records_max = 1;
	do
		(void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", page(f));
	while (f->answer.more);
	return all;
}

static void caught_up(struct fixture *f)
{
	do
		(void)page(f);
	while (f->answer.more);
}

/* --- fills ------------------------------------------------------------------------------- */

static void a_patient_comes_whole_and_is_complete_with_the_page_that_ends_it(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada");

	(void)state;
	(void)world_create(&f->w, "item", &ada, "title", "walk", NULL);
	(void)world_create(&f->w, "badge", &ada, "label", "falls", NULL);
	/* An assignment's first field is its worker. */
	(void)page(f);
	assert_non_null(strstr(f->said, "patient:Ada whole; "));
	assert_non_null(strstr(f->said, "badge:falls whole; "));
	assert_non_null(strstr(f->said, "assignment:"));
	assert_non_null(strstr(f->said, "item:walk whole; "));
	assert_int_equal(f->answer.filling_count, 1);
	assert_int_equal(f->answer.complete_count, 1);
	assert_true(id_equal(&f->answer.complete[0], &ada));
	assert_false(f->answer.more);
	assert_string_equal(page(f), "");
	end(f);
}

static void the_first_page_of_all_names_the_whole_caseload(void **state)
{
	struct fixture *f = begin();
	struct id patients[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		patients[i] = patient_of(f, "Ada");
	world_unassign(&f->w, 0, &patients[0]);
	f->feed.records_max = 1;
	(void)page(f);
	assert_true(f->answer.more);
	assert_int_equal(f->answer.filling_count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(id_equal(&f->answer.filling[i], &patients[1]) || id_equal(&f->answer.filling[i], &patients[2]));
	(void)page(f);
	assert_int_equal(f->answer.filling_count, 0);
	end(f);
}

static void what_goes_first_of_all_patients_comes_before_the_rest_of_any(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), ben = patient_of(f, "Ben");
	const char *all;

	(void)state;
	(void)world_create(&f->w, "item", &ada, "title", "walk", NULL);
	(void)world_create(&f->w, "badge", &ben, "label", "falls", NULL);
	all = one_by_one(f);
	assert_true(strncmp(all, "patient:", 8) == 0);
	assert_true(strstr(all, "badge:falls") < strstr(all, "item:walk"));
	assert_true(strstr(all, "patient:Ben") < strstr(all, "item:walk"));
	end(f);
}

static void the_patients_with_the_next_visits_are_filled_first(void **state)
{
	struct fixture *f = begin_with(SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, 1);
	struct id ada = patient_of(f, "Ada"), ben = patient_of(f, "Ben"), cleo = patient_of(f, "Cleo");
	char worker[ID_TEXT_SIZE], soon[24], later[24], past[24];

	(void)state;
	id_format(&f->w.tablets[0].worker, worker);
	(void)snprintf(soon, sizeof soon, "%lld", (long long)(f->w.now_ms + 10));
	(void)snprintf(later, sizeof later, "%lld", (long long)(f->w.now_ms + 20));
	(void)snprintf(past, sizeof past, "%lld", (long long)(f->w.now_ms - 10));
	(void)world_create(&f->w, "visit", &ada, "worker", worker, "planned_from", past, NULL);
	(void)world_create(&f->w, "visit", &ben, "worker", worker, "planned_from", later, NULL);
	(void)world_create(&f->w, "visit", &cleo, "worker", worker, "planned_from", soon, NULL);
	assert_true(strncmp(one_by_one(f), "patient:Cleo whole; patient:Ben whole; patient:Ada whole; ", 58) == 0);
	end(f);
}

static void a_change_between_two_pages_of_a_fill_is_not_lost(void **state)
{
	struct fixture *f = begin();
	struct id ada, walk;
	char all[8192] = "";

	(void)state;
	caught_up(f); /* the staff */
	ada = patient_of(f, "Ada");
	walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);
	(void)world_create(&f->w, "item", &ada, "title", "talk", NULL);
	f->feed.records_max = 1;
	assert_string_equal(page(f), "patient:Ada whole; ");
	assert_true(f->answer.more);
	assert_int_equal(f->answer.complete_count, 0);
	(void)page(f); /* its assignment */
	assert_string_equal(page(f), "item:walk whole; ");
	assert_true(world_edit(&f->w, "item", &walk, "title", "run"));
	assert_true(world_edit(&f->w, "patient", &ada, "phone", "1"));
	while (f->answer.more) {
		(void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", page(f));
		assert_true(f->count <= 1);
	}
	assert_non_null(strstr(all, "item:run"));
	assert_non_null(strstr(all, "item:talk"));
	assert_non_null(strstr(all, "patient:Ada"));
	assert_int_equal(f->answer.complete_count, 1);
	assert_string_equal(page(f), "");
	end(f);
}

/* --- news ---------------------------------------------------------------------------------- */

static void news_brings_the_groups_that_changed(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);

	(void)state;
	caught_up(f);
	assert_true(world_edit(&f->w, "item", &walk, "dose", "5"));
	assert_true(world_edit(&f->w, "patient", &ada, "phone", "1"));
	/* The records of a page stand by kind, whatever came first. */
	assert_string_equal(page(f), "patient: +phone; item: +record; ");
	assert_string_equal(page(f), "");
	end(f);
}

#define SENTENCE "She slept well, as she says, and the wound is dry and clean; her daughter visits on Sundays. "

/* Amid a catch-up it may have got something newer than that already. */
static void of_a_long_text_a_tablet_that_is_up_to_date_gets_what_is_new_in_it(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), items[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		items[i] = world_create(&f->w, "item", &ada, "title", "walk", "notes", SENTENCE SENTENCE, NULL);
	caught_up(f);
	f->feed.records_max = 1;
	for (size_t i = 0; i < 3; i++)
		assert_true(world_edit(&f->w, "item", &items[i], "notes", i < 2 ? SENTENCE "Now. " SENTENCE : "Nothing of it."));
	assert_string_equal(page(f), "item: +notes spliced; ");
	assert_string_equal(page(f), "item: +notes; ");
	assert_string_equal(page(f), "item: +notes; ");
	caught_up(f);
	f->feed.records_max = 0;
	assert_true(world_edit(&f->w, "item", &items[0], "notes", SENTENCE "Now and then. " SENTENCE));
	assert_true(world_edit(&f->w, "item", &items[2], "notes", SENTENCE SENTENCE));
	assert_string_equal(page(f), "item: +notes spliced; item: +notes; ");
	end(f);
}

static void what_was_walked_over_is_sent_again_where_it_changed_behind_the_walk(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);

	(void)state;
	caught_up(f);
	f->feed.records_max = 1;
	assert_true(world_edit(&f->w, "item", &walk, "title", "run"));
	assert_true(world_edit(&f->w, "patient", &ada, "phone", "1"));
	assert_string_equal(page(f), "item:run +title; ");
	assert_true(world_edit(&f->w, "item", &walk, "dose", "5"));
	assert_string_equal(page(f), "patient: +phone; ");
	assert_string_equal(page(f), "item:run +title +record; ");
	assert_false(f->answer.more);
	end(f);
}

static void only_what_this_request_set_and_was_accepted_is_left_out_as_known(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);
	const struct kind *item = schema_kind(&f->schema, "item", 4);
	const uint64_t title = item->groups[kind_group(item, "title", 5)].mask;
	struct taken taken = { .kind = item, .id = walk };
	struct cursor before;

	(void)state;
	caught_up(f);
	assert_true(world_edit(&f->w, "item", &walk, "dose", "5"));
	assert_true(world_edit(&f->w, "item", &walk, "title", "run"));
	before = f->cursor;
	taken.seq = world_seq(&f->w);
	taken.accepted_mask = title;
	f->feed.taken = &taken;
	f->feed.taken_count = 1;
	assert_string_equal(page(f), "item: +record; ");
	/* The same of a number that came again, which says nothing of what is known. */
	f->cursor = before;
	taken.accepted_mask = 0;
	f->feed.taken = &taken;
	f->feed.taken_count = 1;
	assert_string_equal(page(f), "item:run +title +record; ");
	/* And of a value that somebody has replaced since. */
	assert_true(world_edit(&f->w, "item", &walk, "title", "sit"));
	f->cursor = before;
	taken.accepted_mask = title;
	f->feed.taken = &taken;
	f->feed.taken_count = 1;
	assert_string_equal(page(f), "item:sit +title +record; ");
	end(f);
}

static void standing_values_go_while_the_patient_is_in_scope_and_only_then(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);
	const struct kind *item = schema_kind(&f->schema, "item", 4);
	struct taken taken = { .kind = item, .id = walk, .seq = 1,
			       .standing_mask = item->groups[kind_group(item, "title", 5)].mask };

	(void)state;
	caught_up(f);
	f->feed.taken = &taken;
	f->feed.taken_count = 1;
	assert_string_equal(page(f), "item:walk +title; ");
	world_pass(&f->w, 1);
	world_unassign(&f->w, 0, &ada);
	f->feed.taken = &taken;
	f->feed.taken_count = 1;
	assert_string_equal(page(f), "");
	assert_int_equal(f->answer.let_go_count, 1);
	end(f);
}

static void a_deletion_is_a_mark_and_a_restored_record_comes_whole(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada"), walk = world_create(&f->w, "item", &ada, "title", "walk", NULL);
	struct world_tablet *t = &f->w.tablets[0];
	char id[ID_TEXT_SIZE], patient[ID_TEXT_SIZE];

	(void)state;
	id_format(&walk, id);
	id_format(&ada, patient);
	caught_up(f);
	world_sync(t);
	assert_int_equal(world_sql(t, "DELETE FROM item WHERE id = '%s'", id), SQLITE_OK);
	world_sync(t);
	assert_string_equal(page(f), "item: deleted; ");
	assert_string_equal(page(f), "");
	assert_int_equal(world_sql(t, "INSERT INTO item(id, patient, title) VALUES ('%s', '%s', 'walk')", id, patient), SQLITE_OK);
	world_sync(t);
	assert_string_equal(page(f), "item:walk whole; ");
	end(f);
}

/* --- scope ------------------------------------------------------------------------------------ */

static void who_left_is_let_go_and_who_comes_back_is_filled_whole(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada");

	(void)state;
	caught_up(f);
	world_pass(&f->w, 1);
	world_unassign(&f->w, 0, &ada);
	assert_true(world_edit(&f->w, "patient", &ada, "phone", "1"));
	assert_string_equal(page(f), "");
	assert_int_equal(f->answer.let_go_count, 1);
	assert_true(id_equal(&f->answer.let_go[0], &ada));
	world_assign(&f->w, 0, &ada);
	(void)page(f);
	assert_int_equal(f->answer.let_go_count, 0);
	assert_int_equal(f->answer.filling_count, 1);
	assert_true(strncmp(f->said, "patient:Ada whole; ", 19) == 0);
	end(f);
}

static void who_left_and_came_back_between_two_answers_has_only_news(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada");

	(void)state;
	caught_up(f);
	world_pass(&f->w, 1);
	world_unassign(&f->w, 0, &ada);
	assert_true(world_edit(&f->w, "patient", &ada, "phone", "1"));
	world_pass(&f->w, 1);
	world_assign(&f->w, 0, &ada);
	(void)page(f);
	assert_int_equal(f->answer.let_go_count + f->answer.filling_count, 0);
	assert_non_null(strstr(f->said, "patient: +phone; "));
	end(f);
}

static void another_care_managers_patient_is_never_mentioned(void **state)
{
	struct fixture *f = begin();
	struct id ada = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);

	(void)state;
	(void)world_create(&f->w, "item", &ada, "title", "walk", NULL);
	assert_string_equal(page(f), "");
	assert_int_equal(f->answer.filling_count + f->answer.let_go_count + f->answer.complete_count, 0);
	end(f);
}

/* --- versions, budget, steps back ----------------------------------------------------------------- */

static void an_older_tablet_is_sent_only_what_it_knows_and_filled_again_once_it_is_newer(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada");

	(void)state;
	(void)world_create(&f->w, "item", &ada, "title", "walk", "extra", "far", NULL);
	(void)world_create(&f->w, "badge", &ada, "label", "falls", NULL);
	f->feed.theirs = &f->older;
	(void)page(f); /* reading it back by the older schema fails on anything unknown */
	assert_null(strstr(f->said, "badge"));
	assert_non_null(strstr(f->said, "item:walk whole; "));
	f->feed.theirs = &f->schema;
	(void)page(f);
	assert_non_null(strstr(f->said, "badge:falls whole; "));
	assert_non_null(strstr(f->said, "item:walk whole; "));
	assert_string_equal(page(f), "");
	end(f);
}

static void a_page_ends_at_its_budget_but_not_before_one_record(void **state)
{
	struct fixture *f = begin();
	struct id ada = patient_of(f, "Ada");
	char notes[4001];

	(void)state;
	memset(notes, 'x', sizeof notes - 1);
	notes[sizeof notes - 1] = '\0';
	for (size_t i = 0; i < 40; i++)
		(void)world_create(&f->w, "item", &ada, "title", "walk", "notes", notes, NULL);
	f->feed.budget = 1; /* taken as LIMIT_BUDGET_MIN */
	(void)page(f);
	assert_true(f->answer.more);
	assert_true(f->records.len <= 3 * LIMIT_BUDGET_MIN);
	assert_true(f->count >= 3);
	f->feed.records_max = 1;
	(void)page(f);
	assert_int_equal(f->count, 1);
	f->feed.records_max = 0;
	caught_up(f);
	assert_string_equal(page(f), "");
	end(f);
}

static void a_cursor_ahead_of_the_centre_is_a_step_back(void **state)
{
	struct fixture *f = begin();
	struct cursor ahead;

	(void)state;
	caught_up(f);
	f->cursor.scope += 1;
	ahead = f->cursor;
	assert_int_equal(feed_page(&f->feed, &f->cursor, &f->answer, &f->records, &f->count), ST_STEP_BACK);
	assert_memory_equal(&ahead, &f->cursor, sizeof ahead);
	end(f);
}

static void a_patient_made_and_taken_away_before_the_tablet_heard_of_either_is_let_go(void **state)
{
	struct fixture *f = begin();
	struct world_tablet *t = &f->w.tablets[0];
	struct buf unheard;
	char patient_text[ID_TEXT_SIZE];
	struct id patient;

	(void)state;
	world_sync(t);
	patient = world_id(&f->w);
	id_format(&patient, patient_text);
	assert_int_equal(world_sql(t, "INSERT INTO patient(id, name) VALUES('%s', 'Ada')", patient_text), SQLITE_OK);
	(void)world_build(t);
	buf_init(&unheard, LIMIT_BODY_MAX);
	assert_int_equal(world_ask(&f->w, &t->request, &unheard), ST_OK);
	buf_close(&unheard);
	world_unassign(&f->w, 0, &patient);
	world_sync(t);
	assert_int_equal(world_int(t, "SELECT count(*) FROM ds_caseload WHERE patient='%s' AND state='left'", patient_text), 1);
	end(f);
}

static void a_patient_that_the_centre_never_had_is_not_let_go(void **state)
{
	struct fixture *f = begin();
	struct taken returned = { .kind = schema_kind(&f->schema, "patient", 7), .id = world_id(&f->w) };

	(void)state;
	caught_up(f);
	f->feed.taken = &returned;
	f->feed.taken_count = 1;
	(void)page(f);
	assert_int_equal(f->answer.let_go_count, 0);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_patient_comes_whole_and_is_complete_with_the_page_that_ends_it),
		cmocka_unit_test(the_first_page_of_all_names_the_whole_caseload),
		cmocka_unit_test(what_goes_first_of_all_patients_comes_before_the_rest_of_any),
		cmocka_unit_test(the_patients_with_the_next_visits_are_filled_first),
		cmocka_unit_test(a_change_between_two_pages_of_a_fill_is_not_lost),
		cmocka_unit_test(news_brings_the_groups_that_changed),
		cmocka_unit_test(of_a_long_text_a_tablet_that_is_up_to_date_gets_what_is_new_in_it),
		cmocka_unit_test(what_was_walked_over_is_sent_again_where_it_changed_behind_the_walk),
		cmocka_unit_test(only_what_this_request_set_and_was_accepted_is_left_out_as_known),
		cmocka_unit_test(standing_values_go_while_the_patient_is_in_scope_and_only_then),
		cmocka_unit_test(a_deletion_is_a_mark_and_a_restored_record_comes_whole),
		cmocka_unit_test(who_left_is_let_go_and_who_comes_back_is_filled_whole),
		cmocka_unit_test(a_patient_made_and_taken_away_before_the_tablet_heard_of_either_is_let_go),
		cmocka_unit_test(a_patient_that_the_centre_never_had_is_not_let_go),
		cmocka_unit_test(who_left_and_came_back_between_two_answers_has_only_news),
		cmocka_unit_test(another_care_managers_patient_is_never_mentioned),
		cmocka_unit_test(an_older_tablet_is_sent_only_what_it_knows_and_filled_again_once_it_is_newer),
		cmocka_unit_test(a_page_ends_at_its_budget_but_not_before_one_record),
		cmocka_unit_test(a_cursor_ahead_of_the_centre_is_a_step_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
