#include "common/lateness.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MINUTES INT64_C(60)
#define DAY_MINUTES (24 * HOUR_MINUTES)

static bool time_at(const struct kind *kind, const struct row *row, const char *name, int64_t *out)
{
	const int index = kind_field(kind, name, strlen(name));

	if (index < 0 || row->values[index].tag != VALUE_INT)
		return false;
	*out = row->values[index].integer;
	return true;
}

bool lateness_of(const struct kind *note_kind, const struct row *note, const struct kind *visit_kind,
		 const struct row *visit, int64_t signed_ms, struct lateness *out)
{
	int64_t end = 0;
	const bool from_visit = visit != NULL && (time_at(visit_kind, visit, "check_out_time", &end) ||
						  time_at(visit_kind, visit, "check_in_time", &end) ||
						  time_at(visit_kind, visit, "planned_to", &end));

	if (!from_visit && !time_at(note_kind, note, "written_at", &end))
		return false;
	out->from_visit = from_visit;
	if (__builtin_sub_overflow(signed_ms, end, &out->ms))
		out->ms = signed_ms > end ? INT64_MAX : INT64_MIN;
	return true;
}

bool lateness_is_late(const struct lateness *lateness)
{
	return lateness->ms > LATENESS_MAX_MS;
}

void lateness_words(const struct lateness *lateness, char out[LATENESS_WORDS_SIZE])
{
	const int64_t minutes = lateness->ms / MINUTE_MS;
	const char *after = lateness->from_visit ? "the visit" : "it was written";
	const char *late = lateness_is_late(lateness) ? ", late" : "";
	int len;

	if (lateness->ms < 0)
		len = snprintf(out, LATENESS_WORDS_SIZE, "before %s", lateness->from_visit ? "the visit was over" : after);
	else if (minutes < HOUR_MINUTES)
		len = snprintf(out, LATENESS_WORDS_SIZE, "%" PRId64 " min after %s", minutes, after);
	else if (minutes < 2 * DAY_MINUTES)
		len = snprintf(out, LATENESS_WORDS_SIZE, "%" PRId64 " h %" PRId64 " min after %s%s", minutes / HOUR_MINUTES,
			       minutes % HOUR_MINUTES, after, late);
	else
		len = snprintf(out, LATENESS_WORDS_SIZE, "%" PRId64 " days %" PRId64 " h after %s%s", minutes / DAY_MINUTES,
			       minutes % DAY_MINUTES / HOUR_MINUTES, after, late);
	assert(len > 0 && len < LATENESS_WORDS_SIZE);
}
