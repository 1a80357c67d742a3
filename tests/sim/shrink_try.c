/* A candidate is made, tried, and kept where it still fails. */
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "tests/sim/shrink_inside.h"

#define TEXT_MAX (16U * 1024 * 1024)
#define PROGRESS_S 5

double shrink_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- one try ------------------------------------------------------------------------------ */

bool shrink_is_over(const struct shrinking *s)
{
	sigset_t pending;

	sigemptyset(&pending);
	(void)sigpending(&pending);
	return shrink_seconds() >= s->until || sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
}

static uint64_t hash_of(const struct plan *plan)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	struct buf text;

	buf_init(&text, TEXT_MAX);
	plan_write(plan, true, &text);
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ text.data[i]) * UINT64_C(0x100000001B3);
	buf_close(&text);
	return hash;
}

static bool has_passed(const struct shrinking *s, uint64_t hash)
{
	for (size_t i = 0; i < s->passed_count; i++)
		if (s->passed[i] == hash)
			return true;
	return false;
}

static void add_passed(struct shrinking *s, uint64_t hash)
{
	if (s->passed_count == s->passed_room) {
		s->passed_room = s->passed_room * 2 + 256;
		s->passed = realloc(s->passed, s->passed_room * sizeof *s->passed);
		assert(s->passed != NULL);
	}
	s->passed[s->passed_count++] = hash;
}

static void tell(struct shrinking *s)
{
	const struct shrunk *out = s->out;
	const double now = shrink_seconds();

	if (now - s->told < PROGRESS_S)
		return;
	s->told = now;
	(void)fprintf(stderr, "seed %" PRIu64 ": %" PRIu64 " tries in %.0f s: %zu of %zu acts and faults, %" PRIu64 " of %" PRIu64 " lines\n",
		      out->plan.seed, out->tries, now - s->began, out->struck_after, out->struck_before, out->lines_after,
		      out->lines_before);
}

bool shrink_fails(struct shrinking *s, const struct plan *plan)
{
	const uint64_t hash = hash_of(plan);

	if (has_passed(s, hash) || shrink_is_over(s))
		return false;
	s->out->tries++;
	sim_stock_make(s->stock, plan);
	attempt_run(s->attempt, s->stock, plan, NULL, s->try_seconds);
	tell(s);
	if (strcmp(s->attempt->invariant, s->invariant) == 0 && s->attempt->seen.lines < s->lines_max)
		return true;
	add_passed(s, hash);
	return false;
}

/* --- keeping what still fails ----------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return x->packed < y->packed ? -1 : x->packed > y->packed;
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return compare(&x->pin.instance, &y->pin.instance);
}

/* Those of the kept ones that struck in the run just played, where each struck first. */
static size_t gather(const struct shrinking *s, struct item *out)
{
	const struct witness *seen = &s->attempt->seen;
	struct item *sorted = calloc(s->kept_count + 1, sizeof *sorted);
	bool *taken = calloc(s->kept_count + 1, sizeof *taken);
	size_t count = 0;

	assert(sorted != NULL && taken != NULL);
	memcpy(sorted, s->kept, s->kept_count * sizeof *sorted);
	qsort(sorted, s->kept_count, sizeof *sorted, compare_items);
	for (size_t i = 0; i < seen->struck_count; i++) {
		const struct item wanted = { .pin.instance = seen->struck[i].instance };
		const struct item *at = bsearch(&wanted, sorted, s->kept_count, sizeof *sorted, compare_items);

		if (at == NULL || taken[at - sorted])
			continue;
		taken[at - sorted] = true;
		out[count++] = *at;
	}
	free(sorted);
	free(taken);
	return count;
}

size_t shrink_gather_all(struct shrinking *s)
{
	const struct witness *seen = &s->attempt->seen;
	size_t count = 0;

	for (size_t i = 0; i < seen->struck_count; i++)
		s->kept[i].pin = (struct pin){ seen->struck[i].instance, seen->struck[i].at_ms };
	qsort(s->kept, seen->struck_count, sizeof *s->kept, compare_items);
	for (size_t i = 0; i < seen->struck_count; i++)
		if (count == 0 || compare_items(&s->kept[count - 1], &s->kept[i]) != 0)
			s->kept[count++] = s->kept[i];
	s->kept_count = count;
	return gather(s, s->left);
}

static void put_lists(const struct shrinking *s, struct plan *plan, size_t count)
{
	plan->only = s->candidate.only;
	plan->pins = s->candidate.pins;
	plan->only_count = plan->pin_count = 0;
	for (size_t i = 0; i < count; i++)
		if (s->left[i].pinned)
			s->candidate.pins[plan->pin_count++] = s->left[i].pin;
		else
			s->candidate.only[plan->only_count++] = s->left[i].pin.instance;
	qsort(s->candidate.only, plan->only_count, sizeof *s->candidate.only, compare);
}

/* With so many in s->left: keep it where it still fails. */
static bool keep_list(struct shrinking *s, const struct plan *smaller, size_t count)
{
	const struct lists lists = s->is;
	struct item *const items = s->kept;
	struct plan plan = *smaller;

	put_lists(s, &plan, count);
	if (!shrink_fails(s, &plan))
		return false;
	s->is = s->candidate;
	s->candidate = lists;
	s->kept = s->left;
	s->left = items;
	s->kept_count = count;
	s->out->plan = plan;
	s->out->lines_after = s->attempt->seen.lines;
	s->out->struck_after = s->attempt->seen.struck_count;
	return true;
}

bool shrink_keep(struct shrinking *s, const struct plan *smaller, size_t count)
{
	size_t struck;

	if (!keep_list(s, smaller, count))
		return false;
	struck = gather(s, s->left);
	if (struck < s->kept_count) {
		const struct plan plan = s->out->plan;

		(void)keep_list(s, &plan, struck);
	}
	return true;
}

bool shrink_keep_plan(struct shrinking *s, const struct plan *smaller)
{
	memcpy(s->left, s->kept, s->kept_count * sizeof *s->kept);
	return shrink_keep(s, smaller, s->kept_count);
}

/* --- room ----------------------------------------------------------------------------------------- */

static struct lists lists_new(void)
{
	const struct lists lists = { .only = calloc(WITNESS_STRUCK_MAX, sizeof *lists.only),
				     .pins = calloc(WITNESS_STRUCK_MAX, sizeof *lists.pins) };

	assert(lists.only != NULL && lists.pins != NULL);
	return lists;
}

static void lists_free(struct lists *lists)
{
	free(lists->only);
	free(lists->pins);
}

void shrink_make_room(struct shrinking *s)
{
	s->is = lists_new();
	s->candidate = lists_new();
	s->kept = calloc(WITNESS_STRUCK_MAX, sizeof *s->kept);
	s->left = calloc(WITNESS_STRUCK_MAX, sizeof *s->left);
	s->attempt = attempt_new();
	assert(s->kept != NULL && s->left != NULL && s->attempt != NULL);
}

void shrink_give_up_room(struct shrinking *s)
{
	if (s->out->plan.only == NULL)
		lists_free(&s->is);
	lists_free(&s->candidate);
	free(s->kept);
	free(s->left);
	free(s->passed);
	attempt_free(s->attempt);
}
