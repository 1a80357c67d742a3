/* A note with what stands beside it: signature, addenda, reviews. */
#include <inttypes.h>
#include <string.h>

#include "client/cmd_note.h"
#include "client/sign.h"
#include "common/kindsql.h"

#define BESIDE_MAX 256 /* addenda of one note that are shown */

static const char ADDENDA[] = "SELECT id FROM addendum WHERE note=?1 ORDER BY closed_at,id LIMIT 256";
static const char REVIEWS[] =
	"SELECT r.verdict,r.comment,r.reviewed_at,coalesce(w.name,''),r.id FROM review AS r LEFT JOIN worker AS w ON w.id=r.by"
	" WHERE r.note=?1 ORDER BY r.reviewed_at,r.id";

typedef enum status addendum_fn(struct cmd *c, const struct entry *note, const struct entry *addendum, void *ctx);

/* Ids first, so that no statement stays open while they are read. */
static enum status each_addendum(struct cmd *c, const struct entry *note, addendum_fn *fn, void *ctx)
{
	const struct kind *kind = schema_kind(c->r->schema, "addendum", strlen("addendum"));
	struct id *ids = arena_alloc(&c->arena, BESIDE_MAX * sizeof *ids);
	size_t count = 0;
	bool row = false;
	enum status st = ids == NULL ? ST_NOMEM : ST_OK;
	sqlite3_stmt *stmt = st == ST_OK ? db_prepare(&c->r->db, ADDENDA, &st) : NULL;

	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, &note->id);
	while (count < BESIDE_MAX && (st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		count += db_column_id(stmt, 0, &ids[count]) ? 1 : 0;
	db_done(stmt);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		struct entry addendum = { 0 };

		st = entry_read(c->r, kind, &ids[i], &addendum);
		if (st == ST_OK)
			st = fn(c, note, &addendum, ctx);
		entry_close(&addendum);
	}
	return st;
}

static const char *text_of(const struct entry *entry, const char *field)
{
	const char *text = entry_text(entry, field);

	return text == NULL ? "" : text;
}

static bool is_correction(const struct entry *addendum)
{
	return strcmp(text_of(addendum, "type"), "correction") == 0 && entry_text(addendum, "section") != NULL;
}

/* --- for people --------------------------------------------------------------------- */

const char *cmd_note_state(const char *status)
{
	if (status == NULL || strcmp(status, "draft") == 0)
		return "draft";
	return strcmp(status, "entered-in-error") == 0 ? "in error" : status;
}

void cmd_correction_tell(const char *indent, const struct entry *note, const char *section, const char *text)
{
	const int index = kind_field(note->kind, section, strlen(section));
	const char *original = index < 0 ? NULL : note->texts[index];
	char inner[16];

	(void)snprintf(inner, sizeof inner, "%s  ", indent);
	printf("%s%s, as signed:\n", indent, index < 0 ? section : note->kind->fields[index].label);
	cmd_lines(inner, original == NULL ? "(empty)" : original);
	printf("%sAs corrected:\n", indent);
	cmd_lines(inner, text);
}

static enum status tell_addendum(struct cmd *c, const struct entry *note, const struct entry *addendum, void *ctx)
{
	const char *type = text_of(addendum, "type"), *digest = entry_text(addendum, "note_digest");
	const int author = kind_field(addendum->kind, "author", strlen("author"));
	const int closed = kind_field(addendum->kind, "closed_at", strlen("closed_at"));
	const int section = kind_field(note->kind, text_of(addendum, "section"), strlen(text_of(addendum, "section")));
	char time[CMD_TIME_SIZE];

	(void)ctx;
	printf("\n%s by %s, %s%s (addendum/%s, %s)\n",
	       strcmp(type, "correction") == 0	 ? "Correction"
	       : strcmp(type, "late-entry") == 0 ? "Late entry"
						 : "Addendum",
	       cmd_value(c, &addendum->kind->fields[author], &addendum->row.values[author]),
	       cmd_time(c, addendum->row.values[closed].integer, time),
	       strcmp(text_of(addendum, "status"), "entered-in-error") == 0 ? ", entered in error" : "", addendum->id_text,
	       addendum->travel);
	if (entry_text(addendum, "reason") != NULL)
		cmd_lines("  Reason: ", text_of(addendum, "reason"));
	if (digest != NULL && strcmp(digest, text_of(note, "digest")) != 0)
		puts("  Written for another text of this note.");
	if (is_correction(addendum)) {
		cmd_correction_tell("  ", note, text_of(addendum, "section"), text_of(addendum, "text"));
		return ST_OK;
	}
	if (section >= 0)
		printf("  %s:\n", note->kind->fields[section].label);
	cmd_lines("  ", text_of(addendum, "text"));
	return ST_OK;
}

static enum status tell_signature(struct cmd *c, const struct entry *note)
{
	const int at = kind_field(note->kind, "signed_at", strlen("signed_at"));
	char words[LATENESS_WORDS_SIZE];
	struct lateness lateness = { 0 };
	bool dated = false;
	enum status st = ST_OK;

	if (note->row.values[at].tag != VALUE_INT)
		return ST_OK;
	st = sign_lateness(c->r, note->kind, &note->row, note->row.values[at].integer, &dated, &lateness);
	if (st != ST_OK || !dated)
		return st;
	lateness_words(&lateness, words);
	printf("\nSigned %s.\n", words);
	return ST_OK;
}

static enum status tell_reviews(struct cmd *c, const struct entry *note)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, REVIEWS, &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, &note->id);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
		const char *comment = (const char *)sqlite3_column_text(stmt, 1);
		char time[CMD_TIME_SIZE];

		printf("\n%s by %s, %s\n",
		       verdict != NULL && strcmp(verdict, "returned") == 0   ? "Returned"
		       : verdict != NULL && strcmp(verdict, "question") == 0 ? "Question"
									     : "Reviewed",
		       (const char *)sqlite3_column_text(stmt, 3), cmd_time(c, db_column_int(stmt, 2), time));
		if (comment != NULL)
			cmd_lines("  ", comment);
	}
	db_done(stmt);
	return st;
}

enum status cmd_note_tell(struct cmd *c, const struct entry *note)
{
	enum status st = tell_signature(c, note);

	if (st == ST_OK)
		st = each_addendum(c, note, tell_addendum, NULL);
	return st == ST_OK ? tell_reviews(c, note) : st;
}

/* --- for programs ------------------------------------------------------------------- */

static enum status addendum_json(struct cmd *c, const struct entry *note, const struct entry *addendum, void *ctx)
{
	struct buf *json = ctx;

	(void)c;
	if (json->len > 0 && json->data[json->len - 1] != '[')
		buf_add_byte(json, ',');
	kindsql_json_object(json, addendum->kind, &addendum->id, &addendum->patient, &addendum->row, true);
	if (json->len > 0)
		json->len--; /* its last brace: more follows */
	cmd_json_text(json, "travel", addendum->travel);
	if (is_correction(addendum))
		cmd_json_text(json, "original", entry_text(note, text_of(addendum, "section")));
	buf_add_byte(json, '}');
	return buf_status(json);
}

static enum status lateness_json(struct cmd *c, const struct entry *note, struct buf *json)
{
	const int at = kind_field(note->kind, "signed_at", strlen("signed_at"));
	struct lateness lateness = { 0 };
	bool dated = false;
	enum status st = ST_OK;

	if (note->row.values[at].tag == VALUE_INT)
		st = sign_lateness(c->r, note->kind, &note->row, note->row.values[at].integer, &dated, &lateness);
	if (dated)
		cmd_json_number(json, "lateness_ms", lateness.ms);
	else
		cmd_json_text(json, "lateness_ms", NULL);
	buf_printf(json, ",\"late\":%s", dated && lateness_is_late(&lateness) ? "true" : "false");
	return st;
}

static enum status reviews_json(struct cmd *c, const struct entry *note, struct buf *json)
{
	const char *separator = "";
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, REVIEWS, &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&c->r->db, stmt, 1, &note->id);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		buf_printf(json, "%s{\"id\":\"%s\"", separator, (const char *)sqlite3_column_text(stmt, 4));
		cmd_json_text(json, "verdict", (const char *)sqlite3_column_text(stmt, 0));
		cmd_json_text(json, "comment", (const char *)sqlite3_column_text(stmt, 1));
		cmd_json_text(json, "name", (const char *)sqlite3_column_text(stmt, 3));
		cmd_json_time(json, "reviewed_at", db_column_int(stmt, 2));
		buf_add_byte(json, '}');
		separator = ",";
	}
	db_done(stmt);
	return st;
}

enum status cmd_note_json(struct cmd *c, const struct entry *note, struct buf *json)
{
	enum status st = lateness_json(c, note, json);

	buf_add_str(json, ",\"addenda\":[");
	if (st == ST_OK)
		st = each_addendum(c, note, addendum_json, json);
	buf_add_str(json, "],\"reviews\":[");
	if (st == ST_OK)
		st = reviews_json(c, note, json);
	buf_add_byte(json, ']');
	return st;
}
