#include "daemon/signing.h"

#include <string.h>

#include "common/closing.h"
#include "common/signature.h"
#include "daemon/addenda.h"

static const char *const SIGNATURE = "signature"; /* the group that holds a note's status, signer, time and digest */

static bool kind_is(const struct trial *trial, const char *name)
{
	return strcmp(trial->change->kind->name, name) == 0;
}

static const struct value *field_of(const struct kind *kind, const struct row *row, const char *name)
{
	return &row->values[kind_field(kind, name, strlen(name))];
}

static bool word_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

static uint64_t field_bit(const struct kind *kind, const char *name)
{
	return UINT64_C(1) << kind_field(kind, name, strlen(name));
}

/* --- may it be? --- */

/* The same signature once more is none. */
static bool signs_anew(const struct trial *trial)
{
	const struct kind *kind = trial->change->kind;
	const uint64_t mask = field_bit(kind, "signed_by") | field_bit(kind, "signed_at") | field_bit(kind, "digest");

	return !row_equal(&trial->change->row, &trial->record->row, mask);
}

static bool change_signs(const struct trial *trial)
{
	const struct change *change = trial->change;
	const struct value *status;

	if (!kind_is(trial, "note") || (change->mask & field_bit(change->kind, "status")) == 0)
		return false;
	status = field_of(change->kind, &change->row, "status");
	if (trial->closed)
		return word_is(status, CLOSING_SIGNED) && signs_anew(trial);
	return word_is(status, CLOSING_SIGNED) || word_is(status, CLOSING_AMENDED);
}

/* Does the field name whose change it is? */
static bool names_author(const struct trial *trial, const char *field)
{
	const struct value *by = field_of(trial->change->kind, &trial->change->row, field);
	struct id worker;

	return by->tag == VALUE_TEXT && id_parse(by->text, by->len, &worker) &&
	       id_equal(&worker, &trial->source->author);
}

/* The centre takes in notes that were signed elsewhere: in another's name, and sealed by nothing. */
static enum status admit_signature(struct trial *trial)
{
	const struct change *change = trial->change;
	const uint64_t covered = closing_signed_mask(change->kind);
	const bool foreign = trial->source->device == 0;
	bool good = (change->mask & covered) == covered && (foreign || names_author(trial, "signed_by"));
	enum status st = ST_OK;

	if (good && !(foreign && field_of(change->kind, &change->row, "digest")->tag == VALUE_NULL)) {
		st = signature_check(change->kind, &change->id,
				     change->create ? &change->patient : &trial->record->patient, &change->row);
		good = st == ST_OK;
	}
	if (st != ST_OK && st != ST_INVALID && st != ST_LIMIT)
		return st;
	if (!good)
		trial_hold(trial, HELD_INVALID, "a signature carries all that it signs, in its author's name",
			   change->kind, &change->id);
	return ST_OK;
}

/* What is added to a note is in the name of who adds it. */
static void admit_addendum(struct trial *trial)
{
	const struct change *change = trial->change;
	const struct value *author = field_of(change->kind, &change->row, "author");

	if (trial->source->device == 0 || (change->mask & field_bit(change->kind, "author")) == 0 ||
	    author->tag == VALUE_NULL || names_author(trial, "author") ||
	    (trial->exists && value_equal(author, field_of(change->kind, &trial->record->row, "author"))))
		return;
	trial_hold(trial, HELD_INVALID, "an addendum is in its author's name", change->kind, &change->id);
}

/* A note is added to, and a decision that comes too late loses; all else is held. */
static void admit_closed(struct trial *trial)
{
	const struct change *change = trial->change;

	if (kind_is(trial, "note") || trial->decision)
		return;
	if (change->deletes ||
	    !closing_allows(change->kind, &trial->record->row, &change->row, change->mask))
		trial_hold(trial, HELD_CLOSED, "it would alter what stays of a closed record", change->kind,
			   &change->id);
}

enum status signing_admit(struct trial *trial)
{
	const struct kind *kind = trial->change->kind;

	trial->closed = trial->exists && closing_is_closed(kind, &trial->record->row);
	trial->signs = change_signs(trial);
	if (trial->closed)
		admit_closed(trial);
	else if (kind_is(trial, "addendum"))
		admit_addendum(trial);
	return trial->signs ? admit_signature(trial) : ST_OK;
}

/* --- what becomes of a group --- */

/* Amended is the centre's word. */
static bool moves_on(const struct trial *trial, const struct group *group)
{
	const struct change *change = trial->change;
	const int status = kind_field(change->kind, "status", 6);

	if (trial->source->device && status >= 0 && word_is(&change->row.values[status], CLOSING_AMENDED))
		return false;
	return closing_allows(change->kind, &trial->record->row, &change->row, group->mask);
}

bool signing_rules(const struct trial *trial, const struct group *group, struct judgement *judgement_out)
{
	const struct change *change = trial->change;
	const bool stays = trial->closed && (group->mask & change->kind->mask_stays) != 0;
	struct judgement judgement = { .verdict = VERDICT_ACCEPTED };

	if (!stays && (trial->closed || !trial->signs))
		return false;
	if (row_equal(&change->row, &trial->record->row, group->mask))
		judgement.verdict = VERDICT_SAME;
	else if (stays && !moves_on(trial, group))
		judgement.verdict = VERDICT_SUPERSEDED;
	*judgement_out = judgement;
	return true;
}

/* --- what it brings about --- */

/* A signed note that something was added to. */
static enum status amend(struct intake *in, const struct id *author, const struct id *note)
{
	const struct kind *kind = schema_kind(in->schema, "note", 4);
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	struct outcome outcome;
	enum status st;

	if (!record || !change)
		return ST_NOMEM;
	st = in->store->ops->record_get(in->store, kind, note, in->arena, record);
	if (st != ST_OK || !word_is(field_of(kind, &record->row, "status"), CLOSING_SIGNED))
		return st == ST_NOT_FOUND ? ST_OK : st;
	change->kind = kind;
	change->id = *note;
	change->row = record->row;
	change->row.values[kind_field(kind, "status", 6)] = value_string(CLOSING_AMENDED);
	change->groups[change->group_count++].num =
		kind->groups[kind_group(kind, SIGNATURE, strlen(SIGNATURE))].num;
	return intake_own(in, author, change, &outcome);
}

static bool note_of(const struct kind *addendum, const struct row *row, struct id *out)
{
	const struct value *note = field_of(addendum, row, "note");

	return note->tag == VALUE_TEXT && id_parse(note->text, note->len, out);
}

struct search {
	const struct id *note;
	bool found;
};

static enum status search_visit(void *ctx, const struct record *addendum)
{
	struct search *search = ctx;
	struct id note;

	if (!addendum->deleted && note_of(addendum->kind, &addendum->row, &note))
		search->found |= id_equal(&note, search->note);
	return ST_OK;
}

static enum status note_signed(struct trial *trial, const struct history *row)
{
	struct intake *in = trial->in;
	struct search search = { .note = &trial->record->id };
	enum status st = trial->change->create ? ST_OK : addenda_unseen(trial, row);

	if (st == ST_OK)
		st = in->store->ops->record_each(in->store, schema_kind(in->schema, "addendum", 8),
						 &trial->record->patient, search_visit, &search);
	return st == ST_OK && search.found ? amend(in, &trial->source->author, search.note) : st;
}

enum status signing_effects(struct trial *trial, const struct history *row)
{
	struct id note;

	if (kind_is(trial, "note") && trial->closed)
		return addenda_late(trial, row);
	if (kind_is(trial, "note") && trial->signs)
		return note_signed(trial, row);
	if (kind_is(trial, "addendum") && trial->change->create &&
	    note_of(trial->change->kind, &trial->record->row, &note))
		return amend(trial->in, &trial->source->author, &note);
	if (kind_is(trial, "conflict") && !trial->change->create)
		return addenda_decided(trial, row);
	return ST_OK;
}
