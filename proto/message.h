/* message.h - what a request and an answer say, and their msgpack.
 *
 * A message is one msgpack map with integer keys in ascending order; a key that is
 * absent has its zero value. An unknown key is skipped in an answer and refused in
 * a request; nothing unknown is stored. proto/README.md is the specification byte
 * for byte; golden vectors in tests/vectors hold it. Store ring.
 *
 * Request:  0 schema version · 1 cursor (bin) · 2 changes [[n, body bin]…] ascending n, or
 *           [n, brief bin, 1] (brief.h) ·
 *           3 held [[n, bin 8]…] · 4 clock [heard, elapsed, slack] or [… , offset] · 5 budget ·
 *           6 health {0 pending, 1 oldest unsent ms, 2 free MB, 3 battery %, 4 version text} ·
 *           7 running digest that the tablet expects (bin 8);
 *           without key 4 the clock tells nothing, without battery that is unknown
 * Answer:   0 received ms · 1 sent: difference to it · 2 cursor (bin) · 3 more (bool) ·
 *           4 outcomes [[n, result, sequence difference, detail…]…] · 5 records ·
 *             detail of accepted: none, or how many accepted changes, whose numbers and
 *             sequences ascend by one from these, it stands for; of judged: group number,
 *             verdict, group number, verdict, … (groups ascending); of held: the reason ·
 *           6 patients let go [bin 16…] · 7 patients now being filled [bin 16…] ·
 *           8 patients now complete [bin 16…] · 9 notices [code…] · 10 send from n ·
 *           11 backup watermark. Sequences are differences to that of the envelope's head.
 * Record:   [kind, id, patient or nil, sequence difference, flags, {field: value}] ;
 *           times in values as difference to key 0; flags 1 whole, 2 deleted. The patient
 *           only with a whole record. Not whole: every field of each group that is news,
 *           nulls as nil; a text may be [prefix, suffix, middle, check bin 8].
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/id.h"
#include "common/interval.h"
#include "common/schema.h"
#include "common/value.h"

struct bytes {
	const void *data;
	size_t len;
};

struct request_change {
	uint64_t n;
	struct bytes body;
	struct bytes brief; /* len > 0: this travels in place of the body (brief.h), which is empty when decoded */
};

struct request_held {
	uint64_t n;
	uint8_t digest[8];
};

/* What a tablet says of itself. battery_percent -1 = unknown. */
struct health {
	uint64_t pending_count;
	int64_t oldest_unsent_ms; /* wall clock of its edit; 0 = nothing unsent */
	uint64_t free_mb;
	int battery_percent;
	const char *version; /* "0.1.0", at most LIMIT_TEXT_MAX bytes; never NULL when decoded */
};

struct request {
	uint16_t schema_version;
	struct bytes cursor; /* len 0: a first sync */
	const struct request_change *changes;
	size_t change_count;
	const struct request_held *held;
	size_t held_count;
	struct clock_now clock;
	uint32_t budget; /* bytes of answer, compressed, about; 0 = default */
	struct health health;
	/* The first bytes of the running digest of the tablet's changes up to the last one of this request (or
	 * of a receipt before): where the centre has the same, its answer leaves last n and digest out. */
	bool expects;
	uint8_t expected_run[8];
};

/* What became of a change. */
enum outcome_result {
	OUTCOME_ACCEPTED = 0, /* every group stands as sent */
	OUTCOME_JUDGED,       /* per group: see groups */
	OUTCOME_HELD,         /* not applied; kept with a reason; stays unsettled */
	OUTCOME_RETURNED      /* a held change given back to its author */
};

enum outcome_verdict { GROUP_ACCEPTED = 0, GROUP_MERGED, GROUP_SUPERSEDED };

/* Why a change is held, as its author's tablet may know it. */
enum held_reason {
	HELD_NONE = 0,
	HELD_NOT_YOURS,  /* not in this care manager's caseload, or not known: the same answer */
	HELD_WAITS,      /* refers to something that has not arrived: judged again by itself */
	HELD_EXISTS,     /* a create for an id that exists */
	HELD_UNKNOWN,    /* names what this centre's version does not know */
	HELD_INVALID,    /* a value is not of its field's form */
	HELD_NUMBER,     /* this number came before with other content */
	HELD_RIGHTS,     /* only the centre writes this */
	HELD_UNREADABLE, /* the bytes are no change */
	HELD_CLOSED,     /* it would alter what stays of a closed record */
	HELD_WITHDRAWN,  /* its tablet had been withdrawn: travels as not-yours, and in the answer's key 12 */
	HELD_REASON_COUNT
};

/* Plain words for each reason: what it means, and what to do next. Never NULL. */
const char *held_reason_name(enum held_reason reason); /* "not-yours" */
const char *held_reason_what(enum held_reason reason);
const char *held_reason_next(enum held_reason reason);

struct outcome_group {
	uint8_t num; /* 0 = deletion mark */
	enum outcome_verdict verdict;
};

struct outcome {
	uint64_t n, seq; /* seq: of this change at the centre */
	enum outcome_result result;
	enum held_reason reason; /* OUTCOME_HELD */
	const struct outcome_group *groups; /* OUTCOME_JUDGED: every group of the change */
	size_t group_count;
};

struct answer_record {
	const struct kind *kind;
	struct id id, patient; /* patient: ID_STAFF for staff, == id for a patient; else zero where not whole */
	uint64_t seq;  /* the tablet has now seen all of the groups brought here up to seq */
	bool whole;    /* every group; replaces all that was known */
	bool deleted;
	uint64_t mask; /* fields brought */
	struct row row;
	/* Written: by field, the texts that the tablet has (data NULL: not known), so that a long one travels as a
	 * splice; NULL: all go as they are. Only where not whole. */
	const struct bytes *base;
	/* Decoded: these values are only the middle of a text until answer_splice_join. */
	struct answer_splice *splices;
	size_t splice_count;
};

struct answer_splice {
	uint8_t field; /* index */
	size_t prefix, suffix;
	uint8_t check[8];
};

enum notice {
	NOTICE_NONE = 0,
	NOTICE_SEND_FROM,   /* numbers are missing: send from key 10 */
	NOTICE_CURSOR,      /* the cursor was refused: start from none */
	NOTICE_COUNTER,     /* this counter was used before: no news */
	NOTICE_VERSION,     /* the centre does not know this tablet's schema version yet */
	NOTICE_SEND_WHOLE,  /* a brief could not be read: send the changes whole */
	NOTICE_WITHDRAWN    /* the tablet was withdrawn from use: its changes are held, and there is no news */
};

/* Records are many and big: they are written and read one at a time. */
struct answer {
	int64_t received_ms, sent_ms;
	struct bytes cursor; /* len 0: cursor stays as it was */
	bool more;
	const struct outcome *outcomes;
	size_t outcome_count;
	const struct id *let_go, *filling, *complete;
	size_t let_go_count, filling_count, complete_count;
	enum notice notices[8];
	size_t notice_count;
	uint64_t send_from;
	uint64_t base_seq; /* the sequence of the envelope's head: what travels is differences to it */
	uint64_t watermark_seq;
	size_t record_count; /* decoded: number of records; read them with answer_record_next */
	const void *records; /* decoded: private */
};

enum status request_encode(struct buf *out, const struct request *request) MUST_CHECK;
/* Arrays and texts live in the arena; bodies and cursor point into `bytes`. */
enum status request_decode(const void *bytes, size_t len, struct arena *arena,
			   struct request *request_out) MUST_CHECK;

/* The value of the record's i-th splice becomes the whole text, made from this one. ST_NOT_FOUND: it was made from
 * another; ST_INVALID, ST_LIMIT: it is not of its field's form. The text lives in the arena. */
enum status answer_splice_join(struct answer_record *record, size_t i, const struct bytes *base,
			       struct arena *arena) MUST_CHECK;

/* How many msgpack objects the record is. A page of records keeps their sum under
 * ANSWER_ITEMS_MAX, which leaves LIMIT_ITEMS_MAX room for all the rest. */
#define ANSWER_ITEMS_MAX 100000
size_t answer_record_items(const struct answer_record *record);

/* Records first, into a buffer of their own (answer->received_ms and base_seq must
 * be known by then), then the answer around them. */
enum status answer_record_encode(struct buf *records, const struct answer *answer,
				 const struct answer_record *record) MUST_CHECK;
enum status answer_encode(struct buf *out, const struct answer *answer,
			  const struct buf *records, size_t record_count) MUST_CHECK;

enum status answer_decode(const void *bytes, size_t len, uint64_t base_seq, struct arena *arena,
			  struct answer *answer_out) MUST_CHECK;
/* The i-th record (0 …): texts point into the decoded bytes or the arena.
 * ST_UNKNOWN: a kind or field this tablet's schema lacks; ST_INVALID, ST_LIMIT: a
 * value of another form than its field's (the centre never sends one: errors like
 * any other). A whole record has every field, null where none was brought. */
enum status answer_record_decode(const struct schema *schema, const struct answer *answer, size_t i,
				 struct arena *arena, struct answer_record *record_out) MUST_CHECK;

#endif
