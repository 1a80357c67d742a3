/* work.h - what people do in a run, such that a computer can judge it: every text that is
 * typed holds a word nobody else types (ghost.h), and every screen that was looked at is kept.
 *
 * The works are plan.h's. On the small schema (support/world.h) they act on `patient` and `item`, on the whole one on visits,
 * notes, tasks, observations, medications, risks… Records have fixed slots: which record an act is about follows from
 * its dice and the slot's id from the seed, so that an act that is left out moves no other. An act
 * whose record is not there does nothing.
 */
#ifndef TESTS_SIM_WORK_H
#define TESTS_SIM_WORK_H

#include "tests/sim/sim.h"

#define WORK_SERIES 3 /* acts that may belong together: k, k + 1, k + 2 */

/* A sentence that narrative may begin with: nobody's words, one of so many at each place, no number among them. In the first one
 * of a run all choices are 0. */
#define WORK_PLAIN_WORDS 4
#define WORK_PLAIN_CHOICES 4
/* The choices of the one that the text begins with, and its length in bytes. False: it begins with none. */
bool work_plain(const char *text, unsigned choices_out[WORK_PLAIN_WORDS], size_t *len_out);

/* Patients, first records, assignments: at the centre, which is up, before any fault. Makes sim->works. */
void work_begin(struct sim *sim);
void work_free(struct works *works); /* NULL is fine */

/* The patient of a slot, as ghost.h's words name it, whether or not somebody made it yet: the plan's patients first, then
 * those that tablets take up. Follows from the seed. */
unsigned work_patient_count(const struct sim *sim);
struct id work_patient(const struct sim *sim, unsigned slot);

/* The k-th act of the person with the tablet, whose process is up. Opens and ends its node's act itself. */
void work_tablet(struct sim_tablet *t, uint64_t k);

/* Does a tablet's k-th act belong to a series, of one sort of work at one record? Then *dice_out (unless NULL) is what the
 * acts of the series share. */
bool work_in_series(const struct sim *sim, unsigned tablet, uint64_t k, struct dice *dice_out);

/* The k-th act of a supervisor: assignments flipped, records made and edited, held work answered, conflicts decided. */
void work_centre(struct sim *sim, uint64_t k);

/* The k-th act of whoever says which tablets are in use, where the plan has withdrawals. */
void work_access(struct sim *sim, uint64_t k);
/* The batch of that number was committed, and an answer to the tablet has not left yet: it may be withdrawn just now. */
void work_between(struct sim *sim, unsigned tablet, uint64_t batch);
/* Numbers of such acts among those of the centre's. */
#define WORK_ACCESS (UINT64_C(1) << 30)
#define WORK_BETWEEN (UINT64_C(1) << 31)

/* Before the check of the end: whatever a person would still do so that nothing waits for ever (nothing may be needed). */
void work_end(struct sim *sim);

#endif
