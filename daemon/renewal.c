#include "daemon/renewal.h"

#include <string.h>

#include "daemon/series.h"

#define HEADS_SIZE_MAX ((size_t)16 * 1024 * 1024)
#define META_LEFT "series_left" /* entries of LEFT_SIZE */
#define LEFT_SIZE ((size_t)2 * ID_SIZE) /* the first visit's id; who acts, zero = not said */

void renewal_init(struct renewal *renewal)
{
	*renewal = (struct renewal){ 0 };
	arena_init(&renewal->arena, HEADS_SIZE_MAX);
}

void renewal_close(struct renewal *renewal)
{
	arena_close(&renewal->arena);
	renewal->heads = NULL;
}

static enum status look(struct renewal *renewal, struct centre *centre)
{
	struct store *store = centre->store;
	enum status st;

	arena_reset(&renewal->arena);
	renewal->count = renewal->next = 0;
	st = store->ops->begin_read(store);
	if (st != ST_OK)
		return st;
	st = series_heads(store, centre->schema, &renewal->arena, &renewal->heads, &renewal->count);
	store->ops->rollback(store);
	return st;
}

static enum status some(struct renewal *renewal, struct centre *centre)
{
	struct series_room room = { .left = SERIES_ROOM };
	struct centre_act act;
	enum status st = centre_act_begin(&act, centre);

	if (st != ST_OK)
		return st;
	act.in.series_room = &room;
	for (size_t i = 0; i < RENEWAL_SERIES_MAX && renewal->next < renewal->count && room.left > 0 && st == ST_OK; i++)
		st = series_follow(&act.in, &renewal->heads[renewal->next++], NULL);
	if (st == ST_OK)
		return centre_act_commit(&act);
	centre_act_abort(&act);
	return st;
}

/* --- those that were left --------------------------------------------------------- */

/* The list; none is an empty one. */
static enum status left_get(struct store *store, struct arena *arena, struct bytes *out)
{
	const enum status st = store->ops->meta_get(store, META_LEFT, arena, out);

	if (st == ST_NOT_FOUND)
		*out = (struct bytes){ .len = 0 };
	else if (st == ST_OK && out->len % LEFT_SIZE != 0)
		return ST_CORRUPT;
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static bool left_has(const struct bytes *list, const struct id *head)
{
	const uint8_t *bytes = list->data;

	for (size_t at = 0; at < list->len; at += LEFT_SIZE)
		if (memcmp(bytes + at, head->bytes, ID_SIZE) == 0)
			return true;
	return false;
}

enum status renewal_leave(struct store *store, const struct id *head, const struct id *by)
{
	struct bytes list = { 0 };
	struct arena arena;
	uint8_t *longer = NULL;
	enum status st;

	arena_init(&arena, 3 * HEADS_SIZE_MAX);
	st = left_get(store, &arena, &list);
	if (st == ST_OK && !left_has(&list, head)) {
		longer = arena_zalloc(&arena, list.len + LEFT_SIZE);
		st = longer == NULL ? ST_NOMEM : ST_OK;
	}
	if (longer != NULL) {
		if (list.len > 0)
			memcpy(longer, list.data, list.len);
		memcpy(longer + list.len, head->bytes, ID_SIZE);
		if (by != NULL)
			memcpy(longer + list.len + ID_SIZE, by->bytes, ID_SIZE);
		st = store->ops->meta_set(store, META_LEFT, longer, list.len + LEFT_SIZE);
	}
	arena_close(&arena);
	return st;
}

/* Those at the front, as far as there is room; they come off the list in the same transaction. */
static enum status follow_left(struct centre_act *act, const struct bytes *list, size_t *taken_out)
{
	static const struct id nobody;
	struct series_room room = { .left = SERIES_ROOM };
	struct store *store = act->in.store;
	const uint8_t *bytes = list->data;
	size_t at = 0;
	enum status st = ST_OK;

	act->in.series_room = &room;
	while (at < list->len && room.left > 0 && at < RENEWAL_SERIES_MAX * LEFT_SIZE && st == ST_OK) {
		struct id head, by;

		memcpy(head.bytes, bytes + at, ID_SIZE);
		memcpy(by.bytes, bytes + at + ID_SIZE, ID_SIZE);
		st = series_follow(&act->in, &head, id_equal(&by, &nobody) ? NULL : &by);
		at += LEFT_SIZE;
	}
	*taken_out = at;
	if (st == ST_OK)
		st = store->ops->meta_set(store, META_LEFT, at < list->len ? bytes + at : bytes, list->len - at);
	return st;
}

/* *none_out: none was left. */
static enum status some_left(struct centre *centre, bool *none_out, bool *more_out)
{
	struct centre_act act;
	struct bytes list = { 0 };
	struct arena arena;
	size_t taken = 0;
	enum status st = centre_act_begin(&act, centre);

	if (st != ST_OK)
		return st;
	arena_init(&arena, 3 * HEADS_SIZE_MAX);
	st = left_get(centre->store, &arena, &list);
	*none_out = list.len == 0;
	if (st == ST_OK && list.len > 0)
		st = follow_left(&act, &list, &taken);
	*more_out = taken < list.len;
	arena_close(&arena);
	if (st == ST_OK && taken > 0)
		return centre_act_commit(&act);
	centre_act_abort(&act);
	return st;
}

enum status renewal_step(struct renewal *renewal, struct centre *centre, bool *more_out)
{
	bool none = true, left = false;
	enum status st = some_left(centre, &none, &left);

	if (st == ST_OK && none && renewal->heads != NULL)
		st = some(renewal, centre);
	else if (st == ST_OK && none && renewal->all) {
		st = look(renewal, centre);
		renewal->all = false;
	}
	if (st != ST_OK || renewal->next >= renewal->count)
		renewal->heads = NULL;
	if (st == ST_OK)
		*more_out = left || renewal->heads != NULL || renewal->all;
	return st;
}
