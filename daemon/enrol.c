/* One-time codes, and tablets that become known by them. */
#include "daemon/centre.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* The table of codes keeps a digest: who reads the database can't enrol by it. */
static void secret_digest(struct digest *out, const uint8_t secret[ENROL_PART_SIZE])
{
	const struct part part = { secret, ENROL_PART_SIZE };

	digest_of(out, "code", &part, 1);
}

static enum status refuse(struct failure *why)
{
	return failure_set(why, ST_REFUSED, "This code is not valid: it is unknown, too old, or has been used.",
			   "Nothing was changed.", "Ask your administrator for a new code.");
}

static enum status end(struct store *store, enum status st, struct failure *why)
{
	if (st == ST_OK)
		st = store->ops->commit(store);
	else
		store->ops->rollback(store);
	/* What is said already stays. */
	return st == ST_OK || st == ST_REFUSED || st == ST_NOT_FOUND ? st : failure_set(why, st, NULL, NULL, NULL);
}

/* --- a new code ----------------------------------------------------------------- */

static enum status put_code(struct centre *centre, const char *login, const struct code *code, struct failure *why)
{
	struct store *store = centre->store;
	struct code with_worker = *code;
	struct account account;
	enum status st = store->ops->account_by_login(store, login, &account);

	if (st == ST_NOT_FOUND || (st == ST_OK && !account.active))
		return failure_set(why, ST_NOT_FOUND, "There is no active account with that login.", NULL,
				   "See `doorstepd user list`.");
	if (st != ST_OK)
		return st;
	with_worker.worker = account.worker;
	return store->ops->code_put(store, &with_worker);
}

enum status centre_code_new(struct centre *centre, const char *login, int64_t lifetime_ms,
			    const struct digest *identity, struct enrol_code *code_out, struct failure *why)
{
	struct store *store = centre->store;
	const struct env *env = centre->env;
	struct enrol_code enrol;
	struct code code = { 0 };
	enum status st;

	assert(lifetime_ms > 0);
	env->random(env->ctx, enrol.secret, sizeof enrol.secret);
	memcpy(enrol.identity, identity->bytes, sizeof enrol.identity);
	secret_digest(&code.secret, enrol.secret);
	code.expires_ms = env->wall_ms(env->ctx) + lifetime_ms;
	st = store->ops->begin_write(store);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	st = end(store, put_code(centre, login, &code, why), why);
	if (st == ST_OK)
		*code_out = enrol;
	return st;
}

/* --- redeeming one --------------------------------------------------------------- */

static void copy_text(char *to, size_t room, const char *from)
{
	size_t len = strnlen(from, room);

	if (len == room)
		for (len--; len > 0 && ((unsigned char)from[len] & 0xC0) == 0x80; len--)
			;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* The device of this code: made now, or, for the same tablet, found. */
static enum status redeem(struct centre *centre, const struct enrol_request *request, struct device *device,
			  struct failure *why)
{
	struct store *store = centre->store;
	const int64_t now_ms = centre->env->wall_ms(centre->env->ctx);
	struct digest secret;
	struct code code;
	enum status st;

	secret_digest(&secret, request->secret);
	st = store->ops->code_get(store, &secret, &code);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? refuse(why) : st;
	if (code.device != 0) {
		st = store->ops->device_get(store, code.device, device);
		if (st == ST_OK && (device->revoked ||
				    memcmp(device->public_key, request->public_key, PUBLIC_KEY_SIZE) != 0))
			return refuse(why);
		return st;
	}
	if (now_ms >= code.expires_ms)
		return refuse(why);
	*device = (struct device){ .worker = code.worker, .enrolled_ms = now_ms,
				   .health = { .battery_percent = -1 } };
	copy_text(device->name, sizeof device->name, request->tablet_name);
	copy_text(device->version, sizeof device->version, request->version);
	device->health.version = device->version;
	memcpy(device->public_key, request->public_key, PUBLIC_KEY_SIZE);
	st = store->ops->device_put(store, device);
	if (st != ST_OK)
		return st;
	assert(device->device != 0);
	code.device = device->device;
	return store->ops->code_put(store, &code);
}

static enum status meta_text(struct store *store, const char *key, struct arena *arena, const char **out)
{
	struct bytes bytes = { 0 };
	enum status st = store->ops->meta_get(store, key, arena, &bytes);

	if (st == ST_NOT_FOUND)
		bytes.len = 0;
	else if (st != ST_OK)
		return st;
	*out = arena_copy(arena, bytes.data, bytes.len);
	return *out != NULL ? ST_OK : ST_NOMEM;
}

static enum status fill_answer(struct centre *centre, const struct device *device, struct arena *arena,
			       struct enrol_answer *answer, struct failure *why)
{
	struct store *store = centre->store;
	struct account account;
	enum status st = store->ops->account_by_worker(store, &device->worker, &account);

	if (st == ST_NOT_FOUND || (st == ST_OK && !account.active))
		return refuse(why);
	if (st != ST_OK)
		return st;
	*answer = (struct enrol_answer){ .device = device->device, .worker = device->worker,
					 .centre_ms = centre->env->wall_ms(centre->env->ctx),
					 .zone_min = centre->zone_min, .schema_version = centre->schema->version };
	answer->owner_name = arena_copy(arena, account.name, strlen(account.name));
	answer->owner_login = arena_copy(arena, account.login, strlen(account.login));
	if (answer->owner_name == NULL || answer->owner_login == NULL)
		return ST_NOMEM;
	st = meta_text(store, CENTRE_META_AGENCY, arena, &answer->agency);
	return st == ST_OK ? meta_text(store, CENTRE_META_ZONE, arena, &answer->zone) : st;
}

enum status centre_enrol(struct centre *centre, const struct enrol_request *request, struct arena *arena,
			 struct enrol_answer *answer_out, struct failure *why)
{
	struct store *store = centre->store;
	struct enrol_answer answer = { 0 };
	struct device device;
	enum status st = store->ops->begin_write(store);

	if (st != ST_OK)
		return centre_trouble(why, st);
	st = redeem(centre, request, &device, why);
	if (st == ST_OK)
		st = fill_answer(centre, &device, arena, &answer, why);
	st = end(store, st, why);
	if (st != ST_OK)
		return centre_is_ours(st) ? centre_trouble(why, st) : st;
	env_log(centre->env, LOG_NOTICE, "centre", "enrolled", "device=%" PRIu32, answer.device);
	*answer_out = answer;
	return ST_OK;
}
