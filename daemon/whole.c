#include "daemon/whole.h"

#include <string.h>

#include "proto/brief.h"
#include "proto/limits.h"

struct source {
	struct intake *in;
	const struct device *device;
};

/* ST_NOT_FOUND: this care manager does not have the patient. */
static enum status mine(const struct source *source, const struct id *patient)
{
	struct store *store = source->in->store;
	bool member = false;
	enum status st = ST_OK;

	if (id_equal(patient, &ID_STAFF))
		return ST_OK;
	st = store->ops->member_is(store, &source->device->worker, patient, &member);
	return st == ST_OK && !member ? ST_NOT_FOUND : st;
}

/* Whose record it was; nothing of what this care manager does not have. */
static enum status find_record(const void *ctx, uint64_t seq, struct id *id_out)
{
	const struct source *source = ctx;
	struct store *store = source->in->store;
	struct history *row = arena_zalloc(source->in->arena, sizeof *row);
	enum status st = row == NULL ? ST_NOMEM : store->ops->history_get(store, seq, source->in->arena, row);

	if (st == ST_OK)
		st = mine(source, &row->patient);
	if (st == ST_OK)
		*id_out = row->id;
	return st;
}

/* The id may be that of a record of another kind and another patient: what the text is of is asked for once more. */
static enum status find_text(const void *ctx, uint64_t kind_num, const struct id *id, uint64_t field, uint64_t seq,
			     struct bytes *text_out)
{
	const struct source *source = ctx;
	struct intake *in = source->in;
	const struct kind *kind = schema_kind_num(in->schema, (unsigned)kind_num);
	const int f = kind == NULL || field > UINT8_MAX ? -1 : kind_field_num(kind, (unsigned)field);
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	struct row *row = arena_zalloc(in->arena, sizeof *row);
	enum status st = ST_OK;

	if (record == NULL || row == NULL)
		return ST_NOMEM;
	if (f < 0)
		return ST_NOT_FOUND;
	st = in->store->ops->record_get(in->store, kind, id, in->arena, record);
	if (st == ST_OK)
		st = mine(source, &record->patient);
	if (st == ST_OK)
		st = intake_value_at(in, kind, id, &kind->groups[kind->fields[f].group], seq, row);
	if (st == ST_OK && row->values[f].tag != VALUE_TEXT)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		*text_out = (struct bytes){ row->values[f].text, row->values[f].len };
	return st;
}

/* One change's body, in the arena. ST_NOT_FOUND: it can't be rebuilt. */
static enum status rebuild(const struct source *source, struct request_change *change, struct arena *arena)
{
	const struct brief_source from = { .ctx = source, .record = find_record, .text = find_text };
	struct buf body;
	enum status st;

	arena_reset(source->in->arena);
	buf_init(&body, LIMIT_CHANGE_MAX);
	st = brief_decode(&body, &change->brief, &from);
	if (st == ST_PROTOCOL || st == ST_LIMIT)
		st = ST_NOT_FOUND; /* whole, it is held as what it is */
	if (st == ST_OK) {
		change->body = (struct bytes){ arena_copy(arena, body.data, body.len), body.len };
		change->brief = (struct bytes){ .data = NULL };
		st = change->body.data == NULL ? ST_NOMEM : ST_OK;
	}
	buf_close(&body);
	return st;
}

/* Does the running digest come out as the tablet expects it, and is what was received before the same? */
static enum status check(const struct source *source, const struct request *request, bool *same_out)
{
	struct store *store = source->in->store;
	struct digest run = source->device->run;
	uint64_t n = source->device->last_n;
	enum status st = ST_OK;

	for (size_t i = 0; i < request->change_count && st == ST_OK; i++) {
		const struct request_change *change = &request->changes[i];
		struct history row;
		struct digest digest;

		change_digest(&digest, change->body.data, change->body.len);
		if (change->n <= source->device->last_n) {
			arena_reset(source->in->arena);
			st = store->ops->history_find(store, source->device->device, change->n, &digest,
						      source->in->arena, &row);
		} else if (change->n == n + 1) {
			change_run(&run, ++n, &digest);
		}
	}
	*same_out = st == ST_OK && request->expects &&
		    memcmp(run.bytes, request->expected_run, sizeof request->expected_run) == 0;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static bool any_brief(const struct request *request)
{
	for (size_t i = 0; i < request->change_count; i++)
		if (request->changes[i].brief.len > 0)
			return true;
	return false;
}

enum status whole_changes(struct intake *in, const struct device *device, struct request *request,
			  struct arena *arena, bool *known_out)
{
	const struct source source = { .in = in, .device = device };
	struct request rebuilt = *request;
	struct request_change *changes;
	size_t total = 0;
	enum status st = ST_OK;

	*known_out = true;
	if (!any_brief(request))
		return ST_OK;
	/* Whether a guess comes out right would tell a withdrawn tablet what stands. */
	*known_out = !device->revoked;
	if (device->revoked)
		return ST_OK;
	changes = arena_alloc(arena, request->change_count * sizeof *changes);
	if (changes == NULL)
		return ST_NOMEM;
	memcpy(changes, request->changes, request->change_count * sizeof *changes);
	for (size_t i = 0; i < request->change_count && st == ST_OK; i++) {
		if (changes[i].brief.len > 0)
			st = rebuild(&source, &changes[i], arena);
		total += changes[i].body.len;
		if (st == ST_OK && total > LIMIT_INFLATED_MAX)
			st = ST_NOT_FOUND; /* more than could have come whole */
	}
	*known_out = st == ST_OK;
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	rebuilt.changes = changes;
	st = check(&source, &rebuilt, known_out);
	if (st == ST_OK && *known_out)
		request->changes = changes;
	return st;
}
