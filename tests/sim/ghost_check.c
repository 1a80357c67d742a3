/* ghost_check.c - the checks of one tablet, from outside all of its acts (ghost.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/journal.h"
#include "common/closing.h"
#include "common/signature.h"
#include "proto/limits.h"
#include "tests/sim/ghost_inside.h"
#include "tests/sim/judge.h"

/* I22, of one tablet. The WAL is moved into the database from 200 frames on, after an exchange: until then it takes what a
 * person types in the days without a link, and one answer. Files: two connections, each with database and WAL, and a
 * temporary one. Regions of 32 KB index 4,096 frames each. Statements: one for each text of SQL that the code has, some a kind. */
#define WAL_BYTES_MAX ((size_t)24 * 1024 * 1024)
#define DISK_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define OPEN_FILES_MAX 8
#define SHM_REGIONS_MAX 8
#define STATEMENTS_MAX 2000

#define WATCHES_A_STEP 2
#define WATCHES_AN_ANSWER 8
#define SAMPLES_AN_ANSWER 3
#define STATUS_EVERY 8
#define CLOCK_MS 5000
#define HASH_START UINT64_C(0xCBF29CE484222325)

enum { STATE_SETTLED = 2, STATE_RETURNED = 3 };

/* --- versions never go back ---------------------------------------------------------------------- */

static int64_t version_seen(struct sim_tablet *t, unsigned kind, const struct id *id, unsigned group)
{
	return ghost_ask(t, "SELECT coalesce(max(seq),0) FROM ds_version WHERE kind=?1 AND id=?2 AND grp IN (?3,-1)", kind, id,
			 (int64_t)group, -1);
}

/* The word's group is watched from now on, in place of the oldest one that is. */
static void watch(struct sim_tablet *t, const struct ghost *g)
{
	struct ghost_tablet *gt = ghost_tablet(t->node.sim, t->node.index);
	const struct kind *kind = ghost_kind(t->node.sim, g);
	const uint8_t group = ghost_group(t->node.sim, g)->num;

	gt->watches[gt->watch_put] = (struct ghost_watch){ .kind = kind->num, .group = group, .id = g->word.id,
						     .seq = version_seen(t, kind->num, &g->word.id, group) };
	gt->watch_put = (gt->watch_put + 1) % GHOST_WATCHES;
	if (gt->watch_count < GHOST_WATCHES)
		gt->watch_count++;
}

void ghost_check_watches(struct sim_tablet *t, size_t count)
{
	struct sim *sim = t->node.sim;
	struct ghost_tablet *gt = ghost_tablet(sim, t->node.index);

	for (size_t i = 0; i < count && i < gt->watch_count; i++) {
		struct ghost_watch *w = &gt->watches[gt->watch_look++ % gt->watch_count];
		const int64_t seq = version_seen(t, w->kind, &w->id, w->group);
		char id[ID_TEXT_SIZE];

		id_format(&w->id, id);
		if (seq >= 0 && seq < w->seq)
			sim_wrong(sim, "I7", "%s had seen group %u of %s %s up to %" PRId64 ", and now only up to %" PRId64, t->node.name,
				  (unsigned)w->group, schema_kind_num(sim->schema, w->kind)->name, id, w->seq, seq);
		if (seq > w->seq)
			w->seq = seq;
	}
}

/* --- what was typed stands until it has its outcome ------------------------------------------------------ */

static bool is_settled(struct sim_tablet *t, const struct ghost *g)
{
	const int64_t state = g->last_n == 0 ? 0 : ghost_journal_state(t, g->last_n);

	if (state < 0)
		sim_wrong(t->node.sim, "I1", "%s has lost change %" PRIu64 " from its journal, which held %s", t->node.name, g->last_n,
			  ghost_name(t->node.sim, g).text);
	return state < 0 || state == STATE_SETTLED || state == STATE_RETURNED;
}

static void missing(struct sim_tablet *t, const struct ghost *g, const char *where)
{
	sim_wrong(t->node.sim, "I7", "%s no longer shows %s, which has no outcome yet (%s %" PRIu64 "): %s", t->node.name,
		  ghost_name(t->node.sim, g).text, g->last_n == 0 ? "not numbered," : "change", g->last_n, where);
}

static void check_lacking(struct sim_tablet *t, struct ghost *g)
{
	if (g->maybe_gone || (g->last_n > 0 && ghost_edited_since(t, g)))
		ghost_took_away(g);
	else
		missing(t, g, "the field holds something else");
}

void ghost_check_word(struct sim_tablet *t, struct ghost *g)
{
	if (!g->open || g->state != GHOST_STORED)
		return;
	if (is_settled(t, g)) {
		g->open = false;
		watch(t, g);
		return;
	}
	if (g->word.overwritten && g->word.n == 0) {
		g->open = false;
		return;
	}
	switch (ghost_sight(t, g)) {
	case SIGHT_LACKING:
		check_lacking(t, g);
		break;
	case SIGHT_GONE:
		if (g->maybe_gone)
			ghost_took_away(g);
		else if (g->last_n == 0)
			missing(t, g, "the record was deleted, and the last row lacks it");
		break;
	case SIGHT_NOWHERE:
		missing(t, g, "the record is not there");
		break;
	case SIGHT_SHOWN:
	case SIGHT_GONE_WITH:
	case SIGHT_NONE:
		break;
	}
}

void ghost_check_all_words(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	struct ghost_tablet *gt = ghost_tablet(sim, t->node.index);

	for (size_t i = 0; i < gt->open_count; i++)
		ghost_check_word(t, ghost_at(sim->ghosts, gt->open[i]));
	ghost_sweep(sim->ghosts, gt);
}

/* --- I21: what says that all was received is right ---------------------------------------------------------- */

static void check_unsent(struct sim_tablet *t, struct ghost_tablet *gt)
{
	struct sim *sim = t->node.sim;

	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *g = ghost_at(sim->ghosts, gt->open[i]);

		if (g->word.n != 0 || g->state != GHOST_STORED)
			continue;
		ghost_check_word(t, g);
		if (g->open)
			sim_wrong(sim, "I21", "%s says that nothing is unsent, and %s is in no change", t->node.name,
				  ghost_name(sim, g).text);
	}
	ghost_sweep(sim->ghosts, gt);
}

/* What the tablet's status says, which its person goes by. Counting costs more than looking: not each time. */
static void check_status(struct sim_tablet *t, struct ghost_tablet *gt)
{
	struct outbox_counts counts = { 0 };

	if (gt->open_count == 0 || ++gt->asked % STATUS_EVERY != 0 || journal_counts(&t->replica, &counts) != ST_OK ||
	    counts.dirty + counts.waiting > 0)
		return;
	ghost_take_up(t);
	check_unsent(t, gt);
}

/* The centre's own word. False: it can't be asked just now. */
static bool check_received(struct sim_tablet *t, struct ghost_tablet *gt)
{
	struct sim *sim = t->node.sim;
	const struct sim_centre *c = &sim->centre;
	struct store *store = c->centre.store;
	struct device device;
	enum status st;

	if (gt->looked_n <= gt->proven_n)
		return true;
	if (!c->node.up || c->node.acting || store->ops->begin_read(store) != ST_OK)
		return false;
	st = store->ops->device_get(store, t->device, &device);
	store->ops->rollback(store);
	if (st != ST_OK)
		return false;
	gt->proven_n = device.last_n;
	if (device.last_n < gt->looked_n)
		sim_wrong(sim, "I21", "%s says that all is received, up to change %" PRIu64 "; the centre has taken %" PRIu64,
			  t->node.name, gt->looked_n, device.last_n);
	return true;
}

/* False: it has to be asked again, though the tablet writes nothing. */
static bool check_quiet(struct sim_tablet *t, struct ghost_tablet *gt)
{
	if ((gt->open_count == 0 && gt->looked_n <= gt->proven_n) ||
	    ghost_count(t, "SELECT EXISTS(SELECT 1 FROM ds_dirty) OR EXISTS(SELECT 1 FROM ds_journal WHERE state=0)") != 0)
		return true;
	ghost_take_up(t);
	check_unsent(t, gt);
	return check_received(t, gt);
}

/* --- I22 -------------------------------------------------------------------------------------------------------- */

static void check_bound(struct sim_tablet *t, const char *what, size_t found, size_t most)
{
	if (found > most)
		sim_wrong(t->node.sim, "I22", "%s has %zu %s, more than %zu", t->node.name, found, what, most);
}

static void check_bounds(struct sim_tablet *t)
{
	struct disk_usage usage;
	char wal[sizeof t->path + 8];
	size_t len = 0;

	check_bound(t, "prepared statements", t->replica.db.cache_size, STATEMENTS_MAX);
	if (t->node.disk == NULL)
		return;
	(void)snprintf(wal, sizeof wal, "%s-wal", t->path);
	(void)disk_read(t->node.disk, wal, &len);
	check_bound(t, "bytes of WAL", len, WAL_BYTES_MAX);
	disk_usage(t->node.disk, &usage);
	check_bound(t, "bytes on its disk", usage.bytes, DISK_BYTES_MAX);
	check_bound(t, "open files", usage.open_files, OPEN_FILES_MAX);
	check_bound(t, "regions of shared memory", usage.shm_regions, SHM_REGIONS_MAX);
}

/* --- I3, I9: what was committed together is there together --------------------------------------------------------- */

static const struct {
	const char *invariant, *sql, *what;
} BOOKS[] = {
	{ "I3", "SELECT count(*) FROM ds_applying", "the mark of the engine's own writes was committed" },
	{ "I9", "SELECT EXISTS(SELECT 1 FROM ds_meta WHERE key='cursor' AND length(value)>0) AND NOT EXISTS(SELECT 1 FROM ds_receipt)",
	  "a cursor, and no receipt" },
	{ "I9", "SELECT EXISTS(SELECT 1 FROM ds_meta WHERE key='last_down_ms') <> EXISTS(SELECT 1 FROM ds_receipt)",
	  "a receipt without the time of its answer, or the other way round" },
	{ "I12", "SELECT (SELECT count(*) FROM ds_journal)<>coalesce((SELECT value FROM ds_meta WHERE key='last_n'),0)"
		 " OR coalesce((SELECT max(n) FROM ds_journal),0)<>coalesce((SELECT value FROM ds_meta WHERE key='last_n'),0)",
	  "numbers of changes have a gap" },
	{ "I3", "SELECT count(*) FROM ds_journal AS j WHERE state IN (0,1) AND NOT EXISTS(SELECT 1 FROM ds_sent AS s WHERE s.n=j.n"
		" AND s.settled=0)", "a change without outcome whose groups are settled" },
	{ "I3", "SELECT count(*) FROM ds_sent WHERE settled=2", "a change that was settled by half" },
};

void ghost_check_books(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	const struct kind *patient = schema_kind(sim->schema, "patient", strlen("patient"));
	char sql[2 * GHOST_SQL_SIZE];

	for (size_t i = 0; i < sizeof BOOKS / sizeof BOOKS[0]; i++)
		if (ghost_count(t, BOOKS[i].sql) != 0)
			sim_wrong(sim, BOOKS[i].invariant, "the books of %s: %s", t->node.name, BOOKS[i].what);
	(void)snprintf(sql, sizeof sql,
		       "SELECT count(*) FROM ds_caseload AS c WHERE state='complete' AND NOT EXISTS(SELECT 1 FROM patient WHERE"
		       " id=c.patient) AND NOT EXISTS(SELECT 1 FROM ds_gone WHERE kind=%u AND id=c.patient)", patient->num);
	if (ghost_count(t, sql) != 0)
		sim_wrong(sim, "I3", "a patient is complete on %s, and has no row there", t->node.name);
}

/* --- I27: what is signed ---------------------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t add_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001B3);
	return hash;
}

static uint64_t signed_hash(const struct kind *kind, const struct row *row)
{
	const uint64_t mask = closing_signed_mask(kind);
	uint64_t hash = HASH_START;

	for (size_t f = 0; f < kind->field_count; f++) {
		const struct value *value = &row->values[f];
		const uint8_t tag = (uint8_t)value->tag;

		if ((mask >> f & 1) == 0)
			continue;
		hash = add_bytes(hash, &tag, sizeof tag);
		if (value->tag == VALUE_TEXT)
			hash = add_bytes(hash, value->text, value->len);
		else if (value->tag == VALUE_INT)
			hash = add_bytes(hash, &value->integer, sizeof value->integer);
		hash = add_bytes(hash, "", 1);
	}
	return hash;
}

static struct ghost_note *find_note(struct ghost_tablet *gt, const struct id *id)
{
	for (size_t i = 0; i < gt->note_count; i++)
		if (id_equal(&gt->notes[i].id, id))
			return &gt->notes[i];
	return NULL;
}

static void first_seen(struct ghost_tablet *gt, const struct id *id, uint64_t hash)
{
	gt->notes = ghost_room(gt->notes, gt->note_count, &gt->note_room, sizeof *gt->notes);
	gt->notes[gt->note_count++] = (struct ghost_note){ .id = *id, .hash = hash };
}

/* A signature counts once nothing of the note is under way, and the centre tells of it: before, another's may have come first,
 * and a patient who has left leaves the row as it was. */
static bool rests(struct sim_tablet *t, unsigned kind, const struct id *id, const struct id *patient)
{
	return ghost_ask(t, "SELECT 1 FROM ds_caseload WHERE ?1 AND patient=?2 AND ?3 AND state='complete'", 1, patient, 1, 0) != 0 &&
	       ghost_ask(t, "SELECT (SELECT count(*) FROM ds_dirty WHERE kind=?1 AND id=?2)+(SELECT count(*) FROM ds_sent WHERE"
			    " kind=?1 AND id=?2 AND settled=?3)", kind, id, 0, 1) == 0;
}

/* An error's mark may be all that was taken of what its author signed: then nothing was sealed. */
static bool is_sealed(const struct sim *sim, const struct kind *kind, const struct id *id, const struct row *row)
{
	const struct value *status = &row->values[kind->closing];

	return status->len != strlen(CLOSING_ERROR) || memcmp(status->text, CLOSING_ERROR, status->len) != 0 ||
	       judge_was_signed(sim, id);
}

static void check_note(struct sim_tablet *t, const struct kind *kind, const struct id *id, struct arena *arena)
{
	struct sim *sim = t->node.sim;
	struct ghost_tablet *gt = ghost_tablet(sim, t->node.index);
	const struct ghost_note *known = find_note(gt, id);
	char text[ID_TEXT_SIZE];
	struct id patient;
	struct row row;
	int64_t version;
	uint64_t hash;

	if (replica_read(&t->replica, kind, id, arena, &row, &patient, &version) != ST_OK || !closing_is_closed(kind, &row))
		return;
	id_format(id, text);
	hash = signed_hash(kind, &row);
	if (known != NULL && known->hash != hash)
		sim_wrong(sim, "I27", "on %s the signed note %s has other contents than when it was first seen", t->node.name, text);
	if (signature_check(kind, id, &patient, &row) == ST_INVALID && rests(t, kind->num, id, &patient) &&
	    is_sealed(sim, kind, id, &row))
		sim_wrong(sim, "I27", "on %s the digest of note %s does not seal it", t->node.name, text);
	if (known == NULL && rests(t, kind->num, id, &patient))
		first_seen(gt, id, hash);
}

void ghost_check_notes(struct sim_tablet *t, size_t count)
{
	struct sim *sim = t->node.sim;
	struct ghost_tablet *gt = ghost_tablet(sim, t->node.index);
	const struct kind *kind = schema_kind(sim->schema, "note", strlen("note"));
	struct arena arena;
	bool more = kind != NULL && kind_field(kind, "digest", strlen("digest")) >= 0;

	if (count == SIZE_MAX)
		gt->note_look = ID_STAFF; /* before all others */
	arena_init(&arena, LIMIT_INFLATED_MAX);
	for (size_t i = 0; i < count && more; i++) {
		sqlite3_stmt *stmt = ghost_prepare(t, "SELECT id FROM note WHERE id>?1 AND digest IS NOT NULL ORDER BY id LIMIT 1");

		bool row = false;

		if (stmt == NULL)
			break;
		db_bind_id(&t->replica.db, stmt, 1, &gt->note_look);
		more = db_step(&t->replica.db, stmt, &row) == ST_OK && row && db_column_id(stmt, 0, &gt->note_look);
		db_done(stmt);
		if (more)
			check_note(t, kind, &gt->note_look, &arena);
		else
			gt->note_look = ID_STAFF;
		arena_reset(&arena);
	}
	arena_close(&arena);
}

/* --- I8: what the cursor says is here ------------------------------------------------------------------------------------ */

static void check_group(struct sim_tablet *t, const struct record *record, const struct group *group, uint64_t seq)
{
	const struct kind *kind = record->kind;
	char id[ID_TEXT_SIZE];

	if (version_seen(t, kind->num, &record->id, group->num) >= (int64_t)seq ||
	    ghost_ask(t, "SELECT 1 FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp IN (?3,-1,0)", kind->num, &record->id, group->num,
		      0) != 0 ||
	    ghost_ask(t, "SELECT 1 FROM ds_sent WHERE kind=?1 AND id=?2 AND grp IN (?3,-1,0) AND settled=0", kind->num, &record->id,
		      group->num, 0) != 0 ||
	    ghost_ask(t, "SELECT 1 FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=?3", kind->num, &record->id, group->num, 0) != 0)
		return;
	id_format(&record->id, id);
	sim_wrong(t->node.sim, "I8", "%s has heard all, and not the %s of %s %s, which is from %" PRIu64, t->node.name, group->name,
		  kind->name, id, seq);
}

static void check_record(struct sim_tablet *t, const struct ghost *g, uint64_t heard)
{
	struct sim *sim = t->node.sim;
	struct store *store = sim->centre.centre.store;
	struct record record;
	enum status st;

	if (store->ops->begin_read(store) != ST_OK)
		return;
	st = store->ops->record_marks(store, ghost_kind(sim, g), &g->word.id, &record);
	store->ops->rollback(store);
	if (st != ST_OK || record.deleted || record.deletion.seq > heard || /* which came back since, in the same batch */
	    ghost_ask(t, "SELECT 1 FROM ds_caseload WHERE ?1 AND patient=?2 AND ?3 AND state='complete'", 1, &record.patient, 1, 0) == 0)
		return;
	for (size_t i = 0; i < record.kind->group_count; i++)
		if (record.groups[i].seq > 0 && record.groups[i].seq <= heard)
			check_group(t, &record, &record.kind->groups[i], record.groups[i].seq);
}

/* An answer without news (a request that came twice) leaves the cursor where it was. */
static void note_cursor(struct sim_tablet *t)
{
	struct ghost_tablet *gt = ghost_tablet(t->node.sim, t->node.index);
	sqlite3_stmt *stmt = ghost_prepare(t, "SELECT value FROM ds_meta WHERE key='cursor'");
	uint64_t hash = 0;
	bool row = false;

	if (stmt != NULL && db_step(&t->replica.db, stmt, &row) == ST_OK && row && sqlite3_column_bytes(stmt, 0) > 0)
		hash = add_bytes(HASH_START, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
	db_done(stmt);
	gt->cursor_moved = hash != 0 && hash != gt->cursor;
	gt->cursor = hash;
}

void ghost_check_heard(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	const struct sim_centre *c = &sim->centre;
	struct ghost_look look;
	struct ghost_tablet *gt;
	int64_t heard;

	if (!ghost_look_begin(&look, t))
		return;
	gt = ghost_tablet(sim, t->node.index);
	heard = ghost_count(t, "SELECT seq FROM ds_receipt ORDER BY counter DESC LIMIT 1");
	for (size_t i = 0; i < SAMPLES_AN_ANSWER && gt->cursor_moved && c->node.up && !c->node.acting && sim->ghosts->count > 0; i++) {
		gt->sample = gt->sample % sim->ghosts->count + 1;
		check_record(t, ghost_at(sim->ghosts, gt->sample), (uint64_t)heard);
	}
	ghost_look_end(&look);
}

/* --- when they are made ---------------------------------------------------------------------------------------------------- */

/* Where nobody knew whether a word was kept, its act may have taken others of the record away. */
static void resolve(struct sim_tablet *t, struct ghost *g)
{
	struct sim *sim = t->node.sim;
	struct ghost_tablet *gt = ghost_tablet(sim, t->node.index);
	const enum ghost_sight sight = ghost_sight(t, g);

	if (sight == SIGHT_NONE)
		return;
	if (sight != SIGHT_SHOWN && sight != SIGHT_GONE_WITH) {
		g->state = GHOST_NEVER;
		g->open = false;
		return;
	}
	g->state = GHOST_STORED;
	g->word.confirmed = true;
	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *o = ghost_at(sim->ghosts, gt->open[i]);

		if (o->number != g->number && ghost_same_record(o, g))
			o->maybe_gone = true;
	}
}

void ghost_check_started(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	struct ghost_look look;
	struct ghost_tablet *gt;

	if (!ghost_look_begin(&look, t))
		return;
	gt = ghost_tablet(sim, t->node.index);
	ghost_take_up(t);
	for (size_t i = 0; i < gt->open_count; i++)
		if (ghost_at(sim->ghosts, gt->open[i])->state == GHOST_DOUBTFUL)
			resolve(t, ghost_at(sim->ghosts, gt->open[i]));
	ghost_check_all_words(t);
	ghost_check_books(t);
	ghost_check_watches(t, SIZE_MAX);
	ghost_check_notes(t, SIZE_MAX);
	note_cursor(t); /* it may have died right behind an answer that it had applied */
	ghost_look_end(&look);
}

void ghost_check_built(struct sim_tablet *t)
{
	struct ghost_look look;

	if (!ghost_look_begin(&look, t))
		return;
	ghost_take_up(t);
	ghost_look_end(&look);
}

void ghost_check_taken(struct sim_tablet *t)
{
	struct ghost_look look;

	if (!ghost_look_begin(&look, t))
		return;
	ghost_take_up(t);
	ghost_check_all_words(t);
	ghost_check_watches(t, WATCHES_AN_ANSWER);
	ghost_check_notes(t, 1);
	note_cursor(t);
	ghost_look_end(&look);
}

/* I20, I21: whoever left the tablet alone for long enough finds all in what the sync took up, but what exceeds a limit. Twice
 * the rest, for a clock that was set back makes it longer. */
void ghost_check_prompt(struct sim_tablet *t, int64_t built_ms, int64_t rest_ms)
{
	struct sim *sim = t->node.sim;
	struct ghost_look look;
	struct ghost_tablet *gt;

	if (t->acted_ms >= built_ms - 2 * rest_ms - CLOCK_MS || !ghost_look_begin(&look, t))
		return;
	gt = ghost_tablet(sim, t->node.index);
	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *g = ghost_at(sim->ghosts, gt->open[i]);

		if (g->word.n == 0 && g->open && g->state == GHOST_STORED && g->word.made_ms < t->acted_ms + CLOCK_MS &&
		    ghost_ask(t, "SELECT 1 FROM ds_attention WHERE kind=?1 AND id=?2 AND ?3", g->word.kind, &g->word.id, 1, 0) == 0)
			sim_wrong(sim, "I21", "%s left %s behind, which nobody touched for %" PRId64 " s", t->node.name,
				  ghost_name(sim, g).text, (built_ms - t->acted_ms) / 1000);
	}
	ghost_look_end(&look);
}

/* Grows with whatever could change what a check reads. */
static uint64_t count_writes(const struct sim_tablet *t)
{
	const int64_t own = sqlite3_total_changes64(t->replica.db.handle),
		      program = t->program == NULL ? 0 : sqlite3_total_changes64(t->program);

	return (t->node.life << 40) + (uint64_t)own + (uint64_t)program + 1;
}

void ghost_check_step(struct sim_tablet *t)
{
	struct ghost_look look;
	struct ghost_tablet *gt;
	uint64_t writes;

	if (!ghost_look_begin(&look, t))
		return;
	gt = ghost_tablet(t->node.sim, t->node.index);
	writes = count_writes(t);
	if (writes != gt->writes) {
		gt->writes = check_quiet(t, gt) ? writes : 0;
		check_status(t, gt);
		ghost_check_watches(t, WATCHES_A_STEP);
		check_bounds(t);
	}
	ghost_look_end(&look);
}
