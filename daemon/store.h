/* store.h - everything that the centre keeps, behind one table of functions.
 *
 * All SQL of the centre lives behind it (store_sqlite.c); a second back end
 * implements the same table. Rules (what is judged, what is fed) live above it and
 * know no SQL. No query names an agency. Store ring.
 *
 * Everything happens inside one transaction at a time: begin_write … commit, or
 * begin_read … end. Nothing derived from the database is cached across
 * transactions. Texts and blobs handed out live in the arena passed in; texts
 * handed in are copied. Any failing call leaves the transaction to be rolled back
 * (or its savepoint) by the caller.
 *
 * Back end's tables (SQLite):
 *   meta(key, value)                       last sequence, chain head, agency's name, zone…
 *   record(kind, id, patient, seq, created_seq, deleted, first, groups)
 *                                          one row a record: last sequence, meta of its groups
 *                                          (blob: group_meta_encode); index (patient, first, seq)
 *   one table per kind                     the values, as on tablets (kindsql.h), no triggers
 *   history(seq, device, n, …)             one row per change ever taken; indexes (device, n),
 *                                          (kind, id, seq)
 *   anchor(seq, …)                         signed heads of the chain, one a commit
 *   held(seq, …)  member(worker, patient, from_seq, to_seq)
 *   term(assignment, worker, patient, in_force, due_ms)
 *                                          what each assignment means by its last change (term.h);
 *                                          index (worker, patient), and (due_ms) of those not null
 *   account(worker, login, …)  device(device, …)  code(secret digest, …)
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/crypt.h"
#include "common/env.h"
#include "common/id.h"
#include "common/interval.h"
#include "common/schema.h"
#include "common/status.h"
#include "common/value.h"
#include "proto/message.h"

#define STORE_EPOCH_SHIFT 24 /* a sequence's lower bits count within its epoch */

struct group_meta {
	uint64_t seq;            /* of the change that set the standing value */
	struct interval at;      /* when its edit was made */
	uint32_t device;         /* who set it */
	bool decided;            /* a person's decision of a conflict */
	bool outdated;           /* an edit of the group was kept that was made definitely later: an equal value … */
	struct interval later;   /* … when that was made */
	uint32_t later_device;   /* … and on which tablet */
};

struct record {
	const struct kind *kind;
	struct id id, patient;   /* patient: ID_STAFF for staff, == id for a patient */
	uint64_t seq;            /* newest sequence that touched it */
	uint64_t created_seq;
	bool deleted;
	struct group_meta deletion;                  /* of the deletion mark; seq 0 = never set */
	struct group_meta groups[SCHEMA_FIELDS_MAX]; /* by group index; seq 0 = never set */
	struct row row;
};

struct record_ref {
	uint64_t seq;
	const struct kind *kind;
	struct id id;
};

/* One change ever taken. */
struct history {
	uint64_t seq;
	uint32_t device;       /* 0 = the centre itself */
	uint64_t n;
	struct digest digest;  /* of body */
	struct id author;      /* worker; zero = the console */
	uint8_t kind_num;      /* as the body says, 0 = unreadable */
	struct id id, patient; /* patient: of the stored record; zero where not known */
	struct bytes body;     /* as sent (proto/change.h) */
	struct interval at;    /* of its newest edit */
	int64_t received_ms;
	enum outcome_result result;
	enum held_reason reason;
	const struct outcome_group *groups; /* verdict of every group where JUDGED */
	size_t group_count;
	struct bytes merged;   /* VERDICT merged: an edit's body with the merged values; len 0 = none */
	uint64_t of_seq;       /* this row resolves the held change of that sequence; 0 = none */
	uint8_t salt[16];
	struct digest content; /* salted digest of all of the above (chain.h) */
	struct digest link;    /* the chain's head with this row */
};

enum held_state { HELD_OPEN = 0, HELD_WAS_ACCEPTED, HELD_WAS_RETURNED };

struct held {
	uint64_t seq;          /* of the history row that holds it */
	uint32_t device;
	uint64_t n;
	struct id author;
	uint8_t kind_num;
	struct id id, patient;
	enum held_reason reason;
	char detail[160];      /* the true reason, for the centre's people; no contents */
	uint8_t wait_kind;     /* HELD_WAITS: what it waits for */
	struct id wait_id;
	enum held_state state;
	uint64_t answer_seq;   /* history row that resolved it */
	int64_t received_ms;
};

struct account {
	struct id worker;
	char login[64], name[256];
	char role[32]; /* care-manager, supervisor, admin */
	bool active;
};

struct device {
	uint32_t device;       /* 1 … */
	struct id worker;
	char name[128], version[64];
	uint8_t public_key[PUBLIC_KEY_SIZE];
	bool revoked;
	int64_t enrolled_ms, seen_ms;
	uint16_t schema_version;
	uint64_t counter;      /* highest seen */
	struct digest request; /* of the request with that counter */
	uint64_t last_n;       /* all of its changes up to here are taken */
	struct digest run;     /* running digest up to last_n */
	struct health health;  /* as last reported; version points into `version` */
	bool clock_known;      /* its clock was measured: by then it was so far ahead of the centre's */
	int64_t clock_off_ms;
};

struct code {
	struct digest secret;  /* H("code", secret) */
	struct id worker;
	int64_t expires_ms;
	uint32_t device;       /* 0 = unused */
};

struct anchor {
	uint64_t seq;          /* newest row it covers */
	uint64_t first_seq;    /* first row of its commit */
	struct digest head;    /* of the chain at seq */
	struct bytes contents; /* marks of its rows, in order (chain.h) */
	uint8_t signature[SIGNATURE_SIZE];          /* of all of it */
	uint8_t contents_signature[SIGNATURE_SIZE]; /* of all but the head: it holds whatever came before */
};

/* A membership as it is kept; to_seq 0 = open. */
struct member {
	struct id worker, patient;
	uint64_t from_seq, to_seq;
};

#define TERM_NEVER INT64_MAX

/* What an assignment means since its last change (term.h). */
struct term {
	struct id assignment, worker, patient;
	bool in_force;  /* it gives its worker the patient */
	int64_t due_ms; /* when it is to begin or to end by itself; TERM_NEVER */
};

/* The name of a row, whether or not the row can be read. */
struct record_name {
	int64_t kind_num; /* as stored: the schema may have no such kind */
	bool has_id;      /* false: what stands in its place is no id */
	struct id id;
	bool row_only;    /* a row of a kind's table that no record stands for */
};

struct store;
typedef enum status store_record_fn(void *ctx, const struct record *record);
typedef enum status store_history_fn(void *ctx, const struct history *history);
typedef enum status store_held_fn(void *ctx, const struct held *held);
typedef enum status store_anchor_fn(void *ctx, const struct anchor *anchor);
typedef enum status store_member_fn(void *ctx, const struct member *member);
typedef enum status store_term_fn(void *ctx, const struct term *term);
typedef enum status store_name_fn(void *ctx, const struct record_name *name);

/* Every function: ST_NOT_FOUND where the thing asked for is not there; ST_IO, ST_FULL,
 * ST_BUSY, ST_NOMEM, ST_CORRUPT. A callback's status other than ST_OK ends the
 * walk and is returned. */
struct store_ops {
	void (*close)(struct store *s);
	enum status (*begin_write)(struct store *s);
	enum status (*begin_read)(struct store *s);
	enum status (*commit)(struct store *s);
	void (*rollback)(struct store *s); /* also ends a read */
	enum status (*savepoint)(struct store *s);
	enum status (*release)(struct store *s);
	void (*rollback_to)(struct store *s); /* undo to the savepoint and forget it */
	enum status (*checkpoint)(struct store *s);
	/* Before the first write of a process that serves: db_secure (common/db.h). */
	enum status (*secure)(struct store *s);
	/* The disk failed to keep what was written: nothing may be done with this store any more but to close it. */
	bool (*failed)(struct store *s);

	enum status (*meta_get)(struct store *s, const char *key, struct arena *arena, struct bytes *out);
	enum status (*meta_set)(struct store *s, const char *key, const void *data, size_t len);
	enum status (*meta_get_int)(struct store *s, const char *key, int64_t *out); /* absent: 0, ST_OK */
	enum status (*meta_set_int)(struct store *s, const char *key, int64_t value);

	/* Records. put writes the record and its row; create: there is none yet. */
	enum status (*record_get)(struct store *s, const struct kind *kind, const struct id *id,
				  struct arena *arena, struct record *out);
	enum status (*record_put)(struct store *s, const struct record *record, bool create);
	/* The record's head only (no row read): is it there, whose is it? */
	enum status (*record_head)(struct store *s, const struct kind *kind, const struct id *id,
				   struct id *patient_out, bool *deleted_out);
	/* All but its row, which is left untouched in *out. */
	enum status (*record_marks)(struct store *s, const struct kind *kind, const struct id *id,
				    struct record *out);
	/* For verify: the name of every record, by kind and id, then of every row without one. */
	enum status (*record_names)(struct store *s, store_name_fn *fn, void *ctx);
	/* All of a kind (patient NULL) or of one patient; deleted ones too. Order: by id. */
	enum status (*record_each)(struct store *s, const struct kind *kind, const struct id *patient,
				   store_record_fn *fn, void *ctx);
	/* Feed: records of one unit with seq > after, in order of seq, at most room.
	 * part: 0 all, 1 kinds that go first, 2 the others. */
	enum status (*record_after)(struct store *s, const struct id *unit, uint64_t after, int part,
				    struct record_ref *refs, size_t room, size_t *count_out);

	enum status (*history_add)(struct store *s, const struct history *history);
	enum status (*history_get)(struct store *s, uint64_t seq, struct arena *arena, struct history *out);
	/* Newest row of (device, n) that is no resolution (of_seq 0) with this digest;
	 * digest NULL: whatever its content. */
	enum status (*history_find)(struct store *s, uint32_t device, uint64_t n,
				    const struct digest *digest, struct arena *arena, struct history *out);
	/* Rows of one record with seq <= before, newest first. */
	enum status (*history_of)(struct store *s, const struct kind *kind, const struct id *id,
				  uint64_t before, store_history_fn *fn, void *ctx);
	/* The sequence of the first row with seq > after, whether or not it can be read. */
	enum status (*history_next)(struct store *s, uint64_t after, uint64_t *seq_out);
	/* All rows with seq > after, oldest first. */
	enum status (*history_each)(struct store *s, uint64_t after, store_history_fn *fn, void *ctx);
	enum status (*anchor_add)(struct store *s, const struct anchor *anchor);
	enum status (*anchor_each)(struct store *s, store_anchor_fn *fn, void *ctx);

	enum status (*held_add)(struct store *s, const struct held *held);
	enum status (*held_get)(struct store *s, uint64_t seq, struct held *out);
	enum status (*held_find)(struct store *s, uint32_t device, uint64_t n, struct held *out);
	enum status (*held_set)(struct store *s, uint64_t seq, enum held_state state, uint64_t answer_seq);
	/* An open one waits for another record than before (what it waited for came, something else is
	 * still missing), with the true reason in words. */
	enum status (*held_wait)(struct store *s, uint64_t seq, uint8_t wait_kind, const struct id *wait_id,
				 const char *detail);
	/* Open ones that wait for this record, oldest first (all: kind NULL; open_only). */
	enum status (*held_each)(struct store *s, const struct kind *wait_kind, const struct id *wait_id,
				 bool open_only, store_held_fn *fn, void *ctx);

	/* Scope. A membership is open while to_seq is null. */
	enum status (*member_open)(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq);
	enum status (*member_close)(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq);
	enum status (*member_is)(struct store *s, const struct id *worker, const struct id *patient, bool *out);
	/* The change that ended the worker's newest membership as of seq (UINT64_MAX = now). ST_NOT_FOUND: it lasts, or
	 * there was none. */
	enum status (*member_left)(struct store *s, const struct id *worker, const struct id *patient, uint64_t seq,
				   uint64_t *left_seq_out);
	/* Patients of the worker as of seq (UINT64_MAX = now), ascending by id; in the arena. */
	enum status (*member_list)(struct store *s, const struct id *worker, uint64_t seq,
				   struct arena *arena, struct id **out, size_t *count_out);
	/* All memberships, open and closed, by worker, patient, from_seq. */
	enum status (*member_each)(struct store *s, store_member_fn *fn, void *ctx);

	enum status (*term_put)(struct store *s, const struct term *term); /* in place of what the assignment had */
	/* Does any assignment of the pair give the worker the patient? */
	enum status (*term_in_force)(struct store *s, const struct id *worker, const struct id *patient, bool *out);
	/* Those of a pair that are in force or to come, by assignment, behind `after` (all zero: from the first), at most room. */
	enum status (*term_pair)(struct store *s, const struct id *worker, const struct id *patient,
				 const struct id *after, struct term *terms, size_t room, size_t *count_out);
	/* Those that are due at now_ms, the soonest first, at most room. */
	enum status (*term_due)(struct store *s, int64_t now_ms, struct term *terms, size_t room, size_t *count_out);
	enum status (*term_next)(struct store *s, int64_t *due_ms_out); /* the soonest; TERM_NEVER: none */
	/* The patients whom a worker has or is to have, ascending by id; in the arena. */
	enum status (*term_patients)(struct store *s, const struct id *worker, struct arena *arena, struct id **out,
				     size_t *count_out);
	enum status (*term_each)(struct store *s, store_term_fn *fn, void *ctx); /* all, by assignment */

	enum status (*account_put)(struct store *s, const struct account *account);
	enum status (*account_by_login)(struct store *s, const char *login, struct account *out);
	enum status (*account_by_worker)(struct store *s, const struct id *worker, struct account *out);
	enum status (*account_list)(struct store *s, struct arena *arena, struct account **out, size_t *count_out);
	enum status (*device_put)(struct store *s, struct device *device); /* device 0: give it the next number */
	enum status (*device_get)(struct store *s, uint32_t device, struct device *out);
	enum status (*device_list)(struct store *s, struct arena *arena, struct device **out, size_t *count_out);
	enum status (*code_put)(struct store *s, const struct code *code);
	enum status (*code_get)(struct store *s, const struct digest *secret, struct code *out);
};

struct store {
	const struct store_ops *ops;
	const struct schema *schema;
	const struct env *env;
};

/* The SQLite back end. path ":memory:" too. Creates tables, adds columns that a
 * newer schema version brings. *out is freed by ops->close. */
enum status store_sqlite_open(struct store **out, const char *path, const struct schema *schema,
			      const struct env *env, bool create, struct failure *why) MUST_CHECK;

#endif
