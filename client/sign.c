#include "client/sign.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "client/save.h"
#include "common/closing.h"
#include "common/lines.h"
#include "proto/limits.h"

/* One note, and its visit. */
#define ARENA_SIZE_MAX ((size_t)32 * 1024 * 1024)
/* What a change's body holds beside the values of its fields. */
#define CHANGE_FRAME_SIZE 8192

struct signature {
	struct replica *r;
	const struct kind *kind;
	struct id id, patient;
	struct row row;
	uint64_t mask; /* fields that the signature changes */
	struct arena arena;
	struct signing *out;
	struct failure *why;
};

static int field_of(const struct kind *kind, const char *name)
{
	const int index = kind_field(kind, name, strlen(name));

	assert(index >= 0);
	return index;
}

static bool text_is(const struct value *value, const char *text)
{
	return value->tag == VALUE_TEXT && value->len == strlen(text) && memcmp(value->text, text, value->len) == 0;
}

static void put(struct signature *s, const char *name, struct value value)
{
	const int index = field_of(s->kind, name);

	s->row.values[index] = value;
	s->mask |= UINT64_C(1) << index;
}

static enum status refuse(const struct signature *s, enum status status, const char *what, const char *next)
{
	return failure_set(s->why, status, what, "Nothing was changed.", next);
}

/* --- may it be signed? ------------------------------------------------------------------------------------------- */

static enum status check_standing(const struct signature *s)
{
	const struct value *status = &s->row.values[field_of(s->kind, "status")];

	if (text_is(status, CLOSING_ERROR))
		return refuse(s, ST_REFUSED, "This note was entered in error.", "Write a new one with `doorstep note add`.");
	if (closing_is_closed(s->kind, &s->row))
		return refuse(s, ST_REFUSED, "This note has been signed.", "Add to it with `doorstep note addend`.");
	return ST_OK;
}

static enum status check_author(const struct signature *s)
{
	const struct value *author = &s->row.values[field_of(s->kind, "author")];
	struct id id;

	if (author->tag == VALUE_NULL ||
	    (author->tag == VALUE_TEXT && id_parse(author->text, author->len, &id) && id_equal(&id, &s->r->identity.worker)))
		return ST_OK;
	return refuse(s, ST_REFUSED, "This note is somebody else's, and a note is signed by its author.",
		      "Write a note of your own, or ask its author to sign it.");
}

static enum status check_conflicts(const struct signature *s)
{
	enum status st = ST_OK;
	bool row = false;
	char next[160];
	sqlite3_stmt *stmt = db_prepare(&s->r->db,
					"SELECT id,decision IS NOT NULL FROM conflict WHERE record_kind='note' AND record=?1"
					" AND status='open' ORDER BY decision IS NOT NULL,id LIMIT 1", &st);

	if (stmt == NULL)
		return st;
	db_bind_id(&s->r->db, stmt, 1, &s->id);
	st = db_step(&s->r->db, stmt, &row);
	if (st == ST_OK && row && db_column_int(stmt, 1) != 0)
		st = refuse(s, ST_REFUSED, "A conflict on this note is decided here, and the centre has not answered yet.",
			    "Run `doorstep sync` when there is signal, then sign.");
	else if (st == ST_OK && row) {
		(void)snprintf(next, sizeof next, "Decide it first: `doorstep decide conflict/%s`.",
			       (const char *)sqlite3_column_text(stmt, 0));
		st = refuse(s, ST_REFUSED, "A conflict is open on this note.", next);
	}
	db_done(stmt);
	return st;
}

static bool has_words(const struct value *value)
{
	if (value->tag != VALUE_TEXT)
		return false;
	for (size_t i = 0; i < value->len; i++)
		if (strchr(" \t\r\n", value->text[i]) == NULL)
			return true;
	return false;
}

static enum status check_words(const struct signature *s)
{
	size_t len = CHANGE_FRAME_SIZE;
	bool words = false;

	for (size_t i = 0; i < s->kind->field_count; i++) {
		const struct value *value = &s->row.values[i];

		words = words || (s->kind->groups[s->kind->fields[i].group].rule == RULE_TEXT && has_words(value));
		len += value->tag == VALUE_TEXT ? value->len : 0;
	}
	if (!words)
		return refuse(s, ST_REFUSED, "This note has no words.", "Write it with `doorstep note edit`, then sign it.");
	if (len > LIMIT_CHANGE_MAX)
		return refuse(s, ST_LIMIT, "This note is too long to be signed in one piece.",
			      "Move a part of it into another note, then sign both.");
	return ST_OK;
}

static enum status check_values(const struct signature *s)
{
	const struct field *bad = NULL;
	char what[160];
	const enum status st = row_check(s->kind, &s->row, s->kind->mask_all, true, &bad);

	if (st == ST_OK)
		return ST_OK;
	(void)snprintf(what, sizeof what, "\"%s\" %s.", bad->label,
		       st == ST_LIMIT ? "is too long" : "holds something that it can't hold");
	return refuse(s, st, what, "Correct it, then sign the note.");
}

static enum status check_late(const struct signature *s)
{
	char words[LATENESS_WORDS_SIZE], what[160];

	if (!s->out->dated || !lateness_is_late(&s->out->lateness) ||
	    has_words(&s->row.values[field_of(s->kind, "late_reason")]))
		return ST_OK;
	lateness_words(&s->out->lateness, words);
	(void)snprintf(what, sizeof what, "This note would be signed %s.", words);
	return refuse(s, ST_REFUSED, what, "Say why: `doorstep note sign ID --late-reason TEXT`.");
}

static enum status check(const struct signature *s)
{
	enum status st = check_standing(s);

	if (st == ST_OK)
		st = check_author(s);
	if (st == ST_OK)
		st = check_conflicts(s);
	if (st == ST_OK)
		st = check_values(s);
	if (st == ST_OK)
		st = check_words(s);
	return st == ST_OK ? check_late(s) : st;
}

/* --- lateness ---------------------------------------------------------------------------------------------------- */

enum status sign_lateness(struct replica *r, const struct kind *kind, const struct row *note, int64_t signed_ms,
			  bool *dated_out, struct lateness *out)
{
	const struct value *ref = &note->values[field_of(kind, "visit")];
	const struct kind *visit_kind = schema_kind(r->schema, "visit", 5);
	struct row visit;
	struct arena arena;
	struct id id, patient;
	int64_t version = 0;
	enum status st = ST_NOT_FOUND;

	arena_init(&arena, ARENA_SIZE_MAX);
	if (ref->tag == VALUE_TEXT && id_parse(ref->text, ref->len, &id))
		st = replica_read(r, visit_kind, &id, &arena, &visit, &patient, &version);
	if (st == ST_OK || st == ST_NOT_FOUND) {
		*dated_out = lateness_of(kind, note, visit_kind, st == ST_OK ? &visit : NULL, signed_ms, out);
		st = ST_OK;
	}
	arena_close(&arena);
	return st;
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

/* The words as they are saved, so that the digest seals what will stand. */
static enum status fold(struct signature *s)
{
	for (size_t i = 0; i < s->kind->field_count; i++) {
		struct value *value = &s->row.values[i];
		char *folded;

		if (s->kind->fields[i].type != TYPE_TEXT || value->tag != VALUE_TEXT ||
		    !lines_to_fold(value->text, value->len))
			continue;
		folded = arena_alloc(&s->arena, value->len);
		if (folded == NULL)
			return ST_NOMEM;
		*value = value_text(folded, lines_fold(value->text, value->len, folded));
		s->mask |= UINT64_C(1) << i;
	}
	return ST_OK;
}

static enum status seal(struct signature *s)
{
	enum status st = signature_digest(s->kind, &s->id, &s->patient, &s->row, s->out->digest);

	if (st != ST_OK)
		return st;
	put(s, "digest", value_string(s->out->digest));
	put(s, "status", value_string(CLOSING_SIGNED));
	return save_fields(s->r, s->kind, &s->id, SAVE_SHOWN_NOW, &s->row, s->mask, &s->out->version, s->why);
}

static enum status sign(struct signature *s, const struct value *late_reason)
{
	char worker[ID_TEXT_SIZE];
	int64_t version = 0;
	enum status st = replica_read(s->r, s->kind, &s->id, &s->arena, &s->row, &s->patient, &version);

	if (st == ST_NOT_FOUND)
		return refuse(s, st, "There is no note with this id on this tablet.", "Check the id.");
	if (st == ST_OK)
		st = sign_lateness(s->r, s->kind, &s->row, s->out->signed_ms, &s->out->dated, &s->out->lateness);
	if (st == ST_OK)
		st = fold(s);
	if (st != ST_OK)
		return st;
	if (late_reason != NULL && late_reason->tag != VALUE_NULL)
		put(s, "late_reason", *late_reason);
	st = check(s);
	if (st != ST_OK)
		return st;
	id_format(&s->r->identity.worker, worker);
	if (s->row.values[field_of(s->kind, "author")].tag == VALUE_NULL)
		put(s, "author", value_string(worker));
	put(s, "signed_by", value_string(worker));
	put(s, "signed_at", value_int(s->out->signed_ms));
	return seal(s);
}

enum status sign_note(struct replica *r, const struct id *id, const struct value *late_reason, struct signing *out,
		      struct failure *why)
{
	struct signature s = { .r = r, .kind = schema_kind(r->schema, "note", 4), .id = *id, .out = out, .why = why };
	enum status st;

	memset(out, 0, sizeof *out);
	out->signed_ms = r->env->wall_ms(r->env->ctx);
	(void)failure_set(why, ST_OK, "", "", "");
	st = db_begin(&r->db);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	arena_init(&s.arena, ARENA_SIZE_MAX);
	st = sign(&s, late_reason);
	if (st == ST_OK)
		st = db_commit(&r->db);
	else
		db_rollback(&r->db);
	arena_close(&s.arena);
	return st == ST_OK || (why != NULL && why->status == st) ? st : failure_set(why, st, NULL, NULL, NULL);
}
