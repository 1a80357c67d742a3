#include "daemon/page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 32

enum fill_part { PART_FIRST = 1, PART_REST = 2 };

/* --- order ------------------------------------------------------------------ */

struct place {
	struct id patient;
	int64_t planned_ms; /* of the next planned visit of this worker; INT64_MAX = none */
};

struct look {
	const struct feed_case *feed;
	int planned, worker; /* fields of a visit; -1: this schema has none */
	char worker_text[ID_TEXT_SIZE];
	struct place *place;
};

static enum status look_at_visit(void *ctx, const struct record *visit)
{
	const struct look *look = ctx;
	const struct value *planned = &visit->row.values[look->planned];
	const struct value *worker = &visit->row.values[look->worker];

	if (visit->deleted || planned->tag != VALUE_INT || worker->tag != VALUE_TEXT)
		return ST_OK;
	if (worker->len != ID_TEXT_LEN || memcmp(worker->text, look->worker_text, ID_TEXT_LEN) != 0)
		return ST_OK;
	if (planned->integer >= look->feed->now_ms && planned->integer < look->place->planned_ms)
		look->place->planned_ms = planned->integer;
	return ST_OK;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->planned_ms != right->planned_ms)
		return left->planned_ms < right->planned_ms ? -1 : 1;
	return id_compare(&left->patient, &right->patient);
}

enum status fill_order(const struct feed_case *feed, struct id *patients, size_t count)
{
	const struct kind *visit = schema_kind(feed->schema, "visit", strlen("visit"));
	struct look look = { .feed = feed, .planned = -1, .worker = -1 };
	struct place *places = arena_alloc(feed->arena, (count + 1) * sizeof *places);
	enum status st = ST_OK;

	if (places == NULL)
		return ST_NOMEM;
	id_format(&feed->worker, look.worker_text);
	if (visit != NULL) {
		look.planned = kind_field(visit, "planned_from", strlen("planned_from"));
		look.worker = kind_field(visit, "worker", strlen("worker"));
	}
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		places[i] = (struct place){ .patient = patients[i], .planned_ms = INT64_MAX };
		look.place = &places[i];
		if (look.planned >= 0 && look.worker >= 0)
			st = feed->store->ops->record_each(feed->store, visit, &patients[i], look_at_visit, &look);
	}
	if (st != ST_OK)
		return st;
	qsort(places, count, sizeof *places, compare_places);
	for (size_t i = 0; i < count; i++)
		patients[i] = places[i].patient;
	return ST_OK;
}

/* --- walking ---------------------------------------------------------------- */

static enum status add_whole(struct page *page, const struct record_ref *ref, bool *full_out)
{
	struct store *store = page->feed->store;
	struct record *record;
	struct portion portion = { 0 };
	enum status st;

	arena_reset(&page->scratch);
	record = arena_alloc(&page->scratch, sizeof *record);
	if (record == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, ref->kind, &ref->id, &page->scratch, record);
	if (st != ST_OK)
		return st;
	/* A tablet that had this patient before may still show what was deleted since. */
	portion.whole = !record->deleted;
	portion.deleted = record->deleted;
	return page_add(page, record, &portion, true, full_out);
}

/* Walk one part of one patient. *ended_out: it is as of now. */
static enum status walk_part(struct page *page, const struct id *patient, enum fill_part part, uint64_t *at, bool *ended_out)
{
	struct store *store = page->feed->store;
	struct record_ref refs[CHUNK];
	size_t count = CHUNK;
	bool full = false;
	enum status st = ST_OK;

	*ended_out = false;
	while (st == ST_OK && !full && count == CHUNK) {
		st = store->ops->record_after(store, patient, *at, (int)part, refs, CHUNK, &count);
		for (size_t i = 0; i < count && st == ST_OK && !full; i++) {
			full = !page_has_room(page);
			if (!full)
				st = add_whole(page, &refs[i], &full);
			if (st == ST_OK && !full)
				*at = refs[i].seq;
		}
	}
	*ended_out = st == ST_OK && !full;
	return st;
}

enum status fill_walk(struct page *page, struct cursor *cursor, struct id *complete, size_t *complete_count_out)
{
	size_t kept = 0, done = 0;
	bool open = true; /* is there room left? */
	enum status st = ST_OK;

	for (size_t i = 0; i < cursor->fill_count && st == ST_OK && open; i++)
		st = walk_part(page, &cursor->fills[i].patient, PART_FIRST, &cursor->fills[i].first, &open);
	for (size_t i = 0; i < cursor->fill_count && st == ST_OK; i++) {
		struct cursor_fill fill = cursor->fills[i];

		if (open)
			st = walk_part(page, &fill.patient, PART_REST, &fill.rest, &open);
		if (open)
			complete[done++] = fill.patient;
		else
			cursor->fills[kept++] = fill;
	}
	if (st != ST_OK)
		return st;
	cursor->fill_count = kept;
	*complete_count_out = done;
	return ST_OK;
}
