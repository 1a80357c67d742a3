/* effects.h - what an accepted change brings about, in the same transaction (intake.h). Private to intake's
 * files. Store ring.
 */
#ifndef DAEMON_EFFECTS_H
#define DAEMON_EFFECTS_H

#include "daemon/trial.h"

/* Conflicts, membership, an assignment for the author of a patient, decisions, what a signature brings (signing.h),
 * visits that repeat (series.h); then notes what arrived, for held_wake_all. */
enum status effects_of(struct trial *trial, const struct history *row) MUST_CHECK;

/* A change of the centre that carries a person's decision: its groups are decided, and move even where the
 * value stays. Otherwise as intake_own. */
enum status effects_decide(struct intake *in, const struct id *author, struct change *change,
			   struct outcome *outcome_out) MUST_CHECK;

#endif
