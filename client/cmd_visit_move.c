/* doorstep visit move, visit cancel: of this care manager's own caseload, as plain edits. */
#include <string.h>

#include "client/cmd.h"
#include "client/save.h"
#include "common/moment.h"
#include "common/recurrence.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MINUTES 1440
#define LATER_MAX 1000 /* more than a series has visits planned */

/* ?1: the series, ?2: after this day of it, ?3: but this visit, ?4: so many. */
static const char LATER[] =
	"SELECT id FROM visit WHERE series=?1 AND series_date>?2 AND id<>?3 AND coalesce(status,'planned')='planned'"
	" AND check_in_time IS NULL ORDER BY series_date,id LIMIT ?4";

static enum status refuse(struct cmd *c, const char *what, const char *next)
{
	return failure_set(&c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

/* The visit, which must be still to come. Close it with entry_close. */
static enum status read_visit(struct cmd *c, const struct kind *kind, struct entry *out)
{
	struct id id = ID_STAFF;
	const char *status;
	enum status st = cmd_find(c, kind, c->line->words[0], &id);

	if (st == ST_OK)
		st = cmd_entry(c, kind, &id, out);
	if (st != ST_OK)
		return st;
	status = entry_text(out, "status");
	if (status != NULL && strcmp(status, "cancelled") == 0)
		st = refuse(c, "This visit was cancelled before.",
			    "It stays so; another one is planned with `doorstep visit add`.");
	else if (status != NULL && (strcmp(status, "done") == 0 || strcmp(status, "missed") == 0))
		st = refuse(c, "This visit is over.", "Plan another one with `doorstep visit add`.");
	else if (entry_text(out, "check_in_time") != NULL || (status != NULL && strcmp(status, "in-progress") == 0))
		st = refuse(c, "This visit is in progress.", "End it with `doorstep visit out`.");
	if (st != ST_OK)
		entry_close(out);
	return st;
}

static const struct value *value_of(const struct entry *visit, const char *field)
{
	return &visit->row.values[kind_field(visit->kind, field, strlen(field))];
}

static enum status save(struct cmd *c, const struct cmd_draft *draft, const struct entry *visit)
{
	const bool series = entry_text(visit, "series") != NULL;
	const enum status st = cmd_save(c, draft, &visit->id, SAVE_SHOWN_NOW);

	if (st == ST_OK && series && !c->line->json)
		puts("The other visits of its series stay as they are.");
	return st;
}

static void tell_moved(const struct cmd *c, int64_t from)
{
	char time[CMD_TIME_SIZE];

	printf("It is planned for %s.\n", cmd_time(c, from, time));
}

/* --- move ------------------------------------------------------------------------- */

static enum status move_visit(struct cmd *c, struct cmd_draft *draft, const struct entry *visit)
{
	const struct value *old_from = value_of(visit, "planned_from"), *old_to = value_of(visit, "planned_to");
	int64_t from, minutes = 0;
	enum status st = cmd_put_option(c, draft, "planned_from", "--at");

	if (st == ST_OK)
		st = cmd_number(c, "--minutes", 1, DAY_MINUTES, &minutes);
	if (st != ST_OK)
		return st;
	from = draft->row.values[kind_field(draft->kind, "planned_from", strlen("planned_from"))].integer;
	if (minutes > 0)
		cmd_put_value(draft, "planned_to", value_int(from + minutes * MINUTE_MS));
	else if (old_from->tag == VALUE_INT && old_to->tag == VALUE_INT)
		cmd_put_value(draft, "planned_to", value_int(from + (old_to->integer - old_from->integer)));
	st = save(c, draft, visit);
	if (st == ST_OK && !c->line->json)
		tell_moved(c, from);
	return st;
}

static enum status move_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "visit");
	struct entry visit = { 0 };
	enum status st;

	if (draft == NULL)
		return ST_NOMEM;
	if (command_option(c->line, "--at") == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said to when.", "Nothing was changed.",
				   "Add --at TIME, as in --at 2026-11-23T08:30.");
	st = read_visit(c, draft->kind, &visit);
	if (st != ST_OK)
		return st;
	st = move_visit(c, draft, &visit);
	entry_close(&visit);
	return st;
}

int cmd_visit_move(const struct command_line *line)
{
	return cmd_run(line, move_body);
}

/* --- cancel ----------------------------------------------------------------------- */

/* The rule of the series, which ends before this visit's day. */
static enum status end_series(struct cmd *c, const struct entry *visit, struct cmd_draft *draft, struct id *head_out)
{
	const char *series = entry_text(visit, "series"), *date = entry_text(visit, "series_date");
	struct entry head = { 0 };
	struct recurrence rule;
	int64_t day = 0;
	char *text = arena_alloc(&c->arena, RECURRENCE_TEXT_SIZE);
	const char *now;
	enum status st;

	if (text == NULL)
		return ST_NOMEM;
	if (series == NULL || date == NULL || !id_parse(series, strlen(series), head_out) ||
	    !date_days(date, strlen(date), &day))
		return refuse(c, "This visit is of no series: nothing follows it.", "Leave --following out.");
	st = cmd_entry(c, visit->kind, head_out, &head);
	if (st != ST_OK)
		return st;
	now = entry_text(&head, "recurrence");
	cmd_put_value(draft, "recurrence", value_null());
	if (now != NULL && recurrence_parse(now, strlen(now), &rule) && !id_equal(head_out, &visit->id)) {
		rule.until_day = day - 1;
		rule.count = 0;
		recurrence_format(&rule, text);
		cmd_put_value(draft, "recurrence", value_string(text));
	}
	entry_close(&head);
	return ST_OK;
}

static enum status write(struct cmd *c, const struct cmd_draft *draft, const struct id *id, int64_t *version_out)
{
	return save_fields(c->r, draft->kind, id, SAVE_SHOWN_NOW, &draft->row, draft->mask, version_out, &c->why);
}

static void say_ended(const struct entry *visit, size_t following)
{
	printf("Saved on this tablet. visit/%s\n", visit->id_text);
	if (following == 0)
		puts("No planned visit of its series follows on this tablet.");
	else if (following == 1)
		puts("So is 1 planned visit of its series that follows: it is cancelled.");
	else
		printf("So are %zu planned visits of its series that follow: they are cancelled.\n", following);
	puts("The series ends here; the centre plans no more visits by it once it hears of it.");
}

static enum status tell_ended(struct cmd *c, const struct entry *visit, int64_t version, size_t following)
{
	struct buf json;
	enum status st;

	if (!c->line->json) {
		say_ended(visit, following);
		return ST_OK;
	}
	buf_init(&json, 4096);
	buf_printf(&json, "{\"kind\":\"visit\",\"id\":\"%s\"", visit->id_text);
	cmd_json_number(&json, "version", version);
	cmd_json_text(&json, "travel", "Saved on this tablet");
	cmd_json_number(&json, "following", (int64_t)following);
	buf_add_byte(&json, '}');
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

/* The visits of the series on later days that are still to come, wherever they were moved. In the arena. */
static enum status find_later(struct cmd *c, const struct entry *visit, const struct id *head, struct id **out,
			      size_t *count_out)
{
	const char *date = entry_text(visit, "series_date");
	struct id *ids = arena_alloc(&c->arena, LATER_MAX * sizeof *ids);
	size_t count = 0;
	bool row = false;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, LATER, &st);

	if (stmt == NULL || ids == NULL)
		return stmt == NULL ? st : ST_NOMEM;
	db_bind_id(&c->r->db, stmt, 1, head);
	(void)sqlite3_bind_text(stmt, 2, date, -1, SQLITE_STATIC);
	db_bind_id(&c->r->db, stmt, 3, &visit->id);
	(void)sqlite3_bind_int(stmt, 4, LATER_MAX);
	while (count < LATER_MAX && (st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		if (!db_column_id(stmt, 0, &ids[count])) {
			st = ST_CORRUPT;
			break;
		}
		count++;
	}
	db_done(stmt);
	*out = ids;
	*count_out = count;
	return st;
}

/* A visit is cancelled with what follows it. */
struct ending {
	const struct entry *visit;
	const struct cmd_draft *draft; /* of each visit */
	struct cmd_draft *rule;        /* of the first one */
	struct id head;
	size_t following;
	int64_t version; /* of the visit, written */
};

/* The visits first: the rule's end makes the centre cancel those in which nobody wrote, with a reason of its own. */
static enum status write_ended(struct cmd *c, struct ending *e)
{
	struct id *later = NULL;
	enum status st = find_later(c, e->visit, &e->head, &later, &e->following);

	for (size_t i = 0; i < e->following && st == ST_OK; i++)
		st = write(c, e->draft, &later[i], &e->version);
	if (st == ST_OK)
		st = write(c, e->rule, &e->head, &e->version);
	return st == ST_OK ? write(c, e->draft, &e->visit->id, &e->version) : st;
}

/* The visits and the rule: all, or nothing. */
static enum status cancel_following(struct cmd *c, const struct cmd_draft *draft, const struct entry *visit)
{
	struct ending e = { .visit = visit, .draft = draft, .rule = cmd_draft(c, "visit") };
	enum status st = e.rule == NULL ? ST_NOMEM : end_series(c, visit, e.rule, &e.head);

	if (st == ST_OK)
		st = db_begin(&c->r->db);
	if (st != ST_OK)
		return st;
	st = write_ended(c, &e);
	if (st != ST_OK) {
		db_rollback(&c->r->db);
		return st;
	}
	st = db_commit(&c->r->db);
	return st == ST_OK ? tell_ended(c, visit, e.version, e.following) : st;
}

static enum status cancel_body(struct cmd *c)
{
	struct cmd_draft *draft = cmd_draft(c, "visit");
	struct entry visit = { 0 };
	enum status st;

	if (draft == NULL)
		return ST_NOMEM;
	if (command_option(c->line, "--reason") == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said why.", "Nothing was changed.", "Add --reason TEXT.");
	cmd_put_value(draft, "status", value_string("cancelled"));
	st = cmd_put_option(c, draft, "status_reason", "--reason");
	if (st == ST_OK)
		st = read_visit(c, draft->kind, &visit);
	if (st != ST_OK)
		return st;
	st = command_switch(c->line, "--following") ? cancel_following(c, draft, &visit) : save(c, draft, &visit);
	entry_close(&visit);
	return st;
}

int cmd_visit_cancel(const struct command_line *line)
{
	return cmd_run(line, cancel_body);
}
