#include "common/schema.h"

#include <assert.h>
#include <string.h>

#include "common/id.h"

#define NUM_MAX 127
#define TEXT_BYTES_MAX 65536
#define WORD_BYTES_MAX 64
#define SET_BYTES_MAX 4096

static bool name_is(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

/* Is it a name that needs no quotes in SQL and no escapes anywhere else? */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > SCHEMA_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != '_' && (name[i] < 'a' || name[i] > 'z'))
			return false;
	return true;
}

/* Columns that every table has beside its fields. */
static bool name_reserved(const char *name)
{
	return strcmp(name, "id") == 0 || strcmp(name, "patient") == 0 ||
	       strcmp(name, "version") == 0;
}

static const char *row_group(const struct field_row *row)
{
	return row->group != NULL ? row->group : row->field;
}

static uint32_t max_default(enum type type)
{
	switch (type) {
	case TYPE_TEXT:
		return TEXT_BYTES_MAX;
	case TYPE_ENUM:
	case TYPE_DATE:
		return WORD_BYTES_MAX;
	case TYPE_SET:
		return SET_BYTES_MAX;
	case TYPE_ID:
		return ID_TEXT_LEN;
	case TYPE_TIME:
	case TYPE_INT:
	case TYPE_BOOL:
		return 0;
	}
	assert(false && "a type without a size");
	return 0;
}

/* May a field of this type stand in a group with this rule? */
static bool rule_fits(enum rule rule, enum type type)
{
	if (rule == RULE_SET)
		return type == TYPE_SET;
	if (rule == RULE_TEXT)
		return type == TYPE_TEXT;
	return true;
}

/* The rules that hold between two fields of a kind, whatever the version: a group
 * has one rule, and its first field is there as early as any other of it, because
 * the group is numbered by it. */
static void row_check_pair(const struct field_row *earlier, const struct field_row *later)
{
	assert(earlier->num < later->num);
	assert(strcmp(earlier->field, later->field) != 0);
	if (strcmp(row_group(earlier), row_group(later)) != 0)
		return;
	assert(earlier->rule == later->rule);
}

/* first: the kind's first field row; row: one after it. */
static void row_check_field(const struct field_row *first, const struct field_row *row)
{
	const struct field_row *group_first = row;

	assert(first != NULL && row->kind == NULL && row->field != NULL);
	assert(row->num >= 1 && row->num <= NUM_MAX);
	assert(name_valid(row->field) && !name_reserved(row->field));
	assert(name_valid(row_group(row)));
	assert(rule_fits(row->rule, row->type));
	assert(row->type != TYPE_ENUM || (row->values != NULL && row->values[0] != '\0'));
	for (const struct field_row *other = first; other < row; other++) {
		row_check_pair(other, row);
		if (group_first == row && strcmp(row_group(other), row_group(row)) == 0)
			group_first = other;
	}
	assert(group_first->since <= row->since);
}

static void kind_init(struct kind *kind, const struct field_row *head)
{
	assert(head->num >= 1 && head->num <= NUM_MAX);
	assert(name_valid(head->kind));
	kind->num = head->num;
	kind->first = head->required;
	kind->is_patient = strcmp(head->kind, "patient") == 0;
	kind->is_staff = strcmp(head->kind, "worker") == 0;
	kind->writer = head->writer;
	kind->closing = -1;
	kind->closes = "";
	kind->name = head->kind;
	kind->fhir = head->fhir != NULL ? head->fhir : "";
	kind->label = head->label != NULL ? head->label : head->kind;
}

/* The index of the row's group, which is made if this is its first field. */
static uint8_t group_of_row(struct kind *kind, const struct field_row *row)
{
	const char *name = row_group(row);
	int found = kind_group(kind, name, strlen(name));
	struct group *group;

	if (found >= 0)
		return (uint8_t)found;
	assert(kind->group_count < SCHEMA_FIELDS_MAX);
	group = &kind->groups[kind->group_count];
	group->num = row->num;
	group->rule = row->rule;
	group->writer = WRITER_CENTRE;
	group->name = name;
	return kind->group_count++;
}

static void kind_add_closing(struct kind *kind, uint8_t index, const struct field_row *head, const struct field_row *row)
{
	if (row->closes != NULL) {
		assert(kind->closing < 0);
		kind->closing = index;
		kind->closes = row->closes;
	}
	if (head->stays || row->stays || row->closes != NULL)
		kind->mask_stays |= UINT64_C(1) << index;
}

static void kind_add_field(struct kind *kind, const struct field_row *head, const struct field_row *row)
{
	uint8_t index = kind->field_count;
	struct field *field;
	struct group *group;

	assert(index < SCHEMA_FIELDS_MAX);
	field = &kind->fields[index];
	field->num = row->num;
	field->group = group_of_row(kind, row);
	field->type = row->type;
	field->writer = kind->writer == WRITER_CENTRE ? WRITER_CENTRE : row->writer;
	field->required = row->required;
	field->max = row->max != 0 ? row->max : max_default(row->type);
	field->name = row->field;
	field->values = row->values != NULL ? row->values : "";
	field->fhir = row->fhir != NULL ? row->fhir : "";
	field->label = row->label != NULL ? row->label : row->field;
	group = &kind->groups[field->group];
	group->mask |= UINT64_C(1) << index;
	if (field->writer == WRITER_BOTH)
		group->writer = WRITER_BOTH;
	kind->mask_all |= UINT64_C(1) << index;
	kind_add_closing(kind, index, head, row);
	kind->field_count++;
}

/* A group that knows progress knows it by its field "status". */
static void kind_check_progress(const struct kind *kind)
{
	int status = kind_field(kind, "status", 6);

	for (size_t i = 0; i < kind->group_count; i++) {
		if (kind->groups[i].rule != RULE_PROGRESS)
			continue;
		assert(status >= 0);
		assert(kind->fields[status].type == TYPE_ENUM);
		assert(kind->fields[status].group == i);
	}
}

/* A group stays as a whole or not at all, but for the one that says how the record stands; and what stays must be
 * closed by something. */
static void kind_check_closing(const struct kind *kind)
{
	assert((kind->closing >= 0) == (kind->mask_stays != 0));
	for (size_t i = 0; i < kind->group_count; i++) {
		uint64_t stays = kind->groups[i].mask & kind->mask_stays;

		assert(stays == 0 || stays == kind->groups[i].mask);
	}
}

/* The kind of a head row; NULL where the version does not have it. */
static struct kind *schema_add_kind(struct schema *schema, const struct field_row *head)
{
	struct kind *kind;

	assert(head->field == NULL);
	assert(schema_kind(schema, head->kind, strlen(head->kind)) == NULL);
	assert(schema_kind_num(schema, head->num) == NULL);
	if (head->since > schema->version)
		return NULL;
	assert(schema->kind_count < SCHEMA_KINDS_MAX);
	kind = &schema->kinds[schema->kind_count++];
	kind_init(kind, head);
	return kind;
}

void schema_init(struct schema *schema, const struct field_row *rows, size_t count,
		 uint16_t version)
{
	const struct field_row *first = NULL;
	struct kind *kind = NULL;

	assert(count == 0 || rows[0].kind != NULL);
	memset(schema, 0, sizeof *schema);
	schema->version = version;
	for (size_t i = 0; i < count; i++) {
		const struct field_row *row = &rows[i];

		if (row->kind != NULL) {
			first = row + 1;
			kind = schema_add_kind(schema, row);
			continue;
		}
		row_check_field(first, row);
		if (kind != NULL && row->since <= version)
			kind_add_field(kind, first - 1, row);
	}
	for (size_t i = 0; i < schema->kind_count; i++) {
		kind_check_progress(&schema->kinds[i]);
		kind_check_closing(&schema->kinds[i]);
	}
}

const struct kind *schema_kind(const struct schema *schema, const char *name, size_t len)
{
	for (size_t i = 0; i < schema->kind_count; i++)
		if (name_is(schema->kinds[i].name, name, len))
			return &schema->kinds[i];
	return NULL;
}

const struct kind *schema_kind_num(const struct schema *schema, unsigned num)
{
	for (size_t i = 0; i < schema->kind_count; i++)
		if (schema->kinds[i].num == num)
			return &schema->kinds[i];
	return NULL;
}

int kind_field(const struct kind *kind, const char *name, size_t len)
{
	for (int i = 0; i < kind->field_count; i++)
		if (name_is(kind->fields[i].name, name, len))
			return i;
	return -1;
}

int kind_field_num(const struct kind *kind, unsigned num)
{
	for (int i = 0; i < kind->field_count; i++)
		if (kind->fields[i].num == num)
			return i;
	return -1;
}

int kind_group(const struct kind *kind, const char *name, size_t len)
{
	for (int i = 0; i < kind->group_count; i++)
		if (name_is(kind->groups[i].name, name, len))
			return i;
	return -1;
}

int kind_group_num(const struct kind *kind, unsigned num)
{
	for (int i = 0; i < kind->group_count; i++)
		if (kind->groups[i].num == num)
			return i;
	return -1;
}

bool values_contain(const char *values, const char *word, size_t len)
{
	const char *at = values;

	if (len == 0 || memchr(word, '|', len) != NULL)
		return false;
	while (*at != '\0') {
		const char *bar = strchr(at, '|');
		size_t word_len = bar != NULL ? (size_t)(bar - at) : strlen(at);

		if (word_len == len && memcmp(at, word, len) == 0)
			return true;
		at += word_len;
		if (*at == '|')
			at++;
	}
	return false;
}

bool schema_parse_ref(const struct schema *schema, const char *text,
		      const struct kind **kind_out, struct id *id_out)
{
	const char *slash = strchr(text, '/');
	const struct kind *kind;

	if (slash == NULL)
		return false;
	kind = schema_kind(schema, text, (size_t)(slash - text));
	if (kind == NULL || !id_parse(slash + 1, strlen(slash + 1), id_out))
		return false;
	*kind_out = kind;
	return true;
}

const char *rule_name(enum rule rule)
{
	switch (rule) {
	case RULE_NEWEST:
		return "newest";
	case RULE_TEXT:
		return "text";
	case RULE_SET:
		return "set";
	case RULE_PROGRESS:
		return "progress";
	case RULE_GUARDED:
		return "guarded";
	}
	assert(false && "a rule without a name");
	return "";
}

const char *type_name(enum type type)
{
	switch (type) {
	case TYPE_TEXT:
		return "text";
	case TYPE_ENUM:
		return "enum";
	case TYPE_SET:
		return "set";
	case TYPE_DATE:
		return "date";
	case TYPE_TIME:
		return "time";
	case TYPE_INT:
		return "integer";
	case TYPE_BOOL:
		return "boolean";
	case TYPE_ID:
		return "id";
	}
	assert(false && "a type without a name");
	return "";
}
