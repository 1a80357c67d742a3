/* doorstepd visit plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

#define MINUTES_MAX 1440

const struct option_row CMD_VISIT_PLAN_OPTIONS[] = {
	{ "--patient", "ID", "whom to visit" },
	{ "--user", "LOGIN", "the care manager who goes" },
	{ "--at", "TIME", "when, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--minutes", "N", "how long it is to take" },
	{ "--purpose", "TEXT", "what for; also - or @FILE" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

static enum status read_minutes(struct desk *desk, long *out)
{
	const char *text = command_option(desk->line, "--minutes");
	char *end = NULL;

	*out = 0;
	if (text == NULL)
		return ST_OK;
	errno = 0;
	*out = strtol(text, &end, 10);
	if (errno == 0 && *text != '\0' && *end == '\0' && *out > 0 && *out <= MINUTES_MAX)
		return ST_OK;
	return failure_set(&desk->why, ST_USAGE, "The minutes are no number from 1 to 1440.", "Nothing was planned.", NULL);
}

static void put(struct change *change, const char *field, struct value value)
{
	change->row.values[kind_field(change->kind, field, strlen(field))] = value;
}

static enum status fill_visit(struct desk *desk, struct change *change, const struct id *worker)
{
	const char *purpose = command_option(desk->line, "--purpose");
	const int purpose_at = kind_field(change->kind, "purpose", 7);
	char *id = arena_alloc(&desk->arena, ID_TEXT_SIZE);
	int64_t from = 0;
	long minutes = 0;
	enum status st = read_minutes(desk, &minutes);

	if (id == NULL)
		return ST_NOMEM;
	id_format(worker, id);
	put(change, "worker", value_text(id, ID_TEXT_LEN));
	put(change, "status", value_string("planned"));
	if (st == ST_OK)
		st = desk_moment(desk, command_option(desk->line, "--at"), &from);
	if (st != ST_OK)
		return st;
	put(change, "planned_from", value_int(from));
	if (minutes > 0)
		put(change, "planned_to", value_int(from + (int64_t)minutes * 60000));
	if (purpose == NULL)
		return ST_OK;
	return desk_value(desk, &change->kind->fields[purpose_at], purpose, &change->row.values[purpose_at]);
}

static enum status print_visit(struct desk *desk, const struct change *change, const struct account *account, bool member)
{
	const int from = kind_field(change->kind, "planned_from", 12);
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &change->id);
		text_json_moment(&out, "planned_from", change->row.values[from].integer);
		text_json_bool(&out, "assigned", member);
		buf_add_str(&out, "}\n");
	} else {
		buf_printf(&out, "%s is to visit at ", account->name);
		text_moment(&out, change->row.values[from].integer);
		buf_printf(&out, " (given as %s): ", command_option(desk->line, "--at"));
		text_ref(&out, change->kind, &change->id);
		buf_add_str(&out, "\n");
		if (!member)
			buf_printf(&out, "Note: the patient is not in the caseload of %s, so no tablet will show this visit.\n"
					 "Next: doorstepd assign --user %s --patient %s\n",
				   account->name, account->login, command_option(desk->line, "--patient"));
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status plan(struct desk *desk, struct centre_act *act, struct change *change, struct account *account,
			bool *member_out)
{
	struct store *store = desk->centre.store;
	struct record *patient = arena_alloc(&desk->arena, sizeof *patient);
	enum status st;

	if (patient == NULL)
		return ST_NOMEM;
	st = desk_record(desk, command_option(desk->line, "--patient"), "patient", patient);
	if (st == ST_OK)
		st = desk_account(desk, command_option(desk->line, "--user"), account);
	if (st == ST_OK)
		st = fill_visit(desk, change, &account->worker);
	if (st != ST_OK)
		return st;
	change->patient = patient->id;
	st = store->ops->member_is(store, &account->worker, &patient->id, member_out);
	return st == ST_OK ? desk_take(desk, act, change, NULL) : st;
}

static enum status visit_plan(struct desk *desk)
{
	struct change *change = desk_create(desk, "visit");
	struct account account;
	struct centre_act act;
	bool member = false;
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	if (command_option(desk->line, "--patient") == NULL || command_option(desk->line, "--user") == NULL ||
	    command_option(desk->line, "--at") == NULL)
		return failure_set(&desk->why, ST_USAGE, "Whom, who and when?", "Nothing was planned.",
				   "Give --patient ID, --user LOGIN and --at TIME.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, plan(desk, &act, change, &account, &member));
	return st == ST_OK ? print_visit(desk, change, &account, member) : st;
}

int cmd_visit_plan(const struct command_line *line)
{
	return desk_run(line, visit_plan);
}
