/* The acts on a centre's store. One state is kept as a file: two care managers and a third with a tablet each, a
 * patient of theirs, a goal in conflict, a draft that two write in, held changes of which one waits, a visit that will repeat. */
#include "tests/sim/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/centre.h"
#include "daemon/conflict.h"
#include "daemon/renewal.h"
#include "daemon/store_sqlite.h"
#include "proto/limits.h"
#include "tests/support/notes.h"

#define REQUESTS_MAX 3
#define CHANGES_MAX 4

/* What one tablet sends. */
struct sending {
	uint32_t device;
	uint8_t key; /* first byte of the seed */
	uint64_t n;  /* of its first change */
	size_t count;
	struct buf bodies[CHANGES_MAX];
};

static struct {
	struct scene *scene;
	struct id cora, goal, note, other_note, conflict;
	uint32_t cora_tablet;
	uint64_t held_seq;
	struct disk_image *image, *fresh; /* fresh: a store that holds nothing yet */
	struct buf one, signs, three[REQUESTS_MAX]; /* requests, whole */
	char login[64]; /* Ann's */
	struct enrol_code code;
	/* Of one run. */
	struct store *store;
	struct centre centre;
	struct renewal renewal;
	sqlite3 *looker;
	bool has_centre, has_store;
} t;

static const uint8_t centre_seed[SEED_SIZE] = { 7 }; /* agency.c's */

/* --- the state --- */

static void give_key(uint32_t number, uint8_t first)
{
	struct agency *a = &t.scene->a;
	const uint8_t seed[SEED_SIZE] = { first };
	struct sign_key key;
	struct device device;

	sign_key_from_seed(&key, seed);
	assert_int_equal(a->store->ops->device_get(a->store, number, &device), ST_OK);
	memcpy(device.public_key, key.public, sizeof device.public_key);
	device.health.version = device.version;
	assert_int_equal(a->store->ops->device_put(a->store, &device), ST_OK);
}

static void sending_add(struct sending *sending, const struct change *change)
{
	struct buf *body = &sending->bodies[sending->count++];

	assert_true(sending->count <= CHANGES_MAX);
	buf_init(body, LIMIT_CHANGE_MAX);
	assert_int_equal(change_encode(body, change), ST_OK);
}

/* The request's bytes; the bodies are freed. */
static void sending_seal(struct sending *sending, struct buf *out)
{
	const uint8_t seed[SEED_SIZE] = { sending->key };
	const struct envelope_head head = { sending->device, 1 };
	struct request_change changes[CHANGES_MAX] = { { 0 } };
	const struct request request = { .schema_version = SCHEMA_DOORSTEP_VERSION, .changes = changes,
					 .change_count = sending->count,
					 .health = { .version = "0", .battery_percent = -1 } };
	struct deflater *deflater;
	struct sign_key key;
	struct buf message;

	for (size_t i = 0; i < sending->count; i++)
		changes[i] = (struct request_change){ .n = sending->n + i,
						      .body = { sending->bodies[i].data, sending->bodies[i].len } };
	sign_key_from_seed(&key, seed);
	buf_init(&message, LIMIT_INFLATED_MAX);
	buf_init(out, LIMIT_BODY_MAX);
	assert_int_equal(deflater_new(&deflater), ST_OK);
	assert_int_equal(request_encode(&message, &request), ST_OK);
	assert_int_equal(envelope_seal_request(out, deflater, &head, &key, message.data, message.len), ST_OK);
	deflater_free(deflater);
	buf_close(&message);
	for (size_t i = 0; i < sending->count; i++)
		buf_close(&sending->bodies[i]);
}

static struct sending from_ann(void)
{
	return (struct sending){ .device = t.scene->ann_tablet, .key = 101, .n = t.scene->ann_n + 1 };
}

static struct sending from_ben(void)
{
	return (struct sending){ .device = t.scene->ben_tablet, .key = 102, .n = t.scene->ben_n + 1 };
}

/* A task of the patient's that belongs to a goal which nobody has sent yet. */
static void hold_some(struct scene *s, const struct id *awaited)
{
	const struct id waiting = agency_id(&s->a), foreign = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "task", &waiting, &s->patient);

	agency_set(change, "title", "Walk with her");
	agency_set_id(&s->a, change, "goal", awaited);
	assert_held(scene_ann(s, change), HELD_NOT_YOURS); /* as its author may know it; it waits */
	change = agency_change(&s->a, "task", &foreign, &s->stranger);
	agency_set(change, "title", "Visit the neighbour");
	assert_held(scene_ben(s, change), HELD_NOT_YOURS);
	t.held_seq = s->a.outcome.seq;
}

/* Ben made the goal active, Ann put it on hold. */
static struct id open_conflict(struct scene *s)
{
	const struct id goal = scene_record(s, "goal", "status", "proposed");
	const struct version base = agency_seq(agency_group_seq(&s->a, "goal", &goal, "status"));

	assert_accepted(scene_ben(s, scene_edit(s, "goal", &goal, "status", base, "status", "active")));
	assert_verdict(scene_ann(s, scene_edit(s, "goal", &goal, "status", base, "status", "on-hold")), GROUP_SUPERSEDED);
	assert_int_equal(agency_conflicts(&s->a, &s->patient, &t.conflict, 1), 1);
	return goal;
}

static struct change *decision(struct scene *s)
{
	const uint64_t seq = agency_group_seq(&s->a, "conflict", &t.conflict, "decision");
	const struct row none = { 0 };
	const char *json = NULL;

	assert_int_equal(conflict_decision(&s->a.in, agency_record(&s->a, "conflict", &t.conflict), 2, &none, &json), ST_OK);
	return scene_edit(s, "conflict", &t.conflict, "decision", agency_seq(seq), "decision", json);
}

/* A new patient, a visit that repeats each week, words in a draft. */
static void make_one(struct scene *s)
{
	const struct id patient = agency_id(&s->a), visit = agency_id(&s->a);
	struct sending ann = from_ann();
	struct change *change = agency_change(&s->a, "patient", &patient, &patient);

	agency_set(change, "name", "Dee Example");
	sending_add(&ann, change);
	change = agency_change(&s->a, "visit", &visit, &s->patient);
	agency_set_id(&s->a, change, "worker", &s->ann);
	agency_set_int(change, "planned_from", SWEEP_WALL_MS + 3600000);
	agency_set_int(change, "planned_to", SWEEP_WALL_MS + 7200000);
	agency_set(change, "recurrence", "FREQ=WEEKLY");
	agency_set(change, "status", "planned");
	sending_add(&ann, change);
	sending_add(&ann, notes_edit(s, &t.note, "plan", agency_seq(notes_now(s)), "Walk twice a day."));
	sending_seal(&ann, &t.one);
}

/* Ann signs a draft which Ben has written in meanwhile. */
static void make_signs(struct scene *s, uint64_t seen)
{
	struct sending ann = from_ann();

	sending_add(&ann, notes_signature(s, &t.other_note, seen, "Walk and swim daily."));
	sending_seal(&ann, &t.signs);
}

/* Ann: words merged, a guarded value in conflict. Ben: one held, one decision. Cora: what a held change waits for. */
static void make_three(struct scene *s, const struct id *awaited, uint64_t old)
{
	const struct id foreign = agency_id(&s->a);
	struct sending ann = from_ann(), ben = from_ben(), cora = { .device = t.cora_tablet, .key = 103, .n = 1 };
	struct change *change;

	sending_add(&ann, notes_edit(s, &t.note, "observed", agency_seq(old), "Steady on her feet. Cheerful."));
	sending_add(&ann, scene_edit(s, "goal", &t.goal, "status", agency_seq(old), "status", "cancelled"));
	change = agency_change(&s->a, "contact", &foreign, &foreign);
	agency_set(change, "name", "A stranger's sister");
	sending_add(&ben, change);
	sending_add(&ben, decision(s));
	change = agency_change(&s->a, "goal", awaited, &s->patient);
	agency_set(change, "text", "Climb the stairs");
	sending_add(&cora, change);
	sending_seal(&ann, &t.three[0]);
	sending_seal(&ben, &t.three[1]);
	sending_seal(&cora, &t.three[2]);
}

static sqlite3 *agency_handle(struct agency *a)
{
	return sqlite_of(a->store)->db.handle;
}

static void make_people(struct scene *s)
{
	struct account ann;

	assert_int_equal(s->a.store->ops->account_by_worker(s->a.store, &s->ann, &ann), ST_OK);
	(void)snprintf(t.login, sizeof t.login, "%s", ann.login);
	t.cora = agency_worker(&s->a, "Cora");
	t.cora_tablet = agency_tablet(&s->a, &t.cora);
	agency_assign(&s->a, &t.cora, &s->patient);
	give_key(s->ann_tablet, 101);
	give_key(s->ben_tablet, 102);
	give_key(t.cora_tablet, 103);
}

static void keep_state(struct sweep *s, struct scene *scene)
{
	struct store *store = NULL;
	struct failure why;
	struct disk_image *raw;

	agency_commit(&scene->a);
	scene->a.store->ops->rollback(scene->a.store);
	raw = sweep_keep(s, agency_handle(&scene->a));
	assert_int_equal(store_sqlite_open(&store, SWEEP_FILE, scene->a.schema, &s->env, false, &why), ST_OK);
	store->ops->close(store);
	t.image = sweep_take(s);
	disk_image_free(raw);
	sweep_no_files(s);
	assert_int_equal(store_sqlite_open(&store, SWEEP_FILE, scene->a.schema, &s->env, true, &why), ST_OK);
	store->ops->close(store);
	t.fresh = sweep_take(s);
}

static void make_state(struct sweep *s)
{
	struct scene *scene;
	void *state = NULL;
	struct id awaited;
	uint64_t old;

	assert_int_equal(scene_setup(&state), 0);
	scene = t.scene = state;
	scene->a.now_ms = SWEEP_WALL_MS - 60000;
	make_people(scene);
	awaited = agency_id(&scene->a);
	t.goal = open_conflict(scene);
	t.note = notes_draft(scene);
	t.other_note = notes_draft(scene);
	old = notes_now(scene);
	assert_accepted(scene_ben(scene, notes_edit(scene, &t.note, "observed", agency_seq(old), "Steady on her feet. Slept well.")));
	assert_accepted(scene_ben(scene, notes_edit(scene, &t.other_note, "plan", agency_seq(old), "Swim daily.")));
	hold_some(scene, &awaited);
	make_one(scene);
	make_signs(scene, old);
	make_three(scene, &awaited, old);
	keep_state(s, scene);
}

/* --- opening --- */

static void open_store(struct sweep *s)
{
	struct failure why;

	assert_int_equal(store_sqlite_open(&t.store, SWEEP_FILE, t.scene->a.schema, &s->env, false, &why), ST_OK);
	t.has_store = true;
}

static void open_centre(struct sweep *s)
{
	open_store(s);
	assert_int_equal(centre_init(&t.centre, t.store, centre_seed), ST_OK);
	t.has_centre = true;
}

static void close_all(struct sweep *s)
{
	(void)s;
	renewal_close(&t.renewal);
	if (t.has_centre)
		centre_close(&t.centre);
	else if (t.has_store)
		t.store->ops->close(t.store);
	(void)sqlite3_close(t.looker);
	t.looker = NULL;
	t.has_centre = t.has_store = false;
}

static sqlite3 *handle(struct sweep *s)
{
	(void)s;
	return t.has_store ? sqlite_of(t.store)->db.handle : NULL;
}

/* Looks at the file from beside; NULL while there is none. */
static sqlite3 *looker(struct sweep *s)
{
	if (t.looker == NULL &&
	    sqlite3_open_v2(SWEEP_FILE, &t.looker, SQLITE_OPEN_READWRITE, disk_vfs(s->disk)) != SQLITE_OK) {
		(void)sqlite3_close(t.looker);
		t.looker = NULL;
	}
	return t.looker;
}

static enum status act_open(struct sweep *s)
{
	struct failure why;
	const enum status st = store_sqlite_open(&t.store, SWEEP_FILE, t.scene->a.schema, &s->env, *s->op->image == NULL, &why);

	t.has_store = st == ST_OK;
	return st;
}

static enum status act_init(struct sweep *s)
{
	const enum status st = centre_init(&t.centre, t.store, centre_seed);

	(void)s;
	t.has_centre = st == ST_OK;
	return st;
}

static enum status act_found(struct sweep *s)
{
	(void)s;
	return centre_found(&t.centre, "An agency", "Europe/Zurich");
}

static enum status act_start(struct sweep *s)
{
	(void)s;
	return centre_start(&t.centre);
}

/* --- acts of a command --- */

/* Each ends the act itself. */
typedef enum status command_fn(struct centre_act *act);

struct command {
	command_fn *run; /* a function's pointer is none to an object, so it stands in one */
};

static enum status act_command(struct sweep *s)
{
	const struct command *command = s->op->ctx;
	struct centre_act act;
	enum status st = centre_act_begin(&act, &t.centre);

	if (st != ST_OK)
		return st;
	st = command->run(&act);
	if (st == ST_OK)
		return centre_act_commit(&act);
	centre_act_abort(&act);
	return st;
}

static enum status add_user(struct centre_act *act)
{
	struct failure why;
	struct id worker;

	return centre_user_add(act, NULL, "eva", "Eva", "supervisor", &worker, &why);
}

static enum status assign(struct centre_act *act)
{
	const struct giving giving = { .worker = t.scene->ann, .patient = t.scene->stranger, .reason = "cover",
				       .starts_ms = INT64_MIN, .ends_ms = TERM_NEVER };
	struct given given;
	struct failure why;

	return centre_assign(act, NULL, &giving, &given, &why);
}

static enum status unassign(struct centre_act *act)
{
	struct failure why;
	size_t ended;

	return centre_unassign(act, NULL, &t.scene->ben, &t.scene->patient, &ended, &why);
}

static enum status accept_held(struct centre_act *act)
{
	struct failure why;

	return intake_answer_held(&act->in, &t.scene->ann, t.held_seq, true, &why);
}

static enum status return_held(struct centre_act *act)
{
	struct failure why;

	return intake_answer_held(&act->in, &t.scene->ann, t.held_seq, false, &why);
}

static enum status act_code(struct sweep *s)
{
	const struct digest identity = { { 1 } };
	struct enrol_code code;
	struct failure why;

	(void)s;
	return centre_code_new(&t.centre, t.login, 3600000, &identity, &code, &why);
}

static void open_with_code(struct sweep *s)
{
	const struct digest identity = { { 1 } };
	struct failure why;

	open_centre(s);
	/* Opened again after trouble with the disk, it has one. */
	if (!s->again)
		assert_int_equal(centre_code_new(&t.centre, t.login, 3600000, &identity, &t.code, &why), ST_OK);
}

static enum status act_enrol(struct sweep *s)
{
	struct enrol_request request = { .public_key = { 9 }, .tablet_name = "A tablet", .version = "0" };
	struct enrol_answer answer;
	struct failure why;
	struct arena arena;
	enum status st;

	(void)s;
	memcpy(request.secret, t.code.secret, sizeof request.secret);
	arena_init(&arena, LIMIT_FIELD_MAX);
	st = centre_enrol(&t.centre, &request, &arena, &answer, &why);
	arena_close(&arena);
	return st;
}

/* --- requests --- */

/* All of them answered in one batch; what the first that failed says. */
static enum status answer(struct sweep *s, const struct buf *requests, size_t count)
{
	struct centre_request r[REQUESTS_MAX] = { { 0 } }, *all[REQUESTS_MAX] = { NULL };
	enum status st = ST_OK;

	(void)s;
	for (size_t i = 0; i < count; i++) {
		r[i] = (struct centre_request){ .bytes = requests[i].data, .len = requests[i].len, .received_ms = SWEEP_WALL_MS };
		buf_init(&r[i].answer, LIMIT_BODY_MAX);
		centre_prepare(&t.centre, &r[i]);
		all[i] = &r[i];
	}
	centre_batch(&t.centre, all, count);
	for (size_t i = 0; i < count; i++) {
		if (st == ST_OK)
			st = r[i].status;
		assert_true((r[i].status == ST_OK) == (r[i].answer.len > 0));
		centre_request_close(&r[i]);
		buf_close(&r[i].answer);
	}
	return st;
}

static enum status act_one(struct sweep *s)
{
	return answer(s, s->op->ctx, 1);
}

static enum status act_three(struct sweep *s)
{
	return answer(s, t.three, REQUESTS_MAX);
}

/* --- the rest --- */

static void ignore(void *ctx, const char *place, const char *what)
{
	(void)ctx, (void)place, (void)what;
}

static enum status act_verify(struct sweep *s)
{
	struct verify_report report;
	enum status st = t.store->ops->begin_read(t.store);

	(void)s;
	if (st != ST_OK)
		return st;
	st = chain_verify(t.store, t.centre.key.public, ignore, NULL, NULL, &report);
	t.store->ops->rollback(t.store);
	assert_true(st != ST_OK || report.findings == 0);
	return st;
}

/* With something to be brought from the WAL. */
static void open_written(struct sweep *s)
{
	open_centre(s);
	if (!s->again)
		assert_int_equal(centre_start(&t.centre), ST_OK);
}

static enum status act_checkpoint(struct sweep *s)
{
	(void)s;
	return t.store->ops->checkpoint(t.store);
}

/* A weekly visit that was left to the renewal. */
static void open_renewal(struct sweep *s)
{
	open_centre(s);
	renewal_init(&t.renewal);
	t.renewal.all = true;
}

static enum status act_renewal(struct sweep *s)
{
	bool more = true;
	enum status st = ST_OK;

	(void)s;
	t.renewal.all = true;
	while (more && st == ST_OK)
		st = renewal_step(&t.renewal, &t.centre, &more);
	return st;
}

/* --- the table --- */

static const struct disk_image *none, *fresh, *state;

#define AT(title, what) { .name = title, .image = &state, .open = open_centre, .act = what, .close = close_all, .handle = handle }
#define COMMAND(title, which) \
	{ .name = title, .image = &state, .open = open_centre, .act = act_command, .close = close_all, .handle = handle, \
	  .ctx = &which }
#define REQUEST(title, bytes) \
	{ .name = title, .image = &state, .open = open_centre, .act = act_one, .close = close_all, .handle = handle, \
	  .may = SWEEP_COMMITS_FIRST, .ctx = &bytes }

static struct command user_command = { add_user }, assign_command = { assign }, unassign_command = { unassign };
static struct command accept_command = { accept_held }, return_command = { return_held };

static const struct sweep_op ops[] = {
	{ .name = "store_sqlite_open makes a store", .image = &none, .act = act_open, .close = close_all, .handle = looker,
	  .may = SWEEP_SAVES_STEPS },
	{ .name = "store_sqlite_open of a store", .image = &state, .act = act_open, .close = close_all, .handle = looker },
	{ .name = "centre_init", .image = &state, .open = open_store, .act = act_init, .close = close_all, .handle = handle },
	{ .name = "centre_found", .image = &fresh, .open = open_centre, .act = act_found, .close = close_all, .handle = handle },
	AT("centre_start", act_start),
	COMMAND("centre_user_add", user_command),
	COMMAND("centre_assign", assign_command),
	COMMAND("centre_unassign", unassign_command),
	COMMAND("intake_answer_held accepting", accept_command),
	COMMAND("intake_answer_held giving back", return_command),
	AT("centre_code_new", act_code),
	{ .name = "centre_enrol", .image = &state, .open = open_with_code, .act = act_enrol, .close = close_all,
	  .handle = handle, .may = SWEEP_COMMITS_FIRST },
	REQUEST("centre_batch of a new patient, a visit that repeats and words", t.one),
	REQUEST("centre_batch of a signature that others wrote beside", t.signs),
	{ .name = "centre_batch of three: merged, in conflict, held, decided, waited for", .image = &state, .open = open_centre,
	  .act = act_three, .close = close_all, .handle = handle, .may = SWEEP_SAVES_STEPS, .blames = true,
	  /* One that fails leaves the others alone: then each change came once, and nothing twice. */
	  .lasting = "SELECT group_concat(device||'/'||n||'/'||count) FROM (SELECT device, n, count(*) AS count FROM history"
		     " WHERE device>0 AND of_seq=0 GROUP BY device, n ORDER BY device, n)" },
	AT("chain_verify", act_verify),
	{ .name = "the store's checkpoint", .image = &state, .open = open_written, .act = act_checkpoint, .close = close_all,
	  .handle = handle },
	{ .name = "renewal_step", .image = &state, .open = open_renewal, .act = act_renewal, .close = close_all,
	  .handle = handle, .may = SWEEP_SAVES_STEPS },
};

struct sweep_set sweep_centre(struct sweep *s)
{
	make_state(s);
	state = t.image;
	fresh = t.fresh;
	return (struct sweep_set){ ops, sizeof ops / sizeof ops[0] };
}

void sweep_centre_close(void)
{
	disk_image_free(t.image);
	disk_image_free(t.fresh);
	buf_close(&t.one);
	buf_close(&t.signs);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		buf_close(&t.three[i]);
	agency_close(&t.scene->a);
	free(t.scene);
}
