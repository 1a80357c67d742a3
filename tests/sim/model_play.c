#include "tests/sim/model_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t *play_id(uint8_t number)
{
	static uint8_t ids[8][MODEL_ID_SIZE];
	static size_t next;
	uint8_t *id = ids[next++ % 8];

	memset(id, 0, MODEL_ID_SIZE);
	id[0] = 0xa0;
	id[MODEL_ID_SIZE - 1] = number;
	return id;
}

const char *play_id_text(uint8_t number)
{
	static char texts[8][40];
	static size_t next;
	char *text = texts[next++ % 8];

	(void)snprintf(text, sizeof texts[0], "a0000000-0000-0000-0000-0000000000%02x", number);
	return text;
}

const struct kind *play_kind(const struct play *play, const char *name)
{
	return schema_kind(&play->schema, name, strlen(name));
}

void play_put(const struct play *play, struct model_change *change, const char *field, const char *value)
{
	const struct kind *of = schema_kind_num(&play->schema, change->kind);
	int index = kind_field(of, field, strlen(field));

	assert_true(index >= 0);
	change->values[index] = value;
}

struct model_change play_begin(struct play *play, uint32_t device, const char *name, uint8_t record)
{
	struct model_change change = { .device = device, .n = ++play->n[device], .kind = play_kind(play, name)->num };

	memcpy(change.author, play_id((uint8_t)device), MODEL_ID_SIZE);
	memcpy(change.id, play_id(record), MODEL_ID_SIZE);
	return change;
}

struct model_change play_create(struct play *play, uint32_t device, const char *name, uint8_t record, uint8_t patient)
{
	struct model_change change = play_begin(play, device, name, record);

	change.create = true;
	change.group_count = 1;
	change.groups[0].earliest_ms = change.groups[0].latest_ms = 0;
	if (patient != 0)
		memcpy(change.patient, play_id(patient), MODEL_ID_SIZE);
	return change;
}

/* One group more, made at exactly this time. */
struct model_group *play_touch(const struct play *play, struct model_change *change, const char *group, enum model_base base, uint64_t number)
{
	const struct kind *of = schema_kind_num(&play->schema, change->kind);
	struct model_group *named = &change->groups[change->group_count++];

	*named = (struct model_group){ .base = base, .base_number = number, .earliest_ms = 100, .latest_ms = 100 };
	if (group != NULL) {
		int index = kind_group(of, group, strlen(group));

		assert_true(index >= 0);
		named->num = of->groups[index].num;
	}
	return named;
}

/* An edit of one field, which is alone in its group or the only one of it that is not null. */
struct model_change play_edit(struct play *play, uint32_t device, const char *name, const char *field, const char *value, enum model_base base,
				uint64_t number)
{
	struct model_change change = play_begin(play, device, name, RECORD);
	const struct kind *of = play_kind(play, name);

	play_put(play, &change, field, value);
	(void)play_touch(play, &change, of->groups[of->fields[kind_field(of, field, strlen(field))].group].name, base, number);
	return change;
}

struct model_change play_mark(struct play *play, uint32_t device, const char *name, bool deleted, enum model_base base, uint64_t number)
{
	struct model_change change = play_begin(play, device, name, RECORD);

	play_touch(play, &change, NULL, base, number)->deleted = deleted;
	return change;
}

/* Judged, and taken as the first that is allowed says. Its sequence. */
uint64_t play_take(struct play *play, const struct model_change *change)
{
	enum model_verdict verdicts[SCHEMA_FIELDS_MAX + 1];
	struct model_change taken = *change;

	taken.seq = play->seq += 10;
	model_judge(play->model, &taken, &play->end);
	for (size_t i = 0; i < taken.group_count; i++)
		for (int v = MODEL_SUPERSEDED; v >= MODEL_STANDS; v--)
			if ((play->end.groups[i].allowed >> v & 1) != 0)
				verdicts[i] = (enum model_verdict)v;
	model_take(play->model, &taken, play->end.held, verdicts, taken.values);
	return taken.seq;
}

void play_expect(struct play *play, const struct model_change *change, unsigned allowed, bool conflict)
{
	(void)play_take(play, change);
	assert_string_equal(play->end.why, "");
	assert_false(play->end.held);
	assert_int_equal(play->end.groups[0].allowed, allowed);
	assert_int_equal(play->end.groups[0].conflict, conflict);
}

void play_expect_held(struct play *play, const struct model_change *change, const char *why)
{
	(void)play_take(play, change);
	assert_true(play->end.held);
	assert_string_equal(play->end.why, why);
}

struct model_record play_record(const struct play *play, const char *name, uint8_t number)
{
	struct model_record record;

	assert_true(model_record(play->model, play_kind(play, name)->num, play_id(number), &record));
	return record;
}

void play_expect_text(const struct play *play, const char *name, const char *field, const char *value)
{
	struct model_record record = play_record(play, name, RECORD);
	const char *stands = record.values[kind_field(play_kind(play, name), field, strlen(field))];

	assert_int_equal(stands == NULL, value == NULL);
	if (value != NULL)
		assert_string_equal(stands, value);
}

uint64_t play_assign(struct play *play, uint8_t number, uint8_t worker, uint8_t patient, const char *starts, const char *ends)
{
	struct model_change change = play_create(play, 0, "assignment", number, patient);

	play_put(play, &change, "worker", play_id_text(worker));
	play_put(play, &change, "starts", starts);
	play_put(play, &change, "ends", ends);
	return play_take(play, &change);
}

/* Two care managers, both with Rosa in their caseload; Tom is nobody's. */
int play_set_up(void **state)
{
	struct play *play = calloc(1, sizeof *play);

	assert_non_null(play);
	schema_init(&play->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	play->model = model_new(&play->schema);
	for (uint8_t number = ANNA; number <= TOM; number = number == BORIS ? ROSA : number + 1) {
		struct model_change change = play_create(play, 0, number < ROSA ? "worker" : "patient", number, 0);

		play_put(play, &change, "name", "Somebody");
		play_expect(play, &change, STANDS, false);
	}
	(void)play_assign(play, 30, ANNA, ROSA, NULL, NULL);
	(void)play_assign(play, 31, BORIS, ROSA, NULL, NULL);
	*state = play;
	return 0;
}

int play_tear_down(void **state)
{
	struct play *play = *state;

	model_free(play->model);
	free(play);
	return 0;
}

/* A record of Rosa's by Anna, with one value. Its sequence. */
uint64_t play_made(struct play *play, const char *name, const char *field, const char *value)
{
	struct model_change change = play_create(play, ANNA, name, RECORD, ROSA);

	play_put(play, &change, field, value);
	play_expect(play, &change, STANDS, false);
	return play->seq;
}

uint64_t play_edited(struct play *play, const char *name, const char *field, const char *value, uint64_t seen)
{
	struct model_change change = play_edit(play, ANNA, name, field, value, MODEL_BASE_SEQ, seen);

	(void)play_take(play, &change);
	assert_false(play->end.held);
	return play->seq;
}
