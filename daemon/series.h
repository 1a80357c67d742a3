/* series.h - visits that repeat: the centre alone makes a rule's later visits (common/recurrence.h).
 *
 * The visit that has the rule is the first of its series and gives it its name: series =
 * its own id, series_date = its date in the agency's calendar. The others are changes of
 * device 0, up to SERIES_HORIZON_DAYS ahead; their id is derived,
 *   id_from_digest(H("series", the first visit's id, the date as text)),
 * so that none is ever planned twice, whoever expands when: after a crash, after restore,
 * after one of them was moved or cancelled. They take worker, type of service, purpose, participants, class,
 * place and length from the first visit, as it is when they are made; the same local time, whatever
 * the clocks do. None is made for a day that is past.
 *
 * A rule that was changed or ended: visits still to come that no longer fit are cancelled
 * with a reason, those that fit again are planned again, unless a person wrote in one
 * of them: that one is left as it is. A closed patient's series stops, a deleted first visit's too;
 * a rule that we do not follow changes nothing. What stands already costs reads alone.
 * Store ring.
 */
#ifndef DAEMON_SERIES_H
#define DAEMON_SERIES_H

#include "common/recurrence.h"
#include "daemon/trial.h"

#define SERIES_HORIZON_DAYS 60
/* A transaction that tablets wait for begins no further series once it wrote so many visits of them. SERIES_LOOKS
 * that were only read count as one. */
#define SERIES_ROOM 250
#define SERIES_LOOKS 32

/* What a transaction may still do for series. */
struct series_room {
	size_t left; /* SERIES_ROOM at first */
	bool more;   /* series were left to renewal.h, which is to be woken */
};

/* The visit of a series on a day ("2026-11-23"). */
void series_visit_id(const struct id *series, const char *date, struct id *out);

/* Does this visit begin a series: has it a rule, and is of no other series? What `rule_out` says holds where it
 * is one that we follow (*followed_out). */
bool series_head(const struct record *visit, struct recurrence *rule_out, bool *followed_out);

/* The agency's zone, as env.h's functions take it; in the arena, never NULL. Inside a transaction. */
const char *series_zone(struct store *store, struct arena *arena);
/* A moment in a zone as day and minute of the day. */
void series_local(const struct env *env, const char *zone, int64_t ms, int64_t *day_out, int *minute_out);

/* Bring the series of this first visit in line with its rule. by: who acts; NULL = whoever set the rule. A visit that
 * begins no series: nothing is done. Without room (in->series_room) it is left to the renewal (renewal.h). */
enum status series_follow(struct intake *in, const struct id *head, const struct id *by) MUST_CHECK;

/* The first visits of all series; in the arena. Inside a transaction. */
enum status series_heads(struct store *store, const struct schema *schema, struct arena *arena, struct id **out,
			 size_t *count_out) MUST_CHECK;

/* What an accepted change means for a series: a rule that came, changed or ended, a patient closed or reopened.
 * One of effects_of. */
enum status series_effects(struct trial *trial) MUST_CHECK;

#endif
