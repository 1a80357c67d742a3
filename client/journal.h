/* journal.h - dirty groups become numbered changes, in full, in one transaction
 * (DESIGN.md section 4, Push). Store ring.
 *
 * A record's dirty groups become one change under the tablet's next number n. New
 * values are read from the live row. A group whose values equal its base, with
 * nothing in flight for it, is dropped (its row takes the kept centre's copy, if
 * one came). The change that signs a note carries all of the note: what was not edited
 * goes from the version this tablet had seen. Line ends of text become LF (lines.h),
 * sets their one form (value.h); the row takes them too.
 * What exceeds a limit is left dirty and listed in ds_attention with its reason
 * ("required", "too-long", "invalid") and field; it holds nothing else up, but for the
 * rest of its own record where that is closed (closing.h).
 * Order: patient by patient in order of their first edit, within a patient by first
 * edit, a create before what refers to it.
 */
#ifndef CLIENT_JOURNAL_H
#define CLIENT_JOURNAL_H

#include "client/replica.h"
#include "proto/change.h"

struct journal_options {
	int64_t rest_ms;     /* leave a record alone this long after its last edit; 0 = at once */
	size_t changes_max;  /* numbers to give at most */
};

/* Number what is dirty. Inside the caller's write transaction. *count_out: numbers given. */
enum status journal_number(struct replica *r, const struct journal_options *options,
			   size_t *count_out) MUST_CHECK;

/* Counts for status and health. */
struct outbox_counts {
	uint64_t dirty;     /* records edited and not numbered: Saved on this tablet */
	uint64_t waiting;   /* numbered, no outcome yet: Sending */
	uint64_t held;      /* held at the centre */
	uint64_t attention; /* exceed a limit: Needs attention (their groups are dirty too) */
	uint64_t returned;  /* given back and not used again or dismissed */
	uint64_t settled;   /* Received */
	int64_t oldest_unsent_ms; /* wall clock, 0 = none */
};
enum status journal_counts(struct replica *r, struct outbox_counts *out) MUST_CHECK;

/* Use a returned change's values again: they are written into the live row as a new edit
 * (a returned create makes its record again under the same id). ST_NOT_FOUND. ST_EXISTS: another
 * record has the create's id meanwhile. */
enum status journal_reuse(struct replica *r, uint64_t n, struct failure *why) MUST_CHECK;

/* Bring a record back that was deleted here before all of it could be sent, with the values it had
 * last, so that what exceeds a limit can be corrected. As if a program had inserted it again:
 * the deletion is undone. ST_NOT_FOUND: there is no such one. */
enum status journal_bring_back(struct replica *r, const struct kind *kind, const struct id *id,
			       struct failure *why) MUST_CHECK;

/* Recompute every digest and the running digest, compare with the newest receipt,
 * verify all kept receipts' signatures with the centre's key. *why says where it
 * breaks. ST_OK, ST_CORRUPT, ST_FORGED, ST_NOT_FOUND (no receipt yet). */
struct journal_proof {
	uint64_t changes, proven_n;
	uint64_t receipt_seq;
	int64_t receipt_counter;
};
enum status journal_verify(struct replica *r, struct journal_proof *out, struct failure *why) MUST_CHECK;

#endif
