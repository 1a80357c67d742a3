/* home.h - a tablet's folder for tests of what stands on the public header: enrolled as
 * tablet 7, with an empty replica, in a temporary folder of its own.
 */
#ifndef TESTS_SUPPORT_HOME_H
#define TESTS_SUPPORT_HOME_H

#define HOME_SIZE 64

/* Whatever goes wrong is asserted. */
void home_make(char path_out[HOME_SIZE]);
void home_remove(const char *path);

/* Run statements as the sync engine would: the triggers stay quiet. */
void home_apply(const char *path, const char *sql);

#endif
