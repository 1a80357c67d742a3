#include "daemon/cmd_visit_follow.h"

#include <string.h>

#include "common/moment.h"
#include "daemon/cmd_visit.h"
#include "daemon/series.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)
#define WALK_DAYS 36600 /* a rule that names no day for so long names none */

static const char KEPT_REASON[] = "Another visit of the series stands for this day.";
static const char FREE_REASON[] = "The visit of this day was cancelled or begun before the series was moved.";

static bool series_of(const struct record *visit, struct id *out)
{
	const struct value *series = visit_value(visit, "series");

	return series->tag == VALUE_TEXT && id_parse(series->text, series->len, out);
}

int64_t visit_follow_day(const struct desk *desk, const char *zone, const struct record *visit)
{
	const struct value *date = visit_value(visit, "series_date"), *from = visit_value(visit, "planned_from");
	int64_t day = 0;
	int minute;

	if (date->tag == VALUE_TEXT && date_days(date->text, date->len, &day))
		return day;
	if (from->tag == VALUE_INT)
		series_local(&desk->env, zone, from->integer, &day, &minute);
	return day;
}

static bool stands_at(const struct desk *desk, const char *zone, const struct record *visit, int64_t day, int minute)
{
	const struct value *from = visit_value(visit, "planned_from");
	int64_t its_day = 0;
	int its_minute = 0;

	if (from->tag != VALUE_INT)
		return false;
	series_local(&desk->env, zone, from->integer, &its_day, &its_minute);
	return its_day == day && its_minute == minute;
}

/* --- which there are ---------------------------------------------------------------------- */

struct listing {
	struct desk *desk;
	const struct visit_run *run;
	const struct id *but;
	struct visit_later *later;
	size_t count, room;
};

static enum status list_visit(void *ctx, const struct record *visit)
{
	struct listing *l = ctx;
	const int64_t day = visit_follow_day(l->desk, l->run->zone, visit);
	struct id series;

	if (!series_of(visit, &series) || !id_equal(&series, &l->run->series) || day <= l->run->day ||
	    id_equal(&visit->id, l->but))
		return ST_OK;
	if (l->count == l->room) {
		const size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct visit_later *grown = arena_alloc(&l->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (l->count > 0)
			memcpy(grown, l->later, l->count * sizeof *grown);
		l->later = grown;
		l->room = room;
	}
	l->later[l->count++] = (struct visit_later){
		.id = visit->id,
		.day = day,
		.planned = visit_is_planned(visit),
		.alone = !stands_at(l->desk, l->run->zone, visit, day, l->run->minute),
	};
	return ST_OK;
}

enum status visit_follow_list(struct desk *desk, struct visit_run *run, const struct record *but)
{
	struct store *store = desk->centre.store;
	struct listing l = { .desk = desk, .run = run, .but = &but->id };
	const enum status st = store->ops->record_each(store, but->kind, &but->patient, list_visit, &l);

	run->later = l.later;
	run->later_count = l.count;
	return st;
}

/* --- what goes along ---------------------------------------------------------------------- */

struct keeping {
	struct desk *desk;
	struct centre_act *act;
	const struct record *head;
	const struct visit_run *now;
	struct visit_later *later;
	size_t count, free_count;
	char head_text[ID_TEXT_SIZE];
};

static enum status read_visit(struct keeping *k, const struct id *id, struct record **out)
{
	struct store *store = k->desk->centre.store;

	*out = arena_zalloc(&k->desk->arena, sizeof **out);
	return *out == NULL ? ST_NOMEM : store->ops->record_get(store, k->head->kind, id, &k->desk->arena, *out);
}

static enum status put_series(struct keeping *k, struct change *change, int64_t day)
{
	char *date = arena_alloc(&k->desk->arena, RECURRENCE_DATE_SIZE);

	if (date == NULL)
		return ST_NOMEM;
	recurrence_date(day, date);
	visit_put(change, "series", value_text(k->head_text, ID_TEXT_LEN));
	visit_put(change, "series_date", value_string(date));
	return ST_OK;
}

/* A visit is of the new series, on this day of it. */
static enum status join(struct keeping *k, const struct record *visit, int64_t day)
{
	struct change *change = arena_zalloc(&k->desk->arena, sizeof *change);
	struct id series;
	enum status st;

	if (series_of(visit, &series) && id_equal(&series, &k->head->id) &&
	    visit_follow_day(k->desk, k->now->zone, visit) == day)
		return ST_OK;
	if (change == NULL)
		return ST_NOMEM;
	change->kind = visit->kind;
	change->id = visit->id;
	change->row = visit->row;
	change->groups[change->group_count++].num = visit->kind->groups[kind_group(visit->kind, "series", 6)].num;
	st = put_series(k, change, day);
	return st == ST_OK ? desk_take(k->desk, k->act, change, NULL) : st;
}

/* The visit that the series would make later on. */
static enum status make(struct keeping *k, const struct id *id, int64_t day)
{
	const struct env *env = &k->desk->env;
	const int64_t local = day * DAY_MS + k->now->minute * MINUTE_MS;
	const int zone_min = env->zone_of_local_min == NULL ? 0 : env->zone_of_local_min(k->now->zone, local);
	struct change *change = desk_create(k->desk, "visit");
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	change->id = *id;
	change->patient = k->head->patient;
	visit_put(change, "worker", *visit_value(k->head, "worker"));
	visit_put(change, "purpose", *visit_value(k->head, "purpose"));
	visit_put(change, "planned_from", value_int(local - zone_min * MINUTE_MS));
	visit_put(change, "status", value_string("planned"));
	st = put_series(k, change, day);
	return st == ST_OK ? desk_take(k->desk, k->act, change, NULL) : st;
}

static bool was_there(const struct keeping *k, const struct id *id)
{
	for (size_t i = 0; i < k->count; i++)
		if (id_equal(&k->later[i].id, id))
			return true;
	return false;
}

/* The series' own visit of the day is cancelled, as a person's word: the series plans it no more. One that a person
 * moved is left. */
static enum status clear_day(struct keeping *k, const struct visit_later *for_which, int64_t day)
{
	const struct value reason = value_string(for_which->planned ? KEPT_REASON : FREE_REASON);
	char date[RECURRENCE_DATE_SIZE];
	struct record *twin = NULL;
	struct id id;
	enum status st;

	recurrence_date(day, date);
	series_visit_id(&k->head->id, date, &id);
	if (id_equal(&id, &for_which->id))
		return ST_OK;
	st = read_visit(k, &id, &twin);
	if (st == ST_NOT_FOUND)
		st = make(k, &id, day);
	else if (st == ST_OK && (!visit_is_planned(twin) ||
				 (was_there(k, &id) && !stands_at(k->desk, k->now->zone, twin, day, k->now->minute))))
		return ST_OK;
	if (st == ST_OK)
		st = visit_cancel(k->desk, k->act, &id, &reason);
	k->free_count += st == ST_OK && !for_which->planned;
	return st;
}

/* named: the new rule names a day for it. */
static enum status keep(struct keeping *k, struct visit_later *later, int64_t day, bool named)
{
	struct record *visit = NULL;
	enum status st = read_visit(k, &later->id, &visit);

	if (st != ST_OK)
		return st;
	if (later->planned) {
		if (!visit_is_planned(visit)) /* nobody had written in it: it made room for the new one */
			return ST_OK;
		later->kept = !named || !stands_at(k->desk, k->now->zone, visit, day, k->now->minute);
		st = join(k, visit, day);
	}
	return st == ST_OK && named ? clear_day(k, later, day) : st;
}

static enum status keep_day(struct keeping *k, int64_t old_day, int64_t new_day, bool named)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < k->count && st == ST_OK; i++)
		if (k->later[i].day == old_day)
			st = keep(k, &k->later[i], new_day, named);
	return st;
}

enum status visit_follow_keep(struct desk *desk, struct centre_act *act, const struct record *head,
			      const struct visit_run *was, const struct visit_run *now, size_t *free_out)
{
	struct keeping k = { .desk = desk, .act = act, .head = head, .now = now, .later = was->later };
	struct recurrence_walk from, to;
	int64_t last = was->day, old_day = 0, new_day = now->day;
	enum status st = ST_OK;

	k.count = was->later_count;
	id_format(&head->id, k.head_text);
	for (size_t i = 0; i < k.count; i++)
		last = k.later[i].day > last ? k.later[i].day : last;
	recurrence_begin(&from, &was->rule, was->first);
	recurrence_begin(&to, &now->rule, now->day);
	while (st == ST_OK && recurrence_next(&from, last, &old_day)) {
		bool named;

		if (old_day <= was->day)
			continue;
		named = recurrence_next(&to, new_day + WALK_DAYS, &new_day);
		st = keep_day(&k, old_day, named ? new_day : old_day, named);
	}
	*free_out = k.free_count;
	return st;
}
