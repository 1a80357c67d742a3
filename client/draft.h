/* draft.h - one record on its way to a number: what is dirty of it, from which base,
 * and the values that would go (number.c). Store ring.
 */
#ifndef CLIENT_DRAFT_H
#define CLIENT_DRAFT_H

#include "client/order.h"
#include "client/tracks.h"
#include "common/clock.h"
#include "proto/change.h"

struct dirty {
	bool present;
	struct version base;
	const char *base_values; /* NULL: never taken for unchanged */
	size_t base_len;
	int64_t edit_first, edit_last, reading;
	struct clock_pair clocks; /* at the last edit */
	struct evidence evidence;
};

/* One record on its way to a number. */
struct draft {
	struct key key;
	struct arena *arena;
	struct tracks tracks;
	struct dirty record;       /* "this record is new" */
	struct dirty dirty[SLOTS];
	bool live;                 /* else the row is the one that was deleted */
	struct row row;
	struct id patient;
	bool goes[SLOTS];
	size_t goes_count;
	bool attended;             /* a part of it needs attention */
	bool dropped;              /* a group was typed back: its copy may show */
	bool says_gone;            /* the mark goes along, uncounted, only to say that the record is deleted */
	bool signs;                /* it signs a note: whole, or not at all */
	bool again;                /* more of it goes under another number */
	uint64_t sent_n;           /* the change in flight that `sent` holds; 0 = none */
	struct change *sent;
	struct change change;
};

/* Fill a zeroed draft that has its arena, in which its texts live. Between replica_quiet_begin and _end. ST_NOT_FOUND: there is neither a
 * row nor the last one of a deleted record. ST_CORRUPT: that one can't be read. ST_NOMEM
 * also where the record exceeds the arena. key and tracks are set on these failures too. */
enum status draft_load(struct replica *r, const struct pending *pending, struct draft *d) MUST_CHECK;

/* A change in flight, decoded; *out is NULL where it can't be. Valid until the next call. */
enum status draft_sent(struct replica *r, struct draft *d, uint64_t n, const struct change **out) MUST_CHECK;

#endif
