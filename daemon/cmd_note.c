#include "daemon/cmd_note.h"

#include <string.h>

#include "common/closing.h"
#include "common/kindsql.h"
#include "common/lateness.h"
#include "daemon/cmd_text.h"

#define LABEL_COLUMN 22
#define MINUTE_MS 60000

static const struct text_form WORDS = { .indent = LABEL_COLUMN + 4 };

static const struct value *field_of(const struct record *record, const char *field)
{
	return &record->row.values[kind_field(record->kind, field, strlen(field))];
}

static bool word_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

/* Does a field name this record? */
static bool names(const struct record *record, const char *field, const struct id *id)
{
	const struct value *value = field_of(record, field);
	struct id named;

	return value->tag == VALUE_TEXT && id_parse(value->text, value->len, &named) && id_equal(&named, id);
}

/* --- what belongs to it ------------------------------------------------------------- */

/* Oldest first. */
struct belonging {
	struct belonging *next;
	uint64_t seq;
	struct id id;
};

struct search {
	struct desk *desk;
	const struct record *note;
	struct belonging *first;
};

static enum status search_visit(void *ctx, const struct record *record)
{
	struct search *s = ctx;
	struct belonging **at = &s->first, *one;

	if (record->deleted || !names(record, "note", &s->note->id))
		return ST_OK;
	one = arena_zalloc(&s->desk->arena, sizeof *one);
	if (one == NULL)
		return ST_NOMEM;
	while (*at != NULL && (*at)->seq < record->created_seq)
		at = &(*at)->next;
	*one = (struct belonging){ .next = *at, .seq = record->created_seq, .id = record->id };
	*at = one;
	return ST_OK;
}

/* Call say for each addendum or review of the note. */
static enum status each_of(struct desk *desk, const struct record *note, const char *kind_name, struct buf *out,
			   enum status (*say)(struct desk *desk, const struct record *note,
					      const struct record *record, struct buf *out))
{
	const struct kind *kind = schema_kind(desk->schema, kind_name, strlen(kind_name));
	struct store *store = desk->centre.store;
	struct search s = { .desk = desk, .note = note };
	enum status st = store->ops->record_each(store, kind, &note->patient, search_visit, &s);

	for (const struct belonging *one = s.first; one != NULL && st == ST_OK; one = one->next) {
		struct record *record = arena_zalloc(&desk->arena, sizeof *record);

		if (record == NULL)
			return ST_NOMEM;
		st = store->ops->record_get(store, kind, &one->id, &desk->arena, record);
		if (st == ST_OK)
			st = say(desk, note, record, out);
	}
	return st;
}

enum status note_lateness(struct desk *desk, const struct record *note, bool *known_out, struct lateness *out)
{
	const struct kind *kind = schema_kind(desk->schema, "visit", 5);
	const struct value *visit = field_of(note, "visit"), *signed_at = field_of(note, "signed_at");
	struct record *record = arena_zalloc(&desk->arena, sizeof *record);
	struct store *store = desk->centre.store;
	struct id id;
	enum status st = ST_NOT_FOUND;

	*known_out = false;
	if (record == NULL)
		return ST_NOMEM;
	if (signed_at->tag != VALUE_INT)
		return ST_OK;
	if (visit->tag == VALUE_TEXT && id_parse(visit->text, visit->len, &id))
		st = store->ops->record_get(store, kind, &id, &desk->arena, record);
	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	*known_out = lateness_of(note->kind, &note->row, kind, st == ST_OK ? &record->row : NULL, signed_at->integer,
				 out);
	return ST_OK;
}

/* --- for people ----------------------------------------------------------------------- */

static void add_label(struct buf *out, const char *label)
{
	buf_printf(out, "  %-*s  ", LABEL_COLUMN, label);
}

static void add_field(struct desk *desk, const struct record *record, const char *field, struct buf *out)
{
	const int f = kind_field(record->kind, field, strlen(field));

	text_value(out, desk, &record->kind->fields[f], &record->row.values[f], &WORDS);
}

/* The section that an addendum names; -1: none that there is. */
static int section_of(const struct record *note, const struct record *addendum)
{
	const struct value *section = field_of(addendum, "section");

	return section->tag == VALUE_TEXT ? kind_field(note->kind, section->text, section->len) : -1;
}

static void add_who(struct desk *desk, const struct record *record, const char *person, const char *moment,
		    struct buf *out)
{
	add_field(desk, record, person, out);
	if (field_of(record, moment)->tag != VALUE_INT)
		return;
	buf_add_str(out, ", ");
	add_field(desk, record, moment, out);
}

static const char *addendum_label(const struct record *addendum)
{
	if (word_is(field_of(addendum, "type"), "correction"))
		return "Correction";
	return word_is(field_of(addendum, "type"), "late-entry") ? "Late entry" : "Addendum";
}

static enum status addendum_print(struct desk *desk, const struct record *note, const struct record *addendum,
				  struct buf *out)
{
	const struct value *digest = field_of(addendum, "note_digest");
	const int section = section_of(note, addendum);
	const bool corrects = section >= 0 && word_is(field_of(addendum, "type"), "correction");

	add_label(out, addendum_label(addendum));
	if (section >= 0)
		buf_printf(out, "of %s, ", note->kind->fields[section].label);
	buf_add_str(out, "by ");
	add_who(desk, addendum, "author", "closed_at", out);
	if (word_is(field_of(addendum, "status"), CLOSING_ERROR))
		buf_add_str(out, ", entered in error");
	buf_add_str(out, "\n");
	if (field_of(addendum, "reason")->tag == VALUE_TEXT) {
		add_label(out, "  why");
		add_field(desk, addendum, "reason", out);
		buf_add_str(out, "\n");
	}
	if (corrects) {
		add_label(out, "  original");
		text_value(out, desk, &note->kind->fields[section], &note->row.values[section], &WORDS);
		buf_add_str(out, "\n");
	}
	add_label(out, corrects ? "  corrected" : "");
	add_field(desk, addendum, "text", out);
	buf_add_str(out, "\n");
	if (digest->tag == VALUE_TEXT && !value_equal(digest, field_of(note, "digest")))
		buf_add_str(out, "      ! It was written for other words than those signed here.\n");
	return ST_OK;
}

static enum status review_print(struct desk *desk, const struct record *note, const struct record *review,
				struct buf *out)
{
	(void)note;
	add_label(out, word_is(field_of(review, "verdict"), "reviewed") ? "Reviewed" : "Returned");
	buf_add_str(out, "by ");
	if (field_of(review, "by")->tag == VALUE_NULL)
		buf_add_str(out, "the console, ");
	else
		add_field(desk, review, "by", out);
	if (field_of(review, "by")->tag != VALUE_NULL)
		buf_add_str(out, ", ");
	add_field(desk, review, "reviewed_at", out);
	if (field_of(review, "comment")->tag == VALUE_TEXT) {
		buf_add_str(out, ": ");
		add_field(desk, review, "comment", out);
	}
	buf_add_str(out, "\n");
	return ST_OK;
}

static enum status signature_print(struct desk *desk, const struct record *note, struct buf *out)
{
	char words[LATENESS_WORDS_SIZE];
	struct lateness lateness;
	bool known = false;
	enum status st = note_lateness(desk, note, &known, &lateness);

	if (st != ST_OK || field_of(note, "signed_by")->tag == VALUE_NULL)
		return st;
	add_label(out, "Signed");
	buf_add_str(out, "by ");
	add_who(desk, note, "signed_by", "signed_at", out);
	if (known) {
		lateness_words(&lateness, words);
		buf_printf(out, ", %s", words);
	}
	buf_add_str(out, "\n");
	return ST_OK;
}

enum status note_print(struct desk *desk, const struct record *note, struct buf *out)
{
	enum status st = signature_print(desk, note, out);

	if (st == ST_OK)
		st = each_of(desk, note, "addendum", out, addendum_print);
	return st == ST_OK ? each_of(desk, note, "review", out, review_print) : st;
}

/* --- for programs ---------------------------------------------------------------------- */

static enum status belonging_json(struct desk *desk, const struct record *note, const struct record *record,
				  struct buf *out)
{
	const int section = strcmp(record->kind->name, "addendum") == 0 ? section_of(note, record) : -1;

	(void)desk;
	if (out->len > 0 && out->data[out->len - 1] != '[')
		buf_add_str(out, ",");
	kindsql_json_object(out, record->kind, &record->id, &record->patient, &record->row, true);
	if (buf_status(out) != ST_OK)
		return buf_status(out);
	if (strcmp(record->kind->name, "addendum") != 0)
		return ST_OK;
	out->len--; /* the closing brace: more follows */
	text_json_key(out, "original");
	if (section >= 0 && word_is(field_of(record, "type"), "correction") &&
	    note->row.values[section].tag == VALUE_TEXT)
		buf_add_json(out, note->row.values[section].text, note->row.values[section].len);
	else
		buf_add_str(out, "null");
	buf_add_str(out, "}");
	return buf_status(out);
}

static enum status list_json(struct desk *desk, const struct record *note, const char *key, const char *kind,
			     struct buf *out)
{
	enum status st;

	text_json_key(out, key);
	buf_add_str(out, "[");
	st = each_of(desk, note, kind, out, belonging_json);
	buf_add_str(out, "]");
	return st;
}

enum status note_json(struct desk *desk, const struct record *note, struct buf *out)
{
	struct lateness lateness;
	bool known = false;
	enum status st = note_lateness(desk, note, &known, &lateness);

	if (st != ST_OK)
		return st;
	if (known)
		text_json_number(out, "lateness_minutes", lateness.ms / MINUTE_MS);
	else
		text_json(out, "lateness_minutes", NULL);
	text_json_bool(out, "late", known && lateness_is_late(&lateness));
	st = list_json(desk, note, "addenda", "addendum", out);
	return st == ST_OK ? list_json(desk, note, "reviews", "review", out) : st;
}
