#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/work_inside.h"

#define TOLD_SIZE 160
#define OWN_SHIFT 24 /* of the number of an act in an own slot */

/* --- places ------------------------------------------------------------------------------------- */

struct id work_id(const struct sim *sim, enum use use, uint64_t a, uint64_t b)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_BEGIN, (unsigned)use, a << 32 | b);
	struct id id;

	for (size_t i = 0; i < ID_SIZE; i++)
		id.bytes[i] = (uint8_t)dice_next(&dice);
	id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0F));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3F));
	return id;
}

unsigned work_patient_count(const struct sim *sim)
{
	return sim->plan.patients + WORK_TAKEN * sim->plan.tablets + WORK_REGISTERED;
}

struct id work_patient(const struct sim *sim, unsigned slot)
{
	return work_id(sim, USE_PATIENT, 0, slot);
}

unsigned work_home(const struct sim *sim, unsigned tablet, unsigned j)
{
	return ((tablet - 1) * sim->plan.patients / sim->plan.tablets + j) % sim->plan.patients;
}

void place_of_id(const struct sim *sim, struct place *place, const struct kind *kind, unsigned patient, const struct id *id)
{
	const struct id of = work_patient(sim, patient);

	*place = (struct place){ .kind = kind, .patient = patient, .id = *id };
	id_format(id, place->text);
	id_format(&of, place->patient_text);
	(void)snprintf(place->name, sizeof place->name, "%s p%u", kind->name, patient);
}

void place_init(const struct sim *sim, struct place *place, const char *kind, unsigned patient, enum use use, uint64_t slot)
{
	const struct kind *of = schema_kind(sim->schema, kind, strlen(kind));
	const struct id id = use == USE_PATIENT ? work_patient(sim, patient) : work_id(sim, use, patient, slot);

	assert(of != NULL);
	place_of_id(sim, place, of, patient, &id);
	if (slot >> OWN_SHIFT != 0)
		(void)snprintf(place->name, sizeof place->name, "%s p%u of %" PRIu64 "-%" PRIu64, kind, patient, slot >> OWN_SHIFT,
			       slot & ((UINT64_C(1) << OWN_SHIFT) - 1));
	else if (use != USE_PATIENT)
		(void)snprintf(place->name, sizeof place->name, "%s p%u.%" PRIu64, kind, patient, slot);
}

bool place_read(struct sim_tablet *t, const struct place *place, const char *field, char text_out[WORK_TEXT_SIZE])
{
	char sql[160];
	enum status st;
	bool row = false, fits = false;
	sqlite3_stmt *stmt;

	if (!t->node.up)
		return false;
	(void)snprintf(sql, sizeof sql, "SELECT coalesce(\"%s\",'') FROM \"%s\" WHERE id=?1", field, place->kind->name);
	stmt = db_prepare(&t->replica.db, sql, &st);
	if (stmt == NULL)
		return false;
	db_bind_id(&t->replica.db, stmt, 1, &place->id);
	if (db_step(&t->replica.db, stmt, &row) == ST_OK && row && sqlite3_column_bytes(stmt, 0) < WORK_TEXT_SIZE) {
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%s", (const char *)sqlite3_column_text(stmt, 0));
		fits = true;
	}
	db_done(stmt);
	return fits;
}

int64_t place_version(struct sim_tablet *t, const struct place *place)
{
	char text[WORK_TEXT_SIZE];

	return place_read(t, place, "version", text) ? strtoll(text, NULL, 10) : 0;
}

bool place_there(struct sim_tablet *t, const struct place *place)
{
	return place_version(t, place) > 0;
}

uint64_t work_own_slot(unsigned tablet, uint64_t k)
{
	assert(k >> OWN_SHIFT == 0);
	return (uint64_t)tablet << OWN_SHIFT | k;
}

/* --- where an act takes place --------------------------------------------------------------------------- */

unsigned deed_patient(struct deed *d)
{
	const struct plan *plan = &d->sim->plan;
	const unsigned tablet = d->t->node.index;
	struct dice *dice = d->series ? &d->shared : &d->dice;
	const uint64_t where = dice_below(dice, 16);

	if (where == 0)
		return plan->patients + WORK_TAKEN * (tablet - 1) + (unsigned)dice_below(dice, WORK_TAKEN);
	if (where == 1)
		return (unsigned)dice_below(dice, plan->patients);
	return work_home(d->sim, tablet, (unsigned)dice_below(dice, WORK_HOME));
}

bool deed_has_patient(const struct deed *d, unsigned patient)
{
	struct place place;

	place_init(d->sim, &place, "patient", patient, USE_PATIENT, 0);
	return place_there(d->t, &place);
}

/* The first slots are met more often than the last. */
void deed_thing(struct deed *d, struct place *place)
{
	const unsigned patient = deed_patient(d);
	struct dice *dice = d->series ? &d->shared : &d->dice;
	const uint64_t a = dice_below(dice, WORK_THINGS), b = dice_below(dice, WORK_THINGS);

	place_init(d->sim, place, work_ground(d->sim)->thing, patient, USE_THING, a < b ? a : b);
}

void deed_cure(struct deed *d, struct place *place)
{
	const struct ground *ground = work_ground(d->sim);

	if (strcmp(ground->cure, ground->thing) == 0) {
		deed_thing(d, place);
		return;
	}
	place_init(d->sim, place, ground->cure, deed_patient(d), USE_CURE, dice_below(d->series ? &d->shared : &d->dice, 2));
}

/* --- words -------------------------------------------------------------------------------------------------- */

uint32_t deed_word(struct deed *d, const struct place *place, const char *field, char word_out[GHOST_WORD_SIZE])
{
	const int at = kind_field(place->kind, field, strlen(field));
	uint32_t number;

	assert(at >= 0 && d->word_count < DEED_WORDS_MAX);
	number = ghost_word(d->sim, d->t->node.index, place->patient, place->kind->num, &place->id, (uint8_t)at, word_out);
	d->words[d->word_count++] = number;
	return number;
}

bool deed_append(struct deed *d, const struct place *place, const char *field, const char *text,
		 char text_out[WORK_TEXT_SIZE])
{
	char word[GHOST_WORD_SIZE];

	if (strlen(text) > WORK_TEXT_FULL)
		return false;
	ghost_get(d->sim, deed_word(d, place, field, word))->appended = true;
	return work_append(&d->dice, text, word, text_out);
}

void deed_take_back(struct deed *d)
{
	for (size_t i = 0; i < d->word_count; i++)
		d->undone[d->undone_count++] = d->words[i];
	d->word_count = 0;
}

/* --- beginning, typing, ending ---------------------------------------------------------------------------------- */

void deed_begin(struct deed *d)
{
	sim_struck(d->sim, instance_act(d->t->node.index, d->k));
	node_act_begin(&d->t->node, SITE_TABLET_ACT, d->k, NULL);
	d->end = GHOST_KEPT;
}

/* The worst so far stays. */
static bool ended(struct deed *d, enum ghost_end end)
{
	if (end > d->end)
		d->end = end;
	return end == GHOST_KEPT;
}

/* Does a failure of SQLite leave open what stands? A COMMIT whose pages were written and whose sync failed may come back. */
static enum ghost_end end_of_code(int code)
{
	switch (code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return GHOST_KEPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_READONLY:
	case SQLITE_CONSTRAINT:
	case SQLITE_ERROR:
		return GHOST_REFUSED;
	default:
		return GHOST_UNKNOWN;
	}
}

static bool is_surprise(int code)
{
	code &= 0xFF;
	return code == SQLITE_CONSTRAINT || code == SQLITE_ERROR || code == SQLITE_MISMATCH || code == SQLITE_MISUSE ||
	       code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_RANGE;
}

bool deed_sql(struct deed *d, const char *format, ...)
{
	char *sql;
	va_list args;
	int code;

	va_start(args, format);
	sql = sqlite3_vmprintf(format, args);
	va_end(args);
	assert(sql != NULL);
	code = tablet_sql(d->t, d->program, "%s", sql);
	if (is_surprise(code) && !node_is_dying(&d->t->node) && !(d->may_refuse && (code & 0xFF) == SQLITE_CONSTRAINT))
		sim_wrong(d->sim, "sim", "%s: \"%.200s\" failed: %s", d->t->node.name, sql,
			  sqlite3_errmsg(tablet_connection(d->t, d->program)));
	sqlite3_free(sql);
	return ended(d, end_of_code(code));
}

void deed_rollback(struct deed *d)
{
	if (sqlite3_get_autocommit(tablet_connection(d->t, d->program)) == 0)
		(void)tablet_sql(d->t, d->program, "ROLLBACK");
}

bool deed_status(struct deed *d, enum status status)
{
	if (status == ST_OK)
		return ended(d, GHOST_KEPT);
	if (status == ST_IO || status == ST_FULL || status == ST_NOMEM)
		return ended(d, GHOST_UNKNOWN);
	if (status != ST_READONLY && status != ST_BUSY && !d->may_refuse && !node_is_dying(&d->t->node))
		sim_wrong(d->sim, "sim", "%s: what its person saved was refused: %s", d->t->node.name, status_name(status));
	return ended(d, GHOST_REFUSED);
}

static const char *how_it_ended(const struct deed *d)
{
	if (node_is_dying(&d->t->node))
		return ": dies of it";
	if (d->end == GHOST_KEPT)
		return "";
	return d->end == GHOST_REFUSED ? ": refused" : ": failed";
}

/* A record that may be gone, words as they ended, fields that may hold something without a word of the act's. */
static void tell_ghosts(struct deed *d)
{
	const unsigned tablet = d->t->node.index;

	d->t->acted_ms = d->sim->now_ms;
	if (d->gone != NULL && d->end != GHOST_REFUSED)
		ghost_deleted(d->sim, tablet, d->gone->kind->num, &d->gone->id);
	if (d->word_count > 0)
		ghost_ended(d->sim, d->words, d->word_count, d->end);
	if (d->undone_count > 0)
		ghost_ended(d->sim, d->undone, d->undone_count, GHOST_REFUSED);
	for (size_t i = 0; d->rewritten != NULL && d->end != GHOST_REFUSED && i < d->rewritten->kind->field_count; i++)
		if ((d->rewritten_mask >> i & 1) != 0)
			ghost_rewritten(d->sim, tablet, d->rewritten->kind->num, &d->rewritten->id, (uint8_t)i);
}

bool deed_end(struct deed *d, enum met met, const char *format, ...)
{
	char told[TOLD_SIZE];
	va_list args;
	bool lives, kept;

	va_start(args, format);
	(void)vsnprintf(told, sizeof told, format, args);
	va_end(args);
	sim_tell(d->sim, &d->t->node, "%s%s", told, how_it_ended(d));
	lives = tablet_act_end(d->t);
	if (!lives)
		d->end = GHOST_UNKNOWN;
	kept = d->end == GHOST_KEPT;
	tell_ghosts(d);
	d->done = true;
	if (kept && met != MET_COUNT)
		sim_met(d->sim, met);
	if (kept && d->work != WORK_COUNT)
		sim_met(d->sim, (enum met)(MET_WORK_ROWS + (int)d->work));
	if (lives)
		tablet_edited(d->t);
	return kept;
}
