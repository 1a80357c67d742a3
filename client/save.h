/* save.h - writing a record for somebody who was shown a version of it. Store ring.
 *
 * A page or an app says which row version it showed; a save that changes a group
 * which has moved on since then takes the version that was shown as its base, so
 * that it does not silently overwrite what arrived meanwhile (DESIGN.md section 4).
 * Which version that was comes from ds_past, ds_dirty and ds_sent: an edit range
 * [edit_first, edit_last) that holds the shown version gives its own base; else
 * the oldest event after it (an edit range's edit_first, or until) gives what the
 * group showed before that event; else nothing happened since and the triggers'
 * base is right. A group that is dirty already keeps the older of both bases.
 * Line ends of text become LF (common/lines.h). The edit keeps the clock since boot (clocks.h).
 */
#ifndef CLIENT_SAVE_H
#define CLIENT_SAVE_H

#include "client/replica.h"

#define SAVE_SHOWN_NOW (-1) /* the caller read the row just now, as plain SQL would */

/* Create a record. *id: all zero = make one (version 7). patient: ignored for kinds
 * without. Values null in row take no default. *version_out: to be shown.
 * ST_EXISTS, ST_REFUSED (centre writes this kind), ST_INVALID/ST_LIMIT with *why. */
enum status save_create(struct replica *r, const struct kind *kind, struct id *id,
			const struct id *patient, const struct row *row, int64_t *version_out,
			struct failure *why) MUST_CHECK;

/* Change the fields of the mask. shown: the row version the caller showed. */
enum status save_fields(struct replica *r, const struct kind *kind, const struct id *id,
			int64_t shown, const struct row *row, uint64_t mask,
			int64_t *version_out, struct failure *why) MUST_CHECK;

/* Mark deleted. */
enum status save_delete(struct replica *r, const struct kind *kind, const struct id *id,
			struct failure *why) MUST_CHECK;

#endif
