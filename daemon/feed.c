#include "daemon/feed.h"

#include <assert.h>
#include <string.h>

#include "daemon/page.h"
#include "proto/limits.h"

#define SCRATCH_MAX ((size_t)64 * 1024 * 1024)
#define SHRINKS_TO_A 3 /* what a message's bytes are divided by when they are compressed, about */

/* --- the page --------------------------------------------------------------- */

static size_t bytes_max(uint32_t budget)
{
	size_t bytes = budget != 0 ? budget : LIMIT_BUDGET_DEFAULT;

	if (bytes < LIMIT_BUDGET_MIN)
		bytes = LIMIT_BUDGET_MIN;
	if (bytes > FEED_BYTES_MAX / SHRINKS_TO_A)
		return FEED_BYTES_MAX;
	return bytes * SHRINKS_TO_A;
}

static enum status page_open(struct page *page, const struct feed_case *feed, const struct cursor *cursor,
			     const struct answer *answer, struct buf *records)
{
	struct id *members = NULL;
	enum status st;

	assert(feed->theirs != NULL && feed->theirs->version <= feed->schema->version);
	assert(records->len == 0);
	*page = (struct page){ .feed = feed, .answer = answer, .records = records, .complete = cursor->complete,
			       .caught_up = cursor->complete > 0 && cursor->complete == cursor->position,
			       .bytes_max = bytes_max(feed->budget) };
	arena_init(&page->scratch, SCRATCH_MAX);
	st = feed->store->ops->member_list(feed->store, &feed->worker, UINT64_MAX, feed->arena, &members,
					   &page->member_count);
	page->members = members;
	return st;
}

/* --- membership --------------------------------------------------------------- */

/* Walk two ascending lists: what is only in `these` is appended to out. */
static size_t only_in(const struct id *these, size_t count, const struct id *those, size_t those_count,
		      struct id *out)
{
	size_t at = 0, found = 0;

	for (size_t i = 0; i < count; i++) {
		while (at < those_count && id_compare(&those[at], &these[i]) < 0)
			at++;
		if (at == those_count || !id_equal(&those[at], &these[i]))
			out[found++] = these[i];
	}
	return found;
}

/* Fills of patients still in scope, then those that are new, from zero. */
static enum status renew_fills(const struct page *page, struct cursor *cursor, struct id *added, size_t *added_count)
{
	struct cursor_fill *fills = arena_alloc(page->feed->arena,
						(cursor->fill_count + *added_count + 1) * sizeof *fills);
	size_t count = 0, new_count = 0;

	if (fills == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < cursor->fill_count; i++)
		if (page_is_member(page, &cursor->fills[i].patient))
			fills[count++] = cursor->fills[i];
	for (size_t i = 0; i < *added_count; i++) {
		if (page_fill(cursor, &added[i]) != NULL)
			continue;
		fills[count++] = (struct cursor_fill){ .patient = added[i] };
		added[new_count++] = added[i];
	}
	*added_count = new_count;
	cursor->fills = fills;
	cursor->fill_count = count;
	return count <= CURSOR_FILLS_MAX ? ST_OK : ST_LIMIT;
}

/* Is this a patient that the centre has and this worker does not? */
static enum status is_elsewhere(const struct page *page, const struct taken *taken, bool *out)
{
	struct store *store = page->feed->store;
	struct id patient;
	bool deleted;
	enum status st;

	*out = false;
	if (taken->kind == NULL || !taken->kind->is_patient || page_is_member(page, &taken->id))
		return ST_OK;
	st = store->ops->record_head(store, taken->kind, &taken->id, &patient, &deleted);
	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st; /* a create that was returned: there is nothing to leave */
}

/* Patients that this request's changes made, or are about, and that have left already: where one came and went between
 * two answers that were heard, membership is the same at both ends, and the tablet that made it still holds it. */
static enum status gone_again(const struct page *page, struct id *gone, size_t *count)
{
	const struct feed_case *feed = page->feed;

	for (size_t i = 0; i < feed->taken_count; i++) {
		const struct id *id = &feed->taken[i].id;
		bool elsewhere = false, known = false;
		const enum status st = is_elsewhere(page, &feed->taken[i], &elsewhere);

		if (st != ST_OK)
			return st;
		for (size_t j = 0; j < *count && elsewhere && !known; j++)
			known = id_equal(&gone[j], id);
		if (elsewhere && !known)
			gone[(*count)++] = *id;
	}
	return ST_OK;
}

/* Who is new, who is gone since the cursor's scope. A tablet that knows more of the
 * schema than what it was fed is filled again. */
static enum status compare_membership(struct page *page, struct cursor *cursor, struct answer *answer)
{
	const struct feed_case *feed = page->feed;
	bool again = cursor->schema_version != 0 && cursor->schema_version < feed->theirs->version;
	struct id *before = NULL, *gone, *added;
	size_t before_count = 0, added_count;
	enum status st;

	st = feed->store->ops->member_list(feed->store, &feed->worker, cursor->scope, feed->arena, &before,
					   &before_count);
	if (st != ST_OK)
		return st;
	gone = arena_alloc(feed->arena, (before_count + feed->taken_count + 1) * sizeof *gone);
	added = arena_alloc(feed->arena, (page->member_count + 1) * sizeof *added);
	if (gone == NULL || added == NULL)
		return ST_NOMEM;
	answer->let_go = gone;
	answer->let_go_count = only_in(before, before_count, page->members, page->member_count, gone);
	st = gone_again(page, gone, &answer->let_go_count);
	if (st != ST_OK)
		return st;
	if (again) {
		cursor->complete = cursor->position = page->complete = 0;
		cursor->fill_count = 0;
		before_count = 0;
	}
	added_count = only_in(page->members, page->member_count, before, before_count, added);
	st = fill_order(feed, added, added_count);
	if (st == ST_OK)
		st = renew_fills(page, cursor, added, &added_count);
	answer->filling = added;
	answer->filling_count = added_count;
	cursor->scope = feed->now_seq;
	cursor->schema_version = feed->theirs->version;
	return st;
}

/* --- what the request's changes ask for ------------------------------------------ */

static bool is_standing(const struct page *page, const struct taken *taken)
{
	for (size_t i = 0; i < page->standing_count; i++)
		if (page->standing[i].kind == taken->kind && id_equal(&page->standing[i].id, &taken->id))
			return true;
	return false;
}

/* Everything that any change of the request asks for of this record. */
static struct portion asked_for(const struct page *page, const struct record *record, bool whole)
{
	struct portion portion = page_news(page, record);
	uint64_t mask = 0;

	for (size_t i = 0; i < page->feed->taken_count; i++) {
		const struct taken *taken = &page->feed->taken[i];

		if (taken->kind != record->kind || !id_equal(&taken->id, &record->id))
			continue;
		mask |= taken->standing_mask;
		whole = whole || taken->whole;
	}
	portion.deleted = record->deleted;
	portion.whole = !record->deleted && (portion.whole || whole);
	for (size_t g = 0; g < record->kind->group_count && !record->deleted; g++)
		if (record->kind->groups[g].mask & mask)
			portion.mask |= record->kind->groups[g].mask;
	return portion;
}

static enum status add_standing(struct page *page, const struct cursor *cursor, const struct taken *taken)
{
	struct store *store = page->feed->store;
	struct record *record;
	struct portion portion;
	bool full, staff;
	enum status st;

	arena_reset(&page->scratch);
	record = arena_alloc(&page->scratch, sizeof *record);
	if (record == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, taken->kind, &taken->id, &page->scratch, record);
	if (st == ST_NOT_FOUND)
		return ST_OK;
	if (st != ST_OK)
		return st;
	staff = id_equal(&record->patient, &ID_STAFF);
	if (!staff && !page_is_member(page, &record->patient))
		return ST_OK;
	portion = asked_for(page, record, !staff && page_fill(cursor, &record->patient) != NULL);
	st = page_add(page, record, &portion, false, &full);
	if (st != ST_OK || full)
		return st; /* no room: what is newer than the tablet's copy comes as news */
	page->standing[page->standing_count++] = (struct page_sent){ taken->kind, taken->id };
	return ST_OK;
}

static enum status walk_standing(struct page *page, const struct cursor *cursor)
{
	const struct feed_case *feed = page->feed;
	enum status st = ST_OK;

	page->standing = arena_alloc(feed->arena, (feed->taken_count + 1) * sizeof *page->standing);
	if (page->standing == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < feed->taken_count && st == ST_OK; i++) {
		const struct taken *taken = &feed->taken[i];

		if (taken->kind == NULL || (taken->standing_mask == 0 && !taken->whole) || is_standing(page, taken))
			continue;
		st = add_standing(page, cursor, taken);
	}
	return st;
}

/* --- the answer ----------------------------------------------------------------- */

enum status feed_standing(const struct feed_case *feed, const struct cursor *cursor, const struct answer *answer,
			  struct buf *records, size_t *record_count_out)
{
	struct page page;
	enum status st = page_open(&page, feed, cursor, answer, records);

	if (st == ST_OK)
		st = walk_standing(&page, cursor);
	if (st == ST_OK)
		st = page_order(&page);
	if (st == ST_OK)
		*record_count_out = page.count;
	arena_close(&page.scratch);
	return st;
}

enum status feed_page(const struct feed_case *feed, struct cursor *cursor, struct answer *answer, struct buf *records,
		      size_t *record_count_out)
{
	struct page page;
	struct id *complete = NULL;
	size_t complete_count = 0;
	bool news_ended = false;
	enum status st;

	if (cursor->position > feed->now_seq || cursor->scope > feed->now_seq)
		return ST_STEP_BACK;
	env_crash_point(feed->store->env, "B16 pull snapshot");
	st = page_open(&page, feed, cursor, answer, records);
	if (st == ST_OK)
		st = compare_membership(&page, cursor, answer);
	if (st == ST_OK)
		st = walk_standing(&page, cursor);
	if (st == ST_OK)
		st = news_walk(&page, cursor, &news_ended);
	if (st == ST_OK) {
		complete = arena_alloc(feed->arena, (cursor->fill_count + 1) * sizeof *complete);
		st = complete == NULL ? ST_NOMEM : ST_OK;
	}
	if (st == ST_OK && news_ended)
		st = fill_walk(&page, cursor, complete, &complete_count);
	if (st == ST_OK)
		st = page_order(&page);
	if (st == ST_OK) {
		answer->complete = complete;
		answer->complete_count = complete_count;
		answer->more = !news_ended || cursor->fill_count > 0;
		*record_count_out = page.count;
	}
	arena_close(&page.scratch);
	return st;
}
