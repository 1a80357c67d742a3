#include "common/signature.h"

#include <assert.h>
#include <string.h>

#include "common/buf.h"
#include "common/closing.h"

#define NOTE_SIZE_MAX ((size_t)8 * 1024 * 1024)

static void add_number(struct buf *buf, uint64_t number)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_add_byte(buf, (uint8_t)(number >> shift));
}

static void add_field(struct buf *buf, const struct field *field, const struct value *value)
{
	buf_add_byte(buf, field->num);
	buf_add_byte(buf, (uint8_t)value->tag);
	switch (value->tag) {
	case VALUE_NULL:
		add_number(buf, 0);
		return;
	case VALUE_INT:
		add_number(buf, (uint64_t)value->integer);
		return;
	case VALUE_TEXT:
		add_number(buf, value->len);
		buf_add(buf, value->text, value->len);
		return;
	}
	assert(false && "a value without a tag");
}

enum status signature_digest(const struct kind *note, const struct id *id, const struct id *patient,
			     const struct row *row, char text_out[SIGNATURE_TEXT_SIZE])
{
	const uint64_t mask = closing_signed_mask(note);
	struct digest digest;
	struct part part;
	struct buf buf;
	enum status st;

	buf_init(&buf, NOTE_SIZE_MAX);
	buf_add(&buf, id->bytes, ID_SIZE);
	buf_add(&buf, patient->bytes, ID_SIZE);
	for (size_t i = 0; i < note->field_count; i++)
		if (mask >> i & 1)
			add_field(&buf, &note->fields[i], &row->values[i]);
	st = buf_status(&buf);
	part = (struct part){ buf.data, buf.len };
	if (st == ST_OK) {
		digest_of(&digest, "note", &part, 1);
		digest_hex(&digest, text_out);
	}
	buf_close(&buf);
	return st;
}

enum status signature_check(const struct kind *note, const struct id *id, const struct id *patient,
			    const struct row *row)
{
	const struct value *digest = &row->values[kind_field(note, "digest", 6)];
	char text[SIGNATURE_TEXT_SIZE];
	enum status st = signature_digest(note, id, patient, row, text);

	if (st != ST_OK)
		return st;
	if (digest->tag != VALUE_TEXT || digest->len != sizeof text - 1 ||
	    memcmp(digest->text, text, sizeof text - 1) != 0)
		return ST_INVALID;
	return ST_OK;
}
