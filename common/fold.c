#include "common/fold.h"

#include <stdint.h>
#include <string.h>

/* The base letters of U+00C0 to U+017F; '.' = only its case is folded. */
static const char base[] = "aaaaaa.ceeeeiiii.nooooo.ouuuuy..aaaaaa.ceeeeiiii.nooooo.ouuuuy.y"
			   "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii..jjkkk"
			   "llllllllllnnnnnnnnnoooooo..rrrrrrsssssssstttttt"
			   "uuuuuuuuuuuuwwyyyzzzzzzs";

/* One character; its length in bytes, 0 where it is none of two bytes' form. */
static uint32_t two_bytes(const unsigned char *at, size_t left)
{
	if (left < 2 || at[0] < 0xC2 || at[0] > 0xDF || (at[1] & 0xC0) != 0x80)
		return 0;
	return (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F);
}

static char lower_ascii(char c)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	if (c < 'A' || c > 'Z')
		return c;
	return letters[c - 'A'];
}

static uint32_t lower(uint32_t c)
{
	if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
		return c + 0x20;
	if (c >= 0x400 && c <= 0x40F)
		return c + 0x50;
	if (c == 0x132 || c == 0x152)
		return c + 1;
	return c;
}

size_t fold_text(const char *text, size_t len, char *out)
{
	size_t at = 0, to = 0;

	while (at < len) {
		const uint32_t c = two_bytes((const unsigned char *)text + at, len - at);

		if (c == 0) {
			out[to++] = lower_ascii(text[at++]);
			continue;
		}
		at += 2;
		if (c >= 0x300 && c <= 0x36F)
			continue;
		if (c >= 0xC0 && c <= 0x17F && base[c - 0xC0] != '.') {
			out[to++] = base[c - 0xC0];
			continue;
		}
		out[to++] = (char)(0xC0 | lower(c) >> 6);
		out[to++] = (char)(0x80 | (lower(c) & 0x3F));
	}
	return to;
}

bool fold_contains(const char *text, size_t len, const char *words, size_t words_len)
{
	for (size_t at = 0; words_len <= len && at <= len - words_len; at++)
		if (memcmp(text + at, words, words_len) == 0)
			return true;
	return false;
}
