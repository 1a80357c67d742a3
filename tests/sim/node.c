#include "tests/sim/node.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define START_MS_MIN 1000
#define SITE_SHIFT 32
#define AT_RARE_POINT (UINT64_C(1) << 39) /* in the number of a fault: chosen where it struck */
#define RARE_POINT_TIMES 4

/* --- clocks and randomness ------------------------------------------------------------------ */

static int64_t drifted(const struct node *node, int64_t ms)
{
	return ms + ms / 1000 * node->drift_ppm / 1000;
}

int64_t node_wall_ms(const struct node *node)
{
	return SIM_START_MS + node->offset_ms + drifted(node, node->sim->now_ms - SIM_START_MS);
}

int64_t node_boot_ms(const struct node *node)
{
	return 1000 + drifted(node, node->sim->now_ms - node->boot_from_ms);
}

static int64_t env_wall_ms(void *ctx)
{
	return node_wall_ms(ctx);
}

static int64_t env_boot_ms(void *ctx)
{
	return node_boot_ms(ctx);
}

static uint32_t env_boot(void *ctx)
{
	const struct node *node = ctx;

	return node->boot;
}

static void env_random(void *ctx, void *out, size_t len)
{
	struct node *node = ctx;
	struct dice dice = dice_at(node->sim->plan.seed, SITE_BYTES, node->index, node->random_calls++);
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)dice_next(&dice);
}

/* Of the act under way, among all of its node. */
static uint64_t act_number(const struct node *node)
{
	return (uint64_t)node->act_site << SITE_SHIFT | node->act_k;
}

/* --- what strikes ------------------------------------------------------------------------------ */

static void strike(struct node *node, enum met met)
{
	struct sim *sim = node->sim;
	struct peril *peril = &node->peril;

	peril->struck = true;
	sim_struck(sim, instance_fault(peril->fault, node->index, peril->k));
	sim_met(sim, met);
	sim_tell(sim, node, "%s", met_text(met));
}

static void die(struct node *node)
{
	disk_kill(node->disk);
	sim_met(node->sim, node->index == 0 ? MET_KILLED_CENTRE : MET_KILLED_TABLET);
	if (node->is_starting)
		sim_met(node->sim, MET_KILLED_STARTING);
}

struct point {
	const char *label;
	enum met met;
};
#define POINT(name) { #name, MET_AT_##name }
static const struct point POINTS[] = {
	POINT(A01), POINT(A03), POINT(A04), POINT(A05), POINT(A06), POINT(A07), POINT(A09), POINT(A10), POINT(A11), POINT(A12), POINT(A13), POINT(A14), POINT(A15),
	POINT(A16), POINT(A18), POINT(B04), POINT(B05), POINT(B06), POINT(B07), POINT(B08), POINT(B09), POINT(B10), POINT(B11),
	POINT(B12), POINT(B13), POINT(B14), POINT(B15), POINT(B16), POINT(B17), POINT(B18), POINT(B19), POINT(B20), POINT(B23),
};

static void count_point(struct node *node, const char *label)
{
	for (size_t i = 0; i < sizeof POINTS / sizeof POINTS[0]; i++)
		if (strncmp(label, POINTS[i].label, 3) == 0)
			sim_met(node->sim, POINTS[i].met);
}

/* Points that few acts come to: whoever chose one of them before the act would nearly always miss it. */
static bool is_rare(const char *label)
{
	static const char *const rare[] = { "B10", "B11", "B18", "B19" };

	for (size_t i = 0; i < sizeof rare / sizeof rare[0]; i++)
		if (strncmp(label, rare[i], 3) == 0)
			return true;
	return false;
}

/* An act that nothing else would strike may end at a rare point that it has come to. */
static void choose_here(struct node *node, const char *label)
{
	uint64_t k = act_number(node) | AT_RARE_POINT;

	if (node->peril.fault != FAULT_COUNT || !is_rare(label) ||
	    !sim_strikes_often(node->sim, FAULT_KILL_POINT, node->index, &k, RARE_POINT_TIMES))
		return;
	node->peril = (struct peril){ .fault = FAULT_KILL_POINT, .k = k, .at_call = 1, .label = label };
	node->power_cut = node->sim->plan.power && k % 3 != 0;
}

static void env_point(void *ctx, const char *label)
{
	struct node *node = ctx;
	const struct peril *peril = &node->peril;

	if (node->acting)
		choose_here(node, label);
	if (!node->acting || peril->struck || peril->fault != FAULT_KILL_POINT || disk_is_dead(node->disk) ||
	    strncmp(label, peril->label, strlen(peril->label)) != 0 || ++node->fitting_calls < peril->at_call)
		return;
	strike(node, MET_KILLED_POINT);
	sim_tell(node->sim, node, "ends at %s", label);
	count_point(node, label);
	die(node);
}

static bool fits(enum fault fault, enum disk_call call)
{
	if (fault == FAULT_KILL_CALL)
		return true;
	if (fault == FAULT_SYNC || fault == FAULT_LIE)
		return call == DISK_SYNC;
	if (fault == FAULT_FULL)
		return call == DISK_WRITE;
	if (fault == FAULT_BUSY)
		return call == DISK_LOCK;
	return fault == FAULT_IO && call != DISK_LOCK && call != DISK_SHM && call != DISK_SIZE;
}

/* The disk gets full at this write, and stays so. */
static void fill_disk(struct node *node)
{
	struct disk_usage usage;

	disk_usage(node->disk, &usage);
	disk_limit(node->disk, usage.bytes);
}

struct obedience {
	enum fault fault;
	enum met met;
	enum disk_verdict verdict;
};
static const struct obedience OBEDIENCE[] = {
	{ FAULT_IO, MET_IO_TABLET, DISK_FAIL },	       { FAULT_SYNC, MET_SYNC_FAILED, DISK_FAIL },
	{ FAULT_LIE, MET_SYNC_LIED, DISK_LIE },	       { FAULT_FULL, MET_FULL, DISK_REFUSE_FULL },
	{ FAULT_BUSY, MET_BUSY, DISK_BUSY },	       { FAULT_KILL_CALL, MET_KILLED_CALL, DISK_DIE },
};

static enum disk_verdict obey(struct node *node, enum disk_call call)
{
	const struct obedience *row = OBEDIENCE;

	while (row->fault != node->peril.fault)
		row++;
	strike(node, row->fault == FAULT_IO && node->index == 0 ? MET_IO_CENTRE : row->met);
	if (row->fault == FAULT_FULL)
		fill_disk(node);
	if (row->verdict == DISK_DIE)
		die(node);
	if (row->fault == FAULT_IO && call == DISK_WRITE && node->peril.k % 2 != 0)
		return DISK_FAIL_HALF;
	return row->verdict;
}

static enum disk_verdict hook(void *ctx, enum disk_call call, enum disk_file_role role)
{
	struct node *node = ctx;

	(void)role;
	if (node->acting && node->watch != NULL && node->watch->dies(node->watch, node, call)) {
		die(node);
		return DISK_DIE;
	}
	if (!node->acting || node->peril.fault == FAULT_COUNT || node->peril.struck || !fits(node->peril.fault, call) ||
	    ++node->fitting_calls < node->peril.at_call)
		return DISK_GO_ON;
	return obey(node, call);
}

/* --- the machine --------------------------------------------------------------------------------- */

void node_open(struct node *node, struct sim *sim, unsigned index)
{
	const struct disk_owner owner = { .hook = hook, .wall_ms = env_wall_ms, .random = env_random, .ctx = node };
	char vfs[24];

	*node = (struct node){ .sim = sim, .index = index, .boot_from_ms = sim->now_ms, .boot = 1, .peril = { .fault = FAULT_COUNT } };
	if (index == 0)
		(void)snprintf(node->name, sizeof node->name, "centre");
	else
		(void)snprintf(node->name, sizeof node->name, "tablet %u", index);
	(void)snprintf(vfs, sizeof vfs, "sim-%u", index);
	node->disk = disk_open(vfs, &owner);
	node->env = (struct env){ .ctx = node, .wall_ms = env_wall_ms, .boot_ms = env_boot_ms, .boot = env_boot,
				  .random = env_random, .crash_point = env_point, .vfs = disk_vfs(node->disk) };
}

void node_close(struct node *node)
{
	disk_close(node->disk);
	node->disk = NULL;
}

bool node_is_dying(const struct node *node)
{
	return disk_is_dead(node->disk);
}

/* --- acts ------------------------------------------------------------------------------------------ */

/* Where the centre may end while its people act. */
static const char *const PEOPLE_POINTS[] = { "B08", "B09", "B12", "B19", "B19", "B19", NULL };

static void choose(struct node *node, const char *const *labels)
{
	struct sim *sim = node->sim;
	size_t count = 0;

	while (labels != NULL && labels[count] != NULL)
		count++;
	for (enum fault f = FAULT_IO; f < FAULT_COUNT; f++) {
		uint64_t k = act_number(node);
		struct dice dice;

		if ((f == FAULT_KILL_POINT && count == 0) || !sim_strikes(sim, f, node->index, &k))
			continue;
		dice = dice_at(sim->plan.seed, SITE_DISK, node->index, k);
		node->peril = (struct peril){ .fault = f, .k = k };
		node->peril.at_call = 1 + dice_below(&dice, UINT64_C(1) << dice_below(&dice, 7));
		node->power_cut = sim->plan.power && dice_below(&dice, 3) != 0;
		if (f == FAULT_KILL_POINT) {
			node->peril.label = labels[dice_below(&dice, count)];
			node->peril.at_call = dice_one_in(&dice, 4) ? 2 : 1;
		}
		return;
	}
}

void node_act_begin(struct node *node, enum site site, uint64_t k, const char *const *labels)
{
	assert(!node->acting && !disk_is_dead(node->disk));
	node->acting = true;
	node->act_site = site;
	node->act_k = k;
	node->fitting_calls = 0;
	node->peril = (struct peril){ .fault = FAULT_COUNT };
	choose(node, labels == NULL && site == SITE_CENTRE_ACT ? PEOPLE_POINTS : labels);
	if (node->peril.fault == FAULT_READ_ONLY) {
		strike(node, MET_READ_ONLY);
		disk_read_only(node->disk, true);
	}
}

static uint64_t crash_below(void *ctx, uint64_t below)
{
	return dice_below(ctx, below);
}

static void crash(struct node *node)
{
	static const enum met mets[DISK_MODEL_COUNT] = { MET_KILLED_CALL, MET_POWER_SYNCED, MET_POWER_SOME, MET_POWER_TORN };
	struct sim *sim = node->sim;
	const struct watch *watch = node->watch;
	struct dice dice = dice_at(sim->plan.seed, SITE_CRASH, node->index,
				   watch != NULL ? watch->draw : node->peril.k & ~AT_RARE_POINT);
	const enum disk_model model = watch != NULL      ? watch->model
				      : node->power_cut ? (enum disk_model)(1 + dice_below(&dice, DISK_MODEL_COUNT - 1))
							: DISK_KILL;
	const size_t lost = disk_crash(node->disk, model, crash_below, &dice);
	int64_t rest_ms = START_MS_MIN;

	sim_tell(sim, node, "is down; %s, %zu bytes lost", model == DISK_KILL ? "killed" : met_text(mets[model]), lost);
	if (model != DISK_KILL) {
		sim_met(sim, mets[model]);
		node->boot++;
		node->boot_from_ms = sim->now_ms;
	}
	if (lost > 0)
		sim_met(sim, MET_POWER_BYTES);
	if (watch == NULL)
		rest_ms += (int64_t)dice_below(&dice, (uint64_t)1000 << dice_below(&dice, 12));
	sim_at(sim, sim->now_ms + rest_ms, EVENT_START, node->index, ++node->restarts);
}

static void give_room_later(struct node *node)
{
	const enum fault fault = node->peril.fault;
	struct sim *sim = node->sim;
	struct dice dice = dice_at(sim->plan.seed, SITE_REST, node->index, node->peril.k);

	if (!node->peril.struck || (fault != FAULT_FULL && fault != FAULT_READ_ONLY))
		return;
	node->sick = true;
	sim_at(sim, sim->now_ms + (int64_t)dice_below(&dice, 3600000), EVENT_ROOM, node->index, 0);
}

bool node_act_end(struct node *node, void (*down)(struct node *node))
{
	const bool dead = disk_is_dead(node->disk);

	assert(node->acting);
	give_room_later(node);
	if (dead) {
		down(node);
		node->up = false;
		node->acting = false;
		crash(node);
	}
	node->acting = false;
	node->peril = (struct peril){ .fault = FAULT_COUNT };
	return !dead;
}
