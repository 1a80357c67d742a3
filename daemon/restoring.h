/* restoring.h - a value out of a record's history that is to stand again. Store ring.
 *
 * It becomes a new change by whoever asks, on what stands now: nothing is undone, and
 * history tells both.
 */
#ifndef DAEMON_RESTORING_H
#define DAEMON_RESTORING_H

#include "daemon/trial.h"

/* The edit that brings a group's value of the change `seq` back: as it was proposed, or, where it stood
 * once, as it stood then. group_name NULL: the one group of the change that lost, or whose
 * value no longer stands. *change_out lives in in->arena.
 * ST_NOT_FOUND: the record has no such change; ST_REFUSED, ST_USAGE (several groups): *why says it. */
enum status restoring_change(struct intake *in, const struct record *record, uint64_t seq, const char *group_name,
			     struct change **change_out, struct failure *why) MUST_CHECK;

#endif
