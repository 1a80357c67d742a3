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

static void add_text(struct table *table, const char *text)
{
	table_text(table, text, text == NULL ? 0 : strlen(text));
}

static enum status add_row(struct cmd *c, const struct kind *kind, struct table *table, sqlite3_stmt *stmt)
{
	char time[CMD_TIME_SIZE];
	const char *travel = NULL;
	struct id id = ID_STAFF;
	enum status st = db_column_id(stmt, 0, &id) ? entry_travel(c->r, kind, &id, &travel) : ST_CORRUPT;

	if (sqlite3_column_type(stmt, 2) == SQLITE_NULL)
		add_text(table, NULL);
	else if (c->line->json)
		table_number(table, db_column_int(stmt, 2));
	else
		add_text(table, cmd_time(c, db_column_int(stmt, 2), time));
	add_text(table, (const char *)sqlite3_column_text(stmt, 1));
	add_text(table, (const char *)sqlite3_column_text(stmt, 6));
	add_text(table, (const char *)sqlite3_column_text(stmt, 4));
	add_text(table, (const char *)sqlite3_column_text(stmt, 3));
	add_text(table, travel);
	add_text(table, (const char *)sqlite3_column_text(stmt, 0));
	add_text(table, (const char *)sqlite3_column_text(stmt, 5));
	table_end_row(table);
	return st;
}

static enum status list_body(struct cmd *c)
{
	const bool one = command_option(c->line, "--patient") != NULL;
	const struct kind *kind = NULL;
	struct table *table;
	struct id patient = ID_STAFF;
	enum status st = cmd_kind(c, "task", &kind);
	bool row = false;
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK && one)
		st = cmd_patient(c, &patient);
	if (st == ST_OK)
		stmt = db_prepare(&c->r->db, TASKS, &st);
	if (stmt == NULL)
		return st;
	if (one)
		db_bind_id(stmt, 1, &patient);
	(void)sqlite3_bind_int(stmt, 2, command_switch(c->line, "--all"));
	table = table_new(c->line, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		if ((st = add_row(c, kind, table, stmt)) != ST_OK)
			break;
	db_done(stmt);
	if (table_print(table, "No task is open.") != 0 && st == ST_OK)
		st = ST_NOMEM;
	return st;
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
