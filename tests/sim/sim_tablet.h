/* sim_tablet.h - a tablet's process in a run: the agent's loop with made-up time, what people
 * and programs do to its replica, and how an exchange goes.
 */
#ifndef TESTS_SIM_SIM_TABLET_H
#define TESTS_SIM_SIM_TABLET_H

#include "tests/sim/sim.h"

/* The machine, its disk empty. */
void tablet_open(struct sim_tablet *t, struct sim *sim, unsigned index);
/* Make the replica and make it known to the centre, which is up; nothing is left open. */
void tablet_enrol(struct sim_tablet *t);
void tablet_close(struct sim_tablet *t);

/* Start the process. False: it could not (a fault struck); it tries again later. */
bool tablet_start(struct sim_tablet *t);
/* End it in order. */
void tablet_stop(struct sim_tablet *t);

/* The events of sim.h. */
void tablet_wake(struct sim_tablet *t, uint64_t timer);
void tablet_want(struct sim_tablet *t);
void tablet_link(struct sim_tablet *t, bool up);
void tablet_answer(struct sim_tablet *t, const struct flight *flight);
/* The system says that the clock was set, as it tells the agent. k: the day. */
void tablet_clock_set(struct sim_tablet *t, uint64_t k);
void tablet_give_up(struct sim_tablet *t, uint64_t exchange);


/* Look at what was edited and set the next wake-up; after any act of its person. */
void tablet_edited(struct sim_tablet *t);

/* End the node's act; what the process had open is closed where it died. Did it live? */
bool tablet_act_end(struct sim_tablet *t);

/* --- what a person or a program does; within node_act_begin … end ---------------------------- */

/* One statement, or several with ";". program: by another program's connection, where the plan has one. SQLite's result
 * code. "%s" and the like are sqlite3_mprintf's. */
int tablet_sql(struct sim_tablet *t, bool program, const char *format, ...);
/* The connection that such a statement goes through. */
struct sqlite3 *tablet_connection(struct sim_tablet *t, bool program);
/* First column of the first row as text; "" where there is none or it is null. Outside acts, by a connection that no
 * fault strikes. False: the tablet is down or it can't be read. */
bool tablet_text(struct sim_tablet *t, char *text_out, size_t room, const char *format, ...) PRINTF_LIKE(4, 5);
int64_t tablet_int(struct sim_tablet *t, const char *format, ...) PRINTF_LIKE(2, 3); /* 0 where there is none */

#endif
