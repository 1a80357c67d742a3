/* Scenarios of the centre: its own changes, its process, requests that come together. */
#include "tests/sim/steps_world.h"

/* --- what the centre's people write ------------------------------------------------------------- */

static void edit_at_centre(struct steps *s)
{
	staff_edits(s, "item", ITEM_A, "title", "from the office");
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void office_title(struct steps *s)
{
	steps_want(s, 1, "from the office", OF_ITEM("title", ITEM_A));
	steps_want(s, 2, "from the office", OF_ITEM("title", ITEM_A));
}

static void delete_at_centre(struct steps *s)
{
	staff_deletes(s, "item", ITEM_A);
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void no_item(struct steps *s)
{
	steps_want(s, 1, "0", "SELECT count(*) FROM item");
	steps_want(s, 2, "0", "SELECT count(*) FROM item");
}

static void delete_under_an_edit(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	staff_deletes(s, "item", ITEM_A);
	tablet_syncs(s, 2);
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void title_is_kept(struct steps *s)
{
	steps_want(s, 0, "kept", OF_ITEM("title", ITEM_A));
	steps_want(s, 1, "kept", OF_ITEM("title", ITEM_A));
	steps_want(s, 2, "kept", OF_ITEM("title", ITEM_A));
}

static void delete_in_flight(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	tablet_sends(s, 1);
	staff_deletes(s, "item", ITEM_A);
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void dose_at_both(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "dose='10'"), SET_ITEM(ITEM_A, "dose='10'"));
	staff_edits(s, "item", ITEM_A, "dose", "20");
	tablet_syncs(s, 1);
	staff_decides(s, 1);
	tablet_syncs(s, 1);
}

static void decided_dose(struct steps *s)
{
	steps_want(s, 0, "10", OF_ITEM("dose", ITEM_A));
	steps_want(s, 1, "10", OF_ITEM("dose", ITEM_A));
	steps_want(s, 1, "0", "SELECT count(*) FROM conflict WHERE status='open'");
}

/* --- its process ---------------------------------------------------------------------------------------- */

static void restart_between(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	tablet_sends(s, 1);
	centre_restarts(s);
	tablet_syncs(s, 1);
	centre_restarts(s);
	tablet_syncs(s, 2);
}

static void restart_often(struct steps *s)
{
	staff_edits(s, "item", ITEM_A, "title", "kept");
	centre_restarts(s);
	centre_restarts(s);
	tablet_syncs(s, 1);
	centre_restarts(s);
	tablet_syncs(s, 2);
}

static void checkpoint_centre(struct steps *s)
{
	staff_edits(s, "item", ITEM_A, "title", "ke");
	centre_checkpoints(s);
	staff_edits(s, "item", ITEM_A, "title", "kept");
	centre_checkpoints(s);
	tablet_syncs(s, 1);
	tablet_syncs(s, 2);
}

static void both_checkpoint(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	tablet_sends(s, 1);
	tablet_checkpoints(s, 1);
	centre_checkpoints(s);
	tablet_syncs(s, 1);
	tablet_checkpoints(s, 1);
	tablet_syncs(s, 2);
}

/* --- together --------------------------------------------------------------------------------------------- */

static void at_once(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	person_writes(s, 2, HAS("item", ITEM_A, "notes LIKE '%Tired.'"), SET_ITEM(ITEM_A, "notes=notes||' Tired.'"));
	tablets_sync(s, 1, 2);
	tablets_sync(s, 1, 2);
}

static void both_stand(struct steps *s)
{
	steps_want(s, 1, "kept " NOTES_FIRST " Tired.", OF_ITEM("title||' '||notes", ITEM_A));
	steps_want(s, 2, "kept " NOTES_FIRST " Tired.", OF_ITEM("title||' '||notes", ITEM_A));
}

static void three_append(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	person_writes(s, 2, HAS("item", ITEM_A, "dose='6'"), SET_ITEM(ITEM_A, "dose='6'"));
	person_writes(s, 3, HAS("item", ITEM_A, "notes LIKE '%Tired.'"), SET_ITEM(ITEM_A, "notes=notes||' Tired.'"));
	tablets_sync(s, 1, 3);
	tablets_sync(s, 2, 3);
	tablet_syncs(s, 1);
}

static void all_three_stand(struct steps *s)
{
	steps_want(s, 1, "kept 6 " NOTES_FIRST " Tired.", OF_ITEM("title||' '||dose||' '||notes", ITEM_A));
	steps_want(s, 3, "kept 6 " NOTES_FIRST " Tired.", OF_ITEM("title||' '||dose||' '||notes", ITEM_A));
}

static void hours_without_centre(struct steps *s)
{
	person_writes(s, 1, HAS("item", ITEM_A, "title='kept'"), SET_ITEM(ITEM_A, "title='kept'"));
	time_passes(s, 1200000);
	tablet_syncs(s, 1);
}

static void arrived(struct steps *s)
{
	steps_want(s, 0, "kept", OF_ITEM("title", ITEM_A));
}

static const struct scenario ROWS[] = {
	{ "an edit of the centre comes to both tablets",
	  "PouchDB: basic pull", 2, 0, world_of_a, edit_at_centre, office_title },
	{ "a deletion of the centre comes to both tablets",
	  "PouchDB: deleted documents", 2, 0, world_of_a, delete_at_centre, no_item },
	{ "an unsent edit beats a deletion of the centre",
	  "PouchDB: delete and conflict; Realm: local edit of a remotely deleted object",
	  2, 0, world_of_a, delete_under_an_edit, title_is_kept },
	{ "an edit under way beats a deletion of the centre",
	  "Sync Gateway: concurrent delete", 2, 0, world_of_a, delete_in_flight, title_is_kept },
	{ "a dose of the tablet against one of the centre, decided for the tablet's",
	  "LiteCore: pull conflict, decided remotely", 1, 0, world_of_a, dose_at_both, decided_dose },
	{ "the centre is started again between a request and the next",
	  "electric#3563", 2, 0, world_of_a, restart_between, title_is_kept },
	{ "the centre is started again and again",
	  "electric#4668: replayed after a restart; teleport#6889", 2, 0, world_of_a, restart_often, title_is_kept },
	{ "the centre's checkpoint between edits",
	  "SQLite's WAL-reset bug; dqlite#309", 2, 0, world_of_a, checkpoint_centre, title_is_kept },
	{ "both checkpoint while an exchange is under way",
	  "LiteCore: checkpoint mismatch", 2, 0, world_of_a, both_checkpoint, title_is_kept },
	{ "two tablets push and pull at once",
	  "PouchDB: two endpoints at once (#838)", 2, 0, world_of_a, at_once, both_stand },
	{ "three tablets edit three fields of one record",
	  "LiteCore: multiple remotes", 3, 0, world_of_a, three_append, all_three_stand },
	{ "an edit waits while there is no link",
	  "pouchdb#4049: retry while offline", 1, 0, world_of_a, hours_without_centre, arrived },
};
const struct scenario_list STEPS_CENTRE = { ROWS, sizeof ROWS / sizeof ROWS[0] };
