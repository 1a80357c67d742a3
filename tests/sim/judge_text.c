/* Merges of narrative, by their properties (common/text.h): whatever was made of them, neither side may find less to ask a
 * person about than the other would (I6). */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/sim/judge_inside.h"

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

void judge_text_seen(struct judge *j, const struct judged *it, size_t i)
{
	const struct kind *kind = it->change->kind;
	const struct model_group *told = &it->told->groups[i];
	struct before b = { .j = j, .kind = kind, .field = (size_t)kind_field_num(kind, told->num) };
	struct store *store = j->sim->centre.centre.store;
	struct text base, current, proposed;
	size_t here, there;

	if (told->base != MODEL_BASE_SEQ || told->base_number >= it->before.seqs[kind->fields[b.field].group])
		return;
	(void)store->ops->history_of(store, kind, &it->change->id, told->base_number, look_back, &b);
	base = text_of(b.text);
	current = text_of(it->before.values[b.field]);
	proposed = text_of(it->told->values[b.field]);
	if (!b.found)
		return;
	here = spots(&base, &current, &proposed);
	there = spots(&base, &proposed, &current);
	if (here != there)
		judge_wrong(j, it, "I6", "%s meets what stands in %zu places, the other way round in %zu", kind->fields[b.field].name, here,
			    there);
}
