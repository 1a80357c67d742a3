#include "common/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"

#define HELP_WIDTH 34

/* Options that every command understands. */
static const struct option_row COMMON_OPTIONS[] = {
	{ "--json", NULL, "print for programs: JSON" },
	{ "--help", NULL, "say how this command is used" },
	{ NULL, NULL, NULL },
};

struct parse {
	const char *program;
	const struct command_row *command;
	struct command_line line;
	const struct option_row *folder; /* one row, and the end of a table */
	const char **words;
	bool help;
};

static size_t options_count(const struct option_row *options)
{
	size_t count = 0;

	while (options != NULL && options[count].name != NULL)
		count++;
	return count;
}

static int option_find(const struct option_row *options, const char *name, size_t len)
{
	for (size_t i = 0; i < options_count(options); i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

/* --- help ----------------------------------------------------------------- */

static void print_options(FILE *out, const struct option_row *options)
{
	for (size_t i = 0; i < options_count(options); i++) {
		const struct option_row *o = &options[i];
		int used = fprintf(out, "  %s%s%s", o->name, o->value != NULL ? " " : "",
				   o->value != NULL ? o->value : "");

		fprintf(out, "%*s%s\n", used < HELP_WIDTH ? HELP_WIDTH - used : 1, "", o->help);
	}
}

static void print_command_help(const struct parse *p)
{
	const struct command_row *c = p->command;

	printf("%s %s%s%s\n\n%s\n\n", p->program, c->name, c->words[0] != '\0' ? " " : "", c->words, c->help);
	print_options(stdout, c->options);
	print_options(stdout, p->folder);
	print_options(stdout, COMMON_OPTIONS);
}

/* Does the command's name begin with this word and go on? NULL: any does. */
static bool command_begins(const struct command_row *c, const char *word)
{
	const size_t len = word == NULL ? 0 : strlen(word);

	return word == NULL || (len > 0 && strncmp(c->name, word, len) == 0 && c->name[len] == ' ');
}

/* The commands whose names begin with this word; NULL: all of them. */
static void print_help(const char *program, const struct option_row *folder, const struct command_row *commands,
		       const char *word)
{
	for (const struct command_row *c = commands; c->name != NULL; c++) {
		int used;

		if (!command_begins(c, word))
			continue;
		used = printf("  %s%s%s", c->name, c->words[0] != '\0' ? " " : "", c->words);
		if (used >= HELP_WIDTH + 8)
			used = printf("\n") - 1;
		printf("%*s%s\n", used < HELP_WIDTH + 8 ? HELP_WIDTH + 8 - used : 1, "", c->help);
	}
	printf("\nEvery command takes --json, --help and %s %s. `%s COMMAND --help` says more.\n"
	       "The exit code is 0 when it is done, 1 when it is refused or failed, 2 when the command was not understood.\n",
	       folder->name, folder->value, program);
}

/* --- wrong use --------------------------------------------------------------- */

/* command: as far as it was understood, "" = not at all. */
static int usage(const struct parse *p, const char *command, const char *what, const char *detail)
{
	struct failure why = { ST_OK, "", "", "" };
	char text[2 * sizeof why.what], next[sizeof why.next];

	/* The name of an option: its value may be a patient's. */
	(void)snprintf(text, sizeof text, "%s`%.*s`.", what, (int)strcspn(detail, "="), detail);
	(void)snprintf(next, sizeof next, "`%s%s%s --help` %s.", p->program, command[0] != '\0' ? " " : "", command,
		       p->command != NULL ? "says how it is written" : "lists the commands");
	(void)failure_set(&why, ST_USAGE, text, "Nothing was done.", next);
	return command_fail(&p->line, &why);
}

/* No command's name begins so, or the second word of one is missing or wrong. */
static int no_command(const struct parse *p, const struct command_row *commands, int argc, char **argv)
{
	const char *word = argv[1];
	bool begins = false;
	char both[160];

	for (const struct command_row *c = commands; c->name != NULL; c++)
		begins = begins || command_begins(c, word);
	if (!begins)
		return usage(p, "", "There is no command ", word);
	if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "help") == 0)) {
		print_help(p->program, p->folder, commands, word);
		return 0;
	}
	if (argc < 3 || argv[2][0] == '-')
		return usage(p, word, "A second word is missing after ", word);
	(void)snprintf(both, sizeof both, "%s %s", word, argv[2]);
	return usage(p, word, "There is no command ", both);
}

/* --- parsing -------------------------------------------------------------- */

/* How many of argv's first words name this command; 0 = not this one. */
static int command_matches(const struct command_row *c, int argc, char **argv)
{
	const char *at = c->name;
	int words = 0;

	while (*at != '\0') {
		const size_t len = strcspn(at, " ");

		if (words >= argc || strlen(argv[words]) != len || memcmp(argv[words], at, len) != 0)
			return 0;
		words++;
		at += len;
		at += strspn(at, " ");
	}
	return words;
}

static const struct command_row *command_find(const struct command_row *commands, int argc,
					      char **argv, int *used_out)
{
	const struct command_row *best = NULL;

	*used_out = 0;
	for (const struct command_row *c = commands; c->name != NULL; c++) {
		const int used = command_matches(c, argc, argv);

		if (used > *used_out) {
			*used_out = used;
			best = c;
		}
	}
	return best;
}

static bool value_add(const char **values, const char *value)
{
	size_t count = 0;

	while (values[count] != NULL)
		count++;
	if (count + 1 >= COMMAND_OPTION_MANY)
		return false;
	values[count] = value;
	return true;
}

/* One option at argv[*at]; moves *at past its value. NULL = well, else what is wrong. */
static const char *parse_option(struct parse *p, int argc, char **argv, int *at)
{
	const char *arg = argv[*at];
	const char *equals = strchr(arg, '=');
	const size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
	const int index = option_find(p->command->options, arg, len);
	const bool folder = strlen(p->folder->name) == len && memcmp(arg, p->folder->name, len) == 0;
	const char *value = equals != NULL ? equals + 1 : NULL;

	if (index < 0 && !folder) {
		const int common = option_find(COMMON_OPTIONS, arg, len);

		if (common < 0 || equals != NULL)
			return "There is no option ";
		p->line.json = p->line.json || common == 0;
		p->help = p->help || common == 1;
		return NULL;
	}
	if (index >= 0 && p->command->options[index].value == NULL) {
		p->line.values[index][0] = "";
		return equals != NULL ? "This option takes no value: " : NULL;
	}
	if (value == NULL) {
		if (*at + 1 >= argc)
			return "A value is missing after ";
		value = argv[++*at];
	}
	if (folder) {
		p->line.folder = value;
		return NULL;
	}
	return value_add(p->line.values[index], value) ? NULL : "This option was given too often: ";
}

static const char *parse_all(struct parse *p, int argc, char **argv, const char **detail_out)
{
	bool options = true;

	for (int at = 0; at < argc; at++) {
		*detail_out = argv[at];
		if (options && strcmp(argv[at], "--") == 0) {
			options = false;
		} else if (options && argv[at][0] == '-' && argv[at][1] == '-') {
			const char *wrong = parse_option(p, argc, argv, &at);

			if (wrong != NULL)
				return wrong;
		} else {
			p->words[p->line.word_count++] = argv[at];
		}
	}
	return NULL;
}

static void parse_close(struct parse *p)
{
	for (size_t i = 0; p->line.values != NULL && i < options_count(p->command->options); i++)
		free(p->line.values[i]);
	free(p->line.values);
	free(p->words);
}

static bool parse_open(struct parse *p, int argc)
{
	const size_t count = options_count(p->command->options);

	p->line.options = p->command->options;
	p->words = calloc((size_t)argc + 1, sizeof *p->words);
	p->line.words = p->words;
	p->line.values = calloc(count + 1, sizeof *p->line.values);
	if (p->words == NULL || p->line.values == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		p->line.values[i] = calloc(COMMAND_OPTION_MANY, sizeof *p->line.values[i]);
		if (p->line.values[i] == NULL)
			return false;
	}
	return true;
}

static int parse_and_run(struct parse *p, int argc, char **argv)
{
	const char *name = p->command->name, *detail = "", *wrong;

	if (!parse_open(p, argc))
		return command_fail(&p->line, status_text(ST_NOMEM));
	wrong = parse_all(p, argc, argv, &detail);
	if (wrong != NULL)
		return usage(p, name, wrong, detail);
	if (p->help) {
		print_command_help(p);
		return 0;
	}
	if (p->line.word_count < p->command->words_min)
		return usage(p, name, "An argument is missing: ", p->command->words);
	/* Which one is not said: it may be a patient's name, or a code. */
	if (p->line.word_count > p->command->words_max)
		return usage(p, name, "There is an argument too many after ", name);
	return p->command->run(&p->line);
}

/* Whatever else is wrong: does the caller want JSON? */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int command_main(const char *program, const char *about, const struct option_row *folder,
		 const struct command_row *commands, int argc, char **argv)
{
	struct parse p = { .program = program, .folder = folder, .line = { .json = wants_json(argc, argv) } };
	int used = 0, code;

	if (argc < 2 || is_help(argv[1])) {
		printf("%s\n\n", about);
		print_help(program, folder, commands, NULL);
		return argc < 2 ? 2 : 0;
	}
	p.command = command_find(commands, argc - 1, argv + 1, &used);
	if (p.command == NULL)
		return no_command(&p, commands, argc, argv);
	code = parse_and_run(&p, argc - 1 - used, argv + 1 + used);
	parse_close(&p);
	if (fflush(stdout) != 0 && code == 0) {
		fprintf(stderr, "%s: what it printed could not be written whole: %s\n", program,
			strerror(errno));
		code = 1;
	}
	return code;
}

const char *const *command_options(const struct command_line *line, const char *name, size_t *count_out)
{
	const int index = option_find(line->options, name, strlen(name));
	size_t count = 0;

	*count_out = 0;
	if (index < 0)
		return NULL;
	while (line->values[index][count] != NULL)
		count++;
	*count_out = count;
	return line->values[index];
}

const char *command_option(const struct command_line *line, const char *name)
{
	size_t count = 0;
	const char *const *values = command_options(line, name, &count);

	return count == 0 ? NULL : values[count - 1];
}

bool command_switch(const struct command_line *line, const char *name)
{
	return command_option(line, name) != NULL;
}

/* --- arguments that may be secret ------------------------------------------ */

static enum status read_all(FILE *in, size_t len_max, struct buf *into)
{
	uint8_t chunk[4096];
	size_t got;

	buf_init(into, len_max);
	while ((got = fread(chunk, 1, sizeof chunk, in)) > 0)
		buf_add(into, chunk, got);
	return ferror(in) ? ST_IO : buf_status(into);
}

/* What "-" or "@FILE" stands for. ST_NOT_FOUND: the file can't be opened. */
static enum status read_argument(const char *argument, size_t len_max, struct buf *into)
{
	enum status st;
	FILE *file;

	if (argument[0] != '@')
		return read_all(stdin, len_max, into);
	file = fopen(argument + 1, "re");
	if (file == NULL)
		return ST_NOT_FOUND;
	st = read_all(file, len_max, into);
	fclose(file);
	return st;
}

static enum status keep(const void *data, size_t len, char **out, size_t *len_out, struct failure *why)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	*out = copy;
	*len_out = len;
	return ST_OK;
}

enum status command_argument(const char *argument, size_t len_max, char **out, size_t *len_out,
			     struct failure *why)
{
	struct buf text = { 0 };
	enum status st;

	if (argument[0] == '@' && argument[1] == '@')
		return keep(argument + 1, strlen(argument + 1), out, len_out, why);
	if (argument[0] != '@' && strcmp(argument, "-") != 0)
		return keep(argument, strlen(argument), out, len_out, why);
	st = read_argument(argument, len_max, &text);
	if (st == ST_NOT_FOUND)
		return failure_set(why, ST_NOT_FOUND, "The file that was named could not be read.",
				   "Nothing was changed.", "Check its name and permissions.");
	if (st != ST_OK) {
		st = failure_set(why, st, st == ST_LIMIT ? "The text is too long." : "The text could not be read.",
				 "Nothing was changed.", NULL);
		goto out;
	}
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (text.len > 0 && text.data[text.len - 1] == '\r')
		text.len--;
	st = keep(text.data, text.len, out, len_out, why);
out:
	buf_close(&text);
	return st;
}

/* --- failures -------------------------------------------------------------- */

/* One line, whatever was named in it. */
static void print_part(const char *before, const char *text)
{
	if (*text != '\0')
		(void)fputs(before, stderr);
	for (; *text != '\0'; text++)
		(void)fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, stderr);
}

int command_fail(const struct command_line *line, const struct failure *why)
{
	const struct failure *f = why->status == ST_OK ? status_text(ST_IO) : why;

	if (line->json) {
		struct buf json;

		buf_init(&json, 8192);
		buf_add_failure(&json, f);
		fputs(buf_str(&json), stderr);
		buf_close(&json);
	} else {
		print_part("", f->what);
		print_part(" ", f->safe);
		print_part(" ", f->next);
		(void)fputc('\n', stderr);
	}
	return f->status == ST_USAGE ? 2 : 1;
}
