/* tls.h - the centre's certificates and key files. Shell.
 *
 * DIR/keys (0700) holds, each 0600 but the certificates:
 *   ca.pem, ca.key        the agency's own certificate authority, made at `init`, 10 years
 *   centre.pem, centre.key  the centre's certificate (leaf, then CA), 397 days, renewed by
 *                         tls_renew when fewer than 60 are left
 *   given                 present where certificates were given at `init` (then nothing is renewed; ca.pem is
 *                         the authority tablets are to trust)
 *   sign.seed             32 bytes: the centre's Ed25519 key (and what is derived from it)
 * Keys are ECDSA P-256. Not valid before an hour ago, for tablets whose clock is late.
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypt.h"
#include "common/files.h"
#include "common/status.h"

#define TLS_PEM_MAX 65536
#define TLS_HOSTS_MAX 32

/* hosts: names and IP addresses of the centre; localhost, 127.0.0.1 and ::1 are added. */
struct tls_hosts {
	const char *names[TLS_HOSTS_MAX];
	size_t count;
};

/* Make the folder and all keys in it. agency names the authority. */
enum status tls_found(const char *keys, const char *agency, const struct tls_hosts *hosts,
		      int64_t now_ms, struct failure *why) MUST_CHECK;

/* The same with a certificate and key given (PEM texts; ca: what tablets are to trust). */
enum status tls_found_given(const char *keys, const char *certificate_pem, const char *key_pem,
			    const char *ca_pem, struct failure *why) MUST_CHECK;

/* Renew the centre's certificate where it is ours and soon over. *renewed_out (may be NULL). */
enum status tls_renew(const char *keys, const struct tls_hosts *hosts, int64_t now_ms,
		      int *renewed_out, struct failure *why) MUST_CHECK;

/* What a running centre needs; close frees and wipes. */
struct tls_keys {
	char *certificate_pem, *key_pem, *ca_pem;
	uint8_t *ca_der;
	size_t ca_der_len;
	uint8_t sign_seed[SEED_SIZE];
};
enum status tls_keys_load(struct tls_keys *out, const char *keys, struct failure *why) MUST_CHECK;
void tls_keys_close(struct tls_keys *k);

#endif
