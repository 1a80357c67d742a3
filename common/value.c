#include "common/value.h"

#include <assert.h>
#include <string.h>

#include "common/id.h"
#include "common/moment.h"

struct value value_null(void)
{
	return (struct value){ .tag = VALUE_NULL };
}

struct value value_int(int64_t integer)
{
	return (struct value){ .tag = VALUE_INT, .integer = integer };
}

struct value value_text(const char *text, size_t len)
{
	assert(text != NULL && len <= UINT32_MAX);
	return (struct value){ .tag = VALUE_TEXT, .len = (uint32_t)len, .text = text };
}

struct value value_string(const char *text_or_null)
{
	if (text_or_null == NULL)
		return value_null();
	return value_text(text_or_null, strlen(text_or_null));
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->tag != b->tag)
		return false;
	switch (a->tag) {
	case VALUE_NULL:
		return true;
	case VALUE_INT:
		return a->integer == b->integer;
	case VALUE_TEXT:
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	}
	assert(false && "a value without a tag");
	return false;
}

bool row_equal(const struct row *a, const struct row *b, uint64_t field_mask)
{
	assert(field_mask >> SCHEMA_FIELDS_MAX == 0);
	for (size_t i = 0; i < SCHEMA_FIELDS_MAX; i++)
		if ((field_mask >> i & 1) != 0 && !value_equal(&a->values[i], &b->values[i]))
			return false;
	return true;
}

void row_copy(struct row *to, const struct row *from, uint64_t field_mask)
{
	assert(field_mask >> SCHEMA_FIELDS_MAX == 0);
	for (size_t i = 0; i < SCHEMA_FIELDS_MAX; i++)
		if ((field_mask >> i & 1) != 0)
			to->values[i] = from->values[i];
}

static bool id_canonical(const char *text, size_t len)
{
	char canonical[ID_TEXT_SIZE];
	struct id id;

	if (!id_parse(text, len, &id))
		return false;
	id_format(&id, canonical);
	return memcmp(canonical, text, len) == 0;
}

/* Are all members of a canonical set in the field's list? A member with an escape
 * is in no list. */
static bool set_listed(const char *values, const char *text, size_t len)
{
	size_t at = 0;
	const char *member;
	size_t member_len;

	while (set_next(text, len, &at, &member, &member_len))
		if (!values_contain(values, member, member_len))
			return false;
	return true;
}

static enum status check_text(const struct field *field, const struct value *value)
{
	bool valid = false;

	if (value->tag != VALUE_TEXT)
		return ST_INVALID;
	if (value->len > field->max)
		return ST_LIMIT;
	if (!utf8_valid(value->text, value->len))
		return ST_INVALID;
	if (field->type == TYPE_TEXT)
		valid = true;
	else if (field->type == TYPE_ENUM)
		valid = values_contain(field->values, value->text, value->len);
	else if (field->type == TYPE_SET)
		valid = set_valid(value->text, value->len) &&
			(field->values[0] == '\0' || set_listed(field->values, value->text, value->len));
	else if (field->type == TYPE_DATE)
		valid = date_valid(value->text, value->len);
	else if (field->type == TYPE_ID)
		valid = id_canonical(value->text, value->len);
	return valid ? ST_OK : ST_INVALID;
}

static enum status check_integer(const struct value *value, int64_t min, int64_t max)
{
	if (value->tag != VALUE_INT)
		return ST_INVALID;
	return value->integer >= min && value->integer <= max ? ST_OK : ST_INVALID;
}

enum status value_check(const struct field *field, const struct value *value)
{
	if (value->tag == VALUE_NULL)
		return ST_OK;
	switch (field->type) {
	case TYPE_TEXT:
	case TYPE_ENUM:
	case TYPE_SET:
	case TYPE_DATE:
	case TYPE_ID:
		return check_text(field, value);
	case TYPE_TIME:
		return check_integer(value, MOMENT_MS_MIN, MOMENT_MS_MAX);
	case TYPE_INT:
		return check_integer(value, INT64_MIN, INT64_MAX);
	case TYPE_BOOL:
		return check_integer(value, 0, 1);
	}
	assert(false && "a field without a type");
	return ST_INVALID;
}

enum status row_check(const struct kind *kind, const struct row *row, uint64_t field_mask,
		      bool check_required, const struct field **field_out)
{
	assert((field_mask & ~kind->mask_all) == 0);
	for (size_t i = 0; i < kind->field_count; i++) {
		const struct field *field = &kind->fields[i];
		const struct value *value = &row->values[i];
		enum status status;

		if ((field_mask >> i & 1) == 0)
			continue;
		status = value_check(field, value);
		if (check_required && field->required && value->tag == VALUE_NULL)
			status = ST_INVALID;
		if (status == ST_OK)
			continue;
		if (field_out != NULL)
			*field_out = field;
		return status;
	}
	return ST_OK;
}

/* How many bytes the character takes that starts with this one; 0 = none does.
 * *second_min and *second_max: what the second byte may be (RFC 3629, section 4). */
static size_t utf8_lead(unsigned char lead, unsigned char *second_min, unsigned char *second_max)
{
	*second_min = 0x80;
	*second_max = 0xBF;
	if (lead >= 0x01 && lead <= 0x7F)
		return 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF) {
		if (lead == 0xE0)
			*second_min = 0xA0;
		if (lead == 0xED)
			*second_max = 0x9F;
		return 3;
	}
	if (lead >= 0xF0 && lead <= 0xF4) {
		if (lead == 0xF0)
			*second_min = 0x90;
		if (lead == 0xF4)
			*second_max = 0x8F;
		return 4;
	}
	return 0;
}

bool utf8_valid(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = len;

	while (left > 0) {
		unsigned char min, max;
		size_t size = utf8_lead(at[0], &min, &max);

		if (size == 0 || size > left)
			return false;
		for (size_t i = 1; i < size; i++) {
			if (at[i] < min || at[i] > max)
				return false;
			min = 0x80;
			max = 0xBF;
		}
		at += size;
		left -= size;
	}
	return true;
}
