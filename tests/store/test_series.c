/* Visits that repeat: the centre alone makes them, none twice. The agency's clock begins on Thursday, 1 January 2026. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/moment.h"
#include "daemon/renewal.h"
#include "daemon/series.h"
#include "tests/support/scene.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static int64_t moment(const char *text)
{
	int64_t ms = 0;

	assert_true(moment_parse(text, strlen(text), MOMENT_NO_OFFSET, &ms));
	return ms;
}

/* A visit with a rule, as Ann's tablet makes it: at this time, for an hour. */
static struct change *first_visit(struct scene *s, const struct id *id, const char *at, const char *rule)
{
	struct change *change = agency_change(&s->a, "visit", id, &s->patient);

	agency_set_id(&s->a, change, "worker", &s->ann);
	agency_set_int(change, "planned_from", moment(at));
	agency_set_int(change, "planned_to", moment(at) + HOUR_MS);
	agency_set(change, "recurrence", rule);
	agency_set(change, "purpose", "Wound care");
	agency_set(change, "status", "planned");
	return change;
}

static struct id series(struct scene *s, const char *at, const char *rule)
{
	const struct id id = agency_id(&s->a);

	assert_accepted(scene_ann(s, first_visit(s, &id, at, rule)));
	return id;
}

static struct id on(const struct id *head, const char *date)
{
	struct id id;

	series_visit_id(head, date, &id);
	return id;
}

static void count_visit_of(const struct record *record, size_t *planned, size_t *cancelled)
{
	const struct value *status = &record->row.values[kind_field(record->kind, "status", 6)];

	*planned += status->len == 7 && memcmp(status->text, "planned", 7) == 0;
	*cancelled += status->len == 9 && memcmp(status->text, "cancelled", 9) == 0;
}

struct tally {
	size_t planned, cancelled;
};

static enum status tally_visit(void *ctx, const struct record *record)
{
	struct tally *tally = ctx;

	count_visit_of(record, &tally->planned, &tally->cancelled);
	return ST_OK;
}

static struct tally tally(struct scene *s)
{
	struct tally t = { 0 };

	assert_int_equal(s->a.store->ops->record_each(s->a.store, agency_kind(&s->a, "visit"), &s->patient, tally_visit,
						      &t), ST_OK);
	return t;
}

static void assert_tally(struct scene *s, size_t planned, size_t cancelled)
{
	const struct tally t = tally(s);

	assert_int_equal(t.planned, planned);
	assert_int_equal(t.cancelled, cancelled);
}

static void assert_status(struct scene *s, const struct id *head, const char *date, const char *status)
{
	const struct id id = on(head, date);

	if (status == NULL)
		assert_false(agency_has(&s->a, "visit", &id));
	else
		assert_string_equal(agency_text(&s->a, "visit", &id, "status"), status);
}

static void assert_at(struct scene *s, const struct id *id, const char *field, const char *at)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)moment(at));
	assert_string_equal(agency_text(&s->a, "visit", id, field), text);
}

static void follow(struct scene *s, const struct id *head)
{
	s->a.in.now_ms = s->a.now_ms;
	assert_int_equal(series_follow(&s->a.in, head, NULL), ST_OK);
}

/* A new rule, set on Ann's tablet, which has seen all. */
static void set_rule(struct scene *s, const struct id *head, const char *rule)
{
	const uint64_t seq = agency_group_seq(&s->a, "visit", head, "planned");

	assert_accepted(scene_ann(s, scene_edit(s, "visit", head, "planned", agency_seq(seq), "recurrence", rule)));
}

static struct id setter(struct scene *s, const struct id *id, const char *group)
{
	struct history row;

	assert_int_equal(s->a.store->ops->history_get(s->a.store, agency_group_seq(&s->a, "visit", id, group), &s->a.arena,
						      &row), ST_OK);
	assert_int_equal(row.device, 0);
	return row.author;
}

/* --- expanding --- */

static void a_tablets_rule_is_expanded_by_the_centre_up_to_the_horizon(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY"), second = on(&head, "2026-01-09");
	const struct id author = setter(s, &second, "planned");
	char id[ID_TEXT_SIZE];

	/* 2 January, and every seventh day up to 2 March, which is 60 days ahead. */
	assert_tally(s, 9, 0);
	assert_status(s, &head, "2026-02-27", "planned");
	assert_status(s, &head, "2026-03-06", NULL);
	id_format(&head, id);
	assert_string_equal(agency_text(&s->a, "visit", &head, "series"), id);
	assert_string_equal(agency_text(&s->a, "visit", &head, "series_date"), "2026-01-02");
	assert_string_equal(agency_text(&s->a, "visit", &second, "series"), id);
	assert_string_equal(agency_text(&s->a, "visit", &second, "series_date"), "2026-01-09");
	assert_string_equal(agency_text(&s->a, "visit", &second, "recurrence"), "");
	assert_string_equal(agency_text(&s->a, "visit", &second, "purpose"), "Wound care");
	assert_at(s, &second, "planned_from", "2026-01-09T08:30:00Z");
	assert_at(s, &second, "planned_to", "2026-01-09T09:30:00Z");
	assert_true(id_equal(&author, &s->ann));
}

static void an_expanded_series_costs_no_change(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=DAILY");
	const uint64_t seq = s->a.chain.seq;

	assert_tally(s, 60, 0);
	follow(s, &head);
	assert_int_equal(s->a.chain.seq, seq);
	/* A visit of the series, and one without a rule, begin none. */
	const struct id other = on(&head, "2026-01-05"), plain = scene_record(s, "visit", "purpose", "once");

	follow(s, &other);
	follow(s, &plain);
	assert_int_equal(s->a.chain.seq, seq + 1);
}

static void as_the_days_pass_what_comes_nearer_is_planned(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;INTERVAL=2");

	assert_tally(s, 5, 0);
	s->a.now_ms += 14 * DAY_MS;
	agency_commit(&s->a);
	follow(s, &head);
	assert_tally(s, 6, 0);
	assert_status(s, &head, "2026-03-13", "planned");
}

static void no_visit_is_planned_for_a_day_that_is_past(void **state)
{
	struct scene *s = *state;
	struct id head;

	s->a.now_ms = moment("2026-01-20T12:00:00Z");
	agency_commit(&s->a);
	head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;COUNT=5");
	assert_status(s, &head, "2026-01-09", NULL);
	assert_status(s, &head, "2026-01-16", NULL);
	assert_status(s, &head, "2026-01-23", "planned");
	assert_status(s, &head, "2026-01-30", "planned");
	assert_tally(s, 3, 0);
}

static void a_rule_that_is_not_understood_leaves_the_visit_alone(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=YEARLY");

	assert_tally(s, 1, 0);
	assert_string_equal(agency_text(&s->a, "visit", &head, "recurrence"), "FREQ=YEARLY");
	assert_string_equal(agency_text(&s->a, "visit", &head, "series"), "");
	/* Nor does it undo what an earlier rule planned. */
	const struct id other = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY");

	set_rule(s, &other, "when the moon is full");
	assert_tally(s, 10, 0);
}

/* An hour ahead of UTC, two from 29 March, 01:00 UTC, on. */
static int zurich(const char *zone, int64_t ms)
{
	(void)zone;
	return ms < moment("2026-03-29T01:00:00Z") ? 60 : 120;
}

static int zurich_local(const char *zone, int64_t local_ms)
{
	return zurich(zone, local_ms - HOUR_MS);
}

static void the_local_time_stays_over_a_change_of_summer_time(void **state)
{
	struct scene *s = *state;
	struct id head, winter, summer;

	s->a.env.zone_min = zurich;
	s->a.env.zone_of_local_min = zurich_local;
	s->a.now_ms = moment("2026-03-20T08:00:00Z");
	agency_commit(&s->a);
	/* 00:30 in Zurich is still the day before in UTC. */
	head = series(s, "2026-03-21T23:30:00Z", "FREQ=WEEKLY;COUNT=3");
	assert_string_equal(agency_text(&s->a, "visit", &head, "series_date"), "2026-03-22");
	winter = on(&head, "2026-03-29");
	summer = on(&head, "2026-04-05");
	assert_at(s, &winter, "planned_from", "2026-03-28T23:30:00Z");
	assert_at(s, &summer, "planned_from", "2026-04-04T22:30:00Z");
	assert_at(s, &summer, "planned_to", "2026-04-04T23:30:00Z");
}

/* --- what people did stays --- */

static void one_that_was_moved_or_cancelled_is_not_planned_again(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;BYHOUR=8;BYMINUTE=30");
	const struct id moved = on(&head, "2026-01-09"), cancelled = on(&head, "2026-01-16");
	struct change *change = scene_edit(s, "visit", &moved, "planned",
					   agency_seq(agency_group_seq(&s->a, "visit", &moved, "planned")), "recurrence",
					   NULL);

	agency_set_int(change, "planned_from", moment("2026-01-10T15:00:00Z"));
	assert_accepted(scene_ann(s, change));
	assert_accepted(scene_ann(s, scene_edit(s, "visit", &cancelled, "status",
						agency_seq(agency_group_seq(&s->a, "visit", &cancelled, "status")),
						"status", "cancelled")));
	follow(s, &head);
	assert_tally(s, 8, 1);
	assert_at(s, &moved, "planned_from", "2026-01-10T15:00:00Z");
	/* Nor is it undone by another rule: somebody wrote in it. */
	set_rule(s, &head, NULL);
	assert_tally(s, 2, 7);
	assert_status(s, &head, "2026-01-09", "planned");
}

static void a_visit_that_begins_a_series_of_its_own_is_left_to_it(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;COUNT=3"), second = on(&head, "2026-01-09");
	struct change *change = agency_change(&s->a, "visit", &second, NULL);

	/* A rule in a visit of another's series is none. */
	set_rule(s, &second, "FREQ=DAILY");
	assert_tally(s, 3, 0);
	agency_group(&s->a, change, "planned", agency_seq(s->a.chain.seq));
	agency_group(&s->a, change, "series", agency_seq(s->a.chain.seq));
	agency_set_int(change, "planned_from", moment("2026-01-10T14:00:00Z"));
	agency_set(change, "recurrence", "FREQ=WEEKLY;COUNT=2");
	agency_set_id(&s->a, change, "series", &second);
	agency_set(change, "series_date", "2026-01-10");
	assert_accepted(agency_own_change(&s->a, change));
	assert_tally(s, 4, 0);
	follow(s, &head);
	assert_at(s, &second, "planned_from", "2026-01-10T14:00:00Z");
	assert_status(s, &second, "2026-01-17", "planned");
	set_rule(s, &head, NULL);
	assert_tally(s, 3, 1);
}

static void moving_the_first_visit_alone_moves_no_other(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;BYHOUR=8;BYMINUTE=30");
	struct change *change = scene_edit(s, "visit", &head, "planned",
					   agency_seq(agency_group_seq(&s->a, "visit", &head, "planned")), "recurrence",
					   "FREQ=WEEKLY;BYHOUR=8;BYMINUTE=30");
	const struct id next = on(&head, "2026-01-09");
	uint64_t seq;

	agency_set_int(change, "planned_from", moment("2026-01-03T10:00:00Z"));
	seq = s->a.chain.seq;
	assert_accepted(scene_ann(s, change));
	assert_int_equal(s->a.chain.seq, seq + 1);
	assert_tally(s, 9, 0);
	assert_at(s, &next, "planned_from", "2026-01-09T08:30:00Z");
}

/* --- rules that change --- */

static void an_ended_rule_cancels_what_is_to_come_with_a_reason(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY"), last = on(&head, "2026-02-27");

	s->a.now_ms = moment("2026-01-12T00:00:00Z");
	agency_commit(&s->a);
	set_rule(s, &head, "FREQ=WEEKLY;UNTIL=20260123");
	assert_tally(s, 4, 5);
	assert_status(s, &head, "2026-01-23", "planned");
	assert_string_equal(agency_text(&s->a, "visit", &last, "status"), "cancelled");
	assert_string_equal(agency_text(&s->a, "visit", &last, "status_reason"), "The series was changed or ended.");
	set_rule(s, &head, NULL);
	assert_tally(s, 2, 7);
	assert_status(s, &head, "2026-01-09", "planned"); /* past: what became of it is a person's to say */
}

static void a_changed_rule_cancels_what_no_longer_fits_and_plans_what_is_new(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-05T08:30:00Z", "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=5");
	uint64_t seq;

	assert_tally(s, 5, 0);
	set_rule(s, &head, "FREQ=WEEKLY;BYDAY=MO,FR;COUNT=5");
	/* Mondays 5, 12, 19 stay; Thursdays 8 and 15 go; Fridays 9 and 16 come. */
	assert_tally(s, 5, 2);
	assert_status(s, &head, "2026-01-08", "cancelled");
	assert_status(s, &head, "2026-01-09", "planned");
	/* And back: what this cancelled is planned again, under the same name. */
	set_rule(s, &head, "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=5");
	assert_tally(s, 5, 2);
	assert_status(s, &head, "2026-01-08", "planned");
	assert_status(s, &head, "2026-01-09", "cancelled");
	seq = s->a.chain.seq;
	follow(s, &head);
	assert_int_equal(s->a.chain.seq, seq);
}

static void another_time_of_day_moves_what_nobody_wrote_in(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;COUNT=3;BYHOUR=8;BYMINUTE=30");
	const struct id second = on(&head, "2026-01-09"), third = on(&head, "2026-01-16");

	set_rule(s, &head, "FREQ=WEEKLY;COUNT=3;BYHOUR=14;BYMINUTE=0");
	assert_at(s, &second, "planned_from", "2026-01-09T14:00:00Z");
	set_rule(s, &head, "FREQ=WEEKLY;COUNT=3;BYHOUR=15;BYMINUTE=45");
	assert_at(s, &second, "planned_from", "2026-01-09T15:45:00Z");
	assert_at(s, &third, "planned_to", "2026-01-16T16:45:00Z");
	assert_tally(s, 3, 0);
}

/* --- patients --- */

static void set_patient(struct scene *s, const char *status)
{
	struct change *change = scene_edit(s, "patient", &s->patient, "status",
					   (struct version){ .tag = VERSION_NONE }, "status", status);

	assert_accepted(agency_own_change(&s->a, change));
}

static void a_closed_patients_series_stops_and_goes_on_when_reopened(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY"), last = on(&head, "2026-02-27");

	set_patient(s, "closed");
	assert_tally(s, 1, 8); /* the first is a person's own */
	assert_string_equal(agency_text(&s->a, "visit", &last, "status_reason"), "The patient's case was closed.");
	/* A tablet that had not heard of it brings another one. */
	(void)series(s, "2026-01-03T08:30:00Z", "FREQ=DAILY");
	assert_tally(s, 2, 8);
	set_patient(s, "active");
	assert_tally(s, 68, 0);
}

static void a_deleted_first_visit_ends_its_series(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY;COUNT=3");
	struct change *change = agency_change(&s->a, "visit", &head, NULL);

	change->deletes = true;
	agency_group(&s->a, change, "", agency_seq(s->a.chain.seq));
	assert_accepted(scene_ann(s, change));
	assert_status(s, &head, "2026-01-09", "cancelled");
	assert_status(s, &head, "2026-01-16", "cancelled");
}

static void every_first_visit_is_found_and_no_other(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY");
	struct id *found = NULL;
	size_t count = 0;

	(void)series(s, "2026-01-02T08:30:00Z", "nonsense");
	assert_int_equal(series_heads(s->a.store, s->a.schema, &s->a.arena, &found, &count), ST_OK);
	assert_int_equal(count, 1);
	assert_true(id_equal(&found[0], &head));
}

/* --- many, large and old --- */

/* Visits of a person's own that name a series, each with about as much as may stand in one. */
static void name_series(struct scene *s, const struct id *head, size_t count)
{
	char words[1001], people[4000];
	size_t at = 0;

	memset(words, 'x', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	for (int i = 0; i < 60; i++)
		at += (size_t)snprintf(people + at, sizeof people - at, "%s\"%04d%050d\"", i > 0 ? "," : "[", i, 0);
	(void)snprintf(people + at, sizeof people - at, "]");
	for (size_t i = 0; i < count; i++) {
		const struct id id = agency_id(&s->a);
		struct change *change = agency_change(&s->a, "visit", &id, &s->patient);

		agency_set_int(change, "planned_from", moment("2026-01-04T08:00:00Z"));
		agency_set(change, "status", "planned");
		agency_set_id(&s->a, change, "series", head);
		agency_set(change, "series_date", "2026-01-04");
		agency_set(change, "participants", people);
		agency_set(change, "edits", people);
		agency_set(change, "purpose", words);
		agency_set(change, "place", words);
		assert_accepted(scene_ann(s, change));
		arena_reset(&s->a.arena);
	}
}

static void visits_that_name_a_series_keep_no_rule_from_changing_however_many(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "2026-01-02T08:30:00Z", "FREQ=WEEKLY");

	name_series(s, &head, 1100);
	set_rule(s, &head, NULL);
	assert_status(s, &head, "2026-01-09", "cancelled");
	assert_status(s, &head, "2026-02-27", "cancelled");
}

static void a_rule_that_began_long_ago_plans_the_days_to_come(void **state)
{
	struct scene *s = *state;
	const struct id head = series(s, "0002-02-04T08:30:00Z", "FREQ=DAILY");

	assert_status(s, &head, "2025-12-31", NULL);
	assert_status(s, &head, "2026-01-01", "planned");
	assert_status(s, &head, "2026-03-02", "planned");
	assert_tally(s, 62, 0);
}

/* --- room --- */

/* The agency's store as a centre has it, for the renewal. */
static bool renew(struct scene *s, struct renewal *renewal)
{
	struct centre centre = { .store = s->a.store, .schema = s->a.schema, .env = &s->a.env, .key = s->a.key };
	bool more = true;

	assert_int_equal(chain_end(&s->a.chain, &s->a.key), ST_OK);
	assert_int_equal(s->a.store->ops->commit(s->a.store), ST_OK);
	chain_close(&s->a.chain);
	assert_int_equal(renewal_step(renewal, &centre, &more), ST_OK);
	assert_int_equal(s->a.store->ops->begin_write(s->a.store), ST_OK);
	assert_int_equal(chain_begin(&s->a.chain, s->a.store), ST_OK);
	return more;
}

static void a_transaction_without_room_leaves_series_to_the_renewal(void **state)
{
	struct scene *s = *state;
	struct series_room room = { .left = SERIES_ROOM };
	struct renewal renewal;
	struct id heads[12];
	uint64_t seq;
	int steps = 1;

	renewal_init(&renewal);
	s->a.in.series_room = &room;
	for (size_t i = 0; i < 12; i++)
		heads[i] = series(s, "2026-01-02T08:30:00Z", "FREQ=DAILY");
	/* Each is 60 changes, and looks beside: four take the room, and the fourth is not broken off. */
	assert_tally(s, 12 + 4 * 59, 0);
	assert_true(room.more);
	set_rule(s, &heads[11], "FREQ=DAILY;INTERVAL=2");
	set_rule(s, &heads[0], NULL);
	assert_status(s, &heads[0], "2026-01-05", "planned");
	s->a.in.series_room = NULL;
	while (renew(s, &renewal))
		steps++;
	assert_true(steps >= 2);
	assert_status(s, &heads[0], "2026-01-05", "cancelled");
	assert_status(s, &heads[10], "2026-03-02", "planned");
	assert_tally(s, 12 + 10 * 59 + 29, 59);
	/* Nothing is left, and nothing is planned twice. */
	seq = s->a.chain.seq;
	assert_false(renew(s, &renewal));
	renewal.all = true;
	while (renew(s, &renewal))
		;
	assert_int_equal(s->a.chain.seq, seq);
	renewal_close(&renewal);
}

int main(void)
{
#define SCENE_TEST(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		SCENE_TEST(a_tablets_rule_is_expanded_by_the_centre_up_to_the_horizon),
		SCENE_TEST(an_expanded_series_costs_no_change),
		SCENE_TEST(as_the_days_pass_what_comes_nearer_is_planned),
		SCENE_TEST(no_visit_is_planned_for_a_day_that_is_past),
		SCENE_TEST(a_rule_that_is_not_understood_leaves_the_visit_alone),
		SCENE_TEST(the_local_time_stays_over_a_change_of_summer_time),
		SCENE_TEST(one_that_was_moved_or_cancelled_is_not_planned_again),
		SCENE_TEST(a_visit_that_begins_a_series_of_its_own_is_left_to_it),
		SCENE_TEST(moving_the_first_visit_alone_moves_no_other),
		SCENE_TEST(an_ended_rule_cancels_what_is_to_come_with_a_reason),
		SCENE_TEST(a_changed_rule_cancels_what_no_longer_fits_and_plans_what_is_new),
		SCENE_TEST(another_time_of_day_moves_what_nobody_wrote_in),
		SCENE_TEST(a_closed_patients_series_stops_and_goes_on_when_reopened),
		SCENE_TEST(a_deleted_first_visit_ends_its_series),
		SCENE_TEST(every_first_visit_is_found_and_no_other),
		SCENE_TEST(visits_that_name_a_series_keep_no_rule_from_changing_however_many),
		SCENE_TEST(a_rule_that_began_long_ago_plans_the_days_to_come),
		SCENE_TEST(a_transaction_without_room_leaves_series_to_the_renewal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
