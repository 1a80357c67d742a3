/* buf.h - a growing buffer of bytes with a ceiling that is set when it is made.
 *
 * It never grows past size_max: growing further is remembered as ST_LIMIT, no
 * memory as ST_NOMEM, and every later append is ignored, so that a writer checks
 * once, at the end (buf_status). Store ring (it allocates).
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

struct buf {
	uint8_t *data; /* NULL while empty */
	size_t len, room, size_max;
	enum status status;
};

void buf_init(struct buf *buf, size_t size_max);
void buf_close(struct buf *buf); /* frees; safe on a zeroed or closed one */
void buf_reset(struct buf *buf); /* empties, keeps the memory, clears the status */

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_byte(struct buf *buf, uint8_t byte);
void buf_add_str(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* JSON string with its quotes; input is any bytes that are valid UTF-8. */
void buf_add_json(struct buf *buf, const char *text, size_t len);
/* The failure as people's programs read it: {"what":…,"safe":…,"next":…} and a line end. */
void buf_add_failure(struct buf *buf, const struct failure *failure);
/* SQL string literal with its quotes / identifier with its double quotes. */
void buf_add_sql(struct buf *buf, const char *text);
void buf_add_sql_name(struct buf *buf, const char *name);

enum status buf_status(const struct buf *buf) MUST_CHECK;

/* NUL-terminated view of the content; valid until the next append. "" on failure. */
const char *buf_str(struct buf *buf);

/* Room for len more bytes at the end, then buf_grew(len written). NULL on failure. */
uint8_t *buf_reserve(struct buf *buf, size_t len);
void buf_grew(struct buf *buf, size_t len);

#endif
