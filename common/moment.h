/* moment.h - times (milliseconds UTC since 1970) and dates as text.
 *
 * Times are shown and read as ISO 8601 / RFC 3339; dates are a type of their own,
 * text "YYYY-MM-DD", or FHIR's partial "YYYY" and "YYYY-MM". Proleptic Gregorian
 * calendar, years 0001 to 9999; no leap seconds. Pure; no time zone database: an
 * offset is the caller's.
 */
#ifndef COMMON_MOMENT_H
#define COMMON_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOMENT_TEXT_SIZE 32
#define MOMENT_MS_MIN (-62135596800000LL) /* 0001-01-01T00:00:00Z */
#define MOMENT_MS_MAX 253402300799999LL   /* 9999-12-31T23:59:59.999Z */
#define MOMENT_NO_OFFSET 100000           /* for moment_parse: text must bring its own */

/* "2026-11-23T07:42:05Z", with ".123" only where the milliseconds are not 0.
 * A time out of range is written as "out of range". */
void moment_format(int64_t ms, char text_out[MOMENT_TEXT_SIZE]);

/* RFC 3339 with 'T' or ' ', seconds optional, fraction optional (cut to ms),
 * 'Z' or an offset "+hh:mm"; text without one is taken at default_offset_min (minutes
 * east of UTC), and refused where that is MOMENT_NO_OFFSET. False: not a time; *ms_out untouched. */
bool moment_parse(const char *text, size_t len, int default_offset_min, int64_t *ms_out);

/* Is it a date (YYYY, YYYY-MM or YYYY-MM-DD, of the calendar)? */
bool date_valid(const char *text, size_t len);

/* Days since 1970-01-01 of a full date; of a partial one its first day. */
bool date_days(const char *text, size_t len, int64_t *days_out);

#endif
