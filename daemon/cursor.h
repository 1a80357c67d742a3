/* cursor.h - where a tablet is in the feed: opaque to it, sealed by the centre.
 *
 * Bytes: 1 version (1) · schema version that was fed · position · position less complete ·
 * position less scope, zigzag · count of fills · per fill 16 patient, 8 first, 8 rest (big-endian) ·
 * 16 seal. Numbers without a size are LEB128: seven bits a byte, lowest first, the eighth
 * says that more follow; a zigzag is twice a number from 0 on, and -1 less twice a
 * negative one. So the cursor of a tablet that has everything is small. The seal is a
 * keyed BLAKE2b over "cursor" with its NUL, the device's number and all before it, so
 * that a forged, altered or foreign cursor is refused without a word about what exists.
 * Store ring (it needs the seal).
 *
 * The schema version stands in it so that a tablet (or a centre) that has learnt new
 * kinds and fields is filled again from the answer on that knows both, and an answer
 * that was lost in between changes nothing of that.
 */
#ifndef DAEMON_CURSOR_H
#define DAEMON_CURSOR_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/id.h"
#include "common/status.h"

/* More patients than this can't be in the making at once (LIMIT_CURSOR_MAX). */
#define CURSOR_FILLS_MAX 2000

struct cursor_fill {
	struct id patient;
	uint64_t first, rest; /* how far each part has walked */
};

struct cursor {
	uint16_t schema_version; /* what has been fed is what this version knows; 0 = nothing yet */
	uint64_t complete;       /* every value in scope up to here is on the tablet, fills apart */
	uint64_t position;       /* how far this catch-up has walked */
	uint64_t scope;          /* where membership was last compared */
	struct cursor_fill *fills;
	size_t fill_count;
};

/* Appends the sealed bytes. ST_LIMIT: more than CURSOR_FILLS_MAX fills. */
enum status cursor_encode(struct buf *out, const struct cursor *cursor, uint32_t device,
			  const uint8_t key[32]) MUST_CHECK;
/* len 0 is the cursor of a first sync: all zero. Fills live in the arena.
 * ST_FORGED: not a cursor of ours for this device. ST_NOMEM. */
enum status cursor_decode(const void *bytes, size_t len, uint32_t device, const uint8_t key[32],
			  struct arena *arena, struct cursor *cursor_out) MUST_CHECK;

#endif
