/* What the settings promise: defaults, one row a setting, and a wrong line is named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/files.h"
#include "common/settings.h"

static const struct setting_row ROWS[] = {
	{ "listen", SETTING_TEXT, "", 1, 20, "0.0.0.0:8443", "Where to listen" },
	{ "host", SETTING_WORDS, "", 0, 100, "", "Names" },
	{ "poll", SETTING_NUMBER, "seconds", 1, 3600, "300", "How often" },
	{ 0 },
};

struct place {
	char folder[64], path[96];
	struct settings settings;
	struct failure why;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	assert_non_null(p);
	(void)snprintf(p->folder, sizeof p->folder, "/tmp/doorstep-settings-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof p->path, "%s/a.conf", p->folder);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)unlink(p->path);
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

static enum status load(struct place *p, const char *text)
{
	if (text != NULL)
		assert_int_equal(files_write(p->path, text, strlen(text), false), ST_OK);
	return settings_load(&p->settings, ROWS, p->path, &p->why);
}

static void without_a_file_every_setting_has_its_default(void **state)
{
	struct place *p = *state;

	assert_int_equal(load(p, NULL), ST_OK);
	assert_string_equal(settings_text(&p->settings, "listen"), "0.0.0.0:8443");
	assert_string_equal(settings_text(&p->settings, "host"), "");
	assert_int_equal(settings_number(&p->settings, "poll"), 300);
}

static void a_file_sets_what_it_names_and_nothing_else(void **state)
{
	struct place *p = *state;

	assert_int_equal(load(p, "# ours\n\n  poll=60 \nhost = a.example\nhost = 10.0.0.4"), ST_OK);
	assert_int_equal(settings_number(&p->settings, "poll"), 60);
	assert_string_equal(settings_text(&p->settings, "host"), "a.example 10.0.0.4");
	assert_string_equal(settings_text(&p->settings, "listen"), "0.0.0.0:8443");
}

static void a_wrong_line_is_named_with_its_place_and_reason(void **state)
{
	static const struct {
		const char *text, *place;
	} cases[] = {
		{ "pol = 60", ":1: pol: there is no such setting" },
		{ "\npoll = x", ":2: poll: is no number" },
		{ "poll = 0", ":1: poll: is too small" },
		{ "poll = 3601", ":1: poll: is too large" },
		{ "poll = 99999999999999999999", ":1: poll: is no number" },
		{ "poll = 1\npoll = 2", ":2: poll: is given twice" },
		{ "listen =", ":1: listen: is missing" },
		{ "listen = 123456789012345678901", ":1: listen: is too long" },
		{ "poll 60", ":1: poll 60: there is no '='" },
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(load(p, cases[i].text), ST_INVALID);
		if (strstr(p->why.what, cases[i].place) == NULL)
			fail_msg("%s: %s", cases[i].text, p->why.what);
	}
}

static void what_is_printed_loads_as_it_was(void **state)
{
	struct place *p = *state;
	struct settings before;
	struct buf text;

	assert_int_equal(load(p, "host = a\nhost = b\nhost = c\npoll = 7"), ST_OK);
	before = p->settings;
	buf_init(&text, 4096);
	settings_print(&text, &p->settings);
	assert_int_equal(load(p, buf_str(&text)), ST_OK);
	assert_memory_equal(before.values, p->settings.values, sizeof before.values);
	buf_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_file_every_setting_has_its_default, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_sets_what_it_names_and_nothing_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_line_is_named_with_its_place_and_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_printed_loads_as_it_was, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
