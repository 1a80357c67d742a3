/* prove.h - the running digest of the journal, kept in step with what the centre has
 * signed (journal.h, journal_verify). Store ring.
 */
#ifndef CLIENT_PROVE_H
#define CLIENT_PROVE_H

#include "client/replica.h"
#include "proto/envelope.h"
#include "proto/message.h"

#define RECEIPTS_KEPT 20

/* The journal's running digest up to and with n. */
struct run {
	uint64_t n;
	struct digest digest;
};

/* Where the newest receipt agreed; zero: there is none. */
enum status prove_load(struct replica *r, struct run *run_out) MUST_CHECK;
/* What the receipt for this request says if all goes well: `from` and its changes, as far as
 * they follow without a gap. */
void prove_expect(const struct run *from, const struct request_change *changes, size_t count, struct run *run_out);

/* A verified receipt is kept (the newest RECEIPTS_KEPT are), and its running digest
 * compared with the journal's. Where they differ the receipt is kept all the same:
 * *agrees_out is false, there is a row in ds_notice and a log line, and the caller goes on.
 * Inside a write transaction. */
enum status prove_receipt(struct replica *r, const struct receipt *receipt, bool *agrees_out) MUST_CHECK;

#endif
