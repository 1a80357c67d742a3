/* kindjson.c - values as JSON (kindsql.h): for triggers and journals as an array,
 * for people and programs as an object. */
#include "common/kindjson.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/arena.h"
#include "common/kindsql.h"
#include "common/moment.h"

static bool mask_has(uint64_t mask, size_t field)
{
	return (mask >> field & 1) != 0;
}

static void add_value(struct buf *buf, const struct value *value)
{
	switch (value->tag) {
	case VALUE_NULL:
		buf_add_str(buf, "null");
		break;
	case VALUE_INT:
		buf_printf(buf, "%" PRId64, value->integer);
		break;
	case VALUE_TEXT:
		buf_add_json(buf, value->text, value->len);
		break;
	}
}

void kindsql_json(struct buf *buf, const struct kind *kind, const struct row *row, uint64_t mask)
{
	const char *separator = "";

	assert((mask & ~kind->mask_all) == 0);
	buf_add_byte(buf, '[');
	for (size_t i = 0; i < kind->field_count; i++) {
		if (!mask_has(mask, i))
			continue;
		buf_add_str(buf, separator);
		add_value(buf, &row->values[i]);
		separator = ",";
	}
	buf_add_byte(buf, ']');
}

/* The JSON that is still to be read. */
struct reader {
	const char *at, *end;
};

static bool skip(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool skip_word(struct reader *reader, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
		return false;
	reader->at += len;
	return true;
}

static bool read_hex4(struct reader *reader, uint32_t *code_out)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t code = 0;

	if (reader->end - reader->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = reader->at[i];
		const char *digit;

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		digit = c != '\0' ? strchr(digits, c) : NULL;
		if (digit == NULL)
			return false;
		code = code << 4 | (uint32_t)(digit - digits);
	}
	reader->at += 4;
	*code_out = code;
	return true;
}

/* A character that needs no more room than its escape did. */
static size_t put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xC0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xE0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3F));
		to[2] = (char)(0x80 | (code & 0x3F));
		return 3;
	}
	to[0] = (char)(0xF0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3F));
	to[2] = (char)(0x80 | (code >> 6 & 0x3F));
	to[3] = (char)(0x80 | (code & 0x3F));
	return 4;
}

/* After "\u": one escape, or two that make a character beyond the first plane. */
static bool read_unicode(struct reader *reader, uint32_t *code_out)
{
	uint32_t high, low;

	if (!read_hex4(reader, &high) || high == 0)
		return false;
	if (high < 0xD800 || high > 0xDFFF) {
		*code_out = high;
		return true;
	}
	if (high > 0xDBFF || !skip_word(reader, "\\u") || !read_hex4(reader, &low) ||
	    low < 0xDC00 || low > 0xDFFF)
		return false;
	*code_out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
	return true;
}

/* After the backslash. Returns the bytes written, 0 = no escape of JSON. */
static size_t read_escape(struct reader *reader, char *to)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	uint32_t code;
	char c;

	if (reader->at == reader->end)
		return 0;
	c = *reader->at++;
	if (c == 'u')
		return read_unicode(reader, &code) ? put_utf8(to, code) : 0;
	letter = c != '\0' ? strchr(letters, c) : NULL;
	if (letter == NULL)
		return 0;
	*to = meanings[letter - letters];
	return 1;
}

/* After the opening quote. The text is decoded into the arena. */
static enum status read_string(struct reader *reader, struct arena *arena, struct value *value_out)
{
	const char *end = reader->at;
	size_t len = 0;
	char *text;

	while (end < reader->end && *end != '"')
		end += *end == '\\' && reader->end - end > 1 ? 2 : 1;
	if (end >= reader->end)
		return ST_CORRUPT;
	text = arena_copy(arena, reader->at, (size_t)(end - reader->at));
	if (text == NULL)
		return ST_NOMEM;
	while (reader->at < end) {
		char c = *reader->at++;
		size_t step = 1;

		if ((unsigned char)c < 0x20)
			return ST_CORRUPT;
		if (c == '\\')
			step = read_escape(reader, text + len);
		else
			text[len] = c;
		if (step == 0)
			return ST_CORRUPT;
		len += step;
	}
	text[len] = '\0';
	if (reader->at != end || !utf8_valid(text, len))
		return ST_CORRUPT;
	reader->at++;
	*value_out = value_text(text, len);
	return ST_OK;
}

static enum status read_integer(struct reader *reader, struct value *value_out)
{
	bool negative = skip(reader, '-');
	const char *start = reader->at;
	/* Gathered below zero, where there is one more. */
	int64_t number = 0;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
		int digit = *reader->at++ - '0';

		if (number < (INT64_MIN + digit) / 10)
			return ST_CORRUPT;
		number = number * 10 - digit;
	}
	if (reader->at == start || (!negative && number == INT64_MIN))
		return ST_CORRUPT;
	*value_out = value_int(negative ? number : -number);
	return ST_OK;
}

static enum status read_value(struct reader *reader, struct arena *arena, struct value *value_out)
{
	if (skip(reader, '"'))
		return read_string(reader, arena, value_out);
	if (skip_word(reader, "null")) {
		*value_out = value_null();
		return ST_OK;
	}
	return read_integer(reader, value_out);
}

/* NOLINTNEXTLINE(readability-function-size): as kindsql.h declares it. */
enum status kindsql_from_json(const struct kind *kind, uint64_t mask, const char *json, size_t len,
			      struct arena *arena, struct row *row_out)
{
	struct reader reader = { json, json + len };
	struct row row = *row_out;
	bool first = true;

	assert((mask & ~kind->mask_all) == 0);
	if (!skip(&reader, '['))
		return ST_CORRUPT;
	for (size_t i = 0; i < kind->field_count; i++) {
		enum status status;

		if (!mask_has(mask, i))
			continue;
		if (!first && !skip(&reader, ','))
			return ST_CORRUPT;
		first = false;
		status = read_value(&reader, arena, &row.values[i]);
		if (status != ST_OK)
			return status;
	}
	if (!skip(&reader, ']') || reader.at != reader.end)
		return ST_CORRUPT;
	*row_out = row;
	return ST_OK;
}

static void add_id(struct buf *buf, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	buf_add_json(buf, text, ID_TEXT_LEN);
}

/* A value as its field's type is shown. What is not of that type (a row that
 * another program wrote) is shown as it is stored. */
static void add_shown(struct buf *buf, const struct field *field, const struct value *value)
{
	char time[MOMENT_TEXT_SIZE];

	if (value->tag == VALUE_NULL) {
		buf_add_str(buf, "null");
	} else if (value->tag == VALUE_TEXT) {
		if (field->type == TYPE_SET && set_valid(value->text, value->len))
			buf_add(buf, value->text, value->len);
		else
			buf_add_json(buf, value->text, value->len);
	} else if (field->type == TYPE_TIME) {
		moment_format(value->integer, time);
		buf_add_json(buf, time, strlen(time));
	} else if (field->type == TYPE_BOOL) {
		buf_add_str(buf, value->integer != 0 ? "true" : "false");
	} else {
		buf_printf(buf, "\"%" PRId64 "\"", value->integer);
	}
}

/* NOLINTNEXTLINE(readability-function-size): as kindsql.h declares it. */
void kindsql_json_object(struct buf *buf, const struct kind *kind, const struct id *id,
			 const struct id *patient, const struct row *row, bool with_null)
{
	buf_add_str(buf, "{\"kind\":");
	buf_add_json(buf, kind->name, strlen(kind->name));
	buf_add_str(buf, ",\"id\":");
	add_id(buf, id);
	if (patient != NULL && kind_has_patient(kind)) {
		buf_add_str(buf, ",\"patient\":");
		add_id(buf, patient);
	}
	for (size_t i = 0; i < kind->field_count; i++) {
		if (row->values[i].tag == VALUE_NULL && !with_null)
			continue;
		buf_add_byte(buf, ',');
		buf_add_json(buf, kind->fields[i].name, strlen(kind->fields[i].name));
		buf_add_byte(buf, ':');
		add_shown(buf, &kind->fields[i], &row->values[i]);
	}
	buf_add_byte(buf, '}');
}

enum status kindjson_string(const char **at, const char *end, struct arena *arena,
			    struct value *value_out)
{
	struct reader reader = { *at, end };
	enum status status;

	if (!skip(&reader, '"'))
		return ST_CORRUPT;
	status = read_string(&reader, arena, value_out);
	if (status == ST_OK)
		*at = reader.at;
	return status;
}
