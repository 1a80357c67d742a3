/* The ghosts: which words are asked for, and that each check tells what it is for. A tablet and a centre of support/world.h
 * stand for those of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/sign.h"
#include "tests/sim/ghost_inside.h"
#include "tests/support/world.h"

#define P 3 /* the patient's slot */

struct scene {
	struct schema schema;
	struct world w;
	struct sim *sim;
	struct id patient, item;
	char item_text[ID_TEXT_SIZE];
	const struct kind *kind;
};

/* --- the stage ------------------------------------------------------------------------------------ */

static struct scene *open_scene(const struct field_row *rows, size_t count)
{
	struct scene *s = calloc(1, sizeof *s);

	assert_non_null(s);
	schema_init(&s->schema, rows, count, 1);
	world_open(&s->w, &s->schema, NULL, NULL, 1, 7);
	s->patient = world_create(&s->w, "patient", NULL, "name", "Somebody", NULL);
	world_assign(&s->w, 0, &s->patient);
	s->sim = calloc(1, sizeof *s->sim);
	assert_non_null(s->sim);
	s->sim->plan.tablets = 1;
	s->sim->schema = &s->schema;
	s->sim->now_ms = WORLD_START_MS;
	s->sim->tablets = calloc(1, sizeof *s->sim->tablets);
	assert_non_null(s->sim->tablets);
	s->sim->tablets[0].node = (struct node){ .sim = s->sim, .index = 1, .name = "tablet 1", .up = true };
	s->sim->tablets[0].device = s->w.tablets[0].device;
	s->sim->centre.node.up = true;
	s->sim->centre.centre = s->w.centre;
	s->sim->ghosts = ghosts_new(s->sim);
	return s;
}

static int set_up(void **state)
{
	struct scene *s = open_scene(WORLD_ROWS, WORLD_ROWS_COUNT);

	s->item = world_create(&s->w, "item", &s->patient, "title", "first", "notes", "Begun.", NULL);
	id_format(&s->item, s->item_text);
	s->kind = schema_kind(&s->schema, "item", 4);
	world_sync(&s->w.tablets[0]);
	*state = s;
	return 0;
}

static int set_up_whole(void **state)
{
	*state = open_scene(SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	ghosts_free(s->sim->ghosts);
	free(s->sim->tablets);
	free(s->sim);
	world_close(&s->w);
	free(s);
	return 0;
}

/* The run's tablet has the world's replica between these two. */
static struct sim_tablet *lend(struct scene *s)
{
	s->sim->tablets[0].replica = s->w.tablets[0].replica;
	return &s->sim->tablets[0];
}

static void give_back(struct scene *s)
{
	s->w.tablets[0].replica = s->sim->tablets[0].replica;
}

static void check(struct scene *s, void (*made)(struct sim_tablet *t))
{
	made(lend(s));
	give_back(s);
}

static void check_end(struct scene *s)
{
	(void)lend(s);
	ghost_check_end(s->sim);
	give_back(s);
}

static void assert_well(const struct scene *s)
{
	assert_string_equal(s->sim->wrong, "");
}

static void assert_wrong(const struct scene *s, const char *invariant, const char *about)
{
	assert_string_equal(s->sim->invariant, invariant);
	assert_non_null(strstr(s->sim->wrong, about));
}

static uint8_t field_of(const struct scene *s, const char *field)
{
	return (uint8_t)kind_field(s->kind, field, strlen(field));
}

static uint32_t word_for(struct scene *s, const char *field, char text_out[GHOST_WORD_SIZE])
{
	uint32_t number;

	(void)lend(s);
	number = ghost_word(s->sim, 1, P, s->kind->num, &s->item, field_of(s, field), text_out);
	give_back(s);
	return number;
}

static void end_word(struct scene *s, uint32_t number, enum ghost_end end)
{
	(void)lend(s);
	ghost_ended(s->sim, &number, 1, end);
	give_back(s);
}

#define SQL(s, ...) assert_int_equal(world_sql(&(s)->w.tablets[0], __VA_ARGS__), SQLITE_OK)

/* A person types a word into the field of the item, and is told that it is stored. */
static uint32_t type(struct scene *s, const char *field)
{
	char text[GHOST_WORD_SIZE];
	const uint32_t number = word_for(s, field, text);

	SQL(s, "UPDATE item SET %s = '%s' WHERE id = '%s'", field, text, s->item_text);
	end_word(s, number, GHOST_KEPT);
	return number;
}

static uint32_t append(struct scene *s)
{
	char text[GHOST_WORD_SIZE];
	const uint32_t number = word_for(s, "notes", text);

	ghost_get(s->sim, number)->appended = true;
	SQL(s, "UPDATE item SET notes = notes || ' Saw %s' WHERE id = '%s'", text, s->item_text);
	end_word(s, number, GHOST_KEPT);
	return number;
}

/* Behind everybody's back: no trigger notices. */
static void meddle(struct scene *s, const char *sql)
{
	struct replica *r = &s->w.tablets[0].replica;

	assert_int_equal(db_begin(&r->db), ST_OK);
	assert_int_equal(replica_quiet_begin(r), ST_OK);
	assert_int_equal(db_exec(&r->db, sql), ST_OK);
	assert_int_equal(replica_quiet_end(r), ST_OK);
	assert_int_equal(db_commit(&r->db), ST_OK);
}

static void build(struct scene *s)
{
	(void)world_build(&s->w.tablets[0]);
	check(s, ghost_check_built);
}

static void take(struct scene *s)
{
	struct world_tablet *t = &s->w.tablets[0];
	struct sync_report report = { 0 };

	buf_reset(&t->answer);
	assert_int_equal(world_ask(&s->w, &t->request, &t->answer), ST_OK);
	assert_int_equal(world_take(t, t->answer.data, t->answer.len, &report), ST_OK);
	check(s, ghost_check_taken);
	check(s, ghost_check_heard);
}

/* --- words in texts ---------------------------------------------------------------------------------- */

static void assert_words(const char *bytes, size_t len, size_t count, const unsigned (*words)[2])
{
	size_t at = 0;
	unsigned patient;
	uint32_t number;

	for (size_t i = 0; i < count; i++) {
		assert_true(ghost_scan((const uint8_t *)bytes, len, &at, &patient, &number));
		assert_int_equal(patient, words[i][0]);
		assert_int_equal(number, words[i][1]);
	}
	assert_false(ghost_scan((const uint8_t *)bytes, len, &at, &patient, &number));
	assert_int_equal(at, len);
}

static void words_are_found_anywhere_in_bytes_and_nothing_else_is(void **state)
{
	static const unsigned words[][2] = { { 3, 17 }, { 0, 1 }, { 12, 345 } };
	static const char bytes[] = "\0p3w17.\xff pp0w1.xp12w345.";
	static const char *const none[] = { "p3w17", "p3w.", "pw1.", "p3w0.", "p3w17,", "p3 w17.", "p3w1234567890.", "P3w1.", "p" };

	(void)state;
	assert_words(bytes, sizeof bytes - 1, 3, words);
	assert_words(bytes, 6, 0, words); /* its dot is not there */
	assert_words(bytes, 7, 1, words);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_words(none[i], strlen(none[i]), 0, words);
}

static void the_newest_word_of_a_text_is_the_one_with_the_highest_number(void **state)
{
	(void)state;
	assert_int_equal(ghost_last_in("p1w9. p1w12. p1w3.", 18), 12);
	assert_int_equal(ghost_last_in("nothing", 7), 0);
	assert_int_equal(ghost_last_in("", 0), 0);
}

/* --- which words are asked for ------------------------------------------------------------------------- */

static void a_word_that_its_author_typed_over_before_it_was_sent_is_not_asked_for(void **state)
{
	struct scene *s = *state;
	const uint32_t first = type(s, "title"), second = type(s, "title"), other = type(s, "dose");

	assert_true(ghost_get(s->sim, first)->overwritten);
	assert_false(ghost_get(s->sim, second)->overwritten);
	build(s);
	assert_int_equal(ghost_get(s->sim, first)->n, 0);
	assert_int_equal(ghost_get(s->sim, second)->n, 1);
	assert_int_equal(ghost_get(s->sim, other)->n, 1);
	/* What a change has taken up is asked for, whatever comes after it. */
	(void)type(s, "title");
	assert_false(ghost_get(s->sim, second)->overwritten);
	take(s);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
}

static void words_beside_one_another_are_all_asked_for(void **state)
{
	struct scene *s = *state;
	const uint32_t first = append(s), second = append(s);

	assert_false(ghost_get(s->sim, first)->overwritten);
	build(s);
	assert_int_equal(ghost_get(s->sim, first)->n, 1);
	assert_int_equal(ghost_get(s->sim, second)->n, 1);
	take(s);
	check_end(s);
	assert_well(s);
}

static void what_was_on_the_screen_is_known(void **state)
{
	struct scene *s = *state;
	const uint32_t a = type(s, "title"), b = type(s, "title"), other = type(s, "dose");
	char text[GHOST_WORD_SIZE];
	const uint32_t foreign = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "title"), text);
	uint32_t c;

	assert_int_equal(ghost_get(s->sim, a)->shown, 0);
	assert_int_equal(ghost_get(s->sim, b)->shown, a);
	assert_int_equal(ghost_get(s->sim, b)->shown_first, 0);
	assert_int_equal(ghost_get(s->sim, other)->shown, 0);
	assert_true(ghost_was_shown(s->sim, b, a));
	assert_true(ghost_was_shown(s->sim, b, 0));
	assert_false(ghost_was_shown(s->sim, b, foreign));
	(void)snprintf(text, sizeof text, "p%uw%u.", P, (unsigned)foreign);
	meddle(s, "UPDATE item SET title = 'p3w4.'");
	assert_string_equal(text, "p3w4.");
	c = type(s, "title");
	assert_int_equal(ghost_get(s->sim, c)->shown, foreign);
	assert_true(ghost_was_shown(s->sim, c, foreign));
	assert_true(ghost_was_shown(s->sim, type(s, "title"), foreign));
	assert_true(ghost_was_shown(s->sim, foreign, c)); /* the centre's people see what stands */
}

static void a_group_is_on_the_screen_as_a_whole(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t dose = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "dose"), text),
		       title = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "title"), text),
		       before = type(s, "unit");
	uint32_t after;

	meddle(s, "UPDATE item SET dose = 'p3w1.', title = 'p3w2.'");
	after = type(s, "unit");
	assert_false(ghost_was_shown(s->sim, before, dose));
	assert_true(ghost_was_shown(s->sim, after, dose));
	assert_false(ghost_was_shown(s->sim, after, title));
	/* The page that was saved is older than the row. */
	ghost_get(s->sim, type(s, "dose"))->shown = 0;
	assert_false(ghost_was_shown(s->sim, after + 1, dose));
}

static void whoever_deleted_a_record_had_seen_what_it_held(void **state)
{
	struct scene *s = *state;
	char patient[ID_TEXT_SIZE], text[GHOST_WORD_SIZE];
	const uint32_t held = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "notes"), text),
		       other = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "notes"), text),
		       before = type(s, "title");
	uint32_t title, after;

	SQL(s, "UPDATE item SET notes = 'Saw p3w1.' WHERE id = '%s'", s->item_text);
	SQL(s, "DELETE FROM item WHERE id = '%s'", s->item_text);
	(void)lend(s);
	ghost_deleted(s->sim, 1, s->kind->num, &s->item);
	give_back(s);
	title = word_for(s, "title", text);
	id_format(&s->patient, patient);
	SQL(s, "INSERT INTO item(id, patient, title) VALUES('%s', '%s', '%s')", s->item_text, patient, text);
	end_word(s, title, GHOST_KEPT);
	after = type(s, "notes");
	assert_true(ghost_was_shown(s->sim, after, held));
	assert_false(ghost_was_shown(s->sim, after, other));
	assert_false(ghost_was_shown(s->sim, before, held));
}

static void whoever_used_a_returned_value_again_had_seen_what_it_took_away(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t held = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "dose"), text),
		       other = ghost_word(s->sim, 0, P, s->kind->num, &s->item, field_of(s, "dose"), text),
		       before = type(s, "dose");
	uint32_t after;

	meddle(s, "UPDATE item SET dose = 'p3w1.'");
	(void)lend(s);
	ghost_looked_at(s->sim, 1, s->kind->num, &s->item);
	give_back(s);
	meddle(s, "UPDATE item SET dose = 'returned'");
	after = type(s, "dose");
	assert_true(ghost_was_shown(s->sim, after, held));
	assert_false(ghost_was_shown(s->sim, after, other));
	assert_false(ghost_was_shown(s->sim, before, held));
}

static void what_nobody_knew_is_known_after_the_next_start(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t lost = word_for(s, "title", text), kept = word_for(s, "dose", text);

	SQL(s, "UPDATE item SET dose = '%s' WHERE id = '%s'", text, s->item_text);
	end_word(s, lost, GHOST_UNKNOWN);
	end_word(s, kept, GHOST_UNKNOWN);
	assert_false(ghost_get(s->sim, kept)->confirmed);
	check(s, ghost_check_started);
	assert_well(s);
	assert_false(ghost_get(s->sim, lost)->confirmed);
	assert_true(ghost_get(s->sim, kept)->confirmed);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
}

static void a_deleted_record_keeps_its_words_until_it_is_made_again_without_them(void **state)
{
	struct scene *s = *state;
	const uint32_t title = type(s, "title"), dose = type(s, "dose");
	char patient[ID_TEXT_SIZE], text[GHOST_WORD_SIZE];
	uint32_t again;

	SQL(s, "DELETE FROM item WHERE id = '%s'", s->item_text);
	(void)lend(s);
	ghost_deleted(s->sim, 1, s->kind->num, &s->item);
	give_back(s);
	check(s, ghost_check_taken);
	assert_well(s);
	assert_false(ghost_get(s->sim, dose)->overwritten);
	again = word_for(s, "title", text);
	id_format(&s->patient, patient);
	SQL(s, "INSERT INTO item(id, patient, title) VALUES('%s', '%s', '%s')", s->item_text, patient, text);
	end_word(s, again, GHOST_KEPT);
	check(s, ghost_check_taken);
	assert_well(s);
	assert_true(ghost_get(s->sim, title)->overwritten);
	assert_true(ghost_get(s->sim, dose)->overwritten);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
}

static void what_a_deletion_forgets_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	SQL(s, "DELETE FROM item WHERE id = '%s'", s->item_text);
	meddle(s, "UPDATE ds_gone SET last = replace(last, 'p3w', 'x')");
	(void)lend(s);
	ghost_deleted(s->sim, 1, s->kind->num, &s->item);
	give_back(s);
	assert_wrong(s, "I1", "p3w1.");
}

static void a_value_typed_back_is_not_asked_for(void **state)
{
	struct scene *s = *state;
	const uint32_t title = type(s, "title");

	SQL(s, "UPDATE item SET title = 'first' WHERE id = '%s'", s->item_text);
	(void)lend(s);
	ghost_rewritten(s->sim, 1, s->kind->num, &s->item, field_of(s, "title"));
	give_back(s);
	build(s);
	take(s);
	check(s, ghost_check_step);
	assert_well(s);
	assert_true(ghost_get(s->sim, title)->overwritten);
}

static void an_author_may_type_over_what_is_under_way(void **state)
{
	struct scene *s = *state;
	const uint32_t title = type(s, "title");

	build(s);
	SQL(s, "UPDATE item SET title = 'first' WHERE id = '%s'", s->item_text);
	check(s, ghost_check_taken);
	assert_well(s);
	assert_false(ghost_get(s->sim, title)->overwritten);
	take(s);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
}

/* --- what goes wrong is told ------------------------------------------------------------------------------ */

static void a_confirmed_word_that_is_not_in_its_row_is_told(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];

	end_word(s, word_for(s, "title", text), GHOST_KEPT);
	assert_wrong(s, "I7", "title");
}

static void a_refused_word_that_is_in_its_row_is_told(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t number = word_for(s, "title", text);

	SQL(s, "UPDATE item SET title = '%s' WHERE id = '%s'", text, s->item_text);
	end_word(s, number, GHOST_REFUSED);
	assert_wrong(s, "I7", "is not stored");
}

static void a_refused_word_that_is_numbered_is_told(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t number = word_for(s, "title", text);

	end_word(s, number, GHOST_REFUSED);
	SQL(s, "UPDATE item SET title = '%s' WHERE id = '%s'", text, s->item_text);
	build(s);
	assert_wrong(s, "I7", "numbered");
}

static void an_edit_that_news_wipes_off_the_row_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	check(s, ghost_check_taken);
	assert_well(s);
	meddle(s, "UPDATE item SET title = 'news'");
	check(s, ghost_check_taken);
	assert_wrong(s, "I7", "holds something else");
}

static void a_change_in_flight_that_news_wipes_off_the_row_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	check(s, ghost_check_taken);
	assert_well(s);
	meddle(s, "UPDATE item SET title = 'news'");
	check(s, ghost_check_taken);
	assert_wrong(s, "I7", "change 1");
}

static void a_change_that_leaves_the_journal_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	meddle(s, "DELETE FROM ds_journal");
	check(s, ghost_check_taken);
	assert_wrong(s, "I1", "journal");
}

static void an_edit_that_nobody_noticed_is_told_when_all_is_said_to_be_sent(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	check(s, ghost_check_step);
	assert_well(s);
	meddle(s, "DELETE FROM ds_dirty");
	check(s, ghost_check_step);
	assert_wrong(s, "I21", "in no change");
}

static void an_outcome_of_a_change_that_the_centre_lacks_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	check(s, ghost_check_step);
	assert_well(s);
	meddle(s, "UPDATE ds_journal SET state = 2");
	check(s, ghost_check_step);
	assert_wrong(s, "I21", "the centre has taken 0");
}

static void a_word_that_is_nowhere_in_history_is_told_in_the_end(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	meddle(s, "UPDATE ds_journal SET state = 2; UPDATE ds_sent SET settled = 1");
	ghost_tablet(s->sim, 1)->proven_n = 1;
	check_end(s);
	assert_wrong(s, "I1", "nowhere");
}

static void a_word_may_be_taken_out_of_the_text_by_who_had_seen_it(void **state)
{
	struct scene *s = *state;

	(void)append(s);
	build(s);
	take(s);
	check_end(s);
	assert_well(s);
	assert_true(world_edit(&s->w, "item", &s->item, "notes", "Anew."));
	check_end(s);
	assert_well(s);
}

static void a_word_that_was_taken_and_stands_nowhere_is_told_in_the_end(void **state)
{
	struct scene *s = *state;
	struct id note = world_id(&s->w);
	char patient[ID_TEXT_SIZE], id[ID_TEXT_SIZE], text[GHOST_WORD_SIZE];
	uint32_t number;

	world_sync(&s->w.tablets[0]);
	s->kind = schema_kind(&s->schema, "note", 4);
	s->item = note;
	id_format(&s->patient, patient);
	id_format(&note, id);
	number = word_for(s, "observed", text);
	ghost_get(s->sim, number)->appended = true;
	SQL(s, "INSERT INTO note(id, patient, observed, status) VALUES('%s', '%s', 'Saw %s', 'draft')", id, patient, text);
	end_word(s, number, GHOST_KEPT);
	build(s);
	take(s);
	check_end(s);
	assert_well(s);
	/* As if it had been typed into another section, which has lost it. */
	ghost_get(s->sim, number)->field = field_of(s, "plan");
	check_end(s);
	assert_wrong(s, "I1", "neither in the text");
}

static void an_unsent_edit_in_the_end_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	check_end(s);
	assert_wrong(s, "I21", "unsent edits");
}

static void what_exceeds_a_limit_may_wait_on_its_tablet(void **state)
{
	struct scene *s = *state;
	char text[GHOST_WORD_SIZE];
	const uint32_t number = word_for(s, "title", text);

	SQL(s, "UPDATE item SET title = '%s %300d' WHERE id = '%s'", text, 1, s->item_text);
	end_word(s, number, GHOST_KEPT);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
	meddle(s, "UPDATE ds_attention SET id = '00000000-0000-4000-8000-000000000001'");
	check_end(s);
	assert_true(sim_is_wrong(s->sim));
}

static void what_is_held_at_one_end_alone_is_told(void **state)
{
	struct scene *s = *state;

	world_unassign(&s->w, 0, &s->patient);
	(void)type(s, "title");
	build(s);
	take(s);
	world_sync(&s->w.tablets[0]);
	check_end(s);
	assert_well(s);
	meddle(s, "UPDATE ds_journal SET state = 2; UPDATE ds_sent SET settled = 1");
	check_end(s);
	assert_wrong(s, "I1", "the centre holds change 1");
	s->sim->invariant[0] = s->sim->wrong[0] = '\0';
	assert_int_equal(s->w.tablets[0].device, 1);
	meddle(s, "UPDATE ds_journal SET state = 1; UPDATE ds_sent SET settled = 0");
	s->sim->tablets[0].device = 0; /* the centre has nothing of such a tablet */
	ghost_forgotten(s->sim, 1);
	check_end(s);
	assert_wrong(s, "I1", "no supervisor");
}

static void a_version_that_goes_back_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	take(s);
	check(s, ghost_check_step);
	assert_well(s);
	meddle(s, "UPDATE ds_version SET seq = 1");
	check(s, ghost_check_step);
	assert_wrong(s, "I7", "seen");
}

static void news_that_the_cursor_passed_over_is_told(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	build(s);
	take(s);
	assert_true(world_edit(&s->w, "item", &s->item, "title", "another"));
	build(s);
	take(s);
	assert_well(s);
	meddle(s, "UPDATE ds_version SET seq = seq - 1");
	check(s, ghost_check_heard);
	assert_wrong(s, "I8", "title");
}

static void books_that_do_not_agree_are_told(void **state)
{
	static const char *const damages[][2] = {
		{ "DELETE FROM ds_receipt", "I9" },
		{ "DELETE FROM ds_meta WHERE key = 'last_down_ms'", "I9" },
		{ "INSERT INTO ds_meta VALUES('last_n', 7)", "I12" },
		{ "UPDATE ds_caseload SET patient = '00000000-0000-4000-8000-000000000001'", "I3" },
		{ "INSERT INTO ds_applying VALUES(1)", "I3" },
		{ "INSERT INTO ds_sent VALUES(9, 8, 'x', 1, 1, 1, NULL, NULL, 2)", "I3" },
	};
	struct scene *s = *state;

	check(s, ghost_check_started);
	assert_well(s);
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		struct replica *r = &s->w.tablets[0].replica;

		s->sim->invariant[0] = s->sim->wrong[0] = '\0';
		assert_int_equal(db_exec(&r->db, "SAVEPOINT sound"), ST_OK);
		assert_int_equal(db_exec(&r->db, damages[i][0]), ST_OK);
		check(s, ghost_check_started);
		assert_string_equal(s->sim->invariant, damages[i][1]);
		assert_int_equal(db_exec(&r->db, "ROLLBACK TO sound; RELEASE sound"), ST_OK);
	}
}

static void what_a_lying_disk_lost_is_not_asked_for(void **state)
{
	struct scene *s = *state;

	(void)type(s, "title");
	meddle(s, "UPDATE item SET title = 'first'; DELETE FROM ds_dirty");
	ghost_forgotten(s->sim, 1);
	check(s, ghost_check_started);
	check_end(s);
	assert_well(s);
	assert_false(ghost_get(s->sim, 1)->confirmed);
}

static void a_signed_note_that_changes_is_told(void **state)
{
	struct scene *s = *state;
	struct world_tablet *t = &s->w.tablets[0];
	char patient[ID_TEXT_SIZE];
	struct id note = world_id(&s->w);
	char id[ID_TEXT_SIZE];
	struct signing signing;
	struct failure why;

	world_sync(t);
	id_format(&s->patient, patient);
	id_format(&note, id);
	SQL(s, "INSERT INTO note(id, patient, observed, status) VALUES('%s', '%s', 'Steady.', 'draft')", id, patient);
	assert_int_equal(sign_note(&t->replica, &note, NULL, &signing, &why), ST_OK);
	check(s, ghost_check_started);
	assert_int_equal(ghost_tablet(s->sim, 1)->note_count, 0); /* nobody has taken it yet */
	world_sync(t);
	check(s, ghost_check_started);
	assert_well(s);
	assert_int_equal(ghost_tablet(s->sim, 1)->note_count, 1);
	meddle(s, "UPDATE note SET observed = 'Unsteady.'");
	check(s, ghost_check_taken);
	assert_wrong(s, "I27", "other contents");
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found_anywhere_in_bytes_and_nothing_else_is),
		cmocka_unit_test(the_newest_word_of_a_text_is_the_one_with_the_highest_number),
		ROW(a_word_that_its_author_typed_over_before_it_was_sent_is_not_asked_for),
		ROW(words_beside_one_another_are_all_asked_for),
		ROW(what_was_on_the_screen_is_known),
		ROW(a_group_is_on_the_screen_as_a_whole),
		ROW(whoever_deleted_a_record_had_seen_what_it_held),
		ROW(whoever_used_a_returned_value_again_had_seen_what_it_took_away),
		ROW(what_nobody_knew_is_known_after_the_next_start),
		ROW(a_deleted_record_keeps_its_words_until_it_is_made_again_without_them),
		ROW(what_a_deletion_forgets_is_told),
		ROW(a_value_typed_back_is_not_asked_for),
		ROW(an_author_may_type_over_what_is_under_way),
		ROW(a_confirmed_word_that_is_not_in_its_row_is_told),
		ROW(a_refused_word_that_is_in_its_row_is_told),
		ROW(a_refused_word_that_is_numbered_is_told),
		ROW(an_edit_that_news_wipes_off_the_row_is_told),
		ROW(a_change_in_flight_that_news_wipes_off_the_row_is_told),
		ROW(a_change_that_leaves_the_journal_is_told),
		ROW(an_edit_that_nobody_noticed_is_told_when_all_is_said_to_be_sent),
		ROW(an_outcome_of_a_change_that_the_centre_lacks_is_told),
		ROW(a_word_that_is_nowhere_in_history_is_told_in_the_end),
		ROW(a_word_may_be_taken_out_of_the_text_by_who_had_seen_it),
		cmocka_unit_test_setup_teardown(a_word_that_was_taken_and_stands_nowhere_is_told_in_the_end, set_up_whole, tear_down),
		ROW(an_unsent_edit_in_the_end_is_told),
		ROW(what_exceeds_a_limit_may_wait_on_its_tablet),
		ROW(what_is_held_at_one_end_alone_is_told),
		ROW(a_version_that_goes_back_is_told),
		ROW(news_that_the_cursor_passed_over_is_told),
		ROW(books_that_do_not_agree_are_told),
		ROW(what_a_lying_disk_lost_is_not_asked_for),
		cmocka_unit_test_setup_teardown(a_signed_note_that_changes_is_told, set_up_whole, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
