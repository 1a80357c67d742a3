/* doorstepd verify. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/cmd.h"
#include "daemon/cmd_text.h"

struct proving {
	struct table *table; /* JSON */
	bool progress;
	unsigned percent;
};

static void found(void *ctx, const char *place, const char *what)
{
	const struct proving *p = ctx;

	if (p->progress)
		fprintf(stderr, "\r\033[K");
	if (p->table == NULL)
		printf("%s: %s\n", place, what);
	text_cell(p->table, place);
	text_cell(p->table, what);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
	struct proving *p = ctx;
	const unsigned percent = total == 0 ? 0 : (unsigned)(done * 100 / total);

	if (!p->progress || percent == p->percent)
		return;
	p->percent = percent;
	fprintf(stderr, "\r%u %% ", percent);
}

static enum status verify(struct desk *desk)
{
	static const struct table_column columns[] = { { "place", NULL, CELL_TEXT }, { "what", NULL, CELL_TEXT } };
	struct proving p = { .progress = isatty(STDERR_FILENO) != 0, .percent = 101 };
	struct verify_report report = { 0 };
	enum status st = desk_read(desk);

	if (st != ST_OK)
		return st;
	if (desk->line->json)
		p.table = table_new(desk->line, columns, 2);
	st = chain_verify(desk->centre.store, desk->centre.key.public, found, progress, &p, &report);
	desk_read_end(desk);
	if (p.progress)
		fprintf(stderr, "\r\033[K");
	if (desk->line->json) {
		st = text_table(desk, p.table, st, "");
	} else if (st == ST_OK) {
		printf("%" PRIu64 " changes, %" PRIu64 " signed heads, %" PRIu64 " records: ", report.rows, report.anchors,
		       report.records);
		if (report.findings == 0)
			printf("all is as the centre wrote and signed it.\n");
		else
			printf("%" PRIu64 " finding%s, above. Keep a copy of this folder before anything else.\n",
			       report.findings, report.findings == 1 ? "" : "s");
	}
	desk->code = report.findings > 0;
	return st;
}

int cmd_verify(const struct command_line *line)
{
	return desk_run(line, verify);
}
