#include "daemon/conflict.h"

#include <inttypes.h>
#include <string.h>

#include "common/merge.h"
#include "daemon/candidates.h"

const struct kind *conflict_kind(const struct intake *in)
{
	return schema_kind(in->schema, "conflict", 8);
}

void conflict_put(struct change *change, const char *field, struct value value)
{
	change->row.values[kind_field(change->kind, field, strlen(field))] = value;
}

struct change *conflict_edit(struct intake *in, const struct kind *kind, const struct id *id)
{
	struct change *change = arena_zalloc(in->arena, sizeof *change);

	if (change) {
		change->kind = kind;
		change->id = *id;
	}
	return change;
}

void conflict_edit_group(struct change *change, const char *name)
{
	const struct group *group = &change->kind->groups[kind_group(change->kind, name, strlen(name))];

	change->groups[change->group_count++].num = group->num;
}

/* --- who proposed it --- */

enum status conflict_author(struct intake *in, const struct history *row, struct id *out)
{
	struct history of;
	enum status st = ST_OK;

	*out = row->author;
	if (row->of_seq) {
		st = in->store->ops->history_get(in->store, row->of_seq, in->arena, &of);
		if (st == ST_OK)
			*out = of.author;
	}
	return st;
}

static enum status name_of(struct intake *in, const struct id *worker, const char **out)
{
	const struct kind *kind = schema_kind(in->schema, "worker", 6);
	int f = kind_field(kind, "name", 4);
	struct record *record = arena_zalloc(in->arena, sizeof *record);
	enum status st;

	*out = "console";
	if (!record)
		return ST_NOMEM;
	if (id_is_zero(worker))
		return ST_OK;
	st = in->store->ops->record_get(in->store, kind, worker, in->arena, record);
	*out = "";
	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_OK : st;
	if (record->row.values[f].tag == VALUE_TEXT)
		*out = arena_copy(in->arena, record->row.values[f].text, record->row.values[f].len);
	return *out ? ST_OK : ST_NOMEM;
}

static enum status device_name(struct intake *in, uint32_t number, const char **out)
{
	struct device *device = arena_zalloc(in->arena, sizeof *device);
	enum status st = ST_NOMEM;

	*out = "centre";
	if (number == 0)
		return ST_OK;
	if (device)
		st = in->store->ops->device_get(in->store, number, device);
	*out = st == ST_OK ? device->name : "";
	return st == ST_NOT_FOUND ? ST_OK : st;
}

enum status candidate_of(struct intake *in, const struct history *row, const struct row *values,
				struct candidate *out)
{
	char *author = arena_alloc(in->arena, ID_TEXT_SIZE);
	struct id worker;
	enum status st = author ? conflict_author(in, row, &worker) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	id_format(&worker, author);
	*out = (struct candidate){ .author = author, .seq = row->seq, .at = row->at, .values = values };
	st = name_of(in, &worker, &out->name);
	return st == ST_OK ? device_name(in, row->device, &out->device) : st;
}

/* --- opening and joining --- */

struct find {
	const struct target *target;
	const struct intake *in;
	struct id id;
	bool found;
};

static enum status find_visit(void *ctx, const struct record *conflict)
{
	struct find *find = ctx;
	struct value status = conflict_value(conflict, "status");
	struct target target;

	if (conflict->deleted || status.len != 4 || memcmp(status.text, "open", 4) != 0)
		return ST_OK;
	if (target_of(find->in, conflict, &target) != ST_OK || target.group != find->target->group ||
	    !id_equal(&target.id, &find->target->id))
		return ST_OK;
	find->id = conflict->id;
	find->found = true;
	return ST_OK;
}

struct decided {
	const struct target *target;
	const struct intake *in;
	uint64_t since;
	bool found;
};

static enum status decided_visit(void *ctx, const struct record *conflict)
{
	struct decided *decided = ctx;
	struct target target;

	if (conflict_value(conflict, "decision").len == 0 || target_of(decided->in, conflict, &target) != ST_OK ||
	    target.group != decided->target->group || !id_equal(&target.id, &decided->target->id))
		return ST_OK;
	decided->found |= conflict->groups[kind_group(conflict->kind, "decision", 8)].seq > decided->since;
	return ST_OK;
}

enum status conflict_decided_since(struct intake *in, const struct record *record, const struct group *group,
				   uint64_t seq, bool *out)
{
	const struct target target = { record->kind, record->id, group };
	struct decided decided = { .target = &target, .in = in, .since = seq };
	enum status st = in->store->ops->record_each(in->store, conflict_kind(in), &record->patient, decided_visit, &decided);

	*out = decided.found;
	return st;
}

static void conflict_id(const struct target *target, uint64_t seq, struct id *out)
{
	uint8_t text[8];
	const struct part parts[] = {
		{ &target->kind->num, 1 },
		{ target->id.bytes, ID_SIZE },
		{ &target->group->num, 1 },
		{ text, sizeof text },
	};
	struct digest digest;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(seq >> (56 - 8 * i));
	digest_of(&digest, "conflict", parts, 4);
	id_from_digest(out, digest.bytes);
}

static size_t candidates_max(const struct kind *kind)
{
	return kind->fields[kind_field(kind, "candidates", 10)].max;
}

/* Append a candidate to the array in *buf (empty, or ending in ']'). Where it does not fit its values are left out. False:
 * not even that fits, and *buf is as it was: the value stays in history, from where it can be taken. */
static bool candidate_add(struct buf *buf, const struct target *target, unsigned n, const struct candidate *candidate)
{
	const size_t room = buf->size_max - buf->len;
	struct candidate lean = *candidate;
	struct buf one;
	bool fits;

	buf_init(&one, buf->size_max);
	candidate_write(&one, target, n, &lean);
	if (buf_status(&one) != ST_OK || one.len + 2 > room) {
		lean.values = NULL;
		buf_reset(&one);
		candidate_write(&one, target, n, &lean);
	}
	fits = buf_status(&one) == ST_OK && one.len + 2 <= room;
	if (fits) {
		if (buf->len > 0)
			buf->len--;
		buf_add_str(buf, buf->len > 0 ? "," : "[");
		buf_add(buf, one.data, one.len);
		buf_add_str(buf, "]");
	}
	buf_close(&one);
	return fits;
}

/* The array with one more. *text_out in the arena. */
static enum status candidates_join(struct intake *in, const struct target *target, const struct value *old,
				   const struct candidate *more, struct value *text_out)
{
	json_t *array = conflict_json(old);
	struct buf buf;
	char *copy;
	enum status st;

	buf_init(&buf, candidates_max(conflict_kind(in)));
	buf_add(&buf, old->text, old->len);
	if (!candidate_add(&buf, target, (unsigned)json_array_size(array) + 1, more))
		env_log(in->env, LOG_WARNING, "conflict", "candidates-full", "seq=%" PRIu64, more->seq);
	json_decref(array);
	st = buf_status(&buf);
	copy = st == ST_OK ? arena_copy(in->arena, buf.data, buf.len) : NULL;
	if (st == ST_OK && !copy)
		st = ST_NOMEM;
	if (st == ST_OK)
		*text_out = value_text(copy, buf.len);
	buf_close(&buf);
	return st;
}

/* What stands, as the first candidate: the value of the change before the one that lost, also where some of that one's
 * words were merged into it. */
static enum status candidate_standing(struct intake *in, const struct record *record, const struct lost *lost,
				      struct candidate *out)
{
	struct history row = { .seq = lost->stood->seq };
	enum status st = in->store->ops->history_get(in->store, lost->stood->seq, in->arena, &row);

	if (st != ST_OK)
		return st == ST_NOT_FOUND ? ST_CORRUPT : st;
	row.at = lost->stood->at;
	return candidate_of(in, &row, &record->row, out);
}

static enum status conflict_new(struct intake *in, const struct record *record, const struct target *target,
				const struct lost *lost, const struct candidate *loser)
{
	struct change *change = conflict_edit(in, conflict_kind(in), &record->id);
	char *id = arena_alloc(in->arena, ID_TEXT_SIZE);
	struct value text = value_text("", 0);
	struct candidate standing;
	struct outcome outcome;
	enum status st;

	if (!change || !id)
		return ST_NOMEM;
	st = candidate_standing(in, record, lost, &standing);
	if (st == ST_OK)
		st = candidates_join(in, target, &text, &standing, &text);
	if (st == ST_OK)
		st = candidates_join(in, target, &text, loser, &text);
	if (st != ST_OK)
		return st;
	conflict_id(target, loser->seq, &change->id);
	change->create = true;
	change->patient = record->patient;
	id_format(&record->id, id);
	conflict_put(change, "record_kind", value_string(target->kind->name));
	conflict_put(change, "record", value_text(id, ID_TEXT_LEN));
	conflict_put(change, "group_name", value_string(target->group->name));
	conflict_put(change, "candidates", text);
	conflict_put(change, "opened_at", value_int(in->now_ms));
	conflict_put(change, "status", value_string("open"));
	return intake_own(in, &ID_STAFF, change, &outcome);
}

enum status conflict_join(struct intake *in, const struct target *target, const struct record *conflict,
				 const struct candidate *more, bool clear)
{
	struct change *change = conflict_edit(in, conflict->kind, &conflict->id);
	struct value old = conflict_value(conflict, "candidates"), text;
	struct outcome outcome;
	enum status st;

	if (!change)
		return ST_NOMEM;
	st = candidates_join(in, target, &old, more, &text);
	/* Where there is no room for it, nothing is to be written. */
	if (st != ST_OK || (!clear && text.len == old.len))
		return st;
	conflict_edit_group(change, "candidates");
	conflict_put(change, "candidates", text);
	if (clear)
		conflict_edit_group(change, "decision");
	return intake_own(in, &ID_STAFF, change, &outcome);
}

enum status conflict_open(struct intake *in, const struct record *record, const struct group *group,
			  const struct lost *lost)
{
	const struct target target = { record->kind, record->id, group };
	struct find find = { .target = &target, .in = in };
	struct record *conflict = arena_zalloc(in->arena, sizeof *conflict);
	struct store *store = in->store;
	struct candidate candidate;
	enum status st;

	if (!conflict)
		return ST_NOMEM;
	st = candidate_of(in, lost->row, lost->values, &candidate);
	if (st == ST_OK && lost->spot_count > 0) {
		candidate.spots = lost->spots;
		candidate.spot_count = lost->spot_count;
		candidate.stands = value_as_text(&record->row.values[__builtin_ctzll(group->mask)]);
	}
	if (st == ST_OK)
		st = store->ops->record_each(store, conflict_kind(in), &record->patient, find_visit, &find);
	if (st == ST_OK && !find.found)
		return conflict_new(in, record, &target, lost, &candidate);
	if (st == ST_OK)
		st = store->ops->record_get(store, conflict_kind(in), &find.id, in->arena, conflict);
	return st == ST_OK ? conflict_join(in, &target, conflict, &candidate, false) : st;
}
