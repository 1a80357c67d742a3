/* fhir.h - from one FHIR R4 bundle to records of the schema.
 *
 * It reads bytes (JSON, plain or gzip) and makes records in memory. It never touches a database, a file or a clock:
 * who wants the records stored walks import.records in their order and takes each through intake like any other change.
 *
 * What is taken: Patient, Condition (need), CarePlan (plan), Goal, MedicationRequest and MedicationStatement
 * (medication), AllergyIntolerance (allergy), Encounter (visit) of the two years before that patient's last one,
 * Observation that is a vital sign or a score. Everything else is left out and counted by resource type and reason.
 *
 * Counting. An *entry* is one element of the bundle's `entry`. It is either taken or left out, whole: tally.entries
 * == tally.taken + tally.left, always. A taken entry makes one record, but an Observation makes one for its value and
 * one for each component, so that tally.records >= tally.taken.
 *
 * Ids. A resource's own UUID is the record's id, else the UUID of its fullUrl, else one derived from the patient's id,
 * the resource's type and id (or content) and the part. The same bundle gives the same records with the same ids in
 * the same order, so that a second import can be compared, record by record and field by field, with the first.
 *
 * References are set only to records that this import made and that stand earlier in import.records, so that none
 * dangles. Records stand in the order patient, need, plan, goal, medication, allergy, visit, observation.
 *
 * Values. Nothing is cut: an entry with a value over its field's limit, or of no valid form, is left out with that
 * reason. Dates are kept as written, in the zone they were written in; times become ms UTC (a date alone: its midnight
 * UTC). Measured numbers are decimal text, the shortest that reads back as the same number. A status that the schema
 * has no word for is null. A patient is closed when the bundle says inactive, or says deceased and does not say
 * active. Imported observations that are final, and ended visits, are closed. check_in_method "imported" says that no
 * tablet measured these times.
 *
 * The two years. The last encounter is the one that starts last; an encounter is taken when it starts at or after the
 * same moment two calendar years earlier, in UTC (29 February: 28 February).
 *
 * Store ring; one thread an import.
 */
#ifndef DAEMON_FHIR_H
#define DAEMON_FHIR_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/id.h"
#include "common/schema.h"
#include "common/status.h"
#include "common/value.h"

#define FHIR_JSON_MAX (64U << 20) /* bytes of JSON, after inflating */
#define FHIR_RECORDS_MAX 100000U  /* records of one bundle */
#define FHIR_LINES_MAX 96U	  /* lines of a tally; further ones are counted in a last line "(others)" */
#define FHIR_TYPE_SIZE 40U

struct fhir_record {
	const struct kind *kind; /* of the schema given to fhir_read */
	struct id id;
	struct id patient; /* a patient's own id for a patient */
	struct row row;	   /* passes row_check of all fields, required ones included */
};

/* How many entries of a resource type were left out for a reason. */
struct fhir_line {
	char type[FHIR_TYPE_SIZE]; /* "(none)" where the entry has no resource or no type of FHIR's form */
	const char *reason;	   /* static text, lower case, no full stop: "billing" */
	size_t count;
};

struct fhir_tally {
	size_t entries; /* in the bundle */
	size_t taken;	/* of these: made records */
	size_t left;	/* of these: left out, the sum of lines[].count */
	size_t records; /* made */
	size_t records_of[SCHEMA_KINDS_MAX]; /* by index of the kind in the schema; their sum is records */
	size_t line_count;
	struct fhir_line lines[FHIR_LINES_MAX];
};

struct fhir_import {
	struct fhir_record *records; /* count of them, in the arena too */
	size_t count, room;
	struct fhir_tally tally;
	struct arena arena; /* the texts of all rows */
};

/* Read one bundle. *out is written only on ST_OK; it is then closed by fhir_close, and its rows live until that.
 * *failure_out (may be NULL) says what is wrong and where, without a file name and without any of the contents:
 * ST_INVALID  broken gzip (byte), broken JSON or a key given twice (line, column, byte), or no Bundle
 * ST_LIMIT    more than FHIR_JSON_MAX bytes or FHIR_RECORDS_MAX records
 * ST_NOMEM
 * A bundle without a patient is no failure: everything in it is left out. */
enum status fhir_read(const struct schema *schema, const void *bytes, size_t len, struct fhir_import *out,
		      struct failure *failure_out) MUST_CHECK;

/* Safe on a zeroed or closed one. */
void fhir_close(struct fhir_import *import);

/* Add the counts of one tally to a total (which starts zeroed), so that several files have one report. Both are of
 * imports with the same schema. */
void fhir_tally_add(struct fhir_tally *total, const struct fhir_tally *one);

#endif
