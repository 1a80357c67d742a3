/* renewal.h - the series of an agency, expanded as the days pass (series.h), and those for
 * which the transaction that changed them had no room: a few of them a transaction, so that
 * tablets wait for none of it. Those that were left are listed in meta, by the same
 * transaction that left them, so that none is forgotten. Store ring; one thread.
 */
#ifndef DAEMON_RENEWAL_H
#define DAEMON_RENEWAL_H

#include "daemon/centre.h"

#define RENEWAL_SERIES_MAX 20 /* of one transaction */

struct renewal {
	bool all; /* set between two calls: look which series there are, too. The call that looks takes it back */
	struct arena arena;
	struct id *heads; /* NULL: not looked for yet */
	size_t count, next;
};

void renewal_init(struct renewal *renewal);
void renewal_close(struct renewal *renewal); /* safe on a zeroed one */

/* Leave a series to the next step. by: who acts, or NULL, as series_follow has it. Inside a write transaction. */
enum status renewal_leave(struct store *store, const struct id *head, const struct id *by) MUST_CHECK;

/* The next step: bring some of those that were left in line, in a transaction of its own;
 * then, where all are wanted, look which there are, or bring some of them in line.
 * *more_out false: nothing is left to do. On failure nothing of the step was changed, and
 * the next call begins anew. */
enum status renewal_step(struct renewal *renewal, struct centre *centre, bool *more_out) MUST_CHECK;

#endif
