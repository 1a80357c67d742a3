/* cmd.h - what the commands of `doorstep` share: opening the tablet, finding records,
 * drafting and saving one, printing values. Shell. Each command is one function of
 * the second half; client/main.c is the table of them.
 *
 * A command that writes has stored it durably before it answers, and says "Saved on
 * this tablet." Only enrol, sync and run use the network.
 */
#ifndef CLIENT_CMD_H
#define CLIENT_CMD_H

#include "client/entry.h"
#include "client/tablet.h"
#include "common/clock.h"
#include "common/command.h"

struct cmd {
	const struct command_line *line;
	struct doorstep *tablet;
	struct replica *r;
	struct arena arena; /* until the command ends */
	struct failure why; /* why the body failed; may be left empty: then the status's own text */
	int code;           /* exit code of a body that ends in ST_OK */
};

/* Open the tablet, run the body, say why it failed, close. Returns the exit code. */
typedef enum status cmd_body(struct cmd *c);
int cmd_run(const struct command_line *line, cmd_body *body);

/* --- finding: ids in full, as KIND/ID, or at least 8 characters that fit one record. All set c->why. */

enum status cmd_kind(struct cmd *c, const char *name, const struct kind **out) MUST_CHECK;
/* "KIND/ID" */
enum status cmd_ref(struct cmd *c, const char *text, const struct kind **kind_out, struct id *id_out) MUST_CHECK;
/* Of this kind: "ID" or "KIND/ID" */
enum status cmd_find(struct cmd *c, const struct kind *kind, const char *text, struct id *id_out) MUST_CHECK;
/* --patient, which must be there. */
enum status cmd_patient(struct cmd *c, struct id *out) MUST_CHECK;
/* A record that must be on this tablet; close it with entry_close. */
enum status cmd_entry(struct cmd *c, const struct kind *kind, const struct id *id, struct entry *out) MUST_CHECK;
/* An option's number in [min, max]; *out stays as it is where the option is not given. */
enum status cmd_number(struct cmd *c, const char *option, int64_t min, int64_t max, int64_t *out) MUST_CHECK;

/* The numbers in the statement's first column, at most limit, in the arena; ends the statement. */
enum status cmd_numbers(struct cmd *c, sqlite3_stmt *stmt, size_t limit, uint64_t **out, size_t *count_out) MUST_CHECK;

/* --- drafting a record's fields, then saving them */

struct cmd_draft {
	const struct kind *kind;
	struct row row;
	uint64_t mask;
};
/* Cleared, in the command's arena. NULL: no memory. */
struct cmd_draft *cmd_draft(struct cmd *c, const char *kind_name);
/* As people type it; "-" and "@FILE" too. */
enum status cmd_put(struct cmd *c, struct cmd_draft *draft, const char *name, const char *argument) MUST_CHECK;
enum status cmd_put_assignment(struct cmd *c, struct cmd_draft *draft, const char *assignment) MUST_CHECK;
/* Where the option is given. */
enum status cmd_put_option(struct cmd *c, struct cmd_draft *draft, const char *field, const char *option) MUST_CHECK;
/* A value of the program's own, which fits its field. */
void cmd_put_value(struct cmd_draft *draft, const char *field, struct value value);
void cmd_put_id(struct cmd *c, struct cmd_draft *draft, const char *field, const struct id *id);

int64_t cmd_now(const struct cmd *c);

/* Save, and tell where it is. patient NULL: the kind has none. shown: save.h. */
enum status cmd_create(struct cmd *c, const struct cmd_draft *draft, const struct id *patient) MUST_CHECK;
/* Under an id that the caller made; all zero: one is made. */
enum status cmd_create_as(struct cmd *c, const struct cmd_draft *draft, const struct id *id,
			  const struct id *patient) MUST_CHECK;
enum status cmd_save(struct cmd *c, const struct cmd_draft *draft, const struct id *id, int64_t shown) MUST_CHECK;

/* --- printing */

/* "2026-11-23 08:42", in the agency's zone; "never" for 0. */
#define CMD_TIME_SIZE 40
const char *cmd_time(const struct cmd *c, int64_t ms, char out[CMD_TIME_SIZE]);
/* "2026-11-23 08:30", "between 2026-11-23 08:30 and 2026-11-23 11:02", "before 2026-11-23 11:02". */
#define CMD_WHEN_SIZE 96
const char *cmd_when(const struct cmd *c, const struct interval *at, char out[CMD_WHEN_SIZE]);
/* When this tablet's own edit was made, as far as its clock was measured: "2026-11-23 08:30 (tablet 7 min fast)". Where
 * it was not, what its clock said and what is sure. In the arena. */
const char *cmd_made(struct cmd *c, const struct evidence *evidence, int64_t made_wall_ms);
/* Minutes east of UTC for a time of day in the agency's zone, read as if it were UTC. */
int cmd_zone_of_local_min(const struct cmd *c, int64_t local_ms);
/* The day in the agency's zone that holds this time: [*from, *to). */
void cmd_day(const struct cmd *c, int64_t ms, int64_t *from_out, int64_t *to_out);
/* A value as people read it; in the command's arena. "-": nothing. */
const char *cmd_value(struct cmd *c, const struct field *field, const struct value *value);
/* A worker's name, "" where it is not known here. */
const char *cmd_worker(struct cmd *c, const struct id *worker);
/* One line a text line, each after the indent. */
void cmd_lines(const char *indent, const char *text);
/* NULL: an empty cell. */
void cmd_cell(struct table *table, const char *text);
/* A time of the statement's column: as people read it, or for JSON. */
void cmd_cell_time(struct cmd *c, struct table *table, sqlite3_stmt *stmt, int at);

/* A list of one kind's records: `--patient` (?1 of the statement, else null) and
 * `--all` (?2) choose, ?3 is this tablet's care manager; row adds the cells of one. */
struct cmd_listing {
	const char *kind, *sql, *empty;
	const struct table_column *columns;
	size_t column_count;
	enum status (*row)(struct cmd *c, const struct kind *kind, struct table *table, sqlite3_stmt *stmt);
};
enum status cmd_list(struct cmd *c, const struct cmd_listing *listing) MUST_CHECK;
/* A JSON text to standard output, with a line end. */
enum status cmd_json(struct buf *json) MUST_CHECK;
/* Key and text as JSON, after a comma: ,"key":"text" (null for NULL). */
void cmd_json_text(struct buf *json, const char *key, const char *text);
void cmd_json_number(struct buf *json, const char *key, int64_t number);
void cmd_json_time(struct buf *json, const char *key, int64_t ms); /* null for 0 */

/* --- the commands */

int cmd_enrol(const struct command_line *line);
int cmd_sync(const struct command_line *line);
int cmd_run_agent(const struct command_line *line);
int cmd_status(const struct command_line *line);
int cmd_today(const struct command_line *line);
int cmd_patients(const struct command_line *line);
int cmd_patient_add(const struct command_line *line);
int cmd_show(const struct command_line *line);
int cmd_note_add(const struct command_line *line);
int cmd_note_edit(const struct command_line *line);
int cmd_note_list(const struct command_line *line);
int cmd_note_sign(const struct command_line *line);
int cmd_note_addend(const struct command_line *line);
int cmd_note_error(const struct command_line *line);
int cmd_task_list(const struct command_line *line);
int cmd_task_add(const struct command_line *line);
int cmd_task_done(const struct command_line *line);
int cmd_visit_list(const struct command_line *line);
int cmd_visit_add(const struct command_line *line);
int cmd_visit_move(const struct command_line *line);
int cmd_visit_cancel(const struct command_line *line);
int cmd_visit_in(const struct command_line *line);
int cmd_visit_out(const struct command_line *line);
int cmd_visit_correct(const struct command_line *line);
int cmd_set(const struct command_line *line);
int cmd_conflicts(const struct command_line *line);
int cmd_decide(const struct command_line *line);
int cmd_refile(const struct command_line *line);
int cmd_outcomes(const struct command_line *line);
int cmd_restore_value(const struct command_line *line);
int cmd_held(const struct command_line *line);
int cmd_held_reuse(const struct command_line *line);
int cmd_sql(const struct command_line *line);
int cmd_verify(const struct command_line *line);

#endif
