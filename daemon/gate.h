/* gate.h - who is connected, who dawdles, and who was refused too often. Shell, any thread.
 *
 * libmicrohttpd leaves a connection open as long as a byte comes or goes now and then: the gate keeps a list and
 * shuts down those that take too long. Headers have `patience_ms`, a body and an answer that much and a millisecond
 * more for each byte; between two requests there are `idle_ms` besides. While the centre works on a request nobody
 * dawdles. It also counts refused enrolments by address (a table of GATE_ADDRESSES, oldest replaced).
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"

#define GATE_ADDRESSES 64
#define GATE_REFUSALS_MAX 20
#define GATE_WINDOW_MS ((int64_t)10 * 60 * 1000)

struct MHD_Connection;
struct gate_visitor;

struct gate_address {
	uint8_t address[16];
	unsigned refusals;
	int64_t since_ms;
};

struct gate {
	const struct env *env;
	int64_t patience_ms, idle_ms;
	pthread_mutex_t lock;
	struct gate_visitor *first; /* list of connections */
	struct gate_address addresses[GATE_ADDRESSES];
};

void gate_init(struct gate *gate, const struct env *env, int64_t patience_ms, int64_t idle_ms);
void gate_close(struct gate *gate);

/* A connection opened; what is returned belongs to it until gate_left (NULL is fine). */
struct gate_visitor *gate_entered(struct gate *gate, struct MHD_Connection *connection);
void gate_left(struct gate *gate, struct gate_visitor *visitor);
/* The headers of a request have come; bytes of its body; all of it; its answer of so many bytes is on its way; that
 * has ended, well or not. */
void gate_request_came(struct gate *gate, struct MHD_Connection *connection);
void gate_body_came(struct gate *gate, struct MHD_Connection *connection, size_t len);
void gate_request_whole(struct gate *gate, struct MHD_Connection *connection);
void gate_answer_goes(struct gate *gate, struct MHD_Connection *connection, size_t len);
void gate_request_done(struct gate *gate, struct MHD_Connection *connection);
/* Shut down who dawdles. */
void gate_reap(struct gate *gate);

/* May this address try to enrol? And what became of its try. */
bool gate_open(struct gate *gate, struct MHD_Connection *connection);
void gate_tell(struct gate *gate, struct MHD_Connection *connection, bool well);

#endif
