/* doorstep outcomes: what became of each change of this tablet, newest first. */
#include "client/cmd_outcomes.h"

#include <inttypes.h>
#include <string.h>

#include "client/cmd_conflict.h"
#include "client/cmd_decided.h"
#include "common/closing.h"
#include "proto/message.h"

#define SHOWN 20
#define ALL 1000000
#define WORDS_SIZE 2048
#define SEEN "outcomes_seen" /* ds_meta: the newest sequence of an outcome that was shown */

/* --- reading ---------------------------------------------------------------------- */

static enum cmd_verdict verdict_of(const char *word)
{
	if (word != NULL && strcmp(word, "superseded") == 0)
		return VERDICT_LOST;
	return word != NULL && strcmp(word, "merged") == 0 ? VERDICT_MIXED : VERDICT_STANDS;
}

static bool brings(const struct change *change, const struct group *group)
{
	if (change->create)
		return true;
	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == group->num)
			return true;
	return false;
}

/* Whatever the outcome does not name stands as it was sent. */
static enum status read_verdicts(struct cmd *c, const char *outcome, struct cmd_outcome *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt;

	for (size_t g = 0; g < out->kind->group_count; g++)
		out->verdicts[g] = brings(out->change, &out->kind->groups[g]) ? VERDICT_STANDS : VERDICT_NONE;
	out->worst = VERDICT_STANDS;
	stmt = db_prepare(&c->r->db, "SELECT key,value FROM json_each(?1,'$.groups') WHERE json_valid(?1)", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, outcome, -1, SQLITE_TRANSIENT);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		const enum cmd_verdict verdict = verdict_of((const char *)sqlite3_column_text(stmt, 1));
		const int group = name == NULL ? -1 : kind_group(out->kind, name, strlen(name));

		if (group >= 0)
			out->verdicts[group] = verdict;
		if (verdict > out->worst)
			out->worst = verdict;
	}
	db_done(stmt);
	return st;
}

static enum status read_row(struct cmd *c, sqlite3_stmt *stmt, struct cmd_outcome *out, const char **outcome_out)
{
	const struct field *field = NULL;
	const char *outcome = (const char *)sqlite3_column_text(stmt, 6);

	out->kind = schema_kind_num(c->r->schema, (unsigned)db_column_int(stmt, 0));
	out->state = (int)db_column_int(stmt, 2) & 3;
	out->seq = (uint64_t)db_column_int(stmt, 3);
	out->reason = (int)db_column_int(stmt, 4);
	out->made_ms = db_column_int(stmt, 5);
	out->change = arena_zalloc(&c->arena, sizeof *out->change);
	*outcome_out = outcome == NULL ? "" : arena_copy(&c->arena, outcome, strlen(outcome));
	if (out->change == NULL || *outcome_out == NULL)
		return ST_NOMEM;
	if (out->kind == NULL || !db_column_id(stmt, 1, &out->id))
		return ST_CORRUPT;
	if (!db_column_id(stmt, 8, &out->patient) && strcmp(out->kind->name, "patient") == 0)
		out->patient = out->id;
	out->used = strstr(*outcome_out, "\"used\":true") != NULL;
	return change_decode(c->r->schema, sqlite3_column_blob(stmt, 7), (size_t)sqlite3_column_bytes(stmt, 7), &c->arena,
			     out->change, &field);
}

enum status cmd_outcome_read(struct cmd *c, uint64_t n, struct cmd_outcome *out)
{
	const char *outcome = "";
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT kind,id,state,seq,reason,made_wall_ms,outcome,body,patient"
						   " FROM ds_journal WHERE n=?1", &st);

	if (stmt == NULL)
		return st;
	*out = (struct cmd_outcome){ .n = n };
	(void)sqlite3_bind_int64(stmt, 1, n > INT64_MAX ? INT64_MAX : (int64_t)n);
	st = db_step(&c->r->db, stmt, &row);
	if (st == ST_OK)
		st = row ? read_row(c, stmt, out, &outcome) : ST_NOT_FOUND;
	db_done(stmt);
	return st == ST_OK && out->state == IS_SETTLED && !out->used ? read_verdicts(c, outcome, out) : st;
}

enum status cmd_outcomes_new(struct cmd *c, uint64_t *count_out)
{
	int64_t seen = 0;
	enum status st = replica_meta_int(c->r, SEEN, &seen);
	bool row = false;
	sqlite3_stmt *stmt = NULL;

	if (st != ST_OK)
		return st;
	stmt = db_prepare(&c->r->db, "SELECT count(*) FROM ds_journal AS j WHERE state=2 AND seq>?1 AND json_valid(outcome)"
			  " AND (json_extract(outcome,'$.result') IN ('merged','superseded')"
			  " OR (json_extract(outcome,'$.result')='accepted' AND EXISTS(SELECT 1 FROM conflict AS k,"
			  " json_each(CASE WHEN json_valid(k.candidates) THEN k.candidates ELSE '[]' END) AS one"
			  " WHERE k.id=j.id AND json_extract(one.value,'$.seq')=CAST(j.seq AS TEXT))))", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, seen);
	st = db_step(&c->r->db, stmt, &row);
	if (st == ST_OK)
		*count_out = row ? (uint64_t)db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return st;
}

/* --- words ------------------------------------------------------------------------ */

struct telling {
	struct cmd_outcome outcome;
	struct buf fields, what, next;
	const char *word, *by, *patient;
	bool undecided; /* it was a decision, and decided nothing */
	bool is_new;
};

/* "Observed, Plan" of the groups with this verdict; VERDICT_NONE: of all that the change brought. */
static void add_groups(struct cmd *c, struct buf *words, const struct cmd_outcome *o, enum cmd_verdict verdict)
{
	const size_t begin = words->len;

	if (verdict == VERDICT_NONE && (o->change->create || o->change->deletes || o->change->restores)) {
		buf_add_str(words, o->change->create ? "new record" : o->change->deletes ? "deleted" : "brought back");
		return;
	}
	for (size_t g = 0; g < o->kind->group_count; g++) {
		const struct group *group = &o->kind->groups[g];

		if (verdict == VERDICT_NONE ? !brings(o->change, group) : o->verdicts[g] != verdict)
			continue;
		buf_printf(words, "%s%s", words->len > begin ? ", " : "", cmd_group_words(c, o->kind, group));
	}
}

struct standing_case {
	const struct cmd_outcome *outcome;
	const char *name;
};

/* In an open conflict the first candidate is what stood. */
static enum status see_conflict(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	struct standing_case *standing = ctx;

	(void)c;
	if (standing->outcome->verdicts[conflict->group - conflict->kind->groups] == VERDICT_LOST && conflict->count > 0)
		standing->name = conflict->candidates[0].name;
	return ST_OK;
}

/* What was lost to a signature is in an addendum of its own. */
static enum status tell_lost(struct cmd *c, struct telling *t)
{
	const struct cmd_outcome *o = &t->outcome;
	struct standing_case standing = { .outcome = o };
	struct entry entry = { 0 };
	enum status st = entry_read(c->r, o->kind, &o->id, &entry);
	bool closed = false;

	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	if (st == ST_OK) {
		closed = closing_is_closed(o->kind, &entry.row);
		entry_close(&entry);
	}
	st = cmd_conflict_each(c, o->kind, &o->id, see_conflict, &standing);
	t->by = standing.name;
	buf_add_str(&t->what, "Another value stands");
	if (t->by != NULL)
		buf_printf(&t->what, " (%s’s)", t->by);
	buf_add_str(&t->what, ": ");
	add_groups(c, &t->what, o, VERDICT_LOST);
	if (closed && strcmp(o->kind->name, "note") == 0)
		buf_add_str(&t->next, "The note was signed: what you wrote was added to it under your name.");
	else if (!closed && !cmd_decided_is(o) && t->next.len == 0)
		buf_printf(&t->next, "doorstep restore-value %" PRIu64, o->n);
	return st;
}

/* What was merged may have left sentences for a person to decide about. */
static enum status see_merged(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	struct telling *t = ctx;

	if (t->outcome.verdicts[conflict->group - conflict->kind->groups] != VERDICT_MIXED)
		return ST_OK;
	buf_printf(&t->what, "; a conflict is open about %s", cmd_conflict_about(c, conflict));
	buf_reset(&t->next);
	buf_add_str(&t->next, "doorstep conflicts");
	return ST_OK;
}

static enum status tell_merged(struct cmd *c, struct telling *t)
{
	buf_add_str(&t->what, "Merged with others’ words: ");
	add_groups(c, &t->what, &t->outcome, VERDICT_MIXED);
	return cmd_conflict_each(c, t->outcome.kind, &t->outcome.id, see_merged, t);
}

/* Of a decision the conflict tells more than the outcome does. */
static enum status tell_decision(struct cmd *c, struct telling *t)
{
	struct cmd_decided *decided = arena_zalloc(&c->arena, sizeof *decided);
	enum status st = decided == NULL ? ST_NOMEM : cmd_decided_read(c, &t->outcome, decided);

	if (st != ST_OK || decided->fate == FATE_PLAIN)
		return st;
	t->undecided = true;
	t->by = decided->fate == FATE_OPEN ? NULL : decided->by;
	t->word = t->outcome.worst == VERDICT_LOST ? "superseded" : "received";
	return cmd_decided_tell(c, decided, &t->what, &t->next);
}

static enum status tell_settled(struct cmd *c, struct telling *t)
{
	enum status st = tell_decision(c, t);

	if (st != ST_OK || t->undecided)
		return st;
	if (t->outcome.worst == VERDICT_STANDS) {
		t->word = "received";
		buf_add_str(&t->what, "Received");
		return ST_OK;
	}
	t->word = t->outcome.worst == VERDICT_LOST ? "superseded" : "merged";
	for (size_t g = 0; g < t->outcome.kind->group_count; g++) {
		if (t->outcome.verdicts[g] != VERDICT_MIXED)
			continue;
		st = tell_merged(c, t);
		break;
	}
	if (st == ST_OK && t->outcome.worst == VERDICT_LOST) {
		buf_add_str(&t->what, t->what.len > 0 ? "; " : "");
		st = tell_lost(c, t);
	}
	return st;
}

static enum status explain(struct cmd *c, struct telling *t, int64_t seen)
{
	const struct cmd_outcome *o = &t->outcome;
	const enum held_reason reason = o->reason > 0 && o->reason < HELD_REASON_COUNT ? (enum held_reason)o->reason
										       : HELD_UNREADABLE;
	enum status st = ST_OK;

	add_groups(c, &t->fields, o, VERDICT_NONE);
	if (o->used || o->state == IS_RETURNED) {
		t->word = "returned";
		buf_add_str(&t->what, o->used ? "Returned to you; you used it again" : "Returned to you");
		if (!o->used)
			buf_printf(&t->next, "doorstep held reuse %" PRIu64, o->n);
	} else if (o->state == WAITS) {
		t->word = "sending";
		buf_add_str(&t->what, "Sending");
	} else if (o->state == IS_HELD) {
		t->word = "held";
		buf_printf(&t->what, "Held: %s", held_reason_what(reason));
		buf_add_str(&t->next, held_reason_next(reason));
	} else {
		st = tell_settled(c, t);
	}
	t->is_new = o->state == IS_SETTLED && !o->used && (t->undecided || o->worst > VERDICT_STANDS) &&
		    (int64_t)o->seq > seen;
	return st;
}

/* --- printing ---------------------------------------------------------------------- */

static const struct table_column COLUMNS[] = {
	{ "n", NULL, CELL_NUMBER },    { "record_kind", NULL, CELL_TEXT }, { "record", NULL, CELL_ID },
	{ "made", NULL, CELL_TIME },   { "fields", NULL, CELL_TEXT },	   { "outcome", NULL, CELL_TEXT },
	{ "what", NULL, CELL_TEXT },   { "by", NULL, CELL_TEXT },	   { "next", NULL, CELL_TEXT },
	{ "new", NULL, CELL_BOOL },	   { "patient", NULL, CELL_ID },   { "patient_name", NULL, CELL_TEXT },
};

static void add_row(struct table *table, struct telling *t)
{
	char id[ID_TEXT_SIZE], patient[ID_TEXT_SIZE];

	id_format(&t->outcome.id, id);
	id_format(&t->outcome.patient, patient);
	table_number(table, (int64_t)t->outcome.n);
	cmd_cell(table, t->outcome.kind->name);
	cmd_cell(table, id);
	table_number(table, t->outcome.made_ms);
	cmd_cell(table, buf_str(&t->fields));
	cmd_cell(table, t->word);
	cmd_cell(table, buf_str(&t->what));
	cmd_cell(table, t->by);
	cmd_cell(table, t->next.len > 0 ? buf_str(&t->next) : NULL);
	table_number(table, t->is_new);
	cmd_cell(table, id_is_zero(&t->outcome.patient) ? NULL : patient);
	cmd_cell(table, t->patient[0] == '\0' ? NULL : t->patient);
	table_end_row(table);
}

static void print_row(const struct cmd *c, struct telling *t)
{
	char id[ID_TEXT_SIZE], time[CMD_TIME_SIZE];

	id_format(&t->outcome.id, id);
	printf("%s%" PRIu64 "  %s%s%s/%s, written %s (%s)\n    %s\n", t->is_new ? "NEW " : "", t->outcome.n, t->patient,
	       t->patient[0] == '\0' ? "" : ", ", t->outcome.kind->name, id, cmd_time(c, t->outcome.made_ms, time), buf_str(&t->fields),
	       buf_str(&t->what));
	if (t->next.len > 0)
		printf("    Next: %s\n", buf_str(&t->next));
}

static enum status tell_one(struct cmd *c, uint64_t n, int64_t seen, struct table *table, int64_t *newest)
{
	struct telling t = { 0 };
	enum status st = cmd_outcome_read(c, n, &t.outcome);

	if (st != ST_OK)
		return st;
	buf_init(&t.fields, WORDS_SIZE);
	buf_init(&t.what, WORDS_SIZE);
	buf_init(&t.next, WORDS_SIZE);
	t.patient = id_is_zero(&t.outcome.patient) ? "" : cmd_patient_name(c, &t.outcome.patient);
	st = explain(c, &t, seen);
	if (st == ST_OK && table != NULL)
		add_row(table, &t);
	else if (st == ST_OK)
		print_row(c, &t);
	if ((int64_t)t.outcome.seq > *newest)
		*newest = (int64_t)t.outcome.seq;
	buf_close(&t.fields);
	buf_close(&t.what);
	buf_close(&t.next);
	return st;
}

/* Numbers first, so that no statement stays open while each is read. */
static enum status list_numbers(struct cmd *c, const struct id *patient, uint64_t **out, size_t *count_out)
{
	const size_t limit = command_switch(c->line, "--all") ? ALL : SHOWN;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT n FROM ds_journal WHERE ?1 IS NULL OR patient=?1 OR id=?1"
						   " ORDER BY n DESC", &st);

	if (stmt == NULL)
		return st;
	if (patient != NULL)
		db_bind_id(&c->r->db, stmt, 1, patient);
	return cmd_numbers(c, stmt, limit, out, count_out);
}

static enum status outcomes_body(struct cmd *c)
{
	const bool one = command_option(c->line, "--patient") != NULL;
	struct table *table = NULL;
	struct id patient = ID_STAFF;
	uint64_t *numbers = NULL;
	int64_t seen = 0, newest;
	size_t count = 0;
	enum status st = replica_meta_int(c->r, SEEN, &seen);

	newest = seen;
	if (st == ST_OK && one)
		st = cmd_patient(c, &patient);
	if (st == ST_OK)
		st = list_numbers(c, one ? &patient : NULL, &numbers, &count);
	if (st == ST_OK && c->line->json)
		table = table_new(c->line, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = tell_one(c, numbers[i], seen, table, &newest);
	if (c->line->json && table_print(table, "") != 0 && st == ST_OK)
		st = ST_NOMEM;
	if (st == ST_OK && count == 0 && !c->line->json)
		puts("No change of this tablet was sent yet.");
	/* Of one patient only: the others were not looked at. */
	if (st == ST_OK && !one && newest > seen)
		st = replica_meta_set_int(c->r, SEEN, newest);
	return st;
}

int cmd_outcomes(const struct command_line *line)
{
	return cmd_run(line, outcomes_body);
}
