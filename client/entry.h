/* entry.h - one record as it stands on this tablet, with its values as text and where
 * it is on its way to the centre. Reads only. Store ring.
 */
#ifndef CLIENT_ENTRY_H
#define CLIENT_ENTRY_H

#include "client/replica.h"

struct entry {
	const struct kind *kind;
	struct id id, patient;
	char id_text[ID_TEXT_SIZE], patient_text[ID_TEXT_SIZE];
	int64_t version;    /* of the row: what a save hands back as shown */
	const char *travel; /* static text, one of DESIGN.md's five words */
	struct row row;
	const char *texts[SCHEMA_FIELDS_MAX]; /* by field index; NULL = nothing */
	struct arena arena;                   /* what texts and row point into */
};

/* Of one moment. After a failure there is nothing to close. ST_NOT_FOUND. */
enum status entry_read(struct replica *r, const struct kind *kind, const struct id *id,
		       struct entry *out) MUST_CHECK;
void entry_close(struct entry *entry); /* a zeroed one is fine */

/* NULL: no such field, or nothing in it. */
const char *entry_text(const struct entry *entry, const char *field);

/* A value as text: times and dates in ISO 8601, booleans "true" and "false". The
 * arena may be NULL where the value is text. NULL: the value is null, or no memory. */
const char *entry_value_text(const struct field *field, const struct value *value, struct arena *arena);

/* Where a record is on its way. */
enum status entry_travel(struct replica *r, const struct kind *kind, const struct id *id,
			 const char **words_out) MUST_CHECK;

/* The record of the kind with the next higher id (patient NULL: of any). Start with
 * all zero. *found_out false: there is none. */
enum status entry_next(struct replica *r, const struct kind *kind, const struct id *patient, struct id *id,
		       bool *found_out) MUST_CHECK;

#endif
