#include <inttypes.h>
#include <string.h>

#include "client/cmd_conflict.h"
#include "client/cmd_note.h"
#include "client/cmd_visit.h"
#include "client/standing.h"
#include "common/kindsql.h"
#include "common/recurrence.h"
#include "proto/change.h"

#define JSON_SIZE_MAX ((size_t)64 * 1024 * 1024)
#define LOST_MAX 20

/* --- what this tablet wrote and does not stand ------------------------------------- */

/* One group of one settled change of this tablet that lost against what stands. */
struct lost {
	uint64_t n;
	int64_t made_ms;
	struct evidence evidence;
	const struct group *group;
	struct row row;
};

static const char LOST[] =
	"SELECT j.n,j.made_wall_ms,g.key,j.body FROM ds_journal AS j,json_each(j.outcome,'$.groups') AS g"
	" WHERE j.kind=?1 AND j.id=?2 AND j.state=2 AND json_valid(j.outcome) AND g.value='superseded'"
	" ORDER BY j.n DESC LIMIT 20";

static enum status read_lost(struct cmd *c, const struct kind *kind, sqlite3_stmt *stmt, struct lost *out)
{
	struct change *change = arena_zalloc(&c->arena, sizeof *change);
	const char *name = (const char *)sqlite3_column_text(stmt, 2);
	const int group = name == NULL ? -1 : kind_group(kind, name, strlen(name));
	const struct field *field = NULL;
	enum status st = change == NULL ? ST_NOMEM : ST_OK;

	out->n = (uint64_t)db_column_int(stmt, 0);
	out->made_ms = db_column_int(stmt, 1);
	out->group = group < 0 ? NULL : &kind->groups[group];
	if (st == ST_OK)
		st = change_decode(c->r->schema, sqlite3_column_blob(stmt, 3), (size_t)sqlite3_column_bytes(stmt, 3),
				   &c->arena, change, &field);
	if (st == ST_OK) {
		out->row = change->row;
		out->evidence = change->evidence;
	}
	return st;
}

/* What was lost once may stand again: a decision brought it back, or somebody wrote the same. */
static bool stands_again(const struct entry *entry, const struct lost *lost)
{
	for (size_t f = 0; f < entry->kind->field_count; f++)
		if ((lost->group->mask >> f & 1) != 0 && !value_equal(&lost->row.values[f], &entry->row.values[f]))
			return false;
	return true;
}

static enum status find_lost(struct cmd *c, const struct entry *entry, struct lost **out, size_t *count_out)
{
	struct lost *all = arena_zalloc(&c->arena, LOST_MAX * sizeof *all);
	enum status st = all == NULL ? ST_NOMEM : ST_OK;
	size_t count = 0;
	bool row = false;
	sqlite3_stmt *stmt = st == ST_OK ? db_prepare(&c->r->db, LOST, &st) : NULL;

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 1, entry->kind->num);
	db_bind_id(&c->r->db, stmt, 2, &entry->id);
	while (count < LOST_MAX && (st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		st = read_lost(c, entry->kind, stmt, &all[count]);
		if (st != ST_OK)
			break;
		count += all[count].group != NULL && !stands_again(entry, &all[count]) ? 1 : 0;
	}
	db_done(stmt);
	*out = all;
	*count_out = count;
	return st;
}

/* --- what stands beside a record of its kind ------------------------------------------ */

static bool is_kind(const struct entry *entry, const char *name)
{
	return strcmp(entry->kind->name, name) == 0;
}

static enum status beside_json(struct cmd *c, const struct entry *entry, struct buf *json)
{
	const char *flags = NULL;
	enum status st = ST_OK;

	if (is_kind(entry, "note"))
		return cmd_note_json(c, entry, json);
	if (is_kind(entry, "visit")) {
		st = cmd_visit_flags(c, &entry->id, &flags);
		cmd_json_text(json, "flags", flags);
	}
	return st;
}

/* Of an addendum that corrects: what it corrects. */
static enum status tell_corrected(struct cmd *c, const struct entry *addendum)
{
	const struct kind *kind = schema_kind(c->r->schema, "note", strlen("note"));
	const char *type = entry_text(addendum, "type"), *section = entry_text(addendum, "section");
	const char *text = entry_text(addendum, "text"), *ref = entry_text(addendum, "note");
	struct entry note = { 0 };
	struct id id;
	enum status st;

	if (type == NULL || strcmp(type, "correction") != 0 || section == NULL || text == NULL ||
	    !id_parse(ref, strlen(ref), &id))
		return ST_OK;
	st = entry_read(c->r, kind, &id, &note);
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	(void)putchar('\n');
	cmd_correction_tell("", &note, section, text);
	entry_close(&note);
	return ST_OK;
}

static enum status tell_beside(struct cmd *c, const struct entry *entry)
{
	const char *flags = NULL;
	enum status st = ST_OK;

	if (is_kind(entry, "note"))
		return cmd_note_tell(c, entry);
	if (is_kind(entry, "addendum"))
		return tell_corrected(c, entry);
	if (is_kind(entry, "visit"))
		st = cmd_visit_flags(c, &entry->id, &flags);
	if (flags != NULL)
		printf("\nThis visit %s.\n", flags);
	return st;
}

/* --- for programs ----------------------------------------------------------------- */

static enum status add_conflict(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	struct buf *json = ctx;
	char id[ID_TEXT_SIZE];

	(void)c;
	id_format(&conflict->id, id);
	if (json->data[json->len - 1] != '[')
		buf_add_byte(json, ',');
	buf_printf(json, "{\"id\":\"%s\"", id);
	cmd_json_text(json, "group_name", conflict->group->name);
	buf_printf(json, ",\"candidates\":%s}", conflict->candidates_text);
	return buf_status(json);
}

static void add_lost(struct cmd *c, struct buf *json, const struct kind *kind, const struct lost *lost)
{
	const char *separator = "";

	buf_printf(json, "{\"n\":\"%" PRIu64 "\"", lost->n);
	cmd_json_text(json, "group_name", lost->group->name);
	cmd_json_time(json, "made", lost->made_ms);
	buf_add_str(json, ",\"values\":{");
	for (size_t f = 0; f < kind->field_count; f++) {
		const char *text;

		if ((lost->group->mask >> f & 1) == 0)
			continue;
		text = entry_value_text(&kind->fields[f], &lost->row.values[f], &c->arena);
		buf_printf(json, "%s\"%s\":", separator, kind->fields[f].name);
		if (text == NULL)
			buf_add_str(json, "null");
		else
			buf_add_json(json, text, strlen(text));
		separator = ",";
	}
	buf_add_str(json, "}}");
}

static enum status show_json(struct cmd *c, const struct entry *entry, const char *state, const struct lost *lost,
			     size_t count)
{
	struct buf json;
	enum status st;

	buf_init(&json, JSON_SIZE_MAX);
	kindsql_json_object(&json, entry->kind, &entry->id, &entry->patient, &entry->row, true);
	if (json.len > 0)
		json.len--; /* its last brace: more follows */
	cmd_json_number(&json, "version", entry->version);
	cmd_json_text(&json, "travel", entry->travel);
	cmd_json_text(&json, "caseload", state);
	st = beside_json(c, entry, &json);
	buf_add_str(&json, ",\"conflicts\":[");
	if (st == ST_OK)
		st = buf_status(&json);
	if (st == ST_OK)
		st = cmd_conflict_each(c, entry->kind, &entry->id, add_conflict, &json);
	buf_add_str(&json, "],\"superseded\":[");
	for (size_t i = 0; i < count; i++) {
		buf_add_str(&json, i == 0 ? "" : ",");
		add_lost(c, &json, entry->kind, &lost[i]);
	}
	buf_add_str(&json, "]}");
	if (st == ST_OK)
		st = cmd_json(&json);
	buf_close(&json);
	return st;
}

/* --- for people ------------------------------------------------------------------- */

static enum status tell_conflict(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	char id[ID_TEXT_SIZE];

	(void)ctx;
	id_format(&conflict->id, id);
	printf("\nConflict: %s (conflict/%s)\n", cmd_conflict_about(c, conflict), id);
	cmd_conflict_tell(c, conflict);
	return ST_OK;
}

/* A time of a visit that was corrected, beside the time that was taken. */
static void tell_correction(struct cmd *c, const struct entry *entry, const struct field *field)
{
	const char *words = NULL;

	if (is_kind(entry, "visit") && field->type == TYPE_TIME &&
	    cmd_correction_words(c, entry_text(entry, "edits"), field->name, &words) == ST_OK && words != NULL)
		printf("%-24s %s\n", "", words);
}

/* What a visit's rule means. */
static void tell_rule(const struct entry *entry, const struct field *field)
{
	const char *text = entry_text(entry, field->name);
	char words[RECURRENCE_WORDS_SIZE];

	if (strcmp(entry->kind->name, "visit") != 0 || strcmp(field->name, "recurrence") != 0)
		return;
	recurrence_say(text, strlen(text), words);
	printf("%-24s %s\n", "", words);
}

static void tell_fields(struct cmd *c, const struct entry *entry)
{
	for (size_t f = 0; f < entry->kind->field_count; f++) {
		const struct field *field = &entry->kind->fields[f];
		const char *text;

		if (entry->texts[f] == NULL || strcmp(field->name, "linked_to") == 0)
			continue;
		text = cmd_value(c, field, &entry->row.values[f]);
		if (strchr(text, '\n') == NULL && strlen(text) <= 80 && strlen(field->label) <= 24) {
			printf("%-24s %s\n", field->label, text);
			tell_rule(entry, field);
			tell_correction(c, entry, field);
			continue;
		}
		printf("%s\n", field->label);
		cmd_lines("  ", text);
	}
}

/* Patients who are this one by another record: the link stands at one end only. */
static enum status tell_same(struct cmd *c, const struct entry *patient)
{
	const char *link = entry_text(patient, "linked_to");
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT id,name FROM patient WHERE linked_to=?1 ORDER BY id", &st);

	if (stmt == NULL)
		return st;
	if (link != NULL)
		printf("%-24s patient/%s\n", "The same person as", link);
	db_bind_id(&c->r->db, stmt, 1, &patient->id);
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row)
		printf("%-24s patient/%s, %s\n", "The same person as", (const char *)sqlite3_column_text(stmt, 0),
		       (const char *)sqlite3_column_text(stmt, 1));
	db_done(stmt);
	return st;
}

/* How much of a patient is here. */
static enum status tell_records(struct cmd *c, const struct entry *patient)
{
	enum status st = ST_OK;

	printf("\nOn this tablet\n");
	for (size_t i = 0; st == ST_OK && i < c->r->schema->kind_count; i++) {
		const struct kind *kind = &c->r->schema->kinds[i];
		char sql[96];
		bool row = false;
		sqlite3_stmt *stmt;

		if (!kind_has_patient(kind))
			continue;
		(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\" WHERE patient=?1", kind->name);
		stmt = db_prepare(&c->r->db, sql, &st);
		if (stmt == NULL)
			return st;
		db_bind_id(&c->r->db, stmt, 1, &patient->id);
		st = db_step(&c->r->db, stmt, &row);
		if (st == ST_OK && db_column_int(stmt, 0) > 0)
			printf("  %-22s %" PRId64 "\n", kind->label, db_column_int(stmt, 0));
		db_done(stmt);
	}
	return st;
}

static enum status show_text(struct cmd *c, const struct entry *entry, const char *state, const struct lost *lost,
			     size_t count)
{
	enum status st;

	printf("%s  %s/%s\n%s\n", entry->kind->label, entry->kind->name, entry->id_text, entry->travel);
	if (state != NULL && strcmp(state, "left") == 0)
		puts("The patient is no longer in your caseload: what you write here will be held at the centre.");
	if (state != NULL && strcmp(state, "filling") == 0)
		puts("The patient is still being filled: not everything is on this tablet yet.");
	(void)putchar('\n');
	tell_fields(c, entry);
	for (size_t i = 0; i < count; i++) {
		printf("\nYou wrote on %s (%s), and another value stands; yours is kept in the history:\n",
		       cmd_made(c, &lost[i].evidence, lost[i].made_ms), cmd_group_words(c, entry->kind, lost[i].group));
		cmd_lines("  ", cmd_group_values(c, entry->kind, lost[i].group, &lost[i].row));
	}
	st = tell_beside(c, entry);
	if (st == ST_OK)
		st = cmd_conflict_each(c, entry->kind, &entry->id, tell_conflict, NULL);
	if (st == ST_OK && entry->kind->is_patient)
		st = tell_same(c, entry);
	return st == ST_OK && entry->kind->is_patient ? tell_records(c, entry) : st;
}

static enum status show_body(struct cmd *c)
{
	const struct kind *kind = NULL;
	const char *state = NULL;
	struct lost *lost = NULL;
	size_t count = 0;
	struct entry entry = { 0 };
	struct id id = ID_STAFF;
	enum status st = cmd_ref(c, c->line->words[0], &kind, &id);

	if (st == ST_OK)
		st = cmd_entry(c, kind, &id, &entry);
	if (st != ST_OK)
		return st;
	if (!kind->is_staff)
		st = standing_patient(c->r, &entry.patient, &state);
	if (st == ST_OK)
		st = find_lost(c, &entry, &lost, &count);
	if (st == ST_OK && c->line->json)
		st = show_json(c, &entry, state, lost, count);
	else if (st == ST_OK)
		st = show_text(c, &entry, state, lost, count);
	entry_close(&entry);
	return st;
}

int cmd_show(const struct command_line *line)
{
	return cmd_run(line, show_body);
}
