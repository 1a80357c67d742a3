#include "daemon/group_meta.h"

#include <assert.h>
#include <string.h>

#define FLAG_DECIDED 1
#define FLAG_OUTDATED 2

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

const struct interval *group_meta_newest(const struct group_meta *meta)
{
	return meta->outdated ? &meta->later : &meta->at;
}

uint32_t group_meta_newest_device(const struct group_meta *meta)
{
	return meta->outdated ? meta->later_device : meta->device;
}

bool group_meta_note(struct group_meta *meta, const struct interval *at, uint32_t device)
{
	assert(meta->seq > 0);
	if (interval_compare(at, group_meta_newest(meta)) != ORDER_LATER)
		return false;
	meta->outdated = true;
	meta->later = *at;
	meta->later_device = device;
	return true;
}

static void put_number(struct buf *out, uint64_t number)
{
	while (number >= 0x80) {
		buf_add_byte(out, (uint8_t)(0x80 | (number & 0x7F)));
		number >>= 7;
	}
	buf_add_byte(out, (uint8_t)number);
}

/* The difference to - from, modulo 2^64, small where the two are near. */
static void put_step(struct buf *out, uint64_t from, uint64_t to)
{
	uint64_t step = to - from;

	put_number(out, (step << 1) ^ (0 - (step >> 63)));
}

static uint64_t get_number(struct reader *reader)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (reader->bad || reader->at == reader->end)
			break;
		byte = *reader->at++;
		/* The tenth byte holds the 64th bit alone; a last byte of 0 says nothing. */
		if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0))
			break;
		number |= (uint64_t)(byte & 0x7F) << shift;
		if ((byte & 0x80) == 0)
			return number;
	}
	reader->bad = true;
	return 0;
}

static uint64_t get_step(struct reader *reader, uint64_t from)
{
	uint64_t number = get_number(reader);

	return from + ((number >> 1) ^ (0 - (number & 1)));
}

static void put_entry(struct buf *out, uint8_t num, const struct group_meta *before, const struct group_meta *meta)
{
	assert(meta->seq > 0 && meta->seq <= INT64_MAX);
	assert(meta->at.lo_ms <= meta->at.hi_ms);
	put_number(out, num);
	put_step(out, before->seq, meta->seq);
	put_step(out, (uint64_t)before->at.lo_ms, (uint64_t)meta->at.lo_ms);
	put_number(out, (uint64_t)meta->at.hi_ms - (uint64_t)meta->at.lo_ms);
	put_number(out, meta->device);
	put_number(out, (meta->decided ? FLAG_DECIDED : 0) | (meta->outdated ? FLAG_OUTDATED : 0));
	if (!meta->outdated)
		return;
	assert(meta->at.hi_ms < meta->later.lo_ms && meta->later.lo_ms <= meta->later.hi_ms);
	put_number(out, (uint64_t)meta->later.lo_ms - (uint64_t)meta->at.hi_ms);
	put_number(out, (uint64_t)meta->later.hi_ms - (uint64_t)meta->later.lo_ms);
	put_number(out, meta->later_device);
}

void group_meta_encode(struct buf *out, const struct record *record)
{
	const struct kind *kind = record->kind;
	struct group_meta before = { 0 };
	unsigned count = record->deletion.seq != 0;

	for (size_t i = 0; i < kind->group_count; i++)
		count += record->groups[i].seq != 0;
	put_number(out, count);
	if (record->deletion.seq != 0) {
		put_entry(out, SCHEMA_GROUP_DELETED, &before, &record->deletion);
		before = record->deletion;
	}
	for (size_t i = 0; i < kind->group_count; i++) {
		if (record->groups[i].seq == 0)
			continue;
		put_entry(out, kind->groups[i].num, &before, &record->groups[i]);
		before = record->groups[i];
	}
}

static void get_later(struct reader *reader, struct group_meta *meta)
{
	const uint64_t gap = get_number(reader), width = get_number(reader), device = get_number(reader);
	const uint64_t room = (uint64_t)INT64_MAX - (uint64_t)meta->at.hi_ms;

	meta->outdated = true;
	meta->later.lo_ms = (int64_t)((uint64_t)meta->at.hi_ms + gap);
	meta->later.hi_ms = (int64_t)((uint64_t)meta->later.lo_ms + width);
	meta->later_device = (uint32_t)device;
	if (gap == 0 || gap > room || width > room - gap || device > UINT32_MAX)
		reader->bad = true;
}

static struct group_meta get_entry(struct reader *reader, const struct group_meta *before)
{
	struct group_meta meta = { 0 };
	uint64_t lo, width, device, flags;

	meta.seq = get_step(reader, before->seq);
	lo = get_step(reader, (uint64_t)before->at.lo_ms);
	width = get_number(reader);
	device = get_number(reader);
	flags = get_number(reader);
	meta.at.lo_ms = (int64_t)lo;
	meta.at.hi_ms = (int64_t)(lo + width);
	meta.device = (uint32_t)device;
	meta.decided = (flags & FLAG_DECIDED) != 0;
	if (meta.seq == 0 || meta.seq > INT64_MAX || width > (uint64_t)INT64_MAX - lo || device > UINT32_MAX ||
	    flags > (FLAG_DECIDED | FLAG_OUTDATED))
		reader->bad = true;
	if (!reader->bad && (flags & FLAG_OUTDATED))
		get_later(reader, &meta);
	return meta;
}

/* Where the entry of this number goes; NULL where the kind has no such group. */
static struct group_meta *entry_place(struct record *record, uint64_t num)
{
	int group;

	if (num == SCHEMA_GROUP_DELETED)
		return &record->deletion;
	group = num <= UINT8_MAX ? kind_group_num(record->kind, (unsigned)num) : -1;
	return group >= 0 ? &record->groups[group] : NULL;
}

static void groups_unset(struct record *record)
{
	record->deletion = (struct group_meta){ 0 };
	memset(record->groups, 0, sizeof record->groups);
}

enum status group_meta_decode(const void *bytes, size_t len, struct record *record_out)
{
	struct reader reader = { bytes, len > 0 ? (const uint8_t *)bytes + len : bytes, len == 0 };
	struct group_meta before = { 0 };
	uint64_t count = get_number(&reader), last = 0;

	groups_unset(record_out);
	/* Memory does not grow with the count, and each entry takes bytes that are there. */
	for (uint64_t i = 0; i < count && !reader.bad; i++) {
		uint64_t num = get_number(&reader);
		struct group_meta *place = entry_place(record_out, num);

		if (place == NULL || (i > 0 && num <= last)) {
			reader.bad = true;
			break;
		}
		last = num;
		before = get_entry(&reader, &before);
		*place = before;
	}
	if (!reader.bad && reader.at == reader.end)
		return ST_OK;
	groups_unset(record_out);
	return ST_CORRUPT;
}
