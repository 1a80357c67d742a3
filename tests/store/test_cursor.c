#include "daemon/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypt.h"
#include "proto/limits.h"

static const uint8_t KEY[32] = { 1, 2, 3 };
static const uint8_t OTHER_KEY[32] = { 1, 2, 4 };

static struct cursor_fill sample_fills[2] = {
	{ { { 0x11, 0x22 } }, 5, UINT64_C(0x0102030405060708) },
	{ { { 0xff } }, 0, 0 },
};
static const struct cursor SAMPLE = { .schema_version = 3, .complete = 7, .position = 9, .scope = 8,
				      .fills = sample_fills, .fill_count = 2 };

static struct buf encoded(const struct cursor *cursor, uint32_t device)
{
	struct buf buf;

	buf_init(&buf, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_encode(&buf, cursor, device, KEY), ST_OK);
	return buf;
}

static void a_cursor_comes_back_as_it_went(void **state)
{
	struct buf buf = encoded(&SAMPLE, 42);
	struct cursor cursor;
	struct arena arena;

	(void)state;
	arena_init(&arena, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_decode(buf.data, buf.len, 42, KEY, &arena, &cursor), ST_OK);
	assert_int_equal(cursor.schema_version, 3);
	assert_int_equal(cursor.complete, 7);
	assert_int_equal(cursor.position, 9);
	assert_int_equal(cursor.scope, 8);
	assert_int_equal(cursor.fill_count, 2);
	assert_memory_equal(cursor.fills, sample_fills, sizeof sample_fills);
	arena_close(&arena);
	buf_close(&buf);
}

static void its_bytes_are_those_of_the_header(void **state)
{
	static const uint8_t expected[6 + 64] = {
		1, 3, 9, 2, 2, 2,                                   /* version, schema version, position, 9-7, 9-8 zigzag, count */
		0x11, 0x22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* patient */
		0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8,
		0xff,
	};
	struct buf buf = encoded(&SAMPLE, 42);
	const struct part parts[] = { { "cursor", 7 }, { "\0\0\0\x2a", 4 }, { expected, sizeof expected } };
	uint8_t seal[16];

	(void)state;
	mac_of(seal, KEY, parts, 3);
	assert_int_equal(buf.len, sizeof expected + sizeof seal);
	assert_memory_equal(buf.data, expected, sizeof expected);
	assert_memory_equal(buf.data + sizeof expected, seal, sizeof seal);
	buf_close(&buf);
}

static void a_position_of_any_size_comes_back(void **state)
{
	static const uint64_t positions[][3] = {
		{ 0, 0, 0 }, { 127, 128, 129 }, { 0, INT64_MAX, 0 }, { INT64_MAX, INT64_MAX, INT64_MAX }, { 5, 5, INT64_MAX },
		{ 1, 16383, 16384 }, { UINT64_C(1) << 40, (UINT64_C(1) << 40) + 300, UINT64_C(1) << 41 },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, LIMIT_CURSOR_MAX);
	for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
		const struct cursor sent = { .schema_version = 65535, .complete = positions[i][0],
					     .position = positions[i][1], .scope = positions[i][2] };
		struct buf buf = encoded(&sent, 42);
		struct cursor cursor;

		assert_int_equal(cursor_decode(buf.data, buf.len, 42, KEY, &arena, &cursor), ST_OK);
		assert_true(cursor.complete == sent.complete && cursor.position == sent.position);
		assert_true(cursor.scope == sent.scope && cursor.schema_version == 65535);
		buf_close(&buf);
	}
	arena_close(&arena);
}

static void nothing_is_the_cursor_of_a_first_sync(void **state)
{
	struct cursor cursor = SAMPLE;
	struct arena arena;

	(void)state;
	arena_init(&arena, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_decode(NULL, 0, 42, KEY, &arena, &cursor), ST_OK);
	assert_int_equal(cursor.complete, 0);
	assert_int_equal(cursor.scope, 0);
	assert_int_equal(cursor.fill_count, 0);
	arena_close(&arena);
}

static void refused(const void *bytes, size_t len, uint32_t device, const uint8_t key[32])
{
	struct cursor cursor;
	struct arena arena;

	arena_init(&arena, LIMIT_CURSOR_MAX);
	assert_int_equal(cursor_decode(bytes, len, device, key, &arena, &cursor), ST_FORGED);
	arena_close(&arena);
}

static void another_tablets_or_centres_cursor_is_refused(void **state)
{
	struct buf buf = encoded(&SAMPLE, 42);

	(void)state;
	refused(buf.data, buf.len, 43, KEY);
	refused(buf.data, buf.len, 42, OTHER_KEY);
	buf_close(&buf);
}

static void a_cursor_altered_or_cut_anywhere_is_refused(void **state)
{
	struct buf buf = encoded(&SAMPLE, 42);

	(void)state;
	for (size_t i = 0; i < buf.len; i++) {
		buf.data[i] ^= 0x20;
		refused(buf.data, buf.len, 42, KEY);
		buf.data[i] ^= 0x20;
		if (i > 0)
			refused(buf.data, i, 42, KEY);
	}
	buf_add_byte(&buf, 0);
	refused(buf.data, buf.len, 42, KEY);
	buf_close(&buf);
}

static void as_many_fills_as_may_be_fit_and_one_more_does_not(void **state)
{
	struct cursor cursor = { 0 };
	struct buf buf;

	(void)state;
	cursor.fills = calloc(CURSOR_FILLS_MAX + 1, sizeof *cursor.fills);
	assert_non_null(cursor.fills);
	cursor.fill_count = CURSOR_FILLS_MAX;
	buf = encoded(&cursor, 1);
	assert_true(buf.len <= LIMIT_CURSOR_MAX);
	cursor.fill_count++;
	assert_int_equal(cursor_encode(&buf, &cursor, 1, KEY), ST_LIMIT);
	buf_close(&buf);
	free(cursor.fills);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_comes_back_as_it_went),
		cmocka_unit_test(its_bytes_are_those_of_the_header),
		cmocka_unit_test(a_position_of_any_size_comes_back),
		cmocka_unit_test(nothing_is_the_cursor_of_a_first_sync),
		cmocka_unit_test(another_tablets_or_centres_cursor_is_refused),
		cmocka_unit_test(a_cursor_altered_or_cut_anywhere_is_refused),
		cmocka_unit_test(as_many_fills_as_may_be_fit_and_one_more_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
