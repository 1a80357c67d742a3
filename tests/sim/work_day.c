/* A care manager's day on the whole schema: visits with check-in and check-out, notes written by section and signed,
 * addenda, vitals, risks, goals, calls, medications. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/sign.h"
#include "tests/sim/work_inside.h"

#define VISITS 4
#define NOTES 2
#define RISKS 2
#define GOALS 2
#define SHARED 2 /* vitals and calls of a patient that several people write */

static const char *const SECTIONS[] = { "reason", "observed", "done", "response", "education", "coordination", "plan" };

static void choose_place(struct deed *d, struct place *place, const char *kind, enum use use, uint64_t slots)
{
	const unsigned patient = deed_patient(d);

	place_init(d->sim, place, kind, patient, use, dice_below(&d->dice, slots));
}

/* A record of this act's own. False: its patient is not on the tablet. */
static bool own_place(struct deed *d, struct place *place, const char *kind, enum use use)
{
	const unsigned patient = deed_patient(d);

	place_init(d->sim, place, kind, patient, use, work_own_slot(d->t->node.index, d->k));
	return deed_has_patient(d, patient);
}

static bool is_null(struct deed *d, const struct place *place, const char *field)
{
	char text[WORK_TEXT_SIZE];

	return place_read(d->t, place, field, text) && text[0] == '\0';
}

/* A visit on the tablet to which something belongs: its id in quotes for SQL, or NULL. */
static const char *visit_of(struct deed *d, unsigned patient, char out[ID_TEXT_SIZE + 2])
{
	struct place visit;

	place_init(d->sim, &visit, "visit", patient, USE_VISIT, dice_below(&d->dice, VISITS));
	if (!place_there(d->t, &visit))
		return "NULL";
	(void)snprintf(out, ID_TEXT_SIZE + 2, "'%s'", visit.text);
	return out;
}

/* --- visits ------------------------------------------------------------------------------------------ */

static void plan_visit(struct deed *d)
{
	char word[GHOST_WORD_SIZE];
	struct place place;

	choose_place(d, &place, "visit", USE_VISIT, VISITS);
	if (place_there(d->t, &place) || !deed_has_patient(d, place.patient))
		return;
	(void)deed_word(d, &place, "purpose", word);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO visit(id, patient, status, planned_from, planned_to, purpose) VALUES"
			  " ('%q', '%q', 'planned', %lld, %lld, '%q')", place.text, place.patient_text,
		       (long long)node_wall_ms(&d->t->node) + 3600000, (long long)node_wall_ms(&d->t->node) + 7200000, word);
	(void)deed_end(d, MET_SQL_INSERT, "plans %s: purpose %s", place.name, word);
}

static void check_in(struct deed *d, const struct place *place)
{
	char word[GHOST_WORD_SIZE];

	(void)deed_word(d, place, "check_in_method", word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE visit SET status = 'in-progress', check_in_time = %lld, check_in_place = 'home',"
			  " check_in_method = '%q' WHERE id = '%q'", (long long)node_wall_ms(&d->t->node), word, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "checks in at %s: method %s", place->name, word);
}

static void check_out(struct deed *d, const struct place *place)
{
	const bool closes = dice_one_in(&d->dice, 2);
	char word[GHOST_WORD_SIZE];

	(void)deed_word(d, place, "check_out_method", word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE visit SET status = 'done', outcome = 'done', check_out_time = %lld, check_out_place = 'home',"
			  " check_out_method = '%q'%s WHERE id = '%q'", (long long)node_wall_ms(&d->t->node), word,
		       closes ? ", closed_at = check_in_time" : "", place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "checks out at %s%s: method %s", place->name, closes ? " and closes it" : "", word);
}

static void do_visit(struct deed *d)
{
	struct place place;

	choose_place(d, &place, "visit", USE_VISIT, VISITS);
	if (!is_null(d, &place, "closed_at"))
		return;
	if (is_null(d, &place, "check_in_time"))
		check_in(d, &place);
	else if (is_null(d, &place, "check_out_time"))
		check_out(d, &place);
}

/* --- notes --------------------------------------------------------------------------------------------- */

static void begin_note(struct deed *d)
{
	const char *section = SECTIONS[dice_below(&d->dice, sizeof SECTIONS / sizeof SECTIONS[0])];
	char text[WORK_TEXT_SIZE], visit[ID_TEXT_SIZE + 2];
	const char *of;
	struct place place;

	choose_place(d, &place, "note", USE_NOTE, NOTES);
	if (place_there(d->t, &place) || !deed_has_patient(d, place.patient))
		return;
	of = visit_of(d, place.patient, visit);
	(void)deed_append(d, &place, section, "", text);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO note(id, patient, visit, status, \"%w\") VALUES ('%q', '%q', %s, 'draft', '%q')", section,
		       place.text, place.patient_text, of, text);
	(void)deed_end(d, MET_SQL_INSERT, "begins %s: %s %s", place.name, section, text);
}

/* What is signed refuses. */
static void write_closed(struct deed *d, const struct place *place, const char *section)
{
	if (tablet_int(d->t, "SELECT count(*) FROM ds_attention WHERE id = '%s'", place->text) > 0)
		return;
	d->may_refuse = true;
	deed_begin(d);
	if (deed_sql(d, "UPDATE note SET \"%w\" = 'another' WHERE id = '%q'", section, place->text) &&
	    !node_is_dying(&d->t->node))
		sim_wrong(d->sim, "I27", "%s: %s of %s was written after its signature", d->t->node.name, section, place->name);
	if (d->end == GHOST_REFUSED && !d->t->node.peril.struck)
		sim_met(d->sim, MET_SQL_REFUSED);
	(void)deed_end(d, MET_COUNT, "tries to write in %s, which is closed", place->name);
}

static bool is_draft(const char *status)
{
	return status[0] == '\0' || strcmp(status, "draft") == 0;
}

static void write_in(struct deed *d, const struct place *place)
{
	const char *section = SECTIONS[dice_below(&d->dice, sizeof SECTIONS / sizeof SECTIONS[0])];
	char status[WORK_TEXT_SIZE], before[WORK_TEXT_SIZE], after[WORK_TEXT_SIZE];

	if (!place_read(d->t, place, "status", status) || !place_read(d->t, place, section, before))
		return;
	if (!is_draft(status)) {
		write_closed(d, place, section);
		return;
	}
	if (!deed_append(d, place, section, before, after))
		return;
	deed_begin(d);
	(void)deed_sql(d, "UPDATE note SET \"%w\" = '%q' WHERE id = '%q'", section, after, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "writes in %s: %s + w%u", place->name, section, d->words[0]);
}

static void write_note(struct deed *d)
{
	struct place place;

	choose_place(d, &place, "note", USE_NOTE, NOTES);
	write_in(d, &place);
}

static void sign_it(struct deed *d, const struct place *place)
{
	const struct value late = value_string("The road was closed.");
	struct signing signing;
	struct failure why;

	if (!place_there(d->t, place))
		return;
	d->may_refuse = true; /* another's, signed before, a conflict is open */
	deed_begin(d);
	(void)deed_status(d, sign_note(&d->t->replica, &place->id, &late, &signing, &why));
	(void)deed_end(d, MET_SIGNED, "signs %s", place->name);
}

static void sign(struct deed *d)
{
	struct place place;

	choose_place(d, &place, "note", USE_NOTE, NOTES);
	sign_it(d, &place);
}

void work_joint_place(const struct sim *sim, unsigned day, struct place *place)
{
	struct dice dice = dice_at(sim->plan.seed, SITE_TABLET_ACT, 0, day);

	place_init(sim, place, "note", (unsigned)dice_below(&dice, sim->plan.patients), USE_NOTE, NOTES + day);
}

/* All are at one note. What one writes and what another signs cross on their ways, and so do two signatures. */
static void joint_note(struct deed *d)
{
	struct place place;

	work_joint_place(d->sim, (unsigned)(sim_elapsed_ms(d->sim) / SIM_DAY_MS), &place);
	if (dice_below(&d->dice, 8) < 5)
		write_in(d, &place);
	else
		sign_it(d, &place);
}

static void addend(struct deed *d)
{
	char status[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	struct place note, place;

	choose_place(d, &note, "note", USE_NOTE, NOTES);
	if (!place_read(d->t, &note, "status", status) || is_draft(status))
		return;
	place_init(d->sim, &place, "addendum", note.patient, USE_ADDENDUM, work_own_slot(d->t->node.index, d->k));
	(void)deed_word(d, &place, "text", word);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO addendum(id, patient, note, type, text, closed_at) VALUES"
			  " ('%q', '%q', '%q', 'late-entry', '%q', %lld)", place.text, place.patient_text, note.text, word,
		       (long long)node_wall_ms(&d->t->node));
	(void)deed_end(d, MET_SQL_INSERT, "adds to %s: %s", note.name, word);
}

/* A draft is deleted, or any note is called an error. */
static void drop_note(struct deed *d)
{
	char status[WORK_TEXT_SIZE], shown[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	struct place place;

	choose_place(d, &place, "note", USE_NOTE, NOTES);
	if (!place_read(d->t, &place, "status", status) || !place_read(d->t, &place, "status_reason", shown) ||
	    strcmp(status, "entered-in-error") == 0)
		return;
	if (is_draft(status) && dice_one_in(&d->dice, 2)) {
		deed_begin(d);
		(void)deed_sql(d, "DELETE FROM note WHERE id = '%q'", place.text);
		d->gone = &place;
		(void)deed_end(d, MET_SQL_DELETE, "DELETE %s", place.name);
		return;
	}
	(void)deed_word(d, &place, "status_reason", word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE note SET status = 'entered-in-error', status_reason = '%q' WHERE id = '%q'", word, place.text);
	(void)deed_end(d, MET_SQL_UPDATE, "calls %s an error: %s", place.name, word);
}

/* --- what is observed, planned, given ------------------------------------------------------------------------ */

static const char *now_or_null(struct deed *d, bool is_joint, char out[24])
{
	if (is_joint || !dice_one_in(&d->dice, 2))
		return "NULL";
	(void)snprintf(out, 24, "%" PRId64, node_wall_ms(&d->t->node));
	return out;
}

static void new_vital(struct deed *d, const struct place *place, bool is_joint)
{
	static const char *const codes[] = { "8480-6", "8462-4", "8867-4", "29463-7" };
	const char *code = codes[dice_below(&d->dice, sizeof codes / sizeof codes[0])];
	char word[GHOST_WORD_SIZE], visit[ID_TEXT_SIZE + 2], now[24];
	const char *of = visit_of(d, place->patient, visit), *closed = now_or_null(d, is_joint, now);

	(void)deed_word(d, place, "value", word);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO observation(id, patient, code, value, unit, visit, observed_at, status, closed_at) VALUES"
			  " ('%q', '%q', '%q', '%q', 'mm', %s, %lld, 'final', %s)", place->text, place->patient_text, code, word, of,
		       (long long)node_wall_ms(&d->t->node), closed);
	(void)deed_end(d, MET_SQL_INSERT, "measures %s: %s, closed %s", place->name, word, closed);
}

/* A record that closes: its word is corrected, or it is closed, until it is closed. */
static void write_open(struct deed *d, const struct place *place, const char *field)
{
	char word[GHOST_WORD_SIZE];

	if (!is_null(d, place, "closed_at"))
		return;
	if (dice_one_in(&d->dice, 3)) {
		deed_begin(d);
		(void)deed_sql(d, "UPDATE \"%w\" SET closed_at = %lld WHERE id = '%q'", place->kind->name,
			       (long long)node_wall_ms(&d->t->node), place->text);
		(void)deed_end(d, MET_SQL_UPDATE, "closes %s", place->name);
		return;
	}
	(void)deed_word(d, place, field, word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE \"%w\" SET \"%w\" = '%q' WHERE id = '%q'", place->kind->name, field, word, place->text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s: %s = %s", place->name, field, word);
}

/* One of the act's own, or one that several write. False: neither it nor its patient is on the tablet. */
static bool shared_or_own(struct deed *d, struct place *place, const char *kind, enum use use, bool *is_there_out)
{
	if (dice_one_in(&d->dice, 3)) {
		*is_there_out = false;
		return own_place(d, place, kind, use);
	}
	choose_place(d, place, kind, use, SHARED);
	*is_there_out = place_there(d->t, place);
	return *is_there_out || deed_has_patient(d, place->patient);
}

static void measure(struct deed *d)
{
	struct place place;
	bool is_there;

	if (!shared_or_own(d, &place, "observation", USE_VITAL, &is_there))
		return;
	if (is_there)
		write_open(d, &place, "value");
	else
		new_vital(d, &place, false);
}

/* All are at one observation a day, until somebody closes it: what others write meanwhile comes too late. */
static void joint_vital(struct deed *d)
{
	const unsigned day = (unsigned)(sim_elapsed_ms(d->sim) / SIM_DAY_MS);
	struct dice dice = dice_at(d->sim->plan.seed, SITE_TABLET_ACT, 0, UINT64_C(1) << 37 | day);
	struct place place;

	place_init(d->sim, &place, "observation", (unsigned)dice_below(&dice, d->sim->plan.patients), USE_VITAL, SHARED + day);
	if (place_there(d->t, &place))
		write_open(d, &place, "value");
	else if (deed_has_patient(d, place.patient))
		new_vital(d, &place, true);
}

/* The whole record is one guarded group. */
static void risk(struct deed *d)
{
	char shown[WORK_TEXT_SIZE] = "", word[GHOST_WORD_SIZE];
	struct place place;
	bool is_there;

	choose_place(d, &place, "risk", USE_RISK, RISKS);
	is_there = place_read(d->t, &place, "instruction", shown);
	if (!is_there && !deed_has_patient(d, place.patient))
		return;
	(void)deed_word(d, &place, "instruction", word);
	deed_begin(d);
	if (is_there)
		(void)deed_sql(d, "UPDATE risk SET instruction = '%q' WHERE id = '%q'", word, place.text);
	else
		(void)deed_sql(d, "INSERT INTO risk(id, patient, type, severity, instruction, status) VALUES"
				  " ('%q', '%q', 'falls', 'high', '%q', 'active')", place.text, place.patient_text, word);
	(void)deed_end(d, is_there ? MET_SQL_UPDATE : MET_SQL_INSERT, "%s: instruction %s", place.name, word);
}

static void new_goal(struct deed *d, const struct place *place)
{
	char text[WORK_TEXT_SIZE];

	if (!deed_has_patient(d, place->patient))
		return;
	(void)deed_append(d, place, "text", "", text);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO goal(id, patient, text, status) VALUES ('%q', '%q', '%q', 'active')", place->text,
		       place->patient_text, text);
	(void)deed_end(d, MET_SQL_INSERT, "sets %s: %s", place->name, text);
}

static void goal(struct deed *d)
{
	static const char *const statuses[] = { "active", "on-hold", "completed", "cancelled" };
	const char *status = statuses[dice_below(&d->dice, sizeof statuses / sizeof statuses[0])];
	char text[WORK_TEXT_SIZE], shown[WORK_TEXT_SIZE], after[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	struct place place;

	choose_place(d, &place, "goal", USE_GOAL, GOALS);
	if (!place_read(d->t, &place, "text", text) || !place_read(d->t, &place, "status_reason", shown)) {
		new_goal(d, &place);
	} else if (dice_one_in(&d->dice, 2)) {
		(void)deed_word(d, &place, "status_reason", word);
		deed_begin(d);
		(void)deed_sql(d, "UPDATE goal SET status = '%q', status_reason = '%q' WHERE id = '%q'", status, word, place.text);
		(void)deed_end(d, MET_SQL_UPDATE, "%s: %s, reason %s", place.name, status, word);
	} else if (deed_append(d, &place, "text", text, after)) {
		deed_begin(d);
		(void)deed_sql(d, "UPDATE goal SET text = '%q' WHERE id = '%q'", after, place.text);
		(void)deed_end(d, MET_SQL_UPDATE, "%s: text + w%u", place.name, d->words[0]);
	}
}

static void new_call(struct deed *d, const struct place *place)
{
	char word[GHOST_WORD_SIZE], text[WORK_TEXT_SIZE], now[24];
	const char *closed = now_or_null(d, false, now);

	(void)deed_word(d, place, "topic", word);
	(void)deed_append(d, place, "summary", "", text);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO interaction(id, patient, type, direction, minutes, topic, summary, happened_at, closed_at)"
			  " VALUES ('%q', '%q', 'call', 'out', 12, '%q', '%q', %lld, %s)", place->text, place->patient_text, word,
		       text, (long long)node_wall_ms(&d->t->node), closed);
	(void)deed_end(d, MET_SQL_INSERT, "calls, %s: topic %s, summary %s, closed %s", place->name, word, text, closed);
}

static void call(struct deed *d)
{
	struct place place;
	bool is_there;

	if (!shared_or_own(d, &place, "interaction", USE_CALL, &is_there))
		return;
	if (is_there)
		write_open(d, &place, "topic");
	else
		new_call(d, &place);
}

static void tick(struct deed *d)
{
	static const char *const endings[] = { "done", "not-done", "cancelled" };
	const char *ending = endings[dice_below(&d->dice, sizeof endings / sizeof endings[0])];
	char shown[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];
	struct place place;

	choose_place(d, &place, "task", USE_THING, WORK_THINGS);
	if (!place_read(d->t, &place, "outcome", shown))
		return;
	(void)deed_word(d, &place, "outcome", word);
	deed_begin(d);
	(void)deed_sql(d, "UPDATE task SET status = '%q', outcome = '%q', completed_at = %lld WHERE id = '%q'", ending, word,
		       (long long)node_wall_ms(&d->t->node), place.text);
	(void)deed_end(d, MET_SQL_UPDATE, "%s %s: outcome %s", ending, place.name, word);
}

static void medication(struct deed *d)
{
	char word[GHOST_WORD_SIZE];
	struct place place;

	choose_place(d, &place, "medication", USE_CURE, 2);
	if (place_there(d->t, &place)) {
		work_guarded(d);
		return;
	}
	if (!deed_has_patient(d, place.patient))
		return;
	(void)deed_word(d, &place, "dose", word);
	deed_begin(d);
	(void)deed_sql(d, "INSERT INTO medication(id, patient, name, dose, unit, status) VALUES"
			  " ('%q', '%q', 'Metformin', '%q', 'mg', 'active')", place.text, place.patient_text, word);
	(void)deed_end(d, MET_SQL_INSERT, "gives %s: dose %s", place.name, word);
}

void work_day(struct deed *d)
{
	static void (*const parts[])(struct deed *) = {
		joint_vital, joint_vital, joint_vital, joint_vital, joint_vital,
		plan_visit, do_visit, do_visit, do_visit, begin_note, begin_note, write_note, write_note, write_note, write_note, sign,
		sign, sign, addend, addend, drop_note, measure, measure, call, risk, goal, goal, call, tick, medication,
	};

	if (dice_one_in(&d->dice, 3))
		joint_note(d);
	else
		parts[dice_below(&d->dice, sizeof parts / sizeof parts[0])](d);
}
