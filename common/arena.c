#include "common/arena.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	max_align_t data[];
};

void arena_init(struct arena *arena, size_t size_max)
{
	*arena = (struct arena){ .size_max = size_max };
}

static void blocks_free(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void arena_close(struct arena *arena)
{
	if (arena == NULL)
		return;
	blocks_free(arena->head);
	*arena = (struct arena){ .size_max = arena->size_max };
}

void arena_reset(struct arena *arena)
{
	if (arena->head != NULL) {
		blocks_free(arena->head->next);
		arena->head->next = NULL;
		arena->head->used = 0;
	}
	arena->used = 0;
	arena->full = false;
}

/* A new block in front, with room for size bytes. */
static struct arena_block *block_add(struct arena *arena, size_t size)
{
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct arena_block *block = malloc(sizeof *block + room);

	if (block == NULL)
		return NULL;
	block->next = arena->head;
	block->size = room;
	block->used = 0;
	arena->head = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = sizeof(max_align_t);
	struct arena_block *block = arena->head;
	size_t whole;
	void *memory;

	assert(arena->used <= arena->size_max);
	if (size > arena->size_max - arena->used || size > SIZE_MAX / 2) {
		arena->full = true;
		return NULL;
	}
	whole = size == 0 ? align : (size + align - 1) / align * align;
	if (block == NULL || whole > block->size - block->used)
		block = block_add(arena, whole);
	if (block == NULL)
		return NULL;
	memory = (unsigned char *)block->data + block->used;
	block->used += whole;
	arena->used += size;
	return memory;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	void *memory = arena_alloc(arena, size);

	if (memory != NULL)
		memset(memory, 0, size);
	return memory;
}

char *arena_copy(struct arena *arena, const void *data, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}
