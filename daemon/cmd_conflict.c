/* doorstepd conflicts, decide. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/kindsql.h"
#include "common/moment.h"
#include "daemon/candidates.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/conflict.h"

const struct option_row CMD_CONFLICTS_OPTIONS[] = {
	{ "--open", NULL, "only those that are not decided" },
	{ NULL, NULL, NULL },
};

const struct option_row CMD_DECIDE_OPTIONS[] = {
	{ "--keep", "current|other|N", "what stands now, the one other value, or a value by its number" },
	{ "--value", "V", "another value, FIELD=V where several belong together; also - or @FILE" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

static bool is_open(const struct record *conflict)
{
	const struct value status = conflict_value(conflict, "status");

	return !conflict->deleted && status.len == 4 && memcmp(status.text, "open", 4) == 0;
}

/* What the functions of intake's files ask for, to read. */
static struct intake reader(struct desk *desk)
{
	return (struct intake){ .store = desk->centre.store, .schema = desk->schema, .env = &desk->env,
				.arena = &desk->arena };
}

/* The record that a conflict is about, as it stands. */
static enum status read_target(struct desk *desk, const struct record *conflict, struct target *target,
			       struct record *standing)
{
	struct store *store = desk->centre.store;
	struct intake in = reader(desk);
	enum status st = target_of(&in, conflict, target);

	if (st == ST_OK)
		st = store->ops->record_get(store, target->kind, &target->id, &desk->arena, standing);
	return st == ST_NOT_FOUND ? ST_CORRUPT : st;
}

/* --- the list ---------------------------------------------------------------------- */

struct listed {
	int64_t opened_ms;
	struct id id;
};

struct conflict_list {
	struct desk *desk;
	struct listed *items;
	size_t count, room;
	bool open_only;
};

static int by_opening(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->opened_ms != y->opened_ms)
		return x->opened_ms < y->opened_ms ? -1 : 1;
	return id_compare(&x->id, &y->id);
}

static enum status conflict_visit(void *ctx, const struct record *conflict)
{
	struct conflict_list *l = ctx;
	const int opened = kind_field(conflict->kind, "opened_at", 9);

	if (conflict->deleted || (l->open_only && !is_open(conflict)))
		return ST_OK;
	if (l->count == l->room) {
		const size_t room = l->room == 0 ? 64 : 2 * l->room;
		struct listed *grown = arena_alloc(&l->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (l->count > 0)
			memcpy(grown, l->items, l->count * sizeof *grown);
		l->items = grown;
		l->room = room;
	}
	l->items[l->count++] = (struct listed){ conflict->row.values[opened].integer, conflict->id };
	return ST_OK;
}

/* Of a text only the sentences that differ: the rest is the same, or was merged. */
static void print_spots(struct buf *out, const json_t *spots, const struct value *value)
{
	for (size_t i = 0; i < json_array_size(spots); i++) {
		const json_t *spot = json_array_get(spots, i);
		const char *stands = json_string_value(json_object_get(spot, "stands"));
		const json_int_t at = json_integer_value(json_object_get(spot, "other_at"));
		const json_int_t len = json_integer_value(json_object_get(spot, "other_len"));
		const bool there = len > 0 && at >= 0 && value->tag == VALUE_TEXT && at + len <= (json_int_t)value->len;

		buf_printf(out, "%swhere it stands as: %s\n       this one has:       ", i == 0 ? "" : "\n       ",
			   stands != NULL && *stands != '\0' ? stands : "(nothing)");
		if (there)
			buf_add(out, value->text + at, (size_t)len);
		else
			buf_add_str(out, "(nothing)");
	}
}

static void print_candidate(struct buf *out, struct desk *desk, const struct target *target, const json_t *one)
{
	const char *from = json_string_value(json_object_get(one, "from"));
	const char *to = json_string_value(json_object_get(one, "to"));
	const char *name = json_string_value(json_object_get(one, "name"));
	const char *device = json_string_value(json_object_get(one, "device"));
	const json_t *values = json_object_get(one, "values");
	struct interval at = { 0 };
	struct row row = { 0 };

	buf_printf(out, "    %" JSON_INTEGER_FORMAT "  ", json_integer_value(json_object_get(one, "n")));
	if (json_is_array(json_object_get(one, "spots")) && json_is_object(values) &&
	    values_read(target, values, &desk->arena, &row) == ST_OK)
		print_spots(out, json_object_get(one, "spots"), &row.values[__builtin_ctzll(target->group->mask)]);
	else if (json_is_object(values) && values_read(target, values, &desk->arena, &row) == ST_OK)
		text_values(out, desk, target->kind, &row, target->group->mask);
	else
		buf_add_str(out, "(too long to show here, or a decision that came too late: see the record's history)");
	buf_printf(out, "\n       by %s, ", name != NULL && strcmp(name, "console") != 0 ? name : "the console");
	if (device != NULL && strcmp(device, "centre") != 0)
		buf_printf(out, "tablet “%s”", device);
	else
		buf_add_str(out, "at the centre");
	if (from != NULL && to != NULL && moment_parse(from, strlen(from), 0, &at.lo_ms) &&
	    moment_parse(to, strlen(to), 0, &at.hi_ms)) {
		buf_add_str(out, ", ");
		text_interval(out, &at);
	}
	buf_add_str(out, "\n");
}

/* What stands, in words of its own only where no candidate has it. */
static void print_standing(struct buf *out, struct desk *desk, const struct target *target, const json_t *candidates,
			   const struct row *standing)
{
	for (size_t i = 0; i < json_array_size(candidates); i++) {
		const json_t *one = json_array_get(candidates, i), *values = json_object_get(one, "values");
		struct row row = { 0 };

		if (!json_is_object(values) || values_read(target, values, &desk->arena, &row) != ST_OK ||
		    !row_equal(&row, standing, target->group->mask))
			continue;
		buf_printf(out, "    Stands now: %" JSON_INTEGER_FORMAT "\n", json_integer_value(json_object_get(one, "n")));
		return;
	}
	buf_add_str(out, "    Stands now: ");
	text_values(out, desk, target->kind, standing, target->group->mask);
	buf_add_str(out, "\n");
}

static void print_end(struct buf *out, struct desk *desk, const struct record *conflict)
{
	const int by_at = kind_field(conflict->kind, "decided_by", 10), at = kind_field(conflict->kind, "decided_at", 10);
	const struct value by = conflict_value(conflict, "decided_by");
	char id[ID_TEXT_SIZE];
	struct id worker = { { 0 } };

	id_format(&conflict->id, id);
	if (is_open(conflict)) {
		buf_printf(out, "    Next: doorstepd decide conflict/%s --keep current|other|N, or --value V\n", id);
		return;
	}
	if (conflict->row.values[by_at].tag == VALUE_TEXT && !id_parse(by.text, by.len, &worker))
		worker = ID_STAFF;
	buf_printf(out, "    Decided by %s at ", desk_worker_name(desk, &worker));
	text_moment(out, conflict->row.values[at].integer);
	buf_add_str(out, "\n");
}

static void patient_name(struct buf *out, struct desk *desk, const struct id *patient)
{
	static const struct text_form form = { 0 };
	struct store *store = desk->centre.store;
	const struct kind *kind = schema_kind(desk->schema, "patient", 7);
	const int name = kind_field(kind, "name", 4);
	struct record *record = arena_alloc(&desk->arena, sizeof *record);

	if (record != NULL && store->ops->record_get(store, kind, patient, &desk->arena, record) == ST_OK)
		text_value(out, desk, &kind->fields[name], &record->row.values[name], &form);
}

/* What people call the group that a conflict is about. */
static void print_group(struct buf *out, const struct target *target)
{
	const char *separator = "";

	if (strcmp(target->group->name, "record") == 0) {
		buf_add_str(out, "the whole record");
		return;
	}
	for (size_t f = 0; f < target->kind->field_count; f++) {
		if ((target->group->mask >> f & 1) == 0)
			continue;
		buf_printf(out, "%s%s", separator, target->kind->fields[f].label);
		separator = ", ";
	}
}

static enum status print_conflict(struct buf *out, struct desk *desk, const struct record *conflict)
{
	const int opened = kind_field(conflict->kind, "opened_at", 9);
	const struct value list = conflict_value(conflict, "candidates");
	struct record *standing = arena_alloc(&desk->arena, sizeof *standing);
	struct target target;
	json_t *candidates;
	enum status st = standing == NULL ? ST_NOMEM : read_target(desk, conflict, &target, standing);

	if (st != ST_OK)
		return st;
	text_ref(out, conflict->kind, &conflict->id);
	buf_printf(out, "  %s, opened ", is_open(conflict) ? "open" : "decided");
	text_moment(out, conflict->row.values[opened].integer);
	buf_add_str(out, "\n    ");
	patient_name(out, desk, &conflict->patient);
	buf_printf(out, ", %s: ", target.kind->label);
	print_group(out, &target);
	buf_add_str(out, " (");
	text_ref(out, target.kind, &target.id);
	buf_add_str(out, ")\n");
	candidates = conflict_json(&list);
	for (size_t i = 0; i < json_array_size(candidates); i++)
		print_candidate(out, desk, &target, json_array_get(candidates, i));
	print_standing(out, desk, &target, candidates, &standing->row);
	json_decref(candidates);
	print_end(out, desk, conflict);
	return ST_OK;
}

static enum status print_list(struct conflict_list *l, struct buf *out)
{
	struct desk *desk = l->desk;
	struct store *store = desk->centre.store;
	const struct kind *kind = schema_kind(desk->schema, "conflict", 8);
	struct record *conflict = arena_alloc(&desk->arena, sizeof *conflict);
	enum status st = conflict == NULL ? ST_NOMEM : ST_OK;

	if (l->count > 0)
		qsort(l->items, l->count, sizeof *l->items, by_opening);
	for (size_t i = 0; i < l->count && st == ST_OK; i++) {
		st = store->ops->record_get(store, kind, &l->items[i].id, &desk->arena, conflict);
		if (st != ST_OK)
			break;
		if (desk->line->json) {
			buf_add_str(out, i == 0 ? "[\n" : ",\n");
			kindsql_json_object(out, kind, &conflict->id, &conflict->patient, &conflict->row, true);
		} else {
			st = print_conflict(out, desk, conflict);
		}
	}
	if (desk->line->json)
		buf_add_str(out, l->count == 0 ? "[]\n" : "\n]\n");
	else if (l->count == 0)
		buf_printf(out, "There are no %sconflicts.\n", l->open_only ? "open " : "");
	return st;
}

static enum status conflicts(struct desk *desk)
{
	struct store *store = desk->centre.store;
	struct conflict_list l = { .desk = desk, .open_only = command_switch(desk->line, "--open") };
	struct buf out;
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	st = store->ops->record_each(store, schema_kind(desk->schema, "conflict", 8), NULL, conflict_visit, &l);
	if (st == ST_OK)
		st = print_list(&l, &out);
	desk_read_end(desk);
	if (st == ST_OK)
		st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

int cmd_conflicts(const struct command_line *line)
{
	return desk_run(line, conflicts);
}

/* --- deciding ---------------------------------------------------------------------- */

/* A decision as it is being made. choice 0: values holds the value. */
struct deciding {
	struct desk *desk;
	struct record *conflict, *standing;
	struct target target;
	unsigned choice;
	struct row values;
};

static enum status refuse_choice(struct desk *desk, const char *what)
{
	return failure_set(&desk->why, ST_USAGE, what, "Nothing was changed.",
			   "`doorstepd conflicts --open` lists the values with their numbers.");
}

/* What stands is the first value, unless something moved on since the conflict opened. */
static void keep_current(struct deciding *d, const json_t *candidates)
{
	const size_t group = (size_t)(d->target.group - d->target.kind->groups);
	const json_t *first = candidate_at(candidates, 1);
	uint64_t seq = 0;

	if (first != NULL && candidate_seq(first, &seq) && seq == d->standing->groups[group].seq)
		d->choice = 1;
	else
		d->values = d->standing->row;
}

static enum status keep(struct deciding *d, const char *word)
{
	const struct value list = conflict_value(d->conflict, "candidates");
	json_t *candidates = conflict_json(&list);
	const size_t count = json_array_size(candidates);
	char *end = NULL;
	unsigned long n;
	enum status st = ST_OK;

	if (strcmp(word, "current") == 0) {
		keep_current(d, candidates);
	} else if (strcmp(word, "other") == 0) {
		d->choice = 2;
		if (count != 2)
			st = refuse_choice(d->desk, "There is not just one other value: choose by number.");
	} else {
		errno = 0;
		n = strtoul(word, &end, 10);
		if (errno != 0 || *word < '1' || *word > '9' || *end != '\0' || n > count)
			st = refuse_choice(d->desk, "There is no value of that number.");
		else
			d->choice = (unsigned)n;
	}
	json_decref(candidates);
	return st;
}

static enum status give(struct deciding *d)
{
	const struct kind *kind = d->target.kind;
	const uint64_t mask = d->target.group->mask;
	size_t count = 0, first = 0;
	const char *const *given = command_options(d->desk->line, "--value", &count);
	enum status st = ST_OK;

	d->values = d->standing->row;
	while ((mask >> first & 1) == 0)
		first++;
	if ((mask & (mask - 1)) == 0)
		return desk_value(d->desk, &kind->fields[first], given[count - 1], &d->values.values[first]);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = desk_assign(d->desk, kind, mask, given[i], &d->values);
	return st;
}

static enum status choose(struct deciding *d)
{
	const char *word = command_option(d->desk->line, "--keep");
	const bool value = command_option(d->desk->line, "--value") != NULL;

	if ((word != NULL) == value)
		return refuse_choice(d->desk, "Which value is to stand? Give either --keep or --value.");
	if (!is_open(d->conflict))
		return failure_set(&d->desk->why, ST_REFUSED, "This conflict is decided already.", "Nothing was changed.",
				   "`doorstepd history` of its record says by whom.");
	return value ? give(d) : keep(d, word);
}

static enum status carry_out(struct deciding *d, struct centre_act *act)
{
	struct desk *desk = d->desk;
	struct change *change = conflict_edit(&act->in, d->conflict->kind, &d->conflict->id);
	const char *json = NULL;
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	if (d->choice == 0 && row_check(d->target.kind, &d->values, d->target.group->mask, true, NULL) != ST_OK)
		return failure_set(&desk->why, ST_INVALID, "The record can't do without one of these values.",
				   "Nothing was changed.", NULL);
	st = conflict_decision(&act->in, d->conflict, d->choice, &d->values, &json);
	if (st != ST_OK)
		return st;
	conflict_edit_group(change, "decision");
	conflict_put(change, "decision", value_string(json));
	return desk_take(desk, act, change, NULL);
}

static enum status decide_in(struct deciding *d, struct centre_act *act)
{
	struct store *store = d->desk->centre.store;
	enum status st = desk_record(d->desk, d->desk->line->words[0], "conflict", d->conflict);

	if (st == ST_OK)
		st = read_target(d->desk, d->conflict, &d->target, d->standing);
	if (st == ST_OK)
		st = choose(d);
	if (st == ST_OK)
		st = carry_out(d, act);
	/* What came of it. */
	if (st == ST_OK)
		st = store->ops->record_get(store, d->conflict->kind, &d->conflict->id, &d->desk->arena, d->conflict);
	return st == ST_OK ? read_target(d->desk, d->conflict, &d->target, d->standing) : st;
}

static enum status print_decision(struct deciding *d)
{
	struct desk *desk = d->desk;
	const bool open = is_open(d->conflict);
	struct buf out;
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		kindsql_json_object(&out, d->target.kind, &d->target.id, &d->standing->patient, &d->standing->row, true);
		buf_add_str(&out, "\n");
	} else {
		buf_add_str(&out, open ? "The conflict stays open: something moved on meanwhile. Stands now: " :
					 "Decided. Stands now: ");
		text_values(&out, desk, d->target.kind, &d->standing->row, d->target.group->mask);
		buf_add_str(&out, "\n");
	}
	desk_read_end(desk);
	st = text_out(desk, &out);
	buf_close(&out);
	desk->code = open;
	return st;
}

static enum status decide(struct desk *desk)
{
	struct deciding *d = arena_zalloc(&desk->arena, sizeof *d);
	struct centre_act act;
	enum status st;

	if (d == NULL)
		return ST_NOMEM;
	d->desk = desk;
	d->conflict = arena_zalloc(&desk->arena, sizeof *d->conflict);
	d->standing = arena_zalloc(&desk->arena, sizeof *d->standing);
	if (d->conflict == NULL || d->standing == NULL)
		return ST_NOMEM;
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, decide_in(d, &act));
	return st == ST_OK ? print_decision(d) : st;
}

int cmd_decide(const struct command_line *line)
{
	return desk_run(line, decide);
}
