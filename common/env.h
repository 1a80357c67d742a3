/* env.h - the one table of functions through which the store ring and the shells
 * get the world: clocks, randomness, log, crash points (DESIGN.md section 2).
 *
 * Production fills it from POSIX (common/env_posix.h), tests and the simulator
 * with made-up time. No store file may call libc's clock, randomness, file,
 * socket or thread functions. ctx is handed back to each function; the table is
 * the caller's and outlives whatever was opened with it.
 */
#ifndef COMMON_ENV_H
#define COMMON_ENV_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

struct env {
	void *ctx;
	int64_t (*wall_ms)(void *ctx); /* milliseconds UTC since 1970, may jump */
	int64_t (*boot_ms)(void *ctx); /* milliseconds since boot, sleep included, never back */
	/* A number for this boot: another one after the next. NULL, or 0: not known. */
	uint32_t (*boot)(void *ctx);
	void (*random)(void *ctx, void *out, size_t len);
	/* fields: "key=value key=value", ids and counts only, never contents,
	 * names or secrets. May be NULL. */
	void (*log)(void *ctx, enum log_level level, const char *module,
		    const char *event, const char *fields);
	/* Called at labelled places ("B13 before commit"); NULL in production. */
	void (*crash_point)(void *ctx, const char *label);
	const char *vfs; /* SQLite's VFS, NULL = its default */
	/* Time zones by their names, minutes east of UTC: at a moment, and for a time of day read
	 * as if it were UTC (common/zone.h). NULL: every zone is UTC. */
	int (*zone_min)(const char *zone, int64_t ms);
	int (*zone_of_local_min)(const char *zone, int64_t local_ms);
};

void env_log(const struct env *env, enum log_level level, const char *module,
	     const char *event, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void env_crash_point(const struct env *env, const char *label);

#endif
