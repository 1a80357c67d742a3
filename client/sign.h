/* sign.h - signing a note on the tablet (DESIGN.md section 7, Closing; what the digest seals:
 * common/signature.h). Store ring.
 *
 * One write transaction reads the note, refuses what can't be signed, seals what stands and
 * closes it. The change that carries it is made when it is numbered (journal.h). How late a
 * signature is: common/lateness.h.
 */
#ifndef CLIENT_SIGN_H
#define CLIENT_SIGN_H

#include "client/replica.h"
#include "common/lateness.h"
#include "common/signature.h"

struct signing {
	int64_t version; /* of the row */
	int64_t signed_ms;
	char digest[SIGNATURE_TEXT_SIZE];
	bool dated; /* lateness can be told */
	struct lateness lateness;
};

/* Sign as this tablet's care manager, who becomes the author where the note has none.
 * late_reason: null, or text; a late note needs one. ST_NOT_FOUND; ST_REFUSED with *why: signed
 * before, entered in error, somebody else's, a conflict is open on it, without words, late
 * without a reason; ST_INVALID / ST_LIMIT: a field can't travel, or all together are too long. */
enum status sign_note(struct replica *r, const struct id *id, const struct value *late_reason,
		      struct signing *out, struct failure *why) MUST_CHECK;

/* How late a note is that was signed then; *dated_out false: there is nothing to count from.
 * The visit is read where it is on this tablet. */
enum status sign_lateness(struct replica *r, const struct kind *kind, const struct row *note, int64_t signed_ms,
			  bool *dated_out, struct lateness *out) MUST_CHECK;

#endif
