/* That SQLite's promises hold on the simulated disk where they should, and break where they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/db.h"
#include "tests/sim/disk_probe.h"

/* --- a hunt: stopped at every call, in each model ------------------------------------------ */

struct hunt {
	const char *pragmas;
	enum disk_verdict verdict;
	size_t seeds; /* crashes of each kind that has chance in it */
	size_t stops, crashes, lost[DISK_MODEL_COUNT], broken[DISK_MODEL_COUNT], bytes_lost;
};

/* Eight commits, the WAL copied home and begun anew between them. Returns how many said that they were done. */
static int64_t work(struct probe *m, const char *pragmas)
{
	sqlite3 *db = probe_open(m, "a.db");
	int64_t done = 0;

	if (db == NULL)
		return 0;
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (probe_run(db, pragmas) == SQLITE_OK)
		for (int i = 0; i < 8 && probe_step(db) == SQLITE_OK; i++) {
			done++;
			if (i == 1 || i == 3)
				(void)probe_run(db, "PRAGMA wal_checkpoint(PASSIVE)");
			if (i == 5)
				(void)probe_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
		}
	(void)sqlite3_close(db);
	return done;
}

static void crash(struct probe *m, struct hunt *hunt, enum disk_model model, uint64_t seed, int64_t done)
{
	int64_t left;

	m->random = seed;
	hunt->bytes_lost += disk_crash(m->disk, model, probe_chance, m);
	left = probe_left(m);
	hunt->crashes++;
	/* The one that was in flight may be there or not. */
	if (left < 0 || left > done + 1)
		hunt->broken[model]++;
	else if (left < done)
		hunt->lost[model]++;
}

static void crash_all(struct probe *m, struct hunt *hunt, size_t stop, int64_t done)
{
	struct disk_image *image = disk_image_take(m->disk);

	for (enum disk_model model = DISK_KILL; model < DISK_MODEL_COUNT; model++)
		for (size_t i = 0; i < (model == DISK_KILL || model == DISK_SYNCED ? 1 : hunt->seeds); i++) {
			disk_image_put(m->disk, image);
			crash(m, hunt, model, stop * 1000 + i, done);
		}
	disk_image_free(image);
}

static void hunt_run(struct probe *m, struct hunt *hunt)
{
	sqlite3 *db = probe_ready(m, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA");
	struct disk_image *start;
	int64_t done = 0;

	probe_tables(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	start = disk_image_take(m->disk);
	for (size_t stop = 0; done < 8; stop++) {
		disk_image_put(m->disk, start);
		probe_from_now(m, hunt->verdict, PROBE_ANY, stop, hunt->verdict == DISK_DIE ? 1 : SIZE_MAX);
		done = work(m, hunt->pragmas);
		probe_from_now(m, DISK_GO_ON, PROBE_ANY, 0, 0);
		hunt->stops++;
		crash_all(m, hunt, stop, done);
	}
	disk_image_free(start);
}

static void is_kept(struct probe *m, const char *pragmas)
{
	struct hunt hunt = { .pragmas = pragmas, .verdict = DISK_DIE, .seeds = 3 };

	hunt_run(m, &hunt);
	assert_true(hunt.stops > 100 && hunt.crashes == 8 * hunt.stops && hunt.bytes_lost > 0);
	for (enum disk_model model = DISK_KILL; model < DISK_MODEL_COUNT; model++) {
		assert_int_equal(hunt.broken[model], 0);
		assert_int_equal(hunt.lost[model], 0);
	}
}

static void a_commit_in_wal_survives_every_crash_and_one_in_flight_is_there_or_not(void **state)
{
	is_kept(*state, PROBE_WAL);
}

static void a_commit_in_a_deleted_journal_survives_every_crash_with_extra_syncs(void **state)
{
	is_kept(*state, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA cache_size=8");
}

static void a_commit_in_a_truncated_journal_survives_every_crash(void **state)
{
	is_kept(*state, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA cache_size=8");
}

static void a_commit_in_a_kept_journal_survives_every_crash(void **state)
{
	is_kept(*state, "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=FULL; PRAGMA cache_size=8");
}

static void with_normal_a_commit_in_wal_is_sometimes_lost_but_never_half(void **state)
{
	struct hunt hunt = { .pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
			     .verdict = DISK_DIE, .seeds = 2 };

	hunt_run(*state, &hunt);
	assert_int_equal(hunt.lost[DISK_KILL], 0);
	assert_true(hunt.lost[DISK_SYNCED] > 0 && hunt.lost[DISK_SOME] > 0 && hunt.lost[DISK_TORN] > 0);
	for (enum disk_model model = DISK_KILL; model < DISK_MODEL_COUNT; model++)
		assert_int_equal(hunt.broken[model], 0);
}

/* SQLite's documentation of synchronous=EXTRA: with FULL the deletion of the journal is not synced. */
static void with_full_a_deleted_journal_may_come_back_and_take_a_commit_back(void **state)
{
	struct hunt hunt = { .pragmas = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL",
			     .verdict = DISK_DIE, .seeds = 2 };

	hunt_run(*state, &hunt);
	assert_int_equal(hunt.lost[DISK_KILL], 0);
	assert_true(hunt.lost[DISK_SYNCED] > 0);
	for (enum disk_model model = DISK_KILL; model < DISK_MODEL_COUNT; model++)
		assert_int_equal(hunt.broken[model], 0);
}

static void without_syncs_a_power_cut_breaks_the_database(void **state)
{
	struct hunt hunt = { .pragmas = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF; PRAGMA cache_size=8",
			     .verdict = DISK_DIE, .seeds = 2 };

	hunt_run(*state, &hunt);
	assert_int_equal(hunt.broken[DISK_KILL] + hunt.lost[DISK_KILL], 0);
	assert_true(hunt.broken[DISK_SOME] > 0 && hunt.broken[DISK_TORN] > 0);
}

static void a_disk_that_fails_for_good_at_any_call_loses_no_commit(void **state)
{
	static const enum disk_verdict verdicts[] = { DISK_FAIL, DISK_FAIL_HALF, DISK_REFUSE_FULL };

	for (size_t i = 0; i < 3; i++) {
		struct hunt hunt = { .pragmas = PROBE_WAL, .verdict = verdicts[i], .seeds = 1 };
		struct probe *m = *state;

		disk_remove(m->disk, "a.db");
		disk_remove(m->disk, "a.db-wal");
		hunt_run(m, &hunt);
		for (enum disk_model model = DISK_KILL; model < DISK_MODEL_COUNT; model++)
			assert_int_equal(hunt.broken[model] + hunt.lost[model], 0);
	}
}

/* --- the disk full, busy, read-only, dead ---------------------------------------------------- */

static void a_full_disk_refuses_and_goes_on_when_there_is_room(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);
	struct disk_usage usage;

	probe_tables(db);
	assert_int_equal(probe_step(db), SQLITE_OK);
	disk_usage(m->disk, &usage);
	disk_limit(m->disk, usage.bytes + 5000);
	assert_int_equal(probe_step(db), SQLITE_FULL);
	assert_int_equal(probe_steps(db), 1);
	disk_limit(m->disk, 0);
	assert_int_equal(probe_step(db), SQLITE_OK);
	probe_from_now(m, DISK_REFUSE_FULL, DISK_WRITE, 1, 1);
	assert_int_equal(probe_step(db), SQLITE_FULL);
	assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(probe_steps(db), 3);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_reader_in_wal_keeps_what_it_saw_and_writers_block_each_other(void **state)
{
	struct probe *m = *state;
	sqlite3 *writer = probe_ready(m, PROBE_WAL), *reader, *other;

	probe_tables(writer);
	reader = probe_ready(m, PROBE_WAL);
	other = probe_ready(m, PROBE_WAL);
	assert_int_equal(probe_run(reader, "BEGIN"), SQLITE_OK);
	assert_int_equal(probe_steps(reader), 0);
	assert_int_equal(probe_step(writer), SQLITE_OK);
	assert_int_equal(probe_steps(reader), 0);
	assert_int_equal(probe_steps(other), 1);
	assert_int_equal(probe_run(writer, "BEGIN IMMEDIATE"), SQLITE_OK);
	assert_int_equal(probe_run(other, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_int_equal(probe_run(reader, "UPDATE head SET tx = 9"), SQLITE_BUSY);
	assert_int_equal(probe_run(writer, "COMMIT"), SQLITE_OK);
	assert_int_equal(probe_run(reader, "UPDATE head SET tx = 9"), SQLITE_BUSY_SNAPSHOT);
	assert_int_equal(probe_step(other), SQLITE_OK);
	assert_int_equal(probe_run(reader, "COMMIT"), SQLITE_OK);
	assert_int_equal(probe_steps(reader), 2);
	probe_from_now(m, DISK_BUSY, DISK_SHM, 1, 1);
	assert_int_equal(probe_step(writer), SQLITE_BUSY);
	probe_from_now(m, DISK_GO_ON, PROBE_ANY, 0, 0);
	assert_int_equal(sqlite3_close(reader) | sqlite3_close(writer) | sqlite3_close(other), SQLITE_OK);
	assert_int_equal(probe_left(m), 2);
}

static void a_reader_and_a_writer_with_a_journal_wait_for_each_other(void **state)
{
	struct probe *m = *state;
	sqlite3 *writer = probe_ready(m, "PRAGMA journal_mode=DELETE"), *reader, *other;

	probe_tables(writer);
	reader = probe_ready(m, "PRAGMA busy_timeout=20");
	other = probe_ready(m, "PRAGMA busy_timeout=0");
	assert_int_equal(probe_run(reader, "BEGIN"), SQLITE_OK);
	assert_int_equal(probe_steps(reader), 0);
	assert_int_equal(probe_run(writer, "BEGIN IMMEDIATE; UPDATE head SET tx = 7"), SQLITE_OK);
	assert_int_equal(probe_run(other, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_int_equal(probe_number(other, "SELECT tx FROM head"), 0);
	assert_int_equal(probe_run(writer, "COMMIT"), SQLITE_BUSY);
	/* It waits for the last reader: nobody new comes in, and the one that is there goes on. */
	assert_int_equal(probe_number(other, "SELECT tx FROM head"), -1);
	assert_int_equal(probe_number(reader, "SELECT tx FROM head"), 0);
	assert_int_equal(probe_run(reader, "COMMIT"), SQLITE_OK);
	assert_int_equal(m->slept_ms, 0);
	assert_int_equal(probe_number(reader, "SELECT tx FROM head"), -1);
	assert_true(m->slept_ms >= 15);
	assert_int_equal(probe_run(writer, "COMMIT"), SQLITE_OK);
	assert_int_equal(probe_number(other, "SELECT tx FROM head"), 7);
	assert_int_equal(sqlite3_close(reader) | sqlite3_close(writer) | sqlite3_close(other), SQLITE_OK);
}

static void a_dead_machine_does_nothing_and_can_be_closed(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);
	uint64_t calls = 0;

	probe_tables(db);
	assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(probe_run(db, "BEGIN IMMEDIATE; UPDATE head SET tx = 9"), SQLITE_OK);
	disk_kill(m->disk);
	assert_true(disk_is_dead(m->disk));
	memset(m->seen, 0, sizeof m->seen);
	assert_int_not_equal(probe_run(db, "COMMIT"), SQLITE_OK);
	assert_int_not_equal(probe_run(db, "SELECT * FROM t"), SQLITE_OK);
	assert_null(probe_open(m, "b.db"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (enum disk_call call = DISK_OPEN; call < DISK_CALL_COUNT; call++)
		calls += m->seen[call];
	assert_int_equal(calls, 0);
	assert_false(probe_has(m, "b.db"));
	assert_int_equal(disk_crash(m->disk, DISK_KILL, NULL, NULL), 0);
	assert_false(disk_is_dead(m->disk));
	assert_int_equal(probe_left(m), 1);
}

static void a_disk_that_turns_read_only_is_read_and_refuses_until_it_can_be_written_again(void **state)
{
	struct probe *m = *state;
	struct db db;

	assert_int_equal(db_open(&db, "a.db", disk_vfs(m->disk), true), ST_OK);
	probe_tables(db.handle);
	assert_int_equal(probe_step(db.handle), SQLITE_OK);
	disk_read_only(m->disk, true);
	assert_int_equal(db_begin(&db), ST_OK);
	assert_int_equal(db_exec(&db, "UPDATE head SET tx = 9"), ST_OK);
	/* SQLite keeps no errno of a COMMIT that fails, so that this is an error like any other. */
	assert_int_equal(db_commit(&db), ST_IO);
	assert_int_equal(probe_error(m), EROFS);
	assert_int_equal(probe_steps(db.handle), 1);
	disk_read_only(m->disk, false);
	assert_int_equal(probe_step(db.handle), SQLITE_OK);
	db_close(&db);
	assert_int_equal(probe_left(m), 2);
}

static void a_database_on_a_read_only_disk_is_opened_where_its_wal_is_there(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);
	struct db ours;

	probe_tables(db);
	assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	disk_read_only(m->disk, true);
	db = probe_open(m, "a.db");
	assert_non_null(db);
	assert_int_equal(probe_steps(db), 1);
	assert_int_equal(probe_step(db), SQLITE_READONLY);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_null(probe_open(m, "new.db"));
	/* Without the WAL it can't be made, nor therefore read. */
	disk_read_only(m->disk, false);
	db = probe_open(m, "a.db");
	assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_false(probe_has(m, "a.db-wal"));
	disk_read_only(m->disk, true);
	assert_int_equal(db_open(&ours, "a.db", disk_vfs(m->disk), true), ST_READONLY);
	disk_read_only(m->disk, false);
}

/* --- RELIABILITY.md section 6 -------------------------------------------------------------- */

static void put_file(struct probe *m, const char *path, const uint8_t *bytes, size_t len)
{
	disk_remove(m->disk, path);
	disk_put(m->disk, path, 0, bytes, len);
}

static void a_database_restored_without_or_beside_a_wal_is_not_what_it_was(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);
	size_t len;
	uint8_t *old;
	int64_t left;

	probe_tables(db);
	for (int i = 0; i < 20; i++)
		assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
	assert_int_equal(probe_step(db), SQLITE_OK);
	(void)disk_read(m->disk, "a.db", &len);
	old = malloc(len);
	assert_non_null(old);
	memcpy(old, disk_read(m->disk, "a.db", &len), len);
	put_file(m, "copy.db", old, len);
	for (int i = 0; i < 20; i++)
		assert_int_equal(probe_step(db), SQLITE_OK);
	/* From here on the WAL holds one page: the others of these commits are in the database alone. */
	assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(PASSIVE)"), SQLITE_OK);
	assert_int_equal(probe_run(db, "UPDATE t SET body = zeroblob(10) WHERE n = 1"), SQLITE_OK);
	assert_int_equal(probe_steps(db), 41);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	db = probe_open(m, "copy.db");
	assert_int_equal(probe_steps(db), 20); /* what the WAL held is not there */
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	put_file(m, "a.db", old, len);
	left = probe_left(m);
	assert_true(left != 20 && left != 21 && left != 41);
	free(old);
}

static void a_reader_that_never_ends_makes_the_wal_grow(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL), *reader;
	size_t grown, after, len;

	probe_tables(db);
	reader = probe_ready(m, PROBE_WAL);
	assert_int_equal(probe_run(reader, "BEGIN; SELECT * FROM head"), SQLITE_OK);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(probe_step(db), SQLITE_OK);
		assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(PASSIVE)"), SQLITE_OK);
	}
	(void)disk_read(m->disk, "a.db-wal", &grown);
	assert_true(grown > (size_t)50 * 4 * 4096);
	assert_int_equal(probe_number(db, "PRAGMA wal_checkpoint(TRUNCATE)"), 1); /* busy */
	assert_int_equal(probe_run(reader, "COMMIT"), SQLITE_OK);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(PASSIVE)"), SQLITE_OK);
		assert_int_equal(probe_step(db), SQLITE_OK);
	}
	(void)disk_read(m->disk, "a.db-wal", &after);
	assert_int_equal(after, grown);
	assert_int_equal(probe_number(db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	(void)disk_read(m->disk, "a.db-wal", &len);
	assert_int_equal(len, 0);
	assert_int_equal(probe_steps(db), 60);
	assert_int_equal(sqlite3_close(db) | sqlite3_close(reader), SQLITE_OK);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, probe_set_up, probe_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_commit_in_wal_survives_every_crash_and_one_in_flight_is_there_or_not),
		ROW(a_commit_in_a_deleted_journal_survives_every_crash_with_extra_syncs),
		ROW(a_commit_in_a_truncated_journal_survives_every_crash),
		ROW(a_commit_in_a_kept_journal_survives_every_crash),
		ROW(with_normal_a_commit_in_wal_is_sometimes_lost_but_never_half),
		ROW(with_full_a_deleted_journal_may_come_back_and_take_a_commit_back),
		ROW(without_syncs_a_power_cut_breaks_the_database),
		ROW(a_disk_that_fails_for_good_at_any_call_loses_no_commit),
		ROW(a_full_disk_refuses_and_goes_on_when_there_is_room),
		ROW(a_reader_in_wal_keeps_what_it_saw_and_writers_block_each_other),
		ROW(a_reader_and_a_writer_with_a_journal_wait_for_each_other),
		ROW(a_dead_machine_does_nothing_and_can_be_closed),
		ROW(a_disk_that_turns_read_only_is_read_and_refuses_until_it_can_be_written_again),
		ROW(a_database_on_a_read_only_disk_is_opened_where_its_wal_is_there),
		ROW(a_database_restored_without_or_beside_a_wal_is_not_what_it_was),
		ROW(a_reader_that_never_ends_makes_the_wal_grow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
