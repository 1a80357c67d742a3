#include "daemon/restoring.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/closing.h"

#define SAFE "Nothing was changed."

struct restoring {
	struct intake *in;
	const struct record *record;
	struct history row;
	struct change *past;
	struct row values; /* of the groups that the change brought */
	struct failure *why;
};

static enum status refuse(struct restoring *r, const char *what, const char *next)
{
	return failure_set(r->why, ST_REFUSED, what, SAFE, next);
}

static enum status read_past(struct restoring *r, uint64_t seq)
{
	struct store *store = r->in->store;
	enum status st = store->ops->history_get(store, seq, r->in->arena, &r->row);

	if (st == ST_NOT_FOUND || (st == ST_OK && (r->row.kind_num != r->record->kind->num ||
						   !id_equal(&r->row.id, &r->record->id))))
		return failure_set(r->why, ST_NOT_FOUND, "This record has no such change.", SAFE,
				   "`doorstepd history` lists its changes with their numbers.");
	if (st != ST_OK)
		return st;
	if (r->row.result == OUTCOME_HELD)
		return refuse(r, "This change is held, so it is no value of the record's yet.",
			      "`doorstepd held accept` takes it in.");
	if (r->row.result == OUTCOME_RETURNED)
		return refuse(r, "This change was given back to its author.", "Its author can use it again on the tablet.");
	r->past = arena_zalloc(r->in->arena, sizeof *r->past);
	if (r->past == NULL)
		return ST_NOMEM;
	return change_decode(r->in->schema, r->row.body.data, r->row.body.len, r->in->arena, r->past, NULL);
}

/* The group's value: what was proposed, or what stood after the change. */
static enum status value_of(struct restoring *r, const struct group *group, bool *brought_out)
{
	enum outcome_verdict verdict = GROUP_SUPERSEDED;

	*brought_out = history_verdict(&r->row, r->past, group->num, &verdict);
	if (!*brought_out)
		return ST_OK;
	if (verdict == GROUP_MERGED)
		return intake_value_at(r->in, r->record->kind, &r->record->id, group, r->row.seq, &r->values);
	row_copy(&r->values, &r->past->row, group->mask);
	return ST_OK;
}

static bool lost(const struct restoring *r, const struct group *group)
{
	enum outcome_verdict verdict = GROUP_ACCEPTED;

	return history_verdict(&r->row, r->past, group->num, &verdict) && verdict == GROUP_SUPERSEDED;
}

static enum status several(struct restoring *r, const bool *may)
{
	char next[256] = "Name one with --group: ";
	size_t used = strlen(next);
	const char *separator = "";

	for (size_t g = 0; g < r->record->kind->group_count && used + SCHEMA_NAME_MAX + 4 < sizeof next; g++) {
		if (!may[g])
			continue;
		used += (size_t)snprintf(next + used, sizeof next - used, "%s%s", separator, r->record->kind->groups[g].name);
		separator = ", ";
	}
	return failure_set(r->why, ST_USAGE, "The change set several things.", SAFE, next);
}

/* The one that lost; else the one whose value no longer stands. */
static enum status choose(struct restoring *r, const struct group **out)
{
	const struct kind *kind = r->record->kind;
	bool may[SCHEMA_FIELDS_MAX] = { false }, lost_any = false;
	size_t count = 0;

	for (size_t g = 0; g < kind->group_count; g++)
		lost_any |= lost(r, &kind->groups[g]);
	for (size_t g = 0; g < kind->group_count; g++) {
		const struct group *group = &kind->groups[g];
		bool brought = false;
		enum status st = value_of(r, group, &brought);

		if (st != ST_OK)
			return st;
		may[g] = brought && (!lost_any || lost(r, group)) &&
			 !row_equal(&r->values, &r->record->row, group->mask);
		if (may[g])
			*out = group;
		count += may[g];
	}
	if (count == 0)
		return refuse(r, "All that this change set stands as it was.", "There is nothing to bring back.");
	return count == 1 ? ST_OK : several(r, may);
}

static enum status find_group(struct restoring *r, const char *name, const struct group **out)
{
	const struct kind *kind = r->record->kind;
	const int index = kind_group(kind, name, strlen(name));
	bool brought = false;
	enum status st = index < 0 ? ST_OK : value_of(r, &kind->groups[index], &brought);

	if (st != ST_OK)
		return st;
	if (!brought)
		return refuse(r, "The change set nothing of that name.", "`doorstepd history` shows what it set.");
	*out = &kind->groups[index];
	if (row_equal(&r->values, &r->record->row, (*out)->mask))
		return refuse(r, "The record holds this value already.", "There is nothing to bring back.");
	return ST_OK;
}

static enum status check_record(struct restoring *r, const struct group *group)
{
	const struct record *record = r->record;

	if (record->deleted)
		return refuse(r, "The record was deleted.", "Write it anew where it belongs.");
	if (closing_is_closed(record->kind, &record->row) &&
	    !closing_allows(record->kind, &record->row, &r->values, group->mask))
		return refuse(r, "The record is closed, so its words stay as they are.",
			      strcmp(record->kind->name, "note") == 0 ?
				      "Its author adds to it with `doorstep note addend`." :
				      "Mark it as entered in error and write it anew.");
	return ST_OK;
}

static enum status make(struct restoring *r, const struct group *group, struct change **out)
{
	struct change *change = arena_zalloc(r->in->arena, sizeof *change);

	if (change == NULL)
		return ST_NOMEM;
	change->kind = r->record->kind;
	change->id = r->record->id;
	change->groups[change->group_count++].num = group->num;
	row_copy(&change->row, &r->values, group->mask);
	*out = change;
	return ST_OK;
}

enum status restoring_change(struct intake *in, const struct record *record, uint64_t seq, const char *group_name,
			     struct change **change_out, struct failure *why)
{
	struct restoring r = { .in = in, .record = record, .why = why };
	const struct group *group = NULL;
	enum status st = read_past(&r, seq);

	if (st == ST_OK)
		st = group_name == NULL ? choose(&r, &group) : find_group(&r, group_name, &group);
	if (st != ST_OK)
		return st;
	assert(group != NULL);
	st = check_record(&r, group);
	return st == ST_OK ? make(&r, group, change_out) : st;
}
