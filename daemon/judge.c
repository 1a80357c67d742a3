/* judge.c - what becomes of each group of a change (DESIGN.md sections 6 and 7).
 *
 * First: what had its author seen? A base that is a centre sequence says it. One that
 * is a number of the tablet's own is followed here: accepted -> that change's
 * sequence; merged -> what was sent, for the tablet had not seen the merge;
 * superseded or held -> that change's own base. One that was held and from which its
 * author went on meanwhile comes too late for itself. Then: does it still stand, by version
 * or by value? A person's decision is replaced by nothing that had not seen it,
 * whatever its value. Only then the group's rule (common/merge.h).
 */
#include <assert.h>
#include <string.h>

#include "daemon/conflict.h"
#include "daemon/gone_on.h"
#include "daemon/group_meta.h"
#include "daemon/signing.h"
#include "proto/limits.h"

/* How many own numbers a base is followed through; beyond, it is not known any more. */
#define BASE_STEPS_MAX 1000
/* What was merged is written down as one change: the texts of all its groups, beside what else that holds. */
#define MERGED_SIZE_MAX (LIMIT_CHANGE_MAX - 8192)

struct base {
	bool known;
	uint64_t seq;  /* the author had seen all of the group up to here */
	bool sent;     /* what was started from is what the author sent, in row */
	struct version below; /* … and what that was started from */
	struct row row;
};

/* --- reading history --- */

static bool change_brings(const struct change *change, uint8_t num)
{
	if (change->create)
		return true;
	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == num)
			return true;
	return false;
}

bool history_verdict(const struct history *row, const struct change *change, uint8_t num,
		     enum outcome_verdict *verdict_out)
{
	if (!change_brings(change, num))
		return false;
	*verdict_out = GROUP_ACCEPTED;
	if (row->result == OUTCOME_ACCEPTED)
		return true;
	if (row->result != OUTCOME_JUDGED)
		return false;
	for (size_t i = 0; i < row->group_count; i++) {
		if (row->groups[i].num != num)
			continue;
		*verdict_out = row->groups[i].verdict;
		return true;
	}
	return false;
}

struct change *history_change(const struct intake *in, struct arena *arena, struct bytes body, enum status *st_out)
{
	struct change *change = arena_alloc(arena, sizeof *change);

	*st_out = change ? change_decode(in->schema, body.data, body.len, arena, change, NULL) : ST_NOMEM;
	return change;
}

/* The group's values of a body, copied into in->arena. */
static enum status body_values(struct intake *in, struct bytes body, const struct group *group, struct row *row_out)
{
	struct arena arena;
	struct change *change;
	struct row row;
	enum status st;

	arena_init(&arena, TRIAL_ARENA_MAX);
	change = history_change(in, &arena, body, &st);
	if (st == ST_OK && !change_brings(change, group->num))
		st = ST_NOT_FOUND;
	if (st == ST_OK) {
		row = change->row;
		st = trial_keep(in->arena, &row, group->mask);
	}
	if (st == ST_OK)
		row_copy(row_out, &row, group->mask);
	arena_close(&arena);
	return st;
}

enum status history_proposed(struct intake *in, const struct history *row, const struct group *group,
			     struct row *row_out)
{
	return body_values(in, row->body, group, row_out);
}

struct value_walk {
	struct intake *in;
	const struct group *group;
	struct row *row;
};

/* The newest row that set the group ends the walk. */
static enum status value_visit(void *ctx, const struct history *row)
{
	const struct value_walk *walk = ctx;
	enum outcome_verdict verdict = GROUP_SUPERSEDED;
	struct change *change;
	struct arena arena;
	enum status st;

	if (row->result != OUTCOME_ACCEPTED && row->result != OUTCOME_JUDGED)
		return ST_OK;
	arena_init(&arena, TRIAL_ARENA_MAX);
	change = history_change(walk->in, &arena, row->body, &st);
	if (st == ST_OK && !history_verdict(row, change, walk->group->num, &verdict))
		verdict = GROUP_SUPERSEDED;
	arena_close(&arena);
	if (st != ST_OK || verdict == GROUP_SUPERSEDED)
		return st;
	st = body_values(walk->in, verdict == GROUP_MERGED ? row->merged : row->body, walk->group, walk->row);
	return st == ST_OK ? ST_EXISTS : st;
}

enum status intake_value_at(struct intake *in, const struct kind *kind, const struct id *id, const struct group *group,
			    uint64_t seq, struct row *row_out)
{
	struct value_walk walk = { .in = in, .group = group, .row = row_out };
	enum status st;

	if (seq > INT64_MAX)
		seq = INT64_MAX;
	st = in->store->ops->history_of(in->store, kind, id, seq, value_visit, &walk);
	if (st == ST_EXISTS)
		return ST_OK;
	return st == ST_OK ? ST_NOT_FOUND : st;
}

/* --- bases --- */

enum status history_own(const struct trial *trial, const struct version *version, uint32_t device, struct arena *arena,
			struct history *row_out)
{
	struct store *store = trial->in->store;
	struct held held;
	enum status st = store->ops->history_find(store, device, version->n, NULL, arena, row_out);

	if (st != ST_OK)
		return st;
	if (row_out->kind_num != trial->change->kind->num || !id_equal(&row_out->id, &trial->change->id))
		return ST_NOT_FOUND;
	if (version->origin && memcmp(version->digest, row_out->digest.bytes, sizeof version->digest) != 0)
		return ST_NOT_FOUND;
	if (row_out->result != OUTCOME_HELD)
		return ST_OK;
	st = store->ops->held_get(store, row_out->seq, &held);
	if (st == ST_OK && held.state == HELD_WAS_ACCEPTED)
		return store->ops->history_get(store, held.answer_seq, arena, row_out);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

struct version change_base(const struct change *change, uint8_t num)
{
	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == num)
			return change->groups[i].base;
	return (struct version){ .tag = VERSION_NONE };
}

/* One step: from an own number either to the base, or to the version that it started from itself. */
static enum status base_step(const struct trial *trial, uint8_t num, struct version *version, uint32_t device,
			     struct arena *arena, struct base *base)
{
	enum outcome_verdict verdict = GROUP_SUPERSEDED;
	struct version next = { .tag = VERSION_NONE };
	struct change *change;
	struct history row;
	bool mark = num == SCHEMA_GROUP_DELETED;
	enum status st = history_own(trial, version, device, arena, &row);

	if (st == ST_NOT_FOUND) {
		*version = next;
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	change = history_change(trial->in, arena, row.body, &st);
	if (st == ST_NOMEM)
		return st;
	if (st == ST_OK && history_verdict(&row, change, num, &verdict) && verdict != GROUP_SUPERSEDED &&
	    (!mark || change->create)) {
		*base = (struct base){ .known = true, .seq = row.seq, .sent = verdict == GROUP_MERGED };
		base->row = change->row;
		base->below = change_base(change, num);
		/* A number of another tablet's is none of this one's. */
		if (device != trial->source->device && base->below.tag == VERSION_OWN)
			base->below.tag = VERSION_NONE;
		next.tag = VERSION_SEQ;
		next.seq = row.seq;
	} else if (st == ST_OK) {
		next = change_base(change, num);
	}
	*version = next;
	return ST_OK;
}

/* What the author had seen of the group. A mark's base stands for the whole record, and a change of one's own on top
 * of it shows nothing of what others did meanwhile: it is followed down to what came from the centre. */
static enum status base_resolve(const struct trial *trial, uint8_t num, uint64_t mask, struct version version,
				struct base *base_out)
{
	uint32_t device = trial->source->device;
	struct arena arena;
	enum status st = ST_OK;

	*base_out = (struct base){ .known = version.tag == VERSION_SEQ, .seq = version.seq };
	if (version.tag != VERSION_OWN)
		return ST_OK;
	arena_init(&arena, TRIAL_ARENA_MAX);
	for (size_t step = 0; step < BASE_STEPS_MAX && st == ST_OK && version.tag == VERSION_OWN; step++) {
		uint64_t n = version.n;
		uint32_t from = version.origin ? version.origin : device;

		arena_reset(&arena);
		st = base_step(trial, num, &version, from, &arena, base_out);
		/* A number starts from a lower one, or from another tablet's: anything else is no base. */
		if (version.tag == VERSION_OWN && version.n >= n && (version.origin == 0 || version.origin == from))
			version.tag = VERSION_NONE;
		device = from;
	}
	if (st == ST_OK && version.tag == VERSION_SEQ && !base_out->known)
		*base_out = (struct base){ .known = true, .seq = version.seq };
	if (st == ST_OK && base_out->sent)
		st = trial_keep(trial->in->arena, &base_out->row, mask);
	arena_close(&arena);
	return st;
}

/* How far had the author seen what others wrote in the group? Where it starts from an own change that was merged: as far
 * as for that one, for the merge was not seen. */
static enum status seen_up_to(const struct trial *trial, uint8_t num, const struct base *base, uint64_t *out)
{
	struct base at = *base;
	enum status st = ST_OK;

	for (size_t step = 0; step < BASE_STEPS_MAX && st == ST_OK && at.sent; step++)
		st = base_resolve(trial, num, 0, at.below, &at);
	*out = at.known && !at.sent ? at.seq : 0;
	return st;
}

/* --- one group --- */

static struct interval edit_interval(const struct trial *trial, const struct evidence *evidence)
{
	if (trial->source->device == 0)
		return (struct interval){ trial->source->received_ms, trial->source->received_ms };
	return interval_of(evidence, &trial->source->clock, trial->source->received_ms);
}

/* Who had seen a value did not write before it. */
static void not_before(struct interval *at, const struct interval *seen)
{
	if (at->lo_ms < seen->lo_ms)
		at->lo_ms = seen->lo_ms;
	if (at->hi_ms < at->lo_ms)
		at->hi_ms = at->lo_ms;
}

static bool is_open(const struct trial *trial)
{
	int f = kind_field(trial->change->kind, "status", 6);
	const struct value *value = f >= 0 ? &trial->record->row.values[f] : NULL;

	return value && value->tag == VALUE_TEXT && value->len == 4 && memcmp(value->text, "open", 4) == 0;
}

static bool decides(const struct trial *trial, const struct group *group)
{
	return strcmp(trial->change->kind->name, "conflict") == 0 && strcmp(group->name, "decision") == 0;
}

/* An open conflict hears every decision that started from something: whether its maker had seen enough for it is asked
 * when it is carried out, and if not it becomes a candidate. A conflict is decided once: what comes after it is closed
 * is kept in history and opens nothing. */
static enum verdict decision_verdict(const struct trial *trial, bool started)
{
	return started && is_open(trial) ? VERDICT_ACCEPTED : VERDICT_SUPERSEDED;
}

/* The values of the base: NULL where they are not known any more. */
static enum status base_row(const struct trial *trial, const struct group *group, const struct base *base,
			    struct row *room, const struct row **out)
{
	const struct change *change = trial->change;
	enum status st;

	*out = NULL;
	if (!base->known)
		return ST_OK;
	if (base->sent) {
		*out = &base->row;
		return ST_OK;
	}
	st = intake_value_at(trial->in, change->kind, &change->id, group, base->seq, room);
	if (st == ST_OK)
		*out = room;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Would all that is merged still be one change? A merge that exceeds a limit is not made. */
static bool merged_fits(const struct trial *trial, const struct row *merged, uint64_t mask)
{
	size_t size = 0;

	for (size_t f = 0; f < trial->change->kind->field_count; f++) {
		const struct row *from = mask >> f & 1 ? merged : &trial->merged;

		if ((mask | trial->merged_mask) >> f & 1 && from->values[f].tag == VALUE_TEXT)
			size += from->values[f].len;
	}
	return size <= MERGED_SIZE_MAX;
}

/* What the rule made, out of its own memory into the trial's. */
static enum status keep_made(struct trial *trial, const struct merge_case *c, const struct merge_out *out,
			     const struct judgement *judgement, struct ruling *ruling)
{
	struct arena *arena = trial->in->arena;
	const uint64_t mask = c->group->mask;
	struct row other = out->other, merged = out->row;

	if (out->spot_count > 0) {
		ruling->spots = (const void *)arena_copy(arena, out->spots, out->spot_count * sizeof *out->spots);
		ruling->spot_count = out->spot_count;
		if (!ruling->spots || trial_keep(arena, &other, mask) != ST_OK)
			return ST_NOMEM;
		row_copy(&trial->others, &other, mask);
	}
	if (judgement->verdict != VERDICT_MERGED)
		return ST_OK;
	if (trial_keep(arena, &merged, mask) != ST_OK)
		return ST_NOMEM;
	row_copy(&trial->merged, &merged, mask);
	trial->merged_mask |= mask;
	env_crash_point(trial->in->env, "B10 after merge");
	return ST_OK;
}

/* Does a decision stand that the author had not seen? In a narrative also under what others wrote upon it, for words that
 * are far from those would be taken. */
static enum status is_decided(const struct trial *trial, const struct group *group, const struct base *base,
			      const struct group_meta *meta, bool *out)
{
	uint64_t seen = 0;
	enum status st = ST_OK;

	*out = meta->decided;
	if (*out || group->rule != RULE_TEXT)
		return ST_OK;
	st = seen_up_to(trial, group->num, base, &seen);
	return st == ST_OK ? conflict_decided_since(trial->in, trial->record, group, seen, out) : st;
}

/* The rule's word; a merged value goes into trial->merged. started: what the author started from, NULL where that is
 * not known; the record's own row where nothing has replaced it. Merging takes many times the room of what it makes. */
static enum status rule_on(struct trial *trial, const struct group *group, const struct row *started, bool decided,
			   struct judgement *judgement, struct ruling *ruling)
{
	const struct row *current = &trial->record->row;
	const struct group_meta *meta = &ruling->stood;
	const struct merge_case c = {
		.kind = trial->change->kind, .group = group, .base = started, .current = current,
		.proposed = &trial->change->row, .base_is_current = started == current, .decided = decided,
		.author_same = !trial->again && trial->source->device &&
			       group_meta_newest_device(meta) == trial->source->device,
		.current_at = *group_meta_newest(meta), .proposed_at = ruling->at,
	};
	struct merge_out out = { .room = merge_room(&c) };
	struct arena scratch;
	enum status st = ST_NOMEM;

	arena_init(&scratch, out.room);
	out.text = arena_alloc(&scratch, out.room);
	if (out.text)
		st = merge_judge(&c, &out, judgement);
	if (st == ST_OK && judgement->verdict == VERDICT_MERGED && !merged_fits(trial, &out.row, group->mask)) {
		*judgement = (struct judgement){ VERDICT_SUPERSEDED, true };
		out.spot_count = 0;
	}
	if (st == ST_OK)
		st = keep_made(trial, &c, &out, judgement, ruling);
	arena_close(&scratch);
	return st;
}

static void rule_moves(const struct trial *trial, const struct group *group, const struct group_meta *meta,
		       struct ruling *ruling)
{
	const struct row *now = &trial->record->row;

	if (ruling->verdict == VERDICT_MERGED)
		ruling->moves = !row_equal(&trial->merged, now, group->mask);
	else if (ruling->verdict != VERDICT_SUPERSEDED)
		ruling->moves = meta->seq == 0 || trial->decision ||
				!row_equal(&trial->change->row, now, group->mask);
}

/* Who says again what stands, or says what loses against it, and definitely later than all that was said of the group, is
 * asked when an edit from between comes: it must not stand over this one. Only the rules that go by time ask for the time. */
static bool rule_notes(const struct group *group, const struct ruling *ruling)
{
	return rule_is_timed(group->rule) && !ruling->moves;
}

/* What the author of an edit started from, and how that stands to what stands. */
struct start {
	struct base base;
	bool seen;             /* nothing has replaced it */
	bool decided;          /* by a person's decision that the author had not seen */
	const struct row *row; /* its values; NULL where they are not known any more */
	struct row room;
};

/* The same value is as good as the same version, but for a decision that was not seen. */
static enum status start_find(const struct trial *trial, const struct group *group, const struct group_meta *meta,
			      struct start *start)
{
	const struct row *now = &trial->record->row;
	enum status st = ST_OK;

	start->room = *now;
	start->seen = meta->seq == 0 || (start->base.known && !start->base.sent && meta->seq <= start->base.seq);
	if (!start->seen)
		st = base_row(trial, group, &start->base, &start->room, &start->row);
	if (st == ST_OK && !start->seen)
		st = is_decided(trial, group, &start->base, meta, &start->decided);
	if (start->row && !start->decided && row_equal(start->row, now, group->mask))
		start->seen = true;
	if (start->seen)
		start->row = now;
	return st;
}

static enum status judge_group(struct trial *trial, const struct change_group *edit, int index,
			       struct ruling *ruling)
{
	const struct kind *kind = trial->change->kind;
	const struct group *group = &kind->groups[index];
	const struct group_meta *meta = &trial->record->groups[index];
	struct judgement judgement = { .verdict = VERDICT_SUPERSEDED };
	struct start start = { .row = NULL };
	const struct base *base = &start.base;
	bool gone = false;
	enum status st = base_resolve(trial, group->num, group->mask, edit->base, &start.base);

	if (st != ST_OK)
		return st;
	*ruling = (struct ruling){ .num = group->num, .index = index, .stood = *meta,
				   .at = edit_interval(trial, &edit->evidence) };
	ruling->unseen = !(base->known && trial->record->deletion.seq <= base->seq) &&
			 !(trial->source->device && trial->record->deletion.device == trial->source->device);
	st = start_find(trial, group, meta, &start);
	env_crash_point(trial->in->env, "B09 after version check");
	if (st == ST_OK && signing_rules(trial, group, &judgement))
		st = seen_up_to(trial, group->num, base, &ruling->seen);
	else if (st == ST_OK && decides(trial, group))
		judgement.verdict = decision_verdict(trial, start.seen || base->known);
	else if (st == ST_OK && (st = gone_on(trial, group->num, &gone)) == ST_OK && gone)
		judgement.verdict = row_equal(&trial->change->row, &trial->record->row, group->mask) ? VERDICT_SAME :
												   VERDICT_SUPERSEDED;
	else if (st == ST_OK)
		st = rule_on(trial, group, start.row, start.decided, &judgement, ruling);
	ruling->verdict = judgement.verdict;
	ruling->conflict = judgement.conflict && strcmp(kind->name, "conflict") != 0;
	if ((start.seen || ruling->verdict == VERDICT_MERGED) && meta->seq)
		not_before(&ruling->at, &meta->at);
	rule_moves(trial, group, meta, ruling);
	ruling->noted = rule_notes(group, ruling);
	return st;
}

/* --- the deletion mark --- */

/* Was the group's standing value made by merging? Then it holds what others wrote, whoever's change it was. */
static enum status is_merged(const struct trial *trial, size_t g, bool *out)
{
	const struct record *record = trial->record;
	enum outcome_verdict verdict = GROUP_ACCEPTED;
	struct store *store = trial->in->store;
	struct change *change;
	struct history row;
	struct arena arena;
	enum status st;

	*out = false;
	arena_init(&arena, TRIAL_ARENA_MAX);
	st = store->ops->history_get(store, record->groups[g].seq, &arena, &row);
	if (st == ST_OK) {
		change = history_change(trial->in, &arena, row.body, &st);
		*out = st == ST_OK && history_verdict(&row, change, record->kind->groups[g].num, &verdict) &&
		       verdict == GROUP_MERGED;
	}
	arena_close(&arena);
	return st == ST_NOMEM ? st : ST_OK;
}

/* Has another author set something since, or brought the record back, that the deleter had not seen? */
static enum status overtaken(const struct trial *trial, const struct base *base, bool *out)
{
	const struct record *record = trial->record;
	const uint64_t seen = base->known ? base->seq : 0;
	enum status st = ST_OK;

	*out = record->deletion.seq > seen && record->deletion.device != trial->source->device;
	for (size_t g = 0; g < record->kind->group_count && st == ST_OK && !*out; g++) {
		if (record->groups[g].seq <= seen)
			continue;
		*out = record->groups[g].device != trial->source->device;
		if (!*out)
			st = is_merged(trial, g, out);
	}
	return st;
}

static enum status judge_mark(const struct trial *trial, const struct change_group *edit, struct ruling *ruling)
{
	bool deletes = trial->change->deletes, late = trial->closed, gone = false;
	struct base base;
	enum status st = base_resolve(trial, SCHEMA_GROUP_DELETED, 0, edit->base, &base);

	*ruling = (struct ruling){
		.num = SCHEMA_GROUP_DELETED, .index = -1, .verdict = VERDICT_ACCEPTED,
		.at = edit_interval(trial, &edit->evidence),
	};
	if (st != ST_OK)
		return st;
	if (trial->record->deleted == deletes) {
		ruling->verdict = VERDICT_SAME;
		return ST_OK;
	}
	if (deletes && !late)
		st = overtaken(trial, &base, &late);
	if (st == ST_OK)
		st = gone_on(trial, SCHEMA_GROUP_DELETED, &gone);
	if ((deletes && late) || gone)
		ruling->verdict = VERDICT_SUPERSEDED;
	ruling->moves = ruling->verdict == VERDICT_ACCEPTED;
	return st;
}

/* --- the whole change --- */

static void judge_create(struct trial *trial)
{
	const struct change *change = trial->change;

	for (uint8_t g = 0; g < change->kind->group_count; g++)
		trial->rulings[trial->ruling_count++] = (struct ruling){
			.num = change->kind->groups[g].num, .index = g, .verdict = VERDICT_ACCEPTED, .moves = true,
			.at = edit_interval(trial, &change->evidence),
		};
}

/* A deletion never beats an edit: one that changes something, or about which a person is asked, brings the record back,
 * where its author had not seen that it was deleted; a signature always does. */
static void judge_return(struct trial *trial)
{
	if (!trial->record->deleted || trial->change->deletes || trial->change->restores)
		return;
	for (size_t i = 0; i < trial->ruling_count; i++)
		trial->revives |= (trial->rulings[i].moves || trial->rulings[i].conflict) &&
				  (trial->rulings[i].unseen || trial->signs);
}

enum status trial_judge(struct trial *trial)
{
	const struct change *change = trial->change;
	enum status st = ST_OK;

	assert(trial->hold.reason == HELD_NONE && trial->ruling_count == 0);
	if (change->create) {
		judge_create(trial);
		return ST_OK;
	}
	for (size_t i = 0; i < change->group_count && st == ST_OK; i++) {
		struct ruling *ruling = &trial->rulings[trial->ruling_count++];
		int index = kind_group_num(change->kind, change->groups[i].num);

		if (change->groups[i].num == SCHEMA_GROUP_DELETED)
			st = judge_mark(trial, &change->groups[i], ruling);
		else
			st = judge_group(trial, &change->groups[i], index, ruling);
	}
	judge_return(trial);
	return st;
}
