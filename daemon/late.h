/* late.h - work that arrives after its patient has left its author's caseload (DESIGN.md section 6, Handover). Private
 * to intake's files, but for late_is.
 *
 * A tablet that is out of reach goes on with a patient who was handed over meanwhile. What was written before it had
 * heard of that is taken like any other work, and counts as *received after handover*. Each edit tells what its tablet
 * had heard (interval.h, evidence): the centre's time in the last answer applied before it. An answer that tells of the
 * handover was sent no earlier than the handover was made, so whoever had heard only what was sent before that moment did
 * not know. What was written later is held, and so is a change that says both: the tablet gives a number of its own to what
 * is unsent when it learns (apply.h), so honest work is never mixed. Nothing is asked of the cursor or of the order of
 * arrival; the same change is judged the same whenever it is tried again.
 *
 * A centre whose clock was set back between its last answer to the tablet and the handover holds what it could have
 * taken: a supervisor decides, and nothing is lost.
 *
 * Whoever has the patient now finds a task: one is open at a time for each patient, author and handover, however
 * much arrives. Store ring.
 */
#ifndef DAEMON_LATE_H
#define DAEMON_LATE_H

#include "daemon/trial.h"

/* The patient is not in the author's caseload. Was it, and did the author's tablet not know otherwise yet? Then
 * *left_seq_out is the change that ended it, else 0. */
enum status late_admit(const struct trial *trial, const struct id *patient, uint64_t *left_seq_out) MUST_CHECK;

/* Once settled: the task for whoever has the patient now. Nothing where the change is not late. */
enum status late_effects(struct trial *trial) MUST_CHECK;

/* Was this row of history received after handover? author: of the change, also where somebody else answered it. */
enum status late_is(struct store *store, const struct history *row, const struct id *author, bool *out) MUST_CHECK;

#endif
