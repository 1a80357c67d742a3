/* words.h - what somebody proposed for a note that is signed, on its way into an addendum. Private to
 * addenda.c, but for the three at the end.
 * Store ring.
 */
#ifndef DAEMON_WORDS_H
#define DAEMON_WORDS_H

#include "daemon/candidates.h"

struct words {
	struct id author;
	uint64_t seq;       /* of the change that proposed them */
	struct row row;
	uint64_t mask;      /* the fields proposed */
	const char *reason; /* what the addendum says of its coming */
	const char *lead;   /* what its text begins with; NULL = nothing */
};

/* What addenda are made of: all that a signature covers but who signed and when. */
uint64_t words_mask(const struct kind *note);

/* The author's own words in this row of history, of the note or of a conflict about it (target, else NULL): author, seq,
 * row and mask are set; mask 0 where it brings none. Texts in in->arena. */
enum status words_read(struct intake *in, const struct record *note, const struct target *target,
		       const struct history *row, struct words *words) MUST_CHECK;

/* The addendum of the words that differ from what stands in the note: of a narrative the sentences that the note lacks
 * (all of it where the author only took some out), as the author wrote them and never longer; none where nothing differs. */
enum status words_add(struct intake *in, const struct record *note, const struct words *words) MUST_CHECK;

/* The name of a worker, in the arena; "somebody" where there is none. */
enum status words_worker(struct intake *in, const struct id *worker, const char **out) MUST_CHECK;

/* The index of a field that the kind has. */
int words_field(const struct kind *kind, const char *name);

/* An id as a value, its text in the arena; zero is null. */
struct value words_id(struct arena *arena, const struct id *id);

#endif
