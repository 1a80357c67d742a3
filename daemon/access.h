/* access.h - who may still sync: tablets withdrawn from use, accounts that are disabled (DESIGN.md section 6). Store ring.
 *
 * From the moment that a withdrawal is committed nothing goes down to the tablet but NOTICE_WITHDRAWN and that its own
 * changes were received; these still come in, each as held (HELD_WITHDRAWN), so that nothing typed is lost: a supervisor
 * takes them in or gives them back, also after the tablet is in use again, for that it is so says nothing about who wrote
 * on it meanwhile. An answer that was made before is kept back where it has not been handed to the connection.
 * intake.c, batch.c and centre.c keep to that; this file only says who it is.
 *
 * Each withdrawal, and each that is undone, is an event: a row of history of the centre itself (device 0, under its
 * next number), covered by the chain like any change, with the person who acted as its author. Its kind is
 * ACCESS_KIND, which no schema has, its id the worker whose tablet or account it is, its result accepted. Its body is a
 * msgpack map: 0 ACCESS_KIND · 1 what (enum access_what) · 2 worker (bin 16) · 3 tablet's number, absent = the account ·
 * 4 why (text, absent = not said). What stands (device.revoked, account.active) follows the newest event; chain_verify
 * compares them.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "daemon/centre.h"

#define ACCESS_KIND 255
#define ACCESS_WHY_MAX 1024 /* bytes of UTF-8 */

enum access_what { ACCESS_WITHDRAWN = 1, ACCESS_ALLOWED };

struct access_event {
	enum access_what what;
	struct id worker;
	uint32_t device;   /* 0 = the account */
	const char *why;   /* "" = not said; in the arena passed in */
	struct id by;      /* zero = the console */
	int64_t at_ms;
	uint64_t seq;
};

/* Is the row an event? */
bool access_is(const struct history *row);
/* ST_CORRUPT: the body is none. */
enum status access_decode(const struct history *row, struct arena *arena, struct access_event *out) MUST_CHECK;

/* The newest event of this tablet of the worker's (device 0: of the account). ST_NOT_FOUND: there is none. */
enum status access_last(struct store *store, const struct id *worker, uint32_t device, struct arena *arena,
			struct access_event *out) MUST_CHECK;

/* Who acts (NULL = the console) and why ("" = not said). */
struct access_reason {
	const struct id *by;
	const char *why;
};

/* Withdraw a tablet, or let it in again. ST_NOT_FOUND: no such tablet. ST_REFUSED: it is so already, or the
 * account that it belongs to is disabled. ST_LIMIT, ST_INVALID: the reason. *failure says so. */
enum status access_withdraw(struct centre_act *act, uint32_t number, const struct access_reason *reason,
			    struct failure *failure) MUST_CHECK;
enum status access_allow(struct centre_act *act, uint32_t number, const struct access_reason *reason,
			 struct failure *failure) MUST_CHECK;

/* Disable an account: no code is made or redeemed for it any more, and every tablet of the person's is withdrawn,
 * each by an event of its own. Enabling it again lets no tablet in. The worker's record says `active` accordingly.
 * ST_NOT_FOUND: no such login; else as above. */
enum status access_disable(struct centre_act *act, const char *login, const struct access_reason *reason,
			   struct failure *failure) MUST_CHECK;
enum status access_enable(struct centre_act *act, const char *login, const struct access_reason *reason,
			  struct failure *failure) MUST_CHECK;

#endif
