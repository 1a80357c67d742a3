/* last.h - what a run does last of all, when everything has been checked: deeds after which nothing is as it was.
 *
 * Every fourth run withdraws a tablet while its request is on the way: nothing may go down to it any more (I15). Every
 * fourth puts the files of a tablet back as they were in the middle of the run, and its person goes on with that: numbers
 * that were given come with other contents, and are held as they came (I11); nothing that was taken is touched.
 * The ghosts ask that tablet no more whose files were put back, for it can't know what it was told; all others, and the judge,
 * go on.
 */
#ifndef TESTS_SIM_LAST_H
#define TESTS_SIM_LAST_H

#include "tests/sim/sim.h"

/* In the middle of the days: what may be put back in the end. */
void last_keep(struct sim *sim);
void last_free(struct sim *sim);

/* PHASE_LAST. */
void last_deeds(struct sim *sim);

#endif
