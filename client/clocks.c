#include "client/clocks.h"

#include <assert.h>
#include <inttypes.h>

#define SECOND_MS 1000

struct clock_pair clocks_pair(const struct replica *r)
{
	const struct env *env = r->env;

	return (struct clock_pair){ .wall_ms = env->wall_ms(env->ctx),
				    .boot_ms = env->boot_ms(env->ctx),
				    .boot = env->boot != NULL ? env->boot(env->ctx) : 0 };
}

/* --- readings ---------------------------------------------------------------------- */

#define READING "SELECT heard_ms,wall_received_ms,slack_ms,boot_ms,boot,set_here FROM ds_reading "

/* ST_NOT_FOUND: there is none. */
static enum status read_reading(struct replica *r, const char *sql, int64_t id, struct reading *out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, sql, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, id);
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && !row)
		st = ST_NOT_FOUND;
	if (st == ST_OK)
		*out = (struct reading){
			.heard_ms = db_column_int(stmt, 0),
			.wall_received_ms = db_column_int(stmt, 1),
			.slack_ms = (uint32_t)db_column_int(stmt, 2),
			.boot_ms = db_column_int(stmt, 3),
			.boot = (uint32_t)db_column_int(stmt, 4),
			.set = db_column_int(stmt, 5) != 0,
		};
	db_done(stmt);
	return st;
}

static enum status newest_reading(struct replica *r, struct reading *out)
{
	return read_reading(r, READING "WHERE id>=?1 ORDER BY id DESC LIMIT 1", 0, out);
}

enum status clocks_evidence(struct replica *r, const struct clock_pair *edit, int64_t reading, struct evidence *out)
{
	struct reading heard = { 0 }, next = { 0 };
	enum status st = read_reading(r, READING "WHERE id=?1", reading, &heard);
	enum status next_st = ST_NOT_FOUND;

	if (st == ST_OK)
		next_st = read_reading(r, READING "WHERE id>?1 ORDER BY id LIMIT 1", reading, &next);
	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	if (next_st != ST_OK && next_st != ST_NOT_FOUND)
		return next_st;
	*out = clock_evidence(edit, reading > 0 ? (uint64_t)reading : 0, st == ST_OK ? &heard : NULL,
			      next_st == ST_OK ? &next : NULL);
	return ST_OK;
}

enum status clocks_now(struct replica *r, int64_t wall_ms, struct clock_now *out)
{
	struct reading heard = { 0 };
	const enum status st = newest_reading(r, &heard);

	*out = (struct clock_now){ .measured = false };
	if (st != ST_OK || heard.set || heard.heard_ms <= 0)
		return st == ST_NOT_FOUND ? ST_OK : st;
	out->heard_ms = heard.heard_ms;
	out->slack_ms = heard.slack_ms;
	out->measured = !__builtin_sub_overflow(wall_ms, heard.wall_received_ms, &out->elapsed_ms);
	out->offset_ms = clock_offset_ms(&heard);
	/* A clock that goes right costs no bytes. */
	if (out->offset_ms > -SECOND_MS && out->offset_ms < SECOND_MS)
		out->offset_ms = 0;
	return ST_OK;
}

enum status clocks_off(struct replica *r, bool *known_out, struct clock_off *out)
{
	const struct clock_pair now = clocks_pair(r);
	struct reading heard = { 0 };
	const enum status st = newest_reading(r, &heard);
	struct clock_pair then;
	int64_t since_ms = 0;

	*known_out = st == ST_OK && heard.heard_ms > 0;
	if (!*known_out)
		return st == ST_NOT_FOUND ? ST_OK : st;
	then = (struct clock_pair){ .wall_ms = heard.wall_received_ms, .boot_ms = heard.boot_ms, .boot = heard.boot };
	*out = (struct clock_off){ .ms = clock_offset_ms(&heard), .within_ms = heard.slack_ms / 2 + 1 };
	if (clock_same_boot(&then, &now) && clock_was_set(&then, &now, &since_ms))
		out->ms += since_ms;
	return ST_OK;
}

/* --- a clock that was set ------------------------------------------------------------ */

static enum status kept_pair(struct replica *r, struct clock_pair *out)
{
	int64_t boot = 0;
	enum status st = replica_meta_int(r, "clock_wall_ms", &out->wall_ms);

	if (st == ST_OK)
		st = replica_meta_int(r, "clock_boot_ms", &out->boot_ms);
	if (st == ST_OK)
		st = replica_meta_int(r, "clock_boot", &boot);
	out->boot = (uint32_t)boot;
	return st;
}

static enum status keep_pair(struct replica *r, const struct clock_pair *now)
{
	enum status st = replica_meta_set_int(r, "clock_wall_ms", now->wall_ms);

	if (st == ST_OK)
		st = replica_meta_set_int(r, "clock_boot_ms", now->boot_ms);
	return st == ST_OK ? replica_meta_set_int(r, "clock_boot", now->boot) : st;
}

static enum status add_set_reading(struct replica *r)
{
	enum status st = db_run_text(&r->db, "INSERT INTO ds_reading(id,heard_ms,wall_received_ms,slack_ms,boot_ms,boot,set_here)"
					     " SELECT s.reading+1,coalesce(l.heard_ms,0),coalesce(l.wall_received_ms,0),"
					     "coalesce(l.slack_ms,0),l.boot_ms,l.boot,1 FROM ds_state AS s"
					     " LEFT JOIN ds_reading AS l ON l.id=s.reading");

	return st == ST_OK ? db_run_text(&r->db, "UPDATE ds_state SET reading=reading+1") : st;
}

/* As often as it happens: what was told before of the same says when it was last. */
static enum status tell_set(struct replica *r, const struct clock_pair *now, int64_t by_ms, bool at_least)
{
	char words[CLOCK_NOTICE_SIZE];
	enum status st = ST_OK;
	sqlite3_stmt *stmt;

	clock_set_words(by_ms, at_least, words);
	stmt = db_prepare(&r->db, "DELETE FROM ds_notice WHERE what=?1", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, words, -1, SQLITE_STATIC);
	st = db_run(&r->db, stmt);
	stmt = st == ST_OK ? db_prepare(&r->db, "INSERT INTO ds_notice(at_ms,what) VALUES(?2,?1)", &st) : NULL;
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, words, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, now->wall_ms);
	return db_run(&r->db, stmt);
}

static enum status note_set(struct replica *r, const struct clock_pair *now, int64_t by_ms, bool at_least)
{
	enum status st = add_set_reading(r);

	env_log(r->env, LOG_NOTICE, "clocks", "set", "by_ms=%" PRId64 " at_least=%d", by_ms, at_least);
	if (st == ST_OK && (by_ms >= CLOCK_OFF_MS_MIN || by_ms <= -CLOCK_OFF_MS_MIN))
		st = tell_set(r, now, by_ms, at_least);
	return st;
}

/* Never looked at before: nothing to compare with. */
static bool was_set(const struct clock_pair *kept, const struct clock_pair *now, int64_t *by_ms_out)
{
	return kept->wall_ms != 0 && clock_was_set(kept, now, by_ms_out);
}

enum status clocks_look(struct replica *r)
{
	const struct clock_pair now = clocks_pair(r);
	struct clock_pair kept = { 0 };
	int64_t by_ms = 0;
	enum status st = kept_pair(r, &kept);

	assert(r->db.began);
	if (st == ST_OK && was_set(&kept, &now, &by_ms))
		st = note_set(r, &now, by_ms, !clock_same_boot(&kept, &now));
	return st == ST_OK ? keep_pair(r, &now) : st;
}

enum status clocks_look_alone(struct replica *r)
{
	const struct clock_pair now = clocks_pair(r);
	struct clock_pair kept = { 0 };
	int64_t by_ms = 0;
	enum status st = kept_pair(r, &kept);

	if (st != ST_OK || !was_set(&kept, &now, &by_ms))
		return st;
	st = db_begin(&r->db);
	if (st != ST_OK)
		return st;
	/* Under the lock, since another program may have noticed it by now. */
	st = clocks_look(r);
	if (st == ST_OK)
		return db_commit(&r->db);
	db_rollback(&r->db);
	return st;
}

/* --- edits of ours --------------------------------------------------------------------- */

enum status clocks_edit(struct replica *r, int64_t *edit_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT edit FROM ds_state", &st);

	*edit_out = 0;
	if (stmt == NULL)
		return st;
	st = db_step(&r->db, stmt, &row);
	if (st == ST_OK && row)
		*edit_out = db_column_int(stmt, 0);
	db_done(stmt);
	return st;
}

enum status clocks_stamp(struct replica *r, const struct kind *kind, const struct id *id, int64_t edit)
{
	const struct clock_pair now = clocks_pair(r);
	enum status st = ST_OK;
	sqlite3_stmt *stmt;

	if (now.boot == 0)
		return ST_OK;
	stmt = db_prepare(&r->db, "UPDATE ds_dirty SET boot_ms=?4,boot=?5 WHERE kind=?1 AND id=?2 AND edit_last>=?3", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 1, kind->num);
	db_bind_id(&r->db, stmt, 2, id);
	(void)sqlite3_bind_int64(stmt, 3, edit);
	(void)sqlite3_bind_int64(stmt, 4, now.boot_ms);
	(void)sqlite3_bind_int64(stmt, 5, now.boot);
	return db_run(&r->db, stmt);
}
