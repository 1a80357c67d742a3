/* What the centre's certificates promise to a tablet, judged by GnuTLS as a tablet would. The time is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/tls.h"

#define NOW_MS 1795000000000LL /* 2026-11-18 */
#define HOUR_S 3600
#define DAY_S 86400
#define DAY_MS (DAY_S * 1000LL)

static char folder[64], keys[FILES_PATH_MAX];
static const struct tls_hosts HOSTS = { .names = { "centre.example", "10.1.2.3", "2001:db8::7" }, .count = 3 };

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/doorstep-tls-XXXXXX");
	if (mkdtemp(folder) == NULL || files_path(keys, folder, "keys") != ST_OK)
		return -1;
	return tls_found(keys, "Spitex Zürich", &HOSTS, NOW_MS, NULL) == ST_OK ? 0 : -1;
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

static char *text_of(const char *name)
{
	char path[FILES_PATH_MAX], *text = NULL;
	size_t len = 0;

	assert_int_equal(files_path(path, keys, name), ST_OK);
	assert_int_equal(files_read(path, TLS_PEM_MAX, &text, &len), ST_OK);
	return text;
}

static gnutls_x509_crt_t certificate_of(const char *name)
{
	char *text = text_of(name);
	gnutls_datum_t pem = { (unsigned char *)text, (unsigned)strlen(text) };
	gnutls_x509_crt_t crt = NULL;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	free(text);
	return crt;
}

/* Would a tablet that trusts `authority` alone take the centre for `host`? */
static bool trusted(const char *authority, const char *host)
{
	gnutls_x509_crt_t ca = certificate_of(authority), leaf = certificate_of("centre.pem");
	gnutls_x509_trust_list_t list = NULL;
	unsigned found = 0;
	bool good = false;

	assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
	assert_int_equal(gnutls_x509_trust_list_add_cas(list, &ca, 1, 0), 1);
	assert_int_equal(gnutls_x509_trust_list_verify_crt(list, &leaf, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &found,
							   NULL), 0);
	good = found == 0 && gnutls_x509_crt_check_hostname(leaf, host) != 0;
	gnutls_x509_trust_list_deinit(list, 0);
	gnutls_x509_crt_deinit(ca);
	gnutls_x509_crt_deinit(leaf);
	return good;
}

static void a_tablet_that_trusts_the_agency_takes_the_centre_by_each_of_its_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTS.count; i++)
		assert_true(trusted("ca.pem", HOSTS.names[i]));
	assert_true(trusted("ca.pem", "localhost"));
	assert_true(trusted("ca.pem", "127.0.0.1"));
	assert_true(trusted("ca.pem", "::1"));
	assert_false(trusted("ca.pem", "other.example"));
	assert_false(trusted("ca.pem", "10.1.2.4"));
}

static void the_centres_own_certificate_is_no_authority(void **state)
{
	gnutls_x509_crt_t leaf = certificate_of("centre.pem"), ca = certificate_of("ca.pem");

	(void)state;
	assert_int_equal(gnutls_x509_crt_get_ca_status(leaf, NULL), 0);
	assert_int_equal(gnutls_x509_crt_get_ca_status(ca, NULL), 1);
	gnutls_x509_crt_deinit(leaf);
	gnutls_x509_crt_deinit(ca);
}

static void they_hold_from_an_hour_ago_for_397_days_and_ten_years(void **state)
{
	gnutls_x509_crt_t leaf = certificate_of("centre.pem"), ca = certificate_of("ca.pem");
	const time_t now = NOW_MS / 1000;

	(void)state;
	assert_true(gnutls_x509_crt_get_activation_time(leaf) == now - HOUR_S);
	assert_true(gnutls_x509_crt_get_activation_time(ca) == now - HOUR_S);
	assert_true(gnutls_x509_crt_get_expiration_time(leaf) == now + 397 * DAY_S);
	assert_true(gnutls_x509_crt_get_expiration_time(ca) == now + 3650LL * DAY_S);
	gnutls_x509_crt_deinit(leaf);
	gnutls_x509_crt_deinit(ca);
}

static void serials_are_positive_and_never_the_same(void **state)
{
	gnutls_x509_crt_t leaf = certificate_of("centre.pem"), ca = certificate_of("ca.pem");
	uint8_t a[64], b[64];
	size_t a_len = sizeof a, b_len = sizeof b;

	(void)state;
	assert_int_equal(gnutls_x509_crt_get_serial(leaf, a, &a_len), 0);
	assert_int_equal(gnutls_x509_crt_get_serial(ca, b, &b_len), 0);
	assert_int_equal(a[0] & 0x80, 0);
	assert_int_equal(b[0] & 0x80, 0);
	assert_true(a_len >= 15 && a_len <= 16 && b_len >= 15 && b_len <= 16);
	assert_true(a_len != b_len || memcmp(a, b, a_len) != 0);
	gnutls_x509_crt_deinit(leaf);
	gnutls_x509_crt_deinit(ca);
}

static void keys_are_their_owners_alone(void **state)
{
	static const char *const secrets[] = { "ca.key", "centre.key", "sign.seed" };
	char path[FILES_PATH_MAX];
	struct stat info;

	(void)state;
	assert_int_equal(stat(keys, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
		assert_int_equal(files_path(path, keys, secrets[i]), ST_OK);
		assert_int_equal(stat(path, &info), 0);
		assert_int_equal(info.st_mode & 0777, 0600);
	}
}

static void key_id_of_centre(uint8_t out[64])
{
	gnutls_x509_crt_t leaf = certificate_of("centre.pem");
	size_t len = 64;

	memset(out, 0, len);
	assert_int_equal(gnutls_x509_crt_get_key_id(leaf, 0, out, &len), 0);
	gnutls_x509_crt_deinit(leaf);
}

static void a_certificate_is_renewed_when_fewer_than_60_days_are_left_and_not_before(void **state)
{
	char *before = text_of("centre.pem"), *key_before = text_of("centre.key"), *now = NULL;
	const int64_t due_ms = NOW_MS + (397 - 60) * DAY_MS;
	gnutls_x509_crt_t leaf = NULL;
	uint8_t id_before[64], id_now[64];
	int renewed = 7;

	(void)state;
	key_id_of_centre(id_before);
	assert_int_equal(tls_renew(keys, &HOSTS, due_ms - 1000, &renewed, NULL), ST_OK);
	assert_int_equal(renewed, 0);
	now = text_of("centre.pem");
	assert_string_equal(now, before);
	free(now);
	assert_int_equal(tls_renew(keys, &HOSTS, due_ms, &renewed, NULL), ST_OK);
	assert_int_equal(renewed, 1);
	leaf = certificate_of("centre.pem");
	assert_true(gnutls_x509_crt_get_expiration_time(leaf) == due_ms / 1000 + 397 * DAY_S);
	gnutls_x509_crt_deinit(leaf);
	assert_true(trusted("ca.pem", "centre.example"));
	key_id_of_centre(id_now);
	assert_memory_equal(id_now, id_before, sizeof id_now);
	now = text_of("centre.key");
	assert_string_equal(now, key_before);
	free(now);
	free(before);
	free(key_before);
}

static void what_is_loaded_is_what_was_made(void **state)
{
	struct tls_keys loaded = { 0 };
	gnutls_x509_crt_t ca = certificate_of("ca.pem");
	gnutls_datum_t der = { 0 };
	char *seed = text_of("sign.seed");

	(void)state;
	assert_int_equal(tls_keys_load(&loaded, keys, NULL), ST_OK);
	assert_int_equal(gnutls_x509_crt_export2(ca, GNUTLS_X509_FMT_DER, &der), 0);
	assert_int_equal(loaded.ca_der_len, der.size);
	assert_memory_equal(loaded.ca_der, der.data, der.size);
	assert_memory_equal(loaded.sign_seed, seed, SEED_SIZE);
	gnutls_free(der.data);
	gnutls_x509_crt_deinit(ca);
	free(seed);
	tls_keys_close(&loaded);
	assert_null(loaded.key_pem);
}

static void a_seed_that_was_cut_is_refused(void **state)
{
	struct tls_keys loaded = { 0 };
	struct failure why = { 0 };
	char path[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_path(path, keys, "sign.seed"), ST_OK);
	assert_int_equal(files_write(path, "short", 5, true), ST_OK);
	assert_int_equal(tls_keys_load(&loaded, keys, &why), ST_CORRUPT);
	assert_null(loaded.certificate_pem);
	assert_true(why.what[0] != '\0');
}

static void given_certificates_are_used_as_they_are_and_never_renewed(void **state)
{
	char *certificate = text_of("centre.pem"), *key = text_of("centre.key"), *ca = text_of("ca.pem"), *now = NULL;
	int renewed = 7;

	(void)state;
	assert_int_equal(files_path(keys, folder, "given-keys"), ST_OK);
	assert_int_equal(tls_found_given(keys, certificate, key, ca, NULL), ST_OK);
	assert_true(trusted("ca.pem", "centre.example"));
	assert_int_equal(tls_renew(keys, &HOSTS, NOW_MS + 396 * DAY_MS, &renewed, NULL), ST_OK);
	assert_int_equal(renewed, 0);
	now = text_of("centre.pem");
	assert_string_equal(now, certificate);
	free(now);
	free(certificate);
	free(key);
	free(ca);
}

static void a_given_key_that_is_anothers_is_refused_and_nothing_is_made(void **state)
{
	char *certificate = text_of("centre.pem"), *other = text_of("ca.key"), *ca = text_of("ca.pem");
	char path[FILES_PATH_MAX];

	(void)state;
	assert_int_equal(files_path(keys, folder, "given-keys"), ST_OK);
	assert_int_equal(tls_found_given(keys, certificate, other, ca, NULL), ST_INVALID);
	assert_int_equal(files_path(path, keys, "centre.pem"), ST_OK);
	assert_false(files_exist(path));
	free(certificate);
	free(other);
	free(ca);
}

static void an_agencys_long_name_is_cut_at_a_character(void **state)
{
	char name[200], subject[256];
	size_t len = sizeof subject;
	gnutls_x509_crt_t ca = NULL;

	(void)state;
	/* Two bytes each: 64 less the 22 of "Doorstep authority of " is even, so one byte goes first. */
	name[0] = 'a';
	for (size_t i = 1; i + 1 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof name - 1] = '\0';
	assert_int_equal(files_path(keys, folder, "long-keys"), ST_OK);
	assert_int_equal(tls_found(keys, name, &HOSTS, NOW_MS, NULL), ST_OK);
	ca = certificate_of("ca.pem");
	assert_int_equal(gnutls_x509_crt_get_dn_by_oid(ca, GNUTLS_OID_X520_COMMON_NAME, 0, 0, subject, &len), 0);
	assert_int_equal(len, 63);
	assert_memory_equal(subject + 61, "\xc3\xa9", 2);
	gnutls_x509_crt_deinit(ca);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tablet_that_trusts_the_agency_takes_the_centre_by_each_of_its_names),
		TEST(the_centres_own_certificate_is_no_authority),
		TEST(they_hold_from_an_hour_ago_for_397_days_and_ten_years),
		TEST(serials_are_positive_and_never_the_same),
		TEST(keys_are_their_owners_alone),
		TEST(a_certificate_is_renewed_when_fewer_than_60_days_are_left_and_not_before),
		TEST(what_is_loaded_is_what_was_made),
		TEST(a_seed_that_was_cut_is_refused),
		TEST(given_certificates_are_used_as_they_are_and_never_renewed),
		TEST(a_given_key_that_is_anothers_is_refused_and_nothing_is_made),
		TEST(an_agencys_long_name_is_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
