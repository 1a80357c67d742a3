#include "daemon/words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/closing.h"
#include "common/merge.h"
#include "common/moment.h"
#include "common/text_words.h"
#include "daemon/trial.h"

/* Two narratives at their limit, cut into units, and one into sentences. */
#define SENTENCES_SIZE_MAX ((size_t)16 * 1024 * 1024)

int words_field(const struct kind *kind, const char *name)
{
	const int f = kind_field(kind, name, strlen(name));

	assert(f >= 0);
	return f;
}

uint64_t words_mask(const struct kind *note)
{
	return closing_signed_mask(note) & ~note->groups[kind_group(note, "signature", 9)].mask;
}

/* --- text --- */

enum status words_worker(struct intake *in, const struct id *worker, const char **out)
{
	const struct kind *kind = schema_kind(in->schema, "worker", 6);
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	const struct value *name;
	enum status st;

	if (!record)
		return ST_NOMEM;
	*out = "somebody";
	st = in->store->ops->record_get(in->store, kind, worker, in->arena, record);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	name = &record->row.values[words_field(kind, "name")];
	*out = arena_copy(in->arena, name->text, name->len);
	return *out ? ST_OK : ST_NOMEM;
}

static enum status add_id(struct intake *in, struct buf *out, const struct field *field, const struct value *value)
{
	const char *name = "";
	struct id id;
	enum status st;

	if (strcmp(field->values, "worker") != 0 || !id_parse(value->text, value->len, &id)) {
		buf_printf(out, "%s/", field->values);
		buf_add(out, value->text, value->len);
		return ST_OK;
	}
	st = words_worker(in, &id, &name);
	buf_add_str(out, name);
	return st;
}

static enum status add_value(struct intake *in, struct buf *out, const struct field *field, const struct value *value)
{
	char moment[MOMENT_TEXT_SIZE];

	switch (value->tag) {
	case VALUE_NULL:
		buf_add_str(out, "(empty)");
		return ST_OK;
	case VALUE_INT:
		moment_format(value->integer, moment);
		buf_add_str(out, moment);
		return ST_OK;
	case VALUE_TEXT:
		if (field->type == TYPE_ID)
			return add_id(in, out, field, value);
		buf_add(out, value->text, value->len);
		return ST_OK;
	}
	assert(false && "a value without a tag");
	return ST_OK;
}

/* --- sentences --- */

static enum status cut(struct arena *arena, const struct value *value, struct text_units *out)
{
	const struct text text = value_as_text(value);
	struct text_unit *units = arena_alloc(arena, TEXT_UNITS_MAX(text.len) * sizeof *units);

	if (!units)
		return ST_NOMEM;
	text_words_cut(&text, units, out);
	return ST_OK;
}

/* The sentence that begins with this unit, without the blanks behind it; *next_out: the unit after it. Empty: none is left. */
static struct text sentence_at(const struct text_units *units, uint32_t first, uint32_t *next_out)
{
	uint32_t last = first;

	if (first >= units->count)
		return (struct text){ "", 0 };
	while (!units->units[last].ends && last + 1 < units->count)
		last++;
	*next_out = last + 1;
	return (struct text){ units->text.at + units->units[first].at,
			      units->units[last].at + units->units[last].len - units->units[first].at };
}

static int compare_texts(const void *a, const void *b)
{
	const struct text *x = a, *y = b;
	const size_t shorter = x->len < y->len ? x->len : y->len;
	const int order = memcmp(x->at, y->at, shorter);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The sentences of a text, in an order to search them by. */
struct sentences {
	struct text *texts;
	size_t count;
};

static enum status sentences_of(struct arena *arena, const struct text_units *units, struct sentences *out)
{
	struct text sentence;
	uint32_t next = 0;

	*out = (struct sentences){ .count = 0 };
	out->texts = arena_alloc(arena, units->count * sizeof *out->texts);
	if (!out->texts)
		return ST_NOMEM;
	for (uint32_t at = 1; (sentence = sentence_at(units, at, &next)).len > 0; at = next)
		out->texts[out->count++] = sentence;
	qsort(out->texts, out->count, sizeof *out->texts, compare_texts);
	return ST_OK;
}

static bool is_line(const struct text *sentence)
{
	return sentence->len == 1 && sentence->at[0] == '\n';
}

/* The author's own sentences, with what was between two of them; for those that the note has, a blank or a line end. So
 * it is never more than the author wrote. */
static bool write_own(struct buf *out, const struct text_units *own, const struct sentences *has)
{
	const char *from = NULL; /* behind the last one written, where all since is the author's own */
	struct text sentence;
	uint32_t next = 0;
	bool any = false, line = false;

	for (uint32_t at = 1; (sentence = sentence_at(own, at, &next)).len > 0; at = next) {
		if (is_line(&sentence)) {
			line = true;
			continue;
		}
		if (bsearch(&sentence, has->texts, has->count, sizeof sentence, compare_texts)) {
			from = NULL;
			continue;
		}
		if (from)
			buf_add(out, from, (size_t)(sentence.at - from));
		else if (any)
			buf_add_byte(out, line ? '\n' : ' ');
		buf_add(out, sentence.at, sentence.len);
		from = sentence.at + sentence.len;
		any = true;
		line = false;
	}
	return any;
}

/* The sentences of a narrative that the note lacks; the whole of it where the author wrote none of their own, but took
 * some out. */
static enum status add_sentences(struct buf *out, const struct value *value, const struct value *stands)
{
	struct text_units own, signed_text;
	struct sentences has;
	struct arena arena;
	enum status st;

	arena_init(&arena, SENTENCES_SIZE_MAX);
	st = cut(&arena, value, &own);
	if (st == ST_OK)
		st = cut(&arena, stands, &signed_text);
	if (st == ST_OK)
		st = sentences_of(&arena, &signed_text, &has);
	if (st == ST_OK && !write_own(out, &own, &has))
		buf_add(out, value->text, value->len);
	arena_close(&arena);
	return st;
}

/* The sections of the mask, one after another, each under its label; one alone is named by the addendum's section. */
static enum status write_text(struct intake *in, const struct record *stands, const struct words *words, uint64_t mask,
			      struct buf *out)
{
	const struct kind *note = stands->kind;
	enum status st = ST_OK;

	if (words->lead)
		buf_add_str(out, words->lead);
	for (size_t f = 0; f < note->field_count && st == ST_OK; f++) {
		if ((mask >> f & 1) == 0)
			continue;
		if (out->len > 0)
			buf_add_str(out, "\n\n");
		if ((mask & (mask - 1)) != 0)
			buf_printf(out, "%s: ", note->fields[f].label);
		if (note->groups[note->fields[f].group].rule == RULE_TEXT && words->row.values[f].tag == VALUE_TEXT)
			st = add_sentences(out, &words->row.values[f], &stands->row.values[f]);
		else
			st = add_value(in, out, &note->fields[f], &words->row.values[f]);
	}
	return st;
}

/* --- the record --- */

static void addendum_id(const struct id *note, uint64_t seq, uint8_t part, struct id *out)
{
	uint8_t number[8];
	const struct part parts[] = { { note->bytes, ID_SIZE }, { number, sizeof number }, { &part, 1 } };
	struct digest digest;

	for (size_t i = 0; i < sizeof number; i++)
		number[i] = (uint8_t)(seq >> (56 - 8 * i));
	digest_of(&digest, "addendum", parts, 3);
	id_from_digest(out, digest.bytes);
}

static void put(struct change *change, const char *field, struct value value)
{
	change->row.values[words_field(change->kind, field)] = value;
}

struct value words_id(struct arena *arena, const struct id *id)
{
	char text[ID_TEXT_SIZE];
	const char *copy;

	if (id_is_zero(id))
		return value_null();
	id_format(id, text);
	copy = arena_copy(arena, text, ID_TEXT_LEN);
	return copy ? value_text(copy, ID_TEXT_LEN) : value_null();
}

/* One addendum; part 0: all of the change's words, else those of the field with that number. section: -1 = more than
 * one, or none. */
static enum status addendum_new(struct intake *in, const struct record *note, const struct words *words, uint8_t part,
				int section, struct value text)
{
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	struct outcome outcome;
	enum status st;

	if (!change)
		return ST_NOMEM;
	change->kind = schema_kind(in->schema, "addendum", 8);
	change->create = true;
	change->patient = note->patient;
	addendum_id(&note->id, words->seq, part, &change->id);
	put(change, "note", words_id(in->arena, &note->id));
	put(change, "note_digest", note->row.values[words_field(note->kind, "digest")]);
	put(change, "type", value_string("addendum"));
	put(change, "reason", value_string(words->reason));
	put(change, "text", text);
	put(change, "author", words_id(in->arena, &words->author));
	put(change, "closed_at", value_int(in->now_ms));
	if (section >= 0)
		put(change, "section", value_string(note->kind->fields[section].name));
	st = intake_own(in, &words->author, change, &outcome);
	if (st == ST_OK && outcome.result != OUTCOME_ACCEPTED)
		env_log(in->env, LOG_WARNING, "addenda", "not-accepted", "seq=%" PRIu64, words->seq);
	return st;
}

/* More than one text may hold: each section is an addendum. */
static enum status addendum_sections(struct intake *in, const struct record *note, const struct words *words,
				     uint64_t mask, struct buf *text)
{
	struct words one = *words;
	enum status st = ST_OK;

	one.lead = NULL;
	if (words->lead)
		st = addendum_new(in, note, words, 0, -1, value_string(words->lead));
	for (size_t f = 0; f < note->kind->field_count && st == ST_OK; f++) {
		if ((mask >> f & 1) == 0)
			continue;
		buf_reset(text);
		st = write_text(in, note, &one, UINT64_C(1) << f, text);
		if (st == ST_OK)
			st = buf_status(text);
		if (st == ST_OK)
			st = addendum_new(in, note, &one, note->kind->fields[f].num, (int)f,
					  value_text(buf_str(text), text->len));
	}
	return st;
}

enum status words_add(struct intake *in, const struct record *note, const struct words *words)
{
	const struct kind *kind = schema_kind(in->schema, "addendum", 8);
	uint64_t mask = words->mask & words_mask(note->kind);
	struct buf text;
	enum status st;

	for (size_t f = 0; f < note->kind->field_count; f++)
		if (value_equal(&words->row.values[f], &note->row.values[f]))
			mask &= ~(UINT64_C(1) << f);
	if (mask == 0 && !words->lead)
		return ST_OK;
	buf_init(&text, kind->fields[words_field(kind, "text")].max);
	st = write_text(in, note, words, mask, &text);
	if (st == ST_OK)
		st = buf_status(&text);
	if (st == ST_LIMIT)
		st = addendum_sections(in, note, words, mask, &text);
	else if (st == ST_OK)
		st = addendum_new(in, note, words, 0, mask && !(mask & (mask - 1)) ? __builtin_ctzll(mask) : -1,
				  value_text(buf_str(&text), text.len));
	buf_close(&text);
	return st;
}

/* --- what a change proposed --- */

/* Words of a decision's own: one that chose a candidate brings none. */
static enum status decision_words(struct intake *in, const struct record *note, const struct target *target,
				  const struct value *decision, struct words *words)
{
	json_t *json = conflict_json(decision);
	const json_t *values = json_object_get(json, "values");
	enum status st = ST_OK;

	if (json_is_object(values) && target->kind == note->kind && id_equal(&target->id, &note->id)) {
		st = values_read(target, values, in->arena, &words->row);
		words->mask = st == ST_OK ? target->group->mask : 0;
	}
	json_decref(json);
	return st == ST_INVALID ? ST_OK : st;
}

enum status words_read(struct intake *in, const struct record *note, const struct target *target,
		       const struct history *row, struct words *words)
{
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	enum status st = change ? conflict_author(in, row, &words->author) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	words->seq = row->seq;
	st = change_decode(in->schema, row->body.data, row->body.len, in->arena, change, NULL);
	if (st != ST_OK)
		return st == ST_NOMEM ? st : ST_OK;
	if (change->kind == note->kind) {
		words->row = change->row;
		words->mask = change->mask;
	} else if (target && change->kind == conflict_kind(in)) {
		const int f = words_field(change->kind, "decision");

		return decision_words(in, note, target, &change->row.values[f], words);
	}
	return ST_OK;
}
