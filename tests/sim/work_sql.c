/* Forms of statement, as other programs write them, on shared things. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/work_inside.h"

/* What most forms begin with: a shared thing that is there, its title as shown, and a word for it. */
struct form {
	const struct ground *ground;
	struct place place;
	char title[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	bool is_there;
};

static void form_init(struct deed *d, struct form *form)
{
	form->ground = work_ground(d->sim);
	deed_thing(d, &form->place);
	form->is_there = place_read(d->t, &form->place, form->ground->title, form->title);
}

/* False: it is not there. */
static bool form_word(struct deed *d, struct form *form)
{
	if (form->is_there)
		(void)deed_word(d, &form->place, form->ground->title, form->word);
	return form->is_there;
}

static bool was_deleted(struct deed *d, const struct place *place)
{
	return tablet_int(d->t, "SELECT count(*) FROM ds_gone WHERE kind = %u AND id = '%s'", (unsigned)place->kind->num,
			  place->text) > 0;
}

/* --- INSERT and its kin ------------------------------------------------------------------------------ */

/* A shared slot that is empty here: nobody, somebody else, or (after a deletion) this very tablet had it. */
static void sql_insert(struct deed *d, struct form *f, const char *verb, enum met met)
{
	bool back;

	if (f->is_there || !deed_has_patient(d, f->place.patient))
		return;
	back = was_deleted(d, &f->place);
	(void)deed_word(d, &f->place, f->ground->title, f->word);
	deed_begin(d);
	(void)deed_sql(d, "%s INTO \"%w\"(id, patient, title, status) VALUES ('%q', '%q', '%q', 'open')", verb,
		       f->place.kind->name, f->place.text, f->place.patient_text, f->word);
	if (deed_end(d, met, "%s %s%s: title %s", verb, f->place.name, back ? ", which was deleted" : "", f->word) && back)
		sim_met(d->sim, MET_RECORD_BACK);
}

/* SQLite makes the id; who typed it finds it by its title. Where a fault hides it, nobody can say what stands. */
static void find_default(struct deed *d, const struct form *f)
{
	char id[ID_TEXT_SIZE];

	if (tablet_text(d->t, id, sizeof id, "SELECT id FROM \"%s\" WHERE title = '%s'", f->place.kind->name, f->word) &&
	    id_parse(id, strlen(id), &ghost_get(d->sim, d->words[0])->id))
		return;
	d->end = GHOST_UNKNOWN;
	if (!node_is_dying(&d->t->node) && !d->t->node.peril.struck)
		sim_wrong(d->sim, "sim", "%s: a record made without an id can't be found", d->t->node.name);
}

static void sql_default(struct deed *d, struct form *f)
{
	if (!deed_has_patient(d, f->place.patient))
		return;
	(void)deed_word(d, &f->place, f->ground->title, f->word);
	ghost_get(d->sim, d->words[0])->id = ID_STAFF;
	deed_begin(d);
	if (deed_sql(d, "INSERT INTO \"%w\"(patient, title, status) VALUES ('%q', '%q', 'open')", f->place.kind->name,
		     f->place.patient_text, f->word))
		find_default(d, f);
	(void)deed_end(d, MET_SQL_INSERT_DEFAULT, "inserts a %s of p%u without an id: title %s", f->place.kind->name,
		       f->place.patient, f->word);
}

/* Every column is written again, but for the title. */
static void sql_replace(struct deed *d, struct form *f, const char *verb, enum met met)
{
	struct buf columns;

	if (!form_word(d, f)) {
		sql_insert(d, f, verb, met);
		return;
	}
	buf_init(&columns, 4096);
	for (size_t i = 0; i < f->place.kind->field_count; i++)
		if (strcmp(f->place.kind->fields[i].name, "title") != 0)
			buf_printf(&columns, ", \"%s\"", f->place.kind->fields[i].name);
	deed_begin(d);
	(void)deed_sql(d, "%s INTO \"%w\"(id, patient, title%s) SELECT id, patient, '%q'%s FROM \"%w\" WHERE id = '%q'", verb,
		       f->place.kind->name, buf_str(&columns), f->word, buf_str(&columns), f->place.kind->name, f->place.text);
	d->gone = &f->place;
	(void)deed_end(d, met, "%s %s: title %s", verb, f->place.name, f->word);
	buf_close(&columns);
}

static void sql_upsert(struct deed *d, struct form *f)
{
	if (!form_word(d, f))
		return;
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO \"%w\"(id, patient, title) VALUES ('%q', '%q', '%q') ON CONFLICT(id) DO UPDATE"
			  " SET title = excluded.title", f->place.kind->name, f->place.text, f->place.patient_text, f->word);
	(void)deed_end(d, MET_SQL_UPSERT, "upsert %s: title %s", f->place.name, f->word);
}

/* Where it is there, nothing happens. */
static void sql_or_ignore(struct deed *d, struct form *f)
{
	char after[WORK_TEXT_SIZE];
	bool kept;

	if (!f->is_there) {
		sql_insert(d, f, "INSERT OR IGNORE", MET_SQL_OR_IGNORE);
		return;
	}
	deed_begin(d);
	(void)deed_sql(d, "INSERT OR IGNORE INTO \"%w\"(id, patient, title) VALUES ('%q', '%q', 'ignored')", f->place.kind->name,
		       f->place.text, f->place.patient_text);
	kept = deed_end(d, MET_SQL_OR_IGNORE, "INSERT OR IGNORE %s, which is there", f->place.name);
	if (kept && place_read(d->t, &f->place, f->ground->title, after) && strcmp(after, f->title) != 0)
		sim_wrong(d->sim, "sim", "%s: INSERT OR IGNORE changed %s", d->t->node.name, f->place.name);
}

/* --- UPDATE and its kin ---------------------------------------------------------------------------------- */

/* Only if nobody changed it since a page was opened; with an old version nothing happens. */
static void sql_version(struct deed *d, struct form *f)
{
	const int64_t now = place_version(d->t, &f->place), shown = now - (dice_one_in(&d->dice, 3) ? 1 : 0);
	bool written = false;

	if (!form_word(d, f))
		return;
	deed_begin(d);
	if (deed_sql(d, "UPDATE \"%w\" SET title = '%q' WHERE id = '%q' AND version = %lld", f->place.kind->name, f->word,
		     f->place.text, (long long)shown))
		written = sqlite3_changes(tablet_connection(d->t, d->program)) > 0;
	if (d->end == GHOST_KEPT && written != (shown == now) && !node_is_dying(&d->t->node))
		sim_wrong(d->sim, "sim", "%s: UPDATE of %s WHERE version = %lld changed %s row", d->t->node.name, f->place.name,
			  (long long)shown, written ? "a" : "no");
	if (shown != now)
		deed_take_back(d);
	(void)deed_end(d, written ? MET_SQL_UPDATE_VERSION : MET_COUNT, "%s WHERE version = %lld: title %s%s", f->place.name,
		       (long long)shown, f->word, written ? "" : ", nothing");
}

/* All things of a patient, each with a word of its own. */
static void sql_many(struct deed *d, struct form *f)
{
	struct buf cases;
	size_t count = 0;

	buf_init(&cases, 16384);
	for (unsigned slot = 0; slot < WORK_THINGS; slot++) {
		struct place place;
		char shown[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

		place_init(d->sim, &place, f->ground->thing, f->place.patient, USE_THING, slot);
		if (!place_read(d->t, &place, "outcome", shown))
			continue;
		(void)deed_word(d, &place, "outcome", word);
		buf_printf(&cases, " WHEN '%s' THEN '%s'", place.text, word);
		count++;
	}
	if (count > 0) {
		deed_begin(d);
		(void)deed_sql(d, "UPDATE \"%w\" SET outcome = CASE id%s ELSE outcome END WHERE patient = '%q'",
			       f->place.kind->name, buf_str(&cases), f->place.patient_text);
		(void)deed_end(d, count > 1 ? MET_SQL_UPDATE_MANY : MET_COUNT, "all %s of p%u: outcome w%u …", f->place.kind->name,
			       f->place.patient, d->words[0]);
	}
	buf_close(&cases);
}

static void sql_from(struct deed *d, struct form *f)
{
	if (!form_word(d, f))
		return;
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET title = x.title FROM (SELECT '%q' AS id, '%q' AS title) AS x WHERE \"%w\".id = x.id",
		       f->place.kind->name, f->place.text, f->word, f->place.kind->name);
	(void)deed_end(d, MET_SQL_FROM, "UPDATE FROM %s: title %s", f->place.name, f->word);
}

static void sql_returning(struct deed *d, struct form *f)
{
	if (!form_word(d, f))
		return;
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET title = '%q' WHERE id = '%q' RETURNING id, title", f->place.kind->name, f->word,
		       f->place.text);
	(void)deed_end(d, MET_SQL_RETURNING, "UPDATE RETURNING %s: title %s", f->place.name, f->word);
}

static void sql_delete(struct deed *d, struct form *f)
{
	if (!f->is_there)
		return;
	deed_begin(d);
	(void)deed_sql(d, "DELETE FROM \"%w\" WHERE id = '%q'", f->place.kind->name, f->place.text);
	d->gone = &f->place;
	(void)deed_end(d, MET_SQL_DELETE, "DELETE %s", f->place.name);
}

/* --- several together ---------------------------------------------------------------------------------- */

/* BEGIN; all of it; COMMIT. What fails before COMMIT takes all back. */
static void commit(struct deed *d, bool good)
{
	if (!good || !deed_sql(d, "COMMIT"))
		deed_rollback(d);
}

static bool set_title(struct deed *d, const struct form *f)
{
	return deed_sql(d, "UPDATE \"%w\" SET title = '%q' WHERE id = '%q'", f->place.kind->name, f->word, f->place.text);
}

static void sql_transaction(struct deed *d, struct form *f)
{
	char title[GHOST_WORD_SIZE];
	struct place row;
	bool good;

	if (!form_word(d, f))
		return;
	place_init(d->sim, &row, f->ground->thing, f->place.patient, USE_ROW, work_own_slot(d->t->node.index, d->k));
	(void)deed_word(d, &row, f->ground->title, title);
	deed_begin(d);
	good = deed_sql(d, "BEGIN IMMEDIATE") && set_title(d, f) &&
	       deed_sql(d, "INSERT INTO \"%w\"(id, patient, title, status) VALUES ('%q', '%q', '%q', 'open')",
			row.kind->name, row.text, row.patient_text, title) &&
	       (d->sim->plan.whole ||
		deed_sql(d, "UPDATE item SET after = '%q' WHERE id = '%q'", row.text, f->place.text));
	commit(d, good);
	(void)deed_end(d, MET_SQL_TRANSACTION, "in one transaction %s: title %s, and inserts %s: %s", f->place.name, f->word,
		       row.name, title);
}

static void sql_rollback(struct deed *d, struct form *f)
{
	char after[WORK_TEXT_SIZE];
	bool kept;

	if (!form_word(d, f))
		return;
	deed_begin(d);
	if (deed_sql(d, "BEGIN") && set_title(d, f) &&
	    deed_sql(d, "DELETE FROM \"%w\" WHERE id = '%q'", f->place.kind->name, f->place.text))
		(void)deed_sql(d, "ROLLBACK");
	deed_rollback(d);
	deed_take_back(d);
	kept = deed_end(d, MET_SQL_ROLLBACK, "%s: title %s and DELETE, rolled back", f->place.name, f->word);
	if (kept && d->t->node.up &&
	    (!place_read(d->t, &f->place, f->ground->title, after) || strcmp(after, f->title) != 0))
		sim_wrong(d->sim, "I3", "%s: what was rolled back stands in %s", d->t->node.name, f->place.name);
}

/* The title is taken back, the outcome typed after it is kept. */
static void sql_savepoint(struct deed *d, struct form *f)
{
	char shown[WORK_TEXT_SIZE], outcome[GHOST_WORD_SIZE];
	bool good;

	if (!place_read(d->t, &f->place, "outcome", shown) || !form_word(d, f))
		return;
	deed_take_back(d);
	(void)deed_word(d, &f->place, "outcome", outcome);
	deed_begin(d);
	good = deed_sql(d, "BEGIN IMMEDIATE") && deed_sql(d, "SAVEPOINT here") && set_title(d, f) &&
	       deed_sql(d, "ROLLBACK TO here") && deed_sql(d, "RELEASE here") &&
	       deed_sql(d, "UPDATE \"%w\" SET outcome = '%q' WHERE id = '%q'", f->place.kind->name, outcome, f->place.text);
	commit(d, good);
	(void)deed_end(d, MET_SQL_SAVEPOINT, "%s: title %s taken back, outcome %s", f->place.name, f->word, outcome);
}

/* --- what is refused, what is looked at, what is torn down ----------------------------------------------- */

static void refused(struct deed *d, const char *what, const char *sql)
{
	bool stood;

	d->may_refuse = true;
	deed_begin(d);
	stood = deed_sql(d, "%s", sql);
	if (stood && !node_is_dying(&d->t->node))
		sim_wrong(d->sim, "sim", "%s: a statement that must be refused was not: %s", d->t->node.name, sql);
	if (d->end == GHOST_REFUSED && !d->t->node.peril.struck)
		sim_met(d->sim, MET_SQL_REFUSED);
	(void)deed_end(d, MET_COUNT, "%s", what);
}

static void sql_refused(struct deed *d, struct form *f)
{
	const uint64_t which = dice_below(&d->dice, 6);
	char sql[256];

	if (!f->is_there || tablet_int(d->t, "SELECT count(*) FROM worker") == 0)
		return;
	if (which == 0)
		(void)snprintf(sql, sizeof sql, "UPDATE worker SET name = 'Another'");
	else if (which == 1)
		(void)snprintf(sql, sizeof sql, "INSERT INTO assignment(patient, worker) SELECT '%s', id FROM worker",
			       f->place.patient_text);
	else if (which == 2)
		(void)snprintf(sql, sizeof sql, "UPDATE \"%s\" SET id = '00000000-0000-4000-8000-000000000001' WHERE id = '%s'",
			       f->place.kind->name, f->place.text);
	else if (which == 3)
		(void)snprintf(sql, sizeof sql, "UPDATE \"%s\" SET patient = '00000000-0000-4000-8000-000000000001' WHERE id = '%s'",
			       f->place.kind->name, f->place.text);
	else if (which == 4)
		(void)snprintf(sql, sizeof sql, "UPDATE \"%s\" SET version = 1000000 WHERE id = '%s'", f->place.kind->name,
			       f->place.text);
	else
		(void)snprintf(sql, sizeof sql, "REPLACE INTO worker(id, name) SELECT id, 'Another' FROM worker");
	refused(d, "tries what tablets may not", sql);
}

/* A program reads the view of a kind: as the table. */
static void sql_view(struct deed *d, struct form *f)
{
	char seen[WORK_TEXT_SIZE];

	if (!f->is_there || !tablet_text(d->t, seen, sizeof seen, "SELECT title FROM \"%s_text\" WHERE id = '%s'",
					 f->place.kind->name, f->place.text))
		return;
	sim_struck(d->sim, instance_act(d->t->node.index, d->k));
	sim_met(d->sim, MET_SQL_VIEW);
	sim_met(d->sim, MET_WORK_SQL);
	sim_tell(d->sim, &d->t->node, "reads %s by its view", f->place.name);
	d->done = true;
	if (strcmp(seen, f->title) != 0)
		sim_wrong(d->sim, "I7", "%s: the view of %s shows another title than its table", d->t->node.name, f->place.name);
}

/* A program drops triggers, and the replica notices before anybody writes. */
static void sql_triggers(struct deed *d, struct form *f)
{
	const int64_t count = tablet_int(d->t, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '%s'",
					 f->place.kind->name);
	char names[3][96];
	const size_t dropped = 1 + (size_t)dice_below(&d->dice, 3);

	if (count == 0)
		return;
	for (size_t i = 0; i < dropped; i++)
		if (!tablet_text(d->t, names[i], sizeof names[i], "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
				 " AND tbl_name = '%s' ORDER BY name LIMIT 1 OFFSET %" PRIu64, f->place.kind->name,
				 dice_below(&d->dice, (uint64_t)count)))
			return;
	deed_begin(d);
	for (size_t i = 0; i < dropped; i++)
		(void)deed_sql(d, "DROP TRIGGER IF EXISTS \"%w\"", names[i]);
	d->t->replica.restored = false;
	(void)deed_status(d, replica_check_schema(&d->t->replica));
	if (d->end == GHOST_KEPT && !d->t->replica.restored && !node_is_dying(&d->t->node))
		sim_wrong(d->sim, "sim", "%s: triggers were dropped and nobody noticed", d->t->node.name);
	(void)deed_end(d, MET_SQL_TRIGGER_LOST, "a program drops %zu triggers of %s", dropped, f->place.kind->name);
}

/* --- which one --------------------------------------------------------------------------------------------- */

static void insert_plain(struct deed *d, struct form *f)
{
	sql_insert(d, f, "INSERT", MET_SQL_INSERT);
}

static void replace(struct deed *d, struct form *f)
{
	sql_replace(d, f, "REPLACE", MET_SQL_REPLACE);
}

static void or_replace(struct deed *d, struct form *f)
{
	sql_replace(d, f, "INSERT OR REPLACE", MET_SQL_OR_REPLACE);
}

static void triggers_seldom(struct deed *d, struct form *f)
{
	if (dice_one_in(&d->dice, 4))
		sql_triggers(d, f);
}

void work_sql(struct deed *d)
{
	static void (*const forms[])(struct deed *, struct form *) = {
		insert_plain, insert_plain, insert_plain, replace, or_replace, sql_default, sql_upsert, sql_or_ignore, sql_version,
		sql_many, sql_from, sql_returning, sql_delete, sql_transaction, sql_rollback, sql_savepoint, sql_refused, sql_view,
		triggers_seldom,
	};
	struct form form = { 0 };

	form_init(d, &form);
	forms[dice_below(&d->dice, sizeof forms / sizeof forms[0])](d, &form);
}
