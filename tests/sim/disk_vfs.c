#include "tests/sim/disk_inside.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define EPOCH_JULIAN_MS INT64_C(210866760000000) /* 1970 */

struct handle *disk_handle(sqlite3_file *file)
{
	return (struct handle *)(void *)file;
}

static struct disk *disk_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* --- what the owner wants -------------------------------------------------------------- */

enum disk_verdict disk_ask(struct disk *disk, enum disk_call call, enum disk_file_role role)
{
	enum disk_verdict verdict = DISK_GO_ON;

	if (disk->dead)
		return DISK_DIE;
	disk->calls[call]++;
	if (disk->owner.hook != NULL)
		verdict = disk->owner.hook(disk->owner.ctx, call, role);
	if (verdict == DISK_DIE)
		disk->dead = true;
	return disk->dead ? DISK_DIE : verdict;
}

int disk_fail(struct disk *disk, int code, int error)
{
	disk->error = error;
	return code;
}

/* For the calls that only pass or fail. */
bool disk_passes(struct disk *disk, enum disk_call call, enum disk_file_role role)
{
	enum disk_verdict verdict = disk_ask(disk, call, role);

	if (verdict != DISK_FAIL && verdict != DISK_DIE)
		return true;
	disk->error = EIO;
	return false;
}

static bool ends_in(const char *path, const char *end)
{
	size_t len = strlen(path), end_len = strlen(end);

	return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

/* Of a file that SQLite names without opening it: its journal and its WAL are the only ones. */
static enum disk_file_role role_of_path(const char *path)
{
	if (ends_in(path, "-wal"))
		return DISK_WAL;
	return ends_in(path, "-journal") ? DISK_JOURNAL : DISK_OTHER;
}

static enum disk_file_role role_of_flags(int flags)
{
	if ((flags & SQLITE_OPEN_MAIN_DB) != 0)
		return DISK_DATABASE;
	if ((flags & SQLITE_OPEN_WAL) != 0)
		return DISK_WAL;
	return (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0 ? DISK_JOURNAL : DISK_OTHER;
}

/* --- bytes ----------------------------------------------------------------------------- */

static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	const struct handle *h = disk_handle(file);
	const struct bytes *seen = &h->node->seen;
	size_t want = (size_t)len, from = (size_t)at, there;

	assert(len >= 0 && at >= 0);
	if (!disk_passes(h->disk, DISK_READ, h->role))
		return SQLITE_IOERR_READ;
	there = from < seen->len ? seen->len - from : 0;
	if (there > want)
		there = want;
	if (there > 0)
		memcpy(to, seen->data + from, there);
	if (there == want)
		return SQLITE_OK;
	memset((uint8_t *)to + there, 0, want - there);
	return SQLITE_IOERR_SHORT_READ;
}

/* May this file change, and grow to this size? SQLITE_OK, or what SQLite is told. */
static int may_change(const struct handle *h, enum disk_verdict verdict, size_t size, int code)
{
	struct disk *disk = h->disk;
	bool grows = size > h->node->seen.len;

	if (verdict == DISK_FAIL || verdict == DISK_DIE)
		return disk_fail(disk, code, EIO);
	if (h->read_only || disk->read_only)
		return disk_fail(disk, code, EROFS);
	if (verdict == DISK_REFUSE_FULL && (code == SQLITE_IOERR_WRITE || grows))
		return disk_fail(disk, SQLITE_FULL, ENOSPC);
	if (disk->limit != 0 && grows && disk_bytes(disk) + (size - h->node->seen.len) > disk->limit)
		return disk_fail(disk, SQLITE_FULL, ENOSPC);
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	const struct handle *h = disk_handle(file);
	enum disk_verdict verdict;
	int code;

	assert(len >= 0 && at >= 0);
	verdict = disk_ask(h->disk, DISK_WRITE, h->role);
	code = may_change(h, verdict, (size_t)at + (size_t)len, SQLITE_IOERR_WRITE);
	if (code != SQLITE_OK)
		return code;
	if (verdict == DISK_FAIL_HALF) {
		disk_node_write(h->node, (size_t)at, from, (size_t)len / 2);
		return disk_fail(h->disk, SQLITE_IOERR_WRITE, EIO);
	}
	disk_node_write(h->node, (size_t)at, from, (size_t)len);
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	const struct handle *h = disk_handle(file);
	enum disk_verdict verdict;
	int code;

	assert(size >= 0);
	verdict = disk_ask(h->disk, DISK_TRUNCATE, h->role);
	code = may_change(h, verdict, (size_t)size, SQLITE_IOERR_TRUNCATE);
	if (code == SQLITE_OK && (size_t)size != h->node->seen.len)
		disk_node_truncate(h->node, (size_t)size);
	return code;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct handle *h = disk_handle(file);
	enum disk_verdict verdict = disk_ask(h->disk, DISK_SYNC, h->role);

	(void)flags;
	if (verdict == DISK_DIE)
		return disk_fail(h->disk, SQLITE_IOERR_FSYNC, EIO);
	if (verdict == DISK_FAIL) {
		disk_node_give_up(h->node);
		return disk_fail(h->disk, SQLITE_IOERR_FSYNC, EIO);
	}
	if (verdict == DISK_LIE)
		return SQLITE_OK;
	disk_node_synced(h->disk, h->node);
	if (h->sync_folder)
		disk_sync_folder(h->disk);
	h->sync_folder = false;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	const struct handle *h = disk_handle(file);

	if (!disk_passes(h->disk, DISK_SIZE, h->role))
		return SQLITE_IOERR_FSTAT;
	*size = (sqlite3_int64)h->node->seen.len;
	return SQLITE_OK;
}

/* --- files ----------------------------------------------------------------------------- */

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return DISK_SECTOR;
}

static int file_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_close(sqlite3_file *file)
{
	struct handle *h = disk_handle(file), **at = &h->node->handles;

	(void)disk_shm_unmap(file, 0);
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	if (h->node->handles == NULL)
		disk_node_closed(h->disk, h->node);
	disk_node_drop(h->disk, h->node);
	return SQLITE_OK;
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate,
	.xSync = file_sync, .xFileSize = file_size, .xLock = disk_file_lock, .xUnlock = disk_file_unlock,
	.xCheckReservedLock = disk_file_reserved, .xFileControl = file_control, .xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits, .xShmMap = disk_shm_map, .xShmLock = disk_shm_lock,
	.xShmBarrier = disk_shm_barrier, .xShmUnmap = disk_shm_unmap,
};

/* --- the VFS --------------------------------------------------------------------------- */

/* The file that these flags lead to, made where they say so; NULL, with the error noted. */
static struct node *open_node(struct disk *disk, const char *path, int flags, enum disk_file_role role)
{
	const struct name *name = path != NULL ? disk_name(disk, path) : NULL;
	bool create = path == NULL || (flags & SQLITE_OPEN_CREATE) != 0;

	disk->error = 0;
	if (name != NULL && create && (flags & SQLITE_OPEN_EXCLUSIVE) != 0)
		disk->error = EEXIST;
	else if (name == NULL && !create)
		disk->error = ENOENT;
	else if (name == NULL && disk->read_only)
		disk->error = EROFS;
	if (disk->error != 0)
		return NULL;
	return name != NULL ? name->now : disk_node_new(disk, path, role == DISK_DATABASE);
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *flags_out)
{
	struct disk *disk = disk_of(vfs);
	struct handle *h = disk_handle(file);
	enum disk_file_role role = role_of_flags(flags);
	struct node *node;

	*h = (struct handle){ .disk = disk, .role = role };
	if (!disk_passes(disk, DISK_OPEN, role))
		return SQLITE_CANTOPEN;
	node = open_node(disk, path, flags, role);
	if (node == NULL)
		return SQLITE_CANTOPEN;
	h->base.pMethods = &METHODS;
	h->node = node;
	h->read_only = disk->read_only || (flags & SQLITE_OPEN_READONLY) != 0;
	h->sync_folder = (flags & SQLITE_OPEN_CREATE) != 0 && (role == DISK_WAL || role == DISK_JOURNAL);
	h->next = node->handles;
	node->handles = h;
	if (path != NULL && (flags & SQLITE_OPEN_DELETEONCLOSE) != 0)
		disk_unlink(disk, path, false);
	if (flags_out != NULL)
		*flags_out = !disk->read_only ? flags :
			(flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	struct disk *disk = disk_of(vfs);

	if (!disk_passes(disk, DISK_DELETE, role_of_path(path)))
		return SQLITE_IOERR_DELETE;
	if (disk_name(disk, path) == NULL)
		return disk_fail(disk, SQLITE_IOERR_DELETE_NOENT, ENOENT);
	if (disk->read_only)
		return disk_fail(disk, SQLITE_IOERR_DELETE, EROFS);
	disk_unlink(disk, path, false);
	if (sync_folder)
		disk_sync_folder(disk);
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	struct disk *disk = disk_of(vfs);
	const struct name *name = disk_name(disk, path);

	if (!disk_passes(disk, DISK_SIZE, role_of_path(path)))
		return SQLITE_IOERR_ACCESS;
	/* As SQLite's own: an empty file is as good as none. */
	if (flags == SQLITE_ACCESS_EXISTS)
		*out = name != NULL && name->now->seen.len > 0;
	else
		*out = name != NULL && !(flags == SQLITE_ACCESS_READWRITE && disk->read_only);
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int room, char *out)
{
	(void)vfs;
	sqlite3_snprintf(room, out, "%s", path);
	return strlen(path) < (size_t)room ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *out)
{
	struct disk *disk = disk_of(vfs);

	if (disk->owner.random != NULL)
		disk->owner.random(disk->owner.ctx, out, (size_t)len);
	for (int i = 0; disk->owner.random == NULL && i < len; i++)
		out[i] = (char)next_random(&disk->seed);
	return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	struct disk *disk = disk_of(vfs);

	if (disk->owner.slept != NULL)
		disk->owner.slept(disk->owner.ctx, (microseconds + 999) / 1000);
	return microseconds;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	struct disk *disk = disk_of(vfs);

	*out = EPOCH_JULIAN_MS + (disk->owner.wall_ms != NULL ? disk->owner.wall_ms(disk->owner.ctx) : 0);
	return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	sqlite3_int64 ms;

	(void)vfs_time_ms(vfs, &ms);
	*out = (double)ms / 86400000.0;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *out)
{
	(void)room;
	(void)out;
	return disk_of(vfs)->error;
}

void disk_vfs_register(struct disk *disk)
{
	int code;

	disk->vfs = (sqlite3_vfs){
		.iVersion = 2, .szOsFile = sizeof(struct handle), .mxPathname = DISK_PATH_MAX, .zName = disk->vfs_name,
		.pAppData = disk, .xOpen = vfs_open, .xDelete = vfs_delete, .xAccess = vfs_access,
		.xFullPathname = vfs_full_path, .xRandomness = vfs_random, .xSleep = vfs_sleep, .xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error, .xCurrentTimeInt64 = vfs_time_ms,
	};
	assert(sqlite3_vfs_find(disk->vfs_name) == NULL);
	code = sqlite3_vfs_register(&disk->vfs, 0);
	assert(code == SQLITE_OK);
}
