/* kindjson.h - what person.c shares of the JSON reader in kindjson.c. Store ring. */
#ifndef COMMON_KINDJSON_H
#define COMMON_KINDJSON_H

#include "common/arena.h"
#include "common/status.h"
#include "common/value.h"

/* Read the JSON string that starts at *at (with its quote); *at then stands after
 * it. The text is decoded into the arena. ST_CORRUPT: no JSON string, or text that
 * is not well-formed UTF-8 or holds a NUL; ST_NOMEM. */
enum status kindjson_string(const char **at, const char *end, struct arena *arena,
			    struct value *value_out) MUST_CHECK;

#endif
