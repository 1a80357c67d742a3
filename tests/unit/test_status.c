/* How failures are said: each status has its texts, and what a caller knows better takes their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/status.h"

static void every_status_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = ST_OK; a < ST_COUNT; a++)
		for (int b = ST_OK; b < ST_COUNT; b++)
			assert_int_equal(strcmp(status_name((enum status)a), status_name((enum status)b)) == 0, a == b);
}

static void every_failure_says_what_happened_what_is_safe_and_what_to_do_next(void **state)
{
	(void)state;
	for (int status = ST_OK + 1; status < ST_COUNT; status++) {
		const struct failure *text = status_text((enum status)status);

		assert_int_not_equal(text->what[0], '\0');
		assert_int_not_equal(text->safe[0], '\0');
		assert_int_not_equal(text->next[0], '\0');
	}
}

static void a_part_that_the_caller_knows_better_takes_the_place_of_the_general_one(void **state)
{
	const struct failure *text = status_text(ST_FULL);
	struct failure failure;

	(void)state;
	assert_int_equal(failure_set(&failure, ST_FULL, NULL, NULL, NULL), ST_FULL);
	assert_int_equal(failure.status, ST_FULL);
	assert_string_equal(failure.what, text->what);
	assert_string_equal(failure.safe, text->safe);
	assert_string_equal(failure.next, text->next);
	assert_int_equal(failure_set(&failure, ST_FULL, "What.", "Safe.", "Next."), ST_FULL);
	assert_string_equal(failure.what, "What.");
	assert_string_equal(failure.safe, "Safe.");
	assert_string_equal(failure.next, "Next.");
	/* The parts of the failure itself may be given back to it. */
	assert_int_equal(failure_set(&failure, ST_BUSY, failure.what, NULL, failure.next), ST_BUSY);
	assert_string_equal(failure.what, "What.");
	assert_string_equal(failure.safe, status_text(ST_BUSY)->safe);
	assert_string_equal(failure.next, "Next.");
	assert_int_equal(failure_set(NULL, ST_IO, "What.", NULL, NULL), ST_IO);
}

static void too_long_a_text_is_cut_between_two_characters(void **state)
{
	char text[sizeof ((struct failure *)NULL)->what + 2];
	const size_t room = sizeof ((struct failure *)NULL)->what;
	struct failure failure;

	(void)state;
	memset(text, 'a', sizeof text);
	text[room - 1] = '\0';
	failure_set(&failure, ST_IO, text, NULL, NULL);
	assert_int_equal(strlen(failure.what), room - 1);
	text[room - 1] = 'a';
	text[room] = '\0';
	failure_set(&failure, ST_IO, text, NULL, NULL);
	assert_int_equal(strlen(failure.what), room - 1);
	/* A character of three bytes, of which two would fit. */
	memcpy(text + room - 3, "\xE2\x82\xAC", sizeof "\xE2\x82\xAC");
	failure_set(&failure, ST_IO, text, NULL, NULL);
	assert_int_equal(strlen(failure.what), room - 3);
	/* Bytes that are no text at all leave nothing, and go nowhere else. */
	memset(text, 0x80, sizeof text - 1);
	text[sizeof text - 1] = '\0';
	failure_set(&failure, ST_IO, text, NULL, NULL);
	assert_string_equal(failure.what, "");
}

static void a_text_of_three_parts_is_taken_apart_at_its_middle(void **state)
{
	struct failure failure;

	(void)state;
	assert_int_equal(failure_set_whole(&failure, ST_REFUSED, "It is signed. Nothing was changed. Add to it."), ST_REFUSED);
	assert_string_equal(failure.what, "It is signed.");
	assert_string_equal(failure.safe, "Nothing was changed.");
	assert_string_equal(failure.next, "Add to it.");
}

static void a_text_of_one_part_is_what_happened(void **state)
{
	char text[sizeof ((struct failure *)NULL)->what + 64];
	struct failure failure;

	(void)state;
	assert_int_equal(failure_set_whole(&failure, ST_REFUSED, "It is signed."), ST_REFUSED);
	assert_string_equal(failure.what, "It is signed.");
	assert_string_equal(failure.safe, "Nothing was changed.");
	assert_string_equal(failure.next, status_text(ST_REFUSED)->next);
	/* A middle that stands beyond the room for what happened is none either. */
	memset(text, 'a', sizeof text);
	strncpy(text + sizeof failure.what, " Nothing was changed. Go on.", sizeof text - sizeof failure.what);
	assert_int_equal(failure_set_whole(&failure, ST_REFUSED, text), ST_REFUSED);
	assert_int_equal(strlen(failure.what), sizeof failure.what - 1);
	assert_string_equal(failure.next, status_text(ST_REFUSED)->next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_a_name_of_its_own),
		cmocka_unit_test(every_failure_says_what_happened_what_is_safe_and_what_to_do_next),
		cmocka_unit_test(a_part_that_the_caller_knows_better_takes_the_place_of_the_general_one),
		cmocka_unit_test(too_long_a_text_is_cut_between_two_characters),
		cmocka_unit_test(a_text_of_three_parts_is_taken_apart_at_its_middle),
		cmocka_unit_test(a_text_of_one_part_is_what_happened),
	};

	return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
