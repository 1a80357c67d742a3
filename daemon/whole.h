/* whole.h - changes that came as briefs (proto/brief.h) become whole again, before any of
 * the request is taken: with the record that a base names, and the texts that stood
 * then, as far as the care manager's caseload reaches.
 *
 * A brief is believed only where the running digest of all changes of the tablet, with what
 * was rebuilt, is the one that the request says it expects; one under a number that has
 * been received must be what came then. So a base that is another one here, an altered
 * brief or a guess never becomes a change: the tablet is asked to send whole. So is one that was withdrawn from use,
 * whatever it sends: it would learn from what is believed. Store ring.
 */
#ifndef DAEMON_WHOLE_H
#define DAEMON_WHOLE_H

#include "daemon/intake.h"
#include "proto/message.h"

/* Gives every change of the request its body; new arrays live in the arena. *known_out false: they could not
 * all be rebuilt, and none may be taken. Uses in->arena for the length of one change. */
enum status whole_changes(struct intake *in, const struct device *device, struct request *request,
			  struct arena *arena, bool *known_out) MUST_CHECK;

#endif
