#include "daemon/chain.h"

#include <assert.h>
#include <string.h>

#include "daemon/group_meta.h"

#define MARKS_BYTES_MAX (32U << 20) /* less than a walk over anchors may hold */
#define GROUPS_MAX (SCHEMA_FIELDS_MAX + 1)

/* What a row of this transaction is about, to find its state at the end. */
struct touched {
	uint8_t kind_num;
	bool held;
	struct id id;
};

static void put_u64(uint8_t out[8], uint64_t number)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(number >> (56 - 8 * i));
}

/* --- digests --- */

void history_content(struct digest *out, const struct history *history)
{
	const struct history *const h = history;
	uint8_t device[16], kind[8], body_len[8], times[40], groups[8 + 2 * GROUPS_MAX], merged_len[8], of_seq[8];

	assert(h->group_count <= GROUPS_MAX);
	put_u64(device, h->device);
	put_u64(device + 8, h->n);
	put_u64(kind, h->kind_num);
	put_u64(body_len, h->body.len);
	put_u64(times, (uint64_t)h->at.lo_ms);
	put_u64(times + 8, (uint64_t)h->at.hi_ms);
	put_u64(times + 16, (uint64_t)h->received_ms);
	put_u64(times + 24, (uint64_t)h->result);
	put_u64(times + 32, (uint64_t)h->reason);
	put_u64(groups, h->group_count);
	for (size_t i = 0; i < h->group_count; i++) {
		groups[8 + 2 * i] = h->groups[i].num;
		groups[9 + 2 * i] = (uint8_t)h->groups[i].verdict;
	}
	put_u64(merged_len, h->merged.len);
	put_u64(of_seq, h->of_seq);

	const struct part parts[] = {
		{ h->salt, sizeof h->salt },
		{ device, sizeof device },
		{ h->digest.bytes, DIGEST_SIZE },
		{ h->author.bytes, ID_SIZE },
		{ kind, sizeof kind },
		{ h->id.bytes, ID_SIZE },
		{ h->patient.bytes, ID_SIZE },
		{ body_len, sizeof body_len },
		{ h->body.data, h->body.len },
		{ times, sizeof times },
		{ groups, 8 + 2 * h->group_count },
		{ merged_len, sizeof merged_len },
		{ h->merged.data, h->merged.len },
		{ of_seq, sizeof of_seq },
	};

	digest_of(out, "content", parts, sizeof parts / sizeof parts[0]);
}

void chain_link(struct digest *link, uint64_t seq, const struct digest *content)
{
	const struct digest before = *link;
	uint8_t number[8];
	const struct part parts[] = {
		{ before.bytes, DIGEST_SIZE },
		{ number, sizeof number },
		{ content->bytes, DIGEST_SIZE },
	};

	put_u64(number, seq);
	digest_of(link, "link", parts, 3);
}

void chain_held_state(uint8_t out[8], const struct held *held)
{
	uint8_t front[24], kind[8], why[16], received[8];
	const struct part parts[] = {
		{ front, sizeof front },
		{ held->author.bytes, ID_SIZE },
		{ kind, sizeof kind },
		{ held->id.bytes, ID_SIZE },
		{ held->patient.bytes, ID_SIZE },
		{ why, sizeof why },
		{ held->wait_id.bytes, ID_SIZE },
		{ received, sizeof received },
		{ held->detail, strnlen(held->detail, sizeof held->detail) },
	};
	struct digest digest;

	put_u64(front, held->seq);
	put_u64(front + 8, held->device);
	put_u64(front + 16, held->n);
	put_u64(kind, held->kind_num);
	put_u64(why, (uint64_t)held->reason);
	put_u64(why + 8, held->wait_kind);
	put_u64(received, (uint64_t)held->received_ms);
	digest_of(&digest, "held", parts, sizeof parts / sizeof parts[0]);
	memcpy(out, digest.bytes, 8);
}

enum status chain_record_state(uint8_t out[8], const struct record *record)
{
	uint8_t kind[8], numbers[24];
	struct digest digest;
	struct buf groups;
	enum status st;

	buf_init(&groups, GROUP_META_SIZE_MAX);
	group_meta_encode(&groups, record);
	st = buf_status(&groups);
	put_u64(kind, record->kind->num);
	put_u64(numbers, record->seq);
	put_u64(numbers + 8, record->created_seq);
	put_u64(numbers + 16, record->deleted);

	const struct part parts[] = {
		{ kind, sizeof kind },
		{ record->id.bytes, ID_SIZE },
		{ record->patient.bytes, ID_SIZE },
		{ numbers, sizeof numbers },
		{ groups.data, groups.len },
	};

	if (st == ST_OK) {
		digest_of(&digest, "state", parts, sizeof parts / sizeof parts[0]);
		memcpy(out, digest.bytes, 8);
	}
	buf_close(&groups);
	return st;
}

/* Parts of what an anchor's signatures cover, the head last; numbers: 16 bytes of room. */
static void anchor_parts(const struct anchor *anchor, uint8_t numbers[16], struct part parts[3])
{
	put_u64(numbers, anchor->first_seq);
	put_u64(numbers + 8, anchor->seq);
	parts[0] = (struct part){ numbers, 16 };
	parts[1] = (struct part){ anchor->contents.data, anchor->contents.len };
	parts[2] = (struct part){ anchor->head.bytes, DIGEST_SIZE };
}

bool anchor_verify(const struct anchor *anchor, const uint8_t public_key[PUBLIC_KEY_SIZE])
{
	uint8_t numbers[16];
	struct part parts[3];

	anchor_parts(anchor, numbers, parts);
	return verify_parts(anchor->signature, public_key, "anchor", parts, 3);
}

bool anchor_verify_contents(const struct anchor *anchor, const uint8_t public_key[PUBLIC_KEY_SIZE])
{
	uint8_t numbers[16];
	struct part parts[3];

	anchor_parts(anchor, numbers, parts);
	return verify_parts(anchor->contents_signature, public_key, "marks", parts, 2);
}

/* --- writing --- */

/* meta "head", zero in an empty store. */
static enum status read_head(struct store *store, struct digest *out)
{
	struct bytes head = { 0 };
	struct arena arena;
	enum status st;

	arena_init(&arena, 4096);
	st = store->ops->meta_get(store, "head", &arena, &head);
	if (st == ST_OK && head.len != DIGEST_SIZE)
		st = ST_CORRUPT;
	if (st == ST_OK)
		memcpy(out->bytes, head.data, DIGEST_SIZE);
	if (st == ST_NOT_FOUND) {
		memset(out->bytes, 0, DIGEST_SIZE);
		st = ST_OK;
	}
	arena_close(&arena);
	return st;
}

enum status chain_begin(struct chain *chain, struct store *store)
{
	struct digest head = { 0 };
	int64_t seq = 0, own_n = 0;
	enum status st = read_head(store, &head);

	if (st == ST_OK)
		st = store->ops->meta_get_int(store, "seq", &seq);
	if (st == ST_OK)
		st = store->ops->meta_get_int(store, "own_n", &own_n);
	if (st == ST_OK && (seq < 0 || seq == INT64_MAX || own_n < 0))
		st = ST_CORRUPT;
	*chain = (struct chain){ .store = store };
	if (st != ST_OK)
		return st;
	chain->head = head;
	chain->seq = (uint64_t)seq;
	chain->own_n = (uint64_t)own_n;
	buf_init(&chain->contents, MARKS_BYTES_MAX);
	buf_init(&chain->touched, MARKS_BYTES_MAX);
	buf_init(&chain->waits, MARKS_BYTES_MAX);
	return ST_OK;
}

void chain_close(struct chain *chain)
{
	if (chain == NULL)
		return;
	buf_close(&chain->contents);
	buf_close(&chain->touched);
	buf_close(&chain->waits);
}

struct chain_mark chain_mark(const struct chain *chain)
{
	return (struct chain_mark){
		.head = chain->head,
		.seq = chain->seq,
		.first_seq = chain->first_seq,
		.own_n = chain->own_n,
		.contents_len = chain->contents.len,
		.touched_len = chain->touched.len,
		.waits_len = chain->waits.len,
	};
}

void chain_back(struct chain *chain, const struct chain_mark *mark)
{
	assert(mark->seq <= chain->seq);
	assert(mark->contents_len <= chain->contents.len && mark->touched_len <= chain->touched.len);
	assert(mark->waits_len <= chain->waits.len);
	chain->head = mark->head;
	chain->seq = mark->seq;
	chain->first_seq = mark->first_seq;
	chain->own_n = mark->own_n;
	chain->contents.len = mark->contents_len;
	chain->contents.status = ST_OK;
	chain->touched.len = mark->touched_len;
	chain->touched.status = ST_OK;
	chain->waits.len = mark->waits_len;
	chain->waits.status = ST_OK;
}

static enum status note_row(struct chain *chain, const struct history *history)
{
	static const uint8_t no_state[CHAIN_MARK_SIZE - 8];
	struct touched touched;

	memset(&touched, 0, sizeof touched);
	touched.kind_num = history->kind_num;
	touched.held = history->result == OUTCOME_HELD && history->of_seq == 0;
	touched.id = history->id;
	buf_add(&chain->touched, &touched, sizeof touched);
	buf_add(&chain->contents, history->content.bytes, 8);
	buf_add(&chain->contents, no_state, sizeof no_state);
	if (buf_status(&chain->touched) != ST_OK)
		return buf_status(&chain->touched);
	return buf_status(&chain->contents);
}

enum status chain_add(struct chain *chain, struct history *history)
{
	const struct env *env = chain->store->env;
	enum status st;

	assert(chain->seq < INT64_MAX && history->of_seq <= chain->seq);
	history->seq = chain->seq + 1;
	env->random(env->ctx, history->salt, sizeof history->salt);
	history_content(&history->content, history);
	history->link = chain->head;
	chain_link(&history->link, history->seq, &history->content);
	st = chain->store->ops->history_add(chain->store, history);
	if (st == ST_OK)
		st = note_row(chain, history);
	if (st != ST_OK)
		return st;
	chain->seq = history->seq;
	chain->head = history->link;
	if (chain->first_seq == 0)
		chain->first_seq = history->seq;
	if (history->device == 0 && history->of_seq == 0)
		chain->own_n = history->n;
	return ST_OK;
}

enum status chain_waits(struct chain *chain, uint64_t seq)
{
	buf_add(&chain->waits, &seq, sizeof seq);
	return buf_status(&chain->waits);
}

/* The second half of the mark of row seq. */
static enum status fill_state(struct chain *chain, uint64_t seq, const struct touched *touched, uint8_t out[8])
{
	struct store *store = chain->store;
	const struct kind *kind = schema_kind_num(store->schema, touched->kind_num);
	struct record record;
	struct held held;
	enum status st;

	if (touched->held) {
		st = store->ops->held_get(store, seq, &held);
		if (st == ST_OK)
			chain_held_state(out, &held);
	} else if (kind != NULL) {
		st = store->ops->record_marks(store, kind, &touched->id, &record);
		if (st == ST_OK && record.seq == seq)
			st = chain_record_state(out, &record);
	} else {
		st = ST_NOT_FOUND;
	}
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status fill_states(struct chain *chain)
{
	size_t count = chain->contents.len / CHAIN_MARK_SIZE;
	enum status st = ST_OK;

	assert(count == chain->seq - chain->first_seq + 1 && count * sizeof(struct touched) == chain->touched.len);
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		struct touched touched;

		memcpy(&touched, chain->touched.data + i * sizeof touched, sizeof touched);
		st = fill_state(chain, chain->first_seq + i, &touched, chain->contents.data + i * CHAIN_MARK_SIZE + 8);
	}
	return st;
}

static enum status add_waits(struct chain *chain)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < chain->waits.len / sizeof(uint64_t) && st == ST_OK; i++) {
		uint8_t mark[CHAIN_MARK_SIZE];
		struct held held;
		uint64_t seq;

		memcpy(&seq, chain->waits.data + i * sizeof seq, sizeof seq);
		st = chain->store->ops->held_get(chain->store, seq, &held);
		if (st != ST_OK)
			break;
		put_u64(mark, seq);
		chain_held_state(mark + 8, &held);
		buf_add(&chain->contents, mark, sizeof mark);
		st = buf_status(&chain->contents);
	}
	return st;
}

static enum status add_anchor(struct chain *chain, const struct sign_key *key)
{
	struct anchor anchor = { .seq = chain->seq, .first_seq = chain->first_seq, .head = chain->head };
	uint8_t numbers[16];
	struct part parts[3];
	enum status st = fill_states(chain);

	if (st == ST_OK)
		st = add_waits(chain);
	if (st != ST_OK)
		return st;
	anchor.contents = (struct bytes){ chain->contents.data, chain->contents.len };
	anchor_parts(&anchor, numbers, parts);
	sign_parts(anchor.signature, key, "anchor", parts, 3);
	sign_parts(anchor.contents_signature, key, "marks", parts, 2);
	return chain->store->ops->anchor_add(chain->store, &anchor);
}

enum status chain_end(struct chain *chain, const struct sign_key *key)
{
	struct store *store = chain->store;
	enum status st;

	if (chain->first_seq == 0)
		return ST_OK;
	st = add_anchor(chain, key);
	env_crash_point(store->env, "B12 after audit row");
	if (st == ST_OK)
		st = store->ops->meta_set_int(store, "seq", (int64_t)chain->seq);
	if (st == ST_OK)
		st = store->ops->meta_set_int(store, "own_n", (int64_t)chain->own_n);
	if (st == ST_OK)
		st = store->ops->meta_set(store, "head", chain->head.bytes, DIGEST_SIZE);
	return st;
}

enum status chain_new_epoch(struct store *store)
{
	const int64_t seconds = store->env->wall_ms(store->env->ctx) / 1000;
	int64_t seq, epoch;
	enum status st = store->ops->meta_get_int(store, "seq", &seq);

	if (st != ST_OK)
		return st;
	if (seq < 0 || seq >> STORE_EPOCH_SHIFT >= (INT64_MAX >> STORE_EPOCH_SHIFT) - 1)
		return ST_CORRUPT;
	epoch = (seq >> STORE_EPOCH_SHIFT) + 1;
	/* A clock beyond what sequences can hold, the year 19000 or so, decides nothing. */
	if (seconds > epoch && seconds < INT64_MAX >> STORE_EPOCH_SHIFT)
		epoch = seconds;
	return store->ops->meta_set_int(store, "seq", (epoch << STORE_EPOCH_SHIFT) - 1);
}
