/* renewal.h - the series of an agency, expanded as the days pass (series.h): a few of
 * them a transaction, so that tablets wait for none of it. Store ring; one thread.
 */
#ifndef DAEMON_RENEWAL_H
#define DAEMON_RENEWAL_H

#include "daemon/centre.h"

#define RENEWAL_SERIES_MAX 20 /* of one transaction */

struct renewal {
	struct arena arena;
	struct id *heads; /* NULL: not looked for yet */
	size_t count, next;
};

void renewal_init(struct renewal *renewal);
void renewal_close(struct renewal *renewal); /* safe on a zeroed one */

/* The next step: look which series there are, or bring some of them in line in a
 * transaction of its own. *more_out false: all of them are; the next call begins anew. On
 * failure nothing of the step was changed, and the next call begins anew. */
enum status renewal_step(struct renewal *renewal, struct centre *centre, bool *more_out) MUST_CHECK;

#endif
