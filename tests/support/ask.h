/* ask.h - one question of a tablet's database in plain SQL, as a test puts it. */
#ifndef TESTS_SUPPORT_ASK_H
#define TESTS_SUPPORT_ASK_H

#include <stdarg.h>

#include <sqlite3.h>

#include "common/buf.h"

/* What sqlite3_vmprintf makes of the format, in memory of SQLite's: free it with sqlite3_free. */
char *ask_text(const char *format, va_list args);

/* Run it: SQLite's result code. The first column of the first row is appended to *out where that holds nothing yet;
 * nothing for a null or no row. */
int ask_first(sqlite3 *handle, const char *sql, struct buf *out);

#endif
