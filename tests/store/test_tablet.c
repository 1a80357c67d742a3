/* The tablet's folder, opened: what stands behind an app's calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client/tablet.h"
#include "tests/support/home.h"

struct folder {
	char home[HOME_SIZE];
	struct doorstep *d;
	struct doorstep_error error;
};

static struct folder folder;

static int set_up(void **state)
{
	memset(&folder, 0, sizeof folder);
	home_make(folder.home);
	*state = &folder;
	return doorstep_open(&folder.d, folder.home, &folder.error);
}

static int tear_down(void **state)
{
	struct folder *f = *state;

	doorstep_close(f->d);
	home_remove(f->home);
	return 0;
}

static int add(struct folder *f)
{
	const struct doorstep_field name = { "name", "Ana Example" };

	return doorstep_create(f->d, "patient", NULL, &name, 1, NULL, &f->error);
}

static void after_a_failed_fsync_an_apps_next_call_works_on_a_new_connection(void **state)
{
	struct folder *f = *state;
	struct doorstep_status status;

	assert_int_equal(add(f), DOORSTEP_OK);
	f->d->replica.db.failed = true;
	assert_int_equal(add(f), DOORSTEP_OK);
	assert_false(f->d->replica.db.failed);
	f->d->replica.db.failed = true;
	assert_int_equal(doorstep_status(f->d, &status, &f->error), DOORSTEP_OK);
	assert_int_equal(status.saved, 2);
	assert_false(f->d->replica.db.failed);
}

static void while_the_replica_can_not_be_opened_anew_calls_say_so(void **state)
{
	struct folder *f = *state;
	struct doorstep_status status;
	char away[FILES_PATH_MAX + 8];

	assert_int_equal(add(f), DOORSTEP_OK);
	(void)snprintf(away, sizeof away, "%s.away", f->d->path);
	f->d->replica.db.failed = true;
	assert_int_equal(rename(f->d->path, away), 0);
	assert_int_equal(add(f), DOORSTEP_NOT_FOUND);
	assert_int_equal(doorstep_status(f->d, &status, &f->error), DOORSTEP_NOT_FOUND);
	assert_int_equal(rename(away, f->d->path), 0);
	assert_int_equal(doorstep_status(f->d, &status, &f->error), DOORSTEP_OK);
	assert_int_equal(status.saved, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_a_failed_fsync_an_apps_next_call_works_on_a_new_connection),
		TEST(while_the_replica_can_not_be_opened_anew_calls_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
