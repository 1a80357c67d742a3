/* dice.h - chance, without a stream: each decision of a run is a hash of (seed, site, node, k), so that
 * taking one away leaves all others as they were, and a run can be told from its seed alone.
 *
 * A struct dice is one decision with as many throws as it needs; they follow from its four
 * numbers and from nothing else. Not for secrets.
 */
#ifndef TESTS_SIM_DICE_H
#define TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

/* Where a decision is made. Stable: seeds of the corpus mean what they meant. */
enum site {
	SITE_PLAN = 1, SITE_TABLET_ACT, SITE_CENTRE_ACT, SITE_EXCHANGE, SITE_TAKE, SITE_ANSWER, SITE_START, SITE_REST,
	SITE_CRASH, SITE_BYTES, SITE_CLOCK, SITE_LINK, SITE_DISK, SITE_SLEEP, SITE_BEGIN, SITE_COUNT,
	SITE_COVER = 1000 /* the faults have what follows SITE_COUNT */
};

struct dice {
	uint64_t state;
};

struct dice dice_at(uint64_t seed, enum site site, unsigned node, uint64_t k);
uint64_t dice_next(struct dice *dice);                  /* 64 even bits */
uint64_t dice_below(struct dice *dice, uint64_t below); /* 0 … below - 1; below > 0 */
bool dice_one_in(struct dice *dice, uint64_t odds);     /* once in so many; never where odds are 0 */

#endif
