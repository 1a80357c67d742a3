#include <string.h>

#include "client/cmd_note.h"
#include "client/cmd_visit.h"
#include "client/standing.h"

/* ?1 and ?2: the day; ?3: this tablet's care manager; ?4: everybody's. What must be known before the door opens comes
 * along. */
static const char TODAY[] =
	"SELECT v.id,v.patient,p.name,v.planned_from,v.planned_to,v.purpose,coalesce(v.status,'planned'),p.alerts,"
	"(SELECT group_concat(coalesce(type||': ','')||coalesce(instruction,''),char(10)) FROM risk WHERE patient=v.patient"
	" AND coalesce(status,'active')='active'),"
	"(SELECT group_concat(substance||coalesce(' ('||reaction||')',''),char(10)) FROM allergy WHERE patient=v.patient"
	" AND coalesce(status,'active')='active'),v.check_in_time"
	" FROM visit AS v LEFT JOIN patient AS p ON p.id=v.patient"
	" WHERE ((v.planned_from>=?1 AND v.planned_from<?2) OR (v.check_in_time>=?1 AND v.check_in_time<?2))"
	" AND coalesce(v.status,'')<>'cancelled' AND (?4 OR v.worker IS NULL OR v.worker=?3)"
	" ORDER BY coalesce(v.planned_from,v.check_in_time),v.id";

static const struct table_column COLUMNS[] = {
	{ "visit", NULL, CELL_ID },	    { "patient", NULL, CELL_ID },     { "name", NULL, CELL_TEXT },
	{ "planned_from", NULL, CELL_TIME }, { "planned_to", NULL, CELL_TIME }, { "purpose", NULL, CELL_TEXT },
	{ "status", NULL, CELL_TEXT },	    { "alerts", NULL, CELL_TEXT },    { "risks", NULL, CELL_TEXT },
	{ "allergies", NULL, CELL_TEXT },   { "caseload", NULL, CELL_TEXT },  { "flags", NULL, CELL_TEXT },
};
#define COLUMN_COUNT (sizeof COLUMNS / sizeof COLUMNS[0])

static const char *text_at(sqlite3_stmt *stmt, int at)
{
	return (const char *)sqlite3_column_text(stmt, at);
}

static void add_row(struct table *table, sqlite3_stmt *stmt, const char *caseload, const char *flags)
{
	for (int i = 0; i < (int)COLUMN_COUNT - 2; i++) {
		if (COLUMNS[i].type == CELL_TIME && sqlite3_column_type(stmt, i) != SQLITE_NULL)
			table_number(table, db_column_int(stmt, i));
		else
			table_text(table, text_at(stmt, i), (size_t)sqlite3_column_bytes(stmt, i));
	}
	cmd_cell(table, caseload);
	cmd_cell(table, flags);
	table_end_row(table);
}

static void tell_warning(const char *label, const char *lines)
{
	char indent[32];

	if (lines == NULL || lines[0] == '\0')
		return;
	(void)snprintf(indent, sizeof indent, "       %s: ", label);
	cmd_lines(indent, lines);
}

static void tell_visit(const struct cmd *c, sqlite3_stmt *stmt, const char *caseload, const char *flags)
{
	const int at = sqlite3_column_type(stmt, 3) == SQLITE_NULL ? 10 : 3;
	const char *name = text_at(stmt, 2), *purpose = text_at(stmt, 5);
	char time[CMD_TIME_SIZE];

	printf("%s  %s%s%s, %s\n", cmd_time(c, db_column_int(stmt, at), time) + 11,
	       name == NULL ? "(the patient's record is still on its way)" : name, purpose == NULL ? "" : ", ",
	       purpose == NULL ? "" : purpose, text_at(stmt, 6));
	if (caseload != NULL && strcmp(caseload, "left") == 0)
		puts("       No longer in your caseload: what you write here will be held at the centre.");
	if (flags != NULL)
		printf("       This visit %s.\n", flags);
	if (flags != NULL && strstr(flags, "ends before it begins") != NULL)
		printf("       Next: doorstep visit correct %s --in TIME or --out TIME, --reason TEXT\n", text_at(stmt, 0));
	tell_warning("Alert", text_at(stmt, 7));
	tell_warning("Risk", text_at(stmt, 8));
	tell_warning("Allergy", text_at(stmt, 9));
	printf("       visit/%s\n", text_at(stmt, 0));
}

static enum status today_rows(struct cmd *c, sqlite3_stmt *stmt, struct table *table, size_t *count_out)
{
	const char *caseload = NULL, *flags = NULL;
	struct id patient = ID_STAFF, visit = ID_STAFF;
	enum status st;
	bool row = false;

	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		st = db_column_id(stmt, 0, &visit) ? cmd_visit_flags(c, &visit, &flags) : ST_CORRUPT;
		if (st != ST_OK)
			break;
		if (!db_column_id(stmt, 1, &patient) || standing_patient(c->r, &patient, &caseload) != ST_OK)
			caseload = NULL;
		if (c->line->json)
			add_row(table, stmt, caseload, flags);
		else
			tell_visit(c, stmt, caseload, flags);
		(*count_out)++;
	}
	db_done(stmt);
	return st;
}

static enum status today_body(struct cmd *c)
{
	struct table *table = NULL;
	int64_t from = 0, to = 0;
	size_t count = 0;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, TODAY, &st);

	if (stmt == NULL)
		return st;
	cmd_day(c, cmd_now(c), &from, &to);
	(void)sqlite3_bind_int64(stmt, 1, from);
	(void)sqlite3_bind_int64(stmt, 2, to);
	db_bind_id(&c->r->db, stmt, 3, &c->r->identity.worker);
	(void)sqlite3_bind_int(stmt, 4, command_switch(c->line, "--all"));
	if (c->line->json)
		table = table_new(c->line, COLUMNS, COLUMN_COUNT);
	st = today_rows(c, stmt, table, &count);
	if (table != NULL && table_print(table, "") != 0 && st == ST_OK)
		st = ST_NOMEM;
	if (!c->line->json && st == ST_OK && count == 0)
		puts("No visit is planned for today.");
	return !c->line->json && st == ST_OK ? cmd_notes_waiting_tell(c, &count) : st;
}

int cmd_today(const struct command_line *line)
{
	return cmd_run(line, today_body);
}
