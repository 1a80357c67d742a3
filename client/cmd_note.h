/* cmd_note.h - what the commands of notes share: text from standard input or a file,
 * sections, addenda and reviews beside their note, notes that wait for their author. Shell.
 */
#ifndef CLIENT_CMD_NOTE_H
#define CLIENT_CMD_NOTE_H

#include "client/cmd.h"

/* Where a text comes from: --file, else standard input; for cmd_put. NULL: no memory. */
const char *cmd_text_argument(struct cmd *c);

/* Index of a section, by its name; sets c->why where a note has none of it. */
enum status cmd_section(struct cmd *c, const struct kind *note, const char *name, size_t len, int *index_out) MUST_CHECK;

/* "draft", "signed", "amended", "in error": of the status (NULL = none). */
const char *cmd_note_state(const char *status);

/* Below a note as it is shown: the signature with its lateness, addenda in place (of a correction
 * the original words and the corrected ones), reviews. */
enum status cmd_note_tell(struct cmd *c, const struct entry *note) MUST_CHECK;
/* The same as members of the note's JSON object, each after a comma. */
enum status cmd_note_json(struct cmd *c, const struct entry *note, struct buf *json) MUST_CHECK;

/* A correction as people read it: the section as it was signed, and as corrected. */
void cmd_correction_tell(const char *indent, const struct entry *note, const char *section, const char *text);

/* Notes of this care manager that a supervisor returned and nobody answered, then drafts of visits
 * that are over. *count_out: how many were told. */
enum status cmd_notes_waiting_tell(struct cmd *c, size_t *count_out) MUST_CHECK;
/* ,"returned_notes":[…],"unsigned_notes":[…] */
enum status cmd_notes_waiting_json(struct cmd *c, struct buf *json) MUST_CHECK;

#endif
