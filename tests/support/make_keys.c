/* make_keys FOLDER DAYS HOST...: makes a centre's keys as `doorstepd init` does, but as if it had been done DAYS ago
 * (negative: in the time to come), for tests of certificates that are over or not valid yet. */
#include <stdio.h>
#include <stdlib.h>

#include "common/env_posix.h"
#include "daemon/tls.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

int main(int argc, char **argv)
{
	struct tls_hosts hosts = { .count = 0 };
	struct env_posix posix;
	struct env env;
	struct failure why;

	if (argc < 3 || argc - 3 > TLS_HOSTS_MAX) {
		(void)fputs("usage: make_keys FOLDER DAYS HOST...\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc; i++)
		hosts.names[hosts.count++] = argv[i];
	if (env_posix_init(&posix, &env) != ST_OK ||
	    tls_found(argv[1], "Another agency", &hosts, env.wall_ms(env.ctx) - strtoll(argv[2], NULL, 10) * DAY_MS,
		      &why) != ST_OK) {
		(void)fputs("make_keys: the keys could not be made\n", stderr);
		return 1;
	}
	return 0;
}
