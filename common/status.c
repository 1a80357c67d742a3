#include "common/status.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

struct status_row {
	const char *name;
	struct failure text;
};

/* Said where nobody knew more; {what, safe, next}. */
static const struct status_row rows[ST_COUNT] = {
	[ST_OK] = { "ok", { ST_OK, "It is done.", "Everything is stored.",
			    "There is nothing left to do." } },
	[ST_NOMEM] = { "nomem", { ST_NOMEM, "There was not enough memory.", "Nothing was changed.",
				  "Close other programs and try again." } },
	[ST_IO] = { "io", { ST_IO, "The disk or the database refused to read or write.",
			    "Nothing was changed; what was saved before is still there.",
			    "Check the disk and the folder's permissions, then try again." } },
	[ST_FULL] = { "full", { ST_FULL, "There is no room left on the disk.",
				"Nothing was changed; what was saved before is still there.",
				"Make room on the disk, then try again." } },
	[ST_READONLY] = { "read-only", { ST_READONLY, "The folder or its disk may not be written to.",
					 "Nothing was changed; what was saved before is still there.",
					 "Check who may write to the folder and whether its disk is read-only, then try again." } },
	[ST_BUSY] = { "busy", { ST_BUSY, "Another program was using the database for too long.",
				"Nothing was changed.", "Try again in a moment." } },
	[ST_CORRUPT] = { "corrupt", { ST_CORRUPT, "Stored data is not as it was written.",
				      "Nothing was changed or thrown away.",
				      "Keep the file as it is and ask your administrator." } },
	[ST_PROTOCOL] = { "protocol", { ST_PROTOCOL, "What arrived can't be understood.",
					"Nothing of it was applied.",
					"Try again; if it stays so, update the older side." } },
	[ST_LIMIT] = { "limit", { ST_LIMIT, "This is larger than it may be.",
				  "Nothing was changed.", "Make it shorter, then try again." } },
	[ST_UNKNOWN] = { "unknown", { ST_UNKNOWN, "This version does not know that kind or field.",
				      "Nothing was changed.",
				      "Check the name, or update to the newest version." } },
	[ST_INVALID] = { "invalid", { ST_INVALID, "A value does not have the form that its field asks for.",
				      "Nothing was changed.", "Correct the value, then try again." } },
	[ST_NOT_FOUND] = { "not-found", { ST_NOT_FOUND, "There is no such thing here.",
					  "Nothing was changed.", "Check the id or the name." } },
	[ST_EXISTS] = { "exists", { ST_EXISTS, "There is one already.", "Nothing was changed.",
				    "Use the one that is there, or choose another name." } },
	[ST_REFUSED] = { "refused", { ST_REFUSED, "A rule forbids this.", "Nothing was changed.",
				      "Ask your supervisor if it is needed all the same." } },
	[ST_FORGED] = { "forged", { ST_FORGED, "A signature or digest does not match.",
				    "Nothing of it was applied.",
				    "Try again; if it stays so, tell your administrator." } },
	[ST_STALE] = { "stale", { ST_STALE, "The answer belongs to an earlier request.",
				  "Nothing of it was applied.", "Sync again." } },
	[ST_STEP_BACK] = { "step-back", { ST_STEP_BACK, "The centre does not know what it told this tablet.",
					  "Everything you wrote is saved on this tablet.",
					  "Tell your administrator: the centre may have been set back." } },
	[ST_UNREACHABLE] = { "unreachable", { ST_UNREACHABLE, "The centre could not be reached.",
					      "Everything you wrote is saved on this tablet.",
					      "Try again when there is signal." } },
	[ST_TLS] = { "tls", { ST_TLS, "The other end is not the centre this tablet knows.",
			      "Nothing was sent; everything you wrote is saved on this tablet.",
			      "Check the address and the network; tell your administrator." } },
	[ST_LATER] = { "later", { ST_LATER, "The centre is busy or closed for now.",
				  "Everything you wrote is saved on this tablet.",
				  "Try again later; the tablet does so by itself." } },
	[ST_USAGE] = { "usage", { ST_USAGE, "The command was not understood.", "Nothing was changed.",
				  "See --help for how it is written." } },
};

const char *status_name(enum status status)
{
	assert(status < ST_COUNT);
	return rows[status].name;
}

const struct failure *status_text(enum status status)
{
	assert(status < ST_COUNT);
	return &rows[status].text;
}

/* Copies as much as fits, whole UTF-8 characters only. */
static void text_copy(char *to, size_t room, const char *from)
{
	size_t len = strnlen(from, room);

	assert(room > 0);
	if (len == room) {
		len = room - 1;
		while (len > 0 && ((unsigned char)from[len] & 0xC0) == 0x80)
			len--;
	}
	/* An override may be the very text it replaces. */
	memmove(to, from, len);
	to[len] = '\0';
}

enum status failure_set(struct failure *failure_out, enum status status,
			const char *what, const char *safe, const char *next)
{
	const struct failure *text = status_text(status);

	if (failure_out == NULL)
		return status;
	failure_out->status = status;
	text_copy(failure_out->what, sizeof failure_out->what, what != NULL ? what : text->what);
	text_copy(failure_out->safe, sizeof failure_out->safe, safe != NULL ? safe : text->safe);
	text_copy(failure_out->next, sizeof failure_out->next, next != NULL ? next : text->next);
	return status;
}

enum status failure_set_whole(struct failure *failure_out, enum status status, const char *text)
{
	static const char middle[] = " Nothing was changed. ";
	const char *at = strstr(text, middle);
	char what[sizeof failure_out->what];

	if (at == NULL || (size_t)(at - text) >= sizeof what)
		return failure_set(failure_out, status, text, "Nothing was changed.", NULL);
	memcpy(what, text, (size_t)(at - text));
	what[at - text] = '\0';
	return failure_set(failure_out, status, what, "Nothing was changed.", at + sizeof middle - 1);
}
