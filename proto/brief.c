#include "proto/brief.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/splice.h"

enum key { KEY_KIND, KEY_ID, KEY_PATIENT, KEY_FLAGS, KEY_EVIDENCE, KEY_VALUES, KEY_GROUPS, KEY_COUNT };

#define SPLICE_SIZE 3

/* The base of the first group, where that is a sequence. */
static bool first_base(const msgpack_object *groups, uint64_t *seq_out)
{
	const msgpack_object *items, *first;
	size_t count;

	return pack_get_array(groups, &count, &items) && count > 0 && pack_get_array(&items[0], &count, &first) &&
	       count >= 2 && pack_get_uint(&first[1], PACK_NUMBER_MAX, seq_out);
}

/* --- writing --- */

static void write_value(msgpack_packer *packer, const msgpack_object *value, const struct bytes *base)
{
	size_t prefix = 0, suffix = 0;

	if (value->type == MSGPACK_OBJECT_STR && base->data)
		splice_ends(base, value->via.str.ptr, value->via.str.size, &prefix, &suffix);
	if (prefix + suffix < SPLICE_LEAST) {
		msgpack_pack_object(packer, *value);
		return;
	}
	msgpack_pack_array(packer, SPLICE_SIZE);
	msgpack_pack_uint64(packer, prefix);
	msgpack_pack_uint64(packer, suffix);
	pack_text(packer, value->via.str.ptr + prefix, value->via.str.size - prefix - suffix);
}

static void write_values(msgpack_packer *packer, const msgpack_object *values, const struct bytes base[256])
{
	msgpack_pack_map(packer, values->via.map.size);
	for (uint32_t i = 0; i < values->via.map.size; i++) {
		const msgpack_object_kv *pair = &values->via.map.ptr[i];

		msgpack_pack_object(packer, pair->key);
		write_value(packer, &pair->val, &base[pair->key.via.u64 & UINT8_MAX]);
	}
}

static void write_groups(msgpack_packer *packer, const msgpack_object *groups, uint64_t first)
{
	msgpack_pack_array(packer, groups->via.array.size);
	for (uint32_t i = 0; i < groups->via.array.size; i++) {
		const msgpack_object *group = &groups->via.array.ptr[i], *items;
		uint64_t base = 0;
		size_t count = 0;

		if (i > 0 && pack_get_array(group, &count, &items) && count == 2 &&
		    pack_get_uint(&items[1], PACK_NUMBER_MAX, &base) && base == first)
			msgpack_pack_object(packer, items[0]);
		else
			msgpack_pack_object(packer, *group);
	}
}

static enum status write_brief(struct buf *out, const msgpack_object *const *slots, uint64_t first,
			       const struct bytes base[256])
{
	const size_t before = out->len;
	uint32_t keys = 0;
	msgpack_packer packer;

	for (unsigned key = 0; key < KEY_COUNT; key++)
		keys += key != KEY_ID && slots[key];
	pack_to(&packer, out);
	msgpack_pack_map(&packer, keys);
	for (unsigned key = 0; key < KEY_COUNT; key++) {
		if (key == KEY_ID || !slots[key])
			continue;
		msgpack_pack_uint8(&packer, (uint8_t)key);
		if (key == KEY_VALUES)
			write_values(&packer, slots[key], base);
		else if (key == KEY_GROUPS)
			write_groups(&packer, slots[key], first);
		else
			msgpack_pack_object(&packer, *slots[key]);
	}
	return pack_end(out, before, ST_OK);
}

enum status brief_encode(struct buf *out, const struct bytes *body, const struct bytes base[256])
{
	const size_t before = out->len;
	const msgpack_object *slots[KEY_COUNT];
	struct pack pack = { 0 };
	bool unknown = false;
	uint64_t first = 0;
	enum status st = pack_open(&pack, body->data, body->len);

	if (st == ST_OK && (!pack_slots(&pack.root, slots, KEY_COUNT, &unknown) || unknown ||
			    !first_base(slots[KEY_GROUPS], &first)))
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		st = write_brief(out, slots, first, base);
	pack_close(&pack);
	if (st == ST_OK && out->len - before >= body->len) {
		out->len = before;
		st = ST_NOT_FOUND;
	}
	return st;
}

/* --- rebuilding --- */

struct rebuilding {
	const struct brief_source *source;
	const msgpack_object *groups;
	struct id id;
	uint64_t kind, first;
};

/* A text between two ends of the one it was made from. */
static enum status rebuild_text(msgpack_packer *packer, const struct rebuilding *r, uint64_t field,
				const msgpack_object *splice)
{
	const msgpack_object *items;
	struct bytes base = { 0 };
	uint64_t prefix, suffix;
	size_t count, len;
	enum status st;

	if (!pack_get_array(splice, &count, &items) || count != SPLICE_SIZE ||
	    !pack_get_uint(&items[0], LIMIT_NOTE_MAX, &prefix) || !pack_get_uint(&items[1], LIMIT_NOTE_MAX, &suffix) ||
	    items[2].type != MSGPACK_OBJECT_STR)
		return ST_PROTOCOL;
	st = r->source->text(r->source->ctx, r->kind, &r->id, field, r->first, &base);
	if (st != ST_OK)
		return st;
	if (prefix > base.len || suffix > base.len - prefix)
		return ST_NOT_FOUND;
	len = (size_t)prefix + (size_t)suffix + items[2].via.str.size;
	if (len > LIMIT_NOTE_MAX)
		return ST_LIMIT;
	msgpack_pack_str(packer, len);
	msgpack_pack_str_body(packer, base.data, (size_t)prefix);
	msgpack_pack_str_body(packer, items[2].via.str.ptr, items[2].via.str.size);
	msgpack_pack_str_body(packer, (const char *)base.data + (base.len - suffix), (size_t)suffix);
	return ST_OK;
}

static enum status rebuild_values(msgpack_packer *packer, const struct rebuilding *r, const msgpack_object *values)
{
	enum status st = ST_OK;

	if (values->type != MSGPACK_OBJECT_MAP)
		return ST_PROTOCOL;
	msgpack_pack_map(packer, values->via.map.size);
	for (uint32_t i = 0; i < values->via.map.size && st == ST_OK; i++) {
		const msgpack_object_kv *pair = &values->via.map.ptr[i];

		msgpack_pack_object(packer, pair->key);
		if (pair->val.type == MSGPACK_OBJECT_ARRAY)
			st = rebuild_text(packer, r, pair->key.via.u64, &pair->val);
		else
			msgpack_pack_object(packer, pair->val);
	}
	return st;
}

static void rebuild_groups(msgpack_packer *packer, const struct rebuilding *r)
{
	const msgpack_object_array *groups = &r->groups->via.array;

	msgpack_pack_array(packer, groups->size);
	for (uint32_t i = 0; i < groups->size; i++) {
		if (groups->ptr[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
			msgpack_pack_object(packer, groups->ptr[i]);
			continue;
		}
		msgpack_pack_array(packer, 2);
		msgpack_pack_object(packer, groups->ptr[i]);
		msgpack_pack_uint64(packer, r->first);
	}
}

static enum status rebuild(struct buf *out, const msgpack_object *const *slots, const struct rebuilding *r)
{
	const size_t before = out->len;
	enum status st = ST_OK;
	uint32_t keys = 1;
	msgpack_packer packer;

	for (unsigned key = 0; key < KEY_COUNT; key++)
		keys += slots[key] != NULL;
	pack_to(&packer, out);
	msgpack_pack_map(&packer, keys);
	for (unsigned key = 0; key < KEY_COUNT && st == ST_OK; key++) {
		if (key != KEY_ID && !slots[key])
			continue;
		msgpack_pack_uint8(&packer, (uint8_t)key);
		if (key == KEY_ID)
			pack_bin(&packer, r->id.bytes, ID_SIZE);
		else if (key == KEY_VALUES)
			st = rebuild_values(&packer, r, slots[key]);
		else if (key == KEY_GROUPS)
			rebuild_groups(&packer, r);
		else
			msgpack_pack_object(&packer, *slots[key]);
	}
	if (st == ST_OK && out->len - before > LIMIT_CHANGE_MAX)
		st = ST_LIMIT;
	return pack_end(out, before, st);
}

enum status brief_decode(struct buf *out, const struct bytes *brief, const struct brief_source *source)
{
	const msgpack_object *slots[KEY_COUNT];
	struct rebuilding r = { .source = source };
	struct pack pack = { 0 };
	bool unknown = false;
	enum status st = pack_open(&pack, brief->data, brief->len);

	if (st == ST_OK && (!pack_slots(&pack.root, slots, KEY_COUNT, &unknown) || unknown || slots[KEY_ID] ||
			    !pack_get_uint(slots[KEY_KIND], UINT32_MAX, &r.kind) ||
			    !first_base(slots[KEY_GROUPS], &r.first)))
		st = ST_PROTOCOL;
	if (st == ST_OK)
		st = source->record(source->ctx, r.first, &r.id);
	if (st == ST_OK) {
		r.groups = slots[KEY_GROUPS];
		st = rebuild(out, slots, &r);
	}
	pack_close(&pack);
	return st;
}
