#include "common/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONE_FILES "/usr/share/zoneinfo/"
#define ZONE_LEN_MAX 128
#define DAY_MS 86400000

bool zone_known(const char *zone)
{
	char path[sizeof ZONE_FILES + ZONE_LEN_MAX];

	if (strcmp(zone, "UTC") == 0)
		return true;
	if (*zone == '\0' || *zone == '/' || strlen(zone) > ZONE_LEN_MAX || strstr(zone, "..") != NULL)
		return false;
	snprintf(path, sizeof path, "%s%s", ZONE_FILES, zone);
	return access(path, R_OK) == 0;
}

int zone_offset_min(const char *zone, int64_t ms)
{
	const time_t at = (time_t)(ms / 1000);
	const char *now = getenv("TZ");
	struct tm local;

	if (!zone_known(zone) || ((now == NULL || strcmp(now, zone) != 0) && setenv("TZ", zone, 1) != 0))
		return 0;
	tzset();
	return localtime_r(&at, &local) != NULL ? (int)(local.tm_gmtoff / 60) : 0;
}

int zone_offset_of_local_min(const char *zone, int64_t local_ms)
{
	const int before = zone_offset_min(zone, local_ms - DAY_MS);
	const int after = zone_offset_min(zone, local_ms + DAY_MS);

	if (zone_offset_min(zone, local_ms - (int64_t)before * 60000) == before)
		return before;
	return after;
}
