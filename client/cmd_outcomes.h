/* cmd_outcomes.h - this tablet's own changes and what became of them, as the commands
 * outcomes, restore-value and status read them. Shell.
 */
#ifndef CLIENT_CMD_OUTCOMES_H
#define CLIENT_CMD_OUTCOMES_H

#include "client/cmd.h"
#include "proto/change.h"

enum cmd_verdict { VERDICT_NONE = 0 /* not of this change */, VERDICT_STANDS, VERDICT_MIXED, VERDICT_LOST };

struct cmd_outcome {
	uint64_t n, seq;
	int64_t made_ms;
	const struct kind *kind;
	struct id id, patient; /* patient: all zero where it is of none */
	enum { WAITS = 0, IS_HELD = 1, IS_SETTLED = 2, IS_RETURNED = 3 } state; /* as ds_journal has it */
	int reason;            /* of a held one: enum held_reason */
	bool used;             /* returned, and used again since */
	struct change *change; /* its body */
	enum cmd_verdict verdicts[SCHEMA_FIELDS_MAX]; /* by group index, of a settled one */
	enum cmd_verdict worst;
};

/* Change n, with its texts in the command's arena. ST_NOT_FOUND: this tablet made none of that number. */
enum status cmd_outcome_read(struct cmd *c, uint64_t n, struct cmd_outcome *out) MUST_CHECK;

/* Changes that were merged or lost, and decisions that decided nothing (cmd_decided.h), since somebody last looked (`doorstep outcomes`). */
enum status cmd_outcomes_new(struct cmd *c, uint64_t *count_out) MUST_CHECK;

#endif
