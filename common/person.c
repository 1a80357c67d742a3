/* person.c - values as people type them (kindsql.h, value_from_person). */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/kindjson.h"
#include "common/kindsql.h"
#include "common/moment.h"

/* The members of a set, each escaped as canonical text has it. */
struct members {
	struct value *items;
	size_t count;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

static enum status members_add(struct members *members, const char *text, size_t len,
			       struct arena *arena)
{
	struct buf escaped;
	enum status status;
	char *copy;

	if (len == 0)
		return ST_OK;
	buf_init(&escaped, 6 * len + 2);
	buf_add_json(&escaped, text, len);
	status = buf_status(&escaped);
	if (status == ST_OK) {
		assert(escaped.len >= 2);
		copy = arena_copy(arena, escaped.data + 1, escaped.len - 2);
		if (copy != NULL)
			members->items[members->count++] = value_text(copy, escaped.len - 2);
		else
			status = ST_NOMEM;
	}
	buf_close(&escaped);
	return status;
}

/* "a, b, c" */
static enum status members_from_list(struct members *members, const char *text, size_t len,
				     struct arena *arena)
{
	enum status status = ST_OK;

	while (status == ST_OK && len > 0) {
		const char *comma = memchr(text, ',', len);
		size_t step = comma != NULL ? (size_t)(comma - text) : len;
		const char *member = text;
		size_t member_len = step;

		trim(&member, &member_len);
		status = members_add(members, member, member_len, arena);
		step += comma != NULL ? 1 : 0;
		text += step;
		len -= step;
	}
	return status;
}

static void skip_blanks(const char **at, const char *end)
{
	while (*at < end && is_blank(**at))
		(*at)++;
}

/* ["a", "b"], in any order. */
static enum status members_from_json(struct members *members, const char *text, size_t len,
				     struct arena *arena)
{
	const char *at = text, *end = text + len;
	char next = ',';

	assert(len > 0 && *at == '[');
	at++;
	skip_blanks(&at, end);
	if (end - at == 1 && *at == ']')
		return ST_OK;
	while (next == ',') {
		struct value value;
		enum status status;

		skip_blanks(&at, end);
		status = kindjson_string(&at, end, arena, &value);
		if (status != ST_OK)
			return status == ST_CORRUPT ? ST_INVALID : status;
		status = members_add(members, value.text, value.len, arena);
		if (status != ST_OK)
			return status;
		skip_blanks(&at, end);
		if (at == end)
			return ST_INVALID;
		next = *at++;
	}
	return next == ']' && at == end ? ST_OK : ST_INVALID;
}

static int member_order(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	if (order != 0)
		return order;
	return x->len < y->len ? -1 : x->len > y->len;
}

/* Sorted, each once. No members: null. */
static enum status members_to_value(struct members *members, size_t size_max, struct arena *arena,
				    struct value *value_out)
{
	struct buf buf;
	enum status status;
	const char *copy;

	if (members->count == 0) {
		*value_out = value_null();
		return ST_OK;
	}
	qsort(members->items, members->count, sizeof members->items[0], member_order);
	buf_init(&buf, size_max);
	for (size_t i = 0; i < members->count; i++) {
		if (i > 0 && value_equal(&members->items[i - 1], &members->items[i]))
			continue;
		buf_add_str(&buf, i == 0 ? "[\"" : "\",\"");
		buf_add(&buf, members->items[i].text, members->items[i].len);
	}
	buf_add_str(&buf, "\"]");
	status = buf_status(&buf);
	if (status == ST_OK) {
		copy = arena_copy(arena, buf.data, buf.len);
		if (copy != NULL)
			*value_out = value_text(copy, buf.len);
		else
			status = ST_NOMEM;
	}
	buf_close(&buf);
	return status;
}

static enum status set_from_person(const struct field *field, const char *text, size_t len,
				   struct arena *arena, struct value *value_out)
{
	struct members members = { 0 };
	size_t count_max = 1;
	enum status status;

	trim(&text, &len);
	if (!utf8_valid(text, len))
		return ST_INVALID;
	for (size_t i = 0; i < len; i++)
		count_max += text[i] == ',' ? 1 : 0;
	members.items = arena_zalloc(arena, count_max * sizeof members.items[0]);
	if (members.items == NULL)
		return ST_NOMEM;
	if (len > 0 && *text == '[')
		status = members_from_json(&members, text, len, arena);
	else
		status = members_from_list(&members, text, len, arena);
	if (status != ST_OK)
		return status;
	assert(members.count <= count_max);
	return members_to_value(&members, field->max, arena, value_out);
}

static enum status integer_from_person(const char *text, size_t len, struct value *value_out)
{
	char copy[24], *end;
	long long number;

	if (len == 0 || len >= sizeof copy || is_blank(text[0]) || memchr(text, '\0', len) != NULL)
		return ST_INVALID;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	number = strtoll(copy, &end, 10);
	if (errno != 0 || *end != '\0' || end == copy)
		return ST_INVALID;
	*value_out = value_int(number);
	return ST_OK;
}

static enum status bool_from_person(const char *text, size_t len, struct value *value_out)
{
	if (values_contain("yes|true|1", text, len))
		*value_out = value_int(1);
	else if (values_contain("no|false|0", text, len))
		*value_out = value_int(0);
	else
		return ST_INVALID;
	return ST_OK;
}

static enum status time_from_person(const char *text, size_t len, int zone_min,
				    struct value *value_out)
{
	int64_t ms;

	if (!moment_parse(text, len, zone_min, &ms))
		return ST_INVALID;
	*value_out = value_int(ms);
	return ST_OK;
}

static enum status text_from_person(const struct field *field, const char *text, size_t len,
				    struct arena *arena, struct value *value_out)
{
	char canonical[ID_TEXT_SIZE];
	struct id id;
	char *copy;

	if (field->type == TYPE_ID && id_parse(text, len, &id)) {
		id_format(&id, canonical);
		text = canonical;
	}
	copy = arena_copy(arena, text, len);
	if (copy == NULL)
		return ST_NOMEM;
	*value_out = value_text(copy, len);
	return ST_OK;
}

/* NOLINTNEXTLINE(readability-function-size): as kindsql.h declares it. */
enum status value_from_person(const struct field *field, const char *text, size_t len, int zone_min,
			      struct arena *arena, struct value *value_out)
{
	struct value value = value_null();
	enum status status = ST_OK;

	if (len > UINT32_MAX)
		return ST_LIMIT;
	if (len > 0) {
		switch (field->type) {
		case TYPE_TEXT:
		case TYPE_ENUM:
		case TYPE_DATE:
		case TYPE_ID:
			status = text_from_person(field, text, len, arena, &value);
			break;
		case TYPE_SET:
			status = set_from_person(field, text, len, arena, &value);
			break;
		case TYPE_TIME:
			status = time_from_person(text, len, zone_min, &value);
			break;
		case TYPE_INT:
			status = integer_from_person(text, len, &value);
			break;
		case TYPE_BOOL:
			status = bool_from_person(text, len, &value);
			break;
		}
	}
	if (status == ST_OK)
		status = value_check(field, &value);
	if (status == ST_OK)
		*value_out = value;
	return status;
}

/* "a|b|c" as "It takes one of: a, b, c." */
static void expect_word(const char *words, char *out, size_t room)
{
	size_t used = (size_t)snprintf(out, room, "It takes one of: ");

	while (words != NULL && *words != '\0' && used < room) {
		const size_t len = strcspn(words, "|");
		const bool last = words[len] == '\0';

		used += (size_t)snprintf(out + used, room - used, "%.*s%s", (int)len, words, last ? "." : ", ");
		words += last ? len : len + 1;
	}
}

void value_expected(const struct field *field, bool too_long, char *out, size_t room)
{
	assert(room > 0);
	switch (field->type) {
	case TYPE_TEXT:
	case TYPE_SET:
		if (too_long)
			(void)snprintf(out, room, "Make it shorter: at most %u bytes.", field->max);
		else
			(void)snprintf(out, room, "It takes text in UTF-8, without control characters.");
		break;
	case TYPE_ENUM:
		expect_word(field->values, out, room);
		break;
	case TYPE_DATE:
		(void)snprintf(out, room, "It takes a date, as in 2026-11-23.");
		break;
	case TYPE_TIME:
		(void)snprintf(out, room, "It takes a time, as in 2026-11-23T08:30.");
		break;
	case TYPE_INT:
		(void)snprintf(out, room, "It takes a whole number.");
		break;
	case TYPE_BOOL:
		(void)snprintf(out, room, "It takes yes or no.");
		break;
	case TYPE_ID:
		(void)snprintf(out, room, "It takes the id of a record.");
		break;
	}
}
