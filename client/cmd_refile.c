/* doorstep refile: a record of the wrong patient is written anew under the right one, in one transaction. */
#include <string.h>

#include "client/cmd.h"
#include "client/save.h"
#include "client/standing.h"
#include "common/kindsql.h"
#include "common/refile.h"

#define REASON_SIZE 160
#define STAYING_MAX 1000

/* A record that names the one which is refiled. */
struct staying {
	const struct kind *kind;
	char id[ID_TEXT_SIZE];
};

struct filing {
	struct cmd *c;
	const struct kind *kind;
	struct entry old;
	struct id id, patient; /* of the copy; whose it is to be */
	int64_t version;       /* the copy's */
	uint64_t left_out;
	enum refile_mark mark;
	struct staying *staying;
	size_t staying_count;
};

static enum status refuse(struct filing *f, const char *what, const char *next)
{
	return failure_set(&f->c->why, ST_REFUSED, what, "Nothing was changed.", next);
}

static enum status check(struct filing *f)
{
	const char *state = "";
	enum status st = standing_patient(f->c->r, &f->patient, &state);

	if (st != ST_OK)
		return st;
	if (!refile_possible(f->kind))
		return refuse(f, "A record of this kind can't stand under another patient by itself.",
			      "Refile the record that it belongs to, or write it anew there.");
	if (id_equal(&f->old.patient, &f->patient))
		return refuse(f, "The record is filed under this patient already.", NULL);
	if (strcmp(state, "left") == 0)
		return refuse(f, "That patient is no longer in your caseload.", "Ask a supervisor to refile the record.");
	if (refile_is_marked(f->kind, &f->old.row))
		return refuse(f, "The record is marked as entered in error already.", NULL);
	return ST_OK;
}

/* --- what stays where it is ------------------------------------------------------- */

static enum status find_naming(struct filing *f, const struct kind *kind, const struct field *field)
{
	struct cmd *c = f->c;
	char sql[160];
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof sql, "SELECT id FROM \"%s\" WHERE \"%s\"=?1 AND id<>?1 ORDER BY id", kind->name,
		       field->name);
	stmt = db_prepare(&c->r->db, sql, &st);
	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, &f->old.id);
	while (f->staying_count < STAYING_MAX && (st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		struct staying *one = &f->staying[f->staying_count++];

		one->kind = kind;
		(void)snprintf(one->id, sizeof one->id, "%s", (const char *)sqlite3_column_text(stmt, 0));
	}
	db_done(stmt);
	return st;
}

static enum status find_staying(struct filing *f)
{
	const struct schema *schema = f->c->r->schema;
	enum status st = ST_OK;

	f->staying = arena_zalloc(&f->c->arena, STAYING_MAX * sizeof *f->staying);
	if (f->staying == NULL)
		return ST_NOMEM;
	for (size_t k = 0; k < schema->kind_count && st == ST_OK; k++) {
		const struct kind *kind = &schema->kinds[k];

		for (size_t i = 0; i < kind->field_count && st == ST_OK; i++) {
			const struct field *field = &kind->fields[i];

			if (field->type == TYPE_ID && field->values != NULL &&
			    (field->values[0] == '\0' || strcmp(field->values, f->kind->name) == 0))
				st = find_naming(f, kind, field);
		}
	}
	return st;
}

/* --- writing ------------------------------------------------------------------------ */

static enum status mark_old(struct filing *f)
{
	char text[ID_TEXT_SIZE], reason[REASON_SIZE];
	struct row row = f->old.row;
	uint64_t mask = 0;
	int64_t version = 0;

	id_format(&f->id, text);
	(void)snprintf(reason, sizeof reason, "Filed under the wrong patient; written anew as %s/%s.", f->kind->name, text);
	f->mark = refile_mark(f->kind, &row, reason, &mask);
	if (f->mark == REFILE_DELETED)
		return save_delete(f->c->r, f->kind, &f->old.id, &f->c->why);
	return save_fields(f->c->r, f->kind, &f->old.id, SAVE_SHOWN_NOW, &row, mask, &version, &f->c->why);
}

/* Both, or neither. */
static enum status write(struct filing *f)
{
	struct db *db = &f->c->r->db;
	struct row copy;
	enum status st = db_begin(db);

	if (st != ST_OK)
		return st;
	f->id = ID_STAFF; /* all zero: to be made */
	refile_copy(f->kind, &f->old.row, &copy, &f->left_out);
	st = save_create(f->c->r, f->kind, &f->id, &f->patient, &copy, &f->version, &f->c->why);
	if (st == ST_OK)
		st = mark_old(f);
	if (st == ST_OK)
		return db_commit(db);
	db_rollback(db);
	return st;
}

/* --- telling ------------------------------------------------------------------------- */

static enum status tell_json(const struct filing *f)
{
	char text[ID_TEXT_SIZE];
	const char *separator = "";
	struct buf json;
	enum status st;

	id_format(&f->id, text);
	buf_init(&json, (size_t)1024 * 1024);
	buf_printf(&json, "{\"kind\":\"%s\",\"id\":\"%s\"", f->kind->name, text);
	cmd_json_number(&json, "version", f->version);
	cmd_json_text(&json, "travel", "Saved on this tablet");
	cmd_json_text(&json, "old", refile_mark_name(f->mark));
	buf_add_str(&json, ",\"left_out\":[");
	for (size_t i = 0; i < f->kind->field_count; i++) {
		if ((f->left_out >> i & 1) == 0)
			continue;
		buf_printf(&json, "%s\"%s\"", separator, f->kind->fields[i].name);
		separator = ",";
	}
	buf_add_str(&json, "],\"not_moved\":[");
	for (size_t i = 0; i < f->staying_count; i++)
		buf_printf(&json, "%s{\"kind\":\"%s\",\"id\":\"%s\"}", i > 0 ? "," : "", f->staying[i].kind->name,
			   f->staying[i].id);
	buf_add_str(&json, "]}");
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

static void tell(const struct filing *f)
{
	char text[ID_TEXT_SIZE];

	id_format(&f->id, text);
	printf("Saved on this tablet. %s/%s\n", f->kind->name, text);
	if (strcmp(f->kind->name, "note") == 0)
		printf("It is a draft: read it, then sign it with `doorstep note sign %s`.\n", text);
	printf("What was filed under the wrong patient, %s/%s, is %s.\n", f->kind->name, f->old.id_text,
	       f->mark == REFILE_IN_ERROR ? "marked as entered in error" : refile_mark_name(f->mark));
	for (size_t i = 0; i < f->kind->field_count; i++)
		if ((f->left_out >> i & 1) != 0)
			printf("Left out, since it names a record of the other patient: %s\n", f->kind->fields[i].label);
	for (size_t i = 0; i < f->staying_count; i++)
		printf("Not moved: %s/%s, which names what was filed wrongly.\n", f->staying[i].kind->name,
		       f->staying[i].id);
}

static enum status refile(struct filing *f)
{
	enum status st = check(f);

	if (st == ST_OK)
		st = find_staying(f);
	if (st == ST_OK)
		st = write(f);
	if (st == ST_OK && f->c->line->json)
		return tell_json(f);
	if (st == ST_OK)
		tell(f);
	return st;
}

static enum status refile_body(struct cmd *c)
{
	struct filing f = { .c = c };
	struct id id = ID_STAFF;
	enum status st = cmd_ref(c, c->line->words[0], &f.kind, &id);

	if (st == ST_OK)
		st = cmd_patient(c, &f.patient);
	if (st == ST_OK)
		st = cmd_entry(c, f.kind, &id, &f.old);
	if (st != ST_OK)
		return st;
	st = refile(&f);
	entry_close(&f.old);
	return st;
}

int cmd_refile(const struct command_line *line)
{
	return cmd_run(line, refile_body);
}
