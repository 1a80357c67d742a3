/* signature.h - the digest of what a note's author signs. Store ring.
 *
 * It seals the note's id, its patient and every field of closing_signed_mask: BLAKE2b
 * (32 bytes, domain "note") over
 *   id (16 bytes), patient (16 bytes), then for each of those fields, in the order of
 *   their numbers: its number (1 byte), 0 null | 1 integer | 2 text (1 byte),
 *   then 8 bytes, high first: the integer, or the length of the text, or 0; then the text.
 * It stands in the note's field `digest` in lower-case hexadecimal. The tablet computes
 * it when the note is signed, the centre again when the signature arrives, and whoever
 * wants to prove later what was signed.
 */
#ifndef COMMON_SIGNATURE_H
#define COMMON_SIGNATURE_H

#include "common/crypt.h"
#include "common/id.h"
#include "common/value.h"

#define SIGNATURE_TEXT_SIZE (2 * DIGEST_SIZE + 1)

/* ST_NOMEM; ST_LIMIT: the note is over every limit. */
enum status signature_digest(const struct kind *note, const struct id *id, const struct id *patient,
			     const struct row *row, char text_out[SIGNATURE_TEXT_SIZE]) MUST_CHECK;

/* Does the row's digest seal the row? ST_OK, ST_INVALID (it doesn't, or there is none), ST_NOMEM, ST_LIMIT. */
enum status signature_check(const struct kind *note, const struct id *id, const struct id *patient,
			    const struct row *row) MUST_CHECK;

#endif
