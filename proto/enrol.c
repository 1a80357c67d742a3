#include "proto/enrol.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"
#include "proto/limits.h"
#include "proto/pack.h"

#define CODE_CHARS 32
#define CODE_BYTES ((size_t)2 * ENROL_PART_SIZE)
#define ZONE_MINUTES_MAX 1440

/* Crockford's base32: no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* --- the code --- */

void enrol_code_format(const struct enrol_code *code, char text_out[ENROL_CODE_SIZE])
{
	uint8_t bytes[CODE_BYTES];
	char *to = text_out;

	memcpy(bytes, code->secret, ENROL_PART_SIZE);
	memcpy(bytes + ENROL_PART_SIZE, code->identity, ENROL_PART_SIZE);
	for (unsigned i = 0; i < CODE_CHARS; i++) {
		const unsigned bit = 5 * i;
		unsigned window = (unsigned)bytes[bit / 8] << 8;

		if (bit / 8 + 1 < CODE_BYTES)
			window |= bytes[bit / 8 + 1];
		if (i > 0 && i % 4 == 0)
			*to++ = '-';
		*to++ = alphabet[window >> (11 - bit % 8) & 31];
	}
	*to = '\0';
	assert(to == text_out + ENROL_CODE_SIZE - 1);
}

/* 0 to 31, or -1. */
static int digit_of(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'I' || c == 'L')
		return 1;
	if (c == 'O')
		return 0;
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

static bool is_blank(char c)
{
	return c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool enrol_code_parse(const char *text, size_t len, struct enrol_code *code_out)
{
	uint8_t bytes[CODE_BYTES];
	unsigned window = 0, bits = 0;
	size_t chars = 0, filled = 0;

	for (size_t i = 0; i < len; i++) {
		int digit;

		if (is_blank(text[i]))
			continue;
		digit = digit_of(text[i]);
		if (digit < 0 || chars == CODE_CHARS)
			return false;
		chars++;
		window = window << 5 | (unsigned)digit;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			bytes[filled++] = (uint8_t)(window >> bits);
			window &= (1U << bits) - 1;
		}
	}
	if (chars != CODE_CHARS)
		return false;
	assert(filled == CODE_BYTES && bits == 0);
	memcpy(code_out->secret, bytes, ENROL_PART_SIZE);
	memcpy(code_out->identity, bytes + ENROL_PART_SIZE, ENROL_PART_SIZE);
	return true;
}

void enrol_identity(struct digest *out, const void *ca_der, size_t ca_len,
		    const uint8_t centre_key[PUBLIC_KEY_SIZE])
{
	const struct part parts[] = { { ca_der, ca_len }, { centre_key, PUBLIC_KEY_SIZE } };

	digest_of(out, "identity", parts, 2);
}

/* --- what the three messages share --- */

/* Every key of these messages is there, in order. */
static void write_bin(msgpack_packer *packer, uint8_t key, const void *data, size_t len)
{
	msgpack_pack_uint8(packer, key);
	pack_bin(packer, data, len);
}

static enum status write_text(msgpack_packer *packer, uint8_t key, const char *text)
{
	const char *given = text ? text : "";
	const size_t len = strlen(given);

	if (len > LIMIT_TEXT_MAX)
		return ST_LIMIT;
	if (!utf8_valid(given, len))
		return ST_INVALID;
	msgpack_pack_uint8(packer, key);
	pack_text(packer, given, len);
	return ST_OK;
}

/* Texts under the keys, in their order: where each is kept. */
struct text_slot {
	unsigned key;
	const char **out;
};

static enum status read_texts(const msgpack_object *const *slots, struct arena *arena,
			      const struct text_slot *texts, size_t count)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = slots[texts[i].key] ? pack_get_text(slots[texts[i].key], LIMIT_TEXT_MAX, arena, texts[i].out)
					 : ST_PROTOCOL;
	return st;
}

/* --- GET /v1/centre --- */

enum card_key { CARD_CA, CARD_KEY, CARD_AGENCY, CARD_COUNT };

enum status centre_card_encode(struct buf *out, const struct centre_card *card)
{
	const size_t before = out->len;
	msgpack_packer packer;
	enum status st;

	if (card->ca_der.len > LIMIT_FIELD_MAX)
		return ST_LIMIT;
	pack_to(&packer, out);
	msgpack_pack_map(&packer, CARD_COUNT);
	write_bin(&packer, CARD_CA, card->ca_der.data, card->ca_der.len);
	write_bin(&packer, CARD_KEY, card->public_key, PUBLIC_KEY_SIZE);
	st = write_text(&packer, CARD_AGENCY, card->agency);
	return pack_end(out, before, st);
}

static enum status read_card(const msgpack_object *root, struct arena *arena, struct centre_card *card)
{
	const struct text_slot texts[] = { { CARD_AGENCY, &card->agency } };
	const msgpack_object *slots[CARD_COUNT], *ca;
	bool unknown;

	if (!pack_slots(root, slots, CARD_COUNT, &unknown))
		return ST_PROTOCOL;
	ca = slots[CARD_CA];
	if (!ca || ca->type != MSGPACK_OBJECT_BIN || ca->via.bin.size == 0 ||
	    !pack_get_bin(slots[CARD_KEY], PUBLIC_KEY_SIZE, card->public_key))
		return ST_PROTOCOL;
	if (ca->via.bin.size > LIMIT_FIELD_MAX)
		return ST_LIMIT;
	card->ca_der.data = arena_copy(arena, ca->via.bin.ptr, ca->via.bin.size);
	card->ca_der.len = ca->via.bin.size;
	if (!card->ca_der.data)
		return ST_NOMEM;
	return read_texts(slots, arena, texts, 1);
}

enum status centre_card_decode(const void *bytes, size_t len, struct arena *arena, struct centre_card *out)
{
	struct centre_card card = { 0 };
	struct pack pack;
	enum status st = pack_open(&pack, bytes, len);

	if (st == ST_OK)
		st = read_card(&pack.root, arena, &card);
	pack_close(&pack);
	if (st == ST_OK)
		*out = card;
	return st;
}

/* --- POST /v1/enrol, the way up --- */

enum request_key { REQUEST_SECRET, REQUEST_KEY, REQUEST_NAME, REQUEST_VERSION, REQUEST_COUNT };

enum status enrol_request_encode(struct buf *out, const struct enrol_request *request)
{
	const size_t before = out->len;
	msgpack_packer packer;
	enum status st;

	pack_to(&packer, out);
	msgpack_pack_map(&packer, REQUEST_COUNT);
	write_bin(&packer, REQUEST_SECRET, request->secret, ENROL_PART_SIZE);
	write_bin(&packer, REQUEST_KEY, request->public_key, PUBLIC_KEY_SIZE);
	st = write_text(&packer, REQUEST_NAME, request->tablet_name);
	if (st == ST_OK)
		st = write_text(&packer, REQUEST_VERSION, request->version);
	return pack_end(out, before, st);
}

static enum status read_request(const msgpack_object *root, struct arena *arena, struct enrol_request *request)
{
	const struct text_slot texts[] = {
		{ REQUEST_NAME, &request->tablet_name },
		{ REQUEST_VERSION, &request->version },
	};
	const msgpack_object *slots[REQUEST_COUNT];
	bool unknown;

	if (!pack_slots(root, slots, REQUEST_COUNT, &unknown) || unknown)
		return ST_PROTOCOL;
	if (!pack_get_bin(slots[REQUEST_SECRET], ENROL_PART_SIZE, request->secret) ||
	    !pack_get_bin(slots[REQUEST_KEY], PUBLIC_KEY_SIZE, request->public_key))
		return ST_PROTOCOL;
	return read_texts(slots, arena, texts, 2);
}

enum status enrol_request_decode(const void *bytes, size_t len, struct arena *arena, struct enrol_request *out)
{
	struct enrol_request request = { 0 };
	struct pack pack;
	enum status st = pack_open(&pack, bytes, len);

	if (st == ST_OK)
		st = read_request(&pack.root, arena, &request);
	pack_close(&pack);
	if (st == ST_OK)
		*out = request;
	return st;
}

/* --- POST /v1/enrol, the way down --- */

enum answer_key {
	ANSWER_DEVICE,
	ANSWER_WORKER,
	ANSWER_OWNER_NAME,
	ANSWER_OWNER_LOGIN,
	ANSWER_AGENCY,
	ANSWER_ZONE,
	ANSWER_TIME,
	ANSWER_ZONE_MIN,
	ANSWER_SCHEMA,
	ANSWER_COUNT
};

enum status enrol_answer_encode(struct buf *out, const struct enrol_answer *answer)
{
	const char *const texts[] = { answer->owner_name, answer->owner_login, answer->agency, answer->zone };
	const size_t before = out->len;
	msgpack_packer packer;
	enum status st = ST_OK;

	assert(answer->device > 0); /* 0 is the centre */
	assert(answer->centre_ms >= 0 && answer->centre_ms <= MOMENT_MS_MAX);
	assert(answer->zone_min >= -ZONE_MINUTES_MAX && answer->zone_min <= ZONE_MINUTES_MAX);
	pack_to(&packer, out);
	msgpack_pack_map(&packer, ANSWER_COUNT);
	msgpack_pack_uint8(&packer, ANSWER_DEVICE);
	msgpack_pack_uint32(&packer, answer->device);
	write_bin(&packer, ANSWER_WORKER, answer->worker.bytes, ID_SIZE);
	for (unsigned i = 0; i < 4 && st == ST_OK; i++)
		st = write_text(&packer, (uint8_t)(ANSWER_OWNER_NAME + i), texts[i]);
	msgpack_pack_uint8(&packer, ANSWER_TIME);
	msgpack_pack_int64(&packer, answer->centre_ms);
	msgpack_pack_uint8(&packer, ANSWER_ZONE_MIN);
	msgpack_pack_int(&packer, answer->zone_min);
	msgpack_pack_uint8(&packer, ANSWER_SCHEMA);
	msgpack_pack_uint16(&packer, answer->schema_version);
	return pack_end(out, before, st);
}

static enum status read_answer(const msgpack_object *root, struct arena *arena, struct enrol_answer *answer)
{
	const struct text_slot texts[] = {
		{ ANSWER_OWNER_NAME, &answer->owner_name },
		{ ANSWER_OWNER_LOGIN, &answer->owner_login },
		{ ANSWER_AGENCY, &answer->agency },
		{ ANSWER_ZONE, &answer->zone },
	};
	const msgpack_object *slots[ANSWER_COUNT];
	uint64_t device, time, schema;
	int64_t zone;
	bool unknown;

	if (!pack_slots(root, slots, ANSWER_COUNT, &unknown))
		return ST_PROTOCOL;
	if (!pack_get_uint(slots[ANSWER_DEVICE], UINT32_MAX, &device) || device == 0 ||
	    !pack_get_id(slots[ANSWER_WORKER], &answer->worker) ||
	    !pack_get_uint(slots[ANSWER_TIME], MOMENT_MS_MAX, &time) ||
	    !pack_get_int(slots[ANSWER_ZONE_MIN], -ZONE_MINUTES_MAX, ZONE_MINUTES_MAX, &zone) ||
	    !pack_get_uint(slots[ANSWER_SCHEMA], UINT16_MAX, &schema))
		return ST_PROTOCOL;
	answer->device = (uint32_t)device;
	answer->centre_ms = (int64_t)time;
	answer->zone_min = (int)zone;
	answer->schema_version = (uint16_t)schema;
	return read_texts(slots, arena, texts, 4);
}

enum status enrol_answer_decode(const void *bytes, size_t len, struct arena *arena, struct enrol_answer *out)
{
	struct enrol_answer answer = { 0 };
	struct pack pack;
	enum status st = pack_open(&pack, bytes, len);

	if (st == ST_OK)
		st = read_answer(&pack.root, arena, &answer);
	pack_close(&pack);
	if (st == ST_OK)
		*out = answer;
	return st;
}
