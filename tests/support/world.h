/* world.h - a centre and a few tablets in one process, for tests: databases in
 * memory (or at a path), made-up clocks and randomness that follow from a seed, and
 * bytes handed over directly, so that a test can lose, cut, double and delay them.
 *
 * Whatever can't fail in a sane test (memory, an honest request) is asserted here.
 * Each clock runs by world_pass alone. SQL's own clock, which the triggers read, is
 * the tablet's, through a VFS of its own.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <setjmp.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/sync.h"
#include "daemon/centre.h"

#define WORLD_TABLETS_MAX 64
#define WORLD_START_MS INT64_C(1790000000000)

/* A small schema: patient, worker, assignment, conflict, and `item` with a group of every rule. In its
 * version 2 an item has a field more (`extra`), and there is a kind more (`badge`). */
extern const struct field_row WORLD_ROWS[];
extern const size_t WORLD_ROWS_COUNT;

struct world;

/* Whatever has a clock. */
struct world_node {
	sqlite3_vfs vfs; /* first: SQLite hands it back to the clock */
	struct world *world;
	int64_t skew_ms; /* this clock - the true time */
	struct env env;
	char vfs_name[48];
};

struct world_tablet {
	struct world_node node;
	struct replica replica;
	struct sync sync;
	struct id worker;
	uint32_t device;
	struct buf request, answer; /* of the newest exchange */
};

struct world {
	uint64_t random; /* state */
	int64_t now_ms;  /* the true time, which is the centre's too unless it is skewed */
	const struct schema *schema;
	struct world_node node; /* the centre's */
	struct centre centre;
	struct world_tablet *tablets;
	size_t tablet_count;
	const struct world_node *dying; /* it ends at the next crash point of this label */
	const char *death_label;
	jmp_buf death;
};

/* path NULL: in memory; else the centre's file. vfs NULL: SQLite's default beneath.
 * Each tablet has a care manager of its own, tablet-0, tablet-1, … */
void world_open(struct world *w, const struct schema *schema, const char *path, const char *vfs,
		size_t tablet_count, uint64_t seed);
void world_close(struct world *w);

/* Keep what all databases hold now, and go back to it; the random numbers start at seed. */
void world_keep(struct world *w);
void world_reset(struct world *w, uint64_t seed);

void world_pass(struct world *w, int64_t ms);
uint64_t world_random(struct world *w, uint64_t below); /* 0 … below - 1 */
struct id world_id(struct world *w);

/* --- at the centre, as device 0 --- */

/* A record of the kind with these "field=text" pairs, ended by NULL; integers for fields that are. */
struct id world_create(struct world *w, const char *kind, const struct id *patient, ...);
/* False: the outcome was not plain acceptance. */
bool world_edit(struct world *w, const char *kind, const struct id *id, const char *field, const char *text);
void world_assign(struct world *w, size_t tablet, const struct id *patient);
void world_assign_for(struct world *w, size_t tablet, const struct id *patient, const char *reason, int64_t starts_ms,
		      int64_t ends_ms); /* as struct giving (daemon/centre.h) has it */
void world_unassign(struct world *w, size_t tablet, const struct id *patient);
uint64_t world_seq(struct world *w); /* newest sequence */
/* One value as it stands; copied into text_out ("" for null). False: no such record, or deleted. */
bool world_value(struct world *w, const char *kind, const struct id *id, const char *field, char *text_out,
		 size_t room);

/* --- on a tablet --- */

/* One statement with "%s" for ids and texts. It may fail: the status of SQLite is returned. */
int world_sql(struct world_tablet *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* First column of the first row as text; "" where there is none. */
void world_text(struct world_tablet *t, char *text_out, size_t room, const char *format, ...) PRINTF_LIKE(4, 5);
int64_t world_int(struct world_tablet *t, const char *format, ...) PRINTF_LIKE(2, 3);

/* --- the way between --- */

struct sync_report world_build(struct world_tablet *t); /* request into t->request */
/* One request alone: its status; the answer's bytes are appended to answer. */
enum status world_ask(struct world *w, const struct buf *request, struct buf *answer);
enum status world_take(struct world_tablet *t, const void *answer, size_t len, struct sync_report *report);
/* Act; where the node comes by a crash point whose label begins so ("A15"), it ends there as by kill -9: its open
 * transaction is gone, and with it what it had in memory (which leaks). Did it? */
bool world_dies(struct world *w, const struct world_node *node, const char *label, void (*act)(void *ctx), void *ctx);
/* A whole honest exchange. Returns whether there is more to come. */
bool world_exchange(struct world_tablet *t, struct sync_report *report);
/* Exchanges until there is no more. */
void world_sync(struct world_tablet *t);

#endif
