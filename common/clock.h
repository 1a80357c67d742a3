/* clock.h - a tablet's clocks: what they said at an edit, whether somebody set one, and
 * how far one is off, in words.
 *
 * A tablet has a wall clock, which people and time services set, and a clock since boot,
 * which nobody can set, but which begins anew with each boot. The boot's number is a few
 * bytes of a digest of the system's own id of it; 0 = not known, as for an edit by a
 * program that writes plain SQL. Beside them stand the readings of the centre's clock
 * (interval.h). Pure.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/interval.h"

/* What both clocks said at one moment. */
struct clock_pair {
	int64_t wall_ms, boot_ms;
	uint32_t boot; /* 0 = not known, then boot_ms says nothing */
};

/* Was the wall clock set between the two? Within one boot: where it moved otherwise than
 * the clock since boot, by more than drift. Else only where it says less than before;
 * how far it was set is then at least what *by_ms_out says. Forward = positive. */
bool clock_same_boot(const struct clock_pair *a, const struct clock_pair *b);
bool clock_was_set(const struct clock_pair *earlier, const struct clock_pair *later, int64_t *by_ms_out);

/* The evidence of an edit made after this reading (NULL: there was none), which is the
 * tablet's `number`-th; next: the one after it (NULL: none yet). */
struct evidence clock_evidence(const struct clock_pair *edit, uint64_t number, const struct reading *heard,
			       const struct reading *next);

/* The tablet's wall clock at the edit. False: the evidence does not tell it. */
bool clock_wall_ms(const struct evidence *evidence, int64_t *out);

/* Tablet's wall - centre's time, in the middle of the reading's round trip. */
int64_t clock_offset_ms(const struct reading *reading);

/* Tablet's wall - centre's time when a request arrived that told this of the clock. */
int64_t clock_offset_at(const struct clock_now *now, int64_t arrival_ms);

/* From here on it is worth being told. */
#define CLOCK_OFF_MS_MIN 60000

/* Was the tablet's clock off by CLOCK_OFF_MS_MIN or more when the edit was made? `at` is the edit's interval: where
 * that is so wide that nobody can tell, no. */
struct clock_off {
	int64_t ms;    /* tablet's wall - centre's time; negative = slow */
	int64_t within_ms; /* and this much either way */
};
bool clock_off(const struct evidence *evidence, const struct interval *at, struct clock_off *out);

/* "7 min fast", "2 h 5 min slow", "3 days fast"; no finer than what is known. */
#define CLOCK_WORDS_SIZE 64
void clock_off_words(const struct clock_off *off, char out[CLOCK_WORDS_SIZE]);

/* "The clock was set back by 2 h. …": what people are told. at_least: it may have been more. */
#define CLOCK_NOTICE_SIZE 256
void clock_set_words(int64_t by_ms, bool at_least, char out[CLOCK_NOTICE_SIZE]);

#endif
