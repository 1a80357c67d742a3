/* The list half of command.h: rows of named cells as aligned columns or JSON. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/command.h"
#include "common/moment.h"

#define TABLE_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define COLUMN_WIDTH_MAX 60
#define COLUMNS_MAX 32

struct cell {
	size_t at, len; /* in text; len SIZE_MAX = null */
};

struct table {
	const struct table_column *columns;
	size_t column_count, cell_count, room;
	struct cell *cells;
	struct buf text;
	bool json, failed;
};

struct table *table_new(const struct command_line *line, const struct table_column *columns, size_t count)
{
	struct table *t = calloc(1, sizeof *t);

	assert(count > 0 && count <= COLUMNS_MAX);
	if (t == NULL)
		return NULL;
	t->columns = columns;
	t->column_count = count;
	t->json = line->json;
	buf_init(&t->text, TABLE_SIZE_MAX);
	return t;
}

static void cell_add(struct table *t, const char *text, size_t len)
{
	struct cell *grown;

	if (t->cell_count == t->room) {
		t->room = t->room == 0 ? 64 : t->room * 2;
		grown = realloc(t->cells, t->room * sizeof *t->cells);
		if (grown == NULL) {
			t->failed = true;
			t->room = t->cell_count;
			return;
		}
		t->cells = grown;
	}
	t->cells[t->cell_count++] = (struct cell){ t->text.len, text == NULL ? SIZE_MAX : len };
	if (text != NULL)
		buf_add(&t->text, text, len);
}

void table_text(struct table *t, const char *text, size_t len)
{
	if (t != NULL && !t->failed)
		cell_add(t, text, len);
}

void table_number(struct table *t, int64_t number)
{
	char text[32];
	size_t column;

	if (t == NULL || t->failed)
		return;
	column = t->cell_count % t->column_count;
	if (t->columns[column].type == CELL_TIME)
		moment_format(number, text);
	else if (t->columns[column].type == CELL_BOOL)
		snprintf(text, sizeof text, "%s", number != 0 ? (t->json ? "true" : "yes")
							     : (t->json ? "false" : "no"));
	else
		snprintf(text, sizeof text, "%lld", (long long)number);
	cell_add(t, text, strlen(text));
}

void table_end_row(struct table *t)
{
	if (t == NULL || t->failed)
		return;
	while (t->cell_count % t->column_count != 0)
		cell_add(t, NULL, 0);
}

static const char *cell_text(const struct table *t, size_t row, size_t column, size_t *len_out)
{
	const struct cell *c = &t->cells[row * t->column_count + column];

	*len_out = c->len == SIZE_MAX ? 0 : c->len;
	return c->len == SIZE_MAX ? NULL : (const char *)t->text.data + c->at;
}

/* Two rows by the bytes of their first cells; a row without one comes last. */
static int by_first_cell(const void *a, const void *b, void *ctx)
{
	const struct table *t = ctx;
	const struct cell *left = a, *right = b;
	const bool left_null = left->len == SIZE_MAX, right_null = right->len == SIZE_MAX;
	int order;

	if (left_null || right_null)
		return left_null - right_null;
	order = memcmp(t->text.data + left->at, t->text.data + right->at,
		       left->len < right->len ? left->len : right->len);
	return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

void table_sort(struct table *t)
{
	if (t != NULL && !t->failed && t->text.len > 0 && t->cell_count > 0)
		qsort_r(t->cells, t->cell_count / t->column_count, t->column_count * sizeof *t->cells, by_first_cell, t);
}

/* Characters, as far as code points tell. */
static size_t width_of(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

static void print_json(const struct table *t, size_t rows)
{
	struct buf out;

	buf_init(&out, 2 * TABLE_SIZE_MAX);
	fputs("[", stdout);
	for (size_t r = 0; r < rows; r++) {
		buf_add_str(&out, r == 0 ? "\n{" : ",\n{");
		for (size_t c = 0; c < t->column_count; c++) {
			size_t len = 0;
			const char *text = cell_text(t, r, c, &len);

			buf_add_str(&out, c == 0 ? "" : ",");
			buf_add_json(&out, t->columns[c].name, strlen(t->columns[c].name));
			buf_add_str(&out, ":");
			if (text == NULL)
				buf_add_str(&out, "null");
			else if (t->columns[c].type == CELL_BOOL)
				buf_add(&out, text, len);
			else
				buf_add_json(&out, text, len);
		}
		buf_add_str(&out, "}");
		fputs(buf_str(&out), stdout);
		buf_reset(&out);
	}
	fputs(rows == 0 ? "]\n" : "\n]\n", stdout);
	buf_close(&out);
}

static size_t column_width(const struct table *t, size_t rows, size_t column)
{
	size_t width = width_of(t->columns[column].title, strlen(t->columns[column].title));

	for (size_t r = 0; r < rows; r++) {
		size_t len = 0;
		const char *text = cell_text(t, r, column, &len);
		const size_t w = text == NULL ? 1 : width_of(text, len);

		if (w > width)
			width = w;
	}
	return width < COLUMN_WIDTH_MAX ? width : COLUMN_WIDTH_MAX;
}

/* Line ends inside a cell are shown as blanks, so that a row stays a line. */
static void print_cell(const char *text, size_t len, size_t width, bool last)
{
	for (size_t i = 0; i < len; i++)
		putchar((unsigned char)text[i] < 0x20 ? ' ' : text[i]);
	for (size_t w = width_of(text, len); w < width && !last; w++)
		putchar(' ');
	fputs(last ? "\n" : "  ", stdout);
}

static void print_columns(const struct table *t, size_t rows)
{
	size_t width[COLUMNS_MAX] = { 0 };
	size_t last = 0;

	for (size_t c = 0; c < t->column_count; c++)
		if (t->columns[c].title != NULL) {
			last = c;
			width[c] = column_width(t, rows, c);
		}
	for (size_t r = 0; r <= rows; r++)
		for (size_t c = 0; c < t->column_count; c++) {
			size_t len = 0;
			const char *text = t->columns[c].title;

			if (text == NULL)
				continue;
			len = strlen(text);
			if (r > 0)
				text = cell_text(t, r - 1, c, &len);
			print_cell(text == NULL ? "-" : text, text == NULL ? 1 : len,
				   width[c], c == last);
		}
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	buf_close(&t->text);
	free(t->cells);
	free(t);
}

int table_print(struct table *t, const char *empty)
{
	int code = 1;

	if (t == NULL)
		return 1;
	if (!t->failed && buf_status(&t->text) == ST_OK) {
		const size_t rows = t->cell_count / t->column_count;

		if (t->json)
			print_json(t, rows);
		else if (rows == 0)
			puts(empty);
		else
			print_columns(t, rows);
		code = 0;
	}
	table_free(t);
	return code;
}
