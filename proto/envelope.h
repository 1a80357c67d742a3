/* envelope.h - the signed, compressed frame around a message (DESIGN.md section 5).
 *
 * Request:  4 magic "DSq" 0x01 · 4 device · 8 counter · 64 signature · stream
 * Answer:   4 magic "DSa" 0x01 · 64 signature · 8 sequence · 32 chain head · stream
 * or, with what the tablet does not know already (message.h, key 7 of a request),
 *           4 magic "DSA" 0x01 · 64 signature · 8 sequence · 32 chain head · 8 last n ·
 *           32 running digest · stream
 * All integers big-endian. The stream is a byte that says its form, and the message:
 * 0 as it is, 1 deflated (RFC 1951), 2 and up deflated with the preset dictionary of that
 * form (dictionary.h). We write what is shorter of 0 and the newest.
 *
 * Request's signature: Ed25519 over H("request", magic, device, counter, H("stream",
 * stream)) by the tablet. Answer's signature, the *receipt*: over H("answer", "DSa" 0x01,
 * device, counter, request digest, last n, sequence, running digest, chain head,
 * H("stream", stream)) by the centre, where request digest = H("envelope", the
 * whole request). Device and counter are those of the request, so that an answer to
 * any other is refused; last n and running digest are covered whether they travel or
 * not. A receipt kept without its stream (struct receipt) can be verified for ever.
 *
 * Signatures are checked before anything is inflated; inflating has a ceiling and
 * must end exactly at the end of the bytes. Store ring.
 */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/crypt.h"
#include "common/status.h"

#define ENVELOPE_REQUEST_SIZE 80 /* bytes before the stream */
#define ENVELOPE_ANSWER_SIZE 108
#define ENVELOPE_ANSWER_FULL_SIZE 148 /* with last n and running digest */

struct envelope_head {
	uint32_t device;
	uint64_t counter;
};

/* What the centre states and signs with every answer, and the tablet keeps. */
struct receipt {
	uint32_t device;
	bool known;              /* the tablet knows last_n and run: they do not travel */
	uint64_t counter;
	struct digest request;   /* of the request it answers */
	struct digest stream;    /* of the answer's stream */
	uint64_t last_n;         /* all changes of this tablet up to here are at the centre */
	uint64_t seq;            /* newest sequence; its upper bits are the epoch */
	struct digest run;       /* running digest of the tablet's changes up to last_n */
	struct digest chain;     /* head of the chain of history at seq */
	uint8_t signature[SIGNATURE_SIZE];
};

/* One compressor with its dictionary loaded, copied for each message. */
struct deflater;
enum status deflater_new(struct deflater **out) MUST_CHECK;
void deflater_free(struct deflater *deflater);

/* Appends the whole envelope to out. ST_LIMIT: message or envelope too large. */
enum status envelope_seal_request(struct buf *out, struct deflater *deflater,
				  const struct envelope_head *head, const struct sign_key *key,
				  const void *message, size_t len) MUST_CHECK;

/* Reads device and counter; checks magic and size, no signature. ST_PROTOCOL, ST_LIMIT; ST_UNKNOWN: another version. */
enum status envelope_peek_request(const void *bytes, size_t len, struct envelope_head *head_out) MUST_CHECK;

/* Verify, then inflate into message (a buf made with LIMIT_INFLATED_MAX).
 * ST_FORGED, ST_PROTOCOL, ST_LIMIT, ST_UNKNOWN (another version of the wire). */
enum status envelope_open_request(const void *bytes, size_t len, const uint8_t public_key[PUBLIC_KEY_SIZE],
				  struct buf *message) MUST_CHECK;

/* The digest by which an answer names the request it answers. */
void envelope_request_digest(struct digest *out, const void *bytes, size_t len);

/* receipt: device, counter, request, last_n, seq, run, chain are given; stream and
 * signature are filled in. Unless it is known, last n and running digest travel. */
enum status envelope_seal_answer(struct buf *out, struct deflater *deflater, struct receipt *receipt,
				 const struct sign_key *key, const void *message, size_t len) MUST_CHECK;

/* expected: device, counter and request digest of the newest request, and the last n and
 * running digest that the tablet expects; the rest is filled in, and these two where the
 * answer brings them. ST_FORGED also where it answers another request. */
enum status envelope_open_answer(const void *bytes, size_t len, const uint8_t public_key[PUBLIC_KEY_SIZE],
				 struct receipt *expected, struct buf *message) MUST_CHECK;

/* Does the signature of a kept receipt hold? */
bool receipt_verify(const struct receipt *receipt, const uint8_t public_key[PUBLIC_KEY_SIZE]);

#endif
