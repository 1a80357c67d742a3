#include "client/trouble.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/moment.h"

#define SAFE_UNSENT "Nothing was sent; everything you wrote is saved on this tablet."
#define SAFE_SENT "Everything you wrote is saved on this tablet and is sent again until the centre confirms it."
#define NEXT_SIGNAL "Try again when there is signal."
#define JSON_TYPE "application/json"
#define NEXT_SIGN_IN "A network that wants you to sign in first does this: sign in there, then try again."
#define NEXT_LATER "Try again later; `doorstep run` does so by itself."
#define WORDS_SIZE 256

/* As long as the agent would heed it (engine.h). */
#define RETRY_S_MAX 3600

/* What OpenSSL finds wrong with a certificate (its x509_vfy.h), as
 * CURLINFO_SSL_VERIFYRESULT hands it on. */
enum {
	VERIFY_OK = 0,
	VERIFY_NONE = 1, /* curl's own: it found the name wrong before it asked OpenSSL */
	VERIFY_NOT_YET_VALID = 9,
	VERIFY_EXPIRED = 10,
	VERIFY_HOSTNAME = 62,
	VERIFY_ADDRESS = 64
};

static const char *safe_words(const struct trouble *t)
{
	return t->sent ? SAFE_SENT : SAFE_UNSENT;
}

static enum status say(const struct trouble *t, struct failure *why, enum status st, const char *what, const char *next)
{
	return failure_set(why, st, what, safe_words(t), next);
}

/* --- no connection ---------------------------------------------------------- */

static enum status no_name(const struct trouble *t, struct failure *why)
{
	char what[WORDS_SIZE];

	snprintf(what, sizeof what, "The centre's name %.120s could not be found.", t->host);
	return say(t, why, ST_UNREACHABLE, what,
		   "Try again when there is signal; where there is, check the centre's address.");
}

static enum status no_connection(const struct trouble *t, struct failure *why)
{
	char what[WORDS_SIZE];
	long cause = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &cause);
	if (cause == ECONNREFUSED) {
		snprintf(what, sizeof what, "No centre is listening at %.120s: the connection was refused.", t->host);
		return say(t, why, ST_UNREACHABLE, what,
			   "Try again later; if it stays so, ask your administrator whether the centre runs.");
	}
	if (cause == ENETUNREACH || cause == EHOSTUNREACH || cause == ENETDOWN)
		return say(t, why, ST_UNREACHABLE, "This tablet has no network that leads to the centre.", NEXT_SIGNAL);
	return say(t, why, ST_UNREACHABLE, "The centre did not answer.", NEXT_SIGNAL);
}

static enum status timed_out(const struct trouble *t, struct failure *why)
{
	return say(t, why, ST_UNREACHABLE,
		   t->sent ? "The connection to the centre stood still for too long and was given up."
			   : "The centre did not answer in time.",
		   NEXT_SIGNAL);
}

static enum status broke(const struct trouble *t, struct failure *why)
{
	return say(t, why, ST_UNREACHABLE, "The connection to the centre broke off.", NEXT_SIGNAL);
}

/* --- the wrong centre, or the wrong time -------------------------------------- */

static enum status wrong_time(const struct trouble *t, struct failure *why, bool late)
{
	char what[WORDS_SIZE], clock[MOMENT_TEXT_SIZE];

	moment_format(t->wall_ms - t->wall_ms % 1000, clock);
	snprintf(what, sizeof what, "By this tablet's clock (%s) the centre's certificate is %s.", clock,
		 late ? "no longer valid" : "not valid yet");
	return say(t, why, ST_TLS, what,
		   "Check the tablet's date and time; if they are right, tell your administrator.");
}

static enum status wrong_centre(const struct trouble *t, struct failure *why)
{
	char what[WORDS_SIZE];
	long verified = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
	if (verified == VERIFY_EXPIRED || verified == VERIFY_NOT_YET_VALID)
		return wrong_time(t, why, verified == VERIFY_EXPIRED);
	if (verified == VERIFY_OK || verified == VERIFY_NONE || verified == VERIFY_HOSTNAME || verified == VERIFY_ADDRESS) {
		snprintf(what, sizeof what, "The centre's certificate is not made for the name %.120s.", t->host);
		return say(t, why, ST_TLS, what,
			   "Check the centre's address; your administrator can add this name to the certificate.");
	}
	return say(t, why, ST_TLS, "What answered is not the centre this tablet knows.",
		   "A network that wants you to sign in first does this: sign in there. If it stays so,"
		   " tell your administrator.");
}

enum status trouble_of_transfer(const struct trouble *t, struct failure *why)
{
	if (t->stopped)
		return say(t, why, ST_UNREACHABLE, "The exchange with the centre was stopped.",
			   "Sync again whenever you like.");
	/* Only some of curl's many codes mean something of their own to people.
	 * The rest is a connection that broke. */
	if (t->code == CURLE_COULDNT_RESOLVE_HOST)
		return no_name(t, why);
	if (t->code == CURLE_COULDNT_CONNECT)
		return no_connection(t, why);
	if (t->code == CURLE_OPERATION_TIMEDOUT)
		return timed_out(t, why);
	if (t->code == CURLE_PEER_FAILED_VERIFICATION || t->code == CURLE_SSL_ISSUER_ERROR)
		return wrong_centre(t, why);
	if (t->code == CURLE_WRITE_ERROR || t->code == CURLE_FILESIZE_EXCEEDED)
		return say(t, why, ST_LIMIT, "The answer was larger than any centre's is.",
			   "Try again; if it stays so, tell your administrator.");
	if (t->code == CURLE_WEIRD_SERVER_REPLY || t->code == CURLE_UNSUPPORTED_PROTOCOL)
		return say(t, why, ST_PROTOCOL, "What answered does not speak as a centre does.",
			   "Check the centre's address and port.");
	if (t->code == CURLE_SSL_CACERT_BADFILE)
		return failure_set(why, ST_CORRUPT, "The file with the centre's authority is damaged.", SAFE_UNSENT,
				   "Restore the folder `keys` from a copy, or ask your administrator.");
	if (t->code == CURLE_OUT_OF_MEMORY)
		return failure_set(why, ST_NOMEM, NULL, NULL, NULL);
	if (t->code == CURLE_SSL_CONNECT_ERROR)
		return say(t, why, ST_UNREACHABLE, "No secure connection to the centre came about.",
			   "A network that wants you to sign in first does this: sign in there. If it stays so, check the"
			   " centre's address and port.");
	return broke(t, why);
}

/* --- an answer that is none ---------------------------------------------------- */

/* The text of a key, without control characters. False: there is none. */
static bool take_words(const json_t *object, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t len;

	if (text == NULL || *text == '\0')
		return false;
	len = strnlen(text, room - 1);
	while (len > 0 && len == room - 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	memcpy(out, text, len);
	out[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
			out[i] = ' ';
	return true;
}

struct answer_row {
	long code;
	enum status status;
	const char *what, *next;
};

/* One row for each class of HTTP status. None of them ever means that a change may be thrown away. */
static const struct answer_row ANSWERS[] = {
	{ 400, ST_PROTOCOL, "The centre did not understand this tablet's request.",
	  "Update the older of the two; tell your administrator." },
	{ 401, ST_REFUSED, "The centre does not know this tablet any more.",
	  "Ask your administrator for a new code and enrol the tablet again." },
	{ 403, ST_REFUSED, "Something in front of the centre does not let this tablet through.",
	  "Tell your administrator." },
	{ 404, ST_NOT_FOUND, "What answered at this address is not a centre.", "Check the centre's address and port." },
	{ 405, ST_NOT_FOUND, "What answered at this address is not a centre.", "Check the centre's address and port." },
	{ 408, ST_LATER, "The request took too long to reach the centre.", "Try again when there is better signal." },
	{ 409, ST_REFUSED, "The centre did not take this request as it stands.",
	  "Sync again; if it stays so, tell your administrator." },
	{ 413, ST_LIMIT, "The request was larger than the centre takes.", "Tell your administrator." },
	{ 421, ST_NOT_FOUND, "What answered is not responsible for the centre's address.",
	  "Check the centre's address; tell your administrator." },
	{ 426, ST_UNKNOWN, "The centre does not speak this tablet's version any more.", "Update this tablet's program." },
	{ 429, ST_LATER, "The centre has been asked too often.", NEXT_LATER },
	{ 500, ST_LATER, "The centre has a fault.", "Try again later; if it stays so, tell your administrator." },
	{ 502, ST_LATER, "The centre is not there behind its address just now.", NEXT_LATER },
	{ 503, ST_LATER, "The centre is busy or closed for now.", NEXT_LATER },
	{ 504, ST_LATER, "The centre is not there behind its address just now.", NEXT_LATER },
};

static const struct answer_row *answer_row(long code)
{
	for (size_t i = 0; i < sizeof ANSWERS / sizeof ANSWERS[0]; i++)
		if (ANSWERS[i].code == code)
			return &ANSWERS[i];
	return NULL;
}

/* When it is worth coming back, where the other end said so. False: it did not. */
static bool take_wait(const struct trouble *t, char *out, size_t room)
{
	curl_off_t wait_s = 0;

	if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait_s) != CURLE_OK || wait_s <= 0)
		return false;
	if (wait_s > RETRY_S_MAX)
		wait_s = RETRY_S_MAX;
	if (wait_s < 120)
		snprintf(out, room, "Try again in %d seconds; `doorstep run` does so by itself.", (int)wait_s);
	else
		snprintf(out, room, "Try again in %d minutes; `doorstep run` does so by itself.", (int)((wait_s + 59) / 60));
	return true;
}

enum status trouble_of_answer(const struct trouble *t, const void *body, size_t len, struct failure *why)
{
	char what[WORDS_SIZE], next[WORDS_SIZE];
	const struct answer_row *row = NULL;
	const char *type = NULL;
	bool has_what = false, has_next = false;
	long code = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
	(void)curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	row = answer_row(code);
	if (row == NULL)
		return say(t, why, ST_PROTOCOL, "Something between this tablet and the centre answered instead of it.",
			   NEXT_SIGN_IN);
	/* From the centre itself: its own words know more. Before it is proven they could be anybody's. */
	if (t->proven && len > 0 && type != NULL && strncmp(type, JSON_TYPE, strlen(JSON_TYPE)) == 0) {
		json_t *object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);

		has_what = take_words(object, "what", what, sizeof what);
		has_next = take_words(object, "next", next, sizeof next);
		json_decref(object);
	}
	if (!has_next && row->status == ST_LATER)
		has_next = take_wait(t, next, sizeof next);
	return say(t, why, row->status, has_what ? what : row->what, has_next ? next : row->next);
}
