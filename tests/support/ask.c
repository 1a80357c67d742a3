#include "tests/support/ask.h"

#include <assert.h>
#include <stddef.h>

char *ask_text(const char *format, va_list args)
{
	char *sql = sqlite3_vmprintf(format, args);

	assert(sql != NULL);
	return sql;
}

static int take_first(void *ctx, int count, char **values, char **names)
{
	struct buf *buf = ctx;

	(void)names;
	if (count > 0 && buf->len == 0 && values[0] != NULL)
		buf_add_str(buf, values[0]);
	return 0;
}

int ask_first(sqlite3 *handle, const char *sql, struct buf *out)
{
	return sqlite3_exec(handle, sql, take_first, out, NULL);
}
