/* A value that stands and is said again by who had not seen it: what it keeps of that (DESIGN.md section 7, `newest`: never
 * does a value stand that is definitely older than one kept). After each test history must prove what stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/scene.h"

#define HOUR INT64_C(3600000)

/* The phone as Ann or Ben wrote it between these hours after the start (one hour: by a measured clock, and heard of
 * later), from the base that both began with. */
static const struct outcome *write_phone(struct scene *s, bool ann, const struct id *id, uint64_t base, const char *phone,
					 int64_t from_hour, int64_t to_hour)
{
	struct change *change = scene_edit(s, "contact", id, "phone", agency_seq(base), "phone", phone);

	s->a.now_ms = AGENCY_START_MS + (from_hour == to_hour ? 20 : to_hour) * HOUR;
	if (from_hour == to_hour)
		scene_measured(change, AGENCY_START_MS, AGENCY_START_MS + from_hour * HOUR);
	else
		scene_heard(change, AGENCY_START_MS + from_hour * HOUR);
	return ann ? scene_ann(s, change) : scene_ben(s, change);
}

static const struct group_meta *phone_meta(struct scene *s, const struct id *id)
{
	const struct record *record = agency_record(&s->a, "contact", id);

	return &record->groups[kind_group(record->kind, "phone", 5)];
}

/* Ann wrote 2 in hour 5, and Ben, who had not seen it, in hour 9. */
static uint64_t say_twice(struct scene *s, struct id *id_out)
{
	uint64_t base;

	*id_out = scene_record(s, "contact", "phone", "1");
	base = agency_group_seq(&s->a, "contact", id_out, "phone");
	assert_accepted(write_phone(s, true, id_out, base, "2", 5, 5));
	assert_accepted(write_phone(s, false, id_out, base, "2", 9, 9));
	return base;
}

static void no_edit_from_between_stands_over_a_value_said_again(void **state)
{
	struct scene *s = *state;
	struct id id;
	const uint64_t base = say_twice(s, &id);

	assert_verdict(write_phone(s, true, &id, base, "3", 7, 7), GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "2");
	assert_accepted(write_phone(s, true, &id, base, "4", 11, 11));
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "4");
	assert_false(phone_meta(s, &id)->outdated);
}

/* Whoever asks is told who set it, and when that was; no tablet hears of it, and no version is another. */
static void a_value_said_again_stays_its_first_authors(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	const uint64_t base = agency_group_seq(&s->a, "contact", &id, "phone");
	const struct group_meta *meta;
	uint64_t first;

	assert_accepted(write_phone(s, true, &id, base, "2", 5, 5));
	first = s->a.outcome.seq;
	assert_accepted(write_phone(s, false, &id, base, "2", 9, 9));
	meta = phone_meta(s, &id);
	assert_int_equal(meta->seq, first);
	assert_int_equal(meta->device, s->ann_tablet);
	assert_true(meta->at.hi_ms < AGENCY_START_MS + 6 * HOUR);
	assert_true(meta->outdated && meta->later.lo_ms > AGENCY_START_MS + 8 * HOUR);
	assert_int_equal(meta->later_device, s->ben_tablet);
	assert_int_equal(s->a.taken.accepted_mask | s->a.taken.standing_mask, 0);
	/* The record tells that it was touched, for its bookkeeping is signed with this sequence. */
	assert_int_equal(agency_record(&s->a, "contact", &id)->seq, s->a.outcome.seq);
}

/* In doubt the value at the centre stands: Ann's order of changes says nothing about the one that Ben said again. */
static void in_doubt_against_another_who_said_it_again_ones_own_order_decides_nothing(void **state)
{
	struct scene *s = *state;
	struct id id;
	const uint64_t base = say_twice(s, &id);

	assert_verdict(write_phone(s, true, &id, base, "3", 8, 30), GROUP_SUPERSEDED);
	/* Against his own it does say who is later. */
	assert_accepted(write_phone(s, false, &id, base, "4", 8, 31));
}

static void said_again_earlier_or_in_doubt_it_is_as_old_as_it_was(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "contact", "phone", "1");
	const uint64_t base = agency_group_seq(&s->a, "contact", &id, "phone");
	uint64_t touched;

	assert_accepted(write_phone(s, true, &id, base, "2", 5, 5));
	touched = s->a.outcome.seq;
	assert_accepted(write_phone(s, false, &id, base, "2", 3, 3));
	assert_accepted(write_phone(s, false, &id, base, "2", 4, 30));
	assert_false(phone_meta(s, &id)->outdated);
	assert_int_equal(agency_record(&s->a, "contact", &id)->seq, touched);
	assert_accepted(write_phone(s, false, &id, base, "3", 7, 7));
}

/* Ann goes on from her own 2, before Ben said it again: hers is the version that stands, and is dated as it was made.
 * Ben's is definitely later all the same, and nothing from before it comes to stand. */
static void who_goes_on_from_the_version_that_was_said_again_keeps_the_date_and_the_guard(void **state)
{
	struct scene *s = *state;
	struct id id;
	const uint64_t base = say_twice(s, &id);
	struct change *change = scene_edit(s, "contact", &id, "phone", agency_own(1), "phone", "3");

	scene_measured(change, AGENCY_START_MS, AGENCY_START_MS + 6 * HOUR);
	assert_accepted(scene_ann(s, change));
	assert_true(phone_meta(s, &id)->at.hi_ms < AGENCY_START_MS + 7 * HOUR);
	assert_verdict(write_phone(s, false, &id, base, "4", 7, 7), GROUP_SUPERSEDED);
	assert_string_equal(agency_text(&s->a, "contact", &id, "phone"), "3");
	assert_accepted(write_phone(s, true, &id, base, "5", 10, 10));
}

/* Where the rule asks for no time nothing is noted. */
static void a_guarded_value_said_again_touches_nothing(void **state)
{
	struct scene *s = *state;
	struct id id = scene_record(s, "goal", "status", "proposed");
	const uint64_t base = agency_group_seq(&s->a, "goal", &id, "status");
	uint64_t touched;

	assert_accepted(scene_ann(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "active")));
	touched = s->a.outcome.seq;
	s->a.now_ms += HOUR;
	assert_accepted(scene_ben(s, scene_edit(s, "goal", &id, "status", agency_seq(base), "status", "active")));
	assert_int_equal(agency_record(&s->a, "goal", &id)->seq, touched);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_edit_from_between_stands_over_a_value_said_again),
		TEST(a_value_said_again_stays_its_first_authors),
		TEST(in_doubt_against_another_who_said_it_again_ones_own_order_decides_nothing),
		TEST(said_again_earlier_or_in_doubt_it_is_as_old_as_it_was),
		TEST(who_goes_on_from_the_version_that_was_said_again_keeps_the_date_and_the_guard),
		TEST(a_guarded_value_said_again_touches_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
