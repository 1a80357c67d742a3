/* trouble.h - why an exchange with the centre failed, in plain words. Shell.
 *
 * A care manager reads these at the kitchen table: each says what happened, that
 * the work is safe, and what to try. The names of causes are curl's; the texts stand
 * in trouble.c and nowhere else.
 */
#ifndef CLIENT_TROUBLE_H
#define CLIENT_TROUBLE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

/* What is known of an exchange that did not bring its answer. */
struct trouble {
	CURL *easy;         /* as the transfer left it */
	CURLcode code;
	const char *host;   /* the centre's, as in its address */
	bool sent;          /* a request had begun to leave */
	bool stopped;       /* we were told to stop */
	bool proven;        /* the other end has proven to be the centre: its own words may be shown */
	int64_t wall_ms;    /* the tablet's clock */
};

/* The transfer failed (code is not CURLE_OK). Returns the status, as transport.h
 * lists them. */
enum status trouble_of_transfer(const struct trouble *t, struct failure *why);

/* The transfer went well, but what came is no answer: an HTTP status other than 200,
 * or another content type. body: {what, safe, next} where the centre sent it; shown only where it is proven. */
enum status trouble_of_answer(const struct trouble *t, const void *body, size_t len, struct failure *why);

#endif
