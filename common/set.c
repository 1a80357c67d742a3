/* set.c - sets as canonical text (value.h has the form). */
#include <assert.h>
#include <string.h>

#include "common/value.h"

/* A set that is being walked through, and the member it stands at. */
struct walk {
	const char *text;
	size_t len, at;
	const char *member;
	size_t member_len;
	bool more;
};

static bool hex_lower(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The length of the escape at the start of text, 0 if it is none that canonical
 * text has: a control with a short form is written with it. */
static size_t escape_len(const char *text, size_t len)
{
	assert(len > 0 && text[0] == '\\');
	if (len < 2)
		return 0;
	if (strchr("\"\\bfnrt", text[1]) != NULL && text[1] != '\0')
		return 2;
	if (len < 6 || text[1] != 'u' || text[2] != '0' || text[3] != '0')
		return 0;
	if ((text[4] != '0' && text[4] != '1') || !hex_lower(text[5]))
		return 0;
	if (text[4] == '0' && strchr("089acd", text[5]) != NULL)
		return 0;
	return 6;
}

/* The length up to the quote that ends the string whose content starts here. */
static bool content_len(const char *text, size_t len, size_t *content_len_out)
{
	size_t at = 0;

	while (at < len && text[at] != '"') {
		size_t step = 1;

		if ((unsigned char)text[at] < 0x20)
			return false;
		if (text[at] == '\\')
			step = escape_len(text + at, len - at);
		if (step == 0)
			return false;
		at += step;
	}
	*content_len_out = at;
	return at < len;
}

static int member_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

bool set_valid(const char *text, size_t len)
{
	const char *last = NULL;
	size_t last_len = 0, at = 1;

	if (len < 2 || text[0] != '[' || text[len - 1] != ']' || !utf8_valid(text, len))
		return false;
	for (;;) {
		size_t member_len;

		/* The bracket that ends it stands further on, or here. */
		assert(at < len);
		if (text[at] != '"' || !content_len(text + at + 1, len - at - 1, &member_len))
			return false;
		if (last != NULL && member_compare(last, last_len, text + at + 1, member_len) >= 0)
			return false;
		last = text + at + 1;
		last_len = member_len;
		at += member_len + 2;
		assert(at < len);
		if (text[at] == ']')
			return at == len - 1;
		if (text[at] != ',')
			return false;
		at++;
	}
}

bool set_next(const char *text, size_t len, size_t *at, const char **member_out,
	      size_t *member_len_out)
{
	size_t member_len = 0;

	/* Between members stands one comma, before the first one bracket. */
	if (len == 0 || *at + 1 >= len)
		return false;
	assert(text[*at] == '[' || text[*at] == ',');
	assert(text[*at + 1] == '"');
	if (!content_len(text + *at + 2, len - *at - 2, &member_len))
		return false;
	*member_out = text + *at + 2;
	*member_len_out = member_len;
	*at += member_len + 3;
	return true;
}

static void walk_step(struct walk *walk)
{
	walk->more = set_next(walk->text, walk->len, &walk->at, &walk->member, &walk->member_len);
}

static struct walk walk_start(const struct value *set)
{
	struct walk walk = { .text = "" };

	if (set->tag == VALUE_TEXT) {
		assert(set_valid(set->text, set->len));
		walk.text = set->text;
		walk.len = set->len;
	}
	assert(set->tag != VALUE_INT);
	walk_step(&walk);
	return walk;
}

/* The walk whose member comes first; NULL when all have ended. */
static const struct walk *walk_first(const struct walk *walks, size_t count)
{
	const struct walk *first = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct walk *walk = &walks[i];

		if (walk->more &&
		    (first == NULL || member_compare(walk->member, walk->member_len, first->member,
						     first->member_len) < 0))
			first = walk;
	}
	return first;
}

/* If the walk stands at this member, go on. */
static bool walk_take(struct walk *walk, const char *member, size_t len)
{
	if (!walk->more || member_compare(walk->member, walk->member_len, member, len) != 0)
		return false;
	walk_step(walk);
	return true;
}

/* NOLINTNEXTLINE(readability-function-size): as value.h declares it. */
enum status set_merge(const struct value *base, const struct value *current,
		      const struct value *proposed, char *out, size_t room, size_t *out_len)
{
	struct walk walks[3] = { walk_start(base), walk_start(current), walk_start(proposed) };
	const struct walk *first;
	size_t len = 0;

	while ((first = walk_first(walks, 3)) != NULL) {
		const char *member = first->member;
		size_t member_len = first->member_len;
		bool in_base = walk_take(&walks[0], member, member_len);
		bool in_current = walk_take(&walks[1], member, member_len);
		bool in_proposed = walk_take(&walks[2], member, member_len);

		if (in_base ? !(in_current && in_proposed) : !(in_current || in_proposed))
			continue;
		/* Bracket or comma, two quotes, and the bracket that ends it. */
		if (room < 4 || len > room - 4 || member_len > room - 4 - len)
			return ST_LIMIT;
		out[len] = len == 0 ? '[' : ',';
		out[len + 1] = '"';
		memcpy(out + len + 2, member, member_len);
		out[len + 2 + member_len] = '"';
		len += member_len + 3;
	}
	if (len > 0)
		out[len++] = ']';
	*out_len = len;
	return ST_OK;
}
