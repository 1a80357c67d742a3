/* env_posix.h - the world as POSIX has it: fills a struct env for production.
 * Shell ring.
 *
 * Clocks are CLOCK_REALTIME and CLOCK_BOOTTIME, randomness is libsodium's, the log
 * is a line on standard error: `time level module event key=value`, or, where the
 * variable JOURNAL_STREAM says that systemd's journal reads it, `<N>module event
 * key=value` (the journal has its own time). May be called from any thread; each
 * line is one write.
 */
#ifndef COMMON_ENV_POSIX_H
#define COMMON_ENV_POSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"
#include "common/status.h"

/* Caller's storage, which outlives the env. */
struct env_posix {
	enum log_level level_max; /* less important lines are left out */
	bool journal;             /* lines go to systemd's journal */
	uint32_t boot;            /* this boot's number; 0 = not known */
};

/* *env_out's ctx is posix; vfs is NULL (SQLite's default) and crash_point NULL.
 * level_max is LOG_INFO until the caller sets another. ST_IO: the system gives no
 * randomness; nothing may go on. */
enum status env_posix_init(struct env_posix *posix, struct env *env_out) MUST_CHECK;

#endif
