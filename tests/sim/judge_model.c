/* A row of history as a change of the reference model: what must become of it, and what became of it. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/judge_inside.h"

#define BIT(verdict) (1U << (verdict))

const char *judge_text(struct arena *arena, const struct value *value)
{
	char number[24];
	const char *text = NULL;

	if (value->tag == VALUE_NULL)
		return NULL;
	if (value->tag == VALUE_INT) {
		(void)snprintf(number, sizeof number, "%" PRId64, value->integer);
		text = arena_copy(arena, number, strlen(number));
	} else {
		text = arena_copy(arena, value->text, value->len);
	}
	assert(text != NULL);
	return text;
}

/* --- reading -------------------------------------------------------------------------------- */

/* As far as the centre may know it from outside: after what the tablet had heard, before it arrived. */
static void set_times(const struct judged *it, const struct evidence *evidence, struct model_group *group)
{
	group->latest_ms = it->received_ms;
	group->heard_ms = it->tablet == 0 ? it->received_ms : evidence->heard_ms;
	group->earliest_ms = it->tablet == 0 ? it->received_ms : evidence->heard_ms;
	if (group->earliest_ms > group->latest_ms)
		group->earliest_ms = group->latest_ms;
}

static bool is_own(const struct judged *it, const struct version *base)
{
	return base->tag == VERSION_OWN && (base->origin == 0 || base->origin == it->row->device);
}

/* The change of this record that was held since its number had come before with other content. NULL: there is none. */
static const struct change *held_for_its_number(struct judge *j, const struct judged *it, uint64_t n)
{
	struct store *store = j->sim->centre.centre.store;
	struct change *change = arena_zalloc(&j->arena, sizeof *change);
	struct history row;
	struct held held;

	assert(change != NULL);
	if (store->ops->held_find(store, it->row->device, n, &held) != ST_OK || held.reason != HELD_NUMBER ||
	    !id_equal(&held.id, &it->change->id) || store->ops->history_get(store, held.seq, &j->arena, &row) != ST_OK ||
	    change_decode(j->sim->schema, row.body.data, row.body.len, &j->arena, change, NULL) != ST_OK)
		return NULL;
	return change;
}

/* The model knows one change of a number. An edit upon one that was held for its number started from what that had started from
 * (DESIGN.md section 6). */
static struct version started_from(struct judge *j, const struct judged *it, const struct change_group *group)
{
	struct version base = group->base;
	const struct change *held = NULL;

	while (is_own(it, &base) && (held = held_for_its_number(j, it, base.n)) != NULL) {
		const struct version before = base;

		for (size_t i = 0; i < held->group_count; i++)
			if (held->groups[i].num == group->num)
				base = held->groups[i].base;
		if (is_own(it, &base) && base.n >= before.n)
			return before;
	}
	return base;
}

static void tell_group(struct judge *j, const struct judged *it, const struct change_group *from, struct model_group *group)
{
	const struct version started = started_from(j, it, from), *base = &started;

	*group = (struct model_group){ .num = from->num, .deleted = from->num == SCHEMA_GROUP_DELETED && it->change->deletes };
	if (base->tag == VERSION_SEQ) {
		group->base = MODEL_BASE_SEQ;
		group->base_number = base->seq;
	} else if (is_own(it, base)) {
		group->base = MODEL_BASE_OWN;
		group->base_number = base->n;
	}
	set_times(it, &from->evidence, group);
}

/* What stands instead of what was sent; the model makes sets by itself. */
static void read_merged(struct judge *j, struct judged *it)
{
	const struct kind *kind = it->change->kind;
	struct change *merged = arena_zalloc(&j->arena, sizeof *merged);

	assert(merged != NULL);
	if (it->row->merged.len == 0)
		return;
	if (change_decode(j->sim->schema, it->row->merged.data, it->row->merged.len, &j->arena, merged, NULL) != ST_OK ||
	    merged->kind != kind || !id_equal(&merged->id, &it->change->id)) {
		judge_wrong(j, it, "I4", "what was merged can't be read back");
		return;
	}
	for (size_t f = 0; f < kind->field_count; f++) {
		if ((merged->mask >> f & 1) == 0)
			continue;
		it->after[f] = judge_text(&j->arena, &merged->row.values[f]);
		it->after_mask |= UINT64_C(1) << f;
		if (kind->groups[kind->fields[f].group].rule == RULE_TEXT)
			it->merged[f] = it->after[f];
	}
}

bool judge_read(struct judge *j, struct judged *it)
{
	const struct history *row = it->row;
	struct change *change = arena_zalloc(&j->arena, sizeof *change);
	struct model_change *told = arena_zalloc(&j->arena, sizeof *told);

	assert(change != NULL && told != NULL);
	it->change = change;
	it->told = told;
	it->read = change_decode(j->sim->schema, row->body.data, row->body.len, &j->arena, change, NULL);
	if (it->read != ST_OK || change->kind == NULL)
		return false;
	*told = (struct model_change){ .device = row->device, .n = row->n, .seq = row->seq, .kind = change->kind->num,
				       .create = change->create, .group_count = change->group_count };
	memcpy(told->author, it->author.bytes, ID_SIZE);
	memcpy(told->id, change->id.bytes, ID_SIZE);
	if (change->create)
		memcpy(told->patient, change->patient.bytes, ID_SIZE);
	for (size_t f = 0; f < change->kind->field_count; f++)
		if (change->create || (change->mask >> f & 1) != 0)
			told->values[f] = judge_text(&j->arena, &change->row.values[f]);
	for (size_t i = 0; i < change->group_count; i++)
		tell_group(j, it, &change->groups[i], &told->groups[i]);
	if (change->create) {
		told->group_count = 1;
		told->groups[0].deleted = change->deletes;
		set_times(it, &change->evidence, &told->groups[0]);
	}
	told->decision = judge_carries_out(j, it);
	it->existed = model_record(j->model, told->kind, told->id, &it->before);
	read_merged(j, it);
	return true;
}

/* --- holds that are about form and rights, which the model knows nothing of ------------------- */

static bool lacks_required(const struct change *change)
{
	for (size_t f = 0; f < change->kind->field_count; f++)
		if (change->kind->fields[f].required && (change->create || (change->mask >> f & 1) != 0) &&
		    change->row.values[f].tag == VALUE_NULL)
			return true;
	return false;
}

/* Does it bring something that only the centre writes, other than it stands? */
static bool oversteps(const struct judged *it)
{
	const struct kind *kind = it->change->kind;

	if (kind->writer == WRITER_CENTRE)
		return true;
	for (size_t f = 0; f < kind->field_count; f++) {
		const char *new = it->told->values[f], *now = it->existed ? it->before.values[f] : NULL;

		if (kind->fields[f].writer != WRITER_CENTRE)
			continue;
		if (kind->fields[f].required && (it->change->create || it->change->deletes || it->change->restores))
			return true;
		if ((it->change->create || (it->change->mask >> f & 1) != 0) && new != now &&
		    (new == NULL || now == NULL || strcmp(new, now) != 0))
			return true;
	}
	return false;
}

/* What the centre alone can judge of the form: a signature's, an addendum's, a decision's. */
static bool has_form_of_its_own(const struct change *change)
{
	return strcmp(change->kind->name, "note") == 0 || strcmp(change->kind->name, "addendum") == 0 ||
	       strcmp(change->kind->name, "conflict") == 0 || id_is_zero(&change->id) || id_is_zero(&change->patient);
}

/* Is the reason about form, rights or the tablet? Then: is it true? Such a change is told to the model as held. */
static bool check_form(struct judge *j, const struct judged *it, bool read)
{
	const struct change *change = it->change;
	bool fits = true;

	switch (it->row->reason) {
	case HELD_INVALID:
		fits = it->read == ST_INVALID || it->read == ST_LIMIT || (read && (lacks_required(change) || has_form_of_its_own(change)));
		break;
	case HELD_RIGHTS:
		fits = read && it->tablet != 0 && oversteps(it);
		break;
	case HELD_UNKNOWN:
		fits = it->read == ST_UNKNOWN;
		break;
	case HELD_UNREADABLE:
		fits = it->read == ST_PROTOCOL;
		break;
	case HELD_NUMBER:
	case HELD_WITHDRAWN: /* whatever it says: check_access (judge) */
		break;
	case HELD_NONE:
	case HELD_NOT_YOURS:
	case HELD_WAITS:
	case HELD_EXISTS:
	case HELD_CLOSED:
	case HELD_REASON_COUNT:
		return false;
	}
	if (!fits)
		judge_wrong(j, it, "I5", "held as \"%s\", which it is not", held_reason_name(it->row->reason));
	return true;
}

/* --- the verdict ----------------------------------------------------------------------------- */

static enum outcome_verdict got_of(const struct judged *it, size_t i)
{
	if (it->row->result == OUTCOME_ACCEPTED || it->change->create)
		return GROUP_ACCEPTED;
	return it->row->groups[i].verdict;
}

static const struct group *group_of(const struct judged *it, size_t i)
{
	const uint8_t num = it->told->groups[i].num;

	if (it->change->create || num == SCHEMA_GROUP_DELETED)
		return NULL;
	return &it->change->kind->groups[kind_group_num(it->change->kind, num)];
}

static bool stands_already(const struct judged *it, size_t i)
{
	const struct group *group = group_of(it, i);

	if (!it->existed || it->change->create)
		return false;
	if (group == NULL)
		return it->before.deleted == it->told->groups[i].deleted;
	for (size_t f = 0; f < it->change->kind->field_count; f++) {
		const char *a = it->told->values[f], *b = it->before.values[f];

		if ((group->mask >> f & 1) != 0 && a != b && (a == NULL || b == NULL || strcmp(a, b) != 0))
			return false;
	}
	return true;
}

/* The model's word for what the centre says. allowed 0: anything is. */
static enum model_verdict verdict_of(const struct judged *it, size_t i, unsigned allowed)
{
	switch (got_of(it, i)) {
	case GROUP_MERGED:
		return MODEL_MERGED;
	case GROUP_SUPERSEDED:
		return MODEL_SUPERSEDED;
	case GROUP_ACCEPTED:
		break;
	}
	if (allowed == BIT(MODEL_MERGED))
		return MODEL_MERGED; /* which makes the very value proposed */
	if (it->told->decision)
		return MODEL_STANDS; /* also of the very value: from now on a person has decided for it */
	if (stands_already(it, i) && (allowed == 0 || (allowed & BIT(MODEL_SAME)) != 0))
		return MODEL_SAME;
	return allowed == BIT(MODEL_SAME) ? MODEL_SAME : MODEL_STANDS;
}

static const char *verdict_name(enum model_verdict verdict)
{
	static const char *const names[] = { "stands", "stands already", "is merged", "is superseded" };

	return names[verdict];
}

static const char *wrong_verdict(const struct judged *it, const struct group *group, enum model_verdict verdict)
{
	if (group == NULL || verdict == MODEL_SUPERSEDED)
		return "I5";
	if (group->rule == RULE_GUARDED)
		return strcmp(it->change->kind->name, "note") == 0 ? "I27" : "I26";
	return group->rule == RULE_NEWEST ? "I17" : "I26";
}

static bool is_decision(const struct judged *it, const struct group *group)
{
	return group != NULL && strcmp(it->change->kind->name, "conflict") == 0 && strcmp(group->name, "decision") == 0;
}

/* An open conflict hears every decision that started from something; a closed one none. */
static unsigned decision_allows(const struct judged *it, size_t i)
{
	const int status = kind_field(it->change->kind, "status", 6);
	const char *word = it->existed ? it->before.values[status] : NULL;

	if (word == NULL || strcmp(word, "open") != 0)
		return BIT(MODEL_SUPERSEDED);
	return it->told->groups[i].base == MODEL_BASE_NOTHING ? BIT(MODEL_STANDS) | BIT(MODEL_SUPERSEDED) : BIT(MODEL_STANDS);
}

/* The base of the record in a change of the tablet's that was never taken. */
static struct version base_of_held(struct judge *j, const struct judge_row *held)
{
	struct store *store = j->sim->centre.centre.store;
	struct change *change = arena_zalloc(&j->arena, sizeof *change);
	struct history row;

	assert(change != NULL);
	if (store->ops->history_get(store, held->seq, &j->arena, &row) != ST_OK ||
	    change_decode(j->sim->schema, row.body.data, row.body.len, &j->arena, change, NULL) != ST_OK || change->group_count == 0)
		return (struct version){ .tag = VERSION_NONE };
	return change->groups[0].base;
}

/* How far the author of a deletion had heard of the record. By an own change that was held, and not taken later: as far as for that. */
static uint64_t mark_seen(struct judge *j, const struct judged *it, size_t i)
{
	const struct model_group *mark = &it->told->groups[i];
	uint64_t n = mark->base == MODEL_BASE_OWN ? mark->base_number : 0;

	while (n > 0) {
		const struct judge_row *row = judge_row_of(j, it->tablet, n);
		const bool held = row != NULL && row->result == OUTCOME_HELD &&
				  (row->answer == 0 || j->rows[row->answer - 1].result == OUTCOME_RETURNED);
		const struct version base = held ? base_of_held(j, row) : (struct version){ .tag = VERSION_NONE };

		if (base.tag == VERSION_SEQ)
			return base.seq;
		n = base.tag == VERSION_OWN && base.n < n ? base.n : 0;
	}
	return mark->base == MODEL_BASE_SEQ ? mark->base_number : 0;
}

/* Who deletes what they had written last themselves hides nothing that they had not seen, though others had written it
 * before: that lost to their own edit. */
static bool hides_nothing(struct judge *j, const struct judged *it, size_t i)
{
	const uint64_t seen = mark_seen(j, it, i);

	for (size_t g = 0; g < it->change->kind->group_count; g++) {
		const struct judge_row *row = judge_row_at(j, it->before.seqs[g]);
		const enum rule rule = it->change->kind->groups[g].rule;
		const bool merges = rule != RULE_NEWEST && rule != RULE_GUARDED;

		if (it->before.seqs[g] > seen &&
		    (row == NULL || row->device != it->row->device || (row->result != OUTCOME_ACCEPTED && merges)))
			return false;
	}
	return true;
}

/* What the author's own edit was merged with they had not seen: a deletion that goes by that edit may hide others' words. */
static bool hides_merged(struct judge *j, const struct judged *it, size_t i)
{
	const uint64_t seen = mark_seen(j, it, i);

	for (size_t g = 0; g < it->change->kind->group_count; g++) {
		const struct judge_row *row = judge_row_at(j, it->before.seqs[g]);

		if (it->before.seqs[g] > seen && row != NULL && row->device == it->row->device && row->result == OUTCOME_JUDGED &&
		    it->change->kind->groups[g].rule == RULE_TEXT)
			return true;
	}
	return false;
}

/* What else than the model says may become of a deletion. */
static unsigned mark_allows(struct judge *j, const struct judged *it, size_t i)
{
	return (hides_nothing(j, it, i) ? BIT(MODEL_STANDS) : 0) | (hides_merged(j, it, i) ? BIT(MODEL_SUPERSEDED) : 0);
}

/* Did that change of the author's lose this group, or was it held? Then its own base is what counts. */
static bool has_lost(struct judge *j, const struct judge_row *own, uint8_t num)
{
	struct store *store = j->sim->centre.centre.store;
	struct history row;

	if (own->result != OUTCOME_JUDGED)
		return own->result == OUTCOME_HELD;
	if (store->ops->history_get(store, own->seq, &j->arena, &row) != ST_OK)
		return false;
	for (size_t i = 0; i < row.group_count; i++)
		if (row.groups[i].num == num)
			return row.groups[i].verdict == GROUP_SUPERSEDED;
	return false;
}

/* "From nothing" and "not known any more" travel as one: the centre may ask a person where the model knows that both are null.
 * So where the author's own create of the record is held, for another made one of the same id, or where an own edit lost. */
static bool from_nothing(struct judge *j, const struct judged *it, size_t i)
{
	const struct group *group = group_of(it, i);
	const struct model_group *told = &it->told->groups[i];
	const struct judge_row *own = told->base == MODEL_BASE_OWN ? judge_row_of(j, it->tablet, told->base_number) : NULL;

	if (group == NULL || told->base == MODEL_BASE_SEQ || (own != NULL && !has_lost(j, own, group->num)))
		return false;
	for (size_t f = 0; f < it->change->kind->field_count; f++)
		if ((group->mask >> f & 1) != 0 && it->before.values[f] != NULL)
			return false;
	return true;
}

/* It was held, or starts from an own edit that was: by when and against what that was judged may make a merge of what the
 * model lets stand. A merge loses no word, and that is checked apart. */
static bool after_held(const struct judge *j, const struct judged *it, size_t i)
{
	const struct model_group *told = &it->told->groups[i];
	const struct judge_row *own = told->base == MODEL_BASE_OWN ? judge_row_of(j, it->tablet, told->base_number) : NULL;

	return it->row->of_seq != 0 || (own != NULL && own->result == OUTCOME_HELD);
}

static void list_verdicts(unsigned allowed, char *out, size_t size)
{
	for (enum model_verdict v = MODEL_STANDS; v <= MODEL_SUPERSEDED; v++)
		if ((allowed & BIT(v)) != 0)
			(void)snprintf(out + strlen(out), size - strlen(out), "%s%s", out[0] != '\0' ? " or " : "", verdict_name(v));
}

static void check_verdict(struct judge *j, struct judged *it, size_t i, const struct model_group_end *end,
			  enum model_verdict verdict)
{
	const struct group *group = group_of(it, i);
	unsigned allowed = is_decision(it, group) ? decision_allows(it, i) : end->allowed;
	char must[128] = "";

	/* What was held and is judged again long after is compared by the centre with what stands, by the model with all
	 * that was ever kept: where the two differ nobody says which is right. */
	if (group != NULL && it->row->of_seq != 0 && group->rule == RULE_NEWEST)
		allowed |= BIT(MODEL_STANDS) | BIT(MODEL_SUPERSEDED);
	if (group != NULL && after_held(j, it, i) && (group->rule == RULE_TEXT || group->rule == RULE_SET))
		allowed |= BIT(MODEL_MERGED);
	if (from_nothing(j, it, i))
		allowed |= BIT(MODEL_SUPERSEDED);
	if (group == NULL && !it->change->create)
		allowed |= mark_allows(j, it, i);
	if ((verdict == MODEL_STANDS || verdict == MODEL_SAME) && (allowed & (BIT(MODEL_STANDS) | BIT(MODEL_SAME))) != 0)
		return;
	if ((allowed & BIT(verdict)) != 0)
		return;
	list_verdicts(allowed, must, sizeof must);
	judge_wrong(j, it, wrong_verdict(it, group, verdict), "%s %s at the centre; by the model it %s",
		    group != NULL ? group->name : it->change->create ? "the new record" : "the deletion mark", verdict_name(verdict),
		    must);
}

/* I4: each group of it is a winner or a loser. */
static bool check_groups(struct judge *j, struct judged *it)
{
	const struct history *row = it->row;
	bool whole = row->result != OUTCOME_JUDGED || row->group_count == it->change->group_count;

	for (size_t i = 0; whole && row->result == OUTCOME_JUDGED && i < row->group_count; i++) {
		whole = row->groups[i].num == it->change->groups[i].num;
		j->losers += row->groups[i].verdict == GROUP_SUPERSEDED;
		j->winners += row->groups[i].verdict != GROUP_SUPERSEDED;
	}
	if (row->result == OUTCOME_ACCEPTED)
		j->winners += it->told->group_count;
	j->groups += it->told->group_count;
	if (!whole || (row->result != OUTCOME_JUDGED && row->group_count != 0))
		judge_wrong(j, it, "I4", "not each of its groups has a verdict");
	return whole;
}

/* --- what is held ----------------------------------------------------------------------------- */

static bool reason_fits(enum held_reason reason, const char *why)
{
	switch ((int)reason) {
	case HELD_NOT_YOURS: /* what is missing and what is not theirs are one answer */
		return strcmp(why, "scope") == 0 || strcmp(why, "missing") == 0 || strcmp(why, "waits") == 0;
	case HELD_WAITS:
		return strcmp(why, "waits") == 0 || strcmp(why, "missing") == 0;
	case HELD_EXISTS:
		return strcmp(why, "exists") == 0;
	case HELD_CLOSED:
		return strcmp(why, "closed") == 0;
	default:
		return false;
	}
}

struct own_held {
	uint32_t device;
	bool is;
};

static enum status see_own_held(void *ctx, const struct history *row)
{
	struct own_held *own = ctx;

	own->is = own->is || (row->device == own->device && row->result == OUTCOME_HELD);
	return ST_OK;
}

/* A record that is made of a patient whom this very tablet made before, and who is held: DESIGN.md, section 6, says that it waits. The
 * model knows of no such patient, and so of no caseload that holds them. */
static bool waits_for_own_patient(struct judge *j, const struct judged *it)
{
	const struct kind *patients = schema_kind(j->sim->schema, "patient", 7);
	struct store *store = j->sim->centre.centre.store;
	struct own_held own = { .device = it->row->device };

	return it->row->reason == HELD_WAITS && it->change->create &&
	       judge_place_find(j, patients->num, &it->change->patient) == NULL &&
	       store->ops->history_of(store, patients, &it->change->patient, INT64_MAX, see_own_held, &own) == ST_OK && own.is;
}

static void check_held(struct judge *j, const struct judged *it, const struct model_end *end)
{
	const bool held = it->row->result == OUTCOME_HELD;

	if (held && !end->held)
		judge_wrong(j, it, "I5", "held as \"%s\"; by the model it is judged", held_reason_name(it->row->reason));
	else if (!held && end->held)
		judge_wrong(j, it, strcmp(end->why, "scope") == 0 ? "I13" : "I5", "judged; by the model it is held: %s", end->why);
	else if (held && !reason_fits(it->row->reason, end->why) && !waits_for_own_patient(j, it))
		judge_wrong(j, it, "I5", "held as \"%s\"; by the model: %s", held_reason_name(it->row->reason), end->why);
}

/* --- a row ---------------------------------------------------------------------------------------- */

/* A merge that makes the very value proposed. */
static void keep_proposed(struct judged *it, const struct group *group, bool merged)
{
	for (size_t f = 0; merged && group != NULL && f < it->change->kind->field_count; f++)
		if ((group->mask >> f & 1) != 0)
			it->merged[f] = it->told->values[f];
}

/* Merged into what stood already: it says nothing new, and so brings no deleted record back. */
static bool adds_nothing(const struct judged *it, const struct group *group)
{
	for (size_t f = 0; group != NULL && it->existed && f < it->change->kind->field_count; f++) {
		const char *after = (it->after_mask >> f & 1) != 0 ? it->after[f] : it->told->values[f], *before = it->before.values[f];

		if ((group->mask >> f & 1) != 0 && (after == NULL || before == NULL ? after != before : strcmp(after, before) != 0))
			return false;
	}
	return group != NULL && it->existed;
}

/* The verdicts as the model takes them; compared, where compared is set. */
static void verdicts_of(struct judge *j, struct judged *it, const struct model_end *end, bool compared,
			enum model_verdict *verdicts)
{
	for (size_t i = 0; i < it->told->group_count && !sim_is_wrong(j->sim); i++) {
		const unsigned allowed = compared ? end->groups[i].allowed : 0;

		verdicts[i] = verdict_of(it, i, allowed);
		if (compared)
			check_verdict(j, it, i, &end->groups[i], verdicts[i]);
		judge_group_seen(j, it, i, verdicts[i], compared ? &end->groups[i] : NULL);
		keep_proposed(it, group_of(it, i), verdicts[i] == MODEL_MERGED && got_of(it, i) == GROUP_ACCEPTED);
		if (verdicts[i] == MODEL_MERGED && adds_nothing(it, group_of(it, i)))
			verdicts[i] = MODEL_SAME;
	}
}

static void take(struct judge *j, struct judged *it)
{
	enum model_verdict verdicts[SCHEMA_FIELDS_MAX + 1] = { MODEL_STANDS };
	struct model_end *end = arena_zalloc(&j->arena, sizeof *end);
	const bool held = it->row->result == OUTCOME_HELD;

	assert(end != NULL);
	model_judge(j->model, it->told, end);
	judge_times(j, it);
	if (it->tablet != 0)
		check_held(j, it, end);
	if (!held && check_groups(j, it))
		verdicts_of(j, it, end, it->tablet != 0, verdicts);
	if (sim_is_wrong(j->sim))
		return;
	model_take(j->model, it->told, held, verdicts, it->merged);
	if (!held)
		judge_row_told(j, it);
}

/* A held change was answered, or what it waited for came: its author and arrival are those of the row that held it. A
 * supervisor's yes asks nobody about the caseload. */
static void take_held(struct judge *j, struct judged *it, bool by_itself)
{
	enum model_verdict verdicts[SCHEMA_FIELDS_MAX + 1] = { MODEL_STANDS };
	struct model_end *end = arena_zalloc(&j->arena, sizeof *end);

	assert(end != NULL);
	model_judge(j->model, it->told, end);
	if (by_itself && end->held)
		judge_wrong(j, it, "I5", "taken by itself; by the model it is still held: %s", end->why);
	if (check_groups(j, it))
		verdicts_of(j, it, end, it->tablet != 0 && end->groups[0].allowed != 0, verdicts);
	if (sim_is_wrong(j->sim))
		return;
	model_take_held(j->model, it->row->device, it->row->n, it->row->seq, verdicts, it->merged);
	judge_row_told(j, it);
}

static void answered(struct judge *j, struct judged *it)
{
	struct store *store = j->sim->centre.centre.store;
	struct history of;

	if (store->ops->history_get(store, it->row->of_seq, &j->arena, &of) != ST_OK || of.result != OUTCOME_HELD) {
		judge_wrong(j, it, "I4", "it answers history %" PRIu64 ", which is not held", it->row->of_seq);
		return;
	}
	it->author = of.author;
	it->received_ms = of.received_ms;
	if (of.reason == HELD_NUMBER)
		return; /* the model knows one change of a number */
	if (it->row->result == OUTCOME_RETURNED) {
		model_return_held(j->model, it->row->device, it->row->n);
		return;
	}
	if (!judge_read(j, it))
		judge_wrong(j, it, "I4", "taken, though it can't be read");
	else
		take_held(j, it, id_equal(&it->row->author, &of.author));
}

void judge_model_row(struct judge *j, struct judged *it)
{
	const bool held = it->row->result == OUTCOME_HELD;
	bool read;

	if (it->row->of_seq != 0) {
		answered(j, it);
		return;
	}
	read = judge_read(j, it);
	if (held && check_form(j, it, read)) {
		if (read && it->row->reason != HELD_NUMBER && !sim_is_wrong(j->sim))
			model_take(j->model, it->told, true, NULL, NULL);
		return;
	}
	if (!read)
		judge_wrong(j, it, "I5", "taken, though it can't be read");
	else if (it->tablet != 0 && !held && lacks_required(it->change))
		judge_wrong(j, it, "I5", "taken, though a required value lacks");
	else if (it->tablet != 0 && !held && oversteps(it))
		judge_wrong(j, it, "I5", "a tablet wrote what only the centre writes");
	else
		take(j, it);
}
