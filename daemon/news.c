#include "daemon/page.h"

#include <assert.h>

#define CHUNK 16

/* One unit's records in order of their last sequence, a few at a time. */
struct unit {
	struct id id;
	struct record_ref refs[CHUNK];
	size_t at, count;
	bool ended; /* nothing behind refs */
};

static enum status unit_read(const struct page *page, struct unit *unit, uint64_t after)
{
	enum status st = page->feed->store->ops->record_after(page->feed->store, &unit->id, after, 0, unit->refs,
							      CHUNK, &unit->count);

	unit->at = 0;
	unit->ended = st == ST_OK && unit->count < CHUNK;
	return st;
}

static enum status units_open(const struct page *page, const struct cursor *cursor, struct unit **units_out,
			      size_t *count_out)
{
	struct unit *units = arena_alloc(page->feed->arena, (page->member_count + 1) * sizeof *units);
	size_t count = 0;
	enum status st = ST_OK;

	if (units == NULL)
		return ST_NOMEM;
	units[count++].id = ID_STAFF;
	for (size_t i = 0; i < page->member_count; i++)
		if (page_fill(cursor, &page->members[i]) == NULL)
			units[count++].id = page->members[i];
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = unit_read(page, &units[i], cursor->position);
	*units_out = units;
	*count_out = count;
	return st;
}

/* The unit whose next record comes first; NULL: all have ended. */
static struct unit *units_first(struct unit *units, size_t count)
{
	struct unit *first = NULL;

	for (size_t i = 0; i < count; i++) {
		struct unit *unit = &units[i];

		if (unit->at < unit->count && (first == NULL || unit->refs[unit->at].seq < first->refs[first->at].seq))
			first = unit;
	}
	return first;
}

static bool was_sent(const struct page *page, const struct record_ref *ref)
{
	for (size_t i = 0; i < page->standing_count; i++)
		if (page->standing[i].kind == ref->kind && id_equal(&page->standing[i].id, &ref->id))
			return true;
	return false;
}

static enum status add_news(struct page *page, const struct record_ref *ref, bool *full_out)
{
	struct store *store = page->feed->store;
	struct record *record;
	struct portion portion;
	enum status st;

	*full_out = false;
	if (was_sent(page, ref))
		return ST_OK;
	arena_reset(&page->scratch);
	record = arena_alloc(&page->scratch, sizeof *record);
	if (record == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, ref->kind, &ref->id, &page->scratch, record);
	if (st != ST_OK)
		return st;
	portion = page_news(page, record);
	return page_add(page, record, &portion, true, full_out);
}

enum status news_walk(struct page *page, struct cursor *cursor, bool *ended_out)
{
	struct unit *units = NULL, *unit;
	size_t count = 0;
	enum status st = ST_OK;
	bool full = false;

	if (cursor->position < page->feed->now_seq)
		st = units_open(page, cursor, &units, &count);
	while (st == ST_OK && (unit = units_first(units, count)) != NULL) {
		const struct record_ref *ref = &unit->refs[unit->at];

		assert(ref->seq > cursor->position);
		st = add_news(page, ref, &full);
		if (st != ST_OK || full)
			break;
		cursor->position = ref->seq;
		if (++unit->at == unit->count && !unit->ended)
			st = unit_read(page, unit, cursor->position);
	}
	if (st == ST_OK && !full)
		cursor->position = cursor->complete = page->feed->now_seq;
	*ended_out = !full;
	return st;
}
