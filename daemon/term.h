/* term.h - since when and until when an assignment counts: it begins and ends by itself, as an event.
 *
 * An assignment counts from its `starts` (none: at once) until before its `ends` (none: until it is ended). Which of
 * the two it is, by the centre's clock, is decided at each change of it, by the one moment of that
 * transaction, and stays so until its next change: nothing is in or out of scope because somebody looked at a
 * clock. What lies ahead then is kept as its due moment; the first transaction from that moment on
 * makes a change of the centre itself out of it (device 0, the console's): the assignment's `starts` or `ends` said
 * again as it stands. So what begins or ends has a sequence, a row of history and a link of the chain, and
 * membership follows by that row, like any other's.
 *
 * Every write transaction that may judge a change settles first what is due (centre_batch, centre_act_begin), so it
 * makes no difference whether the centre was running at that moment. A running one also looks by itself (serve.c), so
 * that it does not take a tablet to make it happen.
 *
 * A clock that is set: what has begun or ended stays so when the clock goes back, and what is due waits until the
 * clock comes there again. When it jumps ahead all that it jumps over is due; if it did so by mistake, what ended is
 * assigned anew by a person. An assignment that begins and ends between two transactions never opens
 * a membership. Store ring.
 */
#ifndef DAEMON_TERM_H
#define DAEMON_TERM_H

#include "daemon/centre.h"

#define TERM_SETTLE_MAX 200                  /* assignments of one transaction */
#define TERM_AGAIN_MS (INT64_C(60) * 60000) /* one that can't be settled is tried again after so long */

/* The term of an assignment whose last change was made at now_ms. */
void term_of(const struct record *assignment, int64_t now_ms, struct term *term_out);

/* Inside a write transaction, before anything else of it: TERM_SETTLE_MAX of those that are due at in->now_ms, the
 * soonest first. One that can't be read is logged and put off, and keeps nothing else from being settled; a status
 * means that the world failed: roll all of it back. */
enum status terms_settle(struct intake *in) MUST_CHECK;

/* Settle what is due, in a transaction of its own; without one where nothing is. *next_ms_out: when the next one is
 * due by the wall clock (TERM_NEVER: none is to come); it may be past, then there are more. */
enum status terms_step(struct centre *centre, int64_t *next_ms_out) MUST_CHECK;

#endif
