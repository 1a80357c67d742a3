/* ghost_read.c - what the ghosts read of a tablet, by its own connection (ghost_inside.h). */
#include <stdio.h>
#include <string.h>

#include "tests/sim/ghost_inside.h"

bool ghost_look_begin(struct ghost_look *look, struct sim_tablet *t)
{
	if (t->put_back)
		return false;
	*look = (struct ghost_look){ .t = t, .acting = t->node.acting };
	if (!t->node.up || t->node.sim->ghosts == NULL || (t->node.disk != NULL && disk_is_dead(t->node.disk)))
		return false;
	t->node.acting = false;
	return true;
}

void ghost_look_end(struct ghost_look *look)
{
	look->t->node.acting = look->acting;
}

/* --- statements ------------------------------------------------------------------------------------- */

sqlite3_stmt *ghost_prepare(struct sim_tablet *t, const char *sql)
{
	enum status st;

	return db_prepare(&t->replica.db, sql, &st);
}

bool ghost_int(struct sim_tablet *t, sqlite3_stmt *stmt, int64_t *out)
{
	bool row = false, good;

	if (stmt == NULL)
		return false;
	good = db_step(&t->replica.db, stmt, &row) == ST_OK;
	if (good && row)
		*out = db_column_int(stmt, 0);
	db_done(stmt);
	return good;
}

int64_t ghost_ask(struct sim_tablet *t, const char *sql, unsigned kind, const struct id *id, int64_t number, int64_t otherwise)
{
	sqlite3_stmt *stmt = ghost_prepare(t, sql);
	int64_t found = otherwise;

	if (stmt == NULL)
		return otherwise;
	(void)sqlite3_bind_int(stmt, 1, (int)kind);
	db_bind_id(&t->replica.db, stmt, 2, id);
	(void)sqlite3_bind_int64(stmt, 3, number);
	(void)ghost_int(t, stmt, &found);
	return found;
}

int64_t ghost_count(struct sim_tablet *t, const char *sql)
{
	int64_t found = 0;

	(void)ghost_int(t, ghost_prepare(t, sql), &found);
	return found;
}

/* --- rows -------------------------------------------------------------------------------------------- */

static sqlite3_stmt *select_field(struct sim_tablet *t, const struct kind *kind, const struct id *id, const struct field *field)
{
	char sql[GHOST_SQL_SIZE];
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT \"%s\" FROM \"%s\" WHERE id=?1", field->name, kind->name);
	stmt = ghost_prepare(t, sql);
	if (stmt != NULL)
		db_bind_id(&t->replica.db, stmt, 1, id);
	return stmt;
}

static bool column_holds(sqlite3_stmt *stmt, const struct ghost *g)
{
	const void *text = sqlite3_column_text(stmt, 0);
	char word[GHOST_WORD_SIZE];

	ghost_text(g, word);
	return text != NULL && memmem(text, (size_t)sqlite3_column_bytes(stmt, 0), word, strlen(word)) != NULL;
}

/* No row: was it deleted? */
static enum ghost_sight sight_gone(struct sim_tablet *t, const struct ghost *g)
{
	sqlite3_stmt *stmt = ghost_prepare(t, "SELECT last FROM ds_gone WHERE kind=?1 AND id=?2");
	enum ghost_sight sight = SIGHT_NONE;
	bool row = false;

	if (stmt == NULL)
		return SIGHT_NONE;
	(void)sqlite3_bind_int(stmt, 1, g->word.kind);
	db_bind_id(&t->replica.db, stmt, 2, &g->word.id);
	if (db_step(&t->replica.db, stmt, &row) == ST_OK)
		sight = !row ? SIGHT_NOWHERE : column_holds(stmt, g) ? SIGHT_GONE_WITH : SIGHT_GONE;
	db_done(stmt);
	return sight;
}

enum ghost_sight ghost_sight(struct sim_tablet *t, const struct ghost *g)
{
	const struct sim *sim = t->node.sim;
	sqlite3_stmt *stmt = select_field(t, ghost_kind(sim, g), &g->word.id, ghost_field(sim, g));
	enum ghost_sight sight = SIGHT_NONE;
	bool row = false, good;

	if (stmt == NULL)
		return SIGHT_NONE;
	good = db_step(&t->replica.db, stmt, &row) == ST_OK;
	if (good && row)
		sight = column_holds(stmt, g) ? SIGHT_SHOWN : SIGHT_LACKING;
	db_done(stmt);
	return good && !row ? sight_gone(t, g) : sight;
}

/* The newest word of the text. */
static uint32_t see_text(struct ghost *g, size_t *room, const char *text, size_t len)
{
	uint32_t newest = 0, number;
	size_t at = 0;

	while ((number = ghost_next_in(text, len, &at)) != 0) {
		g->screen = ghost_room(g->screen, g->screen_count, room, sizeof *g->screen);
		g->screen[g->screen_count++] = number;
		if (number > newest)
			newest = number;
	}
	return newest;
}

void ghost_see(struct sim_tablet *t, struct ghost *g)
{
	const struct sim *sim = t->node.sim;
	const struct kind *kind = ghost_kind(sim, g);
	const uint64_t mask = ghost_group(sim, g)->mask;
	size_t room = g->screen_count;

	for (uint8_t f = 0; f < kind->field_count; f++) {
		sqlite3_stmt *stmt = (mask >> f & 1) == 0 ? NULL : select_field(t, kind, &g->word.id, &kind->fields[f]);
		bool row = false;

		if (stmt != NULL && db_step(&t->replica.db, stmt, &row) == ST_OK && row) {
			const char *text = (const char *)sqlite3_column_text(stmt, 0);
			const uint32_t newest = text == NULL ? 0 : see_text(g, &room, text, (size_t)sqlite3_column_bytes(stmt, 0));

			if (f == g->word.field)
				g->word.shown = g->word.shown_first = newest;
		}
		db_done(stmt);
	}
}

bool ghost_each_gone(struct sim_tablet *t, uint8_t kind, const struct id *id, void (*fn)(void *ctx, uint32_t number), void *ctx)
{
	sqlite3_stmt *stmt = ghost_prepare(t, "SELECT last FROM ds_gone WHERE kind=?1 AND id=?2 AND last IS NOT NULL");
	bool row = false, found = false;

	if (stmt == NULL)
		return false;
	(void)sqlite3_bind_int(stmt, 1, kind);
	db_bind_id(&t->replica.db, stmt, 2, id);
	if (db_step(&t->replica.db, stmt, &row) == ST_OK && row) {
		const char *last = (const char *)sqlite3_column_text(stmt, 0);
		const size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
		size_t at = 0;
		uint32_t number;

		found = last != NULL;
		while (found && (number = ghost_next_in(last, len, &at)) != 0)
			fn(ctx, number);
	}
	db_done(stmt);
	return found;
}

/* --- the journal --------------------------------------------------------------------------------------- */

static void take_up_word(struct sim_tablet *t, struct ghost *g, uint64_t n)
{
	struct sim *sim = t->node.sim;

	if (g->state == GHOST_FORGIVEN)
		return;
	if (g->state == GHOST_REJECTED || g->state == GHOST_NEVER)
		sim_wrong(sim, "I7", "%s numbered %s as part of change %llu, though its author had been told that it is not stored",
			  t->node.name, ghost_name(sim, g).text, (unsigned long long)n);
	if (g->word.n == 0) {
		g->word.n = n;
		g->word.acted_ms = t->acted_ms;
	}
	g->last_n = n;
	g->state = GHOST_STORED;
	g->word.confirmed = true;
	g->word.overwritten = false;
	ghost_open(ghost_tablet(sim, t->node.index), g);
}

static void take_up_body(struct sim_tablet *t, uint64_t n, unsigned kind, const struct id *id, const uint8_t *body, size_t len)
{
	struct sim *sim = t->node.sim;
	size_t at = 0;
	unsigned patient;
	uint32_t number;

	while (ghost_scan(body, len, &at, &patient, &number)) {
		struct ghost *g = ghost_find(sim->ghosts, number);

		if (g != NULL && g->word.patient == patient && g->word.tablet == t->node.index && g->word.kind == kind &&
		    id_equal(&g->word.id, id))
			take_up_word(t, g, n);
	}
}

void ghost_take_up(struct sim_tablet *t)
{
	struct ghost_tablet *gt = ghost_tablet(t->node.sim, t->node.index);
	const int64_t newest = ghost_count(t, "SELECT max(n) FROM ds_journal");
	sqlite3_stmt *stmt;
	bool row = false;

	if (newest <= (int64_t)gt->looked_n)
		return;
	stmt = ghost_prepare(t, "SELECT n,kind,id,body FROM ds_journal WHERE n>?1 ORDER BY n");
	if (stmt == NULL)
		return;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)gt->looked_n);
	while (db_step(&t->replica.db, stmt, &row) == ST_OK && row) {
		const uint64_t n = (uint64_t)db_column_int(stmt, 0);
		struct id id;

		if (db_column_id(stmt, 2, &id))
			take_up_body(t, n, (unsigned)db_column_int(stmt, 1), &id, sqlite3_column_blob(stmt, 3),
				     (size_t)sqlite3_column_bytes(stmt, 3));
		gt->looked_n = n;
	}
	db_done(stmt);
}

bool ghost_edited_since(struct sim_tablet *t, const struct ghost *g)
{
	const struct kind *kind = ghost_kind(t->node.sim, g);
	const int group = ghost_group(t->node.sim, g)->num;
	char sql[GHOST_SQL_SIZE];

	if (ghost_ask(t, "SELECT 1 FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp IN (?3,-1)", kind->num, &g->word.id, group, 0) != 0)
		return true;
	(void)snprintf(sql, sizeof sql, "SELECT 1 FROM ds_sent WHERE kind=?1 AND id=?2 AND grp IN (%d,-1) AND n>?3", group);
	return ghost_ask(t, sql, kind->num, &g->word.id, (int64_t)g->last_n, 0) != 0;
}

int64_t ghost_journal_state(struct sim_tablet *t, uint64_t n)
{
	sqlite3_stmt *stmt = ghost_prepare(t, "SELECT state FROM ds_journal WHERE n=?1");
	int64_t state = -1;

	if (stmt == NULL)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	(void)ghost_int(t, stmt, &state);
	return state;
}
