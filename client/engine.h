/* engine.h - when to sync: the syncer's decisions, and nothing else. Pure.
 *
 * The shell tells it what happened and asks what to do; it owns no clock, no
 * timer and no randomness. All times are the boot clock's milliseconds, sleep
 * included, never back (env.h). One owner, one thread.
 *
 * - An edit goes up when it has rested: limits.rest_ms after it. The first edit
 *   that is not yet covered sets the time, so that steady typing can't postpone
 *   it; what is still being edited then stays behind (journal.h leaves it alone),
 *   and one more sync follows when the last edit has rested too.
 * - News, what is closed or signed, a link that came up, and a person who asks: at once.
 *   What a person asks for takes everything along, rested or not (rest_ms 0).
 * - A page that says "more" is followed at once.
 * - After a failure everything waits for a random time below a ceiling that
 *   doubles from backoff_ms_min to backoff_ms_max: full jitter, at the ceiling
 *   too, so that many tablets that failed together don't come back together
 *   ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A link
 *   that came up and a person who asks don't wait for that, but the ceiling is
 *   kept until a sync succeeds.
 * - Where the centre says when to come back (Retry-After), nobody comes earlier,
 *   a person neither. It counts up to retry_after_ms_max, lest a wrong answer
 *   silence a tablet for good.
 * - What is wanted while a sync runs is wanted after it.
 */
#ifndef CLIENT_ENGINE_H
#define CLIENT_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_NEVER INT64_MAX

struct engine_limits {
	int64_t rest_ms;            /* 30,000: leave a record alone after its last edit */
	int64_t backoff_ms_min;     /* 1,000 */
	int64_t backoff_ms_max;     /* 600,000 */
	int64_t retry_after_ms_max; /* 3,600,000 */
};
extern const struct engine_limits ENGINE_LIMITS;

struct engine {
	struct engine_limits limits;
	bool running;          /* between engine_started and engine_done */
	bool taken_everything; /* the running sync was asked for */
	bool everything;       /* a person asked and it has not succeeded yet */
	int64_t due_ms;        /* a sync is wanted from then on; ENGINE_NEVER = none is */
	int64_t edited_ms;     /* the newest edit told; ENGINE_NEVER = none since it was covered */
	int64_t backoff_until_ms;  /* after a failure */
	int64_t told_until_ms;     /* the centre said so */
	int64_t ceiling_ms;        /* of the next failure's jitter */
};

enum engine_action {
	ENGINE_SLEEP, /* nothing to do until until_ms, or until the next event */
	ENGINE_SYNC   /* one exchange now: engine_started, then engine_done */
};

struct engine_step {
	enum engine_action action;
	int64_t until_ms; /* ENGINE_SLEEP; ENGINE_NEVER: only an event wakes it */
	int64_t rest_ms;  /* ENGINE_SYNC: for sync_options.rest_ms */
};

void engine_init(struct engine *e, const struct engine_limits *limits);

/* Something was edited in the replica (or, after a start, is found waiting in it). */
void engine_dirty(struct engine *e, int64_t now_ms);
/* The centre said "sync now", or something was closed or signed here. */
void engine_news(struct engine *e, int64_t now_ms);
/* There may be signal again; also told once at a start. */
void engine_link_up(struct engine *e, int64_t now_ms);
/* A person asked. */
void engine_asked(struct engine *e, int64_t now_ms);

/* The exchange that engine_next named begins. */
void engine_started(struct engine *e, int64_t now_ms);

/* It ended. ok: its answer was applied. more: the answer said so. retry_after_ms: 0
 * where the centre said nothing. random: uniform in [0, 2^32), used after a failure. */
struct engine_result {
	bool ok, more;
	int64_t retry_after_ms;
	uint32_t random;
};
void engine_done(struct engine *e, int64_t now_ms, const struct engine_result *result);

/* What to do now. Asking changes nothing. */
struct engine_step engine_next(const struct engine *e, int64_t now_ms);

#endif
