/* Requests that arrived together: one transaction, a savepoint each, signed after COMMIT. */
#include "daemon/centre.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/series.h"
#include "daemon/term.h"
#include "daemon/whole.h"
#include "proto/limits.h"

#define SCRATCH_MAX ((size_t)64 * 1024 * 1024)
/* Outcomes of one answer, in msgpack objects: beside a full page of records they stay within LIMIT_ITEMS_MAX. */
#define OUTCOME_ITEMS_MAX 20000
/* A message up to here fits its envelope however badly it compresses. */
#define REPLY_FITS (LIMIT_BODY_MAX - ENVELOPE_ANSWER_FULL_SIZE - 4096)

struct batch {
	struct centre *centre;
	struct chain chain;
	struct arena scratch; /* one change at a time */
	struct intake in;
	struct series_room series_room;
};

/* How the request's counter stands to the highest one seen. */
enum counter_use {
	COUNTER_FRESH,
	COUNTER_AGAIN, /* the same request once more */
	COUNTER_USED   /* lower, or the same with other bytes */
};

/* One request while it is answered. */
struct turn {
	struct batch *batch;
	struct centre_request *r;
	struct device device;
	enum counter_use use;
	const struct schema *theirs;
	struct outcome *outcomes;
	struct taken *taken;
	size_t outcome_count, taken_count;
	struct answer answer;
	size_t outcome_items; /* msgpack objects of the outcomes so far */
	struct cursor cursor; /* as the request brought it */
	bool cursor_is_ours;
	bool bare;            /* outcomes only: what else there is can't be sent */
};

static void notice(struct turn *t, enum notice code)
{
	for (size_t i = 0; i < t->answer.notice_count; i++)
		if (t->answer.notices[i] == code)
			return;
	assert(t->answer.notice_count < sizeof t->answer.notices / sizeof t->answer.notices[0]);
	t->answer.notices[t->answer.notice_count++] = code;
}

static void send_from(struct turn *t, uint64_t n)
{
	notice(t, NOTICE_SEND_FROM);
	if (t->answer.send_from == 0 || n < t->answer.send_from)
		t->answer.send_from = n;
}

/* --- who asks ------------------------------------------------------------------- */

static enum status find_theirs(struct turn *t)
{
	const struct centre *centre = t->batch->centre;
	uint16_t version = t->r->request.schema_version;

	t->theirs = version >= centre->schema->version ? centre->schema : NULL;
	for (size_t i = 0; i < centre->older_count && t->theirs == NULL; i++)
		if (centre->older[i]->version == version)
			t->theirs = centre->older[i];
	if (version > centre->schema->version)
		notice(t, NOTICE_VERSION);
	return t->theirs != NULL ? ST_OK : ST_UNKNOWN;
}

static enum status admit(struct turn *t)
{
	struct centre_request *r = t->r;
	struct store *store = t->batch->centre->store;
	struct digest digest;
	enum status st = store->ops->device_get(store, r->head.device, &t->device);

	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_FORGED : st;
	if (t->device.revoked)
		notice(t, NOTICE_WITHDRAWN); /* perhaps since it was prepared */
	t->r->withdrawn = t->device.revoked;
	env_crash_point(t->batch->centre->env, "B06 authorized");
	envelope_request_digest(&digest, r->bytes, r->len);
	r->receipt = (struct receipt){ .device = r->head.device, .counter = r->head.counter, .request = digest };
	if (r->head.counter > t->device.counter)
		t->use = COUNTER_FRESH;
	else if (r->head.counter == t->device.counter && digest_equal(&digest, &t->device.request))
		t->use = COUNTER_AGAIN;
	else
		t->use = COUNTER_USED;
	if (t->use == COUNTER_USED) {
		notice(t, NOTICE_COUNTER);
		env_log(t->batch->centre->env, LOG_WARNING, "centre", "counter-used",
			"device=%" PRIu32 " counter=%" PRIu64 " seen=%" PRIu64, r->head.device, r->head.counter,
			t->device.counter);
	}
	return find_theirs(t);
}

/* --- what it brings --------------------------------------------------------------- */

/* Does the outcome say that all stands as it was sent? */
static bool stands_as_sent(const struct outcome *outcome)
{
	bool stands = outcome->result == OUTCOME_ACCEPTED || outcome->result == OUTCOME_JUDGED;

	for (size_t i = 0; i < outcome->group_count; i++)
		stands = stands && outcome->groups[i].verdict == GROUP_ACCEPTED;
	return stands;
}

/* A withdrawn tablet is not told what stands instead of its own: until it is in use again it hears only that the change was
 * received, as one that is held, and asks after it. */
static struct outcome told_outcome(const struct turn *t, const struct outcome *outcome)
{
	if (!t->device.revoked || outcome->result == OUTCOME_HELD || stands_as_sent(outcome))
		return *outcome;
	return (struct outcome){ .n = outcome->n, .seq = outcome->seq, .result = OUTCOME_HELD, .reason = HELD_WITHDRAWN };
}

/* The outcome's groups live in the scratch arena: keep them for the answer. */
static enum status keep_outcome(struct turn *t, const struct outcome *judged, const struct taken *taken)
{
	const struct outcome told = told_outcome(t, judged), *outcome = &told;
	struct outcome *kept = &t->outcomes[t->outcome_count];

	*kept = *outcome;
	if (outcome->group_count > 0) {
		size_t size = outcome->group_count * sizeof *outcome->groups;
		struct outcome_group *groups = arena_alloc(&t->r->arena, size);

		if (groups == NULL)
			return ST_NOMEM;
		memcpy(groups, outcome->groups, size);
		kept->groups = groups;
	}
	t->outcome_items += 6 + 2 * outcome->group_count;
	t->outcome_count++;
	t->taken[t->taken_count++] = *taken;
	return ST_OK;
}

static enum status take_changes(struct turn *t, const struct intake_source *source)
{
	struct batch *b = t->batch;
	bool known = false;
	enum status st = whole_changes(&b->in, &t->device, &t->r->request, &t->r->arena, &known);

	if (st != ST_OK)
		return st;
	if (!known) {
		notice(t, NOTICE_SEND_WHOLE);
		return ST_OK;
	}
	for (size_t i = 0; i < t->r->request.change_count && st == ST_OK; i++) {
		const struct request_change *change = &t->r->request.changes[i];
		struct outcome outcome = { 0 };
		struct taken taken = { 0 };
		struct digest digest;

		if (change->n > t->device.last_n + 1) {
			send_from(t, t->device.last_n + 1);
			break;
		}
		/* What is not taken has no outcome, so it comes again. */
		if (t->outcome_items >= OUTCOME_ITEMS_MAX)
			break;
		arena_reset(&b->scratch);
		st = intake_take(&b->in, source, change->n, change->body.data, change->body.len, &outcome, &taken);
		if (st == ST_OK)
			st = keep_outcome(t, &outcome, &taken);
		if (st != ST_OK || change->n <= t->device.last_n)
			continue;
		change_digest(&digest, change->body.data, change->body.len);
		change_run(&t->device.run, change->n, &digest);
		t->device.last_n = change->n;
	}
	return st;
}

static enum status answer_held(struct turn *t, const struct intake_source *source)
{
	struct batch *b = t->batch;
	enum status st = ST_OK;

	for (size_t i = 0; i < t->r->request.held_count && st == ST_OK && t->outcome_items < OUTCOME_ITEMS_MAX; i++) {
		const struct request_held *held = &t->r->request.held[i];
		struct outcome outcome = { 0 };
		struct taken taken = { 0 };

		arena_reset(&b->scratch);
		st = intake_held(&b->in, source, held->n, held->digest, &outcome, &taken);
		if (st == ST_OK)
			st = keep_outcome(t, &outcome, &taken);
		if (st != ST_NOT_FOUND)
			continue;
		send_from(t, held->n);
		st = ST_OK;
	}
	return st;
}

static int compare_outcomes(const void *a, const void *b)
{
	const struct outcome *left = a, *right = b;

	return (left->n > right->n) - (left->n < right->n);
}

static enum status take(struct turn *t)
{
	const struct request *request = &t->r->request;
	const struct intake_source source = { .device = t->device.device, .author = t->device.worker,
					      .clock = request->clock, .received_ms = t->r->received_ms,
					      .withdrawn = t->device.revoked };
	size_t room = request->change_count + request->held_count + 1;
	enum status st;

	t->outcomes = arena_alloc(&t->r->arena, room * sizeof *t->outcomes);
	t->taken = arena_alloc(&t->r->arena, room * sizeof *t->taken);
	if (t->outcomes == NULL || t->taken == NULL)
		return ST_NOMEM;
	st = take_changes(t, &source);
	/* After the changes: one of them may be what a held one waited for. */
	if (st == ST_OK && t->use != COUNTER_USED)
		st = answer_held(t, &source);
	qsort(t->outcomes, t->outcome_count, sizeof *t->outcomes, compare_outcomes);
	return st;
}

/* --- what it is answered ----------------------------------------------------------- */

static enum status read_cursor(struct turn *t)
{
	const struct bytes *bytes = &t->r->request.cursor;
	enum status st = cursor_decode(bytes->data, bytes->len, t->device.device, t->batch->centre->seal.bytes,
				       &t->r->arena, &t->cursor);

	t->cursor_is_ours = st == ST_OK;
	if (st != ST_FORGED)
		return st;
	notice(t, NOTICE_CURSOR);
	env_log(t->batch->centre->env, LOG_WARNING, "centre", "cursor-refused", "device=%" PRIu32, t->device.device);
	return ST_OK;
}

/* The next cursor goes into the answer, where it is another one. */
static enum status write_cursor(struct turn *t, const struct cursor *cursor)
{
	struct buf buf;
	void *copy;
	enum status st;

	buf_init(&buf, LIMIT_CURSOR_MAX);
	st = cursor_encode(&buf, cursor, t->device.device, t->batch->centre->seal.bytes);
	if (st == ST_OK && (buf.len != t->r->request.cursor.len ||
			    memcmp(buf.data, t->r->request.cursor.data, buf.len) != 0)) {
		copy = arena_copy(&t->r->arena, buf.data, buf.len);
		t->answer.cursor = (struct bytes){ copy, buf.len };
		st = copy != NULL ? ST_OK : ST_NOMEM;
	}
	buf_close(&buf);
	return st;
}

static enum status feed(struct turn *t, const struct feed_case *feed_case, struct buf *records, size_t *count_out)
{
	struct cursor cursor = t->cursor;
	enum status st = ST_STEP_BACK;

	if (t->use == COUNTER_FRESH && t->cursor_is_ours) {
		st = feed_page(feed_case, &cursor, &t->answer, records, count_out);
		if (st == ST_OK)
			return write_cursor(t, &cursor);
		if (st != ST_STEP_BACK)
			return st;
		env_log(t->batch->centre->env, LOG_ERROR, "centre", "cursor-ahead",
			"device=%" PRIu32 " position=%" PRIu64 " seq=%" PRIu64, t->device.device, cursor.position,
			feed_case->now_seq);
	}
	return feed_standing(feed_case, &cursor, &t->answer, records, count_out);
}

/* Does the message fit an envelope? Most are too small to need a try. */
static enum status reply_fits(struct turn *t, bool *fits_out)
{
	struct receipt receipt = t->r->receipt;
	struct buf envelope;
	enum status st = ST_OK;

	*fits_out = true;
	if (t->r->reply.len <= REPLY_FITS)
		return ST_OK;
	buf_init(&envelope, LIMIT_BODY_MAX);
	st = envelope_seal_answer(&envelope, t->batch->centre->deflater, &receipt, &t->batch->centre->key,
				  t->r->reply.data, t->r->reply.len);
	buf_close(&envelope);
	*fits_out = st != ST_LIMIT;
	return st == ST_LIMIT ? ST_OK : st;
}

static enum status write_reply(struct turn *t, uint32_t budget)
{
	const struct centre *centre = t->batch->centre;
	const struct answer blank = t->answer;
	struct feed_case feed_case = { .store = centre->store, .schema = centre->schema, .theirs = t->theirs,
				       .arena = &t->r->arena, .worker = t->device.worker,
				       .now_seq = t->batch->chain.seq, .now_ms = t->batch->in.now_ms, .budget = budget,
				       .records_max = centre->records_max, .taken = t->taken,
				       .taken_count = t->taken_count };
	struct buf records;
	size_t count = 0;
	enum status st = ST_OK;

	buf_init(&records, FEED_RECORDS_SIZE_MAX);
	if (t->use != COUNTER_USED) {
		t->answer.outcomes = t->outcomes;
		t->answer.outcome_count = t->outcome_count;
		st = t->bare || t->device.revoked ? ST_OK : feed(t, &feed_case, &records, &count);
	}
	buf_reset(&t->r->reply);
	if (st == ST_OK)
		st = answer_encode(&t->r->reply, &t->answer, &records, count);
	buf_close(&records);
	t->answer = blank;
	return st;
}

/* A page that is too large is tried with half the budget, down to one record. Where not even that fits (a record larger
 * than an envelope, more patients to fill than a cursor holds) the cursor stays and only the outcomes go: what can't
 * be fed must not keep what the tablet brings from being taken. */
static enum status reply(struct turn *t)
{
	uint32_t budget = t->r->request.budget != 0 ? t->r->request.budget : LIMIT_BUDGET_DEFAULT;
	bool fits = false;
	enum status st = ST_OK;

	t->answer.received_ms = t->r->received_ms;
	t->answer.sent_ms = t->batch->centre->env->wall_ms(t->batch->centre->env->ctx);
	t->answer.base_seq = t->batch->chain.seq;
	while (st == ST_OK && !fits) {
		st = write_reply(t, budget);
		if (st == ST_OK)
			st = reply_fits(t, &fits);
		if (fits || (st != ST_OK && st != ST_LIMIT))
			break;
		if (t->bare)
			return ST_LIMIT;
		st = ST_OK;
		t->bare = budget <= LIMIT_BUDGET_MIN;
		budget = budget / 2 > LIMIT_BUDGET_MIN ? budget / 2 : LIMIT_BUDGET_MIN;
	}
	if (st == ST_OK && t->bare)
		env_log(t->batch->centre->env, LOG_ERROR, "centre", "page-too-large", "device=%" PRIu32,
			t->device.device);
	return st;
}

/* As much of the program's version as there is room for, whole characters only. */
static void keep_version(struct device *device, const char *version)
{
	size_t len = strnlen(version, sizeof device->version);

	if (len == sizeof device->version)
		for (len--; len > 0 && ((unsigned char)version[len] & 0xC0) == 0x80; len--)
			;
	memcpy(device->version, version, len);
	device->version[len] = '\0';
}

/* What a request tells of its tablet's clock. One that tells nothing leaves what was known. */
static void keep_clock(struct device *device, const struct clock_now *now, int64_t received_ms)
{
	if (!now->measured)
		return;
	device->clock_known = true;
	device->clock_off_ms = clock_offset_at(now, received_ms);
}

static enum status keep_device(struct turn *t)
{
	struct store *store = t->batch->centre->store;
	const struct centre_request *r = t->r;
	struct device *device = &t->device;

	device->seen_ms = r->received_ms;
	if (t->use == COUNTER_FRESH) {
		device->counter = r->head.counter;
		device->request = r->receipt.request;
		device->schema_version = r->request.schema_version;
		keep_version(device, r->request.health.version);
		device->health = r->request.health;
		keep_clock(device, &r->request.clock, r->received_ms);
	}
	device->health.version = device->version;
	return store->ops->device_put(store, device);
}

/* --- the batch ---------------------------------------------------------------------- */

static enum status answer_one(struct batch *b, struct centre_request *r)
{
	struct turn t = { .batch = b, .r = r };
	enum status st = admit(&t);

	if (st == ST_OK)
		st = read_cursor(&t);
	if (st == ST_OK)
		st = take(&t);
	if (st == ST_OK)
		st = reply(&t);
	if (st == ST_OK)
		st = keep_device(&t);
	r->receipt.last_n = t.device.last_n;
	r->receipt.run = t.device.run;
	/* The reply's sequences are differences to this one, whatever the rest of the batch adds. */
	r->receipt.seq = b->chain.seq;
	r->receipt.chain = b->chain.head;
	return st;
}

static void fail(struct centre_request *r, enum status st)
{
	r->status = centre_trouble(&r->why, st);
}

static void answer_in_savepoint(struct batch *b, struct centre_request *r)
{
	struct store *store = b->centre->store;
	const struct chain_mark mark = chain_mark(&b->chain);
	enum status st = store->ops->savepoint(store);

	if (st == ST_OK) {
		st = answer_one(b, r);
		if (st == ST_OK)
			st = store->ops->release(store);
		if (st != ST_OK) {
			store->ops->rollback_to(store);
			chain_back(&b->chain, &mark);
		}
	}
	if (st == ST_OK)
		return;
	env_log(b->centre->env, LOG_ERROR, "centre", "request-failed", "device=%" PRIu32 " status=%s", r->head.device,
		status_name(st));
	fail(r, st);
}

/* Sign and seal what was committed. */
static void seal_one(struct batch *b, struct centre_request *r)
{
	const struct request *request = &r->request;
	enum status st;

	r->receipt.known = request->expects && memcmp(request->expected_run, r->receipt.run.bytes,
						      sizeof request->expected_run) == 0;
	buf_reset(&r->answer);
	st = envelope_seal_answer(&r->answer, b->centre->deflater, &r->receipt, &b->centre->key, r->reply.data,
				  r->reply.len);
	if (st != ST_OK)
		fail(r, st);
	env_crash_point(b->centre->env, "B15 half response");
}

static enum status run_batch(struct batch *b, struct centre_request *const *requests, size_t count)
{
	struct centre *centre = b->centre;
	struct store *store = centre->store;
	enum status st = store->ops->begin_write(store);

	if (st != ST_OK)
		return st;
	env_crash_point(centre->env, "B07 begin");
	b->in.now_ms = centre->env->wall_ms(centre->env->ctx);
	st = chain_begin(&b->chain, store);
	if (st == ST_OK)
		st = terms_settle(&b->in);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		if (requests[i]->status == ST_OK)
			answer_in_savepoint(b, requests[i]);
	if (st == ST_OK) {
		env_crash_point(centre->env, "B23 audit anchor");
		st = chain_end(&b->chain, &centre->key);
	}
	if (st != ST_OK) {
		store->ops->rollback(store);
		return st;
	}
	env_crash_point(centre->env, "B13 before commit");
	st = store->ops->commit(store);
	if (st == ST_OK)
		env_crash_point(centre->env, "B14 after commit");
	return st;
}

void centre_batch(struct centre *centre, struct centre_request *const *requests, size_t count)
{
	struct batch b = { .centre = centre, .series_room = { .left = SERIES_ROOM } };
	size_t ready = 0;
	enum status st;

	assert(!centre->alone || count <= 1);
	for (size_t i = 0; i < count; i++)
		ready += requests[i]->status == ST_OK;
	if (ready == 0)
		return;
	arena_init(&b.scratch, SCRATCH_MAX);
	b.in = (struct intake){ .store = centre->store, .chain = &b.chain, .schema = centre->schema,
				.env = centre->env, .arena = &b.scratch, .series_room = &b.series_room };
	st = run_batch(&b, requests, count);
	if (st == ST_OK && b.series_room.more && centre->renew != NULL)
		centre->renew(centre->renew_ctx);
	if (st != ST_OK)
		env_log(centre->env, LOG_ERROR, "centre", "batch-failed", "requests=%zu status=%s", ready, status_name(st));
	for (size_t i = 0; i < count; i++) {
		if (requests[i]->status != ST_OK)
			continue;
		if (st == ST_OK)
			seal_one(&b, requests[i]);
		else
			fail(requests[i], st);
	}
	chain_close(&b.chain);
	arena_close(&b.scratch);
}
