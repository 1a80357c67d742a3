/* number.c - a record's dirty groups become one numbered change (journal.h). */
#include <assert.h>
#include <string.h>

#include "client/draft.h"
#include "client/journal.h"
#include "client/live.h"
#include "client/order.h"
#include "common/closing.h"
#include "common/kindsql.h"
#include "proto/brief.h"
#include "proto/limits.h"

/* All records that wait, some 200 bytes each. */
#define ORDER_SIZE_MAX ((size_t)256 * 1024 * 1024)
/* One record: its row, its bases, what is in flight of it. What is larger than this is
 * over every limit of the wire as well. */
#define RECORD_SIZE_MAX ((size_t)32 * 1024 * 1024)

static enum status attend(struct replica *r, struct draft *d, int group, const char *reason, const struct field *field)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, "INSERT INTO ds_attention(kind,id,grp,reason,field)"
					    " SELECT ?1,?2,?3,?4,?5 WHERE NOT EXISTS(SELECT 1 FROM ds_attention"
					    " WHERE kind=?1 AND id=?2 AND grp=?3)", &d->key, &st);

	d->attended = true;
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 3, group);
	(void)sqlite3_bind_text(stmt, 4, reason, -1, SQLITE_STATIC);
	if (field != NULL)
		(void)sqlite3_bind_text(stmt, 5, field->name, -1, SQLITE_STATIC);
	return db_run(&r->db, stmt);
}

/* The whole record needs attention. */
static enum status attend_all(struct replica *r, struct draft *d, const char *reason)
{
	enum status st = ST_OK;

	if (d->tracks.created)
		return attend(r, d, GROUP_RECORD, reason, NULL);
	for (int slot = 0; slot < slot_count(d->key.kind) && st == ST_OK; slot++)
		if (d->tracks.dirty[slot])
			st = attend(r, d, slot_group(d->key.kind, slot), reason, NULL);
	return st;
}

static const char *bad_reason(const struct field *field, const struct row *row, const struct kind *kind)
{
	const struct value *value = &row->values[field - kind->fields];

	if (value->tag == VALUE_NULL)
		return "required";
	return value_check(field, value) == ST_LIMIT ? "too-long" : "invalid";
}

/* --- what goes -------------------------------------------------------------------- */

/* Does the group hold what the newest change in flight took? */
static enum status as_sent(struct replica *r, struct draft *d, int slot, bool *same_out)
{
	const struct change *sent = NULL;
	const uint64_t mask = slot_mask(d->key.kind, slot);
	enum status st = draft_sent(r, d, d->tracks.flying[slot], &sent);

	*same_out = false;
	if (st != ST_OK || sent == NULL)
		return st;
	if (slot == SLOT_MARK)
		*same_out = sent->deletes == !d->live;
	else
		*same_out = (sent->mask & mask) == mask && row_equal(&sent->row, &d->row, mask);
	return ST_OK;
}

/* Was it typed back to its base? Not if the row has taken something newer than that
 * base meanwhile and no copy of it is kept: then the base's value is a new one here. */
static enum status as_base(struct replica *r, struct draft *d, int slot, bool *same_out)
{
	const struct dirty *dirty = &d->dirty[slot];
	const uint64_t mask = slot_mask(d->key.kind, slot);
	uint64_t seen = 0;
	bool kept = false;
	struct row base;
	enum status st = ST_OK;

	*same_out = false;
	if (dirty->base_values == NULL)
		return ST_OK;
	if (slot == SLOT_MARK) {
		*same_out = strcmp(dirty->base_values, d->live ? "[0]" : "[1]") == 0;
		return ST_OK;
	}
	st = kindsql_from_json(d->key.kind, mask, dirty->base_values, dirty->base_len, d->arena, &base);
	if (st != ST_OK)
		return st == ST_NOMEM ? st : ST_OK;
	if (!row_equal(&base, &d->row, mask))
		return ST_OK;
	st = tracks_seen(r, &d->key, slot_group(d->key.kind, slot), &seen);
	if (st == ST_OK && dirty->base.tag == VERSION_SEQ && seen > dirty->base.seq) {
		char sql[128];

		(void)sqlite3_snprintf(sizeof sql, sql, "SELECT 1 FROM ds_copy WHERE kind=?1 AND id=?2 AND grp=%d",
				       slot_group(d->key.kind, slot));
		st = key_exists(r, sql, &d->key, &kept);
		*same_out = kept;
		return st;
	}
	*same_out = st == ST_OK;
	return st;
}

static enum status drop(struct replica *r, struct draft *d, int slot)
{
	d->dropped = true;
	return key_run_group(r, "DELETE FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp=?3", &d->key,
			     slot_group(d->key.kind, slot));
}

/* One dirty group: dropped, in need of attention, or on its way. */
static enum status consider(struct replica *r, struct draft *d, int slot)
{
	const struct kind *kind = d->key.kind;
	const struct field *bad = NULL;
	bool same = false;
	enum status st = d->tracks.flying[slot] != 0 ? as_sent(r, d, slot, &same) : as_base(r, d, slot, &same);

	if (st != ST_OK)
		return st;
	if (same)
		return drop(r, d, slot);
	if (slot != SLOT_MARK) {
		st = row_check(kind, &d->row, slot_mask(kind, slot), true, &bad);
		if (st != ST_OK)
			return attend(r, d, slot_group(kind, slot), bad_reason(bad, &d->row, kind), bad);
	}
	d->goes[slot] = true;
	d->goes_count++;
	return ST_OK;
}

static enum status consider_create(struct replica *r, struct draft *d)
{
	const struct kind *kind = d->key.kind;
	const struct field *bad = NULL;

	if (row_check(kind, &d->row, kind->mask_all, true, &bad) != ST_OK)
		return attend(r, d, GROUP_RECORD, bad_reason(bad, &d->row, kind), bad);
	for (int slot = 0; slot < slot_count(kind); slot++)
		d->goes[slot] = true;
	d->goes_count = (size_t)slot_count(kind);
	return ST_OK;
}

/* Is this the change that signs a note? Its signature is new here, and what it covers goes with it. */
static bool signs(const struct draft *d)
{
	const struct kind *kind = d->key.kind;
	const int group = kind_group(kind, "signature", 9), digest = kind_field(kind, "digest", 6);
	const struct value *status = kind->closing < 0 ? NULL : &d->row.values[kind->closing];

	return status != NULL && group >= 0 && digest >= 0 && d->live && d->dirty[1 + group].present &&
	       d->row.values[digest].tag != VALUE_NULL && status->tag == VALUE_TEXT &&
	       status->len == strlen(CLOSING_SIGNED) && memcmp(status->text, CLOSING_SIGNED, status->len) == 0;
}

/* A group that the signer did not edit goes along from what this tablet had seen of it. */
static enum status ride_along(struct replica *r, struct draft *d, int slot, const struct dirty *signature)
{
	struct dirty *dirty = &d->dirty[slot];
	uint64_t seen = 0;
	enum status st = ST_OK;

	if (dirty->present)
		return ST_OK;
	*dirty = *signature;
	dirty->edit_first = signature->edit_last;
	dirty->base = (struct version){ .tag = VERSION_OWN, .n = d->tracks.flying[slot] };
	if (d->tracks.flying[slot] != 0)
		return ST_OK;
	st = tracks_seen(r, &d->key, slot_group(d->key.kind, slot), &seen);
	dirty->base = (struct version){ .tag = seen > 0 ? VERSION_SEQ : VERSION_NONE, .seq = seen };
	return st;
}

/* One change that carries every group, as it stands: what was signed is whole, or does not go at all. */
static enum status consider_signing(struct replica *r, struct draft *d)
{
	const struct kind *kind = d->key.kind;
	const struct dirty signature = d->dirty[1 + kind_group(kind, "signature", 9)];
	const struct field *bad = NULL;
	enum status st = ST_OK;

	if (row_check(kind, &d->row, kind->mask_all, true, &bad) != ST_OK)
		return attend(r, d, kind->groups[bad->group].num, bad_reason(bad, &d->row, kind), bad);
	d->signs = true;
	for (int slot = 0; slot < slot_count(kind) && st == ST_OK; slot++) {
		if (slot == SLOT_MARK)
			continue;
		st = ride_along(r, d, slot, &signature);
		d->goes[slot] = true;
		d->goes_count++;
	}
	if (st == ST_OK && d->dirty[SLOT_MARK].present)
		st = consider(r, d, SLOT_MARK);
	return st;
}

static const struct dirty *latest(const struct draft *d)
{
	const struct dirty *latest = d->record.present ? &d->record : NULL;

	for (int slot = 0; slot < slot_count(d->key.kind); slot++)
		if (d->goes[slot] && d->dirty[slot].present &&
		    (latest == NULL || d->dirty[slot].edit_last > latest->edit_last))
			latest = &d->dirty[slot];
	assert(latest != NULL);
	return latest;
}

/* Values of a record that is deleted here and whose mark need not go: the centre deleted it, and a program made it
 * again and deleted it again; or the mark went under an earlier number. As a plain edit they would bring back what
 * everybody deleted. */
static void say_gone(struct draft *d)
{
	if (!d->dirty[SLOT_MARK].present) {
		d->dirty[SLOT_MARK] = *latest(d);
		d->dirty[SLOT_MARK].base = (struct version){ .tag = VERSION_NONE };
	}
	d->goes[SLOT_MARK] = true;
	d->says_gone = true;
}

static enum status consider_all(struct replica *r, struct draft *d)
{
	enum status st = ST_OK;

	d->goes_count = 0;
	memset(d->goes, 0, sizeof d->goes);
	if (d->tracks.created)
		return consider_create(r, d);
	if (signs(d))
		return consider_signing(r, d);
	for (int slot = 0; slot < slot_count(d->key.kind) && st == ST_OK; slot++)
		if (d->dirty[slot].present)
			st = consider(r, d, slot);
	/* What closes a record is the last word on it: it does not go while a part of it can't. */
	if (d->attended && closing_is_closed(d->key.kind, &d->row)) {
		memset(d->goes, 0, sizeof d->goes);
		d->goes_count = 0;
	}
	if (st == ST_OK && !d->live && d->goes_count > 0 && !d->goes[SLOT_MARK])
		say_gone(d);
	return st;
}

/* --- the change ------------------------------------------------------------------- */

static void fill_change(struct draft *d)
{
	const struct kind *kind = d->key.kind;
	struct change *change = &d->change;

	memset(change, 0, sizeof *change);
	change->kind = kind;
	change->id = d->key.id;
	change->patient = d->patient;
	change->create = d->tracks.created;
	change->evidence = latest(d)->evidence;
	change->deletes = d->goes[SLOT_MARK] && !d->live;
	change->restores = !change->create && d->goes[SLOT_MARK] && d->live;
	for (int slot = 0; slot < slot_count(kind) && !change->create; slot++) {
		struct change_group *group = &change->groups[change->group_count];

		if (!d->goes[slot])
			continue;
		group->num = (uint8_t)slot_group(kind, slot);
		group->base = d->dirty[slot].base;
		group->evidence = d->dirty[slot].evidence;
		change->mask |= slot_mask(kind, slot);
		change->group_count++;
	}
	if (change->create)
		change->mask = kind->mask_all;
	row_copy(&change->row, &d->row, change->mask);
}

/* Half of an edit's groups stay behind, for another number. */
static void halve(struct draft *d)
{
	size_t left = d->goes_count / 2;

	for (int slot = 0; slot < slot_count(d->key.kind); slot++) {
		if (!d->goes[slot] || (slot == SLOT_MARK && d->says_gone))
			continue;
		if (left > 0)
			left--;
		else
			d->goes[slot] = false;
	}
	d->goes_count /= 2;
	d->again = true;
}

/* The body of as many groups as fit; none: *fits_out is false. */
static enum status encode(struct draft *d, struct buf *body, bool *fits_out)
{
	enum status st = ST_OK;

	for (;;) {
		fill_change(d);
		buf_reset(body);
		st = change_encode(body, &d->change);
		if (st == ST_OK)
			st = buf_status(body);
		*fits_out = st == ST_OK;
		if (st != ST_LIMIT)
			return st;
		if (d->change.create || d->signs || d->goes_count < 2)
			return ST_OK;
		halve(d);
	}
}

/* The texts from which the edit was made, by field number: of the groups that start where the first one does. */
static enum status base_texts(const struct draft *d, struct bytes texts[256])
{
	const struct kind *kind = d->key.kind;
	const struct version *first = d->change.group_count > 0 ? &d->change.groups[0].base : NULL;

	memset(texts, 0, 256 * sizeof *texts);
	for (int slot = 1; slot < slot_count(kind) && first != NULL; slot++) {
		const struct dirty *dirty = &d->dirty[slot];
		const uint64_t mask = slot_mask(kind, slot);
		struct row base = { 0 };
		enum status st;

		if (!d->goes[slot] || dirty->base_values == NULL || dirty->base.tag != VERSION_SEQ ||
		    dirty->base.seq != first->seq)
			continue;
		st = kindsql_from_json(kind, mask, dirty->base_values, dirty->base_len, d->arena, &base);
		if (st == ST_NOMEM)
			return st;
		for (size_t f = 0; st == ST_OK && f < kind->field_count; f++)
			if ((mask >> f & 1) != 0 && base.values[f].tag == VALUE_TEXT)
				texts[kind->fields[f].num] = (struct bytes){ base.values[f].text, base.values[f].len };
	}
	return ST_OK;
}

/* How the body travels, where that is shorter; else *brief is empty. */
static enum status make_brief(const struct draft *d, const struct buf *body, struct buf *brief)
{
	struct bytes texts[256];
	enum status st = base_texts(d, texts);

	if (st == ST_OK)
		st = brief_encode(brief, &(struct bytes){ body->data, body->len }, texts);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status insert_journal(struct replica *r, const struct draft *d, uint64_t n, const struct buf *body,
				  const struct digest *digest, const struct buf *brief)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, "INSERT INTO ds_journal(kind,id,n,origin,patient,body,digest,state,"
					    "made_wall_ms,brief) VALUES(?1,?2,?3,?4,?5,?6,?7,0,?8,?9)", &d->key, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)n);
	(void)sqlite3_bind_int64(stmt, 4, r->identity.device);
	db_bind_id(&r->db, stmt, 5, &d->patient);
	(void)sqlite3_bind_blob(stmt, 6, body->data, (int)body->len, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 7, digest->bytes, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 8, r->env->wall_ms(r->env->ctx));
	if (brief->len > 0)
		(void)sqlite3_bind_blob(stmt, 9, brief->data, (int)brief->len, SQLITE_STATIC);
	return db_run(&r->db, stmt);
}

static enum status insert_sent(struct replica *r, const struct draft *d, uint64_t n, int group,
			       const struct dirty *range)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = key_prepare(r, "INSERT INTO ds_sent(kind,id,n,grp,edit_first,edit_last,base_seq,base_n,"
					    "settled) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,0)", &d->key, &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)n);
	(void)sqlite3_bind_int(stmt, 4, group);
	(void)sqlite3_bind_int64(stmt, 5, range->edit_first);
	(void)sqlite3_bind_int64(stmt, 6, range->edit_last);
	if (range->base.tag == VERSION_SEQ)
		(void)sqlite3_bind_int64(stmt, 7, (int64_t)range->base.seq);
	else if (range->base.tag == VERSION_OWN)
		(void)sqlite3_bind_int64(stmt, 8, (int64_t)range->base.n);
	return db_run(&r->db, stmt);
}

/* The edits of a create's group: from the record's first to the group's own last one,
 * which is the first again where only the record as such was noted. */
static struct dirty create_range(const struct draft *d, int slot)
{
	struct dirty range = { .edit_first = d->record.edit_first, .edit_last = d->record.edit_first };

	if (d->dirty[slot].present && d->dirty[slot].edit_last > range.edit_last)
		range.edit_last = d->dirty[slot].edit_last;
	return range;
}

static enum status note_sent(struct replica *r, const struct draft *d, uint64_t n)
{
	const struct kind *kind = d->key.kind;
	enum status st = ST_OK;

	if (d->change.create) {
		struct dirty record = d->record;

		record.edit_last = latest(d)->edit_last;
		st = insert_sent(r, d, n, GROUP_RECORD, &record);
	}
	for (int slot = 0; slot < slot_count(kind) && st == ST_OK; slot++) {
		const int group = slot_group(kind, slot);
		const struct dirty range = d->change.create ? create_range(d, slot) : d->dirty[slot];

		if (!d->goes[slot])
			continue;
		st = insert_sent(r, d, n, group, &range);
		if (st == ST_OK && !d->change.create)
			st = key_run_group(r, "DELETE FROM ds_dirty WHERE kind=?1 AND id=?2 AND grp=?3", &d->key, group);
	}
	if (st == ST_OK && d->change.create)
		st = key_run(r, "DELETE FROM ds_dirty WHERE kind=?1 AND id=?2", &d->key);
	return st;
}

/* The running digest of all numbers given takes in the next one. */
static enum status run_on(struct replica *r, struct arena *arena, uint64_t n, const struct digest *digest)
{
	struct digest run = { { 0 } };
	const void *data = NULL;
	size_t len = 0;
	enum status st = replica_meta_blob(r, "run", arena, &data, &len);

	if (st == ST_OK && len == DIGEST_SIZE)
		memcpy(run.bytes, data, DIGEST_SIZE);
	else if (st != ST_NOT_FOUND || n != 1)
		return st == ST_OK || st == ST_NOT_FOUND ? ST_CORRUPT : st;
	change_run(&run, n, digest);
	return replica_meta_set_blob(r, "run", run.bytes, DIGEST_SIZE);
}

static enum status give_number(struct replica *r, struct draft *d, struct buf *body, bool *given_out)
{
	struct digest digest;
	struct buf brief;
	int64_t last_n = 0;
	uint64_t n;
	bool fits = false;
	enum status st = encode(d, body, &fits);

	*given_out = false;
	if (st == ST_OK && !fits)
		return attend_all(r, d, "too-long");
	if (st == ST_OK)
		st = replica_meta_int(r, "last_n", &last_n);
	if (st != ST_OK)
		return st;
	n = (uint64_t)last_n + 1;
	change_digest(&digest, body->data, body->len);
	buf_init(&brief, LIMIT_CHANGE_MAX);
	st = make_brief(d, body, &brief);
	if (st == ST_OK)
		st = insert_journal(r, d, n, body, &digest, &brief);
	buf_close(&brief);
	if (st == ST_OK)
		st = note_sent(r, d, n);
	if (st == ST_OK)
		st = run_on(r, d->arena, n, &digest);
	if (st == ST_OK)
		st = replica_meta_set_int(r, "last_n", (int64_t)n);
	*given_out = st == ST_OK;
	return st;
}

/* --- all of it -------------------------------------------------------------------- */

/* What one run of numbering uses, record after record. */
struct numbering {
	struct arena arena; /* of one record */
	struct buf body;
	size_t count;       /* numbers given */
	bool again;         /* the record was too large for one change: more of it goes */
};

static enum status number_loaded(struct replica *r, struct numbering *run, struct draft *d)
{
	bool given = false;
	enum status st = consider_all(r, d);

	if (st == ST_OK && d->goes_count > 0)
		st = give_number(r, d, &run->body, &given);
	if (st == ST_OK && d->dropped)
		st = live_settle(r, &d->key, &run->arena);
	if (given)
		run->count++;
	run->again = given && d->again;
	return st;
}

static enum status number_record(struct replica *r, const struct pending *pending, struct numbering *run)
{
	struct draft *d = NULL;
	enum status st = ST_OK;

	run->again = false;
	arena_reset(&run->arena);
	d = arena_zalloc(&run->arena, sizeof *d);
	if (d == NULL)
		return ST_NOMEM;
	d->arena = &run->arena;
	st = key_run(r, "DELETE FROM ds_attention WHERE kind=?1 AND id=?2", &pending->key);
	if (st == ST_OK)
		st = draft_load(r, pending, d);
	/* Too large to be read, or no row to be found: it stays, and a person sees it. */
	if ((st == ST_NOMEM && run->arena.full) || st == ST_LIMIT)
		return attend_all(r, d, "too-long");
	if (st == ST_NOT_FOUND || st == ST_CORRUPT)
		return attend_all(r, d, "invalid");
	return st == ST_OK ? number_loaded(r, run, d) : st;
}

static enum status number_all(struct replica *r, size_t changes_max, const struct pending *pending,
			      size_t pending_count, size_t *count_out)
{
	struct numbering run = { .count = 0 };
	enum status st = ST_OK;

	arena_init(&run.arena, RECORD_SIZE_MAX);
	buf_init(&run.body, LIMIT_CHANGE_MAX);
	for (size_t i = 0; i < pending_count && st == ST_OK && run.count < changes_max; i++)
		do
			st = number_record(r, &pending[i], &run);
		while (st == ST_OK && run.again && run.count < changes_max);
	*count_out = run.count;
	buf_close(&run.body);
	arena_close(&run.arena);
	return st;
}

enum status journal_number(struct replica *r, const struct journal_options *options, size_t *count_out)
{
	struct pending *pending = NULL;
	size_t pending_count = 0, count = 0;
	struct arena arena;
	enum status st = ST_OK;

	assert(r->identity.device != 0);
	arena_init(&arena, ORDER_SIZE_MAX);
	st = db_run_text(&r->db, "DELETE FROM ds_attention WHERE NOT EXISTS(SELECT 1 FROM ds_dirty AS d WHERE"
				 " d.kind=ds_attention.kind AND d.id=ds_attention.id)");
	if (st == ST_OK)
		st = order_pending(r, options->rest_ms, &arena, &pending, &pending_count);
	if (st == ST_OK)
		st = replica_quiet_begin(r);
	if (st == ST_OK)
		st = number_all(r, options->changes_max, pending, pending_count, &count);
	if (st == ST_OK)
		st = replica_quiet_end(r);
	arena_close(&arena);
	if (st == ST_OK)
		*count_out = count;
	return st;
}
