#include "daemon/renewal.h"

#include "daemon/series.h"

#define HEADS_SIZE_MAX ((size_t)16 * 1024 * 1024)

void renewal_init(struct renewal *renewal)
{
	*renewal = (struct renewal){ 0 };
	arena_init(&renewal->arena, HEADS_SIZE_MAX);
}

void renewal_close(struct renewal *renewal)
{
	arena_close(&renewal->arena);
	renewal->heads = NULL;
}

static enum status look(struct renewal *renewal, struct centre *centre)
{
	struct store *store = centre->store;
	enum status st;

	arena_reset(&renewal->arena);
	renewal->count = renewal->next = 0;
	st = store->ops->begin_read(store);
	if (st != ST_OK)
		return st;
	st = series_heads(store, centre->schema, &renewal->arena, &renewal->heads, &renewal->count);
	store->ops->rollback(store);
	return st;
}

static enum status some(struct renewal *renewal, struct centre *centre)
{
	struct centre_act act;
	enum status st = centre_act_begin(&act, centre);

	if (st != ST_OK)
		return st;
	for (size_t i = 0; i < RENEWAL_SERIES_MAX && renewal->next < renewal->count && st == ST_OK; i++)
		st = series_follow(&act.in, &renewal->heads[renewal->next++], NULL);
	if (st == ST_OK)
		return centre_act_commit(&act);
	centre_act_abort(&act);
	return st;
}

enum status renewal_step(struct renewal *renewal, struct centre *centre, bool *more_out)
{
	enum status st = renewal->heads == NULL ? look(renewal, centre) : some(renewal, centre);
	const bool more = st == ST_OK && renewal->next < renewal->count;

	if (!more)
		renewal->heads = NULL;
	if (st == ST_OK)
		*more_out = more;
	return st;
}
