/* conflict.h - conflict records: opening, joining, deciding (DESIGN.md section 7).
 *
 * A conflict is a record of kind `conflict`, written by device 0, at most one open per record and
 * group; id = id_from_digest(H("conflict", kind, record, group, first change's sequence)).
 * The texts of `candidates` and `decision` are written as common/decision.h says; values too large for the limit of
 * `candidates` are left out ("values":null) and read from history by seq. The standing value counts as seen where
 * "seen" names its sequence or "stood" is not before it.
 * Store ring.
 */
#ifndef DAEMON_CONFLICT_H
#define DAEMON_CONFLICT_H

#include "daemon/intake.h"

/* A value lost against what stands: open the conflict of (record, group), or join the open one. */
enum status conflict_open(struct intake *in, const struct record *record, const struct group *group,
			  const struct history *loser, const struct row *lost) MUST_CHECK;

/* A decision arrived (the conflict's group `decision` was accepted): judge it as that
 * person's change of the target; close the conflict, or, if anything moved on since
 * it was shown, keep it open with the decision as a candidate. */
enum status conflict_decide(struct intake *in, const struct record *conflict,
			    const struct history *decision) MUST_CHECK;

/* Is it a decision that can be carried out: readable, of a candidate that there is, or of values that the group may
 * have? ST_INVALID: no. Intake asks before it takes one in. */
enum status conflict_check(struct intake *in, const struct record *conflict, const struct value *decision) MUST_CHECK;

/* Build the decision's JSON for the conflict as it stands: choice 0 = values given. Used by commands of
 * the centre. Text in the arena. ST_NOT_FOUND: no such candidate. */
enum status conflict_decision(struct intake *in, const struct record *conflict, unsigned choice,
			      const struct row *values, const char **json_out) MUST_CHECK;

#endif
