/* id.h - record ids: UUIDs, 16 bytes on the wire, lower-case text in tables.
 *
 * Any UUID is accepted; ours are made as version 7 (RFC 9562, section 5.7).
 * Pure: the caller brings time and randomness.
 */
#ifndef COMMON_ID_H
#define COMMON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SIZE 16
#define ID_TEXT_LEN 36
#define ID_TEXT_SIZE 37 /* with its NUL */

struct id {
	uint8_t bytes[ID_SIZE];
};

/* The unit that every tablet holds (workers): all zero, never a patient's id. */
extern const struct id ID_STAFF;

bool id_equal(const struct id *a, const struct id *b);
int id_compare(const struct id *a, const struct id *b); /* memcmp order */
bool id_is_zero(const struct id *id);

/* Lower-case, NUL-terminated. */
void id_format(const struct id *id, char text_out[ID_TEXT_SIZE]);

/* len bytes in the 8-4-4-4-12 form, either case. False: *id_out untouched. */
bool id_parse(const char *text, size_t len, struct id *id_out);

/* Version 7 from a time (ms UTC; clamped to 48 bits) and 10 random bytes. */
void id_make_v7(struct id *id_out, int64_t wall_ms, const uint8_t random[10]);

/* Version 8: derived from the first 16 bytes of a digest of what it stands for,
 * so that whoever derives it again gets the same (conflicts, series, import). */
void id_from_digest(struct id *id_out, const uint8_t digest[16]);

#endif
