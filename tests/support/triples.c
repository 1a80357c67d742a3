#include "tests/support/triples.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ATOMS_MAX 220
#define EDITS_MAX 5

struct random {
	uint64_t state;
};

/* A word or mark and the blanks behind it. */
struct atom {
	const char *word, *blank;
};

struct note {
	struct atom atoms[ATOMS_MAX];
	size_t count;
};

static const char *const WORDS[] = {
	"pain",   "walks",  "Maria",  "patient", "reports", "good",	"appetite", "the",	 "a",	   "and",     "with",
	"sleeps", "well",   "better", "family",  "visited", "wound",	"dry",	    "son",	 "helps",  "bathing", "He",
	"She",	  "Dr",	    "calm",   "b.i.d",	 "dolor",   "niega",	"mg",	    "5",	 "500",	   "120/80",  "10:30",
	"left",	  "right",  "no",     "not",	 "denies",  "twice",	"daily",    "5.5",	 "Monday", "doesn't", "nego\xCC\x81",
	"疼",	  "痛",	    "左",     "手",	 "か\xE3\x82\x99", "👍🏽", "👨‍👩‍👧",	    "🇪🇸",	 "كتف",	   "ألم",     "שלום",
};
static const char *const BLANKS[] = { " ", " ", " ", " ", " ", " ", "  ", "\t", "\xC2\xA0", "" };
static const char *const STOPS[] = { ".", ".", ".", ".", "!", "?", ".)", "。", "...", ".\"" };
static const char *const CHARS[] = {
	"a", "B", "5", ".", ".", ",", "-", " ", " ", " ", "\n", "\n", "\xCC\x81", "\xE2\x80\x8D", "👍", "🏽", "\xEF\xB8\x8F",
	"🇪", "左", "な", "。", "!", "\"", ")", "'", "é", "É", "no", "5 mg", "\xE2\x80\x8F", "\xC2\xA0", "\r", "\x01", "it", ". A",
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* splitmix64 */
static uint64_t draw(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static size_t pick(struct random *random, size_t below)
{
	return (size_t)(draw(random) % below);
}

static struct atom word_atom(struct random *random)
{
	return (struct atom){ WORDS[pick(random, COUNT(WORDS))], BLANKS[pick(random, COUNT(BLANKS))] };
}

/* --- notes ----------------------------------------------------------------------------------- */

static void insert_atom(struct note *note, size_t at, struct atom atom)
{
	if (note->count == ATOMS_MAX)
		return;
	memmove(&note->atoms[at + 1], &note->atoms[at], (note->count - at) * sizeof *note->atoms);
	note->atoms[at] = atom;
	note->count++;
}

static void delete_atoms(struct note *note, size_t from, size_t to)
{
	memmove(&note->atoms[from], &note->atoms[to], (note->count - to) * sizeof *note->atoms);
	note->count -= to - from;
}

/* A sentence or an item of a list; returns where it ends. */
static size_t insert_sentence(struct random *random, struct note *note, size_t at)
{
	const size_t words = 1 + pick(random, 7);
	const bool item = pick(random, 5) == 0;

	if (item)
		insert_atom(note, at++, (struct atom){ "-", " " });
	for (size_t i = 0; i < words && at <= note->count; i++) {
		struct atom atom = word_atom(random);

		if (i + 1 == words && !item)
			atom.blank = "";
		if (note->count < ATOMS_MAX)
			insert_atom(note, at++, atom);
	}
	if (note->count == ATOMS_MAX)
		return at;
	if (item)
		insert_atom(note, at++, (struct atom){ "\n", "" });
	else
		insert_atom(note, at++, (struct atom){ STOPS[pick(random, COUNT(STOPS))], pick(random, 6) == 0 ? "\n" : " " });
	return at;
}

static bool ends_sentence(const struct atom *atom)
{
	return strchr(".!?\n", atom->word[0]) != NULL || strcmp(atom->blank, "\n") == 0;
}

/* The sentence (or what random edits left of one) around here. */
static void sentence_around(const struct note *note, size_t at, size_t *from, size_t *to)
{
	*from = at;
	*to = at;
	while (*from > 0 && !ends_sentence(&note->atoms[*from - 1]))
		--*from;
	while (*to < note->count && !ends_sentence(&note->atoms[*to]))
		++*to;
	if (*to < note->count)
		++*to;
}

static void move_sentence(struct random *random, struct note *note, size_t from, size_t to)
{
	struct atom moved[ATOMS_MAX];
	const size_t count = to - from;
	size_t at, after;

	memcpy(moved, &note->atoms[from], count * sizeof *moved);
	delete_atoms(note, from, to);
	if (note->count == 0)
		at = 0;
	else
		sentence_around(note, pick(random, note->count), &at, &after);
	for (size_t i = 0; i < count; i++)
		insert_atom(note, at + i, moved[i]);
}

static void edit_sentences(struct random *random, struct note *note, size_t at)
{
	size_t from, to;

	sentence_around(note, at, &from, &to);
	switch (pick(random, 4)) {
	case 0:
		delete_atoms(note, from, to);
		break;
	case 1:
		move_sentence(random, note, from, to);
		break;
	case 2:
		delete_atoms(note, from, to);
		(void)insert_sentence(random, note, from);
		break;
	default:
		(void)insert_sentence(random, note, from);
	}
}

static void edit_words(struct random *random, struct note *note, size_t at)
{
	switch (pick(random, 5)) {
	case 0:
		insert_atom(note, at, word_atom(random));
		break;
	case 1:
		delete_atoms(note, at, at + 1);
		break;
	case 2:
		note->atoms[at].blank = BLANKS[pick(random, COUNT(BLANKS))];
		break;
	default:
		note->atoms[at].word = WORDS[pick(random, COUNT(WORDS))];
	}
}

static void edit(struct random *random, struct note *note)
{
	if (note->count == 0 || pick(random, 6) == 0)
		(void)insert_sentence(random, note, note->count);
	else if (pick(random, 3) == 0)
		edit_sentences(random, note, pick(random, note->count));
	else
		edit_words(random, note, pick(random, note->count));
}

static struct text note_write(const struct note *note, char *room)
{
	size_t len = 0;

	for (size_t i = 0; i < note->count; i++) {
		const char *const parts[] = { note->atoms[i].word, note->atoms[i].blank };

		for (size_t k = 0; k < COUNT(parts); k++) {
			const size_t part = strlen(parts[k]);

			if (part > TRIPLE_LEN_MAX - len)
				abort();
			memcpy(room + len, parts[k], part);
			len += part;
		}
	}
	return (struct text){ room, len };
}

static void make_notes(struct random *random, struct triple *triple)
{
	struct note base = { .count = 0 }, forms[2];
	const size_t sentences = pick(random, 7), same = pick(random, 4) == 0 ? 1 + pick(random, 2) : 0;

	for (size_t i = 0; i < sentences; i++)
		(void)insert_sentence(random, &base, base.count);
	forms[0] = base;
	for (size_t i = 0; i < same; i++)
		edit(random, &forms[0]);
	forms[1] = forms[0];
	for (size_t side = 0; side < 2; side++) {
		const size_t edits = pick(random, EDITS_MAX);

		for (size_t i = 0; i < edits; i++)
			edit(random, &forms[side]);
	}
	triple->base = note_write(&base, triple->room[0]);
	triple->current = note_write(&forms[0], triple->room[1]);
	triple->proposed = note_write(&forms[1], triple->room[2]);
}

/* --- strings --------------------------------------------------------------------------------- */

static void make_strings(struct random *random, struct triple *triple)
{
	struct note base = { .count = pick(random, 24) }, forms[2];

	for (size_t i = 0; i < base.count; i++)
		base.atoms[i] = (struct atom){ CHARS[pick(random, COUNT(CHARS))], "" };
	for (size_t side = 0; side < 2; side++) {
		const size_t edits = pick(random, EDITS_MAX);

		forms[side] = base;
		for (size_t i = 0; i < edits; i++) {
			const size_t at = pick(random, forms[side].count + 1);

			if (at < forms[side].count && pick(random, 2) == 0)
				delete_atoms(&forms[side], at, at + 1);
			if (pick(random, 3) != 0)
				insert_atom(&forms[side], at < forms[side].count ? at : forms[side].count,
					    (struct atom){ CHARS[pick(random, COUNT(CHARS))], "" });
		}
	}
	triple->base = note_write(&base, triple->room[0]);
	triple->current = note_write(&forms[0], triple->room[1]);
	triple->proposed = note_write(&forms[1], triple->room[2]);
}

void triple_make(struct triple *triple, uint64_t seed)
{
	struct random random = { seed * UINT64_C(0xD1342543DE82EF95) };

	if (pick(&random, 5) == 0)
		make_strings(&random, triple);
	else
		make_notes(&random, triple);
}
