/* command.h - subcommands as a table, and how both programs print: for people and,
 * with --json, for programs (DESIGN.md section 9). Shell.
 *
 * A subcommand is one row and one function. Options are given by a small table of
 * their own; "--json", "--help" and the folder ("--data" / "--home") are understood
 * everywhere. An argument that may hold a secret or patients' data also takes "-"
 * (standard input) or "@FILE" (command_argument).
 *
 * --json: a list is an array of flat objects with the schema's names, a record is an
 * object; ids and 64-bit numbers are strings; an error is {"what","safe","next"}
 * on standard error. Exit codes: 0 done, 1 refused or failed, 2 usage.
 */
#ifndef COMMON_COMMAND_H
#define COMMON_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/status.h"

#define COMMAND_OPTION_MANY 256 /* values one option may have */

struct option_row {
	const char *name;  /* "--patient"; NULL ends the table */
	const char *value; /* "ID"; NULL = a switch */
	const char *help;
};

struct command_line {
	bool json;
	const char *folder;              /* --data or --home, NULL = default */
	const char *const *words;        /* what is no option */
	size_t word_count;
	const struct option_row *options; /* the command's table, parallel to values */
	const char ***values;             /* values[i]: NULL-terminated list of what was given for option i */
};

struct command_row {
	const char *name;  /* "note add"; NULL ends the table */
	const char *words; /* "KIND/ID FIELD=VALUE..." for --help */
	const char *help;  /* one sentence */
	const struct option_row *options;
	size_t words_min, words_max;
	int (*run)(const struct command_line *line); /* returns the exit code */
};

/* Find the command (longest match of words), parse, run. Prints help and, as command_fail does, usage errors.
 * folder: the option that names where data is kept, one row and the end of a table. */
int command_main(const char *program, const char *about, const struct option_row *folder,
		 const struct command_row *commands, int argc, char **argv);

const char *command_option(const struct command_line *line, const char *name); /* last given, or NULL */
bool command_switch(const struct command_line *line, const char *name);
const char *const *command_options(const struct command_line *line, const char *name, size_t *count_out);

/* "-" reads standard input, "@FILE" a file, "@@…" a text that begins with '@'; else the text itself.
 * At most len_max bytes; one trailing line end is cut. *out is malloc'd. */
enum status command_argument(const char *argument, size_t len_max, char **out, size_t *len_out,
			     struct failure *why) MUST_CHECK;

/* Print the failure as one line (or JSON) to standard error; returns the exit code: 2 for ST_USAGE, else 1. */
int command_fail(const struct command_line *line, const struct failure *why);

/* --- lists: rows of named cells, printed as aligned columns or as JSON objects. */
struct table;
enum table_type { CELL_TEXT, CELL_NUMBER, CELL_ID, CELL_TIME /* ms */, CELL_BOOL };
struct table_column {
	const char *name;  /* JSON name */
	const char *title; /* heading for people; NULL: JSON only */
	enum table_type type;
};
struct table *table_new(const struct command_line *line, const struct table_column *columns, size_t count);
void table_text(struct table *t, const char *text, size_t len); /* next cell; NULL = null */
void table_number(struct table *t, int64_t number);
void table_end_row(struct table *t);
/* Put the rows in order of their first cell. */
void table_sort(struct table *t);
/* Prints and frees. empty: what people read when there is no row. Returns 0, or 1 if memory failed. */
int table_print(struct table *t, const char *empty);
void table_free(struct table *t); /* without printing */

#endif
