/* chain.h - the hash chain over history, its signed anchors, and the proof.
 *
 * content(row) = H("content", salt, every field of the row in a fixed framing)
 * link(row)    = H("link", link of the row before, seq, content)
 * The chain covers the salted digest only, so that salt and content can be erased at
 * the end of retention and the chain still holds. Each commit adds one anchor: the
 * head signed by the centre's key together with 16 bytes for each row, its *mark*, so
 * that one who alters a row and recomputes all later links is found, and where. Store
 * ring.
 *
 * Framing of content: integers as 8 bytes big-endian, ids and digests as they are, what
 * varies in length behind its length as 8 bytes: salt, device, n, digest, author, kind,
 * id, patient, body, lo, hi, received, result, reason, groups (two bytes each: number,
 * verdict), merged, of_seq. The sequence is in the link.
 *
 * Mark of a row: the first 8 bytes of its content digest; then the first 8 bytes of the
 * *state digest* of what the row brought about, 8 zero bytes where that is nothing:
 *   a held change: H("held", seq, device, n, author, kind, id, patient, reason, wait_kind, wait_id,
 *                    received, detail);
 *   a row that is, when its commit ends, the newest to have touched its record:
 *                  H("state", kind, id, patient, seq, created_seq, deleted, blob of group_meta.h).
 * After the rows' marks come, 16 bytes each, the sequences (8 bytes big-endian) and states of
 * held rows that wait for something else since this commit; the newest state counts.
 * So the bookkeeping of records that can't be told from history alone (whose clock, whose
 * decision) is signed too.
 *
 * An anchor has two Ed25519 signatures: over H("anchor", first_seq, seq, contents, head), the
 * contents being all these marks one after the other, and over H("marks", first_seq, seq,
 * contents). Where an altered row's links and heads are made up to match, the first
 * one fails from that commit on; the second fails there alone, and so says where.
 */
#ifndef DAEMON_CHAIN_H
#define DAEMON_CHAIN_H

#include "common/buf.h"
#include "daemon/store.h"

/* The tail of one write transaction: rows added so far. */
struct chain {
	struct store *store;
	struct digest head;
	uint64_t seq;       /* newest sequence given */
	uint64_t first_seq; /* first row of this transaction, 0 = none yet */
	uint64_t own_n;     /* newest number of device 0: the next one is own_n + 1 */
	struct buf contents; /* marks of the rows so far, their second halves still zero */
	struct buf touched;  /* what each of these rows is about */
	struct buf waits;    /* held rows that wait for something else now */
};

/* Read head and sequence at the start of a write transaction. */
enum status chain_begin(struct chain *chain, struct store *store) MUST_CHECK;
void chain_close(struct chain *chain);

/* Marks for savepoints: go back to what it was. */
struct chain_mark { struct digest head; uint64_t seq, first_seq, own_n; size_t contents_len, touched_len, waits_len; };
struct chain_mark chain_mark(const struct chain *chain);
void chain_back(struct chain *chain, const struct chain_mark *mark);

/* Next sequence; fills seq, salt, content and link of *history and stores the row. A
 * row of device 0 that resolves nothing (of_seq 0) moves own_n to its n. On failure
 * roll back to a mark, or all of it. */
enum status chain_add(struct chain *chain, struct history *history) MUST_CHECK;

/* The held row of seq waits for something else from now on (held_wait): sign it anew. In
 * a transaction that adds a row too. */
enum status chain_waits(struct chain *chain, uint64_t seq) MUST_CHECK;

/* Before COMMIT, when records and held rows are as they will be: store "seq", "head" and
 * "own_n" in meta, and the anchor (where rows were added). */
enum status chain_end(struct chain *chain, const struct sign_key *key) MUST_CHECK;

/* Begin a new epoch: the next sequence is the first of it (clock seconds, and above any
 * seen). Inside the caller's write transaction, before chain_begin. */
enum status chain_new_epoch(struct store *store) MUST_CHECK;

void history_content(struct digest *out, const struct history *history);

/* The pieces of an anchor, for the proof. */
#define CHAIN_MARK_SIZE 16 /* bytes of anchor.contents for each row */
/* *link: from that of the row before to that of this one. */
void chain_link(struct digest *link, uint64_t seq, const struct digest *content);
void chain_held_state(uint8_t out[8], const struct held *held);
enum status chain_record_state(uint8_t out[8], const struct record *record) MUST_CHECK; /* its row is not needed */
bool anchor_verify(const struct anchor *anchor, const uint8_t public_key[PUBLIC_KEY_SIZE]);
bool anchor_verify_contents(const struct anchor *anchor, const uint8_t public_key[PUBLIC_KEY_SIZE]);

/* --- verify ---------------------------------------------------------------- */

/* One finding: where, and what is wrong, in words. */
typedef void verify_found_fn(void *ctx, const char *place, const char *what);
/* For long work: rows done of all (0 = not known). May be NULL. */
typedef void verify_progress_fn(void *ctx, uint64_t done, uint64_t total);

struct verify_report {
	uint64_t rows, anchors, records, findings;
};

/* The proof, inside a read transaction of the caller. It reads all of history once in its order and once more by
 * record, and says of each thing that is not what history and the centre's signatures say where it is:
 *   "history 123 (device 3, change 17)"     content, link, mark, number, digest of the body
 *   "history 120 to 123"                    rows that are missing
 *   "anchor 123 (history 120 to 123)"       signatures, head; heads that are wrong only because of an earlier
 *                                           alteration are one finding, at the first
 *   "record note/ID"                        each group's standing value and sequence, deletion, patient, created and
 *                                           last sequence, bookkeeping; a record or row too many or too few
 *   "held 123", "member WORKER/PATIENT", "term ASSIGNMENT", "device 3", "account LOGIN" (access.h), "meta seq",
 *                                           "meta head"
 * One who can write the database but not sign, and recomputes digests, links, marks and heads after an alteration,
 * is found at the anchor of the commit that he altered; where that commit had several rows, its records tell which.
 *
 * What this proof can't find: that the whole database is an older copy of itself, or was cut back to one, row for
 * row in every table (a tail that only the centre itself wrote included). That takes a witness outside: a tablet's
 * newest receipt (doorstep verify), a backup, a cursor. Names and roles of accounts, tablets' names and keys, one-time
 * codes and meta but seq, head and own_n are no part of history. A tail cut off history and anchors alone is found at the records,
 * held rows, memberships and tablets that it leaves behind, and at device 0, whose last number is meta "own_n".
 *
 * ST_OK also with findings; a status only where it could not read on. */
enum status chain_verify(struct store *store, const uint8_t public_key[PUBLIC_KEY_SIZE],
			 verify_found_fn *found, verify_progress_fn *progress, void *ctx,
			 struct verify_report *report) MUST_CHECK;

#endif
