/* interval.h - when was an edit made, as far as anybody can know?
 *
 * A tablet's clock counts only as far as it has been measured against the
 * centre's (DESIGN.md sections 1.3 and 7). With each edit the tablet keeps
 * *evidence*: what it had last heard from the centre (the centre's own time in the
 * last answer it applied, a *reading*) and how much its wall clock had moved since
 * it received that answer. The centre turns that into an interval of its own time,
 * and `newest` compares intervals; where they overlap no clock decides. The rest of
 * the evidence decides nothing: it is kept so that anybody can tell later what the
 * tablet's clocks said (clock.h).
 *
 * All times are the centre's milliseconds UTC unless said otherwise. Pure.
 */
#ifndef COMMON_INTERVAL_H
#define COMMON_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

struct interval {
	int64_t lo_ms, hi_ms; /* lo <= hi; the edit was made within, both included */
};

/* How sure is the tablet that its wall clock ran evenly from the reading to the
 * edit? */
enum steadiness {
	STEADY_UNKNOWN = 0, /* not measured, or found to have jumped */
	STEADY_OPEN,        /* nothing heard since: the centre judges by `elapsed at sending` */
	STEADY_MEASURED     /* the next reading, or the clock since boot, agreed */
};

struct evidence {
	int64_t heard_ms;   /* the centre's time in the last answer applied before the edit; 0 = none */
	int64_t elapsed_ms; /* tablet's wall at the edit - wall when that answer was received; may lie */
	uint32_t slack_ms;  /* round trip of that reading: the answer was received up to this long after heard_ms */
	enum steadiness steadiness;
	/* Tablet's wall - the centre's time, as that reading measured it: in the middle of its round
	 * trip, so heard_ms + slack_ms / 2 + offset_ms + elapsed_ms is the wall clock at the edit.
	 * Where nothing was heard that sum is the offset alone. */
	int64_t offset_ms;
	uint64_t reading; /* the tablet's number of the reading; 0 = none, or not told */
	int64_t boot_ms;  /* milliseconds since boot at the edit, and which boot that was; boot 0 = not known */
	uint32_t boot;
};

/* What the request that brings the change tells about the tablet's clock now. */
struct clock_now {
	int64_t heard_ms;   /* newest reading's centre time; 0 = none */
	int64_t elapsed_ms; /* tablet's wall at sending - wall when that answer was received */
	uint32_t slack_ms;  /* round trip of that reading */
	bool measured;      /* false: this request tells nothing (courier bundle, no reading) */
	int64_t offset_ms;  /* as in evidence; 0 = under a second, or not told */
};

/* Tolerance for a steady clock's drift over |elapsed|: 200 ppm and 50 ms. */
int64_t interval_drift_ms(int64_t elapsed_ms);

/* The interval of an edit that arrived at arrival_ms. Never empty, never outside
 * [0, arrival] but for the degenerate case heard_ms > arrival_ms (a centre's clock
 * set back), which yields [arrival, arrival]. Without usable measurement it is
 * [heard_ms, arrival_ms]; with it, the part of that in which
 * heard + elapsed .. heard + elapsed + slack (widened by drift) lies; where the
 * request itself is the measurement (STEADY_OPEN), by as much as it seems to have been
 * under way, since a clock set back looks just so. Where the two do not meet the
 * clock is wrong and decides nothing. */
struct interval interval_of(const struct evidence *evidence, const struct clock_now *now,
			    int64_t arrival_ms);

/* The longest way up that a measurement allows for. A request that took longer is
 * taken as if nothing had been measured. */
#define INTERVAL_LATENCY_MS_MAX 15000

/* Did the tablet's clock run evenly from its newest reading until it sent this
 * request, as far as the arrival tells? */
bool interval_clock_steady(const struct clock_now *now, int64_t arrival_ms);

/* Two readings, one after the other, of one tablet: did its wall clock run evenly
 * between them? Each: centre's time in the answer, wall when received, round trip. */
struct reading {
	int64_t heard_ms, wall_received_ms;
	uint32_t slack_ms;
	bool set;        /* no answer: the wall clock was found to have been set. The rest is the reading before it */
	int64_t boot_ms; /* when received, since boot; boot 0 = not known */
	uint32_t boot;
};
/* False also where either says that the clock was set. */
bool reading_agrees(const struct reading *earlier, const struct reading *later);

enum order { ORDER_DOUBT = 0, ORDER_EARLIER, ORDER_LATER };

/* Is a definitely earlier or later than b? Touching or overlapping is doubt. */
enum order interval_compare(const struct interval *a, const struct interval *b);

#endif
