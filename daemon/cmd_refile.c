/* doorstepd refile: a record of the wrong patient is written anew under the right one, in one transaction. */
#include <stdio.h>
#include <string.h>

#include "common/refile.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

#define REASON_SIZE 160

const struct option_row CMD_REFILE_OPTIONS[] = {
	{ "--patient", "ID", "whose record it is" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

/* A record that names the one which is refiled. */
struct staying {
	struct staying *next;
	const struct kind *kind;
	struct id id;
};

struct filing {
	struct desk *desk;
	struct record *old, *patient;
	struct change *copy;
	uint64_t left_out;
	enum refile_mark mark;
	struct staying *staying;
};

static enum status refuse(struct filing *f, const char *what, const char *next)
{
	return failure_set(&f->desk->why, ST_REFUSED, what, "Nothing was changed.", next);
}

static enum status check(struct filing *f)
{
	if (!refile_possible(f->old->kind))
		return refuse(f, "A record of this kind can't stand under another patient by itself.",
			      "Refile the record that it belongs to, or write it anew there.");
	if (f->old->deleted || f->patient->deleted)
		return refuse(f, "The record or the patient was deleted.", "Look at both with `doorstepd show`.");
	if (id_equal(&f->old->patient, &f->patient->id))
		return refuse(f, "The record is filed under this patient already.", NULL);
	if (refile_is_marked(f->old->kind, &f->old->row))
		return refuse(f, "The record is marked as entered in error already.", NULL);
	return ST_OK;
}

/* --- what stays where it is --------------------------------------------------------- */

static bool names(const struct record *record, const struct filing *f)
{
	for (size_t i = 0; i < record->kind->field_count; i++) {
		const struct field *field = &record->kind->fields[i];
		const struct value *value = &record->row.values[i];
		struct id id;

		if (field->type == TYPE_ID && field->values != NULL && value->tag == VALUE_TEXT &&
		    (field->values[0] == '\0' || strcmp(field->values, f->old->kind->name) == 0) &&
		    id_parse(value->text, value->len, &id) && id_equal(&id, &f->old->id))
			return true;
	}
	return false;
}

static enum status staying_visit(void *ctx, const struct record *record)
{
	struct filing *f = ctx;
	struct staying *one;

	if (record->deleted || id_equal(&record->id, &f->old->id) || !names(record, f))
		return ST_OK;
	one = arena_alloc(&f->desk->arena, sizeof *one);
	if (one == NULL)
		return ST_NOMEM;
	*one = (struct staying){ f->staying, record->kind, record->id };
	f->staying = one;
	return ST_OK;
}

static enum status find_staying(struct filing *f)
{
	const struct schema *schema = f->desk->schema;
	struct store *store = f->desk->centre.store;
	enum status st = ST_OK;

	for (size_t k = 0; k < schema->kind_count && st == ST_OK; k++)
		if (!schema->kinds[k].is_patient && !schema->kinds[k].is_staff)
			st = store->ops->record_each(store, &schema->kinds[k], &f->old->patient, staying_visit, f);
	return st;
}

/* --- writing --------------------------------------------------------------------------- */

static enum status mark_old(struct filing *f, struct centre_act *act)
{
	const struct kind *kind = f->old->kind;
	struct change *change = arena_zalloc(&f->desk->arena, sizeof *change);
	char text[ID_TEXT_SIZE], reason[REASON_SIZE];
	uint64_t mask = 0;

	if (change == NULL)
		return ST_NOMEM;
	id_format(&f->copy->id, text);
	snprintf(reason, sizeof reason, "Filed under the wrong patient; written anew as %s/%s.", kind->name, text);
	change->kind = kind;
	change->id = f->old->id;
	change->row = f->old->row;
	f->mark = refile_mark(kind, &change->row, reason, &mask);
	change->deletes = f->mark == REFILE_DELETED;
	if (change->deletes)
		change->groups[change->group_count++].num = SCHEMA_GROUP_DELETED;
	for (size_t g = 0; g < kind->group_count; g++)
		if ((kind->groups[g].mask & mask) != 0)
			change->groups[change->group_count++].num = kind->groups[g].num;
	return desk_take(f->desk, act, change, NULL);
}

static enum status refile(struct filing *f, struct centre_act *act)
{
	struct desk *desk = f->desk;
	enum status st = desk_record(desk, desk->line->words[0], NULL, f->old);

	if (st == ST_OK)
		st = desk_record(desk, command_option(desk->line, "--patient"), "patient", f->patient);
	if (st == ST_OK)
		st = check(f);
	if (st == ST_OK)
		st = find_staying(f);
	if (st != ST_OK)
		return st;
	f->copy = desk_create(desk, f->old->kind->name);
	if (f->copy == NULL)
		return ST_NOMEM;
	f->copy->patient = f->patient->id;
	refile_copy(f->old->kind, &f->old->row, &f->copy->row, &f->left_out);
	st = desk_take(desk, act, f->copy, NULL);
	return st == ST_OK ? mark_old(f, act) : st;
}

/* --- telling ----------------------------------------------------------------------------- */

static void tell_json(const struct filing *f, struct buf *out)
{
	const struct kind *kind = f->old->kind;
	const char *separator = "";

	buf_add_str(out, "{");
	text_json(out, "kind", kind->name);
	text_json_id(out, "id", &f->copy->id);
	text_json(out, "old", refile_mark_name(f->mark));
	text_json_key(out, "left_out");
	buf_add_str(out, "[");
	for (size_t i = 0; i < kind->field_count; i++) {
		if ((f->left_out >> i & 1) == 0)
			continue;
		buf_printf(out, "%s\"%s\"", separator, kind->fields[i].name);
		separator = ",";
	}
	buf_add_str(out, "]");
	text_json_key(out, "not_moved");
	buf_add_str(out, "[");
	for (const struct staying *one = f->staying; one != NULL; one = one->next) {
		buf_add_str(out, one == f->staying ? "{" : ",{");
		text_json(out, "kind", one->kind->name);
		text_json_id(out, "id", &one->id);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]}\n");
}

static void tell_people(const struct filing *f, struct buf *out)
{
	const struct kind *kind = f->old->kind;

	buf_add_str(out, "Written anew under the other patient: ");
	text_ref(out, kind, &f->copy->id);
	buf_add_str(out, strcmp(kind->name, "note") == 0 ? "\nIt is a draft: its author signs it again.\n" : "\n");
	buf_add_str(out, "What was filed under the wrong patient, ");
	text_ref(out, kind, &f->old->id);
	buf_printf(out, ", is %s.\n", f->mark == REFILE_IN_ERROR ? "marked as entered in error" : refile_mark_name(f->mark));
	for (size_t i = 0; i < kind->field_count; i++)
		if ((f->left_out >> i & 1) != 0)
			buf_printf(out, "Left out, since it names a record of the other patient: %s\n",
				   kind->fields[i].label);
	for (const struct staying *one = f->staying; one != NULL; one = one->next) {
		buf_add_str(out, "Not moved: ");
		text_ref(out, one->kind, &one->id);
		buf_add_str(out, ", which names what was filed wrongly.\n");
	}
}

static enum status refile_work(struct desk *desk)
{
	struct filing f = { .desk = desk, .old = arena_zalloc(&desk->arena, sizeof *f.old),
			    .patient = arena_zalloc(&desk->arena, sizeof *f.patient) };
	struct centre_act act;
	struct buf out;
	enum status st;

	if (f.old == NULL || f.patient == NULL)
		return ST_NOMEM;
	if (command_option(desk->line, "--patient") == NULL)
		return failure_set(&desk->why, ST_USAGE, "It is not said whose record it is.", "Nothing was changed.",
				   "Give --patient ID.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, refile(&f, &act));
	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json)
		tell_json(&f, &out);
	else
		tell_people(&f, &out);
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

int cmd_refile(const struct command_line *line)
{
	return desk_run(line, refile_work);
}
