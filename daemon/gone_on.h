/* gone_on.h - what the author of a held change did while it was held. Private to intake's files; store ring.
 *
 * A held change is judged again when somebody answers it or what it waited for comes. By then its author may have gone
 * on from it: a later change of the same tablet's, of the same group, whose base leads down to the held one by own
 * numbers, and which was taken (accepted or merged). That one is the author's word. The older one neither comes after
 * it, not even where the value from before is back, nor stands against it in a conflict: it is superseded.
 * A later change that started from elsewhere (a page that was open since before) had not seen the held one, and is no
 * such word.
 */
#ifndef DAEMON_GONE_ON_H
#define DAEMON_GONE_ON_H

#include "daemon/trial.h"

/* Of the group of that number (0 = the deletion mark). Never so for a change that is judged for the first time, for the
 * centre's own, and for one whose number another one has as well. */
enum status gone_on(const struct trial *trial, uint8_t num, bool *out) MUST_CHECK;

#endif
