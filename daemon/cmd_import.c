/* doorstepd import fhir: records out of FHIR bundles, one transaction a bundle.
 *
 * What is new is created. A group of a record that is here already is written only where
 * its imported value is another than the one that stands, and an import set that one: what
 * people wrote since stays, and is counted; and so is what would alter a closed record
 * (common/closing.h). That a change of device 0 was an import's is known by
 * its being the record's create, or by a mark in the store ("import SEQ").
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/closing.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/fhir.h"

#define RECORD_BYTES_MAX ((size_t)16 * 1024 * 1024)

const struct option_row CMD_IMPORT_OPTIONS[] = {
	{ "--report", NULL, "what was left out, by type and reason" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

struct counts {
	size_t fresh, changed, same; /* records */
	size_t kept, closed;         /* groups: left as people wrote them; left because the record is closed */
};

struct importing {
	struct desk *desk;
	struct centre_act act;
	struct arena arena;    /* of one record */
	struct change *change; /* reused */
	struct counts one, all;
	struct fhir_tally total;
	struct table *table; /* JSON, a row a file */
	size_t failed;
	bool progress;
};

/* --- one record ------------------------------------------------------------------ */

static enum status import_new(struct importing *i, const struct fhir_record *record)
{
	struct change *change = i->change;

	memset(change, 0, sizeof *change);
	change->kind = record->kind;
	change->id = record->id;
	change->patient = record->patient;
	change->create = true;
	change->row = record->row;
	i->one.fresh++;
	return desk_take(i->desk, &i->act, change, NULL);
}

static void mark_name(char out[32], uint64_t seq)
{
	snprintf(out, 32, "import %" PRIu64, seq);
}

/* Would it alter what stays of a closed record? */
static bool is_closed(const struct record *record, const struct row *fresh, const struct group *group)
{
	return closing_is_closed(record->kind, &record->row) &&
	       !closing_allows(record->kind, &record->row, fresh, group->mask);
}

/* Did an import set what stands in this group? */
static enum status is_imported(struct importing *i, const struct record *record, const struct group_meta *meta,
			       bool *out)
{
	struct store *store = i->desk->centre.store;
	struct bytes mark = { 0 };
	char name[32];
	enum status st;

	*out = meta->seq == 0 || (meta->device == 0 && !meta->decided && meta->seq == record->created_seq);
	if (*out || meta->device != 0 || meta->decided)
		return ST_OK;
	mark_name(name, meta->seq);
	st = store->ops->meta_get(store, name, &i->arena, &mark);
	*out = st == ST_OK;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status import_edit(struct importing *i, struct change *change)
{
	struct store *store = i->desk->centre.store;
	uint64_t seq = 0;
	char name[32];
	enum status st = desk_take(i->desk, &i->act, change, &seq);

	if (st != ST_OK)
		return st;
	i->one.changed++;
	mark_name(name, seq);
	return store->ops->meta_set(store, name, "1", 1);
}

static enum status import_again(struct importing *i, const struct fhir_record *fresh, const struct record *record)
{
	const struct kind *kind = fresh->kind;
	struct change *change = i->change;
	enum status st = ST_OK;
	size_t kept = 0;

	memset(change, 0, sizeof *change);
	change->kind = kind;
	change->id = fresh->id;
	for (size_t g = 0; g < kind->group_count && st == ST_OK; g++) {
		const struct group *group = &kind->groups[g];
		bool imported = false;

		if (row_equal(&fresh->row, &record->row, group->mask))
			continue;
		if (is_closed(record, &fresh->row, group)) {
			i->one.closed++;
			continue;
		}
		if (!record->deleted && id_equal(&record->patient, &fresh->patient))
			st = is_imported(i, record, &record->groups[g], &imported);
		if (imported) {
			change->groups[change->group_count++].num = group->num;
			row_copy(&change->row, &fresh->row, group->mask);
		}
		kept += !imported;
	}
	i->one.kept += kept;
	if (st == ST_OK && change->group_count > 0)
		return import_edit(i, change);
	i->one.same++;
	return st;
}

static enum status import_record(struct importing *i, const struct fhir_record *fresh)
{
	struct store *store = i->desk->centre.store;
	struct record *record;
	enum status st;

	arena_reset(&i->arena);
	record = arena_alloc(&i->arena, sizeof *record);
	if (record == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, fresh->kind, &fresh->id, &i->arena, record);
	if (st == ST_NOT_FOUND)
		return import_new(i, fresh);
	return st == ST_OK ? import_again(i, fresh, record) : st;
}

/* --- one file -------------------------------------------------------------------- */

static enum status import_bundle(struct importing *i, const struct fhir_import *bundle)
{
	enum status st = desk_act_begin(i->desk, &i->act);

	if (st != ST_OK)
		return st;
	for (size_t r = 0; r < bundle->count && st == ST_OK; r++)
		st = import_record(i, &bundle->records[r]);
	return desk_act_end(i->desk, &i->act, st);
}

static enum status import_file(struct importing *i, const char *path, struct fhir_import *bundle)
{
	struct failure *why = &i->desk->why;
	char *bytes = NULL;
	size_t len = 0;
	enum status st = files_read(path, FHIR_JSON_MAX, &bytes, &len);

	if (st != ST_OK)
		return failure_set(why, st, st == ST_NOT_FOUND ? "There is no such file." : "The file could not be read.",
				   "Nothing of it was taken.", "Check its name, its size and who may read it.");
	st = fhir_read(i->desk->schema, bytes, len, bundle, why);
	free(bytes);
	if (st == ST_OK)
		st = import_bundle(i, bundle);
	return st;
}

static void print_counts(const struct counts *c, const struct fhir_tally *t, const char *name)
{
	printf("%s: %zu entries = %zu taken + %zu left out; %zu records: %zu new, %zu changed, %zu as before", name,
	       t->entries, t->taken, t->left, t->records, c->fresh, c->changed, c->same);
	if (c->kept > 0)
		printf("; %zu value%s kept, edited by people", c->kept, c->kept == 1 ? "" : "s");
	if (c->closed > 0)
		printf("; %zu value%s kept, the record is closed", c->closed, c->closed == 1 ? "" : "s");
	printf("\n");
}

static void row_of_file(struct importing *i, const char *path, const struct fhir_tally *t, const char *error)
{
	const struct counts *c = &i->one;
	const size_t numbers[] = { t->entries, t->taken, t->left, t->records, c->fresh,
				   c->changed, c->same, c->kept, c->closed };

	text_cell(i->table, path);
	for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
		table_number(i->table, (int64_t)numbers[n]);
	text_cell(i->table, error);
}

/* A broken file is named with its place; the others go on. */
static void file_failed(struct importing *i, const char *path, enum status st)
{
	struct failure *why = &i->desk->why;

	if (why->status == ST_OK)
		(void)failure_set(why, st, NULL, NULL, NULL);
	i->failed++;
	i->one = (struct counts){ 0 };
	if (i->desk->line->json)
		row_of_file(i, path, &(struct fhir_tally){ 0 }, why->what);
	else
		fprintf(stderr, "%s: %s Nothing of this file was taken. %s\n", path, why->what, why->next);
	why->status = ST_OK;
}

static void import_one(struct importing *i, const char *path)
{
	struct fhir_import bundle = { 0 };
	enum status st;

	i->one = (struct counts){ 0 };
	st = import_file(i, path, &bundle);
	if (st != ST_OK) {
		file_failed(i, path, st);
	} else {
		if (i->desk->line->json)
			row_of_file(i, path, &bundle.tally, NULL);
		else
			print_counts(&i->one, &bundle.tally, path);
		fhir_tally_add(&i->total, &bundle.tally);
		i->all.fresh += i->one.fresh;
		i->all.changed += i->one.changed;
		i->all.same += i->one.same;
		i->all.kept += i->one.kept;
		i->all.closed += i->one.closed;
	}
	fhir_close(&bundle);
}

/* --- all of them ------------------------------------------------------------------ */

static enum status print_report(struct importing *i)
{
	static const struct table_column columns[] = {
		{ "type", "Type", CELL_TEXT },
		{ "reason", "Left out because", CELL_TEXT },
		{ "entries", "Entries", CELL_NUMBER },
	};
	struct table *table = table_new(i->desk->line, columns, sizeof columns / sizeof columns[0]);

	for (size_t l = 0; l < i->total.line_count; l++) {
		text_cell(table, i->total.lines[l].type);
		text_cell(table, i->total.lines[l].reason);
		table_number(table, (int64_t)i->total.lines[l].count);
	}
	return text_table(i->desk, table, ST_OK, "Nothing was left out.");
}

static void print_total(const struct importing *i)
{
	char name[64];

	snprintf(name, sizeof name, "In total, %zu file%s", i->desk->line->word_count - i->failed,
		 i->desk->line->word_count - i->failed == 1 ? "" : "s");
	print_counts(&i->all, &i->total, name);
	if (i->failed > 0)
		printf("%zu file%s could not be taken, see above.\n", i->failed, i->failed == 1 ? "" : "s");
	else if (i->all.fresh + i->all.changed == 0)
		printf("Nothing to do: all of this is at the centre already.\n");
}

static struct table *new_table(const struct command_line *line)
{
	static const struct table_column columns[] = {
		{ "file", NULL, CELL_TEXT },	  { "entries", NULL, CELL_NUMBER },   { "taken", NULL, CELL_NUMBER },
		{ "left_out", NULL, CELL_NUMBER }, { "records", NULL, CELL_NUMBER },   { "new", NULL, CELL_NUMBER },
		{ "changed", NULL, CELL_NUMBER },  { "unchanged", NULL, CELL_NUMBER }, { "kept", NULL, CELL_NUMBER },
		{ "closed", NULL, CELL_NUMBER },   { "error", NULL, CELL_TEXT },
	};

	return table_new(line, columns, sizeof columns / sizeof columns[0]);
}

static void import_all(struct importing *i)
{
	const struct command_line *line = i->desk->line;

	for (size_t f = 0; f < line->word_count; f++) {
		if (i->progress)
			fprintf(stderr, "\r[%zu of %zu] ", f + 1, line->word_count);
		import_one(i, line->words[f]);
		fflush(stdout);
	}
	if (i->progress)
		fprintf(stderr, "\r\033[K");
}

static enum status import_fhir(struct desk *desk)
{
	const bool report = command_switch(desk->line, "--report"), json = desk->line->json;
	struct importing *i = calloc(1, sizeof *i);
	enum status st = ST_OK;

	if (i == NULL)
		return ST_NOMEM;
	i->desk = desk;
	i->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	i->change = malloc(sizeof *i->change);
	i->table = new_table(desk->line);
	arena_init(&i->arena, RECORD_BYTES_MAX);
	if (i->change == NULL || i->table == NULL) {
		st = ST_NOMEM;
		goto out;
	}
	import_all(i);
	if (!json)
		print_total(i);
	if (report)
		st = print_report(i);
	if (json && !report) {
		st = text_table(desk, i->table, ST_OK, "");
		i->table = NULL;
	}
	desk->code = i->failed > 0;
	if (st == ST_OK && json && i->failed > 0)
		st = failure_set(&desk->why, ST_INVALID, "Some files could not be taken.", "The others were taken.",
				 "Each file's `error` says what is wrong with it.");
out:
	table_free(i->table);
	arena_close(&i->arena);
	free(i->change);
	free(i);
	return st;
}

int cmd_import(const struct command_line *line)
{
	return desk_run(line, import_fhir);
}
