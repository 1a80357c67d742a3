/* doorstepd init, doorstepd serve. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/zone.h"
#include "daemon/cmd.h"
#include "daemon/desk.h"
#include "daemon/serve.h"

#define SETTINGS_SIZE_MAX 65536

const struct option_row CMD_INIT_OPTIONS[] = {
	{ "--name", "AGENCY", "the agency's name" },
	{ "--host", "NAME", "name or address by which tablets reach the centre; may be repeated" },
	{ "--port", "N", "port to listen at (8443)" },
	{ "--zone", "TZ", "the agency's time zone, as Europe/Zurich (UTC)" },
	{ "--cert", "FILE", "a certificate of your own for the centre (PEM)" },
	{ "--cert-key", "FILE", "its key (PEM)" },
	{ "--ca", "FILE", "the authority that tablets are to trust (PEM)" },
	{ NULL, NULL, NULL },
};

const struct option_row CMD_SERVE_OPTIONS[] = {
	{ "--listen", "ADDR:PORT", "listen there and not as doorstepd.conf says; port 0 = any free one" },
	{ NULL, NULL, NULL },
};

const struct option_row CMD_NO_OPTIONS[] = { { NULL, NULL, NULL } };
const struct option_row CMD_AS_OPTIONS[] = { DESK_OPTION_AS, { NULL, NULL, NULL } };

/* Settings as asked for, with every host on a line of its own. */
static enum status make_settings(struct desk *desk, struct settings *settings)
{
	const char *const *hosts;
	const char *port = command_option(desk->line, "--port");
	char joined[SETTING_SIZE] = "", listen[64];
	size_t count = 0, used = 0;
	enum status st;

	st = settings_load(settings, SERVE_SETTINGS, "/nonexistent/doorstepd.conf", &desk->why);
	hosts = command_options(desk->line, "--host", &count);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const int len = snprintf(joined + used, sizeof joined - used, "%s%s", used > 0 ? " " : "", hosts[i]);

		if (len < 0 || (size_t)len >= sizeof joined - used || strpbrk(hosts[i], " \t\n#=") != NULL)
			st = failure_set(&desk->why, ST_USAGE, "A --host is not understood.", "Nothing was made.",
					 "Give names and addresses, one --host each.");
		else
			used += (size_t)len;
	}
	if (st == ST_OK)
		st = settings_set(settings, "host", joined, &desk->why);
	if (st == ST_OK && port != NULL) {
		char *end = NULL;
		const unsigned long number = strtoul(port, &end, 10);

		if (*port == '\0' || *end != '\0' || number == 0 || number > 65535)
			return failure_set(&desk->why, ST_USAGE, "The port is no number from 1 to 65535.",
					   "Nothing was made.", NULL);
		snprintf(listen, sizeof listen, "0.0.0.0:%lu", number);
		st = settings_set(settings, "listen", listen, &desk->why);
	}
	return st;
}

static enum status write_settings(struct desk *desk, const struct settings *settings)
{
	char path[FILES_PATH_MAX];
	struct buf text;
	enum status st;

	buf_init(&text, SETTINGS_SIZE_MAX);
	settings_print(&text, settings);
	st = buf_status(&text);
	if (st == ST_OK)
		st = files_path(path, desk->folder, "doorstepd.conf");
	if (st == ST_OK)
		st = files_write(path, text.data, text.len, false);
	buf_close(&text);
	return st == ST_OK || st == ST_FULL ? st
			   : failure_set(&desk->why, st, "doorstepd.conf could not be written.", NULL, NULL);
}

static enum status read_pem(struct desk *desk, const char *option, char **out)
{
	const char *path = command_option(desk->line, option);
	size_t len = 0;
	enum status st = path == NULL ? ST_USAGE : files_read(path, TLS_PEM_MAX, out, &len);

	return st == ST_OK ? ST_OK
			   : failure_set(&desk->why, st, "A certificate file could not be read.", "Nothing was made.",
					 "--cert, --cert-key and --ca go together and name PEM files.");
}

static enum status make_keys(struct desk *desk, const struct settings *settings, const char *agency)
{
	char keys[FILES_PATH_MAX], storage[SETTING_SIZE];
	char *certificate = NULL, *key = NULL, *ca = NULL;
	struct tls_hosts hosts;
	enum status st = files_path(keys, desk->folder, "keys");

	if (st != ST_OK)
		return st;
	if (command_option(desk->line, "--cert") == NULL) {
		serve_hosts(&hosts, storage, sizeof storage, settings_text(settings, "host"));
		return tls_found(keys, agency, &hosts, desk->env.wall_ms(desk->env.ctx), &desk->why);
	}
	st = read_pem(desk, "--cert", &certificate);
	if (st == ST_OK)
		st = read_pem(desk, "--cert-key", &key);
	if (st == ST_OK)
		st = read_pem(desk, "--ca", &ca);
	if (st == ST_OK)
		st = tls_found_given(keys, certificate, key, ca, &desk->why);
	free(certificate);
	free(key);
	free(ca);
	return st;
}

/* A database with its journal: what an init that was cut short left, and the empty rest of one that was not. */
static enum status remove_database(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char file[FILES_PATH_MAX + 8];
	enum status st = ST_OK;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0] && st == ST_OK; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		st = files_remove(file);
	}
	return st;
}

/* The database comes last: while it is not there, there is no centre, and init may
 * be tried again. It is made under another name and renamed when it is whole. */
static enum status make_agency(struct desk *desk, const char *agency, const char *zone)
{
	char keys[FILES_PATH_MAX], making[FILES_PATH_MAX], database[FILES_PATH_MAX];
	struct store *store = NULL;
	enum status st = files_path(keys, desk->folder, "keys");

	if (st == ST_OK)
		st = files_path(making, desk->folder, "agency.db.new");
	if (st == ST_OK)
		st = files_path(database, desk->folder, "agency.db");
	if (st == ST_OK)
		st = remove_database(making);
	if (st == ST_OK)
		st = tls_keys_load(&desk->keys, keys, &desk->why);
	if (st == ST_OK)
		st = store_sqlite_open(&store, making, desk->schema, &desk->env, true, &desk->why);
	if (st != ST_OK)
		return st;
	st = centre_init(&desk->centre, store, desk->keys.sign_seed);
	if (st != ST_OK) {
		store->ops->close(store);
		return st;
	}
	desk->open = true;
	st = centre_found(&desk->centre, agency, zone);
	if (st == ST_OK)
		st = store->ops->checkpoint(store); /* all of it in the one file that is renamed */
	centre_close(&desk->centre);
	desk->open = false;
	if (st == ST_OK)
		st = files_rename(making, database);
	return st == ST_OK ? remove_database(making) : st;
}

static enum status init(struct desk *desk)
{
	const char *agency = command_option(desk->line, "--name"), *zone = command_option(desk->line, "--zone");
	struct settings *settings = NULL;
	char database[FILES_PATH_MAX];
	enum status st;

	if (agency == NULL || *agency == '\0')
		return failure_set(&desk->why, ST_USAGE, "The agency has no name yet.", "Nothing was made.",
				   "Give it with --name.");
	if (zone != NULL && !zone_known(zone))
		return failure_set(&desk->why, ST_USAGE, "This system knows no such time zone.", "Nothing was made.",
				   "Give a name like Europe/Zurich; the package tzdata brings the zones.");
	st = files_path(database, desk->folder, "agency.db");
	if (st == ST_OK && files_exist(database))
		return failure_set(&desk->why, ST_EXISTS, "There is a centre in this folder already.",
				   "It was left as it is.", "Serve it with `doorstepd serve`, or name another folder with --data.");
	settings = calloc(1, sizeof *settings);
	if (settings == NULL)
		return ST_NOMEM;
	st = make_settings(desk, settings);
	if (st == ST_OK) {
		st = files_make_folder(desk->folder);
		if (st != ST_OK && st != ST_FULL)
			st = failure_set(&desk->why, st, "The folder could not be made.", "Nothing was made.",
					 "Choose one that you may write to with --data.");
	}
	if (st == ST_OK)
		st = make_keys(desk, settings, agency);
	if (st == ST_OK)
		st = write_settings(desk, settings);
	if (st == ST_OK)
		st = make_agency(desk, agency, zone != NULL ? zone : "UTC");
	free(settings);
	return st;
}

static void tell_made(const struct desk *desk)
{
	printf("The centre of %s is made in %s.\n"
	       "Keep a copy of its folder `keys`: tablets know the centre by them.\n",
	       command_option(desk->line, "--name"), desk->folder);
	if (command_option(desk->line, "--host") == NULL && command_option(desk->line, "--cert") == NULL)
		puts("No --host was given: only tablets on this machine can reach it, as localhost. For others make it anew\n"
		     "in another folder, with --host and the name or address by which they reach this machine.");
	puts("Next: doorstepd user add LOGIN --name NAME --role care-manager, then doorstepd serve.");
}

int cmd_init(const struct command_line *line)
{
	struct desk desk;
	enum status st = desk_prepare(&desk, line);
	int code = 0;

	if (st == ST_OK)
		st = init(&desk);
	if (st != ST_OK)
		code = desk_fail(&desk, st);
	else if (line->json)
		printf("{\"created\":true}\n");
	else
		tell_made(&desk);
	desk_close(&desk);
	return code;
}

int cmd_serve(const struct command_line *line)
{
	struct desk desk;
	enum status st = desk_prepare(&desk, line);
	int code = 0;

	if (st == ST_OK) {
		const struct serve_options options = { .folder = desk.folder,
						       .listen = command_option(line, "--listen"),
						       .schema = desk.schema,
						       .env = &desk.env };

		st = serve_run(&options, &desk.why);
	}
	if (st != ST_OK)
		code = desk_fail(&desk, st);
	desk_close(&desk);
	return code;
}
