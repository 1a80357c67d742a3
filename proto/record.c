#include "proto/message.h"

#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/pack.h"
#include "proto/splice.h"

enum { RECORD_KIND, RECORD_ID, RECORD_PATIENT, RECORD_SEQ, RECORD_FLAGS, RECORD_VALUES, RECORD_COUNT };

#define SPLICE_COUNT 4 /* prefix, suffix, middle, check */

enum { FLAG_WHOLE = 1, FLAG_DELETED = 2, FLAG_ALL = 3 };

static bool has_patient(const struct kind *kind)
{
	return !kind->is_patient && !kind->is_staff;
}

/* Are the fields of the mask all those of some groups? */
static bool mask_is_groups(const struct kind *kind, uint64_t mask)
{
	for (size_t g = 0; g < kind->group_count; g++) {
		uint64_t brought = mask & kind->groups[g].mask;

		if (brought && brought != kind->groups[g].mask)
			return false;
	}
	return (mask & ~kind->mask_all) == 0;
}

/* The fields that are written: a whole record leaves out what is null. */
static uint64_t written_mask(const struct answer_record *record)
{
	uint64_t mask = record->whole ? record->kind->mask_all : record->mask;

	for (size_t f = 0; record->whole && f < record->kind->field_count; f++)
		if (record->row.values[f].tag == VALUE_NULL)
			mask &= ~(UINT64_C(1) << f);
	return mask;
}

/* Does the field's text travel as a splice, and with how much of both ends? */
static bool is_spliced(const struct answer_record *record, size_t f, size_t *prefix_out, size_t *suffix_out)
{
	const struct value *value = &record->row.values[f];

	if (!record->base || !record->base[f].data || value->tag != VALUE_TEXT)
		return false;
	assert(!record->whole && record->kind->fields[f].type == TYPE_TEXT);
	splice_ends(&record->base[f], value->text, value->len, prefix_out, suffix_out);
	return *prefix_out + *suffix_out >= SPLICE_LEAST;
}

size_t answer_record_items(const struct answer_record *record)
{
	size_t items = 1 + RECORD_COUNT + 2 * (size_t)__builtin_popcountll(written_mask(record));

	for (size_t f = 0; record->base && f < record->kind->field_count; f++)
		items += record->base[f].data ? SPLICE_COUNT : 0;
	return items;
}

static enum status write_value(msgpack_packer *packer, const struct answer_record *record, size_t f, int64_t base_ms)
{
	const struct value *value = &record->row.values[f];
	uint8_t check[SPLICE_CHECK_SIZE];
	size_t prefix, suffix;

	if (!is_spliced(record, f, &prefix, &suffix))
		return pack_value(packer, &record->kind->fields[f], value, base_ms);
	splice_check(check, value->text, value->len);
	msgpack_pack_array(packer, SPLICE_COUNT);
	msgpack_pack_uint64(packer, prefix);
	msgpack_pack_uint64(packer, suffix);
	pack_text(packer, value->text + prefix, value->len - prefix - suffix);
	pack_bin(packer, check, sizeof check);
	return ST_OK;
}

enum status answer_record_encode(struct buf *records, const struct answer *answer,
				 const struct answer_record *record)
{
	const size_t before = records->len;
	const struct kind *kind = record->kind;
	const uint64_t mask = written_mask(record);
	enum status st = ST_OK;
	msgpack_packer packer;

	assert(record->whole || mask_is_groups(kind, record->mask));
	assert(record->seq <= PACK_NUMBER_MAX && answer->base_seq <= PACK_NUMBER_MAX);
	pack_to(&packer, records);
	msgpack_pack_array(&packer, RECORD_COUNT);
	msgpack_pack_uint8(&packer, kind->num);
	pack_bin(&packer, record->id.bytes, ID_SIZE);
	if (record->whole && has_patient(kind))
		pack_bin(&packer, record->patient.bytes, ID_SIZE);
	else
		msgpack_pack_nil(&packer);
	msgpack_pack_int64(&packer, (int64_t)record->seq - (int64_t)answer->base_seq);
	msgpack_pack_int(&packer, (record->whole ? FLAG_WHOLE : 0) | (record->deleted ? FLAG_DELETED : 0));
	msgpack_pack_map(&packer, (size_t)__builtin_popcountll(mask));
	for (size_t f = 0; f < kind->field_count && st == ST_OK; f++) {
		if (!(mask >> f & 1))
			continue;
		msgpack_pack_uint8(&packer, kind->fields[f].num);
		st = write_value(&packer, record, f, answer->received_ms);
	}
	return pack_end(records, before, st);
}

/* The middle becomes the value, for the time being. */
static enum status read_splice(const msgpack_object *object, int f, struct arena *arena, struct answer_record *record)
{
	struct answer_splice *splice;
	const msgpack_object *items;
	uint64_t prefix, suffix;
	size_t count;

	if (record->whole || record->kind->fields[f].type != TYPE_TEXT || !pack_get_array(object, &count, &items) ||
	    count != SPLICE_COUNT || !pack_get_uint(&items[0], LIMIT_NOTE_MAX, &prefix) ||
	    !pack_get_uint(&items[1], LIMIT_NOTE_MAX, &suffix) || items[2].type != MSGPACK_OBJECT_STR)
		return ST_PROTOCOL;
	if (!record->splices)
		record->splices = arena_zalloc(arena, record->kind->field_count * sizeof *splice);
	if (!record->splices)
		return ST_NOMEM;
	splice = &record->splices[record->splice_count];
	if (!pack_get_bin(&items[3], sizeof splice->check, splice->check))
		return ST_PROTOCOL;
	splice->field = (uint8_t)f;
	splice->prefix = (size_t)prefix;
	splice->suffix = (size_t)suffix;
	record->splice_count++;
	record->row.values[f] = value_text(items[2].via.str.size > 0 ? items[2].via.str.ptr : "", items[2].via.str.size);
	return ST_OK;
}

enum status answer_splice_join(struct answer_record *record, size_t i, const struct bytes *base, struct arena *arena)
{
	const struct answer_splice *splice = &record->splices[i];
	const struct field *field = &record->kind->fields[splice->field];
	struct value *value = &record->row.values[splice->field], joined;
	uint8_t check[SPLICE_CHECK_SIZE];
	const size_t ends = splice->prefix + splice->suffix, middle = value->len;
	char *text;

	assert(i < record->splice_count);
	if (splice->prefix > base->len || splice->suffix > base->len - splice->prefix)
		return ST_NOT_FOUND;
	if (ends > field->max || middle > field->max - ends)
		return ST_LIMIT;
	text = arena_alloc(arena, ends + middle + 1);
	if (!text)
		return ST_NOMEM;
	memcpy(text, base->data, splice->prefix);
	memcpy(text + splice->prefix, value->text, middle);
	memcpy(text + splice->prefix + middle, (const char *)base->data + (base->len - splice->suffix), splice->suffix);
	text[ends + middle] = '\0';
	splice_check(check, text, ends + middle);
	if (memcmp(check, splice->check, sizeof check) != 0)
		return ST_NOT_FOUND;
	joined = value_text(text, ends + middle);
	if (value_check(field, &joined) != ST_OK)
		return ST_INVALID;
	*value = joined;
	return ST_OK;
}

static enum status read_values(const msgpack_object *object, int64_t base_ms, struct arena *arena,
			       struct answer_record *record)
{
	enum status st = ST_OK;

	if (object->type != MSGPACK_OBJECT_MAP)
		return ST_PROTOCOL;
	for (uint32_t i = 0; i < object->via.map.size && st == ST_OK; i++) {
		const msgpack_object_kv *pair = &object->via.map.ptr[i];
		uint64_t num = pair->key.via.u64;
		int f = num <= UINT8_MAX ? kind_field_num(record->kind, (unsigned)num) : -1;

		if (f < 0)
			return ST_UNKNOWN;
		record->mask |= UINT64_C(1) << f;
		if (pair->val.type == MSGPACK_OBJECT_ARRAY)
			st = read_splice(&pair->val, f, arena, record);
		else
			st = pack_get_value(&pair->val, &record->kind->fields[f], base_ms, arena, &record->row.values[f]);
	}
	return st;
}

static bool read_patient(const msgpack_object *object, struct answer_record *record)
{
	if (record->whole && has_patient(record->kind))
		return pack_get_id(object, &record->patient);
	if (!has_patient(record->kind))
		record->patient = record->kind->is_patient ? record->id : ID_STAFF;
	return object->type == MSGPACK_OBJECT_NIL;
}

static enum status read_record(const struct schema *schema, const msgpack_object *root,
			       const struct answer *answer, struct arena *arena, struct answer_record *record)
{
	const msgpack_object *items;
	uint64_t kind, flags;
	int64_t difference, seq;
	size_t count;
	enum status st;

	if (!pack_get_array(root, &count, &items) || count != RECORD_COUNT)
		return ST_PROTOCOL;
	if (!pack_get_uint(&items[RECORD_KIND], UINT32_MAX, &kind) ||
	    !pack_get_id(&items[RECORD_ID], &record->id) ||
	    !pack_get_int(&items[RECORD_SEQ], INT64_MIN, INT64_MAX, &difference) ||
	    __builtin_add_overflow(difference, (int64_t)answer->base_seq, &seq) || seq < 0 ||
	    !pack_get_uint(&items[RECORD_FLAGS], FLAG_ALL, &flags))
		return ST_PROTOCOL;
	record->seq = (uint64_t)seq;
	record->whole = (flags & FLAG_WHOLE) != 0;
	record->deleted = (flags & FLAG_DELETED) != 0;
	record->kind = schema_kind_num(schema, (unsigned)kind);
	if (!record->kind)
		return ST_UNKNOWN;
	if (!read_patient(&items[RECORD_PATIENT], record))
		return ST_PROTOCOL;
	st = read_values(&items[RECORD_VALUES], answer->received_ms, arena, record);
	if (st == ST_OK && record->whole)
		record->mask = record->kind->mask_all;
	if (st == ST_OK && !mask_is_groups(record->kind, record->mask))
		st = ST_PROTOCOL;
	return st;
}

enum status answer_record_decode(const struct schema *schema, const struct answer *answer, size_t i,
				 struct arena *arena, struct answer_record *record_out)
{
	const struct bytes *places = answer->records;
	struct answer_record record;
	struct pack pack = { 0 };
	enum status st;

	assert(i < answer->record_count);
	memset(&record, 0, sizeof record);
	st = pack_open(&pack, places[i].data, places[i].len);
	if (st == ST_OK)
		st = read_record(schema, &pack.root, answer, arena, &record);
	pack_close(&pack);
	if (st == ST_OK)
		*record_out = record;
	return st;
}
