/* conflict.h - conflict records: opening, joining, deciding (DESIGN.md section 7).
 *
 * A conflict is a record of kind `conflict`, written by device 0, at most one open per record and
 * group; id = id_from_digest(H("conflict", kind, record, group, first change's sequence)).
 * An open conflict hears every decision that started from something: one that had not seen all becomes a candidate.
 * The texts of `candidates` and `decision` are written as common/decision.h says; values too large for the limit of
 * `candidates` are left out ("values":null) and read from history by seq. The standing value counts as seen where
 * "seen" names its sequence or "stood" is not before it.
 * Store ring.
 */
#ifndef DAEMON_CONFLICT_H
#define DAEMON_CONFLICT_H

#include "common/text.h"
#include "daemon/intake.h"

/* A value that lost against what stands. */
struct lost {
	const struct history *row;     /* the change that proposed it */
	const struct row *values;      /* as proposed; of text that was merged: what stands, with the proposed sentences */
	const struct text_spot *spots; /* where that differs from what stands; none: as a whole */
	size_t spot_count;
	const struct group_meta *stood; /* of what stood before the change */
};

/* Open the conflict of (record, group), or join the open one. The record is as it stands after the change. */
enum status conflict_open(struct intake *in, const struct record *record, const struct group *group,
			  const struct lost *lost) MUST_CHECK;

/* A decision arrived (the conflict's group `decision` was accepted): judge it as that
 * person's change of the target; close the conflict, or, if anything moved on since
 * it was shown, keep it open with the decision as a candidate. */
enum status conflict_decide(struct intake *in, const struct record *conflict,
			    const struct history *decision) MUST_CHECK;

/* Was a conflict of the group decided after this sequence? */
enum status conflict_decided_since(struct intake *in, const struct record *record, const struct group *group,
				   uint64_t seq, bool *out) MUST_CHECK;

/* Is it a decision that can be carried out: readable, of a candidate that there is, or of values that the group may
 * have? ST_INVALID: no. Intake asks before it takes one in. */
enum status conflict_check(struct intake *in, const struct record *conflict, const struct value *decision) MUST_CHECK;

/* Build the decision's JSON for the conflict as it stands: choice 0 = values given. Used by commands of
 * the centre. Text in the arena. ST_NOT_FOUND: no such candidate. */
enum status conflict_decision(struct intake *in, const struct record *conflict, unsigned choice,
			      const struct row *values, const char **json_out) MUST_CHECK;

#endif
