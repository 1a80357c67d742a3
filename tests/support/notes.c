#include "tests/support/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/signature.h"

/* Seal the change's row, as the tablet does at the end. */
struct change *notes_seal(struct scene *s, struct change *change)
{
	char *text = arena_alloc(&s->a.arena, SIGNATURE_TEXT_SIZE);

	assert_non_null(text);
	assert_int_equal(signature_digest(change->kind, &change->id, &s->patient, &change->row, text), ST_OK);
	agency_set(change, "digest", text);
	return change;
}

/* Every group of the note, with the values that stand, each started from the base; not sealed. */
struct change *notes_whole(struct scene *s, const struct id *note, struct version base, const struct id *signer)
{
	struct change *change = agency_change(&s->a, "note", note, NULL);

	for (size_t g = 0; g < change->kind->group_count; g++)
		agency_group(&s->a, change, change->kind->groups[g].name, base);
	agency_set(change, "status", "signed");
	agency_set_id(&s->a, change, "signed_by", signer);
	agency_set_int(change, "signed_at", NOTES_SIGNED_MS);
	return change;
}

/* Ann's note, which both tablets know. */
struct id notes_draft(struct scene *s)
{
	struct id note = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "note", &note, &s->patient);

	agency_set_id(&s->a, change, "author", &s->ann);
	agency_set(change, "observed", "Steady on her feet.");
	agency_set(change, "plan", "Walk daily.");
	assert_accepted(scene_ann(s, change));
	return note;
}

uint64_t notes_now(struct scene *s)
{
	return s->a.chain.seq;
}

/* What Ann signs having seen all up to `seen`: her own plan, and the rest as she knew it. */
struct change *notes_signature(struct scene *s, const struct id *note, uint64_t seen, const char *plan)
{
	struct change *change = notes_whole(s, note, agency_seq(seen), &s->ann);

	agency_set_id(&s->a, change, "author", &s->ann);
	agency_set(change, "observed", "Steady on her feet.");
	agency_set(change, "coordination", NULL);
	agency_set(change, "plan", plan);
	return notes_seal(s, change);
}

struct change *notes_edit(struct scene *s, const struct id *note, const char *field, struct version base,
			   const char *text)
{
	return scene_edit(s, "note", note, field, base, field, text);
}

static enum status addenda_visit(void *ctx, const struct record *record)
{
	struct notes_addenda *list = ctx;
	const struct value *note = &record->row.values[kind_field(record->kind, "note", 4)];
	size_t at = list->count;
	struct id id;

	if (!id_parse(note->text, note->len, &id) || !id_equal(&id, list->note))
		return ST_OK;
	assert_true(list->count++ < NOTES_ADDENDA_MAX);
	for (; at > 0 && list->seqs[at - 1] > record->created_seq; at--) {
		list->seqs[at] = list->seqs[at - 1];
		list->ids[at] = list->ids[at - 1];
	}
	list->seqs[at] = record->created_seq;
	list->ids[at] = record->id;
	return ST_OK;
}

/* The note's addenda, oldest first. */
struct notes_addenda notes_addenda(struct scene *s, const struct id *note)
{
	struct notes_addenda list = { .note = note };

	assert_int_equal(s->a.store->ops->record_each(s->a.store, agency_kind(&s->a, "addendum"), &s->patient, addenda_visit,
						      &list), ST_OK);
	return list;
}

const char *notes_addendum(struct scene *s, const struct id *note, size_t i, const char *field)
{
	struct notes_addenda list = notes_addenda(s, note);

	assert_true(i < list.count);
	return agency_text(&s->a, "addendum", &list.ids[i], field);
}

const char *notes_id(struct scene *s, const struct id *id)
{
	char *text = arena_alloc(&s->a.arena, ID_TEXT_SIZE);

	assert_non_null(text);
	id_format(id, text);
	return text;
}

void assert_field(struct scene *s, const struct id *note, const char *field, const char *text)
{
	assert_string_equal(agency_text(&s->a, "note", note, field), text);
}

void assert_addendum(struct scene *s, const struct id *note, size_t i, const struct id *author, const char *text)
{
	assert_string_equal(notes_addendum(s, note, i, "text"), text);
	assert_string_equal(notes_addendum(s, note, i, "author"), notes_id(s, author));
	assert_string_equal(notes_addendum(s, note, i, "type"), "addendum");
	assert_string_equal(notes_addendum(s, note, i, "note_digest"), agency_text(&s->a, "note", note, "digest"));
}

void assert_sealed(struct scene *s, const struct id *note)
{
	const struct record *record = agency_record(&s->a, "note", note);

	assert_int_equal(signature_check(record->kind, note, &record->patient, &record->row), ST_OK);
}
