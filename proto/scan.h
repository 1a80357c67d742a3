/* scan.h - look a msgpack frame over before anything is allocated for it.
 *
 * msgpack-c believes lengths that a peer states: six bytes can make it allocate
 * gigabytes. So every frame from outside is scanned first (explicit stack, no
 * recursion): one object and nothing after it, depth, number of objects, every
 * count no greater than the bytes that are left, maps with integer keys in
 * strictly ascending order (so no duplicates), text well-formed UTF-8 without NUL,
 * no floats, no ext types, no 0xc1. Integers may have any width. Pure.
 */
#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include <stddef.h>

#include "common/status.h"

/* ST_PROTOCOL: not such a frame. ST_LIMIT: too deep or too many objects. */
enum status scan_frame(const void *bytes, size_t len) MUST_CHECK;

/* The length of the one object at the front of bytes, whatever follows it; 0 where
 * scan_frame would refuse it. For walking over a frame that has been scanned. */
size_t scan_object(const void *bytes, size_t len);

#endif
