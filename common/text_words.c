#include "common/text_words.h"

#include <assert.h>
#include <string.h>

enum char_class { CHAR_WORD, CHAR_BLANK, CHAR_LINE, CHAR_MARK, CHAR_EXTEND, CHAR_CJK, CHAR_EMOJI, CHAR_FLAG };

struct char_range {
	uint32_t from, to;
	enum char_class class;
};

#define JOINER 0x200D
#define CLOSERS_MAX 8 /* marks looked over for the next word */

/* Unicode 14.0 above ASCII, in order. What is in no range is a letter, a digit or a mark that combines with letters;
 * rare scripts' punctuation is left to that too. */
static const struct char_range RANGES[] = {
	{ 0x80, 0x84, CHAR_MARK }, { 0x85, 0x85, CHAR_BLANK }, { 0x86, 0x9F, CHAR_MARK }, { 0xA0, 0xA0, CHAR_BLANK },
	{ 0xA1, 0xA8, CHAR_MARK }, { 0xA9, 0xA9, CHAR_EMOJI }, { 0xAB, 0xAC, CHAR_MARK }, { 0xAD, 0xAD, CHAR_EXTEND },
	{ 0xAE, 0xAE, CHAR_EMOJI }, { 0xAF, 0xB1, CHAR_MARK }, { 0xB4, 0xB4, CHAR_MARK }, { 0xB6, 0xB8, CHAR_MARK },
	{ 0xBB, 0xBB, CHAR_MARK }, { 0xBF, 0xBF, CHAR_MARK }, { 0xD7, 0xD7, CHAR_MARK }, { 0xF7, 0xF7, CHAR_MARK },
	{ 0x2C2, 0x2C5, CHAR_MARK }, { 0x2D2, 0x2DF, CHAR_MARK }, { 0x2E5, 0x2EB, CHAR_MARK }, { 0x2EF, 0x2FF, CHAR_MARK },
	{ 0x300, 0x36F, CHAR_EXTEND }, { 0x375, 0x375, CHAR_MARK }, { 0x37E, 0x37E, CHAR_MARK }, { 0x384, 0x385, CHAR_MARK },
	{ 0x387, 0x387, CHAR_MARK }, { 0x3F6, 0x3F6, CHAR_MARK }, { 0x482, 0x482, CHAR_MARK }, { 0x55A, 0x55F, CHAR_MARK },
	{ 0x589, 0x58F, CHAR_MARK }, { 0x5BE, 0x5BE, CHAR_MARK }, { 0x5C0, 0x5C0, CHAR_MARK }, { 0x5C3, 0x5C3, CHAR_MARK },
	{ 0x5C6, 0x5C6, CHAR_MARK }, { 0x5F3, 0x5F4, CHAR_MARK }, { 0x600, 0x605, CHAR_EXTEND }, { 0x606, 0x60F, CHAR_MARK },
	{ 0x61B, 0x61B, CHAR_MARK }, { 0x61C, 0x61C, CHAR_EXTEND }, { 0x61D, 0x61F, CHAR_MARK }, { 0x66A, 0x66D, CHAR_MARK },
	{ 0x6D4, 0x6D4, CHAR_MARK }, { 0x6DE, 0x6DE, CHAR_MARK }, { 0x6E9, 0x6E9, CHAR_MARK }, { 0x6FD, 0x6FE, CHAR_MARK },
	{ 0x700, 0x70D, CHAR_MARK }, { 0x964, 0x965, CHAR_MARK }, { 0x970, 0x970, CHAR_MARK }, { 0x9F2, 0x9F3, CHAR_MARK },
	{ 0xDF4, 0xDF4, CHAR_MARK }, { 0xE3F, 0xE3F, CHAR_MARK }, { 0xE4F, 0xE4F, CHAR_MARK }, { 0xE5A, 0xE5B, CHAR_MARK },
	{ 0xF01, 0xF17, CHAR_MARK }, { 0xF3A, 0xF3D, CHAR_MARK }, { 0x104A, 0x104F, CHAR_MARK }, { 0x10FB, 0x10FB, CHAR_MARK },
	{ 0x1360, 0x1368, CHAR_MARK }, { 0x1400, 0x1400, CHAR_MARK }, { 0x166D, 0x166E, CHAR_MARK }, { 0x1680, 0x1680, CHAR_BLANK },
	{ 0x17D4, 0x17D6, CHAR_MARK }, { 0x17D8, 0x17DB, CHAR_MARK }, { 0x1800, 0x180A, CHAR_MARK }, { 0x180E, 0x180E, CHAR_EXTEND },
	{ 0x1AB0, 0x1ACE, CHAR_EXTEND }, { 0x1DC0, 0x1DFF, CHAR_EXTEND }, { 0x1FBD, 0x1FBD, CHAR_MARK }, { 0x1FBF, 0x1FC1, CHAR_MARK },
	{ 0x2000, 0x200A, CHAR_BLANK }, { 0x200B, 0x200F, CHAR_EXTEND }, { 0x2010, 0x2027, CHAR_MARK }, { 0x2028, 0x2029, CHAR_BLANK },
	{ 0x202A, 0x202E, CHAR_EXTEND }, { 0x202F, 0x202F, CHAR_BLANK }, { 0x2030, 0x203B, CHAR_MARK }, { 0x203C, 0x203C, CHAR_EMOJI },
	{ 0x203D, 0x2048, CHAR_MARK }, { 0x2049, 0x2049, CHAR_EMOJI }, { 0x204A, 0x205E, CHAR_MARK }, { 0x205F, 0x205F, CHAR_BLANK },
	{ 0x2060, 0x206F, CHAR_EXTEND }, { 0x207A, 0x207E, CHAR_MARK }, { 0x208A, 0x208E, CHAR_MARK }, { 0x20A0, 0x20C0, CHAR_MARK },
	{ 0x20D0, 0x20F0, CHAR_EXTEND }, { 0x2100, 0x2101, CHAR_MARK }, { 0x2103, 0x2106, CHAR_MARK }, { 0x2108, 0x2109, CHAR_MARK },
	{ 0x2114, 0x2114, CHAR_MARK }, { 0x2116, 0x2118, CHAR_MARK }, { 0x211E, 0x2121, CHAR_MARK }, { 0x2122, 0x2122, CHAR_EMOJI },
	{ 0x2123, 0x2123, CHAR_MARK }, { 0x2139, 0x2139, CHAR_EMOJI }, { 0x2140, 0x2144, CHAR_MARK }, { 0x218A, 0x22FF, CHAR_MARK },
	{ 0x2300, 0x23FF, CHAR_EMOJI }, { 0x2400, 0x244A, CHAR_MARK }, { 0x249C, 0x24E9, CHAR_MARK }, { 0x2500, 0x25A9, CHAR_MARK },
	{ 0x25AA, 0x2775, CHAR_EMOJI }, { 0x2794, 0x27BF, CHAR_EMOJI }, { 0x27C0, 0x2AFF, CHAR_MARK }, { 0x2B00, 0x2BFF, CHAR_EMOJI },
	{ 0x2CE5, 0x2CEA, CHAR_MARK }, { 0x2CF9, 0x2CFF, CHAR_MARK }, { 0x2E00, 0x2E2E, CHAR_MARK }, { 0x2E30, 0x2E7F, CHAR_MARK },
	{ 0x2E80, 0x2FDF, CHAR_CJK }, { 0x2FF0, 0x2FFB, CHAR_MARK }, { 0x3000, 0x3000, CHAR_BLANK }, { 0x3001, 0x3004, CHAR_MARK },
	{ 0x3005, 0x3007, CHAR_CJK }, { 0x3008, 0x3020, CHAR_MARK }, { 0x3021, 0x3029, CHAR_CJK }, { 0x3030, 0x3030, CHAR_EMOJI },
	{ 0x3031, 0x3035, CHAR_CJK }, { 0x3036, 0x3037, CHAR_MARK }, { 0x3038, 0x303C, CHAR_CJK }, { 0x303D, 0x303D, CHAR_EMOJI },
	{ 0x303E, 0x303F, CHAR_MARK }, { 0x3041, 0x3096, CHAR_CJK }, { 0x3099, 0x309A, CHAR_EXTEND }, { 0x309B, 0x309C, CHAR_MARK },
	{ 0x309D, 0x309F, CHAR_CJK }, { 0x30A0, 0x30A0, CHAR_MARK }, { 0x30A1, 0x30FA, CHAR_CJK }, { 0x30FB, 0x30FB, CHAR_MARK },
	{ 0x30FC, 0x312F, CHAR_CJK }, { 0x3190, 0x31FF, CHAR_CJK }, { 0x3200, 0x321E, CHAR_MARK }, { 0x322A, 0x3247, CHAR_MARK },
	{ 0x3260, 0x327F, CHAR_MARK }, { 0x328A, 0x32B0, CHAR_EMOJI }, { 0x32C0, 0x33FF, CHAR_MARK }, { 0x3400, 0x4DBF, CHAR_CJK },
	{ 0x4DC0, 0x4DFF, CHAR_MARK }, { 0x4E00, 0x9FFF, CHAR_CJK }, { 0xF900, 0xFAFF, CHAR_CJK }, { 0xFD3E, 0xFD4F, CHAR_MARK },
	{ 0xFDFC, 0xFDFF, CHAR_MARK }, { 0xFE00, 0xFE0F, CHAR_EXTEND }, { 0xFE10, 0xFE19, CHAR_MARK }, { 0xFE20, 0xFE2F, CHAR_EXTEND },
	{ 0xFE30, 0xFE6B, CHAR_MARK }, { 0xFEFF, 0xFEFF, CHAR_EXTEND }, { 0xFF01, 0xFF0F, CHAR_MARK }, { 0xFF1A, 0xFF20, CHAR_MARK },
	{ 0xFF3B, 0xFF40, CHAR_MARK }, { 0xFF5B, 0xFF65, CHAR_MARK }, { 0xFF66, 0xFF9F, CHAR_CJK }, { 0xFFE0, 0xFFEE, CHAR_MARK },
	{ 0xFFF9, 0xFFFB, CHAR_EXTEND }, { 0xFFFC, 0xFFFD, CHAR_MARK }, { 0x1B000, 0x1B16F, CHAR_CJK }, { 0x1D000, 0x1D245, CHAR_MARK },
	{ 0x1F000, 0x1F0F5, CHAR_EMOJI }, { 0x1F10D, 0x1F1E5, CHAR_EMOJI }, { 0x1F1E6, 0x1F1FF, CHAR_FLAG }, { 0x1F200, 0x1F3FA, CHAR_EMOJI },
	{ 0x1F3FB, 0x1F3FF, CHAR_EXTEND }, { 0x1F400, 0x1FBCA, CHAR_EMOJI }, { 0x20000, 0x3FFFD, CHAR_CJK }, { 0xE0001, 0xE01EF, CHAR_EXTEND },
};

#define RANGE_COUNT (sizeof RANGES / sizeof RANGES[0])

/* --- characters ------------------------------------------------------------------------------ */

uint32_t text_words_char(const char *text, size_t *len_out)
{
	const unsigned char *at = (const unsigned char *)text;
	const uint32_t first = at[0];

	if (first < 0x80) {
		*len_out = 1;
		return first;
	}
	if (first < 0xE0) {
		*len_out = 2;
		return (first & 0x1F) << 6 | (at[1] & 0x3Fu);
	}
	if (first < 0xF0) {
		*len_out = 3;
		return (first & 0x0F) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
	}
	*len_out = 4;
	return (first & 0x07) << 18 | (at[1] & 0x3Fu) << 12 | (at[2] & 0x3Fu) << 6 | (at[3] & 0x3Fu);
}

static enum char_class class_of_ascii(uint32_t c)
{
	if (c == '\n')
		return CHAR_LINE;
	if (c == ' ' || (c >= '\t' && c <= '\r'))
		return CHAR_BLANK;
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return CHAR_WORD;
	return CHAR_MARK;
}

static enum char_class class_of(uint32_t c)
{
	size_t low = 0, high = RANGE_COUNT;

	if (c < 0x80)
		return class_of_ascii(c);
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (RANGES[middle].to < c)
			low = middle + 1;
		else
			high = middle;
	}
	return low < RANGE_COUNT && RANGES[low].from <= c ? RANGES[low].class : CHAR_WORD;
}

/* Latin, Greek, Cyrillic and Armenian, whose capitals and small letters mostly alternate outside the oldest blocks. */
static bool is_lower(uint32_t c)
{
	if (c < 0x80)
		return c >= 'a' && c <= 'z';
	if (c < 0x100)
		return c >= 0xDF && c != 0xF7;
	if (c < 0x180)
		return (c >= 0x139 && c <= 0x148) || c >= 0x179 ? c % 2 == 0 || c == 0x17F : c % 2 == 1 || c == 0x138;
	if (c >= 0x3AC && c <= 0x3CE)
		return true;
	if (c >= 0x430 && c <= 0x45F)
		return true;
	if ((c >= 0x460 && c <= 0x52F) || (c >= 0x1E00 && c <= 0x1EFF))
		return c % 2 == 1;
	return c >= 0x560 && c <= 0x588;
}

/* --- cutting --------------------------------------------------------------------------------- */

/* Where the text is being cut. */
struct cutter {
	const char *text;
	size_t len, at;
};

/* The class of the character here, and its length; CHAR_LINE with length 0 at the end. */
static enum char_class peek(const struct cutter *cutter, uint32_t *c_out, size_t *len_out)
{
	*c_out = 0;
	*len_out = 0;
	if (cutter->at == cutter->len)
		return CHAR_LINE;
	*c_out = text_words_char(cutter->text + cutter->at, len_out);
	assert(*len_out <= cutter->len - cutter->at);
	return class_of(*c_out);
}

/* What combines with the character before; returns the last of it, 0 for none. */
static uint32_t skip_extends(struct cutter *cutter)
{
	uint32_t last = 0, c;
	size_t len;

	while (peek(cutter, &c, &len) == CHAR_EXTEND) {
		last = c;
		cutter->at += len;
	}
	return last;
}

static bool joins(uint32_t c)
{
	return c == 0x2019 || (c != 0 && c < 0x80 && strchr(".,:/-'_+%", (int)c) != NULL);
}

static void skip_word(struct cutter *cutter)
{
	for (;;) {
		struct cutter after = *cutter;
		uint32_t c;
		size_t len;
		enum char_class class = peek(cutter, &c, &len);

		if (class != CHAR_WORD && class != CHAR_EXTEND) {
			if (!joins(c))
				return;
			after.at += len;
			class = peek(&after, &c, &len);
			if (class != CHAR_WORD)
				return;
			cutter->at = after.at;
		}
		cutter->at += len;
	}
}

/* An emoji with its modifiers and all that is joined to it. */
static void skip_emoji(struct cutter *cutter)
{
	uint32_t c;
	size_t len;

	while (skip_extends(cutter) == JOINER && peek(cutter, &c, &len) == CHAR_EMOJI)
		cutter->at += len;
}

/* One token; it is at least one character. */
static enum text_kind skip_token(struct cutter *cutter)
{
	uint32_t c;
	size_t len;
	const enum char_class class = peek(cutter, &c, &len);

	assert(len > 0 && class != CHAR_BLANK);
	cutter->at += len;
	switch (class) {
	case CHAR_WORD:
		skip_word(cutter);
		return TEXT_WORD;
	case CHAR_LINE:
		return TEXT_LINE;
	case CHAR_CJK:
		(void)skip_extends(cutter);
		return TEXT_CJK;
	case CHAR_EMOJI:
		skip_emoji(cutter);
		return TEXT_EMOJI;
	case CHAR_FLAG:
		if (peek(cutter, &c, &len) == CHAR_FLAG)
			cutter->at += len;
		(void)skip_extends(cutter);
		return TEXT_EMOJI;
	case CHAR_BLANK:
	case CHAR_MARK:
	case CHAR_EXTEND:
		(void)skip_extends(cutter);
		return TEXT_MARK;
	}
	return TEXT_MARK;
}

static void skip_blanks(struct cutter *cutter)
{
	uint32_t c;
	size_t len;

	while (peek(cutter, &c, &len) == CHAR_BLANK)
		cutter->at += len;
}

/* --- sentences ------------------------------------------------------------------------------- */

static const char *token(const struct text_units *units, uint32_t index)
{
	return units->text.at + units->units[index].at;
}

static bool blank_after(const struct text_units *units, uint32_t index)
{
	const struct text_unit *unit = &units->units[index];

	return unit->at + unit->len < unit[1].at;
}

/* The character of a mark that is one character alone, else 0. */
static uint32_t mark_char(const struct text_units *units, uint32_t index)
{
	const struct text_unit *unit = &units->units[index];
	size_t len;
	uint32_t c;

	if (unit->kind != TEXT_MARK)
		return 0;
	c = text_words_char(token(units, index), &len);
	return len == unit->len ? c : 0;
}

static bool stops(uint32_t c)
{
	return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x61F || c == 0x6D4 || c == 0x964;
}

static bool stops_always(uint32_t c)
{
	return c == 0x3002 || c == 0xFF01 || c == 0xFF1F;
}

static bool closes(uint32_t c)
{
	static const uint32_t CLOSERS[] = { '"', '\'', ')', ']', '}', 0xBB, 0x2019, 0x201D, 0x203A, 0x300D, 0x300F, 0x3011, 0xFF09 };

	for (size_t i = 0; i < sizeof CLOSERS / sizeof CLOSERS[0]; i++)
		if (CLOSERS[i] == c)
			return true;
	return false;
}

static bool token_is(const struct text_units *units, uint32_t index, const char *word)
{
	const size_t len = strlen(word);
	const char *at = token(units, index);

	if (units->units[index].len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((at[i] >= 'A' && at[i] <= 'Z' ? at[i] + 32 : at[i]) != word[i])
			return false;
	return true;
}

/* Letters with a full stop between each two, as b.i.d has; or one letter. */
static bool is_initials(const struct text_units *units, uint32_t index)
{
	const char *at = token(units, index);
	const size_t token_len = units->units[index].len;
	size_t done = 0;

	while (done < token_len) {
		size_t len;
		const uint32_t c = text_words_char(at + done, &len);

		if (c >= '0' && c <= '9')
			return false;
		done += len;
		if (done < token_len && at[done++] != '.')
			return false;
	}
	return true;
}

/* Does the full stop at index belong to an abbreviation? */
static bool is_abbreviation(const struct text_units *units, uint32_t index)
{
	static const char *const WORDS[] = { "dr", "dra", "mr", "mrs", "ms", "sr", "sra", "srta", "prof", "st", "vs", "approx", "etc" };
	const struct text_unit *next = &units->units[index + 1];

	if (index == 0 || units->units[index - 1].kind != TEXT_WORD || blank_after(units, index - 1))
		return false;
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (token_is(units, index - 1, WORDS[i]))
			return true;
	if (token_is(units, index - 1, "no") && index + 1 < units->count && next->kind == TEXT_WORD)
		return token(units, index + 1)[0] >= '0' && token(units, index + 1)[0] <= '9';
	return is_initials(units, index - 1);
}

/* Does the next word from here begin with a small letter? */
static bool goes_on(const struct text_units *units, uint32_t from)
{
	for (uint32_t i = from; i < units->count && i - from < CLOSERS_MAX; i++) {
		size_t len;

		if (units->units[i].kind == TEXT_MARK)
			continue;
		return units->units[i].kind == TEXT_WORD && is_lower(text_words_char(token(units, i), &len));
	}
	return false;
}

/* A run of stops and what closes behind them begins at first: mark it, and return its last. */
static uint32_t mark_run(struct text_units *units, uint32_t first)
{
	bool always = stops_always(mark_char(units, first));
	uint32_t last = first;
	bool alone = mark_char(units, first) == '.';

	while (last + 1 < units->count && !blank_after(units, last)) {
		const uint32_t c = mark_char(units, last + 1);

		if (!stops(c) && !stops_always(c) && !closes(c))
			break;
		always = always || stops_always(c);
		alone = alone && closes(c);
		last++;
	}
	units->units[last].stop = true;
	if (always || (blank_after(units, last) && !goes_on(units, last + 1) && !(alone && is_abbreviation(units, first))))
		units->units[last].ends = true;
	return last;
}

static void mark_sentences(struct text_units *units)
{
	units->units[0].ends = true;
	for (uint32_t i = 1; i < units->count; i++) {
		const uint32_t c = mark_char(units, i);

		if (stops(c) || stops_always(c))
			i = mark_run(units, i);
	}
	for (uint32_t i = 1; i < units->count; i++)
		if (units->units[i].kind == TEXT_LINE || i + 1 == units->count || units->units[i + 1].kind == TEXT_LINE)
			units->units[i].ends = true;
}

/* --- for others ------------------------------------------------------------------------------ */

void text_words_cut(const struct text *text, struct text_unit *units, struct text_units *units_out)
{
	struct cutter cutter = { text->at, text->len, 0 };
	uint32_t count = 1;

	assert(text->len <= TEXT_MERGE_MAX);
	units[0] = (struct text_unit){ .kind = TEXT_START };
	skip_blanks(&cutter);
	while (cutter.at < cutter.len) {
		const size_t at = cutter.at;
		const enum text_kind kind = skip_token(&cutter);

		assert(count < TEXT_UNITS_MAX(text->len) - 1);
		units[count++] = (struct text_unit){ .at = (uint32_t)at, .len = (uint32_t)(cutter.at - at), .kind = (uint8_t)kind };
		skip_blanks(&cutter);
	}
	units[count] = (struct text_unit){ .at = (uint32_t)text->len, .kind = TEXT_LINE };
	*units_out = (struct text_units){ *text, units, count };
	mark_sentences(units_out);
}

static uint32_t token_hash(const char *at, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)at[i]) * 16777619u;
	return (hash ^ hash >> 15) * 0x2C1B3C6Du;
}

/* The unit with this number among the units of all texts, one text's behind the other's. */
static struct text token_numbered(const struct text_units *texts, uint32_t number)
{
	while (number >= texts->count) {
		number -= texts->count;
		texts++;
	}
	return (struct text){ token(texts, number), texts->units[number].len };
}

void text_words_number(struct text_units *texts, size_t text_count, uint32_t *slots, size_t slot_count,
		       uint64_t *steps_left)
{
	uint32_t number = 0;

	assert(slot_count > 0 && (slot_count & (slot_count - 1)) == 0);
	memset(slots, 0, slot_count * sizeof *slots);
	for (size_t t = 0; t < text_count; t++)
		for (uint32_t i = 0; i < texts[t].count; i++, number++) {
			struct text_unit *unit = &texts[t].units[i];
			size_t slot = token_hash(token(&texts[t], i), unit->len) & (slot_count - 1);

			assert(number + 1 < slot_count);
			unit->word = number;
			while (slots[slot] != 0 && *steps_left > 0) {
				const struct text there = token_numbered(texts, slots[slot] - 1);

				--*steps_left;
				if (there.len == unit->len && memcmp(there.at, token(&texts[t], i), unit->len) == 0) {
					unit->word = slots[slot] - 1;
					break;
				}
				slot = (slot + 1) & (slot_count - 1);
			}
			if (slots[slot] == 0)
				slots[slot] = number + 1;
		}
}

struct text text_words_blanks(const struct text_units *units, uint32_t index)
{
	const struct text_unit *unit = &units->units[index];

	assert(index < units->count);
	return (struct text){ units->text.at + unit->at + unit->len, unit[1].at - unit->at - unit->len };
}

bool text_words_joins(const struct text_units *units, uint32_t index)
{
	assert(index < units->count);
	return joins(mark_char(units, index));
}
