#include "tests/support/world_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/journal.h"
#include "proto/limits.h"

struct check {
	struct world *w;
	char *wrong;
	size_t room;
};

static void wrong(struct check *h, const char *format, ...) PRINTF_LIKE(2, 3);
static void wrong(struct check *h, const char *format, ...)
{
	va_list args;

	if (h->wrong[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(h->wrong, h->room, format, args);
	va_end(args);
}

/* --- a tablet against the centre ------------------------------------------------------- */

struct compared {
	struct check *h;
	size_t tablet;
	const struct kind *kind;
	int64_t expected; /* rows that should be there */
};

static bool in_scope(struct compared *c, const struct id *patient)
{
	struct store *store = c->h->w->centre.store;
	bool is = id_equal(patient, &ID_STAFF);

	if (!is && store->ops->member_is(store, &c->h->w->tablets[c->tablet].worker, patient, &is) != ST_OK)
		wrong(c->h, "member_is failed");
	return is;
}

/* Is a change of this group (or of the whole record) held at the centre? */
static bool is_held(struct compared *c, const char *id, int group)
{
	return world_int(&c->h->w->tablets[c->tablet],
			 "SELECT count(*) FROM ds_sent AS s JOIN ds_journal AS j ON j.n = s.n WHERE j.state = 1 AND s.settled = 0"
			 " AND s.kind = %d AND s.id = '%s' AND s.grp IN (%d, -1, 0)",
			 c->kind->num, id, group) > 0;
}

static enum status compare_record(void *ctx, const struct record *record)
{
	struct compared *c = ctx;
	struct replica *r = &c->h->w->tablets[c->tablet].replica;
	char text[ID_TEXT_SIZE];
	struct arena arena;
	struct row row;
	struct id patient;
	int64_t version;
	enum status st;

	if (!in_scope(c, &record->patient))
		return ST_OK;
	id_format(&record->id, text);
	arena_init(&arena, LIMIT_INFLATED_MAX);
	st = replica_read(r, c->kind, &record->id, &arena, &row, &patient, &version);
	if (record->deleted) {
		if (st != ST_NOT_FOUND && !is_held(c, text, 0))
			wrong(c->h, "tablet %zu still has %s/%s, which is deleted", c->tablet, c->kind->name, text);
	} else if (st != ST_OK) {
		if (!is_held(c, text, 0))
			wrong(c->h, "tablet %zu lacks %s/%s", c->tablet, c->kind->name, text);
	} else {
		c->expected++;
		for (size_t g = 0; g < c->kind->group_count; g++)
			if (!row_equal(&row, &record->row, c->kind->groups[g].mask) &&
			    !is_held(c, text, c->kind->groups[g].num))
				wrong(c->h, "tablet %zu has another %s of %s/%s than the centre", c->tablet,
				      c->kind->groups[g].name, c->kind->name, text);
	}
	arena_close(&arena);
	return ST_OK;
}

void world_check_tablet(struct world *w, size_t tablet, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct store *store = w->centre.store;
	struct world_tablet *t = &w->tablets[tablet];

	for (size_t k = 0; k < w->schema->kind_count; k++) {
		struct compared c = { .h = &check, .tablet = tablet, .kind = &w->schema->kinds[k] };

		if (store->ops->record_each(store, c.kind, NULL, compare_record, &c) != ST_OK)
			wrong(&check, "the centre's records could not be read");
	}
	if (world_int(t, "SELECT count(*) FROM ds_dirty") != 0)
		wrong(&check, "tablet %zu still has unsent edits", tablet);
	if (world_int(t, "SELECT count(*) FROM ds_journal WHERE state = 0") != 0)
		wrong(&check, "tablet %zu has changes without an outcome", tablet);
}

/* --- journals and chain ----------------------------------------------------------------- */

static void check_change(struct check *h, size_t tablet, int64_t n)
{
	struct store *store = h->w->centre.store;
	struct world_tablet *t = &h->w->tablets[tablet];
	struct history history;
	struct arena arena;
	struct buf hex;
	char mine[8192];

	arena_init(&arena, LIMIT_INFLATED_MAX);
	buf_init(&hex, sizeof mine);
	world_text(t, mine, sizeof mine, "SELECT hex(body) FROM ds_journal WHERE n = %lld", (long long)n);
	if (store->ops->history_find(store, t->device, (uint64_t)n, NULL, &arena, &history) != ST_OK) {
		wrong(h, "change %lld of tablet %zu is not at the centre", (long long)n, tablet);
	} else {
		for (size_t i = 0; i < history.body.len; i++)
			buf_printf(&hex, "%02X", ((const uint8_t *)history.body.data)[i]);
		if (strcmp(buf_str(&hex), mine) != 0)
			wrong(h, "change %lld of tablet %zu is another at the centre", (long long)n, tablet);
	}
	buf_close(&hex);
	arena_close(&arena);
}

void world_check_journal(struct world *w, size_t tablet, bool proofs, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct world_tablet *t = &w->tablets[tablet];
	const int64_t last = world_int(t, "SELECT max(n) FROM ds_journal");
	struct journal_proof proof;
	struct failure why;

	for (int64_t n = 1; n <= last; n++)
		check_change(&check, tablet, n);
	if (proofs && last > 0 && journal_verify(&t->replica, &proof, &why) != ST_OK)
		wrong(&check, "tablet %zu's journal: %s", tablet, why.what);
}

static void found(void *ctx, const char *place, const char *what)
{
	wrong(ctx, "verify: %s: %s", place, what);
}

void world_check_chain(struct world *w, char *wrong_out, size_t room)
{
	struct check check = { w, wrong_out, room };
	struct verify_report report;

	if (chain_verify(w->centre.store, w->centre.key.public, found, NULL, &check, &report) != ST_OK)
		wrong(&check, "the chain could not be read");
}
