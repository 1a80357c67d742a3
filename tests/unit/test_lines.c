/* Line ends: what comes as CR LF or CR stands as LF, and nothing else changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/lines.h"

static void check(const char *text, size_t len, const char *expected, size_t expected_len)
{
	char out[64], same[64];

	memset(out, 'X', sizeof out);
	assert_int_equal(lines_fold(text, len, out), expected_len);
	assert_memory_equal(out, expected, expected_len);
	assert_int_equal(out[expected_len], 'X');
	memcpy(same, text, len);
	assert_int_equal(lines_fold(same, len, same), expected_len);
	assert_memory_equal(same, expected, expected_len);
	assert_int_equal(lines_to_fold(text, len), len != expected_len || memcmp(text, expected, len) != 0);
}

static void every_line_end_becomes_lf(void **state)
{
	static const char *const rows[][2] = {
		{ "a\r\nb", "a\nb" }, { "a\rb", "a\nb" },     { "a\nb", "a\nb" },	 { "\r", "\n" },     { "\r\n", "\n" },
		{ "\r\r\n", "\n\n" }, { "\n\r", "\n\n" },     { "a\r\n\r\nb\r", "a\n\nb\n" }, { "", "" },
		{ "no end", "no end" }, { "\xe2\x80\xa8\r", "\xe2\x80\xa8\n" }, { "\r\n\r", "\n\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check(rows[i][0], strlen(rows[i][0]), rows[i][1], strlen(rows[i][1]));
}

static void what_follows_the_text_is_not_looked_at(void **state)
{
	(void)state;
	check("a\r\n", 2, "a\n", 2);
	assert_false(lines_to_fold("ab\r", 2));
	assert_false(lines_to_fold(NULL, 0));
}

static void folding_twice_is_folding_once(void **state)
{
	char text[8], once[8], twice[8];

	(void)state;
	for (int code = 0; code < 3 * 3 * 3 * 3 * 3 * 3; code++) {
		size_t len = 0, once_len, twice_len;

		for (int rest = code; len < 6; rest /= 3)
			text[len++] = "\r\na"[rest % 3];
		once_len = lines_fold(text, len, once);
		twice_len = lines_fold(once, once_len, twice);
		assert_int_equal(once_len, twice_len);
		assert_memory_equal(once, twice, once_len);
		assert_false(lines_to_fold(once, once_len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_end_becomes_lf),
		cmocka_unit_test(what_follows_the_text_is_not_looked_at),
		cmocka_unit_test(folding_twice_is_folding_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
