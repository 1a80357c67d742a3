#include "common/text.h"

#include <assert.h>
#include <string.h>

#include "common/text_diff.h"
#include "common/text_write.h"
#include "common/value.h"

/* One of the two forms, and how far its edits have been walked through. */
struct side {
	const struct text_units *form;
	struct text_edit *edits;
	uint32_t count;
	uint32_t next;  /* the first edit that ends at or behind the point last looked at */
	uint32_t taken; /* edits that belong to pieces cut off already */
};

/* What lies between two cuts, and each side's edits in it. */
struct stretch {
	struct text_place from, to; /* boundaries of sentences in all three */
	const struct text_edit *current, *proposed;
	uint32_t current_count, proposed_count;
};

struct merge {
	struct text_units texts[3]; /* base, current, proposed */
	struct side current, proposed;
	struct text_pieces pieces;
};

/* --- memory ---------------------------------------------------------------------------------- */

/* A power of two that leaves at least a third of the slots free. */
static size_t slots_for(size_t words)
{
	size_t slots = 16;

	while (slots < words + words / 2)
		slots *= 2;
	return slots;
}

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t text_merge_room(size_t base_len, size_t current_len, size_t proposed_len)
{
	const size_t base = TEXT_UNITS_MAX(base_len), current = TEXT_UNITS_MAX(current_len), proposed = TEXT_UNITS_MAX(proposed_len);
	const size_t words = base + current + proposed;
	const size_t current_edits = TEXT_EDITS_MAX(base, current), proposed_edits = TEXT_EDITS_MAX(base, proposed);
	const size_t edits = current_edits + proposed_edits;
	/* A place in conflict has an edit of each side. */
	const size_t spots = current_edits < proposed_edits ? current_edits : proposed_edits;
	const size_t scratch = max_size(slots_for(words) * sizeof(uint32_t),
					max_size(text_diff_room(base, current, words), text_diff_room(base, proposed, words)));
	const size_t results = TEXT_PIECES_MAX(current + proposed, edits) * sizeof(struct text_piece) + (spots + 1) * sizeof(struct text_spot) +
			       2 * TEXT_WRITE_MAX(current_len, proposed_len);

	/* Numbering and comparing are over when the result is made. */
	return words * sizeof(struct text_unit) + edits * sizeof(struct text_edit) + max_size(scratch, results) + (size_t)16 * 16;
}

/* --- cuts ------------------------------------------------------------------------------------ */

static bool boundary(const struct text_units *units, uint32_t index)
{
	assert(index >= 1 && index <= units->count);
	return units->units[index - 1].ends;
}

static bool same_words(const struct text_units *a, uint32_t a_at, const struct text_units *b, uint32_t b_at, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a->units[a_at + i].word != b->units[b_at + i].word)
			return false;
	return true;
}

/* Where a point of the base is in a form: nowhere inside an edit, before and behind a pure insertion, else at one place.
 * fits: is there the boundary of a sentence? */
struct places {
	uint32_t at[2];
	bool fits[2];
	bool insertion; /* what is between the two places is new */
};

/* base only grows from call to call. */
static struct places find_places(struct side *side, uint32_t base)
{
	struct places places = { .insertion = false };

	while (side->next < side->count && side->edits[side->next].base_to < base)
		side->next++;
	if (side->next < side->count && side->edits[side->next].base_from <= base) {
		const struct text_edit *edit = &side->edits[side->next];

		if (edit->base_from < base && base < edit->base_to)
			return places;
		places.insertion = edit->base_from == edit->base_to;
		places.at[0] = edit->base_from == base ? edit->form_from : edit->form_to;
		places.at[1] = edit->form_to;
	} else {
		const struct text_edit *before = side->next > 0 ? &side->edits[side->next - 1] : NULL;

		places.at[0] = before != NULL ? base - before->base_to + before->form_to : base;
	}
	places.fits[0] = boundary(side->form, places.at[0]);
	places.fits[1] = places.insertion && boundary(side->form, places.at[1]);
	return places;
}

/* The edits up to a cut that no piece has yet. */
static const struct text_edit *take_edits(struct side *side, uint32_t base_to, uint32_t form_to, uint32_t *count_out)
{
	const struct text_edit *first = &side->edits[side->taken];

	*count_out = 0;
	while (side->taken < side->count && side->edits[side->taken].base_to <= base_to && side->edits[side->taken].form_to <= form_to) {
		side->taken++;
		++*count_out;
	}
	return first;
}

/* --- what both changed ------------------------------------------------------------------------ */

static bool same_edit(const struct merge *m, const struct text_edit *current, const struct text_edit *proposed)
{
	const uint32_t len = current->form_to - current->form_from;

	return current->base_from == proposed->base_from && current->base_to == proposed->base_to &&
	       len == proposed->form_to - proposed->form_from &&
	       same_words(m->current.form, current->form_from, m->proposed.form, proposed->form_from, len);
}

static bool any_careful(const struct text_units *units, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (text_words_careful(units, i))
			return true;
	return false;
}

static bool holds_careful(const struct merge *m, const struct stretch *s)
{
	return any_careful(&m->texts[0], s->from.base, s->to.base) || any_careful(&m->texts[1], s->from.current, s->to.current) ||
	       any_careful(&m->texts[2], s->from.proposed, s->to.proposed);
}

static bool any_word(const struct text_units *units, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (units->units[i].kind == TEXT_WORD || units->units[i].kind == TEXT_CJK)
			return true;
	return false;
}

/* The edits of a stretch in order, those of both alike as one. */
struct walk {
	const struct merge *merge;
	const struct stretch *stretch;
	uint32_t current_next, proposed_next;
	const struct text_edit *edit; /* the one stood at, in the words of current where it is current's */
	bool current, proposed;       /* whose it is */
};

/* On to the next edit; false: no more. Edits that overlap come in the order of their beginnings. */
static bool walk_step(struct walk *walk)
{
	const struct stretch *s = walk->stretch;
	const struct text_edit *current = &s->current[walk->current_next], *proposed = &s->proposed[walk->proposed_next];

	walk->current = walk->current_next < s->current_count;
	walk->proposed = walk->proposed_next < s->proposed_count;
	if (walk->current && walk->proposed && !same_edit(walk->merge, current, proposed)) {
		walk->current = current->base_from <= proposed->base_from;
		walk->proposed = !walk->current;
	}
	walk->edit = walk->current ? current : proposed;
	walk->current_next += walk->current;
	walk->proposed_next += walk->proposed;
	return walk->current || walk->proposed;
}

/* Do edits of the two sides overlap, or is no unchanged word between them? What both did alike is nobody's. */
static bool clashes(const struct merge *m, const struct stretch *s)
{
	struct walk walk = { .merge = m, .stretch = s };
	uint32_t at = s->from.base;
	bool current_near = false, proposed_near = false; /* no unchanged word since that side's last edit */

	while (walk_step(&walk)) {
		if (walk.edit->base_from < at)
			return true;
		if (any_word(&m->texts[0], at, walk.edit->base_from))
			current_near = proposed_near = false;
		at = walk.edit->base_to;
		if (walk.current && walk.proposed)
			continue;
		if (walk.current ? proposed_near : current_near)
			return true;
		current_near = current_near || walk.current;
		proposed_near = proposed_near || walk.proposed;
	}
	return false;
}

/* --- pieces ---------------------------------------------------------------------------------- */

/* Both sides' edits stand. None overlap. */
static void add_merged(struct merge *m, const struct stretch *s)
{
	struct walk walk = { .merge = m, .stretch = s };
	struct text_place at = s->from;

	while (walk_step(&walk)) {
		const struct text_edit *edit = walk.edit;
		const uint32_t shared = edit->base_from - at.base, gone = edit->base_to - edit->base_from;
		const uint32_t come = edit->form_to - edit->form_from;

		assert(edit->base_from >= at.base);
		text_pieces_add(&m->pieces, at, shared);
		at = (struct text_place){ edit->base_from, at.current + shared, at.proposed + shared };
		text_pieces_add(&m->pieces,
				(struct text_place){ TEXT_NOWHERE, walk.current ? at.current : TEXT_NOWHERE,
						     walk.proposed ? at.proposed : TEXT_NOWHERE },
				come);
		at.base += gone;
		at.current += walk.current ? come : gone;
		at.proposed += walk.proposed ? come : gone;
	}
	text_pieces_add(&m->pieces, at, s->to.base - at.base);
	assert(at.current + (s->to.base - at.base) == s->to.current);
	assert(at.proposed + (s->to.base - at.base) == s->to.proposed);
}

/* How many units both begin with that are whole sentences, no LF behind the last of them counted. */
static uint32_t same_beginning(const struct merge *m, const struct stretch *s)
{
	const struct text_units *current = &m->texts[1], *proposed = &m->texts[2];
	uint32_t len = 0, whole = 0;

	while (s->from.current + len < s->to.current && s->from.proposed + len < s->to.proposed &&
	       same_words(current, s->from.current + len, proposed, s->from.proposed + len, 1)) {
		const struct text_unit *unit = &current->units[s->from.current + len];

		len++;
		if (unit->kind != TEXT_LINE && boundary(current, s->from.current + len) && boundary(proposed, s->from.proposed + len))
			whole = len;
	}
	/* All of the shorter one: what follows in the longer is its own, LFs too. */
	if (s->from.current + len == s->to.current || s->from.proposed + len == s->to.proposed)
		whole = len;
	return whole;
}

/* How many units both end with that are whole sentences, no LF before the first of them counted. */
static uint32_t same_end(const struct merge *m, const struct stretch *s, uint32_t beginning)
{
	const struct text_units *current = &m->texts[1], *proposed = &m->texts[2];
	uint32_t len = 0, whole = 0;

	while (s->from.current + beginning + len < s->to.current && s->from.proposed + beginning + len < s->to.proposed &&
	       same_words(current, s->to.current - len - 1, proposed, s->to.proposed - len - 1, 1)) {
		const struct text_unit *unit = &current->units[s->to.current - len - 1];

		len++;
		if (unit->kind != TEXT_LINE && boundary(current, s->to.current - len) && boundary(proposed, s->to.proposed - len))
			whole = len;
	}
	if (s->from.current + beginning + len == s->to.current || s->from.proposed + beginning + len == s->to.proposed)
		whole = len;
	return whole;
}

/* New sentences of both. */
static void add_new(struct merge *m, const struct stretch *s)
{
	const uint32_t beginning = same_beginning(m, s), end = same_end(m, s, beginning);
	const uint32_t current = s->to.current - s->from.current - beginning - end;
	const uint32_t proposed = s->to.proposed - s->from.proposed - beginning - end;

	text_pieces_add(&m->pieces, (struct text_place){ TEXT_NOWHERE, s->from.current, s->from.proposed }, beginning);
	text_pieces_add(&m->pieces, (struct text_place){ TEXT_NOWHERE, s->from.current + beginning, TEXT_NOWHERE }, current);
	text_pieces_add(&m->pieces, (struct text_place){ TEXT_NOWHERE, TEXT_NOWHERE, s->from.proposed + beginning }, proposed);
	text_pieces_add(&m->pieces, (struct text_place){ TEXT_NOWHERE, s->to.current - end, s->to.proposed - end }, end);
}

static void add_stretch(struct merge *m, const struct stretch *s)
{
	const uint32_t current = s->to.current - s->from.current, proposed = s->to.proposed - s->from.proposed;
	const bool both = s->current_count > 0 && s->proposed_count > 0;

	if (both && current == proposed && same_words(&m->texts[1], s->from.current, &m->texts[2], s->from.proposed, current))
		text_pieces_add(&m->pieces, (struct text_place){ TEXT_NOWHERE, s->from.current, s->from.proposed }, current);
	else if (both && s->from.base == s->to.base)
		add_new(m, s);
	else if (both && (holds_careful(m, s) || clashes(m, s)))
		text_pieces_add_spot(&m->pieces, s->from, s->to);
	else
		add_merged(m, s);
}

static void cut_here(struct merge *m, struct text_place *last, struct text_place here)
{
	struct stretch s = { .from = *last, .to = here };

	if (here.base == last->base && here.current == last->current && here.proposed == last->proposed)
		return;
	assert(here.base >= last->base && here.current >= last->current && here.proposed >= last->proposed);
	s.current = take_edits(&m->current, here.base, here.current, &s.current_count);
	s.proposed = take_edits(&m->proposed, here.base, here.proposed, &s.proposed_count);
	add_stretch(m, &s);
	*last = here;
}

/* Do insertions of both sides at one point belong together? New sentences of both do, and what begins or ends alike. */
static bool together(const struct merge *m, const struct places *current, const struct places *proposed)
{
	const struct text_units *a = &m->texts[1], *b = &m->texts[2];

	if (!current->insertion || !proposed->insertion)
		return false;
	return (current->fits[0] && current->fits[1] && proposed->fits[0] && proposed->fits[1]) ||
	       same_words(a, current->at[0], b, proposed->at[0], 1) || same_words(a, current->at[1] - 1, b, proposed->at[1] - 1, 1);
}

static void cut_all(struct merge *m)
{
	const struct text_units *base = &m->texts[0];
	struct text_place last = { 1, 1, 1 };

	for (uint32_t at = 1; at <= base->count; at++) {
		struct places current, proposed;
		bool apart;

		if (!boundary(base, at))
			continue;
		current = find_places(&m->current, at);
		proposed = find_places(&m->proposed, at);
		apart = !together(m, &current, &proposed);
		for (size_t i = 0; i < 2; i++)
			for (size_t k = 0; k < 2; k++)
				if (current.fits[i] && proposed.fits[k] && (apart || i == k))
					cut_here(m, &last, (struct text_place){ at, current.at[i], proposed.at[k] });
	}
	assert(last.base == base->count && last.current == m->texts[1].count && last.proposed == m->texts[2].count);
	assert(m->current.taken == m->current.count && m->proposed.taken == m->proposed.count);
}

/* --- the whole ------------------------------------------------------------------------------- */

static struct side compare(const struct text_units *base, const struct text_units *form, uint32_t words, struct text_memory *memory,
			   uint64_t *steps_left)
{
	struct side side = { .form = form };

	side.edits = text_memory_take(memory, TEXT_EDITS_MAX(base->count, form->count) * sizeof *side.edits);
	side.count = text_diff(base, form, words, *memory, steps_left, side.edits);
	return side;
}

/* Without a base: the whole text is in conflict, or the same. */
static void merge_unknown(const struct text *current, const struct text *proposed, struct text_memory *memory, struct text_merge *out)
{
	struct text_spot *spot = text_memory_take(memory, sizeof *spot);

	*spot = (struct text_spot){ .len = (uint32_t)current->len, .other_len = (uint32_t)proposed->len };
	*out = (struct text_merge){ current->at, proposed->at, current->len, proposed->len, spot, 1, 0 };
	if (current->len == proposed->len && memcmp(current->at, proposed->at, current->len) == 0)
		*out = (struct text_merge){ current->at, current->at, current->len, current->len, spot, 0, 0 };
}

static void merge_known(const struct text forms[3], struct text_memory *memory, struct text_merge *out)
{
	struct merge m = { .pieces = { .count = 0 } };
	uint64_t steps_number = TEXT_MERGE_STEPS_MAX / 3, steps_current = steps_number, steps_proposed = steps_number;
	struct text_memory scratch;
	uint32_t words = 0;
	size_t slots;

	for (size_t i = 0; i < 3; i++) {
		text_words_cut(&forms[i], text_memory_take(memory, 0), &m.texts[i]);
		(void)text_memory_take(memory, (m.texts[i].count + 1) * sizeof(struct text_unit));
		words += m.texts[i].count;
	}
	slots = slots_for(words);
	scratch = *memory;
	text_words_number(m.texts, 3, text_memory_take(&scratch, slots * sizeof(uint32_t)), slots, &steps_number);
	m.current = compare(&m.texts[0], &m.texts[1], words, memory, &steps_current);
	m.proposed = compare(&m.texts[0], &m.texts[2], words, memory, &steps_proposed);
	m.pieces.max = TEXT_PIECES_MAX(m.texts[1].count + m.texts[2].count, m.current.count + m.proposed.count);
	m.pieces.at = text_memory_take(memory, m.pieces.max * sizeof(struct text_piece));
	cut_all(&m);
	out->steps = TEXT_MERGE_STEPS_MAX / 3 * 3 - steps_number - steps_current - steps_proposed;
	text_write(m.texts, &m.pieces, memory->at, memory->left, out);
}

void text_merge(const struct text *base, const struct text *current, const struct text *proposed, void *memory, size_t room,
		struct text_merge *out)
{
	/* No pointer of a text is NULL from here on, not even of an empty one. */
	const struct text forms[3] = { { base != NULL && base->len > 0 ? base->at : "", base != NULL ? base->len : 0 },
				       { current->len > 0 ? current->at : "", current->len },
				       { proposed->len > 0 ? proposed->at : "", proposed->len } };
	struct text_memory all = { memory, room };

	for (size_t i = 0; i < 3; i++)
		assert(forms[i].len <= TEXT_MERGE_MAX && utf8_valid(forms[i].at, forms[i].len));
	assert(room >= text_merge_room(forms[0].len, forms[1].len, forms[2].len));
	if (base == NULL)
		merge_unknown(&forms[1], &forms[2], &all, out);
	else
		merge_known(forms, &all, out);
	assert(out->spot_count > 0 || out->merged == out->other);
}
