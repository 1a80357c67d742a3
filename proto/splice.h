/* splice.h - a text as what is new in it: how much of both ends is that of another text.
 * Store ring.
 */
#ifndef PROTO_SPLICE_H
#define PROTO_SPLICE_H

#include "proto/message.h"

#define SPLICE_LEAST 64 /* bytes that a splice must leave out */

/* Bytes at the front and at the end that are the same in both, in whole characters of both; the two
 * do not overlap in either. */
void splice_ends(const struct bytes *base, const char *text, size_t len, size_t *prefix_out, size_t *suffix_out);

/* By what a rebuilt text is known: the first bytes of H("text", text). */
#define SPLICE_CHECK_SIZE 8
void splice_check(uint8_t out[SPLICE_CHECK_SIZE], const void *text, size_t len);

#endif
