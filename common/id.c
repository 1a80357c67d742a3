#include "common/id.h"

#include <assert.h>
#include <string.h>

#define MS_48_BITS_MAX 0xFFFFFFFFFFFFLL

const struct id ID_STAFF = { { 0 } };

bool id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, ID_SIZE) == 0;
}

int id_compare(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, ID_SIZE);
}

bool id_is_zero(const struct id *id)
{
	return id_equal(id, &ID_STAFF);
}

/* Is there a hyphen in front of byte i in the text form? */
static bool hyphen_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void version_set(struct id *id, unsigned version)
{
	id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0Fu) | (version << 4));
	id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3Fu) | 0x80u);
}

void id_format(const struct id *id, char text_out[ID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < ID_SIZE; i++) {
		if (hyphen_before(i))
			text_out[at++] = '-';
		text_out[at++] = digits[id->bytes[i] >> 4];
		text_out[at++] = digits[id->bytes[i] & 0x0F];
	}
	assert(at == ID_TEXT_LEN);
	text_out[at] = '\0';
}

bool id_parse(const char *text, size_t len, struct id *id_out)
{
	struct id id;
	size_t at = 0;

	if (len != ID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < ID_SIZE; i++) {
		int high, low;

		if (hyphen_before(i) && text[at++] != '-')
			return false;
		high = hex_digit(text[at++]);
		low = hex_digit(text[at++]);
		if (high < 0 || low < 0)
			return false;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	assert(at == ID_TEXT_LEN);
	*id_out = id;
	return true;
}

void id_make_v7(struct id *id_out, int64_t wall_ms, const uint8_t random[10])
{
	uint64_t ms = 0;

	if (wall_ms > MS_48_BITS_MAX)
		ms = MS_48_BITS_MAX;
	else if (wall_ms > 0)
		ms = (uint64_t)wall_ms;
	for (size_t i = 0; i < 6; i++)
		id_out->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
	memcpy(id_out->bytes + 6, random, 10);
	version_set(id_out, 7);
}

void id_from_digest(struct id *id_out, const uint8_t digest[16])
{
	memcpy(id_out->bytes, digest, ID_SIZE);
	version_set(id_out, 8);
}
