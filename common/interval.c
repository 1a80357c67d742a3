#include "common/interval.h"

#include <assert.h>

#define DRIFT_MS 50
#define DRIFT_PARTS 5000 /* one in 5,000 is 200 ppm */

/* What a tablet claims may be any number: sums stop at the ends. */
static int64_t add_capped(int64_t a, int64_t b)
{
	if (b > 0 && a > INT64_MAX - b)
		return INT64_MAX;
	if (b < 0 && a < INT64_MIN - b)
		return INT64_MIN;
	return a + b;
}

/* a - b, where b is not negative. */
static int64_t less_capped(int64_t a, int64_t b)
{
	assert(b >= 0);
	return add_capped(a, -b);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t interval_drift_ms(int64_t elapsed_ms)
{
	int64_t part = elapsed_ms / DRIFT_PARTS;

	return (part < 0 ? -part : part) + DRIFT_MS;
}

/* May heard + elapsed be taken for the time of the edit? */
static bool evidence_usable(const struct evidence *evidence, const struct clock_now *now,
			    int64_t arrival_ms)
{
	if (evidence->heard_ms <= 0)
		return false;
	switch (evidence->steadiness) {
	case STEADY_UNKNOWN:
		return false;
	case STEADY_MEASURED:
		return true;
	case STEADY_OPEN:
		/* The edit lies between the reading and the sending, by a clock that
		 * ran evenly over all of it; another reading since would have to be
		 * told as measured. */
		return now->measured && now->heard_ms == evidence->heard_ms &&
		       evidence->elapsed_ms <=
			       add_capped(now->elapsed_ms, interval_drift_ms(now->elapsed_ms)) &&
		       interval_clock_steady(now, arrival_ms);
	}
	assert(false && "evidence without steadiness");
	return false;
}

/* How much later than heard + elapsed may the edit be? The answer was received up to
 * the slack after the time it names; and a clock that was set back since makes the
 * request seem to have travelled that much longer. */
static int64_t late_ms(const struct evidence *evidence, const struct clock_now *now, int64_t arrival_ms)
{
	int64_t way_ms;

	if (evidence->steadiness != STEADY_OPEN)
		return evidence->slack_ms;
	way_ms = less_capped(arrival_ms, larger(add_capped(now->heard_ms, now->elapsed_ms), 0));
	return larger(evidence->slack_ms, way_ms);
}

struct interval interval_of(const struct evidence *evidence, const struct clock_now *now,
			    int64_t arrival_ms)
{
	struct interval outer = { larger(evidence->heard_ms, 0), arrival_ms };
	int64_t drift_ms = interval_drift_ms(evidence->elapsed_ms);
	int64_t claimed_ms;
	struct interval part;

	assert(arrival_ms >= 0);
	if (outer.lo_ms > outer.hi_ms) {
		outer.lo_ms = outer.hi_ms;
		return outer;
	}
	if (!evidence_usable(evidence, now, arrival_ms))
		return outer;
	claimed_ms = add_capped(evidence->heard_ms, evidence->elapsed_ms);
	part.lo_ms = larger(outer.lo_ms, less_capped(claimed_ms, drift_ms));
	part.hi_ms = smaller(outer.hi_ms,
			     add_capped(add_capped(claimed_ms, late_ms(evidence, now, arrival_ms)), drift_ms));
	return part.lo_ms <= part.hi_ms ? part : outer;
}

bool interval_clock_steady(const struct clock_now *now, int64_t arrival_ms)
{
	int64_t drift_ms = interval_drift_ms(now->elapsed_ms);
	int64_t claimed_ms;

	if (!now->measured || now->heard_ms <= 0 || now->elapsed_ms < -drift_ms)
		return false;
	/* Sent at heard + elapsed, up to the slack later; the way up comes on top. */
	claimed_ms = add_capped(now->heard_ms, now->elapsed_ms);
	return less_capped(claimed_ms, drift_ms) <= arrival_ms &&
	       arrival_ms <= add_capped(add_capped(claimed_ms, (int64_t)now->slack_ms + drift_ms),
					INTERVAL_LATENCY_MS_MAX);
}

bool reading_agrees(const struct reading *earlier, const struct reading *later)
{
	int64_t heard_ms, wall_ms, drift_ms;

	if (earlier->set || later->set || earlier->heard_ms <= 0 || later->heard_ms < earlier->heard_ms ||
	    (earlier->wall_received_ms < 0 && later->wall_received_ms > INT64_MAX + earlier->wall_received_ms))
		return false;
	heard_ms = later->heard_ms - earlier->heard_ms;
	wall_ms = later->wall_received_ms >= earlier->wall_received_ms ?
			  later->wall_received_ms - earlier->wall_received_ms :
			  -1;
	drift_ms = interval_drift_ms(heard_ms);
	if (wall_ms < 0)
		return false;
	/* Each answer was received up to its slack after the time it names. */
	return wall_ms >= less_capped(heard_ms, (int64_t)earlier->slack_ms + drift_ms) &&
	       wall_ms <= add_capped(heard_ms, (int64_t)later->slack_ms + drift_ms);
}

enum order interval_compare(const struct interval *a, const struct interval *b)
{
	assert(a->lo_ms <= a->hi_ms && b->lo_ms <= b->hi_ms);
	if (a->hi_ms < b->lo_ms)
		return ORDER_EARLIER;
	if (a->lo_ms > b->hi_ms)
		return ORDER_LATER;
	return ORDER_DOUBT;
}
