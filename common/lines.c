#include "common/lines.h"

#include <assert.h>
#include <string.h>

bool lines_to_fold(const char *text, size_t len)
{
	return len > 0 && memchr(text, '\r', len) != NULL;
}

size_t lines_fold(const char *text, size_t len, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < len; i++) {
		const bool end = text[i] == '\r';

		out[length++] = text[i];
		if (end)
			out[length - 1] = '\n';
		if (end && i + 1 < len && text[i + 1] == '\n')
			i++;
	}
	assert(length <= len);
	return length;
}
