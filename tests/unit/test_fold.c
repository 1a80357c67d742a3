#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/fold.h"

static void assert_folds(const char *text, const char *expected)
{
	char out[128];
	const size_t len = fold_text(text, strlen(text), out);

	assert_true(len <= strlen(text));
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(out, expected, len);
}

static void latin_letters_lose_case_and_accents(void **state)
{
	(void)state;
	assert_folds("JOSÉ Montañez", "jose montanez");
	assert_folds("Zoë ŁUKASZ Žižek", "zoe lukasz zizek");
	assert_folds("Çelik Öğüt İpek", "celik ogut ipek");
	assert_folds("Ångström ÿ Ÿ ſ", "angstrom y y s");
}

static void letters_of_two_stay_one_letter_in_lower_case(void **state)
{
	(void)state;
	assert_folds("Æ Œ ß Þ Ð", "æ œ ß þ ð");
}

static void greek_and_cyrillic_lose_their_case(void **state)
{
	(void)state;
	assert_folds("ΩΑΣ", "ωασ");
	assert_folds("ЁЖ Я", "ёж я");
	assert_folds("ωασ ёж я", "ωασ ёж я");
}

static void combining_accents_are_dropped(void **state)
{
	(void)state;
	assert_folds("Jose\xCC\x81 e\xCC\x80 a\xCD\xAF", "jose e a");
}

static void everything_else_stays_as_it_is(void **state)
{
	(void)state;
	assert_folds("× ÷ 山田 \xF0\x9F\x8F\xA0 O'Neil-5", "× ÷ 山田 \xF0\x9F\x8F\xA0 o'neil-5");
	assert_folds("\xC3", "\xC3");
	assert_folds("\xFF" "A", "\xFF" "a");
	assert_folds("\xC3" "A \xC1\x81", "\xC3" "a \xC1\x81");
	assert_folds("«é» 5 µg \xCD\xB0 ΐώ Ҁ", "«e» 5 µg \xCD\xB0 ΐώ Ҁ");
}

static void every_letter_of_the_table_gives_valid_text_no_longer_than_it_was(void **state)
{
	(void)state;
	for (uint32_t c = 0xC0; c < 0x180; c++) {
		const char text[2] = { (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)) };
		char out[2], again[2];
		const size_t len = fold_text(text, 2, out);

		assert_in_range(len, 1, 2);
		assert_true(len == 2 || (out[0] >= 'a' && out[0] <= 'z'));
		/* Folded text stays as it is. */
		assert_int_equal(fold_text(out, len, again), len);
		assert_memory_equal(again, out, len);
	}
}

static void words_are_found_anywhere_and_nothing_everywhere(void **state)
{
	(void)state;
	assert_true(fold_contains("jose", 4, "jo", 2));
	assert_true(fold_contains("jose", 4, "se", 2));
	assert_true(fold_contains("jose", 4, "", 0));
	assert_false(fold_contains("jose", 4, "josef", 5));
	assert_false(fold_contains("jose", 4, "ana", 3));
	assert_false(fold_contains("", 0, "a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latin_letters_lose_case_and_accents),
		cmocka_unit_test(letters_of_two_stay_one_letter_in_lower_case),
		cmocka_unit_test(greek_and_cyrillic_lose_their_case),
		cmocka_unit_test(combining_accents_are_dropped),
		cmocka_unit_test(everything_else_stays_as_it_is),
		cmocka_unit_test(every_letter_of_the_table_gives_valid_text_no_longer_than_it_was),
		cmocka_unit_test(words_are_found_anywhere_and_nothing_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
