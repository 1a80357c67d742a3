/* change.h - one change: what a tablet (or the centre as device 0) did to one
 * record, as bytes that mean the same wherever they are read.
 *
 * The body is one msgpack map, self-contained: journal, request, history and
 * courier bundle hold the same bytes, and the change's digest is over them.
 *
 *   0 kind      its wire number
 *   1 id        bin 16
 *   2 patient   bin 16; only in a create, and only of a kind whose records belong to
 *               another record's patient (neither a patient nor staff)
 *   3 flags     1 create, 2 deletes (deletion mark set), 4 brings back (mark cleared);
 *               absent = 0
 *   4 evidence  of interval.h, for all groups that bring none of their own; absent = all 0.
 *               [heard, elapsed, slack, steadiness], with more where it is known:
 *               offset, reading; then boot, and the clock since boot less elapsed, which
 *               stays about the same from edit to edit
 *   5 values    map field number -> value. nil, integer, text; ids as bin 16; times as the
 *               difference to `heard` of key 4 (0 where there is none). A create
 *               leaves nulls out; an edit brings every field of each of its groups;
 *               absent = empty
 *   6 groups    absent in a create (then: every group, from nothing). An array of
 *               [group number, base] or [group number, base, evidence], ascending;
 *               group 0 is the deletion mark
 *
 *   base: nil = from nothing, or not known any more; unsigned = a centre sequence;
 *   [n] = this device's own change n; [n, origin, bin 8] = change n of another
 *   device (one this tablet was before), with the first 8 bytes of its digest.
 *
 * A base that is a sequence S means: the author had seen all of the group up to S.
 * Store ring.
 */
#ifndef PROTO_CHANGE_H
#define PROTO_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/crypt.h"
#include "common/id.h"
#include "common/interval.h"
#include "common/schema.h"
#include "common/value.h"

enum version_tag { VERSION_NONE = 0, VERSION_SEQ, VERSION_OWN };

/* What an author started from. */
struct version {
	enum version_tag tag;
	uint64_t seq;     /* VERSION_SEQ */
	uint64_t n;       /* VERSION_OWN */
	uint32_t origin;  /* VERSION_OWN: the device that gave n; 0 = the sender itself */
	uint8_t digest[8]; /* VERSION_OWN with an origin */
};

struct change_group {
	uint8_t num; /* wire number; 0 = deletion mark */
	struct version base;
	struct evidence evidence;
};

struct change {
	const struct kind *kind;
	struct id id, patient; /* patient: in a create; == id for kind patient, ID_STAFF for staff */
	bool create;
	bool deletes, restores; /* group 0 is among the groups of an edit; a create may delete at once */
	struct evidence evidence; /* key 4 */
	uint8_t group_count;      /* an edit's; a create has 0 here */
	struct change_group groups[SCHEMA_FIELDS_MAX + 1];
	uint64_t mask; /* fields that the change brings: all of the kind in a create */
	struct row row;
};

/* A big struct (some 5 KB): keep it in an arena or static to a call, not in arrays. */

/* Append the body: the same change is always the same bytes. Groups' evidence equal
 * to change->evidence is not repeated; elapsed is cut to 2^53 ms either way. An
 * unknown group or groups out of order are our bug. ST_INVALID: a value is not of
 * its field's type. ST_LIMIT: the body is over LIMIT_CHANGE_MAX. *out is then as it
 * was. */
enum status change_encode(struct buf *out, const struct change *change) MUST_CHECK;

/* Decode a body that has passed scan_frame (it scans again by itself). Texts point
 * into the arena. For an edit, group evidence is filled from key 4 where absent.
 * ST_PROTOCOL: not a change at all. ST_UNKNOWN: names a key, kind, field or group this
 * schema does not have (*change_out then holds kind (or NULL) and id, so that it can be held and shown).
 * ST_INVALID / ST_LIMIT: a value fails value_check, or an edit's group is not whole;
 * *change_out holds all that was read, *field_out the first bad field (may be NULL). */
enum status change_decode(const struct schema *schema, const void *body, size_t len,
			  struct arena *arena, struct change *change_out,
			  const struct field **field_out) MUST_CHECK;

/* Digest of a body: domain "change". */
void change_digest(struct digest *out, const void *body, size_t len);

/* The running digest of all changes of a device up to n: next = H("run", previous, n
 * as 8 bytes big-endian, digest of change n). It starts as 32 zero bytes. */
void change_run(struct digest *run, uint64_t n, const struct digest *change);

/* Mask of the fields of the change's groups (mask_all for a create). */
uint64_t change_mask(const struct change *change);

#endif
