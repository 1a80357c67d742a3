/* keys.h - the tablet's key files. Shell.
 *
 * HOME/keys (0700) holds:
 *   tablet.seed  32 bytes, 0600: the tablet's Ed25519 key
 *   ca.pem       0600: the certificate authority of its centre, the only one it trusts
 *
 * The seed is on disk before it is first used: an enrolment that broke after the
 * centre had taken it is repeated with the same key and gets the same answer.
 */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

#include <stdint.h>

#include "common/crypt.h"
#include "common/env.h"
#include "common/status.h"

struct keys {
	uint8_t seed[SEED_SIZE];
	char *ca_pem;
};

/* The seed in home; made where there is none. ST_CORRUPT: the file is not what was written. */
enum status keys_seed(const char *home, const struct env *env, uint8_t seed_out[SEED_SIZE],
		      struct failure *why) MUST_CHECK;

/* From now on this authority is trusted, and no other. */
enum status keys_trust(const char *home, const char *ca_pem, struct failure *why) MUST_CHECK;

/* What a sync needs. ST_REFUSED: the files are not there. */
enum status keys_load(struct keys *out, const char *home, struct failure *why) MUST_CHECK;
void keys_close(struct keys *keys); /* wipes; NULL or zeroed is fine */

#endif
