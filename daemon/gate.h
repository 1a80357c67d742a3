/* gate.h - who is connected, who dawdles, and who was refused too often. Shell, any thread.
 *
 * libmicrohttpd leaves a connection open that sends its headers a byte at a time: the gate keeps a list and
 * shuts down those that have not sent a whole request in time. It also counts
 * refused enrolments by address (a table of GATE_ADDRESSES, oldest replaced).
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"

#define GATE_ADDRESSES 64
#define GATE_REFUSALS_MAX 20
#define GATE_WINDOW_MS (10 * 60 * 1000)

struct MHD_Connection;
struct gate_visitor;

struct gate_address {
	uint8_t address[16];
	unsigned refusals;
	int64_t since_ms;
};

struct gate {
	const struct env *env;
	pthread_mutex_t lock;
	struct gate_visitor *first; /* list of connections */
	struct gate_address addresses[GATE_ADDRESSES];
};

void gate_init(struct gate *gate, const struct env *env);
void gate_close(struct gate *gate);

/* A connection opened; what is returned belongs to it until gate_left (NULL is fine). */
struct gate_visitor *gate_entered(struct gate *gate, struct MHD_Connection *connection);
void gate_left(struct gate *gate, struct gate_visitor *visitor);
/* The headers of a request have come. */
void gate_request_came(struct gate *gate, struct MHD_Connection *connection);
void gate_reap(struct gate *gate, int64_t patience_ms);

/* May this address try to enrol? And what became of its try. */
bool gate_open(struct gate *gate, struct MHD_Connection *connection);
void gate_tell(struct gate *gate, struct MHD_Connection *connection, bool well);

#endif
