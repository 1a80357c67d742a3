/* group_meta.h - what a record's groups carry beside their values, as one compact
 * blob: which change set each of them, when, on which tablet.
 *
 * Blob:   count of entries, then each entry; every number a varint.
 * Entry:  group number · seq · lo · width · device · flags [· gap · width · device]
 *   Entries ascend by group number; 0 is the deletion mark. A group that was never
 *   set has no entry. seq and lo are zigzag differences (modulo 2^64) to those of the
 *   entry before, 0 in front of the first; width = hi - lo. Flags: 1 decided, 2 outdated. What stands in brackets is
 *   there with that flag alone, of the later edit: gap = its lo - hi of the entry, never 0.
 * Varint: 7 bits a byte, low bits first, the top bit says that more follow; no byte
 *   more than the number needs. Zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
 *
 * So one content has one form, and bytes of any other form are refused. Groups go by
 * number, so that a blob outlives a newer schema. Store ring.
 */
#ifndef DAEMON_GROUP_META_H
#define DAEMON_GROUP_META_H

#include "common/buf.h"
#include "daemon/store.h"

/* More than any record's blob takes. */
#define GROUP_META_SIZE_MAX 4096

/* What an edit that comes now is compared with: when the group was last edited as far as is known for certain, and on
 * which tablet. Points into *meta. */
const struct interval *group_meta_newest(const struct group_meta *meta);
uint32_t group_meta_newest_device(const struct group_meta *meta);

/* Note an edit that was kept, and does not set the group. False: it is not definitely later than all that is known. */
bool group_meta_note(struct group_meta *meta, const struct interval *at, uint32_t device);

/* Append the blob of record->deletion and record->groups (of record->kind). */
void group_meta_encode(struct buf *out, const struct record *record);

/* Fills record_out->deletion and ->groups; record_out->kind is given. ST_CORRUPT: not
 * such a blob, or it names a group that the kind does not have; both are then unset. */
enum status group_meta_decode(const void *bytes, size_t len, struct record *record_out) MUST_CHECK;

#endif
