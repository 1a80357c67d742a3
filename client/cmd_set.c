#include "client/cmd.h"
#include "client/save.h"

static enum status set_body(struct cmd *c)
{
	struct cmd_draft *draft = arena_zalloc(&c->arena, sizeof *draft);
	int64_t shown = SAVE_SHOWN_NOW;
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_ref(c, c->line->words[0], &draft->kind, &id);

	if (st == ST_OK)
		st = cmd_number(c, "--shown", 0, INT64_MAX, &shown);
	for (size_t i = 1; st == ST_OK && i < c->line->word_count; i++)
		st = cmd_put_assignment(c, draft, c->line->words[i]);
	return st == ST_OK ? cmd_save(c, draft, &id, shown) : st;
}

int cmd_set(const struct command_line *line)
{
	return cmd_run(line, set_body);
}
