#include "proto/message.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"
#include "proto/limits.h"
#include "proto/pack.h"

enum key { KEY_SCHEMA, KEY_CURSOR, KEY_CHANGES, KEY_HELD, KEY_CLOCK, KEY_BUDGET, KEY_HEALTH, KEY_EXPECTED, KEY_COUNT };

enum health_key { HEALTH_PENDING, HEALTH_OLDEST, HEALTH_FREE, HEALTH_BATTERY, HEALTH_VERSION, HEALTH_COUNT };

#define CHANGE_IS_BRIEF 1
#define BATTERY_UNKNOWN (-1)
#define BATTERY_MAX 100

/* --- writing --- */

static void write_uint(msgpack_packer *packer, uint8_t key, uint64_t number)
{
	if (number == 0)
		return;
	msgpack_pack_uint8(packer, key);
	msgpack_pack_uint64(packer, number);
}

static void write_changes(msgpack_packer *packer, const struct request *request)
{
	if (request->change_count == 0)
		return;
	msgpack_pack_uint8(packer, KEY_CHANGES);
	msgpack_pack_array(packer, request->change_count);
	for (size_t i = 0; i < request->change_count; i++) {
		const struct request_change *change = &request->changes[i];

		assert(change->n > (i == 0 ? 0 : request->changes[i - 1].n) && change->n <= PACK_NUMBER_MAX);
		msgpack_pack_array(packer, change->brief.len > 0 ? 3 : 2);
		msgpack_pack_uint64(packer, change->n);
		if (change->brief.len == 0) {
			pack_bin(packer, change->body.data, change->body.len);
			continue;
		}
		pack_bin(packer, change->brief.data, change->brief.len);
		msgpack_pack_uint8(packer, CHANGE_IS_BRIEF);
	}
}

static void write_held(msgpack_packer *packer, const struct request *request)
{
	if (request->held_count == 0)
		return;
	msgpack_pack_uint8(packer, KEY_HELD);
	msgpack_pack_array(packer, request->held_count);
	for (size_t i = 0; i < request->held_count; i++) {
		assert(request->held[i].n > 0 && request->held[i].n <= PACK_NUMBER_MAX);
		msgpack_pack_array(packer, 2);
		msgpack_pack_uint64(packer, request->held[i].n);
		pack_bin(packer, request->held[i].digest, sizeof request->held[i].digest);
	}
}

static void write_clock(msgpack_packer *packer, const struct clock_now *clock)
{
	if (!clock->measured)
		return;
	msgpack_pack_uint8(packer, KEY_CLOCK);
	msgpack_pack_array(packer, clock->offset_ms != 0 ? 4 : 3);
	msgpack_pack_int64(packer, pack_clamp(clock->heard_ms, 0, MOMENT_MS_MAX));
	msgpack_pack_int64(packer, pack_clamp(clock->elapsed_ms, -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX));
	msgpack_pack_uint32(packer, clock->slack_ms);
	if (clock->offset_ms != 0)
		msgpack_pack_int64(packer, pack_clamp(clock->offset_ms, -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX));
}

static bool battery_known(const struct health *health)
{
	return health->battery_percent >= 0 && health->battery_percent <= BATTERY_MAX;
}

static size_t health_keys(const struct health *health)
{
	size_t count = 0;

	count += health->pending_count != 0;
	count += health->oldest_unsent_ms > 0;
	count += health->free_mb != 0;
	count += battery_known(health);
	count += health->version && *health->version;
	return count;
}

static void write_health(msgpack_packer *packer, const struct health *health)
{
	const size_t count = health_keys(health);

	if (count == 0)
		return;
	msgpack_pack_uint8(packer, KEY_HEALTH);
	msgpack_pack_map(packer, count);
	write_uint(packer, HEALTH_PENDING, health->pending_count);
	write_uint(packer, HEALTH_OLDEST, (uint64_t)pack_clamp(health->oldest_unsent_ms, 0, MOMENT_MS_MAX));
	write_uint(packer, HEALTH_FREE, health->free_mb);
	if (battery_known(health)) {
		msgpack_pack_uint8(packer, HEALTH_BATTERY);
		msgpack_pack_int(packer, health->battery_percent);
	}
	if (health->version && *health->version) {
		msgpack_pack_uint8(packer, HEALTH_VERSION);
		pack_text(packer, health->version, strlen(health->version));
	}
}

static enum status check_limits(const struct request *request)
{
	if (request->cursor.len > LIMIT_CURSOR_MAX || request->change_count > LIMIT_CHANGES_MAX ||
	    request->held_count > LIMIT_HELD_MAX)
		return ST_LIMIT;
	if (request->health.version && strlen(request->health.version) > LIMIT_TEXT_MAX)
		return ST_LIMIT;
	for (size_t i = 0; i < request->change_count; i++)
		if (request->changes[i].body.len > LIMIT_CHANGE_MAX || request->changes[i].brief.len > LIMIT_CHANGE_MAX)
			return ST_LIMIT;
	return ST_OK;
}

static size_t request_keys(const struct request *request)
{
	size_t count = 0;

	count += request->schema_version != 0;
	count += request->cursor.len != 0;
	count += request->change_count != 0;
	count += request->held_count != 0;
	count += request->clock.measured;
	count += request->budget != 0;
	count += health_keys(&request->health) != 0;
	count += request->expects;
	return count;
}

enum status request_encode(struct buf *out, const struct request *request)
{
	const size_t before = out->len;
	enum status st = check_limits(request);
	msgpack_packer packer;

	if (st != ST_OK)
		return st;
	pack_to(&packer, out);
	msgpack_pack_map(&packer, request_keys(request));
	write_uint(&packer, KEY_SCHEMA, request->schema_version);
	if (request->cursor.len > 0) {
		msgpack_pack_uint8(&packer, KEY_CURSOR);
		pack_bin(&packer, request->cursor.data, request->cursor.len);
	}
	write_changes(&packer, request);
	write_held(&packer, request);
	write_clock(&packer, &request->clock);
	write_uint(&packer, KEY_BUDGET, request->budget);
	write_health(&packer, &request->health);
	if (request->expects) {
		msgpack_pack_uint8(&packer, KEY_EXPECTED);
		pack_bin(&packer, request->expected_run, sizeof request->expected_run);
	}
	if (out->len - before > LIMIT_INFLATED_MAX)
		st = ST_LIMIT;
	return pack_end(out, before, st);
}

/* --- reading --- */

static bool read_uint(const msgpack_object *object, uint64_t max, uint64_t *out)
{
	*out = 0;
	return !object || pack_get_uint(object, max, out);
}

static enum status read_cursor(const msgpack_object *object, struct bytes *out)
{
	if (!object)
		return ST_OK;
	if (object->type != MSGPACK_OBJECT_BIN)
		return ST_PROTOCOL;
	if (object->via.bin.size > LIMIT_CURSOR_MAX)
		return ST_LIMIT;
	*out = (struct bytes){ object->via.bin.ptr, object->via.bin.size };
	return ST_OK;
}

/* The array under a key (absent = empty), held against its limit before room is made for it. */
struct list {
	const msgpack_object *items;
	size_t count;
	void *room; /* count elements, zeroed, in the arena */
};

static enum status read_list(const msgpack_object *object, size_t count_max, size_t element_size,
			     struct arena *arena, struct list *list)
{
	*list = (struct list){ 0 };
	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &list->count, &list->items))
		return ST_PROTOCOL;
	if (list->count > count_max)
		return ST_LIMIT;
	list->room = arena_zalloc(arena, list->count > 0 ? list->count * element_size : 1);
	return list->room ? ST_OK : ST_NOMEM;
}

static enum status read_change(const msgpack_object *object, uint64_t n_before, struct request_change *out)
{
	const msgpack_object *pair;
	struct bytes *bytes = &out->body;
	size_t count;

	if (!pack_get_array(object, &count, &pair) || (count != 2 && count != 3))
		return ST_PROTOCOL;
	if (count == 3) {
		uint64_t form;

		if (!pack_get_uint(&pair[2], CHANGE_IS_BRIEF, &form) || form != CHANGE_IS_BRIEF)
			return ST_PROTOCOL;
		bytes = &out->brief;
	}
	if (!pack_get_uint(&pair[0], PACK_NUMBER_MAX, &out->n) || out->n <= n_before)
		return ST_PROTOCOL;
	if (pair[1].type != MSGPACK_OBJECT_BIN || (count == 3 && pair[1].via.bin.size == 0))
		return ST_PROTOCOL;
	if (pair[1].via.bin.size > LIMIT_CHANGE_MAX)
		return ST_LIMIT;
	*bytes = (struct bytes){ pair[1].via.bin.ptr, pair[1].via.bin.size };
	return ST_OK;
}

static enum status read_changes(const msgpack_object *object, struct arena *arena, struct request *request)
{
	struct request_change *changes;
	struct list list;
	enum status st = read_list(object, LIMIT_CHANGES_MAX, sizeof *changes, arena, &list);

	changes = list.room;
	for (size_t i = 0; st == ST_OK && i < list.count; i++)
		st = read_change(&list.items[i], i > 0 ? changes[i - 1].n : 0, &changes[i]);
	request->changes = changes;
	request->change_count = list.count;
	return st;
}

static enum status read_held(const msgpack_object *object, struct arena *arena, struct request *request)
{
	struct request_held *held;
	const msgpack_object *pair;
	struct list list;
	size_t count;
	enum status st = read_list(object, LIMIT_HELD_MAX, sizeof *held, arena, &list);

	held = list.room;
	for (size_t i = 0; st == ST_OK && i < list.count; i++) {
		if (!pack_get_array(&list.items[i], &count, &pair) || count != 2 ||
		    !pack_get_uint(&pair[0], PACK_NUMBER_MAX, &held[i].n) || held[i].n == 0 ||
		    !pack_get_bin(&pair[1], sizeof held[i].digest, held[i].digest))
			st = ST_PROTOCOL;
	}
	request->held = held;
	request->held_count = list.count;
	return st;
}

static enum status read_clock(const msgpack_object *object, struct clock_now *clock)
{
	const msgpack_object *items;
	uint64_t heard, slack;
	size_t count;

	if (!object)
		return ST_OK;
	if (!pack_get_array(object, &count, &items) || (count != 3 && count != 4))
		return ST_PROTOCOL;
	if (count == 4 && !pack_get_int(&items[3], -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX, &clock->offset_ms))
		return ST_PROTOCOL;
	if (!pack_get_uint(&items[0], MOMENT_MS_MAX, &heard) ||
	    !pack_get_int(&items[1], -PACK_ELAPSED_MAX, PACK_ELAPSED_MAX, &clock->elapsed_ms) ||
	    !pack_get_uint(&items[2], UINT32_MAX, &slack))
		return ST_PROTOCOL;
	clock->heard_ms = (int64_t)heard;
	clock->slack_ms = (uint32_t)slack;
	clock->measured = true;
	return ST_OK;
}

static enum status read_health(const msgpack_object *object, struct arena *arena, struct health *health)
{
	const msgpack_object *slots[HEALTH_COUNT] = { NULL };
	uint64_t oldest, battery;
	bool unknown = false;

	if (object && (!pack_slots(object, slots, HEALTH_COUNT, &unknown) || unknown))
		return ST_PROTOCOL;
	if (!read_uint(slots[HEALTH_PENDING], PACK_NUMBER_MAX, &health->pending_count) ||
	    !read_uint(slots[HEALTH_OLDEST], MOMENT_MS_MAX, &oldest) ||
	    !read_uint(slots[HEALTH_FREE], PACK_NUMBER_MAX, &health->free_mb) ||
	    !read_uint(slots[HEALTH_BATTERY], BATTERY_MAX, &battery))
		return ST_PROTOCOL;
	health->oldest_unsent_ms = (int64_t)oldest;
	health->battery_percent = slots[HEALTH_BATTERY] ? (int)battery : BATTERY_UNKNOWN;
	return pack_get_text(slots[HEALTH_VERSION], LIMIT_TEXT_MAX, arena, &health->version);
}

static enum status read_root(const msgpack_object *root, struct arena *arena, struct request *request)
{
	const msgpack_object *slots[KEY_COUNT];
	uint64_t schema, budget;
	bool unknown;
	enum status st;

	if (!pack_slots(root, slots, KEY_COUNT, &unknown) || unknown)
		return ST_PROTOCOL;
	if (!read_uint(slots[KEY_SCHEMA], UINT16_MAX, &schema) ||
	    !read_uint(slots[KEY_BUDGET], UINT32_MAX, &budget))
		return ST_PROTOCOL;
	request->schema_version = (uint16_t)schema;
	request->budget = (uint32_t)budget;
	request->expects = slots[KEY_EXPECTED] != NULL;
	if (request->expects &&
	    !pack_get_bin(slots[KEY_EXPECTED], sizeof request->expected_run, request->expected_run))
		return ST_PROTOCOL;
	st = read_cursor(slots[KEY_CURSOR], &request->cursor);
	if (st == ST_OK)
		st = read_changes(slots[KEY_CHANGES], arena, request);
	if (st == ST_OK)
		st = read_held(slots[KEY_HELD], arena, request);
	if (st == ST_OK)
		st = read_clock(slots[KEY_CLOCK], &request->clock);
	if (st == ST_OK)
		st = read_health(slots[KEY_HEALTH], arena, &request->health);
	return st;
}

enum status request_decode(const void *bytes, size_t len, struct arena *arena, struct request *request_out)
{
	struct request request = { 0 };
	struct pack pack = { 0 };
	enum status st;

	if (len > LIMIT_INFLATED_MAX)
		return ST_LIMIT;
	st = pack_open(&pack, bytes, len);
	if (st == ST_OK)
		st = read_root(&pack.root, arena, &request);
	pack_close(&pack);
	if (st == ST_OK)
		*request_out = request;
	return st;
}
