#include "tests/sim/dice.h"

#include <assert.h>

/* SplitMix64's mixing (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

struct dice dice_at(uint64_t seed, enum site site, unsigned node, uint64_t k)
{
	uint64_t state = mix(seed + UINT64_C(0x9E3779B97F4A7C15));

	state = mix(state ^ ((uint64_t)site << 32 | node));
	return (struct dice){ .state = mix(state ^ mix(k + UINT64_C(0xD1B54A32D192ED03))) };
}

uint64_t dice_next(struct dice *dice)
{
	dice->state += UINT64_C(0x9E3779B97F4A7C15);
	return mix(dice->state);
}

uint64_t dice_below(struct dice *dice, uint64_t below)
{
	assert(below > 0);
	return dice_next(dice) % below;
}

bool dice_one_in(struct dice *dice, uint64_t odds)
{
	return odds > 0 && dice_next(dice) % odds == 0;
}
