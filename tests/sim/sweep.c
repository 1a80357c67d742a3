#include "tests/sim/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/db.h"
#include "tests/sim/alloc.h"

#define TABLES_MAX 128

/* --- the world --- */

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return SWEEP_WALL_MS;
}

static int64_t boot_ms(void *ctx)
{
	(void)ctx;
	return 5000;
}

static void make_random(void *ctx, void *out, size_t len)
{
	struct sweep *s = ctx;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++) {
		s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(s->random >> 56);
	}
}

void sweep_same_random(struct sweep *s)
{
	s->random = 42;
}

/* Is this a call that the mode makes fail? */
static bool mode_meets(enum sweep_mode mode, enum disk_call call)
{
	switch (mode) {
	case SWEEP_DISK_ONCE:
	case SWEEP_DISK_ON:
		return true;
	case SWEEP_DISK_HALF:
	case SWEEP_DISK_FULL:
		return call == DISK_WRITE;
	case SWEEP_DISK_SYNC:
		return call == DISK_SYNC;
	case SWEEP_DISK_BUSY:
		return call == DISK_LOCK;
	case SWEEP_MEMORY_ONCE:
	case SWEEP_MEMORY_ON:
	case SWEEP_MODE_COUNT:
		break;
	}
	return false;
}

static bool mode_goes_on(enum sweep_mode mode)
{
	return mode == SWEEP_MEMORY_ON || mode == SWEEP_DISK_ON || mode == SWEEP_DISK_FULL;
}

static enum disk_verdict disk_call(void *ctx, enum disk_call call, enum disk_file_role role)
{
	struct sweep *s = ctx;

	(void)role;
	if (!s->armed || !mode_meets(s->mode, call))
		return DISK_GO_ON;
	s->calls++;
	if (s->n == 0 || s->calls < s->n || (s->calls > s->n && !mode_goes_on(s->mode)))
		return DISK_GO_ON;
	s->met = true;
	if (s->mode == SWEEP_DISK_HALF)
		return DISK_FAIL_HALF;
	if (s->mode == SWEEP_DISK_FULL)
		return DISK_REFUSE_FULL;
	return s->mode == SWEEP_DISK_BUSY ? DISK_BUSY : DISK_FAIL;
}

void sweep_open(struct sweep *s, uint64_t points, uint64_t start)
{
	const struct disk_owner owner = { .hook = disk_call, .wall_ms = wall_ms, .random = make_random, .ctx = s };

	*s = (struct sweep){ .points = points, .start = start };
	s->disk = disk_open("sweeps", &owner);
	s->env = (struct env){ .ctx = s, .wall_ms = wall_ms, .boot_ms = boot_ms, .random = make_random,
			       .vfs = disk_vfs(s->disk) };
	sweep_same_random(s);
}

void sweep_close(struct sweep *s)
{
	disk_close(s->disk);
}

/* --- the files --- */

void sweep_no_files(struct sweep *s)
{
	disk_remove(s->disk, SWEEP_FILE);
	disk_remove(s->disk, SWEEP_FILE "-wal");
	disk_remove(s->disk, SWEEP_FILE "-journal");
}

/* As if it had always been there: nothing that was not synced, which would be lost or kept with each run. */
static void settle(struct sweep *s, const char *path)
{
	size_t len = 0;
	const uint8_t *bytes = disk_read(s->disk, path, &len);
	struct buf copy;

	if (bytes == NULL)
		return;
	buf_init(&copy, (size_t)64 * 1024 * 1024);
	buf_add(&copy, bytes, len);
	assert_int_equal(buf_status(&copy), ST_OK);
	disk_remove(s->disk, path);
	disk_put(s->disk, path, 0, copy.data, copy.len);
	buf_close(&copy);
}

struct disk_image *sweep_take(struct sweep *s)
{
	settle(s, SWEEP_FILE);
	settle(s, SWEEP_FILE "-wal");
	return disk_image_take(s->disk);
}

struct disk_image *sweep_keep(struct sweep *s, sqlite3 *db)
{
	struct db file;
	sqlite3_backup *backup;

	sweep_no_files(s);
	assert_int_equal(db_open(&file, SWEEP_FILE, disk_vfs(s->disk), true), ST_OK);
	backup = sqlite3_backup_init(file.handle, "main", db, "main");
	assert_non_null(backup);
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	assert_int_equal(db_exec(&file, "PRAGMA wal_checkpoint(TRUNCATE)"), ST_OK);
	db_close(&file);
	return sweep_take(s);
}

/* --- what a database holds, as one number a table --- */

struct dump {
	size_t count;
	struct {
		char name[48];
		uint64_t hash;
	} tables[TABLES_MAX];
	struct buf shown; /* what the act handed out */
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
	return hash;
}

static uint64_t table_hash(sqlite3 *db, const char *name)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	sqlite3_stmt *stmt = NULL;
	char sql[128];

	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\"", name);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const int type = sqlite3_column_type(stmt, i), len = sqlite3_column_bytes(stmt, i);

			hash = mix(hash, &type, sizeof type);
			hash = mix(hash, &len, sizeof len);
			hash = mix(hash, sqlite3_column_blob(stmt, i), (size_t)len);
		}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	return hash;
}

static void dump_tables(sqlite3 *db, struct dump *out)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT type || ' ' || name, name FROM sqlite_schema ORDER BY type, name", -1,
					    &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);

		if (strncmp(name, "table ", 6) != 0) {
			out->tables[TABLES_MAX - 1].hash = mix(out->tables[TABLES_MAX - 1].hash, name, strlen(name));
			continue;
		}
		assert_true(out->count < TABLES_MAX - 1);
		(void)snprintf(out->tables[out->count].name, sizeof out->tables[0].name, "%s", name + 6);
		out->tables[out->count++].hash = table_hash(db, name + 6);
	}
	(void)snprintf(out->tables[TABLES_MAX - 1].name, sizeof out->tables[0].name, "indexes, views, triggers");
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static struct dump dump_now(struct sweep *s)
{
	sqlite3 *db = s->op->handle != NULL ? s->op->handle(s) : NULL;
	struct dump dump = { 0 };

	if (db != NULL)
		dump_tables(db, &dump);
	return dump;
}

/* The name of a table in which they differ; NULL: they don't. */
static const char *dump_differs(const struct dump *a, const struct dump *b)
{
	if (a->count != b->count)
		return "which tables there are";
	for (size_t i = 0; i < TABLES_MAX; i++)
		if (strcmp(a->tables[i].name, b->tables[i].name) != 0 || a->tables[i].hash != b->tables[i].hash)
			return a->tables[i].name;
	return NULL;
}

/* --- one operation --- */

/* One operation in one mode. */
struct run {
	struct sweep *s;
	struct dump before, after; /* of the undisturbed act */
	struct buf shown, lasting; /* and what that handed out; and the answer to op->lasting */
	uint64_t n;
};

static void wrong(const struct run *r, const char *what, const char *where)
{
	(void)alloc_disarm();
	r->s->armed = false;
	fail_msg("%s, %s, call %" PRIu64 ": %s%s%s", r->s->op->name, sweep_mode_name(r->s->mode), r->n, what,
		 where != NULL ? ": " : "", where != NULL ? where : "");
}

static void opens(struct sweep *s)
{
	sweep_same_random(s);
	if (s->op->open != NULL)
		s->op->open(s);
}

static void closes(struct sweep *s)
{
	if (s->op->close != NULL)
		s->op->close(s);
}

static void puts_files(struct sweep *s)
{
	if (s->op->image == NULL)
		return;
	if (*s->op->image != NULL)
		disk_image_put(s->disk, *s->op->image);
	else
		sweep_no_files(s);
}

static enum status acts(struct sweep *s, uint64_t n)
{
	enum status st;

	sweep_same_random(s);
	s->n = n;
	s->calls = 0;
	s->met = false;
	s->armed = !sweep_mode_is_memory(s->mode);
	if (!s->armed)
		alloc_arm(n, mode_goes_on(s->mode));
	st = s->op->act(s);
	if (!s->armed) {
		s->calls = alloc_disarm();
		s->met = alloc_met();
	}
	s->armed = false;
	return st;
}

static void shows(struct sweep *s, struct buf *out)
{
	buf_init(out, (size_t)64 * 1024 * 1024);
	if (s->op->show != NULL)
		s->op->show(s, out);
	assert_int_equal(buf_status(out), ST_OK);
}

static bool shows_same(struct run *r)
{
	struct buf now;
	bool same;

	shows(r->s, &now);
	same = now.len == r->shown.len && (now.len == 0 || memcmp(now.data, r->shown.data, now.len) == 0);
	buf_close(&now);
	return same;
}

static void nothing_is_open(struct run *r)
{
	sqlite3 *db = r->s->op->handle != NULL ? r->s->op->handle(r->s) : NULL;

	if (db == NULL)
		return;
	for (sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL); stmt != NULL; stmt = sqlite3_next_stmt(db, stmt))
		if (sqlite3_stmt_busy(stmt))
			wrong(r, "a statement was left running", sqlite3_sql(stmt));
	if (sqlite3_get_autocommit(db) == 0)
		wrong(r, "a transaction was left open", NULL);
}

/* The first column of the query's first row. */
static void ask(struct sweep *s, struct buf *out)
{
	sqlite3_stmt *stmt = NULL;

	buf_init(out, (size_t)1024 * 1024);
	assert_int_equal(sqlite3_prepare_v2(s->op->handle(s), s->op->lasting, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	buf_add_str(out, (const char *)sqlite3_column_text(stmt, 0));
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void is_lasting(struct run *r)
{
	struct buf now;

	ask(r->s, &now);
	if (strcmp(buf_str(&now), buf_str(&r->lasting)) != 0)
		wrong(r, "done in steps, and differs", buf_str(&now));
	buf_close(&now);
}

static void is_done(struct run *r, const char *when)
{
	struct dump now = dump_now(r->s);
	const char *table = dump_differs(&now, &r->after);

	if (table != NULL)
		wrong(r, when, table);
	if (!shows_same(r))
		wrong(r, when, "what it handed out");
}

static bool status_fits(const struct sweep_op *op, enum sweep_mode mode, enum status st)
{
	if (sweep_mode_is_memory(mode) && op->blames && (st == ST_CORRUPT || st == ST_INVALID))
		return true;
	/* SQLite may end a transaction that several share: then that is what the others are told. */
	if (sweep_mode_is_memory(mode))
		return st == ST_NOMEM || (st == ST_IO && op->may == SWEEP_SAVES_STEPS);
	if (mode == SWEEP_DISK_FULL)
		return st == ST_FULL;
	if (mode == SWEEP_DISK_BUSY)
		return st == ST_BUSY || st == ST_IO;
	/* What can't be opened may be there and not, and what is read in part may be nothing that we wrote. */
	return st == ST_IO || st == ST_NOT_FOUND || st == ST_CORRUPT || st == ST_FULL || st == ST_READONLY;
}

/* It failed. Is all as it was, or as it should be where it may have counted? Returns whether it counted. */
static bool is_clean(struct run *r, enum status st)
{
	struct sweep *s = r->s;
	const bool memory = sweep_mode_is_memory(s->mode);
	struct dump now;
	const char *table;

	if (!status_fits(s->op, s->mode, st))
		wrong(r, "the status is", status_name(st));
	if (memory) {
		nothing_is_open(r);
	} else {
		closes(s);
		s->again = true;
		opens(s);
		s->again = false;
	}
	now = dump_now(s);
	table = dump_differs(&now, &r->before);
	if (table == NULL)
		return false;
	if (s->op->may == SWEEP_SAVES_STEPS || (!memory && s->op->may == SWEEP_OPENING_DOES))
		return false;
	if (dump_differs(&now, &r->after) != NULL)
		wrong(r, "it failed, and something was changed", table);
	if (memory && s->op->may != SWEEP_COMMITS_FIRST)
		wrong(r, "it said that it failed, and all of it is there", NULL);
	return true;
}

/* False: there are not so many calls. */
static bool one_call(struct run *r, uint64_t n)
{
	struct sweep *s = r->s;
	enum status st;
	bool counted = false, met;
	int64_t live;

	r->n = n;
	puts_files(s);
	live = alloc_live();
	opens(s);
	st = acts(s, n);
	met = s->met;
	if (met)
		s->totals.injected[s->mode]++;
	if (st != ST_OK) {
		if (!met)
			wrong(r, "it failed and no call had", status_name(st));
		counted = is_clean(r, st);
		s->totals.refused += !counted;
		s->totals.unsaid += counted;
		if (!counted)
			st = acts(s, 0);
		if (st != ST_OK && !counted)
			wrong(r, "undisturbed it fails then", status_name(st));
	} else {
		s->totals.done += met;
	}
	nothing_is_open(r);
	if (s->op->lasting != NULL && met)
		is_lasting(r);
	else if (!counted)
		is_done(r, "said to be done, and differs");
	closes(s);
	if (alloc_live() != live)
		wrong(r, "blocks of memory were lost or freed twice", NULL);
	return met;
}

/* What it does undisturbed, and how many calls it makes. */
static uint64_t learn(struct run *r)
{
	struct sweep *s = r->s;
	uint64_t calls;
	enum status st;

	for (int warm = 0; warm < 2; warm++) {
		puts_files(s);
		opens(s);
		r->before = dump_now(s);
		st = acts(s, 0);
		calls = s->calls;
		if (st != ST_OK)
			wrong(r, "undisturbed it fails", status_name(st));
		r->after = dump_now(s);
		buf_close(&r->shown);
		shows(s, &r->shown);
		buf_close(&r->lasting);
		if (s->op->lasting != NULL)
			ask(s, &r->lasting);
		closes(s);
	}
	return calls;
}

void sweep_run(struct sweep *s, const struct sweep_op *op, enum sweep_mode mode)
{
	struct run r = { .s = s };
	uint64_t calls, points, step, n;

	if (s->running)
		closes(s);
	s->running = true;
	s->op = op;
	s->mode = mode;
	calls = learn(&r);
	s->totals.acts++;
	s->totals.calls[mode] += calls;
	points = op->points != 0 && op->points < s->points ? op->points : s->points;
	step = s->points == 0 || calls <= points ? 1 : (calls + points - 1) / points;
	for (n = 1 + s->start % step; n <= calls; n += step)
		(void)one_call(&r, n);
	/* One that failed may have gone another, longer way. */
	while (step == 1 && one_call(&r, n))
		n++;
	s->running = false;
	buf_close(&r.shown);
	buf_close(&r.lasting);
}

const char *sweep_mode_name(enum sweep_mode mode)
{
	static const char *const names[SWEEP_MODE_COUNT] = {
		"memory lacking once", "memory lacking from then on", "the disk failing once", "the disk failing from then on",
		"a write cut in half", "a full disk", "a sync failing once", "a lock refused once",
	};

	return names[mode];
}

bool sweep_mode_is_memory(enum sweep_mode mode)
{
	return mode == SWEEP_MEMORY_ONCE || mode == SWEEP_MEMORY_ON;
}
