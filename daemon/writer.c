#include "daemon/writer.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void wait_until(struct writer_thread *w, const struct timespec *until)
{
	if (until == NULL)
		pthread_cond_wait(&w->wake, &w->lock);
	else if (pthread_cond_timedwait(&w->wake, &w->lock, until) != 0)
		w->timed_out = true;
}

/* Take a run of jobs off the queue: either one piece of work, or as many requests
 * as may share a transaction. Waits for the first, but with `checkpoint` only so long
 * as WRITER_IDLE_MS; 0 = nothing came, or stop. */
static size_t take(struct writer_thread *w, struct writer_job *jobs[WRITER_BATCH_MAX], bool checkpoint)
{
	const int64_t now_ms = w->centre->env->boot_ms(w->centre->env->ctx);
	const size_t room = now_ms < w->alone_until_ms ? 1 : WRITER_BATCH_MAX;
	struct timespec until;
	size_t count = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WRITER_IDLE_MS / 1000;
	pthread_mutex_lock(&w->lock);
	w->timed_out = false;
	while (w->first == NULL && !w->stopping && !w->timed_out)
		wait_until(w, checkpoint ? &until : NULL);
	while (w->first != NULL && count < room) {
		struct writer_job *job = w->first;

		if (job->request == NULL && count > 0)
			break;
		w->first = job->next;
		if (w->first == NULL)
			w->last = NULL;
		jobs[count++] = job;
		if (job->request == NULL)
			break;
	}
	pthread_mutex_unlock(&w->lock);
	return count;
}

static void run_requests(struct writer_thread *w, struct writer_job *const *jobs, size_t count)
{
	struct centre_request *requests[WRITER_BATCH_MAX];

	for (size_t i = 0; i < count; i++)
		requests[i] = jobs[i]->request;
	centre_batch(w->centre, requests, count);
}

static void checkpoint(struct writer_thread *w)
{
	struct store *s = w->centre->store;

	if (s->ops->checkpoint(s) != ST_OK)
		env_log(w->centre->env, LOG_WARNING, "writer", "checkpoint-failed", "%s", "");
}

static void end_if_failed(struct writer_thread *w)
{
	struct store *s = w->centre->store;

	if (!s->ops->failed(s) || atomic_exchange(&w->failed, true))
		return;
	env_log(w->centre->env, LOG_ERROR, "writer", "store-failed", "%s", "");
	(void)kill(getpid(), SIGTERM);
}

static void *writer_loop(void *ctx)
{
	struct writer_thread *w = ctx;
	struct writer_job *jobs[WRITER_BATCH_MAX];
	size_t batches = 0;

	for (;;) {
		const size_t count = take(w, jobs, batches > 0);

		if (count == 0 && batches == 0)
			return NULL;
		if (count > 0 && jobs[0]->request == NULL)
			jobs[0]->work(w->centre, jobs[0]->ctx);
		else if (count > 0)
			run_requests(w, jobs, count);
		for (size_t i = 0; i < count; i++)
			jobs[i]->done(jobs[i]->ctx);
		batches += count > 0;
		if (count == 0 || batches >= WRITER_CHECKPOINT_BATCHES) {
			checkpoint(w);
			batches = 0;
		}
		end_if_failed(w);
	}
}

/* The condition waits by the clock that nobody sets. */
static int wake_init(pthread_cond_t *wake)
{
	pthread_condattr_t attr;
	int bad = pthread_condattr_init(&attr);

	if (bad != 0)
		return bad;
	bad = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (bad == 0)
		bad = pthread_cond_init(wake, &attr);
	pthread_condattr_destroy(&attr);
	return bad;
}

enum status writer_start(struct writer_thread *w, struct centre *centre, bool unclean)
{
	memset(w, 0, sizeof *w);
	w->centre = centre;
	if (unclean)
		w->alone_until_ms = centre->env->boot_ms(centre->env->ctx) + WRITER_ALONE_MS;
	if (pthread_mutex_init(&w->lock, NULL) != 0)
		return ST_NOMEM;
	if (wake_init(&w->wake) != 0) {
		pthread_mutex_destroy(&w->lock);
		return ST_NOMEM;
	}
	if (pthread_create(&w->thread, NULL, writer_loop, w) != 0) {
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
		return ST_NOMEM;
	}
	w->running = true;
	return ST_OK;
}

void writer_submit(struct writer_thread *w, struct writer_job *job)
{
	assert((job->request != NULL) != (job->work != NULL));
	job->next = NULL;
	pthread_mutex_lock(&w->lock);
	if (w->last != NULL)
		w->last->next = job;
	else
		w->first = job;
	w->last = job;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void writer_stop(struct writer_thread *w)
{
	if (!w->running)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	w->running = false;
}
