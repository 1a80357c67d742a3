/* merge.h - the rules that decide what becomes of one group of one change when it
 * meets the centre's (DESIGN.md sections 6 and 7).
 *
 * merge_judge is a pure function of what it is handed: the same everywhere, in any
 * order of requests. Only the centre calls it.
 */
#ifndef COMMON_MERGE_H
#define COMMON_MERGE_H

#include <stdbool.h>

#include "common/interval.h"
#include "common/schema.h"
#include "common/text.h"
#include "common/value.h"

/* A text that is in conflict stands twice in the conflict's record: longer ones are kept
 * apart as they came. */
#define MERGE_TEXT_MAX 65536

enum verdict {
	VERDICT_ACCEPTED,   /* the proposed value stands as sent */
	VERDICT_SAME,       /* it is the value that stands already: accepted, nothing moves */
	VERDICT_MERGED,     /* a value made of both stands: see merged_out */
	VERDICT_SUPERSEDED  /* the value at the centre stands, the proposed one is kept in history */
};

/* Beside the verdict: must a person decide? */
struct judgement {
	enum verdict verdict;
	bool conflict;
};

struct merge_case {
	const struct kind *kind;
	const struct group *group;
	const struct row *base;     /* what the author started from; NULL = not known any more */
	const struct row *current;  /* what stands at the centre */
	const struct row *proposed;
	bool base_is_current; /* nothing replaced what the author started from */
	bool decided;         /* current is a person's decision that the author had not seen */
	bool author_same;     /* current was made by the same tablet, on its own earlier change */
	struct interval current_at, proposed_at;
};

/* What is made here. */
struct merge_out {
	struct row row;   /* VERDICT_MERGED: the group's fields */
	struct row other; /* beside a conflict of text that was merged: the group's fields with the proposed sentences */
	const struct text_spot *spots; /* … and where the two differ (text.h); their texts live in `text` */
	size_t spot_count;
	char *text;       /* caller's buffer, aligned for any type: merge_room bytes */
	size_t room, used;
};

/* Bytes that merge_judge may need for this case. */
size_t merge_room(const struct merge_case *c);

/* Order of judgement: base is current -> accepted (or same); equal to current ->
 * same; decided -> superseded with conflict; then the group's rule:
 * newest: accepted only where proposed_at is definitely later, or in doubt,
 *   author_same (a tablet's own changes are in order) and its interval ends no
 *   earlier; else superseded. So no value ever stands that is definitely older than
 *   one kept.
 * text: by words (text.h). Where only far words were changed: merged, or accepted where
 *   that makes the very value proposed. Where words are in conflict the judgement says
 *   so, `other` and `spots` say what lost, and the verdict is merged where the rest of
 *   the proposed text found its place, superseded where nothing did. Without a base, or
 *   where a text is over MERGE_TEXT_MAX: superseded with conflict, the texts as they are.
 * set: merged, or accepted where that makes the very value proposed (never a
 *   conflict); without a base, the union.
 * progress: on the group's status field (an ENUM named "status"): a new ending
 *   beats open; open against an ending is superseded; two endings that differ are
 *   superseded with conflict; otherwise as newest.
 * guarded: superseded with conflict.
 * ST_LIMIT: a merged value exceeds its field's limit: *judgement_out is then
 * superseded with conflict, and the status ST_OK (a merge that would exceed a
 * limit is not made); no other status is returned but ST_OK. */
enum status merge_judge(const struct merge_case *c, struct merge_out *merged_out,
			struct judgement *judgement_out) MUST_CHECK;

/* Does the rule ask when edits were made? */
bool rule_is_timed(enum rule rule);

/* A field's text; null is empty. */
struct text value_as_text(const struct value *value);

/* Is the word an ending of a task (done, not-done, cancelled)? */
bool progress_is_ending(const struct value *status);

#endif
