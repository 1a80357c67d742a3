/* Envelopes: what is sealed opens, for whom it was sealed, and nothing that was cut, altered or blown up does
 * (RELIABILITY.md, fault X2, and the limits of section 5). */
#define ZLIB_CONST
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "proto/dictionary.h"
#include "proto/envelope.h"
#include "proto/limits.h"
#include "tests/support/wire.h"

static const char hello[] = "Patient denies pain. Medication list was reviewed, no discrepancies.";

struct bench {
	struct deflater *deflater;
	struct sign_key tablet, centre;
	struct envelope_head head;
	struct receipt receipt;
	struct buf out, message;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	const uint8_t seeds[2][SEED_SIZE] = { { 1 }, { 2 } };

	assert_int_equal(deflater_new(&b->deflater), ST_OK);
	sign_key_from_seed(&b->tablet, seeds[0]);
	sign_key_from_seed(&b->centre, seeds[1]);
	b->head = (struct envelope_head){ .device = 0x01020304, .counter = UINT64_C(0x1112131415161718) };
	b->receipt = (struct receipt){ .device = b->head.device, .counter = b->head.counter, .last_n = 41, .seq = 99 };
	b->receipt.request.bytes[0] = 3;
	b->receipt.run.bytes[0] = 4;
	b->receipt.chain.bytes[0] = 5;
	buf_init(&b->out, LIMIT_BODY_MAX);
	buf_init(&b->message, LIMIT_INFLATED_MAX);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	buf_close(&b->out);
	buf_close(&b->message);
	deflater_free(b->deflater);
	free(b);
	return 0;
}

static enum status seal(struct bench *b, const void *message, size_t len)
{
	buf_reset(&b->out);
	return envelope_seal_request(&b->out, b->deflater, &b->head, &b->tablet, message, len);
}

static enum status open_request(struct bench *b, const void *bytes, size_t len)
{
	return envelope_open_request(bytes, len, b->tablet.public, &b->message);
}

/* A request whose stream is given, signed as a tablet would. */
static enum status open_stream(struct bench *b, const void *stream, size_t len)
{
	const struct part whole = { stream, len };
	struct digest digest;

	assert_int_equal(seal(b, "", 0), ST_OK);
	b->out.len = ENVELOPE_REQUEST_SIZE;
	buf_add(&b->out, stream, len);
	digest_of(&digest, "stream", &whole, 1);
	sign_parts(b->out.data + 16, &b->tablet, "request",
		   (const struct part[]){ { b->out.data, 16 }, { digest.bytes, DIGEST_SIZE } }, 2);
	return open_request(b, b->out.data, b->out.len);
}

static size_t stream_of(uint8_t *out, size_t room, uint8_t form, const void *data, size_t len, const char *dictionary)
{
	z_stream z = { .next_in = data, .avail_in = (uInt)len, .next_out = out + 1, .avail_out = (uInt)room - 1 };

	out[0] = form;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	if (dictionary)
		assert_int_equal(deflateSetDictionary(&z, (const Bytef *)dictionary, (uInt)strlen(dictionary)), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void a_request_opens_with_its_tablets_key_and_no_other(void **state)
{
	struct bench *b = *state;
	struct envelope_head head;

	assert_int_equal(seal(b, hello, sizeof hello), ST_OK);
	assert_true(b->out.len < ENVELOPE_REQUEST_SIZE + 45); /* its words are in the dictionary */
	assert_int_equal(envelope_peek_request(b->out.data, b->out.len, &head), ST_OK);
	assert_int_equal(head.device, b->head.device);
	assert_true(head.counter == b->head.counter);
	assert_int_equal(open_request(b, b->out.data, b->out.len), ST_OK);
	assert_int_equal(b->message.len, sizeof hello);
	assert_memory_equal(b->message.data, hello, sizeof hello);
	assert_int_equal(envelope_open_request(b->out.data, b->out.len, b->centre.public, &b->message), ST_FORGED);
}

static void an_answer_opens_as_the_answer_to_its_request_and_no_other(void **state)
{
	struct bench *b = *state;
	struct receipt got = { .device = b->head.device, .counter = b->head.counter, .request = b->receipt.request };
	struct receipt others[3] = { got, got, got };

	others[0].counter++;
	others[1].device++;
	others[2].request.bytes[31] ^= 1;
	assert_int_equal(envelope_seal_answer(&b->out, b->deflater, &b->receipt, &b->centre, hello, sizeof hello), ST_OK);
	assert_int_equal(envelope_open_answer(b->out.data, b->out.len, b->centre.public, &got, &b->message), ST_OK);
	assert_memory_equal(&got, &b->receipt, sizeof got);
	assert_memory_equal(b->message.data, hello, sizeof hello);
	assert_true(receipt_verify(&got, b->centre.public));
	assert_false(receipt_verify(&got, b->tablet.public));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			envelope_open_answer(b->out.data, b->out.len, b->centre.public, &others[i], &b->message),
			ST_FORGED);
	got.last_n++;
	assert_false(receipt_verify(&got, b->centre.public));
}

static void what_the_tablet_knows_is_signed_though_it_does_not_travel(void **state)
{
	struct bench *b = *state;
	struct receipt got = { .device = b->head.device, .counter = b->head.counter, .request = b->receipt.request,
			       .last_n = b->receipt.last_n, .run = b->receipt.run };
	struct receipt others[2] = { got, got };

	b->receipt.known = true;
	others[0].last_n--;
	others[1].run.bytes[31] ^= 1;
	assert_int_equal(envelope_seal_answer(&b->out, b->deflater, &b->receipt, &b->centre, hello, sizeof hello), ST_OK);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			envelope_open_answer(b->out.data, b->out.len, b->centre.public, &others[i], &b->message),
			ST_FORGED);
	assert_int_equal(envelope_open_answer(b->out.data, b->out.len, b->centre.public, &got, &b->message), ST_OK);
	assert_memory_equal(&got, &b->receipt, sizeof got);
	assert_true(receipt_verify(&got, b->centre.public));
	b->out.data[2] = 'A'; /* as if it did */
	buf_add(&b->out, hello, sizeof hello);
	assert_int_equal(envelope_open_answer(b->out.data, b->out.len, b->centre.public, &got, &b->message), ST_FORGED);
}

static void assert_no_part_of_an_answer_opens(struct bench *b, bool known)
{
	struct receipt expected = b->receipt;

	buf_reset(&b->out);
	b->receipt.known = known;
	assert_int_equal(envelope_seal_answer(&b->out, b->deflater, &b->receipt, &b->centre, hello, sizeof hello), ST_OK);
	buf_reset(&b->message);
	for (size_t cut = 0; cut < b->out.len; cut++)
		assert_int_not_equal(
			envelope_open_answer(b->out.data, cut, b->centre.public, &expected, &b->message), ST_OK);
	for (size_t i = 0; i < b->out.len; i++) {
		b->out.data[i] ^= (uint8_t)(1U << i % 8);
		assert_int_not_equal(
			envelope_open_answer(b->out.data, b->out.len, b->centre.public, &expected, &b->message), ST_OK);
		assert_int_equal(b->message.len, 0);
		b->out.data[i] ^= (uint8_t)(1U << i % 8);
	}
}

static void every_prefix_and_every_altered_byte_of_an_envelope_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(seal(b, hello, sizeof hello), ST_OK);
	for (size_t cut = 0; cut < b->out.len; cut++)
		assert_int_not_equal(open_request(b, b->out.data, cut), ST_OK);
	for (size_t i = 0; i < b->out.len; i++) {
		b->out.data[i] ^= (uint8_t)(1U << i % 8);
		assert_int_not_equal(open_request(b, b->out.data, b->out.len), ST_OK);
		assert_int_equal(b->message.len, 0);
		b->out.data[i] ^= (uint8_t)(1U << i % 8);
	}
	assert_int_equal(open_request(b, b->out.data, b->out.len), ST_OK);
	assert_no_part_of_an_answer_opens(b, true);
	assert_no_part_of_an_answer_opens(b, false);
}

static void a_stream_that_is_cut_followed_or_of_another_form_is_refused_though_signed(void **state)
{
	struct bench *b = *state;
	const struct dictionary *newest = dictionary_newest();
	uint8_t stream[512];
	size_t len = stream_of(stream, sizeof stream, 1, hello, sizeof hello, NULL);

	assert_int_equal(open_stream(b, stream, len), ST_OK); /* a stream without a dictionary is fine */
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(open_stream(b, stream, cut), ST_PROTOCOL);
	stream[len] = 0;
	assert_int_equal(open_stream(b, stream, len + 1), ST_PROTOCOL);
	memcpy(stream + len, stream, len); /* two streams, one after the other */
	assert_int_equal(open_stream(b, stream, 2 * len), ST_PROTOCOL);
	stream[0] = (uint8_t)(newest->form + 1); /* a dictionary that nobody has */
	assert_int_equal(open_stream(b, stream, len), ST_PROTOCOL);
	stream[0] = 0xff;
	assert_int_equal(open_stream(b, stream, len), ST_PROTOCOL);
	assert_int_equal(open_stream(b, "\x01\x78\x9c\x03\x00\x00\x00\x00\x01", 9), ST_PROTOCOL); /* a frame of zlib's */
	assert_int_equal(b->message.len, 0);
}

static void what_does_not_deflate_travels_as_it_is(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 11 };
	uint8_t noise[200];

	wire_bytes(&random, noise, sizeof noise);
	assert_int_equal(seal(b, noise, sizeof noise), ST_OK);
	assert_int_equal(b->out.len, ENVELOPE_REQUEST_SIZE + 1 + sizeof noise);
	assert_int_equal(b->out.data[ENVELOPE_REQUEST_SIZE], 0);
	assert_int_equal(open_request(b, b->out.data, b->out.len), ST_OK);
	assert_int_equal(b->message.len, sizeof noise);
	assert_memory_equal(b->message.data, noise, sizeof noise);
	assert_int_equal(open_stream(b, "", 1), ST_OK);
	assert_int_equal(b->message.len, 0);
}

static void a_message_inflates_up_to_its_limit_and_no_further(void **state)
{
	const size_t room = (size_t)64 * 1024;
	struct bench *b = *state;
	uint8_t *zeros = calloc(1, LIMIT_INFLATED_MAX + 1), *stream = malloc(room);

	for (size_t size = LIMIT_INFLATED_MAX - 1; size <= LIMIT_INFLATED_MAX + 1; size++) {
		const bool fits = size <= LIMIT_INFLATED_MAX;
		const size_t len = stream_of(stream, room, 1, zeros, size, NULL);

		assert_true(len < size / 900); /* some thousand to one: there is no limit on the ratio */
		assert_int_equal(open_stream(b, stream, len), fits ? ST_OK : ST_LIMIT);
		assert_int_equal(b->message.len, fits ? size : 0);
		assert_true(b->message.room <= LIMIT_INFLATED_MAX + 1);
		assert_int_equal(seal(b, zeros, size), fits ? ST_OK : ST_LIMIT);
	}
	free(zeros);
	free(stream);
}

static void a_small_buffer_is_a_ceiling_too(void **state)
{
	struct bench *b = *state;

	for (size_t size_max = sizeof hello - 1; size_max <= sizeof hello + 1; size_max++) {
		buf_close(&b->message);
		buf_init(&b->message, size_max);
		assert_int_equal(seal(b, hello, sizeof hello), ST_OK);
		assert_int_equal(open_request(b, b->out.data, b->out.len),
				 size_max >= sizeof hello ? ST_OK : ST_LIMIT);
	}
}

static void an_envelope_travels_up_to_its_limit_and_no_larger(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 9 };
	struct envelope_head head;
	uint8_t *noise = malloc(LIMIT_BODY_MAX + 1);
	size_t len = LIMIT_BODY_MAX - ENVELOPE_REQUEST_SIZE - 2000;

	wire_bytes(&random, noise, LIMIT_BODY_MAX + 1);
	/* Noise does not deflate: each byte more is a byte more. */
	assert_int_equal(seal(b, noise, len), ST_OK);
	while (b->out.len < LIMIT_BODY_MAX) {
		len += LIMIT_BODY_MAX - b->out.len;
		if (seal(b, noise, len) != ST_OK)
			break;
		assert_int_equal(open_request(b, b->out.data, b->out.len), ST_OK);
	}
	while (seal(b, noise, len) != ST_OK)
		len--;
	assert_true(b->out.len <= LIMIT_BODY_MAX && b->out.len > LIMIT_BODY_MAX - 16);
	assert_int_equal(seal(b, noise, len + 16), ST_LIMIT);
	assert_int_equal(b->out.len, 0);

	memcpy(noise, "DSq\x01", 4);
	for (size_t size = LIMIT_BODY_MAX - 1; size <= LIMIT_BODY_MAX + 1; size++)
		assert_int_equal(envelope_peek_request(noise, size, &head), size <= LIMIT_BODY_MAX ? ST_OK : ST_LIMIT);
	free(noise);
}

static void another_magic_is_no_envelope_and_another_version_is_named_as_such(void **state)
{
	struct bench *b = *state;
	struct receipt expected = b->receipt;
	struct envelope_head head;

	assert_int_equal(seal(b, hello, sizeof hello), ST_OK);
	assert_int_equal(
		envelope_open_answer(b->out.data, b->out.len, b->centre.public, &expected, &b->message), ST_PROTOCOL);
	b->out.data[3] = 2;
	assert_int_equal(envelope_peek_request(b->out.data, b->out.len, &head), ST_UNKNOWN);
}

static void the_dictionary_is_known_by_its_form(void **state)
{
	const struct dictionary *newest = dictionary_newest();

	(void)state;
	assert_ptr_equal(dictionary_find(newest->form), newest);
	assert_null(dictionary_find((uint8_t)(newest->form + 1)));
	assert_null(dictionary_find(0));
	assert_null(dictionary_find(1));
}

static void random_bytes_are_no_envelope(void **state)
{
	struct bench *b = *state;
	struct wire_random random = { 4 };
	uint8_t bytes[300];

	for (unsigned round = 0; round < 2000; round++) {
		const size_t len = wire_below(&random, sizeof bytes - ENVELOPE_REQUEST_SIZE);

		wire_bytes(&random, bytes, sizeof bytes);
		bytes[0] |= 1; /* as it is, any message may be */
		assert_int_not_equal(open_stream(b, bytes, len), ST_OK);
		memcpy(bytes, "DSa\x01", 4);
		assert_int_equal(envelope_open_answer(bytes, sizeof bytes, b->centre.public, &b->receipt, &b->message),
				 ST_FORGED);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_opens_with_its_tablets_key_and_no_other),
		TEST(an_answer_opens_as_the_answer_to_its_request_and_no_other),
		TEST(what_the_tablet_knows_is_signed_though_it_does_not_travel),
		TEST(every_prefix_and_every_altered_byte_of_an_envelope_is_refused),
		TEST(a_stream_that_is_cut_followed_or_of_another_form_is_refused_though_signed),
		TEST(what_does_not_deflate_travels_as_it_is),
		TEST(a_message_inflates_up_to_its_limit_and_no_further),
		TEST(a_small_buffer_is_a_ceiling_too),
		TEST(an_envelope_travels_up_to_its_limit_and_no_larger),
		TEST(another_magic_is_no_envelope_and_another_version_is_named_as_such),
		TEST(the_dictionary_is_known_by_its_form),
		TEST(random_bytes_are_no_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
