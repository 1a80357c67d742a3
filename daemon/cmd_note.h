/* cmd_note.h - how doorstepd shows what belongs to a note beside its own fields: who signed it and how long after the
 * visit, its addenda (a correction with the words that it corrects), its reviews. Inside a transaction. Shell.
 */
#ifndef DAEMON_CMD_NOTE_H
#define DAEMON_CMD_NOTE_H

#include "common/buf.h"
#include "daemon/desk.h"

/* Lines for people, after the note's own. */
enum status note_print(struct desk *desk, const struct record *note, struct buf *out) MUST_CHECK;

/* Members of the note's JSON object: lateness_minutes (null: not signed, or nothing to count from), late, addenda and
 * reviews, oldest first; a correction has its original words in `original`. */
enum status note_json(struct desk *desk, const struct record *note, struct buf *out) MUST_CHECK;

/* How long after the visit it was signed; false: it isn't, or there is nothing to count from. */
struct lateness;
enum status note_lateness(struct desk *desk, const struct record *note, bool *known_out,
			  struct lateness *out) MUST_CHECK;

#endif
