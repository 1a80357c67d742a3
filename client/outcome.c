#include "client/outcome.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "client/live.h"

enum { STATE_WAITING = 0, STATE_HELD = 1, STATE_SETTLED = 2, STATE_RETURNED = 3 };

struct noted {
	struct key key;
	int64_t state;
	uint64_t seq; /* 0 = none yet */
	bool create;
};

static enum status read_noted(struct replica *r, uint64_t n, struct noted *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT kind,id,state,seq,EXISTS(SELECT 1 FROM ds_sent AS s"
						" WHERE s.n=j.n AND s.grp=-1) FROM ds_journal AS j WHERE n=?1", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && !row)
		st = ST_NOT_FOUND;
	if (st == ST_OK) {
		out->key.kind = schema_kind_num(r->schema, (unsigned)db_column_int(stmt, 0));
		out->state = db_column_int(stmt, 2);
		out->seq = (uint64_t)db_column_int(stmt, 3);
		out->create = db_column_int(stmt, 4) != 0;
		if (out->key.kind == NULL || !db_column_id(stmt, 1, &out->key.id))
			st = ST_CORRUPT;
	}
	db_done(stmt);
	return st;
}

/* --- words for people ------------------------------------------------------------- */

static const char *verdict_word(enum outcome_verdict verdict)
{
	switch (verdict) {
	case GROUP_ACCEPTED:
		return "accepted";
	case GROUP_MERGED:
		return "merged";
	case GROUP_SUPERSEDED:
		return "superseded";
	}
	return "unknown";
}

static enum outcome_verdict worst(const struct outcome *outcome)
{
	enum outcome_verdict verdict = GROUP_ACCEPTED;

	for (size_t i = 0; i < outcome->group_count; i++)
		if (outcome->groups[i].verdict > verdict)
			verdict = outcome->groups[i].verdict;
	return verdict;
}

static void add_groups(struct buf *buf, const struct outcome *outcome, const struct kind *kind)
{
	const char *separator = "";

	buf_add_str(buf, ",\"groups\":{");
	for (size_t i = 0; i < outcome->group_count; i++) {
		const int slot = slot_of(kind, outcome->groups[i].num);
		const char *name = slot > SLOT_MARK ? kind->groups[slot - 1].name : "deleted";

		buf_add_str(buf, separator);
		buf_add_json(buf, name, strlen(name));
		buf_printf(buf, ":\"%s\"", verdict_word(outcome->groups[i].verdict));
		separator = ",";
	}
	buf_add_byte(buf, '}');
}

/* {"result":"superseded","groups":{"phone":"superseded"}} */
static void add_outcome(struct buf *buf, const struct outcome *outcome, const struct kind *kind)
{
	switch (outcome->result) {
	case OUTCOME_ACCEPTED:
		buf_add_str(buf, "{\"result\":\"accepted\"");
		break;
	case OUTCOME_JUDGED:
		buf_printf(buf, "{\"result\":\"%s\"", verdict_word(worst(outcome)));
		add_groups(buf, outcome, kind);
		break;
	case OUTCOME_HELD:
		buf_printf(buf, "{\"result\":\"held\",\"reason\":\"%s\"", held_reason_name(outcome->reason));
		break;
	case OUTCOME_RETURNED:
		buf_add_str(buf, "{\"result\":\"returned\"");
		break;
	}
	buf_add_byte(buf, '}');
}

static enum status write_outcome(struct replica *r, const struct outcome *outcome, const struct kind *kind,
				 int state)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf text;

	buf_init(&text, 8192);
	add_outcome(&text, outcome, kind);
	st = buf_status(&text);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, "UPDATE ds_journal SET state=?2,seq=?3,reason=?4,outcome=?5,brief=NULL WHERE n=?1", &st);
	if (stmt != NULL) {
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)outcome->n);
		(void)sqlite3_bind_int(stmt, 2, state);
		(void)sqlite3_bind_int64(stmt, 3, (int64_t)outcome->seq);
		if (outcome->result == OUTCOME_HELD)
			(void)sqlite3_bind_int(stmt, 4, (int)outcome->reason);
		(void)sqlite3_bind_text(stmt, 5, buf_str(&text), (int)text.len, SQLITE_STATIC);
		st = db_run(&r->db, stmt);
	}
	buf_close(&text);
	return st;
}

/* --- settling --------------------------------------------------------------------- */

static enum status mark_sent(struct replica *r, uint64_t n, int group, int settled)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "UPDATE ds_sent SET settled=?3 WHERE n=?1 AND grp=?2 AND settled=0", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	(void)sqlite3_bind_int(stmt, 2, group);
	(void)sqlite3_bind_int(stmt, 3, settled);
	return db_run(&r->db, stmt);
}

/* It stands at the centre as sent: seen up to its sequence, and a copy from before
 * that is of the past. */
static enum status group_accepted(struct replica *r, const struct key *key, const struct outcome *outcome, int group)
{
	enum status st = mark_sent(r, outcome->n, group, SENT_SETTLED);
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK)
		st = tracks_see(r, key, group, outcome->seq);
	if (st == ST_OK)
		stmt = key_prepare(r, "DELETE FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=?3 AND seq<?4", key, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)outcome->seq);
	return db_run(&r->db, stmt);
}

/* A deletion that did not come about: unless news says otherwise, the record stands. */
static enum status group_lost(struct replica *r, const struct key *key, uint64_t n, int group)
{
	struct presence presence = { 0 };
	bool kept = false;
	enum status st = mark_sent(r, n, group, SENT_LOST);

	if (st != ST_OK || group != SCHEMA_GROUP_DELETED)
		return st;
	st = live_presence(r, key, &presence);
	if (st == ST_OK)
		st = key_exists(r, "SELECT 1 FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=0", key, &kept);
	if (st != ST_OK || kept || presence.live || !presence.gone_here)
		return st;
	return live_keep_mark(r, key, 0, false);
}

static bool group_is_accepted(const struct outcome *outcome, const struct noted *noted, int group)
{
	if (outcome->result != OUTCOME_JUDGED)
		return outcome->result == OUTCOME_ACCEPTED;
	for (size_t i = 0; i < outcome->group_count; i++)
		if (outcome->groups[i].num == group)
			return outcome->groups[i].verdict == GROUP_ACCEPTED;
	/* Of a create that was judged, what is not named stands as it was made. */
	return noted->create;
}

/* Every group of n; a create's own row is among them. */
static enum status settle(struct replica *r, const struct outcome *outcome, const struct noted *noted)
{
	int groups[SLOTS + 1];
	size_t count = 0;
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT grp FROM ds_sent WHERE n=?1 ORDER BY grp", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)outcome->n);
	while (count < sizeof groups / sizeof groups[0] && (st = db_step(&r->db, stmt, &row)) == ST_OK && row)
		groups[count++] = (int)db_column_int(stmt, 0);
	db_done(stmt);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const bool accepted = groups[i] == GROUP_RECORD ? outcome->result != OUTCOME_RETURNED
								: group_is_accepted(outcome, noted, groups[i]);

		st = accepted ? group_accepted(r, &noted->key, outcome, groups[i])
			      : group_lost(r, &noted->key, outcome->n, groups[i]);
	}
	return st;
}

/* --- one outcome ------------------------------------------------------------------ */

/* An answer may say again what is known; it may not say something else. */
static bool says_the_same(const struct outcome *outcome, const struct noted *noted)
{
	if (noted->state == STATE_RETURNED)
		return outcome->result == OUTCOME_RETURNED;
	return outcome->seq == noted->seq && outcome->result != OUTCOME_HELD;
}

static const char STRANGE_NOTICE[] = "The centre answered for a change of this tablet in a way that does not fit what"
				     " this tablet had noted. What was noted first counts; nothing was changed. Tell a"
				     " supervisor.";

static enum status strange(struct replica *r, const struct outcome *outcome)
{
	env_log(r->env, LOG_ERROR, "outcome", "contradicts", "n=%" PRIu64 " seq=%" PRIu64 " result=%d", outcome->n,
		outcome->seq, (int)outcome->result);
	return replica_tell(r, STRANGE_NOTICE);
}

static void count_outcome(const struct outcome *outcome, struct apply_report *report)
{
	switch (outcome->result) {
	case OUTCOME_ACCEPTED:
		report->accepted++;
		break;
	case OUTCOME_JUDGED:
		switch (worst(outcome)) {
		case GROUP_ACCEPTED:
			report->accepted++;
			break;
		case GROUP_MERGED:
			report->merged++;
			break;
		case GROUP_SUPERSEDED:
			report->superseded++;
			break;
		}
		break;
	case OUTCOME_HELD:
		report->held++;
		break;
	case OUTCOME_RETURNED:
		report->returned++;
		break;
	}
}

enum status outcome_apply(struct replica *r, const struct outcome *outcome, struct apply_report *report,
			  struct key *key_out)
{
	struct noted noted = { 0 };
	enum status st = ST_OK;

	key_out->kind = NULL;
	if (outcome->n > INT64_MAX || outcome->seq > INT64_MAX)
		return ST_PROTOCOL;
	st = read_noted(r, outcome->n, &noted);
	if (st == ST_NOT_FOUND)
		return strange(r, outcome);
	if (st != ST_OK)
		return st;
	if (noted.state != STATE_WAITING && noted.state != STATE_HELD)
		return says_the_same(outcome, &noted) ? ST_OK : strange(r, outcome);
	assert(noted.key.kind != NULL);
	/* Each answer says again what is held: that is nothing new. */
	if (noted.state != STATE_HELD || outcome->result != OUTCOME_HELD)
		count_outcome(outcome, report);
	switch (outcome->result) {
	case OUTCOME_HELD:
		return write_outcome(r, outcome, noted.key.kind, STATE_HELD);
	case OUTCOME_RETURNED:
		st = write_outcome(r, outcome, noted.key.kind, STATE_RETURNED);
		break;
	case OUTCOME_ACCEPTED:
	case OUTCOME_JUDGED:
		st = write_outcome(r, outcome, noted.key.kind, STATE_SETTLED);
		break;
	}
	if (st == ST_OK)
		st = settle(r, outcome, &noted);
	*key_out = noted.key;
	return st;
}

enum status outcome_done(struct replica *r, uint64_t n)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "UPDATE ds_sent SET settled=1 WHERE n=?1 AND settled=2", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	return db_run(&r->db, stmt);
}

/* Numbers from n on that are in this state wait; how many were there? */
static enum status wait_again(struct replica *r, uint64_t n, int state, int *count_out)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "UPDATE ds_journal SET state=0 WHERE n>=?1 AND state=?2", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, n > INT64_MAX ? INT64_MAX : (int64_t)n);
	(void)sqlite3_bind_int(stmt, 2, state);
	st = db_run(&r->db, stmt);
	*count_out = st == ST_OK ? sqlite3_changes(r->db.handle) : 0;
	return st;
}

enum status outcome_send_from(struct replica *r, uint64_t n, bool *settled_out)
{
	int held = 0, settled = 0, returned = 0;
	enum status st = wait_again(r, n, STATE_HELD, &held);

	if (st == ST_OK)
		st = wait_again(r, n, STATE_SETTLED, &settled);
	if (st == ST_OK)
		st = wait_again(r, n, STATE_RETURNED, &returned);
	*settled_out = settled + returned > 0;
	return st;
}
