/* make_replica PATH: makes an empty replica with Doorstep's own schema, for tests that drive it with other programs. */
#include <stdio.h>
#include <stdlib.h>

#include "client/replica.h"
#include "common/env_posix.h"

int main(int argc, char **argv)
{
	static struct schema schema;
	struct env_posix posix;
	struct env env;
	struct replica r;
	struct failure why;

	if (argc != 2) {
		(void)fputs("usage: make_replica PATH\n", stderr);
		return 2;
	}
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	if (env_posix_init(&posix, &env) != ST_OK || replica_open(&r, argv[1], &schema, &env, true, &why) != ST_OK) {
		(void)fputs("make_replica: the replica could not be made\n", stderr);
		return 1;
	}
	replica_close(&r);
	return 0;
}
