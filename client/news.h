/* news.h - a record from the centre, on its way into a row or into the kept copies
 * (apply.h). Store ring. Only between replica_quiet_begin and _end.
 */
#ifndef CLIENT_NEWS_H
#define CLIENT_NEWS_H

#include "client/tracks.h"
#include "proto/message.h"

enum news_fate {
	NEWS_TAKEN,
	NEWS_MISSING, /* a part of a record that is not here whole: nothing was changed */
	NEWS_FOREIGN  /* the record here is another patient's: nothing was changed */
};

/* Texts that came as splices become whole first; where one does not, the record counts as missing. */
enum status news_apply(struct replica *r, struct answer_record *record, struct arena *arena,
		       enum news_fate *fate_out) MUST_CHECK;

#endif
