/* doorstepd visit plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/every.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit.h"
#include "daemon/series.h"

#define MINUTES_MAX 1440

const struct option_row CMD_VISIT_PLAN_OPTIONS[] = {
	{ "--patient", "ID", "whom to visit" },
	{ "--user", "LOGIN", "the care manager who goes" },
	{ "--at", "TIME", "when, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--minutes", "N", "how long it is to take" },
	{ "--purpose", "TEXT", "what for; also - or @FILE" },
	EVERY_OPTIONS,
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

/* --- what the commands of visits share ------------------------------------------------ */

enum status visit_minutes(struct desk *desk, long *out)
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

void visit_put(struct change *change, const char *field, struct value value)
{
	change->row.values[kind_field(change->kind, field, strlen(field))] = value;
}

const struct value *visit_value(const struct record *visit, const char *field)
{
	return &visit->row.values[kind_field(visit->kind, field, strlen(field))];
}

bool visit_is(const struct record *visit, const char *status)
{
	const struct value *value = visit_value(visit, "status");

	return value->tag == VALUE_TEXT && value->len == strlen(status) && memcmp(value->text, status, value->len) == 0;
}

bool visit_is_planned(const struct record *visit)
{
	return !visit->deleted && visit_value(visit, "check_in_time")->tag == VALUE_NULL &&
	       (visit_is(visit, "planned") || visit_value(visit, "status")->tag == VALUE_NULL);
}

/* --- plan ------------------------------------------------------------------------------ */

/* The first of a series: it gives the series its name. */
static enum status fill_rule(struct desk *desk, struct change *change, int64_t from)
{
	const char *zone = series_zone(desk->centre.store, &desk->arena);
	char *rule = arena_alloc(&desk->arena, RECURRENCE_TEXT_SIZE);
	char *date = arena_alloc(&desk->arena, RECURRENCE_DATE_SIZE), *id = arena_alloc(&desk->arena, ID_TEXT_SIZE);
	bool given = false;
	int64_t day = 0;
	int minute = 0;
	enum status st;

	if (rule == NULL || date == NULL || id == NULL)
		return ST_NOMEM;
	series_local(&desk->env, zone, from, &day, &minute);
	st = every_read(desk->line, day, minute, &given, rule, &desk->why);
	if (st != ST_OK || !given)
		return st;
	recurrence_date(day, date);
	id_format(&change->id, id);
	visit_put(change, "recurrence", value_string(rule));
	visit_put(change, "series", value_text(id, ID_TEXT_LEN));
	visit_put(change, "series_date", value_string(date));
	return ST_OK;
}

static enum status fill_visit(struct desk *desk, struct change *change, const struct id *worker)
{
	const char *purpose = command_option(desk->line, "--purpose");
	const int purpose_at = kind_field(change->kind, "purpose", 7);
	char *id = arena_alloc(&desk->arena, ID_TEXT_SIZE);
	int64_t from = 0;
	long minutes = 0;
	enum status st = visit_minutes(desk, &minutes);

	if (id == NULL)
		return ST_NOMEM;
	id_format(worker, id);
	visit_put(change, "worker", value_text(id, ID_TEXT_LEN));
	visit_put(change, "status", value_string("planned"));
	if (st == ST_OK)
		st = desk_moment(desk, command_option(desk->line, "--at"), &from);
	if (st == ST_OK)
		st = fill_rule(desk, change, from);
	if (st != ST_OK)
		return st;
	visit_put(change, "planned_from", value_int(from));
	if (minutes > 0)
		visit_put(change, "planned_to", value_int(from + (int64_t)minutes * 60000));
	if (purpose == NULL)
		return ST_OK;
	return desk_value(desk, &change->kind->fields[purpose_at], purpose, &change->row.values[purpose_at]);
}

struct planned {
	struct change *change;
	struct account account;
	bool member;
	size_t following; /* planned with it */
};

static void print_series(struct buf *out, const struct planned *p)
{
	const struct value *rule = &p->change->row.values[kind_field(p->change->kind, "recurrence", 10)];
	char words[RECURRENCE_WORDS_SIZE];
	struct recurrence parsed;

	if (rule->tag != VALUE_TEXT || !recurrence_parse(rule->text, rule->len, &parsed))
		return;
	recurrence_words(&parsed, words);
	buf_printf(out, "It repeats %s. %zu more visit%s planned for the next %d days; later ones follow by themselves.\n",
		   words, p->following, p->following == 1 ? " is" : "s are", SERIES_HORIZON_DAYS);
}

static enum status print_visit(struct desk *desk, const struct planned *p)
{
	const struct change *change = p->change;
	const int from = kind_field(change->kind, "planned_from", 12);
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &change->id);
		text_json_moment(&out, "planned_from", change->row.values[from].integer);
		text_json_bool(&out, "assigned", p->member);
		text_json_number(&out, "following", (int64_t)p->following);
		buf_add_str(&out, "}\n");
	} else {
		buf_printf(&out, "%s is to visit at ", p->account.name);
		text_moment(&out, change->row.values[from].integer);
		buf_printf(&out, " (given as %s): ", command_option(desk->line, "--at"));
		text_ref(&out, change->kind, &change->id);
		buf_add_str(&out, "\n");
		print_series(&out, p);
		if (!p->member)
			buf_printf(&out, "Note: the patient is not in the caseload of %s, so no tablet will show this visit.\n"
					 "Next: doorstepd assign --user %s --patient %s\n",
				   p->account.name, p->account.login, command_option(desk->line, "--patient"));
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

struct counting {
	const struct id *series;
	size_t count;
};

static enum status following_visit(void *ctx, const struct record *visit)
{
	struct counting *c = ctx;
	const struct value *series = visit_value(visit, "series");
	struct id id;

	if (!id_equal(&visit->id, c->series) && visit_is_planned(visit) && series->tag == VALUE_TEXT &&
	    id_parse(series->text, series->len, &id) && id_equal(&id, c->series))
		c->count++;
	return ST_OK;
}

static enum status plan(struct desk *desk, struct centre_act *act, struct planned *p)
{
	struct store *store = desk->centre.store;
	struct record *patient = arena_alloc(&desk->arena, sizeof *patient);
	struct counting counting = { .series = &p->change->id };
	enum status st;

	if (patient == NULL)
		return ST_NOMEM;
	st = desk_record(desk, command_option(desk->line, "--patient"), "patient", patient);
	if (st == ST_OK)
		st = desk_account(desk, command_option(desk->line, "--user"), &p->account);
	if (st == ST_OK)
		st = fill_visit(desk, p->change, &p->account.worker);
	if (st != ST_OK)
		return st;
	p->change->patient = patient->id;
	st = store->ops->member_is(store, &p->account.worker, &patient->id, &p->member);
	if (st == ST_OK)
		st = desk_take(desk, act, p->change, NULL);
	if (st == ST_OK)
		st = store->ops->record_each(store, p->change->kind, &patient->id, following_visit, &counting);
	p->following = counting.count;
	return st;
}

static enum status visit_plan(struct desk *desk)
{
	struct planned p = { .change = desk_create(desk, "visit") };
	struct centre_act act;
	enum status st;

	if (p.change == NULL)
		return ST_NOMEM;
	if (command_option(desk->line, "--patient") == NULL || command_option(desk->line, "--user") == NULL ||
	    command_option(desk->line, "--at") == NULL)
		return failure_set(&desk->why, ST_USAGE, "The patient, the care manager or the time is missing.",
				   "Nothing was planned.", "Give --patient ID, --user LOGIN and --at TIME.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, plan(desk, &act, &p));
	return st == ST_OK ? print_visit(desk, &p) : st;
}

int cmd_visit_plan(const struct command_line *line)
{
	return desk_run(line, visit_plan);
}
