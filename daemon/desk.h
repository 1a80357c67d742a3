/* desk.h - a centre opened for one command. Shell.
 *
 * Commands open the store themselves and take the same road as everything else
 * (device 0, through intake), whether or not the centre is being served
 * (DESIGN.md section 9). A running one notices by the database itself.
 */
#ifndef DAEMON_DESK_H
#define DAEMON_DESK_H

#include "common/command.h"
#include "common/env_posix.h"
#include "common/files.h"
#include "daemon/centre.h"
#include "daemon/tls.h"

/* Options that desk_open understands; a writing command lists it in its table. */
#define DESK_OPTION_AS { "--as", "LOGIN", "who acts; else it is recorded as the console's" }

struct desk {
	const struct command_line *line;
	char folder[FILES_PATH_MAX];
	struct env_posix posix;
	struct env env;
	struct schema *schema;
	struct tls_keys keys;
	struct centre centre;
	bool open, wrote;
	struct id by;        /* worker who acts; zero = the console */
	bool has_by;
	int code;            /* exit code where no failure is reported: 0, or 1 set by the command */
	struct arena arena;  /* for the command's own texts */
	struct failure why;
};

/* DIR: --data, else DOORSTEP_DATA, else /var/lib/doorstep. */
enum status desk_folder(const struct command_line *line, char out[FILES_PATH_MAX]) MUST_CHECK;

/* Schema, env and folder only (for init and serve). */
enum status desk_prepare(struct desk *desk, const struct command_line *line) MUST_CHECK;

/* desk_prepare, keys, store, --as. desk->why says what went wrong. */
enum status desk_open(struct desk *desk, const struct command_line *line) MUST_CHECK;
void desk_close(struct desk *desk); /* safe on a zeroed one */

/* Print desk->why (or the text of st where it is not set) and give the exit code 1. */
int desk_fail(struct desk *desk, enum status st);

/* The worker id to hand to functions that take `by`: NULL for the console. */
const struct id *desk_by(const struct desk *desk);

/* A login's account; ST_NOT_FOUND with desk->why naming it. Inside a transaction. */
enum status desk_account(struct desk *desk, const char *login, struct account *out) MUST_CHECK;

/* Open, work, print what failed, close: what every command does. Returns the exit code. */
int desk_run(const struct command_line *line, enum status (*work)(struct desk *desk));

/* "KIND/ID", or an ID of the kind given (kind may be NULL: then the kind must stand
 * in the text). The first 8 characters of an ID or more will do where no other record of the
 * kind begins so. Inside a transaction. desk->why on failure. */
enum status desk_ref(struct desk *desk, const char *text, const char *kind, const struct kind **kind_out,
		     struct id *id_out) MUST_CHECK;

/* The record itself, its texts in desk->arena; deleted ones too. Inside a transaction. */
enum status desk_record(struct desk *desk, const char *text, const char *kind, struct record *out) MUST_CHECK;

/* Reading: begin_read on the store; end with desk_read_end. */
enum status desk_read(struct desk *desk) MUST_CHECK;
void desk_read_end(struct desk *desk);

/* Name of a worker (or "the console" for zero), in desk->arena; never NULL. Inside a transaction. */
const char *desk_worker_name(struct desk *desk, const struct id *worker);

/* Writing: one transaction, as centre_act_begin says. desk_act_end commits where st is
 * ST_OK, else undoes all of it; returns what came of it. */
enum status desk_act_begin(struct desk *desk, struct centre_act *act) MUST_CHECK;
enum status desk_act_end(struct desk *desk, struct centre_act *act, enum status st) MUST_CHECK;

/* A change by who acts; *seq_out (may be NULL): its sequence. ST_REFUSED: it does not stand as it was made. */
enum status desk_take(struct desk *desk, struct centre_act *act, struct change *change, uint64_t *seq_out) MUST_CHECK;
/* A new record of the kind, its id made; in desk->arena. NULL: no memory. */
struct change *desk_create(struct desk *desk, const char *kind);

/* An argument that takes "-" and "@FILE" (command.h), in desk->arena. */
enum status desk_argument(struct desk *desk, const char *argument, const char **out, size_t *len_out) MUST_CHECK;

/* "FIELD=VALUE" into the row; VALUE takes "-" and "@FILE". Only fields of `mask` may be named. */
enum status desk_assign(struct desk *desk, const struct kind *kind, uint64_t mask, const char *words,
			struct row *row) MUST_CHECK;
/* The value alone. */
enum status desk_value(struct desk *desk, const struct field *field, const char *argument,
		       struct value *out) MUST_CHECK;

/* A time as a person types it; where it names no offset it is of the agency's time zone.
 * Inside a transaction. */
enum status desk_moment(struct desk *desk, const char *text, int64_t *ms_out) MUST_CHECK;

#endif
