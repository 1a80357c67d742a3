/* The first contact: codes, and the three small messages. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/enrol.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

static void a_code_reads_as_it_was_written_in_either_case_and_with_look_alikes(void **state)
{
	struct wire_random random = { 5 };

	(void)state;
	for (unsigned round = 0; round < 1000; round++) {
		struct enrol_code code, back;
		char text[ENROL_CODE_SIZE], sloppy[2 * ENROL_CODE_SIZE];
		size_t len = 0;

		wire_bytes(&random, &code, sizeof code);
		enrol_code_format(&code, text);
		assert_int_equal(strlen(text), ENROL_CODE_SIZE - 1);
		for (size_t i = 0; text[i]; i++)
			assert_true((text[i] == '-') == (i % 5 == 4));
		assert_true(enrol_code_parse(text, strlen(text), &back));
		assert_memory_equal(&code, &back, sizeof code);
		for (size_t i = 0; text[i]; i++) {
			char c = text[i];

			if (c == '1')
				c = wire_below(&random, 2) ? 'i' : 'L';
			else if (c == '0')
				c = 'o';
			else if (c == '-')
				c = ' ';
			sloppy[len++] = (char)tolower((unsigned char)c);
		}
		sloppy[len++] = '\n';
		assert_true(enrol_code_parse(sloppy, len, &back));
		assert_memory_equal(&code, &back, sizeof code);
	}
}

static void a_code_is_crockfords_base32_of_the_secret_and_then_the_identity(void **state)
{
	/* 160 bits in fives: 0x00 0x44 0x32 0x14 0xc7 is 0, 1, 2, 3, 4, 5, 6, 7; all bits set are Z. */
	static const struct enrol_code code = {
		.secret = { 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf },
		.identity = { 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x01 },
	};
	char text[ENROL_CODE_SIZE];

	(void)state;
	enrol_code_format(&code, text);
	assert_string_equal(text, "0123-4567-89AB-CDEF-ZZZZ-ZZZZ-0000-0001");
}

static void what_is_not_a_whole_code_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "-", "0123-4567-89AB-CDEF-ZZZZ-ZZZZ-0000-000", "0123-4567-89AB-CDEF-ZZZZ-ZZZZ-0000-00011",
		"0123-4567-89AB-CDEF-ZZZZ-ZZZZ-0000-000U", "0123-4567-89AB-CDEF-ZZZZ-ZZZZ-0000-000?",
	};
	struct enrol_code code;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(enrol_code_parse(texts[i], strlen(texts[i]), &code));
}

static void the_identity_depends_on_certificate_and_key(void **state)
{
	uint8_t key[PUBLIC_KEY_SIZE] = { 1 };
	struct digest first, second, third;

	(void)state;
	enrol_identity(&first, "certificate", 11, key);
	enrol_identity(&second, "certificatf", 11, key);
	key[31] = 1;
	enrol_identity(&third, "certificate", 11, key);
	assert_false(digest_equal(&first, &second));
	assert_false(digest_equal(&first, &third));
}

static void the_centres_card_comes_back_as_it_was_written(void **state)
{
	struct centre_card card = { .ca_der = { "\x30\x82\x00", 3 }, .public_key = { 7 }, .agency = "Häusliche Pflege" };
	struct centre_card back;
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 100000);
	buf_init(&buf, 100000);
	assert_int_equal(centre_card_encode(&buf, &card), ST_OK);
	for (size_t cut = 0; cut < buf.len; cut++)
		assert_int_equal(centre_card_decode(buf.data, cut, &arena, &back), ST_PROTOCOL);
	assert_int_equal(centre_card_decode(buf.data, buf.len, &arena, &back), ST_OK);
	assert_int_equal(back.ca_der.len, 3);
	assert_memory_equal(back.ca_der.data, card.ca_der.data, 3);
	assert_memory_equal(back.public_key, card.public_key, PUBLIC_KEY_SIZE);
	assert_string_equal(back.agency, card.agency);
	buf_close(&buf);
	arena_close(&arena);
}

static void an_enrolment_comes_back_as_it_was_written(void **state)
{
	const struct enrol_request request = { { 1, 2 }, { 3, 4 }, "Tablet 7", "0.1.0" };
	struct enrol_request back;
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 100000);
	buf_init(&buf, 100000);
	assert_int_equal(enrol_request_encode(&buf, &request), ST_OK);
	for (size_t cut = 0; cut < buf.len; cut++)
		assert_int_equal(enrol_request_decode(buf.data, cut, &arena, &back), ST_PROTOCOL);
	assert_int_equal(enrol_request_decode(buf.data, buf.len, &arena, &back), ST_OK);
	assert_memory_equal(back.secret, request.secret, ENROL_PART_SIZE);
	assert_memory_equal(back.public_key, request.public_key, PUBLIC_KEY_SIZE);
	assert_string_equal(back.tablet_name, "Tablet 7");
	assert_string_equal(back.version, "0.1.0");
	/* A request with a key that this version does not know is refused. */
	buf.data[0]++;
	buf_add(&buf, "\x09\xc0", 2);
	assert_int_equal(enrol_request_decode(buf.data, buf.len, &arena, &back), ST_PROTOCOL);
	buf_close(&buf);
	arena_close(&arena);
}

static void the_answer_to_an_enrolment_comes_back_as_it_was_written(void **state)
{
	const struct enrol_answer answer = {
		.device = 17, .worker = { { 9, 8 } }, .owner_name = "Zoë Müller", .owner_login = "zoe",
		.agency = "Care", .zone = "America/New_York", .centre_ms = 1795000000123, .zone_min = -300,
		.schema_version = 1,
	};
	struct enrol_answer back;
	struct arena arena;
	struct buf buf;

	(void)state;
	arena_init(&arena, 100000);
	buf_init(&buf, 100000);
	assert_int_equal(enrol_answer_encode(&buf, &answer), ST_OK);
	for (size_t cut = 0; cut < buf.len; cut++)
		assert_int_equal(enrol_answer_decode(buf.data, cut, &arena, &back), ST_PROTOCOL);
	/* In an answer an unknown key is skipped. */
	buf.data[0]++;
	buf_add(&buf, "\x09\xc0", 2);
	assert_int_equal(enrol_answer_decode(buf.data, buf.len, &arena, &back), ST_OK);
	assert_int_equal(back.device, 17);
	assert_true(id_equal(&back.worker, &answer.worker));
	assert_string_equal(back.owner_name, answer.owner_name);
	assert_string_equal(back.owner_login, "zoe");
	assert_string_equal(back.agency, "Care");
	assert_string_equal(back.zone, "America/New_York");
	assert_true(back.centre_ms == answer.centre_ms);
	assert_int_equal(back.zone_min, -300);
	assert_int_equal(back.schema_version, 1);
	buf_close(&buf);
	arena_close(&arena);
}

static void names_pass_up_to_their_limit_and_no_longer(void **state)
{
	char name[LIMIT_TEXT_MAX + 2] = { 0 };
	struct enrol_request request = { .tablet_name = name, .version = "" };
	struct buf buf;

	(void)state;
	buf_init(&buf, 100000);
	for (size_t len = LIMIT_TEXT_MAX - 1; len <= LIMIT_TEXT_MAX + 1; len++) {
		memset(name, 'x', len);
		assert_int_equal(enrol_request_encode(&buf, &request), len <= LIMIT_TEXT_MAX ? ST_OK : ST_LIMIT);
		buf_reset(&buf);
	}
	buf_close(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_reads_as_it_was_written_in_either_case_and_with_look_alikes),
		cmocka_unit_test(a_code_is_crockfords_base32_of_the_secret_and_then_the_identity),
		cmocka_unit_test(what_is_not_a_whole_code_is_refused),
		cmocka_unit_test(the_identity_depends_on_certificate_and_key),
		cmocka_unit_test(the_centres_card_comes_back_as_it_was_written),
		cmocka_unit_test(an_enrolment_comes_back_as_it_was_written),
		cmocka_unit_test(the_answer_to_an_enrolment_comes_back_as_it_was_written),
		cmocka_unit_test(names_pass_up_to_their_limit_and_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
