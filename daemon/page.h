/* page.h - one page of the feed in the making: what is sent of a record, and how
 * much room there is. Private to feed.c, news.c and fill.c. Store ring.
 */
#ifndef DAEMON_PAGE_H
#define DAEMON_PAGE_H

#include "daemon/feed.h"

struct page_sent {
	const struct kind *kind;
	struct id id;
};

/* Where a record stands in `records`. */
struct page_place {
	size_t at, len;
	uint8_t kind;
};

struct page {
	const struct feed_case *feed;
	const struct answer *answer;
	struct buf *records;
	struct arena scratch;        /* one record at a time */
	const struct id *members;    /* the worker's patients now, ascending */
	size_t member_count;
	uint64_t complete;           /* the cursor's, as the request brought it */
	bool caught_up;              /* nothing newer than that is on the tablet: it is not amid a catch-up */
	struct page_sent *standing;  /* records sent because a change asked for them */
	size_t standing_count;
	size_t count;                /* records in all */
	struct page_place *places;   /* of each; room for places_room */
	size_t places_room;
	size_t fed;                  /* of them by news and fills */
	size_t items, bytes_max;
};

/* How much of a record goes: nothing, if not whole, not deleted and mask 0. */
struct portion {
	bool whole, deleted;
	uint64_t mask; /* fields, whole groups */
};

/* What is news of a record since page->complete, but for what this request's own
 * changes set and had accepted as sent. */
struct portion page_news(const struct page *page, const struct record *record);

/* Write that much of the record. paid: it counts against the budget, and
 * *full_out says that there was no room: nothing was written then. */
enum status page_add(struct page *page, const struct record *record, const struct portion *portion,
		     bool paid, bool *full_out) MUST_CHECK;

/* At the end: the records by kind, each kind in the order in which they came, for so they compress best. */
enum status page_order(struct page *page) MUST_CHECK;

bool page_has_room(const struct page *page);
bool page_is_member(const struct page *page, const struct id *patient);
const struct cursor_fill *page_fill(const struct cursor *cursor, const struct id *patient); /* NULL: none */

/* News of every unit that is not being filled. */
enum status news_walk(struct page *page, struct cursor *cursor, bool *ended_out) MUST_CHECK;

/* Put patients in the order in which they are filled. */
enum status fill_order(const struct feed_case *feed, struct id *patients, size_t count) MUST_CHECK;
/* Go on with the fills; who has caught up is appended to complete (room for all fills) and
 * leaves the cursor. */
enum status fill_walk(struct page *page, struct cursor *cursor, struct id *complete,
		      size_t *complete_count_out) MUST_CHECK;

#endif
