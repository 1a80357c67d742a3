#include "proto/scan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/value.h"
#include "proto/limits.h"

/* A container that is not at its end yet. In a map, items count keys and values. */
struct level {
	uint64_t left;
	uint64_t key_last;
	bool is_map, key_seen;
};

struct scan {
	const uint8_t *at, *end;
	size_t item_count, depth;
	struct level levels[LIMIT_DEPTH_MAX];
};

/* What the first byte of an object says. */
enum shape { SHAPE_INT, SHAPE_PLAIN, SHAPE_TEXT, SHAPE_BIN, SHAPE_ARRAY, SHAPE_MAP, SHAPE_REFUSED };

struct head {
	enum shape shape;
	bool negative;   /* SHAPE_INT */
	uint64_t number; /* SHAPE_INT: its value; else a length or a count */
};

static uint64_t big_endian(const uint8_t *at, size_t width)
{
	uint64_t number = 0;

	assert(width <= 8);
	for (size_t i = 0; i < width; i++)
		number = number << 8 | at[i];
	return number;
}

/* Reads `width` bytes as the object's number. */
static bool take_number(struct scan *s, size_t width, struct head *head)
{
	if (width > (size_t)(s->end - s->at))
		return false;
	head->number = big_endian(s->at, width);
	if (head->negative)
		head->negative = (s->at[0] & 0x80) != 0;
	s->at += width;
	return true;
}

/* 0xc0 to 0xdf: the shape, the width of the number that follows, and whether it is signed. */
struct wide {
	enum shape shape;
	uint8_t width;
	bool is_signed;
};

static const struct wide wides[32] = {
	{ SHAPE_PLAIN, 0, false },   { SHAPE_REFUSED, 0, false }, /* nil, 0xc1 */
	{ SHAPE_PLAIN, 0, false },   { SHAPE_PLAIN, 0, false },   /* false, true */
	{ SHAPE_BIN, 1, false },     { SHAPE_BIN, 2, false },     /* bin */
	{ SHAPE_BIN, 4, false },     { SHAPE_REFUSED, 0, false },
	{ SHAPE_REFUSED, 0, false }, { SHAPE_REFUSED, 0, false }, /* ext */
	{ SHAPE_REFUSED, 0, false }, { SHAPE_REFUSED, 0, false }, /* float */
	{ SHAPE_INT, 1, false },     { SHAPE_INT, 2, false },     /* uint */
	{ SHAPE_INT, 4, false },     { SHAPE_INT, 8, false },
	{ SHAPE_INT, 1, true },      { SHAPE_INT, 2, true }, /* int */
	{ SHAPE_INT, 4, true },      { SHAPE_INT, 8, true },
	{ SHAPE_REFUSED, 0, false }, { SHAPE_REFUSED, 0, false }, /* fixext */
	{ SHAPE_REFUSED, 0, false }, { SHAPE_REFUSED, 0, false },
	{ SHAPE_REFUSED, 0, false }, { SHAPE_TEXT, 1, false },    /* str */
	{ SHAPE_TEXT, 2, false },    { SHAPE_TEXT, 4, false },
	{ SHAPE_ARRAY, 2, false },   { SHAPE_ARRAY, 4, false }, /* array, map */
	{ SHAPE_MAP, 2, false },     { SHAPE_MAP, 4, false },
};

static bool take_head(struct scan *s, struct head *head)
{
	uint8_t first;

	if (s->at == s->end)
		return false;
	first = *s->at++;
	*head = (struct head){ .shape = SHAPE_INT, .number = first };
	if (first <= 0x7f)
		return true;
	if (first >= 0xe0) {
		head->negative = true;
		return true;
	}
	if (first <= 0x8f) {
		*head = (struct head){ .shape = SHAPE_MAP, .number = first & 0x0f };
		return true;
	}
	if (first <= 0x9f) {
		*head = (struct head){ .shape = SHAPE_ARRAY, .number = first & 0x0f };
		return true;
	}
	if (first <= 0xbf) {
		*head = (struct head){ .shape = SHAPE_TEXT, .number = first & 0x1f };
		return true;
	}
	head->shape = wides[first - 0xc0].shape;
	head->negative = wides[first - 0xc0].is_signed;
	return head->shape != SHAPE_REFUSED && take_number(s, wides[first - 0xc0].width, head);
}

static bool take_bytes(struct scan *s, const struct head *head)
{
	if (head->number > (uint64_t)(s->end - s->at))
		return false;
	if (head->shape == SHAPE_TEXT && !utf8_valid((const char *)s->at, (size_t)head->number))
		return false;
	s->at += head->number;
	return true;
}

static enum status enter(struct scan *s, const struct head *head)
{
	uint64_t room = (uint64_t)(s->end - s->at);
	bool is_map = head->shape == SHAPE_MAP;

	if (head->number > (is_map ? room / 2 : room))
		return ST_PROTOCOL;
	if (s->depth == LIMIT_DEPTH_MAX)
		return ST_LIMIT;
	s->levels[s->depth++] = (struct level){
		.left = is_map ? 2 * head->number : head->number,
		.is_map = is_map,
	};
	return ST_OK;
}

/* Is the object one that may stand here? A map's keys ascend. */
static bool key_fits(struct level *level, const struct head *head)
{
	if (!level->is_map || level->left % 2 != 0)
		return true;
	if (head->shape != SHAPE_INT || head->negative)
		return false;
	if (level->key_seen && head->number <= level->key_last)
		return false;
	level->key_last = head->number;
	level->key_seen = true;
	return true;
}

static enum status take_object(struct scan *s)
{
	struct head head;

	if (!take_head(s, &head))
		return ST_PROTOCOL;
	if (++s->item_count > LIMIT_ITEMS_MAX)
		return ST_LIMIT;
	if (s->depth > 0) {
		struct level *level = &s->levels[s->depth - 1];

		assert(level->left > 0);
		if (!key_fits(level, &head))
			return ST_PROTOCOL;
		level->left--;
	}
	switch (head.shape) {
	case SHAPE_INT:
	case SHAPE_PLAIN:
		return ST_OK;
	case SHAPE_TEXT:
	case SHAPE_BIN:
		return take_bytes(s, &head) ? ST_OK : ST_PROTOCOL;
	case SHAPE_ARRAY:
	case SHAPE_MAP:
		return enter(s, &head);
	case SHAPE_REFUSED:
		break;
	}
	return ST_PROTOCOL;
}

/* One object with all that is in it; s->at then stands behind it. */
static enum status scan_run(struct scan *s)
{
	enum status st;

	do {
		st = take_object(s);
		while (s->depth > 0 && s->levels[s->depth - 1].left == 0)
			s->depth--;
	} while (st == ST_OK && s->depth > 0);
	return st;
}

static void scan_init(struct scan *s, const void *bytes, size_t len)
{
	assert(bytes || len == 0);
	memset(s, 0, sizeof *s);
	s->at = bytes;
	s->end = len > 0 ? s->at + len : s->at;
}

enum status scan_frame(const void *bytes, size_t len)
{
	struct scan s;
	enum status st;

	scan_init(&s, bytes, len);
	st = scan_run(&s);
	if (st == ST_OK && s.at != s.end)
		st = ST_PROTOCOL;
	assert(st != ST_OK || s.depth == 0);
	return st;
}

size_t scan_object(const void *bytes, size_t len)
{
	struct scan s;

	scan_init(&s, bytes, len);
	if (scan_run(&s) != ST_OK)
		return 0;
	assert(s.at > (const uint8_t *)bytes);
	return (size_t)(s.at - (const uint8_t *)bytes);
}
