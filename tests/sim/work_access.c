/* Tablets are withdrawn from use, accounts disabled, and let in again: by an act of its own, or while an answer is about to leave. */
#include "tests/sim/work_seat.h"

#define BETWEEN_ODDS 30 /* batches */
#define STAYS_ODDS 3    /* acts that find a tablet withdrawn and leave it so */

static void withdraw(struct seat *s, unsigned tablet, const char *when)
{
	const bool account = dice_one_in(&s->dice, 3);

	seat_begin(s);
	seat_did(s, centre_withdraw(s->c, tablet, account));
	(void)seat_end(s, MET_COUNT, "%s tablet %u%s", account ? "disables the account of" : "withdraws", tablet, when);
}

void work_access(struct sim *sim, uint64_t k)
{
	struct seat seat = { .sim = sim, .c = &sim->centre, .k = k, .dice = dice_at(sim->plan.seed, SITE_CENTRE_ACT, 0, k) };
	const unsigned tablet = 1 + (unsigned)dice_below(&seat.dice, sim->plan.tablets);
	const bool stays = dice_one_in(&seat.dice, STAYS_ODDS);

	if (!sim->centre.node.up)
		return;
	if (!centre_is_withdrawn(seat.c, tablet)) {
		withdraw(&seat, tablet, "");
	} else if (!stays) {
		seat_begin(&seat);
		seat_did(&seat, centre_allow(seat.c, tablet));
		(void)seat_end(&seat, MET_COUNT, "lets tablet %u in again", tablet);
	}
}

void work_between(struct sim *sim, unsigned tablet, uint64_t batch)
{
	const uint64_t k = WORK_BETWEEN | batch;
	struct seat seat = { .sim = sim, .c = &sim->centre, .k = k, .dice = dice_at(sim->plan.seed, SITE_CENTRE_ACT, 0, k) };

	if (sim->phase != PHASE_FAULTS || !sim->plan.withdrawals || !dice_one_in(&seat.dice, BETWEEN_ODDS) ||
	    !plan_has(&sim->plan, instance_act(0, k), sim_elapsed_ms(sim)) || centre_is_withdrawn(seat.c, tablet))
		return;
	withdraw(&seat, tablet, ", whose answer has not left");
}
