/* steps_inside.h - what steps.c (plays), steps_look.c (looks at disks and ends) and steps_people.c (what a
 * scenario may do) share. Nobody else includes it.
 */
#ifndef TESTS_SIM_STEPS_INSIDE_H
#define TESTS_SIM_STEPS_INSIDE_H

#include "tests/sim/node.h"
#include "tests/sim/sim_centre.h"
#include "tests/sim/sim_tablet.h"
#include "tests/sim/steps.h"
#include "tests/sim/way.h"

#define STEPS_NODES_MAX 4
#define STEPS_REQUESTS_MAX 256
#define STEPS_DRAWS 2 /* of what chance decides */

enum steps_mode {
	STEPS_SETTING_UP, STEPS_TOLD, STEPS_AGAIN,
	STEPS_LOST,   /* message stop.call is lost */
	STEPS_STOPPED /* stop.node ends at stop.call */
};

struct stop {
	unsigned node;
	uint64_t call;   /* from 1; one more than it makes: after the act */
	enum disk_model model;
	unsigned draw;
	char what[16];   /* "write", … */
};

/* Keys of what is known. */
struct key_set {
	uint64_t *keys; /* 0 = free */
	uint64_t *values;
	size_t count, room;
};

struct steps {
	struct watch watch; /* first */
	struct sim *sim;
	const struct scenario *scenario;
	const struct steps_options *options;
	struct steps_result *result;
	/* what stood when the act began */
	struct disk_image *images[STEPS_NODES_MAX];
	struct sim_tablet tablets[STEPS_NODES_MAX - 1]; /* plain fields alone are looked at */
	struct node centre;
	uint64_t batches;
	int64_t now_ms;
	/* while it is played */
	enum steps_mode mode;
	struct stop stop;
	bool struck;
	uint64_t calls[STEPS_NODES_MAX];
	uint64_t acts;      /* of people */
	uint64_t order;     /* newest event whose message was counted */
	uint64_t messages;
	/* as told */
	struct buf requests[STEPS_REQUESTS_MAX];
	unsigned senders[STEPS_REQUESTS_MAX];
	size_t request_count;
	uint64_t message_count;
	struct buf end;
	struct disk *scratch;
	struct key_set pages;   /* bytes of a disk's files -> the pages that SQLite finds there */
	struct key_set futures; /* moment, machine, model and pages: played, or to be */
	struct stop *stops;     /* to be played */
	size_t stop_count, stop_room;
};

static inline size_t steps_node_count(const struct steps *s)
{
	return s->sim->plan.tablets + 1;
}

void steps_wrong(struct steps *s, const char *format, ...) PRINTF_LIKE(2, 3);
bool steps_is_wrong(const struct steps *s);

/* The next event up to then; messages are counted, and lost where it is their turn. False: there is none. */
bool steps_step(struct steps *s, int64_t until_ms);

/* --- steps_look.c ----------------------------------------------------------------------------- */

/* A machine is about to make this call: what would be left of its disk? Adds the stops that have to be played. */
void steps_look(struct steps *s, struct node *node, enum disk_call call);
/* The same when the act is over. */
void steps_look_after(struct steps *s, struct node *node);
/* The centre's records, history and held work, and every tablet's rows and outcomes, without what chance or time
 * made, as lines of text. */
void steps_dump(struct steps *s, struct buf *out);
/* That machine's database is whole; the centre's chain holds. */
void steps_check_whole(struct steps *s, unsigned node);
/* The first row as text, columns parted by " | "; nothing where there is none. False: it can't be read. */
bool steps_query(struct steps *s, unsigned node, const char *query, struct buf *out);
void key_set_close(struct key_set *set);

#endif
