/* What the centre hands out: outcomes as history has them, nothing of a patient who is not the tablet's, and to a withdrawn
 * tablet that its own was received (I10, I13, I15, I23). */
#include <assert.h>
#include <inttypes.h>

#include "tests/sim/ghost.h"
#include "tests/sim/judge_inside.h"

static void check_outcome(struct judge *j, unsigned tablet, const struct outcome *outcome)
{
	const struct judge_row *row = judge_row_of(j, tablet, outcome->n);

	if (row == NULL) {
		sim_wrong(j->sim, "I23", "tablet %u is told an outcome of its change %" PRIu64 ", which was never taken", tablet,
			  outcome->n);
		return;
	}
	if (row->seq <= j->seq_before && outcome->result != OUTCOME_HELD && row->answer == 0)
		sim_met(j->sim, MET_SEEN_AGAIN);
	/* What a request after this one in the batch brought may have answered it. */
	if (row->answer != 0 && (outcome->result != OUTCOME_HELD || j->rows[row->answer - 1].seq <= j->seq_before))
		row = &j->rows[row->answer - 1];
	if (judge_is_withdrawn(j->sim, tablet) && outcome->reason == HELD_WITHDRAWN) {
		if (row->result != OUTCOME_HELD)
			sim_met(j->sim, MET_WITHDRAWN_VEILED);
		return;
	}
	/* Held for its number is another content that came under it: the first one keeps what it had. */
	if (outcome->result != row->result && outcome->reason != HELD_NUMBER)
		sim_wrong(j->sim, "I10", "tablet %u is told that its change %" PRIu64 " ended %d; history says %d", tablet, outcome->n,
			  (int)outcome->result, (int)row->result);
	else if (outcome->result == OUTCOME_HELD && outcome->reason != HELD_NUMBER && outcome->reason != row->reason)
		sim_wrong(j->sim, "I10", "tablet %u is told that its change %" PRIu64 " is held as \"%s\"; history says \"%s\"", tablet,
			  outcome->n, held_reason_name(outcome->reason), held_reason_name(row->reason));
}

static bool stands_as_sent(const struct outcome *outcome)
{
	bool stands = outcome->result == OUTCOME_ACCEPTED || outcome->result == OUTCOME_JUDGED;

	for (size_t i = 0; i < outcome->group_count; i++)
		stands = stands && outcome->groups[i].verdict == GROUP_ACCEPTED;
	return stands;
}

/* I15: it hears that what it sent was received, and nothing of what anybody wrote. */
static void check_withdrawn(struct judge *j, unsigned tablet, const struct answer *answer, const uint8_t *message, size_t len)
{
	bool told = false, tells = answer->record_count + answer->let_go_count + answer->filling_count + answer->complete_count +
						   answer->cursor.len > 0 || answer->more;
	uint32_t number;
	unsigned slot;
	size_t at = 0;

	for (size_t i = 0; i < answer->notice_count; i++)
		told = told || answer->notices[i] == NOTICE_WITHDRAWN;
	if (told != judge_is_withdrawn(j->sim, tablet))
		sim_wrong(j->sim, "I15", "tablet %u is %swithdrawn, and is answered as if it was %s", tablet, told ? "not " : "",
			  told ? "withdrawn" : "not");
	if (!told)
		return;
	for (size_t i = 0; i < answer->outcome_count; i++)
		tells = tells || (answer->outcomes[i].result != OUTCOME_HELD && !stands_as_sent(&answer->outcomes[i]));
	if (tells || ghost_scan(message, len, &at, &slot, &number))
		sim_wrong(j->sim, "I15", "tablet %u is withdrawn, and is sent more than that its changes were received", tablet);
	sim_met(j->sim, MET_WITHDRAWN_ANSWERED);
}

static void check_record(struct judge *j, unsigned tablet, const struct answer_record *record)
{
	const struct judge_place *place = judge_place_find(j, record->kind->num, &record->id);
	char id[ID_TEXT_SIZE];

	id_format(&record->id, id);
	if (place == NULL)
		sim_wrong(j->sim, "I13", "tablet %u is sent %s/%s, which is not in history", tablet, record->kind->name, id);
	else if (!judge_in_scope(j, tablet, &place->patient))
		sim_wrong(j->sim, "I13", "tablet %u is sent %s/%s, whose patient is not in its caseload", tablet, record->kind->name,
			  id);
}

static void check_patients(struct judge *j, unsigned tablet, const struct answer *answer)
{
	char id[ID_TEXT_SIZE];

	for (size_t i = 0; i < answer->let_go_count; i++) {
		id_format(&answer->let_go[i], id);
		if (judge_in_scope(j, tablet, &answer->let_go[i]))
			sim_wrong(j->sim, "I8", "tablet %u is told to let patient/%s go, who is in its caseload", tablet, id);
	}
	for (size_t i = 0; i < answer->filling_count + answer->complete_count; i++) {
		const struct id *patient = i < answer->filling_count ? &answer->filling[i] :
								       &answer->complete[i - answer->filling_count];

		id_format(patient, id);
		if (!judge_in_scope(j, tablet, patient))
			sim_wrong(j->sim, "I13", "tablet %u is filled with patient/%s, who is not in its caseload", tablet, id);
	}
}

/* I13: words of patients who are not this tablet's. */
static void check_words(struct judge *j, unsigned tablet, const uint8_t *message, size_t len)
{
	uint32_t number;
	unsigned slot;
	size_t at = 0;

	while (ghost_scan(message, len, &at, &slot, &number)) {
		const struct word *word = ghost_get(j->sim, number);
		const struct judge_place *place = word != NULL ? judge_place_find(j, word->kind, &word->id) : NULL;

		if (place != NULL && !judge_in_scope(j, tablet, &place->patient))
			sim_wrong(j->sim, "I13", "tablet %u is sent the word p%uw%" PRIu32 ", whose patient is not in its caseload",
				  tablet, slot, number);
	}
}

void judge_answer(struct sim *sim, unsigned tablet, const uint8_t *message, size_t len)
{
	struct judge *j = sim->judge;
	struct answer_record *record;
	struct answer answer;
	enum status st;

	if (sim_is_wrong(sim))
		return;
	arena_reset(&j->arena);
	/* Sequences are differences to one that is not known here: no check below looks at them. */
	st = answer_decode(message, len, j->seq, &j->arena, &answer);
	record = arena_zalloc(&j->arena, sizeof *record);
	assert(record != NULL);
	for (size_t i = 0; st == ST_OK && i < answer.record_count; i++) {
		st = answer_record_decode(sim->schema, &answer, i, &j->arena, record);
		if (st == ST_OK)
			check_record(j, tablet, record);
	}
	if (st != ST_OK) {
		sim_wrong(sim, "I23", "an answer for tablet %u can't be read: %s", tablet, status_name(st));
		return;
	}
	for (size_t i = 0; i < answer.notice_count; i++)
		if (answer.notices[i] == NOTICE_COUNTER)
			sim_met(sim, MET_COUNTER);
	for (size_t i = 0; i < answer.outcome_count; i++)
		check_outcome(j, tablet, &answer.outcomes[i]);
	check_withdrawn(j, tablet, &answer, message, len);
	check_patients(j, tablet, &answer);
	check_words(j, tablet, message, len);
}
