/* The merge of common/text.h against another one: git's (libgit2, for this test alone), given one token a line. Git
 * knows nothing of sentences and care, so the two differ often; each difference must have one of the reasons below,
 * and each reason is checked in the triple, not assumed.
 *
 *   TRIPLES=n   how many (100,000)    FROM=n  the first seed (1)    SEED=n  this one alone, printed
 */
#include <git2.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/text_diff.h"
#include "tests/support/seeds.h"
#include "tests/support/triples.h"

#define FAILURES_SHOWN 5
#define UNITS_ROOM ((size_t)TRIPLE_LEN_MAX + 2)
#define SLOTS 65536

enum met {
	MET_SAME,
	MET_BOTH_CONFLICT,
	/* Git merges, ours is a conflict. Each spot has the first of these that holds: */
	MET_CAREFUL,      /* it holds a careful word */
	MET_NO_WORD,      /* there is no unchanged word between the edits, marks or nothing */
	MET_STRAY,        /* stray words between edits of one side count as edited */
	MET_ALIGNED_OURS, /* git sees other edits: the same words can be matched in several ways */
	/* Git has a conflict, ours merges: */
	MET_NEW_BOTH,     /* new sentences of both at one point */
	MET_NEIGHBOURS,   /* edits touch, but the end of a sentence is between them */
	MET_ALIKE,        /* git's conflict is between the same words of both */
	MET_ALIGNED_GIT,  /* git sees other edits */
	/* Both merge, not to the same words: */
	MET_ORDER,        /* new sentences of both at one point: taken once, set apart */
	MET_SEPARATED,    /* the same words but for a LF that keeps two texts apart */
	MET_ALIGNED_BOTH, /* git sees other edits */
	MET_COUNT
};
static const char *const MET_NAMES[MET_COUNT] = {
	"the same words", "a conflict for both",
	"git merges, a conflict here: a careful word", "git merges, a conflict here: no unchanged word between",
	"git merges, a conflict here: stray words count as edited", "git merges, a conflict here: git matches words otherwise",
	"merged here, a conflict for git: new sentences of both", "merged here, a conflict for git: neighbouring sentences",
	"merged here, a conflict for git: between the same words of both", "merged here, a conflict for git: git matches words otherwise",
	"both merge, otherwise: new sentences of both", "both merge, otherwise: a LF keeps texts apart",
	"both merge, otherwise: git matches words otherwise",
};

enum form { BASE, CURRENT, PROPOSED, MERGED, FORMS };

struct lines {
	char *at;
	size_t len;
};

struct run {
	struct triple triple;
	char *memory, *scratch;
	size_t room, scratch_room;
	uint32_t *slots;
	struct text_merge merge;
	struct text_unit *unit_rooms[FORMS];
	struct text_units units[FORMS];
	struct lines lines[FORMS];
	struct text_edit *edits[2];
	uint32_t edit_counts[2];
	const struct text_edit *hunk; /* while git's hunks are compared with edits */
	uint32_t hunks_left;
	bool hunks_same;
};

static void *must_have(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		abort();
	return memory;
}

/* --- for git --------------------------------------------------------------------------------- */

/* One token a line; a LF, which no line can hold, as a blank, which no token is. */
static void write_lines(const struct text_units *units, struct lines *lines)
{
	lines->len = 0;
	for (uint32_t i = 1; i < units->count; i++) {
		const struct text_unit *unit = &units->units[i];
		const bool line = unit->kind == TEXT_LINE;

		memcpy(lines->at + lines->len, line ? " " : units->text.at + unit->at, unit->len);
		lines->len += unit->len;
		lines->at[lines->len++] = '\n';
	}
}

static bool merge_by_git(const struct run *run, git_merge_file_result *out)
{
	git_merge_file_input inputs[3];

	for (size_t i = 0; i < 3; i++) {
		if (git_merge_file_input_init(&inputs[i], GIT_MERGE_FILE_INPUT_VERSION) != 0)
			abort();
		inputs[i].ptr = run->lines[i].at;
		inputs[i].size = run->lines[i].len;
	}
	if (git_merge_file(out, &inputs[BASE], &inputs[CURRENT], &inputs[PROPOSED], NULL) != 0)
		abort();
	return out->automergeable != 0;
}

/* A hunk of git's: is it our next edit? Its lines count from 1, START is our unit 0; an empty range is named by the line
 * before it. */
static int compare_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *context)
{
	struct run *run = context;
	const uint32_t base_from = (uint32_t)(hunk->old_lines > 0 ? hunk->old_start : hunk->old_start + 1);
	const uint32_t form_from = (uint32_t)(hunk->new_lines > 0 ? hunk->new_start : hunk->new_start + 1);

	(void)delta;
	if (run->hunks_left == 0 || run->hunk->base_from != base_from || run->hunk->form_from != form_from ||
	    run->hunk->base_to - run->hunk->base_from != (uint32_t)hunk->old_lines ||
	    run->hunk->form_to - run->hunk->form_from != (uint32_t)hunk->new_lines) {
		run->hunks_same = false;
		return 0;
	}
	run->hunk++;
	run->hunks_left--;
	return 0;
}

/* Does git see other edits on either side than we do? */
static bool other_edits(struct run *run)
{
	for (size_t i = 0; i < 2; i++) {
		git_diff_options options;

		if (git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION) != 0)
			abort();
		options.context_lines = 0;
		options.interhunk_lines = 0;
		options.flags |= GIT_DIFF_FORCE_TEXT;
		run->hunk = run->edits[i];
		run->hunks_left = run->edit_counts[i];
		run->hunks_same = true;
		if (git_diff_buffers(run->lines[BASE].at, run->lines[BASE].len, NULL, run->lines[CURRENT + i].at, run->lines[CURRENT + i].len,
				     NULL, &options, NULL, NULL, compare_hunk, NULL, run) != 0)
			abort();
		if (!run->hunks_same || run->hunks_left > 0)
			return true;
	}
	return false;
}

/* --- reasons --------------------------------------------------------------------------------- */

/* Is there a careful word in a piece of a text? */
static bool piece_careful(const char *at, size_t len)
{
	static struct text_unit room[UNITS_ROOM];
	const struct text text = { at, len };
	struct text_units units;

	text_words_cut(&text, room, &units);
	for (uint32_t i = 1; i < units.count; i++)
		if (text_words_careful(&units, i))
			return true;
	return false;
}

static bool same_edit(const struct run *run, const struct text_edit *a, const struct text_edit *b)
{
	if (a->base_from != b->base_from || a->base_to != b->base_to || a->form_to - a->form_from != b->form_to - b->form_from)
		return false;
	for (uint32_t i = 0; i < a->form_to - a->form_from; i++)
		if (run->units[CURRENT].units[a->form_from + i].word != run->units[PROPOSED].units[b->form_from + i].word)
			return false;
	return true;
}

static bool word_between(const struct run *run, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (run->units[BASE].units[i].kind == TEXT_WORD || run->units[BASE].units[i].kind == TEXT_CJK)
			return true;
	return false;
}

static bool inside(const struct run *run, const struct text_spot *spot, const struct text_edit *edit)
{
	const struct text_unit *units = run->units[BASE].units;

	/* An insertion at the end of the spot is behind its last token, with blanks between. */
	return units[edit->base_to].at >= spot->base_at && units[edit->base_from - 1].at <= spot->base_at + spot->base_len;
}

/* Are there edits of the two sides here, not the same, without a word between? */
static bool spot_without_word(const struct run *run, const struct text_spot *spot)
{
	for (uint32_t i = 0; i < run->edit_counts[0]; i++)
		for (uint32_t k = 0; k < run->edit_counts[1]; k++) {
			const struct text_edit *a = &run->edits[0][i], *b = &run->edits[1][k];
			const struct text_edit *first = a->base_from <= b->base_from ? a : b, *second = first == a ? b : a;

			if (inside(run, spot, a) && inside(run, spot, b) && !same_edit(run, a, b) &&
			    !word_between(run, first->base_to, second->base_from))
				return true;
		}
	return false;
}

/* Does an edit hold a word on both sides of it, which the shortest script would have kept? */
static bool any_stray(const struct run *run)
{
	for (size_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < run->edit_counts[side]; i++) {
			const struct text_edit *edit = &run->edits[side][i];

			for (uint32_t a = edit->base_from; a < edit->base_to; a++)
				for (uint32_t b = edit->form_from; b < edit->form_to; b++)
					if (run->units[BASE].units[a].word == run->units[CURRENT + side].units[b].word)
						return true;
		}
	return false;
}

/* Git merges, we have a conflict: what is each spot's reason? */
static bool explain_conflict(struct run *run, uint64_t *met)
{
	const struct text_merge *m = &run->merge;

	for (size_t i = 0; i < m->spot_count; i++) {
		const struct text_spot *spot = &m->spots[i];

		if (piece_careful(run->triple.base.at + spot->base_at, spot->base_len) || piece_careful(m->merged + spot->at, spot->len) ||
		    piece_careful(m->other + spot->other_at, spot->other_len))
			met[MET_CAREFUL]++;
		else if (any_stray(run))
			met[MET_STRAY]++;
		else if (other_edits(run))
			met[MET_ALIGNED_OURS]++;
		else if (spot_without_word(run, spot))
			met[MET_NO_WORD]++;
		else
			return false;
	}
	return true;
}

/* How do edits of the two sides meet? */
struct meeting {
	bool new_both;   /* two insertions at one end of a sentence, not the same */
	bool neighbours; /* they touch at the end of a sentence */
};

static struct meeting meet(const struct run *run)
{
	struct meeting meeting = { false, false };

	for (uint32_t i = 0; i < run->edit_counts[0]; i++)
		for (uint32_t k = 0; k < run->edit_counts[1]; k++) {
			const struct text_edit *a = &run->edits[0][i], *b = &run->edits[1][k];
			const struct text_edit *first = a->base_from <= b->base_from && a->base_to <= b->base_to ? a : b;
			const struct text_edit *second = first == a ? b : a;
			const bool ends = run->units[BASE].units[second->base_from - 1].ends;

			if (same_edit(run, a, b) || first->base_to != second->base_from)
				continue;
			if (first->base_from == second->base_to && ends)
				meeting.new_both = true;
			else if (ends)
				meeting.neighbours = true;
		}
	return meeting;
}

/* The first line from here that begins with the mark (no token is as long), and where it ends; NULL: none. */
static const char *find_mark(const char *at, const char *end, const char *mark, const char **line_end_out)
{
	const char *found = memmem(at, (size_t)(end - at), mark, strlen(mark));
	const char *line_end = found != NULL ? memchr(found, '\n', (size_t)(end - found)) : NULL;

	*line_end_out = line_end != NULL ? line_end + 1 : end;
	return found;
}

/* Has git a conflict with the same on both sides? */
static bool conflict_of_alikes(const git_merge_file_result *git)
{
	const char *at = git->ptr, *end = git->ptr + git->len;

	for (;;) {
		const char *ours, *theirs, *middle, *last;

		if (find_mark(at, end, "<<<<<<< ", &ours) == NULL || (middle = find_mark(ours, end, "=======\n", &theirs)) == NULL ||
		    (last = find_mark(theirs, end, ">>>>>>> ", &at)) == NULL)
			return false;
		if (middle - ours == last - theirs && memcmp(ours, theirs, (size_t)(middle - ours)) == 0)
			return true;
	}
}

static bool explain_merge(struct run *run, const git_merge_file_result *git, uint64_t *met)
{
	const struct meeting meeting = meet(run);

	if (meeting.new_both)
		met[MET_NEW_BOTH]++;
	else if (meeting.neighbours)
		met[MET_NEIGHBOURS]++;
	else if (conflict_of_alikes(git))
		met[MET_ALIKE]++;
	else if (other_edits(run))
		met[MET_ALIGNED_GIT]++;
	else
		return false;
	return true;
}

/* The same tokens when LFs are left out? */
static bool same_but_lines(const struct lines *ours, const char *git, size_t git_len)
{
	size_t a = 0, b = 0;

	for (;;) {
		while (a + 1 < ours->len && memcmp(ours->at + a, " \n", 2) == 0)
			a += 2;
		while (b + 1 < git_len && memcmp(git + b, " \n", 2) == 0)
			b += 2;
		if (a == ours->len || b == git_len)
			return a == ours->len && b == git_len;
		if (ours->at[a++] != git[b++])
			return false;
		/* Within a token no blank begins a line. */
		while (a < ours->len && b < git_len && ours->at[a - 1] != '\n') {
			if (ours->at[a++] != git[b++])
				return false;
		}
	}
}

static bool explain_words(struct run *run, const git_merge_file_result *git, uint64_t *met)
{
	if (run->lines[MERGED].len == git->len && memcmp(run->lines[MERGED].at, git->ptr, git->len) == 0)
		met[MET_SAME]++;
	else if (meet(run).new_both)
		met[MET_ORDER]++;
	else if (same_but_lines(&run->lines[MERGED], git->ptr, git->len))
		met[MET_SEPARATED]++;
	else if (other_edits(run))
		met[MET_ALIGNED_BOTH]++;
	else
		return false;
	return true;
}

/* --- one triple ------------------------------------------------------------------------------ */

static void prepare(struct run *run)
{
	const struct triple *t = &run->triple;
	uint64_t steps = UINT64_MAX;
	uint32_t words = 0;
	struct text forms[FORMS] = { t->base, t->current, t->proposed };

	text_merge(&t->base, &t->current, &t->proposed, run->memory, run->room, &run->merge);
	forms[MERGED] = (struct text){ run->merge.merged, run->merge.merged_len };
	for (size_t i = 0; i < FORMS; i++) {
		text_words_cut(&forms[i], run->unit_rooms[i], &run->units[i]);
		write_lines(&run->units[i], &run->lines[i]);
		words += run->units[i].count;
	}
	if (words * 2 > SLOTS)
		abort();
	text_words_number(run->units, FORMS, run->slots, SLOTS / 16 > words * 2 ? SLOTS / 16 : SLOTS, &steps);
	for (size_t i = 0; i < 2; i++)
		run->edit_counts[i] = text_diff(&run->units[BASE], &run->units[CURRENT + i], words,
						(struct text_memory){ run->scratch, run->scratch_room }, &steps, run->edits[i]);
}

static bool run_triple(struct run *run, uint64_t seed, bool told, struct seeds_result *result)
{
	git_merge_file_result git = { 0 };
	bool clean, right = true;

	triple_make(&run->triple, seed);
	prepare(run);
	clean = merge_by_git(run, &git);
	if (clean && run->merge.spot_count > 0)
		right = explain_conflict(run, result->met);
	else if (clean)
		right = explain_words(run, &git, result->met);
	else if (run->merge.spot_count == 0)
		right = explain_merge(run, &git, result->met);
	else
		result->met[MET_BOTH_CONFLICT]++;
	if (!right || told)
		printf("# SEED=%" PRIu64 ": %s; git %s, here %zu conflicts\n# base     %.*s|\n# current  %.*s|\n# proposed %.*s|\n# merged   %.*s|\n"
		       "# git      %.*s|\n", seed, right ? "explained" : "a difference without a reason", clean ? "merges" : "has a conflict",
		       run->merge.spot_count, (int)run->triple.base.len, run->triple.base.at, (int)run->triple.current.len,
		       run->triple.current.at, (int)run->triple.proposed.len, run->triple.proposed.at, (int)run->merge.merged_len,
		       run->merge.merged, (int)git.len, git.ptr);
	git_merge_file_result_free(&git);
	return right;
}

static void run_share(uint64_t first, uint64_t count, uint64_t step, bool told, struct seeds_result *result)
{
	struct run *run = must_have(1, sizeof *run);

	run->room = text_merge_room(TRIPLE_LEN_MAX, TRIPLE_LEN_MAX, TRIPLE_LEN_MAX);
	run->memory = must_have(run->room, 1);
	run->scratch_room = text_diff_room(UNITS_ROOM, UNITS_ROOM, 6 * UNITS_ROOM);
	run->scratch = must_have(run->scratch_room, 1);
	run->slots = must_have(SLOTS, sizeof *run->slots);
	for (size_t i = 0; i < FORMS; i++) {
		run->unit_rooms[i] = must_have(3 * UNITS_ROOM, sizeof **run->unit_rooms);
		run->lines[i].at = must_have(6 * UNITS_ROOM, 1);
	}
	for (size_t i = 0; i < 2; i++)
		run->edits[i] = must_have(UNITS_ROOM, sizeof **run->edits);
	for (uint64_t i = 0; i < count && result->failed < FAILURES_SHOWN; i++) {
		result->failed += !run_triple(run, first + i * step, told, result);
		result->ran++;
	}
	for (size_t i = 0; i < 2; i++)
		free(run->edits[i]);
	for (size_t i = 0; i < FORMS; i++) {
		free(run->unit_rooms[i]);
		free(run->lines[i].at);
	}
	free(run->slots);
	free(run->scratch);
	free(run->memory);
	free(run);
}

int main(void)
{
	const uint64_t one = seeds_from_environment("SEED", 0), from = seeds_from_environment("FROM", 1);
	const uint64_t triples = one != 0 ? 1 : seeds_from_environment("TRIPLES", 100000);
	struct seeds_result sum = { 0 };

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (git_libgit2_init() < 1)
		abort();
	printf("TAP version 13\n1..1\n# seeds from %" PRIu64 "\n", one != 0 ? one : from);
	if (one != 0)
		run_share(one, 1, 1, true, &sum);
	else
		seeds_run(from, triples, run_share, &sum);
	for (size_t i = 0; i < MET_COUNT; i++)
		printf("# %s: %" PRIu64 "\n", MET_NAMES[i], sum.met[i]);
	printf("%sok 1 - of %" PRIu64 " random triples each that git merges otherwise has a reason of the list\n", sum.failed == 0 ? "" : "not ",
	       sum.ran);
	(void)git_libgit2_shutdown();
	return sum.failed != 0;
}
