#include "tests/support/home.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/replica.h"
#include "common/env_posix.h"

#define FILE_SIZE (HOME_SIZE + 32)

static void file_of(char out[FILE_SIZE], const char *path, const char *name)
{
	int len = snprintf(out, FILE_SIZE, "%s/%s", path, name);

	assert(len > 0 && len < FILE_SIZE);
}

/* Open the replica, made where it is missing; the caller closes it. */
static struct schema *open_replica(const char *path, struct replica *r, struct env_posix *posix, struct env *env)
{
	struct schema *schema = malloc(sizeof *schema);
	char file[FILE_SIZE];
	struct failure why;
	enum status st;

	assert(schema != NULL);
	schema_init(schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	file_of(file, path, "replica.db");
	st = env_posix_init(posix, env);
	assert(st == ST_OK);
	st = replica_open(r, file, schema, env, true, &why);
	assert(st == ST_OK);
	return schema;
}

void home_make(char path_out[HOME_SIZE])
{
	struct replica_identity identity = { .device = 7, .zone_min = 60, .url = "https://centre.example:8443" };
	struct env_posix posix;
	struct env env;
	struct replica r;
	struct schema *schema;
	enum status st;

	memcpy(path_out, "/tmp/doorstep-home-XXXXXX", sizeof "/tmp/doorstep-home-XXXXXX");
	if (mkdtemp(path_out) == NULL)
		abort();
	schema = open_replica(path_out, &r, &posix, &env);
	identity.worker.bytes[0] = 1;
	(void)snprintf(identity.owner_name, sizeof identity.owner_name, "Kim");
	st = replica_identity_set(&r, &identity);
	assert(st == ST_OK);
	replica_close(&r);
	free(schema);
}

void home_apply(const char *path, const char *sql)
{
	struct env_posix posix;
	struct env env;
	struct replica r;
	struct schema *schema = open_replica(path, &r, &posix, &env);
	enum status st = db_begin(&r.db);

	if (st == ST_OK)
		st = replica_quiet_begin(&r);
	if (st == ST_OK)
		st = db_exec(&r.db, sql);
	if (st == ST_OK)
		st = replica_quiet_end(&r);
	if (st == ST_OK)
		st = db_commit(&r.db);
	assert(st == ST_OK);
	replica_close(&r);
	free(schema);
}

void home_remove(const char *path)
{
	static const char *const names[] = { "replica.db", "replica.db-wal", "replica.db-shm", "lock", "run.lock" };
	char file[FILE_SIZE];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		file_of(file, path, names[i]);
		(void)unlink(file);
	}
	(void)rmdir(path);
}
