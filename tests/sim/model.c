#include "tests/sim/model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET(id) ((size_t)((id)[MODEL_ID_SIZE - 2] << 8 | (id)[MODEL_ID_SIZE - 1]) % 4096)
#define BIT(index) (UINT64_C(1) << (index))
#define MAY(verdict) (1U << (verdict))
#define ONLY(verdict) ((struct model_group_end){ .allowed = MAY(verdict) })
#define MARK (SCHEMA_FIELDS_MAX - 1) /* where the deletion mark stands among the values: "deleted", or null */
#define EACH_FIELD(f, kind) (size_t f = 0; f <= MARK; f = f + 1 == (kind)->field_count ? MARK : f + 1)
#define EACH_CHANGE(at, model, of) (struct entry *at = NULL; (at = next_of(model, at, of)) != NULL;) /* of the same record */
static const struct group MARK_GROUP = { .num = SCHEMA_GROUP_DELETED, .mask = BIT(MARK) };

struct entry { /* one change */
	struct model_change change;
	const struct kind *kind;
	char *sent[SCHEMA_FIELDS_MAX], *stands[SCHEMA_FIELDS_MAX]; /* stands: what does, where anything of it does */
	enum model_verdict verdicts[SCHEMA_FIELDS_MAX + 1];
	enum { TAKEN, HELD, GONE } state; /* gone: given back, or taken later as another entry */
	bool edits, asked, revives; /* something of it stands, or a person is asked; it brings back what was deleted unseen by its author */
	struct entry *next, *next_in_bucket, *next_assignment;
};
struct model {
	const struct schema *schema;
	struct entry *first, *last, *buckets[4096], *assignments; /* in the centre's order; buckets by the record's id */
	int64_t now_ms;
};
struct standing { /* the record of a change as it was when all up to seq had been taken */
	const struct model *model;
	const struct model_change *change;
	const struct kind *kind;
	uint64_t seq;
	const uint8_t *patient; /* NULL: there is no such record */
	const char *values[SCHEMA_FIELDS_MAX];
	const struct entry *set_by[SCHEMA_FIELDS_MAX]; /* by field */
};
static bool same(const char *a, const char *b) { return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0); }
static bool id_same(const uint8_t *a, const uint8_t *b) { return memcmp(a, b, MODEL_ID_SIZE) == 0; }
static bool all_same(uint64_t mask, const char *const *a, const char *const *b)
{
	for (size_t f = 0; f < SCHEMA_FIELDS_MAX; f++) if ((mask & BIT(f)) != 0 && !same(a[f], b[f])) return false;
	return true;
}
static const struct group *group_at(const struct kind *kind, size_t f) { return f == MARK ? &MARK_GROUP : &kind->groups[kind->fields[f].group]; }
/* Where a change speaks of a group; -1: nowhere. A create speaks of all in its first place. */
static int place_of(const struct model_change *change, unsigned num)
{
	size_t i = 0;
	while (i < change->group_count && !change->create && change->groups[i].num != num) i++;
	return i < change->group_count ? (int)i : -1;
}
static struct entry *next_of(const struct model *model, const struct entry *after, const struct model_change *of)
{
	struct entry *at = after == NULL ? model->buckets[BUCKET(of->id)] : after->next_in_bucket;
	while (at != NULL && (at->change.kind != of->kind || !id_same(at->change.id, of->id))) at = at->next_in_bucket;
	return at;
}
static void stand(const struct model *model, const struct model_change *of, uint64_t seq, struct standing *out)
{
	*out = (struct standing){ .model = model, .change = of, .kind = schema_kind_num(model->schema, of->kind), .seq = seq };
	for EACH_CHANGE(at, model, of) {
		if (at->state != TAKEN || at->change.seq > seq) continue;
		if (at->change.create) out->patient = at->kind->is_patient ? at->change.id : at->change.patient;
		for EACH_FIELD(f, at->kind) {
			int place = place_of(&at->change, group_at(at->kind, f)->num);
			unsigned ended = place < 0 ? 0 : MAY(at->verdicts[place]);
			if ((ended & (MAY(MODEL_STANDS) | MAY(MODEL_MERGED))) == 0 && (f != MARK || !at->revives)) continue;
			out->values[f] = at->stands[f];
			out->set_by[f] = at;
		}
	}
}
/* What an author had started from. An own n: accepted, its sequence; merged, what was sent; superseded or held, its base. */
static void origin_of(const struct model *model, const struct model_change *change, const struct model_group *group, struct standing *out)
{
	const struct entry *own = NULL;
	const uint64_t own_n = group->base == MODEL_BASE_OWN ? group->base_number : 0;
	*out = (struct standing){ .seq = 0 };
	if (group->base == MODEL_BASE_SEQ) stand(model, change, group->base_number, out);
	for EACH_CHANGE(at, model, change)
		if (own_n != 0 && own_n < change->n && at->change.device == change->device && at->change.n == own_n) own = at;
	int place = own != NULL ? place_of(&own->change, group->num) : -1;
	const bool shows = group->num != SCHEMA_GROUP_DELETED || (own != NULL && own->change.create); /* an own edit shows nothing of others' */
	if (place >= 0 && own->state == TAKEN && own->verdicts[place] != MODEL_SUPERSEDED && shows) {
		memcpy(out->values, own->change.values, sizeof out->values);
		out->seq = own->verdicts[place] == MODEL_MERGED ? 0 : own->change.seq;
	} else if (place >= 0 || (own != NULL && group->num == SCHEMA_GROUP_DELETED)) { /* who deletes had seen what the edit saw */
		origin_of(model, &own->change, &own->change.groups[place < 0 ? 0 : place], out);
	}
}
static bool is_news(const struct entry *at, const struct model_change *to, uint64_t seen) /* an own earlier change never is */
{
	return at->change.seq > seen && (to->device == 0 || to->device != at->change.device || to->n < at->change.n);
}
/* Later than all that was kept stands, older than one of them never does; between, the clocks may tell. */
static unsigned newest(const struct standing *now, const struct model_group *mine)
{
	unsigned allowed = MAY(MODEL_STANDS);
	for EACH_CHANGE(at, now->model, now->change) {
		int place = at->state == TAKEN ? place_of(&at->change, mine->num) : -1;
		if (place >= 0 && mine->latest_ms < at->change.groups[place].earliest_ms) return MAY(MODEL_SUPERSEDED);
		if (place >= 0 && mine->earliest_ms <= at->change.groups[place].latest_ms) allowed |= MAY(MODEL_SUPERSEDED);
	}
	return allowed;
}
/* A set's member as it stands in JSON, with its quotes; the bracket after the last counts as one, and comes after all. */
static size_t word_len(const char *word)
{
	size_t len = 1;
	while (*word == '"' && word[len] != '"') len += word[len] == '\\' ? 2 : 1;
	return len + (*word == '"');
}
static int word_order(const char *a, const char *b)
{
	const size_t a_len = word_len(a), b_len = word_len(b), least = a_len < b_len ? a_len : b_len;
	const int order = memcmp(a, b, least > 1 ? least - 1 : 1);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}
static bool is_closed(const struct kind *kind, const char *word) { return word != NULL && (same(kind->closes, "*") || values_contain(kind->closes, word, strlen(word))); }
static const char *next_word(const char *word) { return word + word_len(word) + (word[word_len(word)] == ','); }
/* Additions win, removals of what was seen apply: what one side alone has stays unless the base had it. */
static char *set_merge(const char *base, const char *ours, const char *theirs)
{
	const char *a = ours != NULL ? ours + 1 : "]", *b = theirs != NULL ? theirs + 1 : "]", *c = base != NULL ? base + 1 : "]";
	char *out = calloc(1, strlen(a) + strlen(b) + 2), *end = out;
	assert(out != NULL);
	for (int order; *a == '"' || *b == '"'; a = order <= 0 ? next_word(a) : a, b = order >= 0 ? next_word(b) : b) {
		order = word_order(a, b);
		const char *word = order <= 0 ? a : b;
		while (word_order(c, word) < 0) c = next_word(c);
		if (order != 0 && word_order(c, word) == 0) continue;
		*end = end == out ? '[' : ',';
		memcpy(end + 1, word, word_len(word));
		end += word_len(word) + 1;
	}
	return *end = ']', end != out ? out : (free(out), NULL); /* as an empty set is */
}
static bool is_ending(const char *status) { return same(status, "done") || same(status, "not-done") || same(status, "cancelled"); }
/* The rules of section 7, where the base has been replaced meanwhile. */
static struct model_group_end judge_rule(const struct standing *now, size_t i, size_t first, const struct standing *from)
{
	const char *ours = now->values[first], *theirs = now->change->values[first];
	const bool decided = now->set_by[first]->change.decision; /* by a person: no rule replaces it */
	struct model_group_end end = ONLY(MODEL_SUPERSEDED);
	const enum rule rule = group_at(now->kind, first)->rule;
	if (rule == RULE_GUARDED) end.conflict = !same(now->kind->name, "conflict");
	if (rule == RULE_TEXT) end = (struct model_group_end){ end.allowed | MAY(MODEL_MERGED) | (decided ? 0 : MAY(MODEL_STANDS)), true };
	if (rule == RULE_PROGRESS && is_ending(theirs) && is_ending(ours)) end.conflict = !same(ours, theirs);
	if (rule == RULE_PROGRESS && is_ending(theirs) && !is_ending(ours) && !decided) end.allowed = MAY(MODEL_STANDS) | MAY(MODEL_MERGED);
	if (rule == RULE_NEWEST || (rule == RULE_PROGRESS && !end.conflict && is_ending(ours) == is_ending(theirs))) end.allowed = decided ? end.allowed : newest(now, &now->change->groups[i]);
	if (rule != RULE_SET) return end;
	char *merged = set_merge(from->values[first], ours, theirs);
	end.conflict = merged != NULL && strlen(merged) > now->kind->fields[first].max;
	end.allowed = end.conflict ? end.allowed : MAY(MODEL_MERGED) | (same(merged, theirs) ? MAY(MODEL_STANDS) : 0);
	free(merged);
	return end;
}
/* A closed record: what may still change; what loses against a signed note, which is only ever added to; what nothing may do. */
static enum { FREE, ADDENDUM, CLOSED } lateness(const struct standing *now, size_t first)
{
	const struct kind *kind = now->kind;
	const char *const *new = now->change->values, *const *old = now->values, *word = kind->closing < 0 ? NULL : old[kind->closing];
	const uint64_t mask = group_at(kind, first)->mask;
	const int status = kind_field(kind, "status", 6), why = kind_field(kind, "status_reason", 13);
	const bool note = same(kind->name, "note"), adds = note && now->change->device == 0 && same(old[status], "signed") && same(new[status], "amended");
	if (!is_closed(kind, word) || all_same(mask, new, old) || (mask & (kind->mask_stays | BIT(MARK))) == 0 || (first == MARK && new[MARK] == NULL)) return FREE;
	if (first == MARK || (mask & BIT(status)) == 0) return note ? ADDENDUM : CLOSED;
	if (((same(new[status], "entered-in-error") && !same(old[status], new[status])) || adds) &&
	    all_same(mask & ~BIT(status) & ~BIT(why < 0 ? status : why), new, old)) return FREE;
	return note ? ADDENDUM : CLOSED;
}
static bool leads_to(const struct model *model, const struct model_change *at, unsigned num, uint64_t n) /* down, by own numbers */
{
	const int place = place_of(at, num);
	const uint64_t down = place < 0 || at->groups[place].base != MODEL_BASE_OWN ? 0 : at->groups[place].base_number;
	bool leads = down == n && n != 0;
	for EACH_CHANGE(own, model, at)
		leads = leads || (down > n && down < at->n && own->change.device == at->device && own->change.n == down && leads_to(model, &own->change, num, n));
	return leads;
}
static struct model_group_end judge_group(const struct standing *now, size_t i)
{
	const struct kind *kind = now->kind;
	const struct model_change *change = now->change;
	const size_t first = change->groups[i].num == SCHEMA_GROUP_DELETED ? MARK : (size_t)kind_field_num(kind, change->groups[i].num);
	const uint64_t mask = group_at(kind, first)->mask;
	const bool told = all_same(mask, change->values, now->values);
	struct standing from;
	origin_of(now->model, change, &change->groups[i], &from);
	unsigned may_stand = MAY(MODEL_STANDS) | (told && first == MARK ? MAY(MODEL_SAME) : 0);
	for EACH_CHANGE(at, now->model, change) { /* a deletion never beats an edit that stands; one that the deleter has typed over, it may */
		if (first != MARK || told || change->values[MARK] == NULL || !at->edits || !is_news(at, change, from.seq)) continue;
		for EACH_FIELD(f, kind) if (at->asked || now->set_by[f] == at) return ONLY(MODEL_SUPERSEDED);
		may_stand |= MAY(MODEL_SUPERSEDED);
	}
	if (lateness(now, first) == ADDENDUM) return ONLY(MODEL_SUPERSEDED);
	const struct model_change *last = &now->set_by[first]->change;
	const int signature = same(kind->name, "note") ? place_of(change, group_at(kind, (size_t)kind->closing)->num) : -1;
	const bool signs = signature >= 0 && (same(change->values[kind->closing], "signed") || ((size_t)signature == i && is_closed(kind, now->values[kind->closing])));
	const unsigned num = change->groups[i].num;
	for EACH_CHANGE(at, now->model, change) /* who went on from what was held, and was taken, has replaced it */
		if (!signs && change->device != 0 && at->state == TAKEN && at->change.device == change->device && leads_to(now->model, &at->change, num, change->n) &&
		    at->verdicts[place_of(&at->change, num)] != MODEL_SUPERSEDED && !same(kind->name, "conflict")) return ONLY(told ? MODEL_SAME : MODEL_SUPERSEDED);
	if (first == MARK || last->seq <= from.seq || (all_same(mask, from.values, now->values) && !last->decision)) return (struct model_group_end){ may_stand, false };
	if (told) return ONLY(MODEL_SAME);
	if (signs) return /* as a whole, exactly */ ONLY(lateness(now, (size_t)kind->closing) == ADDENDUM ? MODEL_SUPERSEDED : MODEL_STANDS);
	return judge_rule(now, i, first, &from);
}
static void id_parse(const char *text, uint8_t *id)
{
	for (size_t i = 0; i < MODEL_ID_SIZE; i++) (void)sscanf(text + i * 2 + (i > 3) + (i > 5) + (i > 7) + (i > 9), "%2hhx", &id[i]);
}
/* Does the field refer to a record of another patient ("scope"), or to one that is missing ("waits")? */
static const char *judge_reference(const struct standing *now, size_t f, const uint8_t *patient)
{
	const struct field *field = &now->kind->fields[f];
	uint8_t id[MODEL_ID_SIZE];
	if (f == MARK || field->type != TYPE_ID || now->change->values[f] == NULL) return "";
	id_parse(now->change->values[f], id);
	const bool any = field->values[0] == '\0';
	const char *why = id_same(id, now->change->id) ? "" : "waits";
	for (const struct entry *at = now->model->buckets[BUCKET(id)]; at != NULL; at = at->next_in_bucket)
		if (at->state == TAKEN && at->change.create && id_same(at->change.id, id) && (any || same(field->values, at->kind->name)))
			why = now->change->device == 0 || at->kind->is_staff ||
			      id_same(at->kind->is_patient ? id : at->change.patient, patient) ? "" : "scope";
	return why;
}
static bool in_scope(const struct model *model, const uint8_t *worker, const uint8_t *patient, uint64_t seq, int64_t now_ms)
{
	for (const struct entry *at = model->assignments; at != NULL; at = at->next_assignment) {
		struct standing now;
		uint8_t whose[MODEL_ID_SIZE];
		stand(model, &at->change, seq, &now);
		if (now.patient == NULL || now.values[MARK] != NULL || !id_same(now.patient, patient)) continue;
		const char *starts = now.values[kind_field(at->kind, "starts", 6)], *ends = now.values[kind_field(at->kind, "ends", 4)];
		id_parse(now.values[kind_field(at->kind, "worker", 6)], whose);
		if (id_same(whose, worker) && (starts == NULL || strtoll(starts, NULL, 10) <= now_ms) && (ends == NULL || now_ms < strtoll(ends, NULL, 10))) return true;
	}
	return id_same(patient, (const uint8_t[MODEL_ID_SIZE]){ 0 });
}
/* Was the patient the author's, until an ending that no edit of the change had heard of? */
static bool is_late(const struct model *model, const struct model_change *change, const uint8_t *patient)
{
	int64_t ended_ms = INT64_MIN, highest_ms = INT64_MIN; /* what began or ended stays so when a clock goes back */
	bool is = false, was = false;
	for (const struct entry *at = model->first; at != NULL; at = at->next, was = is) {
		if (at->change.device == 0 && at->change.groups[0].latest_ms > highest_ms) highest_ms = at->change.groups[0].latest_ms;
		if (at->state == TAKEN && same(at->kind->name, "assignment")) is = in_scope(model, change->author, patient, at->change.seq, highest_ms);
		if (was && !is) ended_ms = at->change.groups[0].latest_ms;
	}
	for (size_t i = 0; i < change->group_count; i++) if (change->groups[i].heard_ms >= ended_ms) return false;
	return ended_ms != INT64_MIN;
}
static const char *why_held(const struct standing *now)
{
	const struct model_change *change = now->change;
	const uint8_t *patient = !change->create ? now->patient : now->kind->is_patient ? change->id : change->patient;
	const char *why = "";
	if (now->patient != NULL && change->create) return "exists";
	for EACH_CHANGE(at, now->model, change)
		if (patient == NULL && at->state == HELD && at->change.create) return "waits";
	if (patient == NULL) return "missing";
	if (change->device != 0 && patient != change->id && !model_in_scope(now->model, change->author, patient, UINT64_MAX) &&
	    !is_late(now->model, change, patient)) return "scope";
	for EACH_FIELD(f, now->kind) {
		if (place_of(change, group_at(now->kind, f)->num) < 0) continue;
		const char *one = judge_reference(now, f, patient);
		if (one[0] == '\0' && !change->create && lateness(now, f) == CLOSED) one = "closed";
		why = why[0] == '\0' || same(one, "scope") ? one : why;
	}
	return why;
}
static struct model_change whole_of(struct model_change change) /* with its deletion mark among the values */
{
	assert(!change.create || change.group_count == 1);
	change.values[MARK] = NULL;
	for (size_t i = 0; i < change.group_count; i++) if (change.groups[i].deleted) change.values[MARK] = "deleted";
	return change;
}
void model_judge(const struct model *model, const struct model_change *change, struct model_end *end_out)
{
	const struct model_change whole = whole_of(*change);
	struct standing now;
	stand(model, &whole, UINT64_MAX, &now);
	const bool made = change->device == 0 && (same(now.kind->name, "conflict") || same(now.kind->name, "addendum"));
	*end_out = (struct model_end){ .why = made ? "" : why_held(&now) };
	end_out->held = end_out->why[0] != '\0';
	for (size_t i = 0; i < whole.group_count; i++)
		if (made || whole.create == (now.patient == NULL))
			end_out->groups[i] = made || whole.create ? ONLY(MODEL_STANDS) : judge_group(&now, i);
}
static char *copy(const char *text) { return text != NULL ? strdup(text) : NULL; }
static struct entry *add(struct model *model, const struct model_change *change)
{
	struct entry *entry = calloc(1, sizeof *entry), **end = &model->buckets[BUCKET(change->id)];
	assert(entry != NULL);
	*entry = (struct entry){ .change = *change, .kind = schema_kind_num(model->schema, change->kind), .state = HELD };
	for (size_t f = 0; f < SCHEMA_FIELDS_MAX; f++) entry->change.values[f] = entry->sent[f] = copy(change->values[f]);
	while (*end != NULL) end = &(*end)->next_in_bucket;
	model->last = *end = *(model->first == NULL ? &model->first : &model->last->next) = entry;
	entry->next_assignment = model->assignments;
	if (change->create && same(entry->kind->name, "assignment")) model->assignments = entry;
	return entry;
}
static void settle(struct model *model, struct entry *entry, const enum model_verdict *verdicts, const char *const *merged)
{
	const struct model_change *change = &entry->change;
	struct standing now, from;
	stand(model, change, UINT64_MAX, &now);
	entry->revives = !change->create && now.values[MARK] != NULL && place_of(change, SCHEMA_GROUP_DELETED) < 0 &&
			 (change->device == 0 || now.set_by[MARK]->change.device != change->device); /* who deletes knows what they wrote */
	for EACH_FIELD(f, entry->kind) {
		const int place = place_of(change, group_at(entry->kind, f)->num);
		if (place < 0) continue;
		const enum model_verdict verdict = entry->verdicts[place] = change->create ? MODEL_STANDS : verdicts[place];
		origin_of(model, change, &change->groups[place], &from);
		const enum rule rule = verdict == MODEL_MERGED ? group_at(entry->kind, f)->rule : RULE_NEWEST;
		entry->stands[f] = rule == RULE_SET ? set_merge(from.values[f], now.values[f], change->values[f]) :
						      copy(rule == RULE_TEXT ? merged[f] : change->values[f]);
		const struct model_group_end end = verdict == MODEL_SUPERSEDED && !change->create ? judge_group(&now, (size_t)place) : ONLY(MODEL_SUPERSEDED);
		const bool lost = end.conflict || (end.allowed & MAY(MODEL_SUPERSEDED)) == 0; /* a person is asked */
		entry->asked |= lost, entry->edits = entry->edits || ((f != MARK || change->values[MARK] == NULL) && verdict != MODEL_SAME && (verdict != MODEL_SUPERSEDED || lost) &&
			       (verdict != MODEL_STANDS || change->decision || !same(now.values[f], entry->stands[f]))); /* it changes something */
		entry->revives = entry->revives && is_news(now.set_by[MARK], change, from.seq);
	}
	entry->revives = entry->revives && entry->edits;
	entry->state = TAKEN;
}
void model_take(struct model *model, const struct model_change *change, bool held, const enum model_verdict *verdicts, const char *const *merged)
{
	const struct model_change whole = whole_of(*change);
	struct entry *entry = add(model, &whole);
	if (!held) settle(model, entry, verdicts, merged);
}
static struct entry *release(struct model *model, uint32_t device, uint64_t n)
{
	struct entry *at = model->first;
	while (at != NULL && (at->change.device != device || at->change.n != n || at->state != HELD)) at = at->next;
	assert(at != NULL);
	at->state = GONE;
	return at;
}
void model_take_held(struct model *model, uint32_t device, uint64_t n, uint64_t seq, const enum model_verdict *verdicts, const char *const *merged)
{
	struct entry *entry = add(model, &release(model, device, n)->change);
	entry->change.seq = seq;
	settle(model, entry, verdicts, merged);
}
void model_return_held(struct model *model, uint32_t device, uint64_t n) { (void)release(model, device, n); }
bool model_record(const struct model *model, uint8_t kind, const uint8_t id[MODEL_ID_SIZE], struct model_record *out)
{
	struct model_change of = { .kind = kind };
	struct standing now;
	memcpy(of.id, id, MODEL_ID_SIZE);
	stand(model, &of, UINT64_MAX, &now);
	*out = (struct model_record){ .kind = kind, .deleted = now.values[MARK] != NULL };
	memcpy(out->id, id, MODEL_ID_SIZE);
	if (now.patient != NULL) memcpy(out->patient, now.patient, MODEL_ID_SIZE);
	for (size_t f = 0; f < MARK && now.set_by[f] != NULL; f++) {
		out->values[f] = now.values[f];
		out->seqs[now.set_by[f]->kind->fields[f].group] = now.set_by[f]->change.seq;
	}
	return now.patient != NULL;
}
void model_each(const struct model *model, model_record_fn *fn, void *ctx)
{
	struct model_record record;
	for (const struct entry *at = model->first; at != NULL; at = at->next)
		if (at->state == TAKEN && at->change.create && model_record(model, at->change.kind, at->change.id, &record)) fn(ctx, &record);
}
bool model_in_scope(const struct model *m, const uint8_t worker[MODEL_ID_SIZE], const uint8_t patient[MODEL_ID_SIZE], uint64_t seq) { return in_scope(m, worker, patient, seq, m->now_ms); }
uint64_t model_last_n(const struct model *model, uint32_t device)
{
	uint64_t n = 0;
	for (const struct entry *at = model->first, *from = at; at != NULL; at = at != NULL ? at->next : from)
		if (at->change.device == device && at->change.n == n + 1) n++, at = NULL;
	return n;
}
void model_time(struct model *model, int64_t now_ms) { model->now_ms = now_ms; }
struct model *model_new(const struct schema *schema)
{
	struct model *model = calloc(1, sizeof *model);
	assert(model != NULL);
	*model = (struct model){ .schema = schema, .now_ms = INT64_MAX };
	return model;
}
void model_free(struct model *model)
{
	for (struct entry *at = model != NULL ? model->first : NULL, *next; at != NULL; at = next) {
		next = at->next;
		for (size_t f = 0; f < SCHEMA_FIELDS_MAX; f++) free(at->sent[f]), free(at->stands[f]);
		free(at);
	}
	free(model);
}
