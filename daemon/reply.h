/* reply.h - an HTTP answer, made and queued: bytes, or what failed as JSON {what, safe, next}. Which code a
 * status has, and when it is worth coming back, is said here and nowhere else. Shell; any of the HTTP threads.
 */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include <microhttpd.h>
#include <stddef.h>

#include "common/status.h"

#define REPLY_JSON "application/json"

unsigned reply_code(enum status status);

/* All return MHD_NO where the connection is best closed. data is copied. 503 and 429 carry Retry-After. */
enum MHD_Result reply_bytes(struct MHD_Connection *c, unsigned code, const char *type, const void *data, size_t len);
enum MHD_Result reply_failure(struct MHD_Connection *c, unsigned code, const struct failure *why);
/* Nothing was taken, because of this. */
enum MHD_Result reply_refuse(struct MHD_Connection *c, unsigned code, const char *what, const char *next);
/* For now: too much to do, or about to stop. */
enum MHD_Result reply_later(struct MHD_Connection *c);

#endif
