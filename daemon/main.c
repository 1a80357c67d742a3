/* doorstepd: the centre. The table of its commands; each is in a file cmd_*.c. */
#include <sys/stat.h>

#include "daemon/cmd.h"

#define MANY 4096 /* words, as files to import */

static const struct option_row folder[] = {
	{ "--data", "FOLDER", "where the centre's data is (else DOORSTEP_DATA, else /var/lib/doorstep)" },
	{ NULL, NULL, NULL },
};

static const struct command_row commands[] = {
	{ "init", "--name AGENCY", "Make a centre: its database, keys and certificates.", CMD_INIT_OPTIONS, 0, 0,
	  cmd_init },
	{ "serve", "[--listen ADDR:PORT]", "Serve the tablets over HTTPS until told to stop.", CMD_SERVE_OPTIONS, 0, 0,
	  cmd_serve },
	{ "user add", "LOGIN --name NAME --role ROLE", "Make an account.", CMD_USER_ADD_OPTIONS, 1, 1, cmd_user_add },
	{ "user list", "", "List the accounts.", CMD_NO_OPTIONS, 0, 0, cmd_user_list },
	{ "user disable", "LOGIN [--why TEXT] [--preview]", "Disable an account and withdraw all of its tablets.",
	  CMD_WITHDRAW_OPTIONS, 1, 1, cmd_user_disable },
	{ "user enable", "LOGIN [--why TEXT]", "Enable an account again; its tablets stay withdrawn.", CMD_ALLOW_OPTIONS, 1, 1,
	  cmd_user_enable },
	{ "import fhir", "FILE...", "Take in FHIR R4 bundles, plain or gzip; what people edited since stays.",
	  CMD_IMPORT_OPTIONS, 1, MANY, cmd_import },
	{ "patients", "[--user LOGIN] [--find TEXT]", "List the patients.", CMD_PATIENTS_OPTIONS, 0, 0, cmd_patients },
	{ "patient add", "--name NAME [FIELD=VALUE...]", "Add a patient.", CMD_PATIENT_ADD_OPTIONS, 0, MANY,
	  cmd_patient_add },
	{ "patient close", "--patient ID --reason TEXT [--died DATE]", "Close a patient: what is open, and what becomes of it.",
	  CMD_PATIENT_CLOSE_OPTIONS, 0, 0, cmd_patient_close },
	{ "patient reopen", "--patient ID", "Open a closed patient again.", CMD_PATIENT_REOPEN_OPTIONS, 0, 0,
	  cmd_patient_reopen },
	{ "patient link", "A B", "Say that A is the same person as B; nothing is merged.", CMD_AS_OPTIONS, 2, 2,
	  cmd_patient_link },
	{ "patient unlink", "A", "Say so no more.", CMD_AS_OPTIONS, 1, 1, cmd_patient_unlink },
	{ "assign", "--user LOGIN (--patient ID)... | --all", "Give patients to a care manager, for good or for a time.", CMD_ASSIGN_OPTIONS, 0, 0,
	  cmd_assign },
	{ "unassign", "--user LOGIN (--patient ID)... | --all", "Take patients from a care manager.",
	  CMD_UNASSIGN_OPTIONS, 0, 0, cmd_unassign },
	{ "device code", "--user LOGIN", "Make a one-time code for a tablet.", CMD_DEVICE_CODE_OPTIONS, 0, 0,
	  cmd_device_code },
	{ "device list", "", "List the tablets: last contact, unsent work, version.", CMD_NO_OPTIONS, 0, 0,
	  cmd_device_list },
	{ "device revoke", "TABLET [--why TEXT] [--preview]", "Withdraw a tablet: nothing goes down to it, its work is held.",
	  CMD_WITHDRAW_OPTIONS, 1, 1, cmd_device_revoke },
	{ "device allow", "TABLET [--why TEXT]", "Let a withdrawn tablet in again.", CMD_ALLOW_OPTIONS, 1, 1,
	  cmd_device_allow },
	{ "visit plan", "--patient ID --user LOGIN --at TIME [--every RULE]", "Plan a visit, or a series of them.",
	  CMD_VISIT_PLAN_OPTIONS, 0, 0, cmd_visit_plan },
	{ "visit move", "VISIT --at TIME [--following]", "Plan a visit for another time.", CMD_VISIT_MOVE_OPTIONS, 1, 1,
	  cmd_visit_move },
	{ "visit cancel", "VISIT --reason TEXT [--following]", "Cancel a visit.", CMD_VISIT_CANCEL_OPTIONS, 1, 1,
	  cmd_visit_cancel },
	{ "visit list", "[--user LOGIN] [--patient ID] [--from DATE] [--to DATE]", "List visits, from today on.",
	  CMD_VISIT_LIST_OPTIONS, 0, 0, cmd_visit_list },
	{ "refile", "KIND/ID --patient ID", "Write a record of the wrong patient anew under the right one.",
	  CMD_REFILE_OPTIONS, 1, 1, cmd_refile },
	{ "restore-value", "KIND/ID --change SEQ [--group NAME]", "Let a value of the history stand again.",
	  CMD_RESTORE_OPTIONS, 1, 1, cmd_restore_value },
	{ "show", "KIND/ID", "Show a record as it stands, with who set what and when.", CMD_NO_OPTIONS, 1, 1, cmd_show },
	{ "history", "KIND/ID", "Show every change of a record and what became of it.", CMD_NO_OPTIONS, 1, 1,
	  cmd_history },
	{ "conflicts", "[--open]", "List the conflicts: what a person must decide.", CMD_CONFLICTS_OPTIONS, 0, 0,
	  cmd_conflicts },
	{ "decide", "CONFLICT --keep current|other|N | --value V", "Decide a conflict.", CMD_DECIDE_OPTIONS, 1, 1,
	  cmd_decide },
	{ "review", "NOTE accept|return [--comment TEXT]", "Give a verdict on a signed note.", CMD_REVIEW_OPTIONS, 2, 2,
	  cmd_review },
	{ "reviews", "[--open] [--user LOGIN]", "List the signed notes: which wait for a review, which were returned.",
	  CMD_REVIEWS_OPTIONS, 0, 0, cmd_reviews },
	{ "held", "", "List the changes that are held, with reason and next step.", CMD_NO_OPTIONS, 0, 0, cmd_held },
	{ "held accept", "ID", "Take in a held change as its author's.", CMD_AS_OPTIONS, 1, 1, cmd_held_accept },
	{ "held return", "ID", "Give a held change back to its author.", CMD_AS_OPTIONS, 1, 1, cmd_held_return },
	{ "verify", "", "Prove history, chain, signatures and records.", CMD_NO_OPTIONS, 0, 0, cmd_verify },
	{ 0 },
};

int main(int argc, char **argv)
{
	umask(S_IRWXG | S_IRWXO); /* patients' data is for the centre's own account */
	return command_main("doorstepd", "doorstepd: the centre of an agency, where every tablet's work comes together.",
			    folder, commands, argc, argv);
}
