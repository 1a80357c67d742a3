#include "tests/sim/steps_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "tests/sim/ghost.h"
#include "tests/sim/judge.h"

#define START_TRIES 10
#define DOWN_MS_MAX SIM_DAY_MS

static const char *const MODELS[DISK_MODEL_COUNT] = { "kill", "synced", "some", "torn" };

void steps_wrong(struct steps *s, const char *format, ...)
{
	va_list args;

	if (steps_is_wrong(s))
		return;
	va_start(args, format);
	(void)vsnprintf(s->sim->wrong, sizeof s->sim->wrong, format, args);
	va_end(args);
	(void)snprintf(s->sim->invariant, sizeof s->sim->invariant, "step");
	sim_tell(s->sim, NULL, "WRONG: %s", s->sim->wrong);
}

bool steps_is_wrong(const struct steps *s)
{
	return sim_is_wrong(s->sim);
}

/* --- messages ------------------------------------------------------------------------------------ */

/* Whoever waits for it waits for ever. */
static void lose(struct event *event)
{
	if (event->kind == EVENT_ARRIVE) {
		event->kind = EVENT_ANSWER;
		event->node = event->flight->tablet;
	}
	event->flight->life = 0;
}

static void keep_request(struct steps *s, const struct event *event)
{
	struct buf *kept = &s->requests[s->request_count];

	assert(s->request_count < STEPS_REQUESTS_MAX);
	buf_init(kept, LIMIT_BODY_MAX);
	buf_add(kept, event->flight->bytes.data, event->flight->bytes.len);
	s->senders[s->request_count++] = event->flight->tablet;
}

static struct event *newest_message(struct steps *s)
{
	struct event *found = NULL;

	for (size_t i = 0; i < s->sim->heap_count; i++) {
		struct event *event = &s->sim->heap[i];

		if (event->flight != NULL && event->order > s->order && (found == NULL || event->order < found->order))
			found = event;
	}
	return found;
}

bool steps_step(struct steps *s, int64_t until_ms)
{
	struct event *event;

	if (steps_is_wrong(s) || !sim_step(s->sim, until_ms))
		return false;
	while ((event = newest_message(s)) != NULL) {
		s->order = event->order;
		s->messages++;
		if (s->mode == STEPS_TOLD && event->kind == EVENT_ARRIVE)
			keep_request(s, event);
		if (s->mode != STEPS_LOST || s->messages != s->stop.call)
			continue;
		s->struck = true;
		sim_tell(s->sim, NULL, "message %" PRIu64 " is lost", s->messages);
		lose(event);
	}
	return true;
}

/* --- calls ------------------------------------------------------------------------------------------ */

static bool dies(struct watch *watch, struct node *node, enum disk_call call)
{
	struct steps *s = (struct steps *)(void *)watch;
	const uint64_t at = ++s->calls[node->index];

	if (s->mode == STEPS_TOLD)
		steps_look(s, node, call);
	if (s->mode != STEPS_STOPPED || s->struck || node->index != s->stop.node || at != s->stop.call)
		return false;
	s->struck = true;
	return true;
}

static void watch_all(struct steps *s, struct watch *watch)
{
	for (unsigned i = 0; i < steps_node_count(s); i++)
		sim_node(s->sim, i)->watch = watch;
}

/* --- back to where the act began ----------------------------------------------------------------------- */

static void stop_all(struct steps *s)
{
	sim_centre_stop(&s->sim->centre);
	for (unsigned i = 1; i <= s->sim->plan.tablets; i++)
		tablet_stop(sim_tablet(s->sim, i));
}

/* A tablet that has just started would look for the centre by itself: here only when it is told to. */
static void calm(struct sim_tablet *t)
{
	engine_init(&t->engine, &ENGINE_LIMITS);
	t->timer++;
}

static void start_all(struct steps *s)
{
	struct sim *sim = s->sim;

	ghosts_free(sim->ghosts);
	judge_free(sim->judge);
	sim->ghosts = NULL;
	sim->judge = NULL;
	if (!sim_centre_start(&sim->centre))
		steps_wrong(s, "the centre does not start");
	sim->ghosts = ghosts_new(sim);
	sim->judge = judge_new(sim);
	judge_committed(sim);
	for (unsigned i = 1; i <= sim->plan.tablets && !steps_is_wrong(s); i++) {
		struct sim_tablet *t = sim_tablet(sim, i);

		if (!tablet_start(t))
			steps_wrong(s, "%s does not start", t->node.name);
		else
			calm(t);
	}
}

static void forget_events(struct sim *sim)
{
	for (size_t i = 0; i < sim->heap_count; i++)
		way_free(sim->heap[i].flight);
	sim->heap_count = 0;
}

static void keep_all(struct steps *s)
{
	struct sim *sim = s->sim;

	stop_all(s);
	forget_events(sim);
	s->now_ms = sim->now_ms;
	s->centre = sim->centre.node;
	s->batches = sim->centre.batches;
	for (unsigned i = 0; i < steps_node_count(s); i++)
		s->images[i] = disk_image_take(sim_node(sim, i)->disk);
	for (unsigned i = 0; i < sim->plan.tablets; i++)
		s->tablets[i] = sim->tablets[i];
}

static void put_tablet(struct sim_tablet *t, const struct sim_tablet *kept)
{
	t->node = kept->node;
	t->link = false;
	t->anew = kept->anew;
	t->exchanges = kept->exchanges;
	t->waiting = 0;
	t->asleep_until_ms = 0;
	t->mends = kept->mends;
	t->moved = kept->moved;
	buf_reset(&t->kept_answer);
}

static void put_all(struct steps *s, enum steps_mode mode)
{
	struct sim *sim = s->sim;

	stop_all(s);
	forget_events(sim);
	sim->invariant[0] = '\0';
	sim->now_ms = s->now_ms;
	sim->phase = PHASE_ROUNDS; /* what is asked for is asked by a person */
	sim->centre.node = s->centre;
	sim->centre.batches = s->batches;
	sim->centre.alone_until_ms = 0;
	sim->steps = 0;
	for (unsigned i = 0; i < sim->plan.tablets; i++)
		put_tablet(&sim->tablets[i], &s->tablets[i]);
	for (unsigned i = 0; i < steps_node_count(s); i++)
		disk_image_put(sim_node(sim, i)->disk, s->images[i]);
	sqlite3_randomness(0, NULL);
	start_all(s);
	s->mode = mode;
	s->struck = false;
	s->acts = s->messages = 0;
	s->order = sim->order;
	memset(s->calls, 0, sizeof s->calls);
	watch_all(s, &s->watch);
}

/* --- to the end -------------------------------------------------------------------------------------------- */

static bool all_are_up(struct steps *s)
{
	for (unsigned i = 0; i < steps_node_count(s); i++)
		if (!sim_node(s->sim, i)->up)
			return false;
	return true;
}

static void heal(struct steps *s)
{
	struct sim *sim = s->sim;
	const int64_t until_ms = sim->now_ms + DOWN_MS_MAX;

	while (!all_are_up(s) && steps_step(s, until_ms))
		;
	if (!all_are_up(s))
		steps_wrong(s, "a machine does not start again");
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		sim_tablet(sim, i)->link = true;
	if (!steps_is_wrong(s))
		sim_rounds(sim);
}

/* The machine ends when the act is over. */
static void stop_after(struct steps *s)
{
	struct node *node = sim_node(s->sim, s->stop.node);

	s->struck = true;
	if (!node->up)
		return;
	node_act_begin(node, SITE_REST, UINT32_MAX, NULL);
	disk_kill(node->disk);
	if (node->index == 0)
		(void)sim_centre_act_end(&s->sim->centre);
	else
		(void)tablet_act_end(sim_tablet(s->sim, node->index));
}

static void name_play(const struct steps *s, char *out, size_t room)
{
	if (s->mode == STEPS_LOST)
		(void)snprintf(out, room, "message %" PRIu64 " lost (STEPS_STOP=\"lost %" PRIu64 "\")", s->stop.call, s->stop.call);
	else if (s->mode == STEPS_STOPPED)
		(void)snprintf(out, room, "%s stopped at call %" PRIu64 " (%s), %s %u (STEPS_STOP=\"%u %" PRIu64 " %s %u\")",
			       sim_node(s->sim, s->stop.node)->name, s->stop.call, s->stop.what, MODELS[s->stop.model], s->stop.draw,
			       s->stop.node, s->stop.call, MODELS[s->stop.model], s->stop.draw);
	else
		(void)snprintf(out, room, "%s", s->mode == STEPS_AGAIN ? "played again" : "as told");
}

static void report(struct steps *s)
{
	struct steps_result *result = s->result;
	char play[128];

	if (!steps_is_wrong(s) || result->wrong[0] != '\0')
		return;
	name_play(s, play, sizeof play);
	(void)snprintf(result->wrong, sizeof result->wrong, "%s: %s: %s", play, s->sim->invariant, s->sim->wrong);
}

/* The first line in which two dumps differ. */
static void tell_difference(struct steps *s, const char *was, const char *is)
{
	size_t same = 0;

	while (was[same] != '\0' && was[same] == is[same])
		same++;
	while (same > 0 && was[same - 1] != '\n')
		same--;
	steps_wrong(s, "another end: \"%.*s\" instead of \"%.*s\"", (int)strcspn(is + same, "\n"), is + same,
		    (int)strcspn(was + same, "\n"), was + same);
}

static void compare(struct steps *s)
{
	struct buf end;

	if (steps_is_wrong(s))
		return;
	buf_init(&end, LIMIT_INFLATED_MAX);
	steps_dump(s, &end);
	if (!steps_is_wrong(s) && strcmp(buf_str(&end), buf_str(&s->end)) != 0)
		tell_difference(s, buf_str(&s->end), buf_str(&end));
	buf_close(&end);
}

static void play_stop(struct steps *s, const struct stop *stop, enum steps_mode mode)
{
	s->stop = *stop;
	s->watch.model = stop->model;
	s->watch.draw = stop->call * 16 + stop->draw;
	put_all(s, mode);
	if (!steps_is_wrong(s))
		s->scenario->act(s);
	if (!s->struck && mode == STEPS_STOPPED && !steps_is_wrong(s))
		stop_after(s);
	if (!s->struck && !steps_is_wrong(s))
		steps_wrong(s, "it never came to that");
	heal(s);
	compare(s);
	if (mode == STEPS_STOPPED && !steps_is_wrong(s))
		steps_check_whole(s, stop->node);
	report(s);
}

/* --- as told, and again ------------------------------------------------------------------------------------- */

static void look_after(struct steps *s)
{
	for (unsigned i = 0; i < steps_node_count(s) && !steps_is_wrong(s); i++) {
		s->calls[i]++;
		steps_look_after(s, sim_node(s->sim, i));
	}
}

static void play_told(struct steps *s)
{
	put_all(s, STEPS_TOLD);
	if (!steps_is_wrong(s))
		s->scenario->act(s);
	if (!steps_is_wrong(s))
		look_after(s);
	s->message_count = s->messages;
	watch_all(s, NULL);
	heal(s);
	if (!steps_is_wrong(s))
		steps_dump(s, &s->end);
	if (!steps_is_wrong(s) && s->scenario->check != NULL)
		s->scenario->check(s);
	for (unsigned i = 0; i < steps_node_count(s) && !steps_is_wrong(s); i++)
		steps_check_whole(s, i);
	if (!steps_is_wrong(s))
		judge_end(s->sim);
	report(s);
}

static void send_again(struct steps *s, size_t i)
{
	struct flight *flight = calloc(1, sizeof *flight);

	assert(flight != NULL);
	*flight = (struct flight){ .tablet = s->senders[i], .exchange = 1, .copy = true, .sent_ms = s->now_ms };
	buf_init(&flight->bytes, LIMIT_BODY_MAX);
	buf_add(&flight->bytes, s->requests[i].data, s->requests[i].len);
	sim_at(s->sim, s->sim->now_ms + 1000 * (int64_t)(i + 1), EVENT_ARRIVE, 0, 1)->flight = flight;
}

/* Upon its own end. */
static void play_again(struct steps *s)
{
	s->mode = STEPS_AGAIN;
	stop_all(s);
	if (!sim_centre_start(&s->sim->centre))
		steps_wrong(s, "the centre does not start again");
	for (unsigned i = 1; i <= s->sim->plan.tablets && !steps_is_wrong(s); i++)
		if (!tablet_start(sim_tablet(s->sim, i)))
			steps_wrong(s, "tablet %u does not start again", i);
	for (size_t i = 0; i < s->request_count; i++)
		send_again(s, i);
	if (!steps_is_wrong(s))
		s->scenario->act(s);
	heal(s);
	compare(s);
	report(s);
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

static void set_up(struct steps *s)
{
	struct sim *sim = s->sim;

	sim->phase = PHASE_ROUNDS;
	s->mode = STEPS_SETTING_UP;
	for (unsigned i = 1; i <= sim->plan.tablets; i++)
		calm(sim_tablet(sim, i));
	s->scenario->set_up(s);
	heal(s);
	report(s);
	keep_all(s);
}

static enum disk_model model_named(const char *name)
{
	enum disk_model model = DISK_KILL;

	while (model + 1 < DISK_MODEL_COUNT && strcmp(MODELS[model], name) != 0)
		model++;
	return model;
}

static void play_one(struct steps *s, const char *text)
{
	struct stop stop = { .what = "?" };
	char model[16] = "";

	if (sscanf(text, "lost %" SCNu64, &stop.call) == 1) {
		play_stop(s, &stop, STEPS_LOST);
		return;
	}
	if (sscanf(text, "%u %" SCNu64 " %15s %u", &stop.node, &stop.call, model, &stop.draw) != 4 ||
	    stop.node >= steps_node_count(s))
		return;
	stop.model = model_named(model);
	play_stop(s, &stop, STEPS_STOPPED);
}

static void play_all(struct steps *s)
{
	const uint64_t every = s->options->every;

	for (uint64_t k = 1; k <= s->message_count && s->result->wrong[0] == '\0'; k++) {
		if ((k + strlen(s->scenario->name)) % every != 0)
			continue;
		s->result->lost++;
		play_stop(s, &(struct stop){ .call = k }, STEPS_LOST);
	}
	for (size_t i = 0; i < s->stop_count && s->result->wrong[0] == '\0'; i++) {
		if ((i + strlen(s->scenario->name)) % every != 0)
			continue;
		s->result->played++;
		play_stop(s, &s->stops[i], STEPS_STOPPED);
	}
}

static void steps_close(struct steps *s)
{
	for (unsigned i = 0; i < STEPS_NODES_MAX; i++)
		disk_image_free(s->images[i]);
	for (size_t i = 0; i < s->request_count; i++)
		buf_close(&s->requests[i]);
	buf_close(&s->end);
	key_set_close(&s->pages);
	key_set_close(&s->futures);
	free(s->stops);
	disk_close(s->scratch);
	sim_free(s->sim);
	free(s);
}

void steps_run(struct sim_stock *stock, const struct scenario *scenario, const struct steps_options *options,
	       struct steps_result *result)
{
	struct plan plan = { .seed = 1, .tablets = scenario->tablets, .records_max = scenario->records_max, .program = true,
			     .patients = 3, .honest_clocks = true, .until_ms = INT64_MAX };
	struct steps *s = calloc(1, sizeof *s);

	assert(s != NULL && scenario->tablets < STEPS_NODES_MAX);
	*result = (struct steps_result){ 0 };
	s->scenario = scenario;
	s->options = options;
	s->result = result;
	s->watch.dies = dies;
	s->sim = sim_open(stock, &plan, options->told ? stdout : NULL);
	s->scratch = disk_open("steps-scratch", NULL);
	buf_init(&s->end, LIMIT_INFLATED_MAX);
	set_up(s);
	if (result->wrong[0] == '\0')
		play_told(s);
	if (result->wrong[0] == '\0')
		play_again(s);
	if (result->wrong[0] == '\0' && options->one != NULL)
		play_one(s, options->one);
	else if (result->wrong[0] == '\0')
		play_all(s);
	steps_close(s);
}
