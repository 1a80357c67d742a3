/* What happens when in the days of a run: acts, syncs, links, sleep, clocks, each by the dice of the plan. */
#include "tests/sim/sim.h"

#include "tests/sim/work.h"

#define CENTRE_ACTS_A_TABLET 2
#define TOGETHER_MS INT64_C(600000)
#define CLOCK_WISHES (UINT64_C(1) << 29) /* wishes that come with a clock that is set, above those of a day's plan */
#define HOUR_MS INT64_C(3600000)
#define DAY_BEGINS_MS (7 * HOUR_MS)
#define DAY_LASTS_MS (12 * HOUR_MS)

static int64_t some_time(struct dice *dice, unsigned day)
{
	return SIM_START_MS + day * SIM_DAY_MS + DAY_BEGINS_MS + (int64_t)dice_below(dice, DAY_LASTS_MS);
}

/* Of what people do. */
static int64_t act_time(const struct sim *sim, enum site site, unsigned node, uint64_t k, unsigned day)
{
	struct dice dice = dice_at(sim->plan.seed, site, node, k | UINT64_C(1) << 39);
	const int64_t at_ms = some_time(&dice, day);

	return sim->plan.together ? at_ms - (at_ms - SIM_START_MS) % TOGETHER_MS : at_ms;
}

/* Once a day at most. */
static bool strikes(const struct sim *sim, enum fault fault, unsigned node, unsigned day)
{
	uint64_t k = day;

	return sim_strikes(sim, fault, node, &k);
}

static void plan_links(struct sim *sim, unsigned tablet, unsigned day)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_LINK, tablet, day);
	int64_t from_ms;

	if (!strikes(sim, FAULT_NO_LINK, tablet, day))
		return;
	from_ms = some_time(&dice, day);
	sim_at(sim, from_ms, EVENT_LINK, tablet, 2 * (uint64_t)day);
	sim_at(sim, from_ms + 60000 + (int64_t)dice_below(&dice, (uint64_t)HOUR_MS << dice_below(&dice, 3)), EVENT_LINK, tablet,
	       2 * (uint64_t)day + 1);
}

static void plan_sleep(struct sim *sim, unsigned tablet, unsigned day)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_SLEEP, tablet, day + (UINT64_C(1) << 32));

	if (strikes(sim, FAULT_SLEEP, tablet, day))
		sim_at(sim, some_time(&dice, day), EVENT_SLEEP, tablet, day);
}

static void plan_day_of(struct sim *sim, unsigned tablet, unsigned day)
{
	const struct plan *plan = &sim->plan;
	int64_t at_ms = 0;

	for (unsigned i = 0; i < plan->acts_a_day; i++) {
		const uint64_t k = (uint64_t)day * plan->acts_a_day + i;
		struct dice dice = dice_at(plan->seed, SITE_TABLET_ACT, tablet, k | UINT64_C(1) << 38);

		/* One thing after the other at the same record, while the first may be on its way. */
		if (i > 0 && k % WORK_SERIES != 0 && work_in_series(sim, tablet, k, NULL))
			at_ms += 1000 + (int64_t)dice_below(&dice, 90000);
		else
			at_ms = act_time(sim, SITE_TABLET_ACT, tablet, k, day);
		sim_at(sim, at_ms, EVENT_ACT, tablet, k);
	}
	for (unsigned i = 0; i < plan->syncs_a_day; i++) {
		const uint64_t k = (uint64_t)day * plan->syncs_a_day + i;

		sim_at(sim, act_time(sim, SITE_EXCHANGE, tablet, k, day), EVENT_WANT, tablet, k);
	}
	plan_links(sim, tablet, day);
	plan_sleep(sim, tablet, day);
}

static void plan_clock(struct sim *sim, unsigned node, unsigned day)
{
	const enum fault fault = node == 0 ? FAULT_CENTRE_CLOCK : FAULT_CLOCK_SET;
	struct dice dice = dice_at(sim->plan.seed, SITE_CLOCK, node, day + (UINT64_C(1) << 32));
	int64_t at_ms = some_time(&dice, day);

	if (!strikes(sim, fault, node, day))
		return;
	/* Often right behind something that was typed and has not left, or shortly before something is; and there is an answer by the
	 * new clock before that leaves. */
	if (node > 0 && !dice_one_in(&dice, 4)) {
		const int64_t act_ms = act_time(sim, SITE_TABLET_ACT, node, (uint64_t)(day + 1) * sim->plan.acts_a_day - 1, day);

		at_ms = act_ms + (dice_one_in(&dice, 2) ? (int64_t)dice_below(&dice, 30000) : -1 - (int64_t)dice_below(&dice, 300000));
		if (dice_one_in(&dice, 2))
			sim_at(sim, act_ms + 1 + (int64_t)dice_below(&dice, 25000), EVENT_WANT, node, CLOCK_WISHES + day);
	}
	sim_at(sim, at_ms, EVENT_CLOCK, node, day);
}

/* Supervisors do several things one after the other. */
static void plan_centre_day(struct sim *sim, unsigned day)
{
	const unsigned acts = sim->plan.tablets * CENTRE_ACTS_A_TABLET;
	int64_t at_ms = 0;

	for (unsigned i = 0; i < acts; i++) {
		const uint64_t k = (uint64_t)day * acts + i;
		struct dice dice = dice_at(sim->plan.seed, SITE_CENTRE_ACT, 1, k);

		if (k % WORK_SERIES == 0 || at_ms == 0 || dice_one_in(&dice, 2))
			at_ms = act_time(sim, SITE_CENTRE_ACT, 0, k, day);
		else
			at_ms += (int64_t)dice_below(&dice, UINT64_C(1000) << dice_below(&dice, 10));
		sim_at(sim, at_ms, EVENT_CENTRE_ACT, 0, k);
	}
}

/* Behind all else of the day, so that what it adds moves nothing. */
static void plan_access_day(struct sim *sim, unsigned day)
{
	const unsigned acts = 2 + sim->plan.tablets / 2;

	for (unsigned i = 0; i < acts && sim->plan.withdrawals; i++) {
		const uint64_t k = WORK_ACCESS | ((uint64_t)day * acts + i);

		sim_at(sim, act_time(sim, SITE_CENTRE_ACT, 0, k, day), EVENT_CENTRE_ACT, 0, k);
	}
}

void sim_plan_days(struct sim *sim)
{
	const struct plan *plan = &sim->plan;

	for (unsigned day = 0; day < plan->days; day++) {
		for (unsigned i = 0; i <= plan->tablets; i++)
			if (!plan_is_away(plan, i))
				plan_clock(sim, i, day);
		for (unsigned i = 1; i <= plan->tablets; i++)
			if (!plan_is_away(plan, i))
				plan_day_of(sim, i, day);
		plan_centre_day(sim, day);
		plan_access_day(sim, day);
	}
}
