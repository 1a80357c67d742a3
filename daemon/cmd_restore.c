/* doorstepd restore-value: a value out of a record's history stands again, as a new change. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/restoring.h"

const struct option_row CMD_RESTORE_OPTIONS[] = {
	{ "--change", "SEQ", "the change whose value it is, by its number in `doorstepd history`" },
	{ "--group", "NAME", "which of the things that it set" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

struct work {
	struct desk *desk;
	struct centre_act act;
	struct record *record;
	struct change *change;
	uint64_t past, seq;
};

static enum status read_seq(struct desk *desk, uint64_t *out)
{
	const char *text = command_option(desk->line, "--change");
	char *end = NULL;

	errno = 0;
	*out = text == NULL ? 0 : strtoull(text, &end, 10);
	if (text != NULL && errno == 0 && end != text && *end == '\0' && *text != '-' && *out > 0 && *out <= INT64_MAX)
		return ST_OK;
	return failure_set(&desk->why, ST_USAGE, "It is not said which change's value is to stand again.",
			   "Nothing was changed.", "Give its number in `doorstepd history KIND/ID` with --change SEQ.");
}

static enum status restore(struct work *w)
{
	struct desk *desk = w->desk;
	struct intake in = w->act.in;
	enum status st = desk_record(desk, desk->line->words[0], NULL, w->record);

	in.arena = &desk->arena; /* what is restored is told when the act is over */
	if (st == ST_OK)
		st = restoring_change(&in, w->record, w->past, command_option(desk->line, "--group"), &w->change,
				      &desk->why);
	return st == ST_OK ? desk_take(desk, &w->act, w->change, &w->seq) : st;
}

static enum status print_restored(struct work *w)
{
	const struct kind *kind = w->record->kind;
	const struct group *group = &kind->groups[kind_group_num(kind, w->change->groups[0].num)];
	struct buf out;
	enum status st = desk_read(w->desk);

	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	if (w->desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &w->record->id);
		text_json(&out, "group", group->name);
		text_json_number(&out, "seq", (int64_t)w->seq);
		text_json_number(&out, "restores", (int64_t)w->past);
		buf_add_str(&out, "}\n");
	} else {
		buf_printf(&out, "The value of change %" PRIu64 " stands again (%s), as change %" PRIu64 ": ", w->past,
			   group->name, w->seq);
		text_values(&out, w->desk, kind, &w->change->row, group->mask);
		buf_add_str(&out, "\nWhat stood until now is kept in the history.\n");
	}
	desk_read_end(w->desk);
	st = text_out(w->desk, &out);
	buf_close(&out);
	return st;
}

static enum status restore_work(struct desk *desk)
{
	struct work w = { .desk = desk, .record = arena_zalloc(&desk->arena, sizeof *w.record) };
	enum status st = w.record == NULL ? ST_NOMEM : read_seq(desk, &w.past);

	if (st == ST_OK)
		st = desk_act_begin(desk, &w.act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &w.act, restore(&w));
	return st == ST_OK ? print_restored(&w) : st;
}

int cmd_restore_value(const struct command_line *line)
{
	return desk_run(line, restore_work);
}
