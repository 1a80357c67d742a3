/* doorstepd user add, user list. */
#include <string.h>

#include "daemon/access.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

const struct option_row CMD_USER_ADD_OPTIONS[] = {
	{ "--name", "NAME", "the person's name" },
	{ "--role", "ROLE", "care-manager, supervisor or admin" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

static enum status user_add(struct desk *desk)
{
	const char *login = desk->line->words[0];
	const char *name = command_option(desk->line, "--name"), *role = command_option(desk->line, "--role");
	struct centre_act act;
	struct buf out;
	struct id worker;
	enum status st;

	if (name == NULL || role == NULL)
		return failure_set(&desk->why, ST_USAGE, "An account needs a name and a role.", "Nothing was made.",
				   "Give --name NAME and --role care-manager, supervisor or admin.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, centre_user_add(&act, desk_by(desk), login, name, role, &worker, &desk->why));
	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &worker);
		text_json(&out, "login", login);
		buf_add_str(&out, "}\n");
	} else {
		buf_printf(&out, "%s has the account '%s' now (%s).\n", name, login, role);
		if (strcmp(role, "care-manager") == 0)
			buf_printf(&out, "Next: doorstepd assign --user %s --patient ID, doorstepd device code --user %s.\n",
				   login, login);
		else
			buf_printf(&out, "Next: give --as %s with the commands that this person runs here.\n", login);
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

int cmd_user_add(const struct command_line *line)
{
	return desk_run(line, user_add);
}

/* Since when, by whom and why, where the account is disabled. */
static enum status cell_disabled(struct desk *desk, struct table *table, const struct account *account)
{
	struct access_event event;
	enum status st = ST_NOT_FOUND;

	if (!account->active)
		st = access_last(desk->centre.store, &account->worker, 0, &desk->arena, &event);
	if (st != ST_OK) {
		for (size_t i = 0; i < 3; i++)
			text_cell(table, NULL);
		return st == ST_NOT_FOUND ? ST_OK : st;
	}
	table_number(table, event.at_ms);
	text_cell(table, desk_worker_name(desk, &event.by));
	text_cell(table, event.why[0] != '\0' ? event.why : NULL);
	return ST_OK;
}

static enum status user_list(struct desk *desk)
{
	static const struct table_column columns[] = {
		{ "login", "Login", CELL_TEXT },	{ "name", "Name", CELL_TEXT },
		{ "role", "Role", CELL_TEXT },		{ "active", "Active", CELL_BOOL },
		{ "patients", "Patients", CELL_NUMBER }, { "id", "ID", CELL_ID },
		{ "disabled_at", NULL, CELL_TIME },	{ "disabled_by", NULL, CELL_TEXT },
		{ "disabled_why", "Why", CELL_TEXT },
	};
	struct store *store = desk->centre.store;
	struct table *table = table_new(desk->line, columns, sizeof columns / sizeof columns[0]);
	struct account *accounts = NULL;
	size_t count = 0;
	enum status st = desk_read(desk);

	if (st == ST_OK)
		st = store->ops->account_list(store, &desk->arena, &accounts, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const struct account *a = &accounts[i];
		struct id *patients = NULL;
		size_t patient_count = 0;

		st = store->ops->member_list(store, &a->worker, UINT64_MAX, &desk->arena, &patients, &patient_count);
		text_cell(table, a->login);
		text_cell(table, a->name);
		text_cell(table, a->role);
		table_number(table, a->active);
		table_number(table, (int64_t)patient_count);
		text_cell_id(table, &a->worker);
		if (st == ST_OK)
			st = cell_disabled(desk, table, a);
	}
	desk_read_end(desk);
	return text_table(desk, table, st, "There are no accounts yet. Make one with `doorstepd user add`.");
}

int cmd_user_list(const struct command_line *line)
{
	return desk_run(line, user_list);
}
