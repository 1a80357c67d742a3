#include "daemon/addenda.h"

#include <string.h>

#include "common/closing.h"
#include "daemon/words.h"
#include "proto/limits.h"

static const char UNSEEN_CENTRE[] = "Written at the centre before the note was signed, and not seen by its signer.";
static const char UNSEEN_TABLET[] =
	"Written on another tablet before the note was signed, and not seen by its signer.";
static const char LATE[] = "Written before the note was known to be signed.";

/* --- what a signer had not seen --- */

/* A change, and the fields of it that the signer had not seen; in the order of sequences. */
struct unseen {
	struct unseen *next;
	uint64_t seq, mask;
};

struct signing {
	struct trial *trial;
	uint64_t seen[SCHEMA_FIELDS_MAX]; /* by group: how far the signer had seen it */
	uint64_t seen_least;
	struct unseen *first;
	const struct kind *kind; /* of the note */
	struct id conflicts[SCHEMA_FIELDS_MAX];
	size_t conflict_count;
};

static enum status unseen_add(struct signing *s, uint64_t seq, uint64_t mask)
{
	struct unseen **at = &s->first, *one;

	while (*at && (*at)->seq < seq)
		at = &(*at)->next;
	if (*at && (*at)->seq == seq) {
		(*at)->mask |= mask;
		return ST_OK;
	}
	one = arena_zalloc(s->trial->in->arena, sizeof *one);
	if (!one)
		return ST_NOMEM;
	*one = (struct unseen){ .next = *at, .seq = seq, .mask = mask };
	*at = one;
	return ST_OK;
}

static uint64_t set_unseen(const struct signing *s, const struct history *row, const struct change *change)
{
	const uint64_t words = words_mask(s->kind);
	uint64_t mask = 0;

	for (size_t g = 0; g < s->kind->group_count; g++) {
		const struct group *group = &s->kind->groups[g];
		enum outcome_verdict verdict = GROUP_SUPERSEDED;

		if ((group->mask & words) != 0 && row->seq > s->seen[g] &&
		    history_verdict(row, change, group->num, &verdict) && verdict != GROUP_SUPERSEDED)
			mask |= group->mask;
	}
	return mask;
}

/* The walk goes back in time; ST_EXISTS: from here on all was seen. */
static enum status unseen_visit(void *ctx, const struct history *row)
{
	struct signing *s = ctx;
	struct change *change;
	struct arena arena;
	uint64_t mask = 0;
	enum status st = ST_NOMEM;

	if (row->seq <= s->seen_least)
		return ST_EXISTS;
	if (row->device == s->trial->source->device)
		return ST_OK;
	arena_init(&arena, TRIAL_ARENA_MAX);
	change = arena_alloc(&arena, sizeof *change);
	if (change)
		st = change_decode(s->trial->in->schema, row->body.data, row->body.len, &arena, change, NULL);
	if (st == ST_OK)
		mask = set_unseen(s, row, change);
	arena_close(&arena);
	if (st == ST_NOMEM)
		return st;
	return mask ? unseen_add(s, row->seq, mask) : ST_OK;
}

static enum status conflict_visit(void *ctx, const struct record *conflict)
{
	struct signing *s = ctx;
	const struct value status = conflict_value(conflict, "status");
	struct target target;

	if (conflict->deleted || status.len != 4 || memcmp(status.text, "open", 4) != 0 ||
	    target_of(s->trial->in, conflict, &target) != ST_OK || target.kind != s->kind ||
	    !id_equal(&target.id, &s->trial->record->id) || s->conflict_count == SCHEMA_FIELDS_MAX)
		return ST_OK;
	s->conflicts[s->conflict_count++] = conflict->id;
	return ST_OK;
}

/* --- conflicts that the signature ends --- */

/* The first candidate is what stood: it was seen like any standing value. */
static enum status unseen_candidates(struct signing *s, const struct target *target, const struct record *conflict)
{
	const struct value list = conflict_value(conflict, "candidates");
	json_t *candidates = conflict_json(&list);
	const uint64_t seen = s->seen[target->group - s->kind->groups];
	enum status st = ST_OK;

	for (size_t i = 0; i < json_array_size(candidates) && st == ST_OK; i++) {
		uint64_t seq = 0;

		if (candidate_seq(json_array_get(candidates, i), &seq) && (i > 0 || seq > seen))
			st = unseen_add(s, seq, target->group->mask);
	}
	json_decref(candidates);
	return st;
}

static enum status conflict_shut(struct intake *in, const struct record *conflict, const struct id *signer)
{
	struct change *change = conflict_edit(in, conflict->kind, &conflict->id);
	struct outcome outcome;

	if (!change)
		return ST_NOMEM;
	conflict_edit_group(change, "status");
	conflict_put(change, "status", value_string("closed"));
	conflict_put(change, "decided_by", words_id(in->arena, signer));
	conflict_put(change, "decided_at", value_int(in->now_ms));
	return intake_own(in, signer, change, &outcome);
}

static enum status conflict_end(struct signing *s, const struct id *id)
{
	struct intake *in = s->trial->in;
	struct record *conflict = arena_zalloc(in->arena, sizeof *conflict);
	struct target target;
	enum status st;

	if (!conflict)
		return ST_NOMEM;
	st = in->store->ops->record_get(in->store, conflict_kind(in), id, in->arena, conflict);
	if (st == ST_OK)
		st = target_of(in, conflict, &target);
	if (st == ST_OK && (target.group->mask & words_mask(s->kind)) != 0)
		st = unseen_candidates(s, &target, conflict);
	return st == ST_OK ? conflict_shut(in, conflict, &s->trial->source->author) : st;
}

/* --- the addenda of a signature --- */

static enum status unseen_make(const struct signing *s, const struct unseen *one)
{
	struct intake in = *s->trial->in;
	const struct record *note = s->trial->record;
	struct words words = { 0 };
	struct target target = { .kind = s->kind, .id = note->id };
	struct history row;
	struct arena arena;
	enum status st;

	arena_init(&arena, TRIAL_ARENA_MAX);
	in.arena = &arena;
	for (size_t g = 0; g < s->kind->group_count; g++)
		if ((s->kind->groups[g].mask & one->mask) != 0)
			target.group = &s->kind->groups[g];
	st = in.store->ops->history_get(in.store, one->seq, &arena, &row);
	if (st == ST_OK && row.device != s->trial->source->device) {
		words.reason = row.device ? UNSEEN_TABLET : UNSEEN_CENTRE;
		st = words_read(&in, note, &target, &row, &words);
		words.mask &= one->mask;
		if (st == ST_OK)
			st = words_add(&in, note, &words);
	}
	arena_close(&arena);
	return st == ST_NOT_FOUND ? ST_CORRUPT : st;
}

static void seen_set(struct signing *s)
{
	const struct trial *trial = s->trial;

	s->seen_least = UINT64_MAX;
	for (size_t i = 0; i < trial->ruling_count; i++) {
		const struct ruling *ruling = &trial->rulings[i];

		if (ruling->index < 0 || (s->kind->groups[ruling->index].mask & words_mask(s->kind)) == 0)
			continue;
		s->seen[ruling->index] = ruling->seen;
		if (ruling->seen < s->seen_least)
			s->seen_least = ruling->seen;
	}
}

enum status addenda_unseen(struct trial *trial, const struct history *row)
{
	struct signing *s = arena_zalloc(trial->in->arena, sizeof *s);
	struct store *store = trial->in->store;
	enum status st;

	if (!s)
		return ST_NOMEM;
	s->trial = trial;
	s->kind = trial->change->kind;
	seen_set(s);
	st = store->ops->history_of(store, s->kind, &trial->record->id, row->seq - 1, unseen_visit, s);
	if (st == ST_OK || st == ST_EXISTS)
		st = store->ops->record_each(store, conflict_kind(trial->in), &trial->record->patient, conflict_visit, s);
	for (size_t i = 0; i < s->conflict_count && st == ST_OK; i++)
		st = conflict_end(s, &s->conflicts[i]);
	for (const struct unseen *one = s->first; one && st == ST_OK; one = one->next)
		st = unseen_make(s, one);
	return st;
}

/* --- what comes late --- */

static enum status say_who(struct intake *in, const char *deed, const struct id *author, const struct value *why,
			   const char **out)
{
	const char *name = "";
	struct buf buf;
	enum status st = words_worker(in, author, &name);

	if (st != ST_OK)
		return st;
	buf_init(&buf, LIMIT_FIELD_MAX);
	buf_printf(&buf, "%s by %s%s", deed, name, why->tag == VALUE_TEXT ? ": " : ".");
	if (why->tag == VALUE_TEXT)
		buf_add(&buf, why->text, why->len);
	st = buf_status(&buf);
	*out = arena_copy(in->arena, buf_str(&buf), buf.len);
	buf_close(&buf);
	return st == ST_OK && !*out ? ST_NOMEM : st;
}

/* A second signature, and the mark of an error that its author set on the draft, are said in words. */
static enum status late_lead(struct trial *trial, struct words *words)
{
	const struct kind *kind = trial->change->kind;
	const struct value none = value_null(), *status = &trial->change->row.values[words_field(kind, "status")];
	const struct value *why = &trial->change->row.values[words_field(kind, "status_reason")];

	if (trial->signs)
		return say_who(trial->in, "Also signed", &words->author, &none, &words->lead);
	if (status->tag == VALUE_TEXT && status->len == strlen(CLOSING_ERROR) &&
	    memcmp(status->text, CLOSING_ERROR, status->len) == 0)
		return say_who(trial->in, "Marked as entered in error", &words->author, why, &words->lead);
	return ST_OK;
}

enum status addenda_late(struct trial *trial, const struct history *row)
{
	const struct kind *kind = trial->change->kind;
	struct words words = { .seq = row->seq, .row = trial->change->row, .reason = LATE };
	bool signature = false;
	enum status st = conflict_author(trial->in, row, &words.author);

	for (size_t i = 0; i < trial->ruling_count; i++) {
		const struct ruling *ruling = &trial->rulings[i];

		if (ruling->index < 0 || ruling->verdict != VERDICT_SUPERSEDED)
			continue;
		words.mask |= kind->groups[ruling->index].mask;
		signature |= (kind->groups[ruling->index].mask & words_mask(kind)) == 0;
	}
	if (st == ST_OK && signature)
		st = late_lead(trial, &words);
	return st == ST_OK ? words_add(trial->in, trial->record, &words) : st;
}

enum status addenda_decided(struct trial *trial, const struct history *row)
{
	struct intake *in = trial->in;
	const struct kind *kind = trial->change->kind;
	const int decision = kind_group(kind, "decision", 8);
	struct words words = { .reason = LATE };
	struct record *note = arena_zalloc(in->arena, sizeof *note);
	struct target target;
	bool lost = false;
	enum status st;

	for (size_t i = 0; i < trial->ruling_count; i++)
		lost |= trial->rulings[i].index == decision && trial->rulings[i].verdict == VERDICT_SUPERSEDED;
	if (!lost)
		return ST_OK;
	if (!note)
		return ST_NOMEM;
	st = target_of(in, trial->record, &target);
	if (st != ST_OK || strcmp(target.kind->name, "note") != 0)
		return st;
	st = in->store->ops->record_get(in->store, target.kind, &target.id, in->arena, note);
	if (st != ST_OK || !closing_is_closed(target.kind, &note->row))
		return st == ST_NOT_FOUND ? ST_OK : st;
	st = words_read(in, note, &target, row, &words);
	return st == ST_OK ? words_add(in, note, &words) : st;
}
