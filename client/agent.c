#include "client/agent.h"

#include <assert.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/journal.h"
#include "client/standing.h"
#include "proto/limits.h"

#define WAL_FRAME_BYTES (4096 + 24)
#define BUSY_MS 5000
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
 * anew, never gone on with. */
static enum status mend_replica(struct agent *a, struct failure *why)
{
	const struct agent_options *o = &a->options;

	if (agent_is_open(a) && !a->replica->db.failed)
		return ST_OK;
	replica_close(a->replica);
	return replica_open(a->replica, a->database, o->schema, o->env, false, why);
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

static void truncate_wal(struct agent *a)
{
	sqlite3 *handle = a->replica->db.handle;
	int rc;

	/* Not to keep anybody waiting: with somebody at work it moves what it can. */
	(void)sqlite3_busy_timeout(handle, 0);
	rc = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(handle, BUSY_MS);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		(void)db_status(&a->replica->db, rc);
}

/* The caller holds the syncer's lock. The file is cut to nothing each time, so its size says
 * how much there is. */
static void checkpoint_locked(struct agent *a)
{
	struct stat wal;

	if (!a->replica->db.failed && stat(a->wal, &wal) == 0 && wal.st_size >= (off_t)AGENT_WAL_FRAMES * WAL_FRAME_BYTES)
		truncate_wal(a);
}

void agent_checkpoint(struct agent *a)
{
	struct stat wal;
	int lock = -1;

	if (!agent_is_open(a) || a->replica->db.failed || stat(a->wal, &wal) != 0 ||
	    wal.st_size < (off_t)AGENT_WAL_FRAMES * WAL_FRAME_BYTES)
		return;
	if (files_lock(a->lock, 0, &lock) != ST_OK)
		return;
	truncate_wal(a);
	close(lock);
}

static bool stop_wanted(void *ctx)
{
	const struct agent *a = ctx;
	struct pollfd signals = { .fd = a->signals, .events = POLLIN };

	return poll(&signals, 1, 0) > 0;
}

static enum status note(struct replica *r, const struct failure *failed)
{
	enum status st = db_begin(&r->db);

	if (st != ST_OK)
		return st;
	st = standing_note(r, false, failed);
	if (st == ST_OK)
		return db_commit(&r->db);
	db_rollback(&r->db);
	return st;
}

static void note_failure(struct agent *a, enum status st, const struct failure *failed)
{
	enum status noted;

	/* Being told to stop says nothing about the centre. */
	if (a->replica->db.failed || stop_wanted(a))
		return;
	noted = note(a->replica, failed);
	/* What keeps it from being noted is then what is told already. */
	if (noted != ST_OK && noted != st)
		env_log(a->options.env, LOG_WARNING, "agent", "failure not noted", "status=%s", status_name(noted));
}

/* --- one exchange ---------------------------------------------------------------------- */

struct building {
	struct agent *agent;
	const struct sync_options *options;
	struct sync_report report;
};

/* Called by the transport on a standing connection. */
static enum status build(void *ctx, const void **bytes_out, size_t *len_out, struct failure *why)
{
	struct building *b = ctx;
	struct agent *a = b->agent;
	const enum status st = sync_build(&a->sync, b->options, &a->request, &b->report, why);

	if (st != ST_OK)
		return st;
	*bytes_out = a->request.data;
	*len_out = a->request.len;
	return ST_OK;
}

static void add_applied(struct apply_report *sum, const struct apply_report *one)
{
	sum->accepted += one->accepted;
	sum->merged += one->merged;
	sum->superseded += one->superseded;
	sum->held += one->held;
	sum->returned += one->returned;
	sum->records += one->records;
	sum->let_go += one->let_go;
	sum->filling += one->filling;
	sum->complete += one->complete;
	sum->more = one->more;
	sum->anew = sum->anew || one->anew;
	sum->unreadable = sum->unreadable || one->unreadable;
	for (size_t i = 0; i < sizeof sum->notices / sizeof sum->notices[0]; i++)
		sum->notices[i] = sum->notices[i] || one->notices[i];
}

static void add_transport(struct agent_report *sum, const struct transport_report *one)
{
	sum->requests += one->requests;
	sum->connections += one->connections;
	sum->wire_up += one->wire_up;
	sum->wire_down += one->wire_down;
	sum->retry_after_ms = one->retry_after_ms;
}

/* More changes than one request takes? Only where this one got on, or there would be no end
 * where something can't go. */
static bool more_to_send(struct agent *a, const struct sync_options *options, const struct apply_report *applied)
{
	struct outbox_counts counts = { 0 };

	if (apply_settled(applied) == 0 || options->send_nothing || journal_counts(a->replica, &counts) != ST_OK)
		return false;
	return counts.waiting > 0 || (options->rest_ms == 0 && counts.dirty > counts.attention);
}

/* A request and its answer; where it was larger than something on the way takes, again with half as much. */
static enum status carry(struct agent *a, const struct sync_options *options, struct sync_report *sent,
			 struct agent_report *report, struct failure *why)
{
	struct sync_options bounded = *options;
	struct transport_report carried = { 0 };
	struct building b;
	enum status st;

	do {
		bounded.changes_max = a->changes_max;
		b = (struct building){ .agent = a, .options = &bounded };
		st = transport_sync(a->transport, build, &b, &a->answer, &carried, why);
		add_transport(report, &carried);
		report->bytes_up += b.report.up_len;
		if (carried.too_large)
			a->changes_max = b.report.changes_sent / 2;
	} while (st == ST_LIMIT && carried.too_large && a->changes_max > 0);
	*sent = b.report;
	return st;
}

static enum status exchange(struct agent *a, const struct sync_options *options, struct agent_report *report,
			    struct failure *why)
{
	struct sync_report one = { 0 };
	enum status st = carry(a, options, &one, report, why);

	report->again = false;
	report->sent += one.changes_sent;
	if (st == ST_OK)
		st = sync_take(&a->sync, a->answer.data, a->answer.len, &one, why);
	if (st != ST_OK)
		return st;
	report->exchanges++;
	report->bytes_down += one.down_len;
	report->pending = one.pending_after;
	add_applied(&report->applied, &one.applied);
	report->again = one.applied.more || more_to_send(a, options, &one.applied);
	if (!report->again)
		a->changes_max = 0;
	return ST_OK;
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
		if (st != ST_OK)
			note_failure(a, st, &failed);
		checkpoint_locked(a);
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
	enum status st = ST_OK;
	bool anew = false;

	*report = (struct agent_report){ 0 };
	do {
		/* Once: a centre that does not fit this tablet would be asked without an end. */
		anew = report->applied.anew;
		st = agent_exchange(a, options, AGENT_LOCK_WAIT_MS, report, why);
	} while (st == ST_OK && (report->again || (report->applied.anew && !anew)));
	if (st == ST_OK && report->applied.unreadable && why != NULL)
		*why = SYNC_UNREADABLE;
	return st == ST_OK && report->applied.unreadable ? ST_UNKNOWN : st;
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
	buf_init(&a->request, LIMIT_BODY_MAX);
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
	sync_close(&a->sync);
	keys_close(&a->keys);
	replica_close(&a->own);
	buf_close(&a->request);
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
