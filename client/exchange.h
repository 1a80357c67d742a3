/* exchange.h - what a syncer decides around its requests and answers: how much one request
 * takes, whether another follows at once, what is noted of a failure, and what an edit or an
 * end tells engine.h. Store ring.
 *
 * It carries no byte, takes no lock and waits for nothing: that is its caller's (agent.h), who
 * may hand in each of these when it happens:
 *
 *   exchange_begin          an exchange begins
 *   exchange_build          on a standing connection: the request, each time it has to be made
 *   exchange_take           its answer came
 *   exchange_failed         none came; where it says so, exchange_build again
 *   exchange_note_failure   it ended without an answer that could be applied
 *   exchange_done           it ended, however it did
 *
 * One struct exchange is one syncer's. What it holds ends with its process, and nothing is
 * lost with it: all that must last is in the replica.
 */
#ifndef CLIENT_EXCHANGE_H
#define CLIENT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/engine.h"
#include "client/sync.h"

struct exchange {
	struct sync *sync;
	const struct env *env;
	struct sync_options options; /* of the exchange under way */
	struct sync_report newest;   /* of its newest request, until it is counted */
	struct buf request;
	size_t changes_max; /* in one request, where something on the way took no larger one; 0 = no bound */
	bool anew;          /* the cursor was taken away, and what then comes has not all come and fitted */
};

/* Sums over exchanges. */
struct exchange_report {
	uint64_t exchanges;            /* that were answered */
	uint64_t bytes_up, bytes_down; /* bodies */
	uint64_t sent;                 /* changes */
	struct apply_report applied;   /* summed; more: the newest answer said so */
	uint64_t pending;              /* after the newest: dirty or waiting for an outcome */
	bool again;                    /* the centre or the tablet has more: exchange again at once */
};

/* sync and env outlive it. */
void exchange_init(struct exchange *x, struct sync *sync, const struct env *env);
void exchange_close(struct exchange *x);

/* changes_max of the options is not looked at. */
void exchange_begin(struct exchange *x, const struct sync_options *options);

/* *bytes_out live until the next exchange_build. The statuses of sync_build. */
enum status exchange_build(struct exchange *x, const void **bytes_out, size_t *len_out, struct failure *why) MUST_CHECK;

/* Adds to *report in any case. The statuses of sync_take. */
enum status exchange_take(struct exchange *x, const void *answer, size_t len, struct exchange_report *report,
			  struct failure *why) MUST_CHECK;

/* No answer: st says why, too_large that a smaller request may pass (413). Adds to *report.
 * True: try again with a smaller one, in the same exchange. */
bool exchange_failed(struct exchange *x, enum status st, bool too_large, struct exchange_report *report);

/* How it failed is kept for people (standing.h). Not where its caller was told to stop: that
 * says nothing about the centre. */
void exchange_note_failure(struct exchange *x, enum status st, const struct failure *failed);

/* Tell the engine that the exchange that it was told the start of has ended with st.
 * retry_after_ms: the centre's wish, 0 = none. */
void exchange_done(const struct exchange *x, struct engine *engine, int64_t now_ms, enum status st,
		   const struct exchange_report *report, int64_t retry_after_ms);

/* After an exchange, how long until the next look for news, which comes every poll_ms. */
int64_t exchange_poll_ms(const struct exchange *x, int64_t poll_ms);

/* What an engine was told of a replica's edits; zeroed with each engine. */
struct look {
	int64_t edit_seen;
};

/* Look whether the replica notices its edits (replica_check_schema), and tell the engine of those
 * since the last look. What can't be read now is found by the next one. */
void exchange_look(struct look *look, struct replica *r, struct engine *engine, int64_t now_ms);

#endif
