#include "daemon/cursor.h"

#include <assert.h>
#include <string.h>

#include "common/crypt.h"
#include "proto/limits.h"

#define CURSOR_VERSION 1
#define SEAL_SIZE 16
#define NUMBER_SIZE_MAX 10
#define HEAD_SIZE_MAX (1 + 5 * NUMBER_SIZE_MAX)
#define FILL_SIZE 32
#define SEAL_DOMAIN "cursor"

_Static_assert(HEAD_SIZE_MAX + CURSOR_FILLS_MAX * FILL_SIZE + SEAL_SIZE <= LIMIT_CURSOR_MAX,
	       "a cursor with as many fills as may be fits its limit");

static void add_fixed(struct buf *out, uint64_t number)
{
	for (unsigned shift = 64; shift > 0; shift -= 8)
		buf_add_byte(out, (uint8_t)(number >> (shift - 8)));
}

static uint64_t read_fixed(const uint8_t *at)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | at[i];
	return number;
}

static void add_number(struct buf *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		buf_add_byte(out, (uint8_t)(number | 0x80));
	buf_add_byte(out, (uint8_t)number);
}

/* What is left to be read; `at` is NULL once something could not be. */
struct reading {
	const uint8_t *at, *end;
};

static uint64_t read_number(struct reading *r)
{
	uint64_t number = 0;

	for (unsigned shift = 0; r->at != NULL && r->at < r->end && shift < 64; shift += 7) {
		const uint8_t byte = *r->at++;

		number |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return number;
	}
	r->at = NULL;
	return 0;
}

static uint64_t zigzag(uint64_t difference)
{
	return difference >> 63 ? ~(difference << 1) : difference << 1;
}

static uint64_t unzigzag(uint64_t number)
{
	return number & 1 ? ~(number >> 1) : number >> 1;
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
	uint8_t seal[SEAL_SIZE] = { 0 };

	if (cursor->fill_count > CURSOR_FILLS_MAX)
		return ST_LIMIT;
	assert(cursor->complete <= cursor->position);
	add_number(out, CURSOR_VERSION);
	add_number(out, cursor->schema_version);
	add_number(out, cursor->position);
	add_number(out, cursor->position - cursor->complete);
	add_number(out, zigzag(cursor->position - cursor->scope));
	add_number(out, cursor->fill_count);
	for (size_t i = 0; i < cursor->fill_count; i++) {
		buf_add(out, cursor->fills[i].patient.bytes, ID_SIZE);
		add_fixed(out, cursor->fills[i].first);
		add_fixed(out, cursor->fills[i].rest);
	}
	if (buf_status(out) == ST_OK)
		seal_of(seal, key, device, out->data + before, out->len - before);
	buf_add(out, seal, sizeof seal);
	if (buf_status(out) != ST_OK)
		out->len = before;
	return buf_status(out);
}

/* Is it sealed by us for this device? */
static bool bytes_are_ours(const uint8_t *bytes, size_t len, uint32_t device, const uint8_t key[32])
{
	uint8_t seal[SEAL_SIZE];

	if (len <= SEAL_SIZE || len > LIMIT_CURSOR_MAX)
		return false;
	seal_of(seal, key, device, bytes, len - SEAL_SIZE);
	return mac_equal(seal, bytes + len - SEAL_SIZE) && bytes[0] == CURSOR_VERSION;
}

enum status cursor_decode(const void *bytes, size_t len, uint32_t device, const uint8_t key[32], struct arena *arena,
			  struct cursor *cursor_out)
{
	struct reading r = { bytes, NULL };
	struct cursor cursor = { 0 };
	uint64_t schema_version, count;

	if (len == 0) {
		*cursor_out = cursor;
		return ST_OK;
	}
	if (!bytes_are_ours(bytes, len, device, key))
		return ST_FORGED;
	r.at++;
	r.end = r.at + (len - 1 - SEAL_SIZE);
	schema_version = read_number(&r);
	cursor.position = read_number(&r);
	cursor.complete = cursor.position - read_number(&r);
	cursor.scope = cursor.position - unzigzag(read_number(&r));
	count = read_number(&r);
	if (r.at == NULL || schema_version > UINT16_MAX || cursor.complete > cursor.position ||
	    count > CURSOR_FILLS_MAX || (size_t)(r.end - r.at) != count * FILL_SIZE)
		return ST_FORGED;
	cursor.schema_version = (uint16_t)schema_version;
	cursor.fill_count = (size_t)count;
	cursor.fills = arena_alloc(arena, cursor.fill_count * sizeof *cursor.fills);
	if (cursor.fills == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < cursor.fill_count; i++, r.at += FILL_SIZE) {
		memcpy(cursor.fills[i].patient.bytes, r.at, ID_SIZE);
		cursor.fills[i].first = read_fixed(r.at + ID_SIZE);
		cursor.fills[i].rest = read_fixed(r.at + ID_SIZE + 8);
	}
	*cursor_out = cursor;
	return ST_OK;
}
