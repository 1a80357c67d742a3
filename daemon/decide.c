/* decide.c - a person's decision of a conflict: can it be carried out, does it still fit, what it brings about. */
#include "daemon/conflict.h"

#include <inttypes.h>
#include <string.h>

#include "common/decision.h"
#include "daemon/candidates.h"
#include "daemon/effects.h"
#include "daemon/trial.h"

/* A candidate that was a decision may itself have chosen a candidate too large to be repeated, and so on. */
#define CHOICE_STEPS_MAX 16

/* What a candidate proposed, where the record has no room for it. A decision among the candidates leads to what it
 * chose: then *decision_out is that decision, to be read in turn. */
static enum status values_by_seq(struct intake *in, const struct target *target, uint64_t n, uint64_t seq,
				 struct row *row_out, json_t **decision_out)
{
	const struct kind *kind = conflict_kind(in);
	const struct group *group = &kind->groups[kind_group(kind, "decision", 8)];
	struct row decision;
	struct history row;
	enum status st;

	if (n == 1)
		return intake_value_at(in, target->kind, &target->id, target->group, seq, row_out);
	st = in->store->ops->history_get(in->store, seq, in->arena, &row);
	if (st != ST_OK)
		return st;
	if (row.kind_num != kind->num)
		return history_proposed(in, &row, target->group, row_out);
	st = history_proposed(in, &row, group, &decision);
	if (st == ST_OK)
		*decision_out = conflict_json(&decision.values[kind_field(kind, "decision", 8)]);
	return st;
}

/* The values that a decision chose. ST_INVALID: none that there is. Consumes `decision`. */
static enum status chosen(struct intake *in, const struct target *target, const json_t *candidates, json_t *decision,
			  struct row *row_out)
{
	enum status st = ST_INVALID;

	for (int step = 0; decision && step < CHOICE_STEPS_MAX; step++) {
		const json_t *values = json_object_get(decision, "values");
		json_int_t n = json_integer_value(json_object_get(decision, "choice"));
		const json_t *one = n > 0 ? candidate_at(candidates, (uint64_t)n) : NULL;
		json_t *next = NULL;
		uint64_t seq = 0;

		st = ST_INVALID;
		if (!values && one)
			values = json_object_get(one, "values");
		if (json_is_object(values))
			st = values_read(target, values, in->arena, row_out);
		else if (one && candidate_seq(one, &seq))
			st = values_by_seq(in, target, (uint64_t)n, seq, row_out, &next);
		json_decref(decision);
		decision = next;
	}
	/* One choice upon another, and still no value. */
	if (st == ST_OK && decision)
		st = ST_INVALID;
	json_decref(decision);
	return st == ST_NOT_FOUND ? ST_INVALID : st;
}

/* What the author of this change started from. ST_NOT_FOUND: nothing that the centre gave. */
static enum status started_from(struct intake *in, const struct target *target, uint64_t seq, struct row *row_out)
{
	struct version base = { .tag = VERSION_NONE };
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	struct history row;
	enum status st = ST_NOMEM;

	if (change)
		st = in->store->ops->history_get(in->store, seq, in->arena, &row);
	if (st == ST_OK && row.kind_num != target->kind->num)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = change_decode(in->schema, row.body.data, row.body.len, in->arena, change, NULL);
	for (size_t i = 0; st == ST_OK && i < change->group_count; i++)
		if (change->groups[i].num == target->group->num)
			base = change->groups[i].base;
	if (st == ST_OK && base.tag != VERSION_SEQ)
		st = ST_NOT_FOUND;
	return st == ST_OK ? intake_value_at(in, target->kind, &target->id, target->group, base.seq, row_out) : st;
}

/* What a candidate of text differs from in its author's sentences alone: what stood when it came; one read from history,
 * for there was no room for it, what its author started from. What stood first differs so from the text that it was in
 * conflict with. ST_NOT_FOUND: as a whole. */
static enum status differs_from(struct intake *in, const struct target *target, const json_t *candidates, uint64_t n,
				struct row *row_out)
{
	const json_t *other = candidate_at(candidates, 2), *one = candidate_at(candidates, n);
	enum status st = ST_NOT_FOUND;
	uint64_t seq = 0;

	if (n > 1 && !candidate_seq(one, &seq))
		return ST_NOT_FOUND;
	if (n > 1 && json_is_null(json_object_get(one, "values")))
		st = started_from(in, target, seq, row_out);
	if (n > 1)
		return st == ST_NOT_FOUND ?
			       intake_value_at(in, target->kind, &target->id, target->group, seq, row_out) : st;
	if (!json_is_array(json_object_get(other, "spots")))
		return ST_NOT_FOUND;
	return values_read(target, json_object_get(other, "values"), in->arena, row_out);
}

/* Only those sentences are chosen: what others wrote elsewhere in the text since then stays. */
static enum status rebase(struct intake *in, const struct target *target, const struct record *record,
			  const struct row *from, struct row *row)
{
	const size_t f = (size_t)__builtin_ctzll(target->group->mask);
	const struct text base = value_as_text(&from->values[f]);
	struct text now, chosen;
	struct text_merge merge;
	struct arena scratch;
	size_t room;
	void *memory;
	enum status st = ST_OK;

	now = value_as_text(&record->row.values[f]);
	chosen = value_as_text(&row->values[f]);
	if (base.len > TEXT_MERGE_MAX || now.len > TEXT_MERGE_MAX || chosen.len > TEXT_MERGE_MAX)
		return ST_OK;
	room = text_merge_room(base.len, now.len, chosen.len);
	arena_init(&scratch, room);
	memory = arena_alloc(&scratch, room);
	if (!memory)
		return ST_NOMEM;
	text_merge(&base, &now, &chosen, memory, room, &merge);
	if (merge.other_len <= target->kind->fields[f].max) {
		row->values[f] = merge.other_len > 0 ? value_text(merge.other, merge.other_len) : value_null();
		st = trial_keep(in->arena, row, target->group->mask);
	}
	arena_close(&scratch);
	return st;
}

static enum status choice_of(struct intake *in, const struct record *conflict, const struct value *text,
			     const struct target *target, struct row *row_out)
{
	struct value list = conflict_value(conflict, "candidates");
	json_t *candidates = conflict_json(&list);
	enum status st = chosen(in, target, candidates, conflict_json(text), row_out);

	json_decref(candidates);
	return st;
}

/* The same, as it is to stand in the record now. */
static enum status choice_now(struct intake *in, const struct record *conflict, const struct value *text,
			      const struct target *target, const struct record *record, struct row *row_out)
{
	struct value list = conflict_value(conflict, "candidates");
	json_t *candidates = conflict_json(&list), *decision = conflict_json(text);
	const json_int_t n = json_integer_value(json_object_get(decision, "choice"));
	struct row from = { 0 };
	enum status st = choice_of(in, conflict, text, target, row_out);

	if (st == ST_OK && target->group->rule == RULE_TEXT && n > 0) {
		st = differs_from(in, target, candidates, (uint64_t)n, &from);
		if (st == ST_OK)
			st = rebase(in, target, record, &from, row_out);
		else if (st == ST_NOT_FOUND)
			st = ST_OK;
	}
	json_decref(candidates);
	json_decref(decision);
	return st;
}

enum status conflict_check(struct intake *in, const struct record *conflict, const struct value *decision)
{
	struct row row = { 0 };
	struct target target;
	json_t *json;
	bool form;
	enum status st;

	/* One that is created has nothing to decide yet. */
	if (conflict->seq == 0)
		return ST_INVALID;
	json = conflict_json(decision);
	form = json_is_array(json_object_get(json, "seen")) &&
	       (json_object_get(json, "choice") == NULL) != (json_object_get(json, "values") == NULL);
	json_decref(json);
	if (!form)
		return ST_INVALID;
	st = target_of(in, conflict, &target);
	return st == ST_OK ? choice_of(in, conflict, decision, &target, &row) : st;
}

/* Had the person seen all that is proposed, and what stands? */
static bool saw_all(const struct record *conflict, const struct value *text, uint64_t standing_seq)
{
	struct value list = conflict_value(conflict, "candidates");
	json_t *candidates = conflict_json(&list);
	json_t *decision = conflict_json(text);
	bool all = decision_saw(decision, standing_seq) ||
		   decision_reached(text->text, text->len, standing_seq);

	for (size_t i = 0; i < json_array_size(candidates); i++) {
		uint64_t seq = 0;

		all &= candidate_seq(json_array_get(candidates, i), &seq) && decision_saw(decision, seq);
	}
	json_decref(candidates);
	json_decref(decision);
	return all;
}

static enum status close_conflict(struct intake *in, const struct record *conflict, const struct id *author)
{
	struct change *change = conflict_edit(in, conflict->kind, &conflict->id);
	char *by = arena_alloc(in->arena, ID_TEXT_SIZE);
	struct outcome outcome;

	if (!change || !by)
		return ST_NOMEM;
	id_format(author, by);
	conflict_edit_group(change, "status");
	conflict_put(change, "status", value_string("closed"));
	conflict_put(change, "decided_by", id_is_zero(author) ? value_null() : value_text(by, ID_TEXT_LEN));
	conflict_put(change, "decided_at", value_int(in->now_ms));
	return intake_own(in, author, change, &outcome);
}

/* The decision as that person's change of the target. *done_out: it stands. */
static enum status carry_out(struct intake *in, const struct target *target, const struct row *row,
			     const struct id *author, bool *done_out)
{
	struct change *change = conflict_edit(in, target->kind, &target->id);
	struct outcome outcome = { 0 };
	enum status st;

	if (!change)
		return ST_NOMEM;
	conflict_edit_group(change, target->group->name);
	change->row = *row;
	st = effects_decide(in, author, change, &outcome);
	*done_out = st == ST_OK && outcome.result == OUTCOME_ACCEPTED;
	return st;
}

enum status conflict_decide(struct intake *in, const struct record *conflict, const struct history *decision)
{
	struct value text = conflict_value(conflict, "decision");
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	struct row row = { 0 };
	struct candidate candidate;
	struct target target;
	struct id author;
	bool done = false;
	enum status st;

	if (!record)
		return ST_NOMEM;
	st = target_of(in, conflict, &target);
	if (st == ST_OK)
		st = in->store->ops->record_get(in->store, target.kind, &target.id, in->arena, record);
	if (st == ST_OK)
		st = choice_now(in, conflict, &text, &target, record, &row);
	if (st == ST_OK)
		st = conflict_author(in, decision, &author);
	if (st != ST_OK)
		return st == ST_NOT_FOUND || st == ST_INVALID ? ST_CORRUPT : st;
	if (saw_all(conflict, &text, record->groups[target.group - target.kind->groups].seq))
		st = carry_out(in, &target, &row, &author, &done);
	if (st == ST_OK && done)
		return close_conflict(in, conflict, &author);
	if (st == ST_OK)
		st = candidate_of(in, decision, &row, &candidate);
	return st == ST_OK ? conflict_join(in, &target, conflict, &candidate, true) : st;
}

/* --- for those who decide --- */

static void seen_write(struct buf *buf, const json_t *candidates, uint64_t standing_seq)
{
	buf_printf(buf, ",\"seen\":[\"%" PRIu64 "\"", standing_seq);
	for (size_t i = 0; i < json_array_size(candidates); i++) {
		uint64_t seq = 0;

		if (candidate_seq(json_array_get(candidates, i), &seq) && seq != standing_seq)
			buf_printf(buf, ",\"%" PRIu64 "\"", seq);
	}
	buf_add_str(buf, "]}");
}

static void choice_write(struct buf *buf, const struct target *target, unsigned choice, const struct row *values)
{
	if (choice > 0) {
		buf_printf(buf, "{\"choice\":%u", choice);
		return;
	}
	buf_add_str(buf, "{\"values\":");
	values_write(buf, target, values);
}

static enum status text_out(struct intake *in, const struct buf *buf, const char **out)
{
	enum status st = buf_status(buf);
	const char *copy = st == ST_OK ? arena_copy(in->arena, buf->data, buf->len) : NULL;

	if (st == ST_OK && !copy)
		st = ST_NOMEM;
	if (st == ST_OK)
		*out = copy;
	return st;
}

enum status conflict_decision(struct intake *in, const struct record *conflict, unsigned choice,
			      const struct row *values, const char **json_out)
{
	const struct kind *kind = conflict->kind;
	struct value list = conflict_value(conflict, "candidates");
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	json_t *candidates = NULL;
	struct target target;
	struct buf buf;
	enum status st;

	if (!record)
		return ST_NOMEM;
	buf_init(&buf, kind->fields[kind_field(kind, "decision", 8)].max);
	st = target_of(in, conflict, &target);
	if (st == ST_OK)
		st = in->store->ops->record_get(in->store, target.kind, &target.id, in->arena, record);
	if (st == ST_OK)
		candidates = conflict_json(&list);
	if (st == ST_OK && choice > 0 && !candidate_at(candidates, choice))
		st = ST_NOT_FOUND;
	if (st == ST_OK) {
		choice_write(&buf, &target, choice, values);
		seen_write(&buf, candidates, record->groups[target.group - target.kind->groups].seq);
		st = text_out(in, &buf, json_out);
	}
	json_decref(candidates);
	buf_close(&buf);
	return st;
}
