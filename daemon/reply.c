#include "daemon/reply.h"

#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "daemon/gate.h"

#define RETRY_AFTER_S 5

unsigned reply_code(enum status status)
{
	switch (status) {
	case ST_OK:
		return MHD_HTTP_OK;
	case ST_FORGED:
	case ST_REFUSED:
		return MHD_HTTP_UNAUTHORIZED;
	case ST_LIMIT:
		return MHD_HTTP_CONTENT_TOO_LARGE;
	case ST_NOT_FOUND:
		return MHD_HTTP_NOT_FOUND;
	case ST_PROTOCOL:
	case ST_INVALID:
	case ST_USAGE:
	case ST_EXISTS:
	case ST_STALE:
		return MHD_HTTP_BAD_REQUEST;
	case ST_UNKNOWN:
		return MHD_HTTP_UPGRADE_REQUIRED;
	case ST_NOMEM:
	case ST_IO:
	case ST_FULL:
	case ST_READONLY:
	case ST_BUSY:
	case ST_CORRUPT:
	case ST_STEP_BACK:
	case ST_UNREACHABLE:
	case ST_TLS:
	case ST_LATER:
	case ST_COUNT:
		break;
	}
	return MHD_HTTP_SERVICE_UNAVAILABLE;
}

/* When it is worth coming back, with the codes that say "later". */
static bool add_wait(struct MHD_Response *response, unsigned code)
{
	char seconds[16];

	if (code != MHD_HTTP_SERVICE_UNAVAILABLE && code != MHD_HTTP_TOO_MANY_REQUESTS)
		return true;
	snprintf(seconds, sizeof seconds, "%d",
		 code == MHD_HTTP_TOO_MANY_REQUESTS ? (int)(GATE_WINDOW_MS / 1000) : RETRY_AFTER_S);
	return MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds) == MHD_YES;
}

enum MHD_Result reply_bytes(struct MHD_Connection *c, unsigned code, const char *type, const void *data, size_t len)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): MHD copies the bytes; its prototype has forgotten const. */
	response = MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
	    add_wait(response, code))
		result = MHD_queue_response(c, code, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result reply_failure(struct MHD_Connection *c, unsigned code, const struct failure *why)
{
	enum MHD_Result result;
	struct buf json;

	buf_init(&json, 8192);
	buf_add_failure(&json, why);
	result = buf_status(&json) == ST_OK ? reply_bytes(c, code, REPLY_JSON, json.data, json.len) : MHD_NO;
	buf_close(&json);
	return result;
}

enum MHD_Result reply_refuse(struct MHD_Connection *c, unsigned code, const char *what, const char *next)
{
	struct failure why;

	failure_set(&why, ST_REFUSED, what, "Nothing was taken.", next);
	return reply_failure(c, code, &why);
}

enum MHD_Result reply_later(struct MHD_Connection *c)
{
	return reply_refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "The centre can't take a request at this moment.",
		      "Nothing to do: the tablet tries again by itself.");
}
