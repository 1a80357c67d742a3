/* agency.h - a small agency in memory, for tests of what stands on the centre's store: a store in ":memory:", a
 * made-up clock, repeatable randomness, workers with a tablet each, patients, assignments, and short words for making
 * changes.
 *
 * A write transaction is always open: agency_commit ends it and begins the next. Everything that can't
 * fail in a test that works is asserted here.
 */
#ifndef TESTS_SUPPORT_AGENCY_H
#define TESTS_SUPPORT_AGENCY_H

#include "daemon/intake.h"

#define AGENCY_START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct agency {
	struct schema *schema;
	struct env env;
	struct store *store;
	struct sign_key key;
	struct chain chain;
	struct arena arena;
	struct intake in;
	int64_t now_ms;        /* the centre's clock: tests move it */
	uint64_t random, ids;
	unsigned warnings;     /* lines logged at LOG_WARNING or worse */
	struct outcome outcome; /* of the last change taken */
	struct taken taken;
};

void agency_open(struct agency *a);
void agency_close(struct agency *a);
void agency_commit(struct agency *a);
/* Commit; then history must prove all that stands, and nothing more. */
void agency_verify(struct agency *a);

const struct kind *agency_kind(const struct agency *a, const char *name);
struct id agency_id(struct agency *a); /* a new one */

/* A worker with an account; their tablet (the number it got). */
struct id agency_worker(struct agency *a, const char *name);
uint32_t agency_tablet(struct agency *a, const struct id *worker);
struct id agency_patient(struct agency *a, const char *name); /* by the centre */
void agency_assign(struct agency *a, const struct id *worker, const struct id *patient);
void agency_unassign(struct agency *a, const struct id *worker, const struct id *patient);

/* A change in the agency's arena: a create where patient is given (a patient's own: its id), else an edit. */
struct change *agency_change(struct agency *a, const char *kind, const struct id *id, const struct id *patient);
/* Set a field; text NULL = null. An edit must have the field's group (agency_group). */
void agency_set(struct change *change, const char *field, const char *text);
void agency_set_int(struct change *change, const char *field, int64_t integer);
void agency_set_id(struct agency *a, struct change *change, const char *field, const struct id *id);
/* Add a group (ascending), its values those that stand; "" is the deletion mark. */
void agency_group(struct agency *a, struct change *change, const char *group, struct version base);
struct version agency_seq(uint64_t seq);
struct version agency_own(uint64_t n);

/* Take it in as change n of the tablet, or as the centre's own. The outcome; also in a->outcome, a->taken. */
const struct outcome *agency_take(struct agency *a, uint32_t tablet, const struct id *author, uint64_t n,
				  const struct change *change);
const struct outcome *agency_own_change(struct agency *a, struct change *change);
/* Bytes as they come, of whom you like. */
const struct outcome *agency_take_bytes(struct agency *a, const struct intake_source *source, uint64_t n,
					const void *body, size_t len);

/* What stands. It must be there. In the arena. */
const struct record *agency_record(struct agency *a, const char *kind, const struct id *id);
bool agency_has(struct agency *a, const char *kind, const struct id *id);
/* A field of what stands: "" for null; numbers as text. */
const char *agency_text(struct agency *a, const char *kind, const struct id *id, const char *field);
/* Sequence of the group that stands. */
uint64_t agency_group_seq(struct agency *a, const char *kind, const struct id *id, const char *group);

/* The patient's conflict records, oldest first: at most room; the number of all. */
size_t agency_conflicts(struct agency *a, const struct id *patient, struct id *ids, size_t room);

#endif
