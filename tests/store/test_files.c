/* What folders, small files and locks promise. Each test has a folder of its own. */
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
#include <unistd.h>

#include "common/files.h"

static char folder[64], path[FILES_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/doorstep-files-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	return files_path(path, folder, "a") == ST_OK ? 0 : -1;
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
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static unsigned mode_of(const char *name)
{
	struct stat info;

	assert_int_equal(stat(name, &info), 0);
	return (unsigned)info.st_mode & 0777u;
}

static void assert_holds(const char *name, const char *text)
{
	char *data = NULL;
	size_t len = 0;

	assert_int_equal(files_read(name, 1000, &data, &len), ST_OK);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(data, text, len + 1); /* its NUL too */
	free(data);
}

static void folders_are_made_for_their_owner_alone_and_existing_ones_are_left(void **state)
{
	char above[FILES_PATH_MAX], below[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_path(above, folder, "x"), ST_OK);
	assert_int_equal(files_path(below, above, "y/z"), ST_OK);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(files_make_folder(below), ST_OK);
	assert_int_equal(mode_of(above), 0700);
	assert_int_equal(mode_of(below), 0700);
	assert_int_equal(mode_of(folder), 0755);
	assert_int_equal(files_make_folder(below), ST_OK);
}

static void no_folder_is_made_where_a_file_stands(void **state)
{
	char below[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_write(path, "1", 1, false), ST_OK);
	assert_int_equal(files_path(below, path, "b"), ST_OK);
	assert_int_not_equal(files_make_folder(below), ST_OK);
	assert_holds(path, "1");
}

static void a_file_is_replaced_whole(void **state)
{
	(void)state;
	assert_int_equal(files_write(path, "a long text", 11, false), ST_OK);
	assert_int_equal(files_write(path, "short", 5, false), ST_OK);
	assert_holds(path, "short");
}

static void a_secret_is_its_owners_alone_even_where_the_file_was_open_to_all(void **state)
{
	(void)state;
	assert_int_equal(files_write(path, "old", 3, false), ST_OK);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(files_write(path, "secret", 6, true), ST_OK);
	assert_int_equal(mode_of(path), 0600);
	assert_holds(path, "secret");
}

static void what_a_crash_left_half_written_is_no_obstacle(void **state)
{
	char half[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_path(half, folder, "a.new"), ST_OK);
	assert_int_equal(files_write(half, "ha", 2, false), ST_OK);
	assert_int_equal(chmod(half, 0666), 0);
	assert_int_equal(files_write(path, "whole", 5, true), ST_OK);
	assert_holds(path, "whole");
	assert_int_equal(mode_of(path), 0600);
	assert_false(files_exist(half));
}

static void a_write_that_fails_leaves_what_was_there(void **state)
{
	char inside[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_path(inside, folder, "missing/b"), ST_OK);
	assert_int_equal(files_write(inside, "1", 1, true), ST_NOT_FOUND);
	/* A folder can't be replaced by a file. */
	assert_int_equal(files_make_folder(path), ST_OK);
	assert_int_not_equal(files_write(path, "1", 1, true), ST_OK);
	assert_int_equal(files_path(inside, folder, "a.new"), ST_OK);
	assert_false(files_exist(inside));
	assert_true(files_exist(path));
}

static void no_more_is_read_than_is_allowed(void **state)
{
	char *data = NULL;
	size_t len = 7;

	(void)state;
	assert_int_equal(files_write(path, "12345", 5, false), ST_OK);
	assert_int_equal(files_read(path, 4, &data, &len), ST_LIMIT);
	assert_null(data);
	assert_int_equal(len, 7);
	assert_int_equal(files_read(path, 5, &data, &len), ST_OK);
	assert_int_equal(len, 5);
	free(data);
}

static void a_missing_file_is_said_to_be_missing_and_removing_it_is_fine(void **state)
{
	char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(files_read(path, 10, &data, &len), ST_NOT_FOUND);
	assert_false(files_exist(path));
	assert_int_equal(files_remove(path), ST_OK);
	assert_int_equal(files_write(path, "", 0, false), ST_OK);
	assert_holds(path, "");
	assert_int_equal(files_remove(path), ST_OK);
	assert_false(files_exist(path));
}

static void a_lock_has_one_holder_until_it_lets_go(void **state)
{
	int first = -1, second = -1;

	(void)state;
	assert_int_equal(files_lock(path, 0, &first), ST_OK);
	assert_int_equal(files_lock(path, 0, &second), ST_BUSY);
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(files_lock(path, 0, &second), ST_OK);
	assert_int_equal(mode_of(path), 0600);
	close(second);
}

static void a_path_that_is_too_long_is_refused_and_the_longest_is_not(void **state)
{
	char name[FILES_PATH_MAX], out[FILES_PATH_MAX];

	(void)state;
	memset(name, 'n', sizeof name);
	name[FILES_PATH_MAX - 3] = '\0'; /* "x/" and the NUL fit exactly */
	assert_int_equal(files_path(out, "x", name), ST_OK);
	assert_int_equal(strlen(out), FILES_PATH_MAX - 1);
	assert_int_equal(files_path(out, "xx", name), ST_LIMIT);
}

static void free_room_is_told_where_it_can_be(void **state)
{
	(void)state;
	assert_true(files_free_mb(folder) > 0);
	assert_int_equal(files_free_mb(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(folders_are_made_for_their_owner_alone_and_existing_ones_are_left),
		TEST(no_folder_is_made_where_a_file_stands),
		TEST(a_file_is_replaced_whole),
		TEST(a_secret_is_its_owners_alone_even_where_the_file_was_open_to_all),
		TEST(what_a_crash_left_half_written_is_no_obstacle),
		TEST(a_write_that_fails_leaves_what_was_there),
		TEST(no_more_is_read_than_is_allowed),
		TEST(a_missing_file_is_said_to_be_missing_and_removing_it_is_fine),
		TEST(a_lock_has_one_holder_until_it_lets_go),
		TEST(a_path_that_is_too_long_is_refused_and_the_longest_is_not),
		TEST(free_room_is_told_where_it_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
