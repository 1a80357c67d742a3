/* Accounts and assignments: the centre's own changes, as device 0. */
#include "daemon/centre.h"

#include <assert.h>
#include <string.h>

static const char *const roles[] = { "care-manager", "supervisor", "admin" };

#define LOGIN_MAX 63
#define RECORD_ARENA_MAX ((size_t)64 * 1024 * 1024)

/* --- making changes ----------------------------------------------------------- */

/* A kind or field that this module can't do without: a schema without it is our bug. */
static const struct kind *need_kind(const struct schema *schema, const char *name)
{
	const struct kind *kind = schema_kind(schema, name, strlen(name));

	assert(kind != NULL);
	return kind;
}

/* Fields that a (small) schema lacks are left out. */
static void set_field(struct row *row, const struct kind *kind, const char *name, struct value value)
{
	int at = kind_field(kind, name, strlen(name));

	if (at >= 0)
		row->values[at] = value;
}

static struct change *new_change(struct centre_act *act, const struct kind *kind, const struct id *patient)
{
	const struct env *env = act->centre->env;
	struct change *change = arena_zalloc(&act->arena, sizeof *change);
	uint8_t random[10];

	if (change == NULL)
		return NULL;
	env->random(env->ctx, random, sizeof random);
	id_make_v7(&change->id, act->in.now_ms, random);
	change->kind = kind;
	change->patient = *patient;
	change->create = true;
	return change;
}

static const struct id *actor(const struct id *by)
{
	return by != NULL ? by : &ID_STAFF; /* all zero: the console */
}

/* An own change that did not stand as it was made is our bug, or a value that the schema refuses. */
static enum status make(struct centre_act *act, const struct id *by, struct change *change, struct failure *why)
{
	struct outcome outcome = { 0 };
	enum status st = intake_own(&act->in, actor(by), change, &outcome);

	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	if (outcome.result == OUTCOME_HELD)
		return failure_set(why, ST_REFUSED, held_reason_what(outcome.reason), NULL,
				   held_reason_next(outcome.reason));
	return ST_OK;
}

/* --- accounts ------------------------------------------------------------------- */

static bool login_is_valid(const char *login)
{
	size_t len = strlen(login);

	return len > 0 && len <= LOGIN_MAX && strspn(login, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static bool role_is_known(const char *role)
{
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (strcmp(roles[i], role) == 0)
			return true;
	return false;
}

static enum status check_user(struct store *store, const char *login, const char *name, const char *role,
			      struct account *account, struct failure *why)
{
	enum status st;

	if (!login_is_valid(login))
		return failure_set(why, ST_INVALID, "That login can't be used.", NULL,
				   "Take 1 to 63 characters of a to z, 0 to 9, dot, dash and underscore.");
	if (name[0] == '\0' || strlen(name) >= sizeof account->name || !utf8_valid(name, strlen(name)))
		return failure_set(why, ST_INVALID, "That name can't be used.", NULL,
				   "Give the person's name in at most 255 bytes of UTF-8.");
	if (!role_is_known(role))
		return failure_set(why, ST_INVALID, "There is no such role.", NULL,
				   "Take care-manager, supervisor or admin.");
	st = store->ops->account_by_login(store, login, account);
	if (st == ST_OK)
		return failure_set(why, ST_EXISTS, "There is an account with that login already.", NULL, NULL);
	return st == ST_NOT_FOUND ? ST_OK : failure_set(why, st, NULL, NULL, NULL);
}

/* NOLINTNEXTLINE(readability-function-size): as centre.h declares it. */
enum status centre_user_add(struct centre_act *act, const struct id *by, const char *login, const char *name,
			    const char *role, struct id *worker_out, struct failure *why)
{
	struct store *store = act->centre->store;
	const struct kind *kind = need_kind(act->centre->schema, "worker");
	struct account account = { 0 };
	struct change *change;
	enum status st = check_user(store, login, name, role, &account, why);

	if (st != ST_OK)
		return st;
	change = new_change(act, kind, &ID_STAFF);
	if (change == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	set_field(&change->row, kind, "name", value_string(name));
	set_field(&change->row, kind, "login", value_string(login));
	set_field(&change->row, kind, "role", value_string(role));
	set_field(&change->row, kind, "active", value_int(1));
	st = make(act, by, change, why);
	if (st != ST_OK)
		return st;
	account = (struct account){ .worker = change->id, .active = true };
	memcpy(account.login, login, strlen(login));
	memcpy(account.name, name, strlen(name));
	memcpy(account.role, role, strlen(role));
	st = store->ops->account_put(store, &account);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	*worker_out = change->id;
	return ST_OK;
}

/* --- assignments ---------------------------------------------------------------- */

static enum status check_pair(struct centre_act *act, const struct id *worker, const struct id *patient,
			      struct failure *why)
{
	struct store *store = act->centre->store;
	const struct kind *kind = need_kind(act->centre->schema, "patient");
	struct account account;
	struct id unit;
	bool deleted = false;
	enum status st = store->ops->account_by_worker(store, worker, &account);

	if (st == ST_NOT_FOUND || (st == ST_OK && !account.active))
		return failure_set(why, ST_NOT_FOUND, "There is no active account of that care manager.", NULL, NULL);
	if (st == ST_OK)
		st = store->ops->record_head(store, kind, patient, &unit, &deleted);
	if (st == ST_NOT_FOUND || (st == ST_OK && deleted))
		return failure_set(why, ST_NOT_FOUND, "There is no such patient.", NULL, NULL);
	return st == ST_OK ? ST_OK : failure_set(why, st, NULL, NULL, NULL);
}

#define PAIR_TERMS 16 /* read at once */

/* May this giving be made at all, by the moment of the transaction? */
static enum status check_times(const struct centre_act *act, const struct giving *giving, struct failure *why)
{
	if (giving->ends_ms <= act->in.now_ms)
		return failure_set(why, ST_INVALID, "The assignment would have ended already.", NULL,
				   "Give an end (--until) that is still to come.");
	if (giving->ends_ms <= giving->starts_ms)
		return failure_set(why, ST_INVALID, "The assignment would end before it begins.", NULL,
				   "Give an end (--until) that is later than its beginning (--from).");
	return ST_OK;
}

static bool value_is(const struct kind *kind, const struct row *row, const char *field, const char *text)
{
	const int f = kind_field(kind, field, strlen(field));
	const struct value *value = f >= 0 ? &row->values[f] : NULL;

	return value == NULL ||
	       (value->tag == VALUE_TEXT && value->len == strlen(text) && memcmp(value->text, text, value->len) == 0);
}

static int64_t moment_or(const struct kind *kind, const struct row *row, const char *field, int64_t otherwise)
{
	const int f = kind_field(kind, field, strlen(field));

	return f >= 0 && row->values[f].tag == VALUE_INT ? row->values[f].integer : otherwise;
}

/* Does this assignment leave nothing of the giving out? */
static enum status holds_all(struct centre_act *act, const struct giving *giving, const struct term *term, bool *out)
{
	struct store *store = act->centre->store;
	const struct kind *kind = need_kind(act->centre->schema, "assignment");
	/* Whatever its `starts` says: the clock may have been set back since. */
	const bool begun = term->in_force && giving->starts_ms >= act->in.now_ms;
	struct record *record;
	struct arena arena;
	enum status st;

	arena_init(&arena, RECORD_ARENA_MAX);
	record = arena_zalloc(&arena, sizeof *record);
	st = record != NULL ? store->ops->record_get(store, kind, &term->assignment, &arena, record) : ST_NOMEM;
	if (st == ST_OK)
		*out = value_is(kind, &record->row, "reason", giving->reason) &&
		       (begun || moment_or(kind, &record->row, "starts", INT64_MIN) <= giving->starts_ms) &&
		       moment_or(kind, &record->row, "ends", TERM_NEVER) >= giving->ends_ms;
	arena_close(&arena);
	return st;
}

static enum status is_held_already(struct centre_act *act, const struct giving *giving, bool *out)
{
	struct store *store = act->centre->store;
	struct term terms[PAIR_TERMS];
	size_t count = PAIR_TERMS;
	struct id after = { { 0 } };
	enum status st = ST_OK;

	*out = false;
	while (st == ST_OK && count == PAIR_TERMS && !*out) {
		st = store->ops->term_pair(store, &giving->worker, &giving->patient, &after, terms, PAIR_TERMS, &count);
		for (size_t i = 0; i < count && st == ST_OK && !*out; i++) {
			st = holds_all(act, giving, &terms[i], out);
			after = terms[i].assignment;
		}
	}
	return st;
}

static enum status make_assignment(struct centre_act *act, const struct id *by, const struct giving *giving,
				   struct failure *why)
{
	const struct kind *kind = need_kind(act->centre->schema, "assignment");
	struct change *change = new_change(act, kind, &giving->patient);
	char worker_text[ID_TEXT_SIZE];

	if (change == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	id_format(&giving->worker, worker_text);
	set_field(&change->row, kind, "worker", value_text(worker_text, ID_TEXT_LEN));
	set_field(&change->row, kind, "reason", value_string(giving->reason));
	set_field(&change->row, kind, "starts", value_int(giving->starts_ms));
	if (giving->ends_ms != TERM_NEVER)
		set_field(&change->row, kind, "ends", value_int(giving->ends_ms));
	return make(act, by, change, why);
}

enum status centre_assign(struct centre_act *act, const struct id *by, const struct giving *giving,
			  struct given *given_out, struct failure *why)
{
	struct store *store = act->centre->store;
	struct giving meant = *giving;
	struct given given = { 0 };
	bool held = false;
	enum status st = check_pair(act, &meant.worker, &meant.patient, why);

	if (meant.starts_ms == INT64_MIN)
		meant.starts_ms = act->in.now_ms;
	if (st == ST_OK)
		st = check_times(act, &meant, why);
	if (st != ST_OK)
		return st;
	st = is_held_already(act, &meant, &held);
	if (st == ST_OK)
		st = store->ops->member_is(store, &meant.worker, &meant.patient, &given.was);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	if (held)
		return failure_set(why, ST_EXISTS, "That care manager has this patient already.", NULL, NULL);
	st = make_assignment(act, by, &meant, why);
	if (st != ST_OK)
		return st;
	st = store->ops->member_is(store, &meant.worker, &meant.patient, &given.is);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	*given_out = given;
	return ST_OK;
}

/* An edit that ends the assignment now; it may not have begun. */
static enum status end_one(struct centre_act *act, const struct id *by, const struct term *term, struct failure *why)
{
	const struct kind *kind = need_kind(act->centre->schema, "assignment");
	const int ends = kind_field(kind, "ends", strlen("ends"));
	struct change *change = arena_zalloc(&act->arena, sizeof *change);
	const struct group *group;

	if (change == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	assert(ends >= 0);
	group = &kind->groups[kind->fields[ends].group];
	assert(group->mask == UINT64_C(1) << ends); /* `ends` is a group of its own */
	change->kind = kind;
	change->id = term->assignment;
	change->patient = term->patient;
	change->group_count = 1;
	change->groups[0].num = group->num;
	change->row.values[ends] = value_int(act->in.now_ms);
	return make(act, by, change, why);
}

enum status centre_unassign(struct centre_act *act, const struct id *by, const struct id *worker,
			    const struct id *patient, size_t *ended_out, struct failure *why)
{
	struct store *store = act->centre->store;
	struct term terms[PAIR_TERMS];
	size_t count = PAIR_TERMS, ended = 0;
	struct id after = { { 0 } };
	enum status st = ST_OK;

	while (st == ST_OK && count == PAIR_TERMS) {
		st = store->ops->term_pair(store, worker, patient, &after, terms, PAIR_TERMS, &count);
		if (st != ST_OK)
			return failure_set(why, st, NULL, NULL, NULL);
		for (size_t i = 0; i < count && st == ST_OK; i++) {
			st = end_one(act, by, &terms[i], why);
			after = terms[i].assignment;
		}
		ended += count;
	}
	if (st == ST_OK)
		*ended_out = ended;
	return st;
}
