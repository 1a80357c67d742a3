/* intake.h - judging what arrives: one change at a time, inside the writer's
 * transaction (DESIGN.md section 6, Intake; section 7, rules). Store ring.
 *
 * The same road for a tablet's change, an import, an assignment, a decision, a
 * conflict record: device 0 is the centre itself, with numbers of its own.
 * Every change taken, whatever became of it, gets a sequence, a history row and a
 * link of the chain. A change ends accepted, judged group by group, or held with a
 * reason; nothing is refused in silence.
 *
 * What a change brings about is done in the same transaction as changes of device 0:
 * a conflict record opened or extended; membership after an assignment; an
 * assignment for the author of a patient created on a tablet; the judgement of a
 * decision; addenda to a note that is signed, and its status; held changes that waited
 * for it judged again.
 */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "daemon/chain.h"
#include "daemon/store.h"
#include "proto/change.h"

struct wakes; /* private: what arrived during one call, so that held work waiting for it is judged again */

struct intake {
	struct store *store;
	struct chain *chain;
	const struct schema *schema;
	const struct env *env;
	struct arena *arena; /* for the length of one request */
	int64_t now_ms;      /* one moment for the whole transaction */
	struct wakes *wakes; /* NULL: private to intake's own files */
	struct series_room *series_room; /* for visits that repeat (series.h); NULL: no bound */
};

/* Who brings it. */
struct intake_source {
	uint32_t device;           /* 0 = the centre */
	struct id author;          /* worker; zero = the console */
	struct clock_now clock;    /* measured=false for device 0 */
	int64_t received_ms;
	bool withdrawn;            /* the tablet was withdrawn from use: whatever it brings is held */
};

/* What the feed must know of one change taken. */
struct taken {
	const struct kind *kind; /* NULL: nothing to feed */
	struct id id;
	uint64_t seq;
	uint64_t accepted_mask;  /* fields that stand as sent, set by this change */
	uint64_t standing_mask;  /* fields whose standing value must go down (merged, superseded) */
	bool whole;              /* send the whole record (a deletion that did not stand, a restore) */
};

/* Take change n of source. A number seen before with the same digest gets the same
 * outcome again (with *taken_out asking for standing values, nothing accepted as known).
 * *outcome_out's arrays live in the arena.
 * A status means that the world failed (disk, memory): roll back to the savepoint. */
enum status intake_take(struct intake *in, const struct intake_source *source, uint64_t n,
			const void *body, size_t len, struct outcome *outcome_out,
			struct taken *taken_out) MUST_CHECK;

/* What became of a change the tablet says is held: still held, or the decision.
 * ST_NOT_FOUND: never seen (digest: first 8 bytes). */
enum status intake_held(struct intake *in, const struct intake_source *source, uint64_t n,
			const uint8_t digest[8], struct outcome *outcome_out,
			struct taken *taken_out) MUST_CHECK;

/* A change of the centre itself: number, body and history from *change, whose group
 * bases are filled in from what stands now unless given (VERSION_NONE). author: the person acting. */
enum status intake_own(struct intake *in, const struct id *author, struct change *change,
		       struct outcome *outcome_out) MUST_CHECK;

/* The supervisor's answer to a held change: accept judges it against its own base, as
 * its author's, with the supervisor recorded; return gives it back. Either is a history row of its own
 * (of_seq) with the change's device, number and content, and the supervisor as its author; the
 * author of the change is that of the row it answers.
 * ST_NOT_FOUND, ST_REFUSED (already answered; still can't be applied: *why says so). */
enum status intake_answer_held(struct intake *in, const struct id *supervisor, uint64_t seq,
			       bool accept, struct failure *why) MUST_CHECK;

/* The value a group had after history up to seq (what an author with that base had
 * seen). ST_NOT_FOUND: nothing set it by then. */
enum status intake_value_at(struct intake *in, const struct kind *kind, const struct id *id,
			    const struct group *group, uint64_t seq, struct row *row_out) MUST_CHECK;

#endif
