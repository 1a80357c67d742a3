#include "client/cmd_conflict.h"

#include <string.h>

#define WORDS_SIZE_MAX ((size_t)4 * 1024 * 1024)

/* --- reading ---------------------------------------------------------------------- */

static enum status keep_texts(struct cmd *c, const struct entry *entry, struct cmd_conflict *out)
{
	const char *kind = entry_text(entry, "record_kind"), *record = entry_text(entry, "record");
	const char *group = entry_text(entry, "group_name"), *candidates = entry_text(entry, "candidates");
	const char *status = entry_text(entry, "status");
	int index;

	if (kind == NULL || record == NULL || group == NULL || candidates == NULL)
		return ST_CORRUPT;
	out->kind = schema_kind(c->r->schema, kind, strlen(kind));
	if (out->kind == NULL || !id_parse(record, strlen(record), &out->record))
		return ST_CORRUPT;
	index = kind_group(out->kind, group, strlen(group));
	if (index < 0)
		return ST_CORRUPT;
	out->group = &out->kind->groups[index];
	out->open = status != NULL && strcmp(status, "open") == 0;
	out->decided = entry_text(entry, "decision") != NULL;
	out->patient = entry->patient;
	out->opened_ms = entry->row.values[kind_field(entry->kind, "opened_at", strlen("opened_at"))].integer;
	out->candidates_text = arena_copy(&c->arena, candidates, strlen(candidates));
	return out->candidates_text == NULL ? ST_NOMEM : ST_OK;
}

enum status cmd_conflict_read(struct cmd *c, const struct id *id, struct cmd_conflict *out)
{
	const struct kind *kind = NULL;
	struct decision_candidate *candidates = NULL;
	struct entry entry = { 0 };
	enum status st = cmd_kind(c, "conflict", &kind);

	memset(out, 0, sizeof *out);
	out->id = *id;
	if (st == ST_OK)
		st = cmd_entry(c, kind, id, &entry);
	if (st != ST_OK)
		return st;
	st = keep_texts(c, &entry, out);
	entry_close(&entry);
	if (st == ST_OK)
		st = decision_candidates(out->kind, out->group, out->candidates_text, strlen(out->candidates_text),
					 &c->arena, &candidates, &out->count);
	out->candidates = candidates;
	return st;
}

/* Ids first, so that no statement stays open while they are read. */
static enum status collect(struct cmd *c, const struct kind *kind, const struct id *record, struct id **ids_out,
			   size_t *count_out)
{
	enum status st = ST_OK;
	size_t count = 0, room = 0;
	struct id *ids = NULL;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&c->r->db, "SELECT id FROM conflict WHERE status='open' AND (?1 IS NULL OR"
						   " (record_kind=?1 AND record=?2)) ORDER BY opened_at,id", &st);

	if (stmt == NULL)
		return st;
	if (kind != NULL) {
		(void)sqlite3_bind_text(stmt, 1, kind->name, -1, SQLITE_STATIC);
		db_bind_id(&c->r->db, stmt, 2, record);
	}
	while ((st = db_step(&c->r->db, stmt, &row)) == ST_OK && row) {
		if (count == room) {
			struct id *grown = arena_alloc(&c->arena, (2 * room + 16) * sizeof *ids);

			if (grown == NULL) {
				st = ST_NOMEM;
				break;
			}
			if (count > 0)
				memcpy(grown, ids, count * sizeof *ids);
			ids = grown;
			room = 2 * room + 16;
		}
		count += db_column_id(stmt, 0, &ids[count]) ? 1 : 0;
	}
	db_done(stmt);
	*ids_out = ids;
	*count_out = count;
	return st;
}

enum status cmd_conflict_each(struct cmd *c, const struct kind *kind, const struct id *record, cmd_conflict_fn *fn,
			      void *ctx)
{
	struct id *ids = NULL;
	size_t count = 0;
	enum status st = collect(c, kind, record, &ids, &count);

	for (size_t i = 0; st == ST_OK && i < count; i++) {
		struct cmd_conflict conflict = { 0 };

		st = cmd_conflict_read(c, &ids[i], &conflict);
		if (st == ST_OK)
			st = fn(c, &conflict, ctx);
	}
	return st;
}

/* --- printing --------------------------------------------------------------------- */

static const char *keep_words(struct cmd *c, struct buf *words)
{
	const char *text = NULL;

	if (buf_status(words) == ST_OK)
		text = arena_copy(&c->arena, buf_str(words), words->len);
	buf_close(words);
	return text == NULL ? "" : text;
}

const char *cmd_group_words(struct cmd *c, const struct kind *kind, const struct group *group)
{
	struct buf words;

	buf_init(&words, WORDS_SIZE_MAX);
	for (size_t f = 0; f < kind->field_count; f++)
		if ((group->mask >> f & 1) != 0)
			buf_printf(&words, "%s%s", words.len == 0 ? "" : ", ", kind->fields[f].label);
	return keep_words(c, &words);
}

const char *cmd_conflict_about(struct cmd *c, const struct cmd_conflict *conflict)
{
	const bool whole = strcmp(conflict->group->name, "record") == 0;

	return whole ? "the whole record" : cmd_group_words(c, conflict->kind, conflict->group);
}

const char *cmd_group_values(struct cmd *c, const struct kind *kind, const struct group *group, const struct row *row)
{
	const bool alone = (group->mask & (group->mask - 1)) == 0;
	struct buf words;

	buf_init(&words, WORDS_SIZE_MAX);
	for (size_t f = 0; f < kind->field_count; f++) {
		if ((group->mask >> f & 1) == 0 || (!alone && row->values[f].tag == VALUE_NULL))
			continue;
		buf_add_str(&words, words.len == 0 ? "" : ", ");
		if (!alone)
			buf_printf(&words, "%s: ", kind->fields[f].label);
		buf_add_str(&words, cmd_value(c, &kind->fields[f], &row->values[f]));
	}
	if (words.len == 0)
		buf_add_str(&words, "(nothing)");
	return keep_words(c, &words);
}

/* Of a text only the sentences that differ: the rest is the same, or was merged. */
static void tell_spots(const struct decision_candidate *one, const struct value *value)
{
	for (size_t i = 0; i < one->spot_count; i++) {
		const struct decision_spot *spot = &one->spots[i];

		printf("       where it stands as: %s\n", spot->stands[0] == '\0' ? "(nothing)" : spot->stands);
		printf("       this one has:       %.*s\n", spot->place.other_len == 0 ? 9 : (int)spot->place.other_len,
		       spot->place.other_len == 0 ? "(nothing)" : value->text + spot->place.other_at);
	}
}

void cmd_conflict_tell(struct cmd *c, const struct cmd_conflict *conflict)
{
	for (size_t i = 0; i < conflict->count; i++) {
		const struct decision_candidate *one = &conflict->candidates[i];
		char when[CMD_WHEN_SIZE];

		printf("  %u  %s, %s, %s%s\n", one->n, one->name, one->device,
		       cmd_when(c, &(const struct interval){ one->from_ms, one->to_ms }, when), i == 0 ? " (stood first)" : "");
		if (one->spot_count > 0)
			tell_spots(one, &one->row.values[__builtin_ctzll(conflict->group->mask)]);
		else if (one->has_values)
			cmd_lines("       ", cmd_group_values(c, conflict->kind, conflict->group, &one->row));
		else
			puts("       (too long to be shown here; it can be chosen by its number)");
	}
}

/* --- conflicts -------------------------------------------------------------------- */

static enum status add_json(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	char id[ID_TEXT_SIZE], record[ID_TEXT_SIZE], patient[ID_TEXT_SIZE];
	size_t *count = ctx;
	struct buf json;
	enum status st;

	id_format(&conflict->id, id);
	id_format(&conflict->record, record);
	id_format(&conflict->patient, patient);
	buf_init(&json, WORDS_SIZE_MAX);
	buf_printf(&json, "%s{\"id\":\"%s\"", (*count)++ == 0 ? "\n" : ",\n", id);
	cmd_json_text(&json, "patient", patient);
	cmd_json_text(&json, "record_kind", conflict->kind->name);
	cmd_json_text(&json, "record", record);
	cmd_json_text(&json, "group_name", conflict->group->name);
	cmd_json_time(&json, "opened_at", conflict->opened_ms);
	buf_printf(&json, ",\"decided\":%s", conflict->decided ? "true" : "false");
	buf_printf(&json, ",\"candidates\":%s}", conflict->candidates_text);
	st = buf_status(&json);
	if (st == ST_OK)
		(void)fwrite(json.data, 1, json.len, stdout);
	buf_close(&json);
	(void)c;
	return st;
}

const char *cmd_patient_name(struct cmd *c, const struct id *patient)
{
	const struct kind *kind = schema_kind(c->r->schema, "patient", strlen("patient"));
	struct entry entry = { 0 };
	const char *name = NULL;

	if (entry_read(c->r, kind, patient, &entry) != ST_OK)
		return "";
	if (entry_text(&entry, "name") != NULL)
		name = arena_copy(&c->arena, entry_text(&entry, "name"), strlen(entry_text(&entry, "name")));
	entry_close(&entry);
	return name == NULL ? "" : name;
}

struct told {
	size_t count, undecided;
};

static enum status tell(struct cmd *c, const struct cmd_conflict *conflict, void *ctx)
{
	char id[ID_TEXT_SIZE], record[ID_TEXT_SIZE];
	struct told *told = ctx;

	id_format(&conflict->id, id);
	id_format(&conflict->record, record);
	printf("%sconflict/%s\n", told->count++ == 0 ? "" : "\n", id);
	printf("%s, %s: %s (%s/%s)\n", cmd_patient_name(c, &conflict->patient), conflict->kind->label,
	       cmd_conflict_about(c, conflict), conflict->kind->name, record);
	cmd_conflict_tell(c, conflict);
	if (conflict->decided)
		puts("  Decided on this tablet; the centre closes it when the decision has arrived.");
	else
		told->undecided++;
	return ST_OK;
}

static enum status conflicts_body(struct cmd *c)
{
	struct told told = { 0 };
	size_t count = 0;
	enum status st;

	if (c->line->json) {
		(void)fputs("[", stdout);
		st = cmd_conflict_each(c, NULL, NULL, add_json, &count);
		(void)fputs(count == 0 ? "]\n" : "\n]\n", stdout);
		return st;
	}
	st = cmd_conflict_each(c, NULL, NULL, tell, &told);
	if (st == ST_OK && told.count == 0)
		puts("No conflict is open.");
	else if (st == ST_OK && told.undecided > 0)
		puts("\nDecide with `doorstep decide CONFLICT --keep current`, `--keep other`, `--keep N` or `--value V`.");
	return st;
}

int cmd_conflicts(const struct command_line *line)
{
	return cmd_run(line, conflicts_body);
}
