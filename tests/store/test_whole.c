/* Briefs at the centre (daemon/whole.h): what a real tablet sends is made whole, and nothing else is. */
#include "daemon/whole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/brief.h"
#include "proto/change.h"
#include "proto/limits.h"
#include "tests/support/world.h"

#define TEXT "She slept well, as she says. The wound is dry and clean. Her daughter visits on Sundays. "

struct fixture {
	struct schema schema;
	struct world w;
	struct id patient, item;
	struct arena arena, scratch;
	struct buf message;
	struct request request; /* the tablet's newest, as it came */
};

/* A tablet has an item with a long text, and has edited it. */
static struct fixture *begin(void)
{
	struct fixture *f = calloc(1, sizeof *f);
	char item[ID_TEXT_SIZE];

	assert_non_null(f);
	schema_init(&f->schema, WORLD_ROWS, WORLD_ROWS_COUNT, 1);
	world_open(&f->w, &f->schema, NULL, NULL, 1, 7);
	f->patient = world_create(&f->w, "patient", NULL, "name", "Ada", NULL);
	f->item = world_create(&f->w, "item", &f->patient, "title", "walk", "notes", TEXT TEXT, NULL);
	world_assign(&f->w, 0, &f->patient);
	world_sync(&f->w.tablets[0]);
	id_format(&f->item, item);
	assert_int_equal(world_sql(&f->w.tablets[0], "UPDATE item SET notes='" TEXT "Now. " TEXT "' WHERE id='%s'", item),
			 SQLITE_OK);
	arena_init(&f->arena, LIMIT_INFLATED_MAX);
	arena_init(&f->scratch, LIMIT_INFLATED_MAX);
	buf_init(&f->message, LIMIT_INFLATED_MAX);
	return f;
}

static void end(struct fixture *f)
{
	arena_close(&f->arena);
	arena_close(&f->scratch);
	buf_close(&f->message);
	world_close(&f->w);
	free(f);
}

/* The tablet's next request, as the centre reads it. */
static void build(struct fixture *f)
{
	struct world_tablet *t = &f->w.tablets[0];

	(void)world_build(t);
	buf_reset(&f->message);
	assert_int_equal(envelope_open_request(t->request.data, t->request.len, t->sync.key.public, &f->message), ST_OK);
	assert_int_equal(request_decode(f->message.data, f->message.len, &f->arena, &f->request), ST_OK);
	assert_int_equal(f->request.change_count, 1);
	assert_true(f->request.changes[0].brief.len > 0);
}

static bool is_known(struct fixture *f)
{
	struct store *store = f->w.centre.store;
	struct intake in = { .store = store, .schema = &f->schema, .env = &f->w.node.env, .arena = &f->scratch };
	struct device device;
	bool known = false;

	assert_int_equal(store->ops->begin_read(store), ST_OK);
	assert_int_equal(store->ops->device_get(store, f->w.tablets[0].device, &device), ST_OK);
	assert_int_equal(whole_changes(&in, &device, &f->request, &f->arena, &known), ST_OK);
	store->ops->rollback(store);
	return known;
}

/* The request is as it came: nothing of it was made whole. */
static void assert_not_known(struct fixture *f)
{
	const struct request_change *before = f->request.changes;

	assert_false(is_known(f));
	assert_ptr_equal(f->request.changes, before);
}

static void assert_whole(struct fixture *f)
{
	const struct bytes *body = &f->request.changes[0].body;
	char hex[4096], journal[4096];

	assert_int_equal(f->request.changes[0].brief.len, 0);
	assert_true(body->len * 2 < sizeof hex);
	for (size_t i = 0; i < body->len; i++)
		(void)snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02X", ((const uint8_t *)body->data)[i]);
	world_text(&f->w.tablets[0], journal, sizeof journal, "SELECT hex(body) FROM ds_journal WHERE n=%llu",
		   (unsigned long long)f->request.changes[0].n);
	assert_string_equal(hex, journal);
}

static void an_edit_that_came_as_a_brief_is_the_body_in_its_tablets_journal(void **state)
{
	struct fixture *f = begin();
	char notes[512];

	(void)state;
	build(f);
	assert_true(f->request.changes[0].brief.len < 64);
	assert_true(is_known(f));
	assert_whole(f);
	world_sync(&f->w.tablets[0]);
	assert_true(world_value(&f->w, "item", &f->item, "notes", notes, sizeof notes));
	assert_string_equal(notes, TEXT "Now. " TEXT);
	end(f);
}

static void a_brief_that_comes_again_is_what_came_before(void **state)
{
	struct fixture *f = begin();
	struct buf lost;
	char *word;

	(void)state;
	build(f);
	buf_init(&lost, LIMIT_BODY_MAX);
	assert_int_equal(world_ask(&f->w, &f->w.tablets[0].request, &lost), ST_OK);
	buf_close(&lost);
	build(f);
	assert_true(is_known(f));
	assert_whole(f);
	/* Another word where the first one stood is another change. */
	build(f);
	word = memmem(f->request.changes[0].brief.data, f->request.changes[0].brief.len, "Now", 3);
	assert_non_null(word);
	*word = 'H';
	assert_not_known(f);
	end(f);
}

static void without_the_right_running_digest_nothing_is_believed(void **state)
{
	struct fixture *f = begin();

	(void)state;
	build(f);
	f->request.expected_run[7] ^= 1;
	assert_not_known(f);
	f->request.expected_run[7] ^= 1;
	f->request.expects = false;
	assert_not_known(f);
	f->request.expects = true;
	assert_true(is_known(f));
	end(f);
}

static void nothing_is_told_of_a_patient_who_left_the_caseload(void **state)
{
	struct fixture *f = begin();
	struct sync_report report = { 0 };

	(void)state;
	world_pass(&f->w, 1);
	world_unassign(&f->w, 0, &f->patient);
	build(f);
	assert_not_known(f);
	/* Whole it is judged like any other: as work from before its tablet had heard. */
	assert_true(world_exchange(&f->w.tablets[0], &report));
	assert_true(report.applied.more && report.applied.notices[NOTICE_SEND_WHOLE]);
	assert_int_equal(report.applied.held, 0);
	assert_false(world_exchange(&f->w.tablets[0], &report));
	assert_int_equal(report.applied.accepted, 1);
	end(f);
}

/* The tablet's next change, as somebody would make it who guesses that the notes of this item end in these words: a brief
 * that leaves out the text before them, from what stood at this sequence. The running digest is the one of that guess. */
static bool guess(struct fixture *f, const struct id *item, uint64_t seq, const char *before, const char *after)
{
	const struct kind *kind = schema_kind(&f->schema, "item", 4);
	const int notes = kind_field(kind, "notes", 5);
	struct change *change = calloc(1, sizeof *change);
	struct store *store = f->w.centre.store;
	struct request_change one = { 0 };
	struct bytes base[256] = { 0 };
	struct buf body, brief;
	struct device device;
	struct digest digest;
	bool known;

	assert_non_null(change);
	buf_init(&body, LIMIT_CHANGE_MAX);
	buf_init(&brief, LIMIT_CHANGE_MAX);
	assert_int_equal(store->ops->begin_read(store), ST_OK);
	assert_int_equal(store->ops->device_get(store, f->w.tablets[0].device, &device), ST_OK);
	store->ops->rollback(store);
	*change = (struct change){ .kind = kind, .id = *item, .group_count = 1 };
	change->groups[0] = (struct change_group){ .num = kind->groups[kind->fields[notes].group].num,
						   .base = { .tag = VERSION_SEQ, .seq = seq } };
	change->row.values[notes] = value_string(after);
	change->mask = change_mask(change);
	base[kind->fields[notes].num] = (struct bytes){ before, strlen(before) };
	assert_int_equal(change_encode(&body, change), ST_OK);
	assert_int_equal(brief_encode(&brief, &(struct bytes){ body.data, body.len }, base), ST_OK);
	assert_null(memmem(brief.data, brief.len, before, strlen(before)));
	one = (struct request_change){ .n = device.last_n + 1, .brief = { brief.data, brief.len } };
	change_digest(&digest, body.data, body.len);
	change_run(&device.run, one.n, &digest);
	f->request = (struct request){ .changes = &one, .change_count = 1, .expects = true };
	memcpy(f->request.expected_run, device.run.bytes, sizeof f->request.expected_run);
	known = is_known(f);
	buf_close(&body);
	buf_close(&brief);
	free(change);
	return known;
}

static void a_record_of_ones_own_under_anothers_id_opens_nothing_of_the_other(void **state)
{
	struct fixture *f = begin();
	struct id stranger, item;
	char id[ID_TEXT_SIZE];

	(void)state;
	stranger = world_create(&f->w, "patient", NULL, "name", "Eve", NULL);
	item = world_create(&f->w, "item", &stranger, "title", "walk", "notes", TEXT TEXT, NULL);
	id_format(&item, id);
	assert_int_equal(world_sql(&f->w.tablets[0], "INSERT INTO patient(id,name) VALUES('%s','Ida')", id), SQLITE_OK);
	world_sync(&f->w.tablets[0]);
	assert_int_equal(world_int(&f->w.tablets[0], "SELECT count(*) FROM ds_caseload WHERE patient='%s'"
						     " AND state='complete'", id), 1);
	assert_false(guess(f, &item, (uint64_t)world_int(&f->w.tablets[0], "SELECT seq FROM ds_journal WHERE kind=1"
									   " AND id='%s'", id), TEXT TEXT, TEXT TEXT "Now."));
	/* Of a record of one's own the same is known. */
	id_format(&f->item, id);
	assert_true(guess(f, &f->item, (uint64_t)world_int(&f->w.tablets[0], "SELECT seq FROM ds_journal WHERE kind=8"
									     " AND id='%s'", id),
			  TEXT "Now. " TEXT, TEXT "Now. " TEXT "Later."));
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_edit_that_came_as_a_brief_is_the_body_in_its_tablets_journal),
		cmocka_unit_test(a_brief_that_comes_again_is_what_came_before),
		cmocka_unit_test(without_the_right_running_digest_nothing_is_believed),
		cmocka_unit_test(nothing_is_told_of_a_patient_who_left_the_caseload),
		cmocka_unit_test(a_record_of_ones_own_under_anothers_id_opens_nothing_of_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
