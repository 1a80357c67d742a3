/* The body of a change: what is written comes back, and what is no change is told from what this schema does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/change.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

#define ARENA_MAX ((size_t)8 * 1024 * 1024)

struct bench {
	struct schema *schema;
	struct arena arena;
	struct buf buf;
	struct change change, back;
	const struct field *field;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->schema = wire_schema_new();
	arena_init(&b->arena, ARENA_MAX);
	buf_init(&b->buf, (size_t)4 * 1024 * 1024);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	buf_close(&b->buf);
	arena_close(&b->arena);
	free(b->schema);
	free(b);
	return 0;
}

static enum status decode(struct bench *b, const void *body, size_t len)
{
	return change_decode(b->schema, body, len, &b->arena, &b->back, &b->field);
}

static enum status decode_hex(struct bench *b, const char *hex)
{
	uint8_t bytes[256];

	return decode(b, bytes, wire_unhex(hex, bytes, sizeof bytes));
}

static const struct kind *kind_of(const struct bench *b, const char *name)
{
	const struct kind *kind = schema_kind(b->schema, name, strlen(name));

	assert_non_null(kind);
	return kind;
}

static void every_change_comes_back_as_it_was_written(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 1 };

	for (unsigned round = 0; round < 3000; round++) {
		struct digest first, second;

		arena_reset(&b->arena);
		buf_reset(&b->buf);
		wire_change(&random, b->schema, &b->arena, &b->change);
		assert_int_equal(change_encode(&b->buf, &b->change), ST_OK);
		assert_int_equal(decode(b, b->buf.data, b->buf.len), ST_OK);
		assert_true(wire_change_equal(&b->change, &b->back));

		change_digest(&first, b->buf.data, b->buf.len);
		buf_reset(&b->buf);
		assert_int_equal(change_encode(&b->buf, &b->back), ST_OK);
		change_digest(&second, b->buf.data, b->buf.len);
		assert_true(digest_equal(&first, &second));
	}
}

static void no_prefix_of_a_change_is_a_change(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 2 };

	for (unsigned round = 0; round < 20; round++) {
		arena_reset(&b->arena);
		buf_reset(&b->buf);
		wire_change(&random, b->schema, &b->arena, &b->change);
		assert_int_equal(change_encode(&b->buf, &b->change), ST_OK);
		for (size_t cut = 0; cut < b->buf.len; cut++)
			assert_int_equal(decode(b, b->buf.data, cut), ST_PROTOCOL);
	}
}

static void an_altered_change_is_refused_or_read_but_never_crashes(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 3 };

	for (unsigned round = 0; round < 200; round++) {
		arena_reset(&b->arena);
		buf_reset(&b->buf);
		wire_change(&random, b->schema, &b->arena, &b->change);
		assert_int_equal(change_encode(&b->buf, &b->change), ST_OK);
		for (unsigned flip = 0; flip < 60; flip++) {
			const size_t at = wire_below(&random, b->buf.len);
			const uint8_t bit = (uint8_t)(1U << wire_below(&random, 8));
			struct buf again;

			b->buf.data[at] ^= bit;
			buf_init(&again, LIMIT_CHANGE_MAX);
			/* What is read is a change that can be written again. */
			if (decode(b, b->buf.data, b->buf.len) == ST_OK)
				assert_int_equal(change_encode(&again, &b->back), ST_OK);
			buf_close(&again);
			b->buf.data[at] ^= bit;
		}
	}
}

/* Task 00…01: {0: 8, 1: id, …}. */
#define TASK "00 08 01 c410 00000000000000000000000000000001 "
#define PATIENT "02 c410 00000000000000000000000000000002 "

static void a_body_in_wide_integers_is_read_too(void **state)
{
	struct bench *b = *state;

	assert_int_equal(decode_hex(b, "de0005 cd0000 ce00000008 01 c50010 00000000000000000000000000000001"
				       "03 cc00 05 de0001 cd0007 d9046869676 8 06 dc0001 dd00000002 cd0007 cf0000000000000011"),
			 ST_OK);
	assert_int_equal(b->back.group_count, 1);
	assert_int_equal(b->back.groups[0].base.tag, VERSION_SEQ);
	assert_int_equal(b->back.groups[0].base.seq, 17);
	assert_int_equal(b->back.row.values[wire_field(b->back.kind, "priority")].len, 4);
}

static void what_is_no_change_is_refused(void **state)
{
	static const char *const bodies[] = {
		"c0", "80", "90", "81 00 08",                 /* no map, no kind, no id */
		"82 00 08 01 c40f 000000000000000000000000000001", /* a short id */
		"82 00 c0 01 c410 00000000000000000000000000000001",
		"82 " TASK,                                    /* an edit without groups */
		"83 " TASK "06 90",
		"83 " TASK "03 01",                            /* a create without its patient */
		"84 " TASK "03 01 06 91 92 01 c0",
		"84 " TASK PATIENT "03 05",                    /* created and brought back */
		"84 " TASK PATIENT "03 09",                    /* no such flag */
		"83 " TASK PATIENT,                            /* an edit that names a patient */
		"84 " TASK "05 81 01 a178 06 92 9201c0 9201c0", /* a group twice */
		"84 " TASK "05 81 01 a178 06 91 9201c2",        /* a base of no form */
		"84 " TASK "05 81 01 a178 06 91 920191 00",     /* own change 0 */
		"84 " TASK "05 81 01 a178 06 91 9201920105",
		"84 " TASK "05 81 01 a178 06 91 92019301 01 c4070000000000000 0",
		"84 " TASK "05 81 01 a178 06 91 9201cfffffffffffffffff", /* a sequence no database holds */
		"84 " TASK "05 81 01 90 06 91 9201c0",          /* a list is no value */
		"84 " TASK "05 81 01 c3 06 91 9201c0",
		"84 " TASK "03 02 06 91 9201c0",                /* deletes, but the mark is not among the groups */
		"83 " TASK "06 91 9200c0",                      /* the mark, but no flag */
		"85 " TASK "04 930100 00 05 81 01 a178 06 91 9201c0",
		"85 " TASK "04 9401000003 05 81 01 a178 06 91 9201c0", /* no such steadiness */
		"85 " TASK "04 94ff000000 05 81 01 a178 06 91 9201c0",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		if (decode_hex(b, bodies[i]) != ST_PROTOCOL)
			print_error("body %zu: %s\n", i, status_name(decode_hex(b, bodies[i])));
		assert_int_equal(decode_hex(b, bodies[i]), ST_PROTOCOL);
	}
}

static void what_another_schema_knows_is_told_with_its_kind_and_id(void **state)
{
	static const struct id one = { { [15] = 1 } };
	struct bench *b = *state;

	assert_int_equal(decode_hex(b, "83 00 7f 01 c410 00000000000000000000000000000001 03 01"), ST_UNKNOWN);
	assert_null(b->back.kind);
	assert_true(id_equal(&b->back.id, &one));
	/* a field, a group, a key */
	assert_int_equal(decode_hex(b, "85 " TASK PATIENT "03 01 05 82 01 a178 7e c0"), ST_UNKNOWN);
	assert_ptr_equal(b->back.kind, kind_of(b, "task"));
	assert_int_equal(b->back.row.values[0].len, 1);
	assert_int_equal(decode_hex(b, "84 " TASK "05 81 7d a178 06 91 927d c0"), ST_UNKNOWN);
	assert_int_equal(decode_hex(b, "85 " TASK PATIENT "03 01 05 80 07 c0"), ST_PROTOCOL);
	assert_int_equal(decode_hex(b, "86 " TASK PATIENT "03 01 05 80 07 c0"), ST_UNKNOWN);
	assert_true(id_equal(&b->back.id, &one));
}

static void a_value_that_its_field_does_not_take_is_told_with_the_field(void **state)
{
	struct bench *b = *state;
	static const char *const bodies[] = {
		"84 " TASK "05 81 07 a47768656e 06 91 9207c0",   /* priority: no such word */
		"84 " TASK "05 81 07 07 06 91 9207c0",           /* a number */
		"84 " TASK "05 81 07 c41000000000000000000000000000000001 06 91 9207c0",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		assert_int_equal(decode_hex(b, bodies[i]), ST_INVALID);
		assert_string_equal(b->field->name, "priority");
		assert_int_equal(b->back.group_count, 1);
	}
	/* an id in letters, a short one, a time that leaves the calendar */
	assert_int_equal(decode_hex(b, "84 " TASK "05 81 02 d924 3030303030303030 2d30303030 2d30303030 2d30303030"
				       "2d303030303030303030303031 06 91 9202c0"),
			 ST_INVALID);
	assert_string_equal(b->field->name, "goal");
	assert_int_equal(decode_hex(b, "84 " TASK "05 81 02 c40100 06 91 9202c0"), ST_INVALID);
	assert_int_equal(decode_hex(b, "86 " TASK PATIENT "03 01 04 94ce7fffffff000000 05 81 04 cf7fffffffffffffff"),
			 ST_INVALID);
	assert_string_equal(b->field->name, "due_from");
}

static void an_edit_brings_every_field_of_its_groups_and_no_other(void **state)
{
	struct bench *b = *state;

	assert_int_equal(decode_hex(b, "84 " TASK "05 83 04 c0 05 c0 06 c0 06 91 9204c0"), ST_OK);
	assert_int_equal(decode_hex(b, "84 " TASK "05 82 04 c0 05 c0 06 91 9204c0"), ST_INVALID);
	assert_string_equal(b->field->name, "recurrence");
	assert_int_equal(decode_hex(b, "84 " TASK "05 82 01 a178 07 c0 06 91 9207c0"), ST_INVALID);
	assert_string_equal(b->field->name, "title");
}

static void text_passes_up_to_the_limit_of_its_field_and_no_longer(void **state)
{
	static const struct {
		const char *kind, *field;
		size_t max;
	} cases[] = { { "task", "notes", LIMIT_FIELD_MAX }, { "note", "observed", LIMIT_NOTE_MAX } };
	struct bench *b = *state;

	for (size_t i = 0; i < 2; i++) {
		for (size_t len = cases[i].max - 1; len <= cases[i].max + 1; len++) {
			char *text = malloc(len);
			size_t f;

			memset(text, 'x', len);
			arena_reset(&b->arena);
			buf_reset(&b->buf);
			memset(&b->change, 0, sizeof b->change);
			b->change.kind = kind_of(b, cases[i].kind);
			b->change.create = true;
			f = wire_field(b->change.kind, cases[i].field);
			b->change.row.values[f] = value_text(text, len);
			assert_int_equal(change_encode(&b->buf, &b->change), ST_OK);
			assert_int_equal(decode(b, b->buf.data, b->buf.len), len <= cases[i].max ? ST_OK : ST_LIMIT);
			assert_int_equal(b->back.row.values[f].len, len);
			free(text);
		}
	}
}

static void a_body_passes_up_to_its_limit_and_no_longer(void **state)
{
	/* {0: 6, 1: id, 2: patient, 3: 1, 5: {5: text}}: the text and 51 bytes */
	const size_t around = 51;
	struct bench *b = *state;

	b->change.kind = kind_of(b, "note");
	b->change.create = true;
	for (size_t size = LIMIT_CHANGE_MAX - 1; size <= LIMIT_CHANGE_MAX + 1; size++) {
		const size_t len = size - around;
		char *text = malloc(len);

		memset(text, 'x', len);
		buf_reset(&b->buf);
		buf_add_byte(&b->buf, 7);
		b->change.row.values[wire_field(b->change.kind, "reason")] = value_text(text, len);
		assert_int_equal(change_encode(&b->buf, &b->change), size <= LIMIT_CHANGE_MAX ? ST_OK : ST_LIMIT);
		assert_int_equal(b->buf.len, size <= LIMIT_CHANGE_MAX ? size + 1 : 1);
		free(text);
	}
}

static void a_value_of_the_wrong_type_is_not_written(void **state)
{
	struct bench *b = *state;

	b->change.kind = kind_of(b, "task");
	b->change.create = true;
	b->change.row.values[wire_field(b->change.kind, "title")] = value_int(7);
	assert_int_equal(change_encode(&b->buf, &b->change), ST_INVALID);
	assert_int_equal(b->buf.len, 0);
	b->change.row.values[wire_field(b->change.kind, "title")] = value_null();
	b->change.row.values[wire_field(b->change.kind, "goal")] = value_string("no id");
	assert_int_equal(change_encode(&b->buf, &b->change), ST_INVALID);
}

static void the_running_digest_depends_on_every_change_its_number_and_its_order(void **state)
{
	struct digest one, two, runs[4];

	(void)state;
	change_digest(&one, "a", 1);
	change_digest(&two, "b", 1);
	memset(runs, 0, sizeof runs);
	change_run(&runs[0], 1, &one);
	change_run(&runs[0], 2, &two);
	change_run(&runs[1], 1, &two);
	change_run(&runs[1], 2, &one);
	change_run(&runs[2], 1, &one);
	change_run(&runs[2], 3, &two);
	change_run(&runs[3], 1, &one);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(&runs[i], &runs[k]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_change_comes_back_as_it_was_written),
		TEST(no_prefix_of_a_change_is_a_change),
		TEST(an_altered_change_is_refused_or_read_but_never_crashes),
		TEST(a_body_in_wide_integers_is_read_too),
		TEST(what_is_no_change_is_refused),
		TEST(what_another_schema_knows_is_told_with_its_kind_and_id),
		TEST(a_value_that_its_field_does_not_take_is_told_with_the_field),
		TEST(an_edit_brings_every_field_of_its_groups_and_no_other),
		TEST(text_passes_up_to_the_limit_of_its_field_and_no_longer),
		TEST(a_body_passes_up_to_its_limit_and_no_longer),
		TEST(a_value_of_the_wrong_type_is_not_written),
		TEST(the_running_digest_depends_on_every_change_its_number_and_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
