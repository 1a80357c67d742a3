/* notes.h - a note on its way to a signature, for tests of intake: Ann writes it, Ben writes in it too (scene.h).
 */
#ifndef TESTS_SUPPORT_NOTES_H
#define TESTS_SUPPORT_NOTES_H

#include "tests/support/scene.h"

#define NOTES_SIGNED_MS (AGENCY_START_MS + 5000)

/* Seal the change's row, as the tablet does at the end. */
struct change *notes_seal(struct scene *s, struct change *change);
/* Every group of the note, with the values that stand, each started from the base; signed, not sealed. */
struct change *notes_whole(struct scene *s, const struct id *note, struct version base, const struct id *signer);

/* Ann's note, which both tablets know: observed "Steady on her feet.", plan "Walk daily.". */
struct id notes_draft(struct scene *s);
/* What Ann signs having seen all up to `seen`: her own plan, and the rest as she wrote it. */
struct change *notes_signature(struct scene *s, const struct id *note, uint64_t seen, const char *plan);
/* One section. */
struct change *notes_edit(struct scene *s, const struct id *note, const char *field, struct version base,
			  const char *text);
/* The newest sequence. */
uint64_t notes_now(struct scene *s);
const char *notes_id(struct scene *s, const struct id *id); /* as text */

/* The note's addenda, oldest first; a field of one. */
#define NOTES_ADDENDA_MAX 32
struct notes_addenda {
	const struct id *note;
	struct id ids[NOTES_ADDENDA_MAX];
	uint64_t seqs[NOTES_ADDENDA_MAX];
	size_t count;
};

struct notes_addenda notes_addenda(struct scene *s, const struct id *note);
const char *notes_addendum(struct scene *s, const struct id *note, size_t i, const char *field);

void assert_field(struct scene *s, const struct id *note, const char *field, const char *text);
/* Of that author, for the note as it is signed. */
void assert_addendum(struct scene *s, const struct id *note, size_t i, const struct id *author, const char *text);
void assert_sealed(struct scene *s, const struct id *note);

#endif
