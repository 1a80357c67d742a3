/* ghost_end.c - everything rests: the ghosts ask for their words (ghost.h, I1 and I21). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/change.h"
#include "proto/limits.h"
#include "tests/sim/ghost_inside.h"
#include "tests/sim/judge.h"

#define HISTORY_SIZE_MAX ((size_t)64 * 1024 * 1024)

/* What became of one word. */
struct fate {
	bool found;        /* in a change of its author, in the centre's history */
	bool apart;        /* kept as a loser, or held, or returned */
	bool standing;     /* in the text that stands */
	bool beside;       /* in a conflict's candidates, or in an addendum */
	uint64_t stood_seq; /* first stood by this change; 0 = never */
};

struct ending {
	struct sim *sim;
	struct ghosts *ghosts;
	struct fate *fates; /* by number */
};

/* --- history --------------------------------------------------------------------------------------- */

static unsigned tablet_of(struct sim *sim, uint32_t device)
{
	for (unsigned i = 1; i <= sim->plan.tablets && device != 0; i++)
		if (sim_tablet(sim, i)->device == device)
			return i;
	return 0;
}

/* Did the change bring the word's group to stand (accepted or merged)? */
static bool group_stood(const struct sim *sim, const struct ghost *g, const struct history *row)
{
	const uint8_t group = ghost_group(sim, g)->num;

	if (row->result != OUTCOME_JUDGED)
		return row->result == OUTCOME_ACCEPTED;
	for (size_t i = 0; i < row->group_count; i++)
		if (row->groups[i].num == group)
			return row->groups[i].verdict != GROUP_SUPERSEDED;
	return true;
}

static void note_fate(struct ending *e, const struct ghost *g, const struct history *row)
{
	struct fate *fate = &e->fates[g->number];

	if (g->state == GHOST_REJECTED || g->state == GHOST_NEVER)
		sim_wrong(e->sim, "I7", "the centre has %s in change %" PRIu64 " of device %u, though its author was told that it is not"
			  " stored", ghost_name(e->sim, g).text, row->n, (unsigned)row->device);
	fate->found = true;
	if (!group_stood(e->sim, g, row))
		fate->apart = true;
	else if (fate->stood_seq == 0)
		fate->stood_seq = row->seq;
}

static enum status read_row(void *ctx, const struct history *row)
{
	struct ending *e = ctx;
	const unsigned tablet = tablet_of(e->sim, row->device);
	size_t at = 0;
	unsigned patient;
	uint32_t number;

	while (ghost_scan(row->body.data, row->body.len, &at, &patient, &number)) {
		const struct ghost *g = ghost_find(e->ghosts, number);

		if (g != NULL && g->word.patient == patient && g->word.tablet == tablet && g->word.kind == row->kind_num &&
		    id_equal(&g->word.id, &row->id))
			note_fate(e, g, row);
	}
	return ST_OK;
}

/* --- what stands, and what stands beside it ------------------------------------------------------------- */

static void read_texts(struct ending *e, const struct record *record, bool is_beside)
{
	for (size_t f = 0; f < record->kind->field_count; f++) {
		const struct value *value = &record->row.values[f];
		size_t at = 0;
		uint32_t number;

		while (value->tag == VALUE_TEXT && (number = ghost_next_in(value->text, value->len, &at)) != 0) {
			const struct ghost *g = ghost_find(e->ghosts, number);

			if (g == NULL)
				continue;
			if (is_beside)
				e->fates[number].beside = true;
			else if (g->word.kind == record->kind->num && g->word.field == f && id_equal(&g->word.id, &record->id))
				e->fates[number].standing = true;
		}
	}
}

static enum status read_standing(void *ctx, const struct record *record)
{
	read_texts(ctx, record, false);
	return ST_OK;
}

static enum status read_beside(void *ctx, const struct record *record)
{
	read_texts(ctx, record, true);
	return ST_OK;
}

static bool has_narrative(const struct kind *kind)
{
	for (size_t i = 0; i < kind->group_count; i++)
		if (kind->groups[i].rule == RULE_TEXT)
			return true;
	return false;
}

static enum status read_kinds(struct ending *e, struct store *store)
{
	enum status st = ST_OK;

	for (size_t k = 0; k < e->sim->schema->kind_count && st == ST_OK; k++) {
		const struct kind *kind = &e->sim->schema->kinds[k];

		if (strcmp(kind->name, "conflict") == 0 || strcmp(kind->name, "addendum") == 0)
			st = store->ops->record_each(store, kind, NULL, read_beside, e);
		if (st == ST_OK && has_narrative(kind))
			st = store->ops->record_each(store, kind, NULL, read_standing, e);
	}
	return st;
}

/* --- did somebody remove it who had seen it? ------------------------------------------------------------- */

struct removal {
	struct ending *e;
	const struct ghost *g;
	struct arena arena;
	bool known;
};

static bool had_seen(const struct change_group *group, uint64_t stood_seq)
{
	return group->base.tag == VERSION_OWN || (group->base.tag == VERSION_SEQ && group->base.seq >= stood_seq);
}

static enum status look_for_removal(void *ctx, const struct history *row)
{
	struct removal *r = ctx;
	const struct sim *sim = r->e->sim;
	const uint8_t group = ghost_group(sim, r->g)->num;
	struct change *change = arena_zalloc(&r->arena, sizeof *change);
	char word[GHOST_WORD_SIZE];
	const struct value *value;

	if (change == NULL || row->seq <= r->e->fates[r->g->number].stood_seq || !group_stood(sim, r->g, row) ||
	    change_decode(sim->schema, row->body.data, row->body.len, &r->arena, change, NULL) != ST_OK)
		return ST_OK;
	ghost_text(r->g, word);
	value = &change->row.values[r->g->word.field];
	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == group && had_seen(&change->groups[i], r->e->fates[r->g->number].stood_seq) &&
		    (value->tag != VALUE_TEXT || memmem(value->text, value->len, word, strlen(word)) == NULL))
			r->known = true;
	return ST_OK;
}

/* A deletion of the record counts too. */
static bool was_removed(struct ending *e, struct store *store, const struct ghost *g)
{
	struct removal r = { .e = e, .g = g };
	struct id patient;
	bool deleted = false;

	if (store->ops->record_head(store, ghost_kind(e->sim, g), &g->word.id, &patient, &deleted) != ST_OK || deleted)
		return true;
	arena_init(&r.arena, HISTORY_SIZE_MAX);
	(void)store->ops->history_of(store, ghost_kind(e->sim, g), &g->word.id, INT64_MAX, look_for_removal, &r);
	arena_close(&r.arena);
	return r.known;
}

/* --- each word ------------------------------------------------------------------------------------------------ */

/* In no change: it waits on its tablet because it exceeds a limit, and says so. */
static void check_attention(struct ending *e, const struct ghost *g)
{
	struct sim_tablet *t = sim_tablet(e->sim, g->word.tablet);
	struct ghost_look look;
	enum ghost_sight sight;

	if (!ghost_look_begin(&look, t)) {
		sim_wrong(e->sim, "I1", "%s is in no change, and its tablet is down", ghost_name(e->sim, g).text);
		return;
	}
	sight = ghost_sight(t, g);
	if (ghost_ask(t, "SELECT 1 FROM ds_attention WHERE kind=?1 AND id=?2 AND ?3", g->word.kind, &g->word.id, 1, 0) == 0 ||
	    (sight != SIGHT_SHOWN && sight != SIGHT_GONE_WITH))
		sim_wrong(e->sim, "I1", "%s is in no change, and nothing says that it needs attention", ghost_name(e->sim, g).text);
	ghost_look_end(&look);
}

static void check_word(struct ending *e, struct store *store, const struct ghost *g)
{
	const struct fate *fate = &e->fates[g->number];

	if (g->state != GHOST_STORED || (g->word.overwritten && g->word.n == 0))
		return;
	if (g->word.tablet != 0 && g->word.n == 0) {
		check_attention(e, g);
		return;
	}
	if (!fate->found)
		sim_wrong(e->sim, "I1", "%s was stored (change %" PRIu64 "), and is nowhere in the centre's history",
			  ghost_name(e->sim, g).text, g->word.n);
	if (!g->word.appended || ghost_group(e->sim, g)->rule != RULE_TEXT || fate->stood_seq == 0 ||
	    fate->apart || fate->standing || fate->beside)
		return;
	if (!was_removed(e, store, g))
		sim_wrong(e->sim, "I1", "%s was taken at %" PRIu64 " and is neither in the text that stands, nor beside it, nor kept as a"
			  " loser", ghost_name(e->sim, g).text, fate->stood_seq);
}

/* --- what is held, author and supervisor both know --------------------------------------------------------- */

enum { STATE_HELD = 1 };

static enum status check_author_knows(void *ctx, const struct held *held)
{
	struct ending *e = ctx;
	const unsigned tablet = tablet_of(e->sim, held->device);
	struct ghost_look look;
	int64_t state = STATE_HELD;

	/* A number that came twice has the outcome of the first. */
	if (tablet == 0 || held->reason == HELD_NUMBER || !ghost_look_begin(&look, sim_tablet(e->sim, tablet)))
		return ST_OK;
	state = ghost_journal_state(look.t, held->n);
	ghost_look_end(&look);
	if (state != STATE_HELD)
		sim_wrong(e->sim, "I1", "the centre holds change %" PRIu64 " of %s (%s), which there stands in state %" PRId64, held->n,
			  look.t->node.name, held_reason_name(held->reason), state);
	return ST_OK;
}

/* To a withdrawn tablet all is held that did not end as it was sent. */
static bool is_veiled(struct ending *e, struct store *store, const struct sim_tablet *t, uint64_t n)
{
	struct history row;
	struct arena arena;
	bool is = false;

	arena_init(&arena, HISTORY_SIZE_MAX);
	if (judge_is_withdrawn(e->sim, t->node.index))
		is = store->ops->history_find(store, t->device, n, NULL, &arena, &row) == ST_OK;
	arena_close(&arena);
	return is;
}

static void check_centre_knows(struct ending *e, struct store *store, struct sim_tablet *t)
{
	sqlite3_stmt *stmt = ghost_prepare(t, "SELECT n FROM ds_journal WHERE state=1 ORDER BY n");
	bool row = false;

	while (stmt != NULL && db_step(&t->replica.db, stmt, &row) == ST_OK && row) {
		const uint64_t n = (uint64_t)db_column_int(stmt, 0);
		struct held held;

		if ((store->ops->held_find(store, t->device, n, &held) != ST_OK || held.state != HELD_OPEN) &&
		    !is_veiled(e, store, t, n))
			sim_wrong(e->sim, "I1", "%s says that its change %" PRIu64 " is held, and no supervisor is asked about it",
				  t->node.name, n);
	}
	db_done(stmt);
}

static void check_held(struct ending *e, struct store *store)
{
	if (store->ops->held_each(store, NULL, NULL, true, check_author_knows, e) != ST_OK)
		sim_wrong(e->sim, "sim", "what the centre holds can't be read in the end");
	for (unsigned i = 1; i <= e->sim->plan.tablets; i++) {
		struct ghost_look look;

		if (!ghost_look_begin(&look, sim_tablet(e->sim, i)))
			continue;
		check_centre_knows(e, store, look.t);
		ghost_look_end(&look);
	}
}

/* --- each tablet ------------------------------------------------------------------------------------------------- */

void ghost_check_live(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	struct ghost_look look;

	if (sim->ghosts == NULL)
		return;
	if (!ghost_look_begin(&look, t)) {
		sim_wrong(sim, "I21", "%s is down, long after all healed", t->node.name);
		return;
	}
	if (ghost_count(t, "SELECT count(*) FROM ds_dirty AS d WHERE NOT EXISTS(SELECT 1 FROM ds_attention AS a WHERE a.kind=d.kind"
			   " AND a.id=d.id)") != 0)
		sim_wrong(sim, "I21", "%s still has unsent edits that exceed no limit, long after all healed", t->node.name);
	if (ghost_count(t, "SELECT count(*) FROM ds_journal WHERE state=0") != 0)
		sim_wrong(sim, "I21", "%s still has changes without an outcome, long after all healed", t->node.name);
	ghost_look_end(&look);
}

/* What nobody knew and no start has told is told now. */
static void check_tablet(struct sim_tablet *t)
{
	ghost_check_live(t);
	ghost_check_started(t);
	ghost_check_step(t);
}

void ghost_check_end(struct sim *sim)
{
	struct store *store = sim->centre.centre.store;
	struct ending e = { .sim = sim, .ghosts = sim->ghosts };

	if (sim->ghosts == NULL)
		return;
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		if (!plan_is_away(&sim->plan, i))
			check_tablet(sim_tablet(sim, i));
	if (!sim->centre.node.up) {
		sim_wrong(sim, "I21", "the centre is down in the end");
		return;
	}
	e.fates = calloc((size_t)e.ghosts->count + 1, sizeof *e.fates);
	if (e.fates == NULL)
		abort();
	if (store->ops->begin_read(store) != ST_OK || store->ops->history_each(store, 0, read_row, &e) != ST_OK ||
	    read_kinds(&e, store) != ST_OK)
		sim_wrong(sim, "sim", "the centre can't be read in the end");
	for (uint32_t i = 1; i <= e.ghosts->count && !sim_is_wrong(sim); i++)
		check_word(&e, store, ghost_at(e.ghosts, i));
	check_held(&e, store);
	store->ops->rollback(store);
	free(e.fates);
}
