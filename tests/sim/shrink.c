#include "tests/sim/shrink.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"

#define TEXT_MAX (16U * 1024 * 1024)
#define PROGRESS_S 5
#define TRY_TIMES 4 /* a try that takes so many times as long as the failure did is none */
#define TRY_SECONDS_MIN 5

struct item {
	struct pin pin;
	bool pinned;
};

struct lists {
	struct instance *only;
	struct pin *pins;
};

struct shrinking {
	struct shrunk *out;
	struct sim_stock *stock;
	struct attempt *attempt;
	const char *invariant;
	double began, told, until;
	unsigned try_seconds;
	uint64_t named[PLAN_TABLETS_WORDS]; /* tablets of which the finding speaks */
	struct item *kept;          /* what may still happen, in the order of the run */
	size_t kept_count;
	struct item *left;          /* the same of a candidate */
	struct lists is, candidate; /* and as their plans have it; those of out->plan are its own */
	uint64_t *passed;           /* hashes of the plans that did not fail */
	size_t passed_count, passed_room;
};

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- one try ------------------------------------------------------------------------------ */

static bool is_over(const struct shrinking *s)
{
	sigset_t pending;

	sigemptyset(&pending);
	(void)sigpending(&pending);
	return seconds() >= s->until || sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
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
	const double now = seconds();

	if (now - s->told < PROGRESS_S)
		return;
	s->told = now;
	(void)fprintf(stderr, "seed %" PRIu64 ": %" PRIu64 " tries in %.0f s: %zu of %zu acts and faults, %" PRIu64 " of %" PRIu64 " lines\n",
		      out->plan.seed, out->tries, now - s->began, out->struck_after, out->struck_before, out->lines_after,
		      out->lines_before);
}

static bool fails(struct shrinking *s, const struct plan *plan)
{
	const uint64_t hash = hash_of(plan);

	if (has_passed(s, hash) || is_over(s))
		return false;
	s->out->tries++;
	sim_stock_make(s->stock, plan);
	attempt_run(s->attempt, s->stock, plan, NULL, s->try_seconds);
	tell(s);
	if (strcmp(s->attempt->invariant, s->invariant) == 0)
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

/* All that struck, each once. */
static size_t gather_all(struct shrinking *s)
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
	if (!fails(s, &plan))
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

/* The same; and what then does not strike any more goes too, if it may. */
static bool keep(struct shrinking *s, const struct plan *smaller, size_t count)
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

/* Another plan, with what was kept. */
static bool keep_plan(struct shrinking *s, const struct plan *smaller)
{
	memcpy(s->left, s->kept, s->kept_count * sizeof *s->kept);
	return keep(s, smaller, s->kept_count);
}

/* --- tablets ------------------------------------------------------------------------------------ */

static bool is_named(const struct shrinking *s, unsigned tablet)
{
	return (s->named[(tablet - 1) / 64] >> ((tablet - 1) % 64) & 1) != 0;
}

static void find_names(struct shrinking *s, const char *wrong)
{
	static const char *const words[] = { "tablet ", "node " };

	for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
		for (const char *at = strstr(wrong, words[w]); at != NULL; at = strstr(at + 1, words[w])) {
			const unsigned long number = strtoul(at + strlen(words[w]), NULL, 10);

			if (number >= 1 && number <= s->out->plan.tablets)
				s->named[(number - 1) / 64] |= UINT64_C(1) << ((number - 1) % 64);
		}
}

static bool send_away(struct shrinking *s, const unsigned *tablets, size_t count)
{
	struct plan smaller = s->out->plan;
	size_t left = 0;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		any |= !plan_is_away(&smaller, tablets[i]);
		smaller.away[(tablets[i] - 1) / 64] |= UINT64_C(1) << ((tablets[i] - 1) % 64);
	}
	for (size_t i = 0; i < s->kept_count; i++)
		if (!plan_is_away(&smaller, instance_node(s->kept[i].pin.instance)))
			s->left[left++] = s->kept[i];
	return any && keep(s, &smaller, left);
}

/* Those that the finding does not name all at once, then halves of them down to single ones; then the others. */
static void empty(struct shrinking *s)
{
	unsigned tablets[PLAN_TABLETS_MAX];
	size_t count = 0;

	for (unsigned t = 1; t <= s->out->plan.tablets; t++)
		if (!is_named(s, t) && !plan_is_away(&s->out->plan, t))
			tablets[count++] = t;
	for (size_t part = count; part > 0; part /= 2)
		for (size_t i = 0; i < count; i += part)
			(void)send_away(s, tablets + i, part < count - i ? part : count - i);
	for (unsigned t = 1; t <= s->out->plan.tablets; t++)
		(void)send_away(s, &t, 1);
}

/* --- simpler numbers ---------------------------------------------------------------------------- */

enum simple { SIMPLE_RECORDS, SIMPLE_BUDGET, SIMPLE_SLOW, SIMPLE_TOGETHER, SIMPLE_PROGRAM, SIMPLE_POWER, SIMPLE_CLOCKS, SIMPLE_COUNT };

/* Was it not so simple before? */
static bool make_simple(struct plan *plan, enum simple what)
{
	const struct plan before = *plan;

	switch (what) {
	case SIMPLE_RECORDS:
		plan->records_max = 0;
		return before.records_max != 0;
	case SIMPLE_BUDGET:
		plan->budget = 0;
		return before.budget != 0;
	case SIMPLE_SLOW:
		plan->slow = false;
		return before.slow;
	case SIMPLE_TOGETHER:
		plan->together = false;
		return before.together;
	case SIMPLE_PROGRAM:
		plan->program = false;
		return before.program;
	case SIMPLE_POWER:
		plan->power = false;
		return before.power;
	case SIMPLE_CLOCKS:
		plan->honest_clocks = true;
		return !before.honest_clocks;
	case SIMPLE_COUNT:
		break;
	}
	return false;
}

/* The least that still fails, or near to it. */
static void lower(struct shrinking *s, unsigned *(*field)(struct plan *), unsigned least)
{
	struct plan smaller = s->out->plan;
	const unsigned is = *field(&smaller);

	for (unsigned n = least; n < is; n += (is - n + 1) / 2) {
		smaller = s->out->plan;
		*field(&smaller) = n;
		if (keep_plan(s, &smaller))
			return;
	}
}

static unsigned *tablets_of(struct plan *plan)
{
	return &plan->tablets;
}

static unsigned *patients_of(struct plan *plan)
{
	return &plan->patients;
}

static unsigned *days_of(struct plan *plan)
{
	return &plan->days;
}

static unsigned highest_tablet(const struct plan *plan)
{
	unsigned t = plan->tablets;

	while (t > 1 && plan_is_away(plan, t))
		t--;
	return t;
}

static void simplify(struct shrinking *s)
{
	for (enum simple what = 0; what < SIMPLE_COUNT; what++) {
		struct plan smaller = s->out->plan;

		if (make_simple(&smaller, what))
			(void)keep_plan(s, &smaller);
	}
	lower(s, days_of, 1);
	lower(s, patients_of, 1);
	lower(s, tablets_of, highest_tablet(&s->out->plan));
}

/* Faults that are not listed are off anyway: the plan says so. */
static void turn_off(struct shrinking *s)
{
	struct plan smaller = s->out->plan;
	bool listed[INSTANCE_SORTS] = { false };

	for (size_t i = 0; i < s->kept_count; i++)
		if (!s->kept[i].pinned)
			listed[instance_sort(s->kept[i].pin.instance)] = true;
	for (unsigned f = 0; f < FAULT_COUNT; f++)
		if (!listed[f])
			smaller.odds[f] = 0;
	if (memcmp(smaller.odds, s->out->plan.odds, sizeof smaller.odds) != 0)
		(void)keep_plan(s, &smaller);
}

/* --- groups ------------------------------------------------------------------------------------- */

/* Does it belong to the group? */
typedef bool group_fn(const struct shrinking *s, struct instance instance, struct instance of);

static bool is_fault(const struct shrinking *s, struct instance instance, struct instance of)
{
	(void)s;
	(void)of;
	return instance_is_fault(instance);
}

static bool is_fault_elsewhere(const struct shrinking *s, struct instance instance, struct instance of)
{
	(void)of;
	return instance_is_fault(instance) && instance_node(instance) > 0 && !is_named(s, instance_node(instance));
}

static bool is_elsewhere(const struct shrinking *s, struct instance instance, struct instance of)
{
	(void)of;
	return instance_node(instance) > 0 && !is_named(s, instance_node(instance));
}

static bool is_of_sort(const struct shrinking *s, struct instance instance, struct instance of)
{
	(void)s;
	return instance_sort(instance) == instance_sort(of);
}

static bool is_of_sort_and_node(const struct shrinking *s, struct instance instance, struct instance of)
{
	(void)s;
	return instance_sort(instance) == instance_sort(of) && instance_node(instance) == instance_node(of);
}

static bool leave_out(struct shrinking *s, group_fn *group, struct instance of)
{
	size_t left = 0;

	for (size_t i = 0; i < s->kept_count; i++)
		if (!group(s, s->kept[i].pin.instance, of))
			s->left[left++] = s->kept[i];
	return left < s->kept_count && keep(s, &s->out->plan, left);
}

/* Each group by the first one of it. */
static void leave_out_groups(struct shrinking *s, group_fn *group)
{
	for (size_t i = 0; i < s->kept_count;) {
		const struct instance of = s->kept[i].pin.instance;
		bool met = false;

		for (size_t j = 0; j < i && !met; j++)
			met = group(s, s->kept[j].pin.instance, of);
		if (met || !leave_out(s, group, of))
			i++;
	}
}

/* --- single ones ---------------------------------------------------------------------------------- */

static bool leave_out_part(struct shrinking *s, size_t from, size_t to)
{
	memcpy(s->left, s->kept, from * sizeof *s->kept);
	memcpy(s->left + from, s->kept + to, (s->kept_count - to) * sizeof *s->kept);
	return keep(s, &s->out->plan, from + s->kept_count - to);
}

/* From the end, since what comes later needs what was before, seldom the other way round. */
static void thin_out(struct shrinking *s)
{
	for (size_t part = (s->kept_count + 1) / 2; part > 0 && s->kept_count > 0 && !is_over(s); part = part > 1 ? (part + 1) / 2 : 0) {
		for (size_t to = s->kept_count; to > 0;) {
			const size_t from = to > part ? to - part : 0;

			(void)leave_out_part(s, from, to);
			to = from < s->kept_count ? from : s->kept_count;
		}
		if (part > s->kept_count)
			part = s->kept_count + 1;
	}
}

/* --- pins ----------------------------------------------------------------------------------------- */

/* From the end of the run as well: what is pinned stays where it is when something before goes. */
static bool pin_part(struct shrinking *s, size_t from, size_t to)
{
	bool any = false;

	memcpy(s->left, s->kept, s->kept_count * sizeof *s->kept);
	for (size_t i = from; i < to; i++) {
		any |= !s->left[i].pinned && instance_counts(s->left[i].pin.instance);
		s->left[i].pinned |= instance_counts(s->left[i].pin.instance);
	}
	return any && keep(s, &s->out->plan, s->kept_count);
}

static void pin(struct shrinking *s)
{
	if (pin_part(s, 0, s->kept_count))
		return;
	for (size_t part = s->kept_count / 2; part > 0 && !is_over(s); part /= 2)
		for (size_t to = s->kept_count; to > 0;) {
			const size_t from = to > part ? to - part : 0;

			(void)pin_part(s, from, to);
			to = from < s->kept_count ? from : s->kept_count;
		}
}

/* --- all of it ------------------------------------------------------------------------------------- */

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

static void make_room(struct shrinking *s)
{
	s->is = lists_new();
	s->candidate = lists_new();
	s->kept = calloc(WITNESS_STRUCK_MAX, sizeof *s->kept);
	s->left = calloc(WITNESS_STRUCK_MAX, sizeof *s->left);
	s->attempt = attempt_new();
	assert(s->kept != NULL && s->left != NULL && s->attempt != NULL);
}

/* But for the lists that the plan has. */
static void give_up_room(struct shrinking *s)
{
	if (s->out->plan.only == NULL)
		lists_free(&s->is);
	lists_free(&s->candidate);
	free(s->kept);
	free(s->left);
	free(s->passed);
	attempt_free(s->attempt);
}

/* It fails as it is, and with a list of what struck. */
static bool begin(struct shrinking *s, const struct plan *plan)
{
	const struct witness *seen = &s->attempt->seen;
	double took;

	s->try_seconds = ATTEMPT_SECONDS_MAX;
	if (!fails(s, plan))
		return false;
	s->out->failed = true;
	s->out->lines_before = s->out->lines_after = seen->lines;
	s->out->struck_before = s->out->struck_after = seen->struck_count;
	took = TRY_SECONDS_MIN + TRY_TIMES * (seconds() - s->began);
	if (strcmp(s->invariant, "hung") != 0 && took < ATTEMPT_SECONDS_MAX)
		s->try_seconds = (unsigned)took;
	find_names(s, s->attempt->wrong);
	return seen->struck_count < WITNESS_STRUCK_MAX && keep(s, plan, gather_all(s));
}

static void make_smaller(struct shrinking *s)
{
	const struct instance none = { 0 };
	size_t struck;
	uint64_t lines;

	if (!leave_out(s, is_fault, none)) {
		pin(s);
		(void)leave_out(s, is_fault_elsewhere, none);
	}
	(void)leave_out(s, is_elsewhere, none);
	do {
		struck = s->kept_count;
		lines = s->out->lines_after;
		empty(s);
		simplify(s);
		leave_out_groups(s, is_of_sort);
		leave_out_groups(s, is_of_sort_and_node);
		thin_out(s);
		pin(s);
	} while (!is_over(s) && (s->kept_count < struck || s->out->lines_after < lines));
}

void shrink(struct shrunk *out, struct sim_stock *stock, const struct plan *plan, const char *invariant, unsigned seconds_max)
{
	struct shrinking s = { .out = out, .stock = stock, .invariant = invariant, .began = seconds() };

	s.told = s.began;
	s.until = s.began + seconds_max;
	make_room(&s);
	*out = (struct shrunk){ .plan = *plan };
	if (begin(&s, plan)) {
		make_smaller(&s);
		s.until += s.try_seconds;
		turn_off(&s);
	}
	out->seconds = seconds() - s.began;
	give_up_room(&s);
}

/* The trace goes to the file first, and moves behind the plan. */
bool shrink_write(const struct shrunk *shrunk, struct sim_stock *stock, const char *path)
{
	struct attempt *attempt = attempt_new();
	struct buf text;
	FILE *file;
	int c;

	assert(attempt != NULL);
	attempt_run(attempt, stock, &shrunk->plan, path, ATTEMPT_SECONDS_MAX);
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
