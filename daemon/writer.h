/* writer.h - the centre's one writing thread. Shell.
 *
 * HTTP threads hand in requests that are prepared (verified, inflated, decoded); the
 * writer takes all that wait, answers them in one transaction (centre_batch) and
 * calls each job's done. So requests that arrive together share one COMMIT, and one
 * fsync. It alone checkpoints the WAL: when nothing has come for WRITER_IDLE_MS, and
 * after every WRITER_CHECKPOINT_BATCHES batches.
 *
 * After an unclean stop requests are first tried alone (WRITER_ALONE_MS), so that
 * one that ends the process can't take others with it each time it is tried again.
 *
 * A store that failed to keep what was written (a failed fsync) is never gone on with: the writer sets `failed`
 * and ends the process with SIGTERM; whoever supervises it starts it anew.
 */
#ifndef DAEMON_WRITER_H
#define DAEMON_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/centre.h"

#define WRITER_BATCH_MAX 64
#define WRITER_ALONE_MS 60000
#define WRITER_IDLE_MS 1000
#define WRITER_CHECKPOINT_BATCHES 200

/* The caller's storage, untouched from writer_submit until done is called, which
 * happens on the writer's thread. Either request, or work, is not NULL. */
struct writer_job {
	struct centre_request *request;
	void (*work)(struct centre *centre, void *ctx); /* any other piece of writing (enrolment) */
	void (*done)(void *ctx);
	void *ctx;
	struct writer_job *next;
};

struct writer_thread {
	struct centre *centre; /* used by the writer's thread alone while it runs */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct writer_job *first, *last;
	bool running, stopping, timed_out;
	atomic_bool failed; /* the store failed: the process was asked to end (SIGTERM) and must be started anew */
	int64_t alone_until_ms; /* boot clock */
};

/* unclean: the last stop was not a clean one. */
enum status writer_start(struct writer_thread *w, struct centre *centre, bool unclean) MUST_CHECK;
void writer_submit(struct writer_thread *w, struct writer_job *job);
/* Does what waits, then ends the thread. */
void writer_stop(struct writer_thread *w);

#endif
