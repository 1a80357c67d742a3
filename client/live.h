/* live.h - the rows that programs see, as the engine writes them, and the centre's
 * copies that wait until a row may take them. Store ring.
 *
 * Only between replica_quiet_begin and _end. A row that changes gets a new version,
 * and ds_past keeps what each changed group showed until then.
 */
#ifndef CLIENT_LIVE_H
#define CLIENT_LIVE_H

#include "client/tracks.h"

/* What stands at the centre, as it came: some or all groups of one record. */
struct news {
	struct key key;
	struct id patient;
	uint64_t seq;
	uint64_t mask; /* fields of row that count */
	struct row row;
};

/* Does the record's row stand? Was it deleted (and by whom: gone_here = by a program)? */
struct presence {
	bool live, gone, gone_here;
};
enum status live_presence(struct replica *r, const struct key *key, struct presence *out) MUST_CHECK;

/* The row takes every field of the kind from news (a whole record with nothing dirty or
 * in flight), or is made; it is no longer deleted. */
enum status live_take_whole(struct replica *r, const struct news *news, const struct tracks *tracks,
			    struct arena *arena) MUST_CHECK;

/* The centre deleted it: the row goes, ds_gone says so. patient may be zero (unknown). */
enum status live_remove(struct replica *r, const struct key *key, const struct id *patient,
			uint64_t seq) MUST_CHECK;

/* Keep the centre's value of a group: news of it that is newer than a kept one. */
enum status live_keep(struct replica *r, const struct news *news, int slot) MUST_CHECK;
enum status live_keep_mark(struct replica *r, const struct key *key, uint64_t seq, bool deleted) MUST_CHECK;

/* Whatever is neither dirty nor in flight takes its kept copy; a record that is deleted
 * at the centre goes once nothing of it is; a create that was returned leaves.
 * ST_PROTOCOL: a record came back without having been sent whole. */
enum status live_settle(struct replica *r, const struct key *key, struct arena *arena) MUST_CHECK;

#endif
