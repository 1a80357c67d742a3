#include "proto/change.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"
#include "proto/limits.h"
#include "proto/pack.h"

enum key { KEY_KIND, KEY_ID, KEY_PATIENT, KEY_FLAGS, KEY_EVIDENCE, KEY_VALUES, KEY_GROUPS, KEY_COUNT };

/* Elements of evidence: at least, with offset and reading, with boot and its clock. */
enum { EVIDENCE_LEAST = 4, EVIDENCE_OFFSET = 6, EVIDENCE_BOOT = 8 };

enum { FLAG_CREATE = 1, FLAG_DELETES = 2, FLAG_RESTORES = 4, FLAG_ALL = 7 };

static bool has_patient(const struct kind *kind)
{
	return !kind->is_patient && !kind->is_staff;
}

static bool evidence_equal(const struct evidence *a, const struct evidence *b)
{
	return a->heard_ms == b->heard_ms && a->elapsed_ms == b->elapsed_ms && a->slack_ms == b->slack_ms &&
	       a->steadiness == b->steadiness && a->offset_ms == b->offset_ms && a->reading == b->reading &&
	       a->boot == b->boot && a->boot_ms == b->boot_ms;
}

/* How many elements it has: what is not known is left off at the end. */
static size_t evidence_size(const struct evidence *evidence)
{
	if (evidence->boot != 0)
		return EVIDENCE_BOOT;
	return evidence->offset_ms != 0 || evidence->reading != 0 ? EVIDENCE_OFFSET : EVIDENCE_LEAST;
}

static bool evidence_any(const struct evidence *evidence)
{
	return evidence->heard_ms || evidence->elapsed_ms || evidence->slack_ms ||
	       evidence->steadiness != STEADY_UNKNOWN || evidence_size(evidence) > EVIDENCE_LEAST;
}

uint64_t change_mask(const struct change *change)
{
	uint64_t mask = 0;

	if (change->create)
		return change->kind->mask_all;
	for (size_t i = 0; i < change->group_count; i++) {
		int g = kind_group_num(change->kind, change->groups[i].num);

		if (change->groups[i].num != SCHEMA_GROUP_DELETED && g >= 0)
			mask |= change->kind->groups[g].mask;
	}
	return mask;
}

/* --- writing --- */

static unsigned flags_of(const struct change *change)
{
	return (change->create ? FLAG_CREATE : 0U) | (change->deletes ? FLAG_DELETES : 0U) |
	       (change->restores ? FLAG_RESTORES : 0U);
}

static void write_evidence(msgpack_packer *packer, const struct evidence *evidence)
{
	const size_t size = evidence_size(evidence);
	const int64_t elapsed_ms = pack_clamp(evidence->elapsed_ms, -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX);

	msgpack_pack_array(packer, size);
	msgpack_pack_int64(packer, evidence->heard_ms);
	msgpack_pack_int64(packer, elapsed_ms);
	msgpack_pack_uint32(packer, evidence->slack_ms);
	msgpack_pack_uint8(packer, (uint8_t)evidence->steadiness);
	if (size == EVIDENCE_LEAST)
		return;
	assert(evidence->reading <= PACK_NUMBER_MAX);
	msgpack_pack_int64(packer, pack_clamp(evidence->offset_ms, -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX));
	msgpack_pack_uint64(packer, evidence->reading);
	if (size == EVIDENCE_OFFSET)
		return;
	msgpack_pack_uint32(packer, evidence->boot);
	msgpack_pack_int64(packer, pack_clamp(evidence->boot_ms, 0, PACK_ELAPSED_MAX) - elapsed_ms);
}

static void write_base(msgpack_packer *packer, const struct version *base)
{
	switch (base->tag) {
	case VERSION_NONE:
		msgpack_pack_nil(packer);
		break;
	case VERSION_SEQ:
		assert(base->seq <= PACK_NUMBER_MAX);
		msgpack_pack_uint64(packer, base->seq);
		break;
	case VERSION_OWN:
		assert(base->n > 0 && base->n <= PACK_NUMBER_MAX);
		msgpack_pack_array(packer, base->origin ? 3 : 1);
		msgpack_pack_uint64(packer, base->n);
		if (base->origin) {
			msgpack_pack_uint32(packer, base->origin);
			pack_bin(packer, base->digest, sizeof base->digest);
		}
		break;
	}
}

static void write_groups(msgpack_packer *packer, const struct change *change)
{
	msgpack_pack_array(packer, change->group_count);
	for (size_t i = 0; i < change->group_count; i++) {
		const struct change_group *group = &change->groups[i];
		bool own = !evidence_equal(&group->evidence, &change->evidence);

		assert(i == 0 || group->num > change->groups[i - 1].num);
		assert(group->num == SCHEMA_GROUP_DELETED || kind_group_num(change->kind, group->num) >= 0);
		msgpack_pack_array(packer, own ? 3 : 2);
		msgpack_pack_uint8(packer, group->num);
		write_base(packer, &group->base);
		if (own)
			write_evidence(packer, &group->evidence);
	}
}

static enum status write_values(msgpack_packer *packer, const struct change *change, uint64_t mask)
{
	enum status st = ST_OK;

	msgpack_pack_map(packer, (size_t)__builtin_popcountll(mask));
	for (size_t f = 0; f < change->kind->field_count && st == ST_OK; f++) {
		if (!(mask >> f & 1))
			continue;
		msgpack_pack_uint8(packer, change->kind->fields[f].num);
		st = pack_value(packer, &change->kind->fields[f], &change->row.values[f], change->evidence.heard_ms);
	}
	return st;
}

/* The fields that are written: a create leaves out what is null. */
static uint64_t written_mask(const struct change *change)
{
	uint64_t mask = change_mask(change);

	for (size_t f = 0; change->create && f < change->kind->field_count; f++)
		if (change->row.values[f].tag == VALUE_NULL)
			mask &= ~(UINT64_C(1) << f);
	return mask;
}

static void assert_whole(const struct change *change)
{
	bool marks = change->group_count > 0 && change->groups[0].num == SCHEMA_GROUP_DELETED;

	assert(change->kind && change->group_count <= SCHEMA_FIELDS_MAX + 1);
	assert(!(change->deletes && change->restores));
	if (change->create)
		assert(change->group_count == 0 && !change->restores);
	else
		assert(change->group_count > 0 && marks == (change->deletes || change->restores));
}

enum status change_encode(struct buf *out, const struct change *change)
{
	const size_t before = out->len;
	const uint64_t mask = written_mask(change);
	const unsigned flags = flags_of(change);
	const bool patient = change->create && has_patient(change->kind);
	const bool evidence = evidence_any(&change->evidence);
	enum status st = ST_OK;
	msgpack_packer packer;

	assert_whole(change);
	pack_to(&packer, out);
	msgpack_pack_map(&packer, 2U + patient + (flags != 0) + evidence + (mask != 0) + !change->create);
	msgpack_pack_uint8(&packer, KEY_KIND);
	msgpack_pack_uint8(&packer, change->kind->num);
	msgpack_pack_uint8(&packer, KEY_ID);
	pack_bin(&packer, change->id.bytes, ID_SIZE);
	if (patient) {
		msgpack_pack_uint8(&packer, KEY_PATIENT);
		pack_bin(&packer, change->patient.bytes, ID_SIZE);
	}
	if (flags) {
		msgpack_pack_uint8(&packer, KEY_FLAGS);
		msgpack_pack_unsigned_int(&packer, flags);
	}
	if (evidence) {
		msgpack_pack_uint8(&packer, KEY_EVIDENCE);
		write_evidence(&packer, &change->evidence);
	}
	if (mask) {
		msgpack_pack_uint8(&packer, KEY_VALUES);
		st = write_values(&packer, change, mask);
	}
	if (!change->create) {
		msgpack_pack_uint8(&packer, KEY_GROUPS);
		write_groups(&packer, change);
	}
	if (st == ST_OK && out->len - before > LIMIT_CHANGE_MAX)
		st = ST_LIMIT;
	return pack_end(out, before, st);
}

/* --- reading --- */

/* What was found on the way. A body that is no change ends the reading at once; the
 * rest is noted, so that all else can still be read and shown. */
struct reading_notes {
	bool unknown;            /* a key, field or group of another schema */
	enum status value;       /* the first value's failure */
	const struct field *bad; /* and its field */
};

static void note_value(struct reading_notes *notes, enum status st, const struct field *field)
{
	if (notes->value != ST_OK)
		return;
	notes->value = st;
	notes->bad = field;
}

static bool read_flags(const msgpack_object *object, struct change *change)
{
	uint64_t flags = 0;

	if (object && !pack_get_uint(object, FLAG_ALL, &flags))
		return false;
	change->create = (flags & FLAG_CREATE) != 0;
	change->deletes = (flags & FLAG_DELETES) != 0;
	change->restores = (flags & FLAG_RESTORES) != 0;
	return !(change->restores && (change->create || change->deletes));
}

static bool read_patient(const msgpack_object *object, struct change *change)
{
	if (!change->create || !has_patient(change->kind)) {
		if (change->create)
			change->patient = change->kind->is_patient ? change->id : ID_STAFF;
		return !object;
	}
	return pack_get_id(object, &change->patient);
}

/* The elements after the first four, of count all together. */
static bool read_clocks(const msgpack_object *items, size_t count, struct evidence *out)
{
	uint64_t boot = 0;
	int64_t boot_ms = 0;

	if (count == EVIDENCE_LEAST)
		return true;
	if ((count != EVIDENCE_OFFSET && count != EVIDENCE_BOOT) ||
	    !pack_get_int(&items[4], -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX, &out->offset_ms) ||
	    !pack_get_uint(&items[5], PACK_NUMBER_MAX, &out->reading))
		return false;
	if (count == EVIDENCE_OFFSET)
		return true;
	if (!pack_get_uint(&items[6], UINT32_MAX, &boot) || boot == 0 ||
	    !pack_get_int(&items[7], -2 * PACK_ELAPSED_MAX, 2 * PACK_ELAPSED_MAX, &boot_ms))
		return false;
	out->boot = (uint32_t)boot;
	out->boot_ms = boot_ms + out->elapsed_ms;
	return out->boot_ms >= 0 && out->boot_ms <= PACK_ELAPSED_MAX;
}

static bool read_evidence(const msgpack_object *object, struct evidence *out)
{
	const msgpack_object *items;
	uint64_t heard, slack, steadiness;
	int64_t elapsed;
	size_t count;

	if (!pack_get_array(object, &count, &items) || count < EVIDENCE_LEAST)
		return false;
	if (!pack_get_uint(&items[0], MOMENT_MS_MAX, &heard) ||
	    !pack_get_int(&items[1], -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX, &elapsed) ||
	    !pack_get_uint(&items[2], UINT32_MAX, &slack) ||
	    !pack_get_uint(&items[3], STEADY_MEASURED, &steadiness))
		return false;
	*out = (struct evidence){
		.heard_ms = (int64_t)heard,
		.elapsed_ms = elapsed,
		.slack_ms = (uint32_t)slack,
		.steadiness = (enum steadiness)steadiness,
	};
	return read_clocks(items, count, out);
}

static bool read_base(const msgpack_object *object, struct version *base)
{
	const msgpack_object *items;
	uint64_t origin;
	size_t count;

	if (object->type == MSGPACK_OBJECT_NIL)
		return true;
	if (pack_get_uint(object, PACK_NUMBER_MAX, &base->seq)) {
		base->tag = VERSION_SEQ;
		return true;
	}
	base->tag = VERSION_OWN;
	if (!pack_get_array(object, &count, &items) || (count != 1 && count != 3))
		return false;
	if (!pack_get_uint(&items[0], PACK_NUMBER_MAX, &base->n) || base->n == 0)
		return false;
	if (count == 1)
		return true;
	if (!pack_get_uint(&items[1], UINT32_MAX, &origin) || origin == 0)
		return false;
	base->origin = (uint32_t)origin;
	return pack_get_bin(&items[2], sizeof base->digest, base->digest);
}

static bool read_group(const msgpack_object *object, struct change *change, int64_t *last,
		       struct reading_notes *notes)
{
	struct change_group group = { .evidence = change->evidence };
	const msgpack_object *items;
	uint64_t num;
	size_t count;

	if (!pack_get_array(object, &count, &items) || (count != 2 && count != 3))
		return false;
	if (!pack_get_uint(&items[0], UINT32_MAX, &num) || (int64_t)num <= *last)
		return false;
	*last = (int64_t)num;
	if (!read_base(&items[1], &group.base) || (count == 3 && !read_evidence(&items[2], &group.evidence)))
		return false;
	if (num != SCHEMA_GROUP_DELETED && kind_group_num(change->kind, (unsigned)num) < 0) {
		notes->unknown = true;
		return true;
	}
	group.num = (uint8_t)num;
	assert(change->group_count <= change->kind->group_count);
	change->groups[change->group_count++] = group;
	return true;
}

/* An edit has groups, and the deletion mark among them where a flag says so. */
static bool read_groups(const msgpack_object *object, struct change *change, struct reading_notes *notes)
{
	const msgpack_object *items;
	int64_t last = -1;
	size_t count;
	bool marks;

	if (change->create)
		return !object;
	if (!pack_get_array(object, &count, &items) || count == 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_group(&items[i], change, &last, notes))
			return false;
	marks = change->group_count > 0 && change->groups[0].num == SCHEMA_GROUP_DELETED;
	return marks == (change->deletes || change->restores);
}

static enum status read_values(const msgpack_object *object, struct arena *arena, struct change *change,
			       uint64_t *brought_out, struct reading_notes *notes)
{
	enum status st;

	*brought_out = 0;
	if (!object)
		return ST_OK;
	if (object->type != MSGPACK_OBJECT_MAP)
		return ST_PROTOCOL;
	for (uint32_t i = 0; i < object->via.map.size; i++) {
		const msgpack_object_kv *pair = &object->via.map.ptr[i];
		uint64_t num = pair->key.via.u64;
		int f = num <= UINT8_MAX ? kind_field_num(change->kind, (unsigned)num) : -1;

		if (f < 0) {
			notes->unknown = true;
			continue;
		}
		*brought_out |= UINT64_C(1) << f;
		st = pack_get_value(&pair->val, &change->kind->fields[f], change->evidence.heard_ms, arena,
				    &change->row.values[f]);
		if (st == ST_NOMEM || st == ST_PROTOCOL)
			return st;
		if (st != ST_OK)
			note_value(notes, st, &change->kind->fields[f]);
	}
	return ST_OK;
}

/* An edit brings every field of its groups, and no other. */
static void check_whole(const struct change *change, uint64_t brought, struct reading_notes *notes)
{
	uint64_t odd = change->create ? 0 : brought ^ change->mask;

	if (odd)
		note_value(notes, ST_INVALID, &change->kind->fields[__builtin_ctzll(odd)]);
}

static enum status read_body(const struct schema *schema, const msgpack_object *root, struct arena *arena,
			     struct change *change, struct reading_notes *notes)
{
	const msgpack_object *slots[KEY_COUNT];
	uint64_t kind, brought;
	enum status st;

	if (!pack_slots(root, slots, KEY_COUNT, &notes->unknown))
		return ST_PROTOCOL;
	if (!pack_get_uint(slots[KEY_KIND], UINT32_MAX, &kind) || !pack_get_id(slots[KEY_ID], &change->id) ||
	    !read_flags(slots[KEY_FLAGS], change))
		return ST_PROTOCOL;
	change->kind = schema_kind_num(schema, (unsigned)kind);
	if (!change->kind)
		return ST_UNKNOWN;
	if (!read_patient(slots[KEY_PATIENT], change))
		return ST_PROTOCOL;
	if (slots[KEY_EVIDENCE] && !read_evidence(slots[KEY_EVIDENCE], &change->evidence))
		return ST_PROTOCOL;
	if (!read_groups(slots[KEY_GROUPS], change, notes))
		return ST_PROTOCOL;
	change->mask = change_mask(change);
	st = read_values(slots[KEY_VALUES], arena, change, &brought, notes);
	if (st == ST_OK)
		check_whole(change, brought, notes);
	return st;
}

enum status change_decode(const struct schema *schema, const void *body, size_t len, struct arena *arena,
			  struct change *change_out, const struct field **field_out)
{
	struct reading_notes notes = { 0 };
	struct pack pack = { 0 };
	const char *copy;
	enum status st;

	memset(change_out, 0, sizeof *change_out);
	if (field_out)
		*field_out = NULL;
	if (len > LIMIT_CHANGE_MAX)
		return ST_PROTOCOL;
	copy = arena_copy(arena, len > 0 ? body : "", len);
	if (!copy)
		return ST_NOMEM;
	st = pack_open(&pack, copy, len);
	if (st == ST_LIMIT)
		st = ST_PROTOCOL; /* no change is that deep: ST_LIMIT is for values, and then there is a kind */
	if (st == ST_OK)
		st = read_body(schema, &pack.root, arena, change_out, &notes);
	pack_close(&pack);
	if (st == ST_OK && notes.unknown)
		st = ST_UNKNOWN;
	if (st == ST_OK && notes.value != ST_OK) {
		st = notes.value;
		if (field_out)
			*field_out = notes.bad;
	}
	return st;
}

void change_digest(struct digest *out, const void *body, size_t len)
{
	const struct part part = { body, len };

	digest_of(out, "change", &part, 1);
}

void change_run(struct digest *run, uint64_t n, const struct digest *change)
{
	const struct digest previous = *run;
	uint8_t number[8];
	const struct part parts[] = {
		{ previous.bytes, DIGEST_SIZE },
		{ number, sizeof number },
		{ change->bytes, DIGEST_SIZE },
	};

	for (size_t i = 0; i < sizeof number; i++)
		number[i] = (uint8_t)(n >> (56 - 8 * i));
	digest_of(run, "run", parts, 3);
}
