/* every.h - how a command says by which rule a visit repeats: --every RULE, and --until
 * DATE or --times N. Shell.
 */
#ifndef COMMON_EVERY_H
#define COMMON_EVERY_H

#include "common/command.h"
#include "common/recurrence.h"

#define EVERY_OPTIONS                                                                                                  \
	{ "--every", "RULE", "it repeats: day, week, 2 weeks, mon,wed,fri or month" },                                 \
	{ "--until", "DATE", "with --every: the last day, as 2026-12-31" },                                            \
	{ "--times", "N", "with --every: so many visits with this one" }

/* A time of day in the agency's zone, that the visits keep whatever the clocks do: the
 * first visit's day and minute. *given_out false: the command says nothing of repeating. ST_USAGE with *why. */
enum status every_read(const struct command_line *line, int64_t first_day, int minute_of_day, bool *given_out,
		       char rule_out[RECURRENCE_TEXT_SIZE], struct failure *why) MUST_CHECK;

#endif
