/* When assignments begin and end: the model is told the centre's time, the highest that any of its transactions had. What has
 * begun or ended stays so when the centre's clock is set back (daemon/term.h), and works give no cover
 * whose moments that clock has passed before, so that a moment is past for both or for neither.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge_inside.h"
#include "tests/sim/node.h"

void judge_time(struct judge *j, int64_t now_ms)
{
	size_t kept = 0;

	if (now_ms <= j->time_ms)
		return;
	j->time_ms = now_ms;
	model_time(j->model, now_ms);
	for (size_t i = 0; i < j->moment_count; i++)
		if (j->moments[i] > now_ms)
			j->moments[kept++] = j->moments[i];
	j->turn += kept < j->moment_count;
	j->moment_count = kept;
}

/* An edit of the centre that says what stood: the event of a moment that came. */
static void meet(struct judge *j, const struct judged *it, int field, enum met met)
{
	const char *before = it->existed ? it->before.values[field] : NULL;
	const char *now = judge_text(&j->arena, &it->change->row.values[field]);

	if ((it->change->mask >> field & 1) != 0 && before != NULL && now != NULL && strcmp(before, now) == 0)
		sim_met(j->sim, met);
}

void judge_moments(struct judge *j, const struct judged *it)
{
	static const struct {
		const char *field;
		enum met met;
	} rows[] = { { "starts", MET_BEGAN }, { "ends", MET_ENDED } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const int field = kind_field(it->change->kind, rows[i].field, strlen(rows[i].field));
		const struct value *value = &it->change->row.values[field];

		if (value->tag != VALUE_INT)
			continue;
		if (!it->change->create)
			meet(j, it, field, rows[i].met);
		if (value->integer <= j->time_ms)
			continue;
		j->moments = judge_room(j->moments, j->moment_count, &j->moment_room, sizeof *j->moments);
		j->moments[j->moment_count++] = value->integer;
	}
}

int64_t judge_time_ms(const struct sim *sim)
{
	return sim->judge->time_ms;
}

void judge_batched(struct sim *sim)
{
	if (sim->centre.node.up)
		judge_time(sim->judge, node_wall_ms(&sim->centre.node));
}
