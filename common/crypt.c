#include "common/crypt.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static void hash_parts(crypto_generichash_state *state, const struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].len > 0)
			(void)crypto_generichash_update(state, parts[i].data, parts[i].len);
}

void digest_of(struct digest *out, const char *domain, const struct part *parts, size_t count)
{
	crypto_generichash_state state;
	int rc;

	assert(domain != NULL && domain[0] != '\0');
	rc = crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
	assert(rc == 0);
	(void)crypto_generichash_update(&state, (const unsigned char *)domain, strlen(domain) + 1);
	hash_parts(&state, parts, count);
	rc = crypto_generichash_final(&state, out->bytes, DIGEST_SIZE);
	assert(rc == 0);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return sodium_memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

void digest_hex(const struct digest *digest, char text_out[2 * DIGEST_SIZE + 1])
{
	(void)sodium_bin2hex(text_out, 2 * DIGEST_SIZE + 1, digest->bytes, DIGEST_SIZE);
}

void mac_of(uint8_t out[16], const uint8_t key[32], const struct part *parts, size_t count)
{
	crypto_generichash_state state;
	int rc;

	rc = crypto_generichash_init(&state, key, 32, 16);
	assert(rc == 0);
	hash_parts(&state, parts, count);
	rc = crypto_generichash_final(&state, out, 16);
	assert(rc == 0);
}

bool mac_equal(const uint8_t a[16], const uint8_t b[16])
{
	return sodium_memcmp(a, b, 16) == 0;
}

void sign_key_from_seed(struct sign_key *out, const uint8_t seed[SEED_SIZE])
{
	int rc = crypto_sign_seed_keypair(out->public, out->secret, seed);

	assert(rc == 0);
}

void sign_key_wipe(struct sign_key *key)
{
	if (key != NULL)
		sodium_memzero(key, sizeof *key);
}

void sign_parts(uint8_t out[SIGNATURE_SIZE], const struct sign_key *key, const char *domain,
		const struct part *parts, size_t count)
{
	struct digest digest;
	int rc;

	digest_of(&digest, domain, parts, count);
	rc = crypto_sign_detached(out, NULL, digest.bytes, DIGEST_SIZE, key->secret);
	assert(rc == 0);
}

bool verify_parts(const uint8_t signature[SIGNATURE_SIZE], const uint8_t public_key[PUBLIC_KEY_SIZE],
		  const char *domain, const struct part *parts, size_t count)
{
	struct digest digest;

	digest_of(&digest, domain, parts, count);
	return crypto_sign_verify_detached(signature, digest.bytes, DIGEST_SIZE, public_key) == 0;
}
