/* signing.h - signed notes and closed records, as intake judges them (DESIGN.md section 7, Closing; what may change in
 * a closed record: common/closing.h). Private to intake's files.
 *
 * A note is a draft until one change *signs* it: status signed, with every field that the signature covers
 * (closing_signed_mask), the author's name and, from a tablet, the digest that seals them (common/signature.h). It is
 * judged whole: what its author signed stands to the byte, whatever stood, and never changes again. Words that the
 * signer had not seen, and words that come later, become addenda in the names of those who wrote them (addenda.h); a
 * second signature is such an addendum too. A signature that its author took back before it left the tablet is none:
 * what arrives is an error's mark. A note with an addendum is *amended*: the centre says so.
 *
 * An addendum from a tablet is in the name of who writes it.
 *
 * Of other kinds a change that would alter what stays of a closed record is held (HELD_CLOSED), a person's decision
 * loses. The mark entered-in-error is taken whatever its author had seen.
 * Store ring.
 */
#ifndef DAEMON_SIGNING_H
#define DAEMON_SIGNING_H

#include "daemon/trial.h"

/* Sets trial->closed and trial->signs; holds what may not be: a signature that does not carry what it signs, or in
 * another's name, an addendum in another's name, and a change of what stays. The record is known to be the author's to write. */
enum status signing_admit(struct trial *trial) MUST_CHECK;

/* True: this is what becomes of the group, and no rule is asked. */
bool signing_rules(const struct trial *trial, const struct group *group, struct judgement *judgement_out);

/* Once settled: addenda, conflicts that a signature ends, and the note's status. */
enum status signing_effects(struct trial *trial, const struct history *row) MUST_CHECK;

#endif
