/* Scenarios of two who wrote the same record: rules, conflicts, decisions, held work. */
#include "tests/sim/steps_world.h"

#define OPEN_CONFLICTS "SELECT count(*) FROM conflict WHERE status='open'"
#define ALL_SEEN "(SELECT json_group_array(json_extract(value,'$.seq')) FROM json_each(candidates))"
/* The person at the tablet chooses candidate n, all of them on the screen. */
#define DECIDE(n) "UPDATE conflict SET decision=json_object('choice'," n ",'seen'," ALL_SEEN ") WHERE status='open'"
#define DECIDED "SELECT count(*) FROM conflict WHERE decision IS NOT NULL OR status='closed'"

/* Both write without a link; then the first tablet syncs, the second, and the first again. */
static void meet(struct steps *s)
{
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
	tablet_syncs(s, 1);
}

/* --- words -------------------------------------------------------------------------------------- */

static void ends_of_text(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes LIKE 'Monday.%'"), SET_ITEM(ITEM_A, "notes='Monday. '||notes"));
	person_writes(s, 2, HAS("item", ITEM_A, "notes LIKE '%Tired.'"), SET_ITEM(ITEM_A, "notes=notes||' Tired.'"));
	meet(s);
}

static void both_ends(struct steps *s)
{
	steps_want(s, 0, "Monday. " NOTES_FIRST " Tired.", OF_ITEM("notes", ITEM_A));
	steps_want(s, 0, "0", OPEN_CONFLICTS);
}

static void same_sentence(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes LIKE '%slowly%'"),
		      SET_ITEM(ITEM_A, "notes='She walks slowly. She eats little.'"));
	person_writes(s, 2, HAS("item", ITEM_A, "notes LIKE '%badly%'"),
		      SET_ITEM(ITEM_A, "notes='She walks badly. She eats little.'"));
	meet(s);
}

static void both_are_kept(struct steps *s)
{
	steps_want(s, 0, "She walks slowly. She eats little.", OF_ITEM("notes", ITEM_A));
	steps_want(s, 0, "1", OPEN_CONFLICTS " AND candidates LIKE '%badly%'");
	steps_want(s, 2, "1", OPEN_CONFLICTS " AND candidates LIKE '%badly%'");
}

static void same_words(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes='Both.'"), SET_ITEM(ITEM_A, "notes='Both.',title='both',dose='7'"));
	person_writes(s, 2, HAS("item", ITEM_A, "notes='Both.'"), SET_ITEM(ITEM_A, "notes='Both.',title='both',dose='7'"));
	meet(s);
}

static void no_conflict(struct steps *s)
{
	steps_want(s, 0, "0", OPEN_CONFLICTS);
}

static void both_clear(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes IS NULL"), SET_ITEM(ITEM_A, "notes=NULL,tags=NULL"));
	person_writes(s, 2, HAS("item", ITEM_A, "notes IS NULL"), SET_ITEM(ITEM_A, "notes=NULL,tags=NULL"));
	meet(s);
}

static void different_fields(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='one'"), SET_ITEM(ITEM_A, "title='one'"));
	person_writes(s, 2, HAS("item", ITEM_A, "dose='6'"), SET_ITEM(ITEM_A, "dose='6'"));
	meet(s);
}

static void both_fields(struct steps *s)
{
	steps_want(s, 2, "one 6", OF_ITEM("title||' '||dose", ITEM_A));
	steps_want(s, 0, "0", OPEN_CONFLICTS);
}

/* --- sets and endings -------------------------------------------------------------------------------- */

static void tags_of_both(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "tags LIKE '%glasses%'"), SET_ITEM(ITEM_A, "tags='[\"cane\",\"glasses\"]'"));
	person_writes(s, 2, HAS("item", ITEM_A, "tags LIKE '%stairs%'"), SET_ITEM(ITEM_A, "tags='[\"stairs\"]'"));
	meet(s);
}

static void all_tags(struct steps *s)
{
	steps_want(s, 0, "[\"glasses\",\"stairs\"]", OF_ITEM("tags", ITEM_A));
	steps_want(s, 1, "[\"glasses\",\"stairs\"]", OF_ITEM("tags", ITEM_A));
}

static void done_and_begun(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "status='done'"), SET_ITEM(ITEM_A, "status='done',outcome='well'"));
	person_writes(s, 2, HAS("item", ITEM_A, "status='in-progress'"), SET_ITEM(ITEM_A, "status='in-progress'"));
	meet(s);
}

static void is_done(struct steps *s)
{
	steps_want(s, 2, "done well", OF_ITEM("status||' '||outcome", ITEM_A));
}

static void two_endings(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "status='done'"), SET_ITEM(ITEM_A, "status='done',outcome='well'"));
	person_writes(s, 2, HAS("item", ITEM_A, "status='not-done'"), SET_ITEM(ITEM_A, "status='not-done',outcome='asleep'"));
	meet(s);
}

static void one_conflict(struct steps *s)
{
	steps_want(s, 0, "1", OPEN_CONFLICTS);
	steps_want(s, 1, "1", OPEN_CONFLICTS);
	steps_want(s, 2, "1", OPEN_CONFLICTS);
}

/* --- guarded, and decided --------------------------------------------------------------------------------- */

static void two_doses(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "dose='10'"), SET_ITEM(ITEM_A, "dose='10'"));
	person_writes(s, 2, HAS("item", ITEM_A, "dose='20'"), SET_ITEM(ITEM_A, "dose='20'"));
	meet(s);
}

static void first_dose_stands(struct steps *s)
{
	one_conflict(s);
	steps_want(s, 2, "10", OF_ITEM("dose", ITEM_A));
}

static void doses_met(struct steps *s)
{
	world_of_a(s);
	tablets_sync(s, 1, 2);
	two_doses(s);
}

static void three_doses(struct steps *s)
{
	two_doses(s);
	staff_edits(s, "item", ITEM_A, "dose", "15");
	person_writes(s, 2, HAS("item", ITEM_A, "dose='30'"), SET_ITEM(ITEM_A, "dose='30'"));
	tablet_syncs(s, 2);
}

static void restart_with_conflict(struct steps *s)
{
	centre_restarts(s);
	tablet_restarts(s, 2);
	tablet_syncs(s, 2);
}

static void decide_at_tablet(struct steps *s)
{
	program_writes(s, 2, DECIDED, DECIDE("2"));
	tablet_syncs(s, 2);
	tablet_syncs(s, 1);
}

static void second_dose_stands(struct steps *s)
{
	steps_want(s, 0, "0", OPEN_CONFLICTS);
	steps_want(s, 1, "20", OF_ITEM("dose", ITEM_A));
	steps_want(s, 2, "20", OF_ITEM("dose", ITEM_A));
}

static void decide_at_centre(struct steps *s)
{
	staff_decides(s, 1);
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void decide_alike(struct steps *s)
{
	person_writes(s, 1, DECIDED, DECIDE("2"));
	person_writes(s, 2, DECIDED, DECIDE("2"));
	meet(s);
}

/* --- pages of yesterday -------------------------------------------------------------------------------------- */

static void save_old_page(struct steps *s)
{
	const int64_t shown = person_opens(s, 1, ITEM_A);

	staff_edits(s, "item", ITEM_A, "dose", "8");
	tablet_syncs(s, 1);
	person_saves(s, 1, ITEM_A, shown, "dose", "9");
	tablet_syncs(s, 1);
}

static void page_did_not_overwrite(struct steps *s)
{
	steps_want(s, 0, "8", OF_ITEM("dose", ITEM_A));
	steps_want(s, 1, "1", OPEN_CONFLICTS " AND candidates LIKE '%\"9\"%'");
}

/* The answer under way brings another dose while this one is not sent yet. */
static void type_under_news(struct steps *s)
{
	tablet_sends(s, 1);
	staff_edits(s, "item", ITEM_A, "dose", "20");
	person_writes(s, 1, HAS("item", ITEM_A, "dose='10'"), SET_ITEM(ITEM_A, "dose='10'"));
	tablet_syncs(s, 1);
}

static void typed_dose_is_kept(struct steps *s)
{
	steps_want(s, 0, "20", OF_ITEM("dose", ITEM_A));
	steps_want(s, 1, "1", OPEN_CONFLICTS " AND candidates LIKE '%\"10\"%'");
}

/* --- deleted here, edited there ------------------------------------------------------------------------------- */

static void delete_and_edit(struct steps *s)
{
	person_writes(s, 1, GONE(ITEM_A), "DELETE FROM item WHERE id='" ITEM_A "'");
	person_writes(s, 2, HAS("item", ITEM_A, "notes LIKE '%Tired.'"), SET_ITEM(ITEM_A, "notes=notes||' Tired.'"));
	meet(s);
}

static void is_back(struct steps *s)
{
	steps_want(s, 0, NOTES_FIRST " Tired.", OF_ITEM("notes", ITEM_A));
	steps_want(s, 1, NOTES_FIRST " Tired.", OF_ITEM("notes", ITEM_A));
}

static void both_delete(struct steps *s)
{
	person_writes(s, 1, GONE(ITEM_A), "DELETE FROM item WHERE id='" ITEM_A "'");
	program_writes(s, 2, GONE(ITEM_A), "DELETE FROM item WHERE id='" ITEM_A "'");
	meet(s);
}

static void is_gone(struct steps *s)
{
	steps_want(s, 1, "0", "SELECT count(*) FROM item");
	steps_want(s, 2, "0", "SELECT count(*) FROM item");
}

static void link_to_deleted(struct steps *s)
{
	person_writes(s, 1, GONE(ITEM_A), "DELETE FROM item WHERE id='" ITEM_A "'");
	person_writes(s, 2, MADE(ITEM_A2),
		      "INSERT INTO item(id,patient,title,after) VALUES('" ITEM_A2 "','" PAT_A "','next','" ITEM_A "')");
	meet(s);
}

static void link_is_there(struct steps *s)
{
	steps_want(s, 1, ITEM_A, OF_ITEM("after", ITEM_A2));
}

/* --- the same id, held work -------------------------------------------------------------------------------------- */

static void both_make(struct steps *s)
{
	person_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "of one"));
	person_writes(s, 2, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "of two"));
	meet(s);
}

static void second_is_held(struct steps *s)
{
	steps_want(s, 0, "of one", OF_ITEM("title", ITEM_A2));
	steps_want(s, 0, "1", "SELECT count(*) FROM held WHERE state=0");
	steps_want(s, 2, "of two", OF_ITEM("title", ITEM_A2));
}

static void held_and_returned(struct steps *s)
{
	both_make(s);
	staff_answers_held(s, false);
	tablet_syncs(s, 2);
}

static void is_returned(struct steps *s)
{
	steps_want(s, 2, "of one", OF_ITEM("title", ITEM_A2));
	steps_want(s, 2, "3", "SELECT state FROM ds_journal WHERE id='" ITEM_A2 "'");
}

static const struct scenario ROWS[] = {
	{ "words at the beginning and at the end of a text both stand",
	  "Realm: list prefix and suffix edits", 2, 0, world_of_a, ends_of_text, both_ends },
	{ "of two versions of a sentence one stands and the other is kept",
	  "LiteCore: push conflict", 2, 0, world_of_a, same_sentence, both_are_kept },
	{ "who typed the same is in no conflict",
	  "pouchdb#5782: same rev on both sides", 2, 0, world_of_a, same_words, no_conflict },
	{ "both emptied the same fields",
	  "Realm: both clear", 2, 0, world_of_a, both_clear, no_conflict },
	{ "edits of different fields of one record both stand",
	  "realm-core#7955", 2, 0, world_of_a, different_fields, both_fields },
	{ "tags that both added and took away",
	  "Realm: middle edits of lists", 2, 0, world_of_a, tags_of_both, all_tags },
	{ "done beats begun",
	  "PouchDB: staggered revisions", 2, 0, world_of_a, done_and_begun, is_done },
	{ "two endings of one task are a conflict",
	  "PouchDB: 409 in a replication", 2, 0, world_of_a, two_endings, one_conflict },
	{ "two doses: the first stands, a person decides",
	  "LiteCore: pull conflict", 2, 0, world_of_a, two_doses, first_dose_stands },
	{ "a third and a fourth dose join the conflict",
	  "PouchDB: many conflicts", 2, 0, world_of_a, three_doses, one_conflict },
	{ "an open conflict outlives restarts",
	  "LiteCore: unresolved documents survive a restart", 2, 0, doses_met, restart_with_conflict, one_conflict },
	{ "a conflict is decided on a tablet",
	  "LiteCore: conflict resolved, then pushed", 2, 0, doses_met, decide_at_tablet, second_dose_stands },
	{ "a conflict is decided at the centre",
	  "LiteCore: branch switch", 2, 0, doses_met, decide_at_centre, second_dose_stands },
	{ "two tablets decide alike",
	  "LiteCore: resolved equivalently on both sides", 2, 0, doses_met, decide_alike, second_dose_stands },
	{ "a page open since before news does not overwrite it",
	  "powersync.dart#253: reads went back in time", 1, 0, world_of_a, save_old_page, page_did_not_overwrite },
	{ "a dose typed while another one is on its way is kept",
	  "powersync-sqlite-core#54: a pull over an unsent edit", 1, 0, world_of_a, type_under_news, typed_dose_is_kept },
	{ "an edit beats a deletion that came first",
	  "Realm: local edit of a remotely deleted object; Sync Gateway: resurrection of a tombstone",
	  2, 0, world_of_a, delete_and_edit, is_back },
	{ "both deleted the same record",
	  "Sync Gateway: concurrent delete; LiteCore: incoming and local deletion",
	  2, 0, world_of_a, both_delete, is_gone },
	{ "a record that refers to one that was deleted",
	  "Realm: link to a deleted object", 2, 0, world_of_a, link_to_deleted, link_is_there },
	{ "two records of the same id: the second is held",
	  "Realm: primary key conflict; enketo#1405", 2, 0, world_of_a, both_make, second_is_held },
	{ "held work is given back",
	  "PouchDB: one forbidden document", 2, 0, world_of_a, held_and_returned, is_returned },
};
const struct scenario_list STEPS_MERGE = { ROWS, sizeof ROWS / sizeof ROWS[0] };
