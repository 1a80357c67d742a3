/* What buffers and arenas promise: a ceiling, one check at the end, exact quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"

static void a_buffer_grows_to_its_ceiling_and_not_a_byte_further(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&buf, 'x');
	assert_int_equal(buf_status(&buf), ST_OK);
	assert_int_equal(strlen(buf_str(&buf)), 1000);
	buf_add_byte(&buf, 'y');
	assert_int_equal(buf_status(&buf), ST_LIMIT);
	assert_int_equal(buf.len, 1000);
	assert_string_equal(buf_str(&buf), "");
	buf_close(&buf);
}

static void after_a_failure_nothing_more_is_added(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	buf_add_str(&buf, "abc");
	buf_add_str(&buf, "de");
	buf_add_str(&buf, "f");
	buf_printf(&buf, "%d", 7);
	assert_null(buf_reserve(&buf, 1));
	assert_int_equal(buf_status(&buf), ST_LIMIT);
	assert_int_equal(buf.len, 3);
	buf_reset(&buf);
	buf_add_str(&buf, "wxyz");
	assert_string_equal(buf_str(&buf), "wxyz");
	buf_close(&buf);
}

static void an_empty_buffer_is_an_empty_string(void **state)
{
	struct buf buf, zeroed = { 0 };

	(void)state;
	buf_init(&buf, 0);
	assert_string_equal(buf_str(&buf), "");
	assert_int_equal(buf_status(&buf), ST_OK);
	buf_close(&buf);
	buf_close(&buf);
	buf_close(&zeroed);
	buf_close(NULL);
}

static void text_is_printed_whole(void **state)
{
	struct buf buf;
	char expected[600];

	(void)state;
	memset(expected, 'a', sizeof expected - 1);
	expected[sizeof expected - 1] = '\0';
	buf_init(&buf, 100000);
	buf_printf(&buf, "%s|", expected);
	buf_printf(&buf, "%d", -5);
	assert_int_equal(buf.len, 602);
	assert_memory_equal(buf_str(&buf), expected, 599);
	assert_string_equal(buf_str(&buf) + 599, "|-5");
	buf_close(&buf);
}

static void quoting_leaves_no_way_out(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf_add_sql(&buf, "O'Brien'); DROP TABLE note; --");
	buf_add_sql_name(&buf, "a\"b");
	buf_add_json(&buf, "a\"b\\c/\n\x01\x1f\x7f", 10);
	assert_string_equal(buf_str(&buf), "'O''Brien''); DROP TABLE note; --'"
					   "\"a\"\"b\""
					   "\"a\\\"b\\\\c/\\n\\u0001\\u001f\x7f\"");
	buf_close(&buf);
}

static void room_that_was_reserved_can_be_filled(void **state)
{
	struct buf buf;
	uint8_t *at;

	(void)state;
	buf_init(&buf, 300);
	buf_add_str(&buf, "a");
	at = buf_reserve(&buf, 299);
	assert_non_null(at);
	memset(at, 'b', 299);
	buf_grew(&buf, 299);
	assert_int_equal(strlen(buf_str(&buf)), 300);
	assert_null(buf_reserve(&buf, 1));
	buf_close(&buf);
}

static void an_arena_gives_aligned_memory_until_its_ceiling(void **state)
{
	struct arena arena, zeroed = { 0 };

	(void)state;
	arena_init(&arena, 100000);
	for (size_t size = 0; size < 100; size++) {
		unsigned char *memory = arena_zalloc(&arena, size);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xFF, size);
	}
	/* More than a block holds. */
	for (int i = 0; i < 50; i++) {
		void *memory = arena_alloc(&arena, 1000);

		assert_non_null(memory);
		memset(memory, 0xFF, 1000);
	}
	assert_non_null(arena_alloc(&arena, 40000));
	assert_null(arena_alloc(&arena, 90000));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_copy(&arena, "", SIZE_MAX));
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 100000));
	assert_null(arena_alloc(&arena, 1));
	arena_close(&arena);
	arena_close(&arena);
	arena_close(&zeroed);
	arena_close(NULL);
}

static void a_copy_has_a_nul_after_it(void **state)
{
	struct arena arena;
	char *copy;

	(void)state;
	arena_init(&arena, 1000);
	copy = arena_copy(&arena, "abcdef", 3);
	assert_string_equal(copy, "abc");
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_not_a_byte_further),
		cmocka_unit_test(after_a_failure_nothing_more_is_added),
		cmocka_unit_test(an_empty_buffer_is_an_empty_string),
		cmocka_unit_test(text_is_printed_whole),
		cmocka_unit_test(quoting_leaves_no_way_out),
		cmocka_unit_test(room_that_was_reserved_can_be_filled),
		cmocka_unit_test(an_arena_gives_aligned_memory_until_its_ceiling),
		cmocka_unit_test(a_copy_has_a_nul_after_it),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
