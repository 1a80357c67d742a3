/* outcome.h - what became of a change: n is settled, held or given back (apply.h).
 * Store ring. Only between replica_quiet_begin and _end.
 */
#ifndef CLIENT_OUTCOME_H
#define CLIENT_OUTCOME_H

#include "client/apply.h"
#include "client/tracks.h"

/* Settle one number and count it in the report. *key_out: the record of the change;
 * kind NULL where nothing of it moved. Its groups that were not accepted are SENT_LOST until
 * outcome_done. An outcome for a number that was never given, or that contradicts the one
 * which settled it, changes nothing but is told and logged: one such must not keep all else
 * from travelling. */
enum status outcome_apply(struct replica *r, const struct outcome *outcome, struct apply_report *report,
			  struct key *key_out) MUST_CHECK;

/* The rows show what stands: nothing is lost any more. */
enum status outcome_done(struct replica *r, uint64_t n) MUST_CHECK;

/* The centre lacks numbers: all from there on wait again, returned ones too, since it takes no
 * number before the one ahead of it. *settled_out: some had been settled or returned, so that
 * what this tablet was shown of the centre may be of the past. */
enum status outcome_send_from(struct replica *r, uint64_t n, bool *settled_out) MUST_CHECK;

#endif
