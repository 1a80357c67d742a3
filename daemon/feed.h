/* feed.h - what a tablet is sent: news, fills, patients to let go, and its next
 * cursor (DESIGN.md section 6, Feed). Store ring.
 *
 * Membership is compared at the cursor's `scope` and now. New patients are filled
 * with whole records from zero (patient, risks, allergies of all of them first; the
 * patients with the next planned visits first) and stay out of the general news until
 * they have caught up. News runs strictly in sequence order: records by last sequence >
 * position, their groups by sequence > complete; complete becomes position only
 * with the page whose news reached its end. A record new since `complete`, or back from
 * deletion, is whole. News leaves a value out as known only if a change of this
 * very request set it and was accepted as sent. A fill leaves nothing out.
 * The staff (ID_STAFF) is a unit that every tablet holds.
 *
 * Why nothing is skipped. A unit outside the fills has all up to `complete` on the
 * tablet, and its records are walked in order of their last sequence, read as they
 * stand now: whatever changes behind `position` gets a newer sequence and is met
 * again. A fill walks the same way from zero, so that a patient whose two parts
 * both reach their end is as of now, which is not before `complete` or `position`:
 * it joins the news without a gap, at worst with some values twice.
 *
 * Budget. A message's bytes are taken to shrink to a third; so a page ends where its
 * records before compression would pass three times the budget, at FEED_BYTES_MAX
 * or at ANSWER_ITEMS_MAX objects, but not before one record. What the changes of the
 * request ask for (struct taken) goes first and beyond the budget.
 */
#ifndef DAEMON_FEED_H
#define DAEMON_FEED_H

#include "daemon/cursor.h"
#include "daemon/intake.h"

#define FEED_BYTES_MAX ((size_t)5 * 1024 * 1024) /* records of one answer, before compression */
#define FEED_RECORDS_SIZE_MAX ((size_t)7 * 1024 * 1024) /* make `records` with this ceiling */

struct feed_case {
	struct store *store;
	const struct schema *schema;
	const struct schema *theirs; /* what the tablet knows: the same, or an older version */
	struct arena *arena;
	struct id worker;
	uint64_t now_seq;
	int64_t now_ms;
	uint32_t budget;           /* bytes of the answer, compressed; 0 = LIMIT_BUDGET_DEFAULT */
	size_t records_max;        /* news and fills: at most so many records (tests); 0 = no such limit */
	const struct taken *taken; /* of this very request */
	size_t taken_count;
};

/* Reads *cursor, writes records to `records` (answer_record_encode; answer->received_ms and
 * base_seq are set), sets let_go, filling, complete, more of the answer, and *cursor to the next one.
 * Records stand by kind. `records` is empty before. Lists and fills live in the arena. ST_STEP_BACK: the cursor is ahead of now_seq; nothing was
 * written. ST_LIMIT: more patients to fill than a cursor holds. */
enum status feed_page(const struct feed_case *feed, struct cursor *cursor, struct answer *answer,
		      struct buf *records, size_t *record_count_out) MUST_CHECK;

/* Only what the changes of the request ask for: no news, no fill, the cursor stays. */
enum status feed_standing(const struct feed_case *feed, const struct cursor *cursor,
			  const struct answer *answer, struct buf *records,
			  size_t *record_count_out) MUST_CHECK;

#endif
