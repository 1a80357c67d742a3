/* prove.h - the running digest of the journal, kept in step with what the centre has
 * signed (journal.h, journal_verify). Store ring.
 */
#ifndef CLIENT_PROVE_H
#define CLIENT_PROVE_H

#include "client/replica.h"
#include "proto/envelope.h"

#define RECEIPTS_KEPT 20

/* A verified receipt is kept (the newest RECEIPTS_KEPT are), and its running digest
 * compared with the journal's. Where they differ the receipt is kept all the same:
 * *agrees_out is false, there is a row in ds_notice and a log line, and the caller goes on.
 * Inside a write transaction. */
enum status prove_receipt(struct replica *r, const struct receipt *receipt, bool *agrees_out) MUST_CHECK;

#endif
