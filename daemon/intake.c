#include "daemon/intake.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/effects.h"
#include "daemon/heldwork.h"
#include "proto/limits.h"

/* A call from outside: memory of its own, and, where it is the outermost, the list of what arrives. What goes back to
 * the caller lives in the caller's arena. */
struct call {
	struct intake in;
	struct intake *caller;
	struct arena arena;
	struct wakes wakes;
	bool outermost;
	bool decision;
	struct outcome outcome;
	struct taken taken;
};

static void call_begin(struct call *call, struct intake *in)
{
	memset(call, 0, sizeof *call);
	arena_init(&call->arena, TRIAL_ARENA_MAX);
	held_wakes_init(&call->wakes);
	call->outermost = in->wakes == NULL;
	call->caller = in;
	call->in = *in;
	call->in.arena = &call->arena;
	if (call->outermost)
		call->in.wakes = &call->wakes;
}

static enum status call_end(struct call *call, enum status st)
{
	if (st == ST_OK && call->outermost)
		st = held_wake_all(&call->in);
	held_wakes_close(&call->wakes);
	arena_close(&call->arena);
	return st;
}

/* --- seen before? --- */

/* ST_NOT_FOUND: this number is new. */
static enum status seen_same(struct call *call, const struct history *as)
{
	struct store *store = call->in.store;
	struct history row;
	enum status st = store->ops->history_find(store, as->device, as->n, &as->digest, call->in.arena, &row);

	return st == ST_OK ? held_outcome(call->caller, &row, &call->outcome, &call->taken) : st;
}

static enum status seen_other(struct intake *in, const struct history *as, bool *out)
{
	struct history row;
	enum status st = in->store->ops->history_find(in->store, as->device, as->n, NULL, in->arena, &row);

	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status take_new(struct call *call, const struct intake_source *source, struct history *row)
{
	struct intake *in = &call->in;
	enum trial_as as = source->device ? TRIAL_TABLET : TRIAL_CENTRE;
	struct trial *trial = NULL;
	bool other = false;
	enum status st = seen_other(in, row, &other);

	if (st == ST_OK)
		st = trial_open(&trial, in, source, as, row->body.data, row->body.len);
	if (st != ST_OK)
		return st;
	trial->decision = call->decision;
	if (other) {
		trial_hold(trial, HELD_NUMBER, "the number came before with other content", NULL, NULL);
		env_log(in->env, LOG_WARNING, "intake", "number-reused", "device=%" PRIu32 " n=%" PRIu64, row->device,
			row->n);
	} else if (source->withdrawn) {
		trial_hold(trial, HELD_WITHDRAWN, "the tablet was withdrawn from use", NULL, NULL);
	}
	if (trial->hold.reason == HELD_NONE)
		st = trial_admit(trial);
	if (st == ST_OK && trial->hold.reason == HELD_NONE)
		st = trial_judge(trial);
	if (st == ST_OK)
		st = trial_settle(trial, row);
	if (st == ST_OK)
		st = history_outcome(call->caller, row, row->n, &call->outcome);
	if (st == ST_OK)
		trial_taken(trial, row->seq, &call->taken);
	return st;
}

static void row_start(struct history *row, const struct intake_source *source, uint64_t n, const void *body, size_t len)
{
	*row = (struct history){
		.device = source->device, .n = n, .author = source->author, .body = { body, len },
		.received_ms = source->received_ms,
	};
	change_digest(&row->digest, body, len);
}

/* NOLINTNEXTLINE(readability-function-size): as intake.h declares it. */
enum status intake_take(struct intake *in, const struct intake_source *source, uint64_t n, const void *body, size_t len,
			struct outcome *outcome_out, struct taken *taken_out)
{
	struct history row;
	struct call call;
	enum status st;

	assert(n > 0);
	row_start(&row, source, n, body, len);
	call_begin(&call, in);
	st = seen_same(&call, &row);
	if (st == ST_NOT_FOUND)
		st = take_new(&call, source, &row);
	st = call_end(&call, st);
	if (st == ST_OK) {
		*outcome_out = call.outcome;
		*taken_out = call.taken;
	}
	return st;
}

/* --- the centre's own --- */

/* What was not given is what stands: the centre has seen all of the record. */
static enum status fill_bases(struct intake *in, struct change *change)
{
	struct record *record;
	enum status st;

	if (change->create)
		return ST_OK;
	record = arena_zalloc(in->arena, sizeof *record);
	if (!record)
		return ST_NOMEM;
	st = in->store->ops->record_get(in->store, change->kind, &change->id, in->arena, record);
	for (size_t i = 0; i < change->group_count && st == ST_OK; i++)
		if (change->groups[i].base.tag == VERSION_NONE)
			change->groups[i].base = (struct version){ .tag = VERSION_SEQ, .seq = record->seq };
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status own(struct intake *in, const struct id *author, struct change *change, bool decision,
		       struct outcome *outcome_out)
{
	struct intake_source source = { .device = 0, .author = *author, .received_ms = in->now_ms };
	struct history row;
	struct call call;
	struct buf body;
	enum status st;

	call_begin(&call, in);
	call.decision = decision;
	buf_init(&body, LIMIT_CHANGE_MAX);
	st = fill_bases(&call.in, change);
	if (st == ST_OK)
		st = change_encode(&body, change);
	if (st == ST_OK) {
		row_start(&row, &source, in->chain->own_n + 1, body.data, body.len);
		st = take_new(&call, &source, &row);
	}
	st = call_end(&call, st);
	buf_close(&body);
	if (st == ST_OK)
		*outcome_out = call.outcome;
	return st;
}

enum status intake_own(struct intake *in, const struct id *author, struct change *change, struct outcome *outcome_out)
{
	return own(in, author, change, false, outcome_out);
}

enum status effects_decide(struct intake *in, const struct id *author, struct change *change,
			   struct outcome *outcome_out)
{
	return own(in, author, change, true, outcome_out);
}
