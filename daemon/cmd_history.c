/* doorstepd history: every change of a record, oldest first, and what became of it. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/closing.h"
#include "common/moment.h"
#include "daemon/cmd.h"
#include "daemon/cmd_note.h"
#include "daemon/cmd_text.h"
#include "daemon/late.h"
#include "proto/change.h"

/* One change, in desk->arena. */
struct entry {
	struct entry *newer, *older;
	struct history row;
	struct change *change; /* NULL: it can't be read */
	struct change *merged; /* what stands where it was merged; NULL = nothing was */
	struct id author;      /* whose value it is */
	bool late;             /* received after handover */
};

struct past {
	struct desk *desk;
	const struct kind *kind;
	struct id id;
	struct entry *oldest;
	struct buf out;
	struct table *table; /* JSON */
};

static bool copy_bytes(struct arena *arena, struct bytes *bytes)
{
	bytes->data = arena_copy(arena, bytes->data, bytes->len);
	return bytes->data != NULL;
}

static struct change *read_change(struct past *p, const struct bytes *body)
{
	struct change *change = arena_zalloc(&p->desk->arena, sizeof *change);

	if (change == NULL || body->len == 0 ||
	    change_decode(p->desk->schema, body->data, body->len, &p->desk->arena, change, NULL) != ST_OK)
		return NULL;
	return change;
}

static enum status entry_visit(void *ctx, const struct history *row)
{
	struct past *p = ctx;
	struct arena *arena = &p->desk->arena;
	struct entry *e = arena_zalloc(arena, sizeof *e);

	if (e == NULL)
		return ST_NOMEM;
	e->row = *row;
	if (!copy_bytes(arena, &e->row.body) || !copy_bytes(arena, &e->row.merged))
		return ST_NOMEM;
	if (row->group_count > 0) {
		e->row.groups = (const void *)arena_copy(arena, row->groups, row->group_count * sizeof *row->groups);
		if (e->row.groups == NULL)
			return ST_NOMEM;
	}
	e->change = read_change(p, &e->row.body);
	e->merged = read_change(p, &e->row.merged);
	e->newer = p->oldest;
	if (p->oldest != NULL)
		p->oldest->older = e;
	p->oldest = e;
	return ST_OK;
}

static const char *became_of(const struct history *row, uint8_t num)
{
	static const char *const words[] = { "accepted", "merged", "superseded" };

	if (row->result == OUTCOME_HELD)
		return "held";
	if (row->result == OUTCOME_RETURNED)
		return "returned";
	for (size_t g = 0; row->result == OUTCOME_JUDGED && g < row->group_count; g++)
		if (row->groups[g].num == num)
			return words[row->groups[g].verdict];
	return words[0];
}

static const char *became_in_words(const char *became)
{
	if (strcmp(became, "merged") == 0)
		return "merged with what others wrote";
	if (strcmp(became, "superseded") == 0)
		return "superseded: the value at the centre stood";
	return became;
}

static bool brings(const struct change *change, const struct group *group)
{
	if (change->create)
		return true;
	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == group->num)
			return true;
	return false;
}

/* The newest earlier change that brought the very value which this edit brings, where another one stood between them:
 * what it restores. NULL: none. */
static const struct entry *restored(const struct entry *e, const struct group *group)
{
	bool between = false;

	if (e->change->create)
		return NULL;
	for (const struct entry *past = e->older; past != NULL; past = past->older) {
		if (past->change == NULL || past->row.result == OUTCOME_HELD || past->row.result == OUTCOME_RETURNED ||
		    !brings(past->change, group))
			continue;
		if (row_equal(&past->change->row, &e->change->row, group->mask))
			return between || strcmp(became_of(&past->row, group->num), "superseded") == 0 ? past : NULL;
		between = true;
	}
	return NULL;
}

/* --- for people -------------------------------------------------------------------- */

/* Did it sign the note, as it stands in history? */
static bool is_signature(const struct entry *e)
{
	const struct kind *kind = e->change->kind;
	const int status = strcmp(kind->name, "note") == 0 ? kind_field(kind, "status", 6) : -1;
	const struct value *value = status >= 0 ? &e->change->row.values[status] : NULL;

	return value != NULL && value->tag == VALUE_TEXT && value->len == strlen(CLOSING_SIGNED) &&
	       memcmp(value->text, CLOSING_SIGNED, value->len) == 0 &&
	       strcmp(became_of(&e->row, kind->groups[kind->fields[status].group].num), "accepted") == 0;
}

static const char *deed(const struct entry *e)
{
	if (e->row.of_seq != 0)
		return "looked at again";
	if (e->change == NULL)
		return "sent what can't be read";
	if (e->change->create)
		return "created it";
	if (e->change->deletes)
		return "deleted it";
	if (e->change->restores)
		return "brought it back";
	return is_signature(e) ? "signed it" : "changed it";
}

static bool is_empty(const struct change *change, const struct group *group)
{
	for (size_t f = 0; f < change->kind->field_count; f++)
		if ((group->mask >> f & 1) != 0 && change->row.values[f].tag != VALUE_NULL)
			return false;
	return true;
}

static void print_group(struct past *p, const struct entry *e, const struct group *group)
{
	const struct kind *kind = e->change->kind;
	const char *became = became_of(&e->row, group->num);
	const bool alone = (group->mask & (group->mask - 1)) == 0;
	const struct entry *past;
	size_t first = 0;

	if (!brings(e->change, group) || (e->change->create && is_empty(e->change, group)))
		return;
	while ((group->mask >> first & 1) == 0)
		first++;
	buf_printf(&p->out, "    %s%s", alone ? kind->fields[first].label : group->name, ": ");
	text_values(&p->out, p->desk, kind, &e->change->row, group->mask);
	if (!e->change->create || strcmp(became, "accepted") != 0)
		buf_printf(&p->out, "  [%s]", became_in_words(became));
	past = restored(e, group);
	if (past != NULL)
		buf_printf(&p->out, "  (the value of change %" PRIu64 " again)", past->row.seq);
	buf_add_str(&p->out, "\n");
	if (e->merged != NULL && brings(e->merged, group)) {
		buf_add_str(&p->out, "      now: ");
		text_values(&p->out, p->desk, kind, &e->merged->row, group->mask);
		buf_add_str(&p->out, "\n");
	}
}

static void print_entry(struct past *p, const struct entry *e)
{
	const struct history *row = &e->row;
	struct buf *out = &p->out;

	buf_printf(out, "%" PRIu64 "  ", row->seq);
	text_who(out, p->desk, &e->author, row->device);
	if (row->device != 0)
		buf_printf(out, ", change %" PRIu64, row->n);
	buf_printf(out, ": %s\n    made ", deed(e));
	if (e->change != NULL)
		text_edit_time(out, &row->at, &e->change->evidence);
	else
		text_interval(out, &row->at);
	buf_add_str(out, ", received ");
	text_moment(out, row->received_ms);
	buf_add_str(out, e->late ? ", after handover\n" : "\n");
	if (row->of_seq != 0) {
		buf_printf(out, "    it had been held as %" PRIu64 "; ", row->of_seq);
		buf_printf(out, "answered by %s\n", desk_worker_name(p->desk, &row->author));
	}
	if (row->result == OUTCOME_HELD)
		buf_printf(out, "    held: %s\n", held_reason_what(row->reason));
	if (row->result == OUTCOME_RETURNED)
		buf_add_str(out, "    given back to its author\n");
	for (size_t g = 0; e->change != NULL && g < e->change->kind->group_count; g++)
		print_group(p, e, &e->change->kind->groups[g]);
}

/* --- for programs: a row for each field of each change ------------------------------- */

static void cell_of(struct table *table, const struct field *field, const struct value *value)
{
	char text[MOMENT_TEXT_SIZE];

	if (value->tag == VALUE_INT && field->type == TYPE_TIME) {
		moment_format(value->integer, text);
		text_cell(table, text);
	} else if (value->tag == VALUE_INT && field->type == TYPE_BOOL) {
		text_cell(table, value->integer != 0 ? "true" : "false");
	} else {
		text_cell_value(table, value);
	}
}

static void row_head(struct past *p, const struct entry *e)
{
	static const char *const results[] = { "accepted", "judged", "held", "returned" };
	const struct history *row = &e->row;
	int64_t wall_ms = 0;

	table_number(p->table, (int64_t)row->seq);
	table_number(p->table, row->device);
	table_number(p->table, (int64_t)row->n);
	text_cell_id(p->table, &e->author);
	text_cell(p->table, desk_worker_name(p->desk, &e->author));
	if (row->of_seq != 0)
		table_number(p->table, (int64_t)row->of_seq);
	else
		text_cell(p->table, NULL);
	table_number(p->table, row->at.lo_ms);
	table_number(p->table, row->at.hi_ms);
	if (e->change != NULL && clock_wall_ms(&e->change->evidence, &wall_ms))
		table_number(p->table, wall_ms);
	else
		text_cell(p->table, NULL);
	table_number(p->table, row->received_ms);
	text_cell(p->table, results[row->result]);
	text_cell(p->table, row->result == OUTCOME_HELD ? held_reason_name(row->reason) : NULL);
	text_cell(p->table, e->late ? "true" : "false");
}

static void row_field(struct past *p, const struct entry *e, size_t f)
{
	const struct kind *kind = e->change->kind;
	const struct field *field = &kind->fields[f];
	const struct group *group = &kind->groups[field->group];
	const struct entry *past;

	if (!brings(e->change, group) || (e->change->create && e->change->row.values[f].tag == VALUE_NULL))
		return;
	row_head(p, e);
	text_cell(p->table, group->name);
	text_cell(p->table, field->name);
	cell_of(p->table, field, &e->change->row.values[f]);
	text_cell(p->table, became_of(&e->row, group->num));
	past = restored(e, group);
	if (past != NULL)
		table_number(p->table, (int64_t)past->row.seq);
	else
		text_cell(p->table, NULL);
}

static void rows_of(struct past *p, const struct entry *e)
{
	for (size_t f = 0; e->change != NULL && f < e->change->kind->field_count; f++)
		row_field(p, e, f);
	if (e->change != NULL && !e->change->deletes && !e->change->restores)
		return;
	row_head(p, e);
	text_cell(p->table, e->change == NULL ? NULL : "deleted");
	text_cell(p->table, e->change == NULL ? NULL : "deleted");
	text_cell(p->table, e->change == NULL ? NULL : e->change->deletes ? "true" : "false");
	text_cell(p->table, became_of(&e->row, SCHEMA_GROUP_DELETED));
	text_cell(p->table, NULL);
}

static struct table *new_table(const struct command_line *line)
{
	static const struct table_column columns[] = {
		{ "seq", NULL, CELL_NUMBER },	 { "device", NULL, CELL_NUMBER }, { "n", NULL, CELL_NUMBER },
		{ "author", NULL, CELL_ID },	 { "name", NULL, CELL_TEXT },	  { "answers", NULL, CELL_NUMBER },
		{ "made_from", NULL, CELL_TIME }, { "made_to", NULL, CELL_TIME },  { "tablet_clock", NULL, CELL_TIME },
		{ "received", NULL, CELL_TIME },
		{ "result", NULL, CELL_TEXT },	 { "reason", NULL, CELL_TEXT },	  { "after_handover", NULL, CELL_TEXT },
		{ "group", NULL, CELL_TEXT },
		{ "field", NULL, CELL_TEXT },	 { "value", NULL, CELL_TEXT },	  { "became", NULL, CELL_TEXT },
		{ "restores", NULL, CELL_NUMBER },
	};

	return line->json ? table_new(line, columns, sizeof columns / sizeof columns[0]) : NULL;
}

/* What belongs to a note stands in records of its own. */
static enum status print_note(struct past *p, const struct id *id)
{
	struct store *store = p->desk->centre.store;
	struct record *note = arena_zalloc(&p->desk->arena, sizeof *note);
	enum status st;

	if (note == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, schema_kind(p->desk->schema, "note", 4), id, &p->desk->arena, note);
	if (st == ST_OK)
		st = note_print(p->desk, note, &p->out);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status print_past(struct past *p)
{
	enum status st = ST_OK;

	for (struct entry *e = p->oldest; e != NULL && st == ST_OK; e = e->newer) {
		st = text_author(p->desk, &e->row, &e->author);
		if (st == ST_OK)
			st = late_is(p->desk->centre.store, &e->row, &e->author, &e->late);
		if (st == ST_OK && p->table != NULL)
			rows_of(p, e);
		else if (st == ST_OK)
			print_entry(p, e);
	}
	if (p->table != NULL)
		return text_table(p->desk, p->table, st, "");
	if (st == ST_OK && strcmp(p->kind->name, "note") == 0)
		st = print_note(p, &p->id);
	return st == ST_OK ? text_out(p->desk, &p->out) : st;
}

static enum status history(struct desk *desk)
{
	struct store *store = desk->centre.store;
	struct past p = { .desk = desk };
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	buf_init(&p.out, TEXT_SIZE_MAX);
	st = desk_ref(desk, desk->line->words[0], NULL, &p.kind, &p.id);
	if (st == ST_OK)
		st = store->ops->history_of(store, p.kind, &p.id, INT64_MAX, entry_visit, &p);
	if (st == ST_OK && p.oldest == NULL)
		st = failure_set(&desk->why, ST_NOT_FOUND, "Nothing was ever written of this record.",
				 "Nothing was changed.", "Check its name.");
	if (st == ST_OK) {
		p.table = new_table(desk->line);
		st = print_past(&p);
	}
	desk_read_end(desk);
	buf_close(&p.out);
	return st;
}

int cmd_history(const struct command_line *line)
{
	return desk_run(line, history);
}
