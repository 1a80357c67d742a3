/* Drafts of the import: ids, values, the check that ends them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypt.h"
#include "common/moment.h"
#include "daemon/fhir_json.h"
#include "daemon/fhir_map.h"

#define RECORDS_FIRST 64U

struct fhir_slot *fhir_resolve(const struct fhir_work *work, const char *reference)
{
	const json_t *found;
	const char *name, *end;

	if (reference == NULL)
		return NULL;
	found = json_object_get(work->by_name, reference);
	if (found == NULL) {
		/* "https://there/fhir/Type/ID/_history/2" means Type/ID. */
		end = strstr(reference, "/_history/");
		if (end == NULL)
			end = reference + strlen(reference);
		name = end;
		for (int slashes = 0; name > reference && (name[-1] != '/' || slashes++ < 1);)
			name--;
		found = json_object_getn(work->by_name, name, (size_t)(end - name));
	}
	return found == NULL ? NULL : &work->slots[json_integer_value(found)];
}

/* Where a resource has no id at all its content stands for it. */
static char *content_of(const json_t *resource)
{
	return json_dumps(resource, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

static void id_derive(struct fhir_work *work, const char *part, struct id *id_out)
{
	const char *own = fhir_text(work->slot->resource, "id");
	char *content = own == NULL ? content_of(work->slot->resource) : NULL;
	const char *name = own != NULL ? own : content;
	struct digest digest;

	if (name == NULL) {
		work->status = ST_NOMEM;
		return;
	}
	{
		const struct part parts[] = {
			{ work->patient.bytes, sizeof work->patient.bytes },
			{ work->slot->type, strlen(work->slot->type) + 1 },
			{ name, strlen(name) + 1 },
			{ part, strlen(part) + 1 },
		};

		digest_of(&digest, "fhir", parts, sizeof parts / sizeof parts[0]);
	}
	id_from_digest(id_out, digest.bytes);
	free(content);
}

/* The UUID in the text, unless a record has it already (of another type: ids are unique over all kinds). */
static bool id_usable(const struct fhir_work *work, const char *text, struct id *id_out)
{
	char id_text[ID_TEXT_SIZE];
	struct id id;

	if (text == NULL || !id_parse(text, strlen(text), &id) || id_is_zero(&id))
		return false;
	id_format(&id, id_text);
	if (json_object_get(work->used, id_text) != NULL)
		return false;
	*id_out = id;
	return true;
}

static bool id_own(const struct fhir_work *work, struct id *id_out)
{
	const char *url = work->slot->full_url;

	if (id_usable(work, fhir_text(work->slot->resource, "id"), id_out))
		return true;
	return url != NULL && strncmp(url, "urn:uuid:", 9) == 0 && id_usable(work, url + 9, id_out);
}

void fhir_draft(struct fhir_work *work, const char *kind, const char *part)
{
	struct fhir_record *draft = &work->draft;

	memset(draft, 0, sizeof *draft);
	work->too_long = false;
	buf_reset(&work->buf);
	draft->kind = schema_kind(work->schema, kind, strlen(kind));
	assert(draft->kind != NULL);
	if (part != NULL || !id_own(work, &draft->id))
		id_derive(work, part != NULL ? part : "", &draft->id);
	draft->patient = draft->kind->is_patient ? draft->id : work->patient;
}

static struct value *value_of(struct fhir_work *work, const char *field)
{
	int index = kind_field(work->draft.kind, field, strlen(field));

	assert(index >= 0);
	return &work->draft.row.values[index];
}

static void put_len(struct fhir_work *work, const char *field, const char *text, size_t len)
{
	char *copy;

	if (len == 0)
		return;
	copy = arena_copy(&work->out->arena, text, len);
	if (copy == NULL)
		work->status = ST_NOMEM;
	else
		*value_of(work, field) = value_text(copy, len);
}

void fhir_put(struct fhir_work *work, const char *field, const char *text)
{
	if (text != NULL)
		put_len(work, field, text, strlen(text));
}

void fhir_put_int(struct fhir_work *work, const char *field, int64_t integer)
{
	*value_of(work, field) = value_int(integer);
}

void fhir_put_id(struct fhir_work *work, const char *field, const struct id *id)
{
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	put_len(work, field, text, ID_TEXT_LEN);
}

void fhir_put_date(struct fhir_work *work, const char *field, const char *date_time)
{
	if (date_time != NULL)
		put_len(work, field, date_time, strcspn(date_time, "T "));
}

void fhir_put_time(struct fhir_work *work, const char *field, const char *date_time)
{
	int64_t ms;

	if (date_time == NULL)
		return;
	if (fhir_time(date_time, &ms))
		fhir_put_int(work, field, ms);
	else
		fhir_put(work, field, date_time); /* the check refuses it: a text where a time belongs */
}

void fhir_put_word(struct fhir_work *work, const char *field, const char *word)
{
	const struct kind *kind = work->draft.kind;
	int index = kind_field(kind, field, strlen(field));

	assert(index >= 0 && kind->fields[index].type == TYPE_ENUM);
	if (word != NULL && values_contain(kind->fields[index].values, word, strlen(word)))
		fhir_put(work, field, word);
}

void fhir_put_buf(struct fhir_work *work, const char *field)
{
	enum status status = buf_status(&work->buf);

	if (status == ST_OK)
		put_len(work, field, buf_str(&work->buf), work->buf.len);
	else if (status == ST_LIMIT)
		work->too_long = true;
	else
		work->status = status;
	buf_reset(&work->buf);
}

static int by_bytes(const void *a, const void *b)
{
	const struct value *left = a, *right = b;
	size_t len = left->len < right->len ? left->len : right->len;
	int order = memcmp(left->text, right->text, len);

	return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* The members as they stand in a canonical set, quotes and escapes included. */
static size_t members_escape(struct fhir_work *work, const json_t *members, struct value *out)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(members); i++) {
		const char *text = fhir_text(json_array_get(members, i), "");
		char *copy;

		if (text == NULL)
			continue;
		buf_reset(&work->buf);
		buf_add_json(&work->buf, text, strlen(text));
		if (buf_status(&work->buf) != ST_OK) {
			work->too_long = true;
			continue;
		}
		copy = arena_copy(&work->out->arena, work->buf.data, work->buf.len);
		if (copy == NULL)
			work->status = ST_NOMEM;
		else
			out[count++] = value_text(copy, work->buf.len);
	}
	buf_reset(&work->buf);
	return count;
}

void fhir_put_set(struct fhir_work *work, const char *field, const json_t *members)
{
	size_t room = json_array_size(members), count;
	struct value *sorted;

	if (room == 0)
		return;
	sorted = calloc(room, sizeof *sorted);
	if (sorted == NULL) {
		work->status = ST_NOMEM;
		return;
	}
	count = members_escape(work, members, sorted);
	qsort(sorted, count, sizeof *sorted, by_bytes);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && value_equal(&sorted[i - 1], &sorted[i]))
			continue;
		buf_add_byte(&work->buf, i == 0 ? '[' : ',');
		buf_add(&work->buf, sorted[i].text, sorted[i].len);
	}
	if (count > 0)
		buf_add_byte(&work->buf, ']');
	free(sorted);
	fhir_put_buf(work, field);
}

/* Doubling, so that what stays behind in the arena is less than what is in use. */
static bool records_grow(struct fhir_import *out)
{
	size_t room = out->room == 0 ? RECORDS_FIRST : 2 * out->room;
	struct fhir_record *records;

	if (out->count < out->room)
		return true;
	records = arena_alloc(&out->arena, room * sizeof *records);
	if (records == NULL)
		return false;
	if (out->count > 0)
		memcpy(records, out->records, out->count * sizeof *records);
	out->room = room;
	out->records = records;
	return true;
}

static const char *draft_check(struct fhir_work *work)
{
	const struct fhir_record *draft = &work->draft;

	enum status status = work->too_long ? ST_LIMIT
					    : row_check(draft->kind, &draft->row, draft->kind->mask_all, true, NULL);

	if (status == ST_OK)
		return NULL;
	return status == ST_LIMIT ? "a value is too long" : "a value is missing or has no valid form";
}

const char *fhir_keep(struct fhir_work *work)
{
	struct fhir_import *out = work->out;
	char id_text[ID_TEXT_SIZE];
	const char *reason;

	if (work->status != ST_OK)
		return "";
	reason = draft_check(work);
	if (reason != NULL)
		return reason;
	if (out->count == FHIR_RECORDS_MAX) {
		work->status = ST_LIMIT;
		return "";
	}
	id_format(&work->draft.id, id_text);
	if (json_object_get(work->used, id_text) != NULL)
		return "the same content a second time";
	if (!records_grow(out) || json_object_set_new(work->used, id_text, json_true()) != 0) {
		work->status = ST_NOMEM;
		return "";
	}
	out->records[out->count++] = work->draft;
	return NULL;
}
