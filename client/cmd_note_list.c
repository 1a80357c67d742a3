/* Notes as a list, and those that wait for their author. */
#include <string.h>

#include "client/cmd_note.h"

/* The newest word of a supervisor on the note n is that it was returned, and its author has not added to it since. */
#define RETURNED                                                                                                       \
	"r.verdict='returned' AND NOT EXISTS(SELECT 1 FROM review AS q WHERE q.note=r.note AND"                         \
	" (q.reviewed_at,q.id)>(r.reviewed_at,r.id)) AND NOT EXISTS(SELECT 1 FROM addendum AS a WHERE a.note=n.id"      \
	" AND a.author=n.author AND a.closed_at>r.reviewed_at AND coalesce(a.status,'')<>'entered-in-error')"

/* ?1: of this patient, null = of all; ?2: of other authors too, and those in error; ?3: this care manager. */
static const char NOTES[] =
	"SELECT n.id,coalesce(n.written_at,n.signed_at),p.name,n.type,n.status,n.patient,n.visit,n.signed_at,"
	"(SELECT r.comment FROM review AS r WHERE r.note=n.id AND " RETURNED "),"
	"EXISTS(SELECT 1 FROM review AS r WHERE r.note=n.id AND " RETURNED ")"
	" FROM note AS n LEFT JOIN patient AS p ON p.id=n.patient WHERE (?1 IS NULL OR n.patient=?1)"
	" AND (?2 OR ((n.author IS NULL OR n.author=?3) AND coalesce(n.status,'')<>'entered-in-error'))"
	" ORDER BY coalesce(n.written_at,n.signed_at),n.id";

static const struct table_column COLUMNS[] = {
	{ "written_at", "Written", CELL_TIME }, { "name", "Patient", CELL_TEXT }, { "type", "Type", CELL_TEXT },
	{ "state", "State", CELL_TEXT },	 { "returned", "Returned", CELL_TEXT }, { "travel", "Where it is", CELL_TEXT },
	{ "id", "ID", CELL_ID },		 { "patient", NULL, CELL_ID },	  { "visit", NULL, CELL_ID },
	{ "signed_at", NULL, CELL_TIME },
};

static const char *text_at(sqlite3_stmt *stmt, int at)
{
	return (const char *)sqlite3_column_text(stmt, at);
}

static enum status add_row(struct cmd *c, const struct kind *kind, struct table *table, sqlite3_stmt *stmt)
{
	const char *travel = NULL, *comment = text_at(stmt, 8);
	struct id id = ID_STAFF;
	enum status st = db_column_id(stmt, 0, &id) ? entry_travel(c->r, kind, &id, &travel) : ST_CORRUPT;

	cmd_cell_time(c, table, stmt, 1);
	cmd_cell(table, text_at(stmt, 2));
	cmd_cell(table, text_at(stmt, 3));
	cmd_cell(table, cmd_note_state(text_at(stmt, 4)));
	cmd_cell(table, db_column_int(stmt, 9) == 0 ? NULL : comment == NULL ? "for correction" : comment);
	cmd_cell(table, travel);
	cmd_cell(table, text_at(stmt, 0));
	cmd_cell(table, text_at(stmt, 5));
	cmd_cell(table, text_at(stmt, 6));
	cmd_cell_time(c, table, stmt, 7);
	table_end_row(table);
	return st;
}

static enum status list_body(struct cmd *c)
{
	static const struct cmd_listing listing = { "note", NOTES, "There is no note.", COLUMNS,
						    sizeof COLUMNS / sizeof COLUMNS[0], add_row };

	return cmd_list(c, &listing);
}

int cmd_note_list(const struct command_line *line)
{
	return cmd_run(line, list_body);
}

/* --- what waits for its author --------------------------------------------------------- */

static const char WAITING_RETURNED[] =
	"SELECT n.id,coalesce(p.name,''),coalesce(w.name,'a supervisor'),coalesce(r.comment,''),r.reviewed_at"
	" FROM review AS r JOIN note AS n ON n.id=r.note LEFT JOIN patient AS p ON p.id=n.patient"
	" LEFT JOIN worker AS w ON w.id=r.by WHERE n.author=?1 AND coalesce(n.status,'')<>'entered-in-error' AND " RETURNED
	" ORDER BY r.reviewed_at,n.id";
static const char WAITING_UNSIGNED[] =
	"SELECT n.id,coalesce(p.name,''),n.visit,coalesce(v.check_out_time,v.check_in_time,v.planned_to) FROM note AS n"
	" JOIN visit AS v ON v.id=n.visit LEFT JOIN patient AS p ON p.id=n.patient"
	" WHERE coalesce(n.status,'draft')='draft' AND (n.author IS NULL OR n.author=?1)"
	" AND (v.check_out_time IS NOT NULL OR v.status='done') ORDER BY 4,n.id";

typedef void waiting_fn(struct cmd *c, sqlite3_stmt *stmt, struct buf *json);

static enum status each_waiting(struct cmd *c, const char *sql, waiting_fn *fn, struct buf *json, size_t *count)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, sql, &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, &c->r->identity.worker);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		if (json != NULL && *count > 0)
			buf_add_byte(json, ',');
		fn(c, stmt, json);
		(*count)++;
	}
	db_done(stmt);
	return st;
}

static void tell_returned(struct cmd *c, sqlite3_stmt *stmt, struct buf *json)
{
	char first[168];

	(void)c;
	(void)json;
	(void)snprintf(first, sizeof first, "Note returned by %.120s: ", text_at(stmt, 2));
	cmd_lines(first, text_at(stmt, 3)[0] == '\0' ? "(without a word)" : text_at(stmt, 3));
	printf("       %s. Next: doorstep note addend %s --type TYPE --reason TEXT\n", text_at(stmt, 1), text_at(stmt, 0));
}

static void tell_unsigned(struct cmd *c, sqlite3_stmt *stmt, struct buf *json)
{
	char time[CMD_TIME_SIZE];

	(void)json;
	printf("Not signed: %s, visit of %s. Next: doorstep note sign %s\n", text_at(stmt, 1),
	       cmd_time(c, db_column_int(stmt, 3), time), text_at(stmt, 0));
}

enum status cmd_notes_waiting_tell(struct cmd *c, size_t *count_out)
{
	enum status st = ST_OK;

	*count_out = 0;
	st = each_waiting(c, WAITING_RETURNED, tell_returned, NULL, count_out);
	return st == ST_OK ? each_waiting(c, WAITING_UNSIGNED, tell_unsigned, NULL, count_out) : st;
}

static void returned_json(struct cmd *c, sqlite3_stmt *stmt, struct buf *json)
{
	(void)c;
	buf_printf(json, "{\"id\":\"%s\"", text_at(stmt, 0));
	cmd_json_text(json, "name", text_at(stmt, 1));
	cmd_json_text(json, "by", text_at(stmt, 2));
	cmd_json_text(json, "comment", text_at(stmt, 3));
	cmd_json_time(json, "reviewed_at", db_column_int(stmt, 4));
	buf_add_byte(json, '}');
}

static void unsigned_json(struct cmd *c, sqlite3_stmt *stmt, struct buf *json)
{
	(void)c;
	buf_printf(json, "{\"id\":\"%s\"", text_at(stmt, 0));
	cmd_json_text(json, "name", text_at(stmt, 1));
	cmd_json_text(json, "visit", text_at(stmt, 2));
	cmd_json_time(json, "visit_end", db_column_int(stmt, 3));
	buf_add_byte(json, '}');
}

enum status cmd_notes_waiting_json(struct cmd *c, struct buf *json)
{
	size_t returned = 0, without = 0;
	enum status st;

	buf_add_str(json, ",\"returned_notes\":[");
	st = each_waiting(c, WAITING_RETURNED, returned_json, json, &returned);
	buf_add_str(json, "],\"unsigned_notes\":[");
	if (st == ST_OK)
		st = each_waiting(c, WAITING_UNSIGNED, unsigned_json, json, &without);
	buf_add_byte(json, ']');
	return st;
}
