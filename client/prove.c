#include "client/prove.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/journal.h"

static bool column_bytes(sqlite3_stmt *stmt, int at, void *out, size_t size)
{
	const void *data = sqlite3_column_blob(stmt, at);

	if (data == NULL || (size_t)sqlite3_column_bytes(stmt, at) != size)
		return false;
	memcpy(out, data, size);
	return true;
}

/* From *run on to last_n, by the digests as stored; with bodies, each is computed
 * anew and compared. ST_CORRUPT: *run stands at the last number that holds. */
static enum status run_to(struct replica *r, struct run *run, uint64_t last_n, bool bodies)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT n,digest,body FROM ds_journal WHERE n>?1 AND n<=?2 ORDER BY n",
					&st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)run->n);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)last_n);
	while (run->n < last_n && (st = db_step(&r->db, stmt, &row)) == ST_OK) {
		struct digest stored, computed;

		if (!row || (uint64_t)db_column_int(stmt, 0) != run->n + 1 ||
		    !column_bytes(stmt, 1, stored.bytes, DIGEST_SIZE)) {
			st = ST_CORRUPT;
			break;
		}
		if (bodies) {
			change_digest(&computed, sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2));
			if (!digest_equal(&stored, &computed)) {
				st = ST_CORRUPT;
				break;
			}
		}
		run->n++;
		change_run(&run->digest, run->n, &stored);
	}
	db_done(stmt);
	return st;
}

/* --- taking a receipt ------------------------------------------------------------- */

static enum status keep_receipt(struct replica *r, const struct receipt *receipt)
{
	enum status st = ST_OK;
	sqlite3_stmt *stmt = db_prepare(&r->db, "INSERT INTO ds_receipt(counter,device,request,stream,last_n,seq,run,chain,"
						"signature) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &st);

	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)receipt->counter);
	(void)sqlite3_bind_int64(stmt, 2, receipt->device);
	(void)sqlite3_bind_blob(stmt, 3, receipt->request.bytes, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 4, receipt->stream.bytes, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 5, (int64_t)receipt->last_n);
	(void)sqlite3_bind_int64(stmt, 6, (int64_t)receipt->seq);
	(void)sqlite3_bind_blob(stmt, 7, receipt->run.bytes, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 8, receipt->chain.bytes, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 9, receipt->signature, SIGNATURE_SIZE, SQLITE_STATIC);
	st = db_run(&r->db, stmt);
	if (st != ST_OK)
		return st;
	stmt = db_prepare(&r->db, "DELETE FROM ds_receipt WHERE counter NOT IN"
				  " (SELECT counter FROM ds_receipt ORDER BY counter DESC LIMIT ?1)", &st);
	if (stmt == NULL)
		return st;
	(void)sqlite3_bind_int(stmt, 1, RECEIPTS_KEPT);
	return db_run(&r->db, stmt);
}

enum status prove_load(struct replica *r, struct run *run_out)
{
	struct arena arena;
	const void *data = NULL;
	size_t len = 0;
	int64_t n = 0;
	enum status st = ST_OK;

	*run_out = (struct run){ .n = 0 };
	arena_init(&arena, 4096);
	st = replica_meta_blob(r, "proven_run", &arena, &data, &len);
	if (st == ST_OK && len == DIGEST_SIZE) {
		st = replica_meta_int(r, "proven_n", &n);
		run_out->n = (uint64_t)n;
		memcpy(run_out->digest.bytes, data, DIGEST_SIZE);
	}
	arena_close(&arena);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

void prove_expect(const struct run *from, const struct request_change *changes, size_t count, struct run *run_out)
{
	*run_out = *from;
	for (size_t i = 0; i < count; i++) {
		struct digest digest;

		if (changes[i].n != run_out->n + 1)
			continue;
		change_digest(&digest, changes[i].body.data, changes[i].body.len);
		run_out->n++;
		change_run(&run_out->digest, run_out->n, &digest);
	}
}

static const char COPY_NOTICE[] = "The centre has received other changes of this tablet than this journal holds."
				  " Perhaps a copy of this tablet is in use. Nothing was changed. Tell a supervisor.";

/* Told once, logged each time. */
static enum status tell(struct replica *r, const struct receipt *receipt)
{
	env_log(r->env, LOG_ERROR, "prove", "run-differs", "counter=%" PRIu64 " last_n=%" PRIu64, receipt->counter,
		receipt->last_n);
	return replica_tell(r, COPY_NOTICE);
}

enum status prove_receipt(struct replica *r, const struct receipt *receipt, bool *agrees_out)
{
	struct run run = { .n = 0 };
	enum status st = keep_receipt(r, receipt);

	/* From there on, so that comparing costs only what is new. */
	if (st == ST_OK)
		st = prove_load(r, &run);
	/* A centre that went back has received less than it once signed. */
	if (st == ST_OK && receipt->last_n < run.n)
		run = (struct run){ .n = 0 };
	if (st == ST_OK)
		st = run_to(r, &run, receipt->last_n, false);
	if (st != ST_OK && st != ST_CORRUPT)
		return st;
	*agrees_out = st == ST_OK && digest_equal(&run.digest, &receipt->run);
	if (!*agrees_out)
		return tell(r, receipt);
	st = replica_meta_set_int(r, "proven_n", (int64_t)run.n);
	return st == ST_OK ? replica_meta_set_blob(r, "proven_run", run.digest.bytes, DIGEST_SIZE) : st;
}

/* --- verifying -------------------------------------------------------------------- */

static bool read_receipt(sqlite3_stmt *stmt, struct receipt *out)
{
	out->counter = (uint64_t)db_column_int(stmt, 0);
	out->device = (uint32_t)db_column_int(stmt, 1);
	out->last_n = (uint64_t)db_column_int(stmt, 4);
	out->seq = (uint64_t)db_column_int(stmt, 5);
	return column_bytes(stmt, 2, out->request.bytes, DIGEST_SIZE) &&
	       column_bytes(stmt, 3, out->stream.bytes, DIGEST_SIZE) &&
	       column_bytes(stmt, 6, out->run.bytes, DIGEST_SIZE) &&
	       column_bytes(stmt, 7, out->chain.bytes, DIGEST_SIZE) &&
	       column_bytes(stmt, 8, out->signature, SIGNATURE_SIZE);
}

static enum status load_receipts(struct replica *r, struct receipt receipts[RECEIPTS_KEPT], size_t *count_out)
{
	enum status st = ST_OK;
	bool row = false;
	sqlite3_stmt *stmt = db_prepare(&r->db, "SELECT counter,device,request,stream,last_n,seq,run,chain,signature"
						" FROM ds_receipt ORDER BY counter DESC", &st);

	*count_out = 0;
	if (stmt == NULL)
		return st;
	while (*count_out < RECEIPTS_KEPT && (st = db_step(&r->db, stmt, &row)) == ST_OK && row) {
		if (!read_receipt(stmt, &receipts[*count_out])) {
			st = ST_CORRUPT;
			break;
		}
		++*count_out;
	}
	db_done(stmt);
	return st;
}

static enum status broken_at(struct failure *why, const char *what, uint64_t n)
{
	char text[192];

	(void)snprintf(text, sizeof text, "%s %" PRIu64 ".", what, n);
	return failure_set(why, ST_CORRUPT, text, "Nothing was changed.", "Tell a supervisor before this tablet is used on.");
}

static enum status check_signatures(struct replica *r, const struct receipt *receipts, size_t count,
				    struct failure *why)
{
	char text[160];

	for (size_t i = 0; i < count; i++) {
		if (receipt_verify(&receipts[i], r->identity.centre_key))
			continue;
		(void)snprintf(text, sizeof text, "The receipt of request %" PRIu64 " is not signed by the centre.",
			       receipts[i].counter);
		return failure_set(why, ST_FORGED, text, "Nothing was changed.",
				   "Tell a supervisor before this tablet is used on.");
	}
	return ST_OK;
}

/* Every kept receipt against the journal, oldest claim first, then all the rest of
 * the journal against what was noted when the numbers were given. */
static enum status check_runs(struct replica *r, uint64_t last_n, const struct receipt *receipts, size_t count,
			      struct failure *why)
{
	struct run run = { .n = 0 }, noted = { .n = 0 };
	struct arena arena;
	const void *data = NULL;
	size_t len = 0;
	enum status st = ST_OK;

	for (size_t i = count; i > 0 && st == ST_OK; i--) {
		const struct receipt *receipt = &receipts[i - 1];

		if (receipt->last_n < run.n)
			run = (struct run){ .n = 0 };
		st = run_to(r, &run, receipt->last_n, true);
		if (st == ST_OK && !digest_equal(&run.digest, &receipt->run))
			return broken_at(why, "The journal is not what the centre signed, up to number", receipt->last_n);
	}
	if (st == ST_OK)
		st = run_to(r, &run, last_n, true);
	if (st == ST_CORRUPT)
		return broken_at(why, "The journal is damaged at number", run.n + 1);
	if (st != ST_OK || last_n == 0)
		return st == ST_OK ? ST_OK : failure_set(why, st, NULL, NULL, NULL);
	arena_init(&arena, 4096);
	st = replica_meta_blob(r, "run", &arena, &data, &len);
	if (st == ST_OK && len == DIGEST_SIZE)
		memcpy(noted.digest.bytes, data, DIGEST_SIZE);
	arena_close(&arena);
	if (st != ST_OK && st != ST_NOT_FOUND)
		return failure_set(why, st, NULL, NULL, NULL);
	if (!digest_equal(&run.digest, &noted.digest))
		return broken_at(why, "The journal is not what this tablet noted, up to number", last_n);
	return ST_OK;
}

static enum status verify(struct replica *r, struct journal_proof *out, struct failure *why)
{
	struct receipt receipts[RECEIPTS_KEPT];
	size_t count = 0;
	int64_t last_n = 0;
	enum status st = load_receipts(r, receipts, &count);

	if (st == ST_OK)
		st = replica_meta_int(r, "last_n", &last_n);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	if (count == 0)
		return failure_set(why, ST_NOT_FOUND, "The centre has not signed anything for this tablet yet.",
				   "Everything you wrote is saved on this tablet.", "Sync once, then verify again.");
	st = check_signatures(r, receipts, count, why);
	if (st == ST_OK)
		st = check_runs(r, (uint64_t)last_n, receipts, count, why);
	if (st == ST_OK)
		*out = (struct journal_proof){
			.changes = (uint64_t)last_n,
			.proven_n = receipts[0].last_n,
			.receipt_seq = receipts[0].seq,
			.receipt_counter = (int64_t)receipts[0].counter,
		};
	return st;
}

enum status journal_verify(struct replica *r, struct journal_proof *out, struct failure *why)
{
	enum status st = db_begin_read(&r->db);

	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	st = verify(r, out, why);
	db_rollback(&r->db);
	return st;
}
