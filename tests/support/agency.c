#include "tests/support/agency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

static int64_t clock_now(void *ctx)
{
	return ((const struct agency *)ctx)->now_ms;
}

static void make_random(void *ctx, void *out, size_t len)
{
	struct agency *a = ctx;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++) {
		a->random = a->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(a->random >> 56);
	}
}

static void count_log(void *ctx, enum log_level level, const char *module, const char *event, const char *fields)
{
	struct agency *a = ctx;

	(void)module, (void)event, (void)fields;
	if (level <= LOG_WARNING)
		a->warnings++;
}

static void begin(struct agency *a)
{
	assert_int_equal(a->store->ops->begin_write(a->store), ST_OK);
	assert_int_equal(chain_begin(&a->chain, a->store), ST_OK);
}

void agency_open(struct agency *a)
{
	static const uint8_t seed[SEED_SIZE] = { 7 };

	*a = (struct agency){ .now_ms = AGENCY_START_MS };
	a->env = (struct env){
		.ctx = a, .wall_ms = clock_now, .boot_ms = clock_now, .random = make_random, .log = count_log,
	};
	a->schema = malloc(sizeof *a->schema);
	assert_non_null(a->schema);
	schema_init(a->schema, SCHEMA_DOORSTEP, SCHEMA_DOORSTEP_COUNT, SCHEMA_DOORSTEP_VERSION);
	sign_key_from_seed(&a->key, seed);
	arena_init(&a->arena, ARENA_MAX);
	assert_int_equal(store_sqlite_open(&a->store, ":memory:", a->schema, &a->env, true, NULL), ST_OK);
	begin(a);
	a->in = (struct intake){
		.store = a->store, .chain = &a->chain, .schema = a->schema, .env = &a->env, .arena = &a->arena,
	};
}

void agency_close(struct agency *a)
{
	a->store->ops->rollback(a->store);
	chain_close(&a->chain);
	a->store->ops->close(a->store);
	arena_close(&a->arena);
	free(a->schema);
}

void agency_commit(struct agency *a)
{
	assert_int_equal(chain_end(&a->chain, &a->key), ST_OK);
	assert_int_equal(a->store->ops->commit(a->store), ST_OK);
	chain_close(&a->chain);
	begin(a);
}

static void show_finding(void *ctx, const char *place, const char *what)
{
	(void)ctx;
	print_message("%s: %s\n", place, what);
}

void agency_verify(struct agency *a)
{
	struct verify_report report;

	agency_commit(a);
	assert_int_equal(chain_verify(a->store, a->key.public, show_finding, NULL, NULL, &report), ST_OK);
	assert_int_equal(report.findings, 0);
	assert_true(report.rows > 0);
}

const struct kind *agency_kind(const struct agency *a, const char *name)
{
	const struct kind *kind = schema_kind(a->schema, name, strlen(name));

	if (!kind)
		fail_msg("no kind %s", name);
	return kind;
}

struct id agency_id(struct agency *a)
{
	uint8_t random[10];
	struct id id;

	make_random(a, random, sizeof random);
	id_make_v7(&id, AGENCY_START_MS + (int64_t)++a->ids, random);
	return id;
}

/* --- changes --- */

struct change *agency_change(struct agency *a, const char *kind, const struct id *id, const struct id *patient)
{
	struct change *change = arena_zalloc(&a->arena, sizeof *change);

	assert_non_null(change);
	change->kind = agency_kind(a, kind);
	change->id = *id;
	change->create = patient != NULL;
	if (patient)
		change->patient = *patient;
	return change;
}

static struct value *field_of(struct change *change, const char *field)
{
	int f = kind_field(change->kind, field, strlen(field));

	if (f < 0)
		fail_msg("no field %s.%s", change->kind->name, field);
	return &change->row.values[f];
}

void agency_set(struct change *change, const char *field, const char *text)
{
	*field_of(change, field) = value_string(text);
}

void agency_set_int(struct change *change, const char *field, int64_t integer)
{
	*field_of(change, field) = value_int(integer);
}

void agency_set_id(struct agency *a, struct change *change, const char *field, const struct id *id)
{
	char *text = arena_alloc(&a->arena, ID_TEXT_SIZE);

	assert_non_null(text);
	id_format(id, text);
	*field_of(change, field) = value_text(text, ID_TEXT_LEN);
}

void agency_group(struct agency *a, struct change *change, const char *group, struct version base)
{
	int g = group[0] ? kind_group(change->kind, group, strlen(group)) : -1;
	struct change_group *out = &change->groups[change->group_count++];

	if (group[0] && g < 0)
		fail_msg("no group %s.%s", change->kind->name, group);
	*out = (struct change_group){ .num = g < 0 ? SCHEMA_GROUP_DELETED : change->kind->groups[g].num, .base = base };
	if (g >= 0 && agency_has(a, change->kind->name, &change->id))
		row_copy(&change->row, &agency_record(a, change->kind->name, &change->id)->row,
			 change->kind->groups[g].mask);
}

struct version agency_seq(uint64_t seq)
{
	return (struct version){ .tag = VERSION_SEQ, .seq = seq };
}

struct version agency_own(uint64_t n)
{
	return (struct version){ .tag = VERSION_OWN, .n = n };
}

/* As the centre does for each first-time number. */
static void count_number(struct agency *a, uint32_t tablet, uint64_t n, const void *body, size_t len)
{
	struct device device;
	struct digest digest;

	if (tablet == 0 || a->store->ops->device_get(a->store, tablet, &device) != ST_OK || n != device.last_n + 1)
		return;
	device.last_n = n;
	change_digest(&digest, body, len);
	change_run(&device.run, n, &digest);
	assert_int_equal(a->store->ops->device_put(a->store, &device), ST_OK);
}

const struct outcome *agency_take_bytes(struct agency *a, const struct intake_source *source, uint64_t n,
					const void *body, size_t len)
{
	a->in.now_ms = a->now_ms;
	assert_int_equal(intake_take(&a->in, source, n, body, len, &a->outcome, &a->taken), ST_OK);
	count_number(a, source->device, n, body, len);
	return &a->outcome;
}

const struct outcome *agency_take(struct agency *a, uint32_t tablet, const struct id *author, uint64_t n,
				  const struct change *change)
{
	struct intake_source source = { .device = tablet, .author = *author, .received_ms = a->now_ms };
	struct buf body;

	buf_init(&body, (size_t)1024 * 1024);
	assert_int_equal(change_encode(&body, change), ST_OK);
	(void)agency_take_bytes(a, &source, n, body.data, body.len);
	buf_close(&body);
	return &a->outcome;
}

const struct outcome *agency_own_change(struct agency *a, struct change *change)
{
	a->in.now_ms = a->now_ms;
	assert_int_equal(intake_own(&a->in, &ID_STAFF, change, &a->outcome), ST_OK);
	return &a->outcome;
}

/* --- people --- */

struct id agency_worker(struct agency *a, const char *name)
{
	struct id id = agency_id(a);
	struct change *change = agency_change(a, "worker", &id, &ID_STAFF);
	struct account account = { .worker = id, .active = true };

	agency_set(change, "name", name);
	agency_set(change, "role", "care-manager");
	agency_set_int(change, "active", 1);
	assert_int_equal(agency_own_change(a, change)->result, OUTCOME_ACCEPTED);
	(void)snprintf(account.login, sizeof account.login, "login%" PRIu64, a->ids);
	(void)snprintf(account.name, sizeof account.name, "%s", name);
	(void)snprintf(account.role, sizeof account.role, "care-manager");
	assert_int_equal(a->store->ops->account_put(a->store, &account), ST_OK);
	return id;
}

uint32_t agency_tablet(struct agency *a, const struct id *worker)
{
	struct device device = { .worker = *worker, .enrolled_ms = a->now_ms, .schema_version = a->schema->version };

	device.public_key[0] = (uint8_t)++a->ids;
	(void)snprintf(device.name, sizeof device.name, "tablet %" PRIu64, a->ids);
	device.health.version = device.version;
	device.health.battery_percent = -1;
	assert_int_equal(a->store->ops->device_put(a->store, &device), ST_OK);
	return device.device;
}

struct id agency_patient(struct agency *a, const char *name)
{
	struct id id = agency_id(a);
	struct change *change = agency_change(a, "patient", &id, &id);

	agency_set(change, "name", name);
	assert_int_equal(agency_own_change(a, change)->result, OUTCOME_ACCEPTED);
	return id;
}

void agency_assign(struct agency *a, const struct id *worker, const struct id *patient)
{
	struct id id = agency_id(a);
	struct change *change = agency_change(a, "assignment", &id, patient);

	agency_set_id(a, change, "worker", worker);
	agency_set(change, "reason", "own");
	agency_set_int(change, "starts", a->now_ms);
	assert_int_equal(agency_own_change(a, change)->result, OUTCOME_ACCEPTED);
}

struct pair {
	struct agency *a;
	const struct id *worker;
	struct id ids[16];
	size_t count;
};

static enum status pair_visit(void *ctx, const struct record *record)
{
	struct pair *pair = ctx;
	int f = kind_field(record->kind, "worker", 6), ends = kind_field(record->kind, "ends", 4);
	struct id worker;

	if (record->deleted || record->row.values[ends].tag != VALUE_NULL || pair->count == 16)
		return ST_OK;
	if (id_parse(record->row.values[f].text, record->row.values[f].len, &worker) && id_equal(&worker, pair->worker))
		pair->ids[pair->count++] = record->id;
	return ST_OK;
}

void agency_unassign(struct agency *a, const struct id *worker, const struct id *patient)
{
	struct pair pair = { .a = a, .worker = worker };

	assert_int_equal(a->store->ops->record_each(a->store, agency_kind(a, "assignment"), patient, pair_visit, &pair),
			 ST_OK);
	for (size_t i = 0; i < pair.count; i++) {
		struct change *change = agency_change(a, "assignment", &pair.ids[i], NULL);

		agency_group(a, change, "ends", (struct version){ .tag = VERSION_NONE });
		agency_set_int(change, "ends", a->now_ms);
		assert_int_equal(agency_own_change(a, change)->result, OUTCOME_ACCEPTED);
	}
}

/* --- what stands --- */

const struct record *agency_record(struct agency *a, const char *kind, const struct id *id)
{
	struct record *record = arena_zalloc(&a->arena, sizeof *record);

	assert_non_null(record);
	assert_int_equal(a->store->ops->record_get(a->store, agency_kind(a, kind), id, &a->arena, record), ST_OK);
	return record;
}

bool agency_has(struct agency *a, const char *kind, const struct id *id)
{
	struct id patient;
	bool deleted;

	return a->store->ops->record_head(a->store, agency_kind(a, kind), id, &patient, &deleted) == ST_OK;
}

const char *agency_text(struct agency *a, const char *kind, const struct id *id, const char *field)
{
	const struct record *record = agency_record(a, kind, id);
	int f = kind_field(record->kind, field, strlen(field));
	const struct value *value = &record->row.values[f];
	char number[24];

	assert_true(f >= 0);
	if (value->tag == VALUE_NULL)
		return "";
	if (value->tag == VALUE_TEXT)
		return arena_copy(&a->arena, value->text, value->len);
	(void)snprintf(number, sizeof number, "%" PRId64, value->integer);
	return arena_copy(&a->arena, number, strlen(number));
}

uint64_t agency_group_seq(struct agency *a, const char *kind, const struct id *id, const char *group)
{
	const struct record *record = agency_record(a, kind, id);
	int g = kind_group(record->kind, group, strlen(group));

	assert_true(g >= 0);
	return record->groups[g].seq;
}

struct conflict_list {
	struct id *ids;
	uint64_t seqs[64];
	size_t room, count;
};

/* Keeps them in the order in which they were made. */
static enum status conflict_visit(void *ctx, const struct record *record)
{
	struct conflict_list *list = ctx;
	size_t at = list->count++;

	if (list->count > list->room)
		return ST_OK;
	for (; at > 0 && list->seqs[at - 1] > record->created_seq; at--) {
		list->seqs[at] = list->seqs[at - 1];
		list->ids[at] = list->ids[at - 1];
	}
	list->seqs[at] = record->created_seq;
	list->ids[at] = record->id;
	return ST_OK;
}

size_t agency_conflicts(struct agency *a, const struct id *patient, struct id *ids, size_t room)
{
	struct conflict_list list = { .ids = ids, .room = room < 64 ? room : 64 };

	assert_int_equal(a->store->ops->record_each(a->store, agency_kind(a, "conflict"), patient, conflict_visit, &list),
			 ST_OK);
	return list.count;
}
