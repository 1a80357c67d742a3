/* What the chain and its anchors promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/chain.h"
#include "proto/change.h"

struct centre_case {
	struct schema *schema;
	struct store *store;
	struct env env;
	struct sign_key key;
	struct arena arena;
	int64_t wall_ms;
	uint8_t random;
};

static int64_t wall(void *ctx)
{
	return ((const struct centre_case *)ctx)->wall_ms;
}

static void count_up(void *ctx, void *out, size_t len)
{
	memset(out, ++((struct centre_case *)ctx)->random, len);
}

static int set_up(void **state)
{
	static const uint8_t seed[SEED_SIZE] = { 3 };
	struct centre_case *c = calloc(1, sizeof *c);

	assert_non_null(c);
	c->schema = calloc(1, sizeof *c->schema);
	assert_non_null(c->schema);
	schema_init(c->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	c->env = (struct env){ .ctx = c, .wall_ms = wall, .boot_ms = wall, .random = count_up };
	sign_key_from_seed(&c->key, seed);
	arena_init(&c->arena, 64U << 20);
	assert_int_equal(store_sqlite_open(&c->store, ":memory:", c->schema, &c->env, true, NULL), ST_OK);
	assert_int_equal(c->store->ops->begin_write(c->store), ST_OK);
	*state = c;
	return 0;
}

static int tear_down(void **state)
{
	struct centre_case *c = *state;

	c->store->ops->rollback(c->store);
	c->store->ops->close(c->store);
	arena_close(&c->arena);
	free(c->schema);
	free(c);
	return 0;
}

static struct history row_of(uint32_t device, uint64_t n, const char *body)
{
	struct history row = { .device = device, .n = n, .body = { body, strlen(body) }, .result = OUTCOME_HELD };

	row.kind_num = 6;
	row.reason = HELD_UNREADABLE;
	change_digest(&row.digest, row.body.data, row.body.len);
	return row;
}

static void add(struct chain *chain, uint32_t device, uint64_t n, const char *body)
{
	struct history row = row_of(device, n, body);

	assert_int_equal(chain_add(chain, &row), ST_OK);
}

static void an_empty_store_has_a_head_of_zeros_and_no_sequence(void **state)
{
	static const struct digest zero;
	struct centre_case *c = *state;
	struct chain chain;

	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	assert_true(digest_equal(&chain.head, &zero));
	assert_true(chain.seq == 0 && chain.own_n == 0 && chain.first_seq == 0);
	/* Nothing was added: nothing is written. */
	assert_int_equal(chain_end(&chain, &c->key), ST_OK);
	chain_close(&chain);
}

static void each_row_gets_the_next_sequence_a_fresh_salt_and_a_link_to_the_row_before(void **state)
{
	struct centre_case *c = *state;
	struct history one = row_of(1, 1, "same"), two = row_of(1, 2, "same");
	struct digest link = { { 0 } }, content;
	struct chain chain;

	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	assert_int_equal(chain_add(&chain, &one), ST_OK);
	assert_int_equal(chain_add(&chain, &two), ST_OK);
	assert_true(one.seq == 1 && two.seq == 2);
	assert_memory_not_equal(one.salt, two.salt, sizeof one.salt);
	chain_link(&link, 1, &one.content);
	assert_true(digest_equal(&link, &one.link));
	chain_link(&link, 2, &two.content);
	assert_true(digest_equal(&link, &two.link) && digest_equal(&link, &chain.head));
	history_content(&content, &two);
	assert_true(digest_equal(&content, &two.content));
	chain_close(&chain);
}

static void the_chain_goes_on_where_the_last_commit_left_it(void **state)
{
	struct centre_case *c = *state;
	struct chain chain, next;
	int64_t own_n = 0;

	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	add(&chain, 0, 1, "a");
	add(&chain, 4, 9, "b");
	assert_int_equal(chain_end(&chain, &c->key), ST_OK);
	assert_int_equal(chain_begin(&next, c->store), ST_OK);
	assert_true(next.seq == 2 && next.own_n == 1 && next.first_seq == 0);
	assert_true(digest_equal(&next.head, &chain.head));
	assert_int_equal(c->store->ops->meta_get_int(c->store, "own_n", &own_n), ST_OK);
	assert_int_equal(own_n, 1);
	chain_close(&next);
	chain_close(&chain);
}

struct anchors {
	struct anchor list[8];
	struct arena *arena;
	size_t count;
};

static enum status keep_anchor(void *ctx, const struct anchor *anchor)
{
	struct anchors *anchors = ctx;
	struct anchor *kept = &anchors->list[anchors->count++];

	*kept = *anchor;
	kept->contents.data = arena_copy(anchors->arena, anchor->contents.data, anchor->contents.len);
	return ST_OK;
}

static void each_commit_adds_one_signed_anchor_over_its_own_rows(void **state)
{
	struct centre_case *c = *state;
	struct anchors anchors = { .arena = &c->arena };
	struct chain chain;

	for (int commit = 0; commit < 2; commit++) {
		assert_int_equal(chain_begin(&chain, c->store), ST_OK);
		add(&chain, 1, 1, "a");
		add(&chain, 1, 2, "b");
		assert_int_equal(chain_end(&chain, &c->key), ST_OK);
		chain_close(&chain);
	}
	assert_int_equal(c->store->ops->anchor_each(c->store, keep_anchor, &anchors), ST_OK);
	assert_int_equal(anchors.count, 2);
	assert_true(anchors.list[0].first_seq == 1 && anchors.list[0].seq == 2);
	assert_true(anchors.list[1].first_seq == 3 && anchors.list[1].seq == 4);
	assert_int_equal(anchors.list[1].contents.len, 2 * CHAIN_MARK_SIZE);
	for (size_t i = 0; i < 2; i++) {
		assert_true(anchor_verify(&anchors.list[i], c->key.public));
		anchors.list[i].head.bytes[5] ^= 1;
		assert_false(anchor_verify(&anchors.list[i], c->key.public));
		assert_true(anchor_verify_contents(&anchors.list[i], c->key.public));
		anchors.list[i].first_seq--;
		assert_false(anchor_verify_contents(&anchors.list[i], c->key.public));
	}
}

static void going_back_to_a_mark_leaves_no_trace(void **state)
{
	struct centre_case *c = *state;
	struct chain_mark mark;
	struct chain chain;
	struct history row;

	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	add(&chain, 0, 1, "stays");
	mark = chain_mark(&chain);
	assert_int_equal(c->store->ops->savepoint(c->store), ST_OK);
	add(&chain, 0, 2, "goes");
	add(&chain, 0, 3, "goes too");
	c->store->ops->rollback_to(c->store);
	chain_back(&chain, &mark);
	assert_true(chain.seq == 1 && chain.own_n == 1);
	add(&chain, 0, 2, "takes its place");
	assert_int_equal(chain_end(&chain, &c->key), ST_OK);
	chain_close(&chain);
	assert_int_equal(c->store->ops->history_get(c->store, 2, &c->arena, &row), ST_OK);
	assert_memory_equal(row.body.data, "takes its place", row.body.len);
	assert_int_equal(c->store->ops->history_get(c->store, 3, &c->arena, &row), ST_NOT_FOUND);
}

static void the_first_sequence_of_an_epoch_is_the_clocks_seconds_in_its_upper_bits(void **state)
{
	struct centre_case *c = *state;
	struct chain chain;

	c->wall_ms = INT64_C(1767225600999);
	assert_int_equal(chain_new_epoch(c->store), ST_OK);
	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	add(&chain, 0, 1, "first");
	assert_true(chain.seq == UINT64_C(1767225600) << STORE_EPOCH_SHIFT);
	chain_close(&chain);
}

static void an_epoch_is_above_any_seen_whatever_the_clock_says(void **state)
{
	struct centre_case *c = *state;
	struct chain chain;
	uint64_t first;

	c->wall_ms = INT64_C(1767225600000);
	assert_int_equal(chain_new_epoch(c->store), ST_OK);
	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	add(&chain, 0, 1, "first");
	first = chain.seq;
	assert_int_equal(chain_end(&chain, &c->key), ST_OK);
	chain_close(&chain);
	c->wall_ms = 5000;
	assert_int_equal(chain_new_epoch(c->store), ST_OK);
	assert_int_equal(chain_begin(&chain, c->store), ST_OK);
	add(&chain, 0, 2, "second");
	assert_true(chain.seq == ((first >> STORE_EPOCH_SHIFT) + 1) << STORE_EPOCH_SHIFT);
	chain_close(&chain);
}

/* Two that differ in one field each have different contents. */
static void every_field_of_a_row_is_in_its_content(void **state)
{
	static const struct outcome_group groups[2] = { { 1, GROUP_MERGED }, { 1, GROUP_ACCEPTED } };
	struct history base = row_of(1, 2, "body"), rows[20];
	struct digest contents[21];

	(void)state;
	base.groups = groups;
	base.group_count = 1;
	for (size_t i = 0; i < 20; i++)
		rows[i] = base;
	rows[0].device++, rows[1].n++, rows[2].digest.bytes[31] ^= 1, rows[3].author.bytes[0] ^= 1;
	rows[4].kind_num++, rows[5].id.bytes[15] ^= 1, rows[6].patient.bytes[3] ^= 1, rows[7].body.len--;
	rows[8].at.lo_ms++, rows[9].at.hi_ms++, rows[10].received_ms++, rows[11].result = OUTCOME_JUDGED;
	rows[12].reason = HELD_INVALID, rows[13].groups = groups + 1, rows[14].group_count = 2;
	rows[15].merged = (struct bytes){ "m", 1 }, rows[16].of_seq = 1, rows[17].salt[15] ^= 1;
	/* A byte that moves from one field of varying length to the next. */
	rows[18].body.len--, rows[18].merged = (struct bytes){ "y", 1 };
	rows[19].merged = (struct bytes){ "n", 1 };
	history_content(&contents[20], &base);
	for (size_t i = 0; i < 20; i++)
		history_content(&contents[i], &rows[i]);
	for (size_t i = 0; i < 21; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(digest_equal(&contents[i], &contents[j]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_store_has_a_head_of_zeros_and_no_sequence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			each_row_gets_the_next_sequence_a_fresh_salt_and_a_link_to_the_row_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_chain_goes_on_where_the_last_commit_left_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_commit_adds_one_signed_anchor_over_its_own_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(going_back_to_a_mark_leaves_no_trace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_first_sequence_of_an_epoch_is_the_clocks_seconds_in_its_upper_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_epoch_is_above_any_seen_whatever_the_clock_says, set_up, tear_down),
		cmocka_unit_test(every_field_of_a_row_is_in_its_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
