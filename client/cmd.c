#include "client/cmd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/standing.h"
#include "common/kindsql.h"
#include "common/moment.h"

#define ARENA_SIZE_MAX ((size_t)256 * 1024 * 1024)
#define PREFIX_LEN_MIN 8

/* What was lost is restored when the replica is opened; whoever works here must know. */
static void tell_restored(const struct cmd *c)
{
	if (c->r->restored)
		fputs("Parts of this tablet's database that notice what is written had been removed; they were put back. "
		      "What other programs wrote meanwhile may not travel. Run `doorstep status` and tell your "
		      "administrator.\n", stderr);
}

int cmd_run(const struct command_line *line, cmd_body *body)
{
	struct cmd c = { .line = line };
	enum status st;

	arena_init(&c.arena, ARENA_SIZE_MAX);
	st = tablet_open(&c.tablet, line->folder, &c.why);
	if (st == ST_OK) {
		c.r = &c.tablet->replica;
		tell_restored(&c);
		st = body(&c);
	}
	if (st != ST_OK && c.why.status == ST_OK)
		(void)failure_set(&c.why, st, NULL, NULL, NULL);
	if (st != ST_OK)
		c.code = command_fail(line, &c.why);
	doorstep_close(c.tablet);
	arena_close(&c.arena);
	return c.code;
}

/* --- finding ---------------------------------------------------------------------- */

enum status cmd_kind(struct cmd *c, const char *name, const struct kind **out)
{
	const struct kind *kind = schema_kind(c->r->schema, name, strlen(name));
	char what[160];

	if (kind == NULL) {
		(void)snprintf(what, sizeof what, "There is no kind of record called \"%.60s\".", name);
		return failure_set(&c->why, ST_UNKNOWN, what, "Nothing was changed.",
				   "Write it as in patient/ID, note/ID, visit/ID or task/ID.");
	}
	*out = kind;
	return ST_OK;
}

static enum status not_an_id(struct cmd *c)
{
	return failure_set(&c->why, ST_INVALID, "This is not the id of a record.", "Nothing was changed.",
			   "Take the id from a list, whole or its first 8 characters or more.");
}

/* The one record whose id begins so. */
static enum status find_prefix(struct cmd *c, const struct kind *kind, const char *text, struct id *id_out)
{
	char sql[96], pattern[ID_TEXT_SIZE + 1];
	enum status st = ST_OK;
	int count = 0;
	bool row = false;
	sqlite3_stmt *stmt;

	assert(kind != NULL);
	if (strlen(text) < PREFIX_LEN_MIN || strlen(text) >= ID_TEXT_LEN ||
	    strspn(text, "0123456789abcdefABCDEF-") != strlen(text))
		return not_an_id(c);
	(void)snprintf(pattern, sizeof pattern, "%s%%", text);
	(void)snprintf(sql, sizeof sql, "SELECT id FROM \"%s\" WHERE id LIKE ?1 LIMIT 2", kind->name);
	stmt = db_prepare(&c->r->db, sql, &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_text(stmt, 1, pattern, -1, SQLITE_STATIC);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		count += db_column_id(stmt, 0, id_out) ? 1 : 0;
	db_done(stmt);
	if (st == ST_OK && count != 1)
		return failure_set(&c->why, ST_NOT_FOUND,
				   count == 0 ? "No record on this tablet has an id that begins so."
					      : "More than one record has an id that begins so.",
				   "Nothing was changed.", "Give the whole id.");
	return st;
}

enum status cmd_find(struct cmd *c, const struct kind *kind, const char *text, struct id *id_out)
{
	const char *slash = strchr(text, '/');

	assert(kind != NULL);
	if (slash != NULL && (strlen(kind->name) != (size_t)(slash - text) ||
			      memcmp(text, kind->name, (size_t)(slash - text)) != 0)) {
		char what[120];

		(void)snprintf(what, sizeof what, "This command takes the id of a %s.", kind->name);
		return failure_set(&c->why, ST_INVALID, what, "Nothing was changed.", NULL);
	}
	if (slash != NULL)
		text = slash + 1;
	return id_parse(text, strlen(text), id_out) ? ST_OK : find_prefix(c, kind, text, id_out);
}

enum status cmd_ref(struct cmd *c, const char *text, const struct kind **kind_out, struct id *id_out)
{
	char name[SCHEMA_NAME_MAX + 1];
	const size_t len = strcspn(text, "/");
	enum status st;

	if (text[len] != '/' || len > SCHEMA_NAME_MAX)
		return failure_set(&c->why, ST_INVALID, "This does not name a record.", "Nothing was changed.",
				   "Write KIND/ID, as in patient/0192….");
	memcpy(name, text, len);
	name[len] = '\0';
	st = cmd_kind(c, name, kind_out);
	return st == ST_OK ? cmd_find(c, *kind_out, text, id_out) : st;
}

enum status cmd_entry(struct cmd *c, const struct kind *kind, const struct id *id, struct entry *out)
{
	const enum status st = entry_read(c->r, kind, id, out);
	char what[160];

	assert(kind != NULL);
	if (st == ST_NOT_FOUND) {
		(void)snprintf(what, sizeof what, "There is no %s with this id on this tablet.", kind->name);
		return failure_set(&c->why, st, what, "Nothing was changed.",
				   "Check the id; a record of a patient who is not in your caseload is not here.");
	}
	return st;
}

enum status cmd_patient(struct cmd *c, struct id *out)
{
	const char *text = command_option(c->line, "--patient");
	const struct kind *kind = NULL;
	struct entry patient = { 0 };
	enum status st = cmd_kind(c, "patient", &kind);

	if (st == ST_OK && text == NULL)
		return failure_set(&c->why, ST_USAGE, "It is not said whose record this is.", "Nothing was changed.",
				   "Add --patient ID; `doorstep patients` lists them.");
	if (st == ST_OK)
		st = cmd_find(c, kind, text, out);
	if (st == ST_OK)
		st = cmd_entry(c, kind, out, &patient);
	if (st == ST_OK)
		entry_close(&patient);
	return st;
}

enum status cmd_number(struct cmd *c, const char *option, int64_t min, int64_t max, int64_t *out)
{
	const char *text = command_option(c->line, option);
	char *end = NULL, what[160];
	long long number;

	if (text == NULL)
		return ST_OK;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < min || number > max) {
		(void)snprintf(what, sizeof what, "%s takes a whole number from %lld to %lld.", option, (long long)min,
			       (long long)max);
		return failure_set(&c->why, ST_USAGE, what, "Nothing was changed.", NULL);
	}
	*out = number;
	return ST_OK;
}

int64_t cmd_now(const struct cmd *c)
{
	return c->r->env->wall_ms(c->r->env->ctx);
}

/* --- drafting --------------------------------------------------------------------- */

struct cmd_draft *cmd_draft(struct cmd *c, const char *kind_name)
{
	struct cmd_draft *draft = arena_zalloc(&c->arena, sizeof *draft);

	if (draft != NULL && cmd_kind(c, kind_name, &draft->kind) != ST_OK)
		return NULL;
	return draft;
}

static enum status no_field(struct cmd *c, const struct kind *kind, const char *name, size_t len)
{
	char what[160];

	(void)snprintf(what, sizeof what, "A %s has no field \"%.*s\".", kind->name, len > 60 ? 60 : (int)len, name);
	return failure_set(&c->why, ST_UNKNOWN, what, "Nothing was changed.",
			   "`doorstep show KIND/ID --json` shows how fields are called.");
}

static enum status refuse_value(struct cmd *c, enum status st, const struct field *field)
{
	char what[160], next[256];

	if (st != ST_INVALID && st != ST_LIMIT)
		return st;
	(void)snprintf(what, sizeof what, "\"%s\" can't hold this%s.", field->label,
		       st == ST_LIMIT ? ": it is too long" : "");
	value_expected(field, st == ST_LIMIT, next, sizeof next);
	return failure_set(&c->why, st, what, "Nothing was changed.", next);
}

static enum status put_text(struct cmd *c, struct cmd_draft *draft, int index, const char *text, size_t len)
{
	const struct field *field = &draft->kind->fields[index];
	int64_t ms = 0;
	const int zone_min = moment_parse(text, len, 0, &ms) ? cmd_zone_of_local_min(c, ms) : 0;
	const enum status st = value_from_person(field, text, len, zone_min, &c->arena, &draft->row.values[index]);

	if (st != ST_OK)
		return refuse_value(c, st, field);
	draft->mask |= UINT64_C(1) << index;
	return ST_OK;
}

enum status cmd_put(struct cmd *c, struct cmd_draft *draft, const char *name, const char *argument)
{
	const int index = kind_field(draft->kind, name, strlen(name));
	char *text = NULL;
	size_t len = 0;
	enum status st;

	if (index < 0)
		return no_field(c, draft->kind, name, strlen(name));
	st = command_argument(argument, (size_t)draft->kind->fields[index].max + 1024, &text, &len, &c->why);
	if (st == ST_OK)
		st = put_text(c, draft, index, text, len);
	free(text);
	return st;
}

enum status cmd_put_assignment(struct cmd *c, struct cmd_draft *draft, const char *assignment)
{
	char name[SCHEMA_NAME_MAX + 1];
	const size_t len = strcspn(assignment, "=");

	if (assignment[len] != '=')
		return failure_set(&c->why, ST_USAGE, "A field and its value are written FIELD=VALUE.",
				   "Nothing was changed.", NULL);
	if (len > SCHEMA_NAME_MAX)
		return no_field(c, draft->kind, assignment, len);
	memcpy(name, assignment, len);
	name[len] = '\0';
	return cmd_put(c, draft, name, assignment + len + 1);
}

enum status cmd_put_option(struct cmd *c, struct cmd_draft *draft, const char *field, const char *option)
{
	const char *argument = command_option(c->line, option);

	return argument == NULL ? ST_OK : cmd_put(c, draft, field, argument);
}

void cmd_put_value(struct cmd_draft *draft, const char *field, struct value value)
{
	const int index = kind_field(draft->kind, field, strlen(field));

	draft->row.values[index] = value;
	draft->mask |= UINT64_C(1) << index;
}

void cmd_put_id(struct cmd *c, struct cmd_draft *draft, const char *field, const struct id *id)
{
	char text[ID_TEXT_SIZE];
	const char *copy = NULL;

	id_format(id, text);
	copy = arena_copy(&c->arena, text, ID_TEXT_LEN);
	if (copy != NULL)
		cmd_put_value(draft, field, value_string(copy));
}

enum status cmd_numbers(struct cmd *c, sqlite3_stmt *stmt, size_t limit, uint64_t **out, size_t *count_out)
{
	size_t count = 0, room = 0;
	uint64_t *numbers = NULL;
	enum status st = ST_OK;
	bool row = false;

	while (count < limit && (st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		if (count == room) {
			uint64_t *grown = arena_alloc(&c->arena, (2 * room + 32) * sizeof *grown);

			if (grown == NULL) {
				st = ST_NOMEM;
				break;
			}
			if (count > 0)
				memcpy(grown, numbers, count * sizeof *grown);
			numbers = grown;
			room = 2 * room + 32;
		}
		numbers[count++] = (uint64_t)db_column_int(stmt, 0);
	}
	db_done(stmt);
	*out = numbers;
	*count_out = count;
	return st;
}
