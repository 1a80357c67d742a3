#include <string.h>

#include "client/cmd.h"

/* A patient whose fill has begun stands here before their record has arrived. */
static const char PATIENTS[] =
	"SELECT * FROM (SELECT p.id,p.name,p.birth_date,coalesce(c.state,'new'),p.status,p.deceased,p.phone,"
	"coalesce(p.linked_to,(SELECT q.id FROM patient AS q WHERE q.linked_to=p.id ORDER BY q.id LIMIT 1))"
	" FROM patient AS p LEFT JOIN ds_caseload AS c ON c.patient=p.id UNION ALL"
	" SELECT c.patient,NULL,NULL,c.state,NULL,NULL,NULL,NULL FROM ds_caseload AS c WHERE c.state='filling'"
	" AND NOT EXISTS(SELECT 1 FROM patient AS p WHERE p.id=c.patient)) ORDER BY name IS NULL,name,id";

static const struct table_column COLUMNS[] = {
	{ "name", "Name", CELL_TEXT },	 { "birth_date", "Born", CELL_TEXT }, { "state", "On this tablet", CELL_TEXT },
	{ "status", "Status", CELL_TEXT }, { "phone", "Phone", CELL_TEXT },
	{ "same_person_as", NULL, CELL_ID }, { "id", "ID", CELL_ID },
};

static const char *state_words(const struct cmd *c, const char *state)
{
	if (c->line->json || strcmp(state, "complete") == 0)
		return state;
	if (strcmp(state, "filling") == 0)
		return "being filled";
	return strcmp(state, "left") == 0 ? "no longer yours" : "new here";
}

static void add_row(const struct cmd *c, struct table *table, sqlite3_stmt *stmt)
{
	const char *status = (const char *)sqlite3_column_text(stmt, 4), *other = (const char *)sqlite3_column_text(stmt, 7);
	char words[128];

	if (db_column_int(stmt, 5) != 0)
		status = "deceased";
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 1));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 2));
	cmd_cell(table, state_words(c, (const char *)sqlite3_column_text(stmt, 3)));
	status = status == NULL ? "active" : status;
	if (other != NULL && !c->line->json) {
		(void)snprintf(words, sizeof words, "%s, the same person as patient/%.36s", status, other);
		status = words;
	}
	cmd_cell(table, status);
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 6));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 7));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 0));
	table_end_row(table);
}

static enum status patients_body(struct cmd *c)
{
	struct table *table;
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, PATIENTS, &st);

	if (stmt == NULL)
		return st;
	table = table_new(c->line, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		add_row(c, table, stmt);
	db_done(stmt);
	if (table_print(table, "No patient is on this tablet yet. Run `doorstep sync`.") != 0 && st == ST_OK)
		st = ST_NOMEM;
	return st;
}

int cmd_patients(const struct command_line *line)
{
	return cmd_run(line, patients_body);
}

static enum status add_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "patient");
	const char *name = command_option(c->line, "--name");
	enum status st = draft == NULL ? ST_NOMEM : ST_OK;

	if (st == ST_OK && name == NULL)
		return failure_set(&c->why, ST_USAGE, "A patient needs a name.", "Nothing was changed.",
				   "Add --name NAME; with --name - it is read from standard input.");
	if (st == ST_OK)
		st = cmd_put(c, draft, "name", name);
	if (st == ST_OK)
		cmd_put_value(draft, "status", value_string("active"));
	for (size_t i = 0; st == ST_OK && i < c->line->word_count; i++)
		st = cmd_put_assignment(c, draft, c->line->words[i]);
	return st == ST_OK ? cmd_create(c, draft, NULL) : st;
}

int cmd_patient_add(const struct command_line *line)
{
	return cmd_run(line, add_body);
}
