#include "daemon/access.h"

#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/pack.h"

enum key { KEY_KIND, KEY_WHAT, KEY_WORKER, KEY_DEVICE, KEY_WHY, KEY_COUNT };

/* --- events ----------------------------------------------------------------------- */

static enum status event_encode(struct buf *out, const struct access_event *event)
{
	const bool has_why = event->why[0] != '\0';
	msgpack_packer packer;

	pack_to(&packer, out);
	msgpack_pack_map(&packer, (size_t)3 + (event->device != 0 ? 1 : 0) + (has_why ? 1 : 0));
	msgpack_pack_uint8(&packer, KEY_KIND);
	msgpack_pack_uint8(&packer, ACCESS_KIND);
	msgpack_pack_uint8(&packer, KEY_WHAT);
	msgpack_pack_uint8(&packer, (uint8_t)event->what);
	msgpack_pack_uint8(&packer, KEY_WORKER);
	pack_bin(&packer, event->worker.bytes, ID_SIZE);
	if (event->device != 0) {
		msgpack_pack_uint8(&packer, KEY_DEVICE);
		msgpack_pack_uint32(&packer, event->device);
	}
	if (has_why) {
		msgpack_pack_uint8(&packer, KEY_WHY);
		pack_text(&packer, event->why, strlen(event->why));
	}
	return pack_end(out, 0, ST_OK);
}

bool access_is(const struct history *row)
{
	return row->device == 0 && row->kind_num == ACCESS_KIND;
}

static enum status read_event(const msgpack_object *root, struct arena *arena, struct access_event *event)
{
	const msgpack_object *slots[KEY_COUNT] = { NULL };
	uint64_t kind = 0, what = 0, device = 0;
	bool unknown = false;

	if (!pack_slots(root, slots, KEY_COUNT, &unknown) || unknown || !slots[KEY_KIND] || !slots[KEY_WHAT] ||
	    !slots[KEY_WORKER])
		return ST_CORRUPT;
	if (!pack_get_uint(slots[KEY_KIND], UINT8_MAX, &kind) || kind != ACCESS_KIND ||
	    !pack_get_uint(slots[KEY_WHAT], ACCESS_ALLOWED, &what) || what == 0 ||
	    !pack_get_id(slots[KEY_WORKER], &event->worker))
		return ST_CORRUPT;
	if (slots[KEY_DEVICE] && !pack_get_uint(slots[KEY_DEVICE], UINT32_MAX, &device))
		return ST_CORRUPT;
	event->what = (enum access_what)what;
	event->device = (uint32_t)device;
	return pack_get_text(slots[KEY_WHY], ACCESS_WHY_MAX, arena, &event->why);
}

enum status access_decode(const struct history *row, struct arena *arena, struct access_event *out)
{
	struct access_event event = { .by = row->author, .at_ms = row->received_ms, .seq = row->seq };
	struct pack pack;
	enum status st = pack_open(&pack, row->body.data, row->body.len);

	if (st == ST_OK)
		st = read_event(&pack.root, arena, &event);
	pack_close(&pack);
	if (st == ST_OK)
		*out = event;
	return st == ST_OK || st == ST_NOMEM ? st : ST_CORRUPT;
}

struct search {
	uint32_t device;
	struct arena *arena;
	struct access_event event;
	bool found;
};

static enum status search_row(void *ctx, const struct history *row)
{
	struct search *search = ctx;
	struct access_event event;
	enum status st = ST_OK;

	if (search->found || !access_is(row))
		return ST_OK;
	st = access_decode(row, search->arena, &event);
	if (st != ST_OK || event.device != search->device)
		return st;
	search->event = event;
	search->found = true;
	return ST_OK;
}

enum status access_last(struct store *store, const struct id *worker, uint32_t device, struct arena *arena,
			struct access_event *out)
{
	static const struct kind events = { .num = ACCESS_KIND };
	struct search search = { .device = device, .arena = arena };
	enum status st = store->ops->history_of(store, &events, worker, INT64_MAX, search_row, &search);

	if (st != ST_OK)
		return st;
	if (!search.found)
		return ST_NOT_FOUND;
	*out = search.event;
	return ST_OK;
}

static enum status add_event(struct centre_act *act, const struct access_event *event)
{
	struct history row = { .n = act->chain.own_n + 1, .author = event->by, .kind_num = ACCESS_KIND,
			       .id = event->worker, .at = { act->in.now_ms, act->in.now_ms },
			       .received_ms = act->in.now_ms, .result = OUTCOME_ACCEPTED };
	struct buf body;
	enum status st;

	buf_init(&body, LIMIT_CHANGE_MAX);
	st = event_encode(&body, event);
	if (st == ST_OK) {
		row.body = (struct bytes){ body.data, body.len };
		change_digest(&row.digest, body.data, body.len);
		st = chain_add(&act->chain, &row);
	}
	buf_close(&body);
	return st;
}

static struct id actor(const struct access_reason *reason)
{
	return reason->by != NULL ? *reason->by : ID_STAFF; /* all zero: the console */
}

static enum status check_why(const char *why, struct failure *failure)
{
	const size_t len = strlen(why);

	if (len > ACCESS_WHY_MAX)
		return failure_set(failure, ST_LIMIT, "The reason is longer than 1024 bytes.", "Nothing was changed.",
				   "Say it in fewer words.");
	if (!utf8_valid(why, len))
		return failure_set(failure, ST_INVALID, "The reason is no text in UTF-8.", "Nothing was changed.",
				   "Write it as plain text.");
	return ST_OK;
}

/* --- tablets ------------------------------------------------------------------------ */

static enum status set_tablet(struct centre_act *act, struct device *device, enum access_what what,
			      const struct access_reason *reason)
{
	struct store *store = act->centre->store;
	const struct access_event event = { .what = what, .worker = device->worker, .device = device->device,
					    .why = reason->why, .by = actor(reason) };
	enum status st = add_event(act, &event);

	if (st != ST_OK)
		return st;
	env_crash_point(act->centre->env, "B18 revoke");
	device->revoked = what == ACCESS_WITHDRAWN;
	device->health.version = device->version;
	return store->ops->device_put(store, device);
}

static enum status find_tablet(struct centre_act *act, uint32_t number, struct device *device, struct failure *failure)
{
	struct store *store = act->centre->store;
	const enum status st = store->ops->device_get(store, number, device);

	if (st == ST_NOT_FOUND)
		return failure_set(failure, st, "There is no tablet with this number.", "Nothing was changed.",
				   "`doorstepd device list` shows the tablets.");
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}

enum status access_withdraw(struct centre_act *act, uint32_t number, const struct access_reason *reason,
			    struct failure *failure)
{
	struct device device;
	enum status st = check_why(reason->why, failure);

	if (st == ST_OK)
		st = find_tablet(act, number, &device, failure);
	if (st != ST_OK)
		return st;
	if (device.revoked)
		return failure_set(failure, ST_REFUSED, "This tablet has been withdrawn from use already.",
				   "Nothing was changed.", "`doorstepd device allow` lets it in again.");
	st = set_tablet(act, &device, ACCESS_WITHDRAWN, reason);
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}

enum status access_allow(struct centre_act *act, uint32_t number, const struct access_reason *reason,
			 struct failure *failure)
{
	struct store *store = act->centre->store;
	struct account account;
	struct device device;
	enum status st = check_why(reason->why, failure);

	if (st == ST_OK)
		st = find_tablet(act, number, &device, failure);
	if (st != ST_OK)
		return st;
	if (!device.revoked)
		return failure_set(failure, ST_REFUSED, "This tablet is in use: it was not withdrawn.",
				   "Nothing was changed.", "Nothing is left to do.");
	st = store->ops->account_by_worker(store, &device.worker, &account);
	if (st == ST_NOT_FOUND || (st == ST_OK && !account.active))
		return failure_set(failure, ST_REFUSED, "The account that this tablet belongs to is disabled.",
				   "Nothing was changed.", "Enable it first, with `doorstepd user enable LOGIN`.");
	if (st == ST_OK)
		st = set_tablet(act, &device, ACCESS_ALLOWED, reason);
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}

/* --- accounts ----------------------------------------------------------------------- */

/* The worker's record says it too: every tablet is told who is still there. A small schema has no such field. */
static enum status set_record(struct centre_act *act, const struct id *worker, bool active, const struct id *by)
{
	const struct kind *kind = schema_kind(act->centre->schema, "worker", strlen("worker"));
	const int field = kind == NULL ? -1 : kind_field(kind, "active", strlen("active"));
	struct outcome outcome = { 0 };
	struct change *change;
	enum status st;

	if (field < 0)
		return ST_OK;
	change = arena_zalloc(&act->arena, sizeof *change);
	if (change == NULL)
		return ST_NOMEM;
	change->kind = kind;
	change->id = *worker;
	change->groups[change->group_count++].num = kind->groups[kind->fields[field].group].num;
	change->row.values[field] = value_int(active);
	st = intake_own(&act->in, by, change, &outcome);
	assert(st != ST_OK || outcome.result != OUTCOME_HELD || outcome.reason == HELD_WAITS);
	return st;
}

static enum status set_account(struct centre_act *act, struct account *account, enum access_what what,
			       const struct access_reason *reason)
{
	struct store *store = act->centre->store;
	const struct access_event event = { .what = what, .worker = account->worker, .why = reason->why,
					    .by = actor(reason) };
	enum status st = add_event(act, &event);

	account->active = what == ACCESS_ALLOWED;
	if (st == ST_OK)
		st = set_record(act, &account->worker, account->active, &event.by);
	return st == ST_OK ? store->ops->account_put(store, account) : st;
}

static enum status withdraw_all(struct centre_act *act, const struct id *worker, const struct access_reason *reason)
{
	struct store *store = act->centre->store;
	struct device *devices = NULL;
	size_t count = 0;
	enum status st = store->ops->device_list(store, &act->arena, &devices, &count);

	for (size_t i = 0; i < count && st == ST_OK; i++)
		if (!devices[i].revoked && id_equal(&devices[i].worker, worker))
			st = set_tablet(act, &devices[i], ACCESS_WITHDRAWN, reason);
	return st;
}

static enum status find_account(struct centre_act *act, const char *login, struct account *account,
				struct failure *failure)
{
	struct store *store = act->centre->store;
	const enum status st = store->ops->account_by_login(store, login, account);

	if (st == ST_NOT_FOUND)
		return failure_set(failure, st, "There is no account with this login.", "Nothing was changed.",
				   "`doorstepd user list` shows the accounts.");
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}

enum status access_disable(struct centre_act *act, const char *login, const struct access_reason *reason,
			   struct failure *failure)
{
	struct account account;
	enum status st = check_why(reason->why, failure);

	if (st == ST_OK)
		st = find_account(act, login, &account, failure);
	if (st != ST_OK)
		return st;
	if (!account.active)
		return failure_set(failure, ST_REFUSED, "This account is disabled already.", "Nothing was changed.",
				   "`doorstepd user enable` enables it again.");
	if (reason->by != NULL && id_equal(reason->by, &account.worker))
		return failure_set(failure, ST_REFUSED, "Nobody disables the account they act with.",
				   "Nothing was changed.", "Let somebody else do it, and name that login with --as.");
	st = set_account(act, &account, ACCESS_WITHDRAWN, reason);
	if (st == ST_OK)
		st = withdraw_all(act, &account.worker, reason);
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}

enum status access_enable(struct centre_act *act, const char *login, const struct access_reason *reason,
			  struct failure *failure)
{
	struct account account;
	enum status st = check_why(reason->why, failure);

	if (st == ST_OK)
		st = find_account(act, login, &account, failure);
	if (st != ST_OK)
		return st;
	if (account.active)
		return failure_set(failure, ST_REFUSED, "This account is not disabled.", "Nothing was changed.",
				   "Nothing is left to do.");
	st = set_account(act, &account, ACCESS_ALLOWED, reason);
	return st == ST_OK ? ST_OK : failure_set(failure, st, NULL, NULL, NULL);
}
