/* doorstepd patient close, patient reopen.
 *
 * What is still open is said first, with what becomes of it: planned visits, series and tasks
 * are cancelled with the reason; drafts, conflicts and held changes stay to be finished; so
 * do assignments, until somebody ends them. Late work is still accepted. One transaction.
 */
#include <inttypes.h>
#include <string.h>

#include "common/moment.h"
#include "common/recurrence.h"
#include "daemon/cmd.h"
#include "daemon/cmd_text.h"
#include "daemon/cmd_visit.h"
#include "daemon/series.h"

const struct option_row CMD_PATIENT_CLOSE_OPTIONS[] = {
	{ "--patient", "ID", "the patient" },
	{ "--reason", "TEXT", "why; also - or @FILE" },
	{ "--died", "DATE", "the patient has died, on this day" },
	{ "--keep-tasks", NULL, "leave open tasks open" },
	{ "--preview", NULL, "only say what is open and what would become of it" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

const struct option_row CMD_PATIENT_REOPEN_OPTIONS[] = {
	{ "--patient", "ID", "the patient" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

struct list {
	struct arena *arena;
	struct id *ids;
	size_t count, room;
};

struct tablet {
	struct device device;
	const char *name;
};

/* All that is open about a patient. */
struct closing {
	struct desk *desk;
	struct record *patient;
	struct list visits, running, series, tasks, drafts, conflicts;
	struct tablet *tablets;
	size_t tablet_count, held;
	int64_t now_ms;
	struct value died; /* null: not said */
};

static const struct value *field_of(const struct record *record, const char *name)
{
	return &record->row.values[kind_field(record->kind, name, strlen(name))];
}

static bool word_is(const struct record *record, const char *field, const char *word)
{
	const struct value *value = field_of(record, field);

	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

static enum status list_add(struct closing *c, struct list *list, const struct id *id)
{
	if (list->count == list->room) {
		const size_t room = list->room == 0 ? 32 : 2 * list->room;
		struct id *grown = arena_alloc(&c->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (list->count > 0)
			memcpy(grown, list->ids, list->count * sizeof *grown);
		list->ids = grown;
		list->room = room;
	}
	list->ids[list->count++] = *id;
	return ST_OK;
}

/* --- what is open ----------------------------------------------------------------------- */

static enum status see_visit(struct closing *c, const struct record *visit)
{
	struct recurrence rule;
	bool followed = false;
	enum status st = ST_OK;

	if (series_head(visit, &rule, &followed) && followed)
		st = list_add(c, &c->series, &visit->id);
	if (st != ST_OK)
		return st;
	if (visit_is_planned(visit) && field_of(visit, "planned_from")->integer > c->now_ms)
		return list_add(c, &c->visits, &visit->id);
	return visit_is_planned(visit) || visit_is(visit, "in-progress") ? list_add(c, &c->running, &visit->id) : ST_OK;
}

static bool is_open_task(const struct record *task)
{
	return field_of(task, "status")->tag == VALUE_NULL || word_is(task, "status", "open") ||
	       word_is(task, "status", "in-progress");
}

static enum status see(void *ctx, const struct record *record)
{
	struct closing *c = ctx;
	const char *kind = record->kind->name;

	if (record->deleted)
		return ST_OK;
	if (strcmp(kind, "visit") == 0)
		return see_visit(c, record);
	if (strcmp(kind, "task") == 0)
		return is_open_task(record) ? list_add(c, &c->tasks, &record->id) : ST_OK;
	if (strcmp(kind, "note") == 0)
		return field_of(record, "status")->tag == VALUE_NULL || word_is(record, "status", "draft") ?
			       list_add(c, &c->drafts, &record->id) : ST_OK;
	return word_is(record, "status", "open") ? list_add(c, &c->conflicts, &record->id) : ST_OK;
}

static enum status see_held(void *ctx, const struct held *held)
{
	struct closing *c = ctx;

	c->held += id_equal(&held->patient, &c->patient->id);
	return ST_OK;
}

struct carrying {
	struct closing *closing;
	const struct device *devices;
	size_t device_count;
};

/* A care manager's tablets hold the patient. */
static enum status see_member(void *ctx, const struct member *member)
{
	struct carrying *carrying = ctx;
	struct closing *c = carrying->closing;

	if (member->to_seq != 0 || !id_equal(&member->patient, &c->patient->id))
		return ST_OK;
	for (size_t i = 0; i < carrying->device_count; i++) {
		const struct device *device = &carrying->devices[i];

		if (device->revoked || !id_equal(&device->worker, &member->worker))
			continue;
		c->tablets[c->tablet_count++] = (struct tablet){ *device, desk_worker_name(c->desk, &member->worker) };
	}
	return ST_OK;
}

static enum status see_tablets(struct closing *c)
{
	struct store *store = c->desk->centre.store;
	struct carrying carrying = { .closing = c };
	struct device *devices = NULL;
	enum status st = store->ops->device_list(store, &c->desk->arena, &devices, &carrying.device_count);

	if (st != ST_OK || carrying.device_count == 0)
		return st;
	carrying.devices = devices;
	c->tablets = arena_zalloc(&c->desk->arena, carrying.device_count * sizeof *c->tablets);
	return c->tablets == NULL ? ST_NOMEM : store->ops->member_each(store, see_member, &carrying);
}

static enum status look(struct closing *c)
{
	static const char *const kinds[] = { "visit", "task", "note", "conflict" };
	struct store *store = c->desk->centre.store;
	enum status st = ST_OK;

	c->now_ms = c->desk->env.wall_ms(c->desk->env.ctx);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && st == ST_OK; i++)
		st = store->ops->record_each(store, schema_kind(c->desk->schema, kinds[i], strlen(kinds[i])),
					     &c->patient->id, see, c);
	if (st == ST_OK)
		st = store->ops->held_each(store, NULL, NULL, true, see_held, c);
	return st == ST_OK ? see_tablets(c) : st;
}

/* --- saying it ---------------------------------------------------------------------------- */

static void json_list(struct buf *out, const char *key, const struct list *list)
{
	text_json_key(out, key);
	buf_add_str(out, "[");
	for (size_t i = 0; i < list->count; i++) {
		char text[ID_TEXT_SIZE];

		id_format(&list->ids[i], text);
		buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", text);
	}
	buf_add_str(out, "]");
}

static void json_tablets(struct buf *out, const struct closing *c)
{
	text_json_key(out, "tablets");
	buf_add_str(out, "[");
	for (size_t i = 0; i < c->tablet_count; i++) {
		const struct tablet *tablet = &c->tablets[i];

		buf_add_str(out, i > 0 ? ",{" : "{");
		text_json_number(out, "device", tablet->device.device);
		text_json(out, "owner_name", tablet->name);
		text_json_number(out, "pending", (int64_t)tablet->device.health.pending_count);
		if (tablet->device.seen_ms != 0)
			text_json_moment(out, "last_contact", tablet->device.seen_ms);
		else
			text_json(out, "last_contact", NULL);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]");
}

static void say_json(struct buf *out, const struct closing *c, bool preview)
{
	buf_add_str(out, "{");
	text_json_id(out, "id", &c->patient->id);
	text_json_bool(out, "closed", !preview);
	json_list(out, "visits", &c->visits);
	json_list(out, "visits_running", &c->running);
	json_list(out, "series", &c->series);
	json_list(out, "tasks", &c->tasks);
	json_list(out, "drafts", &c->drafts);
	json_list(out, "conflicts", &c->conflicts);
	text_json_number(out, "held", (int64_t)c->held);
	json_tablets(out, c);
	buf_add_str(out, "}\n");
}

static void say_list(struct buf *out, const struct kind *kind, const struct list *list, const char *one,
		     const char *many, const char *becomes)
{
	if (list->count == 0)
		return;
	buf_printf(out, "  %zu %s: %s\n", list->count, list->count == 1 ? one : many, becomes);
	for (size_t i = 0; i < list->count && i < 10; i++) {
		buf_add_str(out, "      ");
		text_ref(out, kind, &list->ids[i]);
		buf_add_str(out, "\n");
	}
	if (list->count > 10)
		buf_printf(out, "      and %zu more\n", list->count - 10);
}

static void say_tablets(struct buf *out, const struct closing *c)
{
	for (size_t i = 0; i < c->tablet_count; i++) {
		const struct tablet *tablet = &c->tablets[i];

		buf_printf(out, "  Tablet %" PRIu32 " of %s holds the patient", tablet->device.device, tablet->name);
		if (tablet->device.seen_ms == 0) {
			buf_add_str(out, " and was never heard of");
		} else {
			buf_printf(out, "; it reported %" PRIu64 " unsent, last heard of ",
				   tablet->device.health.pending_count);
			text_moment(out, tablet->device.seen_ms);
		}
		buf_add_str(out, ": the assignment stays until `doorstepd unassign`\n");
	}
}

static void say_people(struct buf *out, const struct closing *c, bool preview)
{
	const struct schema *schema = c->desk->schema;
	const struct kind *visit = schema_kind(schema, "visit", 5), *task = schema_kind(schema, "task", 4);
	const bool keep = command_switch(c->desk->line, "--keep-tasks");

	buf_add_str(out, preview ? "Nothing was changed. The patient would be closed: " : "The patient is closed: ");
	text_ref(out, c->patient->kind, &c->patient->id);
	buf_add_str(out, "\n");
	say_list(out, visit, &c->visits, "planned visit", "planned visits", "cancelled with the reason");
	say_list(out, visit, &c->series, "series of visits", "series of visits", "ended, nothing more is planned by it");
	say_list(out, visit, &c->running, "visit in progress or overdue", "visits in progress or overdue",
		 "left, to be finished on the tablet");
	say_list(out, task, &c->tasks, "open task", "open tasks", keep ? "kept open" : "cancelled with the reason");
	say_list(out, schema_kind(schema, "note", 4), &c->drafts, "note not signed", "notes not signed",
		 "left, to be finished and signed");
	say_list(out, schema_kind(schema, "conflict", 8), &c->conflicts, "open conflict", "open conflicts",
		 "left, to be decided");
	if (c->held > 0)
		buf_printf(out, "  %zu held change%s: left, to be answered (`doorstepd held`)\n", c->held,
			   c->held == 1 ? "" : "s");
	say_tablets(out, c);
	buf_add_str(out, "What tablets still send about the patient is accepted.\n");
}

static enum status say(struct closing *c, bool preview)
{
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (c->desk->line->json)
		say_json(&out, c, preview);
	else
		say_people(&out, c, preview);
	st = text_out(c->desk, &out);
	buf_close(&out);
	return st;
}

/* --- doing it ------------------------------------------------------------------------------ */

static void group_name(struct change *change, const char *name)
{
	change->groups[change->group_count++].num =
		change->kind->groups[kind_group(change->kind, name, strlen(name))].num;
}

static struct change *edit(struct desk *desk, const struct record *record)
{
	struct change *change = arena_zalloc(&desk->arena, sizeof *change);

	if (change == NULL)
		return NULL;
	change->kind = record->kind;
	change->id = record->id;
	change->row = record->row;
	return change;
}

static enum status cancel_task(struct closing *c, struct centre_act *act, const struct id *id,
			       const struct value *reason)
{
	struct store *store = c->desk->centre.store;
	struct record *task = arena_zalloc(&c->desk->arena, sizeof *task);
	struct change *change;
	enum status st;

	if (task == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, schema_kind(c->desk->schema, "task", 4), id, &c->desk->arena, task);
	change = st == ST_OK ? edit(c->desk, task) : NULL;
	if (change == NULL)
		return st == ST_OK ? ST_NOMEM : st;
	group_name(change, "status");
	visit_put(change, "status", value_string("cancelled"));
	visit_put(change, "reason", *reason);
	return desk_take(c->desk, act, change, NULL);
}

static enum status end_series(struct closing *c, struct centre_act *act, const struct id *id)
{
	struct store *store = c->desk->centre.store;
	struct record *head = arena_zalloc(&c->desk->arena, sizeof *head);
	enum status st;

	if (head == NULL)
		return ST_NOMEM;
	st = store->ops->record_get(store, schema_kind(c->desk->schema, "visit", 5), id, &c->desk->arena, head);
	return st == ST_OK ? visit_set_rule(c->desk, act, head, NULL) : st;
}

static enum status set_patient(struct closing *c, struct centre_act *act, const struct value *reason)
{
	struct change *change = edit(c->desk, c->patient);

	if (change == NULL)
		return ST_NOMEM;
	if (command_option(c->desk->line, "--died") != NULL) {
		group_name(change, "deceased");
		visit_put(change, "deceased", value_int(1));
		visit_put(change, "deceased_date", c->died);
	}
	group_name(change, "status");
	visit_put(change, "status", value_string("closed"));
	visit_put(change, "closed_reason", *reason);
	return desk_take(c->desk, act, change, NULL);
}

static enum status carry_out(struct closing *c, struct centre_act *act, const struct value *reason)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < c->visits.count && st == ST_OK; i++)
		st = visit_cancel(c->desk, act, &c->visits.ids[i], reason);
	for (size_t i = 0; i < c->series.count && st == ST_OK; i++)
		st = end_series(c, act, &c->series.ids[i]);
	if (!command_switch(c->desk->line, "--keep-tasks"))
		for (size_t i = 0; i < c->tasks.count && st == ST_OK; i++)
			st = cancel_task(c, act, &c->tasks.ids[i], reason);
	return st == ST_OK ? set_patient(c, act, reason) : st;
}

/* --died: nobody has died on a day to come, by the agency's calendar. */
static enum status read_died(struct closing *c)
{
	struct desk *desk = c->desk;
	const struct kind *kind = c->patient->kind;
	const char *died = command_option(desk->line, "--died");
	int64_t day = 0, today = 0;
	int minute = 0;
	enum status st;

	c->died = value_null();
	if (died == NULL)
		return ST_OK;
	st = desk_value(desk, &kind->fields[kind_field(kind, "deceased_date", 13)], died, &c->died);
	if (st != ST_OK || c->died.tag != VALUE_TEXT || !date_days(c->died.text, c->died.len, &day))
		return st;
	series_local(&desk->env, series_zone(desk->centre.store, &desk->arena), desk->env.wall_ms(desk->env.ctx), &today,
		     &minute);
	return day <= today ? ST_OK : failure_set(&desk->why, ST_REFUSED, "The day given with --died is still to come.",
						  "Nothing was changed.",
						  "Give the day of the death, as 2026-11-23; no later than today.");
}

static enum status close_patient(struct closing *c, struct centre_act *act)
{
	struct desk *desk = c->desk;
	const struct kind *kind;
	struct value reason = value_null();
	enum status st = desk_record(desk, command_option(desk->line, "--patient"), "patient", c->patient);

	if (st != ST_OK)
		return st;
	kind = c->patient->kind;
	if (c->patient->deleted)
		return failure_set(&desk->why, ST_REFUSED, "This patient's record was deleted.", "Nothing was changed.",
				   "Nothing is left to close.");
	if (word_is(c->patient, "status", "closed"))
		return failure_set(&desk->why, ST_REFUSED, "This patient is closed already.", "Nothing was changed.",
				   "Nothing is left to do; `doorstepd patient reopen` opens the patient again.");
	st = read_died(c);
	if (st != ST_OK)
		return st;
	if (command_option(desk->line, "--reason") != NULL)
		st = desk_value(desk, &kind->fields[kind_field(kind, "closed_reason", 13)],
				command_option(desk->line, "--reason"), &reason);
	if (st == ST_OK)
		st = look(c);
	if (st != ST_OK || command_switch(desk->line, "--preview"))
		return st;
	if (reason.tag == VALUE_NULL)
		return failure_set(&desk->why, ST_USAGE, "It is not said why.", "Nothing was changed.",
				   "Give --reason TEXT, or --preview to see what is open.");
	return carry_out(c, act, &reason);
}

static enum status patient_close(struct desk *desk)
{
	struct closing c = { .desk = desk, .patient = arena_zalloc(&desk->arena, sizeof *c.patient) };
	const bool preview = command_switch(desk->line, "--preview");
	struct centre_act act;
	enum status st;

	if (c.patient == NULL)
		return ST_NOMEM;
	if (command_option(desk->line, "--patient") == NULL)
		return failure_set(&desk->why, ST_USAGE, "Which patient?", "Nothing was changed.",
				   "Give --patient ID and --reason TEXT.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = close_patient(&c, &act);
	if (st == ST_OK && preview)
		centre_act_abort(&act);
	else
		st = desk_act_end(desk, &act, st);
	return st == ST_OK ? say(&c, preview) : st;
}

int cmd_patient_close(const struct command_line *line)
{
	return desk_run(line, patient_close);
}

/* --- reopen ---------------------------------------------------------------------------------- */

static enum status reopen(struct desk *desk, struct centre_act *act, struct record *patient)
{
	struct change *change;
	enum status st = desk_record(desk, command_option(desk->line, "--patient"), "patient", patient);

	if (st != ST_OK)
		return st;
	if (patient->deleted)
		return failure_set(&desk->why, ST_REFUSED, "This patient's record was deleted.", "Nothing was changed.",
				   "Add the patient anew with `doorstepd patient add`.");
	if (!word_is(patient, "status", "closed"))
		return failure_set(&desk->why, ST_REFUSED, "This patient is not closed.", "Nothing was changed.",
				   "Nothing is left to do; `doorstepd show patient/ID` says how the patient stands.");
	change = edit(desk, patient);
	if (change == NULL)
		return ST_NOMEM;
	group_name(change, "status");
	visit_put(change, "status", value_string("active"));
	visit_put(change, "closed_reason", value_null());
	return desk_take(desk, act, change, NULL);
}

static enum status print_reopened(struct desk *desk, const struct record *patient)
{
	const bool died = field_of(patient, "deceased")->integer == 1;
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_id(&out, "id", &patient->id);
		text_json_bool(&out, "closed", false);
		buf_add_str(&out, "}\n");
	} else {
		buf_add_str(&out, "The patient is open again: ");
		text_ref(&out, patient->kind, &patient->id);
		buf_add_str(&out, "\nVisits, series and tasks that were cancelled stay so: plan them anew.\n");
		if (died)
			buf_add_str(&out, "The record still says that the patient has died.\n");
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status patient_reopen(struct desk *desk)
{
	struct record *patient = arena_zalloc(&desk->arena, sizeof *patient);
	struct centre_act act;
	enum status st;

	if (patient == NULL)
		return ST_NOMEM;
	if (command_option(desk->line, "--patient") == NULL)
		return failure_set(&desk->why, ST_USAGE, "Which patient?", "Nothing was changed.", "Give --patient ID.");
	st = desk_act_begin(desk, &act);
	if (st != ST_OK)
		return st;
	st = desk_act_end(desk, &act, reopen(desk, &act, patient));
	return st == ST_OK ? print_reopened(desk, patient) : st;
}

int cmd_patient_reopen(const struct command_line *line)
{
	return desk_run(line, patient_reopen);
}
