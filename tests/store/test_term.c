#include "daemon/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store_sqlite.h"
#include "tests/support/world.h"
#include "tests/support/world_check.h"

#define HOUR INT64_C(3600000)
#define NOW INT64_MIN

/* A centre, two tablets, and a patient with one record whom nobody has. */
struct fixture {
	struct schema schema;
	struct world w;
	struct id patient, item;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	schema_init(&f->schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&f->w, &f->schema, NULL, NULL, 2, 11);
	f->patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	f->item = world_create(&f->w, "item", &f->patient, "title", "Bandage", NULL);
	*state = f;
	return 0;
}

static void verified(struct fixture *f)
{
	char wrong[512] = "";

	world_check_chain(&f->w, wrong, sizeof wrong);
	assert_string_equal(wrong, "");
}

static int end(void **state)
{
	struct fixture *f = *state;

	verified(f);
	world_close(&f->w);
	free(f);
	return 0;
}

static void cover(struct fixture *f, size_t tablet, int64_t starts_ms, int64_t ends_ms)
{
	world_assign_for(&f->w, tablet, &f->patient, "cover", starts_ms, ends_ms);
}

/* As the tablet shows it after a sync: 'c' complete, 'l' left, '-' never heard of. */
static char shows(struct fixture *f, size_t tablet)
{
	struct world_tablet *t = &f->w.tablets[tablet];
	char id[ID_TEXT_SIZE], state[32];

	id_format(&f->patient, id);
	world_sync(t);
	world_text(t, state, sizeof state, "SELECT state FROM ds_caseload WHERE patient='%s'", id);
	return state[0] != '\0' ? state[0] : '-';
}

static bool is_member(struct fixture *f, size_t tablet)
{
	struct store *s = f->w.centre.store;
	bool is = false;

	assert_int_equal(s->ops->begin_read(s), ST_OK);
	assert_int_equal(s->ops->member_is(s, &f->w.tablets[tablet].worker, &f->patient, &is), ST_OK);
	s->ops->rollback(s);
	return is;
}

/* What doorstepd does by itself: *next_out as terms_step says. */
static int64_t step(struct fixture *f)
{
	int64_t next_ms = 0;

	assert_int_equal(terms_step(&f->w.centre, &next_ms), ST_OK);
	return next_ms;
}

static void pass_to(struct fixture *f, int64_t ms)
{
	assert_true(ms >= f->w.now_ms);
	world_pass(&f->w, ms - f->w.now_ms);
}

static size_t memberships(struct fixture *f, size_t tablet)
{
	static const char sql[] = "SELECT count(*) FROM member WHERE worker=?1 AND patient=?2";
	struct db *db = &sqlite_of(f->w.centre.store)->db;
	enum status st;
	sqlite3_stmt *stmt = db_prepare(db, sql, &st);
	bool row = false;
	size_t count;

	assert_non_null(stmt);
	db_bind_id_blob(stmt, 1, &f->w.tablets[tablet].worker);
	db_bind_id_blob(stmt, 2, &f->patient);
	assert_int_equal(db_step(db, stmt, &row), ST_OK);
	count = (size_t)db_column_int(stmt, 0);
	db_done(stmt);
	return count;
}

/* --- by itself --- */

static void a_cover_shows_nothing_before_it_begins_and_ends_by_itself(void **state)
{
	struct fixture *f = *state;
	const int64_t from = f->w.now_ms + HOUR, until = f->w.now_ms + 2 * HOUR;

	cover(f, 0, from, until);
	assert_int_equal(shows(f, 0), '-');
	assert_true(step(f) == from);
	pass_to(f, from - 1);
	assert_true(step(f) == from);
	assert_int_equal(shows(f, 0), '-');
	pass_to(f, from);
	assert_true(step(f) == until);
	assert_true(is_member(f, 0));
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, until - 1);
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, until);
	assert_true(step(f) == TERM_NEVER);
	assert_false(is_member(f, 0));
	assert_int_equal(shows(f, 0), 'l');
}

static void what_is_due_is_settled_by_the_request_that_comes_first(void **state)
{
	struct fixture *f = *state;

	cover(f, 0, f->w.now_ms + HOUR, f->w.now_ms + 2 * HOUR);
	world_pass(&f->w, HOUR);
	assert_int_equal(shows(f, 0), 'c');
	world_pass(&f->w, HOUR);
	assert_int_equal(shows(f, 0), 'l');
}

static void each_begin_and_end_is_one_event_with_a_sequence_and_nothing_due_writes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	cover(f, 0, f->w.now_ms + HOUR, f->w.now_ms + 2 * HOUR);
	seq = world_seq(&f->w);
	(void)step(f);
	assert_true(world_seq(&f->w) == seq);
	world_pass(&f->w, HOUR);
	(void)step(f);
	assert_true(world_seq(&f->w) == seq + 1);
	(void)step(f);
	assert_true(world_seq(&f->w) == seq + 1);
	world_pass(&f->w, HOUR);
	(void)step(f);
	(void)step(f);
	assert_true(world_seq(&f->w) == seq + 2);
}

static void a_cover_that_came_and_went_while_nobody_looked_never_opens(void **state)
{
	struct fixture *f = *state;
	const uint64_t seq = world_seq(&f->w);

	cover(f, 0, f->w.now_ms + HOUR, f->w.now_ms + 2 * HOUR);
	world_pass(&f->w, 3 * HOUR);
	assert_true(step(f) == TERM_NEVER);
	assert_true(world_seq(&f->w) == seq + 2); /* it was made, it is over */
	assert_int_equal(memberships(f, 0), 0);
	assert_int_equal(shows(f, 0), '-');
}

/* A tablet that did not sync from before the cover to behind it heard of neither. */
static void a_tablet_out_of_reach_for_the_whole_cover_hears_nothing_of_it(void **state)
{
	struct fixture *f = *state;

	(void)shows(f, 0);
	cover(f, 0, f->w.now_ms + HOUR, f->w.now_ms + 2 * HOUR);
	world_pass(&f->w, HOUR);
	(void)step(f);
	assert_true(is_member(f, 0));
	world_pass(&f->w, HOUR);
	(void)step(f);
	assert_int_equal(memberships(f, 0), 1);
	assert_int_equal(shows(f, 0), '-');
}

static void what_is_written_before_the_end_is_heard_of_stands_and_what_comes_behind_it_is_held(void **state)
{
	struct fixture *f = *state;
	char id[ID_TEXT_SIZE], title[32];

	id_format(&f->item, id);
	cover(f, 0, NOW, f->w.now_ms + HOUR);
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(world_sql(&f->w.tablets[0], "UPDATE item SET title='During' WHERE id='%s'", id), SQLITE_OK);
	world_pass(&f->w, HOUR - 1);
	world_sync(&f->w.tablets[0]);
	assert_int_equal(world_sql(&f->w.tablets[0], "UPDATE item SET title='Still' WHERE id='%s'", id), SQLITE_OK);
	world_pass(&f->w, 1);
	world_sync(&f->w.tablets[0]);
	assert_true(world_value(&f->w, "item", &f->item, "title", title, sizeof title));
	assert_string_equal(title, "Still");
	assert_int_equal(world_sql(&f->w.tablets[0], "UPDATE item SET title='Behind' WHERE id='%s'", id), SQLITE_OK);
	world_sync(&f->w.tablets[0]);
	assert_true(world_value(&f->w, "item", &f->item, "title", title, sizeof title));
	assert_string_equal(title, "Still");
}

/* --- several --- */

static void a_patient_stays_while_any_assignment_gives_a_reason(void **state)
{
	struct fixture *f = *state;

	world_assign(&f->w, 0, &f->patient);
	cover(f, 0, NOW, f->w.now_ms + HOUR);
	assert_int_equal(shows(f, 0), 'c');
	world_pass(&f->w, HOUR);
	assert_true(step(f) == TERM_NEVER);
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(memberships(f, 0), 1);
	world_unassign(&f->w, 0, &f->patient);
	assert_int_equal(shows(f, 0), 'l');
}

static void covers_that_overlap_are_one_membership_and_those_in_a_row_are_two(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	cover(f, 0, NOW, start + 2 * HOUR);
	cover(f, 0, start + HOUR, start + 3 * HOUR);
	cover(f, 0, start + 5 * HOUR, start + 6 * HOUR);
	for (int64_t hour = 0; hour < 7; hour++) {
		pass_to(f, start + hour * HOUR);
		assert_int_equal(shows(f, 0), hour < 3 || hour == 5 ? 'c' : 'l');
	}
	assert_int_equal(memberships(f, 0), 2);
}

/* The end of one is the beginning of the next: in one transaction, and the patient never leaves. */
static void covers_that_touch_lose_nothing_between_them(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	cover(f, 0, NOW, start + HOUR);
	cover(f, 0, start + HOUR, start + 2 * HOUR);
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, start + HOUR);
	assert_int_equal(shows(f, 0), 'c');
	assert_true(is_member(f, 0));
}

static void a_cover_is_cut_short_and_one_to_come_is_called_off(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	cover(f, 0, NOW, start + 4 * HOUR);
	cover(f, 0, start + 2 * HOUR, start + 6 * HOUR);
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, start + HOUR);
	world_unassign(&f->w, 0, &f->patient);
	assert_true(step(f) == TERM_NEVER);
	assert_int_equal(shows(f, 0), 'l');
	pass_to(f, start + 3 * HOUR);
	assert_int_equal(shows(f, 0), 'l');
}

static void a_cover_is_prolonged_by_another_and_what_is_held_already_makes_none(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;
	uint64_t seq;

	cover(f, 0, NOW, start + HOUR);
	world_pass(&f->w, 1);
	cover(f, 0, NOW, start + 3 * HOUR);
	seq = world_seq(&f->w);
	cover(f, 0, NOW, start + 2 * HOUR);
	assert_true(world_seq(&f->w) == seq);
	pass_to(f, start + 2 * HOUR);
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, start + 3 * HOUR);
	assert_int_equal(shows(f, 0), 'l');
}

static void times_that_can_not_be_are_refused_and_make_nothing(void **state)
{
	struct fixture *f = *state;
	const int64_t now = f->w.now_ms;
	const int64_t times[][2] = { { now + 2, now + 1 }, { now + 2, now + 2 }, { NOW, now }, { now - 5, now - 1 } };
	const uint64_t seq = world_seq(&f->w);
	struct centre_act act;
	struct given given;
	struct failure why;

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		const struct giving giving = { .worker = f->w.tablets[0].worker, .patient = f->patient, .reason = "cover",
					       .starts_ms = times[i][0], .ends_ms = times[i][1] };

		assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
		assert_int_equal(centre_assign(&act, NULL, &giving, &given, &why), ST_INVALID);
		assert_non_null(why.what);
		centre_act_abort(&act);
	}
	assert_true(world_seq(&f->w) == seq);
}

/* --- clocks --- */

static void a_clock_set_back_takes_nothing_back(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	world_assign(&f->w, 0, &f->patient);
	cover(f, 1, NOW, start + HOUR);
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(shows(f, 1), 'c');
	pass_to(f, start + HOUR);
	assert_int_equal(shows(f, 1), 'l');
	f->w.node.skew_ms = -2 * HOUR; /* before either was made */
	assert_true(step(f) == TERM_NEVER);
	world_edit(&f->w, "item", &f->item, "title", "Plaster");
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(shows(f, 1), 'l');
	/* What was given stands already, what is over may be given anew. */
	world_assign(&f->w, 0, &f->patient);
	assert_int_equal(memberships(f, 0), 1);
	cover(f, 1, NOW, start + HOUR);
	assert_int_equal(shows(f, 1), 'c');
	world_unassign(&f->w, 1, &f->patient);
	assert_int_equal(shows(f, 1), 'l');
	f->w.node.skew_ms = 0;
	assert_int_equal(shows(f, 1), 'l');
}

static void a_clock_set_back_before_the_moment_makes_it_wait(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	cover(f, 0, start + HOUR, start + 2 * HOUR);
	f->w.node.skew_ms = -HOUR;
	pass_to(f, start + HOUR);
	assert_int_equal(shows(f, 0), '-');
	pass_to(f, start + 2 * HOUR);
	assert_int_equal(shows(f, 0), 'c');
	pass_to(f, start + 3 * HOUR);
	assert_int_equal(shows(f, 0), 'l');
}

static void a_clock_that_jumps_ahead_ends_what_it_jumps_over_once(void **state)
{
	struct fixture *f = *state;
	const int64_t start = f->w.now_ms;

	cover(f, 0, NOW, start + HOUR);
	cover(f, 1, start + 2 * HOUR, start + 100 * HOUR);
	assert_int_equal(shows(f, 0), 'c');
	f->w.node.skew_ms = 50 * HOUR;
	assert_int_equal(shows(f, 0), 'l');
	assert_int_equal(shows(f, 1), 'c');
	f->w.node.skew_ms = 0;
	assert_int_equal(shows(f, 0), 'l');
	assert_int_equal(shows(f, 1), 'c');
	cover(f, 0, NOW, start + HOUR); /* by a person, who knows that it was a mistake */
	assert_int_equal(shows(f, 0), 'c');
}

/* --- many, stuck, old --- */

static void many_that_are_due_at_once_are_settled_some_at_a_time(void **state)
{
	struct fixture *f = *state;
	const int64_t until = f->w.now_ms + HOUR;

	for (int i = 0; i < TERM_SETTLE_MAX + 50; i++)
		cover(f, 0, f->w.now_ms + 60000 - i, until + i % 2);
	pass_to(f, until + 1);
	assert_true(step(f) <= until + 1);
	assert_true(step(f) == TERM_NEVER);
	assert_false(is_member(f, 0));
}

static void one_that_can_not_be_settled_keeps_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store *s = f->w.centre.store;
	struct term lost = { .assignment = world_id(&f->w), .worker = f->w.tablets[1].worker, .patient = f->patient,
			     .in_force = true, .due_ms = f->w.now_ms + 1 };
	struct db *db = &sqlite_of(s)->db;

	cover(f, 0, NOW, f->w.now_ms + HOUR);
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(s->ops->begin_write(s), ST_OK);
	assert_int_equal(s->ops->term_put(s, &lost), ST_OK);
	assert_int_equal(s->ops->commit(s), ST_OK);
	world_pass(&f->w, HOUR);
	assert_true(step(f) == f->w.now_ms + TERM_AGAIN_MS);
	assert_int_equal(shows(f, 0), 'l');
	assert_int_equal(db_exec(db, "DELETE FROM term WHERE due_ms IS NOT NULL"), ST_OK);
}

static void a_store_made_before_terms_were_kept_has_them_from_its_first_opening(void **state)
{
	static const char path[] = "build/test_term.db";
	static const char old[] = "DROP TABLE term; UPDATE meta SET value=x'00' WHERE key='layout';";
	struct fixture *f = *state, g = { .schema = f->schema };
	struct store *again = NULL;
	struct failure why;
	bool is = false;
	int64_t until, next_ms = 0;

	(void)remove(path);
	schema_init(&g.schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&g.w, &g.schema, path, NULL, 2, 12);
	until = g.w.now_ms + HOUR;
	g.patient = world_create(&g.w, "patient", NULL, "name", "Ada", NULL);
	world_assign(&g.w, 0, &g.patient);
	world_assign_for(&g.w, 1, &g.patient, "cover", INT64_MIN, until);
	world_pass(&g.w, 1);
	world_unassign(&g.w, 0, &g.patient);
	assert_int_equal(db_exec(&sqlite_of(g.w.centre.store)->db, old), ST_OK);
	assert_int_equal(store_sqlite_open(&again, path, &g.schema, &g.w.node.env, false, &why), ST_OK);
	assert_int_equal(again->ops->term_in_force(again, &g.w.tablets[0].worker, &g.patient, &is), ST_OK);
	assert_false(is);
	assert_int_equal(again->ops->term_in_force(again, &g.w.tablets[1].worker, &g.patient, &is), ST_OK);
	assert_true(is);
	assert_int_equal(again->ops->term_next(again, &next_ms), ST_OK);
	assert_true(next_ms == until);
	again->ops->close(again);
	verified(&g);
	pass_to(&g, until);
	assert_true(step(&g) == TERM_NEVER);
	assert_false(is_member(&g, 1));
	verified(&g);
	world_close(&g.w);
	(void)remove(path);
}

/* --- whoever makes a patient --- */

/* A tablet without signal made the patient, the first visit's item and a second one; the request that brings
 * all of it comes twice. */
static void a_patient_made_without_signal_arrives_assigned_to_its_author_also_twice(void **state)
{
	struct fixture *f = *state;
	struct world_tablet *t = &f->w.tablets[0];
	const struct id item = world_id(&f->w);
	char patient[ID_TEXT_SIZE], id[ID_TEXT_SIZE], title[32];
	struct buf second;
	uint64_t seq;

	f->patient = world_id(&f->w);
	id_format(&f->patient, patient);
	id_format(&item, id);
	assert_int_equal(world_sql(t, "INSERT INTO patient(id, name) VALUES ('%s', 'Grace')", patient), SQLITE_OK);
	assert_int_equal(world_sql(t, "INSERT INTO item(id, patient, title) VALUES ('%s', '%s', 'First visit')", id, patient),
			 SQLITE_OK);
	assert_int_equal(world_sql(t, "INSERT INTO item(patient, title) VALUES ('%s', 'Note of it')", patient), SQLITE_OK);
	world_pass(&f->w, 60000);
	(void)world_build(t);
	assert_int_equal(world_ask(&f->w, &t->request, &t->answer), ST_OK);
	assert_true(is_member(f, 0));
	assert_false(is_member(f, 1));
	seq = world_seq(&f->w);
	buf_init(&second, 1 << 20);
	world_pass(&f->w, 5);
	assert_int_equal(world_ask(&f->w, &t->request, &second), ST_OK);
	buf_close(&second);
	assert_true(world_seq(&f->w) == seq);
	assert_int_equal(memberships(f, 0), 1);
	assert_true(world_value(&f->w, "item", &item, "title", title, sizeof title));
	assert_string_equal(title, "First visit");
	assert_int_equal(shows(f, 0), 'c');
	assert_int_equal(world_int(t, "SELECT count(*) FROM item WHERE patient='%s'", patient), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(a_cover_shows_nothing_before_it_begins_and_ends_by_itself),
		T(what_is_due_is_settled_by_the_request_that_comes_first),
		T(each_begin_and_end_is_one_event_with_a_sequence_and_nothing_due_writes_nothing),
		T(a_cover_that_came_and_went_while_nobody_looked_never_opens),
		T(a_tablet_out_of_reach_for_the_whole_cover_hears_nothing_of_it),
		T(what_is_written_before_the_end_is_heard_of_stands_and_what_comes_behind_it_is_held),
		T(a_patient_stays_while_any_assignment_gives_a_reason),
		T(covers_that_overlap_are_one_membership_and_those_in_a_row_are_two),
		T(covers_that_touch_lose_nothing_between_them),
		T(a_cover_is_cut_short_and_one_to_come_is_called_off),
		T(a_cover_is_prolonged_by_another_and_what_is_held_already_makes_none),
		T(times_that_can_not_be_are_refused_and_make_nothing),
		T(a_clock_set_back_takes_nothing_back),
		T(a_clock_set_back_before_the_moment_makes_it_wait),
		T(a_clock_that_jumps_ahead_ends_what_it_jumps_over_once),
		T(many_that_are_due_at_once_are_settled_some_at_a_time),
		T(one_that_can_not_be_settled_keeps_nothing_else),
		T(a_store_made_before_terms_were_kept_has_them_from_its_first_opening),
		T(a_patient_made_without_signal_arrives_assigned_to_its_author_also_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
