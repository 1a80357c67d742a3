#include <inttypes.h>

#include "client/cmd_decided.h"
#include "client/standing.h"

/* --- what travelled --------------------------------------------------------------- */

/* Of what settled: decisions that decided nothing, taken while their conflict is still open or closed by others. */
struct undecided {
	uint64_t open, late;
};

static enum status tell_json(const struct agent_report *report, const struct standing *now,
			     const struct undecided *nothing)
{
	const struct apply_report *applied = &report->sums.applied;
	struct buf json;
	enum status st;

	buf_init(&json, 8192);
	buf_printf(&json, "{\"requests\":\"%" PRIu64 "\"", report->requests);
	cmd_json_number(&json, "bytes_up", (int64_t)report->sums.bytes_up);
	cmd_json_number(&json, "bytes_down", (int64_t)report->sums.bytes_down);
	cmd_json_number(&json, "wire_up", (int64_t)report->wire_up);
	cmd_json_number(&json, "wire_down", (int64_t)report->wire_down);
	cmd_json_number(&json, "connections", (int64_t)report->connections);
	cmd_json_number(&json, "elapsed_ms", report->elapsed_ms);
	cmd_json_number(&json, "sent", (int64_t)report->sums.sent);
	cmd_json_number(&json, "accepted", (int64_t)applied->accepted);
	cmd_json_number(&json, "merged", (int64_t)applied->merged);
	cmd_json_number(&json, "superseded", (int64_t)applied->superseded);
	cmd_json_number(&json, "undecided", (int64_t)(nothing->open + nothing->late));
	cmd_json_number(&json, "held", (int64_t)applied->held);
	cmd_json_number(&json, "returned", (int64_t)applied->returned);
	cmd_json_number(&json, "records", (int64_t)applied->records);
	cmd_json_number(&json, "patients_complete", (int64_t)applied->complete);
	cmd_json_number(&json, "patients_filling", (int64_t)now->filling);
	cmd_json_number(&json, "patients_let_go", (int64_t)applied->let_go);
	cmd_json_number(&json, "pending", (int64_t)report->sums.pending);
	cmd_json_time(&json, "withdrawn_since", now->withdrawn_ms);
	buf_add_byte(&json, '}');
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

/* "  3  merged …"; nothing where there were none. */
static void tell_count(uint64_t count, const char *words)
{
	if (count > 0)
		printf("  %5" PRIu64 "  %s\n", count, words);
}

static uint64_t less(uint64_t all, uint64_t some)
{
	return all > some ? all - some : 0;
}

static void tell_changes(const struct apply_report *applied, const struct undecided *nothing)
{
	tell_count(less(applied->accepted, nothing->open), "accepted: they stand at the centre as you wrote them");
	tell_count(applied->merged, "merged with what others wrote");
	tell_count(less(applied->superseded, nothing->late),
		   "superseded: another value stands; yours is kept in the history");
	tell_count(nothing->open, "arrived but decided nothing: something had changed that the decision had not seen");
	tell_count(nothing->late, "decided nothing: the conflict had been decided already; yours is kept in the history");
	tell_count(applied->held, "held at the centre; `doorstep held` says why and what to do");
	tell_count(applied->returned, "returned to you; `doorstep held` lists them");
}

/* Where somebody should look. */
static void tell_next(const struct apply_report *applied, const struct standing *now, const struct undecided *nothing)
{
	if (applied->merged + applied->superseded + nothing->open > 0)
		puts("Run `doorstep outcomes` to see what became of what you wrote.");
	if (now->conflicts > 0)
		printf("%" PRIu64 " conflict%s open: a person decides. Run `doorstep conflicts`.\n", now->conflicts,
		       now->conflicts == 1 ? " is" : "s are");
}

/* What is true of everything that was written here, and no more than that. */
static void tell_standing(const struct agent_report *report, const struct standing *now)
{
	const struct outbox_counts *counts = &now->counts;
	const uint64_t pending = standing_pending(now);
	const uint64_t going = pending > counts->attention ? pending - counts->attention : 0;

	if (counts->held > 0)
		printf("%" PRIu64 " of your changes %s held at the centre and not applied. Run `doorstep held`.\n", counts->held,
		       counts->held == 1 ? "is" : "are");
	if (counts->attention > 0)
		printf("%" PRIu64 " record%s can't be sent as %s. Run `doorstep held`.\n", counts->attention,
		       counts->attention == 1 ? "" : "s", counts->attention == 1 ? "it is" : "they are");
	if (going > 0)
		printf("%" PRIu64 " still to be sent. Run `doorstep sync` again.\n", going);
	else if (report->sums.applied.more)
		puts("The centre has more for this tablet. Run `doorstep sync` again.");
	if (pending == 0 && counts->held == 0)
		puts("Everything you wrote has reached the centre.");
}

static enum status tell_people(const struct agent_report *report, const struct standing *now,
			       const struct undecided *nothing)
{
	const struct apply_report *applied = &report->sums.applied;

	printf("Sent %" PRIu64 " change%s, received %" PRIu64 " record%s.\n", report->sums.sent,
	       report->sums.sent == 1 ? "" : "s", applied->records, applied->records == 1 ? "" : "s");
	tell_changes(applied, nothing);
	/* Where something moved: how things stand now, not how often an answer said so. */
	if (applied->complete + applied->filling > 0) {
		tell_count(now->complete, "complete on this tablet: patients");
		tell_count(now->filling, "still being filled: patients");
	}
	tell_count(applied->let_go, "no longer in your caseload: patients");
	printf("%" PRIu64 " bytes up, %" PRIu64 " bytes down, %" PRIu64 " request%s, %" PRId64 ".%03" PRId64 " s.\n",
	       report->sums.bytes_up, report->sums.bytes_down, report->requests, report->requests == 1 ? "" : "s",
	       report->elapsed_ms / 1000, report->elapsed_ms % 1000);
	if (applied->anew || applied->notices[NOTICE_COUNTER])
		puts("Something did not fit between this tablet and the centre. Run `doorstep status`.");
	tell_next(applied, now, nothing);
	tell_standing(report, now);
	return ST_OK;
}

/* The newest sequence that settled a change of this tablet. */
static enum status newest_settled(struct cmd *c, uint64_t *seq_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT coalesce(max(seq),0) FROM ds_journal WHERE state=2", &st);

	if (stmt == NULL)
		return st;
	st = db_step(&c->r->db, stmt, &row);
	if (st == ST_OK)
		*seq_out = row ? (uint64_t)db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return st;
}

static enum status sync_body(struct cmd *c)
{
	struct agent_report report = { 0 };
	struct undecided nothing = { 0 };
	struct standing now = { 0 };
	uint64_t before = 0;
	enum status st = newest_settled(c, &before);

	if (st == ST_OK)
		st = tablet_sync(c->tablet, &report, &c->why);
	if (st == ST_OK)
		st = standing_read(c->r, &now);
	if (st == ST_OK)
		st = cmd_decided_count(c, before, &nothing.open, &nothing.late);
	if (st != ST_OK)
		return st;
	st = c->line->json ? tell_json(&report, &now, &nothing) : tell_people(&report, &now, &nothing);
	if (st != ST_OK || now.withdrawn_ms == 0)
		return st;
	return failure_set(&c->why, ST_REFUSED, "This tablet has been withdrawn from use: nothing new comes to it.",
			   "What the centre receives of yours is held there for a supervisor; the rest is saved on this tablet.",
			   "Ask your administrator.");
}

int cmd_sync(const struct command_line *line)
{
	return cmd_run(line, sync_body);
}

/* --- run -------------------------------------------------------------------------- */

static enum status run_body(struct cmd *c)
{
	struct agent_options options = { 0 };
	struct agent *agent = NULL;
	enum status st = tablet_options(c->tablet, &options, &c->why);

	c->tablet->posix.level_max = LOG_INFO;
	if (st == ST_OK)
		st = agent_open(&agent, &options, &c->why);
	if (st == ST_OK)
		st = agent_run(agent, &c->why);
	agent_close(agent);
	return st;
}

int cmd_run_agent(const struct command_line *line)
{
	return cmd_run(line, run_body);
}
