#include "tests/support/fake.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

#define MUST(call) must((call), __LINE__)

static void must(enum status st, int line)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "fake.c:%d: status %s\n", line, status_name(st));
	abort();
}

/* --- the world -------------------------------------------------------------------- */

static int64_t wall_ms(void *ctx)
{
	return ((struct fake *)ctx)->wall_ms;
}

static int64_t boot_ms(void *ctx)
{
	return ((struct fake *)ctx)->boot_ms;
}

static void no_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 0x5A, len);
}

static void crash_point(void *ctx, const char *label)
{
	struct fake *f = ctx;

	(void)snprintf(f->crashed_at, sizeof f->crashed_at, "%s", label);
	if (f->stop_at != NULL && strcmp(f->stop_at, label) == 0)
		f->crash_hook(f);
}

struct id fake_id(const char *text)
{
	struct id id;

	if (!id_parse(text, strlen(text), &id))
		abort();
	return id;
}

void fake_open(struct fake *f)
{
	static const uint8_t tablet_seed[SEED_SIZE] = { 1 }, centre_seed[SEED_SIZE] = { 2 };
	struct replica_identity identity = { .device = FAKE_DEVICE };

	memset(f, 0, sizeof *f);
	f->schema = malloc(sizeof *f->schema);
	assert(f->schema != NULL);
	schema_init(f->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	f->wall_ms = FAKE_WALL_MS;
	f->boot_ms = 5000;
	f->centre_ms = FAKE_CENTRE_MS;
	f->env = (struct env){ .ctx = f, .wall_ms = wall_ms, .boot_ms = boot_ms, .random = no_random,
			       .crash_point = crash_point };
	MUST(replica_open(&f->replica, ":memory:", f->schema, &f->env, true, NULL));
	sign_key_from_seed(&f->centre_key, centre_seed);
	memcpy(identity.centre_key, f->centre_key.public, PUBLIC_KEY_SIZE);
	MUST(replica_identity_set(&f->replica, &identity));
	MUST(sync_init(&f->sync, &f->replica, tablet_seed));
	MUST(deflater_new(&f->deflater));
	arena_init(&f->arena, 64 * 1024 * 1024);
	buf_init(&f->request_bytes, LIMIT_BODY_MAX);
	buf_init(&f->message, LIMIT_INFLATED_MAX);
	buf_init(&f->records, LIMIT_INFLATED_MAX);
	buf_init(&f->answer_bytes, LIMIT_BODY_MAX);
}

void fake_close(struct fake *f)
{
	sync_close(&f->sync);
	replica_close(&f->replica);
	deflater_free(f->deflater);
	arena_close(&f->arena);
	buf_close(&f->request_bytes);
	buf_close(&f->message);
	buf_close(&f->records);
	buf_close(&f->answer_bytes);
	free(f->schema);
}

/* --- SQL -------------------------------------------------------------------------- */

int fake_sql(struct fake *f, const char *sql)
{
	return sqlite3_exec(f->replica.db.handle, sql, NULL, NULL, NULL);
}

void fake_do(struct fake *f, const char *sql)
{
	if (fake_sql(f, sql) == SQLITE_OK)
		return;
	fprintf(stderr, "%s\n%s\n", sqlite3_errmsg(f->replica.db.handle), sql);
	abort();
}

const char *fake_text(struct fake *f, const char *sql)
{
	static char text[4096];
	sqlite3_stmt *stmt = NULL;
	bool row = false;

	if (sqlite3_prepare_v2(f->replica.db.handle, sql, -1, &stmt, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s\n%s\n", sqlite3_errmsg(f->replica.db.handle), sql);
		abort();
	}
	row = sqlite3_step(stmt) == SQLITE_ROW;
	if (row) {
		const char *value = (const char *)sqlite3_column_text(stmt, 0);

		(void)snprintf(text, sizeof text, "%s", value != NULL ? value : "");
	}
	sqlite3_finalize(stmt);
	return row ? text : NULL;
}

int64_t fake_int(struct fake *f, const char *sql)
{
	const char *text = fake_text(f, sql);

	return text != NULL ? strtoll(text, NULL, 10) : -1;
}

static void dump_table(sqlite3 *db, const char *name, FILE *out)
{
	sqlite3_stmt *stmt = NULL;
	char sql[256];

	(void)sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\"", name);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		abort();
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		fprintf(out, "%s", name);
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const unsigned char *bytes = sqlite3_column_blob(stmt, i);

			fprintf(out, "|%d:", sqlite3_column_type(stmt, i));
			for (int k = 0; k < sqlite3_column_bytes(stmt, i); k++)
				fprintf(out, "%02x", bytes[k]);
		}
		fprintf(out, "\n");
	}
	sqlite3_finalize(stmt);
}

char *fake_dump(struct fake *f)
{
	sqlite3 *db = f->replica.db.handle;
	sqlite3_stmt *stmt = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL ||
	    sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name", -1, &stmt, NULL) !=
		    SQLITE_OK)
		abort();
	while (sqlite3_step(stmt) == SQLITE_ROW)
		dump_table(db, (const char *)sqlite3_column_text(stmt, 0), out);
	sqlite3_finalize(stmt);
	(void)fclose(out);
	return text;
}

/* --- requests --------------------------------------------------------------------- */

/* This centre has no history: what a brief stands for it takes from the tablet's own journal. */
static void make_whole(struct fake *f)
{
	struct request_change *changes = arena_alloc(&f->arena, (f->request.change_count + 1) * sizeof *changes);
	sqlite3_stmt *stmt = NULL;

	assert(changes != NULL);
	for (size_t i = 0; i < f->request.change_count; i++) {
		changes[i] = f->request.changes[i];
		if (changes[i].brief.len == 0)
			continue;
		assert(sqlite3_prepare_v2(f->replica.db.handle, "SELECT body FROM ds_journal WHERE n=?1", -1, &stmt, NULL) ==
		       SQLITE_OK);
		sqlite3_bind_int64(stmt, 1, (sqlite3_int64)changes[i].n);
		assert(sqlite3_step(stmt) == SQLITE_ROW);
		changes[i].body.len = (size_t)sqlite3_column_bytes(stmt, 0);
		changes[i].body.data = arena_copy(&f->arena, sqlite3_column_blob(stmt, 0), changes[i].body.len);
		sqlite3_finalize(stmt);
	}
	f->request.changes = changes;
}

static void receive(struct fake *f)
{
	for (size_t i = 0; i < f->request.change_count; i++) {
		const struct request_change *change = &f->request.changes[i];
		struct digest digest;

		if (change->n != f->received_n + 1)
			continue;
		change_digest(&digest, change->body.data, change->body.len);
		change_run(&f->run, change->n, &digest);
		f->received_n = change->n;
	}
}

static void read_request(struct fake *f)
{
	buf_reset(&f->message);
	arena_reset(&f->arena);
	MUST(envelope_open_request(f->request_bytes.data, f->request_bytes.len, f->sync.key.public, &f->message));
	MUST(request_decode(f->message.data, f->message.len, &f->arena, &f->request));
	make_whole(f);
	receive(f);
}

void fake_build(struct fake *f)
{
	const struct sync_options options = { .battery_percent = -1 };
	struct sync_report report = { 0 };

	MUST(sync_build(&f->sync, &options, &f->request_bytes, &report, NULL));
	read_request(f);
	assert(report.changes_sent == f->request.change_count);
}

void fake_hear(struct fake *f, const void *bytes, size_t len)
{
	buf_reset(&f->request_bytes);
	buf_add(&f->request_bytes, bytes, len);
	MUST(buf_status(&f->request_bytes));
	read_request(f);
}

const struct change *fake_change(struct fake *f, size_t i)
{
	struct change *change = arena_zalloc(&f->arena, sizeof *change);
	const struct field *field = NULL;

	assert(change != NULL && i < f->request.change_count);
	MUST(change_decode(f->schema, f->request.changes[i].body.data, f->request.changes[i].body.len, &f->arena, change,
			   &field));
	return change;
}

const char *fake_value(const struct change *change, const char *field)
{
	static char text[4096];
	const int at = kind_field(change->kind, field, strlen(field));
	const struct value *value = NULL;

	assert(at >= 0 && (change->mask >> at & 1) != 0);
	value = &change->row.values[at];
	if (value->tag == VALUE_NULL)
		return NULL;
	if (value->tag == VALUE_INT)
		(void)snprintf(text, sizeof text, "%lld", (long long)value->integer);
	else
		(void)snprintf(text, sizeof text, "%.*s", (int)value->len, value->text);
	return text;
}

const struct change_group *fake_group(const struct change *change, const char *name)
{
	const int at = kind_group(change->kind, name, strlen(name));
	const int num = strcmp(name, "deleted") == 0 ? SCHEMA_GROUP_DELETED : change->kind->groups[at].num;

	for (size_t i = 0; i < change->group_count; i++)
		if (change->groups[i].num == num)
			return &change->groups[i];
	return NULL;
}

/* --- answers ---------------------------------------------------------------------- */

void fake_begin(struct fake *f)
{
	f->answer = (struct answer){ .received_ms = f->centre_ms, .sent_ms = f->centre_ms, .outcomes = f->outcomes,
				     .base_seq = FAKE_SEQ };
	buf_reset(&f->records);
	f->record_count = 0;
}

static struct outcome *add_outcome(struct fake *f, uint64_t n, uint64_t seq, enum outcome_result result)
{
	struct outcome *outcome = &f->outcomes[f->answer.outcome_count];

	assert(f->answer.outcome_count < FAKE_OUTCOMES_MAX);
	f->answer.outcome_count++;
	*outcome = (struct outcome){ .n = n, .seq = seq, .result = result };
	return outcome;
}

void fake_accept(struct fake *f, uint64_t n, uint64_t seq)
{
	(void)add_outcome(f, n, seq, OUTCOME_ACCEPTED);
}

void fake_judge(struct fake *f, uint64_t n, uint64_t seq, int group, enum outcome_verdict verdict)
{
	struct outcome_group *judged = &f->groups[f->answer.outcome_count];
	struct outcome *outcome = add_outcome(f, n, seq, OUTCOME_JUDGED);

	*judged = (struct outcome_group){ .num = (uint8_t)group, .verdict = verdict };
	outcome->groups = judged;
	outcome->group_count = 1;
}

void fake_hold(struct fake *f, uint64_t n, uint64_t seq, enum held_reason reason)
{
	add_outcome(f, n, seq, OUTCOME_HELD)->reason = reason;
}

void fake_return(struct fake *f, uint64_t n, uint64_t seq)
{
	(void)add_outcome(f, n, seq, OUTCOME_RETURNED);
}

static struct value value_of(const struct field *field, const char *text)
{
	if (text != NULL && (field->type == TYPE_TIME || field->type == TYPE_INT || field->type == TYPE_BOOL))
		return value_int(strtoll(text, NULL, 10));
	return value_string(text);
}

void fake_record(struct fake *f, const char *kind, const char *id, const char *patient, uint64_t seq, int flags, ...)
{
	struct answer_record record = { .seq = seq, .id = fake_id(id) };
	const char *name = NULL;
	va_list args;

	record.kind = schema_kind(f->schema, kind, strlen(kind));
	record.patient = patient != NULL ? fake_id(patient) : record.kind->is_staff ? ID_STAFF : record.id;
	record.whole = (flags & RECORD_WHOLE) != 0;
	record.deleted = (flags & RECORD_DELETED) != 0;
	va_start(args, flags);
	while ((name = va_arg(args, const char *)) != NULL) {
		const char *text = va_arg(args, const char *);
		const int at = kind_field(record.kind, name, strlen(name));

		assert(at >= 0);
		record.mask |= record.kind->groups[record.kind->fields[at].group].mask;
		record.row.values[at] = value_of(&record.kind->fields[at], text);
	}
	va_end(args);
	record.base = f->splice_base;
	MUST(answer_record_encode(&f->records, &f->answer, &record));
	f->record_count++;
}

static bool is_expected(const struct fake *f)
{
	return f->request.expects &&
	       memcmp(f->request.expected_run, f->run.bytes, sizeof f->request.expected_run) == 0;
}

void fake_seal(struct fake *f)
{
	struct receipt receipt = { .device = FAKE_DEVICE, .counter = f->sync.head.counter, .last_n = f->received_n,
				   .seq = FAKE_SEQ, .run = f->run, .known = is_expected(f) };
	struct buf message;

	buf_init(&message, LIMIT_INFLATED_MAX);
	envelope_request_digest(&receipt.request, f->request_bytes.data, f->request_bytes.len);
	MUST(answer_encode(&message, &f->answer, &f->records, f->record_count));
	buf_reset(&f->answer_bytes);
	MUST(envelope_seal_answer(&f->answer_bytes, f->deflater, &receipt, &f->centre_key, message.data,
				  message.len));
	buf_close(&message);
}

enum status fake_take(struct fake *f, struct sync_report *report)
{
	struct sync_report own = { 0 };

	fake_seal(f);
	return sync_take(&f->sync, f->answer_bytes.data, f->answer_bytes.len, report != NULL ? report : &own, NULL);
}

void fake_accept_all(struct fake *f, uint64_t seq)
{
	fake_build(f);
	fake_begin(f);
	for (size_t i = 0; i < f->request.change_count; i++)
		fake_accept(f, f->request.changes[i].n, seq + i);
	MUST(fake_take(f, NULL));
}
