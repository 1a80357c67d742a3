/* text_write.h - the end of a merge of text.h: pieces of three texts written as the two results, with the blanks between.
 */
#ifndef COMMON_TEXT_WRITE_H
#define COMMON_TEXT_WRITE_H

#include "common/text_words.h"

#define TEXT_NOWHERE UINT32_MAX

/* The same unit in each of the texts, or TEXT_NOWHERE. */
struct text_place {
	uint32_t base, current, proposed;
};

/* A run of units that stand in both results; or a place in conflict: current's units in merged, proposed's in other. */
struct text_piece {
	struct text_place at;
	uint32_t count;                      /* in a conflict current's */
	uint32_t proposed_count, base_count; /* in a conflict */
	bool spot;
};

struct text_pieces {
	struct text_piece *at;
	size_t count, max;
};

/* Most pieces of a merge of forms of so many units together, with so many edits on both sides together: a piece holds a
 * unit at least, and an edit makes at most four. */
#define TEXT_PIECES_MAX(units, edits) ((size_t)(units) < 4 * (size_t)(edits) + 4 ? (size_t)(units) : 4 * (size_t)(edits) + 4)

/* Most bytes of a result: every unit of both forms once, and a blank between any two. */
#define TEXT_WRITE_MAX(current_len, proposed_len) (2 * ((size_t)(current_len) + (size_t)(proposed_len)) + 16)

/* Append a run (none where count is 0), joined to the one before where it goes on in each text. */
void text_pieces_add(struct text_pieces *pieces, struct text_place at, uint32_t count);
/* Append a place in conflict: from at up to to in each text. */
void text_pieces_add_spot(struct text_pieces *pieces, struct text_place at, struct text_place to);

/* Write the results into memory (room bytes, aligned for any type; it holds a spot for each piece in conflict and two
 * times TEXT_WRITE_MAX). All of *out but the steps is set. texts: base, current, proposed, words numbered. */
void text_write(const struct text_units texts[3], const struct text_pieces *pieces, char *memory, size_t room,
		struct text_merge *out);

#endif
