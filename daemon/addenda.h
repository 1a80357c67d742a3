/* addenda.h - words that a signed note does not take in become addenda, each in the name of who wrote them. Private to
 * signing.c.
 *
 * One addendum a change: type "addendum", by device 0 under its author's name, with an id derived from the note and the
 * change's sequence, so that whoever derives it again gets the same. Its text holds each section that differs from what
 * is signed, as "Label: the author's text", with a blank line between two; what was emptied is "(empty)". Where that is
 * more than a text may hold, each section is an addendum of its own. Store ring.
 */
#ifndef DAEMON_ADDENDA_H
#define DAEMON_ADDENDA_H

#include "daemon/trial.h"

/* The change in trial has just signed the note: what others wrote that its signer had not seen, merged or in an open
 * conflict. The note's conflicts are closed. */
enum status addenda_unseen(struct trial *trial, const struct history *row) MUST_CHECK;

/* The change in trial came for a note that is closed, and something of it does not stand. */
enum status addenda_late(struct trial *trial, const struct history *row) MUST_CHECK;

/* The change in trial decides a conflict that is closed: where it brings words for a note that is signed. */
enum status addenda_decided(struct trial *trial, const struct history *row) MUST_CHECK;

#endif
