/* Scenarios of what people write on tablets and push. */
#include "tests/sim/steps_world.h"

/* --- up and down ------------------------------------------------------------------------------- */

static void edit_and_sync(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='up'"), SET_ITEM(ITEM_A, "title='up'"));
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void title_is_up(struct steps *s)
{
	steps_want(s, 0, "up", "SELECT title FROM item WHERE id='" ITEM_A "'");
	steps_want(s, 2, "up", "SELECT title FROM item WHERE id='" ITEM_A "'");
}

static void nothing(struct steps *s)
{
	tablet_syncs(s, 1);
	tablet_syncs(s, 1);
}

static void nothing_written(struct steps *s)
{
	steps_want(s, 1, "0", "SELECT count(*) FROM ds_journal");
}

static void make_item(struct steps *s)
{
	program_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "new"));
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void item_is_new(struct steps *s)
{
	steps_want(s, 0, "new", "SELECT title FROM item WHERE id='" ITEM_A2 "'");
	steps_want(s, 2, "new", "SELECT title FROM item WHERE id='" ITEM_A2 "'");
}

static void make_patient(struct steps *s)
{
	person_writes(s, 1, "SELECT count(*) FROM item WHERE id='" ITEM_B "'",
		      "BEGIN; INSERT INTO patient(id,name) VALUES('" PAT_B "','Bea'); " INSERT_ITEM(ITEM_B, PAT_B, "hers") "; COMMIT");
	tablet_syncs(s, 1);
}

static void patient_is_mine(struct steps *s)
{
	steps_want(s, 0, "hers", "SELECT title FROM item WHERE id='" ITEM_B "'");
	steps_want(s, 1, "complete", "SELECT state FROM ds_caseload WHERE patient='" PAT_B "'");
}

static void together(struct steps *s)
{
	program_writes(s, 1, MADE(ITEM_A3),
		       "BEGIN; " INSERT_ITEM(ITEM_A2, PAT_A, "one") "; " SET_ITEM(ITEM_A, "title='two'") "; "
		       INSERT_ITEM(ITEM_A3, PAT_A, "three") "; COMMIT");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void are_together(struct steps *s)
{
	steps_want(s, 2, "one three two", "SELECT group_concat(title,' ') FROM (SELECT title FROM item ORDER BY title)");
}

static void many(struct steps *s)
{
	program_writes(s, 1, "SELECT count(*)>40 FROM item",
		       "INSERT INTO item(id,patient,title) WITH RECURSIVE c(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM c WHERE i<49)"
		       " SELECT '1a000000-0000-4000-8000-0000000001'||i,'" PAT_A "','row '||i FROM c");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void are_many(struct steps *s)
{
	steps_want(s, 0, "41", "SELECT count(*) FROM item");
	steps_want(s, 2, "41", "SELECT count(*) FROM item");
}

static void large(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "length(notes)>4000"),
		      "UPDATE item SET notes=replace(hex(zeroblob(1000)),'0','ab') WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void odd_texts(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "outcome<>''"),
		      "UPDATE item SET title='it''s \"ok\" \xE2\x80\x94 \xF0\x9F\x99\x82 %s /../', outcome=' ',notes=''"
		      " WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

/* --- around an exchange -------------------------------------------------------------------------------- */

static void type_meanwhile(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title IN ('one','two')"), SET_ITEM(ITEM_A, "title='one'"));
	tablet_sends(s, 1);
	person_writes(s, 1, HAS("item", ITEM_A, "title='two'"), SET_ITEM(ITEM_A, "title='two'"));
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void second_stands(struct steps *s)
{
	steps_want(s, 0, "two", "SELECT title FROM item WHERE id='" ITEM_A "'");
	steps_want(s, 1, "two", "SELECT title FROM item WHERE id='" ITEM_A "'");
}

static void type_twice(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title IN ('one','two')"), SET_ITEM(ITEM_A, "title='one'"));
	person_writes(s, 1, HAS("item", ITEM_A, "title='two'"), SET_ITEM(ITEM_A, "title='two'"));
	tablet_syncs(s, 1);
}

static void type_back(struct steps *s)
{
	person_writes(s, 1, "SELECT 0", SET_ITEM(ITEM_A, "title='other'"));
	person_writes(s, 1, HAS("item", ITEM_A, "title='first'"), SET_ITEM(ITEM_A, "title='first'"));
	tablet_syncs(s, 1);
}

static void no_change(struct steps *s)
{
	steps_want(s, 1, "0", "SELECT count(*) FROM ds_journal");
}

static void news_meanwhile(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "notes LIKE '%daily%'"),
		      "UPDATE item SET notes='She walks well daily. She eats little.' WHERE id='" ITEM_A "'");
	tablet_sends(s, 1);
	staff_edits(s, "item", ITEM_A, "outcome", "from the office");
	person_writes(s, 1, HAS("item", ITEM_A, "notes LIKE '%soup%'"),
		      "UPDATE item SET notes='She walks well daily. She eats little. She likes soup.' WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
}

static void all_words(struct steps *s)
{
	steps_want(s, 1, "She walks well daily. She eats little. She likes soup. / from the office",
		   "SELECT notes||' / '||outcome FROM item WHERE id='" ITEM_A "'");
}

/* --- deletions ------------------------------------------------------------------------------------------- */

static void make_and_delete(struct steps *s)
{
	program_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "brief"));
	program_writes(s, 1, GONE(ITEM_A2), "DELETE FROM item WHERE id='" ITEM_A2 "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void is_not_there(struct steps *s)
{
	steps_want(s, 1, "0", "SELECT count(*) FROM item WHERE id='" ITEM_A2 "'");
	steps_want(s, 2, "0", "SELECT count(*) FROM item WHERE id='" ITEM_A2 "'");
}

static void make_sync_delete_sync(struct steps *s)
{
	program_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "brief"));
	tablet_syncs(s, 1);
	program_writes(s, 1, GONE(ITEM_A2), "DELETE FROM item WHERE id='" ITEM_A2 "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void delete_in_flight(struct steps *s)
{
	program_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "brief"));
	tablet_sends(s, 1);
	program_writes(s, 1, GONE(ITEM_A2), "DELETE FROM item WHERE id='" ITEM_A2 "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void delete_and_create(struct steps *s)
{
	person_writes(s, 1, "SELECT NOT EXISTS(SELECT 1 FROM item WHERE id='" ITEM_A "' AND title='first')",
		      "DELETE FROM item WHERE id='" ITEM_A "'");
	person_writes(s, 1, HAS("item", ITEM_A, "title='anew'"), INSERT_ITEM(ITEM_A, PAT_A, "anew"));
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void is_anew(struct steps *s)
{
	steps_want(s, 0, "anew", "SELECT title FROM item WHERE id='" ITEM_A "'");
	steps_want(s, 2, "anew", "SELECT title FROM item WHERE id='" ITEM_A "'");
}

static void delete_sync_create(struct steps *s)
{
	person_writes(s, 1, "SELECT NOT EXISTS(SELECT 1 FROM item WHERE id='" ITEM_A "' AND title='first')",
		      "DELETE FROM item WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
	person_writes(s, 1, HAS("item", ITEM_A, "title='anew'"), INSERT_ITEM(ITEM_A, PAT_A, "anew"));
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

/* --- what can't go ---------------------------------------------------------------------------------------- */

static void one_too_large(struct steps *s)
{
	program_writes(s, 1, HAS("item", ITEM_A, "length(notes)>5000"),
		       "UPDATE item SET notes=replace(hex(zeroblob(2000)),'0','ab') WHERE id='" ITEM_A "'");
	program_writes(s, 1, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "other"));
	tablet_syncs(s, 1);
	program_writes(s, 1, HAS("item", ITEM_A, "notes='short'"), "UPDATE item SET notes='short' WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
}

static void both_went(struct steps *s)
{
	steps_want(s, 0, "short", "SELECT notes FROM item WHERE id='" ITEM_A "'");
	steps_want(s, 0, "other", "SELECT title FROM item WHERE id='" ITEM_A2 "'");
}

/* A's reference is to an item that only the other tablet has made so far. */
static void refers_ahead(struct steps *s)
{
	person_writes(s, 2, MADE(ITEM_A2), INSERT_ITEM(ITEM_A2, PAT_A, "referred to"));
	person_writes(s, 1, HAS("item", ITEM_A, "after='" ITEM_A2 "'"),
		      "UPDATE item SET after='" ITEM_A2 "' WHERE id='" ITEM_A "'");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
	tablet_syncs(s, 1);
}

static void reference_stands(struct steps *s)
{
	steps_want(s, 0, ITEM_A2, "SELECT after FROM item WHERE id='" ITEM_A "'");
	steps_want(s, 1, "2", "SELECT state FROM ds_journal WHERE id='" ITEM_A "'");
}

/* --- processes ------------------------------------------------------------------------------------------------ */

static void restart_often(struct steps *s)
{
	program_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	tablet_restarts(s, 1);
	tablet_sends(s, 1);
	tablet_restarts(s, 1);
	tablet_restarts(s, 1);
	tablet_syncs(s, 1);
	tablet_restarts(s, 1);
}

static void is_kept(struct steps *s)
{
	steps_want(s, 0, "kept", "SELECT title FROM item WHERE id='" ITEM_A "'");
}

static void checkpoint_tablet(struct steps *s)
{
	program_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	tablet_checkpoints(s, 1);
	program_writes(s, 1, HAS("item", ITEM_A, "outcome='too'"), "UPDATE item SET outcome='too' WHERE id='" ITEM_A "'");
	tablet_checkpoints(s, 1);
	tablet_syncs(s, 1);
}

static void both_are_kept(struct steps *s)
{
	steps_want(s, 0, "kept too", "SELECT title||' '||outcome FROM item WHERE id='" ITEM_A "'");
}

static const struct scenario ROWS[] = {
	{ "an edit goes up, and down to the other tablet",
	  "PouchDB: basic push and pull", 2, 0, world_of_a, edit_and_sync, title_is_up },
	{ "syncs with nothing to say write no change",
	  "pouchdb#5379", 1, 0, world_of_a, nothing, nothing_written },
	{ "an empty caseload syncs",
	  "PouchDB: empty source", 1, 0, world_of_nobody, nothing, nothing_written },
	{ "a record made by another program reaches the centre and the other tablet",
	  "PouchDB: push twice", 2, 0, world_of_a, make_item, item_is_new },
	{ "a patient taken up on a tablet, with a first record, is its author's",
	  "LiteCore: push to an empty database", 1, 0, world_of_nobody, make_patient, patient_is_mine },
	{ "what one transaction wrote is there together or not at all",
	  "powersync.dart#226", 2, 0, world_of_a, together, are_together },
	{ "forty records at once",
	  "LiteCore: push 5,000 changes", 2, 0, world_of_a, many, are_many },
	{ "forty records at once, page by page",
	  "pouchdb#3999: interrupted, then resumed", 2, 7, world_of_a, many, are_many },
	{ "a long text",
	  "LiteCore: large documents", 2, 0, world_of_a, large, NULL },
	{ "quotes, dashes, smileys and blanks",
	  "PouchDB: funny ids", 2, 0, world_of_a, odd_texts, NULL },
	{ "what is typed while a request is under way goes with the next one",
	  "LiteCore: continuous push, super-fast", 2, 0, world_of_a, type_meanwhile, second_stands },
	{ "of two edits between syncs the second stands",
	  "LiteCore: continuous push, fast", 1, 0, world_of_a, type_twice, second_stands },
	{ "a value typed back is no change",
	  "PouchDB: no checkpoint without progress", 1, 0, world_of_a, type_back, no_change },
	{ "news that comes for what is being typed takes no word away",
	  "powersync.dart#226: connection flaps in a pull", 1, 0, world_of_a, news_meanwhile, all_words },
	{ "made and deleted before a sync",
	  "WatermelonDB#1219", 2, 0, world_of_a, make_and_delete, is_not_there },
	{ "made, synced, deleted, synced: it does not come back",
	  "WatermelonDB#649", 2, 0, world_of_a, make_sync_delete_sync, is_not_there },
	{ "deleted while its creation is under way",
	  "WatermelonDB#649: around a pull", 2, 0, world_of_a, delete_in_flight, is_not_there },
	{ "deleted and written anew at once",
	  "LiteCore: delete then create", 2, 0, world_of_a, delete_and_create, is_anew },
	{ "deleted, synced, and written anew",
	  "LiteCore: removed then re-added", 2, 0, world_of_a, delete_sync_create, is_anew },
	{ "one text that exceeds its limit waits, the others go",
	  "PouchDB: one failing document, others saved; LiteCore: validation failure",
	  1, 0, world_of_a, one_too_large, both_went },
	{ "a reference to what has not arrived waits and then stands",
	  "LiteCore: pending ids", 2, 0, world_of_a, refers_ahead, reference_stands },
	{ "a tablet is started again and again",
	  "LiteCore: rapid restarts", 1, 0, world_of_a, restart_often, is_kept },
	{ "a tablet's checkpoint between edits",
	  "SQLite's WAL-reset bug", 1, 0, world_of_a, checkpoint_tablet, both_are_kept },
};
const struct scenario_list STEPS_TABLET = { ROWS, sizeof ROWS / sizeof ROWS[0] };
