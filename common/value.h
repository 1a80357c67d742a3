/* value.h - a field's value in memory, and the checks that decide whether it may be
 * one.
 *
 * In memory, in SQLite and in JSON a value is null, a 64-bit integer or text:
 * ids, dates, sets and enums are text of a set form. There are no floating-point
 * values anywhere: a measured number is decimal text, so that what a person typed
 * comes back as typed and compares the same everywhere.
 * Pure. A value does not own its text; whoever made the row says how long it lives.
 */
#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/schema.h"
#include "common/status.h"

enum value_tag { VALUE_NULL = 0, VALUE_INT, VALUE_TEXT };

struct value {
	enum value_tag tag;
	uint32_t len;     /* VALUE_TEXT: bytes, UTF-8, no NUL needed at the end */
	int64_t integer;  /* VALUE_INT */
	const char *text; /* VALUE_TEXT: not NULL, also when len is 0 */
};

/* A record's values by field *index* of its kind (not wire number). */
struct row {
	struct value values[SCHEMA_FIELDS_MAX];
};

struct value value_null(void);
struct value value_int(int64_t integer);
struct value value_text(const char *text, size_t len);
struct value value_string(const char *text_or_null); /* NUL-terminated */

bool value_equal(const struct value *a, const struct value *b);

/* Are all fields of the group (a bit a field index) equal in both rows? */
bool row_equal(const struct row *a, const struct row *b, uint64_t field_mask);

/* Copy the fields of the group from one row to the other (values only, no text). */
void row_copy(struct row *to, const struct row *from, uint64_t field_mask);

/* Is the value of its field's type, form and size? Null is always of the right
 * type (a required field is row_check's affair).
 * ST_INVALID: wrong type or form (broken UTF-8, NUL, no UUID, no date, a word not
 * in the list, a set that is not canonical). ST_LIMIT: too long. */
enum status value_check(const struct field *field, const struct value *value) MUST_CHECK;

/* The first field of the mask that fails value_check, or is required and null
 * while check_required. *field_out (may be NULL) gets it. */
enum status row_check(const struct kind *kind, const struct row *row, uint64_t field_mask,
		      bool check_required, const struct field **field_out) MUST_CHECK;

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates), without NUL. */
bool utf8_valid(const char *text, size_t len);

/* --- sets: text, a JSON array of strings, sorted by bytes, without duplicates,
 * no blank between tokens, escapes only for '"', '\\' and controls (the short form
 * where JSON has one, else \u00xx in lower case). "[]" is not used: an empty set is null. */

/* Is it canonical? */
bool set_valid(const char *text, size_t len);

/* Walk through a canonical set (len 0 = the empty one): start with *at = 0; each call
 * gives the next member, between its quotes and escaped as it stands. False: no more. */
bool set_next(const char *text, size_t len, size_t *at, const char **member_out,
	      size_t *member_len_out);

/* Three-way set merge: (current + (proposed - base)) - (base - proposed): additions
 * win, removals of what was seen apply. Null stands for the empty set. All three
 * are canonical (asserted). The result is written into out (room bytes) and
 * *out_len; 0 means the empty set (null). ST_LIMIT: no room. Since members are
 * compared in their escaped canonical form, order is the byte order of that form. */
enum status set_merge(const struct value *base, const struct value *current,
		      const struct value *proposed, char *out, size_t room, size_t *out_len) MUST_CHECK;

#endif
