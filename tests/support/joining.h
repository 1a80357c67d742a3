/* joining.h - a tablet becomes known to its centre, in process: a code, its redemption, and the
 * identity in the replica. What can't fail in a sane test is asserted.
 */
#ifndef TESTS_SUPPORT_JOINING_H
#define TESTS_SUPPORT_JOINING_H

#include "client/replica.h"
#include "daemon/centre.h"

/* A care manager with this login. */
struct id joining_worker(struct centre *centre, const char *login);

/* That care manager's tablet, which signs with the key of this seed. Returns its number. */
uint32_t joining_tablet(struct centre *centre, struct replica *replica, const char *login, const uint8_t seed[SEED_SIZE]);

#endif
