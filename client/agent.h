/* agent.h - the syncer: replica, keys and transport joined. Shell.
 *
 * `doorstep sync` uses agent_sync, `doorstep run` agent_run, `doorstep enrol`
 * agent_enrol. When to sync is engine.h's decision, what to send and apply sync.h's, what
 * follows from how it went exchange.h's.
 *
 * Locks in the tablet's folder (HOME):
 *   lock      one syncer at a time: held from building a request until its answer is
 *             applied and the WAL is checkpointed. Only its holder checkpoints.
 *             `doorstep sync` works beside a running `doorstep run`.
 *   run.lock  one `doorstep run` at a time.
 */
#ifndef CLIENT_AGENT_H
#define CLIENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/exchange.h"
#include "client/keys.h"
#include "client/sync.h"
#include "client/transport.h"
#include "common/env.h"
#include "common/files.h"
#include "common/schema.h"
#include "common/status.h"

#define AGENT_LOCK_WAIT_MS 5000
#define AGENT_POLL_MS 300000

struct agent_options {
	const char *home; /* the tablet's folder */
	const struct env *env;
	const struct schema *schema;
	/* The caller's open replica, not used by others meanwhile; after a failing disk it may be closed when a
	 * call returns (tablet_mend). NULL: the agent opens one of its own. */
	struct replica *replica;
	struct transport_limits limits; /* zeros = defaults */
	/* Of agent_run alone. */
	int64_t poll_ms; /* between two looks for news; 0 = AGENT_POLL_MS */
	int64_t rest_ms; /* leave a record alone this long after its last edit; 0 = send at once */
};

struct agent {
	struct agent_options options;
	struct replica *replica, own;
	struct keys keys;
	struct sync sync;
	struct transport *transport;
	struct exchange exchange;
	struct buf answer;
	char lock[FILES_PATH_MAX], database[FILES_PATH_MAX], wal[FILES_PATH_MAX];
	int signals; /* agent_run: readable = told to stop; else -1 */
};

/* Opens the replica where none is given, the keys and (unconnected) the transport. home's text outlives it.
 * ST_REFUSED: not enrolled. ST_NOT_FOUND, ST_IO, ST_CORRUPT, ST_BUSY. */
enum status agent_open(struct agent **out, const struct agent_options *options, struct failure *why) MUST_CHECK;
void agent_close(struct agent *a); /* NULL is fine */

/* The agent's connection to the replica, for reading between calls. */
struct replica *agent_replica(struct agent *a);
/* Is it open? Not where a failing disk kept it from being opened again. */
bool agent_is_open(const struct agent *a);

/* Sums over the exchanges of one sync. */
struct agent_report {
	struct exchange_report sums;
	uint64_t requests, connections;
	uint64_t wire_up, wire_down; /* over TCP, TLS included; 0 = not known */
	int64_t elapsed_ms;
	int64_t retry_after_ms;      /* the centre's wish, 0 = none */
};

/* One exchange under the syncer's lock, added to *report; then the WAL. How it went is noted (standing.h). As agent_sync. */
enum status agent_exchange(struct agent *a, const struct sync_options *options, int lock_wait_ms,
			   struct agent_report *report, struct failure *why) MUST_CHECK;

/* replica_checkpoint, where it is due and nobody else syncs. Not being able to is no
 * failure: the next time will do. */
void agent_checkpoint(struct agent *a);

/* Exchange with the centre until neither has more. rest_ms and budget of options are
 * used; free space and battery are filled in here. *report holds in any case what was
 * done. ST_UNKNOWN: all was sent, but the centre's records can't be read by this version. ST_BUSY: another program is syncing (after AGENT_LOCK_WAIT_MS); the statuses
 * of transport_sync, sync_build, sync_take. */
enum status agent_sync(struct agent *a, const struct sync_options *options, struct agent_report *report,
		       struct failure *why) MUST_CHECK;

/* Sync whenever engine.h says so, until SIGTERM or SIGINT. Blocks these signals for the
 * calling thread meanwhile. ST_BUSY: another `doorstep run` is at work. */
enum status agent_run(struct agent *a, struct failure *why) MUST_CHECK;

/* Make the tablet known to the centre at url with a one-time code and create its
 * folder. Ended anywhere, it may be repeated with the same code. ST_EXISTS: the
 * folder is enrolled already. ST_INVALID: url or code; the statuses of
 * transport_enrol. identity_out may be NULL. */
enum status agent_enrol(const struct agent_options *options, const char *url, const char *code_text,
			struct replica_identity *identity_out, struct failure *why) MUST_CHECK;

#endif
