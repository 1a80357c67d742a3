/* way.h - the way between a tablet and the centre: requests and answers that get lost, cut,
 * doubled, delayed, altered, or answered by somebody else.
 *
 * What happens to exchange k of a tablet follows from (seed, fault, tablet, k).
 */
#ifndef TESTS_SIM_WAY_H
#define TESTS_SIM_WAY_H

#include "tests/sim/sim.h"

#define WAY_RETRY_AFTER_MS_MAX 600000 /* of what somebody between asks for */

/* A request of the tablet's exchange leaves. changes: how many it carries. */
void way_up(struct sim_tablet *t, const void *bytes, size_t len, uint64_t changes);
/* It breaks off somewhere: nobody waits any more. */
void way_up_half(struct sim_tablet *t, const void *bytes, size_t len);
/* The centre's answer to that request leaves: bytes, or (len 0) an HTTP status. */
void way_down(struct sim *sim, const struct flight *request, const void *bytes, size_t len, int status);
void way_free(struct flight *flight);

/* What transport.h's statuses say of an HTTP status: 413 is ST_LIMIT … -1: ST_UNREACHABLE. */
enum status way_status(int http);

#endif
