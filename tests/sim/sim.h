/* sim.h - one run: a centre and tablets in one process, on simulated disks, with made-up clocks
 * and a way between that does its worst; one event at a time, in an order that follows from the seed.
 *
 * Real, as shipped: replica, triggers, journal, engine and back-off, exchange, codec, envelope, intake, rules, feed, chain,
 * SQLite. Simulated: clocks, randomness, disk, network, process life. How it goes:
 *
 *   1. work_begin sets up patients and assignments; all tablets sync once. No faults.
 *   2. Days pass: people act, tablets sync when the engine says so, faults strike (plan.h).
 *   3. All heals: no more faults, everything is started; clocks may stay wrong.
 *   4. Within three times the longest back-off every outbox is empty (I21); then at most three rounds of syncs.
 *   5. The ghosts ask for their words; all is closed, opened again and found whole; then everything is compared.
 *   6. At times what can't be undone (last.h).
 *
 * A trace is a list of lines: when, who, what. Its hash names the run: the same seed has the same hash.
 * One thread; a struct sim lives on the heap.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "client/engine.h"
#include "client/exchange.h"
#include "client/sync.h"
#include "daemon/centre.h"
#include "tests/sim/dice.h"
#include "tests/sim/disk.h"
#include "tests/sim/met.h"
#include "tests/sim/plan.h"

#define SIM_START_MS INT64_C(1790000000000)
#define SIM_DAY_MS INT64_C(86400000)
#define SIM_WRONG_SIZE 512

struct sim;

enum end { END_NONE, END_KILL, END_POWER };

/* What strikes within one act of a node, and where. */
struct peril {
	enum fault fault;  /* FAULT_COUNT: none */
	uint64_t k;        /* the instance, for shrinking */
	uint64_t at_call;  /* the n-th fitting call of the disk, from 1 */
	const char *label; /* FAULT_KILL_POINT: the beginning of the label */
	bool struck;
};

struct node;

/* Whoever stops a machine by hand (steps.h), at a call of its disk within an act. */
struct watch {
	bool (*dies)(struct watch *watch, struct node *node, enum disk_call call); /* before the call */
	enum disk_model model; /* how it dies */
	uint64_t draw;         /* of what DISK_SOME and DISK_TORN leave to chance */
};

/* A machine: the centre is 0, tablets are 1 … */
struct node {
	struct sim *sim;
	struct watch *watch; /* NULL: nobody */
	unsigned index;
	char name[24];
	struct disk *disk;
	struct env env;
	/* clocks: wall = true time + offset + drift since the machine was made; boot counts from boot_from */
	int64_t offset_ms;
	int32_t drift_ppm;
	int64_t boot_from_ms;
	uint32_t boot;
	uint64_t random_calls;
	/* the process */
	bool up;           /* runs */
	uint64_t life;     /* processes started so far */
	bool is_starting;
	uint64_t restarts; /* events of a coming start that count: the newest */
	/* the act under way */
	bool acting;
	enum site act_site;
	uint64_t act_k;
	uint64_t fitting_calls; /* of the peril's kind so far */
	struct peril peril;
	bool sick;         /* its disk is full or read-only, until EVENT_ROOM */
	bool power_cut;    /* the machine dies by power, else by kill */
};

struct sim_tablet {
	struct node node; /* first */
	struct id worker;
	uint32_t device;
	uint8_t seed[SEED_SIZE];
	char path[24];
	struct replica replica;   /* while node.up */
	struct sync sync;
	struct exchange exchange;
	struct engine engine;
	struct look look;
	sqlite3 *program;         /* another program's connection while node.up and the plan has one; else NULL */
	bool link;
	bool anew;
	uint64_t exchanges;       /* begun; the newest one's number */
	uint64_t waiting;         /* the exchange whose answer may come; 0 = none */
	uint64_t timer;           /* number of the newest wake-up: older ones are void */
	int64_t news_ms;          /* when it asks for news by itself */
	int64_t asleep_until_ms;  /* true time: what falls due before waits until then */
	struct buf kept_answer;   /* one it was given before */
	int64_t wait_ms;          /* after the newest failure at the longest back-off, */
	unsigned same_waits;      /* and how often it was the same before */
	bool put_back;            /* its files are older than what it was told: no ghost asks it */
	int64_t acted_ms;         /* true time: its person's newest act, */
	int64_t built_ms;         /* and when the exchange under way built its first request */
	int64_t asked_ms, heard_ms; /* true time: its newest request left; and the one whose answer it applied last */
	uint64_t mends;           /* times its replica was opened again within one life */
	uint64_t moved;           /* changes sent, records, fills, and leavings, so far */
};

struct sim_centre {
	struct node node; /* first */
	char path[24];
	uint8_t seed[SEED_SIZE];
	struct centre centre;     /* while node.up */
	uint64_t batches, acts;   /* so far */
	int64_t alone_until_ms;   /* after a death: requests are taken alone */
};

enum phase { PHASE_BEGIN, PHASE_FAULTS, PHASE_HEALING, PHASE_ROUNDS, PHASE_END, PHASE_LAST };

enum event_kind {
	EVENT_ACT,       /* the tablet's person acts; k */
	EVENT_CENTRE_ACT,
	EVENT_WAKE,      /* the tablet's engine; k: timer */
	EVENT_WANT,      /* somebody wants a sync; k */
	EVENT_LINK,      /* goes up or down; k: the day, odd half up */
	EVENT_CLOCK,     /* a clock is set; k: the day */
	EVENT_SLEEP,     /* the tablet sleeps for hours; k: the day */
	EVENT_ARRIVE,    /* a request at the centre */
	EVENT_ANSWER,    /* an answer at its tablet */
	EVENT_GIVE_UP,   /* the tablet waits no longer for exchange k */
	EVENT_START,     /* the process starts; k: restarts */
	EVENT_ROOM       /* the disk has room, or may be written, again */
};

struct event {
	int64_t at_ms;
	uint64_t order;
	enum event_kind kind;
	unsigned node;
	uint64_t k;
	struct flight *flight; /* ARRIVE, ANSWER */
};

/* Bytes on the way. */
struct flight {
	unsigned tablet;    /* index of its node */
	uint64_t exchange;  /* the request's */
	uint64_t life;      /* of the tablet's process that waits */
	int status;         /* 0 = bytes; else an HTTP status without an answer of a centre; -1: the connection broke */
	int64_t retry_after_ms, sent_ms; /* sent: true time */
	bool copy;          /* a doubled or late request: nobody waits for its answer */
	bool bent;          /* altered on the way: it must not be taken */
	enum met met;       /* what is met when a bent one is refused, or a late one comes */
	struct buf bytes;
};

struct ghosts; /* ghost.h */
struct judge;  /* judge.h */
struct works;  /* work.h */

struct sim {
	struct plan plan;
	const struct schema *schema;
	int64_t now_ms;          /* the true time */
	enum phase phase;
	struct event *heap;
	size_t heap_count, heap_room;
	uint64_t order;
	struct sim_centre centre;
	struct sim_tablet *tablets; /* plan.tablets */
	struct ghosts *ghosts;
	struct judge *judge;
	int64_t centre_set_ms;   /* true time when the centre's clock was set last; 0 = never */
	bool centre_went_back;   /* it was set back at some time: what stands may be dated in what is to come */
	struct works *works;
	struct disk_image *kept; /* last.h; NULL: nothing */
	uint64_t met[MET_COUNT];
	uint64_t steps;          /* events so far */
	uint64_t tablet_days;
	uint64_t lines;          /* of the trace */
	uint64_t hash;           /* FNV-1a, 64 bits, of the trace */
	FILE *told;              /* trace lines go there too; NULL = nowhere */
	struct witness *witness; /* NULL: nobody */
	bool *pins_struck;       /* plan.pin_count */
	char invariant[8];       /* "I5"; "" = nothing is wrong */
	char wrong[SIM_WRONG_SIZE];
};

#define WITNESS_STRUCK_MAX 65536

struct struck {
	struct instance instance;
	int64_t at_ms; /* true time since the beginning */
};

/* Sees a run from outside: how far it came, and what struck, until something was wrong. In memory that outlives a process
 * which dies of the run (attempt.h). */
struct witness {
	uint64_t lines;      /* of the trace */
	int64_t elapsed_ms;  /* true time of the newest one */
	size_t struck_count; /* acts and faults that took effect, in order; as many as there is room for */
	struct struck struck[WITNESS_STRUCK_MAX];
};

/* What runs have in common and need not make anew: disks with a centre and enrolled tablets on them. One thread's. */
struct sim_stock;
struct sim_stock *sim_stock_new(void);
/* Makes what a plan needs of it, so that child processes need not, each for itself. */
void sim_stock_make(struct sim_stock *stock, const struct plan *plan);
/* From now on runs are seen by this witness, which counts on from what it says. NULL: by nobody. */
void sim_stock_witness(struct sim_stock *stock, struct witness *witness);
void sim_stock_free(struct sim_stock *stock);

/* Centre and tablets, enrolled and running, with empty replicas: for scenarios that are told step by step, in PHASE_BEGIN
 * (no faults but what a node.watch set by hand does). sim_free closes it. */
struct sim *sim_open(struct sim_stock *stock, const struct plan *plan, FILE *told);
/* The next event of the heap. False: there is none at or before until_ms. Time goes on to it. */
bool sim_step(struct sim *sim, int64_t until_ms);

/* Syncs of all tablets until nothing moves any more; wrong (I5) after more rounds than that may take. Time goes on. */
void sim_rounds(struct sim *sim);

/* Puts what the plan has for its days into the heap (sim_days.c); once, when faults may begin. */
void sim_plan_days(struct sim *sim);

/* Plays a whole run. invariant and wrong say how it ended. The caller frees with sim_free. */
struct sim *sim_play(struct sim_stock *stock, const struct plan *plan, FILE *told);
void sim_free(struct sim *sim);

/* --- for the parts of the simulator --------------------------------------------------------- */

/* One line of the trace. node NULL: the world. */
void sim_tell(struct sim *sim, const struct node *node, const char *format, ...) PRINTF_LIKE(3, 4);
/* The first thing that is wrong ends the run. invariant: "I1" … "I27", or "sim" for what can't be sorted. */
void sim_wrong(struct sim *sim, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);
bool sim_is_wrong(const struct sim *sim);
void sim_met(struct sim *sim, enum met met);

/* Does this fault strike here, by chance and plan? Asking counts nothing. In PHASE_FAULTS only. *k becomes the number by
 * whose dice it does so, and which sim_struck is told: another one for a pin of the plan. */
bool sim_strikes(const struct sim *sim, enum fault fault, unsigned node, uint64_t *k);
/* The same, and so many times as often: for a place to which runs seldom come. */
bool sim_strikes_often(const struct sim *sim, enum fault fault, unsigned node, uint64_t *k, uint32_t times);
/* An act or a fault took effect (its witness keeps it for shrinking). */
void sim_struck(struct sim *sim, struct instance instance);

struct event *sim_at(struct sim *sim, int64_t at_ms, enum event_kind kind, unsigned node, uint64_t k);

/* By true time since the beginning. */
int64_t sim_elapsed_ms(const struct sim *sim);
struct node *sim_node(struct sim *sim, unsigned index);
struct sim_tablet *sim_tablet(struct sim *sim, unsigned index); /* 1 … */

#endif
