/* wire.h - for tests of proto/: made-up records, changes and messages that are
 * always the same for the same seed, and hexadecimal text.
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/schema.h"
#include "proto/change.h"
#include "proto/message.h"

struct wire_random {
	uint64_t state;
};
uint64_t wire_next(struct wire_random *random);
uint64_t wire_below(struct wire_random *random, uint64_t limit);
void wire_bytes(struct wire_random *random, void *out, size_t len);

/* Doorstep's own schema, on the heap: free() it. */
struct schema *wire_schema_new(void);

/* A value that its field allows (never null); text lives in the arena. */
struct value wire_value(struct wire_random *random, const struct field *field, struct arena *arena);

/* A change of any kind: a create or an edit of some groups, with bases and evidence of every form. */
void wire_change(struct wire_random *random, const struct schema *schema, struct arena *arena, struct change *out);
bool wire_change_equal(const struct change *a, const struct change *b);

/* A record of any kind, whole or some groups. */
void wire_record(struct wire_random *random, const struct schema *schema, struct arena *arena,
		 struct answer_record *out);

/* The index of the kind's field or group of this name; it exists. */
size_t wire_field(const struct kind *kind, const char *name);
uint8_t wire_group_num(const struct kind *kind, const char *name);

/* Bytes of hexadecimal text, blanks skipped; at most room. Returns how many. */
size_t wire_unhex(const char *text, uint8_t *out, size_t room);

#endif
