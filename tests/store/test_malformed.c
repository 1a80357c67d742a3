/* tests/vectors/malformed.txt, which says how to read it: each line is handed to the decoder it is for, and has the status
 * that is written there. What is malformed inside is signed as it should be, so that the decoder is what refuses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "proto/dictionary.h"
#include "proto/enrol.h"
#include "proto/envelope.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define BYTES_MAX ((size_t)4 * 1024 * 1024)
#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define MAGIC_SIZE 4
#define LINES_MIN 200
#define ZEROS 65536
/* Where the head of an answer has its sequence and its last n. */
#define SEQ_AT (MAGIC_SIZE + SIGNATURE_SIZE)
#define LAST_N_AT ENVELOPE_ANSWER_SIZE
#define SEQ 1099511627783 /* of the good answer */

struct bench {
	struct schema *schema;
	struct arena arena;
	struct buf bytes, edited, message;
	struct deflater *deflater;
	struct sign_key tablet, centre;
	struct buf request, answer; /* good envelopes */
	struct receipt receipt;
	char *file;
	size_t lines;
};

/* --- good ones ----------------------------------------------------------------------- */

static size_t read_file(const char *path, char *out, size_t room)
{
	FILE *file = fopen(path, "rb");
	size_t len;

	assert_non_null(file);
	len = fread(out, 1, room - 1, file);
	fclose(file);
	assert_true(len > 0 && len < room - 1);
	out[len] = '\0';
	return len;
}

static size_t read_vector(const char *path, uint8_t *out, size_t room)
{
	char text[8192];

	read_file(path, text, sizeof text);
	return wire_unhex(text, out, room);
}

static void make_good(struct bench *b)
{
	uint8_t seed[SEED_SIZE], message[2048];
	struct envelope_head head = { 7, 12 };
	size_t len = read_vector("tests/vectors/request.hex", message, sizeof message);

	memset(seed, 1, sizeof seed);
	sign_key_from_seed(&b->tablet, seed);
	memset(seed, 2, sizeof seed);
	sign_key_from_seed(&b->centre, seed);
	assert_int_equal(envelope_seal_request(&b->request, b->deflater, &head, &b->tablet, message, len), ST_OK);
	b->receipt = (struct receipt){ .device = 7, .counter = 12, .last_n = 9, .seq = SEQ };
	memset(b->receipt.run.bytes, 0x72, DIGEST_SIZE);
	memset(b->receipt.chain.bytes, 0xc0, DIGEST_SIZE);
	envelope_request_digest(&b->receipt.request, b->request.data, b->request.len);
	len = read_vector("tests/vectors/answer.hex", message, sizeof message);
	assert_int_equal(envelope_seal_answer(&b->answer, b->deflater, &b->receipt, &b->centre, message, len), ST_OK);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->schema = wire_schema_new();
	b->file = malloc(FILE_MAX);
	arena_init(&b->arena, ARENA_MAX);
	buf_init(&b->bytes, BYTES_MAX);
	buf_init(&b->edited, BYTES_MAX);
	buf_init(&b->message, LIMIT_INFLATED_MAX);
	buf_init(&b->request, LIMIT_BODY_MAX);
	buf_init(&b->answer, LIMIT_BODY_MAX);
	assert_int_equal(deflater_new(&b->deflater), ST_OK);
	make_good(b);
	read_file("tests/vectors/malformed.txt", b->file, FILE_MAX);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	deflater_free(b->deflater);
	buf_close(&b->bytes);
	buf_close(&b->edited);
	buf_close(&b->message);
	buf_close(&b->request);
	buf_close(&b->answer);
	arena_close(&b->arena);
	free(b->file);
	free(b->schema);
	free(b);
	return 0;
}

/* --- a line's bytes ------------------------------------------------------------------ */

/* HEX or HEX*N. */
static void add_hex(struct buf *out, const char *token)
{
	const char *star = strchr(token, '*');
	const unsigned long times = star != NULL ? strtoul(star + 1, NULL, 10) : 1;
	const size_t before = out->len, digits = star != NULL ? (size_t)(star - token) : strlen(token);
	char *text = strndup(token, digits);
	uint8_t *room = buf_reserve(out, digits / 2);
	size_t len;

	assert_non_null(text);
	assert_true(room != NULL && times > 0);
	len = wire_unhex(text, room, digits / 2);
	buf_grew(out, len);
	for (unsigned long i = 1; i < times; i++) {
		assert_non_null(buf_reserve(out, len));
		buf_add(out, out->data + before, len);
	}
	assert_int_equal(buf_status(out), ST_OK);
	free(text);
}

/* A stream of so many zeros. */
static void add_bomb(struct buf *out, size_t zeros)
{
	static const uint8_t nothing[ZEROS];
	const size_t size = zeros / 1000 + 1024;
	z_stream stream = { 0 };

	buf_add_byte(out, 1);
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = buf_reserve(out, size);
	assert_non_null(stream.next_out);
	stream.avail_out = (uInt)size;
	while (zeros > 0) {
		stream.avail_in = (uInt)(zeros < ZEROS ? zeros : ZEROS);
		zeros -= stream.avail_in;
		stream.next_in = (Bytef *)(uintptr_t)nothing;
		assert_int_equal(deflate(&stream, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	buf_grew(out, size - stream.avail_out);
	deflateEnd(&stream);
}

static uint8_t *place(struct buf *bytes, long offset)
{
	const long at = offset < 0 ? (long)bytes->len + offset : offset;

	assert_true(at >= 0 && (size_t)at < bytes->len);
	return bytes->data + at;
}

/* One edit of what is in `bytes`. */
static void edit(struct buf *bytes, const char *recipe)
{
	const char *argument = strchr(recipe, ':');
	const size_t word = argument != NULL ? (size_t)(argument - recipe) : strlen(recipe);
	const long number = argument != NULL ? strtol(argument + 1, NULL, 10) : 0;
	const char *hex = argument != NULL && strchr(argument, '=') != NULL ? strchr(argument, '=') + 1 : argument + 1;
	const size_t was = bytes->len;

	if (strncmp(recipe, "at", word) == 0) {
		uint8_t *at = place(bytes, number);

		wire_unhex(hex, at, bytes->len - (size_t)(at - bytes->data));
	} else if (strncmp(recipe, "flip", word) == 0) {
		*place(bytes, number) ^= 1;
	} else if (strncmp(recipe, "keep", word) == 0) {
		bytes->len = (size_t)number;
	} else if (strncmp(recipe, "cut", word) == 0) {
		bytes->len -= (size_t)number;
	} else if (strncmp(recipe, "add", word) == 0) {
		add_hex(bytes, hex);
	} else if (strncmp(recipe, "tail", word) == 0) {
		bytes->len -= strlen(hex) / 2;
		add_hex(bytes, hex);
	} else if (strncmp(recipe, "grow", word) == 0) {
		while (bytes->len < (size_t)number)
			buf_add_byte(bytes, 0);
	} else if (strncmp(recipe, "twice", word) == 0) {
		assert_non_null(buf_reserve(bytes, was));
		buf_add(bytes, bytes->data, was);
	} else if (strncmp(recipe, "hex", word) == 0) {
		buf_reset(bytes);
		add_hex(bytes, hex);
	} else {
		assert_int_equal(strncmp(recipe, "bomb", word), 0);
		buf_reset(bytes);
		add_bomb(bytes, (size_t)number);
	}
	assert_int_equal(buf_status(bytes), ST_OK);
}

/* --- who reads it ---------------------------------------------------------------------- */

static enum status read_request_frame(struct bench *b, const char *recipe)
{
	struct envelope_head head;
	enum status st;

	buf_add(&b->bytes, b->request.data, b->request.len);
	edit(&b->bytes, recipe);
	st = envelope_peek_request(b->bytes.data, b->bytes.len, &head);
	return st == ST_OK ? envelope_open_request(b->bytes.data, b->bytes.len, b->tablet.public, &b->message) : st;
}

static enum status read_request_stream(struct bench *b, const char *recipe)
{
	struct digest digest;
	struct part part;
	struct request request;
	enum status st;

	buf_add(&b->bytes, b->request.data + ENVELOPE_REQUEST_SIZE, b->request.len - ENVELOPE_REQUEST_SIZE);
	edit(&b->bytes, recipe);
	part = (struct part){ b->bytes.data, b->bytes.len };
	digest_of(&digest, "stream", &part, 1);
	buf_add(&b->edited, b->request.data, ENVELOPE_REQUEST_SIZE);
	sign_parts(b->edited.data + 16, &b->tablet, "request",
		   (const struct part[]){ { b->edited.data, 16 }, { digest.bytes, DIGEST_SIZE } }, 2);
	buf_add(&b->edited, b->bytes.data, b->bytes.len);
	st = envelope_open_request(b->edited.data, b->edited.len, b->tablet.public, &b->message);
	return st == ST_OK ? request_decode(b->message.data, b->message.len, &b->arena, &request) : st;
}

static enum status open_answer(struct bench *b, const struct buf *envelope)
{
	struct receipt expected = { .device = 7, .counter = 12, .request = b->receipt.request };
	struct answer answer;
	enum status st = envelope_open_answer(envelope->data, envelope->len, b->centre.public, &expected, &b->message);

	return st == ST_OK ? answer_decode(b->message.data, b->message.len, expected.seq, &b->arena, &answer) : st;
}

static enum status read_answer_frame(struct bench *b, const char *recipe)
{
	buf_add(&b->bytes, b->answer.data, b->answer.len);
	edit(&b->bytes, recipe);
	return open_answer(b, &b->bytes);
}

/* Section 3 of proto/README.md: what the signature of an answer covers. */
static enum status read_answer_stream(struct bench *b, const char *recipe)
{
	static const uint8_t asked[] = { 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 12 };
	const uint8_t *head = b->answer.data;
	struct digest digest;
	struct part part;

	buf_add(&b->bytes, head + ENVELOPE_ANSWER_FULL_SIZE, b->answer.len - ENVELOPE_ANSWER_FULL_SIZE);
	edit(&b->bytes, recipe);
	part = (struct part){ b->bytes.data, b->bytes.len };
	digest_of(&digest, "stream", &part, 1);
	buf_add(&b->edited, head, ENVELOPE_ANSWER_FULL_SIZE);
	sign_parts(b->edited.data + MAGIC_SIZE, &b->centre, "answer",
		   (const struct part[]){ { "DSa\x01", MAGIC_SIZE },
					  { asked, sizeof asked },
					  { b->receipt.request.bytes, DIGEST_SIZE },
					  { head + LAST_N_AT, 8 },
					  { head + SEQ_AT, 8 },
					  { head + LAST_N_AT + 8, DIGEST_SIZE },
					  { head + SEQ_AT + 8, DIGEST_SIZE },
					  { digest.bytes, DIGEST_SIZE } }, 8);
	buf_add(&b->edited, b->bytes.data, b->bytes.len);
	return open_answer(b, &b->edited);
}

/* An answer with nothing but this record. */
static enum status read_record(struct bench *b)
{
	static const char head[] = "8200cf000001a1ee565e000591";
	struct answer_record record;
	struct answer answer;

	add_hex(&b->edited, head);
	buf_add(&b->edited, b->bytes.data, b->bytes.len);
	assert_int_equal(answer_decode(b->edited.data, b->edited.len, SEQ, &b->arena, &answer), ST_OK);
	assert_int_equal(answer.record_count, 1);
	return answer_record_decode(b->schema, &answer, 0, &b->arena, &record);
}

static enum status read_request(struct bench *b)
{
	struct request request;

	return request_decode(b->bytes.data, b->bytes.len, &b->arena, &request);
}

static enum status read_change(struct bench *b)
{
	struct change change;

	return change_decode(b->schema, b->bytes.data, b->bytes.len, &b->arena, &change, NULL);
}

static enum status read_answer(struct bench *b)
{
	struct answer answer;

	return answer_decode(b->bytes.data, b->bytes.len, SEQ, &b->arena, &answer);
}

static enum status read_enrol(struct bench *b)
{
	struct enrol_request request;

	return enrol_request_decode(b->bytes.data, b->bytes.len, &b->arena, &request);
}

static enum status read_card(struct bench *b)
{
	struct centre_card card;

	return centre_card_decode(b->bytes.data, b->bytes.len, &b->arena, &card);
}

static enum status read_enrol_answer(struct bench *b)
{
	struct enrol_answer answer;

	return enrol_answer_decode(b->bytes.data, b->bytes.len, &b->arena, &answer);
}

struct reader {
	const char *what;
	enum status (*read)(struct bench *b);
	enum status (*read_edited)(struct bench *b, const char *recipe);
};

static const struct reader READERS[] = {
	{ "request", read_request, NULL },
	{ "request-frame", NULL, read_request_frame },
	{ "request-stream", NULL, read_request_stream },
	{ "change", read_change, NULL },
	{ "enrol", read_enrol, NULL },
	{ "answer", read_answer, NULL },
	{ "answer-frame", NULL, read_answer_frame },
	{ "answer-stream", NULL, read_answer_stream },
	{ "record", read_record, NULL },
	{ "card", read_card, NULL },
	{ "enrol-answer", read_enrol_answer, NULL },
};

/* --- the lines -------------------------------------------------------------------------- */

static enum status read_line(struct bench *b, const struct reader *reader, char *rest)
{
	const char *token;

	buf_reset(&b->bytes);
	buf_reset(&b->edited);
	buf_reset(&b->message);
	arena_close(&b->arena);
	arena_init(&b->arena, ARENA_MAX);
	if (reader->read == NULL)
		return reader->read_edited(b, rest);
	while ((token = strsep(&rest, " ")) != NULL)
		if (strcmp(token, "empty") != 0)
			add_hex(&b->bytes, token);
	return reader->read(b);
}

/* Every line of this kind; returns how many had another status. */
static size_t check_lines(struct bench *b, const struct reader *reader)
{
	char *copy = strdup(b->file), *at = copy, *line;
	size_t wrong = 0, before = b->lines;

	assert_non_null(copy);
	while ((line = strsep(&at, "\n")) != NULL) {
		const char *what = strsep(&line, " "), *name, *expected, *got;

		if (*what == '#' || line == NULL || strcmp(what, reader->what) != 0)
			continue;
		name = strsep(&line, " ");
		expected = strsep(&line, " ");
		assert_non_null(line);
		got = status_name(read_line(b, reader, line));
		b->lines++;
		if (strcmp(got, expected) != 0) {
			print_error("%s %s: %s, not %s\n", what, name, got, expected);
			wrong++;
		}
	}
	free(copy);
	assert_true(b->lines > before);
	return wrong;
}

static void each_malformed_message_has_the_status_that_is_written_for_it(void **state)
{
	struct bench *b = *state;
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof READERS / sizeof READERS[0]; i++)
		wrong += check_lines(b, &READERS[i]);
	assert_int_equal(wrong, 0);
	assert_true(b->lines >= LINES_MIN);
}

static void every_line_is_of_a_kind_that_somebody_reads(void **state)
{
	struct bench *b = *state;
	char *copy = strdup(b->file), *at = copy, *line;

	assert_non_null(copy);
	while ((line = strsep(&at, "\n")) != NULL) {
		const char *what = strsep(&line, " ");
		bool known = *what == '#' || *what == '\0';

		for (size_t i = 0; i < sizeof READERS / sizeof READERS[0]; i++)
			known = known || strcmp(what, READERS[i].what) == 0;
		if (!known)
			fail_msg("nobody reads %s", what);
	}
	free(copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_malformed_message_has_the_status_that_is_written_for_it),
		TEST(every_line_is_of_a_kind_that_somebody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
