/* decision.h - what stands in the two texts of a conflict record: the candidates, as
 * the centre writes them, and the decision, as a person's side writes it. Both ends
 * read and write them by this page. Store ring.
 *
 * `candidates` is a JSON array, oldest first; the first is what stood when the
 * conflict opened:
 *   {"n":1,"seq":"…","values":{"dose":"5", …},"author":"worker id","name":"who",
 *    "device":"…","from":"ISO time","to":"ISO time"}
 * n is what people choose by. Within values each field of the group stands by its
 * name, as it is stored: text as a JSON string (a set too), whole numbers as JSON
 * numbers, null. "values":null: too large to be repeated here; the centre has them.
 * A candidate of text that was merged by words (text.h) has as values what stood when
 * it came, with its own sentences where the two were in conflict, and
 *   "spots":[{"at":…,"len":…,"other_at":…,"other_len":…,"stands":"…"},…]
 * in order: the place in what stood then (bytes of UTF-8), the place in its own value,
 * and the words that stood. Whoever chooses it, or the first, chooses these sentences:
 * what others wrote elsewhere in the text meanwhile stays.
 *
 * `decision` is a JSON object, {"choice":n} or {"values":{…}} (every field of the
 * group), and with it what the person had seen:
 *   "seen":["seq",…]   every candidate that was shown, and the standing value's
 *                      sequence where it is known
 *   "stood":"seq"      optional: of the record's group all had been shown up to here
 */
#ifndef COMMON_DECISION_H
#define COMMON_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/schema.h"
#include "common/text.h"
#include "common/value.h"

struct decision_spot {
	struct text_spot place;
	const char *stands; /* the words beside it */
};

struct decision_candidate {
	unsigned n;
	uint64_t seq;
	const char *name, *device;
	int64_t from_ms, to_ms;
	bool has_values;
	struct row row; /* the group's fields, where has_values */
	const struct decision_spot *spots; /* within the value of the group's one field */
	size_t spot_count;
};

/* The candidates of a conflict about this group. All lives in the arena. ST_CORRUPT: not
 * of that form; ST_NOMEM. */
enum status decision_candidates(const struct kind *kind, const struct group *group, const char *text, size_t len,
				struct arena *arena, struct decision_candidate **out, size_t *count_out) MUST_CHECK;

/* Append a decision's text: for candidate `choice`, or where that is 0 for the values. */
struct decision {
	const struct kind *kind;
	const struct group *group;
	unsigned choice;
	const struct row *values;
	const struct decision_candidate *candidates; /* shown */
	size_t candidate_count;
	uint64_t stood; /* 0 = nothing of the group had been shown */
};
void decision_text(struct buf *out, const struct decision *decision);

/* Had the group been shown up to this sequence ("stood")? */
bool decision_reached(const char *text, size_t len, uint64_t seq);

#endif
