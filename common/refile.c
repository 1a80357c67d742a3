#include "common/refile.h"

#include <assert.h>
#include <string.h>

#include "common/closing.h"

static int field_at(const struct kind *kind, const char *name)
{
	return kind_field(kind, name, strlen(name));
}

/* Does the field name a record of a patient? */
static bool names_record(const struct field *field)
{
	return field->type == TYPE_ID && field->values != NULL && strcmp(field->values, "worker") != 0 &&
	       strcmp(field->values, "patient") != 0;
}

bool refile_possible(const struct kind *kind)
{
	if (kind->is_patient || kind->is_staff || kind->writer == WRITER_CENTRE)
		return false;
	for (size_t i = 0; i < kind->field_count; i++)
		if (kind->fields[i].required && (kind->fields[i].writer == WRITER_CENTRE || names_record(&kind->fields[i])))
			return false;
	return true;
}

static int error_field(const struct kind *kind)
{
	const int status = field_at(kind, "status");

	return status >= 0 && kind->fields[status].type == TYPE_ENUM &&
			       values_contain(kind->fields[status].values, CLOSING_ERROR, strlen(CLOSING_ERROR)) ?
		       status : -1;
}

bool refile_is_marked(const struct kind *kind, const struct row *row)
{
	const int status = error_field(kind);
	const struct value *value = status < 0 ? NULL : &row->values[status];

	return value != NULL && value->tag == VALUE_TEXT && value->len == strlen(CLOSING_ERROR) &&
	       memcmp(value->text, CLOSING_ERROR, value->len) == 0;
}

static void clear(const struct kind *kind, struct row *row, const char *name)
{
	const int at = field_at(kind, name);

	if (at >= 0)
		row->values[at] = value_null();
}

/* It is nobody's signature over the copy. */
static void copy_note(const struct kind *kind, struct row *row)
{
	static const char *const sealed[] = { "signed_by", "signed_at", "digest", "late_reason", "status_reason" };

	for (size_t i = 0; i < sizeof sealed / sizeof sealed[0]; i++)
		clear(kind, row, sealed[i]);
	row->values[field_at(kind, "status")] = value_string("draft");
}

void refile_copy(const struct kind *kind, const struct row *row, struct row *copy_out, uint64_t *left_out)
{
	assert(refile_possible(kind));
	*copy_out = *row;
	*left_out = 0;
	for (size_t i = 0; i < kind->field_count; i++) {
		const struct field *field = &kind->fields[i];

		if (field->writer != WRITER_CENTRE && !names_record(field))
			continue;
		if (row->values[i].tag != VALUE_NULL)
			*left_out |= UINT64_C(1) << i;
		copy_out->values[i] = value_null();
	}
	if (strcmp(kind->name, "note") == 0)
		copy_note(kind, copy_out);
	if (strcmp(kind->name, "visit") == 0)
		clear(kind, copy_out, "series_date");
}

enum refile_mark refile_mark(const struct kind *kind, struct row *row, const char *reason, uint64_t *mask_out)
{
	const int error = error_field(kind), status = field_at(kind, "status"), why = field_at(kind, "status_reason");
	const int rule = field_at(kind, "recurrence");
	const bool closed = closing_is_closed(kind, row);

	*mask_out = 0;
	if (error < 0 && (!closed || status < 0))
		return REFILE_DELETED;
	row->values[status] = value_string(error >= 0 ? CLOSING_ERROR : "cancelled");
	*mask_out |= UINT64_C(1) << status;
	if (why >= 0) {
		row->values[why] = value_string(reason);
		*mask_out |= UINT64_C(1) << why;
	}
	/* A visit that began a series ends it: the copy begins one. */
	if (rule >= 0 && row->values[rule].tag != VALUE_NULL) {
		row->values[rule] = value_null();
		*mask_out |= UINT64_C(1) << rule;
	}
	return error >= 0 ? REFILE_IN_ERROR : REFILE_CANCELLED;
}

const char *refile_mark_name(enum refile_mark mark)
{
	static const char *const NAMES[] = {
		[REFILE_IN_ERROR] = CLOSING_ERROR, [REFILE_CANCELLED] = "cancelled", [REFILE_DELETED] = "deleted",
	};

	return NAMES[mark];
}
