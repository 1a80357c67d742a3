/* What comes now and then: conflicts decided, returned values used again, values typed back, values that can't go,
 * new patients. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/journal.h"
#include "client/tracks.h"
#include "common/decision.h"
#include "proto/limits.h"
#include "tests/sim/work_inside.h"

/* --- small pieces ------------------------------------------------------------------------------------ */

/* The slot of a patient by its id. False: none of ours. */
static bool find_patient(const struct sim *sim, const struct id *id, unsigned *slot_out)
{
	for (unsigned slot = 0; slot < work_patient_count(sim); slot++) {
		const struct id of = work_patient(sim, slot);

		if (id_equal(&of, id)) {
			*slot_out = slot;
			return true;
		}
	}
	return false;
}

/* One of the rows that the query counts, by the act's dice. False: there is none. */
static bool pick_row(struct deed *d, const char *from, uint64_t *at_out)
{
	const int64_t count = tablet_int(d->t, "SELECT count(*) FROM %s", from);

	if (count <= 0)
		return false;
	*at_out = dice_below(&d->dice, (uint64_t)count);
	return true;
}

/* --- a conflict is decided --------------------------------------------------------------------------- */

struct dispute {
	struct place place;      /* the conflict itself */
	const struct kind *kind; /* what it is about */
	struct id record;
	const struct group *group;
	const char *text;
	struct decision_candidate *candidates;
	size_t count;
	uint64_t stood;
	struct row row;          /* of the record, as shown */
	struct arena arena;
};

static const char *column(struct dispute *c, sqlite3_stmt *stmt, int at)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	return text == NULL ? NULL : arena_copy(&c->arena, text, strlen(text));
}

static bool read_row(struct deed *d, struct dispute *c, uint64_t at)
{
	struct sim *sim = d->sim;
	const char *kind = NULL, *group = NULL;
	struct id id, patient;
	unsigned slot;
	bool row = false, good;
	enum status st;
	sqlite3_stmt *stmt = db_prepare(&d->t->replica.db,
					"SELECT id,patient,record,record_kind,group_name,candidates FROM conflict"
					" WHERE status='open' ORDER BY id LIMIT 1 OFFSET ?1", &st);

	if (stmt == NULL)
		return false;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)at);
	good = db_step(&d->t->replica.db, stmt, &row) == ST_OK && row && db_column_id(stmt, 0, &id) &&
	       db_column_id(stmt, 1, &patient) && db_column_id(stmt, 2, &c->record);
	if (good) {
		kind = column(c, stmt, 3);
		group = column(c, stmt, 4);
		c->text = column(c, stmt, 5);
	}
	db_done(stmt);
	if (!good || kind == NULL || group == NULL || c->text == NULL || !find_patient(sim, &patient, &slot))
		return false;
	c->kind = schema_kind(sim->schema, kind, strlen(kind));
	assert(c->kind != NULL && kind_group(c->kind, group, strlen(group)) >= 0);
	c->group = &c->kind->groups[kind_group(c->kind, group, strlen(group))];
	place_of_id(sim, &c->place, schema_kind(sim->schema, "conflict", 8), slot, &id);
	return true;
}

/* What had been seen of the record, what there is to choose from, and the record. */
static bool read_dispute(struct deed *d, struct dispute *c, uint64_t at)
{
	struct replica *r = &d->t->replica;
	struct id patient;
	int64_t version;
	struct key key;

	if (!read_row(d, c, at))
		return false;
	key = (struct key){ c->kind, c->record };
	return tracks_seen(r, &key, c->group->num, &c->stood) == ST_OK &&
	       decision_candidates(c->kind, c->group, c->text, strlen(c->text), &c->arena, &c->candidates, &c->count) == ST_OK &&
	       c->count > 0 && replica_read(r, c->kind, &c->record, &c->arena, &c->row, &patient, &version) == ST_OK;
}

/* A field of the group that takes a word; -1: none does. Nobody types a digest. */
static int field_for_word(const struct dispute *c)
{
	for (int i = 0; i < c->kind->field_count; i++)
		if ((c->group->mask >> i & 1) != 0 && c->kind->fields[i].type == TYPE_TEXT && c->kind->fields[i].max >= 64 &&
		    strcmp(c->kind->fields[i].name, "digest") != 0)
			return i;
	return -1;
}

/* A candidate, or a value of their own where the group is not narrative. */
static void choose(struct deed *d, struct dispute *c, char word[GHOST_WORD_SIZE], struct buf *text)
{
	struct decision decision = { .kind = c->kind, .group = c->group, .candidates = c->candidates,
				     .candidate_count = c->count, .stood = c->stood };
	const int field = field_for_word(c);

	if (field < 0 || c->group->rule == RULE_TEXT || !dice_one_in(&d->dice, 3)) {
		decision.choice = c->candidates[dice_below(&d->dice, c->count)].n;
	} else {
		(void)deed_word(d, &c->place, "decision", word);
		c->row.values[field] = value_string(word);
		decision.values = &c->row;
	}
	decision_text(text, &decision);
}

static void decide(struct deed *d, struct dispute *c)
{
	const int at = kind_field(c->place.kind, "decision", 8);
	char word[GHOST_WORD_SIZE] = "";
	struct row row = { 0 };
	struct failure why;
	int64_t version;
	struct buf text;

	buf_init(&text, c->place.kind->fields[at].max);
	choose(d, c, word, &text);
	row.values[at] = value_text(buf_str(&text), text.len);
	deed_begin(d);
	(void)deed_status(d, save_fields(&d->t->replica, c->place.kind, &c->place.id, SAVE_SHOWN_NOW, &row, UINT64_C(1) << at,
					 &version, &why));
	d->rewritten = &c->place;
	d->rewritten_mask = UINT64_C(1) << at;
	(void)deed_end(d, MET_DECIDED_TABLET, "decides a %s about %s %s: %.70s", c->place.name, c->kind->name, c->group->name,
		       buf_str(&text));
	buf_close(&text);
}

void work_decide(struct deed *d)
{
	struct dispute dispute = { 0 };
	uint64_t at;

	if (!pick_row(d, "conflict WHERE status='open'", &at))
		return;
	arena_init(&dispute.arena, LIMIT_INFLATED_MAX);
	if (read_dispute(d, &dispute, at))
		decide(d, &dispute);
	arena_close(&dispute.arena);
}

/* --- a returned value is used again -------------------------------------------------------------------- */

void work_reuse(struct deed *d)
{
	struct place place;
	struct failure why;
	uint64_t at;
	int64_t n, kind;
	char id[ID_TEXT_SIZE];
	struct id of;

	if (!pick_row(d, "ds_journal WHERE state = 3", &at))
		return;
	n = tablet_int(d->t, "SELECT n FROM ds_journal WHERE state = 3 ORDER BY n LIMIT 1 OFFSET %" PRIu64, at);
	kind = tablet_int(d->t, "SELECT kind FROM ds_journal WHERE n = %" PRId64, n);
	if (!tablet_text(d->t, id, sizeof id, "SELECT id FROM ds_journal WHERE n = %" PRId64, n) ||
	    !id_parse(id, strlen(id), &of))
		return;
	place_of_id(d->sim, &place, schema_kind_num(d->sim->schema, (unsigned)kind), 0, &of);
	d->may_refuse = true; /* its id was taken meanwhile, or the record was closed */
	d->rewritten = &place;
	d->rewritten_mask = place.kind->mask_all;
	ghost_looked_at(d->sim, d->t->node.index, place.kind->num, &of);
	deed_begin(d);
	(void)deed_status(d, journal_reuse(&d->t->replica, (uint64_t)n, &why));
	(void)deed_end(d, MET_REUSED, "uses returned change %" PRId64 " (%s) again", n, place.kind->name);
}

/* --- a value is typed back to its base ------------------------------------------------------------------- */

/* "title" = json_extract(…), … of the group's fields. */
static void add_base(struct buf *sql, const struct kind *kind, const struct group *group, const char *base)
{
	size_t at = 0;

	for (size_t i = 0; i < kind->field_count; i++) {
		if ((group->mask >> i & 1) == 0)
			continue;
		buf_printf(sql, "%s\"%s\" = json_extract(", at == 0 ? "" : ", ", kind->fields[i].name);
		buf_add_sql(sql, base);
		buf_printf(sql, ", '$[%zu]')", at++);
	}
}

static void type_base(struct deed *d, const struct place *place, const struct group *group, const char *base)
{
	struct buf set;

	buf_init(&set, LIMIT_INFLATED_MAX);
	add_base(&set, place->kind, group, base);
	d->rewritten = place;
	d->rewritten_mask = group->mask;
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET %s WHERE id = '%q'", place->kind->name, buf_str(&set), place->text);
	(void)deed_end(d, MET_TYPED_BACK, "types %s of a %s back to %.60s", group->name, place->kind->name, base);
	buf_close(&set);
}

#define TYPED_BACK_FROM "ds_dirty WHERE base_values IS NOT NULL AND grp > 0 AND kind IN (1, 8, 12)"

void work_type_back(struct deed *d)
{
	const struct schema *schema = d->sim->schema;
	char base[WORK_TEXT_SIZE], id[ID_TEXT_SIZE];
	const struct kind *kind;
	struct place place;
	struct id of;
	uint64_t at;
	int group;

	if (!pick_row(d, TYPED_BACK_FROM, &at) ||
	    !tablet_text(d->t, base, sizeof base, "SELECT base_values FROM " TYPED_BACK_FROM
			 " ORDER BY kind, id, grp LIMIT 1 OFFSET %" PRIu64, at) ||
	    !tablet_text(d->t, id, sizeof id, "SELECT id FROM " TYPED_BACK_FROM
			 " ORDER BY kind, id, grp LIMIT 1 OFFSET %" PRIu64, at) ||
	    !id_parse(id, strlen(id), &of) || strlen(base) + 1 == sizeof base)
		return;
	kind = schema_kind_num(schema, (unsigned)tablet_int(d->t, "SELECT kind FROM " TYPED_BACK_FROM
					" ORDER BY kind, id, grp LIMIT 1 OFFSET %" PRIu64, at));
	group = kind_group_num(kind, (unsigned)tablet_int(d->t, "SELECT grp FROM " TYPED_BACK_FROM
					" ORDER BY kind, id, grp LIMIT 1 OFFSET %" PRIu64, at));
	place_of_id(d->sim, &place, kind, 0, &of);
	if (group >= 0 && place_there(d->t, &place))
		type_base(d, &place, &kind->groups[group], base);
}

/* --- a value that can't go ------------------------------------------------------------------------------------ */

/* Did others go while it could not? */
static void count_poison(struct deed *d)
{
	if (tablet_int(d->t, "SELECT EXISTS(SELECT 1 FROM ds_sent WHERE edit_first > (SELECT min(edit_first) FROM ds_dirty AS d"
			     " JOIN ds_attention AS a ON a.kind = d.kind AND a.id = d.id AND a.grp = d.grp))") != 0)
		sim_met(d->sim, MET_POISON);
}

/* Too long for its field, or no word of its list. */
static void spoil(struct deed *d)
{
	const struct ground *ground = work_ground(d->sim);
	const bool too_long = dice_one_in(&d->dice, 2);
	const char *field = too_long ? ground->title : "outcome";
	char shown[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE], tail[300];
	struct place place;

	deed_thing(d, &place);
	if (!place_read(d->t, &place, field, shown))
		return;
	(void)deed_word(d, &place, field, word);
	memset(tail, 'x', sizeof tail - 1);
	tail[sizeof tail - 1] = '\0';
	deed_begin(d);
	if (too_long)
		(void)deed_sql(d, "UPDATE \"%w\" SET title = '%q %s' WHERE id = '%q'", place.kind->name, word, tail, place.text);
	else
		(void)deed_sql(d, "UPDATE \"%w\" SET status = 'nonsense', outcome = '%q' WHERE id = '%q'", place.kind->name, word,
			       place.text);
	(void)deed_end(d, MET_COUNT, "%s: %s %s, which can't go", place.name, too_long ? "too long a title" : "a status", word);
}

/* What can't go is corrected. */
static void correct(struct deed *d, struct place *place)
{
	char shown[2][WORK_TEXT_SIZE], title[GHOST_WORD_SIZE], outcome[GHOST_WORD_SIZE];

	if (!place_read(d->t, place, "title", shown[0]) || !place_read(d->t, place, "outcome", shown[1]))
		return;
	(void)deed_word(d, place, "title", title);
	(void)deed_word(d, place, "outcome", outcome);
	count_poison(d);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET title = '%q', status = 'open', outcome = '%q' WHERE id = '%q'", place->kind->name,
		       title, outcome, place->text);
	(void)deed_end(d, MET_COUNT, "corrects %s: title %s, outcome %s", place->name, title, outcome);
}

void work_poison(struct deed *d)
{
	struct place place;

	deed_thing(d, &place);
	if (tablet_int(d->t, "SELECT count(*) FROM ds_attention WHERE kind = %u AND id = '%s'", (unsigned)place.kind->num,
		       place.text) > 0) {
		correct(d, &place);
		return;
	}
	count_poison(d);
	spoil(d);
}

/* --- a new patient ---------------------------------------------------------------------------------------------- */

void work_take_up(struct deed *d)
{
	const unsigned slot = d->sim->plan.patients + WORK_TAKEN * (d->t->node.index - 1) +
			      (unsigned)dice_below(&d->dice, WORK_TAKEN);
	char word[GHOST_WORD_SIZE];
	struct place place;

	place_init(d->sim, &place, "patient", slot, USE_PATIENT, 0);
	if (place_there(d->t, &place))
		return;
	(void)deed_word(d, &place, "name", word);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO patient(id, name) VALUES ('%q', '%q')", place.text, word);
	(void)deed_end(d, MET_COUNT, "takes up %s: name %s", place.name, word);
}
