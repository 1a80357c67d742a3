/* fold.h - text as people search for it: without case and without accents.
 *
 * Latin letters (up to U+017F) become their lower-case base letter, Greek and Cyrillic
 * letters lower case; combining accents are dropped; everything else stays as it is.
 * It depends on no locale. Letters of two (æ, œ, ß, ĳ) stay one letter.
 */
#ifndef COMMON_FOLD_H
#define COMMON_FOLD_H

#include <stdbool.h>
#include <stddef.h>

/* Folds len bytes of UTF-8 into out, which has room for len bytes (it never grows);
 * the same storage may be given twice. Returns the length. Broken UTF-8 is copied. */
size_t fold_text(const char *text, size_t len, char *out);

/* Does the folded text hold the folded words? An empty one is everywhere. */
bool fold_contains(const char *text, size_t len, const char *words, size_t words_len);

#endif
