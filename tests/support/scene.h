/* scene.h - where most tests of intake begin: an agency with two care managers, Ann and Ben, a tablet each, one patient
 * whom both have in their caseload, and one whom neither has.
 */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include "tests/support/agency.h"

struct scene {
	struct agency a;
	struct id ann, ben, patient, stranger;
	uint32_t ann_tablet, ben_tablet;
	uint64_t ann_n, ben_n; /* last number given */
};

/* cmocka's setup and teardown: *state is a struct scene. After each test history must prove what stands. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* Ann's or Ben's next change. */
const struct outcome *scene_ann(struct scene *s, const struct change *change);
const struct outcome *scene_ben(struct scene *s, const struct change *change);

/* An edit of one group: values that stand, but for the field. NULL = null. */
struct change *scene_edit(struct scene *s, const char *kind, const struct id *id, const char *group,
			  struct version base, const char *field, const char *text);

/* Evidence for all of the change: heard and nothing measured, or made just then by a measured clock. */
void scene_heard(struct change *change, int64_t heard_ms);
void scene_measured(struct change *change, int64_t heard_ms, int64_t at_ms);

/* The patient leaves the worker, who has heard of it when writing this. */
void scene_leave(struct scene *s, const struct id *worker, struct change *change);

/* A record of the patient, by the centre: a field and its value; whatever else it must have is "x". */
struct id scene_record(struct scene *s, const char *kind, const char *field, const char *text);

/* Whole outcomes: what, and for a judged one the only group's verdict. */
void assert_accepted(const struct outcome *outcome);
void assert_verdict(const struct outcome *outcome, enum outcome_verdict verdict);
void assert_held(const struct outcome *outcome, enum held_reason reason);

#endif
