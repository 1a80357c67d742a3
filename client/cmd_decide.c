#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cmd_conflict.h"
#include "client/save.h"
#include "client/tracks.h"

/* What is chosen: a candidate, or (0) values of their own. */
struct choice {
	unsigned n;
	struct row row;
};

static enum status usage(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_USAGE, what, "Nothing was changed.", next);
}

static bool is_candidate(const struct cmd_conflict *conflict, unsigned n)
{
	for (size_t i = 0; i < conflict->count; i++)
		if (conflict->candidates[i].n == n)
			return true;
	return false;
}

/* What the record shows now: mostly what stood first, unless it has moved on since. */
static void keep_current(const struct cmd_conflict *conflict, const struct entry *record, struct choice *choice)
{
	const struct decision_candidate *first = &conflict->candidates[0];

	if (!first->has_values || row_equal(&first->row, &record->row, conflict->group->mask))
		choice->n = first->n;
	else
		row_copy(&choice->row, &record->row, conflict->group->mask);
}

static enum status keep_number(struct cmd *c, const struct cmd_conflict *conflict, const char *text,
			       struct choice *choice)
{
	char *end = NULL;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || n > UINT16_MAX)
		return usage(c, "--keep takes current, other, or the number of a candidate.", "");
	if (!is_candidate(conflict, (unsigned)n))
		return failure_set(&c->why, ST_NOT_FOUND, "The conflict has no candidate of this number.",
				   "Nothing was changed.", "`doorstep conflicts` shows them.");
	choice->n = (unsigned)n;
	return ST_OK;
}

static enum status keep(struct cmd *c, const struct cmd_conflict *conflict, const struct entry *record,
			const char *what, struct choice *choice)
{
	if (strcmp(what, "current") == 0) {
		keep_current(conflict, record, choice);
		return ST_OK;
	}
	if (strcmp(what, "other") != 0)
		return keep_number(c, conflict, what, choice);
	if (conflict->count != 2)
		return usage(c, "There is more than one other candidate.", "Choose by its number: --keep N.");
	choice->n = conflict->candidates[1].n;
	return ST_OK;
}

/* --value V, or FIELD=VALUE for each field of a larger group; the others stay as they are. */
static enum status own_value(struct cmd *c, const struct cmd_conflict *conflict, const struct entry *record,
			     struct choice *choice)
{
	const uint64_t mask = conflict->group->mask;
	const bool alone = (mask & (mask - 1)) == 0;
	struct cmd_draft *draft = cmd_draft(c, conflict->kind->name);
	size_t count = 0;
	const char *const *values = command_options(c->line, "--value", &count);
	enum status st = draft == NULL ? ST_NOMEM : ST_OK;

	if (st == ST_OK && alone && count != 1)
		return usage(c, "The conflict is about one value.", "Give --value once.");
	if (st != ST_OK)
		return st;
	row_copy(&draft->row, &record->row, mask);
	for (size_t i = 0; st == ST_OK && i < count; i++)
		st = alone ? cmd_put(c, draft, conflict->kind->fields[__builtin_ctzll(mask)].name, values[i])
			   : cmd_put_assignment(c, draft, values[i]);
	if (st == ST_OK && (draft->mask & ~mask) != 0)
		return usage(c, "A field was named that this conflict is not about.", "`doorstep conflicts` shows which it is about.");
	if (st == ST_OK)
		row_copy(&choice->row, &draft->row, mask);
	return st;
}

static enum status choose(struct cmd *c, const struct cmd_conflict *conflict, struct choice *choice)
{
	const char *what = command_option(c->line, "--keep");
	const bool value = command_option(c->line, "--value") != NULL;
	struct entry record = { 0 };
	enum status st;

	if ((what != NULL) == value)
		return usage(c, "It is not said what to decide.", "Give either --keep current|other|N or --value V.");
	if (conflict->count == 0)
		return ST_CORRUPT;
	st = cmd_entry(c, conflict->kind, &conflict->record, &record);
	if (st != ST_OK)
		return st;
	st = value ? own_value(c, conflict, &record, choice) : keep(c, conflict, &record, what, choice);
	for (size_t f = 0; st == ST_OK && choice->n == 0 && f < conflict->kind->field_count; f++) {
		struct value *one = &choice->row.values[f];

		if ((conflict->group->mask >> f & 1) != 0 && one->tag == VALUE_TEXT &&
		    (one->text = arena_copy(&c->arena, one->text, one->len)) == NULL)
			st = ST_NOMEM;
	}
	entry_close(&record);
	return st;
}

static enum status write_decision(struct cmd *c, const struct cmd_conflict *conflict, const struct choice *choice,
				  uint64_t stood)
{
	struct decision decision = {
		.kind = conflict->kind,
		.group = conflict->group,
		.choice = choice->n,
		.values = &choice->row,
		.candidates = conflict->candidates,
		.candidate_count = conflict->count,
		.stood = stood,
	};
	struct cmd_draft *draft = cmd_draft(c, "conflict");
	struct buf text;
	enum status st = ST_OK;

	if (draft == NULL)
		return ST_NOMEM;
	buf_init(&text, draft->kind->fields[kind_field(draft->kind, "decision", strlen("decision"))].max);
	decision_text(&text, &decision);
	st = buf_status(&text);
	if (st == ST_LIMIT)
		(void)failure_set(&c->why, st, "The value is too long to be written into a decision.",
				  "Nothing was changed.", "Choose a candidate by its number, then edit the record.");
	if (st == ST_OK) {
		cmd_put_value(draft, "decision", value_text(buf_str(&text), text.len));
		st = cmd_save(c, draft, &conflict->id, SAVE_SHOWN_NOW);
	}
	buf_close(&text);
	return st;
}

/* Up to where the record had been seen, then what is there to choose from: what a sync brings between the two is newer
 * than the decision claims to have seen, and never overwritten by it. */
static enum status read_conflict(struct cmd *c, const struct id *id, struct cmd_conflict *out, uint64_t *stood_out)
{
	enum status st = cmd_conflict_read(c, id, out);

	if (st == ST_OK) {
		const struct key key = { out->kind, out->record };

		st = tracks_seen(c->r, &key, out->group->num, stood_out);
	}
	return st == ST_OK ? cmd_conflict_read(c, id, out) : st;
}

static enum status decide_body(struct cmd *c)
{
	struct choice *choice = arena_zalloc(&c->arena, sizeof *choice);
	const struct kind *kind = NULL;
	struct cmd_conflict conflict = { 0 };
	struct id id = ID_STAFF;
	uint64_t stood = 0;
	enum status st = choice == NULL ? ST_NOMEM : cmd_kind(c, "conflict", &kind);

	if (st == ST_OK)
		st = cmd_find(c, kind, c->line->words[0], &id);
	if (st == ST_OK)
		st = read_conflict(c, &id, &conflict, &stood);
	if (st == ST_OK && !conflict.open)
		return failure_set(&c->why, ST_REFUSED, "This conflict has been decided.", "Nothing was changed.",
				   "Edit the record itself where it should be otherwise.");
	if (st == ST_OK)
		st = choose(c, &conflict, choice);
	return st == ST_OK ? write_decision(c, &conflict, choice, stood) : st;
}

int cmd_decide(const struct command_line *line)
{
	return cmd_run(line, decide_body);
}
