#include "daemon/cursor.h"

#include <assert.h>
#include <string.h>

#include "common/crypt.h"
#include "proto/limits.h"

#define CURSOR_VERSION 1
#define SEAL_SIZE 16
#define HEAD_SIZE 29 /* version, schema version, three positions, count */
#define FILL_SIZE 32
#define SEAL_DOMAIN "cursor"

_Static_assert(HEAD_SIZE + CURSOR_FILLS_MAX * FILL_SIZE + SEAL_SIZE <= LIMIT_CURSOR_MAX,
	       "a cursor with as many fills as may be fits its limit");

static void add_number(struct buf *out, uint64_t number, unsigned size)
{
	while (size-- > 0)
		buf_add_byte(out, (uint8_t)(number >> (8 * size)));
}

static uint64_t read_number(const uint8_t **at, unsigned size)
{
	uint64_t number = 0;

	while (size-- > 0)
		number = number << 8 | *(*at)++;
	return number;
}

static void seal_of(uint8_t out[SEAL_SIZE], const uint8_t key[32], uint32_t device, const void *bytes, size_t len)
{
	const uint8_t number[4] = { (uint8_t)(device >> 24), (uint8_t)(device >> 16), (uint8_t)(device >> 8),
				    (uint8_t)device };
	const struct part parts[] = {
		{ SEAL_DOMAIN, sizeof SEAL_DOMAIN },
		{ number, sizeof number },
		{ bytes, len },
	};

	mac_of(out, key, parts, sizeof parts / sizeof parts[0]);
}

enum status cursor_encode(struct buf *out, const struct cursor *cursor, uint32_t device, const uint8_t key[32])
{
	const size_t before = out->len;
	uint8_t seal[SEAL_SIZE];

	if (cursor->fill_count > CURSOR_FILLS_MAX)
		return ST_LIMIT;
	assert(cursor->complete <= cursor->position);
	add_number(out, CURSOR_VERSION, 1);
	add_number(out, cursor->schema_version, 2);
	add_number(out, cursor->complete, 8);
	add_number(out, cursor->position, 8);
	add_number(out, cursor->scope, 8);
	add_number(out, cursor->fill_count, 2);
	for (size_t i = 0; i < cursor->fill_count; i++) {
		buf_add(out, cursor->fills[i].patient.bytes, ID_SIZE);
		add_number(out, cursor->fills[i].first, 8);
		add_number(out, cursor->fills[i].rest, 8);
	}
	if (buf_status(out) != ST_OK)
		return buf_status(out);
	seal_of(seal, key, device, out->data + before, out->len - before);
	buf_add(out, seal, sizeof seal);
	return buf_status(out);
}

/* Is it sealed by us for this device, and as long as its count of fills says? */
static bool bytes_are_ours(const uint8_t *bytes, size_t len, uint32_t device, const uint8_t key[32])
{
	const uint8_t *count_at = bytes + HEAD_SIZE - 2;
	uint8_t seal[SEAL_SIZE];

	if (len < HEAD_SIZE + SEAL_SIZE || len > LIMIT_CURSOR_MAX)
		return false;
	seal_of(seal, key, device, bytes, len - SEAL_SIZE);
	if (!mac_equal(seal, bytes + len - SEAL_SIZE) || bytes[0] != CURSOR_VERSION)
		return false;
	return len == HEAD_SIZE + SEAL_SIZE + FILL_SIZE * (size_t)read_number(&count_at, 2);
}

enum status cursor_decode(const void *bytes, size_t len, uint32_t device, const uint8_t key[32], struct arena *arena,
			  struct cursor *cursor_out)
{
	const uint8_t *at = bytes;
	struct cursor cursor = { 0 };

	if (len == 0) {
		*cursor_out = cursor;
		return ST_OK;
	}
	if (!bytes_are_ours(bytes, len, device, key))
		return ST_FORGED;
	at++;
	cursor.schema_version = (uint16_t)read_number(&at, 2);
	cursor.complete = read_number(&at, 8);
	cursor.position = read_number(&at, 8);
	cursor.scope = read_number(&at, 8);
	cursor.fill_count = (size_t)read_number(&at, 2);
	cursor.fills = arena_alloc(arena, cursor.fill_count * sizeof *cursor.fills);
	if (cursor.fills == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < cursor.fill_count; i++) {
		memcpy(cursor.fills[i].patient.bytes, at, ID_SIZE);
		at += ID_SIZE;
		cursor.fills[i].first = read_number(&at, 8);
		cursor.fills[i].rest = read_number(&at, 8);
	}
	*cursor_out = cursor;
	return ST_OK;
}
