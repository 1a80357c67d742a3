/* settle.c - writing down what was judged: the history row with its sequence, then the record, or the held row. */
#include <assert.h>
#include <string.h>

#include "daemon/effects.h"
#include "daemon/group_meta.h"
#include "proto/limits.h"

/* --- the history row --- */

/* The newest moment among the groups. A body that was not judged is dated by its own evidence. */
static struct interval newest_of(const struct trial *trial)
{
	struct interval at;

	if (trial->ruling_count == 0) {
		const struct intake_source *source = trial->source;

		if (source->device == 0 || !trial->change->kind)
			return (struct interval){ source->device ? 0 : source->received_ms, source->received_ms };
		return interval_of(&trial->change->evidence, &source->clock, source->received_ms);
	}
	at = trial->rulings[0].at;
	for (size_t i = 1; i < trial->ruling_count; i++)
		if (trial->rulings[i].at.hi_ms > at.hi_ms)
			at = trial->rulings[i].at;
	return at;
}

static enum outcome_verdict outcome_verdict(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPTED:
	case VERDICT_SAME:
		return GROUP_ACCEPTED;
	case VERDICT_MERGED:
		return GROUP_MERGED;
	case VERDICT_SUPERSEDED:
		return GROUP_SUPERSEDED;
	}
	return GROUP_SUPERSEDED;
}

static enum status row_verdicts(const struct trial *trial, struct history *row)
{
	struct outcome_group *groups;
	bool all = true;

	for (size_t i = 0; i < trial->ruling_count; i++)
		all &= outcome_verdict(trial->rulings[i].verdict) == GROUP_ACCEPTED;
	row->result = all ? OUTCOME_ACCEPTED : OUTCOME_JUDGED;
	if (all)
		return ST_OK;
	groups = arena_zalloc(trial->in->arena, trial->ruling_count * sizeof *groups);
	if (!groups)
		return ST_NOMEM;
	for (size_t i = 0; i < trial->ruling_count; i++)
		groups[i] = (struct outcome_group){ trial->rulings[i].num, outcome_verdict(trial->rulings[i].verdict) };
	row->groups = groups;
	row->group_count = trial->ruling_count;
	return ST_OK;
}

/* What stands otherwise than it was sent, as an edit of its own: merged values, and a deletion taken back. So
 * history alone tells what stands. */
static enum status row_merged(const struct trial *trial, struct history *row)
{
	struct change *edit;
	struct buf buf;
	enum status st;

	if (!trial->merged_mask && !trial->revives)
		return ST_OK;
	edit = arena_zalloc(trial->in->arena, sizeof *edit);
	if (!edit)
		return ST_NOMEM;
	edit->kind = trial->change->kind;
	edit->id = trial->change->id;
	edit->row = trial->merged;
	edit->restores = trial->revives;
	if (trial->revives)
		edit->groups[edit->group_count++].num = SCHEMA_GROUP_DELETED;
	for (size_t i = 0; i < trial->ruling_count; i++)
		if (trial->rulings[i].verdict == VERDICT_MERGED)
			edit->groups[edit->group_count++].num = trial->rulings[i].num;
	buf_init(&buf, LIMIT_CHANGE_MAX);
	st = change_encode(&buf, edit);
	if (st == ST_OK) {
		row->merged.data = arena_copy(trial->in->arena, buf.data, buf.len);
		row->merged.len = buf.len;
		st = row->merged.data ? ST_OK : ST_NOMEM;
	}
	buf_close(&buf);
	return st;
}

static enum status row_complete(const struct trial *trial, struct history *row)
{
	const struct change *change = trial->change;

	row->kind_num = change->kind ? change->kind->num : 0;
	row->id = change->id;
	row->at = newest_of(trial);
	if (trial->exists || trial->hold.reason == HELD_NONE)
		row->patient = trial->record->patient;
	if (trial->hold.reason != HELD_NONE) {
		row->result = OUTCOME_HELD;
		row->reason = trial->hold.reason;
		return ST_OK;
	}
	if (row_verdicts(trial, row) != ST_OK)
		return ST_NOMEM;
	return row_merged(trial, row);
}

/* --- the record --- */

static void apply_mark(struct record *record, bool deleted, const struct group_meta *meta)
{
	record->deleted = deleted;
	record->deletion = *meta;
}

/* What the ruling makes of its group: false where nothing of the record changes. An edit that stands for what its author
 * had seen, though another that was kept is definitely later, keeps that one in mind: none from between may follow it. */
static bool apply_group(struct trial *trial, const struct ruling *ruling, const struct group_meta *new)
{
	struct record *record = trial->record;
	struct group_meta *meta = &record->groups[ruling->index];
	const struct group *group = &record->kind->groups[ruling->index];
	const struct group_meta before = *meta;

	if (ruling->noted)
		return group_meta_note(meta, &ruling->at, trial->source->device);
	if (!ruling->moves)
		return false;
	row_copy(&record->row, ruling->verdict == VERDICT_MERGED ? &trial->merged : &trial->change->row, group->mask);
	*meta = *new;
	if (rule_is_timed(group->rule) && before.seq != 0)
		(void)group_meta_note(meta, group_meta_newest(&before), group_meta_newest_device(&before));
	return true;
}

static bool apply(struct trial *trial, uint64_t seq)
{
	const struct change *change = trial->change;
	struct record *record = trial->record;
	bool moved = false;

	for (size_t i = 0; i < trial->ruling_count; i++) {
		const struct ruling *ruling = &trial->rulings[i];
		const struct group_meta meta = {
			.seq = seq, .at = ruling->at, .device = trial->source->device, .decided = trial->decision,
		};

		if (ruling->index >= 0)
			moved |= apply_group(trial, ruling, &meta);
		else if (ruling->moves)
			apply_mark(record, change->deletes, &meta);
		moved |= ruling->moves;
	}
	if (trial->revives || (change->create && change->deletes)) {
		struct group_meta meta = { .seq = seq, .at = newest_of(trial), .device = trial->source->device };

		apply_mark(record, change->deletes, &meta);
		moved = true;
	}
	if (change->create)
		record->created_seq = seq;
	if (moved)
		record->seq = seq;
	return moved;
}

/* --- held --- */

static enum status hold_row(const struct trial *trial, const struct history *row)
{
	struct store *store = trial->in->store;
	struct held held = {
		.seq = row->seq, .device = row->device, .n = row->n, .author = row->author, .kind_num = row->kind_num,
		.id = row->id, .patient = row->patient, .reason = trial->hold.reason,
		.wait_kind = trial->hold.wait_kind, .wait_id = trial->hold.wait_id, .state = HELD_OPEN,
		.received_ms = row->received_ms,
	};

	/* Whose it would be, where there is no record yet. */
	if (trial->change->create && id_is_zero(&held.patient))
		held.patient = trial->change->patient;
	memcpy(held.detail, trial->hold.detail, sizeof held.detail);
	return store->ops->held_add(store, &held);
}

enum status trial_settle(struct trial *trial, struct history *row)
{
	struct intake *in = trial->in;
	struct store *store = in->store;
	enum status st = row_complete(trial, row);

	if (st == ST_OK)
		st = chain_add(in->chain, row);
	if (st != ST_OK)
		return st;
	env_crash_point(in->env, "B08 after idempotency row");
	if (trial->hold.reason != HELD_NONE) {
		assert(row->of_seq == 0);
		return hold_row(trial, row);
	}
	if (apply(trial, row->seq))
		st = store->ops->record_put(store, trial->record, !trial->exists);
	return st == ST_OK ? effects_of(trial, row) : st;
}
