/* What digests, seals and signatures promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/crypt.h"

/* RFC 8032, section 7.1, test 1. */
static const uint8_t rfc_seed[SEED_SIZE] = {
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60
};
static const uint8_t rfc_public[PUBLIC_KEY_SIZE] = {
	0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
	0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a
};

static void the_key_of_a_seed_is_the_one_of_the_rfc(void **state)
{
	static const struct sign_key zero;
	struct sign_key key;

	(void)state;
	sign_key_from_seed(&key, rfc_seed);
	assert_memory_equal(key.public, rfc_public, PUBLIC_KEY_SIZE);
	sign_key_wipe(&key);
	assert_memory_equal(&key, &zero, sizeof key);
	sign_key_wipe(NULL);
}

/* Counted with Python's hashlib: blake2b(b"change\0" + b"abc", digest_size=32). */
static void a_digest_is_blake2b_over_domain_and_parts(void **state)
{
	const struct part whole = { "abc", 3 };
	char text[2 * DIGEST_SIZE + 1];
	struct digest digest;

	(void)state;
	digest_of(&digest, "change", &whole, 1);
	digest_hex(&digest, text);
	assert_string_equal(text, "a5fe30a4e29c7f47d3f9ee5f0e738651297c3e05c2b0e100c1d31622240ec364");
}

static void parts_are_hashed_as_one_string(void **state)
{
	const struct part whole = { "abc", 3 };
	const struct part parts[] = { { "a", 1 }, { NULL, 0 }, { "bc", 2 } };
	struct digest a, b;

	(void)state;
	digest_of(&a, "change", &whole, 1);
	digest_of(&b, "change", parts, 3);
	assert_true(digest_equal(&a, &b));
}

static void domains_are_kept_apart(void **state)
{
	const struct part one = { "abc", 3 }, other = { "kabc", 4 };
	struct digest a, b, c;

	(void)state;
	digest_of(&a, "link", &one, 1);
	digest_of(&b, "change", &one, 1);
	digest_of(&c, "lin", &other, 1);
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&a, &c));
}

/* Counted with Python's hashlib: blake2b(b"cursor", key=bytes(range(32)), digest_size=16). */
static void a_seal_is_keyed_blake2b(void **state)
{
	static const uint8_t expected[16] = { 0x50, 0x25, 0x69, 0x4a, 0xdd, 0x1d, 0xa6, 0xe8,
					      0x4d, 0x58, 0x4d, 0x64, 0x4d, 0x37, 0x7e, 0x3b };
	const struct part part = { "cursor", 6 };
	uint8_t key[32], mac[16];

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	mac_of(mac, key, &part, 1);
	assert_memory_equal(mac, expected, sizeof mac);
	assert_true(mac_equal(mac, expected));
	key[31] ^= 1;
	mac_of(mac, key, &part, 1);
	assert_false(mac_equal(mac, expected));
}

static void a_signature_holds_for_these_bytes_this_key_and_this_domain_only(void **state)
{
	static const char text[] = "received up to 17";
	const struct part part = { text, sizeof text - 1 }, shorter = { text, sizeof text - 2 };
	uint8_t signature[SIGNATURE_SIZE], other_public[PUBLIC_KEY_SIZE];
	struct sign_key key;

	(void)state;
	sign_key_from_seed(&key, rfc_seed);
	sign_parts(signature, &key, "receipt", &part, 1);
	assert_true(verify_parts(signature, key.public, "receipt", &part, 1));
	assert_false(verify_parts(signature, key.public, "link", &part, 1));
	assert_false(verify_parts(signature, key.public, "receipt", &shorter, 1));
	memcpy(other_public, key.public, sizeof other_public);
	other_public[0] ^= 1;
	assert_false(verify_parts(signature, other_public, "receipt", &part, 1));
	for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
		signature[i] ^= 1;
		assert_false(verify_parts(signature, key.public, "receipt", &part, 1));
		signature[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_of_a_seed_is_the_one_of_the_rfc),
		cmocka_unit_test(a_digest_is_blake2b_over_domain_and_parts),
		cmocka_unit_test(parts_are_hashed_as_one_string),
		cmocka_unit_test(domains_are_kept_apart),
		cmocka_unit_test(a_seal_is_keyed_blake2b),
		cmocka_unit_test(a_signature_holds_for_these_bytes_this_key_and_this_domain_only),
	};

	return cmocka_run_group_tests_name("crypt", tests, NULL, NULL);
}
