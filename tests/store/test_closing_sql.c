/* What plain SQL may do to a closed record on the tablet: each form of statement, with recursive triggers off and on, and
 * every pair of rows that chance comes up with against the rule itself (common/closing.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/replica.h"
#include "common/closing.h"
#include "common/kindsql.h"

#define P "'00000000-0000-4000-8000-0000000000aa'"
#define ID(n) "'00000000-0000-4000-8000-00000000000" #n "'"
#define NOTE ID(1)
#define DRAFT ID(2)
#define OBSERVED ID(3)
#define OPEN_OBSERVED ID(4)
#define VISIT ID(5)
#define CONSENT ID(6)
#define ASSESSED ID(7)
#define ADDED ID(8)
#define CALLED ID(9)

static const char GIVEN[] =
	"BEGIN; INSERT INTO ds_applying VALUES(1);"
	"INSERT INTO patient(id,name,version) VALUES(" P ",'Ana',1);"
	"INSERT INTO note(id,patient,observed,status,signed_at,digest,version) VALUES(" NOTE "," P ",'Well','signed',5,'d',1);"
	"INSERT INTO note(id,patient,observed,status,version) VALUES(" DRAFT "," P ",'Draft','draft',1);"
	"INSERT INTO observation(id,patient,code,value,status,closed_at,version) VALUES(" OBSERVED "," P ",'c','1','final',5,1),"
	"(" OPEN_OBSERVED "," P ",'c','1','final',NULL,1);"
	"INSERT INTO visit(id,patient,purpose,status,check_in_time,check_out_time,closed_at,version)"
	" VALUES(" VISIT "," P ",'Wound','done',5,6,7,1);"
	"INSERT INTO consent(id,patient,scope,status,closed_at,version) VALUES(" CONSENT "," P ",'photo','active',5,1);"
	"INSERT INTO assessment(id,patient,instrument,score,status,version) VALUES(" ASSESSED "," P ",'i','1','completed',1);"
	"INSERT INTO addendum(id,patient,note,text,status,closed_at,version) VALUES(" ADDED "," P "," NOTE ",'More','final',5,1);"
	"INSERT INTO interaction(id,patient,topic,status,closed_at,version) VALUES(" CALLED "," P ",'Call','done',5,1);"
	"INSERT INTO ds_version SELECT 6,id,-1,10 FROM note UNION ALL SELECT 14,id,-1,10 FROM observation"
	" UNION ALL SELECT 5,id,-1,10 FROM visit UNION ALL SELECT 17,id,-1,10 FROM consent"
	" UNION ALL SELECT 15,id,-1,10 FROM assessment UNION ALL SELECT 7,id,-1,10 FROM addendum"
	" UNION ALL SELECT 18,id,-1,10 FROM interaction;"
	"UPDATE ds_state SET edit=1; DELETE FROM ds_applying; COMMIT;";

static const char KEPT[] =
	"SELECT count(*)||(SELECT group_concat(coalesce(observed,'')||status||coalesce(status_reason,'')||coalesce(digest,''))"
	" FROM note)||(SELECT group_concat(value||status||coalesce(closed_at,'')) FROM observation)"
	"||(SELECT group_concat(check_in_time||check_out_time||closed_at) FROM visit)"
	"||(SELECT group_concat(scope||closed_at) FROM consent)||(SELECT group_concat(score||status) FROM assessment)"
	"||(SELECT group_concat(text||status||closed_at) FROM addendum)||(SELECT group_concat(topic||status) FROM interaction)"
	"||(SELECT count(*) FROM ds_gone) FROM ds_dirty";

static struct schema schema;
static uint64_t random_state = 1;

static int64_t clock_ms(void *ctx)
{
	(void)ctx;
	return 1764000000000;
}

static void random_fill(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static const struct env ENV = { .wall_ms = clock_ms, .boot_ms = clock_ms, .random = random_fill, .vfs = "memdb" };

static struct replica *replica_new(bool recursive)
{
	struct replica *r = calloc(1, sizeof *r);
	struct failure why;

	assert_non_null(r);
	assert_int_equal(replica_open(r, "/closing", &schema, &ENV, true, &why), ST_OK);
	if (db_exec(&r->db, GIVEN) != ST_OK)
		fail_msg("%s", sqlite3_errmsg(r->db.handle));
	assert_int_equal(db_exec(&r->db, recursive ? "PRAGMA recursive_triggers=ON" : "PRAGMA recursive_triggers=OFF"), ST_OK);
	return r;
}

static void replica_free(struct replica *r)
{
	replica_close(r);
	free(r);
}

static char *ask(struct replica *r, const char *sql)
{
	static char answer[2][4096];
	static int which;
	sqlite3_stmt *stmt = NULL;

	which = !which;
	if (sqlite3_prepare_v2(r->db.handle, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(r->db.handle));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	(void)sqlite3_snprintf(sizeof answer[which], answer[which], "%s", (const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	return answer[which];
}

/* --- forms of statements ------------------------------------------------------------------------------------------ */

#define ADDENDUM "Add to it with: doorstep note addend ID"
#define ANEW "Mark it as entered in error and write it anew."
#define PUNCH "Correct a time, with its reason, by: doorstep visit correct ID"
#define SIGN "Run: doorstep note sign ID"

static const struct {
	const char *sql, *next;
} REFUSED[] = {
	{ "UPDATE note SET observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET plan='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET visit=NULL,observed=observed||'.' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE OR REPLACE note SET observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE OR IGNORE note SET observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE OR FAIL note SET observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE OR ROLLBACK note SET observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET observed='x'", ADDENDUM },
	{ "UPDATE note SET observed=p.name FROM patient AS p WHERE p.id=note.patient", ADDENDUM },
	{ "UPDATE note SET status='draft' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status=NULL WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status='amended' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET digest=NULL WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET signed_at=6 WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status_reason='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status='entered-in-error',observed='x' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status='entered-in-error' WHERE id=" NOTE "; UPDATE note SET status='signed' WHERE id=" NOTE, ADDENDUM },
	{ "UPDATE note SET status='entered-in-error' WHERE id=" NOTE "; UPDATE note SET status_reason='x' WHERE id=" NOTE,
	  ADDENDUM },
	{ "INSERT OR REPLACE INTO note(id,patient,observed,status,signed_at,digest) VALUES(" NOTE "," P ",'x','signed',5,'d')",
	  ADDENDUM },
	{ "REPLACE INTO note(id,patient,observed) VALUES(" NOTE "," P ",'Well')", ADDENDUM },
	{ "INSERT OR IGNORE INTO note(id,patient,observed) VALUES(" NOTE "," P ",'x')", ADDENDUM },
	{ "INSERT INTO note(id,patient,observed) VALUES(" NOTE "," P ",'x') ON CONFLICT(id) DO UPDATE SET observed='x'",
	  ADDENDUM },
	{ "INSERT INTO note(id,patient,observed) VALUES(" NOTE "," P ",'x') ON CONFLICT DO NOTHING", ADDENDUM },
	{ "DELETE FROM note WHERE id=" NOTE, ADDENDUM },
	{ "DELETE FROM note", ADDENDUM },
	{ "DELETE FROM note WHERE id=" NOTE " RETURNING id", ADDENDUM },
	{ "UPDATE note SET status='signed' WHERE id=" DRAFT, SIGN },
	{ "UPDATE note SET status='amended' WHERE id=" DRAFT, SIGN },
	{ "UPDATE OR IGNORE note SET status='signed' WHERE id=" DRAFT, SIGN },
	{ "REPLACE INTO note(id,patient,observed,status) VALUES(" DRAFT "," P ",'Draft','signed')", SIGN },
	{ "INSERT INTO note(patient,observed,status) VALUES(" P ",'x','signed')", SIGN },
	{ "INSERT OR IGNORE INTO note(patient,observed,status) VALUES(" P ",'x','amended')", SIGN },
	{ "INSERT INTO note(id,patient) VALUES(" DRAFT "," P ") ON CONFLICT(id) DO UPDATE SET status='signed'", SIGN },
	{ "UPDATE observation SET value='2' WHERE id=" OBSERVED, ANEW },
	{ "UPDATE observation SET value='2'", ANEW },
	{ "UPDATE observation SET closed_at=NULL WHERE id=" OBSERVED, ANEW },
	{ "UPDATE observation SET closed_at=6 WHERE id=" OBSERVED, ANEW },
	{ "UPDATE observation SET status='preliminary' WHERE id=" OBSERVED, ANEW },
	{ "REPLACE INTO observation(id,patient,code,value) VALUES(" OBSERVED "," P ",'c','2')", ANEW },
	{ "INSERT INTO observation(id,patient,code) VALUES(" OBSERVED "," P ",'c') ON CONFLICT(id) DO UPDATE SET value='2'", ANEW },
	{ "DELETE FROM observation WHERE id=" OBSERVED, ANEW },
	{ "DELETE FROM observation", ANEW },
	{ "UPDATE visit SET check_in_time=4 WHERE id=" VISIT, PUNCH },
	{ "UPDATE visit SET check_out_method='x' WHERE id=" VISIT, PUNCH },
	{ "UPDATE visit SET closed_at=NULL,check_in_time=4 WHERE id=" VISIT, PUNCH },
	{ "REPLACE INTO visit(id,patient,purpose) VALUES(" VISIT "," P ",'x')", PUNCH },
	{ "DELETE FROM visit", PUNCH },
	{ "UPDATE consent SET scope='film'", ANEW },
	{ "DELETE FROM consent", ANEW },
	{ "UPDATE assessment SET score='2'", ANEW },
	{ "UPDATE assessment SET status='in-progress'", ANEW },
	{ "DELETE FROM assessment", ANEW },
	{ "UPDATE addendum SET text='x'", ANEW },
	{ "DELETE FROM addendum", ANEW },
	{ "UPDATE interaction SET topic='x'", ANEW },
	{ "UPDATE interaction SET status='planned'", ANEW },
	{ "UPDATE interaction SET response='x',status='entered-in-error'", ANEW },
	{ "DELETE FROM interaction", ANEW },
};

/* Of two statements the first is one that is allowed. */
static void form_is_refused(struct replica *r, const char *sql, const char *next)
{
	char *before = ask(r, KEPT), *message = NULL;

	assert_int_equal(sqlite3_exec(r->db.handle, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(r->db.handle, sql, NULL, NULL, &message) == SQLITE_OK)
		fail_msg("not refused: %s", sql);
	if (strstr(message, " Nothing was changed. ") == NULL || strstr(message, next) == NULL)
		fail_msg("%s: %s", sql, message);
	sqlite3_free(message);
	if (strchr(sql, ';') == NULL && strcmp(before, ask(r, KEPT)) != 0)
		fail_msg("%s: %s", sql, ask(r, KEPT));
	if (sqlite3_get_autocommit(r->db.handle) == 0)
		assert_int_equal(sqlite3_exec(r->db.handle, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

static void no_form_of_statement_alters_what_stays_of_a_closed_record(void **state)
{
	(void)state;
	for (int recursive = 0; recursive < 2; recursive++) {
		struct replica *r = replica_new(recursive != 0);

		for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
			form_is_refused(r, REFUSED[i].sql, REFUSED[i].next);
		replica_free(r);
	}
}

static void what_a_closed_record_leaves_open_may_change(void **state)
{
	static const char *const allowed[] = {
		"UPDATE note SET status='entered-in-error',status_reason='Wrong patient' WHERE id=" NOTE,
		"UPDATE note SET observed=observed,status='signed' WHERE id=" NOTE,
		"UPDATE note SET observed='x' WHERE id=" DRAFT,
		"UPDATE note SET status='entered-in-error' WHERE id=" DRAFT,
		"UPDATE note SET status='signed',digest='d' WHERE id=" DRAFT,
		"DELETE FROM note WHERE id=" DRAFT,
		"INSERT INTO note(patient,observed,status,digest) VALUES(" P ",'x','signed','d')",
		"UPDATE observation SET status='entered-in-error' WHERE id=" OBSERVED,
		"UPDATE observation SET value='2' WHERE id=" OPEN_OBSERVED,
		"UPDATE observation SET value='2',closed_at=9 WHERE id=" OPEN_OBSERVED,
		"DELETE FROM observation WHERE id=" OPEN_OBSERVED,
		"INSERT INTO observation(patient,code,closed_at) VALUES(" P ",'c',9)",
		"UPDATE visit SET purpose='x',edits='[\"a\"]',mileage='3',status='cancelled' WHERE id=" VISIT,
		"UPDATE consent SET status='withdrawn'",
		"UPDATE interaction SET status='entered-in-error'",
	};

	(void)state;
	for (int recursive = 0; recursive < 2; recursive++) {
		struct replica *r = replica_new(recursive != 0);

		for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
			char *message = NULL;

			assert_int_equal(sqlite3_exec(r->db.handle, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
			if (sqlite3_exec(r->db.handle, allowed[i], NULL, NULL, &message) != SQLITE_OK)
				fail_msg("%s: %s", allowed[i], message);
			assert_int_equal(sqlite3_exec(r->db.handle, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
		}
		replica_free(r);
	}
}

/* --- against the rule itself --------------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return random_state >> 33;
}

/* One of few values, so that rows often agree. */
static struct value random_value(const struct field *field)
{
	static const char *const words[] = { "a", "b", "c" };
	const uint64_t choice = next_random();

	if (choice % 4 == 0)
		return value_null();
	if (field->type == TYPE_TIME || field->type == TYPE_INT || field->type == TYPE_BOOL)
		return value_int((int64_t)(choice / 4 % 2));
	if (field->type == TYPE_ENUM) {
		const char *word = field->values;

		for (uint64_t skip = choice / 4 % 6; skip > 0 && strchr(word, '|') != NULL; skip--)
			word = strchr(word, '|') + 1;
		return value_text(word, strcspn(word, "|"));
	}
	return value_string(words[choice / 4 % 3]);
}

static void random_row(const struct kind *kind, struct row *row)
{
	for (size_t i = 0; i < kind->field_count; i++)
		row->values[i] = random_value(&kind->fields[i]);
}

/* Mostly what was there, one field or two changed. */
static void random_edit(const struct kind *kind, const struct row *before, struct row *after)
{
	*after = *before;
	for (uint64_t edits = next_random() % 3; edits > 0; edits--) {
		const int status = kind_field(kind, "status", 6);
		const size_t at = next_random() % 2 == 0 && status >= 0 ? (size_t)status : next_random() % kind->field_count;

		after->values[at] = random_value(&kind->fields[at]);
	}
}

static bool word_is(const struct kind *kind, const struct row *row, const char *field, const char *word)
{
	const struct value *value = &row->values[kind_field(kind, field, strlen(field))];

	return value->tag == VALUE_TEXT && value->len == strlen(word) && memcmp(value->text, word, value->len) == 0;
}

/* What the tablet's triggers must say: the rule, and two more of notes. */
static bool expected(const struct kind *kind, const struct row *before, const struct row *after)
{
	const bool closed = closing_is_closed(kind, before);

	if (strcmp(kind->name, "note") == 0 && !row_equal(before, after, UINT64_C(1) << kind_field(kind, "status", 6))) {
		if (!closed && after->values[kind_field(kind, "digest", 6)].tag == VALUE_NULL &&
		    (word_is(kind, after, "status", "signed") || word_is(kind, after, "status", "amended")))
			return false;
		if (closed && word_is(kind, after, "status", "amended"))
			return false;
	}
	return !closed || closing_allows(kind, before, after, kind->mask_all);
}

static sqlite3_stmt *prepare(struct replica *r, struct buf *sql)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(r->db.handle, buf_str(sql), -1, &stmt, NULL), SQLITE_OK);
	buf_close(sql);
	return stmt;
}

static sqlite3_stmt *prepare_put(struct replica *r, const struct kind *kind)
{
	struct buf sql;

	buf_init(&sql, 65536);
	buf_printf(&sql, "INSERT INTO \"%s\"(id,patient,", kind->name);
	kindsql_columns(&sql, kind, kind->mask_all, "");
	buf_add_str(&sql, ") VALUES('00000000-0000-4000-8000-0000000000ff'," P);
	for (size_t i = 0; i < kind->field_count; i++)
		buf_printf(&sql, ",?%zu", i + 1);
	buf_add_byte(&sql, ')');
	return prepare(r, &sql);
}

static sqlite3_stmt *prepare_update(struct replica *r, const struct kind *kind)
{
	struct buf sql;

	buf_init(&sql, 65536);
	buf_printf(&sql, "UPDATE \"%s\" SET ", kind->name);
	for (size_t i = 0; i < kind->field_count; i++)
		buf_printf(&sql, "%s\"%s\"=?%zu", i == 0 ? "" : ",", kind->fields[i].name, i + 1);
	buf_add_str(&sql, " WHERE id='00000000-0000-4000-8000-0000000000ff'");
	return prepare(r, &sql);
}

static int run(sqlite3_stmt *stmt, const struct kind *kind, const struct row *row)
{
	int code;

	(void)kindsql_bind(stmt, 1, kind, row, kind->mask_all);
	code = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return code;
}

static void rule_check(struct replica *r, const struct kind *kind)
{
	sqlite3_stmt *put = prepare_put(r, kind), *update = prepare_update(r, kind);

	for (int round = 0; round < 400; round++) {
		struct row before, after;
		int code;

		random_row(kind, &before);
		random_edit(kind, &before, &after);
		assert_int_equal(db_exec(&r->db, "BEGIN; INSERT INTO ds_applying VALUES(1)"), ST_OK);
		assert_int_equal(run(put, kind, &before), SQLITE_DONE);
		assert_int_equal(db_exec(&r->db, "DELETE FROM ds_applying"), ST_OK);
		code = run(update, kind, &after);
		if (code != (expected(kind, &before, &after) ? SQLITE_DONE : SQLITE_CONSTRAINT_TRIGGER))
			fail_msg("%s, round %d: the trigger says otherwise (%d)", kind->name, round, code);
		assert_int_equal(db_exec(&r->db, "ROLLBACK"), ST_OK);
	}
	(void)sqlite3_finalize(put);
	(void)sqlite3_finalize(update);
}

static void the_triggers_say_what_the_rule_says(void **state)
{
	struct replica *r = replica_new(false);

	(void)state;
	for (size_t k = 0; k < schema.kind_count; k++)
		if (schema.kinds[k].closing >= 0)
			rule_check(r, &schema.kinds[k]);
	replica_free(r);
}

static void a_closed_record_that_can_not_be_sent_may_be_mended(void **state)
{
	struct replica *r = replica_new(false);

	(void)state;
	assert_int_equal(db_exec(&r->db, "INSERT INTO ds_attention VALUES(14," OBSERVED ",3,'too-long','value');"
					 "UPDATE observation SET value='2' WHERE id=" OBSERVED), ST_OK);
	assert_int_equal(db_exec(&r->db, "DELETE FROM ds_attention"), ST_OK);
	assert_int_not_equal(db_exec(&r->db, "UPDATE observation SET value='3' WHERE id=" OBSERVED), ST_OK);
	replica_free(r);
}

static void the_engine_writes_closed_records(void **state)
{
	struct replica *r = replica_new(false);

	(void)state;
	assert_int_equal(db_begin(&r->db), ST_OK);
	assert_int_equal(replica_quiet_begin(r), ST_OK);
	assert_int_equal(db_exec(&r->db, "UPDATE note SET status='amended',observed='x'; DELETE FROM observation;"
					 "REPLACE INTO visit(id,patient) VALUES(" VISIT "," P ");"
					 "INSERT INTO note(patient,status) VALUES(" P ",'signed')"), ST_OK);
	assert_int_equal(replica_quiet_end(r), ST_OK);
	assert_int_equal(db_commit(&r->db), ST_OK);
	assert_string_equal(ask(r, "SELECT count(*) FROM ds_dirty"), "0");
	replica_free(r);
}

static int setup(void **state)
{
	(void)state;
	schema_init(&schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_form_of_statement_alters_what_stays_of_a_closed_record),
		cmocka_unit_test(what_a_closed_record_leaves_open_may_change),
		cmocka_unit_test(the_triggers_say_what_the_rule_says),
		cmocka_unit_test(a_closed_record_that_can_not_be_sent_may_be_mended),
		cmocka_unit_test(the_engine_writes_closed_records),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
