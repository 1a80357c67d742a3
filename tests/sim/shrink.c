#include "tests/sim/shrink.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tests/sim/shrink_inside.h"

#define TEXT_MAX (16U * 1024 * 1024)
#define TRY_TIMES 4 /* a try that takes so many times as long as the failure did is none */
#define TRY_SECONDS_MIN 5
#define FEW 8
#define STEPS_MAX 64
#define LINES_ENOUGH 60 /* what one person reads */

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
	return any && shrink_keep(s, &smaller, left);
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

enum simple { SIMPLE_RECORDS, SIMPLE_BUDGET, SIMPLE_SLOW, SIMPLE_TOGETHER, SIMPLE_PROGRAM, SIMPLE_POWER, SIMPLE_CLOCKS,
              SIMPLE_COVERS, SIMPLE_WITHDRAWALS, SIMPLE_COUNT };

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
	case SIMPLE_COVERS:
		plan->covers = false;
		return before.covers;
	case SIMPLE_WITHDRAWALS:
		plan->withdrawals = false;
		return before.withdrawals;
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

	for (unsigned n = least; n < is; n += is - n > FEW ? (is - n) / 2 : 1) {
		smaller = s->out->plan;
		*field(&smaller) = n;
		if (shrink_keep_plan(s, &smaller))
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
			(void)shrink_keep_plan(s, &smaller);
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
		(void)shrink_keep_plan(s, &smaller);
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
	return left < s->kept_count && shrink_keep(s, &s->out->plan, left);
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
	return shrink_keep(s, &s->out->plan, from + s->kept_count - to);
}

/* From the end, since what comes later needs what was before, seldom the other way round. */
static void thin_out(struct shrinking *s)
{
	for (size_t part = (s->kept_count + 1) / 2; part > 0 && s->kept_count > 0 && !shrink_is_over(s); part = part > 1 ? (part + 1) / 2 : 0) {
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
	return any && shrink_keep(s, &s->out->plan, s->kept_count);
}

static void pin(struct shrinking *s)
{
	if (pin_part(s, 0, s->kept_count))
		return;
	for (size_t part = s->kept_count / 2; part > 0 && !shrink_is_over(s); part /= 2)
		for (size_t to = s->kept_count; to > 0;) {
			const size_t from = to > part ? to - part : 0;

			(void)pin_part(s, from, to);
			to = from < s->kept_count ? from : s->kept_count;
		}
}

/* --- two at once ---------------------------------------------------------------------------------- */

enum move { MOVE_AWAY, MOVE_PATIENTS, MOVE_DAYS, MOVE_RECORDS, MOVE_ITEM };

struct step {
	enum move move;
	unsigned to;
};

static void add_steps(struct step *steps, size_t *count, enum move move, unsigned first, unsigned last)
{
	for (unsigned to = first; to <= last && *count < STEPS_MAX; to++)
		steps[(*count)++] = (struct step){ move, to };
}

static size_t list_steps(const struct shrinking *s, struct step *steps)
{
	const struct plan *plan = &s->out->plan;
	size_t count = 0;

	add_steps(steps, &count, MOVE_AWAY, 1, plan->tablets);
	add_steps(steps, &count, MOVE_PATIENTS, 1, plan->patients - 1 < FEW ? plan->patients - 1 : FEW);
	add_steps(steps, &count, MOVE_DAYS, 1, plan->days - 1 < FEW ? plan->days - 1 : FEW);
	if (plan->records_max != 0)
		add_steps(steps, &count, MOVE_RECORDS, 1, 2 * FEW);
	if (s->kept_count > 0 && s->kept_count < STEPS_MAX)
		add_steps(steps, &count, MOVE_ITEM, 0, (unsigned)s->kept_count - 1);
	return count;
}

static void take_step(struct plan *plan, const struct step *step)
{
	switch (step->move) {
	case MOVE_AWAY:
		plan->away[(step->to - 1) / 64] |= UINT64_C(1) << ((step->to - 1) % 64);
		break;
	case MOVE_PATIENTS:
		plan->patients = step->to;
		break;
	case MOVE_DAYS:
		plan->days = step->to;
		break;
	case MOVE_RECORDS:
		plan->records_max = step->to;
		break;
	case MOVE_ITEM:
		break;
	}
}

static bool take_steps(struct shrinking *s, const struct step *first, const struct step *second)
{
	struct plan smaller = s->out->plan;
	size_t left = 0;

	take_step(&smaller, first);
	take_step(&smaller, second);
	for (size_t i = 0; i < s->kept_count; i++)
		if (!(first->move == MOVE_ITEM && first->to == i) && !(second->move == MOVE_ITEM && second->to == i) &&
		    !plan_is_away(&smaller, instance_node(s->kept[i].pin.instance)))
			s->left[left++] = s->kept[i];
	return shrink_keep(s, &smaller, left);
}

/* What could not go alone may go with something else, as two that need each other; or other pages do as well. Only what makes
 * the trace shorter is kept. */
static bool pair_off(struct shrinking *s)
{
	struct step steps[STEPS_MAX];
	const size_t count = list_steps(s, steps);
	bool any = false;

	s->lines_max = s->out->lines_after;
	for (size_t apart = 0; apart < count && !any && !shrink_is_over(s); apart++)
		for (size_t i = 0; i + apart < count && !any; i++)
			any = take_steps(s, &steps[i], &steps[i + apart]);
	s->lines_max = UINT64_MAX;
	return any;
}

/* --- all of it ------------------------------------------------------------------------------------- */

/* It fails as it is, and with a list of what struck. */
static bool begin(struct shrinking *s, const struct plan *plan)
{
	const struct witness *seen = &s->attempt->seen;
	double took;

	s->try_seconds = ATTEMPT_SECONDS_MAX;
	if (!shrink_fails(s, plan))
		return false;
	s->out->failed = true;
	s->out->lines_before = s->out->lines_after = seen->lines;
	s->out->struck_before = s->out->struck_after = seen->struck_count;
	took = TRY_SECONDS_MIN + TRY_TIMES * (shrink_seconds() - s->began);
	if (strcmp(s->invariant, "hung") != 0 && took < ATTEMPT_SECONDS_MAX)
		s->try_seconds = (unsigned)took;
	find_names(s, s->attempt->wrong);
	return seen->struck_count < WITNESS_STRUCK_MAX && shrink_keep(s, plan, shrink_gather_all(s));
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
	} while (!shrink_is_over(s) && (s->kept_count < struck || s->out->lines_after < lines || (lines > LINES_ENOUGH && pair_off(s))));
}

void shrink(struct shrunk *out, struct sim_stock *stock, const struct plan *plan, const char *invariant, unsigned seconds_max)
{
	struct shrinking s = { .out = out, .stock = stock, .invariant = invariant, .began = shrink_seconds() };

	s.told = s.began;
	s.lines_max = UINT64_MAX;
	s.until = s.began + seconds_max;
	shrink_make_room(&s);
	*out = (struct shrunk){ .plan = *plan };
	if (begin(&s, plan)) {
		make_smaller(&s);
		s.until += s.try_seconds;
		turn_off(&s);
	}
	out->seconds = shrink_seconds() - s.began;
	shrink_give_up_room(&s);
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
