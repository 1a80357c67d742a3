#include "client/replica.h"

#include <assert.h>
#include <string.h>

#include "client/blueprint.h"
#include "common/buf.h"
#include "common/kindsql.h"

#define SQL_MAX 65536
#define IDENTITY_MAX 4096
#define WAL_FRAME_BYTES (4096 + 24)

/* --- ds_meta ----------------------------------------------------------------------------------------------------- */

static const char META_GET[] = "SELECT value FROM ds_meta WHERE key=?1";
static const char META_SET[] = "INSERT INTO ds_meta(key,value) VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET value=?2";

static sqlite3_stmt *meta_prepare(struct replica *r, const char *sql, const char *key, enum status *status_out)
{
	sqlite3_stmt *stmt = db_prepare(&r->db, sql, status_out);
	struct value name = value_string(key);

	if (stmt != NULL)
		db_bind_value(stmt, 1, &name);
	return stmt;
}

enum status replica_meta_int(struct replica *r, const char *key, int64_t *value_out)
{
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt = meta_prepare(r, META_GET, key, &status);

	if (stmt == NULL)
		return status;
	status = db_step(&r->db, stmt, &row);
	if (status == ST_OK)
		*value_out = row ? db_column_int(stmt, 0) : 0;
	db_done(stmt);
	return status;
}

enum status replica_meta_set_int(struct replica *r, const char *key, int64_t value)
{
	enum status status;
	sqlite3_stmt *stmt = meta_prepare(r, META_SET, key, &status);

	if (stmt == NULL)
		return status;
	(void)sqlite3_bind_int64(stmt, 2, value);
	return db_run(&r->db, stmt);
}

enum status replica_meta_blob(struct replica *r, const char *key, struct arena *arena, const void **data_out,
			      size_t *len_out)
{
	enum status status;
	bool row = false;
	const void *data = NULL;
	size_t len = 0;
	sqlite3_stmt *stmt = meta_prepare(r, META_GET, key, &status);

	if (stmt == NULL)
		return status;
	status = db_step(&r->db, stmt, &row);
	if (status == ST_OK && (!row || sqlite3_column_type(stmt, 0) == SQLITE_NULL))
		status = ST_NOT_FOUND;
	if (status == ST_OK) {
		const void *stored = sqlite3_column_blob(stmt, 0);

		len = (size_t)sqlite3_column_bytes(stmt, 0);
		data = arena_copy(arena, stored != NULL ? stored : "", len);
		if (data == NULL)
			status = ST_NOMEM;
	}
	db_done(stmt);
	if (status != ST_OK)
		return status;
	*data_out = data;
	*len_out = len;
	return ST_OK;
}

enum status replica_meta_set_blob(struct replica *r, const char *key, const void *data, size_t len)
{
	enum status status;
	sqlite3_stmt *stmt = meta_prepare(r, META_SET, key, &status);

	if (stmt == NULL)
		return status;
	/* An empty blob, not a null, where there is nothing. */
	if (sqlite3_bind_blob64(stmt, 2, data != NULL ? data : "", len, SQLITE_STATIC) != SQLITE_OK) {
		db_done(stmt);
		return ST_NOMEM;
	}
	return db_run(&r->db, stmt);
}

enum status replica_tell(struct replica *r, const char *what)
{
	enum status status;
	sqlite3_stmt *stmt = db_prepare(&r->db, "INSERT INTO ds_notice(at_ms,what) SELECT ?1,?2"
						" WHERE NOT EXISTS(SELECT 1 FROM ds_notice WHERE what=?2)", &status);

	if (stmt == NULL)
		return status;
	(void)sqlite3_bind_int64(stmt, 1, r->env->wall_ms(r->env->ctx));
	(void)sqlite3_bind_text(stmt, 2, what, -1, SQLITE_STATIC);
	return db_run(&r->db, stmt);
}

/* --- identity ---------------------------------------------------------------------------------------------------- */

/* One row for each part that is bytes or text; numbers are kept apart. */
struct identity_part {
	const char *key;
	size_t offset, size;
	bool text;
};

#define PART(member, is_text)                                                                                          \
	{ #member, offsetof(struct replica_identity, member), sizeof(((struct replica_identity *)NULL)->member),       \
	  is_text }

static const struct identity_part PARTS[] = {
	PART(worker, false),	 PART(owner_name, true),    PART(owner_login, true), PART(agency, true),
	PART(zone, true),	 PART(centre_key, false),   PART(url, true),
};
#define PART_COUNT (sizeof PARTS / sizeof PARTS[0])

static enum status identity_read(struct replica *r)
{
	struct replica_identity identity = { 0 };
	struct arena arena;
	int64_t device = 0, zone_min = 0;
	/* Not being able to read it is not the same as not being enrolled: who takes it for that enrols anew. */
	enum status status = replica_meta_int(r, "device", &device);

	if (status == ST_OK)
		status = replica_meta_int(r, "zone_min", &zone_min);
	identity.device = (uint32_t)device;
	identity.zone_min = (int)zone_min;
	arena_init(&arena, IDENTITY_MAX);
	for (size_t i = 0; status == ST_OK && i < PART_COUNT; i++) {
		const void *data = NULL;
		size_t len = 0, room = PARTS[i].text ? PARTS[i].size - 1 : PARTS[i].size;

		status = replica_meta_blob(r, PARTS[i].key, &arena, &data, &len);
		if (status == ST_NOT_FOUND) {
			status = ST_OK;
			continue;
		}
		if (status == ST_OK && (PARTS[i].text ? len > room : len != room))
			status = ST_CORRUPT;
		if (status == ST_OK && data != NULL)
			memcpy((char *)&identity + PARTS[i].offset, data, len);
	}
	arena_close(&arena);
	if (status == ST_OK)
		r->identity = identity;
	return status;
}

static enum status identity_write(struct replica *r, const struct replica_identity *identity)
{
	enum status status = replica_meta_set_int(r, "device", identity->device);

	if (status == ST_OK)
		status = replica_meta_set_int(r, "zone_min", identity->zone_min);
	for (size_t i = 0; status == ST_OK && i < PART_COUNT; i++) {
		const char *data = (const char *)identity + PARTS[i].offset;
		size_t len = PARTS[i].text ? strnlen(data, PARTS[i].size) : PARTS[i].size;

		assert(!PARTS[i].text || len < PARTS[i].size);
		status = replica_meta_set_blob(r, PARTS[i].key, data, len);
	}
	return status;
}

enum status replica_identity_set(struct replica *r, const struct replica_identity *identity)
{
	bool own = sqlite3_get_autocommit(r->db.handle) != 0;
	enum status status = own ? db_begin(&r->db) : ST_OK;

	if (status != ST_OK)
		return status;
	status = identity_write(r, identity);
	if (own && status == ST_OK)
		status = db_commit(&r->db);
	else if (own)
		db_rollback(&r->db);
	if (status == ST_OK)
		r->identity = *identity;
	return status;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

static enum status schema_version(struct replica *r, int64_t *version_out)
{
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "PRAGMA schema_version", &status);

	if (stmt == NULL)
		return status;
	status = db_step(&r->db, stmt, &row);
	if (status == ST_OK)
		*version_out = db_column_int(stmt, 0);
	db_done(stmt);
	return status;
}

/* The version as it was before: what is restored, or changed by others meanwhile, is looked at once more. */
static enum status check(struct replica *r, bool create, struct failure *why)
{
	bool restored = false;
	int64_t version = 0;
	enum status status = schema_version(r, &version);

	if (status != ST_OK)
		return failure_set(why, status, NULL, NULL, NULL);
	status = blueprint_check(r, create, &restored, why);
	if (status != ST_OK)
		return status;
	r->restored = r->restored || restored;
	r->schema_seen = version;
	return ST_OK;
}

enum status replica_open(struct replica *r, const char *path, const struct schema *schema, const struct env *env,
			 bool create, struct failure *why)
{
	enum status status;

	*r = (struct replica){ .schema = schema, .env = env };
	status = db_open(&r->db, path, env->vfs, create);
	if (status != ST_OK) {
		*r = (struct replica){ 0 };
		return failure_set(why, status, NULL, NULL, NULL);
	}
	/* SQLite 3.40 takes its own JSON functions for unsafe in triggers of a schema that isn't trusted. This
	 * connection has no function of ours that a foreign trigger could call. */
	status = db_setting(&r->db, "PRAGMA trusted_schema=ON");
	if (status != ST_OK)
		(void)failure_set(why, status, NULL, NULL, NULL);
	if (status == ST_OK)
		status = check(r, create, why);
	if (status == ST_OK) {
		status = identity_read(r);
		if (status != ST_OK)
			(void)failure_set(why, status, NULL, NULL, NULL);
	}
	if (status != ST_OK)
		replica_close(r);
	return status;
}

enum status replica_open_secured(struct replica *r, const char *path, const struct schema *schema, const struct env *env,
				 struct failure *why)
{
	enum status status = replica_open(r, path, schema, env, false, why);

	if (status == ST_OK)
		replica_secure(r);
	return status;
}

void replica_secure(struct replica *r)
{
	enum status status = db_secure(&r->db);

	if (status == ST_OK)
		return;
	r->db.failed = true;
	env_log(r->env, LOG_NOTICE, "replica", "not secured", "status=%s", status_name(status));
}

void replica_close(struct replica *r)
{
	if (r == NULL)
		return;
	if (r->db.handle != NULL)
		db_close(&r->db);
	*r = (struct replica){ 0 };
}

enum status replica_check_schema(struct replica *r)
{
	int64_t version = 0;
	enum status status = schema_version(r, &version);

	return status == ST_OK && version != r->schema_seen ? check(r, false, NULL) : status;
}

/* --- the write-ahead log ------------------------------------------------------------------------------------------ */

bool replica_checkpoint_due(const struct replica *r, int64_t wal_bytes)
{
	return r->db.handle != NULL && !r->db.failed && wal_bytes >= (int64_t)REPLICA_WAL_FRAMES * WAL_FRAME_BYTES;
}

void replica_checkpoint(struct replica *r)
{
	sqlite3 *handle = r->db.handle;
	int code;

	env_crash_point(r->env, "A18 before checkpoint");
	/* Not to keep anybody waiting: with somebody at work it moves what it can. */
	(void)sqlite3_busy_timeout(handle, 0);
	code = sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(handle, DB_BUSY_MS);
	if (code != SQLITE_OK && code != SQLITE_BUSY)
		(void)db_status(&r->db, code);
	env_crash_point(r->env, "A18 after checkpoint");
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static enum status row_take(sqlite3_stmt *stmt, const struct kind *kind, struct arena *arena, struct row *row_out)
{
	struct row row;

	kindsql_read(stmt, 0, kind, &row);
	for (size_t i = 0; i < kind->field_count; i++) {
		struct value *value = &row.values[i];

		if (value->tag != VALUE_TEXT)
			continue;
		value->text = arena_copy(arena, value->text, value->len);
		if (value->text == NULL)
			return ST_NOMEM;
	}
	*row_out = row;
	return ST_OK;
}

/* The fields, then patient, then version. */
static sqlite3_stmt *read_prepare(struct replica *r, const struct kind *kind, enum status *status_out)
{
	struct buf buf;
	sqlite3_stmt *stmt = NULL;

	buf_init(&buf, SQL_MAX);
	buf_add_str(&buf, "SELECT ");
	kindsql_columns(&buf, kind, kind->mask_all, "");
	buf_printf(&buf, ",%s,version FROM \"%s\" WHERE id=?1",
		   kind_has_patient(kind) ? "patient" : "id", kind->name);
	*status_out = buf_status(&buf);
	if (*status_out == ST_OK)
		stmt = db_prepare(&r->db, buf_str(&buf), status_out);
	buf_close(&buf);
	return stmt;
}

/* NOLINTNEXTLINE(readability-function-size): as replica.h declares it. */
enum status replica_read(struct replica *r, const struct kind *kind, const struct id *id, struct arena *arena,
			 struct row *row_out, struct id *patient_out, int64_t *version_out)
{
	enum status status;
	bool row = false;
	sqlite3_stmt *stmt = read_prepare(r, kind, &status);

	if (stmt == NULL)
		return status;
	db_bind_id(&r->db, stmt, 1, id);
	status = db_step(&r->db, stmt, &row);
	if (status == ST_OK && !row)
		status = ST_NOT_FOUND;
	if (status == ST_OK)
		status = row_take(stmt, kind, arena, row_out);
	if (status == ST_OK && kind->is_staff)
		*patient_out = ID_STAFF;
	else if (status == ST_OK && !db_column_id(stmt, kind->field_count, patient_out))
		status = ST_CORRUPT;
	if (status == ST_OK)
		*version_out = db_column_int(stmt, kind->field_count + 1);
	db_done(stmt);
	return status;
}

static const char FLAG_NOTICE[] = "Another program had switched off the part of the database that notices your edits. It is"
				  " switched on again. Edits made meanwhile may not have been noticed.";

/* Inside a write transaction, before anything of it is quiet, no row can be ours: a program that keeps foreign keys off
 * committed it. */
static enum status clear_foreign_flag(struct replica *r)
{
	enum status status = db_run_text(&r->db, "DELETE FROM ds_applying");

	if (status != ST_OK || sqlite3_changes64(r->db.handle) == 0)
		return status;
	r->restored = true;
	env_log(r->env, LOG_ERROR, "replica", "restored", "what=%s", "flag");
	return replica_tell(r, FLAG_NOTICE);
}

enum status replica_quiet_begin(struct replica *r)
{
	enum status status;

	/* After some errors SQLite has ended the transaction by itself. */
	if (sqlite3_get_autocommit(r->db.handle) != 0)
		return ST_IO;
	status = clear_foreign_flag(r);
	/* What an INSERT that came to nothing left must not be taken for that of a row which the engine removes and a program
	 * makes again. */
	if (status == ST_OK)
		status = db_run_text(&r->db, "DELETE FROM ds_overwritten");
	return status == ST_OK ? db_run_text(&r->db, "INSERT INTO ds_applying(x) VALUES(1)") : status;
}

enum status replica_quiet_end(struct replica *r)
{
	if (sqlite3_get_autocommit(r->db.handle) != 0)
		return ST_IO;
	return db_run_text(&r->db, "DELETE FROM ds_applying");
}
