/* text_diff.h - what one side did to a text: the edits that make its form from the base, by words.
 *
 * The shortest script of insertions and deletions (E. Myers, 1986, the variant in linear space), over the words that
 * both have; then what suits a reader better than the shortest:
 * - two edits with fewer words between them than each of them deletes or inserts become one (N. Fraser's semantic
 *   cleanup, by words), but never across a LF;
 * - a pure insertion or deletion that could stand at several places, because the same words follow or precede it,
 *   stands at the last where it is made of whole sentences, or else at the last.
 * A function of the two texts alone.
 */
#ifndef COMMON_TEXT_DIFF_H
#define COMMON_TEXT_DIFF_H

#include "common/text_memory.h"
#include "common/text_words.h"

/* Units base_from up to base_to of the base became form_from up to form_to of the form. At least one range is not
 * empty; edits are in order, with at least one shared unit between any two. */
struct text_edit {
	uint32_t base_from, base_to, form_from, form_to;
};

/* Most edits between texts of these many units. */
#define TEXT_EDITS_MAX(base_count, form_count) ((base_count) < (form_count) ? (base_count) : (form_count))

/* Bytes of scratch memory for texts of these many units whose words are numbered below word_count. */
size_t text_diff_room(size_t base_count, size_t form_count, size_t word_count);

/* Fills edits (room for TEXT_EDITS_MAX) and returns how many. Words are numbered, below word_count. scratch: at least
 * text_diff_room, free again afterwards. Steps are taken from *steps_left; where they end, what has not been compared
 * is replaced. */
uint32_t text_diff(const struct text_units *base, const struct text_units *form, uint32_t word_count,
		   struct text_memory scratch, uint64_t *steps_left, struct text_edit *edits);

#endif
