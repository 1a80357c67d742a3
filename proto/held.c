#include "proto/message.h"

#include <assert.h>

struct words {
	const char *name, *what, *next;
};

/* A row for each enum held_reason, in its order. */
static const struct words reasons[HELD_REASON_COUNT] = {
	{ "none", "Nothing is wrong with this change.", "There is nothing to do." },
	{ "not-yours", "The record does not belong to a patient of this caseload, or the centre does not know it.",
	  "Ask a supervisor: they can accept the change or give it back." },
	{ "waits", "The change refers to something that has not arrived at the centre yet.",
	  "Nothing to do: it is looked at again as soon as that arrives." },
	{ "exists", "A record with this id exists at the centre already.",
	  "Ask a supervisor to give the change back, and enter it again as a new record." },
	{ "unknown", "The change names a kind of record or a field that the centre's version does not know.",
	  "Nothing to do: it is looked at again when the centre has been upgraded." },
	{ "invalid", "A value in the change does not have the form that its field needs.",
	  "Ask a supervisor to give the change back, correct the value and save it again." },
	{ "number", "The centre has another change under the same number from this tablet.",
	  "Ask a supervisor: this tablet may be a copy of another one." },
	{ "rights", "Only the centre may write this kind of record or field.",
	  "Ask a supervisor to make the change at the centre." },
	{ "unreadable", "The centre could not read the change.",
	  "Tell whoever looks after Doorstep at your agency; the centre has kept the change as it came." },
	{ "closed", "The record had been closed.", "Mark it as entered in error and write it anew." },
	{ "withdrawn", "The tablet had been withdrawn from use.",
	  "Ask a supervisor: they can accept the change or give it back." },
};

static const struct words *words_of(enum held_reason reason)
{
	assert(reason >= HELD_NONE && reason < HELD_REASON_COUNT);
	return &reasons[reason];
}

const char *held_reason_name(enum held_reason reason)
{
	return words_of(reason)->name;
}

const char *held_reason_what(enum held_reason reason)
{
	return words_of(reason)->what;
}

const char *held_reason_next(enum held_reason reason)
{
	return words_of(reason)->next;
}
