#include "tests/support/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store_sqlite.h"
#include "proto/limits.h"
#include "tests/support/ask.h"
#include "tests/support/joining.h"

#define MUST(call) must((call), __LINE__)

/* --- the small schema ------------------------------------------------------------------ */

#define HEAD(number, table) .num = (number), .kind = (table), .fhir = "", .label = (table)
#define F(number, column, form) .num = (number), .field = (column), .type = TYPE_##form, .fhir = "", .label = (column)
#define IN(name, how) .group = (name), .rule = RULE_##how
#define CENTRE .writer = WRITER_CENTRE

const struct field_row WORLD_ROWS[] = {
	{ HEAD(1, "patient"), .required = true },
	{ F(1, "name", TEXT), .rule = RULE_GUARDED, .required = true, .max = 256 },
	{ F(2, "phone", TEXT), .max = 64 },
	{ HEAD(3, "worker"), CENTRE },
	{ F(1, "name", TEXT), CENTRE, .required = true, .max = 256 },
	{ F(2, "login", TEXT), CENTRE, .max = 64 },
	{ F(3, "role", ENUM), CENTRE, .values = "care-manager|supervisor|admin" },
	{ F(5, "active", BOOL), CENTRE },
	{ HEAD(4, "assignment"), CENTRE },
	{ F(1, "worker", ID), CENTRE, .required = true, .values = "worker" },
	{ F(2, "reason", ENUM), CENTRE, .values = "own|cover|team" },
	{ F(3, "starts", TIME), CENTRE },
	{ F(4, "ends", TIME), CENTRE },
	{ HEAD(8, "item") },
	{ F(1, "title", TEXT), .max = 256 },
	{ F(2, "notes", TEXT), .rule = RULE_TEXT, .max = 4096 },
	{ F(3, "tags", SET), .rule = RULE_SET },
	{ F(4, "status", ENUM), IN("status", PROGRESS), .values = "open|in-progress|done|not-done|cancelled" },
	{ F(5, "outcome", TEXT), IN("status", PROGRESS), .max = 256 },
	{ F(6, "dose", TEXT), IN("record", GUARDED), .max = 128 },
	{ F(7, "unit", TEXT), IN("record", GUARDED), .max = 128 },
	{ F(8, "after", ID), .values = "item" },
	{ F(9, "extra", TEXT), .max = 64, .since = 2 },
	{ HEAD(9, "badge"), .required = true, .since = 2 },
	{ F(1, "label", TEXT), .max = 64, .since = 2 },
	{ HEAD(21, "conflict") },
	{ F(1, "record_kind", TEXT), IN("target", NEWEST), CENTRE, .required = true, .max = 31 },
	{ F(2, "record", ID), IN("target", NEWEST), CENTRE, .required = true, .values = "" },
	{ F(3, "group_name", TEXT), IN("target", NEWEST), CENTRE, .required = true, .max = 31 },
	{ F(4, "candidates", TEXT), CENTRE, .max = 262144 },
	{ F(5, "opened_at", TIME), CENTRE },
	{ F(6, "status", ENUM), IN("status", NEWEST), CENTRE, .values = "open|closed" },
	{ F(7, "decided_by", ID), IN("status", NEWEST), CENTRE, .values = "worker" },
	{ F(8, "decided_at", TIME), IN("status", NEWEST), CENTRE },
	{ F(9, "decision", TEXT), .rule = RULE_GUARDED, .max = 65536 },
};

const size_t WORLD_ROWS_COUNT = sizeof WORLD_ROWS / sizeof WORLD_ROWS[0];

static void must(enum status st, int line)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "world.c:%d: status %s\n", line, status_name(st));
	abort();
}

/* --- clocks and randomness -------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

uint64_t world_random(struct world *w, uint64_t below)
{
	return next_random(&w->random) % below;
}

struct id world_id(struct world *w)
{
	struct id id;
	uint8_t random[10];

	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)next_random(&w->random);
	id_make_v7(&id, w->now_ms, random);
	return id;
}

void world_pass(struct world *w, int64_t ms)
{
	w->now_ms += ms;
}

static int64_t node_wall_ms(void *ctx)
{
	const struct world_node *node = ctx;

	return node->world->now_ms + node->skew_ms;
}

static int64_t node_boot_ms(void *ctx)
{
	const struct world_node *node = ctx;

	return node->world->now_ms - WORLD_START_MS + 1000;
}

static void node_random(void *ctx, void *out, size_t len)
{
	const struct world_node *node = ctx;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)next_random(&node->world->random);
}

static void node_crash_point(void *ctx, const char *label)
{
	const struct world_node *node = ctx;
	struct world *w = node->world;

	if (w->dying != node || strncmp(label, w->death_label, strlen(w->death_label)) != 0)
		return;
	w->dying = NULL;
	longjmp(w->death, 1);
}

static int node_sql_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	struct world_node *node = (struct world_node *)(void *)vfs;

	*out = INT64_C(210866760000000) + node_wall_ms(node); /* 1970 in Julian milliseconds */
	return SQLITE_OK;
}

static void node_open(struct world_node *node, struct world *w, const char *beneath)
{
	const sqlite3_vfs *below = sqlite3_vfs_find(beneath);

	assert(below != NULL);
	node->world = w;
	node->skew_ms = 0;
	node->vfs = *below;
	(void)snprintf(node->vfs_name, sizeof node->vfs_name, "world-%p", (void *)node);
	node->vfs.zName = node->vfs_name;
	node->vfs.pNext = NULL;
	node->vfs.xCurrentTimeInt64 = node_sql_time;
	if (sqlite3_vfs_register(&node->vfs, 0) != SQLITE_OK)
		abort();
	node->env = (struct env){ .ctx = node, .wall_ms = node_wall_ms, .boot_ms = node_boot_ms,
				  .random = node_random, .crash_point = node_crash_point,
				  .vfs = node->vfs_name };
}

/* --- opening ---------------------------------------------------------------------- */

static void open_centre(struct world *w, const char *path, const char *vfs)
{
	uint8_t seed[SEED_SIZE];
	struct store *store;
	struct failure why;

	node_open(&w->node, w, vfs);
	MUST(store_sqlite_open(&store, path != NULL ? path : ":memory:", w->schema, &w->node.env, true, &why));
	node_random(&w->node, seed, sizeof seed);
	MUST(centre_init(&w->centre, store, seed));
	MUST(centre_found(&w->centre, "Agency", "Europe/Zurich"));
}

static void open_tablet(struct world *w, size_t i)
{
	struct world_tablet *t = &w->tablets[i];
	uint8_t seed[SEED_SIZE];
	char login[32];
	struct failure why;

	node_open(&t->node, w, NULL);
	(void)snprintf(login, sizeof login, "tablet-%zu", i);
	t->worker = joining_worker(&w->centre, login);
	MUST(replica_open(&t->replica, ":memory:", w->schema, &t->node.env, true, &why));
	node_random(&t->node, seed, sizeof seed);
	t->device = joining_tablet(&w->centre, &t->replica, login, seed);
	MUST(sync_init(&t->sync, &t->replica, seed));
	buf_init(&t->request, LIMIT_BODY_MAX);
	buf_init(&t->answer, LIMIT_BODY_MAX);
}

void world_open(struct world *w, const struct schema *schema, const char *path, const char *vfs,
		size_t tablet_count, uint64_t seed)
{
	assert(tablet_count <= WORLD_TABLETS_MAX);
	*w = (struct world){ .random = seed, .now_ms = WORLD_START_MS, .schema = schema };
	w->tablets = calloc(tablet_count + 1, sizeof *w->tablets);
	if (w->tablets == NULL)
		abort();
	open_centre(w, path, vfs);
	for (; w->tablet_count < tablet_count; w->tablet_count++)
		open_tablet(w, w->tablet_count);
}

void world_close(struct world *w)
{
	for (size_t i = 0; i < w->tablet_count; i++) {
		struct world_tablet *t = &w->tablets[i];

		sync_close(&t->sync);
		replica_close(&t->replica);
		buf_close(&t->request);
		buf_close(&t->answer);
		(void)sqlite3_vfs_unregister(&t->node.vfs);
	}
	centre_close(&w->centre);
	(void)sqlite3_vfs_unregister(&w->node.vfs);
	free(w->tablets);
}

/* --- keeping and going back -------------------------------------------------------- */

static void each_table(struct db *db, void (*act)(struct db *, const char *))
{
	const char *sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%'";
	char names[128][64];
	size_t count = 0;
	bool row = false;
	enum status st;
	sqlite3_stmt *stmt = db_prepare(db, sql, &st);

	MUST(st == ST_OK || stmt != NULL ? ST_OK : st);
	for (MUST(db_step(db, stmt, &row)); row; MUST(db_step(db, stmt, &row))) {
		assert(count < sizeof names / sizeof names[0]);
		(void)snprintf(names[count++], sizeof names[0], "%s", (const char *)sqlite3_column_text(stmt, 0));
	}
	for (size_t i = 0; i < count; i++)
		act(db, names[i]);
}

static void keep_table(struct db *db, const char *name)
{
	char sql[256];

	(void)snprintf(sql, sizeof sql, "CREATE TABLE kept.\"%s\" AS SELECT * FROM main.\"%s\"", name, name);
	MUST(db_exec(db, sql));
}

static void run_cached(struct db *db, const char *sql)
{
	enum status st;
	sqlite3_stmt *stmt = db_prepare(db, sql, &st);

	if (stmt == NULL)
		must(st, __LINE__);
	MUST(db_run(db, stmt));
}

static void restore_table(struct db *db, const char *name)
{
	char sql[256];

	(void)snprintf(sql, sizeof sql, "DELETE FROM main.\"%s\"", name);
	run_cached(db, sql);
	(void)snprintf(sql, sizeof sql, "INSERT INTO main.\"%s\" SELECT * FROM kept.\"%s\"", name, name);
	run_cached(db, sql);
}

static void keep(struct db *db)
{
	MUST(db_exec(db, "ATTACH ':memory:' AS kept"));
	each_table(db, keep_table);
}

static struct db *centre_db(struct world *w)
{
	return &((struct sqlite_store *)(void *)w->centre.store)->db;
}

void world_keep(struct world *w)
{
	keep(centre_db(w));
	for (size_t i = 0; i < w->tablet_count; i++)
		keep(&w->tablets[i].replica.db);
}

static void restore_unless_flag(struct db *db, const char *name)
{
	if (strcmp(name, "ds_applying") != 0)
		restore_table(db, name);
}

void world_reset(struct world *w, uint64_t seed)
{
	w->random = seed;
	w->now_ms = WORLD_START_MS;
	w->node.skew_ms = 0;
	MUST(db_begin(centre_db(w)));
	each_table(centre_db(w), restore_table);
	MUST(db_commit(centre_db(w)));
	for (size_t i = 0; i < w->tablet_count; i++) {
		struct world_tablet *t = &w->tablets[i];

		MUST(db_begin(&t->replica.db));
		MUST(replica_quiet_begin(&t->replica));
		each_table(&t->replica.db, restore_unless_flag);
		MUST(replica_quiet_end(&t->replica));
		MUST(db_commit(&t->replica.db));
		t->node.skew_ms = 0;
		t->sync.waiting = false;
	}
}

/* --- at the centre ------------------------------------------------------------------ */

static void put_text(const struct schema *schema, struct change *change, const char *field, const char *text)
{
	int at = kind_field(change->kind, field, strlen(field));
	enum type type;

	(void)schema;
	assert(at >= 0);
	type = change->kind->fields[at].type;
	if (type == TYPE_INT || type == TYPE_TIME || type == TYPE_BOOL)
		change->row.values[at] = value_int(strtoll(text, NULL, 10));
	else
		change->row.values[at] = value_string(text);
}

static bool act_alone(struct world *w, struct change *change)
{
	struct centre_act act;
	struct outcome outcome = { 0 };

	MUST(centre_act_begin(&act, &w->centre));
	MUST(intake_own(&act.in, &ID_STAFF, change, &outcome));
	MUST(centre_act_commit(&act));
	return outcome.result == OUTCOME_ACCEPTED;
}

static struct change *new_change(struct world *w, const char *kind)
{
	struct change *change = calloc(1, sizeof *change);

	if (change == NULL)
		abort();
	change->kind = schema_kind(w->schema, kind, strlen(kind));
	assert(change->kind != NULL);
	return change;
}

struct id world_create(struct world *w, const char *kind, const struct id *patient, ...)
{
	struct change *change = new_change(w, kind);
	struct id id = world_id(w);
	const char *field;
	va_list args;

	change->create = true;
	change->id = id;
	change->patient = change->kind->is_patient ? id : change->kind->is_staff ? ID_STAFF : *patient;
	va_start(args, patient);
	while ((field = va_arg(args, const char *)) != NULL)
		put_text(w->schema, change, field, va_arg(args, const char *));
	va_end(args);
	if (!act_alone(w, change)) {
		fprintf(stderr, "world.c: a create at the centre was not accepted\n");
		abort();
	}
	free(change);
	return id;
}

static struct record *read_record(struct world *w, const char *kind, const struct id *id, struct arena *arena)
{
	struct store *store = w->centre.store;
	struct record *record = arena_alloc(arena, sizeof *record);
	enum status st;

	assert(record != NULL);
	MUST(store->ops->begin_read(store));
	st = store->ops->record_get(store, schema_kind(w->schema, kind, strlen(kind)), id, arena, record);
	store->ops->rollback(store);
	if (st == ST_NOT_FOUND)
		return NULL;
	MUST(st);
	return record;
}

bool world_edit(struct world *w, const char *kind, const struct id *id, const char *field, const char *text)
{
	struct change *change = new_change(w, kind);
	int at = kind_field(change->kind, field, strlen(field));
	struct arena arena;
	struct record *record;
	bool accepted;

	assert(at >= 0);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	record = read_record(w, kind, id, &arena);
	assert(record != NULL);
	change->id = *id;
	change->patient = record->patient;
	change->row = record->row;
	change->group_count = 1;
	change->groups[0].num = change->kind->groups[change->kind->fields[at].group].num;
	put_text(w->schema, change, field, text);
	accepted = act_alone(w, change);
	arena_close(&arena);
	free(change);
	return accepted;
}

void world_assign(struct world *w, size_t tablet, const struct id *patient)
{
	world_assign_for(w, tablet, patient, "own", INT64_MIN, TERM_NEVER);
}

/* NOLINTNEXTLINE(readability-function-size): what an assignment consists of. */
void world_assign_for(struct world *w, size_t tablet, const struct id *patient, const char *reason, int64_t starts_ms,
		      int64_t ends_ms)
{
	const struct giving giving = { .worker = w->tablets[tablet].worker, .patient = *patient, .reason = reason,
				       .starts_ms = starts_ms, .ends_ms = ends_ms };
	struct centre_act act;
	struct given given;
	struct failure why;
	enum status st;

	MUST(centre_act_begin(&act, &w->centre));
	st = centre_assign(&act, NULL, &giving, &given, &why);
	MUST(st == ST_EXISTS ? ST_OK : st);
	MUST(centre_act_commit(&act));
}

void world_unassign(struct world *w, size_t tablet, const struct id *patient)
{
	struct centre_act act;
	struct failure why;
	size_t ended;

	MUST(centre_act_begin(&act, &w->centre));
	MUST(centre_unassign(&act, NULL, &w->tablets[tablet].worker, patient, &ended, &why));
	MUST(centre_act_commit(&act));
}

uint64_t world_seq(struct world *w)
{
	struct store *store = w->centre.store;
	int64_t seq;

	MUST(store->ops->begin_read(store));
	MUST(store->ops->meta_get_int(store, "seq", &seq));
	store->ops->rollback(store);
	return (uint64_t)seq;
}

bool world_value(struct world *w, const char *kind, const struct id *id, const char *field, char *text_out, size_t room)
{
	struct arena arena;
	struct record *record;
	const struct value *value;
	int at;
	bool there;

	arena_init(&arena, LIMIT_INFLATED_MAX);
	record = read_record(w, kind, id, &arena);
	there = record != NULL && !record->deleted;
	if (there) {
		at = kind_field(record->kind, field, strlen(field));
		assert(at >= 0);
		value = &record->row.values[at];
		if (value->tag == VALUE_INT)
			(void)snprintf(text_out, room, "%lld", (long long)value->integer);
		else
			(void)snprintf(text_out, room, "%.*s", (int)value->len, value->tag == VALUE_TEXT ? value->text : "");
	}
	arena_close(&arena);
	return there;
}

/* --- on a tablet -------------------------------------------------------------------- */

int world_sql(struct world_tablet *t, const char *format, ...)
{
	char *sql;
	va_list args;
	int rc;

	va_start(args, format);
	sql = ask_text(format, args);
	va_end(args);
	rc = sqlite3_exec(t->replica.db.handle, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return rc;
}

static void query(struct world_tablet *t, struct buf *buf, const char *format, va_list args)
{
	char *sql = ask_text(format, args);

	buf_init(buf, LIMIT_INFLATED_MAX);
	if (ask_first(t->replica.db.handle, sql, buf) != SQLITE_OK) {
		fprintf(stderr, "world.c: %s: %s\n", sql, sqlite3_errmsg(t->replica.db.handle));
		abort();
	}
	sqlite3_free(sql);
}

void world_text(struct world_tablet *t, char *text_out, size_t room, const char *format, ...)
{
	struct buf buf;
	va_list args;

	va_start(args, format);
	query(t, &buf, format, args);
	va_end(args);
	(void)snprintf(text_out, room, "%s", buf_str(&buf));
	buf_close(&buf);
}

int64_t world_int(struct world_tablet *t, const char *format, ...)
{
	struct buf buf;
	va_list args;
	int64_t number;

	va_start(args, format);
	query(t, &buf, format, args);
	va_end(args);
	number = strtoll(buf_str(&buf), NULL, 10);
	buf_close(&buf);
	return number;
}

/* --- the way between ------------------------------------------------------------------ */

struct sync_report world_build(struct world_tablet *t)
{
	const struct sync_options options = { .battery_percent = -1 };
	struct sync_report report = { 0 };
	struct failure why;

	MUST(sync_build(&t->sync, &options, &t->request, &report, &why));
	return report;
}

enum status world_ask(struct world *w, const struct buf *request, struct buf *answer)
{
	struct centre_request r = { .bytes = request->data, .len = request->len,
				    .received_ms = w->now_ms + w->node.skew_ms };
	struct centre_request *const one = &r;
	enum status st;

	buf_init(&r.answer, LIMIT_BODY_MAX);
	centre_prepare(&w->centre, &r);
	centre_batch(&w->centre, &one, 1);
	if (centre_may_leave(&w->centre, &r))
		buf_add(answer, r.answer.data, r.answer.len);
	st = r.status;
	centre_request_close(&r);
	buf_close(&r.answer);
	return st;
}

enum status world_take(struct world_tablet *t, const void *answer, size_t len, struct sync_report *report)
{
	struct failure why;

	return sync_take(&t->sync, answer, len, report, &why);
}

bool world_dies(struct world *w, const struct world_node *node, const char *label, void (*act)(void *ctx), void *ctx)
{
	w->dying = node;
	w->death_label = label;
	if (setjmp(w->death) == 0) {
		act(ctx);
		w->dying = NULL;
		return false;
	}
	if (node == &w->node)
		w->centre.store->ops->rollback(w->centre.store);
	for (size_t i = 0; i < w->tablet_count; i++) {
		if (node != &w->tablets[i].node)
			continue;
		if (sqlite3_get_autocommit(w->tablets[i].replica.db.handle) == 0)
			db_rollback(&w->tablets[i].replica.db);
		w->tablets[i].sync.waiting = false;
	}
	return true;
}

bool world_exchange(struct world_tablet *t, struct sync_report *report)
{
	struct sync_report local = { 0 };

	if (report == NULL)
		report = &local;
	(void)world_build(t);
	buf_reset(&t->answer);
	MUST(world_ask(t->node.world, &t->request, &t->answer));
	MUST(world_take(t, t->answer.data, t->answer.len, report));
	return report->applied.more;
}

void world_sync(struct world_tablet *t)
{
	while (world_exchange(t, NULL))
		;
}
