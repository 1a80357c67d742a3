#include "tests/sim/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/ghost.h"
#include "tests/sim/judge.h"
#include "tests/sim/last.h"
#include "tests/sim/node.h"
#include "tests/sim/sim_centre.h"
#include "tests/sim/sim_tablet.h"
#include "tests/sim/way.h"
#include "tests/sim/work.h"
#include "tests/support/world.h"

#define BATCH_WINDOW_MS 40
#define TOGETHER_MAX 64
#define EVENTS_MAX 10000
#define EVENTS_A_DAY_MAX 2000 /* of a tablet; a bad one has some 300 */
#define HOUR_MS INT64_C(3600000)
#define ROUNDS_MAX 3
#define ROUND_MS (20 * 60000)
#define STOCK_TABLETS_MAX 32

/* --- trace and findings ------------------------------------------------------------------------ */

static void hash_add(struct sim *sim, const char *text)
{
	for (; *text != '\0'; text++)
		sim->hash = (sim->hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
}

void sim_tell(struct sim *sim, const struct node *node, const char *format, ...)
{
	char line[512];
	va_list args;
	int at = snprintf(line, sizeof line, "%10.3f %s: ", (double)sim_elapsed_ms(sim) / 1000, node != NULL ? node->name : "all");

	va_start(args, format);
	(void)vsnprintf(line + at, sizeof line - (size_t)at, format, args);
	va_end(args);
	hash_add(sim, line);
	sim->lines++;
	if (sim->witness != NULL) {
		sim->witness->lines = sim->lines;
		sim->witness->elapsed_ms = sim_elapsed_ms(sim);
	}
	if (sim->told != NULL)
		(void)fprintf(sim->told, "# %s\n", line);
}

void sim_wrong(struct sim *sim, const char *invariant, const char *format, ...)
{
	va_list args;

	if (sim_is_wrong(sim))
		return;
	(void)snprintf(sim->invariant, sizeof sim->invariant, "%s", invariant);
	va_start(args, format);
	(void)vsnprintf(sim->wrong, sizeof sim->wrong, format, args);
	va_end(args);
	sim_tell(sim, NULL, "WRONG, %s: %s", sim->invariant, sim->wrong);
}

bool sim_is_wrong(const struct sim *sim)
{
	return sim->invariant[0] != '\0';
}

void sim_met(struct sim *sim, enum met met)
{
	sim->met[met]++;
}

static bool strikes_by_pin(const struct sim *sim, enum fault fault, unsigned node, uint64_t *k)
{
	const struct instance here = instance_fault(fault, node, *k);

	for (size_t i = 0; i < sim->plan.pin_count; i++)
		if (!sim->pins_struck[i] && pin_fits(&sim->plan.pins[i], here, sim_elapsed_ms(sim))) {
			*k = instance_number(sim->plan.pins[i].instance);
			return true;
		}
	return false;
}

bool sim_strikes_often(const struct sim *sim, enum fault fault, unsigned node, uint64_t *k, uint32_t times)
{
	const struct plan *plan = &sim->plan;
	struct dice dice;

	assert(times > 0);
	if (sim->phase != PHASE_FAULTS)
		return false;
	if (strikes_by_pin(sim, fault, node, k))
		return true;
	if (plan->odds[fault] == 0)
		return false;
	dice = dice_at(plan->seed, SITE_COUNT + (unsigned)fault, node, *k);
	return dice_below(&dice, plan->odds[fault]) < times && plan_has(plan, instance_fault(fault, node, *k), sim_elapsed_ms(sim));
}

bool sim_strikes(const struct sim *sim, enum fault fault, unsigned node, uint64_t *k)
{
	return sim_strikes_often(sim, fault, node, k, 1);
}

void sim_struck(struct sim *sim, struct instance instance)
{
	struct witness *witness = sim->witness;

	for (size_t i = 0; i < sim->plan.pin_count; i++)
		if (sim->plan.pins[i].instance.packed == instance.packed)
			sim->pins_struck[i] = true;
	if (witness != NULL && witness->struck_count < WITNESS_STRUCK_MAX)
		witness->struck[witness->struck_count++] = (struct struck){ instance, sim_elapsed_ms(sim) };
}

int64_t sim_elapsed_ms(const struct sim *sim)
{
	return sim->now_ms - SIM_START_MS;
}

struct sim_tablet *sim_tablet(struct sim *sim, unsigned index)
{
	assert(index >= 1 && index <= sim->plan.tablets);
	return &sim->tablets[index - 1];
}

struct node *sim_node(struct sim *sim, unsigned index)
{
	return index == 0 ? &sim->centre.node : &sim_tablet(sim, index)->node;
}

/* --- the heap --------------------------------------------------------------------------------------- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static int compare_events(const void *a, const void *b)
{
	return before(a, b) ? -1 : before(b, a);
}

static void swap(struct event *a, struct event *b)
{
	const struct event kept = *a;

	*a = *b;
	*b = kept;
}

struct event *sim_at(struct sim *sim, int64_t at_ms, enum event_kind kind, unsigned node, uint64_t k)
{
	size_t i = sim->heap_count++;

	if (i == sim->heap_room) {
		sim->heap_room = sim->heap_room * 2 + 256;
		sim->heap = realloc(sim->heap, sim->heap_room * sizeof *sim->heap);
		assert(sim->heap != NULL);
	}
	sim->heap[i] = (struct event){ .at_ms = at_ms < sim->now_ms ? sim->now_ms : at_ms, .order = ++sim->order, .kind = kind,
				       .node = node, .k = k };
	for (; i > 0 && before(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
	return &sim->heap[i];
}

static struct event pop(struct sim *sim)
{
	const struct event first = sim->heap[0];
	size_t i = 0;

	sim->heap[0] = sim->heap[--sim->heap_count];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim->heap_count; child++)
			if (before(&sim->heap[child], &sim->heap[least]))
				least = child;
		if (least == i)
			return first;
		swap(&sim->heap[i], &sim->heap[least]);
		i = least;
	}
}

/* --- events ---------------------------------------------------------------------------------------------- */

static void act_of_tablet(struct sim *sim, unsigned index, uint64_t k)
{
	struct sim_tablet *t = sim_tablet(sim, index);

	if (t->node.up && plan_has(&sim->plan, instance_act(index, k), sim_elapsed_ms(sim)))
		work_tablet(t, k);
}

static void act_of_centre(struct sim *sim, uint64_t k)
{
	if (!sim->centre.node.up || !plan_has(&sim->plan, instance_act(0, k), sim_elapsed_ms(sim)))
		return;
	if (k >= WORK_ACCESS)
		work_access(sim, k);
	else
		work_centre(sim, k);
}

/* Requests that arrive together share a batch. */
static void arrive(struct sim *sim, struct flight *first)
{
	struct flight *flights[TOGETHER_MAX] = { first };
	size_t count = 1;

	while (count < TOGETHER_MAX && sim->heap_count > 0 && sim->heap[0].kind == EVENT_ARRIVE &&
	       sim->heap[0].at_ms <= sim->now_ms + BATCH_WINDOW_MS)
		flights[count++] = pop(sim).flight;
	sim_centre_arrive(&sim->centre, flights, count);
	for (size_t i = 0; i < count; i++)
		way_free(flights[i]);
}

static void set_clock(struct sim *sim, struct node *node, uint64_t day)
{
	static const int64_t jumps_ms[] = { -3600000, 3600000, -90000, 90000, 86400000, -86400000, INT64_C(315360000000), -SIM_START_MS };
	struct dice dice = dice_at(sim->plan.seed, SITE_CLOCK, node->index, day + 1);
	const size_t few = node->index == 0 ? 6 : sizeof jumps_ms / sizeof jumps_ms[0];
	const enum fault fault = node->index == 0 ? FAULT_CENTRE_CLOCK : FAULT_CLOCK_SET;
	const int64_t before_ms = node->offset_ms;

	sim_struck(sim, instance_fault(fault, node->index, day));
	node->offset_ms = dice_one_in(&dice, 4) ? 0 : jumps_ms[dice_below(&dice, few)];
	sim_met(sim, node->index == 0 ? MET_CENTRE_CLOCK : MET_CLOCK_SET);
	sim_tell(sim, node, "clock is set: %" PRId64 " s off", node->offset_ms / 1000);
	if (node->index > 0) {
		tablet_clock_set(sim_tablet(sim, node->index), day);
		return;
	}
	sim->centre_set_ms = sim->now_ms;
	sim->centre_went_back |= node->offset_ms < before_ms;
}

static void link_changes(struct sim *sim, struct sim_tablet *t, uint64_t k)
{
	if (k % 2 == 0)
		sim_struck(sim, instance_fault(FAULT_NO_LINK, t->node.index, k / 2));
	tablet_link(t, k % 2 != 0);
}

static void start(struct sim *sim, struct node *node, uint64_t k)
{
	if (node->up || k != node->restarts)
		return;
	if (node->index == 0)
		(void)sim_centre_start(&sim->centre);
	else
		(void)tablet_start(sim_tablet(sim, node->index));
}

static void give_room(struct node *node)
{
	disk_limit(node->disk, 0);
	disk_read_only(node->disk, false);
	node->sick = false;
	sim_tell(node->sim, node, "disk may be written again");
	sim_met(node->sim, MET_FULL_OVER);
}

static void sleep_now(struct sim *sim, struct sim_tablet *t, uint64_t day)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_SLEEP, t->node.index, day + (UINT64_C(2) << 32));

	sim_struck(sim, instance_fault(FAULT_SLEEP, t->node.index, day));
	sim_met(sim, MET_SLEPT);
	t->asleep_until_ms = sim->now_ms + (int64_t)dice_below(&dice, 10 * HOUR_MS);
	sim_tell(sim, &t->node, "sleeps");
}

/* A tablet that sleeps hears nothing; its own timers run out when it wakes. */
static bool sleeps(struct sim *sim, struct event *event)
{
	struct sim_tablet *t = event->node > 0 ? sim_tablet(sim, event->node) : NULL;

	if (t == NULL || sim->now_ms >= t->asleep_until_ms || event->kind == EVENT_ROOM)
		return false;
	if (event->kind == EVENT_ANSWER)
		way_free(event->flight);
	else if (event->kind != EVENT_ACT)
		sim_at(sim, t->asleep_until_ms, event->kind, event->node, event->k);
	return true;
}

static void answer(struct sim *sim, struct sim_tablet *t, struct flight *flight)
{
	(void)sim;
	tablet_answer(t, flight);
	way_free(flight);
}

/* Asked by a person, or a look for news. Wishes count like acts, under numbers of their own. */
static void want(struct sim *sim, struct sim_tablet *t, uint64_t k)
{
	const struct instance wish = instance_wish(t->node.index, k);

	if (!plan_has(&sim->plan, wish, sim_elapsed_ms(sim)))
		return;
	sim_struck(sim, wish);
	tablet_want(t);
}

static void happen(struct sim *sim, struct event *event)
{
	struct sim_tablet *t = sim_tablet(sim, event->node > 0 ? event->node : 1);

	switch (event->kind) {
	case EVENT_ACT:
		act_of_tablet(sim, event->node, event->k);
		break;
	case EVENT_CENTRE_ACT:
		act_of_centre(sim, event->k);
		break;
	case EVENT_WAKE:
		tablet_wake(t, event->k);
		break;
	case EVENT_WANT:
		want(sim, t, event->k);
		break;
	case EVENT_LINK:
		link_changes(sim, t, event->k);
		break;
	case EVENT_CLOCK:
		set_clock(sim, sim_node(sim, event->node), event->k);
		break;
	case EVENT_SLEEP:
		sleep_now(sim, t, event->k);
		break;
	case EVENT_ARRIVE:
		arrive(sim, event->flight);
		break;
	case EVENT_ANSWER:
		answer(sim, t, event->flight);
		break;
	case EVENT_GIVE_UP:
		tablet_give_up(t, event->k);
		break;
	case EVENT_START:
		start(sim, sim_node(sim, event->node), event->k);
		break;
	case EVENT_ROOM:
		give_room(sim_node(sim, event->node));
		break;
	}
}

bool sim_step(struct sim *sim, int64_t until_ms)
{
	struct event event;

	if (sim->heap_count == 0 || sim->heap[0].at_ms > until_ms)
		return false;
	event = pop(sim);
	sim->now_ms = event.at_ms;
	sim->steps++;
	if (sleeps(sim, &event))
		return true;
	happen(sim, &event);
	if (event.node > 0 && sim->ghosts != NULL && !sim_is_wrong(sim))
		ghost_check_step(sim_tablet(sim, event.node));
	return true;
}

static void run_until(struct sim *sim, int64_t until_ms)
{
	const uint64_t most = EVENTS_MAX + EVENTS_A_DAY_MAX * sim->plan.days * sim->plan.tablets;

	while (!sim_is_wrong(sim) && sim_step(sim, until_ms))
		if (sim->steps > most)
			sim_wrong(sim, "I22", "%" PRIu64 " events, and no end", sim->steps);
	if (sim->now_ms < until_ms && !sim_is_wrong(sim))
		sim->now_ms = until_ms;
}

/* --- opening ------------------------------------------------------------------------------------------------ */

/* Disks with a founded centre and so many enrolled tablets, and what their processes know by heart. */
struct stocked {
	unsigned tablets;
	bool whole;
	struct disk_image *centre, *replicas[STOCK_TABLETS_MAX];
	uint8_t centre_seed[SEED_SIZE], seeds[STOCK_TABLETS_MAX][SEED_SIZE];
	struct id workers[STOCK_TABLETS_MAX];
	uint32_t devices[STOCK_TABLETS_MAX];
};

struct sim_stock {
	struct witness *witness;
	struct schema small, whole;
	struct stocked made[2][STOCK_TABLETS_MAX + 1];
};

struct sim_stock *sim_stock_new(void)
{
	struct sim_stock *stock = calloc(1, sizeof *stock);

	assert(stock != NULL);
	schema_init(&stock->small, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	schema_init(&stock->whole, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return stock;
}

void sim_stock_witness(struct sim_stock *stock, struct witness *witness)
{
	stock->witness = witness;
}

void sim_stock_free(struct sim_stock *stock)
{
	if (stock == NULL)
		return;
	for (int whole = 0; whole < 2; whole++)
		for (unsigned n = 0; n <= STOCK_TABLETS_MAX; n++) {
			disk_image_free(stock->made[whole][n].centre);
			for (unsigned i = 0; i < STOCK_TABLETS_MAX; i++)
				disk_image_free(stock->made[whole][n].replicas[i]);
		}
	free(stock);
}

/* The same for all seeds. */
static void found(struct sim *sim)
{
	const uint64_t seed = sim->plan.seed;

	sim->plan.seed = 0;
	sim_centre_found(&sim->centre);
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		tablet_enrol(sim_tablet(sim, i));
	sim_centre_stop(&sim->centre);
	sim->plan.seed = seed;
}

static void store_away(struct sim *sim, struct stocked *s)
{
	s->tablets = sim->plan.tablets;
	s->centre = disk_image_take(sim->centre.node.disk);
	memcpy(s->centre_seed, sim->centre.seed, SEED_SIZE);
	for (unsigned i = 0; i < s->tablets; i++) {
		s->replicas[i] = disk_image_take(sim->tablets[i].node.disk);
		memcpy(s->seeds[i], sim->tablets[i].seed, SEED_SIZE);
		s->workers[i] = sim->tablets[i].worker;
		s->devices[i] = sim->tablets[i].device;
	}
}

static void take_out(struct sim *sim, const struct stocked *s)
{
	disk_image_put(sim->centre.node.disk, s->centre);
	memcpy(sim->centre.seed, s->centre_seed, SEED_SIZE);
	for (unsigned i = 0; i < s->tablets; i++) {
		disk_image_put(sim->tablets[i].node.disk, s->replicas[i]);
		memcpy(sim->tablets[i].seed, s->seeds[i], SEED_SIZE);
		sim->tablets[i].worker = s->workers[i];
		sim->tablets[i].device = s->devices[i];
	}
}

static void stock_disks(struct sim *sim, struct sim_stock *stock)
{
	const unsigned n = sim->plan.tablets;
	struct stocked *s = n <= STOCK_TABLETS_MAX ? &stock->made[sim->plan.whole][n] : NULL;

	if (s != NULL && s->centre != NULL) {
		take_out(sim, s);
		return;
	}
	found(sim);
	if (s != NULL)
		store_away(sim, s);
}

/* What is measured of a clock is never quite right; some are wrong from the beginning. */
static void set_clocks(struct sim *sim)
{
	for (unsigned i = 0; i <= sim->plan.tablets; i++) {
		struct node *node = sim_node(sim, i);
		struct dice dice = dice_at(sim->plan.seed, SITE_CLOCK, i, 0);

		node->random_calls = UINT64_C(1) << 32; /* nothing of the stock's comes again */
		node->boot_from_ms = sim->now_ms - (int64_t)dice_below(&dice, SIM_DAY_MS);
		if (sim->plan.honest_clocks || i == 0)
			continue;
		node->drift_ppm = (int32_t)dice_below(&dice, 101) - 50;
		node->offset_ms = (int64_t)dice_below(&dice, 240000) - 120000;
	}
}

void sim_stock_make(struct sim_stock *stock, const struct plan *plan)
{
	if (plan->tablets <= STOCK_TABLETS_MAX && stock->made[plan->whole][plan->tablets].centre == NULL)
		sim_free(sim_open(stock, plan, NULL));
}

struct sim *sim_open(struct sim_stock *stock, const struct plan *plan, FILE *told)
{
	struct sim *sim = calloc(1, sizeof *sim);

	assert(sim != NULL && plan->tablets >= 1 && plan->tablets <= PLAN_TABLETS_MAX);
	sim->plan = *plan;
	sim->schema = plan->whole ? &stock->whole : &stock->small;
	sim->now_ms = SIM_START_MS;
	sim->hash = UINT64_C(0xCBF29CE484222325);
	sim->told = told;
	sim->witness = stock->witness;
	sim->pins_struck = calloc(plan->pin_count + 1, sizeof *sim->pins_struck);
	sim->tablets = calloc(plan->tablets, sizeof *sim->tablets);
	assert(sim->tablets != NULL && sim->pins_struck != NULL);
	sim_centre_open(&sim->centre, sim);
	disk_make_default(sim->centre.node.disk);
	sqlite3_randomness(0, NULL);
	for (unsigned i = 1; i <= plan->tablets; i++)
		tablet_open(sim_tablet(sim, i), sim, i);
	stock_disks(sim, stock);
	set_clocks(sim);
	sqlite3_randomness(0, NULL);
	if (!sim_centre_start(&sim->centre))
		abort();
	sim->ghosts = ghosts_new(sim);
	sim->judge = judge_new(sim);
	judge_committed(sim);
	for (unsigned i = 1; i <= plan->tablets; i++)
		if (!plan_is_away(plan, i) && !tablet_start(sim_tablet(sim, i)))
			abort();
	return sim;
}

void sim_free(struct sim *sim)
{
	if (sim == NULL)
		return;
	while (sim->heap_count > 0) {
		const struct event event = pop(sim);

		way_free(event.flight);
	}
	ghosts_free(sim->ghosts);
	judge_free(sim->judge);
	work_free(sim->works);
	last_free(sim);
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		tablet_close(sim_tablet(sim, i));
	sim_centre_close(&sim->centre);
	free(sim->heap);
	free(sim->pins_struck);
	free(sim->tablets);
	free(sim);
}

/* --- a whole run --------------------------------------------------------------------------------------------- */

static bool waits_asleep(struct sim *sim, const struct event *event)
{
	return event->node > 0 && event->at_ms == sim_tablet(sim, event->node)->asleep_until_ms;
}

/* No more faults, and what was under way for days comes now; everything runs. */
static void heal(struct sim *sim)
{
	sim->phase = PHASE_HEALING;
	sim_tell(sim, NULL, "heals");
	for (size_t i = 0; i < sim->heap_count; i++)
		if (sim->heap[i].at_ms > sim->now_ms + 60000 && (sim->heap[i].kind == EVENT_ARRIVE || waits_asleep(sim, &sim->heap[i])))
			sim->heap[i].at_ms = sim->now_ms + 60000;
	qsort(sim->heap, sim->heap_count, sizeof *sim->heap, compare_events); /* what is sorted is a heap */
	for (unsigned i = 0; i <= sim->plan.tablets; i++) {
		struct node *node = sim_node(sim, i);

		disk_limit(node->disk, 0);
		disk_read_only(node->disk, false);
		node->sick = false;
		if (plan_is_away(&sim->plan, i))
			continue;
		start(sim, node, node->restarts);
		if (i == 0)
			continue;
		sim_tablet(sim, i)->asleep_until_ms = 0;
		tablet_link(sim_tablet(sim, i), true);
	}
}

static uint64_t moved_of_all(const struct sim *sim)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sim->plan.tablets; i++)
		sum += sim->tablets[i].moved;
	return sum;
}

/* Until nothing moves. */
void sim_rounds(struct sim *sim)
{
	uint64_t moved = 0;
	unsigned round = 0;

	sim->phase = PHASE_ROUNDS;
	do {
		moved = moved_of_all(sim);
		sim_tell(sim, NULL, "round %u", ++round);
		for (unsigned i = 1; i <= sim->plan.tablets; i++)
			tablet_want(sim_tablet(sim, i));
		run_until(sim, sim->now_ms + ROUND_MS);
	} while (!sim_is_wrong(sim) && moved_of_all(sim) != moved && round < ROUNDS_MAX + 1);
	if (round > ROUNDS_MAX && moved_of_all(sim) != moved)
		sim_wrong(sim, "I5", "after %d rounds of syncs something still moves", ROUNDS_MAX);
}

static void check_file(struct sim *sim, const struct node *node, sqlite3 *handle)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
		sim_wrong(sim, "I3", "%s: its database can't be checked: %s", node->name, sqlite3_errmsg(handle));
	else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
		sim_wrong(sim, "I3", "%s: its database is damaged: %s", node->name, (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
}

static void open_anew(struct sim *sim)
{
	sim_centre_stop(&sim->centre);
	if (!sim_centre_start(&sim->centre))
		sim_wrong(sim, "sim", "the centre does not start again");
	for (unsigned i = 1; i <= sim->plan.tablets && !sim_is_wrong(sim); i++) {
		struct sim_tablet *t = sim_tablet(sim, i);

		if (plan_is_away(&sim->plan, i))
			continue;
		tablet_stop(t);
		if (tablet_start(t))
			check_file(sim, &t->node, t->replica.db.handle);
		else
			sim_wrong(sim, "sim", "%s does not start again", t->node.name);
	}
}

static void end(struct sim *sim)
{
	sim->phase = PHASE_END;
	if (!sim_is_wrong(sim))
		ghost_check_end(sim);
	if (!sim_is_wrong(sim))
		open_anew(sim);
	if (!sim_is_wrong(sim))
		judge_end(sim);
	if (!sim_is_wrong(sim))
		last_deeds(sim);
	sim->tablet_days = (uint64_t)sim->plan.tablets * sim->plan.days;
	sim_tell(sim, NULL, "%s", sim_is_wrong(sim) ? "ends wrong" : "ends well");
}

struct sim *sim_play(struct sim_stock *stock, const struct plan *plan, FILE *told)
{
	struct sim *sim = sim_open(stock, plan, told);

	work_begin(sim);
	judge_committed(sim);
	sim_rounds(sim);
	sim->phase = PHASE_FAULTS;
	sim_plan_days(sim);
	run_until(sim, SIM_START_MS + plan->days * SIM_DAY_MS - SIM_DAY_MS / 2);
	last_keep(sim);
	run_until(sim, SIM_START_MS + plan->days * SIM_DAY_MS);
	if (!sim_is_wrong(sim))
		heal(sim);
	run_until(sim, sim->now_ms + 3 * ENGINE_LIMITS.backoff_ms_max + 120000);
	for (unsigned i = 1; i <= sim->plan.tablets && !sim_is_wrong(sim); i++)
		if (!plan_is_away(plan, i))
			ghost_check_live(sim_tablet(sim, i));
	if (!sim_is_wrong(sim)) {
		work_end(sim);
		sim_rounds(sim);
	}
	end(sim);
	return sim;
}
