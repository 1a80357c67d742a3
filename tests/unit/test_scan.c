/* What scan_frame lets pass and what it refuses: RELIABILITY.md, faults X3 and X4 and the limits of section 5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/scan.h"

struct frame {
	const char *bytes;
	size_t len;
};
#define FRAME(text) { text, sizeof(text) - 1 }

static void refuse_all(const struct frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (scan_frame(frames[i].bytes, frames[i].len) != ST_PROTOCOL)
			print_error("frame %zu was not refused\n", i);
		assert_int_equal(scan_frame(frames[i].bytes, frames[i].len), ST_PROTOCOL);
		assert_int_equal(scan_object(frames[i].bytes, frames[i].len), 0);
	}
}

static void accept_all(const struct frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (scan_frame(frames[i].bytes, frames[i].len) != ST_OK)
			print_error("frame %zu was refused\n", i);
		assert_int_equal(scan_frame(frames[i].bytes, frames[i].len), ST_OK);
		assert_int_equal(scan_object(frames[i].bytes, frames[i].len), frames[i].len);
		for (size_t cut = 0; cut < frames[i].len; cut++)
			assert_int_equal(scan_frame(frames[i].bytes, cut), ST_PROTOCOL);
	}
}
#define REFUSE(frames) refuse_all(frames, sizeof(frames) / sizeof((frames)[0]))
#define ACCEPT(frames) accept_all(frames, sizeof(frames) / sizeof((frames)[0]))

static void every_form_of_integer_text_binary_array_and_map_is_read_and_no_prefix_of_it(void **state)
{
	static const struct frame frames[] = {
		FRAME("\xc0"), FRAME("\xc2"), FRAME("\xc3"), FRAME("\x00"), FRAME("\x7f"), FRAME("\xff"), FRAME("\xe0"),
		FRAME("\xcc\xff"), FRAME("\xcd\x00\x01"), FRAME("\xce\x00\x00\x00\x01"),
		FRAME("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), FRAME("\xd0\x80"), FRAME("\xd1\x80\x00"),
		FRAME("\xd2\x80\x00\x00\x00"), FRAME("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
		FRAME("\xa0"), FRAME("\xa2\xc3\xa9"), FRAME("\xd9\x01x"), FRAME("\xda\x00\x01x"),
		FRAME("\xdb\x00\x00\x00\x01x"), FRAME("\xc4\x00"), FRAME("\xc4\x01\x00"), FRAME("\xc5\x00\x01\xff"),
		FRAME("\xc6\x00\x00\x00\x01\xff"), FRAME("\x90"), FRAME("\x92\x01\x90"), FRAME("\xdc\x00\x01\xc0"),
		FRAME("\xdd\x00\x00\x00\x01\xc0"), FRAME("\x80"), FRAME("\x82\x00\xc0\x01\x80"),
		FRAME("\xde\x00\x01\x05\xc0"), FRAME("\xdf\x00\x00\x00\x01\x05\xc0"),
		FRAME("\x82\xcd\x00\x01\xc0\xd0\x02\xc0"), /* wide keys are keys */
	};

	(void)state;
	ACCEPT(frames);
}

static void a_count_or_length_beyond_the_bytes_present_is_refused(void **state)
{
	static const struct frame frames[] = {
		FRAME("\xdd\xff\xff\xff\xff\xc0"), FRAME("\xdf\xff\xff\xff\xff\xc0"), FRAME("\xc6\xff\xff\xff\xff\x00"),
		FRAME("\xdb\xff\xff\xff\xffx"), FRAME("\xc9\xff\xff\xff\xff\x01"), FRAME("\x9f\xc0"),
		FRAME("\x82\x00\xc0\x01"), FRAME("\xa5" "four"), FRAME("\xc4\x02\x00"),
	};

	(void)state;
	REFUSE(frames);
}

static void floats_ext_types_and_the_unused_byte_are_refused(void **state)
{
	static const struct frame frames[] = {
		FRAME("\xc1"), FRAME("\xca\x7f\xc0\x00\x00"), FRAME("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"),
		FRAME("\xc7\x01\x01\x00"), FRAME("\xc8\x00\x01\x01\x00"), FRAME("\xd4\x01\x00"),
		FRAME("\xd5\x01\x00\x00"), FRAME("\xd6\xff\x00\x00\x00\x00"), FRAME("\x91\xca\x00\x00\x00\x00"),
		FRAME("\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x00"),
		FRAME("\xd8\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	};

	(void)state;
	REFUSE(frames);
}

static void a_maps_keys_are_integers_that_ascend_so_none_comes_twice(void **state)
{
	static const struct frame frames[] = {
		FRAME("\x82\x01\xc0\x01\xc0"), FRAME("\x82\x02\xc0\x01\xc0"), FRAME("\x81\xa1x\xc0"),
		FRAME("\x81\xff\xc0"), FRAME("\x81\xc0\xc0"), FRAME("\x81\x90\xc0"), FRAME("\x81\xc4\x01x\xc0"),
		FRAME("\x82\x01\xc0\xcc\x01\xc0"), /* the same key in another width */
		FRAME("\x82\x01\x82\x05\xc0\x05\xc0\x02\xc0"), FRAME("\x81\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xc0"),
	};

	(void)state;
	REFUSE(frames);
}

static void text_that_is_no_utf_8_or_holds_a_nul_is_refused(void **state)
{
	static const struct frame frames[] = {
		FRAME("\xa1\x00"), FRAME("\xa1\xff"), FRAME("\xa1\x80"), FRAME("\xa2\xc0\x80"), FRAME("\xa2\xc1\xbf"),
		FRAME("\xa3\xe0\x80\xaf"), FRAME("\xa3\xed\xa0\x80"), FRAME("\xa3\xed\xbf\xbf"),
		FRAME("\xa4\xf0\x80\x80\xaf"), FRAME("\xa4\xf4\x90\x80\x80"), FRAME("\xa2\xe2\x82"),
		FRAME("\x81\x00\xa1\xff"),
	};
	static const struct frame fine[] = { FRAME("\xa3\xe2\x80\xae"), FRAME("\xa4\xf0\x9f\x98\x80") };

	(void)state;
	REFUSE(frames);
	ACCEPT(fine); /* bidi controls are text: they are stored, and escaped where they are shown */
}

static void nothing_at_all_and_anything_after_the_object_are_refused(void **state)
{
	static const struct frame frames[] = { FRAME("") };

	(void)state;
	REFUSE(frames);
	assert_int_equal(scan_frame(NULL, 0), ST_PROTOCOL);
	assert_int_equal(scan_frame("\xc0\xc0", 2), ST_PROTOCOL);
	assert_int_equal(scan_frame("\x80\x00", 2), ST_PROTOCOL);
	assert_int_equal(scan_object("\x92\x01\xa1x\xc0", 5), 4);
}

static void nesting_passes_up_to_its_limit_and_no_deeper(void **state)
{
	static uint8_t bytes[10001];

	(void)state;
	memset(bytes, 0x91, sizeof bytes);
	for (size_t depth = LIMIT_DEPTH_MAX - 1; depth <= LIMIT_DEPTH_MAX + 1; depth++) {
		bytes[depth] = 0xc0;
		assert_int_equal(scan_frame(bytes, depth + 1), depth <= LIMIT_DEPTH_MAX ? ST_OK : ST_LIMIT);
		bytes[depth] = 0x91;
	}
	bytes[10000] = 0xc0;
	assert_int_equal(scan_frame(bytes, sizeof bytes), ST_LIMIT);
}

static void objects_pass_up_to_their_limit_and_no_more(void **state)
{
	static uint8_t bytes[5 + LIMIT_ITEMS_MAX + 1];

	(void)state;
	memset(bytes, 0xc0, sizeof bytes);
	for (uint32_t count = LIMIT_ITEMS_MAX - 1; count <= LIMIT_ITEMS_MAX + 1; count++) {
		const uint32_t in = count - 1; /* the array is an object too */

		bytes[0] = 0xdd;
		for (unsigned i = 0; i < 4; i++)
			bytes[1 + i] = (uint8_t)(in >> (24 - 8 * i));
		assert_int_equal(scan_frame(bytes, 5 + (size_t)in), count <= LIMIT_ITEMS_MAX ? ST_OK : ST_LIMIT);
	}
}

static void a_false_count_is_refused_before_what_is_there_is_counted(void **state)
{
	static uint8_t bytes[5 + LIMIT_ITEMS_MAX + 100] = { 0xdd, 0xff, 0xff, 0xff, 0xff };

	(void)state;
	assert_int_equal(scan_frame(bytes, sizeof bytes), ST_PROTOCOL);
	bytes[0] = 0xdf;
	assert_int_equal(scan_frame(bytes, sizeof bytes), ST_PROTOCOL);
}

static void random_bytes_are_judged_without_reading_past_their_end(void **state)
{
	uint64_t seed = 1;
	uint8_t bytes[48];

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			bytes[i] = (uint8_t)(seed >> 56);
		}
		bytes[0] = (uint8_t)(0x80 | (bytes[0] & 0x5f)); /* mostly containers */
		const size_t len = round % (sizeof bytes + 1);
		const size_t at = sizeof bytes - len; /* at the end of the array, where a sanitizer stands guard */
		const size_t object = scan_object(bytes + at, len);

		assert_true(object <= len);
		if (scan_frame(bytes + at, len) == ST_OK)
			assert_int_equal(object, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_integer_text_binary_array_and_map_is_read_and_no_prefix_of_it),
		cmocka_unit_test(a_count_or_length_beyond_the_bytes_present_is_refused),
		cmocka_unit_test(floats_ext_types_and_the_unused_byte_are_refused),
		cmocka_unit_test(a_maps_keys_are_integers_that_ascend_so_none_comes_twice),
		cmocka_unit_test(text_that_is_no_utf_8_or_holds_a_nul_is_refused),
		cmocka_unit_test(nothing_at_all_and_anything_after_the_object_are_refused),
		cmocka_unit_test(nesting_passes_up_to_its_limit_and_no_deeper),
		cmocka_unit_test(objects_pass_up_to_their_limit_and_no_more),
		cmocka_unit_test(a_false_count_is_refused_before_what_is_there_is_counted),
		cmocka_unit_test(random_bytes_are_judged_without_reading_past_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
