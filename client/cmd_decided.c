#include "client/cmd_decided.h"

#include <assert.h>
#include <string.h>

/* Of what stands: enough to know it by; the record itself shows all of it. */
#define STANDS_SHOWN 160

bool cmd_decided_is(const struct cmd_outcome *outcome)
{
	return strcmp(outcome->kind->name, "conflict") == 0;
}

static bool has_candidate(const struct cmd_conflict *conflict, uint64_t seq)
{
	for (size_t i = 0; i < conflict->count; i++)
		if (conflict->candidates[i].seq == seq)
			return true;
	return false;
}

/* An open one with a decision in it may be one whose closing is still on its way here. */
static enum cmd_fate fate_of(const struct cmd_outcome *o, const struct cmd_decided *d)
{
	const bool lost = o->worst == VERDICT_LOST;

	if (d->conflict.open)
		return d->candidate || lost || !d->conflict.decided ? FATE_OPEN : FATE_PLAIN;
	if (d->candidate)
		return FATE_OVERTAKEN;
	return lost ? FATE_LATE : FATE_PLAIN;
}

static enum status read_by(struct cmd *c, const struct cmd_outcome *o, const char **by_out)
{
	struct entry entry = { 0 };
	enum status st = entry_read(c->r, o->kind, &o->id, &entry);
	const char *text = st == ST_OK ? entry_text(&entry, "decided_by") : NULL;
	struct id worker = ID_STAFF;

	*by_out = "";
	if (text != NULL && id_parse(text, strlen(text), &worker))
		*by_out = cmd_worker(c, &worker);
	if ((*by_out)[0] == '\0')
		*by_out = "somebody at the centre";
	if (st == ST_OK)
		entry_close(&entry);
	return st;
}

enum status cmd_decided_read(struct cmd *c, const struct cmd_outcome *outcome, struct cmd_decided *out)
{
	enum status st;

	memset(out, 0, sizeof *out);
	if (!cmd_decided_is(outcome) || outcome->state != IS_SETTLED || outcome->used)
		return ST_OK;
	st = read_by(c, outcome, &out->by);
	if (st == ST_OK)
		st = cmd_conflict_read(c, &outcome->id, &out->conflict);
	if (st == ST_NOT_FOUND)
		return ST_OK;
	if (st != ST_OK)
		return st;
	out->candidate = has_candidate(&out->conflict, outcome->seq);
	out->fate = fate_of(outcome, out);
	return ST_OK;
}

/* --- words ------------------------------------------------------------------------ */

/* On one line, and cut between characters. */
static void add_cut(struct buf *buf, const char *text)
{
	const size_t len = strlen(text);
	size_t shown = len < STANDS_SHOWN ? len : STANDS_SHOWN;

	while (shown < len && shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80)
		shown--;
	for (size_t i = 0; i < shown; i++)
		buf_add_byte(buf, (uint8_t)(text[i] == '\n' ? ' ' : text[i]));
	if (shown < len)
		buf_add_str(buf, "…");
}

static enum status add_stands(struct cmd *c, const struct cmd_conflict *conflict, struct buf *what)
{
	struct entry record = { 0 };
	enum status st = entry_read(c->r, conflict->kind, &conflict->record, &record);

	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	buf_add_str(what, " What stands: ");
	add_cut(what, cmd_group_values(c, conflict->kind, conflict->group, &record.row));
	entry_close(&record);
	return ST_OK;
}

enum status cmd_decided_tell(struct cmd *c, const struct cmd_decided *decided, struct buf *what, struct buf *next)
{
	const struct cmd_conflict *conflict = &decided->conflict;
	const char *about = cmd_conflict_about(c, conflict);
	char record[ID_TEXT_SIZE];

	assert(decided->fate != FATE_PLAIN);
	if (decided->fate == FATE_OPEN) {
		buf_printf(what, "Your decision about %s arrived, but something had changed that it had not seen: the conflict is"
			   " still open%s.", about, decided->candidate ? ", with your decision among the candidates" : "");
		buf_add_str(next, "doorstep conflicts");
		return ST_OK;
	}
	id_format(&conflict->record, record);
	buf_printf(next, "doorstep show %s/%s", conflict->kind->name, record);
	if (decided->fate == FATE_OVERTAKEN)
		buf_printf(what, "Your decision about %s arrived, but something had changed that it had not seen. It has been"
			   " decided since, by %s.", about, decided->by);
	else
		buf_printf(what, "The conflict about %s had been decided already, by %s; your decision is kept in the history.",
			   about, decided->by);
	return add_stands(c, conflict, what);
}

/* --- counting --------------------------------------------------------------------- */

/* Numbers first, so that no statement stays open while each is read. */
static enum status list_numbers(struct cmd *c, uint64_t after_seq, uint64_t **out, size_t *count_out)
{
	const struct kind *kind = schema_kind(c->r->schema, "conflict", strlen("conflict"));
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT n FROM ds_journal WHERE state=2 AND kind=?1 AND seq>?2", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, kind == NULL ? 0 : (int64_t)kind->num);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)after_seq);
	return cmd_numbers(c, stmt, SIZE_MAX, out, count_out);
}

enum status cmd_decided_count(struct cmd *c, uint64_t after_seq, uint64_t *open_out, uint64_t *late_out)
{
	uint64_t *numbers = NULL, open = 0, late = 0;
	size_t count = 0;
	enum status st = list_numbers(c, after_seq, &numbers, &count);

	for (size_t i = 0; i < count && st == ST_OK; i++) {
		struct cmd_decided decided = { 0 };
		struct cmd_outcome outcome;

		st = cmd_outcome_read(c, numbers[i], &outcome);
		if (st == ST_OK)
			st = cmd_decided_read(c, &outcome, &decided);
		/* As the outcome counts them: those that were taken, and those that lost. */
		open += decided.fate != FATE_PLAIN && outcome.worst == VERDICT_STANDS;
		late += decided.fate != FATE_PLAIN && outcome.worst == VERDICT_LOST;
	}
	if (st == ST_OK) {
		*open_out = open;
		*late_out = late;
	}
	return st;
}
