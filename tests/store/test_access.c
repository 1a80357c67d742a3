/* Tablets withdrawn from use and accounts disabled: what still goes which way, and what proves it. */
#include "daemon/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/standing.h"
#include "proto/limits.h"
#include "tests/support/world.h"

struct fixture {
	struct schema schema;
	struct world w;
	struct world_tablet *t; /* the one that is withdrawn */
	struct id patient;      /* in both tablets' caseloads, and on t */
	size_t findings;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	schema_init(&f->schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&f->w, &f->schema, NULL, NULL, 2, 7);
	f->t = &f->w.tablets[0];
	f->patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	world_assign(&f->w, 0, &f->patient);
	world_assign(&f->w, 1, &f->patient);
	world_sync(f->t);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	world_close(&f->w);
	free(f);
	return 0;
}

typedef enum status access_fn(struct centre_act *act, uint32_t device, const struct access_reason *reason,
			      struct failure *failure);

static enum status act_on(struct fixture *f, access_fn *fn, uint32_t device)
{
	const struct access_reason reason = { .why = "lost on the bus" };
	struct centre_act act;
	struct failure why = { 0 };
	enum status st;

	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	st = fn(&act, device, &reason, &why);
	if (st == ST_OK)
		return centre_act_commit(&act);
	assert_true(why.status == st && why.what[0] != '\0' && why.next[0] != '\0');
	centre_act_abort(&act);
	return st;
}

static void withdraw(struct fixture *f)
{
	assert_int_equal(act_on(f, access_withdraw, f->t->device), ST_OK);
}

static void write_item(struct fixture *f, const char *title)
{
	const struct id item_id = world_id(&f->w);
	char id[ID_TEXT_SIZE], item[ID_TEXT_SIZE];

	id_format(&f->patient, id);
	id_format(&item_id, item);
	assert_int_equal(world_sql(f->t, "INSERT INTO item(id, patient, title) VALUES ('%s', '%s', '%s')", item, id, title),
			 SQLITE_OK);
}

/* One exchange of the tablet, which must go well. */
static struct sync_report sync_once(struct fixture *f)
{
	struct sync_report report = { 0 };

	(void)world_exchange(f->t, &report);
	return report;
}

static void found(void *ctx, const char *place, const char *what)
{
	struct fixture *f = ctx;

	(void)place;
	assert_true(what[0] != '\0');
	f->findings++;
}

static size_t findings(struct fixture *f)
{
	struct store *store = f->w.centre.store;
	struct verify_report report;

	f->findings = 0;
	assert_int_equal(store->ops->begin_read(store), ST_OK);
	assert_int_equal(chain_verify(store, f->w.centre.key.public, found, NULL, f, &report), ST_OK);
	store->ops->rollback(store);
	return f->findings;
}

static bool is_held_at_the_centre(struct fixture *f, const struct outcome *outcome, struct held *held)
{
	struct store *store = f->w.centre.store;
	enum status st;

	assert_int_equal(store->ops->begin_read(store), ST_OK);
	st = store->ops->held_get(store, outcome->seq, held);
	store->ops->rollback(store);
	return st == ST_OK && held->state == HELD_OPEN;
}

/* --- what goes which way ------------------------------------------------------------ */

/* The answer of a batch to the request, which was prepared before the withdrawal where early is set. */
static void answer_of(struct fixture *f, bool early, struct centre_request *r)
{
	struct centre_request *const one = r;

	r->bytes = f->t->request.data;
	r->len = f->t->request.len;
	r->received_ms = f->w.now_ms;
	buf_init(&r->answer, LIMIT_BODY_MAX);
	if (!early)
		withdraw(f);
	centre_prepare(&f->w.centre, r);
	assert_int_equal(r->status, ST_OK);
	if (early)
		withdraw(f);
	centre_batch(&f->w.centre, &one, 1);
	assert_int_equal(r->status, ST_OK);
}

static void gets_no_news_and_its_changes_are_held(struct fixture *f, bool early)
{
	struct centre_request r = { 0 };
	struct arena arena;
	struct answer answer;
	struct held held;

	write_item(f, "call");
	(void)world_build(f->t);
	(void)world_create(&f->w, "item", &f->patient, "title", "secret", NULL);
	answer_of(f, early, &r);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	assert_int_equal(answer_decode(r.reply.data, r.reply.len, r.receipt.seq, &arena, &answer), ST_OK);
	assert_int_equal(answer.record_count, 0);
	assert_int_equal(answer.cursor.len + answer.let_go_count + answer.filling_count + answer.complete_count, 0);
	assert_false(answer.more);
	assert_int_equal(answer.notice_count, 1);
	assert_int_equal(answer.notices[0], NOTICE_WITHDRAWN);
	assert_int_equal(answer.outcome_count, 1);
	assert_int_equal(answer.outcomes[0].result, OUTCOME_HELD);
	assert_int_equal(answer.outcomes[0].reason, HELD_WITHDRAWN);
	assert_int_equal(r.receipt.last_n, 1);
	assert_true(is_held_at_the_centre(f, &answer.outcomes[0], &held));
	assert_int_equal(held.reason, HELD_WITHDRAWN);
	assert_true(id_equal(&held.patient, &f->patient));
	arena_close(&arena);
	buf_close(&r.answer);
	centre_request_close(&r);
	assert_int_equal(findings(f), 0);
}

static void a_withdrawn_tablet_gets_no_news_and_its_changes_are_held(void **state)
{
	gets_no_news_and_its_changes_are_held(*state, false);
}

static void one_withdrawn_while_its_request_is_under_way_gets_no_news_either(void **state)
{
	gets_no_news_and_its_changes_are_held(*state, true);
}

static void the_tablet_shows_that_what_it_sent_was_received_and_waits(void **state)
{
	struct fixture *f = *state;
	struct standing now;
	struct sync_report report;

	write_item(f, "call");
	withdraw(f);
	report = sync_once(f);
	assert_int_equal(report.applied.held, 1);
	assert_int_equal(standing_read(&f->t->replica, &now), ST_OK);
	assert_int_not_equal(now.withdrawn_ms, 0);
	assert_int_equal(standing_pending(&now), 0);
	assert_int_equal(now.counts.held, 1);
	assert_int_equal(world_int(f->t, "SELECT reason FROM ds_journal"), HELD_WITHDRAWN);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM item WHERE title='call'"), 1);
}

static void let_in_again_it_goes_on_where_it_was_and_an_accepted_change_stands(void **state)
{
	struct fixture *f = *state;
	const struct id supervisor = { { 9 } };
	struct standing now;
	struct centre_act act;
	struct failure why = { 0 };
	uint64_t seq;

	withdraw(f);
	write_item(f, "call");
	(void)sync_once(f);
	seq = world_seq(&f->w);
	(void)world_create(&f->w, "item", &f->patient, "title", "news", NULL);
	(void)sync_once(f);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM item WHERE title='news'"), 0);
	assert_int_equal(act_on(f, access_allow, f->t->device), ST_OK);
	world_sync(f->t);
	assert_int_equal(world_int(f->t, "SELECT reason FROM ds_journal WHERE state=1"), HELD_WITHDRAWN);
	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	assert_int_equal(intake_answer_held(&act.in, &supervisor, seq, true, &why), ST_OK);
	assert_int_equal(centre_act_commit(&act), ST_OK);
	world_sync(f->t);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM item WHERE title='news'"), 1);
	assert_int_equal(standing_read(&f->t->replica, &now), ST_OK);
	assert_int_equal(now.withdrawn_ms, 0);
	assert_int_equal(now.counts.held, 0);
	write_item(f, "later");
	assert_int_equal(sync_once(f).applied.accepted, 1);
	assert_int_equal(findings(f), 0);
}

/* What it sent as a brief it is asked to send whole. */
static void sync_until_held(struct fixture *f)
{
	for (int i = 0; i < 2 && world_int(f->t, "SELECT count(*) FROM ds_journal WHERE state=1") == 0; i++)
		(void)sync_once(f);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM ds_journal WHERE state=1"), 1);
}

static void a_change_given_back_meanwhile_shows_what_stands_once_the_tablet_is_let_in(void **state)
{
	struct fixture *f = *state;
	const struct id supervisor = { { 9 } };
	struct centre_act act;
	struct failure why = { 0 };
	uint64_t seq;
	char text[ID_TEXT_SIZE];

	id_format(&f->patient, text);
	withdraw(f);
	assert_int_equal(world_sql(f->t, "UPDATE patient SET name='Ada B' WHERE id='%s'", text), SQLITE_OK);
	sync_until_held(f);
	seq = world_seq(&f->w);
	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	assert_int_equal(intake_answer_held(&act.in, &supervisor, seq, false, &why), ST_OK);
	assert_int_equal(centre_act_commit(&act), ST_OK);
	(void)sync_once(f);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM ds_journal WHERE state=1 AND reason=%d", HELD_WITHDRAWN), 1);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM patient WHERE name='Ada B'"), 1);
	assert_int_equal(act_on(f, access_allow, f->t->device), ST_OK);
	assert_int_equal(sync_once(f).applied.returned, 1);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM patient WHERE name='Ada'"), 1);
}

/* Both edit the dose from the same base, the other one first; the answer is lost, and the tablet withdrawn. */
static void what_stands_instead_is_told_once_the_tablet_is_let_in(void **state)
{
	struct fixture *f = *state;
	const struct id item = world_create(&f->w, "item", &f->patient, "title", "pill", NULL);
	char text[ID_TEXT_SIZE];
	struct buf lost;

	id_format(&item, text);
	world_sync(f->t);
	world_sync(&f->w.tablets[1]);
	assert_int_equal(world_sql(&f->w.tablets[1], "UPDATE item SET dose='2' WHERE id='%s'", text), SQLITE_OK);
	world_sync(&f->w.tablets[1]);
	assert_int_equal(world_sql(f->t, "UPDATE item SET dose='3' WHERE id='%s'", text), SQLITE_OK);
	(void)world_build(f->t);
	buf_init(&lost, LIMIT_BODY_MAX);
	assert_int_equal(world_ask(&f->w, &f->t->request, &lost), ST_OK);
	buf_close(&lost);
	withdraw(f);
	sync_until_held(f);
	assert_int_equal(world_int(f->t, "SELECT dose FROM item WHERE id='%s'", text), 3);
	assert_int_equal(act_on(f, access_allow, f->t->device), ST_OK);
	assert_int_equal(sync_once(f).applied.superseded, 1);
	assert_int_equal(world_int(f->t, "SELECT dose FROM item WHERE id='%s'", text), 2);
	assert_int_equal(findings(f), 0);
}

static void an_answer_that_was_made_before_the_withdrawal_does_not_leave_after_it(void **state)
{
	struct fixture *f = *state;
	struct centre_request r = { .received_ms = f->w.now_ms };
	struct centre_request *const one = &r;

	write_item(f, "call");
	(void)world_build(f->t);
	(void)world_create(&f->w, "item", &f->patient, "title", "secret", NULL);
	r.bytes = f->t->request.data;
	r.len = f->t->request.len;
	buf_init(&r.answer, LIMIT_BODY_MAX);
	centre_prepare(&f->w.centre, &r);
	centre_batch(&f->w.centre, &one, 1);
	assert_true(centre_may_leave(&f->w.centre, &r) && r.answer.len > 0);
	withdraw(f);
	assert_false(centre_may_leave(&f->w.centre, &r));
	assert_true(r.status == ST_LATER && r.answer.len == 0 && r.why.what[0] != '\0');
	assert_int_equal(sync_once(f).applied.accepted, 1);
	assert_int_equal(world_int(f->t, "SELECT count(*) FROM item WHERE title='secret'"), 0);
	buf_close(&r.answer);
	centre_request_close(&r);
}

static void a_patient_made_on_a_withdrawn_tablet_is_held_and_nobodys_until_it_is_accepted(void **state)
{
	struct fixture *f = *state;
	char text[ID_TEXT_SIZE], name[16];

	withdraw(f);
	f->patient = world_id(&f->w);
	id_format(&f->patient, text);
	assert_int_equal(world_sql(f->t, "INSERT INTO patient(id, name) VALUES ('%s', 'Bea')", text), SQLITE_OK);
	write_item(f, "call");
	assert_int_equal(sync_once(f).applied.held, 2);
	assert_false(world_value(&f->w, "patient", &f->patient, "name", name, sizeof name));
	assert_int_equal(findings(f), 0);
}

/* Whether a guess comes out right would tell what stands: each is answered "send whole". */
static void a_brief_of_a_withdrawn_tablet_is_not_made_whole_and_comes_again_whole(void **state)
{
	struct fixture *f = *state;
	char text[ID_TEXT_SIZE];
	struct sync_report report;
	bool asked = false;

	id_format(&f->patient, text);
	withdraw(f);
	assert_int_equal(world_sql(f->t, "UPDATE patient SET name='Ada B' WHERE id='%s'", text), SQLITE_OK);
	report = sync_once(f);
	asked = report.applied.notices[NOTICE_SEND_WHOLE];
	if (asked)
		report = sync_once(f);
	assert_true(asked);
	assert_int_equal(report.applied.held, 1);
}

/* --- who may do what ------------------------------------------------------------------ */

static void what_is_so_already_is_refused_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	assert_int_equal(act_on(f, access_allow, f->t->device), ST_REFUSED);
	assert_int_equal(act_on(f, access_withdraw, 99), ST_NOT_FOUND);
	withdraw(f);
	seq = world_seq(&f->w);
	assert_int_equal(act_on(f, access_withdraw, f->t->device), ST_REFUSED);
	assert_int_equal(world_seq(&f->w), seq);
	assert_int_equal(findings(f), 0);
}

static enum status account_act(struct fixture *f, bool disable, const char *login, const struct id *by)
{
	const struct access_reason reason = { .why = "", .by = by };
	struct centre_act act;
	struct failure why = { 0 };
	enum status st;

	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	st = disable ? access_disable(&act, login, &reason, &why) : access_enable(&act, login, &reason, &why);
	if (st == ST_OK)
		return centre_act_commit(&act);
	centre_act_abort(&act);
	return st;
}

static void a_disabled_account_has_no_tablet_in_use_and_gets_no_code(void **state)
{
	struct fixture *f = *state;
	const struct digest identity = { { 1 } };
	struct enrol_code code;
	struct failure why = { 0 };

	assert_int_equal(account_act(f, true, "tablet-0", &f->t->worker), ST_REFUSED);
	assert_int_equal(account_act(f, true, "nobody", NULL), ST_NOT_FOUND);
	assert_int_equal(account_act(f, true, "tablet-0", NULL), ST_OK);
	assert_int_equal(account_act(f, true, "tablet-0", NULL), ST_REFUSED);
	assert_int_equal(centre_code_new(&f->w.centre, "tablet-0", 60000, &identity, &code, &why), ST_NOT_FOUND);
	write_item(f, "call");
	assert_int_equal(sync_once(f).applied.held, 1);
	assert_int_equal(act_on(f, access_allow, f->t->device), ST_REFUSED);
	assert_int_equal(account_act(f, false, "tablet-0", NULL), ST_OK);
	write_item(f, "call again");
	assert_int_equal(sync_once(f).applied.held, 1);
	assert_int_equal(act_on(f, access_allow, f->t->device), ST_OK);
	assert_int_equal(findings(f), 0);
}

static void history_says_who_withdrew_it_when_and_why(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->w.centre.store;
	struct access_event event;
	struct arena arena;

	arena_init(&arena, 65536);
	assert_int_equal(access_last(store, &f->t->worker, f->t->device, &arena, &event), ST_NOT_FOUND);
	withdraw(f);
	assert_int_equal(access_last(store, &f->t->worker, f->t->device, &arena, &event), ST_OK);
	assert_int_equal(event.what, ACCESS_WITHDRAWN);
	assert_string_equal(event.why, "lost on the bus");
	assert_int_equal(event.at_ms, f->w.now_ms);
	assert_true(id_is_zero(&event.by) && event.seq == world_seq(&f->w));
	assert_int_equal(access_last(store, &f->t->worker, 0, &arena, &event), ST_NOT_FOUND);
	arena_close(&arena);
}

static void a_tablet_let_in_behind_historys_back_is_found(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->w.centre.store;
	struct account account;
	struct device device;

	withdraw(f);
	assert_int_equal(store->ops->begin_write(store), ST_OK);
	assert_int_equal(store->ops->device_get(store, f->t->device, &device), ST_OK);
	device.revoked = false;
	device.health.version = device.version;
	assert_int_equal(store->ops->device_put(store, &device), ST_OK);
	assert_int_equal(store->ops->account_by_login(store, "tablet-1", &account), ST_OK);
	account.active = false;
	assert_int_equal(store->ops->account_put(store, &account), ST_OK);
	assert_int_equal(store->ops->commit(store), ST_OK);
	assert_int_equal(findings(f), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_withdrawn_tablet_gets_no_news_and_its_changes_are_held),
		TEST(one_withdrawn_while_its_request_is_under_way_gets_no_news_either),
		TEST(the_tablet_shows_that_what_it_sent_was_received_and_waits),
		TEST(let_in_again_it_goes_on_where_it_was_and_an_accepted_change_stands),
		TEST(a_change_given_back_meanwhile_shows_what_stands_once_the_tablet_is_let_in),
		TEST(what_stands_instead_is_told_once_the_tablet_is_let_in),
		TEST(an_answer_that_was_made_before_the_withdrawal_does_not_leave_after_it),
		TEST(a_patient_made_on_a_withdrawn_tablet_is_held_and_nobodys_until_it_is_accepted),
		TEST(a_brief_of_a_withdrawn_tablet_is_not_made_whole_and_comes_again_whole),
		TEST(what_is_so_already_is_refused_and_leaves_nothing),
		TEST(a_disabled_account_has_no_tablet_in_use_and_gets_no_code),
		TEST(history_says_who_withdrew_it_when_and_why),
		TEST(a_tablet_let_in_behind_historys_back_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
