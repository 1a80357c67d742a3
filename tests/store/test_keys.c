/* What the tablet's key files and the centre's address promise. Each test has a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/address.h"
#include "client/keys.h"
#include "common/files.h"

static char home[64], seed_path[FILES_PATH_MAX];
static uint8_t next_random;

static void made_up_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, ++next_random, len);
}

static const struct env ENV = { .random = made_up_random };

static int set_up(void **state)
{
	(void)state;
	snprintf(home, sizeof home, "/tmp/doorstep-keys-XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	return files_path(seed_path, home, "keys/tablet.seed") == ST_OK ? 0 : -1;
}

static int remove_one(const char *name, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(name);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_seed_is_made_once_and_is_the_owners_alone(void **state)
{
	uint8_t first[SEED_SIZE] = { 0 }, second[SEED_SIZE] = { 0 };
	struct stat info;

	(void)state;
	assert_int_equal(keys_seed(home, &ENV, first, NULL), ST_OK);
	assert_int_equal(first[0], next_random);
	assert_int_equal(keys_seed(home, &ENV, second, NULL), ST_OK);
	assert_memory_equal(first, second, SEED_SIZE);
	assert_int_equal(stat(seed_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_damaged_seed_is_said_to_be_and_never_replaced(void **state)
{
	uint8_t seed[SEED_SIZE];
	struct failure why = { 0 };
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(keys_seed(home, &ENV, seed, NULL), ST_OK);
	assert_int_equal(files_write(seed_path, "cut", 3, true), ST_OK);
	assert_int_equal(keys_seed(home, &ENV, seed, &why), ST_CORRUPT);
	assert_true(why.next[0] != '\0');
	assert_int_equal(files_read(seed_path, 100, &text, &len), ST_OK);
	assert_string_equal(text, "cut");
	free(text);
}

static void keys_are_loaded_only_when_the_authority_is_there_too(void **state)
{
	uint8_t seed[SEED_SIZE];
	struct keys keys = { .ca_pem = NULL };

	(void)state;
	assert_int_equal(keys_load(&keys, home, NULL), ST_REFUSED);
	assert_int_equal(keys_seed(home, &ENV, seed, NULL), ST_OK);
	assert_int_equal(keys_load(&keys, home, NULL), ST_REFUSED);
	assert_null(keys.ca_pem);
	assert_int_equal(keys_trust(home, "an authority", NULL), ST_OK);
	assert_int_equal(keys_load(&keys, home, NULL), ST_OK);
	assert_string_equal(keys.ca_pem, "an authority");
	assert_memory_equal(keys.seed, seed, SEED_SIZE);
	keys_close(&keys);
	assert_null(keys.ca_pem);
}

static void an_address_is_made_whole_however_it_was_typed(void **state)
{
	static const char *const typed[][2] = {
		{ "centre.example", "https://centre.example:8443" },
		{ "https://centre.example", "https://centre.example:8443" },
		{ "https://centre.example/", "https://centre.example:8443" },
		{ "HTTPS://centre.example:443/", "https://centre.example:443" },
		{ "10.0.0.4:9000", "https://10.0.0.4:9000" },
		{ "https://[2001:db8::7]:9000", "https://[2001:db8::7]:9000" },
	};
	char url[ADDRESS_SIZE], host[ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
		assert_int_equal(address_read(typed[i][0], url, host, NULL), ST_OK);
		assert_string_equal(url, typed[i][1]);
	}
	assert_string_equal(host, "[2001:db8::7]");
}

static void an_address_that_is_not_the_centres_alone_is_refused(void **state)
{
	static const char *const typed[] = { "http://centre.example", "ftp://centre.example", "", "https://",
					     "https://ana@centre.example", "https://ana:secret@centre.example",
					     "https://centre.example/v1/sync", "https://centre.example/?x=1",
					     "https://centre.example/#x", "centre.example:99999", "centre example" };
	char url[ADDRESS_SIZE] = "as it was", host[ADDRESS_SIZE] = "as it was", *longer = NULL;
	struct failure why = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
		assert_int_equal(address_read(typed[i], url, host, &why), ST_INVALID);
	assert_true(why.next[0] != '\0');
	longer = calloc(1, 1000);
	assert_non_null(longer);
	memset(longer, 'c', 999);
	assert_int_equal(address_read(longer, url, host, NULL), ST_LIMIT);
	free(longer);
	assert_string_equal(url, "as it was");
	assert_string_equal(host, "as it was");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_seed_is_made_once_and_is_the_owners_alone),
		TEST(a_damaged_seed_is_said_to_be_and_never_replaced),
		TEST(keys_are_loaded_only_when_the_authority_is_there_too),
		TEST(an_address_is_made_whole_however_it_was_typed),
		TEST(an_address_that_is_not_the_centres_alone_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
