#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cmd.h"
#include "client/journal.h"
#include "proto/message.h"

/* What does not go on by itself: changes held or given back, and what is no change yet. */
static const char HELD[] =
	"SELECT n,kind,id,CASE state WHEN 1 THEN 'held' ELSE 'returned' END,reason,made_wall_ms,NULL,0 FROM ds_journal"
	" WHERE state IN (1,3) UNION ALL"
	" SELECT NULL,a.kind,a.id,'attention',min(a.reason),(SELECT min(wall_ms) FROM ds_dirty AS d WHERE d.kind=a.kind"
	" AND d.id=a.id),min(a.field),EXISTS(SELECT 1 FROM ds_gone AS x WHERE x.kind=a.kind AND x.id=a.id)"
	" FROM ds_attention AS a GROUP BY a.kind,a.id ORDER BY 6";

static const struct table_column COLUMNS[] = {
	{ "n", NULL, CELL_NUMBER },  { "record_kind", NULL, CELL_TEXT }, { "record", NULL, CELL_ID },
	{ "state", NULL, CELL_TEXT }, { "reason", NULL, CELL_TEXT },	   { "what", NULL, CELL_TEXT },
	{ "next", NULL, CELL_TEXT }, { "made", NULL, CELL_TIME },
};

struct item {
	const char *kind, *id, *state, *reason, *what, *next;
	bool has_n;
	int64_t n, made_ms;
	char words[256], next_words[256];
};

static void explain_returned(struct item *item)
{
	item->reason = "returned";
	item->what = "A supervisor gave this change back to you; the centre's value stands.";
	(void)snprintf(item->words, sizeof item->words, "`doorstep held reuse %lld` takes what you wrote up again.",
		       (long long)item->n);
	item->next = item->words;
}

static void explain_attention(struct item *item, const struct kind *kind, sqlite3_stmt *stmt)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 6);
	const int index = kind == NULL || name == NULL ? -1 : kind_field(kind, name, strlen(name));
	const char *reason = (const char *)sqlite3_column_text(stmt, 4);
	const bool too_long = reason != NULL && strcmp(reason, "too-long") == 0;

	item->reason = reason == NULL ? "" : reason;
	(void)snprintf(item->words, sizeof item->words, "%s%s%s.",
		       index < 0 ? "The record" : kind->fields[index].label, " ",
		       too_long ? "is longer than it may be, so it is not sent"
				: "does not have the form that it needs, so it is not sent");
	item->what = item->words;
	if (db_column_int(stmt, 7) != 0) {
		(void)snprintf(item->next_words, sizeof item->next_words,
			       "The record was deleted before it could be sent; what was written is kept. `doorstep held reuse"
			       " %s/%s` brings it back, to be corrected.", item->kind, item->id);
		item->next = item->next_words;
		return;
	}
	item->next = too_long ? "Make it shorter, then save it again." : "Correct the value, then save it again.";
}

static void explain_held(struct item *item, sqlite3_stmt *stmt)
{
	const int64_t code = db_column_int(stmt, 4);
	const enum held_reason reason = code > 0 && code < HELD_REASON_COUNT ? (enum held_reason)code : HELD_UNREADABLE;

	item->reason = held_reason_name(reason);
	item->what = held_reason_what(reason);
	item->next = held_reason_next(reason);
}

static void read_item(const struct cmd *c, sqlite3_stmt *stmt, struct item *item)
{
	const struct kind *kind = schema_kind_num(c->r->schema, (unsigned)db_column_int(stmt, 1));

	item->has_n = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
	item->n = db_column_int(stmt, 0);
	item->kind = kind == NULL ? "" : kind->name;
	item->id = (const char *)sqlite3_column_text(stmt, 2);
	item->state = (const char *)sqlite3_column_text(stmt, 3);
	item->made_ms = db_column_int(stmt, 5);
	if (strcmp(item->state, "held") == 0)
		explain_held(item, stmt);
	else if (strcmp(item->state, "returned") == 0)
		explain_returned(item);
	else
		explain_attention(item, kind, stmt);
}

static void add_item(struct table *table, const struct item *item)
{
	if (item->has_n)
		table_number(table, item->n);
	else
		cmd_cell(table, NULL);
	cmd_cell(table, item->kind);
	cmd_cell(table, item->id);
	cmd_cell(table, item->state);
	cmd_cell(table, item->reason);
	cmd_cell(table, item->what);
	cmd_cell(table, item->next);
	table_number(table, item->made_ms);
	table_end_row(table);
}

static void tell_item(const struct cmd *c, const struct item *item)
{
	const bool returned = strcmp(item->state, "returned") == 0;
	const bool held = strcmp(item->state, "held") == 0;
	char time[CMD_TIME_SIZE];

	printf("%s: %s/%s, written %s\n", returned ? "Returned to you" : "Needs attention", item->kind, item->id,
	       cmd_time(c, item->made_ms, time));
	printf("  %s%s\n  %s\n", held ? "Held at the centre. " : "", item->what, item->next);
}

static enum status held_body(struct cmd *c)
{
	struct table *table = NULL;
	enum status st = ST_OK;
	size_t count = 0;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, HELD, &st);

	if (stmt == NULL)
		return st;
	if (c->line->json)
		table = table_new(c->line, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		struct item item;

		read_item(c, stmt, &item);
		if (c->line->json)
			add_item(table, &item);
		else
			tell_item(c, &item);
		count++;
	}
	db_done(stmt);
	if (c->line->json && table_print(table, "") != 0 && st == ST_OK)
		st = ST_NOMEM;
	if (!c->line->json && st == ST_OK && count == 0)
		puts("Nothing is held, and nothing needs your attention.");
	return st;
}

int cmd_held(const struct command_line *line)
{
	return cmd_run(line, held_body);
}

/* --- reuse ------------------------------------------------------------------------ */

/* KIND/ID: a record that was deleted before it could be sent. */
static enum status bring_back(struct cmd *c, const char *name)
{
	const struct kind *kind = NULL;
	char text[ID_TEXT_SIZE];
	struct id id;
	enum status st = cmd_ref(c, name, &kind, &id);

	if (st == ST_OK)
		st = journal_bring_back(c->r, kind, &id, &c->why);
	if (st != ST_OK)
		return st;
	id_format(&id, text);
	if (c->line->json)
		printf("{\"record\":\"%s\",\"travel\":\"Saved on this tablet\"}\n", text);
	else
		puts("The record is on this tablet again. Correct it with `doorstep set`, and delete it again if you like.");
	return ST_OK;
}

static enum status reuse_body(struct cmd *c)
{
	char *end = NULL;
	unsigned long long n;
	enum status st;

	if (strchr(c->line->words[0], '/') != NULL)
		return bring_back(c, c->line->words[0]);
	errno = 0;
	n = strtoull(c->line->words[0], &end, 10);
	if (errno != 0 || end == c->line->words[0] || *end != '\0' || c->line->words[0][0] == '-' || n > INT64_MAX)
		return failure_set(&c->why, ST_USAGE, "A returned change is named by its number.", "Nothing was changed.",
				   "`doorstep held` shows it.");
	st = journal_reuse(c->r, n, &c->why);
	if (st != ST_OK)
		return st;
	if (c->line->json)
		printf("{\"n\":\"%llu\",\"travel\":\"Saved on this tablet\"}\n", n);
	else
		puts("Saved on this tablet. What you wrote counts again, and goes up with the next sync.");
	return ST_OK;
}

int cmd_held_reuse(const struct command_line *line)
{
	return cmd_run(line, reuse_body);
}
