/* candidates.h - the JSON inside conflict records, candidates and decisions (formats: conflict.h), and the small
 * steps around it. Knows what they say and how to write them, decides nothing. Private to conflict.c, decide.c,
 * addenda.c, words.c and the command that shows them (cmd_conflict.c). Store ring.
 */
#ifndef DAEMON_CANDIDATES_H
#define DAEMON_CANDIDATES_H

#include <jansson.h>

#include "common/buf.h"
#include "common/text.h"
#include "daemon/intake.h"

/* What a conflict is about. */
struct target {
	const struct kind *kind;
	struct id id;
	const struct group *group;
};

/* ST_CORRUPT: the record names what does not exist. */
enum status target_of(const struct intake *in, const struct record *conflict, struct target *out) MUST_CHECK;

/* A text field of a conflict record; empty where it is null. */
struct value conflict_value(const struct record *conflict, const char *field);

/* One candidate, ready to be written. */
struct candidate {
	const char *author, *name, *device; /* name and device as people read them */
	uint64_t seq;
	struct interval at;
	const struct row *values; /* NULL = left out */
	const struct text_spot *spots; /* of text merged by words: where it differs from `stands` */
	size_t spot_count;
	struct text stands;       /* what stood beside it when it came */
};

/* {"n":…} of one candidate; {"field":…} of a group. */
void candidate_write(struct buf *buf, const struct target *target, unsigned n, const struct candidate *candidate);
void values_write(struct buf *buf, const struct target *target, const struct row *row);

/* Parsed text; NULL: not JSON, or no memory. json_decref it. */
json_t *conflict_json(const struct value *text);

/* Candidate n of the array, NULL where there is none; its sequence. */
json_t *candidate_at(const json_t *candidates, uint64_t n);
bool candidate_seq(const json_t *candidate, uint64_t *out);

/* Does the decision's "seen" name this sequence? */
bool decision_saw(const json_t *decision, uint64_t seq);

/* The group's values out of an object that names every field of it. Texts are copied into the arena. ST_INVALID: not of
 * that form, or not what the fields may hold. */
enum status values_read(const struct target *target, const json_t *object, struct arena *arena,
			struct row *row_out) MUST_CHECK;

/* --- the record around them (conflict.c) --- */

const struct kind *conflict_kind(const struct intake *in);

/* An edit by the centre, in the arena, NULL without memory; its groups are added in the order of their numbers. */
struct change *conflict_edit(struct intake *in, const struct kind *kind, const struct id *id);
void conflict_edit_group(struct change *change, const char *name);
void conflict_put(struct change *change, const char *field, struct value value);

/* Whose value a row of history is: of a resolution, the author of the change that it resolves. */
enum status conflict_author(struct intake *in, const struct history *row, struct id *out) MUST_CHECK;

/* A change as a candidate. Texts in the arena. */
enum status candidate_of(struct intake *in, const struct history *row, const struct row *values,
			 struct candidate *out) MUST_CHECK;

/* Another candidate in an open conflict; clear: the decision that it was is taken out again. */
enum status conflict_join(struct intake *in, const struct target *target, const struct record *conflict,
			  const struct candidate *more, bool clear) MUST_CHECK;

#endif
