/* brief.h - an edit as it travels up: what the centre can put in itself is left out.
 *
 * The body of a change (change.h) stays what it is in the journal, in history and in
 * every digest; this is only another way of bringing it. A brief is the body's map with
 *
 *   1 id      left out: the record is that of the history row whose sequence is the base
 *             of the first group
 *   5 values  a text may be [prefix, suffix, middle]: so many bytes from the front and from
 *             the end of the text that the author started from, and what stands between
 *   6 groups  a group whose base is that of the first one, without evidence of its own, is
 *             its number alone
 *
 * An edit whose first group has no sequence for a base has no brief. Who rebuilds a body
 * must check it by its digest: a base that is another one here gives other bytes. Nothing
 * grows by it: a rebuilt text is held against its field's greatest length before it is
 * built, and a body against LIMIT_CHANGE_MAX. Store ring.
 */
#ifndef PROTO_BRIEF_H
#define PROTO_BRIEF_H

#include "common/buf.h"
#include "common/id.h"
#include "proto/message.h"

/* Append the brief of a body to out. base: the texts the author started from, by field number
 * (data NULL: not known). ST_NOT_FOUND: it has none, or it is no shorter. */
enum status brief_encode(struct buf *out, const struct bytes *body, const struct bytes base[256]) MUST_CHECK;

/* What the centre knows. ST_NOT_FOUND: it does not. */
struct brief_source {
	const void *ctx;
	/* Whose record the history row of this sequence is. */
	enum status (*record)(const void *ctx, uint64_t seq, struct id *id_out);
	/* The text of a field as of that sequence; it lives until the body is built. */
	enum status (*text)(const void *ctx, uint64_t kind, const struct id *id, uint64_t field, uint64_t seq,
			    struct bytes *text_out);
};

/* Append the body. ST_NOT_FOUND: a base is not known; ST_PROTOCOL: it is no brief;
 * ST_LIMIT: it would be too long. */
enum status brief_decode(struct buf *out, const struct bytes *brief, const struct brief_source *source) MUST_CHECK;

#endif
