/* Who the patient is and what was agreed: Patient, Condition, CarePlan, Goal; and the table of all types. */
#include <string.h>

#include "daemon/fhir_json.h"
#include "daemon/fhir_map.h"

#define GEOLOCATION "http://hl7.org/fhir/StructureDefinition/geolocation"
#define INTERPRETER "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"

const struct fhir_map FHIR_MAPS[] = {
	{ "Patient", fhir_map_patient, NULL },
	{ "Condition", fhir_map_need, NULL },
	{ "CarePlan", fhir_map_plan, NULL },
	{ "Goal", fhir_map_goal, NULL },
	{ "MedicationRequest", fhir_map_medication, NULL },
	{ "MedicationStatement", fhir_map_medication, NULL },
	{ "AllergyIntolerance", fhir_map_allergy, NULL },
	{ "Encounter", fhir_map_visit, NULL },
	{ "Observation", fhir_map_observation, NULL },
	{ "Claim", NULL, "billing" },
	{ "ClaimResponse", NULL, "billing" },
	{ "Coverage", NULL, "billing" },
	{ "ExplanationOfBenefit", NULL, "billing" },
	{ "Organization", NULL, "directory, not a patient's record" },
	{ "Practitioner", NULL, "directory, not a patient's record" },
	{ "PractitionerRole", NULL, "directory, not a patient's record" },
	{ "Location", NULL, "directory, not a patient's record" },
	{ "Medication", NULL, "read through the prescription that names it" },
	{ "Procedure", NULL, "done elsewhere, not part of a home-visit record" },
	{ "Immunization", NULL, "done elsewhere, not part of a home-visit record" },
	{ "DiagnosticReport", NULL, "laboratory and imaging" },
	{ "ImagingStudy", NULL, "laboratory and imaging" },
};
const size_t FHIR_MAPS_COUNT = sizeof FHIR_MAPS / sizeof FHIR_MAPS[0];

static bool is(const char *text, const char *word)
{
	return text != NULL && strcmp(text, word) == 0;
}

/* The first element of an array whose key has the value. */
static const json_t *element_with(const json_t *array, const char *key, const char *value)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (is(fhir_text(json_array_get(array, i), key), value))
			return json_array_get(array, i);
	return NULL;
}

void fhir_person(struct fhir_work *work, const json_t *reference)
{
	const struct fhir_slot *slot = fhir_resolve(work, fhir_text(reference, "reference"));

	if (fhir_text(reference, "display") != NULL)
		buf_add_str(&work->buf, fhir_text(reference, "display"));
	else if (slot != NULL && json_is_array(json_object_get(slot->resource, "name")))
		fhir_name(&work->buf, json_array_get(json_object_get(slot->resource, "name"), 0), true);
	else if (slot != NULL && fhir_text(slot->resource, "name") != NULL)
		buf_add_str(&work->buf, fhir_text(slot->resource, "name"));
}

/* The name a person goes by in papers; never the one before marriage while there is another. */
static const json_t *name_official(const json_t *names)
{
	const json_t *name = element_with(names, "use", "official");

	if (name == NULL)
		name = element_with(names, "use", "usual");
	for (size_t i = 0; name == NULL && i < json_array_size(names); i++) {
		const char *use = fhir_text(json_array_get(names, i), "use");

		if (!is(use, "maiden") && !is(use, "old") && !is(use, "nickname"))
			name = json_array_get(names, i);
	}
	return name != NULL ? name : json_array_get(names, 0);
}

/* "MR|4711": what the number is, by its type or by who gave it. */
static void put_identifiers(struct fhir_work *work, const json_t *identifiers)
{
	json_t *members = json_array();

	for (size_t i = 0; i < json_array_size(identifiers); i++) {
		const json_t *identifier = json_array_get(identifiers, i);
		const char *type = fhir_text(identifier, "type.coding.code");
		const char *system = fhir_text(identifier, "system");
		const char *value = fhir_text(identifier, "value");

		if (value == NULL)
			continue;
		if (type == NULL)
			type = system != NULL ? fhir_last_part(system) : "id";
		if (json_array_append_new(members, json_sprintf("%s|%s", type, value)) != 0)
			work->status = ST_NOMEM;
	}
	fhir_put_set(work, "identifiers", members);
	json_decref(members);
}

static void put_position(struct fhir_work *work, const json_t *address)
{
	const json_t *place = element_with(json_object_get(address, "extension"), "url", GEOLOCATION);
	const json_t *parts = json_object_get(place, "extension");
	char latitude[FHIR_NUMBER_SIZE], longitude[FHIR_NUMBER_SIZE];

	if (!fhir_number(fhir_at(element_with(parts, "url", "latitude"), "valueDecimal"), latitude) ||
	    !fhir_number(fhir_at(element_with(parts, "url", "longitude"), "valueDecimal"), longitude))
		return;
	buf_printf(&work->buf, "%s,%s", latitude, longitude);
	fhir_put_buf(work, "position");
}

static void put_address(struct fhir_work *work, const json_t *addresses)
{
	const json_t *address = element_with(addresses, "use", "home");

	for (size_t i = 0; address == NULL && i < json_array_size(addresses); i++)
		if (!is(fhir_text(json_array_get(addresses, i), "use"), "old"))
			address = json_array_get(addresses, i);
	fhir_join(&work->buf, json_object_get(address, "line"), ", ");
	fhir_put_buf(work, "street");
	fhir_put(work, "city", fhir_text(address, "city"));
	fhir_put(work, "region", fhir_text(address, "state"));
	fhir_put(work, "postal_code", fhir_text(address, "postalCode"));
	fhir_put(work, "country", fhir_text(address, "country"));
	put_position(work, address);
}

static void put_phones(struct fhir_work *work, const json_t *telecoms)
{
	static const char *const fields[] = { "phone", "phone_other" };
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(telecoms) && count < 2; i++) {
		const json_t *telecom = json_array_get(telecoms, i);

		if (is(fhir_text(telecom, "system"), "phone") && !is(fhir_text(telecom, "use"), "old") &&
		    fhir_text(telecom, "value") != NULL)
			fhir_put(work, fields[count++], fhir_text(telecom, "value"));
	}
}

static void put_language(struct fhir_work *work, const json_t *communications)
{
	const json_t *chosen = json_array_get(communications, 0);

	for (size_t i = 0; i < json_array_size(communications); i++)
		if (json_is_true(json_object_get(json_array_get(communications, i), "preferred")))
			chosen = json_array_get(communications, i);
	fhir_put(work, "language", fhir_concept(json_object_get(chosen, "language")));
}

static void put_life(struct fhir_work *work, const json_t *patient)
{
	const char *died = fhir_text(patient, "deceasedDateTime");
	const json_t *active = json_object_get(patient, "active");
	bool deceased = died != NULL || json_is_true(json_object_get(patient, "deceasedBoolean"));

	if (deceased)
		fhir_put_int(work, "deceased", 1);
	fhir_put_date(work, "deceased_date", died);
	fhir_put(work, "status", json_is_false(active) || (deceased && !json_is_true(active)) ? "closed" : "active");
	if (deceased && !json_is_true(active))
		fhir_put(work, "closed_reason", "deceased");
}

const char *fhir_map_patient(struct fhir_work *work)
{
	const json_t *patient = work->slot->resource, *names = json_object_get(patient, "name");
	const json_t *interpreter = element_with(json_object_get(patient, "extension"), "url", INTERPRETER);

	fhir_draft(work, "patient", NULL);
	fhir_name(&work->buf, name_official(names), false);
	if (work->buf.len == 0)
		return "no name";
	fhir_put_buf(work, "name");
	if (element_with(names, "use", "nickname") != NULL)
		fhir_name(&work->buf, element_with(names, "use", "nickname"), false);
	fhir_put_buf(work, "preferred_name");
	fhir_put_date(work, "birth_date", fhir_text(patient, "birthDate"));
	put_identifiers(work, json_object_get(patient, "identifier"));
	fhir_put_word(work, "gender", fhir_text(patient, "gender"));
	put_language(work, json_object_get(patient, "communication"));
	if (json_is_boolean(fhir_at(interpreter, "valueBoolean")))
		fhir_put_int(work, "interpreter", json_is_true(fhir_at(interpreter, "valueBoolean")) ? 1 : 0);
	put_address(work, json_object_get(patient, "address"));
	put_phones(work, json_object_get(patient, "telecom"));
	put_life(work, patient);
	return fhir_keep(work);
}

const char *fhir_map_need(struct fhir_work *work)
{
	const json_t *condition = work->slot->resource, *code = json_object_get(condition, "code");
	const json_t *verification = json_object_get(condition, "verificationStatus");
	const char *status = fhir_text(condition, "clinicalStatus.coding.code");
	const char *onset = fhir_text(condition, "onsetDateTime");

	if (fhir_has_code(verification, "refuted"))
		return "refuted";
	if (fhir_concept(code) == NULL)
		return "no code and no text";
	if (fhir_has_code(verification, "entered-in-error"))
		status = "entered-in-error";
	else if (status == NULL && fhir_text(condition, "abatementDateTime") != NULL)
		status = "resolved";
	fhir_draft(work, "need", NULL);
	fhir_code(&work->buf, code);
	fhir_put_buf(work, "code");
	fhir_put(work, "text", fhir_concept(code));
	fhir_put_word(work, "status", status);
	fhir_put_date(work, "onset", onset != NULL ? onset : fhir_text(condition, "onsetPeriod.start"));
	fhir_person(work, json_object_get(condition, "recorder"));
	fhir_put_buf(work, "source");
	return fhir_keep(work);
}

/* The ids of the needs that a plan addresses, as far as they became records. */
static void put_needs(struct fhir_work *work, const json_t *addresses)
{
	json_t *members = json_array();

	for (size_t i = 0; i < json_array_size(addresses); i++) {
		const struct fhir_slot *slot = fhir_resolve(work, fhir_text(json_array_get(addresses, i), "reference"));
		char text[ID_TEXT_SIZE];

		if (slot == NULL || !slot->made || strcmp(slot->type, "Condition") != 0)
			continue;
		id_format(&slot->id, text);
		if (json_array_append_new(members, json_string(text)) != 0)
			work->status = ST_NOMEM;
	}
	fhir_put_set(work, "needs", members);
	json_decref(members);
}

/* One line an activity: what it is, and how far it has come. */
static void put_activities(struct fhir_work *work, const json_t *activities)
{
	for (size_t i = 0; i < json_array_size(activities); i++) {
		const json_t *detail = json_object_get(json_array_get(activities, i), "detail");
		const char *text = fhir_concept(json_object_get(detail, "code"));

		if (text == NULL)
			text = fhir_text(detail, "description");
		if (text == NULL)
			continue;
		buf_printf(&work->buf, "%s- %s", work->buf.len > 0 ? "\n" : "", text);
		if (fhir_text(detail, "status") != NULL)
			buf_printf(&work->buf, " (%s)", fhir_text(detail, "status"));
	}
	fhir_put_buf(work, "activities");
}

static void put_categories(struct fhir_work *work, const json_t *categories)
{
	json_t *members = json_array();

	for (size_t i = 0; i < json_array_size(categories); i++) {
		const char *text = fhir_concept(json_array_get(categories, i));

		if (text != NULL && json_array_append_new(members, json_string(text)) != 0)
			work->status = ST_NOMEM;
	}
	fhir_put_set(work, "category", members);
	json_decref(members);
}

/* FHIR links from the plan to its goals, we from a goal to its plan: the first plan that names it. */
static void link_goals(struct fhir_work *work, const json_t *goals)
{
	for (size_t i = 0; i < json_array_size(goals); i++) {
		struct fhir_slot *goal = fhir_resolve(work, fhir_text(json_array_get(goals, i), "reference"));

		if (goal == NULL || goal->linked || strcmp(goal->type, "Goal") != 0)
			continue;
		goal->plan = work->draft.id;
		goal->linked = true;
	}
}

const char *fhir_map_plan(struct fhir_work *work)
{
	const json_t *plan = work->slot->resource, *categories = json_object_get(plan, "category");
	const char *reason;

	fhir_draft(work, "plan", NULL);
	if (fhir_text(plan, "title") != NULL)
		fhir_put(work, "title", fhir_text(plan, "title"));
	else
		fhir_put(work, "title", fhir_concept(json_array_get(categories, 0)));
	put_categories(work, categories);
	fhir_put_date(work, "period_from", fhir_text(plan, "period.start"));
	fhir_put_date(work, "period_to", fhir_text(plan, "period.end"));
	fhir_put_word(work, "status", fhir_text(plan, "status"));
	put_activities(work, json_object_get(plan, "activity"));
	put_needs(work, json_object_get(plan, "addresses"));
	reason = fhir_keep(work);
	if (reason == NULL)
		link_goals(work, json_object_get(plan, "goal"));
	return reason;
}

static void put_target(struct fhir_work *work, const json_t *target)
{
	char number[FHIR_NUMBER_SIZE];

	fhir_put(work, "measure", fhir_concept(json_object_get(target, "measure")));
	fhir_put_date(work, "due", fhir_text(target, "dueDate"));
	if (fhir_text(target, "detailString") != NULL)
		buf_add_str(&work->buf, fhir_text(target, "detailString"));
	else if (fhir_number(fhir_at(target, "detailQuantity.value"), number))
		buf_printf(&work->buf, "%s %s", number,
			   fhir_text(target, "detailQuantity.unit") != NULL ? fhir_text(target, "detailQuantity.unit")
									     : "");
	else if (fhir_concept(json_object_get(target, "detailCodeableConcept")) != NULL)
		buf_add_str(&work->buf, fhir_concept(json_object_get(target, "detailCodeableConcept")));
	fhir_put_buf(work, "target");
}

const char *fhir_map_goal(struct fhir_work *work)
{
	const json_t *goal = work->slot->resource;

	if (fhir_concept(json_object_get(goal, "description")) == NULL)
		return "no description";
	fhir_draft(work, "goal", NULL);
	fhir_put(work, "text", fhir_concept(json_object_get(goal, "description")));
	if (work->slot->linked)
		fhir_put_id(work, "plan", &work->slot->plan);
	put_target(work, json_array_get(json_object_get(goal, "target"), 0));
	fhir_put_word(work, "status", fhir_text(goal, "lifecycleStatus"));
	fhir_put(work, "status_reason", fhir_text(goal, "statusReason"));
	fhir_put(work, "progress", fhir_concept(json_object_get(goal, "achievementStatus")));
	return fhir_keep(work);
}
