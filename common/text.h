/* text.h - three-way merge of narrative by words, with clinical caution (DESIGN.md section 7, rule `text`).
 *
 * A pure function of three texts: base (what the author of a change started from), current (what stands at the centre)
 * and proposed (the tablet's). It makes two texts: *merged*, which stands, and *other*, the same with the tablet's
 * words at each place in conflict. It never decides between two people: where both touched one thing, the centre's
 * stands and the other is kept for a person. Only the centre calls it.
 *
 * 1. Words. A text is cut into units: a token and the blanks that follow it (text_words.h). Units are compared by their
 *    token. Blanks between units that all three texts share are merged by themselves: the changed ones stand; changed by
 *    both, the centre's. Blanks are never a conflict.
 * 2. Sentences end where text_words.h says. A LF is a sentence of its own, so the item of a list is one too.
 * 3. Edits. base is compared with current and with proposed (text_diff.h): Myers' shortest script, stray words between
 *    larger edits taken as edited, pure insertions and deletions slid to the boundaries of sentences.
 * 4. Pieces. The texts are cut wherever all three have the boundary of a sentence at the same place. So a piece is a
 *    sentence, or several where an edit of one side joins, splits or spans them. A piece that one side left alone is
 *    taken from the other. A piece that is new on one side, whole sentences between two boundaries, touches nothing.
 * 5. A piece that both changed to the same words is one change. Else it is a conflict when it holds a careful word
 *    (text_words.h) in any of its three forms, even if part of the change is the same ("not safe to drive" is not "not
 *    safe to drive after dark"), when edits of the two sides overlap or have no unchanged word between them, or when one
 *    side deleted it; otherwise both sides' edits stand, the same edit of both once. In a conflict merged has the
 *    centre's form of the whole piece and other the tablet's.
 * 6. New sentences of both sides between the same two: both stand, the centre's first. Whole sentences that both begin
 *    with, or both end with, are taken once. Where texts meet that never stood side by side and no blank or LF is
 *    between them, a space is put there, or a LF if the first does not end a sentence.
 * 7. Without a base the whole text is one piece in conflict.
 *
 * What follows, and is tested over random triples: merge(b, x, x) = merge(b, b, x) = merge(b, x, b) = x; every word that
 * current inserted is in merged, every word that proposed inserted in other; the conflicts of (b, c, p) are those of
 * (b, p, c) with merged and other swapped, but for blanks and the order of rule 6.
 *
 * Sources: E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986; S. Khanna, K. Kunal, B. Pierce, "A Formal
 * Investigation of Diff3", 2007; N. Fraser, "Diff Strategies" (semantic cleanup).
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_MERGE_MAX 262144 /* one text, bytes: 256 KiB */
/* Comparing stops there; what has not been compared by then counts as replaced as a whole. A fraction of a second. */
#define TEXT_MERGE_STEPS_MAX ((uint64_t)96 * 1024 * 1024)

/* Bytes that are somebody else's, not ended by NUL. */
struct text {
	const char *at;
	size_t len;
};

/* A place in conflict, in bytes. Any length may be 0, that of merged and of other never both. */
struct text_spot {
	uint32_t at, len;             /* in merged */
	uint32_t other_at, other_len; /* in other */
	uint32_t base_at, base_len;   /* in base: what both started from; 0, 0 without a base */
};

struct text_merge {
	const char *merged, *other; /* in the memory given, or at an input; other is merged where there is no spot */
	size_t merged_len, other_len;
	const struct text_spot *spots; /* in order, apart from each other or touching */
	size_t spot_count;             /* 0: no conflict */
	uint64_t steps;                /* work done, at most TEXT_MERGE_STEPS_MAX */
};

/* Bytes of memory that text_merge needs for texts of these lengths: up to 60 times their sum. What is touched of it
 * follows the number of words and of edits, for prose about 10 times the sum. */
size_t text_merge_room(size_t base_len, size_t current_len, size_t proposed_len);

/* base: NULL = not known any more. Texts are valid (utf8_valid), at most TEXT_MERGE_MAX bytes each, with LF line ends.
 * memory: room bytes, at least text_merge_room, aligned for any type, of any content; out points into it. The results
 * may be longer than any of the inputs: a field's own limit is the caller's to check. Never fails. */
void text_merge(const struct text *base, const struct text *current, const struct text *proposed, void *memory,
		size_t room, struct text_merge *out);

#endif
