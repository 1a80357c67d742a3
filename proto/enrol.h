/* enrol.h - the first contact: the one-time code, and the two small messages by
 * which a tablet becomes known to its centre. Store ring.
 *
 * Code: 160 bits = 10 bytes of secret, then the first 10 bytes of the centre's
 * *identity*; as 32 characters of Crockford's base32 in fours with '-' between
 * ("7Q2K-…"). Read in either case; I, L are 1, O is 0; blanks and '-' are skipped.
 * Identity: H("identity", CA certificate in DER, the centre's Ed25519 public key).
 *
 * GET /v1/centre answers {0 CA certificate DER (bin), 1 public key (bin 32), 2 agency
 * name}: fetched over a connection not yet trusted, and believed only if its identity
 * has the code's 10 bytes. Then, over TLS verified against that CA:
 * POST /v1/enrol {0 secret (bin 10), 1 tablet's public key (bin 32), 2 tablet's name,
 * 3 program version} answers {0 device, 1 owner's worker id (bin 16), 2 owner's name,
 * 3 owner's login, 4 agency name, 5 agency's zone ("Europe/Zurich"), 6 centre's time ms,
 * 7 zone's offset in minutes now, 8 schema version}. The same secret with the same key again gets the same answer; the same
 * secret with another key is refused.
 */
#ifndef PROTO_ENROL_H
#define PROTO_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/crypt.h"
#include "common/id.h"
#include "proto/message.h"

#define ENROL_PART_SIZE 10
#define ENROL_CODE_SIZE 40 /* 32 characters, 7 dashes, NUL */

struct enrol_code {
	uint8_t secret[ENROL_PART_SIZE];
	uint8_t identity[ENROL_PART_SIZE];
};

void enrol_code_format(const struct enrol_code *code, char text_out[ENROL_CODE_SIZE]);
bool enrol_code_parse(const char *text, size_t len, struct enrol_code *code_out);
void enrol_identity(struct digest *out, const void *ca_der, size_t ca_len,
		    const uint8_t centre_key[PUBLIC_KEY_SIZE]);

struct centre_card { /* answer of GET /v1/centre */
	struct bytes ca_der;
	uint8_t public_key[PUBLIC_KEY_SIZE];
	const char *agency;
};
struct enrol_request {
	uint8_t secret[ENROL_PART_SIZE];
	uint8_t public_key[PUBLIC_KEY_SIZE];
	const char *tablet_name, *version;
};
struct enrol_answer {
	uint32_t device;
	struct id worker;
	const char *owner_name, *owner_login, *agency, *zone;
	int64_t centre_ms;
	int zone_min;
	uint16_t schema_version;
};

enum status centre_card_encode(struct buf *out, const struct centre_card *card) MUST_CHECK;
enum status centre_card_decode(const void *bytes, size_t len, struct arena *arena, struct centre_card *out) MUST_CHECK;
enum status enrol_request_encode(struct buf *out, const struct enrol_request *request) MUST_CHECK;
enum status enrol_request_decode(const void *bytes, size_t len, struct arena *arena, struct enrol_request *out) MUST_CHECK;
enum status enrol_answer_encode(struct buf *out, const struct enrol_answer *answer) MUST_CHECK;
enum status enrol_answer_decode(const void *bytes, size_t len, struct arena *arena, struct enrol_answer *out) MUST_CHECK;

#endif
