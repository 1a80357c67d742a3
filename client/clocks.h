/* clocks.h - the tablet's clocks, as the replica keeps them: readings of the centre's
 * clock, what was noticed of a wall clock that was set, and the clock since boot of
 * edits that a save of ours made. What follows from it clock.h decides. Store ring.
 *
 * ds_meta keeps what both clocks said when they were last looked at:
 *   clock_wall_ms, clock_boot_ms, clock_boot (0 = not known)
 * A wall clock that was set takes the next number among the readings (ds_reading,
 * set_here), so that no reading measures edits on both sides of it.
 */
#ifndef CLIENT_CLOCKS_H
#define CLIENT_CLOCKS_H

#include "client/replica.h"
#include "common/clock.h"

/* Both clocks, now. */
struct clock_pair clocks_pair(const struct replica *r);

/* Was the wall clock set since the last look? Then it is recorded, and from a minute on told. Keeps what the clocks
 * say now. Inside a write transaction. */
enum status clocks_look(struct replica *r) MUST_CHECK;

/* The same in a transaction of its own, which it begins only where something is to be recorded. */
enum status clocks_look_alone(struct replica *r) MUST_CHECK;

/* The number of the newest edit. */
enum status clocks_edit(struct replica *r, int64_t *edit_out) MUST_CHECK;

/* Give the edits of this record that have this number or a higher one the clock since boot: our
 * own save made them just now, in the caller's transaction. */
enum status clocks_stamp(struct replica *r, const struct kind *kind, const struct id *id, int64_t edit) MUST_CHECK;

/* Evidence of one edit from what the clocks said and the number of its reading (0 = none). */
enum status clocks_evidence(struct replica *r, const struct clock_pair *edit, int64_t reading,
			    struct evidence *out) MUST_CHECK;

/* What a request that leaves at wall_ms tells of the clock. */
enum status clocks_now(struct replica *r, int64_t wall_ms, struct clock_now *out) MUST_CHECK;

/* How far is the wall clock off, as far as the newest reading tells? *known_out false: nothing was heard yet. */
enum status clocks_off(struct replica *r, bool *known_out, struct clock_off *out) MUST_CHECK;

#endif
