/* Accounts and assignments: the centre's own changes, as device 0. */
#include "daemon/centre.h"

#include <assert.h>
#include <string.h>

static const char *const roles[] = { "care-manager", "supervisor", "admin" };

#define LOGIN_MAX 63

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

enum status centre_assign(struct centre_act *act, const struct id *by, const struct id *worker,
			  const struct id *patient, const char *reason, struct failure *why)
{
	struct store *store = act->centre->store;
	const struct kind *kind = need_kind(act->centre->schema, "assignment");
	char worker_text[ID_TEXT_SIZE];
	struct change *change;
	bool open = false;
	enum status st = check_pair(act, worker, patient, why);

	if (st != ST_OK)
		return st;
	st = store->ops->assignment_open(store, worker, patient, act->in.now_ms, &open);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	if (open)
		return failure_set(why, ST_EXISTS, "That care manager has this patient already.", NULL, NULL);
	change = new_change(act, kind, patient);
	if (change == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	id_format(worker, worker_text);
	set_field(&change->row, kind, "worker", value_text(worker_text, ID_TEXT_LEN));
	set_field(&change->row, kind, "reason", value_string(reason));
	set_field(&change->row, kind, "starts", value_int(act->in.now_ms));
	return make(act, by, change, why);
}

struct ending {
	struct centre_act *act;
	const struct kind *kind;
	int worker, ends; /* fields */
	char worker_text[ID_TEXT_SIZE];
	struct change *changes[64];
	size_t count;
};

/* An edit that ends the assignment now. Texts of the row live only until the walk goes on. */
static enum status note_ending(void *ctx, const struct record *record)
{
	struct ending *e = ctx;
	const struct value *worker = &record->row.values[e->worker], *ends = &record->row.values[e->ends];
	const struct group *group = &e->kind->groups[e->kind->fields[e->ends].group];
	struct change *change;

	if (record->deleted || worker->tag != VALUE_TEXT || worker->len != ID_TEXT_LEN ||
	    memcmp(worker->text, e->worker_text, ID_TEXT_LEN) != 0)
		return ST_OK;
	if (ends->tag == VALUE_INT && ends->integer <= e->act->in.now_ms)
		return ST_OK;
	if (e->count == sizeof e->changes / sizeof e->changes[0])
		return ST_LIMIT;
	assert(group->mask == UINT64_C(1) << e->ends); /* `ends` is a group of its own */
	change = arena_zalloc(&e->act->arena, sizeof *change);
	if (change == NULL)
		return ST_NOMEM;
	change->kind = e->kind;
	change->id = record->id;
	change->patient = record->patient;
	change->group_count = 1;
	change->groups[0].num = group->num;
	change->row.values[e->ends] = value_int(e->act->in.now_ms);
	e->changes[e->count++] = change;
	return ST_OK;
}

enum status centre_unassign(struct centre_act *act, const struct id *by, const struct id *worker,
			    const struct id *patient, size_t *ended_out, struct failure *why)
{
	struct store *store = act->centre->store;
	struct ending e = { .act = act, .kind = need_kind(act->centre->schema, "assignment") };
	enum status st;

	id_format(worker, e.worker_text);
	e.worker = kind_field(e.kind, "worker", strlen("worker"));
	e.ends = kind_field(e.kind, "ends", strlen("ends"));
	assert(e.worker >= 0 && e.ends >= 0);
	st = store->ops->record_each(store, e.kind, patient, note_ending, &e);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	for (size_t i = 0; i < e.count && st == ST_OK; i++)
		st = make(act, by, e.changes[i], why);
	if (st == ST_OK)
		*ended_out = e.count;
	return st;
}
