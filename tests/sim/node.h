/* node.h - a machine of a run: its disk, clocks, randomness, and what strikes it while it acts.
 *
 * Whatever a node does lies between node_act_begin and node_act_end. Within, a fault of the plan may
 * strike at a labelled point or at a call of the disk; it is chosen at the beginning from (seed, site, node, k).
 * A node that dies goes on failing until the act has unwound; node_act_end then lets its disk crash by one of
 * the models, and it starts again after a while (EVENT_START).
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "tests/sim/sim.h"

/* Its disk and env; the clock is right and it has just booted. */
void node_open(struct node *node, struct sim *sim, unsigned index);
void node_close(struct node *node);

int64_t node_wall_ms(const struct node *node);
int64_t node_boot_ms(const struct node *node);

/* k: which of its acts at this site. labels: points where it may be killed, NULL-ended; NULL: none, but where the centre's
 * people act (SITE_CENTRE_ACT) those that they may come to. */
void node_act_begin(struct node *node, enum site site, uint64_t k, const char *const *labels);
/* Did it live through it? If not, `down` was called to close all that the process had open, and it will start again. */
bool node_act_end(struct node *node, void (*down)(struct node *node));

/* Is it dying just now (what it says is not to be believed)? */
bool node_is_dying(const struct node *node);

#endif
