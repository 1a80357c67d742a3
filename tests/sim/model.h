/* model.h - the reference model: what the centre must make of each change, by brute force.
 *
 * It was written from DESIGN.md (sections 3, 6 and 7) alone, knows no SQL and nothing of the shipped code but the
 * schema's header: it keeps all changes ever taken in a list, and whoever asks what stands, who holds
 * what, or what a conflict is about gets it computed from the beginning. Slow and plain on purpose.
 *
 * The caller tells it every change that the centre took, in the centre's order, and every
 * assignment; it says what must have become of the change. Where the design leaves room (by the measured
 * clocks), it says what is allowed, and the caller tells it what was chosen. Text merging is not modelled: a merge of
 * narrative is taken as it came, its words are checked by its properties elsewhere.
 *
 * Values are texts ("" and NULL are different: NULL is null), copied in. Numbers are texts too.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/schema.h"

#define MODEL_ID_SIZE 16

struct model;

/* Kinds, groups, fields, rules are the schema's; it outlives the model. */
struct model *model_new(const struct schema *schema);
/* The centre's time now: an assignment counts from its start until before its end. Until this was called every start
 * has come and every end as well. */
void model_time(struct model *model, int64_t now_ms);
void model_free(struct model *model);

/* What the author of a change had started from, for one group. */
enum model_base { MODEL_BASE_NOTHING, MODEL_BASE_SEQ, MODEL_BASE_OWN };

struct model_group {
	uint8_t num;             /* the group's wire number; 0 = the deletion mark */
	enum model_base base;
	uint64_t base_number;    /* BASE_SEQ: the author had seen all of the group up to that sequence. BASE_OWN: their own change n */
	bool deleted;            /* of the deletion mark */
	/* The edit was made within these, by the true time as far as DESIGN.md's section 7 lets the centre know it:
	 * not before the centre's time of the last answer the tablet had applied, not after its arrival. */
	int64_t earliest_ms, latest_ms;
	int64_t heard_ms;        /* of the answer itself, by the centre's clock then; 0 = none was applied yet */
};

struct model_change {
	uint32_t device;         /* 0 = the centre itself: never out of scope */
	uint64_t n;
	uint64_t seq;            /* that the centre gave it */
	uint8_t author[MODEL_ID_SIZE];
	uint8_t kind;            /* wire number */
	uint8_t id[MODEL_ID_SIZE], patient[MODEL_ID_SIZE]; /* patient: of a create; else all zero */
	bool create;             /* "this record is new": every group of the kind counts; groups[0] alone says when, and whether it is deleted */
	bool decision;           /* the centre made it of a person's decision in a conflict: no rule replaces it unseen */
	const char *values[SCHEMA_FIELDS_MAX]; /* by the kind's field index; those of the groups it names count, of a create all */
	struct model_group groups[SCHEMA_FIELDS_MAX + 1];
	size_t group_count;
};

/* What becomes of one group. */
enum model_verdict {
	MODEL_STANDS,    /* taken: its value stands */
	MODEL_SAME,      /* what it says stands already (accepted too) */
	MODEL_MERGED,    /* set: additions win, removals of what was seen; progress; text: some merge of both */
	MODEL_SUPERSEDED /* kept in history; what stood stands */
};

struct model_group_end {
	unsigned allowed; /* bits: 1 << enum model_verdict. More than one where the clocks may tell */
	bool conflict;    /* where it ends superseded (or a text merges with a loser beside it) a conflict must be open about it */
};

struct model_end {
	bool held;        /* the whole change: nothing of it is applied */
	/* Static: "scope" (and not written before its author's tablet had heard that the patient left); "exists"; "waits" (what it refers to, or its own record, is missing or held); "missing" (nobody
	 * ever sent its record's create); "closed"; "" where it is not held. */
	const char *why;
	struct model_group_end groups[SCHEMA_FIELDS_MAX + 1]; /* as in the change; of a create the first one alone */
};

/* What must become of the change, judged now: after all that was told, before anything else. Nothing is kept. Of what is
 * held, the groups say what would become of them if it were taken; none is allowed where its record is missing. */
void model_judge(const struct model *model, const struct model_change *change, struct model_end *end_out);

/* It was taken, and this is what became of it (one of what was allowed). merged: new values of the fields whose group was
 * merged by rule `text`, by field index (NULL elsewhere). */
void model_take(struct model *model, const struct model_change *change, bool held,
		const enum model_verdict *verdicts, const char *const *merged);
/* A held change was accepted by a supervisor, or what it waited for came: it is judged anew, under the new sequence. */
void model_take_held(struct model *model, uint32_t device, uint64_t n, uint64_t seq,
		     const enum model_verdict *verdicts, const char *const *merged);
void model_return_held(struct model *model, uint32_t device, uint64_t n);

/* --- what stands, recomputed from all that was taken ---------------------------------------- */

struct model_record {
	uint8_t kind;
	uint8_t id[MODEL_ID_SIZE], patient[MODEL_ID_SIZE];
	bool deleted;
	const char *values[SCHEMA_FIELDS_MAX]; /* the model's, until it changes */
	uint64_t seqs[SCHEMA_FIELDS_MAX];      /* by group index: of the change that set what stands */
};
/* False: there is no such record. */
bool model_record(const struct model *model, uint8_t kind, const uint8_t id[MODEL_ID_SIZE], struct model_record *out);

typedef void model_record_fn(void *ctx, const struct model_record *record);
void model_each(const struct model *model, model_record_fn *fn, void *ctx);

/* Is the patient in the worker's caseload after all that was taken up to seq (UINT64_MAX: now)? By the records of kind
 * `assignment` alone, at the time told last. The staff, all zero, is everybody's. */
bool model_in_scope(const struct model *model, const uint8_t worker[MODEL_ID_SIZE], const uint8_t patient[MODEL_ID_SIZE],
		    uint64_t seq);

/* How many changes of the device ended, one way or another, and the last n without a gap. */
uint64_t model_last_n(const struct model *model, uint32_t device);

#endif
