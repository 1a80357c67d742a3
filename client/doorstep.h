/* doorstep.h - libdoorstep: the tablet's side of Doorstep, for apps.
 *
 * This is the one public header. With it a program reads and writes a care manager's
 * records on this tablet, always locally and durable before the call returns, and
 * exchanges them with the centre whenever there is a connection.
 *
 *	struct doorstep *d = NULL;
 *	struct doorstep_error error;
 *	if (doorstep_open(&d, NULL, &error) != 0)
 *		die(error.what, error.safe, error.next);
 *	struct doorstep_record *note = NULL;
 *	if (doorstep_get(d, "note", id, &note, &error) == 0) {
 *		... show doorstep_text(note, "observed") ...
 *		struct doorstep_field change[] = { { "observed", "Walks unaided." } };
 *		doorstep_save(d, "note", id, doorstep_shown(note), change, 1, NULL, &error);
 *	}
 *	doorstep_record_free(note);
 *	doorstep_close(d);
 *
 * Shapes. Everything is UTF-8 text: ids as 36 lower-case characters, times as ISO 8601
 * with zone (RFC 3339), dates as YYYY-MM-DD, booleans "true" and "false", sets as a
 * JSON array of strings, numbers in decimal; NULL is "nothing". Names of kinds and
 * fields are the schema's (doorstep_kinds, doorstep_fields).
 *
 * What was shown. A record knows the version of it that you read (doorstep_shown).
 * Hand that back with a save: then what arrived meanwhile is not silently
 * overwritten; the centre judges your edit against what you had seen.
 *
 * Errors. Functions return 0 or a negative doorstep_code and fill *error (may be
 * NULL) with what happened, what is safe, and what to do next. Nothing is half done.
 *
 * Threads. A struct doorstep is used by one thread at a time; several may be open at
 * once, in one or many processes, also beside `doorstep run` and any SQLite
 * program. Calls that write wait up to 5 s for others.
 *
 * Ownership. What a function hands out in an `_out` pointer is yours to free with the
 * function named there. Texts inside live as long as what holds them.
 */
#ifndef CLIENT_DOORSTEP_H
#define CLIENT_DOORSTEP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOORSTEP_VERSION "0.1.0"

enum doorstep_code {
	DOORSTEP_OK = 0,
	DOORSTEP_NOT_FOUND = -1,   /* no such record, kind, field or replica */
	DOORSTEP_INVALID = -2,     /* a value is not of its field's form, or too long */
	DOORSTEP_REFUSED = -3,     /* a rule forbids it; the error says which */
	DOORSTEP_DISK = -4,        /* disk full or failing; nothing was changed */
	DOORSTEP_BUSY = -5,        /* another program held the replica for 5 s */
	DOORSTEP_UNREACHABLE = -6, /* no connection to the centre */
	DOORSTEP_IDENTITY = -7,    /* the other end is not this tablet's centre, or it refuses this tablet */
	DOORSTEP_MEMORY = -8,
	DOORSTEP_DAMAGED = -9      /* stored data is not what was written */
};

struct doorstep_error {
	int code;
	char what[256], safe[192], next[256];
};

struct doorstep;
struct doorstep_record;

struct doorstep_field {
	const char *name;
	const char *value; /* NULL = nothing */
};

/* home: the tablet's folder; NULL = DOORSTEP_HOME, else ~/.local/share/doorstep.
 * Opens the replica that enrolment made. */
int doorstep_open(struct doorstep **out, const char *home, struct doorstep_error *error);
void doorstep_close(struct doorstep *d); /* NULL is fine */

/* Make this tablet known to its centre with a one-time code and create its folder.
 * Fails with DOORSTEP_REFUSED where the folder is enrolled already. */
int doorstep_enrol(const char *home, const char *url, const char *code, struct doorstep_error *error);

/* One record, as it stands on this tablet. Free with doorstep_record_free. */
int doorstep_get(struct doorstep *d, const char *kind_name, const char *id_text, struct doorstep_record **out,
		 struct doorstep_error *error);
void doorstep_record_free(struct doorstep_record *record);
const char *doorstep_id(const struct doorstep_record *record);
const char *doorstep_patient(const struct doorstep_record *record); /* NULL for the staff */
int64_t doorstep_shown(const struct doorstep_record *record);
const char *doorstep_text(const struct doorstep_record *record, const char *field); /* NULL = nothing */
/* Where it is on its way, in the words of the pages: "Saved on this tablet",
 * "Sending", "Received", "Needs attention", "Returned to you". Static text. */
const char *doorstep_travel(const struct doorstep_record *record);

/* Records of a kind, one call of fn each, ordered by id; patient_text NULL = all. The record lives for
 * that call. fn returns 0 to go on; anything else ends the walk and is returned. */
typedef int doorstep_fn(void *ctx, const struct doorstep_record *record);
int doorstep_each(struct doorstep *d, const char *kind_name, const char *patient_text, doorstep_fn *fn, void *ctx,
		  struct doorstep_error *error);

/* New record; id_out (may be NULL) gets its id, 37 bytes. patient: whose record it is;
 * NULL for a new patient. */
int doorstep_create(struct doorstep *d, const char *kind_name, const char *patient,
		    const struct doorstep_field *fields, size_t count, char id_out[37],
		    struct doorstep_error *error);

/* Change fields of a record that was shown as of `shown` (-1: as it stands right now). *shown_out (may be NULL): the
 * version to hand in next time. */
int doorstep_save(struct doorstep *d, const char *kind_name, const char *id_text, int64_t shown,
		  const struct doorstep_field *fields, size_t count, int64_t *shown_out,
		  struct doorstep_error *error);

/* Mark a record deleted. It stays in the centre's history. */
int doorstep_remove(struct doorstep *d, const char *kind_name, const char *id_text, struct doorstep_error *error);

/* Exchange with the centre now, until neither has anything more. */
struct doorstep_sync_report {
	uint64_t requests, bytes_up, bytes_down; /* bodies of requests and answers */
	uint64_t sent, accepted, merged, superseded, held, returned; /* changes */
	uint64_t records; /* received */
	uint64_t pending; /* still to be sent */
	int64_t elapsed_ms;
};
int doorstep_sync(struct doorstep *d, struct doorstep_sync_report *report, struct doorstep_error *error);

/* How things stand. Times in ms UTC of this tablet, 0 = never. */
struct doorstep_status {
	uint64_t saved, sending, held, attention, returned, received; /* changes by state */
	uint64_t conflicts;
	int64_t oldest_unsent_ms, last_up_ms, last_down_ms;
	char last_failure[256]; /* empty: the last exchange went well */
	char replica_path[512];
};
int doorstep_status(struct doorstep *d, struct doorstep_status *out, struct doorstep_error *error);

/* The schema: kind names, and a kind's field names; NULL after the last. */
const char *doorstep_kind(struct doorstep *d, size_t index);
const char *doorstep_field(struct doorstep *d, const char *kind_name, size_t index);

#ifdef __cplusplus
}
#endif

#endif
