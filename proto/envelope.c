#define ZLIB_CONST
#include "proto/envelope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto/dictionary.h"
#include "proto/limits.h"

#define MAGIC_SIZE 4
#define INFLATE_STEP 16384

static const uint8_t magic_request[MAGIC_SIZE] = { 'D', 'S', 'q', 1 };
static const uint8_t magic_answer[MAGIC_SIZE] = { 'D', 'S', 'a', 1 };
static const uint8_t magic_answer_full[MAGIC_SIZE] = { 'D', 'S', 'A', 1 };

/* Where each part of an envelope begins. */
enum { REQUEST_DEVICE = 4, REQUEST_COUNTER = 8, REQUEST_SIGNATURE = 16 };
enum { ANSWER_SIGNATURE = 4, ANSWER_SEQ = 68, ANSWER_CHAIN = 76, ANSWER_LAST_N = 108, ANSWER_RUN = 116 };

/* The first byte of a stream; from FORM_DEFLATED + 1 on it is that of a dictionary. */
enum { FORM_PLAIN = 0, FORM_DEFLATED = 1 };
#define WINDOW (-15) /* of 32 KiB, and no frame around it (zlib.h) */

struct deflater {
	z_stream primed; /* never fed: copied for each message */
};

static void put_number(uint8_t *at, uint64_t number, size_t width)
{
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(number >> 8 * (width - 1 - i));
}

static uint64_t get_number(const uint8_t *at, size_t width)
{
	uint64_t number = 0;

	for (size_t i = 0; i < width; i++)
		number = number << 8 | at[i];
	return number;
}

/* --- the stream --- */

static enum status zlib_status(int code)
{
	return code == Z_MEM_ERROR ? ST_NOMEM : ST_PROTOCOL;
}

enum status deflater_new(struct deflater **out)
{
	const struct dictionary *dictionary = dictionary_newest();
	struct deflater *deflater = calloc(1, sizeof *deflater);
	int code;

	if (!deflater)
		return ST_NOMEM;
	if (deflateInit2(&deflater->primed, 9, Z_DEFLATED, WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(deflater);
		return ST_NOMEM;
	}
	code = deflateSetDictionary(&deflater->primed, (const Bytef *)dictionary->text, (uInt)dictionary->len);
	assert(code == Z_OK);
	*out = deflater;
	return ST_OK;
}

void deflater_free(struct deflater *deflater)
{
	if (!deflater)
		return;
	deflateEnd(&deflater->primed);
	free(deflater);
}

/* Appends the deflated message, of at most size bytes. ST_LIMIT: it is longer. */
static enum status deflate_into(struct buf *out, struct deflater *deflater, const void *message, size_t len,
				size_t size)
{
	z_stream stream;
	uint8_t *room;
	int code;

	if (deflateCopy(&stream, &deflater->primed) != Z_OK)
		return ST_NOMEM;
	room = buf_reserve(out, size);
	if (!room) {
		deflateEnd(&stream);
		return buf_status(out);
	}
	stream.next_in = message;
	stream.avail_in = (uInt)len;
	stream.next_out = room;
	stream.avail_out = (uInt)size;
	code = deflate(&stream, Z_FINISH);
	if (code == Z_STREAM_END)
		buf_grew(out, size - stream.avail_out);
	deflateEnd(&stream);
	return code == Z_STREAM_END ? ST_OK : ST_LIMIT;
}

/* Appends the stream of the message, of at most size_max bytes: deflated where that makes it shorter. */
static enum status write_stream(struct buf *out, struct deflater *deflater, const void *message, size_t len,
				size_t size_max)
{
	enum status st;
	size_t room;

	if (len > LIMIT_INFLATED_MAX)
		return ST_LIMIT;
	if (size_max > out->size_max - out->len)
		size_max = out->size_max - out->len;
	if (size_max == 0)
		return ST_LIMIT;
	room = size_max - 1 < len ? size_max - 1 : len;
	buf_add_byte(out, dictionary_newest()->form);
	st = room > 0 ? deflate_into(out, deflater, message, len, room) : ST_LIMIT;
	if (st != ST_LIMIT || len > size_max - 1)
		return st;
	out->len--;
	buf_add_byte(out, FORM_PLAIN);
	buf_add(out, message, len);
	return buf_status(out);
}

/* Room for what comes next: twice what there is, up to the ceiling. At the ceiling one byte of scratch, so that a
 * stream that ends there is told from one that goes on. */
static enum status offer_room(struct buf *message, size_t size_max, z_stream *stream, uint8_t *scratch)
{
	size_t room = message->len > INFLATE_STEP ? message->len : INFLATE_STEP;

	assert(message->len <= size_max);
	if (room > size_max - message->len)
		room = size_max - message->len;
	stream->next_out = scratch;
	stream->avail_out = 1;
	if (room == 0)
		return ST_OK;
	stream->next_out = buf_reserve(message, room);
	stream->avail_out = (uInt)room;
	return stream->next_out ? ST_OK : buf_status(message);
}

/* One round: offer room, inflate into it, count what came. */
static enum status inflate_round(struct buf *message, size_t size_max, z_stream *stream, int *code)
{
	uint8_t scratch = 0;
	uint8_t *from;
	enum status st = offer_room(message, size_max, stream, &scratch);

	if (st != ST_OK)
		return st;
	from = stream->next_out;
	*code = inflate(stream, Z_NO_FLUSH);
	if (*code != Z_OK && *code != Z_STREAM_END)
		return zlib_status(*code);
	if (from != &scratch)
		buf_grew(message, (size_t)(stream->next_out - from));
	else if (stream->next_out != from)
		return ST_LIMIT;
	if (*code == Z_OK && stream->avail_in == 0 && stream->avail_out > 0)
		return ST_PROTOCOL; /* cut: there is room, and nothing comes */
	return ST_OK;
}

static enum status inflate_into(struct buf *message, const uint8_t *data, size_t len,
				const struct dictionary *dictionary, size_t size_max)
{
	z_stream stream = { .next_in = data, .avail_in = (uInt)len };
	enum status st = ST_OK;
	int code = inflateInit2(&stream, WINDOW);

	if (code == Z_OK && dictionary)
		code = inflateSetDictionary(&stream, (const Bytef *)dictionary->text, (uInt)dictionary->len);
	if (code != Z_OK) {
		inflateEnd(&stream);
		return ST_NOMEM;
	}
	while (st == ST_OK && code != Z_STREAM_END)
		st = inflate_round(message, size_max, &stream, &code);
	if (st == ST_OK && stream.avail_in > 0)
		st = ST_PROTOCOL; /* something follows the stream */
	inflateEnd(&stream);
	return st;
}

static enum status read_stream(struct buf *message, const uint8_t *stream, size_t len)
{
	const size_t size_max = message->size_max < LIMIT_INFLATED_MAX ? message->size_max : LIMIT_INFLATED_MAX;
	const struct dictionary *dictionary = len > 0 ? dictionary_find(stream[0]) : NULL;
	enum status st;

	buf_reset(message);
	if (len == 0 || (!dictionary && stream[0] > FORM_DEFLATED))
		return ST_PROTOCOL;
	if (stream[0] != FORM_PLAIN) {
		st = inflate_into(message, stream + 1, len - 1, dictionary, size_max);
	} else {
		if (len - 1 <= size_max)
			buf_add(message, stream + 1, len - 1);
		st = len - 1 <= size_max ? buf_status(message) : ST_LIMIT;
	}
	if (st != ST_OK)
		buf_reset(message);
	return st;
}

static void stream_digest(struct digest *out, const uint8_t *stream, size_t len)
{
	const struct part part = { stream, len };

	digest_of(out, "stream", &part, 1);
}

/* --- requests --- */

void envelope_request_digest(struct digest *out, const void *bytes, size_t len)
{
	const struct part part = { bytes, len };

	digest_of(out, "envelope", &part, 1);
}

enum status envelope_seal_request(struct buf *out, struct deflater *deflater, const struct envelope_head *head,
				  const struct sign_key *key, const void *message, size_t len)
{
	const size_t before = out->len;
	uint8_t front[ENVELOPE_REQUEST_SIZE] = { 0 };
	struct digest digest;
	enum status st;

	memcpy(front, magic_request, MAGIC_SIZE);
	put_number(front + REQUEST_DEVICE, head->device, 4);
	put_number(front + REQUEST_COUNTER, head->counter, 8);
	buf_add(out, front, sizeof front);
	st = write_stream(out, deflater, message, len, LIMIT_BODY_MAX - sizeof front);
	if (st == ST_OK)
		st = buf_status(out);
	if (st != ST_OK) {
		out->len = before;
		return st;
	}
	stream_digest(&digest, out->data + before + sizeof front, out->len - before - sizeof front);
	sign_parts(out->data + before + REQUEST_SIGNATURE, key, "request",
		   (const struct part[]){ { front, REQUEST_SIGNATURE }, { digest.bytes, DIGEST_SIZE } }, 2);
	return ST_OK;
}

static enum status check_frame(const uint8_t *at, size_t len, const uint8_t *magic, size_t head_size)
{
	if (len > LIMIT_BODY_MAX)
		return ST_LIMIT;
	if (len < head_size || memcmp(at, magic, MAGIC_SIZE - 1) != 0)
		return ST_PROTOCOL;
	/* Ours, of another version of the wire. */
	return at[MAGIC_SIZE - 1] == magic[MAGIC_SIZE - 1] ? ST_OK : ST_UNKNOWN;
}

enum status envelope_peek_request(const void *bytes, size_t len, struct envelope_head *head_out)
{
	const uint8_t *at = bytes;
	enum status st = check_frame(at, len, magic_request, ENVELOPE_REQUEST_SIZE);

	if (st != ST_OK)
		return st;
	head_out->device = (uint32_t)get_number(at + REQUEST_DEVICE, 4);
	head_out->counter = get_number(at + REQUEST_COUNTER, 8);
	return ST_OK;
}

enum status envelope_open_request(const void *bytes, size_t len, const uint8_t public_key[PUBLIC_KEY_SIZE],
				  struct buf *message)
{
	const uint8_t *at = bytes;
	enum status st = check_frame(at, len, magic_request, ENVELOPE_REQUEST_SIZE);
	struct digest digest;

	if (st != ST_OK)
		return st;
	stream_digest(&digest, at + ENVELOPE_REQUEST_SIZE, len - ENVELOPE_REQUEST_SIZE);
	if (!verify_parts(at + REQUEST_SIGNATURE, public_key, "request",
			  (const struct part[]){ { at, REQUEST_SIGNATURE }, { digest.bytes, DIGEST_SIZE } }, 2))
		return ST_FORGED;
	return read_stream(message, at + ENVELOPE_REQUEST_SIZE, len - ENVELOPE_REQUEST_SIZE);
}

/* --- answers --- */

/* What a receipt's signature covers, as one string: magic, device, counter, request digest, last n, sequence, running
 * digest, chain head, stream digest. */
#define RECEIPT_SIZE (MAGIC_SIZE + 4 + 8 + DIGEST_SIZE + 8 + 8 + 3 * DIGEST_SIZE)

static void receipt_write(const struct receipt *receipt, uint8_t text[RECEIPT_SIZE])
{
	uint8_t *at = text;

	memcpy(at, magic_answer, MAGIC_SIZE);
	at += MAGIC_SIZE;
	put_number(at, receipt->device, 4);
	put_number(at + 4, receipt->counter, 8);
	at += 12;
	memcpy(at, receipt->request.bytes, DIGEST_SIZE);
	at += DIGEST_SIZE;
	put_number(at, receipt->last_n, 8);
	put_number(at + 8, receipt->seq, 8);
	at += 16;
	memcpy(at, receipt->run.bytes, DIGEST_SIZE);
	memcpy(at + DIGEST_SIZE, receipt->chain.bytes, DIGEST_SIZE);
	memcpy(at + (size_t)2 * DIGEST_SIZE, receipt->stream.bytes, DIGEST_SIZE);
	assert(at + (size_t)3 * DIGEST_SIZE == text + RECEIPT_SIZE);
}

bool receipt_verify(const struct receipt *receipt, const uint8_t public_key[PUBLIC_KEY_SIZE])
{
	uint8_t text[RECEIPT_SIZE];
	const struct part part = { text, sizeof text };

	receipt_write(receipt, text);
	return verify_parts(receipt->signature, public_key, "answer", &part, 1);
}

static void write_answer_head(uint8_t *at, const struct receipt *receipt)
{
	memcpy(at, receipt->known ? magic_answer : magic_answer_full, MAGIC_SIZE);
	memcpy(at + ANSWER_SIGNATURE, receipt->signature, SIGNATURE_SIZE);
	put_number(at + ANSWER_SEQ, receipt->seq, 8);
	memcpy(at + ANSWER_CHAIN, receipt->chain.bytes, DIGEST_SIZE);
	if (receipt->known)
		return;
	put_number(at + ANSWER_LAST_N, receipt->last_n, 8);
	memcpy(at + ANSWER_RUN, receipt->run.bytes, DIGEST_SIZE);
}

enum status envelope_seal_answer(struct buf *out, struct deflater *deflater, struct receipt *receipt,
				 const struct sign_key *key, const void *message, size_t len)
{
	const size_t before = out->len, head = receipt->known ? ENVELOPE_ANSWER_SIZE : ENVELOPE_ANSWER_FULL_SIZE;
	uint8_t text[RECEIPT_SIZE];
	const struct part part = { text, sizeof text };
	enum status st;

	if (!buf_reserve(out, head))
		return buf_status(out);
	memset(out->data + before, 0, head);
	buf_grew(out, head);
	st = write_stream(out, deflater, message, len, LIMIT_BODY_MAX - head);
	if (st != ST_OK) {
		out->len = before;
		return st;
	}
	stream_digest(&receipt->stream, out->data + before + head, out->len - before - head);
	receipt_write(receipt, text);
	sign_parts(receipt->signature, key, "answer", &part, 1);
	write_answer_head(out->data + before, receipt);
	return ST_OK;
}

enum status envelope_open_answer(const void *bytes, size_t len, const uint8_t public_key[PUBLIC_KEY_SIZE],
				 struct receipt *expected, struct buf *message)
{
	const uint8_t *at = bytes;
	const bool full = len >= MAGIC_SIZE && memcmp(at, magic_answer_full, MAGIC_SIZE - 1) == 0;
	const size_t head = full ? ENVELOPE_ANSWER_FULL_SIZE : ENVELOPE_ANSWER_SIZE;
	enum status st = check_frame(at, len, full ? magic_answer_full : magic_answer, head);
	struct receipt receipt = *expected;

	if (st != ST_OK)
		return st;
	memcpy(receipt.signature, at + ANSWER_SIGNATURE, SIGNATURE_SIZE);
	receipt.known = !full;
	receipt.seq = get_number(at + ANSWER_SEQ, 8);
	memcpy(receipt.chain.bytes, at + ANSWER_CHAIN, DIGEST_SIZE);
	if (full) {
		receipt.last_n = get_number(at + ANSWER_LAST_N, 8);
		memcpy(receipt.run.bytes, at + ANSWER_RUN, DIGEST_SIZE);
	}
	stream_digest(&receipt.stream, at + head, len - head);
	if (!receipt_verify(&receipt, public_key))
		return ST_FORGED;
	st = read_stream(message, at + head, len - head);
	if (st == ST_OK)
		*expected = receipt;
	return st;
}
