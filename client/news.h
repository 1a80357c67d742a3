/* news.h - a record from the centre, on its way into a row or into the kept copies
 * (apply.h). Store ring. Only between replica_quiet_begin and _end.
 */
#ifndef CLIENT_NEWS_H
#define CLIENT_NEWS_H

#include "client/tracks.h"
#include "proto/message.h"

/* ST_PROTOCOL: a part of a record that this tablet never had whole (but for its
 * deletion), or another patient's than it was. */
enum status news_apply(struct replica *r, const struct answer_record *record, struct arena *arena) MUST_CHECK;

#endif
