/* cmd_text.h - how doorstepd's commands say values, people and times, and JSON. Shell.
 *
 * Everything is appended to a struct buf, whose status is asked for once, by text_out.
 * Functions that take a desk look names up: inside a transaction.
 */
#ifndef DAEMON_CMD_TEXT_H
#define DAEMON_CMD_TEXT_H

#include "common/buf.h"
#include "daemon/desk.h"

#define TEXT_SIZE_MAX ((size_t)256 * 1024 * 1024)

/* Print what was gathered and empty the buf. */
enum status text_out(struct desk *desk, struct buf *buf) MUST_CHECK;

/* End a list that was read: print it where st is ST_OK. Frees it. */
enum status text_table(struct desk *desk, struct table *table, enum status st, const char *empty) MUST_CHECK;
/* A text's cell; an id's. */
void text_cell(struct table *table, const char *text);
void text_cell_id(struct table *table, const struct id *id);
void text_cell_value(struct table *table, const struct value *value);

/* A value as people read it: times as ISO text, yes and no, a set's members, a worker's name, other
 * records as KIND/ID; null is "(empty)". Of a text over len_max bytes (0 = no limit) the beginning. Line ends
 * are followed by `indent` blanks. */
struct text_form {
	size_t len_max;
	unsigned indent;
};
void text_value(struct buf *out, struct desk *desk, const struct field *field, const struct value *value,
		const struct text_form *form);

/* "Dose: 5, Unit: mg": the fields of the mask that hold something; all of them empty: "(empty)". One
 * field alone goes without its label. */
void text_values(struct buf *out, struct desk *desk, const struct kind *kind, const struct row *row, uint64_t mask);

/* "at T", "at T ± 20 s", "between A and B", "before B". */
void text_interval(struct buf *out, const struct interval *at);
/* The same, with "(tablet 7 min fast)" where the edit's own evidence says so. */
void text_edit_time(struct buf *out, const struct interval *at, const struct evidence *evidence);
/* A moment to the second. */
void text_moment(struct buf *out, int64_t ms);

/* "Ana Brandt, tablet 3" or "Ana Brandt, at the centre". */
void text_who(struct buf *out, struct desk *desk, const struct id *author, uint32_t device);

/* A record's name, "note/…". */
void text_ref(struct buf *out, const struct kind *kind, const struct id *id);

/* The author of a change: of an answer to a held one, who made that. */
enum status text_author(struct desk *desk, const struct history *row, struct id *out) MUST_CHECK;

/* JSON: `"key":"value"`, with a comma where something stands before it in the object. NULL = null. */
void text_json(struct buf *out, const char *key, const char *value);
void text_json_number(struct buf *out, const char *key, int64_t number); /* as a string */
void text_json_id(struct buf *out, const char *key, const struct id *id);
void text_json_moment(struct buf *out, const char *key, int64_t ms);
void text_json_bool(struct buf *out, const char *key, bool value);
void text_json_key(struct buf *out, const char *key); /* the value follows */

#endif
