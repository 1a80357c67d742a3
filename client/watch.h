/* watch.h - what the kernel tells the agent: the replica was written, the network
 * changed, the wall clock was set. Shell (inotify, rtnetlink, timerfd).
 *
 * All are reasons to look, never proof: a write may not be committed yet, a link that
 * is up may lead nowhere, and a clock is set to what it says when its zone changes.
 */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

struct watch {
	int replica; /* readable: something was written in the folder; -1 = can't be watched */
	int links;   /* readable: a link, address or route changed; -1 = can't be watched */
	int clock;   /* readable: somebody set the wall clock; -1 = can't be watched */
};

/* Watches the WAL file of home/replica.db, which comes and goes, by its folder.
 * What can't be watched is left out. */
void watch_open(struct watch *w, const char *home);
void watch_close(struct watch *w);

/* Read all that is waiting. True: the WAL file was among it. */
bool watch_replica(struct watch *w);
/* Read all that is waiting. True: something changed. */
bool watch_links(struct watch *w);

/* Read it, and watch on. True: somebody set the wall clock. */
bool watch_clock(struct watch *w);
/* Is this what reading a timer that is cancelled by a set clock gives? len and error: of read and errno. */
bool watch_clock_cancelled(int64_t len, int error);

/* A number for the default routes whose links are up: another one = another way out.
 * 0 = there is none, or it can't be told. */
uint64_t watch_way_out(void);

#endif
