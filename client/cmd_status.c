#include <inttypes.h>
#include <string.h>

#include "client/clocks.h"
#include "client/cmd_note.h"
#include "client/cmd_outcomes.h"
#include "client/standing.h"

/* --- for programs ----------------------------------------------------------------- */

struct notices {
	struct buf *json;
	const struct cmd *c;
	size_t count;
};

static void notice_json(void *ctx, int64_t at_ms, const char *what)
{
	struct notices *n = ctx;

	buf_add_str(n->json, n->count++ == 0 ? "{" : ",{");
	buf_add_str(n->json, "\"what\":");
	buf_add_json(n->json, what, strlen(what));
	cmd_json_time(n->json, "at", at_ms);
	buf_add_byte(n->json, '}');
}

static void add_counts(struct buf *json, const struct standing *now, uint64_t outcomes_new)
{
	cmd_json_number(json, "saved", (int64_t)now->counts.dirty);
	cmd_json_number(json, "sending", (int64_t)now->counts.waiting);
	cmd_json_number(json, "received", (int64_t)now->counts.settled);
	cmd_json_number(json, "needs_attention", (int64_t)(now->counts.held + now->counts.attention));
	cmd_json_number(json, "held", (int64_t)now->counts.held);
	cmd_json_number(json, "returned", (int64_t)now->counts.returned);
	cmd_json_number(json, "pending", (int64_t)standing_pending(now));
	cmd_json_number(json, "outcomes_new", (int64_t)outcomes_new);
	cmd_json_number(json, "conflicts", (int64_t)now->conflicts);
	cmd_json_number(json, "patients_complete", (int64_t)now->complete);
	cmd_json_number(json, "patients_filling", (int64_t)now->filling);
	cmd_json_number(json, "patients_left", (int64_t)now->left);
}

static enum status status_json(struct cmd *c, const struct standing *now, uint64_t outcomes_new)
{
	const struct replica_identity *owner = &c->r->identity;
	struct buf json;
	struct notices notices = { &json, c, 0 };
	struct clock_off off = { 0 };
	bool known = false;
	enum status st = clocks_off(c->r, &known, &off);

	if (st != ST_OK)
		return st;
	buf_init(&json, 65536);
	buf_printf(&json, "{\"device\":\"%u\"", owner->device);
	cmd_json_text(&json, "owner_name", owner->owner_name);
	cmd_json_text(&json, "agency", owner->agency);
	cmd_json_text(&json, "url", owner->url);
	add_counts(&json, now, outcomes_new);
	cmd_json_time(&json, "oldest_unsent", now->counts.oldest_unsent_ms);
	cmd_json_time(&json, "last_up", now->last_up_ms);
	cmd_json_time(&json, "last_down", now->last_down_ms);
	cmd_json_time(&json, "last_failure_at", now->failure_ms);
	if (known)
		cmd_json_number(&json, "clock_offset_ms", off.ms);
	else
		cmd_json_text(&json, "clock_offset_ms", NULL);
	cmd_json_text(&json, "last_failure", now->failure[0] != '\0' ? now->failure : NULL);
	cmd_json_text(&json, "last_failure_next", now->next[0] != '\0' ? now->next : NULL);
	cmd_json_time(&json, "withdrawn_since", now->withdrawn_ms);
	cmd_json_text(&json, "replica", c->tablet->path);
	buf_add_str(&json, ",\"notices\":[");
	st = standing_notices(c->r, notice_json, &notices);
	buf_add_byte(&json, ']');
	if (st == ST_OK)
		st = cmd_notes_waiting_json(c, &json);
	buf_add_byte(&json, '}');
	if (st == ST_OK)
		st = cmd_json(&json);
	buf_close(&json);
	return st;
}

/* --- for people ------------------------------------------------------------------- */

static void row(const char *label, uint64_t count)
{
	printf("%-22s%" PRIu64 "\n", label, count);
}

/* A count, with the command that says more where there is any. */
static void row_next(const char *label, uint64_t count, const char *command)
{
	if (count == 0)
		row(label, count);
	else
		printf("%-22s%" PRIu64 ". Next: %s\n", label, count, command);
}

static void notice_text(void *ctx, int64_t at_ms, const char *what)
{
	char time[CMD_TIME_SIZE];

	printf("Notice of %s: %s\n", cmd_time(ctx, at_ms, time), what);
}

/* Only where the clock is worth a word. */
static enum status clock_text(struct cmd *c)
{
	char words[CLOCK_WORDS_SIZE];
	struct clock_off off = { 0 };
	bool known = false;
	const enum status st = clocks_off(c->r, &known, &off);

	if (st != ST_OK || !known || (off.ms < CLOCK_OFF_MS_MIN && off.ms > -CLOCK_OFF_MS_MIN))
		return st;
	clock_off_words(&off, words);
	printf("%-22s%s. Nothing is lost by it; have its date and time set right.\n", "This tablet's clock", words);
	return ST_OK;
}

static void withdrawn_text(const struct cmd *c, const struct standing *now)
{
	char time[CMD_TIME_SIZE];

	if (now->withdrawn_ms == 0)
		return;
	printf("%-22sknown since %s: nothing new comes to this tablet.\n", "Withdrawn from use",
	       cmd_time(c, now->withdrawn_ms, time));
	printf("%-22s%" PRIu64 " received and held at the centre until a supervisor takes them in or gives them back;"
	       " %" PRIu64 " saved here, still to be sent. Ask your administrator.\n", "What you wrote", now->counts.held,
	       standing_pending(now));
}

static enum status status_text_of(struct cmd *c, const struct standing *now, uint64_t outcomes_new)
{
	const struct replica_identity *owner = &c->r->identity;
	char time[CMD_TIME_SIZE];
	size_t waiting = 0;
	enum status st;

	printf("%s, %s, tablet %u\n\n", owner->owner_name, owner->agency, owner->device);
	row("Saved on this tablet", now->counts.dirty);
	row("Sending", now->counts.waiting);
	row("Received", now->counts.settled);
	row_next("Needs attention", now->counts.held + now->counts.attention, "doorstep held");
	row_next("Returned to you", now->counts.returned, "doorstep held");
	printf("\n%-22s%" PRIu64, "To be sent", standing_pending(now));
	if (now->counts.oldest_unsent_ms != 0)
		printf(", the oldest from %s", cmd_time(c, now->counts.oldest_unsent_ms, time));
	printf("\n%-22s%s\n", "Last sent", cmd_time(c, now->last_up_ms, time));
	printf("%-22s%s\n", "Last heard", cmd_time(c, now->last_down_ms, time));
	if (now->failure_ms != 0)
		printf("%-22s%s: %s %s\n", "Last exchange failed", cmd_time(c, now->failure_ms, time), now->failure,
		       now->next);
	withdrawn_text(c, now);
	if (outcomes_new > 0)
		printf("%-22s%" PRIu64 " since you last looked. Next: doorstep outcomes\n", "Not as you wrote it", outcomes_new);
	row_next("Open conflicts", now->conflicts, "doorstep conflicts");
	printf("%-22s%" PRIu64 " complete, %" PRIu64 " being filled, %" PRIu64 " no longer yours\n", "Patients",
	       now->complete, now->filling, now->left);
	printf("%-22s%s\n", "Replica", c->tablet->path);
	st = clock_text(c);
	if (st == ST_OK)
		st = cmd_notes_waiting_tell(c, &waiting);
	return st == ST_OK ? standing_notices(c->r, notice_text, c) : st;
}

static enum status status_body(struct cmd *c)
{
	struct standing now = { 0 };
	uint64_t outcomes_new = 0;
	enum status st = standing_read(c->r, &now);

	if (st == ST_OK)
		st = cmd_outcomes_new(c, &outcomes_new);
	if (st != ST_OK)
		return st;
	return c->line->json ? status_json(c, &now, outcomes_new) : status_text_of(c, &now, outcomes_new);
}

int cmd_status(const struct command_line *line)
{
	return cmd_run(line, status_body);
}
