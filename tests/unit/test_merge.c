/* What becomes of a change that meets another: every rule in every relation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/merge.h"

static const struct field_row rows[] = {
	{ .num = 1, .kind = "task", .since = 1 },
	{ .num = 1, .field = "phone", .type = TYPE_TEXT, .rule = RULE_NEWEST, .since = 1 },
	{ .num = 2, .field = "done", .type = TYPE_TEXT, .rule = RULE_TEXT, .since = 1 },
	{ .num = 3, .field = "tags", .type = TYPE_SET, .rule = RULE_SET, .max = 17, .since = 1 },
	{ .num = 4, .field = "status", .type = TYPE_ENUM, .group = "status", .rule = RULE_PROGRESS,
	  .since = 1, .values = "open|in-progress|done|not-done|cancelled" },
	{ .num = 5, .field = "reason", .type = TYPE_TEXT, .group = "status", .rule = RULE_PROGRESS, .since = 1 },
	{ .num = 6, .field = "dose", .type = TYPE_TEXT, .rule = RULE_GUARDED, .since = 1 },
	{ .num = 7, .field = "short", .type = TYPE_TEXT, .rule = RULE_TEXT, .max = 30, .since = 1 },
	{ .num = 8, .field = "must", .type = TYPE_TEXT, .rule = RULE_TEXT, .required = true, .since = 1 },
};
static struct schema schema;

static const struct interval EARLY = { 10, 20 }, LATE = { 30, 40 }, WIDE = { 0, 100 };

static int set_up(void **state)
{
	(void)state;
	schema_init(&schema, rows, sizeof rows / sizeof rows[0], 1);
	return 0;
}

/* The three rows of a case, one field of which differs. */
struct three {
	struct row base, current, proposed;
	_Alignas(max_align_t) char text[65536];
	struct merge_out out;
};

static struct merge_case case_of(struct three *three, const char *field, const char *base,
				 const char *current, const char *proposed)
{
	const struct kind *kind = &schema.kinds[0];
	int index = kind_field(kind, field, strlen(field));

	memset(three, 0, sizeof *three);
	three->base.values[index] = value_string(base);
	three->current.values[index] = value_string(current);
	three->proposed.values[index] = value_string(proposed);
	three->out.text = three->text;
	three->out.room = sizeof three->text;
	return (struct merge_case){
		.kind = kind,
		.group = &kind->groups[kind->fields[index].group],
		.base = &three->base,
		.current = &three->current,
		.proposed = &three->proposed,
		.current_at = WIDE,
		.proposed_at = WIDE,
	};
}

static void expect(const struct merge_case *c, struct three *three, enum verdict verdict, bool conflict)
{
	struct judgement judgement = { VERDICT_MERGED, !conflict };

	assert_int_equal(merge_judge(c, &three->out, &judgement), ST_OK);
	assert_int_equal(judgement.verdict, verdict);
	assert_int_equal(judgement.conflict, conflict);
}

/* A field of each rule with values that may stand in it. */
static const struct {
	const char *field, *base, *current, *proposed;
} each[] = {
	{ "phone", "1", "2", "3" },
	{ "done", "walked", "walked far", "walked home" },
	{ "tags", "[\"a\"]", "[\"b\"]", "[\"c\"]" },
	{ "status", "open", "done", "cancelled" },
	{ "dose", "5 mg", "10 mg", "20 mg" },
};
#define EACH_COUNT (sizeof each / sizeof each[0])

static void what_nothing_has_replaced_is_taken_by_every_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < EACH_COUNT; i++) {
		struct three three;
		struct merge_case c = case_of(&three, each[i].field, each[i].current, each[i].current, each[i].proposed);

		c.base_is_current = true;
		c.current_at = LATE;
		c.proposed_at = EARLY;
		expect(&c, &three, VERDICT_ACCEPTED, false);
		/* Also over a decision, which its author had then seen, and to nothing. */
		c.decided = true;
		expect(&c, &three, VERDICT_ACCEPTED, false);
		c = case_of(&three, each[i].field, each[i].current, each[i].current, NULL);
		c.base_is_current = true;
		expect(&c, &three, VERDICT_ACCEPTED, false);
	}
}

static void the_value_that_stands_already_is_fine_by_every_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < EACH_COUNT; i++) {
		struct three three;
		struct merge_case c = case_of(&three, each[i].field, each[i].base, each[i].proposed, each[i].proposed);

		expect(&c, &three, VERDICT_SAME, false);
		c.decided = true;
		expect(&c, &three, VERDICT_SAME, false);
		c.base_is_current = true;
		expect(&c, &three, VERDICT_SAME, false);
		c.base_is_current = false;
		c.base = NULL;
		expect(&c, &three, VERDICT_SAME, false);
	}
}

static void no_rule_replaces_a_decision_by_a_value_that_had_not_seen_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < EACH_COUNT; i++) {
		struct three three;
		struct merge_case c = case_of(&three, each[i].field, each[i].base, each[i].current, each[i].proposed);

		c.decided = true;
		c.author_same = true;
		c.current_at = EARLY;
		c.proposed_at = LATE;
		expect(&c, &three, VERDICT_SUPERSEDED, true);
	}
}

static void newest_takes_only_what_is_definitely_later(void **state)
{
	static const struct interval inner = { 31, 39 };
	static const struct {
		const struct interval *current_at, *proposed_at;
		bool author_same;
		enum verdict verdict;
	} cases[] = {
		{ &EARLY, &LATE, false, VERDICT_ACCEPTED }, { &LATE, &EARLY, false, VERDICT_SUPERSEDED },
		{ &WIDE, &LATE, false, VERDICT_SUPERSEDED }, { &LATE, &WIDE, false, VERDICT_SUPERSEDED },
		{ &LATE, &LATE, false, VERDICT_SUPERSEDED }, { &LATE, &WIDE, true, VERDICT_ACCEPTED },
		{ &LATE, &LATE, true, VERDICT_ACCEPTED },    { &EARLY, &LATE, true, VERDICT_ACCEPTED },
		{ &LATE, &EARLY, true, VERDICT_SUPERSEDED }, { &LATE, &inner, true, VERDICT_SUPERSEDED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct three three;
		struct merge_case c = case_of(&three, "phone", "1", "2", "3");

		c.current_at = *cases[i].current_at;
		c.proposed_at = *cases[i].proposed_at;
		c.author_same = cases[i].author_same;
		expect(&c, &three, cases[i].verdict, false);
		c.base = NULL;
		expect(&c, &three, cases[i].verdict, false);
	}
}

static void texts_and_guarded_values_wait_for_a_person_whatever_the_times(void **state)
{
	static const char *const fields[] = { "done", "dose" };
	static const struct interval *const times[] = { &EARLY, &LATE, &WIDE };

	(void)state;
	for (size_t i = 0; i < 2 * 3 * 3 * 2; i++) {
		struct three three;
		struct merge_case c = case_of(&three, fields[i % 2], "a", "b", "c");

		c.current_at = *times[i / 2 % 3];
		c.proposed_at = *times[i / 6 % 3];
		c.author_same = i / 18 == 1;
		expect(&c, &three, VERDICT_SUPERSEDED, true);
		c.base = NULL;
		expect(&c, &three, VERDICT_SUPERSEDED, true);
	}
}

/* What the rule makes of one text, and what a person is to be shown beside it. */
static void expect_text(const struct merge_case *c, struct three *three, const char *stands, const char *other)
{
	const struct value *merged = &three->out.row.values[1], *beside = &three->out.other.values[1];

	assert_true(merge_room(c) <= sizeof three->text);
	expect(c, three, VERDICT_MERGED, other != NULL);
	assert_int_equal(merged->len, strlen(stands));
	assert_memory_equal(merged->text, stands, merged->len);
	assert_int_equal(three->out.spot_count, other != NULL ? 1 : 0);
	if (other != NULL) {
		assert_int_equal(beside->len, strlen(other));
		assert_memory_equal(beside->text, other, beside->len);
	}
}

static void far_words_of_a_text_are_merged_and_near_ones_asked_about(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "done", "Walked. Ate.", "Walked far. Ate.", "Walked. Ate well.");

	(void)state;
	expect_text(&c, &three, "Walked far. Ate well.", NULL);
	c = case_of(&three, "done", "Took 5 mg. Ate.", "Took 10 mg. Ate.", "Took 20 mg. Ate well.");
	expect_text(&c, &three, "Took 10 mg. Ate well.", "Took 20 mg. Ate well.");
}

static void a_text_that_merges_into_what_was_proposed_is_accepted(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "done", "Walked. Ate.", "Walked far. Ate.", "Walked far. Ate well.");

	(void)state;
	expect(&c, &three, VERDICT_ACCEPTED, false);
}

static void what_one_emptied_or_both_wrote_from_nothing_is_no_conflict(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "done", NULL, "Walked.", "Ate.");

	(void)state;
	expect_text(&c, &three, "Walked. Ate.", NULL);
	c = case_of(&three, "done", "Walked. Ate.", NULL, "Walked. Ate.");
	expect(&c, &three, VERDICT_MERGED, false);
	assert_int_equal(three.out.row.values[1].tag, VALUE_NULL);
}

/* The field holds 30 bytes; what two may write there together does not fit. */
static void a_text_that_would_go_over_its_limit_is_not_merged(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "short", "Sat.", "Sat. Walked to the shop.", "Sat. Ate a whole lunch.");

	(void)state;
	expect(&c, &three, VERDICT_SUPERSEDED, true);
	assert_int_equal(three.out.spot_count, 0);
}

static void a_text_longer_than_can_be_compared_is_not_merged(void **state)
{
	static char text[TEXT_MERGE_MAX + 2];
	struct three three;
	struct merge_case c = case_of(&three, "done", "a", "b", "c");

	(void)state;
	memset(text, 'x', sizeof text - 1);
	three.proposed.values[1] = value_text(text, sizeof text - 1);
	expect(&c, &three, VERDICT_SUPERSEDED, true);
	c = case_of(&three, "done", "a", "b", "c");
	three.current.values[1] = value_text(text, sizeof text - 1);
	expect(&c, &three, VERDICT_SUPERSEDED, true);
	c = case_of(&three, "done", "a", "b", "c");
	three.base.values[1] = value_text(text, sizeof text - 1);
	expect(&c, &three, VERDICT_SUPERSEDED, true);
}

static void a_text_that_must_be_there_is_not_merged_away(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "must", "Walked. Ate.", "Ate.", "Walked.");

	(void)state;
	expect(&c, &three, VERDICT_SUPERSEDED, true);
}

static void sets_are_merged_without_a_conflict(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "tags", "[\"a\"]", "[\"a\",\"b\"]", "[\"c\"]");
	const struct value *merged = &three.out.row.values[2];

	(void)state;
	expect(&c, &three, VERDICT_MERGED, false);
	assert_int_equal(merged->len, strlen("[\"b\",\"c\"]"));
	assert_memory_equal(merged->text, "[\"b\",\"c\"]", merged->len);
	assert_int_equal(three.out.used, merged->len);

	c = case_of(&three, "tags", "[\"a\",\"b\"]", "[\"a\"]", "[\"b\"]");
	expect(&c, &three, VERDICT_MERGED, false);
	assert_int_equal(merged->tag, VALUE_NULL);
}

static void a_set_that_merges_to_what_was_proposed_is_accepted(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "tags", NULL, "[\"a\"]", "[\"a\",\"b\"]");

	(void)state;
	expect(&c, &three, VERDICT_ACCEPTED, false);
}

static void a_set_whose_base_is_lost_becomes_the_union(void **state)
{
	struct three three;
	struct merge_case c = case_of(&three, "tags", "[\"a\"]", "[\"a\"]", "[\"b\"]");

	(void)state;
	c.base = NULL;
	expect(&c, &three, VERDICT_MERGED, false);
	assert_memory_equal(three.out.row.values[2].text, "[\"a\",\"b\"]", 9);
}

static void a_merge_that_would_exceed_a_limit_is_not_made(void **state)
{
	/* Four members take 17 bytes, the limit; five take 21. */
	struct three three;
	struct merge_case c = case_of(&three, "tags", NULL, "[\"a\",\"b\"]", "[\"c\",\"d\"]");

	(void)state;
	expect(&c, &three, VERDICT_MERGED, false);
	c = case_of(&three, "tags", NULL, "[\"a\",\"b\",\"e\"]", "[\"c\",\"d\"]");
	expect(&c, &three, VERDICT_SUPERSEDED, true);
	assert_int_equal(three.out.used, 0);
	c = case_of(&three, "tags", NULL, "[\"a\",\"b\"]", "[\"c\",\"d\"]");
	three.out.room = 16;
	expect(&c, &three, VERDICT_SUPERSEDED, true);
}

static void an_ending_beats_what_is_open_and_two_endings_need_a_person(void **state)
{
	static const char *const words[] = { NULL, "open", "in-progress", "done", "not-done", "cancelled" };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 6; j++) {
			struct three three;
			struct merge_case c = case_of(&three, "status", "open", words[i], words[j]);
			bool current_ends = i >= 3, proposed_ends = j >= 3;

			/* The reason differs, so that equal words are no equal values. */
			three.proposed.values[4] = value_string("why");
			c.current_at = LATE;
			c.proposed_at = EARLY;
			if (proposed_ends && !current_ends)
				expect(&c, &three, VERDICT_ACCEPTED, false);
			else if (current_ends && proposed_ends && i != j)
				expect(&c, &three, VERDICT_SUPERSEDED, true);
			else
				expect(&c, &three, VERDICT_SUPERSEDED, false);
			c.current_at = EARLY;
			c.proposed_at = LATE;
			if (proposed_ends == current_ends && (i == j || !current_ends))
				expect(&c, &three, VERDICT_ACCEPTED, false);
			else if (current_ends)
				expect(&c, &three, VERDICT_SUPERSEDED, proposed_ends);
		}
	}
}

static uint64_t next(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % below;
}

/* Edits of three authors in any order of arrival, with intervals of any width. */
static void by_newest_no_value_stands_that_is_definitely_older_than_one_kept(void **state)
{
	static const char *const values[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
	uint64_t seed = 7;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		struct interval times[8];
		uint64_t authors[8];
		size_t standing = 0;

		for (size_t i = 0; i < 8; i++) {
			struct judgement judgement = { VERDICT_ACCEPTED, false };
			struct three three;
			struct merge_case c;

			times[i].lo_ms = (int64_t)next(&seed, 100);
			times[i].hi_ms = times[i].lo_ms + (int64_t)next(&seed, 60);
			authors[i] = next(&seed, 3);
			if (i > 0) {
				c = case_of(&three, "phone", "base", values[standing], values[i]);
				c.current_at = times[standing];
				c.proposed_at = times[i];
				c.author_same = authors[i] == authors[standing];
				assert_int_equal(merge_judge(&c, &three.out, &judgement), ST_OK);
			}
			if (judgement.verdict == VERDICT_ACCEPTED)
				standing = i;
			for (size_t kept = 0; kept <= i; kept++)
				assert_int_not_equal(interval_compare(&times[standing], &times[kept]), ORDER_EARLIER);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nothing_has_replaced_is_taken_by_every_rule),
		cmocka_unit_test(the_value_that_stands_already_is_fine_by_every_rule),
		cmocka_unit_test(no_rule_replaces_a_decision_by_a_value_that_had_not_seen_it),
		cmocka_unit_test(newest_takes_only_what_is_definitely_later),
		cmocka_unit_test(texts_and_guarded_values_wait_for_a_person_whatever_the_times),
		cmocka_unit_test(far_words_of_a_text_are_merged_and_near_ones_asked_about),
		cmocka_unit_test(a_text_that_merges_into_what_was_proposed_is_accepted),
		cmocka_unit_test(what_one_emptied_or_both_wrote_from_nothing_is_no_conflict),
		cmocka_unit_test(a_text_that_would_go_over_its_limit_is_not_merged),
		cmocka_unit_test(a_text_longer_than_can_be_compared_is_not_merged),
		cmocka_unit_test(a_text_that_must_be_there_is_not_merged_away),
		cmocka_unit_test(sets_are_merged_without_a_conflict),
		cmocka_unit_test(a_set_that_merges_to_what_was_proposed_is_accepted),
		cmocka_unit_test(a_set_whose_base_is_lost_becomes_the_union),
		cmocka_unit_test(a_merge_that_would_exceed_a_limit_is_not_made),
		cmocka_unit_test(an_ending_beats_what_is_open_and_two_endings_need_a_person),
		cmocka_unit_test(by_newest_no_value_stands_that_is_definitely_older_than_one_kept),
	};

	return cmocka_run_group_tests_name("merge", tests, set_up, NULL);
}
