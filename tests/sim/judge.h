/* judge.h - the centre's judge: feeds the reference model (model.h) with everything the centre takes, compares what
 * the centre made of it, and watches what it hands out.
 *
 * Checks (RELIABILITY.md section 1): I2, I3, I4, I5, I8, I10, I11, I12, I13, I14, I15, I16, I17, I23 and the centre's side
 * of I1, I21, I26 and I27.
 * It reads the centre's store between its transactions, when no fault strikes, and the words of ghost.h.
 */
#ifndef TESTS_SIM_JUDGE_H
#define TESTS_SIM_JUDGE_H

#include "tests/sim/sim.h"

struct judge *judge_new(struct sim *sim);
void judge_free(struct judge *judge);

/* The centre committed (a batch, an act, a start): every new row of its history goes through the model. */
void judge_committed(struct sim *sim);
/* A request of that tablet that ends with its change last_n (0: it brings none) is about to be taken in a batch: from then
 * on history may end there, or where it ended before, and nowhere between (I3). */
void judge_arrived(struct sim *sim, unsigned tablet, uint64_t last_n);
/* An answer for that tablet is about to leave: its message as it is before sealing. All that was committed by now was read. */
void judge_answer(struct sim *sim, unsigned tablet, const uint8_t *message, size_t len);
/* The tablet applied an answer whose receipt says: all up to last_n was taken. The centre must never know less. */
void judge_acknowledged(struct sim *sim, unsigned tablet, uint64_t last_n);
/* The centre has just started: all that was acknowledged is there, no request is there by half. */
void judge_started(struct sim *sim);
/* Did a signature of the note ever stand? Without a judge (tests of ghosts) each counts, and no tablet is withdrawn. */
bool judge_was_signed(const struct sim *sim, const struct id *note);
/* Was the tablet withdrawn from use by what the centre has committed? */
bool judge_is_withdrawn(const struct sim *sim, unsigned tablet);
/* Everything rests: projections, every tablet against the model's caseload, history, chain, losers, signed notes. */
void judge_end(struct sim *sim);

/* A batch was just committed, with or without a row: all that was due by the centre's clock has been settled. */
void judge_batched(struct sim *sim);
/* The highest time that any transaction of the centre had, by its clock, as far as it was read. */
int64_t judge_time_ms(const struct sim *sim);

#endif
