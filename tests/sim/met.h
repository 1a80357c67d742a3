/* met.h - what the runs came across, so that a hunt that never met a fault, a crash point, an
 * outcome or a form of statement is told as one that proves nothing about it.
 *
 * Counted where the effect is, never where it was asked for: a cut that nobody received is not one.
 * A long run in which a counter of what its plans enabled is zero fails.
 */
#ifndef TESTS_SIM_MET_H
#define TESTS_SIM_MET_H

#include <stdint.h>

/* name, what it says; the faults carry the rows of RELIABILITY.md section 3. */
#define MET_TABLE(M) \
	M(LOST_UP, "N1 request lost") \
	M(LOST_DOWN, "N2 answer lost after the commit") \
	M(TWICE_NOW, "N3 request doubled at once") \
	M(TWICE_LATE, "N3 request doubled after hours or days") \
	M(REORDERED, "N4 a later request came first") \
	M(CUT, "N5 answer cut and refused") \
	M(STALLED, "N6 answer too late and given up") \
	M(NO_LINK, "N7 no link when a sync was wanted") \
	M(PORTAL, "N10 a portal answered") \
	M(OLD_ANSWER, "N11 an old answer came and was refused") \
	M(STATUS, "N12 an HTTP status instead of an answer") \
	M(TOO_LARGE, "N12 413: the request was halved") \
	M(BITS, "N9 an answer altered on the way and refused") \
	M(BITS_UP, "N9 a request altered on the way and refused") \
	M(CLOCK_SET, "C1 a tablet's clock set") \
	M(CENTRE_CLOCK, "C2 the centre's clock set") \
	M(SLEPT, "C3 a tablet slept for hours") \
	M(IO_TABLET, "S1 I/O error on a tablet") \
	M(IO_CENTRE, "S1 I/O error at the centre") \
	M(SYNC_FAILED, "S2 an fsync failed once") \
	M(SYNC_LIED, "S3 an fsync that lied, and a power cut") \
	M(POWER_SYNCED, "S4 power cut: only what was synced") \
	M(POWER_SOME, "S4 power cut: some writes") \
	M(POWER_TORN, "S4 power cut: torn sectors") \
	M(POWER_BYTES, "S4 power cuts that lost bytes") \
	M(FULL, "S5 disk full") \
	M(FULL_OVER, "S5 disk full, and written again after") \
	M(READ_ONLY, "S6 read-only for a while") \
	M(BUSY, "S9 busy") \
	M(KILLED_TABLET, "P1 tablet killed") \
	M(KILLED_CENTRE, "P1 centre killed") \
	M(KILLED_POINT, "P1 killed at a labelled point") \
	M(KILLED_CALL, "P1 killed at a call of the disk") \
	M(KILLED_STARTING, "P2 killed while starting") \
	M(POISON, "X1 a change that can't go, and others that went") \
	M(AT_A01, "A01") M(AT_A03, "A03") M(AT_A04, "A04") M(AT_A05, "A05") M(AT_A06, "A06 request half sent") \
	M(AT_A07, "A07 request sent") M(AT_A09, "A09 answer under way") M(AT_A10, "A10") M(AT_A11, "A11") \
	M(AT_A12, "A12") M(AT_A13, "A13") M(AT_A14, "A14") M(AT_A15, "A15") M(AT_A16, "A16") M(AT_A18, "A18") \
	M(AT_B04, "B04") M(AT_B05, "B05") M(AT_B06, "B06") M(AT_B07, "B07") M(AT_B08, "B08") M(AT_B09, "B09") \
	M(AT_B10, "B10") M(AT_B11, "B11") M(AT_B12, "B12") M(AT_B13, "B13") M(AT_B14, "B14") M(AT_B15, "B15") \
	M(AT_B16, "B16") M(AT_B17, "B17") M(AT_B18, "B18") M(AT_B19, "B19") M(AT_B20, "B20") M(AT_B23, "B23") \
	M(ACCEPTED, "outcome accepted") \
	M(MERGED, "outcome merged") \
	M(SUPERSEDED, "outcome superseded") \
	M(HELD, "outcome held") \
	M(RETURNED, "outcome returned") \
	M(LATE, "taken after handover") \
	M(HELD_SCOPE, "held: not in the author's caseload") \
	M(HELD_WAITS, "held: waits") \
	M(HELD_EXISTS, "held: exists") \
	M(HELD_CLOSED, "held: closed") \
	M(HELD_WITHDRAWN, "held: its tablet was withdrawn") \
	M(HELD_ACCEPTED, "held, and accepted by a supervisor") \
	M(HELD_BY_ITSELF, "held, and judged again by itself") \
	M(BY_CLOCK, "newest: the later edit stood by measured clocks") \
	M(IN_DOUBT, "newest: in doubt, the centre's value stood") \
	M(CONFLICT_TEXT, "conflict of text") \
	M(TEXT_BESIDE, "text: both changed the same words of a sentence, or words next to each other") \
	M(TEXT_APART, "text: both changed one sentence, with words between that neither changed") \
	M(CONFLICT_GUARDED, "conflict of a guarded group") \
	M(CONFLICT_PROGRESS, "conflict of two endings") \
	M(CONFLICT_AGAIN, "a later value joined a conflict") \
	M(DECIDED_TABLET, "conflict decided on a tablet") \
	M(DECIDED_CENTRE, "conflict decided at the centre") \
	M(DECISION_LATE, "a decision that came too late") \
	M(RECORD_BACK, "a deleted record came back") \
	M(DELETION_LOST, "a deletion met an edit and did not stand") \
	M(ADDENDUM, "words after a signature became an addendum") \
	M(SIGNED, "a note signed") \
	M(SIGNED_UNSEEN, "words that a signer had not seen became an addendum") \
	M(SIGNED_TWICE, "a signature came after another one") \
	M(COVER, "a patient given for a time") \
	M(BEGAN, "an assignment began by itself") \
	M(ENDED, "an assignment ended by itself") \
	M(FILLED, "a patient filled") \
	M(LET_GO, "a patient let go") \
	M(PAGES, "an answer of several pages") \
	M(RESENT, "the centre asked for numbers again") \
	M(COUNTER, "the centre saw a used counter") \
	M(SEEN_AGAIN, "a change came again and had its outcome again") \
	M(WITHDRAWN, "a tablet withdrawn") \
	M(WITHDRAWN_ANSWERED, "a withdrawn tablet heard that its changes were received, and no news") \
	M(WITHDRAWN_AMID, "a tablet withdrawn between the commit of its answer and its leaving: the answer was kept back") \
	M(WITHDRAWN_VEILED, "a withdrawn tablet was not told what stands instead of its own") \
	M(WITHDRAWN_LAST, "a tablet that was withdrawn when all came to rest") \
	M(DISABLED, "an account disabled") \
	M(ALLOWED, "a withdrawn tablet let in again") \
	M(EPOCHS, "the centre began another epoch") \
	M(SQL_INSERT, "INSERT") M(SQL_INSERT_DEFAULT, "INSERT without an id") M(SQL_UPDATE, "UPDATE") \
	M(SQL_UPDATE_VERSION, "UPDATE … WHERE version") M(SQL_UPDATE_MANY, "UPDATE of many rows") \
	M(SQL_DELETE, "DELETE") M(SQL_REPLACE, "REPLACE") M(SQL_OR_REPLACE, "INSERT OR REPLACE") \
	M(SQL_UPSERT, "upsert") M(SQL_OR_IGNORE, "INSERT OR IGNORE") M(SQL_TRANSACTION, "several in a transaction") \
	M(SQL_ROLLBACK, "a transaction taken back") M(SQL_SAVEPOINT, "a savepoint taken back") \
	M(SQL_REFUSED, "a statement the triggers refuse") M(SQL_VIEW, "a view read") M(SQL_FROM, "UPDATE … FROM") \
	M(SQL_RETURNING, "RETURNING") M(SQL_TRIGGER_LOST, "triggers dropped and restored") \
	M(SAVE_CREATE, "save_create") M(SAVE_FIELDS, "save_fields of a fresh page") \
	M(SAVE_OLD, "save_fields of an old page") M(SAVE_DELETE, "save_delete") M(REUSED, "a returned value used again") \
	M(TYPED_BACK, "a value typed back to its base") \
	M(WORK_ROWS, "work: unique rows") M(WORK_NOTES, "work: words appended to notes") \
	M(WORK_REGISTERS, "work: fields with many writers") M(WORK_GUARDED, "work: guarded groups") \
	M(WORK_SESSIONS, "work: sessions") M(WORK_SQL, "work: statement forms") M(WORK_DAY, "work: a day on the whole schema")

#define MET_ENUM(name, text) MET_##name,
enum met { MET_TABLE(MET_ENUM) MET_COUNT };
#undef MET_ENUM

const char *met_text(enum met met);

#endif
