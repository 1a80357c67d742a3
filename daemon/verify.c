/* verify.c - history, chain, anchors, held changes, tablets' numbers. */
#include "daemon/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/access.h"
#include "proto/change.h"

#define PLACE_SIZE 160
#define LIST_BYTES_MAX ((size_t)1 << 30)
#define PROGRESS_ROWS 1024

void verify_say(struct verify *v, const char *place, const char *what)
{
	v->report->findings++;
	v->found(v->ctx, place, what);
}

void verify_say_record(struct verify *v, const struct kind *kind, const struct id *id, const char *what)
{
	char place[PLACE_SIZE], text[ID_TEXT_SIZE];

	id_format(id, text);
	(void)snprintf(place, sizeof place, "record %s/%s", kind->name, text);
	verify_say(v, place, what);
}

static void say_number(struct verify *v, const char *thing, uint64_t number, const char *what)
{
	char place[PLACE_SIZE];

	(void)snprintf(place, sizeof place, "%s %" PRIu64, thing, number);
	verify_say(v, place, what);
}

static void say_row(struct verify *v, const struct history *h, const char *what)
{
	char place[PLACE_SIZE];

	(void)snprintf(place, sizeof place, "history %" PRIu64 " (device %" PRIu32 ", change %" PRIu64 ")", h->seq,
		       h->device, h->n);
	verify_say(v, place, what);
}

static void say_missing(struct verify *v, uint64_t first, uint64_t last)
{
	char place[PLACE_SIZE];

	if (first == last) {
		say_number(v, "history", first, "a row that was signed is missing");
		return;
	}
	(void)snprintf(place, sizeof place, "history %" PRIu64 " to %" PRIu64, first, last);
	verify_say(v, place, "rows that were signed are missing");
}

/* --- held changes --- */

static struct held_mark *helds(const struct verify *v, size_t *count_out)
{
	*count_out = v->helds.len / sizeof(struct held_mark);
	return (struct held_mark *)(void *)v->helds.data;
}

static struct held_mark *held_mark(const struct verify *v, uint64_t seq)
{
	size_t low = 0, high;
	struct held_mark *marks = helds(v, &high);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (marks[middle].seq == seq)
			return &marks[middle];
		if (marks[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A row that holds a change, or answers one that is held. */
static enum status note_held(struct verify *v, const struct history *h, const uint8_t *mark)
{
	struct held_mark held, *answered;

	if (h->of_seq != 0) {
		answered = held_mark(v, h->of_seq);
		if (answered == NULL || answered->answer_seq != 0) {
			say_row(v, h, "it answers a held change that is not there to be answered");
			return ST_OK;
		}
		answered->answer_seq = h->seq;
		answered->state = h->result == OUTCOME_RETURNED ? HELD_WAS_RETURNED : HELD_WAS_ACCEPTED;
		return ST_OK;
	}
	if (h->result != OUTCOME_HELD)
		return ST_OK;
	memset(&held, 0, sizeof held);
	held.seq = h->seq;
	held.marked = mark != NULL;
	if (mark != NULL)
		memcpy(held.mark, mark + 8, sizeof held.mark);
	buf_add(&v->helds, &held, sizeof held);
	return buf_status(&v->helds);
}

/* The marks of held rows that wait for something else since this anchor. */
static void note_waits(struct verify *v, const uint8_t *at, size_t count)
{
	for (size_t i = 0; i < count; i++, at += CHAIN_MARK_SIZE) {
		struct held_mark *mark;
		uint64_t seq = 0;

		for (size_t b = 0; b < 8; b++)
			seq = seq << 8 | at[b];
		mark = held_mark(v, seq);
		if (mark != NULL)
			memcpy(mark->mark, at + 8, sizeof mark->mark);
	}
}

static enum status check_held(struct verify *v, const struct held_mark *mark)
{
	uint8_t state[8];
	struct held held;
	enum status st = v->store->ops->held_get(v->store, mark->seq, &held);

	if (st == ST_NOT_FOUND)
		say_number(v, "held", mark->seq, "the held change is missing");
	if (st == ST_CORRUPT)
		say_number(v, "held", mark->seq, "it can't be read");
	if (st != ST_OK)
		return st == ST_NOT_FOUND || st == ST_CORRUPT ? ST_OK : st;
	chain_held_state(state, &held);
	if (mark->marked && memcmp(state, mark->mark, sizeof state) != 0)
		say_number(v, "held", mark->seq, "it is not what was signed");
	else if (held.state != mark->state || held.answer_seq != mark->answer_seq)
		say_number(v, "held", mark->seq, "its answer is not the one that history has");
	return ST_OK;
}

static enum status known_held(void *ctx, const struct held *held)
{
	struct verify *v = ctx;

	if (held_mark(v, held->seq) == NULL)
		say_number(v, "held", held->seq, "history holds no such change");
	return ST_OK;
}

static enum status check_helds(struct verify *v)
{
	size_t count;
	const struct held_mark *marks = helds(v, &count);
	enum status st = ST_OK;

	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = check_held(v, &marks[i]);
	if (st == ST_OK)
		st = v->store->ops->held_each(v->store, NULL, NULL, false, known_held, v);
	if (st != ST_CORRUPT)
		return st;
	verify_say(v, "held", "one of the held changes can't be read");
	return ST_OK;
}

/* --- tablets' numbers --- */

static enum status run_of(struct verify *v, uint32_t device, struct device_run **out)
{
	struct device_run run, *runs = (struct device_run *)(void *)v->runs.data;
	size_t count = v->runs.len / sizeof run;

	for (size_t i = 0; i < count; i++) {
		if (runs[i].device != device)
			continue;
		*out = &runs[i];
		return ST_OK;
	}
	memset(&run, 0, sizeof run);
	run.device = device;
	buf_add(&v->runs, &run, sizeof run);
	if (buf_status(&v->runs) != ST_OK)
		return buf_status(&v->runs);
	*out = (struct device_run *)(void *)v->runs.data + count;
	return ST_OK;
}

static enum status note_number(struct verify *v, const struct history *h)
{
	struct device_run *run = NULL;
	enum status st;

	if (h->of_seq != 0 || (h->result == OUTCOME_HELD && h->reason == HELD_NUMBER))
		return ST_OK;
	st = run_of(v, h->device, &run);
	if (st != ST_OK)
		return st;
	if (h->n != run->n + 1)
		say_row(v, h, "its number is not the one after the device's last");
	run->n = h->n;
	change_run(&run->run, h->n, &h->digest);
	return ST_OK;
}

static enum status check_device(struct verify *v, const struct device_run *run)
{
	struct device device;
	int64_t own_n = 0;
	enum status st;

	if (run->device == 0) {
		st = v->store->ops->meta_get_int(v->store, "own_n", &own_n);
		if (st == ST_CORRUPT || (st == ST_OK && own_n != (int64_t)run->n))
			say_number(v, "device", 0, "its last number is not that of its last change in history");
		return st == ST_CORRUPT ? ST_OK : st;
	}
	st = v->store->ops->device_get(v->store, run->device, &device);
	if (st == ST_NOT_FOUND)
		say_number(v, "device", run->device, "history has changes of a tablet that is not there");
	else if (st == ST_CORRUPT)
		say_number(v, "device", run->device, "it can't be read");
	else if (st == ST_OK && device.last_n != run->n)
		say_number(v, "device", run->device, "its last number is not that of its last change in history");
	else if (st == ST_OK && !digest_equal(&device.run, &run->run))
		say_number(v, "device", run->device, "its running digest is not that of its changes in history");
	else if (st == ST_OK && device.revoked != run->withdrawn)
		say_number(v, "device", run->device, device.revoked ? "it is withdrawn, and history doesn't say so" :
								      "history withdrew it, and it is in use");
	return st == ST_NOT_FOUND || st == ST_CORRUPT ? ST_OK : st;
}

/* Each device in the table gets its place among the runs, so that those without history are looked at too. */
static enum status note_devices(struct verify *v)
{
	struct device_run *run;
	struct device *list = NULL;
	struct arena arena;
	size_t count = 0;
	enum status st;

	arena_init(&arena, LIST_BYTES_MAX);
	st = run_of(v, 0, &run);
	if (st == ST_OK)
		st = v->store->ops->device_list(v->store, &arena, &list, &count);
	for (size_t i = 0; i < count && st == ST_OK; i++)
		st = run_of(v, list[i].device, &run);
	arena_close(&arena);
	if (st != ST_CORRUPT)
		return st;
	verify_say(v, "devices", "one of the tablets can't be read");
	return ST_OK;
}

static enum status check_devices(struct verify *v)
{
	enum status st = note_devices(v);
	const struct device_run *runs = (const struct device_run *)(const void *)v->runs.data;

	for (size_t i = 0; i < v->runs.len / sizeof *runs && st == ST_OK; i++)
		st = check_device(v, &runs[i]);
	return st;
}

/* --- who may sync --- */

static enum status note_access(struct verify *v, const struct history *h)
{
	struct device_run *run = NULL;
	struct access_event event;
	enum status st = access_decode(h, &v->row, &event);

	if (st == ST_CORRUPT) {
		say_row(v, h, "it can't be read as what it is: who may sync");
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	if (event.device == 0)
		return verify_note_account(v, &event);
	st = run_of(v, event.device, &run);
	if (st == ST_OK)
		run->withdrawn = event.what == ACCESS_WITHDRAWN;
	return st;
}

/* --- rows --- */

/* What was taken has a record, and where this row was the last to touch it, its bookkeeping is what was signed. */
static enum status check_state(struct verify *v, const struct history *h, const uint8_t *mark)
{
	const struct kind *kind = schema_kind_num(v->store->schema, h->kind_num);
	struct record record;
	struct change *change;
	uint8_t state[8];
	enum status st;

	if (h->result != OUTCOME_ACCEPTED && h->result != OUTCOME_JUDGED)
		return ST_OK;
	if (access_is(h))
		return note_access(v, h);
	if (kind == NULL) {
		say_row(v, h, "it was taken, and its kind is not known here");
		return ST_OK;
	}
	st = v->store->ops->record_marks(v->store, kind, &h->id, &record);
	if (st == ST_NOT_FOUND) {
		change = arena_alloc(&v->row, sizeof *change);
		if (change == NULL)
			return ST_NOMEM;
		st = change_decode(v->store->schema, h->body.data, h->body.len, &v->row, change, NULL);
		if (st == ST_OK && change->create)
			verify_say_record(v, kind, &h->id, "history created it, and it is missing");
		return st == ST_NOMEM ? st : ST_OK;
	}
	/* One that can't be read comes up with the records. */
	if (st != ST_OK || record.seq != h->seq || mark == NULL)
		return st == ST_CORRUPT ? ST_OK : st;
	st = chain_record_state(state, &record);
	if (st == ST_OK && memcmp(state, mark + 8, sizeof state) != 0)
		verify_say_record(v, kind, &h->id, "its bookkeeping is not what was signed");
	return st;
}

/* The row by itself and in the chain: the first thing that is wrong with it. */
static const char *row_fault(const struct verify *v, const struct history *h, const uint8_t *mark)
{
	struct digest content, body, link = v->link;

	history_content(&content, h);
	if (!digest_equal(&content, &h->content))
		return "its content is not what its digest says";
	if (mark != NULL && memcmp(content.bytes, mark, 8) != 0)
		return "its content is not what was signed";
	change_digest(&body, h->body.data, h->body.len);
	if (!digest_equal(&body, &h->digest))
		return "its digest is not that of its body";
	chain_link(&link, h->seq, &h->content);
	if (v->link_known && !digest_equal(&link, &h->link))
		return "its link does not follow from the row before";
	return NULL;
}

/* mark: 16 bytes of its anchor, NULL where none covers it. */
static enum status check_row(struct verify *v, uint64_t seq, const uint8_t *mark)
{
	struct history h;
	const char *fault;
	enum status st;

	arena_reset(&v->row);
	v->seq = seq;
	v->report->rows++;
	if (v->progress != NULL && v->report->rows % PROGRESS_ROWS == 0)
		v->progress(v->ctx, v->report->rows, 0);
	st = v->store->ops->history_get(v->store, seq, &v->row, &h);
	if (st == ST_CORRUPT) {
		v->link_known = false;
		say_number(v, "history", seq, "it can't be read");
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	fault = row_fault(v, &h, mark);
	if (fault == NULL && mark == NULL)
		fault = "no anchor covers it";
	if (fault != NULL)
		say_row(v, &h, fault);
	v->link = h.link;
	v->link_known = true;
	st = note_number(v, &h);
	if (st == ST_OK)
		st = note_held(v, &h, mark);
	return st == ST_OK ? check_state(v, &h, mark) : st;
}

/* Rows after the newest one read, up to `last`, that no anchor covers. */
static enum status check_bare(struct verify *v, uint64_t last)
{
	uint64_t seq = 0;
	enum status st;

	for (;;) {
		st = v->store->ops->history_next(v->store, v->seq, &seq);
		if (st != ST_OK || seq > last)
			return st == ST_NOT_FOUND ? ST_OK : st;
		st = check_row(v, seq, NULL);
		if (st != ST_OK)
			return st;
	}
}

/* --- anchors --- */

static void say_anchor(struct verify *v, const struct anchor *anchor, const char *what)
{
	char place[PLACE_SIZE];

	(void)snprintf(place, sizeof place, "anchor %" PRIu64 " (history %" PRIu64 " to %" PRIu64 ")", anchor->seq,
		       anchor->first_seq, anchor->seq);
	verify_say(v, place, what);
}

/* Anchors whose heads do not hold after one of them are one finding, at the first. */
static void broken_end(struct verify *v)
{
	char what[PLACE_SIZE] = "the signature of its head does not hold";

	if (v->broken_count > 1)
		(void)snprintf(what, sizeof what,
			       "the signature of its head does not hold, nor do those of the %" PRIu64 " after it",
			       v->broken_count - 1);
	if (v->broken_count > 0)
		say_anchor(v, &v->broken, what);
	v->broken_count = 0;
}

static void check_signatures(struct verify *v, const struct anchor *anchor)
{
	if (!anchor_verify_contents(anchor, v->public_key))
		say_anchor(v, anchor, "the signature of its rows' marks does not hold");
	if (anchor_verify(anchor, v->public_key)) {
		broken_end(v);
		return;
	}
	if (v->broken_count++ == 0) {
		v->broken = *anchor;
		v->broken.contents = (struct bytes){ 0 };
	}
}

/* The rows that an anchor covers, each with its mark. */
static enum status check_covered(struct verify *v, const struct anchor *anchor)
{
	const uint8_t *marks = anchor->contents.data;
	uint64_t want = anchor->first_seq, seq = 0;
	enum status st = ST_OK;

	while (st == ST_OK) {
		st = v->store->ops->history_next(v->store, v->seq, &seq);
		if (st == ST_NOT_FOUND || (st == ST_OK && seq > anchor->seq))
			break;
		if (st != ST_OK)
			return st;
		if (seq > want)
			say_missing(v, want, seq - 1);
		st = check_row(v, seq, marks + (seq - anchor->first_seq) * CHAIN_MARK_SIZE);
		want = seq + 1;
	}
	if ((st == ST_OK || st == ST_NOT_FOUND) && want <= anchor->seq)
		say_missing(v, want, anchor->seq);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Does it have a mark for each of its rows? */
static bool anchor_whole(const struct verify *v, const struct anchor *anchor)
{
	size_t count = anchor->contents.len / CHAIN_MARK_SIZE;

	return anchor->first_seq > v->seq && anchor->first_seq <= anchor->seq && anchor->seq <= INT64_MAX &&
	       anchor->contents.len % CHAIN_MARK_SIZE == 0 && anchor->seq - anchor->first_seq < count;
}

static enum status on_anchor(void *ctx, const struct anchor *anchor)
{
	struct verify *v = ctx;
	uint64_t rows = anchor->seq - anchor->first_seq + 1;
	enum status st;

	v->report->anchors++;
	check_signatures(v, anchor);
	st = check_bare(v, anchor_whole(v, anchor) ? anchor->first_seq - 1 : anchor->seq);
	if (st != ST_OK)
		return st;
	if (!anchor_whole(v, anchor)) {
		say_number(v, "anchor", anchor->seq, "what it covers is not as it was signed");
		return ST_OK;
	}
	st = check_covered(v, anchor);
	if (st != ST_OK)
		return st;
	note_waits(v, (const uint8_t *)anchor->contents.data + rows * CHAIN_MARK_SIZE,
		   anchor->contents.len / CHAIN_MARK_SIZE - rows);
	if (v->link_known && !digest_equal(&v->link, &anchor->head))
		say_number(v, "anchor", anchor->seq, "its head is not the link of its last row");
	return ST_OK;
}

static enum status check_history(struct verify *v)
{
	enum status st;

	v->link_known = true;
	st = v->store->ops->anchor_each(v->store, on_anchor, v);
	if (st != ST_OK)
		return st;
	broken_end(v);
	return check_bare(v, INT64_MAX);
}

/* --- meta --- */

static enum status check_meta(struct verify *v)
{
	struct chain chain = { 0 };
	enum status st = chain_begin(&chain, v->store);

	if (st == ST_CORRUPT) {
		verify_say(v, "meta head", "it can't be read");
		return ST_OK;
	}
	/* A new epoch is ahead of the last row. */
	if (st == ST_OK && chain.seq < v->seq)
		verify_say(v, "meta seq", "it is below the last row of history");
	if (st == ST_OK && v->link_known && !digest_equal(&chain.head, &v->link))
		verify_say(v, "meta head", "it is not the link of the last row of history");
	chain_close(&chain);
	return st;
}

/* NOLINTNEXTLINE(readability-function-size): as chain.h declares it. */
enum status chain_verify(struct store *store, const uint8_t public_key[PUBLIC_KEY_SIZE], verify_found_fn *found,
			 verify_progress_fn *progress, void *ctx, struct verify_report *report)
{
	struct verify v = {
		.store = store, .public_key = public_key, .found = found, .progress = progress, .ctx = ctx,
		.report = report, .assignment = schema_kind(store->schema, "assignment", strlen("assignment")),
	};
	enum status st;

	*report = (struct verify_report){ 0 };
	arena_init(&v.row, LIST_BYTES_MAX);
	buf_init(&v.helds, LIST_BYTES_MAX);
	buf_init(&v.runs, LIST_BYTES_MAX);
	buf_init(&v.events, LIST_BYTES_MAX);
	buf_init(&v.accounts, LIST_BYTES_MAX);
	st = check_history(&v);
	if (st == ST_OK)
		st = check_meta(&v);
	if (st == ST_OK)
		st = check_devices(&v);
	if (st == ST_OK)
		st = verify_accounts(&v);
	if (st == ST_OK)
		st = check_helds(&v);
	if (st == ST_OK)
		st = verify_records(&v);
	if (st == ST_OK)
		st = verify_members(&v);
	buf_close(&v.accounts);
	buf_close(&v.events);
	buf_close(&v.runs);
	buf_close(&v.helds);
	arena_close(&v.row);
	return st;
}
