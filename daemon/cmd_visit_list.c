/* doorstepd visit list. */
#include <stdio.h>
#include <string.h>

#include "common/moment.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit.h"
#include "daemon/cmd_visit_flags.h"
#include "daemon/series.h"

#define DAY_MS INT64_C(86400000)

const struct option_row CMD_VISIT_LIST_OPTIONS[] = {
	{ "--user", "LOGIN", "of this care manager only" },
	{ "--patient", "ID", "of this patient only" },
	{ "--from", "DATE", "from this day on, as 2026-11-23 (today)" },
	{ "--to", "DATE", "up to this day" },
	{ NULL, NULL, NULL },
};

static const struct table_column COLUMNS[] = {
	{ "planned_from", "Planned", CELL_TIME },	{ "planned_to", NULL, CELL_TIME },
	{ "name", "Patient", CELL_TEXT },		{ "worker_name", "Care manager", CELL_TEXT },
	{ "status", "Status", CELL_TEXT },		{ "status_reason", NULL, CELL_TEXT },
	{ "purpose", "Purpose", CELL_TEXT },		{ "repeats", "Repeats", CELL_TEXT },
	{ "flags", "Look at", CELL_TEXT },
	{ "series", NULL, CELL_ID },			{ "id", "ID", CELL_ID },
	{ "patient", NULL, CELL_ID },			{ "worker", NULL, CELL_ID },
};

struct listing {
	struct desk *desk;
	struct table *table;
	int64_t from_ms, to_ms; /* [from, to) */
	bool has_worker;
	struct id worker;
	struct record *patient; /* room; its id says which one is in it */
	struct visit_flags *flags;
};

/* The first moment of a day in the agency's zone, `after` days later. */
static enum status read_day(struct desk *desk, const char *option, int after, int64_t *out)
{
	const char *text = command_option(desk->line, option);
	const char *zone = series_zone(desk->centre.store, &desk->arena);
	int64_t day = 0;
	int minute;

	if (text == NULL && after > 0)
		return ST_OK;
	if (text == NULL)
		series_local(&desk->env, zone, desk->env.wall_ms(desk->env.ctx), &day, &minute);
	else if (strlen(text) != RECURRENCE_DATE_SIZE - 1 || !date_days(text, strlen(text), &day))
		return failure_set(&desk->why, ST_USAGE, "A day is not understood.", "Nothing was changed.",
				   "Give it as 2026-11-23.");
	*out = (day + after) * DAY_MS;
	*out -= (int64_t)desk->env.zone_of_local_min(zone, *out) * 60000;
	return ST_OK;
}

static const struct value *when(const struct record *visit)
{
	const struct value *planned = visit_value(visit, "planned_from");

	return planned->tag == VALUE_INT ? planned : visit_value(visit, "check_in_time");
}

static bool is_shown(const struct listing *l, const struct record *visit)
{
	const struct value *at = when(visit), *worker = visit_value(visit, "worker");
	struct id id;

	if (visit->deleted || at->tag != VALUE_INT || at->integer < l->from_ms || at->integer >= l->to_ms)
		return false;
	return !l->has_worker ||
	       (worker->tag == VALUE_TEXT && id_parse(worker->text, worker->len, &id) && id_equal(&id, &l->worker));
}

static enum status cell_patient(struct listing *l, const struct id *id)
{
	struct store *store = l->desk->centre.store;
	const struct kind *kind = schema_kind(l->desk->schema, "patient", 7);
	enum status st = ST_OK;

	if (!id_equal(&l->patient->id, id))
		st = store->ops->record_get(store, kind, id, &l->desk->arena, l->patient);
	if (st == ST_OK)
		text_cell_value(l->table, &l->patient->row.values[kind_field(kind, "name", 4)]);
	return st;
}

static void cell_rule(struct listing *l, const struct record *visit)
{
	const struct value *text = visit_value(visit, "recurrence");
	char words[RECURRENCE_WORDS_SIZE] = "of a series";
	struct recurrence rule;
	bool followed = false;

	if (!series_head(visit, &rule, &followed)) {
		text_cell(l->table, visit_value(visit, "series")->tag == VALUE_TEXT ? "of a series" : NULL);
		return;
	}
	if (text->tag == VALUE_TEXT)
		recurrence_say(text->text, text->len, words);
	text_cell(l->table, words);
}

static enum status list_visit(void *ctx, const struct record *visit)
{
	struct listing *l = ctx;
	const struct value *worker = visit_value(visit, "worker");
	const char *flags = NULL;
	struct id id;
	enum status st;

	if (!is_shown(l, visit))
		return ST_OK;
	text_cell_value(l->table, when(visit));
	text_cell_value(l->table, visit_value(visit, "planned_to"));
	st = cell_patient(l, &visit->patient);
	text_cell(l->table, worker->tag == VALUE_TEXT && id_parse(worker->text, worker->len, &id) ?
				    desk_worker_name(l->desk, &id) : NULL);
	text_cell_value(l->table, visit_value(visit, "status"));
	text_cell_value(l->table, visit_value(visit, "status_reason"));
	text_cell_value(l->table, visit_value(visit, "purpose"));
	cell_rule(l, visit);
	if (st == ST_OK)
		st = visit_flags_of(l->desk, l->flags, &visit->id, &flags);
	text_cell(l->table, flags);
	text_cell_value(l->table, visit_value(visit, "series"));
	text_cell_id(l->table, &visit->id);
	text_cell_id(l->table, &visit->patient);
	text_cell_value(l->table, worker);
	return st;
}

static enum status read_filters(struct desk *desk, struct listing *l, const struct id **patient_out)
{
	const char *login = command_option(desk->line, "--user"), *patient = command_option(desk->line, "--patient");
	const struct kind *kind = NULL;
	struct account account;
	struct id *id = arena_alloc(&desk->arena, sizeof *id);
	enum status st = read_day(desk, "--from", 0, &l->from_ms);

	if (id == NULL)
		return ST_NOMEM;
	if (st == ST_OK)
		st = read_day(desk, "--to", 1, &l->to_ms);
	if (st == ST_OK && login != NULL) {
		st = desk_account(desk, login, &account);
		l->worker = account.worker;
		l->has_worker = true;
	}
	if (st == ST_OK && patient != NULL) {
		st = desk_ref(desk, patient, "patient", &kind, id);
		*patient_out = id;
	}
	return st;
}

static enum status list(struct desk *desk)
{
	struct store *store = desk->centre.store;
	struct listing l = { .desk = desk, .to_ms = INT64_MAX };
	const struct id *patient = NULL;
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	l.patient = arena_zalloc(&desk->arena, sizeof *l.patient);
	st = l.patient == NULL ? ST_NOMEM : read_filters(desk, &l, &patient);
	if (st == ST_OK)
		st = visit_flags_load(desk, &l.flags);
	if (st == ST_OK) {
		l.table = table_new(desk->line, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
		st = store->ops->record_each(store, schema_kind(desk->schema, "visit", 5), patient, list_visit, &l);
	}
	desk_read_end(desk);
	table_sort(l.table);
	return text_table(desk, l.table, st, "No visit is planned for these days.");
}

int cmd_visit_list(const struct command_line *line)
{
	return desk_run(line, list);
}
