#include "tests/sim/judge_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/chain.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

struct judge *judge_new(struct sim *sim)
{
	struct judge *j = calloc(1, sizeof *j);

	assert(j != NULL);
	j->sim = sim;
	j->turn = 1;
	j->model = model_new(sim->schema);
	j->tablets = calloc(sim->plan.tablets + 1, sizeof *j->tablets);
	assert(j->tablets != NULL);
	arena_init(&j->arena, ARENA_MAX);
	return j;
}

void judge_free(struct judge *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i <= j->sim->plan.tablets; i++)
		free(j->tablets[i].rows);
	free(j->tablets);
	free(j->rows);
	free(j->places);
	free(j->scopes);
	free(j->moments);
	free(j->sealed);
	free(j->conflicts);
	free(j->awaited);
	model_free(j->model);
	arena_close(&j->arena);
	free(j);
}

/* --- what the files share ----------------------------------------------------------------- */

void *judge_room(void *array, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return array;
	*room = *room == 0 ? 32 : 2 * *room;
	more = realloc(array, *room * size);
	assert(more != NULL);
	return more;
}

void judge_wrong(struct judge *j, const struct judged *it, const char *invariant, const char *format, ...)
{
	char what[320], id[ID_TEXT_SIZE];
	const struct kind *kind = schema_kind_num(j->sim->schema, it->row->kind_num);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof what, format, args);
	va_end(args);
	id_format(&it->row->id, id);
	sim_wrong(j->sim, invariant, "history %" PRIu64 " (node %u, change %" PRIu64 ", %s/%s): %s", it->row->seq, it->tablet,
		  it->row->n, kind != NULL ? kind->name : "?", id, what);
}

unsigned judge_tablet_of(const struct judge *j, uint32_t device)
{
	if (device <= j->sim->plan.tablets && (device == 0 || j->sim->tablets[device - 1].device == device))
		return device;
	for (unsigned i = 1; i <= j->sim->plan.tablets; i++)
		if (j->sim->tablets[i - 1].device == device)
			return i;
	return UINT_MAX;
}

static size_t hash_of(const struct id *id, unsigned salt, size_t room)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ salt;

	for (size_t i = 0; i < ID_SIZE; i++)
		hash = (hash ^ id->bytes[i]) * UINT64_C(1099511628211);
	return (size_t)(hash ^ hash >> 32) & (room - 1);
}

static struct judge_place *place_at(struct judge_place *places, size_t room, uint8_t kind, const struct id *id)
{
	size_t at = hash_of(id, kind, room);

	while (places[at].kind != 0 && (places[at].kind != kind || !id_equal(&places[at].id, id)))
		at = (at + 1) & (room - 1);
	return &places[at];
}

const struct judge_place *judge_place_find(const struct judge *j, uint8_t kind, const struct id *id)
{
	const struct judge_place *place = j->place_room > 0 ? place_at(j->places, j->place_room, kind, id) : NULL;

	return place != NULL && place->kind != 0 ? place : NULL;
}

static void place_add(struct judge *j, uint8_t kind, const struct id *id, const struct id *patient)
{
	struct judge_place *more, *place;
	size_t room = j->place_room == 0 ? 256 : 2 * j->place_room;

	if (2 * (j->place_count + 1) > j->place_room) {
		more = calloc(room, sizeof *more);
		assert(more != NULL);
		for (size_t i = 0; i < j->place_room; i++)
			if (j->places[i].kind != 0)
				*place_at(more, room, j->places[i].kind, &j->places[i].id) = j->places[i];
		free(j->places);
		j->places = more;
		j->place_room = room;
	}
	place = place_at(j->places, j->place_room, kind, id);
	j->place_count += place->kind == 0;
	*place = (struct judge_place){ kind, *id, *patient };
}

static struct judge_scope *scope_at(struct judge *j, unsigned tablet, const struct id *patient)
{
	size_t at = hash_of(patient, tablet, j->scope_room);

	while (j->scopes[at].turn == j->turn &&
	       (j->scopes[at].tablet != tablet || !id_equal(&j->scopes[at].patient, patient)))
		at = (at + 1) & (j->scope_room - 1);
	return &j->scopes[at];
}

bool judge_in_scope(struct judge *j, unsigned tablet, const struct id *patient)
{
	struct judge_scope *scope;

	if (id_equal(patient, &ID_STAFF))
		return true;
	if (j->scope_room == 0) {
		j->scope_room = 1;
		while (j->scope_room < 64 * ((size_t)j->sim->plan.tablets + 1) * (j->sim->plan.patients + 4))
			j->scope_room *= 2;
		j->scopes = calloc(j->scope_room, sizeof *j->scopes);
		assert(j->scopes != NULL);
	}
	scope = scope_at(j, tablet, patient);
	if (scope->turn != j->turn)
		*scope = (struct judge_scope){ *patient, tablet, j->turn,
					       model_in_scope(j->model, sim_tablet(j->sim, tablet)->worker.bytes,
							      patient->bytes, UINT64_MAX) };
	return scope->in;
}

/* --- rows as they come: order, chain, form ------------------------------------------------- */

/* I16: each row hangs on the one before it. */
static void check_link(struct judge *j, const struct judged *it)
{
	struct digest content, link = j->head;

	history_content(&content, it->row);
	chain_link(&link, it->row->seq, &content);
	if (!digest_equal(&content, &it->row->content))
		judge_wrong(j, it, "I16", "its content is not what its digest says");
	if (!digest_equal(&link, &it->row->link))
		judge_wrong(j, it, "I16", "it does not hang on the row before");
	j->head = it->row->link;
}

const struct judge_row *judge_row_of(const struct judge *j, unsigned tablet, uint64_t n)
{
	const struct judge_tablet *t = &j->tablets[tablet];

	return n >= 1 && n <= t->taken ? &j->rows[t->rows[n - 1]] : NULL;
}

static int compare_seq(const void *key, const void *row)
{
	const uint64_t *seq = key;
	const struct judge_row *at = row;

	return *seq < at->seq ? -1 : *seq > at->seq;
}

const struct judge_row *judge_row_at(const struct judge *j, uint64_t seq)
{
	return j->row_count > 0 ? bsearch(&seq, j->rows, j->row_count, sizeof *j->rows, compare_seq) : NULL;
}

/* I10, I12: each number once, in order; other content under a used one is held (I11). */
static void check_number(struct judge *j, struct judged *it)
{
	struct judge_tablet *t = &j->tablets[it->tablet];
	const struct history *row = it->row;
	const struct judge_row *first = judge_row_of(j, it->tablet, row->n);
	struct digest digest;

	change_digest(&digest, row->body.data, row->body.len);
	if (!digest_equal(&digest, &row->digest))
		judge_wrong(j, it, "I4", "its digest is not that of its content");
	if (row->of_seq != 0 || row->reason == HELD_NUMBER) {
		if (first == NULL)
			judge_wrong(j, it, "I12", "it follows up on a number that never came");
		else if ((row->reason == HELD_NUMBER) == digest_equal(&digest, &first->digest))
			judge_wrong(j, it, "I11", "%s", row->of_seq != 0 ? "it answers another content" :
									    "held for its number, though it is the same content");
		return;
	}
	if (row->n != t->taken + 1) {
		judge_wrong(j, it, first != NULL ? "I10" : "I12", "it came after number %" PRIu64, t->taken);
		return;
	}
	if (row->n > t->row_room)
		t->rows = judge_room(t->rows, row->n - 1, &t->row_room, sizeof *t->rows);
	t->rows[row->n - 1] = j->row_count;
	t->taken = row->n;
	t->moved = true;
}

/* I4: whose it was, from where, and when. */
static void check_source(struct judge *j, const struct judged *it)
{
	const struct history *row = it->row;

	if (row->received_ms <= 0 || row->at.lo_ms > row->at.hi_ms)
		judge_wrong(j, it, "I4", "its times are no times");
	if (it->tablet > 0 && row->of_seq == 0 && !id_equal(&row->author, &sim_tablet(j->sim, it->tablet)->worker))
		judge_wrong(j, it, "I4", "it is in another's name than the tablet's");
}

/* The row just kept resolves a held one. */
static void answer_row(struct judge *j, const struct history *row)
{
	for (size_t i = j->row_count - 1; i-- > 0;)
		if (j->rows[i].seq == row->of_seq) {
			j->rows[i].answer = j->row_count;
			return;
		}
}

/* One line of the trace: what the centre took, and what became of each group of it. */
static void tell_row(struct judge *j, const struct history *row)
{
	static const char *const results[] = { "accepted", "judged:", "held", "returned" };
	static const char *const verdicts[] = { " accepted", " merged", " superseded" };
	const unsigned tablet = judge_tablet_of(j, row->device);
	char groups[160] = "";
	size_t at = 0;

	for (size_t g = 0; g < row->group_count && at < sizeof groups; g++) {
		const int len = snprintf(groups + at, sizeof groups - at, "%s%s %u", g > 0 ? "," : "",
					 verdicts[row->groups[g].verdict], row->groups[g].num);

		at += len > 0 ? (size_t)len : 0;
	}
	sim_tell(j->sim, &j->sim->centre.node, "takes change %" PRIu64 " of %s%.0u, kind %u %02x%02x%02x%02x%s: %s%s%s%s", row->n,
		 tablet == 0 ? "its own" : "tablet ", tablet, row->kind_num, row->id.bytes[0], row->id.bytes[1], row->id.bytes[2],
		 row->id.bytes[3], row->of_seq != 0 ? ", held until now" : "", results[row->result], groups,
		 row->result == OUTCOME_HELD ? " " : "", row->result == OUTCOME_HELD ? held_reason_name(row->reason) : "");
}

static void keep_row(struct judge *j, const struct judged *it)
{
	const struct history *row = it->row;

	tell_row(j, row);
	j->rows = judge_room(j->rows, j->row_count, &j->row_room, sizeof *j->rows);
	j->rows[j->row_count++] = (struct judge_row){
		.seq = row->seq, .n = row->n, .of_seq = row->of_seq, .device = row->device, .result = row->result,
		.reason = row->reason, .digest = row->digest, .link = row->link, .lo_ms = row->at.lo_ms,
		.several = it->change != NULL && it->change->group_count > 1,
	};
	if (row->of_seq != 0)
		answer_row(j, row);
	j->seq = row->seq;
}

static void keep_place(struct judge *j, const struct judged *it)
{
	const struct change *change = it->change;
	const struct id *patient = &it->row->patient;

	if (it->read != ST_OK || it->row->result == OUTCOME_HELD || it->row->result == OUTCOME_RETURNED)
		return;
	if (change->create)
		place_add(j, change->kind->num, &change->id, patient);
	else if (judge_place_find(j, change->kind->num, &change->id) == NULL)
		judge_wrong(j, it, "I5", "an edit was taken of a record that never was made");
	else if (!id_equal(&judge_place_find(j, change->kind->num, &change->id)->patient, patient))
		judge_wrong(j, it, "I13", "the record belongs to another patient than before");
	if (strcmp(change->kind->name, "assignment") != 0)
		return;
	j->turn++;
	judge_moments(j, it);
}

/* A tablet is withdrawn, or let in; an account's own event says nothing of its tablets. */
static void take_access(struct judge *j, const struct judged *it)
{
	struct access_event event;
	struct judge_tablet *t;
	unsigned tablet;

	if (access_decode(it->row, &j->arena, &event) != ST_OK || !id_equal(&event.worker, &it->row->id)) {
		judge_wrong(j, it, "I4", "who may sync can't be read");
		return;
	}
	if (event.device == 0) {
		if (event.what == ACCESS_WITHDRAWN)
			sim_met(j->sim, MET_DISABLED);
		return;
	}
	tablet = judge_tablet_of(j, event.device);
	t = tablet != UINT_MAX ? &j->tablets[tablet] : NULL;
	if (t == NULL || !id_equal(&event.worker, &sim_tablet(j->sim, tablet)->worker) ||
	    t->withdrawn == (event.what == ACCESS_WITHDRAWN)) {
		judge_wrong(j, it, "I4", "it withdraws or lets in a tablet that is so already, or another's");
		return;
	}
	t->withdrawn = event.what == ACCESS_WITHDRAWN;
	sim_met(j->sim, t->withdrawn ? MET_WITHDRAWN : MET_ALLOWED);
	sim_tell(j->sim, &sim_tablet(j->sim, tablet)->node, t->withdrawn ? "is withdrawn" : "is let in again");
}

/* I15: what a withdrawn tablet brings is held, and for that alone; nothing else is. */
static void check_access(struct judge *j, const struct judged *it)
{
	const bool held = it->row->result == OUTCOME_HELD && it->row->reason == HELD_WITHDRAWN;

	if (it->tablet == 0 || it->row->of_seq != 0 || it->row->reason == HELD_NUMBER)
		return;
	if (held != j->tablets[it->tablet].withdrawn)
		judge_wrong(j, it, "I15", held ? "held, as if its tablet had been withdrawn" : "its tablet is withdrawn, and it is not held for that");
}

bool judge_is_withdrawn(const struct sim *sim, unsigned tablet)
{
	return sim->judge != NULL && sim->judge->tablets[tablet].withdrawn;
}

static void take_row(struct judge *j, struct judged *it)
{
	check_access(j, it);
	if (access_is(it->row)) {
		take_access(j, it);
		return;
	}
	judge_model_row(j, it);
	keep_place(j, it);
	judge_count(j, it);
}

static enum status visit(void *ctx, const struct history *row)
{
	struct judge *j = ctx;
	struct judged it = { .row = row, .tablet = judge_tablet_of(j, row->device), .received_ms = row->received_ms,
			     .author = row->author };

	if (sim_is_wrong(j->sim))
		return ST_REFUSED;
	arena_reset(&j->arena);
	if (it.tablet == UINT_MAX) {
		sim_wrong(j->sim, "I4", "history %" PRIu64 " is of device %" PRIu32 ", which nobody has", row->seq, row->device);
		return ST_REFUSED;
	}
	judge_time(j, row->received_ms);
	check_link(j, &it);
	check_number(j, &it);
	check_source(j, &it);
	if (sim_is_wrong(j->sim))
		return ST_REFUSED;
	take_row(j, &it);
	keep_row(j, &it);
	return sim_is_wrong(j->sim) ? ST_REFUSED : ST_OK;
}

/* --- commits ------------------------------------------------------------------------------------- */

static struct store *store_of(const struct judge *j)
{
	return j->sim->centre.centre.store;
}

/* I3: a request is there whole or not at all. */
static void check_whole(struct judge *j, unsigned tablet, uint64_t before)
{
	const struct judge_tablet *t = &j->tablets[tablet];

	if (t->request_count == 0 || t->taken == before)
		return;
	for (size_t i = 0; i < t->request_count; i++)
		if (t->requests[i] == t->taken)
			return;
	sim_wrong(j->sim, "I3", "of tablet %u the changes up to %" PRIu64 " are taken, which is the end of no request", tablet,
		  t->taken);
}

/* I2, I12: what the centre says it has is what history has, and no less than was acknowledged. */
static void check_device(struct judge *j, unsigned tablet)
{
	const struct judge_tablet *t = &j->tablets[tablet];
	struct store *store = store_of(j);
	struct device *device = arena_zalloc(&j->arena, sizeof *device);
	enum status st;

	assert(device != NULL);
	st = store->ops->device_get(store, sim_tablet(j->sim, tablet)->device, device);
	if (st != ST_OK) {
		sim_wrong(j->sim, "I2", "the centre does not know tablet %u: %s", tablet, status_name(st));
		return;
	}
	if (device->last_n != t->taken)
		sim_wrong(j->sim, "I12", "the centre says it has tablet %u's changes up to %" PRIu64 ", history has %" PRIu64, tablet,
			  device->last_n, t->taken);
	if (device->last_n < t->acknowledged)
		sim_wrong(j->sim, "I2", "tablet %u was told that all up to %" PRIu64 " is received, the centre has %" PRIu64, tablet,
			  t->acknowledged, device->last_n);
}

static void read_history(struct judge *j, bool all_devices)
{
	struct sim *sim = j->sim;
	struct store *store = store_of(j);
	uint64_t taken[PLAN_TABLETS_MAX + 1];
	enum status st;

	assert(sim->plan.tablets <= PLAN_TABLETS_MAX);
	for (unsigned i = 1; i <= sim->plan.tablets; i++) {
		taken[i] = j->tablets[i].taken;
		j->tablets[i].moved = all_devices;
	}
	j->seq_before = j->seq;
	st = store->ops->begin_read(store);
	if (st == ST_OK)
		st = store->ops->history_each(store, j->seq, visit, j);
	for (unsigned i = 1; i <= sim->plan.tablets && st == ST_OK && !sim_is_wrong(sim); i++) {
		if (j->tablets[i].moved && sim_tablet(sim, i)->device != 0)
			check_device(j, i);
		check_whole(j, i, taken[i]);
	}
	store->ops->rollback(store);
	if (st != ST_OK && !sim_is_wrong(sim))
		sim_wrong(sim, "sim", "the judge could not read the centre's history: %s", status_name(st));
	if (st == ST_OK && !sim_is_wrong(sim))
		judge_awaited_check(j);
}

void judge_committed(struct sim *sim)
{
	struct store *store = sim->centre.centre.store;

	/* What a store holds whose disk failed is seen after the next start. */
	if (sim_is_wrong(sim) || !sim->centre.node.up || store->ops->failed(store))
		return;
	read_history(sim->judge, false);
}

void judge_arrived(struct sim *sim, unsigned tablet, uint64_t last_n)
{
	struct judge_tablet *t = &sim->judge->tablets[tablet];

	for (size_t i = 0; i < t->request_count; i++)
		if (t->requests[i] == last_n)
			return;
	if (t->request_count == JUDGE_REQUESTS_MAX)
		memmove(t->requests, t->requests + 1, --t->request_count * sizeof *t->requests);
	t->requests[t->request_count++] = last_n;
}

void judge_acknowledged(struct sim *sim, unsigned tablet, uint64_t last_n)
{
	struct judge_tablet *t = &sim->judge->tablets[tablet];

	if (last_n > t->taken)
		sim_wrong(sim, "I2", "tablet %u was told that all up to %" PRIu64 " is received; history has %" PRIu64, tablet, last_n,
			  t->taken);
	if (last_n > t->acknowledged)
		t->acknowledged = last_n;
}

/* All that was committed before is there. */
void judge_started(struct sim *sim)
{
	struct judge *j = sim->judge;
	struct store *store = store_of(j);
	struct history row;
	enum status st = ST_OK;

	if (sim_is_wrong(sim) || !sim->centre.node.up)
		return;
	arena_reset(&j->arena);
	if (j->seq != 0) {
		st = store->ops->begin_read(store);
		if (st == ST_OK)
			st = store->ops->history_get(store, j->seq, &j->arena, &row);
		store->ops->rollback(store);
		if (st != ST_OK || !digest_equal(&row.link, &j->head)) {
			sim_wrong(sim, "I2", "history %" PRIu64 " was committed before the centre's start and is not there: %s", j->seq,
				  status_name(st));
			return;
		}
	}
	read_history(j, true);
}
