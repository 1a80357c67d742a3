#include <inttypes.h>

#include "client/cmd.h"
#include "client/journal.h"

static enum status tell(const struct cmd *c, const struct journal_proof *proof)
{
	struct buf json;
	enum status st;

	if (!c->line->json) {
		printf("The journal is whole: %" PRIu64 " change%s.\n", proof->changes, proof->changes == 1 ? "" : "s");
		printf("The centre has signed that it received those up to number %" PRIu64
		       " (receipt %" PRId64 ", its sequence %" PRIu64 ").\n",
		       proof->proven_n, proof->receipt_counter, proof->receipt_seq);
		return ST_OK;
	}
	buf_init(&json, 1024);
	buf_printf(&json, "{\"changes\":\"%" PRIu64 "\"", proof->changes);
	cmd_json_number(&json, "proven_n", (int64_t)proof->proven_n);
	cmd_json_number(&json, "receipt_seq", (int64_t)proof->receipt_seq);
	cmd_json_number(&json, "receipt_counter", proof->receipt_counter);
	buf_add_byte(&json, '}');
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

static enum status verify_body(struct cmd *c)
{
	struct journal_proof proof = { 0 };
	const enum status st = journal_verify(c->r, &proof, &c->why);

	return st == ST_OK ? tell(c, &proof) : st;
}

int cmd_verify(const struct command_line *line)
{
	return cmd_run(line, verify_body);
}
