/* The printing half of cmd.h. */
#include <inttypes.h>
#include <string.h>

#include "client/cmd.h"
#include "common/moment.h"
#include "common/zone.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)

/* The agency's zone at this moment. Where this system does not know the zone: as the centre told it. */
static int zone_min(const struct cmd *c, int64_t ms)
{
	const struct replica_identity *owner = &c->r->identity;

	return zone_known(owner->zone) ? zone_offset_min(owner->zone, ms) : owner->zone_min;
}

int cmd_zone_of_local_min(const struct cmd *c, int64_t local_ms)
{
	const struct replica_identity *owner = &c->r->identity;

	return zone_known(owner->zone) ? zone_offset_of_local_min(owner->zone, local_ms) : owner->zone_min;
}

const char *cmd_time(const struct cmd *c, int64_t ms, char out[CMD_TIME_SIZE])
{
	char text[MOMENT_TEXT_SIZE];
	int64_t local = 0;

	if (ms == 0 || __builtin_add_overflow(ms, zone_min(c, ms) * MINUTE_MS, &local)) {
		(void)snprintf(out, CMD_TIME_SIZE, "never");
		return out;
	}
	moment_format(local, text);
	text[10] = ' ';
	(void)snprintf(out, CMD_TIME_SIZE, "%.16s", text);
	return out;
}

const char *cmd_when(const struct cmd *c, const struct interval *at, char out[CMD_WHEN_SIZE])
{
	char from[CMD_TIME_SIZE], to[CMD_TIME_SIZE];

	(void)cmd_time(c, at->lo_ms, from);
	(void)cmd_time(c, at->hi_ms, to);
	if (strcmp(from, to) == 0)
		(void)snprintf(out, CMD_WHEN_SIZE, "%s", to);
	else if (at->lo_ms <= 0)
		(void)snprintf(out, CMD_WHEN_SIZE, "before %s", to);
	else
		(void)snprintf(out, CMD_WHEN_SIZE, "between %s and %s", from, to);
	return out;
}

const char *cmd_made(struct cmd *c, const struct evidence *evidence, int64_t made_wall_ms)
{
	char time[CMD_TIME_SIZE], after[CMD_TIME_SIZE], words[CLOCK_WORDS_SIZE], text[256];
	struct clock_off off = { .ms = evidence->offset_ms };
	int64_t wall_ms = made_wall_ms;
	const bool told = clock_wall_ms(evidence, &wall_ms);
	const char *copy;
	int len;

	if (evidence->steadiness == STEADY_UNKNOWN && evidence->heard_ms > 0) {
		len = snprintf(text, sizeof text, "%s by this tablet's clock, after %s", cmd_time(c, wall_ms, time),
			       cmd_time(c, evidence->heard_ms, after));
	} else if (told && evidence->heard_ms > 0 && (off.ms >= CLOCK_OFF_MS_MIN || off.ms <= -CLOCK_OFF_MS_MIN)) {
		clock_off_words(&off, words);
		len = snprintf(text, sizeof text, "%s (tablet %s)", cmd_time(c, wall_ms - off.ms, time), words);
	} else {
		len = snprintf(text, sizeof text, "%s", cmd_time(c, wall_ms, time));
	}
	copy = arena_copy(&c->arena, text, (size_t)len);
	return copy != NULL ? copy : "";
}

void cmd_day(const struct cmd *c, int64_t ms, int64_t *from_out, int64_t *to_out)
{
	const int64_t local = ms + zone_min(c, ms) * MINUTE_MS;
	const int64_t midnight = local - ((local % DAY_MS) + DAY_MS) % DAY_MS;

	/* A day on which the clocks change is an hour shorter or longer. */
	*from_out = midnight - cmd_zone_of_local_min(c, midnight) * MINUTE_MS;
	*to_out = midnight + DAY_MS - cmd_zone_of_local_min(c, midnight + DAY_MS) * MINUTE_MS;
}

const char *cmd_worker(struct cmd *c, const struct id *worker)
{
	const struct kind *kind = schema_kind(c->r->schema, "worker", 6);
	struct entry entry = { 0 };
	const char *name;

	if (entry_read(c->r, kind, worker, &entry) != ST_OK)
		return "";
	name = entry_text(&entry, "name");
	name = name == NULL ? "" : arena_copy(&c->arena, name, strlen(name));
	entry_close(&entry);
	return name == NULL ? "" : name;
}

/* ["a","b"] as "a, b": escapes stay as they are, since they are rare in such words. */
static const char *set_words(struct cmd *c, const struct value *value)
{
	size_t at = 0, len = 0;
	const char *member = NULL, *text = NULL;
	struct buf words;

	buf_init(&words, 2 * (size_t)value->len + 16);
	while (set_next(value->text, value->len, &at, &member, &len)) {
		buf_add_str(&words, words.len == 0 ? "" : ", ");
		buf_add(&words, member, len);
	}
	if (buf_status(&words) == ST_OK)
		text = arena_copy(&c->arena, words.data, words.len);
	buf_close(&words);
	return text == NULL ? value->text : text;
}

const char *cmd_value(struct cmd *c, const struct field *field, const struct value *value)
{
	char time[CMD_TIME_SIZE];
	struct id id = ID_STAFF;
	const char *text = entry_value_text(field, value, &c->arena);

	if (text == NULL)
		return "-";
	if (field->type == TYPE_TIME && value->tag == VALUE_INT) {
		(void)cmd_time(c, value->integer, time);
		text = arena_copy(&c->arena, time, strlen(time));
	} else if (field->type == TYPE_BOOL && value->tag == VALUE_INT) {
		text = value->integer != 0 ? "yes" : "no";
	} else if (field->type == TYPE_SET && set_valid(value->text, value->len)) {
		text = set_words(c, value);
	} else if (field->type == TYPE_ID && field->values != NULL && strcmp(field->values, "worker") == 0 &&
		   id_parse(value->text, value->len, &id)) {
		const char *name = cmd_worker(c, &id);

		text = name[0] != '\0' ? name : text;
	}
	return text == NULL ? "-" : text;
}

void cmd_lines(const char *indent, const char *text)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");

		printf("%s%.*s\n", indent, (int)len, text);
		text += len;
		text += *text == '\n' ? 1 : 0;
	}
}

/* --- JSON ------------------------------------------------------------------------- */

enum status cmd_json(struct buf *json)
{
	const enum status st = buf_status(json);

	if (st != ST_OK)
		return st;
	(void)fwrite(json->data, 1, json->len, stdout);
	(void)putchar('\n');
	return ST_OK;
}

void cmd_json_text(struct buf *json, const char *key, const char *text)
{
	buf_printf(json, ",\"%s\":", key);
	if (text == NULL)
		buf_add_str(json, "null");
	else
		buf_add_json(json, text, strlen(text));
}

void cmd_json_number(struct buf *json, const char *key, int64_t number)
{
	buf_printf(json, ",\"%s\":\"%" PRId64 "\"", key, number);
}

void cmd_json_time(struct buf *json, const char *key, int64_t ms)
{
	char text[MOMENT_TEXT_SIZE];

	moment_format(ms, text);
	cmd_json_text(json, key, ms == 0 ? NULL : text);
}

/* --- lists ------------------------------------------------------------------------ */

void cmd_cell(struct table *table, const char *text)
{
	table_text(table, text, text == NULL ? 0 : strlen(text));
}

void cmd_cell_time(struct cmd *c, struct table *table, sqlite3_stmt *stmt, int at)
{
	char time[CMD_TIME_SIZE];

	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		cmd_cell(table, NULL);
	else if (c->line->json)
		table_number(table, db_column_int(stmt, at));
	else
		cmd_cell(table, cmd_time(c, db_column_int(stmt, at), time));
}

enum status cmd_list(struct cmd *c, const struct cmd_listing *listing)
{
	const bool one = command_option(c->line, "--patient") != NULL;
	const struct kind *kind = NULL;
	struct table *table;
	struct id patient = ID_STAFF;
	enum status st = cmd_kind(c, listing->kind, &kind);
	bool row = false;
	sqlite3_stmt *stmt = NULL;

	if (st == ST_OK && one)
		st = cmd_patient(c, &patient);
	if (st == ST_OK)
		stmt = db_prepare(&c->r->db, listing->sql, &st);
	if (stmt == NULL)
		return st;
	if (one)
		db_bind_id(&c->r->db, stmt, 1, &patient);
	(void)sqlite3_bind_int(stmt, 2, command_switch(c->line, "--all"));
	if (sqlite3_bind_parameter_count(stmt) >= 3)
		db_bind_id(&c->r->db, stmt, 3, &c->r->identity.worker);
	table = table_new(c->line, listing->columns, listing->column_count);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		if ((st = listing->row(c, kind, table, stmt)) != ST_OK)
			break;
	db_done(stmt);
	if (table_print(table, listing->empty) != 0 && st == ST_OK)
		st = ST_NOMEM;
	return st;
}
