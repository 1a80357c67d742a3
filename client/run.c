/* run.c - `doorstep run` (agent.h, agent_run): one loop that waits for what could be a reason
 * to sync, tells engine.h, and does what it says. Shell.
 *
 * The timer is of the boot clock, so that what fell due while the tablet slept happens when
 * it wakes up.
 */
#include "client/agent.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "client/clocks.h"
#include "client/engine.h"
#include "client/watch.h"

/* A WAL is written before its transaction is committed, and nothing tells of the commit: after
 * a write we look several times, at growing distances. */
#define LOOK_FIRST_MS 100
#define LOOK_FACTOR 4
#define LOOK_LAST_MS 6400
#define LOOK_UNWATCHED_MS 10000
/* Routes come in several steps. */
#define LINKS_REST_MS 200
#define LOCKED_RETRY_MS 1000

struct runner {
	struct agent *agent;
	const struct env *env;
	struct engine engine;
	struct look seen;
	struct watch watch;
	int signals, timer, lock;
	sigset_t signals_before;
	bool blocked;
	int64_t look_ms, look_step_ms; /* the next look at the replica; ENGINE_NEVER */
	int64_t links_ms, news_ms;
	uint64_t way_out;
};

static int64_t now_of(const struct runner *r)
{
	return r->env->boot_ms(r->env->ctx);
}

/* --- looking ------------------------------------------------------------------------ */

/* Has anybody edited since the last look? */
static void look(struct runner *r, int64_t now_ms)
{
	if (agent_is_open(r->agent)) {
		exchange_look(&r->seen, r->agent->replica, &r->engine, now_ms);
		agent_checkpoint(r->agent);
	}
	r->look_step_ms *= LOOK_FACTOR;
	r->look_ms = r->look_step_ms <= LOOK_LAST_MS ? now_ms + r->look_step_ms
		     : r->watch.replica >= 0	     ? ENGINE_NEVER
						     : now_ms + LOOK_UNWATCHED_MS;
}

/* The first look after a write is not put off by further writes. */
static void look_soon(struct runner *r, int64_t now_ms)
{
	r->look_step_ms = LOOK_FIRST_MS;
	if (r->look_ms > now_ms + LOOK_FIRST_MS)
		r->look_ms = now_ms + LOOK_FIRST_MS;
}

static void look_at_links(struct runner *r, int64_t now_ms)
{
	const uint64_t way_out = watch_way_out();

	r->links_ms = ENGINE_NEVER;
	if (way_out != 0 && way_out != r->way_out) {
		env_log(r->env, LOG_INFO, "agent", "link up", "%s", "");
		engine_link_up(&r->engine, now_ms);
	}
	r->way_out = way_out;
}

/* Edits before and after a clock is set must not be measured by one reading. Where it can't be noted now, the next look
 * or the next sync finds it. */
static void look_at_clock(struct runner *r)
{
	const enum status st = agent_is_open(r->agent) ? clocks_look_alone(r->agent->replica) : ST_OK;

	if (st != ST_OK)
		env_log(r->env, LOG_WARNING, "agent", "clock not looked at", "status=%s", status_name(st));
}

/* --- syncing -------------------------------------------------------------------------- */

static void log_result(const struct runner *r, enum status st, const struct agent_report *report)
{
	const struct exchange_report *sums = &report->sums;

	if (st == ST_OK)
		env_log(r->env, LOG_INFO, "agent", "synced",
			"requests=%" PRIu64 " up=%" PRIu64 " down=%" PRIu64 " sent=%" PRIu64 " records=%" PRIu64
			" pending=%" PRIu64 " ms=%" PRId64,
			report->requests, sums->bytes_up, sums->bytes_down, sums->sent, sums->applied.records, sums->pending,
			report->elapsed_ms);
	else
		env_log(r->env, LOG_NOTICE, "agent", "not synced", "status=%s requests=%" PRIu64 " ms=%" PRId64,
			status_name(st), report->requests, report->elapsed_ms);
}

static void sync_now(struct runner *r, int64_t rest_ms)
{
	const struct sync_options options = { .rest_ms = rest_ms };
	const struct exchange *x = &r->agent->exchange;
	const int64_t poll_ms = r->agent->options.poll_ms;
	struct agent_report report = { 0 };
	enum status st;

	engine_started(&r->engine, now_of(r));
	st = agent_exchange(r->agent, &options, 0, &report, NULL);
	if (st == ST_BUSY && report.requests == 0)
		report.retry_after_ms = LOCKED_RETRY_MS; /* a `doorstep sync` is at work */
	exchange_done(x, &r->engine, now_of(r), st, &report.sums, report.retry_after_ms);
	r->news_ms = now_of(r) + exchange_poll_ms(x, poll_ms > 0 ? poll_ms : AGENT_POLL_MS);
	log_result(r, st, &report);
}

/* --- the loop ------------------------------------------------------------------------- */

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void set_timer(const struct runner *r, int64_t until_ms)
{
	struct itimerspec at = { 0 };
	int64_t wait_ms = until_ms == ENGINE_NEVER ? 0 : until_ms - now_of(r);

	if (until_ms != ENGINE_NEVER && wait_ms < 1)
		wait_ms = 1; /* zero would turn it off */
	at.it_value.tv_sec = (time_t)(wait_ms / 1000);
	at.it_value.tv_nsec = (long)(wait_ms % 1000) * 1000000;
	(void)timerfd_settime(r->timer, 0, &at, NULL);
}

/* Sleeps until there is something to do. False: told to stop. */
static bool wait_for(struct runner *r, int64_t until_ms)
{
	struct pollfd fds[] = {
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = r->timer, .events = POLLIN },
		{ .fd = r->watch.replica, .events = POLLIN },
		{ .fd = r->watch.links, .events = POLLIN },
		{ .fd = r->watch.clock, .events = POLLIN },
	};
	int64_t now_ms;

	set_timer(r, until_ms);
	(void)poll(fds, sizeof fds / sizeof fds[0], -1);
	if (fds[0].revents != 0)
		return false;
	now_ms = now_of(r);
	if (watch_replica(&r->watch))
		look_soon(r, now_ms);
	if (watch_links(&r->watch) && r->links_ms == ENGINE_NEVER)
		r->links_ms = now_ms + LINKS_REST_MS;
	if (watch_clock(&r->watch))
		look_at_clock(r);
	return true;
}

static bool told_to_stop(const struct runner *r)
{
	struct pollfd signals = { .fd = r->signals, .events = POLLIN };

	return poll(&signals, 1, 0) > 0;
}

static void run_loop(struct runner *r)
{
	bool go_on = true;

	while (go_on && !told_to_stop(r)) {
		const int64_t now_ms = now_of(r);
		struct engine_step step;

		if (r->links_ms <= now_ms)
			look_at_links(r, now_ms);
		if (r->look_ms <= now_ms)
			look(r, now_ms);
		if (r->news_ms <= now_ms) {
			engine_news(&r->engine, now_ms);
			r->news_ms = ENGINE_NEVER; /* set anew by the sync */
		}
		step = engine_next(&r->engine, now_ms);
		if (step.action == ENGINE_SYNC)
			sync_now(r, step.rest_ms);
		else
			go_on = wait_for(r, earliest(earliest(step.until_ms, r->look_ms),
						     earliest(r->links_ms, r->news_ms)));
	}
}

/* --- start and stop --------------------------------------------------------------------- */

static enum status take_run_lock(struct runner *r, struct failure *why)
{
	char path[FILES_PATH_MAX];
	enum status st = files_path(path, r->agent->options.home, "run.lock");

	if (st == ST_OK)
		st = files_lock(path, 0, &r->lock);
	if (st == ST_BUSY)
		return failure_set(why, st, "`doorstep run` is already at work for this tablet.", "Nothing was changed.",
				   "There is nothing to do; `doorstep sync` syncs at once.");
	return st == ST_OK ? ST_OK : failure_set(why, st, "The tablet's folder can't be used.", NULL, NULL);
}

static enum status take_signals(struct runner *r, struct failure *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	r->blocked = pthread_sigmask(SIG_BLOCK, &set, &r->signals_before) == 0;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!r->blocked || r->signals < 0 || r->timer < 0)
		return failure_set(why, ST_IO, "The system gives no timer or signals to wait for.", "Nothing was changed.",
				   NULL);
	return ST_OK;
}

static void run_close(struct runner *r)
{
	struct signalfd_siginfo info;

	r->agent->signals = -1;
	watch_close(&r->watch);
	/* The signal that ended us was meant for us: it must not end the caller as well. */
	while (r->signals >= 0 && read(r->signals, &info, sizeof info) == (ssize_t)sizeof info)
		continue;
	if (r->signals >= 0)
		close(r->signals);
	if (r->timer >= 0)
		close(r->timer);
	if (r->lock >= 0)
		close(r->lock);
	if (r->blocked)
		pthread_sigmask(SIG_SETMASK, &r->signals_before, NULL);
}

enum status agent_run(struct agent *a, struct failure *why)
{
	struct runner r = {
		.agent = a, .env = a->options.env, .signals = -1, .timer = -1, .lock = -1,
		.watch = { .replica = -1, .links = -1, .clock = -1 }, .links_ms = ENGINE_NEVER, .news_ms = ENGINE_NEVER,
		.look_step_ms = LOOK_FIRST_MS,
	};
	struct engine_limits limits = ENGINE_LIMITS;
	enum status st = take_run_lock(&r, why);

	assert(a->signals < 0);
	if (st == ST_OK)
		st = take_signals(&r, why);
	if (st != ST_OK) {
		run_close(&r);
		return st;
	}
	a->signals = r.signals;
	watch_open(&r.watch, a->options.home);
	if (r.watch.replica < 0)
		env_log(r.env, LOG_WARNING, "agent", "folder not watched", "look_ms=%d", LOOK_UNWATCHED_MS);
	r.way_out = watch_way_out();
	limits.rest_ms = a->options.rest_ms;
	engine_init(&r.engine, &limits);
	look(&r, now_of(&r)); /* what waits since the last run */
	engine_link_up(&r.engine, now_of(&r));
	run_loop(&r);
	env_log(r.env, LOG_INFO, "agent", "stopped", "%s", "");
	run_close(&r);
	return ST_OK;
}
