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

/* Things of a patient that are edited in one breath with something else. */
#define OTHERS_MAX 3
struct others {
	size_t count;
	struct place places[OTHERS_MAX];
	char words[OTHERS_MAX][GHOST_WORD_SIZE];
};

static void look_at_others(struct seat *s, struct others *others, unsigned patient, uint64_t wanted)
{
	const struct ground *ground = work_ground(s->sim);
	char title[WORK_TEXT_SIZE];

	for (uint64_t slot = 0; slot < WORK_THINGS && others->count < wanted; slot++) {
		struct place *place = &others->places[others->count];

		place_init(s->sim, place, ground->thing, patient, USE_THING, slot);
		if (!seat_read(s, place, ground->title, title))
			continue;
		seat_word(s, place, ground->title, false, others->words[others->count++]);
	}
}

static void edit_others(struct seat *s, const struct others *others)
{
	for (size_t i = 0; i < others->count && s->good; i++)
		seat_did(s, centre_edit(s->c, others->places[i].kind->name, &others->places[i].id, work_ground(s->sim)->title,
					others->words[i]));
}

/* A record is made, put otherwise, and deleted, while tablets hear of it. Or it is buried under other news: whoever catches up
 * page by page has the record before the rest, and the deletion may come when only half of all has been heard. */
static void make_and_drop(struct seat *s, struct dice *series)
{
	const unsigned tablet = 1 + (unsigned)dice_below(series, s->sim->plan.tablets);
	const unsigned patient = work_home(s->sim, tablet, (unsigned)dice_below(series, WORK_HOME));
	const struct ground *ground = work_ground(s->sim);
	const uint64_t part = s->k % WORK_SERIES, buried = dice_one_in(series, 3) ? 0 : 1 + dice_below(series, OTHERS_MAX);
	char word[GHOST_WORD_SIZE] = "-", title[WORK_TEXT_SIZE];
	struct others others = { 0 };
	struct place place, of;

	if (part == 1 && buried > 0)
		return; /* an edit would bring it to light again */
	place_init(s->sim, &place, ground->thing, patient, USE_ROW, s->k - s->k % WORK_SERIES);
	if (!seat_patient(s, patient, &of) || (part == 0 ? seat_was_made(s, &place) : !seat_read(s, &place, "title", title)))
		return;
	if (part != 2)
		seat_word(s, &place, ground->title, false, word);
	if (part == 0)
		look_at_others(s, &others, patient, buried);
	seat_begin(s);
	if (part == 0)
		seat_did(s, centre_create(s->c, ground->thing, &place.id, &of.id,
					  (const char *const[]){ ground->title, word, "status", "open", NULL }));
	else if (part == 1)
		seat_did(s, centre_edit(s->c, ground->thing, &place.id, ground->title, word));
	else
		seat_did(s, centre_delete(s->c, ground->thing, &place.id));
	edit_others(s, &others);
	(void)seat_end(s, MET_COUNT, "%s, part %" PRIu64 ": title %s, and %zu others", place.name, 1 + part, word, others.count);
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
