/* centre.h - a centre: its store, its keys, and the one place where requests are
 * answered. Store ring: sockets, files and threads are in https.c, writer.c, tls.c.
 *
 * centre_batch answers requests that arrived together in one write transaction with
 * one COMMIT, each in its own savepoint (its seen-n rows included): one that fails
 * takes nothing of the others with it. Answers are signed after COMMIT.
 */
#ifndef DAEMON_CENTRE_H
#define DAEMON_CENTRE_H

#include "daemon/chain.h"
#include "daemon/feed.h"
#include "daemon/intake.h"
#include "daemon/store.h"
#include "proto/enrol.h"
#include "proto/envelope.h"

#define CENTRE_META_AGENCY "agency" /* text: the agency's name */
#define CENTRE_META_ZONE "zone"     /* text: its time zone, "Europe/Zurich" */

struct centre {
	struct store *store;
	const struct schema *schema;
	const struct env *env;
	struct sign_key key;     /* the centre's Ed25519 key */
	struct digest seal;      /* key of the cursors' seals, derived from the seed */
	struct deflater *deflater;
	/* Set by whoever owns it, after centre_init: */
	const struct schema *const *older; /* older versions of the schema that tablets may still speak */
	size_t older_count;
	int zone_min;            /* offset of the agency's zone now, minutes east of UTC, for enrolment */
	size_t records_max;      /* of one answer, for tests; 0 = the budget alone */
	void (*renew)(void *ctx); /* series were left to the renewal by a batch that is kept; NULL: nobody asks */
	void *renew_ctx;
	bool alone;              /* the writer hands centre_batch one request at a time (after a crash) */
};

/* On success the centre owns the store. ST_NOMEM: it does not. */
enum status centre_init(struct centre *centre, struct store *store, const uint8_t seed[SEED_SIZE]) MUST_CHECK;
void centre_close(struct centre *centre); /* wipes keys; closes the store; safe on a zeroed one */

/* First start of an agency: name and zone into meta, first epoch. ST_EXISTS: it has a name already. */
enum status centre_found(struct centre *centre, const char *agency, const char *zone) MUST_CHECK;

/* Each start of the daemon begins an epoch. */
enum status centre_start(struct centre *centre) MUST_CHECK;

struct centre_request {
	/* in */
	const void *bytes; /* the whole envelope */
	size_t len;
	int64_t received_ms;
	/* out */
	enum status status;  /* ST_OK: `answer` holds the envelope to send */
	struct failure why;  /* otherwise */
	struct buf answer;   /* the caller's, made with LIMIT_BODY_MAX; closed by the caller */
	/* between: filled by centre_prepare, used by centre_batch */
	struct envelope_head head;
	struct buf message;
	struct arena arena;
	struct request request;
	struct receipt receipt;
	struct buf reply; /* the answer's message until it is signed */
	bool withdrawn;   /* it is answered as a withdrawn tablet's */
};

/* Everything that needs no transaction: peek, look the device's key up (a short read),
 * verify, inflate, decode. Any thread with a centre of its own (its own store
 * connection); the caller has set the three inputs and `answer`. status is set; a
 * request that failed is skipped by centre_batch. ST_FORGED: an unknown tablet or a wrong
 * signature, said alike. ST_PROTOCOL, ST_LIMIT, ST_UNKNOWN (speaks a schema version that is too old), or the world's. */
void centre_prepare(struct centre *centre, struct centre_request *request);
void centre_request_close(struct centre_request *request); /* all but `answer` */

/* Is it the centre's own trouble (disk, memory), and nothing that the tablet did? */
bool centre_is_ours(enum status st);

/* As failure_set, in words for a tablet: the general texts speak of the disk and the input of whoever reads them, and
 * these are the centre's and the tablet program's. Returns st. */
enum status centre_trouble(struct failure *why, enum status st);

/* Answer count prepared requests in one transaction. A request that fails keeps its
 * own status and leaves no trace; if BEGIN or COMMIT fails all of them fail with its
 * status and nothing was changed. In what order they are taken decides like arrival.
 *
 * A counter that was used before: with the same bytes the outcomes go again, but no
 * news; with others, or a lower one, changes count by their numbers and neither
 * outcomes nor news go (NOTICE_COUNTER). A gap in the numbers ends the taking
 * (NOTICE_SEND_FROM). A cursor that is not ours gives no news (NOTICE_CURSOR); one
 * that is ahead of this centre gives none either, stays as it is and is logged. A tablet
 * that is withdrawn as this transaction finds it (access.h) gets neither news nor records
 * (NOTICE_WITHDRAWN), whatever it brings is held, and of a brief it is told to send whole:
 * to rebuild one could tell what stands. What does not stand as it was sent it is told as held, as
 * long as what stands can't go down. Assignments that are due are settled first (term.h). */
void centre_batch(struct centre *centre, struct centre_request *const *requests, size_t count);

/* The last thing before an answered request's bytes are handed to its connection: false where the tablet was withdrawn since
 * the batch, or that can't be read; the answer is empty then and status says what goes instead. ST_LATER: it is asked
 * to come again, and is then answered as withdrawn. A short read, between transactions, by any thread with a centre of its own.
 * What was handed over before the withdrawal was committed may still be on the way. */
bool centre_may_leave(struct centre *centre, struct centre_request *request) MUST_CHECK;

/* --- a command's own work: begin, act through `in`, end. What is due is settled first (term.h). --- */
struct centre_act {
	struct centre *centre;
	struct chain chain;
	struct arena arena;
	struct intake in;
};
enum status centre_act_begin(struct centre_act *act, struct centre *centre) MUST_CHECK;
/* chain_end, COMMIT; frees. On failure nothing was changed and it is freed too. */
enum status centre_act_commit(struct centre_act *act) MUST_CHECK;
void centre_act_abort(struct centre_act *act); /* rolls back, frees */

/* Enrolment (proto/enrol.h): make a one-time code for an account; redeem one. Each is a
 * write transaction of its own. identity: enrol_identity of this centre. ST_NOT_FOUND: no such
 * login, or no longer active. A code that is unknown, expired, or used by another tablet
 * is ST_REFUSED with one and the same text; used by the same key it gives the same answer. */
enum status centre_code_new(struct centre *centre, const char *login, int64_t lifetime_ms,
			    const struct digest *identity, struct enrol_code *code_out, struct failure *why) MUST_CHECK;
enum status centre_enrol(struct centre *centre, const struct enrol_request *request, struct arena *arena,
			 struct enrol_answer *answer_out, struct failure *why) MUST_CHECK;

/* Accounts and assignments: through device 0. by: the person acting, NULL = the console.
 * login: 1 to 63 of a-z 0-9 . _ -. ST_INVALID, ST_EXISTS. */
enum status centre_user_add(struct centre_act *act, const struct id *by, const char *login, const char *name,
			    const char *role, struct id *worker_out, struct failure *why) MUST_CHECK;

/* What is to be given to whom, and for how long (term.h). */
struct giving {
	struct id worker, patient;
	const char *reason; /* own, cover or team */
	int64_t starts_ms;  /* INT64_MIN = now; it may lie ahead, or behind */
	int64_t ends_ms;    /* TERM_NEVER = until somebody ends it */
};
/* What it came to. */
struct given {
	bool was, is; /* the worker had the patient before, has them now */
};

/* An assignment more, of whatever the pair has already: the patient stays as long as any of them is in force.
 * ST_EXISTS: one for the same reason stands already and leaves nothing of this one out. ST_NOT_FOUND: no such worker or
 * patient. ST_INVALID: it would end before it begins, or has ended already. */
enum status centre_assign(struct centre_act *act, const struct id *by, const struct giving *giving,
			  struct given *given_out, struct failure *why) MUST_CHECK;
/* Ends every assignment of the pair that is in force, and calls off those to come. *ended_out: how many. */
enum status centre_unassign(struct centre_act *act, const struct id *by, const struct id *worker,
			    const struct id *patient, size_t *ended_out, struct failure *why) MUST_CHECK;

#endif
