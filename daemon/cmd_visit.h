/* cmd_visit.h - what doorstepd's commands of visits share. Shell. */
#ifndef DAEMON_CMD_VISIT_H
#define DAEMON_CMD_VISIT_H

#include "daemon/desk.h"

/* --minutes: 0 where it is not given. */
enum status visit_minutes(struct desk *desk, long *out) MUST_CHECK;

void visit_put(struct change *change, const char *field, struct value value);
const struct value *visit_value(const struct record *visit, const char *field);
bool visit_is(const struct record *visit, const char *status);
/* It is still to come: neither begun, over, cancelled nor deleted. */
bool visit_is_planned(const struct record *visit);

/* Cancel a visit with a reason, as who acts. */
enum status visit_cancel(struct desk *desk, struct centre_act *act, const struct id *id,
			 const struct value *reason) MUST_CHECK;

/* Put another rule into a first visit (NULL = it repeats no more): what follows is brought in line by itself. */
enum status visit_set_rule(struct desk *desk, struct centre_act *act, const struct record *head,
			   const char *rule) MUST_CHECK;

#endif
