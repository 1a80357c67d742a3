/* What plain SQL statements leave in the bookkeeping: every form, exactly. The expected rows are worked out by hand from
 * what each statement says: "T1 1 s10 ["Call"] 2-2" is task 1, group 1, base sequence 10, what the group held, first and
 * last edit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/replica.h"

#define P "'00000000-0000-4000-8000-0000000000aa'"
#define Q "'00000000-0000-4000-8000-0000000000bb'"
#define T1 "'00000000-0000-4000-8000-000000000001'"
#define T2 "'00000000-0000-4000-8000-000000000002'"
#define T3 "'00000000-0000-4000-8000-000000000003'"
#define T4 "'00000000-0000-4000-8000-000000000004'"
#define W1 "'00000000-0000-4000-8000-000000000005'"
#define C1 "'00000000-0000-4000-8000-000000000006'"

static const struct field_row ROWS[] = {
	{ .num = 1, .kind = "patient", .since = 1, .fhir = "", .label = "Patient" },
	{ .num = 1, .field = "name", .since = 1, .fhir = "", .label = "Name", .required = true },
	{ .num = 2, .kind = "task", .since = 1, .fhir = "", .label = "Task" },
	{ .num = 1, .field = "title", .since = 1, .fhir = "", .label = "Title", .required = true },
	{ .num = 2, .field = "due_from", .type = TYPE_TIME, .group = "due", .since = 1, .fhir = "", .label = "From" },
	{ .num = 3, .field = "due_to", .type = TYPE_TIME, .group = "due", .since = 1, .fhir = "", .label = "To" },
	{ .num = 4, .field = "notes", .since = 1, .fhir = "", .label = "Notes" },
	{ .num = 3, .kind = "worker", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "Worker" },
	{ .num = 1, .field = "name", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "Name" },
	{ .num = 4, .kind = "conflict", .since = 1, .fhir = "", .label = "Conflict" },
	{ .num = 1, .field = "what", .writer = WRITER_CENTRE, .since = 1, .fhir = "", .label = "What", .required = true },
	{ .num = 2, .field = "decision", .since = 1, .fhir = "", .label = "Decision" },
};

/* What the centre has sent: two tasks, a worker and a conflict, all at sequence 10; the newest edit is 1. */
static const char GIVEN[] =
	"BEGIN; INSERT INTO ds_applying VALUES(1);"
	"INSERT INTO patient(id,name,version) VALUES(" P ",'Ana',1);"
	"INSERT INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1),(" T2 "," P ",'Walk',NULL,NULL,NULL,1);"
	"INSERT INTO worker VALUES(" W1 ",'Kim',1); INSERT INTO conflict VALUES(" C1 "," P ",'phone',NULL,1);"
	"INSERT INTO ds_version VALUES(1," P ",-1,10),(2," T1 ",-1,10),(2," T2 ",-1,10),(3," W1 ",-1,10),(4," C1 ",-1,10);"
	"UPDATE ds_state SET edit=1,reading=3; DELETE FROM ds_applying; COMMIT;";

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

/* A replica in memory that two connections can share. */
static struct replica *replica_new(void)
{
	struct replica *r = calloc(1, sizeof *r);
	struct failure why;

	assert_non_null(r);
	assert_int_equal(replica_open(r, "/capture", &schema, &ENV, true, &why), ST_OK);
	if (db_exec(&r->db, GIVEN) != ST_OK)
		fail_msg("%s", sqlite3_errmsg(r->db.handle));
	return r;
}

static void replica_free(struct replica *r)
{
	replica_close(r);
	free(r);
}

/* The first column of the first row as text. */
static const char *ask(struct replica *r, const char *sql)
{
	static char answer[8192];
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(r->db.handle, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	(void)sqlite3_snprintf(sizeof answer, answer, "%s",
			       sqlite3_column_type(stmt, 0) == SQLITE_NULL ? "" : (const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return answer;
}

static const char *dirty(struct replica *r)
{
	return ask(r, "SELECT group_concat('T'||ltrim(substr(id,25),'0')||' '||grp||' '||"
		      "coalesce('s'||base_seq,'n'||base_n,'-')||' '||coalesce(base_values,'null')||' '||edit_first||'-'||"
		      "edit_last,'; ') FROM (SELECT * FROM ds_dirty ORDER BY kind,id,grp)");
}

struct form {
	const char *name, *sql, *dirty;
	const char *recursive; /* with recursive_triggers, where REPLACE counts the deletion as an edit too */
};

#define T1_ALL(edits) "T1 1 s10 [\"Call\"] " edits "; T1 2 s10 [100,200] " edits "; T1 4 s10 [\"Old\"] " edits
#define T2_ALL(edits) "T2 1 s10 [\"Walk\"] " edits "; T2 2 s10 [null,null] " edits "; T2 4 s10 [null] " edits
#define TITLE "T1 1 s10 [\"Call\"] "
#define NEW3 "T3 -1 - null 2-2"

static const struct form FORMS[] = {
	{ "update", "UPDATE task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "a group is one value", "UPDATE task SET due_to=300 WHERE id=" T1, "T1 2 s10 [100,200] 2-2", NULL },
	{ "two groups", "UPDATE task SET title='A',notes='B' WHERE id=" T1, TITLE "2-2; T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "to null", "UPDATE task SET notes=NULL WHERE id=" T1, "T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "same value", "UPDATE task SET title='Call', notes=notes WHERE id=" T1, "", NULL },
	{ "two edits", "UPDATE task SET title='A' WHERE id=" T1 "; UPDATE task SET title='B' WHERE id=" T1, TITLE "2-3", NULL },
	{ "many rows", "UPDATE task SET title=title||'!'", TITLE "2-2; T2 1 s10 [\"Walk\"] 3-3", NULL },
	{ "update or replace", "UPDATE OR REPLACE task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "update or ignore", "UPDATE OR IGNORE task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "update or fail", "UPDATE OR FAIL task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "update or abort", "UPDATE OR ABORT task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "update or rollback", "UPDATE OR ROLLBACK task SET title='A' WHERE id=" T1, TITLE "2-2", NULL },
	{ "update from", "UPDATE task SET title=p.name FROM patient AS p WHERE p.id=task.patient AND task.id=" T1, TITLE "2-2",
	  NULL },
	{ "update with", "WITH c(t) AS (SELECT 'A') UPDATE task SET title=(SELECT t FROM c) WHERE id=" T1, TITLE "2-2", NULL },
	{ "update returning", "UPDATE task SET title='A' WHERE id=" T1 " RETURNING id,version", TITLE "2-2", NULL },
	{ "update a version seen", "UPDATE task SET title='A' WHERE id=" T1 " AND version=1", TITLE "2-2", NULL },
	{ "update a version gone", "UPDATE task SET title='A' WHERE id=" T1 " AND version=0", "", NULL },
	{ "insert", "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N')", NEW3, NULL },
	{ "insert rows", "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'),(" T4 "," P ",'M')",
	  NEW3 "; T4 -1 - null 3-3", NULL },
	{ "insert select", "INSERT INTO task(id,patient,title) SELECT " T3 ",patient,title FROM task WHERE id=" T1, NEW3, NULL },
	{ "insert with", "WITH c(t) AS (SELECT 'A') INSERT INTO task(id,patient,title) SELECT " T3 "," P ",t FROM c", NEW3,
	  NULL },
	{ "insert returning", "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N') RETURNING id", NEW3, NULL },
	{ "insert or ignore, new", "INSERT OR IGNORE INTO task(id,patient,title) VALUES(" T3 "," P ",'N')", NEW3, NULL },
	{ "insert or replace, new", "INSERT OR REPLACE INTO task(id,patient,title) VALUES(" T3 "," P ",'N')", NEW3, NULL },
	{ "insert, then update", "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'); UPDATE task SET title='M' WHERE id=" T3,
	  NEW3 "; T3 1 - [\"N\"] 3-3", NULL },
	{ "replace", "REPLACE INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1)", TITLE "2-2", TITLE "2-3" },
	{ "replace, same", "REPLACE INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1)", "", "" },
	{ "replace twice",
	  "REPLACE INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1); REPLACE INTO task VALUES(" T1 "," P ",'B',100,200,'Old',1)",
	  TITLE "2-3", TITLE "2-5" },
	{ "replace leaves fields out", "INSERT OR REPLACE INTO task(id,patient,title) VALUES(" T1 "," P ",'Call')",
	  "T1 2 s10 [100,200] 2-2; T1 4 s10 [\"Old\"] 2-2", "T1 2 s10 [100,200] 2-3; T1 4 s10 [\"Old\"] 2-3" },
	{ "replace what is new",
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'); REPLACE INTO task(id,patient,title) VALUES(" T3 "," P ",'M')",
	  NEW3 "; T3 1 - [\"N\"] 3-3", "T3 -1 - null 2-4; T3 1 - [\"N\"] 4-4" },
	{ "upsert, update",
	  "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'A') ON CONFLICT(id) DO UPDATE SET title=excluded.title",
	  TITLE "2-2", NULL },
	{ "upsert, update, new",
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'A') ON CONFLICT(id) DO UPDATE SET title=excluded.title", NEW3,
	  NULL },
	{ "upsert, nothing", "INSERT INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1) ON CONFLICT DO NOTHING", "", NULL },
	{ "insert or ignore, there", "INSERT OR IGNORE INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1)", "", NULL },
	{ "insert or ignore upon an edit",
	  "UPDATE task SET title='A' WHERE id=" T1 "; INSERT OR IGNORE INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1)",
	  TITLE "2-2", NULL },
	{ "upsert of nothing upon an edit",
	  "UPDATE task SET title='A' WHERE id=" T1 "; INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'Call')"
	  " ON CONFLICT(id) DO UPDATE SET notes=notes", TITLE "2-2", NULL },
	{ "insert or ignore upon what is new",
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'); INSERT OR IGNORE INTO task(id,patient,title) VALUES(" T3 "," P ",'M')",
	  NEW3, NULL },
	{ "insert or ignore, then an edit of another group",
	  "INSERT OR IGNORE INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1); UPDATE task SET notes='B' WHERE id=" T1,
	  "T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "insert or ignore, then replace by the same",
	  "INSERT OR IGNORE INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1); REPLACE INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1)",
	  "", NULL },
	{ "delete", "DELETE FROM task WHERE id=" T1, "T1 0 s10 [0] 2-2; " T1_ALL("2-2"), NULL },
	{ "delete all", "DELETE FROM task",
	  "T1 0 s10 [0] 2-2; " T1_ALL("2-2") "; T2 0 s10 [0] 3-3; " T2_ALL("3-3"), NULL },
	{ "delete returning", "DELETE FROM task WHERE id=" T1 " RETURNING title", "T1 0 s10 [0] 2-2; " T1_ALL("2-2"), NULL },
	{ "update, then delete", "UPDATE task SET title='A' WHERE id=" T1 "; DELETE FROM task WHERE id=" T1,
	  "T1 0 s10 [0] 3-3; " TITLE "2-2; T1 2 s10 [100,200] 3-3; T1 4 s10 [\"Old\"] 3-3", NULL },
	{ "delete, then insert the same",
	  "DELETE FROM task WHERE id=" T1 "; INSERT INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1)", "", NULL },
	{ "delete, then insert another",
	  "DELETE FROM task WHERE id=" T1 "; INSERT INTO task VALUES(" T1 "," P ",'A',100,200,'Old',1)", TITLE "2-3", NULL },
	{ "insert, then delete",
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'); DELETE FROM task WHERE id=" T3, NEW3 "; T3 0 - [0] 3-3",
	  NULL },
	{ "insert, delete, insert",
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N'); DELETE FROM task WHERE id=" T3
	  "; INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'M')", "T3 -1 - null 2-4", NULL },
	{ "rolled back", "BEGIN; UPDATE task SET title='A'; DELETE FROM task; ROLLBACK", "", NULL },
	{ "rolled back to a savepoint",
	  "BEGIN; UPDATE task SET notes='N' WHERE id=" T1 "; SAVEPOINT s; UPDATE task SET title='A'; ROLLBACK TO s; COMMIT",
	  "T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "in flight", "INSERT INTO ds_sent VALUES(7,2," T1 ",1,1,1,10,NULL,0); UPDATE task SET title='A',notes='B' WHERE id=" T1,
	  "T1 1 n7 [\"Call\"] 2-2; T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "two in flight",
	  "INSERT INTO ds_sent VALUES(7,2," T1 ",1,1,1,10,NULL,0),(8,2," T1 ",1,1,1,NULL,7,0); UPDATE task SET title='A' WHERE id=" T1,
	  "T1 1 n8 [\"Call\"] 2-2", NULL },
	{ "created in flight", "INSERT INTO ds_sent VALUES(7,2," T1 ",-1,1,1,NULL,NULL,0); UPDATE task SET title='A' WHERE id=" T1,
	  "T1 1 n7 [\"Call\"] 2-2", NULL },
	{ "settled", "INSERT INTO ds_sent VALUES(7,2," T1 ",1,1,1,10,NULL,1); UPDATE task SET title='A' WHERE id=" T1, TITLE "2-2",
	  NULL },
	{ "a group seen later", "INSERT INTO ds_version VALUES(2," T1 ",1,20); UPDATE task SET title='A',notes='B' WHERE id=" T1,
	  "T1 1 s20 [\"Call\"] 2-2; T1 4 s10 [\"Old\"] 2-2", NULL },
	{ "deleted at the centre, then inserted",
	  "INSERT INTO ds_version VALUES(2," T3 ",-1,10),(2," T3 ",0,12); INSERT INTO ds_gone VALUES(2," T3 "," P ",NULL);"
	  "INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N')",
	  "T3 0 s12 [1] 2-2; T3 1 s10 null 2-2; T3 2 s10 null 2-2; T3 4 s10 null 2-2", NULL },
	{ "deletion in flight, then inserted",
	  "DELETE FROM task WHERE id=" T1 "; DELETE FROM ds_dirty; INSERT INTO ds_sent VALUES(9,2," T1 ",0,2,2,10,NULL,0);"
	  "INSERT INTO task(id,patient,title) VALUES(" T1 "," P ",'N')",
	  "T1 0 n9 [1] 3-3; T1 1 s10 null 3-3; T1 2 s10 null 3-3; T1 4 s10 null 3-3", NULL },
	{ "given back, then made again",
	  "INSERT INTO ds_sent VALUES(7,2," T3 ",-1,1,1,NULL,NULL,1); INSERT INTO task(id,patient,title) VALUES(" T3 "," P ",'N')",
	  NEW3, NULL },
	{ "a conflict's decision", "UPDATE conflict SET decision='keep' WHERE id=" C1, "T6 2 s10 [null] 2-2", NULL },
};

static void form_check(const struct form *form, bool recursive, bool foreign_keys)
{
	struct replica *r = replica_new();
	const char *expected = recursive && form->recursive != NULL ? form->recursive : form->dirty;
	const char *found;
	char *message = NULL;

	assert_int_equal(db_exec(&r->db, recursive ? "PRAGMA recursive_triggers=ON" : "PRAGMA recursive_triggers=OFF"), ST_OK);
	assert_int_equal(db_exec(&r->db, foreign_keys ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF"), ST_OK);
	if (sqlite3_exec(r->db.handle, form->sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", form->name, message);
	found = dirty(r);
	if (strcmp(found, expected) != 0)
		fail_msg("%s (recursive %d):\n  expected %s\n  found    %s", form->name, recursive, expected, found);
	assert_string_equal(ask(r, "SELECT count(*) FROM ds_dirty WHERE reading<>3 OR wall_ms<1700000000000"), "0");
	assert_string_equal(ask(r, "SELECT count(*) FROM ds_gone AS x JOIN task AS t ON t.id=x.id"), "0");
	replica_free(r);
}

static void every_form_of_statement_leaves_exactly_its_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++)
		for (int setting = 0; setting < 4; setting++)
			form_check(&FORMS[i], (setting & 1) != 0, (setting & 2) != 0);
}

static void what_is_refused_says_what_to_do_and_changes_nothing(void **state)
{
	static const char *const sql[] = {
		"UPDATE task SET id=" T3 " WHERE id=" T1,
		"UPDATE OR REPLACE task SET id=" T2 " WHERE id=" T1,
		"UPDATE OR IGNORE task SET id=" T2 " WHERE id=" T1,
		"UPDATE task SET id=NULL WHERE id=" T1,
		"UPDATE task SET patient=" Q " WHERE id=" T1,
		"UPDATE OR IGNORE task SET patient=" Q,
		"UPDATE task SET version=7 WHERE id=" T1,
		"REPLACE INTO task VALUES(" T1 "," Q ",'Call',100,200,'Old',1)",
		"DELETE FROM task WHERE id=" T1 "; INSERT INTO task(id,patient) VALUES(" T1 "," Q ")",
		"INSERT INTO worker(name) VALUES('Eve')",
		"INSERT OR IGNORE INTO worker(name) VALUES('Eve')",
		"REPLACE INTO worker VALUES(" W1 ",'Eve',1)",
		"UPDATE worker SET name='Eve'",
		"UPDATE OR IGNORE worker SET name='Eve'",
		"DELETE FROM worker",
		"UPDATE conflict SET what='x'",
		"REPLACE INTO conflict VALUES(" C1 "," P ",'x','keep',1)",
		"INSERT INTO conflict(patient,what) VALUES(" P ",'x')",
		"INSERT INTO conflict(patient,decision) VALUES(" P ",'x')",
		"DELETE FROM conflict",
	};

	(void)state;
	for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
		struct replica *r = replica_new();
		char *message = NULL;

		assert_int_equal(sqlite3_exec(r->db.handle, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
		if (sqlite3_exec(r->db.handle, sql[i], NULL, NULL, &message) == SQLITE_OK)
			fail_msg("not refused: %s", sql[i]);
		if (strstr(message, "Nothing was changed. ") == NULL)
			fail_msg("%s: %s", sql[i], message);
		assert_int_equal(sqlite3_exec(r->db.handle, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		sqlite3_free(message);
		assert_string_equal(ask(r, "SELECT name FROM worker"), "Kim");
		assert_string_equal(ask(r, "SELECT what||coalesce(decision,'') FROM conflict"), "phone");
		assert_string_equal(ask(r, "SELECT count(*) FROM ds_dirty WHERE kind<>2"), "0");
		replica_free(r);
	}
}

static void an_id_is_a_lower_case_uuid_and_so_is_a_patient(void **state)
{
	static const char *const bad[] = {
		"'00000000-0000-4000-8000-00000000000A'", "'00000000-0000-4000-8000-00000000000'", "'x'", "''",
		"'00000000-0000-0000-0000-000000000000'", "'00000000-0000-4000-8000-00000000000a'||char(0)", "17",
	};
	struct replica *r = replica_new();
	char sql[256];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		(void)sqlite3_snprintf(sizeof sql, sql, "INSERT INTO task(id,patient) VALUES(%s," P ")", bad[i]);
		assert_int_equal(sqlite3_exec(r->db.handle, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT_CHECK);
		assert_non_null(strstr(sqlite3_errmsg(r->db.handle), "id_is_a_lower_case_uuid"));
		(void)sqlite3_snprintf(sizeof sql, sql, "INSERT INTO task(id,patient) VALUES(" T3 ",%s)", bad[i]);
		assert_int_equal(sqlite3_exec(r->db.handle, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT_CHECK);
		assert_non_null(strstr(sqlite3_errmsg(r->db.handle), "patient_is_a_lower_case_uuid"));
	}
	assert_string_equal(dirty(r), "");
	replica_free(r);
}

static void a_record_without_an_id_gets_a_version_7_uuid_of_now(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_exec(&r->db, "DELETE FROM task; DELETE FROM ds_dirty;"
					 "INSERT INTO task(patient,title) VALUES(" P ",'a'),(" P ",'b');"
					 "INSERT INTO task(id,patient,title) VALUES(NULL," P ",'c')"), ST_OK);
	assert_string_equal(ask(r, "SELECT count(DISTINCT id) FROM task"), "3");
	assert_string_equal(ask(r, "SELECT count(*) FROM task WHERE substr(id,15,1)='7' AND substr(id,20,1) IN ('8','9','a','b')"),
			    "3");
	/* The first 48 bits are the time in milliseconds, in hexadecimal; ten seconds are enough for this test. */
	assert_string_equal(ask(r, "SELECT count(*) FROM task WHERE substr(id,1,8)||substr(id,10,4) BETWEEN "
				   "printf('%012x',(unixepoch()-10)*1000) AND printf('%012x',(unixepoch()+1)*1000)"), "3");
	assert_string_equal(ask(r, "SELECT count(*) FROM task JOIN ds_dirty USING(id) WHERE grp=-1"), "3");
	replica_free(r);
}

static void each_edit_gives_the_row_a_new_version(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_exec(&r->db, "UPDATE task SET title='A' WHERE id=" T1), ST_OK);
	assert_string_equal(ask(r, "SELECT group_concat(version) FROM task"), "2,1");
	assert_int_equal(db_exec(&r->db, "REPLACE INTO task VALUES(" T1 "," P ",'B',100,200,'Old',77)"), ST_OK);
	assert_string_equal(ask(r, "SELECT group_concat(version) FROM task"), "3,1");
	assert_int_equal(db_exec(&r->db, "INSERT INTO task(id,patient,title,version) VALUES(" T3 "," P ",'N',99)"), ST_OK);
	assert_string_equal(ask(r, "SELECT group_concat(version) FROM task"), "3,1,4");
	assert_int_equal(db_exec(&r->db, "UPDATE task SET title=title; INSERT OR IGNORE INTO task(id,patient) VALUES(" T2 "," P ")"),
			 ST_OK);
	assert_string_equal(ask(r, "SELECT group_concat(version) FROM task"), "3,1,4");
	assert_string_equal(ask(r, "SELECT edit FROM ds_state"), "4");
	replica_free(r);
}

static void a_deleted_row_is_kept_whole_with_its_unsent_values(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_exec(&r->db, "UPDATE task SET title='Unsent' WHERE id=" T1 "; DELETE FROM task WHERE id=" T1), ST_OK);
	assert_string_equal(ask(r, "SELECT kind||' '||patient||' '||last FROM ds_gone"),
			    "2 00000000-0000-4000-8000-0000000000aa [\"Unsent\",100,200,\"Old\"]");
	replica_free(r);
}

/* A group for which the centre has sent something stays dirty: the journal takes the kept copy, not this trigger. */
static void bringing_back_leaves_groups_with_a_kept_copy_dirty(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_exec(&r->db, "DELETE FROM task WHERE id=" T1 "; INSERT INTO ds_copy VALUES(2," T1 ",4,15,'[\"New\"]');"
					 "INSERT INTO task VALUES(" T1 "," P ",'Call',100,200,'Old',1)"), ST_OK);
	assert_string_equal(dirty(r), "T1 4 s10 [\"Old\"] 2-3");
	replica_free(r);
}

static void while_the_engine_writes_nothing_is_captured(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_begin(&r->db), ST_OK);
	assert_int_equal(replica_quiet_begin(r), ST_OK);
	assert_int_equal(db_exec(&r->db, "UPDATE task SET title='A',version=9; REPLACE INTO worker VALUES(" W1 ",'Eve',9);"
					 "DELETE FROM conflict; INSERT INTO task(id,patient) VALUES(" T3 "," P ")"), ST_OK);
	assert_int_equal(replica_quiet_end(r), ST_OK);
	assert_int_equal(db_commit(&r->db), ST_OK);
	assert_string_equal(dirty(r), "");
	assert_string_equal(ask(r, "SELECT edit||(SELECT count(*) FROM ds_gone) FROM ds_state"), "10");
	replica_free(r);
}

static void no_transaction_commits_while_the_triggers_are_quiet(void **state)
{
	struct replica *r = replica_new();

	(void)state;
	assert_int_equal(db_begin(&r->db), ST_OK);
	assert_int_equal(replica_quiet_begin(r), ST_OK);
	assert_int_equal(db_exec(&r->db, "UPDATE task SET title='A'"), ST_OK);
	assert_int_not_equal(db_commit(&r->db), ST_OK);
	assert_string_equal(ask(r, "SELECT title FROM task WHERE id=" T1), "Call");
	assert_string_equal(ask(r, "SELECT count(*) FROM ds_applying"), "0");
	replica_free(r);
}

static void another_connection_is_captured_the_same(void **state)
{
	struct replica *r = replica_new();
	sqlite3 *other = NULL;

	(void)state;
	assert_int_equal(sqlite3_open_v2("/capture", &other, SQLITE_OPEN_READWRITE, "memdb"), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "UPDATE task SET title='A' WHERE id=" T1, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(db_exec(&r->db, "UPDATE task SET notes='B' WHERE id=" T1), ST_OK);
	assert_int_equal(sqlite3_exec(other, "UPDATE task SET title='C' WHERE id=" T1, NULL, NULL, NULL), SQLITE_OK);
	assert_string_equal(dirty(r), TITLE "2-4; T1 4 s10 [\"Old\"] 3-3");
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	replica_free(r);
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
		cmocka_unit_test(every_form_of_statement_leaves_exactly_its_rows),
		cmocka_unit_test(what_is_refused_says_what_to_do_and_changes_nothing),
		cmocka_unit_test(an_id_is_a_lower_case_uuid_and_so_is_a_patient),
		cmocka_unit_test(a_record_without_an_id_gets_a_version_7_uuid_of_now),
		cmocka_unit_test(each_edit_gives_the_row_a_new_version),
		cmocka_unit_test(a_deleted_row_is_kept_whole_with_its_unsent_values),
		cmocka_unit_test(bringing_back_leaves_groups_with_a_kept_copy_dirty),
		cmocka_unit_test(while_the_engine_writes_nothing_is_captured),
		cmocka_unit_test(no_transaction_commits_while_the_triggers_are_quiet),
		cmocka_unit_test(another_connection_is_captured_the_same),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
