/* settings.h - `doorstepd.conf` and `doorstep.conf`: one row per setting drives
 * parsing, the printed configuration and its help. Shell.
 *
 * A file has lines `key = value`; blank lines and lines that begin with '#' are
 * skipped. A key may be repeated only where its row says so (then its values are
 * joined by blanks). An unknown key or a bad value is fatal, with
 * `file:line: key: reason`. A missing file means all defaults.
 */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/status.h"

enum setting_type { SETTING_TEXT, SETTING_NUMBER, SETTING_WORDS /* may be repeated */ };

struct setting_row {
	const char *name; /* NULL ends the table */
	enum setting_type type;
	const char *unit; /* "bytes", "seconds", "" */
	int64_t min, max; /* NUMBER: value; TEXT, WORDS: length in bytes */
	const char *fallback; /* the default, as text */
	const char *help;
};

#define SETTINGS_MAX 32
#define SETTING_SIZE 1024

struct settings {
	const struct setting_row *rows;
	char values[SETTINGS_MAX][SETTING_SIZE];
};

/* Defaults, then the file where it is there. ST_INVALID with *why naming the line. */
enum status settings_load(struct settings *settings, const struct setting_row *rows, const char *path,
			  struct failure *why) MUST_CHECK;

/* Asking for a name that has no row is our bug. */
const char *settings_text(const struct settings *settings, const char *name);
int64_t settings_number(const struct settings *settings, const char *name);

/* Set one by its name, checked like a line of the file. */
enum status settings_set(struct settings *settings, const char *name, const char *value,
			 struct failure *why) MUST_CHECK;

/* The whole configuration as a file, each key with its help above it. */
void settings_print(struct buf *out, const struct settings *settings);

#endif
