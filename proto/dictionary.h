/* dictionary.h - the preset dictionary of the deflated streams: words of the schema and
 * of care, written for this project; never patients' data, never copied text, and
 * nothing derived from the benchmark's or the demo's input.
 *
 * Its form is the first byte of every stream that is primed with it (envelope.h), so a
 * change of the text is a new form: old ones stay in the list, newest first. Pure data.
 */
#ifndef PROTO_DICTIONARY_H
#define PROTO_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

struct dictionary {
	const char *text;
	size_t len;
	uint8_t form;
};

/* The one to compress with. */
const struct dictionary *dictionary_newest(void);
/* NULL: unknown. */
const struct dictionary *dictionary_find(uint8_t form);

#endif
