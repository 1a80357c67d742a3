/* doorstepd visit move, visit cancel. */
#include <inttypes.h>
#include <string.h>

#include "common/moment.h"
#include "common/recurrence.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit.h"
#include "daemon/series.h"

const struct option_row CMD_VISIT_MOVE_OPTIONS[] = {
	{ "--at", "TIME", "when it is to be, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--minutes", "N", "how long it is to take" },
	{ "--following", NULL, "the visits of its series that follow, too" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

const struct option_row CMD_VISIT_CANCEL_OPTIONS[] = {
	{ "--reason", "TEXT", "why; also - or @FILE" },
	{ "--following", NULL, "the visits of its series that follow, too" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

/* One of the two commands at work. */
struct plan {
	struct desk *desk;
	struct centre_act act;
	struct record *visit;
	struct record *head;     /* first visit of its series, which may be the visit itself; NULL = of none */
	struct recurrence rule;  /* of the head */
	bool followed;           /* … is one that the centre follows */
	const char *zone;
	size_t cancelled;        /* by the command itself */
};

/* --- edits ------------------------------------------------------------------------------ */

/* The groups named, in the order of their numbers; the values that stand. */
static struct change *edit(struct desk *desk, const struct record *visit, const char *const *groups)
{
	struct change *change = arena_zalloc(&desk->arena, sizeof *change);

	if (change == NULL)
		return NULL;
	change->kind = visit->kind;
	change->id = visit->id;
	change->row = visit->row;
	for (; *groups != NULL; groups++)
		change->groups[change->group_count++].num =
			visit->kind->groups[kind_group(visit->kind, *groups, strlen(*groups))].num;
	return change;
}

enum status visit_set_rule(struct desk *desk, struct centre_act *act, const struct record *head, const char *rule)
{
	static const char *const groups[] = { "planned", NULL };
	struct change *change = edit(desk, head, groups);

	if (change == NULL)
		return ST_NOMEM;
	visit_put(change, "recurrence", rule == NULL ? value_null() : value_string(rule));
	return desk_take(desk, act, change, NULL);
}

enum status visit_cancel(struct desk *desk, struct centre_act *act, const struct id *id, const struct value *reason)
{
	static const char *const groups[] = { "status", NULL };
	struct store *store = desk->centre.store;
	struct record *visit = arena_zalloc(&desk->arena, sizeof *visit);
	struct change *change;
	enum status st;

	if (visit == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, schema_kind(desk->schema, "visit", 5), id, &desk->arena, visit);
	if (st != ST_OK)
		return st;
	change = edit(desk, visit, groups);
	if (change == NULL)
		return ST_NOMEM;
	visit_put(change, "status", value_string("cancelled"));
	visit_put(change, "status_reason", *reason);
	return desk_take(desk, act, change, NULL);
}

/* --- which follow ------------------------------------------------------------------------ */

struct ahead {
	struct desk *desk;
	const struct id *series;
	int64_t from_ms;
	struct id *ids;
	size_t count, room;
};

static bool is_of(const struct record *visit, const struct id *series)
{
	const struct value *value = visit_value(visit, "series");
	struct id id;

	return value->tag == VALUE_TEXT && id_parse(value->text, value->len, &id) && id_equal(&id, series);
}

static enum status ahead_visit(void *ctx, const struct record *visit)
{
	struct ahead *a = ctx;
	const struct value *from = visit_value(visit, "planned_from");

	if (!visit_is_planned(visit) || from->tag != VALUE_INT || from->integer < a->from_ms)
		return ST_OK;
	if (a->series != NULL && (id_equal(&visit->id, a->series) || !is_of(visit, a->series)))
		return ST_OK;
	if (a->count == a->room) {
		const size_t room = a->room == 0 ? 64 : 2 * a->room;
		struct id *grown = arena_alloc(&a->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (a->count > 0)
			memcpy(grown, a->ids, a->count * sizeof *grown);
		a->ids = grown;
		a->room = room;
	}
	a->ids[a->count++] = visit->id;
	return ST_OK;
}

enum status visit_ahead(struct desk *desk, const struct id *patient, const struct id *series, int64_t from_ms,
			struct id **out, size_t *count_out)
{
	struct store *store = desk->centre.store;
	struct ahead a = { .desk = desk, .series = series, .from_ms = from_ms };
	const enum status st = store->ops->record_each(store, schema_kind(desk->schema, "visit", 5), patient, ahead_visit,
						       &a);

	*out = a.ids;
	*count_out = a.count;
	return st;
}

/* --- the visit ---------------------------------------------------------------------------- */

static enum status refuse(struct desk *desk, const char *what, const char *next)
{
	return failure_set(&desk->why, ST_REFUSED, what, "Nothing was changed.", next);
}

static enum status check_planned(struct desk *desk, const struct record *visit)
{
	if (visit->deleted)
		return refuse(desk, "This visit was deleted.", "Plan another one with `doorstepd visit plan`.");
	if (visit_is(visit, "cancelled"))
		return refuse(desk, "This visit was cancelled.", "Plan another one with `doorstepd visit plan`.");
	if (visit_is(visit, "done") || visit_is(visit, "missed"))
		return refuse(desk, "This visit is over.", "Plan another one with `doorstepd visit plan`.");
	if (!visit_is_planned(visit))
		return refuse(desk, "This visit is in progress.", "The care manager who is there ends it on the tablet.");
	return ST_OK;
}

static enum status read_head(struct plan *p)
{
	struct store *store = p->desk->centre.store;
	const struct value *series = visit_value(p->visit, "series");
	struct id id;
	enum status st;

	if (series_head(p->visit, &p->rule, &p->followed)) {
		p->head = p->visit;
		return ST_OK;
	}
	if (series->tag != VALUE_TEXT || !id_parse(series->text, series->len, &id))
		return ST_OK;
	p->head = arena_zalloc(&p->desk->arena, sizeof *p->head);
	if (p->head == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, p->visit->kind, &id, &p->desk->arena, p->head);
	if (st == ST_NOT_FOUND)
		p->head = NULL;
	else if (st == ST_OK)
		(void)series_head(p->head, &p->rule, &p->followed);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status read_visit(struct plan *p)
{
	struct desk *desk = p->desk;
	enum status st;

	p->visit = arena_zalloc(&desk->arena, sizeof *p->visit);
	if (p->visit == NULL)
		return ST_NOMEM;
	p->zone = series_zone(desk->centre.store, &desk->arena);
	st = desk_record(desk, desk->line->words[0], "visit", p->visit);
	if (st == ST_OK)
		st = check_planned(desk, p->visit);
	if (st == ST_OK)
		st = read_head(p);
	if (st == ST_OK && command_switch(desk->line, "--following") && p->head == NULL)
		return refuse(desk, "This visit is of no series: nothing follows it.", "Leave --following out.");
	return st;
}

/* The day that the visit is of in its series. */
static int64_t series_day(const struct plan *p)
{
	const struct value *date = visit_value(p->visit, "series_date"), *from = visit_value(p->visit, "planned_from");
	int64_t day = 0;
	int minute;

	if (date->tag == VALUE_TEXT && date_days(date->text, date->len, &day))
		return day;
	series_local(&p->desk->env, p->zone, from->integer, &day, &minute);
	return day;
}

/* The rule that ends before the visit's day, as text; NULL for the first visit: then it repeats no more. */
static const char *rule_before(struct plan *p)
{
	struct recurrence rule = p->rule;
	char *text = arena_alloc(&p->desk->arena, RECURRENCE_TEXT_SIZE);

	if (p->head == p->visit || !p->followed || text == NULL)
		return NULL;
	rule.until_day = series_day(p) - 1;
	rule.count = 0;
	recurrence_format(&rule, text);
	return text;
}

/* --- cancel -------------------------------------------------------------------------------- */

static enum status cancel_following(struct plan *p, const struct value *reason)
{
	const int64_t from = visit_value(p->visit, "planned_from")->integer;
	struct id *ids = NULL;
	size_t count = 0;
	enum status st = visit_ahead(p->desk, &p->visit->patient, &p->head->id, from, &ids, &count);

	for (size_t i = 0; i < count && st == ST_OK; i++) {
		if (id_equal(&ids[i], &p->visit->id))
			continue;
		st = visit_cancel(p->desk, &p->act, &ids[i], reason);
		p->cancelled += st == ST_OK;
	}
	return st == ST_OK ? visit_set_rule(p->desk, &p->act, p->head, rule_before(p)) : st;
}

static enum status cancel(struct plan *p)
{
	struct desk *desk = p->desk;
	struct value reason;
	enum status st = read_visit(p);

	if (st == ST_OK)
		st = desk_value(desk, &p->visit->kind->fields[kind_field(p->visit->kind, "status_reason", 13)],
				command_option(desk->line, "--reason"), &reason);
	if (st == ST_OK && reason.tag == VALUE_NULL)
		return failure_set(&desk->why, ST_USAGE, "It is not said why.", "Nothing was changed.",
				   "Give --reason TEXT.");
	if (st == ST_OK)
		st = visit_cancel(desk, &p->act, &p->visit->id, &reason);
	if (st == ST_OK && command_switch(desk->line, "--following"))
		st = cancel_following(p, &reason);
	return st;
}

static enum status print_cancelled(struct plan *p)
{
	struct desk *desk = p->desk;
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &p->visit->id);
		text_json_number(&out, "following", (int64_t)p->cancelled);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The visit is cancelled: ");
		text_ref(&out, p->visit->kind, &p->visit->id);
		buf_add_str(&out, "\n");
		if (command_switch(desk->line, "--following"))
			buf_printf(&out, "So are the %zu planned visits of its series that follow; no more are planned.\n",
				   p->cancelled);
		else if (p->head != NULL)
			buf_add_str(&out, "The other visits of its series stay planned (--following cancels them too).\n");
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status visit_cancel_work(struct desk *desk)
{
	struct plan p = { .desk = desk };
	enum status st;

	if (command_option(desk->line, "--reason") == NULL)
		return failure_set(&desk->why, ST_USAGE, "It is not said why.", "Nothing was changed.",
				   "Give --reason TEXT.");
	st = desk_act_begin(desk, &p.act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &p.act, cancel(&p));
	return st == ST_OK ? print_cancelled(&p) : st;
}

int cmd_visit_cancel(const struct command_line *line)
{
	return desk_run(line, visit_cancel_work);
}

/* --- move ----------------------------------------------------------------------------------- */

static enum status put_times(struct plan *p, struct change *change, int64_t from)
{
	const struct value *old_from = visit_value(p->visit, "planned_from"), *old_to = visit_value(p->visit, "planned_to");
	long minutes = 0;
	enum status st = visit_minutes(p->desk, &minutes);

	visit_put(change, "planned_from", value_int(from));
	if (minutes > 0)
		visit_put(change, "planned_to", value_int(from + (int64_t)minutes * 60000));
	else if (old_from->tag == VALUE_INT && old_to->tag == VALUE_INT)
		visit_put(change, "planned_to", value_int(from + (old_to->integer - old_from->integer)));
	return st;
}

/* The rule of what follows: at the new time, on the new weekday, and of a number of visits those that are left. */
static enum status moved_rule(struct plan *p, int64_t to_day, int minute, struct recurrence *out)
{
	const unsigned weekdays = p->rule.weekdays;
	const int64_t day = series_day(p);
	struct recurrence_walk walk;
	int64_t first = day, at = 0;
	const struct value *date = visit_value(p->head, "series_date");

	*out = p->rule;
	out->minute_of_day = minute;
	if (to_day != day && weekdays != 0 && (weekdays & (weekdays - 1)) != 0)
		return refuse(p->desk, "The series is on several days of the week, so it isn't clear how the others move.",
			      "Cancel it with --following, and plan it anew with --every.");
	if (weekdays != 0 && (weekdays & (weekdays - 1)) == 0)
		out->weekdays = 1U << recurrence_weekday(to_day);
	if (out->count == 0 || p->head == p->visit)
		return ST_OK;
	if (date->tag == VALUE_TEXT)
		(void)date_days(date->text, date->len, &first);
	recurrence_begin(&walk, &p->rule, first);
	while (out->count > 1 && recurrence_next(&walk, day, &at))
		out->count--;
	return ST_OK;
}

/* From this visit on it is a series of its own: what it was of ends before it. */
static enum status move_following(struct plan *p, struct change *change, int64_t from)
{
	struct arena *arena = &p->desk->arena;
	char *rule = arena_alloc(arena, RECURRENCE_TEXT_SIZE), *date = arena_alloc(arena, RECURRENCE_DATE_SIZE);
	char *id = arena_alloc(arena, ID_TEXT_SIZE);
	const char *before;
	struct recurrence moved;
	int64_t day = 0;
	int minute = 0;
	enum status st;

	if (rule == NULL || date == NULL || id == NULL)
		return ST_NOMEM;
	if (!p->followed)
		return refuse(p->desk, "The series of this visit has ended: nothing more is planned by it.",
			      "Leave --following out.");
	series_local(&p->desk->env, p->zone, from, &day, &minute);
	st = moved_rule(p, day, minute, &moved);
	if (st != ST_OK)
		return st;
	if (moved.until_day < day)
		return refuse(p->desk, "The series ends before that day.", "Leave --following out.");
	before = rule_before(p);
	recurrence_format(&moved, rule);
	recurrence_date(day, date);
	id_format(&p->visit->id, id);
	visit_put(change, "recurrence", value_string(rule));
	visit_put(change, "series", value_text(id, ID_TEXT_LEN));
	visit_put(change, "series_date", value_string(date));
	st = desk_take(p->desk, &p->act, change, NULL);
	if (st == ST_OK && p->head != p->visit)
		st = visit_set_rule(p->desk, &p->act, p->head, before);
	return st;
}

static enum status move(struct plan *p, int64_t *from_out)
{
	static const char *const alone[] = { "planned", NULL }, *const with_series[] = { "planned", "series", NULL };
	const bool following = command_switch(p->desk->line, "--following");
	struct change *change;
	int64_t from = 0;
	enum status st = read_visit(p);

	if (st == ST_OK)
		st = desk_moment(p->desk, command_option(p->desk->line, "--at"), &from);
	if (st != ST_OK)
		return st;
	change = edit(p->desk, p->visit, following ? with_series : alone);
	if (change == NULL)
		return ST_NOMEM;
	st = put_times(p, change, from);
	if (st == ST_OK)
		st = following ? move_following(p, change, from) : desk_take(p->desk, &p->act, change, NULL);
	*from_out = from;
	return st;
}

static enum status print_moved(struct plan *p, int64_t from)
{
	struct desk *desk = p->desk;
	const bool following = command_switch(desk->line, "--following");
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &p->visit->id);
		text_json_moment(&out, "planned_from", from);
		text_json_bool(&out, "following", following);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The visit is planned for ");
		text_moment(&out, from);
		buf_printf(&out, " (given as %s): ", command_option(desk->line, "--at"));
		text_ref(&out, p->visit->kind, &p->visit->id);
		buf_add_str(&out, "\n");
		if (following)
			buf_add_str(&out, "The visits that follow it are planned anew by the same rule from there on; those in "
					  "which somebody wrote stay as they are.\n");
		else if (p->head != NULL)
			buf_add_str(&out, "The other visits of its series stay as they are (--following moves those that "
					  "follow).\n");
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status visit_move_work(struct desk *desk)
{
	struct plan p = { .desk = desk };
	int64_t from = 0;
	enum status st;

	if (command_option(desk->line, "--at") == NULL)
		return failure_set(&desk->why, ST_USAGE, "It is not said to when.", "Nothing was changed.",
				   "Give --at TIME, as 2026-11-23T14:30.");
	st = desk_act_begin(desk, &p.act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &p.act, move(&p, &from));
	return st == ST_OK ? print_moved(&p, from) : st;
}

int cmd_visit_move(const struct command_line *line)
{
	return desk_run(line, visit_move_work);
}
