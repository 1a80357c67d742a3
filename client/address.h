/* address.h - where the centre is: its address as people type it, made whole. Shell (curl's
 * URL parser).
 *
 * "centre.example", "https://10.0.0.4:9000/" and the like become "https://HOST:PORT".
 * Another scheme, a user name, a path or a query is refused.
 */
#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

#include "common/status.h"

#define ADDRESS_SIZE 256
#define ADDRESS_PORT "8443" /* where the address names none */

/* ST_INVALID, ST_LIMIT, ST_NOMEM. */
enum status address_read(const char *text, char url_out[ADDRESS_SIZE], char host_out[ADDRESS_SIZE],
			 struct failure *why) MUST_CHECK;

#endif
