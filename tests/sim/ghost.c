#include "tests/sim/ghost.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/ghost_inside.h"

#define DIGITS_MAX 9 /* of a number in a word */

/* --- words in texts ------------------------------------------------------------------------------ */

static bool read_number(const uint8_t *bytes, size_t len, size_t *at, uint32_t *out)
{
	const size_t first = *at;
	uint32_t number = 0;

	while (*at < len && *at - first < DIGITS_MAX && bytes[*at] >= '0' && bytes[*at] <= '9')
		number = number * 10 + (uint32_t)(bytes[(*at)++] - '0');
	*out = number;
	return *at > first;
}

/* "p3w17." at this place? *at is then behind it. */
static bool read_word(const uint8_t *bytes, size_t len, size_t *at, unsigned *patient_out, uint32_t *number_out)
{
	size_t i = *at + 1;

	if (!read_number(bytes, len, &i, patient_out) || i >= len || bytes[i++] != 'w' ||
	    !read_number(bytes, len, &i, number_out) || i >= len || bytes[i++] != '.' || *number_out == 0)
		return false;
	*at = i;
	return true;
}

bool ghost_scan(const uint8_t *bytes, size_t len, size_t *at, unsigned *patient_out, uint32_t *number_out)
{
	while (*at < len) {
		const uint8_t *found = memchr(bytes + *at, 'p', len - *at);

		if (found == NULL)
			break;
		*at = (size_t)(found - bytes);
		if (read_word(bytes, len, at, patient_out, number_out))
			return true;
		(*at)++;
	}
	*at = len;
	return false;
}

uint32_t ghost_next_in(const char *text, size_t len, size_t *at)
{
	unsigned patient;
	uint32_t number;

	return ghost_scan((const uint8_t *)text, len, at, &patient, &number) ? number : 0;
}

uint32_t ghost_last_in(const char *text, size_t len)
{
	uint32_t newest = 0, number;
	size_t at = 0;

	while ((number = ghost_next_in(text, len, &at)) != 0)
		if (number > newest)
			newest = number;
	return newest;
}

/* --- all of them ------------------------------------------------------------------------------------ */

void *ghost_room(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 16 : 2 * *room;
	array = realloc(array, *room * size);
	if (array == NULL)
		abort();
	return array;
}

struct ghosts *ghosts_new(struct sim *sim)
{
	struct ghosts *ghosts = calloc(1, sizeof *ghosts);

	if (ghosts == NULL)
		abort();
	ghosts->tablet_count = sim->plan.tablets + 1;
	ghosts->tablets = calloc(ghosts->tablet_count, sizeof *ghosts->tablets);
	if (ghosts->tablets == NULL)
		abort();
	return ghosts;
}

void ghosts_free(struct ghosts *ghosts)
{
	if (ghosts == NULL)
		return;
	for (uint32_t i = 1; i <= ghosts->count; i++)
		free(ghost_at(ghosts, i)->screen);
	for (unsigned i = 0; i < ghosts->tablet_count; i++) {
		free(ghosts->tablets[i].open);
		free(ghosts->tablets[i].notes);
		free(ghosts->tablets[i].pasts);
	}
	for (size_t i = 0; i < ghosts->chunk_count; i++)
		free(ghosts->chunks[i]);
	free(ghosts->chunks);
	free(ghosts->tablets);
	free(ghosts);
}

struct ghost *ghost_at(const struct ghosts *ghosts, uint32_t number)
{
	assert(number > 0 && number <= ghosts->count);
	return &ghosts->chunks[(number - 1) / GHOST_CHUNK][(number - 1) % GHOST_CHUNK];
}

struct ghost *ghost_find(const struct ghosts *ghosts, uint32_t number)
{
	return number > 0 && number <= ghosts->count ? ghost_at(ghosts, number) : NULL;
}

struct word *ghost_get(struct sim *sim, uint32_t number)
{
	struct ghost *g = ghost_find(sim->ghosts, number);

	return g == NULL ? NULL : &g->word;
}

void ghost_text(const struct ghost *g, char text_out[GHOST_WORD_SIZE])
{
	(void)snprintf(text_out, GHOST_WORD_SIZE, "p%uw%u.", g->word.patient, (unsigned)g->number);
}

const struct kind *ghost_kind(const struct sim *sim, const struct ghost *g)
{
	const struct kind *kind = schema_kind_num(sim->schema, g->word.kind);

	assert(kind != NULL && g->word.field < kind->field_count);
	return kind;
}

const struct field *ghost_field(const struct sim *sim, const struct ghost *g)
{
	return &ghost_kind(sim, g)->fields[g->word.field];
}

const struct group *ghost_group(const struct sim *sim, const struct ghost *g)
{
	return &ghost_kind(sim, g)->groups[ghost_field(sim, g)->group];
}

struct ghost_name ghost_name(const struct sim *sim, const struct ghost *g)
{
	struct ghost_name name;
	char word[GHOST_WORD_SIZE], id[ID_TEXT_SIZE];

	ghost_text(g, word);
	id_format(&g->word.id, id);
	(void)snprintf(name.text, sizeof name.text, "%s (%s %s %s, typed %s%u)", word, ghost_kind(sim, g)->name, id,
		       ghost_field(sim, g)->name, g->word.tablet == 0 ? "at the centre, node " : "on tablet ", g->word.tablet);
	return name;
}

bool ghost_same_record(const struct ghost *a, const struct ghost *b)
{
	return a->word.kind == b->word.kind && id_equal(&a->word.id, &b->word.id);
}

struct ghost_tablet *ghost_tablet(struct sim *sim, unsigned tablet)
{
	assert(tablet > 0 && tablet < sim->ghosts->tablet_count);
	return &sim->ghosts->tablets[tablet];
}

/* --- open words --------------------------------------------------------------------------------------- */

void ghost_open(struct ghost_tablet *gt, struct ghost *g)
{
	if (g->open)
		return;
	gt->open = ghost_room(gt->open, gt->open_count, &gt->open_room, sizeof *gt->open);
	gt->open[gt->open_count++] = g->number;
	g->open = true;
}

void ghost_sweep(struct ghosts *ghosts, struct ghost_tablet *gt)
{
	size_t kept = 0;

	for (size_t i = 0; i < gt->open_count; i++)
		if (ghost_at(ghosts, gt->open[i])->open)
			gt->open[kept++] = gt->open[i];
	gt->open_count = kept;
}

void ghost_took_away(struct ghost *g)
{
	g->open = false;
	g->word.overwritten = g->word.overwritten || g->word.n == 0;
}

/* --- typing -------------------------------------------------------------------------------------------- */

static uint32_t new_number(struct ghosts *ghosts)
{
	if (ghosts->count == ghosts->chunk_count * GHOST_CHUNK) {
		ghosts->chunks = realloc(ghosts->chunks, (ghosts->chunk_count + 1) * sizeof *ghosts->chunks);
		if (ghosts->chunks == NULL)
			abort();
		ghosts->chunks[ghosts->chunk_count] = calloc(GHOST_CHUNK, sizeof **ghosts->chunks);
		if (ghosts->chunks[ghosts->chunk_count++] == NULL)
			abort();
	}
	return ++ghosts->count;
}

uint32_t ghost_word(struct sim *sim, unsigned tablet, unsigned patient, uint8_t kind, const struct id *id, uint8_t field,
		    char text_out[GHOST_WORD_SIZE])
{
	const uint32_t number = new_number(sim->ghosts);
	struct ghost *g = ghost_at(sim->ghosts, number);
	struct ghost_look look;

	*g = (struct ghost){ .number = number,
			     .word = { .tablet = tablet, .patient = patient, .kind = kind, .id = *id, .field = field,
				       .made_ms = sim->now_ms, .heard_ms = tablet > 0 ? sim_tablet(sim, tablet)->heard_ms : 0 } };
	ghost_text(g, text_out);
	if (tablet != 0 && ghost_look_begin(&look, sim_tablet(sim, tablet))) {
		ghost_see(look.t, g);
		ghost_look_end(&look);
	}
	return number;
}

/* The oldest edit of the field that was not sent when this one was made; NULL: this is the first. */
static const struct ghost *unsent_before(const struct sim *sim, const struct ghost_tablet *gt, const struct ghost *g)
{
	for (size_t i = 0; i < gt->open_count; i++) {
		const struct ghost *o = ghost_at(sim->ghosts, gt->open[i]);

		if (o->number < g->number && o->open && o->word.n == 0 && o->state == GHOST_STORED && o->word.field == g->word.field &&
		    ghost_same_record(o, g))
			return o;
	}
	return NULL;
}

/* The author wrote over an open word of theirs? t NULL: the row can't be read, and what was not appended covers all. */
static void cover(struct sim_tablet *t, struct ghost *o, const struct ghost *g)
{
	enum ghost_sight sight = t == NULL ? SIGHT_NONE : ghost_sight(t, o);

	if (sight == SIGHT_NONE)
		sight = g->word.appended ? SIGHT_SHOWN : SIGHT_LACKING;
	if (sight == SIGHT_LACKING && o->state == GHOST_STORED)
		ghost_took_away(o);
}

static void cover_earlier(struct sim *sim, struct ghost_tablet *gt, struct sim_tablet *t, const struct ghost *g)
{
	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *o = ghost_at(sim->ghosts, gt->open[i]);

		if (o->open && o->number < g->number && o->word.field == g->word.field && ghost_same_record(o, g))
			cover(t, o, g);
	}
}

/* The caller was told that it is stored, and nobody has had time to change it. */
static void check_stored(struct sim_tablet *t, const struct ghost *g)
{
	const enum ghost_sight sight = ghost_sight(t, g);

	if (sight == SIGHT_LACKING || sight == SIGHT_NOWHERE || (sight == SIGHT_GONE && !g->maybe_gone))
		sim_wrong(t->node.sim, "I7", "%s was told that %s is stored, and its row does not hold it", t->node.name,
			  ghost_name(t->node.sim, g).text);
}

static void keep(struct sim *sim, struct ghost_tablet *gt, struct sim_tablet *t, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct ghost *g = ghost_at(sim->ghosts, words[i]);
		const struct ghost *first = unsent_before(sim, gt, g);

		g->word.shown_first = first != NULL ? first->word.shown_first : g->word.shown;
		g->state = GHOST_STORED;
		g->word.confirmed = true;
		ghost_open(gt, g);
	}
	for (size_t i = 0; i < count; i++)
		cover_earlier(sim, gt, t, ghost_at(sim->ghosts, words[i]));
	for (size_t i = 0; i < count && t != NULL; i++)
		if (ghost_at(sim->ghosts, words[i])->open)
			check_stored(t, ghost_at(sim->ghosts, words[i]));
}

static void reject(struct sim *sim, struct sim_tablet *t, struct ghost *g)
{
	const enum ghost_sight sight = t == NULL ? SIGHT_NONE : ghost_sight(t, g);

	g->state = GHOST_REJECTED;
	if (sight == SIGHT_SHOWN)
		sim_wrong(sim, "I7", "%s was told that %s is not stored, and its row holds it", t->node.name,
			  ghost_name(sim, g).text);
}

static void end_on_tablet(struct sim *sim, unsigned tablet, const uint32_t *words, size_t count, enum ghost_end end)
{
	struct ghost_tablet *gt = ghost_tablet(sim, tablet);
	struct ghost_look look;
	struct sim_tablet *t = ghost_look_begin(&look, sim_tablet(sim, tablet)) ? look.t : NULL;

	if (t != NULL)
		ghost_take_up(t);
	if (end == GHOST_KEPT)
		keep(sim, gt, t, words, count);
	for (size_t i = 0; i < count && end != GHOST_KEPT; i++) {
		struct ghost *g = ghost_at(sim->ghosts, words[i]);

		if (end == GHOST_REFUSED) {
			reject(sim, t, g);
		} else {
			g->state = GHOST_DOUBTFUL;
			ghost_open(gt, g);
		}
	}
	ghost_sweep(sim->ghosts, gt);
	if (t != NULL)
		ghost_look_end(&look);
}

static void end_at_centre(struct sim *sim, const uint32_t *words, size_t count, enum ghost_end end)
{
	static const enum ghost_state states[] = {
		[GHOST_KEPT] = GHOST_STORED, [GHOST_REFUSED] = GHOST_REJECTED, [GHOST_UNKNOWN] = GHOST_DOUBTFUL,
	};

	for (size_t i = 0; i < count; i++) {
		struct ghost *g = ghost_at(sim->ghosts, words[i]);

		g->state = states[end];
		g->word.confirmed = end == GHOST_KEPT;
	}
}

void ghost_ended(struct sim *sim, const uint32_t *words, size_t count, enum ghost_end end)
{
	const struct ghost *first;

	if (count == 0)
		return;
	first = ghost_at(sim->ghosts, words[0]);
	for (size_t i = 1; i < count; i++)
		assert(ghost_at(sim->ghosts, words[i])->word.tablet == first->word.tablet);
	if (first->word.tablet == 0)
		end_at_centre(sim, words, count, end);
	else
		end_on_tablet(sim, first->word.tablet, words, count, end);
}

/* --- what their authors took away ------------------------------------------------------------------------- */

static bool is_open_at(const struct ghost *o, uint8_t kind, const struct id *id)
{
	return o->open && o->word.kind == kind && id_equal(&o->word.id, id);
}

/* A deletion keeps the last row whole, what was not sent included. */
static void check_deleted(struct sim_tablet *t, const struct ghost *o)
{
	if (o->state == GHOST_STORED && !o->maybe_gone && o->word.n == 0 && !o->word.overwritten &&
	    ghost_sight(t, o) == SIGHT_GONE)
		sim_wrong(t->node.sim, "I1", "%s deleted a record, and the last row that it kept lacks %s, which was not sent",
			  t->node.name, ghost_name(t->node.sim, o).text);
}

/* The record that somebody looks at before they take away what it holds. */
struct look_back {
	struct ghost_tablet *gt;
	struct ghost_past past;
};

static struct look_back look_back_at(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id)
{
	return (struct look_back){ .gt = ghost_tablet(sim, tablet),
				   .past = { .kind = kind, .id = *id, .until = sim->ghosts->count } };
}

static void was_known(void *ctx, uint32_t number)
{
	struct look_back *back = ctx;
	struct ghost_tablet *gt = back->gt;

	gt->pasts = ghost_room(gt->pasts, gt->past_count, &gt->past_room, sizeof *gt->pasts);
	gt->pasts[gt->past_count] = back->past;
	gt->pasts[gt->past_count++].number = number;
}

void ghost_deleted(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id)
{
	struct look_back back;
	struct ghost_tablet *gt;
	struct ghost_look look;
	bool looks;

	if (tablet == 0)
		return;
	back = look_back_at(sim, tablet, kind, id);
	gt = back.gt;
	looks = ghost_look_begin(&look, sim_tablet(sim, tablet));
	if (looks)
		ghost_take_up(look.t);
	if (!looks || !ghost_each_gone(look.t, kind, id, was_known, &back))
		was_known(&back, 0);
	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *o = ghost_at(sim->ghosts, gt->open[i]);

		if (!is_open_at(o, kind, id))
			continue;
		if (looks)
			check_deleted(look.t, o);
		o->maybe_gone = true;
	}
	if (looks)
		ghost_look_end(&look);
}

void ghost_looked_at(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id)
{
	struct look_back back = look_back_at(sim, tablet, kind, id);
	const struct kind *of = schema_kind_num(sim->schema, kind);
	struct ghost_look look;

	if (!ghost_look_begin(&look, sim_tablet(sim, tablet)))
		return;
	for (size_t f = 0; f < of->field_count; f++) {
		struct ghost page = { .word = { .tablet = tablet, .kind = kind, .id = *id, .field = (uint8_t)f } };

		ghost_see(look.t, &page);
		for (size_t i = 0; i < page.screen_count; i++)
			was_known(&back, page.screen[i]);
		free(page.screen);
	}
	ghost_look_end(&look);
}

void ghost_rewritten(struct sim *sim, unsigned tablet, uint8_t kind, const struct id *id, uint8_t field)
{
	struct ghost_tablet *gt;

	if (tablet == 0)
		return;
	gt = ghost_tablet(sim, tablet);
	for (size_t i = 0; i < gt->open_count; i++) {
		struct ghost *o = ghost_at(sim->ghosts, gt->open[i]);

		if (is_open_at(o, kind, id) && o->word.field == field)
			o->maybe_gone = true;
	}
}

void ghost_forgotten(struct sim *sim, unsigned tablet)
{
	struct ghost_tablet *gt = ghost_tablet(sim, tablet);

	for (uint32_t i = 1; i <= sim->ghosts->count; i++) {
		struct ghost *g = ghost_at(sim->ghosts, i);

		if (g->word.tablet != tablet)
			continue;
		g->state = GHOST_FORGIVEN;
		g->word.confirmed = g->open = false;
	}
	gt->open_count = gt->note_count = gt->watch_count = gt->watch_put = 0;
	gt->looked_n = gt->proven_n = gt->writes = 0;
}

/* --- what was on the screen --------------------------------------------------------------------------------- */

/* Is it this word, or one that its author saw in its place, and so on? What is seen was typed before, so that it ends. */
static bool in_chain(const struct sim *sim, uint32_t newest, uint32_t sought)
{
	const struct ghost *g = ghost_find(sim->ghosts, newest);

	while (g != NULL && g->number != sought)
		g = g->word.shown < g->number ? ghost_find(sim->ghosts, g->word.shown) : NULL;
	return g != NULL;
}

static bool on_screen(const struct sim *sim, const struct ghost *g, const struct ghost *r)
{
	for (size_t i = 0; i < g->screen_count; i++) {
		const struct ghost *s = ghost_find(sim->ghosts, g->screen[i]);

		if (s != NULL && ghost_same_record(s, r) && s->word.field == r->word.field && in_chain(sim, s->number, r->number))
			return true;
	}
	return false;
}

/* Did its author take that word away before, knowing it, with something that holds no word of theirs? */
static bool was_taken_away(const struct ghost_tablet *gt, const struct ghost *g, const struct ghost *r)
{
	for (size_t i = 0; i < gt->past_count; i++) {
		const struct ghost_past *past = &gt->pasts[i];

		if (past->kind == r->word.kind && id_equal(&past->id, &r->word.id) && past->until < g->number &&
		    (past->number == r->number || (past->number == 0 && r->number <= past->until)))
			return true;
	}
	return false;
}

bool ghost_was_shown(struct sim *sim, uint32_t number, uint32_t replaced)
{
	const struct ghost *g = ghost_find(sim->ghosts, number), *r = ghost_find(sim->ghosts, replaced);
	enum rule rule;

	if (g == NULL || r == NULL || number == replaced || g->word.tablet == 0 || !ghost_same_record(g, r))
		return true;
	if (r->word.tablet == g->word.tablet && replaced < number)
		return true;
	rule = ghost_group(sim, g)->rule;
	if (in_chain(sim, g->word.shown, replaced) || was_taken_away(ghost_tablet(sim, g->word.tablet), g, r))
		return true;
	/* Of a single value in the same field the page that was saved counts, and not the row. */
	if (r->word.field == g->word.field && rule != RULE_TEXT && rule != RULE_SET)
		return false;
	return on_screen(sim, g, r);
}
