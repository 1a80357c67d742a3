#include "client/sync.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "client/clocks.h"
#include "client/doorstep.h"
#include "client/journal.h"
#include "client/standing.h"
#include "proto/limits.h"
#include "proto/message.h"

/* Bodies of one request, before deflating: room is left for all the rest. */
#define BODIES_SIZE_MAX (LIMIT_INFLATED_MAX - 1024 * 1024)
#define BUILD_SIZE_MAX ((size_t)2 * LIMIT_INFLATED_MAX)
#define TAKE_SIZE_MAX ((size_t)4 * LIMIT_INFLATED_MAX)

/* As far as what people wrote is concerned it went well. */
const struct failure SYNC_UNREADABLE = {
	.status = ST_UNKNOWN,
	.what = "The centre sent something this version can't read. Everything you wrote is safe and is sent.",
	.safe = "What this tablet had from the centre is as it was.",
	.next = "Install the newer version.",
};

enum status sync_init(struct sync *s, struct replica *replica, const uint8_t seed[SEED_SIZE])
{
	*s = (struct sync){ .replica = replica };
	sign_key_from_seed(&s->key, seed);
	return deflater_new(&s->deflater);
}

void sync_close(struct sync *s)
{
	if (s == NULL)
		return;
	deflater_free(s->deflater);
	sign_key_wipe(&s->key);
	*s = (struct sync){ 0 };
}

/* --- what goes up ----------------------------------------------------------------- */

static enum status collect_changes(struct replica *r, size_t count_max, struct arena *arena, struct request *request)
{
	struct request_change *changes = arena_alloc(arena, LIMIT_CHANGES_MAX * sizeof *changes);
	size_t total = 0, count = 0;
	int64_t whole = 0;
	bool row = false;
	sqlite3_stmt *stmt = NULL;
	enum status st = changes != NULL ? replica_meta_int(r, "send_whole", &whole) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	stmt = db_prepare(&r->db, "SELECT n,body,CASE WHEN ?1 THEN NULL ELSE brief END FROM ds_journal WHERE state=0 ORDER BY n", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, whole);
	while (count < count_max && (st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		const size_t len = (size_t)sqlite3_column_bytes(stmt, 1), brief_len = (size_t)sqlite3_column_bytes(stmt, 2);
		const void *body = NULL, *brief = NULL;

		if (len > BODIES_SIZE_MAX - total)
			break;
		body = arena_copy(arena, sqlite3_column_blob(stmt, 1), len);
		brief = arena_copy(arena, brief_len > 0 ? sqlite3_column_blob(stmt, 2) : "", brief_len);
		if (body == NULL || brief == NULL) {
			st = ST_NOMEM;
			break;
		}
		total += len;
		changes[count++] = (struct request_change){ .n = (uint64_t)db_column_int(stmt, 0),
							    .body = { .data = body, .len = len },
							    .brief = { .data = brief, .len = brief_len } };
	}
	db_done(stmt);
	request->changes = changes;
	request->change_count = count;
	return st;
}

/* Held numbers go up with each request until the answer brings the decision; where there are more than one takes, the
 * next ones in turn, from the one after the last that was asked about. */
static const char HELD_IN_TURN[] = "SELECT n,digest FROM (SELECT n,digest FROM ds_journal WHERE state=1"
				   " ORDER BY n<=?1,n LIMIT ?2) ORDER BY n";

/* Which of these, in ascending order, was the last in turn? */
static uint64_t last_in_turn(const struct request_held *held, size_t count, uint64_t start)
{
	size_t wrapped = 0;

	while (wrapped < count && held[wrapped].n <= start)
		wrapped++;
	return held[(wrapped > 0 ? wrapped : count) - 1].n;
}

static enum status collect_held(struct replica *r, struct arena *arena, struct request *request)
{
	struct request_held *held = arena_alloc(arena, LIMIT_HELD_MAX * sizeof *held);
	int64_t start = 0;
	size_t count = 0;
	bool row = false;
	sqlite3_stmt *stmt = NULL;
	enum status st = held != NULL ? replica_meta_int(r, "held_asked", &start) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	stmt = db_prepare(&r->db, HELD_IN_TURN, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, start);
	(void)sqlite3_bind_int64(stmt, 2, LIMIT_HELD_MAX);
	while (count < LIMIT_HELD_MAX && (st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		const void *digest = sqlite3_column_blob(stmt, 1);

		if (digest == NULL || sqlite3_column_bytes(stmt, 1) != DIGEST_SIZE) {
			st = ST_CORRUPT;
			break;
		}
		held[count].n = (uint64_t)db_column_int(stmt, 0);
		memcpy(held[count].digest, digest, sizeof held[count].digest);
		count++;
	}
	db_done(stmt);
	request->held = held;
	request->held_count = count;
	if (st == ST_OK && count == LIMIT_HELD_MAX)
		st = replica_meta_set_int(r, "held_asked", (int64_t)last_in_turn(held, count, (uint64_t)start));
	return st;
}

static enum status read_cursor(struct replica *r, struct arena *arena, struct bytes *out)
{
	const enum status st = replica_meta_blob(r, "cursor", arena, &out->data, &out->len);

	if (st == ST_NOT_FOUND)
		*out = (struct bytes){ .data = NULL };
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status read_health(struct replica *r, const struct sync_options *options, struct health *out)
{
	struct outbox_counts counts = { 0 };
	const enum status st = journal_counts(r, &counts);

	out->pending_count = counts.dirty + counts.waiting;
	out->oldest_unsent_ms = counts.oldest_unsent_ms;
	out->free_mb = options->free_mb;
	out->battery_percent = options->battery_percent;
	out->version = DOORSTEP_VERSION;
	return st;
}

/* The number under which the next request goes: stored before any byte of it leaves.
 * Counted by one statement, so that failing to read it can't begin it anew. */
static enum status next_counter(struct replica *r, uint64_t *counter_out)
{
	enum status st = db_run_text(&r->db, "INSERT INTO ds_meta(key,value) VALUES('counter',1)"
					     " ON CONFLICT(key) DO UPDATE SET value=value+1");
	bool row = false;
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK)
		stmt = db_prepare(&r->db, "SELECT value FROM ds_meta WHERE key='counter'", &st);
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && !row)
		st = ST_CORRUPT;
	if (st == ST_OK)
		*counter_out = (uint64_t)db_column_int(stmt, 0);
	db_done(stmt);
	return st;
}

static enum status collect(struct sync *s, const struct sync_options *options, struct arena *arena,
			   struct request *request)
{
	struct replica *r = s->replica;
	const struct journal_options numbering = { .rest_ms = options->rest_ms, .changes_max = LIMIT_CHANGES_MAX };
	size_t numbered = 0;
	enum status st = ST_OK;

	request->schema_version = r->schema->version;
	request->budget = options->budget;
	if (!options->send_nothing)
		st = journal_number(r, &numbering, &numbered);
	if (st == ST_OK && !options->send_nothing)
		st = collect_changes(r, options->changes_max > 0 ? options->changes_max : LIMIT_CHANGES_MAX, arena, request);
	if (st == ST_OK)
		st = collect_held(r, arena, request);
	if (st == ST_OK)
		st = clocks_now(r, s->wall_sent_ms, &request->clock);
	if (st == ST_OK)
		st = read_cursor(r, arena, &request->cursor);
	if (st == ST_OK)
		st = read_health(r, options, &request->health);
	if (st == ST_OK)
		st = prove_load(r, &s->proven);
	return st == ST_OK ? next_counter(r, &s->head.counter) : st;
}

/* As many changes as fit an envelope. */
static enum status seal(struct sync *s, struct request *request, struct buf *out)
{
	struct buf message;
	enum status st = ST_OK;

	buf_init(&message, LIMIT_INFLATED_MAX);
	for (;;) {
		buf_reset(&message);
		buf_reset(out);
		prove_expect(&s->proven, request->changes, request->change_count, &s->expected);
		request->expects = true;
		memcpy(request->expected_run, s->expected.digest.bytes, sizeof request->expected_run);
		st = request_encode(&message, request);
		if (st == ST_OK)
			st = buf_status(&message);
		if (st == ST_OK)
			st = envelope_seal_request(out, s->deflater, &s->head, &s->key, message.data, message.len);
		if (st == ST_OK)
			st = buf_status(out);
		if (st != ST_LIMIT || request->change_count < 2)
			break;
		request->change_count /= 2;
	}
	buf_close(&message);
	return st;
}

static enum status build(struct sync *s, const struct sync_options *options, struct arena *arena,
			 struct request *request, struct buf *request_out)
{
	struct replica *r = s->replica;
	enum status st = db_begin(&r->db);

	if (st != ST_OK)
		return st;
	env_crash_point(r->env, "A01 tx begun");
	s->wall_sent_ms = r->env->wall_ms(r->env->ctx);
	s->boot_sent_ms = r->env->boot_ms(r->env->ctx);
	s->head.device = r->identity.device;
	st = clocks_look(r);
	if (st == ST_OK)
		st = collect(s, options, arena, request);
	if (st != ST_OK) {
		db_rollback(&r->db);
		return st;
	}
	env_crash_point(r->env, "A03 before commit");
	st = db_commit(&r->db);
	if (st != ST_OK)
		return st;
	env_crash_point(r->env, "A04 after commit");
	st = seal(s, request, request_out);
	env_crash_point(r->env, "A05 batch built");
	return st;
}

enum status sync_build(struct sync *s, const struct sync_options *options, struct buf *request_out,
		       struct sync_report *report, struct failure *why)
{
	struct request request = { 0 };
	struct arena arena;
	enum status st = ST_OK;

	s->waiting = false;
	if (s->replica->identity.device == 0)
		return failure_set(why, ST_REFUSED, "This tablet is not known to a centre yet.",
				   "Everything you wrote is saved on this tablet.",
				   "Ask a supervisor for a code and enrol the tablet.");
	arena_init(&arena, BUILD_SIZE_MAX);
	st = build(s, options, &arena, &request, request_out);
	arena_close(&arena);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	envelope_request_digest(&s->request, request_out->data, request_out->len);
	s->waiting = true;
	report->up_len = request_out->len;
	report->changes_sent = request.change_count;
	return ST_OK;
}

/* --- what comes down -------------------------------------------------------------- */

/* Inside the transaction: everything the answer says, the receipt that proves it, and how it went. */
static enum status apply_all(struct replica *r, const struct answer *answer, const struct receipt *receipt,
			     const struct apply_times *times, struct sync_report *report)
{
	struct outbox_counts counts = { 0 };
	bool agrees = false;
	enum status st = apply_answer(r, answer, times, &report->applied);

	if (st == ST_OK)
		st = prove_receipt(r, receipt, &agrees);
	if (st == ST_OK)
		st = standing_note(r, apply_settled(&report->applied) > 0, report->applied.unreadable ? &SYNC_UNREADABLE : NULL);
	if (st == ST_OK)
		st = journal_counts(r, &counts);
	report->pending_after = counts.dirty + counts.waiting;
	return st;
}

static enum status apply(struct replica *r, const struct answer *answer, const struct receipt *receipt,
			 const struct apply_times *times, struct sync_report *report)
{
	enum status st = db_begin(&r->db);

	if (st != ST_OK)
		return st;
	env_crash_point(r->env, "A11 in ack tx");
	st = apply_all(r, answer, receipt, times, report);
	if (st != ST_OK) {
		db_rollback(&r->db);
		return st;
	}
	env_crash_point(r->env, "A15 before commit");
	st = db_commit(&r->db);
	if (st == ST_OK)
		env_crash_point(r->env, "A16 after commit");
	return st;
}

static enum status take(struct sync *s, const void *bytes, size_t len, struct arena *arena, struct buf *message,
			struct sync_report *report)
{
	struct replica *r = s->replica;
	const struct clock_pair received = clocks_pair(r);
	const struct apply_times times = {
		.wall_sent_ms = s->wall_sent_ms,
		.wall_received_ms = received.wall_ms,
		.round_trip_ms = received.boot_ms - s->boot_sent_ms,
		.boot_received_ms = received.boot_ms,
		.boot = received.boot,
	};
	struct receipt receipt = { .device = s->head.device, .counter = s->head.counter, .request = s->request,
				   .last_n = s->expected.n, .run = s->expected.digest };
	struct answer answer = { 0 };
	enum status st = envelope_open_answer(bytes, len, r->identity.centre_key, &receipt, message);

	env_crash_point(r->env, "A10 ack parsed");
	if (st == ST_OK)
		st = answer_decode(message->data, message->len, receipt.seq, arena, &answer);
	env_crash_point(r->env, "A13 page received");
	return st == ST_OK ? apply(r, &answer, &receipt, &times, report) : st;
}

#define SAFE_ANSWER "Nothing of it was applied; everything you wrote is saved on this tablet."

/* Why an answer was not taken. What is not the answer's fault has its general text. */
static enum status no_answer(enum status st, struct failure *why)
{
	static const char AGAIN[] = "Sync again; if it stays so, tell your administrator.";

	if (st == ST_FORGED)
		return failure_set(why, st, "The answer was altered, or is not this centre's answer to what was asked.",
				   SAFE_ANSWER, AGAIN);
	if (st == ST_PROTOCOL || st == ST_INVALID)
		return failure_set(why, st, "The centre's answer can't be read: it is cut or damaged.", SAFE_ANSWER, AGAIN);
	if (st == ST_LIMIT)
		return failure_set(why, st, "The centre's answer is larger than this tablet takes.", SAFE_ANSWER, AGAIN);
	if (st == ST_UNKNOWN)
		return failure_set(why, st, "The centre answers in a form that this version does not know.", SAFE_ANSWER,
				   "Install the newer version.");
	return failure_set(why, st, NULL, NULL, NULL);
}

enum status sync_take(struct sync *s, const void *answer, size_t len, struct sync_report *report,
		      struct failure *why)
{
	struct sync_report taken = *report;
	struct arena arena;
	struct buf message;
	enum status st = ST_OK;

	if (!s->waiting)
		return failure_set(why, ST_STALE, NULL, NULL, NULL);
	s->waiting = false;
	arena_init(&arena, TAKE_SIZE_MAX);
	buf_init(&message, LIMIT_INFLATED_MAX);
	taken.down_len = len;
	st = take(s, answer, len, &arena, &message, &taken);
	buf_close(&message);
	arena_close(&arena);
	if (st != ST_OK)
		return no_answer(st, why);
	*report = taken;
	env_crash_point(s->replica->env, "A12 after ack");
	return ST_OK;
}
