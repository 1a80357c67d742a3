/* The import's promises: what becomes of each part of a bundle, what is left out and why, and what a broken file does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/moment.h"
#include "daemon/fhir.h"

#define P "11111111-1111-4111-8111-111111111111"
#define PATIENT                                                                                                        \
	"{\"fullUrl\":\"urn:uuid:" P "\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"" P                       \
	"\",\"name\":[{\"family\":\"Muñoz\",\"given\":[\"Zoë\"]}]}}"
#define SUBJECT "\"subject\":{\"reference\":\"urn:uuid:" P "\"}"
#define BUNDLE(entries) "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[" entries "]}"
#define RESOURCE(body) "{\"resource\":{" body "}}"

static struct schema schema;

static int setup(void **state)
{
	(void)state;
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return 0;
}

/* Every import of these tests goes through here, so that the accounting is held for all of them. */
static void read_bytes(const void *bytes, size_t len, struct fhir_import *import)
{
	struct failure failure;
	size_t left = 0, records = 0;

	if (fhir_read(&schema, bytes, len, import, &failure) != ST_OK)
		fail_msg("%s", failure.what);
	for (size_t i = 0; i < import->tally.line_count; i++)
		left += import->tally.lines[i].count;
	for (size_t i = 0; i < SCHEMA_KINDS_MAX; i++)
		records += import->tally.records_of[i];
	assert_int_equal(import->tally.left, left);
	assert_int_equal(import->tally.entries, import->tally.taken + left);
	assert_int_equal(import->tally.records, records);
	assert_int_equal(import->tally.records, import->count);
	for (size_t i = 0; i < import->count; i++) {
		const struct fhir_record *record = &import->records[i];

		assert_int_equal(row_check(record->kind, &record->row, record->kind->mask_all, true, NULL), ST_OK);
		assert_false(id_is_zero(&record->id));
		assert_false(id_is_zero(&record->patient));
	}
}

static void read_text(const char *json, struct fhir_import *import)
{
	read_bytes(json, strlen(json), import);
}

static const struct fhir_record *nth(const struct fhir_import *import, const char *kind, size_t n)
{
	for (size_t i = 0; i < import->count; i++)
		if (strcmp(import->records[i].kind->name, kind) == 0 && n-- == 0)
			return &import->records[i];
	fail_msg("there is no such %s", kind);
	return NULL;
}

static const struct value *value(const struct fhir_record *record, const char *field)
{
	int index = kind_field(record->kind, field, strlen(field));

	if (index < 0)
		fail_msg("no field %s", field);
	return &record->row.values[index];
}

static void holds(const struct fhir_record *record, const char *field, const char *text)
{
	const struct value *found = value(record, field);

	if (text == NULL) {
		assert_int_equal(found->tag, VALUE_NULL);
		return;
	}
	if (found->tag != VALUE_TEXT || found->len != strlen(text) || memcmp(found->text, text, found->len) != 0)
		fail_msg("%s is '%.*s', not '%s'", field, found->tag == VALUE_TEXT ? (int)found->len : 0,
			 found->tag == VALUE_TEXT ? found->text : "", text);
}

static void holds_int(const struct fhir_record *record, const char *field, int64_t integer)
{
	assert_int_equal(value(record, field)->tag, VALUE_INT);
	assert_int_equal(value(record, field)->integer, integer);
}

static int64_t moment(const char *text)
{
	int64_t ms = 0;

	assert_true(moment_parse(text, strlen(text), 0, &ms));
	return ms;
}

static size_t left_out(const struct fhir_import *import, const char *type, const char *reason)
{
	for (size_t i = 0; i < import->tally.line_count; i++)
		if (strcmp(import->tally.lines[i].type, type) == 0 &&
		    strcmp(import->tally.lines[i].reason, reason) == 0)
			return import->tally.lines[i].count;
	return 0;
}

static void a_patient_keeps_every_letter_of_the_official_name(void **state)
{
	static const char json[] = BUNDLE(RESOURCE(
		"\"resourceType\":\"Patient\",\"id\":\"" P "\",\"gender\":\"female\",\"birthDate\":\"1931-02\","
		"\"name\":[{\"use\":\"maiden\",\"family\":\"Żak\"},{\"use\":\"official\",\"prefix\":[\"Mrs.\"],"
		"\"given\":[\"María José\",\"Ðorđe\"],\"family\":\"Núñez O'Brien\",\"suffix\":[\"PhD\"]},"
		"{\"use\":\"nickname\",\"text\":\"Pepa\"}],"
		"\"identifier\":[{\"system\":\"http://hl7.org/fhir/sid/us-ssn\",\"value\":\"999-1\"},"
		"{\"type\":{\"coding\":[{\"code\":\"MR\"}]},\"system\":\"http://h\",\"value\":\"47\\\"11\"},"
		"{\"system\":\"http://hl7.org/fhir/sid/us-ssn\",\"value\":\"999-1\"}],"
		"\"communication\":[{\"language\":{\"text\":\"English\"}},{\"preferred\":true,\"language\":{\"coding\":"
		"[{\"code\":\"es\",\"display\":\"Spanish\"}]}}],"
		"\"telecom\":[{\"system\":\"email\",\"value\":\"x@y\"},{\"system\":\"phone\",\"value\":\"555-1\"},"
		"{\"system\":\"phone\",\"value\":\"555-2\"}],"
		"\"address\":[{\"line\":[\"1 Calle Ñ\",\"Apt 2\"],\"city\":\"Nahant\",\"state\":\"MA\",\"country\":\"US\","
		"\"extension\":[{\"url\":\"http://hl7.org/fhir/StructureDefinition/geolocation\",\"extension\":"
		"[{\"url\":\"latitude\",\"valueDecimal\":42.5},{\"url\":\"longitude\",\"valueDecimal\":-71.018253}]}]}]"));
	struct fhir_import import;
	const struct fhir_record *patient;

	(void)state;
	read_text(json, &import);
	patient = nth(&import, "patient", 0);
	holds(patient, "name", "María José Ðorđe Núñez O'Brien PhD");
	holds(patient, "preferred_name", "Pepa");
	holds(patient, "birth_date", "1931-02");
	holds(patient, "gender", "female");
	holds(patient, "identifiers", "[\"MR|47\\\"11\",\"us-ssn|999-1\"]");
	holds(patient, "language", "Spanish");
	holds(patient, "phone", "555-1");
	holds(patient, "phone_other", "555-2");
	holds(patient, "street", "1 Calle Ñ, Apt 2");
	holds(patient, "postal_code", NULL);
	holds(patient, "position", "42.5,-71.018253");
	holds(patient, "status", "active");
	assert_int_equal(value(patient, "deceased")->tag, VALUE_NULL);
	fhir_close(&import);
}

static void a_patient_with_nothing_but_a_name_is_taken(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text(BUNDLE(PATIENT), &import);
	holds(nth(&import, "patient", 0), "name", "Zoë Muñoz");
	holds(nth(&import, "patient", 0), "birth_date", NULL);
	holds(nth(&import, "patient", 0), "identifiers", NULL);
	fhir_close(&import);
}

static void a_patient_without_a_name_is_left_out_and_so_is_what_is_theirs(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text(BUNDLE(RESOURCE("\"resourceType\":\"Patient\",\"id\":\"" P "\"") ","
			 RESOURCE("\"resourceType\":\"Goal\",\"id\":\"3\"," SUBJECT)),
		  &import);
	assert_int_equal(left_out(&import, "Patient", "no name"), 1);
	assert_int_equal(left_out(&import, "Goal", "its patient is not among the records"), 1);
	fhir_close(&import);
}

static void the_dead_and_the_inactive_are_closed(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text(BUNDLE(RESOURCE("\"resourceType\":\"Patient\",\"id\":\"" P "\",\"name\":[{\"text\":\"A\"}],"
				  "\"deceasedDateTime\":\"2015-02-10T23:46:42-05:00\"") ","
			 RESOURCE("\"resourceType\":\"Patient\",\"id\":\"22222222-1111-4111-8111-111111111111\","
				  "\"name\":[{\"text\":\"B\"}],\"active\":false")),
		  &import);
	holds_int(nth(&import, "patient", 0), "deceased", 1);
	holds(nth(&import, "patient", 0), "deceased_date", "2015-02-10");
	holds(nth(&import, "patient", 0), "status", "closed");
	holds(nth(&import, "patient", 0), "closed_reason", "deceased");
	holds(nth(&import, "patient", 1), "status", "closed");
	holds(nth(&import, "patient", 1), "closed_reason", NULL);
	fhir_close(&import);
}

static void a_bundle_without_a_patient_is_counted_and_harmless(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text(BUNDLE(RESOURCE("\"resourceType\":\"Practitioner\",\"id\":\"1\"") ","
			 RESOURCE("\"resourceType\":\"Condition\",\"id\":\"2\",\"code\":{\"text\":\"x\"}," SUBJECT) ","
			 RESOURCE("\"resourceType\":\"Goal\",\"id\":\"3\"") ",{},7,"
			 RESOURCE("\"resourceType\":\"Spaceship\"") "," RESOURCE("\"resourceType\":\"../etc\"")),
		  &import);
	assert_int_equal(import.tally.entries, 7);
	assert_int_equal(import.tally.taken, 0);
	assert_int_equal(left_out(&import, "Practitioner", "directory, not a patient's record"), 1);
	assert_int_equal(left_out(&import, "Condition", "its patient is not among the records"), 1);
	assert_int_equal(left_out(&import, "Goal", "names no patient"), 1);
	assert_int_equal(left_out(&import, "Spaceship", "not a type that this import knows"), 1);
	assert_int_equal(left_out(&import, "(none)", "no resource with a type"), 3);
	fhir_close(&import);
}

static void an_empty_bundle_is_no_failure(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text("{\"resourceType\":\"Bundle\"}", &import);
	assert_int_equal(import.tally.entries, 0);
	fhir_close(&import);
}

static void plans_needs_and_goals_are_linked_to_what_was_taken(void **state)
{
	static const char json[] = BUNDLE(
		RESOURCE("\"resourceType\":\"Goal\",\"id\":\"44444444-1111-4111-8111-111111111111\"," SUBJECT ","
			 "\"lifecycleStatus\":\"accepted\",\"description\":{\"text\":\"Walk to the shop\"},"
			 "\"target\":[{\"measure\":{\"text\":\"Steps\"},\"detailQuantity\":{\"value\":500,\"unit\":\"m\"},"
			 "\"dueDate\":\"2019-05-01\"}]") ","
		RESOURCE("\"resourceType\":\"CarePlan\",\"id\":\"33333333-1111-4111-8111-111111111111\"," SUBJECT ","
			 "\"status\":\"active\",\"period\":{\"start\":\"2016-02-05T19:47:34+00:00\"},"
			 "\"category\":[{\"text\":\"Diabetes\"},{\"text\":\"Care\"}],"
			 "\"activity\":[{\"detail\":{\"code\":{\"text\":\"Diet\"},\"status\":\"in-progress\"}},"
			 "{\"detail\":{\"description\":\"Walk\"}}],"
			 "\"addresses\":[{\"reference\":\"Condition/need-1\"},{\"reference\":\"Condition/nowhere\"}],"
			 "\"goal\":[{\"reference\":\"urn:uuid:44444444-1111-4111-8111-111111111111\"}]") ","
		RESOURCE("\"resourceType\":\"Condition\",\"id\":\"need-1\"," SUBJECT ","
			 "\"code\":{\"coding\":[{\"system\":\"http://hl7.org/fhir/sid/icd-10\",\"code\":\"I10\"},"
			 "{\"system\":\"http://snomed.info/sct\",\"code\":\"59621000\",\"display\":\"Hypertension\"}]},"
			 "\"abatementDateTime\":\"2012\",\"onsetDateTime\":\"1997-06-27T14:10:09+00:00\"") ","
		PATIENT);
	struct fhir_import import;
	char id[ID_TEXT_SIZE], set[64];

	(void)state;
	read_text(json, &import);
	assert_int_equal(import.tally.taken, 4);
	holds(nth(&import, "need", 0), "code", "59621000");
	holds(nth(&import, "need", 0), "text", "Hypertension");
	holds(nth(&import, "need", 0), "status", "resolved");
	holds(nth(&import, "need", 0), "onset", "1997-06-27");
	id_format(&nth(&import, "need", 0)->id, id);
	(void)snprintf(set, sizeof set, "[\"%s\"]", id);
	holds(nth(&import, "plan", 0), "needs", set);
	holds(nth(&import, "plan", 0), "title", "Diabetes");
	holds(nth(&import, "plan", 0), "category", "[\"Care\",\"Diabetes\"]");
	holds(nth(&import, "plan", 0), "period_from", "2016-02-05");
	holds(nth(&import, "plan", 0), "period_to", NULL);
	holds(nth(&import, "plan", 0), "activities", "- Diet (in-progress)\n- Walk");
	holds(nth(&import, "goal", 0), "plan", "33333333-1111-4111-8111-111111111111");
	holds(nth(&import, "goal", 0), "text", "Walk to the shop");
	holds(nth(&import, "goal", 0), "target", "500 m");
	holds(nth(&import, "goal", 0), "due", "2019-05-01");
	holds(nth(&import, "goal", 0), "status", "accepted");
	fhir_close(&import);
}

static void a_medication_says_its_dose_and_several_instructions_say_all_of_them(void **state)
{
	static const char json[] = BUNDLE(PATIENT ","
		RESOURCE("\"resourceType\":\"Practitioner\",\"id\":\"d\",\"name\":[{\"prefix\":[\"Dr.\"],\"given\":[\"Ned\"],"
			 "\"family\":\"Pagac\"}]") ","
		RESOURCE("\"resourceType\":\"MedicationRequest\",\"id\":\"m1\",\"status\":\"stopped\"," SUBJECT ","
			 "\"medicationCodeableConcept\":{\"text\":\"Amoxicillin 250 MG\"},\"authoredOn\":\"2017-09-24T03:38:03Z\","
			 "\"requester\":{\"reference\":\"Practitioner/d\"},\"dosageInstruction\":[{\"timing\":{\"repeat\":"
			 "{\"frequency\":2,\"period\":1.5,\"periodUnit\":\"d\"}},\"asNeededBoolean\":true,\"route\":{\"text\":"
			 "\"oral\"},\"doseAndRate\":[{\"doseQuantity\":{\"value\":0.5,\"unit\":\"mg\"}}]}]") ","
		RESOURCE("\"resourceType\":\"MedicationRequest\",\"id\":\"m2\",\"status\":\"draft\"," SUBJECT ","
			 "\"contained\":[{\"resourceType\":\"Medication\",\"id\":\"c\",\"code\":{\"text\":\"Prednisone\"}}],"
			 "\"medicationReference\":{\"reference\":\"#c\"},\"dosageInstruction\":[{\"text\":\"daily, week 1\","
			 "\"doseAndRate\":[{\"doseQuantity\":{\"value\":40,\"unit\":\"mg\"}}]},{\"text\":\"daily, week 2\","
			 "\"doseAndRate\":[{\"doseQuantity\":{\"value\":20,\"unit\":\"mg\"}}]}]") ","
		RESOURCE("\"resourceType\":\"MedicationRequest\",\"id\":\"m3\"," SUBJECT) ","
		RESOURCE("\"resourceType\":\"MedicationRequest\",\"id\":\"m4\",\"status\":\"cancelled\"," SUBJECT ","
			 "\"medicationCodeableConcept\":{\"text\":\"Aspirin\"},\"dosageInstruction\":[{\"timing\":"
			 "{\"repeat\":{\"frequency\":1,\"period\":1,\"periodUnit\":\"d\"}}}]"));
	struct fhir_import import;
	const struct fhir_record *first, *second;

	(void)state;
	read_text(json, &import);
	first = nth(&import, "medication", 0);
	second = nth(&import, "medication", 1);
	holds(first, "name", "Amoxicillin 250 MG");
	holds(first, "dose", "0.5");
	holds(first, "unit", "mg");
	holds(first, "route", "oral");
	holds(first, "frequency", "2 times every 1.5 days, as needed");
	holds(first, "prescriber", "Dr. Ned Pagac");
	holds(first, "source", "Prescribed 2017-09-24");
	holds(first, "status", "stopped");
	holds(second, "name", "Prednisone");
	holds(second, "dose", NULL);
	holds(second, "frequency", "40 mg daily, week 1; then 20 mg daily, week 2");
	holds(second, "status", NULL);
	holds(nth(&import, "medication", 2), "frequency", "1 time every day");
	holds(nth(&import, "medication", 2), "status", "stopped");
	assert_int_equal(left_out(&import, "MedicationRequest", "no medication named"), 1);
	fhir_close(&import);
}

static void an_allergy_needs_a_substance_and_a_refuted_one_is_none(void **state)
{
	static const char json[] = BUNDLE(PATIENT ","
		RESOURCE("\"resourceType\":\"AllergyIntolerance\",\"id\":\"a\",\"patient\":{\"reference\":\"Patient/" P "\"},"
			 "\"code\":{\"text\":\"Peanuts\"},\"criticality\":\"high\",\"clinicalStatus\":{\"coding\":[{\"code\":"
			 "\"active\"}]},\"reaction\":[{\"manifestation\":[{\"text\":\"Hives\"},{\"text\":\"Wheezing\"}]}]") ","
		RESOURCE("\"resourceType\":\"AllergyIntolerance\",\"id\":\"b\",\"patient\":{\"reference\":\"Patient/" P "\"}") ","
		RESOURCE("\"resourceType\":\"AllergyIntolerance\",\"id\":\"c\",\"patient\":{\"reference\":\"Patient/" P "\"},"
			 "\"code\":{\"text\":\"Latex\"},\"verificationStatus\":{\"coding\":[{\"code\":\"refuted\"}]}"));
	struct fhir_import import;

	(void)state;
	read_text(json, &import);
	assert_int_equal(import.tally.records, 2);
	holds(nth(&import, "allergy", 0), "substance", "Peanuts");
	holds(nth(&import, "allergy", 0), "reaction", "Hives, Wheezing");
	holds(nth(&import, "allergy", 0), "severity", "high");
	holds(nth(&import, "allergy", 0), "status", "active");
	assert_int_equal(left_out(&import, "AllergyIntolerance", "no substance"), 1);
	assert_int_equal(left_out(&import, "AllergyIntolerance", "refuted"), 1);
	fhir_close(&import);
}

#define PRESSURE                                                                                                       \
	RESOURCE("\"resourceType\":\"Observation\",\"id\":\"55555555-1111-4111-8111-111111111111\"," SUBJECT ","       \
		 "\"status\":\"final\",\"category\":[{\"coding\":[{\"code\":\"vital-signs\"}]}],"                      \
		 "\"effectiveDateTime\":\"2014-01-31T19:47:34+01:00\","                                                 \
		 "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"85354-9\"}]},\"component\":["       \
		 "{\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8462-4\"}]},"                      \
		 "\"valueQuantity\":{\"value\":111.87562886322058,\"unit\":\"mm[Hg]\"}},"                               \
		 "{\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"8480-6\"}]},"                      \
		 "\"valueQuantity\":{\"value\":145.0,\"unit\":\"mm[Hg]\"}}]")

static void a_blood_pressure_is_one_entry_and_two_records(void **state)
{
	struct fhir_import import;
	const struct fhir_record *low, *high;

	(void)state;
	read_text(BUNDLE(PATIENT "," PRESSURE), &import);
	low = nth(&import, "observation", 0);
	high = nth(&import, "observation", 1);
	assert_int_equal(import.tally.taken, 2);
	assert_int_equal(import.tally.records, 3);
	holds(low, "code", "8462-4");
	holds(low, "value", "111.87562886322058");
	holds(low, "unit", "mm[Hg]");
	holds_int(low, "observed_at", moment("2014-01-31T18:47:34Z"));
	holds_int(low, "closed_at", moment("2014-01-31T18:47:34Z"));
	holds(high, "code", "8480-6");
	holds(high, "value", "145.0");
	assert_false(id_equal(&low->id, &high->id));
	fhir_close(&import);
}

static void scores_count_whatever_their_category_and_laboratory_is_left_out(void **state)
{
	static const char json[] = BUNDLE(PATIENT ","
		RESOURCE("\"resourceType\":\"Observation\",\"id\":\"1\"," SUBJECT ",\"category\":[{\"coding\":[{\"code\":\"survey\"}]}],"
			 "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"44261-6\"}]},\"valueInteger\":14") ","
		RESOURCE("\"resourceType\":\"Observation\",\"id\":\"2\"," SUBJECT ",\"category\":[{\"coding\":[{\"code\":\"survey\"}]}],"
			 "\"code\":{\"coding\":[{\"code\":\"72166-2\"}]},\"valueString\":\"x\"") ","
		RESOURCE("\"resourceType\":\"Observation\",\"id\":\"3\"," SUBJECT ",\"category\":[{\"coding\":[{\"code\":\"laboratory\"}]}],"
			 "\"code\":{\"coding\":[{\"code\":\"718-7\"}]},\"valueString\":\"x\"") ","
		RESOURCE("\"resourceType\":\"Observation\",\"id\":\"4\"," SUBJECT ",\"code\":{\"coding\":[{\"code\":\"8867-4\"}]}"));
	struct fhir_import import;

	(void)state;
	read_text(json, &import);
	assert_int_equal(import.tally.records, 2);
	holds(nth(&import, "observation", 0), "value", "14");
	assert_int_equal(left_out(&import, "Observation", "survey without a score"), 1);
	assert_int_equal(left_out(&import, "Observation", "laboratory"), 1);
	assert_int_equal(left_out(&import, "Observation", "no value"), 1);
	fhir_close(&import);
}

#define ENCOUNTER(id, start)                                                                                           \
	RESOURCE("\"resourceType\":\"Encounter\",\"id\":\"" id "\",\"status\":\"finished\"," SUBJECT ","               \
		 "\"class\":{\"code\":\"HH\"},\"type\":[{\"text\":\"Home visit\"}],"                                   \
		 "\"period\":{\"start\":\"" start "\",\"end\":\"2020-02-29T11:00:00Z\"}")

static void visits_are_the_encounters_of_two_calendar_years_before_the_last(void **state)
{
	/* Two years before 29 February 2020, 10:00, is 28 February 2018, 10:00: a year without that day. */
	static const char json[] = BUNDLE(PATIENT "," ENCOUNTER("1", "2018-02-28T09:59:59Z") ","
					  ENCOUNTER("2", "2018-02-28T10:00:00Z") ","
					  ENCOUNTER("3", "2020-02-29T10:00:00Z") ","
					  ENCOUNTER("4", "2018-02-28T04:59:59-05:00") ","
					  RESOURCE("\"resourceType\":\"Encounter\",\"id\":\"5\"," SUBJECT));
	struct fhir_import import;
	const struct fhir_record *visit;

	(void)state;
	read_text(json, &import);
	assert_int_equal(import.tally.records, 3);
	assert_int_equal(left_out(&import, "Encounter", "more than two years before the last one"), 2);
	assert_int_equal(left_out(&import, "Encounter", "no time of start"), 1);
	visit = nth(&import, "visit", 1);
	holds(visit, "status", "done");
	holds(visit, "class", "HH");
	holds(visit, "service_type", "Home visit");
	holds_int(visit, "check_in_time", moment("2020-02-29T10:00:00Z"));
	holds(visit, "check_in_method", "imported");
	fhir_close(&import);
}

static void no_two_records_share_an_id_however_alike_their_resources_are(void **state)
{
	static const char json[] = BUNDLE(PATIENT ","
		RESOURCE("\"resourceType\":\"Condition\",\"code\":{\"text\":\"Frailty\"}," SUBJECT) ","
		RESOURCE("\"resourceType\":\"Condition\",\"code\":{\"text\":\"Frailty\"}," SUBJECT) ","
		RESOURCE("\"resourceType\":\"Goal\",\"id\":\"" P "\",\"description\":{\"text\":\"x\"}," SUBJECT) ","
		RESOURCE("\"resourceType\":\"Observation\",\"id\":\"o\"," SUBJECT ",\"code\":{\"coding\":[{\"code\":"
			 "\"8867-4\"}]},\"component\":[{\"code\":{\"coding\":[{\"code\":\"c\"}]},\"valueInteger\":1},"
			 "{\"code\":{\"coding\":[{\"code\":\"c\"}]},\"valueInteger\":2}]"));
	struct fhir_import import;

	(void)state;
	read_text(json, &import);
	assert_int_equal(import.count, 5);
	assert_int_equal(left_out(&import, "Condition", "the same content a second time"), 1);
	for (size_t i = 0; i < import.count; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(id_equal(&import.records[i].id, &import.records[j].id));
	fhir_close(&import);
}

static void the_same_bundle_twice_gives_the_same_records(void **state)
{
	static const char json[] = BUNDLE(PATIENT "," PRESSURE "," ENCOUNTER("1", "2020-02-28T09:59:59Z") ","
		RESOURCE("\"resourceType\":\"Condition\",\"code\":{\"text\":\"Frailty\"}," SUBJECT));
	struct fhir_import one, two;

	(void)state;
	read_text(json, &one);
	read_text(json, &two);
	assert_int_equal(one.count, 5);
	assert_int_equal(one.count, two.count);
	for (size_t i = 0; i < one.count; i++) {
		assert_true(id_equal(&one.records[i].id, &two.records[i].id));
		assert_true(row_equal(&one.records[i].row, &two.records[i].row, one.records[i].kind->mask_all));
		for (size_t j = 0; j < i; j++)
			assert_false(id_equal(&one.records[i].id, &one.records[j].id));
	}
	fhir_close(&one);
	fhir_close(&two);
}

static void a_resource_given_twice_counts_once(void **state)
{
	struct fhir_import import;

	(void)state;
	read_text(BUNDLE(PATIENT "," PATIENT), &import);
	assert_int_equal(import.tally.records, 1);
	assert_int_equal(left_out(&import, "Patient", "the same type and id a second time"), 1);
	fhir_close(&import);
}

static void a_value_over_its_limit_is_left_out_and_never_cut(void **state)
{
	struct fhir_import import;
	struct buf json;

	(void)state;
	buf_init(&json, 1 << 20);
	buf_add_str(&json, "{\"resourceType\":\"Bundle\",\"entry\":[" PATIENT
			   ",{\"resource\":{\"resourceType\":\"Condition\",\"id\":\"1\"," SUBJECT ",\"code\":{\"text\":\"");
	for (int i = 0; i < 1025; i++)
		buf_add_byte(&json, 'x');
	buf_add_str(&json, "\"}}},{\"resource\":{\"resourceType\":\"Condition\",\"id\":\"2\"," SUBJECT
			   ",\"code\":{\"text\":\"x\"},\"onsetDateTime\":\"2013-02-30\"}}]}");
	read_text(buf_str(&json), &import);
	assert_int_equal(import.tally.records, 1);
	assert_int_equal(left_out(&import, "Condition", "a value is too long"), 1);
	assert_int_equal(left_out(&import, "Condition", "a value is missing or has no valid form"), 1);
	fhir_close(&import);
	buf_close(&json);
}

static void refused_with(const void *bytes, size_t len, enum status status, const char *what)
{
	struct fhir_import import = { .count = 77 };
	struct failure failure;

	assert_int_equal(fhir_read(&schema, bytes, len, &import, &failure), status);
	assert_string_equal(failure.what, what);
	assert_int_equal(import.count, 77);
}

static void broken_json_is_named_with_its_place_and_without_its_contents(void **state)
{
	static const char broken[] = "{\"resourceType\":\n \"Bundle\" \"Secret\"}";
	static const char twice[] = "{\"a\":1,\n\"a\":2}";
	static const char cut[] = "{\"a\":";

	(void)state;
	refused_with(broken, sizeof broken - 1, ST_INVALID,
		     "The file is not well-formed JSON at line 2, column 18 (byte 35).");
	refused_with(twice, sizeof twice - 1, ST_INVALID, "The file gives a key twice at line 2, column 3 (byte 11).");
	refused_with(cut, sizeof cut - 1, ST_INVALID, "The file ends too early at line 1, column 5 (byte 5).");
	refused_with("[]", 2, ST_INVALID, "The file is JSON but no FHIR Bundle.");
}

/* The bytes as a gzip file; returns its length. */
static size_t gzip(const char *text, uint8_t *out, size_t room)
{
	z_stream stream;

	memset(&stream, 0, sizeof stream);
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (uint8_t *)(uintptr_t)text;
	stream.avail_in = (uInt)strlen(text);
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return room - stream.avail_out;
}

static void gzip_is_read_and_a_broken_one_is_named_with_its_place(void **state)
{
	struct fhir_import import;
	struct failure failure;
	uint8_t bytes[1024];
	size_t len = gzip(BUNDLE(PATIENT), bytes, sizeof bytes - 1);
	static const char damaged[] = "The gzip file is damaged at byte ";

	(void)state;
	read_bytes(bytes, len, &import);
	assert_int_equal(import.count, 1);
	fhir_close(&import);
	for (size_t cut = 2; cut < len; cut++) {
		assert_int_equal(fhir_read(&schema, bytes, cut, &import, &failure), ST_INVALID);
		assert_non_null(strstr(failure.what, "at byte "));
	}
	bytes[len] = 'x';
	assert_int_equal(fhir_read(&schema, bytes, len + 1, &import, &failure), ST_INVALID);
	assert_non_null(strstr(failure.what, "has something after its end at byte "));
	bytes[len - 6] ^= 1; /* the checksum is the four bytes before the last four */
	assert_int_equal(fhir_read(&schema, bytes, len, &import, &failure), ST_INVALID);
	assert_int_equal(strncmp(failure.what, damaged, strlen(damaged)), 0);
	assert_in_range(strtoul(failure.what + strlen(damaged), NULL, 10), len - 8, len - 4);
}

static void json_that_inflates_beyond_its_ceiling_is_refused(void **state)
{
	size_t size = (size_t)FHIR_JSON_MAX + 1, room = 1 << 20, len;
	char *blanks = malloc(size + 1);
	uint8_t *bytes = malloc(room);

	(void)state;
	assert_non_null(blanks);
	assert_non_null(bytes);
	memset(blanks, ' ', size);
	blanks[size] = '\0';
	len = gzip(blanks, bytes, room);
	refused_with(bytes, len, ST_LIMIT, "The file holds more than 64 MiB of JSON.");
	free(blanks);
	free(bytes);
}

/* --- the real files */

static uint8_t *file_read(const char *path, size_t *len_out)
{
	size_t room = 1 << 20;
	uint8_t *bytes = malloc(room);
	FILE *file = fopen(path, "rb");

	assert_non_null(bytes);
	assert_non_null(file);
	*len_out = fread(bytes, 1, room, file);
	assert_true(*len_out < room);
	(void)fclose(file);
	return bytes;
}

static size_t kind_total(const struct fhir_tally *tally, const char *kind)
{
	return tally->records_of[schema_kind(&schema, kind, strlen(kind)) - schema.kinds];
}

/* Counted beforehand from the same files by a Python script that was written from the rules of daemon/fhir.h, with
 * datetime for the two years and the json module for the rest; it shares nothing with the import. */
static void totals_hold(const struct fhir_tally *total)
{
	assert_int_equal(total->entries, 6622);
	assert_int_equal(total->taken, 2109);
	assert_int_equal(total->left, 4513);
	assert_int_equal(total->records, 2389);
	assert_int_equal(kind_total(total, "patient"), 40);
	assert_int_equal(kind_total(total, "need"), 210);
	assert_int_equal(kind_total(total, "plan"), 73);
	assert_int_equal(kind_total(total, "goal"), 15);
	assert_int_equal(kind_total(total, "medication"), 159);
	assert_int_equal(kind_total(total, "allergy"), 39);
	assert_int_equal(kind_total(total, "visit"), 175);
	assert_int_equal(kind_total(total, "observation"), 1678);
}

static void all_42_real_files_are_accounted_for(void **state)
{
	const char *shared = getenv("DOORSTEP_SHARED");
	struct fhir_tally total = { .entries = 0 };
	const struct dirent *entry;
	char folder[512], path[1024];
	size_t files = 0;
	DIR *dir;

	(void)state;
	(void)snprintf(folder, sizeof folder, "%s/data/fhir", shared != NULL ? shared : "../shared");
	dir = opendir(folder);
	if (dir == NULL) {
		print_message("SKIP %s is absent\n", folder);
		skip();
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct fhir_import import;
		uint8_t *bytes;
		size_t len;

		if (strstr(entry->d_name, ".json.gz") == NULL)
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		bytes = file_read(path, &len);
		read_bytes(bytes, len, &import);
		fhir_tally_add(&total, &import.tally);
		fhir_close(&import);
		free(bytes);
		files++;
	}
	(void)closedir(dir);
	assert_int_equal(files, 42);
	totals_hold(&total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_patient_keeps_every_letter_of_the_official_name),
		cmocka_unit_test(a_patient_with_nothing_but_a_name_is_taken),
		cmocka_unit_test(a_patient_without_a_name_is_left_out_and_so_is_what_is_theirs),
		cmocka_unit_test(the_dead_and_the_inactive_are_closed),
		cmocka_unit_test(a_bundle_without_a_patient_is_counted_and_harmless),
		cmocka_unit_test(an_empty_bundle_is_no_failure),
		cmocka_unit_test(plans_needs_and_goals_are_linked_to_what_was_taken),
		cmocka_unit_test(a_medication_says_its_dose_and_several_instructions_say_all_of_them),
		cmocka_unit_test(an_allergy_needs_a_substance_and_a_refuted_one_is_none),
		cmocka_unit_test(a_blood_pressure_is_one_entry_and_two_records),
		cmocka_unit_test(scores_count_whatever_their_category_and_laboratory_is_left_out),
		cmocka_unit_test(visits_are_the_encounters_of_two_calendar_years_before_the_last),
		cmocka_unit_test(no_two_records_share_an_id_however_alike_their_resources_are),
		cmocka_unit_test(the_same_bundle_twice_gives_the_same_records),
		cmocka_unit_test(a_resource_given_twice_counts_once),
		cmocka_unit_test(a_value_over_its_limit_is_left_out_and_never_cut),
		cmocka_unit_test(broken_json_is_named_with_its_place_and_without_its_contents),
		cmocka_unit_test(gzip_is_read_and_a_broken_one_is_named_with_its_place),
		cmocka_unit_test(json_that_inflates_beyond_its_ceiling_is_refused),
		cmocka_unit_test(all_42_real_files_are_accounted_for),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
