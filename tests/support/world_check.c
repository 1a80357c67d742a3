#include "tests/support/world_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/journal.h"
#include "common/closing.h"
#include "common/signature.h"
#include "proto/change.h"
#include "proto/limits.h"

struct check {
	struct world *w;
	char *wrong;
	size_t room;
};

static void wrong(struct check *h, const char *format, ...) PRINTF_LIKE(2, 3);
static void wrong(struct check *h, const char *format, ...)
{
	va_list args;

	if (h->wrong[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(h->wrong, h->room, format, args);
	va_end(args);
}

/* --- a tablet against the centre ------------------------------------------------------- */

struct compared {
	struct check *h;
	size_t tablet;
	const struct kind *kind;
	int64_t expected; /* rows that should be there */
};

static bool in_scope(struct compared *c, const struct id *patient)
{
	struct store *store = c->h->w->centre.store;
	bool is = id_equal(patient, &ID_STAFF);

	if (!is && store->ops->member_is(store, &c->h->w->tablets[c->tablet].worker, patient, &is) != ST_OK)
		wrong(c->h, "member_is failed");
	return is;
}

/* Is a change of this group (or of the whole record) held at the centre? */
static bool is_held(struct compared *c, const char *id, int group)
{
	return world_int(&c->h->w->tablets[c->tablet],
			 "SELECT count(*) FROM ds_sent AS s JOIN ds_journal AS j ON j.n = s.n WHERE j.state = 1 AND s.settled = 0"
			 " AND s.kind = %d AND s.id = '%s' AND s.grp IN (%d, -1, 0)",
			 c->kind->num, id, group) > 0;
}

static enum status compare_record(void *ctx, const struct record *record)
{
	struct compared *c = ctx;
	struct replica *r = &c->h->w->tablets[c->tablet].replica;
	char text[ID_TEXT_SIZE];
	struct arena arena;
	struct row row;
	struct id patient;
	int64_t version;
	enum status st;

	if (!in_scope(c, &record->patient))
		return ST_OK;
	id_format(&record->id, text);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	st = replica_read(r, c->kind, &record->id, &arena, &row, &patient, &version);
	if (record->deleted) {
		if (st != ST_NOT_FOUND && !is_held(c, text, 0))
			wrong(c->h, "tablet %zu still has %s/%s, which is deleted", c->tablet, c->kind->name, text);
	} else if (st != ST_OK) {
		if (!is_held(c, text, 0))
			wrong(c->h, "tablet %zu lacks %s/%s", c->tablet, c->kind->name, text);
	} else {
		c->expected++;
		for (size_t g = 0; g < c->kind->group_count; g++)
			if (!row_equal(&row, &record->row, c->kind->groups[g].mask) &&
			    !is_held(c, text, c->kind->groups[g].num))
				wrong(c->h, "tablet %zu has another %s of %s/%s than the centre", c->tablet,
				      c->kind->groups[g].name, c->kind->name, text);
	}
	arena_close(&arena);
	return ST_OK;
}

void world_check_tablet(struct world *w, size_t tablet, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct store *store = w->centre.store;
	struct world_tablet *t = &w->tablets[tablet];

	for (size_t k = 0; k < w->schema->kind_count; k++) {
		struct compared c = { .h = &check, .tablet = tablet, .kind = &w->schema->kinds[k] };

		if (store->ops->record_each(store, c.kind, NULL, compare_record, &c) != ST_OK)
			wrong(&check, "the centre's records could not be read");
	}
	if (world_int(t, "SELECT count(*) FROM ds_dirty") != 0)
		wrong(&check, "tablet %zu still has unsent edits", tablet);
	if (world_int(t, "SELECT count(*) FROM ds_journal WHERE state = 0") != 0)
		wrong(&check, "tablet %zu has changes without an outcome", tablet);
}

/* --- journals --------------------------------------------------------------------------- */

static void check_change(struct check *h, size_t tablet, int64_t n)
{
	struct store *store = h->w->centre.store;
	struct world_tablet *t = &h->w->tablets[tablet];
	struct history history;
	struct arena arena;
	struct buf hex;
	char mine[8192];

	arena_init(&arena, LIMIT_INFLATED_MAX);
	buf_init(&hex, sizeof mine);
	world_text(t, mine, sizeof mine, "SELECT hex(body) FROM ds_journal WHERE n = %lld", (long long)n);
	if (store->ops->history_find(store, t->device, (uint64_t)n, NULL, &arena, &history) != ST_OK) {
		wrong(h, "change %lld of tablet %zu is not at the centre", (long long)n, tablet);
	} else {
		for (size_t i = 0; i < history.body.len; i++)
			buf_printf(&hex, "%02X", ((const uint8_t *)history.body.data)[i]);
		if (strcmp(buf_str(&hex), mine) != 0)
			wrong(h, "change %lld of tablet %zu is another at the centre", (long long)n, tablet);
	}
	buf_close(&hex);
	arena_close(&arena);
}

void world_check_journal(struct world *w, size_t tablet, bool proofs, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct world_tablet *t = &w->tablets[tablet];
	const int64_t last = world_int(t, "SELECT max(n) FROM ds_journal");
	struct journal_proof proof;
	struct failure why;

	for (int64_t n = 1; n <= last; n++)
		check_change(&check, tablet, n);
	if (proofs && last > 0 && journal_verify(&t->replica, &proof, &why) != ST_OK)
		wrong(&check, "tablet %zu's journal: %s", tablet, why.what);
}

/* --- signed notes ------------------------------------------------------------------------ */

struct sealed {
	struct check *h;
	const struct record *note;
	struct buf addenda;  /* the texts of all of them */
	struct row first;    /* what the first signature sealed */
	uint64_t signed_seq; /* of that signature */
	struct arena arena;
	size_t count;
};

static const struct value *value_of(const struct kind *kind, const struct row *row, const char *field)
{
	return &row->values[kind_field(kind, field, strlen(field))];
}

static bool word_is(const struct value *value, const char *word)
{
	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

static enum status gather_addendum(void *ctx, const struct record *addendum)
{
	struct sealed *s = ctx;
	const struct value *note = value_of(addendum->kind, &addendum->row, "note");
	const struct value *text = value_of(addendum->kind, &addendum->row, "text");
	struct id id;

	if (id_parse(note->text, note->len, &id) && id_equal(&id, &s->note->id) && text->tag == VALUE_TEXT) {
		buf_add(&s->addenda, text->text, text->len);
		buf_add_byte(&s->addenda, '\0');
	}
	return ST_OK;
}

static bool group_stood(const struct history *row, uint8_t num)
{
	if (row->result != OUTCOME_ACCEPTED && row->result != OUTCOME_JUDGED)
		return false;
	for (size_t g = 0; g < row->group_count; g++)
		if (row->groups[g].num == num)
			return row->groups[g].verdict == GROUP_ACCEPTED;
	return true;
}

static struct change *read_body(struct sealed *s, const struct history *row)
{
	struct change *change = arena_alloc(&s->arena, sizeof *change);

	if (change == NULL || row->result == OUTCOME_HELD || row->result == OUTCOME_RETURNED ||
	    change_decode(s->h->w->schema, row->body.data, row->body.len, &s->arena, change, NULL) != ST_OK)
		return NULL;
	return change;
}

/* Newest first: what is kept in the end is the oldest signature that stood. */
static enum status find_signature(void *ctx, const struct history *row)
{
	struct sealed *s = ctx;
	const struct kind *kind = s->note->kind;
	const struct change *change = read_body(s, row);

	if (change != NULL && word_is(value_of(kind, &change->row, "status"), CLOSING_SIGNED) &&
	    group_stood(row, kind->groups[kind_group(kind, "signature", 9)].num)) {
		s->first = change->row;
		s->signed_seq = row->seq;
	}
	return ST_OK;
}

static bool holds(const void *data, size_t len, const char *piece, size_t piece_len)
{
	return len >= piece_len && memmem(data, len, piece, piece_len) != NULL;
}

/* The length of the first piece of a text: no longer than a sentence, without what blanks and LFs follow it. */
static size_t piece_at(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && text[i] != '\n') {
		const bool stops = strchr(".!?", text[i]) != NULL;

		i++;
		if (stops && i < len && text[i] == ' ')
			break;
	}
	return i;
}

/* Each sentence stands in what was signed or in an addendum; and some of it in an addendum, for something was said. */
static bool is_kept(const struct sealed *s, const struct value *said, const struct value *stands)
{
	bool added = false;

	for (size_t at = 0, len; at < said->len; at += len) {
		len = piece_at(said->text + at, said->len - at);
		if (len == 0) {
			len = 1;
			continue;
		}
		if (holds(s->addenda.data, s->addenda.len, said->text + at, len))
			added = true;
		else if (stands->tag != VALUE_TEXT || !holds(stands->text, stands->len, said->text + at, len))
			return false;
		while (at + len < said->len && said->text[at + len] == ' ')
			len++;
	}
	return added;
}

/* Words that came after the signature stand in the note or beside it. */
static enum status find_words(void *ctx, const struct history *row)
{
	struct sealed *s = ctx;
	const struct kind *kind = s->note->kind;
	const struct change *change = row->seq > s->signed_seq ? read_body(s, row) : NULL;

	for (size_t f = 0; change != NULL && f < kind->field_count; f++) {
		const struct value *value = &change->row.values[f];

		if (kind->groups[kind->fields[f].group].rule != RULE_TEXT || (change->mask >> f & 1) == 0 ||
		    value->tag != VALUE_TEXT || value_equal(value, &s->note->row.values[f]))
			continue;
		if (!is_kept(s, value, &s->note->row.values[f]))
			wrong(s->h, "what change %lld said late of a signed note is in no addendum", (long long)row->n);
	}
	return ST_OK;
}

/* Sets s->note where the note is signed. */
static void check_note(struct sealed *s, const struct record *note)
{
	if (!closing_is_closed(note->kind, &note->row) || value_of(note->kind, &note->row, "digest")->tag == VALUE_NULL)
		return;
	s->note = note;
	s->signed_seq = 0;
	arena_init(&s->arena, (size_t)64 * 1024 * 1024);
	buf_init(&s->addenda, (size_t)16 * 1024 * 1024);
}

static void check_history(struct sealed *s)
{
	struct store *store = s->h->w->centre.store;
	const struct record *note = s->note;

	if (store->ops->record_each(store, schema_kind(s->h->w->schema, "addendum", 8), &note->patient, gather_addendum, s) !=
		    ST_OK ||
	    store->ops->history_of(store, note->kind, &note->id, INT64_MAX, find_signature, s) != ST_OK)
		wrong(s->h, "a note's history could not be read");
	/* A signature that was taken back before it left its tablet is none. */
	if (s->signed_seq == 0 && word_is(value_of(note->kind, &note->row, "status"), CLOSING_ERROR))
		return;
	s->count++;
	if (store->ops->history_of(store, note->kind, &note->id, INT64_MAX, find_words, s) != ST_OK)
		wrong(s->h, "a note's history could not be read");
	if (signature_check(note->kind, &note->id, &note->patient, &note->row) != ST_OK)
		wrong(s->h, "a digest does not seal its note");
	if (note->deleted)
		wrong(s->h, "a signed note is deleted");
	if (s->signed_seq == 0 || !row_equal(&s->first, &note->row, closing_signed_mask(note->kind)))
		wrong(s->h, "a signed note is not what its first signature sealed");
}

struct note_list {
	struct id ids[64];
	size_t count;
};

static enum status list_note(void *ctx, const struct record *note)
{
	struct note_list *list = ctx;

	if (list->count < sizeof list->ids / sizeof list->ids[0])
		list->ids[list->count++] = note->id;
	return ST_OK;
}

size_t world_check_signed(struct world *w, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	const struct kind *kind = schema_kind(w->schema, "note", 4);
	struct store *store = w->centre.store;
	struct note_list list = { .count = 0 };
	struct sealed s = { .h = &check };

	if (store->ops->record_each(store, kind, NULL, list_note, &list) != ST_OK)
		wrong(&check, "the centre's notes could not be read");
	for (size_t i = 0; i < list.count; i++) {
		struct record note;
		struct arena arena;

		arena_init(&arena, (size_t)64 * 1024 * 1024);
		if (store->ops->record_get(store, kind, &list.ids[i], &arena, &note) != ST_OK)
			wrong(&check, "a note could not be read");
		s.note = NULL;
		check_note(&s, &note);
		if (s.note != NULL) {
			check_history(&s);
			buf_close(&s.addenda);
			arena_close(&s.arena);
		}
		arena_close(&arena);
	}
	return s.count;
}

/* --- the chain ----------------------------------------------------------------------------- */

static void found(void *ctx, const char *place, const char *what)
{
	wrong(ctx, "verify: %s: %s", place, what);
}

void world_check_chain(struct world *w, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct verify_report report;

	if (chain_verify(w->centre.store, w->centre.key.public, found, NULL, &check, &report) != ST_OK)
		wrong(&check, "the chain could not be read");
}
