#include "common/settings.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"

#define FILE_MAX ((size_t)64 * 1024)
#define SAFE "Nothing was started and nothing was changed."

static int row_index(const struct setting_row *rows, const char *name)
{
	for (int i = 0; rows[i].name != NULL; i++)
		if (strcmp(rows[i].name, name) == 0)
			return i;
	return -1;
}

/* NULL = fine, else the reason. */
static const char *check(const struct setting_row *row, const char *value)
{
	char *end = NULL;
	long long number;

	if (row->type != SETTING_NUMBER) {
		const int64_t len = (int64_t)strlen(value);

		if (len < row->min)
			return "is missing";
		return len > row->max || len >= SETTING_SIZE ? "is too long" : NULL;
	}
	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0')
		return "is no number";
	if (number < row->min)
		return "is too small";
	return number > row->max ? "is too large" : NULL;
}

static const char *store(struct settings *s, int index, const char *value, bool again)
{
	const struct setting_row *row = &s->rows[index];
	char joined[SETTING_SIZE];
	const char *wrong;
	int len;

	if (again && row->type != SETTING_WORDS)
		return "is given twice";
	len = snprintf(joined, sizeof joined, "%s%s%s", again ? s->values[index] : "", again ? " " : "", value);
	if (len < 0 || len >= (int)sizeof joined)
		return "is too long";
	wrong = check(row, joined);
	if (wrong == NULL)
		memcpy(s->values[index], joined, (size_t)len + 1);
	return wrong;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
		text[--len] = '\0';
	return text;
}

static enum status fail_line(struct failure *why, const char *path, size_t line, const char *key, const char *reason)
{
	char what[256];

	snprintf(what, sizeof what, "%.140s:%zu: %.40s: %s.", path, line, key, reason);
	return failure_set(why, ST_INVALID, what, SAFE, "Mend this line and start again.");
}

static enum status parse_line(struct settings *s, bool *seen, char *line, const char *path, size_t number,
			      struct failure *why)
{
	char *equals, *key = trim(line), *value;
	const char *wrong;
	int index;

	if (*key == '\0' || *key == '#')
		return ST_OK;
	equals = strchr(key, '=');
	if (equals == NULL)
		return fail_line(why, path, number, key, "there is no '=' in this line");
	*equals = '\0';
	key = trim(key);
	value = trim(equals + 1);
	index = row_index(s->rows, key);
	if (index < 0)
		return fail_line(why, path, number, key, "there is no such setting");
	wrong = store(s, index, value, seen[index]);
	seen[index] = true;
	return wrong == NULL ? ST_OK : fail_line(why, path, number, key, wrong);
}

static void set_defaults(struct settings *s, const struct setting_row *rows)
{
	memset(s, 0, sizeof *s);
	s->rows = rows;
	for (int i = 0; rows[i].name != NULL; i++) {
		assert(i < SETTINGS_MAX);
		assert(strlen(rows[i].fallback) < SETTING_SIZE);
		memcpy(s->values[i], rows[i].fallback, strlen(rows[i].fallback) + 1);
	}
}

enum status settings_load(struct settings *settings, const struct setting_row *rows, const char *path,
			  struct failure *why)
{
	bool seen[SETTINGS_MAX] = { false };
	char *text = NULL, *rest, *line;
	size_t len = 0, number = 0;
	enum status st;

	set_defaults(settings, rows);
	st = files_read(path, FILE_MAX, &text, &len);
	if (st == ST_NOT_FOUND)
		return ST_OK;
	if (st != ST_OK)
		return failure_set(why, st, "The settings could not be read.", SAFE, "Check the file's permissions.");
	rest = text;
	while (st == ST_OK && (line = strsep(&rest, "\n")) != NULL)
		st = parse_line(settings, seen, line, path, ++number, why);
	free(text);
	return st;
}

const char *settings_text(const struct settings *settings, const char *name)
{
	const int index = row_index(settings->rows, name);

	assert(index >= 0);
	return settings->values[index];
}

int64_t settings_number(const struct settings *settings, const char *name)
{
	return strtoll(settings_text(settings, name), NULL, 10);
}

enum status settings_set(struct settings *settings, const char *name, const char *value, struct failure *why)
{
	const int index = row_index(settings->rows, name);
	const char *wrong;
	char what[256];

	assert(index >= 0);
	wrong = store(settings, index, value, false);
	if (wrong == NULL)
		return ST_OK;
	snprintf(what, sizeof what, "%.60s %s.", name, wrong);
	return failure_set(why, ST_INVALID, what, SAFE, "Give another value.");
}

/* Several words go one a line, as they may have been given. */
static void print_value(struct buf *out, const struct setting_row *row, const char *value)
{
	while (row->type == SETTING_WORDS && strchr(value, ' ') != NULL) {
		const size_t len = strcspn(value, " ");

		buf_printf(out, "%s = %.*s\n", row->name, (int)len, value);
		value += len + 1;
	}
	buf_printf(out, "%s%s = %s\n", *value == '\0' ? "# " : "", row->name, value);
}

void settings_print(struct buf *out, const struct settings *settings)
{
	for (int i = 0; settings->rows[i].name != NULL; i++) {
		buf_printf(out, "%s# %s", i > 0 ? "\n" : "", settings->rows[i].help);
		if (settings->rows[i].unit[0] != '\0')
			buf_printf(out, " (%s)", settings->rows[i].unit);
		buf_add_str(out, "\n");
		print_value(out, &settings->rows[i], settings->values[i]);
	}
}
