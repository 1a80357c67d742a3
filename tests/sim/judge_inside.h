/* judge_inside.h - what the judge's files share; private to them.
 *
 *   judge.c        rows of history as they come: order, chain, form; acknowledgements; starts
 *   judge_time.c   when assignments begin and end
 *   judge_answer.c what is handed out
 *   judge_model.c  a row as a change of the model, the model's word about it, and what came of it
 *   judge_effect.c what a change must bring about within its commit
 *   judge_seen.c   who had seen what it replaced; when it was, as far as the centre says it knows
 *   judge_text.c   merges of narrative, by their properties
 *   judge_end.c    everything at rest
 */
#ifndef TESTS_SIM_JUDGE_INSIDE_H
#define TESTS_SIM_JUDGE_INSIDE_H

#include "common/arena.h"
#include "proto/change.h"
#include "tests/sim/judge.h"
#include "tests/sim/model.h"

#define JUDGE_REQUESTS_MAX 64

/* What is kept of each row of history. */
struct judge_row {
	uint64_t seq, n, of_seq;
	uint32_t device;
	enum outcome_result result;
	enum held_reason reason;
	struct digest digest, link;
	int64_t lo_ms;    /* its moment is no earlier */
	bool several;     /* an edit of several groups: that is the moment of one of them, and nothing is told of the others' */
	size_t answer; /* of a held row: 1 + index of the row that resolved it; 0 = none */
};

/* One tablet, by the index of its node; 0 is the centre itself. */
struct judge_tablet {
	uint64_t acknowledged; /* highest last n that the tablet was told */
	uint64_t taken;        /* numbers in history without a gap */
	size_t *rows;          /* by n - 1: index of its first row */
	size_t row_room;
	bool moved;            /* in the commit that is looked at */
	bool withdrawn;        /* from use, by the newest row */
	/* last numbers of requests that were about to be taken, newest last: a request is taken whole or not at all */
	uint64_t requests[JUDGE_REQUESTS_MAX];
	size_t request_count;
};

/* Where a record belongs. kind 0: the place is free. */
struct judge_place {
	uint8_t kind;
	struct id id, patient;
};

/* A worker's caseload, asked once between two assignments. */
struct judge_scope {
	struct id patient;
	unsigned tablet;
	uint64_t turn; /* 0: the place is free */
	bool in;
};

/* A note whose signature stood, and a hash of what it covers. */
struct judge_sealed {
	struct id note;
	uint64_t seq, hash;
};

struct judge_conflict {
	struct id id, record;
	const struct kind *kind; /* of the record */
	const struct group *group;
};

/* What must have come about when the commit is over. */
enum judge_await { AWAIT_CONFLICT, AWAIT_DECISION, AWAIT_MEMBER, AWAIT_ADDENDUM, AWAIT_LATE };
struct judge_awaited {
	enum judge_await what;
	uint64_t seq;            /* of the change that asks for it */
	const struct kind *kind; /* CONFLICT: of the record */
	const struct group *group;
	struct id id;            /* CONFLICT: the record; DECISION: the conflict; MEMBER, LATE: the patient; ADDENDUM: the note */
	struct id worker;        /* MEMBER, DECISION, ADDENDUM: who */
	uint32_t word;           /* ADDENDUM: that it must hold; 0 = whatever it says */
	bool came;               /* ADDENDUM */
};

struct judge {
	struct sim *sim;
	struct model *model;
	struct arena arena;      /* one row, one answer */
	uint64_t seq, seq_before; /* newest row read; and before the newest commit */
	struct digest head;
	struct judge_row *rows;
	size_t row_count, row_room;
	struct judge_tablet *tablets; /* plan.tablets + 1 */
	struct judge_place *places;   /* hash; a power of two */
	size_t place_count, place_room;
	struct judge_scope *scopes;
	size_t scope_room;
	uint64_t turn;           /* of assignments, from 1 */
	int64_t time_ms;         /* as the model was told; judge_time.c */
	int64_t *moments;        /* of assignments, still to come */
	size_t moment_count, moment_room;
	struct judge_sealed *sealed;
	size_t sealed_count, sealed_room;
	struct judge_conflict *conflicts;
	size_t conflict_count, conflict_room;
	struct judge_awaited *awaited;
	size_t awaited_count, awaited_room;
	uint64_t winners, losers, groups; /* I4: of all groups received, each is one or the other */
};

/* One row of history while it is looked at. All of it lives until the next one. */
struct judged {
	const struct history *row;
	unsigned tablet;         /* 0 = the centre itself */
	struct id author;        /* of the change */
	int64_t received_ms;     /* the change arrived */
	struct change *change;
	enum status read;        /* how that could be read */
	struct model_change *told;
	const char *after[SCHEMA_FIELDS_MAX]; /* what stands instead of what was sent, where the mask says so */
	uint64_t after_mask;
	const char *merged[SCHEMA_FIELDS_MAX]; /* the same, as the model is told: rule `text` alone */
	bool existed;            /* the model had the record */
	struct model_record before;
};

/* Room for one more of an array. */
void *judge_room(void *array, size_t count, size_t *room, size_t size);

void judge_wrong(struct judge *j, const struct judged *it, const char *invariant, const char *format, ...) PRINTF_LIKE(4, 5);

/* Index of the node that the device is; 0 for device 0. UINT_MAX: none. */
unsigned judge_tablet_of(const struct judge *j, uint32_t device);

/* The first row of this number. NULL: it was not taken. */
const struct judge_row *judge_row_of(const struct judge *j, unsigned tablet, uint64_t n);

/* The row of this sequence, which was read. */
const struct judge_row *judge_row_at(const struct judge *j, uint64_t seq);

/* Whose a record is. NULL: not known. */
const struct judge_place *judge_place_find(const struct judge *j, uint8_t kind, const struct id *id);
bool judge_in_scope(struct judge *j, unsigned tablet, const struct id *patient);

const char *judge_text(struct arena *arena, const struct value *value); /* NULL for null */

/* judge_time.c: a transaction of the centre was at this time, by its clock. */
void judge_time(struct judge *j, int64_t now_ms);
/* An assignment was made or changed. */
void judge_moments(struct judge *j, const struct judged *it);

/* judge_model.c: the row through the model. */
void judge_model_row(struct judge *j, struct judged *it);
/* Fills it->change, it->told and what goes with them. False: it can't be told (unreadable). */
bool judge_read(struct judge *j, struct judged *it);

/* The change's kind has that name; a field's text, "" for null. */
bool judge_is_kind(const struct judged *it, const char *name);
const char *judge_value_of(const struct kind *kind, const char *const *values, const char *field);

/* judge_effect.c */
void judge_await(struct judge *j, const struct judge_awaited *awaited);
void judge_awaited_check(struct judge *j); /* the commit is over */
/* Group i of the change is about to be told as that; end: what the model allows. */
void judge_group_seen(struct judge *j, struct judged *it, size_t i, enum model_verdict verdict,
		      const struct model_group_end *end);
/* Of a row that could be read: does the moment it is given hold the true one? */
void judge_times(struct judge *j, const struct judged *it);
/* Narrative: group i of the change, whose base may have been replaced. True: it must have opened a conflict, or joined one. */
bool judge_text_seen(struct judge *j, const struct judged *it, size_t i);
/* The row was told to the model. */
void judge_row_told(struct judge *j, struct judged *it);
void judge_count(struct judge *j, const struct judged *it);
/* Does this change of the centre carry out the decision of a conflict? */
bool judge_carries_out(const struct judge *j, const struct judged *it);

#endif
