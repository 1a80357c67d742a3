/* serve.h - the centre as a running program. Shell.
 *
 * Takes DIR/lock, opens the store, begins an epoch, renews the certificate where it
 * is due, starts the writer and HTTPS, says where it listens (on standard output, in
 * DIR/port, and to the service manager by $NOTIFY_SOCKET), and waits for SIGTERM or
 * SIGINT. DIR/running exists while it runs: found at a start, the last stop was not
 * a clean one.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include <stdint.h>

#include "common/settings.h"
#include "common/env.h"
#include "common/schema.h"
#include "daemon/tls.h"

/* Rows of doorstepd.conf. */
extern const struct setting_row SERVE_SETTINGS[];

#define SERVE_PORT_DEFAULT 8443

struct serve_options {
	const char *folder;   /* DIR */
	const char *listen;   /* "ADDR:PORT" or "[ADDR]:PORT"; NULL = as settings say */
	const struct schema *schema;
	const struct env *env;
};

/* The names and addresses of the settings' `host`, split into *hosts; words points into storage. */
void serve_hosts(struct tls_hosts *hosts, char *storage, size_t room, const char *words);

/* Runs until it is told to stop. Returns ST_OK after a clean stop. */
enum status serve_run(const struct serve_options *options, struct failure *why) MUST_CHECK;

#endif
