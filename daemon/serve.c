#include "daemon/serve.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <poll.h>
#include <unistd.h>

#include "common/files.h"
#include "common/zone.h"
#include "daemon/https.h"
#include "daemon/renewal.h"
#include "daemon/term.h"
#include "proto/limits.h"

#define REAP_EVERY_MS 5000
#define LOCK_WAIT_MS 1000 /* a command that has written holds it for a moment */
#define NAME_SIZE 256
#define RENEW_EVERY_MS (6 * INT64_C(3600000)) /* visits that repeat are planned weeks ahead */
#define RENEW_AGAIN_MS INT64_C(600000)        /* after a failure */
#define TERMS_SOONEST_MS 20 /* between two looks */

const struct setting_row SERVE_SETTINGS[] = {
	{ "listen", SETTING_TEXT, "", 1, 200, "0.0.0.0:8443", "Address and port to listen at" },
	{ "host", SETTING_WORDS, "", 0, 1000, "", "Names and addresses by which tablets reach the centre; may be repeated" },
	{ 0 },
};

/* Planning visits that repeat, by the writer's thread. */
struct renewing {
	struct renewal renewal;
	struct writer_job job;
	struct writer_thread *writer;
	const struct env *env;
	bool more;           /* the writer's thread alone */
	atomic_llong due_ms; /* boot clock */
	atomic_bool going;
};

/* Assignments that begin or end by themselves, by the writer's thread. */
struct settling {
	struct writer_job job;
	struct writer_thread *writer;
	const struct env *env;
	atomic_llong next_ms; /* the soonest that was known at the last look; wall clock */
	atomic_bool going;
	int64_t looked_ms;    /* boot clock; the main thread alone */
};

/* All that a running centre holds; zeroed, every part can be let go. */
struct serving {
	const struct serve_options *options;
	struct settings *settings;
	struct tls_keys keys;
	struct centre centre;
	struct writer_thread writer;
	struct https *https;
	struct renewing renewing;
	struct settling settling;
	char agency[NAME_SIZE], database[FILES_PATH_MAX], running[FILES_PATH_MAX], port[FILES_PATH_MAX];
	int lock, signals;
	uint16_t listening;
	bool centre_open;
};

void serve_hosts(struct tls_hosts *hosts, char *storage, size_t room, const char *words)
{
	char *rest = storage, *word;

	*hosts = (struct tls_hosts){ 0 };
	snprintf(storage, room, "%s", words);
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != '\0' && hosts->count < TLS_HOSTS_MAX)
			hosts->names[hosts->count++] = word;
}

/* One datagram to the service manager; where there is none, nothing. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len == 0 || len >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static enum status fail_folder(struct failure *why, enum status st)
{
	if (st == ST_FULL || st == ST_READONLY)
		return failure_set(why, st, NULL, NULL, NULL);
	return failure_set(why, st, "The centre's folder can't be used.", "Nothing was changed.",
			   "Check that the folder exists (`doorstepd init` makes it) and who may write to it.");
}

/* The agency's name, and how far its clocks are from UTC now: tablets are told at enrolment. */
static enum status read_agency(struct serving *s, struct failure *why)
{
	struct store *store = s->centre.store;
	const struct env *env = s->options->env;
	struct bytes name = { 0 }, zone = { 0 };
	char zone_name[NAME_SIZE] = "UTC";
	struct arena arena;
	enum status st;

	arena_init(&arena, LIMIT_FIELD_MAX);
	st = store->ops->begin_read(store);
	if (st == ST_OK) {
		st = store->ops->meta_get(store, CENTRE_META_AGENCY, &arena, &name);
		if (st == ST_OK && store->ops->meta_get(store, CENTRE_META_ZONE, &arena, &zone) == ST_OK)
			snprintf(zone_name, sizeof zone_name, "%.*s", (int)zone.len, (const char *)zone.data);
		store->ops->rollback(store);
	}
	s->centre.zone_min = zone_offset_min(zone_name, env->wall_ms(env->ctx));
	if (st == ST_OK)
		snprintf(s->agency, sizeof s->agency, "%.*s", (int)name.len, (const char *)name.data);
	arena_close(&arena);
	return st == ST_OK ? ST_OK : fail_folder(why, st);
}

static enum status open_centre(struct serving *s, struct failure *why)
{
	const struct serve_options *o = s->options;
	struct store *store = NULL;
	enum status st = store_sqlite_open(&store, s->database, o->schema, o->env, false, why);

	if (st != ST_OK)
		return st;
	st = centre_init(&s->centre, store, s->keys.sign_seed);
	if (st != ST_OK) {
		store->ops->close(store);
		return failure_set(why, st, NULL, NULL, NULL);
	}
	s->centre_open = true;
	st = centre_start(&s->centre);
	return st == ST_OK ? read_agency(s, why) : failure_set(why, st, NULL, NULL, NULL);
}

static enum status prepare(struct serving *s, struct failure *why)
{
	const char *folder = s->options->folder;
	const struct env *env = s->options->env;
	char keys[FILES_PATH_MAX], path[FILES_PATH_MAX], storage[SETTING_SIZE];
	struct tls_hosts hosts;
	enum status st;

	if (files_path(keys, folder, "keys") != ST_OK || files_path(path, folder, "lock") != ST_OK ||
	    files_path(s->database, folder, "agency.db") != ST_OK ||
	    files_path(s->running, folder, "running") != ST_OK || files_path(s->port, folder, "port") != ST_OK)
		return fail_folder(why, ST_LIMIT);
	if (!files_exist(s->database))
		return failure_set(why, ST_NOT_FOUND, "There is no centre in this folder.", "Nothing was changed.",
				   "Make one with `doorstepd init --name AGENCY`, or name its folder with --data.");
	st = files_lock(path, LOCK_WAIT_MS, &s->lock);
	if (st == ST_BUSY)
		return failure_set(why, st, "This centre is being served already.", "It goes on as it is.",
				   "Stop the other one first if you want to start it here.");
	if (st != ST_OK)
		return fail_folder(why, st);
	if (files_path(path, folder, "doorstepd.conf") != ST_OK)
		return fail_folder(why, ST_LIMIT);
	st = settings_load(s->settings, SERVE_SETTINGS, path, why);
	if (st != ST_OK)
		return st;
	serve_hosts(&hosts, storage, sizeof storage, settings_text(s->settings, "host"));
	st = tls_renew(keys, &hosts, env->wall_ms(env->ctx), NULL, why);
	if (st == ST_OK)
		st = tls_keys_load(&s->keys, keys, why);
	return st == ST_OK ? open_centre(s, why) : st;
}

/* "127.0.0.1:8443", "[::1]:8443". */
static bool split_listen(const char *text, char address[NAME_SIZE], uint16_t *port_out)
{
	const char *colon = strrchr(text, ':');
	const char *end = colon;
	char *rest = NULL;
	unsigned long port;

	if (colon == NULL || colon == text)
		return false;
	if (*text == '[' && colon[-1] == ']') {
		text++;
		end--;
	}
	port = strtoul(colon + 1, &rest, 10);
	if (colon[1] == '\0' || *rest != '\0' || port > 65535 || (size_t)(end - text) >= NAME_SIZE)
		return false;
	memcpy(address, text, (size_t)(end - text));
	address[end - text] = '\0';
	*port_out = (uint16_t)port;
	return true;
}

static enum status listen_at(struct serving *s, struct failure *why)
{
	const struct serve_options *o = s->options;
	const char *listen = o->listen != NULL ? o->listen : settings_text(s->settings, "listen");
	char address[NAME_SIZE], text[16];
	struct https_options https = { .address = address, .database = s->database, .agency = s->agency,
				       .keys = &s->keys, .schema = o->schema, .env = o->env, .writer = &s->writer };
	enum status st;

	if (!split_listen(listen, address, &https.port))
		return failure_set(why, ST_USAGE, "The address to listen at is not understood.", "Nothing was started.",
				   "Give it as ADDRESS:PORT, for example 0.0.0.0:8443 or [::]:8443.");
	st = https_start(&s->https, &https, &s->listening, why);
	if (st != ST_OK)
		return st;
	snprintf(text, sizeof text, "%u\n", (unsigned)s->listening);
	st = files_write(s->port, text, strlen(text), false);
	if (st != ST_OK)
		return fail_folder(why, st);
	printf("Serving %s at https://%s%s%s:%u\n", s->agency, strchr(address, ':') ? "[" : "", address,
	       strchr(address, ':') ? "]" : "", (unsigned)s->listening);
	fflush(stdout);
	notify("READY=1");
	return ST_OK;
}

/* --- visits that repeat --------------------------------------------------------- */

static void renew_work(struct centre *centre, void *ctx)
{
	struct renewing *r = ctx;
	const enum status st = renewal_step(&r->renewal, centre, &r->more);

	if (st == ST_OK)
		return;
	r->more = false;
	r->due_ms = r->env->boot_ms(r->env->ctx) + RENEW_AGAIN_MS;
	env_log(r->env, LOG_WARNING, "serve", "renewal-failed", "status=%s", status_name(st));
}

/* Other jobs come between two steps. */
static void renew_done(void *ctx)
{
	struct renewing *r = ctx;

	if (r->more)
		writer_submit(r->writer, &r->job);
	else
		atomic_store(&r->going, false);
}

static void renew_if_due(struct serving *s)
{
	struct renewing *r = &s->renewing;
	const int64_t now_ms = s->options->env->boot_ms(s->options->env->ctx);

	if (now_ms < r->due_ms || atomic_exchange(&r->going, true))
		return;
	r->due_ms = now_ms + RENEW_EVERY_MS;
	r->renewal.all = true;
	writer_submit(r->writer, &r->job);
}

/* A batch left some: on the writer's thread. Where a job is on its way it finds them. */
static void renew_left(void *ctx)
{
	struct renewing *r = ctx;

	if (!atomic_exchange(&r->going, true))
		writer_submit(r->writer, &r->job);
}

static void renew_init(struct serving *s)
{
	struct renewing *r = &s->renewing;

	renewal_init(&r->renewal);
	r->writer = &s->writer;
	r->env = s->options->env;
	r->job = (struct writer_job){ .work = renew_work, .done = renew_done, .ctx = r };
	s->centre.renew = renew_left;
	s->centre.renew_ctx = r;
}

/* --- assignments that begin or end by themselves -------------------------------- */

static void settle_work(struct centre *centre, void *ctx)
{
	struct settling *t = ctx;
	int64_t next_ms = TERM_NEVER;
	const enum status st = terms_step(centre, &next_ms);

	if (st != ST_OK)
		env_log(t->env, LOG_WARNING, "serve", "settling-failed", "status=%s", status_name(st));
	atomic_store(&t->next_ms, st == ST_OK ? next_ms : TERM_NEVER); /* after a failure: at the next look */
}

static void settle_done(void *ctx)
{
	struct settling *t = ctx;

	atomic_store(&t->going, false);
}

/* A look is at least one every REAP_EVERY_MS: a command may have assigned something, and the wall clock may be set. */
static void settle_look(struct serving *s)
{
	struct settling *t = &s->settling;
	const int64_t boot_ms = t->env->boot_ms(t->env->ctx);
	const bool due = atomic_load(&t->next_ms) <= t->env->wall_ms(t->env->ctx);

	if ((!due && boot_ms - t->looked_ms < REAP_EVERY_MS) || atomic_exchange(&t->going, true))
		return;
	t->looked_ms = boot_ms;
	writer_submit(t->writer, &t->job);
}

/* How long the main thread may sleep. */
static int settle_wait_ms(const struct settling *t)
{
	const int64_t now_ms = t->env->wall_ms(t->env->ctx), next_ms = atomic_load(&t->next_ms);

	if (next_ms > now_ms + REAP_EVERY_MS)
		return REAP_EVERY_MS;
	return next_ms > now_ms + TERMS_SOONEST_MS ? (int)(next_ms - now_ms) : TERMS_SOONEST_MS;
}

static void settle_init(struct serving *s)
{
	struct settling *t = &s->settling;

	t->writer = &s->writer;
	t->env = s->options->env;
	t->job = (struct writer_job){ .work = settle_work, .done = settle_done, .ctx = t };
	atomic_store(&t->next_ms, INT64_MIN); /* look at once: something may have come meanwhile */
}

static void wait_for_signal(struct serving *s)
{
	struct pollfd fd = { .fd = s->signals, .events = POLLIN };

	do {
		renew_if_due(s);
		settle_look(s);
		https_reap(s->https);
	} while (poll(&fd, 1, settle_wait_ms(&s->settling)) <= 0 || (fd.revents & POLLIN) == 0);
	notify("STOPPING=1");
}

/* Before any thread starts, so that all of them leave these signals alone. */
static enum status take_signals(struct serving *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return ST_IO;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signals >= 0 ? ST_OK : ST_IO;
}

static void stop(struct serving *s, bool clean)
{
	https_stop(s->https);
	writer_stop(&s->writer);
	renewal_close(&s->renewing.renewal);
	if (s->centre_open)
		centre_close(&s->centre);
	tls_keys_close(&s->keys);
	if (clean && files_remove(s->running) != ST_OK)
		env_log(s->options->env, LOG_WARNING, "serve", "marker-stays", "%s", "");
	if (s->signals >= 0)
		close(s->signals);
	if (s->lock >= 0)
		close(s->lock);
}

static enum status fail_disk(struct failure *why)
{
	return failure_set(why, ST_IO, "The disk failed to keep what the centre wrote, so the centre has stopped.",
			   "All that was confirmed to tablets is kept; what was not, they send again.",
			   "Look at the disk, then start the centre again.");
}

enum status serve_run(const struct serve_options *options, struct failure *why)
{
	struct serving s = { .options = options, .lock = -1, .signals = -1 };
	bool unclean = false, marked = false, started = false;
	enum status st;

	s.settings = calloc(1, sizeof *s.settings);
	if (s.settings == NULL)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	st = take_signals(&s);
	if (st != ST_OK)
		st = failure_set(why, st, NULL, NULL, NULL);
	if (st == ST_OK)
		st = prepare(&s, why);
	if (st != ST_OK)
		goto out;
	unclean = files_exist(s.running);
	st = files_write(s.running, "", 0, false);
	marked = st == ST_OK;
	if (st == ST_OK)
		st = writer_start(&s.writer, &s.centre, unclean);
	if (st != ST_OK) {
		st = fail_folder(why, st);
		goto out;
	}
	env_log(options->env, LOG_NOTICE, "serve", "start", "unclean=%d", unclean);
	renew_init(&s);
	settle_init(&s);
	st = listen_at(&s, why);
	started = st == ST_OK;
	if (started)
		wait_for_signal(&s);
	if (started && atomic_load(&s.writer.failed)) {
		started = false;
		st = fail_disk(why);
	}
	env_log(options->env, LOG_NOTICE, "serve", "stop", "clean=%d", started);
out:
	stop(&s, started || (marked && !unclean)); /* what never served left nothing half done */
	free(s.settings);
	return st;
}
