/* trial.h - one change before the centre: what is known of it while it is judged.
 * Private to intake's files.
 *
 * The road of every change, whoever brings it:
 *   trial_open    reads the body and the record that stands        (trial.c)
 *   trial_admit   form, rights, scope, references: hold it?        (admit.c)
 *   trial_judge   each group by its rule                           (judge.c)
 *   trial_settle  history row, record or held row, what it brings about   (settle.c)
 * The first three write nothing, so that a held change can be tried again and again.
 * A trial and all that it points to lives in the arena of its intake. Store ring.
 */
#ifndef DAEMON_TRIAL_H
#define DAEMON_TRIAL_H

#include "common/merge.h"
#include "daemon/intake.h"

/* Memory of one trial: a change, the record, what its base looked like, and what it
 * brings about. */
#define TRIAL_ARENA_MAX ((size_t)64 * 1024 * 1024)

enum trial_as {
	TRIAL_TABLET,  /* rights and scope of the author, as they are now */
	TRIAL_CENTRE,  /* device 0: no scope, all may be written */
	TRIAL_ANSWERED /* held, and a supervisor says yes: no scope, rights as a tablet's */
};

/* Why a change is not applied; reason HELD_NONE = it is. */
struct hold {
	enum held_reason reason; /* as its author's tablet may know it */
	char detail[160];        /* the true reason, for the centre's people; no contents */
	uint8_t wait_kind;       /* 0 = it waits for nothing */
	struct id wait_id;
};

/* What becomes of one group. */
struct ruling {
	uint8_t num;  /* 0 = the deletion mark */
	int index;    /* group index; -1 = the deletion mark */
	enum verdict verdict;
	bool conflict;
	bool moves;   /* the record changes by it: a new value, the first, or a person's decision */
	bool noted;   /* it does not move its group, which keeps in mind when it was said, where that was definitely later */
	bool unseen;  /* its author had not seen the record's deletion */
	struct group_meta stood; /* of the value that stood before; seq 0 = none */
	const struct text_spot *spots; /* of a conflict of text: where what stands and trial->others differ */
	size_t spot_count;             /* 0: the proposed values are what lost */
	uint64_t seen; /* of a note's signature: its author had seen the group up to here */
	struct interval at;
};

struct trial {
	struct intake *in;
	const struct intake_source *source;
	enum trial_as as;
	bool decision;          /* the change is a person's decision of a conflict */
	const struct history *again; /* it was held, by this row: what its author did meanwhile may have come before it */
	struct change *change;  /* kind NULL: it could not be read so far */
	struct record *record;  /* as it stands; trial_settle brings it up to date. NULL without a kind */
	bool exists;
	bool closed; /* so the record was when the change came (signing.h) */
	bool signs;  /* the change is a signature of the note */
	uint64_t left_seq; /* the patient had left its author's caseload by this change, unknown to the author (late.h); 0: not so */
	struct id worker_before; /* assignment: whose it was; zero = none */
	struct hold hold;
	struct ruling rulings[SCHEMA_FIELDS_MAX + 1]; /* in the order of group numbers */
	size_t ruling_count;
	bool revives;           /* an edit brings back a record whose deletion its author had not seen */
	struct row merged;      /* values of merged groups */
	struct row others;      /* of groups in conflict by words: what stands, with the proposed sentences */
	uint64_t merged_mask;
};

/* A new trial in in->arena. An unreadable body is a hold, not a failure. source outlives it. */
enum status trial_open(struct trial **out, struct intake *in, const struct intake_source *source, enum trial_as as,
		       const void *body, size_t len) MUST_CHECK;

enum status trial_admit(struct trial *trial) MUST_CHECK;
enum status trial_judge(struct trial *trial) MUST_CHECK;

/* Open, admit, judge: a change that was held, again. of, the row that holds it, outlives the trial. */
enum status trial_run(struct trial **out, struct intake *in, const struct intake_source *source, enum trial_as as,
		      const struct history *of) MUST_CHECK;

/* Write it down: *row comes with device, n, digest, author, body, received_ms and of_seq and is completed here.
 * A hold gets a held row, unless the change was held already (of_seq). */
enum status trial_settle(struct trial *trial, struct history *row) MUST_CHECK;

/* Hold the change. The detail is one of ours, with KIND/ID where kind is given. */
void trial_hold(struct trial *trial, enum held_reason reason, const char *detail, const struct kind *kind,
		const struct id *id);
/* … until this record is there, or in the author's caseload. */
void trial_wait(struct trial *trial, const struct kind *kind, const struct id *id);

/* What the feed must know of it, once settled. */
void trial_taken(const struct trial *trial, uint64_t seq, struct taken *taken_out);

/* The kind whose records are the units of scope. */
const struct kind *trial_patients(const struct intake *in);

/* Copy the texts of the fields into the arena and point the row at them. */
enum status trial_keep(struct arena *arena, struct row *row, uint64_t mask) MUST_CHECK;

/* --- history, as intake reads it back (judge.c) --- */

/* A body of history. Failures of the world, and what change_decode says, in *st_out. NULL: no memory. */
struct change *history_change(const struct intake *in, struct arena *arena, struct bytes body, enum status *st_out);

/* What the change started from in the group; nothing where it does not bring it. */
struct version change_base(const struct change *change, uint8_t num);

/* The row that the number of this tablet's stands for: of the trial's record, and, where it was held and accepted later,
 * of that later row. ST_NOT_FOUND: no such change. */
enum status history_own(const struct trial *trial, const struct version *version, uint32_t device, struct arena *arena,
			struct history *row_out) MUST_CHECK;

/* What became of the group in this row, whose body was decoded to *change: false where the row did
 * not touch it, or was held or given back. */
bool history_verdict(const struct history *row, const struct change *change, uint8_t num,
		     enum outcome_verdict *verdict_out);

/* The group's values as this change proposed them. Texts in in->arena. ST_NOT_FOUND: it brings none. */
enum status history_proposed(struct intake *in, const struct history *row, const struct group *group,
			     struct row *row_out) MUST_CHECK;

#endif
