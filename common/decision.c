#include "common/decision.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/moment.h"

/* --- reading ---------------------------------------------------------------------- */

static bool read_seq(const json_t *json, uint64_t *out)
{
	const char *digits = json_string_value(json);
	const size_t len = digits == NULL ? 0 : strlen(digits);

	if (len == 0 || len > 19 || strspn(digits, "0123456789") != len)
		return false;
	*out = strtoull(digits, NULL, 10);
	return true;
}

static bool read_time(const json_t *json, int64_t *out)
{
	const char *text = json_string_value(json);

	return text != NULL && moment_parse(text, strlen(text), MOMENT_NO_OFFSET, out);
}

static enum status read_text(const json_t *json, struct arena *arena, const char **out)
{
	const char *text = json_string_value(json);

	*out = arena_copy(arena, text == NULL ? "" : text, text == NULL ? 0 : json_string_length(json));
	return *out == NULL ? ST_NOMEM : ST_OK;
}

static enum status read_value(const json_t *json, struct arena *arena, struct value *out)
{
	const char *text = NULL;
	enum status st = ST_OK;

	*out = value_null();
	if (json_is_integer(json)) {
		*out = value_int(json_integer_value(json));
	} else if (json_is_string(json)) {
		st = read_text(json, arena, &text);
		if (st == ST_OK)
			*out = value_text(text, json_string_length(json));
	} else if (!json_is_null(json)) {
		st = ST_CORRUPT;
	}
	return st;
}

static bool read_place(const json_t *json, const char *key, size_t max, uint32_t *out)
{
	const json_t *number = json_object_get(json, key);

	if (!json_is_integer(number) || json_integer_value(number) < 0 || (uint64_t)json_integer_value(number) > max)
		return false;
	*out = (uint32_t)json_integer_value(number);
	return true;
}

/* Its places lie within the candidate's one text. */
static enum status read_spot(const json_t *json, const struct value *value, struct arena *arena, struct decision_spot *out)
{
	const size_t len = value->tag == VALUE_TEXT ? value->len : 0;

	if (!read_place(json, "at", UINT32_MAX, &out->place.at) || !read_place(json, "len", UINT32_MAX, &out->place.len) ||
	    !read_place(json, "other_at", len, &out->place.other_at) ||
	    !read_place(json, "other_len", len - out->place.other_at, &out->place.other_len))
		return ST_CORRUPT;
	return read_text(json_object_get(json, "stands"), arena, &out->stands);
}

static enum status read_spots(const struct group *group, const json_t *array, struct arena *arena,
			      struct decision_candidate *out)
{
	const size_t count = json_array_size(array);
	struct decision_spot *spots = count > 0 ? arena_zalloc(arena, count * sizeof *spots) : NULL;
	enum status st = count > 0 && spots == NULL ? ST_NOMEM : ST_OK;

	for (size_t i = 0; st == ST_OK && i < count; i++)
		st = read_spot(json_array_get(array, i), &out->row.values[__builtin_ctzll(group->mask)], arena, &spots[i]);
	out->spots = spots;
	out->spot_count = st == ST_OK ? count : 0;
	return st;
}

static enum status read_candidate(const struct kind *kind, const struct group *group, const json_t *json,
				  struct arena *arena, struct decision_candidate *out)
{
	const json_int_t n = json_integer_value(json_object_get(json, "n"));
	const json_t *values = json_object_get(json, "values");
	enum status st = ST_OK;

	if (n < 1 || n > UINT16_MAX || !read_seq(json_object_get(json, "seq"), &out->seq))
		return ST_CORRUPT;
	out->n = (unsigned)n;
	out->has_values = json_is_object(values);
	(void)read_time(json_object_get(json, "from"), &out->from_ms);
	(void)read_time(json_object_get(json, "to"), &out->to_ms);
	st = read_text(json_object_get(json, "name"), arena, &out->name);
	if (st == ST_OK)
		st = read_text(json_object_get(json, "device"), arena, &out->device);
	for (size_t f = 0; st == ST_OK && out->has_values && f < kind->field_count; f++)
		if ((group->mask >> f & 1) != 0)
			st = read_value(json_object_get(values, kind->fields[f].name), arena, &out->row.values[f]);
	if (st == ST_OK && out->has_values)
		st = read_spots(group, json_object_get(json, "spots"), arena, out);
	return st;
}

/* Jansson says it in so many words, or nothing at all. */
static bool no_memory(const json_error_t *error)
{
	return error->text[0] == '\0' || json_error_code(error) == json_error_out_of_memory;
}

/* NOLINTNEXTLINE(readability-function-size): as decision.h declares it. */
enum status decision_candidates(const struct kind *kind, const struct group *group, const char *text, size_t len,
				struct arena *arena, struct decision_candidate **out, size_t *count_out)
{
	json_error_t error = { 0 };
	json_t *array = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	const size_t count = json_array_size(array);
	struct decision_candidate *candidates = arena_zalloc(arena, (count + 1) * sizeof *candidates);
	enum status st = json_is_array(array) ? ST_OK : ST_CORRUPT;

	if ((st == ST_OK && candidates == NULL) || (array == NULL && no_memory(&error)))
		st = ST_NOMEM;
	for (size_t i = 0; st == ST_OK && i < count; i++)
		st = read_candidate(kind, group, json_array_get(array, i), arena, &candidates[i]);
	json_decref(array);
	if (st == ST_OK) {
		*out = candidates;
		*count_out = count;
	}
	return st;
}

bool decision_reached(const char *text, size_t len, uint64_t seq)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	uint64_t stood = 0;
	const bool reached = read_seq(json_object_get(json, "stood"), &stood) && seq <= stood;

	json_decref(json);
	return reached;
}

/* --- writing ---------------------------------------------------------------------- */

static void add_value(struct buf *out, const struct value *value)
{
	switch (value->tag) {
	case VALUE_NULL:
		buf_add_str(out, "null");
		break;
	case VALUE_INT:
		buf_printf(out, "%" PRId64, value->integer);
		break;
	case VALUE_TEXT:
		buf_add_json(out, value->text, value->len);
		break;
	}
}

static void add_values(struct buf *out, const struct decision *decision)
{
	const char *separator = "{\"values\":{";

	for (size_t f = 0; f < decision->kind->field_count; f++) {
		if ((decision->group->mask >> f & 1) == 0)
			continue;
		buf_add_str(out, separator);
		buf_add_json(out, decision->kind->fields[f].name, strlen(decision->kind->fields[f].name));
		buf_add_byte(out, ':');
		add_value(out, &decision->values->values[f]);
		separator = ",";
	}
	buf_add_byte(out, '}');
}

void decision_text(struct buf *out, const struct decision *decision)
{
	const char *separator = "";

	if (decision->choice > 0)
		buf_printf(out, "{\"choice\":%u", decision->choice);
	else
		add_values(out, decision);
	buf_add_str(out, ",\"seen\":[");
	for (size_t i = 0; i < decision->candidate_count; i++) {
		buf_printf(out, "%s\"%" PRIu64 "\"", separator, decision->candidates[i].seq);
		separator = ",";
	}
	buf_add_byte(out, ']');
	if (decision->stood > 0)
		buf_printf(out, ",\"stood\":\"%" PRIu64 "\"", decision->stood);
	buf_add_byte(out, '}');
}
