#include <string.h>

#include "client/cmd_note.h"
#include "client/save.h"

#define SECTION_DEFAULT "observed"

/* A section is a narrative of the note. */
enum status cmd_section(struct cmd *c, const struct kind *note, const char *name, size_t len, int *index_out)
{
	const int index = kind_field(note, name, len);
	char what[160];

	if (index >= 0 && note->groups[note->fields[index].group].rule == RULE_TEXT) {
		*index_out = index;
		return ST_OK;
	}
	(void)snprintf(what, sizeof what, "A note has no section \"%.*s\".", len > 60 ? 60 : (int)len, name);
	return failure_set(&c->why, ST_UNKNOWN, what, "Nothing was changed.",
			   "Sections are: reason, observed, done, response, education, coordination, plan.");
}

const char *cmd_text_argument(struct cmd *c)
{
	const char *file = command_option(c->line, "--file");
	char *argument;
	size_t len;

	if (file == NULL || strcmp(file, "-") == 0)
		return "-";
	len = strlen(file);
	argument = arena_alloc(&c->arena, len + 2);
	if (argument == NULL)
		return NULL;
	argument[0] = '@';
	memcpy(argument + 1, file, len + 1);
	return argument;
}

/* "NAME=TEXT", or "NAME" alone: its text is the one of --file or standard input. */
static enum status put_section(struct cmd *c, struct cmd_draft *draft, const char *section)
{
	const size_t len = strcspn(section, "=");
	const char *argument = cmd_text_argument(c);
	int index = -1;
	enum status st = argument == NULL ? ST_NOMEM : cmd_section(c, draft->kind, section, len, &index);

	if (st != ST_OK)
		return st;
	return section[len] == '=' ? cmd_put_assignment(c, draft, section) : cmd_put(c, draft, section, argument);
}

static enum status put_sections(struct cmd *c, struct cmd_draft *draft)
{
	size_t count = 0, without = 0;
	const char *const *sections = command_options(c->line, "--section", &count);
	enum status st = ST_OK;

	for (size_t i = 0; i < count; i++)
		without += strchr(sections[i], '=') == NULL ? 1 : 0;
	if (without > 1)
		return failure_set(&c->why, ST_USAGE, "One text can't fill several sections.", "Nothing was changed.",
				   "Write --section NAME=@FILE for each.");
	if (count == 0)
		return put_section(c, draft, SECTION_DEFAULT);
	for (size_t i = 0; st == ST_OK && i < count; i++)
		st = put_section(c, draft, sections[i]);
	return st;
}

static enum status put_visit(struct cmd *c, struct cmd_draft *draft)
{
	const char *visit = command_option(c->line, "--visit");
	const struct kind *kind = NULL;
	struct id id = ID_STAFF;
	enum status st = visit == NULL ? ST_OK : cmd_kind(c, "visit", &kind);

	if (st == ST_OK && visit != NULL)
		st = cmd_find(c, kind, visit, &id);
	if (st == ST_OK && visit != NULL)
		cmd_put_id(c, draft, "visit", &id);
	return st;
}

/* A note in which nothing is written is a slip: an empty file, or standard input that was not given. */
static enum status check_text(struct cmd *c, const struct cmd_draft *draft)
{
	for (size_t f = 0; f < draft->kind->field_count; f++)
		if (draft->row.values[f].tag == VALUE_TEXT &&
		    draft->kind->groups[draft->kind->fields[f].group].rule == RULE_TEXT)
			return ST_OK;
	return failure_set(&c->why, ST_USAGE, "The note has no text.", "Nothing was saved.",
			   "Give it on standard input, with --file FILE, or with --section NAME=TEXT.");
}

static enum status add_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "note");
	struct id patient = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_patient(c, &patient);

	if (st == ST_OK)
		st = put_visit(c, draft);
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "type", "--type");
	if (st == ST_OK)
		st = put_sections(c, draft);
	if (st == ST_OK)
		st = check_text(c, draft);
	if (st != ST_OK)
		return st;
	cmd_put_id(c, draft, "author", &c->r->identity.worker);
	cmd_put_value(draft, "written_at", value_int(cmd_now(c)));
	cmd_put_value(draft, "status", value_string("draft"));
	return cmd_create(c, draft, &patient);
}

int cmd_note_add(const struct command_line *line)
{
	return cmd_run(line, add_body);
}

static enum status edit_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "note");
	int64_t shown = SAVE_SHOWN_NOW;
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_find(c, draft->kind, c->line->words[0], &id);

	if (st == ST_OK)
		st = cmd_number(c, "--shown", 0, INT64_MAX, &shown);
	if (st == ST_OK)
		st = put_sections(c, draft);
	return st == ST_OK ? cmd_save(c, draft, &id, shown) : st;
}

int cmd_note_edit(const struct command_line *line)
{
	return cmd_run(line, edit_body);
}
