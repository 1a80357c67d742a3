/* A save for somebody who was shown a version: the base is what was shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/save.h"

#define P "00000000-0000-4000-8000-0000000000aa"
#define T1 "00000000-0000-4000-8000-000000000001"

static const struct field_row ROWS[] = {
	{ .num = 1, .kind = "task", .since = 1, .fhir = "", .label = "Task" },
	{ .num = 1, .field = "title", .since = 1, .fhir = "", .label = "Title", .required = true, .max = 20 },
	{ .num = 2, .field = "notes", .since = 1, .fhir = "", .label = "Notes" },
	{ .num = 3, .field = "checked", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "Checked" },
	{ .num = 4, .field = "dose", .since = 1, .fhir = "", .label = "Dose", .group = "record", .rule = RULE_GUARDED },
	{ .num = 5, .field = "unit", .since = 1, .fhir = "", .label = "Unit", .group = "record", .rule = RULE_GUARDED },
	{ .num = 2, .kind = "worker", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "Worker" },
	{ .num = 1, .field = "name", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "Name" },
};

static struct schema schema;
static uint64_t random_state;

static int64_t clock_ms(void *ctx)
{
	(void)ctx;
	return 1764000000000;
}

static void random_fill(void *ctx, void *out, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(random_state++ * 37);
}

static const struct env ENV = { .wall_ms = clock_ms, .boot_ms = clock_ms, .random = random_fill, .vfs = "memdb" };

static void must(struct replica *r, const char *sql)
{
	if (db_exec(&r->db, sql) != ST_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(r->db.handle));
}

/* Task 1 at sequence 10, row version 1. */
static struct replica *replica_new(void)
{
	struct replica *r = calloc(1, sizeof *r);
	struct failure why;

	assert_non_null(r);
	assert_int_equal(replica_open(r, "/save", &schema, &ENV, true, &why), ST_OK);
	must(r, "BEGIN; INSERT INTO ds_applying VALUES(1); INSERT INTO task VALUES('" T1 "','" P "','A','Old',NULL,NULL,NULL,1);"
		"INSERT INTO ds_version VALUES(1,'" T1 "',-1,10); UPDATE ds_state SET edit=1; DELETE FROM ds_applying; COMMIT");
	return r;
}

static void replica_free(struct replica *r)
{
	replica_close(r);
	free(r);
}

static const struct kind *task(void)
{
	return schema_kind(&schema, "task", 4);
}

static struct id task_id(void)
{
	struct id id;

	assert_true(id_parse(T1, ID_TEXT_LEN, &id));
	return id;
}

static const char *ask(struct replica *r, const char *sql)
{
	static char answer[1024];
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(r->db.handle, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	(void)sqlite3_snprintf(sizeof answer, answer, "%s",
			       sqlite3_column_type(stmt, 0) == SQLITE_NULL ? "" : (const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return answer;
}

static const char *base(struct replica *r)
{
	return ask(r, "SELECT group_concat(grp||' '||coalesce('s'||base_seq,'n'||base_n,'-')||' '||coalesce(base_values,'null'),"
		      "'; ') FROM (SELECT * FROM ds_dirty ORDER BY grp)");
}

/* What an answer does: another title, at a new version; what was shown until then is kept. */
static void news(struct replica *r, int seq)
{
	char sql[640];

	(void)sqlite3_snprintf(sizeof sql, sql,
			       "BEGIN; INSERT INTO ds_applying VALUES(1); UPDATE ds_state SET edit=edit+1;"
			       "INSERT INTO ds_past SELECT 1,'" T1 "',1,edit,coalesce((SELECT seq FROM ds_version WHERE grp=1),10),NULL"
			       " FROM ds_state; UPDATE task SET title='centre %d',version=(SELECT edit FROM ds_state);"
			       "INSERT INTO ds_version VALUES(1,'" T1 "',1,%d) ON CONFLICT DO UPDATE SET seq=%d;"
			       "DELETE FROM ds_applying; COMMIT", seq, seq, seq);
	must(r, sql);
}

static int64_t save_title(struct replica *r, int64_t shown, const char *title)
{
	struct id id = task_id();
	struct row row = { 0 };
	struct failure why;
	int64_t version = -5;

	row.values[0] = value_string(title);
	if (save_fields(r, task(), &id, shown, &row, 1, &version, &why) != ST_OK)
		fail_msg("%s", why.what);
	return version;
}

static void a_save_of_what_was_shown_just_now_has_the_row_as_its_base(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(save_title(r, SAVE_SHOWN_NOW, "B"), 2);
	assert_string_equal(base(r), "1 s10 [\"A\"]");
	replica_free(r);
}

static void a_page_open_since_before_the_news_has_the_old_base(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	news(r, 20);
	news(r, 30);
	assert_int_equal(save_title(r, 1, "B"), 4);
	assert_string_equal(base(r), "1 s10 null");
	replica_free(r);
}

static void a_page_open_since_between_two_news_has_the_first_as_its_base(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	news(r, 20);
	news(r, 30);
	(void)save_title(r, 2, "B");
	assert_string_equal(base(r), "1 s20 null");
	replica_free(r);
}

static void news_of_another_group_leaves_the_base_alone(void **state)
{
	struct replica *r = replica_new();
	struct id id = task_id();
	struct row row = { 0 };
	struct failure why;
	int64_t version = 0;

	(void)state;
	must(r, "INSERT INTO ds_version VALUES(1,'" T1 "',2,15)");
	news(r, 20);
	row.values[1] = value_string("New");
	assert_int_equal(save_fields(r, task(), &id, 1, &row, 2, &version, &why), ST_OK);
	assert_string_equal(base(r), "2 s15 [\"Old\"]");
	replica_free(r);
}

static void a_group_that_an_old_page_saves_unchanged_keeps_its_base(void **state)
{
	struct replica *r = replica_new();
	struct id id = task_id();
	struct row row = { 0 };
	struct failure why;
	int64_t version = 0;

	(void)state;
	news(r, 20);
	(void)save_title(r, 2, "typed");
	row.values[0] = value_string("typed");
	row.values[1] = value_string("New");
	assert_int_equal(save_fields(r, task(), &id, 1, &row, 3, &version, &why), ST_OK);
	assert_string_equal(base(r), "1 s20 [\"centre 20\"]; 2 s10 [\"Old\"]");
	replica_free(r);
}

static void the_older_of_two_pages_bases_stays(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	news(r, 20);
	(void)save_title(r, 2, "new page");
	assert_string_equal(base(r), "1 s20 [\"centre 20\"]");
	(void)save_title(r, 1, "old page");
	assert_string_equal(base(r), "1 s10 null");
	(void)save_title(r, 2, "new page");
	assert_string_equal(base(r), "1 s10 null");
	replica_free(r);
}

/* What was overwritten by a stale page is still known to whoever was shown it. */
static void a_page_that_showed_what_a_stale_page_overwrote_keeps_its_own_base(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	news(r, 20);
	(void)save_title(r, 1, "stale");
	must(r, "INSERT INTO ds_sent SELECT 7,kind,id,grp,edit_first,edit_last,base_seq,base_n,0 FROM ds_dirty; DELETE FROM ds_dirty");
	(void)save_title(r, 2, "fresh");
	assert_string_equal(base(r), "1 s20 null");
	replica_free(r);
}

static void save_field(struct replica *r, int64_t shown, size_t field, const char *text)
{
	struct id id = task_id();
	struct row row = { 0 };
	struct failure why;
	int64_t version;

	row.values[field] = value_string(text);
	assert_int_equal(save_fields(r, task(), &id, shown, &row, UINT64_C(1) << field, &version, &why), ST_OK);
}

/* Two pages of one group: what the older one saved and is under way goes up with what the newer one saves. */
static void what_an_older_page_saved_in_the_same_group_keeps_the_older_base(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	must(r, "BEGIN; INSERT INTO ds_applying VALUES(1); UPDATE ds_state SET edit=2;"
		"INSERT INTO ds_past VALUES(1,'" T1 "',4,2,10,NULL); UPDATE task SET dose='10',unit='ml',version=2;"
		"INSERT INTO ds_version VALUES(1,'" T1 "',4,20); DELETE FROM ds_applying; COMMIT");
	save_field(r, 1, 4, "mg");
	assert_string_equal(base(r), "4 s10 null");
	must(r, "INSERT INTO ds_sent SELECT 7,kind,id,grp,edit_first,edit_last,base_seq,base_n,0 FROM ds_dirty; DELETE FROM ds_dirty");
	save_field(r, 2, 3, "5");
	assert_string_equal(base(r), "4 s10 null");
	assert_string_equal(ask(r, "SELECT dose||unit FROM task"), "5mg");
	replica_free(r);
}

static void a_save_returns_a_version_whose_base_becomes_the_number_that_took_it(void **state)
{
	struct replica *r = replica_new();
	int64_t first, second;

	(void)state;
	first = save_title(r, SAVE_SHOWN_NOW, "B");
	second = save_title(r, SAVE_SHOWN_NOW, "C");
	must(r, "INSERT INTO ds_sent SELECT 7,kind,id,grp,edit_first,edit_last,base_seq,base_n,1 FROM ds_dirty; DELETE FROM ds_dirty;"
		"INSERT INTO ds_past VALUES(1,'" T1 "',1,4,NULL,7); BEGIN; INSERT INTO ds_applying VALUES(1);"
		"UPDATE ds_state SET edit=4; UPDATE task SET title='standing',version=4;"
		"INSERT INTO ds_version VALUES(1,'" T1 "',1,30); DELETE FROM ds_applying; COMMIT");
	(void)save_title(r, second, "D");
	assert_string_equal(base(r), "1 n7 null");
	must(r, "DELETE FROM ds_dirty");
	(void)save_title(r, first, "E");
	assert_string_equal(base(r), "1 s10 null");
	replica_free(r);
}

static void what_a_tablet_may_not_write_is_refused_in_words(void **state)
{
	struct replica *r = replica_new();
	const struct kind *worker = schema_kind(&schema, "worker", 6);
	struct id id = task_id(), none = { { 0 } };
	struct row row = { 0 };
	struct failure why;
	int64_t version = 77;

	(void)state;
	row.values[2] = value_string("yes");
	assert_int_equal(save_fields(r, task(), &id, -1, &row, 4, &version, &why), ST_REFUSED);
	assert_string_equal(why.what, "\"Checked\" is written at the centre only.");
	row.values[0] = value_string("Longer than the twenty bytes that it may have");
	assert_int_equal(save_fields(r, task(), &id, -1, &row, 1, &version, &why), ST_LIMIT);
	row.values[0] = value_null();
	assert_int_equal(save_fields(r, task(), &id, -1, &row, 1, &version, &why), ST_INVALID);
	row.values[0] = value_string("New");
	assert_int_equal(save_fields(r, worker, &id, -1, &row, 1, &version, &why), ST_REFUSED);
	assert_int_equal(save_create(r, worker, &none, NULL, &row, &version, &why), ST_REFUSED);
	assert_int_equal(save_delete(r, worker, &id, &why), ST_REFUSED);
	row.values[2] = value_null();
	assert_int_equal(save_create(r, task(), &none, NULL, &row, &version, &why), ST_INVALID);
	assert_int_equal(save_create(r, task(), &none, &none, &row, &version, &why), ST_INVALID);
	assert_int_equal(save_create(r, task(), &id, &id, &row, &version, &why), ST_EXISTS);
	assert_int_equal(version, 77);
	assert_true(id_is_zero(&none));
	assert_string_equal(base(r), "");
	replica_free(r);
}

static void a_record_is_created_changed_and_deleted(void **state)
{
	struct replica *r = replica_new();
	struct id id = { { 0 } }, patient;
	struct row row = { 0 };
	struct failure why;
	int64_t version = 0;

	(void)state;
	assert_true(id_parse(P, ID_TEXT_LEN, &patient));
	row.values[0] = value_string("New");
	assert_int_equal(save_create(r, task(), &id, &patient, &row, &version, &why), ST_OK);
	assert_int_equal(version, 2);
	assert_false(id_is_zero(&id));
	assert_string_equal(base(r), "-1 - null");
	assert_int_equal(save_delete(r, task(), &id, &why), ST_OK);
	assert_int_equal(save_delete(r, task(), &id, &why), ST_NOT_FOUND);
	assert_string_equal(base(r), "-1 - null; 0 - [0]");
	/* Filed under another patient it does not come back: the trigger's own words are handed on. */
	assert_int_equal(save_create(r, task(), &id, &id, &row, &version, &why), ST_REFUSED);
	assert_non_null(strstr(why.what, "patient"));
	assert_int_equal(save_create(r, task(), &id, &patient, &row, &version, &why), ST_OK);
	assert_string_equal(base(r), "-1 - null");
	replica_free(r);
}

static void a_save_inside_a_transaction_of_the_caller_ends_with_it(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_begin(&r->db), ST_OK);
	(void)save_title(r, SAVE_SHOWN_NOW, "B");
	db_rollback(&r->db);
	assert_string_equal(ask(r, "SELECT title FROM task"), "A");
	assert_string_equal(base(r), "");
	replica_free(r);
}

/* --- random histories against a ghost that remembers what each version showed ------------------------------------ */

#define STEPS 60
#define VALUES_MAX 256

/* What a title is to the centre: sequence, or number, each with the moment at which it came. An edit that is not
 * numbered has the token of what its author was shown. */
struct token {
	int64_t seq, n;
	int moment;
};

struct ghost {
	struct replica *r;
	uint64_t random;
	int moment;
	int64_t seq, n;              /* the newest given */
	struct token shown[VALUES_MAX]; /* by row version */
	bool unsent[VALUES_MAX];     /* version: an edit of the dirty range */
	int64_t version;
	bool dirty;
	struct token base;           /* of the dirty range */
	struct token last;           /* of the last value, while not dirty */
	int64_t flying[STEPS];
	size_t flying_from, flying_to;
	char title[24];
	int titles;
};

static uint64_t next(struct ghost *g, uint64_t below)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (g->random >> 11) % below;
}

static const char *title(struct ghost *g)
{
	(void)sqlite3_snprintf(sizeof g->title, g->title, "title %d", ++g->titles);
	return g->title;
}

static void ghost_version(struct ghost *g)
{
	int64_t version = strtoll(ask(g->r, "SELECT version FROM task"), NULL, 10);

	assert_true(version > g->version && version < VALUES_MAX);
	for (int64_t v = g->version + 1; v <= version; v++) {
		g->unsent[v] = g->dirty;
		g->shown[v] = g->dirty ? g->base : g->last;
	}
	g->version = version;
}

/* An edit by somebody who was shown that version: the range keeps the oldest. */
static void ghost_edit(struct ghost *g, int64_t shown)
{
	struct token token = g->unsent[shown] ? g->base : g->shown[shown];

	if (!g->dirty || token.moment < g->base.moment)
		g->base = token;
	g->dirty = true;
	ghost_version(g);
}

static void step_edit(struct ghost *g, bool page)
{
	int64_t shown = g->version;

	if (page) {
		shown = 1 + (int64_t)next(g, (uint64_t)g->version);
		(void)save_title(g->r, shown, title(g));
	} else {
		char sql[96];

		(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE task SET title='%s'", title(g));
		must(g->r, sql);
	}
	ghost_edit(g, shown);
}

/* The value that stands when the number is given is the one that it took; those before it keep their base. */
static void step_number(struct ghost *g)
{
	char sql[256];

	if (!g->dirty)
		return;
	(void)sqlite3_snprintf(sizeof sql, sql, "INSERT INTO ds_sent SELECT %lld,kind,id,grp,edit_first,edit_last,base_seq,base_n,0"
			       " FROM ds_dirty WHERE grp=1; DELETE FROM ds_dirty WHERE grp=1", (long long)++g->n);
	must(g->r, sql);
	for (int64_t v = 1; v <= g->version; v++)
		if (g->unsent[v])
			g->shown[v] = g->base;
	g->last = (struct token){ 0, g->n, ++g->moment };
	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT edit_last FROM ds_sent WHERE n=%lld", (long long)g->n);
	for (int64_t v = strtoll(ask(g->r, sql), NULL, 10); v <= g->version; v++)
		g->shown[v] = g->last;
	memset(g->unsent, 0, sizeof g->unsent);
	g->dirty = false;
	g->flying[g->flying_to++] = g->n;
}

static void step_overwrite(struct ghost *g, int64_t lost)
{
	char sql[640], n[24] = "NULL", seq[96] = "coalesce((SELECT seq FROM ds_version WHERE grp=1),10)";

	g->seq += 10;
	if (lost != 0) {
		(void)sqlite3_snprintf(sizeof n, n, "%lld", (long long)lost);
		(void)sqlite3_snprintf(sizeof seq, seq, "NULL");
	}
	(void)sqlite3_snprintf(sizeof sql, sql,
			       "BEGIN; INSERT INTO ds_applying VALUES(1); UPDATE ds_state SET edit=edit+1;"
			       "INSERT INTO ds_past SELECT 1,'" T1 "',1,edit,%s,%s FROM ds_state;"
			       "UPDATE task SET title='%s',version=(SELECT edit FROM ds_state);"
			       "INSERT INTO ds_version VALUES(1,'" T1 "',1,%lld) ON CONFLICT DO UPDATE SET seq=excluded.seq;"
			       "DELETE FROM ds_applying; COMMIT", seq, n, title(g), (long long)g->seq);
	must(g->r, sql);
	g->last = (struct token){ g->seq, 0, ++g->moment };
	ghost_version(g);
}

/* The outcome of the oldest number: accepted (then its sequence means the same value), or another value stands. */
static void step_settle(struct ghost *g)
{
	char sql[256];
	int64_t n;
	bool alone = g->flying_to - g->flying_from == 1 && !g->dirty;

	if (g->flying_from == g->flying_to)
		return;
	n = g->flying[g->flying_from++];
	(void)sqlite3_snprintf(sizeof sql, sql, "UPDATE ds_sent SET settled=1 WHERE n=%lld", (long long)n);
	must(g->r, sql);
	if (alone && next(g, 2) == 0) {
		step_overwrite(g, n);
		return;
	}
	g->seq += 10;
	(void)sqlite3_snprintf(sizeof sql, sql, "INSERT INTO ds_version VALUES(1,'" T1 "',1,%lld)"
			       " ON CONFLICT DO UPDATE SET seq=excluded.seq", (long long)g->seq);
	must(g->r, sql);
	for (int64_t v = 1; v <= g->version; v++)
		if (g->shown[v].n == n)
			g->shown[v].seq = g->seq;
	if (g->last.n == n)
		g->last.seq = g->seq;
	if (g->base.n == n)
		g->base.seq = g->seq;
}

static void step(struct ghost *g)
{
	switch (next(g, 7)) {
	case 0:
		step_edit(g, false);
		break;
	case 1:
	case 2:
		step_edit(g, true);
		break;
	case 3:
		step_number(g);
		break;
	case 4:
		step_settle(g);
		break;
	case 5:
		if (!g->dirty && g->flying_from == g->flying_to)
			step_overwrite(g, 0);
		break;
	default:
		must(g->r, "UPDATE task SET notes=notes||'.'");
		ghost_version(g);
		break;
	}
}

static void ghost_check(struct ghost *g, uint64_t seed, int at)
{
	char by_n[32], by_seq[32];
	const char *found = ask(g->r, "SELECT coalesce('s'||base_seq,'n'||base_n,'-') FROM ds_dirty WHERE grp=1");

	(void)sqlite3_snprintf(sizeof by_n, by_n, "n%lld", (long long)g->base.n);
	(void)sqlite3_snprintf(sizeof by_seq, by_seq, "s%lld", (long long)g->base.seq);
	if (strcmp(found, by_n) != 0 && strcmp(found, by_seq) != 0)
		fail_msg("seed %llu step %d: expected %s or %s, found %s", (unsigned long long)seed, at, by_n, by_seq, found);
}

static void in_random_histories_the_base_is_what_the_oldest_unsent_edit_was_shown(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct ghost g = { .r = replica_new(), .random = seed * 0x9E3779B97F4A7C15u, .seq = 10, .last = { 10, 0, 0 } };

		ghost_version(&g);
		for (int at = 0; at < STEPS; at++) {
			step(&g);
			if (g.dirty)
				ghost_check(&g, seed, at);
		}
		replica_free(g.r);
	}
}

static int setup(void **state)
{
	(void)state;
	schema_init(&schema, ROWS, sizeof ROWS / sizeof ROWS[0], 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_save_of_what_was_shown_just_now_has_the_row_as_its_base),
		cmocka_unit_test(a_page_open_since_before_the_news_has_the_old_base),
		cmocka_unit_test(a_page_open_since_between_two_news_has_the_first_as_its_base),
		cmocka_unit_test(news_of_another_group_leaves_the_base_alone),
		cmocka_unit_test(a_group_that_an_old_page_saves_unchanged_keeps_its_base),
		cmocka_unit_test(the_older_of_two_pages_bases_stays),
		cmocka_unit_test(a_page_that_showed_what_a_stale_page_overwrote_keeps_its_own_base),
		cmocka_unit_test(what_an_older_page_saved_in_the_same_group_keeps_the_older_base),
		cmocka_unit_test(a_save_returns_a_version_whose_base_becomes_the_number_that_took_it),
		cmocka_unit_test(what_a_tablet_may_not_write_is_refused_in_words),
		cmocka_unit_test(a_record_is_created_changed_and_deleted),
		cmocka_unit_test(a_save_inside_a_transaction_of_the_caller_ends_with_it),
		cmocka_unit_test(in_random_histories_the_base_is_what_the_oldest_unsent_edit_was_shown),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
