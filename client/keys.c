#include "client/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"

#define FOLDER "keys"
#define SEED "keys/tablet.seed"
#define CA "keys/ca.pem"
#define CA_SIZE_MAX ((size_t)64 * 1024)

static enum status fail(struct failure *why, enum status st)
{
	if (st == ST_OK)
		return ST_OK;
	if (st == ST_CORRUPT || st == ST_LIMIT)
		return failure_set(why, ST_CORRUPT, "A key file of this tablet is damaged.",
				   "What you wrote is in the tablet's database; nothing was changed.",
				   "Restore the folder `keys` from a copy, or ask your administrator.");
	if (st == ST_FULL || st == ST_READONLY)
		return failure_set(why, st, NULL, NULL, NULL);
	return failure_set(why, st, "The tablet's key files can't be used.", NULL, NULL);
}

static enum status seed_read(const char *path, uint8_t seed_out[SEED_SIZE])
{
	char *data = NULL;
	size_t len = 0;
	enum status st = files_read(path, SEED_SIZE, &data, &len);

	if (st != ST_OK)
		return st;
	if (len == SEED_SIZE)
		memcpy(seed_out, data, SEED_SIZE);
	else
		st = ST_CORRUPT;
	sodium_memzero(data, len);
	free(data);
	return st;
}

static enum status seed_make(const char *home, const char *path, const struct env *env, uint8_t seed_out[SEED_SIZE])
{
	char folder[FILES_PATH_MAX];
	uint8_t seed[SEED_SIZE];
	enum status st = files_path(folder, home, FOLDER);

	if (st == ST_OK)
		st = files_make_folder(folder);
	if (st != ST_OK)
		return st;
	env->random(env->ctx, seed, sizeof seed);
	st = files_write(path, seed, sizeof seed, true);
	if (st == ST_OK)
		memcpy(seed_out, seed, sizeof seed);
	sodium_memzero(seed, sizeof seed);
	return st;
}

enum status keys_seed(const char *home, const struct env *env, uint8_t seed_out[SEED_SIZE], struct failure *why)
{
	char path[FILES_PATH_MAX];
	enum status st = files_path(path, home, SEED);

	if (st == ST_OK)
		st = seed_read(path, seed_out);
	if (st == ST_NOT_FOUND)
		st = seed_make(home, path, env, seed_out);
	return fail(why, st);
}

enum status keys_trust(const char *home, const char *ca_pem, struct failure *why)
{
	char path[FILES_PATH_MAX];
	enum status st = files_path(path, home, CA);

	if (st == ST_OK)
		st = files_write(path, ca_pem, strlen(ca_pem), true);
	return fail(why, st);
}

enum status keys_load(struct keys *out, const char *home, struct failure *why)
{
	char seed_path[FILES_PATH_MAX], ca_path[FILES_PATH_MAX];
	struct keys keys = { .ca_pem = NULL };
	size_t len = 0;
	enum status st = files_path(seed_path, home, SEED);

	if (st == ST_OK)
		st = files_path(ca_path, home, CA);
	if (st == ST_OK)
		st = seed_read(seed_path, keys.seed);
	if (st == ST_OK)
		st = files_read(ca_path, CA_SIZE_MAX, &keys.ca_pem, &len);
	if (st == ST_OK && strlen(keys.ca_pem) != len)
		st = ST_CORRUPT;
	if (st == ST_OK) {
		*out = keys;
		return ST_OK;
	}
	keys_close(&keys);
	if (st == ST_NOT_FOUND)
		return failure_set(why, ST_REFUSED, "This tablet's key files are not there.",
				   "Everything you wrote is saved on this tablet.",
				   "A tablet gets them when it is enrolled; if it was, restore the folder `keys`.");
	return fail(why, st);
}

void keys_close(struct keys *keys)
{
	if (keys == NULL)
		return;
	free(keys->ca_pem);
	sodium_memzero(keys, sizeof *keys);
}
