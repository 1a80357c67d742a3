#include <string.h>

#include "client/cmd_visit.h"
#include "client/save.h"
#include "common/every.h"
#include "common/moment.h"

#define DAY_MINUTES 1440

/* ?1: of this patient, null = of all; ?2: those that are over too. */
static const char VISITS[] =
	"SELECT v.id,v.planned_from,v.purpose,coalesce(v.status,'planned'),v.patient,p.name,v.check_in_time,"
	"v.check_out_time,v.edits FROM visit AS v LEFT JOIN patient AS p ON p.id=v.patient WHERE (?1 IS NULL OR v.patient=?1)"
	" AND (?2 OR coalesce(v.status,'planned') IN ('planned','in-progress'))"
	" ORDER BY coalesce(v.planned_from,v.check_in_time),v.id";

static const struct table_column COLUMNS[] = {
	{ "planned_from", "Planned", CELL_TIME },     { "name", "Patient", CELL_TEXT },
	{ "purpose", "Purpose", CELL_TEXT },	       { "status", "Status", CELL_TEXT },
	{ "check_in_time", "Checked in", CELL_TIME }, { "check_out_time", "Checked out", CELL_TIME },
	{ "travel", "Where it is", CELL_TEXT },       { "remarks", "Remarks", CELL_TEXT },
	{ "id", "ID", CELL_ID },		       { "patient", NULL, CELL_ID },
};

/* What is odd about its times, and how they were corrected: joined by "; ". NULL: nothing. */
static enum status remarks(struct cmd *c, const struct id *id, const char *edits, const char **out)
{
	const char *parts[3] = { NULL, NULL, NULL };
	struct buf words;
	enum status st = cmd_visit_flags(c, id, &parts[0]);

	if (st == ST_OK)
		st = cmd_correction_words(c, edits, "check_in_time", &parts[1]);
	if (st == ST_OK)
		st = cmd_correction_words(c, edits, "check_out_time", &parts[2]);
	buf_init(&words, 32768);
	for (size_t i = 0; i < 3 && st == ST_OK; i++)
		if (parts[i] != NULL)
			buf_printf(&words, "%s%s%s", words.len == 0 ? "" : "; ",
				   i == 1 ? "check-in " : i == 2 ? "check-out " : "", parts[i]);
	if (st == ST_OK)
		st = buf_status(&words);
	*out = st == ST_OK && words.len > 0 ? arena_copy(&c->arena, words.data, words.len) : NULL;
	buf_close(&words);
	return st;
}

static enum status add_row(struct cmd *c, const struct kind *kind, struct table *table, sqlite3_stmt *stmt)
{
	const char *travel = NULL, *words = NULL;
	struct id id = ID_STAFF;
	enum status st = db_column_id(stmt, 0, &id) ? entry_travel(c->r, kind, &id, &travel) : ST_CORRUPT;

	if (st == ST_OK)
		st = remarks(c, &id, (const char *)sqlite3_column_text(stmt, 8), &words);
	cmd_cell_time(c, table, stmt, 1);
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 5));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 2));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 3));
	cmd_cell_time(c, table, stmt, 6);
	cmd_cell_time(c, table, stmt, 7);
	cmd_cell(table, travel);
	cmd_cell(table, words);
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 0));
	cmd_cell(table, (const char *)sqlite3_column_text(stmt, 4));
	table_end_row(table);
	return st;
}

static enum status list_body(struct cmd *c)
{
	static const struct cmd_listing listing = { "visit", VISITS, "No visit is planned or in progress.", COLUMNS,
						    sizeof COLUMNS / sizeof COLUMNS[0], add_row };

	return cmd_list(c, &listing);
}

int cmd_visit_list(const struct command_line *line)
{
	return cmd_run(line, list_body);
}

/* --- planning --------------------------------------------------------------------- */

/* The first of a series gives it its name; the centre plans the others. */
static enum status put_rule(struct cmd *c, struct cmd_draft *draft, int64_t from, struct id *id, bool *given_out)
{
	char *rule = arena_alloc(&c->arena, RECURRENCE_TEXT_SIZE);
	char time[CMD_TIME_SIZE], *date;
	uint8_t random[10];
	int64_t local = 0;
	enum status st;

	(void)cmd_time(c, from, time); /* "2026-11-23 08:42" */
	date = arena_copy(&c->arena, time, RECURRENCE_DATE_SIZE - 1);
	if (rule == NULL || date == NULL)
		return ST_NOMEM;
	if (!moment_parse(time, strlen(time), 0, &local))
		return ST_INVALID;
	st = every_read(c->line, local / 60000 / DAY_MINUTES, (int)(local / 60000 % DAY_MINUTES), given_out, rule, &c->why);
	if (st != ST_OK || !*given_out)
		return st;
	c->r->env->random(c->r->env->ctx, random, sizeof random);
	id_make_v7(id, cmd_now(c), random);
	cmd_put_value(draft, "recurrence", value_string(rule));
	cmd_put_id(c, draft, "series", id);
	cmd_put_value(draft, "series_date", value_string(date));
	return ST_OK;
}

static enum status add_body(struct cmd *c)
{
	struct id id = ID_STAFF; /* all zero: to be made */
	bool repeats = false;
	struct cmd_draft *draft = cmd_draft(c, "visit");
	int64_t minutes = 0, from;
	struct id patient = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_patient(c, &patient);

	if (st == ST_OK && command_option(c->line, "--at") == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said when the visit is.", "Nothing was changed.",
				   "Add --at TIME, as in --at 2026-11-23T08:30.");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "planned_from", "--at");
	if (st == ST_OK)
		st = cmd_number(c, "--minutes", 1, DAY_MINUTES, &minutes);
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "purpose", "--purpose");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "service_type", "--service");
	if (st != ST_OK)
		return st;
	from = draft->row.values[kind_field(draft->kind, "planned_from", strlen("planned_from"))].integer;
	if (minutes > 0)
		cmd_put_value(draft, "planned_to", value_int(from + minutes * 60000));
	cmd_put_id(c, draft, "worker", &c->r->identity.worker);
	cmd_put_value(draft, "status", value_string("planned"));
	st = put_rule(c, draft, from, &id, &repeats);
	if (st == ST_OK)
		st = cmd_create_as(c, draft, &id, &patient);
	if (st == ST_OK && repeats && !c->line->json)
		puts("The visits that follow are planned by the centre, and come back with the exchange.");
	return st;
}

int cmd_visit_add(const struct command_line *line)
{
	return cmd_run(line, add_body);
}

/* --- checking in and out ---------------------------------------------------------- */

/* The fields of one of the two, in the order of their group. */
struct punch {
	const char *time, *position, *accuracy, *place, *method;
};
static const struct punch IN = { "check_in_time", "check_in_position", "check_in_accuracy", "check_in_place",
				 "check_in_method" };
static const struct punch OUT = { "check_out_time", "check_out_position", "check_out_accuracy", "check_out_place",
				  "check_out_method" };

static enum status put_punch(struct cmd *c, struct cmd_draft *draft, const struct punch *punch)
{
	enum status st;

	cmd_put_value(draft, punch->time, value_int(cmd_now(c)));
	cmd_put_value(draft, punch->position, value_null());
	cmd_put_value(draft, punch->accuracy, value_null());
	cmd_put_value(draft, punch->place, value_string("home"));
	cmd_put_value(draft, punch->method, value_string("tablet"));
	st = cmd_put_option(c, draft, punch->position, "--position");
	if (st == ST_OK)
		st = cmd_put_option(c, draft, punch->accuracy, "--accuracy");
	return st == ST_OK ? cmd_put_option(c, draft, punch->place, "--place") : st;
}

static enum status refuse_punch(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

/* A time that was taken is never taken anew in silence. */
static enum status check_punch(struct cmd *c, const struct cmd_draft *draft, const struct id *id, bool out)
{
	struct entry visit = { 0 };
	bool in_before, out_before;
	enum status st = cmd_entry(c, draft->kind, id, &visit);

	if (st != ST_OK)
		return st;
	in_before = entry_text(&visit, "check_in_time") != NULL;
	out_before = entry_text(&visit, "check_out_time") != NULL;
	entry_close(&visit);
	if (!out && in_before)
		return refuse_punch(c, "This visit was checked in before.",
				    "Where that time is wrong: `doorstep visit correct`.");
	if (out && out_before)
		return refuse_punch(c, "This visit was checked out before.",
				    "Where that time is wrong: `doorstep visit correct`.");
	if (out && !in_before)
		return refuse_punch(c, "This visit was not checked in.", "Run `doorstep visit in` first.");
	return ST_OK;
}

static enum status punch(struct cmd *c, bool out)
{
	struct cmd_draft *draft = cmd_draft(c, "visit");
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_find(c, draft->kind, c->line->words[0], &id);

	if (st == ST_OK)
		st = check_punch(c, draft, &id, out);
	if (st == ST_OK)
		st = put_punch(c, draft, out ? &OUT : &IN);
	if (st != ST_OK)
		return st;
	cmd_put_value(draft, "status", value_string(out ? "done" : "in-progress"));
	cmd_put_value(draft, "status_reason", value_null());
	if (out) {
		cmd_put_value(draft, "closed_at", value_int(cmd_now(c)));
		cmd_put_value(draft, "outcome", value_string("done"));
		cmd_put_value(draft, "outcome_reason", value_null());
		st = cmd_put_option(c, draft, "outcome", "--outcome");
		if (st == ST_OK)
			st = cmd_put_option(c, draft, "outcome_reason", "--reason");
	}
	return st == ST_OK ? cmd_save(c, draft, &id, SAVE_SHOWN_NOW) : st;
}

static enum status in_body(struct cmd *c)
{
	return punch(c, false);
}

static enum status out_body(struct cmd *c)
{
	return punch(c, true);
}

int cmd_visit_in(const struct command_line *line)
{
	return cmd_run(line, in_body);
}

int cmd_visit_out(const struct command_line *line)
{
	return cmd_run(line, out_body);
}
