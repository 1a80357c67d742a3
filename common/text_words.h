/* text_words.h - a text as units: words and marks with the blanks behind them; where its sentences end; which words
 * are careful ones. What text.h and text_diff.h work on.
 *
 * A unit is a token and the blanks (space, tab, CR and the other Unicode spaces) that follow it. A token is
 * - a word: letters, digits and their combining marks; one of . , : / - ' U+2019 _ + % belongs to the word when it stands
 *   between two letters or digits, so 5.5, 120/80, 10:30, 2026-11-23, b.i.d, well-known and doesn't are one word each;
 *   Hangul and Thai go as words, by blanks;
 * - one LF;
 * - one Han or kana character with what combines with it;
 * - one emoji: joined ones, modifiers, the two letters of a flag;
 * - one other mark with what combines with it (punctuation, symbols, controls).
 * No normalisation: composed and decomposed letters differ. The first unit of each text is an empty token with the
 * blanks that the text begins with.
 *
 * A sentence ends
 * - with a run of . ! ? … (and those of Arabic, Urdu and Devanagari) and the closing quotes and brackets right behind
 *   it, when a blank follows, the next word does not begin with a lower-case letter, and the run is not the full stop
 *   of an abbreviation (Dr Mr Mrs Ms Prof St vs approx etc, No before a number, a single letter, b.i.d and its like);
 * - with a run that holds one of the CJK 。！？, always;
 * - before and after each LF, and at the text's end.
 *
 * Careful words are those whose change can hurt somebody: anything with a digit, number words, units, dose forms,
 * frequency and time, dates, sides, negation. English and Spanish, and the commonest negations and sides of the other
 * languages that care managers here write in. Compared without case, full stops and the accents of Spanish; of a word
 * joined of several (left-sided, mg/kg) each part counts. The table in text_careful.c is the manual.
 *
 * Sources: ranges of characters from Unicode 14.0, general categories (the letter is what is in no range here); the
 * shape of clusters from UAX #29, simplified.
 */
#ifndef COMMON_TEXT_WORDS_H
#define COMMON_TEXT_WORDS_H

#include <stdbool.h>

#include "common/text.h"

enum text_kind { TEXT_START, TEXT_WORD, TEXT_CJK, TEXT_EMOJI, TEXT_MARK, TEXT_LINE };

struct text_unit {
	uint32_t at, len; /* the token, in bytes */
	uint32_t word;    /* the same number for the same token, see text_words_number */
	uint8_t kind;     /* enum text_kind */
	bool ends;        /* a sentence ends after it (the start counts as an end) */
	bool stop;        /* a full stop or its like, or what closes behind one: no more is needed to end a sentence */
};

struct text_units {
	struct text text;
	struct text_unit *units; /* count of them, and one more at the text's end with len 0 */
	uint32_t count;          /* at least 1: the start */
};

/* Most units of a text of len bytes, with the start and the one at the end. */
#define TEXT_UNITS_MAX(len) ((len) + 2)

/* Cut the text and mark its sentences. units: room for TEXT_UNITS_MAX(text->len); becomes units_out->units, whose text
 * stays the caller's. Words are not numbered yet. */
void text_words_cut(const struct text *text, struct text_unit *units, struct text_units *units_out);

/* Number the words of several texts: equal tokens get equal numbers, below the sum of the counts. slots: slot_count of
 * them, a power of two above the sum of the counts, content does not matter. Each step of the search is taken from
 * *steps_left; when none is left every further token has a number of its own (as if it were in no other text). */
void text_words_number(struct text_units *texts, size_t text_count, uint32_t *slots, size_t slot_count,
		       uint64_t *steps_left);

/* The character at the start of valid UTF-8, and its length in bytes. */
uint32_t text_words_char(const char *text, size_t *len_out);

/* The blanks behind a unit. */
struct text text_words_blanks(const struct text_units *units, uint32_t index);

/* Is the unit one of the marks that belong to a word between two letters or digits? */
bool text_words_joins(const struct text_units *units, uint32_t index);

/* Is the unit a careful word? */
bool text_words_careful(const struct text_units *units, uint32_t index);

/* The table of careful words, in order; NULL behind the last. */
const char *text_words_careful_row(size_t index);

#endif
