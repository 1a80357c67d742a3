/* fhir_json.h - reading the shapes of FHIR out of jansson's values: paths, concepts, names, numbers.
 *
 * FHIR input has gaps and surprises: whatever is missing or of another type reads as NULL (or an empty buf), never as a
 * failure. Store ring; nothing is owned: what is returned lives as long as the JSON.
 */
#ifndef DAEMON_FHIR_JSON_H
#define DAEMON_FHIR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/buf.h"

#define FHIR_NUMBER_SIZE 40

/* Walk "period.start" down from an object. Where an array is met, its first element stands for it, but not at the end
 * of the path. NULL: not there. */
const json_t *fhir_at(const json_t *from, const char *path);

/* The same for a string that is not empty, else NULL. */
const char *fhir_text(const json_t *from, const char *path);

/* A CodeableConcept in words: its text, else the first display, else the first code. NULL: none of them. */
const char *fhir_concept(const json_t *concept);

/* Has a CodeableConcept, or one of an array of them, the code? */
bool fhir_has_code(const json_t *concepts, const char *code);

/* Append the words of each CodeableConcept of an array, with ", " between. */
void fhir_concepts(struct buf *buf, const json_t *concepts);

/* A coding's code as we store it: LOINC and SNOMED as they are, others after the last part of their system and a
 * bar ("icd-10|I10"). Appends nothing where there is no code. */
void fhir_code(struct buf *buf, const json_t *concept);

/* Append a HumanName: its text, else its parts in the order given, family, suffix; with_prefix puts "Dr." in front. */
void fhir_name(struct buf *buf, const json_t *name, bool with_prefix);

/* Append an array of strings with the separator between. */
void fhir_join(struct buf *buf, const json_t *strings, const char *separator);

/* The last part of a URL or URN: what follows its last '/' or ':'. */
const char *fhir_last_part(const char *url);

/* A JSON number as the shortest decimal text that reads back as the same number. False: no number. */
bool fhir_number(const json_t *number, char text_out[FHIR_NUMBER_SIZE]);

/* A dateTime, instant or date as ms UTC; a date (also "YYYY", "YYYY-MM") is its first midnight UTC. False: none. */
bool fhir_time(const char *text, int64_t *ms_out);

#endif
