/* What plans in writing promise, and what makes a run smaller: lists, tablets that are away, pins, and shrinking itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/sim/shrink.h"

#define ROUNDS 200
#define ONLY_MAX 400
#define PIN_MAX 20
#define SEEDS_MAX 60
#define SHRINK_S 60

static bool read_text(struct plan *plan, const char *text, char line[PLAN_LINE_SIZE])
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	bool good;

	assert_non_null(in);
	good = plan_read(plan, in, line);
	(void)fclose(in);
	return good;
}

/* --- in writing -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return x->packed < y->packed ? -1 : x->packed > y->packed;
}

static size_t some_only(struct dice *dice, struct instance *only)
{
	const size_t count = dice_below(dice, ONLY_MAX);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const unsigned node = (unsigned)dice_below(dice, 4);
		const uint64_t k = dice_below(dice, 100) + (dice_one_in(dice, 3) ? UINT64_C(5) << 32 : 0);

		if (dice_one_in(dice, 2))
			only[i] = instance_act(node, k);
		else if (dice_one_in(dice, 2))
			only[i] = instance_wish(node, k);
		else
			only[i] = instance_fault((enum fault)dice_below(dice, FAULT_COUNT), node, k);
	}
	qsort(only, count, sizeof *only, compare);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || only[kept - 1].packed != only[i].packed)
			only[kept++] = only[i];
	return kept;
}

static void assert_read_back(const struct plan *plan, bool all)
{
	char line[PLAN_LINE_SIZE];
	struct plan read;
	struct buf text, again;

	buf_init(&text, 1 << 20);
	buf_init(&again, 1 << 20);
	plan_write(plan, all, &text);
	assert_true(read_text(&read, buf_str(&text), line));
	plan_write(&read, all, &again);
	assert_string_equal(buf_str(&again), buf_str(&text));
	assert_true(plan->only_count == read.only_count && plan->pin_count == read.pin_count);
	for (size_t i = 0; i < plan->only_count; i++)
		assert_true(read.only[i].packed == plan->only[i].packed);
	for (size_t i = 0; i < plan->pin_count; i++)
		assert_true(read.pins[i].instance.packed == plan->pins[i].instance.packed && read.pins[i].at_ms == plan->pins[i].at_ms);
	assert_memory_equal(read.odds, plan->odds, sizeof plan->odds);
	assert_memory_equal(read.weight, plan->weight, sizeof plan->weight);
	assert_memory_equal(read.away, plan->away, sizeof plan->away);
	assert_memory_equal(read.silent, plan->silent, sizeof plan->silent);
	plan_free(&read);
	buf_close(&text);
	buf_close(&again);
}

static void a_plan_that_was_written_is_read_back(void **state)
{
	struct instance only[ONLY_MAX];
	struct pin pins[PIN_MAX];

	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct dice dice = dice_at(round, SITE_PLAN, 1, 0);
		struct plan plan;

		plan_of_seed(&plan, round);
		for (unsigned t = 0; t < plan.tablets; t++) {
			plan.silent[t / 64] |= (uint64_t)dice_one_in(&dice, 2) << (t % 64);
			plan.away[t / 64] |= (uint64_t)dice_one_in(&dice, 2) << (t % 64);
		}
		plan.odds[dice_below(&dice, FAULT_COUNT)] = 7;
		plan.only = only;
		plan.only_count = some_only(&dice, only);
		plan.pins = pins;
		plan.pin_count = dice_below(&dice, PIN_MAX);
		for (size_t i = 0; i < plan.pin_count; i++)
			pins[i] = (struct pin){ instance_fault((enum fault)dice_below(&dice, FAULT_COUNT), 2, dice_below(&dice, 1000)),
						(int64_t)dice_below(&dice, 1000000) };
		assert_read_back(&plan, true);
		assert_read_back(&plan, false);
	}
}

static void neighbours_stand_in_one_line(void **state)
{
	const struct instance only[] = { instance_fault(FAULT_CUT, 2, 9), instance_act(1, 3),  instance_act(1, 17),
					 instance_act(1, 18),		  instance_act(1, 19), instance_wish(1, 0),
					 instance_wish(1, 1),		  instance_act(3, 4) };
	struct plan plan = { .seed = 0 };
	struct buf text;

	(void)state;
	plan_of_seed(&plan, 7);
	plan.only = only;
	plan.only_count = sizeof only / sizeof only[0];
	buf_init(&text, 65536);
	plan_write(&plan, false, &text);
	assert_string_equal(buf_str(&text), "seed 7\nonly cut 2 9\nonly act 1 3 17-19\nonly wish 1 0-1\nonly act 3 4\n");
	buf_close(&text);
}

/* As files had it before there were ranges: a line each, wishes by their numbers among the acts. */
static void a_line_for_each_is_read_too(void **state)
{
	char line[PLAN_LINE_SIZE];
	struct plan plan;

	(void)state;
	assert_true(read_text(&plan, "seed 3\nsilent 1\nsilent 2\nonly act 2 8\nonly act 2 7\nonly act 2 274877906945\n--\n", line));
	assert_int_equal(plan.only_count, 3);
	assert_true(plan.only[0].packed == instance_act(2, 7).packed);
	assert_true(plan.only[1].packed == instance_act(2, 8).packed);
	assert_true(plan.only[2].packed == instance_wish(2, 1).packed);
	assert_true(plan.silent[0] == 3);
	plan_free(&plan);
}

static void a_line_that_says_nothing_is_refused(void **state)
{
	static const char *const bad[] = {
		"only", "only act", "only act 3", "only act 3 ", "only act 3 x", "only act 3 5-4", "only act 3 5-", "only act 3 -5",
		"only act 3 1 x", "only act 3 1-2-3", "only act 3 1-99999999", "only wish 3 999999999999", "only act 201 1",
		"only nonsense 3 1", "away 0", "away 201", "away", "away 3-", "silent x", "at 5 act 1 2", "at x cut 1 2", "at 5 cut 1",
		"faults some", "nonsense 3",
	};
	char text[128], line[PLAN_LINE_SIZE];
	struct plan plan;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		(void)snprintf(text, sizeof text, "seed 3\n%s\n", bad[i]);
		assert_false(read_text(&plan, text, line));
		assert_string_equal(line, bad[i]);
	}
}

/* --- in a run ------------------------------------------------------------------------------------- */

struct table {
	struct sim_stock *stock;
	struct attempt *attempt;
};

static int set_up(void **state)
{
	struct table *table = calloc(1, sizeof *table);

	assert_non_null(table);
	table->stock = sim_stock_new();
	table->attempt = attempt_new();
	assert_non_null(table->attempt);
	*state = table;
	return 0;
}

static int tear_down(void **state)
{
	struct table *table = *state;

	sim_stock_free(table->stock);
	attempt_free(table->attempt);
	free(table);
	return 0;
}

/* It does nothing, and nobody waits for it. */
static void a_tablet_that_is_away_is_not_missed(void **state)
{
	struct table *table = *state;

	for (uint64_t seed = 1; seed <= 8; seed++) {
		char *text = NULL;
		size_t size = 0;
		FILE *told = open_memstream(&text, &size);
		struct plan plan;

		assert_non_null(told);
		plan_of_seed(&plan, seed);
		plan.tablets = 3;
		plan.days = 1;
		plan.away[0] = 2;
		attempt_play(table->attempt, table->stock, &plan, told);
		(void)fclose(told);
		assert_string_equal(table->attempt->wrong, "");
		assert_non_null(strstr(text, " tablet 1: sends request"));
		assert_null(strstr(text, " tablet 2: runs"));
		assert_null(strstr(text, " tablet 2: sends"));
		assert_null(strstr(text, "of tablet 2"));
		free(text);
	}
}

/* The first fault of a run whose number counts exchanges, when many wishes for one had come before. */
static bool find_counted(const struct witness *seen, struct struck *out)
{
	for (size_t i = 0; i < seen->struck_count; i++)
		if (instance_counts(seen->struck[i].instance) && instance_sort(seen->struck[i].instance) == FAULT_CUT && i > 20) {
			*out = seen->struck[i];
			return true;
		}
	return false;
}

static bool has_struck(const struct witness *seen, const struct struck *fault)
{
	for (size_t i = 0; i < seen->struck_count; i++)
		if (seen->struck[i].instance.packed == fault->instance.packed)
			return true;
	return false;
}

/* Nothing else than it and the last things before it are left: its number would be another one. */
static void a_pinned_fault_strikes_after_what_was_before_is_gone(void **state)
{
	struct table *table = *state;
	struct instance only[3];
	struct struck fault = { .at_ms = 0 };
	struct plan plan;
	struct pin pin;
	size_t at = 0;

	for (uint64_t seed = 1; fault.at_ms == 0 && seed <= SEEDS_MAX; seed++) {
		plan_of_seed(&plan, seed);
		plan.odds[FAULT_CUT] = 10;
		attempt_play(table->attempt, table->stock, &plan, NULL);
		(void)find_counted(&table->attempt->seen, &fault);
	}
	assert_true(fault.at_ms > 0);
	while (table->attempt->seen.struck[at].instance.packed != fault.instance.packed)
		at++;
	for (size_t i = at, kept = 3; kept > 0 && i-- > 0;)
		if (!instance_is_fault(table->attempt->seen.struck[i].instance) &&
		    instance_node(table->attempt->seen.struck[i].instance) == instance_node(fault.instance))
			only[--kept] = table->attempt->seen.struck[i].instance;
	qsort(only, 3, sizeof only[0], compare);
	plan.only = only;
	plan.only_count = 3;
	attempt_play(table->attempt, table->stock, &plan, NULL);
	assert_false(has_struck(&table->attempt->seen, &fault));
	pin = (struct pin){ fault.instance, fault.at_ms };
	plan.pins = &pin;
	plan.pin_count = 1;
	memset(plan.odds, 0, sizeof plan.odds);
	attempt_play(table->attempt, table->stock, &plan, NULL);
	assert_true(has_struck(&table->attempt->seen, &fault));
	assert_string_equal(table->attempt->wrong, "");
}

/* Disks whose syncs lie lose what was promised: in no seed's plan, and here what fails. */
static void a_failure_shrinks_to_what_it_takes(void **state)
{
	struct table *table = *state;
	char invariant[8], line[PLAN_LINE_SIZE];
	struct shrunk shrunk;
	struct plan plan, read;
	struct buf text;

	table->attempt->invariant[0] = '\0';
	for (uint64_t seed = 1; table->attempt->invariant[0] == '\0' && seed <= SEEDS_MAX; seed++) {
		plan_of_seed(&plan, seed);
		if (plan.whole)
			continue;
		plan.tablets = 2;
		plan.days = 1;
		plan.power = true;
		plan.odds[FAULT_LIE] = 4;
		plan.odds[FAULT_KILL_CALL] = 10;
		attempt_play(table->attempt, table->stock, &plan, NULL);
	}
	memcpy(invariant, table->attempt->invariant, sizeof invariant);
	assert_true(invariant[0] != '\0');
	shrink(&shrunk, table->stock, &plan, invariant, SHRINK_S);
	print_message("# seed %u, %s: from %u lines and %zu acts and faults to %u and %zu by %u tries in %.1f s\n", (unsigned)plan.seed, invariant,
		      (unsigned)shrunk.lines_before, shrunk.struck_before, (unsigned)shrunk.lines_after, shrunk.struck_after,
		      (unsigned)shrunk.tries, shrunk.seconds);
	assert_true(shrunk.failed);
	assert_true(3 * shrunk.lines_after < shrunk.lines_before && 5 * shrunk.struck_after < shrunk.struck_before);
	buf_init(&text, 1 << 20);
	plan_write(&shrunk.plan, true, &text);
	assert_true(read_text(&read, buf_str(&text), line));
	attempt_play(table->attempt, table->stock, &read, NULL);
	assert_string_equal(table->attempt->invariant, invariant);
	assert_true(table->attempt->seen.lines == shrunk.lines_after);
	buf_close(&text);
	plan_free(&read);
	plan_free(&shrunk.plan);
}

/* What can't be tried stays as it is. */
static void a_plan_that_ends_well_does_not_shrink(void **state)
{
	struct table *table = *state;
	struct shrunk shrunk;
	struct plan plan;

	plan_of_seed(&plan, 1);
	shrink(&shrunk, table->stock, &plan, "I5", SHRINK_S);
	assert_false(shrunk.failed);
	assert_int_equal(shrunk.tries, 1);
	plan_free(&shrunk.plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_that_was_written_is_read_back),
		cmocka_unit_test(neighbours_stand_in_one_line),
		cmocka_unit_test(a_line_for_each_is_read_too),
		cmocka_unit_test(a_line_that_says_nothing_is_refused),
		cmocka_unit_test_setup_teardown(a_tablet_that_is_away_is_not_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pinned_fault_strikes_after_what_was_before_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failure_shrinks_to_what_it_takes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_plan_that_ends_well_does_not_shrink, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
