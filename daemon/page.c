#include "daemon/page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SEQ_IS_SET(seq) ((seq) != 0)
#define SPLICE_WORTH 160 /* bytes of a text for which history is asked */

static bool taken_is(const struct taken *taken, const struct record *record)
{
	return taken->kind == record->kind && id_equal(&taken->id, &record->id);
}

/* Did a change of this request set the group, and was it accepted as sent? */
static bool group_is_known(const struct feed_case *feed, const struct record *record, size_t g)
{
	const uint64_t mask = record->kind->groups[g].mask;

	for (size_t i = 0; i < feed->taken_count; i++) {
		const struct taken *taken = &feed->taken[i];

		if (taken->seq == record->groups[g].seq && taken_is(taken, record) &&
		    (taken->accepted_mask & mask) == mask)
			return true;
	}
	return false;
}

static bool creation_is_known(const struct feed_case *feed, const struct record *record)
{
	for (size_t i = 0; i < feed->taken_count; i++)
		if (feed->taken[i].seq == record->created_seq && taken_is(&feed->taken[i], record) &&
		    feed->taken[i].accepted_mask != 0)
			return true;
	return false;
}

/* Did a change of this request set the deletion mark that stands? One that came
 * again asks for the whole record and is not taken as known. */
static bool deletion_is_known(const struct feed_case *feed, const struct record *record)
{
	for (size_t i = 0; i < feed->taken_count; i++)
		if (feed->taken[i].seq == record->deletion.seq && taken_is(&feed->taken[i], record) &&
		    !feed->taken[i].whole)
			return true;
	return false;
}

struct portion page_news(const struct page *page, const struct record *record)
{
	const struct feed_case *feed = page->feed;
	struct portion portion = { 0 };
	bool marked = SEQ_IS_SET(record->deletion.seq) && record->deletion.seq > page->complete;

	if (record->deleted) {
		portion.deleted = marked && !deletion_is_known(feed, record);
		return portion;
	}
	portion.whole = marked || (record->created_seq > page->complete && !creation_is_known(feed, record));
	for (size_t g = 0; g < record->kind->group_count; g++)
		if (record->groups[g].seq > page->complete && !group_is_known(feed, record, g))
			portion.mask |= record->kind->groups[g].mask;
	return portion;
}

/* The record as the tablet's schema has it: kinds and fields are found by number. False: its
 * version has no such kind. */
static bool translate(const struct schema *theirs, const struct record *record, const struct portion *portion,
		      struct answer_record *out)
{
	const struct kind *kind = schema_kind_num(theirs, record->kind->num);

	if (kind == NULL)
		return false;
	*out = (struct answer_record){ .kind = kind, .id = record->id, .patient = record->patient,
				       .seq = record->seq, .whole = portion->whole, .deleted = portion->deleted };
	for (size_t f = 0; f < kind->field_count; f++) {
		int ours = kind_field_num(record->kind, kind->fields[f].num);

		assert(ours >= 0);
		out->row.values[f] = record->row.values[ours];
		if (portion->whole || (portion->mask >> ours & 1))
			out->mask |= UINT64_C(1) << f;
	}
	return true;
}

/* Notes where the record of this kind stands that begins at `at` and ends the buffer. */
static enum status note_place(struct page *page, uint8_t kind, size_t at)
{
	struct page_place *places = page->places;

	if (page->count == page->places_room) {
		page->places_room = page->places_room > 0 ? 2 * page->places_room : 64;
		places = arena_alloc(page->feed->arena, page->places_room * sizeof *places);
		if (places == NULL)
			return ST_NOMEM;
		if (page->count > 0)
			memcpy(places, page->places, page->count * sizeof *places);
		page->places = places;
	}
	places[page->count++] = (struct page_place){ .at = at, .len = page->records->len - at, .kind = kind };
	return ST_OK;
}

static int compare_kinds(const void *a, const void *b)
{
	const struct page_place *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return (left->at > right->at) - (left->at < right->at);
}

enum status page_order(struct page *page)
{
	struct buf *records = page->records, ordered;

	if (page->count < 2)
		return ST_OK;
	qsort(page->places, page->count, sizeof *page->places, compare_kinds);
	buf_init(&ordered, records->size_max);
	for (size_t i = 0; i < page->count; i++)
		buf_add(&ordered, records->data + page->places[i].at, page->places[i].len);
	if (buf_status(&ordered) != ST_OK) {
		buf_close(&ordered);
		return ST_NOMEM;
	}
	buf_close(records);
	*records = ordered;
	return ST_OK;
}

/* The long texts that the tablet has of what goes, by field of its schema: as of page->complete, unless it has had
 * something newer since, or a change of this request touches the record. */
static enum status known_texts(struct page *page, const struct record *record, const struct portion *portion,
			       const struct kind *theirs, const struct bytes **out)
{
	const struct feed_case *feed = page->feed;
	struct intake in = { .store = feed->store, .schema = feed->schema, .arena = &page->scratch };
	struct bytes *texts = NULL;
	enum status st = ST_OK;

	for (size_t i = 0; i < feed->taken_count; i++)
		if (taken_is(&feed->taken[i], record))
			return ST_OK;
	for (size_t f = 0; f < theirs->field_count && page->caught_up; f++) {
		const int ours = kind_field_num(record->kind, theirs->fields[f].num);
		const struct group *group = &record->kind->groups[record->kind->fields[ours].group];
		struct row *row;

		if (!(portion->mask >> ours & 1) || theirs->fields[f].type != TYPE_TEXT ||
		    record->row.values[ours].tag != VALUE_TEXT || record->row.values[ours].len < SPLICE_WORTH)
			continue;
		if (texts == NULL)
			texts = arena_zalloc(&page->scratch, theirs->field_count * sizeof *texts);
		row = arena_zalloc(&page->scratch, sizeof *row);
		if (texts == NULL || row == NULL)
			return ST_NOMEM;
		st = intake_value_at(&in, record->kind, &record->id, group, page->complete, row);
		if (st == ST_NOMEM)
			return st;
		if (st == ST_OK && row->values[ours].tag == VALUE_TEXT)
			texts[f] = (struct bytes){ row->values[ours].text, row->values[ours].len };
	}
	*out = texts;
	return ST_OK;
}

bool page_has_room(const struct page *page)
{
	if (page->feed->records_max != 0 && page->fed >= page->feed->records_max)
		return false;
	return page->fed == 0 || (page->records->len < page->bytes_max && page->items < ANSWER_ITEMS_MAX);
}

enum status page_add(struct page *page, const struct record *record, const struct portion *portion, bool paid,
		     bool *full_out)
{
	const size_t before = page->records->len;
	struct answer_record out;
	enum status st;
	size_t items;

	*full_out = false;
	if (!portion->whole && !portion->deleted && portion->mask == 0)
		return ST_OK;
	if (!translate(page->feed->theirs, record, portion, &out))
		return ST_OK;
	if (!out.whole && !out.deleted && out.mask == 0)
		return ST_OK;
	if (paid && !out.whole && !out.deleted) {
		st = known_texts(page, record, portion, out.kind, &out.base);
		if (st != ST_OK)
			return st;
	}
	items = page->items + answer_record_items(&out);
	if (paid && page->fed > 0)
		*full_out = !page_has_room(page) || items > ANSWER_ITEMS_MAX;
	else if (!paid)
		*full_out = before > FEED_BYTES_MAX / 2 || items > ANSWER_ITEMS_MAX / 2;
	if (*full_out)
		return ST_OK;
	env_crash_point(page->feed->store->env, "B17 mid page");
	st = answer_record_encode(page->records, page->answer, &out);
	if (st != ST_OK)
		return st;
	if (paid && page->fed > 0 && page->records->len > page->bytes_max) {
		page->records->len = before;
		*full_out = true;
		return ST_OK;
	}
	page->items = items;
	page->fed += paid;
	return note_place(page, out.kind->num, before);
}

static int compare_ids(const void *a, const void *b)
{
	return id_compare(a, b);
}

bool page_is_member(const struct page *page, const struct id *patient)
{
	return page->member_count > 0 &&
	       bsearch(patient, page->members, page->member_count, sizeof *page->members, compare_ids) != NULL;
}

const struct cursor_fill *page_fill(const struct cursor *cursor, const struct id *patient)
{
	for (size_t i = 0; i < cursor->fill_count; i++)
		if (id_equal(&cursor->fills[i].patient, patient))
			return &cursor->fills[i];
	return NULL;
}
