/* crypt.h - digests, signatures and seals, all by libsodium. Store ring: no
 * randomness of its own; seeds and nonces come from struct env.
 *
 * Digest: BLAKE2b with 32 bytes (RFC 7693). Signature: Ed25519 (RFC 8032).
 */
#ifndef COMMON_CRYPT_H
#define COMMON_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define SIGNATURE_SIZE 64
#define PUBLIC_KEY_SIZE 32
#define SECRET_KEY_SIZE 64
#define SEED_SIZE 32

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

/* A part of what is digested or signed: parts are hashed as one string, so a
 * caller frames them itself where lengths vary. */
struct part {
	const void *data;
	size_t len;
};

/* domain: a short constant name that keeps uses apart ("change", "link"); it goes
 * in front with its NUL. */
void digest_of(struct digest *out, const char *domain, const struct part *parts, size_t count);
bool digest_equal(const struct digest *a, const struct digest *b); /* constant time */
void digest_hex(const struct digest *digest, char text_out[2 * DIGEST_SIZE + 1]);

/* 16-byte keyed digest for seals of what we hand out and get back (cursors). */
void mac_of(uint8_t out[16], const uint8_t key[32], const struct part *parts, size_t count);
bool mac_equal(const uint8_t a[16], const uint8_t b[16]); /* constant time */

struct sign_key {
	uint8_t secret[SECRET_KEY_SIZE];
	uint8_t public[PUBLIC_KEY_SIZE];
};
void sign_key_from_seed(struct sign_key *out, const uint8_t seed[SEED_SIZE]);
void sign_key_wipe(struct sign_key *key);

/* Signs the digest of the parts (domain as above). */
void sign_parts(uint8_t out[SIGNATURE_SIZE], const struct sign_key *key, const char *domain,
		const struct part *parts, size_t count);
bool verify_parts(const uint8_t signature[SIGNATURE_SIZE], const uint8_t public_key[PUBLIC_KEY_SIZE],
		  const char *domain, const struct part *parts, size_t count);

#endif
