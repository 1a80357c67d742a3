#include "tests/sim/sim_centre.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access.h"
#include "daemon/conflict.h"
#include "daemon/writer.h"
#include "proto/limits.h"
#include "tests/sim/judge.h"
#include "tests/sim/node.h"
#include "tests/sim/way.h"
#include "tests/sim/work.h"

#define BATCH_MAX WRITER_BATCH_MAX
#define CHECKPOINT_BATCHES 8
#define RETRY_START_MS 30000

/* What few batches come across stands there more often. */
static const char *const BATCH_POINTS[] = { "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B10", "B10", "B10", "B10", "B11",
					    "B11", "B11", "B11", "B11", "B12", "B13", "B14", "B15", "B16", "B17", "B19", "B19",
					    "B23", NULL };
static const char *const REST_POINTS[] = { "B20", NULL };

/* --- the process ------------------------------------------------------------------------------- */

static void down(struct node *node)
{
	struct sim_centre *c = (struct sim_centre *)(void *)node;

	centre_close(&c->centre);
	memset(&c->centre, 0, sizeof c->centre);
	node->up = false;
}

static bool ended(struct sim_centre *c)
{
	const bool lives = node_act_end(&c->node, down);

	if (!lives)
		c->alone_until_ms = INT64_MAX;
	return lives;
}

static void start_later(struct sim_centre *c)
{
	struct sim *sim = c->node.sim;

	sim_at(sim, sim->now_ms + RETRY_START_MS, EVENT_START, 0, ++c->node.restarts);
}

/* Nobody knows what the disk holds: doorstepd ends, and is started again. */
static void end_if_failed(struct sim_centre *c)
{
	if (!c->node.up || !c->centre.store->ops->failed(c->centre.store))
		return;
	sim_tell(c->node.sim, &c->node, "ends: its disk failed to keep what was written");
	down(&c->node);
	start_later(c);
}

bool sim_centre_act_end(struct sim_centre *c)
{
	if (!ended(c))
		return false;
	end_if_failed(c);
	return c->node.up;
}

void sim_centre_open(struct sim_centre *c, struct sim *sim)
{
	node_open(&c->node, sim, 0);
	(void)snprintf(c->path, sizeof c->path, "agency.db");
}

void sim_centre_close(struct sim_centre *c)
{
	if (c->node.up)
		down(&c->node);
	node_close(&c->node);
}

static enum status open_store(struct sim_centre *c, bool create)
{
	struct store *store = NULL;
	struct failure why;
	enum status st = store_sqlite_open(&store, c->path, c->node.sim->schema, &c->node.env, create, &why);

	if (st != ST_OK)
		return st;
	st = centre_init(&c->centre, store, c->seed);
	if (st != ST_OK)
		store->ops->close(store);
	c->centre.records_max = c->node.sim->plan.records_max;
	return st;
}

void sim_centre_found(struct sim_centre *c)
{
	c->node.env.random(c->node.env.ctx, c->seed, sizeof c->seed);
	if (open_store(c, true) != ST_OK || centre_found(&c->centre, "Agency", "Europe/Zurich") != ST_OK)
		abort();
	c->node.up = true;
}

bool sim_centre_start(struct sim_centre *c)
{
	struct sim *sim = c->node.sim;
	bool lives;
	enum status st;

	c->node.is_starting = true;
	node_act_begin(&c->node, SITE_START, ++c->node.life, NULL);
	st = open_store(c, false);
	if (st == ST_OK)
		st = centre_start(&c->centre);
	lives = ended(c);
	c->node.is_starting = false;
	if (!lives)
		return false;
	if (st != ST_OK) {
		sim_tell(sim, &c->node, "can't start: %s", status_name(st));
		down(&c->node);
		start_later(c);
		return false;
	}
	c->node.up = true;
	if (c->alone_until_ms == INT64_MAX)
		c->alone_until_ms = sim->now_ms + WRITER_ALONE_MS;
	sim_met(sim, MET_EPOCHS);
	sim_tell(sim, &c->node, "runs");
	if (sim->judge != NULL)
		judge_started(sim);
	return true;
}

void sim_centre_stop(struct sim_centre *c)
{
	if (c->node.up)
		down(&c->node);
}

/* --- requests ------------------------------------------------------------------------------------- */

static int http_of(enum status st)
{
	if (st == ST_FORGED || st == ST_REFUSED)
		return 401;
	if (st == ST_LIMIT)
		return 413;
	if (st == ST_UNKNOWN)
		return 426;
	return st == ST_PROTOCOL || st == ST_INVALID ? 400 : 503;
}

struct batch {
	struct centre_request requests[BATCH_MAX];
	struct centre_request *pointers[BATCH_MAX];
	struct flight *const *flights;
	size_t count;
};

static void answer_all(struct sim_centre *c, struct batch *b)
{
	const int64_t now_ms = node_wall_ms(&c->node);

	for (size_t i = 0; i < b->count; i++) {
		struct centre_request *r = &b->requests[i];

		*r = (struct centre_request){ .bytes = b->flights[i]->bytes.data, .len = b->flights[i]->bytes.len,
					      .received_ms = now_ms };
		buf_init(&r->answer, LIMIT_BODY_MAX);
		b->pointers[i] = r;
		centre_prepare(&c->centre, r);
		if (r->status == ST_OK)
			judge_arrived(c->node.sim, b->flights[i]->tablet,
				      r->request.change_count > 0 ? r->request.changes[r->request.change_count - 1].n : 0);
	}
	centre_batch(&c->centre, b->pointers, b->count);
}

static void check_request(struct sim_centre *c, const struct flight *flight, enum status st, bool well)
{
	struct sim *sim = c->node.sim;

	if (flight->bent && st == ST_OK)
		sim_wrong(sim, "I23", "the centre took a request that was altered on the way");
	if (st == ST_LATER && judge_is_withdrawn(sim, flight->tablet))
		sim_met(sim, MET_WITHDRAWN_AMID);
	else if (!flight->bent && st != ST_OK && well)
		sim_wrong(sim, "sim", "the centre refused an honest request of tablet %u: %s", flight->tablet, status_name(st));
}

static void send_answers(struct sim_centre *c, struct batch *b, bool well)
{
	struct sim *sim = c->node.sim;

	judge_committed(sim);
	judge_batched(sim);
	for (size_t i = 0; i < b->count; i++) {
		const struct flight *flight = b->flights[i];
		struct centre_request *r = &b->requests[i];
		const bool leaves = centre_may_leave(&c->centre, r);

		sim_tell(sim, &c->node, "answers %s%" PRIu64 " of tablet %u: %s, %zu bytes", flight->copy ? "a copy of " : "",
			 flight->exchange, flight->tablet, status_name(r->status), r->status == ST_OK ? r->answer.len : 0);
		check_request(c, flight, r->status, well);
		if (flight->copy || flight->bent) {
			static const enum met late[] = { MET_TWICE_NOW, MET_TWICE_LATE };
			const enum met met = flight->met != MET_LOST_UP ? flight->met
									: late[sim->now_ms > flight->sent_ms + 60000];

			sim_met(sim, met);
		}
		if (leaves) {
			judge_answer(sim, flight->tablet, r->reply.data, r->reply.len);
			way_down(sim, flight, r->answer.data, r->answer.len, 0);
		} else {
			way_down(sim, flight, NULL, 0, http_of(r->status));
		}
	}
}

static void checkpoint(struct sim_centre *c)
{
	if (!c->node.up || c->batches % CHECKPOINT_BATCHES != 0)
		return;
	node_act_begin(&c->node, SITE_REST, c->batches, REST_POINTS);
	(void)c->centre.store->ops->checkpoint(c->centre.store);
	(void)sim_centre_act_end(c);
}

/* What people do when the batch was committed and its answers have not left yet. False: the machine died of it. */
static bool between(struct sim_centre *c, const struct batch *b)
{
	struct dice dice = dice_at(c->node.sim->plan.seed, SITE_ANSWER, 0, c->batches | UINT64_C(1) << 39);
	const struct flight *flight = b->flights[dice_below(&dice, b->count)];

	/* A store whose disk failed ends its process behind the answers. */
	if (!flight->bent && !c->centre.store->ops->failed(c->centre.store))
		work_between(c->node.sim, flight->tablet, c->batches);
	return c->node.up;
}

static void batch_close(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		centre_request_close(&b->requests[i]);
		buf_close(&b->requests[i].answer);
	}
	free(b);
}

static void run_batch(struct sim_centre *c, struct flight *const *flights, size_t count)
{
	struct batch *b = calloc(1, sizeof *b);
	bool well, lives;

	assert(b != NULL && count <= BATCH_MAX);
	b->flights = flights;
	b->count = count;
	node_act_begin(&c->node, SITE_ANSWER, ++c->batches, BATCH_POINTS);
	c->centre.alone = count == 1;
	answer_all(c, b);
	well = !c->node.peril.struck && !c->node.sick;
	lives = ended(c) && between(c, b);
	for (size_t i = 0; i < count && !lives; i++)
		way_down(c->node.sim, flights[i], NULL, 0, -1);
	if (lives) {
		send_answers(c, b, well);
		end_if_failed(c);
	}
	batch_close(b);
	checkpoint(c);
}

void sim_centre_arrive(struct sim_centre *c, struct flight *const *flights, size_t count)
{
	const bool alone = c->alone_until_ms > c->node.sim->now_ms;

	for (size_t i = 0; i < count;) {
		const size_t take = alone ? 1 : count - i < BATCH_MAX ? count - i : BATCH_MAX;

		if (c->node.up)
			run_batch(c, flights + i, take);
		else
			for (size_t j = i; j < i + take; j++)
				way_down(c->node.sim, flights[j], NULL, 0, -1);
		i += take;
	}
}

/* --- what its people do -------------------------------------------------------------------------------- */

typedef enum status deed_fn(struct centre_act *act, void *ctx);

/* One write transaction. */
static bool act_alone(struct sim_centre *c, deed_fn *deed, void *ctx)
{
	struct centre_act act = { 0 };
	enum status st;

	if (!c->node.up)
		return false;
	st = centre_act_begin(&act, &c->centre);
	if (st != ST_OK)
		return false;
	st = deed(&act, ctx);
	if (st == ST_OK)
		return centre_act_commit(&act) == ST_OK;
	centre_act_abort(&act);
	return false;
}

struct own {
	struct sim_centre *c;
	struct change *change;
	const char *const *fields;
	const char *field, *text;
	bool deletes;
};

static void put(struct change *change, const char *field, const char *text)
{
	const int at = kind_field(change->kind, field, strlen(field));
	enum type type;

	assert(at >= 0);
	type = change->kind->fields[at].type;
	if (text == NULL)
		change->row.values[at] = value_null();
	else if (type == TYPE_INT || type == TYPE_TIME || type == TYPE_BOOL)
		change->row.values[at] = value_int(strtoll(text, NULL, 10));
	else
		change->row.values[at] = value_string(text);
}

static enum status take_own(struct centre_act *act, struct change *change)
{
	struct outcome outcome = { 0 };
	enum status st = intake_own(&act->in, &ID_STAFF, change, &outcome);

	return st == ST_OK && outcome.result != OUTCOME_ACCEPTED ? ST_REFUSED : st;
}

static enum status create(struct centre_act *act, void *ctx)
{
	struct own *own = ctx;

	for (const char *const *f = own->fields; f[0] != NULL; f += 2)
		put(own->change, f[0], f[1]);
	return take_own(act, own->change);
}

/* The group of the field as it stands, but for that field; or the deletion mark. */
static enum status edit(struct centre_act *act, void *ctx)
{
	struct own *own = ctx;
	struct store *store = act->centre->store;
	struct change *change = own->change;
	struct record *record = arena_alloc(&act->arena, sizeof *record);
	enum status st = record != NULL ? store->ops->record_get(store, change->kind, &change->id, &act->arena, record) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	if (record->deleted)
		return ST_NOT_FOUND;
	change->patient = record->patient;
	change->row = record->row;
	change->group_count = 1;
	change->deletes = own->deletes;
	change->groups[0].num = SCHEMA_GROUP_DELETED;
	if (!own->deletes) {
		const int at = kind_field(change->kind, own->field, strlen(own->field));

		change->groups[0].num = change->kind->groups[change->kind->fields[at].group].num;
		put(change, own->field, own->text);
	}
	return take_own(act, change);
}

static bool own_change(struct sim_centre *c, deed_fn *deed, struct own *own, const char *kind, const struct id *id)
{
	struct change *change = calloc(1, sizeof *change);
	bool good;

	assert(change != NULL);
	change->kind = schema_kind(c->node.sim->schema, kind, strlen(kind));
	change->id = *id;
	own->change = change;
	good = act_alone(c, deed, own);
	free(change);
	return good;
}

struct own_patient {
	struct own own;
	struct id patient;
};

static enum status create_of_patient(struct centre_act *act, void *ctx)
{
	struct own_patient *of = ctx;

	of->own.change->patient = of->patient;
	of->own.change->create = true;
	return create(act, &of->own);
}

bool centre_create(struct sim_centre *c, const char *kind, const struct id *id, const struct id *patient,
		   const char *const *fields)
{
	const struct kind *k = schema_kind(c->node.sim->schema, kind, strlen(kind));
	struct own_patient of = { .own = { .c = c, .fields = fields } };

	assert(k != NULL);
	of.patient = k->is_patient ? *id : k->is_staff ? ID_STAFF : *patient;
	return own_change(c, create_of_patient, &of.own, kind, id);
}

bool centre_edit(struct sim_centre *c, const char *kind, const struct id *id, const char *field, const char *text)
{
	struct own own = { .c = c, .field = field, .text = text };

	return own_change(c, edit, &own, kind, id);
}

bool centre_delete(struct sim_centre *c, const char *kind, const struct id *id)
{
	struct own own = { .c = c, .deletes = true };

	return own_change(c, edit, &own, kind, id);
}

struct pair {
	const struct id *worker, *patient;
};

static enum status give(struct centre_act *act, void *ctx)
{
	struct failure why;
	struct given given;
	const enum status st = centre_assign(act, NULL, ctx, &given, &why);

	return st == ST_EXISTS ? ST_OK : st;
}

static enum status take_away(struct centre_act *act, void *ctx)
{
	const struct pair *pair = ctx;
	struct failure why;
	size_t count;

	return centre_unassign(act, NULL, pair->worker, pair->patient, &count, &why);
}

bool centre_give(struct sim_centre *c, unsigned tablet, const struct id *patient)
{
	return centre_give_for(c, tablet, patient, "own", INT64_MIN, TERM_NEVER);
}

/* NOLINTNEXTLINE(readability-function-size): what a giving consists of. */
bool centre_give_for(struct sim_centre *c, unsigned tablet, const struct id *patient, const char *reason, int64_t starts_ms,
		     int64_t ends_ms)
{
	struct giving giving = { .worker = sim_tablet(c->node.sim, tablet)->worker, .patient = *patient, .reason = reason,
				 .starts_ms = starts_ms, .ends_ms = ends_ms };

	return act_alone(c, give, &giving);
}

bool centre_take_away(struct sim_centre *c, unsigned tablet, const struct id *patient)
{
	struct pair pair = { &sim_tablet(c->node.sim, tablet)->worker, patient };

	return act_alone(c, take_away, &pair);
}

struct answering {
	uint64_t seq;
	bool accept;
};

static enum status answer_held(struct centre_act *act, void *ctx)
{
	const struct answering *a = ctx;
	struct failure why;

	return intake_answer_held(&act->in, &ID_STAFF, a->seq, a->accept, &why);
}

bool centre_answer_held(struct sim_centre *c, uint64_t seq, bool accept)
{
	struct answering answering = { seq, accept };

	return act_alone(c, answer_held, &answering);
}

struct deciding {
	struct own own;
	unsigned candidate;
};

static enum status decide(struct centre_act *act, void *ctx)
{
	struct deciding *d = ctx;
	struct store *store = act->centre->store;
	struct change *change = d->own.change;
	struct record *record = arena_alloc(&act->arena, sizeof *record);
	const char *json = NULL;
	enum status st = record != NULL ? store->ops->record_get(store, change->kind, &change->id, &act->arena, record) : ST_NOMEM;

	if (st == ST_OK)
		st = conflict_decision(&act->in, record, d->candidate + 1, NULL, &json);
	if (st != ST_OK)
		return st;
	d->own.field = "decision";
	d->own.text = json;
	return edit(act, &d->own);
}

bool centre_decide(struct sim_centre *c, const struct id *conflict, unsigned candidate)
{
	struct deciding deciding = { .own = { .c = c }, .candidate = candidate };

	return own_change(c, decide, &deciding.own, "conflict", conflict);
}

struct access_act {
	const struct sim_tablet *t;
	char login[32];
	bool account;
};

static struct access_act access_act(struct sim_centre *c, unsigned tablet, bool account)
{
	struct access_act a = { .t = sim_tablet(c->node.sim, tablet), .account = account };

	(void)snprintf(a.login, sizeof a.login, "tablet-%u", tablet);
	return a;
}

static enum status withdraw(struct centre_act *act, void *ctx)
{
	const struct access_act *a = ctx;
	const struct access_reason reason = { .why = "" };
	struct failure why;

	return a->account ? access_disable(act, a->login, &reason, &why) : access_withdraw(act, a->t->device, &reason, &why);
}

static enum status allow(struct centre_act *act, void *ctx)
{
	const struct access_act *a = ctx;
	const struct access_reason reason = { .why = "found" };
	struct failure why;
	const enum status st = access_enable(act, a->login, &reason, &why);

	return st == ST_OK || st == ST_REFUSED ? access_allow(act, a->t->device, &reason, &why) : st;
}

bool centre_withdraw(struct sim_centre *c, unsigned tablet, bool account)
{
	struct access_act a = access_act(c, tablet, account);

	return act_alone(c, withdraw, &a);
}

bool centre_allow(struct sim_centre *c, unsigned tablet)
{
	struct access_act a = access_act(c, tablet, true);

	return act_alone(c, allow, &a);
}

/* --- to look at ---------------------------------------------------------------------------------------------- */

bool centre_text(struct sim_centre *c, const char *kind, const struct id *id, const char *field, char *text_out, size_t room)
{
	struct store *store = c->centre.store;
	const struct kind *k = schema_kind(c->node.sim->schema, kind, strlen(kind));
	struct record *record = calloc(1, sizeof *record);
	struct arena arena;
	bool there;

	assert(record != NULL && !c->node.acting);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	there = c->node.up && store->ops->begin_read(store) == ST_OK;
	if (there) {
		there = store->ops->record_get(store, k, id, &arena, record) == ST_OK && !record->deleted;
		store->ops->rollback(store);
	}
	if (there) {
		const struct value *value = &record->row.values[kind_field(k, field, strlen(field))];

		if (value->tag == VALUE_INT)
			(void)snprintf(text_out, room, "%" PRId64, value->integer);
		else
			(void)snprintf(text_out, room, "%.*s", (int)value->len, value->tag == VALUE_TEXT ? value->text : "");
	}
	arena_close(&arena);
	free(record);
	return there;
}

bool centre_is_withdrawn(struct sim_centre *c, unsigned tablet)
{
	struct store *store = c->centre.store;
	struct device device = { .revoked = false };

	assert(!c->node.acting);
	if (!c->node.up || store->ops->begin_read(store) != ST_OK)
		return false;
	if (store->ops->device_get(store, sim_tablet(c->node.sim, tablet)->device, &device) != ST_OK)
		device.revoked = false;
	store->ops->rollback(store);
	return device.revoked;
}

uint64_t centre_seq(struct sim_centre *c)
{
	struct store *store = c->centre.store;
	int64_t seq = 0;

	assert(!c->node.acting);
	if (!c->node.up || store->ops->begin_read(store) != ST_OK)
		return 0;
	if (store->ops->meta_get_int(store, "seq", &seq) != ST_OK)
		seq = 0;
	store->ops->rollback(store);
	return (uint64_t)seq;
}
