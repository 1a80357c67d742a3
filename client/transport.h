/* transport.h - HTTPS to the centre, by libcurl. Shell.
 *
 * It carries bytes and says in plain words why it couldn't; it decides nothing and
 * opens no database. One struct transport is one connection at most, one thread at a
 * time. It trusts the authority given and no other, follows no redirect, uses no
 * proxy, and keeps the TLS session, so that the next connection costs less.
 *
 * A request's body is built on a standing connection (DESIGN.md section 4): TCP and
 * TLS are up and the other end has proven who it is before `build` is called. Where
 * there is no connection nothing is numbered.
 */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/env.h"
#include "common/status.h"
#include "proto/enrol.h"

/* Bounds of one exchange; 0 = the default. */
struct transport_limits {
	int64_t connect_ms; /* 30,000: name, TCP and TLS together */
	int64_t stall_s;    /* 60: this long below 10 bytes a second */
};

struct transport_options {
	const char *url;    /* any form that address.h takes */
	const char *ca_pem; /* NULL in transport_enrol only */
	const struct env *env;
	struct transport_limits limits;
	/* Asked about once a second: true ends the exchange. May be NULL. */
	bool (*stop)(void *ctx);
	void *stop_ctx;
};

struct transport;

/* What one exchange cost and what the centre wished. */
struct transport_report {
	uint64_t requests;        /* HTTP requests that left */
	uint64_t connections;     /* made for it; 0 = the standing one was used */
	uint64_t wire_up, wire_down; /* bytes over TCP, TLS and headers included; 0 = not known */
	int64_t retry_after_ms;   /* 0 = the centre said nothing */
	bool too_large;           /* 413: a smaller request may pass */
};

/* Nothing is connected yet. Strings are copied; env and stop's ctx outlive it. */
enum status transport_open(struct transport **out, const struct transport_options *options,
			   struct failure *why) MUST_CHECK;
void transport_close(struct transport *t); /* NULL is fine */

/* Hands out the request's bytes, which live until the exchange ends. Called once for
 * each request: a second time where a kept connection turned out to be dead and the
 * request has to be made anew. Any failure ends the exchange with that status. */
typedef enum status transport_build(void *ctx, const void **bytes_out, size_t *len_out, struct failure *why);

/* POST /v1/sync. answer: a buf made with LIMIT_BODY_MAX, emptied first; filled on ST_OK only.
 * *report is filled in any case.
 * ST_UNREACHABLE: no name, no route, refused, timed out, broke off, stopped.
 * ST_TLS: the other end is not this tablet's centre, or a clock is wrong.
 * ST_LATER: busy; see retry_after_ms. ST_REFUSED: 401. ST_PROTOCOL: 400, or an answer
 * that no centre gives. ST_LIMIT: 413, or an answer over its limit. ST_UNKNOWN: 426.
 * ST_NOT_FOUND: 404. Otherwise what build returned. */
enum status transport_sync(struct transport *t, transport_build *build, void *build_ctx, struct buf *answer,
			   struct transport_report *report, struct failure *why) MUST_CHECK;

/* Who the centre turned out to be. */
struct transport_met {
	uint8_t centre_key[PUBLIC_KEY_SIZE];
	char *ca_pem; /* to free() */
	struct enrol_answer answer; /* its texts live in the arena */
};

/* First contact. Asks who the centre is, over a connection not yet trusted; believes
 * it only if its identity is the code's; then enrols over TLS verified against that
 * authority. options->ca_pem is not looked at. Nothing
 * secret leaves before the identity is known. ST_FORGED: another centre than the code's, and the statuses above. */
enum status transport_enrol(const struct transport_options *options, const struct enrol_code *code,
			    const struct enrol_request *request, struct arena *arena,
			    struct transport_met *met_out, struct failure *why) MUST_CHECK;

#endif
