#include "tests/sim/sim_tablet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clocks.h"
#include "proto/limits.h"
#include "tests/sim/ghost.h"
#include "tests/sim/judge.h"
#include "tests/sim/node.h"
#include "tests/sim/way.h"
#include "tests/support/ask.h"
#include "tests/support/joining.h"

#define RETRY_START_MS 60000
#define AMID_CATCH_UP (UINT64_C(1) << 36) /* numbers of links lost behind an answer; below are days */
#define AMID_MS_MAX 3600000

static const char *const BUILD_POINTS[] = { "A01", "A03", "A04", "A05", "A06", "A07", NULL };
static const char *const TAKE_POINTS[] = { "A09", "A10", "A11", "A12", "A13", "A14", "A15", "A16", NULL };
static const char *const REST_POINTS[] = { "A18", NULL };

/* --- the process ------------------------------------------------------------------------------ */

static void close_all(struct sim_tablet *t)
{
	if (t->program != NULL)
		(void)sqlite3_close(t->program);
	t->program = NULL;
	exchange_close(&t->exchange);
	sync_close(&t->sync);
	replica_close(&t->replica);
	t->waiting = 0;
	t->timer++;
	t->node.up = false;
}

static void down(struct node *node)
{
	close_all((struct sim_tablet *)(void *)node);
}

bool tablet_act_end(struct sim_tablet *t)
{
	return node_act_end(&t->node, down);
}

void tablet_open(struct sim_tablet *t, struct sim *sim, unsigned index)
{
	node_open(&t->node, sim, index);
	(void)snprintf(t->path, sizeof t->path, "replica.db");
	buf_init(&t->kept_answer, LIMIT_BODY_MAX);
	t->link = true;
}

void tablet_close(struct sim_tablet *t)
{
	if (t->node.up)
		close_all(t);
	buf_close(&t->kept_answer);
	node_close(&t->node);
}

void tablet_enrol(struct sim_tablet *t)
{
	struct centre *centre = &t->node.sim->centre.centre;
	char login[32];
	struct failure why;

	(void)snprintf(login, sizeof login, "tablet-%u", t->node.index);
	t->node.env.random(t->node.env.ctx, t->seed, sizeof t->seed);
	t->worker = joining_worker(centre, login);
	if (replica_open(&t->replica, t->path, t->node.sim->schema, &t->node.env, true, &why) != ST_OK)
		abort();
	t->device = joining_tablet(centre, &t->replica, login, t->seed);
	replica_close(&t->replica);
}

static int open_program(struct sim_tablet *t)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	return t->node.sim->plan.program ? sqlite3_open_v2(t->path, &t->program, flags, t->node.env.vfs) : SQLITE_OK;
}

static enum status open_all(struct sim_tablet *t)
{
	struct failure why;
	enum status st = replica_open_secured(&t->replica, t->path, t->node.sim->schema, &t->node.env, &why);

	if (st == ST_OK)
		st = sync_init(&t->sync, &t->replica, t->seed);
	if (st == ST_OK)
		exchange_init(&t->exchange, &t->sync, &t->node.env);
	if (st == ST_OK && open_program(t) != SQLITE_OK)
		st = ST_IO;
	return st;
}

static void start_later(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;

	sim_at(sim, sim->now_ms + RETRY_START_MS, EVENT_START, t->node.index, ++t->node.restarts);
}

bool tablet_start(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	bool lives;
	enum status st;

	t->node.is_starting = true;
	node_act_begin(&t->node, SITE_START, ++t->node.life, NULL);
	st = open_all(t);
	lives = tablet_act_end(t);
	t->node.is_starting = false;
	if (!lives)
		return false;
	if (st != ST_OK) {
		sim_tell(sim, &t->node, "can't start: %s", status_name(st));
		close_all(t);
		start_later(t);
		return false;
	}
	t->node.up = true;
	t->look = (struct look){ 0 };
	engine_init(&t->engine, &ENGINE_LIMITS);
	engine_link_up(&t->engine, node_boot_ms(&t->node));
	sim_tell(sim, &t->node, "runs");
	if (sim->ghosts != NULL)
		ghost_check_started(t);
	tablet_edited(t);
	return true;
}

void tablet_stop(struct sim_tablet *t)
{
	if (t->node.up)
		close_all(t);
}

static void open_again(struct sim_tablet *t)
{
	struct failure why;
	enum status st;

	replica_close(&t->replica);
	node_act_begin(&t->node, SITE_START, (UINT64_C(1) << 30) + ++t->mends, NULL);
	st = replica_open_secured(&t->replica, t->path, t->node.sim->schema, &t->node.env, &why);
	if (!tablet_act_end(t))
		return;
	sim_tell(t->node.sim, &t->node, "opens its replica again: %s", status_name(st));
	if (st != ST_OK) {
		close_all(t);
		start_later(t);
	}
}

/* A failed fsync, or opened where nothing could be written: closed and opened again, never gone on with. */
static void mend(struct sim_tablet *t)
{
	if (t->program != NULL && sqlite3_db_readonly(t->program, "main") == 1) {
		(void)sqlite3_close(t->program);
		t->program = NULL;
		(void)open_program(t);
	}
	if (t->node.up && t->replica.db.failed)
		open_again(t);
}

/* --- the loop ------------------------------------------------------------------------------------ */

/* When the engine wants to be asked again. */
static void set_timer(struct sim_tablet *t)
{
	const int64_t now_ms = node_boot_ms(&t->node);
	const struct engine_step step = engine_next(&t->engine, now_ms);
	struct sim *sim = t->node.sim;

	t->timer++;
	if (t->engine.running || (step.action == ENGINE_SLEEP && step.until_ms == ENGINE_NEVER))
		return;
	sim_at(sim, sim->now_ms + (step.action == ENGINE_SYNC ? 1 : step.until_ms - now_ms + 1), EVENT_WAKE, t->node.index,
	       t->timer);
}

void tablet_edited(struct sim_tablet *t)
{
	if (!t->node.up)
		return;
	mend(t);
	if (!t->node.up)
		return;
	exchange_look(&t->look, &t->replica, &t->engine, node_boot_ms(&t->node));
	set_timer(t);
}

static void checkpoint(struct sim_tablet *t)
{
	size_t len = 0;
	char wal[40];

	(void)snprintf(wal, sizeof wal, "%s-wal", t->path);
	(void)disk_read(t->node.disk, wal, &len);
	if (!t->node.up || !replica_checkpoint_due(&t->replica, (int64_t)len))
		return;
	node_act_begin(&t->node, SITE_REST, t->exchanges, REST_POINTS);
	env_crash_point(&t->node.env, "A18 mid checkpoint");
	replica_checkpoint(&t->replica);
	(void)tablet_act_end(t);
}

/* Whoever waits as long each time comes back together with all the others; and nobody waits longer than was asked for. */
static void check_wait(struct sim_tablet *t, enum status st)
{
	const int64_t wait_ms = t->engine.backoff_until_ms - node_boot_ms(&t->node);

	if (st != ST_OK && wait_ms > WAY_RETRY_AFTER_MS_MAX + ENGINE_LIMITS.backoff_ms_max)
		sim_wrong(t->node.sim, "I21", "%s waits %" PRId64 " s, which nobody asked for", t->node.name, wait_ms / 1000);
	if (st == ST_OK || t->engine.ceiling_ms < ENGINE_LIMITS.backoff_ms_max) {
		t->same_waits = 0;
		return;
	}
	t->same_waits = wait_ms == t->wait_ms ? t->same_waits + 1 : 0;
	t->wait_ms = wait_ms;
	if (t->same_waits >= 2)
		sim_wrong(t->node.sim, "I22", "%s waited %" PRId64 " ms three times: no jitter", t->node.name, wait_ms);
}

/* The exchange under way has ended; the process may have died of it. */
static void end_exchange(struct sim_tablet *t, enum status st, const struct exchange_report *report, int64_t retry_after_ms)
{
	t->waiting = 0;
	if (!t->node.up)
		return;
	exchange_done(&t->exchange, &t->engine, node_boot_ms(&t->node), st, report, retry_after_ms);
	check_wait(t, st);
	checkpoint(t);
	tablet_edited(t);
}

/* Often no more than a page comes through where the signal is weak: there is more, and no link for it. */
static void lose_link_amid(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	uint64_t k = AMID_CATCH_UP + t->exchanges;
	struct dice dice;

	if (!sim_strikes(sim, FAULT_NO_LINK, t->node.index, &k))
		return;
	dice = dice_at(sim->plan.seed, SITE_LINK, t->node.index, k);
	if (!dice_one_in(&dice, 2))
		return;
	sim_struck(sim, instance_fault(FAULT_NO_LINK, t->node.index, k));
	tablet_link(t, false);
	sim_at(sim, sim->now_ms + 60000 + (int64_t)dice_below(&dice, AMID_MS_MAX), EVENT_LINK, t->node.index, 2 * k + 1);
}

/* Nothing came of it: noted for people. k: of the act. */
static void fail_exchange(struct sim_tablet *t, enum status st, int64_t retry_after_ms)
{
	const struct exchange_report report = { 0 };
	struct failure why = { .status = st };

	(void)failure_set(&why, st, "It failed.", "All is safe.", "Wait.");
	node_act_begin(&t->node, SITE_REST, t->exchanges + (UINT64_C(1) << 30), NULL);
	exchange_note_failure(&t->exchange, st, &why);
	(void)tablet_act_end(t);
	end_exchange(t, st, &report, retry_after_ms);
}

static bool disk_is_well(const struct sim_tablet *t)
{
	return !t->node.peril.struck && !t->node.sick && !t->replica.db.failed;
}

/* The request leaves. */
static void let_go(struct sim_tablet *t, const void *bytes, size_t len)
{
	env_crash_point(&t->node.env, "A06 request half sent");
	if (node_is_dying(&t->node)) {
		way_up_half(t, bytes, len);
		return;
	}
	t->waiting = t->exchanges;
	t->asked_ms = t->node.sim->now_ms;
	sim_tell(t->node.sim, &t->node, "sends request %" PRIu64 ": %zu bytes, %" PRIu64 " changes", t->exchanges, len,
		 t->exchange.newest.changes_sent);
	way_up(t, bytes, len, t->exchange.newest.changes_sent);
	env_crash_point(&t->node.env, "A07 sent");
}

/* A request, on a standing connection. */
static void send_request(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	const void *bytes = NULL;
	size_t len = 0;
	struct failure why;
	bool well, lives;
	enum status st;

	t->exchanges++;
	node_act_begin(&t->node, SITE_EXCHANGE, t->exchanges, BUILD_POINTS);
	well = disk_is_well(t);
	st = exchange_build(&t->exchange, &bytes, &len, &why);
	well = well && disk_is_well(t);
	if (!node_is_dying(&t->node) && st == ST_OK)
		let_go(t, bytes, len);
	lives = tablet_act_end(t);
	if (!lives)
		return;
	if (st != ST_OK) {
		sim_tell(sim, &t->node, "could not build a request: %s", status_name(st));
		if (well && st != ST_READONLY) /* opened while it was: the next one opens it anew */
			sim_wrong(sim, "sim", "%s could not build a request on a sound disk: %s", t->node.name, status_name(st));
		fail_exchange(t, st, 0);
		return;
	}
	ghost_check_built(t);
}

static void begin_exchange(struct sim_tablet *t, int64_t rest_ms)
{
	struct sim *sim = t->node.sim;
	const struct sync_options options = { .rest_ms = rest_ms, .budget = sim->plan.budget, .battery_percent = -1 };

	t->built_ms = sim->now_ms;
	engine_started(&t->engine, node_boot_ms(&t->node));
	exchange_begin(&t->exchange, &options);
	if (t->link && sim->centre.node.up) {
		send_request(t);
		return;
	}
	sim_met(sim, MET_NO_LINK);
	t->exchanges++;
	fail_exchange(t, ST_UNREACHABLE, 0);
}

void tablet_wake(struct sim_tablet *t, uint64_t timer)
{
	struct engine_step step;

	if (!t->node.up || timer != t->timer || t->engine.running)
		return;
	step = engine_next(&t->engine, node_boot_ms(&t->node));
	if (step.action == ENGINE_SYNC)
		begin_exchange(t, step.rest_ms);
	else
		set_timer(t);
}

void tablet_want(struct sim_tablet *t)
{
	struct dice dice = dice_at(t->node.sim->plan.seed, SITE_SLEEP, t->node.index, t->exchanges);

	if (!t->node.up)
		return;
	if (dice_one_in(&dice, 2) || t->node.sim->phase >= PHASE_ROUNDS)
		engine_asked(&t->engine, node_boot_ms(&t->node));
	else
		engine_news(&t->engine, node_boot_ms(&t->node));
	set_timer(t);
}

void tablet_link(struct sim_tablet *t, bool up)
{
	t->link = up;
	sim_tell(t->node.sim, &t->node, up ? "has a link" : "has no link");
	if (!up || !t->node.up)
		return;
	engine_link_up(&t->engine, node_boot_ms(&t->node));
	set_timer(t);
}

void tablet_clock_set(struct sim_tablet *t, uint64_t k)
{
	if (!t->node.up)
		return;
	node_act_begin(&t->node, SITE_CLOCK, k, NULL);
	if (clocks_look_alone(&t->replica) != ST_OK)
		sim_tell(t->node.sim, &t->node, "could not look at its clock");
	if (tablet_act_end(t))
		tablet_edited(t);
}

void tablet_give_up(struct sim_tablet *t, uint64_t exchange)
{
	if (!t->node.up || t->waiting != exchange)
		return;
	sim_tell(t->node.sim, &t->node, "gives up request %" PRIu64, exchange);
	if (exchange_failed(&t->exchange, ST_UNREACHABLE, false, &(struct exchange_report){ 0 }))
		abort();
	fail_exchange(t, ST_UNREACHABLE, 0);
}

/* --- answers ----------------------------------------------------------------------------------------- */

static void count_applied(struct sim_tablet *t, const struct exchange_report *report)
{
	struct sim *sim = t->node.sim;

	if (report->applied.filling + report->applied.complete > 0)
		sim_met(sim, MET_FILLED);
	if (report->applied.let_go > 0)
		sim_met(sim, MET_LET_GO);
	if (report->applied.more)
		sim_met(sim, MET_PAGES);
	if (report->applied.notices[NOTICE_SEND_FROM])
		sim_met(sim, MET_RESENT);
	/* Each of its requests has a higher counter than all before, and it hears the answer to the newest alone: but for files that
	 * were put back (last.h), or that a disk had never kept. */
	if (report->applied.notices[NOTICE_COUNTER] && sim->phase != PHASE_LAST && sim->plan.odds[FAULT_LIE] == 0)
		sim_wrong(sim, "I19", "%s, of which there is no copy, is told that it may be one", t->node.name);
}

static void keep_answer(struct sim_tablet *t, const struct flight *flight)
{
	buf_reset(&t->kept_answer);
	buf_add(&t->kept_answer, flight->bytes.data, flight->bytes.len);
}

static void check_answer(struct sim_tablet *t, const struct flight *flight, enum status st, bool well)
{
	struct sim *sim = t->node.sim;

	if (flight->bent && st == ST_OK)
		sim_wrong(sim, "I23", "%s took an answer that was altered on the way (%s)", t->node.name, met_text(flight->met));
	if (flight->bent && st != ST_OK)
		sim_met(sim, flight->met);
	if (!flight->bent && st != ST_OK && well)
		sim_wrong(sim, "sim", "%s refused an honest answer: %s", t->node.name, status_name(st));
}

static void take_bytes(struct sim_tablet *t, const struct flight *flight)
{
	struct sim *sim = t->node.sim;
	struct exchange_report report = { 0 };
	struct failure why = { .status = ST_OK };
	bool well;
	enum status st;

	node_act_begin(&t->node, SITE_TAKE, flight->exchange, TAKE_POINTS);
	env_crash_point(&t->node.env, "A09 body half read");
	st = exchange_take(&t->exchange, flight->bytes.data, flight->bytes.len, &report, &why);
	well = disk_is_well(t);
	if (!tablet_act_end(t))
		return;
	sim_tell(sim, &t->node, "takes answer %" PRIu64 " of %zu bytes: %s, %" PRIu64 " outcomes, %" PRIu64 " records%s",
		 flight->exchange, flight->bytes.len, status_name(st), apply_settled(&report.applied), report.applied.records,
		 report.applied.more ? ", more" : "");
	check_answer(t, flight, st, well);
	if (!flight->bent)
		keep_answer(t, flight);
	if (st != ST_OK) {
		fail_exchange(t, st, 0);
		return;
	}
	t->heard_ms = t->asked_ms;
	count_applied(t, &report);
	t->moved += report.sent + report.applied.records + report.applied.filling + report.applied.complete + report.applied.let_go;
	judge_acknowledged(sim, t->node.index,
			   (uint64_t)tablet_int(t, "SELECT coalesce(max(n),0) FROM ds_journal WHERE state<>0"));
	ghost_check_taken(t);
	if (!report.applied.more && !report.applied.anew && !sim_is_wrong(sim))
		ghost_check_heard(t);
	if (!report.again && !sim_is_wrong(sim))
		ghost_check_prompt(t, t->built_ms, t->exchange.options.rest_ms);
	if (report.applied.more)
		lose_link_amid(t);
	end_exchange(t, ST_OK, &report, 0);
}

static void take_status(struct sim_tablet *t, const struct flight *flight)
{
	const enum status st = way_status(flight->status);
	const uint64_t sent = t->exchange.newest.changes_sent;
	struct exchange_report report = { 0 };

	sim_tell(t->node.sim, &t->node, "request %" PRIu64 " ends with %d", flight->exchange, flight->status);
	if (!exchange_failed(&t->exchange, st, flight->status == 413, &report)) {
		fail_exchange(t, st, flight->retry_after_ms);
		return;
	}
	sim_met(t->node.sim, MET_TOO_LARGE);
	send_request(t);
	if (t->waiting != 0 && t->exchange.newest.changes_sent >= sent)
		sim_wrong(t->node.sim, "I20", "%s sent %" PRIu64 " changes again that were too large a request", t->node.name, sent);
}

void tablet_answer(struct sim_tablet *t, const struct flight *flight)
{
	if (!t->node.up || flight->life != t->node.life || t->waiting != flight->exchange) {
		sim_met(t->node.sim, MET_STALLED);
		return;
	}
	t->waiting = 0;
	if (flight->status == 0)
		take_bytes(t, flight);
	else
		take_status(t, flight);
}

/* --- what a person or a program does --------------------------------------------------------------------- */

struct sqlite3 *tablet_connection(struct sim_tablet *t, bool program)
{
	return program && t->program != NULL ? t->program : t->replica.db.handle;
}

int tablet_sql(struct sim_tablet *t, bool program, const char *format, ...)
{
	sqlite3 *handle = tablet_connection(t, program);
	va_list args;
	char *sql;
	int rc;

	va_start(args, format);
	sql = ask_text(format, args);
	va_end(args);
	rc = sqlite3_exec(handle, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	if (rc != SQLITE_OK && handle == t->replica.db.handle)
		(void)db_status(&t->replica.db, sqlite3_extended_errcode(handle));
	return rc;
}

static bool query(struct sim_tablet *t, struct buf *out, const char *format, va_list args)
{
	char *sql;
	int rc;

	if (!t->node.up)
		return false;
	sql = ask_text(format, args);
	rc = ask_first(t->replica.db.handle, sql, out);
	sqlite3_free(sql);
	return rc == SQLITE_OK;
}

bool tablet_text(struct sim_tablet *t, char *text_out, size_t room, const char *format, ...)
{
	struct buf buf;
	va_list args;
	bool good;

	buf_init(&buf, LIMIT_INFLATED_MAX);
	va_start(args, format);
	good = query(t, &buf, format, args);
	va_end(args);
	(void)snprintf(text_out, room, "%s", buf_str(&buf));
	buf_close(&buf);
	return good;
}

int64_t tablet_int(struct sim_tablet *t, const char *format, ...)
{
	struct buf buf;
	va_list args;
	int64_t number = 0;

	buf_init(&buf, LIMIT_INFLATED_MAX);
	va_start(args, format);
	if (query(t, &buf, format, args))
		number = strtoll(buf_str(&buf), NULL, 10);
	va_end(args);
	buf_close(&buf);
	return number;
}
