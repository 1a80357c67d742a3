#include "daemon/candidates.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/moment.h"

struct value conflict_value(const struct record *conflict, const char *field)
{
	int f = kind_field(conflict->kind, field, strlen(field));

	if (f < 0 || conflict->row.values[f].tag != VALUE_TEXT)
		return value_text("", 0);
	return conflict->row.values[f];
}

enum status target_of(const struct intake *in, const struct record *conflict, struct target *out)
{
	struct value kind = conflict_value(conflict, "record_kind");
	struct value id = conflict_value(conflict, "record");
	struct value name = conflict_value(conflict, "group_name");
	int group;

	out->kind = schema_kind(in->schema, kind.text, kind.len);
	if (!out->kind || !id_parse(id.text, id.len, &out->id))
		return ST_CORRUPT;
	group = kind_group(out->kind, name.text, name.len);
	if (group < 0)
		return ST_CORRUPT;
	out->group = &out->kind->groups[group];
	return ST_OK;
}

/* --- writing --- */

static void value_write(struct buf *buf, const struct value *value)
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

void values_write(struct buf *buf, const struct target *target, const struct row *row)
{
	const char *comma = "";

	buf_add_str(buf, "{");
	for (size_t f = 0; f < target->kind->field_count; f++) {
		if (!(target->group->mask >> f & 1))
			continue;
		buf_printf(buf, "%s\"%s\":", comma, target->kind->fields[f].name);
		value_write(buf, &row->values[f]);
		comma = ",";
	}
	buf_add_str(buf, "}");
}

static void text_write(struct buf *buf, const char *key, const char *text)
{
	buf_printf(buf, ",\"%s\":", key);
	buf_add_json(buf, text, strlen(text));
}

static void moment_write(struct buf *buf, const char *key, int64_t ms)
{
	char text[MOMENT_TEXT_SIZE];

	moment_format(ms, text);
	text_write(buf, key, text);
}

static void spots_write(struct buf *buf, const struct candidate *candidate)
{
	const char *separator = ",\"spots\":[";

	for (size_t i = 0; i < candidate->spot_count; i++) {
		const struct text_spot *spot = &candidate->spots[i];

		buf_printf(buf, "%s{\"at\":%" PRIu32 ",\"len\":%" PRIu32 ",\"other_at\":%" PRIu32 ",\"other_len\":%" PRIu32
				",\"stands\":", separator, spot->at, spot->len, spot->other_at, spot->other_len);
		buf_add_json(buf, candidate->stands.at + spot->at, spot->len);
		buf_add_str(buf, "}");
		separator = ",";
	}
	if (candidate->spot_count > 0)
		buf_add_str(buf, "]");
}

void candidate_write(struct buf *buf, const struct target *target, unsigned n, const struct candidate *candidate)
{
	buf_printf(buf, "{\"n\":%u,\"seq\":\"%" PRIu64 "\",\"values\":", n, candidate->seq);
	if (candidate->values)
		values_write(buf, target, candidate->values);
	else
		buf_add_str(buf, "null");
	text_write(buf, "author", candidate->author);
	text_write(buf, "name", candidate->name);
	text_write(buf, "device", candidate->device);
	moment_write(buf, "from", candidate->at.lo_ms);
	moment_write(buf, "to", candidate->at.hi_ms);
	if (candidate->values)
		spots_write(buf, candidate);
	buf_add_str(buf, "}");
}

/* --- reading --- */

json_t *conflict_json(const struct value *text)
{
	if (text->tag != VALUE_TEXT)
		return NULL;
	return json_loadb(text->text, text->len, JSON_REJECT_DUPLICATES, NULL);
}

json_t *candidate_at(const json_t *candidates, uint64_t n)
{
	for (size_t i = 0; i < json_array_size(candidates); i++) {
		json_t *one = json_array_get(candidates, i);
		json_int_t number = json_integer_value(json_object_get(one, "n"));

		if (number > 0 && (uint64_t)number == n)
			return one;
	}
	return NULL;
}

static bool seq_read(const json_t *text, uint64_t *out)
{
	const char *digits = json_string_value(text);
	size_t len = digits ? strlen(digits) : 0;

	if (len == 0 || len > 19 || strspn(digits, "0123456789") != len)
		return false;
	*out = strtoull(digits, NULL, 10);
	return true;
}

bool candidate_seq(const json_t *candidate, uint64_t *out)
{
	return seq_read(json_object_get(candidate, "seq"), out);
}

bool decision_saw(const json_t *decision, uint64_t seq)
{
	const json_t *seen = json_object_get(decision, "seen");
	uint64_t one;

	for (size_t i = 0; i < json_array_size(seen); i++)
		if (seq_read(json_array_get(seen, i), &one) && one == seq)
			return true;
	return false;
}

static enum status value_read(const json_t *json, struct arena *arena, struct value *out)
{
	char *copy;

	*out = value_null();
	if (json_is_null(json))
		return ST_OK;
	if (json_is_integer(json)) {
		*out = value_int(json_integer_value(json));
		return ST_OK;
	}
	if (!json_is_string(json))
		return ST_INVALID;
	copy = arena_copy(arena, json_string_value(json), json_string_length(json));
	if (!copy)
		return ST_NOMEM;
	*out = value_text(copy, json_string_length(json));
	return ST_OK;
}

enum status values_read(const struct target *target, const json_t *object, struct arena *arena, struct row *row_out)
{
	struct row row = *row_out;
	size_t count = 0;
	enum status st = ST_OK;

	for (size_t f = 0; f < target->kind->field_count && st == ST_OK; f++) {
		if (!(target->group->mask >> f & 1))
			continue;
		count++;
		st = value_read(json_object_get(object, target->kind->fields[f].name), arena, &row.values[f]);
	}
	if (st == ST_OK && (count != json_object_size(object) ||
			    row_check(target->kind, &row, target->group->mask, true, NULL) != ST_OK))
		st = ST_INVALID;
	if (st == ST_OK)
		*row_out = row;
	return st;
}
