#include "client/doorstep.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/agent.h"
#include "client/entry.h"
#include "client/journal.h"
#include "client/save.h"
#include "client/standing.h"
#include "client/tablet.h"
#include "common/kindsql.h"

/* Values of one save: no more than a row holds. */
#define SAVE_SIZE_MAX ((size_t)16 * 1024 * 1024)

struct doorstep_record {
	struct entry entry;
};

/* --- opening ---------------------------------------------------------------------- */

static int fail(struct doorstep_error *error, const struct failure *why)
{
	return tablet_error(error, why);
}

static int succeed(struct doorstep_error *error)
{
	if (error != NULL)
		memset(error, 0, sizeof *error);
	return DOORSTEP_OK;
}

static int finish(struct doorstep_error *error, enum status st, struct failure *why)
{
	if (st == ST_OK)
		return succeed(error);
	if (why->status == ST_OK)
		(void)failure_set(why, st, NULL, NULL, NULL);
	return fail(error, why);
}

int doorstep_open(struct doorstep **out, const char *home, struct doorstep_error *error)
{
	struct failure why = { 0 };
	const enum status st = tablet_open(out, home, &why);

	return finish(error, st, &why);
}

int doorstep_enrol(const char *home, const char *url, const char *code, struct doorstep_error *error)
{
	struct failure why = { 0 };
	const enum status st = tablet_enrol(home, url, code, NULL, &why);

	return finish(error, st, &why);
}

/* --- names ------------------------------------------------------------------------ */

/* Each call that reads or writes records begins here: on a connection that can be gone on with. */
static enum status find_kind(struct doorstep *d, const char *name, const struct kind **out, struct failure *why)
{
	const struct kind *kind = schema_kind(&d->schema, name, strlen(name));
	const enum status st = tablet_mend(d, why);

	if (st != ST_OK)
		return st;
	if (kind == NULL)
		return failure_set(why, ST_UNKNOWN, "There is no kind of record of this name.", NULL,
				   "doorstep_kind lists the kinds.");
	*out = kind;
	return ST_OK;
}

static enum status find_id(const char *text, struct id *out, struct failure *why)
{
	if (text == NULL || !id_parse(text, strlen(text), out))
		return failure_set(why, ST_INVALID, "This is not the id of a record.", NULL,
				   "An id has 36 characters in five parts.");
	return ST_OK;
}

static enum status find_record(struct doorstep *d, const char *kind_name, const char *id_text,
			       const struct kind **kind, struct id *id, struct failure *why)
{
	const enum status st = find_kind(d, kind_name, kind, why);

	return st == ST_OK ? find_id(id_text, id, why) : st;
}

const char *doorstep_kind(struct doorstep *d, size_t index)
{
	return index < d->schema.kind_count ? d->schema.kinds[index].name : NULL;
}

const char *doorstep_field(struct doorstep *d, const char *kind_name, size_t index)
{
	const struct kind *kind = schema_kind(&d->schema, kind_name, strlen(kind_name));

	return kind != NULL && index < kind->field_count ? kind->fields[index].name : NULL;
}

/* --- reading ---------------------------------------------------------------------- */

int doorstep_get(struct doorstep *d, const char *kind_name, const char *id_text, struct doorstep_record **out,
		 struct doorstep_error *error)
{
	struct doorstep_record *record = calloc(1, sizeof *record);
	const struct kind *kind = NULL;
	struct failure why = { 0 };
	struct id id = ID_STAFF;
	enum status st = record == NULL ? ST_NOMEM : find_record(d, kind_name, id_text, &kind, &id, &why);

	if (st == ST_OK)
		st = entry_read(&d->replica, kind, &id, &record->entry);
	if (st != ST_OK) {
		free(record);
		return finish(error, st, &why);
	}
	*out = record;
	return succeed(error);
}

void doorstep_record_free(struct doorstep_record *record)
{
	if (record == NULL)
		return;
	entry_close(&record->entry);
	free(record);
}

const char *doorstep_id(const struct doorstep_record *record)
{
	return record->entry.id_text;
}

const char *doorstep_patient(const struct doorstep_record *record)
{
	return record->entry.kind->is_staff ? NULL : record->entry.patient_text;
}

int64_t doorstep_shown(const struct doorstep_record *record)
{
	return record->entry.version;
}

const char *doorstep_text(const struct doorstep_record *record, const char *field)
{
	return entry_text(&record->entry, field);
}

const char *doorstep_travel(const struct doorstep_record *record)
{
	return record->entry.travel;
}

/* One step of a walk. *ended_out: there was no further record, or fn wants no more. */
static enum status walk_on(struct doorstep *d, const struct kind *kind, const struct id *patient, struct id *id,
			   struct doorstep_record *record, bool *ended_out)
{
	bool found = false;
	enum status st = entry_next(&d->replica, kind, patient, id, &found);

	*ended_out = !found;
	return st == ST_OK && found ? entry_read(&d->replica, kind, id, &record->entry) : st;
}

/* No statement stays open meanwhile, so that fn may read and write what it likes. */
int doorstep_each(struct doorstep *d, const char *kind_name, const char *patient_text, doorstep_fn *fn, void *ctx,
		  struct doorstep_error *error)
{
	struct doorstep_record record = { 0 };
	const struct kind *kind = NULL;
	struct id id = ID_STAFF, patient = ID_STAFF;
	struct failure why = { 0 };
	bool ended = false;
	int answer = 0;
	enum status st = find_kind(d, kind_name, &kind, &why);

	if (st == ST_OK && patient_text != NULL)
		st = find_id(patient_text, &patient, &why);
	while (st == ST_OK && answer == 0) {
		st = walk_on(d, kind, patient_text != NULL ? &patient : NULL, &id, &record, &ended);
		if (st == ST_NOT_FOUND) { /* deleted by somebody between the two looks */
			st = ST_OK;
			continue;
		}
		if (st != ST_OK || ended)
			break;
		answer = fn(ctx, &record);
		entry_close(&record.entry);
	}
	return st == ST_OK && answer != 0 ? answer : finish(error, st, &why);
}

/* --- writing ---------------------------------------------------------------------- */

struct saving {
	struct arena arena;
	struct row row;
	uint64_t mask;
};

static enum status refuse_value(enum status st, const struct field *field, struct failure *why)
{
	char what[200];

	(void)snprintf(what, sizeof what, "\"%s\" can't hold this value%s.", field->label,
		       st == ST_LIMIT ? ": it is too long" : "");
	return failure_set(why, st, what, "Nothing was changed.", NULL);
}

static enum status saving_fill(struct doorstep *d, const struct kind *kind, const struct doorstep_field *fields,
			      size_t count, struct saving *saving, struct failure *why)
{
	enum status st = ST_OK;

	assert(kind != NULL);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const int index = kind_field(kind, fields[i].name, strlen(fields[i].name));
		struct value *value = index < 0 ? NULL : &saving->row.values[index];

		if (value == NULL)
			return failure_set(why, ST_UNKNOWN, "The kind has no field of this name.", NULL,
					   "doorstep_field lists a kind's fields.");
		saving->mask |= UINT64_C(1) << index;
		*value = value_null();
		if (fields[i].value != NULL)
			st = value_from_person(&kind->fields[index], fields[i].value, strlen(fields[i].value),
					       d->replica.identity.zone_min, &saving->arena, value);
		if (st != ST_OK)
			return refuse_value(st, &kind->fields[index], why);
	}
	return st;
}

static enum status create(struct doorstep *d, const struct kind *kind, const char *patient_text,
			  const struct saving *saving, struct id *id, struct failure *why)
{
	struct id patient = ID_STAFF;
	int64_t version = 0;
	enum status st = ST_OK;

	if (patient_text != NULL && kind_has_patient(kind))
		st = find_id(patient_text, &patient, why);
	return st == ST_OK ? save_create(&d->replica, kind, id, &patient, &saving->row, &version, why) : st;
}

/* NOLINTNEXTLINE(readability-function-size): as doorstep.h declares it. */
int doorstep_create(struct doorstep *d, const char *kind_name, const char *patient,
		    const struct doorstep_field *fields, size_t count, char id_out[37], struct doorstep_error *error)
{
	struct saving *saving = calloc(1, sizeof *saving);
	const struct kind *kind = NULL;
	struct id id = ID_STAFF; /* all zero: to be made */
	struct failure why = { 0 };
	enum status st = saving == NULL ? ST_NOMEM : find_kind(d, kind_name, &kind, &why);

	if (st == ST_OK) {
		arena_init(&saving->arena, SAVE_SIZE_MAX);
		st = saving_fill(d, kind, fields, count, saving, &why);
		if (st == ST_OK)
			st = create(d, kind, patient, saving, &id, &why);
		arena_close(&saving->arena);
	}
	free(saving);
	if (st == ST_OK && id_out != NULL)
		id_format(&id, id_out);
	return finish(error, st, &why);
}

/* NOLINTNEXTLINE(readability-function-size): as doorstep.h declares it. */
int doorstep_save(struct doorstep *d, const char *kind_name, const char *id_text, int64_t shown,
		  const struct doorstep_field *fields, size_t count, int64_t *shown_out, struct doorstep_error *error)
{
	struct saving *saving = calloc(1, sizeof *saving);
	const struct kind *kind = NULL;
	struct id id = ID_STAFF;
	int64_t version = shown;
	struct failure why = { 0 };
	enum status st = saving == NULL ? ST_NOMEM : find_record(d, kind_name, id_text, &kind, &id, &why);

	if (st == ST_OK) {
		arena_init(&saving->arena, SAVE_SIZE_MAX);
		st = saving_fill(d, kind, fields, count, saving, &why);
		if (st == ST_OK && saving->mask != 0)
			st = save_fields(&d->replica, kind, &id, shown, &saving->row, saving->mask, &version, &why);
		arena_close(&saving->arena);
	}
	free(saving);
	if (st == ST_OK && shown_out != NULL)
		*shown_out = version;
	return finish(error, st, &why);
}

int doorstep_remove(struct doorstep *d, const char *kind_name, const char *id_text, struct doorstep_error *error)
{
	const struct kind *kind = NULL;
	struct id id = ID_STAFF;
	struct failure why = { 0 };
	enum status st = find_record(d, kind_name, id_text, &kind, &id, &why);

	if (st == ST_OK)
		st = save_delete(&d->replica, kind, &id, &why);
	return finish(error, st, &why);
}

/* --- the exchange ----------------------------------------------------------------- */

int doorstep_sync(struct doorstep *d, struct doorstep_sync_report *report, struct doorstep_error *error)
{
	struct agent_report done = { 0 };
	struct failure why = { 0 };
	const enum status st = tablet_sync(d, &done, &why);

	if (report != NULL)
		*report = (struct doorstep_sync_report){
			.requests = done.requests,
			.bytes_up = done.sums.bytes_up,
			.bytes_down = done.sums.bytes_down,
			.sent = done.sums.sent,
			.accepted = done.sums.applied.accepted,
			.merged = done.sums.applied.merged,
			.superseded = done.sums.applied.superseded,
			.held = done.sums.applied.held,
			.returned = done.sums.applied.returned,
			.records = done.sums.applied.records,
			.pending = done.sums.pending,
			.elapsed_ms = done.elapsed_ms,
		};
	return finish(error, st, &why);
}

int doorstep_status(struct doorstep *d, struct doorstep_status *out, struct doorstep_error *error)
{
	struct standing now = { 0 };
	struct failure why = { 0 };
	enum status st = tablet_mend(d, &why);

	if (st == ST_OK)
		st = standing_read(&d->replica, &now);
	if (st != ST_OK)
		return finish(error, st, &why);
	*out = (struct doorstep_status){
		.saved = now.counts.dirty,
		.sending = now.counts.waiting,
		.held = now.counts.held,
		.attention = now.counts.attention,
		.returned = now.counts.returned,
		.received = now.counts.settled,
		.conflicts = now.conflicts,
		.oldest_unsent_ms = now.counts.oldest_unsent_ms,
		.last_up_ms = now.last_up_ms,
		.last_down_ms = now.last_down_ms,
	};
	(void)snprintf(out->last_failure, sizeof out->last_failure, "%s", now.failure);
	(void)snprintf(out->replica_path, sizeof out->replica_path, "%.511s", d->path);
	return succeed(error);
}
