/* doorstepd show: a record as it stands, for people: values, who set them and when. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/kindsql.h"
#include "common/recurrence.h"
#include "daemon/cmd.h"
#include "daemon/cmd_note.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit_flags.h"

#define LABEL_COLUMN 22

/* Open conflicts of the record, by group index; zero = none. */
struct view {
	struct desk *desk;
	struct record *record;
	struct buf out;
	struct id conflicts[SCHEMA_FIELDS_MAX];
	bool has_conflict[SCHEMA_FIELDS_MAX];
	struct history setter; /* of setter_seq */
	struct change *change; /* … and what it says; NULL: it can't be read */
	struct id author;      /* … whose value it is */
	uint64_t setter_seq;
};

static bool text_is(const struct record *record, const char *field, const char *text, size_t len)
{
	const int at = kind_field(record->kind, field, strlen(field));
	const struct value *value = at < 0 ? NULL : &record->row.values[at];

	return value != NULL && value->tag == VALUE_TEXT && value->len == len && memcmp(value->text, text, len) == 0;
}

static enum status conflict_visit(void *ctx, const struct record *conflict)
{
	struct view *v = ctx;
	const int name = kind_field(conflict->kind, "group_name", 10);
	const struct kind *kind = v->record->kind;
	char id[ID_TEXT_SIZE];
	int group;

	id_format(&v->record->id, id);
	if (conflict->deleted || !text_is(conflict, "status", "open", 4) ||
	    !text_is(conflict, "record", id, ID_TEXT_LEN) ||
	    !text_is(conflict, "record_kind", kind->name, strlen(kind->name)) ||
	    conflict->row.values[name].tag != VALUE_TEXT)
		return ST_OK;
	group = kind_group(kind, conflict->row.values[name].text, conflict->row.values[name].len);
	if (group >= 0) {
		v->conflicts[group] = conflict->id;
		v->has_conflict[group] = true;
	}
	return ST_OK;
}

static enum status read_setter(struct view *v)
{
	const struct bytes *body = &v->setter.body;
	struct change *change = arena_zalloc(&v->desk->arena, sizeof *change);
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	st = change_decode(v->desk->schema, body->data, body->len, &v->desk->arena, change, NULL);
	v->change = st == ST_OK ? change : NULL;
	return st == ST_NOMEM ? st : ST_OK;
}

/* What the tablet's clocks said when this group was set. */
static const struct evidence *evidence_of(const struct view *v, size_t g)
{
	static const struct evidence none;

	if (v->change == NULL)
		return &none;
	for (size_t i = 0; i < v->change->group_count; i++)
		if (v->change->groups[i].num == v->record->kind->groups[g].num)
			return &v->change->groups[i].evidence;
	return &v->change->evidence;
}

/* Who set this group? Groups that one change set are asked for once. */
static enum status find_setter(struct view *v, uint64_t seq)
{
	struct store *store = v->desk->centre.store;
	enum status st;

	if (seq == v->setter_seq)
		return ST_OK;
	st = store->ops->history_get(store, seq, &v->desk->arena, &v->setter);
	if (st == ST_OK)
		st = read_setter(v);
	if (st == ST_OK)
		st = text_author(v->desk, &v->setter, &v->author);
	if (st == ST_OK)
		v->setter_seq = seq;
	return st;
}

/* --- for people -------------------------------------------------------------------- */

static bool is_empty(const struct record *record, const struct group *group)
{
	for (size_t f = 0; f < record->kind->field_count; f++)
		if ((group->mask >> f & 1) != 0 && record->row.values[f].tag != VALUE_NULL)
			return false;
	return true;
}

/* A group that never held anything is left out. */
static bool is_shown(const struct view *v, size_t g)
{
	const struct record *r = v->record;

	if (r->groups[g].seq == 0)
		return false;
	return v->has_conflict[g] || r->groups[g].seq != r->created_seq || !is_empty(r, &r->kind->groups[g]);
}

/* What a visit's rule means. */
static void print_rule(struct buf *out, const struct kind *kind, size_t f, const struct value *value)
{
	char words[RECURRENCE_WORDS_SIZE];

	if (strcmp(kind->name, "visit") != 0 || strcmp(kind->fields[f].name, "recurrence") != 0 ||
	    value->tag != VALUE_TEXT)
		return;
	recurrence_say(value->text, value->len, words);
	buf_printf(out, "  (%s)", words);
}

/* A label that is too long for its column has a line of its own. */
static void print_label(struct buf *out, const char *label)
{
	const bool fits = strlen(label) <= LABEL_COLUMN;

	if (!fits)
		buf_printf(out, "  %s\n", label);
	buf_printf(out, "  %-*s  ", LABEL_COLUMN, fits ? label : "");
}

static void print_fields(struct view *v, size_t g)
{
	static const struct text_form form = { .indent = LABEL_COLUMN + 4 };
	const struct record *r = v->record;
	const struct kind *kind = r->kind;
	const struct group *group = &kind->groups[g];
	const bool empty = is_empty(r, group);
	char id[ID_TEXT_SIZE];

	for (size_t f = 0; f < kind->field_count; f++) {
		if ((group->mask >> f & 1) == 0 || (!empty && r->row.values[f].tag == VALUE_NULL))
			continue;
		print_label(&v->out, kind->fields[f].label);
		text_value(&v->out, v->desk, &kind->fields[f], &r->row.values[f], &form);
		print_rule(&v->out, kind, f, &r->row.values[f]);
		buf_add_str(&v->out, "\n");
	}
	if (!v->has_conflict[g])
		return;
	id_format(&v->conflicts[g], id);
	buf_printf(&v->out, "  ! Open conflict: others wrote something else here. doorstepd decide conflict/%s\n", id);
}

static enum status print_setter(struct view *v, size_t g)
{
	const struct group_meta *meta = &v->record->groups[g];
	const enum status st = find_setter(v, meta->seq);

	if (st != ST_OK)
		return st;
	buf_add_str(&v->out, "      by ");
	text_who(&v->out, v->desk, &v->author, meta->device);
	buf_add_str(&v->out, ", ");
	text_edit_time(&v->out, &meta->at, evidence_of(v, g));
	buf_add_str(&v->out, meta->decided ? ", as the decision of a conflict\n" : "\n");
	return ST_OK;
}

static enum status print_groups(struct view *v)
{
	const struct record *r = v->record;
	size_t pending = SIZE_MAX;
	enum status st = ST_OK;

	for (size_t g = 0; g < r->kind->group_count && st == ST_OK; g++) {
		if (!is_shown(v, g))
			continue;
		if (pending != SIZE_MAX && r->groups[pending].seq != r->groups[g].seq)
			st = print_setter(v, pending);
		pending = g;
		print_fields(v, g);
	}
	if (st == ST_OK && pending != SIZE_MAX)
		st = print_setter(v, pending);
	return st;
}

/* --- what a patient has ------------------------------------------------------------- */

static enum status count_visit(void *ctx, const struct record *record)
{
	*(size_t *)ctx += !record->deleted;
	return ST_OK;
}

struct managers {
	struct view *view;
	size_t count;
};

static enum status manager_visit(void *ctx, const struct member *member)
{
	struct managers *m = ctx;
	struct view *v = m->view;
	const char *name;

	if (member->to_seq != 0 || !id_equal(&member->patient, &v->record->id))
		return ST_OK;
	name = desk_worker_name(v->desk, &member->worker);
	buf_add_str(&v->out, m->count++ > 0 ? (v->desk->line->json ? "," : ", ") : "");
	if (v->desk->line->json)
		buf_add_json(&v->out, name, strlen(name));
	else
		buf_add_str(&v->out, name);
	return ST_OK;
}

/* Patients who are this one by another record. */
static enum status same_visit(void *ctx, const struct record *patient)
{
	struct managers *m = ctx;
	struct view *v = m->view;
	char id[ID_TEXT_SIZE];

	id_format(&v->record->id, id);
	if (patient->deleted || !text_is(patient, "linked_to", id, ID_TEXT_LEN))
		return ST_OK;
	id_format(&patient->id, id);
	if (v->desk->line->json)
		buf_printf(&v->out, "%s\"%s\"", m->count++ > 0 ? "," : "", id);
	else
		buf_printf(&v->out, "  %-*s  patient/%s\n", LABEL_COLUMN, "The same person as", id);
	return ST_OK;
}

static enum status print_same(struct view *v)
{
	struct store *store = v->desk->centre.store;
	struct managers m = { .view = v };
	const bool json = v->desk->line->json;
	enum status st;

	if (json) {
		text_json_key(&v->out, "linked_from");
		buf_add_str(&v->out, "[");
	}
	st = store->ops->record_each(store, v->record->kind, NULL, same_visit, &m);
	if (json)
		buf_add_str(&v->out, "]");
	return st;
}

static enum status print_managers(struct view *v)
{
	struct store *store = v->desk->centre.store;
	struct managers m = { .view = v };
	const bool json = v->desk->line->json;
	enum status st;

	if (json) {
		text_json_key(&v->out, "care_managers");
		buf_add_str(&v->out, "[");
	} else {
		buf_printf(&v->out, "  %-*s  ", LABEL_COLUMN, "Care managers");
	}
	st = store->ops->member_each(store, manager_visit, &m);
	if (!json)
		buf_add_str(&v->out, m.count == 0 ? "nobody\n" : "\n");
	else
		buf_add_str(&v->out, "]");
	return st;
}

static enum status print_records(struct view *v)
{
	struct store *store = v->desk->centre.store;
	const struct schema *schema = v->desk->schema;
	const bool json = v->desk->line->json;
	enum status st = ST_OK;

	if (json) {
		text_json_key(&v->out, "records");
		buf_add_str(&v->out, "{");
	}
	for (size_t k = 0; k < schema->kind_count && st == ST_OK; k++) {
		const struct kind *kind = &schema->kinds[k];
		size_t count = 0;

		if (!kind_has_patient(kind))
			continue;
		st = store->ops->record_each(store, kind, &v->record->id, count_visit, &count);
		if (st != ST_OK || count == 0)
			continue;
		if (json)
			text_json_number(&v->out, kind->name, (int64_t)count);
		else
			buf_printf(&v->out, "  %-*s  %zu\n", LABEL_COLUMN, kind->label, count);
	}
	if (json)
		buf_add_str(&v->out, "}");
	return st;
}

/* What is odd about a visit's times. */
static enum status print_flags(struct view *v)
{
	const char *words = NULL;
	struct visit_flags *flags = NULL;
	enum status st = visit_flags_load(v->desk, &flags);

	if (st == ST_OK)
		st = visit_flags_of(v->desk, flags, &v->record->id, &words);
	if (st == ST_OK && v->desk->line->json)
		text_json(&v->out, "flags", words);
	else if (st == ST_OK && words != NULL)
		buf_printf(&v->out, "  ! This visit %s.\n", words);
	return st;
}

/* --- for programs -------------------------------------------------------------------- */

static enum status json_group(struct view *v, size_t g)
{
	const struct record *r = v->record;
	const struct group_meta *meta = &r->groups[g];
	struct buf *out = &v->out;
	int64_t wall_ms = 0;
	const enum status st = find_setter(v, meta->seq);

	if (st != ST_OK)
		return st;
	buf_add_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
	text_json(out, "group", r->kind->groups[g].name);
	text_json_number(out, "seq", (int64_t)meta->seq);
	text_json_id(out, "author", &v->author);
	text_json(out, "name", desk_worker_name(v->desk, &v->author));
	text_json_number(out, "device", meta->device);
	text_json_moment(out, "from", meta->at.lo_ms);
	text_json_moment(out, "to", meta->at.hi_ms);
	if (clock_wall_ms(evidence_of(v, g), &wall_ms))
		text_json_moment(out, "tablet_clock", wall_ms);
	else
		text_json(out, "tablet_clock", NULL);
	text_json_bool(out, "decided", meta->decided);
	if (v->has_conflict[g])
		text_json_id(out, "conflict", &v->conflicts[g]);
	else
		text_json(out, "conflict", NULL);
	buf_add_str(out, "}");
	return ST_OK;
}

static enum status json_record(struct view *v)
{
	const struct record *r = v->record;
	struct buf *out = &v->out;
	enum status st = ST_OK;

	kindsql_json_object(out, r->kind, &r->id, &r->patient, &r->row, true);
	if (buf_status(out) != ST_OK)
		return buf_status(out);
	out->len--; /* the closing brace: more follows */
	text_json_number(out, "seq", (int64_t)r->seq);
	text_json_number(out, "created_seq", (int64_t)r->created_seq);
	text_json_bool(out, "deleted", r->deleted);
	text_json_key(out, "groups");
	buf_add_str(out, "[");
	for (size_t g = 0; g < r->kind->group_count && st == ST_OK && buf_status(out) == ST_OK; g++)
		if (r->groups[g].seq != 0)
			st = json_group(v, g);
	buf_add_str(out, "]");
	if (st == ST_OK && r->kind->is_patient)
		st = print_same(v);
	if (st == ST_OK && r->kind->is_patient)
		st = print_managers(v);
	if (st == ST_OK && r->kind->is_patient)
		st = print_records(v);
	if (st == ST_OK && strcmp(r->kind->name, "note") == 0)
		st = note_json(v->desk, r, out);
	if (st == ST_OK && strcmp(r->kind->name, "visit") == 0)
		st = print_flags(v);
	buf_add_str(out, "}\n");
	return st;
}

static enum status people_record(struct view *v)
{
	const struct record *r = v->record;
	enum status st;

	buf_printf(&v->out, "%s  ", r->kind->label);
	text_ref(&v->out, r->kind, &r->id);
	buf_add_str(&v->out, r->deleted ? "  (deleted)\n" : "\n");
	st = print_groups(v);
	if (st == ST_OK && r->kind->is_patient)
		st = print_same(v);
	if (st == ST_OK && r->kind->is_patient)
		st = print_managers(v);
	if (st == ST_OK && r->kind->is_patient)
		st = print_records(v);
	if (st == ST_OK && strcmp(r->kind->name, "note") == 0)
		st = note_print(v->desk, r, &v->out);
	if (st == ST_OK && strcmp(r->kind->name, "visit") == 0)
		st = print_flags(v);
	return st;
}

static enum status show_record(struct view *v)
{
	struct store *store = v->desk->centre.store;
	enum status st = desk_record(v->desk, v->desk->line->words[0], NULL, v->record);

	if (st == ST_OK)
		st = store->ops->record_each(store, schema_kind(v->desk->schema, "conflict", 8), &v->record->patient,
					     conflict_visit, v);
	if (st == ST_OK)
		st = v->desk->line->json ? json_record(v) : people_record(v);
	return st == ST_OK ? text_out(v->desk, &v->out) : st;
}

static enum status show(struct desk *desk)
{
	struct view *v = arena_zalloc(&desk->arena, sizeof *v);
	enum status st;

	if (v == NULL)
		return ST_NOMEM;
	v->desk = desk;
	v->record = arena_zalloc(&desk->arena, sizeof *v->record);
	if (v->record == NULL)
		return ST_NOMEM;
	st = desk_read(desk);
	if (st != ST_OK)
		return st;
	buf_init(&v->out, TEXT_SIZE_MAX);
	st = show_record(v);
	buf_close(&v->out);
	desk_read_end(desk);
	return st;
}

int cmd_show(const struct command_line *line)
{
	return desk_run(line, show);
}
