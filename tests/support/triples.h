/* triples.h - random notes, each with two edited forms of it: what two people make of one text. All from a seed.
 *
 * Most are sentences of a small vocabulary that has careful words, numbers, lists, other scripts, emoji and combining
 * marks; edits are of words, sentences, paragraphs and blanks, some the same on both sides. The rest are strings of
 * random characters from a few that matter to cutting.
 */
#ifndef TESTS_SUPPORT_TRIPLES_H
#define TESTS_SUPPORT_TRIPLES_H

#include <stdint.h>

#include "common/text.h"

#define TRIPLE_LEN_MAX 8192

struct triple {
	struct text base, current, proposed;
	char room[3][TRIPLE_LEN_MAX];
};

void triple_make(struct triple *triple, uint64_t seed);

#endif
