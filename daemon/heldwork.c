#include "daemon/heldwork.h"

#include <string.h>

/* --- outcomes --- */

enum status history_outcome(struct intake *in, const struct history *row, uint64_t n, struct outcome *outcome_out)
{
	struct outcome outcome = { .n = n, .seq = row->seq, .result = row->result, .reason = row->reason };
	struct outcome_group *groups;

	if (row->group_count > 0) {
		groups = arena_alloc(in->arena, row->group_count * sizeof *groups);
		if (!groups)
			return ST_NOMEM;
		memcpy(groups, row->groups, row->group_count * sizeof *groups);
		outcome.groups = groups;
		outcome.group_count = row->group_count;
	}
	*outcome_out = outcome;
	return ST_OK;
}

/* The tablet hears of an old change: it is shown what stands of it now. */
static enum status taken_again(struct intake *in, const struct history *row, uint64_t seq, struct taken *taken_out)
{
	struct taken taken = { .seq = seq };
	struct change *change;
	struct arena arena;
	enum status st = ST_OK;

	arena_init(&arena, TRIAL_ARENA_MAX);
	change = arena_alloc(&arena, sizeof *change);
	if (!change)
		st = ST_NOMEM;
	else if (row->kind_num != 0)
		st = change_decode(in->schema, row->body.data, row->body.len, &arena, change, NULL);
	/* What this centre cannot read is shown nothing. */
	if (st != ST_NOMEM && row->kind_num != 0 && change->kind) {
		taken.kind = change->kind;
		taken.id = change->id;
		taken.standing_mask = st == ST_OK ? change->mask : 0;
		taken.whole = change->deletes || change->restores;
	}
	arena_close(&arena);
	if (st == ST_NOMEM)
		return st;
	*taken_out = taken;
	return ST_OK;
}

enum status held_outcome(struct intake *in, const struct history *row, struct outcome *outcome_out,
			 struct taken *taken_out)
{
	struct store *store = in->store;
	struct history answer = *row;
	struct held held = { .state = HELD_OPEN };
	enum status st = ST_OK;

	if (row->result == OUTCOME_HELD)
		st = store->ops->held_get(store, row->seq, &held);
	if (st == ST_OK && held.state != HELD_OPEN)
		st = store->ops->history_get(store, held.answer_seq, in->arena, &answer);
	if (st == ST_NOT_FOUND)
		st = ST_CORRUPT;
	if (st == ST_OK)
		st = history_outcome(in, &answer, row->n, outcome_out);
	if (st != ST_OK)
		return st;
	if (answer.result == OUTCOME_HELD) {
		*taken_out = (struct taken){ .seq = row->seq };
		return ST_OK;
	}
	return taken_again(in, row, answer.seq, taken_out);
}

static bool digest_starts(const struct digest *digest, const uint8_t start[8])
{
	return memcmp(digest->bytes, start, 8) == 0;
}

/* The row of this number whose content begins so. Two may have come under it: the newest one, and the one held. */
static enum status find_row(struct intake *in, uint32_t device, uint64_t n, const uint8_t digest[8],
			    struct history *row_out)
{
	struct store *store = in->store;
	struct held held;
	enum status st = store->ops->history_find(store, device, n, NULL, in->arena, row_out);

	if (st != ST_OK || digest_starts(&row_out->digest, digest))
		return st;
	st = store->ops->held_find(store, device, n, &held);
	if (st == ST_OK)
		st = store->ops->history_get(store, held.seq, in->arena, row_out);
	if (st == ST_OK && !digest_starts(&row_out->digest, digest))
		st = ST_NOT_FOUND;
	return st;
}

enum status intake_held(struct intake *in, const struct intake_source *source, uint64_t n, const uint8_t digest[8],
			struct outcome *outcome_out, struct taken *taken_out)
{
	struct history row;
	enum status st = find_row(in, source->device, n, digest, &row);

	return st == ST_OK ? held_outcome(in, &row, outcome_out, taken_out) : st;
}

/* --- trying again --- */

void held_wakes_init(struct wakes *wakes)
{
	*wakes = (struct wakes){ .first = NULL };
	arena_init(&wakes->arena, TRIAL_ARENA_MAX);
}

void held_wakes_close(struct wakes *wakes)
{
	arena_close(&wakes->arena);
	wakes->first = wakes->last = NULL;
}

enum status held_wake(struct intake *in, const struct kind *kind, const struct id *id)
{
	struct wakes *wakes = in->wakes;
	struct wake *wake = arena_zalloc(&wakes->arena, sizeof *wake);

	if (!wake)
		return ST_NOMEM;
	wake->kind = kind;
	wake->id = *id;
	if (wakes->last)
		wakes->last->next = wake;
	else
		wakes->first = wake;
	wakes->last = wake;
	return ST_OK;
}

/* A resolution carries the change's own device, number and content, and the time at which it came about; its author
 * is who answered, or, where it came about by itself, the change's own. */
static void resolution_of(struct history *row, const struct history *of, const struct id *by, int64_t now_ms)
{
	*row = (struct history){
		.device = of->device, .n = of->n, .digest = of->digest, .author = by ? *by : of->author,
		.body = of->body, .received_ms = now_ms, .of_seq = of->seq,
	};
}

/* Judge a held change as it is today. *trial_out: what came of it; where it is not held any more it was written
 * down. The tablet's clock of that request is not known any more: its edits are dated without it. */
static enum status judge_again(struct intake *in, const struct history *of, enum trial_as as, const struct id *by,
			       struct trial **trial_out)
{
	struct store *store = in->store;
	struct intake_source *source = arena_zalloc(in->arena, sizeof *source);
	struct history row;
	enum status st;

	if (!source)
		return ST_NOMEM;
	source->device = of->device;
	source->author = of->author;
	source->received_ms = of->received_ms;
	st = trial_run(trial_out, in, source, as, of);
	if (st != ST_OK || (*trial_out)->hold.reason != HELD_NONE)
		return st;
	resolution_of(&row, of, by, in->now_ms);
	st = trial_settle(*trial_out, &row);
	return st == ST_OK ? store->ops->held_set(store, of->seq, HELD_WAS_ACCEPTED, row.seq) : st;
}

static enum status waits_now(struct intake *in, const struct held *held, const struct hold *hold)
{
	struct store *store = in->store;
	enum status st;

	if (hold->wait_kind == held->wait_kind && id_equal(&hold->wait_id, &held->wait_id) &&
	    strcmp(hold->detail, held->detail) == 0)
		return ST_OK;
	st = store->ops->held_wait(store, held->seq, hold->wait_kind, &hold->wait_id, hold->detail);
	return st == ST_OK ? chain_waits(in->chain, held->seq) : st;
}

/* One that waited. What still keeps it may be another thing than before. */
static enum status wake_one(const struct intake *in, uint64_t seq)
{
	struct store *store = in->store;
	struct intake again = *in;
	struct trial *trial = NULL;
	struct arena arena;
	struct history row;
	struct held held;
	enum status st = store->ops->held_get(store, seq, &held);

	if (st != ST_OK || held.state != HELD_OPEN)
		return st;
	arena_init(&arena, TRIAL_ARENA_MAX);
	again.arena = &arena;
	st = store->ops->history_get(store, seq, &arena, &row);
	if (st == ST_OK)
		st = judge_again(&again, &row, held.device ? TRIAL_TABLET : TRIAL_CENTRE, NULL, &trial);
	if (st == ST_OK && trial->hold.reason != HELD_NONE)
		st = waits_now(&again, &held, &trial->hold);
	if (st == ST_OK && trial->hold.reason != HELD_NONE)
		st = chain_waits(in->chain, seq);
	arena_close(&arena);
	return st;
}

struct seq_list {
	uint64_t *seqs;
	size_t count, room;
	struct arena *arena;
};

static enum status seq_visit(void *ctx, const struct held *held)
{
	struct seq_list *list = ctx;

	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		uint64_t *more = arena_alloc(list->arena, room * sizeof *more);

		if (!more)
			return ST_NOMEM;
		if (list->count)
			memcpy(more, list->seqs, list->count * sizeof *more);
		list->seqs = more;
		list->room = room;
	}
	list->seqs[list->count++] = held->seq;
	return ST_OK;
}

enum status held_wake_all(struct intake *in)
{
	struct store *store = in->store;
	enum status st = ST_OK;

	for (const struct wake *wake = in->wakes->first; wake && st == ST_OK; wake = wake->next) {
		struct seq_list list = { .arena = &in->wakes->arena };

		st = store->ops->held_each(store, wake->kind, &wake->id, true, seq_visit, &list);
		for (size_t i = 0; i < list.count && st == ST_OK; i++)
			st = wake_one(in, list.seqs[i]);
	}
	return st;
}

/* --- a supervisor's answer --- */

static enum status give_back(struct intake *in, const struct id *supervisor, const struct history *of,
			     const struct held *held)
{
	struct store *store = in->store;
	struct history row;
	enum status st;

	resolution_of(&row, of, supervisor, in->now_ms);
	row.kind_num = of->kind_num;
	row.id = of->id;
	row.patient = of->patient;
	row.at = of->at;
	row.result = OUTCOME_RETURNED;
	st = chain_add(in->chain, &row);
	return st == ST_OK ? store->ops->held_set(store, held->seq, HELD_WAS_RETURNED, row.seq) : st;
}

static enum status take_in(struct intake *in, const struct id *supervisor, const struct history *of,
			   struct failure *why)
{
	struct trial *trial = NULL;
	enum trial_as as = of->device ? TRIAL_ANSWERED : TRIAL_CENTRE;
	enum status st = judge_again(in, of, as, supervisor, &trial);

	if (st != ST_OK || trial->hold.reason == HELD_NONE)
		return st;
	return failure_set(why, ST_REFUSED, held_reason_what(trial->hold.reason),
			   "The change is still held as it came.", held_reason_next(trial->hold.reason));
}

static enum status answer(struct intake *in, const struct id *supervisor, uint64_t seq, bool accept,
			  struct failure *why)
{
	struct store *store = in->store;
	struct history row;
	struct held held;
	enum status st = store->ops->held_get(store, seq, &held);

	if (st != ST_OK)
		return st == ST_NOT_FOUND ? failure_set(why, st, "No held change has this number.", NULL, NULL) : st;
	if (held.state != HELD_OPEN)
		return failure_set(why, ST_REFUSED, "This held change has been answered already.",
				   "Nothing was changed.", "Look at its history to see what became of it.");
	st = store->ops->history_get(store, seq, in->arena, &row);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_CORRUPT : st;
	return accept ? take_in(in, supervisor, &row, why) : give_back(in, supervisor, &row, &held);
}

enum status intake_answer_held(struct intake *in, const struct id *supervisor, uint64_t seq, bool accept,
			       struct failure *why)
{
	struct intake own = *in;
	struct arena arena;
	struct wakes wakes;
	enum status st;

	arena_init(&arena, TRIAL_ARENA_MAX);
	held_wakes_init(&wakes);
	own.arena = &arena;
	own.wakes = &wakes;
	st = answer(&own, supervisor, seq, accept, why);
	if (st == ST_OK)
		st = held_wake_all(&own);
	held_wakes_close(&wakes);
	arena_close(&arena);
	return st;
}
