#include "client/tablet.h"

#include <stdlib.h>
#include <string.h>

#include "client/clocks.h"
#include "common/settings.h"

#define HOME_DEFAULT ".local/share/doorstep"

enum status tablet_home(char out[FILES_PATH_MAX], const char *home, struct failure *why)
{
	const char *chosen = home != NULL ? home : getenv("DOORSTEP_HOME");
	const char *user = getenv("HOME");
	enum status st;

	if (chosen != NULL && chosen[0] != '\0')
		st = strlen(chosen) < FILES_PATH_MAX ? ST_OK : ST_LIMIT;
	else if (user != NULL && user[0] != '\0')
		st = files_path(out, user, HOME_DEFAULT);
	else
		return failure_set(why, ST_NOT_FOUND, "It is not clear where this tablet's folder is.",
				   "Nothing was changed.", "Name it with --home, or set DOORSTEP_HOME.");
	if (st != ST_OK)
		return failure_set(why, st, "The name of this tablet's folder is too long.", NULL, NULL);
	if (chosen != NULL && chosen[0] != '\0')
		memcpy(out, chosen, strlen(chosen) + 1);
	return ST_OK;
}

static enum status not_enrolled(struct failure *why)
{
	return failure_set(why, ST_NOT_FOUND, "This tablet is not known to a centre yet.", "Nothing was changed.",
			   "Ask a supervisor for a code, then run `doorstep enrol URL`.");
}

static enum status find_paths(struct doorstep *d, const char *home, struct failure *why)
{
	enum status st = tablet_home(d->home, home, why);

	if (st == ST_OK && files_path(d->path, d->home, "replica.db") != ST_OK)
		st = failure_set(why, ST_LIMIT, "The name of this tablet's folder is too long.", NULL, NULL);
	return st;
}

static enum status open_world(struct doorstep *d, struct failure *why)
{
	const enum status st = env_posix_init(&d->posix, &d->env);

	if (st != ST_OK)
		return failure_set(why, st, "The system gives no random numbers.", NULL, NULL);
	d->posix.level_max = LOG_WARNING;
	schema_init(&d->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return ST_OK;
}

static enum status open_replica(struct doorstep *d, struct failure *why)
{
	enum status st;

	if (!files_exist(d->path))
		return not_enrolled(why);
	st = open_world(d, why);
	if (st != ST_OK)
		return st;
	st = replica_open(&d->replica, d->path, &d->schema, &d->env, false, why);
	if (st == ST_OK && d->replica.identity.device == 0)
		st = not_enrolled(why);
	/* A clock that was set is no reason not to open: where it can't be noted now, the next sync finds it. */
	if (st == ST_OK && clocks_look_alone(&d->replica) != ST_OK)
		env_log(&d->env, LOG_INFO, "tablet", "clock not looked at", "%s", "");
	return st;
}

enum status tablet_open(struct doorstep **out, const char *home, struct failure *why)
{
	struct doorstep *d = calloc(1, sizeof *d);
	enum status st;

	if (d == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	st = find_paths(d, home, why);
	if (st == ST_OK)
		st = open_replica(d, why);
	if (st != ST_OK) {
		doorstep_close(d);
		return st;
	}
	*out = d;
	return ST_OK;
}

enum status tablet_mend(struct doorstep *d, struct failure *why)
{
	if (d->replica.db.handle != NULL && !d->replica.db.failed)
		return ST_OK;
	replica_close(&d->replica);
	return replica_open(&d->replica, d->path, &d->schema, &d->env, false, why);
}

void doorstep_close(struct doorstep *d)
{
	if (d == NULL)
		return;
	replica_close(&d->replica);
	free(d);
}

/* --- towards the centre ----------------------------------------------------------- */

static const struct setting_row SETTINGS[] = {
	{ "connect", SETTING_NUMBER, "seconds", 1, 600, "30", "Give up a connection that does not stand after this." },
	{ "stall", SETTING_NUMBER, "seconds", 1, 3600, "60", "Give up an exchange in which nothing has moved for this long." },
	{ "poll", SETTING_NUMBER, "seconds", 1, 86400, "300", "While `doorstep run` works: ask for news this often." },
	{ "rest", SETTING_NUMBER, "seconds", 0, 3600, "30", "While `doorstep run` works: leave a record alone this long after its last edit." },
	{ .name = NULL },
};

enum status tablet_options(struct doorstep *d, struct agent_options *out, struct failure *why)
{
	struct settings *settings = calloc(1, sizeof *settings);
	char path[FILES_PATH_MAX];
	enum status st = settings == NULL ? ST_NOMEM : files_path(path, d->home, "doorstep.conf");

	if (st != ST_OK)
		(void)failure_set(why, st, NULL, NULL, NULL);
	else
		st = settings_load(settings, SETTINGS, path, why);
	if (st == ST_OK)
		*out = (struct agent_options){
			.home = d->home,
			.env = &d->env,
			.schema = &d->schema,
			.replica = &d->replica,
			.limits = { .connect_ms = 1000 * settings_number(settings, "connect"),
				    .stall_s = settings_number(settings, "stall") },
			.poll_ms = 1000 * settings_number(settings, "poll"),
			.rest_ms = 1000 * settings_number(settings, "rest"),
		};
	free(settings);
	return st;
}

enum status tablet_enrol(const char *home, const char *url, const char *code, struct replica_identity *owner_out,
			 struct failure *why)
{
	struct doorstep *d = calloc(1, sizeof *d);
	enum status st;

	if (d == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	st = find_paths(d, home, why);
	if (st == ST_OK)
		st = open_world(d, why);
	if (st == ST_OK) {
		struct agent_options options = { 0 };

		st = tablet_options(d, &options, why);
		if (st == ST_OK)
			st = agent_enrol(&options, url, code, owner_out, why);
	}
	free(d);
	return st;
}

enum status tablet_sync(struct doorstep *d, struct agent_report *report, struct failure *why)
{
	const struct sync_options everything = { .rest_ms = 0 };
	struct agent_options options = { 0 };
	struct agent *agent = NULL;
	enum status st = tablet_options(d, &options, why);

	if (st == ST_OK)
		st = agent_open(&agent, &options, why);
	if (st == ST_OK)
		st = agent_sync(agent, &everything, report, why);
	agent_close(agent);
	return st;
}

/* --- failures --------------------------------------------------------------------- */

static int code_of(enum status status)
{
	static const int codes[ST_COUNT] = {
		[ST_OK] = DOORSTEP_OK,
		[ST_NOMEM] = DOORSTEP_MEMORY,
		[ST_IO] = DOORSTEP_DISK,
		[ST_FULL] = DOORSTEP_DISK,
		[ST_READONLY] = DOORSTEP_DISK,
		[ST_BUSY] = DOORSTEP_BUSY,
		[ST_CORRUPT] = DOORSTEP_DAMAGED,
		[ST_PROTOCOL] = DOORSTEP_DAMAGED,
		[ST_LIMIT] = DOORSTEP_INVALID,
		[ST_UNKNOWN] = DOORSTEP_NOT_FOUND,
		[ST_INVALID] = DOORSTEP_INVALID,
		[ST_NOT_FOUND] = DOORSTEP_NOT_FOUND,
		[ST_EXISTS] = DOORSTEP_REFUSED,
		[ST_REFUSED] = DOORSTEP_REFUSED,
		[ST_FORGED] = DOORSTEP_IDENTITY,
		[ST_STALE] = DOORSTEP_UNREACHABLE,
		[ST_STEP_BACK] = DOORSTEP_REFUSED,
		[ST_UNREACHABLE] = DOORSTEP_UNREACHABLE,
		[ST_TLS] = DOORSTEP_IDENTITY,
		[ST_LATER] = DOORSTEP_UNREACHABLE,
		[ST_USAGE] = DOORSTEP_INVALID,
	};

	return codes[status];
}

int tablet_error(struct doorstep_error *error, const struct failure *why)
{
	const int code = code_of(why->status);

	_Static_assert(sizeof error->what == sizeof why->what && sizeof error->safe == sizeof why->safe &&
			       sizeof error->next == sizeof why->next,
		       "both hold the same texts");
	if (error == NULL)
		return code;
	error->code = code;
	memcpy(error->what, why->what, sizeof error->what);
	memcpy(error->safe, why->safe, sizeof error->safe);
	memcpy(error->next, why->next, sizeof error->next);
	return code;
}
