/* admit.c - may this change be applied at all? Form, rights, scope, references (DESIGN.md section 6, Intake).
 *
 * What a tablet is told must not tell it more than it may see: "not in your
 * caseload" and "not known" are one answer. What is true stands in the held row's
 * detail, for the centre's people.
 */
#include <assert.h>
#include <string.h>

#include "daemon/conflict.h"
#include "daemon/late.h"
#include "daemon/signing.h"

static bool held(const struct trial *trial)
{
	return trial->hold.reason != HELD_NONE;
}

/* --- its own held create --- */

struct own_create {
	uint32_t device;
	const struct schema *schema;
	uint64_t seq; /* newest row that holds a create of this device; 0 = none */
};

static enum status own_create_visit(void *ctx, const struct history *row)
{
	struct own_create *own = ctx;
	struct change *change;
	struct arena arena;
	enum status st;

	if (row->device != own->device || row->result != OUTCOME_HELD || own->seq != 0)
		return ST_OK;
	arena_init(&arena, TRIAL_ARENA_MAX);
	change = arena_alloc(&arena, sizeof *change);
	st = change ? change_decode(own->schema, row->body.data, row->body.len, &arena, change, NULL) : ST_NOMEM;
	if (st != ST_NOMEM && change->create)
		own->seq = row->seq;
	arena_close(&arena);
	return st == ST_NOMEM ? st : ST_OK;
}

/* Is the record's create a change of this very tablet, held and not answered? */
static enum status own_create_is_held(const struct trial *trial, const struct kind *kind, const struct id *id,
				      bool *out)
{
	struct own_create own = { .device = trial->source->device, .schema = trial->in->schema };
	struct store *store = trial->in->store;
	struct held row;
	enum status st;

	*out = false;
	st = store->ops->history_of(store, kind, id, INT64_MAX, own_create_visit, &own);
	if (st != ST_OK || own.seq == 0)
		return st;
	st = store->ops->held_get(store, own.seq, &row);
	if (st == ST_OK)
		*out = row.state == HELD_OPEN;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Something is not there: wait for it. The staff is no secret; of all else a tablet learns that it waits only where
 * that is its own doing. */
static enum status hold_missing(struct trial *trial, const struct kind *kind, const struct id *id)
{
	bool tell = trial->as != TRIAL_TABLET || kind->is_staff;
	enum status st = ST_OK;

	if (!tell)
		st = own_create_is_held(trial, kind, id, &tell);
	if (st != ST_OK)
		return st;
	trial_hold(trial, tell ? HELD_WAITS : HELD_NOT_YOURS, "it waits for what has not arrived", kind, id);
	trial_wait(trial, kind, id);
	return ST_OK;
}

/* --- scope --- */

/* Is this patient the author's to write? */
static enum status admit_patient(struct trial *trial, const struct id *patient)
{
	struct store *store = trial->in->store;
	bool member = true;
	enum status st = ST_OK;

	if (trial->as == TRIAL_TABLET && !id_equal(patient, &ID_STAFF))
		st = store->ops->member_is(store, &trial->source->author, patient, &member);
	if (st == ST_OK && !member)
		st = late_admit(trial, patient, &trial->left_seq);
	if (st != ST_OK || member || trial->left_seq != 0)
		return st;
	trial_hold(trial, HELD_NOT_YOURS, "not in the care manager's caseload", trial_patients(trial->in), patient);
	trial_wait(trial, trial_patients(trial->in), patient);
	return ST_OK;
}

static enum status admit_create(struct trial *trial)
{
	const struct change *change = trial->change;
	const struct kind *patients = trial_patients(trial->in);
	struct store *store = trial->in->store;
	bool staff = id_equal(&change->patient, &ID_STAFF);
	struct id patient;
	bool deleted;
	enum status st;

	if (trial->exists) {
		trial_hold(trial, HELD_EXISTS, "a record with this id exists", change->kind, &change->id);
		return ST_OK;
	}
	if (id_is_zero(&change->id) || staff != change->kind->is_staff) {
		trial_hold(trial, HELD_INVALID, "the id of the record or of its patient is zero", NULL, NULL);
		return ST_OK;
	}
	if (change->kind->is_patient || staff)
		return ST_OK;
	st = store->ops->record_head(store, patients, &change->patient, &patient, &deleted);
	if (st == ST_NOT_FOUND)
		return hold_missing(trial, patients, &change->patient);
	return st == ST_OK ? admit_patient(trial, &change->patient) : st;
}

static enum status admit_edit(struct trial *trial)
{
	if (!trial->exists)
		return hold_missing(trial, trial->change->kind, &trial->change->id);
	return admit_patient(trial, &trial->record->patient);
}

/* --- rights --- */

/* A kind that a tablet cannot make whole is neither made nor deleted there. */
static bool centre_makes(const struct kind *kind)
{
	for (size_t f = 0; f < kind->field_count; f++)
		if (kind->fields[f].required && kind->fields[f].writer == WRITER_CENTRE)
			return true;
	return kind->writer == WRITER_CENTRE;
}

static void admit_kind(struct trial *trial)
{
	const struct change *change = trial->change;
	bool makes = change->create || change->deletes || change->restores;

	if (trial->as == TRIAL_CENTRE)
		return;
	if (change->kind->writer == WRITER_CENTRE || (makes && centre_makes(change->kind)))
		trial_hold(trial, HELD_RIGHTS, "only the centre writes this kind", change->kind, &change->id);
}

static void admit_fields(struct trial *trial)
{
	const struct change *change = trial->change;

	if (trial->as == TRIAL_CENTRE)
		return;
	for (size_t f = 0; f < change->kind->field_count; f++) {
		const struct value *value = &change->row.values[f];
		bool same = change->create ? value->tag == VALUE_NULL :
					     value_equal(value, &trial->record->row.values[f]);

		if (!(change->mask >> f & 1) || change->kind->fields[f].writer != WRITER_CENTRE || same)
			continue;
		trial_hold(trial, HELD_RIGHTS, change->kind->fields[f].name, NULL, NULL);
		return;
	}
}

/* --- form --- */

static void admit_form(struct trial *trial)
{
	const struct change *change = trial->change;
	const struct field *field = NULL;

	if (row_check(change->kind, &change->row, change->mask, true, &field) != ST_OK)
		trial_hold(trial, HELD_INVALID, field->name, NULL, NULL);
}

/* A decision must be readable, for it is carried out by itself. */
static enum status admit_decision(struct trial *trial)
{
	const struct change *change = trial->change;
	int f = strcmp(change->kind->name, "conflict") == 0 ? kind_field(change->kind, "decision", 8) : -1;
	enum status st;

	if (f < 0 || !(change->mask >> f & 1) || change->row.values[f].tag == VALUE_NULL)
		return ST_OK;
	st = conflict_check(trial->in, trial->record, &change->row.values[f]);
	if (st != ST_INVALID)
		return st;
	trial_hold(trial, HELD_INVALID, "the decision names no value that can be chosen", NULL, NULL);
	return ST_OK;
}

/* --- references --- */

/* What a field refers to: NULL for none, for any kind, and for the record itself. */
static const struct kind *referred(const struct trial *trial, size_t f, struct id *id_out)
{
	const struct change *change = trial->change;
	const struct field *field = &change->kind->fields[f];
	const struct value *value = &change->row.values[f];
	const struct kind *kind;

	if (!(change->mask >> f & 1) || field->type != TYPE_ID || value->tag != VALUE_TEXT || !field->values ||
	    field->values[0] == '\0')
		return NULL;
	if (trial->exists && value_equal(value, &trial->record->row.values[f]))
		return NULL;
	kind = schema_kind(trial->in->schema, field->values, strlen(field->values));
	if (!kind || !id_parse(value->text, value->len, id_out))
		return NULL;
	return kind == change->kind && id_equal(id_out, &change->id) ? NULL : kind;
}

/* Missing and of another patient are one answer. A reference to another patient's record waits for nothing: whose a
 * record is never changes. Two patients who are one person name each other; only the centre writes that. */
static enum status admit_reference(struct trial *trial, const struct kind *kind, const struct id *id)
{
	struct store *store = trial->in->store;
	struct id patient;
	bool deleted;
	enum status st = store->ops->record_head(store, kind, id, &patient, &deleted);

	if (st == ST_NOT_FOUND)
		return hold_missing(trial, kind, id);
	if (st == ST_OK && !kind->is_staff && !kind->is_patient && !id_equal(&patient, &trial->record->patient))
		trial_hold(trial, HELD_NOT_YOURS, "it refers to a record of another patient", kind, id);
	return st;
}

enum status trial_admit(struct trial *trial)
{
	const struct change *change = trial->change;
	enum status st = ST_OK;

	assert(change->kind && trial->record && !held(trial));
	admit_form(trial);
	if (!held(trial))
		admit_kind(trial);
	if (!held(trial))
		st = change->create ? admit_create(trial) : admit_edit(trial);
	if (st == ST_OK && !held(trial))
		admit_fields(trial);
	if (st == ST_OK && !held(trial))
		st = admit_decision(trial);
	if (st == ST_OK && !held(trial))
		st = signing_admit(trial);
	for (size_t f = 0; f < change->kind->field_count && st == ST_OK && !held(trial); f++) {
		struct id id;
		const struct kind *kind = referred(trial, f, &id);

		if (kind)
			st = admit_reference(trial, kind, &id);
	}
	return st;
}
