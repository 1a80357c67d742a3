#include <string.h>

#include "daemon/store_sqlite.h"

#define ACCOUNT "SELECT worker, login, name, role, active FROM account "
#define DEVICE                                                                                               \
	"SELECT device, worker, name, version, public_key, revoked, enrolled_ms, seen_ms, schema_version,"   \
	" counter, request, last_n, run, pending, oldest_unsent_ms, free_mb, battery, clock_off_ms FROM device "

/* Reads a row that the statement stands on, without ending the statement. */
typedef enum status read_fn(sqlite3_stmt *stmt, void *out);

/* Steps to the one row and reads it; ends the statement. */
static enum status read_one(struct store *s, sqlite3_stmt *stmt, read_fn *read, void *out)
{
	enum status st = store_row(s, stmt);

	if (st != ST_OK)
		return st;
	st = read(stmt, out);
	db_done(stmt);
	return st;
}

/* Number of rows of a table, for the room of a list. */
static enum status count_rows(struct store *s, const char *sql, size_t *count_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, sql, &st);

	if (stmt == NULL)
		return st;
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	*count_out = (size_t)db_column_int(stmt, 0);
	db_done(stmt);
	return ST_OK;
}

/* Reads at most `room` rows into an array of things of `size` bytes; ends the statement. */
static enum status read_all(struct store *s, sqlite3_stmt *stmt, read_fn *read, char *list, size_t size, size_t room)
{
	enum status st = ST_OK;
	bool row = true;

	for (size_t i = 0; i < room && st == ST_OK && row; i++) {
		st = db_step(&sqlite_of(s)->db, stmt, &row);
		if (st == ST_OK && row)
			st = read(stmt, list + i * size);
	}
	db_done(stmt);
	return st;
}

/* --- accounts --- */

static enum status read_account(sqlite3_stmt *stmt, void *out)
{
	struct columns columns = columns_of(stmt, NULL);
	struct account account = { 0 };

	column_id(&columns, &account.worker);
	column_text(&columns, account.login, sizeof account.login);
	column_text(&columns, account.name, sizeof account.name);
	column_text(&columns, account.role, sizeof account.role);
	account.active = column_small(&columns, 1) != 0;
	if (columns.status == ST_OK)
		*(struct account *)out = account;
	return columns.status;
}

enum status sqlite_account_put(struct store *s, const struct account *account)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s,
					   "INSERT INTO account(worker, login, name, role, active)"
					   " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(worker) DO UPDATE SET"
					   " login=?2, name=?3, role=?4, active=?5",
					   &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, &account->worker);
	bind_text(stmt, 2, account->login);
	bind_text(stmt, 3, account->name);
	bind_text(stmt, 4, account->role);
	bind_int(stmt, 5, account->active);
	return store_run(s, stmt);
}

enum status sqlite_account_by_login(struct store *s, const char *login, struct account *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, ACCOUNT "WHERE login=?1", &st);

	if (stmt == NULL)
		return st;
	bind_text(stmt, 1, login);
	return read_one(s, stmt, read_account, out);
}

enum status sqlite_account_by_worker(struct store *s, const struct id *worker, struct account *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, ACCOUNT "WHERE worker=?1", &st);

	if (stmt == NULL)
		return st;
	db_bind_id_blob(stmt, 1, worker);
	return read_one(s, stmt, read_account, out);
}

enum status sqlite_account_list(struct store *s, struct arena *arena, struct account **out, size_t *count_out)
{
	struct account *list;
	size_t count = 0;
	enum status st = count_rows(s, "SELECT count(*) FROM account", &count);
	sqlite3_stmt *stmt;

	if (st != ST_OK)
		return st;
	list = arena_zalloc(arena, count * sizeof *list);
	if (list == NULL)
		return ST_NOMEM;
	stmt = store_prepare(s, ACCOUNT "ORDER BY login", &st);
	if (stmt != NULL)
		st = read_all(s, stmt, read_account, (char *)list, sizeof *list, count);
	if (st != ST_OK)
		return st;
	*out = list;
	*count_out = count;
	return ST_OK;
}

/* --- tablets --- */

static enum status read_device(sqlite3_stmt *stmt, void *out)
{
	struct columns columns = columns_of(stmt, NULL);
	struct device *device = out;

	*device = (struct device){ 0 };
	device->device = column_small(&columns, UINT32_MAX);
	column_id(&columns, &device->worker);
	column_text(&columns, device->name, sizeof device->name);
	column_text(&columns, device->version, sizeof device->version);
	column_exact(&columns, device->public_key, PUBLIC_KEY_SIZE);
	device->revoked = column_small(&columns, 1) != 0;
	device->enrolled_ms = column_int(&columns);
	device->seen_ms = column_int(&columns);
	device->schema_version = (uint16_t)column_small(&columns, UINT16_MAX);
	device->counter = column_number(&columns);
	column_exact(&columns, device->request.bytes, DIGEST_SIZE);
	device->last_n = column_number(&columns);
	column_exact(&columns, device->run.bytes, DIGEST_SIZE);
	device->health.pending_count = column_number(&columns);
	device->health.oldest_unsent_ms = column_int(&columns);
	device->health.free_mb = column_number(&columns);
	device->health.battery_percent = (int)column_int(&columns);
	device->health.version = device->version;
	device->clock_known = sqlite3_column_type(stmt, columns.at) != SQLITE_NULL;
	device->clock_off_ms = column_int(&columns);
	return columns.status;
}

static enum status next_device(struct store *s, uint32_t *device_out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT coalesce(max(device), 0)+1 FROM device", &st);
	struct columns columns = columns_of(stmt, NULL);
	uint32_t device;

	if (stmt == NULL)
		return st;
	st = store_row(s, stmt);
	if (st != ST_OK)
		return st;
	device = column_small(&columns, UINT32_MAX);
	st = columns_end(&columns);
	if (st == ST_OK)
		*device_out = device;
	return st;
}

static enum status bind_device(struct store *s, sqlite3_stmt *stmt, const struct device *device, uint32_t number)
{
	bind_int(stmt, 1, number);
	db_bind_id_blob(stmt, 2, &device->worker);
	bind_text(stmt, 3, device->name);
	bind_text(stmt, 4, device->version);
	bind_bytes(stmt, 5, device->public_key, PUBLIC_KEY_SIZE);
	bind_int(stmt, 6, device->revoked);
	bind_int(stmt, 7, device->enrolled_ms);
	bind_int(stmt, 8, device->seen_ms);
	bind_int(stmt, 9, device->schema_version);
	bind_number(stmt, 10, device->counter);
	bind_bytes(stmt, 11, device->request.bytes, DIGEST_SIZE);
	bind_number(stmt, 12, device->last_n);
	bind_bytes(stmt, 13, device->run.bytes, DIGEST_SIZE);
	bind_number(stmt, 14, device->health.pending_count);
	bind_int(stmt, 15, device->health.oldest_unsent_ms);
	bind_number(stmt, 16, device->health.free_mb);
	bind_int(stmt, 17, device->health.battery_percent);
	if (device->clock_known)
		bind_int(stmt, 18, device->clock_off_ms);
	return store_run(s, stmt);
}

enum status sqlite_device_put(struct store *s, struct device *device)
{
	uint32_t number = device->device;
	enum status st = number == 0 ? next_device(s, &number) : ST_OK;
	sqlite3_stmt *stmt;

	if (st != ST_OK)
		return st;
	stmt = store_prepare(s,
			     "INSERT OR REPLACE INTO device(device, worker, name, version, public_key, revoked,"
			     " enrolled_ms, seen_ms, schema_version, counter, request, last_n, run, pending,"
			     " oldest_unsent_ms, free_mb, battery, clock_off_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
			     " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
			     &st);
	if (stmt != NULL)
		st = bind_device(s, stmt, device, number);
	if (st == ST_OK)
		device->device = number;
	return st;
}

enum status sqlite_device_get(struct store *s, uint32_t device, struct device *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, DEVICE "WHERE device=?1", &st);

	if (stmt == NULL)
		return st;
	bind_int(stmt, 1, device);
	return read_one(s, stmt, read_device, out);
}

enum status sqlite_device_list(struct store *s, struct arena *arena, struct device **out, size_t *count_out)
{
	struct device *list;
	size_t count = 0;
	enum status st = count_rows(s, "SELECT count(*) FROM device", &count);
	sqlite3_stmt *stmt;

	if (st != ST_OK)
		return st;
	list = arena_zalloc(arena, count * sizeof *list);
	if (list == NULL)
		return ST_NOMEM;
	stmt = store_prepare(s, DEVICE "ORDER BY device", &st);
	if (stmt != NULL)
		st = read_all(s, stmt, read_device, (char *)list, sizeof *list, count);
	if (st != ST_OK)
		return st;
	*out = list;
	*count_out = count;
	return ST_OK;
}

/* --- one-time codes --- */

static enum status read_code(sqlite3_stmt *stmt, void *out)
{
	struct columns columns = columns_of(stmt, NULL);
	struct code code = { 0 };

	column_exact(&columns, code.secret.bytes, DIGEST_SIZE);
	column_id(&columns, &code.worker);
	code.expires_ms = column_int(&columns);
	code.device = column_small(&columns, UINT32_MAX);
	if (columns.status == ST_OK)
		*(struct code *)out = code;
	return columns.status;
}

enum status sqlite_code_put(struct store *s, const struct code *code)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(
		s, "INSERT OR REPLACE INTO code(secret, worker, expires_ms, device) VALUES(?1, ?2, ?3, ?4)", &st);

	if (stmt == NULL)
		return st;
	bind_bytes(stmt, 1, code->secret.bytes, DIGEST_SIZE);
	db_bind_id_blob(stmt, 2, &code->worker);
	bind_int(stmt, 3, code->expires_ms);
	bind_int(stmt, 4, code->device);
	return store_run(s, stmt);
}

enum status sqlite_code_get(struct store *s, const struct digest *secret, struct code *out)
{
	enum status st;
	sqlite3_stmt *stmt = store_prepare(s, "SELECT secret, worker, expires_ms, device FROM code WHERE secret=?1", &st);

	if (stmt == NULL)
		return st;
	bind_bytes(stmt, 1, secret->bytes, DIGEST_SIZE);
	return read_one(s, stmt, read_code, out);
}
