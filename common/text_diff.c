#include "common/text_diff.h"

#include <assert.h>
#include <string.h>

#define BOXES_MAX 64 /* each division halves the script, which has fewer than 2^20 steps; one box waits for each */

/* Part of both texts that is still to be compared: words base_from up to base_to, form_from up to form_to. */
struct box {
	int32_t base_from, base_to, form_from, form_to;
};

struct diff {
	const struct text_units *base, *form;
	/* Words that both texts have: which unit each is, and its number. */
	uint32_t *base_units, *form_units, *base_words, *form_words;
	int32_t base_count, form_count;
	/* How far the paths from either end reach on each diagonal; indexed by base - form, from -form_count - 1. */
	int32_t *ahead, *behind;
	uint8_t *base_changed, *form_changed; /* a flag a unit */
	uint64_t *steps_left;
};

/* --- memory ---------------------------------------------------------------------------------- */

size_t text_diff_room(size_t base_count, size_t form_count, size_t word_count)
{
	const size_t diagonals = base_count + form_count + 3;

	return 2 * TEXT_ALIGNED(base_count * 4) + 2 * TEXT_ALIGNED(form_count * 4) + 2 * TEXT_ALIGNED(diagonals * 4) + TEXT_ALIGNED(base_count) +
	       TEXT_ALIGNED(form_count) + TEXT_ALIGNED(word_count);
}

/* Words that only one of the texts has can be in no match: they are changed, and what is compared is the rest. */
static int32_t keep_shared(const struct text_units *units, const uint8_t *seen, uint32_t *kept, uint32_t *words, uint8_t *changed)
{
	int32_t count = 0;

	changed[0] = 0;
	for (uint32_t i = 1; i < units->count; i++) {
		changed[i] = seen[units->units[i].word] != 3;
		if (changed[i])
			continue;
		kept[count] = i;
		words[count++] = units->units[i].word;
	}
	return count;
}

static void diff_init(struct diff *d, uint32_t word_count, struct text_memory memory)
{
	const size_t base = d->base->count, form = d->form->count;
	uint8_t *seen = text_memory_take(&memory, word_count);

	memset(seen, 0, word_count);
	for (uint32_t i = 1; i < base; i++)
		seen[d->base->units[i].word] |= 1;
	for (uint32_t i = 1; i < form; i++)
		seen[d->form->units[i].word] |= 2;
	d->base_units = text_memory_take(&memory, base * 4);
	d->base_words = text_memory_take(&memory, base * 4);
	d->form_units = text_memory_take(&memory, form * 4);
	d->form_words = text_memory_take(&memory, form * 4);
	d->base_changed = text_memory_take(&memory, base);
	d->form_changed = text_memory_take(&memory, form);
	d->base_count = keep_shared(d->base, seen, d->base_units, d->base_words, d->base_changed);
	d->form_count = keep_shared(d->form, seen, d->form_units, d->form_words, d->form_changed);
	d->ahead = text_memory_take(&memory, (base + form + 3) * 4);
	d->behind = text_memory_take(&memory, (base + form + 3) * 4);
	d->ahead += d->form_count + 1;
	d->behind += d->form_count + 1;
}

/* --- the shortest script --------------------------------------------------------------------- */

/* The diagonals of a box that paths have reached from one of its ends. */
struct reach {
	int32_t low, high;
};

/* One more step to either side; where the box ends the reach shrinks instead. outside: further than any path. */
static void widen(struct reach *reach, int32_t lowest, int32_t highest, int32_t *paths, int32_t outside)
{
	if (reach->low > lowest)
		paths[--reach->low - 1] = outside;
	else
		++reach->low;
	if (reach->high < highest)
		paths[++reach->high + 1] = outside;
	else
		--reach->high;
}

static void spend(struct diff *d, int32_t steps)
{
	assert(steps > 0);
	*d->steps_left -= *d->steps_left < (uint64_t)steps ? *d->steps_left : (uint64_t)steps;
}

/* All paths from the box's start make one more edit and follow what is equal. True if one of them meets a path from the
 * end (only looked for if meets): there the box is divided. */
static bool step_ahead(struct diff *d, const struct box *box, struct reach reach, const struct reach *other, struct box *middle)
{
	for (int32_t k = reach.high; k >= reach.low && *d->steps_left > 0; k -= 2) {
		int32_t base = d->ahead[k - 1] >= d->ahead[k + 1] ? d->ahead[k - 1] + 1 : d->ahead[k + 1];
		int32_t form = base - k;
		const int32_t before = base;

		while (base < box->base_to && form < box->form_to && d->base_words[base] == d->form_words[form]) {
			base++;
			form++;
		}
		d->ahead[k] = base;
		spend(d, base - before + 1);
		if (other != NULL && other->low <= k && k <= other->high && d->behind[k] <= base) {
			middle->base_from = base;
			middle->form_from = form;
			return true;
		}
	}
	return false;
}

/* The same from the box's end. */
static bool step_behind(struct diff *d, const struct box *box, struct reach reach, const struct reach *other, struct box *middle)
{
	for (int32_t k = reach.high; k >= reach.low && *d->steps_left > 0; k -= 2) {
		int32_t base = d->behind[k - 1] < d->behind[k + 1] ? d->behind[k - 1] : d->behind[k + 1] - 1;
		int32_t form = base - k;
		const int32_t before = base;

		while (base > box->base_from && form > box->form_from && d->base_words[base - 1] == d->form_words[form - 1]) {
			base--;
			form--;
		}
		d->behind[k] = base;
		spend(d, before - base + 1);
		if (other != NULL && other->low <= k && k <= other->high && base <= d->ahead[k]) {
			middle->base_from = base;
			middle->form_from = form;
			return true;
		}
	}
	return false;
}

/* A point that lies on a shortest script, about its middle. False: no steps left. */
static bool find_middle(struct diff *d, const struct box *box, struct box *middle)
{
	const int32_t lowest = box->base_from - box->form_to, highest = box->base_to - box->form_from;
	const int32_t start = box->base_from - box->form_from, end = box->base_to - box->form_to;
	const bool odd = ((start - end) & 1) != 0;
	struct reach ahead = { start, start }, behind = { end, end };

	d->ahead[start] = box->base_from;
	d->behind[end] = box->base_to;
	while (*d->steps_left > 0) {
		widen(&ahead, lowest, highest, d->ahead, -1);
		if (step_ahead(d, box, ahead, odd ? &behind : NULL, middle))
			return true;
		widen(&behind, lowest, highest, d->behind, INT32_MAX);
		if (step_behind(d, box, behind, odd ? NULL : &ahead, middle))
			return true;
	}
	return false;
}

/* Leave out what is equal at both ends. */
static void trim(struct diff *d, struct box *box)
{
	while (box->base_from < box->base_to && box->form_from < box->form_to &&
	       d->base_words[box->base_from] == d->form_words[box->form_from]) {
		box->base_from++;
		box->form_from++;
	}
	while (box->base_from < box->base_to && box->form_from < box->form_to &&
	       d->base_words[box->base_to - 1] == d->form_words[box->form_to - 1]) {
		box->base_to--;
		box->form_to--;
	}
}

static void replace(struct diff *d, const struct box *box)
{
	for (int32_t i = box->base_from; i < box->base_to; i++)
		d->base_changed[d->base_units[i]] = 1;
	for (int32_t i = box->form_from; i < box->form_to; i++)
		d->form_changed[d->form_units[i]] = 1;
}

static void compare(struct diff *d)
{
	struct box boxes[BOXES_MAX] = { { 0, d->base_count, 0, d->form_count } };
	size_t count = 1;

	while (count > 0) {
		struct box box = boxes[--count], middle = { 0 };

		trim(d, &box);
		if (box.base_from == box.base_to || box.form_from == box.form_to || !find_middle(d, &box, &middle)) {
			replace(d, &box);
			continue;
		}
		assert(middle.base_from >= box.base_from && middle.base_from <= box.base_to);
		assert(middle.form_from >= box.form_from && middle.form_from <= box.form_to);
		assert(count + 2 <= BOXES_MAX);
		boxes[count++] = (struct box){ middle.base_from, box.base_to, middle.form_from, box.form_to };
		boxes[count++] = (struct box){ box.base_from, middle.base_from, box.form_from, middle.form_from };
	}
}

/* The first unit from here on that is not changed. */
static uint32_t skip_changed(const uint8_t *changed, uint32_t at, uint32_t count)
{
	while (at < count && changed[at])
		at++;
	return at;
}

static uint32_t collect(const struct diff *d, struct text_edit *edits)
{
	const uint32_t base_count = d->base->count, form_count = d->form->count;
	uint32_t base = 0, form = 0, count = 0;

	for (;;) {
		const struct text_edit edit = { base, skip_changed(d->base_changed, base, base_count), form,
						skip_changed(d->form_changed, form, form_count) };

		base = edit.base_to;
		form = edit.form_to;
		if (base > edit.base_from || form > edit.form_from) {
			assert(count < TEXT_EDITS_MAX(base_count, form_count));
			edits[count++] = edit;
		}
		if (base == base_count || form == form_count)
			break;
		assert(d->base->units[base].word == d->form->units[form].word);
		base++;
		form++;
	}
	assert(base == base_count && form == form_count);
	return count;
}

/* --- what suits a reader --------------------------------------------------------------------- */

static uint32_t edit_size(const struct text_edit *edit)
{
	const uint32_t from = edit->base_to - edit->base_from, to = edit->form_to - edit->form_from;

	return from > to ? from : to;
}

static bool line_between(const struct text_units *base, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (base->units[i].kind == TEXT_LINE)
			return true;
	return false;
}

/* Stray words between larger edits become part of one edit. barred: a flag an edit, is there a LF before it? */
static uint32_t join(const struct text_units *base, struct text_edit *edits, uint32_t count, uint8_t *barred)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		barred[kept] = kept > 0 && line_between(base, edits[kept - 1].base_to, edits[i].base_from);
		edits[kept++] = edits[i];
		while (kept > 1 && !barred[kept - 1]) {
			struct text_edit *left = &edits[kept - 2], *right = &edits[kept - 1];
			const uint32_t between = right->base_from - left->base_to;

			if (between >= edit_size(left) || between >= edit_size(right))
				break;
			left->base_to = right->base_to;
			left->form_to = right->form_to;
			kept--;
		}
	}
	return kept;
}

static bool boundary(const struct text_units *units, uint32_t index)
{
	return units->units[index - 1].ends;
}

/* Units from up to to of one text, where the other text is at a point: a pure insertion or deletion. */
struct run {
	const struct text_units *units, *other;
	uint32_t from, to, at;
};

/* Is the run, moved so far, made of whole sentences? */
static bool stands_alone(const struct run *run, int64_t move)
{
	return boundary(run->units, (uint32_t)(run->from + move)) && boundary(run->other, (uint32_t)(run->at + move)) &&
	       boundary(run->units, (uint32_t)(run->to + move));
}

/* How far the run moves: to the last place where it is whole sentences, else to the last; at most so far back and ahead,
 * over words that are equal. */
static int64_t best_move(const struct run *run, uint32_t back_max, uint32_t ahead_max)
{
	const struct text_unit *units = run->units->units;
	uint32_t back = 0, ahead = 0;

	while (back < back_max && units[run->from - back - 1].word == units[run->to - back - 1].word)
		back++;
	while (ahead < ahead_max && units[run->from + ahead].word == units[run->to + ahead].word)
		ahead++;
	for (int64_t move = ahead; move >= -(int64_t)back; move--)
		if (stands_alone(run, move))
			return move;
	return ahead;
}

static void slide(const struct text_units *base, const struct text_units *form, struct text_edit *edits, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct text_edit *edit = &edits[i];
		/* One shared word stays between two edits, and the start is never passed. */
		const uint32_t before = edit->base_from - (i > 0 ? edits[i - 1].base_to : 0) - 1;
		const uint32_t after = i + 1 < count ? edits[i + 1].base_from - edit->base_to - 1 : base->count - edit->base_to;
		const struct run inserted = { form, base, edit->form_from, edit->form_to, edit->base_from };
		const struct run deleted = { base, form, edit->base_from, edit->base_to, edit->form_from };
		int64_t move = 0;

		if (edit->base_from == edit->base_to)
			move = best_move(&inserted, before, after);
		else if (edit->form_from == edit->form_to)
			move = best_move(&deleted, before, after);
		edit->base_from = (uint32_t)(edit->base_from + move);
		edit->base_to = (uint32_t)(edit->base_to + move);
		edit->form_from = (uint32_t)(edit->form_from + move);
		edit->form_to = (uint32_t)(edit->form_to + move);
	}
}

uint32_t text_diff(const struct text_units *base, const struct text_units *form, uint32_t word_count,
		   struct text_memory scratch, uint64_t *steps_left, struct text_edit *edits)
{
	struct diff d = { .base = base, .form = form, .steps_left = steps_left };
	uint32_t count;

	diff_init(&d, word_count, scratch);
	compare(&d);
	count = collect(&d, edits);
	/* The flags of changed words have served. */
	count = join(base, edits, count, d.base_changed);
	slide(base, form, edits, count);
	return count;
}
