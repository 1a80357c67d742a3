#include "daemon/centre.h"

#include <assert.h>
#include <string.h>

#include "daemon/term.h"
#include "proto/limits.h"

#define REQUEST_ARENA_MAX ((size_t)32 * 1024 * 1024)
#define ACT_ARENA_MAX ((size_t)64 * 1024 * 1024)
#define SEAL_DOMAIN "cursor seal"

enum status centre_init(struct centre *centre, struct store *store, const uint8_t seed[SEED_SIZE])
{
	const struct part part = { seed, SEED_SIZE };
	struct deflater *deflater;
	enum status st = deflater_new(&deflater);

	if (st != ST_OK)
		return st;
	*centre = (struct centre){ .store = store, .schema = store->schema, .env = store->env, .deflater = deflater };
	sign_key_from_seed(&centre->key, seed);
	digest_of(&centre->seal, SEAL_DOMAIN, &part, 1);
	return ST_OK;
}

void centre_close(struct centre *centre)
{
	if (centre == NULL || centre->store == NULL)
		return;
	deflater_free(centre->deflater);
	centre->store->ops->close(centre->store);
	sign_key_wipe(&centre->key);
	memset(centre, 0, sizeof *centre);
}

/* --- starting ------------------------------------------------------------------- */

static enum status found(struct store *store, const char *agency, const char *zone)
{
	struct arena arena;
	struct bytes name = { 0 };
	enum status st;

	arena_init(&arena, LIMIT_FIELD_MAX);
	st = store->ops->meta_get(store, CENTRE_META_AGENCY, &arena, &name);
	arena_close(&arena);
	if (st == ST_OK)
		return ST_EXISTS;
	if (st != ST_NOT_FOUND)
		return st;
	st = store->ops->meta_set(store, CENTRE_META_AGENCY, agency, strlen(agency));
	if (st == ST_OK)
		st = store->ops->meta_set(store, CENTRE_META_ZONE, zone, strlen(zone));
	return st;
}

/* agency NULL: only a new epoch. */
static enum status begin_epoch(struct centre *centre, const char *agency, const char *zone)
{
	struct store *store = centre->store;
	enum status st = store->ops->begin_write(store);

	if (st != ST_OK)
		return st;
	if (agency != NULL)
		st = found(store, agency, zone);
	if (st == ST_OK)
		st = chain_new_epoch(store);
	if (st != ST_OK) {
		store->ops->rollback(store);
		return st;
	}
	return store->ops->commit(store);
}

enum status centre_found(struct centre *centre, const char *agency, const char *zone)
{
	assert(agency != NULL && zone != NULL);
	return begin_epoch(centre, agency, zone);
}

enum status centre_start(struct centre *centre)
{
	const enum status st = centre->store->ops->secure(centre->store);

	return st == ST_OK ? begin_epoch(centre, NULL, NULL) : st;
}

/* --- what went wrong, to a tablet -------------------------------------------------- */

bool centre_is_ours(enum status st)
{
	return st == ST_NOMEM || st == ST_IO || st == ST_FULL || st == ST_READONLY || st == ST_BUSY || st == ST_CORRUPT;
}

enum status centre_trouble(struct failure *why, enum status st)
{
	if (st == ST_PROTOCOL)
		return failure_set(why, st, "The centre could not read this tablet's request.", NULL,
				   "Try again; if it stays so, update the older of the two programs.");
	if (st == ST_LIMIT)
		return failure_set(why, st, "The request is larger than the centre takes.", "Nothing of it was taken.",
				   "Send less in one request.");
	if (st == ST_UNKNOWN)
		return failure_set(why, st, "The centre does not speak this tablet's version of the wire.",
				   "Nothing of it was taken.", "Update the older of the two programs.");
	if (!centre_is_ours(st))
		return failure_set(why, st, NULL, NULL, NULL);
	return failure_set(why, st, "The centre can't keep anything at the moment.",
			   "Nothing of this request was taken; what the tablet holds is safe there.",
			   "Try again later. If it lasts, tell whoever looks after the centre.");
}

/* --- preparing a request ---------------------------------------------------------- */

static enum status read_device(struct centre *centre, uint32_t number, struct device *device)
{
	struct store *store = centre->store;
	enum status st = store->ops->begin_read(store);

	if (st != ST_OK)
		return st;
	st = store->ops->device_get(store, number, device);
	store->ops->rollback(store);
	return st;
}

static enum status prepare(struct centre *centre, struct centre_request *r)
{
	struct device device = { 0 };
	enum status st = envelope_peek_request(r->bytes, r->len, &r->head);

	if (st != ST_OK)
		return st;
	st = read_device(centre, r->head.device, &device);
	if (st == ST_NOT_FOUND)
		return ST_FORGED;
	if (st == ST_OK)
		st = envelope_open_request(r->bytes, r->len, device.public_key, &r->message);
	if (st != ST_OK)
		return st;
	env_crash_point(centre->env, "B04 inflated");
	st = request_decode(r->message.data, r->message.len, &r->arena, &r->request);
	env_crash_point(centre->env, "B05 decoded");
	return st;
}

void centre_prepare(struct centre *centre, struct centre_request *request)
{
	buf_init(&request->message, LIMIT_INFLATED_MAX);
	buf_init(&request->reply, LIMIT_INFLATED_MAX);
	arena_init(&request->arena, REQUEST_ARENA_MAX);
	request->status = prepare(centre, request);
	if (request->status == ST_OK)
		return;
	if (request->status == ST_FORGED)
		(void)failure_set(&request->why, ST_FORGED, "This centre does not know the tablet that asks.",
				  "Everything you wrote is saved on the tablet.",
				  "Ask your administrator for a new code, then enrol the tablet.");
	else
		(void)centre_trouble(&request->why, request->status);
}

bool centre_may_leave(struct centre *centre, struct centre_request *request)
{
	struct device device = { 0 };
	enum status st = ST_OK;

	if (request->status != ST_OK)
		return false;
	if (!request->withdrawn)
		st = read_device(centre, request->head.device, &device);
	if (st == ST_OK && !device.revoked)
		return true;
	buf_reset(&request->answer);
	if (st == ST_OK)
		request->status = failure_set(&request->why, ST_LATER, "This tablet was withdrawn from use while it was answered.",
					      "Everything you wrote is saved on the tablet.", "Try again.");
	else
		request->status = centre_trouble(&request->why, st);
	return false;
}

void centre_request_close(struct centre_request *request)
{
	if (request == NULL)
		return;
	buf_close(&request->message);
	buf_close(&request->reply);
	arena_close(&request->arena);
}

/* --- the centre's own work ---------------------------------------------------------- */

static void act_free(struct centre_act *act)
{
	chain_close(&act->chain);
	arena_close(&act->arena);
	act->centre = NULL;
}

enum status centre_act_begin(struct centre_act *act, struct centre *centre)
{
	struct store *store = centre->store;
	enum status st = store->ops->begin_write(store);

	if (st != ST_OK)
		return st;
	memset(act, 0, sizeof *act);
	st = chain_begin(&act->chain, store);
	if (st != ST_OK) {
		store->ops->rollback(store);
		return st;
	}
	act->centre = centre;
	arena_init(&act->arena, ACT_ARENA_MAX);
	act->in = (struct intake){ .store = store, .chain = &act->chain, .schema = centre->schema, .env = centre->env,
				   .arena = &act->arena, .now_ms = centre->env->wall_ms(centre->env->ctx) };
	st = terms_settle(&act->in);
	if (st != ST_OK)
		centre_act_abort(act);
	return st;
}

enum status centre_act_commit(struct centre_act *act)
{
	struct store *store = act->centre->store;
	enum status st = chain_end(&act->chain, &act->centre->key);

	if (st != ST_OK)
		store->ops->rollback(store);
	else
		st = store->ops->commit(store);
	act_free(act);
	return st;
}

void centre_act_abort(struct centre_act *act)
{
	if (act == NULL || act->centre == NULL)
		return;
	act->centre->store->ops->rollback(act->centre->store);
	act_free(act);
}
