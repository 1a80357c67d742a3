/* Scenarios of caseloads: patients given and taken away around a tablet that has no link, and pages of their records. */
#include "tests/sim/steps_world.h"

#define PATIENTS "SELECT coalesce(group_concat(name,' '),'') FROM (SELECT name FROM patient ORDER BY name)"
#define CASELOAD "SELECT count(*) FROM ds_caseload WHERE state='complete'"

/* --- given and taken away -------------------------------------------------------------------------- */

static void give_one(struct steps *s)
{
	staff_gives(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

static void has_ada(struct steps *s)
{
	steps_want(s, 1, "Ada", PATIENTS);
	steps_want(s, 1, "1", CASELOAD);
	steps_want(s, 1, "first", OF_ITEM("title", ITEM_A));
}

static void all_given(struct steps *s)
{
	world_of_three(s);
	staff_gives(s, 1, PAT_A);
	staff_gives(s, 1, PAT_B);
	staff_gives(s, 1, PAT_C);
}

static void take_one(struct steps *s)
{
	staff_takes_away(s, 1, PAT_B);
	tablet_syncs(s, 1);
}

static void has_two(struct steps *s)
{
	steps_want(s, 0, "2", "SELECT count(*) FROM member WHERE to_seq IS NULL");
	steps_want(s, 1, "2", CASELOAD);
}

static void take_and_give_back(struct steps *s)
{
	staff_takes_away(s, 1, PAT_A);
	tablet_syncs(s, 1);
	staff_edits(s, "item", ITEM_A, "title", "changed");
	staff_gives(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

static void has_all_and_changed(struct steps *s)
{
	steps_want(s, 1, "Ada Bea Cleo", PATIENTS);
	steps_want(s, 1, "3", CASELOAD);
	steps_want(s, 1, "changed", OF_ITEM("title", ITEM_A));
}

/* Without a sync between: the tablet never hears that it was away. */
static void take_and_give_unheard(struct steps *s)
{
	staff_takes_away(s, 1, PAT_A);
	staff_edits(s, "item", ITEM_A, "title", "changed");
	staff_gives(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

static void give_and_take_unheard(struct steps *s)
{
	staff_gives(s, 1, PAT_A);
	staff_takes_away(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

static void has_none(struct steps *s)
{
	steps_want(s, 1, "0", CASELOAD);
	steps_want(s, 1, "", PATIENTS);
}

static void take_three(struct steps *s)
{
	staff_takes_away(s, 1, PAT_A);
	staff_takes_away(s, 1, PAT_B);
	staff_takes_away(s, 1, PAT_C);
	tablet_syncs(s, 1);
}

static void is_told_of_three(struct steps *s)
{
	steps_want(s, 1, "0", CASELOAD);
}

static void swap_patients(struct steps *s)
{
	staff_takes_away(s, 1, PAT_A);
	staff_gives(s, 2, PAT_A);
	tablet_syncs(s, 2);
	tablet_syncs(s, 1);
}

static void is_with_the_other(struct steps *s)
{
	steps_want(s, 2, "Ada", PATIENTS);
	steps_want(s, 1, "2", CASELOAD);
}

static void give_in_flight(struct steps *s)
{
	tablet_sends(s, 1);
	staff_gives(s, 1, PAT_A);
	staff_edits(s, "item", ITEM_A, "outcome", "seen");
	tablet_syncs(s, 1);
}

/* --- with work ------------------------------------------------------------------------------------------ */

static void write_and_lose(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes LIKE '%Tired.'"), SET_ITEM(ITEM_A, "notes=notes||' Tired.'"));
	staff_takes_away(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

/* Whatever becomes of it, it is not lost: it stands, or is held for somebody. */
static void words_are_at_the_centre(struct steps *s)
{
	steps_want(s, 0, "1", "SELECT (SELECT count(*) FROM item WHERE notes LIKE '%Tired.%')"
			   "+(SELECT count(*) FROM held WHERE state=0)");
}

static void write_lose_and_accept(struct steps *s)
{
	write_and_lose(s);
	staff_answers_held(s, true);
	tablet_syncs(s, 1);
}

static void words_stand(struct steps *s)
{
	steps_want(s, 0, NOTES_FIRST " Tired.", OF_ITEM("notes", ITEM_A));
}

static void write_lose_and_get_back(struct steps *s)
{
	write_and_lose(s);
	staff_gives(s, 1, PAT_A);
	tablet_syncs(s, 1);
	staff_answers_held(s, true);
	tablet_syncs(s, 1);
}

static void words_stand_there(struct steps *s)
{
	words_stand(s);
	steps_want(s, 1, NOTES_FIRST " Tired.", OF_ITEM("notes", ITEM_A));
}

static void lose_one_write_other(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_B, "title='mine'"), SET_ITEM(ITEM_B, "title='mine'"));
	person_writes(s, 1, HAS("item", ITEM_A, "title='lost'"), SET_ITEM(ITEM_A, "title='lost'"));
	staff_takes_away(s, 1, PAT_A);
	tablet_syncs(s, 1);
}

static void other_went(struct steps *s)
{
	steps_want(s, 0, "mine", OF_ITEM("title", ITEM_B));
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static void give_three(struct steps *s)
{
	staff_gives(s, 1, PAT_A);
	staff_gives(s, 1, PAT_B);
	staff_gives(s, 1, PAT_C);
	tablet_syncs(s, 1);
}

static void has_three(struct steps *s)
{
	steps_want(s, 1, "Ada Bea Cleo", PATIENTS);
	steps_want(s, 1, "3", CASELOAD);
	steps_want(s, 1, "3", "SELECT count(*) FROM item");
}

static void news_while_filling(struct steps *s)
{
	staff_gives(s, 1, PAT_B);
	staff_gives(s, 1, PAT_C);
	tablet_sends(s, 1);
	staff_edits(s, "item", ITEM_A, "title", "news");
	staff_edits(s, "item", ITEM_C, "title", "late");
	tablet_syncs(s, 1);
}

static void a_given(struct steps *s)
{
	world_of_three(s);
	staff_gives(s, 1, PAT_A);
}

static void has_news_and_three(struct steps *s)
{
	steps_want(s, 1, "news first late", "SELECT group_concat(title,' ') FROM (SELECT title FROM item ORDER BY id)");
}

static void take_while_filling(struct steps *s)
{
	staff_gives(s, 1, PAT_B);
	staff_gives(s, 1, PAT_C);
	tablet_sends(s, 1);
	staff_takes_away(s, 1, PAT_B);
	tablet_syncs(s, 1);
}

static void has_a_and_c(struct steps *s)
{
	steps_want(s, 1, "2", CASELOAD);
	steps_want(s, 1, "1", "SELECT count(*) FROM item WHERE id='" ITEM_C "'");
}

static void type_while_filling(struct steps *s)
{
	staff_gives(s, 1, PAT_B);
	tablet_sends(s, 1);
	person_writes(s, 1, HAS("item", ITEM_A, "title='typed'"), SET_ITEM(ITEM_A, "title='typed'"));
	tablet_syncs(s, 1);
}

static void typed_and_filled(struct steps *s)
{
	steps_want(s, 0, "typed", OF_ITEM("title", ITEM_A));
	steps_want(s, 1, "typed first", "SELECT group_concat(title,' ') FROM (SELECT title FROM item ORDER BY id)");
}

static const struct scenario ROWS[] = {
	{ "a patient is given while the tablet has no link",
	  "Sync Gateway: grant around an offline client's cursor", 1, 0, world_of_three, give_one, has_ada },
	{ "a patient is taken away while the tablet has no link",
	  "Sync Gateway: revoke around an offline client's cursor", 1, 0, all_given, take_one, has_two },
	{ "taken away, heard, changed, and given back",
	  "Sync Gateway: revoke, then grant again", 1, 0, all_given, take_and_give_back, has_all_and_changed },
	{ "taken away, changed, and given back unheard",
	  "Sync Gateway: revoked and granted between two pulls",
	  1, 0, all_given, take_and_give_unheard, has_all_and_changed },
	{ "given and taken away unheard",
	  "Sync Gateway: granted and revoked between two pulls", 1, 0, world_of_three, give_and_take_unheard, has_none },
	{ "three patients are taken away at once",
	  "sync_gateway PR#5930: the 2nd of 3 revocations", 1, 0, all_given, take_three, is_told_of_three },
	{ "three patients are taken away, one record a page",
	  "Sync Gateway: revocation with page limits", 1, 1, all_given, take_three, is_told_of_three },
	{ "a patient goes from one tablet to the other",
	  "Sync Gateway: access via two roles with one lost", 2, 0, all_given, swap_patients, is_with_the_other },
	{ "a patient is given while a request is under way",
	  "sync_gateway#3721: low sequence and a grant", 1, 0, world_of_three, give_in_flight, has_ada },
	{ "unsent words for a patient taken away reach the centre",
	  "cht-core#11306", 1, 0, all_given, write_and_lose, words_are_at_the_centre },
	{ "unsent words for a patient taken away are accepted by a supervisor",
	  "cht-core#11306: shown and paid", 1, 0, all_given, write_lose_and_accept, words_stand },
	{ "the patient comes back while the words are held",
	  "LiteCore: revoke with auto-purge, then grant", 1, 0, all_given, write_lose_and_get_back, words_stand_there },
	{ "a change that is held delays no other patient's",
	  "PouchDB: one unauthorized document (#2268)", 1, 0, all_given, lose_one_write_other, other_went },
	{ "three patients come, one record a page",
	  "pouchdb#1240; PouchDB: filter hitting the page limit (#909)", 1, 1, world_of_three, give_three, has_three },
	{ "news comes for one patient while others are filled",
	  "Sync Gateway: cache backfill boundaries", 1, 1, a_given, news_while_filling, has_news_and_three },
	{ "a patient is taken away while being filled",
	  "sync_gateway PR#5930; Sync Gateway: revoked with a pull under way",
	  1, 1, a_given, take_while_filling, has_a_and_c },
	{ "what is typed while a patient is filled stays",
	  "powersync.dart#226", 1, 1, a_given, type_while_filling, typed_and_filled },
};
const struct scenario_list STEPS_FEED = { ROWS, sizeof ROWS / sizeof ROWS[0] };
