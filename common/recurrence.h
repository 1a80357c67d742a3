/* recurrence.h - how a visit repeats: the rule in a visit's field `recurrence`, what
 * people type for it, and the days it names.
 *
 * The rule is a subset of iCalendar's (RFC 5545, section 3.3.10), parts in any order,
 * each at most once:
 *   FREQ=DAILY|WEEKLY|MONTHLY          must be there
 *   INTERVAL=N                         every N days, weeks, months: 1 to 99; absent = 1
 *   BYDAY=MO,TU,WE,TH,FR,SA,SU         only with WEEKLY; absent = the first visit's weekday
 *   BYHOUR=H;BYMINUTE=M                at that local time; both or neither; absent = the
 *                                      first visit's
 *   UNTIL=YYYYMMDD or COUNT=N          the last day, or so many visits with the first:
 *                                      1 to 999; absent = for ever
 * Weeks begin on Monday. The first visit is always the first of the series, whatever
 * its weekday. A month without the first visit's day of the month is left out.
 * Anything else is no rule that we follow: whoever reads it expands nothing.
 *
 * Days are counted from 1970-01-01, in the agency's calendar; the caller brings the
 * time zone. Pure.
 */
#ifndef COMMON_RECURRENCE_H
#define COMMON_RECURRENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECURRENCE_TEXT_SIZE 128  /* of a rule, with its NUL: no longer than the field may be */
#define RECURRENCE_WORDS_SIZE 192
#define RECURRENCE_NO_END INT64_MAX
#define RECURRENCE_DATE_SIZE 11   /* "2026-11-23" */

enum recurrence_unit { RECURRENCE_DAY, RECURRENCE_WEEK, RECURRENCE_MONTH };

struct recurrence {
	enum recurrence_unit unit;
	unsigned interval;
	unsigned weekdays;  /* bit 0 = Monday; 0 = the first visit's */
	int minute_of_day;  /* local; -1 = the first visit's */
	int64_t until_day;  /* RECURRENCE_NO_END = none */
	unsigned count;     /* 0 = no end by number */
};

/* A rule as it is stored. False: not one that we follow; *out untouched. */
bool recurrence_parse(const char *text, size_t len, struct recurrence *out);

/* As people type it: "day", "week", "month", "2 weeks", "3 days", "mon,wed,fri" (also whole
 * names, also after a number of weeks: "2 weeks mon,fri"). No end, no time of day. */
bool recurrence_from_person(const char *words, struct recurrence *out);

/* The stored form; the same rule is always the same text. */
void recurrence_format(const struct recurrence *rule, char text_out[RECURRENCE_TEXT_SIZE]);

/* "every 2 weeks on Monday and Friday at 08:30, until 2026-12-31", "…, 10 times". */
void recurrence_words(const struct recurrence *rule, char words_out[RECURRENCE_WORDS_SIZE]);

/* The same of the stored text; where that is no rule that we follow: "by a rule that is not followed: no more visits are
 * planned by it". */
void recurrence_say(const char *text, size_t len, char words_out[RECURRENCE_WORDS_SIZE]);

/* The days of a series that begins on `first`, one after the other; the first call gives
 * the day after it. */
struct recurrence_walk {
	struct recurrence rule;
	int64_t first, day;
	unsigned given;  /* with the first */
	unsigned months; /* since the first */
};
void recurrence_begin(struct recurrence_walk *walk, const struct recurrence *rule, int64_t first);
/* Go on from shortly before this day, however far it is: a few days before it may still be given. Not for a rule
 * that ends by number (recurrence_by_day). */
void recurrence_skip(struct recurrence_walk *walk, int64_t day);
/* A rule that ends by number as one that ends on a day. */
void recurrence_by_day(struct recurrence *rule, int64_t first);
/* False: none is left up to `last`; the walk is over. */
bool recurrence_next(struct recurrence_walk *walk, int64_t last, int64_t *day_out);

/* 0 = Monday. */
unsigned recurrence_weekday(int64_t day);

/* A day as "2026-11-23". */
void recurrence_date(int64_t day, char text_out[RECURRENCE_DATE_SIZE]);

#endif
