#include <string.h>

#include "client/cmd.h"
#include "client/save.h"

/* ?1: of this patient, null = of all; ?2: those that are over too. */
static const char TASKS[] =
	"SELECT t.id,t.title,t.due_to,t.priority,coalesce(t.status,'open'),t.patient,p.name FROM task AS t"
	" LEFT JOIN patient AS p ON p.id=t.patient WHERE (?1 IS NULL OR t.patient=?1)"
	" AND (?2 OR coalesce(t.status,'open') IN ('open','in-progress')) ORDER BY t.due_to IS NULL,t.due_to,t.id";

static const struct table_column COLUMNS[] = {
	{ "due_to", "Due by", CELL_TIME }, { "title", "Task", CELL_TEXT },   { "name", "Patient", CELL_TEXT },
	{ "status", "Status", CELL_TEXT }, { "priority", "Priority", CELL_TEXT }, { "travel", "Where it is", CELL_TEXT },
	{ "id", "ID", CELL_ID },	    { "patient", NULL, CELL_ID },
};

static enum status add_row(struct cmd *c, const struct kind *kind, struct table *table, sqlite3_stmt *stmt)
{
	const char *travel = NULL;
	struct id id = ID_STAFF;
	enum status st = db_column_id(stmt, 0, &id) ? entry_travel(c->r, kind, &id, &travel) : ST_CORRUPT;

	cmd_cell_time(c, table, stmt, 2);
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 1));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 6));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 4));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 3));
	cmd_cell(table, travel);
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 0));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 5));
	table_end_row(table);
	return st;
}

static enum status list_body(struct cmd *c)
{
	static const struct cmd_listing listing = { "task", TASKS, "No task is open.", COLUMNS,
						    sizeof COLUMNS / sizeof COLUMNS[0], add_row };

	return cmd_list(c, &listing);
}

int cmd_task_list(const struct command_line *line)
{
	return cmd_run(line, list_body);
}

static enum status add_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "task");
	struct id patient = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_patient(c, &patient);

	if (st == ST_OK)
		st = cmd_put(c, draft, "title", c->line->words[0]);
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "due_to", "--due");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "priority", "--priority");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "notes", "--notes");
	if (st != ST_OK)
		return st;
	cmd_put_id(c, draft, "owner", &c->r->identity.worker);
	cmd_put_value(draft, "status", value_string("open"));
	return cmd_create(c, draft, &patient);
}

int cmd_task_add(const struct command_line *line)
{
	return cmd_run(line, add_body);
}

/* Status, outcome, reason and time are one group: all are set together. */
static enum status done_body(struct cmd *c)
{
	const bool not_done = command_option(c->line, "--not-done") != NULL;
	struct cmd_draft *draft = cmd_draft(c, "task");
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_find(c, draft->kind, c->line->words[0], &id);

	if (st != ST_OK)
		return st;
	cmd_put_value(draft, "status", value_string(not_done ? "not-done" : "done"));
	cmd_put_value(draft, "completed_at", value_int(cmd_now(c)));
	cmd_put_value(draft, "outcome", value_null());
	cmd_put_value(draft, "reason", value_null());
	st = cmd_put_option(c, draft, "outcome", "--outcome");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "reason", "--not-done");
	return st == ST_OK ? cmd_save(c, draft, &id, SAVE_SHOWN_NOW) : st;
}

int cmd_task_done(const struct command_line *line)
{
	return cmd_run(line, done_body);
}
