#include "client/blueprint.h"

#include <assert.h>
#include <string.h>

#include "client/capture.h"
#include "common/buf.h"
#include "common/kindsql.h"

#define TEXT_MAX ((size_t)4 * 1024 * 1024)
#define OBJECTS_MAX 4096

/* One row of sqlite_schema. */
struct object {
	const char *type, *name, *sql;
	const char *columns; /* of a table: "name TYPE\nname TYPE\n" */
};

struct catalogue {
	struct object *items;
	size_t count;
};

struct check {
	struct replica *r;
	struct arena arena;
	struct catalogue plan, file;
	struct digest text;     /* of the plan's text */
	bool changed_by_others; /* the file is not as this program left it */
	bool flag_left;         /* ds_applying holds a row: the triggers were blind */
	bool upgrade;           /* an older schema version's file */
	size_t restored_count;
	struct failure *why;
};

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *column_copy(struct arena *arena, sqlite3_stmt *stmt, int at)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	return text != NULL ? arena_copy(arena, text, (size_t)sqlite3_column_bytes(stmt, at)) : NULL;
}

static const char CATALOGUE_SQL[] =
	"SELECT s.type,s.name,s.sql,(SELECT group_concat(name||' '||type||char(10),'') FROM pragma_table_info(s.name)"
	" WHERE s.type='table') FROM sqlite_schema AS s"
	" WHERE s.sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name,s.type";

/* All objects of the database, in the order of their names. */
static enum status catalogue_read(struct db *db, struct arena *arena, struct catalogue *out)
{
	struct catalogue read = { arena_alloc(arena, OBJECTS_MAX * sizeof *read.items), 0 };
	enum status status = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(db, CATALOGUE_SQL, &status);

	if (stmt == NULL)
		return status;
	if (read.items == NULL)
		return ST_NOMEM;
	while ((status = db_step(db, stmt, &row)) == ST_OK && row) {
		struct object *object = &read.items[read.count];

		if (read.count++ >= OBJECTS_MAX) {
			status = ST_LIMIT;
			break;
		}
		object->type = column_copy(arena, stmt, 0);
		object->name = column_copy(arena, stmt, 1);
		object->sql = column_copy(arena, stmt, 2);
		object->columns = sqlite3_column_type(stmt, 3) == SQLITE_NULL ? "" : column_copy(arena, stmt, 3);
		if (object->type == NULL || object->name == NULL || object->sql == NULL || object->columns == NULL) {
			status = ST_NOMEM;
			break;
		}
	}
	db_done(stmt);
	if (status == ST_OK)
		*out = read;
	return status;
}

static const struct object *catalogue_find(const struct catalogue *catalogue, const char *type, const char *name)
{
	for (size_t i = 0; i < catalogue->count; i++)
		if (strcmp(catalogue->items[i].name, name) == 0 && strcmp(catalogue->items[i].type, type) == 0)
			return &catalogue->items[i];
	return NULL;
}

static bool is_ours(const struct check *c, const struct object *object)
{
	const struct schema *schema = c->r->schema;

	if (starts_with(object->name, "ds_") || strcmp(object->name, "outbox") == 0)
		return true;
	for (size_t i = 0; i < schema->kind_count; i++) {
		const char *name = schema->kinds[i].name;

		if (starts_with(object->name, name) && (object->name[strlen(name)] == '\0' ||
							strcmp(object->name + strlen(name), "_text") == 0))
			return true;
	}
	return false;
}

static enum status hash_ours(const struct check *c, const struct catalogue *catalogue, struct digest *out)
{
	struct buf buf;
	enum status status;
	struct part part;

	buf_init(&buf, 2 * TEXT_MAX);
	for (size_t i = 0; i < catalogue->count; i++) {
		const struct object *object = &catalogue->items[i];

		if (!is_ours(c, object))
			continue;
		/* With their NULs, so that no two lists give the same bytes. */
		buf_add(&buf, object->type, strlen(object->type) + 1);
		buf_add(&buf, object->name, strlen(object->name) + 1);
		buf_add(&buf, object->sql, strlen(object->sql) + 1);
	}
	status = buf_status(&buf);
	part = (struct part){ buf.data, buf.len };
	if (status == ST_OK)
		digest_of(out, "schema", &part, 1);
	buf_close(&buf);
	return status;
}

/* --- the plan ---------------------------------------------------------------------------------------------------- */

/* (CASE kind WHEN 5 THEN 'visit' … END), or the record's patient by its kind. */
static void add_kind_case(struct buf *buf, const struct schema *schema, bool patient)
{
	buf_add_str(buf, "CASE d.kind");
	for (size_t i = 0; i < schema->kind_count; i++) {
		const struct kind *kind = &schema->kinds[i];

		buf_printf(buf, " WHEN %u THEN ", (unsigned)kind->num);
		if (!patient)
			buf_printf(buf, "'%s'", kind->name);
		else if (kind->is_patient)
			buf_add_str(buf, "d.id");
		else if (kind_has_patient(kind))
			buf_printf(buf, "(SELECT patient FROM \"%s\" WHERE id=d.id)", kind->name);
		else
			buf_add_str(buf, "NULL");
	}
	buf_add_str(buf, " END");
}

/* What is dirty or not settled, for whoever reads with plain SQL. */
static void add_outbox(struct buf *buf, const struct schema *schema)
{
	buf_add_str(buf, "CREATE VIEW outbox(kind,id,patient,what,since) AS SELECT ");
	add_kind_case(buf, schema, false);
	buf_add_str(buf, ",d.id,coalesce(");
	add_kind_case(buf, schema, true);
	buf_add_str(buf, ",(SELECT patient FROM ds_gone AS x WHERE x.kind=d.kind AND x.id=d.id)),"
			 "CASE WHEN EXISTS(SELECT 1 FROM ds_attention AS a WHERE a.kind=d.kind AND a.id=d.id)"
			 " THEN 'Needs attention' ELSE 'Saved on this tablet' END,"
			 "strftime('%Y-%m-%dT%H:%M:%SZ',min(d.wall_ms)/1000,'unixepoch')"
			 " FROM ds_dirty AS d GROUP BY d.kind,d.id UNION ALL SELECT ");
	add_kind_case(buf, schema, false);
	buf_add_str(buf, ",d.id,d.patient,CASE d.state WHEN 0 THEN 'Sending' ELSE 'Needs attention' END,"
			 "strftime('%Y-%m-%dT%H:%M:%SZ',d.made_wall_ms/1000,'unixepoch')"
			 " FROM ds_journal AS d WHERE d.state IN (0,1);\n");
}

static void add_everything(struct buf *buf, const struct schema *schema)
{
	capture_bookkeeping(buf);
	for (size_t i = 0; i < schema->kind_count; i++) {
		capture_table(buf, &schema->kinds[i]);
		capture_triggers(buf, &schema->kinds[i]);
	}
	add_outbox(buf, schema);
}

static enum status exec_everything(struct db *db, const struct schema *schema)
{
	struct buf buf;
	enum status status;

	buf_init(&buf, TEXT_MAX);
	add_everything(&buf, schema);
	status = buf_status(&buf);
	if (status == ST_OK)
		status = db_exec(db, buf_str(&buf));
	buf_close(&buf);
	return status;
}

/* The digest of the text that the plan is made from: making the plan itself takes long, and is seldom needed. */
static enum status hash_text(const struct schema *schema, struct digest *out)
{
	struct buf buf;
	struct part part;
	enum status status;

	buf_init(&buf, TEXT_MAX);
	add_everything(&buf, schema);
	status = buf_status(&buf);
	part = (struct part){ buf.data, buf.len };
	if (status == ST_OK)
		digest_of(out, "blueprint", &part, 1);
	buf_close(&buf);
	return status;
}

static enum status plan_read(struct check *c)
{
	struct db fresh = { 0 };
	enum status status = db_open(&fresh, ":memory:", NULL, true);

	if (status == ST_OK)
		status = db_begin(&fresh);
	if (status == ST_OK)
		status = exec_everything(&fresh, c->r->schema);
	/* It ran in memory, on SQL of our own. */
	assert(status == ST_OK || status == ST_NOMEM);
	if (status == ST_OK)
		status = catalogue_read(&fresh, &c->arena, &c->plan);
	db_rollback(&fresh);
	db_close(&fresh);
	return status;
}

/* --- bringing the file to it ------------------------------------------------------------------------------------- */

/* Does the list "name TYPE\n…" hold this line (len bytes, its newline included)? */
static bool columns_hold(const char *columns, const char *line, size_t len)
{
	for (const char *at = columns; *at != '\0'; at = strchr(at, '\n') + 1)
		if (strncmp(at, line, len) == 0)
			return true;
	return false;
}

static enum status column_add(struct check *c, const char *table, const char *line, size_t len)
{
	struct buf buf;
	enum status status;
	const char *type = memchr(line, ' ', len);

	assert(type != NULL);
	buf_init(&buf, 1024);
	buf_printf(&buf, "ALTER TABLE \"%s\" ADD COLUMN \"%.*s\"%.*s", table, (int)(type - line), line,
		   (int)(len - 1 - (size_t)(type - line)), type);
	status = buf_status(&buf);
	if (status == ST_OK)
		status = db_exec(&c->r->db, buf_str(&buf));
	buf_close(&buf);
	return status;
}

static enum status columns_complete(struct check *c, const struct object *plan, const struct object *file)
{
	for (const char *at = plan->columns; *at != '\0'; at = strchr(at, '\n') + 1) {
		size_t len = (size_t)(strchr(at, '\n') - at) + 1;
		enum status status;

		if (columns_hold(file->columns, at, len))
			continue;
		if (!c->upgrade || starts_with(plan->name, "ds_"))
			return failure_set(c->why, ST_CORRUPT, "A column is missing in this tablet's database.",
					   "Nothing was changed; the file is as it was.",
					   "Ask for help before working on: what was in the column has to come back from the "
					   "centre.");
		status = column_add(c, plan->name, at, len);
		if (status != ST_OK)
			return status;
	}
	return ST_OK;
}

static enum status bookkeeping_missing(struct check *c)
{
	return failure_set(c->why, ST_CORRUPT, "A table of Doorstep's bookkeeping is missing on this tablet.",
			   "Nothing was changed; the file is as it was.", "Ask for help before working on.");
}

static enum status table_complete(struct check *c, const struct object *plan)
{
	const struct object *file = catalogue_find(&c->file, "table", plan->name);

	if (file != NULL)
		return columns_complete(c, plan, file);
	if (starts_with(plan->name, "ds_") && !c->upgrade)
		return bookkeeping_missing(c);
	c->restored_count++;
	return db_exec(&c->r->db, plan->sql);
}

static bool is_table(const struct object *object)
{
	return strcmp(object->type, "table") == 0;
}

static enum status object_drop(struct check *c, const struct object *object)
{
	struct buf buf;
	enum status status;

	buf_init(&buf, 1024);
	/* A view takes its triggers with it. */
	buf_printf(&buf, "DROP %s IF EXISTS ", object->type);
	buf_add_sql_name(&buf, object->name);
	status = buf_status(&buf);
	if (status == ST_OK)
		status = db_exec(&c->r->db, buf_str(&buf));
	buf_close(&buf);
	return status;
}

/* Is this object of the file, which is no table, as the plan has it? */
static bool object_stands(const struct object *plan, const struct object *file)
{
	return plan != NULL && file != NULL && strcmp(plan->sql, file->sql) == 0;
}

/* What differs goes first, so that no trigger or view stands in the way of a table's change. */
static enum status drop_others(struct check *c)
{
	enum status status = ST_OK;

	for (size_t i = 0; status == ST_OK && i < c->file.count; i++) {
		const struct object *file = &c->file.items[i];

		const struct object *plan = catalogue_find(&c->plan, file->type, file->name);

		if (is_table(file) || !is_ours(c, file) || object_stands(plan, file))
			continue;
		if (plan == NULL)
			c->restored_count++;
		status = object_drop(c, file);
	}
	return status;
}

static enum status make_missing(struct check *c)
{
	enum status status = ST_OK;

	for (size_t i = 0; status == ST_OK && i < c->plan.count; i++)
		if (is_table(&c->plan.items[i]))
			status = table_complete(c, &c->plan.items[i]);
	for (size_t i = 0; status == ST_OK && i < c->plan.count; i++) {
		const struct object *plan = &c->plan.items[i];

		if (is_table(plan) || object_stands(plan, catalogue_find(&c->file, plan->type, plan->name)))
			continue;
		c->restored_count++;
		status = db_exec(&c->r->db, plan->sql);
	}
	return status;
}

static enum status notice_add(struct replica *r, const char *what)
{
	enum status status;
	sqlite3_stmt *stmt = db_prepare(&r->db, "INSERT INTO ds_notice(at_ms,what) VALUES(?1,?2)", &status);
	struct value text = value_string(what);

	if (stmt == NULL)
		return status;
	(void)sqlite3_bind_int64(stmt, 1, r->env->wall_ms(r->env->ctx));
	db_bind_value(stmt, 2, &text);
	return db_run(&r->db, stmt);
}

/* What this program leaves the file with. */
static enum status remember(struct check *c)
{
	struct digest hash;
	enum status status = catalogue_read(&c->r->db, &c->arena, &c->file);

	if (status == ST_OK)
		status = hash_ours(c, &c->file, &hash);
	if (status == ST_OK)
		status = replica_meta_set_blob(c->r, "schema_hash", hash.bytes, sizeof hash.bytes);
	if (status == ST_OK)
		status = replica_meta_set_blob(c->r, "blueprint_hash", c->text.bytes, sizeof c->text.bytes);
	if (status == ST_OK)
		status = replica_meta_set_int(c->r, "schema_version", c->r->schema->version);
	return status;
}

/* The flag of DESIGN.md section 4 can't outlive a transaction of ours; a program that switched foreign keys off can
 * leave it set, and then no trigger notices anything. */
static enum status flag_read(struct check *c)
{
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt;

	if (catalogue_find(&c->file, "table", "ds_applying") == NULL)
		return ST_OK;
	stmt = db_prepare(&c->r->db, "SELECT 1 FROM ds_applying", &status);
	if (stmt == NULL)
		return status;
	status = db_step(&c->r->db, stmt, &row);
	db_done(stmt);
	c->flag_left = row;
	return status;
}

static enum status flag_clear(struct check *c)
{
	c->restored_count++;
	c->changed_by_others = true;
	return db_exec(&c->r->db, "DELETE FROM ds_applying");
}

static enum status repair(struct check *c)
{
	enum status status = plan_read(c);

	if (status == ST_OK)
		status = drop_others(c);
	if (status == ST_OK)
		status = catalogue_read(&c->r->db, &c->arena, &c->file);
	if (status == ST_OK)
		status = make_missing(c);
	if (status == ST_OK && c->flag_left)
		status = flag_clear(c);
	if (status == ST_OK && c->changed_by_others && c->restored_count > 0)
		status = notice_add(c->r, "Parts of the database that notice your edits had been removed or switched off by another program "
					  "and were restored. Edits made by that program meanwhile may not have been "
					  "noticed.");
	if (status == ST_OK)
		status = remember(c);
	return status;
}

/* Is the digest kept under this name the one given? */
static enum status meta_digest_is(struct check *c, const char *key, const struct digest *digest, bool *out)
{
	const void *data = NULL;
	size_t len = 0;
	const enum status status = replica_meta_blob(c->r, key, &c->arena, &data, &len);

	*out = status == ST_OK && len == sizeof digest->bytes && memcmp(data, digest->bytes, len) == 0;
	return status == ST_NOT_FOUND ? ST_OK : status;
}

/* Compare what the file holds with what it should. *stands_out: nothing to do. */
static enum status compare(struct check *c, bool create, bool *stands_out)
{
	struct digest file;
	int64_t version = 0;
	bool as_left = false, as_planned = false;
	enum status status = catalogue_read(&c->r->db, &c->arena, &c->file);

	if (status != ST_OK)
		return status;
	if (catalogue_find(&c->file, "table", "ds_meta") == NULL) {
		/* Bookkeeping without its heart is no new file. */
		if (catalogue_find(&c->file, "table", "ds_journal") != NULL)
			return bookkeeping_missing(c);
		*stands_out = false;
		return create ? ST_OK : ST_NOT_FOUND;
	}
	status = replica_meta_int(c->r, "schema_version", &version);
	if (status != ST_OK)
		return status;
	if (version > c->r->schema->version)
		return failure_set(c->why, ST_UNKNOWN, "This tablet's database was written by a newer Doorstep.",
				   "Nothing was changed.", "Install the newer version again.");
	status = hash_ours(c, &c->file, &file);
	if (status != ST_OK)
		return status;
	c->upgrade = version < c->r->schema->version;
	status = meta_digest_is(c, "schema_hash", &file, &as_left);
	c->changed_by_others = !as_left;
	if (status == ST_OK)
		status = flag_read(c);
	if (status == ST_OK)
		status = meta_digest_is(c, "blueprint_hash", &c->text, &as_planned);
	*stands_out = !c->upgrade && !c->changed_by_others && !c->flag_left && as_planned;
	return status;
}

static enum status make_new(struct check *c)
{
	enum status status = exec_everything(&c->r->db, c->r->schema);

	return status == ST_OK ? remember(c) : status;
}

/* Under the lock, since another program may have made or repaired it by now. */
static enum status bring(struct check *c, bool create)
{
	bool stands = false;
	enum status status = db_begin(&c->r->db);

	if (status != ST_OK)
		return status;
	status = compare(c, create, &stands);
	if (status == ST_OK && !stands)
		status = catalogue_find(&c->file, "table", "ds_meta") == NULL ? make_new(c) : repair(c);
	if (status == ST_OK)
		return db_commit(&c->r->db);
	db_rollback(&c->r->db);
	return status;
}

enum status blueprint_check(struct replica *r, bool create, bool *restored_out, struct failure *why)
{
	struct check c = { .r = r, .why = why };
	bool stands = false;
	enum status status;

	arena_init(&c.arena, 8 * TEXT_MAX);
	(void)failure_set(why, ST_OK, NULL, NULL, NULL);
	status = hash_text(r->schema, &c.text);
	if (status == ST_OK)
		status = compare(&c, create, &stands);
	if (status == ST_OK && !stands)
		status = bring(&c, create);
	if (status == ST_OK)
		*restored_out = c.changed_by_others && c.restored_count > 0;
	else if (why != NULL && why->status != status)
		(void)failure_set(why, status, NULL, NULL, NULL);
	if (status == ST_OK && *restored_out)
		env_log(r->env, LOG_ERROR, "replica", "restored", "objects=%zu", c.restored_count);
	arena_close(&c.arena);
	return status;
}
