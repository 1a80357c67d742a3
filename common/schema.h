/* schema.h - what kinds of records there are: the schema is a value.
 *
 * SQL tables, triggers, views, validation, wire numbers, forms and the reference
 * page derive from it (DESIGN.md section 3). Several can live in one process. A
 * schema is made from rows (struct field_row) by schema_init; a new field is one
 * line in schema_doorstep.c.
 *
 * Numbers: a kind's and a field's wire number are given once and never used for
 * anything else; 1 to 127. A group's number is the wire number of its first field
 * (fields stand in the order of their numbers within a kind, so that it never
 * changes). Group number 0 is the deletion mark, which every kind has and which is
 * no field (0 alive, 1 deleted).
 *
 * In memory fields and groups are addressed by index (position in the kind), on
 * the wire and in bookkeeping tables by number. A uint64_t with a bit for each
 * field index is a *mask*.
 *
 * Pure. A schema holds pointers into the rows it was made from; rows are static.
 */
#ifndef COMMON_SCHEMA_H
#define COMMON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define SCHEMA_KINDS_MAX 32
#define SCHEMA_FIELDS_MAX 48
#define SCHEMA_GROUP_DELETED 0 /* number of the deletion mark */
#define SCHEMA_NAME_MAX 31

enum type {
	TYPE_TEXT, /* max bytes given */
	TYPE_ENUM, /* one word of `values`, "a|b|c" */
	TYPE_SET,  /* canonical set of text (value.h); `values` may list the words */
	TYPE_DATE, /* "YYYY[-MM[-DD]]" */
	TYPE_TIME, /* integer, ms UTC */
	TYPE_INT,  /* integer */
	TYPE_BOOL, /* integer 0 or 1 */
	TYPE_ID    /* UUID text; `values` names the kind it refers to, "" = any */
};

enum rule { RULE_NEWEST, RULE_TEXT, RULE_SET, RULE_PROGRESS, RULE_GUARDED };

enum writer { WRITER_BOTH, WRITER_CENTRE }; /* both = tablets and the centre */

/* One line of a schema's source. A kind's head is a row with kind set and
 * field NULL; its fields follow. */
struct field_row {
	uint8_t num;        /* wire number of the kind or field */
	const char *kind;   /* head row: the kind's (table's) name; NULL in a field row */
	const char *field;  /* field row: the column's name */
	enum type type;
	const char *group;  /* NULL: a group of its own, named as the field */
	enum rule rule;     /* of the group: all its fields must agree */
	enum writer writer; /* head row: of the whole kind */
	bool required;      /* field: may not be null. head: goes first in a fill */
	uint32_t max;       /* text: bytes; 0 = the type's default */
	uint16_t since;     /* first schema version that has it */
	const char *closes; /* field: words of it that close the record (closing.h); "*" = any value */
	bool stays;         /* field: never changes once the record is closed. head: no field does */
	const char *values; /* enum words, set words, or the kind referred to */
	const char *fhir;   /* FHIR R4 path, "" where there is none */
	const char *label;  /* what people read */
};

struct field {
	uint8_t num;
	uint8_t group; /* group index */
	enum type type;
	enum writer writer;
	bool required;
	uint32_t max;
	const char *name, *values, *fhir, *label;
};

struct group {
	uint8_t num; /* wire number of its first field */
	enum rule rule;
	enum writer writer;
	uint64_t mask; /* its fields */
	const char *name;
};

struct kind {
	uint8_t num;
	bool first;     /* goes first in a fill: patient, risk, allergy */
	bool is_patient; /* its records are the units of scope: id == patient */
	bool is_staff;  /* belongs to the unit every tablet holds (worker) */
	enum writer writer;
	uint8_t field_count, group_count;
	int closing;          /* index of the field that closes a record; -1: none does */
	const char *closes;   /* its words that do, "*" = any value; "" where none does */
	uint64_t mask_stays;  /* fields that never change once the record is closed */
	uint64_t mask_all; /* every field */
	const char *name, *fhir, *label;
	struct field fields[SCHEMA_FIELDS_MAX];
	struct group groups[SCHEMA_FIELDS_MAX];
};

struct schema {
	uint16_t version;
	uint8_t kind_count;
	struct kind kinds[SCHEMA_KINDS_MAX];
};

/* The rows of Doorstep's own schema and its newest version (schema_doorstep.c). */
extern const struct field_row SCHEMA_DOORSTEP[];
extern const size_t SCHEMA_DOORSTEP_COUNT;
#define SCHEMA_DOORSTEP_VERSION 1

/* Build *schema from the rows whose since <= version. The caller's storage (some
 * 150 KB: heap or static, not the stack). Breaking a rule of this page is our bug: assert. */
void schema_init(struct schema *schema, const struct field_row *rows, size_t count,
		 uint16_t version);

/* NULL where there is none. */
const struct kind *schema_kind(const struct schema *schema, const char *name, size_t len);
const struct kind *schema_kind_num(const struct schema *schema, unsigned num);

/* Index, or -1. */
int kind_field(const struct kind *kind, const char *name, size_t len);
int kind_field_num(const struct kind *kind, unsigned num);
int kind_group(const struct kind *kind, const char *name, size_t len);
int kind_group_num(const struct kind *kind, unsigned num);

/* Is the word one of a field's `values` ("a|b|c")? */
bool values_contain(const char *values, const char *word, size_t len);

/* "KIND/ID" as people give it in commands: splits at the slash, looks the kind up.
 * False: no such kind, or no UUID after the slash. */
struct id;
bool schema_parse_ref(const struct schema *schema, const char *text,
		      const struct kind **kind_out, struct id *id_out);

const char *rule_name(enum rule rule);
const char *type_name(enum type type);

#endif
