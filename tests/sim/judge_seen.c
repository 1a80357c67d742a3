/* Whether whoever replaced a value had seen it or was later, and what people must be asked about. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/closing.h"
#include "tests/sim/ghost.h"
#include "tests/sim/judge_inside.h"

/* --- who had seen what it replaced -------------------------------------------------------------------- */

/* What stands by the change in this field. */
static const char *after_of(const struct judged *it, size_t f)
{
	return (it->after_mask >> f & 1) != 0 ? it->after[f] : it->told->values[f];
}

static bool holds_word(const char *text, uint32_t number)
{
	uint32_t found;
	size_t at = 0;

	while (text != NULL && (found = ghost_next_in(text, strlen(text), &at)) != 0)
		if (found == number)
			return true;
	return false;
}

/* Did its author type it for this change? */
static bool is_typed_for(const struct judged *it, const struct word *word)
{
	return word != NULL && word->tablet == it->tablet && word->n == it->row->n;
}

/* The newest word of the group that its author typed for this change; 0 = none. One that was typed for an earlier one and is
 * used again says nothing of when and upon what. */
static uint32_t own_word(const struct judge *j, const struct judged *it, const struct group *group)
{
	uint32_t newest = 0;

	for (size_t f = 0; f < it->change->kind->field_count; f++) {
		const char *text = (group->mask >> f & 1) != 0 ? it->told->values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (text != NULL && (number = ghost_next_in(text, strlen(text), &at)) != 0) {
			if (number > newest && is_typed_for(it, ghost_get(j->sim, number)))
				newest = number;
		}
	}
	return newest;
}

static void await_conflict(struct judge *j, const struct judged *it, const struct group *group)
{
	const struct judge_awaited awaited = { .what = AWAIT_CONFLICT, .seq = it->row->seq, .kind = it->change->kind, .group = group,
					       .id = it->change->id };

	for (size_t i = 0; i < j->awaited_count; i++)
		if (j->awaited[i].what == AWAIT_CONFLICT && j->awaited[i].seq == awaited.seq && j->awaited[i].group == group)
			return;
	judge_await(j, &awaited);
}

/* Done beats open, whoever had seen what. */
static bool ends_task(const struct judged *it, const struct group *group)
{
	static const char *const endings[] = { "done", "not-done", "cancelled" };
	const char *new = judge_value_of(it->change->kind, it->told->values, "status"),
		   *now = judge_value_of(it->change->kind, it->before.values, "status");
	bool ends = false;

	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		if (strcmp(now, endings[i]) == 0)
			return false;
		ends = ends || strcmp(new, endings[i]) == 0;
	}
	return group->rule == RULE_PROGRESS && ends;
}

/* Was the centre's clock left alone from what the word's tablet had heard until now? Then what the centre may know of its
 * moment is true by that clock; measured across a change of it, nothing is promised. */
static bool is_dated(const struct judge *j, const struct word *word)
{
	return j->sim->centre_set_ms == 0 || word->heard_ms > j->sim->centre_set_ms;
}

/* I26, I17: word `gone` stood and stands no more, because of a change whose newest word is `mine`. */
static void check_gone(struct judge *j, const struct judged *it, const struct group *group, uint32_t mine, uint32_t gone)
{
	const struct word *old = ghost_get(j->sim, gone), *new = ghost_get(j->sim, mine);

	if (old == NULL || new == NULL || old->tablet == it->tablet || ghost_was_shown(j->sim, mine, gone) ||
	    ends_task(it, group))
		return;
	if (group->rule != RULE_NEWEST && group->rule != RULE_PROGRESS) {
		judge_wrong(j, it, group->rule == RULE_GUARDED ? "I27" : "I26",
			    "its author replaced word %" PRIu32 " of %s by word %" PRIu32 " and had not seen it", gone, group->name, mine);
		return;
	}
	sim_met(j->sim, MET_BY_CLOCK);
	if (new->made_ms < old->made_ms && is_dated(j, new) && is_dated(j, old))
		judge_wrong(j, it, "I17", "word %" PRIu32 " of %s stands over word %" PRIu32 ", which was typed %" PRId64 " ms later", mine,
			    group->name, gone, old->made_ms - new->made_ms);
}

/* Does it go on from an own change that is held? Then what is gone may have gone with that one already. */
static bool goes_on_from_held(const struct judge *j, const struct judged *it, size_t i)
{
	const struct model_group *told = &it->told->groups[i];
	const struct judge_row *base = told->base == MODEL_BASE_OWN ? judge_row_of(j, it->tablet, told->base_number) : NULL;

	return base != NULL && base->result == OUTCOME_HELD;
}

static void check_replaced(struct judge *j, const struct judged *it, const struct group *group)
{
	const uint32_t mine = own_word(j, it, group);

	for (size_t f = 0; f < it->change->kind->field_count && mine != 0; f++) {
		const char *before = (group->mask >> f & 1) != 0 ? it->before.values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (before != NULL && !sim_is_wrong(j->sim) &&
		       (number = ghost_next_in(before, strlen(before), &at)) != 0)
			if (!holds_word(after_of(it, f), number))
				check_gone(j, it, group, mine, number);
	}
}

/* Words that this change brought and that are not in what was merged lost to somebody's: a conflict tells. */
static void check_merged(struct judge *j, const struct judged *it, const struct group *group)
{
	for (size_t f = 0; f < it->change->kind->field_count; f++) {
		const char *sent = (group->mask >> f & 1) != 0 ? it->told->values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (sent != NULL && (number = ghost_next_in(sent, strlen(sent), &at)) != 0) {
			if (is_typed_for(it, ghost_get(j->sim, number)) && !holds_word(after_of(it, f), number))
				await_conflict(j, it, group);
		}
	}
}

/* The one word of the group that the author's earlier change brought; 0: none, or several. */
static uint32_t word_of(const struct judge *j, const struct judged *it, const struct group *group, uint64_t n)
{
	uint32_t found = 0;

	for (size_t f = 0; f < it->change->kind->field_count; f++) {
		const char *before = (group->mask >> f & 1) != 0 ? it->before.values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (before != NULL && (number = ghost_next_in(before, strlen(before), &at)) != 0) {
			const struct word *word = ghost_get(j->sim, number);

			if (word == NULL || word->tablet != it->tablet || word->n != n)
				continue;
			if (found != 0)
				return 0;
			found = number;
		}
	}
	return found;
}

/* I26: what stands is the author's own earlier change, taken as it was sent, and its word was on the screen where the new one
 * was typed: there is nobody to ask. */
static void check_own(struct judge *j, const struct judged *it, size_t i, const struct group *group)
{
	const int index = (int)(group - it->change->kind->groups);
	const struct judge_row *row = judge_row_at(j, it->before.seqs[index]);
	const uint32_t mine = own_word(j, it, group);
	const struct word *typed = mine != 0 ? ghost_get(j->sim, mine) : NULL;
	uint32_t stands;

	if (goes_on_from_held(j, it, i))
		return;
	if (typed == NULL || typed->on_page || row == NULL || row->device != it->row->device || row->result != OUTCOME_ACCEPTED ||
	    row->n >= it->row->n || it->row->of_seq != 0 || row->of_seq != 0)
		return;
	stands = word_of(j, it, group, row->n);
	if (stands != 0 && stands == typed->shown && ghost_get(j->sim, stands)->field == typed->field)
		judge_wrong(j, it, "I26", "a conflict about %s, where its author's own change %" PRIu64 " stood and was on the screen",
			    group->name, row->n);
}

static void await_decision(struct judge *j, const struct judged *it)
{
	const struct judge_awaited awaited = { .what = AWAIT_DECISION, .seq = it->row->seq, .id = it->change->id,
					       .worker = it->author };

	judge_await(j, &awaited);
}

/* --- what a signed note does not take in ------------------------------------------------------------- */

static void await_addendum(struct judge *j, const struct judged *it, const struct id *author, uint32_t word)
{
	const struct judge_awaited awaited = { .what = AWAIT_ADDENDUM, .seq = it->row->seq, .id = it->change->id, .worker = *author,
					       .word = word };

	judge_await(j, &awaited);
}

static bool is_sealed(const struct judged *it)
{
	const struct kind *kind = it->change->kind;
	const char *word = kind->closing >= 0 && it->existed ? it->before.values[kind->closing] : NULL;

	return word != NULL && values_contain(kind->closes, word, strlen(word));
}

static bool says(const struct judged *it, const char *status)
{
	return strcmp(judge_value_of(it->change->kind, it->told->values, "status"), status) == 0;
}

/* It came for a note that is closed, and lost: its words, the reason of an error's mark, and a second signature as such. */
static void await_late(struct judge *j, const struct judged *it, const struct group *group)
{
	const struct kind *kind = it->change->kind;
	const bool seals = (group->mask >> kind->closing & 1) != 0;

	if (seals && says(it, CLOSING_SIGNED))
		await_addendum(j, it, &it->author, 0);
	for (size_t f = 0; f < kind->field_count; f++) {
		const char *sent = (group->mask >> f & 1) != 0 ? it->told->values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (sent != NULL && (!seals || says(it, CLOSING_ERROR)) && (number = ghost_next_in(sent, strlen(sent), &at)) != 0) {
			const struct word *word = ghost_get(j->sim, number);

			if (word != NULL && word->tablet == it->tablet && word->n == it->row->n && !holds_word(it->before.values[f], number))
				await_addendum(j, it, &it->author, number);
		}
	}
}

/* How far had the signer seen the group? UINT64_MAX: that is not told in one step. */
static uint64_t seen_of(const struct judge *j, const struct judged *it, size_t i)
{
	const struct model_group *told = &it->told->groups[i];
	const struct judge_row *own;

	if (told->base == MODEL_BASE_SEQ)
		return told->base_number;
	if (told->base == MODEL_BASE_NOTHING)
		return 0;
	own = judge_row_of(j, it->tablet, told->base_number);
	return own != NULL && own->result == OUTCOME_ACCEPTED ? own->seq : UINT64_MAX;
}

/* The note is signed: what others' tablets had brought, and its signer had not seen. */
static void await_unseen(struct judge *j, const struct judged *it, size_t i, const struct group *group)
{
	const uint64_t seen = seen_of(j, it, i);

	for (size_t f = 0; f < it->change->kind->field_count; f++) {
		const char *before = (group->mask >> f & 1) != 0 ? it->before.values[f] : NULL;
		uint32_t number;
		size_t at = 0;

		while (before != NULL && (number = ghost_next_in(before, strlen(before), &at)) != 0) {
			const struct word *word = ghost_get(j->sim, number);
			const struct judge_row *row = word != NULL && word->tablet != 0 ? judge_row_of(j, word->tablet, word->n) : NULL;

			if (row != NULL && word->tablet != it->tablet && row->result != OUTCOME_HELD && row->seq > seen &&
			    !holds_word(it->told->values[f], number))
				await_addendum(j, it, &sim_tablet(j->sim, word->tablet)->worker, number);
		}
	}
}

/* I27. True: the change signs, and what it replaced is no more to be asked. */
static bool note_seen(struct judge *j, const struct judged *it, size_t i, const struct group *group, enum model_verdict verdict)
{
	const bool sealed = is_sealed(it), signs = !sealed && it->existed && (it->change->mask >> it->change->kind->closing & 1) != 0 &&
						  says(it, CLOSING_SIGNED);

	if (sealed && verdict == MODEL_SUPERSEDED)
		await_late(j, it, group);
	if (signs && group->rule == RULE_TEXT) {
		await_unseen(j, it, i, group);
		judge_text_seen(j, it, i);
	}
	return signs;
}

void judge_group_seen(struct judge *j, struct judged *it, size_t i, enum model_verdict verdict,
		      const struct model_group_end *end)
{
	const uint8_t num = it->told->groups[i].num;
	const struct group *group;

	if (it->change->create)
		return;
	if (num == SCHEMA_GROUP_DELETED) {
		if (verdict == MODEL_SUPERSEDED && it->tablet != 0)
			sim_met(j->sim, MET_DELETION_LOST);
		return;
	}
	group = &it->change->kind->groups[kind_group_num(it->change->kind, num)];
	if (judge_is_kind(it, "conflict")) {
		if (strcmp(group->name, "decision") == 0 && verdict == MODEL_STANDS &&
		    judge_value_of(it->change->kind, it->told->values, "decision")[0] != '\0')
			await_decision(j, it);
		return;
	}
	if (it->tablet == 0 || (judge_is_kind(it, "note") && kind_group(it->change->kind, "signature", 9) >= 0 &&
				note_seen(j, it, i, group, verdict)))
		return;
	if (verdict == MODEL_SUPERSEDED && end != NULL && end->conflict) {
		await_conflict(j, it, group);
		if (group->rule == RULE_GUARDED || group->rule == RULE_PROGRESS)
			check_own(j, it, i, group);
	}
	if (group->rule == RULE_TEXT && judge_text_seen(j, it, i))
		await_conflict(j, it, group);
	if (verdict == MODEL_SUPERSEDED && group->rule == RULE_NEWEST && end != NULL &&
	    (end->allowed & 1U << MODEL_STANDS) != 0)
		sim_met(j->sim, MET_IN_DOUBT);
	if (verdict == MODEL_MERGED && group->rule == RULE_TEXT)
		check_merged(j, it, group);
	/* Whoever makes a deleted record again starts from nothing. */
	if ((verdict == MODEL_STANDS || verdict == MODEL_MERGED) && it->existed && !it->before.deleted && !it->change->restores &&
	    !(group->rule == RULE_SET && goes_on_from_held(j, it, i)))
		check_replaced(j, it, group);
}

/* --- when it was ------------------------------------------------------------------------------------------ */

/* Whoever started from the very value that stands has it replaced, though somebody set it anew since (DESIGN.md section 6); the
 * new one then counts as no older than that, or an edit from between the two, older than one kept, could stand later on (section 7).
 * Where what stands came with other groups its own moment is not told, and may have been moved up itself. */
static bool is_moved_up(const struct judge *j, const struct judged *it, size_t g)
{
	const struct judge_row *stood = it->existed ? judge_row_at(j, it->before.seqs[g]) : NULL;

	return stood != NULL && (stood->several || it->row->at.lo_ms <= stood->lo_ms);
}

/* I17: what the centre says it knows of the moment of an edit holds the true one. Of several groups the row has the newest
 * moment; and the last touch of all may have brought no word. */
void judge_times(struct judge *j, const struct judged *it)
{
	const struct kind *kind = it->change->kind;
	const struct interval *at = &it->row->at;
	bool moved_up = it->change->create;
	uint32_t newest = 0;
	const struct word *word;
	int64_t made_ms, acted_ms; /* by the centre's clock */

	/* What is merged is no older than what it was merged with. */
	if (it->tablet == 0 || it->row->of_seq != 0 || it->change->group_count > 1 || it->row->result != OUTCOME_ACCEPTED)
		return;
	for (size_t g = 0; g < kind->group_count; g++)
		if (it->change->create || it->change->groups[0].num == kind->groups[g].num) {
			const uint32_t one = own_word(j, it, &kind->groups[g]);

			newest = one > newest ? one : newest;
			moved_up = moved_up || is_moved_up(j, it, g);
		}
	/* Nobody writes before what they have seen, and that may be dated by a clock that has gone back since: hence went_back. */
	word = newest != 0 ? ghost_get(j->sim, newest) : NULL;
	if (word == NULL || !is_dated(j, word))
		return;
	made_ms = word->made_ms + j->sim->centre.node.offset_ms;
	acted_ms = word->acted_ms + j->sim->centre.node.offset_ms;
	if (made_ms > at->hi_ms)
		judge_wrong(j, it, "I17", "said to be %" PRId64 " ms older than it is", made_ms - at->hi_ms);
	else if (made_ms < at->lo_ms && !j->sim->centre_went_back && acted_ms < at->lo_ms && !moved_up)
		judge_wrong(j, it, "I17", "said to be %" PRId64 " ms younger than it is", at->lo_ms - made_ms);
}
