/* verify_members.c - terms and memberships said again from the assignments' history, and compared with what stands.
 *
 * An assignment's term is what it meant at the moment of its last change (term.h). A membership follows the assignments
 * of its pair: after each change of one of them it is open where any of them is in force.
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
		if (newest && events[i].term.in_force)
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

/* --- terms --- */

static int by_assignment(const void *left, const void *right)
{
	const struct member_event *a = left, *b = right;
	int order = id_compare(&a->assignment, &b->assignment);

	if (order == 0)
		order = (a->seq > b->seq) - (a->seq < b->seq);
	return order != 0 ? order : (int)a->left - (int)b->left;
}

struct compare_terms {
	struct verify *v;
	const struct member_event *events; /* by assignment */
	size_t count, at;
};

/* The next one that history says; NULL: there is none. */
static const struct term *next_said(struct compare_terms *c)
{
	const struct member_event *said;

	if (c->at == c->count)
		return NULL;
	said = &c->events[c->at];
	for (; c->at < c->count && id_equal(&c->events[c->at].assignment, &said->assignment); c->at++)
		if (!c->events[c->at].left)
			said = &c->events[c->at];
	return &said->term;
}

static void say_term(struct verify *v, const struct id *assignment, const char *what)
{
	char place[64], id[ID_TEXT_SIZE];

	id_format(assignment, id);
	(void)snprintf(place, sizeof place, "term %s", id);
	verify_say(v, place, what);
}

static bool same_term(const struct term *a, const struct term *b)
{
	return id_equal(&a->worker, &b->worker) && id_equal(&a->patient, &b->patient) && a->in_force == b->in_force &&
	       a->due_ms == b->due_ms;
}

static enum status on_term(void *ctx, const struct term *term)
{
	struct compare_terms *c = ctx;
	const struct term *said = NULL;

	while (c->at < c->count && id_compare(&c->events[c->at].assignment, &term->assignment) < 0) {
		const struct id missing = c->events[c->at].assignment;

		(void)next_said(c);
		say_term(c->v, &missing, "history makes this term, and it is missing");
	}
	if (c->at < c->count && id_equal(&c->events[c->at].assignment, &term->assignment))
		said = next_said(c);
	if (said == NULL)
		say_term(c->v, &term->assignment, "history knows nothing of this term");
	else if (!same_term(said, term))
		say_term(c->v, &term->assignment, "it is not what its assignment's last change made it");
	return ST_OK;
}

static enum status compare_terms(struct verify *v)
{
	struct member_event *events = (struct member_event *)(void *)v->events.data;
	struct compare_terms c = { .v = v, .events = events, .count = v->events.len / sizeof *events };
	enum status st;

	if (c.count > 0)
		qsort(events, c.count, sizeof *events, by_assignment);
	st = v->store->ops->term_each(v->store, on_term, &c);
	if (st == ST_CORRUPT) {
		verify_say(v, "terms", "one of the terms can't be read");
		st = ST_OK;
	}
	while (st == ST_OK && c.at < c.count) {
		say_term(v, &c.events[c.at].assignment, "history makes this term, and it is missing");
		(void)next_said(&c);
	}
	return st;
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
	return st == ST_OK ? compare_terms(v) : st;
}
