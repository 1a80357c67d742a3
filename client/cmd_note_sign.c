#include <string.h>

#include "client/cmd_note.h"
#include "client/save.h"
#include "client/sign.h"
#include "client/standing.h"
#include "common/closing.h"

static enum status usage(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_USAGE, what, "Nothing was changed.", next);
}

static enum status refuse(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

static bool status_is(const struct entry *note, const char *word)
{
	const char *status = entry_text(note, "status");

	return status != NULL && strcmp(status, word) == 0;
}

/* --- sign --------------------------------------------------------------------------- */

static bool is_section(const struct entry *note, size_t f)
{
	return note->texts[f] != NULL && note->kind->groups[note->kind->fields[f].group].rule == RULE_TEXT;
}

static enum status tell_signed(struct cmd *c, const struct entry *note, const struct signing *done)
{
	char words[LATENESS_WORDS_SIZE];
	const char *state = "complete";
	const enum status st = standing_patient(c->r, &note->patient, &state);

	for (size_t f = 0; f < note->kind->field_count; f++) {
		if (!is_section(note, f))
			continue;
		printf("%s\n", note->kind->fields[f].label);
		cmd_lines("  ", note->texts[f]);
	}
	printf("\nSigned. Saved on this tablet. note/%s\n", note->id_text);
	if (done->dated) {
		lateness_words(&done->lateness, words);
		printf("Signed %s.\n", words);
	}
	if (st == ST_OK && strcmp(state, "left") == 0)
		puts("The patient is no longer in your caseload: the centre will hold this change until a supervisor "
		     "accepts it or gives it back.");
	return st;
}

static enum status signed_json(struct cmd *c, const struct entry *note, const struct signing *done)
{
	const char *separator = "";
	struct buf json;
	enum status st;

	buf_init(&json, 65536);
	buf_printf(&json, "{\"kind\":\"note\",\"id\":\"%s\"", note->id_text);
	cmd_json_number(&json, "version", done->version);
	cmd_json_text(&json, "travel", "Saved on this tablet");
	cmd_json_time(&json, "signed_at", done->signed_ms);
	cmd_json_text(&json, "digest", done->digest);
	if (done->dated)
		cmd_json_number(&json, "lateness_ms", done->lateness.ms);
	buf_printf(&json, ",\"late\":%s,\"sections\":[",
		   done->dated && lateness_is_late(&done->lateness) ? "true" : "false");
	for (size_t f = 0; f < note->kind->field_count; f++) {
		if (!is_section(note, f))
			continue;
		buf_printf(&json, "%s\"%s\"", separator, note->kind->fields[f].name);
		separator = ",";
	}
	buf_add_str(&json, "]}");
	(void)c;
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

static enum status sign_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "note");
	struct signing done = { 0 };
	struct entry note = { 0 };
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_find(c, draft->kind, c->line->words[0], &id);

	if (st == ST_OK)
		st = cmd_put_option(c, draft, "late_reason", "--late-reason");
	if (st == ST_OK)
		st = sign_note(c->r, &id, &draft->row.values[kind_field(draft->kind, "late_reason", strlen("late_reason"))],
			       &done, &c->why);
	if (st == ST_OK)
		st = cmd_entry(c, draft->kind, &id, &note);
	if (st != ST_OK)
		return st;
	st = c->line->json ? signed_json(c, &note, &done) : tell_signed(c, &note, &done);
	entry_close(&note);
	return st;
}

int cmd_note_sign(const struct command_line *line)
{
	return cmd_run(line, sign_body);
}

/* --- add to it ------------------------------------------------------------------------ */

static enum status check_signed(struct cmd *c, const struct entry *note)
{
	if (status_is(note, CLOSING_ERROR))
		return refuse(c, "This note was entered in error.", "Write a new one with `doorstep note add`.");
	if (!closing_is_closed(note->kind, &note->row))
		return refuse(c, "This note is not signed yet, so that it can still be edited.",
			      "Use `doorstep note edit`, then `doorstep note sign`.");
	return ST_OK;
}

/* The section it is about; a correction must have one, since it shows what it corrects. */
static enum status put_about(struct cmd *c, struct cmd_draft *draft, const struct kind *note)
{
	const char *type = command_option(c->line, "--type"), *section = command_option(c->line, "--section");
	int index = -1;
	enum status st = ST_OK;

	if (type == NULL)
		return usage(c, "It is not said what this is.",
			     "Add --type addendum (something new), late-entry (left out then) or correction (a mistake).");
	if (command_option(c->line, "--reason") == NULL)
		return usage(c, "It is not said why the note is added to.", "Add --reason TEXT.");
	if (strcmp(type, "correction") == 0 && section == NULL)
		return usage(c, "A correction says which section it corrects.", "Add --section NAME.");
	if (section != NULL)
		st = cmd_section(c, note, section, strlen(section), &index);
	if (st == ST_OK && section != NULL)
		cmd_put_value(draft, "section", value_string(note->fields[index].name));
	if (st == ST_OK)
		st = cmd_put(c, draft, "type", type);
	return st == ST_OK ? cmd_put_option(c, draft, "reason", "--reason") : st;
}

static enum status put_text(struct cmd *c, struct cmd_draft *draft)
{
	const char *argument = cmd_text_argument(c);
	const struct value *text = &draft->row.values[kind_field(draft->kind, "text", strlen("text"))];
	const enum status st = argument == NULL ? ST_NOMEM : cmd_put(c, draft, "text", argument);

	if (st == ST_OK && text->tag != VALUE_TEXT)
		return usage(c, "There is no text to add.", "Give it on standard input, or with --file FILE.");
	return st;
}

static enum status add_to(struct cmd *c, struct cmd_draft *draft, const struct entry *note)
{
	const char *digest = entry_text(note, "digest");
	const struct value *section = &draft->row.values[kind_field(draft->kind, "section", strlen("section"))];
	const struct value *text = &draft->row.values[kind_field(draft->kind, "text", strlen("text"))];
	enum status st = check_signed(c, note);

	if (st == ST_OK)
		st = put_about(c, draft, note->kind);
	if (st == ST_OK)
		st = put_text(c, draft);
	if (st != ST_OK)
		return st;
	cmd_put_id(c, draft, "note", &note->id);
	cmd_put_value(draft, "note_digest", value_string(digest));
	cmd_put_id(c, draft, "author", &c->r->identity.worker);
	cmd_put_value(draft, "status", value_string("final"));
	cmd_put_value(draft, "closed_at", value_int(cmd_now(c)));
	if (!c->line->json && strcmp(command_option(c->line, "--type"), "correction") == 0)
		cmd_correction_tell("", note, section->text, text->text);
	return cmd_create(c, draft, &note->patient);
}

static enum status addend_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "addendum");
	const struct kind *kind = NULL;
	struct entry note = { 0 };
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_kind(c, "note", &kind);

	if (st == ST_OK)
		st = cmd_find(c, kind, c->line->words[0], &id);
	if (st == ST_OK)
		st = cmd_entry(c, kind, &id, &note);
	if (st != ST_OK)
		return st;
	st = add_to(c, draft, &note);
	entry_close(&note);
	return st;
}

int cmd_note_addend(const struct command_line *line)
{
	return cmd_run(line, addend_body);
}

/* --- entered in error ------------------------------------------------------------------ */

static enum status check_error(struct cmd *c, const struct entry *note)
{
	const char *author = entry_text(note, "author"), *reason = command_option(c->line, "--reason");
	char worker[ID_TEXT_SIZE];

	id_format(&c->r->identity.worker, worker);
	if (status_is(note, CLOSING_ERROR))
		return refuse(c, "This note is marked as entered in error already.", "There is nothing more to do.");
	if (author != NULL && strcmp(author, worker) != 0)
		return refuse(c, "This note is somebody else's, and its author marks it.", "Ask its author or a supervisor.");
	if (reason == NULL || reason[0] == '\0')
		return usage(c, "It is not said why the note is in error.", "Add --reason TEXT.");
	return ST_OK;
}

static enum status error_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "note");
	struct entry note = { 0 };
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : cmd_find(c, draft->kind, c->line->words[0], &id);

	if (st == ST_OK)
		st = cmd_entry(c, draft->kind, &id, &note);
	if (st != ST_OK)
		return st;
	st = check_error(c, &note);
	entry_close(&note);
	if (st == ST_OK)
		st = cmd_put_option(c, draft, "status_reason", "--reason");
	cmd_put_value(draft, "status", value_string(CLOSING_ERROR));
	return st == ST_OK ? cmd_save(c, draft, &id, SAVE_SHOWN_NOW) : st;
}

int cmd_note_error(const struct command_line *line)
{
	return cmd_run(line, error_body);
}
