#include "daemon/gone_on.h"

/* Does the version lead down to this number, through the tablet's own changes of the record? */
static enum status leads_to(const struct trial *trial, uint8_t num, struct version version, uint64_t n, bool *out)
{
	const struct change *change;
	struct history row;
	struct arena arena;
	enum status st = ST_OK;
	uint64_t below = UINT64_MAX;

	arena_init(&arena, TRIAL_ARENA_MAX);
	while (st == ST_OK && version.tag == VERSION_OWN && version.origin == 0 && version.n > n && version.n < below) {
		below = version.n;
		arena_reset(&arena);
		st = history_own(trial, &version, trial->source->device, &arena, &row);
		version = (struct version){ .tag = VERSION_NONE };
		if (st != ST_OK)
			break;
		change = history_change(trial->in, &arena, row.body, &st);
		if (st == ST_OK)
			version = change_base(change, num);
		else if (st != ST_NOMEM)
			st = ST_OK;
	}
	arena_close(&arena);
	*out = st == ST_OK && version.tag == VERSION_OWN && version.origin == 0 && version.n == n;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

struct walk {
	const struct trial *trial;
	uint8_t num;
};

/* A later change of the tablet's that was taken ends the walk where it leads to the one that was held. */
static enum status later_visit(void *ctx, const struct history *row)
{
	const struct walk *walk = ctx;
	const struct history *of = walk->trial->again;
	enum outcome_verdict verdict = GROUP_SUPERSEDED;
	struct version base = { .tag = VERSION_NONE };
	const struct change *change;
	struct arena arena;
	bool leads = false;
	enum status st;

	if (row->device != of->device || row->n <= of->n)
		return ST_OK;
	arena_init(&arena, TRIAL_ARENA_MAX);
	change = history_change(walk->trial->in, &arena, row->body, &st);
	if (st == ST_OK && history_verdict(row, change, walk->num, &verdict) && verdict != GROUP_SUPERSEDED)
		base = change_base(change, walk->num);
	arena_close(&arena);
	if (st == ST_NOMEM)
		return st;
	st = leads_to(walk->trial, walk->num, base, of->n, &leads);
	return leads ? ST_EXISTS : st;
}

enum status gone_on(const struct trial *trial, uint8_t num, bool *out)
{
	struct walk walk = { trial, num };
	struct store *store = trial->in->store;
	enum status st;

	*out = false;
	if (!trial->again || !trial->source->device || trial->again->reason == HELD_NUMBER)
		return ST_OK;
	st = store->ops->history_of(store, trial->change->kind, &trial->change->id, INT64_MAX, later_visit, &walk);
	*out = st == ST_EXISTS;
	return *out ? ST_OK : st;
}
