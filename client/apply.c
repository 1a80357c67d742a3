#include "client/apply.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/journal.h"
#include "client/live.h"
#include "client/news.h"
#include "client/outcome.h"
#include "proto/limits.h"

/* Two rows of one record, what was in flight of it and its copies. */
#define RECORD_SIZE_MAX ((size_t)64 * 1024 * 1024)
/* How far the wall clock may run apart from the boot clock within one exchange. */
#define JUMP_MS 2000

static enum status apply_outcomes(struct replica *r, const struct answer *answer, struct key *touched,
				  struct apply_report *report)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < answer->outcome_count && st == ST_OK; i++)
		st = outcome_apply(r, &answer->outcomes[i], report, &touched[i]);
	return st;
}

/* --- records ---------------------------------------------------------------------- */

static const char UNREADABLE_NOTICE[] = "The centre sent something this version can't read. Everything you wrote is safe and"
					" is sent. Install the newer version.";

/* Can every record of the answer be read? Nothing is written yet. */
static enum status read_records(struct replica *r, const struct answer *answer, struct arena *arena, bool *readable_out)
{
	enum status st = ST_OK;
	size_t at = 0;

	while (at < answer->record_count && st == ST_OK) {
		struct answer_record *record = NULL;

		arena_reset(arena);
		record = arena_zalloc(arena, sizeof *record);
		if (record == NULL)
			return ST_NOMEM;
		st = answer_record_decode(r->schema, answer, at++, arena, record);
	}
	if (st == ST_NOMEM)
		return st;
	*readable_out = st == ST_OK;
	if (st != ST_OK)
		env_log(r->env, LOG_ERROR, "apply", "record-unreadable", "status=%s record=%zu of=%zu", status_name(st), at,
			answer->record_count);
	return ST_OK;
}

/* What it says of rows, patients and the cursor comes again from the same cursor, to a version that can read it. Only
 * what stands beside a change that was not taken as sent does not: for that everything is fetched anew. */
static enum status leave_records(struct replica *r, struct apply_report *report)
{
	report->unreadable = true;
	report->more = false;
	report->anew = report->merged + report->superseded + report->returned > 0;
	return replica_tell(r, UNREADABLE_NOTICE);
}

static const char MISSING_NOTICE[] = "A record that the centre changed was not on this tablet. Everything is fetched anew"
				     " with the next sync; what you wrote is not touched.";
static const char FOREIGN_NOTICE[] = "A record on this tablet has the same id as another patient's record at the centre."
				     " The centre's was not taken. Tell a supervisor.";

static enum status note_fate(struct replica *r, const struct answer_record *record, enum news_fate fate,
			     struct apply_report *report)
{
	char id[ID_TEXT_SIZE];

	if (fate == NEWS_TAKEN)
		return ST_OK;
	id_format(&record->id, id);
	env_log(r->env, LOG_ERROR, "apply", fate == NEWS_MISSING ? "record-missing" : "record-foreign",
		"kind=%u id=%s seq=%" PRIu64, (unsigned)record->kind->num, id, record->seq);
	if (fate == NEWS_FOREIGN)
		return replica_tell(r, FOREIGN_NOTICE);
	report->anew = true;
	return replica_tell(r, MISSING_NOTICE);
}

static enum status apply_records(struct replica *r, const struct answer *answer, struct arena *arena,
				 struct apply_report *report)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < answer->record_count && st == ST_OK; i++) {
		struct answer_record *record = NULL;
		enum news_fate fate = NEWS_TAKEN;

		arena_reset(arena);
		record = arena_zalloc(arena, sizeof *record);
		if (record == NULL)
			return ST_NOMEM;
		st = answer_record_decode(r->schema, answer, i, arena, record);
		if (st == ST_OK)
			st = news_apply(r, record, arena, &fate);
		if (st == ST_OK)
			st = note_fate(r, record, fate, report);
		report->records++;
	}
	return st;
}

/* The rows of what was settled show what stands, now that all records are here. */
static enum status settle_touched(struct replica *r, const struct answer *answer, const struct key *touched,
				  struct arena *arena)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < answer->outcome_count && st == ST_OK; i++) {
		if (touched[i].kind == NULL)
			continue;
		arena_reset(arena);
		st = live_settle(r, &touched[i], arena);
	}
	for (size_t i = 0; i < answer->outcome_count && st == ST_OK; i++)
		st = outcome_done(r, answer->outcomes[i].n);
	return st;
}

static enum status set_caseload(struct replica *r, const struct id *patients, size_t count, const char *state)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < count && st == ST_OK; i++) {
		sqlite3_stmt *stmt = db_prepare(&r->db, "INSERT INTO ds_caseload(patient,state) VALUES(?1,?2)"
							" ON CONFLICT(patient) DO UPDATE SET state=excluded.state", &st);

		if (stmt == NULL)
			return st;
		db_bind_id(&r->db, stmt, 1, &patients[i]);
		(void)sqlite3_bind_text(stmt, 2, state, -1, SQLITE_STATIC);
		st = db_run(&r->db, stmt);
	}
	return st;
}

static void add_id_list(struct buf *json, const struct id *ids, size_t count)
{
	char text[ID_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		id_format(&ids[i], text);
		buf_printf(json, "%s\"%s\"", json->len > 1 ? "," : "", text);
	}
}

/* An answer to no cursor begins with every patient of the caseload: whom it does not name has left it, and nothing
 * else will say so. */
static enum status leave_unnamed(struct replica *r, const struct answer *answer, struct apply_report *report)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = NULL;
	struct buf named;

	buf_init(&named, LIMIT_INFLATED_MAX);
	buf_add_byte(&named, '[');
	add_id_list(&named, answer->filling, answer->filling_count);
	add_id_list(&named, answer->complete, answer->complete_count);
	buf_add_byte(&named, ']');
	st = buf_status(&named);
	if (st == ST_OK)
		stmt = db_prepare(&r->db, "UPDATE ds_caseload SET state='left' WHERE state<>'left'"
					  " AND patient NOT IN (SELECT value FROM json_each(?1))", &st);
	if (stmt != NULL) {
		(void)sqlite3_bind_text(stmt, 1, buf_str(&named), (int)named.len, SQLITE_STATIC);
		st = db_run(&r->db, stmt);
	}
	buf_close(&named);
	if (st == ST_OK)
		report->let_go += (uint64_t)sqlite3_changes64(r->db.handle);
	return st;
}

/* Did the request that is answered go without a cursor? The cursor changes with the answer alone. */
static enum status asked_without_cursor(struct replica *r, bool *out)
{
	bool kept = false;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT 1 FROM ds_meta WHERE key='cursor' AND length(value)>0", &st);

	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &kept);
	db_done(stmt);
	*out = !kept;
	return st;
}

static enum status apply_caseload(struct replica *r, const struct answer *answer, struct apply_report *report)
{
	bool first = false;
	enum status st = asked_without_cursor(r, &first);

	report->let_go = answer->let_go_count;
	/* Without a cursor of its own the answer is no page of the feed, and tells nothing of the caseload. */
	if (st == ST_OK && first && answer->cursor.len > 0)
		st = leave_unnamed(r, answer, report);
	if (st == ST_OK)
		st = set_caseload(r, answer->let_go, answer->let_go_count, "left");
	if (st == ST_OK)
		st = set_caseload(r, answer->filling, answer->filling_count, "filling");
	if (st == ST_OK)
		st = set_caseload(r, answer->complete, answer->complete_count, "complete");
	report->filling = answer->filling_count;
	report->complete = answer->complete_count;
	return st;
}

static const char COUNTER_NOTICE[] = "The centre has heard from this tablet before under the same number and sends it no"
				     " news. Perhaps a copy of this tablet is in use, or it was restored from a backup."
				     " What you write is kept. Tell a supervisor.";

static enum status apply_notice(struct replica *r, const struct answer *answer, enum notice notice,
				struct apply_report *report)
{
	bool settled = false;
	enum status st = ST_OK;

	switch (notice) {
	case NOTICE_SEND_FROM:
		st = outcome_send_from(r, answer->send_from, &settled);
		report->anew = report->anew || settled;
		return st;
	case NOTICE_CURSOR:
		report->anew = true;
		return ST_OK;
	case NOTICE_COUNTER:
		return replica_tell(r, COUNTER_NOTICE);
	case NOTICE_NONE:
	case NOTICE_VERSION:
	case NOTICE_SEND_WHOLE: /* see note_whole */
	case NOTICE_WITHDRAWN:  /* see note_withdrawn */
		break;
	}
	return ST_OK;
}

/* The centre lacks what a change's brief leaves out: at once again, and whole, until an answer no longer says so. */
static enum status note_whole(struct replica *r, struct apply_report *report)
{
	const bool is = report->notices[NOTICE_SEND_WHOLE];
	int64_t was = 0;
	const enum status st = replica_meta_int(r, "send_whole", &was);

	if (st != ST_OK)
		return st;
	report->more = report->more || (is && was == 0);
	return (was != 0) == is ? ST_OK : replica_meta_set_int(r, "send_whole", is);
}

/* As long as every answer says so. */
static enum status note_withdrawn(struct replica *r, const struct apply_report *report)
{
	const bool is = report->notices[NOTICE_WITHDRAWN];
	int64_t since_ms = 0;
	const enum status st = replica_meta_int(r, "withdrawn_ms", &since_ms);

	if (st != ST_OK || (since_ms != 0) == is)
		return st;
	return replica_meta_set_int(r, "withdrawn_ms", is ? r->env->wall_ms(r->env->ctx) : 0);
}

static enum status apply_notices(struct replica *r, const struct answer *answer, struct apply_report *report)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < answer->notice_count && st == ST_OK; i++) {
		const unsigned notice = (unsigned)answer->notices[i];

		if (notice < sizeof report->notices / sizeof report->notices[0])
			report->notices[notice] = true;
		st = apply_notice(r, answer, answer->notices[i], report);
	}
	if (st == ST_OK)
		st = note_withdrawn(r, report);
	return st == ST_OK ? note_whole(r, report) : st;
}

/* --- the reading ------------------------------------------------------------------ */

/* Only readings that an unsent edit names, and the one after each, are looked at again. */
static const char PRUNE_READINGS[] =
	"DELETE FROM ds_reading WHERE id < min((SELECT reading-1 FROM ds_state),"
	" coalesce((SELECT min(reading) FROM ds_dirty WHERE reading>0),(SELECT reading FROM ds_state)))";

static enum status keep_reading(struct replica *r, const struct answer *answer, const struct apply_times *times)
{
	const int64_t trip_ms = times->round_trip_ms < 0 ? 0 : times->round_trip_ms;
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "INSERT INTO ds_reading(id,heard_ms,wall_received_ms,slack_ms,boot_ms,"
						"boot) SELECT reading+1,?1,?2,?3,?4,?5 FROM ds_state", &st);

	if (stmt == NULL)
		return st;
	/* Sent, not received: what the way down took is within the round trip. */
	(void)sqlite3_bind_int64(stmt, 1, answer->sent_ms);
	(void)sqlite3_bind_int64(stmt, 2, times->wall_received_ms);
	(void)sqlite3_bind_int64(stmt, 3, trip_ms > UINT32_MAX ? (int64_t)UINT32_MAX : trip_ms);
	(void)sqlite3_bind_int64(stmt, 4, times->boot_received_ms);
	(void)sqlite3_bind_int64(stmt, 5, times->boot);
	st = db_run(&r->db, stmt);
	if (st == ST_OK)
		st = db_run_text(&r->db, "UPDATE ds_state SET reading=reading+1");
	return st == ST_OK ? db_run_text(&r->db, PRUNE_READINGS) : st;
}

/* The next reading finds it too; here it only gets a line in the log. */
static void log_jump(struct replica *r, const struct apply_times *times)
{
	int64_t wall_ms = 0, apart_ms = 0;

	if (__builtin_sub_overflow(times->wall_received_ms, times->wall_sent_ms, &wall_ms) ||
	    __builtin_sub_overflow(wall_ms, times->round_trip_ms, &apart_ms))
		return;
	if (apart_ms > JUMP_MS || apart_ms < -JUMP_MS)
		env_log(r->env, LOG_NOTICE, "apply", "clock-jumped", "by_ms=%" PRId64, apart_ms);
}

/* --- all of it -------------------------------------------------------------------- */

static enum status apply_parts(struct replica *r, const struct answer *answer, struct key *touched,
			       struct apply_report *report)
{
	bool readable = false;
	struct arena arena;
	enum status st = ST_OK;

	arena_init(&arena, RECORD_SIZE_MAX);
	st = apply_outcomes(r, answer, touched, report);
	if (st == ST_OK)
		st = read_records(r, answer, &arena, &readable);
	if (st == ST_OK)
		st = readable ? apply_records(r, answer, &arena, report) : leave_records(r, report);
	if (st == ST_OK)
		st = settle_touched(r, answer, touched, &arena);
	arena_close(&arena);
	if (st == ST_OK && readable)
		st = apply_caseload(r, answer, report);
	if (st == ST_OK)
		st = apply_notices(r, answer, report);
	if (st == ST_OK && report->anew)
		st = replica_meta_set_blob(r, "cursor", "", 0);
	else if (st == ST_OK && readable && answer->cursor.len > 0)
		st = replica_meta_set_blob(r, "cursor", answer->cursor.data, answer->cursor.len);
	return st;
}

uint64_t apply_settled(const struct apply_report *report)
{
	return report->accepted + report->merged + report->superseded + report->held + report->returned;
}

static enum status number_all_dirty(struct replica *r)
{
	const struct journal_options all = { .changes_max = SIZE_MAX };
	size_t count = 0;

	return journal_number(r, &all, &count);
}

enum status apply_answer(struct replica *r, const struct answer *answer, const struct apply_times *times,
			 struct apply_report *report_out)
{
	struct apply_report report = { .more = answer->more };
	struct key *touched = calloc(answer->outcome_count + 1, sizeof *touched);
	enum status st = touched == NULL ? ST_NOMEM : replica_quiet_begin(r);

	if (st == ST_OK) {
		env_crash_point(r->env, "A14 mid apply");
		st = apply_parts(r, answer, touched, &report);
	}
	if (st == ST_OK)
		st = keep_reading(r, answer, times);
	if (st == ST_OK)
		st = replica_quiet_end(r);
	if (st == ST_OK && report.let_go > 0)
		st = number_all_dirty(r);
	free(touched);
	if (st != ST_OK)
		return st;
	log_jump(r, times);
	*report_out = report;
	return ST_OK;
}
