/* lateness.h - how long after the visit a note was signed. Store ring; no database here.
 *
 * Counted from the visit's end to the signature, never to its arrival: writing offline in
 * time is not late. The end is the check-out, else the check-in, else the planned end;
 * without a visit (or without one that is known here) it is when the note was written.
 */
#ifndef COMMON_LATENESS_H
#define COMMON_LATENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/schema.h"
#include "common/value.h"

/* "During or as soon as practicable", read as "a couple of days" (DOMAIN.md, Notes, Timeliness). */
#define LATENESS_MAX_MS (INT64_C(48) * 3600 * 1000)

struct lateness {
	int64_t ms;      /* negative: signed before the visit was over */
	bool from_visit; /* else from when it was written */
};

/* visit NULL: none is known. False: there is nothing to count from. */
bool lateness_of(const struct kind *note_kind, const struct row *note, const struct kind *visit_kind,
		 const struct row *visit, int64_t signed_ms, struct lateness *out);

bool lateness_is_late(const struct lateness *lateness);

/* "3 h 10 min after the visit", with ", late" where it is. */
#define LATENESS_WORDS_SIZE 80
void lateness_words(const struct lateness *lateness, char out[LATENESS_WORDS_SIZE]);

#endif
