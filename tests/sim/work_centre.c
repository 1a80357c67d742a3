/* What supervisors do: assignments, records, held work, conflicts; on the whole schema visits planned and moved, tasks given. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decision.h"
#include "proto/limits.h"
#include "tests/sim/judge.h"
#include "tests/sim/work_seat.h"

#define FOUND_MAX 64
#define TOLD_SIZE 160
#define VISITS 4

void seat_begin(struct seat *s)
{
	sim_struck(s->sim, instance_act(0, s->k));
	node_act_begin(&s->c->node, SITE_CENTRE_ACT, s->k, NULL);
	s->good = true;
}

void seat_did(struct seat *s, bool good)
{
	s->good = s->good && good;
}

bool seat_end(struct seat *s, enum met met, const char *format, ...)
{
	char told[TOLD_SIZE];
	va_list args;
	bool kept;

	va_start(args, format);
	(void)vsnprintf(told, sizeof told, format, args);
	va_end(args);
	sim_tell(s->sim, &s->c->node, "%s%s", told, s->good ? "" : ": not taken");
	kept = sim_centre_act_end(s->c) && s->good;
	/* What was not taken may have failed in COMMIT: nobody was told anything. */
	if (s->word_count > 0)
		ghost_ended(s->sim, s->words, s->word_count, kept ? GHOST_KEPT : GHOST_UNKNOWN);
	if (kept && met != MET_COUNT)
		sim_met(s->sim, met);
	return kept;
}

void seat_word(struct seat *s, const struct place *place, const char *field, bool appended, char word_out[GHOST_WORD_SIZE])
{
	const int at = kind_field(place->kind, field, strlen(field));
	uint32_t number;

	assert(at >= 0 && s->word_count < sizeof s->words / sizeof s->words[0]);
	number = ghost_word(s->sim, 0, place->patient, place->kind->num, &place->id, (uint8_t)at, word_out);
	ghost_get(s->sim, number)->appended = appended;
	s->words[s->word_count++] = number;
}

/* --- to look at ---------------------------------------------------------------------------------------- */

bool seat_was_made(struct seat *s, const struct place *place)
{
	struct store *store = s->c->centre.store;
	struct id patient;
	bool deleted, made;

	if (store->ops->begin_read(store) != ST_OK)
		return true;
	made = store->ops->record_head(store, place->kind, &place->id, &patient, &deleted) != ST_NOT_FOUND;
	store->ops->rollback(store);
	return made;
}

bool seat_read(struct seat *s, const struct place *place, const char *field, char text_out[WORK_TEXT_SIZE])
{
	return centre_text(s->c, place->kind->name, &place->id, field, text_out, WORK_TEXT_SIZE);
}

static unsigned any_patient(struct seat *s)
{
	const struct plan *plan = &s->sim->plan;

	return dice_one_in(&s->dice, 5) ? (unsigned)dice_below(&s->dice, work_patient_count(s->sim))
					: (unsigned)dice_below(&s->dice, plan->patients);
}

bool seat_patient(struct seat *s, unsigned patient, struct place *place)
{
	char name[WORK_TEXT_SIZE];

	place_init(s->sim, place, "patient", patient, USE_PATIENT, 0);
	return seat_read(s, place, "name", name);
}

static void any_thing(struct seat *s, struct place *place)
{
	const unsigned patient = any_patient(s);
	const uint64_t a = dice_below(&s->dice, WORK_THINGS), b = dice_below(&s->dice, WORK_THINGS);

	place_init(s->sim, place, work_ground(s->sim)->thing, patient, USE_THING, a < b ? a : b);
}

/* --- assignments ---------------------------------------------------------------------------------------- */

/* A cover, at once or to come; its moments are such as the centre's clock has not passed, which may have been set back. */
static void give_for(struct seat *s, struct dice *dice, unsigned tablet, unsigned patient, const struct id *id)
{
	static const char *const reasons[] = { "own", "cover", "cover", "team" };
	const int64_t wall_ms = node_wall_ms(&s->c->node), known_ms = judge_time_ms(s->sim);
	const int64_t now_ms = wall_ms > known_ms ? wall_ms : known_ms;
	const int64_t ahead_ms = 1 + (int64_t)dice_below(dice, SIM_DAY_MS / 2);
	const bool later = dice_one_in(dice, 2), open = dice_one_in(dice, 6);
	const int64_t starts_ms = later ? now_ms + ahead_ms : INT64_MIN;
	const int64_t ends_ms = open ? TERM_NEVER : now_ms + (later ? ahead_ms : 0) + 1 + (int64_t)dice_below(dice, SIM_DAY_MS);
	const char *reason = reasons[dice_below(dice, 4)];

	seat_begin(s);
	seat_did(s, centre_give_for(s->c, tablet, id, reason, starts_ms, ends_ms));
	(void)seat_end(s, MET_COVER, "assigns p%u to tablet %u as %s, from %+" PRId64 " to %+" PRId64 " ms", patient, tablet, reason,
		       later ? ahead_ms : 0, open ? 0 : ends_ms - now_ms);
}

static void flip(struct seat *s)
{
	const unsigned tablet = 1 + (unsigned)dice_below(&s->dice, s->sim->plan.tablets);
	const unsigned patient = dice_one_in(&s->dice, 4) ? any_patient(s)
							  : work_home(s->sim, tablet, (unsigned)dice_below(&s->dice, WORK_HOME));
	const bool gives = !dice_one_in(&s->dice, 3);
	struct dice cover = dice_at(s->sim->plan.seed, SITE_COVER, 0, s->k + 1);
	struct place place;

	if (!seat_patient(s, patient, &place))
		return;
	if (gives && s->sim->plan.covers && dice_one_in(&cover, 2)) {
		give_for(s, &cover, tablet, patient, &place.id);
		return;
	}
	seat_begin(s);
	if (gives)
		seat_did(s, centre_give(s->c, tablet, &place.id));
	else
		seat_did(s, centre_take_away(s->c, tablet, &place.id));
	(void)seat_end(s, MET_COUNT, "%s p%u %s tablet %u", gives ? "assigns" : "takes", patient, gives ? "to" : "from", tablet);
}

/* --- records --------------------------------------------------------------------------------------------- */

static void edit_field(struct seat *s, const struct place *place, const char *field)
{
	char before[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

	if (!seat_read(s, place, field, before))
		return;
	seat_word(s, place, field, false, word);
	seat_begin(s);
	seat_did(s, centre_edit(s->c, place->kind->name, &place->id, field, word));
	(void)seat_end(s, MET_COUNT, "%s: %s = %s", place->name, field, word);
}

static void edit_notes(struct seat *s, const struct place *place)
{
	char before[WORK_TEXT_SIZE], after[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

	if (!seat_read(s, place, "notes", before) || strlen(before) > WORK_TEXT_FULL)
		return;
	seat_word(s, place, "notes", true, word);
	(void)work_append(&s->dice, before, word, after);
	seat_begin(s);
	seat_did(s, centre_edit(s->c, place->kind->name, &place->id, "notes", after));
	(void)seat_end(s, MET_COUNT, "%s: notes + %s", place->name, word);
}

static void edit_record(struct seat *s)
{
	const struct ground *ground = work_ground(s->sim);
	const uint64_t which = dice_below(&s->dice, 8);
	struct place place;

	any_thing(s, &place);
	if (which == 0 && seat_patient(s, place.patient, &place)) {
		edit_field(s, &place, ground->phone);
	} else if (which < 3) {
		if (s->sim->plan.whole)
			place_init(s->sim, &place, ground->cure, place.patient, USE_CURE, dice_below(&s->dice, 2));
		edit_field(s, &place, "dose");
	} else if (which < 5) {
		edit_notes(s, &place);
	} else {
		edit_field(s, &place, which < 7 ? ground->title : "outcome");
	}
}

/* One of its own, or in a shared slot where never was one. */
static void make_record(struct seat *s)
{
	const struct ground *ground = work_ground(s->sim);
	const unsigned patient = any_patient(s);
	char word[GHOST_WORD_SIZE];
	struct place place, of;

	if (!seat_patient(s, patient, &of))
		return;
	if (dice_one_in(&s->dice, 2))
		place_init(s->sim, &place, ground->thing, patient, USE_ROW, s->k);
	else
		place_init(s->sim, &place, ground->thing, patient, USE_THING, dice_below(&s->dice, WORK_THINGS));
	if (seat_was_made(s, &place))
		return;
	seat_word(s, &place, ground->title, false, word);
	seat_begin(s);
	seat_did(s, centre_create(s->c, ground->thing, &place.id, &of.id,
				  (const char *const[]){ ground->title, word, "status", "open", NULL }));
	(void)seat_end(s, MET_COUNT, "makes %s: title %s", place.name, word);
}

static void drop_record(struct seat *s)
{
	char title[WORK_TEXT_SIZE];
	struct place place;

	any_thing(s, &place);
	if (!seat_read(s, &place, "title", title))
		return;
	seat_begin(s);
	seat_did(s, centre_delete(s->c, place.kind->name, &place.id));
	(void)seat_end(s, MET_COUNT, "deletes %s", place.name);
}

/* A patient whom no tablet took up, given to somebody. */
static void register_patient(struct seat *s)
{
	const unsigned tablet = 1 + (unsigned)dice_below(&s->dice, s->sim->plan.tablets);
	const unsigned slot = work_patient_count(s->sim) - 1 - (unsigned)dice_below(&s->dice, WORK_REGISTERED);
	char word[GHOST_WORD_SIZE];
	struct place place;

	place_init(s->sim, &place, "patient", slot, USE_PATIENT, 0);
	if (seat_was_made(s, &place))
		return;
	seat_word(s, &place, "name", false, word);
	seat_begin(s);
	seat_did(s, centre_create(s->c, "patient", &place.id, &place.id, (const char *const[]){ "name", word, NULL }));
	if (s->good)
		seat_did(s, centre_give(s->c, tablet, &place.id));
	(void)seat_end(s, MET_COUNT, "registers %s for tablet %u: name %s", place.name, tablet, word);
}

/* --- held work ------------------------------------------------------------------------------------------- */

struct found {
	size_t count;
	uint64_t seqs[FOUND_MAX];
};

static enum status see_held(void *ctx, const struct held *held)
{
	struct found *found = ctx;

	if (found->count < FOUND_MAX)
		found->seqs[found->count++] = held->seq;
	return ST_OK;
}

static void answer_held(struct seat *s)
{
	struct store *store = s->c->centre.store;
	struct found found = { 0 };
	const bool accepts = dice_one_in(&s->dice, 2);
	uint64_t seq;

	if (store->ops->begin_read(store) != ST_OK)
		return;
	if (store->ops->held_each(store, NULL, NULL, true, see_held, &found) != ST_OK)
		found.count = 0;
	store->ops->rollback(store);
	if (found.count == 0)
		return;
	seq = found.seqs[dice_below(&s->dice, found.count)];
	seat_begin(s);
	seat_did(s, centre_answer_held(s->c, seq, accepts));
	(void)seat_end(s, MET_COUNT, "%s held change %" PRIu64, accepts ? "accepts" : "returns", seq);
}

/* --- conflicts -------------------------------------------------------------------------------------------- */

struct disputes {
	struct seat *s;
	size_t count;
	struct id ids[FOUND_MAX];
};

static const struct value *value_of(const struct record *record, const char *field)
{
	return &record->row.values[kind_field(record->kind, field, strlen(field))];
}

static bool says(const struct value *value, const char *text)
{
	return value->tag == VALUE_TEXT && value->len == strlen(text) && memcmp(value->text, text, value->len) == 0;
}

static enum status see_conflict(void *ctx, const struct record *record)
{
	struct disputes *found = ctx;

	if (!record->deleted && says(value_of(record, "status"), "open") && found->count < FOUND_MAX)
		found->ids[found->count++] = record->id;
	return ST_OK;
}

/* How many candidates; 0: it can't be read. */
static size_t read_candidates(struct seat *s, const struct id *id)
{
	struct store *store = s->c->centre.store;
	const struct schema *schema = s->sim->schema;
	struct record *record = calloc(1, sizeof *record);
	struct decision_candidate *all = NULL;
	size_t count = 0;
	struct arena arena;

	assert(record != NULL);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	if (store->ops->begin_read(store) == ST_OK) {
		if (store->ops->record_get(store, schema_kind(schema, "conflict", 8), id, &arena, record) == ST_OK) {
			const struct value *kind = value_of(record, "record_kind"), *group = value_of(record, "group_name");
			const struct value *text = value_of(record, "candidates");
			const struct kind *of = schema_kind(schema, kind->text, kind->len);
			const struct group *g = &of->groups[kind_group(of, group->text, group->len)];
			const char *json = arena_copy(&arena, text->text, text->len);

			assert(json != NULL);
			if (decision_candidates(of, g, json, text->len, &arena, &all, &count) != ST_OK)
				count = 0;
		}
		store->ops->rollback(store);
	}
	arena_close(&arena);
	free(record);
	return count;
}

static void decide(struct seat *s)
{
	struct store *store = s->c->centre.store;
	struct disputes found = { .s = s };
	const struct id *id;
	size_t count;
	unsigned candidate;

	if (store->ops->begin_read(store) != ST_OK)
		return;
	if (store->ops->record_each(store, schema_kind(s->sim->schema, "conflict", 8), NULL, see_conflict, &found) != ST_OK)
		found.count = 0;
	store->ops->rollback(store);
	if (found.count == 0)
		return;
	id = &found.ids[dice_below(&s->dice, found.count)];
	count = read_candidates(s, id);
	if (count == 0)
		return;
	candidate = (unsigned)dice_below(&s->dice, count);
	seat_begin(s);
	seat_did(s, centre_decide(s->c, id, candidate));
	(void)seat_end(s, MET_DECIDED_CENTRE, "decides a conflict for candidate %u of %zu", candidate + 1, count);
}

/* --- the whole schema ------------------------------------------------------------------------------------------ */

static void plan_visit(struct seat *s, const struct place *place)
{
	const int64_t from_ms = node_wall_ms(&s->c->node) + (int64_t)dice_below(&s->dice, 3 * SIM_DAY_MS);
	char from[24], to[24], word[GHOST_WORD_SIZE];
	struct place of;

	if (!seat_patient(s, place->patient, &of))
		return;
	(void)snprintf(from, sizeof from, "%" PRId64, from_ms);
	(void)snprintf(to, sizeof to, "%" PRId64, from_ms + 3600000);
	seat_word(s, place, "purpose", false, word);
	seat_begin(s);
	seat_did(s, centre_create(s->c, "visit", &place->id, &of.id,
				  (const char *const[]){ "planned_from", from, "planned_to", to, "purpose", word, "status", "planned",
							 NULL }));
	(void)seat_end(s, MET_COUNT, "plans %s: purpose %s", place->name, word);
}

/* Planned where there was none, else moved, or its purpose is put otherwise. */
static void visit(struct seat *s)
{
	char from[24], shown[WORK_TEXT_SIZE];
	struct place place;

	place_init(s->sim, &place, "visit", any_patient(s), USE_VISIT, dice_below(&s->dice, VISITS));
	if (!seat_was_made(s, &place)) {
		plan_visit(s, &place);
	} else if (dice_one_in(&s->dice, 2)) {
		edit_field(s, &place, "purpose");
	} else if (seat_read(s, &place, "planned_from", shown)) {
		(void)snprintf(from, sizeof from, "%" PRId64,
			       node_wall_ms(&s->c->node) + (int64_t)dice_below(&s->dice, 3 * SIM_DAY_MS));
		seat_begin(s);
		seat_did(s, centre_edit(s->c, "visit", &place.id, "planned_from", from));
		(void)seat_end(s, MET_COUNT, "moves %s", place.name);
	}
}

/* The reason, then the status: one group. Or it is opened again. */
static void close_patient(struct seat *s)
{
	char status[WORK_TEXT_SIZE], reason[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE] = "";
	struct place place;
	bool closes;

	if (!seat_patient(s, any_patient(s), &place) || !seat_read(s, &place, "status", status) ||
	    !seat_read(s, &place, "closed_reason", reason))
		return;
	closes = strcmp(status, "closed") != 0;
	if (closes)
		seat_word(s, &place, "closed_reason", false, word);
	seat_begin(s);
	if (closes)
		seat_did(s, centre_edit(s->c, "patient", &place.id, "closed_reason", word));
	if (s->good)
		seat_did(s, centre_edit(s->c, "patient", &place.id, "status", closes ? "closed" : "active"));
	(void)seat_end(s, MET_COUNT, "%s %s%s", closes ? "closes" : "opens", place.name, word);
}

/* --- which it is -------------------------------------------------------------------------------------------------- */

void work_centre(struct sim *sim, uint64_t k)
{
	struct seat seat = { .sim = sim, .c = &sim->centre, .k = k };

	if (!sim->centre.node.up)
		return;
	seat.dice = dice_at(sim->plan.seed, SITE_CENTRE_ACT, 0, k);
	if (seat_in_series(&seat))
		return;
	switch (dice_below(&seat.dice, sim->plan.whole ? 24 : 20)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		flip(&seat);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		edit_record(&seat);
		break;
	case 10:
	case 11:
		make_record(&seat);
		break;
	case 12:
		drop_record(&seat);
		break;
	case 13:
	case 14:
	case 15:
		answer_held(&seat);
		break;
	case 16:
	case 17:
	case 18:
		decide(&seat);
		break;
	case 19:
		register_patient(&seat);
		break;
	case 20:
		close_patient(&seat);
		break;
	default:
		visit(&seat);
	}
}
