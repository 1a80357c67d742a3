#include "daemon/term.h"

#include <assert.h>
#include <string.h>

#define RECORD_ARENA_MAX ((size_t)64 * 1024 * 1024)

/* --- what an assignment means at a moment --- */

static int64_t moment_of(const struct record *record, const char *field, int64_t otherwise)
{
	const int f = kind_field(record->kind, field, strlen(field));

	return f >= 0 && record->row.values[f].tag == VALUE_INT ? record->row.values[f].integer : otherwise;
}

void term_of(const struct record *assignment, int64_t now_ms, struct term *term_out)
{
	const int64_t starts_ms = moment_of(assignment, "starts", INT64_MIN);
	const int64_t ends_ms = moment_of(assignment, "ends", TERM_NEVER);
	const int f = kind_field(assignment->kind, "worker", strlen("worker"));
	const struct value *worker = f >= 0 ? &assignment->row.values[f] : NULL;

	*term_out = (struct term){ .assignment = assignment->id, .patient = assignment->patient, .due_ms = TERM_NEVER };
	if (worker == NULL || worker->tag != VALUE_TEXT || !id_parse(worker->text, worker->len, &term_out->worker))
		return;
	if (assignment->deleted || now_ms >= ends_ms || starts_ms >= ends_ms)
		return;
	term_out->in_force = now_ms >= starts_ms;
	term_out->due_ms = now_ms < starts_ms ? starts_ms : ends_ms;
}

/* --- what is due --- */

/* The moment that came, said again as it stands. */
static enum status say_again(struct intake *in, const struct record *record)
{
	const char *field = moment_of(record, "ends", TERM_NEVER) <= in->now_ms ? "ends" : "starts";
	const int f = kind_field(record->kind, field, strlen(field));
	struct change *change = arena_zalloc(in->arena, sizeof *change);
	const struct group *group;
	struct outcome outcome = { 0 };
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	if (f < 0)
		return ST_CORRUPT;
	group = &record->kind->groups[record->kind->fields[f].group];
	assert(group->mask == UINT64_C(1) << f); /* each of the two is a group of its own */
	change->kind = record->kind;
	change->id = record->id;
	change->patient = record->patient;
	change->group_count = 1;
	change->groups[0].num = group->num;
	change->row.values[f] = record->row.values[f];
	st = intake_own(in, &ID_STAFF, change, &outcome);
	return st == ST_OK && outcome.result == OUTCOME_HELD ? ST_CORRUPT : st;
}

static enum status settle_one(struct intake *in, const struct term *term)
{
	const struct kind *kind = schema_kind(in->schema, "assignment", strlen("assignment"));
	struct intake one = *in;
	struct record *record;
	struct arena arena;
	enum status st;

	if (kind == NULL)
		return ST_NOT_FOUND;
	arena_init(&arena, RECORD_ARENA_MAX);
	one.arena = &arena;
	record = arena_zalloc(&arena, sizeof *record);
	st = record != NULL ? in->store->ops->record_get(in->store, kind, &term->assignment, &arena, record) : ST_NOMEM;
	if (st == ST_OK)
		st = say_again(&one, record);
	arena_close(&arena);
	return st;
}

static enum status put_off(struct intake *in, const struct term *term, enum status why)
{
	struct term later = *term;
	char id[ID_TEXT_SIZE];

	id_format(&term->assignment, id);
	env_log(in->env, LOG_ERROR, "term", "assignment-stuck", "assignment=%s status=%s", id, status_name(why));
	later.due_ms = in->now_ms + TERM_AGAIN_MS;
	return in->store->ops->term_put(in->store, &later);
}

static enum status settle_or_put_off(struct intake *in, const struct term *term)
{
	struct store *store = in->store;
	const struct chain_mark mark = chain_mark(in->chain);
	enum status st = store->ops->savepoint(store);

	if (st != ST_OK)
		return st;
	st = settle_one(in, term);
	if (st == ST_OK)
		return store->ops->release(store);
	store->ops->rollback_to(store);
	chain_back(in->chain, &mark);
	return centre_is_ours(st) && st != ST_CORRUPT ? st : put_off(in, term, st);
}

enum status terms_settle(struct intake *in)
{
	struct arena arena;
	struct term *terms;
	size_t count = 0;
	enum status st;

	arena_init(&arena, TERM_SETTLE_MAX * sizeof *terms + 4096);
	terms = arena_alloc(&arena, TERM_SETTLE_MAX * sizeof *terms);
	st = terms == NULL ? ST_NOMEM : in->store->ops->term_due(in->store, in->now_ms, terms, TERM_SETTLE_MAX, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = settle_or_put_off(in, &terms[i]);
	arena_close(&arena);
	return st;
}

static enum status next_due(struct centre *centre, int64_t *next_ms_out)
{
	struct store *store = centre->store;
	enum status st = store->ops->begin_read(store);

	if (st != ST_OK)
		return st;
	st = store->ops->term_next(store, next_ms_out);
	store->ops->rollback(store);
	return st;
}

enum status terms_step(struct centre *centre, int64_t *next_ms_out)
{
	const struct env *env = centre->env;
	struct centre_act act;
	int64_t next_ms = TERM_NEVER;
	enum status st = next_due(centre, &next_ms);

	if (st == ST_OK && next_ms <= env->wall_ms(env->ctx)) {
		st = centre_act_begin(&act, centre); /* which settles */
		if (st == ST_OK)
			st = centre_act_commit(&act);
		if (st == ST_OK)
			st = next_due(centre, &next_ms);
	}
	if (st == ST_OK)
		*next_ms_out = next_ms;
	return st;
}
