/* The times of a visit: corrected, and looked at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cmd_visit.h"
#include "client/save.h"
#include "common/moment.h"

#define IN "check_in_time"
#define OUT "check_out_time"
#define OVERLAPS_MAX 3 /* that are named */

/* --- corrections -------------------------------------------------------------------- */

/* "FIELD TIME at TIME by WORKER: REASON". False: something else, which is somebody's own remark. */
static bool parse_member(struct cmd *c, const char *text, const char *field, struct cmd_correction *out)
{
	const char *at, *by, *time = text + strlen(field) + 1;

	if (strncmp(text, field, strlen(field)) != 0 || text[strlen(field)] != ' ')
		return false;
	at = strstr(time, " at ");
	by = at == NULL ? NULL : strstr(at, " by ");
	if (by == NULL || strlen(by) < 4 + ID_TEXT_LEN + 2 || memcmp(by + 4 + ID_TEXT_LEN, ": ", 2) != 0)
		return false;
	out->reason = arena_copy(&c->arena, by + 4 + ID_TEXT_LEN + 2, strlen(by + 4 + ID_TEXT_LEN + 2));
	return out->reason != NULL && moment_parse(time, (size_t)(at - time), MOMENT_NO_OFFSET, &out->time_ms) &&
	       moment_parse(at + 4, (size_t)(by - at - 4), MOMENT_NO_OFFSET, &out->made_ms) &&
	       id_parse(by + 4, ID_TEXT_LEN, &out->worker);
}

enum status cmd_correction(struct cmd *c, const char *edits, const char *field, bool *found_out,
			   struct cmd_correction *out)
{
	struct cmd_correction one = { 0 };
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt;

	*found_out = false;
	if (edits == NULL)
		return ST_OK;
	stmt = db_prepare(&c->r->db, "SELECT value FROM json_each(CASE WHEN json_valid(?1) THEN ?1 END)", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, edits, -1, SQLITE_STATIC);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		const char *member = (const char *)sqlite3_column_text(stmt, 0);

		if (member == NULL || !parse_member(c, member, field, &one) || (*found_out && one.made_ms < out->made_ms))
			continue;
		*out = one;
		*found_out = true;
	}
	db_done(stmt);
	return st;
}

enum status cmd_correction_words(struct cmd *c, const char *edits, const char *field, const char **out)
{
	struct cmd_correction one = { 0 };
	char time[CMD_TIME_SIZE];
	bool found = false;
	struct buf words;
	enum status st = cmd_correction(c, edits, field, &found, &one);

	*out = NULL;
	if (st != ST_OK || !found)
		return st;
	buf_init(&words, 8192);
	buf_printf(&words, "corrected to %s by %s: %s", cmd_time(c, one.time_ms, time), cmd_worker(c, &one.worker),
		   one.reason);
	st = buf_status(&words);
	if (st == ST_OK && (*out = arena_copy(&c->arena, words.data, words.len)) == NULL)
		st = ST_NOMEM;
	buf_close(&words);
	return st;
}

static enum status refuse(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

/* One more member, where the option is given. */
static enum status add_member(struct cmd *c, const struct entry *visit, const char *option, const char *field,
			      const char *reason, struct buf *members)
{
	struct cmd_draft *typed = cmd_draft(c, "visit");
	const char *argument = command_option(c->line, option);
	char time[MOMENT_TEXT_SIZE], now[MOMENT_TEXT_SIZE], worker[ID_TEXT_SIZE];
	struct buf text;
	enum status st = typed == NULL ? ST_NOMEM : ST_OK;

	if (st != ST_OK || argument == NULL || argument[0] == '\0')
		return st;
	if (entry_text(visit, field) == NULL)
		return refuse(c, strcmp(field, IN) == 0 ? "This visit was not checked in." : "This visit was not checked out.",
			      strcmp(field, IN) == 0 ? "Run `doorstep visit in`." : "Run `doorstep visit out`.");
	st = cmd_put(c, typed, field, argument);
	if (st != ST_OK)
		return st;
	moment_format(typed->row.values[kind_field(typed->kind, field, strlen(field))].integer, time);
	moment_format(cmd_now(c), now);
	id_format(&c->r->identity.worker, worker);
	buf_init(&text, 8192);
	buf_printf(&text, "%s %s at %s by %s: %s", field, time, now, worker, reason);
	st = buf_status(&text);
	buf_add_str(members, members->len > 1 ? "," : "");
	if (st == ST_OK)
		buf_add_json(members, buf_str(&text), text.len);
	buf_close(&text);
	return st;
}

static enum status check_options(struct cmd *c)
{
	const char *in = command_option(c->line, "--in"), *out = command_option(c->line, "--out");

	if ((in == NULL || in[0] == '\0') && (out == NULL || out[0] == '\0'))
		return failure_set(&c->why, ST_USAGE, "It is not said which time is corrected.", "Nothing was changed.",
				   "Add --in TIME or --out TIME, as in --in 2026-11-23T08:30.");
	if (command_option(c->line, "--reason") == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said why the time is corrected.", "Nothing was changed.",
				   "Add --reason TEXT, or a reason code.");
	return ST_OK;
}

/* What is there, and the new ones. */
static enum status add_members(struct cmd *c, const struct entry *visit, struct cmd_draft *draft)
{
	struct cmd_draft *why = cmd_draft(c, "visit");
	const char *edits = entry_text(visit, "edits"), *reason = NULL;
	struct buf members;
	enum status st = why == NULL ? ST_NOMEM : cmd_put_option(c, why, "status_reason", "--reason");

	if (st == ST_OK)
		reason = why->row.values[kind_field(why->kind, "status_reason", strlen("status_reason"))].text;
	if (st == ST_OK && reason == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said why the time is corrected.", "Nothing was changed.",
				   "Add --reason TEXT, or a reason code.");
	if (st != ST_OK)
		return st;
	buf_init(&members, 65536);
	buf_add_byte(&members, '[');
	if (edits != NULL && strlen(edits) > 2)
		buf_add(&members, edits + 1, strlen(edits) - 2);
	st = add_member(c, visit, "--in", IN, reason, &members);
	if (st == ST_OK)
		st = add_member(c, visit, "--out", OUT, reason, &members);
	buf_add_byte(&members, ']');
	if (st == ST_OK)
		st = buf_status(&members);
	if (st == ST_OK)
		st = cmd_put(c, draft, "edits", buf_str(&members));
	buf_close(&members);
	return st;
}

static enum status correct_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "visit");
	struct entry visit = { 0 };
	struct id id = ID_STAFF;
	enum status st = draft == NULL ? ST_NOMEM : check_options(c);

	if (st == ST_OK)
		st = cmd_find(c, draft->kind, c->line->words[0], &id);
	if (st == ST_OK)
		st = cmd_entry(c, draft->kind, &id, &visit);
	if (st != ST_OK)
		return st;
	st = add_members(c, &visit, draft);
	if (st == ST_OK)
		st = cmd_save(c, draft, &id, visit.version);
	entry_close(&visit);
	return st;
}

int cmd_visit_correct(const struct command_line *line)
{
	return cmd_run(line, correct_body);
}

/* --- what is odd ---------------------------------------------------------------------- */

/* From when to when: as corrected, as taken, or where it has not begun as planned. */
struct span {
	bool known;
	int64_t from, to;
	bool ends_first;
};

/* The columns of a statement, in this order. */
#define SPAN_COLUMNS "id,planned_from,planned_to,check_in_time,check_out_time,edits"

static bool column_time(sqlite3_stmt *stmt, int at, int64_t *out)
{
	*out = db_column_int(stmt, at);
	return sqlite3_column_type(stmt, at) == SQLITE_INTEGER;
}

static enum status read_span(struct cmd *c, sqlite3_stmt *stmt, struct span *out)
{
	const char *edits = (const char *)sqlite3_column_text(stmt, 5);
	struct cmd_correction in = { 0 }, end = { 0 };
	bool in_found = false, end_found = false, begun, over, planned;
	int64_t from, to;
	enum status st = cmd_correction(c, edits, IN, &in_found, &in);

	if (st == ST_OK)
		st = cmd_correction(c, edits, OUT, &end_found, &end);
	begun = column_time(stmt, 3, &from);
	over = column_time(stmt, 4, &to);
	planned = !begun && column_time(stmt, 1, &from);
	if (planned)
		over = column_time(stmt, 2, &to);
	if (begun && in_found)
		from = in.time_ms;
	if (begun && over && end_found)
		to = end.time_ms;
	*out = (struct span){ .known = begun || planned, .from = from, .to = over ? to : from, .ends_first = over && to < from };
	return st;
}

static bool spans_overlap(const struct span *a, const struct span *b)
{
	return a->known && b->known && !a->ends_first && !b->ends_first && a->from < b->to && b->from < a->to;
}

static enum status name_overlaps(struct cmd *c, const struct id *worker, const struct id *visit, const struct span *span,
				 struct buf *words)
{
	enum status st = ST_OK;
	bool row = false;
	size_t count = 0;
	sqlite3_stmt *stmt = db_prepare(&c->r->db,
					"SELECT " SPAN_COLUMNS " FROM visit WHERE worker=?1 AND id<>?2"
					" AND coalesce(status,'') NOT IN ('cancelled','missed')"
					" AND (edits IS NOT NULL OR (coalesce(check_in_time,planned_from)<?4"
					" AND coalesce(check_out_time,check_in_time,planned_to)>?3)) ORDER BY id", &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, worker);
	db_bind_id(&c->r->db, stmt, 2, visit);
	(void)sqlite3_bind_int64(stmt, 3, span->from);
	(void)sqlite3_bind_int64(stmt, 4, span->to);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		struct span other = { 0 };

		st = read_span(c, stmt, &other);
		if (st != ST_OK)
			break;
		if (spans_overlap(span, &other) && count++ < OVERLAPS_MAX)
			buf_printf(words, "%soverlaps visit/%s", words->len == 0 ? "" : ", ",
				   (const char *)sqlite3_column_text(stmt, 0));
	}
	db_done(stmt);
	if (count > OVERLAPS_MAX)
		buf_printf(words, " and %zu more", count - OVERLAPS_MAX);
	return st;
}

/* *checked_out false: the visit is not here, or did not and will not take place. */
static enum status own_span(struct cmd *c, const struct id *visit, struct span *out, struct id *worker_out,
			    bool *checked_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT " SPAN_COLUMNS ",worker FROM visit WHERE id=?1"
						   " AND coalesce(status,'') NOT IN ('cancelled','missed')", &st);

	*worker_out = ID_STAFF;
	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, visit);
	st = db_step(&c->r->db, stmt, &row);
	if (st == ST_OK && row) {
		(void)db_column_id(stmt, 6, worker_out);
		st = read_span(c, stmt, out);
	}
	db_done(stmt);
	*checked_out = row;
	return st;
}

enum status cmd_visit_flags(struct cmd *c, const struct id *visit, const char **out)
{
	struct span span = { 0 };
	struct id worker;
	bool row = false;
	struct buf words;
	enum status st = own_span(c, visit, &span, &worker, &row);

	*out = NULL;
	if (st != ST_OK || !row || !span.known)
		return st;
	buf_init(&words, 4096);
	if (span.ends_first)
		buf_add_str(&words, "ends before it begins");
	else if (!id_is_zero(&worker))
		st = name_overlaps(c, &worker, visit, &span, &words);
	if (st == ST_OK)
		st = buf_status(&words);
	if (st == ST_OK && words.len > 0 && (*out = arena_copy(&c->arena, words.data, words.len)) == NULL)
		st = ST_NOMEM;
	buf_close(&words);
	return st;
}
