/* https.h - the centre's HTTPS: libmicrohttpd with GnuTLS. Shell.
 *
 *   POST /v1/sync    one envelope in, one out (proto/envelope.h)
 *   GET  /v1/centre  who this is: CA certificate, public key, agency (proto/enrol.h)
 *   POST /v1/enrol   a tablet becomes known
 *   GET  /v1/health  {"status":"serving"}
 *
 * Deny by default: any other path is 404, any other method 405. Bodies are refused as soon as they
 * exceed LIMIT_BODY_MAX; a connection that dawdles is shut down (gate.h), and where requests under way hold more
 * than HTTPS_BYTES_MAX, others are told to come again. Failures are JSON {what, safe, next}. Nothing of a body is logged.
 * HTTP threads verify and decode with read connections of their own; the writer's
 * thread does the rest while the HTTP connection is suspended.
 */
#ifndef DAEMON_HTTPS_H
#define DAEMON_HTTPS_H

#include <stdint.h>

#include "daemon/tls.h"
#include "daemon/writer.h"

#define HTTPS_THREADS 2
#define HTTPS_CONNECTIONS_MAX 12000
#define HTTPS_PATIENCE_S 30
#define HTTPS_IDLE_S 60
#define HTTPS_BYTES_MAX ((size_t)512 * 1024 * 1024)
#define HTTPS_PARTING_S 2 /* at the end, for answers on their way */

struct https_options {
	const char *address; /* "127.0.0.1", "::", "0.0.0.0" */
	uint16_t port;       /* 0 = any free one */
	const char *database; /* path of agency.db, for the reading connections */
	const char *agency;
	const struct tls_keys *keys;
	const struct schema *schema;
	const struct env *env;
	struct writer_thread *writer;
};

struct https;

/* Starts its threads. *port_out: the port it listens on. */
enum status https_start(struct https **out, const struct https_options *options, uint16_t *port_out,
			struct failure *why) MUST_CHECK;
/* Shut down connections that keep us waiting; call every few seconds. */
void https_reap(struct https *h);
/* Stops listening, waits for the requests that the writer has and, for a moment, for their answers to go, refuses
 * others, ends its threads. Before writer_stop. NULL is fine. */
void https_stop(struct https *h);

#endif
