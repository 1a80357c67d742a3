#include "common/merge.h"

#include <assert.h>
#include <string.h>

static const struct judgement ACCEPTED = { VERDICT_ACCEPTED, false };
static const struct judgement SAME = { VERDICT_SAME, false };
static const struct judgement MERGED = { VERDICT_MERGED, false };
static const struct judgement SUPERSEDED = { VERDICT_SUPERSEDED, false };
static const struct judgement CONFLICT = { VERDICT_SUPERSEDED, true };

bool rule_is_timed(enum rule rule)
{
	return rule == RULE_NEWEST || rule == RULE_PROGRESS;
}

/* One tablet's changes come in the order in which they were made, so where its own
 * two are in doubt the later one stands; but not where it could be dated earlier than
 * what the earlier one has put aside: that was kept because it was not definitely
 * later than the earlier one's end. */
static struct judgement judge_newest(const struct merge_case *c)
{
	switch (interval_compare(&c->proposed_at, &c->current_at)) {
	case ORDER_LATER:
		return ACCEPTED;
	case ORDER_EARLIER:
		return SUPERSEDED;
	case ORDER_DOUBT:
		return c->author_same && c->proposed_at.hi_ms >= c->current_at.hi_ms ? ACCEPTED :
										       SUPERSEDED;
	}
	assert(false && "an order without a meaning");
	return SUPERSEDED;
}

struct text value_as_text(const struct value *value)
{
	return value->tag == VALUE_TEXT ? (struct text){ value->text, value->len } : (struct text){ "", 0 };
}

/* The group of a narrative is one field. */
static size_t text_field(const struct merge_case *c)
{
	size_t index = 0;

	while ((c->group->mask >> index & 1) == 0)
		index++;
	assert(c->group->mask == UINT64_C(1) << index && c->kind->fields[index].type == TYPE_TEXT);
	return index;
}

static struct value value_of(const char *text, size_t len)
{
	return len == 0 ? value_null() : value_text(text, len);
}

static bool text_fits(const struct merge_case *c, const struct text_merge *merge)
{
	const struct field *field = &c->kind->fields[text_field(c)];
	const size_t max = merge->spot_count > 0 ? MERGE_TEXT_MAX : field->max;

	return merge->merged_len <= max && merge->merged_len <= field->max && merge->other_len <= max;
}

static struct judgement judge_text(const struct merge_case *c, struct merge_out *out)
{
	const size_t index = text_field(c);
	const struct text base = c->base != NULL ? value_as_text(&c->base->values[index]) : (struct text){ "", 0 };
	const struct text current = value_as_text(&c->current->values[index]);
	const struct text proposed = value_as_text(&c->proposed->values[index]);
	struct text_merge merge;

	if (c->base == NULL || base.len > TEXT_MERGE_MAX || current.len > TEXT_MERGE_MAX || proposed.len > TEXT_MERGE_MAX)
		return CONFLICT;
	text_merge(&base, &current, &proposed, out->text, out->room, &merge);
	if (!text_fits(c, &merge) || (c->kind->fields[index].required && merge.merged_len == 0))
		return CONFLICT;
	out->row.values[index] = value_of(merge.merged, merge.merged_len);
	if (merge.spot_count == 0)
		return row_equal(&out->row, c->proposed, c->group->mask) ? ACCEPTED : MERGED;
	out->other.values[index] = value_of(merge.other, merge.other_len);
	out->spots = merge.spots;
	out->spot_count = merge.spot_count;
	if (merge.merged_len == current.len && memcmp(merge.merged, current.at, current.len) == 0)
		return CONFLICT;
	return (struct judgement){ VERDICT_MERGED, true };
}

/* One field of the group; its text goes into merged_out's buffer. */
static bool merge_field(const struct merge_case *c, size_t index, struct merge_out *merged_out)
{
	const struct field *field = &c->kind->fields[index];
	const struct value nothing = { .tag = VALUE_NULL };
	const struct value *base = c->base != NULL ? &c->base->values[index] : &nothing;
	struct value *value = &merged_out->row.values[index];
	char *to = merged_out->text + merged_out->used;
	size_t len = 0;

	assert(field->type == TYPE_SET && merged_out->used <= merged_out->room);
	if (set_merge(base, &c->current->values[index], &c->proposed->values[index], to,
		      merged_out->room - merged_out->used, &len) != ST_OK)
		return false;
	*value = nothing;
	if (len > 0) {
		value->tag = VALUE_TEXT;
		value->len = (uint32_t)len;
		value->text = to;
	}
	merged_out->used += len;
	return value_check(field, value) == ST_OK && !(field->required && len == 0);
}

static struct judgement judge_set(const struct merge_case *c, struct merge_out *merged_out)
{
	size_t used = merged_out->used;

	for (size_t i = 0; i < c->kind->field_count; i++) {
		if ((c->group->mask >> i & 1) != 0 && !merge_field(c, i, merged_out)) {
			merged_out->used = used;
			return CONFLICT;
		}
	}
	return row_equal(&merged_out->row, c->proposed, c->group->mask) ? ACCEPTED : MERGED;
}

bool progress_is_ending(const struct value *status)
{
	return status->tag == VALUE_TEXT &&
	       values_contain("done|not-done|cancelled", status->text, status->len);
}

static struct judgement judge_progress(const struct merge_case *c)
{
	int index = kind_field(c->kind, "status", 6);
	const struct value *current, *proposed;
	bool current_ends, proposed_ends;

	assert(index >= 0 && (c->group->mask >> index & 1) != 0);
	current = &c->current->values[index];
	proposed = &c->proposed->values[index];
	current_ends = progress_is_ending(current);
	proposed_ends = progress_is_ending(proposed);
	if (proposed_ends && !current_ends)
		return ACCEPTED;
	if (current_ends && !proposed_ends)
		return SUPERSEDED;
	if (current_ends && !value_equal(current, proposed))
		return CONFLICT;
	return judge_newest(c);
}

static struct judgement judge_by_rule(const struct merge_case *c, struct merge_out *merged_out)
{
	switch (c->group->rule) {
	case RULE_NEWEST:
		return judge_newest(c);
	case RULE_TEXT:
		return judge_text(c, merged_out);
	case RULE_SET:
		return judge_set(c, merged_out);
	case RULE_PROGRESS:
		return judge_progress(c);
	case RULE_GUARDED:
		return CONFLICT;
	}
	assert(false && "a group without a rule");
	return CONFLICT;
}

size_t merge_room(const struct merge_case *c)
{
	size_t room = 16;

	if (c->group->rule == RULE_TEXT) {
		const size_t index = text_field(c);

		return text_merge_room(c->base != NULL ? value_as_text(&c->base->values[index]).len : 0,
				       value_as_text(&c->current->values[index]).len,
				       value_as_text(&c->proposed->values[index]).len);
	}
	for (size_t f = 0; f < c->kind->field_count; f++)
		if (c->group->mask >> f & 1)
			room += (size_t)c->current->values[f].len + c->proposed->values[f].len + 16;
	return room;
}

enum status merge_judge(const struct merge_case *c, struct merge_out *merged_out,
			struct judgement *judgement_out)
{
	bool same = row_equal(c->current, c->proposed, c->group->mask);

	assert((c->group->mask & ~c->kind->mask_all) == 0 && c->group->mask != 0);
	if (same)
		*judgement_out = SAME;
	else if (c->base_is_current)
		*judgement_out = ACCEPTED;
	else if (c->decided)
		*judgement_out = CONFLICT;
	else
		*judgement_out = judge_by_rule(c, merged_out);
	return ST_OK;
}
