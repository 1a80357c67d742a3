/* doorstepd held, held accept, held return. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

/* --- the list ------------------------------------------------------------------- */

struct held_list {
	struct desk *desk;
	struct held *held;
	size_t count, room;
};

static enum status held_visit(void *ctx, const struct held *held)
{
	struct held_list *l = ctx;

	if (l->count == l->room) {
		const size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct held *grown = arena_alloc(&l->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (l->count > 0)
			memcpy(grown, l->held, l->count * sizeof *grown);
		l->held = grown;
		l->room = room;
	}
	l->held[l->count++] = *held;
	return ST_OK;
}

/* KIND/ID of what is held; "" where the bytes did not tell. */
static const char *record_name(const struct desk *desk, uint8_t kind_num, const struct id *id, char room[SCHEMA_NAME_MAX + ID_TEXT_SIZE + 2])
{
	const struct kind *kind = kind_num == 0 ? NULL : schema_kind_num(desk->schema, kind_num);
	char text[ID_TEXT_SIZE];

	room[0] = '\0';
	if (kind == NULL)
		return room;
	id_format(id, text);
	snprintf(room, SCHEMA_NAME_MAX + ID_TEXT_SIZE + 2, "%s/%s", kind->name, text);
	return room;
}

static enum status print_held_json(struct held_list *l)
{
	static const struct table_column columns[] = {
		{ "id", NULL, CELL_ID },	 { "record", NULL, CELL_TEXT },	  { "patient", NULL, CELL_ID },
		{ "author", NULL, CELL_ID },	 { "name", NULL, CELL_TEXT },	  { "device", NULL, CELL_NUMBER },
		{ "n", NULL, CELL_NUMBER },	 { "received", NULL, CELL_TIME }, { "reason", NULL, CELL_TEXT },
		{ "what", NULL, CELL_TEXT },	 { "detail", NULL, CELL_TEXT },	  { "next", NULL, CELL_TEXT },
	};
	struct table *table = table_new(l->desk->line, columns, sizeof columns / sizeof columns[0]);
	char room[SCHEMA_NAME_MAX + ID_TEXT_SIZE + 2];

	for (size_t i = 0; i < l->count; i++) {
		const struct held *h = &l->held[i];

		table_number(table, (int64_t)h->seq);
		text_cell(table, record_name(l->desk, h->kind_num, &h->id, room));
		text_cell_id(table, &h->patient);
		text_cell_id(table, &h->author);
		text_cell(table, desk_worker_name(l->desk, &h->author));
		table_number(table, h->device);
		table_number(table, (int64_t)h->n);
		table_number(table, h->received_ms);
		text_cell(table, held_reason_name(h->reason));
		text_cell(table, held_reason_what(h->reason));
		text_cell(table, h->detail);
		text_cell(table, held_reason_next(h->reason));
	}
	return text_table(l->desk, table, ST_OK, "");
}

static void print_one(struct held_list *l, struct buf *out, const struct held *h)
{
	char room[SCHEMA_NAME_MAX + ID_TEXT_SIZE + 2];
	const char *name = record_name(l->desk, h->kind_num, &h->id, room);

	buf_printf(out, "%" PRIu64 "  %s\n    from ", h->seq, *name != '\0' ? name : "(not readable)");
	text_who(out, l->desk, &h->author, h->device);
	buf_printf(out, ", change %" PRIu64 ", received ", h->n);
	text_moment(out, h->received_ms);
	buf_printf(out, "\n    %s", held_reason_what(h->reason));
	if (h->detail[0] != '\0')
		buf_printf(out, " (%s)", h->detail);
	buf_add_str(out, "\n    Next: ");
	if (h->reason != HELD_CLOSED)
		buf_printf(out, "doorstepd held accept %" PRIu64 ", or doorstepd held return %" PRIu64 ".\n", h->seq, h->seq);
	else
		buf_printf(out, "doorstepd held return %" PRIu64 ", for nobody can accept it. Its author's next step: %s\n", h->seq,
			   held_reason_next(h->reason));
}

static enum status held(struct desk *desk)
{
	struct store *store = desk->centre.store;
	struct held_list l = { .desk = desk };
	struct buf out;
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	st = store->ops->held_each(store, NULL, NULL, true, held_visit, &l);
	if (st == ST_OK && desk->line->json) {
		st = print_held_json(&l);
	} else if (st == ST_OK) {
		for (size_t i = 0; i < l.count; i++)
			print_one(&l, &out, &l.held[i]);
		if (l.count == 0)
			buf_add_str(&out, "Nothing is held.\n");
		st = text_out(desk, &out);
	}
	desk_read_end(desk);
	buf_close(&out);
	return st;
}

int cmd_held(const struct command_line *line)
{
	return desk_run(line, held);
}

/* --- answering ------------------------------------------------------------------- */

static enum status read_number(struct desk *desk, uint64_t *out)
{
	const char *text = desk->line->words[0];
	char *end = NULL;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0')
		return ST_OK;
	return failure_set(&desk->why, ST_USAGE, "This is no held change's number.", "Nothing was changed.",
			   "`doorstepd held` lists what is held, each with its number in front.");
}

/* What came of it, in words. */
static enum status became(struct desk *desk, uint64_t seq, const char **out)
{
	struct store *store = desk->centre.store;
	struct history row;
	struct held held_row;
	enum status st = store->ops->held_get(store, seq, &held_row);

	if (st == ST_OK)
		st = store->ops->history_get(store, held_row.answer_seq, &desk->arena, &row);
	if (st != ST_OK)
		return st;
	*out = "It was given back: its author sees it as returned.";
	if (row.result == OUTCOME_ACCEPTED)
		*out = "It is taken in: all of it stands as it was written.";
	else if (row.result == OUTCOME_JUDGED)
		*out = "It is taken in; not all of it stands: `doorstepd history` of the record says what became of it.";
	return ST_OK;
}

static enum status print_answer(struct desk *desk, uint64_t seq, bool accept)
{
	const char *words = "";
	struct buf out;
	enum status st = desk_read(desk);

	if (st == ST_OK)
		st = became(desk, seq, &words);
	desk_read_end(desk);
	if (st != ST_OK)
		return st;
	buf_init(&out, 4096);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_number(&out, "id", (int64_t)seq);
		text_json(&out, "state", accept ? "accepted" : "returned");
		text_json(&out, "what", words);
		buf_add_str(&out, "}\n");
	} else {
		buf_printf(&out, "%s\n", words);
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status answer(struct desk *desk, bool accept)
{
	struct centre_act act;
	uint64_t seq = 0;
	enum status st = read_number(desk, &seq);

	if (st == ST_OK)
		st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, intake_answer_held(&act.in, &desk->by, seq, accept, &desk->why));
	return st == ST_OK ? print_answer(desk, seq, accept) : st;
}

static enum status held_accept(struct desk *desk)
{
	return answer(desk, true);
}

static enum status held_return(struct desk *desk)
{
	return answer(desk, false);
}

int cmd_held_accept(const struct command_line *line)
{
	return desk_run(line, held_accept);
}

int cmd_held_return(const struct command_line *line)
{
	return desk_run(line, held_return);
}
