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
	{ "--from", "TIME", "begins by itself at that time (now)" },
	{ "--until", "TIME", "ends by itself at that time (when it is ended)" },
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
	const char *reason;
	int64_t starts_ms, ends_ms; /* as struct giving has them */
	size_t moved;    /* came into the caseload, or left it */
	size_t stayed;   /* were in it already, and have a reason more */
	size_t awaited;  /* are to come, or are not to come any more */
	size_t already;  /* nothing was to do */
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
		return store->ops->term_patients(store, &r->account.worker, &r->desk->arena, &r->patients, &r->count);
	return store->ops->record_each(store, schema_kind(r->desk->schema, "patient", 7), NULL, patient_visit, r);
}

static enum status roster_times(struct roster *r)
{
	const char *from = r->ends ? NULL : command_option(r->desk->line, "--from");
	const char *until = r->ends ? NULL : command_option(r->desk->line, "--until");
	enum status st = ST_OK;

	r->starts_ms = INT64_MIN;
	r->ends_ms = TERM_NEVER;
	if (from != NULL)
		st = desk_moment(r->desk, from, &r->starts_ms);
	if (st == ST_OK && until != NULL)
		st = desk_moment(r->desk, until, &r->ends_ms);
	return st;
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
	if (st == ST_OK)
		st = roster_times(r);
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

static enum status roster_end(struct roster *r, struct centre_act *act, const struct id *patient)
{
	struct store *store = act->centre->store;
	size_t ended = 0;
	bool was = false;
	enum status st = store->ops->member_is(store, &r->account.worker, patient, &was);

	if (st == ST_OK)
		st = centre_unassign(act, desk_by(r->desk), &r->account.worker, patient, &ended, &r->desk->why);
	r->moved += ended > 0 && was;
	r->awaited += ended > 0 && !was;
	r->already += ended == 0;
	return st;
}

static enum status roster_give(struct roster *r, struct centre_act *act, const struct id *patient)
{
	const struct giving giving = { .worker = r->account.worker, .patient = *patient, .reason = r->reason,
				       .starts_ms = r->starts_ms, .ends_ms = r->ends_ms };
	struct given given = { 0 };
	enum status st = centre_assign(act, desk_by(r->desk), &giving, &given, &r->desk->why);

	r->already += st == ST_EXISTS;
	if (st == ST_EXISTS)
		return r->desk->why.status = ST_OK;
	r->moved += st == ST_OK && !given.was && given.is;
	r->stayed += st == ST_OK && given.was;
	r->awaited += st == ST_OK && !given.was && !given.is;
	return st;
}

static enum status roster_one(struct roster *r, struct centre_act *act, const struct id *patient)
{
	return r->ends ? roster_end(r, act, patient) : roster_give(r, act, patient);
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

static void say_count(struct buf *out, size_t count, const char *one, const char *many)
{
	if (count > 0)
		buf_printf(out, "; %zu %s", count, count == 1 ? one : many);
}

/* ", from 2026-… (given as …)" */
static void say_moment(const struct roster *r, struct buf *out, const char *word, const char *option, int64_t ms)
{
	const char *given = r->ends ? NULL : command_option(r->desk->line, option);

	if (given == NULL)
		return;
	buf_printf(out, ", %s ", word);
	text_moment(out, ms);
	buf_printf(out, " (given as %s)", given);
}

/* "3 patients came into the caseload of Ana Brandt; 1 was in it already." */
static void roster_say(const struct roster *r, struct buf *out)
{
	buf_printf(out, "%zu patient%s %s the caseload of %s", r->moved, r->moved == 1 ? "" : "s",
		   r->ends ? "left" : "came into", r->account.name);
	if (r->ends) {
		say_count(out, r->awaited, "was to come into it, and is not any more", "were to come into it, and are not any more");
		say_count(out, r->already, "was not in it", "were not in it");
	} else {
		say_count(out, r->awaited, "is to come into it", "are to come into it");
		say_count(out, r->stayed, "was in it already and has a reason more to be", "were in it already and have a reason more to be");
		say_count(out, r->already, "was in it already", "were in it already");
		say_moment(r, out, "from", "--from", r->starts_ms);
		say_moment(r, out, "until", "--until", r->ends_ms);
	}
	buf_add_str(out, ".\n");
	if (r->ends && r->moved > 0)
		buf_add_str(out, "Nothing more goes to the tablet. What is written there until it hears of this is still taken, what is"
				  " written then is held.\n");
}

static enum status roster_print(struct roster *r)
{
	struct desk *desk = r->desk;
	struct buf out;
	enum status st;

	buf_init(&out, TEXT_SIZE_MAX);
	if (desk->line->json) {
		buf_add_str(&out, "{");
		text_json_number(&out, r->ends ? "ended" : "assigned", (int64_t)(r->moved + r->stayed + r->awaited));
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

	r.reason = reason != NULL ? reason : "own";
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
