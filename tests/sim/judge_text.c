/* Merges of narrative, by their properties (common/text.h): whatever was made of them, neither side may find less to ask a
 * person about than the other would (I6); and what became of a plain sentence (work.h) is worked out word by word. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/sim/judge_inside.h"
#include "tests/sim/work.h"

/* What a field held when all up to a sequence had been taken. */
struct before {
	struct judge *j;
	const struct kind *kind;
	size_t field;
	const char *text; /* NULL: nothing */
	bool found;
};

static bool stood(const struct history *row, const struct change *change, uint8_t num)
{
	if (row->result == OUTCOME_ACCEPTED)
		return change->create || kind_group_num(change->kind, num) >= 0;
	for (size_t i = 0; row->result == OUTCOME_JUDGED && i < row->group_count; i++)
		if (row->groups[i].num == num)
			return row->groups[i].verdict != GROUP_SUPERSEDED;
	return false;
}

/* Newest first: the first one that set it. */
static enum status look_back(void *ctx, const struct history *row)
{
	struct before *b = ctx;
	struct change *change = arena_zalloc(&b->j->arena, sizeof *change);
	const uint8_t num = b->kind->groups[b->kind->fields[b->field].group].num;
	struct bytes body = row->body;

	assert(change != NULL);
	for (size_t i = 0; row->result == OUTCOME_JUDGED && i < row->group_count; i++)
		if (row->groups[i].num == num && row->groups[i].verdict == GROUP_MERGED)
			body = row->merged;
	if ((row->result != OUTCOME_ACCEPTED && row->result != OUTCOME_JUDGED) ||
	    change_decode(b->j->sim->schema, body.data, body.len, &b->j->arena, change, NULL) != ST_OK ||
	    (!change->create && (change->mask >> b->field & 1) == 0) || !stood(row, change, num))
		return ST_OK;
	b->text = judge_text(&b->j->arena, &change->row.values[b->field]);
	b->found = true;
	return ST_EXISTS;
}

static struct text text_of(const char *text)
{
	return (struct text){ text != NULL ? text : "", text != NULL ? strlen(text) : 0 };
}

/* How many places a person is asked about. */
static size_t spots(const struct text *base, const struct text *current, const struct text *proposed)
{
	const size_t room = text_merge_room(base->len, current->len, proposed->len);
	struct text_merge merge;
	void *memory = malloc(room);

	assert(memory != NULL);
	text_merge(base, current, proposed, memory, room, &merge);
	free(memory);
	return merge.spot_count;
}

/* --- a plain sentence, word by word --------------------------------------------------------------------- */

struct plain {
	unsigned choices[WORK_PLAIN_WORDS];
	const char *rest; /* what follows it */
};

static bool read_plain(const char *text, struct plain *out)
{
	size_t len;

	if (text == NULL || !work_plain(text, out->choices, &len))
		return false;
	out->rest = text + len;
	return true;
}

/* Does it begin with all that followed the sentence in the other one, and goes on behind its last word if at all? */
static bool goes_on(const struct plain *form, const struct plain *base)
{
	const size_t len = strlen(base->rest);

	return strncmp(form->rest, base->rest, len) == 0 &&
	       (form->rest[len] == '\0' || form->rest[len] == ' ' || form->rest[len] == '\n');
}

/* The places of the sentence at which the two differ, as bits. */
static unsigned changed(const struct plain *base, const struct plain *form)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < WORK_PLAIN_WORDS; i++)
		mask |= (unsigned)(base->choices[i] != form->choices[i]) << i;
	return mask;
}

/* One edit, small enough that none behind the sentence may be taken for a part of it: none, a word, or two next to each other. */
static bool is_small(unsigned mask)
{
	while (mask != 0 && (mask & 1) == 0)
		mask >>= 1;
	return mask == 0 || mask == 1 || mask == 3;
}

/* Three forms of the sentence of which it is known what merging must make, whatever way it goes: behind it each has what the base
 * has, which begins with a sentence of its own, and at most something more. */
static bool is_plain(const struct plain *base, const struct plain *current, const struct plain *proposed)
{
	return (strncmp(base->rest, " Saw ", 5) == 0 || base->rest[0] == '\n') && base->rest[1] != '\0' && goes_on(current, base) &&
	       goes_on(proposed, base) && is_small(changed(base, current)) && is_small(changed(base, proposed));
}

/* Did both change the same words, or words with none unchanged between them, and not to the same? Then a person is asked, and
 * what stands stays. */
static bool meet(const struct plain *base, const struct plain *current, const struct plain *proposed)
{
	const unsigned here = changed(base, current), there = changed(base, proposed);

	return changed(current, proposed) != 0 && ((here | here << 1 | here >> 1) & there) != 0;
}

/* True: they met, and a conflict must tell of it. */
static bool check_plain(struct judge *j, const struct judged *it, const char *was, const char *now, const char *sent,
			const char *after)
{
	struct plain base, current, proposed, got = { .rest = NULL };
	unsigned own;
	bool met;

	if (!read_plain(was, &base) || !read_plain(now, &current) || !read_plain(sent, &proposed) ||
	    !is_plain(&base, &current, &proposed))
		return false;
	own = changed(&base, &proposed);
	met = meet(&base, &current, &proposed);
	if (own != 0 && changed(&base, &current) != 0)
		sim_met(j->sim, met ? MET_TEXT_BESIDE : MET_TEXT_APART);
	for (unsigned i = 0; i < WORK_PLAIN_WORDS && !met; i++)
		if ((own >> i & 1) != 0)
			current.choices[i] = proposed.choices[i];
	if (!read_plain(after, &got) || changed(&got, &current) != 0)
		judge_wrong(j, it, "I6", "\"%.30s…\" became \"%.30s…\" and \"%.30s…\", and the two \"%.30s…\"", was, now, sent,
			    after != NULL ? after : "");
	return met;
}

/* --- a change ------------------------------------------------------------------------------------------- */

/* A signature stands to the byte: nothing is merged. */
static bool signs(const struct judged *it)
{
	return judge_is_kind(it, "note") && judge_value_of(it->change->kind, it->told->values, "status")[0] != '\0';
}

bool judge_text_seen(struct judge *j, const struct judged *it, size_t i)
{
	const struct kind *kind = it->change->kind;
	const struct model_group *told = &it->told->groups[i];
	struct before b = { .j = j, .kind = kind, .field = (size_t)kind_field_num(kind, told->num) };
	struct store *store = j->sim->centre.centre.store;
	struct text base, current, proposed;
	size_t here, there;

	if (told->base != MODEL_BASE_SEQ || told->base_number >= it->before.seqs[kind->fields[b.field].group])
		return false;
	(void)store->ops->history_of(store, kind, &it->change->id, told->base_number, look_back, &b);
	base = text_of(b.text);
	current = text_of(it->before.values[b.field]);
	proposed = text_of(it->told->values[b.field]);
	if (!b.found)
		return false;
	here = spots(&base, &current, &proposed);
	there = spots(&base, &proposed, &current);
	if (here != there)
		judge_wrong(j, it, "I6", "%s meets what stands in %zu places, the other way round in %zu", kind->fields[b.field].name, here,
			    there);
	if (sim_is_wrong(j->sim) || signs(it) || it->before.deleted || it->change->restores || !stood(it->row, it->change, told->num))
		return false;
	return check_plain(j, it, b.text, it->before.values[b.field], it->told->values[b.field],
			   (it->after_mask >> b.field & 1) != 0 ? it->after[b.field] : it->told->values[b.field]);
}
