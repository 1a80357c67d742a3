/* files.h - folders, small files and locks. Shell: everything here touches the disk.
 *
 * A database file is never opened here: closing any descriptor of it would drop
 * SQLite's locks (RELIABILITY.md section 6).
 */
#ifndef COMMON_FILES_H
#define COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define FILES_PATH_MAX 1024

/* folder + "/" + name. ST_LIMIT: too long. */
enum status files_path(char out[FILES_PATH_MAX], const char *folder, const char *name) MUST_CHECK;

/* Make a folder, 0700, and those above it. An existing one is left as it is. */
enum status files_make_folder(const char *path) MUST_CHECK;
bool files_exist(const char *path);

/* A whole small file; *out is malloc'd, with a NUL after it. ST_NOT_FOUND, ST_LIMIT. */
enum status files_read(const char *path, size_t len_max, char **out, size_t *len_out) MUST_CHECK;

/* Write atomically (a new file, fsync, rename, fsync of the folder). secret: 0600,
 * else 0644. */
enum status files_write(const char *path, const void *data, size_t len, bool secret) MUST_CHECK;

enum status files_remove(const char *path) MUST_CHECK; /* absent is fine */
/* Durable: the folder is synced. */
enum status files_rename(const char *from, const char *to) MUST_CHECK;

/* Take the lock file at path, waiting up to wait_ms. *fd_out: close it to let go (so
 * does the end of the process). ST_BUSY: somebody else has it. */
enum status files_lock(const char *path, int wait_ms, int *fd_out) MUST_CHECK;

/* Free megabytes where path is; 0 where it can't be told. */
uint64_t files_free_mb(const char *path);

#endif
