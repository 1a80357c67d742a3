#include "tests/sim/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/dice.h"

#define NODE_SHIFT 40
#define TYPE_SHIFT 56
#define TYPE_ACT 255
#define WISHES (UINT64_C(1) << 38) /* numbers of acts from here on are wishes */
#define RANGE_MAX 65536
#define KIND_SHIFT 32 /* what an exchange or an act is, in its number: see sites (node.c) and AMID_CATCH_UP */
#define PIN_EARLY_MS 2000 /* bytes are that much sooner or later on their way than they were */
#define LINE_FULL 90

static const char *const FAULTS[FAULT_COUNT] = {
	"lost-up", "lost-down", "twice-now", "twice-late", "reordered", "cut", "stalled", "portal", "old-answer", "status",
	"too-large", "bits", "bits-up", "no-link", "clock-set", "sleep", "centre-clock", "io", "sync", "lie", "full", "read-only",
	"busy", "kill-point", "kill-call",
};
static const char *const WORKS[WORK_COUNT] = { "rows", "notes", "registers", "guarded", "sessions", "sql", "day" };

const char *fault_name(enum fault fault)
{
	assert(fault < FAULT_COUNT);
	return FAULTS[fault];
}

const char *work_name(enum work work)
{
	assert(work < WORK_COUNT);
	return WORKS[work];
}

static struct instance pack(unsigned type, unsigned node, uint64_t k)
{
	assert(node <= PLAN_TABLETS_MAX && k >> NODE_SHIFT == 0);
	return (struct instance){ (uint64_t)type << TYPE_SHIFT | (uint64_t)node << NODE_SHIFT | k };
}

struct instance instance_act(unsigned node, uint64_t k)
{
	return pack(TYPE_ACT, node, k);
}

struct instance instance_wish(unsigned node, uint64_t k)
{
	return pack(TYPE_ACT, node, WISHES + k);
}

struct instance instance_fault(enum fault fault, unsigned node, uint64_t k)
{
	return pack((unsigned)fault, node, k);
}

uint64_t instance_number(struct instance instance)
{
	return instance.packed & ((UINT64_C(1) << NODE_SHIFT) - 1);
}

unsigned instance_sort(struct instance instance)
{
	if (instance_is_fault(instance))
		return (unsigned)(instance.packed >> TYPE_SHIFT);
	return instance_number(instance) < WISHES ? FAULT_COUNT : FAULT_COUNT + 1;
}

unsigned instance_node(struct instance instance)
{
	return (unsigned)(instance.packed >> NODE_SHIFT) & 0xFFFF;
}

bool instance_is_fault(struct instance instance)
{
	return instance.packed >> TYPE_SHIFT != TYPE_ACT;
}

/* --- what a seed says -------------------------------------------------------------------- */

/* How often each fault comes where it is on: once in so many chances. A chance is an exchange for those of the way, an
 * act for those of a node, a day for those of a day. */
static const uint32_t ODDS[FAULT_COUNT] = {
	[FAULT_LOST_UP] = 8, [FAULT_LOST_DOWN] = 6, [FAULT_TWICE_NOW] = 10, [FAULT_TWICE_LATE] = 12, [FAULT_REORDERED] = 14,
	[FAULT_CUT] = 10, [FAULT_STALLED] = 20, [FAULT_PORTAL] = 16, [FAULT_OLD_ANSWER] = 16, [FAULT_STATUS] = 10,
	[FAULT_TOO_LARGE] = 14, [FAULT_BITS] = 20, [FAULT_BITS_UP] = 20, [FAULT_NO_LINK] = 2, [FAULT_CLOCK_SET] = 3,
	[FAULT_SLEEP] = 3, [FAULT_CENTRE_CLOCK] = 4, [FAULT_IO] = 60, [FAULT_SYNC] = 80, [FAULT_LIE] = 0, [FAULT_FULL] = 100,
	[FAULT_READ_ONLY] = 200, [FAULT_BUSY] = 60, [FAULT_KILL_POINT] = 50, [FAULT_KILL_CALL] = 60,
};

static void choose_size(struct plan *plan, struct dice *dice)
{
	const uint64_t shape = dice_below(dice, 40);

	plan->whole = dice_one_in(dice, 5);
	plan->tablets = 2 + (unsigned)dice_below(dice, 4);
	plan->days = 1 + (unsigned)dice_below(dice, 5);
	plan->syncs_a_day = 3 + (unsigned)dice_below(dice, 6);
	plan->acts_a_day = 6 + (unsigned)dice_below(dice, 14);
	plan->patients = 1 + (unsigned)dice_below(dice, 2 * plan->tablets);
	if (shape == 0) { /* long */
		plan->tablets = 1 + (unsigned)dice_below(dice, 2);
		plan->days = 40;
		plan->whole = false;
	} else if (shape == 1) { /* wide */
		plan->tablets = 20 + (unsigned)dice_below(dice, 11);
		plan->days = 1;
		plan->whole = false;
	}
}

void plan_of_seed(struct plan *plan, uint64_t seed)
{
	struct dice dice = dice_at(seed, SITE_PLAN, 0, 0), dice_cover;
	const uint64_t calm = dice_below(&dice, 5); /* 0: nothing on the way, 1: no disk, the rest: any */
	const bool rough = dice_one_in(&dice, 5);   /* whatever is on strikes four times as often */

	*plan = (struct plan){ .seed = seed, .until_ms = INT64_MAX };
	choose_size(plan, &dice);
	plan->budget = dice_one_in(&dice, 3) ? 2048 + (uint32_t)dice_below(&dice, 30000) : 0;
	plan->records_max = dice_one_in(&dice, 3) ? 1 + dice_below(&dice, 6) : 0;
	plan->program = dice_one_in(&dice, 3);
	plan->power = dice_one_in(&dice, 2);
	for (int f = 0; f < FAULT_COUNT; f++) {
		const bool on = dice_one_in(&dice, 3), way = f < FAULT_NO_LINK, disk = f >= FAULT_IO;

		if (on && !(way && calm == 0) && !(disk && calm == 1))
			plan->odds[f] = ODDS[f] == 0 ? 0 : 1 + (ODDS[f] / 2 + (uint32_t)dice_below(&dice, ODDS[f])) / (rough ? 4 : 1);
	}
	plan->honest_clocks = plan->odds[FAULT_CLOCK_SET] == 0 && dice_one_in(&dice, 2);
	dice_cover = dice_at(seed, SITE_COVER, 0, 0);
	plan->covers = dice_one_in(&dice_cover, 2);
	for (int w = 0; w < WORK_COUNT; w++)
		plan->weight[w] = dice_one_in(&dice, 2) ? 1 + (uint32_t)dice_below(&dice, 4) : 0;
	plan->weight[WORK_DAY] = plan->whole ? 8 : 0;
	if (!plan->whole)
		plan->weight[dice_below(&dice, WORK_DAY)] += 2; /* never nothing */
	else
		plan->patients = 1 + plan->patients % plan->tablets; /* many people at few notes */
	plan->together = dice_one_in(&dice, 3);
	plan->slow = dice_one_in(&dice, 6);
	/* By dice of its own, so that what was there before it is what it was. */
	dice = dice_at(seed, SITE_PLAN, 0, 1);
	plan->withdrawals = dice_one_in(&dice, 3);
}

/* --- less than that ------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return x->packed < y->packed ? -1 : x->packed > y->packed;
}

static bool has_tablet(const uint64_t words[PLAN_TABLETS_WORDS], unsigned tablet)
{
	return tablet > 0 && (words[(tablet - 1) / 64] >> ((tablet - 1) % 64) & 1) != 0;
}

bool instance_counts(struct instance instance)
{
	const uint64_t kind = (instance_number(instance) >> KIND_SHIFT) & 0x3F;

	if (!instance_is_fault(instance))
		return false;
	switch ((enum fault)instance_sort(instance)) {
	case FAULT_CLOCK_SET:
	case FAULT_SLEEP:
	case FAULT_CENTRE_CLOCK:
		return false;
	case FAULT_NO_LINK:
		return kind != 0;
	case FAULT_IO:
	case FAULT_SYNC:
	case FAULT_LIE:
	case FAULT_FULL:
	case FAULT_READ_ONLY:
	case FAULT_BUSY:
	case FAULT_KILL_POINT:
	case FAULT_KILL_CALL:
		return kind != SITE_TABLET_ACT && kind != SITE_CENTRE_ACT && kind != SITE_CLOCK;
	case FAULT_LOST_UP:
	case FAULT_LOST_DOWN:
	case FAULT_TWICE_NOW:
	case FAULT_TWICE_LATE:
	case FAULT_REORDERED:
	case FAULT_CUT:
	case FAULT_STALLED:
	case FAULT_PORTAL:
	case FAULT_OLD_ANSWER:
	case FAULT_STATUS:
	case FAULT_TOO_LARGE:
	case FAULT_BITS:
	case FAULT_BITS_UP:
	case FAULT_COUNT:
		break;
	}
	return true;
}

bool pin_fits(const struct pin *pin, struct instance instance, int64_t elapsed_ms)
{
	return pin->instance.packed >> KIND_SHIFT == instance.packed >> KIND_SHIFT && elapsed_ms >= pin->at_ms - PIN_EARLY_MS;
}

bool plan_is_away(const struct plan *plan, unsigned tablet)
{
	return has_tablet(plan->away, tablet);
}

bool plan_has(const struct plan *plan, struct instance instance, int64_t elapsed_ms)
{
	if (elapsed_ms > plan->until_ms)
		return false;
	if (!instance_is_fault(instance) && has_tablet(plan->silent, instance_node(instance)))
		return false;
	return plan->only == NULL ||
	       bsearch(&instance, plan->only, plan->only_count, sizeof instance, compare) != NULL;
}

/* --- in writing ------------------------------------------------------------------------------ */

struct number_row {
	const char *name;
	size_t offset;
	size_t size;
};
#define ROW(field) { #field, offsetof(struct plan, field), sizeof ((struct plan *)NULL)->field }
static const struct number_row NUMBERS[] = {
	ROW(whole), ROW(tablets), ROW(days), ROW(syncs_a_day), ROW(acts_a_day), ROW(patients), ROW(budget), ROW(records_max),
	ROW(program), ROW(power), ROW(together), ROW(slow), ROW(withdrawals), ROW(honest_clocks), ROW(covers), ROW(until_ms),
};
#define NUMBER_COUNT (sizeof NUMBERS / sizeof NUMBERS[0])

static int64_t get_number(const struct plan *plan, const struct number_row *row)
{
	const void *at = (const char *)plan + row->offset;

	if (row->size == sizeof(bool))
		return *(const bool *)at;
	if (row->size == sizeof(unsigned))
		return *(const unsigned *)at;
	return *(const int64_t *)at;
}

static void set_number(struct plan *plan, const struct number_row *row, int64_t value)
{
	void *at = (char *)plan + row->offset;

	if (row->size == sizeof(bool))
		*(bool *)at = value != 0;
	else if (row->size == sizeof(unsigned))
		*(unsigned *)at = (unsigned)value;
	else
		*(int64_t *)at = value;
}

/* "3", or "3-5" for all of first … last. */
static void write_range(struct buf *out, uint64_t first, uint64_t last)
{
	buf_printf(out, " %" PRIu64, first);
	if (last > first)
		buf_printf(out, "-%" PRIu64, last);
}

static void write_tablets(const struct plan *plan, const char *word, const uint64_t words[PLAN_TABLETS_WORDS], struct buf *out)
{
	unsigned last;

	for (unsigned t = 1; t <= plan->tablets; t = last + 1) {
		last = t;
		if (!has_tablet(words, t))
			continue;
		while (last < plan->tablets && has_tablet(words, last + 1))
			last++;
		buf_printf(out, "%s", word);
		write_range(out, t, last);
		buf_add_byte(out, '\n');
	}
}

static const char *sort_name(unsigned sort)
{
	return sort < FAULT_COUNT ? FAULTS[sort] : sort == FAULT_COUNT ? "act" : "wish";
}

/* What is of the same sort and node stands in one line, as far as it has room. */
static void write_only(const struct plan *plan, struct buf *out)
{
	const struct instance *only = plan->only;
	const size_t count = plan->only_count;
	size_t last, began = 0;

	if (only != NULL && count == 0)
		buf_printf(out, "only nothing\n");
	for (size_t i = 0; only != NULL && i < count; i = last + 1) {
		const unsigned sort = instance_sort(only[i]), node = instance_node(only[i]);
		const uint64_t zero = only[i].packed - instance_number(only[i]) + (sort == FAULT_COUNT + 1 ? WISHES : 0);

		last = i;
		while (last + 1 < count && only[last + 1].packed == only[last].packed + 1 && instance_sort(only[last + 1]) == sort &&
		       last + 1 - i < RANGE_MAX)
			last++;
		if (i == 0 || instance_sort(only[i - 1]) != sort || instance_node(only[i - 1]) != node || out->len - began > LINE_FULL) {
			buf_printf(out, "%sonly %s %u", i == 0 ? "" : "\n", sort_name(sort), node);
			began = out->len;
		}
		write_range(out, only[i].packed - zero, only[last].packed - zero);
	}
	if (only != NULL && count > 0)
		buf_add_byte(out, '\n');
}

void plan_write(const struct plan *plan, bool all, struct buf *out)
{
	struct plan own;

	plan_of_seed(&own, plan->seed);
	buf_printf(out, "seed %" PRIu64 "\n", plan->seed);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		if (all || get_number(plan, &NUMBERS[i]) != get_number(&own, &NUMBERS[i]))
			buf_printf(out, "%s %" PRId64 "\n", NUMBERS[i].name, get_number(plan, &NUMBERS[i]));
	if (all) {
		memset(own.odds, 0, sizeof own.odds);
		memset(own.weight, 0, sizeof own.weight);
		buf_printf(out, "faults none\nworks none\n");
	}
	for (int f = 0; f < FAULT_COUNT; f++)
		if (plan->odds[f] != own.odds[f])
			buf_printf(out, "fault %s %" PRIu32 "\n", FAULTS[f], plan->odds[f]);
	for (int w = 0; w < WORK_COUNT; w++)
		if (plan->weight[w] != own.weight[w])
			buf_printf(out, "work %s %" PRIu32 "\n", WORKS[w], plan->weight[w]);
	write_tablets(plan, "silent", plan->silent, out);
	write_tablets(plan, "away", plan->away, out);
	write_only(plan, out);
	for (size_t i = 0; i < plan->pin_count; i++) {
		const struct instance instance = plan->pins[i].instance;

		buf_printf(out, "at %" PRId64 " %s %u %" PRIu64 "\n", plan->pins[i].at_ms, sort_name(instance_sort(instance)),
			   instance_node(instance), instance_number(instance));
	}
}

static int name_index(const char *const *names, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return -1;
}

struct reading {
	struct plan *plan;
	struct instance *only;
	size_t count, room;
	struct pin *pins;
	size_t pin_count;
};

static void add_only(struct reading *r, unsigned type, unsigned node, uint64_t k)
{
	if (r->count == r->room) {
		r->room = r->room * 2 + 64;
		r->only = realloc(r->only, r->room * sizeof *r->only);
		assert(r->only != NULL);
	}
	r->only[r->count++] = pack(type, node, k);
}

/* " 3-5 7": each range in turn. False: that's no range, or one of too many. *text moves on. */
static bool read_range(const char **text, uint64_t *first, uint64_t *last)
{
	char *end;

	if (**text != ' ' || (*text)[1] < '0' || (*text)[1] > '9')
		return false;
	*first = *last = strtoull(*text + 1, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*last = strtoull(end + 1, &end, 10);
	*text = end;
	return *last >= *first && *last - *first < RANGE_MAX && (*end == ' ' || *end == '\0');
}

static bool read_only_line(struct reading *r, const char *line)
{
	uint64_t first, last, zero = 0;
	char word[32];
	int type, len = 0;
	unsigned node;

	if (r->only == NULL)
		r->only = calloc(r->room = 64, sizeof *r->only);
	if (strcmp(line, "only nothing") == 0)
		return true;
	if (sscanf(line, "only %31s %u%n", word, &node, &len) != 2 || line[len] == '\0' || node > PLAN_TABLETS_MAX)
		return false;
	type = name_index(FAULTS, FAULT_COUNT, word);
	if (strcmp(word, "act") == 0 || strcmp(word, "wish") == 0)
		type = TYPE_ACT;
	if (strcmp(word, "wish") == 0)
		zero = WISHES;
	for (line += len; type >= 0 && *line != '\0';) {
		if (!read_range(&line, &first, &last) || (zero + last) >> NODE_SHIFT != 0)
			return false;
		for (uint64_t k = first; k <= last; k++)
			add_only(r, (unsigned)type, node, zero + k);
	}
	return type >= 0;
}

static bool read_pin(struct reading *r, const char *line)
{
	int64_t at_ms;
	char word[32];
	unsigned node;
	uint64_t k;
	int fault;

	if (sscanf(line, "at %" SCNd64 " %31s %u %" SCNu64, &at_ms, word, &node, &k) != 4 || node > PLAN_TABLETS_MAX ||
	    k >> NODE_SHIFT != 0 || (fault = name_index(FAULTS, FAULT_COUNT, word)) < 0)
		return false;
	r->pins = realloc(r->pins, (r->pin_count + 1) * sizeof *r->pins);
	assert(r->pins != NULL);
	r->pins[r->pin_count++] = (struct pin){ pack((unsigned)fault, node, k), at_ms };
	return true;
}

static bool read_tablets(uint64_t words[PLAN_TABLETS_WORDS], const char *text)
{
	uint64_t first, last;

	do {
		if (!read_range(&text, &first, &last) || first < 1 || last > PLAN_TABLETS_MAX)
			return false;
		for (uint64_t t = first - 1; t < last; t++)
			words[t / 64] |= UINT64_C(1) << (t % 64);
	} while (*text != '\0');
	return true;
}

static bool read_line(struct reading *r, const char *line)
{
	struct plan *plan = r->plan;
	char word[32];
	uint64_t number;
	uint32_t odds;
	int64_t value;
	int at;

	if (sscanf(line, "seed %" SCNu64, &number) == 1) {
		plan_of_seed(plan, number);
		return true;
	}
	if (strncmp(line, "only ", 5) == 0)
		return read_only_line(r, line);
	if (sscanf(line, "fault %31s %" SCNu32, word, &odds) == 2 && (at = name_index(FAULTS, FAULT_COUNT, word)) >= 0) {
		plan->odds[at] = odds;
		return true;
	}
	if (sscanf(line, "work %31s %" SCNu32, word, &odds) == 2 && (at = name_index(WORKS, WORK_COUNT, word)) >= 0) {
		plan->weight[at] = odds;
		return true;
	}
	if (strncmp(line, "at ", 3) == 0)
		return read_pin(r, line);
	if (strncmp(line, "silent ", 7) == 0)
		return read_tablets(plan->silent, line + 6);
	if (strncmp(line, "away ", 5) == 0)
		return read_tablets(plan->away, line + 4);
	if (strcmp(line, "faults none") == 0) {
		memset(plan->odds, 0, sizeof plan->odds);
		return true;
	}
	if (strcmp(line, "works none") == 0) {
		memset(plan->weight, 0, sizeof plan->weight);
		return true;
	}
	if (sscanf(line, "%31s %" SCNd64, word, &value) == 2)
		for (size_t i = 0; i < NUMBER_COUNT; i++)
			if (strcmp(NUMBERS[i].name, word) == 0) {
				set_number(plan, &NUMBERS[i], value);
				return plan->tablets <= PLAN_TABLETS_MAX;
			}
	return false;
}

/* One line, as much of it as there is room for. */
static bool next_line(FILE *in, char line[PLAN_LINE_SIZE])
{
	int c;

	if (fgets(line, PLAN_LINE_SIZE, in) == NULL)
		return false;
	if (strchr(line, '\n') == NULL)
		while ((c = fgetc(in)) != EOF && c != '\n')
			;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

bool plan_read(struct plan *plan, FILE *in, char line_out[PLAN_LINE_SIZE])
{
	struct reading r = { .plan = plan };

	*plan = (struct plan){ .until_ms = INT64_MAX };
	while (next_line(in, line_out)) {
		if (line_out[0] == '#')
			continue;
		if (line_out[0] == '\0' || strcmp(line_out, "--") == 0)
			break;
		if (!read_line(&r, line_out)) {
			free(r.only);
			free(r.pins);
			return false;
		}
	}
	if (r.only != NULL)
		qsort(r.only, r.count, sizeof *r.only, compare);
	plan->only = r.only;
	plan->only_count = r.count;
	plan->pins = r.pins;
	plan->pin_count = r.pin_count;
	return plan->seed != 0;
}

void plan_free(struct plan *plan)
{
	free((void *)(uintptr_t)plan->only);
	free((void *)(uintptr_t)plan->pins);
	plan->only = NULL;
	plan->pins = NULL;
	plan->only_count = plan->pin_count = 0;
}
