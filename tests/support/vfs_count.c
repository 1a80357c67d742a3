#include "tests/support/vfs_count.h"

#include <stdlib.h>

/* Each method hands on to the real file, which lies behind ours in the same memory. */
struct counted_file {
	sqlite3_file base;
	struct vfs_count *count;
	sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct counted_file *)(void *)file)->real;
}

static int file_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), to, len, at);
}

static int file_write(sqlite3_file *f, const void *from, int len, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xWrite(real_of(f), from, len, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	((struct counted_file *)(void *)f)->count->syncs++;
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_traits(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int count, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int delete)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate,
	.xSync = file_sync, .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved, .xFileControl = file_control, .xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits, .xShmMap = file_shm_map, .xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier, .xShmUnmap = file_shm_unmap,
};

/* vfs may be a copy of ours under another name: what it counts into is in pAppData. */
static int count_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
	struct counted_file *f = (struct counted_file *)(void *)file;
	int rc;

	f->count = vfs->pAppData;
	f->real = (sqlite3_file *)(void *)(f + 1);
	f->base.pMethods = NULL;
	rc = f->count->real->xOpen(f->count->real, name, f->real, flags, flags_out);
	if (f->real->pMethods != NULL)
		f->base.pMethods = &METHODS;
	return rc;
}

static int count_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	struct vfs_count *count = vfs->pAppData;

	return count->real->xDelete(count->real, name, sync_dir);
}

static int count_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct vfs_count *count = vfs->pAppData;

	return count->real->xAccess(count->real, name, flags, out);
}

static int count_full_path(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
	struct vfs_count *count = vfs->pAppData;

	return count->real->xFullPathname(count->real, name, room, out);
}

void vfs_count_open(struct vfs_count *count)
{
	count->real = sqlite3_vfs_find(NULL);
	if (count->real == NULL)
		abort();
	count->vfs = *count->real;
	count->vfs.zName = "count";
	count->vfs.pNext = NULL;
	count->vfs.pAppData = count;
	count->vfs.szOsFile = (int)sizeof(struct counted_file) + count->real->szOsFile;
	count->vfs.xOpen = count_open;
	count->vfs.xDelete = count_delete;
	count->vfs.xAccess = count_access;
	count->vfs.xFullPathname = count_full_path;
	count->syncs = 0;
	if (sqlite3_vfs_register(&count->vfs, 0) != SQLITE_OK)
		abort();
}

void vfs_count_close(struct vfs_count *count)
{
	(void)sqlite3_vfs_unregister(&count->vfs);
}
