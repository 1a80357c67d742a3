/* model_play.h - a small cast for the reference model's tests: two care managers, their patient, and changes in few words.
 *
 * Anna and Boris both have Rosa in their caseload; Tom is nobody's. Each has a tablet of the same number. Every change
 * that is taken gets a sequence ten above the last. What a test is about has the id RECORD.
 */
#ifndef TESTS_SIM_MODEL_PLAY_H
#define TESTS_SIM_MODEL_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/model.h"

#define STANDS (1U << MODEL_STANDS)
#define SAME (1U << MODEL_SAME)
#define MERGED (1U << MODEL_MERGED)
#define SUPERSEDED (1U << MODEL_SUPERSEDED)

#define ANNA 1
#define BORIS 2
#define ROSA 10
#define TOM 11
#define RECORD 20

struct play {
	struct schema schema;
	struct model *model;
	uint64_t seq, n[4];
	struct model_end end; /* of the change judged last */
};

/* For setup and teardown of a cmocka test: *state is a struct play. */
int play_set_up(void **state);
int play_tear_down(void **state);

/* An id, and its text, by a number; good for the next few calls. */
const uint8_t *play_id(uint8_t number);
const char *play_id_text(uint8_t number);
const struct kind *play_kind(const struct play *play, const char *name);

/* --- changes; values are not copied ---------------------------------------------------------- */

/* Of the tablet's (0: the centre's) next number, with nothing in it yet. */
struct model_change play_begin(struct play *play, uint32_t device, const char *name, uint8_t record);
/* Of a record, at time 0. Patient 0: none. */
struct model_change play_create(struct play *play, uint32_t device, const char *name, uint8_t record, uint8_t patient);
/* Sets a field. */
void play_put(const struct play *play, struct model_change *change, const char *field, const char *value);
/* One group more (NULL: the deletion mark), edited at exactly time 100. */
struct model_group *play_touch(const struct play *play, struct model_change *change, const char *group, enum model_base base, uint64_t number);
/* An edit of RECORD in one field, which is alone in its group or the only one of it that is not null. */
struct model_change play_edit(struct play *play, uint32_t device, const char *name, const char *field, const char *value, enum model_base base,
				uint64_t number);
/* RECORD marked deleted, or brought back. */
struct model_change play_mark(struct play *play, uint32_t device, const char *name, bool deleted, enum model_base base, uint64_t number);

/* --- telling ---------------------------------------------------------------------------------- */

/* Judged, and taken as the first verdict that is allowed says. Its sequence. */
uint64_t play_take(struct play *play, const struct model_change *change);
/* The same; its first group must end like this, or the whole be held for this reason. */
void play_expect(struct play *play, const struct model_change *change, unsigned allowed, bool conflict);
void play_expect_held(struct play *play, const struct model_change *change, const char *why);
/* An assignment; its sequence. Times are texts. */
uint64_t play_assign(struct play *play, uint8_t number, uint8_t worker, uint8_t patient, const char *starts, const char *ends);
/* RECORD, of Rosa's and by Anna, with one value; and an edit of it by Anna that had seen that sequence. Their sequences. */
uint64_t play_made(struct play *play, const char *name, const char *field, const char *value);
uint64_t play_edited(struct play *play, const char *name, const char *field, const char *value, uint64_t seen);

/* --- what stands; the record must be there ----------------------------------------------------- */

struct model_record play_record(const struct play *play, const char *name, uint8_t number);
/* RECORD's field. NULL: null. */
void play_expect_text(const struct play *play, const char *name, const char *field, const char *value);

#endif
