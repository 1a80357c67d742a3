/* dictionary.h - the preset dictionary of the zlib streams: words of the schema and
 * of care, written for this project; never patients' data, never copied text, and
 * nothing derived from the benchmark's or the demo's input.
 *
 * Its adler32 stands in every stream, so a change of the text is a new version:
 * old ones stay in the list, newest first, and inflating picks by adler32. Pure data.
 */
#ifndef PROTO_DICTIONARY_H
#define PROTO_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

struct dictionary {
	const char *text;
	size_t len;
	uint32_t adler;
};

/* The one to compress with. */
const struct dictionary *dictionary_newest(void);
/* NULL: unknown. */
const struct dictionary *dictionary_find(uint32_t adler);

#endif
