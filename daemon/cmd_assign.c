/* doorstepd assign, unassign. */
#include <stdio.h>
#include <string.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

/* Pairs of one transaction: --all of a large agency holds the database no longer than this. */
#define PAIRS_MAX 200

const struct option_row CMD_ASSIGN_OPTIONS[] = {
	{ "--user", "LOGIN", "the care manager" },
	{ "--patient", "ID", "a patient; may be repeated" },
	{ "--all", NULL, "every patient" },
	{ "--reason", "WORD", "own, cover or team (own)" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

const struct option_row CMD_UNASSIGN_OPTIONS[] = {
	{ "--user", "LOGIN", "the care manager" },
	{ "--patient", "ID", "a patient; may be repeated" },
	{ "--all", NULL, "the whole caseload" },
	DESK_OPTION_AS,
	{ NULL, NULL, NULL },
};

struct roster {
	struct desk *desk;
	struct account account;
	struct id *patients;
	size_t count, room;
	size_t done, already;
	bool ends;
};

static enum status roster_add(struct roster *r, const struct id *patient)
{
	if (r->count == r->room) {
		const size_t room = r->room == 0 ? 64 : 2 * r->room;
		struct id *grown = arena_alloc(&r->desk->arena, room * sizeof *grown);

		if (grown == NULL)
			return ST_NOMEM;
		if (r->count > 0)
			memcpy(grown, r->patients, r->count * sizeof *grown);
		r->patients = grown;
		r->room = room;
	}
	r->patients[r->count++] = *patient;
	return ST_OK;
}

static enum status patient_visit(void *ctx, const struct record *record)
{
	return record->deleted ? ST_OK : roster_add(ctx, &record->id);
}

static enum status roster_all(struct roster *r)
{
	struct store *store = r->desk->centre.store;

	if (r->ends)
		return store->ops->member_list(store, &r->account.worker, UINT64_MAX, &r->desk->arena, &r->patients,
					       &r->count);
	return store->ops->record_each(store, schema_kind(r->desk->schema, "patient", 7), NULL, patient_visit, r);
}

static enum status roster_read(struct roster *r)
{
	struct desk *desk = r->desk;
	const char *login = command_option(desk->line, "--user");
	const bool all = command_switch(desk->line, "--all");
	size_t count = 0;
	const char *const *named = command_options(desk->line, "--patient", &count);
	enum status st;

	if (login == NULL || all == (count > 0))
		return failure_set(&desk->why, ST_USAGE, "Whose caseload, and which patients?", "Nothing was changed.",
				   "Give --user LOGIN, and --patient ID once or more, or --all.");
	st = desk_account(desk, login, &r->account);
	if (st == ST_OK && all)
		st = roster_all(r);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		const struct kind *kind = NULL;
		struct id id;

		st = desk_ref(desk, named[i], "patient", &kind, &id);
		if (st == ST_OK)
			st = roster_add(r, &id);
	}
	return st;
}

static enum status roster_one(struct roster *r, struct centre_act *act, const struct id *patient)
{
	struct desk *desk = r->desk;
	const char *reason = r->ends ? NULL : command_option(desk->line, "--reason");
	size_t ended = 0;
	enum status st;

	if (r->ends) {
		st = centre_unassign(act, desk_by(desk), &r->account.worker, patient, &ended, &desk->why);
	} else {
		st = centre_assign(act, desk_by(desk), &r->account.worker, patient, reason != NULL ? reason : "own",
				   &desk->why);
		ended = st == ST_OK;
		if (st == ST_EXISTS)
			st = desk->why.status = ST_OK;
	}
	r->done += ended > 0;
	r->already += ended == 0;
	return st;
}

static enum status roster_part(struct roster *r, size_t from)
{
	struct centre_act act;
	enum status st = desk_act_begin(r->desk, &act);

	if (st != ST_OK)
		return st;
	for (size_t i = from; i < r->count && i < from + PAIRS_MAX && st == ST_OK; i++)
		st = roster_one(r, &act, &r->patients[i]);
	return desk_act_end(r->desk, &act, st);
}

/* "3 patients came into the caseload of Ana Brandt; 1 was in it already." */
static void roster_say(const struct roster *r, struct buf *out)
{
	buf_printf(out, "%zu patient%s %s the caseload of %s", r->done, r->done == 1 ? "" : "s",
		   r->ends ? "left" : "came into", r->account.name);
	if (r->already > 0)
		buf_printf(out, "; %zu %s %s", r->already, r->already == 1 ? "was" : "were",
			   r->ends ? "not in it" : "in it already");
	buf_add_str(out, ".\n");
	if (r->ends && r->done > 0)
		buf_add_str(out, "Nothing more goes to the tablet; what it sends of them from now on is held.\n");
}

static enum status roster_print(struct roster *r)
{
	struct desk *desk = r->desk;
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_number(&out, r->ends ? "ended" : "assigned", (int64_t)r->done);
		text_json_number(&out, "unchanged", (int64_t)r->already);
		buf_add_str(&out, "}\n");
	} else {
		roster_say(r, &out);
	}
	st = text_out(desk, &out);
	buf_close(&out);
	return st;
}

static enum status work(struct desk *desk, bool ends)
{
	struct roster r = { .desk = desk, .ends = ends };
	const char *reason = ends ? NULL : command_option(desk->line, "--reason");
	enum status st;

	if (reason != NULL && !values_contain("own|cover|team", reason, strlen(reason)))
		return failure_set(&desk->why, ST_USAGE, "There is no such reason.", "Nothing was changed.",
				   "Take own, cover or team.");
	st = desk_read(desk);
	if (st != ST_OK)
		return st;
	st = roster_read(&r);
	desk_read_end(desk);
	for (size_t from = 0; from < r.count && st == ST_OK; from += PAIRS_MAX)
		st = roster_part(&r, from);
	return st == ST_OK ? roster_print(&r) : st;
}

static enum status assign(struct desk *desk)
{
	return work(desk, false);
}

static enum status unassign(struct desk *desk)
{
	return work(desk, true);
}

int cmd_assign(const struct command_line *line)
{
	return desk_run(line, assign);
}

int cmd_unassign(const struct command_line *line)
{
	return desk_run(line, unassign);
}
