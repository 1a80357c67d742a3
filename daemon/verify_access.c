/* Accounts against the events of history that disabled or enabled them (access.h). */
#include "daemon/verify.h"

#include <stdio.h>
#include <string.h>

#include "daemon/access.h"

#define PLACE_SIZE 160
#define LIST_BYTES_MAX ((size_t)1 << 30)

enum status verify_note_account(struct verify *v, const struct access_event *event)
{
	struct account_mark mark, *marks = (struct account_mark *)(void *)v->accounts.data;

	memset(&mark, 0, sizeof mark);
	mark.worker = event->worker;
	mark.disabled = event->what == ACCESS_WITHDRAWN;
	for (size_t i = 0; i < v->accounts.len / sizeof mark; i++) {
		if (!id_equal(&marks[i].worker, &mark.worker))
			continue;
		marks[i] = mark;
		return ST_OK;
	}
	buf_add(&v->accounts, &mark, sizeof mark);
	return buf_status(&v->accounts);
}

static void check_account(struct verify *v, const struct account *account)
{
	const struct account_mark *marks = (const struct account_mark *)(const void *)v->accounts.data;
	char place[PLACE_SIZE];
	bool disabled = false;

	for (size_t i = 0; i < v->accounts.len / sizeof *marks; i++)
		if (id_equal(&marks[i].worker, &account->worker))
			disabled = marks[i].disabled;
	if (disabled != account->active)
		return;
	(void)snprintf(place, sizeof place, "account %s", account->login);
	verify_say(v, place, disabled ? "history disabled it, and it is active" :
					"it is disabled, and history doesn't say so");
}

enum status verify_accounts(struct verify *v)
{
	struct account *list = NULL;
	struct arena arena;
	size_t count = 0;
	enum status st;

	arena_init(&arena, LIST_BYTES_MAX);
	st = v->store->ops->account_list(v->store, &arena, &list, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		check_account(v, &list[i]);
	arena_close(&arena);
	if (st != ST_CORRUPT)
		return st;
	verify_say(v, "accounts", "one of the accounts can't be read");
	return ST_OK;
}
