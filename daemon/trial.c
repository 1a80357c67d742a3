#include "daemon/trial.h"

#include <assert.h>
#include <string.h>

#include "common/buf.h"

/* "…: KIND/ID", cut to what a held row has room for. */
static void detail_set(struct hold *hold, const char *detail, const struct kind *kind, const struct id *id)
{
	char text[ID_TEXT_SIZE];
	struct buf buf;

	buf_init(&buf, sizeof hold->detail - 1);
	buf_add_str(&buf, detail);
	if (kind) {
		id_format(id, text);
		buf_printf(&buf, ": %s/%s", kind->name, text);
	}
	memset(hold->detail, 0, sizeof hold->detail);
	memcpy(hold->detail, buf_str(&buf), buf.len);
	buf_close(&buf);
}

void trial_hold(struct trial *trial, enum held_reason reason, const char *detail, const struct kind *kind,
		const struct id *id)
{
	assert(reason != HELD_NONE);
	trial->hold = (struct hold){ .reason = reason };
	detail_set(&trial->hold, detail, kind, id);
}

void trial_wait(struct trial *trial, const struct kind *kind, const struct id *id)
{
	assert(trial->hold.reason != HELD_NONE);
	trial->hold.wait_kind = kind->num;
	trial->hold.wait_id = *id;
}

const struct kind *trial_patients(const struct intake *in)
{
	const struct kind *kind = in->schema->kinds;

	while (!kind->is_patient)
		kind++;
	assert(kind < in->schema->kinds + in->schema->kind_count);
	return kind;
}

enum status trial_keep(struct arena *arena, struct row *row, uint64_t mask)
{
	for (size_t f = 0; f < SCHEMA_FIELDS_MAX; f++) {
		struct value *value = &row->values[f];

		if (!(mask >> f & 1) || value->tag != VALUE_TEXT)
			continue;
		value->text = arena_copy(arena, value->text, value->len);
		if (!value->text)
			return ST_NOMEM;
	}
	return ST_OK;
}

/* A body that can't be taken as it is: which hold? Other failures are the world's. */
static enum status hold_unread(struct trial *trial, enum status st, const struct field *field)
{
	struct buf detail;

	switch ((int)st) {
	case ST_PROTOCOL:
		memset(trial->change, 0, sizeof *trial->change);
		trial_hold(trial, HELD_UNREADABLE, "the bytes are no change", NULL, NULL);
		return ST_OK;
	case ST_UNKNOWN:
		trial_hold(trial, HELD_UNKNOWN, "it names a kind, field or group that this centre does not know", NULL, NULL);
		return ST_OK;
	case ST_INVALID:
	case ST_LIMIT:
		buf_init(&detail, sizeof trial->hold.detail);
		buf_printf(&detail, "%s: %s", st == ST_LIMIT ? "too large" : "not of its form",
			   field ? field->name : "the change");
		trial_hold(trial, HELD_INVALID, buf_str(&detail), NULL, NULL);
		buf_close(&detail);
		return ST_OK;
	default:
		return st;
	}
}

static enum status load_record(struct trial *trial)
{
	const struct change *change = trial->change;
	struct store *store = trial->in->store;
	enum status st;
	int worker;

	trial->record = arena_zalloc(trial->in->arena, sizeof *trial->record);
	if (!trial->record)
		return ST_NOMEM;
	st = store->ops->record_get(store, change->kind, &change->id, trial->in->arena, trial->record);
	trial->exists = st == ST_OK;
	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	if (!trial->exists) {
		memset(trial->record, 0, sizeof *trial->record);
		trial->record->kind = change->kind;
		trial->record->id = change->id;
		trial->record->patient = change->patient;
		return ST_OK;
	}
	worker = strcmp(change->kind->name, "assignment") == 0 ? kind_field(change->kind, "worker", 6) : -1;
	if (worker >= 0 && trial->record->row.values[worker].tag == VALUE_TEXT)
		(void)id_parse(trial->record->row.values[worker].text, trial->record->row.values[worker].len,
			       &trial->worker_before);
	return ST_OK;
}

enum status trial_open(struct trial **out, struct intake *in, const struct intake_source *source, enum trial_as as,
		       const void *body, size_t len)
{
	struct trial *trial = arena_zalloc(in->arena, sizeof *trial);
	const struct field *field = NULL;
	enum status st;

	if (!trial)
		return ST_NOMEM;
	trial->change = arena_zalloc(in->arena, sizeof *trial->change);
	if (!trial->change)
		return ST_NOMEM;
	trial->in = in;
	trial->source = source;
	trial->as = as;
	st = change_decode(in->schema, body, len, in->arena, trial->change, &field);
	if (st != ST_OK)
		st = hold_unread(trial, st, field);
	if (st == ST_OK && trial->change->kind)
		st = load_record(trial);
	if (st == ST_OK)
		*out = trial;
	return st;
}

enum status trial_run(struct trial **out, struct intake *in, const struct intake_source *source, enum trial_as as,
		      const struct history *of)
{
	struct trial *trial = NULL;
	enum status st = trial_open(&trial, in, source, as, of->body.data, of->body.len);

	if (st == ST_OK)
		trial->again = of;
	if (st == ST_OK && trial->hold.reason == HELD_NONE)
		st = trial_admit(trial);
	if (st == ST_OK && trial->hold.reason == HELD_NONE)
		st = trial_judge(trial);
	if (st == ST_OK)
		*out = trial;
	return st;
}

void trial_taken(const struct trial *trial, uint64_t seq, struct taken *taken_out)
{
	struct taken taken = { .seq = seq };

	if (trial->hold.reason != HELD_NONE) {
		*taken_out = taken;
		return;
	}
	taken.kind = trial->change->kind;
	taken.id = trial->change->id;
	for (size_t i = 0; i < trial->ruling_count; i++) {
		const struct ruling *ruling = &trial->rulings[i];
		bool lost = ruling->verdict == VERDICT_SUPERSEDED || ruling->verdict == VERDICT_MERGED;

		if (ruling->index < 0)
			taken.whole |= lost || trial->change->restores;
		else if (lost)
			taken.standing_mask |= taken.kind->groups[ruling->index].mask;
		else if (ruling->moves)
			taken.accepted_mask |= taken.kind->groups[ruling->index].mask;
	}
	*taken_out = taken;
}
