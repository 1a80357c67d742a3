#include "client/exchange.h"

#include <assert.h>

#include "client/journal.h"
#include "client/order.h"
#include "client/standing.h"
#include "proto/limits.h"

void exchange_init(struct exchange *x, struct sync *sync, const struct env *env)
{
	*x = (struct exchange){ .sync = sync, .env = env };
	buf_init(&x->request, LIMIT_BODY_MAX);
}

void exchange_close(struct exchange *x)
{
	buf_close(&x->request);
	*x = (struct exchange){ 0 };
}

/* --- the request ---------------------------------------------------------------------- */

void exchange_begin(struct exchange *x, const struct sync_options *options)
{
	x->options = *options;
	x->newest = (struct sync_report){ 0 };
}

enum status exchange_build(struct exchange *x, const void **bytes_out, size_t *len_out, struct failure *why)
{
	enum status st;

	x->options.changes_max = x->changes_max;
	st = sync_build(x->sync, &x->options, &x->request, &x->newest, why);
	if (st != ST_OK)
		return st;
	*bytes_out = x->request.data;
	*len_out = x->request.len;
	return ST_OK;
}

/* --- its end --------------------------------------------------------------------------- */

static void add_applied(struct apply_report *sum, const struct apply_report *one)
{
	sum->accepted += one->accepted;
	sum->merged += one->merged;
	sum->superseded += one->superseded;
	sum->held += one->held;
	sum->returned += one->returned;
	sum->records += one->records;
	sum->let_go += one->let_go;
	sum->filling += one->filling;
	sum->complete += one->complete;
	sum->more = one->more;
	sum->anew = sum->anew || one->anew;
	sum->unreadable = sum->unreadable || one->unreadable;
	for (size_t i = 0; i < sizeof sum->notices / sizeof sum->notices[0]; i++)
		sum->notices[i] = sum->notices[i] || one->notices[i];
}

/* More changes than one request takes? Only where this one got on, or there would be no end
 * where something can't go. */
static bool more_to_send(const struct exchange *x, const struct apply_report *applied)
{
	struct outbox_counts counts = { 0 };

	if (apply_settled(applied) == 0 || x->options.send_nothing ||
	    journal_counts(x->sync->replica, &counts) != ST_OK)
		return false;
	return counts.waiting > 0 || (x->options.rest_ms == 0 && counts.dirty > counts.attention);
}

/* Does another exchange follow at once? Where the cursor was taken away once, until all has come:
 * a centre that does not fit this tablet would be asked without an end. */
static bool goes_on(struct exchange *x, const struct apply_report *applied)
{
	const bool again = applied->more || more_to_send(x, applied) || (applied->anew && !x->anew);

	x->anew = applied->anew || (x->anew && again);
	if (!again)
		x->changes_max = 0;
	return again;
}

enum status exchange_take(struct exchange *x, const void *answer, size_t len, struct exchange_report *report,
			  struct failure *why)
{
	struct sync_report one = x->newest;
	enum status st;

	report->again = false;
	report->bytes_up += one.up_len;
	report->sent += one.changes_sent;
	st = sync_take(x->sync, answer, len, &one, why);
	if (st != ST_OK)
		return st;
	report->exchanges++;
	report->bytes_down += one.down_len;
	report->pending = one.pending_after;
	add_applied(&report->applied, &one.applied);
	report->again = goes_on(x, &one.applied);
	return ST_OK;
}

/* What was larger than something on the way takes goes again with half as much. */
bool exchange_failed(struct exchange *x, enum status st, bool too_large, struct exchange_report *report)
{
	const struct sync_report one = x->newest;
	bool again;

	assert(st != ST_OK);
	x->newest = (struct sync_report){ 0 };
	if (too_large)
		x->changes_max = one.changes_sent / 2;
	again = st == ST_LIMIT && too_large && x->changes_max > 0;
	report->again = false;
	report->bytes_up += one.up_len;
	report->sent += again ? 0 : one.changes_sent;
	return again;
}

static enum status note(struct replica *r, const struct failure *failed)
{
	enum status st = db_begin(&r->db);

	if (st != ST_OK)
		return st;
	st = standing_note(r, false, failed);
	if (st == ST_OK)
		return db_commit(&r->db);
	db_rollback(&r->db);
	return st;
}

void exchange_note_failure(struct exchange *x, enum status st, const struct failure *failed)
{
	const enum status noted = note(x->sync->replica, failed);

	assert(st != ST_OK);
	/* What keeps it from being noted is then what is told already. */
	if (noted != ST_OK && noted != st)
		env_log(x->env, LOG_WARNING, "agent", "failure not noted", "status=%s", status_name(noted));
}

/* --- the engine ------------------------------------------------------------------------- */

static uint32_t random_of(const struct exchange *x)
{
	uint32_t value = 0;

	x->env->random(x->env->ctx, &value, sizeof value);
	return value;
}

void exchange_done(const struct exchange *x, struct engine *engine, int64_t now_ms, enum status st,
		   const struct exchange_report *report, int64_t retry_after_ms)
{
	const struct engine_result result = {
		.ok = st == ST_OK, .more = report->again, .retry_after_ms = retry_after_ms, .random = random_of(x),
	};

	engine_done(engine, now_ms, &result);
}

/* Many tablets that started together don't ask together: up to a tenth is added. */
int64_t exchange_poll_ms(const struct exchange *x, int64_t poll_ms)
{
	assert(poll_ms > 0);
	return poll_ms + (int64_t)(random_of(x) % (uint32_t)(poll_ms / 10 + 1));
}

static void check_schema(struct replica *r)
{
	const enum status st = replica_check_schema(r);

	if (st != ST_OK)
		env_log(r->env, LOG_ERROR, "agent", "schema not checked", "status=%s", status_name(st));
}

/* What was closed or signed goes at once. */
void exchange_look(struct look *look, struct replica *r, struct engine *engine, int64_t now_ms)
{
	bool closed = false;
	int64_t edit = 0;

	check_schema(r);
	if (db_number(&r->db, "SELECT coalesce(max(edit_last),0) FROM ds_dirty", &edit) != ST_OK || edit <= look->edit_seen)
		return;
	engine_dirty(engine, now_ms);
	if (order_closed_since(r, look->edit_seen, &closed) == ST_OK && closed)
		engine_news(engine, now_ms);
	look->edit_seen = edit;
}
