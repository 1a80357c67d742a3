/* doorstepd visit move, visit cancel. */
#include <string.h>

#include "common/recurrence.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit.h"
#include "daemon/cmd_visit_follow.h"
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
	struct visit_run run;    /* days after the visit's own in its series */
	size_t cancelled, alone; /* of what follows: cancelled by the command; of these had been moved singly */
	size_t free_count;       /* days that stay free in the series that was moved */
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
		return refuse(desk, "This visit was cancelled before.",
			      "It stays so; another one is planned with `doorstepd visit plan`.");
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

/* The series, and what there is of it after the visit's day. */
static enum status read_later(struct plan *p)
{
	const struct value *from = visit_value(p->head, "planned_from");
	int64_t day = 0;

	p->run = (struct visit_run){ .series = p->head->id, .rule = p->rule, .zone = p->zone };
	p->run.first = visit_follow_day(p->desk, p->zone, p->head);
	p->run.day = visit_follow_day(p->desk, p->zone, p->visit);
	if (from->tag == VALUE_INT)
		series_local(&p->desk->env, p->zone, from->integer, &day, &p->run.minute);
	if (p->followed && p->rule.minute_of_day >= 0)
		p->run.minute = p->rule.minute_of_day;
	return visit_follow_list(p->desk, &p->run, p->visit);
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
	return st == ST_OK && p->head != NULL ? read_later(p) : st;
}

/* The rule that ends before the visit's day, as text; NULL for the first visit: then it repeats no more. */
static const char *rule_before(struct plan *p)
{
	struct recurrence rule = p->rule;
	char *text = arena_alloc(&p->desk->arena, RECURRENCE_TEXT_SIZE);

	if (p->head == p->visit || !p->followed || text == NULL)
		return NULL;
	rule.until_day = p->run.day - 1;
	rule.count = 0;
	recurrence_format(&rule, text);
	return text;
}

/* --- cancel -------------------------------------------------------------------------------- */

/* All that is still to come, wherever it was moved: what the series itself would leave too. */
static enum status cancel_following(struct plan *p, const struct value *reason)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->run.later_count && st == ST_OK; i++) {
		if (!p->run.later[i].planned)
			continue;
		st = visit_cancel(p->desk, &p->act, &p->run.later[i].id, reason);
		p->cancelled++;
		p->alone += p->run.later[i].alone;
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

static void say_cancelled(struct buf *out, const struct plan *p)
{
	if (p->cancelled == 0)
		buf_add_str(out, "No planned visit of its series follows; no more are planned.\n");
	else if (p->cancelled == 1)
		buf_add_str(out, "So is 1 planned visit of its series that follows; no more are planned.\n");
	else
		buf_printf(out, "So are %zu planned visits of its series that follow; no more are planned.\n", p->cancelled);
	if (p->alone > 0)
		buf_printf(out, "%zu of them had been moved singly.\n", p->alone);
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
		text_json_number(&out, "moved_singly", (int64_t)p->alone);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The visit is cancelled: ");
		text_ref(&out, p->visit->kind, &p->visit->id);
		buf_add_str(&out, "\n");
		if (command_switch(desk->line, "--following"))
			say_cancelled(&out, p);
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
	const int64_t day = p->run.day;
	struct recurrence_walk walk;
	int64_t at = 0;

	*out = p->rule;
	out->minute_of_day = minute;
	if (to_day != day && weekdays != 0 && (weekdays & (weekdays - 1)) != 0)
		return refuse(p->desk, "The series is on several days of the week, so it isn't clear how the others move.",
			      "Cancel it with --following, and plan it anew with --every.");
	if (weekdays != 0 && (weekdays & (weekdays - 1)) == 0)
		out->weekdays = 1U << recurrence_weekday(to_day);
	if (out->count == 0 || p->head == p->visit)
		return ST_OK;
	recurrence_begin(&walk, &p->rule, p->run.first);
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
	struct visit_run now = { .series = p->visit->id, .zone = p->zone };
	enum status st;

	if (rule == NULL || date == NULL || id == NULL)
		return ST_NOMEM;
	if (!p->followed)
		return refuse(p->desk, "The series of this visit has ended: nothing more is planned by it.",
			      "Leave --following out.");
	series_local(&p->desk->env, p->zone, from, &now.first, &now.minute);
	now.day = now.first;
	st = moved_rule(p, now.day, now.minute, &now.rule);
	if (st != ST_OK)
		return st;
	if (now.rule.until_day < now.day)
		return refuse(p->desk, "The series ends before that day.", "Leave --following out.");
	before = rule_before(p);
	recurrence_format(&now.rule, rule);
	recurrence_date(now.day, date);
	id_format(&p->visit->id, id);
	visit_put(change, "recurrence", value_string(rule));
	visit_put(change, "series", value_text(id, ID_TEXT_LEN));
	visit_put(change, "series_date", value_string(date));
	st = desk_take(p->desk, &p->act, change, NULL);
	if (st == ST_OK && p->head != p->visit)
		st = visit_set_rule(p->desk, &p->act, p->head, before);
	return st == ST_OK ? visit_follow_keep(p->desk, &p->act, p->visit, &p->run, &now, &p->free_count) : st;
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

static void json_kept(struct buf *out, const struct plan *p)
{
	bool any = false;

	text_json_key(out, "kept");
	buf_add_str(out, "[");
	for (size_t i = 0; i < p->run.later_count; i++) {
		char text[ID_TEXT_SIZE];

		if (!p->run.later[i].kept)
			continue;
		id_format(&p->run.later[i].id, text);
		buf_printf(out, "%s\"%s\"", any ? "," : "", text);
		any = true;
	}
	buf_add_str(out, "]");
	text_json_number(out, "days_left_free", (int64_t)p->free_count);
}

static void say_following(struct buf *out, const struct plan *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->run.later_count; i++)
		kept += p->run.later[i].kept;
	buf_add_str(out, "The visits that follow it are planned anew by the same rule from there on.\n");
	if (kept == 1)
		buf_add_str(out, "1 later visit that somebody had changed singly stays as it is, and no other is planned "
				 "for its day of the series:\n");
	else if (kept > 1)
		buf_printf(out, "%zu later visits that somebody had changed singly stay as they are, and no others are "
				"planned for their days of the series:\n", kept);
	for (size_t i = 0; i < p->run.later_count; i++) {
		if (!p->run.later[i].kept)
			continue;
		buf_add_str(out, "    ");
		text_ref(out, p->visit->kind, &p->run.later[i].id);
		buf_add_str(out, "\n");
	}
	if (p->free_count > 0)
		buf_printf(out, "%zu date%s whose visit had been cancelled or had begun %s free.\n", p->free_count,
			   p->free_count == 1 ? "" : "s", p->free_count == 1 ? "stays" : "stay");
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
		json_kept(&out, p);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The visit is planned for ");
		text_moment(&out, from);
		buf_printf(&out, " (given as %s): ", command_option(desk->line, "--at"));
		text_ref(&out, p->visit->kind, &p->visit->id);
		buf_add_str(&out, "\n");
		if (following)
			say_following(&out, p);
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
