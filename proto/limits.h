/* limits.h - every limit of the wire, in one table; checked before allocation.
 *
 * A sender keeps them, a receiver refuses what exceeds them with ST_LIMIT and
 * changes nothing. proto/README.md prints this table; a test compares the two.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#define LIMIT_BODY_MAX 1048576     /* an envelope as it travels, bytes: 1 MiB */
#define LIMIT_INFLATED_MAX 8388608 /* a message after inflating, bytes: 8 MiB */
#define LIMIT_DEPTH_MAX 16         /* nesting of msgpack */
#define LIMIT_ITEMS_MAX 131072     /* msgpack objects in one message */
#define LIMIT_FIELD_MAX 65536      /* one field, bytes of UTF-8: 64 KiB */
#define LIMIT_NOTE_MAX 262144      /* one section of a note, bytes of UTF-8: 256 KiB */
#define LIMIT_CHANGE_MAX 1048576   /* the body of one change, bytes: 1 MiB */
#define LIMIT_CHANGES_MAX 1000     /* changes in one request */
#define LIMIT_HELD_MAX 1000        /* held numbers named in one request */
#define LIMIT_CURSOR_MAX 65536     /* a cursor, bytes: 64 KiB */
#define LIMIT_HEADERS_MAX 16384    /* HTTP headers, bytes: 16 KiB */
#define LIMIT_BUDGET_MIN 4096      /* byte budget a tablet may ask for */
#define LIMIT_BUDGET_DEFAULT 786432 /* where it asks for none: 768 KiB */
#define LIMIT_TEXT_MAX 256         /* version strings, notices, names in messages */

#endif
