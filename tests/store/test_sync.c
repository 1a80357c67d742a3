/* One exchange as bytes: what leaves has been stored, what comes is verified first, and
 * an answer that is cut, altered or not to the newest request changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/doorstep.h"
#include "client/journal.h"
#include "proto/limits.h"
#include "tests/support/fake.h"

#define COUNTER "SELECT value FROM ds_meta WHERE key='counter'"

static int set_up(void **state)
{
	static struct fake fake;

	fake_open(&fake);
	fake_build(&fake);
	fake_begin(&fake);
	fake_record(&fake, "patient", PAT, NULL, 10, RECORD_WHOLE, "name", "Ana Example", "phone", "1", NULL);
	fake_record(&fake, "task", TASK, PAT, 10, RECORD_WHOLE, "title", "Call", "notes", "Old", NULL);
	assert_int_equal(fake_take(&fake, NULL), ST_OK);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_close(*state);
	return 0;
}

static enum status take(struct fake *f, const void *bytes, size_t len)
{
	struct sync_report report = { 0 };

	f->sync.waiting = true;
	return sync_take(&f->sync, bytes, len, &report, NULL);
}

/* An answer that would change a row, an outcome, a cursor and a patient. */
static void rich_answer(struct fake *f)
{
	static const struct id patients[] = { { { 1 } } };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	fake_begin(f);
	fake_accept(f, 1, 25);
	fake_record(f, "task", TASK, PAT, 26, RECORD_PART, "priority", "high", NULL);
	f->answer.complete = patients;
	f->answer.complete_count = 1;
	f->answer.cursor = (struct bytes){ .data = "there", .len = 5 };
	fake_seal(f);
}

static void an_answer_cut_at_any_byte_changes_nothing(void **state)
{
	struct fake *f = *state;
	char *before = NULL;

	rich_answer(f);
	before = fake_dump(f);
	for (size_t len = 0; len < f->answer_bytes.len; len++) {
		/* A copy of exactly this size, so that reading past it is seen. */
		uint8_t *cut = malloc(len + 1);
		char *after = NULL;

		memcpy(cut, f->answer_bytes.data, len);
		assert_int_not_equal(take(f, cut, len), ST_OK);
		after = fake_dump(f);
		assert_string_equal(before, after);
		free(after);
		free(cut);
	}
	free(before);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
	assert_string_equal(fake_text(f, "SELECT priority FROM task"), "high");
}

static void an_answer_altered_at_any_byte_changes_nothing(void **state)
{
	struct fake *f = *state;
	char *before = NULL;

	rich_answer(f);
	before = fake_dump(f);
	for (size_t i = 0; i < f->answer_bytes.len; i++) {
		char *after = NULL;

		f->answer_bytes.data[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
		f->answer_bytes.data[i] ^= (uint8_t)(1 << i % 8);
		after = fake_dump(f);
		assert_string_equal(before, after);
		free(after);
	}
	free(before);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
}

static void only_the_answer_to_the_newest_request_is_applied(void **state)
{
	struct fake *f = *state;
	char *before = NULL, *after = NULL;

	rich_answer(f);
	fake_build(f);
	before = fake_dump(f);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_FORGED);
	after = fake_dump(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void an_answer_is_taken_once(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	rich_answer(f);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
	assert_int_equal(sync_take(&f->sync, f->answer_bytes.data, f->answer_bytes.len, &report, NULL), ST_STALE);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_receipt"), 2);
}

static void an_answer_for_another_tablet_or_by_another_centre_is_refused(void **state)
{
	static const uint8_t seed[SEED_SIZE] = { 9 };
	struct fake *f = *state;
	struct sign_key right = f->centre_key;

	rich_answer(f);
	f->sync.head.device++;
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_FORGED);
	f->sync.head.device--;
	sign_key_from_seed(&f->centre_key, seed);
	fake_seal(f);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_FORGED);
	f->centre_key = right;
	fake_seal(f);
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
}

static void each_request_has_a_fresh_counter_that_is_stored_before_it_leaves(void **state)
{
	struct fake *f = *state;

	for (int i = 0; i < 3; i++) {
		const int64_t before = fake_int(f, COUNTER);

		fake_build(f);
		assert_int_equal(f->sync.head.counter, before + 1);
		assert_int_equal(fake_int(f, COUNTER), before + 1);
	}
}

/* At the crash point the transaction is undone, as a power cut would do. */
static void power_cut(struct fake *f)
{
	db_rollback(&f->replica.db);
}

static void cut_before_its_commit_an_answer_has_done_nothing(void **state)
{
	struct fake *f = *state;
	char *before = NULL, *after = NULL;

	rich_answer(f);
	before = fake_dump(f);
	f->stop_at = "A15 before commit";
	f->crash_hook = power_cut;
	assert_int_not_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
	after = fake_dump(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
	f->stop_at = NULL;
	/* What was sent is sent again under the same number. */
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(f->request.changes[0].n, 1);
}

static void cut_before_its_commit_a_request_has_not_left(void **state)
{
	struct fake *f = *state;
	const struct sync_options options = { .battery_percent = -1 };
	struct sync_report report = { 0 };
	char *before = NULL, *after = NULL;

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	before = fake_dump(f);
	f->stop_at = "A03 before commit";
	f->crash_hook = power_cut;
	buf_reset(&f->request_bytes);
	assert_int_not_equal(sync_build(&f->sync, &options, &f->request_bytes, &report, NULL), ST_OK);
	assert_int_equal(f->request_bytes.len, 0);
	f->stop_at = NULL;
	after = fake_dump(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* Nothing is done after this point: a power cut there loses nothing of what stands in the database. */
static char noted[256];

static void look_at_the_note(struct fake *f)
{
	(void)snprintf(noted, sizeof noted, "%s",
		       fake_text(f, "SELECT group_concat(key||'='||value,' ') FROM (SELECT * FROM ds_meta"
				    " WHERE key IN ('last_up_ms','last_down_ms','last_failure','last_failure_ms',"
				    "'last_failure_next') ORDER BY key)"));
}

static void how_an_exchange_went_is_stored_with_what_it_brought(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE ds_meta SET value=7 WHERE key='last_failure_ms';"
		   "UPDATE ds_meta SET value='No connection.' WHERE key='last_failure'");
	rich_answer(f);
	f->wall_ms = FAKE_WALL_MS + 5;
	f->stop_at = "A16 after commit";
	f->crash_hook = look_at_the_note;
	assert_int_equal(take(f, f->answer_bytes.data, f->answer_bytes.len), ST_OK);
	assert_string_equal(noted, "last_down_ms=1800000000005 last_failure= last_failure_ms=0 last_failure_next="
				   " last_up_ms=1800000000005");
}

static void a_lost_answer_costs_only_a_repetition(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1);
	assert_int_equal(f->request.changes[0].n, 1);
	fake_begin(f);
	fake_accept(f, 1, 25);
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_int_equal(report.applied.accepted, 1);
	assert_int_equal(report.pending_after, 0);
	assert_true(report.down_len > ENVELOPE_ANSWER_SIZE);
}

static void an_edit_made_while_the_answer_was_under_way_is_still_pending(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	fake_do(f, "UPDATE task SET notes='More' WHERE id='" TASK "'");
	fake_begin(f);
	fake_accept(f, 1, 25);
	assert_int_equal(fake_take(f, &report), ST_OK);
	assert_int_equal(report.pending_after, 1);
}

static void a_tablet_that_is_not_enrolled_sends_nothing(void **state)
{
	struct fake *f = *state;
	const struct sync_options options = { .battery_percent = -1 };
	struct replica_identity identity = f->replica.identity;
	struct sync_report report = { 0 };
	struct failure why = { 0 };

	identity.device = 0;
	assert_int_equal(replica_identity_set(&f->replica, &identity), ST_OK);
	assert_int_equal(sync_build(&f->sync, &options, &f->request_bytes, &report, &why), ST_REFUSED);
	assert_int_equal(why.status, ST_REFUSED);
}

static void fetching_numbers_nothing_and_sends_no_change(void **state)
{
	struct fake *f = *state;
	const struct sync_options options = { .battery_percent = -1, .send_nothing = true };
	struct sync_report report = { 0 };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	assert_int_equal(sync_build(&f->sync, &options, &f->request_bytes, &report, NULL), ST_OK);
	assert_int_equal(report.changes_sent, 0);
	assert_int_equal(report.up_len, f->request_bytes.len);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 1);
}

static void a_request_tells_how_the_tablet_is(void **state)
{
	struct fake *f = *state;

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'; UPDATE ds_dirty SET wall_ms=77");
	fake_build(f);
	assert_int_equal(f->request.schema_version, SCHEMA_DOORSTEP_VERSION);
	assert_int_equal(f->request.health.pending_count, 1);
	assert_int_equal(f->request.health.battery_percent, -1);
	assert_string_equal(f->request.health.version, DOORSTEP_VERSION);
}

/* Text that hardly deflates: every character is one of 64, by chance. */
static void make_dense_notes(struct fake *f, int count, int bytes)
{
	char sql[512];

	for (int i = 0; i < count; i++) {
		(void)sqlite3_snprintf(sizeof sql, sql,
				       "WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i<%d)"
				       " INSERT INTO note(patient,observed) SELECT '" PAT "',group_concat("
				       "substr('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',"
				       "1+(random()&63),1),'') FROM c", bytes);
		fake_do(f, sql);
	}
}

static void what_does_not_fit_one_request_goes_with_the_next(void **state)
{
	struct fake *f = *state;
	size_t sent = 0;

	make_dense_notes(f, 8, 250000);
	for (int i = 0; i < 8 && sent < 8; i++) {
		fake_build(f);
		assert_true(f->request_bytes.len <= LIMIT_BODY_MAX);
		assert_in_range(f->request.change_count, 1, 7);
		sent += f->request.change_count;
		fake_begin(f);
		for (size_t k = 0; k < f->request.change_count; k++)
			fake_accept(f, f->request.changes[k].n, 100 + f->request.changes[k].n);
		assert_int_equal(fake_take(f, NULL), ST_OK);
	}
	assert_int_equal(sent, 8);
}

static void a_thousand_changes_go_in_one_request_and_the_next_takes_the_rest(void **state)
{
	struct fake *f = *state;

	fake_do(f, "WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM c WHERE i<=1000)"
		   " INSERT INTO task(patient,title) SELECT '" PAT "','T'||i FROM c");
	fake_build(f);
	assert_int_equal(f->request.change_count, 1000);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 1);
	fake_build(f);
	assert_int_equal(f->request.change_count, 1000);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_dirty"), 0);
}

static void where_the_centre_lacks_a_base_the_change_goes_whole_at_once(void **state)
{
	struct fake *f = *state;
	struct sync_report report = { 0 };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	assert_true(f->request.changes[0].brief.len > 0);
	for (int i = 0; i < 2; i++) {
		fake_begin(f);
		f->answer.notices[0] = NOTICE_SEND_WHOLE;
		f->answer.notice_count = 1;
		assert_int_equal(fake_take(f, &report), ST_OK);
		assert_true(report.applied.more == (i == 0)); /* a centre that goes on asking is not asked for ever */
		fake_build(f);
		assert_int_equal(f->request.changes[0].brief.len, 0);
	}
	fake_begin(f);
	fake_accept(f, 1, 25);
	assert_int_equal(fake_take(f, &report), ST_OK);
	fake_do(f, "UPDATE task SET notes='More' WHERE id='" TASK "'");
	fake_build(f);
	assert_true(f->request.changes[0].brief.len > 0);
}

static void a_receipt_that_names_other_changes_is_kept_and_told(void **state)
{
	struct fake *f = *state;
	struct journal_proof proof = { 0 };

	fake_do(f, "UPDATE task SET notes='Mine' WHERE id='" TASK "'");
	fake_build(f);
	f->run.bytes[0] ^= 1;
	fake_begin(f);
	fake_accept(f, 1, 25);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice WHERE what LIKE '%copy of this tablet%'"), 1);
	assert_int_equal(fake_int(f, "SELECT state FROM ds_journal"), 2);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_receipt"), 2);
	assert_int_equal(journal_verify(&f->replica, &proof, NULL), ST_CORRUPT);
	fake_build(f);
	fake_begin(f);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 1);
}

static void a_receipt_that_agrees_tells_nothing(void **state)
{
	struct fake *f = *state;

	for (int i = 0; i < 5; i++) {
		fake_do(f, "UPDATE task SET notes=notes||'x' WHERE id='" TASK "'");
		fake_accept_all(f, 30 + (uint64_t)i);
	}
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 0);
	assert_int_equal(fake_int(f, "SELECT value FROM ds_meta WHERE key='proven_n'"), 5);
	/* A centre that went back claims less, and that is right as well. */
	f->received_n = 0;
	f->run = (struct digest){ { 0 } };
	fake_build(f);
	fake_begin(f);
	assert_int_equal(fake_take(f, NULL), ST_OK);
	assert_int_equal(fake_int(f, "SELECT count(*) FROM ds_notice"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* So many changes that are held; any body will do. */
static void many_are_held(struct fake *f, int count)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql,
		       "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<%d) INSERT INTO ds_journal"
		       "(n,origin,kind,id,body,digest,state,made_wall_ms) SELECT n,7,1,'" TASK "',x'00',zeroblob(32),1,0 FROM c",
		       count);
	fake_do(f, sql);
}

static void asks_about(struct fake *f, uint64_t first, uint64_t last)
{
	assert_int_equal(f->request.held_count, LIMIT_HELD_MAX);
	assert_int_equal(f->request.held[0].n, first);
	assert_int_equal(f->request.held[LIMIT_HELD_MAX - 1].n, last);
}

static void of_more_held_changes_than_a_request_names_each_has_its_turn(void **state)
{
	struct fake *f = *state;

	many_are_held(f, 2300);
	fake_build(f);
	asks_about(f, 1, 1000);
	fake_build(f);
	asks_about(f, 1001, 2000);
	/* The rest, and then the first ones again. */
	fake_build(f);
	asks_about(f, 1, 2300);
	assert_int_equal(f->request.held[699].n, 700);
	assert_int_equal(f->request.held[700].n, 2001);
	fake_build(f);
	asks_about(f, 701, 1700);
	fake_do(f, "DELETE FROM ds_journal WHERE n>3");
	fake_build(f);
	assert_int_equal(f->request.held_count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_cut_at_any_byte_changes_nothing),
		TEST(an_answer_altered_at_any_byte_changes_nothing),
		TEST(only_the_answer_to_the_newest_request_is_applied),
		TEST(an_answer_is_taken_once),
		TEST(of_more_held_changes_than_a_request_names_each_has_its_turn),
		TEST(an_answer_for_another_tablet_or_by_another_centre_is_refused),
		TEST(each_request_has_a_fresh_counter_that_is_stored_before_it_leaves),
		TEST(cut_before_its_commit_an_answer_has_done_nothing),
		TEST(cut_before_its_commit_a_request_has_not_left),
		TEST(how_an_exchange_went_is_stored_with_what_it_brought),
		TEST(a_lost_answer_costs_only_a_repetition),
		TEST(an_edit_made_while_the_answer_was_under_way_is_still_pending),
		TEST(a_tablet_that_is_not_enrolled_sends_nothing),
		TEST(fetching_numbers_nothing_and_sends_no_change),
		TEST(a_request_tells_how_the_tablet_is),
		TEST(what_does_not_fit_one_request_goes_with_the_next),
		TEST(a_thousand_changes_go_in_one_request_and_the_next_takes_the_rest),
		TEST(where_the_centre_lacks_a_base_the_change_goes_whole_at_once),
		TEST(a_receipt_that_names_other_changes_is_kept_and_told),
		TEST(a_receipt_that_agrees_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
