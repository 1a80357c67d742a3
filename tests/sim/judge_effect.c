/* What a change brings about in the same commit: conflicts, decisions carried out, the assignment of a patient's author. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/closing.h"
#include "tests/sim/ghost.h"
#include "tests/sim/judge_inside.h"

const char *judge_value_of(const struct kind *kind, const char *const *values, const char *field)
{
	const int at = kind_field(kind, field, strlen(field));

	return at >= 0 && values[at] != NULL ? values[at] : "";
}

bool judge_is_kind(const struct judged *it, const char *name)
{
	return strcmp(it->change->kind->name, name) == 0;
}

static bool brings(const struct judged *it, const char *group)
{
	const struct kind *kind = it->change->kind;
	const int index = kind_group(kind, group, strlen(group));

	for (size_t i = 0; index >= 0 && i < it->change->group_count; i++)
		if (it->change->groups[i].num == kind->groups[index].num)
			return true;
	return false;
}

/* --- what is awaited ----------------------------------------------------------------------------- */

void judge_await(struct judge *j, const struct judge_awaited *awaited)
{
	j->awaited = judge_room(j->awaited, j->awaited_count, &j->awaited_room, sizeof *j->awaited);
	j->awaited[j->awaited_count++] = *awaited;
}

static bool names_candidate(const char *candidates, uint64_t seq)
{
	char name[48];

	(void)snprintf(name, sizeof name, "\"seq\":\"%" PRIu64 "\"", seq);
	return strstr(candidates, name) != NULL;
}

/* Where a conflict has no room for one more, the value is in history alone. */
static bool is_full(const struct kind *kind, const char *candidates)
{
	return strlen(candidates) + 1024 > kind->fields[kind_field(kind, "candidates", 10)].max;
}

static const struct kind *conflicts_of(const struct judge *j)
{
	return schema_kind(j->sim->schema, "conflict", 8);
}

/* Is it open, or was it, when the value joined it? In one commit it may have been decided since. */
static bool was_open(const struct kind *kind, const struct model_record *record, uint64_t seq)
{
	const int status = kind_field(kind, "status", 6);

	return strcmp(judge_value_of(kind, record->values, "status"), "open") == 0 ||
	       record->seqs[kind->fields[status].group] > seq;
}

static void check_conflict(struct judge *j, const struct judge_awaited *a)
{
	const struct kind *kind = conflicts_of(j);
	char id[ID_TEXT_SIZE];

	for (size_t i = 0; i < j->conflict_count; i++) {
		const struct judge_conflict *c = &j->conflicts[i];
		struct model_record record;

		if (c->group != a->group || !id_equal(&c->record, &a->id) ||
		    !model_record(j->model, kind->num, c->id.bytes, &record) || !was_open(kind, &record, a->seq))
			continue;
		if (names_candidate(judge_value_of(kind, record.values, "candidates"), a->seq) ||
		    is_full(kind, judge_value_of(kind, record.values, "candidates")))
			return;
	}
	id_format(&a->id, id);
	sim_wrong(j->sim, "I4", "history %" PRIu64 " lost in %s of %s/%s, and no open conflict tells of it", a->seq, a->group->name,
		  a->kind->name, id);
}

/* I26: every value that joined before the decision was on the screen of whoever decided. */
static void check_all_seen(struct judge *j, const struct judge_awaited *a, const struct kind *kind, const struct model_record *record)
{
	const char *candidate = judge_value_of(kind, record->values, "candidates");
	const char *decision = judge_value_of(kind, record->values, "decision"), *seen = strstr(decision, "\"seen\":");
	char number[32];
	uint64_t seq;

	if (record->seqs[kind->fields[kind_field(kind, "decision", 8)].group] != a->seq)
		return; /* another one closed it */
	while ((candidate = strstr(candidate, "\"seq\":\"")) != NULL && sscanf(candidate, "\"seq\":\"%" SCNu64, &seq) == 1) {
		candidate++;
		(void)snprintf(number, sizeof number, "\"%" PRIu64 "\"", seq);
		if (seq < a->seq && (seen == NULL || strstr(seen, number) == NULL)) {
			sim_wrong(j->sim, "I26", "the decision of history %" PRIu64 " closed its conflict, and had not seen the value of %" PRIu64,
				  a->seq, seq);
			return;
		}
	}
}

/* It was carried out and the conflict closed, or it is one more candidate. */
static void check_decision(struct judge *j, const struct judge_awaited *a)
{
	const struct kind *kind = conflicts_of(j);
	struct model_record record;
	char id[ID_TEXT_SIZE];

	id_format(&a->id, id);
	if (!model_record(j->model, kind->num, a->id.bytes, &record))
		return;
	if (strcmp(judge_value_of(kind, record.values, "status"), "closed") == 0) {
		check_all_seen(j, a, kind, &record);
		return;
	}
	if (!names_candidate(judge_value_of(kind, record.values, "candidates"), a->seq) &&
	    !is_full(kind, judge_value_of(kind, record.values, "candidates")))
		sim_wrong(j->sim, "I5", "the decision of history %" PRIu64 " neither closed conflict/%s nor is a candidate of it", a->seq,
			  id);
	else if (judge_value_of(kind, record.values, "decision")[0] != '\0')
		sim_wrong(j->sim, "I5", "conflict/%s is open, and keeps the decision of history %" PRIu64, id, a->seq);
}

static void check_member(struct judge *j, const struct judge_awaited *a)
{
	char id[ID_TEXT_SIZE];

	id_format(&a->id, id);
	if (!model_in_scope(j->model, a->worker.bytes, a->id.bytes, UINT64_MAX))
		sim_wrong(j->sim, "I5", "patient/%s was made on a tablet (history %" PRIu64 "), and is not in its author's caseload", id,
			  a->seq);
}

/* I27: what a signed note does not take in is added to it, in the name of who wrote it. */
static void check_addendum(struct judge *j, const struct judge_awaited *a)
{
	char id[ID_TEXT_SIZE];

	id_format(&a->id, id);
	if (!a->came)
		sim_wrong(j->sim, "I27", "history %" PRIu64 ": word %" PRIu32 " (0: a second signature) is not in note/%s, and no addendum of"
			  " its author's holds it", a->seq, a->word, id);
}

static bool holds(const char *text, uint32_t word)
{
	uint32_t number = 0;
	size_t at = 0;

	do
		number = ghost_next_in(text, strlen(text), &at);
	while (number != 0 && number != word);
	return number == word;
}

/* Of an addendum that the centre made: its reason says why. */
static bool is_unseen(const struct judged *it)
{
	return strstr(judge_value_of(it->change->kind, it->told->values, "reason"), "not seen") != NULL;
}

static void addendum_made(struct judge *j, const struct judged *it)
{
	const char *text = judge_value_of(it->change->kind, it->told->values, "text");
	const char *note = judge_value_of(it->change->kind, it->told->values, "note");
	const char *author = judge_value_of(it->change->kind, it->told->values, "author");
	struct id id, who;

	sim_met(j->sim, is_unseen(it) ? MET_SIGNED_UNSEEN : MET_ADDENDUM);
	if (!id_parse(note, strlen(note), &id) || !id_parse(author, strlen(author), &who))
		return;
	for (size_t i = 0; i < j->awaited_count; i++) {
		struct judge_awaited *a = &j->awaited[i];

		if (a->what == AWAIT_ADDENDUM && id_equal(&a->id, &id) && id_equal(&a->worker, &who) &&
		    (a->word == 0 || holds(text, a->word)))
			a->came = true;
	}
}

struct late_task {
	const struct kind *kind;
	const struct judge_awaited *awaited;
	bool found;
};

/* One that tells of it, open still or closed by somebody since. */
static void late_visit(void *ctx, const struct model_record *record)
{
	struct late_task *task = ctx;
	const int status = kind_field(task->kind, "status", 6);
	const char *word, *title;

	if (record->kind != task->kind->num || memcmp(record->patient, task->awaited->id.bytes, ID_SIZE) != 0)
		return;
	word = judge_value_of(task->kind, record->values, "status");
	title = judge_value_of(task->kind, record->values, "title");
	if (strstr(title, "after handover") != NULL && !record->deleted &&
	    (strcmp(word, "open") == 0 || strcmp(word, "in-progress") == 0 ||
	     record->seqs[task->kind->fields[status].group] > task->awaited->seq))
		task->found = true;
}

static void check_late(struct judge *j, const struct judge_awaited *a)
{
	struct late_task task = { .kind = schema_kind(j->sim->schema, "task", 4), .awaited = a };
	char id[ID_TEXT_SIZE];

	if (task.kind == NULL)
		return;
	model_each(j->model, late_visit, &task);
	id_format(&a->id, id);
	if (!task.found)
		sim_wrong(j->sim, "I5", "history %" PRIu64 " came after patient/%s was handed over, and no open task tells of it", a->seq, id);
}

void judge_awaited_check(struct judge *j)
{
	for (size_t i = 0; i < j->awaited_count && !sim_is_wrong(j->sim); i++) {
		switch (j->awaited[i].what) {
		case AWAIT_CONFLICT:
			check_conflict(j, &j->awaited[i]);
			break;
		case AWAIT_DECISION:
			check_decision(j, &j->awaited[i]);
			break;
		case AWAIT_MEMBER:
			check_member(j, &j->awaited[i]);
			break;
		case AWAIT_ADDENDUM:
			check_addendum(j, &j->awaited[i]);
			break;
		case AWAIT_LATE:
			check_late(j, &j->awaited[i]);
			break;
		}
	}
	j->awaited_count = 0;
}

static const struct judge_conflict *conflict_by_id(const struct judge *j, const struct id *id)
{
	for (size_t i = j->conflict_count; i-- > 0;)
		if (id_equal(&j->conflicts[i].id, id))
			return &j->conflicts[i];
	return NULL;
}

bool judge_carries_out(const struct judge *j, const struct judged *it)
{
	if (it->tablet != 0 || it->change->create)
		return false;
	for (size_t i = 0; i < j->awaited_count; i++) {
		const struct judge_awaited *a = &j->awaited[i];
		const struct judge_conflict *c = a->what == AWAIT_DECISION ? conflict_by_id(j, &a->id) : NULL;

		if (c != NULL && c->kind == it->change->kind && id_equal(&c->record, &it->change->id) &&
		    it->change->group_count == 1 && it->change->groups[0].num == c->group->num)
			return true;
	}
	return false;
}

/* --- what the centre itself writes ------------------------------------------------------------------- */

static void count_conflict(struct judge *j, const struct group *group)
{
	if (group->rule == RULE_TEXT)
		sim_met(j->sim, MET_CONFLICT_TEXT);
	else if (group->rule == RULE_PROGRESS)
		sim_met(j->sim, MET_CONFLICT_PROGRESS);
	else if (group->rule == RULE_GUARDED)
		sim_met(j->sim, MET_CONFLICT_GUARDED);
}

/* At most one is open for a record and group. */
static void check_only(struct judge *j, const struct judged *it, const struct judge_conflict *new)
{
	for (size_t i = 0; i < j->conflict_count; i++) {
		const struct judge_conflict *c = &j->conflicts[i];
		struct model_record record;

		if (c->group == new->group && id_equal(&c->record, &new->record) && !id_equal(&c->id, &new->id) &&
		    model_record(j->model, it->told->kind, c->id.bytes, &record) && !record.deleted &&
		    strcmp(judge_value_of(it->change->kind, record.values, "status"), "open") == 0)
			judge_wrong(j, it, "I5", "a second conflict about %s of one record", c->group->name);
	}
}

static void conflict_made(struct judge *j, const struct judged *it)
{
	const struct kind *kind = it->change->kind;
	const char *name = judge_value_of(kind, it->told->values, "record_kind"), *id = judge_value_of(kind, it->told->values, "record"),
		   *group = judge_value_of(kind, it->told->values, "group_name");
	struct judge_conflict new = { .id = it->change->id, .kind = schema_kind(j->sim->schema, name, strlen(name)) };
	const int index = new.kind != NULL ? kind_group(new.kind, group, strlen(group)) : -1;

	if (index < 0 || !id_parse(id, strlen(id), &new.record)) {
		judge_wrong(j, it, "I5", "it is about nothing that there is");
		return;
	}
	new.group = &new.kind->groups[index];
	check_only(j, it, &new);
	count_conflict(j, new.group);
	j->conflicts = judge_room(j->conflicts, j->conflict_count, &j->conflict_room, sizeof *j->conflicts);
	j->conflicts[j->conflict_count++] = new;
}

/* --- notes that are signed ----------------------------------------------------------------------------- */

static uint64_t hash_sealed(const struct judge *j, const struct judged *it)
{
	const struct kind *kind = it->change->kind;
	const uint64_t mask = closing_signed_mask(kind);
	uint64_t hash = UINT64_C(14695981039346656037);
	struct model_record note;

	if (!model_record(j->model, kind->num, it->change->id.bytes, &note))
		return 0;
	for (size_t f = 0; f < kind->field_count; f++) {
		if ((mask >> f & 1) == 0)
			continue;
		hash = (hash ^ (note.values[f] != NULL ? 1 : 2)) * UINT64_C(1099511628211);
		for (const char *c = note.values[f]; c != NULL && *c != '\0'; c++)
			hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
	}
	return hash;
}

/* I27: what the first signature that stood has sealed stays to the byte. */
static void note_told(struct judge *j, const struct judged *it)
{
	struct model_record note;
	const char *status;

	for (size_t i = 0; i < j->sealed_count; i++) {
		if (!id_equal(&j->sealed[i].note, &it->change->id))
			continue;
		if (hash_sealed(j, it) != j->sealed[i].hash)
			judge_wrong(j, it, "I27", "it changed a note that was signed by history %" PRIu64, j->sealed[i].seq);
		if (it->tablet != 0 && strcmp(judge_value_of(it->change->kind, it->told->values, "status"), CLOSING_SIGNED) == 0)
			sim_met(j->sim, MET_SIGNED_TWICE);
		return;
	}
	if (!model_record(j->model, it->told->kind, it->told->id, &note))
		return;
	status = judge_value_of(it->change->kind, note.values, "status");
	if (strcmp(status, CLOSING_SIGNED) != 0)
		return;
	j->sealed = judge_room(j->sealed, j->sealed_count, &j->sealed_room, sizeof *j->sealed);
	j->sealed[j->sealed_count++] = (struct judge_sealed){ it->change->id, it->row->seq, hash_sealed(j, it) };
}

bool judge_was_signed(const struct sim *sim, const struct id *note)
{
	const struct judge *j = sim->judge;

	for (size_t i = 0; j != NULL && i < j->sealed_count; i++)
		if (id_equal(&j->sealed[i].note, note))
			return true;
	return j == NULL;
}

/* Its author's no longer, and taken all the same: written before its tablet had heard of that. */
static void late_told(struct judge *j, const struct judged *it)
{
	struct judge_awaited late = { .what = AWAIT_LATE, .seq = it->row->seq };
	struct model_record record;

	if (it->row->of_seq != 0 || !model_record(j->model, it->told->kind, it->told->id, &record) ||
	    model_in_scope(j->model, it->told->author, record.patient, UINT64_MAX))
		return;
	memcpy(late.id.bytes, record.patient, ID_SIZE);
	sim_met(j->sim, MET_LATE);
	judge_await(j, &late);
}

void judge_row_told(struct judge *j, struct judged *it)
{
	const struct judge_awaited member = { .what = AWAIT_MEMBER, .seq = it->row->seq, .id = it->change->id,
					      .worker = it->author };

	if (it->change->create && it->change->kind->is_patient && it->tablet != 0)
		judge_await(j, &member);
	if (it->tablet != 0 && !(it->change->create && it->change->kind->is_patient)) /* whose author is given the patient */
		late_told(j, it);
	if (judge_is_kind(it, "conflict") && it->tablet == 0 && it->change->create)
		conflict_made(j, it);
	else if (judge_is_kind(it, "conflict") && it->tablet == 0 && brings(it, "candidates"))
		sim_met(j->sim, brings(it, "decision") ? MET_DECISION_LATE : MET_CONFLICT_AGAIN);
	if (judge_is_kind(it, "addendum") && it->tablet == 0 && it->change->create)
		addendum_made(j, it);
	if (judge_is_kind(it, "note") && kind_group(it->change->kind, "signature", 9) >= 0)
		note_told(j, it);
}

/* --- what was met ---------------------------------------------------------------------------------------- */

static void count_held(struct judge *j, enum held_reason reason)
{
	sim_met(j->sim, MET_HELD);
	switch ((int)reason) {
	case HELD_NOT_YOURS:
		sim_met(j->sim, MET_HELD_SCOPE);
		break;
	case HELD_WAITS:
		sim_met(j->sim, MET_HELD_WAITS);
		break;
	case HELD_EXISTS:
		sim_met(j->sim, MET_HELD_EXISTS);
		break;
	case HELD_CLOSED:
		sim_met(j->sim, MET_HELD_CLOSED);
		break;
	case HELD_WITHDRAWN:
		sim_met(j->sim, MET_HELD_WITHDRAWN);
		break;
	default:
		break;
	}
}

static void count_answer(struct judge *j, const struct judged *it)
{
	if (it->row->of_seq != 0 && it->row->result != OUTCOME_RETURNED)
		sim_met(j->sim, id_equal(&it->row->author, &it->author) ? MET_HELD_BY_ITSELF : MET_HELD_ACCEPTED);
}

void judge_count(struct judge *j, const struct judged *it)
{
	if (it->tablet == 0)
		return;
	count_answer(j, it);
	switch (it->row->result) {
	case OUTCOME_ACCEPTED:
		sim_met(j->sim, MET_ACCEPTED);
		break;
	case OUTCOME_HELD:
		count_held(j, it->row->reason);
		break;
	case OUTCOME_RETURNED:
		sim_met(j->sim, MET_RETURNED);
		break;
	case OUTCOME_JUDGED:
		for (size_t i = 0; i < it->row->group_count; i++)
			if (it->row->groups[i].verdict != GROUP_ACCEPTED)
				sim_met(j->sim, it->row->groups[i].verdict == GROUP_MERGED ? MET_MERGED : MET_SUPERSEDED);
		break;
	}
}
