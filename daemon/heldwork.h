/* heldwork.h - changes that are held: trying them again, and answering for them. Private to intake's files.
 *
 * One call of intake from outside opens a list of wakes; whatever arrives during it
 * is added, by however deep a call; held_wake_all works the list off at the end,
 * so that a chain of changes that wait for one another is no chain of calls.
 * Store ring.
 */
#ifndef DAEMON_HELDWORK_H
#define DAEMON_HELDWORK_H

#include "daemon/trial.h"

struct wake {
	struct wake *next;
	const struct kind *kind;
	struct id id;
};

struct wakes {
	struct wake *first, *last;
	struct arena arena;
};

void held_wakes_init(struct wakes *wakes);
void held_wakes_close(struct wakes *wakes);

/* This record arrived, or came into somebody's caseload. */
enum status held_wake(struct intake *in, const struct kind *kind, const struct id *id) MUST_CHECK;

/* Judge again what waited for all that arrived, until nothing more arrives. */
enum status held_wake_all(struct intake *in) MUST_CHECK;

/* The outcome of a change in history as it is today: as then, or, where it was held and answered, the answer. */
enum status held_outcome(struct intake *in, const struct history *row, struct outcome *outcome_out,
			 struct taken *taken_out) MUST_CHECK;

/* The outcome that a history row says, groups copied into in->arena. */
enum status history_outcome(struct intake *in, const struct history *row, uint64_t n,
			    struct outcome *outcome_out) MUST_CHECK;

#endif
