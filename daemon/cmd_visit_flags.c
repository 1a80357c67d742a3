#include "daemon/cmd_visit_flags.h"

#include <stdlib.h>
#include <string.h>

#include "common/moment.h"
#include "daemon/cmd_visit.h"

#define IN "check_in_time"
#define OUT "check_out_time"
#define NAMED_MAX 3
#define WORDS_SIZE 512
/* No visit takes longer; of one that says so only this much is compared with others. */
#define SPAN_MS_MAX INT64_C(86400000)

struct span {
	struct id id, worker;
	int64_t from, to;
	bool ends_first;
};

struct visit_flags {
	struct span *spans; /* by care manager, then by beginning */
	size_t count, room;
	struct arena *arena;
};

/* --- one visit --------------------------------------------------------------------- */

/* "FIELD TIME at TIME by …". False: another field's, or somebody's own remark. */
static bool read_member(const char *member, size_t len, const char *field, int64_t *time_out, int64_t *made_out)
{
	const size_t head = strlen(field) + 1;
	const char *at, *by;

	if (len <= head || memcmp(member, field, head - 1) != 0 || member[head - 1] != ' ')
		return false;
	at = memmem(member + head, len - head, " at ", 4);
	by = at == NULL ? NULL : memmem(at, (size_t)(member + len - at), " by ", 4);
	return by != NULL &&
	       moment_parse(member + head, (size_t)(at - member) - head, MOMENT_NO_OFFSET, time_out) &&
	       moment_parse(at + 4, (size_t)(by - at) - 4, MOMENT_NO_OFFSET, made_out);
}

/* The time as corrected last. */
static void correct(const struct value *edits, const char *field, int64_t *time)
{
	const char *member = NULL;
	size_t at = 0, len = 0;
	int64_t one = 0, made = 0, newest = INT64_MIN;

	if (edits->tag != VALUE_TEXT || !set_valid(edits->text, edits->len))
		return;
	while (set_next(edits->text, edits->len, &at, &member, &len)) {
		if (!read_member(member, len, field, &one, &made) || made < newest)
			continue;
		*time = one;
		newest = made;
	}
}

static bool read_time(const struct record *visit, const char *field, int64_t *out)
{
	const struct value *value = visit_value(visit, field);

	*out = value->tag == VALUE_INT ? value->integer : 0;
	return value->tag == VALUE_INT;
}

/* False: it has no times, or it does not count. */
static bool read_span(const struct record *visit, struct span *out)
{
	const struct value *edits = visit_value(visit, "edits"), *worker = visit_value(visit, "worker");
	bool begun, over;

	*out = (struct span){ .id = visit->id };
	if (visit->deleted || visit_is(visit, "cancelled") || visit_is(visit, "missed"))
		return false;
	begun = read_time(visit, IN, &out->from);
	over = read_time(visit, begun ? OUT : "planned_to", &out->to);
	if (!begun && !read_time(visit, "planned_from", &out->from))
		return false;
	if (begun)
		correct(edits, IN, &out->from);
	if (begun && over)
		correct(edits, OUT, &out->to);
	if (!over)
		out->to = out->from;
	out->ends_first = out->to < out->from;
	if (worker->tag == VALUE_TEXT)
		(void)id_parse(worker->text, worker->len, &out->worker);
	return true;
}

/* --- all of them --------------------------------------------------------------------- */

static enum status keep_span(void *ctx, const struct record *visit)
{
	struct visit_flags *flags = ctx;
	struct span span;

	if (!read_span(visit, &span))
		return ST_OK;
	if (flags->count == flags->room) {
		const size_t room = flags->room > 0 ? 2 * flags->room : 256;
		struct span *more = arena_alloc(flags->arena, room * sizeof *more);

		if (more == NULL)
			return ST_NOMEM;
		if (flags->count > 0)
			memcpy(more, flags->spans, flags->count * sizeof *more);
		flags->spans = more;
		flags->room = room;
	}
	flags->spans[flags->count++] = span;
	return ST_OK;
}

static int span_order(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	const int worker = memcmp(x->worker.bytes, y->worker.bytes, ID_SIZE);

	if (worker != 0)
		return worker;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return memcmp(x->id.bytes, y->id.bytes, ID_SIZE);
}

enum status visit_flags_load(struct desk *desk, struct visit_flags **out)
{
	struct store *store = desk->centre.store;
	struct visit_flags *flags = arena_zalloc(&desk->arena, sizeof *flags);
	enum status st;

	if (flags == NULL)
		return ST_NOMEM;
	flags->arena = &desk->arena;
	st = store->ops->record_each(store, schema_kind(desk->schema, "visit", 5), NULL, keep_span, flags);
	if (st != ST_OK)
		return st;
	if (flags->count > 0)
		qsort(flags->spans, flags->count, sizeof *flags->spans, span_order);
	*out = flags;
	return ST_OK;
}

/* --- what is odd ------------------------------------------------------------------------ */

static bool overlap(const struct span *a, const struct span *b)
{
	return !a->ends_first && !b->ends_first && a->from < b->to && b->from < a->to;
}

/* The first span that may overlap this one: of the same care manager, and begun less than a day before. */
static size_t first_near(const struct visit_flags *flags, const struct span *span)
{
	struct span from = { .worker = span->worker };
	size_t low = 0, high = flags->count;

	if (__builtin_sub_overflow(span->from, SPAN_MS_MAX, &from.from))
		from.from = INT64_MIN;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (span_order(&flags->spans[middle], &from) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_overlaps(const struct visit_flags *flags, const struct span *span, struct buf *words)
{
	size_t count = 0;

	for (size_t i = first_near(flags, span); i < flags->count; i++) {
		const struct span *other = &flags->spans[i];
		char id[ID_TEXT_SIZE];

		if (!id_equal(&other->worker, &span->worker) || other->from >= span->to)
			break;
		if (id_equal(&other->id, &span->id) || !overlap(span, other) || count++ >= NAMED_MAX)
			continue;
		id_format(&other->id, id);
		buf_printf(words, "%soverlaps visit/%s", words->len == 0 ? "" : ", ", id);
	}
	if (count > NAMED_MAX)
		buf_printf(words, " and %zu more", count - NAMED_MAX);
}

enum status visit_flags_of(struct desk *desk, const struct visit_flags *flags, const struct id *visit, const char **out)
{
	const struct span *span = NULL;
	struct buf words;
	enum status st = ST_OK;

	*out = NULL;
	for (size_t i = 0; i < flags->count && span == NULL; i++)
		if (id_equal(&flags->spans[i].id, visit))
			span = &flags->spans[i];
	if (span == NULL)
		return ST_OK;
	buf_init(&words, WORDS_SIZE);
	if (span->ends_first)
		buf_add_str(&words, "ends before it begins");
	else if (!id_is_zero(&span->worker))
		add_overlaps(flags, span, &words);
	st = buf_status(&words);
	if (st == ST_OK && words.len > 0 && (*out = arena_copy(&desk->arena, words.data, words.len)) == NULL)
		st = ST_NOMEM;
	buf_close(&words);
	return st;
}
