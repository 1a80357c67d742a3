#include "tests/sim/met.h"

#include <assert.h>

#define MET_TEXT(name, text) text,
static const char *const TEXTS[MET_COUNT] = { MET_TABLE(MET_TEXT) };
#undef MET_TEXT

const char *met_text(enum met met)
{
	assert(met < MET_COUNT);
	return TEXTS[met];
}
