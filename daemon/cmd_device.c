/* doorstepd device code, device list. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/access.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/serve.h"

#define LIFETIME_MINUTES 60
#define LIFETIME_MINUTES_MAX 43200 /* 30 days */

const struct option_row CMD_DEVICE_CODE_OPTIONS[] = {
	{ "--user", "LOGIN", "whose tablet it is" },
	{ "--lifetime", "MINUTES", "how long the code is valid (60)" },
	{ "--code-only", NULL, "print the code and nothing else, to be piped into `doorstep enrol URL -`" },
	{ NULL, NULL, NULL },
};

static enum status read_lifetime(struct desk *desk, int64_t *ms_out)
{
	const char *text = command_option(desk->line, "--lifetime");
	char *end = NULL;
	long minutes = LIFETIME_MINUTES;

	if (text != NULL) {
		errno = 0;
		minutes = strtol(text, &end, 10);
		if (errno != 0 || *text == '\0' || *end != '\0' || minutes < 1 || minutes > LIFETIME_MINUTES_MAX)
			return failure_set(&desk->why, ST_USAGE, "The lifetime is no number of minutes from 1 to 43200.",
					   "No code was made.", NULL);
	}
	*ms_out = (int64_t)minutes * 60000;
	return ST_OK;
}

/* The port of the centre that runs in this folder, else the one of the settings. */
static unsigned port_of(const struct desk *desk, const char *listen)
{
	const char *colon = strrchr(listen, ':');
	char running[FILES_PATH_MAX], path[FILES_PATH_MAX], *text = NULL;
	unsigned long port = colon == NULL ? SERVE_PORT_DEFAULT : strtoul(colon + 1, NULL, 10);
	size_t len = 0;

	if (files_path(running, desk->folder, "running") == ST_OK && files_exist(running) &&
	    files_path(path, desk->folder, "port") == ST_OK && files_read(path, 16, &text, &len) == ST_OK) {
		port = strtoul(text, NULL, 10);
		free(text);
	}
	return port > 0 && port <= 65535 ? (unsigned)port : SERVE_PORT_DEFAULT;
}

/* The address that people type on the tablet: the first host of the settings. */
static enum status find_url(struct desk *desk, const char **out)
{
	struct settings *settings = calloc(1, sizeof *settings);
	char path[FILES_PATH_MAX], url[SETTING_SIZE + 32], storage[SETTING_SIZE];
	struct tls_hosts hosts;
	const char *host;
	enum status st = settings == NULL ? ST_NOMEM : files_path(path, desk->folder, "doorstepd.conf");

	if (st == ST_OK)
		st = settings_load(settings, SERVE_SETTINGS, path, &desk->why);
	if (st == ST_OK) {
		serve_hosts(&hosts, storage, sizeof storage, settings_text(settings, "host"));
		host = hosts.count > 0 ? hosts.names[0] : "localhost";
		snprintf(url, sizeof url, strchr(host, ':') != NULL ? "https://[%s]:%u" : "https://%s:%u", host,
			 port_of(desk, settings_text(settings, "listen")));
		*out = arena_copy(&desk->arena, url, strlen(url));
		st = *out == NULL ? ST_NOMEM : ST_OK;
	}
	free(settings);
	return st;
}

static enum status print_code(struct desk *desk, const char *url, const struct enrol_code *code, int64_t lifetime_ms)
{
	char text[ENROL_CODE_SIZE];
	struct buf out;
	enum status st;

	enrol_code_format(code, text);
	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json(&out, "code", text);
		text_json(&out, "url", url);
		text_json_moment(&out, "expires", desk->env.wall_ms(desk->env.ctx) + lifetime_ms);
		buf_add_str(&out, "}\n");
	} else if (command_switch(desk->line, "--code-only")) {
		buf_printf(&out, "%s\n", text);
	} else {
		buf_printf(&out, "%s\n\nOn the tablet, within %" PRId64 " minutes:\n    doorstep enrol %s\n", text,
			   lifetime_ms / 60000, url);
		buf_add_str(&out, "It asks for this code, which works once, for one tablet.\n");
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status device_code(struct desk *desk)
{
	const char *login = command_option(desk->line, "--user"), *url = NULL;
	struct enrol_code code;
	struct digest identity;
	int64_t lifetime_ms = 0;
	enum status st;

	if (login == NULL)
		return failure_set(&desk->why, ST_USAGE, "Whose tablet is it?", "No code was made.",
				   "Give the care manager's login with --user.");
	st = read_lifetime(desk, &lifetime_ms);
	if (st == ST_OK)
		st = find_url(desk, &url);
	if (st != ST_OK)
		return st;
	enrol_identity(&identity, desk->keys.ca_der, desk->keys.ca_der_len, desk->centre.key.public);
	st = centre_code_new(&desk->centre, login, lifetime_ms, &identity, &code, &desk->why);
	return st == ST_OK ? print_code(desk, url, &code, lifetime_ms) : st;
}

int cmd_device_code(const struct command_line *line)
{
	return desk_run(line, device_code);
}

static void cell_clock(struct table *table, const struct device *d)
{
	const struct clock_off off = { .ms = d->clock_off_ms };
	char words[CLOCK_WORDS_SIZE] = "right";

	if (!d->clock_known) {
		text_cell(table, NULL);
		text_cell(table, NULL);
		return;
	}
	if (off.ms >= CLOCK_OFF_MS_MIN || off.ms <= -CLOCK_OFF_MS_MIN)
		clock_off_words(&off, words);
	text_cell(table, words);
	table_number(table, d->clock_off_ms);
}

/* Since when, by whom and why, where it was withdrawn. */
static enum status cell_withdrawal(struct desk *desk, struct table *table, const struct device *d)
{
	struct access_event event;
	enum status st = ST_NOT_FOUND;

	if (d->revoked)
		st = access_last(desk->centre.store, &d->worker, d->device, &desk->arena, &event);
	if (st != ST_OK) {
		for (size_t i = 0; i < 3; i++)
			text_cell(table, NULL);
		return st == ST_NOT_FOUND ? ST_OK : st;
	}
	table_number(table, event.at_ms);
	text_cell(table, desk_worker_name(desk, &event.by));
	text_cell(table, event.why[0] != '\0' ? event.why : NULL);
	return ST_OK;
}

static enum status device_row(struct desk *desk, struct table *table, const struct device *d)
{
	table_number(table, d->device);
	text_cell(table, d->name);
	text_cell(table, desk_worker_name(desk, &d->worker));
	table_number(table, d->enrolled_ms);
	if (d->seen_ms != 0)
		table_number(table, d->seen_ms);
	else
		text_cell(table, NULL);
	table_number(table, (int64_t)d->health.pending_count);
	if (d->health.oldest_unsent_ms != 0)
		table_number(table, d->health.oldest_unsent_ms);
	else
		text_cell(table, NULL);
	cell_clock(table, d);
	text_cell(table, d->version);
	table_number(table, d->revoked);
	text_cell_id(table, &d->worker);
	return cell_withdrawal(desk, table, d);
}

static enum status device_list(struct desk *desk)
{
	static const struct table_column columns[] = {
		{ "device", "Tablet", CELL_NUMBER },
		{ "name", "Name", CELL_TEXT },
		{ "owner", "Care manager", CELL_TEXT },
		{ "enrolled", NULL, CELL_TIME },
		{ "last_contact", "Last contact", CELL_TIME },
		{ "pending", "Unsent then", CELL_NUMBER },
		{ "oldest_unsent", "Oldest unsent", CELL_TIME },
		{ "clock", "Clock", CELL_TEXT },
		{ "clock_offset_ms", NULL, CELL_NUMBER },
		{ "version", "Version", CELL_TEXT },
		{ "revoked", "Revoked", CELL_BOOL },
		{ "worker", NULL, CELL_ID },
		{ "revoked_at", NULL, CELL_TIME },
		{ "revoked_by", NULL, CELL_TEXT },
		{ "revoked_why", "Why", CELL_TEXT },
	};
	struct store *store = desk->centre.store;
	struct table *table = table_new(desk->line, columns, sizeof columns / sizeof columns[0]);
	struct device *devices = NULL;
	size_t count = 0;
	enum status st = desk_read(desk);

	if (st == ST_OK)
		st = store->ops->device_list(store, &desk->arena, &devices, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = device_row(desk, table, &devices[i]);
	desk_read_end(desk);
	return text_table(desk, table, st, "No tablet is enrolled yet. `doorstepd device code --user LOGIN` makes a code.");
}

int cmd_device_list(const struct command_line *line)
{
	return desk_run(line, device_list);
}
