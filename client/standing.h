/* standing.h - how things stand between this tablet and its centre. Store ring.
 *
 * Kept in ds_meta of the newest exchange, by the tablet's clock:
 *   last_up_ms        when the centre last confirmed changes of this tablet
 *   last_down_ms      when an answer of the centre was last applied
 *   last_failure_ms   when the newest exchange failed; 0 = it went well
 *   last_failure      then: what happened, in words (text)
 *   withdrawn_ms      since when the answers say that this tablet was withdrawn from use; 0 = they don't
 *   last_failure_next then: what to do next, in words (text)
 */
#ifndef CLIENT_STANDING_H
#define CLIENT_STANDING_H

#include "client/journal.h"
#include "client/replica.h"

struct standing {
	struct outbox_counts counts;
	uint64_t conflicts;                /* open ones of this tablet's patients */
	uint64_t complete, filling, left;  /* patients */
	int64_t last_up_ms, last_down_ms, failure_ms; /* by this tablet's clock; 0 = never */
	int64_t withdrawn_ms;              /* the tablet was withdrawn from use, as it learnt then; 0 = it was not */
	char failure[256], next[256];      /* of the newest exchange; empty: it went well */
};

/* All of one moment. */
enum status standing_read(struct replica *r, struct standing *out) MUST_CHECK;

/* What is to be sent: edited or numbered, and without an outcome. */
uint64_t standing_pending(const struct standing *standing);

/* How the newest exchange ended, inside a write transaction: failed (NULL = it went well), and whether the centre
 * confirmed changes. */
enum status standing_note(struct replica *r, bool confirmed, const struct failure *failed) MUST_CHECK;

/* Things people must be told (replica.h, ds_notice), newest first: called for each. */
typedef void standing_fn(void *ctx, int64_t at_ms, const char *what);
enum status standing_notices(struct replica *r, standing_fn *fn, void *ctx) MUST_CHECK;

/* How a patient stands in the caseload: "complete", "filling", "left", or "new" (made
 * here, and nothing heard of it yet). Static text. */
enum status standing_patient(struct replica *r, const struct id *patient, const char **state_out) MUST_CHECK;

#endif
