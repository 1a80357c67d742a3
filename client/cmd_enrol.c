#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cmd.h"

#define CODE_LEN_MAX 256

/* One line of standard input; a person is asked for it. */
static enum status ask_code(char **out, struct failure *why)
{
	char line[CODE_LEN_MAX + 2] = { 0 };

	if (isatty(STDIN_FILENO)) {
		fputs("Code: ", stderr);
		(void)fflush(stderr);
	}
	if (fgets(line, sizeof line, stdin) == NULL || line[0] == '\n')
		return failure_set(why, ST_INVALID, "No code was given.", "Nothing was changed.",
				   "Ask a supervisor for a code; they make it with `doorstepd device code`.");
	line[strcspn(line, "\r\n")] = '\0';
	*out = strdup(line);
	explicit_bzero(line, sizeof line);
	return *out == NULL ? failure_set(why, ST_NOMEM, NULL, NULL, NULL) : ST_OK;
}

static enum status tell(const struct command_line *line, const struct replica_identity *owner, const char *home)
{
	struct buf json;
	enum status st;

	if (!line->json) {
		printf("This tablet now belongs to %s, %s.\n", owner->owner_name, owner->agency);
		puts("Run `doorstep sync` to fetch the caseload.");
		return ST_OK;
	}
	buf_init(&json, 8192);
	buf_printf(&json, "{\"device\":\"%u\"", owner->device);
	cmd_json_text(&json, "owner_name", owner->owner_name);
	cmd_json_text(&json, "owner_login", owner->owner_login);
	cmd_json_text(&json, "agency", owner->agency);
	cmd_json_text(&json, "zone", owner->zone);
	cmd_json_text(&json, "home", home);
	buf_add_byte(&json, '}');
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

int cmd_enrol(const struct command_line *line)
{
	const bool ask = line->word_count < 2 || strcmp(line->words[1], "-") == 0;
	struct replica_identity owner = { 0 };
	struct failure why = { 0 };
	char home[FILES_PATH_MAX], *code = NULL;
	size_t len = 0;
	enum status st = tablet_home(home, line->folder, &why);

	if (st == ST_OK)
		st = ask ? ask_code(&code, &why) : command_argument(line->words[1], CODE_LEN_MAX, &code, &len, &why);
	if (st == ST_OK)
		st = tablet_enrol(home, line->words[0], code, &owner, &why);
	if (code != NULL)
		explicit_bzero(code, strlen(code));
	free(code);
	if (st == ST_OK)
		st = tell(line, &owner, home);
	if (st != ST_OK && why.status == ST_OK)
		(void)failure_set(&why, st, NULL, NULL, NULL);
	return st == ST_OK ? 0 : command_fail(line, &why);
}
