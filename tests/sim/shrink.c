#include "tests/sim/shrink.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define TEXT_MAX (4U * 1024 * 1024)
#define TIME_STEPS 10

struct shrinking {
	struct shrunk *out;
	struct sim_stock *stock;
	struct attempt *attempt;
	const char *invariant;
	uint64_t tries_max;
};

static bool fails(struct shrinking *s, const struct plan *plan)
{
	if (s->out->tries >= s->tries_max)
		return false;
	s->out->tries++;
	attempt_run(s->attempt, s->stock, plan, NULL);
	return strcmp(s->attempt->invariant, s->invariant) == 0;
}

/* Keep it where it still fails. */
static bool keep(struct shrinking *s, const struct plan *smaller)
{
	if (!fails(s, smaller))
		return false;
	s->out->plan = *smaller;
	return true;
}

/* The shortest time after which everything may be calm. */
static void shorten(struct shrinking *s)
{
	int64_t low_ms = 0, high_ms = (int64_t)s->out->plan.days * SIM_DAY_MS;
	struct plan smaller = s->out->plan;

	for (int i = 0; i < TIME_STEPS; i++) {
		smaller.until_ms = low_ms + (high_ms - low_ms) / 2;
		if (keep(s, &smaller))
			high_ms = smaller.until_ms;
		else
			low_ms = smaller.until_ms;
	}
	smaller = s->out->plan;
	smaller.days = (unsigned)(high_ms / SIM_DAY_MS) + 1;
	if (smaller.days < s->out->plan.days)
		(void)keep(s, &smaller);
}

static void silence(struct shrinking *s)
{
	for (unsigned t = 0; t < s->out->plan.tablets; t++) {
		struct plan smaller = s->out->plan;

		smaller.silent[t / 64] |= UINT64_C(1) << (t % 64);
		(void)keep(s, &smaller);
	}
}

static void calm(struct shrinking *s)
{
	for (enum fault f = 0; f < FAULT_COUNT; f++) {
		struct plan smaller = s->out->plan;

		smaller.odds[f] = 0;
		if (s->out->plan.odds[f] != 0)
			(void)keep(s, &smaller);
	}
}

static int compare(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return x->packed < y->packed ? -1 : x->packed > y->packed;
}

/* From now on only what struck in the run just kept. */
static bool list(struct shrinking *s)
{
	struct plan smaller = s->out->plan;
	struct instance *only;
	size_t count;

	if (!fails(s, &smaller))
		return false;
	count = s->attempt->struck_count;
	if (count == 0 || count == ATTEMPT_STRUCK_MAX)
		return false;
	only = calloc(count, sizeof *only);
	assert(only != NULL);
	memcpy(only, s->attempt->struck, count * sizeof *only);
	qsort(only, count, sizeof *only, compare);
	smaller.only = only;
	smaller.only_count = 0;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || only[i].packed != only[i - 1].packed)
			only[smaller.only_count++] = only[i];
	if (keep(s, &smaller))
		return true;
	free(only);
	return false;
}

/* Leave each of `parts` parts out in turn. Did any go? */
static bool leave_out(struct shrinking *s, size_t parts)
{
	struct instance *only = calloc(s->out->plan.only_count + 1, sizeof *only);
	bool any = false;

	assert(only != NULL);
	for (size_t part = 0; part < parts; part++) {
		struct plan smaller = s->out->plan;
		const size_t count = smaller.only_count, from = part * count / parts, to = (part + 1) * count / parts;

		if (from == to)
			continue;
		memcpy(only, smaller.only, from * sizeof *only);
		memcpy(only + from, smaller.only + to, (count - to) * sizeof *only);
		smaller.only = only;
		smaller.only_count = count - (to - from);
		if (!fails(s, &smaller))
			continue;
		memmove((struct instance *)(uintptr_t)s->out->plan.only + from, s->out->plan.only + to, (count - to) * sizeof *only);
		s->out->plan.only_count = smaller.only_count;
		any = true;
		part--;
		parts--;
	}
	free(only);
	return any;
}

static void thin_out(struct shrinking *s)
{
	size_t parts = 2;

	while (s->out->plan.only_count > 0 && s->out->tries < s->tries_max) {
		const bool any = leave_out(s, parts);

		if (!any && parts >= s->out->plan.only_count)
			return;
		parts = any ? (parts > 4 ? parts / 2 : 2) : parts * 2;
		if (parts > s->out->plan.only_count)
			parts = s->out->plan.only_count;
	}
}

void shrink(struct shrunk *out, struct sim_stock *stock, const struct plan *plan, const char *invariant, uint64_t tries_max)
{
	struct shrinking s = { .out = out, .stock = stock, .attempt = attempt_new(), .invariant = invariant, .tries_max = tries_max };

	assert(s.attempt != NULL);
	*out = (struct shrunk){ .plan = *plan };
	if (fails(&s, plan)) {
		out->lines_before = s.attempt->lines;
		out->struck_before = s.attempt->struck_count;
		shorten(&s);
		silence(&s);
		calm(&s);
		if (list(&s))
			thin_out(&s);
	}
	attempt_run(s.attempt, stock, &out->plan, NULL);
	out->lines_after = s.attempt->lines;
	out->struck_after = s.attempt->struck_count;
	attempt_free(s.attempt);
}

/* The trace goes to the file first, and moves behind the plan. */
bool shrink_write(const struct shrunk *shrunk, struct sim_stock *stock, const char *path)
{
	struct attempt *attempt = attempt_new();
	struct buf text;
	FILE *file;
	int c;

	assert(attempt != NULL);
	attempt_run(attempt, stock, &shrunk->plan, path);
	buf_init(&text, TEXT_MAX);
	buf_printf(&text, "# %s: %s\n", attempt->invariant, attempt->wrong);
	plan_write(&shrunk->plan, true, &text);
	buf_add_str(&text, "--\n");
	attempt_free(attempt);
	file = fopen(path, "r");
	while (file != NULL && (c = fgetc(file)) != EOF)
		buf_add_byte(&text, (uint8_t)c);
	if (file != NULL)
		(void)fclose(file);
	file = fopen(path, "w");
	if (file != NULL) {
		(void)fwrite(text.data, 1, text.len, file);
		(void)fclose(file);
	}
	buf_close(&text);
	return file != NULL;
}
