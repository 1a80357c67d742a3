/* status.h - result codes shared by every layer, and how they are said to people.
 *
 * A function that can fail returns an enum status. Outputs are written only on
 * ST_OK unless its header says otherwise. What a person reads is a struct
 * failure: what happened, what is safe, what to do next (DESIGN.md section 9).
 * The table of texts is in status.c; a caller that knows more overrides a part.
 * Pure.
 */
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum status {
	ST_OK = 0,
	ST_NOMEM,       /* no memory; nothing was changed */
	ST_IO,          /* the disk or the database refused; rolled back */
	ST_FULL,        /* no room on the disk; rolled back */
	ST_READONLY,    /* the disk or folder may be read and not written; rolled back */
	ST_BUSY,        /* another program held the database too long; try again */
	ST_CORRUPT,     /* stored data is not what we wrote */
	ST_PROTOCOL,    /* the peer's bytes break the protocol; nothing was applied */
	ST_LIMIT,       /* a limit of proto/limits.h or of the schema is exceeded */
	ST_UNKNOWN,     /* names a kind or field that this version does not know */
	ST_INVALID,     /* a value is not of its field's type or form */
	ST_NOT_FOUND,   /* there is no such thing, or it may not be seen */
	ST_EXISTS,      /* there is one already */
	ST_REFUSED,     /* a rule forbids it; the failure says which */
	ST_FORGED,      /* a signature, seal or digest does not match */
	ST_STALE,       /* answer to another than the newest request */
	ST_STEP_BACK,   /* a cursor of this centre that it can't know */
	ST_UNREACHABLE, /* no connection, or it broke */
	ST_TLS,         /* the other end is not the centre this tablet knows */
	ST_LATER,       /* the centre is busy or closed; it said when to come back */
	ST_USAGE,       /* the command's words are off */
	ST_COUNT
};

/* Fixed room, so that failing never needs memory. */
struct failure {
	enum status status;
	char what[256]; /* "This tablet could not reach the centre." */
	char safe[192]; /* "Everything you wrote is saved on this tablet." */
	char next[256]; /* "Try again when there is signal." */
};

/* The short name of a status for logs and JSON ("io", "unreachable"). */
const char *status_name(enum status status);

/* The general text of a status. Never NULL. */
const struct failure *status_text(enum status status);

/* Fill *failure_out with the general text of status; each part that is not NULL
 * overrides. Too long a text is cut at a character boundary. Returns status, so
 * that a function can `return failure_set(...)`. failure_out may be NULL. */
enum status failure_set(struct failure *failure_out, enum status status,
			const char *what, const char *safe, const char *next);

/* As failure_set, of a text that holds all three parts ("… Nothing was changed. …"), as triggers have them. What has
 * no such middle is taken as what happened; nothing was changed, and what to do is the general text's. */
enum status failure_set_whole(struct failure *failure_out, enum status status, const char *text);

#endif
