#include "proto/pack.h"

#include <assert.h>
#include <string.h>

#include "proto/scan.h"

static int write_to_buf(void *ctx, const char *data, size_t len)
{
	buf_add(ctx, data, len);
	return 0;
}

void pack_to(msgpack_packer *packer, struct buf *out)
{
	msgpack_packer_init(packer, out, write_to_buf);
}

void pack_bin(msgpack_packer *packer, const void *data, size_t len)
{
	msgpack_pack_bin(packer, len);
	if (len > 0)
		msgpack_pack_bin_body(packer, data, len);
}

void pack_text(msgpack_packer *packer, const char *text, size_t len)
{
	msgpack_pack_str(packer, len);
	if (len > 0)
		msgpack_pack_str_body(packer, text, len);
}

enum status pack_value(msgpack_packer *packer, const struct field *field, const struct value *value,
		       int64_t base_ms)
{
	bool is_number = field->type == TYPE_TIME || field->type == TYPE_INT || field->type == TYPE_BOOL;
	int64_t number = value->integer;
	struct id id;

	if (value->tag == VALUE_NULL) {
		msgpack_pack_nil(packer);
		return ST_OK;
	}
	if ((value->tag == VALUE_INT) != is_number)
		return ST_INVALID;
	if (is_number) {
		if (field->type == TYPE_TIME && __builtin_sub_overflow(value->integer, base_ms, &number))
			return ST_INVALID;
		msgpack_pack_int64(packer, number);
	} else if (field->type == TYPE_ID) {
		if (!id_parse(value->text, value->len, &id))
			return ST_INVALID;
		pack_bin(packer, id.bytes, ID_SIZE);
	} else {
		if (!utf8_valid(value->text, value->len))
			return ST_INVALID;
		pack_text(packer, value->text, value->len);
	}
	return ST_OK;
}

enum status pack_end(struct buf *out, size_t len_before, enum status st)
{
	assert(len_before <= out->len);
	if (st == ST_OK)
		st = buf_status(out);
	if (st != ST_OK)
		out->len = len_before;
	return st;
}

int64_t pack_clamp(int64_t value, int64_t min, int64_t max)
{
	assert(min <= max);
	if (value < min)
		return min;
	return value > max ? max : value;
}

enum status pack_open(struct pack *pack, const void *bytes, size_t len)
{
	enum status st = scan_frame(bytes, len);
	msgpack_unpack_return code;
	msgpack_unpacked unpacked;
	size_t offset = 0;

	memset(pack, 0, sizeof *pack);
	if (st != ST_OK)
		return st;
	msgpack_unpacked_init(&unpacked);
	code = msgpack_unpack_next(&unpacked, bytes, len, &offset);
	if (code == MSGPACK_UNPACK_SUCCESS && offset == len) {
		pack->root = unpacked.data;
		pack->zone = msgpack_unpacked_release_zone(&unpacked);
	} else {
		st = code == MSGPACK_UNPACK_NOMEM_ERROR ? ST_NOMEM : ST_PROTOCOL;
	}
	msgpack_unpacked_destroy(&unpacked);
	return st;
}

void pack_close(struct pack *pack)
{
	if (pack->zone)
		msgpack_zone_free(pack->zone);
	pack->zone = NULL;
}

bool pack_slots(const msgpack_object *map, const msgpack_object **slots, size_t count, bool *unknown_out)
{
	for (size_t i = 0; i < count; i++)
		slots[i] = NULL;
	*unknown_out = false;
	if (!map || map->type != MSGPACK_OBJECT_MAP)
		return false;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[i];

		assert(pair->key.type == MSGPACK_OBJECT_POSITIVE_INTEGER); /* scan_frame let it pass */
		if (pair->key.via.u64 < count)
			slots[pair->key.via.u64] = &pair->val;
		else
			*unknown_out = true;
	}
	return true;
}

bool pack_get_uint(const msgpack_object *object, uint64_t max, uint64_t *out)
{
	if (!object || object->type != MSGPACK_OBJECT_POSITIVE_INTEGER || object->via.u64 > max)
		return false;
	*out = object->via.u64;
	return true;
}

bool pack_get_int(const msgpack_object *object, int64_t min, int64_t max, int64_t *out)
{
	int64_t number;

	if (!object)
		return false;
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		number = object->via.i64;
	else if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
		number = (int64_t)object->via.u64;
	else
		return false;
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}

bool pack_get_bin(const msgpack_object *object, size_t size, void *out)
{
	if (!object || object->type != MSGPACK_OBJECT_BIN || object->via.bin.size != size)
		return false;
	memcpy(out, object->via.bin.ptr, size);
	return true;
}

bool pack_get_id(const msgpack_object *object, struct id *out)
{
	return pack_get_bin(object, ID_SIZE, out->bytes);
}

bool pack_get_array(const msgpack_object *object, size_t *count_out, const msgpack_object **items_out)
{
	if (!object || object->type != MSGPACK_OBJECT_ARRAY)
		return false;
	*count_out = object->via.array.size;
	*items_out = object->via.array.ptr;
	return true;
}

enum status pack_get_text(const msgpack_object *object, size_t max, struct arena *arena, const char **out)
{
	const char *copy;

	if (!object) {
		*out = "";
		return ST_OK;
	}
	if (object->type != MSGPACK_OBJECT_STR)
		return ST_PROTOCOL;
	if (object->via.str.size > max)
		return ST_LIMIT;
	copy = arena_copy(arena, object->via.str.size > 0 ? object->via.str.ptr : "", object->via.str.size);
	if (!copy)
		return ST_NOMEM;
	*out = copy;
	return ST_OK;
}

static enum status get_id_value(const msgpack_object *object, struct arena *arena, struct value *out)
{
	char text[ID_TEXT_SIZE];
	const char *copy;
	struct id id;

	if (!pack_get_id(object, &id))
		return ST_INVALID;
	id_format(&id, text);
	copy = arena_copy(arena, text, ID_TEXT_LEN);
	if (!copy)
		return ST_NOMEM;
	*out = value_text(copy, ID_TEXT_LEN);
	return ST_OK;
}

static enum status get_number(const msgpack_object *object, const struct field *field, int64_t base_ms,
			      struct value *out)
{
	int64_t number;

	if (!pack_get_int(object, INT64_MIN, INT64_MAX, &number))
		return ST_INVALID;
	if (field->type == TYPE_TIME && __builtin_add_overflow(number, base_ms, &number))
		return ST_INVALID;
	*out = value_int(number);
	return ST_OK;
}

enum status pack_get_value(const msgpack_object *object, const struct field *field, int64_t base_ms,
			   struct arena *arena, struct value *out)
{
	enum status st = ST_OK;

	*out = value_null();
	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		return ST_OK;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		st = get_number(object, field, base_ms, out);
		break;
	case MSGPACK_OBJECT_STR:
		*out = value_text(object->via.str.size > 0 ? object->via.str.ptr : "", object->via.str.size);
		if (field->type == TYPE_ID)
			st = ST_INVALID; /* an id has one form on the wire */
		break;
	case MSGPACK_OBJECT_BIN:
		st = field->type == TYPE_ID ? get_id_value(object, arena, out) : ST_INVALID;
		break;
	case MSGPACK_OBJECT_BOOLEAN:
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
	case MSGPACK_OBJECT_ARRAY:
	case MSGPACK_OBJECT_MAP:
	case MSGPACK_OBJECT_EXT:
		return ST_PROTOCOL;
	}
	return st == ST_OK ? value_check(field, out) : st;
}

static size_t big_endian(const uint8_t *at, size_t width)
{
	size_t number = 0;

	for (size_t i = 0; i < width; i++)
		number = number << 8 | at[i];
	return number;
}

bool pack_walk_in(struct pack_walk *walk, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint8_t first = len > 0 ? at[0] : 0;
	size_t width = 0, count = first & 0x0f;
	bool is_map = (first & 0xf0) == 0x80 || first == 0xde || first == 0xdf;

	if (first >= 0xdc && first <= 0xdf)
		width = first % 2 == 0 ? 2 : 4;
	else if ((first & 0xe0) != 0x80)
		return false;
	assert(width < len); /* scan_frame let it pass */
	if (width > 0)
		count = big_endian(at + 1, width);
	*walk = (struct pack_walk){
		.at = at + 1 + width,
		.end = at + len,
		.left = is_map ? 2 * count : count,
		.is_map = is_map,
	};
	return true;
}

bool pack_walk_next(struct pack_walk *walk, const void **data_out, size_t *len_out)
{
	size_t len;

	if (walk->left == 0)
		return false;
	len = scan_object(walk->at, (size_t)(walk->end - walk->at));
	assert(len > 0);
	*data_out = walk->at;
	*len_out = len;
	walk->at += len;
	walk->left--;
	return true;
}

bool pack_walk_key(struct pack_walk *walk, uint64_t *key_out, const void **data_out, size_t *len_out)
{
	const void *data;
	const uint8_t *at;
	size_t len;

	assert(walk->is_map && walk->left % 2 == 0);
	if (!pack_walk_next(walk, &data, &len))
		return false;
	/* A key is a positive integer: one byte, or a byte that says the width and the number. */
	at = data;
	*key_out = len == 1 ? at[0] : big_endian(at + 1, len - 1);
	return pack_walk_next(walk, data_out, len_out);
}
