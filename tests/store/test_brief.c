/* An edit as it travels up (proto/brief.h): rebuilt it is the body to the byte, or it is not rebuilt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/brief.h"
#include "proto/change.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

#define SEQ 1099511627781
#define TITLE 1
#define NOTES 12

struct bench {
	struct schema *schema;
	struct arena arena;
	struct buf body, brief, back;
	struct change change;
	struct bytes base[256]; /* what the author started from, and what the centre has */
	uint64_t known;         /* the sequence that the centre can name a record of */
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->schema = wire_schema_new();
	b->known = SEQ;
	arena_init(&b->arena, (size_t)16 * 1024 * 1024);
	buf_init(&b->body, LIMIT_CHANGE_MAX);
	buf_init(&b->brief, LIMIT_CHANGE_MAX);
	buf_init(&b->back, LIMIT_CHANGE_MAX);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	buf_close(&b->body);
	buf_close(&b->brief);
	buf_close(&b->back);
	arena_close(&b->arena);
	free(b->schema);
	free(b);
	return 0;
}

static enum status record_of(const void *ctx, uint64_t seq, struct id *id_out)
{
	const struct bench *b = ctx;

	*id_out = b->change.id;
	return seq == b->known ? ST_OK : ST_NOT_FOUND;
}

static enum status text_of(const void *ctx, uint64_t kind, const struct id *id, uint64_t field, uint64_t seq, struct bytes *out)
{
	const struct bench *b = ctx;

	assert_true(kind == b->change.kind->num && id_equal(id, &b->change.id) && seq == b->known);
	*out = b->base[field & UINT8_MAX];
	return out->data != NULL ? ST_OK : ST_NOT_FOUND;
}

static enum status rebuild(struct bench *b, const void *brief, size_t len)
{
	const struct brief_source source = { .ctx = b, .record = record_of, .text = text_of };

	buf_reset(&b->back);
	return brief_decode(&b->back, &(struct bytes){ brief, len }, &source);
}

static enum status make(struct bench *b)
{
	buf_reset(&b->body);
	buf_reset(&b->brief);
	assert_int_equal(change_encode(&b->body, &b->change), ST_OK);
	return brief_encode(&b->brief, &(struct bytes){ b->body.data, b->body.len }, b->base);
}

static void assert_comes_back(struct bench *b)
{
	assert_int_equal(make(b), ST_OK);
	assert_true(b->brief.len < b->body.len);
	assert_int_equal(rebuild(b, b->brief.data, b->brief.len), ST_OK);
	assert_int_equal(b->back.len, b->body.len);
	assert_memory_equal(b->back.data, b->body.data, b->body.len);
}

/* An edit of a task's title and notes, both from SEQ. */
static void make_edit(struct bench *b, const char *title, const char *notes)
{
	struct change *c = &b->change;

	*c = (struct change){ .kind = schema_kind(b->schema, "task", 4), .group_count = 2 };
	memset(c->id.bytes, 7, ID_SIZE);
	c->groups[0] = (struct change_group){ .num = TITLE, .base = { .tag = VERSION_SEQ, .seq = SEQ } };
	c->groups[1] = (struct change_group){ .num = NOTES, .base = { .tag = VERSION_SEQ, .seq = SEQ } };
	c->row.values[wire_field(c->kind, "title")] = value_string(title);
	c->row.values[wire_field(c->kind, "notes")] = value_string(notes);
	c->mask = change_mask(c);
}

static struct bytes text(const char *of)
{
	return (struct bytes){ of, strlen(of) };
}

static const char LONG_TEXT[] = "She slept well. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day.";
static const char EDITED[] = "She slept well. The wound is dry and almost clean. Her daughter visits on Sundays, her son calls every day.";

static void it_is_written_as_the_header_says(void **state)
{
	static const uint8_t expected[] = {
		0x83, 0x00, 0x08, 0x05, 0x82, 0x01, 0xa4, 'C', 'a', 'l', 'l', 0x0c,
		0x93, 37, 63, 0xa7, 'a', 'l', 'm', 'o', 's', 't', ' ',
		0x06, 0x92, 0x92, 0x01, 0xcf, 0, 0, 1, 0, 0, 0, 0, 5, 0x0c,
	};
	struct bench *b = *state;

	make_edit(b, "Call", EDITED);
	b->base[NOTES] = text(LONG_TEXT);
	assert_comes_back(b);
	assert_int_equal(b->brief.len, sizeof expected);
	assert_memory_equal(b->brief.data, expected, sizeof expected);
}

static void every_edit_from_a_sequence_comes_back_to_the_byte(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 21 };
	unsigned made = 0;

	for (unsigned round = 0; round < 3000; round++) {
		arena_reset(&b->arena);
		wire_change(&random, b->schema, &b->arena, &b->change);
		b->known = b->change.groups[0].base.seq;
		for (size_t i = 1; i < b->change.group_count; i++)
			if (wire_below(&random, 2))
				b->change.groups[i].base = b->change.groups[0].base;
		for (size_t f = 0; f < b->change.kind->field_count; f++) {
			const struct value *value = &b->change.row.values[f];

			b->base[b->change.kind->fields[f].num] =
				(struct bytes){ value->tag == VALUE_TEXT ? value->text : NULL,
						value->tag == VALUE_TEXT ? wire_below(&random, (unsigned)value->len + 1) : 0 };
		}
		if (b->change.create || b->change.groups[0].base.tag != VERSION_SEQ) {
			assert_int_equal(make(b), ST_NOT_FOUND);
			continue;
		}
		assert_comes_back(b);
		made++;
	}
	assert_true(made > 100);
}

static void a_text_is_cut_between_characters_only(void **state)
{
	/* The same first or last bytes of other characters: é è, and 東 with a last byte of its own. */
	static const char *const pairs[][2] = {
		{ "\xc3\xa9", "\xc3\xa8" }, { "\xe6\x9d\xb1", "\xe6\x9d\xb2" }, { "\xd0\xb1", "\xd1\xb1" }, { "", "\xf0\x9f\x98\x80" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81" }, { "\xc3\xa9", "" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char from[512], to[512];

		(void)snprintf(from, sizeof from, "%s%s%s", LONG_TEXT, pairs[i][0], LONG_TEXT);
		(void)snprintf(to, sizeof to, "%s%s%s", LONG_TEXT, pairs[i][1], LONG_TEXT);
		make_edit(b, "Call", to);
		b->base[NOTES] = text(from);
		assert_comes_back(b); /* the middle passes the scan for well-formed UTF-8 */
		assert_true(b->brief.len < 60);
	}
}

static void what_the_centre_does_not_know_is_not_rebuilt(void **state)
{
	struct bench *b = *state;

	make_edit(b, "Call", EDITED);
	b->base[NOTES] = text(LONG_TEXT);
	assert_int_equal(make(b), ST_OK);
	b->known++;
	assert_int_equal(rebuild(b, b->brief.data, b->brief.len), ST_NOT_FOUND);
	b->known--;
	b->base[NOTES].len = 90; /* shorter than the two ends together */
	assert_int_equal(rebuild(b, b->brief.data, b->brief.len), ST_NOT_FOUND);
	b->base[NOTES].data = NULL;
	assert_int_equal(rebuild(b, b->brief.data, b->brief.len), ST_NOT_FOUND);
	assert_int_equal(b->back.len, 0);
}

static void no_part_of_a_brief_and_no_other_map_is_one(void **state)
{
	static const char *const wrong[] = {
		"", "c0", "80", "8100 08", "82 0008 0690", "82 0008 069101", "82 0008 06919201c0", "82 0008 0691920191 07",
		"83 0008 01c41007070707070707070707070707070707 06919201cf0000010000000005", /* it has an id */
		"83 00a174 0580 06919201cf0000010000000005",
		"83 0008 0590 06919201cf0000010000000005",
		"83 0008 05810c90 06919201cf0000010000000005", "83 0008 05810c92010a 06919201cf0000010000000005",
		"83 0008 05810c93ff0aa0 06919201cf0000010000000005", "83 0008 05810c93010ac0 06919201cf0000010000000005",
		"83 0008 05810c94010aa000 06919201cf0000010000000005", "83 0008 05810c93ce0004000101a0 06919201cf0000010000000005",
		"84 0008 0580 06919201cf0000010000000005 0700",
	};
	struct bench *b = *state;
	uint8_t bytes[256];

	make_edit(b, "Call", EDITED);
	b->base[NOTES] = text(LONG_TEXT);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const size_t len = wire_unhex(wrong[i], bytes, sizeof bytes);

		if (rebuild(b, bytes, len) != ST_PROTOCOL)
			print_error("brief %zu\n", i);
		assert_int_equal(rebuild(b, bytes, len), ST_PROTOCOL);
	}
	assert_int_equal(make(b), ST_OK);
	for (size_t cut = 0; cut < b->brief.len; cut++)
		assert_int_equal(rebuild(b, b->brief.data, cut), ST_PROTOCOL);
}

static void nothing_grows_past_its_limit_by_it(void **state)
{
	struct bench *b = *state;
	char *huge = malloc(LIMIT_NOTE_MAX + 1);
	uint8_t bytes[64];
	size_t len;

	memset(huge, 'x', LIMIT_NOTE_MAX);
	huge[LIMIT_NOTE_MAX] = '\0';
	make_edit(b, "Call", "");
	b->base[NOTES] = (struct bytes){ huge, LIMIT_NOTE_MAX };
	len = wire_unhex("83 0008 05810c93ce0004000000a0 06919201cf0000010000000005", bytes, sizeof bytes);
	assert_int_equal(rebuild(b, bytes, len), ST_OK);
	len = wire_unhex("83 0008 05810c93ce0004000000a161 06919201cf0000010000000005", bytes, sizeof bytes);
	assert_int_equal(rebuild(b, bytes, len), ST_LIMIT);
	/* Five such texts are more than a change may be. */
	len = wire_unhex("83 0008 0585 0793ce0004000000a0 0893ce0004000000a0 0993ce0004000000a0 0a93ce0004000000a0"
			 " 0b93ce0004000000a0 06919201cf0000010000000005", bytes, sizeof bytes);
	for (size_t f = 7; f < 12; f++)
		b->base[f] = b->base[NOTES];
	assert_int_not_equal(rebuild(b, bytes, len), ST_OK);
	assert_int_equal(b->back.len, 0);
	free(huge);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_is_written_as_the_header_says),
		TEST(every_edit_from_a_sequence_comes_back_to_the_byte),
		TEST(a_text_is_cut_between_characters_only),
		TEST(what_the_centre_does_not_know_is_not_rebuilt),
		TEST(no_part_of_a_brief_and_no_other_map_is_one),
		TEST(nothing_grows_past_its_limit_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
