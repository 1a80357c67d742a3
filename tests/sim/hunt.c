/* The hunt: runs of the simulator from one seed after the other, as many at a time as there are processors.
 *
 *   SEEDS=n     how many (500)               FROM=n   the first seed (from the clock; printed)
 *   SECONDS=n   stop after so long, however many ran (0 = never)
 *   SEED=n      this one alone, told step by step
 *   STOP_AT=n   stop after so many failures (5)
 *   SHRINK=n    seconds to make each failure smaller, on one processor (150; 0 = none); kept in FOLDER/seed-N.txt
 *   FOLDER=…    where failures and the state go (build/sim)
 *   WORKERS=n   processes (as many as processors)
 *   TWICE=n     play every n-th seed twice (100): it must have the same trace
 *   RESUME=1    go on where the hunt that was stopped in FOLDER ended
 *
 * SIGINT or SIGTERM ends it after the runs under way; what was covered stands in FOLDER/state; a second one ends shrinking.
 * Prints TAP; progress goes to stderr.
 */
#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/shrink.h"
#include "tests/support/seeds.h"

#define WORKERS_MAX 16
#define FAILURES_MAX 32
#define TWICE_USUAL 100
#define MET_SEEDS_MIN 1500
#define PROGRESS_S 10
#define SHRINK_USUAL_S 150
#define PATH_MAX_LEN 512

struct failure_of {
	uint64_t seed;
	char invariant[8], wrong[SIM_WRONG_SIZE];
};

/* What all processes of a hunt share. */
struct hunt {
	_Atomic uint64_t next;   /* seed to play */
	uint64_t last;           /* the first one not to play */
	_Atomic bool stop;
	_Atomic uint64_t ran, steps, tablet_days, twice, unequal, busy_us;
	_Atomic uint64_t met[MET_COUNT];
	_Atomic bool enabled[FAULT_COUNT];
	_Atomic size_t failed;
	struct failure_of failures[FAILURES_MAX];
	_Atomic uint64_t playing[WORKERS_MAX];
	size_t stop_at;
	uint64_t twice_every;
	int64_t until_s; /* by the monotonic clock; 0 = no bound */
};

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double busy_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- one worker ------------------------------------------------------------------------------- */

static void add_failure(struct hunt *h, uint64_t seed, const char *invariant, const char *wrong)
{
	const size_t at = atomic_fetch_add(&h->failed, 1);

	if (at < FAILURES_MAX) {
		h->failures[at].seed = seed;
		(void)snprintf(h->failures[at].invariant, sizeof h->failures[at].invariant, "%s", invariant);
		(void)snprintf(h->failures[at].wrong, sizeof h->failures[at].wrong, "%s", wrong);
	}
	if (at + 1 >= h->stop_at)
		h->stop = true;
}

static void add_up(struct hunt *h, const struct attempt *attempt, const struct plan *plan)
{
	h->ran++;
	h->steps += attempt->steps;
	h->tablet_days += attempt->tablet_days;
	for (size_t i = 0; i < MET_COUNT; i++)
		h->met[i] += attempt->met[i];
	for (size_t f = 0; f < FAULT_COUNT; f++)
		if (plan->odds[f] != 0)
			h->enabled[f] = true;
}

static void play(struct hunt *h, struct sim_stock *stock, struct attempt *attempt, uint64_t seed)
{
	struct plan plan;
	uint64_t hash;

	plan_of_seed(&plan, seed);
	attempt_play(attempt, stock, &plan, NULL);
	add_up(h, attempt, &plan);
	if (attempt->invariant[0] != '\0')
		add_failure(h, seed, attempt->invariant, attempt->wrong);
	if (seed % h->twice_every != 0)
		return;
	hash = attempt->hash;
	attempt_play(attempt, stock, &plan, NULL);
	h->twice++;
	if (attempt->hash == hash)
		return;
	h->unequal++;
	add_failure(h, seed, "same", "the same seed had another trace");
}

static void work(struct hunt *h, size_t worker)
{
	struct sim_stock *stock = sim_stock_new();
	struct attempt *attempt = attempt_new();
	const double began = busy_seconds();

	assert(attempt != NULL);
	while (!h->stop && (h->until_s == 0 || (int64_t)seconds() < h->until_s)) {
		const uint64_t seed = atomic_fetch_add(&h->next, 1);

		if (seed >= h->last)
			break;
		h->playing[worker] = seed;
		play(h, stock, attempt, seed);
		h->playing[worker] = 0;
	}
	h->busy_us += (uint64_t)((busy_seconds() - began) * 1e6);
	attempt_free(attempt);
	sim_stock_free(stock);
}

/* --- all of them --------------------------------------------------------------------------------- */

/* 0: this is the worker, and it has done its work. It ends in order, so that leaks are told under the sanitizers. */
static pid_t start_worker(struct hunt *h, size_t worker)
{
	const pid_t child = fork();

	if (child < 0)
		abort();
	if (child != 0)
		return child;
	(void)signal(SIGINT, SIG_IGN);
	work(h, worker);
	return 0;
}

static void tell_progress(const struct hunt *h, double began, uint64_t first)
{
	const double took = seconds() - began;
	const uint64_t all = h->last - first;

	(void)fprintf(stderr, "%" PRIu64 " of %" PRIu64 " runs, %" PRIu64 " tablet-days, %.0f a second, %zu failed\n", (uint64_t)h->ran,
		      all, (uint64_t)h->tablet_days, (double)h->tablet_days / (took > 0 ? took : 1), (size_t)h->failed);
}

/* A worker that died takes its seed as a failure with it; another one goes on. False: it ended in order. */
static bool bury(struct hunt *h, size_t worker, int status)
{
	char what[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return false;
	(void)snprintf(what, sizeof what, "the process ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	h->ran++;
	add_failure(h, h->playing[worker], "died", what);
	return true;
}

/* False in a worker. */
static bool run_all(struct hunt *h, size_t workers, double began, uint64_t first, const sigset_t *awaited)
{
	pid_t children[WORKERS_MAX];
	double told = began;
	size_t alive = workers;

	for (size_t i = 0; i < workers; i++)
		if ((children[i] = start_worker(h, i)) == 0)
			return false;
	while (alive > 0) {
		const struct timespec wait = { .tv_sec = 0, .tv_nsec = 100000000 };
		int status = 0;
		const int caught = sigtimedwait(awaited, NULL, &wait);
		pid_t ended;

		if (caught == SIGINT || caught == SIGTERM)
			h->stop = true;
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			for (size_t i = 0; i < workers; i++) {
				if (children[i] != ended)
					continue;
				if (!bury(h, i, status) || h->stop)
					alive--;
				else if ((children[i] = start_worker(h, i)) == 0)
					return false;
			}
		if (seconds() - told > PROGRESS_S) {
			tell_progress(h, began, first);
			told = seconds();
		}
	}
	return true;
}

/* --- what was covered ------------------------------------------------------------------------------ */

static void state_path(char out[PATH_MAX_LEN], const char *folder)
{
	(void)snprintf(out, PATH_MAX_LEN, "%s/state", folder);
}

/* "first next last ran tablet-days events", then a line for each counter, then one for each fault: was it on? */
static void write_state(const struct hunt *h, const char *folder, uint64_t first)
{
	char path[PATH_MAX_LEN];
	FILE *out;

	state_path(path, folder);
	out = fopen(path, "w");
	if (out == NULL)
		return;
	(void)fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", first, (uint64_t)h->next, h->last,
		      (uint64_t)h->ran, (uint64_t)h->tablet_days, (uint64_t)h->steps);
	for (size_t i = 0; i < MET_COUNT; i++)
		(void)fprintf(out, "%" PRIu64 "\n", (uint64_t)h->met[i]);
	for (size_t f = 0; f < FAULT_COUNT; f++)
		(void)fprintf(out, "%d\n", (int)h->enabled[f]);
	(void)fclose(out);
}

static bool read_state(struct hunt *h, const char *folder, uint64_t *first)
{
	uint64_t next, ran, days, steps;
	char path[PATH_MAX_LEN];
	FILE *in;
	bool good;

	state_path(path, folder);
	in = fopen(path, "r");
	if (in == NULL)
		return false;
	good = fscanf(in, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, first, &next, &h->last, &ran, &days,
		      &steps) == 6;
	for (size_t i = 0; i < MET_COUNT && good; i++) {
		uint64_t count = 0;

		good = fscanf(in, "%" SCNu64, &count) == 1;
		h->met[i] = count;
	}
	for (size_t f = 0; f < FAULT_COUNT && good; f++) {
		int enabled = 0;

		good = fscanf(in, "%d", &enabled) == 1;
		h->enabled[f] = enabled != 0;
	}
	(void)fclose(in);
	h->next = next;
	h->ran = ran;
	h->tablet_days = days;
	h->steps = steps;
	return good;
}

/* --- the report --------------------------------------------------------------------------------------- */

/* In a process of its own. */
static void shrink_failure(const struct failure_of *f, const char *folder, unsigned seconds_max)
{
	struct sim_stock *stock = sim_stock_new();
	struct shrunk shrunk;
	struct plan plan;
	char path[PATH_MAX_LEN];

	plan_of_seed(&plan, f->seed);
	shrink(&shrunk, stock, &plan, f->invariant, seconds_max);
	(void)snprintf(path, sizeof path, "%s/seed-%" PRIu64 ".txt", folder, f->seed);
	if (!shrunk.failed)
		printf("# seed %" PRIu64 " does not fail so when it is played alone\n", f->seed);
	else if (shrink_write(&shrunk, stock, path))
		printf("# seed %" PRIu64 " shrunk from %" PRIu64 " lines and %zu acts and faults to %" PRIu64 " and %zu, by %" PRIu64
		       " tries in %.0f s: %s\n",
		       f->seed, shrunk.lines_before, shrunk.struck_before, shrunk.lines_after, shrunk.struck_after, shrunk.tries,
		       shrunk.seconds, path);
	plan_free(&shrunk.plan);
	sim_stock_free(stock);
}

/* So many at a time. */
static void shrink_failures(const struct hunt *h, const char *folder, unsigned seconds_max, size_t workers)
{
	size_t running = 0;

	for (size_t i = 0; i < h->failed && i < FAILURES_MAX; i++) {
		pid_t child;

		if (strcmp(h->failures[i].invariant, "same") == 0)
			continue;
		if (running == workers && wait(NULL) > 0)
			running--;
		(void)fflush(NULL);
		child = fork();
		if (child < 0)
			abort();
		if (child == 0) {
			shrink_failure(&h->failures[i], folder, seconds_max);
			(void)fflush(NULL);
			_exit(0);
		}
		running++;
	}
	while (wait(NULL) > 0)
		;
}

static void report_failures(const struct hunt *h, const char *folder, unsigned seconds_max, size_t workers)
{
	for (size_t i = 0; i < h->failed && i < FAILURES_MAX; i++)
		printf("# SEED=%" PRIu64 ": %s %s\n", h->failures[i].seed, h->failures[i].invariant, h->failures[i].wrong);
	if (seconds_max > 0)
		shrink_failures(h, folder, seconds_max, workers);
}

/* A counter that stands for a fault which no plan of the hunt had on need not be met. */
struct needs {
	enum met met;
	enum fault fault;
};
static const struct needs NEEDS[] = {
	{ MET_SYNC_LIED, FAULT_LIE }, { MET_RESENT, FAULT_LIE },
};

static size_t report_met(const struct hunt *h)
{
	size_t unmet = 0;

	for (enum met i = 0; i < MET_COUNT; i++) {
		bool needed = true;

		for (size_t j = 0; j < sizeof NEEDS / sizeof NEEDS[0]; j++)
			if (NEEDS[j].met == i && !h->enabled[NEEDS[j].fault])
				needed = false;
		printf("# %10" PRIu64 " %s\n", (uint64_t)h->met[i], met_text(i));
		if (h->met[i] == 0 && needed) {
			printf("# never met: %s\n", met_text(i));
			unmet++;
		}
	}
	return unmet;
}

static int report(const struct hunt *h, uint64_t first, double took)
{
	const bool enough = h->ran >= MET_SEEDS_MIN;
	size_t unmet;

	printf("%sok 1 - %" PRIu64 " runs from seed %" PRIu64 " on broke no invariant\n", h->failed == 0 ? "" : "not ", (uint64_t)h->ran, first);
	printf("%sok 2 - %" PRIu64 " runs that were played twice had the same trace\n", h->unequal == 0 ? "" : "not ", (uint64_t)h->twice);
	unmet = report_met(h);
	if (enough || unmet == 0)
		printf("%sok 3 - every fault, crash point, conflict, outcome and form of statement was met\n", unmet == 0 ? "" : "not ");
	else
		printf("ok 3 - every fault, crash point, conflict, outcome and form of statement was met # SKIP %" PRIu64 " runs are too few for all\n",
		       (uint64_t)h->ran);
	printf("# %" PRIu64 " tablet-days, %" PRIu64 " events in %.1f s; %.0f tablet-days a second on one core\n", (uint64_t)h->tablet_days,
	       (uint64_t)h->steps, took, (double)h->tablet_days / ((double)h->busy_us / 1e6 + 1e-9));
	return h->failed != 0 || (enough && unmet != 0);
}

static int tell_one(uint64_t seed)
{
	struct sim_stock *stock = sim_stock_new();
	struct attempt *attempt = attempt_new();
	struct buf text;
	struct plan plan;

	assert(attempt != NULL);
	plan_of_seed(&plan, seed);
	buf_init(&text, 65536);
	plan_write(&plan, true, &text);
	printf("%s", buf_str(&text));
	buf_close(&text);
	attempt_play(attempt, stock, &plan, stdout);
	printf("# trace %016" PRIx64 "\n%sok 1 - seed %" PRIu64 ": %s %s\n1..1\n", attempt->hash, attempt->invariant[0] == '\0' ? "" : "not ",
	       seed, attempt->invariant, attempt->wrong);
	return attempt->invariant[0] != '\0';
}

static void settle_sqlite(void)
{
	/* Compressors are large and short-lived: not a mapping of its own for each. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static size_t worker_count(void)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const uint64_t count = seeds_from_environment("WORKERS", processors < 1 ? 1 : (uint64_t)processors);

	return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : (size_t)count;
}

int main(void)
{
	const char *folder = getenv("FOLDER") != NULL ? getenv("FOLDER") : "build/sim";
	const uint64_t one = seeds_from_environment("SEED", 0), time_s = seeds_from_environment("SECONDS", 0);
	struct hunt *h = mmap(NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t first = seeds_from_environment("FROM", (uint64_t)time(NULL) * 1000);
	const double began = seconds();
	double took;
	sigset_t awaited;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	settle_sqlite();
	if (h == MAP_FAILED)
		abort();
	printf("TAP version 13\n");
	if (one != 0)
		return tell_one(one);
	(void)mkdir(folder, 0777);
	printf("1..3\n");
	h->next = first;
	h->last = first + seeds_from_environment("SEEDS", time_s > 0 ? UINT32_MAX : 500);
	h->twice_every = seeds_from_environment("TWICE", TWICE_USUAL);
	h->twice_every += h->twice_every == 0;
	h->stop_at = (size_t)seeds_from_environment("STOP_AT", 5);
	if (seeds_from_environment("RESUME", 0) != 0 && read_state(h, folder, &first))
		printf("# goes on at seed %" PRIu64 "\n", (uint64_t)h->next);
	printf("# FROM=%" PRIu64 "\n", first);
	h->until_s = time_s > 0 ? (int64_t)began + (int64_t)time_s : 0;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &awaited, NULL);
	if (!run_all(h, worker_count(), began, first, &awaited))
		return 0;
	write_state(h, folder, first);
	took = seconds() - began;
	report_failures(h, folder, (unsigned)seeds_from_environment("SHRINK", SHRINK_USUAL_S), worker_count());
	return report(h, first, took);
}
