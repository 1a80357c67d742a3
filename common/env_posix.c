#include "common/env_posix.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/crypt.h"
#include "common/files.h"
#include "common/moment.h"
#include "common/zone.h"

#define LINE_SIZE 2048
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 128

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;
	int rc = clock_gettime(clock, &now);

	assert(rc == 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t posix_wall_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_REALTIME);
}

static int64_t posix_boot_ms(void *ctx)
{
	(void)ctx;
	return clock_ms(CLOCK_BOOTTIME);
}

static uint32_t posix_boot(void *ctx)
{
	return ((const struct env_posix *)ctx)->boot;
}

static void posix_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	randombytes_buf(out, len);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARNING:
		return "warning";
	case LOG_NOTICE:
		return "notice";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	assert(false && "a level without a name");
	return "";
}

static void posix_log(void *ctx, enum log_level level, const char *module, const char *event,
		      const char *fields)
{
	const struct env_posix *posix = ctx;
	const char *space = fields[0] != '\0' ? " " : "";
	char line[LINE_SIZE], time[MOMENT_TEXT_SIZE];
	int len;

	if (level > posix->level_max)
		return;
	if (posix->journal) {
		len = snprintf(line, sizeof line, "<%d>%s %s%s%s\n", (int)level, module, event,
			       space, fields);
	} else {
		moment_format(posix_wall_ms(ctx), time);
		len = snprintf(line, sizeof line, "%s %s %s %s%s%s\n", time, level_name(level),
			       module, event, space, fields);
	}
	if (len < 0)
		return;
	if ((size_t)len >= sizeof line) {
		len = sizeof line - 1;
		line[len - 1] = '\n';
	}
	/* A log that can't be written is no reason to stop. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

/* The system's id of this boot is kept by others too, so what stands in records is a few bytes of its digest. 0: the
 * system has none. */
static uint32_t boot_number(void)
{
	char *id = NULL;
	size_t len = 0;
	struct digest digest = { { 0 } };
	uint32_t number = 0;

	if (files_read(BOOT_ID_FILE, BOOT_ID_MAX, &id, &len) == ST_OK && len > 0) {
		const struct part part = { id, len };

		digest_of(&digest, "boot", &part, 1);
		memcpy(&number, digest.bytes, sizeof number);
		number = number != 0 ? number : 1;
	}
	free(id);
	return number;
}

enum status env_posix_init(struct env_posix *posix, struct env *env_out)
{
	if (sodium_init() < 0)
		return ST_IO;
	*posix = (struct env_posix){ .level_max = LOG_INFO,
				     .journal = getenv("JOURNAL_STREAM") != NULL,
				     .boot = boot_number() };
	*env_out = (struct env){ .ctx = posix,
				 .wall_ms = posix_wall_ms,
				 .boot_ms = posix_boot_ms,
				 .boot = posix_boot,
				 .random = posix_random,
				 .log = posix_log,
				 .zone_min = zone_offset_min,
				 .zone_of_local_min = zone_offset_of_local_min };
	return ST_OK;
}
