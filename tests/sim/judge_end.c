/* Everything rests: the centre's records and caseloads against the model's, every tablet against both, journals against
 * history, the chain, held work, signed notes. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "daemon/chain.h"
#include "proto/limits.h"
#include "tests/sim/judge_inside.h"
#include "tests/support/world_check.h"

#define PROOFS_EVERY 8 /* signatures take most of the time: all are verified in every eighth seed */

/* One thing compared with another; records of the model, to be gone through for each tablet. */
struct ending {
	struct judge *j;
	struct model_record *records;
	size_t count, room;
	const struct kind *kind;
	size_t stored;           /* of the kind, at the centre */
	unsigned tablet;
	struct sim_tablet *t;
};

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct store *store_of(const struct ending *e)
{
	return e->j->sim->centre.centre.store;
}

static const char *shown(const char *text)
{
	return text != NULL ? text : "(null)";
}

/* --- the centre against the model ------------------------------------------------------------- */

static void gather(void *ctx, const struct model_record *record)
{
	struct ending *e = ctx;

	e->records = judge_room(e->records, e->count, &e->room, sizeof *e->records);
	e->records[e->count++] = *record;
}

static enum status compare_stored(void *ctx, const struct record *record)
{
	struct ending *e = ctx;
	struct sim *sim = e->j->sim;
	struct model_record should;
	char id[ID_TEXT_SIZE];

	id_format(&record->id, id);
	e->stored++;
	arena_reset(&e->j->arena);
	if (!model_record(e->j->model, record->kind->num, record->id.bytes, &should)) {
		sim_wrong(sim, "I5", "the centre has %s/%s, which nobody made", record->kind->name, id);
		return ST_REFUSED;
	}
	if (record->deleted != should.deleted)
		sim_wrong(sim, "I5", "%s/%s is %sdeleted at the centre, and by the model it is %s", record->kind->name, id,
			  record->deleted ? "" : "not ", should.deleted ? "deleted" : "not");
	if (memcmp(record->patient.bytes, should.patient, ID_SIZE) != 0)
		sim_wrong(sim, "I13", "%s/%s belongs to another patient at the centre than by the model", record->kind->name, id);
	for (size_t f = 0; f < record->kind->field_count && !sim_is_wrong(sim); f++) {
		const char *is = judge_text(&e->j->arena, &record->row.values[f]);

		if (!same(is, should.values[f]))
			sim_wrong(sim, "I5", "%s of %s/%s is %.100s at the centre, by the model %.100s", record->kind->fields[f].name,
				  record->kind->name, id, shown(is), shown(should.values[f]));
	}
	return sim_is_wrong(sim) ? ST_REFUSED : ST_OK;
}

static void compare_kind(struct ending *e)
{
	struct store *store = store_of(e);
	size_t should = 0;
	enum status st;

	e->stored = 0;
	for (size_t i = 0; i < e->count; i++)
		should += e->records[i].kind == e->kind->num;
	st = store->ops->record_each(store, e->kind, NULL, compare_stored, e);
	if (st != ST_OK && !sim_is_wrong(e->j->sim))
		sim_wrong(e->j->sim, "I5", "the centre's %s could not be read: %s", e->kind->name, status_name(st));
	else if (e->stored != should)
		sim_wrong(e->j->sim, "I5", "the centre has %zu records of %s, the model %zu", e->stored, e->kind->name, should);
}

static void compare_caseloads(struct ending *e)
{
	struct sim *sim = e->j->sim;
	struct store *store = store_of(e);

	for (unsigned tablet = 1; tablet <= sim->plan.tablets; tablet++)
		for (size_t i = 0; i < e->count && !sim_is_wrong(sim); i++) {
			struct id patient;
			char id[ID_TEXT_SIZE];
			bool is = false;

			if (!schema_kind_num(sim->schema, e->records[i].kind)->is_patient)
				continue;
			memcpy(patient.bytes, e->records[i].id, ID_SIZE);
			id_format(&patient, id);
			if (store->ops->member_is(store, &sim_tablet(sim, tablet)->worker, &patient, &is) != ST_OK ||
			    is != judge_in_scope(e->j, tablet, &patient))
				sim_wrong(sim, "I5", "patient/%s is %sin the caseload of tablet %u at the centre, by the model %s", id,
					  is ? "" : "not ", tablet, is ? "not" : "so");
		}
}

/* --- held work ------------------------------------------------------------------------------------ */

/* Held is only what something still keeps: what waited and whose time came was judged by itself. */
static enum status check_waiting(void *ctx, const struct held *held)
{
	struct ending *e = ctx;
	struct judge *j = e->j;
	struct store *store = store_of(e);
	struct model_end *end;
	struct history row;
	struct judged it = { .row = &row, .tablet = judge_tablet_of(j, held->device), .author = held->author,
			     .received_ms = held->received_ms };

	if (held->reason != HELD_NOT_YOURS && held->reason != HELD_WAITS && held->reason != HELD_CLOSED && held->reason != HELD_EXISTS &&
	    held->reason != HELD_WITHDRAWN)
		return ST_OK;
	arena_reset(&j->arena);
	end = arena_zalloc(&j->arena, sizeof *end);
	assert(end != NULL);
	if (store->ops->history_get(store, held->seq, &j->arena, &row) != ST_OK || row.result != OUTCOME_HELD)
		sim_wrong(j->sim, "I1", "held work %" PRIu64 " is not in history as held", held->seq);
	else if (held->detail[0] == '\0')
		judge_wrong(j, &it, "I1", "held without a reason that people can read");
	else if (judge_read(j, &it)) {
		model_judge(j->model, it.told, end);
		if (!end->held && held->wait_kind != 0)
			judge_wrong(j, &it, "I21", "held still, and nothing keeps it any more");
	}
	return sim_is_wrong(j->sim) ? ST_REFUSED : ST_OK;
}

/* --- the chain -------------------------------------------------------------------------------------- */

struct anchored {
	struct judge *j;
	size_t at; /* rows that anchors cover so far */
};

/* Each commit's rows, none left out, none twice; the head is the link of the last one. */
static enum status check_anchor(void *ctx, const struct anchor *anchor)
{
	struct anchored *a = ctx;
	struct judge *j = a->j;
	const size_t first = a->at;

	while (a->at < j->row_count && j->rows[a->at].seq <= anchor->seq)
		a->at++;
	if (a->at == first || j->rows[first].seq != anchor->first_seq || j->rows[a->at - 1].seq != anchor->seq)
		sim_wrong(j->sim, "I16", "the anchor of history %" PRIu64 " to %" PRIu64 " does not fit the rows there are",
			  anchor->first_seq, anchor->seq);
	else if (!digest_equal(&anchor->head, &j->rows[a->at - 1].link))
		sim_wrong(j->sim, "I16", "the anchor of history %" PRIu64 " has another head", anchor->seq);
	else if (anchor->contents.len < (a->at - first) * CHAIN_MARK_SIZE)
		sim_wrong(j->sim, "I16", "the anchor of history %" PRIu64 " lacks marks", anchor->seq);
	return sim_is_wrong(j->sim) ? ST_REFUSED : ST_OK;
}

/* The checks of tests/support know a world: this one's centre, seen as one. */
static void check_as_world(struct ending *e)
{
	struct sim *sim = e->j->sim;
	struct world *world = calloc(1, sizeof *world);
	char wrong[SIM_WRONG_SIZE / 2] = "";

	assert(world != NULL);
	world->schema = sim->schema;
	world->centre = sim->centre.centre;
	if (schema_kind(sim->schema, "note", 4) != NULL) {
		(void)world_check_signed(world, wrong, sizeof wrong);
		if (wrong[0] != '\0')
			sim_wrong(sim, "I27", "%s", wrong);
	}
	if (sim->plan.seed % PROOFS_EVERY == 0) {
		world_check_chain(world, wrong, sizeof wrong);
		if (wrong[0] != '\0')
			sim_wrong(sim, "I16", "%s", wrong);
	}
	free(world);
}

static void check_centre(struct ending *e)
{
	struct sim *sim = e->j->sim;
	struct store *store = store_of(e);
	struct anchored anchored = { .j = e->j };
	enum status st;

	for (size_t k = 0; k < sim->schema->kind_count && !sim_is_wrong(sim); k++) {
		e->kind = &sim->schema->kinds[k];
		compare_kind(e);
	}
	compare_caseloads(e);
	st = store->ops->held_each(store, NULL, NULL, true, check_waiting, e);
	if (st == ST_OK)
		st = store->ops->anchor_each(store, check_anchor, &anchored);
	if (st != ST_OK && !sim_is_wrong(sim))
		sim_wrong(sim, "sim", "the centre's held work or anchors could not be read: %s", status_name(st));
	if (anchored.at != e->j->row_count)
		sim_wrong(sim, "I16", "%zu of %zu rows of history are covered by no anchor", e->j->row_count - anchored.at,
			  e->j->row_count);
	if (e->j->winners + e->j->losers != e->j->groups)
		sim_wrong(sim, "I4", "%" PRIu64 " groups were received, %" PRIu64 " stand and %" PRIu64 " are kept", e->j->groups,
			  e->j->winners, e->j->losers);
	if (!sim_is_wrong(sim))
		check_as_world(e);
}

/* --- a tablet ------------------------------------------------------------------------------------------ */

/* Prepared once a connection: binds kind and id where the text has them. */
static sqlite3_stmt *ask(struct ending *e, const char *sql, const char *id)
{
	enum status st;
	sqlite3_stmt *stmt = db_prepare(&e->t->replica.db, sql, &st);

	if (stmt == NULL) {
		sim_wrong(e->j->sim, "sim", "tablet %u could not be asked: %s", e->tablet, status_name(st));
		return NULL;
	}
	if (id != NULL)
		(void)sqlite3_bind_text(stmt, 1, id, -1, SQLITE_TRANSIENT);
	return stmt;
}

static int64_t answer_of(struct ending *e, sqlite3_stmt *stmt)
{
	bool row = false;
	int64_t number = 0;

	if (stmt == NULL)
		return 0;
	if (db_step(&e->t->replica.db, stmt, &row) != ST_OK)
		sim_wrong(e->j->sim, "sim", "tablet %u could not be read", e->tablet);
	if (row)
		number = db_column_int(stmt, 0);
	db_done(stmt);
	return number;
}

/* Is the group (0: anything of the record) held at the centre, or beyond a limit and so no change yet? */
static bool is_excused(struct ending *e, const struct kind *kind, const char *id, int group)
{
	sqlite3_stmt *stmt = ask(e,
				 "SELECT (SELECT count(*) FROM ds_sent AS s JOIN ds_journal AS j ON j.n=s.n WHERE j.state=1 AND"
				 " s.settled=0 AND s.kind=?2 AND s.id=?1 AND (?3=0 OR s.grp IN (?3,-1,0)))"
				 "+(SELECT count(*) FROM ds_attention AS a JOIN ds_dirty AS d ON d.kind=a.kind AND d.id=a.id"
				 " WHERE d.kind=?2 AND d.id=?1 AND (?3=0 OR d.grp IN (?3,-1,0)))",
				 id);

	if (stmt == NULL)
		return false;
	(void)sqlite3_bind_int(stmt, 2, kind->num);
	(void)sqlite3_bind_int(stmt, 3, group);
	return answer_of(e, stmt) > 0;
}

static void compare_values(struct ending *e, const struct model_record *should, const struct row *row, const char *id)
{
	const struct kind *kind = schema_kind_num(e->j->sim->schema, should->kind);

	for (size_t f = 0; f < kind->field_count && !sim_is_wrong(e->j->sim); f++) {
		const char *is = judge_text(&e->j->arena, &row->values[f]);

		if (!same(is, should->values[f]) && !is_excused(e, kind, id, kind->groups[kind->fields[f].group].num))
			sim_wrong(e->j->sim, "I5", "%s of %s/%s is %.100s on tablet %u, by the model %.100s", kind->fields[f].name,
				  kind->name, id, shown(is), e->tablet, shown(should->values[f]));
	}
}

static void compare_record(struct ending *e, const struct model_record *should)
{
	const struct kind *kind = schema_kind_num(e->j->sim->schema, should->kind);
	struct id at, patient;
	char id[ID_TEXT_SIZE];
	int64_t version;
	struct row row;
	enum status st;

	memcpy(patient.bytes, should->patient, ID_SIZE);
	if (!judge_in_scope(e->j, e->tablet, &patient))
		return;
	memcpy(at.bytes, should->id, ID_SIZE);
	id_format(&at, id);
	arena_reset(&e->j->arena);
	st = replica_read(&e->t->replica, kind, &at, &e->j->arena, &row, &patient, &version);
	if (st != ST_OK && st != ST_NOT_FOUND)
		sim_wrong(e->j->sim, "sim", "tablet %u's %s/%s could not be read: %s", e->tablet, kind->name, id, status_name(st));
	else if (should->deleted != (st == ST_NOT_FOUND) && !is_excused(e, kind, id, 0))
		sim_wrong(e->j->sim, "I5", "tablet %u %s %s/%s, by the model it is %s", e->tablet, st == ST_OK ? "has" : "lacks",
			  kind->name, id, should->deleted ? "deleted" : "there");
	else if (st == ST_OK && !should->deleted)
		compare_values(e, should, &row, id);
	if (st == ST_OK && memcmp(patient.bytes, should->patient, ID_SIZE) != 0)
		sim_wrong(e->j->sim, "I13", "tablet %u has %s/%s with another patient", e->tablet, kind->name, id);
}

/* A row that is not in the model's caseload: made here and held, or of a patient who left. */
static void check_stray(struct ending *e, const char *text)
{
	const struct judge_place *place;
	char patient[ID_TEXT_SIZE];
	struct id id;

	if (!id_parse(text, strlen(text), &id)) {
		sim_wrong(e->j->sim, "I5", "tablet %u has a %s without an id", e->tablet, e->kind->name);
		return;
	}
	place = judge_place_find(e->j, e->kind->num, &id);
	if (place == NULL) {
		if (!is_excused(e, e->kind, text, 0))
			sim_wrong(e->j->sim, "I5", "tablet %u has %s/%s, which never reached the centre", e->tablet, e->kind->name, text);
		return;
	}
	if (judge_in_scope(e->j, e->tablet, &place->patient) || judge_is_withdrawn(e->j->sim, e->tablet))
		return; /* compared already; or nobody told it who left since */
	id_format(&place->patient, patient);
	if (answer_of(e, ask(e, "SELECT count(*) FROM ds_caseload WHERE patient=?1 AND state='left'", patient)) == 0 &&
	    !is_excused(e, e->kind, text, 0))
		sim_wrong(e->j->sim, "I14", "tablet %u has %s/%s, whose patient is not in its caseload and has not left it", e->tablet,
			  e->kind->name, text);
}

static void check_strays(struct ending *e)
{
	char sql[96];
	sqlite3_stmt *stmt;
	bool row = false;

	(void)snprintf(sql, sizeof sql, "SELECT id FROM \"%s\"", e->kind->name);
	stmt = ask(e, sql, NULL);
	while (stmt != NULL && !sim_is_wrong(e->j->sim) && db_step(&e->t->replica.db, stmt, &row) == ST_OK && row)
		check_stray(e, (const char *)sqlite3_column_text(stmt, 0));
	db_done(stmt);
}

/* The patients it says it has are those of its caseload, complete. */
static void check_patients(struct ending *e)
{
	for (size_t i = 0; i < e->count && !sim_is_wrong(e->j->sim); i++) {
		char id[ID_TEXT_SIZE];
		struct id patient;

		if (!schema_kind_num(e->j->sim->schema, e->records[i].kind)->is_patient)
			continue;
		memcpy(patient.bytes, e->records[i].id, ID_SIZE);
		id_format(&patient, id);
		if (judge_in_scope(e->j, e->tablet, &patient) !=
		    (answer_of(e, ask(e, "SELECT count(*) FROM ds_caseload WHERE patient=?1 AND state='complete'", id)) == 1))
			sim_wrong(e->j->sim, "I8", "patient/%s is %s complete on tablet %u", id,
				  judge_in_scope(e->j, e->tablet, &patient) ? "not" : "not in the caseload, but", e->tablet);
	}
}

/* I1, I2: what it ever numbered is at the centre, byte for byte. */
static void check_journal(struct ending *e)
{
	const struct judge_tablet *judged = &e->j->tablets[e->tablet];
	sqlite3_stmt *stmt = ask(e, "SELECT n,body FROM ds_journal WHERE origin IN (0,?2) AND (state<>0 OR n<=?3) ORDER BY n", NULL);
	bool row = false;

	if (stmt == NULL)
		return;
	(void)sqlite3_bind_int64(stmt, 2, e->t->device);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)judged->taken);
	while (!sim_is_wrong(e->j->sim) && db_step(&e->t->replica.db, stmt, &row) == ST_OK && row) {
		const uint64_t n = (uint64_t)db_column_int(stmt, 0);
		struct digest digest;

		change_digest(&digest, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
		if (n == 0 || n > judged->taken)
			sim_wrong(e->j->sim, "I2", "tablet %u has an outcome of change %" PRIu64 ", which is not at the centre", e->tablet, n);
		else if (!digest_equal(&digest, &e->j->rows[judged->rows[n - 1]].digest))
			sim_wrong(e->j->sim, "I2", "change %" PRIu64 " of tablet %u is another at the centre", n, e->tablet);
	}
	db_done(stmt);
}

static void check_tablet(struct ending *e)
{
	struct sim *sim = e->j->sim;

	if (!e->t->node.up) {
		sim_wrong(sim, "I21", "tablet %u does not run in the end", e->tablet);
		return;
	}
	/* What a withdrawn one shows is of the past. */
	for (size_t i = 0; i < e->count && !judge_is_withdrawn(sim, e->tablet) && !sim_is_wrong(sim); i++)
		compare_record(e, &e->records[i]);
	for (size_t k = 0; k < sim->schema->kind_count && !sim_is_wrong(sim); k++) {
		e->kind = &sim->schema->kinds[k];
		check_strays(e);
	}
	if (judge_is_withdrawn(sim, e->tablet))
		sim_met(sim, MET_WITHDRAWN_LAST);
	else
		check_patients(e);
	check_journal(e);
}

void judge_end(struct sim *sim)
{
	struct ending e = { .j = sim->judge };
	struct store *store = sim->centre.centre.store;

	judge_committed(sim);
	if (sim_is_wrong(sim))
		return;
	if (!sim->centre.node.up || store->ops->begin_read(store) != ST_OK) {
		sim_wrong(sim, "I21", "the centre does not run in the end");
		return;
	}
	model_each(e.j->model, gather, &e);
	check_centre(&e);
	store->ops->rollback(store);
	for (unsigned i = 1; i <= sim->plan.tablets && !sim_is_wrong(sim); i++) {
		e.tablet = i;
		e.t = sim_tablet(sim, i);
		if (!plan_is_away(&sim->plan, i))
			check_tablet(&e);
	}
	free(e.records);
}
