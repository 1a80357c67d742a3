#include "daemon/desk.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kindsql.h"
#include "common/moment.h"
#include "common/zone.h"
#include "proto/limits.h"

#define FOLDER_DEFAULT "/var/lib/doorstep"
#define DESK_ARENA_MAX ((size_t)256 * 1024 * 1024)
#define ARGUMENT_LEN_MAX LIMIT_CHANGE_MAX /* more than any field may hold */
#define PREFIX_LEN_MIN 8

enum status desk_folder(const struct command_line *line, char out[FILES_PATH_MAX])
{
	const char *folder = line->folder;
	int len;

	if (folder == NULL)
		folder = getenv("DOORSTEP_DATA");
	if (folder == NULL || *folder == '\0')
		folder = FOLDER_DEFAULT;
	len = snprintf(out, FILES_PATH_MAX, "%s", folder);
	return len > 0 && len < FILES_PATH_MAX ? ST_OK : ST_LIMIT;
}

enum status desk_prepare(struct desk *desk, const struct command_line *line)
{
	enum status st;

	memset(desk, 0, sizeof *desk);
	desk->line = line;
	arena_init(&desk->arena, DESK_ARENA_MAX);
	st = env_posix_init(&desk->posix, &desk->env);
	if (st != ST_OK)
		return failure_set(&desk->why, st, NULL, NULL, NULL);
	desk->schema = malloc(sizeof *desk->schema);
	if (desk->schema == NULL)
		return failure_set(&desk->why, ST_NOMEM, NULL, NULL, NULL);
	schema_init(desk->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	st = desk_folder(line, desk->folder);
	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, "The folder's name is too long.", NULL, NULL);
}

static enum status open_store(struct desk *desk, const char *database)
{
	struct store *store = NULL;
	enum status st = store_sqlite_open(&store, database, desk->schema, &desk->env, false, &desk->why);

	if (st != ST_OK)
		return st;
	st = centre_init(&desk->centre, store, desk->keys.sign_seed);
	if (st != ST_OK) {
		store->ops->close(store);
		return failure_set(&desk->why, st, NULL, NULL, NULL);
	}
	desk->open = true;
	return ST_OK;
}

/* Who acts? Looked up once, in a read of its own. */
static enum status find_by(struct desk *desk)
{
	const char *login = command_option(desk->line, "--as");
	struct account account;
	enum status st;

	if (login == NULL)
		return ST_OK;
	st = desk_read(desk);
	if (st != ST_OK)
		return st;
	st = desk_account(desk, login, &account);
	desk_read_end(desk);
	if (st != ST_OK)
		return st;
	if (!account.active)
		return failure_set(&desk->why, ST_REFUSED, "This account is no longer active.", "Nothing was changed.",
				   "Act as somebody else with --as.");
	if (strcmp(account.role, "care-manager") == 0)
		return failure_set(&desk->why, ST_REFUSED, "This account is a care manager's: it may not act at the centre.",
				   "Nothing was changed.", "Let a supervisor do it, and name the supervisor's login with --as.");
	desk->by = account.worker;
	desk->has_by = true;
	return ST_OK;
}

enum status desk_open(struct desk *desk, const struct command_line *line)
{
	char database[FILES_PATH_MAX], keys[FILES_PATH_MAX];
	enum status st = desk_prepare(desk, line);

	if (st != ST_OK)
		return st;
	if (files_path(database, desk->folder, "agency.db") != ST_OK ||
	    files_path(keys, desk->folder, "keys") != ST_OK)
		return failure_set(&desk->why, ST_LIMIT, "The folder's name is too long.", NULL, NULL);
	if (!files_exist(database))
		return failure_set(&desk->why, ST_NOT_FOUND, "There is no centre in this folder.",
				   "Nothing was changed.",
				   "Make one with `doorstepd init --name AGENCY`, or name its folder with --data.");
	st = tls_keys_load(&desk->keys, keys, &desk->why);
	if (st == ST_OK)
		st = open_store(desk, database);
	return st == ST_OK ? find_by(desk) : st;
}

/* One alone checkpoints: the centre that runs, else a command that wrote, under the same lock. */
static void tidy(struct desk *desk)
{
	struct store *store = desk->centre.store;
	char lock[FILES_PATH_MAX];
	int fd = -1;

	if (files_path(lock, desk->folder, "lock") != ST_OK || files_lock(lock, 0, &fd) != ST_OK)
		return;
	if (store->ops->checkpoint(store) != ST_OK)
		env_log(&desk->env, LOG_WARNING, "desk", "checkpoint-failed", "%s", "");
	close(fd);
}

void desk_close(struct desk *desk)
{
	if (desk->open && desk->wrote)
		tidy(desk);
	if (desk->open)
		centre_close(&desk->centre);
	desk->open = false;
	tls_keys_close(&desk->keys);
	arena_close(&desk->arena);
	free(desk->schema);
	desk->schema = NULL;
}

int desk_fail(struct desk *desk, enum status st)
{
	return command_fail(desk->line, desk->why.status != ST_OK ? &desk->why : status_text(st));
}

const struct id *desk_by(const struct desk *desk)
{
	return desk->has_by ? &desk->by : NULL;
}

enum status desk_account(struct desk *desk, const char *login, struct account *out)
{
	struct store *store = desk->centre.store;
	const enum status st = store->ops->account_by_login(store, login, out);
	char what[200];

	if (st != ST_NOT_FOUND)
		return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
	snprintf(what, sizeof what, "There is no account with the login '%.80s'.", login);
	return failure_set(&desk->why, st, what, "Nothing was changed.",
			   "`doorstepd user list` shows the accounts.");
}

int desk_run(const struct command_line *line, enum status (*work)(struct desk *desk))
{
	struct desk desk;
	enum status st = desk_open(&desk, line);
	int code;

	if (st == ST_OK)
		st = work(&desk);
	code = st == ST_OK ? desk.code : desk_fail(&desk, st);
	desk_close(&desk);
	return code;
}

/* --- records by their names ------------------------------------------------- */

struct prefix {
	const struct kind *kind;
	const char *text;
	size_t len, found;
	struct id id;
};

static enum status prefix_visit(void *ctx, const struct record_name *name)
{
	struct prefix *p = ctx;
	char text[ID_TEXT_SIZE];

	if (name->kind_num != p->kind->num || !name->has_id || name->row_only)
		return ST_OK;
	id_format(&name->id, text);
	if (memcmp(text, p->text, p->len) == 0) {
		p->id = name->id;
		p->found++;
	}
	return ST_OK;
}

/* The one record whose ID begins so. */
static enum status find_prefix(struct desk *desk, struct prefix *p)
{
	struct store *store = desk->centre.store;
	enum status st;

	if (p->len < PREFIX_LEN_MIN || p->len >= ID_TEXT_LEN || strspn(p->text, "0123456789abcdef-") != p->len)
		return failure_set(&desk->why, ST_INVALID, "This is no record's name.", "Nothing was changed.",
				   "Give it as KIND/ID, for example patient/5654564d-5ae1-407c-8bcc-e7f96f773633.");
	st = store->ops->record_names(store, prefix_visit, p);
	if (st != ST_OK)
		return failure_set(&desk->why, st, NULL, NULL, NULL);
	if (p->found == 1)
		return ST_OK;
	return failure_set(&desk->why, ST_NOT_FOUND,
			   p->found == 0 ? "There is no record whose ID begins so." :
					   "More than one record's ID begins so.",
			   "Nothing was changed.", "Give the whole ID.");
}

enum status desk_ref(struct desk *desk, const char *text, const char *kind, const struct kind **kind_out,
		     struct id *id_out)
{
	const char *slash = strchr(text, '/');
	struct prefix prefix = { .text = slash != NULL ? slash + 1 : text };
	enum status st;

	if (slash != NULL)
		prefix.kind = schema_kind(desk->schema, text, (size_t)(slash - text));
	else if (kind != NULL)
		prefix.kind = schema_kind(desk->schema, kind, strlen(kind));
	if (prefix.kind == NULL)
		return failure_set(&desk->why, ST_INVALID, "This is no record's name.", "Nothing was changed.",
				   "Give it as KIND/ID, for example patient/5654564d-5ae1-407c-8bcc-e7f96f773633.");
	if (kind != NULL && strcmp(prefix.kind->name, kind) != 0)
		return failure_set(&desk->why, ST_INVALID, "This is a record of another kind.", "Nothing was changed.",
				   "The command's --help says which kind it takes.");
	prefix.len = strlen(prefix.text);
	if (!id_parse(prefix.text, prefix.len, &prefix.id)) {
		st = find_prefix(desk, &prefix);
		if (st != ST_OK)
			return st;
	}
	*kind_out = prefix.kind;
	*id_out = prefix.id;
	return ST_OK;
}

enum status desk_record(struct desk *desk, const char *text, const char *kind, struct record *out)
{
	struct store *store = desk->centre.store;
	const struct kind *found = NULL;
	struct id id;
	enum status st = desk_ref(desk, text, kind, &found, &id);

	if (st != ST_OK)
		return st;
	st = store->ops->record_get(store, found, &id, &desk->arena, out);
	if (st == ST_NOT_FOUND)
		return failure_set(&desk->why, st, "There is no such record.", "Nothing was changed.",
				   "Check its name; `doorstepd patients` lists the patients, `show` a patient's records.");
	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
}

enum status desk_read(struct desk *desk)
{
	const enum status st = desk->centre.store->ops->begin_read(desk->centre.store);

	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
}

void desk_read_end(struct desk *desk)
{
	desk->centre.store->ops->rollback(desk->centre.store);
}

const char *desk_worker_name(struct desk *desk, const struct id *worker)
{
	struct account account;
	const char *name;

	if (id_is_zero(worker))
		return "the console";
	if (desk->centre.store->ops->account_by_worker(desk->centre.store, worker, &account) != ST_OK)
		return "somebody unknown";
	name = arena_copy(&desk->arena, account.name, strlen(account.name));
	return name != NULL ? name : "?";
}

/* --- writing ------------------------------------------------------------------ */

enum status desk_act_begin(struct desk *desk, struct centre_act *act)
{
	const enum status st = centre_act_begin(act, &desk->centre);

	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
}

enum status desk_act_end(struct desk *desk, struct centre_act *act, enum status st)
{
	if (st != ST_OK) {
		centre_act_abort(act);
		return st;
	}
	desk->wrote = true;
	st = centre_act_commit(act);
	return st == ST_OK ? ST_OK : failure_set(&desk->why, st, NULL, NULL, NULL);
}

enum status desk_take(struct desk *desk, struct centre_act *act, struct change *change, uint64_t *seq_out)
{
	struct outcome outcome = { 0 };
	const enum status st = intake_own(&act->in, &desk->by, change, &outcome);

	if (st != ST_OK)
		return failure_set(&desk->why, st, NULL, NULL, NULL);
	if (outcome.result == OUTCOME_HELD)
		return failure_set(&desk->why, ST_REFUSED, held_reason_what(outcome.reason), "Nothing was changed.",
				   "Check what the command names.");
	if (outcome.result != OUTCOME_ACCEPTED)
		return failure_set(&desk->why, ST_REFUSED, "The change does not stand as it was made.",
				   "Nothing was changed.", "Look at the record with `doorstepd show` and try again.");
	if (seq_out != NULL)
		*seq_out = outcome.seq;
	return ST_OK;
}

struct change *desk_create(struct desk *desk, const char *kind)
{
	struct change *change = arena_zalloc(&desk->arena, sizeof *change);
	uint8_t random[10];

	if (change == NULL)
		return NULL;
	desk->env.random(desk->env.ctx, random, sizeof random);
	id_make_v7(&change->id, desk->env.wall_ms(desk->env.ctx), random);
	change->kind = schema_kind(desk->schema, kind, strlen(kind));
	change->patient = change->id;
	change->create = true;
	return change;
}

/* --- values ------------------------------------------------------------------- */

enum status desk_argument(struct desk *desk, const char *argument, const char **out, size_t *len_out)
{
	char *text = NULL, *copy;
	size_t len = 0;
	const enum status st = command_argument(argument, ARGUMENT_LEN_MAX, &text, &len, &desk->why);

	if (st != ST_OK)
		return st;
	copy = arena_copy(&desk->arena, text, len);
	free(text);
	if (copy == NULL)
		return failure_set(&desk->why, ST_NOMEM, NULL, NULL, NULL);
	*out = copy;
	*len_out = len;
	return ST_OK;
}

static const char *zone_name(struct desk *desk)
{
	struct store *store = desk->centre.store;
	struct bytes zone = { 0 };
	const char *name;

	if (store->ops->meta_get(store, CENTRE_META_ZONE, &desk->arena, &zone) != ST_OK)
		return "UTC";
	name = arena_copy(&desk->arena, zone.data, zone.len);
	return name != NULL && *name != '\0' ? name : "UTC";
}

enum status desk_moment(struct desk *desk, const char *text, int64_t *ms_out)
{
	const size_t len = strlen(text);
	int64_t ms;

	if (!moment_parse(text, len, 0, &ms))
		return failure_set(&desk->why, ST_INVALID, "A time is not understood.", "Nothing was changed.",
				   "Give it as 2026-11-23T14:30, or with its offset as 2026-11-23T14:30+01:00.");
	if (!moment_parse(text, len, MOMENT_NO_OFFSET, ms_out))
		*ms_out = ms - (int64_t)zone_offset_of_local_min(zone_name(desk), ms) * 60000;
	return ST_OK;
}

enum status desk_value(struct desk *desk, const struct field *field, const char *argument, struct value *out)
{
	const char *text = NULL;
	char what[200], next[256];
	size_t len = 0;
	int64_t ms = 0;
	enum status st = desk_argument(desk, argument, &text, &len);

	if (st == ST_OK && field->type == TYPE_TIME && len > 0) {
		st = desk_moment(desk, text, &ms);
		if (st == ST_OK)
			*out = value_int(ms);
		return st;
	}
	if (st == ST_OK)
		st = value_from_person(field, text, len, 0, &desk->arena, out);
	if (st != ST_INVALID && st != ST_LIMIT)
		return st;
	snprintf(what, sizeof what, "%s can't hold this%s.", field->name, st == ST_LIMIT ? ": it is too long" : "");
	value_expected(field, st == ST_LIMIT, next, sizeof next);
	return failure_set(&desk->why, st, what, "Nothing was changed.", next);
}

enum status desk_assign(struct desk *desk, const struct kind *kind, uint64_t mask, const char *words, struct row *row)
{
	const char *equals = strchr(words, '=');
	const int field = equals == NULL ? -1 : kind_field(kind, words, (size_t)(equals - words));
	char next[256] = "";
	size_t used = 0;

	if (field >= 0 && (mask >> field & 1) != 0)
		return desk_value(desk, &kind->fields[field], equals + 1, &row->values[field]);
	for (size_t f = 0; f < kind->field_count && used + SCHEMA_NAME_MAX + 3 < sizeof next; f++)
		if ((mask >> f & 1) != 0)
			used += (size_t)snprintf(next + used, sizeof next - used, "%s%s", used > 0 ? ", " : "Fields: ",
						 kind->fields[f].name);
	return failure_set(&desk->why, ST_USAGE, "A value must be given as FIELD=VALUE, with a field that there is.",
			   "Nothing was changed.", next);
}
