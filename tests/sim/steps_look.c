/* What would be left of a machine's disk, what a run has come to, and whether databases are whole. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/chain.h"
#include "daemon/store_sqlite.h"
#include "tests/sim/steps_inside.h"

/* --- keys ------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t word;

	hash = mix(hash, len);
	for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
		memcpy(&word, at, sizeof word);
		hash = mix(hash, word);
	}
	for (; len > 0; at++, len--)
		hash = mix(hash, *at);
	return hash;
}

static uint64_t *key_slot(const struct key_set *set, uint64_t key)
{
	size_t i = key & (set->room - 1);

	while (set->keys[i] != 0 && set->keys[i] != key)
		i = (i + 1) & (set->room - 1);
	return &set->keys[i];
}

static void key_set_grow(struct key_set *set)
{
	struct key_set larger = { .count = set->count, .room = set->room == 0 ? 1024 : set->room * 2 };

	larger.keys = calloc(larger.room, sizeof *larger.keys);
	larger.values = calloc(larger.room, sizeof *larger.values);
	assert(larger.keys != NULL && larger.values != NULL);
	for (size_t i = 0; i < set->room; i++)
		if (set->keys[i] != 0) {
			uint64_t *slot = key_slot(&larger, set->keys[i]);

			*slot = set->keys[i];
			larger.values[slot - larger.keys] = set->values[i];
		}
	key_set_close(set);
	*set = larger;
}

/* The key's value; *is_new_out: it was not there before. */
static uint64_t *key_value(struct key_set *set, uint64_t key, bool *is_new_out)
{
	uint64_t *slot;

	if (set->count * 2 >= set->room)
		key_set_grow(set);
	key += key == 0;
	slot = key_slot(set, key);
	*is_new_out = *slot == 0;
	set->count += *slot == 0;
	*slot = key;
	return &set->values[slot - set->keys];
}

void key_set_close(struct key_set *set)
{
	free(set->keys);
	free(set->values);
	*set = (struct key_set){ 0 };
}

/* --- what would be left --------------------------------------------------------------------------- */

static const char *path_of(const struct node *node)
{
	return node->index == 0 ? node->sim->centre.path : ((const struct sim_tablet *)(const void *)node)->path;
}

static uint64_t hash_files(const struct disk *disk, const char *path)
{
	char wal[40];
	size_t len = 0;
	const uint8_t *bytes = disk_read(disk, path, &len);
	uint64_t hash = hash_bytes(1, bytes, len);

	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	bytes = disk_read(disk, wal, &len);
	return hash_bytes(hash, bytes, len);
}

/* As SQLite reads them, after whatever it has to recover, by its backup: no other way leaves the schema unread, which
 * would take most of the time. What it can't read has a key as well: playing that stop will tell. */
static uint64_t hash_pages(struct disk *disk, const char *path)
{
	static const char copy[] = "copy.db";
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *from = NULL, *to = NULL;
	sqlite3_backup *backup = NULL;
	const uint8_t *bytes;
	uint64_t hash = 2;
	size_t len = 0;

	if (sqlite3_open_v2(path, &from, flags, disk_vfs(disk)) == SQLITE_OK &&
	    sqlite3_open_v2(copy, &to, flags | SQLITE_OPEN_CREATE, disk_vfs(disk)) == SQLITE_OK)
		backup = sqlite3_backup_init(to, "main", from, "main");
	if (backup != NULL)
		(void)sqlite3_backup_step(backup, -1);
	if (backup != NULL && sqlite3_backup_finish(backup) == SQLITE_OK) {
		bytes = disk_read(disk, copy, &len);
		hash = hash_bytes(hash, bytes, len);
	}
	(void)sqlite3_close_v2(to);
	(void)sqlite3_close_v2(from);
	return hash;
}

static uint64_t below(void *ctx, uint64_t count)
{
	return dice_below(ctx, count);
}

static uint64_t pages_left(struct steps *s, const struct disk_image *image, const struct node *node, const struct stop *stop)
{
	struct dice dice = dice_at(s->sim->plan.seed, SITE_CRASH, node->index, stop->call * 16 + stop->draw);
	uint64_t *pages;
	bool is_new;

	disk_image_put(s->scratch, image);
	(void)disk_crash(s->scratch, stop->model, below, &dice);
	pages = key_value(&s->pages, hash_files(s->scratch, path_of(node)) + node->index, &is_new);
	if (is_new)
		*pages = hash_pages(s->scratch, path_of(node));
	return *pages;
}

static void add_stop(struct steps *s, const struct stop *stop)
{
	if (s->stop_count == s->stop_room) {
		s->stop_room = s->stop_room * 2 + 64;
		s->stops = realloc(s->stops, s->stop_room * sizeof *s->stops);
		assert(s->stops != NULL);
	}
	s->stops[s->stop_count++] = *stop;
}

static bool changes_disk(enum disk_call call)
{
	return call == DISK_WRITE || call == DISK_TRUNCATE || call == DISK_SYNC || call == DISK_DELETE || call == DISK_OPEN;
}

/* Each model's stop at this call; to be played where its future is not known. act: which one it is in. */
static void look_models(struct steps *s, struct node *node, struct stop *stop, uint64_t act)
{
	struct disk_image *image = disk_image_take(node->disk);

	for (stop->model = DISK_KILL; stop->model < DISK_MODEL_COUNT; stop->model++)
		for (stop->draw = 0; stop->draw < (stop->model >= DISK_SOME ? STEPS_DRAWS : 1); stop->draw++) {
			const uint64_t pages = pages_left(s, image, node, stop);
			const uint64_t key = mix(mix(mix(mix(3, act), node->index), stop->model != DISK_KILL), pages);
			bool is_new;

			(void)key_value(&s->futures, key, &is_new);
			s->result->stops++;
			if (is_new || s->options->whole)
				add_stop(s, stop);
		}
	disk_image_free(image);
}

/* A call that leaves the disk as it is: the next one that doesn't is stopped at in its place, but for the first of each sort
 * of act. */
static void look_reading(struct steps *s, const struct node *node, struct stop *stop)
{
	bool is_new;

	(void)key_value(&s->futures, mix(mix(4, node->act_site), node->index), &is_new);
	s->result->stops += DISK_MODEL_COUNT;
	if (s->options->whole)
		for (stop->model = DISK_KILL; stop->model < DISK_MODEL_COUNT; stop->model++)
			add_stop(s, stop);
	else if (is_new)
		add_stop(s, stop);
}

/* With STEPS_EVERY, scenarios begin at different calls. */
static bool is_its_turn(const struct steps *s, uint64_t call)
{
	return (call + strlen(s->scenario->name)) % s->options->every == 0;
}

void steps_look(struct steps *s, struct node *node, enum disk_call call)
{
	static const char *const names[DISK_CALL_COUNT] = { "open", "read", "write", "truncate", "sync", "delete", "size", "lock",
							    "shm" };
	struct stop stop = { .node = node->index, .call = s->calls[node->index] };

	(void)snprintf(stop.what, sizeof stop.what, "%s", names[call]);
	if (!is_its_turn(s, stop.call))
		return;
	if (changes_disk(call))
		look_models(s, node, &stop, (uint64_t)node->act_site << 40 | node->act_k);
	else
		look_reading(s, node, &stop);
}

void steps_look_after(struct steps *s, struct node *node)
{
	struct stop stop = { .node = node->index, .call = s->calls[node->index], .what = "after all" };

	look_models(s, node, &stop, UINT64_MAX);
}

/* --- queries ------------------------------------------------------------------------------------------- */

static sqlite3 *handle_of(struct steps *s, unsigned node)
{
	return node == 0 ? sqlite_of(s->sim->centre.centre.store)->db.handle : sim_tablet(s->sim, node)->replica.db.handle;
}

static void add_row(sqlite3_stmt *stmt, struct buf *out)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		if (i > 0)
			buf_add_str(out, " | ");
		buf_add_str(out, text != NULL ? text : "-");
	}
}

/* Every row of the answer is a line that begins with the head; without one the first row alone, as it is. */
static bool query_lines(struct steps *s, unsigned node, const char *query, const char *head, struct buf *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	if (!sim_node(s->sim, node)->up)
		return false;
	rc = sqlite3_prepare_v2(handle_of(s, node), query, -1, &stmt, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (head != NULL)
			buf_printf(out, "%s %s: ", sim_node(s->sim, node)->name, head);
		add_row(stmt, out);
		if (head == NULL)
			break;
		buf_add_byte(out, '\n');
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		steps_wrong(s, "%s can't be asked \"%.80s\": %s", sim_node(s->sim, node)->name, query,
			    sqlite3_errmsg(handle_of(s, node)));
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

bool steps_query(struct steps *s, unsigned node, const char *query, struct buf *out)
{
	return query_lines(s, node, query, NULL, out);
}

/* --- the end -------------------------------------------------------------------------------------------- */

struct dump_row {
	const char *head, *query;
};

#define CANDIDATES                                                                                       \
	"(SELECT group_concat(coalesce(json_extract(value,'$.values'),'-'),' + ') FROM json_each(candidates))"
#define DECISION "json_extract(decision,'$.choice'),json_extract(decision,'$.values')"

/* Conflicts have ids that follow from sequences: by content. */
static const struct dump_row BOTH[] = {
	{ "patient", "SELECT id,name,phone FROM patient ORDER BY id" },
	{ "item", "SELECT id,patient,title,notes,tags,status,outcome,dose,unit,after FROM item ORDER BY id" },
	{ "conflict", "SELECT patient,record_kind,record,group_name,status,decided_by,decided_at IS NULL," DECISION "," CANDIDATES
		      " FROM conflict ORDER BY record,group_name,status,candidates" },
};
static const struct dump_row OF_CENTRE[] = {
	{ "record", "SELECT kind,hex(id),hex(patient),deleted FROM record WHERE kind IN (1,8) ORDER BY 1,2" },
	{ "member", "SELECT hex(worker),hex(patient),to_seq IS NULL,count(*) FROM member GROUP BY 1,2,3 ORDER BY 1,2,3" },
	{ "held", "SELECT device,kind,hex(id),reason,state,count(*) FROM held GROUP BY 1,2,3,4,5 ORDER BY 1,2,3,4,5" },
	{ "history", "SELECT device,kind,CASE WHEN kind IN (1,8) THEN hex(id) END,result,reason,hex(groups),count(*) FROM history"
		     " GROUP BY 1,2,3,4,5,6 ORDER BY 1,2,3,4,5,6" },
};
static const struct dump_row OF_TABLET[] = {
	{ "caseload", "SELECT patient,state FROM ds_caseload ORDER BY 1" },
	{ "change", "SELECT kind,CASE WHEN kind IN (1,8) THEN id END,state,reason,count(*) FROM ds_journal GROUP BY 1,2,3,4"
		    " ORDER BY 1,2,3,4" },
	{ "unsent", "SELECT kind,id,grp FROM ds_dirty ORDER BY 1,2,3" },
	{ "attention", "SELECT kind,id,grp,reason FROM ds_attention ORDER BY 1,2,3" },
};

static void dump_rows(struct steps *s, unsigned node, const struct dump_row *rows, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count && !steps_is_wrong(s); i++)
		(void)query_lines(s, node, rows[i].query, rows[i].head, out);
}

void steps_dump(struct steps *s, struct buf *out)
{
	for (unsigned node = 0; node < steps_node_count(s); node++) {
		dump_rows(s, node, BOTH, sizeof BOTH / sizeof BOTH[0], out);
		if (node == 0)
			dump_rows(s, node, OF_CENTRE, sizeof OF_CENTRE / sizeof OF_CENTRE[0], out);
		else
			dump_rows(s, node, OF_TABLET, sizeof OF_TABLET / sizeof OF_TABLET[0], out);
	}
}

/* --- whole ------------------------------------------------------------------------------------------------ */

static void found(void *ctx, const char *place, const char *what)
{
	steps_wrong(ctx, "the proof of the centre's history fails at %s: %s", place, what);
}

static void check_chain(struct steps *s)
{
	struct centre *centre = &s->sim->centre.centre;
	struct verify_report report = { 0 };
	enum status st = centre->store->ops->begin_read(centre->store);

	if (st == ST_OK)
		st = chain_verify(centre->store, centre->key.public, found, NULL, s, &report);
	centre->store->ops->rollback(centre->store);
	if (st != ST_OK)
		steps_wrong(s, "the centre's history could not be proven: %s", status_name(st));
}

void steps_check_whole(struct steps *s, unsigned node)
{
	struct buf word;

	if (!sim_node(s->sim, node)->up) {
		steps_wrong(s, "%s is down in the end", sim_node(s->sim, node)->name);
		return;
	}
	buf_init(&word, 4096);
	if (steps_query(s, node, "PRAGMA integrity_check", &word) && strcmp(buf_str(&word), "ok") != 0)
		steps_wrong(s, "%s: its database is damaged: %s", sim_node(s->sim, node)->name, buf_str(&word));
	buf_close(&word);
	if (node == 0 && !steps_is_wrong(s))
		check_chain(s);
}
