/* A note that is signed, amended, in error: whatever arrives, in whatever order, what was signed stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/closing.h"
#include "tests/support/notes.h"

static const struct version NONE = { .tag = VERSION_NONE };

/* --- signing --- */

static void what_is_signed_stands(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk twice a day.")));
	assert_field(s, &note, "status", "signed");
	assert_field(s, &note, "plan", "Walk twice a day.");
	assert_sealed(s, &note);
	assert_int_equal(notes_addenda(s, &note).count, 0);
}

static void a_note_may_arrive_signed(void **state)
{
	struct scene *s = *state;
	struct id note = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "note", &note, &s->patient);

	agency_set(change, "plan", "Rest.");
	agency_set(change, "status", "signed");
	agency_set_id(&s->a, change, "signed_by", &s->ann);
	agency_set_int(change, "signed_at", NOTES_SIGNED_MS);
	assert_accepted(scene_ann(s, notes_seal(s, change)));
	assert_field(s, &note, "status", "signed");
	assert_sealed(s, &note);
}

static void a_signature_that_leaves_something_out_is_held(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	struct change *change = notes_signature(s, &note, notes_now(s), "Walk.");

	change->group_count--; /* its last group */
	assert_held(scene_ann(s, change), HELD_INVALID);
	assert_field(s, &note, "status", "");
	assert_held(scene_ann(s, scene_edit(s, "note", &note, "signature", agency_seq(notes_now(s)), "status", "signed")),
		    HELD_INVALID);
	/* A tablet can't call amended what nobody signed. */
	assert_held(scene_ann(s, scene_edit(s, "note", &note, "signature", agency_seq(notes_now(s)), "status", "amended")),
		    HELD_INVALID);
}

static void nobody_signs_in_anothers_name(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	struct change *change = notes_signature(s, &note, notes_now(s), "Walk.");

	assert_held(scene_ben(s, change), HELD_INVALID);
	agency_set(change, "signed_by", NULL);
	assert_held(scene_ann(s, notes_seal(s, change)), HELD_INVALID);
	assert_field(s, &note, "status", "");
}

static void a_digest_of_other_words_is_no_signature(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	struct change *change = notes_signature(s, &note, notes_now(s), "Walk.");

	agency_set(change, "plan", "Run.");
	assert_held(scene_ann(s, change), HELD_INVALID);
	agency_set(change, "digest", NULL);
	assert_held(scene_ann(s, change), HELD_INVALID);
	assert_field(s, &note, "status", "");
}

static void the_centre_takes_in_notes_that_were_signed_elsewhere(void **state)
{
	struct scene *s = *state;
	struct id note = agency_id(&s->a), other = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "note", &note, &s->patient);

	agency_set(change, "plan", "Rest.");
	agency_set(change, "status", "amended");
	agency_set_id(&s->a, change, "signed_by", &s->ben);
	assert_accepted(agency_own_change(&s->a, change));
	/* But not with a digest that seals other words. */
	change->id = other;
	change->patient = s->patient;
	agency_set(change, "digest", "0123456789abcdef");
	assert_held(agency_own_change(&s->a, change), HELD_INVALID);
}

/* --- the status --- */

static struct change *mark_error(struct scene *s, const struct id *note, struct version base)
{
	struct change *change = scene_edit(s, "note", note, "signature", base, "status", "entered-in-error");

	agency_set(change, "status_reason", "Another patient's.");
	return change;
}

static struct change *added(struct scene *s, const struct id *note, const char *digest)
{
	struct id id = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "addendum", &id, &s->patient);

	agency_set_id(&s->a, change, "note", note);
	agency_set(change, "note_digest", digest);
	agency_set(change, "type", "late-entry");
	agency_set(change, "text", "The son called.");
	agency_set_id(&s->a, change, "author", &s->ben);
	agency_set_int(change, "closed_at", NOTES_SIGNED_MS);
	return change;
}

static void an_error_is_marked_whatever_its_author_had_seen(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk.")));
	assert_accepted(scene_ben(s, mark_error(s, &note, NONE)));
	assert_field(s, &note, "status", "entered-in-error");
	assert_field(s, &note, "status_reason", "Another patient's.");
	assert_sealed(s, &note);
	/* An addendum alone is all that comes of an addendum. */
	assert_accepted(scene_ben(s, added(s, &note, NULL)));
	assert_int_equal(notes_now(s), s->a.outcome.seq);
	/* From there no way leads back, and no other reason is given. */
	(void)scene_ann(s, scene_edit(s, "note", &note, "signature", agency_seq(notes_now(s)), "status", "signed"));
	(void)scene_ann(s, scene_edit(s, "note", &note, "signature", agency_seq(notes_now(s)), "status_reason", "x"));
	assert_field(s, &note, "status", "entered-in-error");
	assert_field(s, &note, "status_reason", "Another patient's.");
}

static void a_mark_of_an_error_with_other_words_beside_it_is_taken_without_them(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	struct change *change = agency_change(&s->a, "note", &note, NULL);

	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk.")));
	agency_group(&s->a, change, "plan", agency_seq(notes_now(s)));
	agency_group(&s->a, change, "signature", agency_seq(notes_now(s)));
	agency_set(change, "plan", "Rest.");
	agency_set(change, "status", "entered-in-error");
	(void)scene_ben(s, change);
	assert_field(s, &note, "status", "entered-in-error");
	assert_field(s, &note, "plan", "Walk.");
	assert_addendum(s, &note, 0, &s->ben, "Rest.");
	/* An addendum does not make it amended. */
	assert_field(s, &note, "status", "entered-in-error");
}

static void amended_is_the_centres_word(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);

	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk.")));
	assert_verdict(scene_ann(s, scene_edit(s, "note", &note, "signature", agency_seq(notes_now(s)), "status", "amended")),
		       GROUP_SUPERSEDED);
	assert_field(s, &note, "status", "signed");
	assert_accepted(agency_own_change(&s->a, scene_edit(s, "note", &note, "signature", NONE, "status", "amended")));
	assert_field(s, &note, "status", "amended");
	/* To repeat it is no harm. */
	assert_accepted(scene_ann(s, scene_edit(s, "note", &note, "signature", NONE, "status", "amended")));
}

/* Ben calls the draft an error, not knowing that Ann signs it. */
static void a_draft_called_an_error_and_signed_is_both_in_either_order(void **state)
{
	struct scene *s = *state;

	for (int late = 0; late < 2; late++) {
		struct id note = notes_draft(s);
		const uint64_t seen = notes_now(s);
		struct change *error = mark_error(s, &note, agency_seq(seen));

		if (!late)
			assert_accepted(scene_ben(s, error));
		(void)scene_ann(s, notes_signature(s, &note, seen, "Walk."));
		if (late)
			(void)scene_ben(s, error);
		assert_int_equal(notes_addenda(s, &note).count, 1);
		if (late)
			assert_addendum(s, &note, 0, &s->ben, "Marked as entered in error by Ben: Another patient's.");
		else
			assert_addendum(s, &note, 0, &s->ann, "Also signed by Ann.\n\nWalk.");
		assert_field(s, &note, "status", late ? "amended" : "entered-in-error");
	}
}

static struct change *deletion(struct scene *s, const char *kind, const struct id *id, struct version base)
{
	struct change *change = agency_change(&s->a, kind, id, NULL);

	agency_group(&s->a, change, "", base);
	change->deletes = true;
	return change;
}

static void a_signed_note_is_never_deleted_in_either_order(void **state)
{
	struct scene *s = *state;

	for (int late = 0; late < 2; late++) {
		struct id note = notes_draft(s);
		const uint64_t seen = notes_now(s);

		if (!late)
			assert_accepted(scene_ben(s, deletion(s, "note", &note, agency_seq(seen))));
		assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
		if (late)
			assert_verdict(scene_ben(s, deletion(s, "note", &note, agency_seq(notes_now(s)))), GROUP_SUPERSEDED);
		assert_false(agency_record(&s->a, "note", &note)->deleted);
		assert_field(s, &note, "status", "signed");
		assert_int_equal(notes_addenda(s, &note).count, 0);
	}
}

/* --- addenda from tablets --- */

static void a_note_with_an_addendum_is_amended_in_either_order(void **state)
{
	struct scene *s = *state;

	for (int late = 0; late < 2; late++) {
		struct id note = notes_draft(s);
		const uint64_t seen = notes_now(s);

		if (!late) {
			assert_accepted(scene_ben(s, added(s, &note, NULL)));
			assert_field(s, &note, "status", "");
		}
		assert_accepted(scene_ann(s, notes_signature(s, &note, seen, "Walk.")));
		if (late)
			assert_accepted(scene_ben(s, added(s, &note, "of other words")));
		assert_field(s, &note, "status", "amended");
		assert_sealed(s, &note);
		assert_int_equal(notes_addenda(s, &note).count, 1);
	}
}

static void nobody_adds_in_anothers_name(void **state)
{
	struct scene *s = *state;
	struct id note = notes_draft(s);
	struct change *change;

	assert_accepted(scene_ann(s, notes_signature(s, &note, notes_now(s), "Walk.")));
	change = added(s, &note, "");
	agency_set_id(&s->a, change, "author", &s->ann);
	assert_held(scene_ben(s, change), HELD_INVALID);
	change = added(s, &note, "");
	agency_set_id(&s->a, change, "author", &s->ben);
	agency_set(change, "closed_at", NULL);
	assert_accepted(scene_ben(s, change));
	assert_held(scene_ben(s, scene_edit(s, "addendum", &change->id, "author", agency_seq(notes_now(s)), "author",
					    notes_id(s, &s->ann))), HELD_INVALID);
}

static void an_addendum_waits_for_its_note(void **state)
{
	struct scene *s = *state;
	struct id note = agency_id(&s->a);
	struct change *change = agency_change(&s->a, "note", &note, &s->patient);

	assert_held(agency_own_change(&s->a, added(s, &note, NULL)), HELD_WAITS);
	agency_set(change, "plan", "Rest.");
	agency_set(change, "status", "signed");
	agency_set_id(&s->a, change, "signed_by", &s->ann);
	assert_accepted(scene_ann(s, notes_seal(s, change)));
	assert_int_equal(notes_addenda(s, &note).count, 1);
	assert_field(s, &note, "status", "amended");
}

/* --- whatever arrives, in whatever order --- */

static uint64_t next(uint64_t *random, uint64_t below)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*random >> 33) % below;
}

/* A change that somebody might make of a note they know as it was at some time. */
static void send_any(struct scene *s, const struct id *note, uint64_t *random)
{
	static const char *const fields[] = { "reason", "observed", "plan", "late_reason" };
	static const char *const words[] = { "Walk.", "Rest.", "Swim.", NULL };
	const struct version base = next(random, 4) == 0 ? NONE : agency_seq(next(random, notes_now(s)) + 1);
	const bool ann = next(random, 2) == 0;
	const char *word = words[next(random, 4)];
	struct change *change;

	switch (next(random, 8)) {
	case 0:
		change = notes_whole(s, note, base, ann ? &s->ann : &s->ben);
		agency_set(change, "plan", word);
		(void)notes_seal(s, change);
		break;
	case 1:
		change = mark_error(s, note, base);
		break;
	case 2:
		change = deletion(s, "note", note, base);
		break;
	case 3:
		change = added(s, note, NULL);
		break;
	case 4:
		change = scene_edit(s, "note", note, "signature", base, "status", word ? "amended" : NULL);
		break;
	default:
		change = notes_edit(s, note, fields[next(random, 4)], base, word);
	}
	if (next(random, 8) == 0)
		(void)agency_own_change(&s->a, change);
	else
		(void)(ann ? scene_ann(s, change) : scene_ben(s, change));
}

/* I27 */
static void signed_bytes_never_change_whatever_arrives(void **state)
{
	struct scene *s = *state;
	uint64_t random = 27;
	size_t signed_count = 0;

	for (int round = 0; round < 60; round++) {
		struct id note = notes_draft(s);
		const struct record *first = NULL;

		for (int step = 0; step < 12; step++) {
			const struct record *now;

			send_any(s, &note, &random);
			now = agency_record(&s->a, "note", &note);
			if (first) {
				assert_true(row_equal(&first->row, &now->row, closing_signed_mask(now->kind)));
				assert_true(closing_is_closed(now->kind, &now->row));
				assert_false(now->deleted);
			} else if (closing_is_closed(now->kind, &now->row) &&
				   now->row.values[kind_field(now->kind, "signed_by", 9)].tag == VALUE_TEXT) {
				first = now;
				signed_count++;
				assert_sealed(s, &note);
			}
		}
		agency_commit(&s->a);
	}
	assert_true(signed_count > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_signed_stands),
		TEST(a_note_may_arrive_signed),
		TEST(a_signature_that_leaves_something_out_is_held),
		TEST(nobody_signs_in_anothers_name),
		TEST(a_digest_of_other_words_is_no_signature),
		TEST(the_centre_takes_in_notes_that_were_signed_elsewhere),
		TEST(an_error_is_marked_whatever_its_author_had_seen),
		TEST(a_mark_of_an_error_with_other_words_beside_it_is_taken_without_them),
		TEST(amended_is_the_centres_word),
		TEST(a_draft_called_an_error_and_signed_is_both_in_either_order),
		TEST(a_signed_note_is_never_deleted_in_either_order),
		TEST(a_note_with_an_addendum_is_amended_in_either_order),
		TEST(nobody_adds_in_anothers_name),
		TEST(an_addendum_waits_for_its_note),
		TEST(signed_bytes_never_change_whatever_arrives),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
