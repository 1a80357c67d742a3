/* zone.h - the agency's time zone: how far its clocks are from UTC at a moment. Shell:
 * it reads the system's zone files (package tzdata). It sets TZ where that names another
 * zone: a process of several threads asks for its zone once before they start.
 */
#ifndef COMMON_ZONE_H
#define COMMON_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* Is it UTC, or a zone that this system has a file for ("Europe/Zurich")? */
bool zone_known(const char *zone);

/* Minutes east of UTC at this moment; 0 where the zone is not known. */
int zone_offset_min(const char *zone, int64_t ms);

/* The same for a time of day that was read as if it were UTC. An hour that the clocks
 * skip or repeat is taken by the offset before the change. */
int zone_offset_of_local_min(const char *zone, int64_t local_ms);

#endif
