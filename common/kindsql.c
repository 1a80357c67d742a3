#include "common/kindsql.h"

#include <assert.h>

bool kind_has_patient(const struct kind *kind)
{
	return !kind->is_patient && !kind->is_staff;
}

static bool mask_has(uint64_t mask, size_t field)
{
	return (mask >> field & 1) != 0;
}

void kindsql_columns(struct buf *buf, const struct kind *kind, uint64_t mask, const char *prefix)
{
	const char *separator = "";

	assert((mask & ~kind->mask_all) == 0);
	for (size_t i = 0; i < kind->field_count; i++) {
		if (!mask_has(mask, i))
			continue;
		buf_add_str(buf, separator);
		buf_add_str(buf, prefix);
		buf_add_sql_name(buf, kind->fields[i].name);
		separator = ",";
	}
}

static const char *column_type(enum type type)
{
	switch (type) {
	case TYPE_TEXT:
	case TYPE_ENUM:
	case TYPE_SET:
	case TYPE_DATE:
	case TYPE_ID:
		return "TEXT";
	case TYPE_TIME:
	case TYPE_INT:
	case TYPE_BOOL:
		return "INTEGER";
	}
	assert(false && "a type without a column");
	return "";
}

void kindsql_column_types(struct buf *buf, const struct kind *kind)
{
	for (size_t i = 0; i < kind->field_count; i++) {
		if (i > 0)
			buf_add_str(buf, ", ");
		buf_add_sql_name(buf, kind->fields[i].name);
		buf_add_byte(buf, ' ');
		buf_add_str(buf, column_type(kind->fields[i].type));
	}
}

/* As moment_format writes it. SQLite's division and remainder go towards zero, so
 * times before 1970 are brought down to their second first. */
static void view_time(struct buf *buf, const char *name)
{
	buf_add_str(buf, "strftime('%Y-%m-%dT%H:%M:%S',(");
	buf_add_sql_name(buf, name);
	buf_add_str(buf, "-(");
	buf_add_sql_name(buf, name);
	buf_add_str(buf, "%1000+1000)%1000)/1000,'unixepoch')||CASE ");
	buf_add_sql_name(buf, name);
	buf_add_str(buf, "%1000 WHEN 0 THEN 'Z' ELSE printf('.%03dZ',(");
	buf_add_sql_name(buf, name);
	buf_add_str(buf, "%1000+1000)%1000) END AS ");
	buf_add_sql_name(buf, name);
}

void kindsql_view(struct buf *buf, const struct kind *kind)
{
	buf_printf(buf, "CREATE VIEW \"%s_text\" AS SELECT \"id\"", kind->name);
	if (kind_has_patient(kind))
		buf_add_str(buf, ",\"patient\"");
	for (size_t i = 0; i < kind->field_count; i++) {
		buf_add_byte(buf, ',');
		if (kind->fields[i].type == TYPE_TIME)
			view_time(buf, kind->fields[i].name);
		else
			buf_add_sql_name(buf, kind->fields[i].name);
	}
	buf_printf(buf, " FROM \"%s\";\n", kind->name);
}

void kindsql_read(sqlite3_stmt *stmt, int at, const struct kind *kind, struct row *row_out)
{
	assert(at >= 0 && at + kind->field_count <= sqlite3_column_count(stmt));
	*row_out = (struct row){ 0 };
	for (int i = 0; i < kind->field_count; i++)
		row_out->values[i] = db_column_value(stmt, at + i);
}

int kindsql_bind(sqlite3_stmt *stmt, int at, const struct kind *kind, const struct row *row, uint64_t mask)
{
	assert(at >= 1 && (mask & ~kind->mask_all) == 0);
	for (size_t i = 0; i < kind->field_count; i++)
		if (mask_has(mask, i))
			db_bind_value(stmt, at++, &row->values[i]);
	return at;
}
