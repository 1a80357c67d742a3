/* arena.h - memory for the texts of one piece of work (a decoded request, a row
 * read from a table): many small copies, freed together. Bounded by a ceiling.
 * Store ring.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used, size_max;
	bool full; /* something was refused because of the ceiling, not for lack of memory */
};

void arena_init(struct arena *arena, size_t size_max);
void arena_close(struct arena *arena); /* frees all; safe on a zeroed one */
void arena_reset(struct arena *arena); /* frees all but one block, ready for use again */

/* Aligned for any object, not cleared. NULL: no memory or over the ceiling. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size); /* cleared */
/* A copy with a NUL after it. */
char *arena_copy(struct arena *arena, const void *data, size_t len);

#endif
