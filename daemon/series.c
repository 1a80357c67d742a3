#include "daemon/series.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"
#include "daemon/candidates.h"
#include "daemon/centre.h"
#include "daemon/renewal.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)
#define SERIES_VISIT_ARENA_MAX ((size_t)8 * 1024 * 1024)

static const char ENDED[] = "The series was changed or ended.";
static const char CLOSED[] = "The patient's case was closed.";

/* What every visit of a series takes from the first, as far as the schema has it. */
static const char *const TAKEN[] = { "worker", "service_type", "purpose", "participants", "class", "place", "position" };

/* One series while it is brought in line. */
struct follow {
	struct intake in;   /* its arena: for one visit at a time */
	struct arena *keep; /* for the whole of it */
	size_t looks, writes; /* visits of the patient that were read, changes that were made */
	const struct kind *visit;
	struct record *head, *one; /* one: room for another of its visits */
	struct recurrence rule;
	const char *why_not; /* NULL: it goes on */
	const char *zone;
	struct id by;
	int64_t first, today; /* days */
	int minute;           /* local */
	int64_t length_ms;    /* 0 = not said */
};

static const struct value *field_of(const struct record *record, const char *name)
{
	static const struct value none;
	const int field = kind_field(record->kind, name, strlen(name));

	return field >= 0 ? &record->row.values[field] : &none;
}

static bool word_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

static bool id_of(const struct value *value, struct id *out)
{
	return value->tag == VALUE_TEXT && id_parse(value->text, value->len, out);
}

static const struct kind *visits(const struct schema *schema)
{
	const struct kind *kind = schema_kind(schema, "visit", 5);

	return kind != NULL && kind_field(kind, "recurrence", 10) >= 0 && kind_group(kind, "series", 6) >= 0 ? kind : NULL;
}

/* --- days and times ----------------------------------------------------------------- */

const char *series_zone(struct store *store, struct arena *arena)
{
	struct bytes zone = { 0 };
	const char *name;

	if (store->ops->meta_get(store, CENTRE_META_ZONE, arena, &zone) != ST_OK)
		return "UTC";
	name = arena_copy(arena, zone.data, zone.len);
	return name != NULL && *name != '\0' ? name : "UTC";
}

void series_local(const struct env *env, const char *zone, int64_t ms, int64_t *day_out, int *minute_out)
{
	const int64_t local = ms + (env->zone_min == NULL ? 0 : env->zone_min(zone, ms)) * MINUTE_MS;
	const int64_t rest = (local % DAY_MS + DAY_MS) % DAY_MS;

	*day_out = (local - rest) / DAY_MS;
	*minute_out = (int)(rest / MINUTE_MS);
}

static int64_t moment_of(const struct follow *f, int64_t day)
{
	const struct env *env = f->in.env;
	const int64_t local = day * DAY_MS + f->minute * MINUTE_MS;

	return local - (env->zone_of_local_min == NULL ? 0 : env->zone_of_local_min(f->zone, local)) * MINUTE_MS;
}

void series_visit_id(const struct id *series, const char *date, struct id *out)
{
	const struct part parts[] = { { series->bytes, ID_SIZE }, { date, strlen(date) } };
	struct digest digest;

	digest_of(&digest, "series", parts, 2);
	id_from_digest(out, digest.bytes);
}

/* Does the rule name this day? */
static bool fits(const struct follow *f, int64_t day)
{
	struct recurrence_walk walk;
	int64_t at = 0;

	if (f->why_not != NULL)
		return false;
	recurrence_begin(&walk, &f->rule, f->first);
	recurrence_skip(&walk, day);
	while (recurrence_next(&walk, day, &at))
		if (at == day)
			return true;
	return false;
}

/* --- writing ------------------------------------------------------------------------- */

static void put(struct change *change, const char *field, struct value value)
{
	const int at = kind_field(change->kind, field, strlen(field));

	if (at >= 0)
		change->row.values[at] = value;
}

static void put_times(const struct follow *f, struct change *change, int64_t day)
{
	const int64_t from = moment_of(f, day);

	put(change, "planned_from", value_int(from));
	put(change, "planned_to", f->length_ms > 0 ? value_int(from + f->length_ms) : value_null());
	put(change, "recurrence", value_null());
}

/* The groups of an edit, in the order of their numbers. `series` is named in each edit of ours, whether or not it
 * changes: that is what tells it from a person's. */
static void name_groups(struct change *change, const char *const *names)
{
	for (; *names != NULL; names++) {
		const int group = kind_group(change->kind, *names, strlen(*names));

		assert(group >= 0 && change->group_count < sizeof change->groups / sizeof change->groups[0]);
		change->groups[change->group_count++].num = change->kind->groups[group].num;
	}
}

/* A change that does not stand (an id that is taken by another patient's record, a form that no longer fits) leaves
 * its visit out; the series goes on. */
static enum status take(struct follow *f, struct change *change)
{
	struct outcome outcome = { 0 };
	const enum status st = intake_own(&f->in, &f->by, change, &outcome);

	f->writes++;
	if (st == ST_OK && outcome.result != OUTCOME_ACCEPTED)
		env_log(f->in.env, LOG_WARNING, "series", "visit-not-made", "result=%d", (int)outcome.result);
	return st;
}

static struct change *edit_of(struct follow *f, const struct record *record)
{
	struct change *change = arena_zalloc(f->in.arena, sizeof *change);

	if (change == NULL)
		return NULL;
	change->kind = f->visit;
	change->id = record->id;
	change->row = record->row;
	return change;
}

static enum status make(struct follow *f, const struct id *id, int64_t day, const char *date)
{
	struct change *change = arena_zalloc(f->in.arena, sizeof *change);
	char *head = arena_alloc(f->in.arena, ID_TEXT_SIZE);

	if (change == NULL || head == NULL)
		return ST_NOMEM;
	id_format(&f->head->id, head);
	change->kind = f->visit;
	change->id = *id;
	change->patient = f->head->patient;
	change->create = true;
	for (size_t i = 0; i < sizeof TAKEN / sizeof TAKEN[0]; i++)
		put(change, TAKEN[i], *field_of(f->head, TAKEN[i]));
	put_times(f, change, day);
	put(change, "status", value_string("planned"));
	put(change, "series", value_text(head, ID_TEXT_LEN));
	put(change, "series_date", value_string(date));
	return take(f, change);
}

/* --- a visit that is there already --------------------------------------------------- */

/* Was the standing value set by this file? */
static enum status group_is_ours(struct follow *f, const struct record *record, size_t g, bool *out)
{
	const struct group *series = &f->visit->groups[kind_group(f->visit, "series", 6)];
	const struct group_meta *meta = &record->groups[g];
	struct store *store = f->in.store;
	struct row row = { 0 };
	struct history setter;
	enum status st;

	*out = meta->seq == 0 || (meta->device == 0 && meta->seq == record->created_seq);
	if (*out || meta->device != 0)
		return ST_OK;
	st = store->ops->history_get(store, meta->seq, f->in.arena, &setter);
	if (st == ST_OK)
		st = history_proposed(&f->in, &setter, series, &row);
	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Nobody wrote in it: all that it says was set by this file. */
static enum status is_untouched(struct follow *f, const struct record *record, bool *out)
{
	enum status st = ST_OK;

	*out = !record->deleted && record->deletion.seq == 0;
	for (size_t g = 0; g < f->visit->group_count && st == ST_OK && *out; g++)
		st = group_is_ours(f, record, g, out);
	return st;
}

/* It is there, and the rule names its day: as the rule says, unless somebody wrote in it, or it begins a series of its
 * own by now. */
static enum status mend(struct follow *f, const struct record *record, int64_t day)
{
	static const char *const groups[] = { "planned", "status", "series", NULL };
	const struct value *from = field_of(record, "planned_from");
	struct change *change;
	struct id series;
	bool untouched = false;
	enum status st;

	if (!id_of(field_of(record, "series"), &series) || !id_equal(&series, &f->head->id))
		return ST_OK;
	if (word_is(field_of(record, "status"), "planned") && from->tag == VALUE_INT && from->integer == moment_of(f, day))
		return ST_OK;
	st = is_untouched(f, record, &untouched);
	if (st != ST_OK || !untouched)
		return st;
	change = edit_of(f, record);
	if (change == NULL)
		return ST_NOMEM;
	name_groups(change, groups);
	put_times(f, change, day);
	put(change, "status", value_string("planned"));
	put(change, "status_reason", value_null());
	return take(f, change);
}

static enum status cancel(struct follow *f, const struct record *record)
{
	static const char *const groups[] = { "status", "series", NULL };
	struct change *change;
	bool untouched = false;
	enum status st = is_untouched(f, record, &untouched);

	if (st != ST_OK || !untouched)
		return st;
	change = edit_of(f, record);
	if (change == NULL)
		return ST_NOMEM;
	name_groups(change, groups);
	put(change, "status", value_string("cancelled"));
	put(change, "status_reason", value_string(f->why_not != NULL ? f->why_not : ENDED));
	return take(f, change);
}

/* --- the series ---------------------------------------------------------------------- */

bool series_head(const struct record *visit, struct recurrence *rule_out, bool *followed_out)
{
	const struct value *text = field_of(visit, "recurrence");
	struct id series;
	const bool named = id_of(field_of(visit, "series"), &series);

	*followed_out = false;
	if (named ? !id_equal(&series, &visit->id) : text->tag == VALUE_NULL)
		return false;
	if (text->tag == VALUE_TEXT)
		*followed_out = recurrence_parse(text->text, text->len, rule_out);
	return true;
}

/* A first visit that does not say so yet (plain SQL, another program). */
static enum status name_series(struct follow *f)
{
	static const char *const groups[] = { "series", NULL };
	const struct value *date = field_of(f->head, "series_date");
	char id[ID_TEXT_SIZE], text[RECURRENCE_DATE_SIZE];
	struct change *change;

	if (field_of(f->head, "series")->tag == VALUE_TEXT && date->tag == VALUE_TEXT &&
	    date_days(date->text, date->len, &f->first))
		return ST_OK;
	change = edit_of(f, f->head);
	if (change == NULL)
		return ST_NOMEM;
	name_groups(change, groups);
	id_format(&f->head->id, id);
	recurrence_date(f->first, text);
	put(change, "series", value_text(id, ID_TEXT_LEN));
	put(change, "series_date", value_string(text));
	return take(f, change);
}

struct wanted {
	struct follow *f;
	struct id *ids; /* of visits to come that the rule does not name */
	size_t count, room;
};

static enum status unwanted_visit(void *ctx, const struct record *record)
{
	struct wanted *w = ctx;
	const struct value *date = field_of(record, "series_date"), *from = field_of(record, "planned_from");
	struct id series;
	int64_t day = 0;

	w->f->looks++;
	if (record->deleted || id_equal(&record->id, &w->f->head->id) || !id_of(field_of(record, "series"), &series) ||
	    !id_equal(&series, &w->f->head->id) || !word_is(field_of(record, "status"), "planned") ||
	    from->tag != VALUE_INT || from->integer <= w->f->in.now_ms || date->tag != VALUE_TEXT ||
	    !date_days(date->text, date->len, &day) || fits(w->f, day))
		return ST_OK;
	if (w->count == w->room) {
		const size_t room = w->room == 0 ? 64 : 2 * w->room;
		struct id *grown = arena_alloc(w->f->keep, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (w->count > 0)
			memcpy(grown, w->ids, w->count * sizeof *grown);
		w->ids = grown;
		w->room = room;
	}
	w->ids[w->count++] = record->id;
	return ST_OK;
}

static enum status cancel_unwanted(struct follow *f)
{
	struct store *store = f->in.store;
	struct wanted w = { .f = f };
	enum status st = store->ops->record_each(store, f->visit, &f->head->patient, unwanted_visit, &w);

	for (size_t i = 0; i < w.count && st == ST_OK; i++) {
		arena_reset(f->in.arena);
		st = store->ops->record_get(store, f->visit, &w.ids[i], f->in.arena, f->one);
		if (st == ST_OK)
			st = cancel(f, f->one);
	}
	return st;
}

static enum status plan_wanted(struct follow *f)
{
	struct store *store = f->in.store;
	struct recurrence_walk walk;
	enum status st = ST_OK;
	int64_t day = 0;

	if (f->why_not != NULL)
		return ST_OK;
	recurrence_begin(&walk, &f->rule, f->first);
	recurrence_skip(&walk, f->today);
	while (st == ST_OK && recurrence_next(&walk, f->today + SERIES_HORIZON_DAYS, &day)) {
		char date[RECURRENCE_DATE_SIZE];
		struct id id;

		if (day < f->today)
			continue;
		arena_reset(f->in.arena);
		recurrence_date(day, date);
		series_visit_id(&f->head->id, date, &id);
		st = store->ops->record_get(store, f->visit, &id, f->in.arena, f->one);
		if (st == ST_NOT_FOUND)
			st = make(f, &id, day, date);
		else if (st == ST_OK)
			st = mend(f, f->one, day);
	}
	return st;
}

/* The dates and times that the rule starts from. */
static bool read_start(struct follow *f)
{
	const struct value *from = field_of(f->head, "planned_from"), *to = field_of(f->head, "planned_to");
	const struct value *date = field_of(f->head, "series_date");
	int ignored;

	if (from->tag != VALUE_INT || from->integer < MOMENT_MS_MIN || from->integer > MOMENT_MS_MAX)
		return false;
	series_local(f->in.env, f->zone, from->integer, &f->first, &f->minute);
	if (date->tag == VALUE_TEXT && field_of(f->head, "series")->tag == VALUE_TEXT)
		(void)date_days(date->text, date->len, &f->first);
	if (f->why_not == NULL && f->rule.minute_of_day >= 0)
		f->minute = f->rule.minute_of_day;
	if (f->why_not == NULL)
		recurrence_by_day(&f->rule, f->first);
	if (to->tag == VALUE_INT && to->integer > from->integer && to->integer - from->integer < DAY_MS)
		f->length_ms = to->integer - from->integer;
	series_local(f->in.env, f->zone, f->in.now_ms, &f->today, &ignored);
	return true;
}

static enum status read_patient(struct follow *f)
{
	const struct kind *patients = trial_patients(&f->in);
	struct store *store = f->in.store;
	const enum status st = store->ops->record_get(store, patients, &f->head->patient, f->in.arena, f->one);

	if (st == ST_OK && (f->one->deleted || word_is(field_of(f->one, "status"), "closed")))
		f->why_not = CLOSED;
	return st;
}

static enum status read_author(struct follow *f, const struct id *by)
{
	const uint64_t seq = f->head->groups[kind_group(f->visit, "planned", 7)].seq;
	struct store *store = f->in.store;
	struct history row;
	enum status st;

	if (by != NULL || seq == 0) {
		f->by = by != NULL ? *by : ID_STAFF;
		return ST_OK;
	}
	st = store->ops->history_get(store, seq, f->in.arena, &row);
	return st == ST_OK ? conflict_author(&f->in, &row, &f->by) : st;
}

static enum status follow(struct follow *f, const struct id *head, const struct id *by)
{
	struct store *store = f->in.store;
	bool followed = false;
	enum status st;

	f->head = arena_zalloc(f->keep, sizeof *f->head);
	f->one = arena_zalloc(f->keep, sizeof *f->one);
	if (f->head == NULL || f->one == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, f->visit, head, f->keep, f->head);
	if (st != ST_OK || !series_head(f->head, &f->rule, &followed))
		return st == ST_NOT_FOUND ? ST_OK : st;
	if (!followed && field_of(f->head, "recurrence")->tag != VALUE_NULL)
		return ST_OK;
	f->why_not = followed && !f->head->deleted ? NULL : ENDED;
	st = read_patient(f);
	if (st == ST_OK)
		st = read_author(f, by);
	if (st != ST_OK || !read_start(f))
		return st;
	if (!f->head->deleted)
		st = name_series(f);
	if (st == ST_OK)
		st = cancel_unwanted(f);
	return st == ST_OK ? plan_wanted(f) : st;
}

/* No room is left for another one, however small. */
static bool is_full(const struct series_room *room)
{
	return room != NULL && room->left == 0;
}

static void use_room(struct series_room *room, const struct follow *f)
{
	const size_t used = 1 + f->writes + f->looks / SERIES_LOOKS;

	if (room != NULL)
		room->left -= used < room->left ? used : room->left;
}

enum status series_follow(struct intake *in, const struct id *head, const struct id *by)
{
	struct follow f = { .in = *in, .visit = visits(in->schema) };
	struct arena keep, one;
	enum status st;

	if (f.visit == NULL)
		return ST_OK;
	if (is_full(in->series_room)) {
		in->series_room->more = true;
		return renewal_leave(in->store, head, by);
	}
	arena_init(&keep, TRIAL_ARENA_MAX);
	arena_init(&one, SERIES_VISIT_ARENA_MAX);
	f.keep = &keep;
	f.in.arena = &one;
	f.zone = series_zone(in->store, &keep);
	st = follow(&f, head, by);
	use_room(in->series_room, &f);
	arena_close(&one);
	arena_close(&keep);
	return st;
}

/* --- which there are ------------------------------------------------------------------ */

struct search {
	struct arena *arena;
	struct id *ids;
	size_t count, room;
};

static enum status head_visit(void *ctx, const struct record *record)
{
	struct search *s = ctx;
	struct recurrence rule;
	bool followed = false;

	if (record->deleted || !series_head(record, &rule, &followed) || !followed)
		return ST_OK;
	if (s->count == s->room) {
		const size_t room = s->room == 0 ? 64 : 2 * s->room;
		struct id *grown = arena_alloc(s->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (s->count > 0)
			memcpy(grown, s->ids, s->count * sizeof *grown);
		s->ids = grown;
		s->room = room;
	}
	s->ids[s->count++] = record->id;
	return ST_OK;
}

static enum status heads_of(struct store *store, const struct schema *schema, const struct id *patient,
			    struct search *s)
{
	const struct kind *kind = visits(schema);

	return kind == NULL ? ST_OK : store->ops->record_each(store, kind, patient, head_visit, s);
}

enum status series_heads(struct store *store, const struct schema *schema, struct arena *arena, struct id **out,
			 size_t *count_out)
{
	struct search s = { .arena = arena };
	const enum status st = heads_of(store, schema, NULL, &s);

	if (st == ST_OK) {
		*out = s.ids;
		*count_out = s.count;
	}
	return st;
}

/* --- effects --------------------------------------------------------------------------- */

static bool moved(const struct trial *trial, const char *group)
{
	const int index = group == NULL ? -1 : kind_group(trial->change->kind, group, strlen(group));

	for (size_t i = 0; i < trial->ruling_count; i++)
		if (trial->rulings[i].index == index && trial->rulings[i].moves)
			return true;
	return false;
}

static enum status follow_patient(struct trial *trial)
{
	struct intake *in = trial->in;
	struct search s = { .arena = in->arena };
	enum status st = heads_of(in->store, in->schema, &trial->record->id, &s);

	for (size_t i = 0; i < s.count && st == ST_OK; i++)
		st = series_follow(in, &s.ids[i], &trial->source->author);
	return st;
}

enum status series_effects(struct trial *trial)
{
	const struct kind *kind = trial->change->kind;
	struct recurrence rule;
	bool followed = false;

	if (kind->is_patient)
		return !trial->change->create && (moved(trial, "status") || moved(trial, NULL)) ? follow_patient(trial) : ST_OK;
	if (kind != visits(trial->in->schema) || !series_head(trial->record, &rule, &followed))
		return ST_OK;
	if (!moved(trial, "planned") && !moved(trial, NULL))
		return ST_OK;
	return series_follow(trial->in, &trial->record->id, &trial->source->author);
}
