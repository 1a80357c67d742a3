/* What the proof promises: whoever alters one thing in the centre's database is found, and where it was. A small real
 * agency is altered behind the store's back, with plain SQL, and every alteration is taken back afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store_sqlite.h"
#include "tests/support/agency.h"
#include "tests/support/tamper.h"

#define TEXT_ROOM 512

struct findings {
	char places[256][TEXT_ROOM], whats[256][TEXT_ROOM];
	size_t count;
};

struct scene {
	struct agency a;
	struct findings findings; /* of the last proof */
	uint64_t numbers[8]; /* newest change of each tablet */
	struct id anna, ben, patient, other, note, medicine;
	uint32_t tablet_anna, tablet_ben;
	struct tamper tamper;
};

/* --- the agency --- */

static void take(struct scene *s, uint32_t tablet, const struct change *change)
{
	s->a.now_ms += 60000;
	agency_take(&s->a, tablet, tablet == s->tablet_anna ? &s->anna : &s->ben, ++s->numbers[tablet], change);
}

static void edit(struct scene *s, uint32_t tablet, const char *ref[3], const struct id *id, const char *text,
		 uint64_t base)
{
	struct change *change = agency_change(&s->a, ref[0], id, NULL);

	agency_group(&s->a, change, ref[1], agency_seq(base));
	agency_set(change, ref[2], text);
	take(s, tablet, change);
}

static struct id create(struct scene *s, uint32_t tablet, const char *kind, const struct id *patient,
			const char *field, const char *text)
{
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, kind, &id, patient);

	agency_set(change, field, text);
	take(s, tablet, change);
	return id;
}

static void fill_people(struct scene *s)
{
	struct agency *a = &s->a;

	s->anna = agency_worker(a, "Anna");
	s->ben = agency_worker(a, "Ben");
	agency_commit(a);
	s->tablet_anna = agency_tablet(a, &s->anna);
	s->tablet_ben = agency_tablet(a, &s->ben);
	s->patient = agency_patient(a, "Zoë Ångström");
	s->other = agency_patient(a, "Other");
	agency_commit(a);
	agency_assign(a, &s->anna, &s->patient);
	agency_assign(a, &s->ben, &s->patient);
	agency_assign(a, &s->anna, &s->other);
	agency_commit(a);
	a->now_ms += 1000;
	agency_unassign(a, &s->anna, &s->other);
	agency_commit(a);
	a->now_ms += 1000;
	agency_assign(a, &s->anna, &s->other);
	agency_commit(a);
}

/* Two write the same, the second definitely later: the last change of the record, and it sets nothing. */
static void say_again(struct scene *s, const struct id *visit)
{
	const uint64_t seq = s->a.chain.seq;
	const struct kind *kind = agency_kind(&s->a, "visit");
	const struct record *record;
	struct change *change;

	edit(s, s->tablet_anna, (const char *[]){ "visit", "purpose", "purpose" }, visit, "Wound care", seq);
	agency_commit(&s->a);
	change = agency_change(&s->a, "visit", visit, NULL);
	agency_group(&s->a, change, "purpose", agency_seq(seq));
	change->groups[0].evidence.heard_ms = s->a.now_ms + 1;
	take(s, s->tablet_ben, change);
	agency_commit(&s->a);
	record = agency_record(&s->a, "visit", visit);
	assert_int_equal(record->seq, s->a.outcome.seq);
	assert_int_equal(record->groups[kind_group(kind, "purpose", 7)].seq, s->a.outcome.seq - 1);
}

/* Edits of each rule, accepted, merged, superseded and in conflict; a deletion, and one that an edit takes back. */
static void fill_work(struct scene *s)
{
	struct agency *a = &s->a;
	uint64_t seq;
	struct id visit, gone;
	struct change *change;

	s->note = create(s, s->tablet_anna, "note", &s->patient, "observed", "Walks with a stick.");
	agency_commit(a);
	s->medicine = create(s, s->tablet_ben, "medication", &s->patient, "name", "Metoprolol");
	visit = create(s, s->tablet_ben, "visit", &s->patient, "participants", "[\"son\"]");
	agency_commit(a);
	seq = a->chain.seq;
	edit(s, s->tablet_anna, (const char *[]){ "note", "observed", "observed" }, &s->note, "Walks alone.", seq);
	edit(s, s->tablet_ben, (const char *[]){ "note", "observed", "observed" }, &s->note, "Sits.", seq);
	agency_commit(a);
	edit(s, s->tablet_anna, (const char *[]){ "medication", "record", "dose" }, &s->medicine, "5", seq);
	agency_commit(a);
	edit(s, s->tablet_ben, (const char *[]){ "medication", "record", "dose" }, &s->medicine, "10", seq);
	agency_commit(a);
	edit(s, s->tablet_anna, (const char *[]){ "visit", "participants", "participants" }, &visit, "[\"aunt\",\"son\"]",
	     seq);
	edit(s, s->tablet_ben, (const char *[]){ "visit", "participants", "participants" }, &visit, "[\"son\",\"wife\"]",
	     seq);
	edit(s, s->tablet_ben, (const char *[]){ "patient", "phone", "phone" }, &s->patient, "0123", seq);
	agency_commit(a);
	say_again(s, &visit);
	gone = create(s, s->tablet_anna, "task", &s->patient, "title", "Order bandages");
	change = agency_change(a, "task", &gone, NULL);
	change->deletes = true;
	agency_group(a, change, "", agency_seq(a->chain.seq));
	seq = a->chain.seq;
	take(s, s->tablet_anna, change);
	agency_commit(a);
	edit(s, s->tablet_ben, (const char *[]){ "task", "title", "title" }, &gone, "Order more bandages", seq);
	agency_commit(a);
	assert_false(agency_record(a, "task", &gone)->deleted);
}

/* Held: one answered with yes, one with no, one that stays, one that waits for one thing and then another. */
static void fill_held(struct scene *s)
{
	struct agency *a = &s->a;
	struct id goal = agency_id(a), task = agency_id(a);
	struct change *change;

	(void)create(s, s->tablet_ben, "note", &s->other, "observed", "Not mine.");
	agency_commit(a);
	assert_int_equal(a->outcome.result, OUTCOME_HELD);
	assert_int_equal(intake_answer_held(&a->in, &s->anna, a->outcome.seq, true, NULL), ST_OK);
	agency_commit(a);
	(void)create(s, s->tablet_ben, "note", &s->other, "observed", "Not mine either.");
	agency_commit(a);
	assert_int_equal(intake_answer_held(&a->in, &s->anna, a->outcome.seq, false, NULL), ST_OK);
	agency_commit(a);
	(void)create(s, s->tablet_ben, "note", &s->other, "observed", "Nor this.");
	agency_commit(a);
	/* It waits for its record, and then for the goal that it names. */
	change = agency_change(a, "task", &task, NULL);
	agency_group(a, change, "goal", agency_seq(0));
	agency_set_id(a, change, "goal", &goal);
	take(s, s->tablet_anna, change);
	agency_commit(a);
	change = agency_change(a, "task", &task, &s->patient);
	agency_set(change, "title", "Walk to the corner");
	take(s, s->tablet_anna, change);
	agency_commit(a);
}

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof *s);

	assert_non_null(s);
	agency_open(&s->a);
	s->tamper = (struct tamper){ sqlite_of(s->a.store)->db.handle, 1 };
	fill_people(s);
	fill_work(s);
	fill_held(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	agency_close(&s->a);
	free(s);
	return 0;
}

/* --- findings --- */

static void note_finding(void *ctx, const char *place, const char *what)
{
	struct findings *findings = ctx;

	if (findings->count == 256)
		return;
	(void)snprintf(findings->places[findings->count], TEXT_ROOM, "%s", place);
	(void)snprintf(findings->whats[findings->count++], TEXT_ROOM, "%s", what);
}

static struct verify_report verify(struct scene *s, struct findings *findings)
{
	struct verify_report report;

	findings->count = 0;
	assert_int_equal(chain_verify(s->a.store, s->a.key.public, note_finding, NULL, findings, &report), ST_OK);
	assert_true(report.findings >= findings->count);
	return report;
}

static void print_findings(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		print_message("#   %s: %s\n", findings->places[i], findings->whats[i]);
}

static void run(struct scene *s, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(s->tamper.db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

static const struct tamper_table targets[] = {
	{ "history", 1, { NULL }, false },
	{ "history", 1, { NULL }, false },
	{ "history", 1, { NULL }, false },
	{ "anchor", 1, { NULL }, false },
	{ "record", 2, { NULL }, false },
	{ "record", 2, { NULL }, false },
	{ "held", 1, { NULL }, false },
	{ "member", 3, { NULL }, false },
	{ "term", 1, { NULL }, false },
	{ "device", 1, { "last_n", "run" }, true },
	{ "patient", 1, { NULL }, false },
	{ "worker", 1, { NULL }, false },
	{ "assignment", 1, { NULL }, false },
	{ "visit", 1, { NULL }, false },
	{ "note", 1, { NULL }, false },
	{ "task", 1, { NULL }, false },
	{ "medication", 1, { NULL }, false },
	{ "conflict", 1, { NULL }, false },
};

/* --- what one without the key can make good again --- */

struct mending {
	struct scene *s;
	struct digest link;
	bool stopped;
};

static void bind_blob(sqlite3_stmt *stmt, int at, const void *data, size_t len)
{
	(void)sqlite3_bind_blob(stmt, at, data, (int)len, SQLITE_TRANSIENT);
}

static enum status mend_row(void *ctx, const struct history *row)
{
	struct mending *mending = ctx;
	struct history h = *row;
	sqlite3_stmt *stmt = tamper_prepare(&mending->s->tamper,
					    "UPDATE history SET digest=?1, content=?2, link=?3 WHERE seq=?4");

	change_digest(&h.digest, h.body.data, h.body.len);
	history_content(&h.content, &h);
	chain_link(&mending->link, h.seq, &h.content);
	bind_blob(stmt, 1, h.digest.bytes, DIGEST_SIZE);
	bind_blob(stmt, 2, h.content.bytes, DIGEST_SIZE);
	bind_blob(stmt, 3, mending->link.bytes, DIGEST_SIZE);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)h.seq);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	return ST_OK;
}

static enum status mend_anchor(void *ctx, const struct anchor *anchor)
{
	struct mending *mending = ctx;
	struct store *store = mending->s->a.store;
	sqlite3_stmt *stmt = tamper_prepare(&mending->s->tamper, "UPDATE anchor SET contents=?1, head=?2 WHERE seq=?3");
	uint8_t marks[4096];
	struct digest head = anchor->head;
	struct history h;

	assert_true(anchor->contents.len <= sizeof marks);
	memcpy(marks, anchor->contents.data, anchor->contents.len);
	for (uint64_t seq = anchor->first_seq; seq <= anchor->seq; seq++) {
		if (store->ops->history_get(store, seq, &mending->s->a.arena, &h) != ST_OK)
			continue;
		memcpy(marks + (seq - anchor->first_seq) * CHAIN_MARK_SIZE, h.content.bytes, 8);
		head = h.link;
	}
	bind_blob(stmt, 1, marks, anchor->contents.len);
	bind_blob(stmt, 2, head.bytes, DIGEST_SIZE);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)anchor->seq);
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	return ST_OK;
}

/* Every digest, content, link, mark and head anew; signatures stay. */
static void mend(struct scene *s)
{
	struct mending mending = { .s = s };
	struct store *store = s->a.store;

	if (store->ops->history_each(store, 0, mend_row, &mending) != ST_OK)
		return;
	assert_int_equal(store->ops->anchor_each(store, mend_anchor, &mending), ST_OK);
	assert_int_equal(store->ops->meta_set(store, "head", mending.link.bytes, DIGEST_SIZE), ST_OK);
}

/* --- does a finding name the place? --- */

/* "history A…", "history A to B", "anchor X (history A to B)": does it take in seq? */
static bool takes_in(const char *place, uint64_t seq)
{
	const char *history = strstr(place, "history ");
	char *end;
	uint64_t first, last;

	if (history == NULL)
		return false;
	first = strtoull(history + strlen("history "), &end, 10);
	last = strncmp(end, " to ", 4) == 0 ? strtoull(end + 4, NULL, 10) : first;
	return first <= seq && seq <= last;
}

static bool place_is(const char *place, const char *wanted)
{
	size_t len = strlen(wanted);

	return strncmp(place, wanted, len) == 0 && (place[len] == '\0' || place[len] == ' ');
}

/* The place of a row by its key, as the proof writes it. */
static void place_of(struct scene *s, const struct tamper_table *target, const struct tamper_row *row,
		     char out[TEXT_ROOM])
{
	char id[2][ID_TEXT_SIZE] = { "", "" };
	const char *kind = target->name;
	const struct kind *known;
	struct id bytes;

	for (int i = 0; i < 2 && i < row->count; i++) {
		if (sqlite3_value_type(row->values[i]) != SQLITE_BLOB || sqlite3_value_bytes(row->values[i]) != ID_SIZE)
			continue;
		memcpy(bytes.bytes, sqlite3_value_blob(row->values[i]), ID_SIZE);
		id_format(&bytes, id[i]);
	}
	if (strcmp(kind, "member") == 0) {
		(void)snprintf(out, TEXT_ROOM, "member %s/%s", id[0], id[1]);
	} else if (strcmp(kind, "term") == 0) {
		(void)snprintf(out, TEXT_ROOM, "term %s", id[0]);
	} else if (strcmp(kind, "record") == 0) {
		known = schema_kind_num(s->a.schema, (unsigned)sqlite3_value_int(row->values[0]));
		(void)snprintf(out, TEXT_ROOM, "record %s/%s", known ? known->name : "?", id[1]);
	} else if (sqlite3_value_type(row->values[0]) == SQLITE_TEXT) {
		(void)snprintf(out, TEXT_ROOM, "record %s/%s", kind, (const char *)sqlite3_value_text(row->values[0]));
	} else {
		(void)snprintf(out, TEXT_ROOM, "%s %" PRId64, kind, (int64_t)sqlite3_value_int64(row->values[0]));
	}
}

/* history: by number; an anchor: itself, or any row that it covered; all else by name. */
static bool named(struct scene *s, const struct findings *findings, const struct tamper_table *target,
		  const struct tamper_row *row)
{
	uint64_t seq = (uint64_t)sqlite3_value_int64(row->values[0]);
	bool anchor = strcmp(target->name, "anchor") == 0, history = strcmp(target->name, "history") == 0;
	char place[TEXT_ROOM];

	place_of(s, target, row, place);
	for (size_t i = 0; i < findings->count; i++) {
		if (place_is(findings->places[i], place))
			return true;
		if ((history || anchor) && takes_in(findings->places[i], seq))
			return true;
	}
	return false;
}

/* --- the promises --- */

static void an_unaltered_agency_has_no_finding(void **state)
{
	struct scene *s = *state;
	struct findings *findings = &s->findings;
	struct verify_report report = verify(s, findings);

	print_findings(findings);
	assert_int_equal(report.findings, 0);
	assert_int_equal(report.rows, tamper_count(&s->tamper, "history"));
	assert_int_equal(report.anchors, tamper_count(&s->tamper, "anchor"));
	assert_int_equal(report.records, tamper_count(&s->tamper, "record"));
	/* The scene has what the tests below alter. */
	assert_true(tamper_count(&s->tamper, "held") >= 4);
	assert_true(tamper_count(&s->tamper, "conflict") >= 1);
	assert_true(tamper_count(&s->tamper, "member") >= 4);
}

/* One alteration: what was done in words; false where this one changes nothing. */
static bool alter(struct scene *s, const struct tamper_table *target, struct tamper_row rows[2], char said[TEXT_ROOM])
{
	uint64_t count = tamper_count(&s->tamper, target->name), how = target->update_only ? 0 : tamper_pick(&s->tamper, 6);
	char name[64];
	int column;

	assert_true(count > 0);
	tamper_read(&s->tamper, target->name, tamper_pick(&s->tamper, count), &rows[0]);
	tamper_read(&s->tamper, target->name, tamper_pick(&s->tamper, count), &rows[1]);
	(void)snprintf(said, TEXT_ROOM, "%s of %s", how == 3 ? "delete" : how == 4 ? "insert" : "swap", target->name);
	if (how == 3)
		return tamper_delete(&s->tamper, target, &rows[0]);
	if (how == 4)
		return tamper_insert(&s->tamper, target, &rows[0]);
	if (how == 5)
		return tamper_swap(&s->tamper, target, &rows[0], &rows[1]);
	column = (int)tamper_pick(&s->tamper, (uint64_t)rows[0].count);
	(void)tamper_column(&s->tamper, target->name, column, name);
	if (target->only[0] != NULL && strcmp(name, target->only[0]) != 0 && strcmp(name, target->only[1]) != 0)
		return false;
	(void)snprintf(said, TEXT_ROOM, "update of %s.%s", target->name, name);
	return tamper_set(&s->tamper, target, &rows[0], column, NULL);
}

/* Altered digests that are made good are as they were. */
static bool undone_by_mending(const char *said)
{
	return strcmp(said, "update of history.digest") == 0 || strcmp(said, "update of history.content") == 0 ||
	       strcmp(said, "update of history.link") == 0;
}

static bool alter_and_look(struct scene *s, struct findings *findings)
{
	const struct tamper_table *target = &targets[tamper_pick(&s->tamper, sizeof targets / sizeof targets[0])];
	struct tamper_row rows[2] = { { .count = 0 }, { .count = 0 } };
	char said[TEXT_ROOM], place[TEXT_ROOM];
	bool mended, done;

	run(s, "SAVEPOINT alteration");
	done = alter(s, target, rows, said);
	mended = done && strcmp(target->name, "history") == 0 && !undone_by_mending(said) &&
		 tamper_pick(&s->tamper, 2) == 0;
	if (mended)
		mend(s);
	if (done)
		(void)verify(s, findings);
	place_of(s, target, &rows[0], place);
	if (done && !named(s, findings, target, &rows[0])) {
		print_findings(findings);
		fail_msg("%s at %s%s was not found there", said, place, mended ? ", with digests made good," : "");
	}
	tamper_row_free(&rows[0]);
	tamper_row_free(&rows[1]);
	run(s, "ROLLBACK TO alteration; RELEASE alteration");
	return done;
}

static void each_of_200_single_alterations_is_found_at_its_place(void **state)
{
	struct scene *s = *state;
	struct findings *findings = &s->findings;

	for (int done = 0; done < 200;)
		done += alter_and_look(s, findings);
}

/* Every column of every table in turn, in a row of each. */
static void an_alteration_of_any_column_is_found(void **state)
{
	struct scene *s = *state;
	struct findings *findings = &s->findings;

	for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
		struct tamper_row row;
		char name[64];

		if (targets[t].update_only)
			continue;
		tamper_read(&s->tamper, targets[t].name, tamper_pick(&s->tamper, tamper_count(&s->tamper, targets[t].name)), &row);
		for (int column = 0; column < row.count; column++) {
			run(s, "SAVEPOINT alteration");
			if (tamper_set(&s->tamper, &targets[t], &row, column, NULL)) {
				(void)verify(s, findings);
				if (!named(s, findings, &targets[t], &row))
					fail_msg("%s.%s", targets[t].name,
						 tamper_column(&s->tamper, targets[t].name, column, name));
			}
			run(s, "ROLLBACK TO alteration; RELEASE alteration");
		}
		tamper_row_free(&row);
	}
}

static void a_tail_cut_off_history_and_anchors_is_found(void **state)
{
	struct scene *s = *state;
	struct findings *findings = &s->findings;

	for (int commits = 1; commits <= 12; commits++) {
		char sql[TEXT_ROOM];

		run(s, "SAVEPOINT alteration");
		(void)snprintf(sql, sizeof sql,
			       "DELETE FROM anchor WHERE seq IN (SELECT seq FROM anchor ORDER BY seq DESC LIMIT %d)", commits);
		run(s, sql);
		run(s, "DELETE FROM history WHERE seq>(SELECT max(seq) FROM anchor);"
		       "UPDATE meta SET value=(SELECT max(seq) FROM anchor) WHERE key='seq';"
		       "UPDATE meta SET value=(SELECT head FROM anchor ORDER BY seq DESC LIMIT 1) WHERE key='head';"
		       "UPDATE meta SET value=(SELECT max(n) FROM history WHERE device=0) WHERE key='own_n'");
		assert_true(verify(s, findings).findings > 0);
		run(s, "ROLLBACK TO alteration; RELEASE alteration");
	}
}

static void an_older_number_head_or_own_number_in_meta_is_found(void **state)
{
	static const char *const alterations[][2] = {
		{ "UPDATE meta SET value=value-1 WHERE key='seq'", "meta seq" },
		{ "UPDATE meta SET value=zeroblob(32) WHERE key='head'", "meta head" },
		{ "UPDATE meta SET value=value-1 WHERE key='own_n'", "device 0" },
		{ "DELETE FROM device WHERE device=2", "device 2" },
	};
	struct scene *s = *state;
	struct findings *findings = &s->findings;

	for (size_t i = 0; i < sizeof alterations / sizeof alterations[0]; i++) {
		run(s, "SAVEPOINT alteration");
		run(s, alterations[i][0]);
		(void)verify(s, findings);
		assert_int_equal(findings->count, 1);
		assert_string_equal(findings->places[0], alterations[i][1]);
		run(s, "ROLLBACK TO alteration; RELEASE alteration");
	}
}

static void an_early_alteration_with_all_made_good_is_named_at_its_commit_and_not_at_each_later_one(void **state)
{
	struct scene *s = *state;
	struct findings *findings = &s->findings;
	size_t anchors = 0;

	run(s, "SAVEPOINT alteration");
	run(s, "UPDATE history SET received_ms=received_ms+1 WHERE seq=(SELECT min(seq) FROM history)");
	mend(s);
	(void)verify(s, findings);
	for (size_t i = 0; i < findings->count; i++)
		anchors += strncmp(findings->places[i], "anchor ", 7) == 0;
	/* Its marks, and the heads from there on. */
	assert_int_equal(anchors, 2);
	run(s, "ROLLBACK TO alteration; RELEASE alteration");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unaltered_agency_has_no_finding),
		cmocka_unit_test(each_of_200_single_alterations_is_found_at_its_place),
		cmocka_unit_test(an_alteration_of_any_column_is_found),
		cmocka_unit_test(a_tail_cut_off_history_and_anchors_is_found),
		cmocka_unit_test(an_older_number_head_or_own_number_in_meta_is_found),
		cmocka_unit_test(an_early_alteration_with_all_made_good_is_named_at_its_commit_and_not_at_each_later_one),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
