#include "daemon/cmd_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/moment.h"

/* An interval no longer than this is said by its middle. */
#define SHORT_MS 600000

enum status text_out(struct desk *desk, struct buf *buf)
{
	const enum status st = buf_status(buf);

	if (st != ST_OK)
		return failure_set(&desk->why, st, NULL, NULL, NULL);
	if (buf->len > 0)
		fwrite(buf->data, 1, buf->len, stdout);
	buf_reset(buf);
	return ST_OK;
}

enum status text_table(struct desk *desk, struct table *table, enum status st, const char *empty)
{
	if (st != ST_OK) {
		table_free(table);
		return st;
	}
	return table_print(table, empty) == 0 ? ST_OK : failure_set(&desk->why, ST_NOMEM, NULL, NULL, NULL);
}

void text_cell(struct table *table, const char *text)
{
	table_text(table, text, text == NULL ? 0 : strlen(text));
}

void text_cell_id(struct table *table, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	table_text(table, text, ID_TEXT_LEN);
}

void text_cell_value(struct table *table, const struct value *value)
{
	if (value->tag == VALUE_INT)
		table_number(table, value->integer);
	else
		table_text(table, value->tag == VALUE_TEXT ? value->text : NULL, value->len);
}

/* --- values -------------------------------------------------------------------- */

/* Cut at a character. */
static size_t cut(const char *text, size_t len, size_t len_max)
{
	if (len_max == 0 || len <= len_max)
		return len;
	while (len_max > 0 && ((unsigned char)text[len_max] & 0xc0) == 0x80)
		len_max--;
	return len_max;
}

static void add_lines(struct buf *out, const char *text, size_t len, const struct text_form *form)
{
	const size_t shown = cut(text, len, form->len_max);

	for (size_t i = 0; i < shown; i++) {
		if (text[i] == '\n')
			buf_printf(out, "\n%*s", (int)form->indent, "");
		else
			buf_add_byte(out, (unsigned char)text[i] < 0x20 ? ' ' : (uint8_t)text[i]);
	}
	if (shown < len)
		buf_printf(out, "… (%zu bytes)", len);
}

static void add_set(struct buf *out, const struct value *value)
{
	const char *member = NULL;
	size_t at = 0, len = 0, count = 0;

	while (set_next(value->text, value->len, &at, &member, &len)) {
		buf_add_str(out, count++ > 0 ? ", " : "");
		buf_add(out, member, len);
	}
}

static void add_id(struct buf *out, struct desk *desk, const struct field *field, const struct value *value)
{
	struct id id;

	if (field->values != NULL && strcmp(field->values, "worker") == 0 && id_parse(value->text, value->len, &id)) {
		buf_add_str(out, desk_worker_name(desk, &id));
		return;
	}
	if (field->values != NULL && *field->values != '\0')
		buf_printf(out, "%s/", field->values);
	buf_add(out, value->text, value->len);
}

void text_value(struct buf *out, struct desk *desk, const struct field *field, const struct value *value,
		const struct text_form *form)
{
	if (value->tag == VALUE_NULL)
		buf_add_str(out, "(empty)");
	else if (value->tag == VALUE_INT && field->type == TYPE_TIME)
		text_moment(out, value->integer);
	else if (value->tag == VALUE_INT && field->type == TYPE_BOOL)
		buf_add_str(out, value->integer != 0 ? "yes" : "no");
	else if (value->tag == VALUE_INT)
		buf_printf(out, "%" PRId64, value->integer);
	else if (field->type == TYPE_SET && set_valid(value->text, value->len))
		add_set(out, value);
	else if (field->type == TYPE_ID)
		add_id(out, desk, field, value);
	else
		add_lines(out, value->text, value->len, form);
}

void text_values(struct buf *out, struct desk *desk, const struct kind *kind, const struct row *row, uint64_t mask)
{
	static const struct text_form form = { .indent = 7 };
	const bool alone = (mask & (mask - 1)) == 0;
	size_t count = 0;

	for (size_t f = 0; f < kind->field_count; f++) {
		if ((mask >> f & 1) == 0 || row->values[f].tag == VALUE_NULL)
			continue;
		buf_add_str(out, count++ > 0 ? ", " : "");
		if (!alone)
			buf_printf(out, "%s: ", kind->fields[f].label);
		text_value(out, desk, &kind->fields[f], &row->values[f], &form);
	}
	if (count == 0)
		buf_add_str(out, "(empty)");
}

/* --- times and people ------------------------------------------------------------ */

void text_moment(struct buf *out, int64_t ms)
{
	char text[MOMENT_TEXT_SIZE];
	const int64_t rest = ms % 1000;

	moment_format(ms - (rest < 0 ? rest + 1000 : rest), text);
	buf_add_str(out, text);
}

void text_interval(struct buf *out, const struct interval *at)
{
	const int64_t half_s = (at->hi_ms - at->lo_ms + 1999) / 2000;

	if (at->hi_ms - at->lo_ms < 2000) {
		buf_add_str(out, "at ");
		text_moment(out, at->hi_ms);
	} else if (at->hi_ms - at->lo_ms <= SHORT_MS) {
		buf_add_str(out, "at ");
		text_moment(out, at->lo_ms + (at->hi_ms - at->lo_ms) / 2);
		buf_printf(out, " ± %" PRId64 " s", half_s);
	} else if (at->lo_ms <= 0) {
		buf_add_str(out, "before ");
		text_moment(out, at->hi_ms);
	} else {
		buf_add_str(out, "between ");
		text_moment(out, at->lo_ms);
		buf_add_str(out, " and ");
		text_moment(out, at->hi_ms);
	}
}

void text_edit_time(struct buf *out, const struct interval *at, const struct evidence *evidence)
{
	char words[CLOCK_WORDS_SIZE];
	struct clock_off off;

	text_interval(out, at);
	if (!clock_off(evidence, at, &off))
		return;
	clock_off_words(&off, words);
	buf_printf(out, " (tablet %s)", words);
}

void text_who(struct buf *out, struct desk *desk, const struct id *author, uint32_t device)
{
	buf_add_str(out, desk_worker_name(desk, author));
	if (device != 0)
		buf_printf(out, ", tablet %" PRIu32, device);
	else if (!id_is_zero(author))
		buf_add_str(out, ", at the centre");
}

void text_ref(struct buf *out, const struct kind *kind, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	buf_printf(out, "%s/%s", kind->name, text);
}

enum status text_author(struct desk *desk, const struct history *row, struct id *out)
{
	struct store *store = desk->centre.store;
	struct history of;
	enum status st = ST_OK;

	*out = row->author;
	if (row->of_seq != 0) {
		st = store->ops->history_get(store, row->of_seq, &desk->arena, &of);
		if (st == ST_OK)
			*out = of.author;
	}
	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
}

/* --- JSON ---------------------------------------------------------------------- */

void text_json_key(struct buf *out, const char *key)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_add_byte(out, ',');
	buf_add_json(out, key, strlen(key));
	buf_add_byte(out, ':');
}

void text_json(struct buf *out, const char *key, const char *value)
{
	text_json_key(out, key);
	if (value == NULL)
		buf_add_str(out, "null");
	else
		buf_add_json(out, value, strlen(value));
}

void text_json_number(struct buf *out, const char *key, int64_t number)
{
	text_json_key(out, key);
	buf_printf(out, "\"%" PRId64 "\"", number);
}

void text_json_id(struct buf *out, const char *key, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	text_json(out, key, text);
}

void text_json_moment(struct buf *out, const char *key, int64_t ms)
{
	char text[MOMENT_TEXT_SIZE];

	moment_format(ms, text);
	text_json(out, key, text);
}

void text_json_bool(struct buf *out, const char *key, bool value)
{
	text_json_key(out, key);
	buf_add_str(out, value ? "true" : "false");
}
