/* text_memory.h - the memory a caller of text.h gave, handed out from its beginning. What is copied from a struct
 * text_memory hands out the same bytes again: that is how scratch memory is given back.
 */
#ifndef COMMON_TEXT_MEMORY_H
#define COMMON_TEXT_MEMORY_H

#include <assert.h>
#include <stddef.h>

#define TEXT_ALIGNED(size) (((size) + 15) / 16 * 16)

struct text_memory {
	char *at; /* aligned for any type */
	size_t left;
};

/* size bytes, aligned for any type, of any content. There are as many: the caller has reckoned. */
static inline void *text_memory_take(struct text_memory *memory, size_t size)
{
	void *taken = memory->at;

	assert(TEXT_ALIGNED(size) <= memory->left);
	memory->at += TEXT_ALIGNED(size);
	memory->left -= TEXT_ALIGNED(size);
	return taken;
}

#endif
