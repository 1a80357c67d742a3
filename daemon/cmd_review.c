/* doorstepd review, reviews: a supervisor's verdict on a signed note, and the notes that wait for one.
 *
 * A note that was returned is answered when its author has added an addendum since; then it waits again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/closing.h"
#include "common/lateness.h"
#include "daemon/cmd.h"
#include "daemon/cmd_note.h"
#include "daemon/cmd_text.h"

const struct option_row CMD_REVIEW_OPTIONS[] = {
	{ "--comment", "TEXT", "what the author is to know; also - or @FILE" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

const struct option_row CMD_REVIEWS_OPTIONS[] = {
	{ "--open", NULL, "only those that wait for a review or for an answer" },
	{ "--user", "LOGIN", "only notes of this author" },
	{ NULL, NULL, NULL },
};

static const struct value *field_of(const struct record *record, const char *field)
{
	return &record->row.values[kind_field(record->kind, field, strlen(field))];
}

static bool word_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

static bool id_of(const struct record *record, const char *field, struct id *out)
{
	const struct value *value = field_of(record, field);

	return value->tag == VALUE_TEXT && id_parse(value->text, value->len, out);
}

/* Reviews are of what is signed and stands. */
static bool is_reviewable(const struct record *note)
{
	const struct value *status = field_of(note, "status");

	return !note->deleted && (word_is(status, CLOSING_SIGNED) || word_is(status, CLOSING_AMENDED));
}

/* --- a verdict ---------------------------------------------------------------------- */

struct verdict {
	struct desk *desk;
	const char *word; /* as the record has it */
	const char *comment;
	size_t comment_len;
	struct record *note;
	struct id id; /* of the review */
};

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > ' ')
			return false;
	return true;
}

static enum status read_verdict(struct verdict *v)
{
	struct desk *desk = v->desk;
	const char *word = desk->line->words[1], *comment = command_option(desk->line, "--comment");
	const bool accepts = strcmp(word, "accept") == 0;
	enum status st = ST_OK;

	if (!accepts && strcmp(word, "return") != 0)
		return failure_set(&desk->why, ST_USAGE, "There is no such verdict.", "Nothing was changed.",
				   "Say accept, or return with --comment TEXT.");
	v->word = accepts ? "reviewed" : "returned";
	if (comment != NULL)
		st = desk_argument(desk, comment, &v->comment, &v->comment_len);
	if (st != ST_OK || accepts || !is_blank(v->comment, v->comment_len))
		return st;
	return failure_set(&desk->why, ST_USAGE, "A note is returned with a comment, so that its author knows what is wanted.",
			   "Nothing was changed.", "Give --comment TEXT, or --comment - to read it from standard input.");
}

/* Who wrote or signed a note does not review it. */
static bool is_authors(const struct verdict *v)
{
	struct id worker;

	return v->desk->has_by && ((id_of(v->note, "author", &worker) && id_equal(&worker, &v->desk->by)) ||
				   (id_of(v->note, "signed_by", &worker) && id_equal(&worker, &v->desk->by)));
}

static enum status check_note(struct verdict *v)
{
	struct failure *why = &v->desk->why;
	enum status st = desk_record(v->desk, v->desk->line->words[0], "note", v->note);

	if (st != ST_OK)
		return st;
	if (word_is(field_of(v->note, "status"), CLOSING_ERROR))
		return failure_set(why, ST_REFUSED, "This note was entered in error: there is nothing to review.",
				   "Nothing was changed.", "`doorstepd reviews --open` lists the notes that wait for one.");
	if (!is_reviewable(v->note))
		return failure_set(why, ST_REFUSED, "This note is not signed yet: its author may still change it.",
				   "Nothing was changed.", "`doorstepd reviews --open` lists the notes that wait for a review.");
	if (is_authors(v))
		return failure_set(why, ST_REFUSED, "Nobody reviews a note of their own.", "Nothing was changed.",
				   "Let another supervisor review it, named with --as.");
	return ST_OK;
}

static void put(struct change *change, const char *field, struct value value)
{
	change->row.values[kind_field(change->kind, field, strlen(field))] = value;
}

static enum status make_review(struct verdict *v, struct centre_act *act)
{
	struct desk *desk = v->desk;
	struct change *change = desk_create(desk, "review");
	char *note = arena_alloc(&desk->arena, ID_TEXT_SIZE), *by = arena_alloc(&desk->arena, ID_TEXT_SIZE);
	const int comment = change == NULL ? -1 : kind_field(change->kind, "comment", 7);

	if (change == NULL || note == NULL || by == NULL)
		return ST_NOMEM;
	id_format(&v->note->id, note);
	id_format(&desk->by, by);
	change->patient = v->note->patient;
	put(change, "note", value_text(note, ID_TEXT_LEN));
	put(change, "verdict", value_string(v->word));
	if (desk->has_by)
		put(change, "by", value_text(by, ID_TEXT_LEN));
	put(change, "reviewed_at", value_int(act->in.now_ms));
	if (v->comment_len > 0)
		put(change, "comment", value_text(v->comment, v->comment_len));
	if (value_check(&change->kind->fields[comment], &change->row.values[comment]) != ST_OK)
		return failure_set(&desk->why, ST_INVALID, "The comment is too long, or no text.", "Nothing was changed.",
				   "A comment is UTF-8 text of up to 16384 bytes.");
	v->id = change->id;
	return desk_take(desk, act, change, NULL);
}

static enum status print_verdict(const struct verdict *v)
{
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (v->desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &v->id);
		text_json_id(&out, "note", &v->note->id);
		text_json(&out, "verdict", v->word);
		buf_add_str(&out, "}\n");
	} else if (strcmp(v->word, "reviewed") == 0) {
		buf_add_str(&out, "Reviewed.\n");
	} else {
		buf_add_str(&out, "Returned: its author sees it on the tablet, with your comment, after the next exchange.\n");
	}
	st = text_out(v->desk, &out);
	buf_close(&out);
	return st;
}

static enum status review(struct desk *desk)
{
	struct verdict v = { .desk = desk, .word = "" };
	struct centre_act act;
	enum status st = read_verdict(&v);

	v.note = arena_zalloc(&desk->arena, sizeof *v.note);
	if (v.note == NULL)
		return ST_NOMEM;
	if (st == ST_OK)
		st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = check_note(&v);
	if (st == ST_OK)
		st = make_review(&v, &act);
	st = desk_act_end(desk, &act, st);
	return st == ST_OK ? print_verdict(&v) : st;
}

int cmd_review(const struct command_line *line)
{
	return desk_run(line, review);
}

/* --- the list ------------------------------------------------------------------------ */

/* A signed note, and what was said of it last. */
struct listed {
	struct id note, author;
	int64_t signed_ms;
	uint64_t review_seq, addendum_seq; /* newest review; newest addendum of its author */
	struct id review;
	bool returned;
};

struct review_list {
	struct desk *desk;
	struct listed *items;
	size_t count, room;
	const struct id *author; /* NULL = everybody's */
};

static int by_note(const void *a, const void *b)
{
	return id_compare(&((const struct listed *)a)->note, &((const struct listed *)b)->note);
}

static int by_age(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->signed_ms != y->signed_ms)
		return x->signed_ms < y->signed_ms ? -1 : 1;
	return by_note(a, b);
}

static enum status note_visit(void *ctx, const struct record *note)
{
	struct review_list *l = ctx;
	struct listed one = { .note = note->id };

	if (!is_reviewable(note))
		return ST_OK;
	if (!id_of(note, "author", &one.author))
		(void)id_of(note, "signed_by", &one.author);
	if (l->author != NULL && !id_equal(l->author, &one.author))
		return ST_OK;
	if (field_of(note, "signed_at")->tag == VALUE_INT)
		one.signed_ms = field_of(note, "signed_at")->integer;
	if (l->count == l->room) {
		const size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct listed *grown = realloc(l->items, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		l->items = grown;
		l->room = room;
	}
	l->items[l->count++] = one;
	return ST_OK;
}

static struct listed *find_note(const struct review_list *l, const struct record *record)
{
	struct listed key = { .signed_ms = 0 };

	if (record->deleted || l->count == 0 || !id_of(record, "note", &key.note))
		return NULL;
	return bsearch(&key, l->items, l->count, sizeof key, by_note);
}

static enum status review_visit(void *ctx, const struct record *record)
{
	struct listed *one = find_note(ctx, record);

	if (one == NULL || record->created_seq < one->review_seq)
		return ST_OK;
	one->review_seq = record->created_seq;
	one->review = record->id;
	one->returned = !word_is(field_of(record, "verdict"), "reviewed");
	return ST_OK;
}

static enum status addendum_visit(void *ctx, const struct record *record)
{
	struct listed *one = find_note(ctx, record);
	struct id author;

	if (one != NULL && id_of(record, "author", &author) && id_equal(&author, &one->author) &&
	    record->created_seq > one->addendum_seq)
		one->addendum_seq = record->created_seq;
	return ST_OK;
}

static enum status gather(struct review_list *l)
{
	static const struct {
		const char *kind;
		store_record_fn *visit;
	} walks[] = { { "note", note_visit }, { "review", review_visit }, { "addendum", addendum_visit } };
	const struct schema *schema = l->desk->schema;
	struct store *store = l->desk->centre.store;
	enum status st = ST_OK;

	for (size_t i = 0; i < sizeof walks / sizeof walks[0] && st == ST_OK; i++) {
		st = store->ops->record_each(store, schema_kind(schema, walks[i].kind, strlen(walks[i].kind)), NULL,
					     walks[i].visit, l);
		if (i == 0 && l->count > 0)
			qsort(l->items, l->count, sizeof *l->items, by_note);
	}
	if (l->count > 0)
		qsort(l->items, l->count, sizeof *l->items, by_age);
	return st;
}

static const char *state_of(const struct listed *one)
{
	if (one->review_seq == 0)
		return "waiting";
	if (!one->returned)
		return "reviewed";
	return one->addendum_seq > one->review_seq ? "answered" : "returned";
}

static enum status read_record(struct desk *desk, const char *kind, const struct id *id, struct record **out)
{
	struct store *store = desk->centre.store;

	*out = arena_zalloc(&desk->arena, sizeof **out);
	if (*out == NULL)
		return ST_NOMEM;
	return store->ops->record_get(store, schema_kind(desk->schema, kind, strlen(kind)), id, &desk->arena, *out);
}

static enum status row_note(struct table *table, struct desk *desk, const struct listed *one)
{
	char words[LATENESS_WORDS_SIZE] = "";
	struct record *note = NULL, *patient = NULL;
	struct lateness lateness;
	bool known = false;
	enum status st = read_record(desk, "note", &one->note, &note);

	if (st == ST_OK)
		st = read_record(desk, "patient", &note->patient, &patient);
	if (st == ST_OK)
		st = note_lateness(desk, note, &known, &lateness);
	if (st != ST_OK)
		return st;
	if (known)
		lateness_words(&lateness, words);
	text_cell(table, state_of(one));
	text_cell_id(table, &one->note);
	text_cell_id(table, &note->patient);
	text_cell_value(table, field_of(patient, "name"));
	text_cell_id(table, &one->author);
	text_cell(table, desk_worker_name(desk, &one->author));
	text_cell_value(table, field_of(note, "status"));
	text_cell_value(table, field_of(note, "signed_at"));
	text_cell(table, known ? words : NULL);
	return ST_OK;
}

static enum status row_review(struct table *table, struct desk *desk, const struct listed *one)
{
	struct record *record = NULL;
	struct id by = { { 0 } };
	enum status st = ST_OK;

	if (one->review_seq > 0) {
		st = read_record(desk, "review", &one->review, &record);
		if (st == ST_OK) {
			(void)id_of(record, "by", &by);
			text_cell(table, desk_worker_name(desk, &by));
			text_cell_value(table, field_of(record, "reviewed_at"));
			text_cell_value(table, field_of(record, "comment"));
		}
	}
	table_end_row(table);
	return st;
}

static enum status print_list(struct review_list *l)
{
	static const struct table_column columns[] = {
		{ "state", "State", CELL_TEXT },	 { "note", "Note", CELL_ID },
		{ "patient", NULL, CELL_ID },		 { "patient_name", "Patient", CELL_TEXT },
		{ "author", NULL, CELL_ID },		 { "author_name", "Author", CELL_TEXT },
		{ "status", NULL, CELL_TEXT },		 { "signed_at", NULL, CELL_TIME },
		{ "signed", "Signed", CELL_TEXT },	 { "by", "Review by", CELL_TEXT },
		{ "reviewed_at", NULL, CELL_TIME }, { "comment", "Comment", CELL_TEXT },
	};
	struct table *table = table_new(l->desk->line, columns, sizeof columns / sizeof columns[0]);
	const bool open_only = command_switch(l->desk->line, "--open");
	enum status st = ST_OK;

	for (size_t i = 0; i < l->count && st == ST_OK; i++) {
		const struct listed *one = &l->items[i];

		if (open_only && strcmp(state_of(one), "reviewed") == 0)
			continue;
		st = row_note(table, l->desk, one);
		if (st == ST_OK)
			st = row_review(table, l->desk, one);
	}
	return text_table(l->desk, table, st, open_only ? "No note waits for a review." : "No note is signed yet.");
}

static enum status reviews(struct desk *desk)
{
	const char *login = command_option(desk->line, "--user");
	struct review_list l = { .desk = desk };
	struct account account;
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	if (login != NULL) {
		st = desk_account(desk, login, &account);
		l.author = &account.worker;
	}
	if (st == ST_OK)
		st = gather(&l);
	if (st == ST_OK)
		st = print_list(&l);
	desk_read_end(desk);
	free(l.items);
	return st;
}

int cmd_reviews(const struct command_line *line)
{
	return desk_run(line, reviews);
}
