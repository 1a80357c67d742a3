#include "tests/sim/disk_inside.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* --- locks of the database -------------------------------------------------------------- */

/* The strongest that another connection holds. */
static int others_lock(const struct handle *self)
{
	int lock = SQLITE_LOCK_NONE;

	for (const struct handle *h = self->node->handles; h != NULL; h = h->next)
		if (h != self && h->lock > lock)
			lock = h->lock;
	return lock;
}

int disk_file_lock(sqlite3_file *file, int level)
{
	struct handle *h = disk_handle(file);
	enum disk_verdict verdict;
	int others;

	if (h->lock >= level)
		return SQLITE_OK;
	verdict = disk_ask(h->disk, DISK_LOCK, h->role);
	if (verdict == DISK_FAIL || verdict == DISK_DIE)
		return disk_fail(h->disk, SQLITE_IOERR_LOCK, EIO);
	others = others_lock(h);
	if (verdict == DISK_BUSY || others >= (level == SQLITE_LOCK_SHARED ? SQLITE_LOCK_PENDING : SQLITE_LOCK_RESERVED))
		return SQLITE_BUSY;
	if (level == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED) {
		/* It keeps new readers out while it waits for the last to leave. */
		h->lock = SQLITE_LOCK_PENDING;
		return SQLITE_BUSY;
	}
	h->lock = level;
	return SQLITE_OK;
}

int disk_file_unlock(sqlite3_file *file, int level)
{
	struct handle *h = disk_handle(file);

	if (h->lock > level)
		h->lock = level;
	return SQLITE_OK;
}

int disk_file_reserved(sqlite3_file *file, int *out)
{
	const struct handle *h = disk_handle(file);

	if (!disk_passes(h->disk, DISK_LOCK, h->role))
		return SQLITE_IOERR_CHECKRESERVEDLOCK;
	*out = h->lock >= SQLITE_LOCK_RESERVED || others_lock(h) >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

/* --- shared memory ---------------------------------------------------------------------- */

/* No name is kept of a node: the WAL's follows from the database's. */
static bool wal_is_there(const struct handle *h)
{
	char path[DISK_PATH_MAX + 1];

	for (size_t i = 0; i < h->disk->name_count; i++) {
		const struct name *name = &h->disk->names[i];

		if (name->now != h->node)
			continue;
		sqlite3_snprintf((int)sizeof path, path, "%s-wal", name->path);
		return disk_name(h->disk, path) != NULL;
	}
	return false;
}

/* On a disk that can't be written the memory is made by nobody: a reader that finds a WAL goes on with an index of its
 * own, and reads on that way, also once the disk can be written, until it has closed. */
static int map_read_only(struct handle *h, size_t region, void volatile **out)
{
	if (region < h->node->region_count) {
		h->mapped = true;
		*out = h->node->regions[region];
		return SQLITE_READONLY;
	}
	if (h->node->region_count > 0)
		return SQLITE_READONLY;
	if (wal_is_there(h))
		return SQLITE_READONLY_CANTINIT;
	h->map_read_only = false;
	return disk_fail(h->disk, SQLITE_CANTOPEN, EROFS);
}

int disk_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	struct handle *h = disk_handle(file);
	struct node *node = h->node;

	assert(region >= 0 && region < DISK_REGIONS_MAX && size > 0);
	*out = NULL;
	if (!disk_passes(h->disk, DISK_SHM, h->role))
		return SQLITE_IOERR_SHMMAP;
	if (!h->mapped && !h->map_read_only)
		h->map_read_only = h->disk->read_only;
	if (h->map_read_only)
		return map_read_only(h, (size_t)region, out);
	h->mapped = true;
	while (extend && node->region_count <= (size_t)region) {
		uint8_t *memory = disk_memory(NULL, (size_t)size);

		memset(memory, 0, (size_t)size);
		node->regions[node->region_count++] = memory;
	}
	if ((size_t)region < node->region_count)
		*out = node->regions[region];
	return SQLITE_OK;
}

/* Do others hold one of the slots, so that it can't be had? */
static bool slots_taken(const struct handle *self, unsigned slots, bool exclusive)
{
	for (const struct handle *h = self->node->handles; h != NULL; h = h->next)
		if (h != self && ((h->exclusive | (exclusive ? h->shared : 0)) & slots) != 0)
			return true;
	return false;
}

int disk_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	struct handle *h = disk_handle(file);
	unsigned slots = ((1u << count) - 1) << offset;
	bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
	enum disk_verdict verdict;

	assert(offset >= 0 && count >= 1 && offset + count <= SQLITE_SHM_NLOCK);
	if ((flags & SQLITE_SHM_UNLOCK) != 0) {
		h->shared &= ~slots;
		h->exclusive &= ~slots;
		return SQLITE_OK;
	}
	verdict = disk_ask(h->disk, DISK_SHM, h->role);
	if (verdict == DISK_FAIL || verdict == DISK_DIE)
		return disk_fail(h->disk, SQLITE_IOERR_SHMLOCK, EIO);
	if (verdict == DISK_BUSY || (exclusive && h->map_read_only) || slots_taken(h, slots, exclusive))
		return SQLITE_BUSY;
	if (exclusive)
		h->exclusive |= slots;
	else
		h->shared |= slots;
	return SQLITE_OK;
}

void disk_shm_barrier(sqlite3_file *file)
{
	(void)file;
}

int disk_shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = disk_handle(file);

	(void)delete;
	h->mapped = false;
	h->map_read_only = false;
	h->shared = h->exclusive = 0;
	for (const struct handle *other = h->node->handles; other != NULL; other = other->next)
		if (other->mapped)
			return SQLITE_OK;
	disk_regions_free(h->node);
	return SQLITE_OK;
}
