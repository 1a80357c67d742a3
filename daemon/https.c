#include "daemon/https.h"

#include <arpa/inet.h>
#include <assert.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "daemon/gate.h"
#include "daemon/reply.h"
#include "proto/enrol.h"
#include "proto/limits.h"

#define ENVELOPE_TYPE "application/vnd.doorstep.envelope"
#define MESSAGE_TYPE "application/vnd.doorstep.message"
#define ENROL_BODY_MAX 4096
#define CONNECTION_MEMORY (LIMIT_HEADERS_MAX + 8 * 1024)

enum route { ROUTE_NONE, ROUTE_SYNC, ROUTE_CENTRE, ROUTE_ENROL, ROUTE_HEALTH };

struct route_row {
	const char *path, *method;
	enum route route;
	size_t body_max;
};

static const struct route_row ROUTES[] = {
	{ "/v1/sync", "POST", ROUTE_SYNC, LIMIT_BODY_MAX },
	{ "/v1/centre", "GET", ROUTE_CENTRE, 0 },
	{ "/v1/enrol", "POST", ROUTE_ENROL, ENROL_BODY_MAX },
	{ "/v1/health", "GET", ROUTE_HEALTH, 0 },
};

struct https {
	struct MHD_Daemon *daemon;
	struct https_options options;
	struct gate gate;
	struct buf card;                  /* answer of GET /v1/centre */
	gnutls_datum_t ticket_key;
	pthread_mutex_t lock;             /* of all that follows */
	pthread_cond_t quiet;             /* fewer requests with the writer, or under way */
	size_t with_writer, under_way;    /* suspended; handed over and not ended */
	size_t bytes;                     /* that requests hold in memory */
	bool stopping;
	struct centre readers[HTTPS_THREADS];
	bool reader_used[HTTPS_THREADS];
	size_t reader_count;
};

/* One HTTP request, from its first header to its answer. */
struct exchange {
	struct https *https;
	struct MHD_Connection *connection;
	enum route route;
	size_t body_max;
	struct buf body;
	size_t bytes;         /* what it is charged for, of https->bytes */
	bool crowded;         /* there was no room for it */
	bool handed_over;     /* to the writer */
	unsigned code;        /* HTTP status, 0 = not known yet */
	struct failure why;   /* code other than 200 */
	struct centre_request request;
	struct writer_job job;
	struct buf answer;    /* enrolment */
};

/* --- what requests hold ------------------------------------------------------- */

/* Charge the request with what it holds now. False: all together hold too much. */
static bool charge(struct exchange *x, size_t bytes)
{
	struct https *h = x->https;
	bool room;

	pthread_mutex_lock(&h->lock);
	h->bytes += bytes - x->bytes;
	x->bytes = bytes;
	room = h->bytes <= HTTPS_BYTES_MAX;
	pthread_mutex_unlock(&h->lock);
	return room;
}

/* Let go of all but what is still to be sent. */
static void lighten(struct exchange *x)
{
	centre_request_close(&x->request);
	buf_close(&x->body);
	(void)charge(x, x->request.answer.room);
}

/* --- readers ------------------------------------------------------------------ */

static struct centre *reader_take(struct https *h)
{
	struct centre *reader = NULL;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->reader_count && reader == NULL; i++)
		if (!h->reader_used[i]) {
			h->reader_used[i] = true;
			reader = &h->readers[i];
		}
	pthread_mutex_unlock(&h->lock);
	assert(reader != NULL); /* as many as threads */
	return reader;
}

static void reader_give(struct https *h, const struct centre *reader)
{
	pthread_mutex_lock(&h->lock);
	h->reader_used[reader - h->readers] = false;
	pthread_mutex_unlock(&h->lock);
}

static enum status readers_open(struct https *h, struct failure *why)
{
	for (size_t i = 0; i < HTTPS_THREADS; i++) {
		struct store *store = NULL;
		enum status st = store_sqlite_open(&store, h->options.database, h->options.schema,
						   h->options.env, false, why);

		if (st != ST_OK)
			return st;
		st = centre_init(&h->readers[i], store, h->options.keys->sign_seed);
		if (st != ST_OK) {
			store->ops->close(store);
			return failure_set(why, st, NULL, NULL, NULL);
		}
		h->reader_count++;
	}
	return ST_OK;
}

/* --- the two routes that write ------------------------------------------------ */

/* Once resumed, the exchange is no longer ours. */
static void exchange_done(void *ctx)
{
	struct exchange *x = ctx;
	struct https *h = x->https;

	MHD_resume_connection(x->connection);
	pthread_mutex_lock(&h->lock);
	h->with_writer--;
	pthread_cond_signal(&h->quiet);
	pthread_mutex_unlock(&h->lock);
}

static void enrol_work(struct centre *centre, void *ctx)
{
	struct exchange *x = ctx;
	struct arena arena;
	struct enrol_request request;
	struct enrol_answer answer;
	enum status st;

	arena_init(&arena, LIMIT_INFLATED_MAX);
	buf_init(&x->answer, ENROL_BODY_MAX);
	st = enrol_request_decode(x->body.data, x->body.len, &arena, &request);
	if (st != ST_OK)
		centre_trouble(&x->why, st);
	else
		st = centre_enrol(centre, &request, &arena, &answer, &x->why);
	if (st == ST_OK)
		st = enrol_answer_encode(&x->answer, &answer);
	arena_close(&arena);
	x->code = reply_code(st);
	/* A full disk of ours is nobody's guessing at codes. */
	gate_tell(&x->https->gate, x->connection, st == ST_OK || centre_is_ours(st));
}

static enum MHD_Result hand_over(struct exchange *x, struct centre_request *request,
				 void (*work)(struct centre *, void *))
{
	struct https *h = x->https;
	bool stopping;

	pthread_mutex_lock(&h->lock);
	stopping = h->stopping;
	if (!stopping) {
		h->with_writer++;
		h->under_way++;
	}
	pthread_mutex_unlock(&h->lock);
	if (stopping)
		return reply_later(x->connection);
	x->handed_over = true;
	x->job = (struct writer_job){ .request = request, .work = work, .done = exchange_done, .ctx = x };
	MHD_suspend_connection(x->connection);
	writer_submit(h->options.writer, &x->job);
	return MHD_YES;
}

static enum MHD_Result start_sync(struct exchange *x)
{
	const struct env *env = x->https->options.env;
	struct centre *reader = reader_take(x->https);

	x->request.bytes = x->body.data;
	x->request.len = x->body.len;
	x->request.received_ms = env->wall_ms(env->ctx);
	buf_init(&x->request.answer, LIMIT_BODY_MAX);
	centre_prepare(reader, &x->request);
	reader_give(x->https, reader);
	if (x->request.status != ST_OK)
		return reply_failure(x->connection, reply_code(x->request.status), &x->request.why);
	if (!charge(x, x->body.room + x->request.message.room + x->request.arena.used))
		return reply_later(x->connection);
	return hand_over(x, &x->request, NULL);
}

static enum MHD_Result start_enrol(struct exchange *x)
{
	if (!gate_open(&x->https->gate, x->connection))
		return reply_refuse(x->connection, MHD_HTTP_TOO_MANY_REQUESTS,
			      "Too many enrolments from here were refused lately.", "Try again in ten minutes.");
	return hand_over(x, NULL, enrol_work);
}

/* Asked of the store as it is now: false where the answer may not leave, or must not have left. */
static bool may_leave(struct exchange *x)
{
	struct centre *reader = reader_take(x->https);
	const bool may = centre_may_leave(reader, &x->request);

	reader_give(x->https, reader);
	return may;
}

/* What was on its way when the tablet was withdrawn may have come through: whoever reads the log is told. */
static void tell_overtaken(struct exchange *x)
{
	const size_t len = x->request.answer.len;

	if (len > 0 && !may_leave(x) && x->request.status == ST_LATER)
		env_log(x->https->options.env, LOG_WARNING, "https", "answer-overtaken", "device=%" PRIu32 " bytes=%zu",
			x->request.head.device, len);
}

static enum MHD_Result finish(struct exchange *x)
{
	if (x->route == ROUTE_SYNC)
		(void)may_leave(x);
	lighten(x);
	gate_answer_goes(&x->https->gate, x->connection, x->request.answer.len);
	if (x->route == ROUTE_ENROL)
		return x->code == MHD_HTTP_OK
			       ? reply_bytes(x->connection, x->code, MESSAGE_TYPE, x->answer.data, x->answer.len)
			       : reply_failure(x->connection, x->code, &x->why);
	if (x->request.status != ST_OK)
		return reply_failure(x->connection, reply_code(x->request.status), &x->request.why);
	return reply_bytes(x->connection, MHD_HTTP_OK, ENVELOPE_TYPE, x->request.answer.data,
			  x->request.answer.len);
}

static enum MHD_Result start(struct exchange *x)
{
	static const char serving[] = "{\"status\":\"serving\"}\n";

	if (x->crowded)
		return reply_later(x->connection);
	switch (x->route) {
	case ROUTE_SYNC:
		return start_sync(x);
	case ROUTE_ENROL:
		return start_enrol(x);
	case ROUTE_CENTRE:
		return reply_bytes(x->connection, MHD_HTTP_OK, MESSAGE_TYPE, x->https->card.data,
				  x->https->card.len);
	case ROUTE_HEALTH:
		return reply_bytes(x->connection, MHD_HTTP_OK, REPLY_JSON, serving, sizeof serving - 1);
	case ROUTE_NONE:
		break;
	}
	return MHD_NO;
}

/* --- libmicrohttpd's callbacks -------------------------------------------------- */

/* The first call for a request, with headers only: choose the route, or refuse. */
static enum MHD_Result begin(struct https *h, struct MHD_Connection *c, const char *url,
			     const char *method, struct exchange **out)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	const struct route_row *row = NULL;
	struct exchange *x;

	gate_request_came(&h->gate, c);
	for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++)
		if (strcmp(url, ROUTES[i].path) == 0)
			row = &ROUTES[i];
	if (row == NULL)
		return reply_refuse(c, MHD_HTTP_NOT_FOUND, "There is nothing at this address of the centre.",
			      "Check the address that the tablet was given.");
	if (strcmp(method, row->method) != 0)
		return reply_refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "This address takes another kind of request.",
			      "The program that asked is not a Doorstep tablet of this version.");
	if (length != NULL && strtoull(length, NULL, 10) > row->body_max)
		return reply_refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "The request is larger than the centre takes.",
			      "Send less in one request.");
	x = calloc(1, sizeof *x);
	if (x == NULL)
		return MHD_NO;
	x->https = h;
	x->connection = c;
	x->route = row->route;
	x->body_max = row->body_max;
	buf_init(&x->body, row->body_max);
	*out = x;
	return MHD_YES;
}

static void take_body(struct exchange *x, const char *bytes, size_t len)
{
	gate_body_came(&x->https->gate, x->connection, len);
	if (x->crowded)
		return;
	buf_add(&x->body, bytes, len); /* past its ceiling it only remembers so */
	x->crowded = !charge(x, x->body.room);
	if (x->crowded) {
		buf_close(&x->body);
		(void)charge(x, 0);
	}
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd calls it with these parameters. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_len, void **state)
{
	struct exchange *x = *state;
	enum MHD_Result result;

	(void)version;
	if (x == NULL) {
		result = begin(ctx, c, url, method, &x);
		*state = x;
		return result;
	}
	if (*upload_len > 0) {
		take_body(x, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (x->handed_over)
		return finish(x);
	gate_request_whole(&x->https->gate, c);
	if (buf_status(&x->body) != ST_OK)
		result = reply_refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "The request is larger than the centre takes.",
				"Send less in one request.");
	else
		result = start(x);
	if (!x->handed_over)
		gate_answer_goes(&x->https->gate, c, 0);
	return result;
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct https *h = ctx;
	struct exchange *x = *state;

	(void)code;
	gate_request_done(&h->gate, c);
	if (x == NULL)
		return;
	(void)charge(x, 0);
	tell_overtaken(x);
	if (x->handed_over) {
		pthread_mutex_lock(&h->lock);
		h->under_way--;
		pthread_cond_signal(&h->quiet);
		pthread_mutex_unlock(&h->lock);
	}
	centre_request_close(&x->request);
	buf_close(&x->request.answer);
	buf_close(&x->answer);
	buf_close(&x->body);
	free(x);
	*state = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	struct https *h = ctx;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		gate_left(&h->gate, *state);
		*state = NULL;
		return;
	}
	*state = gate_entered(&h->gate, c);
	/* A resumed session costs 400 bytes less; libmicrohttpd doesn't turn tickets on by itself. */
	{
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);

		if (info != NULL && info->tls_session != NULL)
			(void)gnutls_session_ticket_enable_server(info->tls_session, &h->ticket_key);
	}
}

/* libmicrohttpd's own words may name addresses and bytes of requests: count, don't print. */
static void on_log(void *ctx, const char *format, va_list args)
{
	const struct https *h = ctx;

	(void)format;
	(void)args;
	env_log(h->options.env, LOG_DEBUG, "https", "library", "%s", "");
}

/* --- start and stop --------------------------------------------------------------- */

static bool address_of(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return true;
}

static enum status card_make(struct https *h)
{
	struct centre_card card = {
		.ca_der = { h->options.keys->ca_der, h->options.keys->ca_der_len },
		.agency = h->options.agency,
	};

	memcpy(card.public_key, h->readers[0].key.public, PUBLIC_KEY_SIZE);
	buf_init(&h->card, LIMIT_INFLATED_MAX);
	return centre_card_encode(&h->card, &card);
}

static struct MHD_Daemon *daemon_start(struct https *h, const struct sockaddr_storage *address)
{
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME |
			       MHD_USE_ERROR_LOG | (address->ss_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0u);

	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h,
				MHD_OPTION_EXTERNAL_LOGGER, on_log, h,
				MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address,
				MHD_OPTION_HTTPS_MEM_CERT, h->options.keys->certificate_pem,
				MHD_OPTION_HTTPS_MEM_KEY, h->options.keys->key_pem,
				MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
				MHD_OPTION_THREAD_POOL_SIZE, (unsigned)HTTPS_THREADS,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPS_CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTPS_IDLE_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_END);
}

/* The condition waits by the clock that nobody sets. */
static void quiet_init(pthread_cond_t *quiet)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(quiet, &attr);
	pthread_condattr_destroy(&attr);
}

enum status https_start(struct https **out, const struct https_options *options, uint16_t *port_out,
			struct failure *why)
{
	struct https *h = calloc(1, sizeof *h);
	const union MHD_DaemonInfo *info;
	struct sockaddr_storage address;
	enum status st;

	if (h == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	h->options = *options;
	pthread_mutex_init(&h->lock, NULL);
	quiet_init(&h->quiet);
	gate_init(&h->gate, options->env, (int64_t)HTTPS_PATIENCE_S * 1000, (int64_t)HTTPS_IDLE_S * 1000);
	st = readers_open(h, why);
	if (st != ST_OK)
		goto out;
	st = failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	if (card_make(h) != ST_OK || gnutls_session_ticket_key_generate(&h->ticket_key) != 0)
		goto out;
	st = failure_set(why, ST_INVALID, "The address to listen at is no IP address.", NULL,
			 "Give it as ADDRESS:PORT, for example 0.0.0.0:8443.");
	if (!address_of(options->address, options->port, &address))
		goto out;
	st = failure_set(why, ST_REFUSED, "The centre can't listen at this address and port.", "Nothing was changed.",
			 "Is another program, or another centre, using it? Choose another with --listen.");
	h->daemon = daemon_start(h, &address);
	if (h->daemon == NULL)
		goto out;
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
	*port_out = info != NULL ? info->port : options->port;
	*out = h;
	return ST_OK;
out:
	https_stop(h);
	return st;
}

void https_reap(struct https *h)
{
	gate_reap(&h->gate);
}

/* libmicrohttpd ends the process where it is stopped with a suspended connection: first the writer, which still runs,
 * must have done what it was given. Then answers have a moment to go. */
static void wait_until_quiet(struct https *h)
{
	struct timespec until;
	int bad = 0;

	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	while (h->with_writer > 0)
		pthread_cond_wait(&h->quiet, &h->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HTTPS_PARTING_S;
	while (h->under_way > 0 && bad == 0)
		bad = pthread_cond_timedwait(&h->quiet, &h->lock, &until);
	pthread_mutex_unlock(&h->lock);
}

void https_stop(struct https *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL) {
		const MHD_socket listening = MHD_quiesce_daemon(h->daemon);

		wait_until_quiet(h);
		MHD_stop_daemon(h->daemon);
		if (listening != MHD_INVALID_SOCKET)
			close(listening);
	}
	for (size_t i = 0; i < h->reader_count; i++)
		centre_close(&h->readers[i]);
	buf_close(&h->card);
	gnutls_free(h->ticket_key.data);
	gate_close(&h->gate);
	pthread_cond_destroy(&h->quiet);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
