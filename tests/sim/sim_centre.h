/* sim_centre.h - the centre's process in a run: requests that arrive together share a batch,
 * checkpoints, starts after a death; and what its people do.
 */
#ifndef TESTS_SIM_SIM_CENTRE_H
#define TESTS_SIM_SIM_CENTRE_H

#include "tests/sim/sim.h"

/* The machine, its disk empty. */
void sim_centre_open(struct sim_centre *c, struct sim *sim);
/* A new agency; the process runs. */
void sim_centre_found(struct sim_centre *c);
void sim_centre_close(struct sim_centre *c);
bool sim_centre_start(struct sim_centre *c);
void sim_centre_stop(struct sim_centre *c);

/* Requests have arrived: answered in one batch; answers leave. Frees the flights. */
void sim_centre_arrive(struct sim_centre *c, struct flight *const *flights, size_t count);

/* End the node's act; what the process had open is closed where it died. Did it live? It also ends itself after a
 * failed fsync, as doorstepd does. */
bool sim_centre_act_end(struct sim_centre *c);

/* --- what its people do: each one write transaction; within node_act_begin … end ------------------ */

/* A change of the centre itself, by nobody in particular. False: it did not stand, or a fault struck. */
bool centre_create(struct sim_centre *c, const char *kind, const struct id *id, const struct id *patient,
		   const char *const *fields /* name, text, …, NULL */);
bool centre_edit(struct sim_centre *c, const char *kind, const struct id *id, const char *field, const char *text);
bool centre_delete(struct sim_centre *c, const char *kind, const struct id *id);
bool centre_give(struct sim_centre *c, unsigned tablet, const struct id *patient);     /* assign; again is fine */
bool centre_give_for(struct sim_centre *c, unsigned tablet, const struct id *patient, const char *reason, int64_t starts_ms,
		     int64_t ends_ms); /* as struct giving (daemon/centre.h) has it */
bool centre_take_away(struct sim_centre *c, unsigned tablet, const struct id *patient); /* unassign; none is fine */
/* Withdraw the tablet alone, or disable its account; undo whatever of that is so. False also where it is so already. */
bool centre_withdraw(struct sim_centre *c, unsigned tablet, bool account);
bool centre_allow(struct sim_centre *c, unsigned tablet);
bool centre_answer_held(struct sim_centre *c, uint64_t seq, bool accept);
/* Decide an open conflict for its candidate (0 = the first). */
bool centre_decide(struct sim_centre *c, const struct id *conflict, unsigned candidate);

/* --- to look at: outside acts, no fault strikes ------------------------------------------------------ */

/* One value as it stands, as text; "" for null. False: no such record, deleted, or the centre is down. */
bool centre_text(struct sim_centre *c, const char *kind, const struct id *id, const char *field, char *text_out, size_t room);
/* As it stands there; false also where it can't be read. */
bool centre_is_withdrawn(struct sim_centre *c, unsigned tablet);
uint64_t centre_seq(struct sim_centre *c);

#endif
