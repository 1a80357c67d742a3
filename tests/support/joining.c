#include "tests/support/joining.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypt.h"
#include "proto/enrol.h"
#include "proto/limits.h"

#define MUST(call) must((call), __LINE__)
#define LIFETIME_MS (24 * 3600 * INT64_C(1000))

static void must(enum status st, int line)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "joining.c:%d: status %s\n", line, status_name(st));
	abort();
}

struct id joining_worker(struct centre *centre, const char *login)
{
	struct centre_act act;
	struct failure why;
	struct id worker;

	MUST(centre_act_begin(&act, centre));
	MUST(centre_user_add(&act, NULL, login, login, "care-manager", &worker, &why));
	MUST(centre_act_commit(&act));
	return worker;
}

uint32_t joining_tablet(struct centre *centre, struct replica *replica, const char *login, const uint8_t seed[SEED_SIZE])
{
	struct replica_identity identity = { 0 };
	struct digest digest = { { 0 } };
	struct enrol_code code;
	struct enrol_request request = { .tablet_name = login, .version = "0" };
	struct enrol_answer answer;
	struct sign_key key;
	struct arena arena;
	struct failure why;

	arena_init(&arena, LIMIT_FIELD_MAX);
	sign_key_from_seed(&key, seed);
	MUST(centre_code_new(centre, login, LIFETIME_MS, &digest, &code, &why));
	memcpy(request.secret, code.secret, sizeof request.secret);
	memcpy(request.public_key, key.public, sizeof request.public_key);
	MUST(centre_enrol(centre, &request, &arena, &answer, &why));
	identity.device = answer.device;
	identity.worker = answer.worker;
	(void)snprintf(identity.owner_login, sizeof identity.owner_login, "%s", login);
	memcpy(identity.centre_key, centre->key.public, sizeof identity.centre_key);
	MUST(replica_identity_set(replica, &identity));
	arena_close(&arena);
	return identity.device;
}
