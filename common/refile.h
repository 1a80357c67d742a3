/* refile.h - a record that was filed under the wrong patient is written anew under the
 * right one, and what was filed wrongly is marked (DESIGN.md section 3, Patient): what the
 * copy holds, and how the first is marked. Both ends carry it out as changes of their own.
 * Pure.
 */
#ifndef COMMON_REFILE_H
#define COMMON_REFILE_H

#include "common/schema.h"
#include "common/value.h"

enum refile_mark {
	REFILE_IN_ERROR,  /* entered-in-error, the reason beside it where the kind has a field for it */
	REFILE_CANCELLED, /* closed, of a kind without such a word: cancelled with a reason */
	REFILE_DELETED
};

/* Can a record of this kind stand alone under another patient? Not what is the centre's, nor
 * what must name a record of its patient (an addendum). */
bool refile_possible(const struct kind *kind);

/* Was it marked before? */
bool refile_is_marked(const struct kind *kind, const struct row *row);

/* The copy: all fields, but references to records of the first patient, which are left out and
 * named by *left_out; a signed note becomes a draft again. Texts are the first row's. */
void refile_copy(const struct kind *kind, const struct row *row, struct row *copy_out, uint64_t *left_out);

/* How the first is to be marked (one that began a series of visits loses its rule, which the
 * copy has), and the fields that say so: set in *row, their mask in *mask_out (0 for
 * REFILE_DELETED). reason: without anything of the patient; outlives the row. */
enum refile_mark refile_mark(const struct kind *kind, struct row *row, const char *reason, uint64_t *mask_out);

/* "entered-in-error", "cancelled", "deleted": for JSON. */
const char *refile_mark_name(enum refile_mark mark);

#endif
