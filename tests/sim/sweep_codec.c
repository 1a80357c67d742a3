/* The codecs: bytes made and read. What one writes behind bytes that are there already leaves those alone when it fails. */
#include "tests/sim/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/decision.h"
#include "common/kindsql.h"
#include "daemon/cursor.h"
#include "daemon/fhir.h"
#include "proto/brief.h"
#include "proto/change.h"
#include "proto/enrol.h"
#include "proto/envelope.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

#define BEFORE "what was there"
#define LONG_LEN 4000

static struct {
	struct schema *schema;
	const struct kind *note;
	struct deflater *deflater;
	struct sign_key key;
	struct change change;  /* of a note, with long words */
	struct change decoded;
	struct request_change sent;
	struct request request;
	struct answer answer;
	struct answer_record record;
	struct receipt receipt;
	char words[LONG_LEN + 1];
	/* Made once, undisturbed, to be read. */
	struct buf body, request_bytes, answer_bytes, records, sealed_request, sealed_answer, brief, enrol, card, json, cursor;
	/* Of one run. */
	struct buf out;
	struct arena arena;
} t;

/* --- opening and closing --- */

static void open_run(struct sweep *s)
{
	(void)s;
	buf_init(&t.out, LIMIT_INFLATED_MAX);
	arena_init(&t.arena, LIMIT_INFLATED_MAX);
	buf_add_str(&t.out, BEFORE);
}

static void close_run(struct sweep *s)
{
	(void)s;
	buf_close(&t.out);
	arena_close(&t.arena);
}

static void show_out(struct sweep *s, struct buf *out)
{
	(void)s;
	buf_add(out, t.out.data, t.out.len);
}

/* What came to the buffer, if it is to be tried again after a failure. Outputs are as before, or the test fails here. */
static enum status wrote(enum status st)
{
	if (st == ST_OK)
		return st;
	assert_int_equal(t.out.len, strlen(BEFORE));
	assert_memory_equal(t.out.data, BEFORE, strlen(BEFORE));
	t.out.status = ST_OK;
	return st;
}

/* --- changes --- */

static enum status encode_change(struct sweep *s)
{
	(void)s;
	return wrote(change_encode(&t.out, &t.change));
}

static enum status decode_change(struct sweep *s)
{
	(void)s;
	return change_decode(t.schema, t.body.data, t.body.len, &t.arena, &t.decoded, NULL);
}

static void show_change(struct sweep *s, struct buf *out)
{
	(void)s;
	assert_int_equal(change_encode(out, &t.decoded), ST_OK);
}

static enum status brief_text(const void *ctx, uint64_t kind, const struct id *id, uint64_t field, uint64_t seq,
			      struct bytes *text_out)
{
	(void)ctx, (void)kind, (void)id, (void)field, (void)seq;
	*text_out = (struct bytes){ t.words, LONG_LEN - 200 };
	return ST_OK;
}

static enum status brief_record(const void *ctx, uint64_t seq, struct id *id_out)
{
	(void)ctx, (void)seq;
	*id_out = t.change.id;
	return ST_OK;
}

static enum status make_brief(struct buf *out)
{
	struct bytes base[256] = { { 0 } };
	const size_t at = wire_field(t.note, "observed");

	base[t.note->fields[at].num] = (struct bytes){ t.words, LONG_LEN - 200 };
	return brief_encode(out, &(struct bytes){ t.body.data, t.body.len }, base);
}

static enum status encode_brief(struct sweep *s)
{
	(void)s;
	return wrote(make_brief(&t.out));
}

static enum status decode_brief(struct sweep *s)
{
	const struct brief_source source = { .record = brief_record, .text = brief_text };

	(void)s;
	return wrote(brief_decode(&t.out, &(struct bytes){ t.brief.data, t.brief.len }, &source));
}

/* --- messages --- */

static enum status encode_request(struct sweep *s)
{
	(void)s;
	return wrote(request_encode(&t.out, &t.request));
}

static enum status decode_request(struct sweep *s)
{
	struct request request;

	(void)s;
	return request_decode(t.request_bytes.data, t.request_bytes.len, &t.arena, &request);
}

static enum status encode_record(struct sweep *s)
{
	(void)s;
	return wrote(answer_record_encode(&t.out, &t.answer, &t.record));
}

static enum status encode_answer(struct sweep *s)
{
	(void)s;
	return wrote(answer_encode(&t.out, &t.answer, &t.records, 1));
}

static enum status decode_answer(struct sweep *s)
{
	struct answer answer;
	enum status st = answer_decode(t.answer_bytes.data, t.answer_bytes.len, t.answer.base_seq, &t.arena, &answer);
	struct answer_record *record = st == ST_OK ? arena_alloc(&t.arena, sizeof *record) : NULL;

	(void)s;
	if (st == ST_OK)
		st = record != NULL ? answer_record_decode(t.schema, &answer, 0, &t.arena, record) : ST_NOMEM;
	return st;
}

/* --- envelopes --- */

static enum status new_deflater(struct sweep *s)
{
	struct deflater *deflater = NULL;
	const enum status st = deflater_new(&deflater);

	(void)s;
	assert_true((st == ST_OK) == (deflater != NULL));
	deflater_free(deflater);
	return st;
}

static enum status seal_request(struct sweep *s)
{
	const struct envelope_head head = { 3, 4 };

	(void)s;
	return wrote(envelope_seal_request(&t.out, t.deflater, &head, &t.key, t.request_bytes.data, t.request_bytes.len));
}

/* Opening empties its buffer first. */
static enum status open_request(struct sweep *s)
{
	(void)s;
	return envelope_open_request(t.sealed_request.data, t.sealed_request.len, t.key.public, &t.out);
}

static enum status seal_answer(struct sweep *s)
{
	struct receipt receipt = t.receipt;

	(void)s;
	return wrote(envelope_seal_answer(&t.out, t.deflater, &receipt, &t.key, t.answer_bytes.data, t.answer_bytes.len));
}

static enum status open_answer(struct sweep *s)
{
	struct receipt receipt = { .device = t.receipt.device, .counter = t.receipt.counter };

	(void)s;
	return envelope_open_answer(t.sealed_answer.data, t.sealed_answer.len, t.key.public, &receipt, &t.out);
}

/* --- enrolment, cursors, JSON --- */

static const struct enrol_answer joined = { .device = 3, .owner_name = "Kim", .owner_login = "kim", .agency = "An agency",
					    .zone = "Europe/Zurich", .centre_ms = 5, .schema_version = 1 };

static enum status encode_enrol(struct sweep *s)
{
	(void)s;
	return wrote(enrol_answer_encode(&t.out, &joined));
}

static enum status decode_enrol(struct sweep *s)
{
	struct enrol_answer answer;

	(void)s;
	return enrol_answer_decode(t.enrol.data, t.enrol.len, &t.arena, &answer);
}

static const struct centre_card card = { .ca_der = { "certificate", 11 }, .agency = "An agency" };

static enum status encode_card(struct sweep *s)
{
	(void)s;
	return wrote(centre_card_encode(&t.out, &card));
}

static enum status decode_card(struct sweep *s)
{
	struct centre_card read;

	(void)s;
	return centre_card_decode(t.card.data, t.card.len, &t.arena, &read);
}

static enum status encode_cursor(struct sweep *s)
{
	static struct cursor_fill fills[40];
	const struct cursor cursor = { .schema_version = 1, .complete = 5, .position = 9, .scope = 5, .fills = fills,
				       .fill_count = 40 };
	static const uint8_t key[32] = { 1 };

	(void)s;
	return wrote(cursor_encode(&t.out, &cursor, 3, key));
}

static enum status decode_cursor(struct sweep *s)
{
	static const uint8_t key[32] = { 1 };
	struct cursor cursor;

	(void)s;
	return cursor_decode(t.cursor.data, t.cursor.len, 3, key, &t.arena, &cursor);
}

static enum status read_json(struct sweep *s)
{
	struct row row = { 0 };

	(void)s;
	return kindsql_from_json(t.note, t.note->mask_all, buf_str(&t.json), t.json.len, &t.arena, &row);
}

static const char candidates[] =
	"[{\"n\":1,\"seq\":\"5\",\"values\":{\"observed\":\"Well.\"},\"author\":\"x\",\"name\":\"Ann\",\"device\":\"a\","
	"\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-01T00:00:00Z\"},"
	"{\"n\":2,\"seq\":\"6\",\"values\":{\"observed\":\"Ill.\"},\"author\":\"y\",\"name\":\"Ben\",\"device\":\"b\","
	"\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2026-01-01T00:00:00Z\"}]";

static enum status read_candidates(struct sweep *s)
{
	const struct group *group = &t.note->groups[kind_group(t.note, "observed", 8)];
	struct decision_candidate *all = NULL;
	size_t count = 0;

	(void)s;
	return decision_candidates(t.note, group, candidates, sizeof candidates - 1, &t.arena, &all, &count);
}

static const char bundle[] =
	"{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\","
	"\"id\":\"00000000-0000-4000-8000-0000000000aa\",\"name\":[{\"family\":\"Example\",\"given\":[\"Ana\"]}],"
	"\"birthDate\":\"1948-02-29\",\"address\":[{\"line\":[\"A street\"],\"city\":\"Town\"}]}},"
	"{\"resource\":{\"resourceType\":\"Condition\",\"id\":\"00000000-0000-4000-8000-0000000000ab\",\"subject\":"
	"{\"reference\":\"Patient/00000000-0000-4000-8000-0000000000aa\"},\"code\":{\"text\":\"Unsteady\"}}},"
	"{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"00000000-0000-4000-8000-0000000000ac\",\"status\":\"final\","
	"\"category\":[{\"coding\":[{\"code\":\"vital-signs\"}]}],\"code\":{\"text\":\"Weight\"},\"subject\":"
	"{\"reference\":\"Patient/00000000-0000-4000-8000-0000000000aa\"},\"valueQuantity\":{\"value\":71.5,\"unit\":\"kg\"},"
	"\"effectiveDateTime\":\"2020-01-01T10:00:00Z\"}}]}";

static enum status read_fhir(struct sweep *s)
{
	struct fhir_import import;
	struct failure why;
	const enum status st = fhir_read(t.schema, bundle, sizeof bundle - 1, &import, &why);

	(void)s;
	if (st == ST_OK) {
		assert_int_equal(import.tally.taken + import.tally.left, 3);
		fhir_close(&import);
	}
	return st;
}

/* --- what is read, made once --- */

static void make_change(void)
{
	const size_t at = wire_field(t.note, "observed");

	t.change.kind = t.note;
	memset(t.change.id.bytes, 7, ID_SIZE);
	t.change.group_count = 1;
	t.change.groups[0] = (struct change_group){ .num = wire_group_num(t.note, "observed"),
						    .base = { .tag = VERSION_SEQ, .seq = 9 } };
	t.change.mask = change_mask(&t.change);
	t.change.row.values[at] = value_text(t.words, LONG_LEN);
	assert_int_equal(change_encode(&t.body, &t.change), ST_OK);
	assert_int_equal(make_brief(&t.brief), ST_OK);
}

static void make_messages(void)
{
	static const struct outcome outcomes[] = { { .n = 1, .seq = 12 }, { .n = 2, .seq = 13, .result = OUTCOME_HELD,
									     .reason = HELD_WAITS } };

	t.sent = (struct request_change){ .n = 1, .body = { t.body.data, t.body.len } };
	t.request = (struct request){ .schema_version = 1, .changes = &t.sent, .change_count = 1,
				      .health = { .version = "0", .battery_percent = -1 } };
	assert_int_equal(request_encode(&t.request_bytes, &t.request), ST_OK);
	t.answer = (struct answer){ .received_ms = SWEEP_WALL_MS, .sent_ms = SWEEP_WALL_MS, .outcomes = outcomes,
				    .outcome_count = 2, .base_seq = 20, .cursor = { "cursor", 6 } };
	t.record = (struct answer_record){ .kind = t.note, .id = t.change.id, .patient = t.change.id, .seq = 12, .whole = true,
					   .mask = t.note->mask_all, .row = t.change.row };
	assert_int_equal(answer_record_encode(&t.records, &t.answer, &t.record), ST_OK);
	assert_int_equal(answer_encode(&t.answer_bytes, &t.answer, &t.records, 1), ST_OK);
}

static void make_envelopes(void)
{
	static const uint8_t seed[SEED_SIZE] = { 5 };
	const struct envelope_head head = { 3, 4 };
	struct receipt receipt = { .device = 3, .counter = 4, .last_n = 1, .seq = 20 };

	sign_key_from_seed(&t.key, seed);
	assert_int_equal(deflater_new(&t.deflater), ST_OK);
	t.receipt = receipt;
	assert_int_equal(envelope_seal_request(&t.sealed_request, t.deflater, &head, &t.key, t.request_bytes.data,
					       t.request_bytes.len), ST_OK);
	assert_int_equal(envelope_seal_answer(&t.sealed_answer, t.deflater, &receipt, &t.key, t.answer_bytes.data,
					      t.answer_bytes.len), ST_OK);
}

static struct buf *const made[] = { &t.body,   &t.request_bytes, &t.answer_bytes, &t.records, &t.sealed_request,
				    &t.sealed_answer, &t.brief, &t.enrol, &t.card, &t.json, &t.cursor };

static void make_rest(struct sweep *s)
{
	open_run(s);
	buf_reset(&t.out);
	assert_int_equal(encode_cursor(s), ST_OK);
	buf_add(&t.cursor, t.out.data, t.out.len);
	close_run(s);
	assert_int_equal(enrol_answer_encode(&t.enrol, &joined), ST_OK);
	assert_int_equal(centre_card_encode(&t.card, &card), ST_OK);
	kindsql_json(&t.json, t.note, &t.change.row, t.note->mask_all);
}

/* --- the table --- */

#define WRITES(title, what) { .name = title, .open = open_run, .act = what, .close = close_run, .show = show_out }
#define READS(title, what) { .name = title, .open = open_run, .act = what, .close = close_run }

static const struct sweep_op ops[] = {
	WRITES("change_encode", encode_change),
	{ .name = "change_decode", .open = open_run, .act = decode_change, .close = close_run, .show = show_change },
	WRITES("brief_encode", encode_brief),
	WRITES("brief_decode", decode_brief),
	WRITES("request_encode", encode_request),
	READS("request_decode", decode_request),
	WRITES("answer_record_encode", encode_record),
	WRITES("answer_encode", encode_answer),
	READS("answer_decode and its record", decode_answer),
	READS("deflater_new", new_deflater),
	WRITES("envelope_seal_request", seal_request),
	WRITES("envelope_open_request", open_request),
	WRITES("envelope_seal_answer", seal_answer),
	WRITES("envelope_open_answer", open_answer),
	WRITES("enrol_answer_encode", encode_enrol),
	READS("enrol_answer_decode", decode_enrol),
	WRITES("centre_card_encode", encode_card),
	READS("centre_card_decode", decode_card),
	WRITES("cursor_encode", encode_cursor),
	READS("cursor_decode", decode_cursor),
	READS("kindsql_from_json", read_json),
	{ .name = "decision_candidates", .open = open_run, .act = read_candidates, .close = close_run, .blames = true },
	{ .name = "fhir_read", .open = open_run, .act = read_fhir, .close = close_run, .blames = true },
};

struct sweep_set sweep_codec(struct sweep *s)
{
	t.schema = wire_schema_new();
	t.note = schema_kind(t.schema, "note", 4);
	for (size_t i = 0; i < LONG_LEN; i++)
		t.words[i] = "Walked well, slept badly. "[(i * i + i / 26) % 26];
	for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
		buf_init(made[i], LIMIT_INFLATED_MAX);
	make_change();
	make_messages();
	make_envelopes();
	make_rest(s);
	return (struct sweep_set){ ops, sizeof ops / sizeof ops[0] };
}

void sweep_codec_close(void)
{
	for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
		buf_close(made[i]);
	deflater_free(t.deflater);
	free(t.schema);
}
