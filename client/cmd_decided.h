/* cmd_decided.h - what became of a decision of a conflict that this tablet sent: for the
 * commands outcomes, restore-value and sync. Reads only. Shell.
 *
 * The centre may take a decision as it was written and yet decide nothing by it: where
 * something had changed that the decision had not seen, it joins the candidates and the
 * conflict stays open (DESIGN.md section 7). So its outcome alone does not tell.
 */
#ifndef CLIENT_CMD_DECIDED_H
#define CLIENT_CMD_DECIDED_H

#include "client/cmd_conflict.h"
#include "client/cmd_outcomes.h"

enum cmd_fate {
	FATE_PLAIN = 0, /* no decision, not settled, its conflict not on this tablet, or it decided: the outcome tells */
	FATE_OPEN,      /* the conflict is still open */
	FATE_OVERTAKEN, /* it stayed open then, and somebody has decided it since */
	FATE_LATE,      /* it was closed already when the decision arrived */
};

struct cmd_decided {
	enum cmd_fate fate;
	bool candidate; /* the decision is among the candidates */
	const char *by; /* who closed the conflict: a name, "somebody at the centre" where that is not known */
	struct cmd_conflict conflict; /* unless FATE_PLAIN */
};

/* Is this change a decision? */
bool cmd_decided_is(const struct cmd_outcome *outcome);

/* All lives in the command's arena. */
enum status cmd_decided_read(struct cmd *c, const struct cmd_outcome *outcome, struct cmd_decided *out) MUST_CHECK;

/* Append what became of it and what to do, of one that is not FATE_PLAIN. */
enum status cmd_decided_tell(struct cmd *c, const struct cmd_decided *decided, struct buf *what,
			     struct buf *next) MUST_CHECK;

/* How many decisions that settled after this sequence decided nothing: still open, and closed by others. */
enum status cmd_decided_count(struct cmd *c, uint64_t after_seq, uint64_t *open_out, uint64_t *late_out) MUST_CHECK;

#endif
