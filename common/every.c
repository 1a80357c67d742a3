#include "common/every.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/moment.h"

#define SAFE "Nothing was planned."

static enum status read_end(const struct command_line *line, int64_t first_day, struct recurrence *rule,
			    struct failure *why)
{
	const char *until = command_option(line, "--until"), *times = command_option(line, "--times");
	char *end = NULL;
	unsigned long count;

	if (until != NULL && times != NULL)
		return failure_set(why, ST_USAGE, "A series ends on a day or after a number of visits, not both.", SAFE,
				   "Give --until or --times.");
	if (until != NULL && (strlen(until) != RECURRENCE_DATE_SIZE - 1 ||
			      !date_days(until, strlen(until), &rule->until_day) || rule->until_day < first_day))
		return failure_set(why, ST_USAGE, "--until takes the last day, on which a visit may still be.", SAFE,
				   "Give a day that is not before the first visit, as 2026-12-31.");
	if (times == NULL)
		return ST_OK;
	errno = 0;
	count = strtoul(times, &end, 10);
	if (errno != 0 || end == times || *end != '\0' || *times == '-' || count < 1 || count > 999)
		return failure_set(why, ST_USAGE, "--times takes a number from 1 to 999.", SAFE, NULL);
	rule->count = (unsigned)count;
	return ST_OK;
}

enum status every_read(const struct command_line *line, int64_t first_day, int minute_of_day, bool *given_out,
		       char rule_out[RECURRENCE_TEXT_SIZE], struct failure *why)
{
	const char *every = command_option(line, "--every");
	struct recurrence rule;
	enum status st;

	*given_out = false;
	if (every == NULL && (command_option(line, "--until") != NULL || command_option(line, "--times") != NULL))
		return failure_set(why, ST_USAGE, "It is not said how the visit repeats.", SAFE,
				   "Add --every RULE, as in --every week.");
	if (every == NULL)
		return ST_OK;
	if (!recurrence_from_person(every, &rule))
		return failure_set(why, ST_USAGE, "How the visit repeats is not understood.", SAFE,
				   "Give --every day, week, month, \"2 weeks\", or days of the week as mon,wed,fri.");
	rule.minute_of_day = minute_of_day;
	st = read_end(line, first_day, &rule, why);
	if (st != ST_OK)
		return st;
	recurrence_format(&rule, rule_out);
	*given_out = true;
	return ST_OK;
}
