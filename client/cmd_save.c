/* The saving half of cmd.h: what was drafted is stored, and the person told where it is. */
#include <inttypes.h>
#include <string.h>

#include "client/cmd.h"
#include "client/save.h"
#include "client/standing.h"

/* What a person reads, and a program, after something was stored. */
static enum status tell_saved(struct cmd *c, const struct kind *kind, const struct id *id, const struct id *patient,
			      int64_t version)
{
	char text[ID_TEXT_SIZE];
	const char *state = "complete";
	const bool left = patient != NULL && standing_patient(c->r, patient, &state) == ST_OK &&
			  strcmp(state, "left") == 0;
	struct buf json;
	enum status st = ST_OK;

	id_format(id, text);
	if (!c->line->json) {
		printf("Saved on this tablet. %s/%s\n", kind->name, text);
		if (left)
			puts("The patient is no longer in your caseload: the centre will hold this change until a supervisor "
			     "accepts it or gives it back.");
		return ST_OK;
	}
	buf_init(&json, 4096);
	buf_printf(&json, "{\"kind\":\"%s\",\"id\":\"%s\"", kind->name, text);
	cmd_json_number(&json, "version", version);
	cmd_json_text(&json, "travel", "Saved on this tablet");
	cmd_json_text(&json, "caseload", patient != NULL ? state : NULL);
	buf_add_byte(&json, '}');
	st = cmd_json(&json);
	buf_close(&json);
	return st;
}

enum status cmd_create_as(struct cmd *c, const struct cmd_draft *draft, const struct id *id, const struct id *patient)
{
	struct id made = *id;
	int64_t version = 0;
	const enum status st = save_create(c->r, draft->kind, &made, patient, &draft->row, &version, &c->why);

	return st == ST_OK ? tell_saved(c, draft->kind, &made, patient, version) : st;
}

enum status cmd_create(struct cmd *c, const struct cmd_draft *draft, const struct id *patient)
{
	return cmd_create_as(c, draft, &ID_STAFF, patient);
}

enum status cmd_save(struct cmd *c, const struct cmd_draft *draft, const struct id *id, int64_t shown)
{
	struct entry entry = { 0 };
	struct id patient = ID_STAFF;
	int64_t version = 0;
	enum status st = cmd_entry(c, draft->kind, id, &entry);

	if (st != ST_OK)
		return st;
	patient = entry.patient;
	entry_close(&entry);
	st = save_fields(c->r, draft->kind, id, shown, &draft->row, draft->mask, &version, &c->why);
	return st == ST_OK ? tell_saved(c, draft->kind, id, &patient, version) : st;
}
