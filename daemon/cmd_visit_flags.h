/* cmd_visit_flags.h - what is odd about the times of visits: one that ends before it begins, or
 * overlaps another of the same care manager. Nothing is refused for it: a person looks at it.
 * Shell.
 *
 * A visit's times are those that were taken, as corrected (the newest of
 * "FIELD TIME at TIME by WORKER: REASON" among its edits); where it has not begun those planned.
 * Cancelled, missed and deleted visits don't count.
 */
#ifndef DAEMON_CMD_VISIT_FLAGS_H
#define DAEMON_CMD_VISIT_FLAGS_H

#include "daemon/desk.h"

struct visit_flags;

/* Looks at all visits there are; in desk->arena. Inside a transaction. */
enum status visit_flags_load(struct desk *desk, struct visit_flags **out) MUST_CHECK;

/* "ends before it begins", "overlaps visit/ID, overlaps visit/ID and 2 more": in desk->arena. NULL: nothing is odd. */
enum status visit_flags_of(struct desk *desk, const struct visit_flags *flags, const struct id *visit,
			   const char **out) MUST_CHECK;

#endif
