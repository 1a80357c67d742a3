/* sync.h - one exchange with the centre, as bytes: build a request, take its answer.
 * Store ring: no socket here; transport.h carries the bytes, the in-process tests
 * hand them over directly.
 *
 * sync_build numbers what is dirty, stores the fresh request counter, commits, and
 * only then hands out bytes: what leaves has been stored. It is called on a standing
 * connection. sync_take verifies, then applies in one transaction. An answer that is
 * cut, altered or not to the newest request changes nothing. How it went (standing.h) is
 * noted in that transaction; where there was none, the caller does that.
 */
#ifndef CLIENT_SYNC_H
#define CLIENT_SYNC_H

#include "client/apply.h"
#include "client/prove.h"
#include "proto/envelope.h"

struct sync {
	struct replica *replica;
	struct deflater *deflater;
	struct sign_key key; /* the tablet's */
	/* The newest request, while it waits for its answer. */
	bool waiting;
	struct envelope_head head;
	struct digest request;
	struct run proven, expected; /* before it, and after it if all goes well */
	int64_t wall_sent_ms, boot_sent_ms;
};

/* What an exchange is said to have failed of whose answer brought records that can't be read. */
extern const struct failure SYNC_UNREADABLE;

struct sync_options {
	int64_t rest_ms; /* 0: send everything now */
	uint32_t budget; /* bytes of answer; 0 = default */
	uint64_t free_mb;
	int battery_percent;
	size_t changes_max; /* in this request; 0 = as many as a request takes */
	bool send_nothing; /* numbers nothing and sends no change: fetch only */
};

struct sync_report {
	size_t up_len, down_len;
	uint64_t changes_sent, pending_after; /* pending: dirty or unsettled, held excluded */
	struct apply_report applied;
};

enum status sync_init(struct sync *s, struct replica *replica, const uint8_t seed[SEED_SIZE]) MUST_CHECK;
void sync_close(struct sync *s);

/* request_out: a buf made with LIMIT_BODY_MAX; emptied first. Where the changes do
 * not fit one envelope it takes fewer. report: up_len and changes_sent are set. */
enum status sync_build(struct sync *s, const struct sync_options *options, struct buf *request_out,
		       struct sync_report *report, struct failure *why) MUST_CHECK;

/* ST_STALE/ST_FORGED/ST_PROTOCOL/ST_LIMIT: nothing applied. Records that can't be read are no
 * failure (report->applied.unreadable, apply.h). After any failure the
 * next exchange starts with sync_build. report->applied.more: call sync_build again. */
enum status sync_take(struct sync *s, const void *answer, size_t len, struct sync_report *report,
		      struct failure *why) MUST_CHECK;

#endif
