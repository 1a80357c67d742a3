/* disk.h - the disk of one simulated machine: files in memory, reached by SQLite through a
 * VFS of their own, that remember what was synced and what was not.
 *
 * A file holds two things: what a reader sees (all writes so far), and what would be there after a
 * power cut (writes up to its last sync). Between them stands the list of writes and truncations
 * since, in order. disk_crash makes one of the models of RELIABILITY.md section 2 true:
 *
 *   DISK_KILL    the process was killed: all that was written is there, and what wasn't synced still isn't
 *   DISK_SYNCED  power loss, and the cache was lost whole: only what was synced
 *   DISK_SOME    power loss: each write and truncation since the sync is there or not, by chance, in any order; a
 *                lost one that made the file longer may leave the length behind, with rubbish in it
 *   DISK_TORN    the same for each 512-byte sector of each write
 *
 * A sync that fails gives up what it should have covered, as Linux does: readers see it until the last of
 * them closes the file, and no later sync makes it lasting. Whoever tries the sync again and goes on has lost it;
 * whoever closes and opens again reads what the disk really has.
 *
 * A new file and a deletion are lasting once the file (the folder) was synced, as SQLite's own VFS
 * syncs the folder with a journal's or WAL's first sync; the database file itself lasts from its
 * making. All files lie in one folder. A temporary file without a name is never kept. Shared memory (the
 * WAL's index) belongs to the processes that run: it is gone after any crash.
 *
 * Sectors have 512 bytes, and a write never spoils bytes beside its own (SQLITE_IOCAP_POWERSAFE_OVERWRITE), as
 * SQLite's own VFS takes for granted and modern disks hold. Without it SQLite fills each commit in the WAL up to a
 * sector's end with a copy of its last frame, whose end no sync of that commit covers.
 *
 * Every call of the VFS that touches a file comes to the owner's hook first, which may let it
 * pass, fail it, or end the machine: from then on every call fails and changes nothing, so that the
 * code above unwinds by its own error paths (closing works, so that nothing leaks). The hook counts
 * and chooses; this file only obeys.
 *
 * One thread. Several connections of one machine work as in one process: locks between
 * them are real.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_model { DISK_KILL, DISK_SYNCED, DISK_SOME, DISK_TORN, DISK_MODEL_COUNT };

enum disk_call {
	DISK_OPEN, DISK_READ, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_DELETE,
	DISK_SIZE, /* and whether there is such a file */
	DISK_LOCK, /* unlocking always works, and is not asked about; the same for DISK_SHM */
	DISK_SHM,  /* a lock of the WAL's index, or a part of it mapped */
	DISK_CALL_COUNT
};

enum disk_file_role { DISK_DATABASE, DISK_WAL, DISK_JOURNAL, DISK_OTHER };

/* What the hook wants done with the call. What doesn't fit the call lets it pass. */
enum disk_verdict {
	DISK_GO_ON,
	DISK_FAIL,      /* an I/O error of that call (SQLITE_IOERR_READ, …; SQLITE_CANTOPEN); nothing is changed */
	DISK_FAIL_HALF, /* writes only: the first half of the bytes is written, then the error */
	DISK_REFUSE_FULL, /* writes, truncations that grow: SQLITE_FULL, errno ENOSPC; nothing is changed */
	DISK_LIE,       /* syncs only: it says it did, and did not */
	DISK_BUSY,      /* locks only, of the database or of the WAL's index: SQLITE_BUSY */
	DISK_DIE        /* the machine ends before the call: disk_is_dead from now on */
};

typedef enum disk_verdict disk_hook(void *ctx, enum disk_call call, enum disk_file_role role);

struct disk;

/* What the VFS asks of the machine. All may be NULL: no hook, time 0, bytes that follow from the disk's name. */
struct disk_owner {
	disk_hook *hook;
	int64_t (*wall_ms)(void *ctx);
	void (*random)(void *ctx, void *out, size_t len);
	void (*slept)(void *ctx, int64_t ms); /* SQLite waited for a lock: nothing moves in the meantime */
	void *ctx;
};

/* Registers a VFS of this name, which lives until disk_close; not the default. Memory that lacks is asserted. */
struct disk *disk_open(const char *name, const struct disk_owner *owner);
void disk_close(struct disk *disk); /* every connection is closed before; NULL is fine */
const char *disk_vfs(const struct disk *disk);

/* Make this VFS SQLite's default, whose random bytes SQLite's own generator starts from. */
void disk_make_default(struct disk *disk);

/* End the machine from outside, as DISK_DIE does. */
void disk_kill(struct disk *disk);
bool disk_is_dead(const struct disk *disk);

/* After every connection was closed: what stays of the files, by the model; the machine may
 * start again. random: where chance decides (below: 0 … below - 1). Returns how many bytes that had been written
 * are lost (0 for DISK_KILL). */
typedef uint64_t disk_random(void *ctx, uint64_t below);
size_t disk_crash(struct disk *disk, enum disk_model model, disk_random *random, void *ctx);

/* All files as they are, unsynced writes included; and back to that (every connection closed). */
struct disk_image;
struct disk_image *disk_image_take(const struct disk *disk);
void disk_image_put(struct disk *disk, const struct disk_image *image); /* the image stays the caller's */
void disk_image_free(struct disk_image *image); /* NULL is fine */

/* --- to look at, and to meddle with ----------------------------------------------------- */

struct disk_usage {
	size_t files, open_files, shm_regions;
	size_t bytes;       /* of all files, as read */
	size_t unsynced;    /* bytes written since the last sync of each */
	uint64_t calls[DISK_CALL_COUNT]; /* that came to the hook, passed or not */
};
void disk_usage(const struct disk *disk, struct disk_usage *out);

/* A file's bytes as read; *len_out 0 and NULL where there is none. Valid until the next call that writes. */
const uint8_t *disk_read(const struct disk *disk, const char *path, size_t *len_out);
/* Put bytes into a file as if they had always been there (a flipped bit, another's WAL); it grows where it
 * must. The file is made where there is none. */
void disk_put(struct disk *disk, const char *path, size_t at, const void *bytes, size_t len);
void disk_remove(struct disk *disk, const char *path);
/* At most so many bytes in all files together: more is SQLITE_FULL. 0 = no limit. */
void disk_limit(struct disk *disk, size_t bytes);
/* Read-only from now on: writes fail as on such a file system (SQLITE_READONLY where SQLite opens, EROFS). */
void disk_read_only(struct disk *disk, bool read_only);

#endif
