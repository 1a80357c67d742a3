/* doorstep restore-value: what this tablet wrote once stands again, as an edit that has seen what stands now. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cmd_conflict.h"
#include "client/cmd_decided.h"
#include "client/cmd_outcomes.h"
#include "client/save.h"

static enum status refuse(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

static enum status read_number(struct cmd *c, uint64_t *out)
{
	const char *text = c->line->words[0];
	char *end = NULL;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && *text != '-' && *out > 0 && *out <= INT64_MAX)
		return ST_OK;
	return failure_set(&c->why, ST_USAGE, "A change of this tablet is named by its number.", "Nothing was changed.",
			   "`doorstep outcomes` shows it.");
}

/* A decision's value belongs to the record that the conflict is about. */
static enum status refuse_decision(struct cmd *c, const struct cmd_outcome *o)
{
	static const char what[] = "This change is the decision of a conflict: it has no value of its own to be restored.";
	struct cmd_conflict *conflict = arena_zalloc(&c->arena, sizeof *conflict);
	char next[160], record[ID_TEXT_SIZE];
	enum status st = conflict == NULL ? ST_NOMEM : cmd_conflict_read(c, &o->id, conflict);

	if (st == ST_NOT_FOUND)
		return refuse(c, what, "Edit the record itself with `doorstep set`.");
	if (st != ST_OK)
		return st;
	id_format(&conflict->record, record);
	(void)snprintf(next, sizeof next, "%s the record itself: `doorstep set %s/%s FIELD=VALUE`.",
		       conflict->open ? "Decide anew (`doorstep conflicts`), or edit" : "Edit", conflict->kind->name, record);
	return refuse(c, what, next);
}

static enum status check(struct cmd *c, const struct cmd_outcome *o)
{
	char next[96];

	if (o->state == IS_RETURNED || o->used) {
		(void)snprintf(next, sizeof next, "`doorstep held reuse %" PRIu64 "` takes it up again.", o->n);
		return refuse(c, "This change was returned to you.", o->used ? NULL : next);
	}
	if (o->state != IS_SETTLED)
		return refuse(c, "It is not known yet what becomes of this change.", "Sync first: `doorstep sync`.");
	if (cmd_decided_is(o))
		return refuse_decision(c, o);
	if (o->change->deletes || o->change->restores)
		return refuse(c, "This change set no value.", "Write what you mean with `doorstep set`.");
	return ST_OK;
}

static enum status several(struct cmd *c, const struct kind *kind, const bool *may)
{
	char next[256] = "Name one with --group: ";
	const char *separator = "";
	size_t used = strlen(next);

	for (size_t g = 0; g < kind->group_count && used + SCHEMA_NAME_MAX + 4 < sizeof next; g++) {
		if (!may[g])
			continue;
		used += (size_t)snprintf(next + used, sizeof next - used, "%s%s", separator, kind->groups[g].name);
		separator = ", ";
	}
	return failure_set(&c->why, ST_USAGE, "The change wrote several things.", "Nothing was changed.", next);
}

/* --group, else the one thing of the change where another value stands. */
static enum status choose(struct cmd *c, const struct cmd_outcome *o, const struct entry *now, const struct group **out)
{
	const char *name = command_option(c->line, "--group");
	const int index = name == NULL ? -1 : kind_group(o->kind, name, strlen(name));
	bool may[SCHEMA_FIELDS_MAX] = { false };
	size_t count = 0;

	if (name != NULL && (index < 0 || o->verdicts[index] == VERDICT_NONE))
		return refuse(c, "The change wrote nothing of that name.", "`doorstep outcomes` shows what it wrote.");
	for (size_t g = 0; g < o->kind->group_count; g++) {
		const struct group *group = &o->kind->groups[g];

		may[g] = (name == NULL ? o->verdicts[g] == VERDICT_LOST : (int)g == index) &&
			 !row_equal(&o->change->row, &now->row, group->mask);
		if (may[g])
			*out = group;
		count += may[g];
	}
	if (count == 0 && name == NULL)
		return refuse(c, "No other value stands where this change wrote.",
			      "To take a value that was merged back as you wrote it, name it with --group.");
	if (count == 0)
		return refuse(c, "The record holds this value already.", NULL);
	return count == 1 ? ST_OK : several(c, o->kind, may);
}

static enum status restore(struct cmd *c, const struct cmd_outcome *o)
{
	struct cmd_draft *draft = arena_zalloc(&c->arena, sizeof *draft);
	const struct group *group = NULL;
	struct entry now = { 0 };
	enum status st = draft == NULL ? ST_NOMEM : cmd_entry(c, o->kind, &o->id, &now);

	if (st != ST_OK)
		return st;
	st = choose(c, o, &now, &group);
	entry_close(&now);
	if (st != ST_OK)
		return st;
	assert(group != NULL);
	draft->kind = o->kind;
	draft->mask = group->mask;
	row_copy(&draft->row, &o->change->row, group->mask);
	st = cmd_save(c, draft, &o->id, SAVE_SHOWN_NOW);
	if (st == ST_OK && !c->line->json)
		printf("%s: %s\n", cmd_group_words(c, o->kind, group), cmd_group_values(c, o->kind, group, &draft->row));
	return st;
}

static enum status restore_body(struct cmd *c)
{
	struct cmd_outcome outcome;
	uint64_t n = 0;
	enum status st = read_number(c, &n);

	if (st == ST_OK)
		st = cmd_outcome_read(c, n, &outcome);
	if (st == ST_NOT_FOUND)
		return failure_set(&c->why, st, "This tablet made no change of that number.", "Nothing was changed.",
				   "`doorstep outcomes --all` lists them.");
	if (st == ST_OK)
		st = check(c, &outcome);
	return st == ST_OK ? restore(c, &outcome) : st;
}

int cmd_restore_value(const struct command_line *line)
{
	return cmd_run(line, restore_body);
}
