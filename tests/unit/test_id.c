/* What ids promise. The texts are those of RFC 9562. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/id.h"

/* RFC 9562, appendix A.6: a version 7 UUID and the time it was made from. */
#define RFC_V7 "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
#define RFC_V7_MS 1645557742000LL
#define RFC_V7_RANDOM { 0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F }

static void the_example_of_the_rfc_comes_out_byte_for_byte(void **state)
{
	static const uint8_t random[10] = RFC_V7_RANDOM;
	char text[ID_TEXT_SIZE];
	struct id id;

	(void)state;
	id_make_v7(&id, RFC_V7_MS, random);
	id_format(&id, text);
	assert_string_equal(text, RFC_V7);
}

static void either_case_is_read_and_lower_case_is_written(void **state)
{
	static const char upper[] = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
	char text[ID_TEXT_SIZE];
	struct id id;

	(void)state;
	assert_true(id_parse(upper, strlen(upper), &id));
	id_format(&id, text);
	assert_string_equal(text, RFC_V7);
}

static void what_is_no_uuid_is_refused_and_leaves_the_output_alone(void **state)
{
	static const char *const bad[] = {
		"", "017f22e2", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398ff", "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
		/* What stands just before and after the digits, in either place of a byte. */
		"0/7f22e2-79b0-7cc3-98c4-dc0c0c07398f", "0:7f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"0@7f22e2-79b0-7cc3-98c4-dc0c0c07398f", "0G7f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"01`f22e2-79b0-7cc3-98c4-dc0c0c07398f", "017g22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct id id;

		memset(&id, 0xAB, sizeof id);
		assert_false(id_parse(bad[i], strlen(bad[i]), &id));
		for (size_t j = 0; j < ID_SIZE; j++)
			assert_int_equal(id.bytes[j], 0xAB);
	}
}

static void ids_made_later_sort_later(void **state)
{
	static const uint8_t high[10] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	static const uint8_t low[10] = { 0 };
	struct id earlier, later;

	(void)state;
	id_make_v7(&earlier, 1700000000000, high);
	id_make_v7(&later, 1700000000001, low);
	assert_true(id_compare(&earlier, &later) < 0);
}

static void a_time_beyond_48_bits_is_taken_as_the_nearest_that_fits(void **state)
{
	static const uint8_t random[10] = { 0 };
	char text[ID_TEXT_SIZE];
	struct id id;

	(void)state;
	id_make_v7(&id, INT64_MAX, random);
	id_format(&id, text);
	assert_string_equal(text, "ffffffff-ffff-7000-8000-000000000000");
	id_make_v7(&id, -1, random);
	id_format(&id, text);
	assert_string_equal(text, "00000000-0000-7000-8000-000000000000");
}

static void a_derived_id_is_of_version_8_and_always_the_same(void **state)
{
	static const uint8_t digest[16] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
					    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	char text[ID_TEXT_SIZE];
	struct id id;

	(void)state;
	id_from_digest(&id, digest);
	id_format(&id, text);
	assert_string_equal(text, "ffffffff-ffff-8fff-bfff-ffffffffffff");
}

static void the_staff_unit_is_no_id_that_anything_else_gets(void **state)
{
	static const uint8_t zero[16] = { 0 };
	struct id id;

	(void)state;
	assert_true(id_is_zero(&ID_STAFF));
	id_make_v7(&id, 0, zero);
	assert_false(id_is_zero(&id));
	id_from_digest(&id, zero);
	assert_false(id_is_zero(&id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc_comes_out_byte_for_byte),
		cmocka_unit_test(either_case_is_read_and_lower_case_is_written),
		cmocka_unit_test(what_is_no_uuid_is_refused_and_leaves_the_output_alone),
		cmocka_unit_test(ids_made_later_sort_later),
		cmocka_unit_test(a_time_beyond_48_bits_is_taken_as_the_nearest_that_fits),
		cmocka_unit_test(a_derived_id_is_of_version_8_and_always_the_same),
		cmocka_unit_test(the_staff_unit_is_no_id_that_anything_else_gets),
	};

	return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
