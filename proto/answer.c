#include "proto/message.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"
#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/scan.h"

enum key {
	KEY_RECEIVED,
	KEY_SENT,
	KEY_CURSOR,
	KEY_MORE,
	KEY_OUTCOMES,
	KEY_RECORDS,
	KEY_LET_GO,
	KEY_FILLING,
	KEY_COMPLETE,
	KEY_NOTICES,
	KEY_SEND_FROM,
	KEY_WATERMARK,
	KEY_WITHDRAWN,
	KEY_COUNT
};

/* Places in an outcome, before its detail. */
enum { OUTCOME_N, OUTCOME_RESULT, OUTCOME_SEQ, OUTCOME_DETAIL };

#define NOTICES_MAX (sizeof((struct answer *)NULL)->notices / sizeof(enum notice))
#define OUTCOMES_MAX (LIMIT_CHANGES_MAX + LIMIT_HELD_MAX)

/* --- writing --- */

static void write_uint(msgpack_packer *packer, uint8_t key, uint64_t number)
{
	assert(number <= PACK_NUMBER_MAX);
	if (number == 0)
		return;
	msgpack_pack_uint8(packer, key);
	msgpack_pack_uint64(packer, number);
}

static void write_seq(msgpack_packer *packer, uint64_t seq, uint64_t base_seq)
{
	assert(seq <= PACK_NUMBER_MAX && base_seq <= PACK_NUMBER_MAX);
	msgpack_pack_int64(packer, (int64_t)seq - (int64_t)base_seq);
}

static void write_ids(msgpack_packer *packer, uint8_t key, const struct id *ids, size_t count)
{
	if (count == 0)
		return;
	msgpack_pack_uint8(packer, key);
	msgpack_pack_array(packer, count);
	for (size_t i = 0; i < count; i++)
		pack_bin(packer, ids[i].bytes, ID_SIZE);
}

/* How many outcomes from the i-th on are one run: accepted, with numbers and sequences that ascend by one. */
static size_t run_at(const struct answer *answer, size_t i)
{
	const struct outcome *first = &answer->outcomes[i];
	size_t count = 1;

	while (first->result == OUTCOME_ACCEPTED && i + count < answer->outcome_count &&
	       first[count].result == OUTCOME_ACCEPTED && first[count].n == first->n + count &&
	       first[count].seq == first->seq + count)
		count++;
	return count;
}

/* run: how many are said by this one. */
static void write_outcome(msgpack_packer *packer, const struct outcome *outcome, size_t run, uint64_t base_seq)
{
	bool judged = outcome->result == OUTCOME_JUDGED, held = outcome->result == OUTCOME_HELD;

	assert(outcome->n > 0 && outcome->n <= PACK_NUMBER_MAX);
	assert(!judged || (outcome->group_count > 0 && outcome->group_count <= SCHEMA_FIELDS_MAX + 1));
	assert(!held || (outcome->reason > HELD_NONE && outcome->reason < HELD_REASON_COUNT));
	msgpack_pack_array(packer, OUTCOME_DETAIL + (judged ? 2 * outcome->group_count : held || run > 1));
	msgpack_pack_uint64(packer, outcome->n);
	msgpack_pack_uint8(packer, (uint8_t)outcome->result);
	write_seq(packer, outcome->seq, base_seq);
	/* A tablet that knows of no withdrawal knows no such reason: it is told the nearest that it has (write_withdrawn). */
	if (held)
		msgpack_pack_uint8(packer, outcome->reason == HELD_WITHDRAWN ? HELD_NOT_YOURS : (uint8_t)outcome->reason);
	if (run > 1)
		msgpack_pack_uint64(packer, run);
	for (size_t i = 0; judged && i < outcome->group_count; i++) {
		assert(i == 0 || outcome->groups[i].num > outcome->groups[i - 1].num);
		msgpack_pack_uint8(packer, outcome->groups[i].num);
		msgpack_pack_uint8(packer, (uint8_t)outcome->groups[i].verdict);
	}
}

static void write_outcomes(msgpack_packer *packer, const struct answer *answer)
{
	size_t runs = 0;

	for (size_t i = 0; i < answer->outcome_count; i += run_at(answer, i))
		runs++;
	if (runs == 0)
		return;
	msgpack_pack_uint8(packer, KEY_OUTCOMES);
	msgpack_pack_array(packer, runs);
	for (size_t i = 0; i < answer->outcome_count; i += run_at(answer, i))
		write_outcome(packer, &answer->outcomes[i], run_at(answer, i), answer->base_seq);
}

static bool is_withdrawn(const struct outcome *outcome)
{
	return outcome->result == OUTCOME_HELD && outcome->reason == HELD_WITHDRAWN;
}

static size_t count_withdrawn(const struct answer *answer)
{
	size_t count = 0;

	for (size_t i = 0; i < answer->outcome_count; i++)
		count += is_withdrawn(&answer->outcomes[i]);
	return count;
}

/* Which of those that are said to be not-yours are withdrawn. */
static void write_withdrawn(msgpack_packer *packer, const struct answer *answer)
{
	const size_t count = count_withdrawn(answer);

	if (count == 0)
		return;
	msgpack_pack_uint8(packer, KEY_WITHDRAWN);
	msgpack_pack_array(packer, count);
	for (size_t i = 0; i < answer->outcome_count; i++)
		if (is_withdrawn(&answer->outcomes[i]))
			msgpack_pack_uint64(packer, answer->outcomes[i].n);
}

static void write_notices(msgpack_packer *packer, const struct answer *answer)
{
	assert(answer->notice_count <= NOTICES_MAX);
	if (answer->notice_count == 0)
		return;
	msgpack_pack_uint8(packer, KEY_NOTICES);
	msgpack_pack_array(packer, answer->notice_count);
	for (size_t i = 0; i < answer->notice_count; i++)
		msgpack_pack_uint8(packer, (uint8_t)answer->notices[i]);
}

static size_t answer_keys(const struct answer *answer, size_t record_count)
{
	size_t count = 0;

	count += answer->received_ms != 0;
	count += answer->sent_ms != answer->received_ms;
	count += answer->cursor.len != 0;
	count += answer->more;
	count += answer->outcome_count != 0;
	count += record_count != 0;
	count += answer->let_go_count != 0;
	count += answer->filling_count != 0;
	count += answer->complete_count != 0;
	count += answer->notice_count != 0;
	count += answer->send_from != 0;
	count += answer->watermark_seq != 0;
	count += count_withdrawn(answer) != 0;
	return count;
}

static void write_head(msgpack_packer *packer, const struct answer *answer)
{
	write_uint(packer, KEY_RECEIVED, (uint64_t)answer->received_ms);
	if (answer->sent_ms != answer->received_ms) {
		msgpack_pack_uint8(packer, KEY_SENT);
		msgpack_pack_int64(packer, answer->sent_ms - answer->received_ms);
	}
	if (answer->cursor.len > 0) {
		msgpack_pack_uint8(packer, KEY_CURSOR);
		pack_bin(packer, answer->cursor.data, answer->cursor.len);
	}
	if (answer->more) {
		msgpack_pack_uint8(packer, KEY_MORE);
		msgpack_pack_true(packer);
	}
}

enum status answer_encode(struct buf *out, const struct answer *answer, const struct buf *records,
			  size_t record_count)
{
	const size_t before = out->len;
	enum status st = record_count > 0 ? buf_status(records) : ST_OK;
	msgpack_packer packer;

	assert(answer->received_ms >= 0 && answer->received_ms <= MOMENT_MS_MAX);
	assert(answer->sent_ms >= 0 && answer->sent_ms <= MOMENT_MS_MAX);
	if (st != ST_OK)
		return st;
	if (answer->cursor.len > LIMIT_CURSOR_MAX || answer->outcome_count > OUTCOMES_MAX)
		return ST_LIMIT;
	pack_to(&packer, out);
	msgpack_pack_map(&packer, answer_keys(answer, record_count));
	write_head(&packer, answer);
	write_outcomes(&packer, answer);
	if (record_count > 0) {
		msgpack_pack_uint8(&packer, KEY_RECORDS);
		msgpack_pack_array(&packer, record_count);
		buf_add(out, records->data, records->len);
	}
	write_ids(&packer, KEY_LET_GO, answer->let_go, answer->let_go_count);
	write_ids(&packer, KEY_FILLING, answer->filling, answer->filling_count);
	write_ids(&packer, KEY_COMPLETE, answer->complete, answer->complete_count);
	write_notices(&packer, answer);
	write_uint(&packer, KEY_SEND_FROM, answer->send_from);
	write_uint(&packer, KEY_WATERMARK, answer->watermark_seq);
	write_withdrawn(&packer, answer);
	if (out->len - before > LIMIT_INFLATED_MAX)
		st = ST_LIMIT;
	/* What a tablet would refuse must not leave: too many objects above all. */
	if (st == ST_OK && buf_status(out) == ST_OK)
		st = scan_frame(out->data + before, out->len - before);
	return pack_end(out, before, st);
}

/* --- reading --- */

static bool read_seq(const msgpack_object *object, uint64_t base_seq, uint64_t *out)
{
	int64_t difference, seq;

	if (!pack_get_int(object, INT64_MIN, INT64_MAX, &difference) ||
	    __builtin_add_overflow(difference, (int64_t)base_seq, &seq) || seq < 0)
		return false;
	*out = (uint64_t)seq;
	return true;
}

static enum status read_ids(const msgpack_object *object, struct arena *arena, const struct id **out,
			    size_t *count_out)
{
	const msgpack_object *items;
	struct id *ids;
	size_t count;

	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &count, &items))
		return ST_PROTOCOL;
	ids = arena_alloc(arena, count > 0 ? count * sizeof *ids : 1);
	if (!ids)
		return ST_NOMEM;
	for (size_t i = 0; i < count; i++)
		if (!pack_get_id(&items[i], &ids[i]))
			return ST_PROTOCOL;
	*out = ids;
	*count_out = count;
	return ST_OK;
}

static enum status read_verdicts(const msgpack_object *items, size_t count, struct arena *arena,
				 struct outcome *outcome)
{
	struct outcome_group *groups;
	uint64_t num, verdict;

	if (count == 0 || count % 2 != 0)
		return ST_PROTOCOL;
	if (count / 2 > SCHEMA_FIELDS_MAX + 1)
		return ST_LIMIT;
	groups = arena_alloc(arena, count / 2 * sizeof *groups);
	if (!groups)
		return ST_NOMEM;
	for (size_t i = 0; i < count / 2; i++) {
		if (!pack_get_uint(&items[2 * i], INT8_MAX, &num) ||
		    !pack_get_uint(&items[2 * i + 1], GROUP_SUPERSEDED, &verdict) ||
		    (i > 0 && num <= groups[i - 1].num))
			return ST_PROTOCOL;
		groups[i].num = (uint8_t)num;
		groups[i].verdict = (enum outcome_verdict)verdict;
	}
	outcome->groups = groups;
	outcome->group_count = count / 2;
	return ST_OK;
}

static enum status read_outcome(const msgpack_object *object, uint64_t base_seq, struct arena *arena,
				struct outcome *outcome)
{
	const msgpack_object *items;
	uint64_t result, reason;
	size_t count;

	if (!pack_get_array(object, &count, &items) || count < OUTCOME_DETAIL)
		return ST_PROTOCOL;
	if (!pack_get_uint(&items[OUTCOME_N], PACK_NUMBER_MAX, &outcome->n) || outcome->n == 0 ||
	    !pack_get_uint(&items[OUTCOME_RESULT], OUTCOME_RETURNED, &result) ||
	    !read_seq(&items[OUTCOME_SEQ], base_seq, &outcome->seq))
		return ST_PROTOCOL;
	outcome->result = (enum outcome_result)result;
	if (outcome->result == OUTCOME_JUDGED)
		return read_verdicts(items + OUTCOME_DETAIL, count - OUTCOME_DETAIL, arena, outcome);
	if (outcome->result == OUTCOME_ACCEPTED)
		return ST_OK; /* its detail is read by run_of */
	if (outcome->result == OUTCOME_RETURNED)
		return count == OUTCOME_DETAIL ? ST_OK : ST_PROTOCOL;
	if (count != OUTCOME_DETAIL + 1 ||
	    !pack_get_uint(&items[OUTCOME_DETAIL], HELD_CLOSED, &reason) || reason == HELD_NONE)
		return ST_PROTOCOL;
	outcome->reason = (enum held_reason)reason;
	return ST_OK;
}

/* How many outcomes this array stands for; 0: it is none. */
static size_t run_of(const msgpack_object *object)
{
	const msgpack_object *items;
	uint64_t result, run = 1;
	size_t count;

	if (!pack_get_array(object, &count, &items) || count < OUTCOME_DETAIL ||
	    !pack_get_uint(&items[OUTCOME_RESULT], OUTCOME_RETURNED, &result))
		return 0;
	if (result != OUTCOME_ACCEPTED || count == OUTCOME_DETAIL)
		return 1;
	if (count != OUTCOME_DETAIL + 1 || !pack_get_uint(&items[OUTCOME_DETAIL], PACK_NUMBER_MAX, &run))
		return 0;
	return run <= OUTCOMES_MAX ? (size_t)run : OUTCOMES_MAX + 1;
}

static enum status count_outcomes(const msgpack_object *items, size_t count, size_t *total_out)
{
	size_t total = 0;

	for (size_t i = 0; i < count && total <= OUTCOMES_MAX; i++) {
		const size_t run = run_of(&items[i]);

		if (run == 0)
			return ST_PROTOCOL;
		total += run;
	}
	*total_out = total;
	return total <= OUTCOMES_MAX ? ST_OK : ST_LIMIT;
}

/* Reads one array of the message into the outcomes it stands for. */
static enum status read_run(const msgpack_object *object, uint64_t base_seq, struct arena *arena,
			    struct outcome *outcomes, size_t run)
{
	enum status st = read_outcome(object, base_seq, arena, outcomes);

	if (st == ST_OK && (outcomes->n > PACK_NUMBER_MAX - run || outcomes->seq > PACK_NUMBER_MAX - run))
		return ST_PROTOCOL;
	for (size_t i = 1; i < run && st == ST_OK; i++) {
		outcomes[i] = outcomes[0];
		outcomes[i].n += i;
		outcomes[i].seq += i;
	}
	return st;
}

/* *outcomes_out: those of the answer, to be gone over. */
static enum status read_outcomes(const msgpack_object *object, struct arena *arena, struct answer *answer,
				 struct outcome **outcomes_out)
{
	const msgpack_object *items;
	struct outcome *outcomes;
	size_t count, total = 0, at = 0;
	enum status st;

	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &count, &items))
		return ST_PROTOCOL;
	st = count_outcomes(items, count, &total);
	if (st != ST_OK)
		return st;
	outcomes = arena_zalloc(arena, total > 0 ? total * sizeof *outcomes : 1);
	if (!outcomes)
		return ST_NOMEM;
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const size_t run = run_of(&items[i]);

		st = read_run(&items[i], answer->base_seq, arena, &outcomes[at], run);
		at += run;
	}
	answer->outcomes = *outcomes_out = outcomes;
	answer->outcome_count = total;
	return st;
}

/* A notice only informs: one that this version does not know is left out. */
static enum status read_notices(const msgpack_object *object, struct answer *answer)
{
	const msgpack_object *items;
	uint64_t code;
	size_t count;

	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &count, &items))
		return ST_PROTOCOL;
	if (count > NOTICES_MAX)
		return ST_LIMIT;
	for (size_t i = 0; i < count; i++) {
		if (!pack_get_uint(&items[i], UINT32_MAX, &code) || code == NOTICE_NONE)
			return ST_PROTOCOL;
		if (code <= NOTICE_WITHDRAWN)
			answer->notices[answer->notice_count++] = (enum notice)code;
	}
	return ST_OK;
}

static bool read_number(const msgpack_object *object, uint64_t *out)
{
	*out = 0;
	return !object || pack_get_uint(object, PACK_NUMBER_MAX, out);
}

static enum status read_head(const msgpack_object *const *slots, struct answer *answer)
{
	uint64_t received;
	int64_t difference = 0;

	if (!read_number(slots[KEY_RECEIVED], &received) || received > MOMENT_MS_MAX)
		return ST_PROTOCOL;
	answer->received_ms = (int64_t)received;
	if (slots[KEY_SENT] && !pack_get_int(slots[KEY_SENT], -answer->received_ms,
					     MOMENT_MS_MAX - answer->received_ms, &difference))
		return ST_PROTOCOL;
	answer->sent_ms = answer->received_ms + difference;
	if (slots[KEY_MORE]) {
		if (slots[KEY_MORE]->type != MSGPACK_OBJECT_BOOLEAN)
			return ST_PROTOCOL;
		answer->more = slots[KEY_MORE]->via.boolean;
	}
	if (!read_number(slots[KEY_SEND_FROM], &answer->send_from) ||
	    !read_number(slots[KEY_WATERMARK], &answer->watermark_seq))
		return ST_PROTOCOL;
	if (!slots[KEY_CURSOR])
		return ST_OK;
	if (slots[KEY_CURSOR]->type != MSGPACK_OBJECT_BIN)
		return ST_PROTOCOL;
	if (slots[KEY_CURSOR]->via.bin.size > LIMIT_CURSOR_MAX)
		return ST_LIMIT;
	answer->cursor = (struct bytes){ slots[KEY_CURSOR]->via.bin.ptr, slots[KEY_CURSOR]->via.bin.size };
	return ST_OK;
}

/* In the order of the outcomes: each that is named must be there, and said to be not-yours. outcomes: those of the answer. */
static enum status read_withdrawn(const msgpack_object *object, const struct answer *answer, struct outcome *outcomes)
{
	const msgpack_object *items;
	size_t count, at = 0;
	uint64_t n;

	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &count, &items))
		return ST_PROTOCOL;
	for (size_t i = 0; i < count; i++) {
		if (!pack_get_uint(&items[i], PACK_NUMBER_MAX, &n))
			return ST_PROTOCOL;
		while (at < answer->outcome_count && (outcomes[at].n != n || outcomes[at].reason != HELD_NOT_YOURS))
			at++;
		if (at == answer->outcome_count)
			return ST_PROTOCOL;
		outcomes[at++].reason = HELD_WITHDRAWN;
	}
	return ST_OK;
}

static enum status read_root(const msgpack_object *const *slots, struct arena *arena, struct answer *answer)
{
	struct outcome *outcomes = NULL;
	enum status st = read_head(slots, answer);

	if (st == ST_OK)
		st = read_outcomes(slots[KEY_OUTCOMES], arena, answer, &outcomes);
	if (st == ST_OK)
		st = read_ids(slots[KEY_LET_GO], arena, &answer->let_go, &answer->let_go_count);
	if (st == ST_OK)
		st = read_ids(slots[KEY_FILLING], arena, &answer->filling, &answer->filling_count);
	if (st == ST_OK)
		st = read_ids(slots[KEY_COMPLETE], arena, &answer->complete, &answer->complete_count);
	if (st == ST_OK)
		st = read_notices(slots[KEY_NOTICES], answer);
	if (st == ST_OK)
		st = read_withdrawn(slots[KEY_WITHDRAWN], answer, outcomes);
	return st;
}

/* The place of each record in the frame, so that they can be unpacked one at a time. */
static enum status place_records(const void *data, size_t len, struct arena *arena, struct answer *answer)
{
	struct pack_walk walk;
	struct bytes *places;

	if (!pack_walk_in(&walk, data, len) || walk.is_map)
		return ST_PROTOCOL;
	assert(walk.left <= LIMIT_ITEMS_MAX); /* scan_frame let it pass */
	places = arena_alloc(arena, walk.left > 0 ? walk.left * sizeof *places : 1);
	if (!places)
		return ST_NOMEM;
	while (pack_walk_next(&walk, &places[answer->record_count].data, &places[answer->record_count].len))
		answer->record_count++;
	answer->records = places;
	return ST_OK;
}

/* Unpacks the value of every key but the records. */
static enum status read_frame(const void *bytes, size_t len, struct pack *packs, struct arena *arena,
			      struct answer *answer)
{
	const msgpack_object *slots[KEY_COUNT] = { NULL };
	const void *data, *records = NULL;
	size_t data_len, records_len = 0;
	struct pack_walk walk;
	uint64_t key;
	enum status st = ST_OK;

	if (!pack_walk_in(&walk, bytes, len) || !walk.is_map)
		return ST_PROTOCOL;
	while (st == ST_OK && pack_walk_key(&walk, &key, &data, &data_len)) {
		if (key == KEY_RECORDS) {
			records = data;
			records_len = data_len;
		} else if (key < KEY_COUNT) {
			st = pack_open(&packs[key], data, data_len);
			slots[key] = &packs[key].root;
		}
	}
	if (st == ST_OK)
		st = read_root(slots, arena, answer);
	if (st == ST_OK && records)
		st = place_records(records, records_len, arena, answer);
	return st;
}

enum status answer_decode(const void *bytes, size_t len, uint64_t base_seq, struct arena *arena,
			  struct answer *answer_out)
{
	struct pack packs[KEY_COUNT] = { { 0 } };
	struct answer answer = { .base_seq = base_seq };
	enum status st;

	if (base_seq > PACK_NUMBER_MAX)
		return ST_PROTOCOL;
	if (len > LIMIT_INFLATED_MAX)
		return ST_LIMIT;
	st = scan_frame(bytes, len);
	if (st == ST_OK)
		st = read_frame(bytes, len, packs, arena, &answer);
	for (size_t i = 0; i < KEY_COUNT; i++)
		pack_close(&packs[i]);
	if (st == ST_OK)
		*answer_out = answer;
	return st;
}
