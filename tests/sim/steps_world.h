/* steps_world.h - what scenarios begin with, and the SQL they have in common. */
#ifndef TESTS_SIM_STEPS_WORLD_H
#define TESTS_SIM_STEPS_WORLD_H

#include "tests/sim/steps.h"

#define NOTES_FIRST "She walks well. She eats little."
#define HAS(table, id, where) "SELECT count(*) FROM " table " WHERE id='" id "' AND " where
#define MADE(id) "SELECT EXISTS(SELECT 1 FROM item WHERE id='" id "') OR EXISTS(SELECT 1 FROM ds_journal WHERE id='" id "')"
#define GONE(id) "SELECT NOT EXISTS(SELECT 1 FROM item WHERE id='" id "')"
#define SET_ITEM(id, values) "UPDATE item SET " values " WHERE id='" id "'"
#define INSERT_ITEM(id, patient, title) "INSERT INTO item(id,patient,title) VALUES('" id "','" patient "','" title "')"
#define OF_ITEM(what, id) "SELECT " what " FROM item WHERE id='" id "'"

/* Patient A, with ITEM_A (title first, 5 mg, open, NOTES_FIRST, tag cane), in the caseload of every tablet. */
void world_of_a(struct steps *s);
/* Patients A, B and C, each with an item, in nobody's caseload. */
void world_of_three(struct steps *s);
void world_of_nobody(struct steps *s);

#endif
