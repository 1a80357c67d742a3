#include "common/clock.h"

#include <assert.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
/* Two clocks of one machine, read one after the other. */
#define APART_MS 50
/* Further apart than any machine is slow to read them. */
#define SET_MS 2000
/* An offset is told where what is known of it is this much finer, or finer than CLOCK_OFF_MS_MIN. */
#define FINER 20

static int64_t add_capped(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t less_capped(int64_t a, int64_t b)
{
	int64_t rest;

	if (!__builtin_sub_overflow(a, b, &rest))
		return rest;
	return b < 0 ? INT64_MAX : INT64_MIN;
}

static int64_t size_of(int64_t ms)
{
	return ms >= 0 ? ms : ms == INT64_MIN ? INT64_MAX : -ms;
}

/* --- what the clocks said ---------------------------------------------------------- */

static bool same_boot(uint32_t a, uint32_t b)
{
	return a != 0 && a == b;
}

bool clock_same_boot(const struct clock_pair *a, const struct clock_pair *b)
{
	return same_boot(a->boot, b->boot);
}

bool clock_was_set(const struct clock_pair *earlier, const struct clock_pair *later, int64_t *by_ms_out)
{
	const int64_t wall_ms = less_capped(later->wall_ms, earlier->wall_ms);
	int64_t boot_ms, apart_ms;

	if (!same_boot(earlier->boot, later->boot)) {
		*by_ms_out = wall_ms;
		return wall_ms < 0;
	}
	boot_ms = less_capped(later->boot_ms, earlier->boot_ms);
	apart_ms = less_capped(wall_ms, boot_ms);
	*by_ms_out = apart_ms;
	return size_of(apart_ms) > interval_drift_ms(boot_ms);
}

/* The clock since boot is a witness that needs no next reading: of the same boot it tells how long ago the reading
 * was. Where it is in two minds the readings decide. */
static enum steadiness steadiness_of(const struct clock_pair *edit, const struct reading *heard,
				     const struct reading *next, int64_t elapsed_ms)
{
	if (same_boot(edit->boot, heard->boot)) {
		const int64_t since_ms = less_capped(edit->boot_ms, heard->boot_ms);
		const int64_t apart_ms = size_of(less_capped(elapsed_ms, since_ms));

		if (since_ms >= 0 && apart_ms <= APART_MS)
			return STEADY_MEASURED;
		if (since_ms < 0 || apart_ms > SET_MS)
			return STEADY_UNKNOWN;
	}
	if (heard->set)
		return STEADY_UNKNOWN;
	if (next == NULL)
		return STEADY_OPEN;
	return reading_agrees(heard, next) ? STEADY_MEASURED : STEADY_UNKNOWN;
}

struct evidence clock_evidence(const struct clock_pair *edit, uint64_t number, const struct reading *heard,
			       const struct reading *next)
{
	struct evidence evidence = { .reading = number, .boot = edit->boot };

	if (edit->boot != 0)
		evidence.boot_ms = edit->boot_ms;
	if (heard == NULL || heard->heard_ms <= 0) {
		evidence.offset_ms = edit->wall_ms;
		return evidence;
	}
	evidence.heard_ms = heard->heard_ms;
	evidence.slack_ms = heard->slack_ms;
	evidence.offset_ms = clock_offset_ms(heard);
	if (!__builtin_sub_overflow(edit->wall_ms, heard->wall_received_ms, &evidence.elapsed_ms))
		evidence.steadiness = steadiness_of(edit, heard, next, evidence.elapsed_ms);
	else
		evidence.elapsed_ms = 0;
	return evidence;
}

bool clock_wall_ms(const struct evidence *evidence, int64_t *out)
{
	if (evidence->offset_ms == 0 && evidence->reading == 0)
		return false;
	*out = add_capped(add_capped(evidence->heard_ms, evidence->slack_ms / 2),
			  add_capped(evidence->offset_ms, evidence->elapsed_ms));
	return true;
}

int64_t clock_offset_ms(const struct reading *reading)
{
	return less_capped(reading->wall_received_ms, add_capped(reading->heard_ms, reading->slack_ms / 2));
}

int64_t clock_offset_at(const struct clock_now *now, int64_t arrival_ms)
{
	const int64_t wall_ms = add_capped(add_capped(now->heard_ms, now->slack_ms / 2),
					   add_capped(now->offset_ms, now->elapsed_ms));

	/* It took about as long up as half of the reading's round trip. */
	return less_capped(wall_ms, less_capped(arrival_ms, now->slack_ms / 2));
}

bool clock_off(const struct evidence *evidence, const struct interval *at, struct clock_off *out)
{
	const int64_t half_ms = (at->hi_ms - at->lo_ms + 1) / 2;
	int64_t wall_ms, off_ms;

	assert(at->lo_ms <= at->hi_ms);
	if (!clock_wall_ms(evidence, &wall_ms))
		return false;
	off_ms = less_capped(wall_ms, at->lo_ms + half_ms);
	if (size_of(off_ms) < CLOCK_OFF_MS_MIN + half_ms ||
	    (half_ms > CLOCK_OFF_MS_MIN / 2 && size_of(off_ms) / FINER < half_ms))
		return false;
	*out = (struct clock_off){ .ms = off_ms, .within_ms = half_ms };
	return true;
}

/* --- in words ---------------------------------------------------------------------- */

static char *put_text(char *at, const char *text)
{
	const size_t len = strlen(text);

	memcpy(at, text, len + 1);
	return at + len;
}

static char *put_number(char *at, int64_t number)
{
	char digits[20] = { 0 };
	size_t count = 0;

	assert(number >= 0);
	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (count > 0)
		*at++ = digits[--count];
	*at = '\0';
	return at;
}

static char *put_part(char *at, bool first, int64_t number, const char *unit)
{
	if (number == 0)
		return at;
	if (!first)
		at = put_text(at, " ");
	at = put_number(at, number);
	return put_text(at, unit);
}

/* "2 h 5 min", to the nearest of what is known, and of days to the hour, of more than a month to the day. */
static char *put_span(char *at, int64_t span_ms, int64_t within_ms)
{
	const int64_t grain_ms = within_ms > HOUR_MS / 2 || span_ms > 30 * DAY_MS ? DAY_MS
				 : within_ms > MINUTE_MS / 2 || span_ms > 2 * DAY_MS ? HOUR_MS
				 : span_ms >= MINUTE_MS			    ? MINUTE_MS
									    : SECOND_MS;
	const int64_t rounded_ms = add_capped(span_ms, grain_ms / 2) / grain_ms * grain_ms;
	const int64_t days = rounded_ms / DAY_MS;
	char *const from = at;

	at = put_part(at, true, days, days == 1 ? " day" : " days");
	at = put_part(at, at == from, rounded_ms % DAY_MS / HOUR_MS, " h");
	at = put_part(at, at == from, rounded_ms % HOUR_MS / MINUTE_MS, " min");
	at = put_part(at, at == from, rounded_ms % MINUTE_MS / SECOND_MS, " s");
	return at == from ? put_text(at, "less than a day") : at;
}

void clock_off_words(const struct clock_off *off, char out[CLOCK_WORDS_SIZE])
{
	char *at = put_span(out, size_of(off->ms), off->within_ms);

	at = put_text(at, off->ms < 0 ? " slow" : " fast");
	assert(at < out + CLOCK_WORDS_SIZE);
}

void clock_set_words(int64_t by_ms, bool at_least, char out[CLOCK_NOTICE_SIZE])
{
	char *at = put_text(out, by_ms < 0 ? "The clock was set back by " : "The clock was set forward by ");

	at = put_span(at, size_of(by_ms), 0);
	at = put_text(at, at_least ? " or more" : "");
	at = put_text(at, ". Nothing is lost; beside what was written around then stands how sure its time is.");
	assert(at < out + CLOCK_NOTICE_SIZE);
}
