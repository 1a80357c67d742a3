/* tablet.h - the tablet's folder, opened: what stands behind a struct doorstep, for
 * the public calls (doorstep.c) and the command line. Shell: environment variables,
 * the real clock, the disk.
 *
 *   HOME/replica.db     the replica (replica.h)
 *   HOME/keys/          the tablet's seed and the centre's CA (keys.h)
 *   HOME/doorstep.conf  settings
 *   HOME/lock, run.lock held by whoever syncs (agent.h)
 *   HOME/bundles/       sealed copies of what could not be sent
 *
 * One struct doorstep is one connection, used by one thread at a time.
 */
#ifndef CLIENT_TABLET_H
#define CLIENT_TABLET_H

#include "client/agent.h"
#include "client/doorstep.h"
#include "client/replica.h"
#include "common/env_posix.h"
#include "common/files.h"

struct doorstep {
	char home[FILES_PATH_MAX], path[FILES_PATH_MAX]; /* the folder, its replica.db */
	struct env_posix posix; /* level_max: LOG_WARNING until somebody wants more */
	struct env env;
	struct schema schema;
	struct replica replica;
};

/* The folder: as given, else DOORSTEP_HOME, else ~/.local/share/doorstep. */
enum status tablet_home(char out[FILES_PATH_MAX], const char *home, struct failure *why) MUST_CHECK;

/* Open the replica of a tablet that its centre knows. ST_NOT_FOUND: not enrolled.
 * Close with doorstep_close. */
enum status tablet_open(struct doorstep **out, const char *home, struct failure *why) MUST_CHECK;

/* After a failed fsync the replica is closed and opened anew. Else ST_OK and nothing is done. While it can't be opened
 * nothing but this and doorstep_close may be called. */
enum status tablet_mend(struct doorstep *d, struct failure *why) MUST_CHECK;

/* What the folder's doorstep.conf says to the agent (settings.h; absent: defaults). The options point into d. */
enum status tablet_options(struct doorstep *d, struct agent_options *out, struct failure *why) MUST_CHECK;

/* agent_enrol and agent_sync (everything, now) for this folder; owner_out may be NULL. */
enum status tablet_enrol(const char *home, const char *url, const char *code, struct replica_identity *owner_out,
			 struct failure *why) MUST_CHECK;
enum status tablet_sync(struct doorstep *d, struct agent_report *report, struct failure *why) MUST_CHECK;

/* A failure as the public header has it; error may be NULL. Returns its code. */
int tablet_error(struct doorstep_error *error, const struct failure *why);

#endif
