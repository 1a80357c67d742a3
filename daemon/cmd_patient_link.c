/* doorstepd patient link, patient unlink: two patients who are found to be one person.
 *
 * The first names the second; nothing is merged. A patient that others name, names none, and
 * one that names another, is named by none: so there are neither chains nor circles.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

static const struct value *link_of(const struct record *patient)
{
	return &patient->row.values[kind_field(patient->kind, "linked_to", 9)];
}

static enum status refuse(struct desk *desk, const char *what, const char *next)
{
	return failure_set(&desk->why, ST_REFUSED, what, "Nothing was changed.", next);
}

/* "The first is linked to patient/… already." */
static enum status refuse_linked(struct desk *desk, const char *who, const struct value *link, const char *next)
{
	char what[200];

	snprintf(what, sizeof what, "%s is linked to patient/%.*s already.", who, (int)link->len, link->text);
	return refuse(desk, what, next);
}

struct naming {
	const struct id *named;
	struct id by;
	bool found;
};

static enum status naming_visit(void *ctx, const struct record *patient)
{
	struct naming *n = ctx;
	const struct value *link = link_of(patient);
	struct id id;

	if (n->found || patient->deleted || link->tag != VALUE_TEXT || !id_parse(link->text, link->len, &id) ||
	    !id_equal(&id, n->named))
		return ST_OK;
	n->found = true;
	n->by = patient->id;
	return ST_OK;
}

static enum status check(struct desk *desk, const struct record *a, const struct record *b)
{
	struct store *store = desk->centre.store;
	struct naming n = { .named = &a->id };
	char text[ID_TEXT_SIZE], what[200];
	enum status st;

	if (a->deleted || b->deleted)
		return refuse(desk, "One of the two was deleted.", "Check their names with `doorstepd show`.");
	if (id_equal(&a->id, &b->id))
		return refuse(desk, "This is one and the same record.", "Name two.");
	if (link_of(a)->tag == VALUE_TEXT)
		return refuse_linked(desk, "The first", link_of(a), "End that with `doorstepd patient unlink` first.");
	if (link_of(b)->tag == VALUE_TEXT)
		return refuse_linked(desk, "The second", link_of(b), "Link the first to that one.");
	st = store->ops->record_each(store, a->kind, NULL, naming_visit, &n);
	if (st != ST_OK || !n.found)
		return st;
	id_format(&n.by, text);
	snprintf(what, sizeof what, "patient/%s is linked to the first.", text);
	return refuse(desk, what,
		      "Link the second to the first instead, or end that link with `doorstepd patient unlink`.");
}

static enum status set_link(struct desk *desk, struct centre_act *act, const struct record *a, const struct id *b)
{
	struct change *change = arena_zalloc(&desk->arena, sizeof *change);
	char *text = arena_alloc(&desk->arena, ID_TEXT_SIZE);
	const int field = kind_field(a->kind, "linked_to", 9);

	if (change == NULL || text == NULL)
		return ST_NOMEM;
	change->kind = a->kind;
	change->id = a->id;
	change->groups[change->group_count++].num = a->kind->groups[a->kind->fields[field].group].num;
	if (b != NULL) {
		id_format(b, text);
		change->row.values[field] = value_text(text, ID_TEXT_LEN);
	}
	return desk_take(desk, act, change, NULL);
}

static enum status print_link(struct desk *desk, const struct record *a, const struct record *b)
{
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &a->id);
		if (b != NULL)
			text_json_id(&out, "linked_to", &b->id);
		else
			text_json(&out, "linked_to", NULL);
		buf_add_str(&out, "}\n");
	} else {
		text_ref(&out, a->kind, &a->id);
		buf_add_str(&out, b != NULL ? " is marked as the same person as " : " stands by itself again.\n");
		if (b != NULL) {
			text_ref(&out, b->kind, &b->id);
			buf_add_str(&out, ". Nothing was merged: both keep their records.\n");
		}
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status act_link(struct desk *desk, struct centre_act *act, struct record *a, struct record *b)
{
	const char *const *words = desk->line->words;
	enum status st = desk_record(desk, words[0], "patient", a);

	if (st == ST_OK && b != NULL)
		st = desk_record(desk, words[1], "patient", b);
	if (st == ST_OK && b != NULL)
		st = check(desk, a, b);
	if (st == ST_OK && b == NULL && link_of(a)->tag == VALUE_NULL)
		return refuse(desk, "This patient is linked to no other.",
			      "Name the one of the two that says “the same person as”.");
	return st == ST_OK ? set_link(desk, act, a, b == NULL ? NULL : &b->id) : st;
}

static enum status run(struct desk *desk, bool links)
{
	struct record *a = arena_zalloc(&desk->arena, sizeof *a);
	struct record *b = links ? arena_zalloc(&desk->arena, sizeof *b) : NULL;
	struct centre_act act;
	enum status st;

	if (a == NULL || (links && b == NULL))
		return ST_NOMEM;
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, act_link(desk, &act, a, b));
	return st == ST_OK ? print_link(desk, a, b) : st;
}

static enum status patient_link(struct desk *desk)
{
	return run(desk, true);
}

static enum status patient_unlink(struct desk *desk)
{
	return run(desk, false);
}

int cmd_patient_link(const struct command_line *line)
{
	return desk_run(line, patient_link);
}

int cmd_patient_unlink(const struct command_line *line)
{
	return desk_run(line, patient_unlink);
}
