/* doorstepd patients, patient add. */
#include <stdlib.h>
#include <string.h>

#include "common/fold.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

const struct option_row CMD_PATIENTS_OPTIONS[] = {
	{ "--user", "LOGIN", "only those of this care manager's caseload" },
	{ "--find", "TEXT", "only those whose name holds it, whatever its case and accents; also - or @FILE" },
	{ NULL, NULL, NULL },
};

const struct option_row CMD_PATIENT_ADD_OPTIONS[] = {
	{ "--name", "NAME", "the patient's name; also - or @FILE" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

static const struct value *field_of(const struct record *record, const char *name)
{
	static const struct value none;
	const int field = kind_field(record->kind, name, strlen(name));

	return field >= 0 ? &record->row.values[field] : &none;
}

/* --- the list ------------------------------------------------------------------ */

struct listing {
	struct desk *desk;
	struct table *table;
	const char *find; /* folded; NULL = all */
	size_t find_len;
	const struct id *only; /* ascending; NULL = all */
	size_t only_count;
	struct member *members; /* open ones, by patient */
	size_t member_count, member_room;
};

static int by_patient(const void *a, const void *b)
{
	return id_compare(&((const struct member *)a)->patient, &((const struct member *)b)->patient);
}

static int by_id(const void *a, const void *b)
{
	return id_compare(a, b);
}

static enum status member_visit(void *ctx, const struct member *member)
{
	struct listing *l = ctx;

	if (member->to_seq != 0)
		return ST_OK;
	if (l->member_count == l->member_room) {
		const size_t room = l->member_room == 0 ? 256 : 2 * l->member_room;
		struct member *grown = realloc(l->members, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		l->members = grown;
		l->member_room = room;
	}
	l->members[l->member_count++] = *member;
	return ST_OK;
}

static void add_managers(struct listing *l, const struct id *patient)
{
	size_t low = 0, high = l->member_count, count = 0;
	struct buf names;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (id_compare(&l->members[middle].patient, patient) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	buf_init(&names, 4096);
	for (size_t i = low; i < l->member_count && id_equal(&l->members[i].patient, patient); i++)
		buf_printf(&names, "%s%s", count++ > 0 ? ", " : "",
			   desk_worker_name(l->desk, &l->members[i].worker));
	table_text(l->table, count > 0 ? buf_str(&names) : NULL, names.len);
	buf_close(&names);
}

static bool is_found(const struct listing *l, const struct value *name, char *room)
{
	if (l->find == NULL)
		return true;
	return name->tag == VALUE_TEXT &&
	       fold_contains(room, fold_text(name->text, name->len, room), l->find, l->find_len);
}

/* Whoever reads a list of people must see that two of them are one. */
static void cell_status(struct listing *l, const struct value *status, const struct value *link)
{
	struct buf words;

	if (l->desk->line->json || link->tag != VALUE_TEXT) {
		text_cell_value(l->table, status);
		return;
	}
	buf_init(&words, 256);
	if (status->tag == VALUE_TEXT)
		buf_add(&words, status->text, status->len);
	buf_printf(&words, "%sthe same person as patient/%.*s", words.len > 0 ? ", " : "", (int)link->len, link->text);
	table_text(l->table, buf_str(&words), words.len);
	buf_close(&words);
}

static enum status patient_visit(void *ctx, const struct record *record)
{
	struct listing *l = ctx;
	const struct value *name = field_of(record, "name"), *status = field_of(record, "status");
	const struct value *preferred = field_of(record, "preferred_name");
	char *room;
	bool found;

	if (record->deleted)
		return ST_OK;
	if (l->only != NULL && bsearch(&record->id, l->only, l->only_count, sizeof *l->only, by_id) == NULL)
		return ST_OK;
	room = malloc((size_t)name->len + preferred->len + 1);
	if (room == NULL)
		return ST_NOMEM;
	found = is_found(l, name, room) || is_found(l, preferred, room);
	free(room);
	if (!found)
		return ST_OK;
	text_cell_value(l->table, name);
	text_cell_value(l->table, field_of(record, "birth_date"));
	cell_status(l, status, field_of(record, "linked_to"));
	text_cell_value(l->table, field_of(record, "deceased"));
	add_managers(l, &record->id);
	text_cell_value(l->table, field_of(record, "linked_to"));
	text_cell_id(l->table, &record->id);
	return ST_OK;
}

static enum status read_filters(struct desk *desk, struct listing *l)
{
	const char *login = command_option(desk->line, "--user"), *find = command_option(desk->line, "--find");
	struct store *store = desk->centre.store;
	struct account account;
	struct id *only = NULL;
	const char *text = NULL;
	char *folded;
	enum status st = ST_OK;

	if (find != NULL) {
		st = desk_argument(desk, find, &text, &l->find_len);
		folded = st == ST_OK ? arena_copy(&desk->arena, text, l->find_len) : NULL;
		if (st == ST_OK && folded == NULL)
			return ST_NOMEM;
		if (st == ST_OK)
			l->find_len = fold_text(folded, l->find_len, folded);
		l->find = folded;
	}
	if (st == ST_OK && login != NULL) {
		st = desk_account(desk, login, &account);
		if (st == ST_OK)
			st = store->ops->member_list(store, &account.worker, UINT64_MAX, &desk->arena, &only,
						     &l->only_count);
		l->only = only != NULL ? only : &ID_STAFF;
	}
	return st;
}

static enum status patients(struct desk *desk)
{
	static const struct table_column columns[] = {
		{ "name", "Name", CELL_TEXT },	       { "birth_date", "Born", CELL_TEXT },
		{ "status", "Status", CELL_TEXT },     { "deceased", "Deceased", CELL_BOOL },
		{ "care_managers", "Care managers", CELL_TEXT }, { "linked_to", NULL, CELL_ID },
		{ "id", "ID", CELL_ID },
	};
	struct store *store = desk->centre.store;
	struct listing l = { .desk = desk };
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	st = read_filters(desk, &l);
	if (st == ST_OK)
		st = store->ops->member_each(store, member_visit, &l);
	if (st == ST_OK) {
		if (l.member_count > 0)
			qsort(l.members, l.member_count, sizeof *l.members, by_patient);
		l.table = table_new(desk->line, columns, sizeof columns / sizeof columns[0]);
		st = store->ops->record_each(store, schema_kind(desk->schema, "patient", 7), NULL, patient_visit, &l);
	}
	desk_read_end(desk);
	free(l.members);
	table_sort(l.table);
	return text_table(desk, l.table, st, l.find != NULL || l.only != NULL ? "No patient fits." :
					     "There are no patients yet. `doorstepd import fhir FILE` brings some.");
}

int cmd_patients(const struct command_line *line)
{
	return desk_run(line, patients);
}

/* --- add ------------------------------------------------------------------------- */

static enum status print_patient(struct desk *desk, const struct id *id)
{
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", id);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The patient is added: ");
		text_ref(&out, schema_kind(desk->schema, "patient", 7), id);
		buf_add_str(&out, "\n");
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status fill_patient(struct desk *desk, struct change *change)
{
	const struct kind *kind = change->kind;
	const char *name = command_option(desk->line, "--name");
	const int name_at = kind_field(kind, "name", 4), status_at = kind_field(kind, "status", 6);
	enum status st = ST_OK;

	change->row.values[status_at] = value_string("active");
	if (name != NULL)
		st = desk_value(desk, &kind->fields[name_at], name, &change->row.values[name_at]);
	for (size_t i = 0; i < desk->line->word_count && st == ST_OK; i++)
		st = desk_assign(desk, kind, kind->mask_all, desk->line->words[i], &change->row);
	if (st == ST_OK && change->row.values[name_at].tag == VALUE_NULL)
		st = failure_set(&desk->why, ST_USAGE, "The patient has no name yet.", "Nothing was made.",
				 "Give it with --name.");
	return st;
}

static enum status patient_add(struct desk *desk)
{
	struct change *change = desk_create(desk, "patient");
	struct centre_act act;
	enum status st;

	if (change == NULL)
		return ST_NOMEM;
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = fill_patient(desk, change);
	if (st == ST_OK)
		st = desk_take(desk, &act, change, NULL);
	st = desk_act_end(desk, &act, st);
	return st == ST_OK ? print_patient(desk, &change->id) : st;
}

int cmd_patient_add(const struct command_line *line)
{
	return desk_run(line, patient_add);
}
