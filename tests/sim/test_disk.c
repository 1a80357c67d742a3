/* What the simulated disk promises of single files, syncs and crashes. */
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

/* --- syncs ----------------------------------------------------------------------------- */

static void a_lying_sync_loses_the_commit(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);

	probe_tables(db);
	assert_int_equal(probe_step(db), SQLITE_OK);
	probe_from_now(m, DISK_LIE, DISK_SYNC, 0, SIZE_MAX);
	assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	probe_from_now(m, DISK_GO_ON, PROBE_ANY, 0, 0);
	assert_true(disk_crash(m->disk, DISK_SYNCED, NULL, NULL) > 0);
	assert_int_equal(probe_left(m), 1);
}

static void a_failed_sync_is_reported_and_the_commit_is_not_there_after_opening_again(void **state)
{
	struct probe *m = *state;
	sqlite3 *raw = probe_ready(m, PROBE_WAL);
	struct db db;

	probe_tables(raw);
	assert_int_equal(probe_step(raw), SQLITE_OK);
	assert_int_equal(sqlite3_close(raw), SQLITE_OK);
	assert_int_equal(db_open(&db, "a.db", disk_vfs(m->disk), false), ST_OK);
	probe_from_now(m, DISK_FAIL, DISK_SYNC, 0, 1);
	assert_int_equal(db_begin(&db), ST_OK);
	assert_int_equal(db_exec(&db, "UPDATE head SET tx = 99"), ST_OK);
	assert_int_equal(db_commit(&db), ST_IO);
	assert_true(db.failed);
	assert_int_equal(probe_error(m), EIO);
	db_close(&db);
	assert_int_equal(probe_left(m), 1);
}

static sqlite3_file *file_open(struct probe *m, const char *path)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(disk_vfs(m->disk));
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);

	assert_non_null(file);
	assert_int_equal(vfs->xOpen(vfs, path, file, flags, NULL), SQLITE_OK);
	return file;
}

static void file_close(sqlite3_file *file)
{
	assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
	free(file);
}

static int file_fill(sqlite3_file *file, char byte, int at, int len)
{
	char bytes[8192];

	assert_true((size_t)len <= sizeof bytes);
	memset(bytes, byte, (size_t)len);
	return file->pMethods->xWrite(file, bytes, len, at);
}

static char byte_at(const struct probe *m, const char *path, size_t at)
{
	size_t len;
	const uint8_t *bytes = disk_read(m->disk, path, &len);

	return at < len ? (char)bytes[at] : '!';
}

/* fsync as Linux has it: what failed once is not tried again. */
static void a_later_sync_does_not_cover_what_a_failed_one_should_have(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 100), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(file_fill(file, 'b', 10, 20), SQLITE_OK);
	probe_from_now(m, DISK_FAIL, DISK_SYNC, 0, 1);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
	assert_int_equal(file_fill(file, 'c', 20, 50), SQLITE_OK);
	assert_int_equal(file_fill(file, 'c', 2000, 10), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(byte_at(m, "f", 15), 'b');
	assert_int_equal(byte_at(m, "f", 25), 'c');
	file_close(file);
	assert_int_equal(byte_at(m, "f", 15), 'a');
	assert_int_equal(byte_at(m, "f", 25), 'c');
	assert_int_equal(byte_at(m, "f", 2005), 'c');
	assert_int_equal(disk_crash(m->disk, DISK_SYNCED, NULL, NULL), 0);
	assert_int_equal(byte_at(m, "f", 15), 'a');
	assert_int_equal(byte_at(m, "f", 2005), 'c');
}

/* --- the models, byte by byte -------------------------------------------------------------- */

static void what_a_killed_process_wrote_is_still_lost_by_a_later_power_cut(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 100), SQLITE_OK);
	disk_kill(m->disk);
	file_close(file);
	assert_int_equal(disk_crash(m->disk, DISK_KILL, NULL, NULL), 0);
	assert_int_equal(byte_at(m, "f", 99), 'a');
	assert_int_equal(disk_crash(m->disk, DISK_SYNCED, NULL, NULL), 100);
	assert_int_equal(byte_at(m, "f", 0), '!');
	assert_true(probe_has(m, "f")); /* a database lasts from its making */
}

/* Which of these were seen in 400 crashes after one and the same history. */
static unsigned crashes(struct probe *m, enum disk_model model, unsigned (*look)(const struct probe *m))
{
	struct disk_image *image = disk_image_take(m->disk);
	unsigned seen = 0;

	for (uint64_t seed = 0; seed < 400; seed++) {
		disk_image_put(m->disk, image);
		m->random = seed;
		(void)disk_crash(m->disk, model, probe_chance, m);
		seen |= 1u << look(m);
	}
	disk_image_put(m->disk, image);
	disk_image_free(image);
	return seen;
}

/* Two writes over each other: neither, the first, the second; the second wins where both are there, or the first. */
static unsigned look_at_order(const struct probe *m)
{
	char both = byte_at(m, "f", 1500), first = byte_at(m, "f", 100), second = byte_at(m, "f", 2900);

	assert_true(first == 'a' || first == 'b');
	assert_true(second == 'a' || second == 'c');
	assert_true(both == 'a' || both == 'b' || both == 'c');
	return (first == 'b' ? 1u : 0) + (second == 'c' ? 2u : 0) + (both == 'b' ? 4u : both == 'c' ? 8u : 0);
}

static void writes_since_the_sync_are_there_or_not_in_any_order(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 3000), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(file_fill(file, 'b', 0, 2000), SQLITE_OK);
	assert_int_equal(file_fill(file, 'c', 1000, 2000), SQLITE_OK);
	file_close(file);
	assert_int_equal(crashes(m, DISK_KILL, look_at_order), 1u << 11);
	assert_int_equal(crashes(m, DISK_SYNCED, look_at_order), 1u << 0);
	assert_int_equal(crashes(m, DISK_SOME, look_at_order), 1u << 0 | 1u << 5 | 1u << 10 | 1u << 11 | 1u << 7);
}

/* A write over four sectors, of which two only in part. */
static unsigned look_at_tear(const struct probe *m)
{
	unsigned result = 0;

	for (unsigned i = 0; i < 4; i++) {
		size_t from = i == 0 ? 100 : i * 512, to = i == 3 ? 1600 : (i + 1) * 512;

		for (size_t at = from; at < to; at++)
			assert_int_equal(byte_at(m, "f", at), byte_at(m, "f", from));
		result |= byte_at(m, "f", from) == 'b' ? 1u << i : 0;
	}
	return result;
}

static void a_torn_write_is_torn_at_sectors(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 3000), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(file_fill(file, 'b', 100, 1500), SQLITE_OK);
	file_close(file);
	assert_int_equal(crashes(m, DISK_TORN, look_at_tear), 0xFFFF);
	assert_int_equal(crashes(m, DISK_SOME, look_at_tear), 1u << 0 | 1u << 15);
}

static void a_crash_tells_how_many_bytes_are_lost(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");
	struct disk_image *image;

	assert_int_equal(file_fill(file, 'a', 0, 4096), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(file_fill(file, 'b', 0, 4096), SQLITE_OK);
	file_close(file);
	image = disk_image_take(m->disk);
	for (uint64_t seed = 0; seed < 100; seed++) {
		size_t lost, old = 0;

		disk_image_put(m->disk, image);
		m->random = seed;
		lost = disk_crash(m->disk, DISK_TORN, probe_chance, m);
		for (size_t at = 0; at < 4096; at++)
			old += byte_at(m, "f", at) == 'a';
		assert_int_equal(lost, old);
	}
	disk_image_free(image);
}

/* A file cut to nothing and begun anew. */
static unsigned look_at_cut(const struct probe *m)
{
	size_t len;

	(void)disk_read(m->disk, "f", &len);
	assert_true(len == 0 || len == 500 || len == 3000);
	return (len == 3000 ? 1u : len == 500 ? 2u : 0) + (byte_at(m, "f", 100) == 'b' ? 4u : 0);
}

static void a_truncation_can_be_lost_while_what_was_written_after_it_is_there(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");
	unsigned seen;

	assert_int_equal(file_fill(file, 'a', 0, 3000), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
	assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_OK);
	assert_int_equal(file_fill(file, 'b', 0, 500), SQLITE_OK);
	file_close(file);
	seen = crashes(m, DISK_SOME, look_at_cut);
	assert_true((seen & 1u << 1) != 0 && (seen & 1u << 5) != 0); /* the old file; the old one, written over */
	assert_true((seen & 1u << 0) != 0 && (seen & 1u << 6) != 0); /* nothing; what it should be */
	assert_true((seen & 1u << 2) != 0); /* the length without the bytes */
	assert_int_equal(crashes(m, DISK_SYNCED, look_at_cut), 1u << 1);
	assert_int_equal(crashes(m, DISK_KILL, look_at_cut), 1u << 6);
}

static void a_journal_lasts_from_its_first_sync_and_its_deletion_from_the_folders(void **state)
{
	struct probe *m = *state;
	sqlite3_vfs *vfs = sqlite3_vfs_find(disk_vfs(m->disk));
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL;
	sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);

	assert_non_null(file);
	for (int synced = 0; synced < 2; synced++) {
		assert_int_equal(vfs->xOpen(vfs, "a.db-journal", file, flags, NULL), SQLITE_OK);
		assert_int_equal(file_fill(file, 'j', 0, 100), SQLITE_OK);
		if (synced)
			assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
		assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
		(void)disk_crash(m->disk, DISK_SYNCED, NULL, NULL);
		assert_int_equal(probe_has(m, "a.db-journal"), synced);
	}
	for (int synced = 0; synced < 2; synced++) {
		assert_int_equal(vfs->xDelete(vfs, "a.db-journal", synced), SQLITE_OK);
		assert_false(probe_has(m, "a.db-journal"));
		(void)disk_crash(m->disk, DISK_SYNCED, NULL, NULL);
		assert_int_equal(probe_has(m, "a.db-journal"), !synced);
	}
	assert_int_equal(vfs->xDelete(vfs, "a.db-journal", 0), SQLITE_IOERR_DELETE_NOENT);
	free(file);
}

/* --- images, and the rest -------------------------------------------------------------------- */

static void an_image_brings_back_the_exact_state_unsynced_writes_included(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
	struct disk_usage before, after;
	struct disk_image *image;

	probe_tables(db);
	assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint"), SQLITE_OK);
	assert_int_equal(probe_step(db), SQLITE_OK);
	image = disk_image_take(m->disk);
	disk_usage(m->disk, &before);
	assert_true(before.unsynced > 0);
	assert_int_equal(probe_step(db), SQLITE_OK);
	assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		disk_image_put(m->disk, image);
		disk_usage(m->disk, &after);
		assert_int_equal(after.bytes, before.bytes);
		assert_int_equal(after.unsynced, before.unsynced);
		assert_int_equal(probe_left(m), 1);
		disk_image_put(m->disk, image);
		assert_int_equal(disk_crash(m->disk, DISK_SYNCED, NULL, NULL), before.unsynced);
		assert_int_equal(probe_left(m), 0);
	}
	disk_image_free(image);
	disk_image_free(NULL);
}

static void bytes_put_are_there_as_if_always(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 100), SQLITE_OK);
	disk_put(m->disk, "f", 50, "xyz", 3);
	assert_int_equal(file_fill(file, 'b', 51, 1), SQLITE_OK);
	disk_put(m->disk, "g", 0, "new", 3);
	file_close(file);
	assert_int_equal(byte_at(m, "f", 50), 'x');
	assert_int_equal(byte_at(m, "f", 51), 'b');
	assert_int_equal(byte_at(m, "f", 49), 'a');
	(void)disk_crash(m->disk, DISK_SYNCED, NULL, NULL);
	assert_int_equal(byte_at(m, "f", 49), 0);
	assert_int_equal(byte_at(m, "f", 50), 'x');
	assert_int_equal(byte_at(m, "f", 51), 'y');
	assert_int_equal(byte_at(m, "f", 53), '!');
	assert_int_equal(byte_at(m, "g", 2), 'w');
}

static void a_call_that_fails_has_an_error_of_its_own(void **state)
{
	struct probe *m = *state;
	sqlite3_vfs *vfs = sqlite3_vfs_find(disk_vfs(m->disk));
	sqlite3_file *file = file_open(m, "f");
	const sqlite3_io_methods *io = file->pMethods;
	sqlite3_int64 size;
	char bytes[20] = "unread, all of them";
	int flag;

	assert_int_equal(file_fill(file, 'a', 0, 10), SQLITE_OK);
	probe_from_now(m, DISK_FAIL, PROBE_ANY, 0, SIZE_MAX);
	assert_int_equal(io->xRead(file, bytes, 20, 0), SQLITE_IOERR_READ);
	assert_int_equal(io->xWrite(file, bytes, 20, 0), SQLITE_IOERR_WRITE);
	assert_int_equal(io->xTruncate(file, 0), SQLITE_IOERR_TRUNCATE);
	assert_int_equal(io->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
	assert_int_equal(io->xFileSize(file, &size), SQLITE_IOERR_FSTAT);
	assert_int_equal(io->xLock(file, SQLITE_LOCK_SHARED), SQLITE_IOERR_LOCK);
	assert_int_equal(io->xShmLock(file, 0, 1, SQLITE_SHM_LOCK | SQLITE_SHM_SHARED), SQLITE_IOERR_SHMLOCK);
	assert_int_equal(vfs->xDelete(vfs, "f", 0), SQLITE_IOERR_DELETE);
	assert_int_equal(vfs->xAccess(vfs, "f", SQLITE_ACCESS_EXISTS, &flag), SQLITE_IOERR_ACCESS);
	assert_null(probe_open(m, "g"));
	probe_from_now(m, DISK_GO_ON, PROBE_ANY, 0, 0);
	assert_int_equal(byte_at(m, "f", 9), 'a');
	/* What is read beyond the end is zeros. */
	assert_int_equal(io->xRead(file, bytes, 20, 0), SQLITE_IOERR_SHORT_READ);
	assert_memory_equal(bytes, "aaaaaaaaaa\0\0\0\0\0\0\0\0\0\0", 20);
	file_close(file);
}

static void half_a_write_stays_where_one_fails_half_way(void **state)
{
	struct probe *m = *state;
	sqlite3_file *file = file_open(m, "f");

	assert_int_equal(file_fill(file, 'a', 0, 100), SQLITE_OK);
	probe_from_now(m, DISK_FAIL_HALF, DISK_WRITE, 0, 1);
	assert_int_equal(file_fill(file, 'b', 0, 100), SQLITE_IOERR_WRITE);
	assert_int_equal(byte_at(m, "f", 49), 'b');
	assert_int_equal(byte_at(m, "f", 50), 'a');
	file_close(file);
}

static void sqlite_asks_its_machine_for_time_and_random_bytes(void **state)
{
	struct probe *m = *state;
	sqlite3 *db = probe_ready(m, PROBE_WAL);
	uint8_t first[16], again[16];

	m->now_ms = INT64_C(86400000) * 365;
	assert_int_equal(probe_number(db, "SELECT strftime('%s','now')"), 86400 * 365);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		struct disk *disk = disk_open("same", NULL);

		disk_make_default(disk);
		sqlite3_randomness(sizeof first, i == 0 ? first : again);
		disk_close(disk);
	}
	assert_memory_equal(first, again, sizeof first);
	sqlite3_randomness(0, NULL);
}

static void every_sort_of_call_comes_to_the_hook(void **state)
{
	struct probe *m = *state;
	struct disk_usage usage;

	for (int i = 0; i < 2; i++) {
		sqlite3 *db = probe_ready(m, i == 0 ? "PRAGMA journal_mode=DELETE" : PROBE_WAL);

		if (i == 0)
			probe_tables(db);
		assert_int_equal(probe_step(db), SQLITE_OK);
		assert_int_equal(probe_run(db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
	}
	disk_usage(m->disk, &usage);
	for (enum disk_call call = DISK_OPEN; call < DISK_CALL_COUNT; call++) {
		assert_true(m->seen[call] > 0);
		assert_int_equal(m->seen[call], usage.calls[call]);
	}
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, probe_set_up, probe_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_lying_sync_loses_the_commit),
		ROW(a_failed_sync_is_reported_and_the_commit_is_not_there_after_opening_again),
		ROW(a_later_sync_does_not_cover_what_a_failed_one_should_have),
		ROW(what_a_killed_process_wrote_is_still_lost_by_a_later_power_cut),
		ROW(writes_since_the_sync_are_there_or_not_in_any_order),
		ROW(a_torn_write_is_torn_at_sectors),
		ROW(a_crash_tells_how_many_bytes_are_lost),
		ROW(a_truncation_can_be_lost_while_what_was_written_after_it_is_there),
		ROW(a_journal_lasts_from_its_first_sync_and_its_deletion_from_the_folders),
		ROW(an_image_brings_back_the_exact_state_unsynced_writes_included),
		ROW(bytes_put_are_there_as_if_always),
		ROW(a_call_that_fails_has_an_error_of_its_own),
		ROW(half_a_write_stays_where_one_fails_half_way),
		ROW(sqlite_asks_its_machine_for_time_and_random_bytes),
		ROW(every_sort_of_call_comes_to_the_hook),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
