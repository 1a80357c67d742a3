#include "tests/sim/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/work_inside.h"

static const struct ground SMALL = {
	.thing = "item", .title = "title", .notes = "notes", .tags = "tags", .refers = "after", .cure = "item", .phone = "phone",
};
static const struct ground WHOLE = {
	.thing = "task", .title = "title", .notes = "notes", .refers = "goal", .cure = "medication", .cure_name = "name",
	.phone = "phone",
};

const struct ground *work_ground(const struct sim *sim)
{
	return sim->plan.whole ? &WHOLE : &SMALL;
}

/* --- before anything happens ------------------------------------------------------------------------ */

static void must(bool stood)
{
	if (stood)
		return;
	fprintf(stderr, "work.c: the centre did not take what a run begins with\n");
	abort();
}

/* By nobody in particular, with words of nobody's. */
static void begin_patient(struct sim *sim, unsigned patient)
{
	static const char *const item[] = { "title", "first", "dose", "5", "unit", "mg", "status", "open", "notes",
					    WORK_FIRST_WORDS, NULL };
	static const char *const task[] = { "title", "first", "status", "open", "notes", WORK_FIRST_WORDS, NULL };
	static const char *const cure[] = { "name", "Aspirin", "dose", "5", "unit", "mg", "status", "active", NULL };
	static const char *const named[] = { "name", "Somebody", NULL };
	const struct ground *ground = work_ground(sim);
	struct sim_centre *c = &sim->centre;
	const struct id of = work_patient(sim, patient);
	struct place place;

	must(centre_create(c, "patient", &of, &of, named));
	for (unsigned slot = 0; slot < 2; slot++) {
		place_init(sim, &place, ground->thing, patient, USE_THING, slot);
		must(centre_create(c, ground->thing, &place.id, &of, sim->plan.whole ? task : item));
	}
	if (!sim->plan.whole)
		return;
	place_init(sim, &place, ground->cure, patient, USE_CURE, 0);
	must(centre_create(c, ground->cure, &place.id, &of, cure));
}

static void begin_joint_note(struct sim *sim, unsigned day)
{
	static const char *const note[] = { "status", "draft", "reason", WORK_FIRST_WORDS, "observed", WORK_FIRST_WORDS, NULL };
	struct place place;
	struct id of;

	work_joint_place(sim, day, &place);
	of = work_patient(sim, place.patient);
	must(centre_create(&sim->centre, "note", &place.id, &of, note));
}

static void begin_tablet(struct sim *sim, unsigned tablet)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_BEGIN, tablet, 0);

	for (unsigned j = 0; j < WORK_HOME; j++) {
		const struct id patient = work_patient(sim, work_home(sim, tablet, j));

		if (j == 0 || !dice_one_in(&dice, 6))
			must(centre_give(&sim->centre, tablet, &patient));
	}
}

void work_begin(struct sim *sim)
{
	const size_t pages = (size_t)WORK_PAGES * sim->plan.tablets;

	sim->works = calloc(1, sizeof *sim->works + pages * sizeof sim->works->pages[0]);
	if (sim->works == NULL)
		abort();
	sim->works->page_count = pages;
	node_act_begin(&sim->centre.node, SITE_BEGIN, 0, NULL);
	for (unsigned p = 0; p < sim->plan.patients; p++)
		begin_patient(sim, p);
	for (unsigned day = 0; sim->plan.whole && day < sim->plan.days; day++)
		begin_joint_note(sim, day);
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		if (!plan_is_away(&sim->plan, i))
			begin_tablet(sim, i);
	must(sim_centre_act_end(&sim->centre));
}

void work_free(struct works *works)
{
	free(works);
}

/* --- acts of tablets -------------------------------------------------------------------------------- */

/* A statement that makes a record which nobody makes again. */
void work_rows(struct deed *d)
{
	const struct ground *ground = work_ground(d->sim);
	const unsigned patient = deed_patient(d);
	char title[GHOST_WORD_SIZE], notes[WORK_TEXT_SIZE];
	struct place place;

	if (!deed_has_patient(d, patient))
		return;
	place_init(d->sim, &place, ground->thing, patient, USE_ROW, work_own_slot(d->t->node.index, d->k));
	(void)deed_word(d, &place, ground->title, title);
	(void)deed_append(d, &place, ground->notes, "", notes);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO \"%w\"(id, patient, title, notes, status) VALUES ('%q', '%q', '%q', '%q', 'open')",
		       ground->thing, place.text, place.patient_text, title, notes);
	(void)deed_end(d, MET_SQL_INSERT, "inserts %s: title %s, notes %s", place.name, title, notes);
}

void work_notes(struct deed *d)
{
	const struct ground *ground = work_ground(d->sim);
	char before[WORK_TEXT_SIZE], after[WORK_TEXT_SIZE];
	struct place place;

	deed_thing(d, &place);
	if (!place_read(d->t, &place, ground->notes, before) || !deed_append(d, &place, ground->notes, before, after))
		return;
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET notes = '%q' WHERE id = '%q'", ground->thing, after, place.text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: notes + w%u", place.name, d->words[0]);
}

/* One more in a set, or a new one in place of so many. */
static void tag(struct deed *d, const struct place *place)
{
	char before[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	size_t len;

	if (!place_read(d->t, place, "tags", before))
		return;
	(void)deed_word(d, place, "tags", word);
	len = strlen(before);
	deed_begin(d);
	if (len == 0 || len > 60)
		(void)deed_sql(d, "UPDATE item SET tags = '[\"%q\"]' WHERE id = '%q'", word, place->text);
	else
		(void)deed_sql(d, "UPDATE item SET tags = '%.*q,\"%q\"]' WHERE id = '%q'", (int)len - 1, before, word, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: tags %s %s", place->name, len == 0 || len > 60 ? "=" : "+", word);
}

/* A status and, with an ending, what came of it. */
static void progress(struct deed *d, const struct place *place)
{
	static const char *const statuses[] = { "open", "in-progress", "done", "done", "not-done", "cancelled" };
	const char *status = statuses[dice_below(&d->dice, sizeof statuses / sizeof statuses[0])];
	char before[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

	if (!place_read(d->t, place, "outcome", before))
		return;
	(void)deed_word(d, place, "outcome", word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET status = '%q', outcome = '%q' WHERE id = '%q'", place->kind->name, status, word,
		       place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: %s, outcome %s", place->name, status, word);
}

/* It refers to a record that may be there, may come, may never come: the change waits at the centre. */
static void refer(struct deed *d, const struct place *place)
{
	const struct ground *ground = work_ground(d->sim);
	const unsigned other = 1 + (unsigned)dice_below(&d->dice, d->sim->plan.tablets);
	char word[GHOST_WORD_SIZE], before[WORK_TEXT_SIZE];
	struct place to;

	if (d->sim->plan.whole)
		place_init(d->sim, &to, "goal", place->patient, USE_GOAL, dice_below(&d->dice, 2));
	else if (dice_one_in(&d->dice, 2))
		place_init(d->sim, &to, ground->thing, place->patient, USE_THING, dice_below(&d->dice, WORK_THINGS));
	else
		place_init(d->sim, &to, ground->thing, place->patient, USE_ROW, work_own_slot(other, dice_below(&d->dice, 60)));
	if (id_equal(&to.id, &place->id) || !place_read(d->t, place, ground->title, before))
		return;
	(void)deed_word(d, place, ground->title, word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET title = '%q', \"%w\" = '%q' WHERE id = '%q'", place->kind->name, word,
		       ground->refers, to.text, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: title %s, refers to %s", place->name, word, to.name);
}

static void set_register(struct deed *d, const struct place *place, const char *field)
{
	char before[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

	if (!place_read(d->t, place, field, before))
		return;
	(void)deed_word(d, place, field, word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET \"%w\" = '%q' WHERE id = '%q'", place->kind->name, field, word, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: %s = %s", place->name, field, word);
}

void work_registers(struct deed *d)
{
	const struct ground *ground = work_ground(d->sim);
	const uint64_t which = dice_below(&d->dice, 12);
	struct place place;

	if (which < 2) {
		place_init(d->sim, &place, "patient", deed_patient(d), USE_PATIENT, 0);
		set_register(d, &place, ground->phone);
		return;
	}
	deed_thing(d, &place);
	if (which < 4 && ground->tags != NULL)
		tag(d, &place);
	else if (which < 7)
		progress(d, &place);
	else if (which < 9)
		refer(d, &place);
	else
		set_register(d, &place, ground->title);
}

/* Dose, unit, or both: one group. */
void work_guarded(struct deed *d)
{
	static const char *const fields[] = { "dose", "unit" };
	char before[2][WORK_TEXT_SIZE], words[2][GHOST_WORD_SIZE];
	const uint64_t which = dice_below(&d->dice, 3);
	struct place place;

	deed_cure(d, &place);
	if (!place_read(d->t, &place, "dose", before[0]) || !place_read(d->t, &place, "unit", before[1]))
		return;
	for (size_t i = 0; i < 2; i++)
		if (which == i || which == 2)
			(void)deed_word(d, &place, fields[i], words[i]);
		else
			(void)snprintf(words[i], sizeof words[i], "-");
	deed_begin(d);
	if (which == 2)
		(void)deed_sql(d, "UPDATE \"%w\" SET dose = '%q', unit = '%q' WHERE id = '%q'", place.kind->name, words[0],
			       words[1], place.text);
	else
		(void)deed_sql(d, "UPDATE \"%w\" SET %s = '%q' WHERE id = '%q'", place.kind->name, fields[which], words[which],
			       place.text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: dose %s, unit %s", place.name, words[0], words[1]);
}

/* --- which act it is ----------------------------------------------------------------------------------- */

bool work_in_series(const struct sim *sim, unsigned tablet, uint64_t k, struct dice *dice_out)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_TABLET_ACT, tablet, UINT64_C(1) << 37 | k / WORK_SERIES);
	const bool is_one = dice_one_in(&dice, 4);

	if (dice_out != NULL)
		*dice_out = dice;
	return is_one;
}

static enum work choose_work(struct deed *d)
{
	const struct plan *plan = &d->sim->plan;
	struct dice *dice = d->series ? &d->shared : &d->dice;
	uint64_t sum = 0, at;

	for (int w = 0; w < WORK_COUNT; w++)
		sum += plan->weight[w];
	if (sum == 0)
		return WORK_COUNT;
	at = dice_below(dice, sum);
	for (int w = 0; w < WORK_COUNT; w++) {
		if (at < plan->weight[w])
			return (enum work)w;
		at -= plan->weight[w];
	}
	return WORK_COUNT;
}

static void do_work(struct deed *d)
{
	switch (d->work) {
	case WORK_ROWS:
		work_rows(d);
		break;
	case WORK_NOTES:
		work_notes(d);
		break;
	case WORK_REGISTERS:
		work_registers(d);
		break;
	case WORK_GUARDED:
		work_guarded(d);
		break;
	case WORK_SESSIONS:
		work_sessions(d);
		break;
	case WORK_SQL:
		work_sql(d);
		break;
	case WORK_DAY:
		work_day(d);
		break;
	case WORK_COUNT:
		break;
	}
}

/* What comes now and then whatever a plan's works are. It may find nothing to do. */
static void do_seldom(struct deed *d)
{
	switch (dice_below(&d->dice, 24)) {
	case 0:
	case 1:
	case 6:
		work_decide(d);
		break;
	case 2:
		work_reuse(d);
		break;
	case 3:
		work_type_back(d);
		break;
	case 4:
		work_poison(d);
		break;
	case 5:
		work_take_up(d);
		break;
	default:
		break;
	}
}

void work_tablet(struct sim_tablet *t, uint64_t k)
{
	struct sim *sim = t->node.sim;
	struct deed deed = { .sim = sim, .t = t, .k = k, .work = WORK_COUNT };

	deed.dice = dice_at(sim->plan.seed, SITE_TABLET_ACT, t->node.index, k);
	deed.program = dice_one_in(&deed.dice, 2) && t->program != NULL;
	deed.series = work_in_series(sim, t->node.index, k, &deed.shared);
	if (!deed.series)
		do_seldom(&deed);
	if (deed.done)
		return;
	deed.work = choose_work(&deed);
	do_work(&deed);
}

void work_end(struct sim *sim)
{
	/* Nothing waits for a person for ever: what is held, disputed or too long may stay so. */
	(void)sim;
}
