/* vfs_count.h - SQLite's default VFS with a count of fsyncs, for tests. */
#ifndef TESTS_SUPPORT_VFS_COUNT_H
#define TESTS_SUPPORT_VFS_COUNT_H

#include <sqlite3.h>
#include <stdint.h>

struct vfs_count {
	sqlite3_vfs vfs; /* registered as "count" */
	sqlite3_vfs *real;
	uint64_t syncs;  /* of any file: database, journal, WAL, directory apart */
};

void vfs_count_open(struct vfs_count *count); /* registers; the caller's, until vfs_count_close */
void vfs_count_close(struct vfs_count *count);

#endif
