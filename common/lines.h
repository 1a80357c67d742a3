/* lines.h - line ends of text as people write them: LF alone. CR LF and a lone CR, as
 * other programs and files bring them, are folded when a value is written. Pure.
 */
#ifndef COMMON_LINES_H
#define COMMON_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* Is there a line end to fold? */
bool lines_to_fold(const char *text, size_t len);

/* Writes the folded text, which is never longer, into out (len bytes; may be text itself).
 * Returns its length. */
size_t lines_fold(const char *text, size_t len, char *out);

#endif
