#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_STEP_MS 20
#define BYTES_PER_MB 1048576

static enum status status_of_errno(int code)
{
	if (code == ENOSPC || code == EDQUOT)
		return ST_FULL;
	if (code == EROFS || code == EACCES || code == EPERM)
		return ST_READONLY;
	if (code == ENOENT || code == ENOTDIR)
		return ST_NOT_FOUND;
	return code == ENOMEM ? ST_NOMEM : ST_IO;
}

enum status files_path(char out[FILES_PATH_MAX], const char *folder, const char *name)
{
	const int len = snprintf(out, FILES_PATH_MAX, "%s/%s", folder, name);

	return len > 0 && len < FILES_PATH_MAX ? ST_OK : ST_LIMIT;
}

enum status files_make_folder(const char *path)
{
	char part[FILES_PATH_MAX];
	const size_t len = strlen(path);

	if (len == 0 || len >= sizeof part)
		return ST_LIMIT;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return status_of_errno(errno);
		part[i] = path[i];
	}
	return ST_OK;
}

bool files_exist(const char *path)
{
	return access(path, F_OK) == 0;
}

static enum status read_fd(int fd, size_t len_max, char **out, size_t *len_out)
{
	char *data = malloc(len_max + 2);
	size_t len = 0;

	if (data == NULL)
		return ST_NOMEM;
	while (len <= len_max) {
		const ssize_t got = read(fd, data + len, len_max + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(data);
			return ST_IO;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len > len_max) {
		free(data);
		return ST_LIMIT;
	}
	data[len] = '\0';
	*out = data;
	*len_out = len;
	return ST_OK;
}

enum status files_read(const char *path, size_t len_max, char **out, size_t *len_out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = read_fd(fd, len_max, out, len_out);
	close(fd);
	return st;
}

static enum status write_fd(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t put = write(fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return status_of_errno(errno);
		data += put;
		len -= (size_t)put;
	}
	return fsync(fd) == 0 ? ST_OK : status_of_errno(errno);
}

/* A rename is durable when the folder is. */
static enum status sync_folder_of(const char *path)
{
	char folder[FILES_PATH_MAX];
	const char *slash = strrchr(path, '/');
	const size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
	enum status st = ST_OK;
	int fd;

	memcpy(folder, slash == NULL ? "." : path, len);
	folder[len] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return status_of_errno(errno);
	if (fsync(fd) != 0)
		st = status_of_errno(errno);
	close(fd);
	return st;
}

enum status files_write(const char *path, const void *data, size_t len, bool secret)
{
	char temporary[FILES_PATH_MAX];
	const int path_len = snprintf(temporary, sizeof temporary, "%s.new", path);
	enum status st;
	int fd;

	if (path_len < 0 || path_len >= (int)sizeof temporary)
		return ST_LIMIT;
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
	if (fd < 0)
		return status_of_errno(errno);
	st = write_fd(fd, data, len);
	if (close(fd) != 0 && st == ST_OK)
		st = status_of_errno(errno);
	if (st == ST_OK && rename(temporary, path) != 0)
		st = status_of_errno(errno);
	if (st != ST_OK) {
		unlink(temporary);
		return st;
	}
	return sync_folder_of(path);
}

enum status files_remove(const char *path)
{
	return unlink(path) == 0 || errno == ENOENT ? ST_OK : status_of_errno(errno);
}

enum status files_rename(const char *from, const char *to)
{
	return rename(from, to) == 0 ? sync_folder_of(to) : status_of_errno(errno);
}

enum status files_lock(const char *path, int wait_ms, int *fd_out)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return status_of_errno(errno);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const bool again = errno == EWOULDBLOCK || errno == EINTR;

		if (!again || wait_ms <= 0) {
			close(fd);
			return again ? ST_BUSY : ST_IO;
		}
		poll(NULL, 0, LOCK_STEP_MS);
		wait_ms -= LOCK_STEP_MS;
	}
	*fd_out = fd;
	return ST_OK;
}

uint64_t files_free_mb(const char *path)
{
	struct statvfs vfs;

	if (statvfs(path, &vfs) != 0)
		return 0;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize / BYTES_PER_MB;
}
