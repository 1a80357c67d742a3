#include "tests/sim/last.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/ghost.h"
#include "tests/sim/judge.h"
#include "tests/sim/node.h"
#include "tests/sim/sim_centre.h"
#include "tests/sim/sim_tablet.h"

#define LAST_EVERY 4 /* seeds */
#define LAST_MS (20 * 60000)
#define LAST_ACT (UINT64_C(1) << 37) /* acts of the days have lower numbers */

enum { LAST_COPY, LAST_WITHDRAWAL };

static struct sim_tablet *whose(struct sim *sim)
{
	return sim_tablet(sim, 1 + (unsigned)(sim->plan.seed / LAST_EVERY % sim->plan.tablets));
}

static void go_on(struct sim *sim)
{
	const int64_t until_ms = sim->now_ms + LAST_MS;

	while (!sim_is_wrong(sim) && sim_step(sim, until_ms))
		;
}

/* What ghosts had put there was overwritten. */
static void rewritten(struct sim_tablet *t)
{
	struct sim *sim = t->node.sim;
	const struct kind *kind = schema_kind(sim->schema, "patient", 7);
	const int phone = kind_field(kind, "phone", 5);
	char text[ID_TEXT_SIZE + 1];
	struct id id;

	if (phone >= 0 && tablet_text(t, text, sizeof text, "SELECT min(id) FROM patient") && id_parse(text, strlen(text), &id))
		ghost_rewritten(sim, t->node.index, kind->num, &id, (uint8_t)phone);
}

/* Something of a patient who is there is edited; it says nothing that anybody asks for. */
static void edit(struct sim_tablet *t, uint64_t k, const char *phone)
{
	node_act_begin(&t->node, SITE_TABLET_ACT, LAST_ACT + k, NULL);
	(void)tablet_sql(t, false, "UPDATE patient SET phone = '%q' WHERE id = (SELECT min(id) FROM patient)", phone);
	rewritten(t);
	if (tablet_act_end(t))
		tablet_edited(t);
}

/* --- a tablet is withdrawn -------------------------------------------------------------------- */

static void withdraw(struct sim *sim)
{
	struct sim_tablet *t = whose(sim);

	edit(t, 0, "before");
	tablet_want(t);
	while (!sim_is_wrong(sim) && t->waiting == 0 && sim_step(sim, sim->now_ms + LAST_MS))
		;
	if (sim_is_wrong(sim))
		return;
	/* It may be so already. */
	node_act_begin(&sim->centre.node, SITE_CENTRE_ACT, LAST_ACT, NULL);
	(void)centre_withdraw(&sim->centre, t->node.index, false);
	(void)sim_centre_act_end(&sim->centre);
	judge_committed(sim);
	go_on(sim);
	edit(t, 1, "after");
	tablet_want(t);
	go_on(sim);
}

/* --- files are put back ------------------------------------------------------------------------- */

void last_keep(struct sim *sim)
{
	if (sim->plan.seed % LAST_EVERY == LAST_COPY && whose(sim)->node.life > 0)
		sim->kept = disk_image_take(whose(sim)->node.disk);
}

void last_free(struct sim *sim)
{
	disk_image_free(sim->kept);
}

static void put_back(struct sim *sim)
{
	struct sim_tablet *t = whose(sim);

	tablet_stop(t);
	t->put_back = true;
	disk_image_put(t->node.disk, sim->kept);
	sim_tell(sim, &t->node, "has the files that it had before");
	if (!tablet_start(t)) {
		sim_wrong(sim, "sim", "%s does not start with the files that it had before", t->node.name);
		return;
	}
	for (uint64_t k = 0; k < 2 && t->node.up; k++) {
		edit(t, 2 + k, k == 0 ? "again" : "and again");
		tablet_want(t);
		go_on(sim);
	}
}

void last_deeds(struct sim *sim)
{
	sim->phase = PHASE_LAST;
	if (sim->kept != NULL)
		put_back(sim);
	if (sim->plan.seed % LAST_EVERY == LAST_WITHDRAWAL && whose(sim)->node.life > 0)
		withdraw(sim);
	if (!sim_is_wrong(sim))
		judge_committed(sim);
}
