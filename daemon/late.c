#include "daemon/late.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/words.h"

static const char TITLE[] = "Received after handover: look it over";

/* --- taking it --- */

/* The newest that any of its edits had heard. */
static int64_t heard_ms(const struct change *change)
{
	int64_t newest_ms = change->create ? change->evidence.heard_ms : 0;

	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].evidence.heard_ms > newest_ms)
			newest_ms = change->groups[i].evidence.heard_ms;
	return newest_ms;
}

enum status late_admit(const struct trial *trial, const struct id *patient, uint64_t *left_seq_out)
{
	struct intake *in = trial->in;
	struct store *store = in->store;
	struct history ending;
	uint64_t seq = 0;
	enum status st = store->ops->member_left(store, &trial->source->author, patient, UINT64_MAX, &seq);

	*left_seq_out = 0;
	if (st == ST_NOT_FOUND)
		return ST_OK;
	if (st == ST_OK)
		st = store->ops->history_get(store, seq, in->arena, &ending);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_CORRUPT : st;
	if (heard_ms(trial->change) < ending.received_ms)
		*left_seq_out = seq;
	return ST_OK;
}

/* --- telling of it --- */

/* The nth task about this handover. */
static void task_id(const struct trial *trial, uint64_t nth, struct id *out)
{
	char which[64];
	const int len = snprintf(which, sizeof which, "%" PRIu64 " %" PRIu64, trial->left_seq, nth);
	const struct part parts[] = { { trial->record->patient.bytes, ID_SIZE },
				      { trial->source->author.bytes, ID_SIZE },
				      { which, (size_t)len } };
	struct digest digest;

	digest_of(&digest, "late", parts, sizeof parts / sizeof parts[0]);
	id_from_digest(out, digest.bytes);
}

static bool is_open(const struct record *task)
{
	const struct value *status = &task->row.values[words_field(task->kind, "status")];

	return !task->deleted && status->tag == VALUE_TEXT &&
	       ((status->len == 4 && memcmp(status->text, "open", 4) == 0) ||
		(status->len == 11 && memcmp(status->text, "in-progress", 11) == 0));
}

/* The first id that no task has; *open_out: one is open already. */
static enum status free_task(const struct trial *trial, const struct kind *kind, struct id *id_out, bool *open_out)
{
	struct store *store = trial->in->store;
	struct record *task = arena_alloc(trial->in->arena, sizeof *task);
	enum status st = task != NULL ? ST_OK : ST_NOMEM;

	*open_out = false;
	for (uint64_t nth = 0; st == ST_OK && !*open_out; nth++) {
		task_id(trial, nth, id_out);
		st = store->ops->record_get(store, kind, id_out, trial->in->arena, task);
		if (st == ST_OK)
			*open_out = is_open(task);
	}
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static void put(struct change *change, const char *field, struct value value)
{
	change->row.values[words_field(change->kind, field)] = value;
}

static enum status notes_of(const struct trial *trial, struct value *out)
{
	struct intake *in = trial->in;
	const char *name = NULL;
	struct buf text;
	enum status st = words_worker(in, &trial->source->author, &name);

	if (st != ST_OK)
		return st;
	buf_init(&text, 4096);
	buf_printf(&text,
		   "%s wrote this before the tablet had heard that somebody else has this patient now. It is in the record"
		   " like all other work. Look whether it fits what was done since.",
		   name);
	*out = value_text(arena_copy(in->arena, text.data, text.len), text.len);
	st = buf_status(&text);
	buf_close(&text);
	return st == ST_OK && out->text == NULL ? ST_NOMEM : st;
}

enum status late_effects(struct trial *trial)
{
	struct intake *in = trial->in;
	const struct kind *kind = schema_kind(in->schema, "task", strlen("task"));
	struct change *change;
	struct value notes;
	struct outcome outcome;
	struct id id;
	bool open = false;
	enum status st = ST_OK;

	if (trial->left_seq == 0 || kind == NULL)
		return ST_OK;
	st = free_task(trial, kind, &id, &open);
	if (st != ST_OK || open)
		return st;
	change = arena_zalloc(in->arena, sizeof *change);
	st = change != NULL ? notes_of(trial, &notes) : ST_NOMEM;
	if (st != ST_OK)
		return st;
	change->kind = kind;
	change->create = true;
	change->id = id;
	change->patient = trial->record->patient;
	put(change, "title", value_string(TITLE));
	put(change, "status", value_string("open"));
	put(change, "notes", notes);
	return intake_own(in, &ID_STAFF, change, &outcome);
}

/* --- saying so afterwards --- */

enum status late_is(struct store *store, const struct history *row, const struct id *author, bool *out)
{
	const bool taken = row->result == OUTCOME_ACCEPTED || row->result == OUTCOME_JUDGED;
	uint64_t seq = 0;
	enum status st = ST_NOT_FOUND;

	/* What a supervisor has accepted was asked about; it is in their name. */
	if (taken && row->device != 0 && id_equal(&row->author, author) && !id_equal(&row->patient, &ID_STAFF))
		st = store->ops->member_left(store, author, &row->patient, row->seq, &seq);
	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}
