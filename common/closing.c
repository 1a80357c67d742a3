#include "common/closing.h"

#include <assert.h>
#include <string.h>

static bool text_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

bool closing_is_closed(const struct kind *kind, const struct row *row)
{
	const struct value *value;

	if (kind->closing < 0)
		return false;
	value = &row->values[kind->closing];
	if (value->tag == VALUE_NULL)
		return false;
	return strcmp(kind->closes, "*") == 0 ||
	       (value->tag == VALUE_TEXT && values_contain(kind->closes, value->text, value->len));
}

/* The status of a closed record moves towards entered-in-error, and never away from it. */
static bool status_moves(const struct value *before, const struct value *after)
{
	if (text_is(before, CLOSING_ERROR))
		return false;
	return text_is(after, CLOSING_ERROR) || (text_is(before, CLOSING_SIGNED) && text_is(after, CLOSING_AMENDED));
}

bool closing_allows(const struct kind *kind, const struct row *before, const struct row *after, uint64_t mask)
{
	const int status = kind_field(kind, "status", 6), reason = kind_field(kind, "status_reason", 13);
	const bool moves = status >= 0 && status_moves(&before->values[status], &after->values[status]);

	assert(closing_is_closed(kind, before));
	mask &= kind->mask_stays;
	for (int i = 0; i < kind->field_count; i++) {
		if (!(mask >> i & 1) || value_equal(&before->values[i], &after->values[i]))
			continue;
		if (!moves || (i != status && (i != reason || !text_is(&after->values[status], CLOSING_ERROR))))
			return false;
	}
	return true;
}

uint64_t closing_signed_mask(const struct kind *note)
{
	static const char *const beside[] = { "status", "status_reason", "digest" };
	uint64_t mask = note->mask_all;

	for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
		const int index = kind_field(note, beside[i], strlen(beside[i]));

		assert(index >= 0);
		mask &= ~(UINT64_C(1) << index);
	}
	return mask;
}
