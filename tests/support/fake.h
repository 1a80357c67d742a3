/* fake.h - one tablet in memory and a made-up centre that answers whatever the test
 * wants, built with proto/ by hand; clocks are plain numbers. What can't fail in a
 * sane test is asserted here.
 */
#ifndef TESTS_SUPPORT_FAKE_H
#define TESTS_SUPPORT_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/sync.h"
#include "proto/change.h"
#include "proto/message.h"

#define FAKE_DEVICE 7
#define FAKE_SEQ 1000 /* the newest sequence at the centre, as every answer says */
#define FAKE_WALL_MS INT64_C(1800000000000)
#define FAKE_CENTRE_MS INT64_C(1799999000000)
#define FAKE_OUTCOMES_MAX 64

/* Ids that tests write out. */
#define PAT "00000000-0000-4000-8000-0000000000aa"
#define PAT2 "00000000-0000-4000-8000-0000000000bb"
#define TASK "00000000-0000-4000-8000-000000000001"
#define TASK2 "00000000-0000-4000-8000-000000000002"
#define NOTE "00000000-0000-4000-8000-000000000003"
#define VISIT "00000000-0000-4000-8000-000000000004"

struct fake {
	struct schema *schema;
	struct env env;
	int64_t wall_ms, boot_ms, centre_ms;
	struct replica replica;
	struct sync sync;
	struct sign_key centre_key;
	struct deflater *deflater;
	struct arena arena; /* what was decoded from the newest request */
	struct buf request_bytes, message;
	struct request request;
	uint64_t received_n; /* all numbers up to here came, with this running digest */
	struct digest run;
	struct answer answer; /* being put together */
	struct buf records, answer_bytes;
	size_t record_count;
	struct outcome outcomes[FAKE_OUTCOMES_MAX];
	struct outcome_group groups[FAKE_OUTCOMES_MAX];
	struct id ids[4];
	char crashed_at[64];     /* newest crash point passed */
	const char *stop_at;     /* crash_hook is called there */
	void (*crash_hook)(struct fake *f);
	const struct bytes *splice_base; /* of the records that come: answer_record.base */
};

/* An enrolled tablet that has heard nothing yet. */
void fake_open(struct fake *f);
void fake_close(struct fake *f);
struct id fake_id(const char *text);

/* One statement or several; the result code of SQLite. */
int fake_sql(struct fake *f, const char *sql);
/* fake_sql that must do. */
void fake_do(struct fake *f, const char *sql);
int64_t fake_int(struct fake *f, const char *sql);
/* First column of the first row; "" for null, NULL where there is no row. Valid until the next call. */
const char *fake_text(struct fake *f, const char *sql);
/* Everything the database holds. free() it. */
char *fake_dump(struct fake *f);

/* Build a request and decode it; keeps changes in mind for the receipt. */
void fake_build(struct fake *f);
/* As fake_build of a request that somebody else built. */
void fake_hear(struct fake *f, const void *bytes, size_t len);
/* The i-th change of the newest request; lives until the next one. */
const struct change *fake_change(struct fake *f, size_t i);
/* Text of a field that a change brings; NULL for null. */
const char *fake_value(const struct change *change, const char *field);
const struct change_group *fake_group(const struct change *change, const char *name); /* NULL: not in it */

/* Put an answer together, then hand it over. */
void fake_begin(struct fake *f);
void fake_accept(struct fake *f, uint64_t n, uint64_t seq);
void fake_judge(struct fake *f, uint64_t n, uint64_t seq, int group, enum outcome_verdict verdict);
void fake_hold(struct fake *f, uint64_t n, uint64_t seq, enum held_reason reason);
void fake_return(struct fake *f, uint64_t n, uint64_t seq);
enum { RECORD_PART = 0, RECORD_WHOLE = 1, RECORD_DELETED = 2 };
/* field, text pairs, ended by NULL; a text of NULL is null. patient NULL: the kind has none. */
void fake_record(struct fake *f, const char *kind, const char *id, const char *patient, uint64_t seq, int flags, ...);
void fake_seal(struct fake *f); /* into answer_bytes */
enum status fake_take(struct fake *f, struct sync_report *report);
/* Build, then an answer with nothing but these: every change accepted at seq, seq + 1, … */
void fake_accept_all(struct fake *f, uint64_t seq);

#endif
