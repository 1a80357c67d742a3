/* work_seat.h - an act of a supervisor, from its beginning to its end, as the files that have such acts share it. Private to
 * work_centre.c and work_series.c.
 */
#ifndef TESTS_SIM_WORK_SEAT_H
#define TESTS_SIM_WORK_SEAT_H

#include "tests/sim/work_inside.h"

/* An act of a supervisor. */
struct seat {
	struct sim *sim;
	struct sim_centre *c;
	uint64_t k;
	struct dice dice;
	bool good; /* all so far was taken */
	uint32_t words[4];
	size_t word_count;
};

void seat_begin(struct seat *s);
void seat_did(struct seat *s, bool good);
/* Tells one line, ends the node's act and the words. True: all was kept. met: MET_COUNT for nothing. */
bool seat_end(struct seat *s, enum met met, const char *format, ...) PRINTF_LIKE(3, 4);
/* A new word, before it is typed. */
void seat_word(struct seat *s, const struct place *place, const char *field, bool appended, char word_out[GHOST_WORD_SIZE]);

/* Was there ever such a record? */
bool seat_was_made(struct seat *s, const struct place *place);
bool seat_read(struct seat *s, const struct place *place, const char *field, char text_out[WORK_TEXT_SIZE]);
/* False: there is no such patient. */
bool seat_patient(struct seat *s, unsigned patient, struct place *place);

/* Several acts that belong together: work_series.c. False: this one belongs to none, and nothing was done. */
bool seat_in_series(struct seat *s);

#endif
