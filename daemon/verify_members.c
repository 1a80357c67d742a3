/* verify_members.c - memberships said again from the assignments' history, and compared with what stands.
 *
 * A membership follows the assignments of its pair: after each change of one of them it is open where any of them is
 * alive and has no end, or one later than that moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/verify.h"

#define BYTES_MAX ((size_t)1 << 30)

struct compare {
	struct verify *v;
	const struct member *said;
	size_t count, at;
};

static int by_pair(const void *left, const void *right)
{
	const struct member_event *a = left, *b = right;
	int order = id_compare(&a->worker, &b->worker);

	if (order == 0)
		order = id_compare(&a->patient, &b->patient);
	if (order == 0)
		order = (a->seq > b->seq) - (a->seq < b->seq);
	return order;
}

static bool same_pair(const struct member_event *a, const struct member_event *b)
{
	return id_equal(&a->worker, &b->worker) && id_equal(&a->patient, &b->patient);
}

/* Is any assignment of the pair in force after event `last`? events: those of the pair, in order. */
static bool in_force(const struct member_event *events, size_t last)
{
	for (size_t i = last + 1; i-- > 0;) {
		bool newest = true;

		for (size_t j = i + 1; j <= last && newest; j++)
			newest = !id_equal(&events[j].assignment, &events[i].assignment);
		if (newest && events[i].alive && events[i].ends_ms > events[last].now_ms)
			return true;
	}
	return false;
}

/* The memberships of one pair, appended to `said`. */
static enum status say_pair(const struct member_event *events, size_t count, struct buf *said)
{
	struct member member;
	bool open = false;

	memset(&member, 0, sizeof member);
	member.worker = events[0].worker;
	member.patient = events[0].patient;
	for (size_t i = 0; i < count; i++) {
		bool now = in_force(events, i);

		if (now && !open)
			member.from_seq = events[i].seq;
		member.to_seq = events[i].seq;
		if (!now && open)
			buf_add(said, &member, sizeof member);
		open = now;
	}
	member.to_seq = 0;
	if (open)
		buf_add(said, &member, sizeof member);
	return buf_status(said);
}

static enum status say_members(struct verify *v, struct buf *said)
{
	struct member_event *events = (struct member_event *)(void *)v->events.data;
	size_t count = v->events.len / sizeof *events;
	enum status st = ST_OK;

	if (count > 0)
		qsort(events, count, sizeof *events, by_pair);
	for (size_t first = 0, end; first < count && st == ST_OK; first = end) {
		for (end = first + 1; end < count && same_pair(&events[first], &events[end]);)
			end++;
		st = say_pair(events + first, end - first, said);
	}
	return st;
}

static int member_order(const struct member *a, const struct member *b)
{
	int order = id_compare(&a->worker, &b->worker);

	if (order == 0)
		order = id_compare(&a->patient, &b->patient);
	if (order == 0)
		order = (a->from_seq > b->from_seq) - (a->from_seq < b->from_seq);
	return order;
}

static void say_member(struct verify *v, const struct member *member, const char *what)
{
	char place[96], worker[ID_TEXT_SIZE], patient[ID_TEXT_SIZE];

	id_format(&member->worker, worker);
	id_format(&member->patient, patient);
	(void)snprintf(place, sizeof place, "member %s/%s", worker, patient);
	verify_say(v, place, what);
}

static enum status on_member(void *ctx, const struct member *member)
{
	struct compare *c = ctx;

	while (c->at < c->count && member_order(&c->said[c->at], member) < 0)
		say_member(c->v, &c->said[c->at++], "history makes this membership, and it is missing");
	if (c->at == c->count || member_order(&c->said[c->at], member) != 0)
		say_member(c->v, member, "history knows nothing of this membership");
	else if (c->said[c->at++].to_seq != member->to_seq)
		say_member(c->v, member, "it does not end where history ends it");
	return ST_OK;
}

enum status verify_members(struct verify *v)
{
	struct compare compare = { .v = v };
	struct buf said;
	enum status st;

	buf_init(&said, BYTES_MAX);
	st = say_members(v, &said);
	compare.said = (const struct member *)(const void *)said.data;
	compare.count = said.len / sizeof *compare.said;
	if (st == ST_OK)
		st = v->store->ops->member_each(v->store, on_member, &compare);
	if (st == ST_CORRUPT) {
		verify_say(v, "members", "one of the memberships can't be read");
		st = ST_OK;
	}
	while (st == ST_OK && compare.at < compare.count)
		say_member(v, &compare.said[compare.at++], "history makes this membership, and it is missing");
	buf_close(&said);
	return st;
}
