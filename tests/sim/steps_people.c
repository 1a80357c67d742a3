/* What a scenario may do: each goes on until it is done, whatever stops on the way. Who was told that
 * something is stored never does it again; who was not, looks. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/save.h"
#include "tests/sim/judge.h"
#include "tests/sim/steps_inside.h"
#include "tests/sim/steps_world.h"

#define TRIES_MAX 6
#define PATIENCE_MS (12 * 3600000)

static struct id id_of(const char *text)
{
	struct id id;
	const bool good = id_parse(text, strlen(text), &id);

	assert(good);
	return id;
}

bool steps_there(struct steps *s, unsigned node, const char *query)
{
	struct buf word;
	bool there;

	buf_init(&word, 4096);
	there = steps_query(s, node, query, &word) && strtoll(buf_str(&word), NULL, 10) != 0;
	buf_close(&word);
	return there;
}

static bool wait_for(struct steps *s, unsigned node)
{
	const int64_t until_ms = s->sim->now_ms + PATIENCE_MS;

	while (!sim_node(s->sim, node)->up && steps_step(s, until_ms))
		;
	if (!sim_node(s->sim, node)->up)
		steps_wrong(s, "%s does not start again", sim_node(s->sim, node)->name);
	return !steps_is_wrong(s);
}

/* --- people with tablets ----------------------------------------------------------------------- */

static void writes(struct steps *s, unsigned tablet, bool program, const char *there, const char *sql)
{
	struct sim_tablet *t = sim_tablet(s->sim, tablet);

	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		int rc;

		if (s->mode == STEPS_AGAIN || !wait_for(s, tablet) || steps_there(s, tablet, there))
			return;
		node_act_begin(&t->node, SITE_TABLET_ACT, ++s->acts, NULL);
		rc = tablet_sql(t, program, "%s", sql);
		if (!tablet_act_end(t))
			continue;
		if (rc != SQLITE_OK)
			steps_wrong(s, "tablet %u did not take \"%s\": %d", tablet, sql, rc);
		tablet_edited(t);
		return;
	}
	steps_wrong(s, "tablet %u never took \"%s\"", tablet, sql);
}

void person_writes(struct steps *s, unsigned tablet, const char *there, const char *sql)
{
	writes(s, tablet, false, there, sql);
}

void program_writes(struct steps *s, unsigned tablet, const char *there, const char *sql)
{
	writes(s, tablet, true, there, sql);
}

int64_t person_opens(struct steps *s, unsigned tablet, const char *item)
{
	struct buf word;
	char query[128];
	int64_t version = 0;

	buf_init(&word, 4096);
	(void)snprintf(query, sizeof query, "SELECT version FROM item WHERE id='%s'", item);
	if (wait_for(s, tablet) && steps_query(s, tablet, query, &word))
		version = strtoll(buf_str(&word), NULL, 10);
	buf_close(&word);
	return version;
}

static enum status save(struct sim_tablet *t, const char *item, int64_t shown, const char *field, const char *text)
{
	const struct kind *kind = schema_kind(t->node.sim->schema, "item", strlen("item"));
	const int at = kind_field(kind, field, strlen(field));
	struct row *row = calloc(1, sizeof *row);
	const struct id id = id_of(item);
	struct failure why = { 0 };
	int64_t version;
	enum status st;

	assert(row != NULL && at >= 0);
	row->values[at] = value_string(text);
	st = save_fields(&t->replica, kind, &id, shown, row, UINT64_C(1) << at, &version, &why);
	free(row);
	return st;
}

void person_saves(struct steps *s, unsigned tablet, const char *item, int64_t shown, const char *field, const char *text)
{
	struct sim_tablet *t = sim_tablet(s->sim, tablet);
	char there[512];

	(void)snprintf(there, sizeof there, "SELECT count(*) FROM item WHERE id='%s' AND %s='%s'", item, field, text);
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		enum status st;

		if (s->mode == STEPS_AGAIN || !wait_for(s, tablet) || steps_there(s, tablet, there))
			return;
		node_act_begin(&t->node, SITE_TABLET_ACT, ++s->acts, NULL);
		st = save(t, item, shown, field, text);
		if (!tablet_act_end(t))
			continue;
		if (st != ST_OK)
			steps_wrong(s, "tablet %u could not save %s: %s", tablet, field, status_name(st));
		tablet_edited(t);
		return;
	}
	steps_wrong(s, "tablet %u never saved %s", tablet, field);
}

/* --- supervisors -------------------------------------------------------------------------------- */

struct deed {
	const char *kind, *field, *text, *patient;
	struct id id;
	const char *const *fields;
	unsigned number; /* tablet, candidate; accept */
};
typedef bool deed_fn(struct steps *s, const struct deed *deed);

/* there: asks the centre's database whether it is done. */
static void staff_does(struct steps *s, deed_fn *fn, const struct deed *deed, const char *there)
{
	struct sim_centre *c = &s->sim->centre;

	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		bool stood;

		if (s->mode == STEPS_AGAIN || !wait_for(s, 0) || steps_there(s, 0, there))
			return;
		node_act_begin(&c->node, SITE_CENTRE_ACT, ++s->acts, NULL);
		stood = fn(s, deed);
		if (!sim_centre_act_end(c))
			continue;
		judge_committed(s->sim);
		if (!stood)
			steps_wrong(s, "the centre did not take what its people did: %s", there);
		return;
	}
	steps_wrong(s, "the centre never took what its people did: %s", there);
}

#define UUID_OF(column) \
	"lower(substr(hex(" column "),1,8)||'-'||substr(hex(" column "),9,4)||'-'||substr(hex(" column "),13,4)||'-'||" \
	"substr(hex(" column "),17,4)||'-'||substr(hex(" column "),21))"

static bool make(struct steps *s, const struct deed *deed)
{
	const struct id patient = id_of(deed->patient);

	return centre_create(&s->sim->centre, deed->kind, &deed->id, &patient, deed->fields);
}

static void staff_makes(struct steps *s, const char *kind, const char *id, const char *patient, const char *const *fields)
{
	const struct deed deed = { .kind = kind, .id = id_of(id), .patient = patient, .fields = fields };
	char there[512];

	(void)snprintf(there, sizeof there, "SELECT count(*) FROM \"%s\" WHERE id='%s'", kind, id);
	staff_does(s, make, &deed, there);
}

void staff_makes_patient(struct steps *s, const char *id, const char *name)
{
	const char *fields[] = { "name", name, NULL };

	staff_makes(s, "patient", id, id, fields);
}

void staff_makes_item(struct steps *s, const char *id, const char *patient, const char *const *fields)
{
	staff_makes(s, "item", id, patient, fields);
}

static bool edit(struct steps *s, const struct deed *deed)
{
	return centre_edit(&s->sim->centre, deed->kind, &deed->id, deed->field, deed->text);
}

void staff_edits(struct steps *s, const char *kind, const char *id, const char *field, const char *text)
{
	const struct deed deed = { .kind = kind, .id = id_of(id), .field = field, .text = text };
	char there[512];

	(void)snprintf(there, sizeof there, "SELECT count(*) FROM \"%s\" WHERE id='%s' AND %s='%s'", kind, id, field, text);
	staff_does(s, edit, &deed, there);
}

static bool erase(struct steps *s, const struct deed *deed)
{
	return centre_delete(&s->sim->centre, deed->kind, &deed->id);
}

void staff_deletes(struct steps *s, const char *kind, const char *id)
{
	const struct deed deed = { .kind = kind, .id = id_of(id) };
	char there[512];

	(void)snprintf(there, sizeof there, "SELECT count(*) FROM record WHERE deleted<>0 AND " UUID_OF("id") "='%s'", id);
	staff_does(s, erase, &deed, there);
}

static bool give(struct steps *s, const struct deed *deed)
{
	return centre_give(&s->sim->centre, deed->number, &deed->id);
}

static bool take_away(struct steps *s, const struct deed *deed)
{
	return centre_take_away(&s->sim->centre, deed->number, &deed->id);
}

static void staff_moves(struct steps *s, deed_fn *fn, unsigned tablet, const char *patient, const char *has)
{
	const struct deed deed = { .id = id_of(patient), .number = tablet };
	char there[1024], worker[ID_TEXT_SIZE];

	id_format(&sim_tablet(s->sim, tablet)->worker, worker);
	(void)snprintf(there, sizeof there,
		       "SELECT %s EXISTS(SELECT 1 FROM member WHERE to_seq IS NULL AND " UUID_OF("patient") "='%s' AND "
		       UUID_OF("worker") "='%s')", has, patient, worker);
	staff_does(s, fn, &deed, there);
}

void staff_gives(struct steps *s, unsigned tablet, const char *patient)
{
	staff_moves(s, give, tablet, patient, "");
}

void staff_takes_away(struct steps *s, unsigned tablet, const char *patient)
{
	staff_moves(s, take_away, tablet, patient, "NOT");
}

static bool answer_held(struct steps *s, const struct deed *deed)
{
	struct buf word;
	uint64_t seq;

	buf_init(&word, 4096);
	s->sim->centre.node.acting = false; /* to look */
	(void)steps_query(s, 0, "SELECT min(seq) FROM held WHERE state=0", &word);
	s->sim->centre.node.acting = true;
	seq = strtoull(buf_str(&word), NULL, 10);
	buf_close(&word);
	return centre_answer_held(&s->sim->centre, seq, deed->number != 0);
}

void staff_answers_held(struct steps *s, bool accept)
{
	const struct deed deed = { .number = accept };

	staff_does(s, answer_held, &deed, "SELECT NOT EXISTS(SELECT 1 FROM held WHERE state=0)");
}

static bool decide(struct steps *s, const struct deed *deed)
{
	struct buf word;
	struct id conflict;

	buf_init(&word, 4096);
	s->sim->centre.node.acting = false;
	(void)steps_query(s, 0, "SELECT id FROM conflict WHERE status='open'", &word);
	s->sim->centre.node.acting = true;
	conflict = id_of(buf_str(&word));
	buf_close(&word);
	return centre_decide(&s->sim->centre, &conflict, deed->number);
}

void staff_decides(struct steps *s, unsigned candidate)
{
	const struct deed deed = { .number = candidate };

	staff_does(s, decide, &deed, "SELECT NOT EXISTS(SELECT 1 FROM conflict WHERE status='open')");
}

/* --- tablets and the centre as machines ------------------------------------------------------------------ */

static uint64_t ask(struct steps *s, struct sim_tablet *t)
{
	if (!t->node.up)
		return 0;
	t->link = true;
	if (!t->engine.running || t->waiting == 0)
		tablet_want(t);
	(void)s;
	return t->node.life;
}

/* Everything asked for was answered, and nothing more is wanted. */
static bool rests(const struct sim_tablet *t)
{
	return t->node.up && !t->engine.running && !t->engine.everything && t->engine.due_ms == ENGINE_NEVER;
}

static void sync_all(struct steps *s, const unsigned *tablets, size_t count)
{
	const int64_t until_ms = s->sim->now_ms + PATIENCE_MS;
	uint64_t asked[STEPS_NODES_MAX] = { 0 };
	bool rest = false;

	while (!rest && !steps_is_wrong(s)) {
		rest = true;
		for (size_t i = 0; i < count; i++) {
			struct sim_tablet *t = sim_tablet(s->sim, tablets[i]);

			if (t->node.up && asked[i] != t->node.life)
				asked[i] = ask(s, t);
			rest = rest && rests(t);
		}
		if (!rest && !steps_step(s, until_ms))
			steps_wrong(s, "tablet %u can't reach the centre any more", tablets[0]);
	}
	for (size_t i = 0; i < count; i++)
		sim_tablet(s->sim, tablets[i])->link = false;
}

void tablet_syncs(struct steps *s, unsigned tablet)
{
	sync_all(s, &tablet, 1);
}

void tablets_sync(struct steps *s, unsigned first, unsigned second)
{
	const unsigned both[] = { first, second };

	sync_all(s, both, 2);
}

void tablet_sends(struct steps *s, unsigned tablet)
{
	struct sim_tablet *t = sim_tablet(s->sim, tablet);
	const int64_t until_ms = s->sim->now_ms + PATIENCE_MS;

	while (wait_for(s, 0) && wait_for(s, tablet)) {
		const uint64_t before = t->exchanges;

		(void)ask(s, t);
		while (t->node.up && t->exchanges == before && steps_step(s, until_ms))
			;
		if (t->node.up && t->waiting != 0)
			return;
	}
}

void tablet_restarts(struct steps *s, unsigned tablet)
{
	struct sim_tablet *t = sim_tablet(s->sim, tablet);

	tablet_stop(t);
	if (!tablet_start(t))
		(void)wait_for(s, tablet);
}

void centre_restarts(struct steps *s)
{
	sim_centre_stop(&s->sim->centre);
	if (!sim_centre_start(&s->sim->centre))
		(void)wait_for(s, 0);
}

void tablet_checkpoints(struct steps *s, unsigned tablet)
{
	struct sim_tablet *t = sim_tablet(s->sim, tablet);

	if (!wait_for(s, tablet))
		return;
	node_act_begin(&t->node, SITE_REST, (UINT64_C(1) << 31) + ++s->acts, NULL);
	replica_checkpoint(&t->replica);
	(void)tablet_act_end(t);
}

void centre_checkpoints(struct steps *s)
{
	struct sim_centre *c = &s->sim->centre;

	if (!wait_for(s, 0))
		return;
	node_act_begin(&c->node, SITE_REST, (UINT64_C(1) << 31) + ++s->acts, NULL);
	(void)c->centre.store->ops->checkpoint(c->centre.store);
	(void)sim_centre_act_end(c);
}

void time_passes(struct steps *s, int64_t ms)
{
	const int64_t until_ms = s->sim->now_ms + ms;

	while (steps_step(s, until_ms))
		;
	s->sim->now_ms = until_ms;
}

void steps_want(struct steps *s, unsigned node, const char *want, const char *query)
{
	struct buf word;

	buf_init(&word, 65536);
	if (steps_query(s, node, query, &word) && strcmp(buf_str(&word), want) != 0)
		steps_wrong(s, "%s answers \"%s\" with \"%s\", not with \"%s\"", sim_node(s->sim, node)->name, query, buf_str(&word),
			    want);
	buf_close(&word);
}

/* --- what scenarios begin with ---------------------------------------------------------------------------- */

static const char *const FIRST[] = { "title", "first", "notes", NOTES_FIRST, "tags", "[\"cane\"]",
				     "status", "open", "dose", "5", "unit", "mg", NULL };

void world_of_a(struct steps *s)
{
	staff_makes_patient(s, PAT_A, "Ada");
	staff_makes_item(s, ITEM_A, PAT_A, FIRST);
	for (unsigned tablet = 1; tablet <= s->sim->plan.tablets; tablet++)
		staff_gives(s, tablet, PAT_A);
}

void world_of_three(struct steps *s)
{
	staff_makes_patient(s, PAT_A, "Ada");
	staff_makes_item(s, ITEM_A, PAT_A, FIRST);
	staff_makes_patient(s, PAT_B, "Bea");
	staff_makes_item(s, ITEM_B, PAT_B, FIRST);
	staff_makes_patient(s, PAT_C, "Cleo");
	staff_makes_item(s, ITEM_C, PAT_C, FIRST);
}

void world_of_nobody(struct steps *s)
{
	(void)s;
}
