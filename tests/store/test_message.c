/* Requests and answers: what is written comes back; what no peer of ours would write is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/message.h"
#include "tests/support/wire.h"

struct bench {
	struct schema *schema;
	struct arena arena;
	struct buf buf, records;
	struct request request;
	struct answer answer;
	struct answer_record sent[40], got;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->schema = wire_schema_new();
	arena_init(&b->arena, (size_t)32 * 1024 * 1024);
	buf_init(&b->buf, LIMIT_INFLATED_MAX);
	buf_init(&b->records, LIMIT_INFLATED_MAX);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	buf_close(&b->buf);
	buf_close(&b->records);
	arena_close(&b->arena);
	free(b->schema);
	free(b);
	return 0;
}

static enum status encode_request(struct bench *b, const struct request *request)
{
	buf_reset(&b->buf);
	return request_encode(&b->buf, request);
}

static enum status decode_request(struct bench *b, struct request *out)
{
	return request_decode(b->buf.data, b->buf.len, &b->arena, out);
}

static struct bytes random_bytes(struct wire_random *random, struct arena *arena, size_t max)
{
	struct bytes bytes = { .len = wire_below(random, max + 1) };
	uint8_t *data = arena_alloc(arena, max + 1);

	assert_non_null(data);
	wire_bytes(random, data, bytes.len);
	bytes.data = data;
	return bytes;
}

static void random_request(struct wire_random *random, struct arena *arena, struct request *out)
{
	struct request_change *changes = arena_zalloc(arena, 20 * sizeof *changes);
	struct request_held *held = arena_zalloc(arena, 20 * sizeof *held);
	uint64_t n = 0;

	*out = (struct request){ .changes = changes, .held = held, .health = { .battery_percent = -1, .version = "" } };
	out->schema_version = (uint16_t)wire_below(random, 3);
	out->cursor = random_bytes(random, arena, 100);
	for (out->change_count = 0; out->change_count < wire_below(random, 20); out->change_count++) {
		changes[out->change_count].n = n += 1 + wire_below(random, 300);
		if (wire_below(random, 3) == 0)
			changes[out->change_count].brief = random_bytes(random, arena, 50);
		if (changes[out->change_count].brief.len == 0)
			changes[out->change_count].body = random_bytes(random, arena, 50);
	}
	for (out->held_count = 0; out->held_count < wire_below(random, 20); out->held_count++) {
		held[out->held_count].n = 1 + wire_below(random, 70000);
		wire_bytes(random, held[out->held_count].digest, 8);
	}
	if (wire_below(random, 2))
		out->clock = (struct clock_now){ (int64_t)wire_below(random, UINT64_C(2000000000000)),
						 (int64_t)wire_below(random, 100000) - 500, 77, true,
						 wire_below(random, 2) ? (int64_t)wire_below(random, 900000) - 400000 : 0 };
	out->budget = (uint32_t)wire_below(random, 2) * LIMIT_BUDGET_MIN;
	if (wire_below(random, 2))
		out->health = (struct health){ wire_below(random, 3), (int64_t)wire_below(random, 9999),
					       wire_below(random, 9), (int)wire_below(random, 102) - 1, "0.1.0" };
}

static bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void assert_requests_equal(const struct request *a, const struct request *b)
{
	assert_int_equal(a->schema_version, b->schema_version);
	assert_true(bytes_equal(&a->cursor, &b->cursor));
	assert_int_equal(a->change_count, b->change_count);
	for (size_t i = 0; i < a->change_count; i++) {
		assert_true(a->changes[i].n == b->changes[i].n);
		assert_true(bytes_equal(&a->changes[i].body, &b->changes[i].body));
		assert_true(bytes_equal(&a->changes[i].brief, &b->changes[i].brief));
	}
	assert_int_equal(a->held_count, b->held_count);
	for (size_t i = 0; i < a->held_count; i++) {
		assert_true(a->held[i].n == b->held[i].n);
		assert_memory_equal(a->held[i].digest, b->held[i].digest, 8);
	}
	assert_int_equal(a->clock.measured, b->clock.measured);
	assert_true(a->clock.heard_ms == b->clock.heard_ms && a->clock.elapsed_ms == b->clock.elapsed_ms);
	assert_int_equal(a->clock.slack_ms, b->clock.slack_ms);
	assert_int_equal(a->budget, b->budget);
	assert_true(a->health.pending_count == b->health.pending_count && a->health.free_mb == b->health.free_mb);
	assert_true(a->health.oldest_unsent_ms == b->health.oldest_unsent_ms);
	assert_int_equal(a->health.battery_percent, b->health.battery_percent);
	assert_string_equal(a->health.version, b->health.version);
}

static void every_request_comes_back_as_it_was_written_and_no_prefix_of_it(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 6 };
	struct request back;

	for (unsigned round = 0; round < 1000; round++) {
		arena_reset(&b->arena);
		random_request(&random, &b->arena, &b->request);
		assert_int_equal(encode_request(b, &b->request), ST_OK);
		assert_int_equal(decode_request(b, &back), ST_OK);
		assert_requests_equal(&b->request, &back);
		for (size_t cut = 0; round < 50 && cut < b->buf.len; cut++)
			assert_int_equal(request_decode(b->buf.data, cut, &b->arena, &back), ST_PROTOCOL);
	}
}

static void what_no_tablet_would_send_is_refused(void **state)
{
	static const char *const requests[] = {
		"c0", "90", "81 07 c0",               /* a key that is unknown */
		"81 00 ce00010000",                   /* no such schema version */
		"81 01 a178", "81 02 80",
		"81 02 91 91 01", "81 02 91 93 01c400c0", "81 02 91 92 00c400", /* change 0 */
		"81 02 92 9202c400 9202c400", "81 02 92 9202c400 9201c400",    /* not ascending */
		"81 02 91 92 cfffffffffffffffff c400", "81 02 91 9201a178",
		"81 03 91 9201 c40700000000000000", "81 03 91 9200 c4080000000000000000",
		"81 04 920000", "81 04 93ff0000", "81 05 ff", "81 05 cf0000000100000000",
		"81 06 8105c0", "81 06 810365", "81 06 8104c400", "81 06 90",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		uint8_t bytes[64];
		const size_t len = wire_unhex(requests[i], bytes, sizeof bytes);

		if (request_decode(bytes, len, &b->arena, &b->request) != ST_PROTOCOL)
			print_error("request %zu\n", i);
		assert_int_equal(request_decode(bytes, len, &b->arena, &b->request), ST_PROTOCOL);
	}
}

/* A request map of one key with an array of count equal items, none of them ascending: limits come first. */
static enum status decode_many(struct bench *b, uint8_t key, size_t count, const char *item, size_t item_len)
{
	const uint8_t head[] = { 0x81, key, 0xdc, (uint8_t)(count >> 8), (uint8_t)count };

	buf_reset(&b->buf);
	buf_add(&b->buf, head, sizeof head);
	for (size_t i = 0; i < count; i++)
		buf_add(&b->buf, item, item_len);
	return decode_request(b, &b->request);
}

static void changes_and_held_numbers_pass_up_to_their_limits_and_no_more(void **state)
{
	struct bench *b = *state;
	static struct request_change changes[LIMIT_CHANGES_MAX + 1];
	static struct request_held held[LIMIT_HELD_MAX + 1];
	struct request back, request = { .changes = changes, .held = held };

	for (size_t i = 0; i <= LIMIT_CHANGES_MAX; i++)
		changes[i] = (struct request_change){ .n = i + 1, .body = { "x", 1 } };
	for (size_t i = 0; i <= LIMIT_HELD_MAX; i++)
		held[i].n = i + 1;
	for (size_t count = LIMIT_CHANGES_MAX - 1; count <= LIMIT_CHANGES_MAX + 1; count++) {
		request.change_count = count;
		assert_int_equal(encode_request(b, &request), count <= LIMIT_CHANGES_MAX ? ST_OK : ST_LIMIT);
		if (count <= LIMIT_CHANGES_MAX)
			assert_int_equal(decode_request(b, &back), ST_OK);
	}
	request.change_count = 0;
	for (size_t count = LIMIT_HELD_MAX - 1; count <= LIMIT_HELD_MAX + 1; count++) {
		request.held_count = count;
		assert_int_equal(encode_request(b, &request), count <= LIMIT_HELD_MAX ? ST_OK : ST_LIMIT);
		if (count <= LIMIT_HELD_MAX)
			assert_int_equal(decode_request(b, &back), ST_OK);
	}
	assert_int_equal(decode_many(b, 2, LIMIT_CHANGES_MAX + 1, "\x92\x01\xc4\x00", 4), ST_LIMIT);
	assert_int_equal(decode_many(b, 3, LIMIT_HELD_MAX + 1, "\x92\x01\xc4\x08xxxxxxxx", 12), ST_LIMIT);
}

static void a_cursor_and_a_version_text_pass_up_to_their_limits_and_no_longer(void **state)
{
	struct bench *b = *state;
	static uint8_t cursor[LIMIT_CURSOR_MAX + 1];
	char version[LIMIT_TEXT_MAX + 2] = { 0 };
	struct request request = { .health.version = version }, back;

	for (size_t len = LIMIT_CURSOR_MAX - 1; len <= LIMIT_CURSOR_MAX + 1; len++) {
		request.cursor = (struct bytes){ cursor, len };
		assert_int_equal(encode_request(b, &request), len <= LIMIT_CURSOR_MAX ? ST_OK : ST_LIMIT);
	}
	request.cursor.len = 0;
	for (size_t len = LIMIT_TEXT_MAX - 1; len <= LIMIT_TEXT_MAX + 1; len++) {
		memset(version, 'x', len);
		assert_int_equal(encode_request(b, &request), len <= LIMIT_TEXT_MAX ? ST_OK : ST_LIMIT);
	}
	buf_reset(&b->buf);
	buf_add(&b->buf, "\x81\x01\xc6\x00\x01\x00\x01", 7);
	buf_add(&b->buf, cursor, sizeof cursor);
	assert_int_equal(decode_request(b, &back), ST_LIMIT);
	buf_reset(&b->buf);
	buf_add(&b->buf, "\x81\x06\x81\x04\xda\x01\x01", 7);
	buf_add(&b->buf, version, LIMIT_TEXT_MAX + 1);
	assert_int_equal(decode_request(b, &back), ST_LIMIT);
}

static void random_outcome(struct wire_random *random, struct arena *arena, struct outcome *out)
{
	*out = (struct outcome){ .n = 1 + wire_below(random, 99999), .seq = wire_next(random) >> 1 };
	out->result = (enum outcome_result)wire_below(random, 4);
	if (out->result == OUTCOME_HELD)
		out->reason = (enum held_reason)(1 + wire_below(random, HELD_CLOSED));
	if (out->result == OUTCOME_JUDGED) {
		struct outcome_group *groups = arena_zalloc(arena, 8 * sizeof *groups);

		out->group_count = 1 + wire_below(random, 8);
		for (size_t i = 0; i < out->group_count; i++)
			groups[i] = (struct outcome_group){ (uint8_t)(3 * i),
							    (enum outcome_verdict)wire_below(random, 3) };
		out->groups = groups;
	}
}

static const struct id *random_ids(struct wire_random *random, struct arena *arena, size_t *count_out)
{
	struct id *ids = arena_zalloc(arena, 5 * sizeof *ids);

	*count_out = wire_below(random, 5);
	wire_bytes(random, ids, *count_out * sizeof *ids);
	return ids;
}

static void random_answer(struct wire_random *random, struct bench *b)
{
	struct answer *a = &b->answer;
	struct outcome *outcomes = arena_zalloc(&b->arena, 10 * sizeof *outcomes);

	*a = (struct answer){ .received_ms = 1795000000000, .outcomes = outcomes };
	a->sent_ms = a->received_ms + (int64_t)wire_below(random, 2000) - 1000;
	a->cursor = random_bytes(random, &b->arena, 60);
	a->more = wire_below(random, 2);
	for (a->outcome_count = 0; a->outcome_count < wire_below(random, 10); a->outcome_count++)
		random_outcome(random, &b->arena, &outcomes[a->outcome_count]);
	a->let_go = random_ids(random, &b->arena, &a->let_go_count);
	a->filling = random_ids(random, &b->arena, &a->filling_count);
	a->complete = random_ids(random, &b->arena, &a->complete_count);
	for (a->notice_count = 0; a->notice_count < wire_below(random, 8); a->notice_count++)
		a->notices[a->notice_count] = (enum notice)(1 + wire_below(random, NOTICE_VERSION));
	a->send_from = wire_below(random, 100);
	a->base_seq = wire_below(random, 2) ? wire_next(random) >> 1 : 0;
	a->watermark_seq = wire_next(random) >> 1;
}

static void encode_answer(struct wire_random *random, struct bench *b, size_t record_count)
{
	buf_reset(&b->buf);
	buf_reset(&b->records);
	for (size_t i = 0; i < record_count; i++) {
		wire_record(random, b->schema, &b->arena, &b->sent[i]);
		assert_int_equal(answer_record_encode(&b->records, &b->answer, &b->sent[i]), ST_OK);
	}
	assert_int_equal(answer_encode(&b->buf, &b->answer, &b->records, record_count), ST_OK);
}

static void assert_outcomes_equal(const struct answer *a, const struct answer *b)
{
	assert_int_equal(a->outcome_count, b->outcome_count);
	for (size_t i = 0; i < a->outcome_count; i++) {
		const struct outcome *one = &a->outcomes[i], *two = &b->outcomes[i];

		assert_true(one->n == two->n && one->seq == two->seq);
		assert_int_equal(one->result, two->result);
		assert_int_equal(one->reason, two->reason);
		assert_int_equal(one->group_count, two->group_count);
		for (size_t g = 0; g < one->group_count; g++) {
			assert_int_equal(one->groups[g].num, two->groups[g].num);
			assert_int_equal(one->groups[g].verdict, two->groups[g].verdict);
		}
	}
}

static void assert_answers_equal(const struct answer *a, const struct answer *b)
{
	assert_true(a->received_ms == b->received_ms && a->sent_ms == b->sent_ms);
	assert_true(bytes_equal(&a->cursor, &b->cursor));
	assert_int_equal(a->more, b->more);
	assert_outcomes_equal(a, b);
	assert_int_equal(a->let_go_count, b->let_go_count);
	assert_int_equal(a->filling_count, b->filling_count);
	assert_int_equal(a->complete_count, b->complete_count);
	if (a->let_go_count)
		assert_memory_equal(a->let_go, b->let_go, a->let_go_count * sizeof *a->let_go);
	if (a->filling_count)
		assert_memory_equal(a->filling, b->filling, a->filling_count * sizeof *a->filling);
	if (a->complete_count)
		assert_memory_equal(a->complete, b->complete, a->complete_count * sizeof *a->complete);
	assert_int_equal(a->notice_count, b->notice_count);
	assert_memory_equal(a->notices, b->notices, sizeof a->notices);
	assert_true(a->send_from == b->send_from && a->base_seq == b->base_seq);
	assert_true(a->watermark_seq == b->watermark_seq);
}

static void assert_records_equal(const struct answer_record *a, const struct answer_record *b)
{
	assert_ptr_equal(a->kind, b->kind);
	assert_true(id_equal(&a->id, &b->id) && id_equal(&a->patient, &b->patient));
	assert_true(a->seq == b->seq && a->mask == b->mask);
	assert_int_equal(a->whole, b->whole);
	assert_int_equal(a->deleted, b->deleted);
	assert_true(row_equal(&a->row, &b->row, (UINT64_C(1) << SCHEMA_FIELDS_MAX) - 1));
}

static void every_answer_comes_back_with_its_records_as_it_was_written(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 7 };
	struct answer back;

	for (unsigned round = 0; round < 500; round++) {
		const size_t count = wire_below(&random, 40);

		arena_reset(&b->arena);
		random_answer(&random, b);
		encode_answer(&random, b, count);
		assert_int_equal(answer_decode(b->buf.data, b->buf.len, b->answer.base_seq, &b->arena, &back), ST_OK);
		assert_answers_equal(&b->answer, &back);
		assert_int_equal(back.record_count, count);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(answer_record_decode(b->schema, &back, i, &b->arena, &b->got), ST_OK);
			assert_records_equal(&b->sent[i], &b->got);
		}
	}
}

static void no_prefix_of_an_answer_is_an_answer_and_an_altered_one_never_crashes(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 8 };
	struct answer back;

	for (unsigned round = 0; round < 10; round++) {
		arena_reset(&b->arena);
		random_answer(&random, b);
		encode_answer(&random, b, 5);
		for (size_t cut = 0; cut < b->buf.len; cut++)
			assert_int_equal(answer_decode(b->buf.data, cut, b->answer.base_seq, &b->arena, &back), ST_PROTOCOL);
		for (size_t at = 0; at < b->buf.len; at++) {
			const uint8_t bit = (uint8_t)(1U << wire_below(&random, 8));

			b->buf.data[at] ^= bit;
			if (answer_decode(b->buf.data, b->buf.len, b->answer.base_seq, &b->arena, &back) == ST_OK)
				for (size_t i = 0; i < back.record_count; i++)
					if (answer_record_decode(b->schema, &back, i, &b->arena, &b->got) == ST_OK)
						assert_non_null(b->got.kind);
			b->buf.data[at] ^= bit;
		}
	}
}

static enum status decode_answer(struct bench *b, const char *hex)
{
	static uint8_t bytes[256];
	const size_t len = wire_unhex(hex, bytes, sizeof bytes);
	enum status st = answer_decode(bytes, len, 0, &b->arena, &b->answer);

	return st == ST_OK && b->answer.record_count > 0
		       ? answer_record_decode(b->schema, &b->answer, 0, &b->arena, &b->got)
		       : st;
}

static void what_a_newer_centre_adds_to_an_answer_is_skipped(void **state)
{
	struct bench *b = *state;

	assert_int_equal(decode_answer(b, "83 00 05 0d 8101c0 cd0100 90"), ST_OK);
	assert_true(b->answer.received_ms == 5 && b->answer.sent_ms == 5);
	/* a notice of tomorrow between two of today */
	assert_int_equal(decode_answer(b, "81 09 93 01 7f 02"), ST_OK);
	assert_int_equal(b->answer.notice_count, 2);
	assert_int_equal(b->answer.notices[1], NOTICE_CURSOR);
}

#define ID_ONE "c41000000000000000000000000000000001 "

static void what_no_centre_would_send_is_refused(void **state)
{
	static const char *const answers[] = {
		"c0", "90", "81 00 ff", "81 01 ff", "81 02 a0", "81 03 01", "81 04 80", "81 05 80", "81 06 91 c400",
		"81 09 91 00", "81 0a ff", "81 0b cfffffffffffffffff", "81 0c 80", "81 0c 91 01",
		"81 04 91 920100", "81 04 91 93000000", "81 04 91 93010400", "81 04 91 930100ff", /* sequence below 0 */
		"81 04 91 93010200", "81 04 91 9401020000", "81 04 91 940102000a",
		"81 04 91 93010100", "81 04 91 9401010001", "81 04 91 9501010001 03",
		"81 04 91 97010100 0400 0300",              /* groups not ascending */
		"81 04 91 9301 00 cf8000000000000000",       /* a sequence past the end */
		"81 04 91 9401000000", "81 04 91 94010000c0",  /* a run of none */
		"81 04 91 94cf7fffffffffffffff 00 01 02",    /* numbers past the end */
		"81 04 91 9401 00 cf7fffffffffffffff 02",    /* sequences past the end */
		"81 05 91 95 08" ID_ONE ID_ONE "00 01",
		"81 05 91 96 08" ID_ONE "c0 00 01 80",       /* a whole task without its patient */
		"81 05 91 96 08" ID_ONE ID_ONE "00 00 80",   /* a part of one with it */
		"81 05 91 96 03" ID_ONE ID_ONE "00 01 80",   /* a worker with one */
		"81 05 91 96 08" ID_ONE ID_ONE "00 04 80",   /* no such flag */
		"81 05 91 96 08" ID_ONE ID_ONE "ff 01 80",
		"81 05 91 96 08" ID_ONE "c0 00 00 8104c0", /* part of a group */
		"81 05 91 96 08" ID_ONE "c0 00 00 810c93 0505a0",             /* a splice without its check */
		"81 05 91 96 08" ID_ONE "c0 00 00 810c94 0505a0 c407 01020304050607",
		"81 05 91 96 08" ID_ONE "c0 00 00 810c94 ff05a0 c408 0102030405060708",
		"81 05 91 96 08" ID_ONE "c0 00 00 810c94 ce0004000105a0 c408 0102030405060708",
		"81 05 91 96 08" ID_ONE "c0 00 00 810c94 0505c0 c408 0102030405060708",
		"81 05 91 96 08" ID_ONE "c0 00 00 810794 0505a0 c408 0102030405060708", /* of a word */
		"81 05 91 96 08" ID_ONE ID_ONE "00 01 810c94 0505a0 c408 0102030405060708", /* in a whole record */
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		if (decode_answer(b, answers[i]) != ST_PROTOCOL)
			print_error("answer %zu\n", i);
		assert_int_equal(decode_answer(b, answers[i]), ST_PROTOCOL);
	}
	assert_int_equal(decode_answer(b, "81 05 91 96 7f" ID_ONE ID_ONE "00 01 80"), ST_UNKNOWN);
	assert_int_equal(decode_answer(b, "81 05 91 96 08" ID_ONE ID_ONE "00 01 817dc0"), ST_UNKNOWN);
	assert_int_equal(decode_answer(b, "81 05 91 96 08" ID_ONE ID_ONE "00 01 810701"), ST_INVALID);
	assert_int_equal(decode_answer(b, "81 09 99 010101010101010101"), ST_LIMIT);
	assert_int_equal(decode_answer(b, "81 04 91 940100 00 cf7fffffffffffffff"), ST_LIMIT);
}

static const char LONG_TEXT[] = "She slept well. The wound is dry and clean. Her daughter visits on Sundays, her son calls every day.";
static const char EDITED[] = "She slept well. The wound is dry and almost clean. Her daughter visits on Sundays, her son calls every day.";

/* A part of a task whose notes were edited, as the tablet with the former ones is sent it, read back. */
static void splice_notes(struct bench *b)
{
	static struct bytes base[SCHEMA_FIELDS_MAX];
	struct answer_record *sent = &b->sent[0];
	const size_t notes = wire_field(schema_kind(b->schema, "task", 4), "notes");

	*sent = (struct answer_record){ .kind = schema_kind(b->schema, "task", 4), .seq = 5, .base = base };
	base[notes] = (struct bytes){ LONG_TEXT, strlen(LONG_TEXT) };
	sent->mask = UINT64_C(1) << notes;
	sent->row.values[notes] = value_string(EDITED);
	b->answer = (struct answer){ .base_seq = 5 };
	assert_int_equal(answer_record_encode(&b->records, &b->answer, sent), ST_OK);
	assert_true(b->records.len < 64);
	assert_int_equal(answer_encode(&b->buf, &b->answer, &b->records, 1), ST_OK);
	assert_int_equal(answer_decode(b->buf.data, b->buf.len, 5, &b->arena, &b->answer), ST_OK);
	assert_int_equal(answer_record_decode(b->schema, &b->answer, 0, &b->arena, &b->got), ST_OK);
	assert_int_equal(b->got.splice_count, 1);
	assert_int_equal(b->got.splices[0].field, notes);
}

static void a_long_text_travels_as_what_is_new_in_it(void **state)
{
	struct bench *b = *state;

	splice_notes(b);
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ LONG_TEXT, strlen(LONG_TEXT) }, &b->arena), ST_OK);
	assert_true(row_equal(&b->sent[0].row, &b->got.row, b->sent[0].mask));
}

static void from_another_text_it_is_not_made(void **state)
{
	struct bench *b = *state;
	char other[sizeof LONG_TEXT];

	splice_notes(b);
	memcpy(other, LONG_TEXT, sizeof other);
	other[3] ^= 1;
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ other, strlen(other) }, &b->arena), ST_NOT_FOUND);
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ LONG_TEXT, 40 }, &b->arena), ST_NOT_FOUND);
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ NULL, 0 }, &b->arena), ST_NOT_FOUND);
}

/* The greatest length of the field is held before there is room for the text. */
static void a_splice_does_not_grow_past_its_field(void **state)
{
	struct bench *b = *state;
	const size_t max = 65536;
	char *huge = calloc(1, max + 1);

	assert_non_null(huge);
	memset(huge, 'x', max);
	splice_notes(b);
	b->got.splices[0].prefix = max;
	b->got.splices[0].suffix = 0;
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ huge, max }, &b->arena), ST_LIMIT);
	b->got.splices[0].suffix = max;
	assert_int_equal(answer_splice_join(&b->got, 0, &(struct bytes){ huge, max }, &b->arena), ST_NOT_FOUND);
	free(huge);
}

static void accepted_changes_one_after_the_other_are_one_run(void **state)
{
	static const struct outcome sent[] = {
		{ .n = 3, .seq = 70 }, { .n = 4, .seq = 71 }, { .n = 5, .seq = 72 },               /* one run */
		{ .n = 6, .seq = 74 }, { .n = 8, .seq = 75 }, { .n = 9, .seq = 76 },               /* one, and one of two */
		{ .n = 10, .seq = 77, .result = OUTCOME_RETURNED }, { .n = 11, .seq = 78 },
	};
	static const uint8_t said[] = { 0x81, 4, 0x95, 0x94, 3, 0, 70, 3, 0x93, 6, 0, 74, 0x94, 8, 0, 75, 2,
					0x93, 10, 3, 77, 0x93, 11, 0, 78 };
	const struct answer answer = { .outcomes = sent, .outcome_count = 8 };
	struct bench *b = *state;
	struct answer back;

	assert_int_equal(answer_encode(&b->buf, &answer, &b->records, 0), ST_OK);
	assert_int_equal(b->buf.len, sizeof said);
	assert_memory_equal(b->buf.data, said, sizeof said);
	assert_int_equal(answer_decode(said, sizeof said, 0, &b->arena, &back), ST_OK);
	assert_outcomes_equal(&answer, &back);
}

/* As many as an answer may bring, said in a few bytes; one more is refused before there is room for them. */
static void a_run_is_no_longer_than_outcomes_may_be(void **state)
{
	struct bench *b = *state;

	assert_int_equal(decode_answer(b, "81 04 91 94010000 cd07d0"), ST_OK);
	assert_int_equal(b->answer.outcome_count, LIMIT_CHANGES_MAX + LIMIT_HELD_MAX);
	assert_int_equal(b->answer.outcomes[1999].n, 2000);
	assert_int_equal(decode_answer(b, "81 04 91 94010000 cd07d1"), ST_LIMIT);
	assert_int_equal(decode_answer(b, "81 04 92 94010000 cd07d0 93cd2710 00 00"), ST_LIMIT);
}

static void an_answer_of_too_many_objects_does_not_leave(void **state)
{
	struct bench *b = *state;
	struct answer_record record = { .kind = schema_kind(b->schema, "task", 4), .whole = true };
	size_t items = 0, count = 0;

	b->answer = (struct answer){ .received_ms = 0 };
	while (items + answer_record_items(&record) + 3 <= LIMIT_ITEMS_MAX) {
		assert_int_equal(answer_record_encode(&b->records, &b->answer, &record), ST_OK);
		items += answer_record_items(&record);
		count++;
	}
	assert_int_equal(answer_encode(&b->buf, &b->answer, &b->records, count), ST_OK);
	assert_int_equal(answer_record_encode(&b->records, &b->answer, &record), ST_OK);
	buf_reset(&b->buf);
	assert_int_equal(answer_encode(&b->buf, &b->answer, &b->records, count + 1), ST_LIMIT);
	assert_int_equal(b->buf.len, 0);
}

static void that_a_tablet_was_withdrawn_travels_beside_a_reason_that_every_tablet_knows(void **state)
{
	struct bench *b = *state;
	const struct outcome told[] = {
		{ .n = 1, .seq = 1, .result = OUTCOME_HELD, .reason = HELD_NOT_YOURS },
		{ .n = 2, .seq = 2, .result = OUTCOME_HELD, .reason = HELD_WITHDRAWN },
		{ .n = 3, .seq = 3, .result = OUTCOME_ACCEPTED },
		{ .n = 4, .seq = 4, .result = OUTCOME_HELD, .reason = HELD_WITHDRAWN },
		{ .n = 5, .seq = 5, .result = OUTCOME_HELD, .reason = HELD_INVALID },
	};
	const struct answer answer = { .outcomes = told, .outcome_count = 5, .base_seq = 5 };
	/* The last two bytes are the numbers 2 and 4 of key 12. */
	static const uint8_t key[] = { 12, 0x92, 2, 4 };
	struct answer back;
	uint8_t *bytes = NULL;

	assert_int_equal(answer_encode(&b->buf, &answer, &b->records, 0), ST_OK);
	bytes = (uint8_t *)b->buf.data + b->buf.len - sizeof key;
	assert_memory_equal(bytes, key, sizeof key);
	assert_int_equal(answer_decode(b->buf.data, b->buf.len, 5, &b->arena, &back), ST_OK);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(back.outcomes[i].reason, told[i].reason);
	bytes[3] = 3; /* which was accepted */
	assert_int_equal(answer_decode(b->buf.data, b->buf.len, 5, &b->arena, &back), ST_PROTOCOL);
	bytes[0] = 13; /* as one reads it who does not know the key */
	assert_int_equal(answer_decode(b->buf.data, b->buf.len, 5, &b->arena, &back), ST_OK);
	assert_int_equal(back.outcomes[1].reason, HELD_NOT_YOURS);
}

static void every_reason_to_hold_says_what_it_means_and_what_to_do(void **state)
{
	(void)state;
	assert_string_equal(held_reason_name(HELD_NOT_YOURS), "not-yours");
	assert_string_equal(held_reason_name(HELD_UNREADABLE), "unreadable");
	for (int reason = 0; reason < HELD_REASON_COUNT; reason++) {
		assert_true(strlen(held_reason_name((enum held_reason)reason)) > 0);
		assert_true(strlen(held_reason_what((enum held_reason)reason)) > 10);
		assert_true(strlen(held_reason_next((enum held_reason)reason)) > 10);
		for (int other = 0; other < reason; other++)
			assert_string_not_equal(held_reason_name((enum held_reason)reason),
						held_reason_name((enum held_reason)other));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_request_comes_back_as_it_was_written_and_no_prefix_of_it),
		TEST(what_no_tablet_would_send_is_refused),
		TEST(changes_and_held_numbers_pass_up_to_their_limits_and_no_more),
		TEST(a_cursor_and_a_version_text_pass_up_to_their_limits_and_no_longer),
		TEST(every_answer_comes_back_with_its_records_as_it_was_written),
		TEST(no_prefix_of_an_answer_is_an_answer_and_an_altered_one_never_crashes),
		TEST(what_a_newer_centre_adds_to_an_answer_is_skipped),
		TEST(what_no_centre_would_send_is_refused),
		TEST(a_long_text_travels_as_what_is_new_in_it),
		TEST(from_another_text_it_is_not_made),
		TEST(a_splice_does_not_grow_past_its_field),
		TEST(accepted_changes_one_after_the_other_are_one_run),
		TEST(a_run_is_no_longer_than_outcomes_may_be),
		TEST(an_answer_of_too_many_objects_does_not_leave),
		TEST(every_reason_to_hold_says_what_it_means_and_what_to_do),
		TEST(that_a_tablet_was_withdrawn_travels_beside_a_reason_that_every_tablet_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
