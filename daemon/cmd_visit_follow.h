/* cmd_visit_follow.h - the visits of a series that follow one of them, when that one is cancelled or
 * moved with them. Shell.
 *
 * A visit is of the day that its series planned it for (series_date), wherever it was moved since.
 */
#ifndef DAEMON_CMD_VISIT_FOLLOW_H
#define DAEMON_CMD_VISIT_FOLLOW_H

#include "common/recurrence.h"
#include "daemon/desk.h"

struct visit_later {
	struct id id;
	int64_t day;  /* that its series planned it for */
	bool planned; /* still to come: neither begun, over, cancelled nor deleted */
	bool alone;   /* its time is not the one that the rule gives it: it was moved singly */
	bool kept;    /* visit_follow_keep: it stays as it is */
};

/* A series and the days after one of its own. */
struct visit_run {
	struct id series;
	struct recurrence rule;
	int64_t first;  /* the first visit's day */
	int64_t day;    /* of the visit that the command names */
	int minute;     /* local, of the rule */
	const char *zone;
	struct visit_later *later; /* visit_follow_list: in desk->arena */
	size_t later_count;
};

/* The day that a visit is of in its series; that of its time where it says none. */
int64_t visit_follow_day(const struct desk *desk, const char *zone, const struct record *visit);

/* Into run->later: visits of the series of later days than run->day, `but` left out; those that are deleted or over
 * too. Inside a transaction. */
enum status visit_follow_list(struct desk *desk, struct visit_run *run, const struct record *but) MUST_CHECK;

/* The series was moved from `was`, listed before, to `now`, which `head` begins: the n-th day after the one is the
 * n-th after the other. A visit that is still planned as a person left it goes along as it stands (kept): it is
 * of the new series' day. That day is not planned anew, nor is one whose visit was cancelled, deleted or begun before
 * (*free_out: how many of these). */
enum status visit_follow_keep(struct desk *desk, struct centre_act *act, const struct record *head,
			      const struct visit_run *was, const struct visit_run *now, size_t *free_out) MUST_CHECK;

#endif
