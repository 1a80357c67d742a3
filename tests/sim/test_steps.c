/* Stopped at every step: scenarios of other replicators, written anew for ours, each run, run again, and then stopped dead
 * at every call of a disk, with every message lost in turn, and gone on with, to the same end (steps.h).
 *
 *   STEPS_ONLY=TEXT  scenarios whose name or source holds the text
 *   STEPS_EVERY=n    each n-th call, each n-th stop found, each n-th message only (1)
 *   STEPS_WHOLE=1    plays stops with a known future too (very long)
 *   STEPS_STOP=…     this stop alone, as a failure names it, told step by step
 *
 * Prints TAP. What RELIABILITY.md lists and is not here:
 *
 *   section 7: 2 (a record that can't be read), 7 (an answer cut off), 21 (a request sent twice by a library) and 22
 *   (HTTP's statuses) are faults of the simulator's runs and of tests/e2e; 4 (damage), 5 and 15 (restore and reset), 17
 *   (copies) and what 19 says of a centre that lost what it had acknowledged come with issue "Repair"; of 6 the preview and
 *   the purge come with issue "Caseload"; 8 and 10 need two writers at once, and the centre has one; 13, 23 and 24 are in
 *   tests/unit, tests/store and tests/e2e; 14 beyond what is here is tests/sim/test_text; 18 (clocks) is the simulator's C1;
 *   20 is in tests/store; 25's disks are in test_disk_sqlite and the sweeps.
 *   Here: 1, 3, 6 (what is held), 8 (a grant around a cursor), 9, 11, 12, 14, 16, 19, 20 and the checkpoint of 25.
 *
 *   section 8: what only another protocol has (revisions, channels and roles, one-shot feeds, database names, TLS, expired
 *   documents) has no counterpart; resets of a tablet (Realm) and purges (LiteCore) come with the two issues above.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/steps.h"
#include "tests/support/seeds.h"

static const struct scenario_list *const LISTS[] = { &STEPS_TABLET, &STEPS_MERGE, &STEPS_CENTRE, &STEPS_FEED };

struct sums {
	size_t number, failed;
	uint64_t stops, played, lost;
};

static void run(struct sim_stock *stock, const struct scenario *scenario, const struct steps_options *options,
		struct sums *sums)
{
	struct steps_result result;

	steps_run(stock, scenario, options, &result);
	sums->number++;
	sums->failed += result.wrong[0] != '\0';
	sums->stops += result.stops;
	sums->played += result.played;
	sums->lost += result.lost;
	printf("%sok %zu - %s (%s): %" PRIu64 " stops, %" PRIu64 " and %" PRIu64 " lost messages played to the end\n",
	       result.wrong[0] != '\0' ? "not " : "", sums->number, scenario->name, scenario->from, result.stops, result.played,
	       result.lost);
	if (result.wrong[0] != '\0')
		printf("# %s\n", result.wrong);
	(void)fflush(stdout);
}

struct playing {
	struct steps_options options;
	const char *only; /* in a name or where it is from; NULL: all */
};

static int play_part(void *ctx, size_t part, size_t parts)
{
	const struct playing *playing = ctx;
	struct sim_stock *stock = sim_stock_new();
	struct sums sums = { 0 };
	size_t number = 0;

	for (size_t l = 0; l < sizeof LISTS / sizeof LISTS[0]; l++)
		for (size_t i = 0; i < LISTS[l]->count; i++) {
			const struct scenario *scenario = &LISTS[l]->rows[i];
			const bool wanted = playing->only == NULL || strstr(scenario->name, playing->only) != NULL ||
					    strstr(scenario->from, playing->only) != NULL;

			if (wanted && number++ % parts == part)
				run(stock, scenario, &playing->options, &sums);
		}
	sim_stock_free(stock);
	printf("1..%zu\n# %" PRIu64 " stops looked at, %" PRIu64 " of them and %" PRIu64 " lost messages played to the end\n",
	       sums.number, sums.stops, sums.played, sums.lost);
	return sums.failed != 0;
}

int main(void)
{
	struct playing playing = { .only = getenv("STEPS_ONLY"),
				   .options = { .every = seeds_from_environment("STEPS_EVERY", 1), .one = getenv("STEPS_STOP"),
						.whole = seeds_from_environment("STEPS_WHOLE", 0) != 0 } };

	/* Compressors are large and short-lived: not a mapping of its own for each. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	playing.options.told = playing.options.one != NULL;
	playing.options.every += playing.options.every == 0;
	return playing.options.told ? play_part(&playing, 0, 1) : parts_run(play_part, &playing);
}
