#include <inttypes.h>
#include <string.h>

#include "client/cmd.h"
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

static void add_counts(struct buf *json, const struct standing *now)
{
	cmd_json_number(json, "saved", (int64_t)now->counts.dirty);
	cmd_json_number(json, "sending", (int64_t)now->counts.waiting);
	cmd_json_number(json, "received", (int64_t)now->counts.settled);
	cmd_json_number(json, "needs_attention", (int64_t)(now->counts.held + now->counts.attention));
	cmd_json_number(json, "held", (int64_t)now->counts.held);
	cmd_json_number(json, "returned", (int64_t)now->counts.returned);
	cmd_json_number(json, "pending", (int64_t)standing_pending(now));
	cmd_json_number(json, "conflicts", (int64_t)now->conflicts);
	cmd_json_number(json, "patients_complete", (int64_t)now->complete);
	cmd_json_number(json, "patients_filling", (int64_t)now->filling);
	cmd_json_number(json, "patients_left", (int64_t)now->left);
}

static enum status status_json(struct cmd *c, const struct standing *now)
{
	const struct replica_identity *owner = &c->r->identity;
	struct buf json;
	struct notices notices = { &json, c, 0 };
	enum status st;

	buf_init(&json, 65536);
	buf_printf(&json, "{\"device\":\"%u\"", owner->device);
	cmd_json_text(&json, "owner_name", owner->owner_name);
	cmd_json_text(&json, "agency", owner->agency);
	cmd_json_text(&json, "url", owner->url);
	add_counts(&json, now);
	cmd_json_time(&json, "oldest_unsent", now->counts.oldest_unsent_ms);
	cmd_json_time(&json, "last_up", now->last_up_ms);
	cmd_json_time(&json, "last_down", now->last_down_ms);
	cmd_json_time(&json, "last_failure_at", now->failure_ms);
	cmd_json_text(&json, "last_failure", now->failure[0] != '\0' ? now->failure : NULL);
	cmd_json_text(&json, "last_failure_next", now->next[0] != '\0' ? now->next : NULL);
	cmd_json_text(&json, "replica", c->tablet->path);
	buf_add_str(&json, ",\"notices\":[");
	st = standing_notices(c->r, notice_json, &notices);
	buf_add_str(&json, "]}");
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

static void notice_text(void *ctx, int64_t at_ms, const char *what)
{
	char time[CMD_TIME_SIZE];

	printf("Notice of %s: %s\n", cmd_time(ctx, at_ms, time), what);
}

static enum status status_text_of(struct cmd *c, const struct standing *now)
{
	const struct replica_identity *owner = &c->r->identity;
	char time[CMD_TIME_SIZE];

	printf("%s, %s, tablet %u\n\n", owner->owner_name, owner->agency, owner->device);
	row("Saved on this tablet", now->counts.dirty);
	row("Sending", now->counts.waiting);
	row("Received", now->counts.settled);
	row("Needs attention", now->counts.held + now->counts.attention);
	row("Returned to you", now->counts.returned);
	printf("\n%-22s%" PRIu64, "To be sent", standing_pending(now));
	if (now->counts.oldest_unsent_ms != 0)
		printf(", the oldest from %s", cmd_time(c, now->counts.oldest_unsent_ms, time));
	printf("\n%-22s%s\n", "Last sent", cmd_time(c, now->last_up_ms, time));
	printf("%-22s%s\n", "Last heard", cmd_time(c, now->last_down_ms, time));
	if (now->failure_ms != 0)
		printf("%-22s%s: %s %s\n", "Last exchange failed", cmd_time(c, now->failure_ms, time), now->failure,
		       now->next);
	row("Open conflicts", now->conflicts);
	printf("%-22s%" PRIu64 " complete, %" PRIu64 " being filled, %" PRIu64 " no longer yours\n", "Patients",
	       now->complete, now->filling, now->left);
	printf("%-22s%s\n", "Replica", c->tablet->path);
	return standing_notices(c->r, notice_text, c);
}

static enum status status_body(struct cmd *c)
{
	struct standing now = { 0 };
	const enum status st = standing_read(c->r, &now);

	if (st != ST_OK)
		return st;
	return c->line->json ? status_json(c, &now) : status_text_of(c, &now);
}

int cmd_status(const struct command_line *line)
{
	return cmd_run(line, status_body);
}
