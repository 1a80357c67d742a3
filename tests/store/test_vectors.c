/* The golden vectors of the wire, and proto/README.md against the code. The same bytes are read by other people's
 * libraries in tests/e2e/test_vectors.py; what they say stands in tests/vectors/content.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/brief.h"
#include "proto/dictionary.h"
#include "proto/envelope.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

#define FILE_MAX ((size_t)256 * 1024)
#define VECTOR_MAX 1024

struct vector {
	uint8_t bytes[VECTOR_MAX];
	size_t len;
};

struct bench {
	struct schema *schema;
	struct arena arena;
	struct buf buf;
	struct change change;
	char *file;
	size_t file_len;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->schema = wire_schema_new();
	b->file = malloc(FILE_MAX);
	arena_init(&b->arena, FILE_MAX);
	buf_init(&b->buf, FILE_MAX);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	buf_close(&b->buf);
	arena_close(&b->arena);
	free(b->file);
	free(b->schema);
	free(b);
	return 0;
}

static void read_file(struct bench *b, const char *path)
{
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	b->file_len = fread(b->file, 1, FILE_MAX - 1, file);
	b->file[b->file_len] = '\0';
	fclose(file);
}

static void read_vector(struct bench *b, const char *name, struct vector *out)
{
	char path[128];

	snprintf(path, sizeof path, "tests/vectors/%s.hex", name);
	read_file(b, path);
	out->len = wire_unhex(b->file, out->bytes, VECTOR_MAX);
	assert_true(out->len > 0);
}

static void assert_is_vector(struct bench *b, const char *name)
{
	struct vector vector;

	read_vector(b, name, &vector);
	assert_int_equal(b->buf.len, vector.len);
	assert_memory_equal(b->buf.data, vector.bytes, vector.len);
}

static struct id id_of(uint8_t last)
{
	struct id id;

	assert_true(id_parse("01935b6e-0000-7000-8000-000000000000", ID_TEXT_LEN, &id));
	id.bytes[ID_SIZE - 1] = last;
	return id;
}

static void set_field(const struct kind *kind, struct row *row, const char *name, struct value value)
{
	row->values[wire_field(kind, name)] = value;
}

static const struct evidence heard = { .heard_ms = 1795000000000, 5000, 120, STEADY_MEASURED };

static void make_create(struct bench *b)
{
	struct change *c = &b->change;

	*c = (struct change){ .kind = schema_kind(b->schema, "task", 4), .create = true, .evidence = heard };
	c->id = id_of(1);
	c->patient = id_of(2);
	set_field(c->kind, &c->row, "title", value_string("Call the pharmacy"));
	set_field(c->kind, &c->row, "due_from", value_int(1795086400000));
	set_field(c->kind, &c->row, "due_to", value_int(1795090000000));
	set_field(c->kind, &c->row, "priority", value_string("high"));
	set_field(c->kind, &c->row, "status", value_string("open"));
}

static void make_edit(struct bench *b)
{
	struct change *c = &b->change;

	*c = (struct change){ .kind = schema_kind(b->schema, "task", 4), .evidence = heard, .group_count = 3 };
	c->id = id_of(1);
	c->evidence.elapsed_ms = 65000;
	c->evidence.steadiness = STEADY_OPEN;
	c->groups[0] = (struct change_group){
		wire_group_num(c->kind, "title"), { .tag = VERSION_SEQ, .seq = 1099511627781 }, c->evidence
	};
	c->groups[1] = (struct change_group){
		wire_group_num(c->kind, "status"), { .tag = VERSION_OWN, .n = 7 }, c->evidence
	};
	c->groups[2] = (struct change_group){
		wire_group_num(c->kind, "notes"),
		{ .tag = VERSION_OWN, .n = 4, .origin = 3, .digest = { 1, 2, 3, 4, 5, 6, 7, 8 } },
		{ .heard_ms = 1794999000000, .elapsed_ms = -20, .slack_ms = 80 },
	};
	set_field(c->kind, &c->row, "title", value_string("Call the pharmacy again"));
	set_field(c->kind, &c->row, "status", value_string("done"));
	set_field(c->kind, &c->row, "outcome", value_string("Refill is ready"));
	set_field(c->kind, &c->row, "completed_at", value_int(1795000064000));
	set_field(c->kind, &c->row, "notes", value_string("Zoë called – 東"));
}

static void make_delete(struct bench *b)
{
	struct change *c = &b->change;

	*c = (struct change){ .kind = schema_kind(b->schema, "task", 4), .deletes = true, .group_count = 1 };
	c->id = id_of(1);
	c->groups[0].base = (struct version){ .tag = VERSION_SEQ, .seq = 1099511627781 };
}

static void assert_change_is(struct bench *b, const char *name)
{
	static struct change back;

	b->change.mask = change_mask(&b->change);
	buf_reset(&b->buf);
	assert_int_equal(change_encode(&b->buf, &b->change), ST_OK);
	assert_is_vector(b, name);
	assert_int_equal(change_decode(b->schema, b->buf.data, b->buf.len, &b->arena, &back, NULL), ST_OK);
	assert_true(wire_change_equal(&b->change, &back));
}

static void a_create_an_edit_and_a_deletion_are_their_vectors(void **state)
{
	struct bench *b = *state;

	make_create(b);
	assert_change_is(b, "change-create");
	make_edit(b);
	assert_change_is(b, "change-edit");
	make_delete(b);
	assert_change_is(b, "change-delete");
}

/* Seven minutes fast: one group by a save of ours, the other by a program that knows only the wall clock. */
static void a_change_that_tells_of_the_tablets_clocks_is_its_vector(void **state)
{
	const struct evidence by_sql = { .heard_ms = 1795000000000, .elapsed_ms = 61000, .slack_ms = 120,
					 .steadiness = STEADY_MEASURED, .offset_ms = 420000, .reading = 9 };
	struct bench *b = *state;
	struct change *c = &b->change;

	*c = (struct change){ .kind = schema_kind(b->schema, "task", 4), .evidence = by_sql, .group_count = 2 };
	c->id = id_of(1);
	c->evidence.elapsed_ms = 65000;
	c->evidence.boot = 3405691582;
	c->evidence.boot_ms = 5000000;
	c->groups[0] = (struct change_group){
		wire_group_num(c->kind, "title"), { .tag = VERSION_SEQ, .seq = 1099511627781 }, c->evidence
	};
	c->groups[1] = (struct change_group){
		wire_group_num(c->kind, "notes"), { .tag = VERSION_SEQ, .seq = 1099511627781 }, by_sql
	};
	set_field(c->kind, &c->row, "title", value_string("Call the pharmacy again"));
	set_field(c->kind, &c->row, "notes", value_string("Called"));
	assert_change_is(b, "change-clock");
}

static void a_request_that_tells_how_far_the_clock_is_off_is_its_vector(void **state)
{
	const struct request request = { .schema_version = 1, .health = { .battery_percent = -1, .version = "" },
					 .clock = { .heard_ms = 1795000000000, 70000, 120, true, 420000 } };
	struct bench *b = *state;
	struct request back;

	assert_int_equal(request_encode(&b->buf, &request), ST_OK);
	assert_is_vector(b, "request-clock");
	assert_int_equal(request_decode(b->buf.data, b->buf.len, &b->arena, &back), ST_OK);
	assert_int_equal(back.clock.offset_ms, 420000);
}

static const char LONG_BASE[] = "Zoë slept well. The wound is dry and clean – 東. Her daughter visits on Sundays.";

static enum status long_record(const void *ctx, uint64_t seq, struct id *id_out)
{
	(void)ctx;
	assert_true(seq == 1099511627781);
	*id_out = id_of(1);
	return ST_OK;
}

static enum status long_text(const void *ctx, uint64_t kind, const struct id *id, uint64_t field, uint64_t seq,
			     struct bytes *text_out)
{
	(void)ctx;
	(void)id;
	assert_true(kind == 8 && field == 12 && seq == 1099511627781);
	*text_out = (struct bytes){ LONG_BASE, strlen(LONG_BASE) };
	return ST_OK;
}

static void a_long_edit_and_its_brief_are_their_vectors(void **state)
{
	const struct brief_source source = { .record = long_record, .text = long_text };
	static struct bytes base[256];
	struct bench *b = *state;
	struct vector body, brief;

	base[12] = (struct bytes){ LONG_BASE, strlen(LONG_BASE) };
	read_vector(b, "change-long", &body);
	read_vector(b, "brief-long", &brief);
	assert_int_equal(brief_encode(&b->buf, &(struct bytes){ body.bytes, body.len }, base), ST_OK);
	assert_is_vector(b, "brief-long");
	buf_reset(&b->buf);
	assert_int_equal(brief_decode(&b->buf, &(struct bytes){ brief.bytes, brief.len }, &source), ST_OK);
	assert_is_vector(b, "change-long");
}

static void a_request_is_its_vector(void **state)
{
	static const char *const names[] = { "change-create", "change-edit", "change-delete" };
	static struct vector bodies[3];
	struct request_change changes[3];
	const struct request_held held = { 3, { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8 } };
	const struct request request = {
		.schema_version = 1, .cursor = { "\xc0\xff\xee", 3 }, .changes = changes, .change_count = 3, .held = &held,
		.held_count = 1, .clock = { .heard_ms = 1795000000000, 70000, 120, true }, .budget = 65536,
		.health = { 3, 1795000005000, 20480, 81, "0.1.0" },
		.expects = true, .expected_run = { 0xac, 0x1f, 0x3d, 0x2d, 0x86, 0xa1, 0xea, 0xa9 },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < 3; i++) {
		read_vector(b, names[i], &bodies[i]);
		changes[i] = (struct request_change){ .n = 7 + i, .body = { bodies[i].bytes, bodies[i].len } };
	}
	assert_int_equal(request_encode(&b->buf, &request), ST_OK);
	assert_is_vector(b, "request");
}

static void add_records(struct bench *b, const struct answer *answer, struct buf *records)
{
	static struct answer_record patient, news, gone;

	patient = (struct answer_record){ .kind = schema_kind(b->schema, "patient", 7), .whole = true };
	patient.id = patient.patient = id_of(2);
	patient.seq = answer->base_seq - 2;
	set_field(patient.kind, &patient.row, "name", value_string("Zoë Müller"));
	set_field(patient.kind, &patient.row, "birth_date", value_string("1948-02-29"));
	set_field(patient.kind, &patient.row, "interpreter", value_int(1));
	assert_int_equal(answer_record_encode(records, answer, &patient), ST_OK);

	news = (struct answer_record){ .kind = schema_kind(b->schema, "task", 4), .seq = answer->base_seq - 1 };
	news.id = id_of(1);
	news.mask = news.kind->groups[kind_group(news.kind, "status", 6)].mask;
	set_field(news.kind, &news.row, "status", value_string("done"));
	set_field(news.kind, &news.row, "completed_at", value_int(answer->received_ms - 7000));
	assert_int_equal(answer_record_encode(records, answer, &news), ST_OK);

	gone = (struct answer_record){ .kind = news.kind, .whole = true, .deleted = true, .seq = answer->base_seq - 8 };
	gone.id = id_of(3);
	gone.patient = id_of(2);
	set_field(gone.kind, &gone.row, "title", value_string("Old"));
	set_field(gone.kind, &gone.row, "owner", value_string("01935b6e-0000-7000-8000-000000000004"));
	assert_int_equal(answer_record_encode(records, answer, &gone), ST_OK);
}

static void an_answer_is_its_vector(void **state)
{
	const struct outcome_group judged[] = { { 1, GROUP_ACCEPTED }, { 8, GROUP_SUPERSEDED }, { 12, GROUP_MERGED } };
	const uint64_t base = 1099511627783;
	const struct outcome outcomes[] = {
		{ .n = 4, .seq = base - 8, .result = OUTCOME_ACCEPTED },
		{ .n = 5, .seq = base - 7, .result = OUTCOME_ACCEPTED },
		{ .n = 7, .seq = base - 6, .result = OUTCOME_ACCEPTED },
		{ .n = 8, .seq = base - 5, .result = OUTCOME_JUDGED, .groups = judged, .group_count = 3 },
		{ .n = 9, .seq = base - 4, .result = OUTCOME_HELD, .reason = HELD_NOT_YOURS },
		{ .n = 3, .seq = base - 3, .result = OUTCOME_RETURNED },
	};
	const struct id let_go = id_of(5), filling = id_of(6), complete[] = { id_of(2), id_of(7) };
	const struct answer answer = {
		.received_ms = 1795000071000, .sent_ms = 1795000071012, .cursor = { "\xc0\xff\xee\x01", 4 }, .more = true,
		.outcomes = outcomes, .outcome_count = 6, .let_go = &let_go, .let_go_count = 1, .filling = &filling,
		.filling_count = 1, .complete = complete, .complete_count = 2,
		.notices = { NOTICE_SEND_FROM, NOTICE_VERSION }, .notice_count = 2, .send_from = 4, .base_seq = base,
		.watermark_seq = 1099511627000,
	};
	struct bench *b = *state;
	struct buf records;

	buf_init(&records, FILE_MAX);
	add_records(b, &answer, &records);
	assert_int_equal(answer_encode(&b->buf, &answer, &records, 3), ST_OK);
	assert_is_vector(b, "answer");
	buf_close(&records);
}

static void key_of(uint8_t byte, struct sign_key *key)
{
	uint8_t seed[SEED_SIZE];

	memset(seed, byte, sizeof seed);
	sign_key_from_seed(key, seed);
}

static void a_request_made_elsewhere_opens(void **state)
{
	struct bench *b = *state;
	struct vector request;
	struct envelope_head head;
	struct sign_key tablet;

	key_of(1, &tablet);
	read_vector(b, "envelope-request", &request);
	assert_int_equal(envelope_peek_request(request.bytes, request.len, &head), ST_OK);
	assert_true(head.device == 7 && head.counter == 12);
	assert_int_equal(envelope_open_request(request.bytes, request.len, tablet.public, &b->buf), ST_OK);
	assert_is_vector(b, "request");
}

/* The running digest of the changes in the vector of the request, as if 7 were the first. */
static struct digest run_of_changes(struct bench *b)
{
	static const char *const names[] = { "change-create", "change-edit", "change-delete" };
	struct digest run = { { 0 } }, change;
	struct vector body;

	for (size_t i = 0; i < 3; i++) {
		read_vector(b, names[i], &body);
		change_digest(&change, body.bytes, body.len);
		change_run(&run, 7 + i, &change);
	}
	return run;
}

/* Once with last n and running digest, once for a tablet that expects them. */
static void an_answer_made_elsewhere_opens(void **state)
{
	static const char *const names[] = { "envelope-answer", "envelope-answer-known" };
	struct bench *b = *state;
	const struct digest run = run_of_changes(b);
	struct vector request, answer;
	struct sign_key centre;

	key_of(2, &centre);
	read_vector(b, "envelope-request", &request);
	for (size_t i = 0; i < 2; i++) {
		struct receipt receipt = { .device = 7, .counter = 12 };

		if (i == 1) {
			receipt.last_n = 9;
			receipt.run = run;
		}
		read_vector(b, names[i], &answer);
		envelope_request_digest(&receipt.request, request.bytes, request.len);
		assert_int_equal(envelope_open_answer(answer.bytes, answer.len, centre.public, &receipt, &b->buf), ST_OK);
		assert_is_vector(b, "answer");
		assert_true(digest_equal(&run, &receipt.run));
		assert_true(receipt.last_n == 9 && receipt.seq == 1099511627783);
	}
}

static void the_dictionary_is_its_vector(void **state)
{
	struct bench *b = *state;
	const struct dictionary *dictionary = dictionary_find(2);

	read_file(b, "tests/vectors/dictionary-2.bin");
	assert_non_null(dictionary);
	assert_int_equal(dictionary->len, b->file_len);
	assert_memory_equal(dictionary->text, b->file, b->file_len);
}

/* The bytes left of the '|' in the lines of the README's block ```hex. */
static void the_manuals_example_is_the_vector_of_the_edit(void **state)
{
	struct bench *b = *state;
	struct vector vector;
	char *line, *end;

	read_file(b, "proto/README.md");
	line = strstr(b->file, "```hex\n");
	assert_non_null(line);
	for (line = strchr(line, '\n') + 1; strncmp(line, "```", 3) != 0; line = end + 1) {
		char *bar = strchr(line, '|');

		end = strchr(line, '\n');
		assert_true(end && bar && bar < end);
		*bar = '\0';
		vector.len = wire_unhex(line, vector.bytes, VECTOR_MAX);
		buf_add(&b->buf, vector.bytes, vector.len);
	}
	assert_is_vector(b, "change-edit");
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		count++;
	return count;
}

static void the_manuals_table_of_limits_is_the_header(void **state)
{
#define LIMIT(name) { #name, name }
	static const struct {
		const char *name;
		long value;
	} limits[] = {
		LIMIT(LIMIT_BODY_MAX), LIMIT(LIMIT_INFLATED_MAX), LIMIT(LIMIT_DEPTH_MAX), LIMIT(LIMIT_ITEMS_MAX),
		LIMIT(LIMIT_FIELD_MAX), LIMIT(LIMIT_NOTE_MAX), LIMIT(LIMIT_CHANGE_MAX), LIMIT(LIMIT_CHANGES_MAX),
		LIMIT(LIMIT_HELD_MAX), LIMIT(LIMIT_CURSOR_MAX), LIMIT(LIMIT_HEADERS_MAX), LIMIT(LIMIT_BUDGET_MIN),
		LIMIT(LIMIT_BUDGET_DEFAULT), LIMIT(LIMIT_TEXT_MAX),
	};
	const size_t count = sizeof limits / sizeof limits[0];
	struct bench *b = *state;
	char row[96];

	read_file(b, "proto/limits.h");
	assert_int_equal(count_of(b->file, "#define LIMIT_"), count);
	read_file(b, "proto/README.md");
	assert_int_equal(count_of(b->file, "| `LIMIT_"), count);
	for (size_t i = 0; i < count; i++) {
		snprintf(row, sizeof row, "| `%s` | %ld |", limits[i].name, limits[i].value);
		if (!strstr(b->file, row))
			print_error("not in the manual: %s\n", row);
		assert_non_null(strstr(b->file, row));
	}
}

static void the_manual_names_every_reason_to_hold(void **state)
{
	struct bench *b = *state;
	char row[96];

	read_file(b, "proto/README.md");
	for (int reason = 1; reason < HELD_REASON_COUNT; reason++) {
		snprintf(row, sizeof row, "| %d | `%s` |", reason, held_reason_name((enum held_reason)reason));
		assert_non_null(strstr(b->file, row));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_create_an_edit_and_a_deletion_are_their_vectors),
		TEST(a_change_that_tells_of_the_tablets_clocks_is_its_vector),
		TEST(a_request_that_tells_how_far_the_clock_is_off_is_its_vector),
		TEST(a_long_edit_and_its_brief_are_their_vectors),
		TEST(a_request_is_its_vector),
		TEST(an_answer_is_its_vector),
		TEST(a_request_made_elsewhere_opens),
		TEST(an_answer_made_elsewhere_opens),
		TEST(the_dictionary_is_its_vector),
		TEST(the_manuals_example_is_the_vector_of_the_edit),
		TEST(the_manuals_table_of_limits_is_the_header),
		TEST(the_manual_names_every_reason_to_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
