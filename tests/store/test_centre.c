#include "daemon/centre.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/support/vfs_count.h"
#include "tests/support/world.h"

#define MANY 50

struct fixture {
	struct schema schema;
	struct world w;
};

static struct fixture *begin(size_t tablets)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	schema_init(&f->schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&f->w, &f->schema, NULL, NULL, tablets, 7);
	return f;
}

static void end(struct fixture *f)
{
	world_close(&f->w);
	free(f);
}

/* An item written on a tablet, with this title; its patient is made there too. */
static void write_item(struct world_tablet *t, const struct id *patient, const char *title)
{
	char id[ID_TEXT_SIZE], item[ID_TEXT_SIZE];
	struct id item_id = world_id(t->node.world);

	id_format(patient, id);
	id_format(&item_id, item);
	assert_int_equal(world_sql(t, "INSERT OR IGNORE INTO patient(id, name) VALUES ('%s', 'Ada')", id), SQLITE_OK);
	assert_int_equal(world_sql(t, "INSERT INTO item(id, patient, title) VALUES ('%s', '%s', '%s')", item, id, title),
			 SQLITE_OK);
}

struct opened {
	struct receipt receipt;
	struct answer answer;
	struct buf message;
	struct arena arena;
};

/* Read the answer to the request as its tablet would. */
static void open_answer(struct opened *o, struct world *w, const struct buf *request, const struct buf *answer)
{
	struct store *store = w->centre.store;
	struct envelope_head head;
	struct device device;

	memset(o, 0, sizeof *o);
	buf_init(&o->message, LIMIT_INFLATED_MAX);
	arena_init(&o->arena, LIMIT_INFLATED_MAX);
	assert_int_equal(envelope_peek_request(request->data, request->len, &head), ST_OK);
	o->receipt.device = head.device;
	o->receipt.counter = head.counter;
	/* A tablet that knows these two is not told them. */
	assert_int_equal(store->ops->begin_read(store), ST_OK);
	assert_int_equal(store->ops->device_get(store, head.device, &device), ST_OK);
	store->ops->rollback(store);
	o->receipt.last_n = device.last_n;
	o->receipt.run = device.run;
	envelope_request_digest(&o->receipt.request, request->data, request->len);
	assert_int_equal(envelope_open_answer(answer->data, answer->len, w->centre.key.public, &o->receipt, &o->message),
			 ST_OK);
	assert_int_equal(answer_decode(o->message.data, o->message.len, o->receipt.seq, &o->arena, &o->answer), ST_OK);
}

static void close_answer(struct opened *o)
{
	buf_close(&o->message);
	arena_close(&o->arena);
}

static void ask(struct opened *o, struct world *w, const struct buf *request)
{
	struct buf answer;

	buf_init(&answer, LIMIT_BODY_MAX);
	assert_int_equal(world_ask(w, request, &answer), ST_OK);
	open_answer(o, w, request, &answer);
	buf_close(&answer);
}

/* A request made by hand: this counter, these changes. */
static void forge(struct world_tablet *t, uint64_t counter, const struct request *request, struct buf *out)
{
	const struct envelope_head head = { t->device, counter };
	struct buf message;

	buf_init(&message, LIMIT_INFLATED_MAX);
	buf_init(out, LIMIT_BODY_MAX);
	assert_int_equal(request_encode(&message, request), ST_OK);
	assert_int_equal(envelope_seal_request(out, t->sync.deflater, &head, &t->sync.key, message.data, message.len), ST_OK);
	buf_close(&message);
}

static bool has_notice(const struct answer *answer, enum notice notice)
{
	for (size_t i = 0; i < answer->notice_count; i++)
		if (answer->notices[i] == notice)
			return true;
	return false;
}

/* --- one request ------------------------------------------------------------------ */

static void a_change_stands_at_the_centre_after_one_exchange(void **state)
{
	struct fixture *f = begin(1);
	struct id patient = world_id(&f->w);
	struct sync_report report = { 0 };
	char name[64];

	(void)state;
	write_item(&f->w.tablets[0], &patient, "call");
	assert_false(world_exchange(&f->w.tablets[0], &report));
	assert_int_equal(report.applied.accepted, 2);
	assert_true(world_value(&f->w, "patient", &patient, "name", name, sizeof name));
	assert_string_equal(name, "Ada");
	end(f);
}

static void a_receipt_covers_what_was_received(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	struct id patient = world_id(&f->w);
	struct device device;
	struct opened o;

	(void)state;
	write_item(t, &patient, "call");
	world_build(t);
	ask(&o, &f->w, &t->request);
	assert_int_equal(o.receipt.last_n, 2);
	assert_int_equal(o.receipt.seq, world_seq(&f->w));
	assert_true(receipt_verify(&o.receipt, f->w.centre.key.public));
	assert_int_equal(f->w.centre.store->ops->begin_read(f->w.centre.store), ST_OK);
	assert_int_equal(f->w.centre.store->ops->device_get(f->w.centre.store, t->device, &device), ST_OK);
	f->w.centre.store->ops->rollback(f->w.centre.store);
	assert_memory_equal(&device.run, &o.receipt.run, sizeof device.run);
	assert_int_equal(device.last_n, 2);
	close_answer(&o);
	end(f);
}

static void the_same_request_twice_has_one_effect_and_the_same_outcomes_but_no_news(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	struct id patient = world_id(&f->w);
	struct opened first, second;
	uint64_t seq;

	(void)state;
	write_item(t, &patient, "call");
	world_build(t);
	ask(&first, &f->w, &t->request);
	seq = world_seq(&f->w);
	ask(&second, &f->w, &t->request);
	assert_int_equal(world_seq(&f->w), seq);
	assert_int_equal(second.answer.outcome_count, 2);
	assert_int_equal(first.answer.outcome_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(second.answer.outcomes[i].n, first.answer.outcomes[i].n);
		assert_int_equal(second.answer.outcomes[i].seq, first.answer.outcomes[i].seq);
		assert_int_equal(second.answer.outcomes[i].result, first.answer.outcomes[i].result);
	}
	assert_true(first.answer.cursor.len > 0);
	assert_int_equal(second.answer.cursor.len, 0);
	assert_int_equal(second.answer.filling_count, 0);
	close_answer(&first);
	close_answer(&second);
	end(f);
}

static void a_counter_used_before_gets_neither_news_nor_outcomes_and_its_changes_count(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	struct id patient = world_id(&f->w);
	struct opened o;
	struct buf late, newer;
	char name[64];

	(void)state;
	write_item(t, &patient, "call");
	world_build(t);
	buf_init(&late, LIMIT_BODY_MAX);
	buf_add(&late, t->request.data, t->request.len);
	/* The next request overtakes it, but brings nothing that the centre could take: its numbers begin at 1. */
	forge(t, 40, &(struct request){ .schema_version = 1, .health = { .version = "0", .battery_percent = -1 } }, &newer);
	ask(&o, &f->w, &newer);
	buf_close(&newer);
	close_answer(&o);
	ask(&o, &f->w, &late);
	assert_true(has_notice(&o.answer, NOTICE_COUNTER));
	assert_int_equal(o.answer.outcome_count, 0);
	assert_int_equal(o.answer.record_count, 0);
	assert_int_equal(o.answer.cursor.len, 0);
	assert_int_equal(o.receipt.last_n, 2);
	assert_true(world_value(&f->w, "patient", &patient, "name", name, sizeof name));
	close_answer(&o);
	buf_close(&late);
	end(f);
}

static void a_gap_in_the_numbers_ends_the_taking_and_says_where_to_go_on(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	const struct request_change change = { .n = 3, .body = { "\x80", 1 } };
	const struct request request = { .schema_version = 1, .changes = &change, .change_count = 1,
					 .health = { .version = "0", .battery_percent = -1 } };
	uint64_t seq = world_seq(&f->w);
	struct opened o;
	struct buf bytes;

	(void)state;
	forge(t, 5, &request, &bytes);
	ask(&o, &f->w, &bytes);
	assert_true(has_notice(&o.answer, NOTICE_SEND_FROM));
	assert_int_equal(o.answer.send_from, 1);
	assert_int_equal(o.receipt.last_n, 0);
	assert_int_equal(world_seq(&f->w), seq);
	close_answer(&o);
	buf_close(&bytes);
	end(f);
}

static void a_caseload_too_large_to_be_fed_does_not_keep_changes_from_being_taken(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	struct store *store = f->w.centre.store;
	struct id patient = world_id(&f->w);
	struct opened o;

	(void)state;
	assert_int_equal(store->ops->begin_write(store), ST_OK);
	for (size_t i = 0; i <= CURSOR_FILLS_MAX; i++) {
		struct id other = world_id(&f->w);

		assert_int_equal(store->ops->member_open(store, &t->worker, &other, 1), ST_OK);
	}
	assert_int_equal(store->ops->commit(store), ST_OK);
	write_item(t, &patient, "call");
	world_build(t);
	ask(&o, &f->w, &t->request);
	assert_int_equal(o.answer.outcome_count, 2);
	assert_int_equal(o.answer.outcomes[1].result, OUTCOME_ACCEPTED);
	assert_int_equal(o.answer.record_count, 0);
	assert_int_equal(o.answer.cursor.len, 0);
	close_answer(&o);
	end(f);
}

static void a_cursor_of_another_tablet_gives_no_news_and_is_refused(void **state)
{
	struct fixture *f = begin(2);
	struct id patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	struct request request = { .schema_version = 1, .health = { .version = "0", .battery_percent = -1 } };
	struct opened theirs, o;
	struct buf bytes;

	(void)state;
	world_assign(&f->w, 0, &patient);
	world_assign(&f->w, 1, &patient);
	world_build(&f->w.tablets[0]);
	ask(&theirs, &f->w, &f->w.tablets[0].request);
	assert_true(theirs.answer.record_count > 0);
	request.cursor = theirs.answer.cursor;
	forge(&f->w.tablets[1], 1, &request, &bytes);
	ask(&o, &f->w, &bytes);
	assert_true(has_notice(&o.answer, NOTICE_CURSOR));
	assert_int_equal(o.answer.record_count, 0);
	close_answer(&theirs);
	close_answer(&o);
	buf_close(&bytes);
	end(f);
}

static void a_cursor_ahead_of_the_centre_gives_no_news_and_changes_still_count(void **state)
{
	struct fixture *f = begin(1);
	struct world_tablet *t = &f->w.tablets[0];
	const struct cursor ahead = { .schema_version = 1, .complete = world_seq(&f->w) + 9,
				      .position = world_seq(&f->w) + 9, .scope = world_seq(&f->w) + 9 };
	struct request request = { .schema_version = 1, .health = { .version = "0", .battery_percent = -1 } };
	const struct request_change change = { .n = 1, .body = { "\x80", 1 } }; /* no change at all: held as it came */
	struct opened o;
	struct buf bytes, cursor;

	(void)state;
	buf_init(&cursor, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_encode(&cursor, &ahead, t->device, f->w.centre.seal.bytes), ST_OK);
	request.cursor = (struct bytes){ cursor.data, cursor.len };
	request.changes = &change;
	request.change_count = 1;
	forge(t, 1, &request, &bytes);
	ask(&o, &f->w, &bytes);
	assert_int_equal(o.answer.record_count, 0);
	assert_int_equal(o.answer.cursor.len, 0);
	assert_int_equal(o.answer.outcome_count, 1);
	assert_int_equal(o.answer.outcomes[0].result, OUTCOME_HELD);
	assert_int_equal(o.receipt.last_n, 1);
	close_answer(&o);
	buf_close(&bytes);
	buf_close(&cursor);
	end(f);
}

static void an_unknown_tablet_and_a_wrong_signature_are_told_the_same(void **state)
{
	struct fixture *f = begin(2);
	const struct request request = { .schema_version = 1, .health = { .version = "0", .battery_percent = -1 } };
	struct world_tablet *t = &f->w.tablets[0];
	struct centre_request r[2] = { { 0 }, { 0 } };
	struct buf bytes[2];

	(void)state;
	forge(t, 1, &request, &bytes[0]);
	bytes[0].data[20] ^= 1; /* in the signature */
	t->device = 99;
	forge(t, 1, &request, &bytes[1]);
	for (size_t i = 0; i < 2; i++) {
		r[i].bytes = bytes[i].data;
		r[i].len = bytes[i].len;
		centre_prepare(&f->w.centre, &r[i]);
		assert_int_equal(r[i].status, ST_FORGED);
		centre_request_close(&r[i]);
		buf_close(&bytes[i]);
	}
	assert_string_equal(r[0].why.what, r[1].why.what);
	assert_string_equal(r[0].why.next, r[1].why.next);
	end(f);
}

/* --- many at once -------------------------------------------------------------------- */

struct many {
	struct fixture *f;
	struct vfs_count count;
	char folder[64], path[96];
	struct id patients[MANY];
	struct centre_request requests[MANY];
	struct centre_request *list[MANY];
};

static struct many *begin_many(void)
{
	struct many *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->f = calloc(1, sizeof *m->f);
	assert_non_null(m->f);
	(void)snprintf(m->folder, sizeof m->folder, "/tmp/doorstep-test-XXXXXX");
	assert_non_null(mkdtemp(m->folder));
	(void)snprintf(m->path, sizeof m->path, "%s/agency.db", m->folder);
	vfs_count_open(&m->count);
	schema_init(&m->f->schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&m->f->w, &m->f->schema, m->path, "count", MANY, 11);
	for (size_t i = 0; i < MANY; i++) {
		struct world_tablet *t = &m->f->w.tablets[i];

		m->patients[i] = world_id(&m->f->w);
		write_item(t, &m->patients[i], "call");
		world_build(t);
		m->requests[i] = (struct centre_request){ .bytes = t->request.data, .len = t->request.len,
							  .received_ms = m->f->w.now_ms };
		buf_init(&m->requests[i].answer, LIMIT_BODY_MAX);
		centre_prepare(&m->f->w.centre, &m->requests[i]);
		assert_int_equal(m->requests[i].status, ST_OK);
		m->list[i] = &m->requests[i];
	}
	return m;
}

static void end_many(struct many *m)
{
	static const char *const names[] = { "agency.db", "agency.db-wal", "agency.db-shm" };
	char path[128];

	for (size_t i = 0; i < MANY; i++) {
		centre_request_close(&m->requests[i]);
		buf_close(&m->requests[i].answer);
	}
	world_close(&m->f->w);
	vfs_count_close(&m->count);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", m->folder, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(m->folder), 0);
	free(m->f);
	free(m);
}

/* Each answer is taken by its tablet, but for one of them; each change stands, but for that one's. */
static void check_many(struct many *m, size_t but)
{
	char name[64];

	for (size_t i = 0; i < MANY; i++) {
		struct sync_report report = { 0 };

		assert_int_equal(world_value(&m->f->w, "patient", &m->patients[i], "name", name, sizeof name), i != but);
		if (i == but)
			continue;
		assert_int_equal(m->requests[i].status, ST_OK);
		assert_int_equal(world_take(&m->f->w.tablets[i], m->requests[i].answer.data, m->requests[i].answer.len, &report),
				 ST_OK);
		assert_int_equal(report.applied.accepted, 2);
	}
}

static void fifty_pushes_at_once_cost_at_most_ten_fsyncs(void **state)
{
	struct many *m = begin_many();

	(void)state;
	m->count.syncs = 0;
	centre_batch(&m->f->w.centre, m->list, MANY);
	assert_in_range(m->count.syncs, 1, 10);
	check_many(m, MANY);
	end_many(m);
}

/* The store, but for one device whose history can't be written. */
static struct store_ops poisoned;
static const struct store_ops *healthy;
static uint32_t poisoned_device;

static enum status poisoned_device_put(struct store *s, struct device *device)
{
	enum status st = healthy->device_put(s, device);

	return st == ST_OK && device->device == poisoned_device ? ST_CORRUPT : st;
}

static void found(void *ctx, const char *place, const char *what)
{
	(void)ctx;
	print_error("%s: %s\n", place, what);
}

static void one_poisoned_request_among_fifty_leaves_forty_nine_right_and_durable(void **state)
{
	struct many *m = begin_many();
	struct verify_report report = { 0 };
	struct store *store = m->f->w.centre.store;
	struct failure why;

	(void)state;
	healthy = store->ops;
	poisoned = *store->ops;
	poisoned.device_put = poisoned_device_put;
	poisoned_device = m->f->w.tablets[17].device;
	store->ops = &poisoned;
	centre_batch(&m->f->w.centre, m->list, MANY);
	store->ops = healthy;
	assert_int_equal(m->requests[17].status, ST_CORRUPT);
	assert_int_equal(m->requests[17].answer.len, 0);
	check_many(m, 17);
	/* As another process finds it. */
	store->ops->close(store);
	assert_int_equal(store_sqlite_open(&m->f->w.centre.store, m->path, m->f->w.schema, &m->f->w.node.env, false, &why),
			 ST_OK);
	for (size_t i = 0; i < MANY; i++) {
		char name[64];

		assert_int_equal(world_value(&m->f->w, "patient", &m->patients[i], "name", name, sizeof name), i != 17);
	}
	assert_int_equal(chain_verify(m->f->w.centre.store, m->f->w.centre.key.public, found, NULL, NULL, &report), ST_OK);
	assert_int_equal(report.findings, 0);
	/* And the poisoned one is whole once the poison is gone. */
	assert_false(world_exchange(&m->f->w.tablets[17], NULL));
	end_many(m);
}

static enum status failing_commit(struct store *s)
{
	s->ops->rollback(s);
	return ST_FULL;
}

static unsigned batches_failed;

static void count_failed_batches(void *ctx, enum log_level level, const char *module, const char *event,
				 const char *fields)
{
	(void)ctx;
	(void)module;
	batches_failed += level == LOG_ERROR && strcmp(event, "batch-failed") == 0 && strstr(fields, "status=full") != NULL;
}

static void where_commit_fails_every_request_fails_and_nothing_was_changed(void **state)
{
	struct many *m = begin_many();
	struct store *store = m->f->w.centre.store;
	const struct env *quiet = m->f->w.centre.env;
	struct env telling = *quiet;
	const uint64_t seq = world_seq(&m->f->w);
	char name[64];

	(void)state;
	healthy = store->ops;
	poisoned = *store->ops;
	poisoned.commit = failing_commit;
	store->ops = &poisoned;
	batches_failed = 0;
	telling.log = count_failed_batches;
	m->f->w.centre.env = &telling;
	centre_batch(&m->f->w.centre, m->list, MANY);
	m->f->w.centre.env = quiet;
	store->ops = healthy;
	assert_int_equal(batches_failed, 1); /* the centre's people are told */
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(m->requests[i].status, ST_FULL);
		/* It is not the tablet's disk that is full. */
		assert_non_null(strstr(m->requests[i].why.what, "The centre"));
		assert_null(strstr(m->requests[i].why.next, "disk"));
		assert_int_equal(m->requests[i].answer.len, 0);
		assert_false(world_value(&m->f->w, "patient", &m->patients[i], "name", name, sizeof name));
	}
	assert_int_equal(world_seq(&m->f->w), seq);
	end_many(m);
}

/* --- enrolment, accounts ------------------------------------------------------------------ */

static enum status redeem(struct world *w, const struct enrol_code *code, uint8_t key, uint32_t *device_out,
			  struct failure *why)
{
	struct enrol_request request = { .tablet_name = "T", .version = "1" };
	struct enrol_answer answer;
	struct arena arena;
	enum status st;

	arena_init(&arena, LIMIT_FIELD_MAX);
	memcpy(request.secret, code->secret, sizeof request.secret);
	memset(request.public_key, key, sizeof request.public_key);
	st = centre_enrol(&w->centre, &request, &arena, &answer, why);
	if (st == ST_OK) {
		assert_string_equal(answer.agency, "Agency");
		assert_string_equal(answer.zone, "Europe/Zurich");
		assert_string_equal(answer.owner_login, "tablet-0");
		*device_out = answer.device;
	}
	arena_close(&arena);
	return st;
}

static void a_code_works_once_and_for_the_same_tablet_again(void **state)
{
	struct fixture *f = begin(1);
	const struct digest identity = { { 9, 8, 7 } };
	struct enrol_code code;
	struct failure why, other;
	uint32_t first = 0, again = 0;

	(void)state;
	assert_int_equal(centre_code_new(&f->w.centre, "tablet-0", 1000, &identity, &code, &why), ST_OK);
	assert_memory_equal(code.identity, identity.bytes, sizeof code.identity);
	assert_int_equal(redeem(&f->w, &code, 1, &first, &why), ST_OK);
	assert_int_equal(redeem(&f->w, &code, 2, &again, &why), ST_REFUSED);
	world_pass(&f->w, 2000);
	assert_int_equal(redeem(&f->w, &code, 1, &again, &why), ST_OK);
	assert_int_equal(first, again);
	assert_true(first > f->w.tablets[0].device);
	code.secret[0] ^= 1;
	assert_int_equal(redeem(&f->w, &code, 1, &again, &other), ST_REFUSED);
	assert_int_equal(redeem(&f->w, &code, 3, &again, &why), ST_REFUSED);
	assert_string_equal(why.what, other.what);
	end(f);
}

static void a_code_expires_and_needs_an_account(void **state)
{
	struct fixture *f = begin(1);
	const struct digest identity = { { 0 } };
	struct enrol_code code;
	struct failure why;
	uint32_t device = 0;

	(void)state;
	assert_int_equal(centre_code_new(&f->w.centre, "tablet-0", 1000, &identity, &code, &why), ST_OK);
	world_pass(&f->w, 1000);
	assert_int_equal(redeem(&f->w, &code, 1, &device, &why), ST_REFUSED);
	assert_int_equal(device, 0);
	assert_int_equal(centre_code_new(&f->w.centre, "nobody", 1000, &identity, &code, &why), ST_NOT_FOUND);
	end(f);
}

static void logins_names_and_roles_are_checked_and_a_login_is_unique(void **state)
{
	static const char *const bad[] = { "", "Ada", "a b", "a/b", "ä",
					   "0123456789012345678901234567890123456789012345678901234567890123" };
	struct fixture *f = begin(1);
	struct centre_act act;
	struct failure why;
	struct id worker;

	(void)state;
	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(centre_user_add(&act, NULL, bad[i], "Ada", "admin", &worker, &why), ST_INVALID);
	assert_int_equal(centre_user_add(&act, NULL, "ada", "", "admin", &worker, &why), ST_INVALID);
	assert_int_equal(centre_user_add(&act, NULL, "ada", "Ada", "boss", &worker, &why), ST_INVALID);
	assert_int_equal(centre_user_add(&act, NULL, "tablet-0", "Ada", "admin", &worker, &why), ST_EXISTS);
	assert_int_equal(centre_user_add(&act, NULL, "ada.b-c_1", "Ada", "supervisor", &worker, &why), ST_OK);
	assert_int_equal(centre_act_commit(&act), ST_OK);
	end(f);
}

static void an_assignment_is_made_once_and_ended_whole(void **state)
{
	struct fixture *f = begin(1);
	struct id patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	const struct id *worker = &f->w.tablets[0].worker;
	struct giving giving = { .worker = *worker, .patient = patient, .reason = "own", .starts_ms = INT64_MIN,
				 .ends_ms = TERM_NEVER };
	struct given given;
	struct centre_act act;
	struct failure why;
	size_t ended = 9;
	bool is = true;

	(void)state;
	assert_int_equal(centre_act_begin(&act, &f->w.centre), ST_OK);
	assert_int_equal(centre_assign(&act, NULL, &giving, &given, &why), ST_OK);
	assert_true(!given.was && given.is);
	assert_int_equal(centre_assign(&act, NULL, &giving, &given, &why), ST_EXISTS);
	giving.worker = patient;
	assert_int_equal(centre_assign(&act, NULL, &giving, &given, &why), ST_NOT_FOUND);
	giving.worker = giving.patient = *worker;
	assert_int_equal(centre_assign(&act, NULL, &giving, &given, &why), ST_NOT_FOUND);
	assert_int_equal(f->w.centre.store->ops->member_is(f->w.centre.store, worker, &patient, &is), ST_OK);
	assert_true(is);
	world_pass(&f->w, 5);
	act.in.now_ms += 5;
	assert_int_equal(centre_unassign(&act, NULL, worker, &patient, &ended, &why), ST_OK);
	assert_int_equal(ended, 1);
	assert_int_equal(f->w.centre.store->ops->member_is(f->w.centre.store, worker, &patient, &is), ST_OK);
	assert_false(is);
	assert_int_equal(centre_unassign(&act, NULL, worker, &patient, &ended, &why), ST_OK);
	assert_int_equal(ended, 0);
	assert_int_equal(centre_act_commit(&act), ST_OK);
	end(f);
}

static void an_agency_is_founded_once_and_each_start_is_a_new_epoch(void **state)
{
	struct fixture *f = begin(0);
	uint64_t first;

	(void)state;
	(void)world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	first = world_seq(&f->w);
	assert_int_equal(centre_found(&f->w.centre, "Other", "UTC"), ST_EXISTS);
	assert_int_equal(world_seq(&f->w), first);
	assert_int_equal(centre_start(&f->w.centre), ST_OK);
	(void)world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	assert_true(world_seq(&f->w) >> STORE_EPOCH_SHIFT > first >> STORE_EPOCH_SHIFT);
	end(f);
}

static void a_record_that_everybody_deleted_stays_deleted_where_one_made_it_again_meanwhile(void **state)
{
	struct fixture *f = begin(2);
	struct world_tablet *ann = &f->w.tablets[0], *ben = &f->w.tablets[1];
	struct id patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	struct id item = world_create(&f->w, "item", &patient, "title", "walk", NULL);
	char patient_text[ID_TEXT_SIZE], item_text[ID_TEXT_SIZE], title[64];

	(void)state;
	id_format(&patient, patient_text);
	id_format(&item, item_text);
	for (size_t i = 0; i < 2; i++)
		world_assign(&f->w, i, &patient);
	world_sync(ann);
	world_sync(ben);
	assert_int_equal(world_sql(ben, "DELETE FROM item WHERE id='%s'", item_text), SQLITE_OK);
	world_sync(ben);
	world_sync(ann);
	assert_int_equal(world_int(ann, "SELECT count(*) FROM item"), 0);
	assert_int_equal(world_sql(ann, "INSERT INTO item(id, patient, title) VALUES('%s', '%s', 'again')", item_text,
				   patient_text), SQLITE_OK);
	assert_int_equal(world_sql(ann, "DELETE FROM item WHERE id='%s'", item_text), SQLITE_OK);
	world_sync(ann);
	world_sync(ben);
	assert_false(world_value(&f->w, "item", &item, "title", title, sizeof title));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(world_int(&f->w.tablets[i], "SELECT (SELECT count(*) FROM item)+(SELECT count(*) FROM ds_dirty)"),
				 0);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_stands_at_the_centre_after_one_exchange),
		cmocka_unit_test(a_receipt_covers_what_was_received),
		cmocka_unit_test(the_same_request_twice_has_one_effect_and_the_same_outcomes_but_no_news),
		cmocka_unit_test(a_counter_used_before_gets_neither_news_nor_outcomes_and_its_changes_count),
		cmocka_unit_test(a_gap_in_the_numbers_ends_the_taking_and_says_where_to_go_on),
		cmocka_unit_test(a_caseload_too_large_to_be_fed_does_not_keep_changes_from_being_taken),
		cmocka_unit_test(a_cursor_of_another_tablet_gives_no_news_and_is_refused),
		cmocka_unit_test(a_cursor_ahead_of_the_centre_gives_no_news_and_changes_still_count),
		cmocka_unit_test(an_unknown_tablet_and_a_wrong_signature_are_told_the_same),
		cmocka_unit_test(fifty_pushes_at_once_cost_at_most_ten_fsyncs),
		cmocka_unit_test(one_poisoned_request_among_fifty_leaves_forty_nine_right_and_durable),
		cmocka_unit_test(where_commit_fails_every_request_fails_and_nothing_was_changed),
		cmocka_unit_test(a_record_that_everybody_deleted_stays_deleted_where_one_made_it_again_meanwhile),
		cmocka_unit_test(a_code_works_once_and_for_the_same_tablet_again),
		cmocka_unit_test(a_code_expires_and_needs_an_account),
		cmocka_unit_test(logins_names_and_roles_are_checked_and_a_login_is_unique),
		cmocka_unit_test(an_assignment_is_made_once_and_ended_whole),
		cmocka_unit_test(an_agency_is_founded_once_and_each_start_is_a_new_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
