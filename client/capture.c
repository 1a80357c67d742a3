#include "client/capture.h"

#include <stdio.h>
#include <string.h>

#include "common/closing.h"
#include "common/kindsql.h"

/* What every trigger says in the same words. An edit is numbered before it is made: the row gets this number as its
 * version once it stands. */
#define LOUD "NOT EXISTS(SELECT 1 FROM ds_applying)"
#define NEXT_EDIT "(SELECT edit+1 FROM ds_state)"
#define READING "(SELECT reading FROM ds_state)"
#define NOW_MS "CAST((julianday('now')-2440587.5)*86400000.0+0.5 AS INTEGER)"
#define TOUCH "UPDATE ds_dirty SET edit_last=" NEXT_EDIT ",wall_ms=" NOW_MS ",reading=" READING \
	",boot_ms=NULL,boot=NULL"
#define DIRTY_COLUMNS "kind,id,grp,base_seq,base_n,base_values,edit_first,edit_last,wall_ms,reading"
#define EVIDENCE NEXT_EDIT "," NEXT_EDIT "," NOW_MS "," READING

#define HEX2 "[0-9a-f][0-9a-f]"
#define HEX4 HEX2 HEX2
#define UUID_GLOB HEX4 HEX4 "-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4
/* A version-7 UUID (RFC 9562) made by SQLite itself. */
#define NOW_HEX "printf('%012x'," NOW_MS ")"
#define UUID_DEFAULT                                                                                                    \
	"substr(" NOW_HEX ",1,8)||'-'||substr(" NOW_HEX ",9)||'-7'||substr(lower(hex(randomblob(2))),2)||'-'"          \
	"||substr('89ab',1+(random()&3),1)||substr(lower(hex(randomblob(2))),2)||'-'||lower(hex(randomblob(6)))"

static const char BOOKKEEPING[] =
	"CREATE TABLE IF NOT EXISTS ds_meta(key TEXT NOT NULL PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_state(one INTEGER PRIMARY KEY CHECK (one = 1), edit INTEGER NOT NULL,"
	" reading INTEGER NOT NULL) STRICT;\n"
	"CREATE TABLE IF NOT EXISTS ds_nothing(x INTEGER PRIMARY KEY CHECK (x IS NULL)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_applying(x INTEGER NOT NULL REFERENCES ds_nothing DEFERRABLE INITIALLY DEFERRED) STRICT;\n"
	"CREATE TABLE IF NOT EXISTS ds_dirty(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL,"
	" base_seq INTEGER, base_n INTEGER, base_origin INTEGER, base_digest BLOB, base_values TEXT,"
	" edit_first INTEGER NOT NULL, edit_last INTEGER NOT NULL, wall_ms INTEGER NOT NULL, reading INTEGER NOT NULL,"
	" boot_ms INTEGER, boot INTEGER, PRIMARY KEY(kind, id, grp), CHECK (base_seq IS NULL OR base_n IS NULL)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_gone(kind INTEGER NOT NULL, id TEXT NOT NULL, patient TEXT, last TEXT,"
	" PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_overwritten(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL, vals TEXT,"
	" PRIMARY KEY(kind, id, grp)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_version(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, PRIMARY KEY(kind, id, grp)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_copy(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, vals TEXT, PRIMARY KEY(kind, id, grp)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_past(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL,"
	" until INTEGER NOT NULL, seq INTEGER, n INTEGER) STRICT;\n"
	"CREATE INDEX IF NOT EXISTS ds_past_group ON ds_past(kind, id, grp, until);\n"
	"CREATE TABLE IF NOT EXISTS ds_journal(n INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" id TEXT NOT NULL, patient TEXT, body BLOB NOT NULL, digest BLOB NOT NULL, state INTEGER NOT NULL,"
	" made_wall_ms INTEGER NOT NULL, seq INTEGER, reason INTEGER, outcome TEXT, brief BLOB) STRICT;\n"
	"CREATE INDEX IF NOT EXISTS ds_journal_state ON ds_journal(state, n);\n"
	"CREATE INDEX IF NOT EXISTS ds_journal_record ON ds_journal(kind, id);\n"
	"CREATE TABLE IF NOT EXISTS ds_sent(n INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL,"
	" grp INTEGER NOT NULL, edit_first INTEGER NOT NULL, edit_last INTEGER NOT NULL, base_seq INTEGER,"
	" base_n INTEGER, settled INTEGER NOT NULL, PRIMARY KEY(n, grp)) STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX IF NOT EXISTS ds_sent_group ON ds_sent(kind, id, grp, settled, n);\n"
	"CREATE TABLE IF NOT EXISTS ds_reading(id INTEGER PRIMARY KEY, heard_ms INTEGER NOT NULL,"
	" wall_received_ms INTEGER NOT NULL, slack_ms INTEGER NOT NULL, boot_ms INTEGER, boot INTEGER,"
	" set_here INTEGER) STRICT;\n"
	"CREATE TABLE IF NOT EXISTS ds_caseload(patient TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL"
	" CHECK (state IN ('filling','complete','left'))) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_receipt(counter INTEGER PRIMARY KEY, device INTEGER NOT NULL,"
	" request BLOB NOT NULL, stream BLOB NOT NULL, last_n INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" run BLOB NOT NULL, chain BLOB NOT NULL, signature BLOB NOT NULL) STRICT;\n"
	"CREATE TABLE IF NOT EXISTS ds_attention(kind INTEGER NOT NULL, id TEXT NOT NULL, grp INTEGER NOT NULL,"
	" reason ANY, field ANY, PRIMARY KEY(kind, id, grp)) STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS ds_notice(at_ms INTEGER NOT NULL, what TEXT NOT NULL) STRICT;\n";

#define DIRTY_OF(group) "EXISTS(SELECT 1 FROM ds_dirty WHERE kind=NEW.kind AND id=NEW.id AND grp=" group ")"
#define IN_FLIGHT "FROM ds_sent WHERE kind=NEW.kind AND id=NEW.id AND grp IN (NEW.grp,-1) AND settled=0"

/* What the triggers of all kinds have in common. Each condition is a WHEN, since INSERT … SELECT … WHERE makes a table in
 * memory each time.
 * ds_edit: this group is edited, and these are the values that the edit overwrites. Its base: the highest number in
 * flight, else what has been seen of the centre, else nothing. Its two triggers may fire in either order.
 * ds_new: this row was inserted. A record that nobody knew becomes dirty as new. */
static const char COMMON[] =
	"CREATE VIEW IF NOT EXISTS ds_edit(kind,id,grp,vals) AS SELECT 0,'',0,'';\n"
	"CREATE TRIGGER IF NOT EXISTS ds_edit_again INSTEAD OF INSERT ON ds_edit WHEN " DIRTY_OF("NEW.grp") " BEGIN\n"
	" " TOUCH " WHERE kind=NEW.kind AND id=NEW.id AND grp=NEW.grp;\nEND;\n"
	"CREATE TRIGGER IF NOT EXISTS ds_edit_first INSTEAD OF INSERT ON ds_edit WHEN NOT " DIRTY_OF("NEW.grp") " BEGIN\n"
	" INSERT INTO ds_dirty(" DIRTY_COLUMNS ") VALUES(NEW.kind,NEW.id,NEW.grp,"
	"(SELECT coalesce((SELECT seq FROM ds_version WHERE kind=NEW.kind AND id=NEW.id AND grp=NEW.grp),"
	"(SELECT seq FROM ds_version WHERE kind=NEW.kind AND id=NEW.id AND grp=-1))"
	" WHERE NOT EXISTS(SELECT 1 " IN_FLIGHT ")),(SELECT max(n) " IN_FLIGHT "),NEW.vals," EVIDENCE ");\nEND;\n"
	"CREATE VIEW IF NOT EXISTS ds_new(kind,id) AS SELECT 0,'';\n"
	"CREATE TRIGGER IF NOT EXISTS ds_new_noted INSTEAD OF INSERT ON ds_new WHEN NOT " DIRTY_OF("-1")
	" AND NOT EXISTS(SELECT 1 FROM ds_version WHERE kind=NEW.kind AND id=NEW.id)"
	" AND NOT EXISTS(SELECT 1 FROM ds_gone WHERE kind=NEW.kind AND id=NEW.id)"
	" AND NOT EXISTS(SELECT 1 FROM ds_sent WHERE kind=NEW.kind AND id=NEW.id AND settled=0) BEGIN\n"
	" INSERT INTO ds_dirty(" DIRTY_COLUMNS ") VALUES(NEW.kind,NEW.id,-1,NULL,NULL,NULL," EVIDENCE ");\nEND;\n";

void capture_bookkeeping(struct buf *buf)
{
	buf_add_str(buf, BOOKKEEPING);
	buf_add_str(buf, COMMON);
	buf_add_str(buf, "INSERT INTO ds_state(one,edit,reading) SELECT 1,0,0 WHERE NOT EXISTS(SELECT 1 FROM ds_state);\n");
}

/* CONSTRAINT … CHECK: a lower-case UUID, not the one of all zeros, and nothing hidden behind a NUL. */
static void add_id_check(struct buf *buf, const char *column)
{
	buf_printf(buf, " CONSTRAINT %s_is_a_lower_case_uuid CHECK (%s GLOB '" UUID_GLOB "'"
			" AND length(CAST(%s AS BLOB))=36 AND %s<>'00000000-0000-0000-0000-000000000000')",
		   column, column, column, column);
}

void capture_table(struct buf *buf, const struct kind *kind)
{
	/* WITHOUT ROWID: a rowid would be a second key by which REPLACE could delete a record unseen. */
	buf_printf(buf, "CREATE TABLE IF NOT EXISTS \"%s\"(id TEXT NOT NULL ON CONFLICT REPLACE PRIMARY KEY DEFAULT (%s)",
		   kind->name, UUID_DEFAULT);
	add_id_check(buf, "id");
	if (kind_has_patient(kind)) {
		buf_add_str(buf, ", patient TEXT NOT NULL");
		add_id_check(buf, "patient");
	}
	buf_add_str(buf, ", ");
	kindsql_column_types(buf, kind);
	buf_add_str(buf, ", version INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;\n");
	if (kind_has_patient(kind))
		buf_printf(buf, "CREATE INDEX IF NOT EXISTS \"ds_%s_patient\" ON \"%s\"(patient);\n", kind->name, kind->name);
	kindsql_view(buf, kind);
}

/* --- pieces of triggers ------------------------------------------------------------------------------------------ */

static void add_trigger(struct buf *buf, const struct kind *kind, const char *name, const char *when)
{
	buf_printf(buf, "CREATE TRIGGER \"ds_%s_%s\" %s", kind->name, name, when);
}

static void add_refusal(struct buf *buf, const char *text)
{
	buf_add_str(buf, "SELECT RAISE(ABORT,");
	buf_add_sql(buf, text);
	buf_add_byte(buf, ')');
}

/* (a."x" IS NOT b."x" OR …); or, where same, (a."x" IS b."x" AND …). */
static void add_compare(struct buf *buf, const struct kind *kind, uint64_t mask, const char *const sides[2], bool same)
{
	const char *separator = "(";

	for (size_t i = 0; i < kind->field_count; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		buf_printf(buf, "%s%s\"%s\" %s %s\"%s\"", separator, sides[0], kind->fields[i].name,
			   same ? "IS" : "IS NOT", sides[1], kind->fields[i].name);
		separator = same ? " AND " : " OR ";
	}
	buf_add_byte(buf, ')');
}

static void add_json(struct buf *buf, const struct kind *kind, uint64_t mask, const char *prefix)
{
	buf_add_str(buf, "json_array(");
	kindsql_columns(buf, kind, mask, prefix);
	buf_add_byte(buf, ')');
}

static void add_where_record(struct buf *buf, const struct kind *kind, const char *id)
{
	buf_printf(buf, " WHERE kind=%u AND id=%s", (unsigned)kind->num, id);
}

/* (VALUES (1),(5)) AS g: the numbers of the groups that a tablet may write; the deletion mark too, where asked for. */
static void add_groups(struct buf *buf, const struct kind *kind, bool mark)
{
	const char *separator = mark ? "(VALUES (0)," : "(VALUES ";

	for (size_t i = 0; i < kind->group_count; i++) {
		if (kind->groups[i].writer == WRITER_CENTRE)
			continue;
		buf_printf(buf, "%s(%u)", separator, (unsigned)kind->groups[i].num);
		separator = ",";
	}
	buf_add_str(buf, ") AS g");
}

/* CASE number WHEN 1 THEN json_array(…) …: what the group of that number holds. */
static void add_case_json(struct buf *buf, const struct kind *kind, const char *number, const char *prefix)
{
	buf_printf(buf, "CASE %s", number);
	for (size_t i = 0; i < kind->group_count; i++) {
		if (kind->groups[i].writer == WRITER_CENTRE)
			continue;
		buf_printf(buf, " WHEN %u THEN ", (unsigned)kind->groups[i].num);
		add_json(buf, kind, kind->groups[i].mask, prefix);
	}
	buf_add_str(buf, " END");
}

/* CASE number WHEN 1 THEN (o."x" IS NOT NEW."x" …) …: does the group of that number differ? */
static void add_case_differs(struct buf *buf, const struct kind *kind, const char *number)
{
	static const char *const sides[2] = { "o.", "NEW." };

	buf_printf(buf, "CASE %s", number);
	for (size_t i = 0; i < kind->group_count; i++) {
		if (kind->groups[i].writer == WRITER_CENTRE)
			continue;
		buf_printf(buf, " WHEN %u THEN ", (unsigned)kind->groups[i].num);
		add_compare(buf, kind, kind->groups[i].mask, sides, false);
	}
	buf_add_str(buf, " END");
}

/* The edit is made: count it, and where the row stands give it its version. */
static void add_made(struct buf *buf, const struct kind *kind, bool row_stands)
{
	buf_add_str(buf, " UPDATE ds_state SET edit=edit+1;\n");
	if (row_stands)
		buf_printf(buf, " UPDATE \"%s\" SET version=(SELECT edit FROM ds_state) WHERE id=NEW.id;\n", kind->name);
}

static uint64_t centre_mask(const struct kind *kind)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < kind->field_count; i++)
		if (kind->fields[i].writer == WRITER_CENTRE)
			mask |= (uint64_t)1 << i;
	return mask;
}

/* Does the centre alone make these records, because it alone writes a field that they must have? */
static bool made_at_centre(const struct kind *kind)
{
	for (size_t i = 0; i < kind->field_count; i++)
		if (kind->fields[i].writer == WRITER_CENTRE && kind->fields[i].required)
			return true;
	return false;
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

static void add_kind_refusals(struct buf *buf, const struct kind *kind)
{
	static const char *const events[] = { "INSERT", "UPDATE", "DELETE" };
	static const char *const names[] = { "refuse_insert", "refuse_update", "refuse_delete" };

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		add_trigger(buf, kind, names[i], "BEFORE ");
		buf_printf(buf, "%s ON \"%s\" WHEN " LOUD " BEGIN\n ", events[i], kind->name);
		add_refusal(buf, "These records are written at the centre only. Nothing was changed. Ask a supervisor to "
				 "change them.");
		buf_add_str(buf, ";\nEND;\n");
	}
}

static void add_fixed(struct buf *buf, const struct kind *kind)
{
	bool patient = kind_has_patient(kind);

	add_trigger(buf, kind, "fixed", "BEFORE UPDATE OF ");
	buf_printf(buf, "%s ON \"%s\" WHEN (NEW.id IS NOT OLD.id%s) AND " LOUD " BEGIN\n ",
		   patient ? "id,patient" : "id", kind->name, patient ? " OR NEW.patient IS NOT OLD.patient" : "");
	add_refusal(buf, "The id and the patient of a record never change. Nothing was changed. Delete this record and "
			 "write it anew.");
	buf_add_str(buf, ";\nEND;\n");

	add_trigger(buf, kind, "version", "BEFORE UPDATE OF version ON ");
	buf_printf(buf, "\"%s\" WHEN NEW.version IS NOT OLD.version AND NEW.version IS NOT (SELECT edit FROM ds_state) AND "
		   LOUD " BEGIN\n ", kind->name);
	add_refusal(buf, "The version of a row is kept by Doorstep. Nothing was changed. Leave the column version out.");
	buf_add_str(buf, ";\nEND;\n");
}

static const char CENTRE_FIELDS[] = "Some of these fields are written at the centre only. Nothing was changed. Give the "
				    "others alone, with UPDATE, or ask a supervisor.";

/* A kind of which the centre writes some fields. An upsert can't be told from REPLACE before it has run, so that one
 * which leaves such a field out is refused too. */
static void add_field_refusals(struct buf *buf, const struct kind *kind)
{
	static const char *const update_sides[2] = { "OLD.", "NEW." };
	static const char *const insert_sides[2] = { "o.", "NEW." };
	uint64_t mask = centre_mask(kind);

	if (mask == 0)
		return;
	add_trigger(buf, kind, "centre_update", "BEFORE UPDATE OF ");
	kindsql_columns(buf, kind, mask, "");
	buf_printf(buf, " ON \"%s\" WHEN ", kind->name);
	add_compare(buf, kind, mask, update_sides, false);
	buf_add_str(buf, " AND " LOUD " BEGIN\n ");
	add_refusal(buf, CENTRE_FIELDS);
	buf_add_str(buf, ";\nEND;\n");

	add_trigger(buf, kind, "centre_insert", "BEFORE INSERT ON ");
	buf_printf(buf, "\"%s\" WHEN " LOUD " BEGIN\n ", kind->name);
	add_refusal(buf, CENTRE_FIELDS);
	buf_printf(buf, " WHERE NOT EXISTS(SELECT 1 FROM \"%s\" AS o WHERE o.id=NEW.id AND ", kind->name);
	add_compare(buf, kind, mask, insert_sides, true);
	buf_add_byte(buf, ')');
	if (!made_at_centre(kind)) {
		buf_printf(buf, " AND (EXISTS(SELECT 1 FROM \"%s\" AS o WHERE o.id=NEW.id) OR coalesce(", kind->name);
		kindsql_columns(buf, kind, mask, "NEW.");
		buf_add_str(buf, ",NULL) IS NOT NULL)");
	}
	buf_add_str(buf, ";\nEND;\n");
}

/* --- closed records (closing.h, as SQL) --------------------------------------------------------------------------- */

static const char NOTE_STAYS[] = "This note is signed, so its words stay as they are. Nothing was changed. Add to it with: "
				 "doorstep note addend ID";
static const char RECORD_STAYS[] = "This record is closed. Nothing was changed. Mark it as entered in error and write it anew.";
static const char PUNCH_STAYS[] = "The check-in and check-out of this visit are closed. Nothing was changed. Correct a time, "
				  "with its reason, by: doorstep visit correct ID";
static const char NOT_SEALED[] = "A note is signed with doorstep note sign, which seals its words. Nothing was changed. "
				 "Run: doorstep note sign ID";

/* Is a record of this kind closed by a signature, which comes with a digest of what was signed? */
static bool is_signed(const struct kind *kind)
{
	return kind->closing >= 0 && kind_field(kind, "digest", 6) >= 0;
}

/* (NEW.status='signed' OR NEW.status='amended'): one of the words that close a record; but for the one that takes it back,
 * where that is left out. Not IN: for each statement it would fill a table. */
static void add_closing_words(struct buf *buf, const struct kind *kind, const char *side, bool with_error)
{
	const char *separator = "(";

	for (const char *word = kind->closes; *word != '\0';) {
		const size_t len = strcspn(word, "|");

		if (with_error || len != strlen(CLOSING_ERROR) || memcmp(word, CLOSING_ERROR, len) != 0) {
			buf_printf(buf, "%s%s%s='%.*s'", separator, side, kind->fields[kind->closing].name, (int)len, word);
			separator = " OR ";
		}
		word += len + (word[len] == '|');
	}
	buf_add_byte(buf, ')');
}

/* The row of this side is closed. One that can't be sent as it is may still be mended, or nothing could ever become of
 * it. */
static void add_is_closed(struct buf *buf, const struct kind *kind, const char *side)
{
	if (strcmp(kind->closes, "*") == 0)
		buf_printf(buf, "%s%s IS NOT NULL", side, kind->fields[kind->closing].name);
	else
		add_closing_words(buf, kind, side, true);
	buf_printf(buf, " AND NOT EXISTS(SELECT 1 FROM ds_attention WHERE kind=%u AND id=%sid)", (unsigned)kind->num, side);
}

/* The row becomes NEW, and what stays in a closed one does not: closing_allows, but that "amended" comes from the centre
 * alone. */
static void add_breaks(struct buf *buf, const struct kind *kind, const char *side)
{
	const int status = kind_field(kind, "status", 6), reason = kind_field(kind, "status_reason", 13);
	uint64_t mask = kind->mask_stays;

	if (status >= 0)
		mask &= ~(UINT64_C(1) << status);
	if (reason >= 0)
		mask &= ~(UINT64_C(1) << reason);
	buf_add_str(buf, "((");
	kindsql_columns(buf, kind, mask, side);
	buf_add_str(buf, ") IS NOT (");
	kindsql_columns(buf, kind, mask, "NEW.");
	buf_add_byte(buf, ')');
	if (status >= 0 && (kind->mask_stays >> status & 1) != 0)
		buf_printf(buf, " OR (%sstatus IS NOT NEW.status AND NEW.status IS NOT '" CLOSING_ERROR "')", side);
	if (reason >= 0 && (kind->mask_stays >> reason & 1) != 0)
		buf_printf(buf, " OR (%sstatus_reason IS NOT NEW.status_reason AND (%sstatus IS '" CLOSING_ERROR
				"' OR NEW.status IS NOT '" CLOSING_ERROR "'))", side, side);
	buf_add_byte(buf, ')');
}

/* NEW says that it is signed, and nothing seals it. */
static void add_unsealed(struct buf *buf, const struct kind *kind)
{
	add_closing_words(buf, kind, "NEW.", false);
	buf_add_str(buf, " AND NEW.digest IS NULL");
}

static void add_closed_refusal(struct buf *buf, const struct kind *kind)
{
	const char *words = is_signed(kind) ? NOTE_STAYS : RECORD_STAYS;

	if (kind_field(kind, "check_in_time", strlen("check_in_time")) >= 0)
		words = PUNCH_STAYS;
	add_refusal(buf, words);
}

static void add_closed_update(struct buf *buf, const struct kind *kind)
{
	add_trigger(buf, kind, "closed", "BEFORE UPDATE OF ");
	kindsql_columns(buf, kind, kind->mask_stays, "");
	buf_printf(buf, " ON \"%s\" WHEN ", kind->name);
	if (is_signed(kind))
		buf_add_byte(buf, '(');
	add_is_closed(buf, kind, "OLD.");
	buf_add_str(buf, " AND ");
	add_breaks(buf, kind, "OLD.");
	if (is_signed(kind)) {
		buf_add_str(buf, " OR OLD.status IS NOT NEW.status AND ");
		add_unsealed(buf, kind);
		buf_add_byte(buf, ')');
	}
	buf_add_str(buf, " AND " LOUD " BEGIN\n ");
	add_closed_refusal(buf, kind);
	if (is_signed(kind)) {
		buf_add_str(buf, " WHERE ");
		add_is_closed(buf, kind, "OLD.");
		buf_add_str(buf, ";\n ");
		add_refusal(buf, NOT_SEALED);
	}
	buf_add_str(buf, ";\nEND;\n");
}

/* --- what a statement does --------------------------------------------------------------------------------------- */

/* One trigger a group, so that SQLite compiles and runs only those whose columns a statement names. */
static void add_group_update(struct buf *buf, const struct kind *kind, const struct group *group)
{
	static const char *const sides[2] = { "NEW.", "OLD." };

	buf_printf(buf, "CREATE TRIGGER \"ds_%s_edit_%s\" BEFORE UPDATE OF ", kind->name, group->name);
	kindsql_columns(buf, kind, group->mask, "");
	buf_printf(buf, " ON \"%s\" WHEN ", kind->name);
	add_compare(buf, kind, group->mask, sides, false);
	buf_printf(buf, " AND " LOUD " BEGIN\n INSERT INTO ds_edit VALUES(%u,OLD.id,%u,", (unsigned)kind->num,
		   (unsigned)group->num);
	add_json(buf, kind, group->mask, "OLD.");
	buf_add_str(buf, ");\nEND;\n");
}

/* The edit stands: some group took it, or there was nothing to note. */
static void add_update_after(struct buf *buf, const struct kind *kind)
{
	add_trigger(buf, kind, "edited", "AFTER UPDATE OF ");
	kindsql_columns(buf, kind, kind->mask_all & ~centre_mask(kind), "");
	buf_printf(buf, " ON \"%s\" WHEN EXISTS(SELECT 1 FROM ds_dirty WHERE kind=%u AND id=NEW.id AND edit_last="
			NEXT_EDIT ") AND " LOUD " BEGIN\n", kind->name, (unsigned)kind->num);
	add_made(buf, kind, true);
	buf_add_str(buf, "END;\n");
}

/* REPLACE fires no delete trigger, so what a new row will overwrite is kept before, and is an edit only once that row
 * stands: an upsert or OR IGNORE comes by here as well, and does something else or nothing. */
static void add_insert_before(struct buf *buf, const struct kind *kind)
{
	add_trigger(buf, kind, "overwrite", "BEFORE INSERT ON ");
	buf_printf(buf, "\"%s\" WHEN EXISTS(SELECT 1 FROM \"%s\" WHERE id=NEW.id) AND " LOUD " BEGIN\n", kind->name, kind->name);
	if (kind_has_patient(kind)) {
		buf_add_byte(buf, ' ');
		add_refusal(buf, "The patient of a record never changes. Nothing was changed. Delete this record and write "
				 "it anew.");
		buf_printf(buf, " FROM \"%s\" WHERE id=NEW.id AND patient IS NOT NEW.patient;\n", kind->name);
	}
	if (kind->closing >= 0) {
		buf_add_byte(buf, ' ');
		add_closed_refusal(buf, kind);
		buf_printf(buf, " FROM \"%s\" AS o WHERE o.id=NEW.id AND ", kind->name);
		add_is_closed(buf, kind, "o.");
		buf_add_str(buf, " AND ");
		add_breaks(buf, kind, "o.");
		buf_add_str(buf, ";\n");
	}
	buf_printf(buf, " DELETE FROM ds_overwritten;\n INSERT INTO ds_overwritten(kind,id,grp,vals) SELECT %u,o.id,g.column1,",
		   (unsigned)kind->num);
	add_case_json(buf, kind, "g.column1", "o.");
	buf_printf(buf, " FROM \"%s\" AS o, ", kind->name);
	add_groups(buf, kind, false);
	buf_add_str(buf, " WHERE o.id=NEW.id AND ");
	add_case_differs(buf, kind, "g.column1");
	buf_add_str(buf, ";\nEND;\n");
}

/* ds_gone has this record (or has not). */
static void add_is_gone(struct buf *buf, const struct kind *kind)
{
	buf_printf(buf, "EXISTS(SELECT 1 FROM ds_gone WHERE kind=%u AND id=NEW.id)", (unsigned)kind->num);
}

/* The record was deleted and is here again: every group is dirty (those that a deletion kept are already), and the
 * deletion mark with base "[1]". */
static void add_brought_back(struct buf *buf, const struct kind *kind)
{
	const unsigned num = kind->num;

	buf_add_byte(buf, ' ');
	add_refusal(buf, "The patient of a record never changes. Nothing was changed. Leave the id out, so that a new "
			 "record is made.");
	buf_add_str(buf, " FROM ds_gone");
	add_where_record(buf, kind, "NEW.id");
	buf_printf(buf, " AND patient<>NEW.%s;\n", kind_has_patient(kind) ? "patient" : "id");

	buf_printf(buf, " INSERT INTO ds_edit SELECT %u,x.id,g.column1,CASE g.column1 WHEN 0 THEN '[1]' END FROM ds_gone AS x, ",
		   num);
	add_groups(buf, kind, true);
	buf_printf(buf, " WHERE x.kind=%u AND x.id=NEW.id AND NOT EXISTS("
			"SELECT 1 FROM ds_dirty WHERE kind=%u AND id=x.id AND grp IN (g.column1,-1));\n", num, num);
}

/* A deletion that was never numbered is no deletion: its mark goes, and so does each group that is what it was. What
 * the centre has sent meanwhile (ds_copy) needs the journal's judgement: that stays dirty. */
static void add_undeleted(struct buf *buf, const struct kind *kind)
{
	const unsigned num = kind->num;

	buf_printf(buf, " DELETE FROM ds_dirty WHERE kind=%u AND id=NEW.id AND ", num);
	add_is_gone(buf, kind);
	buf_add_str(buf, " AND base_values=CASE grp WHEN 0 THEN '[0]' ELSE (SELECT ");
	add_case_json(buf, kind, "grp", "o.");
	buf_printf(buf, " FROM \"%s\" AS o WHERE o.id=NEW.id AND ds_dirty.base_n IS NULL) END"
			" AND NOT EXISTS(SELECT 1 FROM ds_copy AS c WHERE c.kind=%u AND c.id=NEW.id AND c.grp=ds_dirty.grp);\n",
		   kind->name, num);
	buf_printf(buf, " " TOUCH " WHERE kind=%u AND id=NEW.id AND ", num);
	add_is_gone(buf, kind);
	buf_printf(buf, ";\n DELETE FROM ds_gone WHERE kind=%u AND id=NEW.id;\n", num);
}

/* One trigger, since the order of several is nobody's promise: is the record new, or brought back, or in the place of another?
 * Then its version. */
static void add_insert_after(struct buf *buf, const struct kind *kind)
{
	const unsigned num = kind->num;

	add_trigger(buf, kind, "inserted", "AFTER INSERT ON ");
	buf_printf(buf, "\"%s\" WHEN " LOUD " BEGIN\n", kind->name);
	if (is_signed(kind)) {
		buf_add_byte(buf, ' ');
		add_refusal(buf, NOT_SEALED);
		buf_add_str(buf, " WHERE ");
		add_unsealed(buf, kind);
		buf_add_str(buf, ";\n");
	}
	buf_printf(buf, " INSERT INTO ds_new VALUES(%u,NEW.id);\n", num);
	add_brought_back(buf, kind);
	add_undeleted(buf, kind);
	buf_printf(buf, " INSERT INTO ds_edit SELECT kind,id,grp,vals FROM ds_overwritten WHERE kind=%u AND id=NEW.id;\n"
			" DELETE FROM ds_overwritten;\n", num);
	add_made(buf, kind, true);
	buf_add_str(buf, "END;\n");
}

/* The whole last row is kept, unsent values included, and the base of each group. A record that was never sent needs no
 * bases: it is sent as made and deleted. */
static void add_delete(struct buf *buf, const struct kind *kind)
{
	const unsigned num = kind->num;
	const char *patient = kind_has_patient(kind) ? "OLD.patient" : kind->is_patient ? "OLD.id" : "NULL";

	add_trigger(buf, kind, "delete", "BEFORE DELETE ON ");
	buf_printf(buf, "\"%s\" WHEN " LOUD " BEGIN\n", kind->name);
	if (kind->closing >= 0) {
		buf_add_byte(buf, ' ');
		add_closed_refusal(buf, kind);
		buf_add_str(buf, " WHERE ");
		add_is_closed(buf, kind, "OLD.");
		buf_add_str(buf, ";\n");
	}
	buf_printf(buf, " INSERT INTO ds_edit SELECT %u,OLD.id,g.column1,", num);
	add_case_json(buf, kind, "g.column1", "OLD.");
	buf_add_str(buf, " FROM ");
	add_groups(buf, kind, false);
	buf_printf(buf, " WHERE NOT EXISTS(SELECT 1 FROM ds_dirty WHERE kind=%u AND id=OLD.id AND grp IN (g.column1,-1));\n"
			" INSERT INTO ds_edit VALUES(%u,OLD.id,0,'[0]');\n", num, num);
	buf_printf(buf, " DELETE FROM ds_gone WHERE kind=%u AND id=OLD.id;\n INSERT INTO ds_gone(kind,id,patient,last)"
			" SELECT %u,OLD.id,%s,", num, num, patient);
	add_json(buf, kind, kind->mask_all, "OLD.");
	buf_add_str(buf, ";\n");
	add_made(buf, kind, false);
	buf_add_str(buf, "END;\n");
}

static void add_delete_refusal(struct buf *buf, const struct kind *kind)
{
	add_trigger(buf, kind, "refuse_delete", "BEFORE DELETE ON ");
	buf_printf(buf, "\"%s\" WHEN " LOUD " BEGIN\n ", kind->name);
	add_refusal(buf, "These records are made at the centre only. Nothing was changed. Ask a supervisor to delete one.");
	buf_add_str(buf, ";\nEND;\n");
}

void capture_triggers(struct buf *buf, const struct kind *kind)
{
	if (kind->writer == WRITER_CENTRE) {
		add_kind_refusals(buf, kind);
		return;
	}
	add_fixed(buf, kind);
	add_field_refusals(buf, kind);
	if (kind->closing >= 0)
		add_closed_update(buf, kind);
	for (size_t i = 0; i < kind->group_count; i++)
		if (kind->groups[i].writer == WRITER_BOTH)
			add_group_update(buf, kind, &kind->groups[i]);
	add_update_after(buf, kind);
	add_insert_before(buf, kind);
	add_insert_after(buf, kind);
	if (made_at_centre(kind))
		add_delete_refusal(buf, kind);
	else
		add_delete(buf, kind);
}
