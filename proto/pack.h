/* pack.h - msgpack for the rest of proto/: writing into a struct buf, reading what
 * scan_frame has let pass. Everything that comes from outside goes through
 * pack_open, so there is one decoder and one set of checks.
 *
 * Writing takes the shortest form of every integer, text and count, so that equal
 * content is equal bytes. Failure is remembered by the buf and asked for at the end.
 *
 * Reading: an object is msgpack-c's tree, in the zone of a struct pack; texts and
 * binaries in it point into the frame. Readers answer false where the object is
 * not of the type, size or range asked for, and then leave their outputs alone.
 * Store ring.
 */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/id.h"
#include "common/schema.h"
#include "common/status.h"
#include "common/value.h"

/* Numbers, sequences and counters that a database keeps: 0 to 2^63-1. */
#define PACK_NUMBER_MAX ((uint64_t)INT64_MAX)
/* How far a tablet's clock may claim to have moved, either way: 285,000 years. */
#define PACK_ELAPSED_MAX (INT64_C(1) << 53)

/* --- writing --- */

void pack_to(msgpack_packer *packer, struct buf *out);
void pack_bin(msgpack_packer *packer, const void *data, size_t len);
void pack_text(msgpack_packer *packer, const char *text, size_t len);
/* nil for null; an id as 16 bytes; a time as its difference to base_ms. ST_INVALID:
 * not of the field's type, or too far from the base; nothing is written then. */
enum status pack_value(msgpack_packer *packer, const struct field *field, const struct value *value,
		       int64_t base_ms) MUST_CHECK;
/* Ends a writer's work: the buf's status, or st where that is not ST_OK; on failure
 * the buf is cut back to len_before. */
enum status pack_end(struct buf *out, size_t len_before, enum status st) MUST_CHECK;

/* The value, or the nearest end of the range. */
int64_t pack_clamp(int64_t value, int64_t min, int64_t max);

/* --- reading --- */

struct pack {
	msgpack_zone *zone; /* NULL before pack_open and after it failed */
	msgpack_object root;
};

/* Scan and unpack one frame. ST_PROTOCOL, ST_LIMIT, ST_NOMEM. The frame's bytes
 * outlive the pack. pack_close is safe whatever pack_open answered. */
enum status pack_open(struct pack *pack, const void *bytes, size_t len) MUST_CHECK;
void pack_close(struct pack *pack);

/* Put the values of a map's keys 0 … count-1 in slots; NULL where a key is absent.
 * *unknown_out: there is a key >= count. False: not a map. */
bool pack_slots(const msgpack_object *map, const msgpack_object **slots, size_t count, bool *unknown_out);

bool pack_get_uint(const msgpack_object *object, uint64_t max, uint64_t *out);
bool pack_get_int(const msgpack_object *object, int64_t min, int64_t max, int64_t *out);
bool pack_get_bin(const msgpack_object *object, size_t size, void *out); /* exactly size bytes */
bool pack_get_id(const msgpack_object *object, struct id *out);
bool pack_get_array(const msgpack_object *object, size_t *count_out, const msgpack_object **items_out);

/* Text of at most max bytes, copied into the arena with a NUL; an absent one
 * (object NULL) is "". ST_PROTOCOL: no text. ST_LIMIT: too long. ST_NOMEM. */
enum status pack_get_text(const msgpack_object *object, size_t max, struct arena *arena,
			  const char **out) MUST_CHECK;

/* A field's value, checked by value_check. Texts point into the frame, ids' text
 * into the arena. ST_INVALID, ST_LIMIT: it is of another type, form or size than
 * its field (*out then holds what was read, null where that is no value).
 * ST_PROTOCOL: no kind of value at all. ST_NOMEM. */
enum status pack_get_value(const msgpack_object *object, const struct field *field, int64_t base_ms,
			   struct arena *arena, struct value *out) MUST_CHECK;

/* --- walking over a scanned frame without unpacking it --- */

struct pack_walk {
	const uint8_t *at, *end;
	size_t left; /* objects to come; a map's keys and values count one each */
	bool is_map;
};

/* Enter the array or map at the front of bytes. False: it is neither. */
bool pack_walk_in(struct pack_walk *walk, const void *bytes, size_t len);
/* The next object's bytes. False: there is none left. */
bool pack_walk_next(struct pack_walk *walk, const void **data_out, size_t *len_out);
/* In a map: the next key, and its value's bytes. */
bool pack_walk_key(struct pack_walk *walk, uint64_t *key_out, const void **data_out, size_t *len_out);

#endif
