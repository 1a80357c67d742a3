#include "daemon/effects.h"

#include <string.h>

#include "daemon/conflict.h"
#include "daemon/heldwork.h"
#include "daemon/late.h"
#include "daemon/series.h"
#include "daemon/signing.h"
#include "daemon/term.h"

static bool kind_is(const struct trial *trial, const char *name)
{
	return strcmp(trial->change->kind->name, name) == 0;
}

static enum status open_conflicts(struct trial *trial, const struct history *row)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < trial->ruling_count && st == ST_OK; i++) {
		const struct ruling *ruling = &trial->rulings[i];

		const struct lost lost = {
			.row = row, .values = ruling->spot_count > 0 ? &trial->others : &trial->change->row,
			.spots = ruling->spots, .spot_count = ruling->spot_count, .stood = &ruling->stood,
		};

		if (!ruling->conflict)
			continue;
		st = conflict_open(trial->in, trial->record, &trial->record->kind->groups[ruling->index], &lost);
		env_crash_point(trial->in->env, "B11 loser stored");
	}
	return st;
}

/* --- membership --- */

/* Bring one membership in line with the assignments that are in force. */
static enum status member_follow(struct intake *in, const struct id *worker, const struct id *patient, uint64_t seq)
{
	struct store *store = in->store;
	bool assigned = false, member = false;
	enum status st = store->ops->term_in_force(store, worker, patient, &assigned);

	if (st == ST_OK)
		st = store->ops->member_is(store, worker, patient, &member);
	if (st != ST_OK || assigned == member)
		return st;
	if (!assigned)
		return store->ops->member_close(store, worker, patient, seq);
	st = store->ops->member_open(store, worker, patient, seq);
	return st == ST_OK ? held_wake(in, trial_patients(in), patient) : st;
}

static enum status follow_assignment(struct trial *trial, const struct history *row)
{
	const struct record *record = trial->record;
	struct store *store = trial->in->store;
	struct term term;
	enum status st;

	term_of(record, trial->in->now_ms, &term);
	st = store->ops->term_put(store, &term);
	if (st == ST_OK && !id_is_zero(&term.worker))
		st = member_follow(trial->in, &term.worker, &record->patient, row->seq);
	if (st == ST_OK && !id_is_zero(&trial->worker_before) && !id_equal(&term.worker, &trial->worker_before))
		st = member_follow(trial->in, &trial->worker_before, &record->patient, row->seq);
	env_crash_point(trial->in->env, "B19 reassign");
	return st;
}

/* --- the author of a patient created on a tablet --- */

static void assignment_id(const struct id *patient, const struct id *worker, struct id *out)
{
	const struct part parts[] = { { patient->bytes, ID_SIZE }, { worker->bytes, ID_SIZE } };
	struct digest digest;

	digest_of(&digest, "assignment", parts, 2);
	id_from_digest(out, digest.bytes);
}

static void set_field(struct change *change, const char *field, struct value value)
{
	int f = kind_field(change->kind, field, strlen(field));

	if (f >= 0)
		change->row.values[f] = value;
}

static enum status assign_author(struct trial *trial, const struct id *author)
{
	struct intake *in = trial->in;
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	char worker[ID_TEXT_SIZE];
	struct outcome outcome;

	if (!change)
		return ST_NOMEM;
	change->kind = schema_kind(in->schema, "assignment", 10);
	if (!change->kind)
		return ST_OK;
	change->create = true;
	change->patient = trial->change->id;
	assignment_id(&trial->change->id, author, &change->id);
	id_format(author, worker);
	set_field(change, "worker", value_text(worker, ID_TEXT_LEN));
	set_field(change, "reason", value_string("own"));
	set_field(change, "starts", value_int(in->now_ms));
	return intake_own(in, author, change, &outcome);
}

/* --- decisions --- */

static bool decides(const struct trial *trial)
{
	int group = kind_group(trial->change->kind, "decision", 8);
	int field = kind_field(trial->change->kind, "decision", 8);

	if (group < 0 || field < 0 || trial->change->row.values[field].tag == VALUE_NULL)
		return false;
	for (size_t i = 0; i < trial->ruling_count; i++)
		if (trial->rulings[i].index == group && trial->rulings[i].moves)
			return true;
	return false;
}

enum status effects_of(struct trial *trial, const struct history *row)
{
	struct intake *in = trial->in;
	enum status st = open_conflicts(trial, row);

	if (st == ST_OK && kind_is(trial, "assignment"))
		st = follow_assignment(trial, row);
	if (st == ST_OK && trial->change->create && trial->change->kind->is_patient && trial->source->device)
		st = assign_author(trial, &trial->source->author);
	if (st == ST_OK && kind_is(trial, "conflict") && !trial->change->create && decides(trial))
		st = conflict_decide(in, trial->record, row);
	if (st == ST_OK)
		st = signing_effects(trial, row);
	if (st == ST_OK)
		st = series_effects(trial);
	if (st == ST_OK)
		st = late_effects(trial);
	if (st == ST_OK && trial->change->create)
		st = held_wake(in, trial->change->kind, &trial->change->id);
	return st;
}
