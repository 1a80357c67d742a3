#include "daemon/fhir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#define ZLIB_CONST /* zlib then promises not to write what it reads */
#include <zlib.h>

#include "common/buf.h"
#include "common/moment.h"
#include "daemon/fhir_json.h"
#include "daemon/fhir_map.h"

#define ARENA_MAX ((size_t)512 << 20)
#define SCRATCH_MAX ((size_t)1 << 20)
#define CHUNK ((size_t)64 << 10)
#define GZIP_BITS (15 + 16) /* the largest window, and only gzip's header */
#define SAFE "Nothing of this file was imported."

/* --- bytes to JSON */

static bool is_gzip(const uint8_t *bytes, size_t len)
{
	return len >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static enum status fail_gzip(struct failure *failure, const z_stream *stream, const char *what)
{
	char text[sizeof failure->what];

	(void)snprintf(text, sizeof text, "The gzip file %s at byte %lu.", what, stream->total_in);
	return failure_set(failure, ST_INVALID, text, SAFE, "Get a whole copy of the file and import it again.");
}

/* One gzip member, from what stream points at; its bytes are appended to json. */
static enum status inflate_all(z_stream *stream, struct buf *json, struct failure *failure)
{
	int result = Z_OK;

	while (result != Z_STREAM_END) {
		uint8_t *room = buf_reserve(json, CHUNK);

		if (room == NULL && json->status == ST_LIMIT)
			return failure_set(failure, ST_LIMIT, "The file holds more than 64 MiB of JSON.", SAFE,
					   "Split the bundle, a patient in each file.");
		if (room == NULL)
			return failure_set(failure, ST_NOMEM, NULL, SAFE, NULL);
		stream->next_out = room;
		stream->avail_out = (uInt)CHUNK;
		result = inflate(stream, Z_NO_FLUSH);
		buf_grew(json, CHUNK - stream->avail_out);
		if (result == Z_MEM_ERROR)
			return failure_set(failure, ST_NOMEM, NULL, SAFE, NULL);
		if (result == Z_BUF_ERROR || (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0))
			return fail_gzip(failure, stream, "ends too early,");
		if (result != Z_OK && result != Z_STREAM_END)
			return fail_gzip(failure, stream, "is damaged");
	}
	return stream->avail_in == 0 ? ST_OK : fail_gzip(failure, stream, "has something after its end");
}

static enum status gunzip(const uint8_t *bytes, size_t len, struct buf *json, struct failure *failure)
{
	z_stream stream;
	enum status status;

	memset(&stream, 0, sizeof stream);
	if (len > FHIR_JSON_MAX)
		return failure_set(failure, ST_LIMIT, "The file is larger than 64 MiB.", SAFE,
				   "Split the bundle, a patient in each file.");
	if (inflateInit2(&stream, GZIP_BITS) != Z_OK)
		return failure_set(failure, ST_NOMEM, NULL, SAFE, NULL);
	stream.next_in = bytes;
	stream.avail_in = (uInt)len;
	status = inflate_all(&stream, json, failure);
	inflateEnd(&stream);
	return status;
}

/* jansson's own text quotes what it read, which may be a patient's: only the place is told. */
static enum status fail_json(struct failure *failure, const json_error_t *error)
{
	char text[sizeof failure->what];
	const char *what = json_error_code(error) == json_error_duplicate_key ? "gives a key twice"
			   : json_error_code(error) == json_error_premature_end_of_input ? "ends too early"
			   : json_error_code(error) == json_error_invalid_utf8 ? "is not UTF-8"
									       : "is not well-formed JSON";

	if (json_error_code(error) == json_error_out_of_memory)
		return failure_set(failure, ST_NOMEM, NULL, SAFE, NULL);
	(void)snprintf(text, sizeof text, "The file %s at line %d, column %d (byte %d).", what, error->line,
		       error->column, error->position);
	return failure_set(failure, ST_INVALID, text, SAFE, "Have the file made again where it came from.");
}

static enum status parse(const void *bytes, size_t len, json_t **root_out, struct failure *failure)
{
	json_error_t error;
	json_t *root;
	const json_t *entries;
	const char *type;

	if (len > FHIR_JSON_MAX)
		return failure_set(failure, ST_LIMIT, "The file holds more than 64 MiB of JSON.", SAFE,
				   "Split the bundle, a patient in each file.");
	root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fail_json(failure, &error);
	type = fhir_text(root, "resourceType");
	entries = json_object_get(root, "entry");
	if (!json_is_object(root) || type == NULL || strcmp(type, "Bundle") != 0 ||
	    (entries != NULL && !json_is_array(entries))) {
		json_decref(root);
		return failure_set(failure, ST_INVALID, "The file is JSON but no FHIR Bundle.", SAFE,
				   "Give a FHIR R4 Bundle that holds one patient.");
	}
	*root_out = root;
	return ST_OK;
}

static enum status load(const void *bytes, size_t len, json_t **root_out, struct failure *failure)
{
	struct buf json;
	enum status status;

	if (!is_gzip(bytes, len))
		return parse(bytes, len, root_out, failure);
	/* A chunk of room beyond the ceiling, so that parse is the one to judge it. */
	buf_init(&json, FHIR_JSON_MAX + CHUNK);
	status = gunzip(bytes, len, &json, failure);
	if (status == ST_OK)
		status = parse(json.len > 0 ? json.data : (const uint8_t *)"", json.len, root_out, failure);
	buf_close(&json);
	return status;
}

/* --- counting */

static void tally_left(struct fhir_tally *tally, const char *type, const char *reason, size_t count)
{
	struct fhir_line *line = tally->lines;
	const struct fhir_line *end = line + tally->line_count;

	tally->left += count;
	while (line < end && (strcmp(line->type, type) != 0 || strcmp(line->reason, reason) != 0))
		line++;
	if (line == end && tally->line_count == FHIR_LINES_MAX) {
		line--;
		(void)snprintf(line->type, sizeof line->type, "(others)");
		line->reason = "too many types and reasons to list";
	} else if (line == end) {
		(void)snprintf(line->type, sizeof line->type, "%s", type);
		line->reason = reason;
		line->count = 0;
		tally->line_count++;
	}
	line->count += count;
}

void fhir_tally_add(struct fhir_tally *total, const struct fhir_tally *one)
{
	total->entries += one->entries;
	total->taken += one->taken;
	total->records += one->records;
	for (size_t i = 0; i < SCHEMA_KINDS_MAX; i++)
		total->records_of[i] += one->records_of[i];
	for (size_t i = 0; i < one->line_count; i++)
		tally_left(total, one->lines[i].type, one->lines[i].reason, one->lines[i].count);
}

/* --- the bundle's entries */

/* FHIR's names of types are letters; anything else is no type, and is not repeated in a report. */
static const char *type_of(const json_t *resource)
{
	const char *type = fhir_text(resource, "resourceType");
	size_t len = 0;

	while (type != NULL && ((type[len] >= 'A' && type[len] <= 'Z') || (type[len] >= 'a' && type[len] <= 'z')))
		len++;
	return type != NULL && len > 0 && len < FHIR_TYPE_SIZE && type[len] == '\0' ? type : "";
}

/* The first entry with a name keeps it. False: somebody has it already. */
static bool name_slot(struct fhir_work *work, const char *name, size_t index)
{
	if (json_object_get(work->by_name, name) != NULL)
		return false;
	if (json_object_set_new(work->by_name, name, json_integer((json_int_t)index)) != 0)
		work->status = ST_NOMEM;
	return true;
}

static void slot_fill(struct fhir_work *work, size_t index, const json_t *entry)
{
	struct fhir_slot *slot = &work->slots[index];
	const char *id;

	slot->resource = json_object_get(entry, "resource");
	slot->full_url = fhir_text(entry, "fullUrl");
	slot->type = type_of(slot->resource);
	id = fhir_text(slot->resource, "id");
	if (slot->full_url != NULL)
		(void)name_slot(work, slot->full_url, index);
	if (id == NULL)
		return;
	buf_reset(&work->buf);
	buf_printf(&work->buf, "%s/%s", slot->type, id);
	slot->repeated = !name_slot(work, buf_str(&work->buf), index);
	buf_reset(&work->buf);
	buf_printf(&work->buf, "urn:uuid:%s", id);
	(void)name_slot(work, buf_str(&work->buf), index);
	if (buf_status(&work->buf) == ST_NOMEM)
		work->status = ST_NOMEM;
}

/* --- whose it is, and the two years of visits */

static const char *patient_find(struct fhir_work *work)
{
	const json_t *resource = work->slot->resource;
	const char *reference = fhir_text(resource, "subject.reference");
	const struct fhir_slot *patient;

	if (reference == NULL)
		reference = fhir_text(resource, "patient.reference");
	if (reference == NULL)
		return "names no patient";
	patient = fhir_resolve(work, reference);
	if (patient == NULL || !patient->made || strcmp(patient->type, "Patient") != 0)
		return "its patient is not among the records";
	work->patient = patient->id;
	return NULL;
}

/* Learn each patient's last encounter before any is judged. */
static void encounters_scan(struct fhir_work *work)
{
	for (size_t i = 0; i < work->slot_count; i++) {
		char key[ID_TEXT_SIZE];
		const json_t *last;
		int64_t ms;

		work->slot = &work->slots[i];
		if (strcmp(work->slot->type, "Encounter") != 0 || work->slot->repeated ||
		    patient_find(work) != NULL || !fhir_encounter_start(work->slot->resource, &ms))
			continue;
		id_format(&work->patient, key);
		last = json_object_get(work->last_of, key);
		if ((last == NULL || json_integer_value(last) < ms) &&
		    json_object_set_new(work->last_of, key, json_integer(ms)) != 0)
			work->status = ST_NOMEM;
	}
}

/* The same moment two calendar years earlier, UTC. */
static int64_t two_years_before(int64_t ms)
{
	char text[MOMENT_TEXT_SIZE];
	int64_t back = MOMENT_MS_MIN;
	int year;

	moment_format(ms, text);
	year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0') - 2;
	if (year < 1)
		return MOMENT_MS_MIN;
	text[0] = (char)('0' + year / 1000);
	text[1] = (char)('0' + year / 100 % 10);
	text[2] = (char)('0' + year / 10 % 10);
	text[3] = (char)('0' + year % 10);
	/* No leap year is followed by another two years later. */
	if (memcmp(text + 5, "02-29", 5) == 0)
		text[9] = '8';
	if (!moment_parse(text, strlen(text), 0, &back))
		assert(false && "a date of the calendar");
	return back;
}

static const char *encounter_judge(const struct fhir_work *work)
{
	char key[ID_TEXT_SIZE];
	int64_t ms, last;

	if (!fhir_encounter_start(work->slot->resource, &ms))
		return "no time of start";
	id_format(&work->patient, key);
	last = json_integer_value(json_object_get(work->last_of, key));
	return ms >= two_years_before(last) ? NULL : "more than two years before the last one";
}

/* --- taking the entries */

static const char *entry_map(struct fhir_work *work, const struct fhir_map *map)
{
	const char *reason = NULL;

	memset(&work->patient, 0, sizeof work->patient);
	if (work->slot->repeated)
		return "the same type and id a second time";
	if (strcmp(map->type, "Patient") != 0)
		reason = patient_find(work);
	if (reason == NULL && strcmp(map->type, "Encounter") == 0)
		reason = encounter_judge(work);
	return reason != NULL ? reason : map->map(work);
}

static void entry_take(struct fhir_work *work, const struct fhir_map *map)
{
	struct fhir_import *out = work->out;
	size_t mark = out->count;
	const char *reason = entry_map(work, map);

	if (reason != NULL) {
		out->count = mark;
		tally_left(&out->tally, work->slot->type, reason, 1);
		return;
	}
	assert(out->count > mark || work->status != ST_OK);
	out->tally.taken++;
	work->slot->made = true;
	work->slot->id = out->count > mark ? out->records[mark].id : (struct id){ { 0 } };
}

static void type_take(struct fhir_work *work, const struct fhir_map *map)
{
	if (map->map != NULL && strcmp(map->type, "Encounter") == 0)
		encounters_scan(work);
	for (size_t i = 0; i < work->slot_count && work->status == ST_OK; i++) {
		work->slot = &work->slots[i];
		if (strcmp(work->slot->type, map->type) != 0)
			continue;
		if (map->map != NULL)
			entry_take(work, map);
		else
			tally_left(&work->out->tally, map->type, map->reason, 1);
	}
}

static void unknown_leave(struct fhir_work *work)
{
	for (size_t i = 0; i < work->slot_count; i++) {
		const char *type = work->slots[i].type;
		bool known = false;

		for (size_t m = 0; m < FHIR_MAPS_COUNT; m++)
			known = known || strcmp(type, FHIR_MAPS[m].type) == 0;
		if (*type == '\0')
			tally_left(&work->out->tally, "(none)", "no resource with a type", 1);
		else if (!known)
			tally_left(&work->out->tally, type, "not a type that this import knows", 1);
	}
}

static void tally_records(const struct schema *schema, struct fhir_import *out)
{
	out->tally.records = out->count;
	for (size_t i = 0; i < out->count; i++)
		out->tally.records_of[out->records[i].kind - schema->kinds]++;
	assert(out->tally.entries == out->tally.taken + out->tally.left);
	assert(out->tally.records >= out->tally.taken);
}

static enum status bundle_take(struct fhir_work *work, const json_t *entries)
{
	struct fhir_import *out = work->out;

	work->slot_count = out->tally.entries = json_array_size(entries);
	work->slots = calloc(work->slot_count + 1, sizeof *work->slots);
	if (work->slots == NULL || work->by_name == NULL || work->used == NULL || work->last_of == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < work->slot_count; i++)
		slot_fill(work, i, json_array_get(entries, i));
	for (size_t m = 0; m < FHIR_MAPS_COUNT && work->status == ST_OK; m++)
		type_take(work, &FHIR_MAPS[m]);
	if (work->status != ST_OK)
		return work->status;
	unknown_leave(work);
	tally_records(work->schema, out);
	return ST_OK;
}

static enum status fail_take(struct failure *failure, enum status status)
{
	if (status == ST_LIMIT)
		return failure_set(failure, status, "The bundle makes more than 100,000 records.", SAFE,
				   "Split the bundle, a patient in each file.");
	return failure_set(failure, status, NULL, SAFE, NULL);
}

enum status fhir_read(const struct schema *schema, const void *bytes, size_t len, struct fhir_import *out,
		      struct failure *failure_out)
{
	struct fhir_import import = { .records = NULL };
	struct fhir_work work = { .schema = schema, .out = &import };
	json_t *root = NULL;
	enum status status = load(bytes, len, &root, failure_out);

	if (status != ST_OK)
		return status;
	arena_init(&import.arena, ARENA_MAX);
	buf_init(&work.buf, SCRATCH_MAX);
	work.by_name = json_object();
	work.used = json_object();
	work.last_of = json_object();
	status = bundle_take(&work, json_object_get(root, "entry"));
	json_decref(work.by_name);
	json_decref(work.used);
	json_decref(work.last_of);
	json_decref(root);
	free(work.slots);
	buf_close(&work.buf);
	if (status != ST_OK) {
		fhir_close(&import);
		return fail_take(failure_out, status);
	}
	*out = import;
	return ST_OK;
}

void fhir_close(struct fhir_import *import)
{
	if (import == NULL)
		return;
	arena_close(&import->arena);
	memset(import, 0, sizeof *import);
}
