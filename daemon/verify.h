/* verify.h - the inside of chain_verify (chain.h), shared by verify.c and verify_*.c.
 * Store ring.
 */
#ifndef DAEMON_VERIFY_H
#define DAEMON_VERIFY_H

#include "daemon/chain.h"

/* What history says of a change that was held. */
struct held_mark {
	uint64_t seq;
	uint64_t answer_seq; /* 0 = not answered */
	enum held_state state;
	bool marked;         /* false: no anchor covers it */
	uint8_t mark[8];
};

/* What history says of a tablet's numbers; device 0 too. */
struct device_run {
	uint64_t n;
	struct digest run;
	uint32_t device;
	bool withdrawn; /* by its newest event (access.h) */
};

/* An account that had an event, as the newest one left it. */
struct account_mark {
	struct id worker;
	bool disabled;
};

/* An assignment after one of its changes, for the pair it concerns. */
struct member_event {
	struct id worker, patient, assignment;
	uint64_t seq;
	struct term term; /* since this change */
	bool left;        /* the worker is whose it was until this change */
};

struct verify {
	struct store *store;
	const uint8_t *public_key;
	verify_found_fn *found;
	verify_progress_fn *progress;
	void *ctx;
	struct verify_report *report;
	struct arena row; /* of the row at hand */

	struct digest link; /* as stored in the newest row read */
	bool link_known;
	uint64_t seq;       /* newest row read */
	struct anchor broken; /* first of a run of anchors whose heads do not hold */
	uint64_t broken_count;

	struct buf helds;  /* struct held_mark, ascending */
	struct buf runs;   /* struct device_run */
	struct buf events; /* struct member_event */
	struct buf accounts; /* struct account_mark */
	const struct kind *assignment; /* NULL: this schema has none */
};

/* Reports one finding. */
void verify_say(struct verify *v, const char *place, const char *what);
void verify_say_record(struct verify *v, const struct kind *kind, const struct id *id, const char *what);

/* Every record and row against its history; fills v->events. */
enum status verify_records(struct verify *v) MUST_CHECK;
/* Terms and memberships against v->events. */
enum status verify_members(struct verify *v) MUST_CHECK;

struct access_event;
/* An event of an account comes next in history. */
enum status verify_note_account(struct verify *v, const struct access_event *event) MUST_CHECK;
/* Accounts against the newest of them. */
enum status verify_accounts(struct verify *v) MUST_CHECK;

#endif
