/* closing.h - what may still change in a record once it is closed (DESIGN.md section 7,
 * Closing).
 *
 * A note is closed by its signature (or by being entered in error), other kinds by the
 * field that the schema says closes them. From then on the fields that the schema says
 * stay never change again, whoever asks: a mistake is marked entered-in-error and
 * written anew, a note is added to. The status moves one way only:
 *   signed -> amended (by the centre, when an addendum is there) -> entered-in-error,
 *   any other word -> entered-in-error;
 * status_reason (why entered in error) is given together with that last move.
 * A closed record is never deleted. Tablets refuse at the statement (client/capture.c,
 * the same rule as SQL), the centre when it judges (daemon/admit.c).
 * Pure.
 */
#ifndef COMMON_CLOSING_H
#define COMMON_CLOSING_H

#include <stdbool.h>

#include "common/schema.h"
#include "common/value.h"

#define CLOSING_ERROR "entered-in-error"
#define CLOSING_AMENDED "amended"
#define CLOSING_SIGNED "signed"

bool closing_is_closed(const struct kind *kind, const struct row *row);

/* before is closed: may the fields of the mask become those of after? */
bool closing_allows(const struct kind *kind, const struct row *before, const struct row *after, uint64_t mask);

/* The fields that a note's signature covers, in the order of their numbers: all but
 * status, status_reason and the digest itself. */
uint64_t closing_signed_mask(const struct kind *note);

#endif
