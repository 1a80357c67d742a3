/* cmd_conflict.h - a conflict as it stands on this tablet, read and printed: for the
 * commands conflicts, decide and show. Shell.
 */
#ifndef CLIENT_CMD_CONFLICT_H
#define CLIENT_CMD_CONFLICT_H

#include "client/cmd.h"
#include "common/decision.h"

struct cmd_conflict {
	struct id id;
	const struct kind *kind; /* what it is about */
	struct id record, patient;
	const struct group *group;
	int64_t opened_ms;
	bool open, decided; /* decided here, and the centre has not answered */
	const char *candidates_text;
	const struct decision_candidate *candidates;
	size_t count;
};

/* All lives in the command's arena. ST_NOT_FOUND: not on this tablet. ST_CORRUPT: not of
 * the form of common/decision.h. */
enum status cmd_conflict_read(struct cmd *c, const struct id *id, struct cmd_conflict *out) MUST_CHECK;

/* The open conflicts of a record (kind NULL: all on this tablet), oldest first. */
typedef enum status cmd_conflict_fn(struct cmd *c, const struct cmd_conflict *conflict, void *ctx);
enum status cmd_conflict_each(struct cmd *c, const struct kind *kind, const struct id *record, cmd_conflict_fn *fn,
			      void *ctx) MUST_CHECK;

/* A patient's name, "" where it is not known here. */
const char *cmd_patient_name(struct cmd *c, const struct id *patient);

/* Its candidates, numbered, with who and when. */
void cmd_conflict_tell(struct cmd *c, const struct cmd_conflict *conflict);

/* "Dose, Unit, Route": the labels of a group's fields. In the arena. */
const char *cmd_group_words(struct cmd *c, const struct kind *kind, const struct group *group);

/* What a conflict is about: the same, and "the whole record" where a record is one group. Never NULL. */
const char *cmd_conflict_about(struct cmd *c, const struct cmd_conflict *conflict);

/* The group's values on one line: "Dose 5, Unit mg". In the arena. */
const char *cmd_group_values(struct cmd *c, const struct kind *kind, const struct group *group,
			     const struct row *row);

#endif
