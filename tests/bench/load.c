/* load --data CENTRE FILE: puts records into a centre by the road of its own commands: as device 0, through intake, in
 * the order given, one transaction for all of them.
 *
 * FILE is JSON: [[kind, id, patient, {field: text or number}], ...]; times are milliseconds, and the patient of a
 * patient or of the staff is null.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/desk.h"

static enum status bad_line(struct desk *desk, size_t at)
{
	(void)fprintf(stderr, "load: record %zu is not what this schema knows\n", at);
	return failure_set(&desk->why, ST_INVALID, "A record could not be read.", "Nothing was loaded.", NULL);
}

static bool read_id(const json_t *text, struct id *out)
{
	return json_is_string(text) && id_parse(json_string_value(text), json_string_length(text), out);
}

static bool read_fields(const json_t *fields, struct change *change)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)fields, name, value) {
		const int at = kind_field(change->kind, name, strlen(name));

		if (at < 0)
			return false;
		if (json_is_integer(value))
			change->row.values[at] = value_int(json_integer_value(value));
		else if (json_is_string(value))
			change->row.values[at] = value_text(json_string_value(value), json_string_length(value));
		else if (!json_is_null(value))
			return false;
	}
	return true;
}

static bool read_record(struct desk *desk, const json_t *record, struct change *change)
{
	const char *kind = json_string_value(json_array_get(record, 0));
	const json_t *patient = json_array_get(record, 2);

	memset(change, 0, sizeof *change);
	change->create = true;
	change->kind = kind != NULL ? schema_kind(desk->schema, kind, strlen(kind)) : NULL;
	if (change->kind == NULL || !read_id(json_array_get(record, 1), &change->id))
		return false;
	change->patient = change->kind->is_patient ? change->id : ID_STAFF;
	if (!json_is_null(patient) && !read_id(patient, &change->patient))
		return false;
	return read_fields(json_array_get(record, 3), change);
}

static enum status take_all(struct desk *desk, struct centre_act *act, const json_t *records)
{
	struct change *change = arena_zalloc(&desk->arena, sizeof *change);
	enum status st = change != NULL ? ST_OK : ST_NOMEM;

	for (size_t i = 0; i < json_array_size(records) && st == ST_OK; i++) {
		if (!read_record(desk, json_array_get(records, i), change))
			return bad_line(desk, i);
		st = desk_take(desk, act, change, NULL);
	}
	return st;
}

static enum status load(struct desk *desk)
{
	json_t *records = json_load_file(desk->line->words[0], 0, NULL);
	struct centre_act act;
	enum status st = ST_OK;

	if (!json_is_array(records))
		st = bad_line(desk, 0);
	if (st == ST_OK)
		st = desk_act_begin(desk, &act);
	if (st == ST_OK)
		st = desk_act_end(desk, &act, take_all(desk, &act, records));
	json_decref(records);
	return st;
}

int main(int argc, char **argv)
{
	static const struct option_row none[] = { { NULL, NULL, NULL } };
	const char *words[] = { argc == 4 ? argv[3] : NULL };
	struct command_line line = { .words = words, .word_count = 1, .options = none };

	if (argc != 4 || strcmp(argv[1], "--data") != 0) {
		(void)fputs("usage: load --data CENTRE FILE\n", stderr);
		return 2;
	}
	line.folder = argv[2];
	return desk_run(&line, load);
}
