/* order.h - in which order dirty records become changes: patient by patient in order
 * of their first edit, within a patient by first edit, a create before what refers to
 * it. Store ring.
 */
#ifndef CLIENT_ORDER_H
#define CLIENT_ORDER_H

#include "client/tracks.h"

struct pending {
	struct key key;
	int64_t edit_first;
	bool create;
	/* Edited too recently: goes now only if something that goes refers to its create. What is
	 * closed or signed never rests. */
	bool resting;
};

/* All records with dirty groups that go now; the array is the arena's. rest_ms as in
 * struct journal_options, by the tablet's wall clock. Kinds that this schema lacks are left out. */
enum status order_pending(struct replica *r, int64_t rest_ms, struct arena *arena,
			  struct pending **out, size_t *count_out) MUST_CHECK;

/* Was anything that is closed or signed edited after this edit number, so that it goes at once? */
enum status order_closed_since(struct replica *r, int64_t edit, bool *closed_out) MUST_CHECK;

#endif
