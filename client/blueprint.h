/* blueprint.h - what the replica's file should hold, and bringing a file to it. Store ring.
 *
 * The blueprint is every table, index, view and trigger of ours as SQLite itself writes them down, made by running
 * capture.h's text in a database in memory. A file is compared with it object by object:
 *
 *   trigger, view, index   missing or other text: made anew
 *   table                  each column of ours must be there; more columns, and tables and triggers of other programs, are
 *                          theirs and left alone. A missing table of records is made anew, empty; a missing table of the
 *                          bookkeeping, or a missing column, can't be made good here
 *
 * Ours is what begins with ds_, the tables and views of the kinds, and outbox. The digest over all of ours, as this
 * program left the file, stands in ds_meta (schema_hash, with schema_version and the digest of the blueprint's text):
 * where the file still holds that, whatever differs from the blueprint is an upgrade of this program; where it does not,
 * somebody else changed it. Where nothing differs, opening costs two digests.
 */
#ifndef CLIENT_BLUEPRINT_H
#define CLIENT_BLUEPRINT_H

#include "client/replica.h"

/* Make, upgrade or repair. Opens a write transaction of its own only where something has to be written; *restored_out
 * is set where a trigger, view, index or table had been lost to somebody else and was made anew (a row in ds_notice
 * says so too). ST_NOT_FOUND: no replica, and create is not set. ST_CORRUPT: see above; ST_UNKNOWN: written by a newer
 * program. */
enum status blueprint_check(struct replica *r, bool create, bool *restored_out, struct failure *why) MUST_CHECK;

#endif
