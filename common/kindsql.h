/* kindsql.h - the SQL of a kind's table, derived from the schema, the same on both
 * sides. Store ring (text is built in a buf).
 *
 * A kind's table has the columns id, patient (absent where kind->is_patient or
 * kind->is_staff), then the fields in order of their numbers; the side's own
 * columns follow (a tablet's version). Texts, enums, sets, dates, ids: TEXT;
 * times, integers, booleans: INTEGER. STRICT.
 */
#ifndef COMMON_KINDSQL_H
#define COMMON_KINDSQL_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/db.h"
#include "common/schema.h"
#include "common/value.h"

/* Has the kind's table a column `patient`? */
bool kind_has_patient(const struct kind *kind);

/* "a","b","c" of the mask's fields, each with prefix in front ("NEW.", ""). */
void kindsql_columns(struct buf *buf, const struct kind *kind, uint64_t mask, const char *prefix);

/* The field columns of CREATE TABLE with their types: `"name" TEXT, "born" TEXT`. */
void kindsql_column_types(struct buf *buf, const struct kind *kind);

/* CREATE VIEW <name>_text: as the table, times as ISO 8601 text (DESIGN.md section 3). */
void kindsql_view(struct buf *buf, const struct kind *kind);

/* Read all fields from consecutive columns of a row of a statement, starting at
 * column `at`. Texts point into SQLite's memory: they live until the next step. */
void kindsql_read(sqlite3_stmt *stmt, int at, const struct kind *kind, struct row *row_out);

/* Bind the fields of the mask in order, starting at parameter `at`; returns the next one. */
int kindsql_bind(sqlite3_stmt *stmt, int at, const struct kind *kind, const struct row *row, uint64_t mask);

/* JSON array of the mask's values, in order of fields, as json_array() of SQLite
 * writes it; and back (texts are copied into the arena; fields outside the mask stay as
 * they are). ST_CORRUPT: not such an array, or not as long as the mask; ST_NOMEM. */
struct arena;
void kindsql_json(struct buf *buf, const struct kind *kind, const struct row *row, uint64_t mask);
enum status kindsql_from_json(const struct kind *kind, uint64_t mask, const char *json, size_t len,
			      struct arena *arena, struct row *row_out) MUST_CHECK;

/* JSON object of a record for people and programs: {"kind":…,"id":…,"patient":…, fields…}:
 * ids and 64-bit numbers are strings, times ISO text, sets arrays, booleans true/false,
 * null fields left out unless with_null. */
void kindsql_json_object(struct buf *buf, const struct kind *kind, const struct id *id,
			 const struct id *patient, const struct row *row, bool with_null);

/* Give a field from text as a person types it (`FIELD=VALUE`): times as ISO (with
 * the zone's offset in minutes where text has none), booleans yes/no/true/false/1/0,
 * sets as "a,b,c" or JSON, ids in either case, empty = null. ST_INVALID; ST_LIMIT: too
 * long; ST_NOMEM, also where the arena is full. Text is copied into the arena. */
enum status value_from_person(const struct field *field, const char *text, size_t len, int zone_min,
			      struct arena *arena, struct value *value_out) MUST_CHECK;

/* What to write instead, in a sentence for people: after ST_INVALID, or with too_long after ST_LIMIT. */
void value_expected(const struct field *field, bool too_long, char *out, size_t room);

#endif
