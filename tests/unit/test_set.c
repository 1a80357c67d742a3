/* What sets promise: one text for one set, and a merge that loses no addition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/value.h"

#define SET(text) value_string(text)

static void a_set_has_one_text_only(void **state)
{
	static const char *const good[] = {
		"[\"a\"]", "[\"a\",\"b\"]", "[\"\"]", "[\"a\",\"a b\"]", "[\"B\",\"a\"]",
		"[\"a\\nb\"]", "[\"\\u0001\"]", "[\"\\u001f\"]", "[\"\\\"\",\"\\\\\"]", "[\"\\b\\f\\r\\t\"]",
		"[\"Zo\xC3\xAB\"]", "[\"a\",\"a!\"]",
	};
	static const char *const bad[] = {
		"", "[", "]", "[]", "[\"a\"", "\"a\"", "[a]", "[\"b\",\"a\"]", "[\"a\",\"a\"]", "[\"a\", \"b\"]",
		"[ \"a\"]", "[\"a\" ]", "[\"a\",]", "[,\"a\"]", "[\"a\"]]", "[\"a\"] ", "[\"a\"\"b\"]", "[\"\\u0061\"]",
		"[\"\\u000a\"]", "[\"\\u0008\"]", "[\"\\u001F\"]", "[\"\\u0000\"]", "[\"\\/\"]", "[\"\\\"]", "[\"\\u00\"]",
		"[\"\n\"]", "[\"\xC3\"]", "[1]", "[\"a\",null]", "{\"a\"}",
		"[\"\\u0]", "[\"\\x0001\"]", "[\"\\u1001\"]", "[\"\\u0101\"]", "[\"\\u001/\"]", "[\"\\u001:\"]",
		"[\"\\u001`\"]", "[\"\\u001g\"]", "[\"\\u0021\"]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(set_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(set_valid(bad[i], strlen(bad[i])));
	assert_false(set_valid("[\"\\\0\"]", 6));
}

static void a_walk_gives_each_member_once(void **state)
{
	static const char set[] = "[\"a\",\"b \\\"c\\\"\",\"d,[]\"]";
	static const char *const expected[] = { "a", "b \\\"c\\\"", "d,[]" };
	const char *member;
	size_t at = 0, len, count = 0;

	(void)state;
	while (set_next(set, strlen(set), &at, &member, &len)) {
		assert_true(count < 3);
		assert_int_equal(len, strlen(expected[count]));
		assert_memory_equal(member, expected[count], len);
		count++;
	}
	assert_int_equal(count, 3);
	at = 0;
	assert_false(set_next("", 0, &at, &member, &len));
	/* A text that was cut has no member where it ends. */
	assert_false(set_next("[\"\\", 3, &at, &member, &len));
	assert_false(set_next("[\"a", 3, &at, &member, &len));
}

static void additions_win_and_removals_of_what_was_seen_apply(void **state)
{
	static const struct {
		const char *base, *current, *proposed, *expected;
	} cases[] = {
		{ NULL, NULL, NULL, "" },
		{ NULL, "[\"a\"]", "[\"b\"]", "[\"a\",\"b\"]" },
		{ "[\"a\"]", "[\"a\",\"b\"]", "[\"a\",\"c\"]", "[\"a\",\"b\",\"c\"]" },
		{ "[\"a\",\"b\"]", "[\"a\",\"b\",\"c\"]", "[\"b\"]", "[\"b\",\"c\"]" },
		{ "[\"a\"]", "[\"a\"]", NULL, "" },
		{ "[\"a\"]", NULL, "[\"a\",\"b\"]", "[\"b\"]" },
		{ "[\"a\",\"b\"]", "[\"a\"]", "[\"b\"]", "" },
		/* Added at both ends, removed by neither. */
		{ NULL, "[\"x\"]", "[\"x\"]", "[\"x\"]" },
		/* What the author never saw he can't have removed. */
		{ NULL, "[\"x\"]", NULL, "[\"x\"]" },
		{ "[\"\\\"\"]", "[\"\\\"\",\"\\n\"]", NULL, "[\"\\n\"]" },
		{ NULL, "[\"a!\"]", "[\"a\"]", "[\"a\",\"a!\"]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct value base = SET(cases[i].base), current = SET(cases[i].current),
				   proposed = SET(cases[i].proposed);
		char out[64];
		size_t len = 99;

		assert_int_equal(set_merge(&base, &current, &proposed, out, sizeof out, &len), ST_OK);
		assert_int_equal(len, strlen(cases[i].expected));
		assert_memory_equal(out, cases[i].expected, len);
		assert_true(len == 0 || set_valid(out, len));
	}
}

/* The set of the letters a to f whose bits are set. */
static struct value letters(unsigned bits, char room[64])
{
	size_t len = 0;

	for (unsigned i = 0; i < 6; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		room[len] = len == 0 ? '[' : ',';
		room[len + 1] = '"';
		room[len + 2] = (char)('a' + (int)i);
		room[len + 3] = '"';
		len += 4;
	}
	if (len == 0)
		return value_null();
	room[len++] = ']';
	return value_text(room, len);
}

static void every_merge_of_small_sets_is_the_one_of_set_algebra(void **state)
{
	(void)state;
	for (unsigned base = 0; base < 64; base++) {
		for (unsigned current = 0; current < 64; current++) {
			for (unsigned proposed = 0; proposed < 64; proposed++) {
				unsigned merged = (current | (proposed & ~base)) & ~(base & ~proposed);
				char b[64], c[64], p[64], e[64], out[64];
				const struct value base_set = letters(base, b), current_set = letters(current, c),
						   proposed_set = letters(proposed, p), expected = letters(merged, e);
				size_t len = 99;

				assert_int_equal(set_merge(&base_set, &current_set, &proposed_set, out, sizeof out, &len), ST_OK);
				assert_int_equal(len, expected.len);
				assert_true(len == 0 || memcmp(out, e, len) == 0);
			}
		}
	}
}

static void a_merge_writes_only_into_its_room(void **state)
{
	const struct value a = SET("[\"a\"]"), b = SET("[\"b\"]"), null = value_null();
	char out[16];
	size_t len = 99;

	(void)state;
	for (size_t room = 0; room < 9; room++) {
		memset(out, 'x', sizeof out);
		assert_int_equal(set_merge(&null, &a, &b, out, room, &len), ST_LIMIT);
		assert_int_equal(len, 99);
		for (size_t i = room; i < sizeof out; i++)
			assert_int_equal(out[i], 'x');
	}
	assert_int_equal(set_merge(&null, &a, &b, out, 9, &len), ST_OK);
	assert_memory_equal(out, "[\"a\",\"b\"]", 9);
	assert_int_equal(set_merge(&null, &null, &null, out, 0, &len), ST_OK);
	assert_int_equal(len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_one_text_only),
		cmocka_unit_test(a_walk_gives_each_member_once),
		cmocka_unit_test(additions_win_and_removals_of_what_was_seen_apply),
		cmocka_unit_test(every_merge_of_small_sets_is_the_one_of_set_algebra),
		cmocka_unit_test(a_merge_writes_only_into_its_room),
	};

	return cmocka_run_group_tests_name("set", tests, NULL, NULL);
}
