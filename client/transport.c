#include "client/transport.h"

#include <assert.h>
#include <curl/curl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/address.h"
#include "client/trouble.h"
#include "proto/limits.h"

#define CONNECT_MS 30000
#define STALL_S 60
#define STALL_BYTES_S 10L
#define WHOLE_S (30 * 60L)
/* Below the centre's 60 s, so that a kept connection is seldom one that it has just closed. */
#define KEEP_S 50L
#define ENROL_BODY_MAX 65536
#define PEM_LINE 64
#define ENVELOPE_TYPE "application/vnd.doorstep.envelope"
#define MESSAGE_TYPE "application/vnd.doorstep.message"
#define POSTS_ENVELOPE "Content-Type: " ENVELOPE_TYPE
#define POSTS_MESSAGE "Content-Type: " MESSAGE_TYPE

struct transport {
	CURL *easy;
	struct curl_slist *headers;
	struct transport_options options;
	char url[ADDRESS_SIZE], host[ADDRESS_SIZE];
	uint64_t up_seen, down_seen; /* of the standing connection, reported already */
};

/* One HTTP exchange. */
struct exchange {
	struct transport *transport;
	transport_build *build; /* NULL: GET */
	void *build_ctx;
	const uint8_t *bytes; /* what build handed out */
	size_t len, at;
	uint64_t built; /* how often */
	enum status build_status;
	bool stopped, proven; /* proven: whoever answers has been verified */
	struct buf *answer;
	struct failure *why;
};

/* --- curl's callbacks ------------------------------------------------------------- */

/* TCP and TLS stand, and no byte of the request has left. */
static int on_connected(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
	struct exchange *x = ctx;
	const void *bytes = NULL;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	x->built++;
	x->bytes = NULL;
	x->len = x->at = 0;
	if (x->build == NULL)
		return CURL_PREREQFUNC_OK;
	x->build_status = x->build(x->build_ctx, &bytes, &x->len, x->why);
	x->bytes = bytes;
	return x->build_status == ST_OK ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = size * count;

	assert(x->built > 0 && x->at <= x->len);
	if (len > x->len - x->at)
		len = x->len - x->at;
	if (len > 0)
		memcpy(out, x->bytes + x->at, len);
	x->at += len;
	return len;
}

/* curl rewinds where a kept connection was dead: on_connected makes the request anew. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct exchange *x = ctx;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	x->at = 0;
	return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
	struct exchange *x = ctx;

	buf_add(x->answer, data, size * count);
	return buf_status(x->answer) == ST_OK ? size * count : 0;
}

static int on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct exchange *x = ctx;
	const struct transport_options *o = &x->transport->options;

	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	if (o->stop != NULL && o->stop(o->stop_ctx))
		x->stopped = true;
	return x->stopped ? 1 : 0;
}

/* --- one exchange --------------------------------------------------------------- */

/* curl leaves signals alone when it is told to use none, and OpenSSL writes to sockets: a
 * centre that hung up must not end the program that uses this library. */
static void pipe_block(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

static void pipe_restore(const sigset_t *before)
{
	const struct timespec now = { 0 };
	sigset_t set;

	if (sigismember(before, SIGPIPE) == 0) {
		sigemptyset(&set);
		sigaddset(&set, SIGPIPE);
		(void)sigtimedwait(&set, NULL, &now);
	}
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* The kernel's count for the connection, less what was reported of it before. */
static void count_wire(struct transport *t, struct transport_report *report)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	if (report->connections > 0)
		t->up_seen = t->down_seen = 0;
	if (curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || info.tcpi_bytes_sent < t->up_seen ||
	    info.tcpi_bytes_received < t->down_seen)
		return;
	report->wire_up = info.tcpi_bytes_sent - t->up_seen;
	report->wire_down = info.tcpi_bytes_received - t->down_seen;
	t->up_seen = info.tcpi_bytes_sent;
	t->down_seen = info.tcpi_bytes_received;
}

static void fill_report(struct transport *t, const struct exchange *x, struct transport_report *report)
{
	curl_off_t retry_s = 0;
	long connections = 0, code = 0;

	*report = (struct transport_report){ .requests = x->build_status == ST_OK ? x->built : 0 };
	if (curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connections) == CURLE_OK && connections > 0)
		report->connections = (uint64_t)connections;
	if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_s) == CURLE_OK && retry_s > 0)
		report->retry_after_ms = retry_s < INT64_MAX / 1000 ? retry_s * 1000 : INT64_MAX;
	if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK)
		report->too_large = code == 413;
	count_wire(t, report);
}

/* Did an answer of the wanted type come? */
static bool answered(CURL *easy, const char *type)
{
	const char *came = NULL;
	long code = 0;

	return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK && code == 200 &&
	       curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &came) == CURLE_OK && came != NULL &&
	       strcmp(came, type) == 0;
}

static bool aim(struct exchange *x, const char *url)
{
	CURL *easy = x->transport->easy;
	bool bad = false;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK;
	if (x->build != NULL)
		bad |= curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK;
	else
		bad |= curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, x) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_READDATA, x) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, x) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, x) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x) != CURLE_OK;
	return !bad;
}

/* curl replaces a kept connection that turns out to be dead, but not where it breaks between two
 * pieces of a request. */
static CURLcode transfer(struct exchange *x)
{
	CURL *easy = x->transport->easy;
	long connections = 1, code = 0;
	CURLcode done = curl_easy_perform(easy);

	if (done != CURLE_SEND_ERROR || curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections) != CURLE_OK ||
	    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK || connections > 0 || code != 0)
		return done;
	return curl_easy_perform(easy);
}

static enum status perform(struct exchange *x, const char *path, const char *type, struct transport_report *report)
{
	struct transport *t = x->transport;
	struct trouble trouble = { .sent = false };
	char url[ADDRESS_SIZE + 32];
	enum status st = ST_OK;
	sigset_t before;

	assert(t != NULL);
	trouble.easy = t->easy;
	trouble.host = t->host;
	buf_reset(x->answer);
	snprintf(url, sizeof url, "%s%s", t->url, path);
	if (!aim(x, url))
		return failure_set(x->why, ST_NOMEM, NULL, NULL, NULL);
	pipe_block(&before);
	trouble.code = transfer(x);
	pipe_restore(&before);
	fill_report(t, x, report);
	trouble.sent = x->built > 0;
	trouble.stopped = x->stopped;
	trouble.proven = x->proven;
	trouble.wall_ms = t->options.env->wall_ms(t->options.env->ctx);
	if (x->build_status != ST_OK)
		st = x->build_status;
	else if (trouble.code != CURLE_OK)
		st = trouble_of_transfer(&trouble, x->why);
	else if (!answered(t->easy, type))
		st = trouble_of_answer(&trouble, x->answer->data, x->answer->len, x->why);
	if (st != ST_OK)
		buf_reset(x->answer);
	return st;
}

/* --- opening --------------------------------------------------------------------- */

static bool set_callbacks(CURL *easy)
{
	bool bad = false;

	bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) != CURLE_OK;
	return !bad;
}

static bool set_manners(CURL *easy, const struct transport_limits *limits)
{
	const long connect_ms = (long)(limits->connect_ms > 0 ? limits->connect_ms : CONNECT_MS);
	const long stall_s = (long)(limits->stall_s > 0 ? limits->stall_s : STALL_S);
	bool bad = false;

	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)LIMIT_BODY_MAX) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_S) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stall_s) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT, WHOLE_S) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEEP_S) != CURLE_OK;
	return !bad;
}

/* ca_pem NULL: whoever answers is heard, and not yet believed. */
static bool set_trust(CURL *easy, const char *ca_pem)
{
	const bool verify = ca_pem != NULL;
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };
	bool bad = false;

	bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) != CURLE_OK;
	/* Without this the system's authorities would be trusted beside ours. */
	bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) != CURLE_OK;
	if (verify) {
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): the only way to take off a const. */
		blob.data = (void *)(uintptr_t)ca_pem; /* copied; curl's struct has forgotten const */
		blob.len = strlen(ca_pem);
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK;
	}
	return !bad;
}

/* Few headers: each of them travels with every request. posts: NULL = nothing, else the
 * header that says what. */
static bool set_headers(struct transport *t, const char *posts)
{
	const char *const HEADERS[] = { "Expect:", "Accept:", posts, "Transfer-Encoding: chunked" };
	const size_t count = posts != NULL ? 4 : 2;

	for (size_t i = 0; i < count; i++) {
		struct curl_slist *longer = curl_slist_append(t->headers, HEADERS[i]);

		if (longer == NULL)
			return false;
		t->headers = longer;
	}
	return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

static enum status open_to(struct transport **out, const struct transport_options *options, const char *posts,
			   struct failure *why)
{
	struct transport *t = NULL;
	enum status st = ST_NOMEM;

	/* Counted inside curl and safe from any thread: undone by transport_close. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		curl_global_cleanup();
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	}
	t->options = *options;
	t->options.url = t->options.ca_pem = NULL; /* the caller's */
	st = address_read(options->url, t->url, t->host, why);
	if (st != ST_OK) {
		transport_close(t);
		return st;
	}
	t->easy = curl_easy_init();
	if (t->easy == NULL || !set_callbacks(t->easy) || !set_manners(t->easy, &options->limits) ||
	    !set_trust(t->easy, options->ca_pem) || !set_headers(t, posts)) {
		transport_close(t);
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	}
	*out = t;
	return ST_OK;
}

enum status transport_open(struct transport **out, const struct transport_options *options, struct failure *why)
{
	assert(options->ca_pem != NULL);
	return open_to(out, options, POSTS_ENVELOPE, why);
}

void transport_close(struct transport *t)
{
	if (t == NULL)
		return;
	if (t->easy != NULL)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
	curl_global_cleanup();
}

enum status transport_sync(struct transport *t, transport_build *build, void *build_ctx, struct buf *answer,
			   struct transport_report *report, struct failure *why)
{
	struct exchange x = {
		.transport = t, .build = build, .build_ctx = build_ctx, .proven = true, .answer = answer, .why = why,
	};

	assert(build != NULL);
	*report = (struct transport_report){ 0 };
	return perform(&x, "/v1/sync", ENVELOPE_TYPE, report);
}

/* --- the first contact ------------------------------------------------------------- */

/* RFC 7468. NULL: no memory. */
static char *pem_of(const struct bytes *der)
{
	static const char BEGIN[] = "-----BEGIN CERTIFICATE-----\n", END[] = "-----END CERTIFICATE-----\n";
	const size_t text_size = sodium_base64_ENCODED_LEN(der->len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(text_size), *pem = NULL;
	struct buf out;

	if (text == NULL)
		return NULL;
	sodium_bin2base64(text, text_size, der->data, der->len, sodium_base64_VARIANT_ORIGINAL);
	buf_init(&out, 2 * text_size + sizeof BEGIN + sizeof END);
	buf_add_str(&out, BEGIN);
	for (size_t at = 0; text[at] != '\0';) {
		const size_t len = strnlen(text + at, PEM_LINE);

		buf_add(&out, text + at, len);
		buf_add_str(&out, "\n");
		at += len;
	}
	buf_add_str(&out, END);
	if (buf_status(&out) == ST_OK)
		pem = strdup(buf_str(&out));
	buf_close(&out);
	free(text);
	return pem;
}

static enum status no_card(struct failure *why)
{
	return failure_set(why, ST_PROTOCOL, "What answered at this address is not a centre.", "Nothing was changed.",
			   "Check the address and port, as your administrator gave them.");
}

/* Who answers there? Believed only if its identity is the one in the code. */
static enum status meet(const struct transport_options *options, const struct enrol_code *code, struct arena *arena,
			struct centre_card *card_out, struct failure *why)
{
	struct transport_options blind = *options;
	struct transport_report report;
	struct transport *t = NULL;
	struct digest identity;
	struct buf body;
	struct exchange x = { .answer = &body, .why = why };
	enum status st;

	buf_init(&body, LIMIT_BODY_MAX);
	blind.ca_pem = NULL;
	st = open_to(&t, &blind, NULL, why);
	x.transport = t;
	if (st == ST_OK)
		st = perform(&x, "/v1/centre", MESSAGE_TYPE, &report);
	if (st == ST_OK && centre_card_decode(body.data, body.len, arena, card_out) != ST_OK)
		st = no_card(why);
	if (st == ST_OK) {
		enrol_identity(&identity, card_out->ca_der.data, card_out->ca_der.len, card_out->public_key);
		if (sodium_memcmp(identity.bytes, code->identity, sizeof code->identity) != 0)
			st = failure_set(why, ST_FORGED, "The centre at this address is not the one that made the code.",
					 "The code was not sent and nothing was changed.",
					 "Check the address and the code; both come from the same centre.");
	} else {
		(void)failure_set(why, st, why->what, "The code was not sent and nothing was changed.", why->next);
	}
	transport_close(t);
	buf_close(&body);
	return st;
}

static enum status hand_over(void *ctx, const void **bytes_out, size_t *len_out, struct failure *why)
{
	const struct buf *request = ctx;

	(void)why;
	*bytes_out = request->data;
	*len_out = request->len;
	return ST_OK;
}

static enum status introduce(const struct transport_options *options, const struct enrol_request *request,
			     struct arena *arena, struct enrol_answer *answer_out, struct failure *why)
{
	struct transport_report report;
	struct transport *t = NULL;
	struct buf body, answer;
	struct exchange x = {
		.build = hand_over, .build_ctx = &body, .proven = true, .answer = &answer, .why = why,
	};
	enum status st;

	buf_init(&body, ENROL_BODY_MAX);
	buf_init(&answer, ENROL_BODY_MAX);
	st = enrol_request_encode(&body, request);
	if (st != ST_OK)
		failure_set(why, st, NULL, NULL, NULL);
	if (st == ST_OK)
		st = open_to(&t, options, POSTS_MESSAGE, why);
	x.transport = t;
	if (st == ST_OK)
		st = perform(&x, "/v1/enrol", MESSAGE_TYPE, &report);
	if (st == ST_OK && enrol_answer_decode(answer.data, answer.len, arena, answer_out) != ST_OK)
		st = no_card(why);
	/* No work is under way yet: only the tablet itself is left as it was. */
	if (st != ST_OK)
		(void)failure_set(why, st, why->what, "Nothing was changed on this tablet.", why->next);
	transport_close(t);
	buf_close(&answer);
	if (body.data != NULL)
		sodium_memzero(body.data, body.len);
	buf_close(&body);
	return st;
}

enum status transport_enrol(const struct transport_options *options, const struct enrol_code *code,
			    const struct enrol_request *request, struct arena *arena,
			    struct transport_met *met_out, struct failure *why)
{
	struct transport_options trusting = *options;
	struct enrol_answer answer;
	struct centre_card card;
	char *ca_pem = NULL;
	enum status st = meet(options, code, arena, &card, why);

	if (st != ST_OK)
		return st;
	ca_pem = pem_of(&card.ca_der);
	if (ca_pem == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	trusting.ca_pem = ca_pem;
	st = introduce(&trusting, request, arena, &answer, why);
	if (st != ST_OK) {
		free(ca_pem);
		return st;
	}
	memcpy(met_out->centre_key, card.public_key, PUBLIC_KEY_SIZE);
	met_out->ca_pem = ca_pem;
	met_out->answer = answer;
	return ST_OK;
}
