#include "proto/splice.h"

#include <string.h>

#include "common/crypt.h"

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xC0) == 0x80;
}

void splice_ends(const struct bytes *base, const char *text, size_t len, size_t *prefix_out, size_t *suffix_out)
{
	const char *from = base->data;
	const size_t both = base->len < len ? base->len : len;
	size_t prefix = 0, suffix = 0;

	while (prefix < both && from[prefix] == text[prefix])
		prefix++;
	while (prefix > 0 && ((prefix < len && is_continuation(text[prefix])) ||
			      (prefix < base->len && is_continuation(from[prefix]))))
		prefix--;
	while (suffix < both - prefix && from[base->len - 1 - suffix] == text[len - 1 - suffix])
		suffix++;
	while (suffix > 0 && is_continuation(text[len - suffix]))
		suffix--;
	*prefix_out = prefix;
	*suffix_out = suffix;
}

void splice_check(uint8_t out[SPLICE_CHECK_SIZE], const void *text, size_t len)
{
	const struct part part = { text, len };
	struct digest digest;

	digest_of(&digest, "text", &part, 1);
	memcpy(out, digest.bytes, SPLICE_CHECK_SIZE);
}
