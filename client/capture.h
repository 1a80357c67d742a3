/* capture.h - the SQL of a replica's tables and triggers, derived from the schema.
 * Store ring (text in a buf); no database here.
 *
 * How a plain statement is noticed (SQL that SQLite 3.40 has, no function of ours):
 * - BEFORE UPDATE OF a group's columns, WHEN one differs: the group becomes dirty.
 * - A kind's triggers say so by inserting into the view ds_edit, whose triggers do the rest for all
 *   kinds: UPDATE ds_dirty where it has the group, INSERT where it has not (no conflict clause, since an
 *   outer OR REPLACE would override it). Whoever opens the file reads every trigger, so their text
 *   is kept short.
 * - BEFORE INSERT where a row of that id exists (REPLACE and upsert; REPLACE fires no delete
 *   trigger): each group that differs goes to ds_overwritten with what it held, and becomes dirty
 *   AFTER INSERT. A statement that then does nothing has edited nothing: no time is that of an edit
 *   but where one was made.
 * - AFTER INSERT: a record never known becomes dirty as new (grp -1); one in ds_gone is
 *   brought back: every group dirty, and grp 0 with base_values "[1]". Where its deletion was
 *   never numbered there was none: grp 0 goes, and so do groups that are what they were.
 *   With recursive_triggers REPLACE deletes and brings back, and ends the same.
 * - BEFORE DELETE: the whole last row goes to ds_gone, every group's base is kept,
 *   grp 0 becomes dirty with base_values "[0]".
 * - AFTER INSERT and AFTER UPDATE give the row its new version (ds_state.edit + 1).
 * - id and patient never change; version is ours; kinds and fields written at the
 *   centre only refuse, REPLACE included, each with a text that says what to do.
 * - a closed record refuses what closing.h does not allow: UPDATE, DELETE, and INSERT over it
 *   (an upsert or OR IGNORE too, since before it has run it can't be told from REPLACE). With
 *   recursive_triggers REPLACE is a deletion and always refused. A record that needs
 *   attention (ds_attention) has not gone, and may be mended or deleted. A note says that it is signed
 *   only with a digest of what was signed.
 * - all of them only while ds_applying is empty.
 *
 * The triggers use SQLite's JSON functions, which 3.40 refuses in triggers to a
 * program that sets PRAGMA trusted_schema=OFF: such a statement fails, loudly.
 *
 * base of a newly dirty group: the highest unsettled n of ds_sent for it; else
 * ds_version (group's, else the record's); else none. wall_ms is SQL's clock
 * (julianday('now')), reading and edit come from ds_state. SQL has no clock since boot: each edit
 * leaves boot_ms and boot empty, and a save of ours fills them in (clocks.h).
 */
#ifndef CLIENT_CAPTURE_H
#define CLIENT_CAPTURE_H

#include "common/buf.h"
#include "common/schema.h"

/* Bookkeeping tables and their indexes (CREATE … IF NOT EXISTS). */
void capture_bookkeeping(struct buf *buf);

/* One kind's table (CREATE TABLE IF NOT EXISTS), indexes and text view. */
void capture_table(struct buf *buf, const struct kind *kind);

/* One kind's triggers; names ds_<kind>_…; CREATE TRIGGER (not IF NOT EXISTS). */
void capture_triggers(struct buf *buf, const struct kind *kind);

#endif
