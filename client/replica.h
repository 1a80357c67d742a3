/* replica.h - the tablet's database: a readable table per kind and the bookkeeping
 * beside them (DESIGN.md section 4). Store ring.
 *
 * Any program may read and write the kind tables with ordinary SQL; capture.h makes
 * the triggers that notice. The bookkeeping tables begin with ds_ and are ours:
 *
 *   ds_meta(key TEXT PRIMARY KEY, value)          identity, cursor, counter, schema hash…
 *   ds_state(edit, reading)                       one row: the newest edit number, which is
 *                                                 also the newest row version, and the
 *                                                 newest reading's id
 *   ds_applying(x REFERENCES ds_nothing DEFERRABLE INITIALLY DEFERRED)
 *                                                 a row in it tells the triggers that the
 *                                                 engine writes; ds_nothing is always
 *                                                 empty, so no transaction can commit with it
 *   ds_dirty(kind, id, grp, base_seq, base_n, base_origin, base_digest, base_values,
 *            edit_first, edit_last, wall_ms, reading, boot_ms, boot,
 *            PRIMARY KEY(kind, id, grp))
 *                                                 groups edited and not yet numbered. kind: wire
 *                                                 number. grp: wire number; 0 the deletion
 *                                                 mark; -1 "this record is new" (its base is
 *                                                 nothing). base_seq / base_n: at most one is
 *                                                 not null. base_values: JSON array of what
 *                                                 the group held when it became dirty; null =
 *                                                 never taken for unchanged; of the deletion
 *                                                 mark "[0]" or "[1]"
 *   ds_gone(kind, id, patient, last)              records deleted here; last: JSON array of
 *                                                 all fields of the row deleted by a program,
 *                                                 null where the centre said so
 *   ds_overwritten(kind, id, grp, vals)           what a row that is being replaced held in the
 *                                                 groups that differ: of the INSERT under way, or of
 *                                                 one that came to nothing, until the next one
 *   ds_version(kind, id, grp, seq)                what has been seen of the centre: grp -1 the
 *                                                 record's whole row, others where newer
 *   ds_copy(kind, id, grp, seq, vals)             the centre's value of a group that is dirty
 *                                                 or in flight here; grp 0: its deletion mark
 *   ds_past(kind, id, grp, until, seq, n)         row versions below `until` showed this version
 *                                                 of the centre (or own n) in the group
 *   ds_journal(n PRIMARY KEY, origin, kind, id, patient, body, digest, state, made_wall_ms,
 *              seq, reason, outcome, brief)       every change ever numbered, in full. state:
 *                                                 0 waits for its outcome, 1 held, 2 settled,
 *                                                 3 returned. outcome: JSON for people. brief: how
 *                                                 an edit travels until it has an outcome (proto/brief.h)
 *   ds_sent(n, kind, id, grp, edit_first, edit_last, base_seq, base_n, settled)
 *                                                 the groups of each number
 *   ds_reading(id PRIMARY KEY, heard_ms, wall_received_ms, slack_ms, boot_ms, boot, set_here)
 *                                                 readings of the centre's clock. set_here 1: no answer
 *                                                 came, the wall clock was found to have been set; the
 *                                                 rest is then the reading before it
 *   ds_caseload(patient PRIMARY KEY, state)       filling | complete | left
 *   ds_receipt(counter PRIMARY KEY, …)            the newest receipts, to verify with
 *   ds_attention(kind, id, grp, reason, field)    dirty groups that exceed a limit: no change yet
 *   ds_notice(at_ms, what)                        things people must be told (triggers restored…)
 *
 * Nothing here is ever deleted while it could still be needed to prove or to redo
 * a change; the journal is not pruned.
 *
 * One struct replica is one connection, one thread at a time. Write transactions
 * are short.
 */
#ifndef CLIENT_REPLICA_H
#define CLIENT_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/crypt.h"
#include "common/db.h"
#include "common/env.h"
#include "common/id.h"
#include "common/schema.h"
#include "common/status.h"
#include "common/value.h"

/* Who this tablet is; written by enrolment, kept in ds_meta (keys apart, in files). */
struct replica_identity {
	uint32_t device; /* 0 = not enrolled */
	struct id worker;
	char owner_name[128], owner_login[64], agency[128], zone[64];
	int zone_min; /* offset of the agency's zone when last heard */
	uint8_t centre_key[PUBLIC_KEY_SIZE];
	char url[256];
};

struct replica {
	struct db db;
	const struct schema *schema;
	const struct env *env;
	struct replica_identity identity; /* as read at open; replica_identity_set renews it */
	int64_t schema_seen;  /* PRAGMA schema_version when the schema was last checked */
	bool restored;        /* triggers had been lost or switched off, and were restored: tell people */
};

/* Open or (create) make the replica at path. Tables, triggers and views are made
 * where they are missing; a schema whose hash differs from what we wrote is
 * repaired (missing triggers restored, `restored` set, a row in ds_notice, a log
 * line) and never in silence. ST_NOT_FOUND, ST_IO, ST_CORRUPT, ST_BUSY. */
enum status replica_open(struct replica *r, const char *path, const struct schema *schema,
			 const struct env *env, bool create, struct failure *why) MUST_CHECK;
void replica_close(struct replica *r);

/* As replica_open, for whoever will write much of it: the syncer. What other programs keep open and an fsync failed to
 * keep is written again first (db_secure); where that can't be done the replica is for reading alone, db.failed
 * says so, db_begin says why, and it is no failure: it is tried again by opening it again. */
enum status replica_open_secured(struct replica *r, const char *path, const struct schema *schema,
				 const struct env *env, struct failure *why) MUST_CHECK;
/* The same for one that its owner opened; at once where it was done already. */
void replica_secure(struct replica *r);

/* Where PRAGMA schema_version has changed since the schema was last checked: compare it with
 * what it should be; restores like replica_open. */
enum status replica_check_schema(struct replica *r) MUST_CHECK;

/* Would a WAL of this many bytes be moved into the database? From REPLICA_WAL_FRAMES on; never where it is closed or a
 * disk failed. */
#define REPLICA_WAL_FRAMES 200
bool replica_checkpoint_due(const struct replica *r, int64_t wal_bytes);
/* Move the WAL into the database and cut it to nothing; with somebody at work on it, as much as can be moved. For the
 * holder of the syncer's lock alone (agent.h). That it could not is no failure: the next time will do. */
void replica_checkpoint(struct replica *r);

enum status replica_identity_set(struct replica *r, const struct replica_identity *identity) MUST_CHECK;

/* ds_meta. Absent: 0 / ST_NOT_FOUND. Inside or outside a transaction. */
enum status replica_meta_int(struct replica *r, const char *key, int64_t *value_out) MUST_CHECK;
enum status replica_meta_set_int(struct replica *r, const char *key, int64_t value) MUST_CHECK;
enum status replica_meta_blob(struct replica *r, const char *key, struct arena *arena,
			      const void **data_out, size_t *len_out) MUST_CHECK;
enum status replica_meta_set_blob(struct replica *r, const char *key, const void *data, size_t len) MUST_CHECK;

/* Something that people must be told: a row in ds_notice, unless it says the same already.
 * Inside a write transaction. The text is static. */
enum status replica_tell(struct replica *r, const char *what) MUST_CHECK;

/* The row as it stands: values, patient, row version. Texts are copied into the
 * arena. ST_NOT_FOUND. */
enum status replica_read(struct replica *r, const struct kind *kind, const struct id *id,
			 struct arena *arena, struct row *row_out, struct id *patient_out,
			 int64_t *version_out) MUST_CHECK;

/* Between these two the triggers stay quiet. Inside a write transaction only, and not one pair in
 * another: a flag that is there at the begin was left by another program, is cleared and told
 * (restored, ds_notice, a log line). */
enum status replica_quiet_begin(struct replica *r) MUST_CHECK;
enum status replica_quiet_end(struct replica *r) MUST_CHECK;

#endif
