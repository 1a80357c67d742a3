/* What the centre's store promises. Queries are watched: none that intake or the feed asks walks a table or sorts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/group_meta.h"
#include "daemon/store_sqlite.h"

/* Two versions of one small schema: the second brings a field and a kind. */
static const struct field_row rows[] = {
	{ .num = 1, .kind = "patient", .required = true, .since = 1 },
	{ .num = 1, .field = "name", .type = TYPE_TEXT, .since = 1 },
	{ .num = 2, .field = "born", .type = TYPE_DATE, .since = 2 },
	{ .num = 2, .kind = "note", .since = 1 },
	{ .num = 1, .field = "text", .type = TYPE_TEXT, .rule = RULE_TEXT, .since = 1 },
	{ .num = 2, .field = "count", .type = TYPE_INT, .since = 1 },
	{ .num = 3, .kind = "task", .since = 2 },
	{ .num = 1, .field = "title", .type = TYPE_TEXT, .since = 2 },
};

struct fixture {
	struct schema *schema;
	struct store *store;
	struct env env;
	struct arena arena;
	uint64_t random;
};

static struct schema *schema_new(uint16_t version)
{
	struct schema *schema = calloc(1, sizeof *schema);

	assert_non_null(schema);
	schema_init(schema, rows, sizeof rows / sizeof rows[0], version);
	return schema;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->schema = schema_new(1);
	arena_init(&f->arena, 64U << 20);
	assert_int_equal(store_sqlite_open(&f->store, ":memory:", f->schema, &f->env, true, NULL), ST_OK);
	assert_int_equal(f->store->ops->begin_write(f->store), ST_OK);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	f->store->ops->rollback(f->store);
	f->store->ops->close(f->store);
	arena_close(&f->arena);
	free(f->schema);
	free(f);
	return 0;
}

static struct id id_of(uint8_t last)
{
	struct id id = { { 0 } };

	id.bytes[0] = 0x10;
	id.bytes[15] = last;
	return id;
}

static struct record note_of(const struct fixture *f, uint8_t id, uint8_t patient, uint64_t seq, const char *text)
{
	struct record record = { .kind = schema_kind(f->schema, "note", 4), .id = id_of(id), .patient = id_of(patient) };

	record.seq = seq;
	record.created_seq = seq;
	record.row.values[0] = value_string(text);
	record.row.values[1] = value_int(INT64_MIN);
	for (size_t g = 0; g < record.kind->group_count; g++)
		record.groups[g] = (struct group_meta){ .seq = seq, .at = { 10, 20 }, .device = 7 };
	return record;
}

static void put(const struct fixture *f, const struct record *record, bool create)
{
	assert_int_equal(f->store->ops->record_put(f->store, record, create), ST_OK);
}

/* --- records --- */

static void a_record_comes_back_as_it_was_put(void **state)
{
	struct fixture *f = *state;
	struct record record = note_of(f, 1, 9, 5, "Zo\xc3\xab"), back;
	struct id patient;
	bool deleted;

	put(f, &record, true);
	assert_int_equal(f->store->ops->record_get(f->store, record.kind, &record.id, &f->arena, &back), ST_OK);
	assert_true(id_equal(&back.patient, &record.patient) && back.seq == 5 && back.created_seq == 5);
	assert_true(row_equal(&back.row, &record.row, record.kind->mask_all));
	assert_memory_equal(&back.groups, &record.groups, sizeof back.groups);
	record.deleted = true;
	record.seq = 8;
	record.deletion = (struct group_meta){ .seq = 8, .at = { -3, 4 }, .decided = true };
	record.row.values[0] = value_null();
	put(f, &record, false);
	assert_int_equal(f->store->ops->record_get(f->store, record.kind, &record.id, &f->arena, &back), ST_OK);
	assert_true(back.deleted && back.seq == 8 && back.created_seq == 5 && back.row.values[0].tag == VALUE_NULL);
	assert_true(back.deletion.seq == 8 && back.deletion.at.lo_ms == -3 && back.deletion.decided);
	assert_int_equal(f->store->ops->record_head(f->store, record.kind, &record.id, &patient, &deleted), ST_OK);
	assert_true(deleted && id_equal(&patient, &record.patient));
}

static void what_is_not_there_is_not_found_and_what_is_there_is_not_made_again(void **state)
{
	struct fixture *f = *state;
	struct record record = note_of(f, 1, 9, 5, "x"), back;

	assert_int_equal(f->store->ops->record_get(f->store, record.kind, &record.id, &f->arena, &back), ST_NOT_FOUND);
	assert_int_equal(f->store->ops->record_put(f->store, &record, false), ST_NOT_FOUND);
	put(f, &record, true);
	assert_int_equal(f->store->ops->record_put(f->store, &record, true), ST_EXISTS);
}

static void a_row_filed_under_another_patient_than_its_record_is_corrupt(void **state)
{
	struct fixture *f = *state;
	struct record record = note_of(f, 1, 9, 5, "x"), back;
	struct db *db = &sqlite_of(f->store)->db;

	put(f, &record, true);
	assert_int_equal(db_exec(db, "UPDATE note SET patient='10000000-0000-0000-0000-000000000008'"), ST_OK);
	assert_int_equal(f->store->ops->record_get(f->store, record.kind, &record.id, &f->arena, &back), ST_CORRUPT);
	assert_int_equal(db_exec(db, "DELETE FROM note"), ST_OK);
	assert_int_equal(f->store->ops->record_get(f->store, record.kind, &record.id, &f->arena, &back), ST_CORRUPT);
	assert_int_equal(f->store->ops->record_marks(f->store, record.kind, &record.id, &back), ST_OK);
}

static void the_feed_gets_a_units_records_in_order_of_sequence_and_by_part(void **state)
{
	struct fixture *f = *state;
	struct record_ref refs[8];
	struct record patient = { .kind = schema_kind(f->schema, "patient", 7), .id = id_of(9), .patient = id_of(9) };
	struct id unit = id_of(9);
	size_t count;

	patient.seq = patient.created_seq = 30;
	put(f, &patient, true);
	for (uint8_t i = 1; i <= 4; i++) {
		struct record note = note_of(f, i, i == 4 ? 8 : 9, 50U - 5U * i, "x");

		put(f, &note, true);
	}
	assert_int_equal(f->store->ops->record_after(f->store, &unit, 0, 0, refs, 8, &count), ST_OK);
	assert_int_equal(count, 4);
	assert_true(refs[0].seq == 30 && refs[1].seq == 35 && refs[2].seq == 40 && refs[3].seq == 45);
	assert_int_equal(f->store->ops->record_after(f->store, &unit, 35, 0, refs, 1, &count), ST_OK);
	assert_true(count == 1 && refs[0].seq == 40);
	assert_int_equal(f->store->ops->record_after(f->store, &unit, 0, 1, refs, 8, &count), ST_OK);
	assert_true(count == 1 && refs[0].kind->is_patient);
	assert_int_equal(f->store->ops->record_after(f->store, &unit, 0, 2, refs, 8, &count), ST_OK);
	assert_int_equal(count, 3);
}

struct visits {
	const struct fixture *f;
	uint8_t ids[16];
	size_t count;
};

/* Writes and walks while it is walked. */
static enum status visit(void *ctx, const struct record *record)
{
	struct visits *visits = ctx, inner = { .count = 0 };
	struct store *store = visits->f ? visits->f->store : NULL;
	struct record again = *record;

	visits->ids[visits->count++] = record->id.bytes[15];
	if (!store)
		return ST_OK;
	again.seq++;
	assert_int_equal(store->ops->record_put(store, &again, false), ST_OK);
	assert_int_equal(store->ops->record_each(store, record->kind, &record->patient, visit, &inner), ST_OK);
	assert_true(inner.count > 0);
	return ST_OK;
}

static void a_walk_goes_by_id_and_its_callback_may_write_and_walk(void **state)
{
	struct fixture *f = *state;
	struct visits visits = { .f = f };
	struct id patient = id_of(8);

	for (uint8_t i = 5; i >= 1; i--) {
		struct record note = note_of(f, i, i % 2 ? 9 : 8, i, "x");

		put(f, &note, true);
	}
	assert_int_equal(f->store->ops->record_each(f->store, schema_kind(f->schema, "note", 4), NULL, visit, &visits),
			 ST_OK);
	assert_memory_equal(visits.ids, "\1\2\3\4\5", 5);
	visits.count = 0;
	assert_int_equal(f->store->ops->record_each(f->store, schema_kind(f->schema, "note", 4), &patient, visit, &visits),
			 ST_OK);
	assert_int_equal(visits.count, 2);
	assert_memory_equal(visits.ids, "\2\4", 2);
}

/* --- the blob of groups --- */

static uint64_t next_random(struct fixture *f)
{
	f->random = f->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return f->random >> 11;
}

static int64_t random_ms(struct fixture *f)
{
	static const int64_t edges[] = { INT64_MIN, -1, 0, 1, INT64_C(1767225600000), INT64_MAX };

	return next_random(f) % 2 ? edges[next_random(f) % 6] : (int64_t)(next_random(f) << 11 ^ next_random(f));
}

static struct group_meta random_meta(struct fixture *f)
{
	struct group_meta meta = { .seq = (next_random(f) >> next_random(f) % 53) % INT64_MAX, .decided = next_random(f) % 2 };

	if (meta.seq == 0)
		return (struct group_meta){ 0 };
	meta.at.lo_ms = random_ms(f);
	meta.at.hi_ms = random_ms(f);
	if (meta.at.hi_ms < meta.at.lo_ms)
		meta.at.hi_ms = meta.at.lo_ms;
	meta.device = (uint32_t)next_random(f);
	meta.outdated = meta.at.hi_ms < INT64_MAX && next_random(f) % 2;
	if (meta.outdated) {
		meta.later.lo_ms = next_random(f) % 2 ? meta.at.hi_ms + 1 : INT64_MAX;
		meta.later.hi_ms = next_random(f) % 2 ? meta.later.lo_ms : INT64_MAX;
		meta.later_device = (uint32_t)next_random(f);
	}
	return meta;
}

static bool meta_equal(const struct group_meta *a, const struct group_meta *b)
{
	return a->seq == b->seq && a->at.lo_ms == b->at.lo_ms && a->at.hi_ms == b->at.hi_ms &&
	       a->device == b->device && a->decided == b->decided && a->outdated == b->outdated &&
	       a->later.lo_ms == b->later.lo_ms && a->later.hi_ms == b->later.hi_ms && a->later_device == b->later_device;
}

static struct record random_record(struct fixture *f, const struct kind *kind)
{
	struct record record = { .kind = kind, .deletion = random_meta(f) };

	for (size_t g = 0; g < kind->group_count; g++)
		if (next_random(f) % 3)
			record.groups[g] = random_meta(f);
	return record;
}

static void groups_come_back_from_their_blob_and_no_other_bytes_are_one(void **state)
{
	struct fixture *f = *state;
	struct schema *schema = calloc(1, sizeof *schema);
	struct buf blob, again;

	assert_non_null(schema);
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	buf_init(&blob, GROUP_META_SIZE_MAX);
	buf_init(&again, GROUP_META_SIZE_MAX);
	for (int round = 0; round < 400; round++) {
		const struct kind *kind = &schema->kinds[next_random(f) % schema->kind_count];
		struct record record = random_record(f, kind), back = { .kind = kind };

		buf_reset(&blob);
		group_meta_encode(&blob, &record);
		assert_int_equal(buf_status(&blob), ST_OK);
		assert_int_equal(group_meta_decode(blob.data, blob.len, &back), ST_OK);
		assert_true(meta_equal(&record.deletion, &back.deletion));
		for (size_t g = 0; g < kind->group_count; g++)
			assert_true(meta_equal(&record.groups[g], &back.groups[g]));
		/* Cut short anywhere it is none. Altered it is none, or the one form of something else. */
		for (size_t len = 0; len < blob.len; len++)
			assert_int_equal(group_meta_decode(blob.data, len, &back), ST_CORRUPT);
		blob.data[next_random(f) % blob.len] ^= (uint8_t)(1U << next_random(f) % 8);
		if (group_meta_decode(blob.data, blob.len, &back) != ST_OK)
			continue;
		buf_reset(&again);
		group_meta_encode(&again, &back);
		assert_int_equal(again.len, blob.len);
		assert_memory_equal(again.data, blob.data, blob.len);
	}
	buf_close(&again);
	buf_close(&blob);
	free(schema);
}

static void bytes_that_are_no_blob_of_groups_are_refused(void **state)
{
	static const struct { const char *bytes; size_t len; } odd[] = {
		{ "", 0 },
		{ "\x01", 1 },                          /* an entry that is not there */
		{ "\x00\x00", 2 },                      /* a byte too many */
		{ "\x80\x00", 2 },                      /* zero in two bytes */
		{ "\x01\x09\x02\x00\x00\x00\x00", 7 },  /* no such group */
		{ "\x01\x01\x00\x00\x00\x00\x00", 7 },  /* sequence 0 */
		{ "\x01\x01\x01\x00\x00\x00\x00", 7 },  /* sequence -1 */
		{ "\x01\x01\x02\x00\x00\x00\x04", 7 },  /* a flag that nobody knows */
		{ "\x01\x01\x02\x00\x00\x00\x02", 7 },  /* no later edit, though the flag says so */
		{ "\x01\x01\x02\x00\x00\x00\x02\x00\x00\x00", 10 }, /* one that is not later */
		{ "\x02\x01\x02\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00", 13 }, /* one group twice */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },             /* very many */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 10 },             /* more than 64 bits */
	};
	struct fixture *f = *state;
	struct record record = { .kind = schema_kind(f->schema, "note", 4) };

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		record.groups[0].seq = 1;
		assert_int_equal(group_meta_decode(odd[i].bytes, odd[i].len, &record), ST_CORRUPT);
		assert_true(record.groups[0].seq == 0);
	}
	assert_int_equal(group_meta_decode("\x01\x01\x02\x00\x00\x00\x00", 7, &record), ST_OK);
	assert_true(record.groups[0].seq == 1);
}

/* --- history and held --- */

static struct history history_of(uint64_t seq, uint32_t device, uint64_t n, uint8_t digest)
{
	struct history h = { .seq = seq, .device = device, .n = n, .kind_num = 2, .id = id_of(1) };

	h.digest.bytes[0] = digest;
	return h;
}

static void history_comes_back_as_it_was_added(void **state)
{
	static const struct outcome_group groups[] = { { 0, GROUP_SUPERSEDED }, { 127, GROUP_MERGED } };
	struct fixture *f = *state;
	struct history h = history_of(6, UINT32_MAX, 3, 1), back;

	h.body = (struct bytes){ "bo\0dy", 5 };
	h.merged = (struct bytes){ "m", 1 };
	h.at = (struct interval){ -5, 7 };
	h.received_ms = INT64_MAX;
	h.result = OUTCOME_JUDGED;
	h.reason = HELD_RIGHTS;
	h.groups = groups;
	h.group_count = 2;
	h.of_seq = 4;
	h.salt[15] = 9;
	h.link.bytes[31] = 8;
	assert_int_equal(f->store->ops->history_add(f->store, &h), ST_OK);
	assert_int_equal(f->store->ops->history_add(f->store, &h), ST_EXISTS);
	assert_int_equal(f->store->ops->history_get(f->store, 6, &f->arena, &back), ST_OK);
	assert_true(back.device == UINT32_MAX && back.n == 3 && back.of_seq == 4 && back.kind_num == 2);
	assert_true(back.body.len == 5 && memcmp(back.body.data, "bo\0dy", 5) == 0 && back.merged.len == 1);
	assert_true(back.at.lo_ms == -5 && back.at.hi_ms == 7 && back.received_ms == INT64_MAX);
	assert_true(back.result == OUTCOME_JUDGED && back.reason == HELD_RIGHTS && back.group_count == 2);
	assert_memory_equal(back.groups, groups, sizeof groups);
	assert_true(back.salt[15] == 9 && back.link.bytes[31] == 8 && id_equal(&back.id, &h.id));
}

static void a_change_is_found_by_number_and_content_newest_first_and_never_by_its_answer(void **state)
{
	struct fixture *f = *state;
	struct history first = history_of(1, 5, 7, 1), other = history_of(2, 5, 7, 2), answer = history_of(3, 5, 7, 1);
	struct history back;

	answer.of_seq = 1;
	assert_int_equal(f->store->ops->history_add(f->store, &first), ST_OK);
	assert_int_equal(f->store->ops->history_add(f->store, &other), ST_OK);
	assert_int_equal(f->store->ops->history_add(f->store, &answer), ST_OK);
	assert_int_equal(f->store->ops->history_find(f->store, 5, 7, &first.digest, &f->arena, &back), ST_OK);
	assert_true(back.seq == 1);
	assert_int_equal(f->store->ops->history_find(f->store, 5, 7, NULL, &f->arena, &back), ST_OK);
	assert_true(back.seq == 2);
	first.digest.bytes[1] = 1;
	assert_int_equal(f->store->ops->history_find(f->store, 5, 7, &first.digest, &f->arena, &back), ST_NOT_FOUND);
	assert_int_equal(f->store->ops->history_find(f->store, 5, 8, NULL, &f->arena, &back), ST_NOT_FOUND);
}

static enum status note_held(void *ctx, const struct held *held)
{
	struct visits *visits = ctx;

	visits->ids[visits->count++] = (uint8_t)held->seq;
	return ST_OK;
}

static void held_changes_are_found_by_what_they_wait_for_while_they_are_open(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->store;
	const struct kind *note = schema_kind(f->schema, "note", 4);
	struct visits visits = { .count = 0 };
	struct id wait = id_of(3), later = id_of(4);
	struct held back;

	for (uint8_t seq = 1; seq <= 3; seq++) {
		struct held held = { .seq = seq, .device = 2, .n = 6, .wait_kind = note->num, .wait_id = wait };

		held.reason = HELD_WAITS;
		memcpy(held.detail, "why", 4);
		assert_int_equal(store->ops->held_add(store, &held), ST_OK);
	}
	assert_int_equal(store->ops->held_set(store, 2, HELD_WAS_ACCEPTED, 9), ST_OK);
	assert_int_equal(store->ops->held_set(store, 5, HELD_WAS_ACCEPTED, 9), ST_NOT_FOUND);
	assert_int_equal(store->ops->held_each(store, note, &wait, true, note_held, &visits), ST_OK);
	assert_int_equal(visits.count, 2);
	assert_memory_equal(visits.ids, "\1\3", 2);
	assert_int_equal(store->ops->held_wait(store, 3, note->num, &later, "another"), ST_OK);
	visits.count = 0;
	assert_int_equal(store->ops->held_each(store, note, &later, true, note_held, &visits), ST_OK);
	assert_int_equal(store->ops->held_each(store, NULL, NULL, true, note_held, &visits), ST_OK);
	assert_int_equal(store->ops->held_each(store, NULL, NULL, false, note_held, &visits), ST_OK);
	assert_int_equal(visits.count, 6);
	assert_memory_equal(visits.ids, "\3\1\3\1\2\3", 6);
	assert_int_equal(store->ops->held_find(store, 2, 6, &back), ST_OK);
	assert_true(back.seq == 3);
	assert_string_equal(back.detail, "another");
	assert_int_equal(store->ops->held_get(store, 2, &back), ST_OK);
	assert_true(back.state == HELD_WAS_ACCEPTED && back.answer_seq == 9);
}

/* --- scope, people --- */

static void a_caseload_is_known_as_of_each_sequence(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->store;
	struct id worker = id_of(1), one = id_of(2), two = id_of(3), *list;
	size_t count;
	bool is;

	assert_int_equal(store->ops->member_open(store, &worker, &two, 10), ST_OK);
	assert_int_equal(store->ops->member_open(store, &worker, &one, 20), ST_OK);
	assert_int_equal(store->ops->member_open(store, &worker, &one, 25), ST_OK); /* it is open already */
	assert_int_equal(store->ops->member_close(store, &worker, &two, 30), ST_OK);
	assert_int_equal(store->ops->member_open(store, &worker, &two, 40), ST_OK);
	assert_int_equal(store->ops->member_list(store, &worker, 9, &f->arena, &list, &count), ST_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store->ops->member_list(store, &worker, 29, &f->arena, &list, &count), ST_OK);
	assert_true(count == 2 && id_equal(&list[0], &one) && id_equal(&list[1], &two));
	assert_int_equal(store->ops->member_list(store, &worker, 30, &f->arena, &list, &count), ST_OK);
	assert_true(count == 1 && id_equal(&list[0], &one));
	assert_int_equal(store->ops->member_list(store, &worker, UINT64_MAX, &f->arena, &list, &count), ST_OK);
	assert_int_equal(count, 2);
	assert_int_equal(store->ops->member_is(store, &worker, &two, &is), ST_OK);
	assert_true(is);
	assert_int_equal(store->ops->member_is(store, &two, &worker, &is), ST_OK);
	assert_false(is);
}

static void tablets_get_numbers_from_one_on_and_come_back_as_put(void **state)
{
	struct fixture *f = *state;
	struct device one = { .worker = id_of(1), .counter = 3 }, two = { .worker = id_of(2) }, back, *list;
	size_t count;

	memcpy(one.version, "0.1", 4);
	one.health = (struct health){ .pending_count = 4, .battery_percent = -1, .version = one.version };
	assert_int_equal(f->store->ops->device_put(f->store, &one), ST_OK);
	assert_int_equal(f->store->ops->device_put(f->store, &two), ST_OK);
	assert_true(one.device == 1 && two.device == 2);
	one.last_n = 77;
	assert_int_equal(f->store->ops->device_put(f->store, &one), ST_OK);
	assert_int_equal(f->store->ops->device_get(f->store, 1, &back), ST_OK);
	assert_true(back.last_n == 77 && back.counter == 3 && back.health.pending_count == 4);
	assert_int_equal(back.health.battery_percent, -1);
	assert_ptr_equal(back.health.version, back.version);
	assert_string_equal(back.version, "0.1");
	assert_int_equal(f->store->ops->device_list(f->store, &f->arena, &list, &count), ST_OK);
	assert_true(count == 2 && list[1].device == 2);
	assert_ptr_equal(list[1].health.version, list[1].version);
	assert_int_equal(f->store->ops->device_get(f->store, 3, &back), ST_NOT_FOUND);
}

static void a_login_belongs_to_one_account(void **state)
{
	struct fixture *f = *state;
	struct account one = { .worker = id_of(1), .active = true }, two = { .worker = id_of(2) }, back;
	struct code code = { .worker = id_of(1), .expires_ms = 5 }, code_back;

	memcpy(one.login, "anna", 5);
	memcpy(two.login, "anna", 5);
	assert_int_equal(f->store->ops->account_put(f->store, &one), ST_OK);
	assert_int_equal(f->store->ops->account_put(f->store, &two), ST_EXISTS);
	memcpy(one.name, "Anna", 5);
	assert_int_equal(f->store->ops->account_put(f->store, &one), ST_OK);
	assert_int_equal(f->store->ops->account_by_login(f->store, "anna", &back), ST_OK);
	assert_string_equal(back.name, "Anna");
	assert_int_equal(f->store->ops->account_by_worker(f->store, &two.worker, &back), ST_NOT_FOUND);
	assert_int_equal(f->store->ops->code_put(f->store, &code), ST_OK);
	code.device = 4;
	assert_int_equal(f->store->ops->code_put(f->store, &code), ST_OK);
	assert_int_equal(f->store->ops->code_get(f->store, &code.secret, &code_back), ST_OK);
	assert_int_equal(code_back.device, 4);
}

/* --- transactions --- */

static void undoing_a_savepoint_undoes_only_what_came_after_it(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->store;
	int64_t value;

	assert_int_equal(store->ops->meta_set_int(store, "a", 1), ST_OK);
	assert_int_equal(store->ops->savepoint(store), ST_OK);
	assert_int_equal(store->ops->meta_set_int(store, "a", 2), ST_OK);
	store->ops->rollback_to(store);
	assert_int_equal(store->ops->savepoint(store), ST_OK);
	assert_int_equal(store->ops->meta_set_int(store, "b", 3), ST_OK);
	assert_int_equal(store->ops->release(store), ST_OK);
	assert_int_equal(store->ops->commit(store), ST_OK);
	assert_int_equal(store->ops->begin_write(store), ST_OK);
	assert_int_equal(store->ops->meta_get_int(store, "a", &value), ST_OK);
	assert_int_equal(value, 1);
	assert_int_equal(store->ops->meta_get_int(store, "b", &value), ST_OK);
	assert_int_equal(value, 3);
	assert_int_equal(store->ops->meta_get_int(store, "c", &value), ST_OK);
	assert_int_equal(value, 0);
}

/* SQLite ends a transaction by itself after some errors; then nothing may commit alone. */
static void when_the_transaction_is_gone_every_write_is_refused_until_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->store;

	assert_int_equal(db_exec(&sqlite_of(store)->db, "ROLLBACK"), ST_OK);
	assert_int_equal(store->ops->meta_set_int(store, "a", 1), ST_IO);
	assert_int_equal(store->ops->commit(store), ST_IO);
	assert_int_equal(store->ops->begin_write(store), ST_OK);
	assert_int_equal(store->ops->meta_set_int(store, "a", 1), ST_OK);
}

static void after_a_failed_fsync_everything_is_refused_until_it_is_opened_anew(void **state)
{
	struct fixture *f = *state;
	struct store *store = f->store;

	assert_false(store->ops->failed(store));
	assert_int_equal(db_status(&sqlite_of(store)->db, SQLITE_IOERR_FSYNC), ST_IO);
	assert_true(store->ops->failed(store));
	assert_int_equal(store->ops->meta_set_int(store, "a", 1), ST_IO);
	assert_int_equal(store->ops->commit(store), ST_IO);
	assert_int_equal(store->ops->begin_read(store), ST_IO);
	assert_int_equal(store->ops->checkpoint(store), ST_IO);
}

/* --- files --- */

static void a_newer_schema_adds_its_columns_and_tables_and_an_older_one_is_refused(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char folder[64] = "/tmp/doorstep-store-XXXXXX", path[96], name[112];
	struct fixture *f = *state, g = *f;
	struct schema *newer = schema_new(2);
	struct record note = note_of(f, 1, 9, 5, "kept"), back;
	struct record patient = { .id = id_of(9), .patient = id_of(9), .seq = 6, .created_seq = 6 };
	struct failure why;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/agency.db", folder);
	assert_int_equal(store_sqlite_open(&g.store, path, f->schema, &f->env, false, &why), ST_NOT_FOUND);
	assert_int_equal(store_sqlite_open(&g.store, path, f->schema, &f->env, true, &why), ST_OK);
	assert_int_equal(g.store->ops->begin_write(g.store), ST_OK);
	put(&g, &note, true);
	assert_int_equal(g.store->ops->commit(g.store), ST_OK);
	g.store->ops->close(g.store);

	assert_int_equal(store_sqlite_open(&g.store, path, newer, &f->env, false, &why), ST_OK);
	assert_int_equal(g.store->ops->begin_write(g.store), ST_OK);
	assert_int_equal(g.store->ops->record_get(g.store, schema_kind(newer, "note", 4), &note.id, &f->arena, &back), ST_OK);
	assert_true(row_equal(&back.row, &note.row, note.kind->mask_all));
	patient.kind = schema_kind(newer, "patient", 7);
	patient.row.values[1] = value_string("1931-02");
	put(&g, &patient, true);
	assert_int_equal(g.store->ops->record_get(g.store, patient.kind, &patient.id, &f->arena, &back), ST_OK);
	assert_true(row_equal(&back.row, &patient.row, patient.kind->mask_all));
	assert_int_equal(g.store->ops->commit(g.store), ST_OK);
	g.store->ops->close(g.store);

	assert_int_equal(store_sqlite_open(&g.store, path, f->schema, &f->env, false, &why), ST_REFUSED);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(folder), 0);
	free(newer);
}

/* --- how queries are answered --- */

struct watch {
	sqlite3 *db;
	unsigned queries;
};

/* Asks SQLite how it answers each statement that runs. */
static int on_statement(unsigned event, void *ctx, void *stmt, void *text)
{
	struct watch *watch = ctx;
	const char *sql = sqlite3_sql(stmt);
	char *explain;
	sqlite3_stmt *plan = NULL;

	(void)event, (void)text;
	if (strncmp(sql, "SELECT", 6) != 0 && strncmp(sql, "UPDATE", 6) != 0)
		return 0;
	explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
	assert_int_equal(sqlite3_prepare_v2(watch->db, explain, -1, &plan, NULL), SQLITE_OK);
	watch->queries++;
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(plan, 3);

		if (strncmp(step, "SCAN", 4) == 0 || strstr(step, "TEMP B-TREE") != NULL)
			fail_msg("%s: %s", sql, step);
	}
	sqlite3_finalize(plan);
	sqlite3_free(explain);
	return 0;
}

static enum status no_history(void *ctx, const struct history *history)
{
	(void)ctx, (void)history;
	return ST_OK;
}

static enum status no_record(void *ctx, const struct record *record)
{
	(void)ctx, (void)record;
	return ST_OK;
}

/* All that intake and the feed ask, once. */
static void ask_everything(struct fixture *f, const struct kind *note)
{
	struct store *s = f->store;
	struct record_ref refs[2];
	struct record record;
	struct history history;
	struct held held;
	struct device device;
	struct digest digest = { { 0 } };
	struct id id = id_of(1), *list;
	struct term term;
	struct visits visits = { .count = 0 };
	size_t count;
	bool is;
	int64_t number;

	(void)s->ops->meta_get_int(s, "seq", &number);
	(void)s->ops->record_get(s, note, &id, &f->arena, &record);
	(void)s->ops->record_head(s, note, &id, &id, &is);
	(void)s->ops->record_each(s, note, &id, no_record, NULL);
	(void)s->ops->record_each(s, note, NULL, no_record, NULL);
	for (int part = 0; part < 3; part++)
		(void)s->ops->record_after(s, &id, 0, part, refs, 2, &count);
	(void)s->ops->history_get(s, 1, &f->arena, &history);
	(void)s->ops->history_find(s, 1, 1, &digest, &f->arena, &history);
	(void)s->ops->history_find(s, 1, 1, NULL, &f->arena, &history);
	(void)s->ops->history_of(s, note, &id, 9, no_history, NULL);
	(void)s->ops->history_each(s, 0, no_history, NULL);
	(void)s->ops->held_get(s, 1, &held);
	(void)s->ops->held_find(s, 1, 1, &held);
	(void)s->ops->held_set(s, 1, HELD_WAS_ACCEPTED, 2);
	(void)s->ops->held_each(s, note, &id, true, note_held, &visits);
	(void)s->ops->held_each(s, NULL, NULL, true, note_held, &visits);
	(void)s->ops->member_is(s, &id, &id, &is);
	(void)s->ops->member_close(s, &id, &id, 3);
	(void)s->ops->member_list(s, &id, 3, &f->arena, &list, &count);
	(void)s->ops->term_put(s, &(struct term){ .assignment = id, .worker = id, .patient = id, .due_ms = 4 });
	(void)s->ops->term_in_force(s, &id, &id, &is);
	(void)s->ops->term_pair(s, &id, &id, &id, &term, 1, &count);
	(void)s->ops->term_due(s, 3, &term, 1, &count);
	(void)s->ops->term_next(s, &term.due_ms);
	(void)s->ops->term_patients(s, &id, &f->arena, &list, &count);
	(void)s->ops->device_get(s, 1, &device);
	(void)s->ops->account_by_login(s, "x", &(struct account){ .active = true });
	(void)s->ops->account_by_worker(s, &id, &(struct account){ .active = true });
	(void)s->ops->code_get(s, &digest, &(struct code){ .device = 0 });
}

static void no_query_of_intake_or_feed_walks_a_table_or_sorts(void **state)
{
	struct fixture *f = *state, g = *f;
	struct schema *schema = calloc(1, sizeof *schema);
	struct watch watch = { .queries = 0 };

	assert_non_null(schema);
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	assert_int_equal(store_sqlite_open(&g.store, ":memory:", schema, &f->env, true, NULL), ST_OK);
	assert_int_equal(g.store->ops->begin_write(g.store), ST_OK);
	watch.db = sqlite_of(g.store)->db.handle;
	(void)sqlite3_trace_v2(watch.db, SQLITE_TRACE_STMT, on_statement, &watch);
	ask_everything(&g, schema_kind(schema, "note", 4));
	assert_true(watch.queries >= 24);
	(void)sqlite3_trace_v2(watch.db, 0, NULL, NULL);
	g.store->ops->rollback(g.store);
	g.store->ops->close(g.store);
	f->arena = g.arena;
	free(schema);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_record_comes_back_as_it_was_put),
		STORE_TEST(what_is_not_there_is_not_found_and_what_is_there_is_not_made_again),
		STORE_TEST(a_row_filed_under_another_patient_than_its_record_is_corrupt),
		STORE_TEST(the_feed_gets_a_units_records_in_order_of_sequence_and_by_part),
		STORE_TEST(a_walk_goes_by_id_and_its_callback_may_write_and_walk),
		STORE_TEST(groups_come_back_from_their_blob_and_no_other_bytes_are_one),
		STORE_TEST(bytes_that_are_no_blob_of_groups_are_refused),
		STORE_TEST(history_comes_back_as_it_was_added),
		STORE_TEST(a_change_is_found_by_number_and_content_newest_first_and_never_by_its_answer),
		STORE_TEST(held_changes_are_found_by_what_they_wait_for_while_they_are_open),
		STORE_TEST(a_caseload_is_known_as_of_each_sequence),
		STORE_TEST(tablets_get_numbers_from_one_on_and_come_back_as_put),
		STORE_TEST(a_login_belongs_to_one_account),
		STORE_TEST(undoing_a_savepoint_undoes_only_what_came_after_it),
		STORE_TEST(when_the_transaction_is_gone_every_write_is_refused_until_a_new_one),
		STORE_TEST(after_a_failed_fsync_everything_is_refused_until_it_is_opened_anew),
		STORE_TEST(a_newer_schema_adds_its_columns_and_tables_and_an_older_one_is_refused),
		STORE_TEST(no_query_of_intake_or_feed_walks_a_table_or_sorts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
