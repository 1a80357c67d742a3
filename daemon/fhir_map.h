/* fhir_map.h - which field of which record each part of a FHIR resource becomes. Inside of the import: fhir.c walks the
 * bundle and calls the maps, nobody else includes this.
 *
 * A map makes a draft, puts values into it and keeps it. Putting never fails in place: no memory and texts that are too
 * long are remembered in the work and come out of fhir_keep.
 */
#ifndef DAEMON_FHIR_MAP_H
#define DAEMON_FHIR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/buf.h"
#include "daemon/fhir.h"

/* One entry of the bundle. */
struct fhir_slot {
	const json_t *resource; /* NULL where there is none */
	const char *full_url;	/* NULL where there is none */
	const char *type;	/* its resourceType, "" where there is none of FHIR's form */
	bool repeated;		/* an earlier entry has the same type and id */
	bool made;		/* it became the record `id` */
	bool linked;		/* a goal: a plan named it */
	struct id id, plan;
};

struct fhir_work {
	const struct schema *schema;
	struct fhir_import *out;
	struct fhir_slot *slots;
	size_t slot_count;
	json_t *by_name;	  /* fullUrl, "urn:uuid:ID", "Type/ID" -> slot */
	json_t *used;		  /* text of every id given to a record */
	json_t *last_of;	  /* patient's id -> start of the last encounter, ms */
	struct fhir_record draft;
	struct buf buf;		  /* scratch of the maps */
	struct id patient;	  /* of the resource being mapped */
	struct fhir_slot *slot;	  /* the entry being mapped */
	bool too_long;
	enum status status;	  /* first failure that ends the import */
};

/* NULL: taken. Otherwise why not, a static text. */
struct fhir_map {
	const char *type;
	const char *(*map)(struct fhir_work *work); /* NULL: this type is left out */
	const char *reason;			    /* then, why */
};

/* All types this import knows; those with a map first, in the order of the records. */
extern const struct fhir_map FHIR_MAPS[];
extern const size_t FHIR_MAPS_COUNT;

/* The maps, by the kind that they make. The resource is work->slot's, its patient is work->patient. */
const char *fhir_map_patient(struct fhir_work *work);
const char *fhir_map_need(struct fhir_work *work);
const char *fhir_map_plan(struct fhir_work *work);
const char *fhir_map_goal(struct fhir_work *work);
const char *fhir_map_medication(struct fhir_work *work);
const char *fhir_map_allergy(struct fhir_work *work);
const char *fhir_map_visit(struct fhir_work *work);
const char *fhir_map_observation(struct fhir_work *work);

/* Append what a reference to a person is called: its display, else the name in the bundle. */
void fhir_person(struct fhir_work *work, const json_t *reference);

/* The slot that a reference means, or NULL. */
struct fhir_slot *fhir_resolve(const struct fhir_work *work, const char *reference);

/* The encounter's start, false where it has none. */
bool fhir_encounter_start(const json_t *encounter, int64_t *ms_out);

/* Start a draft of the kind. part: NULL for the resource's own record, else a name that tells this record from others
 * made of the same resource. */
void fhir_draft(struct fhir_work *work, const char *kind, const char *part);

/* Put a value into the draft; NULL texts leave the field null. */
void fhir_put(struct fhir_work *work, const char *field, const char *text);
void fhir_put_int(struct fhir_work *work, const char *field, int64_t integer);
void fhir_put_id(struct fhir_work *work, const char *field, const struct id *id);
void fhir_put_date(struct fhir_work *work, const char *field, const char *date_time); /* its date, as written */
void fhir_put_time(struct fhir_work *work, const char *field, const char *date_time);
void fhir_put_word(struct fhir_work *work, const char *field, const char *word); /* where the ENUM has it */
void fhir_put_buf(struct fhir_work *work, const char *field); /* work->buf, which is emptied */
/* The canonical set of the members: an array of strings in JSON. */
void fhir_put_set(struct fhir_work *work, const char *field, const json_t *members);

/* Check the draft and add it to the records. NULL, or the reason why the entry can't be taken. */
const char *fhir_keep(struct fhir_work *work);

#endif
