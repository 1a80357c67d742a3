/* cmd_visit.h - what is said beside a visit's times: corrections of a check-in or check-out,
 * and what is odd about them. Shell.
 *
 * A time that was taken never changes. A correction is a member of the visit's set `edits`:
 *   FIELD TIME at TIME by WORKER: REASON
 * the field that it corrects (check_in_time or check_out_time) and the time as corrected, when
 * and by whom (a worker's id) it was corrected, both times in ISO 8601, UTC; and why. The newest
 * of a field counts.
 */
#ifndef CLIENT_CMD_VISIT_H
#define CLIENT_CMD_VISIT_H

#include "client/cmd.h"

struct cmd_correction {
	int64_t time_ms, made_ms;
	struct id worker;
	const char *reason; /* in the command's arena */
};

/* The newest correction of the field among the members of `edits` (NULL = none). */
enum status cmd_correction(struct cmd *c, const char *edits, const char *field, bool *found_out,
			   struct cmd_correction *out) MUST_CHECK;

/* "corrected to 2026-11-23 08:30 by Kim: forgot", or NULL. In the arena. */
enum status cmd_correction_words(struct cmd *c, const char *edits, const char *field, const char **out) MUST_CHECK;

/* "ends before it begins", "overlaps visit/ID", joined by ", ": of the times as corrected, against
 * the other visits of the same care manager that are on this tablet. NULL: nothing is odd. In the arena. */
enum status cmd_visit_flags(struct cmd *c, const struct id *visit, const char **out) MUST_CHECK;

#endif
