/* What supervisors do one after the other: a patient is lent and loses a record meanwhile; a record is made and dropped. */
#include <inttypes.h>

#include "tests/sim/work_seat.h"

#define CALLS (UINT64_C(1) << 30) /* wishes for a sync that come of acts, above all others */

/* Somebody told the tablet that there is news. */
static void call_soon(struct seat *s, unsigned tablet)
{
	sim_at(s->sim, s->sim->now_ms + 1000 + (int64_t)dice_below(&s->dice, 60000), EVENT_WANT, tablet, CALLS + s->k);
}

/* A patient is taken from a tablet, loses a record, and is given back. */
static void lend(struct seat *s, struct dice *series)
{
	const unsigned tablet = 1 + (unsigned)dice_below(series, s->sim->plan.tablets);
	const unsigned patient = work_home(s->sim, tablet, (unsigned)dice_below(series, WORK_HOME));
	char title[WORK_TEXT_SIZE];
	struct place of, thing;

	place_init(s->sim, &thing, work_ground(s->sim)->thing, patient, USE_THING, dice_below(series, 3));
	if (!seat_patient(s, patient, &of) || (s->k % WORK_SERIES == 1 && !seat_read(s, &thing, "title", title)))
		return;
	seat_begin(s);
	if (s->k % WORK_SERIES == 0)
		seat_did(s, centre_take_away(s->c, tablet, &of.id));
	else if (s->k % WORK_SERIES == 1)
		seat_did(s, centre_delete(s->c, thing.kind->name, &thing.id));
	else
		seat_did(s, centre_give(s->c, tablet, &of.id));
	(void)seat_end(s, MET_COUNT, "lends p%u of tablet %u, %s: part %" PRIu64, patient, tablet, thing.name, 1 + s->k % WORK_SERIES);
	call_soon(s, tablet);
}

/* A record is made, put otherwise, and deleted, while tablets hear of it. */
static void make_and_drop(struct seat *s, struct dice *series)
{
	const unsigned tablet = 1 + (unsigned)dice_below(series, s->sim->plan.tablets);
	const unsigned patient = work_home(s->sim, tablet, (unsigned)dice_below(series, WORK_HOME));
	const struct ground *ground = work_ground(s->sim);
	char word[GHOST_WORD_SIZE] = "-", title[WORK_TEXT_SIZE];
	struct place place, of;

	place_init(s->sim, &place, ground->thing, patient, USE_ROW, s->k - s->k % WORK_SERIES);
	if (!seat_patient(s, patient, &of) || (s->k % WORK_SERIES == 0 ? seat_was_made(s, &place) : !seat_read(s, &place, "title", title)))
		return;
	if (s->k % WORK_SERIES != 2)
		seat_word(s, &place, ground->title, false, word);
	seat_begin(s);
	if (s->k % WORK_SERIES == 0)
		seat_did(s, centre_create(s->c, ground->thing, &place.id, &of.id,
					  (const char *const[]){ ground->title, word, "status", "open", NULL }));
	else if (s->k % WORK_SERIES == 1)
		seat_did(s, centre_edit(s->c, ground->thing, &place.id, ground->title, word));
	else
		seat_did(s, centre_delete(s->c, ground->thing, &place.id));
	(void)seat_end(s, MET_COUNT, "%s, part %" PRIu64 ": title %s", place.name, 1 + s->k % WORK_SERIES, word);
	call_soon(s, tablet);
}

bool seat_in_series(struct seat *s)
{
	struct dice series = dice_at(s->sim->plan.seed, SITE_CENTRE_ACT, 2, s->k / WORK_SERIES);

	switch (dice_below(&series, 6)) {
	case 0:
		lend(s, &series);
		return true;
	case 1:
		make_and_drop(s, &series);
		return true;
	default:
		return false;
	}
}
