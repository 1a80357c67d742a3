#include "daemon/gate.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct gate_visitor {
	struct gate_visitor *previous, *next;
	struct MHD_Connection *connection;
	int socket;
	int64_t until_ms; /* how long it may take for what it does now; boot clock */
	bool served;      /* the centre is at work for it */
};

static int64_t now_ms(const struct gate *gate)
{
	return gate->env->boot_ms(gate->env->ctx);
}

void gate_init(struct gate *gate, const struct env *env, int64_t patience_ms, int64_t idle_ms)
{
	memset(gate, 0, sizeof *gate);
	gate->env = env;
	gate->patience_ms = patience_ms;
	gate->idle_ms = idle_ms;
	pthread_mutex_init(&gate->lock, NULL);
}

void gate_close(struct gate *gate)
{
	while (gate->first != NULL)
		gate_left(gate, gate->first);
	pthread_mutex_destroy(&gate->lock);
}

struct gate_visitor *gate_entered(struct gate *gate, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct gate_visitor *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->connection = connection;
	v->socket = info != NULL ? info->connect_fd : -1;
	v->until_ms = now_ms(gate) + gate->patience_ms;
	pthread_mutex_lock(&gate->lock);
	v->next = gate->first;
	if (gate->first != NULL)
		gate->first->previous = v;
	gate->first = v;
	pthread_mutex_unlock(&gate->lock);
	return v;
}

void gate_left(struct gate *gate, struct gate_visitor *visitor)
{
	if (visitor == NULL)
		return;
	pthread_mutex_lock(&gate->lock);
	if (visitor->previous != NULL)
		visitor->previous->next = visitor->next;
	else
		gate->first = visitor->next;
	if (visitor->next != NULL)
		visitor->next->previous = visitor->previous;
	pthread_mutex_unlock(&gate->lock);
	free(visitor);
}

/* --- who dawdles --- */

static struct gate_visitor *visitor_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* From now on it has so long; or, while it is served, as long as that takes. */
static void allow(struct gate *gate, struct MHD_Connection *connection, bool served, int64_t ms)
{
	const int64_t now = now_ms(gate);
	struct gate_visitor *v = visitor_of(connection);

	if (v == NULL)
		return;
	pthread_mutex_lock(&gate->lock);
	v->served = served;
	v->until_ms = now + ms;
	pthread_mutex_unlock(&gate->lock);
}

void gate_request_came(struct gate *gate, struct MHD_Connection *connection)
{
	allow(gate, connection, false, gate->patience_ms);
}

void gate_body_came(struct gate *gate, struct MHD_Connection *connection, size_t len)
{
	struct gate_visitor *v = visitor_of(connection);

	if (v == NULL)
		return;
	pthread_mutex_lock(&gate->lock);
	v->until_ms += (int64_t)len;
	pthread_mutex_unlock(&gate->lock);
}

void gate_request_whole(struct gate *gate, struct MHD_Connection *connection)
{
	allow(gate, connection, true, 0);
}

void gate_answer_goes(struct gate *gate, struct MHD_Connection *connection, size_t len)
{
	allow(gate, connection, false, gate->patience_ms + (int64_t)len);
}

void gate_request_done(struct gate *gate, struct MHD_Connection *connection)
{
	allow(gate, connection, false, gate->idle_ms + gate->patience_ms);
}

void gate_reap(struct gate *gate)
{
	const int64_t now = now_ms(gate);

	pthread_mutex_lock(&gate->lock);
	for (struct gate_visitor *v = gate->first; v != NULL; v = v->next)
		if (!v->served && v->socket >= 0 && now > v->until_ms)
			(void)shutdown(v->socket, SHUT_RDWR);
	pthread_mutex_unlock(&gate->lock);
}

/* --- who was refused --- */

/* The visitor's address as 16 bytes (IPv4 mapped); zero where it can't be told. */
static void address_of(struct MHD_Connection *connection, uint8_t out[16])
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	memset(out, 0, 16);
	if (info == NULL || info->client_addr == NULL)
		return;
	if (info->client_addr->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, info->client_addr, sizeof v4);
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &v4.sin_addr, 4);
	} else if (info->client_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, info->client_addr, sizeof v6);
		/* A network, not a host of it; but what came by IPv4 is a host. */
		memcpy(out, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
	}
}

/* The row of the address, or the oldest one to be used for it. With the lock. */
static struct gate_address *row_of(struct gate *gate, const uint8_t address[16])
{
	struct gate_address *oldest = &gate->addresses[0];

	for (size_t i = 0; i < GATE_ADDRESSES; i++) {
		struct gate_address *row = &gate->addresses[i];

		if (row->refusals > 0 && memcmp(row->address, address, 16) == 0)
			return row;
		if (row->since_ms < oldest->since_ms)
			oldest = row;
	}
	return oldest;
}

bool gate_open(struct gate *gate, struct MHD_Connection *connection)
{
	const int64_t now = now_ms(gate);
	const struct gate_address *row;
	uint8_t address[16];
	bool open;

	address_of(connection, address);
	pthread_mutex_lock(&gate->lock);
	row = row_of(gate, address);
	open = memcmp(row->address, address, 16) != 0 || row->refusals < GATE_REFUSALS_MAX ||
	       now - row->since_ms > GATE_WINDOW_MS;
	pthread_mutex_unlock(&gate->lock);
	return open;
}

void gate_tell(struct gate *gate, struct MHD_Connection *connection, bool well)
{
	const int64_t now = now_ms(gate);
	struct gate_address *row;
	uint8_t address[16];

	if (well)
		return;
	address_of(connection, address);
	pthread_mutex_lock(&gate->lock);
	row = row_of(gate, address);
	if (memcmp(row->address, address, 16) != 0 || now - row->since_ms > GATE_WINDOW_MS) {
		memcpy(row->address, address, 16);
		row->refusals = 0;
		row->since_ms = now;
	}
	row->refusals++;
	pthread_mutex_unlock(&gate->lock);
}
