#include "tests/sim/way.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/limits.h"

#define LATE_MS_MAX (3 * SIM_DAY_MS)
#define GIVE_UP_MS 60000
#define SLOW_MS_MAX 25000

static struct flight *flight_new(unsigned tablet, uint64_t exchange, uint64_t life)
{
	struct flight *flight = calloc(1, sizeof *flight);

	assert(flight != NULL);
	*flight = (struct flight){ .tablet = tablet, .exchange = exchange, .life = life };
	buf_init(&flight->bytes, LIMIT_BODY_MAX);
	return flight;
}

void way_free(struct flight *flight)
{
	if (flight == NULL)
		return;
	buf_close(&flight->bytes);
	free(flight);
}

static void fly(struct sim *sim, struct flight *flight, enum event_kind kind, int64_t ms)
{
	sim_at(sim, sim->now_ms + ms, kind, kind == EVENT_ARRIVE ? 0 : flight->tablet, flight->exchange)->flight = flight;
}

static struct dice throw(const struct sim *sim, unsigned tablet, uint64_t exchange, unsigned way)
{
	return dice_at(sim->plan.seed, SITE_EXCHANGE, tablet, exchange * 2 + way);
}

static bool strikes(struct sim_tablet *t, enum fault fault, uint64_t exchange, enum met met)
{
	struct sim *sim = t->node.sim;

	if (!sim_strikes(sim, fault, t->node.index, &exchange))
		return false;
	sim_struck(sim, instance_fault(fault, t->node.index, exchange));
	sim_tell(sim, &t->node, "%s", met_text(met));
	return true;
}

/* Half a second or less; a slow link at times. */
static int64_t latency_ms(const struct sim *sim, struct dice *dice)
{
	if (sim->plan.slow && sim->phase == PHASE_FAULTS)
		return 1000 + (int64_t)dice_below(dice, SLOW_MS_MAX);
	return 20 + (int64_t)dice_below(dice, (uint64_t)1 << (4 + dice_below(dice, 8)));
}

static void flip(struct buf *bytes, struct dice *dice)
{
	if (bytes->len > 0)
		((uint8_t *)bytes->data)[dice_below(dice, bytes->len)] ^= (uint8_t)(1U << dice_below(dice, 8));
}

static struct flight *copy_of(const struct flight *flight)
{
	struct flight *copy = flight_new(flight->tablet, flight->exchange, flight->life);

	buf_add(&copy->bytes, flight->bytes.data, flight->bytes.len);
	copy->copy = true;
	copy->sent_ms = flight->sent_ms;
	copy->met = flight->met;
	return copy;
}

static void answer_instead(struct sim_tablet *t, uint64_t exchange, int status, int64_t retry_after_ms, int64_t ms)
{
	struct flight *flight = flight_new(t->node.index, exchange, t->node.life);

	flight->status = status;
	flight->retry_after_ms = retry_after_ms;
	fly(t->node.sim, flight, EVENT_ANSWER, ms);
}

/* Somebody between answers with a status; with some luck the request went on to the centre all the same. */
static bool status_instead(struct sim_tablet *t, uint64_t exchange, struct dice *dice)
{
	static const int statuses[] = { 401, 403, 404, 408, 409, 421, 426, 429, 500, 502, 503, 504 };
	const int status = statuses[dice_below(dice, sizeof statuses / sizeof statuses[0])];
	const int64_t retry_ms = (status == 429 || status == 503) && dice_one_in(dice, 2) ? (int64_t)dice_below(dice, WAY_RETRY_AFTER_MS_MAX) : 0;

	sim_met(t->node.sim, MET_STATUS);
	answer_instead(t, exchange, status, retry_ms, 300);
	return dice_one_in(dice, 2);
}

/* False: the original goes no further. */
static bool goes_on(struct sim_tablet *t, struct flight *flight, uint64_t changes, struct dice *dice)
{
	struct sim *sim = t->node.sim;
	const uint64_t k = flight->exchange;

	if (strikes(t, FAULT_LOST_UP, k, MET_LOST_UP)) {
		sim_met(sim, MET_LOST_UP);
		return false;
	}
	if (changes > 0 && strikes(t, FAULT_TOO_LARGE, k, MET_TOO_LARGE)) {
		answer_instead(t, k, 413, 0, 200);
		return false;
	}
	if (strikes(t, FAULT_STATUS, k, MET_STATUS) && !status_instead(t, k, dice))
		return false;
	if (strikes(t, FAULT_REORDERED, k, MET_REORDERED)) {
		flight->copy = true;
		flight->met = MET_REORDERED;
		fly(sim, copy_of(flight), EVENT_ARRIVE, 3600000 + (int64_t)dice_below(dice, SIM_DAY_MS));
		return false;
	}
	if (strikes(t, FAULT_BITS_UP, k, MET_BITS_UP)) {
		flip(&flight->bytes, dice);
		flight->bent = true;
		flight->met = MET_BITS_UP;
	}
	return true;
}

/* At once: the answer to either may be the one that is heard. */
static void send_twice(struct sim *sim, struct flight *flight, struct dice *dice)
{
	struct flight *copy = copy_of(flight);

	copy->copy = dice_one_in(dice, 2);
	flight->copy = !copy->copy;
	fly(sim, copy, EVENT_ARRIVE, latency_ms(sim, dice));
}

void way_up(struct sim_tablet *t, const void *bytes, size_t len, uint64_t changes)
{
	struct sim *sim = t->node.sim;
	const uint64_t k = t->exchanges;
	struct dice dice = throw(sim, t->node.index, k, 0);
	struct flight *flight = flight_new(t->node.index, k, t->node.life);

	flight->sent_ms = sim->now_ms;
	buf_add(&flight->bytes, bytes, len);
	sim_at(sim, sim->now_ms + GIVE_UP_MS, EVENT_GIVE_UP, t->node.index, k);
	if (strikes(t, FAULT_TWICE_NOW, k, MET_TWICE_NOW))
		send_twice(sim, flight, &dice);
	if (strikes(t, FAULT_TWICE_LATE, k, MET_TWICE_LATE))
		fly(sim, copy_of(flight), EVENT_ARRIVE, 60000 + (int64_t)dice_below(&dice, LATE_MS_MAX));
	if (goes_on(t, flight, changes, &dice))
		fly(sim, flight, EVENT_ARRIVE, latency_ms(sim, &dice));
	else
		way_free(flight);
}

void way_up_half(struct sim_tablet *t, const void *bytes, size_t len)
{
	struct dice dice = throw(t->node.sim, t->node.index, t->exchanges, 0);
	struct flight *flight = flight_new(t->node.index, t->exchanges, t->node.life);

	buf_add(&flight->bytes, bytes, dice_below(&dice, len));
	flight->bent = true;
	flight->met = MET_AT_A06;
	fly(t->node.sim, flight, EVENT_ARRIVE, latency_ms(t->node.sim, &dice));
}

/* --- the way down ------------------------------------------------------------------------------ */

static void bend(struct sim_tablet *t, struct flight *flight, struct dice *dice)
{
	static const char portal[] = "<html><head><title>Welcome</title></head><body>Please sign in</body></html>";
	const uint64_t k = flight->exchange;
	struct buf *bytes = &flight->bytes;

	if (strikes(t, FAULT_CUT, k, MET_CUT)) {
		bytes->len = dice_below(dice, bytes->len);
		flight->met = MET_CUT;
	} else if (strikes(t, FAULT_BITS, k, MET_BITS)) {
		flip(bytes, dice);
		flight->met = MET_BITS;
	} else if (strikes(t, FAULT_PORTAL, k, MET_PORTAL)) {
		buf_reset(bytes);
		buf_add(bytes, portal, sizeof portal - 1);
		flight->met = MET_PORTAL;
	} else if (t->kept_answer.len > 0 && strikes(t, FAULT_OLD_ANSWER, k, MET_OLD_ANSWER)) {
		buf_reset(bytes);
		buf_add(bytes, t->kept_answer.data, t->kept_answer.len);
		flight->met = MET_OLD_ANSWER;
	} else {
		return;
	}
	flight->bent = true;
}

void way_down(struct sim *sim, const struct flight *request, const void *bytes, size_t len, int status)
{
	struct sim_tablet *t = sim_tablet(sim, request->tablet);
	struct dice dice = throw(sim, request->tablet, request->exchange, 1);
	struct flight *flight;
	int64_t ms = latency_ms(sim, &dice);

	if (request->copy)
		return;
	if (strikes(t, FAULT_LOST_DOWN, request->exchange, MET_LOST_DOWN)) {
		sim_met(sim, MET_LOST_DOWN);
		return;
	}
	flight = flight_new(request->tablet, request->exchange, request->life);
	flight->status = status;
	buf_add(&flight->bytes, bytes, len);
	if (status == 0)
		bend(t, flight, &dice);
	if (strikes(t, FAULT_STALLED, request->exchange, MET_STALLED))
		ms += GIVE_UP_MS + (int64_t)dice_below(&dice, 600000);
	fly(sim, flight, EVENT_ANSWER, ms);
}

enum status way_status(int http)
{
	switch (http) {
	case 401:
	case 403:
	case 409:
		return ST_REFUSED;
	case 400:
		return ST_PROTOCOL;
	case 404:
	case 421:
		return ST_NOT_FOUND;
	case 413:
		return ST_LIMIT;
	case 426:
		return ST_UNKNOWN;
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return ST_LATER;
	default:
		return ST_UNREACHABLE;
	}
}
