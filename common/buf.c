#include "common/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 128

void buf_init(struct buf *buf, size_t size_max)
{
	assert(size_max < SIZE_MAX / 2);
	*buf = (struct buf){ .size_max = size_max };
}

void buf_close(struct buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->data);
	*buf = (struct buf){ .size_max = buf->size_max };
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->status = ST_OK;
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
	size_t room;
	uint8_t *data;

	if (buf->status != ST_OK)
		return NULL;
	assert(buf->len <= buf->size_max);
	if (len > buf->size_max - buf->len) {
		buf->status = ST_LIMIT;
		return NULL;
	}
	/* One byte more than content, for the NUL of buf_str. */
	if (buf->data != NULL && len < buf->room - buf->len)
		return buf->data + buf->len;
	room = buf->room < ROOM_MIN ? ROOM_MIN : buf->room;
	while (room - buf->len <= len)
		room *= 2;
	if (room > buf->size_max + 1)
		room = buf->size_max + 1;
	data = realloc(buf->data, room);
	if (data == NULL) {
		buf->status = ST_NOMEM;
		return NULL;
	}
	buf->data = data;
	buf->room = room;
	return data + buf->len;
}

void buf_grew(struct buf *buf, size_t len)
{
	assert(buf->status == ST_OK);
	assert(len == 0 || len < buf->room - buf->len);
	buf->len += len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	uint8_t *to = buf_reserve(buf, len);

	if (to == NULL || len == 0)
		return;
	memcpy(to, data, len);
	buf_grew(buf, len);
}

void buf_add_byte(struct buf *buf, uint8_t byte)
{
	buf_add(buf, &byte, 1);
}

void buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	uint8_t *to;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0);
	to = buf_reserve(buf, (size_t)len);
	if (to == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf((char *)to, (size_t)len + 1, format, args);
	va_end(args);
	buf_grew(buf, (size_t)len);
}

/* The letter of JSON's short escape for a byte, 0 where it has none. */
static char json_short(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

void buf_add_json(struct buf *buf, const char *text, size_t len)
{
	size_t plain = 0;

	buf_add_byte(buf, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char letter = json_short(c);

		if (letter == 0 && c >= 0x20)
			continue;
		buf_add(buf, text + plain, i - plain);
		if (letter != 0) {
			buf_add_byte(buf, '\\');
			buf_add_byte(buf, (uint8_t)letter);
		} else {
			buf_printf(buf, "\\u%04x", c);
		}
		plain = i + 1;
	}
	buf_add(buf, text + plain, len - plain);
	buf_add_byte(buf, '"');
}

/* Between two quotes, with those inside doubled. */
static void add_quoted(struct buf *buf, const char *text, char quote)
{
	buf_add_byte(buf, (uint8_t)quote);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == quote)
			buf_add_byte(buf, (uint8_t)quote);
		buf_add_byte(buf, (uint8_t)*at);
	}
	buf_add_byte(buf, (uint8_t)quote);
}

void buf_add_failure(struct buf *buf, const struct failure *failure)
{
	buf_add_str(buf, "{\"what\":");
	buf_add_json(buf, failure->what, strlen(failure->what));
	buf_add_str(buf, ",\"safe\":");
	buf_add_json(buf, failure->safe, strlen(failure->safe));
	buf_add_str(buf, ",\"next\":");
	buf_add_json(buf, failure->next, strlen(failure->next));
	buf_add_str(buf, "}\n");
}

void buf_add_sql(struct buf *buf, const char *text)
{
	add_quoted(buf, text, '\'');
}

void buf_add_sql_name(struct buf *buf, const char *name)
{
	add_quoted(buf, name, '"');
}

enum status buf_status(const struct buf *buf)
{
	return buf->status;
}

const char *buf_str(struct buf *buf)
{
	uint8_t *end;

	/* A content of exactly size_max has its NUL in the byte that reserve adds. */
	end = buf_reserve(buf, 0);
	if (end == NULL)
		return "";
	*end = 0;
	return (const char *)buf->data;
}
