/* join.c - the first contact with a centre (agent.h, agent_enrol). Shell. */
#include "client/agent.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/address.h"
#include "client/doorstep.h"
#include "proto/limits.h"

#define CODE_SIZE_MAX 256
#define ARENA_SIZE_MAX ((size_t)2 * LIMIT_BODY_MAX)
#define TABLET_NAME_SIZE 65

/* What the tablet will know once the centre has taken it. */
struct joining {
	struct replica_identity identity;
	struct transport_met met; /* its texts are gone when `ask` returns */
};

static enum status bad_code(struct failure *why)
{
	return failure_set(why, ST_INVALID, "This is not an enrolment code.", "Nothing was changed.",
			   "A code has 32 letters and digits in fours; type it as it was given, or ask for a new one.");
}

/* As much as fits, whole characters of UTF-8 only. */
static void take_text(char *out, size_t room, const char *text)
{
	size_t len = strnlen(text, room);

	if (len == room) {
		len = room - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

static void take_answer(struct replica_identity *identity, const struct enrol_answer *answer)
{
	identity->device = answer->device;
	identity->worker = answer->worker;
	identity->zone_min = answer->zone_min;
	take_text(identity->owner_name, sizeof identity->owner_name, answer->owner_name);
	take_text(identity->owner_login, sizeof identity->owner_login, answer->owner_login);
	take_text(identity->agency, sizeof identity->agency, answer->agency);
	take_text(identity->zone, sizeof identity->zone, answer->zone);
}

static enum status ask(struct joining *j, const struct agent_options *options, const struct enrol_code *code,
		       struct failure *why)
{
	const struct transport_options carrier = { .url = j->identity.url, .env = options->env, .limits = options->limits };
	char name[TABLET_NAME_SIZE] = "";
	struct enrol_request request = { .tablet_name = name, .version = DOORSTEP_VERSION };
	struct sign_key key;
	struct arena arena;
	uint8_t seed[SEED_SIZE];
	enum status st = keys_seed(options->home, options->env, seed, why);

	if (st != ST_OK)
		return st;
	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
		take_text(name, sizeof name, "tablet");
	sign_key_from_seed(&key, seed);
	memcpy(request.public_key, key.public, sizeof request.public_key);
	memcpy(request.secret, code->secret, sizeof request.secret);
	sign_key_wipe(&key);
	sodium_memzero(seed, sizeof seed);
	arena_init(&arena, ARENA_SIZE_MAX);
	st = transport_enrol(&carrier, code, &request, &arena, &j->met, why);
	if (st == ST_OK) {
		memcpy(j->identity.centre_key, j->met.centre_key, sizeof j->identity.centre_key);
		take_answer(&j->identity, &j->met.answer);
	}
	arena_close(&arena);
	return st;
}

/* The keys first: a replica that has an identity can sync. */
static enum status settle(struct joining *j, const struct agent_options *options, struct replica *replica,
			  struct failure *why)
{
	enum status st = keys_trust(options->home, j->met.ca_pem, why);

	if (st != ST_OK)
		return st;
	st = replica_identity_set(replica, &j->identity);
	return st == ST_OK ? ST_OK : failure_set(why, st, NULL, NULL, NULL);
}

static enum status enrol_locked(struct joining *j, const struct agent_options *options, const struct enrol_code *code,
				struct failure *why)
{
	char path[FILES_PATH_MAX];
	struct replica replica;
	enum status st = files_path(path, options->home, "replica.db");

	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	/* Before the code is used up: is there room, and may we write here? */
	st = replica_open(&replica, path, options->schema, options->env, true, why);
	if (st != ST_OK)
		return st;
	if (replica.identity.device != 0)
		st = failure_set(why, ST_EXISTS, "This tablet is enrolled already.", "Nothing was changed.",
				 "Use another folder (--home) for another care manager.");
	if (st == ST_OK)
		st = ask(j, options, code, why);
	if (st == ST_OK)
		st = settle(j, options, &replica, why);
	replica_close(&replica);
	return st;
}

enum status agent_enrol(const struct agent_options *options, const char *url, const char *code_text,
			struct replica_identity *identity_out, struct failure *why)
{
	struct joining j = { .met = { .ca_pem = NULL } };
	char lock_path[FILES_PATH_MAX], host[ADDRESS_SIZE];
	struct enrol_code code;
	int lock = -1;
	enum status st = address_read(url, j.identity.url, host, why);

	_Static_assert(sizeof j.identity.url == ADDRESS_SIZE, "an address fits");
	if (st != ST_OK)
		return st;
	if (!enrol_code_parse(code_text, strnlen(code_text, CODE_SIZE_MAX), &code))
		return bad_code(why);
	st = files_path(lock_path, options->home, "lock");
	if (st == ST_OK)
		st = files_make_folder(options->home);
	if (st == ST_OK)
		st = files_lock(lock_path, AGENT_LOCK_WAIT_MS, &lock);
	if (st == ST_FULL || st == ST_READONLY)
		return failure_set(why, st, NULL, NULL, NULL);
	if (st != ST_OK)
		return failure_set(why, st, "The tablet's folder can't be used.", "Nothing was changed.",
				   "Check the folder's name and who may write to it.");
	st = enrol_locked(&j, options, &code, why);
	if (st == ST_OK && identity_out != NULL)
		*identity_out = j.identity;
	free(j.met.ca_pem);
	close(lock);
	return st;
}
