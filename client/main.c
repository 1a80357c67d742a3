/* doorstep: the tablet's command line. A table of commands; each is one function of a cmd_*.c. */
#include <sys/stat.h>

#include "client/cmd.h"
#include "common/every.h"

#define PATIENT "--patient", "ID", "whose record it is"
#define SHOWN "--shown", "VERSION", "the version you were shown, so that news is not overwritten"

static const struct option_row HOME[] = {
	{ "--home", "FOLDER", "where the tablet's data is (else DOORSTEP_HOME, else ~/.local/share/doorstep)" },
	{ NULL, NULL, NULL },
};
static const struct option_row NONE[] = { { NULL, NULL, NULL } };
static const struct option_row ALL[] = {
	{ "--all", NULL, "those of all care managers" },
	{ NULL, NULL, NULL },
};
static const struct option_row PATIENT_ADD[] = {
	{ "--name", "NAME", "the patient's name; - reads it from standard input" },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_ADD[] = {
	{ PATIENT },
	{ "--visit", "ID", "the visit it belongs to" },
	{ "--section", "NAME[=TEXT]", "the section it is written into (observed); TEXT may be @FILE" },
	{ "--file", "FILE", "take the text from a file, not from standard input" },
	{ "--type", "TYPE", "the note's type" },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_EDIT[] = {
	{ "--section", "NAME[=TEXT]", "the section it is written into (observed); TEXT may be @FILE" },
	{ "--file", "FILE", "take the text from a file, not from standard input" },
	{ SHOWN },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_LIST[] = {
	{ "--patient", "ID", "of this patient only" },
	{ "--all", NULL, "those of other authors and those entered in error too" },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_SIGN[] = {
	{ "--late-reason", "TEXT", "why it is signed late, where it is" },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_ADDEND[] = {
	{ "--type", "WORD", "addendum (something new), late-entry (left out then) or correction (of a mistake)" },
	{ "--reason", "TEXT", "why the note is added to" },
	{ "--section", "NAME", "the section it is about; a correction needs it" },
	{ "--file", "FILE", "take the text from a file, not from standard input" },
	{ NULL, NULL, NULL },
};
static const struct option_row NOTE_ERROR[] = {
	{ "--reason", "TEXT", "why it is in error" },
	{ NULL, NULL, NULL },
};
static const struct option_row LIST[] = {
	{ "--patient", "ID", "of this patient only" },
	{ "--all", NULL, "those that are over too" },
	{ NULL, NULL, NULL },
};
static const struct option_row TASK_ADD[] = {
	{ PATIENT },
	{ "--due", "TIME", "by when, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--priority", "WORD", "low, normal, high or urgent" },
	{ "--notes", "TEXT", "more about it" },
	{ NULL, NULL, NULL },
};
static const struct option_row TASK_DONE[] = {
	{ "--outcome", "TEXT", "what came of it" },
	{ "--not-done", "REASON", "it is over and was not done, and why" },
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_ADD[] = {
	{ PATIENT },
	{ "--at", "TIME", "when it begins, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--minutes", "N", "how long it is to take" },
	{ "--purpose", "TEXT", "what it is for" },
	{ "--service", "TEXT", "the type of service" },
	EVERY_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_MOVE[] = {
	{ "--at", "TIME", "when it is to be, as 2026-11-23T14:30, in the agency's time zone" },
	{ "--minutes", "N", "how long it is to take" },
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_CANCEL[] = {
	{ "--reason", "TEXT", "why" },
	{ "--following", NULL, "and end its series with it" },
	{ NULL, NULL, NULL },
};
static const struct option_row REFILE[] = { { PATIENT }, { NULL, NULL, NULL } };
static const struct option_row OUTCOMES[] = {
	{ "--all", NULL, "not only the newest" },
	{ "--patient", "ID", "of this patient only" },
	{ NULL, NULL, NULL },
};
static const struct option_row RESTORE[] = {
	{ "--group", "NAME", "which of the things that the change wrote" },
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_IN[] = {
	{ "--place", "WORD", "home or community (home)" },
	{ "--position", "LAT,LON", "where, if the tablet knows it" },
	{ "--accuracy", "METRES", "how exactly it knows it" },
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_OUT[] = {
	{ "--place", "WORD", "home or community (home)" },
	{ "--position", "LAT,LON", "where, if the tablet knows it" },
	{ "--accuracy", "METRES", "how exactly it knows it" },
	{ "--outcome", "WORD", "done, no-answer, refused or hospital (done)" },
	{ "--reason", "TEXT", "why, where the outcome needs it" },
	{ NULL, NULL, NULL },
};
static const struct option_row VISIT_CORRECT[] = {
	{ "--in", "TIME", "when it really began, as 2026-11-23T08:30, in the agency's time zone" },
	{ "--out", "TIME", "when it really ended" },
	{ "--reason", "CODE|TEXT", "why the time that was taken is wrong" },
	{ NULL, NULL, NULL },
};
static const struct option_row SET[] = { { SHOWN }, { NULL, NULL, NULL } };
static const struct option_row DECIDE[] = {
	{ "--keep", "WHICH", "current, other, or the number of a candidate" },
	{ "--value", "V", "another value; FIELD=VALUE for each field of several" },
	{ NULL, NULL, NULL },
};

static const struct command_row COMMANDS[] = {
	{ "enrol", "URL [CODE]", "Make this tablet known to its centre; without a code it is asked for.", NONE, 1, 2,
	  cmd_enrol },
	{ "sync", "", "Exchange with the centre now, and say what travelled.", NONE, 0, 0, cmd_sync },
	{ "run", "", "Keep exchanging with the centre whenever there is something to say.", NONE, 0, 0, cmd_run_agent },
	{ "status", "", "Say what is saved, on its way, received, or needs attention.", NONE, 0, 0, cmd_status },
	{ "today", "", "List today's visits, with what must be known before each.", ALL, 0, 0, cmd_today },
	{ "patients", "", "List the patients on this tablet.", NONE, 0, 0, cmd_patients },
	{ "patient add", "--name NAME [FIELD=VALUE...]", "Add a patient, who is then yours.", PATIENT_ADD, 0, 64,
	  cmd_patient_add },
	{ "show", "KIND/ID", "Show a record, where it is on its way, and what is in conflict.", NONE, 1, 1, cmd_show },
	{ "note add", "--patient ID", "Write a note; its text comes from standard input.", NOTE_ADD, 0, 0, cmd_note_add },
	{ "note edit", "ID", "Replace a section of a note.", NOTE_EDIT, 1, 1, cmd_note_edit },
	{ "note list", "", "List your notes, with their state and where they are on their way.", NOTE_LIST, 0, 0, cmd_note_list },
	{ "note sign", "ID", "Sign a note: its words then stay as they are.", NOTE_SIGN, 1, 1, cmd_note_sign },
	{ "note addend", "ID --type WORD --reason TEXT", "Add to a signed note; the text comes from standard input.", NOTE_ADDEND,
	  1, 1, cmd_note_addend },
	{ "note error", "ID --reason TEXT", "Mark a note as entered in error.", NOTE_ERROR, 1, 1, cmd_note_error },
	{ "task list", "", "List open tasks.", LIST, 0, 0, cmd_task_list },
	{ "task add", "TITLE --patient ID", "Add a task; a title of - is read from standard input.", TASK_ADD, 1, 1,
	  cmd_task_add },
	{ "task done", "ID", "Finish a task.", TASK_DONE, 1, 1, cmd_task_done },
	{ "visit list", "", "List visits that are planned or in progress.", LIST, 0, 0, cmd_visit_list },
	{ "visit add", "--patient ID --at TIME [--every RULE]", "Plan a visit, or a series of them.", VISIT_ADD, 0, 0,
	  cmd_visit_add },
	{ "visit move", "ID --at TIME", "Plan a visit for another time.", VISIT_MOVE, 1, 1, cmd_visit_move },
	{ "visit cancel", "ID --reason TEXT", "Cancel a visit.", VISIT_CANCEL, 1, 1, cmd_visit_cancel },
	{ "visit in", "ID", "Check in: the visit begins now.", VISIT_IN, 1, 1, cmd_visit_in },
	{ "visit out", "ID", "Check out: the visit ends now.", VISIT_OUT, 1, 1, cmd_visit_out },
	{ "visit correct", "ID --in|--out TIME --reason TEXT", "Correct a time that was taken, beside it.", VISIT_CORRECT, 1, 1,
	  cmd_visit_correct },
	{ "set", "KIND/ID FIELD=VALUE...", "Change fields of a record; VALUE may be - or @FILE.", SET, 2, 64, cmd_set },
	{ "conflicts", "", "List what a person must decide, with the candidates.", NONE, 0, 0, cmd_conflicts },
	{ "decide", "CONFLICT --keep current|other|N | --value V", "Decide a conflict.", DECIDE, 1, 1, cmd_decide },
	{ "refile", "KIND/ID --patient ID", "Write a record of the wrong patient anew under the right one.", REFILE, 1, 1,
	  cmd_refile },
	{ "outcomes", "", "List what became of each of your changes, newest first.", OUTCOMES, 0, 0, cmd_outcomes },
	{ "restore-value", "N", "Let what you wrote in change N stand again, where another value does.", RESTORE, 1, 1,
	  cmd_restore_value },
	{ "held", "", "List what is held, returned or can't be sent, with the reason and what to do.", NONE, 0, 0,
	  cmd_held },
	{ "held reuse", "N|KIND/ID", "Use a returned change again, or bring back what was deleted before it was sent.", NONE,
	  1, 1, cmd_held_reuse },
	{ "sql", "STATEMENT", "Run one SQL statement on the replica, as any program would; - and @FILE too.", NONE, 1, 1,
	  cmd_sql },
	{ "verify", "", "Check the journal against what the centre has signed.", NONE, 0, 0, cmd_verify },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	umask(S_IRWXG | S_IRWXO); /* patients' data is for the tablet's own account */
	return command_main("doorstep", "doorstep: a care manager's records on this tablet, in step with the centre.",
			    HOME, COMMANDS, argc, argv);
}
