/* apply.h - what an answer does to the replica, in one transaction: outcomes, rows,
 * patients let go, cursor, in this order (DESIGN.md section 4). Store ring.
 *
 * - An outcome settles n and never touches a dirty group. accepted: the group's seen
 *   version becomes the outcome's seq. Other verdicts: the standing value comes among
 *   the records of the same answer.
 * - A record's group that is dirty or in flight here updates only ds_copy; otherwise the row
 *   takes it, the row gets a new version, ds_past keeps what was shown until now.
 * - When a group stops being in flight and is not dirty, the row takes its kept copy.
 * - A held change stays unsettled: its values stay in the row. Returned: the row takes the centre's
 *   copy (a returned create without one leaves its table); the value stays in the journal.
 * - A deletion at the centre removes the row where nothing is dirty or in flight;
 *   otherwise it is kept in ds_copy (grp 0) until then.
 * - Patients let go (this version): rows stay, ds_caseload says 'left'. In the same transaction all that is dirty gets
 *   its numbers, so that no change holds both what was written before this tablet heard of the handover and what was
 *   written after: the centre takes the one and holds the other (DESIGN.md section 6, Handover).
 * - A new reading is kept; ds_state.reading names it.
 * - What does not fit (an outcome that contradicts an earlier one, a part of a record that is
 *   not here, a record that is another patient's here) changes nothing, is told and logged,
 *   and keeps nothing else from being applied. A part that does not fit, and numbers that the
 *   centre has lost, take the cursor away: the next request is sent everything anew.
 * - An answer to a request without a cursor names the whole caseload: other patients are 'left'.
 * - Where a record can't be read, no row is taken and the cursor stays; outcomes count all the same,
 *   since they settle what people wrote and pushing must go on. It is told.
 */
#ifndef CLIENT_APPLY_H
#define CLIENT_APPLY_H

#include "client/replica.h"
#include "proto/envelope.h"
#include "proto/message.h"

struct apply_report {
	uint64_t accepted, merged, superseded, held, returned; /* changes by worst verdict */
	uint64_t records, let_go, filling, complete;
	bool more;
	bool anew; /* the cursor was taken away */
	bool unreadable; /* the answer's records were left: this version can't read them */
	bool notices[16]; /* by enum notice */
};

/* Changes that the answer said something of. */
uint64_t apply_settled(const struct apply_report *report);

/* Of the exchange that brought the answer, by this tablet's clocks. */
struct apply_times {
	int64_t wall_sent_ms, wall_received_ms; /* when the request left and the answer came */
	int64_t round_trip_ms;                  /* between them, by the boot clock */
	int64_t boot_received_ms;               /* the boot clock when the answer came, */
	uint32_t boot;                          /* and which boot it was; 0 = not known */
};

/* Inside the caller's write transaction; the answer's bytes live until it returns.
 * ST_PROTOCOL: a number beyond all that can be stored.
 * After any failure the caller rolls back. */
enum status apply_answer(struct replica *r, const struct answer *answer, const struct apply_times *times,
			 struct apply_report *report_out) MUST_CHECK;

#endif
