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
	{ "import fhir", "FILE...", "Take in FHIR R4 bundles, plain or gzip; what people edited since stays.",
	  CMD_IMPORT_OPTIONS, 1, MANY, cmd_import },
	{ "patients", "[--user LOGIN] [--find TEXT]", "List the patients.", CMD_PATIENTS_OPTIONS, 0, 0, cmd_patients },
	{ "patient add", "--name NAME [FIELD=VALUE...]", "Add a patient.", CMD_PATIENT_ADD_OPTIONS, 0, MANY,
	  cmd_patient_add },
	{ "patient close", "--patient ID --reason TEXT", "Close a patient.", CMD_PATIENT_CLOSE_OPTIONS, 0, 0,
	  cmd_patient_close },
	{ "assign", "--user LOGIN (--patient ID)... | --all", "Give patients to a care manager.", CMD_ASSIGN_OPTIONS, 0, 0,
	  cmd_assign },
	{ "unassign", "--user LOGIN (--patient ID)... | --all", "Take patients from a care manager.",
	  CMD_UNASSIGN_OPTIONS, 0, 0, cmd_unassign },
	{ "device code", "--user LOGIN", "Make a one-time code for a tablet.", CMD_DEVICE_CODE_OPTIONS, 0, 0,
	  cmd_device_code },
	{ "device list", "", "List the tablets: last contact, unsent work, version.", CMD_NO_OPTIONS, 0, 0,
	  cmd_device_list },
	{ "visit plan", "--patient ID --user LOGIN --at TIME", "Plan a visit.", CMD_VISIT_PLAN_OPTIONS, 0, 0,
	  cmd_visit_plan },
	{ "show", "KIND/ID", "Show a record as it stands, with who set what and when.", CMD_NO_OPTIONS, 1, 1, cmd_show },
	{ "history", "KIND/ID", "Show every change of a record and what became of it.", CMD_NO_OPTIONS, 1, 1,
	  cmd_history },
	{ "conflicts", "[--open]", "List the conflicts: what a person must decide.", CMD_CONFLICTS_OPTIONS, 0, 0,
	  cmd_conflicts },
	{ "decide", "CONFLICT --keep current|other|N | --value V", "Decide a conflict.", CMD_DECIDE_OPTIONS, 1, 1,
	  cmd_decide },
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
