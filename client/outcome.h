/* outcome.h - what became of a change: n is settled, held or given back (apply.h).
 * Store ring. Only between replica_quiet_begin and _end.
 */
#ifndef CLIENT_OUTCOME_H
#define CLIENT_OUTCOME_H

#include "client/apply.h"
#include "client/tracks.h"

/* Settle one number and count it in the report. *key_out: the record of the change;
 * kind NULL where nothing of it moved. Its groups that were not accepted are SENT_LOST until
 * outcome_done. ST_PROTOCOL: n was never given, or had another outcome before. */
enum status outcome_apply(struct replica *r, const struct outcome *outcome, struct apply_report *report,
			  struct key *key_out) MUST_CHECK;

/* The rows show what stands: nothing is lost any more. */
enum status outcome_done(struct replica *r, uint64_t n) MUST_CHECK;

/* The centre lacks numbers: waiting, held and settled ones from there on wait again. */
enum status outcome_send_from(struct replica *r, uint64_t n) MUST_CHECK;

#endif
