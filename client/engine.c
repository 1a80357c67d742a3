#include "client/engine.h"

#include <assert.h>

const struct engine_limits ENGINE_LIMITS = {
	.rest_ms = 30000,
	.backoff_ms_min = 1000,
	.backoff_ms_max = 600000,
	.retry_after_ms_max = 3600000,
};

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

static void check(const struct engine *e)
{
	assert(e->ceiling_ms >= e->limits.backoff_ms_min);
	assert(e->ceiling_ms <= e->limits.backoff_ms_max);
	assert(!e->taken_everything || e->running);
}

/* Times are of a machine's life: sums of two never come near the end of 64 bits. */
static void check_now(int64_t now_ms)
{
	assert(now_ms >= 0);
	assert(now_ms < ENGINE_NEVER / 4);
}

void engine_init(struct engine *e, const struct engine_limits *limits)
{
	assert(limits->rest_ms >= 0 && limits->rest_ms < ENGINE_NEVER / 4);
	assert(limits->backoff_ms_min >= 1);
	assert(limits->backoff_ms_min <= limits->backoff_ms_max);
	assert(limits->backoff_ms_max <= INT32_MAX);
	assert(limits->retry_after_ms_max >= 0 && limits->retry_after_ms_max <= INT32_MAX);

	*e = (struct engine){
		.limits = *limits,
		.due_ms = ENGINE_NEVER,
		.edited_ms = ENGINE_NEVER,
		.ceiling_ms = limits->backoff_ms_min,
	};
	check(e);
}

static void want(struct engine *e, int64_t at_ms)
{
	check(e);
	e->due_ms = earlier(e->due_ms, at_ms);
}

void engine_dirty(struct engine *e, int64_t now_ms)
{
	check_now(now_ms);
	want(e, now_ms + e->limits.rest_ms);
	e->edited_ms = now_ms;
}

void engine_news(struct engine *e, int64_t now_ms)
{
	check_now(now_ms);
	want(e, now_ms);
}

void engine_link_up(struct engine *e, int64_t now_ms)
{
	check_now(now_ms);
	want(e, now_ms);
	e->backoff_until_ms = 0;
}

void engine_asked(struct engine *e, int64_t now_ms)
{
	check_now(now_ms);
	want(e, now_ms);
	e->everything = true;
	e->backoff_until_ms = 0;
}

void engine_started(struct engine *e, int64_t now_ms)
{
	check_now(now_ms);
	check(e);
	assert(!e->running);
	e->running = true;
	e->taken_everything = e->everything;
	e->everything = false;
	e->due_ms = ENGINE_NEVER;
	if (e->edited_ms == ENGINE_NEVER)
		return;
	/* The newest edit goes along only if it has rested or everything goes. */
	if (!e->taken_everything && e->edited_ms + e->limits.rest_ms > now_ms)
		e->due_ms = e->edited_ms + e->limits.rest_ms;
	else
		e->edited_ms = ENGINE_NEVER;
}

/* The centre's word holds after a success as well. */
static void heed(struct engine *e, int64_t now_ms, int64_t retry_after_ms)
{
	if (retry_after_ms > 0)
		e->told_until_ms = now_ms + earlier(retry_after_ms, e->limits.retry_after_ms_max);
}

static void back_off(struct engine *e, int64_t now_ms, uint32_t random)
{
	const int64_t wait_ms = (int64_t)(((uint64_t)random * (uint64_t)e->ceiling_ms) >> 32);

	assert(wait_ms < e->ceiling_ms);
	/* Counted from the time the centre named, so that those it sent away spread too. */
	e->backoff_until_ms = later(now_ms, e->told_until_ms) + wait_ms;
	e->ceiling_ms = earlier(e->ceiling_ms * 2, e->limits.backoff_ms_max);
}

void engine_done(struct engine *e, int64_t now_ms, const struct engine_result *result)
{
	check_now(now_ms);
	check(e);
	assert(e->running);
	heed(e, now_ms, result->retry_after_ms);
	if (result->ok) {
		e->ceiling_ms = e->limits.backoff_ms_min;
		e->backoff_until_ms = 0;
		/* Its next page takes along what did not fit, so it is of the same sort. */
		if (result->more) {
			e->everything = e->everything || e->taken_everything;
			want(e, now_ms);
		}
	} else {
		/* A person who asked during the sync doesn't wait; all else does. */
		const bool asked_again = e->everything;

		e->everything = e->everything || e->taken_everything;
		back_off(e, now_ms, result->random);
		if (asked_again)
			e->backoff_until_ms = 0;
		want(e, now_ms);
	}
	e->running = false;
	e->taken_everything = false;
	check(e);
}

struct engine_step engine_next(const struct engine *e, int64_t now_ms)
{
	struct engine_step step = { .action = ENGINE_SLEEP, .until_ms = ENGINE_NEVER };
	int64_t at_ms = 0;

	check_now(now_ms);
	check(e);
	if (e->running || e->due_ms == ENGINE_NEVER)
		return step;
	at_ms = later(e->due_ms, later(e->backoff_until_ms, e->told_until_ms));
	if (now_ms < at_ms) {
		step.until_ms = at_ms;
		return step;
	}
	step.action = ENGINE_SYNC;
	step.rest_ms = e->everything ? 0 : e->limits.rest_ms;
	return step;
}
