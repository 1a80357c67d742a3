/* Pages: a person looks at a record and saves it later through the library, with the version that the page showed. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/work_inside.h"

struct page_form {
	const char *kind;
	const char *fields[PAGE_FIELDS]; /* NULL: fewer */
};
static const struct page_form FORMS[] = {
	{ "item", { "title", "dose", "notes" } },
	{ "task", { "title", "outcome", "notes" } },
	{ "medication", { "dose", "unit", NULL } },
};

static const struct page_form *form_of(const struct kind *kind)
{
	for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++)
		if (strcmp(FORMS[i].kind, kind->name) == 0)
			return &FORMS[i];
	assert(false && "a page of another kind");
	return NULL;
}

static bool is_narrative(const struct place *place, const char *field)
{
	const int at = kind_field(place->kind, field, strlen(field));

	return place->kind->groups[place->kind->fields[at].group].rule == RULE_TEXT;
}

/* False: it is not there, or holds more than a page keeps. */
static bool look(struct sim_tablet *t, const struct place *place, struct page *page)
{
	const struct page_form *form = form_of(place->kind);
	char text[WORK_TEXT_SIZE];

	page->place = *place;
	page->version = place_version(t, place);
	page->is_open = false;
	for (size_t i = 0; i < PAGE_FIELDS && form->fields[i] != NULL; i++) {
		if (!place_read(t, place, form->fields[i], text) || strlen(text) >= PAGE_TEXT_SIZE)
			return false;
		memcpy(page->texts[i], text, strlen(text) + 1);
		page->shown[i] = ghost_last_in(text, strlen(text));
	}
	page->is_open = page->version > 0;
	return page->is_open;
}

/* Is every word of this tablet that the row shows on the page too? Else saving the page's text would take back what its
 * own author typed since. */
static bool has_own_words(const struct deed *d, const char *row, const char *page)
{
	const size_t len = strlen(row);
	size_t at = 0;

	for (uint32_t number; (number = ghost_next_in(row, len, &at)) != 0;) {
		uint32_t again;
		size_t there = 0;

		if (ghost_get(d->sim, number)->tablet != d->t->node.index)
			continue;
		do
			again = ghost_next_in(page, strlen(page), &there);
		while (again != 0 && again != number);
		if (again == 0)
			return false;
	}
	return true;
}

/* The text to be saved in the page's field; its word's place is taken. False: not this field. */
static bool type_into(struct deed *d, const struct page *page, size_t field, char text_out[WORK_TEXT_SIZE])
{
	const char *name = form_of(page->place.kind)->fields[field];
	char row[WORK_TEXT_SIZE], word[GHOST_WORD_SIZE];

	if (name == NULL || !place_read(d->t, &page->place, name, row))
		return false;
	if (!is_narrative(&page->place, name)) {
		(void)deed_word(d, &page->place, name, word);
		(void)snprintf(text_out, WORK_TEXT_SIZE, "%s", word);
	} else if (!has_own_words(d, row, page->texts[field]) ||
		   !deed_append(d, &page->place, name, page->texts[field], text_out)) {
		return false;
	}
	ghost_get(d->sim, d->words[0])->shown = page->shown[field];
	ghost_get(d->sim, d->words[0])->on_page = true;
	return true;
}

static void save(struct deed *d, struct page *page, bool fresh)
{
	const struct kind *kind = page->place.kind;
	const size_t field = (size_t)dice_below(&d->dice, PAGE_FIELDS);
	const bool is_old = place_version(d->t, &page->place) != page->version;
	char text[WORK_TEXT_SIZE];
	struct row row = { 0 };
	int64_t version = 0;
	struct failure why;
	int at;

	if (!type_into(d, page, field, text))
		return;
	at = kind_field(kind, form_of(kind)->fields[field], strlen(form_of(kind)->fields[field]));
	row.values[at] = value_string(text);
	deed_begin(d);
	(void)deed_status(d, save_fields(&d->t->replica, kind, &page->place.id, page->version, &row, UINT64_C(1) << at, &version,
					 &why));
	if (!deed_end(d, is_old ? MET_SAVE_OLD : MET_SAVE_FIELDS, "%s: saves a page of version %" PRId64 "%s, %s: w%u",
		      page->place.name, page->version, is_old ? ", which is old" : "", form_of(kind)->fields[field], d->words[0]))
		return;
	/* What was typed stands on the screen, beside what the page showed; or the page is closed. */
	if (fresh || strlen(text) >= PAGE_TEXT_SIZE) {
		page->is_open = false;
	} else {
		memcpy(page->texts[field], text, strlen(text) + 1);
		page->shown[field] = d->words[0];
	}
}

static void open_page(struct deed *d, struct page *page)
{
	struct page seen;
	struct place place;

	if (dice_one_in(&d->dice, 3))
		deed_cure(d, &place);
	else
		deed_thing(d, &place);
	if (!look(d->t, &place, &seen))
		return;
	*page = seen;
	sim_struck(d->sim, instance_act(d->t->node.index, d->k));
	sim_tell(d->sim, &d->t->node, "looks at %s, version %" PRId64, place.name, seen.version);
	d->done = true;
}

static void save_new(struct deed *d)
{
	const struct ground *ground = work_ground(d->sim);
	const unsigned patient = deed_patient(d);
	char word[GHOST_WORD_SIZE], notes[WORK_TEXT_SIZE];
	struct place place;
	struct row row = { 0 };
	struct failure why;
	struct id of = work_patient(d->sim, patient), id;
	int64_t version = 0;

	if (!deed_has_patient(d, patient))
		return;
	place_init(d->sim, &place, ground->thing, patient, USE_ROW, work_own_slot(d->t->node.index, d->k));
	(void)deed_word(d, &place, ground->title, word);
	(void)deed_append(d, &place, ground->notes, "", notes);
	row.values[kind_field(place.kind, ground->title, strlen(ground->title))] = value_string(word);
	row.values[kind_field(place.kind, ground->notes, strlen(ground->notes))] = value_string(notes);
	id = place.id;
	deed_begin(d);
	(void)deed_status(d, save_create(&d->t->replica, place.kind, &id, &of, &row, &version, &why));
	(void)deed_end(d, MET_SAVE_CREATE, "makes %s: title %s, notes %s", place.name, word, notes);
}

static void save_gone(struct deed *d)
{
	struct place place;
	struct failure why;

	deed_thing(d, &place);
	if (!place_there(d->t, &place))
		return;
	deed_begin(d);
	(void)deed_status(d, save_delete(&d->t->replica, place.kind, &place.id, &why));
	d->gone = &place;
	(void)deed_end(d, MET_SAVE_DELETE, "deletes %s", place.name);
}

void work_sessions(struct deed *d)
{
	const size_t at = (size_t)WORK_PAGES * (d->t->node.index - 1) + (size_t)dice_below(&d->dice, WORK_PAGES);
	struct page *page = &d->sim->works->pages[at];
	struct page fresh;
	struct place place;

	switch (dice_below(&d->dice, 12)) {
	case 0:
		save_new(d);
		return;
	case 1:
		if (dice_one_in(&d->dice, 2))
			save_gone(d);
		return;
	case 2:
	case 3:
	case 4:
		deed_cure(d, &place);
		if (look(d->t, &place, &fresh))
			save(d, &fresh, true);
		return;
	case 5:
	case 6:
	case 7:
		open_page(d, page);
		return;
	default:
		if (page->is_open && place_there(d->t, &page->place))
			save(d, page, false);
		else
			open_page(d, page);
	}
}
