/* The digest of a signed note: the bytes that signature.h says, and every field of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/closing.h"
#include "common/signature.h"

static const struct id NOTE = { { 1, 2, 3 } }, PATIENT = { { 9, 8, 7 } };

static struct schema *schema;
static const struct kind *note;

static int set_up(void **state)
{
	(void)state;
	schema = malloc(sizeof *schema);
	if (!schema)
		return -1;
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	note = schema_kind(schema, "note", 4);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(schema);
	return 0;
}

static struct value *field_of(struct row *row, const char *name)
{
	return &row->values[kind_field(note, name, strlen(name))];
}

static struct row some_note(void)
{
	struct row row = { 0 };

	*field_of(&row, "plan") = value_string("Walk.");
	*field_of(&row, "written_at") = value_int(-2);
	return row;
}

static void seal(struct row *row, char room[SIGNATURE_TEXT_SIZE])
{
	assert_int_equal(signature_digest(note, &NOTE, &PATIENT, row, room), ST_OK);
	*field_of(row, "digest") = value_string(room);
}

/* Put together here by hand, after the header. */
static void the_bytes_that_are_sealed_are_those_that_the_header_says(void **state)
{
	const struct row row = some_note();
	uint8_t bytes[1024];
	size_t len = 0;
	char text[SIGNATURE_TEXT_SIZE], expected[SIGNATURE_TEXT_SIZE];
	struct digest digest;
	struct part part;

	(void)state;
	memcpy(bytes, NOTE.bytes, ID_SIZE);
	memcpy(bytes + ID_SIZE, PATIENT.bytes, ID_SIZE);
	len = (size_t)2 * ID_SIZE;
	/* Fields 1 to 11 (visit to plan), 13 and 14 (who and when), 16 (why late). */
	for (uint8_t num = 1; num <= 16; num++) {
		if (num == 12 || num == 15)
			continue;
		bytes[len++] = num;
		bytes[len++] = num == 4 ? 1 : num == 11 ? 2 : 0;
		memset(bytes + len, num == 4 ? 0xff : 0, 8);
		if (num == 4)
			bytes[len + 7] = 0xfe;
		if (num == 11)
			bytes[len + 7] = 5;
		len += 8;
		if (num == 11) {
			memcpy(bytes + len, "Walk.", 5);
			len += 5;
		}
	}
	part = (struct part){ bytes, len };
	digest_of(&digest, "note", &part, 1);
	digest_hex(&digest, expected);
	assert_int_equal(signature_digest(note, &NOTE, &PATIENT, &row, text), ST_OK);
	assert_string_equal(text, expected);
}

static void a_sealed_note_is_good(void **state)
{
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE];

	(void)state;
	seal(&row, room);
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_OK);
}

static void every_field_that_is_covered_counts_and_no_other(void **state)
{
	const uint64_t covered = closing_signed_mask(note);

	(void)state;
	for (size_t f = 0; f < note->field_count; f++) {
		struct row row = some_note();
		char room[SIGNATURE_TEXT_SIZE];

		seal(&row, room);
		if (f == (size_t)kind_field(note, "digest", 6))
			continue;
		row.values[f] = value_string("");
		assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), covered >> f & 1 ? ST_INVALID : ST_OK);
		/* An empty text is not the number 0. */
		row.values[f] = value_int(0);
		assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), covered >> f & 1 ? ST_INVALID : ST_OK);
	}
}

static void a_note_sealed_for_another_patient_or_under_another_id_is_not_good(void **state)
{
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE];

	(void)state;
	seal(&row, room);
	assert_int_equal(signature_check(note, &PATIENT, &PATIENT, &row), ST_INVALID);
	assert_int_equal(signature_check(note, &NOTE, &NOTE, &row), ST_INVALID);
}

static void words_do_not_wander_from_one_section_to_the_next(void **state)
{
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE];

	(void)state;
	*field_of(&row, "coordination") = value_string("ab");
	*field_of(&row, "plan") = value_string("c");
	seal(&row, room);
	*field_of(&row, "coordination") = value_string("a");
	*field_of(&row, "plan") = value_string("bc");
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_INVALID);
}

static void what_is_no_digest_seals_nothing(void **state)
{
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE];

	(void)state;
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_INVALID);
	seal(&row, room);
	field_of(&row, "digest")->len--;
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_INVALID);
	*field_of(&row, "digest") = value_int(1);
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_INVALID);
	seal(&row, room);
	room[0] = room[0] == 'a' ? 'b' : 'a';
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_INVALID);
}

static void the_longest_note_that_there_may_be_is_sealed(void **state)
{
	const size_t len = note->fields[kind_field(note, "plan", 4)].max;
	char *longest = malloc(len);
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE];

	(void)state;
	assert_non_null(longest);
	memset(longest, 'x', len);
	for (size_t f = 0; f < note->field_count; f++)
		if (note->fields[f].type == TYPE_TEXT && note->fields[f].max == len)
			row.values[f] = value_text(longest, len);
	seal(&row, room);
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_OK);
	free(longest);
}

static void a_note_over_every_limit_is_a_limit_and_no_digest(void **state)
{
	const size_t len = (size_t)9 * 1024 * 1024;
	char *longest = malloc(len);
	struct row row = some_note();
	char room[SIGNATURE_TEXT_SIZE] = "as it was";

	(void)state;
	assert_non_null(longest);
	memset(longest, 'x', len);
	*field_of(&row, "plan") = value_text(longest, len);
	assert_int_equal(signature_digest(note, &NOTE, &PATIENT, &row, room), ST_LIMIT);
	assert_string_equal(room, "as it was");
	assert_int_equal(signature_check(note, &NOTE, &PATIENT, &row), ST_LIMIT);
	free(longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_that_are_sealed_are_those_that_the_header_says),
		cmocka_unit_test(a_sealed_note_is_good),
		cmocka_unit_test(every_field_that_is_covered_counts_and_no_other),
		cmocka_unit_test(a_note_sealed_for_another_patient_or_under_another_id_is_not_good),
		cmocka_unit_test(words_do_not_wander_from_one_section_to_the_next),
		cmocka_unit_test(what_is_no_digest_seals_nothing),
		cmocka_unit_test(the_longest_note_that_there_may_be_is_sealed),
		cmocka_unit_test(a_note_over_every_limit_is_a_limit_and_no_digest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
