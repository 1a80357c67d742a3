#include "common/text_write.h"

#include <assert.h>
#include <string.h>

static const struct text_place START = { 0, 0, 0 };

/* One of the results: what has been written and its last unit, whose blanks wait for what comes behind. */
struct stream {
	char *at;
	size_t len, room;
	struct text_place last;
	bool gap;   /* blanks have been written since */
	bool joins; /* the last unit is a mark right behind a word: a word right behind it would make the three one word */
};

struct writer {
	const struct text_units *texts;
	struct stream merged, other;
	struct text_spot *spots;
	size_t spot_count;
	bool open; /* the last spot's end is not known yet */
};

/* --- pieces ---------------------------------------------------------------------------------- */

static uint32_t moved(uint32_t at, uint32_t count)
{
	return at == TEXT_NOWHERE ? TEXT_NOWHERE : at + count;
}

static struct text_place place_moved(struct text_place at, uint32_t count)
{
	return (struct text_place){ moved(at.base, count), moved(at.current, count), moved(at.proposed, count) };
}

void text_pieces_add(struct text_pieces *pieces, struct text_place at, uint32_t count)
{
	if (count == 0)
		return;
	if (pieces->count > 0 && !pieces->at[pieces->count - 1].spot) {
		struct text_piece *last = &pieces->at[pieces->count - 1];
		const struct text_place next = place_moved(last->at, last->count);

		if (next.base == at.base && next.current == at.current && next.proposed == at.proposed) {
			last->count += count;
			return;
		}
	}
	assert(pieces->count < pieces->max);
	pieces->at[pieces->count++] = (struct text_piece){ .at = at, .count = count };
}

void text_pieces_add_spot(struct text_pieces *pieces, struct text_place at, struct text_place to)
{
	assert(to.current > at.current || to.proposed > at.proposed);
	assert(pieces->count < pieces->max);
	pieces->at[pieces->count++] = (struct text_piece){
		at, to.current - at.current, to.proposed - at.proposed, to.base - at.base, true
	};
}

/* --- blanks ---------------------------------------------------------------------------------- */

static bool same_text(struct text a, struct text b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool follows(uint32_t last, uint32_t next)
{
	return last != TEXT_NOWHERE && next == last + 1;
}

static struct text blanks(const struct text_units *units, uint32_t index)
{
	return index == TEXT_NOWHERE ? (struct text){ "", 0 } : text_words_blanks(units, index);
}

/* A unit that is at this place, in a text that has it. */
static const struct text_unit *unit_at(const struct writer *w, struct text_place at)
{
	if (at.current != TEXT_NOWHERE)
		return &w->texts[1].units[at.current];
	assert(at.proposed != TEXT_NOWHERE);
	return &w->texts[2].units[at.proposed];
}

/* Between two units that stand side by side in no text. At a line's end blanks would not be seen. */
static struct text blanks_between_strangers(const struct writer *w, struct text_place last, struct text_place next)
{
	const struct text_unit *unit = unit_at(w, last);
	struct text kept = blanks(&w->texts[1], last.current);

	if (unit_at(w, next)->kind == TEXT_LINE)
		return (struct text){ "", 0 };
	if (kept.len == 0)
		kept = blanks(&w->texts[2], last.proposed);
	if (kept.len > 0 || unit->kind == TEXT_LINE || unit->kind == TEXT_START)
		return kept;
	return (struct text){ unit->stop ? " " : "\n", 1 };
}

/* The blanks of a unit that all three have, where only its own form goes on as the result does: the other's if that alone
 * changed them, but never none, which could glue together what comes behind. */
static struct text blanks_of_one(struct text base, struct text own, struct text other)
{
	return same_text(own, base) && other.len > 0 ? other : own;
}

/* The blanks behind last before next, where no joint is made: of the texts in which the one follows the other, those that were changed. The
 * sentinel behind the last unit of each text is of kind TEXT_LINE, so an end is next to a line's. */
static struct text blanks_of_texts(const struct writer *w, struct text_place last, struct text_place next)
{
	const bool current = follows(last.current, next.current), proposed = follows(last.proposed, next.proposed);
	const bool shared = last.base != TEXT_NOWHERE && last.current != TEXT_NOWHERE && last.proposed != TEXT_NOWHERE;
	const struct text base_blanks = blanks(&w->texts[0], last.base);
	const struct text current_blanks = blanks(&w->texts[1], last.current);
	const struct text proposed_blanks = blanks(&w->texts[2], last.proposed);

	if (current && proposed)
		return follows(last.base, next.base) && same_text(current_blanks, base_blanks) ? proposed_blanks : current_blanks;
	if (current)
		return shared ? blanks_of_one(base_blanks, current_blanks, proposed_blanks) : current_blanks;
	if (proposed)
		return shared ? blanks_of_one(base_blanks, proposed_blanks, current_blanks) : proposed_blanks;
	return blanks_between_strangers(w, last, next);
}

static struct text blanks_between(const struct writer *w, const struct stream *stream, struct text_place next)
{
	const struct text kept = blanks_of_texts(w, stream->last, next);

	/* One side closed the gap before the mark, the other the one behind it: "5 . 5" is not to become "5.5". */
	if (kept.len == 0 && stream->joins && unit_at(w, next)->kind == TEXT_WORD)
		return (struct text){ " ", 1 };
	return kept;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put(struct stream *stream, struct text text)
{
	assert(text.len <= stream->room - stream->len);
	memcpy(stream->at + stream->len, text.at, text.len);
	stream->len += text.len;
}

static void put_blank(struct stream *stream, struct text blank)
{
	put(stream, blank);
	stream->gap = blank.len > 0;
}

static void put_unit(const struct writer *w, struct stream *stream, struct text_place at)
{
	const bool current = at.current != TEXT_NOWHERE;
	const struct text_units *units = &w->texts[current ? 1 : 2];
	const struct text_unit *unit = unit_at(w, at);

	stream->joins = unit_at(w, stream->last)->kind == TEXT_WORD && !stream->gap &&
			text_words_joins(units, current ? at.current : at.proposed);
	put(stream, (struct text){ units->text.at + unit->at, unit->len });
	stream->last = at;
}

/* Units of one text that go into one result. */
static void put_run(const struct writer *w, struct stream *stream, struct text_place at, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct text_place here = place_moved(at, i);

		if (i > 0)
			put_blank(stream, blanks_between(w, stream, here));
		put_unit(w, stream, here);
	}
}

static void close_spot(struct writer *w)
{
	struct text_spot *spot = &w->spots[w->spot_count - 1];

	spot->len = (uint32_t)w->merged.len - spot->at;
	spot->other_len = (uint32_t)w->other.len - spot->other_at;
	w->open = false;
}

static void open_spot(struct writer *w, const struct text_piece *piece)
{
	const struct text_unit *base = &w->texts[0].units[piece->at.base];
	const struct text_unit *last = base + piece->base_count - 1;
	struct text_spot spot = { .at = (uint32_t)w->merged.len, .other_at = (uint32_t)w->other.len, .base_at = base->at };

	if (piece->base_count > 0)
		spot.base_len = last->at + last->len - base->at;
	w->spots[w->spot_count++] = spot;
	w->open = true;
}

/* What both results go on with: the blanks before it, which belong to a spot before them if they differ there. */
static void put_blanks(struct writer *w, struct text_place next)
{
	const struct text merged = blanks_between(w, &w->merged, next), other = blanks_between(w, &w->other, next);
	const bool alike = same_text(merged, other);

	assert(w->open || alike);
	if (w->open && alike)
		close_spot(w);
	put_blank(&w->merged, merged);
	put_blank(&w->other, other);
	if (w->open)
		close_spot(w);
}

static void put_shared(struct writer *w, const struct text_piece *piece)
{
	for (uint32_t i = 0; i < piece->count; i++) {
		const struct text_place here = place_moved(piece->at, i);

		put_blanks(w, here);
		put_unit(w, &w->merged, here);
		put_unit(w, &w->other, here);
	}
}

static void put_spot(struct writer *w, const struct text_piece *piece)
{
	const struct text_place current = { TEXT_NOWHERE, piece->at.current, TEXT_NOWHERE };
	const struct text_place proposed = { TEXT_NOWHERE, TEXT_NOWHERE, piece->at.proposed };
	const struct text none = { "", 0 };
	const struct text merged = piece->count > 0 ? blanks_between(w, &w->merged, current) : none;
	const struct text other = piece->proposed_count > 0 ? blanks_between(w, &w->other, proposed) : none;
	/* The blanks before it belong to the spot where they differ. */
	const bool alike = piece->count > 0 && piece->proposed_count > 0 && same_text(merged, other);

	if (w->open)
		close_spot(w);
	if (!alike)
		open_spot(w, piece);
	put_blank(&w->merged, merged);
	put_blank(&w->other, other);
	if (alike)
		open_spot(w, piece);
	put_run(w, &w->merged, current, piece->count);
	put_run(w, &w->other, proposed, piece->proposed_count);
}

void text_write(const struct text_units texts[3], const struct text_pieces *pieces, char *memory, size_t room, struct text_merge *out)
{
	const size_t len_max = TEXT_WRITE_MAX(texts[1].text.len, texts[2].text.len);
	struct writer w = { .texts = texts };
	size_t spot_max = 0;

	for (size_t i = 0; i < pieces->count; i++)
		spot_max += pieces->at[i].spot;
	assert(spot_max * sizeof *w.spots + 2 * len_max <= room);
	w.spots = (struct text_spot *)(void *)memory;
	w.merged = (struct stream){ memory + spot_max * sizeof *w.spots, 0, len_max, START, false, false };
	w.other = (struct stream){ w.merged.at + len_max, 0, len_max, START, false, false };
	for (size_t i = 0; i < pieces->count; i++) {
		if (pieces->at[i].spot)
			put_spot(&w, &pieces->at[i]);
		else
			put_shared(&w, &pieces->at[i]);
	}
	put_blanks(&w, (struct text_place){ texts[0].count, texts[1].count, texts[2].count });
	assert(w.spot_count == spot_max);
	out->merged = w.merged.at;
	out->merged_len = w.merged.len;
	out->other = spot_max > 0 ? w.other.at : w.merged.at;
	out->other_len = spot_max > 0 ? w.other.len : w.merged.len;
	out->spots = w.spots;
	out->spot_count = spot_max;
}
