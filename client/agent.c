#include "client/agent.h"

#include <assert.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limits.h"

#define BATTERY_FILES "/sys/class/power_supply/BAT*/capacity"
#define BATTERY_UNKNOWN (-1)

/* --- what the tablet tells of itself ------------------------------------------------ */

static int battery_percent(void)
{
	int percent = BATTERY_UNKNOWN;
	glob_t found = { 0 };
	char *text = NULL;
	size_t len = 0;

	if (glob(BATTERY_FILES, 0, NULL, &found) == 0 && found.gl_pathc > 0 &&
	    files_read(found.gl_pathv[0], 16, &text, &len) == ST_OK) {
		const long value = strtol(text, NULL, 10);

		if (value >= 0 && value <= 100)
			percent = (int)value;
	}
	free(text);
	globfree(&found);
	return percent;
}

/* --- the replica -------------------------------------------------------------------- */

/* After a failed fsync nobody knows what the disk holds: the connection is closed and opened
 * anew, never gone on with. What its owner opened is secured before anything is written to it. */
static enum status mend_replica(struct agent *a, struct failure *why)
{
	const struct agent_options *o = &a->options;

	if (agent_is_open(a) && !a->replica->db.failed) {
		replica_secure(a->replica);
		return ST_OK;
	}
	replica_close(a->replica);
	return replica_open_secured(a->replica, a->database, o->schema, o->env, why);
}

/* One that its owner opened may have been open for long. */
static enum status open_replica(struct agent *a, struct failure *why)
{
	enum status st;

	a->replica = a->options.replica != NULL ? a->options.replica : &a->own;
	st = mend_replica(a, why);
	if (st == ST_OK && (st = replica_check_schema(a->replica)) != ST_OK)
		(void)failure_set(why, st, NULL, NULL, NULL);
	return st;
}

/* The file is cut to nothing each time, so its size says how much there is. */
static bool checkpoint_due(const struct agent *a)
{
	struct stat wal;

	return stat(a->wal, &wal) == 0 && replica_checkpoint_due(a->replica, wal.st_size);
}

void agent_checkpoint(struct agent *a)
{
	int lock = -1;

	if (!checkpoint_due(a) || files_lock(a->lock, 0, &lock) != ST_OK)
		return;
	replica_checkpoint(a->replica);
	close(lock);
}

static bool stop_wanted(void *ctx)
{
	const struct agent *a = ctx;
	struct pollfd signals = { .fd = a->signals, .events = POLLIN };

	return poll(&signals, 1, 0) > 0;
}

/* --- one exchange ---------------------------------------------------------------------- */

/* Called by the transport on a standing connection. */
static enum status build(void *ctx, const void **bytes_out, size_t *len_out, struct failure *why)
{
	return exchange_build(ctx, bytes_out, len_out, why);
}

static void add_transport(struct agent_report *sum, const struct transport_report *one)
{
	sum->requests += one->requests;
	sum->connections += one->connections;
	sum->wire_up += one->wire_up;
	sum->wire_down += one->wire_down;
	sum->retry_after_ms = one->retry_after_ms;
}

static enum status exchange(struct agent *a, const struct sync_options *options, struct agent_report *report,
			    struct failure *why)
{
	struct transport_report carried = { 0 };
	enum status st;

	exchange_begin(&a->exchange, options);
	do {
		st = transport_sync(a->transport, build, &a->exchange, &a->answer, &carried, why);
		add_transport(report, &carried);
	} while (st != ST_OK && exchange_failed(&a->exchange, st, carried.too_large, &report->sums));
	return st == ST_OK ? exchange_take(&a->exchange, a->answer.data, a->answer.len, &report->sums, why) : st;
}

static enum status lock_failed(enum status st, struct failure *why)
{
	if (st == ST_BUSY)
		return failure_set(why, ST_BUSY, "Another program on this tablet is syncing just now.",
				   "Everything you wrote is saved on this tablet.", "Try again in a minute.");
	if (st == ST_FULL || st == ST_READONLY)
		return failure_set(why, st, NULL, NULL, NULL);
	return failure_set(why, st, "The tablet's lock file can't be used.", NULL, NULL);
}

enum status agent_exchange(struct agent *a, const struct sync_options *options, int lock_wait_ms,
			   struct agent_report *report, struct failure *why)
{
	const struct env *env = a->options.env;
	const int64_t began_ms = env->boot_ms(env->ctx);
	struct sync_options filled = *options;
	struct failure failed = { .status = ST_OK };
	int lock = -1;
	enum status st = files_lock(a->lock, lock_wait_ms, &lock);

	if (st != ST_OK)
		return lock_failed(st, why);
	st = mend_replica(a, &failed);
	if (st == ST_OK) {
		filled.free_mb = files_free_mb(a->options.home);
		filled.battery_percent = battery_percent();
		st = exchange(a, &filled, report, &failed);
		if (st != ST_OK && !stop_wanted(a))
			exchange_note_failure(&a->exchange, st, &failed);
		if (checkpoint_due(a))
			replica_checkpoint(a->replica);
	}
	close(lock);
	report->elapsed_ms += env->boot_ms(env->ctx) - began_ms;
	if (st != ST_OK && why != NULL)
		*why = failed;
	return st;
}

enum status agent_sync(struct agent *a, const struct sync_options *options, struct agent_report *report,
		       struct failure *why)
{
	const struct apply_report *applied = &report->sums.applied;
	enum status st;

	*report = (struct agent_report){ 0 };
	do
		st = agent_exchange(a, options, AGENT_LOCK_WAIT_MS, report, why);
	while (st == ST_OK && report->sums.again);
	if (st == ST_OK && applied->unreadable && why != NULL)
		*why = SYNC_UNREADABLE;
	return st == ST_OK && applied->unreadable ? ST_UNKNOWN : st;
}

/* --- opening --------------------------------------------------------------------------- */

static enum status set_paths(struct agent *a, struct failure *why)
{
	enum status st = files_path(a->lock, a->options.home, "lock");

	if (st == ST_OK)
		st = files_path(a->database, a->options.home, "replica.db");
	if (st == ST_OK)
		st = files_path(a->wal, a->options.home, "replica.db-wal");
	return st == ST_OK ? ST_OK
			   : failure_set(why, st, "The name of the tablet's folder is too long.", NULL,
					 "Choose another folder.");
}

static enum status open_transport(struct agent *a, struct failure *why)
{
	const struct transport_options options = {
		.url = a->replica->identity.url,
		.ca_pem = a->keys.ca_pem,
		.env = a->options.env,
		.limits = a->options.limits,
		.stop = stop_wanted,
		.stop_ctx = a,
	};

	return transport_open(&a->transport, &options, why);
}

static enum status open_all(struct agent *a, struct failure *why)
{
	enum status st = set_paths(a, why);

	if (st == ST_OK)
		st = open_replica(a, why);
	if (st == ST_OK && a->replica->identity.device == 0)
		st = failure_set(why, ST_REFUSED, "This tablet is not known to a centre yet.",
				 "Everything you wrote is saved on this tablet.",
				 "Ask a supervisor for a code and enrol the tablet.");
	if (st == ST_OK)
		st = keys_load(&a->keys, a->options.home, why);
	if (st == ST_OK && (st = sync_init(&a->sync, a->replica, a->keys.seed)) != ST_OK)
		failure_set(why, st, NULL, NULL, NULL);
	return st == ST_OK ? open_transport(a, why) : st;
}

enum status agent_open(struct agent **out, const struct agent_options *options, struct failure *why)
{
	struct agent *a = calloc(1, sizeof *a);
	enum status st;

	if (a == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	a->options = *options;
	a->signals = -1;
	exchange_init(&a->exchange, &a->sync, a->options.env);
	buf_init(&a->answer, LIMIT_BODY_MAX);
	st = open_all(a, why);
	if (st == ST_OK)
		*out = a;
	else
		agent_close(a);
	return st;
}

void agent_close(struct agent *a)
{
	if (a == NULL)
		return;
	transport_close(a->transport);
	exchange_close(&a->exchange);
	sync_close(&a->sync);
	keys_close(&a->keys);
	replica_close(&a->own);
	buf_close(&a->answer);
	free(a);
}

struct replica *agent_replica(struct agent *a)
{
	return a->replica;
}

bool agent_is_open(const struct agent *a)
{
	return a->replica->db.handle != NULL;
}
