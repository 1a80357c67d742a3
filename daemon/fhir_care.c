/* What was prescribed, done and measured: MedicationRequest, AllergyIntolerance, Encounter, Observation. */
#include <stdio.h>
#include <string.h>

#include "daemon/fhir_json.h"
#include "daemon/fhir_map.h"

#define PART_SIZE 160

/* Scores and vital signs by LOINC code: the instruments that a home visit uses. They are taken whatever category the
 * sender gave them; other observations only as vital signs. */
static const char *const CODES[] = {
	"58120-7", "44249-1", "44261-6", "44260-8", "70274-6", "52491-8", "72514-3", /* PHQ, GAD-7, BIMS, pain */
	"85354-9", "8480-6",  "8462-4",	 "8867-4",  "9279-1",  "8310-5",  "2708-6",  /* pressure, heart, breath, heat */
	"29463-7", "8302-2",							     /* weight, height */
};

/* A word of theirs and ours; words that are the same on both sides are not listed. */
struct word {
	const char *theirs, *ours;
};

static const char *translate(const struct word *words, size_t count, const char *theirs)
{
	for (size_t i = 0; theirs != NULL && i < count; i++)
		if (strcmp(words[i].theirs, theirs) == 0)
			return words[i].ours;
	return theirs;
}

static const char *period_word(const char *unit)
{
	static const struct word words[] = {
		{ "s", "second" }, { "min", "minute" }, { "h", "hour" }, { "d", "day" },
		{ "wk", "week" },  { "mo", "month" },	{ "a", "year" },
	};

	return translate(words, sizeof words / sizeof words[0], unit);
}

/* "2 times every day", "1 time every 4 hours": plain enough not to be misread, and nothing is rounded. */
static void add_timing(struct buf *buf, const json_t *instruction)
{
	const json_t *repeat = fhir_at(instruction, "timing.repeat");
	const char *code = fhir_concept(fhir_at(instruction, "timing.code"));
	char times[FHIR_NUMBER_SIZE], period[FHIR_NUMBER_SIZE];

	if (fhir_text(instruction, "text") != NULL)
		buf_add_str(buf, fhir_text(instruction, "text"));
	else if (fhir_number(fhir_at(repeat, "frequency"), times) && fhir_number(fhir_at(repeat, "period"), period) &&
		 fhir_text(repeat, "periodUnit") != NULL)
		buf_printf(buf, "%s %s every %s%s%s%s", times, strcmp(times, "1") == 0 ? "time" : "times",
			   strcmp(period, "1") == 0 ? "" : period, strcmp(period, "1") == 0 ? "" : " ",
			   period_word(fhir_text(repeat, "periodUnit")), strcmp(period, "1") == 0 ? "" : "s");
	else if (code != NULL)
		buf_add_str(buf, code);
}

static void add_separated(struct buf *buf, size_t start, const char *separator, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	if (buf->len > start)
		buf_add_str(buf, separator);
	buf_add_str(buf, text);
}

static void add_frequency(struct buf *buf, const json_t *instruction)
{
	const json_t *more = json_object_get(instruction, "additionalInstruction");
	size_t start = buf->len;

	add_timing(buf, instruction);
	if (json_is_true(json_object_get(instruction, "asNeededBoolean")))
		add_separated(buf, start, ", ", "as needed");
	if (json_is_object(json_object_get(instruction, "asNeededCodeableConcept"))) {
		add_separated(buf, start, ", ", "as needed for");
		add_separated(buf, start, " ", fhir_concept(json_object_get(instruction, "asNeededCodeableConcept")));
	}
	for (size_t i = 0; i < json_array_size(more); i++)
		add_separated(buf, start, ". ", fhir_concept(json_array_get(more, i)));
}

static void add_dose(struct buf *buf, const json_t *instruction)
{
	char low[FHIR_NUMBER_SIZE], high[FHIR_NUMBER_SIZE];

	if (fhir_number(fhir_at(instruction, "doseAndRate.doseQuantity.value"), low))
		buf_add_str(buf, low);
	else if (fhir_number(fhir_at(instruction, "doseAndRate.doseRange.low.value"), low) &&
		 fhir_number(fhir_at(instruction, "doseAndRate.doseRange.high.value"), high))
		buf_printf(buf, "%s to %s", low, high);
}

static const char *dose_unit(const json_t *instruction)
{
	const char *unit = fhir_text(instruction, "doseAndRate.doseQuantity.unit");

	if (unit == NULL)
		unit = fhir_text(instruction, "doseAndRate.doseQuantity.code");
	return unit != NULL ? unit : fhir_text(instruction, "doseAndRate.doseRange.high.unit");
}

/* One instruction fills the fields. Several (a tapering dose) are told in words, all of them: to show the first alone
 * would be to show a wrong dose. */
static void put_dosage(struct fhir_work *work, const json_t *instructions)
{
	const json_t *first = json_array_get(instructions, 0);

	if (json_array_size(instructions) == 1) {
		add_dose(&work->buf, first);
		fhir_put_buf(work, "dose");
		fhir_put(work, "unit", dose_unit(first));
		fhir_put(work, "route", fhir_concept(json_object_get(first, "route")));
	}
	for (size_t i = 0; i < json_array_size(instructions); i++) {
		const json_t *instruction = json_array_get(instructions, i);

		if (i > 0)
			buf_add_str(&work->buf, "; then ");
		if (json_array_size(instructions) > 1) {
			add_dose(&work->buf, instruction);
			add_separated(&work->buf, 0, " ", dose_unit(instruction));
			add_separated(&work->buf, 0, " ", fhir_concept(json_object_get(instruction, "route")));
			buf_add_byte(&work->buf, ' ');
		}
		add_frequency(&work->buf, instruction);
	}
	fhir_put_buf(work, "frequency");
}

/* Said in place, or a Medication inside the resource, or one in the bundle. */
static const char *medication_name(const struct fhir_work *work)
{
	const json_t *request = work->slot->resource, *contained = json_object_get(request, "contained");
	const char *name = fhir_concept(json_object_get(request, "medicationCodeableConcept"));
	const char *reference = fhir_text(request, "medicationReference.reference");
	const struct fhir_slot *slot = fhir_resolve(work, reference);

	if (name == NULL && reference != NULL && reference[0] == '#')
		for (size_t i = 0; name == NULL && i < json_array_size(contained); i++) {
			const char *id = fhir_text(json_array_get(contained, i), "id");

			if (id != NULL && strcmp(id, reference + 1) == 0)
				name = fhir_concept(json_object_get(json_array_get(contained, i), "code"));
		}
	if (name == NULL && slot != NULL)
		name = fhir_concept(json_object_get(slot->resource, "code"));
	return name != NULL ? name : fhir_text(request, "medicationReference.display");
}

static void put_reasons(struct fhir_work *work, const json_t *request)
{
	const json_t *references = json_object_get(request, "reasonReference");

	fhir_concepts(&work->buf, json_object_get(request, "reasonCode"));
	for (size_t i = 0; i < json_array_size(references); i++) {
		const json_t *reference = json_array_get(references, i);
		const struct fhir_slot *slot = fhir_resolve(work, fhir_text(reference, "reference"));
		const char *text = fhir_text(reference, "display");

		if (text == NULL && slot != NULL)
			text = fhir_concept(json_object_get(slot->resource, "code"));
		add_separated(&work->buf, 0, ", ", text);
	}
	fhir_put_buf(work, "reason");
}

const char *fhir_map_medication(struct fhir_work *work)
{
	static const struct word words[] = { { "cancelled", "stopped" }, { "not-taken", "stopped" } };
	const json_t *request = work->slot->resource;
	const json_t *dosage = json_object_get(request, "dosageInstruction");
	const char *name = medication_name(work);

	if (name == NULL)
		return "no medication named";
	fhir_draft(work, "medication", NULL);
	fhir_put(work, "name", name);
	put_dosage(work, dosage != NULL ? dosage : json_object_get(request, "dosage"));
	put_reasons(work, request);
	fhir_person(work, json_object_get(request, "requester"));
	fhir_put_buf(work, "prescriber");
	if (fhir_text(request, "authoredOn") != NULL)
		buf_printf(&work->buf, "Prescribed %.10s", fhir_text(request, "authoredOn"));
	else
		fhir_person(work, json_object_get(request, "informationSource"));
	fhir_put_buf(work, "source");
	fhir_put_word(work, "status",
		      translate(words, sizeof words / sizeof words[0], fhir_text(request, "status")));
	return fhir_keep(work);
}

const char *fhir_map_allergy(struct fhir_work *work)
{
	const json_t *allergy = work->slot->resource, *reactions = json_object_get(allergy, "reaction");
	const json_t *verification = json_object_get(allergy, "verificationStatus");
	const char *severity = fhir_text(allergy, "reaction.severity");
	const char *substance = fhir_concept(json_object_get(allergy, "code"));

	if (fhir_has_code(verification, "refuted"))
		return "refuted";
	if (substance == NULL)
		substance = fhir_concept(fhir_at(allergy, "reaction.substance"));
	if (substance == NULL)
		return "no substance";
	fhir_draft(work, "allergy", NULL);
	fhir_put(work, "substance", substance);
	for (size_t i = 0; i < json_array_size(reactions); i++) {
		if (i > 0 && work->buf.len > 0)
			buf_add_str(&work->buf, ", ");
		fhir_concepts(&work->buf, json_object_get(json_array_get(reactions, i), "manifestation"));
	}
	fhir_put_buf(work, "reaction");
	fhir_put(work, "severity", severity != NULL ? severity : fhir_text(allergy, "criticality"));
	fhir_put_word(work, "status",
		      fhir_has_code(verification, "entered-in-error")
			      ? "entered-in-error"
			      : fhir_text(allergy, "clinicalStatus.coding.code"));
	return fhir_keep(work);
}

bool fhir_encounter_start(const json_t *encounter, int64_t *ms_out)
{
	return fhir_time(fhir_text(encounter, "period.start"), ms_out);
}

static void put_participants(struct fhir_work *work, const json_t *participants)
{
	json_t *members = json_array();

	for (size_t i = 0; i < json_array_size(participants); i++) {
		buf_reset(&work->buf);
		fhir_person(work, json_object_get(json_array_get(participants, i), "individual"));
		if (work->buf.len > 0 && json_array_append_new(members, json_string(buf_str(&work->buf))) != 0)
			work->status = ST_NOMEM;
	}
	buf_reset(&work->buf);
	fhir_put_set(work, "participants", members);
	json_decref(members);
}

/* A plan has a time it is planned for, whatever took place has a time it took. */
static void put_visit_times(struct fhir_work *work, const json_t *encounter, const char *status)
{
	const char *start = fhir_text(encounter, "period.start"), *end = fhir_text(encounter, "period.end");

	if (status != NULL && (strcmp(status, "planned") == 0 || strcmp(status, "cancelled") == 0)) {
		fhir_put_time(work, "planned_from", start);
		fhir_put_time(work, "planned_to", end);
		return;
	}
	fhir_put_time(work, "check_in_time", start);
	fhir_put(work, "check_in_method", "imported");
	if (end == NULL)
		return;
	fhir_put_time(work, "check_out_time", end);
	fhir_put(work, "check_out_method", "imported");
	if (status != NULL && strcmp(status, "done") == 0)
		fhir_put_time(work, "closed_at", end);
}

const char *fhir_map_visit(struct fhir_work *work)
{
	static const struct word words[] = {
		{ "arrived", "in-progress" },
		{ "triaged", "in-progress" },
		{ "onleave", "in-progress" },
		{ "finished", "done" },
	};
	const json_t *encounter = work->slot->resource;
	const char *theirs = fhir_text(encounter, "status");
	const char *status = translate(words, sizeof words / sizeof words[0], theirs);

	if (theirs != NULL && strcmp(theirs, "entered-in-error") == 0)
		return "entered in error";
	fhir_draft(work, "visit", NULL);
	fhir_put_word(work, "status", status);
	put_visit_times(work, encounter, status);
	fhir_concepts(&work->buf, json_object_get(encounter, "type"));
	fhir_put_buf(work, "service_type");
	fhir_concepts(&work->buf, json_object_get(encounter, "reasonCode"));
	fhir_put_buf(work, "purpose");
	put_participants(work, json_object_get(encounter, "participant"));
	fhir_put(work, "class", fhir_text(encounter, "class.code"));
	fhir_put(work, "place", fhir_text(encounter, "location.location.display"));
	return fhir_keep(work);
}

/* Put value[x] of an observation or component. False: it has none in a form that a person reads off as one value. */
static bool put_value(struct fhir_work *work, const json_t *from)
{
	const json_t *quantity = json_object_get(from, "valueQuantity"), *flag = json_object_get(from, "valueBoolean");
	const char *text = fhir_text(from, "valueString"), *unit = fhir_text(quantity, "unit");
	const char *comparator = fhir_text(quantity, "comparator");
	char number[FHIR_NUMBER_SIZE];

	if (text == NULL)
		text = fhir_concept(json_object_get(from, "valueCodeableConcept"));
	if (text == NULL)
		text = fhir_text(from, "valueDateTime");
	if (text == NULL && json_is_boolean(flag))
		text = json_is_true(flag) ? "yes" : "no";
	if (fhir_number(json_object_get(quantity, "value"), number)) {
		buf_printf(&work->buf, "%s%s", comparator != NULL ? comparator : "", number);
		fhir_put_buf(work, "value");
		fhir_put(work, "unit", unit != NULL ? unit : fhir_text(quantity, "code"));
		return true;
	}
	if (text == NULL && fhir_number(json_object_get(from, "valueInteger"), number))
		text = number;
	fhir_put(work, "value", text);
	return text != NULL;
}

/* What the observation's own record and those of its components have in common. */
static void put_circumstances(struct fhir_work *work)
{
	const json_t *observation = work->slot->resource;
	const char *when = fhir_text(observation, "effectiveDateTime"), *issued = fhir_text(observation, "issued");
	const char *status = fhir_text(observation, "status");
	const struct fhir_slot *visit = fhir_resolve(work, fhir_text(observation, "encounter.reference"));

	if (when == NULL)
		when = fhir_text(observation, "effectivePeriod.start");
	if (when == NULL)
		when = fhir_text(observation, "effectiveInstant");
	fhir_put_time(work, "observed_at", when);
	fhir_put(work, "method", fhir_concept(json_object_get(observation, "method")));
	if (visit != NULL && visit->made && strcmp(visit->type, "Encounter") == 0)
		fhir_put_id(work, "visit", &visit->id);
	fhir_put(work, "note", fhir_text(observation, "note.text"));
	fhir_put_word(work, "status", status);
	if (status != NULL && strcmp(status, "final") == 0)
		fhir_put_time(work, "closed_at", issued != NULL ? issued : when);
}

/* A component's name within its observation: its code, and which of those with this code it is. */
static void component_part(const json_t *components, size_t at, char part[PART_SIZE])
{
	const char *code = fhir_text(json_array_get(components, at), "code.coding.code");
	unsigned same = 0;

	if (code == NULL)
		code = "";
	for (size_t i = 0; i < at; i++) {
		const char *other = fhir_text(json_array_get(components, i), "code.coding.code");

		same += strcmp(other != NULL ? other : "", code) == 0 ? 1U : 0U;
	}
	(void)snprintf(part, PART_SIZE, "component %u %s", same, code);
}

/* One record of the observation itself (part NULL) or of a component. *made_out: it had a value. */
static const char *keep_value(struct fhir_work *work, const json_t *from, const char *part, const struct id *whole,
			      bool *made_out)
{
	const char *reason;

	fhir_draft(work, "observation", part);
	if (!put_value(work, from))
		return NULL;
	fhir_code(&work->buf, json_object_get(from, "code"));
	if (work->buf.len == 0)
		return "no code";
	fhir_put_buf(work, "code");
	fhir_put(work, "text", fhir_concept(json_object_get(from, "code")));
	put_circumstances(work);
	if (whole != NULL)
		fhir_put_id(work, "derived_from", whole);
	reason = fhir_keep(work);
	*made_out = reason == NULL;
	return reason;
}

static bool is_taken(const json_t *observation)
{
	const json_t *categories = json_object_get(observation, "category");
	const json_t *code = json_object_get(observation, "code");

	if (fhir_has_code(categories, "vital-signs"))
		return true;
	for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++)
		if (fhir_has_code(code, CODES[i]))
			return true;
	return false;
}

static const char *why_not(const json_t *observation)
{
	static const struct word reasons[] = {
		{ "laboratory", "laboratory" },
		{ "survey", "survey without a score" },
		{ "social-history", "social history" },
		{ "exam", "examination" },
	};
	const json_t *categories = json_object_get(observation, "category");

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (fhir_has_code(categories, reasons[i].theirs))
			return reasons[i].ours;
	return "neither vital sign nor score";
}

const char *fhir_map_observation(struct fhir_work *work)
{
	const json_t *observation = work->slot->resource, *components = json_object_get(observation, "component");
	bool whole = false, part = false;
	const char *reason;
	struct id id;

	if (!is_taken(observation))
		return why_not(observation);
	reason = keep_value(work, observation, NULL, NULL, &whole);
	id = work->draft.id;
	for (size_t i = 0; reason == NULL && i < json_array_size(components); i++) {
		char name[PART_SIZE];
		bool made = false;

		component_part(components, i, name);
		reason = keep_value(work, json_array_get(components, i), name, whole ? &id : NULL, &made);
		part = part || made;
	}
	if (reason == NULL && !whole && !part)
		return "no value";
	return reason;
}
