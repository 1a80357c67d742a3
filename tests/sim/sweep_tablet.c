/* The acts on a tablet's database. Two states are kept as files: one tablet in the middle of a day (records
 * of two patients, a note begun, changes that were accepted, held and returned, more that are dirty), and the same with a trigger and
 * an index dropped by somebody else. */
#include "tests/sim/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/journal.h"
#include "client/order.h"
#include "client/save.h"
#include "client/sign.h"
#include "client/standing.h"
#include "proto/limits.h"
#include "tests/sim/alloc.h"
#include "tests/support/fake.h"

#define ME "00000000-0000-4000-8000-0000000000e1"
#define GOAL "00000000-0000-4000-8000-000000000005"
#define HELD "00000000-0000-4000-8000-000000000006"
#define GONE "00000000-0000-4000-8000-000000000007"
#define CONFLICT "00000000-0000-4000-8000-000000000008"
#define FRESH "00000000-0000-4000-8000-000000000009"
#define ROOM 32768

/* Longer than a page, so that SQLite keeps it apart from its row. */
#define LONG_LEN 6000

static struct {
	struct disk_image *day, *damaged;
	struct fake fake;      /* the centre that answers, and its tablet in memory */
	uint64_t returned_n;
	struct buf answer;     /* to the request that the tablet builds next */
	char long_text[LONG_LEN + 1];
	/* Of one run. */
	struct env env;
	struct replica replica;
	struct sync sync, waiting; /* waiting: as it was when its request had left */
	struct buf request;
	sqlite3 *looker; /* a connection beside the one that is being opened */
	bool has_replica, has_sync;
} t;

/* --- the states --- */

static void answered(struct fake *f)
{
	assert_int_equal(fake_take(f, NULL), ST_OK);
}

static void begins(struct fake *f)
{
	fake_build(f);
	fake_begin(f);
}

static void first_page(struct fake *f)
{
	const struct id patients[] = { fake_id(PAT), fake_id(PAT2) };

	begins(f);
	fake_record(f, "worker", ME, NULL, 5, RECORD_WHOLE, "name", "Kim Example", NULL);
	fake_record(f, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", "phone", "1", NULL);
	fake_record(f, "patient", PAT2, NULL, 11, RECORD_WHOLE, "name", "Bo Example", NULL);
	fake_record(f, "goal", GOAL, PAT, 12, RECORD_WHOLE, "text", "Walk to the shop", "status", "active", NULL);
	fake_record(f, "task", TASK, PAT, 13, RECORD_WHOLE, "title", "Call", "status", "open", "notes", "Old", NULL);
	fake_record(f, "task", GONE, PAT2, 14, RECORD_WHOLE, "title", "Write", "status", "open", NULL);
	fake_record(f, "visit", VISIT, PAT, 15, RECORD_WHOLE, "worker", ME, "status", "planned", "planned_from",
		    "1800000100000", NULL);
	fake_record(f, "note", NOTE, PAT, 16, RECORD_WHOLE, "observed", t.long_text, "plan", "Rest", "status", "draft", "author",
		    ME, NULL);
	f->answer.complete = patients;
	f->answer.complete_count = 2;
	answered(f);
}

static uint64_t newest_n(struct fake *f)
{
	return (uint64_t)fake_int(f, "SELECT max(n) FROM ds_journal");
}

/* One change accepted, one held, one returned. */
static void some_outcomes(struct fake *f)
{
	fake_do(f, "UPDATE goal SET progress='Half way' WHERE id='" GOAL "'");
	fake_accept_all(f, 100);
	fake_do(f, "INSERT INTO task(id, patient, title) VALUES('" HELD "','" PAT2 "','Order')");
	begins(f);
	fake_hold(f, newest_n(f), 101, HELD_RIGHTS);
	answered(f);
	fake_do(f, "UPDATE visit SET purpose='Weigh' WHERE id='" VISIT "'");
	begins(f);
	t.returned_n = newest_n(f);
	fake_hold(f, t.returned_n, 102, HELD_NOT_YOURS);
	answered(f);
	begins(f);
	fake_return(f, t.returned_n, 103);
	answered(f);
}

static void some_edits(struct fake *f)
{
	char *sql = sqlite3_mprintf("UPDATE note SET observed='%s Better.' WHERE id='" NOTE "'", t.long_text);

	fake_do(f, "UPDATE task SET notes='New', priority='high' WHERE id='" TASK "'");
	fake_do(f, "INSERT INTO task(id, patient, title, goal) VALUES('" TASK2 "','" PAT "','Ask','" GOAL "')");
	fake_do(f, "DELETE FROM task WHERE id='" GONE "'");
	fake_do(f, sql);
	sqlite3_free(sql);
}

/* News of two records, a conflict, every sort of outcome, a patient let go and one to be filled. */
static void make_answer(struct fake *f)
{
	static struct id gone, filling;
	const uint64_t last = newest_n(f) + 4;

	gone = fake_id(PAT2);
	filling = fake_id(FRESH);
	begins(f);
	assert_int_equal(f->request.change_count, 4);
	for (size_t i = 0; i < 4; i++) {
		const uint64_t n = f->request.changes[i].n;
		const struct change *change = fake_change(f, i);

		if (strcmp(change->kind->name, "note") == 0)
			fake_judge(f, n, 201, change->groups[0].num, GROUP_MERGED);
		else if (change->create)
			fake_hold(f, n, 202, HELD_WAITS);
		else
			fake_accept(f, n, 203 + i);
		assert_true(n <= last);
	}
	fake_record(f, "patient", PAT, NULL, 210, RECORD_PART, "phone", "2", NULL);
	fake_record(f, "patient", FRESH, NULL, 211, RECORD_WHOLE, "name", "Cy Example", NULL);
	fake_record(f, "task", TASK, PAT, 212, RECORD_PART, "notes", "New and newer", NULL);
	fake_record(f, "note", NOTE, PAT, 213, RECORD_PART, "observed", t.long_text, NULL);
	fake_record(f, "visit", VISIT, PAT, 214, RECORD_DELETED, NULL);
	fake_record(f, "conflict", CONFLICT, PAT, 215, RECORD_WHOLE, "record_kind", "goal", "record", GOAL, "group_name",
		    "status", "status", "open", NULL);
	f->answer.let_go = &gone;
	f->answer.filling = &filling;
	f->answer.let_go_count = f->answer.filling_count = 1;
	f->answer.cursor = (struct bytes){ "cursor", 6 };
	fake_seal(f);
	buf_add(&t.answer, f->answer_bytes.data, f->answer_bytes.len);
}

static void open_replica(struct sweep *s, bool create)
{
	struct failure why;

	assert_int_equal(replica_open(&t.replica, SWEEP_FILE, t.fake.schema, &t.env, create, &why), ST_OK);
	t.has_replica = true;
	(void)s;
}

static void close_all(struct sweep *s)
{
	(void)s;
	if (t.has_sync)
		sync_close(&t.sync);
	if (t.has_replica)
		replica_close(&t.replica);
	(void)sqlite3_close(t.looker);
	buf_close(&t.request);
	t.looker = NULL;
	t.has_sync = t.has_replica = false;
}

/* The day's file, then the damaged one. */
static void make_images(struct sweep *s, struct fake *f)
{
	struct disk_image *raw = sweep_keep(s, f->replica.db.handle);

	open_replica(s, false); /* it notes the schema's version in this file */
	close_all(s);
	t.day = sweep_take(s);
	open_replica(s, false);
	assert_int_equal(db_exec(&t.replica.db, "DROP TRIGGER ds_task_edit_title; DROP INDEX ds_sent_group"), ST_OK);
	close_all(s);
	t.damaged = sweep_take(s);
	disk_image_free(raw);
}

static void make_day(struct sweep *s)
{
	struct fake *f = &t.fake;
	struct replica_identity me;

	for (size_t i = 0; i < LONG_LEN; i++)
		t.long_text[i] = "Walked well. "[i % 13];
	fake_open(f);
	t.env = f->env;
	t.env.crash_point = NULL;
	t.env.vfs = s->env.vfs;
	me = f->replica.identity;
	me.worker = fake_id(ME);
	assert_int_equal(replica_identity_set(&f->replica, &me), ST_OK);
	first_page(f);
	some_outcomes(f);
	some_edits(f);
	make_images(s, f);
	buf_init(&t.answer, LIMIT_BODY_MAX);
	make_answer(f);
}

/* --- opening --- */

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

static sqlite3 *handle(struct sweep *s)
{
	(void)s;
	return t.has_replica ? t.replica.db.handle : NULL;
}

static enum status act_open(struct sweep *s)
{
	struct failure why;
	const enum status st =
		replica_open(&t.replica, SWEEP_FILE, t.fake.schema, &t.env, *s->op->image == NULL, &why);

	t.has_replica = st == ST_OK;
	return st;
}

static void open_day(struct sweep *s)
{
	buf_init(&t.request, LIMIT_BODY_MAX);
	open_replica(s, false);
}

static enum status act_check_schema(struct sweep *s)
{
	(void)s;
	return replica_check_schema(&t.replica);
}

static void open_then_damage(struct sweep *s)
{
	open_day(s);
	if (s->again)
		return;
	assert_int_equal(db_exec(&t.replica.db, "DROP TRIGGER ds_task_edit_title"), ST_OK);
}

/* --- writing --- */

static enum status act_sql(struct sweep *s)
{
	return db_exec(&t.replica.db, s->op->ctx);
}

static struct row task_row(const struct kind *kind, const char *title)
{
	struct row row = { 0 };

	row.values[kind_field(kind, "title", 5)] = value_string(title);
	row.values[kind_field(kind, "notes", 5)] = value_string(t.long_text);
	return row;
}

static const struct kind *kind_of(const char *name)
{
	return schema_kind(t.fake.schema, name, strlen(name));
}

static enum status act_create(struct sweep *s)
{
	const struct kind *kind = kind_of("task");
	const struct id patient = fake_id(PAT);
	const struct row row = task_row(kind, "Fetch");
	struct id id = { { 0 } };
	int64_t version;

	(void)s;
	return save_create(&t.replica, kind, &id, &patient, &row, &version, NULL);
}

static enum status act_fields(struct sweep *s)
{
	const struct kind *kind = kind_of("task");
	const struct id id = fake_id(TASK);
	const struct row row = task_row(kind, "Call again");
	const int64_t shown = (int64_t)(intptr_t)s->op->ctx;
	int64_t version;
	uint64_t mask = UINT64_C(1) << kind_field(kind, "title", 5) | UINT64_C(1) << kind_field(kind, "notes", 5);

	return save_fields(&t.replica, kind, &id, shown, &row, mask, &version, NULL);
}

static enum status act_delete(struct sweep *s)
{
	const struct id id = fake_id(TASK);

	(void)s;
	return save_delete(&t.replica, kind_of("task"), &id, NULL);
}

static enum status act_sign(struct sweep *s)
{
	const struct id id = fake_id(NOTE);
	const struct value reason = value_string("The road was closed");
	struct signing signing;
	struct failure why;

	(void)s;
	return sign_note(&t.replica, &id, &reason, &signing, &why);
}

/* --- numbering and the exchange --- */

static enum status act_number(struct sweep *s)
{
	const struct journal_options options = { .changes_max = 100 };
	enum status st = db_begin(&t.replica.db);
	size_t count;

	(void)s;
	if (st != ST_OK)
		return st;
	st = journal_number(&t.replica, &options, &count);
	if (st == ST_OK)
		return db_commit(&t.replica.db);
	db_rollback(&t.replica.db);
	return st;
}

static enum status act_order(struct sweep *s)
{
	struct pending *pending;
	struct arena arena;
	size_t count;
	enum status st;

	(void)s;
	arena_init(&arena, (size_t)1024 * 1024);
	st = order_pending(&t.replica, 0, &arena, &pending, &count);
	arena_close(&arena);
	return st;
}

static void open_sync(struct sweep *s)
{
	static const uint8_t seed[SEED_SIZE] = { 1 };

	open_day(s);
	assert_int_equal(sync_init(&t.sync, &t.replica, seed), ST_OK);
	t.has_sync = true;
}

static enum status act_init(struct sweep *s)
{
	static const uint8_t seed[SEED_SIZE] = { 1 };
	const enum status st = sync_init(&t.sync, &t.replica, seed);

	(void)s;
	t.has_sync = st == ST_OK;
	return st;
}

static enum status act_build(struct sweep *s)
{
	const struct sync_options options = { .battery_percent = -1 };
	struct sync_report report = { 0 };
	struct failure why;

	(void)s;
	return sync_build(&t.sync, &options, &t.request, &report, &why);
}

static void open_waiting(struct sweep *s)
{
	open_sync(s);
	/* Opened again after trouble with the disk, it has sent the request already. */
	if (s->again)
		return;
	assert_int_equal(act_build(s), ST_OK);
	t.waiting = t.sync;
}

/* The answer may come again after it could not be taken: the tablet still waits for it. */
static enum status act_take(struct sweep *s)
{
	struct sync_report report = { 0 };
	struct failure why;

	(void)s;
	t.sync.waiting = true;
	t.sync.head = t.waiting.head;
	t.sync.request = t.waiting.request;
	t.sync.proven = t.waiting.proven;
	t.sync.expected = t.waiting.expected;
	t.sync.wall_sent_ms = t.waiting.wall_sent_ms;
	t.sync.boot_sent_ms = t.waiting.boot_sent_ms;
	return sync_take(&t.sync, t.answer.data, t.answer.len, &report, &why);
}

/* --- the journal, and what is told --- */

static enum status act_reuse(struct sweep *s)
{
	(void)s;
	return journal_reuse(&t.replica, t.returned_n, NULL);
}

static enum status act_bring_back(struct sweep *s)
{
	const struct id id = fake_id(GONE);

	(void)s;
	return journal_bring_back(&t.replica, kind_of("task"), &id, NULL);
}

static enum status act_verify(struct sweep *s)
{
	struct journal_proof proof;
	struct failure why;

	(void)s;
	return journal_verify(&t.replica, &proof, &why);
}

static enum status act_standing(struct sweep *s)
{
	struct standing standing;

	(void)s;
	return standing_read(&t.replica, &standing);
}

static enum status act_note(struct sweep *s)
{
	const struct failure failure = { .status = ST_UNREACHABLE, .what = "No signal.", .next = "Wait." };
	enum status st = db_begin(&t.replica.db);

	(void)s;
	if (st != ST_OK)
		return st;
	st = standing_note(&t.replica, true, &failure);
	if (st == ST_OK)
		return db_commit(&t.replica.db);
	db_rollback(&t.replica.db);
	return st;
}

static enum status act_identity(struct sweep *s)
{
	struct replica_identity identity = t.replica.identity;

	(void)s;
	(void)snprintf(identity.agency, sizeof identity.agency, "Another agency");
	return replica_identity_set(&t.replica, &identity);
}

static enum status act_read(struct sweep *s)
{
	const struct id id = fake_id(NOTE);
	struct arena arena;
	struct row row;
	struct id patient;
	int64_t version;
	enum status st;

	(void)s;
	arena_init(&arena, LIMIT_INFLATED_MAX);
	st = replica_read(&t.replica, kind_of("note"), &id, &arena, &row, &patient, &version);
	arena_close(&arena);
	return st;
}

/* --- the table --- */

static const struct disk_image *none, *day, *damaged;

#define ON_DAY(title, what) { .name = title, .image = &day, .open = open_day, .act = what, .close = close_all, .handle = handle }
#define SQL(title, text) \
	{ .name = title, .image = &day, .open = open_day, .act = act_sql, .close = close_all, .handle = handle, .ctx = text }

static char insert_sql[] = "INSERT INTO task(id, patient, title) VALUES('" FRESH "','" PAT "','Ask')";
static char update_sql[] = "UPDATE note SET plan='Walk', observed=observed||'!' WHERE id='" NOTE "'";
static char replace_sql[] = "INSERT OR REPLACE INTO task(id, patient, title) VALUES('" TASK "','" PAT "','Ask')";
static char delete_sql[] = "DELETE FROM visit WHERE id='" VISIT "'";

static const struct sweep_op ops[] = {
	{ .name = "replica_open makes a replica", .image = &none, .act = act_open, .close = close_all, .handle = looker,
	  .may = SWEEP_SAVES_STEPS, .points = 2 },
	{ .name = "replica_open of a replica", .image = &day, .act = act_open, .close = close_all, .handle = looker },
	{ .name = "replica_open restores what was dropped", .image = &damaged, .act = act_open, .close = close_all,
	  .handle = looker, .points = 2 },
	{ .name = "replica_check_schema restores a trigger", .image = &day, .open = open_then_damage, .act = act_check_schema,
	  .close = close_all, .handle = handle, .may = SWEEP_OPENING_DOES,
	  .points = 2 },
	ON_DAY("replica_identity_set", act_identity),
	ON_DAY("replica_read of a note with long words", act_read),
	SQL("an INSERT through the triggers", insert_sql),
	SQL("an UPDATE through the triggers", update_sql),
	SQL("a REPLACE through the triggers", replace_sql),
	SQL("a DELETE through the triggers", delete_sql),
	ON_DAY("save_create", act_create),
	{ .name = "save_fields of what was shown now", .image = &day, .open = open_day, .act = act_fields, .close = close_all,
	  .handle = handle, .ctx = (void *)(intptr_t)SAVE_SHOWN_NOW },
	{ .name = "save_fields of what was shown long ago", .image = &day, .open = open_day, .act = act_fields,
	  .close = close_all, .handle = handle, .ctx = (void *)(intptr_t)1 },
	ON_DAY("save_delete", act_delete),
	ON_DAY("sign_note", act_sign),
	ON_DAY("order_pending", act_order),
	ON_DAY("journal_number", act_number),
	ON_DAY("sync_init", act_init),
	{ .name = "sync_build", .image = &day, .open = open_sync, .act = act_build, .close = close_all, .handle = handle,
	  .may = SWEEP_SAVES_STEPS,
	  /* Numbered before it is sealed: then it is sealed under another counter, the changes are the same. */
	  .lasting = "SELECT (SELECT group_concat(n||hex(digest)) FROM ds_journal)||(SELECT count(*) FROM ds_dirty)" },
	{ .name = "sync_take of news, outcomes, a fill and a patient let go", .image = &day, .open = open_waiting,
	  .act = act_take, .close = close_all, .handle = handle },
	ON_DAY("journal_reuse", act_reuse),
	ON_DAY("journal_bring_back", act_bring_back),
	ON_DAY("journal_verify", act_verify),
	ON_DAY("standing_read", act_standing),
	ON_DAY("standing_note", act_note),
};

struct sweep_set sweep_tablet(struct sweep *s)
{
	make_day(s);
	day = t.day;
	damaged = t.damaged;
	return (struct sweep_set){ ops, sizeof ops / sizeof ops[0] };
}

void sweep_tablet_close(void)
{
	buf_close(&t.answer);
	disk_image_free(t.day);
	disk_image_free(t.damaged);
	fake_close(&t.fake);
}
