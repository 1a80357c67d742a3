/* Every failure that a hunt once found, kept as a plan in writing (shrink.h): each is played again and must end well.
 * One test a file of tests/sim/corpus (or of the folder that CORPUS names), by its name.
 */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/attempt.h"

#define FILES_MAX 512
#define NAME_SIZE 128

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static size_t list(const char *folder, char (*names)[NAME_SIZE])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		const size_t len = strlen(entry->d_name);

		if (len < 5 || len >= NAME_SIZE || strcmp(entry->d_name + len - 4, ".txt") != 0)
			continue;
		assert(count < FILES_MAX);
		memcpy(names[count++], entry->d_name, len + 1);
	}
	(void)closedir(dir);
	qsort(names, count, NAME_SIZE, compare);
	return count;
}

static bool play(struct sim_stock *stock, struct attempt *attempt, const char *folder, const char *name, size_t number)
{
	char path[2 * NAME_SIZE], line[PLAN_LINE_SIZE] = "";
	struct plan plan;
	FILE *in;
	bool good;

	(void)snprintf(path, sizeof path, "%.*s/%s", NAME_SIZE - 2, folder, name);
	in = fopen(path, "r");
	good = in != NULL && plan_read(&plan, in, line);
	if (in != NULL)
		(void)fclose(in);
	if (!good) {
		printf("not ok %zu - %s can be read: \"%s\"\n", number, name, line);
		return false;
	}
	attempt_run(attempt, stock, &plan, NULL, ATTEMPT_SECONDS_MAX);
	plan_free(&plan);
	good = attempt->invariant[0] == '\0';
	if (!good)
		printf("# %s: %s\n", attempt->invariant, attempt->wrong);
	printf("%sok %zu - %s\n", good ? "" : "not ", number, name);
	return good;
}

int main(void)
{
	const char *folder = getenv("CORPUS") != NULL ? getenv("CORPUS") : "tests/sim/corpus";
	char(*names)[NAME_SIZE] = calloc(FILES_MAX, NAME_SIZE);
	struct sim_stock *stock = sim_stock_new();
	struct attempt *attempt = attempt_new();
	size_t count, failed = 0;

	assert(names != NULL && attempt != NULL);
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	count = list(folder, names);
	printf("TAP version 13\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		failed += !play(stock, attempt, folder, names[i], i + 1);
	attempt_free(attempt);
	sim_stock_free(stock);
	free(names);
	return failed != 0;
}
