/* tracks.h - what the bookkeeping says of one record: which of its groups are dirty
 * and which are in flight; and the key that all bookkeeping rows share. Store ring.
 *
 * A *slot* is a place for a group in an array: 0 for the deletion mark, 1 + the
 * group's index for the others. On disk groups go by wire number (replica.h).
 */
#ifndef CLIENT_TRACKS_H
#define CLIENT_TRACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/replica.h"

#define SLOT_MARK 0
#define SLOTS (1 + SCHEMA_FIELDS_MAX)
#define GROUP_RECORD (-1) /* in the bookkeeping: the record itself */

struct key {
	const struct kind *kind;
	struct id id;
};

/* -1: the kind has no such group. */
int slot_of(const struct kind *kind, int64_t group_num);
int slot_group(const struct kind *kind, int slot);
int slot_count(const struct kind *kind);
/* Fields of the slot's group; 0 for the mark. */
uint64_t slot_mask(const struct kind *kind, int slot);

struct tracks {
	bool created;           /* the record is new here and not yet numbered */
	bool dirty[SLOTS];
	uint64_t flying[SLOTS]; /* newest unsettled n; 0 = none */
	uint64_t lost[SLOTS];   /* settled in the answer being applied, but not accepted: the
				 * row still shows this n; 0 = none */
};

/* ds_sent.settled. LOST is there only while an answer is being applied. */
enum { SENT_FLYING = 0, SENT_SETTLED = 1, SENT_LOST = 2 };

/* A statement whose ?1 is the kind's number and ?2 the id. NULL: *status_out says why. */
sqlite3_stmt *key_prepare(struct replica *r, const char *sql, const struct key *key,
			  enum status *status_out);
/* Run one that has no other parameter, and one whose ?3 is a group's number. */
enum status key_run(struct replica *r, const char *sql, const struct key *key) MUST_CHECK;
enum status key_run_group(struct replica *r, const char *sql, const struct key *key, int group) MUST_CHECK;
/* Does it return a row? */
enum status key_exists(struct replica *r, const char *sql, const struct key *key, bool *exists_out) MUST_CHECK;

enum status tracks_load(struct replica *r, const struct key *key, struct tracks *out) MUST_CHECK;
bool tracks_busy(const struct tracks *tracks, int slot);
bool tracks_any(const struct tracks *tracks);

/* The centre's sequence up to which a group (or GROUP_RECORD) has been seen; 0 = never. */
enum status tracks_seen(struct replica *r, const struct key *key, int group, uint64_t *seq_out) MUST_CHECK;
/* From now on it has been seen up to seq; never goes back. */
enum status tracks_see(struct replica *r, const struct key *key, int group, uint64_t seq) MUST_CHECK;

#endif
