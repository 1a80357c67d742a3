/* verify_records.c - every record said again from its history, and compared with what stands.
 *
 * Replay rule: a create sets every group. Of a later change, a group moves when it was accepted or merged and its
 * value differs from what stands, or was never set, or the record itself names this change as the one that set it
 * (a person's decision for the value that stood). A value said again moves nothing; where the group keeps in mind that
 * it was, this change may be the last that touched the record. An edit kept beside a change in `merged` carries merged values and
 * the deletion mark taken back. What the record names is not believed blindly: check_state has compared it with
 * what was signed.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/term.h"
#include "daemon/verify.h"
#include "proto/change.h"

#define KEEP_BYTES_MAX ((size_t)512 << 20)
#define KEEP_BYTES_PACK ((size_t)64 << 20) /* from here on only what stands is kept */

struct replay {
	struct verify *v;
	struct record stored, said; /* as it stands; as history says it */
	bool created;
	const char *fault; /* the first thing wrong with its history */
	struct arena texts, keep; /* of stored; of said */
	struct change change, merged;
	struct buf seqs; /* of its history, newest first */
};

/* --- values that stand --- */

/* Takes the values of the mask over from a body that will be gone. */
static enum status keep_values(struct arena *arena, struct row *to, const struct row *from, uint64_t mask)
{
	for (size_t f = 0; f < SCHEMA_FIELDS_MAX; f++) {
		struct value value = from->values[f];

		if ((mask >> f & 1) == 0)
			continue;
		if (value.tag == VALUE_TEXT) {
			value.text = arena_copy(arena, value.text, value.len);
			if (value.text == NULL)
				return ST_NOMEM;
		}
		to->values[f] = value;
	}
	return ST_OK;
}

static enum status keep_pack(struct replay *r)
{
	struct arena packed;
	enum status st;

	if (r->keep.used < KEEP_BYTES_PACK)
		return ST_OK;
	arena_init(&packed, KEEP_BYTES_MAX);
	st = keep_values(&packed, &r->said.row, &r->said.row, r->said.kind->mask_all);
	if (st != ST_OK) {
		arena_close(&packed);
		return st;
	}
	arena_close(&r->keep);
	r->keep = packed;
	return ST_OK;
}

/* --- one row of history --- */

static enum outcome_verdict verdict_of(const struct history *h, uint8_t num)
{
	if (h->result == OUTCOME_ACCEPTED)
		return GROUP_ACCEPTED;
	for (size_t i = 0; i < h->group_count; i++)
		if (h->groups[i].num == num)
			return h->groups[i].verdict;
	return GROUP_SUPERSEDED;
}

static enum status replay_create(struct replay *r, const struct history *h)
{
	const struct change *change = &r->change;

	if (r->created) {
		r->fault = "history creates it twice";
		return ST_OK;
	}
	r->created = true;
	r->said.patient = change->patient;
	r->said.created_seq = h->seq;
	r->said.seq = h->seq;
	r->said.deleted = change->deletes;
	r->said.deletion.seq = change->deletes ? h->seq : 0;
	for (size_t g = 0; g < r->said.kind->group_count; g++)
		r->said.groups[g].seq = h->seq;
	return keep_values(&r->keep, &r->said.row, &change->row, r->said.kind->mask_all);
}

/* The change set nothing; that it was made later than what stands may be all that touched the record. */
static void replay_note(struct replay *r, const struct history *h, int g)
{
	if (r->stored.seq == h->seq && r->stored.groups[g].outdated)
		r->said.seq = h->seq;
}

static enum status replay_group(struct replay *r, const struct history *h, uint8_t num)
{
	const int g = kind_group_num(r->said.kind, num);
	const uint64_t mask = r->said.kind->groups[g].mask;
	enum outcome_verdict verdict = verdict_of(h, num);
	const struct row *from = verdict == GROUP_MERGED ? &r->merged.row : &r->change.row;

	if (verdict == GROUP_SUPERSEDED) {
		replay_note(r, h, g);
		return ST_OK;
	}
	if (verdict == GROUP_MERGED && (r->merged.mask & mask) != mask) {
		r->fault = "history has no merged value where it says that one stands";
		return ST_OK;
	}
	if (row_equal(from, &r->said.row, mask) && r->said.groups[g].seq != 0 && r->stored.groups[g].seq != h->seq) {
		replay_note(r, h, g);
		return ST_OK;
	}
	r->said.groups[g].seq = h->seq;
	r->said.seq = h->seq;
	return keep_values(&r->keep, &r->said.row, from, mask);
}

static void replay_mark(struct replay *r, const struct history *h, bool deleted)
{
	if (r->said.deleted == deleted)
		return;
	r->said.deleted = deleted;
	r->said.deletion.seq = h->seq;
	r->said.seq = h->seq;
}

static enum status replay_edit(struct replay *r, const struct history *h)
{
	enum status st = ST_OK;

	if (!r->created) {
		r->fault = "history edits it before it creates it";
		return ST_OK;
	}
	for (size_t i = 0; i < r->change.group_count && st == ST_OK; i++) {
		uint8_t num = r->change.groups[i].num;

		if (num != SCHEMA_GROUP_DELETED)
			st = replay_group(r, h, num);
		else if (verdict_of(h, num) == GROUP_ACCEPTED)
			replay_mark(r, h, r->change.deletes);
	}
	if (r->merged.restores)
		replay_mark(r, h, false);
	return st;
}

/* Decodes a body of this record. A body that is none of this record's is a fault of its history. */
static enum status replay_decode(struct replay *r, struct bytes body, struct change *change)
{
	struct verify *v = r->v;
	enum status st = change_decode(v->store->schema, body.data, body.len, &v->row, change, NULL);

	if (st == ST_NOMEM)
		return st;
	if (st != ST_OK || change->kind != r->said.kind || !id_equal(&change->id, &r->said.id))
		r->fault = "its history has a change that is none of it";
	return ST_OK;
}

/* --- membership --- */

static struct id worker_of(const struct record *record)
{
	int f = kind_field(record->kind, "worker", strlen("worker"));
	struct id worker = { { 0 } };

	if (f >= 0 && record->row.values[f].tag == VALUE_TEXT)
		(void)id_parse(record->row.values[f].text, record->row.values[f].len, &worker);
	return worker;
}

/* before: whose it was until this change. */
static enum status note_assignment(struct replay *r, const struct history *h, const struct id *before)
{
	const struct record *said = &r->said;
	struct member_event event;

	memset(&event, 0, sizeof event);
	event.worker = worker_of(said);
	event.patient = said->patient;
	event.assignment = said->id;
	event.seq = h->seq;
	term_of(said, h->received_ms, &event.term);
	if (!id_is_zero(&event.worker))
		buf_add(&r->v->events, &event, sizeof event);
	if (!id_is_zero(before) && !id_equal(before, &event.worker)) {
		event.worker = *before;
		event.term.in_force = false;
		event.left = true;
		buf_add(&r->v->events, &event, sizeof event);
	}
	return buf_status(&r->v->events);
}

static enum status replay_row(struct replay *r, const struct history *h)
{
	const bool assignment = r->said.kind == r->v->assignment;
	struct id before = { { 0 } };
	enum status st;

	if (h->result != OUTCOME_ACCEPTED && h->result != OUTCOME_JUDGED)
		return ST_OK;
	r->merged = (struct change){ 0 };
	st = replay_decode(r, h->body, &r->change);
	if (st == ST_OK && h->merged.len > 0)
		st = replay_decode(r, h->merged, &r->merged);
	if (st != ST_OK || r->fault != NULL)
		return st;
	if (assignment)
		before = worker_of(&r->said);
	st = r->change.create ? replay_create(r, h) : replay_edit(r, h);
	if (st == ST_OK && assignment)
		st = note_assignment(r, h, &before);
	return st == ST_OK ? keep_pack(r) : st;
}

/* --- one record --- */

static const char *compare(const struct record *said, const struct record *stored)
{
	if (!id_equal(&said->patient, &stored->patient))
		return "it is filed under another patient than history says";
	if (said->created_seq != stored->created_seq)
		return "it was not created by the change that it names";
	if (said->deleted != stored->deleted || said->deletion.seq != stored->deletion.seq)
		return "its deletion mark is not what history says";
	for (size_t g = 0; g < said->kind->group_count; g++) {
		uint64_t mask = said->kind->groups[g].mask;

		if (!row_equal(&said->row, &stored->row, mask))
			return "a value is not what history says";
		/* A group that came with a newer schema than its creation's was never set. */
		if (stored->groups[g].seq == 0 && said->groups[g].seq == said->created_seq)
			continue;
		if (said->groups[g].seq != stored->groups[g].seq)
			return "a value was not set by the change that it names";
	}
	return said->seq != stored->seq ? "its last sequence is not that of the last change that touched it" : NULL;
}

static enum status note_seq(void *ctx, const struct history *h)
{
	struct replay *r = ctx;

	buf_add(&r->seqs, &h->seq, sizeof h->seq);
	return buf_status(&r->seqs);
}

static enum status replay_all(struct replay *r)
{
	struct verify *v = r->v;
	struct history h;
	enum status st;

	buf_reset(&r->seqs);
	arena_reset(&r->keep);
	r->created = false;
	r->fault = NULL;
	st = v->store->ops->history_of(v->store, r->said.kind, &r->said.id, INT64_MAX, note_seq, r);
	for (size_t i = r->seqs.len / sizeof h.seq; i > 0 && st == ST_OK && r->fault == NULL; i--) {
		memcpy(&h.seq, r->seqs.data + (i - 1) * sizeof h.seq, sizeof h.seq);
		arena_reset(&v->row);
		st = v->store->ops->history_get(v->store, h.seq, &v->row, &h);
		if (st == ST_OK)
			st = replay_row(r, &h);
	}
	if (st != ST_CORRUPT)
		return st;
	r->fault = "its history can't be read";
	return ST_OK;
}

static enum status check_record(struct replay *r, const struct kind *kind, const struct id *id)
{
	struct verify *v = r->v;
	enum status st;

	v->report->records++;
	memset(&r->said, 0, sizeof r->said);
	memset(&r->stored, 0, sizeof r->stored);
	r->said.kind = kind;
	r->said.id = *id;
	arena_reset(&r->texts);
	st = v->store->ops->record_get(v->store, kind, id, &r->texts, &r->stored);
	if (st == ST_CORRUPT || st == ST_NOT_FOUND) {
		verify_say_record(v, kind, id, "it can't be read");
		/* Its assignments still count. */
		return kind == v->assignment ? replay_all(r) : ST_OK;
	}
	if (st == ST_OK)
		st = replay_all(r);
	if (st != ST_OK)
		return st;
	if (r->fault == NULL && !r->created)
		r->fault = "history knows nothing of it";
	if (r->fault == NULL)
		r->fault = compare(&r->said, &r->stored);
	if (r->fault != NULL)
		verify_say_record(v, kind, id, r->fault);
	return ST_OK;
}

static enum status on_name(void *ctx, const struct record_name *name)
{
	struct replay *r = ctx;
	const struct kind *kind = NULL;
	char place[96];

	if (name->kind_num > 0 && name->kind_num <= UINT8_MAX)
		kind = schema_kind_num(r->v->store->schema, (unsigned)name->kind_num);
	if (kind == NULL) {
		(void)snprintf(place, sizeof place, "record of kind %" PRId64, name->kind_num);
		verify_say(r->v, place, "there is no such kind");
		return ST_OK;
	}
	if (!name->has_id) {
		(void)snprintf(place, sizeof place, "record %s/?", kind->name);
		verify_say(r->v, place, "what stands in the place of its id is none");
		return ST_OK;
	}
	if (!name->row_only)
		return check_record(r, kind, &name->id);
	verify_say_record(r->v, kind, &name->id, "a row that no record stands for");
	return ST_OK;
}

enum status verify_records(struct verify *v)
{
	struct replay *r;
	enum status st;
	struct arena arena;

	/* Too large for the stack. */
	arena_init(&arena, 2 * sizeof *r);
	r = arena_zalloc(&arena, sizeof *r);
	if (r == NULL)
		return ST_NOMEM;
	r->v = v;
	arena_init(&r->texts, KEEP_BYTES_MAX);
	arena_init(&r->keep, KEEP_BYTES_MAX);
	buf_init(&r->seqs, KEEP_BYTES_MAX);
	st = v->store->ops->record_names(v->store, on_name, r);
	buf_close(&r->seqs);
	arena_close(&r->keep);
	arena_close(&r->texts);
	arena_close(&arena);
	return st;
}
