#include "tests/support/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"

uint64_t wire_next(struct wire_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t wire_below(struct wire_random *random, uint64_t limit)
{
	assert(limit > 0);
	return wire_next(random) % limit;
}

void wire_bytes(struct wire_random *random, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)wire_next(random);
}

struct schema *wire_schema_new(void)
{
	struct schema *schema = calloc(1, sizeof *schema);

	assert(schema);
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return schema;
}

static struct value text_copy(struct arena *arena, const char *text, size_t len)
{
	const char *copy = arena_copy(arena, text, len);

	assert(copy);
	return value_text(copy, len);
}

static struct value random_text(struct wire_random *random, uint32_t max, struct arena *arena)
{
	static const char *const syllables[] = { "da", "Zoë ", "\n", "7", "東", " note ", "\"", "é" };
	char text[64];
	size_t len = 0, want = wire_below(random, max < sizeof text ? max : sizeof text);

	for (;;) {
		const char *next = syllables[wire_below(random, 8)];

		if (len + strlen(next) > want)
			return text_copy(arena, text, len);
		memcpy(text + len, next, strlen(next));
		len += strlen(next);
	}
}

/* One word of "a|b|c". */
static struct value random_word(struct wire_random *random, const char *values, struct arena *arena)
{
	size_t count = 1, skip;
	const char *at = values;

	for (const char *c = values; *c; c++)
		count += *c == '|';
	for (skip = wire_below(random, count); skip > 0; skip--)
		at = strchr(at, '|') + 1;
	return text_copy(arena, at, strcspn(at, "|"));
}

static struct value random_id(struct wire_random *random, struct arena *arena)
{
	char text[ID_TEXT_SIZE];
	struct id id;

	wire_bytes(random, id.bytes, ID_SIZE);
	id_format(&id, text);
	return text_copy(arena, text, ID_TEXT_LEN);
}

static struct value random_set(struct wire_random *random, const struct field *field, struct arena *arena)
{
	char text[160] = "[\"";
	struct value word = value_string("a");

	if (field->values && *field->values)
		word = random_word(random, field->values, arena);
	assert(word.len + 4 < sizeof text);
	memcpy(text + 2, word.text, word.len);
	memcpy(text + 2 + word.len, "\"]", 2);
	return text_copy(arena, text, word.len + 4);
}

struct value wire_value(struct wire_random *random, const struct field *field, struct arena *arena)
{
	switch (field->type) {
	case TYPE_TEXT:
		return random_text(random, field->max, arena);
	case TYPE_ENUM:
		return random_word(random, field->values, arena);
	case TYPE_SET:
		return random_set(random, field, arena);
	case TYPE_DATE:
		return value_string("1948-02-29");
	case TYPE_TIME:
		return value_int((int64_t)wire_below(random, UINT64_C(4000000000000)));
	case TYPE_INT:
		return value_int((int64_t)wire_below(random, 100000) - 1000);
	case TYPE_BOOL:
		return value_int((int64_t)wire_below(random, 2));
	case TYPE_ID:
		return random_id(random, arena);
	}
	return value_null();
}

static struct evidence random_evidence(struct wire_random *random)
{
	struct evidence evidence;

	if (wire_below(random, 4) == 0)
		return (struct evidence){ 0 };
	evidence = (struct evidence){
		.heard_ms = (int64_t)wire_below(random, UINT64_C(2000000000000)),
		.elapsed_ms = (int64_t)wire_below(random, 100000000) - 1000000,
		.slack_ms = (uint32_t)wire_below(random, 5000),
		.steadiness = (enum steadiness)wire_below(random, 3),
	};
	if (wire_below(random, 3) == 0)
		return evidence;
	evidence.offset_ms = (int64_t)wire_below(random, 100000000) - 50000000;
	evidence.reading = wire_next(random) >> (1 + wire_below(random, 63));
	if (wire_below(random, 2) == 0)
		return evidence;
	evidence.boot = 1 + (uint32_t)wire_below(random, UINT32_MAX);
	evidence.boot_ms = (int64_t)wire_below(random, UINT64_C(10000000000));
	return evidence;
}

static struct version random_base(struct wire_random *random)
{
	struct version base = { .tag = (enum version_tag)wire_below(random, 3) };

	if (base.tag == VERSION_SEQ)
		base.seq = wire_next(random) >> (1 + wire_below(random, 63));
	if (base.tag == VERSION_OWN)
		base.n = 1 + wire_below(random, 100000);
	if (base.tag == VERSION_OWN && wire_below(random, 2)) {
		base.origin = 1 + (uint32_t)wire_below(random, 1000);
		wire_bytes(random, base.digest, sizeof base.digest);
	}
	return base;
}

static void random_group(struct wire_random *random, uint8_t num, struct change *out)
{
	struct change_group *group = &out->groups[out->group_count++];

	group->num = num;
	group->base = random_base(random);
	group->evidence = wire_below(random, 2) ? out->evidence : random_evidence(random);
}

static void random_groups(struct wire_random *random, struct change *out)
{
	const uint64_t mark = wire_below(random, 6);

	out->deletes = mark == 0;
	out->restores = mark == 1;
	if (mark < 2)
		random_group(random, SCHEMA_GROUP_DELETED, out);
	for (size_t g = 0; g < out->kind->group_count; g++)
		if (wire_below(random, 3) == 0)
			random_group(random, out->kind->groups[g].num, out);
	if (out->group_count == 0)
		random_group(random, out->kind->groups[0].num, out);
}

static void random_row(struct wire_random *random, const struct kind *kind, uint64_t mask, struct arena *arena,
		       struct row *row)
{
	for (size_t f = 0; f < kind->field_count; f++)
		if ((mask >> f & 1) && wire_below(random, 3))
			row->values[f] = wire_value(random, &kind->fields[f], arena);
}

void wire_change(struct wire_random *random, const struct schema *schema, struct arena *arena, struct change *out)
{
	memset(out, 0, sizeof *out);
	out->kind = &schema->kinds[wire_below(random, schema->kind_count)];
	wire_bytes(random, out->id.bytes, ID_SIZE);
	out->evidence = random_evidence(random);
	out->create = wire_below(random, 2);
	if (out->create) {
		wire_bytes(random, out->patient.bytes, ID_SIZE);
		if (out->kind->is_patient)
			out->patient = out->id;
		if (out->kind->is_staff)
			out->patient = ID_STAFF;
		out->deletes = wire_below(random, 8) == 0;
	} else {
		random_groups(random, out);
	}
	out->mask = change_mask(out);
	random_row(random, out->kind, out->mask, arena, &out->row);
}

static bool evidence_equal(const struct evidence *a, const struct evidence *b)
{
	return a->heard_ms == b->heard_ms && a->elapsed_ms == b->elapsed_ms && a->slack_ms == b->slack_ms &&
	       a->steadiness == b->steadiness && a->offset_ms == b->offset_ms && a->reading == b->reading &&
	       a->boot == b->boot && a->boot_ms == b->boot_ms;
}

static bool group_equal(const struct change_group *a, const struct change_group *b)
{
	return a->num == b->num && a->base.tag == b->base.tag && a->base.seq == b->base.seq && a->base.n == b->base.n &&
	       a->base.origin == b->base.origin &&
	       memcmp(a->base.digest, b->base.digest, sizeof a->base.digest) == 0 &&
	       evidence_equal(&a->evidence, &b->evidence);
}

bool wire_change_equal(const struct change *a, const struct change *b)
{
	if (a->kind != b->kind || !id_equal(&a->id, &b->id) || !id_equal(&a->patient, &b->patient) ||
	    a->create != b->create || a->deletes != b->deletes || a->restores != b->restores ||
	    !evidence_equal(&a->evidence, &b->evidence) || a->group_count != b->group_count || a->mask != b->mask)
		return false;
	for (size_t i = 0; i < a->group_count; i++)
		if (!group_equal(&a->groups[i], &b->groups[i]))
			return false;
	return row_equal(&a->row, &b->row, (UINT64_C(1) << SCHEMA_FIELDS_MAX) - 1);
}

void wire_record(struct wire_random *random, const struct schema *schema, struct arena *arena,
		 struct answer_record *out)
{
	memset(out, 0, sizeof *out);
	out->kind = &schema->kinds[wire_below(random, schema->kind_count)];
	wire_bytes(random, out->id.bytes, ID_SIZE);
	out->seq = wire_next(random) >> 1;
	out->deleted = wire_below(random, 5) == 0;
	out->whole = wire_below(random, 2);
	if (out->whole)
		wire_bytes(random, out->patient.bytes, ID_SIZE);
	if (out->kind->is_patient)
		out->patient = out->id;
	if (out->kind->is_staff)
		out->patient = ID_STAFF;
	for (size_t g = 0; g < out->kind->group_count; g++)
		if (out->whole || wire_below(random, 2))
			out->mask |= out->kind->groups[g].mask;
	random_row(random, out->kind, out->mask, arena, &out->row);
}

size_t wire_field(const struct kind *kind, const char *name)
{
	int index = kind_field(kind, name, strlen(name));

	assert(index >= 0);
	return (size_t)index;
}

uint8_t wire_group_num(const struct kind *kind, const char *name)
{
	int index = kind_group(kind, name, strlen(name));

	assert(index >= 0);
	return kind->groups[index].num;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

size_t wire_unhex(const char *text, uint8_t *out, size_t room)
{
	size_t len = 0;
	int high = -1;

	for (; *text; text++) {
		int digit = hex_digit(*text);

		if (digit < 0)
			continue;
		if (high < 0) {
			high = digit;
			continue;
		}
		assert(len < room);
		out[len++] = (uint8_t)(high << 4 | digit);
		high = -1;
	}
	assert(high < 0);
	return len;
}
