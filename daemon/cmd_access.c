/* doorstepd device revoke, device allow, user disable, user enable.
 *
 * What the tablets held, and had not sent when they last reported, is said first, and can be asked for alone with
 * --preview. What they still send is kept and held (access.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

#define PATIENTS_SAID 10

#define OPTION_WHY { "--why", "TEXT", "the reason, kept in the history; also - or @FILE" }

const struct option_row CMD_WITHDRAW_OPTIONS[] = {
	OPTION_WHY,
	{ "--preview", NULL, "only say what the tablets held and had not sent" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

const struct option_row CMD_ALLOW_OPTIONS[] = {
	OPTION_WHY,
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

/* A person and those of their tablets that are concerned. */
struct access {
	struct desk *desk;
	struct access_reason reason;
	struct account account;
	struct device *tablets;
	struct id *patients;
	size_t tablet_count, patient_count;
	bool whole_account;
	bool withdraws, preview;
};

/* --- what it is about -------------------------------------------------------------- */

static enum status read_device(struct desk *desk, uint32_t *out)
{
	const char *text = desk->line->words[0];
	char *end = NULL;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || number == 0 || number > UINT32_MAX)
		return failure_set(&desk->why, ST_USAGE, "This is no tablet's number.", "Nothing was changed.",
				   "`doorstepd device list` shows the tablets, each with its number in front.");
	*out = (uint32_t)number;
	return ST_OK;
}

static enum status read_reason(struct access *a)
{
	const char *why = command_option(a->desk->line, "--why");
	size_t len = 0;

	a->reason = (struct access_reason){ .by = desk_by(a->desk), .why = "" };
	return why == NULL ? ST_OK : desk_argument(a->desk, why, &a->reason.why, &len);
}

/* As they stand before anything is done: the person's tablets in use, or the one that is meant. */
static enum status look(struct access *a, uint32_t device)
{
	struct store *store = a->desk->centre.store;
	struct device *all = NULL;
	size_t count = 0;
	enum status st = store->ops->device_list(store, &a->desk->arena, &all, &count);

	a->whole_account = device == 0;
	a->tablets = all;
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const bool own = id_equal(&all[i].worker, &a->account.worker);

		if (a->whole_account ? !own || all[i].revoked == a->withdraws : all[i].device != device)
			continue;
		if (!a->whole_account)
			st = store->ops->account_by_worker(store, &all[i].worker, &a->account);
		a->tablets[a->tablet_count] = all[i];
		a->tablets[a->tablet_count].health.version = NULL;
		a->tablet_count++;
	}
	if (st == ST_OK)
		st = store->ops->member_list(store, &a->account.worker, UINT64_MAX, &a->desk->arena, &a->patients,
					     &a->patient_count);
	return st;
}

/* --- saying it ----------------------------------------------------------------------- */

static void json_tablets(struct buf *out, const struct access *a)
{
	text_json_key(out, "tablets");
	buf_add_str(out, "[");
	for (size_t i = 0; i < a->tablet_count; i++) {
		const struct device *tablet = &a->tablets[i];

		buf_add_str(out, i > 0 ? ",{" : "{");
		text_json_number(out, "device", tablet->device);
		text_json(out, "name", tablet->name);
		text_json_number(out, "pending", (int64_t)tablet->health.pending_count);
		if (tablet->health.oldest_unsent_ms != 0)
			text_json_moment(out, "oldest_unsent", tablet->health.oldest_unsent_ms);
		else
			text_json(out, "oldest_unsent", NULL);
		if (tablet->seen_ms != 0)
			text_json_moment(out, "last_contact", tablet->seen_ms);
		else
			text_json(out, "last_contact", NULL);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]");
}

static void say_json(struct buf *out, const struct access *a)
{
	buf_add_str(out, "{");
	text_json_id(out, "id", &a->account.worker);
	text_json(out, "login", a->account.login);
	text_json(out, "owner", a->account.name);
	text_json(out, "state", a->preview ? "unchanged" : a->withdraws ? "withdrawn" : "allowed");
	json_tablets(out, a);
	text_json_key(out, "patients");
	buf_add_str(out, "[");
	for (size_t i = 0; i < a->patient_count; i++) {
		char text[ID_TEXT_SIZE];

		id_format(&a->patients[i], text);
		buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", text);
	}
	buf_add_str(out, "]}\n");
}

static void say_tablet(struct buf *out, const struct access *a, const struct device *tablet)
{
	buf_printf(out, "  Tablet %" PRIu32 ", “%s”, of %s", tablet->device, tablet->name, a->account.name);
	if (tablet->seen_ms == 0) {
		buf_add_str(out, ": never heard of since it was enrolled\n");
		return;
	}
	buf_printf(out, ": reported %" PRIu64 " unsent", tablet->health.pending_count);
	if (tablet->health.oldest_unsent_ms != 0) {
		buf_add_str(out, ", the oldest from ");
		text_moment(out, tablet->health.oldest_unsent_ms);
	}
	buf_add_str(out, "; last heard of ");
	text_moment(out, tablet->seen_ms);
	buf_add_str(out, "\n");
}

static void say_held_there(struct buf *out, const struct access *a)
{
	const struct kind *kind = schema_kind(a->desk->schema, "patient", strlen("patient"));

	if (a->tablet_count > 0)
		buf_printf(out, "  On %s: the records of %zu patient%s\n", a->tablet_count == 1 ? "it" : "each",
			   a->patient_count, a->patient_count == 1 ? "" : "s");
	for (size_t i = 0; a->tablet_count > 0 && i < a->patient_count && i < PATIENTS_SAID; i++) {
		buf_add_str(out, "      ");
		text_ref(out, kind, &a->patients[i]);
		buf_add_str(out, "\n");
	}
	if (a->tablet_count > 0 && a->patient_count > PATIENTS_SAID)
		buf_printf(out, "      and %zu more (--json names all)\n", a->patient_count - PATIENTS_SAID);
	if (a->tablet_count == 0)
		buf_add_str(out, "  No tablet is concerned.\n");
}

static void say_withdrawn(struct buf *out, const struct access *a)
{
	const char *verb = a->preview ? "would be" : "is";

	if (a->preview)
		buf_add_str(out, "Nothing was changed. ");
	if (a->whole_account)
		buf_printf(out, "The account '%s' %s disabled, and %zu tablet%s withdrawn from use.\n", a->account.login, verb,
			   a->tablet_count, a->tablet_count == 1 ? "" : "s");
	else
		buf_printf(out, "Tablet %" PRIu32 " %s withdrawn from use: nothing more goes down to it.\n",
			   a->tablets[0].device, verb);
	for (size_t i = 0; i < a->tablet_count; i++)
		say_tablet(out, a, &a->tablets[i]);
	say_held_there(out, a);
	buf_add_str(out, "What it still sends is received and held: `doorstepd held` lists it, a supervisor takes it in or"
			 " gives it back.\n");
	if (a->whole_account && a->patient_count > 0)
		buf_printf(out, "Next: give the %zu patient%s to somebody else (`doorstepd assign`, `doorstepd unassign`).\n",
			   a->patient_count, a->patient_count == 1 ? "" : "s");
	if (a->whole_account)
		buf_printf(out, "Undo: `doorstepd user enable %s`.\n", a->account.login);
	else
		buf_printf(out, "Undo: `doorstepd device allow %" PRIu32 "`.\n", a->tablets[0].device);
}

static void say_allowed(struct buf *out, const struct access *a)
{
	if (!a->whole_account) {
		buf_printf(out, "Tablet %" PRIu32 " of %s is in use again.\n", a->tablets[0].device, a->account.name);
		buf_add_str(out, "What it sent meanwhile stays held until it is answered: `doorstepd held`.\n");
		return;
	}
	buf_printf(out, "The account '%s' is enabled again.\n", a->account.login);
	for (size_t i = 0; i < a->tablet_count; i++)
		buf_printf(out, "  Tablet %" PRIu32 ", “%s”, stays withdrawn:"
				" `doorstepd device allow %" PRIu32 "` lets it in.\n",
			   a->tablets[i].device, a->tablets[i].name, a->tablets[i].device);
}

static enum status say(struct access *a)
{
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (a->desk->line->json)
		say_json(&out, a);
	else if (a->withdraws)
		say_withdrawn(&out, a);
	else
		say_allowed(&out, a);
	st = text_out(a->desk, &out);
	buf_close(&out);
	return st;
}

/* --- doing it ---------------------------------------------------------------------------- */

static enum status change_tablet(struct access *a, struct centre_act *act, uint32_t device)
{
	enum status st = look(a, device);

	if (st != ST_OK)
		return failure_set(&a->desk->why, st, NULL, NULL, NULL);
	if (a->withdraws)
		return access_withdraw(act, device, &a->reason, &a->desk->why);
	return access_allow(act, device, &a->reason, &a->desk->why);
}

static enum status change_account(struct access *a, struct centre_act *act)
{
	const char *login = a->desk->line->words[0];
	enum status st = desk_account(a->desk, login, &a->account);

	if (st != ST_OK)
		return st;
	/* Enabled, it is the withdrawn ones that are spoken of. */
	st = look(a, 0);
	if (st != ST_OK)
		return failure_set(&a->desk->why, st, NULL, NULL, NULL);
	if (a->withdraws)
		return access_disable(act, login, &a->reason, &a->desk->why);
	return access_enable(act, login, &a->reason, &a->desk->why);
}

/* A preview does all of it and takes it back, so that it is refused where the command would be. */
static enum status run(struct desk *desk, bool withdraws, bool account)
{
	struct access a = { .desk = desk, .withdraws = withdraws };
	struct centre_act act;
	uint32_t device = 0;
	enum status st = account ? ST_OK : read_device(desk, &device);

	a.preview = withdraws && command_switch(desk->line, "--preview");
	if (st == ST_OK)
		st = read_reason(&a);
	if (st == ST_OK)
		st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = account ? change_account(&a, &act) : change_tablet(&a, &act, device);
	if (st == ST_OK && a.preview)
		centre_act_abort(&act);
	else
		st = desk_act_end(desk, &act, st);
	return st == ST_OK ? say(&a) : st;
}

static enum status device_revoke(struct desk *desk)
{
	return run(desk, true, false);
}

static enum status device_allow(struct desk *desk)
{
	return run(desk, false, false);
}

static enum status user_disable(struct desk *desk)
{
	return run(desk, true, true);
}

static enum status user_enable(struct desk *desk)
{
	return run(desk, false, true);
}

int cmd_device_revoke(const struct command_line *line)
{
	return desk_run(line, device_revoke);
}

int cmd_device_allow(const struct command_line *line)
{
	return desk_run(line, device_allow);
}

int cmd_user_disable(const struct command_line *line)
{
	return desk_run(line, user_disable);
}

int cmd_user_enable(const struct command_line *line)
{
	return desk_run(line, user_enable);
}
