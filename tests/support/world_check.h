/* world_check.h - what must hold once a world has come to rest: each tablet equals the
 * centre, nothing is lost on the way, the chain is whole.
 *
 * Each function writes the first thing that is wrong into wrong_out, unless there is
 * something in it already ("" = nothing).
 */
#ifndef TESTS_SUPPORT_WORLD_CHECK_H
#define TESTS_SUPPORT_WORLD_CHECK_H

#include "tests/support/world.h"

/* Inside the caller's begin_read: every record of the tablet's caseload, field by field, but for what is
 * held at the centre; nothing unsent, nothing without an outcome. */
void world_check_tablet(struct world *w, size_t tablet, char *wrong_out, size_t room);

/* Inside the caller's begin_read: every change ever numbered is at the centre byte for byte; with proofs, the
 * journal shows it by its receipts too (many signatures, so it is slow). */
void world_check_journal(struct world *w, size_t tablet, bool proofs, char *wrong_out, size_t room);

/* Inside the caller's begin_read: every note that is signed holds what its first signature sealed, to the byte, and is
 * not deleted; every word that came too late for it stands in an addendum. Returns how many are signed. */
size_t world_check_signed(struct world *w, char *wrong_out, size_t room);

/* chain_verify has nothing to say. It begins a transaction of its own. */
void world_check_chain(struct world *w, char *wrong_out, size_t room);

#endif
